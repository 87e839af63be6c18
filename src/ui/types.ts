/* What /api/v1 answers; its document is GET /api/v1/openapi.json. 64-bit integers are texts. */

export interface Items<T> {
  items: T[];
  next?: string; // a cursor, when there is more
}

export interface TableRow {
  table: string;
  kind: "raw" | "clean" | "stream" | "dead_letters" | "undeclared";
  path: string; // of an undeclared table also its name
  version: number | null; // null: never written
  committed_ms: number | null;
  files: number | null;
  rows: number | null;
  size_bytes: number | null;
  added: number[] | null; // rows by each of the newest commits, the newest last
  maker: Maker | null; // of the newest commit
}

export interface SchemaRow {
  column: string;
  type: string;
  nullable: boolean;
  partition: boolean;
  since?: number; // a version; of one table alone
  since_exact?: boolean; // false: by then
}

export interface CommitRow extends Made {
  version: number;
  committed_ms: number;
  operation: string;
  files_added: number;
  files_removed: number;
  rows_added: number | null;
  engine: string | null;
}

/* Something that pinion, or another program, has made. */
export interface Made {
  made_by: string | null; // for people
  maker: Maker | null;
}

/* What of pinion made a commit: a task of a run, or one of the others. */
export interface Maker {
  dag?: string; // this and the next three together
  run?: string;
  task?: string;
  try?: number;
  stream?: string;
  job?: string;
  who?: string;
  command?: string;
}

/* Of a table, what the pipeline says. */
export interface Definition {
  from_topic: string | null;
  from_files: string | null;
  sql_file: string | null;
  like: string | null;
  in_place_of?: string;
  key: string | null;
  mode: "overwrite" | "append" | "merge";
  order_by?: string;
  delete_when?: string;
  deletion_vectors?: boolean;
  partition_by: string[];
  expect: { name: string; test: string; action: string }[];
  replace_where?: string;
  reads: string[];
  from: Record<string, string[]>;
  sql: string | null;
}

export interface FileRow {
  path: string;
  size_bytes: number;
  rows: number | null;
  deleted_rows: number; // by its deletion vector
  modified_ms: number;
  partition: Record<string, string | null>;
}

export interface Job {
  id: string;
  kind: "optimize" | "vacuum";
  table: string;
  who: string;
  dry_run: boolean;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  cancelling: boolean;
  reason: string | null; // why it waits
  done: number; // files
  total: number | null;
  created_ms: number;
  started_ms: number | null;
  ended_ms: number | null;
  result: {
    files: number;
    size_bytes: string;
    files_before?: number;
    files_after?: number;
    listed?: { path: string; size_bytes: number }[];
  };
  error: string | null;
}

export interface Rows {
  columns: { name: string; type: string }[];
  rows: (string | null)[][];
}

export interface Query {
  id: string;
  sql: string;
  name?: string;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  progress: number | null;
  columns: { name: string; type: string }[] | null;
  versions: Record<string, number>;
  rows: number;
  bytes: number;
  created_ms: number;
  elapsed_ms: number;
  error: {
    code: string;
    message: string;
    hint?: string;
    position?: { byte: number; line: number; column: number };
  } | null;
}

export interface SavedQuery {
  query: string;
  description: string | null;
  sql: string;
}

export interface TopicRow {
  topic: string;
  partitions: number;
  records: number | string;
  size_bytes: number | string | null; // null: a Kafka cluster does not say
  read_by: string | null;
  retention_ms: number | null; // null: without a limit
  retention_bytes: number | null;
  oldest_ms: number | null; // null: no records, or not looked up
  newest_ms: number | null;
}

export interface PartitionRow {
  partition: number;
  begin: string;
  end: string;
  records: number | string;
  size_bytes: number | string | null; // null: a Kafka cluster does not say
  retention_ms: number | null; // null: without a limit
  retention_bytes: number | null;
  record_bytes_max: number;
}

/* What a table is made from, and what reads it. */
export interface LineageRow {
  side: "before" | "after" | "by";
  steps: number; // 1: next to the table
  kind: "topic" | "files" | "stream" | "table" | "query" | "task"; // a task's name is DAG/TASK
  name: string;
}

/* GET topics/T/rates and streams/S/rates: rates of a while, a second; null: not known. */
export interface FlowPoint {
  from_ms: number;
  until_ms: number;
  in_records: number | null;
  in_bytes: number | null;
  out_records: number | null;
  out_bytes: number | null;
}

/* A partition of a topic as a consumer group has it. */
export interface GroupRow {
  group: string;
  partition: number;
  committed: string | null; // null: nothing was committed
  end: string;
  lag: number | null; // null: a group by which servers share work, which commits nothing
  lost: number; // records that retention removed before they were read
  instance: string | null; // that has the partition now
  position: string | null;
}

/* A thing that a table or a query reads directly; null: it reads nothing. */
export interface LineageEdge {
  kind: "table" | "query";
  name: string;
  from_kind: "topic" | "files" | "stream" | "table" | null;
  from: string | null;
}

/* How far the sink has landed a partition. */
export interface LandingRow {
  topic: string;
  partition: number;
  landed_offset: number;
  lag: number;
  error: string | null;
}

