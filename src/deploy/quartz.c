#include "deploy/quartz.h"

/* The values of a field, a bit each. */
struct field {
    int first;
    int last;
    int shift; /* from our number to Quartz's */
};
enum { MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS, FIELDS };
static const struct field fields[FIELDS] = {
    [MINUTES] = {0, 59, 0}, [HOURS] = {0, 23, 0},   [DAYS] = {1, 31, 0},
    [MONTHS] = {1, 12, 0},  [WEEKDAYS] = {0, 6, 1},
};

/* A line whose days have to match both fields. */
struct line {
    uint64_t bits[FIELDS];
};

static uint64_t every(int field)
{
    return (UINT64_C(1) << (fields[field].last + 1)) - (UINT64_C(1) << fields[field].first);
}

static bool is_every(const struct line *line, int field)
{
    return line->bits[field] == every(field);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* False for a line that fires on days that either field names: Quartz has no "or". */
static bool read_line(const struct pn_cron *cron, struct line *line)
{
    *line = (struct line){.bits = {[MINUTES] = cron->minutes,
                                   [HOURS] = cron->hours,
                                   [DAYS] = cron->days & every(DAYS),
                                   [MONTHS] = cron->months & every(MONTHS),
                                   [WEEKDAYS] = cron->weekdays & every(WEEKDAYS)}};
    if (cron->both_days) {
        return true;
    }
    if (is_every(line, DAYS) || is_every(line, WEEKDAYS)) {
        line->bits[DAYS] = every(DAYS);
        line->bits[WEEKDAYS] = every(WEEKDAYS);
        return true;
    }
    return false;
}

/* Adds a line that differs in one field only; false where it differs in more. */
static bool merge(struct line *into, const struct line *from)
{
    int differing = MINUTES;
    int count = 0;
    for (int i = 0; i < FIELDS; i++) {
        if (into->bits[i] != from->bits[i]) {
            differing = i;
            count++;
        }
    }
    if (count <= 1) {
        into->bits[differing] |= from->bits[differing];
    }
    return count <= 1;
}

/* Merges lines until no two of them fit; returns how many are left. */
static size_t merge_all(struct line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (merge(&lines[i], &lines[j])) {
                lines[j] = lines[count - 1];
                count--;
                i = 0; /* what did not fit before may fit now */
                j = 0;
            }
        }
    }
    return count;
}

/* --- the expression --------------------------------------------------------------------------- */

/* "*", or a list of numbers and ranges. */
static void add_field(struct pn_buf *out, const struct line *line, int number)
{
    const struct field *field = &fields[number];
    bool is_first = true;
    if (is_every(line, number)) {
        pn_buf_addc(out, '*');
        return;
    }
    for (int from = field->first; from <= field->last; from++) {
        int to = from;
        if ((line->bits[number] >> from & 1) == 0) {
            continue;
        }
        while (to < field->last && (line->bits[number] >> (to + 1) & 1) != 0) {
            to++;
        }
        pn_buf_addf(out, is_first ? "%d" : ",%d", from + field->shift);
        if (to > from) {
            pn_buf_addf(out, "-%d", to + field->shift);
        }
        is_first = false;
        from = to;
    }
}

const char *pn_quartz_add(struct pn_buf *out, const struct pn_schedule *schedule)
{
    struct line lines[PN_SCHEDULE_LINES_MAX];
    for (size_t i = 0; i < schedule->line_count; i++) {
        if (!read_line(&schedule->lines[i], &lines[i])) {
            return "Quartz cannot fire on a day of the month or a day of the week";
        }
    }
    if (merge_all(lines, schedule->line_count) != 1) {
        return "a job has one cron expression, and these lines do not fit into one";
    }
    bool has_days = !is_every(&lines[0], DAYS);
    bool has_weekdays = !is_every(&lines[0], WEEKDAYS);
    if (has_days && has_weekdays) {
        return "Quartz cannot match a day of the month and a day of the week together";
    }
    if (out == NULL) {
        return NULL;
    }
    pn_buf_adds(out, "0 ");
    add_field(out, &lines[0], MINUTES);
    pn_buf_addc(out, ' ');
    add_field(out, &lines[0], HOURS);
    pn_buf_addc(out, ' ');
    if (has_weekdays) {
        pn_buf_addc(out, '?');
    } else {
        add_field(out, &lines[0], DAYS);
    }
    pn_buf_addc(out, ' ');
    add_field(out, &lines[0], MONTHS);
    pn_buf_addc(out, ' ');
    if (has_weekdays) {
        add_field(out, &lines[0], WEEKDAYS);
    } else {
        pn_buf_addc(out, '?');
    }
    return NULL;
}
