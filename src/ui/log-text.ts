/*
 * A line of a log as what the page shows: pieces of text with classes. Colours come from its SGR
 * escapes; every other escape, and every control character, is shown as a sign. No piece is ever
 * read as markup, and only http and https addresses become links.
 */

export interface Piece {
  text: string;
  classes: string; // "ansi-1 bold"
  link: boolean;
}

const ESCAPE = /\u001b\[([0-9;:]*)m/g;
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\u0000-\u001f]*[^\s<>"'`\u0000-\u001f.,;:!?)\]}]/g;

interface Style {
  ink: number; // 0 to 15, or -1
  ground: number;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
}

const PLAIN: Style = {
  ink: -1,
  ground: -1,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
};

function classesOf(style: Style): string {
  return [
    style.ink < 0 ? "" : `ansi-${style.ink % 8}`,
    style.ground < 0 ? "" : `ansi-on-${style.ground % 8}`,
    style.bold ? "bold" : "",
    style.dim ? "dim" : "",
    style.italic ? "italic" : "",
    style.underline ? "underline" : "",
  ]
    .filter((name) => name !== "")
    .join(" ");
}

/* What an escape with these numbers makes of a style. */
function styled(before: Style, numbers: number[]): Style {
  const style = { ...before };
  for (let at = 0; at < numbers.length; at++) {
    const n = numbers[at] ?? 0;
    if (n === 0) {
      Object.assign(style, PLAIN);
    } else if (n === 1) {
      style.bold = true;
    } else if (n === 2) {
      style.dim = true;
    } else if (n === 3) {
      style.italic = true;
    } else if (n === 4) {
      style.underline = true;
    } else if (n === 22) {
      style.bold = false;
      style.dim = false;
    } else if (n === 23) {
      style.italic = false;
    } else if (n === 24) {
      style.underline = false;
    } else if (n === 39) {
      style.ink = -1;
    } else if (n === 49) {
      style.ground = -1;
    } else if (n === 38 || n === 48) {
      // A colour of 256 or of 16 million: the sixteen that have names are shown.
      const index = numbers[at + 1] === 5 ? (numbers[at + 2] ?? 16) : 16;
      style[n === 38 ? "ink" : "ground"] = index < 16 ? index : -1;
      at += numbers[at + 1] === 5 ? 2 : 4;
    } else if (n >= 30 && n <= 37) {
      style.ink = n - 30;
    } else if (n >= 40 && n <= 47) {
      style.ground = n - 40;
    } else if (n >= 90 && n <= 97) {
      style.ink = n - 82;
    } else if (n >= 100 && n <= 107) {
      style.ground = n - 92;
    }
  }
  return style;
}

/* Control characters as the signs that Unicode has for them. */
function visible(text: string): string {
  return text.replace(CONTROL, (c) =>
    c === "\u007f" ? "\u2421" : String.fromCharCode(0x2400 + c.charCodeAt(0)),
  );
}

function addText(pieces: Piece[], text: string, classes: string): void {
  let from = 0;
  const add = (to: number, link: boolean) => {
    if (to > from) {
      pieces.push({ text: visible(text.slice(from, to)), classes, link });
      from = to;
    }
  };
  for (const found of text.matchAll(ADDRESS)) {
    add(found.index, false);
    add(found.index + found[0].length, true);
  }
  add(text.length, false);
}

export function piecesOf(line: string): Piece[] {
  const pieces: Piece[] = [];
  let style = PLAIN;
  let from = 0;
  for (const found of line.matchAll(ESCAPE)) {
    addText(pieces, line.slice(from, found.index), classesOf(style));
    style = styled(style, (found[1] ?? "").split(/[;:]/).map(Number));
    from = found.index + found[0].length;
  }
  addText(pieces, line.slice(from), classesOf(style));
  return pieces;
}

const MOMENT = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?(Z|UTC|[+-]\d\d:?\d\d))?/;
const STAMP = new RegExp(`^\\[?${MOMENT.source}\\]?(?=[\\s:|,]|$)[:|,]?\\s*`);

/* How many characters at its beginning are the time that a line was printed; 0: it has none. */
export function stampLength(line: string): number {
  return STAMP.exec(line)?.[0].length ?? 0;
}

/* The word of a level that a line names; "" for none. */
export function levelOf(line: string): "bad" | "warn" | "" {
  const head = line.slice(0, 400);
  if (/\b(error|fatal|critical|panic|traceback)\b/i.test(head)) {
    return "bad";
  }
  return /\bwarn(ing)?\b/i.test(head) ? "warn" : "";
}
