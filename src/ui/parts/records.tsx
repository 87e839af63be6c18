/* The records of a topic, the newest first, by pages: of all partitions by time, or of one. */

import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { ApiError, get, useGet } from "../api.ts";
import { place, setQuery } from "../route.ts";
import type { PartitionRow, RecordRow, Records } from "../types.ts";
import { MERGED_MAX, useNewest } from "./newest.tsx";
import { Region } from "./region.tsx";
import { At } from "./time.tsx";
import { Value } from "./value.tsx";

const PAGE = 50n;
/* To an offset, or to the first record of a time. */
function Jump({ path, partition }: { path: string; partition: number }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState("");
  const jump = async (event: Event) => {
    event.preventDefault();
    setWrong("");
    try {
      const asked = new URLSearchParams({ partition: `${partition}`, from: text, limit: "1" });
      const got = await get<Records>(`${path}?${asked}`);
      const [first] = got.records;
      const at = BigInt(first?.offset ?? got.end);
      setQuery("before", `${at + PAGE}`);
      setWrong(first === undefined ? "No record is there or later." : "");
    } catch (reason) {
      setWrong(reason instanceof ApiError ? reason.message : String(reason));
    }
  };
  return (
    <form class="bar" onSubmit={(event) => void jump(event)}>
      <label for="jump">Go to</label>
      <input
        id="jump"
        value={text}
        placeholder="offset or 2026-11-29T12:00Z"
        aria-describedby="jump-wrong"
        onInput={(event) => setText(event.currentTarget.value.trim())}
      />
      <button disabled={text === ""}>Go</button>
      <span id="jump-wrong" role="status">
        {wrong}
      </span>
    </form>
  );
}

/* --- the table -------------------------------------------------------------------------------- */

function Table({ rows, placed }: { rows: RecordRow[]; placed: boolean }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Records">
      <table>
        <caption class="hidden">Records, the newest first</caption>
        <thead>
          <tr>
            {placed ? (
              <th scope="col" class="number">
                Partition
              </th>
            ) : null}
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
              {placed ? <td class="number">{row.partition}</td> : null}
              <td class="number">{row.offset}</td>
              <td>
                <At ms={row.time_ms} />
              </td>
              <td>{row.key ?? <span class="null">null</span>}</td>
              <td>
                <Value text={row.value} encoding={row.encoding} headers={row.headers} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Damage({ of }: { of: string | null }) {
  return of === null ? null : (
    <div class="notice danger" role="alert">
      {of}
    </div>
  );
}

/* What retention has deleted. */
function Gap({ begin }: { begin: bigint }) {
  return begin === 0n ? null : (
    <p class="quiet">
      {begin === 1n ? "Offset 0 is gone" : `Offsets 0 to ${begin - 1n} are gone`}: the topic keeps
      its records for a limited time or size.
    </p>
  );
}

/* --- one partition ---------------------------------------------------------------------------- */

interface Props {
  path: string;
  partitions: PartitionRow[];
  empty: ComponentChildren;
}

/* A partition's records are offsets in order, so a page is a range that ends before `before`. */
function OfPartition({
  path,
  of,
  empty,
}: {
  path: string;
  of: PartitionRow;
  empty: Props["empty"];
}) {
  const begin = BigInt(of.begin);
  const end = BigInt(of.end);
  const asked = place.value.query.get("before") ?? "";
  const before = /^\d+$/.test(asked) && BigInt(asked) < end ? BigInt(asked) : end;
  const from = before - PAGE > begin ? before - PAGE : begin;
  const range = `partition=${of.partition}&from=${from}&limit=${before - from}`;
  const records = useGet<Records>(before <= begin ? undefined : `${path}?${range}`);
  return (
    <>
      <div class="bar">
        {before < end ? (
          <button onClick={() => setQuery("before", undefined)}>Newest</button>
        ) : null}
        {before < end ? (
          <button onClick={() => setQuery("before", `${before + PAGE}`)}>Newer</button>
        ) : null}
        {from > begin ? <button onClick={() => setQuery("before", `${from}`)}>Older</button> : null}
        <span class="quiet">
          {before <= begin
            ? "no records"
            : `offsets ${from} to ${before - 1n} of ${begin} to ${end - 1n}`}
        </span>
      </div>
      <Jump path={path} partition={of.partition} />
      {before <= begin ? (
        empty
      ) : (
        <Region of={records}>
          {(data) => (
            <>
              <Damage of={data.damage} />
              <Table rows={[...data.records].reverse()} placed={false} />
            </>
          )}
        </Region>
      )}
      {from === begin ? <Gap begin={begin} /> : null}
    </>
  );
}

/* --- all partitions --------------------------------------------------------------------------- */

/* A page of all partitions ends in each one before an offset: "120,88". */
function OfAll({ path, partitions, empty }: Props) {
  const asked = place.value.query.get("before");
  const page = useNewest(path, partitions, asked);
  const [newer, setNewer] = useState<(string | undefined)[]>([]); // the pages that led here
  const older = (before: string) => {
    setNewer([...newer, asked ?? undefined]);
    setQuery("before", before);
  };
  const back = (to: (string | undefined)[]) => {
    setQuery("before", to.at(-1));
    setNewer(to.slice(0, -1));
  };
  return (
    <Region of={page}>
      {({ rows, damage, next }) => (
        <>
          <div class="bar">
            {asked === null ? null : <button onClick={() => back([])}>Newest</button>}
            {newer.length === 0 ? null : <button onClick={() => back(newer)}>Newer</button>}
            {next === undefined ? null : <button onClick={() => older(next)}>Older</button>}
            <span class="quiet">
              {rows.length === 0 ? "no records" : `${rows.length} records by time`}
            </span>
          </div>
          <Damage of={damage} />
          {rows.length === 0 ? empty : <Table rows={rows} placed />}
        </>
      )}
    </Region>
  );
}

export function RecordList({ path, partitions, empty }: Props) {
  const asked = place.value.query.get("partition");
  const several = partitions.length > 1 && partitions.length <= MERGED_MAX;
  const one =
    partitions.find((each) => `${each.partition}` === asked) ??
    (several ? undefined : partitions[0]);
  const choose = (name: string) => {
    setQuery("before", undefined);
    setQuery("partition", name);
  };
  return (
    <>
      <div class="bar">
        <label for="partition">Partition</label>
        <select
          id="partition"
          value={one === undefined ? "" : `${one.partition}`}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {several ? <option value="">all</option> : null}
          {partitions.map(({ partition }) => (
            <option key={partition} value={`${partition}`}>
              {partition}
            </option>
          ))}
        </select>
      </div>
      {one === undefined ? (
        <OfAll path={path} partitions={partitions} empty={empty} />
      ) : (
        <OfPartition key={one.partition} path={path} of={one} empty={empty} />
      )}
    </>
  );
}
