/* Where records come from: a topic's partitions, or a stream's shards. Both are read alike. */

import { get, post } from "./api.ts";
import { topicOf } from "./events.ts";
import { count } from "./format.ts";
import type { PartitionRow, RecordRow, Records, StreamShards } from "./types.ts";

const READ_BYTES = 4_000_000;

export interface RecordSource {
  path: string; // of the API, below which are `pages` and `search`
  topic: string; // its events
  unit: "Partition" | "Shard";
  ends: () => Promise<Map<number, bigint>>; // the next offset of each
  read: (unit: number, from: bigint, limit: bigint) => Promise<RecordRow[]>; // whole
  hasKey: boolean; // does a record need one?
  send: (value: string, key: string) => Promise<string>; // a record; says where it is
  curl: (value: string, key: string) => string; // a command that sends it
}

/* A partition or shard, with the offsets that it keeps. */
export interface Unit {
  index: number;
  begin: bigint;
  end: bigint;
}

/* A text in the single quotes of a shell. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function recordsOfTopic(name: string): RecordSource {
  const path = `topics/${encodeURIComponent(name)}`;
  return {
    path,
    topic: topicOf("topic", name),
    unit: "Partition",
    ends: async () => {
      const { partitions } = await get<{ partitions: PartitionRow[] }>(path);
      return new Map(partitions.map((row) => [row.partition, BigInt(row.end)]));
    },
    read: async (partition, from, limit) => {
      const asked = `partition=${partition}&from=${from}&limit=${limit}`;
      return (await get<Records>(`${path}/records?${asked}`)).records;
    },
    hasKey: false,
    send: async (value) => {
      const { offsets } = await post<{ offsets: { partition: number; offset: string }[] }>(
        `${path}/records`,
        { records: [{ value }] },
      );
      return `It is in partition ${offsets[0]?.partition} at offset ${count(offsets[0]?.offset)}.`;
    },
    curl: (value) => {
      const type = "content-type: application/vnd.kafka.json.v2+json";
      const body = quoted(`{"records":[{"value":${value}}]}`);
      return `curl -H '${type}' -d ${body} ${location.origin}/${path}`;
    },
  };
}

/* Bytes as text where they are UTF-8, else as base64. */
function textOf(base64: string): { encoding: RecordRow["encoding"]; value: string } {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  try {
    return { encoding: "text", value: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { encoding: "base64", value: base64 };
  }
}

interface ShardRecord {
  offset: number;
  arrival_ms: number;
  key: string;
  data: string;
}

export function recordsOfStream(name: string): RecordSource {
  const path = `streams/${encodeURIComponent(name)}`;
  let id = ""; // of this stream, not of an older one of its name
  const shards = async () => {
    const got = await get<StreamShards>(`${path}/shards`);
    id = got.id;
    return got.shards;
  };
  return {
    path,
    topic: topicOf("stream", name),
    unit: "Shard",
    ends: async () => new Map((await shards()).map((shard) => [shard.index, BigInt(shard.end)])),
    read: async (shard, from, limit) => {
      if (id === "") {
        await shards();
      }
      const asked = `id=${id}&offset=${from}&max_records=${limit}&max_bytes=${READ_BYTES}`;
      const { records } = await get<{ records: ShardRecord[] }>(
        `${path}/shards/${shard}/records?${asked}`,
      );
      return records.map((record) => ({
        partition: shard,
        offset: `${record.offset}`,
        time_ms: record.arrival_ms,
        key: textOf(record.key).value,
        ...textOf(record.data),
      }));
    },
    hasKey: true,
    send: async (value, key) => {
      const { records } = await post<{ records: { shard: string; sequence_number: string }[] }>(
        `${path}/records`,
        { records: [{ key, value }] },
      );
      const [put] = records;
      return `It is in ${put?.shard} with the sequence number ${put?.sequence_number}.`;
    },
    curl: (value, key) => {
      const body = quoted(`{"Data":${value},"PartitionKey":${JSON.stringify(key)}}`);
      const type = "content-type: application/json";
      return `curl -X PUT -H '${type}' -d ${body} ${location.origin}/${path}/record`;
    },
  };
}
