// A face is added: photos come in, the face in each is chosen, it is tried on the demo driver, and it gets a name.

import { ask, find, level, make } from "/elements.js";
import { say } from "/texts.js";

const LOOK = 400; // milliseconds between two looks at whether the trial picture is there
const COUNTDOWN = 3; // seconds before a snapshot
const CONSENTS = ["self", "permission", "generated", "public-domain"];

export class AddingDialog {
  /** `added(name)` hears of what was added. */
  constructor(added) {
    this.added = added;
    this.dialog = find("#adding");
    this.trial = null;
    this.looks = 0;
    find("#add").onclick = () => this.open();
    find("#discard").onclick = () => this.dialog.close();
    find("#keep").onclick = () => this.keep();
    find("#camera-photo").onclick = () => this.snapshot();
    find("#files").onchange = ({ target }) => this.take([...target.files]);
    find("#title").oninput = find("#consent").onchange = () => this.check();
    find("#consent").replaceChildren(
      new Option(say("consent.choose"), ""),
      ...CONSENTS.map((each) => new Option(say(`consent.${each}`), each)),
    );
    this.dialog.addEventListener("close", () => this.forget());
    for (const place of [document, this.dialog]) {
      place.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
      place.addEventListener("drop", (event) => this.dropped(event));
    }
  }

  open() {
    if (this.dialog.open) return;
    this.dialog.showModal();
    this.say("");
    find("#title").value = find("#consent").value = find("#files").value = "";
    this.show();
  }

