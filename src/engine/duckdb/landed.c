#include "engine/duckdb/landed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/landed_internal.h"
#include "engine/duckdb/line_origins.h"
#include "engine/duckdb/lines.h"
#include "pipeline/pattern.h"

enum { RANGE_BYTES = 4 << 20 };

static const char *const SUFFIXES[] = {".json", ".json.gz"};

/* --- scans and their numbers ------------------------------------------------------------------ */

void pn_landed_take_lines(struct pn_landed_scan *scan, size_t bytes_max)
{
    scan->line_bytes_max = bytes_max;
}

struct pn_landed_scan *pn_landed_create(struct pn_duckdb *engine, const struct pn_table *table,
                                        pn_landed_reject_fn on_reject, void *arg)
{
    struct pn_landed_scan *scan = pn_xcalloc(1, sizeof *scan);
    scan->engine = engine;
    scan->table = table;
    scan->on_reject = on_reject;
    scan->arg = arg;
    scan->is_whole = pn_line_origins_need_all(table);
    scan->line_bytes_max = PN_LINE_BYTES_MAX;
    pn_arena_init(&scan->arena, 0);
    pn_unknown_init(&scan->unknown);
    pthread_mutex_lock(&engine->lock);
    size_t number = 0;
    while (number < engine->scan_capacity && engine->scans[number] != NULL) {
        number++;
    }
    if (number == engine->scan_capacity) {
        size_t capacity = engine->scan_capacity * 2 + 8;
        engine->scans = pn_xrealloc(engine->scans, capacity * sizeof(struct pn_landed_scan *));
        memset(engine->scans + number, 0, (capacity - number) * sizeof(struct pn_landed_scan *));
        engine->scan_capacity = capacity;
    }
    engine->scans[number] = scan;
    scan->number = number;
    pthread_mutex_unlock(&engine->lock);
    return scan;
}

void pn_landed_destroy(struct pn_landed_scan **scan)
{
    struct pn_landed_scan *it = *scan;
    if (it == NULL) {
        return;
    }
    pthread_mutex_lock(&it->engine->lock);
    it->engine->scans[it->number] = NULL;
    pthread_mutex_unlock(&it->engine->lock);
    pn_fetch_stop(&it->fetch);
    free(it->fetched);
    free(it->files);
    free(it->units);
    pn_arena_deinit(&it->arena);
    pn_unknown_deinit(&it->unknown);
    free(it);
    *scan = NULL;
}

static void add_unit(struct pn_landed_scan *scan, int64_t start, int64_t end)
{
    pn_grow((void **)&scan->units, &scan->unit_capacity, scan->unit_count + 1, sizeof *scan->units);
    scan->units[scan->unit_count++] =
        (struct pn_landed_unit){.file = scan->file_count - 1, .start = start, .end = end};
}

/* `topic` and `name` are the arena's. It is the scan's until the next one comes. */
static struct pn_scan_file *put_file(struct pn_landed_scan *scan, const char *topic,
                                     const char *name, bool is_object, int64_t size_bytes)
{
    pn_grow((void **)&scan->files, &scan->file_capacity, scan->file_count + 1, sizeof *scan->files);
    scan->files[scan->file_count++] = (struct pn_scan_file){.topic = topic,
                                                            .name = name,
                                                            .path = name,
                                                            .is_object = is_object,
                                                            .size_bytes = size_bytes,
                                                            .first_unit = scan->unit_count};
    scan->bytes += size_bytes;
    return &scan->files[scan->file_count - 1];
}

static struct pn_scan_file *add_file(struct pn_landed_scan *scan, const char *topic,
                                     const char *name, bool is_object, int64_t size_bytes)
{
    struct pn_scan_file *file = put_file(scan, topic, name, is_object, size_bytes);
    bool is_gzip = pn_lines_is_gzip(name);
    if (is_gzip) {
        add_unit(scan, 0, INT64_MAX);
    }
    int64_t range = scan->is_whole ? size_bytes : RANGE_BYTES;
    for (int64_t start = 0; !is_gzip && start < size_bytes; start += range) {
        add_unit(scan, start, size_bytes - start > range ? start + range : size_bytes);
    }
    file->unit_count = scan->unit_count - file->first_unit;
    return file;
}

