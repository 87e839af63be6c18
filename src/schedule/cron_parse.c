/* Cron lines, read. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "schedule/cron.h"

enum { FIELDS = 5, FIELD_BYTES_MAX = 128 };

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

struct field {
    const char *name;
    int min;
    int max;
    const char *const *words; /* names of min, min + 1, ...; NULL: none */
};
static const struct field fields[FIELDS] = {
    {"minute", 0, 59, NULL},          {"hour", 0, 23, NULL},
    {"day of month", 1, 31, NULL},    {"month", 1, 12, month_names},
    {"day of week", 0, 7, day_names},
};
enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY };

static const char *const short_forms[][2] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

static int bad_field(const struct field *field, const char *text, struct pn_err *e)
{
    return pn_err_input(e,
                        "invalid %s \"%.40s\": use *, numbers from %d to %d%s, ranges (a-b), steps "
                        "(*/n, a-b/n) and lists of them (a,b)",
                        field->name, text, field->min, field->max,
                        field->words != NULL ? ", names (mon, jan)" : "");
}

/* A number or a name at *at, which moves past it; -1 when there is none. */
static int take_value(const struct field *field, const char **at)
{
    if (isdigit((unsigned char)**at)) {
        int value = 0;
        for (; isdigit((unsigned char)**at); (*at)++) {
            value = value * 10 + (**at - '0');
            if (value > field->max) {
                return -1;
            }
        }
        return value >= field->min ? value : -1;
    }
    for (int i = 0; field->words != NULL && field->words[i] != NULL; i++) {
        if (strncasecmp(*at, field->words[i], 3) == 0 && !isalnum((unsigned char)(*at)[3])) {
            *at += 3;
            return field->min + i;
        }
    }
    return -1;
}

/* A step after a slash: at least 1, and not beyond the field. */
static int take_step(const struct field *field, const char **at)
{
    int step = 0;
    if (!isdigit((unsigned char)**at)) {
        return -1;
    }
    for (; isdigit((unsigned char)**at); (*at)++) {
        step = step * 10 + (**at - '0');
        if (step > field->max) {
            return -1;
        }
    }
    return step > 0 ? step : -1;
}

/* One item of a list: "*", "a", "a-b", each with "/n". */
static bool take_item(const struct field *field, const char **at, uint64_t *bits)
{
    int from = field->min;
    int to = field->max;
    bool single = false;
    if (**at == '*') {
        (*at)++;
    } else {
        from = take_value(field, at);
        single = **at != '-';
        to = from;
        if (!single) {
            (*at)++;
            const char *word = *at;
            to = take_value(field, at);
            /* Sunday is 7, too: "fri-sun". */
            to = to == 0 && isalpha((unsigned char)*word) ? field->max : to;
        }
    }
    if (from < 0 || to < from) {
        return false;
    }
    int step = 1;
    if (**at == '/') {
        (*at)++;
        step = take_step(field, at);
        to = single ? field->max : to;
    }
    for (int value = from; step > 0 && value <= to; value += step) {
        *bits |= UINT64_C(1) << value;
    }
    return step > 0;
}

static int read_field(const struct field *field, const char *text, uint64_t *bits, struct pn_err *e)
{
    const char *at = text;
    *bits = 0;
    for (;;) {
        if (!take_item(field, &at, bits)) {
            return bad_field(field, text, e);
        }
        if (*at == '\0') {
            return 0;
        }
        if (*at != ',') {
            return bad_field(field, text, e);
        }
        at++;
    }
}

/* Cuts a line into its fields, at blanks. */
static int split(const char *line, char texts[FIELDS][FIELD_BYTES_MAX], struct pn_err *e)
{
    static const char blanks[] = " \t";
    size_t count = 0;
    for (const char *at = line + strspn(line, blanks); *at != '\0'; at += strspn(at, blanks)) {
        size_t len = strcspn(at, blanks);
        if (count < FIELDS) {
            if (len >= FIELD_BYTES_MAX) {
                return bad_field(&fields[count], at, e);
            }
            memcpy(texts[count], at, len);
            texts[count][len] = '\0';
        }
        count++;
        at += len;
    }
    if (count != FIELDS) {
        return pn_err_input(e,
                            "\"%.60s\" has %zu fields: a cron line has five (minute hour "
                            "day-of-month month day-of-week), or is @hourly, @daily, @weekly, "
                            "@monthly or @yearly",
                            line, count);
    }
    return 0;
}

static const char *expand(const char *line)
{
    for (size_t i = 0; i < sizeof short_forms / sizeof *short_forms; i++) {
        if (strcasecmp(line, short_forms[i][0]) == 0) {
            return short_forms[i][1];
        }
    }
    return line;
}

int pn_cron_parse(const char *line, struct pn_cron *cron, struct pn_err *e)
{
    char texts[FIELDS][FIELD_BYTES_MAX];
    uint64_t bits[FIELDS];
    if (strlen(line) > PN_CRON_BYTES_MAX) {
        return pn_err_input(e, "a cron line has at most %d characters", PN_CRON_BYTES_MAX);
    }
    int rc = split(expand(line), texts, e);
    for (int i = 0; rc == 0 && i < FIELDS; i++) {
        rc = read_field(&fields[i], texts[i], &bits[i], e);
    }
    if (rc != 0) {
        return rc;
    }
    *cron = (struct pn_cron){
        .minutes = bits[MINUTE],
        .hours = (uint32_t)bits[HOUR],
        .days = (uint32_t)bits[DAY],
        .months = (uint16_t)bits[MONTH],
        .weekdays = (uint8_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f),
        .both_days = texts[DAY][0] == '*' || texts[WEEKDAY][0] == '*',
        .by_wall_time = texts[MINUTE][0] == '*' || texts[HOUR][0] == '*',
    };
    static const struct pn_zone utc = {.name = "UTC"};
    if (pn_cron_next(cron, &utc, 0) == PN_CRON_NEVER) {
        return pn_err_input(e, "\"%.60s\" never fires: none of its months has such a day", line);
    }
    return 0;
}
