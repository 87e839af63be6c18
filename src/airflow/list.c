#include "airflow/list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "airflow/errors.h"

static const char *place(const struct pn_airflow_list *list)
{
    return list->source.body != NULL ? "body" : "query";
}

/* --- page and order --------------------------------------------------------------------------- */

int pn_airflow_page(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                    struct pn_airflow_page *page)
{
    bool is_body = source->body != NULL;
    int rc = pn_airflow_number(call, source, is_body ? "page_limit" : "limit",
                               is_body ? PN_AIRFLOW_LIMIT_MAX : PN_AIRFLOW_LIMIT_DEFAULT, 0,
                               INT64_MAX, &page->limit);
    if (rc == 0) {
        rc = pn_airflow_number(call, source, is_body ? "page_offset" : "offset", 0, 0, INT64_MAX,
                               &page->offset);
    }
    page->limit = page->limit < PN_AIRFLOW_LIMIT_MAX ? page->limit : PN_AIRFLOW_LIMIT_MAX;
    return rc;
}

bool pn_airflow_sort_parse(const char *text, const struct pn_airflow_sort *sorts, int *column,
                           bool *descending)
{
    *descending = *text == '-';
    for (; sorts->name != NULL; sorts++) {
        if (strcmp(text + *descending, sorts->name) == 0) {
            *column = sorts->column;
            return true;
        }
    }
    return false;
}

static int read_orders(struct pn_airflow_call *call, struct pn_airflow_list *list,
                       const struct pn_airflow_sort *sorts)
{
    struct pn_airflow_texts texts;
    int rc = pn_airflow_texts(call, &list->source, "order_by", &texts);
    if (rc == 0 && texts.count > PN_FIND_ORDERS_MAX) {
        return pn_airflow_refuse(call, place(list), "order_by", "too_long", "at most %d names",
                                 PN_FIND_ORDERS_MAX);
    }
    for (size_t i = 0; rc == 0 && i < texts.count; i++) {
        int column = 0;
        struct pn_find_order *order = &list->orders[list->find.order_count++];
        if (!pn_airflow_sort_parse(texts.items[i], sorts, &column, &order->descending)) {
            rc = pn_err_input(&call->failure, "order_by: this list cannot be sorted by '%.100s'",
                              texts.items[i]);
        }
        order->column = (enum pn_find_column)column;
    }
    return rc;
}

int pn_airflow_list_begin(struct pn_airflow_call *call, const struct pn_json *body,
                          const struct pn_airflow_sort *sorts, struct pn_airflow_list *list)
{
    struct pn_airflow_page page;
    list->source = (struct pn_airflow_source){.body = body};
    list->find = (struct pn_find){.terms = list->terms, .orders = list->orders};
    int rc = pn_airflow_page(call, &list->source, &page);
    if (rc == 0) {
        list->find.limit = page.limit;
        list->find.offset = page.offset;
        rc = read_orders(call, list, sorts);
    }
    return rc;
}

/* --- filters ---------------------------------------------------------------------------------- */

void pn_airflow_list_add(struct pn_airflow_list *list, const struct pn_find_term *term)
{
    PN_ASSERT(list->find.term_count < PN_FIND_TERMS_MAX);
    list->terms[list->find.term_count++] = *term;
}

void pn_airflow_list_add_one(struct pn_airflow_call *call, struct pn_airflow_list *list,
                             enum pn_find_column column, const char *text)
{
    const char **one = pn_arena_calloc(call->arena, 1, sizeof *one);
    one[0] = text;
    const struct pn_find_term term = {
        .column = column, .op = PN_FIND_IS, .texts = one, .text_count = 1};
    pn_airflow_list_add(list, &term);
}

/* Each text cut at its bars. */
static int split(struct pn_airflow_call *call, const struct pn_airflow_list *list, const char *name,
                 struct pn_airflow_texts *texts)
{
    const char **parts = pn_arena_calloc(call->arena, PN_AIRFLOW_VALUES_MAX, sizeof *parts);
    size_t count = 0;
    for (size_t i = 0; i < texts->count; i++) {
        for (const char *at = texts->items[i];; at++) {
            size_t len = strcspn(at, "|");
            if (count == PN_AIRFLOW_VALUES_MAX) {
                return pn_airflow_refuse(call, place(list), name, "too_long", "at most %d values",
                                         PN_AIRFLOW_VALUES_MAX);
            }
            parts[count++] = pn_arena_strndup(call->arena, at, len);
            at += len;
            if (*at == '\0') {
                break;
            }
        }
    }
    *texts = (struct pn_airflow_texts){.items = parts, .count = count};
    return 0;
}

int pn_airflow_list_texts(struct pn_airflow_call *call, struct pn_airflow_list *list,
                          const struct pn_airflow_text_filter *filters)
{
    int rc = 0;
    for (; rc == 0 && filters->name != NULL; filters++) {
        struct pn_airflow_texts texts;
        rc = pn_airflow_texts(call, &list->source, filters->name, &texts);
        if (rc == 0 && (filters->op == PN_FIND_LIKE || filters->op == PN_FIND_BEGINS)) {
            rc = split(call, list, filters->name, &texts);
        }
        if (rc == 0 && texts.count > 0) {
            const struct pn_find_term term = {.column = filters->column,
                                              .op = filters->op,
                                              .texts = texts.items,
                                              .text_count = texts.count};
            pn_airflow_list_add(list, &term);
        }
    }
    return rc;
}

