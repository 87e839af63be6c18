/* Optimize and vacuum of a table: what would happen first, then the job with its progress. */

import { useEffect, useState } from "preact/hooks";

import { post, remove, useGet } from "../api.ts";
import { topicOf } from "../events.ts";
import { bytes, count } from "../format.ts";
import { href } from "../route.ts";
import type { Job } from "../types.ts";
import { Dialog, useAction } from "./dialog.tsx";
import { Failure, Region } from "./region.tsx";

type Kind = Job["kind"];

const LISTED_MAX = 200;
const VERBS = { optimize: "Merge", vacuum: "Delete" } as const;
const ABOUT = {
  optimize: "Small files are merged into larger ones. No row changes.",
  vacuum: "Files that no kept version needs are deleted. Older versions cannot be read then.",
} as const;

export const isOver = (job: Job): boolean => job.state !== "waiting" && job.state !== "running";

const files = (n: number): string => `${count(n)} ${n === 1 ? "file" : "files"}`;

/* What a job did, or would do, in words. */
export function outcome(job: Job): string {
  const { result } = job;
  const what = `${files(result.files)}, ${bytes(Number(result.size_bytes))}`;
  const verb = job.kind === "optimize" ? "merge" : "delete";
  const ed = job.kind === "optimize" ? "merged" : "deleted";
  const after = result.files_after === undefined ? "" : `, ${files(result.files_after)} remain`;
  if (job.dry_run) {
    return result.files === 0 ? `nothing to ${verb}` : `would ${verb} ${what}${after}`;
  }
  return result.files === 0 ? `nothing to ${verb}` : `${ed} ${what}${after}`;
}

function Plan({ job }: { job: Job }) {
  const listed = job.result.listed ?? [];
  return (
    <>
      <p>It {job.result.files === 0 ? `has ${outcome(job)}` : outcome(job)}.</p>
      {listed.length === 0 ? null : (
        <ul class="plan" tabIndex={0} aria-label="Files">
          {listed.slice(0, LISTED_MAX).map((file) => (
            <li key={file.path}>
              <code>{file.path}</code> <span class="quiet">{bytes(file.size_bytes)}</span>
            </li>
          ))}
        </ul>
      )}
      {job.result.files > LISTED_MAX ? (
        <p class="quiet">The first {LISTED_MAX} are listed.</p>
      ) : null}
    </>
  );
}

interface AskProps {
  path: string;
  kind: Kind;
  close: () => void;
  go: (job: string) => void;
}

function Ask({ path, kind, close, go }: AskProps) {
  const [job, setJob] = useState<string>();
  const { busy, error, act } = useAction();
  const start = async () => {
    const answer = await post<{ job: string }>(`${path}/${kind}`, { dry_run: true });
    setJob(answer.job);
  };
  useEffect(() => void act(start), []);
  const plan = useGet<Job>(
    job === undefined ? undefined : `jobs/${job}`,
    job === undefined ? [] : [topicOf("job", job)],
  );
  const found = plan.data;
  const ready = found !== undefined && isOver(found);
  const begin = async () => {
    await act(async () => go((await post<{ job: string }>(`${path}/${kind}`, {})).job));
  };
  return (
    <Dialog title={kind === "optimize" ? "Optimize" : "Vacuum"} close={close}>
      <p>{ABOUT[kind]}</p>
      {error !== undefined ? <Failure error={error} /> : null}
      {error === undefined && !ready ? <p role="status">Looking at the files …</p> : null}
      {ready && found.state === "done" ? <Plan job={found} /> : null}
      {ready && found.state !== "done" ? <p role="alert">{found.error ?? found.state}</p> : null}
      <div class="bar end">
        <button type="button" onClick={close} autofocus>
          Cancel
        </button>
        <button
          class="main"
          disabled={busy || !ready || found.state !== "done" || found.result.files === 0}
          onClick={() => void begin()}
        >
          {ready ? `${VERBS[kind]} ${files(found.result.files)}` : VERBS[kind]}
        </button>
      </div>
    </Dialog>
  );
}

/* A job's state in words; how far it is while it runs. */
export function JobState({ job, again }: { job: Job; again: () => void }) {
  const { busy, error, act } = useAction();
  const cancel = async () => {
    if (await act(() => remove(`jobs/${job.id}`))) {
      again();
    }
  };
  return (
    <>
      <span class="bar">
        <span role="status">
          {job.state}
          {job.cancelling ? ", asked to end" : ""}
          {job.reason === null ? "" : `: ${job.reason}`}
          {job.state === "done" ? `: ${outcome(job)}` : ""}
          {job.error === null ? "" : `: ${job.error}`}
        </span>
        {job.state === "running" ? (
          <progress
            aria-label={`Progress of the ${job.kind}`}
            value={job.total === null ? undefined : job.done}
            max={job.total ?? undefined}
          />
        ) : null}
        {isOver(job) ? null : (
          <button disabled={busy || job.cancelling} onClick={() => void cancel()}>
            Cancel the {job.kind}
          </button>
        )}
      </span>
      {error === undefined ? null : <Failure error={error} />}
    </>
  );
}

function Following({ id, again }: { id: string; again: () => void }) {
  const job = useGet<Job>(`jobs/${id}`, [topicOf("job", id)]);
  const over = job.data !== undefined && isOver(job.data);
  useEffect(() => (over ? again() : undefined), [over]);
  return (
    <Region of={job}>
      {(data) => (
        <div class="notice">
          <p>{data.kind === "optimize" ? "Optimize" : "Vacuum"}</p>
          <JobState job={data} again={job.again} />
        </div>
      )}
    </Region>
  );
}

/* `again` fetches the table anew, when a job has ended. */
export function Upkeep({ path, again }: { path: string; again: () => void }) {
  const [asks, setAsks] = useState<Kind>();
  const [job, setJob] = useState<string>();
  const go = (id: string) => {
    setAsks(undefined);
    setJob(id);
  };
  return (
    <>
      <div class="bar">
        <button onClick={() => setAsks("optimize")}>Optimize</button>
        <button onClick={() => setAsks("vacuum")}>Vacuum</button>
        <a href={href(["jobs"])}>All jobs</a>
      </div>
      {job === undefined ? null : <Following key={job} id={job} again={again} />}
      {asks === undefined ? null : (
        <Ask path={path} kind={asks} close={() => setAsks(undefined)} go={go} />
      )}
    </>
  );
}
