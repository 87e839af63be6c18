/* A record written by hand and sent to a topic or a stream; what is wrong is said before it is. */

import { useState } from "preact/hooks";

import { ApiError } from "../api.ts";
import type { RecordSource } from "../record-source.ts";
import { Copy } from "./copy.tsx";
import { Field } from "./field.tsx";
import { Failure } from "./region.tsx";

const KEY_CHARACTERS_MAX = 256;

function wrongJson(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch (reason) {
    return reason instanceof Error ? reason.message : String(reason);
  }
  return undefined;
}

function wrongKey(key: string): string | undefined {
  const characters = [...key].length;
  return characters >= 1 && characters <= KEY_CHARACTERS_MAX
    ? undefined
    : `A partition key has 1 to ${KEY_CHARACTERS_MAX} characters, not ${characters}.`;
}

interface Props {
  source: RecordSource;
  sent: () => void;
}

export function TestRecord({ source, sent }: Props) {
  const [text, setText] = useState('{"hello": "world"}');
  const [key, setKey] = useState("test");
  const [said, setSaid] = useState<string>();
  const [error, setError] = useState<ApiError>();
  const wrong = wrongJson(text);
  const wrongOfKey = source.hasKey ? wrongKey(key) : undefined;
  const isRight = wrong === undefined && wrongOfKey === undefined;
  const send = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    try {
      setSaid(await source.send(text, key)); // as typed: parsing it would round its numbers
      sent();
    } catch (reason) {
      if (reason instanceof ApiError) {
        setError(reason);
      }
    }
  };
  return (
    <details>
      <summary>Send a test record</summary>
      <form onSubmit={(event) => void send(event)}>
        {source.hasKey ? (
          <Field id="record-key" name="Partition key" wrong={wrongOfKey}>
            <input
              id="record-key"
              value={key}
              spellcheck={false}
              aria-invalid={wrongOfKey !== undefined}
              aria-describedby="record-key-about"
              onInput={(event) => setKey(event.currentTarget.value)}
            />
          </Field>
        ) : null}
        <Field id="record" name="Value, as JSON" wrong={wrong}>
          <textarea
            id="record"
            class="editor"
            rows={4}
            value={text}
            aria-invalid={wrong !== undefined}
            aria-describedby="record-about"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </Field>
        <div class="bar">
          <button class="main" disabled={!isRight}>
            Send
          </button>
          <span class="told" role="status">
            {said}
          </span>
        </div>
        {error === undefined ? null : <Failure error={error} />}
        {isRight ? <Copy text={source.curl(text, key)} /> : null}
      </form>
    </details>
  );
}
