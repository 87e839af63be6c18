#include "engine/duckdb/taken.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/units.h"
#include "engine/duckdb/object_name.h"

static const char PREFIX[] = "pinion/landed/";
static const char OBJECTS[] = "/objects";
static const char GAP[] = "/gap/";
enum { OPEN = 1, CLOSED = 2 };

/* A number of a transaction: as the table has it (-1: not at all), and as it will be. */
struct number {
    int64_t before;
    int64_t now;
};

struct gap {
    int64_t start;
    int64_t end;
    struct number state;
};

/* Numbers that an object has. */
struct item {
    int64_t first;
    int64_t end;
};

struct part {
    const char *topic;
    int32_t partition;
    struct number next;
    struct number objects;
    int64_t below; /* objects of the listing that count as taken */
    const char *below_example;
    int64_t loaded_ms; /* when the last load of it was; 0: not known */
    int64_t younger;   /* of `below`, those that came after it */
    const char *younger_example;
    struct gap *gaps; /* closed ones too */
    size_t gap_count;
    size_t gap_capacity;
    struct item *items;
    size_t item_count;
    size_t item_capacity;
};

struct pn_taken {
    struct pn_arena arena;
    struct number mark;
    struct number definition;
    struct number since;
    struct part *parts;
    size_t count;
    size_t capacity;
    size_t last; /* the part that was asked for last: listings are by partition */
    struct pn_delta_txn *txns;
    int64_t *before;
    size_t txn_count;
    size_t txn_capacity;
    size_t before_capacity;
};

/* --- partitions ------------------------------------------------------------------------------- */

static bool is_part(const struct part *part, const char *topic, size_t topic_len, int32_t partition)
{
    return part->partition == partition && strlen(part->topic) == topic_len &&
           memcmp(part->topic, topic, topic_len) == 0;
}

static struct part *find_part(struct pn_taken *taken, const char *topic, size_t topic_len,
                              int32_t partition)
{
    if (taken->last < taken->count &&
        is_part(&taken->parts[taken->last], topic, topic_len, partition)) {
        return &taken->parts[taken->last];
    }
    for (size_t i = 0; i < taken->count; i++) {
        if (is_part(&taken->parts[i], topic, topic_len, partition)) {
            taken->last = i;
            return &taken->parts[i];
        }
    }
    pn_grow((void **)&taken->parts, &taken->capacity, taken->count + 1, sizeof *taken->parts);
    taken->last = taken->count++;
    taken->parts[taken->last] =
        (struct part){.topic = pn_arena_strndup(&taken->arena, topic, topic_len),
                      .partition = partition,
                      .next = {.before = -1},
                      .objects = {.before = -1}};
    return &taken->parts[taken->last];
}

static void add_gap(struct part *part, int64_t start, int64_t end, struct number state)
{
    for (size_t i = 0; i < part->gap_count; i++) {
        if (part->gaps[i].start == start && part->gaps[i].end == end) {
            part->gaps[i].state.now = state.now;
            return;
        }
    }
    pn_grow((void **)&part->gaps, &part->gap_capacity, part->gap_count + 1, sizeof *part->gaps);
    part->gaps[part->gap_count++] = (struct gap){.start = start, .end = end, .state = state};
}

static bool is_open(const struct gap *gap)
{
    return gap->state.now == OPEN;
}

/* The open gap that a number is in; NULL: none. */
static struct gap *gap_of(struct part *part, int64_t number)
{
    for (size_t i = 0; i < part->gap_count; i++) {
        struct gap *gap = &part->gaps[i];
        if (is_open(gap) && gap->start <= number && number < gap->end) {
            return gap;
        }
    }
    return NULL;
}

/* --- from a snapshot -------------------------------------------------------------------------- */

static bool read_gap(const char *text, int64_t *start, int64_t *end)
{
    size_t len = strcspn(text, "-");
    return text[len] == '-' && pn_object_number_read(text, len, PN_OBJECT_NUMBER_MAX, start) &&
           pn_object_number_read(text + len + 1, strlen(text + len + 1), PN_OBJECT_NUMBER_MAX, end);
}

/* "<topic>/<n>" and what is after it. */
static void read_txn(struct pn_taken *taken, const struct pn_delta_txn *txn, bool afresh)
{
    const char *topic = txn->app_id + strlen(PREFIX);
    const char *slash = strchr(topic, '/');
    int64_t number = 0;
    int64_t end = 0;
    size_t len = slash != NULL ? strcspn(slash + 1, "/") : 0;
    if (slash == NULL || !pn_object_number_read(slash + 1, len, INT32_MAX, &number)) {
        return;
    }
    struct part *part = find_part(taken, topic, (size_t)(slash - topic), (int32_t)number);
    const char *rest = slash + 1 + len;
    struct number value = {.before = txn->version, .now = afresh ? 0 : txn->version};
    if (rest[0] == '\0') {
        part->next = value;
        part->loaded_ms = txn->updated_ms > 0 ? txn->updated_ms : 0;
    } else if (strcmp(rest, OBJECTS) == 0) {
        part->objects = value;
    } else if (strncmp(rest, GAP, strlen(GAP)) == 0 &&
               read_gap(rest + strlen(GAP), &number, &end)) {
        value.now = afresh ? CLOSED : value.now;
        add_gap(part, number, end, value);
    }
}

