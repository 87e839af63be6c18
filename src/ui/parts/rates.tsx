/* How a topic or a stream filled and emptied: records and bytes a second, as lines or a table. */

import { useMemo } from "preact/hooks";

import { useGet } from "../api.ts";
import { bytesPerSecond, perSecond } from "../format.ts";
import type { RecordSource } from "../record-source.ts";
import { place, setQuery } from "../route.ts";
import type { FlowPoint } from "../types.ts";
import { Plot } from "./plot.tsx";
import type { Line } from "./plot.tsx";
import { Empty, Region } from "./region.tsx";
import { At } from "./time.tsx";

const HIGH = 200;
const SPANS = { "30m": "Last 30 minutes", "24h": "Last 24 hours" };

type Member = "in_records" | "in_bytes" | "out_records" | "out_bytes";
type Names = Partial<Record<Member, string>>;

/* What a line means; what is never known has no line. */
function namesOf(unit: RecordSource["unit"], points: FlowPoint[]): Names {
  const all: Names =
    unit === "Partition"
      ? { in_records: "in", out_records: "landed", in_bytes: "in", out_bytes: "landed" }
      : { in_records: "in", out_records: "read by tables", in_bytes: "in" };
  const known = Object.entries(all).filter(([member]) =>
    points.some((point) => point[member as Member] !== null),
  );
  return Object.fromEntries(known);
}

function linesOf(points: FlowPoint[], names: Names, members: Member[]): Line[] {
  return members.flatMap((member) => {
    const name = names[member];
    return name === undefined ? [] : [{ name, values: points.map((point) => point[member]) }];
  });
}

/* "at most 120/s in, 118/s landed". */
function most(lines: Line[], text: (value: number) => string): string {
  const parts = lines.map(
    (line) => `${text(Math.max(0, ...line.values.map((value) => value ?? 0)))} ${line.name}`,
  );
  return `at most ${parts.join(", ")}`;
}

interface ChartProps {
  title: string;
  points: FlowPoint[];
  names: Names;
  members: Member[];
  text: (value: number) => string;
}

function Chart({ title, points, names, members, text }: ChartProps) {
  const times = useMemo(() => points.map((point) => point.until_ms), [points]);
  const lines = useMemo(() => linesOf(points, names, members), [points]);
  return lines.length === 0 ? null : (
    <figure>
      <figcaption>
        <strong>{title}</strong> <span class="quiet">{most(lines, text)}</span>
      </figcaption>
      <Plot times={times} lines={lines} text={text} high={HIGH} kind="steps" />
    </figure>
  );
}

const HEADS: Record<Member, [string, (value: number) => string]> = {
  in_records: ["Records", perSecond],
  out_records: ["Records", perSecond],
  in_bytes: ["Bytes", bytesPerSecond],
  out_bytes: ["Bytes", bytesPerSecond],
};

function AsTable({ points, names }: { points: FlowPoint[]; names: Names }) {
  const members = (Object.keys(HEADS) as Member[]).filter((member) => names[member] !== undefined);
  return (
    <div class="scroll tail" tabIndex={0} role="region" aria-label="Rates">
      <table>
        <caption class="hidden">Rates, the newest first</caption>
        <thead>
          <tr>
            <th scope="col">Until</th>
            {members.map((member) => (
              <th key={member} scope="col" class="number">
                {HEADS[member][0]} {names[member]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[...points].reverse().map((point) => (
            <tr key={point.until_ms}>
              <th scope="row">
                <At ms={point.until_ms} />
              </th>
              {members.map((member) => (
                <td key={member} class="number">
                  {point[member] === null ? "–" : HEADS[member][1](point[member])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const RECORDS: Member[] = ["in_records", "out_records"];
const BYTES: Member[] = ["in_bytes", "out_bytes"];

export function Rates({ source }: { source: RecordSource }) {
  const { query } = place.value;
  const span = query.get("span") === "24h" ? "24h" : "30m";
  const table = query.get("as") === "table";
  const rates = useGet<{ points: FlowPoint[] }>(`${source.path}/rates?span=${span}`, ["rates"]);
  return (
    <>
      <div class="bar">
        <div class="joined" role="group" aria-label="Time">
          {Object.entries(SPANS).map(([name, words]) => (
            <button
              key={name}
              aria-pressed={name === span}
              onClick={() => setQuery("span", name === "30m" ? undefined : name)}
            >
              {words}
            </button>
          ))}
        </div>
        <button onClick={() => setQuery("as", table ? undefined : "table")}>
          {table ? "As charts" : "As a table"}
        </button>
      </div>
      <Region of={rates}>
        {({ points }) => {
          const names = namesOf(source.unit, points);
          return points.length === 0 ? (
            <Empty>
              The server has not run for long enough: it counts every ten seconds, and remembers
              what it counted until it ends.
            </Empty>
          ) : table ? (
            <AsTable points={points} names={names} />
          ) : (
            <>
              <Chart
                title="Records a second"
                points={points}
                names={names}
                members={RECORDS}
                text={perSecond}
              />
              <Chart
                title="Bytes a second"
                points={points}
                names={names}
                members={BYTES}
                text={bytesPerSecond}
              />
            </>
          );
        }}
      </Region>
    </>
  );
}
