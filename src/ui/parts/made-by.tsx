import { runHref, taskHref } from "../dag-paths.ts";
import { href } from "../route.ts";
import type { Made } from "../types.ts";

/* What made a commit or a dead letter, with a link to it; the program, where it is not ours. */
export function MadeBy({ of: { made_by, maker } }: { of: Made }) {
  if (maker?.dag !== undefined && maker.run !== undefined && maker.task !== undefined) {
    return (
      <span class="wrap">
        <a href={taskHref(maker.dag, maker.run, maker.task, maker.try)}>{maker.task}</a>{" "}
        <span class="quiet">of</span> <a href={runHref(maker.dag, maker.run)}>{maker.run}</a>
      </span>
    );
  }
  if (maker?.stream !== undefined) {
    return <a href={href(["streams", maker.stream])}>stream {maker.stream}</a>;
  }
  if (maker?.command !== undefined) {
    return <code>{maker.command}</code>;
  }
  if (maker?.job !== undefined) {
    return <a href={href(["jobs"])}>{made_by || `job ${maker.job}`}</a>;
  }
  return <>{made_by || "–"}</>;
}