static void add_listed(struct pn_landed_scan *scan, const char *topic,
                       const struct pn_object *object)
{
    const char *key = pn_arena_strdup(&scan->arena, object->key);
    add_file(scan, topic, key, true, object->size_bytes)->etag =
        pn_arena_strdup(&scan->arena, object->etag);
}

struct adding {
    struct pn_landed_scan *scan;
    const char *topic;
    struct pn_err *e;
};

static bool is_readable(const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
        size_t suffix_len = strlen(SUFFIXES[i]);
        if (len >= suffix_len && strcmp(key + len - suffix_len, SUFFIXES[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int add_object(void *arg, const struct pn_object *object)
{
    struct adding *adding = arg;
    struct pn_landed_scan *scan = adding->scan;
    if (!is_readable(object->key)) {
        if (scan->passed_over++ == 0) {
            scan->passed_over_example = pn_arena_strdup(&scan->arena, object->key);
        }
        return 0;
    }
    bool wanted = true;
    int rc = scan->wants != NULL
                 ? scan->wants(scan->wants_arg, adding->topic, object, &wanted, adding->e)
                 : 0;
    if (rc == 0 && wanted) {
        add_listed(scan, adding->topic, object);
    }
    return rc;
}

static int add_topic(struct pn_landed_scan *scan, const char *dir, const char *topic,
                     struct pn_err *e)
{
    const char *prefix = pn_arena_printf(&scan->arena, "%s/%s/", dir, topic);
    struct adding adding = {.scan = scan, .topic = pn_arena_strdup(&scan->arena, topic), .e = e};
    return pn_store_list(scan->engine->store, prefix, NULL, add_object, &adding, e);
}

/* The topics of a scan, while they are found. */
struct search {
    struct pn_landed_scan *scan;
    const char *dir;
    const char *pattern;
    bool (*is_wanted)(void *arg, const char *topic);
    void *arg;
    struct pn_err *e;
};

static int add_if_wanted(void *arg, const char *topic)
{
    const struct search *search = arg;
    if (!pn_pattern_matches(search->pattern, topic) ||
        (search->is_wanted != NULL && !search->is_wanted(search->arg, topic))) {
        return 0;
    }
    return add_topic(search->scan, search->dir, topic, search->e);
}

void pn_landed_choose(struct pn_landed_scan *scan,
                      int (*wants)(void *arg, const char *topic, const struct pn_object *object,
                                   bool *wanted, struct pn_err *e),
                      void *arg)
{
    scan->wants = wants;
    scan->wants_arg = arg;
}

int pn_landed_add_topics(struct pn_landed_scan *scan, const char *dir, const char *pattern,
                         bool (*is_wanted)(void *arg, const char *topic), void *arg,
                         struct pn_err *e)
{
    struct search search = {
        .scan = scan, .dir = dir, .pattern = pattern, .is_wanted = is_wanted, .arg = arg, .e = e};
    if (!pn_is_pattern(pattern)) {
        return add_if_wanted(&search, pattern);
    }
    const char *prefix = pn_arena_printf(&scan->arena, "%s/", dir);
    return pn_store_folders(scan->engine->store, prefix, add_if_wanted, &search, e);
}

int pn_landed_add_file(struct pn_landed_scan *scan, const char *path, const char *topic,
                       struct pn_err *e)
{
    struct stat st;
    int rc = pn_io_stat(scan->engine->config.io, path, &st, e);
    if (rc != 0) {
        return rc;
    }
    (void)add_file(scan, topic != NULL ? pn_arena_strdup(&scan->arena, topic) : NULL,
                   pn_arena_strdup(&scan->arena, path), false, st.st_size);
    return 0;
}

/* --- objects without a topic ------------------------------------------------------------------ */

void pn_landed_add_object(struct pn_landed_scan *scan, const struct pn_object *object)
{
    add_listed(scan, NULL, object);
}

int pn_landed_add_copy(struct pn_landed_scan *scan, const char *path, const char *key,
                       struct pn_err *e)
{
    int rc = pn_landed_add_file(scan, path, NULL, e);
    if (rc == 0) {
        scan->files[scan->file_count - 1].name = pn_arena_strdup(&scan->arena, key);
    }
    return rc;
}

void pn_landed_note(struct pn_landed_scan *scan, const char *key, int64_t size_bytes)
{
    (void)put_file(scan, NULL, pn_arena_strdup(&scan->arena, key), true, size_bytes);
}

void pn_landed_note_rows(struct pn_landed_scan *scan, int64_t rows)
{
    atomic_fetch_add(&scan->rows, rows);
}

int pn_landed_note_reject(struct pn_landed_scan *scan, struct pn_landed_reject *reject,
                          struct pn_err *e)
{
    reject->scan = scan;
    reject->topic = NULL;
    reject->unit = SIZE_MAX; /* of no range: the line is the object's */
    atomic_fetch_add(&scan->rejected, 1);
    return scan->on_reject(scan->arg, reject, e);
}

void pn_landed_note_unknown(struct pn_landed_scan *scan, struct pn_unknown_names *names)
{
    pn_unknown_add(&scan->unknown, "", names);
}

/* --- after the statement ---------------------------------------------------------------------- */

void pn_landed_add_call(struct pn_landed_scan *scan, struct pn_buf *sql)
{
    pn_buf_addf(sql, "pn_landed(%llu)", (unsigned long long)scan->number);
}

struct pn_landed_counts pn_landed_counts(const struct pn_landed_scan *scan)
{
    return (struct pn_landed_counts){
        .rows = atomic_load(&scan->rows),
        .rejected = atomic_load(&scan->rejected),
        .objects = (int64_t)scan->file_count,
        .bytes = scan->bytes,
        .passed_over = scan->passed_over,
        .passed_over_example = scan->passed_over_example,
    };
}

void pn_landed_report_unknown(struct pn_landed_scan *scan, struct pn_table_report *report)
{
    uint64_t record = pn_unknown_report(&scan->unknown, report);
    if (record == PN_UNKNOWN_NO_RECORD) {
        return;
    }
    size_t unit = (size_t)(record >> PN_LANDED_LINE_BITS);
    uint64_t line_in_unit = record & ((1ull << PN_LANDED_LINE_BITS) - 1);
    PN_ASSERT(unit < scan->unit_count);
    (void)snprintf(report->unknown_place, sizeof report->unknown_place, "%s",
                   scan->files[scan->units[unit].file].name);
    report->unknown_position = pn_landed_line_base(scan, unit) + (int64_t)line_in_unit;
}

bool pn_landed_failure(struct pn_landed_scan *scan, struct pn_err *e)
{
    pthread_mutex_lock(&scan->engine->lock);
    bool failed = scan->failure.failed;
    if (failed) {
        pn_err_copy(e, &scan->failure.e);
    }
    pthread_mutex_unlock(&scan->engine->lock);
    return failed;
}

size_t pn_landed_units(const struct pn_landed_scan *scan)
{
    return scan->unit_count;
}

int64_t pn_landed_line_base(const struct pn_landed_scan *scan, size_t unit)
{
    int64_t lines = 0;
    PN_ASSERT(unit < scan->unit_count);
    for (size_t i = unit; i > 0 && scan->units[i - 1].file == scan->units[unit].file; i--) {
        lines += scan->units[i - 1].lines;
    }
    return lines;
}

size_t pn_landed_files(const struct pn_landed_scan *scan)
{
    return scan->file_count;
}

struct pn_landed_file pn_landed_file(const struct pn_landed_scan *scan, size_t i)
{
    PN_ASSERT(i < scan->file_count);
    const struct pn_scan_file *file = &scan->files[i];
    struct pn_landed_file it = {.name = file->name,
                                .topic = file->topic,
                                .is_object = file->is_object,
                                .has_rejects = atomic_load(&file->has_rejects),
                                .has_offsets = file->has_offsets,
                                .first = file->first,
                                .end = file->end};
    for (size_t unit = 0; unit < file->unit_count; unit++) {
        it.lines += scan->units[file->first_unit + unit].lines;
    }
    return it;
}
