#include "processor/kinesis_window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool is_number(const char *text)
{
    return text[0] >= '0' && text[0] <= '9';
}

/* Less than, equal to or greater than 0, as strcmp(). */
static int compare(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    if (a_len != b_len) {
        return a_len < b_len ? -1 : 1;
    }
    return strcmp(a, b);
}

bool pn_kinesis_sequence_is_after(const char *a, const char *b)
{
    return compare(a, b) > 0;
}

/* --- what it has ------------------------------------------------------------------------------ */

void pn_kinesis_part_destroy(struct pn_kinesis_part *part)
{
    if (part != NULL) {
        pn_arena_deinit(&part->arena);
        free(part);
    }
}

static const char *last_of(const struct pn_kinesis_part *part)
{
    return part->sequences[part->count - 1];
}

/* Lets go of the oldest part. */
static void drop_first(struct pn_kinesis_window *window)
{
    struct pn_kinesis_part *part = window->first;
    (void)snprintf(window->base, sizeof window->base, "%s", last_of(part));
    window->first = part->next;
    window->last = window->first != NULL ? window->last : NULL;
    window->bytes -= part->bytes;
    window->unread_bytes -= part->is_read ? 0 : part->bytes;
    pn_kinesis_part_destroy(part);
}

void pn_kinesis_window_begin(struct pn_kinesis_window *window, const char *base)
{
    while (window->first != NULL) {
        drop_first(window);
    }
    *window = (struct pn_kinesis_window){.behind_ms = -1};
    (void)snprintf(window->base, sizeof window->base, "%s", base);
}

void pn_kinesis_window_deinit(struct pn_kinesis_window *window)
{
    pn_kinesis_window_begin(window, "");
}

const char *pn_kinesis_window_last(const struct pn_kinesis_window *window)
{
    if (window->last != NULL) {
        return last_of(window->last);
    }
    return is_number(window->base) ? window->base : NULL;
}

void pn_kinesis_window_add(struct pn_kinesis_window *window, struct pn_kinesis_part *part)
{
    PN_ASSERT(part->count > 0);
    part->follows_gap = window->has_gap;
    window->has_gap = false;
    if (window->last != NULL) {
        window->last->next = part;
    } else {
        window->first = part;
    }
    window->last = part;
    window->bytes += part->bytes;
    window->unread_bytes += part->bytes;
}

void pn_kinesis_window_trim(struct pn_kinesis_window *window, size_t bytes)
{
    while (window->first != NULL && window->first->is_read && window->bytes > bytes) {
        drop_first(window);
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The index of the part's record with that number; its count: it has none. */
static size_t index_in(const struct pn_kinesis_part *part, const char *number)
{
    size_t low = 0;
    size_t high = part->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(part->sequences[middle], number) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < part->count && strcmp(part->sequences[low], number) == 0 ? low : part->count;
}

bool pn_kinesis_window_find(const struct pn_kinesis_window *window, const char *text,
                            struct pn_kinesis_spot *spot)
{
    *spot = (struct pn_kinesis_spot){.part = window->first};
    if (strcmp(text, window->base) == 0) {
        return true;
    }
    if (!is_number(text)) {
        return false;
    }
    /* Most tables are at the end. */
    int past = window->last != NULL ? compare(text, last_of(window->last)) : 1;
    if (past >= 0) {
        *spot = (struct pn_kinesis_spot){.part = NULL};
        return past == 0;
    }
    struct pn_kinesis_part *part = window->first;
    while (compare(last_of(part), text) < 0) {
        part = part->next;
    }
    size_t index = index_in(part, text);
    if (index == part->count) {
        return false;
    }
    bool is_last = index + 1 == part->count;
    *spot = (struct pn_kinesis_spot){.part = is_last ? part->next : part,
                                     .index = is_last ? 0 : index + 1};
    return true;
}

static struct pn_bytes copy(struct pn_bytes bytes, struct pn_arena *arena)
{
    if (bytes.data == NULL) {
        return bytes;
    }
    char *data = pn_arena_alloc(arena, bytes.len + 1);
    memcpy(data, bytes.data, bytes.len);
    data[bytes.len] = '\0';
    return (struct pn_bytes){data, bytes.len};
}

static void raise_until(struct pn_processor_source_records *out, int64_t until_ms)
{
    out->place.until_ms = until_ms > out->place.until_ms ? until_ms : out->place.until_ms;
}

/* How many records from the spot on may be read, in how many bytes. */
static size_t count_from(struct pn_kinesis_spot spot, size_t max_records, size_t max_bytes)
{
    size_t count = 0;
    size_t bytes = 0;
    bool is_first = true;
    for (struct pn_kinesis_part *part = spot.part; part != NULL; part = part->next) {
        if (!is_first && part->follows_gap) {
            break;
        }
        for (size_t i = is_first ? spot.index : 0; i < part->count; i++) {
            bytes += part->records[i].key.len + part->records[i].value.len;
            if (count == max_records || (count > 0 && bytes > max_bytes)) {
                return count;
            }
            count++;
        }
        is_first = false;
    }
    return count;
}

void pn_kinesis_window_read(struct pn_kinesis_window *window, struct pn_kinesis_spot *spot,
                            size_t max_records, size_t max_bytes, struct pn_arena *arena,
                            struct pn_processor_source_records *out)
{
    size_t count = count_from(*spot, max_records, max_bytes);
    out->records = pn_arena_calloc(arena, count + 1, sizeof *out->records);
    out->sequences = pn_arena_calloc(arena, count + 1, sizeof *out->sequences);
    for (out->count = 0; out->count < count; out->count++) {
        struct pn_kinesis_part *part = spot->part;
        const struct pn_record *record = &part->records[spot->index];
        out->records[out->count] = (struct pn_record){.key = copy(record->key, arena),
                                                      .value = copy(record->value, arena),
                                                      .timestamp_ms = record->timestamp_ms};
        out->sequences[out->count] = pn_arena_strdup(arena, part->sequences[spot->index]);
        out->behind_ms = part->behind_ms;
        if (++spot->index == part->count) {
            raise_until(out, part->until_ms);
            window->unread_bytes -= part->is_read ? 0 : part->bytes;
            part->is_read = true;
            *spot = (struct pn_kinesis_spot){.part = part->next};
        }
    }
    if (count > 0) {
        (void)snprintf(out->place.text, sizeof out->place.text, "%s", out->sequences[count - 1]);
    }
    if (spot->part == NULL) {
        raise_until(out, window->until_ms);
    }
}
