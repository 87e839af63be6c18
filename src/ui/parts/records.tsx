/* The records of a topic, a partition at a time, the newest first, by pages. */

import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { ApiError, get, useGet } from "../api.ts";
import { place, setQuery } from "../route.ts";
import type { PartitionRow, RecordRow, Records } from "../types.ts";
import { Region } from "./region.tsx";
import { At } from "./time.tsx";

const PAGE = 50n;
const SHOWN_MAX = 160; // characters of a value in the list

/* JSON with line breaks, made from its own characters, so that no number is read and written. */
function pretty(text: string): string {
  let out = "";
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const c = text.charAt(at);
    if (quoted) {
      out += c;
      if (c === "\\") {
        out += text.charAt(++at);
      } else if (c === '"') {
        quoted = false;
      }
    } else if (c === '"') {
      quoted = true;
      out += c;
    } else if (c === "{" || c === "[") {
      depth++;
      out += `${c}\n${"  ".repeat(depth)}`;
    } else if (c === "}" || c === "]") {
      depth--;
      out += `\n${"  ".repeat(Math.max(0, depth))}${c}`;
    } else if (c === ",") {
      out += `,\n${"  ".repeat(depth)}`;
    } else if (c === ":") {
      out += ": ";
    } else if (!/\s/.test(c)) {
      out += c;
    }
  }
  return out;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export function Value({
  text,
  encoding,
}: {
  text: string | null;
  encoding: RecordRow["encoding"];
}) {
  const [raw, setRaw] = useState(false);
  if (text === null) {
    return <span class="null">null</span>;
  }
  const json = encoding === "text" && isJson(text);
  return (
    <details class="value">
      <summary>
        {encoding === "base64" ? <span class="quiet">bytes, as base64: </span> : null}
        <code>{text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text}</code>
      </summary>
      {json ? <button onClick={() => setRaw(!raw)}>{raw ? "Pretty" : "Raw"}</button> : null}
      <pre tabIndex={0}>{json && !raw ? pretty(text) : text}</pre>
    </details>
  );
}

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

interface Props {
  path: string;
  partitions: PartitionRow[];
  empty: ComponentChildren;
}

/* A partition's records are offsets in order, so a page is a range that ends before `before`. */
export function RecordList({ path, partitions, empty }: Props) {
  const { query } = place.value;
  const partition =
    partitions.find((one) => `${one.partition}` === query.get("partition")) ?? partitions[0];
  const begin = BigInt(partition?.begin ?? 0);
  const end = BigInt(partition?.end ?? 0);
  const asked = query.get("before") ?? "";
  const before = /^\d+$/.test(asked) && BigInt(asked) < end ? BigInt(asked) : end;
  const from = before - PAGE > begin ? before - PAGE : begin;
  const number = partition?.partition ?? 0;
  const records = useGet<Records>(
    before <= begin ? undefined : `${path}?partition=${number}&from=${from}&limit=${before - from}`,
  );
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
          value={`${number}`}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {partitions.map((one) => (
            <option key={one.partition} value={`${one.partition}`}>
              {one.partition}
            </option>
          ))}
        </select>
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
      <Jump path={path} partition={number} />
      {before <= begin ? (
        empty
      ) : (
        <Region of={records}>
          {(data) => (
            <>
              {data.damage === null ? null : (
                <div class="notice danger" role="alert">
                  {data.damage}
                </div>
              )}
              <div class="scroll" tabIndex={0} role="region" aria-label="Records">
                <table>
                  <caption class="hidden">Records, the newest first</caption>
                  <thead>
                    <tr>
                      <th scope="col" class="number">
                        Offset
                      </th>
                      <th scope="col">Time</th>
                      <th scope="col">Key</th>
                      <th scope="col">Value</th>
                    </tr>
                  </thead>
                  <tbody>
                    {[...data.records].reverse().map((row) => (
                      <tr key={row.offset}>
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
          )}
        </Region>
      )}
    </>
  );
}
