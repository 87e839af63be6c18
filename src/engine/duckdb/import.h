/*
 * Imports (engine/import.h): from a file to a Parquet file of the table that no commit names yet.
 *
 *   import.c          an import's way: files, dead letters, commit
 *   import_file.c     one file: its rows, and what of it is not a row
 *   import_bad.c      records that are not rows
 *   import_paths.c    which files a statement reads
 *   import_csv.c      what the header of a CSV says, and how DuckDB reads it
 *   import_parquet.c  which columns of a Parquet file fit
 *   import_lines.c    a file as JSON lines, for a topic
 *   import_columns.c  columns of a file as those of the table, with checks
 *   import_nested.c   JSON texts as structs, arrays and maps
 *   json_array.c      an array as lines
 *   import_json.c     JSON, by the rules of landed objects
 *   csv_place.c       lines and bytes of records of a CSV
 *
 * CSV and Parquet are read by DuckDB's own readers. Values of a CSV are read as texts and converted
 * by expressions that refuse what DuckDB's casts would round.
 */
#ifndef PN_ENGINE_DUCKDB_IMPORT_H
#define PN_ENGINE_DUCKDB_IMPORT_H

#include "base/arena.h"
#include "engine/duckdb/write.h"
#include "engine/import.h"

/* A column of the table, and where its values come from. */
struct pn_import_column {
    const struct pn_column *column;
    bool is_file;      /* it is the file's name, whatever the file says */
    int64_t at;        /* of the file's columns; -1: the file has none, all are null, or is_file */
    const char *raw;   /* expressions of SQL: the value in the file, ... */
    const char *value; /* ... as one of the column; with the next one over pn_r<i> and pn_v<i> */
    const char *good;  /* is it? Not for nulls */
};

/* One file of an import. */
struct pn_importing {
    struct pn_duckdb *engine;
    duckdb_connection connection;
    const struct pn_import *import;
    const struct pn_import_file *file;
    size_t number; /* of the file, from 0 */
    struct pn_import_column *columns;
    size_t column_count; /* of the table */
    const char *first;   /* of a CSV: its first record */
    char delimiter;
    size_t width; /* columns of the file */
    /* Paths of files of one shape, which a statement reads together; NULL: the file's alone. */
    const char *const *paths;
    size_t path_count;
    const char *shape;    /* files of one are read by the same statement, but for the path */
    bool is_empty;        /* CSV: no header, so no rows */
    const char *row_json; /* Parquet: an expression, the row of the file as JSON */
    /* Columns that the table lacks. */
    struct pn_import_extra {
        size_t at;
        const char *name;
    } * extra;
    size_t extra_count;
    struct pn_arena arena;
    int64_t bad; /* rows in pn_bad */
};

/* --- import_bad.c ---------------------------------------------------------------------------- */

/* What is not a row is in the temporary table pn_bad (file, line, byte, reason, value). */
int pn_import_make_bad(duckdb_connection connection, struct pn_err *e) PN_MUST_CHECK;
struct pn_import_bad {
    int64_t line; /* from 1; of Parquet the row */
    int64_t byte; /* from 0; -1: not known */
    const char *reason;
    const char *value;
    size_t value_len;
};
int pn_import_add_bad(struct pn_importing *importing, duckdb_appender appender,
                      const struct pn_import_bad *bad, struct pn_err *e) PN_MUST_CHECK;
/* Sums of what is bad in each file, by its number; NULL: nothing is. Each malloc'ed. */
int pn_import_sum_bad(duckdb_connection connection, char **sums, struct pn_err *e) PN_MUST_CHECK;
/* The error of an import that has bad rows, and does not take them: it names the first. */
int pn_import_refuse(duckdb_connection connection, const struct pn_import *asked, int64_t bad,
                     struct pn_err *e) PN_MUST_CHECK;

/* --- import_letters.c ------------------------------------------------------------------------ */

