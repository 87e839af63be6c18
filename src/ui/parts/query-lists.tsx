/* What a query can begin from: the pipeline's queries, own ones, what was run, and the tables. */

import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import type { Loaded } from "../api.ts";
import { forgetQuery, ownQueries, ran, saveQuery } from "../query-store.ts";
import type { Items, SavedQuery, SchemaTable } from "../types.ts";
import { Region } from "./region.tsx";
import { Ago } from "./time.tsx";

const ROWS = 100; // of a table that is looked at
const SHOWN_MAX = 120; // characters of a query that was run

type Choose = (sql: string) => void;

function Part({
  name,
  open,
  children,
}: {
  name: string;
  open?: boolean;
  children: ComponentChildren;
}) {
  return (
    <details open={open}>
      <summary>{name}</summary>
      {children}
    </details>
  );
}

interface PipelineQueriesProps {
  saved: Loaded<Items<SavedQuery>>;
  choose: Choose;
}

export function PipelineQueries({ saved, choose }: PipelineQueriesProps) {
  return (
    <Region of={saved}>
      {({ items }) =>
        items.length === 0 ? null : (
          <details class="saved" open>
            <summary>Queries of the pipeline</summary>
            <ul>
              {items.map((one) => (
                <li key={one.query}>
                  <button title={one.description ?? undefined} onClick={() => choose(one.sql)}>
                    {one.query.replaceAll("_", " ")}
                  </button>
                </li>
              ))}
            </ul>
          </details>
        )
      }
    </Region>
  );
}

/* Kept in this browser, under a name. */
function Own({ text, choose }: { text: string; choose: Choose }) {
  const [name, setName] = useState("");
  const save = (event: Event) => {
    event.preventDefault();
    saveQuery(name.trim(), text);
    setName("");
  };
  const replaces = ownQueries.value.some((one) => one.name === name.trim());
  return (
    <Part name={`Own queries (${ownQueries.value.length})`}>
      <ul class="entries">
        {ownQueries.value.map((one) => (
          <li key={one.name}>
            <button class="entry" onClick={() => choose(one.sql)}>
              {one.name}
            </button>
            <button class="small" onClick={() => forgetQuery(one.name)}>
              Forget<span class="hidden"> {one.name}</span>
            </button>
          </li>
        ))}
      </ul>
      <form class="bar" onSubmit={save}>
        <input
          aria-label="Name of the query"
          placeholder="Name"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button disabled={name.trim() === "" || text.trim() === ""}>
          {replaces ? "Replace" : "Save"}
        </button>
      </form>
      <p class="quiet">They are kept in this browser.</p>
    </Part>
  );
}

function History({ choose }: { choose: Choose }) {
  return ran.value.length === 0 ? null : (
    <Part name={`History (${ran.value.length})`}>
      <ul class="entries">
        {ran.value.map((one) => (
          <li key={one.at_ms}>
            <button class="entry" title={one.sql} onClick={() => choose(one.sql)}>
              <code>{one.sql.slice(0, SHOWN_MAX)}</code>
              <span class="quiet">
                <Ago ms={one.at_ms} />
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Tables({ schema, choose }: { schema: Loaded<Items<SchemaTable>>; choose: Choose }) {
  return (
    <Part name="Tables" open={window.innerWidth > 900}>
      <Region of={schema}>
        {({ items }) => (
          <ul class="entries">
            {items.map(({ table, columns }) => (
              <li key={table}>
                <details>
                  <summary>
                    <code>{table}</code>
                  </summary>
                  <button
                    class="small"
                    onClick={() => choose(`SELECT * FROM "${table}" LIMIT ${ROWS}`)}
                  >
                    First rows<span class="hidden"> of {table}</span>
                  </button>
                  <ul class="columns">
                    {(columns ?? []).map(({ column, type }) => (
                      <li key={column}>
                        <code>{column}</code> <span class="quiet">{type.toLowerCase()}</span>
                      </li>
                    ))}
                  </ul>
                </details>
              </li>
            ))}
          </ul>
        )}
      </Region>
    </Part>
  );
}

interface Props {
  schema: Loaded<Items<SchemaTable>>;
  text: string; // in the editor
  choose: Choose; // a text that replaces it; the editor can undo that
}

export function QueryLists({ schema, text, choose }: Props) {
  return (
    <aside class="query-lists" aria-label="Queries and tables">
      <Tables schema={schema} choose={choose} />
      <Own text={text} choose={choose} />
      <History choose={choose} />
    </aside>
  );
}
