/*
 * A map's sheet: the shapes of the countries, which are fetched when the first map is shown, and
 * what the caller draws over them.
 */

import { useEffect, useMemo, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { ApiError } from "../api.ts";
import { Failure } from "./region.tsx";

export type World = typeof import("../world.ts");
export type Sheet = import("../world.ts").Sheet;
export type Point = [number, number];

interface SheetProps {
  sheetOf: (world: World) => Sheet;
  children: (sheet: Sheet) => ComponentChildren;
  className?: (id: string) => string; // of a country's shape
  title?: (id: string) => string | undefined;
}

export function SheetOf({ sheetOf, children, className, title }: SheetProps) {
  const [world, setWorld] = useState<World>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    import("../world.ts").then(setWorld, () => setFailed(true));
  }, []);
  const sheet = useMemo(() => (world === undefined ? undefined : sheetOf(world)), [world, sheetOf]);
  if (failed) {
    return (
      <Failure error={new ApiError(0, "unreachable", "The map could not be loaded.", undefined)} />
    );
  }
  if (world === undefined || sheet === undefined) {
    return <div class="sheet" />;
  }
  return (
    <svg class="sheet" viewBox={`0 0 ${world.WIDE} ${world.HIGH}`} aria-hidden="true">
      <Hatch />
      <path class="meridians" d={sheet.lines} />
      {sheet.shapes.map(({ id, path }, at) => (
        <path key={at} class={`land ${className?.(id) ?? ""}`} d={path}>
          {title?.(id) === undefined ? null : <title>{title(id)}</title>}
        </path>
      ))}
      {children(sheet)}
    </svg>
  );
}

function Hatch() {
  return (
    <defs>
      <pattern
        id="hatch"
        width="5"
        height="5"
        patternUnits="userSpaceOnUse"
        patternTransform="rotate(45)"
      >
        <rect class="hatch-ground" width="5" height="5" />
        <line class="hatch-line" x1="1" x2="1" y1="0" y2="5" />
      </pattern>
    </defs>
  );
}

/* Lines without length have round ends, whose width is the same at each size of the sheet. */
export function dots(sheet: Sheet, points: Point[]): string {
  return points
    .map((point) => sheet.place(point))
    .map((at) => (at === null ? "" : `M${at[0].toFixed(1)},${at[1].toFixed(1)}h0`))
    .join("");
}

export function Source() {
  return <>Borders: Natural Earth, which shows who is in control (de facto).</>;
}
