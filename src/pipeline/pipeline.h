/*
 * The pipeline definition: what a folder with a pipeline.yml says about topics, streams, tables,
 * queries and DAGs. Every station asks here; nothing else in the program knows a table's name.
 *
 *   <folder>/pipeline.yml       the definition (docs/pipeline.md is its manual)
 *   <folder>/clean/<x>.sql      one SELECT for each transformed table
 *   <folder>/queries/<name>.sql one SELECT for each named query, described by its first comment
 *   <folder>/prelude/<engine>.sql  functions that the engines spell differently
 *   <folder>/generator.yml      the built-in producer's fields and their distributions
 *
 * Loading validates everything: each error names file, line and key. All of it is read once and
 * never changes; pointers are borrowed from the pipeline.
 */
#ifndef PN_PIPELINE_PIPELINE_H
#define PN_PIPELINE_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "pipeline/file_format.h"
#include "schedule/schedule.h"

enum pn_type_kind {
    PN_TYPE_STRING,
    PN_TYPE_BIGINT,   /* 64 bits; Delta "long" */
    PN_TYPE_INT,      /* 32 bits; Delta "integer" */
    PN_TYPE_SMALLINT, /* 16 bits; Delta "short" */
    PN_TYPE_TINYINT,  /* 8 bits; Delta "byte" */
    PN_TYPE_DOUBLE,
    PN_TYPE_FLOAT,
    PN_TYPE_DECIMAL,
    PN_TYPE_BOOLEAN,
    PN_TYPE_TIMESTAMP, /* microseconds, a UTC instant; Delta "timestamp" */
    PN_TYPE_DATE,
    PN_TYPE_BINARY,
    PN_TYPE_JSON, /* any value, as its text; Delta "string" */
    PN_TYPE_STRUCT,
    PN_TYPE_ARRAY,
    PN_TYPE_MAP /* from strings */
};

enum { PN_DECIMAL_DIGITS_MAX = 38 };

struct pn_column;
struct pn_yaml;

struct pn_type {
    enum pn_type_kind kind;
    uint8_t precision;              /* DECIMAL: its digits, from 1 to PN_DECIMAL_DIGITS_MAX */
    uint8_t scale;                  /* and how many of them are after the point */
    const struct pn_column *fields; /* STRUCT; of an ARRAY, its element; of a MAP, key and value */
    size_t field_count;
};

/* What a column of a raw table takes of where a record came from (`from:`), and not of the record.
 * Those up to HEADERS are of a topic, those up to ARRIVAL of a stream, the others of a file. */
enum pn_origin {
    PN_ORIGIN_NONE,
    PN_ORIGIN_TOPIC,
    PN_ORIGIN_PARTITION,
    PN_ORIGIN_OFFSET,
    PN_ORIGIN_TIMESTAMP,
    PN_ORIGIN_KEY,
    PN_ORIGIN_HEADERS,
    PN_ORIGIN_STREAM,
    PN_ORIGIN_SHARD,
    PN_ORIGIN_SEQUENCE_NUMBER,
    PN_ORIGIN_PARTITION_KEY,
    PN_ORIGIN_ARRIVAL,
    PN_ORIGIN_FILE
};
enum { PN_ORIGINS = PN_ORIGIN_FILE + 1 };
extern const char *const pn_origin_names[PN_ORIGINS];

struct pn_column {
    const char *name;
    struct pn_type type;
    enum pn_origin topic_origin;  /* where records come from a topic, ... */
    enum pn_origin stream_origin; /* ... where they come from a stream, ... */
    enum pn_origin file_origin;   /* ... and where they come from a file; all NONE: the value is
                                     the record's */
    bool is_lenient; /* `coerce: lenient`: values of other types are taken too, by the rules of
                        engine/duckdb/coerce.h */
    bool required;   /* null, absent or of a wrong type: the record is not a row */
    const char *const *aliases; /* other names the value may come under */
    size_t alias_count;
    const char *unwrap; /* an object with this one member stands for the member's value, or NULL */
};

