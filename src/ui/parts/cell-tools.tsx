/* The cell of an answer that the reader has chosen: all of its text, to be copied alone or with its
 * row. */

import { useState } from "preact/hooks";

import { count } from "../format.ts";
import type { Cell, GridColumn } from "./grid.tsx";

const SHOWN_MAX = 4096; // characters of a cell

export interface CellPlace {
  row: number;
  column: number;
}

/* A row as spreadsheets take it: tabs between its cells, and quotes around those that need them. */
export function rowText(row: Cell[]): string {
  return row
    .map((cell) => {
      const text = cell ?? "";
      return /[\t\r\n"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join("\t");
}

interface Props {
  at: CellPlace;
  columns: GridColumn[];
  row: Cell[];
}

export function CellTools({ at, columns, row }: Props) {
  const [said, setSaid] = useState("");
  const cell = row[at.column] ?? null;
  const copy = (text: string, done: string) =>
    navigator.clipboard.writeText(text).then(
      () => setSaid(done),
      () => setSaid("The browser does not let this page copy."),
    );
  return (
    <div class="cell-tools">
      <div class="bar">
        <span class="quiet">
          Row {count(at.row + 1)}, {columns[at.column]?.name}
        </span>
        <button disabled={cell === null} onClick={() => void copy(cell ?? "", "Cell copied")}>
          Copy cell
        </button>
        <button onClick={() => void copy(rowText(row), "Row copied")}>Copy row</button>
        <span class="quiet" role="status">
          {said}
        </span>
      </div>
      <pre tabIndex={0} aria-label="Cell">
        {cell === null ? <span class="null">null</span> : cell.slice(0, SHOWN_MAX)}
        {cell !== null && cell.length > SHOWN_MAX ? (
          <span class="quiet"> … {count(cell.length)} characters</span>
        ) : null}
      </pre>
    </div>
  );
}
