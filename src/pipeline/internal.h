/* What the files of pipeline/ share beyond its headers. */
#ifndef PN_PIPELINE_INTERNAL_H
#define PN_PIPELINE_INTERNAL_H

#include "base/arena.h"
#include "pipeline/graph.h"
#include "pipeline/pipeline.h"
#include "pipeline/yaml.h"

/* --- the definition ------------------------------------------------------------------------- */

enum {
    PN_PIPELINE_TOPICS_MAX = 1000,
    PN_PIPELINE_STREAMS_MAX = 1000,
    PN_PIPELINE_TABLES_MAX = 1000,
    PN_PIPELINE_FOUND_MAX = 1000,   /* tables in the store that match a pattern */
    PN_PIPELINE_COLUMNS_MAX = 1000, /* of a table, or fields of a struct */
    PN_PIPELINE_QUERIES_MAX = 1000,
    PN_PIPELINE_DAGS_MAX = 100,
    PN_PIPELINE_TASKS_MAX = 1000, /* of a DAG */
    PN_PIPELINE_POOLS_MAX = 100,
    PN_PIPELINE_SQL_BYTES_MAX = 1 << 18,
    PN_PIPELINE_NAME_BYTES_MAX = 128,
    PN_TYPE_DEPTH_MAX = 8
};

/* A file that pipeline.yml includes. */
struct pn_included {
    const char *path; /* below the folder */
    struct pn_yaml yaml;
};

/* After a pipeline. */
struct pn_pipeline_private {
    struct pn_arena arena; /* everything but the pipeline itself */
    struct pn_yaml yaml;   /* pipeline.yml, with the sections of the files that it includes */
    struct pn_included *included;
    size_t included_count;
    const char **watched; /* below the folder: these files, and folders that a pattern lists */
    size_t watched_count;
    const struct pn_io *io;
    const char *folder;      /* as it was given, for messages */
    struct pn_table *tables; /* the pipeline's, with room for those that are found */
    size_t table_capacity;
    struct pn_dag *dags; /* the pipeline's */
};

/* Reads the files of `include:` and adds their sections to those of pipeline.yml. */
int pn_pipeline_include(struct pn_pipeline *pipeline, struct pn_err *e) PN_MUST_CHECK;
/* Each reads its part of the YAML into the pipeline, in this order, topics being there. */
int pn_pipeline_read_tables(struct pn_pipeline *pipeline, struct pn_err *e) PN_MUST_CHECK;
int pn_pipeline_read_streams(struct pn_pipeline *pipeline, struct pn_err *e) PN_MUST_CHECK;
int pn_pipeline_read_dags(struct pn_pipeline *pipeline, struct pn_err *e) PN_MUST_CHECK;
int pn_pipeline_read_pools(struct pn_pipeline *pipeline, struct pn_err *e) PN_MUST_CHECK;
/* Reads when a DAG is due: the keys of schedule/schedule.h. */
int pn_pipeline_read_schedule(struct pn_pipeline *pipeline, const struct pn_yaml_node *dag,
                              struct pn_schedule *schedule, struct pn_err *e) PN_MUST_CHECK;
/* Reads a task's trigger rule, pool, priority and exit codes over the defaults in *task. */
int pn_pipeline_read_task_rules(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                                struct pn_task *task, struct pn_err *e) PN_MUST_CHECK;
/* Names of DAGs, tasks and pools are in file names, URLs and Airflow's ids. */
int pn_pipeline_check_dag_name(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                               struct pn_err *e) PN_MUST_CHECK;
/* The path of a file of SQL below the pipeline's folder, where it always is. */
const char *pn_pipeline_below(const struct pn_pipeline *pipeline, const char *file);
/* The file that a node is in, below the pipeline's folder. */
#define PN_PIPELINE_FILE "pipeline.yml"
const char *pn_pipeline_file_of(const struct pn_pipeline *pipeline,
                                const struct pn_yaml_node *node);
/* Reads the folders queries/ and prelude/. */
int pn_pipeline_read_files(struct pn_pipeline *pipeline, struct pn_err *e) PN_MUST_CHECK;
/* Writes each DAG's definition, once all else was read. */
int pn_pipeline_define_dags(struct pn_pipeline *pipeline, struct pn_err *e) PN_MUST_CHECK;

