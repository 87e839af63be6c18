/*
 * Live updates: a page says what it shows, and is asked to fetch it again when it changes.
 *
 * One stream serves all tabs of the browser, since a browser has but six connections to a server.
 * The tab that holds a lock (Web Locks) is the leader: it keeps the stream open for what any
 * visible tab wants, and passes on what it hears (BroadcastChannel). When it closes, another tab
 * gets the lock. Where there are no locks (plain HTTP by another name than localhost), each visible
 * tab has a stream of its own, up to OWN_STREAMS_MAX, and further ones fetch every POLL_MS.
 *
 * A hidden tab wants nothing: it neither asks nor waits. It fetches anew when it is seen again.
 */

import { useEffect, useRef } from "preact/hooks";
import { effect, signal } from "@preact/signals";

import { live, needsLogin, sessionEnded } from "./api.ts";
import { Stream } from "./stream.ts";
import type { Link } from "./stream.ts";

/* For the mark in the frame. */
export const link = signal<Link>({ state: "closed" });

/* Does this tab stay as it is, whatever happens? Shown by the mark in the frame. */
export const paused = signal(false);

type Message =
  | { kind: "want"; tab: string; topics: string[] } // what a tab shows; none: it is hidden
  | { kind: "who" } // a new leader asks for that
  | { kind: "changed"; topics: string[] | null } // null: all
  | { kind: "link"; link: Link }
  | { kind: "hurry" } // a tab was seen again, or the network is back
  | { kind: "own"; tab: string }; // without locks: a tab has a stream

const TOPICS_MAX = 32;
const OWN_STREAMS_MAX = 3;
const POLL_MS = 3000;
const HIDDEN_MS = 10_000; // a stream is kept so long when nobody looks
const ASK_MS = 200; // for other tabs to say that they have streams

const tab = Math.random().toString(36).slice(2);
const channel = new BroadcastChannel("pinion-events");
const wanted = new Map<string, Set<() => void>>(); // of this tab: whom to ask to fetch again
const wants = new Map<string, string[]>(); // the leader's: what each tab wants
const owners = new Set<string>(); // without locks: other tabs that have streams
let stream: Stream | undefined; // this tab is the leader, or on its own
let closing: ReturnType<typeof setTimeout> | undefined;
let polling: ReturnType<typeof setInterval> | undefined;

const visible = () => document.visibilityState === "visible";
const wantedHere = () =>
  visible() && !needsLogin.value && !paused.value ? [...wanted.keys()] : [];

function post(message: Message): void {
  channel.postMessage(message);
}

/* Has this tab fetch again what shows one of the topics; null: everything. */
function fetchAgain(topics: string[] | null): void {
  if (!visible() || needsLogin.value || paused.value) {
    return; // it fetches when it is seen again, and when it goes on
  }
  const all = new Set<() => void>();
  for (const topic of topics ?? wanted.keys()) {
    wanted.get(topic)?.forEach((again) => all.add(again));
  }
  all.forEach((again) => again());
}

/* Some topics found no room in the stream, or there is no stream at all: fetch now and then. */
function poll(needed: boolean): void {
  if (needed && polling === undefined) {
    polling = setInterval(() => fetchAgain(null), POLL_MS);
  } else if (!needed) {
    clearInterval(polling);
    polling = undefined;
  }
}

function setLink(now: Link): void {
  link.value = now;
  poll(now.state === "full" && visible());
}

/* --- the tab with the stream ------------------------------------------------------------------ */

function heard(name: string, data: Record<string, unknown>): void {
  let topics: string[] | null = null;
  if (name === "expired") {
    sessionEnded();
    return;
  }
  if (name === "resync") {
    topics = (data["topics"] as string[] | undefined) ?? null;
  } else if (typeof data["topic"] === "string") {
    topics = [data["topic"]];
  }
  fetchAgain(topics);
  post({ kind: "changed", topics });
}

function startStream(): void {
  stream = new Stream(heard, (now) => {
    setLink(now);
    post({ kind: "link", link: now });
  });
  post({ kind: "who" });
  listen();
}

