/* The rows of a table at a version, by pages: the server sorts and filters. And its columns. */

import { useState } from "preact/hooks";

import { useGet } from "../api.ts";
import { searchMistake, versionOrTimeMistake } from "../mistakes.ts";
import { place, setQuery } from "../route.ts";
import type { TableRows, TableSummary } from "../types.ts";
import { ColumnTable } from "./column-table.tsx";
import { isNumber } from "./grid.tsx";
import { Mistake } from "./field.tsx";
import { Region } from "./region.tsx";

const PAGE = 100;
const KEPT = ["version", "at", "sort", "where"] as const; // what the URL holds of the view

/* Changes what is shown; the pages begin anew. */
function show(name: string, value: string | undefined): void {
  setQuery("cursor", undefined);
  setQuery(name, value);
}

/* The parameters of the URL, as the API has them. */
function asked(names: readonly string[]): URLSearchParams {
  const params = new URLSearchParams();
  for (const name of names) {
    const value = place.value.query.get(name);
    if (value !== null && value !== "") {
      params.set(name === "where" ? "filter" : name, value);
    }
  }
  return params;
}

/* --- columns ---------------------------------------------------------------------------------- */

function Columns({ path }: { path: string }) {
  const summary = useGet<TableSummary>(`${path}/summary?${asked(["version", "at"])}`);
  return (
    <Region of={summary}>
      {({ columns, sampled }) => (
        <ColumnTable columns={columns} of={sampled ? "Of a sample of 200 000 rows." : ""} />
      )}
    </Region>
  );
}

/* --- rows ------------------------------------------------------------------------------------- */

function Head({ name, type }: { name: string; type: string }) {
  const sort = place.value.query.get("sort") ?? "";
  const active = sort === name || sort === `-${name}`;
  const down = active && sort !== name;
  return (
    <th
      scope="col"
      class={isNumber(type) ? "number" : ""}
      aria-sort={active ? (down ? "descending" : "ascending") : undefined}
    >
      <button class="sort" onClick={() => show("sort", active && !down ? `-${name}` : name)}>
        {name}
        <span aria-hidden="true">{active ? (down ? " ▾" : " ▴") : ""}</span>
      </button>{" "}
      <span class="quiet">{type.toLowerCase()}</span>
    </th>
  );
}

function Page({ page }: { page: TableRows }) {
  return (
    <div class="scroll grid" tabIndex={0} role="region" aria-label="Rows">
      <table>
        <caption class="hidden">Rows of version {page.version}</caption>
        <thead>
          <tr>
            {page.columns.map((column) => (
              <Head key={column.name} {...column} />
            ))}
          </tr>
        </thead>
        <tbody>
          {page.rows.map((row, at) => (
            <tr key={at}>
              {row.map((cell, c) => (
                <td key={c} class={isNumber(page.columns[c]?.type ?? "") ? "number" : ""}>
                  {cell ?? <span class="null">null</span>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/* Which rows: a filter, and a version or a time. */
function Choice() {
  const { query } = place.value;
  const [where, setWhere] = useState(query.get("where") ?? "");
  const [at, setAt] = useState(query.get("at") ?? query.get("version") ?? "");
  const [wrongWhere, wrongAt] = [searchMistake(where), versionOrTimeMistake(at)];
  const submit = (event: Event) => {
    event.preventDefault();
    show("where", where);
    show("version", /^\d+$/.test(at) ? at : undefined);
    show("at", /^\d+$/.test(at) ? undefined : at);
  };
  return (
    <form class="bar" onSubmit={submit}>
      <label for="where">Filter</label>
      <input
        type="search"
        id="where"
        class="wide"
        value={where}
        spellcheck={false}
        placeholder="word column=value column>5 -word"
        aria-invalid={wrongWhere !== undefined}
        aria-describedby="where-wrong"
        onInput={(event) => setWhere(event.currentTarget.value)}
      />
      <Mistake id="where-wrong" of={wrongWhere} />
      <label for="at">Version or time</label>
      <input
        id="at"
        value={at}
        placeholder="the newest"
        spellcheck={false}
        aria-invalid={wrongAt !== undefined}
        aria-describedby="at-wrong"
        onInput={(event) => setAt(event.currentTarget.value.trim())}
      />
      <Mistake id="at-wrong" of={wrongAt} />
      <button class="main" disabled={wrongWhere !== undefined || wrongAt !== undefined}>
        Show
      </button>
    </form>
  );
}

function rowCount(rows: number): string {
  return rows === 0 ? "No row" : rows === 1 ? "1 row" : `${rows} rows`;
}

export function Rows({ path, version }: { path: string; version: number }) {
  const { query } = place.value;
  const [columns, setColumns] = useState(false);
  const params = asked([...KEPT, "cursor"]);
  params.set("limit", `${PAGE}`);
  if (!params.has("version") && !params.has("at")) {
    params.set("version", `${version}`); // a new commit brings new rows
  }
  const rows = useGet<TableRows>(`${path}/rows?${params}`);
  return (
    <>
      <Choice />
      <Region of={rows}>
        {(page) => (
          <>
            <div class="bar">
              <span role="status">
                {rowCount(page.rows.length)} of version {page.version}
              </span>
              {query.get("cursor") === null ? null : (
                <button onClick={() => setQuery("cursor", undefined)}>First page</button>
              )}
              {page.next === undefined ? null : (
                <button onClick={() => setQuery("cursor", page.next)}>Next page</button>
              )}
              <button aria-expanded={columns} onClick={() => setColumns(!columns)}>
                Columns
              </button>
            </div>
            {columns ? <Columns path={path} /> : null}
            {page.rows.length === 0 ? null : <Page page={page} />}
          </>
        )}
      </Region>
    </>
  );
}