/* A bound of a range: a time, or seconds, in milliseconds. */
static int read_bound(struct pn_airflow_call *call, struct pn_airflow_list *list, const char *name,
                      bool is_seconds, int64_t *value)
{
    const char *text = NULL;
    char *end = NULL;
    if (!is_seconds) {
        return pn_airflow_time(call, &list->source, name, value);
    }
    *value = PN_TIME_NONE;
    int rc = pn_airflow_text(call, &list->source, name, &text);
    if (rc != 0 || text == NULL) {
        return rc;
    }
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(seconds) || fabs(seconds) > 1e12) {
        return pn_airflow_refuse(call, place(list), name, "float_parsing",
                                 "a number of seconds is required");
    }
    *value = (int64_t)floor(seconds * 1000.0);
    return 0;
}

int pn_airflow_list_ranges(struct pn_airflow_call *call, struct pn_airflow_list *list,
                           const struct pn_airflow_range_filter *filters)
{
    static const struct {
        const char *suffix;
        enum pn_find_op op;
    } bounds[] = {{"gte", PN_FIND_GE}, {"gt", PN_FIND_GT}, {"lte", PN_FIND_LE}, {"lt", PN_FIND_LT}};
    int rc = 0;
    for (; rc == 0 && filters->name != NULL; filters++) {
        for (size_t i = 0; rc == 0 && i < sizeof bounds / sizeof bounds[0]; i++) {
            struct pn_find_term term = {.column = filters->column, .op = bounds[i].op};
            rc = read_bound(call, list,
                            pn_arena_printf(call->arena, "%s_%s", filters->name, bounds[i].suffix),
                            filters->is_seconds, &term.number);
            if (rc == 0 && term.number != PN_TIME_NONE) {
                pn_airflow_list_add(list, &term);
            }
        }
    }
    return rc;
}

int pn_airflow_list_states(struct pn_airflow_call *call, struct pn_airflow_list *list,
                           const char *name, enum pn_find_column column,
                           size_t (*find)(const char *word, const char *texts[2]))
{
    struct pn_airflow_texts words;
    int rc = pn_airflow_texts(call, &list->source, name, &words);
    if (rc != 0 || words.count == 0) {
        return rc;
    }
    const char **texts = pn_arena_calloc(call->arena, 2 * words.count, sizeof *texts);
    size_t count = 0;
    for (size_t i = 0; i < words.count; i++) {
        const char *found[2];
        size_t known = find(words.items[i], found);
        if (known == 0) {
            return pn_airflow_refuse(call, place(list), name, "enum",
                                     "'%.100s' is not one of Airflow's states", words.items[i]);
        }
        for (size_t f = 0; f < known; f++) {
            texts[count++] = found[f];
        }
    }
    const struct pn_find_term term = {
        .column = column, .op = PN_FIND_IS, .texts = texts, .text_count = count};
    pn_airflow_list_add(list, &term);
    return 0;
}

/* --- lists in memory -------------------------------------------------------------------------- */

bool pn_airflow_list_shows(const struct pn_airflow_list *list, size_t i)
{
    int64_t place_ = (int64_t)i - list->find.offset;
    return place_ >= 0 && place_ < list->find.limit;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Is there something like the pattern in the text? As LIKE compares; of its `%` only the last one
 * that was passed need be tried again, so the time is at most the product of both lengths. */
static bool has_like(const char *pattern, size_t len, const char *text)
{
    const char *from = text; /* where what follows that % was tried */
    size_t retry = 0;
    size_t at = 0;
    while (at < len) {
        if (pattern[at] == '%') {
            retry = ++at;
            from = text;
        } else if (*text != '\0' && (pattern[at] == '_' || lower(pattern[at]) == lower(*text))) {
            at++;
            text++;
        } else if (*from != '\0') {
            at = retry;
            text = ++from;
        } else {
            return false;
        }
    }
    return true;
}

bool pn_airflow_matches(const char *patterns, const char *text, bool begins)
{
    for (const char *at = patterns;; at++) {
        size_t len = strcspn(at, "|");
        if (begins ? strncmp(text, at, len) == 0 : has_like(at, len, text)) {
            return true;
        }
        at += len;
        if (*at == '\0') {
            return false;
        }
    }
}

/* --- replies ---------------------------------------------------------------------------------- */

void pn_airflow_reply_begin(struct pn_airflow_call *call, const char *name)
{
    pn_json_put_object(&call->json);
    pn_json_add_array(&call->json, name);
}

void pn_airflow_reply_end(struct pn_airflow_call *call, int64_t total)
{
    pn_json_end(&call->json);
    pn_json_add_i64(&call->json, "total_entries", total);
    pn_json_end(&call->json);
}
