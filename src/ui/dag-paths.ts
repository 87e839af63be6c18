/* Where DAGs, runs and tasks are: their pages, and their routes. */

import { href } from "./route.ts";

export function runHref(dag: string, run: string): string {
  return href(["dags", dag, "runs", run]);
}

export function taskHref(dag: string, run: string, task: string, attempt?: number): string {
  return href(["dags", dag, "runs", run, task], { try: attempt?.toString() });
}

export function dagPath(dag: string): string {
  return `dags/${encodeURIComponent(dag)}`;
}

export function runPath(dag: string, run: string): string {
  return `runs/${encodeURIComponent(dag)}/${encodeURIComponent(run)}`;
}

export function logPath(dag: string, run: string, task: string, attempt: number): string {
  return `${runPath(dag, run)}/${encodeURIComponent(task)}/${attempt}/log`;
}
