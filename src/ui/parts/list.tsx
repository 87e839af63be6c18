/*
 * A list of things as a table: the reader sorts it by a column, filters it by words, and turns its
 * pages. All of it is in the URL. Each row's first cell is a link, so a middle click opens it in a
 * tab.
 */

import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { count } from "../format.ts";
import { place, setQuery } from "../route.ts";

const PAGE_ROWS = 50;

interface Cells<T> {
  name: string;
  cell: (row: T) => ComponentChildren;
  number?: boolean; // aligned at the right
  sort?: unknown; // none: the column does not sort
}

export interface Column<T> extends Cells<T> {
  sort?: (row: T) => number | string;
}

interface Props<T> {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  words: (row: T) => string; // what the filter looks in
  empty: ComponentChildren; // shown instead, when there are no rows at all
  plain?: boolean; // beside another list, whose filter and order are in the URL: it has neither,
  // and its page is not in the URL
}

function sorted<T>(rows: T[], column: Column<T> | undefined, down: boolean): T[] {
  const by = column?.sort;
  if (by === undefined) {
    return rows;
  }
  const order = (a: T, b: T) => {
    const [x, y] = [by(a), by(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  };
  const up = [...rows].sort(order);
  return down ? up.reverse() : up;
}

/* Another choice or order begins at its first page. */
function show(name: "filter" | "sort", value: string): void {
  setQuery("page", undefined);
  setQuery("cursor", undefined);
  setQuery(name, value);
}

/* The order in the URL: a column's name, after a "-" when it falls. */
export function orderOf(query: URLSearchParams): { by: string; down: boolean } {
  const sort = query.get("sort") ?? "";
  const down = sort.startsWith("-");
  return { by: down ? sort.slice(1) : sort, down };
}

interface PagesProps {
  caption: string;
  at: number; // from 0
  rows: number;
  go: (page: number) => void;
}

function Pages({ caption, at, rows, go }: PagesProps) {
  const first = at * PAGE_ROWS;
  const end = Math.min(first + PAGE_ROWS, rows);
  return (
    <div class="bar more" role="group" aria-label={`Pages: ${caption}`}>
      <button disabled={at === 0} onClick={() => go(at - 1)}>
        Previous
      </button>
      <button disabled={end === rows} onClick={() => go(at + 1)}>
        Next
      </button>
      <span class="quiet" role="status">
        {count(first + 1)} to {count(end)} of {count(rows)}
      </span>
    </div>
  );
}

/* The page that is shown, and how to turn it. */
function usePage(plain: boolean, rows: number): [number, (page: number) => void] {
  const [own, setOwn] = useState(0);
  const asked = plain ? own : Number(place.value.query.get("page") ?? 1) - 1;
  const last = Math.max(0, Math.ceil(rows / PAGE_ROWS) - 1);
  const at = Number.isInteger(asked) ? Math.min(Math.max(asked, 0), last) : 0;
  const turn = (page: number) => {
    setOwn(page);
    if (!plain) {
      setQuery("page", page === 0 ? undefined : `${page + 1}`);
    }
  };
  return [at, turn];
}

interface HeadProps<T> {
  column: Cells<T>;
  by: string;
  down: boolean;
  plain: boolean;
}

function Head<T>({ column, by, down, plain }: HeadProps<T>) {
  const active = !plain && column.name === by;
  const next = active && !down ? `-${column.name}` : column.name;
  return (
    <th
      scope="col"
      class={column.number ? "number" : ""}
      aria-sort={active ? (down ? "descending" : "ascending") : undefined}
    >
      {plain || column.sort === undefined ? (
        column.name
      ) : (
        <button class="sort" onClick={() => show("sort", next)}>
          {column.name}
          <span aria-hidden="true">{active ? (down ? " ▾" : " ▴") : ""}</span>
        </button>
      )}
    </th>
  );
}

/* The filter of a list, and how many rows it shows. */
export function Filter({ caption, shown }: { caption: string; shown: string }) {
  return (
    <div class="bar">
      <input
        type="search"
        id="filter"
        placeholder="Filter"
        aria-label={`Filter: ${caption}`}
        value={place.value.query.get("filter") ?? ""}
        onInput={(event) => show("filter", event.currentTarget.value)}
      />
      <span class="quiet" role="status">
        {shown}
      </span>
    </div>
  );
}

interface TableProps<T> {
  caption: string;
  columns: Cells<T>[];
  rows: T[];
  by: string;
  down: boolean;
  plain?: boolean;
}

export function Table<T>({ caption, columns, rows, by, down, plain = false }: TableProps<T>) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.name} column={column} by={by} down={down} plain={plain} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, key) => (
            <tr key={key}>
              {columns.map((column) => (
                <td key={column.name} class={column.number ? "number" : ""}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function NoMatch({ filter }: { filter: string }) {
  return <p class="quiet">Nothing matches “{filter}”.</p>;
}

export function List<T>({ caption, columns, rows, words, empty, plain = false }: Props<T>) {
  const { query } = place.value;
  const filter = plain ? "" : (query.get("filter") ?? "");
  const { by, down } = plain ? { by: "", down: false } : orderOf(query);
  const found = rows.filter((row) =>
    filter
      .toLowerCase()
      .split(/\s+/)
      .every((word) => words(row).toLowerCase().includes(word)),
  );
  const shown = sorted(
    found,
    columns.find((column) => column.name === by),
    down,
  );
  const [at, turn] = usePage(plain, shown.length);
  if (rows.length === 0) {
    return <>{empty}</>;
  }
  return (
    <>
      {plain ? null : (
        <Filter
          caption={caption}
          shown={filter === "" ? `${rows.length}` : `${shown.length} of ${rows.length}`}
        />
      )}
      <Table
        caption={caption}
        columns={columns}
        rows={shown.slice(at * PAGE_ROWS, (at + 1) * PAGE_ROWS)}
        by={by}
        down={down}
        plain={plain}
      />
      {shown.length <= PAGE_ROWS ? null : (
        <Pages caption={caption} at={at} rows={shown.length} go={turn} />
      )}
      {shown.length === 0 ? <NoMatch filter={filter} /> : null}
    </>
  );
}
