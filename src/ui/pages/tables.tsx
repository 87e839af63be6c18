/* The Delta tables: all of them, and one with its rows, schema, history and files. */

import type { ComponentChildren } from "preact";

import { useGet } from "../api.ts";
import { taskHref } from "../dag-paths.ts";
import { topicOf } from "../events.ts";
import { bytes, count } from "../format.ts";
import { Facts } from "../parts/facts.tsx";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/list.tsx";
import { MadeBy } from "../parts/made-by.tsx";
import { Page } from "../parts/page.tsx";
import { Empty, Region } from "../parts/region.tsx";
import { Definition } from "../parts/table-definition.tsx";
import { Diff } from "../parts/table-diff.tsx";
import { Lineage, LineageOfAll, NotMadeYet } from "../parts/lineage.tsx";
import { ServerList } from "../parts/server-list.tsx";
import type { ServerColumn } from "../parts/server-list.tsx";
import { Spark } from "../parts/spark.tsx";
import { Growth } from "../parts/table-growth.tsx";
import { Rows } from "../parts/table-rows.tsx";
import { Upkeep } from "../parts/table-upkeep.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { Ago, At } from "../parts/time.tsx";
import { href, place, segments } from "../route.ts";
import type { CommitRow, FileRow, Items, Maker, SchemaRow, TableRow } from "../types.ts";

/* What made the newest commit, in short. */
function LastMaker({ maker }: { maker: Maker | null }) {
  const { dag, run, task, stream, job, command } = maker ?? {};
  const [name, to] =
    dag !== undefined && run !== undefined && task !== undefined
      ? [task, taskHref(dag, run, task, maker?.try)]
      : stream !== undefined
        ? [stream, href(["streams", stream])]
        : [job === undefined ? command : `job ${job}`, href(["jobs"])];
  return name === undefined ? null : name === command ? (
    <span class="short maker">{name}</span>
  ) : (
    <a class="short maker" href={to} title={run === undefined ? name : `${name} of ${run}`}>
      {name}
    </a>
  );
}

/* --- all tables ------------------------------------------------------------------------------ */

function kindWords({ kind }: TableRow): string {
  return kind.replace("_", " ");
}

const TABLES: Column<TableRow>[] = [
  {
    name: "Table",
    cell: (row) => (
      <a class="key" href={href(["tables", row.table])}>
        {row.table}
      </a>
    ),
    sort: (row) => row.table,
  },
  { name: "Kind", cell: (row) => kindWords(row), sort: kindWords },
  { name: "Rows", cell: (row) => count(row.rows), sort: (row) => row.rows ?? -1, number: true },
  {
    name: "Added",
    cell: (row) => (row.added === null ? null : <Spark added={row.added} />),
  },
  {
    name: "Size",
    cell: (row) => bytes(row.size_bytes),
    sort: (row) => row.size_bytes ?? -1,
    number: true,
  },
  { name: "Files", cell: (row) => count(row.files), sort: (row) => row.files ?? -1, number: true },
  {
    name: "Version",
    cell: (row) => count(row.version),
    sort: (row) => row.version ?? -1,
    number: true,
  },
  {
    name: "Last commit",
    cell: (row) =>
      row.version === null ? (
        <span class="quiet">not made yet</span>
      ) : (
        <Ago ms={row.committed_ms} />
      ),
    sort: (row) => row.committed_ms ?? 0,
  },
  { name: "Made by", cell: (row) => <LastMaker maker={row.maker} /> },
];

function AllTables() {
  const tables = useGet<Items<TableRow>>("tables", ["tables"]);
  const lineage = place.value.query.get("view") === "lineage"; // a table may have that name
  return (
    <Page title="Tables">
      <nav class="tabs" aria-label="Views">
        <a href={href(["tables"])} aria-current={lineage ? undefined : "page"}>
          List
        </a>
        <a href={href(["tables"], { view: "lineage" })} aria-current={lineage ? "page" : undefined}>
          Lineage
        </a>
      </nav>
      <Region of={tables}>
        {({ items }) =>
          lineage ? (
            <LineageOfAll tables={items} />
          ) : (
            <List
              caption="Tables"
              columns={TABLES}
              rows={items}
              words={(row) => `${row.table} ${kindWords(row)} ${row.path}`}
              empty={<Empty command="pinion pipeline check">The pipeline has no tables.</Empty>}
            />
          )
        }
      </Region>
    </Page>
  );
}

/* --- one table ------------------------------------------------------------------------------- */

/* What needs a version to look at. */
function Written({
  table,
  children,
}: {
  table: TableRow;
  children: (version: number) => ComponentChildren;
}) {
  return table.version === null && table.kind === "undeclared" ? (
    <Empty command={`pinion table history ${table.table}`}>
      The table cannot be read. The command says why, or shows its log:
    </Empty>
  ) : table.version === null && table.kind === "dead_letters" ? (
    <Empty>No record has failed to become a row: the table is not there yet.</Empty>
  ) : table.version === null ? (
    <NotMadeYet table={table.table} />
  ) : (
    <>{children(table.version)}</>
  );
}

/* The table's rows as they were then. */
function versionHref(version: number): string {
  return href(segments(place.value.path).slice(0, 2), { version: `${version}` });
}

function Since({ column: { since = 0, since_exact } }: { column: SchemaRow }) {
  return (
    <>
      {since_exact ? null : <span class="quiet">by </span>}
      <a href={versionHref(since)}>{count(since)}</a>
      {since_exact ? null : <span class="quiet">, the oldest looked at</span>}
    </>
  );
}

