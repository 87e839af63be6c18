/*
 * The shapes of the countries (Natural Earth, 1:110 million) on a flat sheet, where equal areas are
 * equal (Equal Earth). Only a map loads this: it is the largest file of the pages after the editor.
 */

import { geoEqualEarth, geoGraticule10, geoPath } from "d3-geo";
import type { Point, Projection } from "d3-geo";
import { feature } from "topojson-client";
import world from "world-atlas/countries-110m.json";

export const WIDE = 720;
export const HIGH = 352;

const EDGE = 2;
const SPAN_MIN = 20; // degrees: the shapes are too coarse for a closer look

export interface Sheet {
  shapes: { id: string; path: string }[]; // in the order of the file, which is their key
  lines: string; // each 10 degrees
  place: (point: Point) => Point | null;
}

const features = feature(world, world.objects.countries).features;

function sheet(projection: Projection): Sheet {
  projection.clipExtent([
    [0, 0],
    [WIDE, HIGH],
  ]);
  const draw = geoPath(projection);
  return {
    shapes: features.map((one) => ({ id: one.id ?? "", path: draw(one.geometry) ?? "" })),
    lines: draw(geoGraticule10()) ?? "",
    place: projection,
  };
}

function fitted(shape: object): Projection {
  return geoEqualEarth().fitExtent(
    [
      [EDGE, EDGE],
      [WIDE - EDGE, HIGH - EDGE],
    ],
    shape,
  );
}

let whole: Sheet | undefined;

export function wholeWorld(): Sheet {
  whole ??= sheet(fitted({ type: "Sphere" }));
  return whole;
}

/* The part of the world that holds the points, which are longitudes and latitudes. */
export function around(points: Point[]): Sheet {
  const [west, east] = range(points.map(([x]) => x));
  const [south, north] = range(points.map(([, y]) => y));
  if (east - west > 180 || north - south > 90) {
    return wholeWorld();
  }
  const corners = [
    [west, south],
    [west, north],
    [east, south],
    [east, north],
  ];
  return sheet(fitted({ type: "MultiPoint", coordinates: corners }));
}

/* From the smallest to the largest, a tenth more at each end, and at least SPAN_MIN apart. */
function range(values: number[]): [number, number] {
  const from = values.reduce((least, one) => Math.min(least, one), Infinity);
  const to = values.reduce((most, one) => Math.max(most, one), -Infinity);
  const spare = Math.max((to - from) / 10, (SPAN_MIN - (to - from)) / 2);
  return [from - spare, to + spare];
}
