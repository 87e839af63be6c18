/* What the columns of some rows hold, as the server says it of a table's. */

import { isNumber } from "./parts/grid.tsx";
import type { ColumnSummary, Rows } from "./types.ts";

const BINS = 20;
const FREQUENT = 10;
const VALUE_MAX = 100; // characters

type Cell = string | null;

/* Whole numbers are compared by all of their digits. */
function isLess(a: string, b: string, numbers: boolean): boolean {
  if (!numbers) {
    return a < b;
  }
  const whole = /^-?\d+$/;
  return whole.test(a) && whole.test(b) ? BigInt(a) < BigInt(b) : Number(a) < Number(b);
}

/* Counts of equal ranges; undefined where the numbers are not spread. */
function binsOf(values: string[]): string[] | undefined {
  const numbers = values.map(Number).filter(Number.isFinite);
  const least = numbers.reduce((a, b) => Math.min(a, b), Infinity);
  const width = numbers.reduce((a, b) => Math.max(a, b), -Infinity) - least;
  if (numbers.length === 0 || !(width > 0) || !Number.isFinite(width)) {
    return undefined;
  }
  const bins = new Array<number>(BINS).fill(0);
  for (const number of numbers) {
    const at = Math.min(BINS - 1, Math.floor(((number - least) / width) * BINS));
    bins[at] = (bins[at] ?? 0) + 1;
  }
  return bins.map(String);
}

function summaryOf(column: { name: string; type: string }, cells: Cell[]): ColumnSummary {
  const values = cells.filter((cell) => cell !== null);
  const numbers = isNumber(column.type);
  const counts = new Map<string, number>();
  let [least, greatest] = [values[0] ?? null, values[0] ?? null];
  for (const value of values) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
    least = least === null || isLess(value, least, numbers) ? value : least;
    greatest = greatest === null || isLess(greatest, value, numbers) ? value : greatest;
  }
  const bins = numbers ? binsOf(values) : undefined;
  const frequent = [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, FREQUENT)
    .map(([value, times]): [string, string] => [value.slice(0, VALUE_MAX), `${times}`]);
  return {
    column: column.name,
    rows: cells.length,
    nulls: cells.length - values.length,
    distinct: counts.size,
    least,
    greatest,
    ...(bins === undefined ? { frequent } : { bins }),
  };
}

export function summariesOf({ columns, rows }: Rows): ColumnSummary[] {
  return columns.map((column, at) =>
    summaryOf(
      column,
      rows.map((row) => row[at] ?? null),
    ),
  );
}