/* What happens to a member that no column takes; it is counted in any case. */
#define PN_UNKNOWN_COLUMN "_unknown"
enum pn_unknown_keys {
    PN_UNKNOWN_DROP,
    PN_UNKNOWN_KEEP,  /* kept, as a JSON object, in the string column PN_UNKNOWN_COLUMN after all
                         others; it is not among the table's `columns` */
    PN_UNKNOWN_REJECT /* the record goes to the dead letters */
};

/* What a run does with the rows that a raw or a transformed table has. */
enum pn_table_mode {
    PN_MODE_OVERWRITE, /* replaces all of them by what it makes of all there is */
    PN_MODE_APPEND,    /* adds those that it makes of what is new */
    PN_MODE_MERGE      /* the same, but one of a key replaces the row of that key */
};
extern const char *const pn_table_mode_names[PN_MODE_MERGE + 1];

/* What of a timestamp a partition is. */
enum pn_partition_unit {
    PN_PARTITION_VALUE, /* not of a timestamp: the values of a column as they are */
    PN_PARTITION_DAY,   /* a date */
    PN_PARTITION_MONTH, /* a string, "2026-01" */
    PN_PARTITION_HOUR   /* a string, "2026-01-31-07" */
};

/* One of the columns by which a table's files are divided. */
struct pn_partition {
    struct pn_column column; /* one of the table's, or the generated one */
    enum pn_partition_unit unit;
    const struct pn_column *source; /* of a generated column: the timestamp; NULL: not generated */
    const char *expression; /* Delta's generation expression, "CAST(placed AS DATE)"; or NULL */
};

/* A test of a table's rows, which are looked at before a run commits them. */
enum pn_expect_kind {
    PN_EXPECT_NOT_NULL,        /* none of `columns` is null */
    PN_EXPECT_UNIQUE,          /* `columns` together, where none of them is null */
    PN_EXPECT_ACCEPTED_VALUES, /* the column is null or one of `values` */
    PN_EXPECT_RANGE,           /* the column is null or from `min` to `max` */
    PN_EXPECT_RELATIONSHIP,    /* the column is null or in `other_column` of `other` */
    PN_EXPECT_EMPTY            /* `sql` gives no row */
};
enum { PN_EXPECT_KINDS = PN_EXPECT_EMPTY + 1, PN_EXPECTS_MAX = 100, PN_EXPECT_VALUES_MAX = 1000 };
extern const char *const pn_expect_kind_names[PN_EXPECT_KINDS];
enum pn_expect_action {
    PN_EXPECT_FAIL,      /* the run fails, and the table stays as it was */
    PN_EXPECT_WARN,      /* the run says so */
    PN_EXPECT_QUARANTINE /* the rows go to the dead letters */
};
enum { PN_EXPECT_ACTIONS = PN_EXPECT_QUARANTINE + 1 };
extern const char *const pn_expect_action_names[PN_EXPECT_ACTIONS];
struct pn_table;
struct pn_expect {
    enum pn_expect_kind kind;
    enum pn_expect_action action;
    const char *name; /* "range(amount)", or what the pipeline calls it */
    const struct pn_column **columns;
    size_t column_count;
    const char **values; /* as text */
    size_t value_count;
    const char *min; /* as text, or NULL */
    const char *max;
    const struct pn_table *other;
    const struct pn_column *other_column;
    const char *sql_file; /* of EMPTY, for messages */
    const char *sql;
};

/* Objects of the store that are a raw table's source. */
struct pn_table_files {
    const char *glob;           /* which ones (glob.h) */
    bool by_name;               /* the format is what an object's name says */
    enum pn_file_format format; /* otherwise */
    /* Of CSV: */
    char delimiter; /* 0: what the header is separated by, of , ; | and tab */
    char quote;
    bool has_no_header; /* the columns are the table's, in order */
};

