#include "schedule/zone.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "schedule/civil.h"
#include "schedule/zone_rule.h"

enum {
    FILE_BYTES_MAX = 1 << 18,
    HEADER_BYTES = 44,
    CHANGES_MAX = 20000,
    RULE_YEAR_LAST = 2200,
    RULE_CHANGES_MAX = 2 * (RULE_YEAR_LAST - 1900),
    TYPE_BYTES = 6
};

/* What is still to be read of a file. */
struct reader {
    const unsigned char *at;
    size_t left;
};

static int64_t be(const unsigned char *bytes, size_t size)
{
    uint64_t value = (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return (int64_t)value;
}

/* The counts in a header of TZif, in their order in the file. */
struct counts {
    uint32_t utc;
    uint32_t standard;
    uint32_t leap;
    uint32_t change;
    uint32_t type;
    uint32_t letter;
};

static bool read_header(struct reader *reader, struct counts *counts, int *version)
{
    if (reader->left < HEADER_BYTES || memcmp(reader->at, "TZif", 4) != 0) {
        return false;
    }
    *version = reader->at[4] == '\0' ? 1 : reader->at[4] - '0';
    const unsigned char *at = reader->at + 20;
    uint32_t *const all[] = {&counts->utc,    &counts->standard, &counts->leap,
                             &counts->change, &counts->type,     &counts->letter};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++, at += 4) {
        *all[i] = (uint32_t)be(at, 4);
        if (*all[i] > CHANGES_MAX) {
            return false;
        }
    }
    reader->at += HEADER_BYTES;
    reader->left -= HEADER_BYTES;
    return true;
}

/* How many bytes the data after a header take, whose times have `size` bytes each. */
static size_t data_bytes(const struct counts *counts, size_t size)
{
    return counts->change * (size + 1) + counts->type * TYPE_BYTES + counts->letter +
           counts->leap * (size + 4) + counts->standard + counts->utc;
}

static bool skip(struct reader *reader, size_t bytes)
{
    if (bytes > reader->left) {
        return false;
    }
    reader->at += bytes;
    reader->left -= bytes;
    return true;
}

/* A zone while it is read: room for all changes, of the file and of its last rule. */
struct made {
    int64_t *at_s;
    int32_t *after_s;
    size_t count;
    int32_t before_s;
};

static bool read_changes(const struct reader *reader, const struct counts *counts,
                         struct made *made)
{
    const unsigned char *times = reader->at;
    const unsigned char *kinds = times + (size_t)counts->change * 8;
    const unsigned char *types = kinds + counts->change;
    made->before_s = (int32_t)be(types, 4);
    for (uint32_t i = 0; i < counts->change; i++) {
        int64_t at_s = be(times + (size_t)i * 8, 8);
        if (kinds[i] >= counts->type || (i > 0 && at_s <= made->at_s[made->count - 1])) {
            return false;
        }
        made->at_s[made->count] = at_s;
        made->after_s[made->count++] = (int32_t)be(types + (size_t)kinds[i] * TYPE_BYTES, 4);
    }
    return true;
}

/* Applies the rule of the file's end from the last change on. */
static void apply_rule(const struct pn_zone_rule *rule, struct made *made)
{
    int64_t last_s = made->count > 0 ? made->at_s[made->count - 1] : INT64_MIN;
    if (!rule->has_dst) {
        if (made->count == 0) {
            made->before_s = rule->standard_s;
        }
        return;
    }
    int64_t year = 1900;
    if (last_s > 0) {
        year = pn_civil_of_days(pn_civil_floor_div(last_s, PN_DAY_S)).year;
    }
    for (; year <= RULE_YEAR_LAST; year++) {
        int64_t start_s = pn_zone_rule_time(&rule->start, year) - rule->standard_s;
        int64_t end_s = pn_zone_rule_time(&rule->end, year) - rule->dst_s;
        bool start_first = start_s < end_s;
        const int64_t at_s[] = {start_first ? start_s : end_s, start_first ? end_s : start_s};
        const int32_t after_s[] = {start_first ? rule->dst_s : rule->standard_s,
                                   start_first ? rule->standard_s : rule->dst_s};
        for (int i = 0; i < 2; i++) {
            if (made->count == 0 || at_s[i] > made->at_s[made->count - 1]) {
                made->at_s[made->count] = at_s[i];
                made->after_s[made->count++] = after_s[i];
            }
        }
    }
}

static int corrupt(const char *name, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                      "the file of the time zone \"%s\" is damaged: install tzdata again", name);
}

static int read_rule(const char *name, const struct reader *reader, struct made *made,
                     struct pn_err *e)
{
    char text[128];
    const unsigned char *end =
        reader->left > 1 ? memchr(reader->at + 1, '\n', reader->left - 1) : NULL;
    if (end == NULL || reader->at[0] != '\n' || (size_t)(end - reader->at) > sizeof text) {
        return corrupt(name, e);
    }
    size_t len = (size_t)(end - reader->at) - 1;
    memcpy(text, reader->at + 1, len);
    text[len] = '\0';
    struct pn_zone_rule rule;
    if (len > 0 && !pn_zone_rule_parse(text, &rule)) {
        return corrupt(name, e);
    }
    if (len > 0) {
        apply_rule(&rule, made);
    }
    return 0;
}

