/*
 * A record's value: its beginning in a list, and when it is opened all of it as JSON with line
 * breaks, as it came, or in hexadecimal. A large value costs nothing before that.
 */

import { useState } from "preact/hooks";

import { bytes } from "../format.ts";
import type { RecordHeader, RecordRow } from "../types.ts";
import { bytesOf, dump } from "./bytes.tsx";

const SUMMARY_MAX = 160; // characters of a value in the list
const SHOWN_MAX = 4096; // characters, until the reader asks for the rest
const PRETTY_MAX = 1_000_000; // characters; a larger value is shown as it came

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

type View = "pretty" | "raw" | "hex";
const VIEWS: Record<View, string> = { pretty: "JSON", raw: "As it came", hex: "Hexadecimal" };

function textOf(text: string, encoding: RecordRow["encoding"], view: View): string {
  switch (view) {
    case "pretty":
      return pretty(text);
    case "raw":
      return text;
    case "hex":
      return dump(bytesOf(text, encoding ?? "text"));
  }
}

interface Text {
  text: string;
  encoding: RecordRow["encoding"];
  bytes: number; // of all of it
  cut: boolean; // the text is the beginning
  more: () => void; // asks for the rest
}

function Whole({ text, encoding, bytes: size, cut, more }: Text) {
  const json = !cut && encoding === "text" && text.length <= PRETTY_MAX && isJson(text);
  const views: View[] = [...(json ? ["pretty" as const] : []), "raw", "hex"];
  const [chosen, setChosen] = useState<View>();
  const [all, setAll] = useState(false);
  const view = chosen ?? (json ? "pretty" : "raw");
  const beginning = !all && text.length > SHOWN_MAX;
  const showAll = () => {
    setAll(true);
    more();
  };
  return (
    <>
      <div class="bar" role="group" aria-label="View of the value">
        {views.map((one) => (
          <button key={one} aria-pressed={one === view} onClick={() => setChosen(one)}>
            {VIEWS[one]}
          </button>
        ))}
        {cut || beginning ? <button onClick={showAll}>Show all {bytes(size)}</button> : null}
      </div>
      <pre tabIndex={0}>{textOf(beginning ? text.slice(0, SHOWN_MAX) : text, encoding, view)}</pre>
    </>
  );
}

function Headers({ of }: { of: RecordHeader[] }) {
  return of.length === 0 ? null : (
    <dl class="facts">
      {of.map(({ name, value }, at) => (
        <div key={at}>
          <dt>{name}</dt>
          <dd>{value ?? <span class="null">null</span>}</dd>
        </div>
      ))}
    </dl>
  );
}

interface Props {
  of: RecordRow;
  whole: () => Promise<RecordRow | undefined>; // reads the record again, with all of it
}

export function Value({ of, whole }: Props) {
  const [open, setOpen] = useState(false);
  const [read, setRead] = useState<RecordRow>();
  const [error, setError] = useState("");
  const { value: text, encoding } = read ?? of;
  const headers = read?.headers ?? of.headers ?? 0;
  const many = typeof headers === "number" ? headers : headers.length;
  const load = () => {
    whole().then(
      (record) =>
        record?.offset === of.offset ? setRead(record) : setError("The record is gone."),
      (reason: unknown) => setError(reason instanceof Error ? reason.message : String(reason)),
    );
  };
  const toggle = (now: boolean) => {
    setOpen(now);
    if (now && read === undefined && typeof of.headers === "number" && of.headers > 0) {
      load();
    }
  };
  if (text === null && many === 0) {
    return <span class="null">null</span>;
  }
  return (
    <details class="value" onToggle={(event) => toggle(event.currentTarget.open)}>
      <summary>
        {many === 0 ? null : (
          <span class="quiet">
            {many} {many === 1 ? "header" : "headers"}{" "}
          </span>
        )}
        {encoding === "base64" ? <span class="quiet">bytes, as base64: </span> : null}
        {text === null ? (
          <span class="null">null</span>
        ) : (
          <code>{text.length > SUMMARY_MAX ? `${text.slice(0, SUMMARY_MAX)}…` : text}</code>
        )}
      </summary>
      {open && error !== "" ? <p role="alert">{error}</p> : null}
      {open && typeof headers !== "number" ? <Headers of={headers} /> : null}
      {open && of.sequence_number ? (
        <dl class="facts">
          <div>
            <dt>Sequence number</dt>
            <dd>
              <code>{of.sequence_number}</code>
            </dd>
          </div>
        </dl>
      ) : null}
      {open && text !== null ? (
        <Whole
          text={text}
          encoding={encoding}
          bytes={of.value_bytes ?? text.length}
          cut={read === undefined && of.cut === true}
          more={() => (read === undefined && of.cut === true ? load() : undefined)}
        />
      ) : null}
    </details>
  );
}
