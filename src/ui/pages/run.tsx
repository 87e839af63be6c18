/* One run: its state and why, its tasks, what it read and wrote, and what can be done with it. */

import { useEffect, useState } from "preact/hooks";

import { getReply, patch, post, remove, useGet } from "../api.ts";
import { runPath, taskHref } from "../dag-paths.ts";
import type { RunDetail, RunTask, TaskIo } from "../dag-types.ts";
import { count, duration, quoted, time, tookMs } from "../format.ts";
import { topicOf } from "../events.ts";
import { memberText } from "../exact.ts";
import { Changes, Fallen } from "../parts/changes.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { Copy } from "../parts/copy.tsx";
import { useAction } from "../parts/dialog.tsx";
import { Facts } from "../parts/facts.tsx";
import { Gantt } from "../parts/gantt.tsx";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/list.tsx";
import { Page } from "../parts/page.tsx";
import { Mistake } from "../parts/field.tsx";
import { Empty, Failure, Region } from "../parts/region.tsx";
import { Rerun } from "../parts/rerun.tsx";
import type { Scope } from "../parts/rerun.tsx";
import { State } from "../parts/state.tsx";
import { useSeconds } from "../parts/seconds.tsx";
import { At } from "../parts/time.tsx";
import { reasonOf } from "../reason.ts";
import { noteMistake } from "../mistakes.ts";
import { go, href } from "../route.ts";
import { isOver, words } from "../states.ts";

/* --- its tasks ------------------------------------------------------------------------------- */