struct pn_table {
    const char *name;       /* as queries call it */
    const char *path;       /* key in the store: "delta_tables/raw/x" */
    const char *from_topic; /* a raw table: loaded from the landed objects of this topic, or of all
                               topics that this pattern stands for (pattern.h); else NULL */
    const struct pn_table_files *from_files; /* a raw table: loaded from files; else NULL */
    const char *sql_file; /* a transformed table: path of its SELECT, for messages; else NULL */
    const char *sql;      /* that file's text */
    const struct pn_table *like; /* a stream table: rows come from a stream, columns and SELECT are
                                    this transformed table's; else NULL */
    const struct pn_table *in_place_of; /* a stream table: the raw table, of those that `like`
                                           reads, for which the stream's records stand; its columns
                                           say how a record is read; else NULL */
    const char *checkpoints; /* a stream table: key of the folder that shows where its processor
                                is */
    const struct pn_table *const *reads; /* the tables the SELECT reads, by name; of a stream table
                                            those that it joins, without `in_place_of`, which may
                                            come after it in the pipeline's list */
    size_t read_count;
    const struct pn_column *columns; /* in order */
    size_t column_count;
    const char *key_column; /* or NULL */
    enum pn_unknown_keys unknown_keys;
    enum pn_table_mode mode;
    const struct pn_column *order_column; /* MERGE: of rows of one key the one that is greatest in
                                             this column stays */
    const char *delete_when; /* MERGE: a condition of SQL over the columns: a row for which it is
                                true deletes that of its key; or NULL */
    bool deletion_vectors;   /* MERGE: may mark rows as deleted in files that stay */
    const struct pn_partition *partitions; /* in order; generated columns are not among `columns` */
    size_t partition_count;
    const char *replace_where; /* OVERWRITE of a transformed table: a condition of SQL over the
                                  partition columns. A run replaces the rows for which it is true,
                                  and makes no others; or NULL: all rows */
    struct pn_expect *expects; /* in order */
    size_t expect_count;
};

struct pn_pipeline_topic {
    const char *name;
    int32_t partitions;      /* at least 1 */
    int64_t retention_ms;    /* 0: the log's default; -1: forever */
    int64_t retention_bytes; /* 0: the log's default; -1: unlimited */
};

/* Which records of a stream go into which table. A table belongs to one stream only; of one stream
 * it may take several keys, each a flow. */
struct pn_flow {
    const char *partition_key; /* only records of this key; NULL: any */
    const struct pn_table *table;
};

enum pn_stream_start { PN_START_LATEST, PN_START_TRIM_HORIZON, PN_START_TIMESTAMP };

/* Reads "latest", "trim_horizon" or a time in ISO 8601; false when it isn't one. */
bool pn_stream_start_parse(const char *text, enum pn_stream_start *start, int64_t *start_ms);

/* A stream the pipeline wants to be there, and what reads it. */
struct pn_pipeline_stream {
    const char *name;
    int32_t shards;
    int32_t retention_hours;
    enum pn_stream_start start; /* where a processor begins that has no position yet */
    int64_t start_ms;           /* TIMESTAMP */
    const struct pn_flow *flows;
    size_t flow_count; /* 0: nobody reads it here */
};

struct pn_query {
    const char *name;
    const char *file;
    const char *sql;
    const char *description; /* first comment line, "" when none */
};

enum pn_task_kind {
    PN_TASK_CHECK_STORE, /* the store is there and readable */
    PN_TASK_LOAD,        /* landed objects to raw tables */
    PN_TASK_TRANSFORM,   /* raw to transformed tables */
    PN_TASK_COMMAND      /* a command line, run by /bin/sh -c: for DAGs of a user's own */
};

/* When a task starts, by what became of the tasks it comes after; as Airflow names the rules. */
enum pn_trigger_rule {
    PN_RULE_ALL_SUCCESS, /* all of them succeeded; the default */
    PN_RULE_ALL_FAILED,
    PN_RULE_ALL_DONE, /* none of them will run any more */
    PN_RULE_ALL_SKIPPED,
    PN_RULE_ONE_SUCCESS, /* at least one did, others may still run */
    PN_RULE_ONE_FAILED,
    PN_RULE_ONE_DONE,
    PN_RULE_NONE_FAILED,
    PN_RULE_NONE_FAILED_MIN_ONE_SUCCESS,
    PN_RULE_NONE_SKIPPED,
    PN_RULE_ALWAYS
};
enum { PN_TRIGGER_RULES = PN_RULE_ALWAYS + 1 };
extern const char *const pn_trigger_rule_names[PN_TRIGGER_RULES];

