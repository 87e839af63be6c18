/* What /api/v1 answers about DAGs, their runs and tasks. Times are milliseconds since 1970. */

import type { Items } from "./types.ts";

export type RunState = "queued" | "running" | "success" | "failed" | "cancelled";
export type RunType = "manual" | "scheduled" | "backfill";
export type Counts = Record<RunState, number>;

export interface DagRow {
  dag: string;
  description: string;
  task_count: number;
  paused: boolean;
  schedule: string[]; // its lines; none: it runs by hand
  timezone: string | null;
  next_ms: number | null;
  last: [run: string, letter: string, ms: number][]; // the newest first
  counts: Counts;
  day_counts: Counts; // of the last 24 hours
  last_success_ms: number | null;
  failed_task: string | null; // the first that failed in the newest run
}

export interface DagTask {
  task: string;
  kind: string;
  tables: string[];
  command: string | null;
  after: string[];
  trigger_rule: string;
  retries: number;
  retry_delay_ms: number;
  timeout_ms: number | null;
  pool: string;
  pool_slots: number;
  priority: number;
}

/* GET dags/D */
export interface Dag extends DagRow {
  next_times_ms: number[];
  start_ms: number | null;
  end_ms: number | null;
  catchup_ms: number;
  overlap: string;
  parallelism: number;
  active_runs_max: number;
  run_timeout_ms: number | null;
  tasks: DagTask[];
  file: string;
  line: number;
  text: string;
  version: string; // another text when `text` is
  version_number: number;
  version_ms: number;
}

/* GET dags/D/versions */
export interface DagVersionRow {
  version: number;
  created_ms: number;
}

/* GET dags/D/versions/N */
export interface DagVersion extends DagVersionRow {
  text: string;
  before: number | null;
}

export interface GridTask {
  id: string;
  kind?: string; // none: a command
  after?: number[]; // places in the list
  removed?: boolean; // the DAG no longer has it
}

export interface GridRun {
  id: number;
  run: string;
  type: RunType;
  state: RunState;
  logical_ms: number | null;
  queued_ms: number | null;
  started_ms: number | null;
  ended_ms: number | null;
  note: string;
  states: string; // a letter for each task
  tries: Record<string, number>; // by place, where there was more than one
}

/* GET dags/D/grid */
export interface DagGrid {
  version: string;
  tasks: GridTask[];
  runs: GridRun[]; // the newest first
  next: number | null; // `before` of the next page
}

export interface Run {
  id: number;
  run: string;
  dag: string;
  type: RunType;
  state: RunState;
  reason: string | null;
  cancel_asked: boolean;
  logical_ms: number | null;
  interval_start_ms: number | null;
  interval_end_ms: number | null;
  run_after_ms: number | null;
  queued_ms: number | null;
  started_ms: number | null;
  ended_ms: number | null;
  duration_ms: number | null;
  note: string;
  triggered_by: string | null;
  backfill: number | null;
  notice: string | null;
  version: number | null; // of the DAG, as it last began
}

/* GET runs */
export interface Runs extends Items<Run> {
  counts: Counts;
}

export interface TaskIo {
  table: string;
  version: number | null;
  rows: number | null;
  rows_before: number | null; // in the last success
  table_rows: number | null; // all rows of a table that was written
  table_rows_before: number | null;
  files: number | null;
  bytes: number | null;
  dead_letters: number | null;
  remark: string | null; // that rows were lost
}

export interface Attempt {
  number: number;
  outcome: string;
  reason: string | null;
  exit_code: number | null; // below 0: the signal that ended it
  started_ms: number | null;
  ended_ms: number | null;
  duration_ms: number | null;
  memory_bytes: number | null;
  has_log: boolean;
  version: number | null; // of the DAG
}

export interface RunTask {
  task: string;
  kind: string | null;
  after: string[];
  removed: boolean;
  state: string;
  reason: string | null;
  tries: number;
  max_tries: number;
  started_ms: number | null;
  ended_ms: number | null;
  duration_ms: number | null;
  duration_before_ms: number | null;
  next_ms: number | null;
  reads: TaskIo[];
  writes: TaskIo[];
  attempts: Attempt[];
}

/* GET runs/D/R */
export interface RunDetail extends Run {
  conf: unknown;
  before: { run: string; ended_ms: number | null; duration_ms: number | null } | null;
  median_ms: number | null;
  tasks: RunTask[];
}

/* POST runs/D/R/rerun */
export interface Rerun {
  tasks: string[];
}

export interface BackfillItem {
  logical_ms: number;
  run: string;
  action: "create" | "clear" | "leave";
  reason: string | null;
}

/* POST backfills/D with dry_run */
export interface BackfillPlan {
  token: string;
  runs: number;
  left_out: string | null;
  items: BackfillItem[];
}

export interface Backfill {
  backfill: number;
  dag: string;
  state: "running" | "paused" | "done" | "cancelled";
  from_ms: number;
  to_ms: number;
  reprocess: string;
  created_ms: number | null;
  ended_ms: number | null;
  counts: Counts;
  taken: number;
}

export interface Skip {
  first_ms: number;
  last_ms: number;
  times: number;
  reason: string;
}

/* POST runs, of each run. */
export interface BulkItem {
  dag: string;
  run: string;
  error: string | null;
}
