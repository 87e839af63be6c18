/* The versions of a DAG's definition: the chosen one, and what changed since the one before. */

import { useGet } from "../api.ts";
import { dagPath } from "../dag-paths.ts";
import type { Dag, DagVersion, DagVersionRow } from "../dag-types.ts";
import { topicOf } from "../events.ts";
import { count, time } from "../format.ts";
import { changesOnly, lineDiff } from "../line-diff.ts";
import type { DiffLine } from "../line-diff.ts";
import { place, setQuery } from "../route.ts";
import type { Items } from "../types.ts";
import { Region } from "./region.tsx";

const VERSIONS_MAX = 1000;
const SIGNS = { same: "  ", gone: "− ", new: "+ ", gap: "" } as const;

function versionPath(dag: string, version: number): string {
  return `${dagPath(dag)}/versions/${version}`;
}

function Line({ line }: { line: DiffLine }) {
  const text =
    line.change === "gap"
      ? `⋯ ${count(Number(line.text))} ${line.text === "1" ? "line" : "lines"}`
      : `${SIGNS[line.change]}${line.text}`;
  return line.change === "gone" ? (
    <del>{text}</del>
  ) : line.change === "new" ? (
    <ins>{text}</ins>
  ) : (
    <span class={line.change === "gap" ? "quiet" : ""}>{text}</span>
  );
}

function Difference({ dag, before, after }: { dag: string; before: number; after: DagVersion }) {
  const old = useGet<DagVersion>(versionPath(dag, before));
  return (
    <>
      <h3>What changed since version {before}</h3>
      <Region of={old}>
        {(data) => (
          <pre class="source diff" tabIndex={0}>
            {changesOnly(lineDiff(data.text, after.text)).map((line, at) => (
              <Line key={at} line={line} />
            ))}
          </pre>
        )}
      </Region>
    </>
  );
}

function Chosen({ dag, version }: { dag: string; version: number }) {
  const chosen = useGet<DagVersion>(versionPath(dag, version));
  return (
    <Region of={chosen}>
      {(data) => (
        <>
          {data.before === null ? null : <Difference dag={dag} before={data.before} after={data} />}
          <h3>Version {data.version}</h3>
          <pre class="source" tabIndex={0}>
            {data.text}
          </pre>
        </>
      )}
    </Region>
  );
}

export function DagVersions({ dag }: { dag: Dag }) {
  const path = `${dagPath(dag.dag)}/versions?limit=${VERSIONS_MAX}`;
  const versions = useGet<Items<DagVersionRow>>(path, [topicOf("dag", dag.dag)]);
  const asked = Number(place.value.query.get("version") ?? dag.version_number);
  return (
    <>
      <h2>Versions</h2>
      <Region of={versions}>
        {(data) => (
          <>
            <div class="bar">
              <label for="version">Version</label>
              <select
                id="version"
                value={`${asked}`}
                onChange={(event) => setQuery("version", event.currentTarget.value)}
              >
                {data.items.some((one) => one.version === asked) ? null : (
                  <option value={`${asked}`}>{asked}</option>
                )}
                {data.items.map((one) => (
                  <option key={one.version} value={`${one.version}`}>
                    {one.version}, since {time(one.created_ms)}
                  </option>
                ))}
              </select>
            </div>
            <Chosen dag={dag.dag} version={asked} />
          </>
        )}
      </Region>
    </>
  );
}
