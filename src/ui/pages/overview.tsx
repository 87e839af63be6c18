/* The way of the data at a glance: what comes in, what it becomes, and what is wrong. */

import type { ComponentChildren } from "preact";

import { useGet } from "../api.ts";
import { bytes, count } from "../format.ts";
import { Page } from "../parts/page.tsx";
import { Problems } from "../parts/problems.tsx";
import { Empty, Region } from "../parts/region.tsx";
import { Glyph } from "../parts/state.tsx";
import { Ago } from "../parts/time.tsx";
import { href } from "../route.ts";
import type { Health, Items, StreamTable, TableRow, TopicRow } from "../types.ts";

const SHOWN_MAX = 8; // lines of a station

interface Line {
  name: string;
  to: string;
  state?: string;
  text: ComponentChildren;
}

/* A station of the way, with its first lines and a link to all. */
function Station({ title, to, lines }: { title: string; to: string; lines: Line[] }) {
  return (
    <section class="station">
      <h2>
        <a href={to}>{title}</a> <span class="quiet">{lines.length}</span>
      </h2>
      <ul>
        {lines.slice(0, SHOWN_MAX).map((line) => (
          <li key={line.to}>
            {line.state === undefined ? null : <Glyph state={line.state} />}
            <a href={line.to}>{line.name}</a>
            <span class="quiet">{line.text}</span>
          </li>
        ))}
      </ul>
      {lines.length > SHOWN_MAX ? <a href={to}>and {lines.length - SHOWN_MAX} more</a> : null}
    </section>
  );
}

function topicLine(row: TopicRow): Line {
  return {
    name: row.topic,
    to: href(["topics", row.topic]),
    text: `${count(row.records)} records, ${bytes(row.size_bytes)}`,
  };
}

function streamLine(row: StreamTable): Line {
  const lag = row.shards.reduce((sum, shard) => sum + shard.lag_records, 0);
  return {
    name: row.stream,
    to: href(["streams", row.stream, row.table]),
    state: row.state,
    text: `${count(lag)} to read`,
  };
}

function tableLine(row: TableRow): Line {
  return {
    name: row.table,
    to: href(["tables", row.table]),
    text:
      row.version === null ? (
        "not made yet"
      ) : (
        <>
          {count(row.rows)} rows, <Ago ms={row.committed_ms} />
        </>
      ),
  };
}

export function Overview() {
  const health = useGet<Health>("/health", ["health"]);
  const topics = useGet<Items<TopicRow>>("topics", ["rates"]);
  const streams = useGet<{ tables: StreamTable[] }>("streams", ["rates", "tables"]);
  const tables = useGet<Items<TableRow>>("tables", ["tables"]);
  const none = topics.data?.items.every((row) => Number(row.records) === 0) ?? false;
  return (
    <Page title="Overview">
      {none ? (
        <Empty command="pinion emulate --rows 500">
          No topic holds a record. The pipeline's own producer makes some up and posts them:
        </Empty>
      ) : null}
      <div class="way">
        <Region of={topics}>
          {({ items }) => (
            <Station title="Topics" to={href(["topics"])} lines={items.map(topicLine)} />
          )}
        </Region>
        <Region of={streams}>
          {(data) => (
            <Station title="Streams" to={href(["streams"])} lines={data.tables.map(streamLine)} />
          )}
        </Region>
        <Region of={tables}>
          {({ items }) => (
            <Station title="Tables" to={href(["tables"])} lines={items.map(tableLine)} />
          )}
        </Region>
      </div>
      <h2>Health</h2>
      <Region of={health}>{(data) => <Problems health={data} />}</Region>
    </Page>
  );
}
