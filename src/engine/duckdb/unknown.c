#include "engine/duckdb/unknown.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    BUCKETS = 2048, /* a power of two, about twice the names */
    GUESSES = 64    /* places whose last name is remembered */
};

struct name {
    char *text;
    size_t len;
    int64_t count;
    uint64_t record; /* the first that it came with */
};

struct pn_unknown_names {
    struct pn_unknown_where where;
    struct name *items;
    size_t count;
    size_t capacity;
    uint16_t *buckets; /* of names: their number from 1 on; 0 is free. NULL: no names yet */
    uint16_t guesses[GUESSES];
    int64_t others; /* values whose names came when there were too many */
    bool is_new;    /* something was counted since the counts were moved */
};

struct pn_unknown_names *pn_unknown_names_create(const struct pn_unknown_where *where)
{
    struct pn_unknown_names *names = pn_xcalloc(1, sizeof *names);
    names->where = *where;
    return names;
}

void pn_unknown_names_destroy(struct pn_unknown_names **names)
{
    struct pn_unknown_names *it = *names;
    if (it == NULL) {
        return;
    }
    for (size_t i = 0; i < it->count; i++) {
        free(it->items[i].text);
    }
    free(it->items);
    free(it->buckets);
    free(it);
    *names = NULL;
}

_Static_assert((int)PN_UNKNOWN_DISTINCT_MAX < (int)BUCKETS,
               "a bucket stays free, which ends each search");

/* FNV-1a. */
static size_t hash(const char *text, size_t len)
{
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < len; i++) {
        sum = (sum ^ (unsigned char)text[i]) * 16777619u;
    }
    return sum;
}

static bool is_name(const struct name *name, const char *text, size_t len)
{
    return name->len == len && memcmp(name->text, text, len) == 0;
}

/* The name's number, from 1 on; 0 when there are too many others. */
static uint16_t number_of(struct pn_unknown_names *names, const char *text, size_t len)
{
    if (names->buckets == NULL) {
        names->buckets = pn_xcalloc(BUCKETS, sizeof *names->buckets);
    }
    size_t bucket = hash(text, len) % BUCKETS;
    for (; names->buckets[bucket] != 0; bucket = (bucket + 1) % BUCKETS) {
        if (is_name(&names->items[names->buckets[bucket] - 1], text, len)) {
            return names->buckets[bucket];
        }
    }
    if (names->count == PN_UNKNOWN_DISTINCT_MAX) {
        return 0;
    }
    pn_grow((void **)&names->items, &names->capacity, names->count + 1, sizeof *names->items);
    names->items[names->count++] = (struct name){.text = pn_xstrndup(text, len),
                                                 .len = len,
                                                 .record = names->where.record(names->where.arg)};
    names->buckets[bucket] = (uint16_t)names->count;
    return (uint16_t)names->count;
}

static void count(struct pn_unknown_names *names, uint16_t number, int64_t values)
{
    PN_ASSERT(number <= names->count);
    names->is_new = true;
    if (number == 0) {
        names->others += values;
    } else {
        names->items[number - 1].count += values;
    }
}

void pn_unknown_names_count(struct pn_unknown_names *names, const char *name, size_t len,
                            size_t place)
{
    uint16_t *guess = &names->guesses[place % GUESSES];
    len = len < PN_UNKNOWN_NAME_BYTES_MAX ? len : PN_UNKNOWN_NAME_BYTES_MAX;
    if (*guess == 0 || !is_name(&names->items[*guess - 1], name, len)) {
        *guess = number_of(names, name, len);
    }
    count(names, *guess, 1);
}

/* --- of all threads --------------------------------------------------------------------------- */

/* Until a thread's names are added, none is known. */
static uint64_t no_record(void *arg)
{
    (void)arg;
    return PN_UNKNOWN_NO_RECORD;
}

static const struct pn_unknown_where nowhere = {.record = no_record};

void pn_unknown_init(struct pn_unknown *unknown)
{
    pthread_mutex_init(&unknown->lock, NULL);
    unknown->names = pn_unknown_names_create(&nowhere);
}

void pn_unknown_deinit(struct pn_unknown *unknown)
{
    pn_unknown_names_destroy(&unknown->names);
    pthread_mutex_destroy(&unknown->lock);
}

void pn_unknown_reset(struct pn_unknown *unknown)
{
    if (unknown->names->is_new) {
        pn_unknown_names_destroy(&unknown->names);
        unknown->names = pn_unknown_names_create(&nowhere);
    }
}

static void merge(struct pn_unknown_names *all, const char *path, const struct name *item)
{
    char *full = pn_xasprintf("%s%.*s", path, (int)item->len, item->text);
    uint16_t number = number_of(all, full, strlen(full));
    count(all, number, item->count);
    if (number != 0 && item->record < all->items[number - 1].record) {
        all->items[number - 1].record = item->record;
    }
    free(full);
}

void pn_unknown_add(struct pn_unknown *unknown, const char *path, struct pn_unknown_names *names)
{
    if (!names->is_new) {
        return;
    }
    pthread_mutex_lock(&unknown->lock);
    for (size_t i = 0; i < names->count; i++) {
        struct name *item = &names->items[i];
        if (item->count > 0) {
            merge(unknown->names, path, item);
        }
        item->count = 0;
    }
    unknown->names->others += names->others;
    unknown->names->is_new = true;
    pthread_mutex_unlock(&unknown->lock);
    names->others = 0;
    names->is_new = false;
}

/* The most frequent first, those of one count by name. */
static int compare(const void *a, const void *b)
{
    const struct name *first = *(const struct name *const *)a;
    const struct name *second = *(const struct name *const *)b;
    if (first->count != second->count) {
        return first->count > second->count ? -1 : 1;
    }
    return strcmp(first->text, second->text);
}

/* What is too long ends with dots; a character is not cut in two. */
static void show(const char *text, size_t len, char out[static PN_UNKNOWN_SHOWN_SIZE])
{
    static const char dots[] = "...";
    bool fits = len < PN_UNKNOWN_SHOWN_SIZE;
    if (!fits) {
        len = PN_UNKNOWN_SHOWN_SIZE - sizeof dots;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    int written = snprintf(out, PN_UNKNOWN_SHOWN_SIZE, "%.*s%s", (int)len, text, fits ? "" : dots);
    for (int i = 0; i < written; i++) {
        out[i] = (unsigned char)out[i] < ' ' || out[i] == 0x7F ? '?' : out[i];
    }
}

uint64_t pn_unknown_report(struct pn_unknown *unknown, struct pn_table_report *report)
{
    const struct pn_unknown_names *names = unknown->names;
    uint64_t record = PN_UNKNOWN_NO_RECORD;
    const struct name **sorted = pn_xcalloc(names->count + 1, sizeof *sorted);
    report->unknown_values = names->others;
    for (size_t i = 0; i < names->count; i++) {
        sorted[i] = &names->items[i];
        report->unknown_values += names->items[i].count;
    }
    qsort(sorted, names->count, sizeof *sorted, compare);
    report->unknown_count =
        names->count < PN_UNKNOWN_SHOWN_MAX ? names->count : PN_UNKNOWN_SHOWN_MAX;
    report->unknown_more = names->count - report->unknown_count + (names->others > 0 ? 1 : 0);
    for (size_t i = 0; i < report->unknown_count; i++) {
        report->unknown[i].count = sorted[i]->count;
        show(sorted[i]->text, sorted[i]->len, report->unknown[i].name);
        record = i == 0 ? sorted[i]->record : record;
    }
    free(sorted);
    return record;
}
