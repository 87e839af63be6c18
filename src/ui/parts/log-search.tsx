/* Looks for a text in a whole log: the server does, so a hit need not be in the page. */

import { useEffect, useRef, useState } from "preact/hooks";

import { byteOfLine, searchLog } from "../log-reader.ts";
import type { Hit } from "../log-reader.ts";
import { place, setQuery } from "../route.ts";
import { useAction } from "./dialog.tsx";
import { Failure } from "./region.tsx";

export interface Search {
  hits: Hit[];
  next: number | null;
  at: number; // the hit that is shown; -1: none
}

interface Props {
  path: string;
  show: (hit: Hit) => void;
}

function words(found: Search | undefined): string {
  if (found === undefined) {
    return "";
  }
  const more = found.next === null ? "" : "+";
  return found.hits.length === 0
    ? found.next === null
      ? "not found"
      : "not found so far"
    : `${found.at + 1} of ${found.hits.length}${more}`;
}

export function LogSearch({ path, show }: Props) {
  const [text, setText] = useState(place.value.query.get("find") ?? "");
  const [found, setFound] = useState<Search>();
  const sought = useRef("");
  const { error, act } = useAction();

  const goTo = (search: Search, at: number) => {
    const hit = search.hits[at];
    setFound({ ...search, at: hit === undefined ? -1 : at });
    if (hit !== undefined) {
      show(hit);
    }
  };
  const begin = async () => {
    sought.current = text;
    setQuery("find", text);
    setFound(undefined);
    if (text !== "") {
      const { hits, next } = await searchLog(path, text, 0);
      goTo({ hits, next, at: -1 }, 0);
    }
  };
  const forward = async () => {
    if (found === undefined || sought.current !== text) {
      return begin();
    }
    if (found.at + 1 < found.hits.length) {
      goTo(found, found.at + 1);
    } else if (found.next !== null) {
      const { hits, next } = await searchLog(path, text, found.next);
      goTo({ hits: [...found.hits, ...hits], next, at: found.at }, found.at + 1);
    } else {
      goTo(found, 0);
    }
    return undefined;
  };
  useEffect(() => {
    if (text !== "") {
      void act(begin); // the address names it
    }
  }, [path]);
  const back = () => {
    if (found !== undefined && found.hits.length > 0) {
      goTo(found, found.at > 0 ? found.at - 1 : found.hits.length - 1);
    }
  };
  return (
    <form
      class="bar"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        void act(forward);
      }}
    >
      <input
        type="search"
        id="find"
        placeholder="Find in the log"
        aria-label="Find in the log"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button data-key="n">Next</button>
      <button type="button" data-key="N" onClick={back} disabled={found === undefined}>
        Previous
      </button>
      <span class="quiet" role="status">
        {words(found)}
      </span>
      {error === undefined ? null : <Failure error={error} />}
    </form>
  );
}

/* The line that the address names by #L120. */
export function lineOfHash(): number | undefined {
  const found = /^#L(\d{1,12})$/.exec(location.hash);
  return found === null ? undefined : Number(found[1]);
}

export async function hitOfLine(path: string, line: number): Promise<Hit | undefined> {
  const byte = await byteOfLine(path, line);
  return byte === undefined ? undefined : { byte, line };
}
