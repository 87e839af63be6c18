/* The streams: each with the table that it fills and how far the table has come. */

import { useMemo } from "preact/hooks";

import { useGet } from "../api.ts";
import { count, duration } from "../format.ts";
import { Facts } from "../parts/facts.tsx";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/list.tsx";
import { Page } from "../parts/page.tsx";
import { Empty, Region } from "../parts/region.tsx";
import { RecordSearch } from "../parts/search.tsx";
import { State } from "../parts/state.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { RecordTail, streamTail } from "../parts/tail.tsx";
import { Ago } from "../parts/time.tsx";
import { href } from "../route.ts";
import type { ShardRow, StreamTable } from "../types.ts";

function lag(table: StreamTable): number {
  return table.shards.reduce((sum, shard) => sum + shard.lag_records, 0);
}

const STREAMS: Column<StreamTable>[] = [
  {
    name: "Stream",
    cell: (row) => <a href={href(["streams", row.stream, row.table])}>{row.stream}</a>,
    sort: (row) => row.stream,
  },
  {
    name: "Table",
    cell: (row) => <a href={href(["tables", row.table])}>{row.table}</a>,
    sort: (row) => row.table,
  },
  { name: "State", cell: (row) => <State state={row.state} />, sort: (row) => row.state },
  {
    name: "Rows since the start",
    cell: (row) => count(row.rows),
    sort: (row) => row.rows,
    number: true,
  },
  {
    name: "Dead letters",
    cell: (row) => count(row.dead_letters),
    sort: (row) => row.dead_letters,
    number: true,
  },
  { name: "Records to read", cell: (row) => count(lag(row)), sort: lag, number: true },
  {
    name: "Shards",
    cell: (row) => count(row.shards.length),
    sort: (row) => row.shards.length,
    number: true,
  },
];

const SHARDS: Column<ShardRow>[] = [
  { name: "Shard", cell: (row) => <code>{row.shard}</code>, sort: (row) => row.shard },
  { name: "Read up to", cell: (row) => count(row.position), number: true },
  { name: "End", cell: (row) => count(row.end), number: true },
  {
    name: "Records to read",
    cell: (row) => count(row.lag_records),
    sort: (row) => row.lag_records,
    number: true,
  },
  {
    name: "Oldest of them",
    cell: (row) => (row.lag_ms === 0 ? "–" : duration(row.lag_ms)),
    number: true,
  },
  {
    name: "Lost",
    cell: (row) => count(row.lost_records),
    sort: (row) => row.lost_records,
    number: true,
  },
  { name: "Open", cell: (row) => (row.closed ? "closed" : "open") },
];

/* Streams that no table of the pipeline reads. */
function Unread({ tables }: { tables: StreamTable[] }) {
  const all = useGet<{ names: string[] }>("streams/names", ["rates", "tables"]);
  const read = new Set(tables.map((table) => table.stream));
  const names = all.data?.names.filter((name) => !read.has(name)) ?? [];
  return names.length === 0 ? null : (
    <>
      <h2>Streams that no table reads</h2>
      <ul>
        {names.map((name) => (
          <li key={name}>
            <a href={href(["streams", name])}>{name}</a>
          </li>
        ))}
      </ul>
    </>
  );
}

/* The records of a stream that fills no table, if there is such a stream. */
function OfNoTable({ stream }: { stream: string }) {
  const all = useGet<{ names: string[] }>("streams/names");
  return (
    <Region of={all}>
      {({ names }) =>
        names.includes(stream) ? (
          <>
            <p>No table of the pipeline reads this stream.</p>
            <h2>Records</h2>
            <RecordSearch path={`streams/${encodeURIComponent(stream)}`} unit="Shard" />
            <h2>New records</h2>
            <StreamTail stream={stream} />
          </>
        ) : (
          <Empty>There is no stream of this name.</Empty>
        )
      }
    </Region>
  );
}

function AllStreams({ tables }: { tables: StreamTable[] }) {
  return (
    <>
      <List
        caption="Streams and their tables"
        columns={STREAMS}
        rows={tables}
        words={(row) => `${row.stream} ${row.table} ${row.state}`}
        empty={<Empty command="pinion pipeline check">The pipeline has no stream tables.</Empty>}
      />
      <Unread tables={tables} />
    </>
  );
}

function StreamTail({ stream }: { stream: string }) {
  const tail = useMemo(() => streamTail(stream), [stream]);
  return <RecordTail source={tail} />;
}

function OneStream({ table, view }: { table: StreamTable; view: string }) {
  const tabs = (
    <Tabs base={["streams", table.stream, table.table]} views={["Records", "Tail"]} shown={view} />
  );
  if (view === "tail") {
    return (
      <>
        {tabs}
        <StreamTail stream={table.stream} />
      </>
    );
  }
  return (
    <>
      {tabs}
      <Facts
        of={{
          State: <State state={table.state} />,
          Table: <a href={href(["tables", table.table])}>{table.table}</a>,
          "Table's version": count(table.table_version),
          "Last commit": (
            <Ago ms={table.committed_at === null ? null : Date.parse(table.committed_at)} />
          ),
          "Rows since the start": count(table.rows),
          "Dead letters": count(table.dead_letters),
          "Records of no table": count(table.stray_records),
          "Unknown members": count(table.unknown_members),
        }}
      />
      {table.error === null ? null : (
        <div class="notice danger" role="alert">
          {table.error}
        </div>
      )}
      <List
        caption="Shards"
        columns={SHARDS}
        rows={table.shards}
        words={(row) => row.shard}
        empty={<Empty>The stream is not there yet, or its shards have not been read.</Empty>}
      />
      <h2>Records</h2>
      <RecordSearch path={`streams/${encodeURIComponent(table.stream)}`} unit="Shard" />
    </>
  );
}

export function StreamsPage({ rest }: { rest: string[] }) {
  const [stream, name, view = "records"] = rest;
  const streams = useGet<{ tables: StreamTable[] }>("streams", ["rates", "tables", "health"]);
  return (
    <Page title={stream ?? "Streams"} trail={stream === undefined ? [] : ["Streams"]}>
      <Region of={streams}>
        {({ tables }) => {
          if (stream === undefined) {
            return <AllStreams tables={tables} />;
          }
          const table = tables.find(
            (one) => one.stream === stream && (name === undefined || one.table === name),
          );
          return table === undefined ? (
            <OfNoTable stream={stream} />
          ) : (
            <OneStream table={table} view={view} />
          );
        }}
      </Region>
    </Page>
  );
}
