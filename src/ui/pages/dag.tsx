/* One DAG: its grid of tasks by runs, graph, runs, durations, and definition. */

import { useState } from "preact/hooks";

import { useGet } from "../api.ts";
import { dagPath, taskHref } from "../dag-paths.ts";
import type { Dag, DagGrid, DagTask, GridRun, Skip } from "../dag-types.ts";
import { topicOf } from "../events.ts";
import { ahead, count, duration, quoted, time } from "../format.ts";
import { Backfills, NewBackfill } from "../parts/backfill.tsx";
import { DagVersions } from "../parts/dag-versions.tsx";
import { Durations } from "../parts/durations.tsx";
import { Facts } from "../parts/facts.tsx";
import { DagGraph } from "../parts/graph.tsx";
import { ImportErrors } from "../parts/import-errors.tsx";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/list.tsx";
import { Page } from "../parts/page.tsx";
import { Empty, Region } from "../parts/region.tsx";
import { RunGrid } from "../parts/run-grid.tsx";
import { RunList } from "../parts/runs.tsx";
import { State } from "../parts/state.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { Ago, At } from "../parts/time.tsx";
import { Trigger } from "../parts/trigger.tsx";
import { href, place, setQuery } from "../route.ts";
import { scheduleWords } from "../schedule-words.ts";
import type { Items } from "../types.ts";
import { PauseSwitch } from "./dags.tsx";

const RUNS = 50;

/* --- grid and graph -------------------------------------------------------------------------- */

/* The grid's route, as far back as the address says. */
function useGrid(dag: string) {
  const before = place.value.query.get("before");
  const cut = before === null ? "" : `&before=${encodeURIComponent(before)}`;
  return useGet<DagGrid>(`${dagPath(dag)}/grid?limit=${RUNS}${cut}`, [topicOf("dag", dag)]);
}

function Never({ dag, trigger }: { dag: Dag; trigger: () => void }) {
  return (
    <Empty>
      {dag.dag} never ran. Its {dag.tasks.length === 1 ? "task" : `${dag.tasks.length} tasks`} run
      when you press play{dag.next_ms === null ? "" : `, or ${ahead(dag.next_ms)}`}.{" "}
      <button onClick={trigger}>Trigger</button>
    </Empty>
  );
}

function GridView({ dag, trigger }: { dag: Dag; trigger: () => void }) {
  const grid = useGrid(dag.dag);
  const before = place.value.query.get("before");
  return (
    <Region of={grid}>
      {(data) =>
        data.runs.length === 0 ? (
          <Never dag={dag} trigger={trigger} />
        ) : (
          <>
            <RunGrid dag={dag.dag} grid={data} />
            <div class="bar more">
              {data.next === null ? null : (
                <button onClick={() => setQuery("before", `${data.next}`)}>Older runs</button>
              )}
              {before === null ? null : (
                <button onClick={() => setQuery("before", undefined)}>Newest runs</button>
              )}
              <Key />
            </div>
          </>
        )
      }
    </Region>
  );
}

/* What the marks of the grid mean. */
function Key() {
  const states = ["success", "running", "failed", "upstream_failed", "up_for_retry", "queued"];
  return (
    <ul class="marks" aria-label="Marks">
      {[...states, "scheduled", "skipped", "cancelled", "none"].map((state) => (
        <li key={state}>
          <State state={state} />
        </li>
      ))}
    </ul>
  );
}

function GraphView({ dag }: { dag: Dag }) {
  const grid = useGrid(dag.dag);
  const chosen = place.value.query.get("run");
  return (
    <Region of={grid}>
      {(data) => {
        const run = data.runs.find((one) => one.run === chosen) ?? data.runs[0];
        const hrefOf = (task: string) =>
          run === undefined
            ? href(["dags", dag.dag, "duration"], { task })
            : taskHref(dag.dag, run.run, task);
        return (
          <>
            {run === undefined ? null : <WhichRun runs={data.runs} run={run} />}
            <DagGraph dag={dag.dag} grid={data} states={run?.states ?? ""} hrefOf={hrefOf} />
          </>
        );
      }}
    </Region>
  );
}

function WhichRun({ runs, run }: { runs: GridRun[]; run: GridRun }) {
  return (
    <div class="bar">
      <label for="run">States of the run</label>
      <select
        id="run"
        value={run.run}
        onChange={(event) => setQuery("run", event.currentTarget.value)}
      >
        {runs.map((one) => (
          <option key={one.id} value={one.run}>
            {one.run}
          </option>
        ))}
      </select>
      <State state={run.state} />
    </div>
  );
}

function DurationView({ dag }: { dag: Dag }) {
  const grid = useGrid(dag.dag);
  return <Region of={grid}>{(data) => <Durations dag={dag.dag} grid={data} />}</Region>;
}

/* --- definition ------------------------------------------------------------------------------ */

const TASKS: Column<DagTask>[] = [
  { name: "Task", cell: (task) => <code>{task.task}</code>, sort: (task) => task.task },
  {
    name: "Does",
    cell: (task) => (
      <>
        {task.kind} <code>{task.command ?? task.tables.join(", ")}</code>
      </>
    ),
  },
  { name: "After", cell: (task) => task.after.join(", ") || "–" },
  { name: "Starts when", cell: (task) => task.trigger_rule.replaceAll("_", " ") },
  {
    name: "Retries",
    cell: (task) =>
      task.retries === 0 ? "none" : `${task.retries}, after ${duration(task.retry_delay_ms)}`,
  },
  {
    name: "Time limit",
    cell: (task) => (task.timeout_ms === null ? "none" : duration(task.timeout_ms)),
  },
  { name: "Pool", cell: (task) => task.pool },
  { name: "Priority", cell: (task) => task.priority, number: true },
];

