// The page: one status from the daemon, drawn. Whatever changes comes as an event.

import { AddingDialog } from "/adding.js";
import { Chart } from "/chart.js";
import { find, level, make, put } from "/elements.js";
import { LibraryPanel } from "/library.js";
import { ModelsPanel } from "/models.js";
import { Stream } from "/pictures.js";
import { ProcessorPanel } from "/processor.js";
import { say, translate, translated } from "/texts.js";
import { TrainingsPanel } from "/trainings.js";
import { TuningPanel } from "/tuning.js";

const RETRY = 2000; // milliseconds between two tries to reach the daemon

const driver = new Stream("/driver", find("#driver"));
const result = new Stream("/result", find("#result"));
const chart = new Chart(find("#time"));
const panel = new ProcessorPanel((name, body) => send("PATCH", `/persona/${encodeURIComponent(name)}`, body));
const library = new LibraryPanel((name) => post("/persona", { name }), complain);
const tuning = new TuningPanel();
const adding = new AddingDialog((name) => tuning.offer(name));
const models = new ModelsPanel(complain);
const trainings = new TrainingsPanel();
let status = null;
let connected = false;

// ---- the daemon -------------------------------------------------------------------------------------

function connect() {
  const events = new EventSource("/events");
  events.addEventListener("status", ({ data }) => arrived(JSON.parse(data)));
  events.addEventListener("progress", ({ data }) => status && progressed(JSON.parse(data)));
  events.onerror = () => {
    events.close();
    lost();
  };
}

function arrived(news) {
  const back = !connected;
  connected = true;
  status = news;
  if (back) chart.clear();
  if (back) panel.load().then(() => panel.show(status));
  if (back) trainings.load();
  chart.add(status.numbers);
  show();
  look();
}

function progressed(job) {
  const others = status.jobs.filter((each) => each.id !== job.id);
  status = { ...status, jobs: [...others, job] };
  showPersonas();
  showPreparing();
  adding.progressed(status.jobs);
  models.progressed(status.jobs);
}

/** Find out why there are no events any more, say it, and try again. */
async function lost() {
  connected = false;
  look();
  const answer = await fetch("/status").catch(() => null);
  if (!answer?.ok) showGone(answer?.status === 403 ? "gone.session" : "gone.off");
  setTimeout(connect, RETRY);
}

function post(path, body) {
  return send("POST", path, body);
}

async function send(method, path, body) {
  const json = { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) };
  try {
    const answer = await fetch(path, json);
    const found = await answer.json();
    complain(answer.ok ? "" : (found.error?.message ?? answer.statusText));
    if (answer.ok) arrived(found);
  } catch {
    complain(say("gone.off"));
  }
}

/** Look at the pictures only while the page itself is looked at: looking keeps the camera on. */
function look() {
  const here = connected && !document.hidden;
  here ? result.start() : result.stop();
  here && find("#show").checked ? driver.start() : driver.stop();
}

// ---- what is shown ----------------------------------------------------------------------------------

function show() {
  find("#gone").hidden = true;
  document.body.classList.remove("gone");
  showState();
  showProblems();
  showGuard();
  showPersonas();
  showPreparing();
  models.progressed(status.jobs);
  panel.show(status);
  showNumbers();
}

function showGone(why) {
  find("#gone").hidden = false;
  find("#gone p").textContent = say(why);
  document.body.classList.add("gone");
  document.body.dataset.state = "lost";
  put("#state b", say("state.lost"));
  put("#state span", "");
  document.title = `Visard: ${say("state.lost")}`;
  put("#guard b", say("verdict.unknown"));
  put("#guard span", "");
  find("#guard").dataset.verdict = "unknown"; // what was safe a moment ago is not known to be safe now
  for (const each of document.querySelectorAll("header button, #choose button, #mode, #how fieldset")) each.disabled = true;
}

function showState() {
  const { state, persona, revealed, weak, paused } = status;
  const shown = weak ? "weak" : "raw";
  const words = say(`state.${weak ? "weak" : state}`);
  document.body.dataset.state = state;
  find("#alarm").hidden = !revealed;
  put("#alarm strong", revealed ? say(`alarm.${shown}`) : "");
  put("#alarm span", revealed ? say(`alarmMore.${shown}`) : "");
  document.title = `${revealed ? "⚠ " : ""}${words} – Visard`;
  put("#state b", words);
  put("#state span", say(`more.${state}`, { persona: titled(persona) }));
  put("#private", say(revealed ? `driverSeen.${shown}` : "driverMore"));
  put("#worn", revealed ? say(`verdict.${shown}`) : titled(persona));
  put("#pause", say(paused ? "resume" : "pause"));
  for (const each of ["#pause", "#arrange", "#add"]) find(each).disabled = false;
}

