/* The pipeline at a glance: what comes in, what it becomes, what runs, and what is wrong. */

import { useGet } from "../api.ts";
import { duration } from "../format.ts";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/list.tsx";
import { Page } from "../parts/page.tsx";
import { ProblemLists } from "../parts/problems.tsx";
import { Empty, Region } from "../parts/region.tsx";
import { State } from "../parts/state.tsx";
import { At } from "../parts/time.tsx";
import { facts, Way } from "../parts/way.tsx";
import type { Node } from "../parts/way.tsx";
import { href, place, setQuery } from "../route.ts";
import { stateOf } from "../states.ts";
import type { Items } from "../types.ts";

interface Glance {
  nodes: Node[];
  edges: [string, string][];
  problems: { severity: string; list: string; entries: unknown[] }[];
}

interface Run {
  run: string;
  dag: string;
  state: string;
  queued_ms: number;
  duration_ms: number | null;
}

interface Dag {
  dag: string;
  paused: boolean;
  next_ms: number | null;
  last: [string, string, number | null][]; // the newest first
}

const PHONE_WIDTH = 640;
const RUNS = 10;

const COLUMNS: Column<Node>[] = [
  {
    name: "Name",
    cell: (node) => <a href={node.href}>{node.label}</a>,
    sort: (node) => node.label,
  },
  {
    name: "Kind",
    cell: (node) => node.kind.replaceAll("_", " "),
    sort: (node) => node.kind,
  },
  { name: "Health", cell: (node) => <State state={node.health} />, sort: (node) => node.health },
  { name: "Records", cell: (node) => facts(node), sort: (node) => node.rate ?? -1 },
];

const RUN_COLUMNS: Column<Run>[] = [
  { name: "State", cell: (run) => <State state={run.state} /> },
  {
    name: "Run",
    cell: (run) => <a href={href(["dags", run.dag, "runs", run.run])}>{run.run}</a>,
  },
  { name: "DAG", cell: (run) => <a href={href(["dags", run.dag])}>{run.dag}</a> },
  { name: "Queued", cell: (run) => <At ms={run.queued_ms} /> },
  {
    name: "Duration",
    cell: (run) => (run.duration_ms === null ? "" : duration(run.duration_ms)),
    number: true,
  },
];

const healthOf = (state: string) => (state === "success" ? "healthy" : state);

/* A DAG is as well as its newest run. */
function withRuns(nodes: Node[], dags: Dag[]): Node[] {
  return nodes.map((node) => {
    const dag = dags.find((one) => node.id === `dag/${one.dag}`);
    const newest = dag?.last[0];
    return newest === undefined ? node : { ...node, health: healthOf(stateOf(newest[1])) };
  });
}

/* The front door's command line for a first record. */
function curl(nodes: Node[]): string {
  const topic = nodes.find((node) => node.kind === "topic")?.label ?? "clicks";
  const type = "content-type: application/vnd.kafka.json.v2+json";
  const body = `{"records":[{"value":{"hello":"world"}}]}`;
  return `curl -H '${type}' -d '${body}' ${location.origin}/topics/${encodeURIComponent(topic)}`;
}

function Glanced({ of, dags }: { of: Glance; dags: Dag[] }) {
  const view =
    place.value.query.get("view") ?? (window.innerWidth < PHONE_WIDTH ? "list" : "drawing");
  const nodes = withRuns(of.nodes, dags);
  const none = !nodes.some((node) => node.records !== null && node.records !== "0");
  return (
    <>
      {none ? (
        <>
          <Empty command={curl(nodes)}>No record is here yet. Post one:</Empty>
          <Empty command="pinion emulate --rows 500">
            Or let the pipeline's own producer make some up:
          </Empty>
        </>
      ) : null}
      <div class="bar" role="group" aria-label="View">
        {["drawing", "list"].map((one) => (
          <button key={one} aria-pressed={view === one} onClick={() => setQuery("view", one)}>
            {one === "drawing" ? "Drawing" : "List"}
          </button>
        ))}
      </div>
      {view === "list" ? (
        <List
          caption="What there is"
          columns={COLUMNS}
          rows={nodes}
          words={(node) => `${node.label} ${node.kind} ${node.health}`}
          empty={<Empty>The pipeline is empty.</Empty>}
        />
      ) : (
        <Way nodes={nodes} edges={of.edges} />
      )}
    </>
  );
}

function Next({ dags }: { dags: Dag[] }) {
  const next = dags
    .flatMap((dag) => (dag.next_ms === null || dag.paused ? [] : [{ ...dag, at: dag.next_ms }]))
    .sort((a, b) => a.at - b.at)[0];
  return next === undefined ? (
    <p class="quiet">No DAG has a run scheduled.</p>
  ) : (
    <p>
      Next scheduled: <a href={href(["dags", next.dag])}>{next.dag}</a>, <At ms={next.at} />
    </p>
  );
}

function Runs({ runs }: { runs: Run[] }) {
  return runs.length === 0 ? (
    <p class="quiet">Nothing has run yet.</p>
  ) : (
    <div class="scroll" tabIndex={0} role="region" aria-label="Last runs">
      <table>
        <caption class="hidden">Last runs</caption>
        <thead>
          <tr>
            {RUN_COLUMNS.map((column) => (
              <th key={column.name} scope="col" class={column.number ? "number" : ""}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={`${run.dag} ${run.run}`}>
              {RUN_COLUMNS.map((column) => (
                <td key={column.name} class={column.number ? "number" : ""}>
                  {column.cell(run)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Overview() {
  const glance = useGet<Glance>("overview", ["rates", "health", "tables"]);
  const dags = useGet<Items<Dag>>("dags", ["dags"]);
  const runs = useGet<Items<Run>>(`runs?limit=${RUNS}`, ["dags"]);
  return (
    <Page title="Overview">
      <Region of={glance}>
        {(data) => (
          <>
            <Glanced of={data} dags={dags.data?.items ?? []} />
            <h2>Health</h2>
            <ProblemLists of={data.problems.map(({ list, entries }) => [list, entries])} />
          </>
        )}
      </Region>
      <h2>Last runs</h2>
      <Region of={dags}>{({ items }) => <Next dags={items} />}</Region>
      <Region of={runs}>{({ items }) => <Runs runs={items} />}</Region>
    </Page>
  );
}
