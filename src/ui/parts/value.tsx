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

function Whole({ text, encoding }: { text: string; encoding: RecordRow["encoding"] }) {
  const json = encoding === "text" && text.length <= PRETTY_MAX && isJson(text);
  const views: View[] = [...(json ? ["pretty" as const] : []), "raw", "hex"];
  const [chosen, setChosen] = useState<View>(json ? "pretty" : "raw");
  const [all, setAll] = useState(false);
  const cut = !all && text.length > SHOWN_MAX;
  return (
    <>
      <div class="bar" role="group" aria-label="View of the value">
        {views.map((view) => (
          <button key={view} aria-pressed={view === chosen} onClick={() => setChosen(view)}>
            {VIEWS[view]}
          </button>
        ))}
        {cut ? <button onClick={() => setAll(true)}>Show all {bytes(text.length)}</button> : null}
      </div>
      <pre tabIndex={0}>{textOf(cut ? text.slice(0, SHOWN_MAX) : text, encoding, chosen)}</pre>
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
  text: string | null;
  encoding: RecordRow["encoding"];
  headers?: RecordHeader[];
}

export function Value({ text, encoding, headers = [] }: Props) {
  const [open, setOpen] = useState(false);
  if (text === null && headers.length === 0) {
    return <span class="null">null</span>;
  }
  const many = `${headers.length} ${headers.length === 1 ? "header" : "headers"}`;
  return (
    <details class="value" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {encoding === "base64" ? <span class="quiet">bytes, as base64: </span> : null}
        {text === null ? (
          <span class="null">null</span>
        ) : (
          <code>{text.length > SUMMARY_MAX ? `${text.slice(0, SUMMARY_MAX)}…` : text}</code>
        )}
        {headers.length === 0 ? null : <span class="quiet"> {many}</span>}
      </summary>
      {open ? <Headers of={headers} /> : null}
      {open && text !== null ? <Whole text={text} encoding={encoding} /> : null}
    </details>
  );
}
