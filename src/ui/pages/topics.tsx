/* The topics of the log: all of them, and one with its partitions and records. */

import { useMemo, useState } from "preact/hooks";

import { ApiError, post, useGet } from "../api.ts";
import { topicOf } from "../events.ts";
import { bytes, count } from "../format.ts";
import { Copy } from "../parts/copy.tsx";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/list.tsx";
import { Page } from "../parts/page.tsx";
import { RecordList } from "../parts/records.tsx";
import { Empty, Failure, Region } from "../parts/region.tsx";
import { RecordSearch } from "../parts/search.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { RecordTail, topicTail } from "../parts/tail.tsx";
import { href } from "../route.ts";
import type { Items, LandingRow, PartitionRow, TopicRow } from "../types.ts";

/* How a record is posted to a topic by hand. */
function curl(topic: string, value = '{"hello":"world"}'): string {
  const body = `{"records":[{"value":${value}}]}`.replaceAll("'", "'\\''");
  const type = "content-type: application/vnd.kafka.json.v2+json";
  return `curl -H '${type}' -d '${body}' ${location.origin}/topics/${encodeURIComponent(topic)}`;
}

/* --- all topics ------------------------------------------------------------------------------ */

const TOPICS: Column<TopicRow>[] = [
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
    name: "Read by",
    cell: (row) =>
      row.read_by === "" || row.read_by === null ? (
        <span class="quiet">no table</span>
      ) : (
        row.read_by
      ),
  },
];

function AllTopics() {
  const topics = useGet<Items<TopicRow>>("topics", ["rates"]);
  return (
    <Page title="Topics">
      <Region of={topics}>
        {({ items }) => (
          <List
            caption="Topics"
            columns={TOPICS}
            rows={items}
            words={(row) => `${row.topic} ${row.read_by ?? ""}`}
            empty={
              <Empty command={curl("clicks")}>
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

/* A record written by hand; what is no JSON is said before it is sent. */
function TestRecord({ topic, sent }: { topic: string; sent: () => void }) {
  const [text, setText] = useState('{"hello": "world"}');
  const [said, setSaid] = useState("");
  const [error, setError] = useState<ApiError>();
  let wrong = "";
  try {
    JSON.parse(text);
  } catch (reason) {
    wrong = reason instanceof Error ? reason.message : String(reason);
  }
  const send = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    try {
      const { offsets } = await post<{ offsets: { partition: number; offset: string }[] }>(
        `topics/${encodeURIComponent(topic)}/records`,
        { records: [{ value: text }] }, // as typed: parsing it would round its numbers
      );
      setSaid(`It is in partition ${offsets[0]?.partition} at offset ${offsets[0]?.offset}.`);
      sent();
    } catch (reason) {
      if (reason instanceof ApiError) {
        setError(reason);
      }
    }
  };
  return (
    <details>
      <summary>Send a test record</summary>
      <form onSubmit={(event) => void send(event)}>
        <label for="record">Value, as JSON</label>
        <textarea
          id="record"
          class="editor"
          value={text}
          aria-invalid={wrong !== ""}
          aria-describedby="record-wrong"
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <div class="bar">
          <button class="main" disabled={wrong !== ""}>
            Send
          </button>
          <span id="record-wrong" role="status">
            {wrong === "" ? said : wrong}
          </span>
        </div>
        {error === undefined ? null : <Failure error={error} />}
        {wrong === "" ? <Copy text={curl(topic, text)} /> : null}
      </form>
    </details>
  );
}

function OneTopic({ name, view }: { name: string; view: string }) {
  const path = `topics/${encodeURIComponent(name)}`;
  const partitions = useGet<{ partitions: PartitionRow[] }>(path, [topicOf("topic", name)]);
  const tail = useMemo(() => topicTail(name), [name]);
  return (
    <Page title={name} trail={["Topics"]}>
      <Tabs
        base={["topics", name]}
        views={["Records", "Search", "Tail", "Partitions"]}
        shown={view}
      />
      {view === "search" ? <RecordSearch path={path} unit="Partition" /> : null}
      {view === "tail" ? (
        <>
          <TestRecord topic={name} sent={partitions.again} />
          <RecordTail source={tail} />
        </>
      ) : null}
      <Region of={partitions}>
        {(data) =>
          view === "search" || view === "tail" ? null : view === "partitions" ? (
            <Partitions topic={name} rows={data.partitions} />
          ) : (
            <>
              <TestRecord topic={name} sent={partitions.again} />
              <RecordList
                path={`${path}/records`}
                partitions={data.partitions}
                empty={
                  <Empty command={curl(name)}>
                    This partition is empty. Send the topic a record:
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