int pn_zone_read(const char *name, const char *bytes, size_t len, struct pn_arena *arena,
                 const struct pn_zone **zone, struct pn_err *e)
{
    struct reader reader = {(const unsigned char *)bytes, len};
    struct counts counts;
    int version = 0;
    /* The first block has times of 32 bits, for old readers. */
    if (!read_header(&reader, &counts, &version) || version < 2 ||
        !skip(&reader, data_bytes(&counts, 4)) || !read_header(&reader, &counts, &version) ||
        counts.type == 0 || data_bytes(&counts, 8) > reader.left) {
        return corrupt(name, e);
    }
    size_t room = counts.change + (size_t)RULE_CHANGES_MAX + 2;
    struct made made = {
        .at_s = pn_arena_calloc(arena, room, sizeof *made.at_s),
        .after_s = pn_arena_calloc(arena, room, sizeof *made.after_s),
    };
    if (!read_changes(&reader, &counts, &made)) {
        return corrupt(name, e);
    }
    (void)skip(&reader, data_bytes(&counts, 8));
    int rc = read_rule(name, &reader, &made, e);
    if (rc == 0) {
        struct pn_zone *read = pn_arena_calloc(arena, 1, sizeof *read);
        *read = (struct pn_zone){
            .name = pn_arena_strdup(arena, name),
            .count = made.count,
            .at_s = made.at_s,
            .after_s = made.after_s,
            .before_s = made.before_s,
        };
        *zone = read;
    }
    return rc;
}

/* A name is a path below the folder of zones, and nothing else. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);
    bool ok = len > 0 && len <= 64 && isalpha((unsigned char)name[0]);
    for (size_t i = 0; ok && i < len; i++) {
        ok = isalnum((unsigned char)name[i]) || strchr("_+-/", name[i]) != NULL;
    }
    return ok;
}

int pn_zone_load(const char *name, const struct pn_io *io, struct pn_arena *arena,
                 const struct pn_zone **zone, struct pn_err *e)
{
    static const struct pn_zone utc = {.name = "UTC"};
    if (strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0) {
        *zone = &utc;
        return 0;
    }
    const char *folder = getenv("TZDIR");
    folder = folder != NULL && folder[0] != '\0' ? folder : "/usr/share/zoneinfo";
    if (!pn_io_exists(io, folder)) {
        return pn_err_input(e, "there is no %s with time zones: install the package tzdata",
                            folder);
    }
    char *path = pn_xasprintf("%s/%s", folder, name);
    if (!is_name(name) || !pn_io_exists(io, path)) {
        free(path);
        return pn_err_input(e,
                            "unknown time zone \"%.64s\": names are those of %s, such as UTC or "
                            "Europe/Berlin",
                            name, folder);
    }
    struct pn_buf bytes;
    pn_buf_init(&bytes, FILE_BYTES_MAX);
    int rc = pn_io_read_file(io, path, &bytes, e);
    if (rc == 0) {
        rc = pn_zone_read(name, pn_buf_text(&bytes), bytes.len, arena, zone, e);
    }
    pn_buf_deinit(&bytes);
    free(path);
    return rc;
}

/* ---- use ------------------------------------------------------------------------------------- */

/* How many changes are at or before a time. */
static size_t changes_until(const struct pn_zone *zone, int64_t unix_s)
{
    size_t low = 0;
    size_t high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->at_s[middle] <= unix_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int32_t pn_zone_offset(const struct pn_zone *zone, int64_t unix_s)
{
    size_t changes = changes_until(zone, unix_s);
    return changes > 0 ? zone->after_s[changes - 1] : zone->before_s;
}

int64_t pn_zone_next_change(const struct pn_zone *zone, int64_t unix_s)
{
    size_t changes = changes_until(zone, unix_s);
    return changes < zone->count ? zone->at_s[changes] : INT64_MAX;
}

int64_t pn_zone_instant(const struct pn_zone *zone, int64_t local_s)
{
    /* No offset is a day or more, so the change in question, if any, is between these two. */
    int32_t before_s = pn_zone_offset(zone, local_s - PN_DAY_S);
    int32_t after_s = pn_zone_offset(zone, local_s + PN_DAY_S);
    int64_t by_before = local_s - before_s;
    int64_t by_after = local_s - after_s;
    if (pn_zone_offset(zone, by_before) == before_s) {
        return by_before;
    }
    if (pn_zone_offset(zone, by_after) == after_s) {
        return by_after;
    }
    int64_t change_s = pn_zone_next_change(zone, by_after - 1);
    return change_s <= by_before ? change_s : by_before;
}
