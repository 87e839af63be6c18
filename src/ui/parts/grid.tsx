/*
 * Rows of typed cells, as many as there are: only those in view are in the page. Each cell is the
 * text that the server sent, so a number keeps all of its digits. A click, or Enter and the arrows,
 * choose a cell, which can be copied; Escape lets go of it.
 */

import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { CellTools } from "./cell-tools.tsx";
import type { CellPlace } from "./cell-tools.tsx";

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

/* Where a key leads to from a cell; undefined: it is none of ours. */
function moved(key: string, { row, column }: CellPlace): CellPlace | undefined {
  switch (key) {
    case "ArrowUp":
      return { row: row - 1, column };
    case "ArrowDown":
      return { row: row + 1, column };
    case "ArrowLeft":
      return { row, column: column - 1 };
    case "ArrowRight":
      return { row, column: column + 1 };
    case "Home":
      return { row, column: 0 };
    case "End":
      return { row, column: Infinity };
    default:
      return undefined;
  }
}

function within(value: number, count: number): number {
  return Math.max(0, Math.min(count - 1, value));
}

/* The chosen cell, and what keys, clicks and Ctrl-C do with it. */
function useCell(rows: (Cell[] | undefined)[], columns: GridColumn[]) {
  const [chosen, setChosen] = useState<CellPlace>();
  const reveal = (box: HTMLElement, row: number) => {
    const top = row * ROW; // below the head, which has the height of a row and stays in view
    box.scrollTop = Math.min(top, Math.max(box.scrollTop, top + 2 * ROW - box.clientHeight));
  };
  const choose = (box: HTMLElement, to: CellPlace) => {
    const row = within(to.row, rows.length);
    setChosen({ row, column: within(to.column, columns.length) });
    reveal(box, row);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const box = event.currentTarget;
    if (event.target !== box || !(box instanceof HTMLElement) || event.ctrlKey || event.metaKey) {
      return;
    }
    if (event.key === "Escape") {
      setChosen(undefined);
      return;
    }
    const to =
      chosen === undefined
        ? event.key === "Enter"
          ? { row: Math.floor(box.scrollTop / ROW), column: 0 }
          : undefined
        : moved(event.key, chosen);
    if (to !== undefined) {
      event.preventDefault();
      choose(box, to);
    }
  };
  const onClick = (event: MouseEvent) => {
    const cell = event.target instanceof Element ? event.target.closest("td") : null;
    const row = Number(cell?.parentElement?.getAttribute("aria-rowindex")) - 2;
    if (cell !== null && row >= 0) {
      setChosen({ row, column: cell.cellIndex });
    }
  };
  const onCopy = (event: ClipboardEvent) => {
    const text = chosen === undefined ? null : rows[chosen.row]?.[chosen.column];
    if (typeof text === "string" && getSelection()?.isCollapsed !== false) {
      event.clipboardData?.setData("text/plain", text);
      event.preventDefault();
    }
  };
  return { chosen, setChosen, handlers: { onKeyDown, onClick, onCopy } };
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
  const { chosen, setChosen, handlers } = useCell(rows, columns);
  const row = chosen === undefined ? undefined : rows[chosen.row];
  useLayoutEffect(look, [rows.length, sort]);
  useLayoutEffect(() => setChosen(undefined), [sort]);

  const to = Math.min(view.to, rows.length);
  const from = Math.min(view.from, to);
  return (
    <>
      <div
        class="scroll grid"
        ref={box}
        onScroll={look}
        {...handlers}
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
                  <td
                    key={column.name}
                    class={`${isNumber(column.type) ? "number" : ""} ${
                      chosen?.row === from + at && chosen.column === c ? "chosen" : ""
                    }`}
                  >
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
      {chosen === undefined || row === undefined ? (
        <p class="quiet">Click a cell to copy it, or press Enter in the table.</p>
      ) : (
        <CellTools key={`${chosen.row} ${chosen.column}`} at={chosen} columns={columns} row={row} />
      )}
    </>
  );
}
