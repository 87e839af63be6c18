/* A query from its start to its rows. */

import { useEffect, useRef, useState } from "preact/hooks";

import { ApiError, get, post, remove } from "../api.ts";
import { bytes, count, duration } from "../format.ts";
import type { Query, Rows } from "../types.ts";
import { ChartOf } from "./chart.tsx";
import { Grid } from "./grid.tsx";
import { Failure } from "./region.tsx";

const PAGE = 500; // rows fetched at once
const CHART_ROWS_MAX = 2000; // fetched whole, for the chart
const LOOK_MS = 100;
const FORMATS = [
  ["CSV", "csv"],
  ["JSON lines", "jsonl"],
  ["Parquet", "parquet"],
] as const;

/* --- one run of a query ---------------------------------------------------------------------- */

interface Run {
  query?: Query;
  error?: ApiError;
}

/* Runs one query after the other; a new one cancels the one before. */
export function useRun() {
  const [run, setRun] = useState<Run>({});
  const current = useRef("");

  const follow = async (id: string) => {
    while (current.current === id) {
      const query = await get<Query>(`queries/${id}`);
      if (current.current !== id) {
        return;
      }
      setRun({ query });
      if (query.state !== "waiting" && query.state !== "running") {
        return;
      }
      await new Promise((wake) => setTimeout(wake, LOOK_MS));
    }
  };
  const cancel = async () => {
    if (current.current !== "") {
      await remove(`queries/${current.current}`);
    }
  };
  const start = async (sql: string) => {
    try {
      if (run.query?.state === "running" || run.query?.state === "waiting") {
        await cancel();
      }
      setRun({});
      const { id } = await post<{ id: string }>("queries", { sql });
      current.current = id;
      await follow(id);
    } catch (error) {
      if (error instanceof ApiError) {
        setRun({ error });
      }
    }
  };
  useEffect(
    () => () => {
      current.current = ""; // the page is left
    },
    [],
  );
  return { run, start, cancel };
}

/* --- the answer ------------------------------------------------------------------------------ */

/* The rows of a query, fetched where the reader looks. */
function Answer({ query, chart }: { query: Query; chart: boolean }) {
  const all = query.rows;
  const [rows, setRows] = useState<(string | null)[][]>(() => new Array(all));
  const [columns, setColumns] = useState(query.columns ?? []);
  const asked = useRef(new Set<number>());

  const fetchPage = async (page: number) => {
    if (asked.current.has(page) || page * PAGE >= Math.max(all, 1)) {
      return;
    }
    asked.current.add(page);
    try {
      const got = await get<Rows>(`queries/${query.id}/rows?offset=${page * PAGE}&limit=${PAGE}`);
      setColumns(got.columns);
      setRows((before) => {
        const after = before.slice();
        got.rows.forEach((row, at) => {
          after[page * PAGE + at] = row;
        });
        return after;
      });
    } catch {
      asked.current.delete(page); // asked again when it is looked at again
    }
  };
  useEffect(() => need(0, chart && all <= CHART_ROWS_MAX ? all : 1), []);
  const need = (from: number, to: number) => {
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) {
      void fetchPage(page);
    }
  };

  const whole =
    chart && all <= CHART_ROWS_MAX && rows.every((row) => row !== undefined) && rows.length === all;
  const file = `/api/v1/queries/${query.id}/download`;
  return (
    <>
      <p class="bar" role="status">
        <span>
          {count(query.rows)} {all === 1 ? "row" : "rows"} in {duration(query.elapsed_ms)}
        </span>
        <span class="quiet">
          {Object.entries(query.versions)
            .map(([table, version]) => `${table} version ${version}`)
            .join(", ")}
        </span>
        {FORMATS.map(([name, ending]) => (
          <a key={ending} href={`${file}?format=${ending}`} download={`answer.${ending}`}>
            {name}
          </a>
        ))}
        <span class="quiet">{bytes(query.bytes)}</span>
      </p>
      {all === 0 ? (
        <p class="quiet">0 rows.</p>
      ) : (
        <div class={whole ? "charted" : ""}>
          <Grid caption="Answer" columns={columns} rows={rows} onNeed={need} />
        </div>
      )}
      {whole && all > 0 ? <ChartOf rows={{ columns, rows }} /> : null}
      {chart && all > CHART_ROWS_MAX ? (
        <p class="quiet">No chart: there are more than {CHART_ROWS_MAX} rows.</p>
      ) : null}
    </>
  );
}

interface OutcomeProps {
  run: Run;
  cancel: () => Promise<void>;
  chart: boolean; // also as a chart, where the rule has one
}

export function Outcome({ run, cancel, chart }: OutcomeProps) {
  const { query, error } = run;
  if (error !== undefined) {
    return <Failure error={error} />;
  }
  if (query === undefined) {
    return null;
  }
  if (query.state === "waiting" || query.state === "running") {
    return (
      <div class="bar" role="status">
        <progress value={query.progress ?? undefined} />
        <span>
          {query.state === "waiting" ? "Waiting for its turn" : "Running"} for{" "}
          {duration(query.elapsed_ms)}
        </span>
        <button onClick={() => void cancel()}>Cancel</button>
      </div>
    );
  }
  if (query.state === "cancelled") {
    return <p role="status">Cancelled.</p>;
  }
  if (query.state === "failed" && query.error !== null) {
    const { code, message, hint, position } = query.error;
    return <Failure error={new ApiError(400, code, message, hint, position)} />;
  }
  return <Answer key={query.id} query={query} chart={chart} />;
}
