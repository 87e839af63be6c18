/* A part of a page that shows an answer of the server: loading, empty, an error, or the data. */

import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import type { ApiError, Loaded } from "../api.ts";
import { time } from "../format.ts";
import { Copy } from "./copy.tsx";

/* Nothing for the first 150 ms, so that a quick answer does not flicker. */
function Skeleton() {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return shown ? (
    <div class="skeleton" role="status">
      <span class="hidden">Loading</span>
    </div>
  ) : null;
}

export function Failure({ error, again }: { error: ApiError; again?: () => void }) {
  return (
    <div class="notice danger" role="alert">
      <p>
        <strong>{error.message}</strong>
        {error.hint === undefined ? null : ` ${error.hint}`}
      </p>
      {again === undefined ? null : <button onClick={again}>Try again</button>}
    </div>
  );
}

/* What a region shows when there is nothing yet: the next step, and a command to copy. */
export function Empty({ children, command }: { children: ComponentChildren; command?: string }) {
  return (
    <div class="notice">
      <p>{children}</p>
      {command === undefined ? null : <Copy text={command} />}
    </div>
  );
}

export function Region<T>({
  of,
  children,
}: {
  of: Loaded<T>;
  children: (data: T) => ComponentChildren;
}) {
  if (of.data === undefined) {
    return of.error === undefined ? <Skeleton /> : <Failure error={of.error} again={of.again} />;
  }
  return (
    <>
      {of.error === undefined ? null : (
        <div class="notice warn" role="status">
          <p>
            {of.error.message} What is shown is as of {time(of.atMs ?? 0)}.
          </p>
          <button onClick={of.again}>Try again</button>
        </div>
      )}
      {children(of.data)}
    </>
  );
}
