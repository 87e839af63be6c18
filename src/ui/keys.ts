/* Shortcuts: which there are, and what they do. Never in fields; single keys can be off. */

import { signal } from "@preact/signals";

import { pauseUpdates } from "./events.ts";
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
  ["j", "Jobs", "jobs"],
  ["u", "Status", "status"],
];
/* Keys that press a button or follow a link of the page: the one with the attribute data-key. */
export const PRESSED: [string, string][] = [
  ["t", "trigger the DAG"],
  ["R", "rerun: shift and r"],
  ["[", "the attempt before"],
  ["]", "the next attempt"],
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

/* The rows of the page's lists that lead somewhere, each by its first link or button. */
function rows(): HTMLElement[] {
  return [...document.querySelectorAll("main tbody tr")].flatMap((row) => {
    const first = row.querySelector<HTMLElement>("a[href], button:not(:disabled)");
    return first === null ? [] : [first];
  });
}

/* The next row, or the one before. */
function step(by: number): boolean {
  const all = rows();
  const row = document.activeElement?.closest("tr") ?? null;
  const at = row === null ? -1 : all.findIndex((one) => row.contains(one));
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1);
  all[next]?.focus();
  return all.length > 0;
}

/* What the key presses: in the row that has the focus, else on the page itself. */
function pressed(key: string): HTMLElement | null {
  const which = `[data-key="${key}"]:not(:disabled)`;
  const row = document.activeElement?.closest("main tr");
  return (
    row?.querySelector<HTMLElement>(which) ??
    document.querySelector<HTMLElement>(`main ${which}:not(tr *)`)
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
  if (key === ".") {
    pauseUpdates();
    return true;
  }
  if (key === "j" || key === "k") {
    return step(key === "j" ? 1 : -1);
  }
  const button = PRESSED.some(([letter]) => letter === key) ? pressed(key) : null;
  if (button !== null) {
    button.click();
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
  if (event.key === "Escape") {
    overlay.value = "none"; // it may not be drawn yet, and then hears no keys
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
