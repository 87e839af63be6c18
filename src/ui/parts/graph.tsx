/* The tasks of a DAG and what each waits for: as a picture of links, or as a list of them. */

import { useEffect, useState } from "preact/hooks";

import type { DagGrid, GridTask } from "../dag-types.ts";
import { layoutOf } from "../layout.ts";
import type { Layout } from "../layout-core.ts";
import { place, setQuery } from "../route.ts";
import { stateOf, words } from "../states.ts";
import { Glyph, State } from "./state.tsx";

const DRAWN_MAX = 300; // tasks that are drawn without being asked

interface Props {
  dag: string;
  grid: DagGrid;
  states: string; // a letter for each task, of the run that is shown
  hrefOf: (task: string) => string;
}

function Picture({ dag, grid, states, hrefOf }: Props) {
  const [layout, setLayout] = useState<Layout>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    const tasks = grid.tasks
      .filter((task) => !task.removed)
      .map((task) => ({ name: task.id, after: task.after ?? [] }));
    layoutOf(`${dag}/${grid.version}`, tasks).then(setLayout, () => setFailed(true));
  }, [dag, grid.version]);
  if (failed) {
    return <p role="alert">The graph could not be laid out; the list has all of it.</p>;
  }
  if (layout === undefined) {
    return <p role="status">Laying out {grid.tasks.length} tasks…</p>;
  }
  return (
    <div class="scroll graph" tabIndex={0} role="region" aria-label={`Graph of ${dag}`}>
      <div style={{ width: `${layout.width}px`, height: `${layout.height}px` }}>
        <svg width={layout.width} height={layout.height} aria-hidden="true">
          {layout.lines.map((path, at) => (
            <path key={at} d={path} />
          ))}
        </svg>
        {layout.boxes.map((box, at) => {
          const task = grid.tasks[at];
          const state = stateOf(states.charAt(at)) || "none";
          return task === undefined ? null : (
            <a
              key={task.id}
              class={`box is-${state}`}
              href={hrefOf(task.id)}
              title={task.id}
              style={{ left: `${box.x}px`, top: `${box.y}px`, width: `${box.width}px` }}
            >
              <Glyph state={state} />
              <span>{task.id}</span>
              <span class="hidden">, {words(state)}</span>
            </a>
          );
        })}
      </div>
    </div>
  );
}

function names(tasks: GridTask[], places: number[] | undefined): string {
  return (places ?? []).map((at) => tasks[at]?.id).join(", ");
}

function AsList({ grid, states, hrefOf }: Props) {
  return (
    <ul class="graph-list">
      {grid.tasks.map((task, at) => (
        <li key={task.id}>
          <a href={hrefOf(task.id)}>{task.id}</a>{" "}
          <State state={stateOf(states.charAt(at)) || "none"} />
          {task.after === undefined ? null : (
            <span class="quiet"> after {names(grid.tasks, task.after)}</span>
          )}
        </li>
      ))}
    </ul>
  );
}

export function DagGraph(props: Props) {
  const asked = place.value.query.get("as");
  const many = props.grid.tasks.length > DRAWN_MAX;
  const list = asked === "list" || (asked === null && many);
  return (
    <>
      <div class="bar">
        <button onClick={() => setQuery("as", list ? "picture" : "list")}>
          {list ? "As a picture" : "As a list"}
        </button>
        {list && many ? (
          <span class="quiet">{props.grid.tasks.length} tasks make a large picture.</span>
        ) : null}
      </div>
      {list ? <AsList {...props} /> : <Picture {...props} />}
    </>
  );
}
