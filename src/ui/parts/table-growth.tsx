/* How a table has grown: its rows and its bytes by version, as lines and as a list. */

import { useGet } from "../api.ts";
import { bytes, count } from "../format.ts";
import type { GrowthPoint, Items } from "../types.ts";
import { List } from "./list.tsx";
import type { Column } from "./list.tsx";
import { Empty, Region } from "./region.tsx";
import { At } from "./time.tsx";

const WIDTH = 640;
const HEIGHT = 120;

const POINTS: Column<GrowthPoint>[] = [
  {
    name: "Version",
    cell: (row) => count(row.version),
    sort: (row) => row.version,
    number: true,
  },
  { name: "Time", cell: (row) => <At ms={row.committed_ms} />, sort: (row) => row.committed_ms },
  { name: "Rows", cell: (row) => count(row.rows), sort: (row) => row.rows ?? -1, number: true },
  {
    name: "Size",
    cell: (row) => bytes(row.size_bytes),
    sort: (row) => row.size_bytes,
    number: true,
  },
  { name: "Files", cell: (row) => count(row.files), sort: (row) => row.files, number: true },
];

interface LineProps {
  name: string;
  points: GrowthPoint[];
  of: (point: GrowthPoint) => number | null;
  words: (value: number | null | undefined) => string;
}

/* Versions whose value is not known are passed over. */
function Line({ name, points, of, words }: LineProps) {
  const known = points.filter((point) => of(point) !== null);
  const most = Math.max(1, ...known.map((point) => of(point) ?? 0));
  const [first, last] = [known[0], known[known.length - 1]];
  if (first === undefined || last === undefined) {
    return null;
  }
  const versions = last.version - first.version;
  const at = (point: GrowthPoint) => {
    const x = versions === 0 ? WIDTH : (WIDTH * (point.version - first.version)) / versions;
    const y = HEIGHT - ((HEIGHT - 8) * (of(point) ?? 0)) / most;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  };
  const begin = `${words(of(first))} at version ${count(first.version)}`;
  const end = `${words(of(last))} at version ${count(last.version)}`;
  return (
    <figure class="growth">
      <svg viewBox={`-4 0 ${WIDTH + 8} ${HEIGHT + 4}`} aria-hidden="true">
        <line class="axis" x1={0} x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        <polyline points={known.map(at).join(" ")} />
      </svg>
      <figcaption>
        {name} by version: {begin}, {end}; at most {words(most)}.
      </figcaption>
    </figure>
  );
}

export function Growth({ path }: { path: string }) {
  const growth = useGet<Items<GrowthPoint>>(`${path}/growth`);
  return (
    <Region of={growth}>
      {({ items }) => (
        <>
          {items.length < 2 ? null : (
            <div class="growths">
              <Line name="Rows" points={items} of={(point) => point.rows} words={count} />
              <Line name="Size" points={items} of={(point) => point.size_bytes} words={bytes} />
            </div>
          )}
          <List
            caption="Growth"
            columns={POINTS}
            rows={items}
            words={(row) => `${row.version}`}
            empty={<Empty>No version can be read.</Empty>}
          />
        </>
      )}
    </Region>
  );
}
