/*
 * The log of an attempt. It opens at its end, and holds at most 5,000 lines: scrolling up reads
 * what is before, scrolling down what is after. While the reader is at the end it follows what is
 * printed; elsewhere a button says how many lines are new.
 */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import { useLive } from "../events.ts";
import { bytes, count } from "../format.ts";
import type { Hit } from "../log-reader.ts";
import { LINES_MAX, lineWith } from "../log-window.ts";
import { stampLength } from "../log-text.ts";
import { place as address, setQuery } from "../route.ts";
import { LogLines } from "./log-lines.tsx";
import { hitOfLine, lineOfHash, LogSearch } from "./log-search.tsx";
import { useLog } from "./log-state.tsx";
import { Failure } from "./region.tsx";

const NEAR = 400; // px from an end of the window, where more is read
const END = 8; // px that count as the end

/* The first line in view, and how far below the top it is. */
function topLine(box: HTMLElement): Kept | undefined {
  const lines = box.querySelectorAll<HTMLElement>(".line");
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const line = lines[middle];
    if (line !== undefined && line.offsetTop + line.offsetHeight <= box.scrollTop) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const line = lines[low];
  return line === undefined
    ? undefined
    : { byte: Number(line.dataset.at), below: line.offsetTop - box.scrollTop };
}

/* What stays where it is when lines come or go: the line with this byte, so far below the top. */
interface Kept {
  byte: number;
  below: number;
}

interface Props {
  path: string; // of its route
  topic: string; // of its changes
  file: string; // its name when it is saved
}