const SCHEMA: Column<SchemaRow>[] = [
  { name: "Column", cell: (row) => <code>{row.column}</code> },
  { name: "Type", cell: (row) => <code>{row.type}</code> },
  { name: "Null", cell: (row) => (row.nullable ? "allowed" : "never") },
  { name: "Partition", cell: (row) => (row.partition ? "yes" : "") },
  { name: "Since version", cell: (row) => <Since column={row} /> },
];

const HISTORY: ServerColumn<CommitRow>[] = [
  {
    name: "Version",
    cell: (row) => <a href={versionHref(row.version)}>{count(row.version)}</a>,
    sort: "version",
    number: true,
  },
  { name: "Time", cell: (row) => <At ms={row.committed_ms} /> },
  { name: "Operation", cell: (row) => row.operation },
  { name: "Made by", cell: (row) => <MadeBy of={row} /> },
  { name: "Rows added", cell: (row) => count(row.rows_added), number: true },
  { name: "Files added", cell: (row) => count(row.files_added), number: true },
  { name: "Files removed", cell: (row) => count(row.files_removed), number: true },
];

const FILES: ServerColumn<FileRow>[] = [
  { name: "File", cell: (row) => <code>{row.path}</code>, sort: "path" },
  { name: "Rows", cell: (row) => count(row.rows), sort: "rows", number: true },
  { name: "Deleted rows", cell: (row) => count(row.deleted_rows), number: true },
  { name: "Size", cell: (row) => bytes(row.size_bytes), sort: "size_bytes", number: true },
  {
    name: "Partition",
    cell: (row) =>
      Object.entries(row.partition).map(([column, value]) => (
        <div key={column}>
          <code>
            {column} = {value ?? "null"}
          </code>
        </div>
      )),
  },
  { name: "Written", cell: (row) => <At ms={row.modified_ms} />, sort: "modified_ms" },
];

function Schema({ path }: { path: string }) {
  const schema = useGet<Items<SchemaRow>>(`${path}/schema`);
  return (
    <Region of={schema}>
      {({ items }) => (
        <List
          caption="Schema"
          columns={SCHEMA}
          rows={items}
          words={(row) => `${row.column} ${row.type}`}
          empty={<Empty>There are none.</Empty>}
        />
      )}
    </Region>
  );
}

/* A table in SQL: a key has quotes. */
function inSql(name: string): string {
  return name.includes("/") ? `"${name.replaceAll('"', '""')}"` : name;
}

const VIEWS = ["Data", "Schema", "History", "Files", "Growth", "Diff"];

function OneTable({ name, view }: { name: string; view: string }) {
  const path = `tables/${encodeURIComponent(name)}`;
  const tables = useGet<Items<TableRow>>("tables", ["tables", topicOf("table", name)]);
  const isKey = name.includes("/"); // of a table that the pipeline does not declare
  return (
    <Page title={name} trail={["Tables"]}>
      <Tabs
        base={["tables", name]}
        views={isKey ? VIEWS : [...VIEWS, "Lineage", "Definition"]}
        shown={view}
      />
      <Region of={tables}>
        {({ items }) => {
          const data = items.find((row) => row.table === name);
          return data === undefined ? (
            <Empty command="pinion table list">
              {isKey
                ? "No table with this key is among those of the pipeline."
                : "The pipeline has no table of this name."}
            </Empty>
          ) : (
            <>
              <Facts
                of={{
                  Kind: kindWords(data),
                  Rows: count(data.rows),
                  Size: bytes(data.size_bytes),
                  Files: count(data.files),
                  Version: count(data.version),
                  "Last commit": <Ago ms={data.committed_ms} />,
                  Path: <code>{data.path}</code>,
                }}
              />
              {data.kind === "undeclared" ? (
                <p class="quiet">
                  The pipeline does not declare this table: another writer made it, or the
                  definition of one that did is gone. Queries name it by its key.
                </p>
              ) : data.version === null ? null : (
                <Upkeep path={path} again={tables.again} />
              )}
              {view === "data" ? (
                <Written table={data}>
                  {(version) => (
                    <>
                      <p class="alone">
                        <a href={href(["query"], { sql: `SELECT * FROM ${inSql(name)}` })}>
                          Query the table
                        </a>
                      </p>
                      <Rows path={path} version={version} />
                    </>
                  )}
                </Written>
              ) : null}
              {view === "lineage" && !isKey ? (
                data.kind === "dead_letters" ? (
                  <Empty>
                    The table holds the records that could not become rows:{" "}
                    <a href={href(["dead-letters"])}>Dead letters</a> says where each came from.
                  </Empty>
                ) : (
                  <Lineage table={name} tables={items} />
                )
              ) : null}
              {view === "definition" && !isKey ? (
                data.kind === "dead_letters" ? (
                  <Empty>
                    pinion makes this table: its columns are the same in each pipeline. They are
                    under Schema.
                  </Empty>
                ) : (
                  <Definition path={path} />
                )
              ) : null}
              {view === "growth" ? <Growth path={path} /> : null}
              {view === "diff" ? (
                <Written table={data}>
                  {(version) => <Diff path={path} version={version} />}
                </Written>
              ) : null}
              {view === "schema" ? <Schema path={path} /> : null}
              {view === "history" ? (
                <ServerList
                  key={`${path}/history`}
                  path={`${path}/history`}
                  caption="History"
                  columns={HISTORY}
                  empty={<Empty>There are none.</Empty>}
                />
              ) : null}
              {view === "files" ? (
                <ServerList
                  key={`${path}/files`}
                  path={`${path}/files`}
                  caption="Files"
                  columns={FILES}
                  empty={<Empty>There are none.</Empty>}
                />
              ) : null}
            </>
          );
        }}
      </Region>
    </Page>
  );
}

export function TablesPage({ rest }: { rest: string[] }) {
  const [name, view = "data"] = rest;
  return name === undefined ? <AllTables /> : <OneTable key={name} name={name} view={view} />;
}
