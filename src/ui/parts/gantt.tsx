/* When each task of a run had its attempts. */

import { taskHref } from "../dag-paths.ts";
import type { Attempt, RunDetail } from "../dag-types.ts";
import { duration } from "../format.ts";
import { words } from "../states.ts";

/* The state that an attempt's outcome looks like. */
function stateOfOutcome(outcome: string): string {
  return outcome === "timeout" || outcome === "lost" ? "failed" : outcome;
}

function said(one: Attempt): string {
  return `try ${one.number}: ${words(one.outcome)}, ${duration(one.duration_ms ?? 0)}`;
}

export function Gantt({ run }: { run: RunDetail }) {
  const begin = Math.min(
    ...run.tasks.flatMap((task) => task.attempts.map((one) => one.started_ms ?? Infinity)),
  );
  if (!Number.isFinite(begin)) {
    return <p class="quiet">No task has begun yet.</p>;
  }
  const now = Date.now();
  const end = Math.max(
    begin + 1,
    ...run.tasks.flatMap((task) => task.attempts.map((one) => one.ended_ms ?? now)),
  );
  const part = (ms: number) => `${(100 * ms) / (end - begin)}%`;
  return (
    <figure class="gantt">
      <figcaption class="quiet">
        {duration(end - begin)} from the first start to the last end
      </figcaption>
      {run.tasks.map((task) => (
        <div class="gantt-row" key={task.task}>
          <a href={taskHref(run.dag, run.run, task.task)} title={task.task}>
            {task.task}
          </a>
          <span class="track">
            {task.attempts.map((one) =>
              one.started_ms === null ? null : (
                <span
                  key={one.number}
                  class={`span is-${stateOfOutcome(one.outcome)}`}
                  title={said(one)}
                  style={{
                    left: part(one.started_ms - begin),
                    width: `max(3px, ${part((one.ended_ms ?? now) - one.started_ms)})`,
                  }}
                />
              ),
            )}
          </span>
          <span class="quiet number">
            {task.duration_ms === null ? "" : duration(task.duration_ms)}
          </span>
        </div>
      ))}
    </figure>
  );
}
