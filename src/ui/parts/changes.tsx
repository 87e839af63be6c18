/* The tables after a run beside the last success: one that lost half of its rows stands out, as the
   server's remark says. */

import { runHref } from "../dag-paths.ts";
import type { RunDetail, TaskIo } from "../dag-types.ts";
import { count } from "../format.ts";
import { href } from "../route.ts";

type Known = TaskIo & { table_rows: number; table_rows_before: number };

function isKnown(io: TaskIo): io is Known {
  return io.table_rows !== null && io.table_rows_before !== null;
}

function tableFell(io: TaskIo): boolean {
  return isKnown(io) && io.table_rows * 2 < io.table_rows_before;
}

function change(io: Known): string {
  const more = Math.abs(io.table_rows - io.table_rows_before);
  const sign = io.table_rows > io.table_rows_before ? "+" : "−";
  const percent = Math.round((100 * more) / io.table_rows_before);
  const part = io.table_rows_before === 0 ? "" : `, ${sign}${percent} %`;
  const all = more === 0 ? "as many" : `${sign}${count(more)}${part}`;
  return io.remark === null || tableFell(io) ? all : `${all}; ${io.remark}`;
}

/* What a run wrote, if there is a last success. */
function written(run: RunDetail): TaskIo[] {
  return run.before === null ? [] : run.tasks.flatMap((task) => task.writes);
}

function rows(n: number | null): string {
  return n === null || n === 0 ? "no rows" : `${count(n)} ${n === 1 ? "row" : "rows"}`;
}

/* Says which tables lost more than half of their rows, or were given less than half as many. */
export function Fallen({ run }: { run: RunDetail }) {
  const fallen = written(run).filter((io) => io.remark !== null);
  return fallen.length === 0 ? null : (
    <div class="notice warn" role="status">
      {fallen.map((io) => (
        <p key={io.table}>
          <strong>{io.table}</strong>{" "}
          {tableFell(io)
            ? `has ${rows(io.table_rows)}; it had ${count(io.table_rows_before ?? 0)}`
            : `was given ${rows(io.rows)}, and ${count(io.rows_before ?? 0)}`}{" "}
          in the last success.
        </p>
      ))}
    </div>
  );
}

export function Changes({ run }: { run: RunDetail }) {
  const writes = written(run).filter(isKnown);
  return run.before === null || writes.length === 0 ? null : (
    <>
      <h2>
        Beside the last success, <a href={runHref(run.dag, run.before.run)}>{run.before.run}</a>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Rows of tables">
        <table>
          <caption class="hidden">Rows of tables</caption>
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
              <tr key={io.table} class={io.remark !== null ? "fell" : ""}>
                <th scope="row">
                  <a href={href(["tables", io.table])}>{io.table}</a>
                </th>
                <td class="number">{count(io.table_rows_before)}</td>
                <td class="number">{count(io.table_rows)}</td>
                <td>{change(io)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
