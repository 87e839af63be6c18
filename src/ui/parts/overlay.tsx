/* What shortcuts open over the page: the search over everything, and the list of shortcuts. */

import { useEffect, useState } from "preact/hooks";

import { get } from "../api.ts";
import { overlay, PLACES, PRESSED, singleKeys, switchSingleKeys } from "../keys.ts";
import { ownQueries } from "../query-store.ts";
import { go, href } from "../route.ts";
import type { Items, SavedQuery, TableRow, TopicRow } from "../types.ts";
import { Dialog } from "./dialog.tsx";

interface Found {
  kind: string;
  name: string;
  to: string;
}

const SHOWN_MAX = 12;
const RUNS = 50;

const close = () => {
  overlay.value = "none";
};

/* --- the search ------------------------------------------------------------------------------ */

const PAGES: Found[] = PLACES.map(([, name, segment]) => ({
  kind: "page",
  name,
  to: href(segment === "" ? [] : [segment]),
}));

/* What a list gives; one that cannot be had is left out. */
async function named<T>(path: string, found: (row: T) => Found): Promise<Found[]> {
  try {
    return (await get<Items<T>>(path)).items.map(found);
  } catch {
    return [];
  }
}

async function streams(): Promise<Found[]> {
  try {
    return (await get<{ names: string[] }>("streams/names")).names.map((name) => ({
      kind: "stream",
      name,
      to: href(["streams", name]),
    }));
  } catch {
    return [];
  }
}

async function everything(): Promise<Found[]> {
  const lists = await Promise.all([
    named<{ dag: string }>("dags", ({ dag }) => ({
      kind: "DAG",
      name: dag,
      to: href(["dags", dag]),
    })),
    named<TableRow>("tables", ({ table }) => ({
      kind: "table",
      name: table,
      to: href(["tables", table]),
    })),
    named<SavedQuery>("pipeline/queries", ({ query, sql }) => ({
      kind: "query",
      name: query,
      to: href(["query"], { sql }),
    })),
    named<TopicRow>("topics", ({ topic }) => ({
      kind: "topic",
      name: topic,
      to: href(["topics", topic]),
    })),
    streams(),
    named<{ dag: string; run: string }>(`runs?limit=${RUNS}`, ({ dag, run }) => ({
      kind: "run",
      name: `${dag} ${run}`,
      to: href(["dags", dag, "runs", run]),
    })),
  ]);
  const own = ownQueries.value.map(({ name, sql }) => ({
    kind: "own query",
    name,
    to: href(["query"], { sql }),
  }));
  return [...PAGES, ...own, ...lists.flat()];
}

function Palette() {
  const [all, setAll] = useState(PAGES);
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const [loaded, setLoaded] = useState(false);
  const [entered, setEntered] = useState(false); // before the names were there
  useEffect(() => {
    let gone = false;
    void everything().then((found) => {
      if (!gone) {
        setAll(found);
        setLoaded(true);
      }
    });
    return () => {
      gone = true;
    };
  }, []);
  const words = typed.toLowerCase().split(/\s+/);
  const found = all
    .filter(({ kind, name }) =>
      words.every((word) => `${kind} ${name}`.toLowerCase().includes(word)),
    )
    .slice(0, SHOWN_MAX);
  const chosen = Math.min(at, found.length - 1);
  const open = (one: Found | undefined) => {
    if (one !== undefined) {
      close();
      go(one.to);
    }
  };
  useEffect(() => {
    if (entered && loaded) {
      setEntered(false);
      open(found[chosen]);
    }
  }, [entered, loaded]);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && found.length > 0) {
      event.preventDefault();
      setAt((chosen + step + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      setEntered(true);
    }
  };
  return (
    <Dialog title="Go to" close={close}>
      <input
        type="text"
        class="palette"
        role="combobox"
        aria-label="DAG, run, table, query, topic, stream or page"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={chosen >= 0 ? `palette-${chosen}` : undefined}
        autoFocus
        value={typed}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul id="palette-list" class="palette" role="listbox" aria-label="Found">
        {found.map((one, place) => (
          <li
            key={one.to}
            id={`palette-${place}`}
            role="option"
            aria-selected={place === chosen}
            onClick={() => open(one)}
          >
            <span class="quiet">{one.kind}</span> {one.name}
          </li>
        ))}
      </ul>
      {found.length === 0 ? <p class="quiet">Nothing is called that.</p> : null}
    </Dialog>
  );
}

/* --- the list of shortcuts -------------------------------------------------------------------- */

function Help() {
  const keys: [string, string][] = [
    ["Ctrl K", "go to a DAG, run, table, query, topic, stream or page"],
    ["/", "filter the list"],
    ["j", "the next row"],
    ["k", "the row before"],
    [".", "pause the updates, or have them go on"],
    ["?", "this list"],
    ...PRESSED.map(([key, words]): [string, string] => [key, words]),
    ["f", "in a log: follow its end"],
    ["n N", "in a log: the next hit, the hit before"],
    ["g G", "in a log: its start, its end"],
    ["Ctrl Enter", "run the query"],
    ["Ctrl Shift Enter", "run what is selected in the query"],
    ["Alt C", "cancel the query"],
    ["Esc Tab", "leave the editor"],
    ...PLACES.map(([letter, name]): [string, string] => [`g ${letter}`, name]),
  ];
  return (
    <Dialog title="Shortcuts" close={close}>
      <dl class="keys">
        {keys.map(([key, words]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <label>
        <input type="checkbox" checked={singleKeys.value} onChange={switchSingleKeys} /> Single keys
        are shortcuts
      </label>
      <div class="bar">
        <button onClick={close}>Close</button>
      </div>
    </Dialog>
  );
}

export function Overlay() {
  switch (overlay.value) {
    case "palette":
      return <Palette />;
    case "help":
      return <Help />;
    case "none":
      return null;
  }
}
