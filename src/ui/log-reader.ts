/* Reads ranges of an attempt's log, and searches it on the server. */

import { get, getReply } from "./api.ts";

export interface LogRange {
  from: number; // of its first byte
  bytes: Uint8Array;
  size: number; // of the whole log
  done: boolean; // it does not grow any more
}

export interface Hit {
  byte: number; // where the text begins
  line: number;
}

export interface Hits {
  hits: Hit[];
  scanned: number; // bytes
  next: number | null; // where the search goes on
}

/* At most `max` bytes from `from`, or from so many bytes before the end when it is negative. */
export async function readLog(path: string, from: number, max: number): Promise<LogRange> {
  const reply = await getReply(`${path}?from=${from}&max=${max}`);
  return {
    from: Number(reply.headers.get("x-log-from")),
    bytes: new Uint8Array(await reply.arrayBuffer()),
    size: Number(reply.headers.get("x-log-size")),
    done: reply.headers.get("x-log-done") === "true",
  };
}

export function searchLog(path: string, text: string, after: number): Promise<Hits> {
  const query = `find=${encodeURIComponent(text)}&after=${after}&ignore_case=true`;
  return get<Hits>(`${path}?${query}`);
}

const STEP = 1_048_576; // bytes
const COUNTED_MAX = 64 * STEP; // a line beyond is not looked for

/* The byte that a line begins with, from 1; undefined: the log has no such line. */
export async function byteOfLine(path: string, line: number): Promise<number | undefined> {
  let left = line - 1; // ends of lines before it
  for (let from = 0; from < COUNTED_MAX;) {
    const { bytes, size } = await readLog(path, from, STEP);
    for (let at = 0; left > 0 && at < bytes.length; at++) {
      if (bytes[at] === 10 && --left === 0) {
        return from + at + 1 < size ? from + at + 1 : undefined;
      }
    }
    if (left <= 0) {
      return size > 0 ? 0 : undefined;
    }
    from += bytes.length;
    if (bytes.length === 0) {
      return undefined;
    }
  }
  return undefined;
}
