#include "engine/duckdb/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/file_offsets.h"
#include "base/file_sum.h"
#include "base/gunzip.h"
#include "base/json.h"
#include "base/mem.h"
#include "pipeline/file_format.h"

enum { BLOCK_BYTES = 512 * 1024 };

/* What a file in gzip may hold: a thousandth of it may be on the disk. */
static const int64_t GUNZIP_BYTES_MAX = INT64_C(64) << 30;

struct pn_lines {
    struct pn_store *store;
    const struct pn_io *io;
    size_t line_bytes_max;
    struct pn_store_file *object; /* open, or NULL, ... */
    int fd;                       /* ... and a file, or -1 */
    char *name;                   /* in errors: the object's key, or the file's path */
    char *path;                   /* of the file that is open, or NULL */
    struct pn_gunzip *gunzip;     /* NULL: the file is as it is */
    char *data;
    size_t capacity; /* without the padding after it */
    size_t start;    /* of the line that comes next, in data */
    size_t len;      /* bytes in data */
    int64_t offset;  /* in the file, of data[0] */
    int64_t begin;   /* of the range */
    int64_t end;
    uint32_t sum;   /* of what was read of the range */
    bool at_end;    /* of the file */
    bool rest_left; /* of a line that was cut off: to be skipped */
};

struct pn_lines *pn_lines_create(struct pn_store *store, const struct pn_io *io,
                                 size_t line_bytes_max)
{
    struct pn_lines *lines = pn_xcalloc(1, sizeof *lines);
    lines->store = store;
    lines->io = io;
    lines->line_bytes_max = line_bytes_max;
    lines->fd = -1;
    lines->capacity = BLOCK_BYTES;
    lines->data = pn_xcalloc(1, lines->capacity + PN_JSON_PADDING);
    return lines;
}

bool pn_lines_is_gzip(const char *name)
{
    return pn_file_packing_of(name) == PN_FILE_GZIP;
}

static void close_file(struct pn_lines *lines)
{
    pn_gunzip_destroy(&lines->gunzip);
    pn_store_close(&lines->object);
    pn_io_close(lines->io, &lines->fd);
    free(lines->name);
    free(lines->path);
    lines->name = NULL;
    lines->path = NULL;
}

void pn_lines_destroy(struct pn_lines **lines)
{
    if (*lines == NULL) {
        return;
    }
    close_file(*lines);
    free((*lines)->data);
    free(*lines);
    *lines = NULL;
}

/* Adds bytes at an offset of the file, as far as they are in the range. */
static void add_to_sum(struct pn_lines *lines, const char *bytes, size_t len, int64_t offset)
{
    int64_t from = offset > lines->begin ? offset : lines->begin;
    int64_t until = offset + (int64_t)len < lines->end ? offset + (int64_t)len : lines->end;
    if (from < until) {
        lines->sum = pn_crc32c_add(lines->sum, bytes + (from - offset), (size_t)(until - from));
    }
}

uint32_t pn_lines_sum(const struct pn_lines *lines)
{
    return lines->sum;
}

bool pn_lines_offsets(const struct pn_lines *lines, int64_t *first, int64_t *end)
{
    if (lines->object == NULL) {
        return pn_file_offsets_get(lines->io, lines->path, first, end);
    }
    return pn_store_offsets(lines->object, first, end);
}

bool pn_lines_stored_sum(const struct pn_lines *lines, uint32_t *sum)
{
    if (lines->object == NULL) {
        return pn_file_sum_get(lines->io, lines->path, sum);
    }
    return pn_store_sum(lines->object, sum);
}

static int read_at(void *arg, void *bytes, size_t len, int64_t offset, size_t *got,
                   struct pn_err *e)
{
    struct pn_lines *lines = arg;
    return lines->object != NULL
               ? pn_store_read_at(lines->object, bytes, len, offset, got, e)
               : pn_io_read_some(lines->io, lines->fd, bytes, len, offset, got, lines->name, e);
}

static int read_on(struct pn_lines *lines, size_t want, size_t *got, struct pn_err *e)
{
    char *to = lines->data + lines->len;
    if (lines->gunzip != NULL) {
        return pn_gunzip_read(lines->gunzip, to, want, got, e);
    }
    return read_at(lines, to, want, lines->offset + (int64_t)lines->len, got, e);
}

/* Moves what is left to the front and reads on. A block is read whole, but for the last one. */
static int refill(struct pn_lines *lines, struct pn_err *e)
{
    size_t left = lines->len - lines->start;
    size_t got = 0;
    memmove(lines->data, lines->data + lines->start, left);
    lines->offset += (int64_t)lines->start;
    lines->start = 0;
    lines->len = left;
    if (left == lines->capacity) {
        size_t grown = lines->capacity * 2;
        char *data = pn_try_alloc(grown + PN_JSON_PADDING);
        if (data == NULL) {
            return pn_err_errno(e, ENOMEM, "cannot read a line of %s", lines->name);
        }
        memcpy(data, lines->data, left);
        memset(data + grown, 0, PN_JSON_PADDING);
        free(lines->data);
        lines->data = data;
        lines->capacity = grown;
    }
    size_t want = lines->capacity - lines->len;
    int rc = read_on(lines, want, &got, e);
    if (rc != 0) {
        return rc;
    }
    lines->at_end = got < want;
    add_to_sum(lines, lines->data + lines->len, got, lines->offset + (int64_t)lines->len);
    lines->len += got;
    return 0;
}