struct pn_taken *pn_taken_create(const struct pn_delta_snapshot *snapshot, bool afresh,
                                 int64_t definition)
{
    struct pn_taken *taken = pn_xcalloc(1, sizeof *taken);
    pn_arena_init(&taken->arena, 0);
    taken->mark = (struct number){.before = -1, .now = 1};
    taken->definition = (struct number){.before = -1, .now = definition};
    taken->since =
        (struct number){.before = -1, .now = snapshot != NULL ? snapshot->version + 1 : 0};
    for (size_t i = 0; snapshot != NULL && i < snapshot->txn_count; i++) {
        const struct pn_delta_txn *txn = &snapshot->txns[i];
        if (strcmp(txn->app_id, PN_INCREMENTAL_MARK) == 0) {
            taken->mark.before = txn->version;
        } else if (strcmp(txn->app_id, PN_INCREMENTAL_DEFINITION) == 0) {
            taken->definition.before = txn->version;
        } else if (strcmp(txn->app_id, PN_INCREMENTAL_SINCE) == 0) {
            taken->since.before = txn->version;
        } else if (strncmp(txn->app_id, PREFIX, strlen(PREFIX)) == 0) {
            read_txn(taken, txn, afresh);
        }
    }
    if (!afresh && taken->definition.before > definition) {
        /* A sum neither grows nor falls: pinion/since is the condition of the commit. */
        taken->definition.before = PN_DELTA_TXN_ANY;
    }
    return taken;
}

void pn_taken_destroy(struct pn_taken **taken)
{
    struct pn_taken *it = *taken;
    if (it == NULL) {
        return;
    }
    for (size_t i = 0; i < it->count; i++) {
        free(it->parts[i].gaps);
        free(it->parts[i].items);
    }
    free(it->parts);
    free(it->txns);
    free(it->before);
    pn_arena_deinit(&it->arena);
    free(it);
    *taken = NULL;
}

bool pn_taken_holds(const struct pn_delta_snapshot *snapshot)
{
    return snapshot != NULL && pn_delta_txn_version(snapshot, PN_INCREMENTAL_MARK) == 1;
}

/* --- objects ---------------------------------------------------------------------------------- */

int pn_taken_wants(struct pn_taken *taken, const char *topic, const char *key, int64_t modified_ms,
                   bool *wanted, struct pn_err *e)
{
    int32_t partition = 0;
    int64_t number = 0;
    if (!pn_object_name_read(topic, key, &partition, &number)) {
        return pn_err_input(e,
                            "the name of %s does not end in %s+<partition>+<offset>.json, so an "
                            "incremental table cannot remember that it has read it: move the "
                            "object away, or use `mode: overwrite`",
                            key, topic);
    }
    struct part *part = find_part(taken, topic, strlen(topic), partition);
    *wanted = number >= part->next.now || gap_of(part, number) != NULL;
    if (!*wanted && part->below++ == 0) {
        part->below_example = pn_arena_strdup(&taken->arena, key);
    }
    if (!*wanted && part->loaded_ms > 0 && modified_ms > part->loaded_ms + PN_TAKEN_CLOCKS_MS &&
        part->younger++ == 0) {
        part->younger_example = pn_arena_strdup(&taken->arena, key);
    }
    return 0;
}

int pn_taken_check(const struct pn_taken *taken, const char *table, struct pn_err *e)
{
    for (size_t i = 0; i < taken->count; i++) {
        const struct part *part = &taken->parts[i];
        if (part->below > part->objects.now) {
            return pn_err_input(
                e,
                "partition %" PRId32 " of topic %s has %" PRId64 " %s below offset %" PRId64
                " (the first: %s), but table '%s' has read only %" PRId64
                " there: records came late under offsets that were read already; run it with "
                "--full-refresh",
                part->partition, part->topic, part->below,
                pn_noun(part->below, "object", "objects"), part->next.now, part->below_example,
                table, part->objects.now);
        }
        if (part->younger > 0 && part->younger < part->below) {
            return pn_err_input(
                e,
                "partition %" PRId32 " of topic %s has %" PRId64 " %s below offset %" PRId64
                " (the first: %s) that came after table '%s' had read up to there: the table may "
                "lack their records; run it with --full-refresh, or remove them",
                part->partition, part->topic, part->younger,
                pn_noun(part->younger, "object", "objects"), part->next.now, part->younger_example,
                table);
        }
    }
    return 0;
}

void pn_taken_add(struct pn_taken *taken, const char *topic, const char *key, int64_t count)
{
    int32_t partition = 0;
    int64_t number = 0;
    bool read = pn_object_name_read(topic, key, &partition, &number);
    PN_ASSERT(read && count >= 1); /* it was wanted */
    struct part *part = find_part(taken, topic, strlen(topic), partition);
    pn_grow((void **)&part->items, &part->item_capacity, part->item_count + 1, sizeof *part->items);
    part->items[part->item_count++] = (struct item){number, number + count};
    part->objects.now++;
}

