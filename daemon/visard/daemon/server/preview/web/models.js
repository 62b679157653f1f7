// The models that others publish: what is here, what can be fetched, how far that is, and under which licence.

import { ask, find, level, make, upload } from "/elements.js";
import { say } from "/texts.js";

export class ModelsPanel {
  /** `complain(words)` tells what went wrong. */
  constructor(complain) {
    this.complain = complain;
    this.models = [];
    this.jobs = [];
    this.givenUp = new Set(); // ids of jobs
    this.wrong = new Map(); // what went wrong last, by model
    this.uploads = new Map(); // what is being sent, by model
    this.waiting = []; // for what becomes of jobs
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
    for (const resolve of this.waiting.splice(0)) resolve();
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
    const verify = make("button", { type: "button", className: "verify" }, say("verifyModel"));
    verify.setAttribute("aria-label", `${verify.textContent}: ${title}`);
    verify.onclick = () => this.do(this.model(name), "POST", `${path({ name })}/verify`);
    const files = make("input", { type: "file", multiple: true });
    files.setAttribute("aria-label", `${say("importModel")}: ${title}`);
    files.onchange = () => this.import(this.model(name), [...files.files], () => (files.value = ""));
    const chosen = make("label", { className: "button" }, files, make("span", {}, say("importModel")));
    const why = make("p", { className: "why", role: "alert" });
    const item = make("li", {}, words, state, bar, verify, chosen, button, why);
    item.dataset.name = name;
    return item;
  }

  model(name) {
    return this.models.find((each) => each.name === name);
  }

  update(item) {
    const model = this.model(item.dataset.name);
    const job = this.uploads.get(model.name) ?? this.jobs.find((each) => each.model === model.name && !each.done);
    const parts = ["small.state", "progress", "button:not(.verify)", ".why", ".verify", "label"];
    const [state, bar, button, why, verify, chosen] = parts.map((each) => item.querySelector(each));
    const action = job ? "cancel" : model.here ? "remove" : model.fetchable ? "fetch" : "";
    state.textContent = job ? job.step : model.here ? `✓ ${say("modelHere")}` : "";
    verify.hidden = Boolean(job) || !model.here;
    chosen.hidden = Boolean(job) || model.here;
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
    return this.agree(model, (accept_licence) => this.do(model, "POST", `${path(model)}/fetch`, { accept_licence }));
  }

  /** Send files of a model, one after the other; each is imported before the next one. */
  import(model, files, over) {
    if (files.length) this.agree(model, (accepted) => this.send(model, files, accepted).then(over), over);
  }

  async send(model, files, accepted) {
    this.tell(model.name, "");
    try {
      for (const file of files) {
        const query = new URLSearchParams({ file_name: file.name, accept_licence: accepted });
        const sending = upload(`${path(model)}/file?${query}`, file, (progress) => {
          this.uploads.set(model.name, { step: say("sending", { file: file.name }), progress, abort: sending.abort });
          this.show();
        });
        const job = await sending.answer;
        this.uploads.delete(model.name);
        if (!job || !(await this.ended(job))) break;
      }
    } catch (error) {
      this.uploads.delete(model.name);
      this.tell(model.name, error.message);
    }
    await this.load();
  }

  /** Wait for a job; returns whether it was done well. */
  async ended(job) {
    const over = () => this.jobs.find((each) => each.id === job.id && each.done);
    while (!over()) await new Promise((resolve) => this.waiting.push(resolve));
    return !over().error;
  }

  /** Begin, told whether a licence was accepted just now, which is asked for where it has to be. */
  agree(model, begin, decline = () => {}) {
    if (!model.licence.ask || model.licence.accepted) return begin(false);
    [this.begin, this.dialog.onclose] = [begin, () => this.begin && decline()];
    const { licence } = model;
    find("#licence h2").textContent = say("licenceOf", { model: model.title });
    find("#licence-name").textContent = `${licence.name} (${licence.id})`;
    find("#licence-text").textContent = licence.text;
    const link = find("#licence a");
    link.href = link.textContent = licence.url;
    this.dialog.showModal();
  }

  accept() {
    const begin = this.begin;
    this.begin = null;
    this.dialog.close();
    begin(true);
  }

  cancel(model, job) {
    if (job.abort) return job.abort();
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
