/* The consumer groups that read a topic, and what each has still to read of each partition. */

import { useGet } from "../api.ts";
import { topicOf } from "../events.ts";
import { count } from "../format.ts";
import { href, place } from "../route.ts";
import type { GroupRow } from "../types.ts";
import { List } from "./list.tsx";
import type { Column } from "./list.tsx";
import { Empty, Region } from "./region.tsx";

interface Group {
  name: string;
  rows: GroupRow[];
}

function groupsOf(rows: GroupRow[]): Group[] {
  const all = new Map<string, GroupRow[]>();
  for (const row of rows) {
    all.set(row.group, [...(all.get(row.group) ?? []), row]);
  }
  return [...all].map(([name, of]) => ({ name, rows: of }));
}

const sum = (group: Group, of: (row: GroupRow) => number) =>
  group.rows.reduce((all, row) => all + of(row), 0);
const toRead = (group: Group) =>
  group.rows.some(({ lag }) => lag === null) ? null : sum(group, ({ lag }) => lag ?? 0);
const instances = (group: Group) =>
  new Set(group.rows.map((row) => row.instance).filter((name) => name !== null)).size;

function columnsOf(topic: string): Column<Group>[] {
  return [
    {
      name: "Group",
      cell: (row) => (
        <a href={href(["topics", topic, "consumers"], { group: row.name })}>{row.name}</a>
      ),
      sort: (row) => row.name,
    },
    {
      name: "Still to read",
      cell: (row) => count(toRead(row)),
      sort: (row) => toRead(row) ?? -1,
      number: true,
    },
    {
      name: "Lost",
      cell: (row) => count(sum(row, ({ lost }) => lost)),
      sort: (row) => sum(row, ({ lost }) => lost),
      number: true,
    },
    {
      name: "Partitions",
      cell: (row) => count(row.rows.length),
      sort: (row) => row.rows.length,
      number: true,
    },
    {
      name: "Consumers",
      cell: (row) => (instances(row) === 0 ? "none now" : count(instances(row))),
      sort: instances,
      number: true,
    },
  ];
}

const PARTITIONS: Column<GroupRow>[] = [
  { name: "Partition", cell: (row) => row.partition, number: true },
  { name: "Committed", cell: (row) => count(row.committed), number: true },
  { name: "End", cell: (row) => count(row.end), number: true },
  { name: "Still to read", cell: (row) => count(row.lag), number: true },
  { name: "Lost", cell: (row) => count(row.lost), number: true },
  { name: "Reads next", cell: (row) => count(row.position), number: true },
  {
    name: "Consumer",
    cell: (row) => row.instance ?? <span class="quiet">none now</span>,
  },
];

export function Consumers({ topic, events }: { topic: string; events: string }) {
  const path = `topics/${encodeURIComponent(topic)}/groups`;
  const groups = useGet<{ groups: GroupRow[] }>(path, [events, topicOf("groups", topic)]);
  const asked = place.value.query.get("group");
  return (
    <Region of={groups}>
      {({ groups: rows }) => {
        const all = groupsOf(rows);
        const shown = all.find(({ name }) => name === asked) ?? all[0];
        return (
          <>
            <List
              caption="Consumer groups"
              columns={columnsOf(topic)}
              rows={all}
              words={(row) => row.name}
              empty={
                <Empty>
                  No consumer group reads this topic, or none has committed an offset yet. Consumers
                  are made by <code>POST /consumers/GROUP</code>.
                </Empty>
              }
            />
            {shown === undefined ? null : (
              <>
                <h2>{shown.name}</h2>
                <List
                  caption={`Partitions as ${shown.name} reads them`}
                  plain
                  columns={PARTITIONS}
                  rows={shown.rows}
                  words={(row) => `${row.partition}`}
                  empty={null}
                />
              </>
            )}
          </>
        );
      }}
    </Region>
  );
}
