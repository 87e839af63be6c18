/* A form that makes a topic. */

import { useState } from "preact/hooks";

import { post } from "../api.ts";
import { topicMistake } from "../mistakes.ts";
import { go, href } from "../route.ts";
import { Dialog, useAction } from "./dialog.tsx";
import { Field } from "./field.tsx";
import { Failure } from "./region.tsx";

const DAY_MS = 86_400_000;

/* Makes a topic before its first record would, with settings of its own. */
export function NewTopic({ close }: { close: () => void }) {
  const [name, setName] = useState("");
  const [partitions, setPartitions] = useState("1");
  const [days, setDays] = useState("");
  const { busy, error, act } = useAction();
  const wrongName = topicMistake(name);
  const make = async (event: Event) => {
    event.preventDefault();
    await act(async () => {
      await post(`topics/${encodeURIComponent(name)}`, {
        partitions: Number(partitions),
        ...(days === "" ? {} : { retention_ms: Number(days) * DAY_MS }),
      });
      go(href(["topics", name]));
    });
  };
  return (
    <Dialog title="Create a topic" close={close}>
      <form onSubmit={(event) => void make(event)}>
        <Field id="topic-name" name="Name" wrong={wrongName}>
          <input
            id="topic-name"
            value={name}
            required
            spellcheck={false}
            aria-invalid={wrongName !== undefined}
            aria-describedby="topic-name-about"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </Field>
        <Field id="topic-partitions" name="Partitions">
          <input
            id="topic-partitions"
            type="number"
            min="1"
            max="1024"
            required
            value={partitions}
            onInput={(event) => setPartitions(event.currentTarget.value)}
          />
        </Field>
        <Field
          id="topic-days"
          name="Records are kept for"
          hint="Days; empty: as the log keeps them."
        >
          <input
            id="topic-days"
            type="number"
            min="1"
            max="36500"
            value={days}
            aria-describedby="topic-days-about"
            onInput={(event) => setDays(event.currentTarget.value)}
          />
        </Field>
        {error === undefined ? null : <Failure error={error} />}
        <div class="bar end">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button class="main" disabled={busy || name === "" || wrongName !== undefined}>
            Create
          </button>
        </div>
      </form>
    </Dialog>
  );
}
