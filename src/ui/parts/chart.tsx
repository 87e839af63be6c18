/*
 * An answer as a chart: a map, bars, columns, groups of columns, a line, or one large number. All
 * are HTML and SVG of our own; the table above them has every value.
 */

import { chartBy } from "../chart-choice.ts";
import type { Chart } from "../chart-rule.ts";
import { count, decimal } from "../format.ts";
import { ChartOptions, useChoice } from "./chart-options.tsx";
import type { Rows } from "../types.ts";
import { CountryMap, PointMap } from "./world-map.tsx";

type Row = (string | null)[];

function largest(rows: Row[], value: number): number {
  return Math.max(...rows.map((row) => Number(row[value] ?? 0)), 0) || 1;
}

function Card({ rows, value }: { rows: Rows; value: number }) {
  const row = rows.rows[0] ?? [];
  return (
    <div class="card">
      <div class="large">{decimal(row[value])}</div>
      <div class="quiet">{rows.columns[value]?.name}</div>
      {rows.columns.map((column, at) =>
        at === value ? null : (
          <div key={column.name}>
            <span class="quiet">{column.name}</span> {row[at] ?? "null"}
          </div>
        ),
      )}
    </div>
  );
}

interface Bars {
  rows: Row[];
  across: number;
  value: number;
  label?: number;
}

function Bars({ rows, across, value, label }: Bars) {
  const top = largest(rows, value);
  return (
    <div class="bars">
      {rows.map((row, at) => (
        <div class="bar-row" key={at}>
          <span class="bar-name">{row[across] ?? "null"}</span>
          <span class="bar-track">
            <span
              class="bar-fill"
              style={{ width: `${(100 * Math.max(0, Number(row[value] ?? 0))) / top}%` }}
            />
          </span>
          <span class="bar-value">
            {decimal(row[value])}
            {label === undefined ? null : <span class="quiet"> {row[label] ?? "null"}</span>}
          </span>
        </div>
      ))}
    </div>
  );
}

const BARS_MAX = 200;
const NAMED_MAX = 16; // columns whose values stand above them

const WIDE = 720;
const HIGH = 240;
const LEFT = 8;
const BELOW = 22;

function x(at: number, all: number): number {
  return LEFT + ((at + 0.5) * (WIDE - 2 * LEFT)) / all;
}

function Axis({ names }: { names: string[] }) {
  const every = Math.ceil(names.length / 12);
  return (
    <>
      <line class="axis" x1={0} x2={WIDE} y1={HIGH - BELOW} y2={HIGH - BELOW} />
      {names.map((name, at) =>
        at % every === 0 ? (
          <text key={at} x={x(at, names.length)} y={HIGH - 6} text-anchor="middle">
            {name}
          </text>
        ) : null,
      )}
    </>
  );
}

function Line({ rows, across, value }: Bars) {
  const top = largest(rows, value);
  const y = (row: Row) => HIGH - BELOW - ((HIGH - BELOW - 16) * Number(row[value] ?? 0)) / top;
  const points = rows.map((row, at) => `${x(at, rows.length)},${y(row)}`).join(" ");
  return (
    <svg class="chart" viewBox={`0 0 ${WIDE} ${HIGH}`} aria-hidden="true">
      <Axis names={rows.map((row) => row[across] ?? "null")} />
      <line class="guide" x1={0} x2={WIDE} y1={16} y2={16} />
      <text x={0} y={12}>
        {decimal(rows.find((row) => Number(row[value] ?? 0) === top)?.[value])}
      </text>
      <polyline points={points} />
    </svg>
  );
}

function Columns({ rows, across, value, label }: Bars) {
  const top = largest(rows, value);
  const width = Math.min(64, ((WIDE - 2 * LEFT) / rows.length) * 0.7);
  return (
    <svg class="chart" viewBox={`0 0 ${WIDE} ${HIGH}`} aria-hidden="true">
      <Axis names={rows.map((row) => row[across] ?? "null")} />
      {rows.map((row, at) => {
        const high = ((HIGH - BELOW - 34) * Math.max(0, Number(row[value] ?? 0))) / top;
        const centre = x(at, rows.length);
        return (
          <g key={at}>
            <rect
              class="role-0"
              x={centre - width / 2}
              width={width}
              y={HIGH - BELOW - high}
              height={high}
            />
            {rows.length > NAMED_MAX ? null : (
              <text x={centre} y={HIGH - BELOW - high - 4} text-anchor="middle">
                {decimal(row[value])}
              </text>
            )}
            {label === undefined || rows.length > NAMED_MAX / 2 ? null : (
              <text class="quiet" x={centre} y={HIGH - BELOW - high - 18} text-anchor="middle">
                {row[label] ?? ""}
              </text>
            )}
          </g>
        );
      })}
    </svg>
  );
}

