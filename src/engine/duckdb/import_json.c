/* JSON of an import: each line is a record, by the rules of landed objects. An array becomes lines
 * first. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/gunzip.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/text_signature.h"
#include "engine/duckdb/import.h"
#include "engine/duckdb/json_array.h"
#include "engine/duckdb/landed.h"
#include "engine/duckdb/lines.h"

enum { PIECE_BYTES = 1 << 20 };
#define UNPACKED_BYTES_MAX (INT64_C(64) << 30)

/* --- arrays ----------------------------------------------------------------------------------- */

int pn_import_is_array(struct pn_importing *importing, bool *is_array, struct pn_err *e)
{
    struct pn_lines *lines = pn_lines_create(NULL, importing->engine->config.io, PN_LINE_BYTES_MAX);
    bool is_cut = false;
    int rc = pn_import_holds_array(lines, importing->file->path, false, is_array, &is_cut, e);
    pn_lines_destroy(&lines);
    return rc;
}

/* Does the line hold all of an array, and nothing after it? */
static bool is_whole_array(const struct pn_line *line)
{
    struct pn_array_split split = {.line = 1};
    struct pn_buf values;
    struct pn_err ignored;
    pn_buf_init(&values, line->len + 1);
    bool is = !line->too_long &&
              pn_array_split(&split, line->text, line->len, &values, &ignored) == 0 &&
              split.state == PN_ARRAY_AFTER;
    pn_buf_deinit(&values);
    return is;
}

/* The next line with more than blanks, as far as it is there; `at` is of its first byte after them.
 * The rest of one that is cut off may be anything. */
static int next_full_line(struct pn_lines *lines, struct pn_line *line, bool is_first, size_t *at,
                          bool *more, struct pn_err *e)
{
    int rc = 0;
    for (*more = true; rc == 0 && *more; is_first = false) {
        rc = pn_lines_next(lines, line, more, e);
        *at = rc == 0 && *more && is_first ? pn_text_bom(line->text, line->len) : 0;
        while (rc == 0 && *more && *at < line->len && pn_array_is_blank(line->text[*at])) {
            (*at)++;
        }
        if (rc == 0 && *more && (*at < line->len || line->too_long)) {
            break;
        }
    }
    return rc;
}

int pn_import_holds_array(struct pn_lines *lines, const char *name, bool is_object, bool *is_array,
                          bool *is_cut, struct pn_err *e)
{
    struct pn_line line = {.len = 0};
    size_t at = 0;
    bool more = false;
    *is_array = false;
    *is_cut = false;
    int rc = pn_lines_open(lines, name, is_object, 0, INT64_MAX, e);
    if (rc == 0) {
        rc = next_full_line(lines, &line, true, &at, &more, e);
    }
    if (rc == 0 && more && at == line.len) {
        *is_cut = true;
    } else if (rc == 0 && more && line.text[at] == '[') {
        *is_array = true;
        *is_cut = line.too_long;
        if (is_whole_array(&line)) {
            rc = next_full_line(lines, &line, false, &at, &more, e);
            *is_array = !more;
            *is_cut = rc == 0 && more && at == line.len;
        }
    }
    return rc;
}

/* The bytes of a file, in gzip too. */
struct source {
    const struct pn_io *io;
    const char *path;
    int fd;
    int64_t offset;
    struct pn_gunzip *gunzip; /* NULL: the file is as it is */
};

static int read_packed(void *arg, void *bytes, size_t len, int64_t offset, size_t *got,
                       struct pn_err *e)
{
    const struct source *source = arg;
    return pn_io_read_some(source->io, source->fd, bytes, len, offset, got, source->path, e);
}

static int read_piece(struct source *source, char *bytes, size_t *got, struct pn_err *e)
{
    int rc = source->gunzip != NULL
                 ? pn_gunzip_read(source->gunzip, bytes, PIECE_BYTES, got, e)
                 : read_packed(source, bytes, PIECE_BYTES, source->offset, got, e);
    source->offset += rc == 0 ? (int64_t)*got : 0;
    return rc;
}

