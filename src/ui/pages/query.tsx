/* SQL over the tables: an editor, the pipeline's own queries, and the answer as table and chart. */

import { useEffect, useMemo, useState } from "preact/hooks";
import type { ComponentType } from "preact";

import { useGet } from "../api.ts";
import { Outcome, useRun } from "../parts/answer.tsx";
import type { Mistake } from "../parts/editor.tsx";
import { Page } from "../parts/page.tsx";
import { Region } from "../parts/region.tsx";
import { place, setQuery } from "../route.ts";
import type { Items, SavedQuery, SchemaTable } from "../types.ts";

const DRAFT = "pinion-sql";

type EditorProps = Parameters<typeof import("../parts/editor.tsx").Editor>[0];

/* --- the page -------------------------------------------------------------------------------- */

function Saved({ choose }: { choose: (sql: string) => void }) {
  const saved = useGet<Items<SavedQuery>>("pipeline/queries");
  return (
    <Region of={saved}>
      {({ items }) =>
        items.length === 0 ? null : (
          <details class="saved" open>
            <summary>Queries of the pipeline</summary>
            <ul>
              {items.map((one) => (
                <li key={one.query}>
                  <button onClick={() => choose(one.sql)}>{one.query.replaceAll("_", " ")}</button>
                </li>
              ))}
            </ul>
          </details>
        )
      }
    </Region>
  );
}

export function QueryPage() {
  const [text, setText] = useState(
    place.value.query.get("sql") ?? localStorage.getItem(DRAFT) ?? "",
  );
  const [Editor, setEditor] = useState<ComponentType<EditorProps>>();
  const schema = useGet<Items<SchemaTable>>("schema");
  const { run, start, cancel } = useRun();

  useEffect(() => {
    void import("../parts/editor.tsx").then((module) => setEditor(() => module.Editor));
  }, []);
  const change = (sql: string) => {
    setText(sql);
    localStorage.setItem(DRAFT, sql);
  };
  /* A link to a query that is followed from this page, such as one that Ctrl-K found. */
  const linked = place.value.query.get("sql");
  useEffect(() => {
    if (linked !== null) {
      change(linked);
    }
  }, [linked]);
  const tables = useMemo(
    () =>
      Object.fromEntries(
        (schema.data?.items ?? []).map((one) => [
          one.table,
          (one.columns ?? []).map((c) => c.column),
        ]),
      ),
    [schema.data],
  );
  const fault = run.error ?? run.query?.error ?? undefined;
  const mistake = useMemo<Mistake | undefined>(
    () =>
      fault?.position === undefined
        ? undefined
        : { byte: fault.position.byte, message: fault.message },
    [fault],
  );
  const share = () => {
    setQuery("sql", text);
    void navigator.clipboard.writeText(location.href);
  };
  return (
    <Page title="Query">
      <Saved choose={change} />
      {Editor === undefined ? (
        <textarea
          class="editor"
          aria-label="SQL"
          value={text}
          onInput={(event) => change(event.currentTarget.value)}
        />
      ) : (
        <Editor
          text={text}
          tables={tables}
          mistake={mistake}
          onChange={change}
          onRun={(part) => void start(part ?? text)}
          onCancel={cancel}
        />
      )}
      <div class="bar">
        <button class="main" disabled={text.trim() === ""} onClick={() => void start(text)}>
          Run
        </button>
        <button disabled={text.trim() === ""} onClick={share}>
          Copy a link
        </button>
        <span class="quiet">Ctrl-Enter runs it; Esc, then Tab leaves the editor</span>
      </div>
      <Outcome run={run} cancel={cancel} chart />
    </Page>
  );
}
