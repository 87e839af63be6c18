/* The reader's choice of a chart. It is in the URL, so that a link shows the same one. */

import { KINDS } from "../chart-choice.ts";
import type { ChartChoice } from "../chart-choice.ts";
import type { Chart } from "../chart-rule.ts";
import { place, setQuery } from "../route.ts";
import type { Rows } from "../types.ts";
import { isNumber } from "./grid.tsx";

const PARAMETERS = { kind: "chart", across: "x", value: "y", by: "by" } as const;
type Part = keyof typeof PARAMETERS;

export function useChoice(): ChartChoice {
  const { query } = place.value;
  const of = (part: Part) => query.get(PARAMETERS[part]) ?? undefined;
  return { kind: of("kind"), across: of("across"), value: of("value"), by: of("by") };
}

function choose(part: Part, value: string | undefined): void {
  setQuery(PARAMETERS[part], value);
}

interface SelectProps {
  part: Part;
  name: string;
  chosen: string | undefined;
  options: (readonly [string, string])[]; // a value, and its words
  ruled: string | undefined; // the words of what is shown
}

function Select({ part, name, chosen, options, ruled }: SelectProps) {
  const id = `chart-${part}`;
  const known = options.some(([value]) => value === chosen) ? chosen : "";
  return (
    <div class="choice">
      <label class="quiet" for={id}>
        {name}
      </label>
      <select id={id} value={known} onChange={(event) => choose(part, event.currentTarget.value)}>
        <option value="">
          {known === "" && ruled !== undefined ? `${ruled} (by the rule)` : "By the rule"}
        </option>
        {options.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </div>
  );
}

interface Props {
  rows: Rows;
  choice: ChartChoice;
  chart: Chart; // that is shown
}

export function ChartOptions({ rows, choice, chart }: Props) {
  const names = rows.columns.map(({ name }) => [name, name] as const);
  const numbers = rows.columns
    .filter(({ type }) => isNumber(type))
    .map(({ name }) => [name, name] as const);
  const nameOf = (at: number | undefined) =>
    at === undefined ? undefined : rows.columns[at]?.name;
  const isChosen = Object.values(choice).some((one) => one !== undefined);
  const points = chart.kind === "points";
  const by = ["bars", "columns", "map"].includes(chart.kind) ? "Beside the number" : "Groups";
  return (
    <details class="chart-options" open={isChosen}>
      <summary>Chart options</summary>
      <div class="bar">
        <Select
          part="kind"
          name="Chart"
          chosen={choice.kind}
          options={KINDS}
          ruled={KINDS.find(([kind]) => kind === chart.kind)?.[1]}
        />
        {chart.kind === "card" ? null : (
          <Select
            part="across"
            name={points ? "Longitude" : "Names"}
            chosen={choice.across}
            options={points ? numbers : names}
            ruled={nameOf(points ? chart.longitude : "across" in chart ? chart.across : undefined)}
          />
        )}
        <Select
          part="value"
          name={points ? "Latitude" : "Numbers"}
          chosen={choice.value}
          options={numbers}
          ruled={nameOf(points ? chart.latitude : "value" in chart ? chart.value : undefined)}
        />
        {["card", "line", "points"].includes(chart.kind) ? null : (
          <Select
            part="by"
            name={by}
            chosen={choice.by}
            options={names}
            ruled={nameOf(
              "within" in chart ? chart.within : "label" in chart ? chart.label : undefined,
            )}
          />
        )}
        {isChosen ? (
          <button
            onClick={() =>
              (Object.keys(PARAMETERS) as Part[]).forEach((part) => choose(part, undefined))
            }
          >
            All by the rule
          </button>
        ) : null}
      </div>
    </details>
  );
}