  dropped(event) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    this.open();
    this.take([...event.dataTransfer.files]);
  }

  /** Take photos one after the other; the first begins the trial. */
  async take(files) {
    for (const file of files) {
      const path = this.trial ? `${this.path()}/photos` : "/trials";
      if (!(await this.work(say("looking"), () => ask("POST", path, file)))) return;
      find("#title").value ||= file.name.replace(/\.[^.]*$/, "").replaceAll(/[_-]+/g, " ");
      this.check();
    }
  }

  /** Count down, showing the person themselves, and take the best picture of the next second. */
  async snapshot() {
    find("#camera-photo").disabled = true;
    for (let left = COUNTDOWN; left && this.dialog.open; left -= 1) {
      this.say(say("countdown", { n: left }));
      await this.mirror(1000);
    }
    if (this.dialog.open) await this.work(say("looking"), () => ask("POST", "/trials/camera"), this.trial);
    find("#camera-photo").disabled = false;
  }

  mirror(milliseconds) {
    const [from, to] = [find("#driver canvas"), find("#mirror")];
    const end = performance.now() + milliseconds;
    to.hidden = !find("#driver").classList.contains("moving");
    return new Promise((wake) => {
      const step = (now) => {
        [to.width, to.height] = [from.width, from.height];
        to.getContext("2d").drawImage(from, 0, 0);
        if (now < end) return requestAnimationFrame(step);
        to.hidden = true;
        wake();
      };
      requestAnimationFrame(step);
    });
  }

  /** Do what gives a trial, `old` being over then; true when it did, else the person is told why not. */
  async work(words, request, old = null) {
    this.busy(true, words);
    try {
      const trial = await request();
      if (old) ask("DELETE", `/trials/${old.id}`).catch(() => {});
      if (!this.dialog.open) return void ask("DELETE", `/trials/${trial.id}`).catch(() => {});
      this.trial = trial;
      this.say("");
      this.show();
      this.wait();
      return true;
    } catch (error) {
      this.say(error.message, true);
      return false;
    } finally {
      this.busy(false);
    }
  }

  /** Look whether the picture is there, until it is. */
  async wait() {
    const look = ++this.looks;
    while (this.trial?.job && !this.trial.ready && !this.trial.problem) {
      await new Promise((wake) => setTimeout(wake, LOOK));
      if (look !== this.looks || !this.trial) return;
      try {
        const trial = await ask("GET", this.path());
        if (look !== this.looks || !this.trial) return;
        this.trial = trial;
      } catch (error) {
        return this.say(error.message, true);
      }
    }
    this.show();
  }

  /** Follow the job that makes the picture. */
  progressed(jobs) {
    const job = jobs.find((each) => each.id === this.trial?.job && !each.done);
    if (!job || this.trial.ready) return;
    level(find("#trying"), job);
  }

  async keep() {
    const body = { title: find("#title").value.trim(), consent: find("#consent").value };
    this.busy(true, say("adding"));
    try {
      const added = await ask("POST", `${this.path()}/persona`, body);
      this.trial = null;
      this.dialog.close();
      this.added(added.name);
      find(`#personas [data-name="${CSS.escape(added.name)}"] button`)?.focus();
    } catch (error) {
      this.say(error.message, true);
    } finally {
      this.busy(false);
    }
  }

  forget() {
    if (this.trial) ask("DELETE", this.path()).catch(() => {});
    this.trial = null;
    this.looks += 1;
  }

  path() {
    return `/trials/${this.trial.id}`;
  }

  // ---- what is shown ----------------------------------------------------------------------------------

  show() {
    const photos = this.trial?.photos ?? [];
    const seen = JSON.stringify([this.trial?.id, photos]);
    if (find("#photos").dataset.seen !== seen) {
      const focused = document.activeElement.dataset.face;
      find("#photos").dataset.seen = seen;
      find("#photos").replaceChildren(...photos.map((photo, index) => this.photo(photo, index + 1)));
      if (focused) find(`#photos [data-face="${focused}"]`)?.focus();
    }
    const waiting = Boolean(this.trial?.job && !this.trial.ready && !this.trial.problem);
    find("#trying").hidden = find("#trying-words").hidden = !waiting;
    find("#trial").hidden = !this.trial?.ready;
    const source = this.trial?.ready ? `${this.path()}/picture?${this.trial.job}` : "";
    if (source && !find("#trial img").src.endsWith(source)) find("#trial img").src = source;
    if (this.trial?.problem) this.say(this.trial.problem, true);
    this.check();
  }

  photo({ faces, face, warnings, problem }, number) {
    const picture = make("img", { src: `${this.path()}/photos/${number}`, alt: "" });
    const frame = make("div", { className: "photo" }, picture, ...faces.map((box) => this.face(box, box.number === face, number)));
    const words = faces.length > 1 && !face ? [say("whichFace", { n: faces.length })] : problem ? [problem] : [];
    const remarks = [...words, ...warnings].map((each) => make("li", {}, each));
    return make("figure", {}, frame, make("ul", { className: "remarks" }, ...remarks));
  }

  /** Make a frame with a number around a face, to be clicked. */
  face({ number, left, top, width, height }, chosen, photo) {
    const button = make("button", { type: "button", className: "face" }, make("span", {}, String(number)));
    button.setAttribute("aria-label", say("face", { n: number }));
    button.setAttribute("aria-pressed", chosen);
    button.dataset.face = `${photo}-${number}`;
    const share = (value) => `${Math.min(Math.max(value, 0), 1) * 100}%`;
    Object.assign(button.style, { left: share(left), top: share(top), width: share(width), height: share(height) });
    button.onclick = () => this.work(say("looking"), () => ask("POST", `${this.path()}/face`, { face: number, photo }));
    return button;
  }

  check() {
    const photos = this.trial?.photos ?? [];
    const whole = photos.length && photos.every(({ face }) => face);
    find("#keep").disabled = this.working || !(whole && find("#title").value.trim() && find("#consent").value);
    find("#who").hidden = !photos.length;
  }

  busy(on, words = "") {
    this.working = on;
    if (on) this.say(words);
    this.dialog.setAttribute("aria-busy", on);
    this.check();
  }

  say(words, wrong = false) {
    const line = find("#adding-said");
    line.textContent = words;
    line.classList.toggle("wrong", wrong);
  }
}

function hasFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}