export interface RecordHeader {
  name: string;
  value: string | null;
}

export interface RecordRow {
  partition: number; // or the number of a shard
  offset: string;
  time_ms: number;
  key: string | null;
  encoding: "text" | "base64" | null;
  value: string | null;
  headers?: RecordHeader[] | number; // of a topic's record; in lists, how many there are
  value_bytes?: number; // of the whole value
  cut?: boolean; // the value is the beginning of it
  sequence_number?: string | null; // of a stream's record
}

/* GET topics/T/pages and streams/S/pages: records of all partitions or shards, the newest first. */
export interface RecordPage {
  records: RecordRow[];
  damage: string | null;
  damaged: number;
  older?: string; // cursors of the pages beside this one
  newer?: string;
}

/* GET streams/S/shards. */
export interface StreamShards {
  id: string;
  retention_ms: number | null; // null: the stream is just gone
  shards: { index: number; begin: number; end: number; complete: boolean }[];
}

/* GET topics/T/records: those of one partition, by offset. */
export interface Records {
  partition: number;
  next: string; // the offset to read on from
  end: string;
  damage: string | null; // why some are missing
  records: RecordRow[];
}

/* Where a dead letter went when it was sent again. */
export interface LetterSent {
  origin: string;
  partition: number;
  offset: string | null; // null: a sending was interrupted
  sent_ms: number;
  edited: boolean;
}

export interface DeadLetter extends Made {
  id: string;
  source: "load" | "stream";
  table: string | null;
  origin: string | null;
  partition: string | null;
  position: string | null;
  object: string | null;
  line: number | null;
  time_ms: number | null;
  reason: string;
  kind: string;
  key: string | null;
  after_version: number | null; // of the table, when the letter was written
  cut: boolean;
  value_bytes: number;
  value: string | null; // in a list, its beginning
  encoding: "text" | "base64";
  advice: string;
  resent: LetterSent | null;
}

/* What a drop of letters did, or would do. */
export interface LettersDropped {
  letters: number;
  dropped: boolean; // false: it was only counted
  seen: string; // stands for these letters
}

export interface LetterCount {
  source: string;
  table: string | null;
  kind: string | null;
  letters: number;
}

export interface DeadLetters extends Items<DeadLetter> {
  counts: LetterCount[];
}

export interface Resend {
  letters: { id: string; outcome: string; message?: string }[];
  sent: number;
  sent_before: number;
  failed: number;
  next?: string;
}

/* GET topics/T/search: what one call looked at. */
export interface SearchPiece {
  records: RecordRow[];
  scanned_records: number;
  scanned_bytes: number;
  left_records: number;
  damaged: number;
  through_ms: number | null;
  next?: string;
}

/* GET tables/T/rows: a page of one version. */
export interface TableRows extends Rows {
  version: string;
  next?: string;
}

export interface ColumnSummary {
  column: string;
  rows: number;
  nulls: number;
  distinct: number;
  least: string | null;
  greatest: string | null;
  bins?: string[]; // of numbers: counts of equal ranges
  frequent?: [string, string][]; // of all else: values and their counts
}

export interface TableSummary {
  version: string;
  sampled: boolean;
  columns: ColumnSummary[];
}

export interface DiffRow {
  change: "added" | "removed" | "before" | "after";
  row: (string | null)[];
}

export interface TableDiff {
  from: string;
  to: string;
  key: string | null;
  rows: DiffRow[];
  added: string;
  removed: string;
  changed: string;
  repeated: string; // values of the key that come more than once
  columns: { name: string; type: string }[];
}

export interface GrowthPoint {
  version: number;
  committed_ms: number;
  rows: number | null;
  size_bytes: number;
  files: number;
}

export interface SchemaTable {
  table: string;
  columns: SchemaRow[] | null;
}

export interface ShardRow {
  shard: string;
  position: number;
  end: number;
  lag_records: number;
  lost_records: number;
  lag_ms: number;
  closed: boolean;
}

export interface StreamTable {
  stream: string;
  table: string;
  state: string;
  error: string | null;
  rows: number;
  dead_letters: number;
  stray_records: number;
  unknown_members: number;
  table_version: number;
  committed_at: string | null;
  shards: ShardRow[];
}

/* GET /health: its lists are empty when all is well. */
export interface Health {
  status: string;
  version: string;
  failed_partitions: { topic: string; partition: number; reason: string }[];
  [list: string]: unknown;
}

/* GET status: the server as a process. */
export interface ServerStatus {
  version: string;
  pid: number;
  started_ms: number;
  uptime_ms: number;
  roles: string[];
  memory_bytes: number | null;
  disk: { free_bytes: number | null; all_bytes: number | null };
  log_commit: { p50_ms: number | null; p99_ms: number | null };
}

export interface SettingRow {
  name: string;
  value: unknown;
  default: string;
  help: string;
}

export interface AuditRow {
  at_ms: number;
  who: string;
  what: string;
  dag: string | null;
  run: string | null;
  task: string | null;
  detail: string | null;
}

export interface RouteRow {
  method: string;
  path: string;
  right: string;
  of: string;
}