function Groups({ rows, across, within, value }: Bars & { within: number }) {
  const top = largest(rows, value);
  const names = [...new Set(rows.map((row) => row[across] ?? "null"))];
  const roles = [...new Set(rows.map((row) => row[within] ?? "null"))];
  const slot = (WIDE - 2 * LEFT) / names.length;
  const width = (slot * 0.8) / roles.length;
  return (
    <>
      <ul class="legend">
        {roles.map((role, at) => (
          <li key={role}>
            <span class={`swatch role-${at}`} /> {role}
          </li>
        ))}
      </ul>
      <svg class="chart" viewBox={`0 0 ${WIDE} ${HIGH}`} aria-hidden="true">
        <Axis names={names} />
        {rows.map((row, at) => {
          const role = roles.indexOf(row[within] ?? "null");
          const high = ((HIGH - BELOW - 20) * Math.max(0, Number(row[value] ?? 0))) / top;
          const left =
            LEFT + names.indexOf(row[across] ?? "null") * slot + slot * 0.1 + role * width;
          return (
            <g key={at}>
              <rect
                class={`role-${role}`}
                x={left + 1}
                width={Math.max(1, width - 2)}
                y={HIGH - BELOW - high}
                height={high}
              />
              {width < 26 ? null : (
                <text x={left + width / 2} y={HIGH - BELOW - high - 4} text-anchor="middle">
                  {decimal(row[value])}
                </text>
              )}
            </g>
          );
        })}
      </svg>
    </>
  );
}

function Picture({ rows, chart }: { rows: Rows; chart: Exclude<Chart, { kind: "none" }> }) {
  switch (chart.kind) {
    case "card":
      return <Card rows={rows} value={chart.value} />;
    case "points":
      return <PointMap rows={rows} {...chart} />;
    case "map":
      return <CountryMap rows={rows} {...chart} />;
    case "groups":
      return <Groups rows={rows.rows} {...chart} />;
    case "line":
      return <Line rows={rows.rows} {...chart} />;
    case "columns":
      return <Columns rows={rows.rows} {...chart} />;
    case "bars":
      return <Bars rows={rows.rows} {...chart} />;
  }
}

/* What a chart can show of the rows: bars and one number cannot be drawn for any count of them. */
function shownOf(rows: Rows, { kind }: Chart): Rows {
  const most = kind === "bars" ? BARS_MAX : kind === "card" ? 1 : rows.rows.length;
  return { ...rows, rows: rows.rows.slice(0, most) };
}

function Drawn({ rows, chart }: { rows: Rows; chart: Exclude<Chart, { kind: "none" }> }) {
  const shown = shownOf(rows, chart);
  const [here, all] = [shown.rows.length, rows.rows.length];
  return (
    <figure>
      <Picture rows={shown} chart={chart} />
      {chart.kind === "map" || chart.kind === "points" ? null : (
        <figcaption class="quiet">
          {rows.columns[chart.value]?.name ?? ""},{" "}
          {here < all ? `the first ${count(here)} of ${count(all)}` : count(all)}{" "}
          {all === 1 ? "row" : "rows"}
        </figcaption>
      )}
    </figure>
  );
}

/* `rows` are all of the answer's. */
export function ChartOf({ rows }: { rows: Rows }) {
  const choice = useChoice();
  const chart = chartBy(rows, choice);
  return (
    <>
      {chart.kind === "none" ? (
        <p class="quiet">No chart: {chart.why}.</p>
      ) : (
        <Drawn rows={rows} chart={chart} />
      )}
      <ChartOptions rows={rows} choice={choice} chart={chart} />
    </>
  );
}
