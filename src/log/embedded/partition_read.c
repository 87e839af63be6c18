#include <stdio.h>

#include "log/embedded/cursor.h"
#include "log/embedded/partition.h"

/* The index of the segment that has the offset; partition->lock is held and there is a segment. */
static size_t segment_of(const struct pn_partition *partition, int64_t offset)
{
    size_t low = 0;
    size_t high = partition->segment_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (partition->segments[middle].base_offset <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* An entry beyond the end, where a stray file's name cut the segment short, is not a beginning. */
static struct pn_segment_view view_of(const struct pn_segment *segment, struct pn_index_entry entry)
{
    if (segment->base_offset + entry.relative_offset > segment->next_offset) {
        entry = (struct pn_index_entry){0};
    }
    return (struct pn_segment_view){
        .base_offset = segment->base_offset,
        .next_offset = segment->next_offset,
        .bytes = segment->bytes,
        .position = entry.position,
        .offset = segment->base_offset + entry.relative_offset,
    };
}

/* A view of the segment that has `offset`, beginning at or before it. False at the end. */
static bool view_at(struct pn_partition *partition, int64_t offset, struct pn_segment_view *view)
{
    bool found = false;
    pthread_mutex_lock(&partition->lock);
    size_t count = partition->segment_count;
    if (count > 0 && offset < partition->segments[count - 1].next_offset) {
        const struct pn_segment *segment = &partition->segments[segment_of(partition, offset)];
        int64_t relative = offset > segment->base_offset ? offset - segment->base_offset : 0;
        *view = view_of(segment, pn_index_at_offset(&segment->index, relative));
        found = true;
    }
    pthread_mutex_unlock(&partition->lock);
    return found;
}

/* The first index entry after a position of the segment at `base_offset`. */
static bool indexed_behind(struct pn_partition *partition, int64_t base_offset, int64_t position,
                           int64_t *next_position, int64_t *next_offset)
{
    bool found = false;
    pthread_mutex_lock(&partition->lock);
    if (partition->segment_count > 0) {
        const struct pn_segment *segment = &partition->segments[segment_of(partition, base_offset)];
        for (size_t i = 0; segment->base_offset == base_offset && i < segment->index.count; i++) {
            if (segment->index.entries[i].position > position) {
                *next_position = segment->index.entries[i].position;
                *next_offset = base_offset + segment->index.entries[i].relative_offset;
                found = true;
                break;
            }
        }
    }
    pthread_mutex_unlock(&partition->lock);
    return found;
}

/*
 * At a damaged batch: moves the cursor to the next one that can be found, or to the segment's end.
 * When that is beyond `offset`, which the reader wants, *e becomes the error that says so.
 */
static int pass_damage(struct pn_partition *partition, struct pn_cursor *cursor, int64_t offset,
                       struct pn_err *e)
{
    char reason[sizeof e->msg];
    (void)snprintf(reason, sizeof reason, "%s", e->msg);
    int64_t damaged_position = cursor->position;
    int64_t damaged_offset = cursor->offset;
    int64_t position = cursor->view.bytes;
    int64_t next_offset = cursor->view.next_offset;
    if (cursor->fd == -1 || (!pn_cursor_behind_damage(cursor, &position, &next_offset) &&
                             !indexed_behind(partition, cursor->view.base_offset, damaged_position,
                                             &position, &next_offset))) {
        position = cursor->view.bytes;
        next_offset = cursor->view.next_offset;
    }
    if (position > cursor->view.bytes || next_offset > cursor->view.next_offset) {
        position = cursor->view.bytes; /* the index went on growing after the view */
        next_offset = cursor->view.next_offset;
    }
    pn_cursor_seek(cursor, position, next_offset);
    if (offset >= next_offset) {
        return 0;
    }
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                      "%s is damaged at position %lld: %s. Offsets %lld to %lld of topic %s, "
                      "partition %d, cannot be read; continue at offset %lld",
                      cursor->path, (long long)damaged_position, reason, (long long)damaged_offset,
                      (long long)next_offset - 1, partition->topic, partition->number,
                      (long long)next_offset);
}

/* The same for a reader with a list: without a record to give first, it may continue after the
 * damage. */
static int pass_damage_for(struct pn_partition *partition, struct pn_cursor *cursor,
                           struct pn_record_list *list, struct pn_err *e)
{
    int rc = pass_damage(partition, cursor, list->from_offset, e);
    if (rc != 0 && list->count == 0) {
        list->from_offset = cursor->offset;
    }
    return rc;
}

/* Reads on in one segment from list->from_offset on until the list is full or the view ends. */
static int read_segment(struct pn_partition *partition, struct pn_cursor *cursor,
                        struct pn_record_list *list, struct pn_err *e)
{
    while (!list->full && pn_cursor_more(cursor)) {
        int rc = pn_cursor_header(cursor, e);
        if (rc == 0 && pn_batch_next_offset(&cursor->header) > list->from_offset) {
            rc = pn_cursor_decode(cursor, list, e);
        }
        if (rc != 0 && e->class_ == PN_CLASS_CORRUPT) {
            rc = pass_damage_for(partition, cursor, list, e);
            if (rc == 0) {
                continue;
            }
        }
        if (rc != 0) {
            return rc;
        }
        pn_cursor_next(cursor);
        if (list->count > 0) {
            list->from_offset = list->records[list->count - 1].offset + 1;
        }
    }
    if (!list->full && cursor->offset < cursor->view.next_offset) {
        /* Whole batches end before the offsets do: some were cut off, or never written. */
        (void)pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "it ends early");
        return pass_damage_for(partition, cursor, list, e);
    }
    if (!list->full && list->from_offset < cursor->view.next_offset) {
        list->from_offset = cursor->view.next_offset;
    }
    return 0;
}

