/* A state: its word, beside a glyph that differs from all others in shape, fill and colour. */

import { words } from "../states.ts";

/* The shape and the colour are those of its class, in states.css. */
export function Glyph({ state }: { state: string }) {
  return <span class={`glyph is-${state}`} aria-hidden="true" />;
}

export function State({ state }: { state: string }) {
  return (
    <span class="state">
      <Glyph state={state} />
      {words(state)}
    </span>
  );
}