/* --- gaps ------------------------------------------------------------------------------------- */

static int compare_items(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;
    return a->first < b->first ? -1 : a->first > b->first;
}

struct settling {
    int (*explain)(void *arg, const char *topic, int32_t partition, int64_t number, int64_t *count,
                   struct pn_err *e);
    void *arg;
};

static size_t count_open(const struct part *part)
{
    size_t count = 0;
    for (size_t i = 0; i < part->gap_count; i++) {
        count += is_open(&part->gaps[i]);
    }
    return count;
}

/* Numbers from `start` to `end` that no object of the listing has. */
static int open_gap(struct part *part, int64_t start, int64_t end, const struct settling *settling,
                    struct pn_err *e)
{
    int64_t count = 1;
    int rc = 0;
    while (rc == 0 && settling->explain != NULL && start < end && count > 0) {
        rc = settling->explain(settling->arg, part->topic, part->partition, start, &count, e);
        start += rc == 0 ? count : 0;
    }
    if (rc == 0 && start < end && count_open(part) < PN_TAKEN_GAPS_MAX) {
        add_gap(part, start, end, (struct number){.before = -1, .now = OPEN});
    }
    return rc;
}

/* An object has appeared in a gap: what is left of it are two smaller ones, or none. */
static int fill_gap(struct part *part, struct gap *gap, const struct item *item,
                    const struct settling *settling, struct pn_err *e)
{
    int64_t start = gap->start;
    int64_t end = gap->end;
    gap->state.now = CLOSED; /* the pointer is not good after this */
    int rc = item->first > start ? open_gap(part, start, item->first, settling, e) : 0;
    return rc == 0 && item->end < end ? open_gap(part, item->end, end, settling, e) : rc;
}

static int settle_part(struct part *part, const struct settling *settling, struct pn_err *e)
{
    int rc = 0;
    if (part->item_count > 1) {
        qsort(part->items, part->item_count, sizeof *part->items, compare_items);
    }
    for (size_t i = 0; rc == 0 && i < part->item_count; i++) {
        const struct item *item = &part->items[i];
        struct gap *gap = gap_of(part, item->first);
        if (item->first > part->next.now) {
            rc = open_gap(part, part->next.now, item->first, settling, e);
        } else if (gap != NULL) {
            rc = fill_gap(part, gap, item, settling, e);
        }
        part->next.now = item->end > part->next.now ? item->end : part->next.now;
    }
    return rc;
}

int pn_taken_settle(struct pn_taken *taken,
                    int (*explain)(void *arg, const char *topic, int32_t partition, int64_t number,
                                   int64_t *count, struct pn_err *e),
                    void *arg, struct pn_err *e)
{
    const struct settling settling = {.explain = explain, .arg = arg};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < taken->count; i++) {
        rc = settle_part(&taken->parts[i], &settling, e);
    }
    return rc;
}

/* --- transactions ----------------------------------------------------------------------------- */

static void add_txn(struct pn_taken *taken, const char *app_id, struct number number,
                    int64_t now_ms)
{
    pn_grow((void **)&taken->txns, &taken->txn_capacity, taken->txn_count + 1, sizeof *taken->txns);
    pn_grow((void **)&taken->before, &taken->before_capacity, taken->txn_count + 1,
            sizeof *taken->before);
    taken->before[taken->txn_count] = number.before;
    taken->txns[taken->txn_count++] =
        (struct pn_delta_txn){.app_id = app_id, .version = number.now, .updated_ms = now_ms};
}

static void add_part_txns(struct pn_taken *taken, const struct part *part, int64_t now_ms)
{
    const char *base =
        pn_arena_printf(&taken->arena, "%s%s/%" PRId32, PREFIX, part->topic, part->partition);
    if (part->next.before != part->next.now || part->item_count > 0) {
        add_txn(taken, base, part->next, now_ms);
        add_txn(taken, pn_arena_printf(&taken->arena, "%s%s", base, OBJECTS), part->objects,
                now_ms);
    }
    for (size_t i = 0; i < part->gap_count; i++) {
        const struct gap *gap = &part->gaps[i];
        if (gap->state.before != gap->state.now && (gap->state.before >= 0 || is_open(gap))) {
            add_txn(taken,
                    pn_arena_printf(&taken->arena, "%s%s%" PRId64 "-%" PRId64, base, GAP,
                                    gap->start, gap->end),
                    gap->state, now_ms);
        }
    }
}

void pn_taken_txns(struct pn_taken *taken, int64_t now_ms, const struct pn_delta_txn **txns,
                   const int64_t **before, size_t *count)
{
    taken->txn_count = 0;
    add_txn(taken, PN_INCREMENTAL_MARK, taken->mark, now_ms);
    add_txn(taken, PN_INCREMENTAL_DEFINITION, taken->definition, now_ms);
    add_txn(taken, PN_INCREMENTAL_SINCE, taken->since, now_ms);
    for (size_t i = 0; i < taken->count; i++) {
        add_part_txns(taken, &taken->parts[i], now_ms);
    }
    *txns = taken->txns;
    *before = taken->before;
    *count = taken->txn_count;
}
