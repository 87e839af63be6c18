/* A query from its start to its rows. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { ApiError, get, post, remove } from "../api.ts";
import { bytes, count, duration } from "../format.ts";
import { keepQuery, lastQuery } from "../query-store.ts";
import type { Query, Rows } from "../types.ts";
import { AnswerTools } from "./answer-tools.tsx";
import { ChartOf } from "./chart.tsx";
import { Grid } from "./grid.tsx";
import type { Cell } from "./grid.tsx";
import { Failure } from "./region.tsx";

const PAGE = 500; // rows fetched at once
const CHART_ROWS_MAX = 2000; // fetched whole, for the chart
const LOOK_MS = 100;
const LEFT = -1; // the turn of a page that was left: nothing is followed any more
const FORMATS = [
  ["JSON lines", "jsonl"],
  ["Parquet", "parquet"],
] as const;

/* --- one run of a query ---------------------------------------------------------------------- */

interface Run {
  query?: Query;
  first?: Promise<Rows>; // its first page, asked for before anything of it is drawn
  error?: ApiError;
}

function askRows(id: string, page: number, order: string): Promise<Rows> {
  const params = new URLSearchParams({ offset: `${page * PAGE}`, limit: `${PAGE}` });
  if (order !== "") {
    params.set("sort", order);
  }
  return get<Rows>(`queries/${id}/rows?${params}`);
}

/* Runs one query after the other; a new one cancels the one before. The tab's last query is there
 * again when the reader comes back, unless the address names another. What is shown belongs to the
 * newest turn: a start, or the page's coming and going, begins one. */
export function useRun(linked: string | null) {
  const [run, setRun] = useState<Run>({});
  const turn = useRef(0);
  const id = useRef(""); // of this turn's query; "" until the server has named it

  const follow = async (mine: number) => {
    while (turn.current === mine) {
      const query = await get<Query>(`queries/${id.current}`);
      if (turn.current !== mine) {
        return;
      }
      const first = query.state === "done" ? askRows(query.id, 0, "") : undefined;
      first?.catch(() => undefined); // asked again where it is shown
      setRun({ query, first });
      if (query.state !== "waiting" && query.state !== "running") {
        return;
      }
      await new Promise((wake) => setTimeout(wake, LOOK_MS));
    }
  };
  const cancel = async () => {
    if (id.current !== "") {
      await remove(`queries/${id.current}`);
    }
  };
  const start = async (sql: string) => {
    const mine = ++turn.current;
    try {
      if (run.query?.state === "running" || run.query?.state === "waiting") {
        await cancel();
      }
      id.current = "";
      setRun({});
      const started = (await post<{ id: string }>("queries", { sql })).id;
      if (turn.current === mine || turn.current === LEFT) {
        keepQuery(started);
      } else {
        await remove(`queries/${started}`); // a newer one was started meanwhile
      }
      if (turn.current === mine) {
        id.current = started;
        await follow(mine);
      }
    } catch (error) {
      if (error instanceof ApiError && turn.current === mine) {
        setRun({ error });
      }
    }
  };
  const restore = async (last: string) => {
    const mine = turn.current;
    try {
      const query = await get<Query>(`queries/${last}`);
      if (turn.current === mine && (linked === null || linked === query.sql)) {
        id.current = last;
        await follow(mine);
      }
    } catch {
      if (lastQuery() === last) {
        keepQuery(""); // the server keeps it no longer
      }
    }
  };
  useEffect(() => {
    const last = lastQuery();
    if (last !== "") {
      void restore(last);
    }
    return () => {
      turn.current = LEFT;
    };
  }, []);
  return { run, start, cancel };
}

/* --- the answer ------------------------------------------------------------------------------ */

