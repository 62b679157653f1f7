// The personas: one is chosen by a click; while they are arranged they are moved, renamed, hidden and removed.

import { ask, find, level, make, personaPath } from "/elements.js";
import { say } from "/texts.js";

const TOOLS = ["earlier", "later", "hidePersona", "removePersona"];

export class LibraryPanel {
  /** `wear(name)` puts one on, `complain(words)` tells what went wrong. */
  constructor(wear, complain) {
    this.wear = wear;
    this.complain = complain;
    this.arranging = false;
    this.list = find("#personas");
    find("#arrange").onclick = () => this.arrange(!this.arranging);
    find("#empty").onclick = () => confirm(say("emptySure")) && this.do("DELETE", "/bin").then(() => this.showBin());
    find("#undo button").onclick = () => this.restore(this.removed);
    this.list.ondragover = (event) => this.dragged && event.preventDefault();
  }

  arrange(on) {
    this.arranging = on;
    find("#arrange").setAttribute("aria-pressed", on);
    find("#choose").classList.toggle("arranging", on);
    find("#undo").hidden = true;
    if (this.status) this.show(this.status);
    this.showBin();
  }

  show(status) {
    this.status = status;
    const shown = status.personas.filter((each) => this.arranging || !each.hidden || [status.persona, status.wanted].includes(each.name));
    const names = JSON.stringify([this.arranging, ...shown.map(({ name, title }) => [name, title])]);
    const { activeElement: active } = document;
    const focused = active.closest("#personas li")?.dataset.name;
    const anew = this.list.dataset.names !== names;
    if (anew) this.list.replaceChildren(...shown.map((persona) => this.item(persona)));
    this.list.dataset.names = names;
    shown.forEach((persona, index) => this.update(this.list.children[index], persona));
    if (anew) this.focusAgain(focused, active.dataset.tool);
  }

  /** Give whoever uses the keyboard the same button of the same persona again, or the next that can be used. */
  focusAgain(name, tool) {
    const item = [...this.list.children].find((each) => each.dataset.name === name);
    const wanted = item?.querySelector(tool ? `[data-tool="${tool}"]` : "button");
    (wanted?.disabled ? item.querySelector(".tools button:enabled") : wanted)?.focus();
  }

  item({ name, title }) {
    const picture = make("img", { src: `/thumbnail/${encodeURIComponent(name)}`, alt: "", width: 96, height: 96, draggable: false });
    const mark = make("span", { className: "mark", hidden: true }, "⚠");
    const button = make("button", { type: "button" }, picture, make("b", { dir: "auto" }, title), mark, make("small", {}));
    button.append(make("progress", { max: 1, hidden: true }));
    button.onclick = () => this.wear(name);
    const item = make("li", {}, button);
    item.dataset.name = name;
    if (this.arranging) item.append(...this.tools(name, title), make("small", { className: "why" }));
    if (this.arranging) this.draggable(item, name);
    return item;
  }

  tools(name, title) {
    const field = make("input", { type: "text", value: title, maxLength: 200, dir: "auto" });
    field.setAttribute("aria-label", say("renamePersona", { persona: title }));
    field.dataset.tool = "rename";
    field.onchange = () => field.value.trim() && this.do("PATCH", personaPath(name), { title: field.value.trim() });
    const buttons = TOOLS.map((tool) => {
      const button = make("button", { type: "button", onclick: () => this[tool](name) });
      button.dataset.tool = tool;
      return button;
    });
    return [field, make("div", { className: "tools" }, ...buttons)];
  }

  update(item, persona) {
    const { status } = this;
    const button = item.firstChild;
    const current = persona.name === status.persona;
    const coming = persona.name === status.wanted && !current;
    const job = status.jobs.find((each) => [each.persona, each.tunes].includes(persona.name) && !each.done);
    const bar = button.querySelector("progress");
    const why = persona.damaged ?? persona.warnings.join("\n");
    item.classList.toggle("hidden", persona.hidden);
    button.setAttribute("aria-pressed", current);
    button.disabled = Boolean(persona.damaged);
    button.title = why;
    const mark = button.querySelector(".mark");
    mark.hidden = !persona.warnings.length;
    mark.setAttribute("aria-label", say("marked"));
    bar.hidden = !(coming || job);
    level(bar, job);
    button.querySelector("small").textContent = condition(persona, current, !bar.hidden, job?.tunes);
    if (item.querySelector(".why")) item.querySelector(".why").textContent = why;
    for (const each of item.querySelectorAll(".tools button")) this.updateTool(each, persona);
  }

