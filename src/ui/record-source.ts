/* Where records come from: a topic's partitions, or a stream's shards. Both are read alike. */

import { get } from "./api.ts";
import { topicOf } from "./events.ts";
import type { PartitionRow, RecordRow, Records, StreamShards } from "./types.ts";

const READ_BYTES = 4_000_000;

export interface RecordSource {
  path: string; // of the API, below which are `pages` and `search`
  topic: string; // its events
  unit: "Partition" | "Shard";
  ends: () => Promise<Map<number, bigint>>; // the next offset of each
  read: (unit: number, from: bigint, limit: bigint) => Promise<RecordRow[]>; // whole
}

/* A partition or shard, with the offsets that it keeps. */
export interface Unit {
  index: number;
  begin: bigint;
  end: bigint;
}

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
  };
}
