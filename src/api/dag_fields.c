/* What the routes of DAGs take and reply, field by field (route.h). */
#include "api/dag_internal.h"

#define RUN_STATES "queued|running|success|failed|cancelled"
#define RUN_TYPES  "manual|scheduled|backfill"

#define PN_FIELDS_END \
    {                 \
        .name = NULL  \
    }

static const struct pn_api_field counts[] = {PN_FIELD("queued", INT),    PN_FIELD("running", INT),
                                             PN_FIELD("success", INT),   PN_FIELD("failed", INT),
                                             PN_FIELD("cancelled", INT), PN_FIELDS_END};

/* ---- paths ----------------------------------------------------------------------------------- */

const struct pn_api_field pn_api_of_dag[] = {PN_FIELD("dag", TEXT), PN_FIELDS_END};
const struct pn_api_field pn_api_of_run[] = {PN_FIELD("dag", TEXT), PN_FIELD("run", TEXT),
                                             PN_FIELDS_END};
const struct pn_api_field pn_api_of_backfill[] = {
    {.name = "id",
     .type = PN_API_TEXT,
     .help = "the number of a backfill; to create one, the name of its DAG"},
    PN_FIELDS_END};

/* ---- DAGs ------------------------------------------------------------------------------------ */

#define DAG_FIELDS                                                                     \
    PN_FIELD("dag", TEXT), PN_FIELD("description", TEXT), PN_FIELD("task_count", INT), \
        PN_FIELD("paused", BOOL), PN_FIELD_NULLABLE("paused_ms", INT),                 \
        PN_FIELD("schedule", TEXTS), PN_FIELD_NULLABLE("schedule_text", TEXT),         \
        PN_FIELD_NULLABLE("timezone", TEXT), PN_FIELD_NULLABLE("next_ms", INT),        \
        {.name = "last",                                                               \
         .type = PN_API_ARRAY,                                                         \
         .help = "its newest runs, each [run, letter of its state, milliseconds]"},    \
        {.name = "counts", .type = PN_API_OBJECT, .fields = counts},                   \
        {.name = "day_counts", .type = PN_API_OBJECT, .fields = counts},               \
        PN_FIELD_NULLABLE("last_success_ms", INT), PN_FIELD_NULLABLE("failed_task", TEXT)

static const struct pn_api_field dag_item[] = {DAG_FIELDS, PN_FIELDS_END};
const struct pn_api_field pn_api_dags_reply[] = {
    {.name = "items", .type = PN_API_OBJECTS, .fields = dag_item}, PN_FIELDS_END};

static const struct pn_api_field dag_task[] = {PN_FIELD("task", TEXT),
                                               PN_FIELD("kind", TEXT),
                                               PN_FIELD("tables", TEXTS),
                                               PN_FIELD_NULLABLE("command", TEXT),
                                               PN_FIELD("after", TEXTS),
                                               PN_FIELD("trigger_rule", TEXT),
                                               PN_FIELD("retries", INT),
                                               PN_FIELD("retry_delay_ms", INT),
                                               PN_FIELD("retry_backoff", NUMBER),
                                               PN_FIELD("retry_delay_max_ms", INT),
                                               PN_FIELD("no_retry_exit_codes", ARRAY),
                                               PN_FIELD("skip_exit_codes", ARRAY),
                                               PN_FIELD_NULLABLE("timeout_ms", INT),
                                               PN_FIELD_NULLABLE("pool", TEXT),
                                               PN_FIELD("pool_slots", INT),
                                               PN_FIELD("priority", INT),
                                               PN_FIELD("may_fail", BOOL),
                                               PN_FIELDS_END};
