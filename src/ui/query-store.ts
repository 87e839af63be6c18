/*
 * What the query page keeps in the browser: the text, the last query of the tab, the reader's own
 * queries, and what was run. All tabs share the last two.
 */

import { signal } from "@preact/signals";

const DRAFT = "pinion-sql";
const LAST = "pinion-query";
const OWN = "pinion-queries";
const HISTORY = "pinion-history";
const HISTORY_MAX = 100;

export interface OwnQuery {
  name: string;
  sql: string;
}

export interface Ran {
  sql: string;
  at_ms: number;
}

/* A list that was stored; what is not one of ours is dropped. */
function stored<T extends { sql: string }>(key: string): T[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one?.sql === "string") : [];
  } catch {
    return [];
  }
}

/* Stores as many items as there is room for, the first ones. */
function store<T>(key: string, items: T[]): T[] {
  for (let kept = items; ; kept = kept.slice(0, kept.length >> 1)) {
    try {
      localStorage.setItem(key, JSON.stringify(kept));
      return kept;
    } catch {
      if (kept.length === 0) {
        return kept;
      }
    }
  }
}

export const ownQueries = signal<OwnQuery[]>(stored(OWN));
export const ran = signal<Ran[]>(stored(HISTORY));

addEventListener("storage", (event) => {
  if (event.key === OWN) {
    ownQueries.value = stored(OWN);
  } else if (event.key === HISTORY) {
    ran.value = stored(HISTORY);
    if (event.newValue === null) {
      forgetTab(); // somebody logged out in another tab
    }
  }
});

function forgetTab(): void {
  sessionStorage.removeItem(DRAFT);
  sessionStorage.removeItem(LAST);
}

/* At a log-out: who comes next does not see what was written and run. Queries that were saved under
 * a name stay. */
export function forgetWork(): void {
  forgetTab();
  localStorage.removeItem(DRAFT);
  localStorage.removeItem(HISTORY);
  ran.value = [];
}

/* A query of the same name is replaced. */
export function saveQuery(name: string, sql: string): void {
  const others = ownQueries.value.filter((one) => one.name !== name);
  ownQueries.value = store(
    OWN,
    [...others, { name, sql }].sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
}

export function forgetQuery(name: string): void {
  ownQueries.value = store(
    OWN,
    ownQueries.value.filter((one) => one.name !== name),
  );
}

/* The newest first; a text that was run before moves to the front. */
export function noteRun(sql: string): void {
  const others = ran.value.filter((one) => one.sql !== sql);
  ran.value = store(HISTORY, [{ sql, at_ms: Date.now() }, ...others].slice(0, HISTORY_MAX));
}

/* Each tab has a text of its own; a new tab begins with the one that was changed last. */
export function draft(): string {
  return sessionStorage.getItem(DRAFT) ?? localStorage.getItem(DRAFT) ?? "";
}

export function keepDraft(sql: string): void {
  try {
    sessionStorage.setItem(DRAFT, sql);
    localStorage.setItem(DRAFT, sql);
  } catch {
    sessionStorage.removeItem(DRAFT); // it is too long to be kept
  }
}

/* The tab's last query, whose answer the server keeps for a while; "" for none. */
export function lastQuery(): string {
  return sessionStorage.getItem(LAST) ?? "";
}

export function keepQuery(id: string): void {
  sessionStorage.setItem(LAST, id);
}
