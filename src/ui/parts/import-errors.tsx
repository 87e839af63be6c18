/* What is wrong with the files of the pipeline, while the last good definition stays in force. */

import { useEffect, useRef } from "preact/hooks";

import { useGet } from "../api.ts";
import { time } from "../format.ts";

interface ImportErrors {
  items: { file: string | null; line: number | null; reason: string; at_ms: number }[];
  version: string; // of the definition in force
}

/* `changed` is called when another definition is in force. */
export function ImportErrors({ changed }: { changed: () => void }) {
  const { data } = useGet<ImportErrors>("import_errors", ["definition"]);
  const version = data?.version;
  const before = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (before.current !== undefined && version !== undefined) {
      changed();
    }
    before.current = version ?? before.current;
  }, [version]);
  return (
    <>
      {data?.items.map((error) => (
        <div key={error.reason} class="notice danger" role="alert">
          <p>
            <strong>
              {error.file === null ? "The pipeline" : error.file}
              {error.line === null ? "" : `, line ${error.line}`}: {error.reason}
            </strong>{" "}
            The last good definition stays in force. Seen {time(error.at_ms)}.
          </p>
        </div>
      ))}
    </>
  );
}
