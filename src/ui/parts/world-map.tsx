/*
 * Answers on a map: the values of countries in steps of one colour, with a ranked list of all rows
 * beside it, or places as points. The shapes come when the first map is shown.
 */

import { useMemo, useState } from "preact/hooks";

import { countryOf } from "../country.ts";
import type { Country } from "../country.ts";
import { count, decimal } from "../format.ts";
import { order, stepOf, stepsOf } from "../steps.ts";
import type { Step } from "../steps.ts";
import type { Rows } from "../types.ts";
import { dots, SheetOf, Source } from "./sheet.tsx";
import type { Point, Sheet, World } from "./sheet.tsx";

/* --- countries ------------------------------------------------------------------------------- */

interface Entry {
  name: string | null;
  country?: Country;
  value?: string; // undefined: null, or not a number
  cell: string | null | undefined;
  label?: string | null;
}

function isFinite(cell: string | null | undefined): cell is string {
  return cell !== null && cell !== undefined && Number.isFinite(Number(cell));
}

function entriesOf({ rows, across, value, label }: MapProps): Entry[] {
  return rows.rows
    .map((row) => ({
      name: row[across] ?? null,
      country: countryOf(row[across]),
      value: isFinite(row[value]) ? row[value] : undefined,
      cell: row[value],
      label: label === undefined ? undefined : row[label],
    }))
    .sort((a, b) =>
      a.value === undefined || b.value === undefined
        ? Number(a.value === undefined) - Number(b.value === undefined)
        : order(b.value, a.value),
    );
}

function Legend({ steps, hatched }: { steps: Step[]; hatched: boolean }) {
  return (
    <ul class="legend">
      {steps.map(({ from, to }, at) => (
        <li key={at}>
          <span class={`swatch step-${at}`} />{" "}
          {from === to ? decimal(from) : `${decimal(from)} to ${decimal(to)}`}
        </li>
      ))}
      {hatched ? (
        <li>
          <span class="swatch step-none" /> no value
        </li>
      ) : null}
      <li>
        <span class="swatch step-absent" /> no row
      </li>
    </ul>
  );
}

interface RankedProps {
  entries: Entry[];
  steps: Step[];
  columns: { name: string; value: string; label?: string };
  onLook: (id: string) => void;
}