/* Fails where the import's own commit would fail by now. */
struct pn_import_ready {
    int (*check)(void *arg, struct pn_err *e);
    void *arg;
};
/* Commits the dead letters of all files, after pn_bad has what is bad in them, and when the import
 * is `ready`; `snapshot` is the table's (NULL: there is none yet). Those that a killed import left
 * are not added again, and neither are those of a file whose rows a restore took out: they
 * stayed. */
int pn_import_letters(struct pn_duckdb *engine, duckdb_connection connection,
                      const struct pn_import *asked, const struct pn_delta_snapshot *snapshot,
                      const struct pn_import_ready *ready, struct pn_err *e) PN_MUST_CHECK;

/* --- import_paths.c -------------------------------------------------------------------------- */

/* "nothing was imported", or of a load "nothing was loaded". */
const char *pn_import_undone(const struct pn_import *import);
/* Appends the literal of the paths to read, and how the files are compressed. */
void pn_import_add_paths(const struct pn_importing *importing, struct pn_buf *sql);
void pn_import_add_packing(const struct pn_importing *importing, struct pn_buf *sql);

/* --- import_file.c --------------------------------------------------------------------------- */

/* Writes the file's rows; `written` is to be committed or undone. */
int pn_import_file_write(struct pn_importing *importing, struct pn_written *written,
                         struct pn_err *e) PN_MUST_CHECK;

/* The steps of it, for statements that read several files: finds the columns of CSV or Parquet;
 * appends a SELECT of the rows, without bad ones or failing at one; and after the statement found
 * bad rows, puts all of the file into pn_bad. The reader of CSV puts others into pn_rejects, which
 * is to be dropped before a statement. */
int pn_import_begin(struct pn_importing *importing, struct pn_err *e) PN_MUST_CHECK;
void pn_import_add_rows(const struct pn_importing *importing, bool without_bad, struct pn_buf *sql);
int pn_import_forget_rejects(duckdb_connection connection, struct pn_err *e) PN_MUST_CHECK;
int pn_import_count_rejects(duckdb_connection connection, int64_t *count,
                            struct pn_err *e) PN_MUST_CHECK;
int pn_import_explain(struct pn_importing *importing, struct pn_err *e) PN_MUST_CHECK;

/* The same as JSON lines in a new file at `path`; bad rows are in pn_bad, and then the file is not
 * whole. */
int pn_import_file_lines(struct pn_importing *importing, const char *path,
                         struct pn_err *e) PN_MUST_CHECK;

/* --- import_csv.c, import_parquet.c, import_json.c -------------------------------------------- */

/* Finds the columns, and how the file is separated. INPUT when they do not fit. */
int pn_import_read_header(struct pn_importing *importing, struct pn_err *e) PN_MUST_CHECK;
/* Appends the table function that reads the file, with columns c0, c1, ... */
void pn_import_add_read_csv(const struct pn_importing *importing, struct pn_buf *sql);
int pn_import_read_parquet(struct pn_importing *importing, struct pn_err *e) PN_MUST_CHECK;
int pn_import_json(struct pn_importing *importing, struct pn_written *written,
                   struct pn_err *e) PN_MUST_CHECK;
/* Is the text of a file, or of an object of the lines' store, one array? Lines that are each an
 * array are not. Only the first lines are looked at. *is_cut: a line was cut off, and *is_array is
 * what its start lets expect. */
struct pn_lines;
int pn_import_holds_array(struct pn_lines *lines, const char *name, bool is_object, bool *is_array,
                          bool *is_cut, struct pn_err *e) PN_MUST_CHECK;
/* Is the file one array? */
int pn_import_is_array(struct pn_importing *importing, bool *is_array,
                       struct pn_err *e) PN_MUST_CHECK;
/* Writes an array's values as lines to a new file, or copies the lines of a file, which may be in
 * gzip. INPUT, with line and byte, where an array is none. */
int pn_import_json_lines(struct pn_importing *importing, bool is_array, const char *path,
                         struct pn_err *e) PN_MUST_CHECK;

/* --- import_columns.c ------------------------------------------------------------------------- */