  updateTool(button, persona) {
    const { tool } = button.dataset;
    const place = this.status.personas.findIndex((each) => each.name === persona.name);
    const word = tool === "hidePersona" && persona.hidden ? "showPersona" : tool;
    button.textContent = say(`sign.${word}`);
    button.title = say(word);
    button.setAttribute("aria-label", `${say(word)}: ${persona.title}`);
    button.disabled = (tool === "earlier" && !place) || (tool === "later" && place === this.status.personas.length - 1);
    button.hidden = tool === "removePersona" && persona.shipped;
  }

  // ---- what is done to one ---------------------------------------------------------------------------

  earlier(name) {
    const place = this.place(name);
    this.move(name, this.status.personas[place - 1]?.name ?? null);
  }

  later(name) {
    this.move(name, this.status.personas[this.place(name) + 2]?.name ?? null);
  }

  move(name, before) {
    return this.do("POST", `${personaPath(name)}/move`, { before });
  }

  hidePersona(name) {
    return this.do("PATCH", personaPath(name), { hidden: !this.status.personas[this.place(name)].hidden });
  }

  async removePersona(name) {
    const { title } = this.status.personas[this.place(name)];
    if (!(await this.do("DELETE", personaPath(name)))) return;
    this.removed = name;
    find("#undo span").textContent = say("removedPersona", { persona: title });
    find("#undo").hidden = false;
    find("#undo button").focus();
    this.showBin();
  }

  async restore(name) {
    find("#undo").hidden = true;
    await this.do("POST", `${personaPath(name)}/restore`);
    this.showBin();
  }

  async showBin() {
    const items = this.arranging ? await ask("GET", "/bin").catch(() => []) : [];
    find("#bin").hidden = !items.length;
    find("#bin summary").textContent = say("bin", { n: items.length });
    const entries = items.reverse().map(({ name, title, removed, photo }) => {
      const back = make("button", { type: "button", onclick: () => this.restore(name) }, say("restore"));
      back.setAttribute("aria-label", `${say("restore")}: ${title}`);
      const what = make("bdi", {}, title);
      const when = make("small", {}, `${photo ? say("photo") : ""} ${new Date(removed).toLocaleString()}`);
      return make("li", {}, make("span", {}, what, " ", when), back);
    });
    find("#bin ul").replaceChildren(...entries);
  }

  place(name) {
    return this.status.personas.findIndex((each) => each.name === name);
  }

  /** Ask for a change; true when it is made, else the person is told. The new status comes as an event. */
  async do(method, path, body) {
    try {
      await ask(method, path, body);
      this.complain("");
      return true;
    } catch (error) {
      this.complain(error.message);
      return false;
    }
  }

  draggable(item, name) {
    item.draggable = true;
    item.ondragstart = (event) => {
      this.dragged = name;
      event.dataTransfer.setData("text/plain", name);
      event.dataTransfer.effectAllowed = "move";
    };
    item.ondragend = () => (this.dragged = null);
    item.ondrop = (event) => {
      const { dragged } = this;
      if (!dragged || dragged === name) return;
      event.preventDefault();
      event.stopPropagation();
      const forward = this.place(dragged) < this.place(name);
      this.move(dragged, forward ? (this.status.personas[this.place(name) + 1]?.name ?? null) : name);
    };
  }
}

function condition(persona, current, preparing, tuned) {
  if (persona.damaged) return say("damaged");
  if (tuned) return say("tuningNow");
  if (preparing) return say("preparing");
  if (current) return `✓ ${say("current")}`;
  if (persona.hidden) return say("hiddenPersona");
  return persona.ready ? say("ready") : "";
}