/* Goes after the next LF, or to the end of the file, reading as far as need be. */
static int skip_line(struct pn_lines *lines, struct pn_err *e)
{
    for (;;) {
        char *at = lines->data + lines->start;
        char *lf = memchr(at, '\n', lines->len - lines->start);
        if (lf != NULL) {
            lines->start = (size_t)(lf - lines->data) + 1;
            return 0;
        }
        lines->start = lines->len;
        if (lines->at_end) {
            return 0;
        }
        int rc = refill(lines, e);
        if (rc != 0) {
            return rc;
        }
    }
}

static bool is_open(const struct pn_lines *lines, const char *name, const char *path)
{
    if (lines->name == NULL || (lines->path == NULL) != (path == NULL)) {
        return false;
    }
    return strcmp(lines->name, name) == 0 && (path == NULL || strcmp(lines->path, path) == 0);
}

/* The file at `path` or, where that is NULL, the object. */
static int open_file(struct pn_lines *lines, const char *name, const char *path, struct pn_err *e)
{
    close_file(lines);
    int rc = path == NULL ? pn_store_open(lines->store, name, &lines->object, e)
                          : pn_io_open(lines->io, path, O_RDONLY, &lines->fd, e);
    if (rc == 0) {
        lines->name = pn_xstrdup(name);
        lines->path = path != NULL ? pn_xstrdup(path) : NULL;
    }
    return rc;
}

static int open_range(struct pn_lines *lines, const char *name, const char *path, int64_t start,
                      int64_t end, struct pn_err *e)
{
    int rc = is_open(lines, name, path) ? 0 : open_file(lines, name, path, e);
    if (rc != 0) {
        return rc;
    }
    pn_gunzip_destroy(&lines->gunzip);
    if (pn_lines_is_gzip(name)) {
        PN_ASSERT(start == 0);
        lines->gunzip = pn_gunzip_create(read_at, lines, name, GUNZIP_BYTES_MAX);
    }
    /* The line that starts right at `start` is ours: so the LF before it is looked for. */
    lines->offset = start > 0 ? start - 1 : 0;
    lines->start = 0;
    lines->len = 0;
    lines->begin = start;
    lines->end = end;
    lines->sum = 0;
    lines->at_end = false;
    lines->rest_left = false;
    return start > 0 ? skip_line(lines, e) : 0;
}

int pn_lines_open(struct pn_lines *lines, const char *name, bool is_object, int64_t start,
                  int64_t end, struct pn_err *e)
{
    return open_range(lines, name, is_object ? NULL : name, start, end, e);
}

int pn_lines_open_copy(struct pn_lines *lines, const char *key, const char *path, int64_t start,
                       int64_t end, struct pn_err *e)
{
    return open_range(lines, key, path, start, end, e);
}

/* Finds the end of the line at lines->start, reading on until it's there, the file ends, or the
 * line is too long. Returns its length in *len, and whether an LF ends it. */
static int find_end(struct pn_lines *lines, size_t *len, bool *has_lf, struct pn_err *e)
{
    size_t searched = 0;
    for (;;) {
        const char *at = lines->data + lines->start;
        size_t have = lines->len - lines->start;
        const char *lf = memchr(at + searched, '\n', have - searched);
        *has_lf = lf != NULL;
        *len = lf != NULL ? (size_t)(lf - at) : have;
        if (lf != NULL || lines->at_end || have > lines->line_bytes_max) {
            return 0;
        }
        searched = have;
        int rc = refill(lines, e);
        if (rc != 0) {
            return rc;
        }
    }
}

int pn_lines_next(struct pn_lines *lines, struct pn_line *line, bool *more, struct pn_err *e)
{
    size_t len = 0;
    bool has_lf = false;
    int rc = 0;
    *more = false;
    if (lines->rest_left) {
        lines->rest_left = false;
        rc = skip_line(lines, e);
        if (rc != 0) {
            return rc;
        }
    }
    if (lines->offset + (int64_t)lines->start >= lines->end) {
        return 0;
    }
    rc = find_end(lines, &len, &has_lf, e);
    if (rc != 0 || (len == 0 && !has_lf)) {
        return rc;
    }
    line->text = lines->data + lines->start;
    line->too_long = len > lines->line_bytes_max;
    line->len = line->too_long ? lines->line_bytes_max : len;
    line->capacity = lines->capacity + PN_JSON_PADDING - lines->start;
    lines->start += len + (has_lf ? 1 : 0);
    lines->rest_left = line->too_long && !has_lf;
    *more = true;
    return 0;
}
