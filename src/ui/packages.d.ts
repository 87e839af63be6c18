/* What the map needs of two packages that come without types, and of the shapes. */

declare module "d3-geo" {
  export type Point = [number, number];
  export interface Projection {
    (point: Point): Point | null;
    fitExtent(box: [Point, Point], shape: object): Projection;
    clipExtent(box: [Point, Point]): Projection;
  }
  export function geoEqualEarth(): Projection;
  export function geoGraticule10(): object;
  export function geoPath(projection: Projection): (shape: object) => string | null;
}

declare module "topojson-client" {
  interface Feature {
    id?: string;
    geometry: object;
  }
  export function feature(topology: object, what: object): { features: Feature[] };
}

declare module "world-atlas/countries-110m.json" {
  const world: { objects: { countries: object } };
  export default world;
}
