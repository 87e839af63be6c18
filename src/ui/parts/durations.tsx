/* How long the runs of a DAG took, and its tasks in them: lines over the runs, or a table. */

import { useEffect, useState } from "preact/hooks";

import { get } from "../api.ts";
import { runPath } from "../dag-paths.ts";
import type { DagGrid, GridRun, RunDetail } from "../dag-types.ts";
import { duration, time } from "../format.ts";
import { place, setQuery } from "../route.ts";
import { Plot } from "./plot.tsx";
import type { Line } from "./plot.tsx";

const RUNS_MAX = 25;
const TASKS_MAX = 200; // with more, only the runs as a whole are drawn
const LINES_MAX = 6;
const HIGH = 280;

/* How long a run took, and each of its tasks. */
interface Took {
  duration_ms: number | null;
  tasks: { task: string; duration_ms: number | null }[];
}

/* A run that is over stays as it is until it runs again, so each is asked for once. */
const known = new Map<string, Promise<Took>>();

function tookOf(dag: string, run: GridRun): Promise<Took> {
  const key = `${dag}/${run.id}/${run.ended_ms}`;
  let took = known.get(key);
  if (took === undefined) {
    took = get<RunDetail>(runPath(dag, run.run));
    known.set(key, took);
    took.catch(() => known.delete(key));
  }
  return took;
}

function wholeOf(run: GridRun): Took {
  return { duration_ms: (run.ended_ms ?? 0) - (run.started_ms ?? 0), tasks: [] };
}

function AsTable({ times, lines }: { times: number[]; lines: Line[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Durations">
      <table>
        <caption class="hidden">Durations, the newest run first</caption>
        <thead>
          <tr>
            <th scope="col">Start</th>
            {lines.map((line) => (
              <th key={line.name} scope="col" class="number">
                {line.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {times
            .map((ms, at) => (
              <tr key={at}>
                <th scope="row">{time(ms)}</th>
                {lines.map((line) => {
                  const took = line.values[at];
                  return (
                    <td key={line.name} class="number">
                      {took === null || took === undefined ? "–" : duration(took)}
                    </td>
                  );
                })}
              </tr>
            ))
            .reverse()}
        </tbody>
      </table>
    </div>
  );
}

function median(line: Line): number {
  const all = line.values.filter((ms) => ms !== null).sort((a, b) => a - b);
  return all[Math.floor(all.length / 2)] ?? 0;
}

/* The run as a whole, then its tasks, the longest first; or the one task that was chosen. */
function linesOf(runs: Took[], chosen: string | null): Line[] {
  const whole: Line = { name: "the run", values: runs.map((run) => run.duration_ms) };
  const tasks = [...new Set(runs.flatMap((run) => run.tasks.map((task) => task.task)))];
  const lines = tasks.map((name) => ({
    name,
    values: runs.map((run) => run.tasks.find((task) => task.task === name)?.duration_ms ?? null),
  }));
  if (chosen !== null) {
    return lines.filter((line) => line.name === chosen);
  }
  lines.sort((a, b) => median(b) - median(a));
  return [whole, ...lines];
}

export function Durations({ dag, grid }: { dag: string; grid: DagGrid }) {
  const over = grid.runs
    .filter((run) => run.ended_ms !== null && run.started_ms !== null)
    .slice(0, RUNS_MAX)
    .reverse();
  const key = over.map((run) => `${run.run}/${run.ended_ms}`).join();
  const [shown, setShown] = useState<{ times: number[]; runs: Took[] }>();
  const many = grid.tasks.length > TASKS_MAX;
  useEffect(() => {
    let left = false;
    Promise.all(over.map((run) => (many ? wholeOf(run) : tookOf(dag, run)))).then(
      (runs) => left || setShown({ times: over.map((run) => run.started_ms ?? 0), runs }),
      () => undefined, // the region above says that the server does not answer
    );
    return () => {
      left = true;
    };
  }, [dag, key]);
  const { query } = place.value;
  const chosen = query.get("task");
  const single = over.length === 1; // one point makes no line
  const table = single || query.get("as") === "table";
  if (over.length === 0) {
    return <p class="quiet">No run is over yet.</p>;
  }
  if (shown === undefined) {
    return <p role="status">Loading {over.length} runs…</p>;
  }
  const lines = linesOf(shown.runs, chosen);
  const drawn = table ? lines : lines.slice(0, LINES_MAX);
  return (
    <figure>
      <div class="bar">
        {single ? null : (
          <button onClick={() => setQuery("as", table ? undefined : "table")}>
            {table ? "As a chart" : "As a table"}
          </button>
        )}
        {chosen === null ? null : (
          <button onClick={() => setQuery("task", undefined)}>All tasks</button>
        )}
      </div>
      <figcaption class="quiet">
        {chosen ?? "The run"} took {duration(median(lines[0] ?? { name: "", values: [] }))} in the
        middle of {over.length} {over.length === 1 ? "run" : "runs"}
        {drawn.length < lines.length
          ? `; of its tasks, the ${LINES_MAX - 1} longest are drawn`
          : ""}
        .
      </figcaption>
      {table ? (
        <AsTable times={shown.times} lines={drawn} />
      ) : (
        <Plot times={shown.times} lines={drawn} text={duration} high={HIGH} kind="points" />
      )}
    </figure>
  );
}
