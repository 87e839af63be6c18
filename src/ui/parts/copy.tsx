/* A line of code with a button that copies it. */

import { useState } from "preact/hooks";

export function Copy({ text }: { text: string }) {
  const [said, setSaid] = useState("Copy");
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setSaid("Copied"),
      () => setSaid("Select it and press Ctrl-C"),
    );
  };
  return (
    <div class="copy">
      <code tabIndex={0}>{text}</code>
      <button onClick={copy} aria-live="polite">
        {said}
      </button>
    </div>
  );
}
