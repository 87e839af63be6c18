#include "query/rows_file.h"

#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    BLOCK_BYTES = 256 * 1024,  /* gathered before it is written */
    ENTRY_BYTES = 8,           /* of an index */
    BLOCK_ENTRIES = 4096,      /* of an index, read or written at once */
    ROW_BYTES_MAX = 300 << 20, /* the cells of one row; larger than any result */
    PAGE_BYTES_MAX = 8 << 20   /* read at once, unless one row is larger */
};

/* --- writing ---------------------------------------------------------------------------------- */

/* One of the two files, and what is not written to it yet. */
struct tail {
    char *path;
    int fd;
    int64_t written;
    struct pn_buf pending;
};

struct pn_rows_writer {
    const struct pn_io *io;
    int64_t bytes_max;
    int64_t rows;
    struct tail cells;
    struct tail index;
};

static int64_t tail_bytes(const struct tail *tail)
{
    return tail->written + (int64_t)tail->pending.len;
}

static int tail_open(struct tail *tail, const char *folder, const char *name,
                     const struct pn_io *io, struct pn_err *e)
{
    tail->fd = -1;
    tail->path = pn_xasprintf("%s/%s", folder, name);
    pn_buf_init(&tail->pending, ROW_BYTES_MAX);
    return pn_io_open_mode(io, tail->path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &tail->fd, e);
}

static int tail_write(struct tail *tail, const struct pn_io *io, struct pn_err *e)
{
    int rc = pn_io_write_at(io, tail->fd, tail->pending.data, tail->pending.len, tail->written,
                            tail->path, e);
    if (rc == 0) {
        tail->written += (int64_t)tail->pending.len;
        pn_buf_reset(&tail->pending);
    }
    return rc;
}

static void tail_close(struct tail *tail, const struct pn_io *io)
{
    pn_io_close(io, &tail->fd);
    pn_buf_deinit(&tail->pending);
    free(tail->path);
}

static void add_entry(struct pn_buf *out, int64_t value)
{
    uint64_t entry = htole64((uint64_t)value);
    pn_buf_add(out, &entry, sizeof entry);
}

int pn_rows_writer_create(const char *folder, const struct pn_io *io, int64_t bytes_max,
                          struct pn_rows_writer **writer, struct pn_err *e)
{
    struct pn_rows_writer *made = pn_xcalloc(1, sizeof *made);
    made->io = io;
    made->bytes_max = bytes_max;
    made->cells.fd = -1;
    made->index.fd = -1;
    int rc = tail_open(&made->cells, folder, "rows", io, e);
    if (rc == 0) {
        rc = tail_open(&made->index, folder, "index", io, e);
    }
    if (rc == 0) {
        add_entry(&made->index.pending, 0);
        *writer = made;
        made = NULL;
    }
    pn_rows_writer_destroy(&made);
    return rc;
}

int pn_rows_writer_add(struct pn_rows_writer *writer, const char *const *values, size_t count,
                       struct pn_err *e)
{
    for (size_t i = 0; i < count; i++) {
        pn_buf_add(&writer->cells.pending, values[i], strlen(values[i]) + 1);
    }
    int rc = pn_buf_check(&writer->cells.pending, "a row", e);
    if (rc != 0) {
        return rc;
    }
    add_entry(&writer->index.pending, tail_bytes(&writer->cells));
    writer->rows++;
    if (pn_rows_writer_bytes(writer) > writer->bytes_max) {
        return pn_err_input(e,
                            "the result is larger than %lld bytes (query.result_bytes_max): add a "
                            "LIMIT, name fewer columns, or stream it with POST /api/v1/sql",
                            (long long)writer->bytes_max);
    }
    return writer->cells.pending.len >= BLOCK_BYTES ? pn_rows_writer_flush(writer, e) : 0;
}

int pn_rows_writer_flush(struct pn_rows_writer *writer, struct pn_err *e)
{
    int rc = tail_write(&writer->cells, writer->io, e);
    return rc == 0 ? tail_write(&writer->index, writer->io, e) : rc;
}

int64_t pn_rows_writer_rows(const struct pn_rows_writer *writer)
{
    return writer->rows;
}

