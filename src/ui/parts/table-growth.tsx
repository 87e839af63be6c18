/* How a table has grown: its rows by version, as a line and as a list. */

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

function Line({ points }: { points: GrowthPoint[] }) {
  const known = points.filter((point) => point.rows !== null);
  const most = Math.max(1, ...known.map((point) => point.rows ?? 0));
  const first = known[0]?.version ?? 0;
  const last = known[known.length - 1]?.version ?? 0;
  const at = (point: GrowthPoint) => {
    const x = last === first ? WIDTH : (WIDTH * (point.version - first)) / (last - first);
    const y = HEIGHT - ((HEIGHT - 8) * (point.rows ?? 0)) / most;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  };
  return (
    <figure class="growth">
      <svg viewBox={`-4 0 ${WIDTH + 8} ${HEIGHT + 4}`} aria-hidden="true">
        <polyline points={known.map(at).join(" ")} />
      </svg>
      <figcaption>
        Rows by version: {count(known[0]?.rows)} at version {count(first)},{" "}
        {count(known[known.length - 1]?.rows)} at version {count(last)}; at most {count(most)}.
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
          {items.length < 2 ? null : <Line points={items} />}
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
