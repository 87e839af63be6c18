/* The topics of the log: all of them, and one with its partitions and records. */

import { useMemo, useState } from "preact/hooks";

import { useGet } from "../api.ts";
import { topicOf } from "../events.ts";
import { bytes, count, duration } from "../format.ts";
import { Consumers } from "../parts/consumers.tsx";
import { Facts } from "../parts/facts.tsx";
import { Failing } from "../parts/failing.tsx";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/list.tsx";
import { NewTopic } from "../parts/new-topic.tsx";
import { Page } from "../parts/page.tsx";
import { Rates } from "../parts/rates.tsx";
import { RecordPages } from "../parts/record-pages.tsx";
import { Empty, Region } from "../parts/region.tsx";
import { RecordSearch } from "../parts/search.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { RecordTail } from "../parts/tail.tsx";
import { TestRecord } from "../parts/test-record.tsx";
import { Ago, At } from "../parts/time.tsx";
import { rateText } from "../parts/way.tsx";
import type { Node } from "../parts/way.tsx";
import { useEnds } from "../record-ends.ts";
import { recordsOfTopic } from "../record-source.ts";
import type { RecordSource, Unit } from "../record-source.ts";
import { href } from "../route.ts";
import type { Items, LandingRow, PartitionRow, TopicRow } from "../types.ts";

const EXAMPLE = '{"hello":"world"}';

interface Retention {
  retention_ms: number | null;
  retention_bytes: number | null;
}

function kept(row: Retention | undefined): string {
  const limits = [
    row?.retention_ms == null ? "" : `for ${duration(row.retention_ms)}`,
    row?.retention_bytes == null ? "" : `up to ${bytes(row.retention_bytes)} a partition`,
  ].filter((limit) => limit !== "");
  return limits.length === 0 ? "all" : limits.join(", ");
}

/* --- all topics ------------------------------------------------------------------------------ */

const LIVE_TIMES_MAX = 50; // topics: with more, the times of their records are looked up once

/* A topic with what the overview and the sink know of it. */
interface Topic extends TopicRow {
  rate: number | null; // records a second
  lag: number | null; // records that have not landed; null: they do not land
}

const TOPICS: Column<Topic>[] = [
  {
    name: "Topic",
    cell: (row) => <a href={href(["topics", row.topic])}>{row.topic}</a>,
    sort: (row) => row.topic,
  },
  {
    name: "Partitions",
    cell: (row) => count(row.partitions),
    sort: (row) => row.partitions,
    number: true,
  },
  {
    name: "Records",
    cell: (row) => count(row.records),
    sort: (row) => Number(row.records),
    number: true,
  },
  {
    name: "Size",
    cell: (row) => bytes(row.size_bytes),
    sort: (row) => Number(row.size_bytes),
    number: true,
  },
  {
    name: "Rate",
    cell: (row) => (row.rate === null ? "–" : rateText(row.rate)),
    sort: (row) => row.rate ?? -1,
    number: true,
  },
  { name: "Not landed", cell: (row) => count(row.lag), sort: (row) => row.lag ?? -1, number: true },
  { name: "Oldest", cell: (row) => <Ago ms={row.oldest_ms} />, sort: (row) => row.oldest_ms ?? 0 },
  { name: "Newest", cell: (row) => <Ago ms={row.newest_ms} />, sort: (row) => row.newest_ms ?? 0 },
  {
    name: "Kept",
    cell: (row) => kept(row).replace(/^for /, ""),
    sort: (row) => row.retention_ms ?? Number.MAX_VALUE,
  },
  {
    name: "Read by",
    cell: (row) =>
      row.read_by === "" || row.read_by === null ? (
        <span class="quiet">no table</span>
      ) : (
        row.read_by
      ),
  },
];

function withFlow(
  rows: TopicRow[],
  timed: TopicRow[],
  nodes: Node[],
  landings: LandingRow[],
): Topic[] {
  return rows.map((row) => {
    const times = timed.find((one) => one.topic === row.topic);
    const own = landings.filter((landing) => landing.topic === row.topic);
    return {
      ...row,
      oldest_ms: times?.oldest_ms ?? null,
      newest_ms: times?.newest_ms ?? null,
      rate: nodes.find((node) => node.id === `topic/${row.topic}`)?.rate ?? null,
      lag: own.length === 0 ? null : own.reduce((sum, landing) => sum + landing.lag, 0),
    };
  });
}

function AllTopics() {
  const [creates, setCreates] = useState(false);
  const topics = useGet<Items<TopicRow>>("topics", ["rates"]);
  const few = (topics.data?.items.length ?? 0) <= LIVE_TIMES_MAX;
  const timed = useGet<Items<TopicRow>>("topics?times=true", few ? ["rates"] : []);
  const glance = useGet<{ nodes: Node[] }>("overview", ["rates"]);
  const sink = useGet<{ partitions: LandingRow[] }>("sink", ["rates"]);
  return (
    <Page title="Topics">
      <div class="bar">
        <button onClick={() => setCreates(true)}>Create a topic</button>
      </div>
      {creates ? <NewTopic close={() => setCreates(false)} /> : null}
      <Region of={topics}>
        {({ items }) => (
          <List
            caption="Topics"
            columns={TOPICS}
            rows={withFlow(
              items,
              timed.data?.items ?? [],
              glance.data?.nodes ?? [],
              sink.data?.partitions ?? [],
            )}
            words={(row) => `${row.topic} ${row.read_by ?? ""}`}
            empty={
              <Empty command={recordsOfTopic("clicks").curl(EXAMPLE, "")}>
                There are no topics yet. The first record makes its topic:
              </Empty>
            }
          />
        )}
      </Region>
    </Page>
  );
}