/* Finds the table that a stream table is like, what its records stand for, and what it joins, once
 * all tables are known. `map` is the tables. */
int pn_pipeline_link_streamed(struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                              const struct pn_yaml_node *node, struct pn_table *table,
                              struct pn_err *e) PN_MUST_CHECK;

/* Reads a table's columns, and sets unknown_keys and the key. */
int pn_columns_read(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                    struct pn_table *table, struct pn_err *e) PN_MUST_CHECK;
/* Reads `from_files` and what belongs to it. */
int pn_from_files_read(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                       struct pn_table *table, struct pn_err *e) PN_MUST_CHECK;
/* Does the pattern leave alone what is kept at `path`, which `what` names? */
int pn_from_files_check(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                        const char *glob, const char *path, const char *what,
                        struct pn_err *e) PN_MUST_CHECK;
/* Reads `from` of a column, whose type is there; `node` is the column. */
int pn_origin_read(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                   struct pn_column *column, struct pn_err *e) PN_MUST_CHECK;
/* Does one of the tables take what the sink lands beside records (pn_pipeline.origins_dir)? */
bool pn_origins_land(const struct pn_table *tables, size_t count);
/* Reads `mode` and what belongs to it; the columns are there. */
int pn_mode_read(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                 struct pn_table *table, struct pn_err *e) PN_MUST_CHECK;
/* Reads `partition_by` and `replace_where`; columns and mode are there. */
int pn_partitions_read(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                       struct pn_table *table, struct pn_err *e) PN_MUST_CHECK;
/* Can each incremental table be one, by the modes of what it reads? `map` is the tables. */
int pn_mode_check_all(const struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                      struct pn_err *e) PN_MUST_CHECK;
/* Reads `expect`; all else of the table is there. */
int pn_expect_read(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                   struct pn_table *table, struct pn_err *e) PN_MUST_CHECK;
/* Finds the tables that relationships mean. `map` is the tables. */
int pn_expect_link_all(struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                       struct pn_err *e) PN_MUST_CHECK;
/* Reads "struct<a double>"; the message of an error is without file and line. */
int pn_type_parse(struct pn_arena *arena, const char *text, struct pn_type *type,
                  struct pn_err *e) PN_MUST_CHECK;

/* A name with a `*`, as the name it would be; NULL when it has more than one. The arena's. */
const char *pn_pattern_as_name(struct pn_pipeline *pipeline, const char *pattern);
/* Is one of the keys the other, or a folder above it? Where both have a `*` in the same part: may
 * they be? Where only one has, they are taken for different. */
bool pn_keys_overlap(const char *a, const char *b);
/* An ASCII letter or _, then letters, digits and _, at most PN_PIPELINE_NAME_BYTES_MAX. */
bool pn_is_identifier(const char *text, size_t len);
/* The number of a map's or list's children against `max`. NULL ok. */
int pn_pipeline_check_count(const struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                            size_t max, struct pn_err *e) PN_MUST_CHECK;
/* A pattern among the keys of `map`: one `*`, and no name that a pattern before it matches. */
int pn_pipeline_check_pattern(struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                              const struct pn_yaml_node *node, struct pn_err *e) PN_MUST_CHECK;
/* Reads a SQL file of the folder: UTF-8, not too large, something else in it than comments. The
 * message of an error names the file. */
int pn_pipeline_read_sql(struct pn_pipeline *pipeline, const char *path, const char **sql,
                         struct pn_err *e) PN_MUST_CHECK;
/* The tables that a list of names means, each named once. `tables` has room for the list. */
int pn_pipeline_read_tables_of(struct pn_pipeline *pipeline, const struct pn_yaml_node *list,
                               const struct pn_table **tables, size_t *count,
                               struct pn_err *e) PN_MUST_CHECK;

/* The members of a map in an order in which each comes after those it names. The arena's. */
struct pn_order {
    const struct pn_graph_node *nodes; /* by the place in the map */
    size_t *at;                        /* which member comes at a place of the order */
    size_t *place;                     /* where a member comes in the order */
};
/* `member` is the list in each of the map's values that names others; `what` they are. A cycle is
 * an error that shows it: "needs itself: a -> b -> a". */
int pn_pipeline_order(struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                      const char *member, const char *what, struct pn_order *order,
                      struct pn_err *e) PN_MUST_CHECK;

#endif
