/* JSON kept as it was written, so that its numbers keep all their digits. */

/* The place after the value that begins at `at`. */
function endOf(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const c = text.charAt(i);
    if (c === '"') {
      i = text.indexOf('"', i + 1);
      while (i > 0 && isEscaped(text, i)) {
        i = text.indexOf('"', i + 1);
      }
      if (i < 0) {
        return text.length;
      }
    } else if (c === "{" || c === "[") {
      depth++;
    } else if (c === "}" || c === "]") {
      if (depth-- === 0) {
        return i;
      }
    } else if (c === "," && depth === 0) {
      return i;
    }
  }
  return text.length;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charAt(at - 1 - slashes) === "\\") {
    slashes++;
  }
  return slashes % 2 === 1;
}

/* The text of one member of the object `text`, which is JSON; undefined when it has none. */
export function memberText(text: string, name: string): string | undefined {
  let at = text.indexOf("{") + 1;
  while (at > 0 && at < text.length) {
    const quote = text.indexOf('"', at);
    const colon = quote < 0 ? -1 : text.indexOf(":", closing(text, quote));
    if (colon < 0) {
      return undefined;
    }
    const end = endOf(text, colon + 1);
    if (JSON.parse(text.slice(quote, closing(text, quote))) === name) {
      return text.slice(colon + 1, end).trim();
    }
    at = end + 1;
  }
  return undefined;
}

/* The place after the string that begins at `quote`. */
function closing(text: string, quote: number): number {
  let at = text.indexOf('"', quote + 1);
  while (at > 0 && isEscaped(text, at)) {
    at = text.indexOf('"', at + 1);
  }
  return at < 0 ? text.length : at + 1;
}

export interface JsonMistake {
  message: string;
  line: number; // from 1
  column: number;
}

/* What is wrong with a text that must be a JSON object, and where; undefined: nothing. */
export function objectMistake(text: string): JsonMistake | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? undefined
      : { message: 'it must be an object, such as {"day": 7}', line: 1, column: 1 };
  } catch (error) {
    const { place, message } = firstMistake(text);
    const before = text.slice(0, place).split("\n");
    return {
      message: message || String(error),
      line: before.length,
      column: (before.at(-1)?.length ?? 0) + 1,
    };
  }
}

const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\r\n]*/y;

class Mistake extends Error {
  constructor(
    readonly place: number,
    message: string,
  ) {
    super(message);
  }
}

/*
 * Where JSON goes wrong. Browsers say it each in their own words, and some without a place, so this
 * reads the text once more.
 */
function firstMistake(text: string): { place: number; message: string } {
  let at = 0;
  const take = (what: RegExp): boolean => {
    what.lastIndex = at;
    const found = what.exec(text);
    at += found?.[0].length ?? 0;
    return found !== null;
  };
  const fail = (message: string): never => {
    throw new Mistake(at, message);
  };
  const items = (close: string, item: () => void) => {
    at++;
    take(SPACE);
    if (text.charAt(at) === close) {
      at++;
      return;
    }
    for (;;) {
      item();
      take(SPACE);
      const c = text.charAt(at);
      if (c === close) {
        at++;
        return;
      }
      if (c !== ",") {
        fail(c === "" ? `the end is missing: ${close}` : `expected , or ${close}`);
      }
      at++;
      take(SPACE);
    }
  };
  const member = () => {
    if (!take(STRING)) {
      fail('expected a name in double quotes, such as "day"');
    }
    take(SPACE);
    if (text.charAt(at) !== ":") {
      fail("expected : after the name");
    }
    at++;
    value();
  };
  const value = () => {
    take(SPACE);
    const c = text.charAt(at);
    if (c === "{") {
      items("}", member);
    } else if (c === "[") {
      items("]", value);
    } else if (!take(STRING) && !take(NUMBER) && !take(/true|false|null/y)) {
      fail(c === '"' ? "this text has no end, or a character to escape" : "expected a value");
    }
  };
  try {
    value();
    take(SPACE);
    return { place: at, message: at < text.length ? "there is more after the end" : "" };
  } catch (mistake) {
    if (mistake instanceof Mistake) {
      return mistake;
    }
    throw mistake;
  }
}
