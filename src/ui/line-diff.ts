/* Which lines of a text went and came, from one version to the next. */

export interface DiffLine {
  change: "same" | "gone" | "new" | "gap";
  text: string; // of a gap: how many lines it leaves out
}

/* Larger texts are shown as gone and new altogether: a table of all pairs would take too long. */
const PAIRS_MAX = 4_000_000;
const CONTEXT = 3;

function lines(text: string): string[] {
  const all = text.split("\n");
  return all.at(-1) === "" ? all.slice(0, -1) : all;
}

/* How many lines the two ends of a pair of texts share at most, for each pair of beginnings. */
function sharedFrom(old: string[], now: string[]): Uint32Array[] {
  const rows = Array.from({ length: old.length + 1 }, () => new Uint32Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i--) {
    const row = rows[i] as Uint32Array;
    const below = rows[i + 1] as Uint32Array;
    for (let j = now.length - 1; j >= 0; j--) {
      row[j] =
        old[i] === now[j]
          ? (below[j + 1] as number) + 1
          : Math.max(below[j] as number, row[j + 1] as number);
    }
  }
  return rows;
}

function middle(old: string[], now: string[]): DiffLine[] {
  if (old.length * now.length > PAIRS_MAX) {
    return [
      ...old.map((text): DiffLine => ({ change: "gone", text })),
      ...now.map((text): DiffLine => ({ change: "new", text })),
    ];
  }
  const shared = sharedFrom(old, now);
  const out: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      out.push({ change: "same", text: old[i] as string });
      i++;
      j++;
    } else if (
      j === now.length ||
      (i < old.length && (shared[i + 1]?.[j] as number) >= (shared[i]?.[j + 1] as number))
    ) {
      out.push({ change: "gone", text: old[i++] as string });
    } else {
      out.push({ change: "new", text: now[j++] as string });
    }
  }
  return out;
}

/* All lines of both texts, in an order. */
export function lineDiff(before: string, after: string): DiffLine[] {
  const old = lines(before);
  const now = lines(after);
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) {
    start++;
  }
  let end = 0;
  while (
    end < old.length - start &&
    end < now.length - start &&
    old[old.length - 1 - end] === now[now.length - 1 - end]
  ) {
    end++;
  }
  const same = (text: string): DiffLine => ({ change: "same", text });
  return [
    ...old.slice(0, start).map(same),
    ...middle(old.slice(start, old.length - end), now.slice(start, now.length - end)),
    ...old.slice(old.length - end).map(same),
  ];
}

/* The lines that differ, with some around them; what is left out between is a gap. */
export function changesOnly(all: DiffLine[]): DiffLine[] {
  const isNear = all.map(() => false);
  all.forEach((line, at) => {
    if (line.change !== "same") {
      isNear.fill(true, Math.max(0, at - CONTEXT), at + CONTEXT + 1);
    }
  });
  const out: DiffLine[] = [];
  let left = 0;
  all.forEach((line, at) => {
    left += isNear[at] === true ? 0 : 1;
    const ends = isNear[at + 1] === true || at === all.length - 1;
    if (isNear[at] === true) {
      out.push(line);
    } else if (ends) {
      out.push({ change: "gap", text: `${left}` });
      left = 0;
    }
  });
  return out;
}
