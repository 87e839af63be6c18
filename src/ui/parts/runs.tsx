/* Runs as a list: filtered by what the address says, the newest first, a page at a time. */

import { useState } from "preact/hooks";

import { post, useGet } from "../api.ts";
import { runHref } from "../dag-paths.ts";
import type { BulkItem, Run, Runs } from "../dag-types.ts";
import { topicOf } from "../events.ts";
import { duration, fieldMoment, momentField, time } from "../format.ts";
import { rangeMistake } from "../mistakes.ts";
import { href, place, setQuery } from "../route.ts";
import { words } from "../states.ts";
import { Confirm } from "./confirm.tsx";
import { Moment } from "./field.tsx";
import { Empty, Region } from "./region.tsx";
import { State } from "./state.tsx";
import { Ago } from "./time.tsx";

const STATES = ["queued", "running", "success", "failed", "cancelled"];
const TYPES = ["manual", "scheduled", "backfill"];
const FILTERS = ["state", "type", "q", "from", "to", "cursor"];

/* The query of GET runs: what the address has of it. */
function filterOf(dag: string | undefined): string {
  const { query } = place.value;
  const filter = new URLSearchParams({ limit: "50" });
  for (const name of [...FILTERS, "dag"]) {
    const value = query.get(name);
    if (value !== null) {
      filter.set(name, value);
    }
  }
  if (dag !== undefined) {
    filter.set("dag", dag);
  }
  return filter.toString();
}

function set(name: string, value: string | undefined): void {
  setQuery("cursor", undefined);
  setQuery(name, value);
}

function Choice({ name, of, any }: { name: string; of: string[]; any: string }) {
  return (
    <select
      aria-label={any}
      value={place.value.query.get(name) ?? ""}
      onChange={(event) => set(name, event.currentTarget.value)}
    >
      <option value="">{any}</option>
      {of.map((value) => (
        <option key={value} value={value}>
          {value}
        </option>
      ))}
    </select>
  );
}

interface MomentFilterProps {
  name: string;
  words: string;
  wrong?: string;
}

/* The moment of the address; undefined when it has none. */
function momentOf(name: string): number | undefined {
  const ms = Number(place.value.query.get(name) ?? 0);
  return ms > 0 ? ms : undefined;
}

function MomentFilter({ name, words: label, wrong }: MomentFilterProps) {
  const ms = momentOf(name) ?? 0;
  return (
    <Moment
      wrong={wrong}
      id={`filter-${name}`}
      name={label}
      value={ms > 0 ? momentField(ms) : ""}
      set={(text) => set(name, fieldMoment(text)?.toString())}
    />
  );
}

function Filters({ dags }: { dags: string[] }) {
  return (
    <div class="bar filters" role="search">
      <input
        type="search"
        id="filter"
        placeholder="Run id or note"
        aria-label="Run id or note"
        value={place.value.query.get("q") ?? ""}
        onInput={(event) => set("q", event.currentTarget.value)}
      />
      {dags.length === 0 ? null : <Choice name="dag" of={dags} any="All DAGs" />}
      <Choice name="state" of={STATES} any="All states" />
      <Choice name="type" of={TYPES} any="All types" />
      <details>
        <summary>Time</summary>
        <MomentFilter name="from" words="Queued from" />
        <MomentFilter
          name="to"
          words="Queued before"
          wrong={rangeMistake(momentOf("from"), momentOf("to"))}
        />
      </details>
    </div>
  );
}

/* --- the rows -------------------------------------------------------------------------------- */

interface Chosen {
  has: (run: Run) => boolean;
  turn: (run: Run) => void;
}

function Row({ run, named, chosen }: { run: Run; named: boolean; chosen: Chosen }) {
  return (
    <tr>
      <td>
        <label class="check">
          <input
            type="checkbox"
            aria-label={`Choose ${run.run}`}
            checked={chosen.has(run)}
            onChange={() => chosen.turn(run)}
          />
        </label>
      </td>
      <td>
        <State state={run.state} />
      </td>
      {named ? (
        <td>
          <a href={href(["dags", run.dag])}>{run.dag}</a>
        </td>
      ) : null}
      <td>
        <a class="key" href={runHref(run.dag, run.run)}>
          {run.run}
        </a>
      </td>
      <td>{run.type}</td>
      <td>
        <Ago ms={run.started_ms ?? run.queued_ms} />
      </td>
      <td class="number">{run.duration_ms === null ? "–" : duration(run.duration_ms)}</td>
      <td class="wrap">
        {run.reason}
        {run.note === "" ? null : <span class="quiet"> {run.note}</span>}
      </td>
    </tr>
  );
}

const ASKED = {
  clear: { verb: "Run again", words: "All tasks of these runs run again." },
  delete: {
    verb: "Delete",
    words: "Their states and logs are gone afterwards. What they wrote into tables stays.",
  },
};

