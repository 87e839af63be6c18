/* The DAGs of the pipeline; what is below them in the address has pages of its own. */

import { useState } from "preact/hooks";

import { patch, useGet } from "../api.ts";
import { dagPath, runHref } from "../dag-paths.ts";
import type { DagRow } from "../dag-types.ts";
import { ahead, time } from "../format.ts";
import { RunBars } from "../parts/bars.tsx";
import { useAction } from "../parts/dialog.tsx";
import { ImportErrors } from "../parts/import-errors.tsx";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/list.tsx";
import { Page } from "../parts/page.tsx";
import { Empty, Failure, Region } from "../parts/region.tsx";
import { State } from "../parts/state.tsx";
import { Ago } from "../parts/time.tsx";
import { Trigger } from "../parts/trigger.tsx";
import { href } from "../route.ts";
import { scheduleWords } from "../schedule-words.ts";
import { stateOf } from "../states.ts";
import type { Items } from "../types.ts";
import { DagPage } from "./dag.tsx";
import { RunPage } from "./run.tsx";
import { TaskPage } from "./task.tsx";

/* On: runs are made of the schedule. */
export function PauseSwitch({ dag, again }: { dag: DagRow; again: () => void }) {
  const { busy, error, act } = useAction();
  const turn = async () => {
    if (await act(() => patch(dagPath(dag.dag), { paused: !dag.paused }))) {
      again();
    }
  };
  return (
    <>
      <button
        class="switch"
        role="switch"
        aria-checked={!dag.paused}
        aria-label={`Schedule of ${dag.dag}`}
        title={dag.paused ? "Paused: its schedule makes no runs" : "Its schedule makes runs"}
        disabled={busy}
        onClick={() => void turn()}
      />
      {error === undefined ? null : <Failure error={error} />}
    </>
  );
}

function Schedule({ dag }: { dag: DagRow }) {
  if (dag.schedule.length === 0) {
    return <span class="quiet">by hand</span>;
  }
  return (
    <>
      <span title={`${dag.schedule.join(", ")} (${dag.timezone ?? "UTC"})`}>
        {scheduleWords(dag.schedule, dag.timezone)}
      </span>
      <div class="quiet about">
        {dag.next_ms === null ? (
          dag.paused ? (
            "paused"
          ) : (
            "no more times"
          )
        ) : (
          <time dateTime={new Date(dag.next_ms).toISOString()} title={time(dag.next_ms)}>
            next {ahead(dag.next_ms)}
          </time>
        )}
      </div>
    </>
  );
}

/* The newest run's state with the task that failed in it, and when all was well the last time. */
function Newest({ dag }: { dag: DagRow }) {
  const newest = dag.last[0];
  return newest === undefined ? (
    <span class="quiet">–</span>
  ) : (
    <>
      <a href={runHref(dag.dag, newest[0])}>
        <State state={stateOf(newest[1])} />
      </a>
      {dag.failed_task === null ? null : ` ${dag.failed_task}`}
      <div class="quiet about">
        {dag.last_success_ms === null ? (
          "no success yet"
        ) : (
          <>
            last success <Ago ms={dag.last_success_ms} />
          </>
        )}
      </div>
    </>
  );
}

function Day({ dag }: { dag: DagRow }) {
  const counts = Object.entries(dag.day_counts).filter(([, n]) => n > 0);
  return counts.length === 0 ? (
    <span class="quiet">–</span>
  ) : (
    <div class="tallies">
      {counts.map(([state, n]) => (
        <a key={state} class="tally" href={href(["runs"], { dag: dag.dag, state })}>
          {n} <State state={state} />
        </a>
      ))}
    </div>
  );
}

function columns(again: () => void, play: (dag: string) => void): Column<DagRow>[] {
  return [
    {
      name: "DAG",
      cell: (dag) => (
        <>
          <a href={href(["dags", dag.dag])}>{dag.dag}</a>
          {dag.description === "" ? null : <div class="quiet about">{dag.description}</div>}
        </>
      ),
      sort: (dag) => dag.dag,
    },
    { name: "Newest", cell: (dag) => <Newest dag={dag} />, sort: (dag) => dag.last[0]?.[1] ?? "" },
    {
      name: "Run",
      cell: (dag) => (
        <button
          class="play"
          data-key="t"
          aria-label={`Trigger ${dag.dag}`}
          title="Trigger"
          onClick={() => play(dag.dag)}
        />
      ),
    },
    {
      name: "On",
      cell: (dag) => (dag.schedule.length === 0 ? null : <PauseSwitch dag={dag} again={again} />),
    },
    {
      name: "Schedule",
      cell: (dag) => <Schedule dag={dag} />,
      sort: (dag) => dag.next_ms ?? Infinity,
    },
    { name: "Last runs", cell: (dag) => <RunBars dag={dag.dag} last={dag.last} /> },
    { name: "Last 24 h", cell: (dag) => <Day dag={dag} /> },
  ];
}

/* What the filter looks in. */
function wordsOf(dag: DagRow): string {
  const newest = stateOf(dag.last[0]?.[1] ?? "");
  return [dag.dag, dag.description, newest, dag.paused ? "paused" : ""].join(" ");
}

const HOW = `dags:
  daily:
    schedule: "0 6 * * *"
    tasks:
      load: {run: load, tables: [raw_orders]}`;

function AllDags() {
  const dags = useGet<Items<DagRow>>("dags", ["dags"]);
  const [triggered, setTriggered] = useState<string>();
  return (
    <Page title="DAGs">
      <ImportErrors changed={dags.again} />
      <Region of={dags}>
        {({ items }) => (
          <List
            caption="DAGs"
            columns={columns(dags.again, setTriggered)}
            rows={items}
            words={wordsOf}
            empty={
              <Empty>
                The pipeline has no DAGs. Write one into its pipeline.yml, such as this one:
                <pre>{HOW}</pre>
              </Empty>
            }
          />
        )}
      </Region>
      {triggered === undefined ? null : (
        <Trigger dag={triggered} close={() => setTriggered(undefined)} />
      )}
    </Page>
  );
}

export function DagsPage({ rest }: { rest: string[] }) {
  const [dag, view = "grid", run, task] = rest;
  if (dag === undefined) {
    return <AllDags />;
  }
  if (view !== "runs" || run === undefined) {
    return <DagPage key={dag} name={dag} view={view} />;
  }
  return task === undefined ? (
    <RunPage key={`${dag}/${run}`} dag={dag} run={run} />
  ) : (
    <TaskPage key={`${dag}/${run}/${task}`} dag={dag} run={run} task={task} />
  );
}
