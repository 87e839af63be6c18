#include "search/pages.h"

#include <string.h>

enum {
    WINDOW_RECORDS = 25, /* of a partition, read at once */
    SPAN_MAX = 4096,     /* offsets: where they have gaps, more are looked at for as many records */
    READ_BYTES = 4 << 20,
    READS_MAX = 400
};

/* A partition, with the records that were read of it and are not on the page yet. */
struct part {
    int32_t partition;
    int64_t begin;
    int64_t end;
    int64_t place; /* how far the page goes: down, or up */
    int64_t read;  /* how far it was read */
    int64_t span;  /* offsets to look at next */
    struct pn_scan_hit hits[WINDOW_RECORDS];
    size_t first; /* hits[first] to before hits[last] are left, by offset */
    size_t last;
};

struct reading {
    const struct pn_scan_source *source;
    enum pn_page_way way;
    struct part *parts;
    size_t count;
    int reads;
    struct pn_arena *arena; /* of the page */
    struct pn_arena scratch;
    struct pn_page *page;
};

/* --- ends ------------------------------------------------------------------------------------- */

/* *is_there is false for a partition that is gone. */
static int ends_of(const struct pn_scan_source *source, int32_t partition, int64_t *begin,
                   int64_t *end, bool *is_there, struct pn_err *e)
{
    struct pn_err failure = {0};
    int rc = source->ends(source->arg, partition, begin, end, &failure);
    *is_there = rc == 0;
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

int pn_page_ends(const struct pn_scan_source *source, int32_t only, bool oldest,
                 struct pn_page_cuts *cuts, struct pn_err *e)
{
    int rc = 0;
    cuts->count = 0;
    for (int32_t i = 0; rc == 0 && i < source->partitions; i++) {
        int64_t begin = 0;
        int64_t end = 0;
        bool is_there = only < 0 || only == i;
        if (is_there) {
            rc = ends_of(source, i, &begin, &end, &is_there, e);
        }
        if (rc != 0 || !is_there || begin == end) {
            continue;
        }
        if (cuts->count == PN_PAGE_PARTITIONS_MAX) {
            return pn_err_input(e,
                                "more than %d partitions hold records, too many to be sorted by "
                                "time: choose one by `partition`",
                                PN_PAGE_PARTITIONS_MAX);
        }
        cuts->items[cuts->count++] =
            (struct pn_page_cut){.partition = i, .offset = oldest ? begin : end};
    }
    return rc;
}

int pn_page_at(const struct pn_scan_source *source, int32_t only, int64_t time_ms,
               struct pn_page_cuts *cuts, struct pn_err *e)
{
    int rc = pn_page_ends(source, only, false, cuts, e);
    for (size_t i = 0; rc == 0 && time_ms < INT64_MAX && i < cuts->count; i++) {
        rc = source->at(source->arg, cuts->items[i].partition, time_ms + 1, &cuts->items[i].offset,
                        e);
    }
    return rc;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Reads from `from` to before `to`, and keeps the last WINDOW_RECORDS of what there is. */
static int read_range(struct reading *reading, struct part *part, int64_t from, int64_t to,
                      struct pn_err *e)
{
    const struct pn_scan_source *source = reading->source;
    while (from < to) {
        struct pn_record *records = NULL;
        struct pn_err failure = {0};
        size_t count = 0;
        int64_t next = from;
        pn_arena_reset(&reading->scratch);
        reading->reads++;
        int rc = source->read(source->arg, part->partition, from, (size_t)(to - from), READ_BYTES,
                              &reading->scratch, &records, &count, &next, &failure);
        if (rc != 0 && (failure.class_ != PN_CLASS_CORRUPT || next <= from)) {
            pn_err_copy(e, &failure);
            return rc;
        }
        if (rc != 0) {
            reading->page->damage = reading->page->damaged++ > 0
                                        ? reading->page->damage
                                        : pn_arena_strdup(reading->arena, failure.msg);
            count = 0;
        }
        while (count > 0 && records[count - 1].offset >= to) {
            count--;
        }
        for (size_t i = count > WINDOW_RECORDS ? count - WINDOW_RECORDS : 0; i < count; i++) {
            if (part->last == WINDOW_RECORDS) {
                memmove(part->hits, part->hits + 1, (WINDOW_RECORDS - 1) * sizeof part->hits[0]);
                part->last--;
            }
            pn_scan_hit_make(part->partition, &records[i], reading->arena,
                             &part->hits[part->last++]);
        }
        if (next <= from) {
            break;
        }
        from = next;
    }
    return 0;
}

/* The records before what was read. */
static int read_down(struct reading *reading, struct part *part, struct pn_err *e)
{
    int64_t from = part->read - part->begin > part->span ? part->read - part->span : part->begin;
    int rc = read_range(reading, part, from, part->read, e);
    /* What is left of a range that held more than a window is read again. */
    part->read = part->last == WINDOW_RECORDS ? part->hits[0].record.offset : from;
    if (part->last > 0) {
        part->span = WINDOW_RECORDS;
    } else {
        part->place = part->read;
        part->span = part->span < SPAN_MAX ? part->span * 2 : SPAN_MAX;
    }
    return rc;
}

/* The records after what was read: a read skips a gap by itself. */
static int read_up(struct reading *reading, struct part *part, struct pn_err *e)
{
    struct pn_record *records = NULL;
    struct pn_err failure = {0};
    size_t count = 0;
    int64_t next = part->read;
    const struct pn_scan_source *source = reading->source;
    pn_arena_reset(&reading->scratch);
    reading->reads++;
    int rc = source->read(source->arg, part->partition, part->read, WINDOW_RECORDS, READ_BYTES,
                          &reading->scratch, &records, &count, &next, &failure);
    if (rc != 0 && (failure.class_ != PN_CLASS_CORRUPT || next <= part->read)) {
        pn_err_copy(e, &failure);
        return rc;
    }
    if (rc != 0) {
        reading->page->damage = reading->page->damaged++ > 0
                                    ? reading->page->damage
                                    : pn_arena_strdup(reading->arena, failure.msg);
        count = 0;
    }
    for (size_t i = 0; i < count && i < WINDOW_RECORDS && records[i].offset < part->end; i++) {
        pn_scan_hit_make(part->partition, &records[i], reading->arena, &part->hits[part->last++]);
    }
    part->read = next > part->read && next < part->end ? next : part->end;
    if (part->last == 0) {
        part->place = part->read;
    }
    return 0;
}

static bool has_more(const struct reading *reading, const struct part *part)
{
    return reading->way == PN_PAGE_OLDER ? part->read > part->begin : part->read < part->end;
}

/* Has each partition know its next record, if there is one. False: not without too many reads. */
static int fill(struct reading *reading, bool *is_filled, struct pn_err *e)
{
    int rc = 0;
    *is_filled = true;
    for (size_t i = 0; i < reading->count; i++) {
        struct part *part = &reading->parts[i];
        while (part->first == part->last && has_more(reading, part)) {
            if (reading->reads >= READS_MAX) {
                *is_filled = false;
                return 0;
            }
            part->first = 0;
            part->last = 0;
            rc = reading->way == PN_PAGE_OLDER ? read_down(reading, part, e)
                                               : read_up(reading, part, e);
            if (rc != 0) {
                return rc;
            }
        }
    }
    return 0;
}

/* --- merging ---------------------------------------------------------------------------------- */

static const struct pn_scan_hit *next_of(const struct reading *reading, const struct part *part)
{
    if (part->first == part->last) {
        return NULL;
    }
    return reading->way == PN_PAGE_OLDER ? &part->hits[part->last - 1] : &part->hits[part->first];
}

/* Does `a` come before `b`, which is of a lower partition? */
static bool is_before(enum pn_page_way way, const struct pn_scan_hit *a,
                      const struct pn_scan_hit *b)
{
    return way == PN_PAGE_OLDER ? a->record.timestamp_ms > b->record.timestamp_ms
                                : a->record.timestamp_ms <= b->record.timestamp_ms;
}

/* Puts the next record on the page; false: there is none. */
static bool take(struct reading *reading, struct pn_scan_hit *into)
{
    struct part *best = NULL;
    const struct pn_scan_hit *hit = NULL;
    for (size_t i = 0; i < reading->count; i++) {
        const struct pn_scan_hit *next = next_of(reading, &reading->parts[i]);
        if (next != NULL && (hit == NULL || is_before(reading->way, next, hit))) {
            best = &reading->parts[i];
            hit = next;
        }
    }
    if (hit == NULL) {
        return false;
    }
    *into = *hit;
    if (reading->way == PN_PAGE_OLDER) {
        best->last--;
        best->place = best->first == best->last ? best->read : hit->record.offset;
    } else {
        best->first++;
        best->place = best->first == best->last ? best->read : hit->record.offset + 1;
    }
    return true;
}

static int merge(struct reading *reading, size_t limit, struct pn_err *e)
{
    struct pn_page *page = reading->page;
    bool is_filled = true;
    int rc = 0;
    page->records = pn_arena_calloc(reading->arena, limit, sizeof *page->records);
    while (page->count < limit) {
        rc = fill(reading, &is_filled, e);
        if (rc != 0 || !is_filled || !take(reading, &page->records[page->count])) {
            break;
        }
        page->count++;
    }
    for (size_t i = 0; reading->way == PN_PAGE_NEWER && i < page->count / 2; i++) {
        struct pn_scan_hit swapped = page->records[i];
        page->records[i] = page->records[page->count - 1 - i];
        page->records[page->count - 1 - i] = swapped;
    }
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int begin(struct reading *reading, const struct pn_page_cuts *cuts, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < cuts->count; i++) {
        struct part *part = &reading->parts[reading->count];
        bool is_there = false;
        *part = (struct part){.partition = cuts->items[i].partition, .span = WINDOW_RECORDS};
        rc = ends_of(reading->source, part->partition, &part->begin, &part->end, &is_there, e);
        int64_t cut = cuts->items[i].offset;
        cut = cut < part->end ? cut : part->end;
        part->place = cut > part->begin ? cut : part->begin;
        part->read = part->place;
        reading->count += rc == 0 && is_there;
    }
    return rc;
}

int pn_page_read(const struct pn_scan_source *source, enum pn_page_way way,
                 const struct pn_page_cuts *cuts, size_t limit, struct pn_arena *arena,
                 struct pn_page *page, struct pn_err *e)
{
    struct reading reading = {.source = source,
                              .way = way,
                              .parts =
                                  pn_arena_calloc(arena, cuts->count + 1, sizeof *reading.parts),
                              .arena = arena,
                              .page = page};
    *page = (struct pn_page){0};
    pn_arena_init(&reading.scratch, 0);
    int rc = begin(&reading, cuts, e);
    struct pn_page_cuts from = {.count = reading.count};
    for (size_t i = 0; i < reading.count; i++) {
        from.items[i] = (struct pn_page_cut){reading.parts[i].partition, reading.parts[i].place};
    }
    if (rc == 0) {
        rc = merge(&reading, limit, e);
    }
    struct pn_page_cuts to = {.count = reading.count};
    for (size_t i = 0; i < reading.count; i++) {
        const struct part *part = &reading.parts[i];
        to.items[i] = (struct pn_page_cut){part->partition, part->place};
        page->has_older |=
            (way == PN_PAGE_OLDER ? part->place : from.items[i].offset) > part->begin;
        page->has_newer |= (way == PN_PAGE_OLDER ? from.items[i].offset : part->place) < part->end;
    }
    page->lower = way == PN_PAGE_OLDER ? to : from;
    page->upper = way == PN_PAGE_OLDER ? from : to;
    pn_arena_deinit(&reading.scratch);
    return rc;
}
