/*
 * Which chart shows an answer: the first rule that fits, by the columns in their order. What none
 * fits is shown as a table alone, with the reason. docs/ui.md says the rules in words.
 */

import { countryOf } from "./country.ts";
import { isNumber } from "./parts/grid.tsx";
import type { Rows } from "./types.ts";

export type Chart =
  | { kind: "card"; value: number } // the number's column
  | { kind: "points"; latitude: number; longitude: number }
  | { kind: "map"; across: number; value: number; label?: number }
  | { kind: "groups"; across: number; within: number; value: number }
  | { kind: "line"; across: number; value: number }
  | { kind: "columns"; across: number; value: number; label?: number }
  | { kind: "bars"; across: number; value: number; label?: number }
  | { kind: "none"; why: string };

const BARS_MAX = 50;
const COLUMNS_MAX = 16; // their values stand above them,
const LABELLED_MAX = 8; // and, if there is a label, that too
const COUNTRIES_MIN = 3; // different ones
const COUNTRIES_SHARE_MIN = 0.8; // of the different names
const LATITUDE = /^lat(itude)?$|_lat(itude)?$/i;
const LONGITUDE = /^(lng|lon|long|longitude)$|_(lng|lon|long|longitude)$/i;
const LINE_POINTS_MIN = 8;
const TIME_NAME = /(year|month|day|date|time|hour|week)$/i;
const TIME_TYPE = /^(date|timestamp)/i;
const INTEGER = /^(tinyint|smallint|int|integer|bigint)/i;

export function distinct(rows: Rows, column: number): number {
  return new Set(rows.rows.map((row) => row[column])).size;
}

export function isLatitude(name: string): boolean {
  return LATITUDE.test(name);
}

export function isLongitude(name: string): boolean {
  return LONGITUDE.test(name);
}

/* Do the values of a column name countries? */
function areCountries(rows: Rows, column: number): boolean {
  const names = new Set(rows.rows.map((row) => row[column]).filter((cell) => cell !== null));
  const countries = [...names].filter((name) => countryOf(name) !== undefined);
  return countries.length >= COUNTRIES_MIN && countries.length >= COUNTRIES_SHARE_MIN * names.size;
}

export function chartOf(rows: Rows): Chart {
  const columns = rows.columns.map((column, at) => ({ ...column, at }));
  const isTime = (c: { name: string; type: string }) =>
    TIME_TYPE.test(c.type) || (INTEGER.test(c.type) && TIME_NAME.test(c.name));
  const values = columns.filter((c) => isNumber(c.type) && !isTime(c));
  const words = columns.filter((c) => !isNumber(c.type) || isTime(c));
  const value = values[0]?.at ?? columns.findLast((c) => isNumber(c.type))?.at;
  const [first, second] = words;
  const all = rows.rows.length;

  if (value === undefined) {
    return { kind: "none", why: "no column is a number" };
  }
  if (all === 0) {
    return { kind: "none", why: "there are no rows" };
  }
  if (all === 1) {
    return { kind: "card", value };
  }
  const latitude = columns.find((c) => isNumber(c.type) && isLatitude(c.name))?.at;
  const longitude = columns.find((c) => isNumber(c.type) && isLongitude(c.name))?.at;
  if (latitude !== undefined && longitude !== undefined) {
    return { kind: "points", latitude, longitude };
  }
  if (first === undefined || first.at !== 0) {
    return { kind: "none", why: "the first column is no name and no time" };
  }
  const label = second?.at;
  if (areCountries(rows, 0)) {
    return { kind: "map", across: 0, value, label };
  }
  if (second !== undefined && second.at === 1) {
    const [across, within] = [distinct(rows, 0), distinct(rows, 1)];
    const pairs = new Set(rows.rows.map((row) => JSON.stringify([row[0], row[1]]))).size;
    const grouped = pairs === all && all >= 1.5 * across;
    if (across >= 2 && across <= 12 && within >= 2 && within <= 6 && grouped) {
      return { kind: "groups", across: 0, within: 1, value };
    }
  }
  if (isTime(first) && all >= LINE_POINTS_MIN && distinct(rows, 0) === all) {
    return { kind: "line", across: 0, value };
  }
  if (isTime(first) && all <= (label === undefined ? COLUMNS_MAX : LABELLED_MAX)) {
    return { kind: "columns", across: 0, value, label };
  }
  if (all <= BARS_MAX) {
    return { kind: "bars", across: 0, value, label };
  }
  return { kind: "none", why: `there are more than ${BARS_MAX} rows` };
}
