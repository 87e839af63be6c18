/* A scan of landed objects, as the two files of it share it: its files and their ranges
 * (landed.c), and the table function that reads them (landed_read.c). */
#ifndef PN_ENGINE_DUCKDB_LANDED_INTERNAL_H
#define PN_ENGINE_DUCKDB_LANDED_INTERNAL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "engine/duckdb/landed.h"
#include "store/fetch.h"

/* A record is known by its range and, within that, by its line. */
enum { PN_LANDED_LINE_BITS = 40 };

struct pn_scan_file {
    const char *topic; /* whose records it has */
    const char *name;  /* the object's key, or the file's path */
    const char *path;  /* of the file that is read, where it is not the name */
    bool is_object;    /* of the store */
    int64_t size_bytes;
    const char *etag; /* of an object */
    size_t first_unit;
    size_t unit_count;
    atomic_size_t units_left; /* to be read */
    atomic_bool has_rejects;
    bool has_offsets; /* by the thread that reads its first unit */
    int64_t first;
    int64_t end;
};

/* A range of a file: what one thread takes at a time. */
struct pn_landed_unit {
    size_t file;
    int64_t start;
    int64_t end;
    int64_t lines; /* in it, once read */
    uint32_t sum;  /* of its bytes, once read */
};

struct pn_landed_scan {
    struct pn_duckdb *engine;
    const struct pn_table *table;
    pn_landed_reject_fn on_reject;
    void *arg;
    int (*wants)(void *arg, const char *topic, const struct pn_object *object, bool *wanted,
                 struct pn_err *e);
    void *wants_arg;
    bool is_whole; /* files are not cut into ranges */
    size_t line_bytes_max;
    uint64_t number; /* its place in engine->scans */
    struct pn_arena arena;
    struct pn_scan_file *files;
    size_t file_count;
    size_t file_capacity;
    struct pn_landed_unit *units;
    size_t unit_count;
    size_t unit_capacity;
    int64_t bytes;
    int64_t passed_over;              /* objects of other names */
    const char *passed_over_example;  /* the first of them */
    struct pn_duckdb_failure failure; /* under the engine's lock */
    struct pn_fetch *fetch;           /* of its objects; NULL: they are read where they are */
    struct pn_object *fetched;        /* what it goes by: one for each file */
    atomic_size_t next;               /* unit to be taken */
    atomic_int_fast64_t rows;
    atomic_int_fast64_t rejected;
    struct pn_unknown unknown;
};

#endif
