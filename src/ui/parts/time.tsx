/* A moment, as people say it, with the exact time as its title. */

import { ago, time } from "../format.ts";

export function Ago({ ms }: { ms: number | null | undefined }) {
  if (ms === null || ms === undefined) {
    return <>–</>;
  }
  return (
    <time dateTime={new Date(ms).toISOString()} title={time(ms)}>
      {ago(ms)}
    </time>
  );
}

export function At({ ms }: { ms: number | null | undefined }) {
  return ms === null || ms === undefined ? (
    <>–</>
  ) : (
    <time dateTime={new Date(ms).toISOString()}>{time(ms)}</time>
  );
}
