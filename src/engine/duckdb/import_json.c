/* JSON of an import: each line is a record, by the rules of landed objects. An array becomes lines
 * first. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "base/random.h"
#include "engine/duckdb/import.h"
#include "engine/duckdb/landed.h"
#include "engine/duckdb/lines.h"

#define VALUE_BYTES_MAX "16777216"

/* --- arrays ----------------------------------------------------------------------------------- */

/* The first and last character that is not blank; 0: there is none. */
struct ends {
    char first;
    char last;
};

static void look_at(struct ends *ends, const struct pn_line *line)
{
    for (size_t i = 0; i < line->len; i++) {
        if (strchr(" \t\r", line->text[i]) == NULL) {
            ends->first = ends->first == 0 ? line->text[i] : ends->first;
            ends->last = line->text[i];
        }
    }
}

/* Does the text begin with a bracket? DuckDB takes an array without an end for whole. */
int pn_import_is_array(struct pn_importing *importing, bool *is_array, struct pn_err *e)
{
    struct pn_lines *lines = pn_lines_create(NULL, importing->engine->config.io, PN_LINE_BYTES_MAX);
    struct pn_line line = {.len = 0};
    struct ends ends = {0};
    bool more = true;
    int rc = pn_lines_open(lines, importing->file->path, false, 0, INT64_MAX, e);
    while (rc == 0 && more && (ends.first == 0 || ends.first == '[')) {
        rc = pn_lines_next(lines, &line, &more, e);
        if (rc == 0 && more) {
            look_at(&ends, &line);
        }
    }
    *is_array = ends.first == '[';
    if (rc == 0 && *is_array && ends.last != ']') {
        rc = pn_err_input(e, "%s: the array has no end: the file is not whole; %s",
                          importing->file->name, pn_import_undone(importing->import));
    }
    pn_lines_destroy(&lines);
    return rc;
}

