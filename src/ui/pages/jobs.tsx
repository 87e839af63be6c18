/* The upkeep of tables that the server does, did, or will do. */

import { useGet } from "../api.ts";
import { List } from "../parts/list.tsx";
import type { Column } from "../parts/list.tsx";
import { Page } from "../parts/page.tsx";
import { Empty, Region } from "../parts/region.tsx";
import { JobState } from "../parts/table-upkeep.tsx";
import { Ago } from "../parts/time.tsx";
import { href } from "../route.ts";
import type { Items, Job } from "../types.ts";

const columns = (again: () => void): Column<Job>[] => [
  {
    name: "Table",
    cell: (job) => <a href={href(["tables", job.table])}>{job.table}</a>,
    sort: (job) => job.table,
  },
  {
    name: "Job",
    cell: (job) => `${job.kind}${job.dry_run ? ", dry run" : ""}`,
    sort: (job) => job.kind,
  },
  { name: "By", cell: (job) => job.who, sort: (job) => job.who },
  { name: "Since", cell: (job) => <Ago ms={job.created_ms} />, sort: (job) => job.created_ms },
  { name: "State", cell: (job) => <JobState job={job} again={again} />, sort: (job) => job.state },
];

export function JobsPage() {
  const jobs = useGet<Items<Job>>("jobs?limit=1000", ["jobs"]);
  return (
    <Page title="Jobs" trail={["Tables"]}>
      <p class="quiet">Jobs end with the server, and so does this list.</p>
      <Region of={jobs}>
        {({ items }) => (
          <List
            caption="Jobs"
            columns={columns(jobs.again)}
            rows={items}
            words={(job) => `${job.table} ${job.kind} ${job.state}`}
            empty={<Empty>No table was optimized or vacuumed since the server started.</Empty>}
          />
        )}
      </Region>
    </Page>
  );
}
