#include "search/scan.h"

#include <string.h>

enum { WINDOW_RECORDS = 500, READ_BYTES = 4 << 20 };

struct scan {
    const struct pn_search *search;
    const struct pn_scan_source *source;
    struct pn_json_parser *parser;
    struct pn_arena *arena;    /* of the result */
    struct pn_arena window;    /* of what is read */
    struct pn_scan_hit *found; /* of a window, the oldest first */
    size_t found_count;
    size_t capacity; /* of the hits */
    struct pn_scan_result *result;
};

/* --- hits ------------------------------------------------------------------------------------- */

static struct pn_bytes keep(struct pn_arena *arena, struct pn_bytes bytes, size_t max)
{
    if (bytes.data == NULL) {
        return bytes;
    }
    size_t len = bytes.len < max ? bytes.len : max;
    while (len < bytes.len && len > 0 &&
           (((const unsigned char *)bytes.data)[len] & 0xC0) == 0x80) {
        len--; /* not within a character */
    }
    char *copy = pn_arena_alloc(arena, len + 1);
    memcpy(copy, bytes.data, len);
    return (struct pn_bytes){.data = copy, .len = len};
}

void pn_scan_hit_make(int32_t partition, const struct pn_record *record, struct pn_arena *arena,
                      struct pn_scan_hit *hit)
{
    *hit =
        (struct pn_scan_hit){.partition = partition,
                             .value_bytes = record->value.len,
                             .headers = record->header_count,
                             .record = {.timestamp_ms = record->timestamp_ms,
                                        .offset = record->offset,
                                        .key = keep(arena, record->key, PN_SCAN_KEY_BYTES),
                                        .value = keep(arena, record->value, PN_SCAN_SHOWN_BYTES)}};
    hit->is_cut = hit->record.value.len < record->value.len;
}

static void add_found(struct scan *scan)
{
    struct pn_scan_result *result = scan->result;
    if (result->count + scan->found_count > scan->capacity) {
        size_t capacity = 2 * scan->capacity + WINDOW_RECORDS;
        struct pn_scan_hit *hits = pn_arena_calloc(scan->arena, capacity, sizeof *hits);
        if (result->count > 0) {
            memcpy(hits, result->hits, result->count * sizeof *hits);
        }
        result->hits = hits;
        scan->capacity = capacity;
    }
    while (scan->found_count > 0) {
        result->hits[result->count++] = scan->found[--scan->found_count];
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

static void look_at(struct scan *scan, int32_t partition, const struct pn_record *record)
{
    struct pn_scan_result *result = scan->result;
    result->records++;
    result->bytes += (int64_t)(record->key.len + record->value.len);
    result->through_ms = record->timestamp_ms;
    if (pn_search_fits(scan->search, partition, record, scan->parser)) {
        pn_scan_hit_make(partition, record, scan->arena, &scan->found[scan->found_count++]);
    }
}

/* The records of a partition from `from` to before `to`, WINDOW_RECORDS at most. */
static int read_window(struct scan *scan, int32_t partition, int64_t from, int64_t to,
                       struct pn_err *e)
{
    while (from < to) {
        struct pn_record *records = NULL;
        struct pn_err failure = {0};
        size_t count = 0;
        int64_t next = from;
        pn_arena_reset(&scan->window);
        int rc = scan->source->read(scan->source->arg, partition, from, (size_t)(to - from),
                                    READ_BYTES, &scan->window, &records, &count, &next, &failure);
        if (rc != 0 && (failure.class_ != PN_CLASS_CORRUPT || next <= from)) {
            pn_err_copy(e, &failure);
            return rc;
        }
        scan->result->damaged += rc != 0;
        for (size_t i = 0; rc == 0 && i < count && records[i].offset < to; i++) {
            look_at(scan, partition, &records[i]);
        }
        if (next <= from) {
            break;
        }
        from = next;
    }
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int ends_of(const struct scan *scan, int32_t partition, int64_t *begin, int64_t *end,
                   struct pn_err *e)
{
    struct pn_err failure = {0};
    *begin = 0;
    *end = 0;
    int rc = scan->source->ends(scan->source->arg, partition, begin, end, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        *end = *begin;
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

static int count_left(struct scan *scan, const struct pn_scan_place *place, struct pn_err *e)
{
    int rc = 0;
    for (int32_t i = place->partition; rc == 0 && i < scan->source->partitions; i++) {
        int64_t begin = 0;
        int64_t end = 0;
        rc = ends_of(scan, i, &begin, &end, e);
        if (i == place->partition && place->below >= 0 && place->below < end) {
            end = place->below;
        }
        scan->result->records_left += end > begin ? end - begin : 0;
    }
    return rc;
}

static bool is_enough(const struct scan *scan, const struct pn_scan_limits *limits,
                      const struct pn_clock *clock, int64_t until_ns)
{
    return scan->result->count >= limits->hits_max || scan->result->bytes >= limits->bytes_max ||
           pn_mono_ns(clock) >= until_ns;
}

/* Reads windows from the end of the partition to its begin, until it is enough. */
static int read_on(struct scan *scan, const struct pn_scan_limits *limits,
                   const struct pn_clock *clock, struct pn_scan_place *place, struct pn_err *e)
{
    int64_t until_ns = pn_mono_ns(clock) + limits->ms_max * 1000000;
    while (place->partition < scan->source->partitions) {
        int64_t begin = 0;
        int64_t end = 0;
        int rc = ends_of(scan, place->partition, &begin, &end, e);
        int64_t to = place->below >= 0 && place->below < end ? place->below : end;
        while (rc == 0 && to > begin && !is_enough(scan, limits, clock, until_ns)) {
            int64_t from = to - begin > WINDOW_RECORDS ? to - WINDOW_RECORDS : begin;
            rc = read_window(scan, place->partition, from, to, e);
            add_found(scan);
            to = from;
        }
        place->below = to;
        if (rc != 0 || to > begin) {
            return rc;
        }
        *place = (struct pn_scan_place){.partition = place->partition + 1, .below = -1};
        if (is_enough(scan, limits, clock, until_ns)) {
            return 0;
        }
    }
    return 0;
}

int pn_scan(const struct pn_search *search, const struct pn_scan_source *source,
            const struct pn_scan_limits *limits, const struct pn_clock *clock,
            struct pn_scan_place *place, struct pn_arena *arena, struct pn_scan_result *result,
            struct pn_err *e)
{
    struct scan scan = {.search = search,
                        .source = source,
                        .parser = pn_json_parser_create(),
                        .arena = arena,
                        .found = pn_arena_calloc(arena, WINDOW_RECORDS, sizeof *scan.found),
                        .result = result};
    *result = (struct pn_scan_result){.through_ms = -1};
    pn_arena_init(&scan.window, 0);
    int rc = read_on(&scan, limits, clock, place, e);
    if (rc == 0) {
        rc = count_left(&scan, place, e);
    }
    result->is_done = place->partition >= source->partitions;
    pn_arena_deinit(&scan.window);
    pn_json_parser_destroy(&scan.parser);
    return rc;
}