const struct pn_api_field pn_api_dag_reply[] = {
    DAG_FIELDS,
    PN_FIELD_NULLABLE("start_ms", INT),
    PN_FIELD_NULLABLE("end_ms", INT),
    PN_FIELD("catchup_ms", INT),
    PN_FIELD("overlap", TEXT),
    PN_FIELD("next_times_ms", ARRAY),
    PN_FIELD("parallelism", INT),
    PN_FIELD("active_runs_max", INT),
    PN_FIELD_NULLABLE("run_timeout_ms", INT),
    PN_FIELD_NULLABLE("on_failure_webhook", TEXT),
    PN_FIELD_NULLABLE("on_failure_command", TEXT),
    {.name = "tasks", .type = PN_API_OBJECTS, .fields = dag_task},
    PN_FIELD("file", TEXT),
    PN_FIELD("line", INT),
    PN_FIELD("text", TEXT),
    {.name = "version", .type = PN_API_TEXT, .help = "another text when `text` is"},
    {.name = "version_number", .type = PN_API_INT, .help = "of its definition"},
    {.name = "version_ms", .type = PN_API_INT, .help = "since when it has this version"},
    PN_FIELDS_END};
const struct pn_api_field pn_api_pause_body[] = {PN_FIELD("paused", BOOL), PN_FIELDS_END};

const struct pn_api_field pn_api_grid_query[] = {{.name = "before",
                                                  .type = PN_API_INT,
                                                  .flags = PN_API_OPTIONAL,
                                                  .least = 0,
                                                  .most = INT64_MAX,
                                                  .help = "`next` of the page before"},
                                                 {.name = "limit",
                                                  .type = PN_API_INT,
                                                  .flags = PN_API_OPTIONAL,
                                                  .least = 1,
                                                  .most = PN_API_GRID_RUNS_MAX,
                                                  .preset = PN_API_GRID_RUNS_DEFAULT},
                                                 PN_FIELDS_END};
static const struct pn_api_field grid_task[] = {
    PN_FIELD("id", TEXT),
    {.name = "kind", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .help = "absent: command"},
    {.name = "after",
     .type = PN_API_ARRAY,
     .flags = PN_API_OPTIONAL,
     .help = "indexes into this list"},
    PN_FIELD_OPTIONAL("removed", BOOL),
    PN_FIELDS_END};
static const struct pn_api_field grid_tries[] = {PN_FIELD(PN_API_OTHERS, INT), PN_FIELDS_END};
static const struct pn_api_field grid_run[] = {
    PN_FIELD("id", INT),
    PN_FIELD("run", TEXT),
    PN_FIELD("type", TEXT),
    PN_FIELD("state", TEXT),
    PN_FIELD_NULLABLE("logical_ms", INT),
    PN_FIELD_NULLABLE("queued_ms", INT),
    PN_FIELD_NULLABLE("started_ms", INT),
    PN_FIELD_NULLABLE("ended_ms", INT),
    PN_FIELD_NULLABLE("note", TEXT),
    {.name = "states", .type = PN_API_TEXT, .help = "a letter for each task"},
    {.name = "tries",
     .type = PN_API_OBJECT,
     .fields = grid_tries,
     .help = "attempts by index, where there was more than one"},
    PN_FIELDS_END};
const struct pn_api_field pn_api_grid_reply[] = {
    PN_FIELD("version", TEXT),
    {.name = "tasks", .type = PN_API_OBJECTS, .fields = grid_task},
    {.name = "runs", .type = PN_API_OBJECTS, .fields = grid_run},
    PN_FIELD_NULLABLE("next", INT),
    PN_FIELDS_END};

const struct pn_api_field pn_api_audit_query[] = {PN_FIELD_OPTIONAL("dag", TEXT),
                                                  {.name = "run",
                                                   .type = PN_API_TEXT,
                                                   .flags = PN_API_OPTIONAL,
                                                   .help = "one of the DAG in `dag`"},
                                                  {.name = "q",
                                                   .type = PN_API_TEXT,
                                                   .flags = PN_API_OPTIONAL,
                                                   .help = "words that must be in the texts of an "
                                                           "item, in any case"},
                                                  {.name = "sort",
                                                   .type = PN_API_TEXT,
                                                   .flags = PN_API_OPTIONAL,
                                                   .words = "at_ms|-at_ms",
                                                   .help = "-at_ms, the newest first, unless "
                                                           "given"},
                                                  PN_FIELDS_END};

/* ---- runs ------------------------------------------------------------------------------------ */

