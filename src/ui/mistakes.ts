/*
 * What is wrong with a text before it is sent, by the rules that the server checks it by again.
 * Each returns undefined when nothing is.
 */

const RUN_ID_MAX = 200;
const NOTE_BYTES_MAX = 4096;
const CONF_BYTES_MAX = 65_536;
const SEARCH_BYTES_MAX = 1024;
const SEARCH_TERMS_MAX = 16;

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/* An empty one is made from the time. */
export function runIdMistake(text: string): string | undefined {
  const isGood = /^[A-Za-z0-9_:+-][A-Za-z0-9_.:+-]*$/.test(text) && text.length <= RUN_ID_MAX;
  return text === "" || isGood
    ? undefined
    : `Letters, digits and _.:+-, at most ${RUN_ID_MAX}, not a dot first.`;
}

export function noteMistake(text: string): string | undefined {
  return bytesOf(text) > NOTE_BYTES_MAX ? `At most ${NOTE_BYTES_MAX} bytes.` : undefined;
}

export function confMistake(text: string): string | undefined {
  return bytesOf(text) > CONF_BYTES_MAX ? `At most ${CONF_BYTES_MAX} bytes.` : undefined;
}

export function topicMistake(text: string): string | undefined {
  if (text === "." || text === "..") {
    return "A topic needs another name than dots.";
  }
  return text === "" || /^[A-Za-z0-9_.-]{1,249}$/.test(text)
    ? undefined
    : "Letters, digits, dots, dashes and underscores, at most 249.";
}

export function rangeMistake(fromMs?: number, toMs?: number): string | undefined {
  return fromMs !== undefined && toMs !== undefined && toMs < fromMs
    ? "The end is before the start."
    : undefined;
}

export function versionMistake(text: string): string | undefined {
  return /^\d{1,18}$/.test(text) ? undefined : "A version is a whole number from 0.";
}

const DAY = "(\\d{4}-\\d\\d-\\d\\d|\\d{8})";
const CLOCK = "\\d\\d:?\\d\\d(:?\\d\\d([.,]\\d+)?)?";
const ZONE = "([Zz]|UTC|[+-]\\d\\d(:?\\d\\d)?(\\[[^\\]]+\\])?)";
const TIME = new RegExp(`^${DAY}([Tt ]${CLOCK}\\s*${ZONE}?)?$`);

/* A day or a time, in one of the forms of docs/queries.md. */
export function isTime(text: string): boolean {
  return TIME.test(text);
}

export function versionOrTimeMistake(text: string): string | undefined {
  return text === "" || /^\d{1,18}$/.test(text) || isTime(text)
    ? undefined
    : "A version, or a time such as 2026-11-29T12:00.";
}

export function placeMistake(text: string): string | undefined {
  return ["", "newest", "oldest"].includes(text) || /^\d+$/.test(text) || isTime(text)
    ? undefined
    : "newest, oldest, an offset, or a time such as 2026-11-29T12:00.";
}

/* --- searches -------------------------------------------------------------------------------- */

/* A term of a search: a word, or a name, an operator and a value. A text in quotes may have any
 * characters; it ends at the next quote without a backslash before it. */
const QUOTED = /"(?:\\["\\]|[^"])*"/y;
const PLAIN = /[^\s=<>!]*/y;
const VALUE = /[^\s]*/y;
const OPERATOR = /!=|<=|>=|=|<|>/y;

function read(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

function pathMistake(name: string): string | undefined {
  const names = name.split(".");
  return names.includes("")
    ? "A name is missing before or after a dot, or before = < or >."
    : names.length > SEARCH_TERMS_MAX
      ? `A path has at most ${SEARCH_TERMS_MAX} names.`
      : undefined;
}

/* The place after the term that begins at `at`, or what is wrong with it. */
function termEnd(text: string, start: number): number | string {
  let at = start;
  if (text[at] === "-" && /\S/.test(text[at + 1] ?? " ")) {
    at++;
  }
  const open = (place: number) => `The quote at character ${place + 1} is not closed.`;
  const isQuoted = text[at] === '"';
  const name = read(isQuoted ? QUOTED : PLAIN, text, at);
  if (name === undefined) {
    return open(at);
  }
  at += name.length;
  const operator = read(OPERATOR, text, at);
  if (operator === undefined) {
    return at + (isQuoted ? 0 : (read(VALUE, text, at)?.length ?? 0));
  }
  const wrong = isQuoted ? "A field's name is not in quotes." : pathMistake(name);
  if (wrong !== undefined) {
    return wrong;
  }
  at += operator.length;
  const value = read(text[at] === '"' ? QUOTED : VALUE, text, at);
  return value === undefined ? open(at) : at + value.length;
}

export function searchMistake(text: string): string | undefined {
  if (bytesOf(text) > SEARCH_BYTES_MAX) {
    return `At most ${SEARCH_BYTES_MAX} bytes.`;
  }
  let at = 0;
  for (let terms = 0; ; terms++) {
    at += read(/[ \t\n\r]*/y, text, at)?.length ?? 0;
    if (at >= text.length) {
      return undefined;
    }
    if (terms === SEARCH_TERMS_MAX) {
      return `At most ${SEARCH_TERMS_MAX} terms.`;
    }
    const end = termEnd(text, at);
    if (typeof end === "string") {
      return end;
    }
    at = end;
  }
}
