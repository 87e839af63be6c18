/* The streams: each with the table that it fills and how far the table has come. */

import { useMemo } from "preact/hooks";

import { useGet } from "../api.ts";
import { topicOf } from "../events.ts";
import { count, duration, perSecond } from "../format.ts";
import { Facts } from "../parts/facts.tsx";
import { Failing } from "../parts/failing.tsx";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/list.tsx";
import { Page } from "../parts/page.tsx";
import { Rates } from "../parts/rates.tsx";
import { RecordPages } from "../parts/record-pages.tsx";
import { Empty, Region } from "../parts/region.tsx";
import { RecordSearch } from "../parts/search.tsx";
import { State } from "../parts/state.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { RecordTail } from "../parts/tail.tsx";
import { TestRecord } from "../parts/test-record.tsx";
import { Ago, At } from "../parts/time.tsx";
import type { Node } from "../parts/way.tsx";
import { useEnds } from "../record-ends.ts";
import { recordsOfStream } from "../record-source.ts";
import type { RecordSource, Unit } from "../record-source.ts";
import { href } from "../route.ts";
import type { ShardRow, StreamShards, StreamTable } from "../types.ts";

/* A stream, with a table that reads it, if there is one, and what the overview knows of it. */
interface Row {
  stream: string;
  table?: StreamTable;
  rate: number | null; // records a second
  records: string | null; // that its shards keep
}

function lag(row: Row): number | undefined {
  return row.table?.shards.reduce((sum, shard) => sum + shard.lag_records, 0);
}