#define RUN_FIELDS                                                                         \
    PN_FIELD("id", INT), PN_FIELD("run", TEXT), PN_FIELD("dag", TEXT),                     \
        {.name = "type", .type = PN_API_TEXT, .words = RUN_TYPES},                         \
        {.name = "state", .type = PN_API_TEXT, .words = RUN_STATES},                       \
        PN_FIELD_NULLABLE("reason", TEXT), PN_FIELD("cancel_asked", BOOL),                 \
        PN_FIELD_NULLABLE("logical_ms", INT), PN_FIELD_NULLABLE("interval_start_ms", INT), \
        PN_FIELD_NULLABLE("interval_end_ms", INT), PN_FIELD_NULLABLE("run_after_ms", INT), \
        PN_FIELD_NULLABLE("queued_ms", INT), PN_FIELD_NULLABLE("started_ms", INT),         \
        PN_FIELD_NULLABLE("ended_ms", INT), PN_FIELD_NULLABLE("duration_ms", INT),         \
        PN_FIELD_NULLABLE("note", TEXT), PN_FIELD_NULLABLE("triggered_by", TEXT),          \
        PN_FIELD_NULLABLE("backfill", INT), PN_FIELD_NULLABLE("notice", TEXT),             \
    {                                                                                      \
        .name = "version", .type = PN_API_INT, .flags = PN_API_NULLABLE,                   \
        .help = "of its DAG's definition, as it last began"                                \
    }

static const struct pn_api_field run_item[] = {RUN_FIELDS, PN_FIELDS_END};
const struct pn_api_field pn_api_runs_query[] = {
    PN_FIELD_OPTIONAL("dag", TEXT),
    {.name = "state", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .words = RUN_STATES},
    {.name = "type", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .words = RUN_TYPES},
    {.name = "from",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 0,
     .most = INT64_MAX,
     .help = "queued at or after this time, in milliseconds"},
    {.name = "to",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 0,
     .most = INT64_MAX,
     .help = "queued before this time, in milliseconds"},
    {.name = "q",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL,
     .help = "a part of the run's name or its note"},
    PN_FIELDS_END};
const struct pn_api_field pn_api_runs_reply[] = {
    {.name = "items", .type = PN_API_OBJECTS, .fields = run_item},
    {.name = "counts", .type = PN_API_OBJECT, .fields = counts, .help = "of all runs, by state"},
    PN_FIELD_OPTIONAL("next", TEXT),
    PN_FIELDS_END};

static const struct pn_api_field task_io[] = {PN_FIELD("table", TEXT),
                                              PN_FIELD_NULLABLE("version", INT),
                                              PN_FIELD_NULLABLE("rows", INT),
                                              PN_FIELD_NULLABLE("rows_before", INT),
                                              PN_FIELD_NULLABLE("table_rows", INT),
                                              PN_FIELD_NULLABLE("table_rows_before", INT),
                                              PN_FIELD_NULLABLE("files", INT),
                                              PN_FIELD_NULLABLE("bytes", INT),
                                              PN_FIELD_NULLABLE("dead_letters", INT),
                                              PN_FIELD_NULLABLE("remark", TEXT),
                                              PN_FIELDS_END};
static const struct pn_api_field task_attempt[] = {PN_FIELD("number", INT),
                                                   PN_FIELD_NULLABLE("outcome", TEXT),
                                                   PN_FIELD_NULLABLE("reason", TEXT),
                                                   PN_FIELD_NULLABLE("exit_code", INT),
                                                   PN_FIELD_NULLABLE("started_ms", INT),
                                                   PN_FIELD_NULLABLE("ended_ms", INT),
                                                   PN_FIELD_NULLABLE("duration_ms", INT),
                                                   PN_FIELD_NULLABLE("memory_bytes", INT),
                                                   PN_FIELD("has_log", BOOL),
                                                   PN_FIELD_NULLABLE("version", INT),
                                                   PN_FIELDS_END};
