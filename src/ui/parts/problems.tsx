/* The lists of /health that hold something, each entry with its facts. */

import type { Health } from "../types.ts";

/* What each list of /health holds, and where to look. */
const WORDS: Record<string, string> = {
  failed_partitions: "Partitions that take no more records",
  closed: "Closed, because the disk failed",
  unreachable_log: "No broker of the log answers",
  stalled_landings: "Partitions whose records do not land in the store",
  unreadable_tables: "Tables that cannot be read",
  stalled_tables: "Stream tables that do not fill",
  unread_keys: "Records whose partition key no table takes",
  unknown_members: "Members of records that no column takes",
  unread: "Topics and streams that no table reads",
};

function Entry({ of }: { of: unknown }) {
  if (typeof of !== "object" || of === null) {
    return <>{String(of)}</>;
  }
  return (
    <>
      {Object.entries(of).map(([name, value]) => (
        <span key={name} class="fact">
          <span class="quiet">{name.replaceAll("_", " ")}</span>{" "}
          {typeof value === "object" ? JSON.stringify(value) : String(value)}
        </span>
      ))}
    </>
  );
}

export function Problems({ health }: { health: Health }) {
  return (
    <ProblemLists
      of={Object.entries(health).filter(([, list]) => Array.isArray(list) && list.length > 0)}
    />
  );
}

export function ProblemLists({ of: lists }: { of: [string, unknown][] }) {
  if (lists.length === 0) {
    return <p>Nothing is wrong: every list of /health is empty.</p>;
  }
  return (
    <>
      {lists.map(([name, list]) => (
        <section key={name}>
          <h2>{WORDS[name] ?? name.replaceAll("_", " ")}</h2>
          <ul class="problems">
            {(list as unknown[]).map((entry, at) => (
              <li key={at}>
                <Entry of={entry} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}