/* Has the stream hear of what all visible tabs want. */
function listen(): void {
  wants.set(tab, wantedHere());
  const all = [...new Set([...wants.values()].flat())].slice(0, TOPICS_MAX);
  clearTimeout(closing);
  if (all.length > 0) {
    stream?.listen(all);
  } else if (needsLogin.value) {
    stream?.close();
  } else {
    closing = setTimeout(() => stream?.close(), HIDDEN_MS);
  }
}

/* --- every tab -------------------------------------------------------------------------------- */

/* What this tab wants is different. */
function changed(): void {
  if (stream !== undefined) {
    listen();
  } else {
    post({ kind: "want", tab, topics: wantedHere() });
  }
}

function receive({ data: message }: MessageEvent<Message>): void {
  const leads = stream !== undefined && "locks" in navigator;
  switch (message.kind) {
    case "want":
      wants.set(message.tab, message.topics);
      if (leads) {
        listen();
        post({ kind: "link", link: link.value });
      }
      break;
    case "who":
      changed();
      if (!("locks" in navigator) && stream !== undefined) {
        post({ kind: "own", tab });
      }
      break;
    case "changed":
      if (!leads && "locks" in navigator) {
        fetchAgain(message.topics);
      }
      break;
    case "link":
      if (!leads && "locks" in navigator) {
        setLink(message.link);
      }
      break;
    case "hurry":
      stream?.hurry();
      break;
    case "own":
      owners.add(message.tab);
      break;
  }
}

function seenOrHidden(): void {
  poll(link.value.state === "full" && visible());
  changed();
  if (visible()) {
    stream?.hurry();
    post({ kind: "hurry" });
    fetchAgain(null);
  }
}

/* Pauses the updates of this tab, or has them go on: then it shows what it missed. */
export function pauseUpdates(): void {
  paused.value = !paused.value;
  changed();
  if (!paused.value) {
    fetchAgain(null);
  }
}

/* Without locks. */
function startAlone(): void {
  post({ kind: "who" });
  setTimeout(() => {
    if (owners.size < OWN_STREAMS_MAX) {
      startStream();
      post({ kind: "own", tab });
    } else {
      setLink({ state: "full" });
    }
  }, ASK_MS);
}

export function startEvents(): void {
  live.listen = listenTo;
  channel.addEventListener("message", receive);
  document.addEventListener("visibilitychange", seenOrHidden);
  addEventListener("online", () => stream?.hurry());
  addEventListener("pagehide", () => post({ kind: "want", tab, topics: [] }));
  addEventListener("pageshow", changed);
  effect(() => {
    if (needsLogin.value) {
      stream?.close();
    }
    changed();
  });
  if ("locks" in navigator) {
    void navigator.locks.request("pinion-events", () => {
      startStream();
      return new Promise(() => undefined); // held until the tab is closed
    });
  } else {
    startAlone();
  }
}

/* Calls `again` when one of the topics changes, as long as the component is there. Names in topics
 * are percent-encoded: topicOf(). For a GET, useGet() does this by itself. */
export function useLive(topics: string[], again: () => void): void {
  const latest = useRef(again);
  latest.current = again;
  const key = topics.join(",");
  useEffect(
    () => (key === "" ? undefined : listenTo(key.split(","), () => latest.current())),
    [key],
  );
}

/* The same outside of components; the result ends it. */
function listenTo(topics: string[], again: () => void): () => void {
  for (const topic of topics) {
    const all = wanted.get(topic) ?? new Set();
    wanted.set(topic, all.add(again));
  }
  changed();
  return () => {
    for (const topic of topics) {
      const all = wanted.get(topic);
      all?.delete(again);
      if (all?.size === 0) {
        wanted.delete(topic);
      }
    }
    changed();
  };
}

/* A topic of these parts: topicOf("run", dag, run). */
export function topicOf(...parts: string[]): string {
  return parts.map(encodeURIComponent).join("/");
}
