#include "engine/duckdb/offsets.h"

#include <stdlib.h>
#include <string.h>

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

/* The key of the object's companion; NULL when it isn't a landed object. Caller frees. */
static char *key_of_companion(const struct pn_duckdb *engine, const struct pn_landed_file *file)
{
    const char *dir = engine->pipeline->topics_dir;
    size_t dir_len = strlen(dir);
    if (!file->is_object || strncmp(file->name, dir, dir_len) != 0) {
        return NULL;
    }
    return pn_xasprintf("%s%s", engine->pipeline->dead_letters_dir, file->name + dir_len);
}

/* *known is false when a line of the companion names no offset that can be the next one's. */
static int read_companion(struct making *making, const char *key, int64_t first, int64_t end,
                          struct sunk *sunk, bool *known, struct pn_err *e)
{
    bool more = true;
    int64_t least = first;
    struct pn_err why = {0};
    int rc = pn_lines_open(making->lines, key, true, 0, INT64_MAX, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
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

/* One row for where the object starts, and one after each run of dead letters. */
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
    struct pn_err why = {0};
    int rc = pn_lines_open(making->lines, file->name, file->is_object, 0, INT64_MAX, &why);
    if (rc != 0 && why.class_ != PN_CLASS_MISSING) {
        pn_err_copy(e, &why);
        return rc;
    }
    if (rc != 0 || !pn_lines_offsets(making->lines, &first, &end)) {
        return 0;
    }
    char *companion = key_of_companion(making->engine, file);
    if (companion != NULL) {
        rc = read_companion(making, companion, first, end, &sunk, &known, e);
    }
    if (rc == 0 && known && file->lines + (int64_t)sunk.count == end - first) {
        rc = append_steps(making, scan, file->name, first, &sunk, e);
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
    making.lines = pn_lines_create(engine->store, engine->config.io, DEAD_LETTER_BYTES_MAX);
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