static const struct pn_api_field run_task[] = {
    PN_FIELD("task", TEXT),
    PN_FIELD_NULLABLE("kind", TEXT),
    PN_FIELD("after", TEXTS),
    PN_FIELD("removed", BOOL),
    PN_FIELD("state", TEXT),
    PN_FIELD_NULLABLE("reason", TEXT),
    PN_FIELD("tries", INT),
    PN_FIELD("max_tries", INT),
    PN_FIELD_NULLABLE("started_ms", INT),
    PN_FIELD_NULLABLE("ended_ms", INT),
    PN_FIELD_NULLABLE("duration_ms", INT),
    PN_FIELD_NULLABLE("duration_before_ms", INT),
    PN_FIELD_NULLABLE("next_ms", INT),
    PN_FIELD_NULLABLE("pool", TEXT),
    PN_FIELD("pool_slots", INT),
    PN_FIELD("priority", INT),
    {.name = "reads", .type = PN_API_OBJECTS, .fields = task_io},
    {.name = "writes", .type = PN_API_OBJECTS, .fields = task_io},
    {.name = "attempts", .type = PN_API_OBJECTS, .fields = task_attempt},
    PN_FIELDS_END};
static const struct pn_api_field run_before[] = {
    PN_FIELD("run", TEXT), PN_FIELD_NULLABLE("ended_ms", INT),
    PN_FIELD_NULLABLE("duration_ms", INT), PN_FIELDS_END};
const struct pn_api_field pn_api_run_reply[] = {RUN_FIELDS, PN_FIELD("conf", ANY), PN_FIELDS_END};
const struct pn_api_field pn_api_run_detail_reply[] = {
    RUN_FIELDS,
    PN_FIELD("conf", ANY),
    {.name = "before",
     .type = PN_API_OBJECT,
     .flags = PN_API_NULLABLE,
     .fields = run_before,
     .help = "the last success before it"},
    PN_FIELD_NULLABLE("median_ms", INT),
    {.name = "tasks", .type = PN_API_OBJECTS, .fields = run_task},
    PN_FIELDS_END};

const struct pn_api_field pn_api_trigger_body[] = {PN_FIELD_EITHER("run", TEXT),
                                                   PN_FIELD_EITHER("conf", ANY),
                                                   PN_FIELD_EITHER("note", TEXT),
                                                   PN_FIELD_EITHER("logical_ms", INT),
                                                   PN_FIELD_EITHER("interval_start_ms", INT),
                                                   PN_FIELD_EITHER("interval_end_ms", INT),
                                                   PN_FIELD_EITHER("run_after_ms", INT),
                                                   PN_FIELDS_END};
const struct pn_api_field pn_api_note_body[] = {PN_FIELD("note", TEXT), PN_FIELDS_END};
const struct pn_api_field pn_api_rerun_body[] = {
    {.name = "scope", .type = PN_API_TEXT, .words = "task|after|failed|all"},
    PN_FIELD_EITHER("tasks", TEXTS),
    PN_FIELD_EITHER("dry_run", BOOL),
    PN_FIELDS_END};
const struct pn_api_field pn_api_rerun_reply[] = {PN_FIELD("run", TEXT), PN_FIELD("dry_run", BOOL),
                                                  PN_FIELD("tasks", TEXTS), PN_FIELDS_END};
const struct pn_api_field pn_api_empty_body[] = {PN_FIELDS_END};

const struct pn_api_field pn_api_mark_body[] = {
    {.name = "state", .type = PN_API_TEXT, .words = "success|failed|skipped"},
    {.name = "tasks",
     .type = PN_API_TEXTS,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .help = "without it, the run is marked"},
    PN_FIELD_EITHER("dry_run", BOOL),
    PN_FIELDS_END};
const struct pn_api_field pn_api_mark_reply[] = {PN_FIELD("run", TEXT), PN_FIELD("dry_run", BOOL),
                                                 PN_FIELD("tasks", TEXTS),
                                                 PN_FIELD("cleared", TEXTS), PN_FIELDS_END};

const struct pn_api_field pn_api_delete_query[] = {PN_FIELD_OPTIONAL("dry_run", BOOL),
                                                   PN_FIELDS_END};
const struct pn_api_field pn_api_delete_reply[] = {PN_FIELD("run", TEXT),
                                                   PN_FIELD("dry_run", BOOL),
                                                   PN_FIELD("tasks", INT),
                                                   PN_FIELD("attempts", INT),
                                                   PN_FIELD("log_files", INT),
                                                   PN_FIELD("log_bytes", INT),
                                                   PN_FIELDS_END};

static const struct pn_api_field bulk_run[] = {PN_FIELD("dag", TEXT), PN_FIELD("run", TEXT),
                                               PN_FIELDS_END};