/* Slots that tasks of all DAGs share. */
struct pn_pool {
    const char *name;
    int32_t slots;
};
#define PN_POOL_DEFAULT "default_pool" /* of tasks that name none; it has no limit of its own */

struct pn_exit_codes {
    const int32_t *codes;
    size_t count;
};

struct pn_task {
    const char *name;
    enum pn_task_kind kind;
    const struct pn_table *const *tables; /* LOAD, TRANSFORM */
    size_t table_count;
    const char *command; /* COMMAND */
    const struct pn_task *const *after;
    size_t after_count;
    int32_t retries;
    int64_t retry_delay_ms;
    double retry_backoff;          /* factor from one delay to the next; 0, 1: none */
    int64_t retry_delay_max_ms;    /* a delay grows no further */
    struct pn_exit_codes no_retry; /* exit codes after which it is not tried again */
    struct pn_exit_codes skip;     /* exit codes that mean: skipped */
    int64_t timeout_ms;            /* of an attempt; 0: none */
    enum pn_trigger_rule rule;
    const char *pool;
    int32_t pool_slots; /* that it takes */
    int32_t priority;   /* the highest starts first */
    bool may_fail;      /* its failure is not the run's */
};

struct pn_dag {
    const char *name;
    const char *description;
    const struct pn_task *tasks; /* in an order in which each comes after all it is `after` */
    size_t task_count;
    int32_t parallelism;     /* tasks at once */
    int32_t active_runs_max; /* runs at once; further ones are queued */
    struct pn_schedule schedule;
    int64_t run_timeout_ms;         /* of a run; 0: none */
    const char *on_failure_webhook; /* a URL that gets a POST when a run fails, or NULL */
    const char *on_failure_command; /* what /bin/sh runs then, or NULL */
    const char *file;               /* where it is defined, below the pipeline's folder, ... */
    int line;                       /* ... and its line there */
    const char *definition; /* all that defines it: its members of pipeline.yml and those of its
                               pools and tables, without comments and layout, and their SQL. It
                               stays the same when another DAG changes. NULL: made in memory */
};
enum { PN_DAG_DEFINITION_BYTES_MAX = 8 << 20 };

/* What is a pattern (pattern.h) is in a list of its own: of those that the same name matches there
 * is one at most, and an exact name goes before all. */
struct pn_pipeline {
    const char *name;
    const char *description;
    const char *folder; /* absolute */
    const char *id;     /* of its owner, as used in names and paths: `pinion init --id` gives
                           another; NULL when there is none */
    const struct pn_pipeline_topic *topics;
    size_t topic_count;
    const struct pn_pipeline_topic *topic_patterns; /* a topic that matches is made like this */
    size_t topic_pattern_count;
    const struct pn_pipeline_stream *streams;
    size_t stream_count;
    const struct pn_pipeline_stream *stream_patterns; /* their tables are table_patterns */
    size_t stream_pattern_count;
    const struct pn_table *tables; /* a table comes after all it reads, but for stream tables */
    size_t table_count;
    const struct pn_table
        *table_patterns; /* stream tables: name, path and checkpoints have a `*` */
    size_t table_pattern_count;
    const struct pn_query *queries; /* sorted by name */
    size_t query_count;
    const struct pn_dag *dags;
    size_t dag_count;
    const struct pn_pool *pools; /* without the default one */
    size_t pool_count;
    const char *topics_dir;        /* where the sink lands, "topics" */
    const char *dead_letters_dir;  /* where the sink lands what is not JSON, "dead_letters" */
    const char *origins_dir;       /* where the sink lands the origins of records
                                      (store/origins_key.h); NULL: no table needs them */
    const char *dead_letters_path; /* key of the dead-letter Delta table */
    const char *stream_dead_letters_path; /* key of the Delta table of streams' dead letters */
    const char *prelude_duckdb;           /* text, "" when there is none */
    const char *prelude_spark;
    struct pn_pipeline_private *private_; /* owns the memory and the YAML */
};

/* Reads and checks a pipeline's folder. INPUT errors name file, line and key; a folder without a
 * pipeline.yml is MISSING. Destroy with pn_pipeline_destroy(). */
int pn_pipeline_load(const char *folder, const struct pn_io *io, struct pn_pipeline **pipeline,
                     struct pn_err *e) PN_MUST_CHECK;
