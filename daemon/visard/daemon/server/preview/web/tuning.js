// A persona is tuned: offered, how far it is, a first look, before and after, and which of both looks is on.

import { ask, find, level, personaPath, put } from "/elements.js";
import { say } from "/texts.js";

const STEPS = {
  "asking others to sit for it": "sitting",
  "talk and look around": "talking",
  "comparing before and after": "comparing",
  learning: "learning",
};

export class TuningPanel {
  constructor() {
    this.panel = find("#tuning");
    this.chosen = null; // the persona that was added or tuned last, until another one is put on
    find("#tune").onclick = () => this.start();
    find("#tune-cancel").onclick = () => this.do("DELETE", `/jobs/${this.job.id}`);
    find("#look-old").onclick = () => this.wear(false);
    find("#look-tuned").onclick = () => this.wear(true);
    find("#tune-for").onchange = () => this.showDriver();
  }

  /** Offer to tune a persona that was added just now. */
  offer(name) {
    this.chosen = name;
    this.show(this.status);
  }

  /** Show the persona that is tuned, else the one that was added or tuned last, else the one that is on. */
  show(status) {
    if (!status) return;
    this.status = status;
    this.job = status.jobs.find((job) => job.tunes && !job.done);
    if (this.worn !== status.persona) this.chosen = this.worn ? null : this.chosen;
    this.worn = status.persona;
    this.chosen = this.job?.tunes ?? this.chosen;
    const name = this.chosen ?? status.persona;
    if (this.name !== name) this.say("");
    this.name = name;
    const persona = status.personas.find((each) => each.name === name);
    this.panel.hidden = !persona || !persona.photos;
    if (this.panel.hidden) return;
    this.tuning = status.tunings.find((each) => each.persona === name);
    put("#tuning h3", say("tuningOf", { persona: persona.title }));
    this.showOffer(persona);
    this.showProgress();
    this.showPictures();
    this.showLooks(persona);
  }

  showOffer({ tuned }) {
    const { cannot_tune: why } = this.status;
    find("#tune-offer").hidden = Boolean(this.job);
    put("#tune-words", why ? say("cannotTune", { why }) : say(tuned === null ? "tuneMore" : "tuneAgainMore"));
    for (const each of ["#tune", "#tune-who"]) find(each).hidden = Boolean(why);
    put("#tune", say(tuned === null ? "tune" : "tuneAgain"));
    this.showDriver();
  }

  showDriver() {
    const camera = find("#tune-for").value === "camera";
    find("#tune-camera").hidden = !camera || Boolean(this.status?.cannot_tune);
  }

  showProgress() {
    const { job } = this;
    find("#tune-progress").hidden = !job;
    if (!job) return;
    const known = STEPS[job.step.split(",")[0]];
    const parts = [
      job.stage ? say("tuneStage", { n: job.stage, of: job.stages }) : "",
      known ? say(`tuneStep.${known}`) : job.step,
      job.progress == null ? "" : `${Math.round(job.progress * 100)}\u00a0%`,
      job.seconds_left == null ? "" : say("timeLeft", { time: clock(job.seconds_left) }),
    ];
    put("#tune-progress p", parts.filter(Boolean).join(" · "));
    level(find("#tune-progress progress"), job);
  }

  showPictures() {
    const { preview, comparison, job, refused, error, before, after, clip } = this.tuning ?? {};
    const kind = comparison && !this.job ? "comparison" : preview && this.job ? "preview" : "";
    find("#tune-picture").hidden = !kind;
    const source = kind && `${personaPath(this.name)}/tuning/${kind}?${job}`;
    for (const [element, property] of [["img", "src"], ["a", "href"]]) {
      const place = find(`#tune-picture ${element}`);
      if (kind && place.getAttribute(property) !== source) place.setAttribute(property, source);
    }
    put("#tune-picture figcaption", kind && say(`tunePicture.${kind}`));
    const outcome = this.job ? "" : (error ?? (before && say(refused ? "tuneRefused" : "tuneTaken", numbers(before, after, refused))) ?? "");
    put("#tune-outcome", [outcome, clip && say("clipKept", { clip })].filter(Boolean).join(" "));
    find("#tune-outcome").classList.toggle("wrong", Boolean(error && !this.job));
  }

  showLooks({ tuned, name }) {
    find("#tune-looks").hidden = tuned === null || Boolean(this.job?.tunes === name);
    find("#look-old").setAttribute("aria-pressed", tuned === false);
    find("#look-tuned").setAttribute("aria-pressed", tuned === true);
  }

  start() {
    const driver = find("#tune-for").value;
    this.do("POST", `${personaPath(this.name)}/tune`, { driver, keep_clip: driver === "camera" && find("#tune-keep").checked });
  }

  wear(tuned) {
    this.do("PATCH", personaPath(this.name), { tuned });
  }

  /** Ask for something; what comes of it comes as an event. */
  async do(method, path, body) {
    this.say("");
    try {
      await ask(method, path, body);
    } catch (error) {
      this.say(error.message);
    }
  }

  say(words) {
    put("#tune-said", words);
  }
}

function numbers(before, after, refused) {
  const share = (value) => `${Math.round(value * 100)}\u00a0%`;
  return { before: share(before.persona), after: share(after.persona), why: refused };
}

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
