/* Starts a run of a DAG: with a configuration, an id, a logical date and a note, all optional. */

import { useEffect, useState } from "preact/hooks";

import { get, getReply, Json, post } from "../api.ts";
import { runHref, runPath } from "../dag-paths.ts";
import type { Run, Runs } from "../dag-types.ts";
import { memberText, objectMistake } from "../exact.ts";
import { fieldMoment } from "../format.ts";
import { confMistake, noteMistake, runIdMistake } from "../mistakes.ts";
import { go } from "../route.ts";
import { Dialog, useAction } from "./dialog.tsx";
import { Field, Moment } from "./field.tsx";
import { Failure } from "./region.tsx";

const LAST_CONFS = 10;
const SHOWN_MAX = 80; // characters of an earlier configuration

/* The configurations of the last runs by hand, each once, as they were given. */
async function lastConfs(dag: string): Promise<string[]> {
  const query = `dag=${encodeURIComponent(dag)}&type=manual&limit=${LAST_CONFS}`;
  const { items } = await get<Runs>(`runs?${query}`);
  const texts = await Promise.all(
    items.map(async ({ run }) => {
      const reply = await getReply(runPath(dag, run));
      return memberText(await reply.text(), "conf") ?? "{}";
    }),
  );
  return [...new Set(texts)].filter((text) => text !== "{}");
}

function LastConfs({ dag, choose }: { dag: string; choose: (conf: string) => void }) {
  const [confs, setConfs] = useState<string[]>([]);
  useEffect(() => {
    lastConfs(dag).then(setConfs, () => setConfs([])); // without them the field is still there
  }, [dag]);
  return confs.length === 0 ? null : (
    <Field id="last-conf" name="An earlier configuration">
      <select id="last-conf" onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">Choose one</option>
        {confs.map((conf) => (
          <option key={conf} value={conf}>
            {conf.length > SHOWN_MAX ? `${conf.slice(0, SHOWN_MAX)}…` : conf}
          </option>
        ))}
      </select>
    </Field>
  );
}

/* The body of the request; the configuration stays as it was typed. */
function bodyOf(conf: string, rest: Record<string, unknown>): Json {
  const text = JSON.stringify(rest);
  return new Json(text === "{}" ? `{"conf":${conf}}` : `${text.slice(0, -1)},"conf":${conf}}`);
}

export function Trigger({ dag, close }: { dag: string; close: () => void }) {
  const [conf, setConf] = useState("{}");
  const [run, setRun] = useState("");
  const [moment, setMoment] = useState("");
  const [note, setNote] = useState("");
  const { busy, error, act } = useAction();
  const mistake = objectMistake(conf);
  const wrongConf =
    mistake === undefined
      ? confMistake(conf)
      : `Line ${mistake.line}, column ${mistake.column}: ${mistake.message}`;
  const wrongRun = runIdMistake(run);
  const wrongNote = noteMistake(note);
  const isWrong = [wrongConf, wrongRun, wrongNote].some((wrong) => wrong !== undefined);
  const start = async (event: Event) => {
    event.preventDefault();
    const rest = {
      run: run === "" ? undefined : run,
      logical_ms: fieldMoment(moment),
      note: note === "" ? undefined : note,
    };
    await act(async () => {
      const made = await post<Run>(`runs/${encodeURIComponent(dag)}`, bodyOf(conf, rest));
      close();
      go(runHref(dag, made.run));
    });
  };
  return (
    <Dialog title={`Trigger ${dag}`} close={close}>
      <form onSubmit={(event) => void start(event)}>
        <Field
          id="conf"
          name="Configuration, a JSON object"
          hint="Tasks read it from PINION_CONF."
          wrong={wrongConf}
        >
          <textarea
            id="conf"
            class="editor"
            rows={4}
            spellcheck={false}
            value={conf}
            aria-invalid={wrongConf !== undefined}
            aria-describedby="conf-about"
            onInput={(event) => setConf(event.currentTarget.value)}
          />
        </Field>
        <LastConfs dag={dag} choose={(text) => setConf(text === "" ? "{}" : text)} />
        <Field
          id="run-id"
          name="Run id"
          hint="Made from the time when it is empty."
          wrong={wrongRun}
        >
          <input
            id="run-id"
            value={run}
            spellcheck={false}
            aria-invalid={wrongRun !== undefined}
            aria-describedby="run-id-about"
            onInput={(event) => setRun(event.currentTarget.value)}
          />
        </Field>
        <Moment id="logical" name="Logical date" value={moment} set={setMoment} />
        <Field id="note" name="Note" wrong={wrongNote}>
          <input
            id="note"
            value={note}
            aria-invalid={wrongNote !== undefined}
            aria-describedby="note-about"
            onInput={(event) => setNote(event.currentTarget.value)}
          />
        </Field>
        {error === undefined ? null : <Failure error={error} />}
        <div class="bar end">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button class="main" disabled={busy || isWrong} autofocus>
            Trigger
          </button>
        </div>
      </form>
    </Dialog>
  );
}
