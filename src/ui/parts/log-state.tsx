/* The part of a log that a page holds, and how it is read on, back, and around a place. */

import { useRef, useState } from "preact/hooks";

import { ApiError } from "../api.ts";
import { readLog } from "../log-reader.ts";
import {
  around as aroundByte,
  lastOf,
  readOnFrom,
  windowOf,
  withEarlier,
  withMore,
} from "../log-window.ts";
import type { LogWindow, Reader } from "../log-window.ts";

const CHUNK = 262_144; // bytes
const END = 32_768; // bytes: the end is there soonest when it is short
const AROUND = 65_536; // bytes before the place that is to be shown

export type HeldLog = LogWindow & { size: number; done: boolean };

/* The end of the log, or the part around a byte. */
async function openLog(path: string, around: number | undefined): Promise<HeldLog> {
  const asked = around === undefined ? -END : Math.max(0, around - AROUND);
  const { bytes, from, size, done } = await readLog(path, asked, CHUNK);
  // A range from the end begins with a line.
  const all = windowOf(bytes, from, asked <= 0);
  return { ...(around === undefined ? lastOf(all) : aroundByte(all, around)), size, done };
}

async function earlierLog(path: string, now: HeldLog): Promise<HeldLog | undefined> {
  if (now.from === 0) {
    return undefined;
  }
  const from = Math.max(0, now.from - CHUNK);
  const range = await readLog(path, from, now.from - from);
  return { ...now, ...withEarlier(now, range.bytes, from) };
}

async function moreLog(path: string, now: HeldLog, reader: Reader): Promise<HeldLog | undefined> {
  const from = readOnFrom(now);
  const { bytes, size, done } = await readLog(path, from, CHUNK);
  if (reader === "follows" && from + bytes.length < size) {
    return openLog(path, undefined); // so much is new that the end is further on
  }
  if (from + bytes.length > now.to) {
    return { ...now, ...withMore(now, bytes, reader), size, done };
  }
  return now.size === size && now.done === done ? undefined : { ...now, size, done };
}

export function useLog(path: string) {
  const [log, setLog] = useState<HeldLog>();
  const [error, setError] = useState<ApiError>();
  const held = useRef<HeldLog | undefined>(undefined);
  const work = useRef(Promise.resolve());
  const waiting = useRef(0);

  const step = async (next: (now: HeldLog | undefined) => Promise<HeldLog | undefined>) => {
    try {
      const after = await next(held.current);
      if (after !== undefined) {
        held.current = after;
        setLog(after);
      }
      setError(undefined);
    } catch (reason) {
      if (!(reason instanceof ApiError)) {
        throw reason;
      }
      setError(reason);
    } finally {
      waiting.current--;
    }
  };
  /* One after the other. */
  const queue = (next: (now: HeldLog | undefined) => Promise<HeldLog | undefined>) => {
    waiting.current++;
    work.current = work.current.then(() => step(next));
    return work.current;
  };
  const withHeld = (next: (now: HeldLog) => Promise<HeldLog | undefined>) =>
    queue(async (now) => (now === undefined ? undefined : next(now)));
  /* Scrolling asks often: while a step is at work it is left out. */
  const readOn = (next: (now: HeldLog) => Promise<HeldLog | undefined>) =>
    waiting.current > 0 ? work.current : withHeld(next);
  return {
    log,
    error,
    open: (around?: number) => queue(() => openLog(path, around)),
    earlier: () => readOn((now) => earlierLog(path, now)),
    more: (reader: Reader) => {
      const next = (now: HeldLog) => moreLog(path, now, reader);
      return reader === "reads" ? readOn(next) : withHeld(next);
    },
  };
}
