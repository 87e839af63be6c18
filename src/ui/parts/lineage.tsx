/*
 * Where tables' rows come from, what makes the tables, and what reads them: as a drawing of links,
 * or as lists. Of one table there is what its rows pass through; of all there is everything.
 */

import { useGet } from "../api.ts";
import { aroundTable, nodesOf, readersOf } from "../lineage-graph.ts";
import type { LineageNode } from "../lineage-graph.ts";
import { href, place, setQuery } from "../route.ts";
import type { Items, LineageEdge, LineageRow, SavedQuery, TableRow } from "../types.ts";
import { Drawing, DRAWN_MAX } from "./drawing.tsx";
import { List } from "./list.tsx";
import type { Column } from "./list.tsx";
import { Empty, Region } from "./region.tsx";

const SIDES: { side: LineageRow["side"]; title: string; none: string }[] = [
  { side: "before", title: "Made from", none: "Nothing of this pipeline." },
  { side: "by", title: "Made by", none: "A stream, or nothing." },
  { side: "after", title: "Read by", none: "No table and no query." },
];

/* --- links ------------------------------------------------------------------------------------ */

interface Thing {
  kind: LineageRow["kind"];
  name: string;
}

/* Of a task, whose name is DAG/TASK. */
function dagOf(task: { name: string } | undefined): string {
  return task?.name.slice(0, task.name.indexOf("/")) ?? "";
}

type Queries = Map<string, string>; // from a name to the SQL

function useQueries(): Queries {
  const saved = useGet<Items<SavedQuery>>("pipeline/queries", ["definition"]);
  return new Map(saved.data?.items.map(({ query, sql }) => [query, sql]));
}

/* A name with a star is a pattern: its link leads to the list of those that it may match. */
function target({ kind, name }: Thing, queries: Queries): string {
  switch (kind) {
    case "query":
      return href(["query"], { sql: queries.get(name) });
    case "task":
      return href(["dags", dagOf({ name })]);
    case "files": // of the store, which has no page
      return href(["tables"]);
    default:
      return name.includes("*")
        ? href([`${kind}s`], { filter: name.replaceAll("*", " ").trim() })
        : href([`${kind}s`, name]);
  }
}

function Names({ of, queries }: { of: Thing[]; queries: Queries }) {
  return (
    <>
      {of.map((one, at) => (
        <span key={`${one.kind} ${one.name}`}>
          {at > 0 ? ", " : null}
          <a href={target(one, queries)}>{one.name}</a>
        </span>
      ))}
    </>
  );
}

/* What makes a table that was not written yet. */
export function NotMadeYet({ table }: { table: string }) {
  const rows = useGet<Items<LineageRow>>(`tables/${encodeURIComponent(table)}/lineage`);
  const queries = useQueries();
  return (
    <Region of={rows}>
      {({ items }) => {
        const tasks = items.filter(({ side }) => side === "by");
        const streams = items.filter(({ side, kind }) => side === "before" && kind === "stream");
        return (
          <Empty command={tasks.length > 0 ? `pinion dag trigger ${dagOf(tasks[0])}` : undefined}>
            The table has not been written yet.{" "}
            {tasks.length > 0 ? (
              <>
                <Names of={tasks} queries={queries} /> makes it when it runs.
              </>
            ) : streams.length > 0 ? (
              <>
                Records of the stream <Names of={streams} queries={queries} /> fill it.
              </>
            ) : (
              "Nothing of this pipeline makes it."
            )}
          </Empty>
        );
      }}
    </Region>
  );
}

/* --- the drawing ------------------------------------------------------------------------------ */

interface Graph {
  nodes: LineageNode[];
  kinds: Map<string, string>; // of tables
  queries: Queries;
  here?: string; // the table that the drawing is about
}

/* A table's kind is shorter than the word "table", and says more. */
function kindOf({ kind, name }: LineageNode, kinds: Map<string, string>): string {
  return kind === "table" ? (kinds.get(name) ?? "table") : kind;
}

function Picture({ nodes, kinds, queries, here }: Graph) {
  return (
    <Drawing
      label={here === undefined ? "Lineage of all tables" : `Lineage of ${here}`}
      id={`lineage ${JSON.stringify(nodes)} ${JSON.stringify([...kinds])}`}
      nodes={nodes.map((node) => ({
        name: `${kindOf(node, kinds)} ${node.name}`,
        after: node.after,
      }))}
      words="tables, topics, files, streams and queries"
      box={(at, style) => {
        const node = nodes[at];
        return node === undefined ? null : (
          <a
            key={`${node.kind} ${node.name}`}
            class={`box of-${node.kind}`}
            aria-current={node.kind === "table" && node.name === here ? "true" : undefined}
            href={target(node, queries)}
            title={`${kindOf(node, kinds)} ${node.name}`}
            style={style}
          >
            <span class="quiet">{kindOf(node, kinds)}</span> <span>{node.name}</span>
          </a>
        );
      }}
    />
  );
}