/* The values between the file's brackets to a new file. */
static int split_array(const struct pn_importing *importing, struct source *source, int to,
                       const char *path, struct pn_err *e)
{
    struct pn_array_split split = {.line = 1};
    char *piece = pn_xcalloc(1, PIECE_BYTES);
    struct pn_buf out;
    int64_t at = 0;
    size_t got = 1;
    int rc = 0;
    pn_buf_init(&out, 2 * PIECE_BYTES);
    while (rc == 0 && got > 0) {
        pn_buf_reset(&out);
        rc = read_piece(source, piece, &got, e);
        if (rc == 0 && atomic_load(&importing->engine->interrupted)) {
            rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "interrupted");
        }
        if (rc != 0) {
            break;
        }
        rc = got > 0 ? pn_array_split(&split, piece, got, &out, e) : pn_array_split_end(&split, e);
        if (rc != 0) {
            pn_err_prefix(e, "%s", importing->file->name);
            pn_err_add(e, "; %s", pn_import_undone(importing->import));
        }
        rc = rc == 0 ? pn_buf_check(&out, "a piece of an array", e) : rc;
        if (rc == 0 && out.len > 0) {
            rc = pn_io_write_at(source->io, to, out.data, out.len, at, path, e);
            at += (int64_t)out.len;
        }
    }
    pn_buf_deinit(&out);
    free(piece);
    return rc;
}

static int write_lines(struct pn_importing *importing, const char *path, struct pn_err *e)
{
    struct source source = {
        .io = importing->engine->config.io, .path = importing->file->path, .fd = -1};
    int to = -1;
    int rc = pn_io_open(source.io, source.path, O_RDONLY, &source.fd, e);
    if (rc == 0) {
        rc = pn_io_open(source.io, path, O_WRONLY | O_CREAT | O_EXCL, &to, e);
    }
    if (rc == 0 && pn_lines_is_gzip(source.path)) {
        source.gunzip =
            pn_gunzip_create(read_packed, &source, importing->file->name, UNPACKED_BYTES_MAX);
    }
    if (rc == 0) {
        rc = split_array(importing, &source, to, path, e);
    }
    pn_gunzip_destroy(&source.gunzip);
    pn_io_close(source.io, &to);
    pn_io_close(source.io, &source.fd);
    return rc;
}

/* What is written next, in pieces. */
struct target {
    const struct pn_io *io;
    const char *path;
    int fd;
    int64_t at;
    struct pn_buf piece;
};

static int write_piece(struct target *target, struct pn_err *e)
{
    int rc = pn_buf_check(&target->piece, "a piece of a file", e);
    if (rc == 0 && target->piece.len > 0) {
        rc = pn_io_write_at(target->io, target->fd, target->piece.data, target->piece.len,
                            target->at, target->path, e);
        target->at += (int64_t)target->piece.len;
        pn_buf_reset(&target->piece);
    }
    return rc;
}

/* A line that is too long stays so, which the reader of the lines says: what is left of it may be a
 * whole value. */
static int copy_lines(struct pn_importing *importing, const char *path, struct pn_err *e)
{
    struct target target = {.io = importing->engine->config.io, .path = path, .fd = -1};
    struct pn_lines *lines = pn_lines_create(NULL, target.io, PN_LINE_BYTES_MAX);
    struct pn_line line = {.len = 0};
    bool more = true;
    pn_buf_init(&target.piece, PIECE_BYTES + PN_LINE_BYTES_MAX + 2);
    int rc = pn_lines_open(lines, importing->file->path, false, 0, INT64_MAX, e);
    if (rc == 0) {
        rc = pn_io_open(target.io, path, O_WRONLY | O_CREAT | O_EXCL, &target.fd, e);
    }
    while (rc == 0 && more) {
        rc = pn_lines_next(lines, &line, &more, e);
        if (rc == 0 && more) {
            pn_buf_add(&target.piece, line.text, line.len);
            pn_buf_adds(&target.piece, line.too_long ? "." : "");
            pn_buf_addc(&target.piece, '\n');
        }
        if (rc == 0 && (!more || target.piece.len >= PIECE_BYTES)) {
            rc = write_piece(&target, e);
        }
    }
    pn_io_close(target.io, &target.fd);
    pn_buf_deinit(&target.piece);
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
    /* A file came from no topic: it may have columns of where its rows once came from. */
    const struct pn_table table = pn_table_of_files(importing->import->table, &importing->arena);
    struct pn_landed_scan *scan = pn_landed_create(importing->engine, &table, take, &taking);
    int rc = pn_landed_add_copy(scan, path, importing->file->name, e);
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
