/* Lines of a log. One that is very long is cut, with a button that shows the rest. */

import { useState } from "preact/hooks";
import type { VNode } from "preact";

import { bytes } from "../format.ts";
import { levelOf, piecesOf, stampLength } from "../log-text.ts";
import type { LogLine } from "../log-window.ts";

const SHOWN_MAX = 16_384; // characters of a line
const PART = 1_048_576; // characters that "more" adds

function Line({ line, hit }: { line: LogLine; hit: boolean }) {
  const [shown, setShown] = useState(SHOWN_MAX);
  const text = line.text.length > shown ? line.text.slice(0, shown) : line.text;
  const stamp = stampLength(text);
  return (
    <div class={`line ${levelOf(text)} ${hit ? "hit" : ""}`} data-at={line.at}>
      {stamp === 0 ? null : <span class="stamp">{text.slice(0, stamp)}</span>}
      {piecesOf(text.slice(stamp)).map((piece, at) =>
        piece.link ? (
          <a key={at} class={piece.classes} href={piece.text} rel="noreferrer" target="_blank">
            {piece.text}
          </a>
        ) : piece.classes === "" ? (
          piece.text
        ) : (
          <span key={at} class={piece.classes}>
            {piece.text}
          </span>
        ),
      )}
      {line.text.length > shown ? (
        <button class="more" onClick={() => setShown(shown + PART)}>
          {bytes(line.text.length - shown)} more
        </button>
      ) : null}
      {"\n"}
    </div>
  );
}

/* A line that has not changed keeps its element, so that adding a line costs one line. */
const made = new WeakMap<LogLine, VNode>();

function lineOf(line: LogLine): VNode {
  let node = made.get(line);
  if (node === undefined) {
    node = <Line key={line.at} line={line} hit={false} />;
    made.set(line, node);
  }
  return node;
}

interface Props {
  lines: LogLine[];
  hit: number; // the place of the line that is marked; -1: none
}

export function LogLines({ lines, hit }: Props) {
  return (
    <>
      {lines.map((line, place) =>
        place === hit ? <Line key={line.at} line={line} hit={true} /> : lineOf(line),
      )}
    </>
  );
}
