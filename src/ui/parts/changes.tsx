/* What a run wrote beside the last success: a table that lost half of its rows stands out. */

import { runHref } from "../dag-paths.ts";
import type { RunDetail, TaskIo } from "../dag-types.ts";
import { count } from "../format.ts";
import { href } from "../route.ts";

type Known = TaskIo & { rows: number; rows_before: number };

function isKnown(io: TaskIo): io is Known {
  return io.rows !== null && io.rows_before !== null;
}

function fell(io: Known): boolean {
  return io.rows_before > 0 && io.rows * 2 < io.rows_before;
}

function change(io: Known): string {
  const more = io.rows - io.rows_before;
  const part = io.rows_before === 0 ? "" : `, ${Math.round((100 * more) / io.rows_before)} %`;
  return more === 0 ? "as many" : `${more > 0 ? "+" : "−"}${count(Math.abs(more))}${part}`;
}

/* The tables that a run wrote, with their rows in the last success. */
function written(run: RunDetail): Known[] {
  return run.before === null ? [] : run.tasks.flatMap((task) => task.writes).filter(isKnown);
}

/* Says which tables lost more than half of their rows. */
export function Fallen({ run }: { run: RunDetail }) {
  const fallen = written(run).filter(fell);
  return fallen.length === 0 ? null : (
    <div class="notice warn" role="status">
      {fallen.map((io) => (
        <p key={io.table}>
          <strong>{io.table}</strong> {io.rows === 0 ? "has no rows" : `has ${count(io.rows)} rows`}
          ; it had {count(io.rows_before)} in the last success.
        </p>
      ))}
    </div>
  );
}

export function Changes({ run }: { run: RunDetail }) {
  const writes = written(run);
  return run.before === null || writes.length === 0 ? null : (
    <>
      <h2>
        Beside the last success, <a href={runHref(run.dag, run.before.run)}>{run.before.run}</a>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Rows written">
        <table>
          <caption class="hidden">Rows written</caption>
          <thead>
            <tr>
              <th scope="col">Table</th>
              <th scope="col" class="number">
                Rows before
              </th>
              <th scope="col" class="number">
                Rows now
              </th>
              <th scope="col">Change</th>
            </tr>
          </thead>
          <tbody>
            {writes.map((io) => (
              <tr key={io.table} class={fell(io) ? "fell" : ""}>
                <th scope="row">
                  <a href={href(["tables", io.table])}>{io.table}</a>
                </th>
                <td class="number">{count(io.rows_before)}</td>
                <td class="number">{count(io.rows)}</td>
                <td>{change(io)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
