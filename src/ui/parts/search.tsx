/* A search through the records of a topic or a stream: it runs on the server, a piece at a time. */

import { useEffect, useRef, useState } from "preact/hooks";

import { ApiError, get } from "../api.ts";
import { bytes, count } from "../format.ts";
import type { RecordSource } from "../record-source.ts";
import { searchMistake } from "../mistakes.ts";
import { place, setQuery } from "../route.ts";
import type { RecordRow, SearchPiece } from "../types.ts";
import { RecordTable } from "./record-table.tsx";
import { Mistake } from "./field.tsx";
import { Failure } from "./region.tsx";

const SHOWN = 200; // records that fit, after which the search waits

interface Progress {
  found: RecordRow[];
  looked: number;
  bytes: number;
  left: number;
  damaged: number;
  cursor?: string; // where to go on; none: all was looked at
}

const NOTHING: Progress = { found: [], looked: 0, bytes: 0, left: 0, damaged: 0 };

/* Asks for piece after piece until enough records fit, all was looked at, or the reader stops. */
function useSearch(path: string) {
  const [progress, setProgress] = useState<Progress>();
  const [error, setError] = useState<ApiError>();
  const [running, setRunning] = useState(false);
  const abort = useRef<AbortController | undefined>(undefined);

  const run = async (q: string, from?: Progress) => {
    abort.current?.abort();
    const mine = new AbortController();
    abort.current = mine;
    let now = from ?? NOTHING;
    let cursor = from?.cursor;
    const enough = now.found.length + SHOWN;
    setError(undefined);
    setRunning(true);
    try {
      do {
        const asked = new URLSearchParams(cursor === undefined ? { q } : { q, cursor });
        const piece = await get<SearchPiece>(`${path}/search?${asked}`, mine.signal);
        now = {
          found: [...now.found, ...piece.records],
          looked: now.looked + piece.scanned_records,
          bytes: now.bytes + piece.scanned_bytes,
          left: piece.left_records,
          damaged: now.damaged + piece.damaged,
          cursor: piece.next,
        };
        cursor = piece.next;
        setProgress(now);
      } while (cursor !== undefined && now.found.length < enough);
    } catch (reason) {
      if (reason instanceof ApiError) {
        setError(reason);
      }
    }
    if (abort.current === mine) {
      setRunning(false);
    }
  };
  const stop = () => abort.current?.abort();
  useEffect(() => stop, []);
  return { progress, error, running, run, stop };
}

export function RecordSearch({ source }: { source: RecordSource }) {
  const { path, unit } = source;
  const asked = place.value.query.get("q") ?? "";
  const [text, setText] = useState(asked);
  const { progress, error, running, run, stop } = useSearch(path);
  useEffect(() => {
    if (asked !== "") {
      void run(asked);
    }
  }, []);
  const wrong = searchMistake(text);
  const submit = (event: Event) => {
    event.preventDefault();
    setQuery("q", text);
    void run(text);
  };
  return (
    <>
      <form class="bar" role="search" onSubmit={submit}>
        <label for="search">Search</label>
        <input
          type="search"
          id="search"
          class="wide"
          value={text}
          spellcheck={false}
          placeholder="art offset>=10 a.b=c -draft"
          aria-invalid={wrong !== undefined}
          aria-describedby="search-wrong search-grammar"
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <Mistake id="search-wrong" of={wrong} />
        <button class="main" disabled={wrong !== undefined}>
          Search
        </button>
        {running ? (
          <button type="button" onClick={stop}>
            Stop
          </button>
        ) : progress?.cursor === undefined ? null : (
          <button type="button" onClick={() => void run(asked, progress)}>
            Go on
          </button>
        )}
      </form>
      <p id="search-grammar" class="quiet">
        All must hold: a <code>word</code> or <code>"two words"</code> of key or value,{" "}
        <code>key=k</code>, <code>{unit.toLowerCase()}=1</code>, <code>offset&gt;=10</code>,{" "}
        <code>a.b=art</code> in JSON; <code>!=</code>, <code>&lt;</code>, <code>&gt;</code>;{" "}
        <code>-word</code> for what must not.
      </p>
      {error === undefined ? null : <Failure error={error} />}
      {progress === undefined ? null : (
        <>
          <p role="status" class="bar">
            <progress
              aria-label="Records looked at"
              value={progress.looked}
              max={Math.max(1, progress.looked + progress.left)}
            />
            <span>
              {count(progress.found.length)} of {count(progress.looked)} records fit
            </span>
            <span class="quiet">
              {bytes(progress.bytes)}; {count(progress.left)} are still to be looked at
            </span>
            {progress.damaged === 0 ? null : (
              <span>{count(progress.damaged)} places of the log could not be read</span>
            )}
          </p>
          {progress.found.length === 0 ? (
            <p class="quiet">
              {running || progress.cursor !== undefined ? "None so far." : "No record fits."}
            </p>
          ) : (
            <div class="scroll" tabIndex={0} role="region" aria-label="Records that fit">
              <RecordTable
                caption="Records that fit"
                rows={progress.found}
                source={source}
                unit={unit}
              />
            </div>
          )}
        </>
      )}
    </>
  );
}
