// Elements made and asked for, and requests, as every part of the page needs them.

import { say } from "/texts.js";

export const find = (selector) => document.querySelector(selector);

export function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Say something, unless it is said already: unchanged words are not read out again. */
export function put(selector, words) {
  const element = find(selector);
  if (element.textContent !== words) element.textContent = words;
}

export function level(bar, job) {
  job?.progress == null ? bar.removeAttribute("value") : (bar.value = job.progress);
}

/** Ask the daemon; returns what it answers, null for nothing. Throws an Error with words for the person. */
export async function ask(method, path, body) {
  const binary = body instanceof Blob;
  const headers = { "Content-Type": binary ? "application/octet-stream" : "application/json" };
  const sent = body === undefined ? {} : { headers, body: binary ? body : JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, { method, ...sent });
  } catch {
    throw new Error(say("gone.off"));
  }
  const found = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(found?.error?.message ?? answer.statusText);
  return found;
}

/** Send a file, telling how much of it is sent, 0 to 1; `abort` of the request gives up. Returns as `ask` does. */
export function upload(path, file, told) {
  const request = new XMLHttpRequest(); // fetch does not tell how far it is
  const answer = new Promise((resolve, reject) => {
    request.upload.onprogress = ({ loaded, total }) => told(total && loaded / total);
    request.onload = () => {
      const found = request.response;
      request.status < 300 ? resolve(found) : reject(new Error(found?.error?.message ?? request.statusText));
    };
    request.onerror = () => reject(new Error(say("gone.off")));
    request.onabort = () => resolve(null);
  });
  request.open("POST", path);
  request.responseType = "json";
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.send(file);
  return { answer, abort: () => request.abort() };
}

export function personaPath(name) {
  return `/personas/${encodeURIComponent(name)}`;
}
