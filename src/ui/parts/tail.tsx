/*
 * The records of a topic or a stream as they come: an event says that there are more, and they are
 * fetched. What comes too fast to read is counted, not shown. It pauses by its button and while the
 * reader is further down; then it only counts.
 */

import { useEffect, useRef, useState } from "preact/hooks";

import { ApiError } from "../api.ts";
import { useLive } from "../events.ts";
import { count } from "../format.ts";
import type { RecordSource } from "../record-source.ts";
import type { RecordRow } from "../types.ts";
import { RecordTable } from "./record-table.tsx";
import { Failure } from "./region.tsx";

const SHOWN = 200; // the newest records, and at most so many at once of a partition
const CHARACTERS = 4_000_000; // of the values that are kept
const TOP = 8; // px: further down, the reader reads

/* The newest rows, as many as may be kept. */
function bounded(rows: RecordRow[]): RecordRow[] {
  let left = CHARACTERS;
  return rows.slice(0, SHOWN).filter((row) => (left -= row.value?.length ?? 0) > 0);
}

interface Tail {
  rows: RecordRow[]; // the newest first
  came: number;
  skipped: number;
}

export function RecordTail({ source }: { source: RecordSource }) {
  const [paused, setPaused] = useState(false);
  const [reading, setReading] = useState(false); // the reader is further down
  const [waiting, setWaiting] = useState(0n); // records that came while it was paused
  const [tail, setTail] = useState<Tail>({ rows: [], came: 0, skipped: 0 });
  const [error, setError] = useState<ApiError>();
  const seen = useRef<Map<number, bigint>>(undefined);
  const busy = useRef(false);
  const changed = useRef(false);
  const box = useRef<HTMLDivElement>(null);
  const running = !paused && !reading;
  const runs = useRef(running);
  runs.current = running;

  /* What came to a partition since `from`: the newest of it. */
  const newest = (unit: number, from: bigint, end: bigint) => {
    const begin = end - from > BigInt(SHOWN) ? end - BigInt(SHOWN) : from;
    return source.read(unit, begin, end - begin);
  };
  const look = async () => {
    const ends = await source.ends();
    const before = seen.current ?? ends;
    let came = 0n;
    for (const [unit, end] of ends) {
      came += end - (before.get(unit) ?? 0n);
    }
    if (!runs.current) {
      setWaiting(came);
      return;
    }
    seen.current = ends;
    setWaiting(0n);
    const rows: RecordRow[] = [];
    for (const [unit, end] of ends) {
      const from = before.get(unit) ?? 0n;
      if (end > from) {
        rows.push(...(await newest(unit, from, end)));
      }
    }
    rows.sort((a, b) => b.time_ms - a.time_ms || (BigInt(b.offset) > BigInt(a.offset) ? 1 : -1));
    const shown = rows.slice(0, SHOWN);
    if (came > 0n) {
      setTail((then) => ({
        rows: bounded([...shown, ...then.rows]),
        came: then.came + Number(came),
        skipped: then.skipped + Number(came) - shown.length,
      }));
    }
  };
  /* One look at a time; what changes meanwhile is looked at afterwards. */
  const again = async () => {
    changed.current = true;
    if (busy.current) {
      return;
    }
    busy.current = true;
    try {
      while (changed.current) {
        changed.current = false;
        await look();
        setError(undefined);
      }
    } catch (reason) {
      if (reason instanceof ApiError) {
        setError(reason);
      }
    }
    busy.current = false;
  };
  useLive([source.topic], () => void again());
  useEffect(() => void again(), [running, source]);

  const resume = () => {
    setPaused(false);
    box.current?.scrollTo({ top: 0 });
  };
  return (
    <>
      <div class="bar">
        <button onClick={() => (running ? setPaused(true) : resume())}>
          {running ? "Pause" : "Resume"}
        </button>
        <span role="status">
          {running ? "Waiting for records" : `Paused, ${count(Number(waiting))} new`}:{" "}
          {count(tail.came)} came
          {tail.skipped === 0 ? "" : `, of which ${count(tail.skipped)} are not shown`}
        </span>
      </div>
      {error === undefined ? null : <Failure error={error} again={() => void again()} />}
      <div
        class="scroll tail"
        tabIndex={0}
        role="region"
        aria-label="New records"
        ref={box}
        onScroll={(event) => setReading(event.currentTarget.scrollTop > TOP)}
      >
        <RecordTable
          caption="New records, the newest first"
          rows={tail.rows}
          source={source}
          unit={source.unit}
        />
      </div>
    </>
  );
}
