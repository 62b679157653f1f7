// The models that others publish: what is here, what can be fetched, how far that is, and under which licence.

import { ask, find, level, make } from "/elements.js";
import { say } from "/texts.js";

export class ModelsPanel {
  /** `complain(words)` tells what went wrong. */
  constructor(complain) {
    this.complain = complain;
    this.models = [];
    this.jobs = [];
    this.givenUp = new Set(); // ids of jobs
    this.wrong = new Map(); // what went wrong last, by model
    this.panel = find("#models");
    this.dialog = find("#licence");
    this.panel.ontoggle = () => this.panel.open && this.load();
    find("#licence-decline").onclick = () => this.dialog.close();
    find("#licence-accept").onclick = () => this.accept();
  }

  async load() {
    try {
      this.models = await ask("GET", "/models");
      this.show();
    } catch (error) {
      this.complain(error.message);
    }
  }

  /** Follow the jobs; what is here is asked for again when one of them ends. */
  progressed(jobs) {
    this.jobs = jobs.filter((job) => job.model);
    const done = this.jobs.filter((job) => job.done);
    const over = this.over ? done.filter((job) => !this.over.has(job.id)) : []; // older ones are no news
    this.over = new Set(done.map((job) => job.id));
    for (const job of over) if (job.error && !this.givenUp.has(job.id)) this.tell(job.model, job.error);
    if (!this.panel.open) return;
    over.length ? this.load() : this.show();
  }

  /** Say what went wrong with a model: in its line, or above all where the lines are folded away. */
  tell(name, words) {
    words ? this.wrong.set(name, words) : this.wrong.delete(name);
    if (this.panel.open) this.show();
    else this.complain(words);
  }

  show() {
    const seen = JSON.stringify(this.models);
    if (this.panel.dataset.seen !== seen) {
      this.panel.dataset.seen = seen;
      const tasks = [...new Set(this.models.map((model) => model.task))];
      const groups = tasks.flatMap((task) => {
        const items = this.models.filter((model) => model.task === task).map((model) => this.item(model));
        return [make("h3", {}, say(`task.${task}`)), make("ul", {}, ...items)];
      });
      find("#models > div").replaceChildren(...groups);
    }
    for (const item of this.panel.querySelectorAll("li")) this.update(item);
  }

  item({ name, title, licence, size, needs }) {
    const facts = [licence.id, licence.commercial ? "" : say("nonCommercial"), size ? say("megabytes", { n: Math.round(size / 1e6) }) : ""];
    const words = make("span", {}, make("b", {}, title), " ", make("small", { title: licence.text }, facts.filter(Boolean).join(" · ")));
    const titled = (need) => this.models.find((each) => each.name === need.name)?.title ?? need.name;
    const named = needs.map((need) => `${titled(need)} (${need.licence})`).join(say("comma"));
    if (named) words.append(make("br", {}), make("small", {}, say("modelNeeds", { models: named })));
    const state = make("small", { className: "state" });
    const bar = make("progress", { max: 1, hidden: true });
    bar.setAttribute("aria-label", title);
    const button = make("button", { type: "button" });
    const why = make("p", { className: "why", role: "alert" });
    const item = make("li", {}, words, state, bar, button, why);
    item.dataset.name = name;
    return item;
  }

  update(item) {
    const model = this.models.find((each) => each.name === item.dataset.name);
    const job = this.jobs.find((each) => each.model === model.name && !each.done);
    const [state, bar, button, why] = ["small.state", "progress", "button", ".why"].map((each) => item.querySelector(each));
    const action = job ? "cancel" : model.here ? "remove" : model.fetchable ? "fetch" : "";
    state.textContent = job ? job.step : model.here ? `✓ ${say("modelHere")}` : model.fetchable ? "" : say("toImport");
    state.title = action ? "" : model.command;
    bar.hidden = !job;
    level(bar, job);
    button.hidden = !action;
    button.disabled = Boolean(job && this.givenUp.has(job.id));
    button.textContent = action && say({ cancel: "cancel", remove: "removeModel", fetch: "fetchModel" }[action]);
    button.setAttribute("aria-label", `${button.textContent}: ${model.title}`);
    button.onclick = () => this[action](model, job);
    const words = (!job && this.wrong.get(model.name)) || "";
    if (why.textContent !== words) why.textContent = words;
  }

  fetch(model) {
    if (!model.licence.ask || model.licence.accepted) return this.begin(model, false);
    this.asked = model;
    const { licence } = model;
    find("#licence h2").textContent = say("licenceOf", { model: model.title });
    find("#licence-name").textContent = `${licence.name} (${licence.id})`;
    find("#licence-text").textContent = licence.text;
    const link = find("#licence a");
    link.href = link.textContent = licence.url;
    this.dialog.showModal();
  }

  accept() {
    this.dialog.close();
    this.begin(this.asked, true);
  }

  begin(model, accept_licence) {
    return this.do(model, "POST", `${path(model)}/fetch`, { accept_licence });
  }

  cancel(model, job) {
    this.givenUp.add(job.id);
    return this.do(model, "DELETE", `/jobs/${job.id}`);
  }

  remove(model) {
    const { title, command } = model;
    if (confirm(say("removeModelSure", { model: title, command }))) this.do(model, "DELETE", path(model));
  }

  async do(model, method, where, body) {
    this.tell(model.name, "");
    try {
      await ask(method, where, body);
      await this.load();
    } catch (error) {
      this.tell(model.name, error.message);
    }
  }
}

function path({ name }) {
  return `/models/${encodeURIComponent(name)}`;
}
