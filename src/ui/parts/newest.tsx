/*
 * The newest records of all partitions of a topic. Within a partition the order is that of the
 * offsets; of the partitions' next records the one with the latest time comes first, and of equal
 * times that of the lower partition. So a page has an exact end in each partition.
 */

import { useEffect, useState } from "preact/hooks";

import { ApiError, get } from "../api.ts";
import type { Loaded } from "../api.ts";
import type { PartitionRow, RecordRow, Records } from "../types.ts";

export const MERGED_MAX = 32; // partitions; of more of them one is chosen
const PAGE = 50;

export interface Newest {
  rows: RecordRow[];
  damage: string | null;
  next?: string; // where the page after this one ends in each partition
}

/* What a partition has before an offset: the newest first. */
interface Part {
  begin: bigint;
  from: bigint; // the first offset that was asked for
  before: bigint;
  rows: RecordRow[];
  damage: string | null;
}

async function read(path: string, of: PartitionRow, asked: string | undefined): Promise<Part> {
  const [begin, end] = [BigInt(of.begin), BigInt(of.end)];
  const before =
    asked !== undefined && /^\d+$/.test(asked) && BigInt(asked) < end ? BigInt(asked) : end;
  const from = before - BigInt(PAGE) > begin ? before - BigInt(PAGE) : begin;
  if (before <= begin) {
    return { begin, from: begin, before: begin, rows: [], damage: null };
  }
  const range = `partition=${of.partition}&from=${from}&limit=${before - from}`;
  const { records, damage } = await get<Records>(`${path}?${range}`);
  return { begin, from, before, rows: [...records].reverse(), damage };
}

/* The place of the part whose next record comes first; -1: none has one. */
function first(parts: Part[], taken: number[]): number {
  const timeOf = (at: number) => parts[at]?.rows[taken[at] ?? 0]?.time_ms ?? -Infinity;
  let best = -1;
  for (let at = 0; at < parts.length; at++) {
    if (timeOf(at) > (best < 0 ? -Infinity : timeOf(best))) {
      best = at;
    }
  }
  return best;
}

function merged(parts: Part[]): Newest {
  const taken = parts.map(() => 0);
  const rows: RecordRow[] = [];
  while (rows.length < PAGE) {
    const at = first(parts, taken);
    const row = parts[at]?.rows[taken[at] ?? 0];
    if (row === undefined) {
      break;
    }
    rows.push(row);
    taken[at] = (taken[at] ?? 0) + 1;
  }
  const ends = parts.map((part, at) => {
    const last = part.rows[(taken[at] ?? 0) - 1];
    if (last !== undefined) {
      return BigInt(last.offset);
    }
    return part.rows.length === 0 ? part.from : part.before; // none of it can be read, or is old
  });
  const more = parts.some((part, at) => (ends[at] ?? 0n) > part.begin) && rows.length > 0;
  return {
    rows,
    damage: parts.find((part) => part.damage !== null)?.damage ?? null,
    ...(more ? { next: ends.join(",") } : {}),
  };
}

/* Asked anew when the page or what the partitions hold is another. */
export function useNewest(
  path: string,
  partitions: PartitionRow[],
  before: string | null,
): Loaded<Newest> {
  const [state, setState] = useState<{ data?: Newest; error?: ApiError; atMs?: number }>({});
  const [round, setRound] = useState(0);
  const ends = partitions.map((one) => `${one.begin}-${one.end}`).join(",");
  useEffect(() => {
    let gone = false;
    const asked = before?.split(",") ?? [];
    Promise.all(partitions.map((one, at) => read(path, one, asked[at]))).then(
      (parts) => (gone ? undefined : setState({ data: merged(parts), atMs: Date.now() })),
      (error: unknown) => {
        if (!gone && error instanceof ApiError) {
          setState((then) => ({ ...then, error }));
        }
      },
    );
    return () => {
      gone = true;
    };
  }, [path, before, before === null ? ends : "", round]);
  return { ...state, again: () => setRound((n) => n + 1) };
}