/* Opens a cursor; *gone when retention took the segment in the meantime. When its file is missing
 * for another reason, all of it is damaged. */
static int open_cursor(struct pn_partition *partition, struct pn_cursor *cursor,
                       const struct pn_segment_view *view, struct pn_arena *arena, bool *gone,
                       struct pn_err *e)
{
    int rc = pn_cursor_open(cursor, partition->env->io, partition->folder, view, arena, e);
    *gone = false;
    if (rc != 0 && e->class_ == PN_CLASS_MISSING) {
        *gone = pn_partition_offsets(partition).begin > view->base_offset;
        if (!*gone) {
            e->class_ = PN_CLASS_CORRUPT;
        }
    }
    return rc;
}

static int check_offset(struct pn_partition *partition, int64_t *offset,
                        struct pn_log_offsets *offsets, struct pn_err *e)
{
    *offsets = pn_partition_offsets(partition);
    if (*offset < offsets->begin) {
        *offset = offsets->begin;
    }
    if (*offset > offsets->end) {
        return pn_err_input(
            e, "offset %lld of topic %s, partition %d, does not exist yet: the end is %lld",
            (long long)*offset, partition->topic, partition->number, (long long)offsets->end);
    }
    return 0;
}

/* A hole among the records is a loss, since offsets here have no gaps: those after it are for the
 * next read. */
static void end_at_hole(struct pn_record_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        int64_t expected = list->records[i - 1].offset + 1;
        if (list->records[i].offset != expected) {
            list->count = i;
            list->from_offset = expected;
            return;
        }
    }
}

int pn_partition_read(struct pn_partition *partition, int64_t offset, size_t max_records,
                      size_t max_bytes, struct pn_arena *arena, struct pn_log_records *records,
                      struct pn_err *e)
{
    struct pn_log_offsets offsets;
    struct pn_err own;
    struct pn_err *why = e != NULL ? e : &own;
    int rc = check_offset(partition, &offset, &offsets, why);
    struct pn_record_list list = {.arena = arena,
                                  .from_offset = offset,
                                  .max_records = max_records,
                                  .max_bytes = max_bytes,
                                  .full = max_records == 0};
    while (rc == 0 && !list.full && list.from_offset < offsets.end) {
        struct pn_segment_view view;
        struct pn_cursor cursor;
        bool gone = false;
        if (!view_at(partition, list.from_offset, &view)) {
            break;
        }
        rc = open_cursor(partition, &cursor, &view, arena, &gone, why);
        if (rc == 0) {
            rc = read_segment(partition, &cursor, &list, why);
            pn_cursor_close(&cursor);
        } else if (gone) {
            rc = check_offset(partition, &list.from_offset, &offsets, why);
        } else if (why->class_ == PN_CLASS_CORRUPT) {
            rc = pass_damage_for(partition, &cursor, &list, why);
        }
    }
    if (rc != 0 && list.count == 0) {
        *records = (struct pn_log_records){.next_offset = list.from_offset,
                                           .lost_until = list.from_offset};
        return rc;
    }
    end_at_hole(&list);
    if (offsets.end < list.from_offset) {
        offsets.end = list.from_offset; /* appended since the look at the end */
    }
    /* An error after records that were found is met again by the next read. */
    *records = (struct pn_log_records){.records = list.records,
                                       .count = list.count,
                                       .next_offset = list.from_offset,
                                       .end_offset = offsets.end,
                                       .lost_until = list.count > 0 ? list.records[0].offset
                                                                    : list.from_offset};
    return 0;
}

