#include "engine/duckdb/offsets.h"

#include <stdlib.h>
#include <string.h>

#include "base/file_offsets.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/duckdb/lines.h"

enum {
    DEAD_LETTER_BYTES_MAX = 4 * PN_LINE_BYTES_MAX
}; /* a value in base64, its key, and escapes */

struct making {
    struct pn_duckdb *engine;
    duckdb_appender appender;
    struct pn_lines *lines;
    struct pn_json_parser *parser;
};

/* The offsets of an object's dead letters, in the order of the log. */
struct sunk {
    int64_t *offsets;
    size_t count;
    size_t capacity;
};

/* The path of the object's companion; NULL when `object` isn't a key of a landed object. */
static int find_companion(const struct pn_duckdb *engine, const char *object, char **path,
                          struct pn_err *e)
{
    const char *dir = engine->pipeline->topics_dir;
    size_t dir_len = strlen(dir);
    *path = NULL;
    if (engine->config.landed_folder != NULL || strncmp(object, dir, dir_len) != 0) {
        return 0;
    }
    char *key = pn_xasprintf("%s%s", engine->pipeline->dead_letters_dir, object + dir_len);
    int rc = pn_store_url(engine->store, key, path, e);
    free(key);
    return rc;
}

/* *known is false when a line of the companion names no offset that can be the next one's. */
static int read_companion(struct making *making, const char *path, int64_t first, int64_t end,
                          struct sunk *sunk, bool *known, struct pn_err *e)
{
    bool more = true;
    int64_t least = first;
    if (!pn_io_exists(making->engine->config.io, path)) {
        return 0;
    }
    int rc = pn_lines_open(making->lines, path, 0, INT64_MAX, e);
    while (rc == 0 && *known) {
        struct pn_line line;
        struct pn_json *root = NULL;
        rc = pn_lines_next(making->lines, &line, &more, e);
        if (rc != 0 || !more) {
            break;
        }
        int64_t offset = -1;
        if (!line.too_long &&
            pn_json_parse(making->parser, line.text, line.len, line.capacity, &root, NULL) == 0) {
            offset = pn_json_get_i64(root, "offset", -1);
        }
        *known = least <= offset && offset < end;
        least = offset + 1;
        pn_grow((void **)&sunk->offsets, &sunk->capacity, sunk->count + 1, sizeof *sunk->offsets);
        sunk->offsets[sunk->count++] = offset;
    }
    return rc;
}

static int append(struct making *making, size_t scan, const char *object, int64_t line,
                  int64_t shift, struct pn_err *e)
{
    bool ok = duckdb_append_int64(making->appender, (int64_t)scan) == DuckDBSuccess &&
              duckdb_append_varchar(making->appender, object) == DuckDBSuccess &&
              duckdb_append_int64(making->appender, line) == DuckDBSuccess &&
              duckdb_append_int64(making->appender, shift) == DuckDBSuccess &&
              duckdb_appender_end_row(making->appender) == DuckDBSuccess;
    return ok ? 0 : pn_err_fatal(e, "DuckDB does not accept offsets of lines");
}

/* One row for where the object starts, and one behind each run of dead letters. */
static int append_steps(struct making *making, size_t scan, const char *object, int64_t first,
                        const struct sunk *sunk, struct pn_err *e)
{
    int64_t line = 1;
    int64_t shift = first - 1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sunk->count; i++) {
        int64_t next = sunk->offsets[i] - shift; /* of the line that comes after this dead letter */
        if (next > line) {
            rc = append(making, scan, object, line, shift, e);
            line = next;
        }
        shift++;
    }
    return rc != 0 ? rc : append(making, scan, object, line, shift, e);
}

static int add_object(struct making *making, size_t scan, const struct pn_landed_file *file,
                      struct pn_err *e)
{
    struct sunk sunk = {0};
    int64_t first = 0;
    int64_t end = 0;
    bool known = true;
    char *companion = NULL;
    if (!pn_file_offsets_get(making->engine->config.io, file->path, &first, &end)) {
        return 0;
    }
    int rc = find_companion(making->engine, file->object, &companion, e);
    if (rc == 0 && companion != NULL) {
        rc = read_companion(making, companion, first, end, &sunk, &known, e);
    }
    if (rc == 0 && known && file->lines + (int64_t)sunk.count == end - first) {
        rc = append_steps(making, scan, file->object, first, &sunk, e);
    }
    free(companion);
    free(sunk.offsets);
    return rc;
}

int pn_offsets_make_table(struct pn_duckdb *engine, duckdb_connection connection,
                          struct pn_landed_scan *const *scans, size_t count, struct pn_err *e)
{
    struct making making = {.engine = engine};
    int rc = pn_duckdb_run(connection,
                           "CREATE OR REPLACE TEMP TABLE line_offsets (scan BIGINT, "
                           "object VARCHAR, line BIGINT, shift BIGINT)",
                           NULL, e);
    if (rc != 0) {
        return rc;
    }
    making.lines = pn_lines_create(engine->config.io, DEAD_LETTER_BYTES_MAX);
    making.parser = pn_json_parser_create();
    if (duckdb_appender_create(connection, NULL, "line_offsets", &making.appender) !=
        DuckDBSuccess) {
        rc = pn_err_fatal(e, "DuckDB does not accept offsets of lines");
    }
    for (size_t scan = 0; rc == 0 && scan < count; scan++) {
        for (size_t i = 0; rc == 0 && i < pn_landed_files(scans[scan]); i++) {
            struct pn_landed_file file = pn_landed_file(scans[scan], i);
            rc = file.has_rejects ? add_object(&making, scan, &file, e) : 0;
        }
    }
    if (duckdb_appender_destroy(&making.appender) != DuckDBSuccess && rc == 0) {
        rc = pn_err_fatal(e, "DuckDB does not accept offsets of lines");
    }
    pn_json_parser_destroy(&making.parser);
    pn_lines_destroy(&making.lines);
    return rc;
}
