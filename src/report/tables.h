/*
 * The Delta tables of a pipeline as rows: which there are, and of one its schema, its files and its
 * history; and the queries over them.
 *
 * A table's name is that of the pipeline ("pin"), "dead_letters", "stream_dead_letters", or, with a
 * slash in it, a key in the store ("delta_tables/raw/pin"), whichever program made the table there.
 */
#ifndef PN_REPORT_TABLES_H
#define PN_REPORT_TABLES_H

#include "delta/delta.h"
#include "pipeline/pipeline.h"
#include "report/columns.h"
#include "report/table_memory.h"

/* The columns of the reports below. */
extern const struct pn_report_columns pn_table_columns;
extern const struct pn_report_columns pn_schema_columns;
extern const struct pn_report_columns pn_schema_since_columns;
extern const struct pn_report_columns pn_history_columns;
extern const struct pn_report_columns pn_named_query_columns;

/* What it takes to look at tables; all borrowed. */
struct pn_table_source {
    const struct pn_pipeline *pipeline;
    struct pn_store *store;
    const struct pn_delta_parquet *parquet; /* of the engine: checkpoints are read through it */
    const struct pn_delta_config *config;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_table_memory *memory; /* of the list of tables; NULL: each look reads all logs */
};

/* Is it the name of a table of dead letters? */
bool pn_report_is_dead_letters(const char *name);
/* The path of the table with that name, and the table itself where the pipeline has it (else NULL).
 * MISSING for an unknown name, which says in which `folder` the pipeline is (NULL: not); INPUT for
 * a bad key. Both are borrowed. */
int pn_report_find_table(const struct pn_pipeline *pipeline, const char *name, const char *folder,
                         const struct pn_table **table, const char **path,
                         struct pn_err *e) PN_MUST_CHECK;
/* A handle on the table at a path; the caller destroys it. */
struct pn_delta *pn_report_open_table(const struct pn_table_source *source, const char *path);

/*
 * table, kind, path, version, committed, files, rows, size_bytes, and in the API added, maker: of
 * each table of the pipeline, those of dead letters, and those that the pipeline does not declare
 * (undeclared.h; a source's memory keeps their names for UNDECLARED_MS); one that was never written
 * has the first three only, and so has one that cannot be read: `problem` gets the reason (NULL
 * ok). The kind is "raw" (from a topic), "clean" (by a SELECT), "stream", "dead_letters" or
 * "undeclared", whose table is named by its key. `rows` is null when a
 * file's statistics lack the number. `added` is a list of the rows that each of the newest commits
 * added, the oldest first; `maker` is what of this program made the newest. Both are empty unless
 * the source has a memory. Returns how many tables of the pipeline could not be read.
 */
size_t pn_report_tables(const struct pn_table_source *source, struct pn_row_writer *rows,
                        void (*problem)(void *arg, const char *table, const struct pn_err *why),
                        void *arg);
struct pn_json;
/* Appends a type of Delta's schema JSON as SQL has it: struct<name type, ...>. */
void pn_report_add_type(struct pn_buf *out, const struct pn_json *type);
/* column, type, nullable, partition. A type is written as SQL has it: struct<name type, ...>. With
 * `since` (pn_delta_columns_since() of the same snapshot; may be NULL) also since, since_exact. */
int pn_report_schema(const struct pn_delta_snapshot *snapshot, const struct pn_delta_since *since,
                     struct pn_row_writer *rows, struct pn_err *e) PN_MUST_CHECK;
/* Appends what of this program made something, as a line for people; nothing where it is not known.
 */
void pn_report_maker(const struct pn_delta_maker *maker, struct pn_buf *out);
/* version, committed, operation, files_added, files_removed, rows_added, made_by, engine, maker,
 * parameters, metrics, notes; made_by is a line for people: what of this program made the commit,
 * or else the engine; `maker` is the same for programs (delta/maker.h). From `engine` on the
 * columns are left out of a table, where they would be mostly braces.
 * `entries` are pn_delta_history()'s, which pages by version. */
void pn_report_history(const struct pn_delta_history_entry *entries, size_t count,
                       struct pn_row_writer *rows);

/* What made the commit, as in `made_by`. */
void pn_report_made_by(const struct pn_delta_history_entry *entry, struct pn_buf *out);

/* query, description, and in the API sql: of each query of the pipeline. */
void pn_report_queries(const struct pn_pipeline *pipeline, struct pn_row_writer *rows);

#endif
