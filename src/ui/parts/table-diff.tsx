/* What differs between two versions of a table: its rows, and its schema. */

import { useState } from "preact/hooks";

import { useGet } from "../api.ts";
import { count } from "../format.ts";
import { versionMistake } from "../mistakes.ts";
import { place, setQuery } from "../route.ts";
import type { DiffRow, Items, SchemaRow, TableDiff } from "../types.ts";
import { Mistake } from "./field.tsx";
import { isNumber } from "./grid.tsx";
import { Region } from "./region.tsx";

const WORDS = { added: "added", removed: "removed", before: "before", after: "after" } as const;

function Choice({ from, to, keyColumn }: { from: string; to: string; keyColumn: string }) {
  const [old, setOld] = useState(from);
  const [now, setNow] = useState(to);
  const [by, setBy] = useState(keyColumn);
  const [wrongOld, wrongNow] = [versionMistake(old), versionMistake(now)];
  const submit = (event: Event) => {
    event.preventDefault();
    setQuery("from", old);
    setQuery("to", now);
    setQuery("key", by);
  };
  return (
    <form class="bar" onSubmit={submit}>
      <label for="from">From version</label>
      <input
        id="from"
        inputMode="numeric"
        size={8}
        value={old}
        aria-invalid={wrongOld !== undefined}
        aria-describedby="from-wrong"
        onInput={(event) => setOld(event.currentTarget.value.trim())}
      />
      <Mistake id="from-wrong" of={wrongOld} />
      <label for="to">to version</label>
      <input
        id="to"
        inputMode="numeric"
        size={8}
        value={now}
        aria-invalid={wrongNow !== undefined}
        aria-describedby="to-wrong"
        onInput={(event) => setNow(event.currentTarget.value.trim())}
      />
      <Mistake id="to-wrong" of={wrongNow} />
      <label for="key">by the column</label>
      <input
        id="key"
        size={16}
        value={by}
        placeholder="the key"
        onInput={(event) => setBy(event.currentTarget.value.trim())}
      />
      <button class="main" disabled={wrongOld !== undefined || wrongNow !== undefined}>
        Compare
      </button>
    </form>
  );
}

/* The row that a changed row is compared with: its other half stands beside it. */
function otherOf(rows: DiffRow[], at: number): DiffRow | undefined {
  const change = rows[at]?.change;
  return change === "before" ? rows[at + 1] : change === "after" ? rows[at - 1] : undefined;
}

function RowsOf({ diff }: { diff: TableDiff }) {
  return (
    <div class="scroll grid" tabIndex={0} role="region" aria-label="Differences">
      <table>
        <caption class="hidden">Rows that differ</caption>
        <thead>
          <tr>
            <th scope="col">Change</th>
            {diff.columns.map((column) => (
              <th key={column.name} scope="col" class={isNumber(column.type) ? "number" : ""}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {diff.rows.map((one, at) => {
            const other = otherOf(diff.rows, at);
            return (
              <tr key={at}>
                <th scope="row">{WORDS[one.change]}</th>
                {one.row.map((cell, c) => {
                  const changed = other !== undefined && other.row[c] !== cell;
                  const text = cell ?? <span class="null">null</span>;
                  return (
                    <td key={c} class={isNumber(diff.columns[c]?.type ?? "") ? "number" : ""}>
                      {changed ? <mark>{text}</mark> : text}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/* Columns that only one of the versions has, or that have another type. */
function SchemaDiff({ path, from, to }: { path: string; from: string; to: string }) {
  const before = useGet<Items<SchemaRow>>(`${path}/schema?version=${from}&limit=1000`);
  const after = useGet<Items<SchemaRow>>(`${path}/schema?version=${to}&limit=1000`);
  if (before.data === undefined || after.data === undefined) {
    return null;
  }
  const typeOf = (rows: SchemaRow[], name: string) => rows.find((row) => row.column === name)?.type;
  const names = new Set([...before.data.items, ...after.data.items].map((row) => row.column));
  const lines = [];
  for (const name of names) {
    const was = typeOf(before.data.items, name);
    const is = typeOf(after.data.items, name);
    if (was === undefined) {
      lines.push(`${name} ${is} was added`);
    } else if (is === undefined) {
      lines.push(`${name} ${was} was removed`);
    } else if (was !== is) {
      lines.push(`${name} was ${was} and is ${is}`);
    }
  }
  return lines.length === 0 ? (
    <p class="quiet">The schema is the same.</p>
  ) : (
    <ul>
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}

export function Diff({ path, version }: { path: string; version: number }) {
  const { query } = place.value;
  const to = query.get("to") ?? `${version}`;
  const from = query.get("from") ?? `${Math.max(0, version - 1)}`;
  const key = query.get("key") ?? "";
  const asked = new URLSearchParams(key === "" ? { from, to } : { from, to, key });
  const diff = useGet<TableDiff>(`${path}/diff?${asked}`);
  return (
    <>
      <Choice key={`${from} ${to} ${key}`} from={from} to={to} keyColumn={key} />
      <Region of={diff}>
        {(data) => (
          <>
            <p role="status">
              {`${count(data.added)} ${data.added === "1" ? "row" : "rows"} added, `}
              {`${count(data.removed)} removed, `}
              {`${count(data.changed)} changed`}
              {data.key === null ? "" : `, by ${data.key}`}. At most 1 000 of each are shown.
            </p>
            {data.repeated === "0" ? null : (
              <p class="notice warn">
                {`${data.key} is not unique: ${count(data.repeated)} of its values come more than `}
                once. Rows with such a value are shown as removed and added, not as changed.
              </p>
            )}
            <SchemaDiff path={path} from={data.from} to={data.to} />
            {data.rows.length === 0 ? null : <RowsOf diff={data} />}
          </>
        )}
      </Region>
    </>
  );
}
