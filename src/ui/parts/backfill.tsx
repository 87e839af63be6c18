/* Makes the runs of a range of time: the list of them first, then the runs, then their progress. */

import { useState } from "preact/hooks";

import { post, useGet } from "../api.ts";
import type { Backfill, BackfillPlan } from "../dag-types.ts";
import { topicOf } from "../events.ts";
import { count, fieldMoment, time } from "../format.ts";
import { rangeMistake } from "../mistakes.ts";
import type { Items } from "../types.ts";
import { Dialog, useAction } from "./dialog.tsx";
import { Field, Moment } from "./field.tsx";
import { Failure } from "./region.tsx";
import { State } from "./state.tsx";

const LISTED_MAX = 200;

const WHICH = [
  ["none", "times without a run"],
  ["failed", "and those whose run failed"],
  ["completed", "all of them again"],
] as const;

const ACTIONS: Record<string, string> = {
  create: "new run",
  clear: "runs again",
  leave: "stays as it is",
};

function Plan({ plan }: { plan: BackfillPlan }) {
  return (
    <>
      <p>
        <strong>
          {count(plan.runs)} {plan.runs === 1 ? "run" : "runs"}
        </strong>{" "}
        of {count(plan.items.length)} {plan.items.length === 1 ? "time" : "times"} of the schedule.
      </p>
      {plan.left_out === null ? null : <p class="quiet">Left out: {plan.left_out}.</p>}
      <ul class="plan" tabIndex={0} aria-label="Runs">
        {plan.items.slice(0, LISTED_MAX).map((item) => (
          <li key={item.run}>
            {time(item.logical_ms)}{" "}
            <span class="quiet">
              {ACTIONS[item.action]}
              {item.reason === null ? "" : `: ${item.reason}`}
            </span>
          </li>
        ))}
      </ul>
      {plan.items.length > LISTED_MAX ? (
        <p class="quiet">The first {LISTED_MAX} are listed.</p>
      ) : null}
    </>
  );
}

interface Props {
  dag: string;
  close: () => void;
  done: () => void;
}

export function NewBackfill({ dag, close, done }: Props) {
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [which, setWhich] = useState("none");
  const [plan, setPlan] = useState<BackfillPlan>();
  const { busy, error, act } = useAction();
  const path = `backfills/${encodeURIComponent(dag)}`;
  const range = { from_ms: fieldMoment(from), to_ms: fieldMoment(to), reprocess: which };
  const wrong = rangeMistake(range.from_ms, range.to_ms);
  const ready = range.from_ms !== undefined && range.to_ms !== undefined && wrong === undefined;
  const look = (event: Event) => {
    event.preventDefault();
    void act(async () => setPlan(await post<BackfillPlan>(path, { ...range, dry_run: true })));
  };
  const start = async () => {
    if (await act(() => post(path, { ...range, token: plan?.token }))) {
      close();
      done();
    }
  };
  const changed = <T,>(set: (value: T) => void) => {
    return (value: T) => {
      setPlan(undefined);
      set(value);
    };
  };
  return (
    <Dialog title={`Backfill ${dag}`} close={close}>
      <form onSubmit={look}>
        <Moment id="from" name="From" value={from} set={changed(setFrom)} required />
        <Moment
          id="to"
          name="To, included"
          value={to}
          set={changed(setTo)}
          required
          wrong={wrong}
        />
        <Field id="which" name="Which runs">
          <select
            id="which"
            value={which}
            onChange={(event) => changed(setWhich)(event.currentTarget.value)}
          >
            {WHICH.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </Field>
        {plan === undefined ? null : <Plan plan={plan} />}
        {error === undefined ? null : <Failure error={error} />}
        <div class="bar end">
          <button type="button" onClick={close}>
            Cancel
          </button>
          {plan === undefined ? (
            <button class="main" disabled={busy || !ready}>
              List the runs
            </button>
          ) : (
            <button
              type="button"
              class="main"
              disabled={busy || plan.runs === 0}
              onClick={() => void start()}
            >
              Make {count(plan.runs)} {plan.runs === 1 ? "run" : "runs"}
            </button>
          )}
        </div>
      </form>
    </Dialog>
  );
}

/* --- what became of them --------------------------------------------------------------------- */

function Progress({ of, again }: { of: Backfill; again: () => void }) {
  const { error, act, busy } = useAction();
  const all = Object.values(of.counts).reduce((sum, n) => sum + n, 0);
  const over = of.counts.success + of.counts.failed + of.counts.cancelled;
  const steer = async (verb: "pause" | "unpause" | "cancel") => {
    if (await act(() => post(`backfills/${of.backfill}/${verb}`, {}))) {
      again();
    }
  };
  return (
    <div class="notice">
      <p>
        Backfill from {time(of.from_ms)} to {time(of.to_ms)}: {of.state}
      </p>
      <div class="bar">
        <progress value={over} max={all} aria-label="Runs that are over" />
        <span>
          {over} of {all} runs
        </span>
        {of.taken === 0 ? null : <span>{of.taken} more that a newer backfill took over</span>}
        {Object.entries(of.counts).map(([state, n]) =>
          n === 0 ? null : (
            <span key={state}>
              {n} <State state={state} />
            </span>
          ),
        )}
        {of.state === "paused" ? (
          <button disabled={busy} onClick={() => void steer("unpause")}>
            Resume
          </button>
        ) : (
          <button disabled={busy} onClick={() => void steer("pause")}>
            Pause
          </button>
        )}
        <button disabled={busy} onClick={() => void steer("cancel")}>
          Cancel the backfill
        </button>
      </div>
      {error === undefined ? null : <Failure error={error} />}
    </div>
  );
}

/* The backfills of a DAG that are not over. */
export function Backfills({ dag }: { dag: string }) {
  const path = `backfills?dag=${encodeURIComponent(dag)}&limit=10`;
  const all = useGet<Items<Backfill>>(path, [topicOf("dag", dag)]);
  const active = (all.data?.items ?? []).filter(
    (one) => one.state === "running" || one.state === "paused",
  );
  return (
    <>
      {active.map((one) => (
        <Progress key={one.backfill} of={one} again={all.again} />
      ))}
    </>
  );
}
