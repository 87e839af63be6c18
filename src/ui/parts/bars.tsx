/* The last runs of a DAG: how long each took, and what became of it. */

import { runHref } from "../dag-paths.ts";
import type { DagRow } from "../dag-types.ts";
import { duration } from "../format.ts";
import { stateOf, words } from "../states.ts";

const HIGH = 24; // px

/* "25 runs: 22 success, 3 failed" */
function summary(last: DagRow["last"]): string {
  const counts = new Map<string, number>();
  for (const [, letter] of last) {
    counts.set(letter, (counts.get(letter) ?? 0) + 1);
  }
  const parts = [...counts].map(([letter, n]) => `${n} ${words(stateOf(letter))}`);
  return `${last.length} ${last.length === 1 ? "run" : "runs"}: ${parts.join(", ")}`;
}

/* The bars are a short way for a pointer; the words beside them are for all others. */
export function RunBars({ dag, last }: { dag: string; last: DagRow["last"] }) {
  if (last.length === 0) {
    return <span class="quiet">never ran</span>;
  }
  const topMs = Math.max(1, ...last.map(([, , ms]) => ms));
  return (
    <span class="bars-of-runs">
      <span class="hidden">{summary(last)}</span>
      <span class="strip" aria-hidden="true">
        {[...last].reverse().map(([run, letter, ms]) => (
          <a
            key={run}
            class={`run-bar is-${stateOf(letter)}`}
            href={runHref(dag, run)}
            title={`${run}: ${words(stateOf(letter))}, ${duration(ms)}`}
            style={{ "--high": `${Math.max(2, Math.round((HIGH * ms) / topMs))}px` }}
            tabIndex={-1}
          />
        ))}
      </span>
    </span>
  );
}