void pn_pipeline_destroy(struct pn_pipeline **pipeline); /* NULL ok */

/* The pipeline.yml as it was read, with what it includes. What stands under `settings:` is checked
 * by settings/ alone. Borrowed. */
const struct pn_yaml *pn_pipeline_yaml(const struct pn_pipeline *pipeline);

/* The lines of the file that define a DAG, as they were read; in the arena. */
const char *pn_pipeline_dag_text(const struct pn_pipeline *pipeline, const struct pn_dag *dag,
                                 struct pn_arena *arena);

enum { PN_PIPELINE_NAME_MAX = 200 /* bytes */ };
/* Letters, digits, _ and -, 1 to PN_PIPELINE_ID_MAX of them. */
enum { PN_PIPELINE_ID_MAX = 64 };
bool pn_pipeline_id_valid(const char *id);

/* Each returns NULL when there is none of that name. */
const struct pn_pipeline_topic *pn_pipeline_topic(const struct pn_pipeline *pipeline,
                                                  const char *name);
const struct pn_table *pn_pipeline_table(const struct pn_pipeline *pipeline, const char *name);
const struct pn_pipeline_stream *pn_pipeline_stream(const struct pn_pipeline *pipeline,
                                                    const char *name);
/* The pattern that matches a name without a topic (stream) entry of its own; or NULL. */
const struct pn_pipeline_topic *pn_pipeline_topic_pattern(const struct pn_pipeline *pipeline,
                                                          const char *name);
/* Puts "file:line: key: " of the topic's number of partitions, or of the topic where it leaves that
 * out, before the message. */
void pn_pipeline_prefix_partitions(const struct pn_pipeline *pipeline,
                                   const struct pn_pipeline_topic *topic, struct pn_err *e);
const struct pn_pipeline_stream *pn_pipeline_stream_pattern(const struct pn_pipeline *pipeline,
                                                            const char *name);
/*
 * A stream of that name, and its tables, made of the pattern that it matches; in the arena. INPUT
 * when a table's path would be another one's, or invalid.
 */
int pn_pipeline_make_stream(const struct pn_pipeline *pipeline,
                            const struct pn_pipeline_stream *pattern, const char *name,
                            struct pn_arena *arena, const struct pn_pipeline_stream **stream,
                            struct pn_err *e) PN_MUST_CHECK;
/* Adds the stream of that name, made of the pattern that it matches, and its tables to the
 * pipeline's; one that is there already stays as it is. Before others see the pipeline. INPUT when
 * no pattern with tables matches, or a table would be another one's. */
int pn_pipeline_add_stream(struct pn_pipeline *pipeline, const char *name,
                           struct pn_err *e) PN_MUST_CHECK;
struct pn_store;
/* Adds to `tables` those in the store whose paths match a table pattern: what streams that match a
 * pattern have filled. Before others see the pipeline; the names are those that the streams have
 * given. One whose name differs from another's only in its case is left out. */
int pn_pipeline_find_tables(struct pn_pipeline *pipeline, struct pn_store *store,
                            struct pn_err *e) PN_MUST_CHECK;
/* Does any raw table read the topic? */
bool pn_pipeline_reads_topic(const struct pn_pipeline *pipeline, const char *topic);
/* Does any stream table read the stream, by its name or by a pattern? */
bool pn_pipeline_reads_stream(const struct pn_pipeline *pipeline, const char *name);
const struct pn_query *pn_pipeline_query(const struct pn_pipeline *pipeline, const char *name);
/* The MISSING error for a table that was never written: it says which task or stream makes the
 * table. */
int pn_pipeline_not_yet(const struct pn_pipeline *pipeline, const struct pn_table *table,
                        struct pn_err *e);
const struct pn_dag *pn_pipeline_dag(const struct pn_pipeline *pipeline, const char *name);
/* Puts before an error where the definition has this key of the table: "FILE:LINE:
 * tables.TABLE.KEY: ". KEY may be a map, of which it is `member` then, or a list, of which it is
 * the item at `item`. A table that a pattern made has no key: its name stands there alone. */
void pn_pipeline_prefix_key(const struct pn_pipeline *pipeline, const struct pn_table *table,
                            const char *key, const char *member, size_t item, struct pn_err *e);
