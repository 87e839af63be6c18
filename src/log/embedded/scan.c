/* Reading a whole segment file to find its last whole batch: recovery, and lost indexes. */
#include <string.h>

#include "log/embedded/segment.h"

enum { SCAN_BYTES = 1024 * 1024 };

/* A window on the file. */
struct window {
    const struct pn_io *io;
    int fd;
    const char *path;
    struct pn_buf bytes;
    int64_t position; /* of bytes.data[0] in the file */
};

/* Makes *at point to `len` bytes of the file at `position`; the caller knows that it has them. */
static int window_get(struct window *window, int64_t position, size_t len, int64_t file_bytes,
                      const uint8_t **at, struct pn_err *e)
{
    int64_t end = window->position + (int64_t)window->bytes.len;
    if (position < window->position || position + (int64_t)len > end) {
        size_t want = len > SCAN_BYTES ? len : SCAN_BYTES;
        if ((int64_t)want > file_bytes - position) {
            want = (size_t)(file_bytes - position);
        }
        pn_buf_reset(&window->bytes);
        if (!pn_buf_reserve(&window->bytes, want)) {
            return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s: no memory to read it", window->path);
        }
        int rc = pn_io_read_at(window->io, window->fd, window->bytes.data, want, position,
                               window->path, e);
        if (rc != 0) {
            return rc;
        }
        window->bytes.len = want;
        window->position = position;
    }
    *at = (const uint8_t *)window->bytes.data + (position - window->position);
    return 0;
}

/* The batch at `position` when there is room for one that begins at `offset`; *found says so. */
static int batch_at(struct window *window, int64_t position, int64_t offset, int64_t file_bytes,
                    struct pn_batch_header *header, bool *found, bool *whole, struct pn_err *e)
{
    const uint8_t *bytes = NULL;
    *found = false;
    if (file_bytes - position < PN_BATCH_HEADER_BYTES) {
        return 0;
    }
    int rc = window_get(window, position, PN_BATCH_HEADER_BYTES, file_bytes, &bytes, e);
    if (rc != 0 || pn_batch_parse(bytes, header, NULL) != 0 || header->base_offset != offset ||
        (int64_t)header->bytes > file_bytes - position) {
        return rc;
    }
    rc = window_get(window, position, header->bytes, file_bytes, &bytes, e);
    if (rc != 0) {
        return rc;
    }
    *found = true;
    *whole = pn_batch_whole(bytes, header);
    return 0;
}

/* Takes note of damaged batches that turned out to have a whole one after them. */
static void keep_damaged(struct pn_segment *segment, int64_t position, int64_t offset,
                         int64_t batches, struct pn_segment_scan *scan)
{
    if (batches == 0) {
        return;
    }
    if (scan->damaged_batches == 0) {
        scan->damaged_position = segment->bytes;
        scan->damaged_offset = segment->next_offset;
    }
    scan->damaged_batches += batches;
    segment->bytes = position;
    segment->next_offset = offset;
}

/* How many bytes from `position` on there are up to the last one that isn't zero. */
static int measure_tail(struct window *window, int64_t position, int64_t file_bytes,
                        int64_t *torn_bytes, struct pn_err *e)
{
    *torn_bytes = 0;
    for (int64_t at = position; at < file_bytes;) {
        const uint8_t *bytes = NULL;
        size_t len = file_bytes - at < SCAN_BYTES ? (size_t)(file_bytes - at) : SCAN_BYTES;
        int rc = window_get(window, at, len, file_bytes, &bytes, e);
        if (rc != 0) {
            return rc;
        }
        for (size_t i = len; i > 0; i--) {
            if (bytes[i - 1] != 0) {
                *torn_bytes = at + (int64_t)i - position;
                break;
            }
        }
        at += (int64_t)len;
    }
    return 0;
}

int pn_segment_scan(struct pn_segment *segment, const struct pn_io *io, int fd, const char *path,
                    int64_t index_interval_bytes, struct pn_segment_scan *scan, struct pn_err *e)
{
    *scan = (struct pn_segment_scan){0};
    struct window window = {.io = io, .fd = fd, .path = path};
    pn_buf_init(&window.bytes, PN_BATCH_BYTES_MAX);
    struct stat st = {0};
    int rc = pn_io_stat(io, path, &st, e);
    if (rc != 0) {
        goto out;
    }
    scan->file_bytes = st.st_size;
    int64_t appended_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    if (scan->file_bytes > UINT32_MAX) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s: larger than a segment can be", path);
        goto out;
    }
    int64_t position = segment->bytes;
    int64_t offset = segment->next_offset;
    int64_t damaged = 0; /* batches between the last whole one and `position` */
    for (;;) {
        struct pn_batch_header header;
        bool found = false;
        bool whole = false;
        rc = batch_at(&window, position, offset, scan->file_bytes, &header, &found, &whole, e);
        if (rc != 0 || !found) {
            break;
        }
        if (whole) {
            keep_damaged(segment, position, offset, damaged, scan);
            damaged = 0;
            pn_segment_add(segment, &header, appended_ms, index_interval_bytes);
        } else {
            damaged++;
        }
        position += (int64_t)header.bytes;
        offset = pn_batch_next_offset(&header);
    }
    if (rc == 0) {
        rc = measure_tail(&window, segment->bytes, scan->file_bytes, &scan->torn_bytes, e);
    }
out:
    pn_buf_deinit(&window.bytes);
    return rc;
}
