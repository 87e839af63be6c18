/*
 * The part of a log that the page holds: whole lines, one after the other, at most LINES_MAX.
 * Bytes are cut at line ends before they are decoded, so that no character is ever cut.
 */

export interface LogLine {
  at: number; // the byte of the log that it begins with
  text: string;
}

export interface LogWindow {
  from: number; // the first byte that it holds
  to: number; // the byte after the last
  lines: LogLine[];
  open: boolean; // its last line has no end yet
  number: number | undefined; // of its first line, from 1; undefined: not known
}

export const LINES_MAX = 5000;
const ADDED_MAX = 2000; // lines at once, so that those in view stay
const OPEN_MAX = 65_536; // bytes; a longer line without an end counts as ended

const NEWLINE = 10;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/* The lines of `bytes`, which begin at the byte `from` of the log. */
export function linesOf(bytes: Uint8Array, from: number): LogLine[] {
  const lines: LogLine[] = [];
  let begin = 0;
  while (begin < bytes.length) {
    const newline = bytes.indexOf(NEWLINE, begin);
    const end = newline < 0 ? bytes.length : newline;
    const text = decoder.decode(bytes.subarray(begin, end));
    lines.push({ at: from + begin, text: text.endsWith("\r") ? text.slice(0, -1) : text });
    begin = end + 1;
  }
  return lines;
}

function isOpen(bytes: Uint8Array): boolean {
  const tail = bytes.length - 1 - bytes.lastIndexOf(NEWLINE);
  return tail > 0 && tail < OPEN_MAX;
}

/* The bytes of a part of a log: the first line is left out unless it is whole. */
export function windowOf(bytes: Uint8Array, from: number, isWhole: boolean): LogWindow {
  const newline = isWhole ? -1 : bytes.indexOf(NEWLINE);
  const begin = from + (newline < 0 ? 0 : newline + 1);
  return {
    from: begin,
    to: from + bytes.length,
    lines: linesOf(bytes.subarray(begin - from), begin),
    open: isOpen(bytes),
    number: begin === 0 ? 1 : undefined,
  };
}

/* Its lines from one place to another. */
function part(log: LogWindow, first: number, end: number): LogWindow {
  const begin = Math.max(0, first);
  if (begin === 0 && end >= log.lines.length) {
    return log;
  }
  return {
    from: log.lines[begin]?.at ?? log.to,
    to: log.lines[end]?.at ?? log.to,
    lines: log.lines.slice(begin, end),
    open: end >= log.lines.length && log.open,
    number: log.number === undefined ? undefined : log.number + begin,
  };
}

/* At most LINES_MAX lines, with the one that has the byte. */
export function around(log: LogWindow, byte: number): LogWindow {
  const first = Math.max(0, lineWith(log, byte) - LINES_MAX / 2);
  return part(log, first, first + LINES_MAX);
}

/* At most LINES_MAX lines: the last ones. */
export function lastOf(log: LogWindow): LogWindow {
  return part(log, log.lines.length - LINES_MAX, log.lines.length);
}

/* The byte from which more is to be read: a last line without its end is read again. */
export function readOnFrom(log: LogWindow): number {
  return log.open ? (log.lines.at(-1)?.at ?? log.to) : log.to;
}

/*
 * With `bytes` that begin at readOnFrom(). Who follows the log gets all of them, and gives up lines
 * at the start; who reads on gets ADDED_MAX lines; who reads elsewhere keeps the lines that are
 * there, and gets as many as have room.
 */
export type Reader = "follows" | "reads" | "elsewhere";

export function withMore(log: LogWindow, bytes: Uint8Array, reader: Reader): LogWindow {
  const from = readOnFrom(log);
  const kept = log.open ? log.lines.slice(0, -1) : log.lines;
  const lines = [...kept, ...linesOf(bytes, from)];
  const whole: LogWindow = { ...log, to: from + bytes.length, lines, open: isOpen(bytes) };
  if (reader === "elsewhere") {
    return part(whole, 0, LINES_MAX);
  }
  return lastOf(reader === "reads" ? part(whole, 0, kept.length + ADDED_MAX) : whole);
}

/* With the last ADDED_MAX lines of `bytes`, which end where it begins. */
export function withEarlier(log: LogWindow, bytes: Uint8Array, from: number): LogWindow {
  const all = windowOf(bytes, from, from === 0);
  const earlier = part(all, all.lines.length - ADDED_MAX, all.lines.length);
  const number = log.number === undefined ? undefined : log.number - earlier.lines.length;
  const whole: LogWindow = {
    ...log,
    from: earlier.from,
    lines: [...earlier.lines, ...log.lines],
    number: earlier.number ?? number,
  };
  return part(whole, 0, LINES_MAX);
}

/* The place of the line that a byte is in; -1: it is not in the window. */
export function lineWith(log: LogWindow, byte: number): number {
  if (byte < log.from || byte >= log.to) {
    return -1;
  }
  let low = 0;
  let high = log.lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((log.lines[middle]?.at ?? Infinity) <= byte) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return log.lines.length === 0 ? -1 : low;
}
