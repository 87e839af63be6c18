/* Where a table's rows come from, what makes it, and what reads it: three lists, in the order that
 * the rows take. */

import { useGet } from "../api.ts";
import { href } from "../route.ts";
import type { Items, LineageRow, SavedQuery } from "../types.ts";
import { Region } from "./region.tsx";

const SIDES: { side: LineageRow["side"]; title: string; none: string }[] = [
  { side: "before", title: "Made from", none: "Nothing of this pipeline." },
  { side: "by", title: "Made by", none: "A stream, or nothing." },
  { side: "after", title: "Read by", none: "No table and no query." },
];

type Queries = Map<string, string>; // from a name to the SQL

/* Names with a star are patterns, for many topics or streams. */
function target({ kind, name }: LineageRow, queries: Queries): string | undefined {
  switch (kind) {
    case "table":
      return href(["tables", name]);
    case "query":
      return href(["query"], { sql: queries.get(name) });
    case "task":
      return href(["dags", name.slice(0, name.indexOf("/"))]);
    default:
      return name.includes("*") ? undefined : href([`${kind}s`, name]);
  }
}

function Name({ row, queries }: { row: LineageRow; queries: Queries }) {
  const to = target(row, queries);
  return to === undefined ? <code>{row.name}</code> : <a href={to}>{row.name}</a>;
}

export function Lineage({ path }: { path: string }) {
  const lineage = useGet<Items<LineageRow>>(`${path}/lineage`, ["definition"]);
  const saved = useGet<Items<SavedQuery>>("pipeline/queries", ["definition"]);
  const queries = new Map(saved.data?.items.map(({ query, sql }) => [query, sql]));
  return (
    <Region of={lineage}>
      {({ items }) => (
        <div class="lineage">
          {SIDES.map(({ side, title, none }) => {
            const rows = items.filter((row) => row.side === side);
            return (
              <section key={side}>
                <h2>{title}</h2>
                {rows.length === 0 ? <p class="quiet">{none}</p> : null}
                <ul>
                  {rows.map((row) => (
                    <li key={`${row.kind} ${row.name}`}>
                      <span class="quiet">{row.kind}</span> <Name row={row} queries={queries} />
                      {row.steps > 1 ? <span class="quiet">, {row.steps} steps away</span> : null}
                    </li>
                  ))}
                </ul>
              </section>
            );
          })}
        </div>
      )}
    </Region>
  );
}
