// Latency by step over the last minute: areas on top of each other, a table that says the same in numbers.

import { say } from "/texts.js";

const SPAN = 75000; // milliseconds
const ORDER = ["track", "cover", "swap", "animate", "blend", "view", "guard", "sink"];
const BEFORE = new Set(["read"]); // waiting for the camera comes before a frame's time begins
const LEFT = 34;
const BOTTOM = 18;

export class Chart {
  constructor(section) {
    this.svg = section.querySelector("svg");
    this.rows = section.querySelector("tbody");
    this.samples = [];
  }

  /** Take what the daemon measured just now. */
  add(numbers) {
    const now = performance.now();
    this.samples.push({ at: now, ...stack(numbers) });
    this.samples = this.samples.filter((sample) => now - sample.at < SPAN);
    this.draw();
    this.list(numbers);
  }

  clear() {
    this.samples = [];
  }

  draw() {
    const [width, height] = [this.svg.clientWidth || 600, this.svg.clientHeight || 180];
    const top = ceiling(Math.max(...this.samples.map(room), 1));
    const now = performance.now();
    const x = (at) => LEFT + (width - LEFT) * (1 - (now - at) / SPAN);
    const y = (ms) => (height - BOTTOM) * (1 - ms / top);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("aria-label", label(this.samples));
    this.svg.replaceChildren(
      ...lines(top, y, width),
      ...this.steps().map((step) => this.area(step, x, y)),
      shape("path", { class: "worst", d: path(this.samples.map((s) => [x(s.at), y(Math.min(s.p99, top))])) }),
      text(say("ago", { n: SPAN / 1000 }), LEFT, height - 4, "start"),
      text(say("now"), width, height - 4, "end"),
    );
  }

  steps() {
    return ordered([...new Set(this.samples.flatMap((sample) => sample.bands.map((band) => band.step)))]);
  }

  area(step, x, y) {
    const edges = this.samples.map((sample) => ({ at: sample.at, ...edge(sample, step, this.steps()) }));
    const upper = edges.map((point) => [x(point.at), y(point.to)]);
    const lower = edges.map((point) => [x(point.at), y(point.from)]).reverse();
    return shape("path", { class: `step ${step}`, d: `${path([...upper, ...lower])}Z` });
  }

  list(numbers) {
    const bands = Object.fromEntries(stack(numbers).bands.map((band) => [band.step, band.ms]));
    const rows = ordered(Object.keys(bands)).map((step) => row(step, bands[step], numbers.steps[step]?.p99));
    this.rows.replaceChildren(...rows.reverse(), row("total", numbers.latency_ms.p50, numbers.latency_ms.p99));
  }
}

/** What one measurement puts on top of each other; what no step explains is waiting. */
function stack(numbers) {
  const steps = Object.entries(numbers.steps).filter(([step]) => !BEFORE.has(step));
  const bands = steps.map(([step, spread]) => ({ step, ms: spread.p50 }));
  const explained = bands.reduce((sum, band) => sum + band.ms, 0);
  const waiting = Math.max(numbers.latency_ms.p50 - explained, 0);
  if (bands.length) bands.push({ step: "waiting", ms: waiting });
  return { bands, total: explained + waiting, p99: numbers.latency_ms.p99 };
}

function edge(sample, step, steps) {
  const below = new Set(steps.slice(0, steps.indexOf(step)));
  const from = sample.bands.reduce((sum, band) => sum + (below.has(band.step) ? band.ms : 0), 0);
  return { from, to: from + (sample.bands.find((band) => band.step === step)?.ms ?? 0) };
}

function ordered(steps) {
  const place = (step) => (step === "waiting" ? 99 : ORDER.includes(step) ? ORDER.indexOf(step) : 50);
  return steps.sort((one, other) => place(one) - place(other));
}

/** How high the scale must go for a sample: one slow frame must not press everything else flat. */
function room({ total, p99 }) {
  return Math.max(total * 1.1, Math.min(p99, total * 2.5));
}

/** The round number above a value at which a scale ends, `least` at least. */
export function ceiling(value, least = 10) {
  const ten = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 6, 8, 10].map((step) => step * ten).find((round) => round >= value && round >= least) ?? least;
}

function lines(top, y, width) {
  return [0, 0.5, 1].flatMap((share) => {
    const at = Math.max(y(top * share), 0.5);
    const line = shape("path", { class: "grid", d: `M${LEFT} ${at}H${width}` });
    return [line, text(Math.round(top * share), LEFT - 6, share === 1 ? at + 10 : at + 4, "end")];
  });
}

export function path(points) {
  return points.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

function label(samples) {
  const total = samples.length ? Math.round(samples.at(-1).total) : 0;
  return say("chartLabel", { n: SPAN / 1000, total });
}

export function shape(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

export function text(words, x, y, anchor) {
  const element = shape("text", { x, y, "text-anchor": anchor });
  element.textContent = words;
  return element;
}

function row(step, p50, p99) {
  const element = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.className = `step ${step}`;
  name.textContent = say(`step.${step}`);
  const cells = [p50, p99].map((ms) => {
    const cell = document.createElement("td");
    cell.textContent = ms === undefined ? "" : ms.toFixed(1);
    return cell;
  });
  element.append(name, ...cells);
  return element;
}
