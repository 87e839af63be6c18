/*
 * Reading landed objects: files of JSON lines, as rows of DuckDB's table function
 * pn_landed(<scan's number>).
 *
 * A scan has a schema and a list of files. It cuts large files into ranges, which several threads
 * take, unless the table needs all lines of a file in order (line_origins.h); a line belongs to the
 * range in which it starts. Lines end with LF; blank ones are nothing.
 * A line is a record (engine/record.h): one row, or several. What is not a row goes to the scan's
 * rejects, with its whole line. Where a file's first line only opens an object or array, its reason
 * says that the file seems to be indented.
 *
 * On a store that is not local, objects are fetched ahead of the threads (store/fetch.h).
 */
#ifndef PN_ENGINE_DUCKDB_LANDED_H
#define PN_ENGINE_DUCKDB_LANDED_H

#include "engine/duckdb/function.h"
#include "engine/duckdb/origin.h"
#include "engine/duckdb/unknown.h"

enum {
    PN_LINE_BYTES_MAX = 16 << 20,
    /* Of the sink: a record (log.h) in base64 or with escapes, and what is around it. */
    PN_SUNK_LINE_BYTES_MAX = 8 * (16 << 20)
};

/* Takes what is not a row. `unit` and `line` (from 1) are the place; see pn_landed_line_base(). */
struct pn_landed_reject {
    const struct pn_landed_scan *scan;
    const char *topic;  /* of the object, or as the file was added with: NULL if not known */
    const char *object; /* the object's key, or the file's path */
    size_t unit;
    int64_t line; /* 0: not known */
    const char *value;
    size_t value_len;
    const char *reason;
    const struct pn_origin_values *origin; /* as far as the table's columns need it */
};
typedef int (*pn_landed_reject_fn)(void *arg, const struct pn_landed_reject *reject,
                                   struct pn_err *e);

struct pn_landed_counts {
    int64_t rows;
    int64_t rejected;
    int64_t objects;
    int64_t bytes;
    int64_t passed_over;             /* objects whose names end otherwise */
    const char *passed_over_example; /* the first of them; the scan's; NULL: none */
};

/* `table` gives the columns. `on_reject` is called by several threads at once. */
struct pn_landed_scan *pn_landed_create(struct pn_duckdb *engine, const struct pn_table *table,
                                        pn_landed_reject_fn on_reject, void *arg);
/* A line may have so many bytes, in place of PN_LINE_BYTES_MAX. */
void pn_landed_take_lines(struct pn_landed_scan *scan, size_t bytes_max);
void pn_landed_destroy(struct pn_landed_scan **scan); /* NULL ok; no statement may use it */

/* Of the objects that pn_landed_add_topics() finds, only those that `wants` says are read. NULL:
 * all are. What is not zero ends the listing and is returned. */
void pn_landed_choose(struct pn_landed_scan *scan,
                      int (*wants)(void *arg, const char *topic, const struct pn_object *object,
                                   bool *wanted, struct pn_err *e),
                      void *arg);
/* Adds every object below <dir>/<topic>/ of the store whose name ends with .json or .json.gz: of
 * the topic, or of each topic that matches a pattern, and that is_wanted (NULL: all are). */
int pn_landed_add_topics(struct pn_landed_scan *scan, const char *dir, const char *pattern,
                         bool (*is_wanted)(void *arg, const char *topic), void *arg,
                         struct pn_err *e) PN_MUST_CHECK;
/* Adds a file by its path, as one of that topic; NULL: its topic is not known. */
int pn_landed_add_file(struct pn_landed_scan *scan, const char *path, const char *topic,
                       struct pn_err *e) PN_MUST_CHECK;

/* Adds an object of the store, as it was listed, that is of no topic. */
void pn_landed_add_object(struct pn_landed_scan *scan, const struct pn_object *object);
/* Adds a file of lines that were made of an object, under the object's key. */
int pn_landed_add_copy(struct pn_landed_scan *scan, const char *path, const char *key,
                       struct pn_err *e) PN_MUST_CHECK;
/* An object that others read; it counts as one of the scan's. What they found: rows, records that
 * are not rows (with their place and value; `scan`, `topic` and `unit` are set here), and columns
 * that the table lacks. */
void pn_landed_note(struct pn_landed_scan *scan, const char *key, int64_t size_bytes);
void pn_landed_note_rows(struct pn_landed_scan *scan, int64_t rows);
int pn_landed_note_reject(struct pn_landed_scan *scan, struct pn_landed_reject *reject,
                          struct pn_err *e) PN_MUST_CHECK;
void pn_landed_note_unknown(struct pn_landed_scan *scan, struct pn_unknown_names *names);

/* Appends "pn_landed(<number>)", for a statement that runs once, after all files were added. */
void pn_landed_add_call(struct pn_landed_scan *scan, struct pn_buf *sql);

/* After a statement that failed: the error of the scan after it, which DuckDB only quotes; false
 * when it wasn't the scan's. */
bool pn_landed_failure(struct pn_landed_scan *scan, struct pn_err *e);
/* After the statement: what it read. */
struct pn_landed_counts pn_landed_counts(const struct pn_landed_scan *scan);
/* And what it met of members that no column takes. */
void pn_landed_report_unknown(struct pn_landed_scan *scan, struct pn_table_report *report);
/* Units are numbered through all files, in order. How many lines are before a unit in its file? */
size_t pn_landed_units(const struct pn_landed_scan *scan);
int64_t pn_landed_line_base(const struct pn_landed_scan *scan, size_t unit);

/* One of its files, numbered as they were added, after the statement. */
struct pn_landed_file {
    const char *name; /* the object's key, or the file's path */
    const char *topic;
    bool is_object;
    int64_t lines;
    bool has_rejects;
    bool has_offsets; /* those that the store keeps beside it are known: */
    int64_t first;
    int64_t end;
};
size_t pn_landed_files(const struct pn_landed_scan *scan);
struct pn_landed_file pn_landed_file(const struct pn_landed_scan *scan, size_t i);

/* pn_landed() itself. */
extern const struct pn_duckdb_function pn_landed_function;

#endif
