#include "processor/marks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { DIGITS = 18, PARTS_MIN = 4, PARTS_MAX = 8 }; /* digits of a txn, and txns of a number */
static const int64_t PART_END = INT64_C(1000000000000000000);
_Static_assert(DIGITS *PARTS_MAX >= PN_PLACE_TEXT_SIZE - 1, "each text fits");

bool pn_processor_is_sequence(const char *text, size_t len)
{
    enum { DIGITS_MAX = 129 };
    size_t digits = 0;
    while (digits < len && text[digits] >= '0' && text[digits] <= '9') {
        digits++;
    }
    return len > 0 && len <= DIGITS_MAX && digits == len && (text[0] != '0' || len == 1);
}

static void add(struct pn_append_mark *marks, size_t *count, const char *app_id, int64_t version)
{
    marks[(*count)++] = (struct pn_append_mark){.app_id = app_id, .version = version};
}

static void add_digits(struct pn_append_mark *marks, size_t *count, const char *digits,
                       const char *app_id, struct pn_arena *arena)
{
    size_t left = strlen(digits);
    for (int part = 0; left > 0 || (part > 0 && part < PARTS_MIN); part++) {
        size_t len = left < DIGITS ? left : DIGITS;
        char text[DIGITS + 1] = {0};
        left -= len;
        memcpy(text, digits + left, len);
        add(marks, count, pn_arena_printf(arena, "%s/%d", app_id, part), strtoll(text, NULL, 10));
    }
}

struct pn_append_mark *pn_processor_marks_of(const struct pn_processor_place *place,
                                             const char *app_id, struct pn_arena *arena,
                                             size_t *count)
{
    struct pn_append_mark *marks = pn_arena_calloc(arena, PARTS_MAX + 3, sizeof *marks);
    int64_t until = place->ended ? INT64_MAX : place->until_ms;
    *count = 0;
    if (place->text[0] == '@') {
        add(marks, count, pn_arena_printf(arena, "%s/from", app_id),
            strtoll(place->text + 1, NULL, 10));
    } else {
        PN_ASSERT(place->text[0] == '\0' ||
                  pn_processor_is_sequence(place->text, strlen(place->text)));
        add_digits(marks, count, place->text, app_id, arena);
    }
    if (until > 0) {
        add(marks, count, pn_arena_printf(arena, "%s/until", app_id), until);
    }
    return marks;
}

/* A mark's version; -1: the table has none. */
static int64_t mark_of(const struct pn_delta_snapshot *table, const char *app_id, const char *name)
{
    char *mark = pn_xasprintf("%s/%s", app_id, name);
    int64_t version = pn_delta_txn_version(table, mark);
    free(mark);
    return version;
}

/* The digits in the marks, without zeros before them; "" when there are none. False: they are too
 * many, or one is not of its range. */
static bool read_digits(const struct pn_delta_snapshot *table, const char *app_id, char *out)
{
    int64_t parts[PARTS_MAX];
    int count = 0;
    char text[PARTS_MAX * DIGITS + 1] = {0};
    for (; count < PARTS_MAX; count++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", count);
        parts[count] = mark_of(table, app_id, name);
        if (parts[count] < 0) {
            break;
        }
        if (parts[count] >= PART_END) {
            return false;
        }
    }
    for (int i = 0; i < count; i++) {
        (void)snprintf(text + (ptrdiff_t)i * DIGITS, DIGITS + 1, "%0*" PRId64, DIGITS,
                       parts[count - 1 - i]);
    }
    const char *first = text + strspn(text, "0");
    if (count > 0 && *first == '\0') {
        first--;
    }
    bool fits = count == 0 || pn_processor_is_sequence(first, strlen(first));
    (void)snprintf(out, PN_PLACE_TEXT_SIZE, "%.*s", PN_PLACE_TEXT_SIZE - 1, fits ? first : "");
    return fits;
}

int pn_processor_marks_read(const struct pn_delta_snapshot *table, const char *app_id,
                            struct pn_processor_place *place, struct pn_err *e)
{
    int64_t until = mark_of(table, app_id, "until");
    int64_t from = mark_of(table, app_id, "from");
    *place = (struct pn_processor_place){.ended = until == INT64_MAX};
    place->until_ms = until > 0 && !place->ended ? until : 0;
    if (!read_digits(table, app_id, place->text)) {
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                          "the table's transactions %s/0 and following are not a sequence number: "
                          "another writer has changed them",
                          app_id);
    }
    if (place->text[0] == '\0' && from >= 0) {
        (void)snprintf(place->text, sizeof place->text, "@%" PRId64, from);
    }
    return 0;
}