int64_t pn_rows_writer_bytes(const struct pn_rows_writer *writer)
{
    return tail_bytes(&writer->cells) + tail_bytes(&writer->index);
}

void pn_rows_writer_destroy(struct pn_rows_writer **writer)
{
    struct pn_rows_writer *gone = *writer;
    if (gone == NULL) {
        return;
    }
    tail_close(&gone->cells, gone->io);
    tail_close(&gone->index, gone->io);
    free(gone);
    *writer = NULL;
}

char *pn_rows_order_path(const char *folder, size_t column, bool descending)
{
    return pn_xasprintf("%s/order-%zu-%c", folder, column, descending ? 'd' : 'a');
}

/* --- reading ---------------------------------------------------------------------------------- */

struct pn_rows_reader {
    const struct pn_io *io;
    char *cells_path;
    char *index_path;
    char *order_path; /* NULL: rows come as they are */
    int cells_fd;
    int index_fd;
    int order_fd;
    size_t columns;
    const char **values;
    struct pn_buf cells; /* those of a page */
};

int pn_rows_reader_open(const char *folder, const char *order, size_t columns,
                        const struct pn_io *io, struct pn_rows_reader **reader, struct pn_err *e)
{
    struct pn_rows_reader *made = pn_xcalloc(1, sizeof *made);
    made->io = io;
    made->columns = columns;
    made->values = pn_xcalloc(columns, sizeof *made->values);
    made->cells_fd = -1;
    made->index_fd = -1;
    made->order_fd = -1;
    made->cells_path = pn_xasprintf("%s/rows", folder);
    made->index_path = pn_xasprintf("%s/index", folder);
    made->order_path = order != NULL ? pn_xstrdup(order) : NULL;
    pn_buf_init(&made->cells, ROW_BYTES_MAX);
    int rc = pn_io_open(io, made->cells_path, O_RDONLY, &made->cells_fd, e);
    if (rc == 0) {
        rc = pn_io_open(io, made->index_path, O_RDONLY, &made->index_fd, e);
    }
    if (rc == 0 && order != NULL) {
        rc = pn_io_open(io, order, O_RDONLY, &made->order_fd, e);
    }
    if (rc == 0) {
        *reader = made;
        made = NULL;
    }
    pn_rows_reader_destroy(&made);
    return rc;
}

int pn_rows_reader_count(struct pn_rows_reader *reader, int64_t *rows, struct pn_err *e)
{
    int64_t bytes = 0;
    int rc = pn_io_size(reader->io, reader->index_fd, &bytes, reader->index_path, e);
    *rows = bytes >= ENTRY_BYTES ? bytes / ENTRY_BYTES - 1 : 0;
    return rc;
}

/* Entries of an index, in our byte order. */
static int read_entries(const struct pn_rows_reader *reader, int fd, const char *path, int64_t from,
                        size_t count, int64_t *entries, struct pn_err *e)
{
    int rc =
        pn_io_read_at(reader->io, fd, entries, count * ENTRY_BYTES, from * ENTRY_BYTES, path, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        entries[i] = (int64_t)le64toh((uint64_t)entries[i]);
    }
    return rc;
}

static int damaged(const struct pn_rows_reader *reader, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "the rows in %s are damaged",
                      reader->cells_path);
}

static int read_cells(struct pn_rows_reader *reader, int64_t begin, int64_t end, struct pn_err *e)
{
    struct pn_buf *cells = &reader->cells;
    pn_buf_reset(cells);
    if (begin < 0 || end < begin || end - begin > ROW_BYTES_MAX) {
        return damaged(reader, e);
    }
    size_t len = (size_t)(end - begin);
    if (!pn_buf_reserve(cells, len)) {
        return pn_buf_check(cells, "a row", e);
    }
    int rc =
        pn_io_read_at(reader->io, reader->cells_fd, cells->data, len, begin, reader->cells_path, e);
    cells->len = rc == 0 ? len : 0;
    return rc;
}

/* The row in so many bytes of the cells. */
static int give_row(struct pn_rows_reader *reader, const char *at, size_t len,
                    int (*row)(void *arg, const char *const *values, size_t count), void *arg,
                    struct pn_err *e)
{
    const char *end = at + len;
    for (size_t i = 0; i < reader->columns; i++) {
        const char *nul = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
        if (nul == NULL) {
            return damaged(reader, e);
        }
        reader->values[i] = at;
        at = nul + 1;
    }
    return at == end ? row(arg, reader->values, reader->columns) : damaged(reader, e);
}

