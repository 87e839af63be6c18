/* A field of a form: its name above it, and what is wrong with it, or what it is for, below. */

import type { ComponentChildren } from "preact";

import { zone } from "../format.ts";

interface Props {
  id: string;
  name: string;
  wrong?: string;
  hint?: ComponentChildren;
  children: ComponentChildren; // the control, with the same id
}

export function Field({ id, name, wrong, hint, children }: Props) {
  return (
    <div class="field">
      <label for={id}>{name}</label>
      {children}
      <span id={`${id}-about`} class={wrong === undefined ? "quiet" : "wrong"} role="status">
        {wrong ?? hint}
      </span>
    </div>
  );
}

/* What is wrong with a control in a line with others, which has aria-describedby={id}. */
export function Mistake({ id, of }: { id: string; of?: string }) {
  return (
    <span id={id} class="wrong" aria-live="polite">
      {of}
    </span>
  );
}

interface MomentProps {
  id: string;
  name: string;
  value: string;
  set: (value: string) => void;
  required?: boolean;
  wrong?: string;
}

/* A moment in the zone that the reader has chosen, which stands beside it. */
export function Moment({ id, name, value, set, required, wrong }: MomentProps) {
  const where = zone.value === "UTC" ? "in UTC" : "in your local time";
  return (
    <Field id={id} name={name} hint={where} wrong={wrong}>
      <input
        id={id}
        type="datetime-local"
        step="1"
        value={value}
        required={required}
        aria-invalid={wrong !== undefined}
        aria-describedby={`${id}-about`}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </Field>
  );
}
