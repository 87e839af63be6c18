/* The records of a topic as they come. What comes too fast to read is counted, not shown. */

import { useEffect, useRef, useState } from "preact/hooks";

import { ApiError, get } from "../api.ts";
import { count } from "../format.ts";
import type { PartitionRow, RecordRow, Records } from "../types.ts";
import { Value } from "./records.tsx";
import { Failure } from "./region.tsx";
import { At } from "./time.tsx";

const LOOK_MS = 1000;
const SHOWN = 200; // the newest records, and at most so many a second of a partition

interface Tail {
  rows: RecordRow[]; // the newest first
  came: number;
  skipped: number;
}

/* What came to a partition since `from`: the newest of it. */
async function newest(path: string, row: PartitionRow, from: bigint): Promise<RecordRow[]> {
  const end = BigInt(row.end);
  const begin = end - from > BigInt(SHOWN) ? end - BigInt(SHOWN) : from;
  const got = await get<Records>(
    `${path}/records?partition=${row.partition}&from=${begin}&limit=${end - begin}`,
  );
  return got.records;
}

export function RecordTail({ path }: { path: string }) {
  const [running, setRunning] = useState(true);
  const [tail, setTail] = useState<Tail>({ rows: [], came: 0, skipped: 0 });
  const [error, setError] = useState<ApiError>();
  const seen = useRef(new Map<number, bigint>());

  const look = async () => {
    const { partitions } = await get<{ partitions: PartitionRow[] }>(path);
    let came = 0n;
    const rows: RecordRow[] = [];
    for (const row of partitions) {
      const end = BigInt(row.end);
      const from = seen.current.get(row.partition) ?? end;
      seen.current.set(row.partition, end);
      if (end > from) {
        came += end - from;
        rows.push(...(await newest(path, row, from)));
      }
    }
    rows.sort((a, b) => b.time_ms - a.time_ms || (BigInt(b.offset) > BigInt(a.offset) ? 1 : -1));
    const shown = rows.slice(0, SHOWN);
    setError(undefined);
    if (came > 0n) {
      setTail((before) => ({
        rows: [...shown, ...before.rows].slice(0, SHOWN),
        came: before.came + Number(came),
        skipped: before.skipped + Number(came) - shown.length,
      }));
    }
  };
  useEffect(() => {
    if (!running) {
      return undefined;
    }
    let timer = 0;
    let left = false;
    const next = async () => {
      if (document.visibilityState === "visible") {
        try {
          await look();
        } catch (reason) {
          if (reason instanceof ApiError) {
            setError(reason);
          }
        }
      }
      if (!left) {
        timer = window.setTimeout(() => void next(), LOOK_MS);
      }
    };
    void next();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [running, path]);

  return (
    <>
      <div class="bar">
        <button onClick={() => setRunning(!running)}>{running ? "Pause" : "Resume"}</button>
        <span role="status">
          {running ? "Waiting for records" : "Paused"}: {count(tail.came)} came
          {tail.skipped === 0 ? "" : `, of which ${count(tail.skipped)} are not shown`}
        </span>
      </div>
      {error === undefined ? null : <Failure error={error} />}
      <div class="scroll" tabIndex={0} role="region" aria-label="New records">
        <table>
          <caption class="hidden">New records, the newest first</caption>
          <thead>
            <tr>
              <th scope="col" class="number">
                Partition
              </th>
              <th scope="col" class="number">
                Offset
              </th>
              <th scope="col">Time</th>
              <th scope="col">Key</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {tail.rows.map((row) => (
              <tr key={`${row.partition} ${row.offset}`}>
                <td class="number">{row.partition}</td>
                <td class="number">{row.offset}</td>
                <td>
                  <At ms={row.time_ms} />
                </td>
                <td>{row.key ?? <span class="null">null</span>}</td>
                <td>
                  <Value text={row.value} encoding={row.encoding} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