enum pn_named {
    PN_NAMED_TABLE,
    PN_NAMED_TABLE_OR_KEY, /* a table, where a key in the store names one, too */
    PN_NAMED_QUERY,
    PN_NAMED_DAG
};
/* The pipeline's name that may be meant by a mistyped one; NULL: none is like it. */
const char *pn_pipeline_nearest(const struct pn_pipeline *pipeline, enum pn_named kind,
                                const char *name);
/* The MISSING error for a name that the pipeline does not have: it says which pipeline that is, and
 * which name of it may be meant. `folder` (NULL: none) is where the pipeline is, for commands. */
int pn_pipeline_has_no(const struct pn_pipeline *pipeline, enum pn_named kind, const char *name,
                       const char *folder, struct pn_err *e);
const struct pn_pool *pn_pipeline_pool(const struct pn_pipeline *pipeline, const char *name);
const struct pn_task *pn_dag_task(const struct pn_dag *dag, const char *name);
/* The MISSING error for a task that the DAG does not have. */
int pn_dag_has_no_task(const struct pn_dag *dag, const char *name, struct pn_err *e);

/* The type in DuckDB's SQL: "BIGINT", "TIMESTAMP WITH TIME ZONE", "STRUCT("a" DOUBLE, ...)". */
void pn_type_sql(const struct pn_type *type, struct pn_buf *out);
/* The same, with DuckDB's JSON where the type is json, whose values tables have as texts. */
void pn_type_json_sql(const struct pn_type *type, struct pn_buf *out);
/* The type as pipeline.yml spells it: "bigint", "struct<latitude double, ...>", "array<int>". */
void pn_type_name(const struct pn_type *type, struct pn_buf *out);
/* The type in Delta's schema JSON: "long", or {"type":"struct","fields":[...]}. */
void pn_type_delta(const struct pn_type *type, struct pn_buf *out);
/* Reads a type that Delta's schema names by a text, such as "long" or "decimal(10,2)"; false when
 * no type here is that. */
bool pn_type_of_delta(const char *name, size_t len, struct pn_type *type);
/* Is it a raw table, which a load makes of what came from outside? */
static inline bool pn_table_is_raw(const struct pn_table *table)
{
    return table->from_topic != NULL || table->from_files != NULL;
}
/* Has it a test that takes rows out? */
bool pn_table_quarantines(const struct pn_table *table);
/* Does the column take where a record came from, and no member of it? */
static inline bool pn_column_has_origin(const struct pn_column *column)
{
    return column->topic_origin != PN_ORIGIN_NONE || column->stream_origin != PN_ORIGIN_NONE ||
           column->file_origin != PN_ORIGIN_NONE;
}
/* Does a column of the table take this of records? */
bool pn_table_takes_origin(const struct pn_table *table, enum pn_origin origin);
/* Does a raw table that reads the topic take this of its records? */
bool pn_pipeline_takes_origin(const struct pn_pipeline *pipeline, const char *topic,
                              enum pn_origin origin);
/* The table for rows of files: its columns take from records what comes from a topic or a stream
 * elsewhere; in the arena. */
struct pn_table pn_table_of_files(const struct pn_table *table, struct pn_arena *arena);
/* The table with those columns alone whose values are in records; in the arena. */
struct pn_table pn_table_of_records(const struct pn_table *table, struct pn_arena *arena);
/* The columns that the table has in the store: those of `columns`, with PN_UNKNOWN_KEEP
 * PN_UNKNOWN_COLUMN, and the generated ones. */
size_t pn_table_stored_columns(const struct pn_table *table);
const struct pn_column *pn_table_stored_column(const struct pn_table *table, size_t i);
/* How pipeline.yml spells a partition: "region", "day(placed)". */
void pn_partition_text(const struct pn_partition *partition, struct pn_buf *out);
/* A table's whole schema as Delta's schema JSON, of all stored columns; every one nullable. */
void pn_table_delta_schema(const struct pn_table *table, struct pn_buf *out);
/* The same as a value of a document. */
void pn_table_put_schema(const struct pn_table *table, struct pn_json_writer *json);

#endif
