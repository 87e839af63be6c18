/*
 * The chart that a reader has chosen: its kind and its columns. What is not chosen is as the rule
 * of chart-rule.ts has it. A choice stands for all answers, so columns that this one has not are
 * passed over.
 */

import { chartOf, distinct, isLatitude, isLongitude } from "./chart-rule.ts";
import type { Chart } from "./chart-rule.ts";
import { isNumber } from "./parts/grid.tsx";
import type { Rows } from "./types.ts";

export type ChartKind = Chart["kind"];

export interface ChartChoice {
  kind?: string;
  across?: string; // the column of names or times; of points the longitude
  value?: string; // the column of numbers; of points the latitude
  by?: string; // the column of the groups, or of what stands beside the number
}

const WORDS: Record<ChartKind, string> = {
  bars: "Bars",
  columns: "Columns",
  line: "Line",
  groups: "Groups of columns",
  map: "Map of countries",
  points: "Map of points",
  card: "Number",
  none: "No chart",
};
export const KINDS = Object.entries(WORDS) as [ChartKind, string][];

const GROUPS_MAX = 6; // as many as there are colours

function isKind(text: string | undefined): text is ChartKind {
  return text !== undefined && Object.hasOwn(WORDS, text);
}

interface Columns {
  across: number;
  value: number;
  by?: number;
}

function pointsOf(rows: Rows, choice: ChartChoice, chosen: Columns): Chart {
  const find = (is: (name: string) => boolean) =>
    rows.columns.findIndex((column) => isNumber(column.type) && is(column.name));
  const latitude = choice.value === undefined ? find(isLatitude) : chosen.value;
  const longitude = choice.across === undefined ? find(isLongitude) : chosen.across;
  return latitude < 0 || longitude < 0
    ? { kind: "none", why: "choose the columns of the latitude and the longitude" }
    : { kind: "points", latitude, longitude };
}

function groupsOf(rows: Rows, { across, value, by }: Columns): Chart {
  const within = by ?? rows.columns.findIndex((_, at) => at !== across && at !== value);
  if (within < 0) {
    return { kind: "none", why: "choose a column for the groups" };
  }
  return distinct(rows, within) > GROUPS_MAX
    ? { kind: "none", why: `there would be more than ${GROUPS_MAX} columns in a group` }
    : { kind: "groups", across, within, value };
}

/* The columns, where the reader or the rule has chosen them, or else the first ones that fit. */
function columnsOf(rows: Rows, choice: ChartChoice, rule: Chart): Columns | undefined {
  const named = (name: string | undefined) => {
    const at = rows.columns.findIndex((column) => column.name === name);
    return at < 0 ? undefined : at;
  };
  const chosen = named(choice.value);
  const fits = (at: number | undefined) =>
    at !== undefined && isNumber(rows.columns[at]?.type ?? "") ? at : undefined;
  const numbers = rows.columns.findIndex((column) => isNumber(column.type));
  const value = fits(chosen) ?? ("value" in rule ? rule.value : numbers);
  if (value < 0) {
    return undefined;
  }
  const other = rows.columns.findIndex((_, at) => at !== value);
  const across = named(choice.across) ?? ("across" in rule ? rule.across : Math.max(0, other));
  const label = "label" in rule && choice.across === undefined ? rule.label : undefined;
  return { across, value, by: named(choice.by) ?? label };
}

export function chartBy(rows: Rows, choice: ChartChoice): Chart {
  const rule = chartOf(rows);
  if (Object.values(choice).every((one) => one === undefined) || rows.rows.length === 0) {
    return rule;
  }
  const kind = isKind(choice.kind) ? choice.kind : rule.kind === "none" ? "bars" : rule.kind;
  const columns = columnsOf(rows, choice, rule);
  if (kind === "none") {
    return { kind, why: "none was chosen" };
  }
  if (columns === undefined) {
    return { kind: "none", why: "no column is a number" };
  }
  const { across, value, by } = columns;
  switch (kind) {
    case "points":
      return pointsOf(rows, choice, columns);
    case "groups":
      return groupsOf(rows, columns);
    case "card":
      return { kind, value };
    case "line":
      return { kind, across, value };
    default:
      return { kind, across, value, label: by };
  }
}
