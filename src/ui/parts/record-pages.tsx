/*
 * The records of a topic or a stream by pages, the newest first: of all partitions or shards by
 * time, or of one. The server makes the pages; where the reader is, is in the URL.
 */

import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { useGet } from "../api.ts";
import { fieldMoment } from "../format.ts";
import type { RecordSource, Unit } from "../record-source.ts";
import { placeMistake } from "../mistakes.ts";
import { place, setQuery } from "../route.ts";
import type { RecordPage, RecordRow } from "../types.ts";
import { RecordTable } from "./record-table.tsx";
import { Mistake } from "./field.tsx";
import { Region } from "./region.tsx";

const MERGED_MAX = 32; // units with records; of more of them one is chosen

/* To one page: the newest without a place. */
function goTo(where: { from?: string; cursor?: string }): void {
  setQuery("from", where.from);
  setQuery("cursor", where.cursor);
}

/* A time as the pages print it, or without a zone, which is the reader's then. A time without
 * fractions means all of that second, since the list shows no fractions. */
function placeText(text: string): string {
  const found = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d)?(\.\d+)?\s*(Z|UTC|[+-]\d\d:\d\d)?$/.exec(
    text,
  );
  if (found === null) {
    return text;
  }
  const [, day, minute, second = ":00", fraction = ".999", zone] = found;
  if (zone === undefined) {
    const ms = fieldMoment(`${day}T${minute}${second}${fraction}`);
    return ms === undefined ? text : new Date(ms).toISOString();
  }
  return `${day}T${minute}${second}${fraction}${zone === "UTC" ? "Z" : zone}`;
}

/* To an offset or a sequence number, or to the newest record up to a time. */
function Jump({ places }: { places: string }) {
  const from = place.value.query.get("from") ?? "";
  const [text, setText] = useState(from === "oldest" ? "" : from);
  useEffect(() => {
    if (from === "" || from === "oldest") {
      setText("");
    }
  }, [from]);
  const wrong = placeMistake(text);
  const jump = (event: Event) => {
    event.preventDefault();
    goTo({ from: placeText(text) });
  };
  return (
    <form class="bar" onSubmit={jump}>
      <label for="jump">Go to</label>
      <input
        id="jump"
        value={text}
        placeholder={places}
        spellcheck={false}
        aria-invalid={wrong !== undefined}
        aria-describedby="jump-wrong"
        onInput={(event) => setText(event.currentTarget.value.trim())}
      />
      <Mistake id="jump-wrong" of={wrong} />
      <button disabled={text === "" || wrong !== undefined}>Go</button>
    </form>
  );
}

/* What retention has deleted. */
function Gaps({ units, source }: { units: Unit[]; source: RecordSource }) {
  const gone = units.filter((unit) => unit.begin > 0n);
  return gone.length === 0 ? null : (
    <p class="quiet">
      {gone
        .slice(0, 8)
        .map(
          (unit) =>
            (unit.begin === 1n ? "Offset 0" : `Offsets 0 to ${unit.begin - 1n}`) +
            (units.length === 1 ? "" : ` of ${source.unit.toLowerCase()} ${unit.index}`),
        )
        .join(", ")}
      {gone.length > 8 ? ` and of ${gone.length - 8} more` : ""}{" "}
      {gone.length === 1 && gone[0]?.begin === 1n ? "is" : "are"} gone: records are kept for a
      limited time or size.
    </p>
  );
}

function range(rows: RecordRow[], one: Unit | undefined): string {
  const [first, last] = [rows[0], rows[rows.length - 1]];
  if (first === undefined || last === undefined) {
    return "no records";
  }
  return one === undefined
    ? `${rows.length} ${rows.length === 1 ? "record" : "records"} by time`
    : `offsets ${last.offset} to ${first.offset} of ${one.begin} to ${one.end - 1n}`;
}

function Choice({ source, units, chosen }: { source: RecordSource; units: Unit[]; chosen?: Unit }) {
  const choose = (index: string) => {
    goTo({});
    setQuery(source.unit.toLowerCase(), index);
  };
  return (
    <>
      <label for="unit">{source.unit}</label>
      <select
        id="unit"
        value={chosen === undefined ? "" : `${chosen.index}`}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {units.filter((unit) => unit.begin !== unit.end).length <= MERGED_MAX ? (
          <option value="">all</option>
        ) : null}
        {units.map(({ index }) => (
          <option key={index} value={`${index}`}>
            {index}
          </option>
        ))}
      </select>
    </>
  );
}

interface Props {
  source: RecordSource;
  units: Unit[];
  empty: ComponentChildren;
}

export function RecordPages({ source, units, empty }: Props) {
  const { query } = place.value;
  const [asked, from, cursor] = [
    query.get(source.unit.toLowerCase()),
    query.get("from") ?? "",
    query.get("cursor") ?? "",
  ];
  const filled = units.filter((unit) => unit.begin !== unit.end);
  const one =
    units.find((unit) => `${unit.index}` === asked) ??
    (units.length === 1 || filled.length > MERGED_MAX ? (filled[0] ?? units[0]) : undefined);
  const parameters = new URLSearchParams(
    cursor !== "" ? { cursor } : from !== "" ? { from } : undefined,
  );
  if (one !== undefined && cursor === "") {
    parameters.set(source.unit.toLowerCase(), `${one.index}`);
  }
  const newest = from === "" && cursor === "";
  const page = useGet<RecordPage>(
    `${source.path}/pages?${parameters}`,
    newest ? [source.topic] : [],
  );
  const { older, newer } = page.data ?? {};
  const places = source.unit === "Shard" ? "time or sequence number" : "time or offset";
  return (
    <>
      <div class="bar records-bar">
        {units.length > 1 ? <Choice source={source} units={units} chosen={one} /> : null}
        <div class="joined" role="group" aria-label="Pages">
          <button disabled={newest} onClick={() => goTo({})}>
            Newest
          </button>
          <button disabled={newer === undefined} onClick={() => goTo({ cursor: newer })}>
            Newer
          </button>
          <button disabled={older === undefined} onClick={() => goTo({ cursor: older })}>
            Older
          </button>
          <button
            disabled={older === undefined && page.data?.records.length !== 0}
            onClick={() => goTo({ from: "oldest" })}
          >
            Oldest
          </button>
        </div>
        <Jump places={places} />
        <span class="quiet" role="status">
          {page.data === undefined ? "" : range(page.data.records, one)}
        </span>
      </div>
      <Region of={page}>
        {(data) => (
          <>
            {data.damage === null ? null : (
              <div class="notice danger" role="alert">
                {data.damage}
              </div>
            )}
            {data.records.length > 0 ? (
              <div class="scroll" tabIndex={0} role="region" aria-label="Records">
                <RecordTable
                  caption="Records, the newest first"
                  rows={data.records}
                  source={source}
                  unit={one === undefined ? source.unit : undefined}
                />
              </div>
            ) : newest ? (
              empty
            ) : (
              <p class="quiet">
                {data.older !== undefined
                  ? "No records here; older ones follow."
                  : "No record is as old as that."}
              </p>
            )}
            {data.older === undefined ? (
              <Gaps units={one === undefined ? units : [one]} source={source} />
            ) : null}
          </>
        )}
      </Region>
    </>
  );
}