/* Newlines of a JSON text are outside of its strings. */
static int write_lines(struct pn_importing *importing, const char *path, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SET GLOBAL preserve_insertion_order = true; COPY (SELECT "
                      "translate(CAST(json AS VARCHAR), chr(10) || chr(13), '  ') FROM "
                      "read_json_objects(");
    pn_duckdb_add_path(&sql, importing->file->path);
    pn_import_add_packing(importing, &sql);
    pn_buf_adds(&sql, ", format = 'array', maximum_object_size = " VALUE_BYTES_MAX ")) TO ");
    pn_duckdb_add_text(&sql, path);
    pn_buf_adds(&sql, " (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER e'\\x01', "
                      "COMPRESSION none)");
    int rc = pn_duckdb_run_buf(importing->connection, &sql, NULL, e);
    struct pn_err ignored;
    int again = pn_duckdb_run(importing->connection, "SET GLOBAL preserve_insertion_order = false",
                              NULL, &ignored);
    (void)again; /* order costs time, and nothing else */
    if (rc != 0) {
        pn_err_prefix(e, "%s", importing->file->name);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* A line that is cut off is not JSON any more, which the reader of the lines says. */
static int copy_lines(struct pn_importing *importing, const char *path, struct pn_err *e)
{
    const struct pn_io *io = importing->engine->config.io;
    struct pn_lines *lines = pn_lines_create(NULL, io, PN_LINE_BYTES_MAX);
    struct pn_line line = {.len = 0};
    bool more = true;
    int64_t at = 0;
    int fd = -1;
    int rc = pn_lines_open(lines, importing->file->path, false, 0, INT64_MAX, e);
    if (rc == 0) {
        rc = pn_io_open(io, path, O_WRONLY | O_CREAT | O_EXCL, &fd, e);
    }
    while (rc == 0 && more) {
        rc = pn_lines_next(lines, &line, &more, e);
        struct iovec parts[] = {{(char *)line.text, line.len}, {(char *)"\n", 1}};
        if (rc == 0 && more) {
            rc = pn_io_writev_at(io, fd, parts, 2, at, path, e);
            at += (int64_t)line.len + 1;
        }
    }
    pn_io_close(io, &fd);
    pn_lines_destroy(&lines);
    return rc;
}

int pn_import_json_lines(struct pn_importing *importing, bool is_array, const char *path,
                         struct pn_err *e)
{
    return is_array ? write_lines(importing, path, e) : copy_lines(importing, path, e);
}

/* --- what is not a row ------------------------------------------------------------------------ */

struct reject {
    size_t unit;
    int64_t line;
    const char *reason;
    const char *value;
    size_t value_len;
};

struct taking {
    pthread_mutex_t lock;
    struct pn_arena arena;
    struct reject *items;
    size_t count;
    size_t capacity;
    int64_t bytes;
};
enum { REJECTS_BYTES_MAX = 256 << 20, VALUE_KEPT_BYTES_MAX = 1 << 20 };

static int take(void *arg, const struct pn_landed_reject *reject, struct pn_err *e)
{
    struct taking *taking = arg;
    size_t len =
        reject->value_len < VALUE_KEPT_BYTES_MAX ? reject->value_len : VALUE_KEPT_BYTES_MAX;
    int rc = 0;
    pthread_mutex_lock(&taking->lock);
    taking->bytes += (int64_t)(len + strlen(reject->reason));
    if (taking->bytes > REJECTS_BYTES_MAX) {
        rc = pn_err_input(e, "more than %d MiB of the file are not rows: is it the right file?",
                          REJECTS_BYTES_MAX >> 20);
    } else {
        pn_grow((void **)&taking->items, &taking->capacity, taking->count + 1,
                sizeof *taking->items);
        taking->items[taking->count++] =
            (struct reject){.unit = reject->unit,
                            .line = reject->line,
                            .reason = pn_arena_strdup(&taking->arena, reject->reason),
                            .value = pn_arena_strndup(&taking->arena, reject->value, len),
                            .value_len = len};
    }
    pthread_mutex_unlock(&taking->lock);
    return rc;
}

static int keep_rejects(struct pn_importing *importing, const struct pn_landed_scan *scan,
                        const struct taking *taking, struct pn_err *e)
{
    duckdb_appender appender = NULL;
    int rc = 0;
    if (duckdb_appender_create(importing->connection, NULL, "pn_bad", &appender) != DuckDBSuccess) {
        rc = pn_err_fatal(e, "DuckDB does not accept rows");
    }
    for (size_t i = 0; rc == 0 && i < taking->count; i++) {
        const struct reject *item = &taking->items[i];
        const struct pn_import_bad bad = {.line =
                                              pn_landed_line_base(scan, item->unit) + item->line,
                                          .byte = -1,
                                          .reason = item->reason,
                                          .value = item->value,
                                          .value_len = item->value_len};
        rc = pn_import_add_bad(importing, appender, &bad, e);
    }
    if (duckdb_appender_destroy(&appender) != DuckDBSuccess && rc == 0) {
        rc = pn_err_fatal(e, "DuckDB does not accept rows");
    }
    return rc;
}

/* --- rows ------------------------------------------------------------------------------------- */

static int write_rows(struct pn_importing *importing, const char *path, struct pn_written *written,
                      struct pn_err *e)
{
    struct taking taking = {.count = 0};
    struct pn_buf sql;
    pthread_mutex_init(&taking.lock, NULL);
    pn_arena_init(&taking.arena, 0);
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    /* A file came from nowhere: it may have columns of where its rows once came from. */
    const struct pn_table table =
        pn_table_without_origins(importing->import->table, &importing->arena);
    struct pn_landed_scan *scan = pn_landed_create(importing->engine, &table, take, &taking);
    int rc = pn_landed_add_file(scan, path, NULL, e);
    if (rc == 0) {
        pn_buf_adds(&sql, "SELECT * FROM ");
        pn_landed_add_call(scan, &sql);
        rc = pn_duckdb_write(importing->engine, importing->connection, importing->import->table,
                             &sql, written, e);
        if (rc != 0) {
            (void)pn_landed_failure(scan, e);
        }
    }
    if (rc == 0) {
        rc = keep_rejects(importing, scan, &taking, e);
    }
    pn_landed_destroy(&scan);
    pn_buf_deinit(&sql);
    free(taking.items);
    pn_arena_deinit(&taking.arena);
    pthread_mutex_destroy(&taking.lock);
    return rc;
}

int pn_import_json(struct pn_importing *importing, struct pn_written *written, struct pn_err *e)
{
    bool is_array = false;
    const char *folder = NULL;
    char uuid[PN_UUID_SIZE];
    int rc = pn_import_is_array(importing, &is_array, e);
    if (rc != 0 || !is_array) {
        return rc != 0 ? rc : write_rows(importing, importing->file->path, written, e);
    }
    rc = pn_duckdb_temp_folder(importing->engine, &folder, e);
    if (rc != 0) {
        return rc;
    }
    char *path = pn_xasprintf("%s/array-%s.jsonl", folder, pn_uuid(uuid));
    rc = write_lines(importing, path, e);
    if (rc == 0) {
        rc = write_rows(importing, path, written, e);
    }
    pn_duckdb_remove_file(importing->engine, path);
    free(path);
    return rc;
}