function Ranked({ entries, steps, columns, onLook }: RankedProps) {
  const top = Math.max(1e-300, ...entries.map((one) => Number(one.value ?? 0)));
  return (
    <div class="scroll ranked" tabIndex={0} role="region" aria-label="Ranked list">
      <table>
        <caption class="hidden">
          {columns.value} by {columns.name}, the largest first
        </caption>
        <thead>
          <tr>
            <th scope="col">{columns.name}</th>
            <th scope="col" class="number">
              {columns.value}
            </th>
            {columns.label === undefined ? null : <th scope="col">{columns.label}</th>}
          </tr>
        </thead>
        <tbody>
          {entries.map((one, at) => (
            <tr
              key={at}
              onMouseEnter={() => onLook(one.country?.id ?? "")}
              onMouseLeave={() => onLook("")}
            >
              <th scope="row">
                {one.name ?? <span class="null">null</span>}
                {one.country === undefined ? <span class="off-map"> not on the map</span> : null}
              </th>
              <td class="number">
                {one.cell === null ? <span class="null">null</span> : decimal(one.cell)}
                <span class="track" aria-hidden="true">
                  <span
                    class={one.value === undefined ? "" : `step-${stepOf(steps, one.value)}`}
                    style={{ width: `${(100 * Math.max(0, Number(one.value ?? 0))) / top}%` }}
                  />
                </span>
              </td>
              {columns.label === undefined ? null : <td class="words">{one.label ?? "null"}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface MapProps {
  rows: Rows;
  across: number;
  value: number;
  label?: number;
}

function sheetOfAll(world: World): Sheet {
  return world.wholeWorld();
}

interface DrawnProps {
  byId: Map<string, Entry>;
  steps: Step[];
  looked: string;
}

/* The shapes in their colours, and points for the countries that have none. */
function Drawn({ byId, steps, looked }: DrawnProps) {
  const fill = (one: Entry | undefined) =>
    one === undefined
      ? "step-absent"
      : one.value === undefined
        ? "step-none"
        : `step-${stepOf(steps, one.value)}`;
  const title = (one: Entry | undefined) =>
    one === undefined
      ? undefined
      : `${one.name}: ${decimal(one.cell)}${one.label === undefined ? "" : `, ${one.label}`}`;
  const mark = (id: string) => (id !== "" && id === looked ? "looked" : "");
  return (
    <SheetOf
      sheetOf={sheetOfAll}
      className={(id) => `${fill(byId.get(id))} ${mark(id)}`}
      title={(id) => title(byId.get(id))}
    >
      {(sheet) =>
        [...byId].map(([id, one]) => {
          if (one.country?.point === undefined) {
            return null;
          }
          const d = dots(sheet, [one.country.point]);
          return (
            <g key={id} class={`dot ${mark(id)}`}>
              <path class="rim" d={d} />
              <path class={fill(one)} d={d}>
                <title>{title(one)}</title>
              </path>
            </g>
          );
        })
      }
    </SheetOf>
  );
}

/* The first entry of each country: its largest. */
function firstOfEach(entries: Entry[]): Map<string, Entry> {
  const byId = new Map<string, Entry>();
  for (const one of entries) {
    if (one.country !== undefined && !byId.has(one.country.id)) {
      byId.set(one.country.id, one);
    }
  }
  return byId;
}

export function CountryMap(props: MapProps) {
  const { rows, across, value, label } = props;
  const [looked, setLooked] = useState("");
  const { entries, steps, byId } = useMemo(() => {
    const entries = entriesOf(props);
    const values = entries.flatMap((one) => one.value ?? []);
    return { entries, steps: stepsOf(values), byId: firstOfEach(entries) };
  }, [rows]);
  const onMap = entries.filter((one) => one.country !== undefined);
  const different = (some: Entry[]) =>
    new Set(some.flatMap((one) => (one.name === null ? [] : one.name))).size;
  const column = (at: number) => rows.columns[at]?.name ?? "";
  const countries = `${count(different(onMap))} of ${count(different(entries))} countries`;
  return (
    <>
      <div class="world">
        <div>
          <Legend
            steps={steps}
            hatched={[...byId.values()].some((one) => one.value === undefined)}
          />
          <Drawn byId={byId} steps={steps} looked={looked} />
        </div>
        <Ranked
          entries={entries}
          steps={steps}
          columns={{
            name: column(across),
            value: column(value),
            label: label === undefined ? undefined : column(label),
          }}
          onLook={setLooked}
        />
      </div>
      <figcaption class="quiet">
        {column(value)} by {column(across)}: {countries} and {count(onMap.length)} of{" "}
        {count(entries.length)} rows are on the map.{" "}
        {onMap.length > byId.size ? "A country with several rows shows its largest value. " : ""}
        <Source />
      </figcaption>
    </>
  );
}

/* --- points ---------------------------------------------------------------------------------- */

interface PointsProps {
  rows: Rows;
  latitude: number;
  longitude: number;
}

export function PointMap({ rows, latitude, longitude }: PointsProps) {
  const points = useMemo(
    () =>
      rows.rows
        .filter((row) => isFinite(row[latitude]) && isFinite(row[longitude]))
        .map((row): Point => [Number(row[longitude]), Number(row[latitude])])
        .filter(([east, north]) => Math.abs(east) <= 180 && Math.abs(north) <= 90),
    [rows],
  );
  const sheetOf = useMemo(() => (world: World) => world.around(points), [points]);
  return (
    <>
      {points.length === 0 ? null : (
        <SheetOf sheetOf={sheetOf}>
          {(sheet) => {
            const d = dots(sheet, points);
            return (
              <g class="dot places">
                <path class="rim" d={d} />
                <path d={d} />
              </g>
            );
          }}
        </SheetOf>
      )}
      <figcaption class="quiet">
        {count(points.length)} of {count(rows.rows.length)} rows have a latitude and a longitude,
        and are on the map. <Source />
      </figcaption>
    </>
  );
}
