/* What can be done with an answer: its columns summed up, copied as Markdown, and its SQL. */

import { useState } from "preact/hooks";

import { ApiError, get } from "../api.ts";
import { count } from "../format.ts";
import { markdownOf } from "../markdown.ts";
import { summariesOf } from "../summary.ts";
import type { ColumnSummary, Query, Rows } from "../types.ts";
import { ColumnTable } from "./column-table.tsx";
import { useAction } from "./dialog.tsx";
import { Failure } from "./region.tsx";

const PAGE = 1000; // rows of a request
const SUMMED_MAX = 10_000; // rows that are summed up
const COPIED_MAX = 1000;

async function firstRows(query: Query, most: number): Promise<Rows> {
  const all: Rows = { columns: query.columns ?? [], rows: [] };
  while (all.rows.length < Math.min(most, query.rows)) {
    const asked = `offset=${all.rows.length}&limit=${Math.min(PAGE, most - all.rows.length)}`;
    const { rows } = await get<Rows>(`queries/${query.id}/rows?${asked}`);
    if (rows.length === 0) {
      break;
    }
    all.rows.push(...rows);
  }
  return all;
}

export function AnswerTools({ query }: { query: Query }) {
  const [columns, setColumns] = useState<ColumnSummary[]>();
  const [copied, setCopied] = useState("");
  const { busy, error, act } = useAction();
  const sumUp = () =>
    columns === undefined
      ? act(async () => setColumns(summariesOf(await firstRows(query, SUMMED_MAX))))
      : setColumns(undefined);
  const copy = () =>
    act(async () => {
      const rows = await firstRows(query, COPIED_MAX);
      try {
        await navigator.clipboard.writeText(markdownOf(rows));
        setCopied(`${count(rows.rows.length)} of ${count(query.rows)} rows copied`);
      } catch {
        setCopied("The browser does not let this page copy.");
      }
    });
  const all = query.rows <= SUMMED_MAX;
  return (
    <>
      <div class="bar">
        <button
          aria-expanded={columns !== undefined}
          disabled={busy || query.rows === 0}
          onClick={() => void sumUp()}
        >
          Columns
        </button>
        <button disabled={busy || query.rows === 0} onClick={() => void copy()}>
          Copy as Markdown
        </button>
        <span class="quiet" role="status">
          {copied}
        </span>
      </div>
      {error instanceof ApiError ? <Failure error={error} /> : null}
      {columns === undefined ? null : (
        <ColumnTable
          columns={columns}
          of={all ? "" : `Of the first ${count(SUMMED_MAX)} of ${count(query.rows)} rows.`}
        />
      )}
      <details>
        <summary>SQL of this answer</summary>
        <pre class="source" tabIndex={0}>
          {query.sql}
        </pre>
      </details>
    </>
  );
}