export function LogView({ path, topic, file }: Props) {
  const { log, error, open, earlier, more } = useLog(path);
  const [wrap, setWrap] = useState(true);
  const [fresh, setFresh] = useState(0); // lines that came while the reader was elsewhere
  const [hit, setHit] = useState<Hit>();
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const [following, setFollowing] = useState(true); // the same, for what is drawn
  const kept = useRef<Kept | undefined>(undefined);
  const ends = useRef<{ to: number; lines: number }>({ to: 0, lines: 0 });

  const follow = (now: boolean) => {
    follows.current = now;
    setFollowing(now);
  };

  /* --- what is shown ------------------------------------------------------------------------- */

  /* Once lines came or went: stay at the end, or keep what the reader looks at where it was. */
  const settle = () => {
    const element = box.current;
    if (element === null || log === undefined) {
      return;
    }
    if (follows.current) {
      element.scrollTop = element.scrollHeight;
    } else if (kept.current !== undefined) {
      const line = element.children[lineWith(log, kept.current.byte)];
      if (line instanceof HTMLElement) {
        element.scrollTop = line.offsetTop - kept.current.below;
      }
    }
  };
  useLayoutEffect(settle, [log]);

  const toEnd = async () => {
    follow(true);
    setFresh(0);
    if (log === undefined || log.to < log.size) {
      await open();
    } else {
      settle();
    }
  };
  const toStart = async () => {
    follow(false);
    kept.current = { byte: 0, below: 0 };
    if (log?.from === 0) {
      settle();
    } else {
      await open(0);
    }
  };
  const show = async (to: Hit) => {
    follow(false);
    kept.current = { byte: to.byte, below: (box.current?.clientHeight ?? 0) / 3 };
    setHit(to);
    if (log !== undefined && lineWith(log, to.byte) >= 0) {
      settle();
    } else {
      await open(to.byte);
    }
  };

  /* --- when more is read --------------------------------------------------------------------- */

  useLayoutEffect(() => {
    follow(true);
    const line = lineOfHash();
    if (line === undefined) {
      void open().then(earlier);
    } else {
      void hitOfLine(path, line).then((found) => (found === undefined ? open() : show(found)));
    }
  }, [path, location.hash]);
  useLive(log === undefined || log.done ? [] : [topic], () => {
    void more(follows.current ? "follows" : "elsewhere");
  });
  useEffect(() => {
    const before = ends.current;
    ends.current = { to: log?.to ?? 0, lines: log?.lines.length ?? 0 };
    if (!follows.current && before.to > 0 && ends.current.to > before.to) {
      setFresh((lines) => lines + Math.max(0, ends.current.lines - before.lines));
    }
  }, [log]);

  const onScroll = () => {
    const element = box.current;
    if (element === null || log === undefined) {
      return;
    }
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    follow(below <= END && log.to >= log.size);
    kept.current = topLine(element);
    if (follows.current) {
      setFresh(0);
    } else if (element.scrollTop < NEAR && log.from > 0) {
      void earlier();
    } else if (below < NEAR && log.to < log.size) {
      void more("reads");
    }
  };
  const onKey = (event: KeyboardEvent) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const inField = event.target instanceof HTMLInputElement;
    if (!plain || inField) {
      return;
    }
    if (event.key === "f" || event.key === "G") {
      void toEnd();
    } else if (event.key === "g") {
      void toStart();
    } else if (event.key === "n" || event.key === "N") {
      const from = event.currentTarget;
      if (from instanceof HTMLElement) {
        from.querySelector<HTMLElement>(`[data-key="${event.key}"]`)?.click();
      }
    }
  };
  /* A click on a line's number puts the line into the address. */
  const onClick = (event: MouseEvent) => {
    const line = event.target instanceof HTMLElement ? event.target : null;
    if (line === null || !line.classList.contains("line") || log?.number === undefined) {
      return;
    }
    if (event.offsetX < Number.parseFloat(getComputedStyle(line).paddingLeft)) {
      const byte = Number(line.dataset.at);
      const number = log.number + lineWith(log, byte);
      history.replaceState(null, "", `#L${number}`);
      setHit({ byte, line: number });
    }
  };

  if (log === undefined) {
    return error === undefined ? null : <Failure error={error} again={() => void open()} />;
  }
  const times = address.value.query.get("times") !== "off";
  const timed = log.lines.some((line) => stampLength(line.text) > 0);
  const place = hit === undefined ? -1 : lineWith(log, hit.byte);
  const number = log.number ?? (hit === undefined || place < 0 ? undefined : hit.line - place);
  return (
    <div class="log" onKeyDown={onKey}>
      <div class="bar">
        <LogSearch path={path} show={(found) => void show(found)} />
        <label class="check">
          <input
            type="checkbox"
            checked={wrap}
            onChange={(event) => setWrap(event.currentTarget.checked)}
          />
          Wrap lines
        </label>
        <label class="check" title={timed ? undefined : "The lines shown begin with no time"}>
          <input
            type="checkbox"
            checked={times}
            disabled={!timed}
            onChange={(event) => setQuery("times", event.currentTarget.checked ? undefined : "off")}
          />
          Times
        </label>
        <a href={`/api/v1/${path}/download`} download={file}>
          Download
        </a>
        <span class="quiet">{bytes(log.size)}</span>
      </div>
      {error === undefined ? null : <Failure error={error} again={() => void more("elsewhere")} />}
      {log.size === 0 ? (
        <p class="quiet">{log.done ? "It printed nothing." : "It has printed nothing yet."}</p>
      ) : (
        <div
          class={`lines ${wrap ? "wrapped" : ""} ${number === undefined ? "" : "numbered"} ${
            times ? "" : "untimed"
          }`}
          ref={box}
          tabIndex={0}
          role="log"
          aria-live="off"
          aria-label="Log"
          style={{ counterReset: `line ${(number ?? 1) - 1}` }}
          onScroll={onScroll}
          onClick={onClick}
        >
          <LogLines lines={log.lines} hit={place} />
        </div>
      )}
      <div class="bar">
        {log.from > 0 ? <button onClick={() => void toStart()}>Start of the log</button> : null}
        {fresh > 0 ? (
          <button class="main" onClick={() => void toEnd()}>
            {count(fresh)} new {fresh === 1 ? "line" : "lines"}
          </button>
        ) : (
          <button onClick={() => void toEnd()}>End of the log</button>
        )}
        <span class="quiet" role="status">
          {log.done
            ? ""
            : following
              ? "Follows what is printed."
              : "Goes on when you are at the end."}{" "}
          {log.lines.length === LINES_MAX ? `The page holds ${count(LINES_MAX)} lines.` : ""}
        </span>
      </div>
    </div>
  );
}