export function Tables({ of, writes }: { of: TaskIo[]; writes: boolean }) {
  return of.length === 0 ? (
    <span class="quiet">–</span>
  ) : (
    <ul class="io">
      {of.map((io) => (
        <li key={io.table}>
          {io.version === null ? (
            <code>{io.table}</code>
          ) : (
            <a href={href(["tables", io.table, "history"])}>{io.table}</a>
          )}{" "}
          {io.rows === null ? null : `${count(io.rows)} ${io.rows === 1 ? "row" : "rows"}`}
          {io.version === null ? null : (
            <span class="quiet">
              {" "}
              {writes ? "→ version" : "version"} {io.version}
            </span>
          )}{" "}
          {io.dead_letters === null || io.dead_letters === 0 ? null : (
            <span class="amber">
              {count(io.dead_letters)} {io.dead_letters === 1 ? "dead letter" : "dead letters"}
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

function columns(run: RunDetail, rerun: (task: string) => void): Column<RunTask>[] {
  return [
    {
      name: "Task",
      cell: (task) => (
        <a class="short" href={taskHref(run.dag, run.run, task.task)} title={task.task}>
          {task.task}
        </a>
      ),
      sort: (task) => task.task,
    },
    {
      name: "State",
      cell: (task) => (
        <>
          <State state={task.state} />
          <div class="quiet wrap">{reasonOf(task)}</div>
        </>
      ),
      sort: (task) => task.state,
    },
    {
      name: "Again",
      cell: (task) =>
        isOver(task.state) ? (
          <button class="small" onClick={() => rerun(task.task)}>
            From here<span class="hidden">: {task.task}</span>
          </button>
        ) : null,
    },
    {
      name: "Try",
      cell: (task) =>
        task.tries === 0 ? "–" : `${task.tries} of ${Math.max(task.tries, task.max_tries)}`,
    },
    {
      name: "Duration",
      cell: (task) => (task.started_ms === null ? "–" : duration(tookMs(task))),
      sort: (task) => task.duration_ms ?? -1,
      number: true,
    },
    { name: "Reads", cell: (task) => <Tables of={task.reads} writes={false} /> },
    { name: "Writes", cell: (task) => <Tables of={task.writes} writes={true} /> },
  ];
}

/* --- what can be done ------------------------------------------------------------------------ */

function Actions({
  run,
  rerun,
  again,
}: {
  run: RunDetail;
  rerun: (what: Scope) => void;
  again: () => void;
}) {
  const [deletes, setDeletes] = useState(false);
  const { busy, error, act } = useAction();
  const path = runPath(run.dag, run.run);
  const cancel = async () => {
    if (await act(() => post(`${path}/cancel`, {}))) {
      again();
    }
  };
  const failed = run.tasks.some((task) => ["failed", "upstream_failed"].includes(task.state));
  return (
    <div class="bar">
      {isOver(run.state) ? (
        <>
          <button data-key="R" onClick={() => rerun({ scope: "all" })}>
            Rerun all
          </button>
          <button
            class={failed ? "main" : ""}
            disabled={!failed}
            onClick={() => rerun({ scope: "failed" })}
          >
            Rerun failed
          </button>
          <button onClick={() => setDeletes(true)}>Delete</button>
        </>
      ) : (
        <button disabled={busy || run.cancel_asked} onClick={() => void cancel()}>
          {run.cancel_asked ? "Being cancelled" : "Cancel the run"}
        </button>
      )}
      {error === undefined ? null : <Failure error={error} />}
      {deletes ? (
        <Confirm
          title="Delete the run"
          verb="Delete"
          act={() => remove(path)}
          close={() => setDeletes(false)}
          done={() => go(href(["dags", run.dag, "runs"]))}
        >
          <p>
            The states and logs of <strong>{run.run}</strong> are gone afterwards. What it wrote
            into tables stays.
          </p>
        </Confirm>
      ) : null}
    </div>
  );
}

function Note({ run, again }: { run: RunDetail; again: () => void }) {
  const [text, setText] = useState<string>();
  const { busy, error, act } = useAction();
  const save = async (event: Event) => {
    event.preventDefault();
    if (await act(() => patch(runPath(run.dag, run.run), { note: text }))) {
      setText(undefined);
      again();
    }
  };
  const wrong = noteMistake(text ?? "");
  return text === undefined ? (
    <>
      {run.note === "" ? <span class="quiet">none</span> : run.note}{" "}
      <button class="small" onClick={() => setText(run.note)}>
        Edit<span class="hidden"> the note</span>
      </button>
    </>
  ) : (
    <form class="bar" onSubmit={(event) => void save(event)}>
      <input
        aria-label="Note"
        value={text}
        autofocus
        aria-invalid={wrong !== undefined}
        aria-describedby="note-wrong"
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <Mistake id="note-wrong" of={wrong} />
      <button class="main" disabled={busy || wrong !== undefined}>
        Save
      </button>
      <button type="button" onClick={() => setText(undefined)}>
        Cancel
      </button>
      {error === undefined ? null : <Failure error={error} />}
    </form>
  );
}

/* The configuration with all its digits: from the reply's text, not from what it was parsed to. */
function Conf({ run }: { run: RunDetail }) {
  const [text, setText] = useState("");
  useEffect(() => {
    getReply(runPath(run.dag, run.run))
      .then((reply) => reply.text())
      .then((reply) => setText(memberText(reply, "conf") ?? ""))
      .catch(() => setText("")); // the region says that the server does not answer
  }, [run.run]);
  return text === "{}" ? <span class="quiet">none</span> : <code>{text}</code>;
}

/* --- the page -------------------------------------------------------------------------------- */

function took(run: RunDetail): string {
  if (run.started_ms === null) {
    return "–";
  }
  const text = `${isOver(run.state) ? "" : "for "}${duration(tookMs(run))}`;
  return run.median_ms === null ? text : `${text}, usually ${duration(run.median_ms)}`;
}

/* What the run is defined by: several versions, when it was cleared after a change. */
function Definition({ run }: { run: RunDetail }) {
  const ran = run.tasks.flatMap((task) => task.attempts.map((attempt) => attempt.version));
  const versions = [...new Set([...ran, run.version])].filter((one) => one !== null);
  return versions.length === 0 ? (
    <>–</>
  ) : (
    <>
      {versions
        .sort((a, b) => a - b)
        .map((version, at) => (
          <span key={version}>
            {at === 0 ? "" : ", "}
            <a href={href(["dags", run.dag, "definition"], { version: `${version}` })}>
              version {version}
            </a>
          </span>
        ))}
    </>
  );
}

function About({ run, again }: { run: RunDetail; again: () => void }) {
  const interval =
    run.interval_start_ms === null || run.interval_end_ms === null
      ? {}
      : { Interval: `${time(run.interval_start_ms)} to ${time(run.interval_end_ms)}` };
  return (
    <>
      <p class="headline" aria-live="polite">
        <State state={run.state} />
        {run.reason === null ? null : <span> {run.reason}</span>}
      </p>
      <Facts
        of={{
          Type: run.type,
          By: run.triggered_by ?? "–",
          Logical: <At ms={run.logical_ms} />,
          ...interval,
          Queued: <At ms={run.queued_ms} />,
          Start: <At ms={run.started_ms} />,
          End: <At ms={run.ended_ms} />,
          Duration: took(run),
          Definition: <Definition run={run} />,
          Configuration: <Conf run={run} />,
          Note: <Note run={run} again={again} />,
          ...(run.notice === null ? {} : { "On failure": run.notice }),
        }}
      />
    </>
  );
}

export function RunPage({ dag, run }: { dag: string; run: string }) {
  const [rerun, setRerun] = useState<Scope>();
  const detail = useGet<RunDetail>(runPath(dag, run), [topicOf("run", dag, run)]);
  useSeconds(detail.data !== undefined && !isOver(detail.data.state));
  return (
    <Page
      title={run}
      trail={[
        { name: "DAGs", at: href(["dags"]) },
        { name: dag, at: href(["dags", dag]) },
      ]}
    >
      <Region of={detail}>
        {(data) => (
          <>
            <About run={data} again={detail.again} />
            <Actions run={data} rerun={setRerun} again={detail.again} />
            <Fallen run={data} />
            <h2>Tasks</h2>
            <List
              caption="Tasks"
              columns={columns(data, (task) => setRerun({ scope: "after", tasks: [task] }))}
              rows={data.tasks}
              words={(task) => `${task.task} ${words(task.state)}`}
              empty={<Empty>The run has no tasks.</Empty>}
            />
            <h2>Times</h2>
            <Gantt run={data} />
            <Changes run={data} />
            <h2>In a terminal</h2>
            <Copy text={`pinion dag run ${quoted(dag)} ${quoted(run)}`} />
          </>
        )}
      </Region>
      {rerun === undefined ? null : (
        <Rerun
          dag={dag}
          run={run}
          what={rerun}
          close={() => setRerun(undefined)}
          done={detail.again}
        />
      )}
    </Page>
  );
}
