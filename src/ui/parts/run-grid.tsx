/*
 * The tasks of a DAG down, its runs across, and how long each run took on top. A cell is one
 * element, and only the rows in view are there, so a thousand tasks are as quick as ten.
 */

import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { runHref, taskHref } from "../dag-paths.ts";
import type { DagGrid, GridRun } from "../dag-types.ts";
import { duration, tookMs } from "../format.ts";
import { go, href } from "../route.ts";
import { stateOf, words } from "../states.ts";

const ROW = 24; // px, as in dags.css
const SPARE = 10; // rows kept beyond each end of the view
const BAR_MAX = 44; // px

interface Cell {
  row: number;
  column: number;
}

/* What a cell is, in words. */
function nameOf(grid: DagGrid, runs: GridRun[], { row, column }: Cell): string {
  const run = runs[column];
  const state = stateOf(run?.states.charAt(row) ?? "");
  const tries = run?.tries[row];
  const parts = [
    grid.tasks[row]?.id,
    run?.run,
    state === "" ? "not in this run" : words(state),
    tries === undefined ? undefined : `try ${tries}`,
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}

function RunHead({ dag, run, topMs }: { dag: string; run: GridRun; topMs: number }) {
  const took = tookMs(run);
  const high = Math.max(2, Math.round((BAR_MAX * took) / topMs));
  return (
    <th scope="col" role="columnheader">
      <a
        class={`run-bar is-${run.state}`}
        href={runHref(dag, run.run)}
        aria-label={`${run.run}, ${words(run.state)}, ${duration(took)}`}
        title={`${run.run}: ${words(run.state)}, ${duration(took)}`}
        style={{ "--high": `${high}px` }}
        tabIndex={-1}
      />
    </th>
  );
}

/* The key's next cell; undefined: the key is not one of the grid's. */
function moved(key: string, ctrl: boolean, at: Cell, rows: number, columns: number, page: number) {
  const to = (row: number, column: number): Cell => ({
    row: Math.max(0, Math.min(rows - 1, row)),
    column: Math.max(0, Math.min(columns - 1, column)),
  });
  switch (key) {
    case "ArrowUp":
      return to(at.row - 1, at.column);
    case "ArrowDown":
      return to(at.row + 1, at.column);
    case "ArrowLeft":
      return to(at.row, at.column - 1);
    case "ArrowRight":
      return to(at.row, at.column + 1);
    case "PageUp":
      return to(at.row - page, at.column);
    case "PageDown":
      return to(at.row + page, at.column);
    case "Home":
      return to(ctrl ? 0 : at.row, 0);
    case "End":
      return to(ctrl ? rows - 1 : at.row, columns - 1);
    default:
      return undefined;
  }
}

/* The cell that an event of the table is about. */
function cellOf(event: Event): Cell | undefined {
  const element = event.target instanceof Element ? event.target.closest("td") : null;
  return element === null
    ? undefined
    : { row: Number(element.dataset.row), column: Number(element.dataset.column) };
}

export function RunGrid({ dag, grid }: { dag: string; grid: DagGrid }) {
  const runs = [...grid.runs].reverse(); // time goes from left to right
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ from: 0, to: 40 });
  const [at, setAt] = useState<Cell>();
  const [looked, setLooked] = useState<Cell>();
  const keyed = useRef(false);
  const rows = grid.tasks.length;
  const current: Cell = at ?? { row: 0, column: runs.length - 1 };

  const look = () => {
    const element = box.current;
    if (element !== null) {
      const from = Math.max(0, Math.floor(element.scrollTop / ROW) - SPARE);
      const to = Math.ceil((element.scrollTop + element.clientHeight) / ROW) + SPARE;
      setView((before) => (before.from === from && before.to === to ? before : { from, to }));
    }
  };
  useLayoutEffect(look, [rows]);
  useLayoutEffect(() => {
    box.current?.scrollTo({ left: box.current.scrollWidth }); // the newest are at the right
  }, [runs.length]);
  useLayoutEffect(() => {
    if (keyed.current) {
      keyed.current = false;
      box.current?.querySelector<HTMLElement>("td[tabindex='0']")?.focus();
    }
  });

  const open = (cell: Cell, elsewhere: boolean) => {
    const run = runs[cell.column];
    const task = grid.tasks[cell.row];
    if (run !== undefined && task !== undefined && stateOf(run.states.charAt(cell.row)) !== "") {
      const to = taskHref(dag, run.run, task.id);
      if (elsewhere) {
        window.open(to, "_blank", "noopener");
      } else {
        go(to);
      }
    }
  };
  const onKey = (event: KeyboardEvent) => {
    const element = box.current;
    if (element === null || !(event.target instanceof HTMLTableCellElement)) {
      return;
    }
    if (event.key === "Enter") {
      open(current, event.ctrlKey || event.metaKey);
      return;
    }
    const page = Math.max(1, Math.floor(element.clientHeight / ROW) - 4);
    const to = moved(event.key, event.ctrlKey, current, rows, runs.length, page);
    if (to !== undefined) {
      event.preventDefault();
      keyed.current = true;
      const head = element.querySelector("thead")?.clientHeight ?? 0;
      const top = to.row * ROW;
      if (top < element.scrollTop) {
        element.scrollTop = top;
      } else if (top + ROW + head > element.scrollTop + element.clientHeight) {
        element.scrollTop = top + ROW + head - element.clientHeight;
      }
      look();
      setAt(to);
      setLooked(to);
    }
  };
  const onClick = (event: MouseEvent) => {
    const cell = cellOf(event);
    if (cell !== undefined && event.button <= 1) {
      setAt(cell);
      open(cell, event.button === 1 || event.ctrlKey || event.metaKey);
    }
  };

  const topMs = Math.max(1, ...runs.map(tookMs));
  const to = Math.min(rows, view.to);
  const from = Math.min(view.from, to);
  const shownRow = Math.min(Math.max(current.row, from), Math.max(from, to - 1));
  return (
    <>
      <p class="grid-about quiet">
        {looked === undefined ? "Arrows move, Enter opens a task." : nameOf(grid, runs, looked)}
      </p>
      <div class="scroll run-grid" ref={box} onScroll={look}>
        <table
          role="grid"
          aria-label={`Tasks of ${dag} in its last ${runs.length} runs`}
          aria-rowcount={rows + 1}
          onKeyDown={onKey}
          onClick={onClick}
          onAuxClick={onClick}
          onMouseOver={(event) => setLooked(cellOf(event))}
          onFocusIn={(event) => setLooked(cellOf(event))}
        >
          <thead>
            <tr>
              <th scope="col" role="columnheader">
                <span class="quiet">longest {duration(topMs)}</span>
              </th>
              {runs.map((run) => (
                <RunHead key={run.id} dag={dag} run={run} topMs={topMs} />
              ))}
            </tr>
          </thead>
          <tbody>
            {from > 0 ? (
              <tr class="gap" style={{ height: `${from * ROW}px` }} aria-hidden="true" />
            ) : null}
            {grid.tasks.slice(from, to).map((task, place) => {
              const row = from + place;
              return (
                <tr key={task.id} aria-rowindex={row + 2}>
                  <th scope="row" role="rowheader" class={task.removed ? "quiet" : ""}>
                    <a href={href(["dags", dag, "duration"], { task: task.id })} tabIndex={-1}>
                      {task.id}
                    </a>
                  </th>
                  {runs.map((run, column) => (
                    <td
                      key={run.id}
                      role="gridcell"
                      class={`cell is-${stateOf(run.states.charAt(row))}`}
                      data-row={row}
                      data-column={column}
                      tabIndex={row === shownRow && column === current.column ? 0 : -1}
                      aria-label={nameOf(grid, runs, { row, column })}
                    />
                  ))}
                </tr>
              );
            })}
            {to < rows ? (
              <tr class="gap" style={{ height: `${(rows - to) * ROW}px` }} aria-hidden="true" />
            ) : null}
          </tbody>
        </table>
      </div>
    </>
  );
}
