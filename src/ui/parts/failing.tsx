/* The partitions of a topic, or shards of a stream, that take no more records, and why. */

import { useGet } from "../api.ts";
import type { Health } from "../types.ts";

interface Props {
  topic: string; // as the log names it
  unit: "Partition" | "Shard";
}

export function Failing({ topic, unit }: Props) {
  const { data } = useGet<Health>("/health", ["health"]);
  const failed = data?.failed_partitions.filter((one) => one.topic === topic) ?? [];
  return failed.length === 0 ? null : (
    <div class="notice danger" role="alert">
      {failed.map(({ partition, reason }) => (
        <p key={partition}>
          <strong>
            {unit} {partition} takes no more records
          </strong>
          : {reason}
        </p>
      ))}
    </div>
  );
}
