// Face models in training, by whichever process: how far each is, its losses, what it makes, and what to do next.

import { ceiling, path, shape, text } from "/chart.js";
import { ask, find, make } from "/elements.js";
import { language, say } from "/texts.js";

const OPEN = 3000; // milliseconds between two looks at the list, and while it is folded away
const FOLDED = 30000;
const COLUMNS = 6;
const LEFT = 44;
const BOTTOM = 18;

export class TrainingsPanel {
  constructor() {
    this.panel = find("#trainings");
    this.list = find("#trainings > ul");
    this.panel.ontoggle = () => this.panel.open && this.load();
    this.timer = null;
  }

  /** Look, and again after a while. */
  async load() {
    clearTimeout(this.timer);
    if (!document.hidden) await ask("GET", "/trainings").then((found) => this.show(found), () => {});
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), this.panel.open ? OPEN : FOLDED);
  }

  show(trainings) {
    this.panel.hidden = !trainings.length;
    const running = trainings.filter((each) => each.state === "running").length;
    find("#trainings > summary").textContent = `${say("trainings")} (${running || trainings.length})`;
    if (!this.panel.open) return;
    const items = trainings.map((training, index) => this.found(training.name) ?? item(training, index === 0));
    const same = items.length === this.list.children.length && items.every((each, at) => each === this.list.children[at]);
    if (!same) this.list.replaceChildren(...items); // so that a button that has the focus keeps it
    trainings.forEach((training, index) => update(items[index], training));
  }

  found(name) {
    return [...this.list.children].find((each) => each.dataset.name === name);
  }
}

function item({ name }, open) {
  const columns = Array.from({ length: COLUMNS }, (_, index) => make("span", {}, say(`column.${index + 1}`)));
  const copy = make("button", { type: "button" }, say("copy"));
  const figure = make("figure", {}, make("figcaption", {}), make("div", {}, ...columns), make("img", { alt: "" }));
  const made = make(
    "li",
    {},
    make(
      "details",
      { open },
      make("summary", {}, make("b", {}, name), " ", make("span", { className: "state" }), " ", make("small", {})),
      make("progress", { max: 1 }),
      make("p", { className: "facts" }),
      make("p", { className: "why", role: "alert" }),
      make("div", { className: "seen" }, make("div", { className: "losses" }, make("h3", {}, say("losses")), shape("svg", { role: "img" })), figure),
      make("p", { className: "next" }, make("span", {}), " ", make("code", {}), " ", copy),
    ),
  );
  made.querySelector("progress").setAttribute("aria-label", name);
  copy.onclick = async () => {
    await navigator.clipboard.writeText(made.querySelector("code").textContent);
    copy.textContent = say("copied");
  };
  made.querySelector("details").ontoggle = () => made.training && update(made, made.training);
  made.dataset.name = name;
  return made;
}

function update(item, training) {
  const within = (selector) => item.querySelector(selector);
  const { name, preset, archi, resolution, state, step, target, trouble, command } = training;
  item.training = training;
  item.dataset.state = state;
  put(within(".state"), say(`training.${state}`));
  put(within("small"), [preset || archi, say("pixels", { n: resolution })].join(" · "));
  within("progress").value = Math.min(step / target, 1);
  put(within(".facts"), facts(training));
  put(within(".why"), trouble ?? "");
  put(within(".next span"), say(`next.${state}`));
  put(within(".next code"), command);
  within(".losses").hidden = training.losses.length < 2;
  showPreview(within("figure"), name, training.preview, state);
  if (within("details").open) draw(within("svg"), training.losses);
}

function facts({ step, target, rate, left }) {
  const parts = [say("trainingSteps", { step: number(step), target: number(target) })];
  if (rate) parts.push(say("trainingPace", { n: rate.toFixed(2) }), say("trainingLeft", { time: time(left) }));
  return parts.join(" · ");
}

function time(seconds) {
  const [h, m] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return h ? say("hoursLeft", { h, m }) : say("minutesLeft", { m, s: Math.floor(seconds % 60) });
}

/** Show the newest preview; the picture is fetched again when there is a newer one. */
function showPreview(figure, name, step, state) {
  const [picture, columns] = [figure.querySelector("img"), figure.querySelector("div")];
  figure.hidden = step === null && state === "new";
  picture.hidden = columns.hidden = step === null;
  const words = step === null ? say("noPreview") : say("previewOf", { n: number(step) });
  put(figure.querySelector("figcaption"), words);
  const source = step === null ? "" : `/trainings/${encodeURIComponent(name)}/preview?step=${step}`;
  if (source && picture.getAttribute("src") !== source) [picture.src, picture.alt] = [source, words];
}

/** Draw a line for each loss; the first steps, which are far above the rest, may be cut off. */
function draw(svg, points) {
  if (points.length < 2) return;
  const [width, height] = [svg.clientWidth || 500, svg.clientHeight || 180];
  const names = Object.keys(points.at(-1).losses);
  const later = points.slice(Math.floor(points.length / 10)).flatMap((point) => Object.values(point.losses));
  const top = ceiling(Math.max(...later, 1e-6), 0);
  const [first, last] = [points[0].step, points.at(-1).step];
  const x = (step) => LEFT + ((width - LEFT) * (step - first)) / Math.max(last - first, 1);
  const y = (loss) => (height - BOTTOM) * (1 - Math.min(loss / top, 1));
  const line = (name) => points.filter((point) => name in point.losses).map((point) => [x(point.step), y(point.losses[name])]);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-label", say("lossesLabel", { losses: names.map((name) => `${word(name)} ${points.at(-1).losses[name].toFixed(3)}`).join(say("comma")) }));
  svg.replaceChildren(
    ...[0, 0.5, 1].flatMap((share) => [
      shape("path", { class: "grid", d: `M${LEFT} ${Math.max(y(top * share), 0.5)}H${width}` }),
      text(Number((top * share).toPrecision(3)), LEFT - 6, share === 1 ? 10 : y(top * share) + 4, "end"),
    ]),
    ...names.map((name) => shape("path", { class: `loss ${name}`, d: path(line(name)) })),
    ...names.map((name, index) => labelled(name, points.at(-1).losses[name], width, 14 + 15 * index)),
    text(number(first), LEFT, height - 4, "start"),
    text(number(last), width, height - 4, "end"),
  );
}

function labelled(name, loss, x, y) {
  const element = text(`${word(name)} ${loss.toFixed(3)}`, x, y, "end");
  element.setAttribute("class", `loss ${name}`);
  return element;
}

/** "gan_src" has no word of its own */
function word(name) {
  return say(`loss.${name}`);
}

function number(value) {
  return value.toLocaleString(language);
}

function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
