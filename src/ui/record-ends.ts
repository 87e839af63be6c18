/* When the oldest and the newest record of a topic or a stream came. */

import { useEffect, useState } from "preact/hooks";

import type { RecordSource, Unit } from "./record-source.ts";

const TIMED_MAX = 8; // partitions or shards that are looked at

export interface Ends {
  oldest: number | null; // milliseconds; null: no records, or not known
  newest: number | null;
}

/* The times of the oldest and the newest record, over the first units that hold records. */
export function useEnds(source: RecordSource, units: Unit[]): Ends {
  const [times, setTimes] = useState<number[]>([]);
  const filled = units.filter((one) => one.begin !== one.end).slice(0, TIMED_MAX);
  const key = filled.map((one) => `${one.index} ${one.begin} ${one.end}`).join(",");
  useEffect(() => {
    let left = false;
    const ask = async (one: Unit, from: bigint) =>
      (await source.read(one.index, from, 1n)).map((record) => record.time_ms);
    Promise.all(filled.flatMap((one) => [ask(one, one.begin), ask(one, one.end - 1n)])).then(
      (found) => left || setTimes(found.flat()),
      () => undefined, // the list of records says what is wrong
    );
    return () => {
      left = true;
    };
  }, [source, key]);
  return times.length === 0
    ? { oldest: null, newest: null }
    : { oldest: Math.min(...times), newest: Math.max(...times) };
}