const SKIPPED_MAX = 50;

function Skipped({ dag }: { dag: Dag }) {
  const skipped = useGet<Items<Skip>>(`${dagPath(dag.dag)}/skipped?limit=${SKIPPED_MAX}`);
  const items = skipped.data?.items ?? [];
  return items.length === 0 ? null : (
    <>
      <h2>Times without a run</h2>
      <ul>
        {items.map((skip) => (
          <li key={skip.first_ms}>
            {time(skip.first_ms)}
            {skip.times === 1 ? "" : ` to ${time(skip.last_ms)} (${count(skip.times)} times)`}:{" "}
            {skip.reason}
          </li>
        ))}
      </ul>
      {items.length < SKIPPED_MAX ? null : (
        <p class="quiet">
          These are the newest {SKIPPED_MAX}. <code>pinion dag skipped {quoted(dag.dag)}</code>{" "}
          lists all.
        </p>
      )}
    </>
  );
}

function Definition({ dag }: { dag: Dag }) {
  return (
    <>
      <Facts
        of={{
          Schedule: dag.schedule.length === 0 ? "by hand" : <code>{dag.schedule.join(", ")}</code>,
          "Time zone": dag.timezone ?? "–",
          "Missed times":
            dag.catchup_ms === 0 ? "no run" : `a run, up to ${duration(dag.catchup_ms)}`,
          Overlap: dag.overlap,
          "Runs at once": count(dag.active_runs_max),
          "Tasks at once": count(dag.parallelism),
          "Time limit of a run":
            dag.run_timeout_ms === null ? "none" : duration(dag.run_timeout_ms),
          Version: (
            <>
              {dag.version_number}, since <At ms={dag.version_ms} />
            </>
          ),
        }}
      />
      {dag.next_times_ms.length === 0 ? null : (
        <>
          <h2>Next times</h2>
          <ul>
            {dag.next_times_ms.map((ms) => (
              <li key={ms}>
                <At ms={ms} />
              </li>
            ))}
          </ul>
        </>
      )}
      <Skipped dag={dag} />
      <h2>Tasks</h2>
      <List
        caption="Tasks"
        columns={TASKS}
        rows={dag.tasks}
        words={(task) => `${task.task} ${task.kind} ${task.pool}`}
        empty={<Empty>It has no tasks.</Empty>}
      />
      <h2>
        {dag.file}, line {dag.line}
      </h2>
      <pre class="source" tabIndex={0}>
        {dag.text}
      </pre>
      <DagVersions dag={dag} />
    </>
  );
}

/* --- the page -------------------------------------------------------------------------------- */

function Head({ dag, again, trigger }: { dag: Dag; again: () => void; trigger: () => void }) {
  const [backfills, setBackfills] = useState(false);
  const newest = dag.last[0];
  return (
    <>
      {dag.description === "" ? null : <p>{dag.description}</p>}
      <div class="bar">
        <button class="main" data-key="t" onClick={trigger}>
          <span class="play-mark" aria-hidden="true" /> Trigger
        </button>
        {dag.schedule.length === 0 ? null : (
          <>
            <button onClick={() => setBackfills(true)}>Backfill</button>
            <PauseSwitch dag={dag} again={again} />
            <span class="quiet">
              {dag.paused ? "paused: " : ""}
              {scheduleWords(dag.schedule, dag.timezone)}
              {dag.next_ms === null ? "" : `, next ${ahead(dag.next_ms)}`}
            </span>
          </>
        )}
        <span class="quiet">
          last success <Ago ms={dag.last_success_ms} />
        </span>
        {dag.failed_task === null || newest === undefined ? null : (
          <a href={taskHref(dag.dag, newest[0], dag.failed_task)}>
            <State state="failed" /> {dag.failed_task}
          </a>
        )}
      </div>
      <Backfills dag={dag.dag} />
      {backfills ? (
        <NewBackfill dag={dag.dag} close={() => setBackfills(false)} done={again} />
      ) : null}
    </>
  );
}

const VIEWS = ["Grid", "Graph", "Runs", "Duration", "Definition"];

export function DagPage({ name, view }: { name: string; view: string }) {
  const dag = useGet<Dag>(dagPath(name), [topicOf("dag", name)]);
  const [triggers, setTriggers] = useState(false);
  const trigger = () => setTriggers(true);
  return (
    <Page title={name} trail={[{ name: "DAGs", at: href(["dags"]) }]}>
      <ImportErrors changed={dag.again} />
      <Region of={dag}>
        {(data) => (
          <>
            <Head dag={data} again={dag.again} trigger={trigger} />
            <Tabs base={["dags", name]} views={VIEWS} shown={view} />
            {view === "grid" ? <GridView dag={data} trigger={trigger} /> : null}
            {view === "graph" ? <GraphView dag={data} /> : null}
            {view === "runs" ? <RunList dag={name} /> : null}
            {view === "duration" ? <DurationView dag={data} /> : null}
            {view === "definition" ? <Definition dag={data} /> : null}
          </>
        )}
      </Region>
      {triggers ? <Trigger dag={name} close={() => setTriggers(false)} /> : null}
    </Page>
  );
}
