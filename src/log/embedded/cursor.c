#include "log/embedded/cursor.h"

#include <fcntl.h>

enum { WINDOW_BYTES_MIN = 32 * 1024, WINDOW_BYTES_MAX = 1024 * 1024 };

int pn_cursor_open(struct pn_cursor *cursor, const struct pn_io *io, const char *folder,
                   const struct pn_segment_view *view, struct pn_arena *arena, struct pn_err *e)
{
    PN_ASSERT(view->position <= view->bytes && view->offset <= view->next_offset);
    cursor->io = io;
    cursor->arena = arena;
    cursor->view = *view;
    cursor->fd = -1;
    cursor->window = NULL;
    cursor->window_capacity = 0;
    cursor->window_len = 0;
    cursor->window_position = 0;
    cursor->window_shared = false;
    pn_cursor_seek(cursor, view->position, view->offset);
    (void)pn_segment_path(cursor->path, folder, view->base_offset, "log");
    return pn_io_open(io, cursor->path, O_RDONLY, &cursor->fd, e);
}

void pn_cursor_close(struct pn_cursor *cursor)
{
    pn_io_close(cursor->io, &cursor->fd);
}

bool pn_cursor_more(const struct pn_cursor *cursor)
{
    return cursor->position < cursor->view.bytes && cursor->offset < cursor->view.next_offset;
}

/* Makes *at point to `len` bytes at `position`, which the view has. */
static int window_get(struct pn_cursor *cursor, int64_t position, size_t len, const uint8_t **at,
                      struct pn_err *e)
{
    if (position < cursor->window_position ||
        position + (int64_t)len > cursor->window_position + (int64_t)cursor->window_len) {
        /* Each window is twice the last: a reader of one record reads little, one of many records
         * in few calls. */
        size_t want = cursor->window_capacity * 2;
        want = want < WINDOW_BYTES_MIN ? WINDOW_BYTES_MIN : want;
        want = want > WINDOW_BYTES_MAX ? WINDOW_BYTES_MAX : want;
        want = want < len ? len : want;
        if ((int64_t)want > cursor->view.bytes - position) {
            want = (size_t)(cursor->view.bytes - position);
        }
        if (cursor->window_shared || cursor->window_capacity < want) {
            cursor->window = pn_arena_alloc(cursor->arena, want);
            cursor->window_capacity = want;
            cursor->window_shared = false;
        }
        cursor->window_len = 0;
        int rc =
            pn_io_read_at(cursor->io, cursor->fd, cursor->window, want, position, cursor->path, e);
        if (rc != 0) {
            return rc;
        }
        cursor->window_len = want;
        cursor->window_position = position;
    }
    *at = cursor->window + (position - cursor->window_position);
    return 0;
}

static int corrupt(struct pn_err *e, const char *reason)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s", reason);
}

static int header_at(struct pn_cursor *cursor, int64_t position, int64_t offset,
                     struct pn_batch_header *header, struct pn_err *e)
{
    if (cursor->view.bytes - position < PN_BATCH_HEADER_BYTES) {
        return corrupt(e, "the segment ends in the middle of its header");
    }
    const uint8_t *bytes = NULL;
    int rc = window_get(cursor, position, PN_BATCH_HEADER_BYTES, &bytes, e);
    if (rc == 0) {
        rc = pn_batch_parse(bytes, header, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (header->base_offset != offset) {
        return corrupt(e, "its base offset is not the expected one");
    }
    if ((int64_t)header->bytes > cursor->view.bytes - position ||
        pn_batch_next_offset(header) > cursor->view.next_offset) {
        return corrupt(e, "it extends past the end of its segment");
    }
    return 0;
}

int pn_cursor_header(struct pn_cursor *cursor, struct pn_err *e)
{
    return header_at(cursor, cursor->position, cursor->offset, &cursor->header, e);
}

int pn_cursor_decode(struct pn_cursor *cursor, struct pn_record_list *list, struct pn_err *e)
{
    const uint8_t *bytes = NULL;
    int rc = window_get(cursor, cursor->position, cursor->header.bytes, &bytes, e);
    if (rc != 0) {
        return rc;
    }
    if (!pn_batch_whole(bytes, &cursor->header)) {
        return corrupt(e, "its checksum is wrong");
    }
    size_t count = list->count;
    rc = pn_batch_decode(bytes, &cursor->header, list, e);
    if (rc != 0) {
        list->count = count;
    } else if (list->count > count && cursor->header.compression == PN_COMPRESSION_NONE) {
        cursor->window_shared = true;
    }
    return rc;
}

void pn_cursor_next(struct pn_cursor *cursor)
{
    pn_cursor_seek(cursor, cursor->position + (int64_t)cursor->header.bytes,
                   pn_batch_next_offset(&cursor->header));
}

void pn_cursor_seek(struct pn_cursor *cursor, int64_t position, int64_t offset)
{
    cursor->position = position;
    cursor->offset = offset;
}

bool pn_cursor_behind_damage(struct pn_cursor *cursor, int64_t *position, int64_t *offset)
{
    struct pn_batch_header damaged;
    struct pn_batch_header behind;
    if (header_at(cursor, cursor->position, cursor->offset, &damaged, NULL) != 0) {
        return false;
    }
    *position = cursor->position + (int64_t)damaged.bytes;
    *offset = pn_batch_next_offset(&damaged);
    if (*position == cursor->view.bytes) {
        return *offset == cursor->view.next_offset;
    }
    return header_at(cursor, *position, *offset, &behind, NULL) == 0;
}
