/* Asks before something that cannot be undone; many things at once ask for their number, too. */

import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { Dialog, useAction } from "./dialog.tsx";
import { Field } from "./field.tsx";
import { Failure } from "./region.tsx";

const UNTYPED_MAX = 20;

interface Props {
  title: string;
  verb: string; // of the button
  count?: number; // how many things it concerns
  act: () => Promise<unknown>;
  close: () => void;
  done: () => void;
  children: ComponentChildren;
}

export function Confirm({ title, verb, count = 1, act, close, done, children }: Props) {
  const [typed, setTyped] = useState("");
  const action = useAction();
  const asks = count > UNTYPED_MAX;
  const start = async () => {
    if (await action.act(act)) {
      close();
      done();
    }
  };
  return (
    <Dialog title={title} close={close}>
      {children}
      {asks ? (
        <Field id="typed" name={`Type ${count} to go on`}>
          <input
            id="typed"
            inputMode="numeric"
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </Field>
      ) : null}
      {action.error === undefined ? null : <Failure error={action.error} />}
      <div class="bar end">
        <button type="button" onClick={close} autofocus>
          Cancel
        </button>
        <button
          class="main"
          disabled={action.busy || (asks && typed !== `${count}`)}
          onClick={() => void start()}
        >
          {verb}
        </button>
      </div>
    </Dialog>
  );
}
