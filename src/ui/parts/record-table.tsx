/* Records as a table: the newest records of a topic, those that a search found, those of a tail. */

import type { RecordSource } from "../record-source.ts";
import type { RecordRow } from "../types.ts";
import { At } from "./time.tsx";
import { Value } from "./value.tsx";

interface Props {
  caption: string;
  rows: RecordRow[];
  source: RecordSource; // where the whole of a record comes from
  unit?: string; // the heading of the partitions or shards; none: all are of one
}

/* A record whose value or headers are not all here is asked for when the reader wants them. */
function wholeOf(source: RecordSource, row: RecordRow) {
  return async () => (await source.read(row.partition, BigInt(row.offset), 1n))[0];
}

export function RecordTable({ caption, rows, source, unit }: Props) {
  return (
    <table class="records">
      <caption class="hidden">{caption}</caption>
      <thead>
        <tr>
          {unit === undefined ? null : (
            <th scope="col" class="number">
              {unit}
            </th>
          )}
          <th scope="col" class="number">
            Offset
          </th>
          <th scope="col">Time</th>
          <th scope="col">Key</th>
          <th scope="col">Value</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={`${row.partition} ${row.offset}`}>
            {unit === undefined ? null : <td class="number">{row.partition}</td>}
            <td class="number">{row.offset}</td>
            <td>
              <At ms={row.time_ms} />
            </td>
            <td>{row.key ?? <span class="null">null</span>}</td>
            <td>
              <Value of={row} whole={wholeOf(source, row)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
