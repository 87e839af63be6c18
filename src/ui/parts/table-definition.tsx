/* What the pipeline says of a table: its source, its mode, its tests and its SELECT. */

import type { ComponentChildren } from "preact";

import { useGet } from "../api.ts";
import { Facts } from "./facts.tsx";
import { List } from "./list.tsx";
import type { Column } from "./list.tsx";
import { Empty, Region } from "./region.tsx";
import { href } from "../route.ts";
import type { Definition as Defined } from "../types.ts";

type Test = Defined["expect"][number];

const TESTS: Column<Test>[] = [
  { name: "Test", cell: (row) => <code>{row.name}</code>, sort: (row) => row.name },
  { name: "Kind", cell: (row) => row.test.replaceAll("_", " ") },
  { name: "If a row fails", cell: (row) => row.action },
];

function TableLink({ name }: { name: string }) {
  return <a href={href(["tables", name])}>{name}</a>;
}

function Source({ of }: { of: Defined }) {
  if (of.like !== null) {
    return (
      <>
        a stream, like <TableLink name={of.like} />
      </>
    );
  }
  return of.from_topic !== null ? (
    <>
      the topic <code>{of.from_topic}</code>
    </>
  ) : of.from_files !== null ? (
    <>
      the files <code>{of.from_files}</code>
    </>
  ) : (
    <code>{of.sql_file}</code>
  );
}

function modeWords({ mode, key, order_by, deletion_vectors }: Defined): string {
  const by = mode === "merge" ? ` by ${key}, the newest by ${order_by}` : "";
  return mode + by + (deletion_vectors === true ? ", with deletion vectors" : "");
}

/* Only what is there. */
function facts(of: Defined): Record<string, ComponentChildren> {
  const found: Record<string, ComponentChildren> = { From: <Source of={of} /> };
  if (of.reads.length > 0) {
    found["Reads"] = of.reads.map((name, i) => (
      <span key={name}>
        {i === 0 ? "" : ", "}
        <TableLink name={name} />
      </span>
    ));
  }
  if (of.like === null) {
    found["Mode"] = modeWords(of);
  }
  const texts: [string, string | null | undefined][] = [
    ["Key", of.key],
    ["Deleted when", of.delete_when],
    ["Replaces where", of.replace_where],
    ["Partitioned by", of.partition_by.join(", ")],
  ];
  for (const [name, value] of texts) {
    if (value) {
      found[name] = <code>{value}</code>;
    }
  }
  for (const [column, origins] of Object.entries(of.from)) {
    found[`Column ${column}`] = `from ${origins.join(", ")}`;
  }
  return found;
}

export function Definition({ path }: { path: string }) {
  const definition = useGet<Defined>(`${path}/definition`);
  return (
    <Region of={definition}>
      {(of) => (
        <>
          <Facts of={facts(of)} />
          <List
            caption="Data tests"
            columns={TESTS}
            rows={of.expect}
            words={(row) => `${row.name} ${row.test} ${row.action}`}
            empty={
              <Empty>
                No test looks at the rows of this table. <code>expect</code> in pipeline.yml adds
                some.
              </Empty>
            }
          />
          {of.sql === null ? null : (
            <pre class="source" tabIndex={0} aria-label="SELECT">
              {of.sql}
            </pre>
          )}
        </>
      )}
    </Region>
  );
}