function showProblems() {
  const section = find("#problems");
  section.hidden = !status.problems.length;
  const seen = JSON.stringify(status.problems);
  if (section.dataset.seen === seen) return; // so that a button that has the focus keeps it
  section.dataset.seen = seen;
  section.classList.toggle("mild", !status.problems.some((problem) => problem.blocking));
  section.querySelector("ul").replaceChildren(...status.problems.map(problemItem));
}

function problemItem({ code, message, fix }) {
  const item = make("li", {}, make("span", { className: "what" }, translated(code, message)));
  if (fix) {
    const copy = make("button", { type: "button" }, say("copy"));
    copy.onclick = async () => {
      await navigator.clipboard.writeText(fix);
      copy.textContent = say("copied");
    };
    item.append(make("span", { className: "fix" }, make("code", {}, fix), copy));
  }
  return item;
}

function showGuard() {
  const { why, faces } = status.guard;
  const verdict = guardVerdict();
  const open = ["raw", "weak"].includes(verdict) && faces.shown ? ` · ${inWords(faces)}` : "";
  find("#guard").dataset.verdict = verdict;
  put("#guard b", say(`verdict.${verdict}`, { faces: inWords(faces) }) + open);
  put("#guard span", why && say(`why.${why}`));
  showCounts("#faces", "total", status.numbers.faces);
  showCounts("#frames", "count", status.numbers.verdicts);
}

/** What the guard says, and whom one can see all the same: it knows nothing of weak settings. */
function guardVerdict() {
  const { verdict, faces } = status.guard;
  if (status.weak && ["frame", "last-good"].includes(verdict)) return "weak";
  return verdict === "frame" && faces.shown ? "shown" : verdict;
}

/** "1 face swapped, 2 covered" */
function inWords(faces) {
  const kinds = Object.entries(faces).filter(([, n]) => n);
  const said = kinds.map(([kind, n], index) => say(`faces.${kind}.${index ? "more" : n === 1 ? "one" : "many"}`, { n }));
  return said.join(say("comma")) || say("faces.none");
}

function showCounts(list, words, counts) {
  const kinds = Object.entries(counts);
  find(list).previousElementSibling.hidden = !kinds.length;
  find(list).replaceChildren(...kinds.map(([kind, count]) => fact(say(`${words}.${kind}`), String(count))));
}

function showNumbers() {
  const { numbers, output, camera } = status;
  put("#fps", numbers.fps.toFixed(1));
  put("#latency", latency(numbers.latency_ms));
  put("#watchers", watchers(output.watchers));
  put("#camera", camera.demo ? say("camera.demo") : `${camera.name ?? camera.spec} · ${say(`camera.${camera.state}`)}`);
  put("#output", `${output.where ?? say("output.none")} · ${output.width}\u00a0×\u00a0${output.height}`);
  find("#camera").title = camera.message;
  find("#output").title = output.message;
}

function latency({ p50, p99 }) {
  const [half, most] = [p50, p99].map((ms) => say("ms", { n: Math.round(ms) }));
  return `${half}\u00a0(p50) · ${most}\u00a0(p99)`;
}

function watchers(count) {
  const kind = { null: "unknown", 0: "none", 1: "one" }[count] ?? "many";
  return say(`watchers.${kind}`, { n: count });
}

function titled(name) {
  return status.personas.find((persona) => persona.name === name)?.title ?? name ?? "";
}

// ---- personas ---------------------------------------------------------------------------------------

function showPersonas() {
  library.show(status);
  tuning.show(status);
  find("#mode").disabled = !status.persona;
  for (const input of document.querySelectorAll("#mode input")) input.checked = input.value === status.mode;
}

/** Show how far the persona is that somebody waits for, and let it be given up. */
function showPreparing() {
  const job = status.jobs.find((each) => each.persona === status.wanted && status.wanted && !each.done);
  find("#preparing").hidden = !job;
  if (!job) return;
  put("#preparing p", say("preparingOne", { persona: titled(job.persona) }) + (job.step ? `: ${job.step}` : ""));
  level(find("#preparing progress"), job);
  find("#cancel").onclick = () => send("DELETE", `/jobs/${job.id}`);
}

// ---- small things -----------------------------------------------------------------------------------

function fact(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, value));
}

function complain(words) {
  find("#said").hidden = !words;
  put("#said", words);
}

translate();
for (const figure of document.querySelectorAll("#pictures figure")) {
  figure.querySelector("canvas").setAttribute("aria-label", figure.querySelector("figcaption b").textContent);
}
find("#pause").onclick = () => post(status.paused ? "/resume" : "/pause");
find("#hide").onclick = () => post("/hide");
find("#mode").onchange = ({ target }) => post("/persona", { name: status.wanted ?? status.persona, mode: target.value });
find("#show").onchange = () => {
  find("#driver").classList.toggle("off", !find("#show").checked);
  look();
};
document.addEventListener("visibilitychange", look);
window.addEventListener("resize", () => status && chart.draw());
connect();