/* The table's columns, none of them found yet. */
void pn_import_begin_columns(struct pn_importing *importing);
/* The table's column for a name in the file, its own or an alias; NULL: it has none. */
struct pn_import_column *pn_import_column_for(struct pn_importing *importing, const char *name);
/* Matches the file's columns. INPUT when one is there twice, or is not the table's and not dropped;
 * or when a required one is missing. */
int pn_import_match(struct pn_importing *importing, const char *const *names, size_t count,
                    struct pn_err *e) PN_MUST_CHECK;
/* Lets PN_UNKNOWN_COLUMN take the columns that the table lacks, where it keeps them: of CSV they
 * are called c<number>. */
void pn_import_keep_extra(struct pn_importing *importing);
/* An expression for a value that is there; of a record one that JSON can hold. */
const char *pn_import_is_there(struct pn_importing *importing,
                               const struct pn_import_column *column, size_t i);
/* How a text becomes a value of the column. */
void pn_import_from_text(struct pn_importing *importing, struct pn_import_column *column, size_t i);
/* Appends: the raw and converted values as a list; the rows' columns; and an expression that is
 * null for a row, or says why it is none. */
void pn_import_add_values(const struct pn_importing *importing, struct pn_buf *sql);
void pn_import_add_row(const struct pn_importing *importing, struct pn_buf *sql);
void pn_import_add_reason(const struct pn_importing *importing, struct pn_buf *sql);
/* Appends the rows' columns as a topic's records have them. */
void pn_import_add_record(const struct pn_importing *importing, struct pn_buf *sql);
/* Does a failure of a statement say that there is a bad row? */
bool pn_import_is_bad_row(const struct pn_err *e);

/* --- import_nested.c -------------------------------------------------------------------------- */

/* An expression that makes a struct, an array or a map of a JSON text; null where it does not fit.
 * In the arena. */
const char *pn_import_nested(const struct pn_type *type, const char *raw, struct pn_arena *arena);
/* Has the type numbers that may be infinite, or none (NaN), at any depth? And an expression that no
 * such number of a value is; in the arena. */
bool pn_import_may_be_infinite(const struct pn_type *type);
const char *pn_import_is_finite(const struct pn_type *type, const char *of, struct pn_arena *arena);

/* --- csv_place.c ------------------------------------------------------------------------------ */

/*
 * Calls `record` for each record of a CSV after its header, in order, until it returns non-zero:
 * number from 1, line from 1, byte from 0. An empty line is a record only where records have one
 * value. The text is the record's without its end, and cut off after 1 MiB. The file may be in
 * gzip.
 */
struct pn_csv_shape {
    char quote;
    char delimiter; /* 0: not known yet */
    size_t width;   /* likewise */
    bool has_header;
};
struct pn_csv_record {
    int64_t number;
    int64_t line;
    int64_t byte;
    int64_t end; /* the byte after it */
    const char *text;
    size_t len;
};
int pn_csv_records(const struct pn_io *io, const char *path, const struct pn_csv_shape *shape,
                   int (*record)(void *arg, const struct pn_csv_record *record, struct pn_err *e),
                   void *arg, struct pn_err *e) PN_MUST_CHECK;

/* --- import_lines.c -------------------------------------------------------------------------- */

/* INPUT: the path's file is not the one any more that its hash was made from. */
int pn_import_check_same(const struct pn_duckdb *engine, const struct pn_import_file *file,
                         struct pn_err *e) PN_MUST_CHECK;

/* Decompresses what only some of the readers can; *unpacked is NULL for other files. Caller removes
 * the file, after a failure too, and frees its path. */
int pn_import_unpack(struct pn_duckdb *engine, const struct pn_import_file *file, char **unpacked,
                     struct pn_err *e) PN_MUST_CHECK;
int pn_duckdb_import_lines(struct pn_embedded_engine *base, const struct pn_import *import,
                           size_t number, struct pn_import_lines *lines,
                           struct pn_err *e) PN_MUST_CHECK;

/* --- import.c --------------------------------------------------------------------------------- */

int pn_duckdb_import(struct pn_embedded_engine *base, const struct pn_import *import,
                     struct pn_import_report *report, struct pn_err *e) PN_MUST_CHECK;

#endif
