/* One task of a run: its attempts, each with its log, and what can be done with it. */

import { useState } from "preact/hooks";

import { post, useGet } from "../api.ts";
import { dagPath, logPath, runHref, runPath, taskHref } from "../dag-paths.ts";
import type { Attempt, Dag, RunDetail, RunTask } from "../dag-types.ts";
import { topicOf } from "../events.ts";
import { bytes, duration, quoted, tookMs } from "../format.ts";
import { Copy } from "../parts/copy.tsx";
import { useAction } from "../parts/dialog.tsx";
import { Facts } from "../parts/facts.tsx";
import { LogView } from "../parts/log.tsx";
import { Page } from "../parts/page.tsx";
import { Empty, Failure, Region } from "../parts/region.tsx";
import { Rerun } from "../parts/rerun.tsx";
import type { Scope } from "../parts/rerun.tsx";
import { useSeconds } from "../parts/seconds.tsx";
import { Glyph, State } from "../parts/state.tsx";
import { At } from "../parts/time.tsx";
import { reasonOf } from "../reason.ts";
import { href, place } from "../route.ts";
import { isOver, words } from "../states.ts";
import { Tables } from "./run.tsx";

function exitOf(attempt: Attempt): string {
  if (attempt.exit_code === null) {
    return "–";
  }
  return attempt.exit_code < 0 ? `signal ${-attempt.exit_code}` : `${attempt.exit_code}`;
}

/* The glyph of an outcome that is no state: an attempt that ran too long or was lost failed. */
function glyphOf(outcome: string): string {
  return outcome === "timeout" || outcome === "lost" ? "failed" : outcome;
}

function AttemptView({ run, task, attempt }: { run: RunDetail; task: RunTask; attempt: Attempt }) {
  const path = logPath(run.dag, run.run, task.task, attempt.number);
  return (
    <>
      <Facts
        of={{
          Outcome: (
            <span class="state">
              <Glyph state={glyphOf(attempt.outcome)} /> {words(attempt.outcome)}
              {attempt.reason === null ? "" : `: ${attempt.reason}`}
            </span>
          ),
          "Exit status": exitOf(attempt),
          Start: <At ms={attempt.started_ms} />,
          Duration: attempt.started_ms === null ? "–" : duration(tookMs(attempt)),
          "Most memory": bytes(attempt.memory_bytes),
        }}
      />
      {attempt.has_log || attempt.ended_ms === null ? (
        <LogView
          key={path}
          path={path}
          topic={topicOf("log", run.dag, run.run, task.task, `${attempt.number}`)}
          file={`${run.dag}-${run.run}-${task.task}-${attempt.number}.log`}
        />
      ) : (
        <p class="quiet">This attempt has no log: it has reached its age, or could not start.</p>
      )}
    </>
  );
}

function Attempts({ run, task }: { run: RunDetail; task: RunTask }) {
  const asked = Number(place.value.query.get("try"));
  const shown = task.attempts.find((one) => one.number === asked) ?? task.attempts.at(-1);
  if (shown === undefined) {
    return <Empty>The task has not begun, so it has no attempts and no log.</Empty>;
  }
  const number = task.attempts.indexOf(shown);
  return (
    <>
      <nav class="tabs" aria-label="Attempts">
        {task.attempts.map((one, at) => (
          <a
            key={one.number}
            data-key={at === number - 1 ? "[" : at === number + 1 ? "]" : undefined}
            href={taskHref(run.dag, run.run, task.task, one.number)}
            aria-current={one === shown ? "page" : undefined}
          >
            <span class="state">
              <Glyph state={glyphOf(one.outcome)} /> Try {one.number}
              <span class="hidden">: {words(one.outcome)}</span>
            </span>
          </a>
        ))}
      </nav>
      <AttemptView run={run} task={task} attempt={shown} />
    </>
  );
}

function isFailed(state: string): boolean {
  return state === "failed" || state === "upstream_failed";
}

function Actions({ run, task, again }: { run: RunDetail; task: RunTask; again: () => void }) {
  const [rerun, setRerun] = useState<Scope>();
  const { busy, error, act } = useAction();
  const marks = (state: string) => task.state !== state && task.state !== "running";
  const mark = async (state: "success" | "failed") => {
    const path = `${runPath(run.dag, run.run)}/mark`;
    if (await act(() => post(path, { tasks: [task.task], state }))) {
      again();
    }
  };
  const cancel = async () => {
    if (await act(() => post(`${runPath(run.dag, run.run)}/cancel`, {}))) {
      again();
    }
  };
  return (
    <div class="bar">
      {isOver(run.state) ? null : (
        <button disabled={busy || run.cancel_asked} onClick={() => void cancel()}>
          {run.cancel_asked ? "Being cancelled" : "Cancel the run"}
        </button>
      )}
      <button
        data-key="R"
        disabled={!isOver(task.state)}
        onClick={() => setRerun({ scope: "task", tasks: [task.task] })}
      >
        Rerun
      </button>
      <button
        disabled={!isOver(task.state)}
        onClick={() => setRerun({ scope: "after", tasks: [task.task] })}
      >
        Rerun with all after it
      </button>
      {run.tasks.some((one) => isFailed(one.state)) ? (
        <button disabled={!isOver(run.state)} onClick={() => setRerun({ scope: "failed" })}>
          Rerun failed
        </button>
      ) : null}
      <button disabled={busy || !marks("success")} onClick={() => void mark("success")}>
        Mark success
      </button>
      <button disabled={busy || !marks("failed")} onClick={() => void mark("failed")}>
        Mark failed
      </button>
      {error === undefined ? null : <Failure error={error} />}
      {rerun === undefined ? null : (
        <Rerun
          dag={run.dag}
          run={run.run}
          what={rerun}
          close={() => setRerun(undefined)}
          done={again}
        />
      )}
    </div>
  );
}

/* What the task runs, as the definition has it now. */
function Does({ dag, task }: { dag: string; task: RunTask }) {
  const definition = useGet<Dag>(dagPath(dag));
  const found = definition.data?.tasks.find((one) => one.task === task.task);
  return (
    <>
      {task.kind} <code>{found?.command ?? found?.tables.join(", ")}</code>
    </>
  );
}

export function TaskPage({ dag, run, task }: { dag: string; run: string; task: string }) {
  const detail = useGet<RunDetail>(runPath(dag, run), [topicOf("run", dag, run)]);
  useSeconds(detail.data !== undefined && !isOver(detail.data.state));
  return (
    <Page
      title={task}
      trail={[
        { name: "DAGs", at: href(["dags"]) },
        { name: dag, at: href(["dags", dag]) },
        { name: run, at: runHref(dag, run) },
      ]}
    >
      <Region of={detail}>
        {(data) => {
          const one = data.tasks.find((each) => each.task === task);
          return one === undefined ? (
            <Empty>The run has no task of this name.</Empty>
          ) : (
            <>
              <p class="headline" aria-live="polite">
                <State state={one.state} />
                {one.reason === null ? null : <span> {reasonOf(one)}</span>}
              </p>
              <Facts
                of={{
                  Reads: <Tables of={one.reads} writes={false} />,
                  Writes: <Tables of={one.writes} writes={true} />,
                  After: one.after.join(", ") || "–",
                  Does: <Does dag={dag} task={one} />,
                }}
              />
              <Actions run={data} task={one} again={detail.again} />
              <Attempts run={data} task={one} />
              <h2>In a terminal</h2>
              <Copy text={`pinion dag logs ${quoted(dag)} ${quoted(task)} --run ${quoted(run)}`} />
            </>
          );
        }}
      </Region>
    </Page>
  );
}
