// What puts the present persona on, and its options: drawn from the JSON schema that the daemon gives.

import { find, make as element } from "/elements.js";
import { say } from "/texts.js";

const PAUSE = 250; // milliseconds without a change after which changes are sent
const AUTO = "auto";

export class ProcessorPanel {
  /** `change(name, body)` sends what was changed of a persona. */
  constructor(change) {
    this.change = change;
    this.known = new Map();
    this.pending = {};
    find("#processor").setAttribute("aria-label", say("how"));
    find("#processor").onchange = ({ target }) => {
      this.flush();
      change(this.persona.name, { processor: target.value });
    };
    find("#defaults").onclick = () => {
      this.drop();
      change(this.persona.name, { options: null });
    };
  }

  /** Ask what processors there are; they stay the same for as long as the daemon runs. */
  async load() {
    const answer = await fetch("/processors").catch(() => null);
    if (answer?.ok) this.known = new Map((await answer.json()).map((each) => [each.name, each]));
  }

  /** Show the persona that is on. */
  show(status) {
    const persona = status.personas.find((each) => each.name === status.persona);
    if (persona?.name !== this.persona?.name) this.flush();
    this.persona = persona;
    find("#how").hidden = !persona?.processors.length;
    if (!persona) return;
    const chosen = persona.processor;
    find("#how fieldset").disabled = false;
    this.select(persona, chosen, status.processor);
    const used = chosen === AUTO ? status.processor : chosen;
    this.draw(this.known.get(used));
    this.fill(persona.options[used] ?? {});
  }

  select({ processors }, chosen, used) {
    const automatic = chosen === AUTO && used ? `${say("automatic")} (${used})` : say("automatic");
    const words = [automatic, ...processors];
    const select = find("#processor");
    if (select.dataset.words !== words.join("\n")) {
      select.dataset.words = words.join("\n");
      select.replaceChildren(...[AUTO, ...processors].map((name, index) => new Option(words[index], name)));
    }
    select.value = chosen;
    find("#summary").textContent = this.known.get(chosen === AUTO ? used : chosen)?.summary ?? "";
  }

  draw(processor) {
    const box = find("#options");
    const name = processor?.name ?? "";
    const fields = Object.entries(processor?.options.properties ?? {});
    find("#defaults").hidden = !fields.length;
    if (box.dataset.processor === name) return;
    box.dataset.processor = name;
    this.controls = new Map(fields.map(([key, field]) => [key, this.control(key, field)]));
    box.replaceChildren(...[...this.controls.values()].map((each) => each.row));
  }

  fill(values) {
    for (const [key, { field, set, row }] of this.controls) {
      if (!(key in this.pending) && !row.contains(document.activeElement)) set(values[key] ?? field.default);
      row.classList.toggle("changed", key in values);
    }
  }

  /** Make what one option is changed with: a switch, a list, or a number with a slider where it has a range. */
  control(key, field) {
    const kind = field.anyOf?.find((each) => each.type !== "null") ?? field;
    const send = (value) => this.later(key, value);
    const make = kind.type === "boolean" ? toggle : kind.enum ? list : kind.minimum === undefined ? entry : slider;
    const { inputs, set } = make(kind, send);
    const label = element("label", { textContent: key.replaceAll("_", " ") });
    const row = element("div", {}, label, ...inputs);
    inputs.forEach((input) => input.setAttribute("aria-label", label.textContent));
    row.dataset.option = key;
    if (field.description) row.append(element("small", { textContent: field.description }));
    return { field, set, row };
  }

  later(key, value) {
    this.pending[key] = value;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), PAUSE);
  }

  flush() {
    const options = this.pending;
    this.drop();
    if (Object.keys(options).length) this.change(this.persona.name, { options });
  }

  drop() {
    clearTimeout(this.timer);
    this.pending = {};
  }
}

function toggle(_, send) {
  const input = element("input", { type: "checkbox" });
  input.onchange = () => send(input.checked);
  return { inputs: [input], set: (value) => (input.checked = value) };
}

function list({ enum: values }, send) {
  const input = element("select", {}, ...values.map((value) => new Option(value, value)));
  input.onchange = () => send(input.value);
  return { inputs: [input], set: (value) => (input.value = value) };
}

function entry(kind, send) {
  const input = element("input", { type: kind.type === "string" ? "text" : "number", step: step(kind) });
  const value = () => (input.value === "" ? null : kind.type === "string" ? input.value : Number(input.value));
  input.onchange = () => input.reportValidity() && send(value());
  return { inputs: [input], set: (known) => (input.value = known ?? "") };
}

function slider(kind, send) {
  const { minimum: min, maximum: max } = kind;
  const bar = element("input", { type: "range", min, max, step: kind.type === "integer" ? step(kind) : (max - min) / 200 });
  const number = entry(kind, send);
  const [input] = number.inputs;
  Object.assign(input, { min, max });
  const follow = (known) => (bar.value = known ?? (min + max) / 2);
  bar.oninput = () => send(Number((input.value = Number(Number(bar.value).toFixed(3)))));
  input.addEventListener("change", () => input.value && follow(input.value));
  return { inputs: [bar, input], set: (known) => (number.set(known), follow(known)) };
}

function step({ type, multipleOf }) {
  return multipleOf ?? (type === "integer" ? 1 : "any");
}
