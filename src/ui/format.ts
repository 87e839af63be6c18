/* Numbers, sizes and times as the pages print them. */

import { signal } from "@preact/signals";

const THIN = "\u2009";

/* 1234567 as 1 234 567, with thin spaces; a text of digits stays exact. */
export function count(value: number | string | null | undefined): string {
  if (value === null || value === undefined) {
    return "\u2013";
  }
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

/* A number as it came, with its thousands apart; decimals keep their digits. */
export function decimal(cell: string | null | undefined): string {
  if (cell === null || cell === undefined) {
    return "null";
  }
  const [whole, fraction] = cell.split(".");
  return fraction === undefined ? count(whole) : `${count(whole)}.${fraction}`;
}

export function bytes(value: number | string | null | undefined): string {
  if (value === null || value === undefined) {
    return "\u2013";
  }
  let size = Number(value);
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (size < 1024) {
      return `${unit === "B" || size >= 100 ? Math.round(size) : size.toFixed(1)} ${unit}`;
    }
    size /= 1024;
  }
  return `${size.toFixed(1)} TiB`;
}

/* A rate, a second: as many digits as it takes to tell rates apart. */
export function perSecond(value: number): string {
  const digits = value >= 100 ? count(Math.round(value)) : `${Number(value.toPrecision(2))}`;
  return `${digits}/s`;
}

export function bytesPerSecond(value: number): string {
  return `${bytes(value)}/s`;
}

function parts(large: number, unit: string, rest: number, small: string): string {
  return rest === 0 ? `${large} ${unit}` : `${large} ${unit} ${rest} ${small}`;
}

/* As people say it, in two units at most: "1 m 36 s", "1 d". */
export function duration(ms: number): string {
  if (ms < 1000) {
    return `${Math.round(ms)} ms`;
  }
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) {
    return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    return parts(minutes, "m", seconds % 60, "s");
  }
  const hours = Math.floor(minutes / 60);
  return hours < 24
    ? parts(hours, "h", minutes % 60, "m")
    : parts(Math.floor(hours / 24), "d", hours % 24, "h");
}

/* A word of a command line, as a shell reads it. */
export function quoted(text: string): string {
  return /^[\w.:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/* --- time ---------------------------------------------------------------------------------- */

const ZONE = "pinion-zone";

/* "UTC", or "local" for the reader's own. */
export const zone = signal(localStorage.getItem(ZONE) === "local" ? "local" : "UTC");

export function switchZone(): void {
  zone.value = zone.value === "UTC" ? "local" : "UTC";
  localStorage.setItem(ZONE, zone.value);
}

/* An absolute time with its zone: "2026-11-28 22:41:07 UTC". */
export function time(ms: number): string {
  const date = new Date(ms);
  if (zone.value === "UTC") {
    return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  }
  const two = (n: number) => String(n).padStart(2, "0");
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? "-" : "+";
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const east = `${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${day} ${clock} ${east}`;
}

export function ago(ms: number, nowMs = Date.now()): string {
  const past = nowMs - ms;
  return past < 1000 ? "now" : `${duration(past)} ago`;
}

/* How far ahead a moment is: "in 3 h 20 m". */
export function ahead(ms: number, nowMs = Date.now()): string {
  return ms <= nowMs ? "now" : `in ${duration(ms - nowMs)}`;
}

/* The value of a datetime-local field, in the zone that the reader chose; undefined when empty. */
export function fieldMoment(text: string): number | undefined {
  const ms = Date.parse(zone.value === "UTC" ? `${text}Z` : text);
  return Number.isNaN(ms) ? undefined : ms;
}

export function momentField(ms: number): string {
  const shift = zone.value === "UTC" ? 0 : new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - shift).toISOString().slice(0, 19);
}

/* How long something took, or takes so far; 0 before its start. */
export function tookMs(of: { started_ms: number | null; ended_ms: number | null }): number {
  return of.started_ms === null ? 0 : (of.ended_ms ?? Date.now()) - of.started_ms;
}
