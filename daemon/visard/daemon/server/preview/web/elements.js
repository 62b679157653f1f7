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

export function personaPath(name) {
  return `/personas/${encodeURIComponent(name)}`;
}
