/*
 * Rows of typed cells, as many as there are: only those in view are in the page. Each cell is the
 * text that the server sent, so a number keeps all of its digits.
 */

import { useLayoutEffect, useRef, useState } from "preact/hooks";

export interface GridColumn {
  name: string;
  type: string;
}

export type Cell = string | null;

const ROW = 28; // px, as --row
const SPARE = 10; // rows that are kept beyond each end of the view
const NUMBERS = /^(tinyint|smallint|int|integer|bigint|hugeint|float|double|decimal)/i;

export function isNumber(type: string): boolean {
  return NUMBERS.test(type);
}

interface Props {
  caption: string;
  columns: GridColumn[];
  rows: (Cell[] | undefined)[]; // undefined: not here yet
  onNeed: (from: number, to: number) => void; // these rows are in view
  sort: string; // a column, with a minus before it the largest first; "": as they came
  onSort: (sort: string) => void;
}

/* A click sorts by the column, the next one the other way, the third not at all. */
function Head({ column, sort, onSort }: { column: GridColumn } & Pick<Props, "sort" | "onSort">) {
  const up = sort === column.name;
  const down = sort === `-${column.name}`;
  return (
    <th
      scope="col"
      class={isNumber(column.type) ? "number" : ""}
      aria-sort={up ? "ascending" : down ? "descending" : undefined}
    >
      <button class="sort" onClick={() => onSort(up ? `-${column.name}` : down ? "" : column.name)}>
        {column.name}
        <span aria-hidden="true">{up ? " ▴" : down ? " ▾" : ""}</span>
      </button>{" "}
      <span class="quiet">{column.type.toLowerCase()}</span>
    </th>
  );
}

function Value({ cell }: { cell: Cell | undefined }) {
  if (cell === undefined) {
    return <span class="quiet">…</span>;
  }
  return cell === null ? <span class="null">null</span> : <>{cell}</>;
}

export function Grid({ caption, columns, rows, onNeed, sort, onSort }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ from: 0, to: 40 });
  const look = () => {
    const element = box.current;
    if (element !== null) {
      const from = Math.max(0, Math.floor(element.scrollTop / ROW) - SPARE);
      const to = Math.min(
        rows.length,
        Math.ceil((element.scrollTop + element.clientHeight) / ROW) + SPARE,
      );
      setView((before) => (before.from === from && before.to === to ? before : { from, to }));
      onNeed(from, to);
    }
  };
  useLayoutEffect(look, [rows.length, sort]);

  const to = Math.min(view.to, rows.length);
  const from = Math.min(view.from, to);
  return (
    <div
      class="scroll grid"
      ref={box}
      onScroll={look}
      tabIndex={0}
      role="region"
      aria-label={caption}
    >
      <table aria-rowcount={rows.length + 1}>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.name} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {from > 0 ? (
            <tr class="gap" style={{ height: `${from * ROW}px` }} aria-hidden="true" />
          ) : null}
          {rows.slice(from, to).map((row, at) => (
            <tr key={from + at} aria-rowindex={from + at + 2}>
              {columns.map((column, c) => (
                <td key={column.name} class={isNumber(column.type) ? "number" : ""}>
                  <Value cell={row?.[c]} />
                </td>
              ))}
            </tr>
          ))}
          {to < rows.length ? (
            <tr
              class="gap"
              style={{ height: `${(rows.length - to) * ROW}px` }}
              aria-hidden="true"
            />
          ) : null}
        </tbody>
      </table>
    </div>
  );
}
