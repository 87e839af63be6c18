/*
 * A list that may be too long to fetch: the server filters and sorts it, and sends it by pages. As
 * with the other lists (list.tsx), all of it is in the URL.
 */

import { useRef } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { useGet } from "../api.ts";
import type { Loaded } from "../api.ts";
import { count } from "../format.ts";
import { place, setQuery } from "../route.ts";
import type { Items } from "../types.ts";
import { Filter, NoMatch, orderOf, Table } from "./list.tsx";
import type { Column } from "./list.tsx";
import { Region } from "./region.tsx";

const PAGE_ROWS = 50;

export interface ServerColumn<T> extends Omit<Column<T>, "sort"> {
  sort?: string; // what the server calls it; none: the column does not sort
}

interface Props<T> {
  path: string; // of the GET, without its query
  topics?: string[]; // see useGet()
  caption: string;
  columns: ServerColumn<T>[];
  empty: ComponentChildren; // shown instead, when there are no rows at all
}

/* What the URL asks for, as the server's parameters. */
function questionOf<T>(columns: ServerColumn<T>[]): URLSearchParams {
  const { query } = place.value;
  const asked = new URLSearchParams({ limit: `${PAGE_ROWS}` });
  const { by, down } = orderOf(query);
  const sort = columns.find((column) => column.name === by)?.sort;
  const filter = query.get("filter")?.trim() ?? "";
  const cursor = query.get("cursor") ?? "";
  if (filter !== "") {
    asked.set("q", filter);
  }
  if (sort !== undefined) {
    asked.set("sort", down ? `-${sort}` : sort);
  }
  if (cursor !== "") {
    asked.set("cursor", cursor);
  }
  return asked;
}

/* The rows of the question before stay until those of this one come. */
function useKept<T>(loaded: Loaded<T>): Loaded<T> {
  const kept = useRef<T | undefined>(undefined);
  kept.current = loaded.data ?? kept.current;
  return loaded.data === undefined ? { ...loaded, data: kept.current } : loaded;
}

export function ServerList<T>({ path, topics, caption, columns, empty }: Props<T>) {
  const { query } = place.value;
  const filter = query.get("filter") ?? "";
  const first = query.get("cursor") === null;
  const asked = useGet<Items<T>>(`${path}?${questionOf(columns)}`, topics);
  const items = useKept(asked);
  const more = items.data?.next !== undefined && items.data.next !== null;
  const rows = items.data?.items ?? [];
  if (rows.length === 0 && first && !more && filter === "" && asked.data !== undefined) {
    return <>{empty}</>;
  }
  return (
    <>
      {items.data === undefined && filter === "" ? null : (
        <Filter
          caption={caption}
          shown={`${count(rows.length)}${more ? ", more on the next page" : ""}`}
        />
      )}
      <Region of={items}>
        {({ next }) => (
          <>
            <Table caption={caption} columns={columns} rows={rows} {...orderOf(query)} />
            {rows.length > 0 ? null : more ? (
              <p class="quiet">None so far.</p>
            ) : (
              <NoMatch filter={filter} />
            )}
            <div class="bar more">
              {first ? null : (
                <button onClick={() => setQuery("cursor", undefined)}>First page</button>
              )}
              {more ? <button onClick={() => setQuery("cursor", next)}>Next page</button> : null}
            </div>
          </>
        )}
      </Region>
    </>
  );
}
