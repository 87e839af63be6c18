/* SQL over the tables: an editor, queries to begin from, and the answer as table and chart. */

import { useEffect, useMemo, useState } from "preact/hooks";
import type { ComponentType } from "preact";

import { useGet } from "../api.ts";
import { Outcome, useRun } from "../parts/answer.tsx";
import type { Mistake } from "../parts/editor.tsx";
import { Page } from "../parts/page.tsx";
import { PipelineQueries, QueryLists } from "../parts/query-lists.tsx";
import { draft, keepDraft, noteRun } from "../query-store.ts";
import { place, setQuery } from "../route.ts";
import type { Items, SavedQuery, SchemaTable } from "../types.ts";

type EditorProps = Parameters<typeof import("../parts/editor.tsx").Editor>[0];

export function QueryPage() {
  const linked = place.value.query.get("sql");
  const [text, setText] = useState(linked ?? draft());
  const [Editor, setEditor] = useState<ComponentType<EditorProps>>();
  const schema = useGet<Items<SchemaTable>>("schema", ["definition"]);
  const saved = useGet<Items<SavedQuery>>("pipeline/queries", ["definition"]);
  const { run, start, cancel } = useRun(linked);
  const [looked, setLooked] = useState(false); // for the editor; without it, a plain field stays
  /* Until what stands above them is drawn, buttons would move away under the reader's click. */
  const settled = looked && (saved.data !== undefined || saved.error !== undefined);

  useEffect(() => {
    void import("../parts/editor.tsx")
      .then(
        (module) => setEditor(() => module.Editor),
        () => undefined,
      )
      .then(() => setLooked(true));
  }, []);
  const change = (sql: string) => {
    setText(sql);
    keepDraft(sql);
    if (linked !== null && sql !== linked) {
      setQuery("sql", undefined); // else a reload would lose the change
    }
  };
  const begin = (sql: string) => {
    noteRun(sql);
    void start(sql);
  };
  /* A link to a query that is followed from this page, such as one that Ctrl-K found. */
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
      fault?.position === undefined || (run.query !== undefined && run.query.sql !== text)
        ? undefined
        : { byte: fault.position.byte, message: fault.message },
    [fault, text],
  );
  const share = () => {
    setQuery("sql", text);
    void navigator.clipboard.writeText(location.href);
  };
  return (
    <Page title="Query">
      <PipelineQueries saved={saved} choose={change} />
      <div class="query-page">
        <div class="query-work">
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
              onRun={(part) => begin(part ?? text)}
              onCancel={cancel}
            />
          )}
          {settled ? (
            <div class="bar">
              <button class="main" disabled={text.trim() === ""} onClick={() => begin(text)}>
                Run
              </button>
              <button disabled={text.trim() === ""} onClick={share}>
                Copy a link
              </button>
              <span class="quiet">Ctrl-Enter runs it; Esc, then Tab leaves the editor</span>
            </div>
          ) : null}
          <Outcome run={run} cancel={cancel} />
        </div>
        <QueryLists schema={schema} text={text} choose={change} />
      </div>
    </Page>
  );
}
