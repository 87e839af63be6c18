/* The tasks of a DAG and what each waits for: as a picture of links, or as a list of them. */

import type { DagGrid, GridTask } from "../dag-types.ts";
import { place, setQuery } from "../route.ts";
import { stateOf, words } from "../states.ts";
import { Drawing, DRAWN_MAX } from "./drawing.tsx";
import { Glyph, State } from "./state.tsx";

interface Props {
  dag: string;
  grid: DagGrid;
  states: string; // a letter for each task, of the run that is shown
  hrefOf: (task: string) => string;
}

function Picture({ dag, grid, states, hrefOf }: Props) {
  const tasks = grid.tasks.filter((task) => !task.removed);
  return (
    <Drawing
      label={`Graph of ${dag}`}
      id={`${dag}/${grid.version}`}
      nodes={tasks.map((task) => ({ name: task.id, after: task.after ?? [] }))}
      words="tasks"
      box={(at, style) => {
        const task = grid.tasks[at];
        const state = stateOf(states.charAt(at)) || "none";
        return task === undefined ? null : (
          <a
            key={task.id}
            class={`box is-${state}`}
            href={hrefOf(task.id)}
            title={task.id}
            style={style}
          >
            <Glyph state={state} />
            <span>{task.id}</span>
            <span class="hidden">, {words(state)}</span>
          </a>
        );
      }}
    />
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