/* Rows that stand one after the other; `places` has one more than there are rows. */
static int give_run(struct pn_rows_reader *reader, const int64_t *places, size_t rows,
                    int (*row)(void *arg, const char *const *values, size_t count), void *arg,
                    struct pn_err *e)
{
    int rc = read_cells(reader, places[0], places[rows], e);
    for (size_t i = 0; rc == 0 && i < rows; i++) {
        if (places[i] < places[0] || places[i + 1] < places[i] || places[i + 1] > places[rows]) {
            return damaged(reader, e);
        }
        rc = give_row(reader, reader->cells.data + (places[i] - places[0]),
                      (size_t)(places[i + 1] - places[i]), row, arg, e);
    }
    return rc;
}

/* How many of the rows come to no more than a page's bytes; one at least. */
static size_t fit_page(const int64_t *places, size_t rows)
{
    while (rows > 1 && places[rows] - places[0] > PAGE_BYTES_MAX) {
        rows--;
    }
    return rows;
}

static int give_stored(struct pn_rows_reader *reader, int64_t from, size_t rows,
                       int (*row)(void *arg, const char *const *values, size_t count), void *arg,
                       size_t *given, struct pn_err *e)
{
    int64_t places[BLOCK_ENTRIES + 1];
    int rc = read_entries(reader, reader->index_fd, reader->index_path, from, rows + 1, places, e);
    if (rc == 0) {
        *given = fit_page(places, rows);
        rc = give_run(reader, places, *given, row, arg, e);
    }
    return rc;
}

static int give_ordered(struct pn_rows_reader *reader, int64_t from, size_t rows, int64_t count,
                        int (*row)(void *arg, const char *const *values, size_t count), void *arg,
                        size_t *given, struct pn_err *e)
{
    int64_t numbers[BLOCK_ENTRIES];
    int64_t bytes = 0;
    int rc = read_entries(reader, reader->order_fd, reader->order_path, from, rows, numbers, e);
    for (*given = 0; rc == 0 && *given < rows && bytes < PAGE_BYTES_MAX; ++*given) {
        int64_t places[2];
        if (numbers[*given] < 0 || numbers[*given] >= count) {
            return damaged(reader, e);
        }
        rc = read_entries(reader, reader->index_fd, reader->index_path, numbers[*given], 2, places,
                          e);
        if (rc == 0) {
            bytes += places[1] - places[0];
            rc = give_run(reader, places, 1, row, arg, e);
        }
    }
    return rc;
}

int pn_rows_reader_page(struct pn_rows_reader *reader, int64_t offset, int64_t limit,
                        int (*row)(void *arg, const char *const *values, size_t count), void *arg,
                        int64_t *read, struct pn_err *e)
{
    int64_t count = 0;
    *read = 0;
    int rc = pn_rows_reader_count(reader, &count, e);
    if (rc != 0 || offset >= count || limit <= 0) {
        return rc;
    }
    int64_t left = count - offset;
    size_t rows = (size_t)(left < limit ? left : limit);
    rows = rows < BLOCK_ENTRIES ? rows : BLOCK_ENTRIES;
    size_t given = 0;
    rc = reader->order_fd >= 0 ? give_ordered(reader, offset, rows, count, row, arg, &given, e)
                               : give_stored(reader, offset, rows, row, arg, &given, e);
    *read = (int64_t)given;
    return rc;
}

void pn_rows_reader_destroy(struct pn_rows_reader **reader)
{
    struct pn_rows_reader *gone = *reader;
    if (gone == NULL) {
        return;
    }
    pn_io_close(gone->io, &gone->cells_fd);
    pn_io_close(gone->io, &gone->index_fd);
    pn_io_close(gone->io, &gone->order_fd);
    pn_buf_deinit(&gone->cells);
    free(gone->values);
    free(gone->cells_path);
    free(gone->index_path);
    free(gone->order_path);
    free(gone);
    *reader = NULL;
}
