/* Which country a text means: by its name, however that is written, or by its code. */

import { COUNTRIES } from "./countries.ts";

export interface Country {
  id: string; // ISO 3166-1 numeric, which the map's shapes have too
  point?: [number, number]; // longitude and latitude, where the map has no shape
}

const ROW = /^(\d{3}) (\w\w) (\w{3})(?: @([-\d.]+),([-\d.]+))? (.+)$/;

/* What a name may have after it: "(Malvinas)", ", Islamic Republic of". */
const FORM = /\(.*?\)|, [^,]*\b(republic|states?|federation|province|kingdom)\b.*$/i;

/* "Côte d'Ivoire" and "The Cote d’Ivoire" are one: letters without marks, words without signs. */
function key(name: string): string {
  return name
    .normalize("NFD")
    .replace(/[\u0300-\u036f'’.]/g, "")
    .toLowerCase()
    .replaceAll("&", " and ")
    .replace(/[^\p{L}\d]+/gu, " ")
    .replace(/\bst\b/g, "saint")
    .replace(/^ ?the /, "")
    .trim();
}

function table(): Map<string, Country> {
  const found = new Map<string, Country>();
  for (const line of COUNTRIES.trim().split("\n")) {
    const [, id = "", two = "", three = "", east, north, names = ""] = ROW.exec(line) ?? [];
    const country: Country = { id };
    if (east !== undefined) {
      country.point = [Number(east), Number(north)];
    }
    found.set(`=${two}`, country).set(`=${three}`, country);
    names.split("|").forEach((name) => found.set(key(name), country));
  }
  return found;
}

let known: Map<string, Country> | undefined;

/* Undefined: no country, or one of several. Codes count in capitals only; "no" is a word. */
export function countryOf(text: string | null | undefined): Country | undefined {
  if (text === null || text === undefined) {
    return undefined;
  }
  known ??= table();
  const short = text.replace(FORM, "");
  return known.get(`=${text.trim()}`) ?? known.get(key(text)) ?? known.get(key(short));
}