function isList(count: number): boolean {
  const asked = place.value.query.get("as");
  return asked === "list" || (asked === null && count > DRAWN_MAX);
}

function Switch({ list, count }: { list: boolean; count: number }) {
  return (
    <div class="bar">
      <button onClick={() => setQuery("as", list ? "picture" : "list")}>
        {list ? "As a picture" : "As a list"}
      </button>
      {list && count > DRAWN_MAX ? (
        <span class="quiet">{count} boxes make a large picture.</span>
      ) : null}
    </div>
  );
}

/* --- all tables ------------------------------------------------------------------------------- */

interface Read {
  node: LineageNode;
  kind: string;
  reads: LineageNode[];
  readers: LineageNode[];
}

function AsList({ nodes, kinds, queries }: Graph) {
  const pick = (places: number[] | undefined) => (places ?? []).flatMap((at) => nodes[at] ?? []);
  const readers = readersOf(nodes);
  const rows: Read[] = nodes.map((node, at) => ({
    node,
    kind: kindOf(node, kinds),
    reads: pick(node.after),
    readers: pick(readers[at]),
  }));
  const columns: Column<Read>[] = [
    {
      name: "Name",
      cell: ({ node }) => <Names of={[node]} queries={queries} />,
      sort: ({ node }) => node.name,
    },
    { name: "Kind", cell: ({ kind }) => kind, sort: ({ kind }) => kind },
    { name: "Reads", cell: ({ reads }) => <Names of={reads} queries={queries} /> },
    { name: "Read by", cell: ({ readers }) => <Names of={readers} queries={queries} /> },
  ];
  return (
    <List
      caption="Lineage"
      columns={columns}
      rows={rows}
      words={({ node, kind, reads }) =>
        [node.name, kind, ...reads.map(({ name }) => name)].join(" ")
      }
      empty={null}
    />
  );
}

export function LineageOfAll({ tables }: { tables: TableRow[] }) {
  const edges = useGet<Items<LineageEdge>>("lineage", ["definition"]);
  const queries = useQueries();
  const kinds = new Map(tables.map(({ table, kind }) => [table, kind]));
  return (
    <Region of={edges}>
      {({ items }) => {
        const graph = { nodes: nodesOf(items), kinds, queries };
        const list = isList(graph.nodes.length);
        return items.length === 0 ? (
          <Empty command="pinion pipeline check">The pipeline has no tables.</Empty>
        ) : (
          <>
            <Switch list={list} count={graph.nodes.length} />
            {list ? <AsList {...graph} /> : <Picture {...graph} />}
          </>
        );
      }}
    </Region>
  );
}

/* --- one table -------------------------------------------------------------------------------- */

function Sides({ rows, queries }: { rows: LineageRow[]; queries: Queries }) {
  return (
    <div class="lineage">
      {SIDES.map(({ side, title, none }) => {
        const found = rows.filter((row) => row.side === side);
        return (
          <section key={side}>
            <h2>{title}</h2>
            {found.length === 0 ? <p class="quiet">{none}</p> : null}
            <ul>
              {found.map((row) => (
                <li key={`${row.kind} ${row.name}`}>
                  <span class="quiet">{row.kind}</span> <Names of={[row]} queries={queries} />
                  {row.steps > 1 ? <span class="quiet">, {row.steps} steps away</span> : null}
                </li>
              ))}
            </ul>
          </section>
        );
      })}
    </div>
  );
}

export function Lineage({ table, tables }: { table: string; tables: TableRow[] }) {
  const rows = useGet<Items<LineageRow>>(`tables/${encodeURIComponent(table)}/lineage`, [
    "definition",
  ]);
  const edges = useGet<Items<LineageEdge>>("lineage", ["definition"]);
  const queries = useQueries();
  const nodes = aroundTable(nodesOf(edges.data?.items ?? []), table);
  const kinds = new Map(tables.map(({ table: name, kind }) => [name, kind]));
  const list = isList(nodes.length);
  return (
    <>
      <Switch list={list} count={nodes.length} />
      <Region of={rows}>
        {({ items }) => {
          const tasks = items.filter(({ side }) => side === "by");
          return list ? (
            <Sides rows={items} queries={queries} />
          ) : tasks.length === 0 ? null : (
            <p class="made-by">
              Made by <Names of={tasks} queries={queries} />
            </p>
          );
        }}
      </Region>
      {list ? null : (
        <Region of={edges}>
          {() => <Picture nodes={nodes} kinds={kinds} queries={queries} here={table} />}
        </Region>
      )}
    </>
  );
}
