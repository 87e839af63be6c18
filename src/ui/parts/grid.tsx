/*
 * Rows of typed cells, as many as there are: only those in view are in the page; where there are
 * many columns, these likewise, and all have one width. Each cell is the
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
const MANY = 100; // with more columns than these, only those in view are drawn
const COLUMN = 160; // px, each of many
const SPARE_COLUMNS = 4;
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
function Head({
  column,
  index,
  sort,
  onSort,
}: { column: GridColumn; index: number } & Pick<Props, "sort" | "onSort">) {
  const up = sort === column.name;
  const down = sort === `-${column.name}`;
  return (
    <th
      scope="col"
      aria-colindex={index}
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
  const revealColumn = (box: HTMLElement, column: number) => {
    const left = column * COLUMN;
    box.scrollLeft = Math.min(left, Math.max(box.scrollLeft, left + COLUMN - box.clientWidth));
  };
  const choose = (box: HTMLElement, to: CellPlace) => {
    const row = within(to.row, rows.length);
    const column = within(to.column, columns.length);
    setChosen({ row, column });
    reveal(box, row);
    if (columns.length > MANY) {
      revealColumn(box, column);
    }
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
    const column = Number(cell?.getAttribute("aria-colindex")) - 1;
    if (row >= 0 && column >= 0) {
      setChosen({ row, column });
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

/* The columns that are in view, from the first to the one after the last. */
function columnsIn(box: HTMLElement, count: number): { left: number; right: number } {
  return {
    left: Math.max(0, Math.floor(box.scrollLeft / COLUMN) - SPARE_COLUMNS),
    right: Math.min(
      count,
      Math.ceil((box.scrollLeft + box.clientWidth) / COLUMN) + SPARE_COLUMNS,
    ),
  };
}

/* The columns before or after those in view, as one cell. */
function Gap({ columns }: { columns: number }) {
  return columns === 0 ? null : (
    <td
      class="gap"
      style={{ width: `${columns * COLUMN}px`, maxWidth: "none" }}
      aria-hidden="true"
    />
  );
}

export function Grid({ caption, columns, rows, onNeed, sort, onSort }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ from: 0, to: 40, left: 0, right: 2 * SPARE_COLUMNS });
  const look = () => {
    const element = box.current;
    if (element !== null) {
      const from = Math.max(0, Math.floor(element.scrollTop / ROW) - SPARE);
      const to = Math.min(
        rows.length,
        Math.ceil((element.scrollTop + element.clientHeight) / ROW) + SPARE,
      );
      const { left, right } = columnsIn(element, columns.length);
      setView((before) =>
        before.from === from &&
        before.to === to &&
        before.left === left &&
        before.right === right
          ? before
          : { from, to, left, right },
      );
      onNeed(from, to);
    }
  };
  const { chosen, setChosen, handlers } = useCell(rows, columns);
  const row = chosen === undefined ? undefined : rows[chosen.row];
  useLayoutEffect(look, [rows.length, columns.length, sort]);
  useLayoutEffect(() => setChosen(undefined), [sort]);

  const to = Math.min(view.to, rows.length);
  const from = Math.min(view.from, to);
  const isWide = columns.length > MANY;
  const right = isWide ? Math.min(view.right, columns.length) : columns.length;
  const left = isWide ? Math.min(view.left, right) : 0;
  const drawn = columns.slice(left, right);
  const gapAfter = <Gap columns={columns.length - right} />;
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
        <table
          aria-rowcount={rows.length + 1}
          aria-colcount={columns.length}
          class={isWide ? "wide" : ""}
          style={isWide ? { width: `${columns.length * COLUMN}px` } : undefined}
        >
          <caption class="hidden">{caption}</caption>
          <thead>
            <tr>
              <Gap columns={left} />
              {drawn.map((column, at) => (
                <Head
                  key={column.name}
                  column={column}
                  index={left + at + 1}
                  sort={sort}
                  onSort={onSort}
                />
              ))}
              {gapAfter}
            </tr>
          </thead>
          <tbody>
            {from > 0 ? (
              <tr class="gap" style={{ height: `${from * ROW}px` }} aria-hidden="true" />
            ) : null}
            {rows.slice(from, to).map((row, at) => (
              <tr key={from + at} aria-rowindex={from + at + 2}>
                <Gap columns={left} />
                {drawn.map((column, c) => (
                  <td
                    key={column.name}
                    aria-colindex={left + c + 1}
                    class={`${isNumber(column.type) ? "number" : ""} ${
                      chosen?.row === from + at && chosen.column === left + c ? "chosen" : ""
                    }`}
                  >
                    <Value cell={row?.[left + c]} />
                  </td>
                ))}
                {gapAfter}
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