const STREAMS: Column<Row>[] = [
  {
    name: "Stream",
    cell: (row) => <a href={href(["streams", row.stream])}>{row.stream}</a>,
    sort: (row) => row.stream,
  },
  {
    name: "Records",
    cell: (row) => count(row.records),
    sort: (row) => Number(row.records ?? -1),
    number: true,
  },
  {
    name: "Rate",
    cell: (row) => (row.rate === null ? "–" : perSecond(row.rate)),
    sort: (row) => row.rate ?? -1,
    number: true,
  },
  {
    name: "Table",
    cell: ({ table }) =>
      table === undefined ? (
        <span class="quiet">no table</span>
      ) : (
        <a href={href(["tables", table.table])}>{table.table}</a>
      ),
    sort: (row) => row.table?.table ?? "",
  },
  {
    name: "State",
    cell: ({ table }) => (table === undefined ? "–" : <State state={table.state} />),
    sort: (row) => row.table?.state ?? "",
  },
  {
    name: "To read",
    cell: (row) => count(lag(row)),
    sort: (row) => lag(row) ?? -1,
    number: true,
  },
  {
    name: "Rows written",
    cell: (row) => count(row.table?.rows),
    sort: (row) => row.table?.rows ?? -1,
    number: true,
  },
  {
    name: "Dead letters",
    cell: (row) => count(row.table?.dead_letters),
    sort: (row) => row.table?.dead_letters ?? -1,
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

/* Each stream with each table that reads it, and those that no table reads. */
function rowsOf(names: string[], tables: StreamTable[], nodes: Node[]): Row[] {
  const all = [...new Set([...names, ...tables.map((table) => table.stream)])].sort();
  return all.flatMap((stream) => {
    const node = nodes.find((one) => one.id === `stream/${stream}`);
    const row = { stream, rate: node?.rate ?? null, records: node?.records ?? null };
    const of = tables.filter((table) => table.stream === stream);
    return of.length === 0 ? [row] : of.map((table) => ({ ...row, table }));
  });
}

const EXAMPLE = '{"hello":"world"}';

type Source = StreamShards["shards"][number];

const KEPT: Column<Source>[] = [
  { name: "Shard", cell: (row) => row.index, sort: (row) => row.index, number: true },
  { name: "First offset", cell: (row) => count(row.begin), number: true },
  { name: "Next offset", cell: (row) => count(row.end), number: true },
  {
    name: "Records",
    cell: (row) => count(row.end - row.begin),
    sort: (row) => row.end - row.begin,
    number: true,
  },
  { name: "Open", cell: (row) => (row.complete ? "closed" : "open") },
];

/* What a table has read of the stream. */
function Reading({ table }: { table: StreamTable }) {
  return (
    <>
      <h2>
        Read by <a href={href(["tables", table.table])}>{table.table}</a>
      </h2>
      <Facts
        of={{
          State: <State state={table.state} />,
          "Table's version": table.table_version < 0 ? "–" : count(table.table_version),
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
        caption={`Shards as ${table.table} reads them`}
        plain
        columns={SHARDS}
        rows={table.shards}
        words={(row) => row.shard}
        empty={<Empty>The stream is not there yet, or its shards have not been read.</Empty>}
      />
    </>
  );
}

function unitsOf(shards: Source[]): Unit[] {
  return shards.map((shard) => ({
    index: shard.index,
    begin: BigInt(shard.begin),
    end: BigInt(shard.end),
  }));
}

function About({ source, data }: { source: RecordSource; data: StreamShards }) {
  const { oldest, newest } = useEnds(source, unitsOf(data.shards));
  return (
    <Facts
      of={{
        Shards: count(data.shards.length),
        Records: count(data.shards.reduce((all, shard) => all + shard.end - shard.begin, 0)),
        Oldest: <At ms={oldest} />,
        Newest: <At ms={newest} />,
        "Records are kept": data.retention_ms === null ? "–" : `for ${duration(data.retention_ms)}`,
      }}
    />
  );
}

interface ShardsProps {
  source: RecordSource;
  data: StreamShards;
  tables: StreamTable[];
}

function Shards({ source, data, tables }: ShardsProps) {
  return (
    <>
      <About source={source} data={data} />
      {tables.length === 0 ? <p>No table of the pipeline reads this stream.</p> : null}
      {tables.map((table) => (
        <Reading key={table.table} table={table} />
      ))}
      <h2>What the shards keep</h2>
      <List
        caption="Shards"
        plain
        columns={KEPT}
        rows={data.shards}
        words={(row) => `${row.index}`}
        empty={<Empty>The stream has no shards.</Empty>}
      />
    </>
  );
}

/* Tables that do not read the stream now, and why. */
function Stalled({ tables }: { tables: StreamTable[] }) {
  return (
    <>
      {tables
        .filter((table) => table.error !== null)
        .map((table) => (
          <div class="notice danger" role="alert" key={table.table}>
            <a href={href(["tables", table.table])}>{table.table}</a>: {table.error}
          </div>
        ))}
    </>
  );
}

function OneStream({ stream, asked }: { stream: string; asked: string | undefined }) {
  const source = useMemo(() => recordsOfStream(stream), [stream]);
  const shards = useGet<StreamShards>(`${source.path}/shards`, [source.topic]);
  const streams = useGet<{ tables: StreamTable[] }>("streams", [
    topicOf("stream", stream),
    "tables",
    "health",
  ]);
  const views = ["Records", "Search", "Tail", "Rates", "Shards"];
  const view = views.find((one) => one.toLowerCase() === asked)?.toLowerCase() ?? "records";
  const tables = streams.data?.tables.filter((table) => table.stream === stream) ?? [];
  return (
    <Page title={stream} trail={["Streams"]}>
      <Tabs base={["streams", stream]} views={views} shown={view} />
      <Failing topic={`__kinesis.${stream}`} unit="Shard" />
      {view === "shards" ? null : <Stalled tables={tables} />}
      <Region of={shards}>
        {(data) => {
          switch (view) {
            case "search":
              return <RecordSearch source={source} />;
            case "tail":
              return (
                <>
                  <TestRecord source={source} sent={shards.again} />
                  <RecordTail source={source} />
                </>
              );
            case "rates":
              return <Rates source={source} />;
            case "shards":
              return (
                <Region of={streams}>
                  {() => <Shards source={source} data={data} tables={tables} />}
                </Region>
              );
            default:
              return (
                <>
                  <TestRecord source={source} sent={shards.again} />
                  <RecordPages
                    source={source}
                    units={unitsOf(data.shards)}
                    empty={
                      <Empty command={source.curl(EXAMPLE, "1")}>
                        There are no records. Put one there:
                      </Empty>
                    }
                  />
                </>
              );
          }
        }}
      </Region>
    </Page>
  );
}

function Streams() {
  const streams = useGet<{ tables: StreamTable[] }>("streams", ["rates", "tables", "health"]);
  const all = useGet<{ names: string[] }>("streams/names", ["rates", "tables"]);
  const glance = useGet<{ nodes: Node[] }>("overview", ["rates"]);
  return (
    <Page title="Streams">
      <Region of={streams}>
        {({ tables }) => (
          <List
            caption="Streams and their tables"
            columns={STREAMS}
            rows={rowsOf(all.data?.names ?? [], tables, glance.data?.nodes ?? [])}
            words={(row) => `${row.stream} ${row.table?.table ?? ""} ${row.table?.state ?? ""}`}
            empty={
              <Empty command="pinion pipeline check">
                There are no streams, and the pipeline has no stream tables.
              </Empty>
            }
          />
        )}
      </Region>
    </Page>
  );
}

export function StreamsPage({ rest }: { rest: string[] }) {
  const [stream, view] = rest;
  return stream === undefined ? (
    <Streams />
  ) : (
    <OneStream key={stream} stream={stream} asked={view} />
  );
}
