/* The runs of all DAGs. */

import { useGet } from "../api.ts";
import type { DagRow } from "../dag-types.ts";
import { Page } from "../parts/page.tsx";
import { RunList } from "../parts/runs.tsx";
import type { Items } from "../types.ts";

export function RunsPage() {
  const dags = useGet<Items<DagRow>>("dags");
  return (
    <Page title="Runs">
      <RunList dags={(dags.data?.items ?? []).map((dag) => dag.dag)} />
    </Page>
  );
}
