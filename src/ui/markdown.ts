/* Rows as a table of Markdown. */

import { isNumber } from "./parts/grid.tsx";
import type { Rows } from "./types.ts";

function cell(text: string | null): string {
  return (text ?? "").replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll(/\r?\n/g, " ");
}

function line(cells: string[]): string {
  return `| ${cells.join(" | ")} |`;
}

export function markdownOf({ columns, rows }: Rows): string {
  return [
    line(columns.map((column) => cell(column.name))),
    line(columns.map((column) => (isNumber(column.type) ? "---:" : "---"))),
    ...rows.map((row) => line(row.map(cell))),
  ].join("\n");
}