/* Several runs at once; one that cannot be done does not stop the others. */
function Bulk({ runs, done }: { runs: Run[]; done: () => void }) {
  const [asked, setAsked] = useState<keyof typeof ASKED>();
  const [refused, setRefused] = useState<BulkItem[]>([]);
  const act = async () => {
    const names = runs.map((run) => ({ dag: run.dag, run: run.run }));
    const { items } = await post<{ items: BulkItem[] }>("runs", { action: asked, runs: names });
    setRefused(items.filter((item) => item.error !== null));
  };
  const many = `${runs.length} ${runs.length === 1 ? "run" : "runs"}`;
  return (
    <>
      <div class="bar">
        <span role="status">{many} chosen</span>
        <button disabled={runs.length === 0} onClick={() => setAsked("clear")}>
          Run again
        </button>
        <button disabled={runs.length === 0} onClick={() => setAsked("delete")}>
          Delete
        </button>
      </div>
      {refused.length === 0 ? null : (
        <div class="notice danger" role="alert">
          {refused.map((item) => (
            <p key={`${item.dag}/${item.run}`}>
              <strong>
                {item.dag} {item.run}
              </strong>{" "}
              {item.error}
            </p>
          ))}
        </div>
      )}
      {asked === undefined ? null : (
        <Confirm
          title={`${ASKED[asked].verb}: ${many}`}
          verb={ASKED[asked].verb}
          count={runs.length}
          act={act}
          close={() => setAsked(undefined)}
          done={done}
        >
          <p>{ASKED[asked].words}</p>
          <ul class="plan" tabIndex={0} aria-label="Runs">
            {runs.map((run) => (
              <li key={run.id}>
                {run.dag} {run.run} <span class="quiet">{words(run.state)}</span>
              </li>
            ))}
          </ul>
        </Confirm>
      )}
    </>
  );
}

function Table({ runs, named, again }: { runs: Run[]; named: boolean; again: () => void }) {
  const [ids, setIds] = useState<Set<number>>(new Set());
  const chosen = runs.filter((run) => ids.has(run.id));
  const turn = (run: Run) => {
    const after = new Set(ids);
    if (!after.delete(run.id)) {
      after.add(run.id);
    }
    setIds(after);
  };
  const all = runs.length > 0 && chosen.length === runs.length;
  return (
    <>
      <Bulk
        runs={chosen}
        done={() => {
          setIds(new Set());
          again();
        }}
      />
      <div class="scroll" tabIndex={0} role="region" aria-label="Runs">
        <table>
          <caption class="hidden">Runs, the newest first</caption>
          <thead>
            <tr>
              <th scope="col">
                <label class="check">
                  <input
                    type="checkbox"
                    aria-label="Choose all of the page"
                    checked={all}
                    onChange={() => setIds(all ? new Set() : new Set(runs.map((run) => run.id)))}
                  />
                </label>
              </th>
              <th scope="col">State</th>
              {named ? <th scope="col">DAG</th> : null}
              <th scope="col">Run</th>
              <th scope="col">Type</th>
              <th scope="col">Start</th>
              <th scope="col" class="number">
                Duration
              </th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <Row
                key={run.id}
                run={run}
                named={named}
                chosen={{ has: (one) => ids.has(one.id), turn }}
              />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/* Of one DAG, or of all. `dags`: the names to choose from. */
export function RunList({ dag, dags = [] }: { dag?: string; dags?: string[] }) {
  const runs = useGet<Runs>(`runs?${filterOf(dag)}`, [
    dag === undefined ? "dags" : topicOf("dag", dag),
  ]);
  const cursor = place.value.query.get("cursor");
  const filtered = FILTERS.some((name) => place.value.query.has(name));
  return (
    <>
      <Filters dags={dags} />
      <Region of={runs}>
        {(data) => (
          <>
            <div class="bar">
              {Object.entries(data.counts).map(([state, n]) =>
                n === 0 ? null : (
                  <button key={state} class="tally" onClick={() => set("state", state)}>
                    {n} <State state={state} />
                  </button>
                ),
              )}
            </div>
            {data.items.length === 0 ? (
              filtered ? (
                <p class="quiet">No run is like that.</p>
              ) : (
                <Empty command={`pinion dag trigger ${dag ?? "NAME"}`}>
                  There are no runs yet. A schedule makes them, or you do:
                </Empty>
              )
            ) : (
              <Table runs={data.items} named={dag === undefined} again={runs.again} />
            )}
            <div class="bar more">
              {cursor === null ? null : (
                <button onClick={() => setQuery("cursor", undefined)}>First page</button>
              )}
              {data.next === undefined || data.next === null ? null : (
                <button onClick={() => setQuery("cursor", data.next)}>Next page</button>
              )}
              <span class="quiet">as of {time(runs.atMs ?? 0)}</span>
            </div>
          </>
        )}
      </Region>
    </>
  );
}
