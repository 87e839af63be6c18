/* Shortcuts: which there are, and what they do. Never in fields; single keys can be off. */

import { signal } from "@preact/signals";

import { go, href } from "./route.ts";

const KEY = "pinion-keys";

/* May single keys be shortcuts? (WCAG 2.1.4) */
export const singleKeys = signal(localStorage.getItem(KEY) !== "off");

export function switchSingleKeys(): void {
  singleKeys.value = !singleKeys.value;
  localStorage.setItem(KEY, singleKeys.value ? "on" : "off");
}

/* What is open over the page. */
export const overlay = signal<"none" | "palette" | "help">("none");

/* After "g": the page that a letter leads to. */
export const PLACES: [string, string, string][] = [
  ["o", "Overview", ""],
  ["d", "DAGs", "dags"],
  ["r", "Runs", "runs"],
  ["t", "Tables", "tables"],
  ["q", "Query", "query"],
  ["p", "Topics", "topics"],
  ["s", "Streams", "streams"],
  ["x", "Dead letters", "dead-letters"],
];
const G_MS = 1500; // so long a "g" waits for its letter

let gAtMs = 0;

function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.shadowRoot !== null || // the editor
      ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}

/* Does the single key do something? */
function single(key: string): boolean {
  const afterG = Date.now() - gAtMs < G_MS;
  gAtMs = key === "g" ? Date.now() : 0;
  const place = PLACES.find(([letter]) => letter === key);
  if (afterG && place !== undefined) {
    go(href(place[2] === "" ? [] : [place[2]]));
    return true;
  }
  if (key === "?") {
    overlay.value = "help";
    return true;
  }
  const filter = document.querySelector<HTMLElement>("#filter");
  if (key === "/" && filter !== null) {
    filter.focus();
    return true;
  }
  return false;
}

function onKey(event: KeyboardEvent): void {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    overlay.value = "palette";
    return;
  }
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (
    plain &&
    singleKeys.value &&
    overlay.value === "none" &&
    document.querySelector("dialog[open]") === null &&
    !isField(event.target) &&
    single(event.key)
  ) {
    event.preventDefault();
  }
}

export function startKeys(): void {
  document.addEventListener("keydown", onKey);
}
