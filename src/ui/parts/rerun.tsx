/* Runs tasks of a run again: the dialog lists exactly those that will run, before they do. */

import { useEffect, useState } from "preact/hooks";

import { ApiError, post } from "../api.ts";
import { runPath } from "../dag-paths.ts";
import type { Rerun as Answer } from "../dag-types.ts";
import { Dialog, useAction } from "./dialog.tsx";
import { Failure } from "./region.tsx";

export interface Scope {
  scope: "task" | "after" | "failed" | "all";
  tasks?: string[];
}

interface Props {
  dag: string;
  run: string;
  what: Scope;
  close: () => void;
  done: () => void;
}

export function Rerun({ dag, run, what, close, done }: Props) {
  const [tasks, setTasks] = useState<string[]>();
  const [refusal, setRefusal] = useState<ApiError>();
  const { busy, error, act } = useAction();
  const path = `${runPath(dag, run)}/rerun`;
  useEffect(() => {
    post<Answer>(path, { ...what, dry_run: true }).then(
      (answer) => setTasks(answer.tasks),
      (reason: unknown) => (reason instanceof ApiError ? setRefusal(reason) : undefined),
    );
  }, [path]);
  const start = async () => {
    if (await act(() => post<Answer>(path, what))) {
      close();
      done();
    }
  };
  const shown = error ?? refusal;
  return (
    <Dialog title="Run again" close={close}>
      {tasks === undefined ? null : (
        <>
          <p>
            {tasks.length === 1 ? "This task runs" : `These ${tasks.length} tasks run`} again. Their
            logs of before stay.
          </p>
          <ol class="tasks">
            {tasks.map((task) => (
              <li key={task}>{task}</li>
            ))}
          </ol>
        </>
      )}
      {shown === undefined ? null : <Failure error={shown} />}
      <div class="bar end">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button
          class="main"
          disabled={busy || tasks === undefined}
          autofocus
          onClick={() => void start()}
        >
          Run again
        </button>
      </div>
    </Dialog>
  );
}