const struct pn_api_field pn_api_bulk_body[] = {
    {.name = "action", .type = PN_API_TEXT, .words = "clear|delete"},
    {.name = "scope",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .words = "all|failed"},
    {.name = "runs", .type = PN_API_OBJECTS, .fields = bulk_run, .help = "1 to 1,000 of them"},
    PN_FIELD_EITHER("dry_run", BOOL),
    PN_FIELDS_END};
static const struct pn_api_field bulk_item[] = {
    PN_FIELD("dag", TEXT),
    PN_FIELD("run", TEXT),
    {.name = "tasks",
     .type = PN_API_ANY,
     .flags = PN_API_OPTIONAL,
     .help = "those that are cleared, or how many there are of a run that is deleted"},
    PN_FIELD_OPTIONAL("attempts", INT),
    PN_FIELD_OPTIONAL("log_files", INT),
    PN_FIELD_OPTIONAL("log_bytes", INT),
    PN_FIELD_NULLABLE("error", TEXT),
    PN_FIELDS_END};
const struct pn_api_field pn_api_bulk_reply[] = {
    PN_FIELD("dry_run", BOOL),
    {.name = "items", .type = PN_API_OBJECTS, .fields = bulk_item},
    PN_FIELDS_END};

/* ---- logs ------------------------------------------------------------------------------------ */

const struct pn_api_field pn_api_of_attempt[] = {PN_FIELD("dag", TEXT), PN_FIELD("run", TEXT),
                                                 PN_FIELD("task", TEXT), PN_FIELD("attempt", TEXT),
                                                 PN_FIELDS_END};
const struct pn_api_field pn_api_log_query[] = {
    {.name = "from",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .help = "the range's first byte; negative: from the end"},
    {.name = "max",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 1,
     .most = PN_LOG_RANGE_MAX,
     .help = "the range's bytes, at most"},
    {.name = "tail",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 0,
     .most = PN_LOG_RANGE_MAX,
     .help = "the last bytes, this many"},
    {.name = "find", .type = PN_API_TEXT, .flags = PN_API_OPTIONAL, .help = "a text to look for"},
    PN_FIELD_OPTIONAL("ignore_case", BOOL),
    {.name = "after",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 0,
     .most = INT64_MAX,
     .help = "look from this byte on: `next` of the answer before"},
    {.name = "limit",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL,
     .least = 1,
     .most = PN_LOG_HITS_MAX,
     .help = "the number of places, at most"},
    PN_FIELDS_END};

/* ---- backfills ------------------------------------------------------------------------------- */

const struct pn_api_field pn_api_backfill_fields[] = {
    PN_FIELD("backfill", INT),
    PN_FIELD("dag", TEXT),
    PN_FIELD("state", TEXT),
    PN_FIELD("from_ms", INT),
    PN_FIELD("to_ms", INT),
    PN_FIELD("reprocess", TEXT),
    PN_FIELD("active_runs_max", INT),
    PN_FIELD_NULLABLE("created_ms", INT),
    PN_FIELD_NULLABLE("updated_ms", INT),
    PN_FIELD_NULLABLE("ended_ms", INT),
    {.name = "counts", .type = PN_API_OBJECT, .fields = counts},
    {.name = "taken", .type = PN_API_INT, .help = "runs that a newer backfill took over"},
    PN_FIELDS_END};
const struct pn_api_field pn_api_backfills_query[] = {PN_FIELD_OPTIONAL("dag", TEXT),
                                                      PN_FIELDS_END};
const struct pn_api_field pn_api_backfill_body[] = {
    PN_FIELD("from_ms", INT),
    PN_FIELD("to_ms", INT),
    {.name = "reprocess",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .words = "none|failed|completed"},
    {.name = "active_runs_max",
     .type = PN_API_INT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .least = 1,
     .most = PN_API_ACTIVE_RUNS_MAX},
    PN_FIELD_EITHER("dry_run", BOOL),
    {.name = "token",
     .type = PN_API_TEXT,
     .flags = PN_API_OPTIONAL | PN_API_NULLABLE,
     .help = "of a dry run: refused when the list has changed since"},
    PN_FIELDS_END};