/* --- by time --------------------------------------------------------------------------------- */

/* A view of the first segment from `from_offset` on that has a record that late, from where it may
 * be. */
static bool view_at_time(struct pn_partition *partition, int64_t from_offset, int64_t timestamp_ms,
                         struct pn_segment_view *view)
{
    bool found = false;
    pthread_mutex_lock(&partition->lock);
    for (size_t i = 0; i < partition->segment_count && !found; i++) {
        const struct pn_segment *segment = &partition->segments[i];
        if (segment->base_offset >= from_offset && segment->max_timestamp >= timestamp_ms) {
            *view = view_of(segment, pn_index_at_timestamp(&segment->index, timestamp_ms));
            found = true;
        }
    }
    pthread_mutex_unlock(&partition->lock);
    return found;
}

/* The first record of the batch at the cursor that is that late; every batch that says it has one
 * has one. */
static int find_in_batch(struct pn_cursor *cursor, int64_t timestamp_ms, int64_t *offset,
                         struct pn_err *e)
{
    struct pn_record_list list = {
        .arena = cursor->arena, .max_records = SIZE_MAX, .max_bytes = SIZE_MAX};
    int rc = pn_cursor_decode(cursor, &list, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (list.records[i].timestamp_ms >= timestamp_ms) {
            *offset = list.records[i].offset;
            return 0;
        }
    }
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "its largest timestamp is not in it");
}

/* Looks through one segment; damaged batches are skipped. *found says whether it's there. */
static int find_in_segment(struct pn_partition *partition, struct pn_cursor *cursor,
                           int64_t timestamp_ms, int64_t *offset, bool *found, struct pn_err *e)
{
    *found = false;
    while (pn_cursor_more(cursor)) {
        int rc = pn_cursor_header(cursor, e);
        if (rc == 0 && cursor->header.max_timestamp >= timestamp_ms) {
            rc = find_in_batch(cursor, timestamp_ms, offset, e);
            *found = rc == 0;
        }
        if (*found) {
            return 0;
        }
        if (rc == 0) {
            pn_cursor_next(cursor);
        } else if (e->class_ == PN_CLASS_CORRUPT) {
            rc = pass_damage(partition, cursor, INT64_MAX, e);
            PN_ASSERT(rc == 0);
        } else {
            return rc;
        }
    }
    return 0;
}

int pn_partition_offset_at(struct pn_partition *partition, int64_t timestamp_ms, int64_t *offset,
                           struct pn_err *e)
{
    struct pn_err own;
    struct pn_err *why = e != NULL ? e : &own;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int64_t end_offset = pn_partition_offsets(partition).end;
    int64_t from_offset = 0;
    struct pn_segment_view view;
    bool found = false;
    int rc = 0;
    while (rc == 0 && !found && view_at_time(partition, from_offset, timestamp_ms, &view)) {
        struct pn_cursor cursor;
        bool gone = false;
        rc = open_cursor(partition, &cursor, &view, &arena, &gone, why);
        if (rc == 0) {
            rc = find_in_segment(partition, &cursor, timestamp_ms, offset, &found, why);
            pn_cursor_close(&cursor);
        } else if (gone || why->class_ == PN_CLASS_CORRUPT) {
            rc = 0;
        }
        from_offset = view.base_offset + 1;
        pn_arena_reset(&arena);
    }
    pn_arena_deinit(&arena);
    if (rc == 0 && !found) {
        *offset = end_offset;
    }
    return rc;
}