/* The rows of a query in an order, fetched where the reader looks. */
function useRows(query: Query, first: Promise<Rows> | undefined) {
  const all = query.rows;
  const [sort, setSort] = useState("");
  const [rows, setRows] = useState<(Cell[] | undefined)[]>(() => new Array(all));
  const asked = useRef(new Set<string>());
  const shown = useRef(sort);
  const used = useRef(false); // the first page was taken

  const fetchPage = async (order: string, page: number) => {
    const key = `${order} ${page}`;
    if (asked.current.has(key) || page * PAGE >= Math.max(all, 1)) {
      return;
    }
    asked.current.add(key);
    try {
      const isFirst = page === 0 && order === "" && first !== undefined && !used.current;
      used.current ||= isFirst;
      const got = await (isFirst ? first : askRows(query.id, page, order));
      if (shown.current === order) {
        setRows((before) => {
          const after = before.slice();
          got.rows.forEach((row, at) => {
            after[page * PAGE + at] = row;
          });
          return after;
        });
      }
    } catch {
      asked.current.delete(key); // asked again when it is looked at again
    }
  };
  const need = (from: number, to: number) => {
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) {
      void fetchPage(shown.current, page);
    }
  };
  useLayoutEffect(() => need(0, all <= CHART_ROWS_MAX ? all : 1), [sort]);
  const order = (by: string) => {
    shown.current = by;
    asked.current.clear();
    setRows(new Array(all));
    setSort(by);
  };
  return { rows, need, sort, order };
}

/* The whole answer as a file. A spreadsheet runs what looks like a formula, so unless the reader
 * wants the exact text, such cells of CSV begin with an apostrophe. */
function Downloads({ query }: { query: Query }) {
  const [protect, setProtect] = useState(true);
  const file = `/api/v1/queries/${query.id}/download`;
  return (
    <>
      <a href={`${file}?format=csv${protect ? "&protect=true" : ""}`} download="answer.csv">
        CSV
      </a>
      {FORMATS.map(([name, ending]) => (
        <a key={ending} href={`${file}?format=${ending}`} download={`answer.${ending}`}>
          {name}
        </a>
      ))}
      <label
        class="check"
        title="Cells that begin with = + - or @ get an apostrophe, so that a spreadsheet shows them"
      >
        <input
          type="checkbox"
          checked={protect}
          onChange={(event) => setProtect(event.currentTarget.checked)}
        />
        Protect text in CSV
      </label>
    </>
  );
}

function Answer({ query, first }: { query: Query; first: Promise<Rows> | undefined }) {
  const all = query.rows;
  const columns = query.columns ?? [];
  const { rows, need, sort, order } = useRows(query, first);
  const whole = all <= CHART_ROWS_MAX && rows.length === all && !rows.includes(undefined);
  return (
    <>
      <div class="bar">
        <span role="status">
          {count(query.rows)} {all === 1 ? "row" : "rows"} in {duration(query.elapsed_ms)}
        </span>
        <span class="quiet">
          {Object.entries(query.versions)
            .map(([table, version]) => `${table} version ${version}`)
            .join(", ")}
        </span>
        <span class="quiet">{bytes(query.bytes)}</span>
        <Downloads query={query} />
      </div>
      {all === 0 ? (
        <p class="quiet">0 rows.</p>
      ) : (
        <div class={whole ? "charted" : ""}>
          <Grid
            caption="Answer"
            columns={columns}
            rows={rows}
            onNeed={need}
            sort={sort}
            onSort={order}
          />
        </div>
      )}
      {whole && all > 0 ? <ChartOf rows={{ columns, rows: rows as Cell[][] }} /> : null}
      {all > CHART_ROWS_MAX ? (
        <p class="quiet">No chart: there are more than {CHART_ROWS_MAX} rows.</p>
      ) : null}
      <AnswerTools query={query} />
    </>
  );
}

interface OutcomeProps {
  run: Run;
  cancel: () => Promise<void>;
}

export function Outcome({ run, cancel }: OutcomeProps) {
  const { query, first, error } = run;
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
  return <Answer key={query.id} query={query} first={first} />;
}