/* --- one topic ------------------------------------------------------------------------------- */

const PARTITIONS: Column<PartitionRow>[] = [
  { name: "Partition", cell: (row) => row.partition, sort: (row) => row.partition, number: true },
  { name: "First offset", cell: (row) => count(row.begin), number: true },
  { name: "Next offset", cell: (row) => count(row.end), number: true },
  {
    name: "Records",
    cell: (row) => count(row.records),
    sort: (row) => Number(row.records),
    number: true,
  },
  {
    name: "Size",
    cell: (row) => bytes(row.size_bytes),
    sort: (row) => Number(row.size_bytes),
    number: true,
  },
];

/* What the sink adds to the columns; of a topic that it does not land: nothing. */
function landingColumns(landings: LandingRow[]): Column<PartitionRow>[] {
  const of = new Map(landings.map((landing) => [landing.partition, landing]));
  const lag = (row: PartitionRow) => of.get(row.partition)?.lag;
  const column = (name: string, value: (row: PartitionRow) => number | undefined) => ({
    name,
    cell: (row: PartitionRow) => count(value(row)),
    sort: (row: PartitionRow) => value(row) ?? 0,
    number: true,
  });
  return [
    column("Landed up to", (row) => of.get(row.partition)?.landed_offset),
    column("Not landed", lag),
    { name: "Landing fails", cell: (row) => of.get(row.partition)?.error ?? "" },
  ];
}

function Partitions({ topic, rows }: { topic: string; rows: PartitionRow[] }) {
  const { data } = useGet<{ partitions: LandingRow[] }>("sink", [topicOf("topic", topic)]);
  const landings = data?.partitions.filter((landing) => landing.topic === topic) ?? [];
  const failing = landings.some((landing) => landing.error !== null);
  const added = landings.length === 0 ? [] : landingColumns(landings);
  return (
    <List
      caption="Partitions"
      columns={[...PARTITIONS, ...(failing ? added : added.slice(0, 2))]}
      rows={rows}
      words={(row) => `${row.partition}`}
      empty={<Empty>The topic has no partitions.</Empty>}
    />
  );
}

function unitsOf(partitions: PartitionRow[]): Unit[] {
  return partitions.map((row) => ({
    index: row.partition,
    begin: BigInt(row.begin),
    end: BigInt(row.end),
  }));
}

function About({ source, partitions }: { source: RecordSource; partitions: PartitionRow[] }) {
  const { oldest, newest } = useEnds(source, unitsOf(partitions));
  const sum = (of: (row: PartitionRow) => number) =>
    partitions.reduce((all, row) => all + of(row), 0);
  return (
    <Facts
      of={{
        Partitions: count(partitions.length),
        Records: count(sum((row) => Number(row.records))),
        Size: bytes(
          partitions.some((row) => row.size_bytes === null)
            ? null
            : sum((row) => Number(row.size_bytes)),
        ),
        Oldest: <At ms={oldest} />,
        Newest: <At ms={newest} />,
        "Records are kept": kept(partitions[0]),
        "Largest record": bytes(partitions[0]?.record_bytes_max),
      }}
    />
  );
}

function OneTopic({ name, view }: { name: string; view: string }) {
  const path = `topics/${encodeURIComponent(name)}`;
  const partitions = useGet<{ partitions: PartitionRow[] }>(path, [topicOf("topic", name)]);
  const source = useMemo(() => recordsOfTopic(name), [name]);
  return (
    <Page title={name} trail={["Topics"]}>
      <Tabs
        base={["topics", name]}
        views={["Records", "Search", "Tail", "Rates", "Partitions", "Consumers"]}
        shown={view}
      />
      <Failing topic={name} unit="Partition" />
      {view === "search" ? <RecordSearch source={source} /> : null}
      {view === "rates" ? <Rates source={source} /> : null}
      {view === "consumers" ? <Consumers topic={name} events={source.topic} /> : null}
      {view === "tail" ? (
        <>
          <TestRecord source={source} sent={partitions.again} />
          <RecordTail source={source} />
        </>
      ) : null}
      <Region of={partitions}>
        {(data) =>
          ["search", "tail", "rates", "consumers"].includes(view) ? null : view === "partitions" ? (
            <>
              <About source={source} partitions={data.partitions} />
              <Partitions topic={name} rows={data.partitions} />
            </>
          ) : (
            <>
              <TestRecord source={source} sent={partitions.again} />
              <RecordPages
                source={source}
                units={unitsOf(data.partitions)}
                empty={
                  <Empty command={source.curl(EXAMPLE, "")}>
                    There are no records. Send the topic one:
                  </Empty>
                }
              />
            </>
          )
        }
      </Region>
    </Page>
  );
}

export function TopicsPage({ rest }: { rest: string[] }) {
  const [name, view = "records"] = rest;
  return name === undefined ? <AllTopics /> : <OneTopic key={name} name={name} view={view} />;
}
