/*
 * Lists: the page, the order and the filters that a client asks for, and the reply
 * {"<name>": [...], "total_entries": N}.
 *
 * Functions that return int reply with 400 or 422 when a value is wrong, and return PN_FAIL.
 */
#ifndef PN_AIRFLOW_LIST_H
#define PN_AIRFLOW_LIST_H

#include "airflow/values.h"
#include "dag/find.h"

enum { PN_AIRFLOW_LIMIT_DEFAULT = 50, PN_AIRFLOW_LIMIT_MAX = 100 };

struct pn_airflow_page {
    int64_t limit; /* a larger one than PN_AIRFLOW_LIMIT_MAX was asked for: this one is taken */
    int64_t offset;
};
/* "limit" and "offset" of a query, "page_limit" and "page_offset" of a body. */
int pn_airflow_page(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                    struct pn_airflow_page *page) PN_MUST_CHECK;

/* A name that lists may be sorted by. */
struct pn_airflow_sort {
    const char *name;
    int column; /* enum pn_find_column, or the caller's own */
};
/* Reads "name", or "-name" for the largest first, by a table that ends with a NULL name. False when
 * it has no such name. Pure. */
bool pn_airflow_sort_parse(const char *text, const struct pn_airflow_sort *sorts, int *column,
                           bool *descending);

/* What is found in the database of runs. */
struct pn_airflow_list {
    struct pn_airflow_source source;
    struct pn_find find;
    struct pn_find_term terms[PN_FIND_TERMS_MAX];
    struct pn_find_order orders[PN_FIND_ORDERS_MAX];
};
/* The page and the order of a list without filters. */
int pn_airflow_list_begin(struct pn_airflow_call *call, const struct pn_json *body,
                          const struct pn_airflow_sort *sorts,
                          struct pn_airflow_list *list) PN_MUST_CHECK;
void pn_airflow_list_add(struct pn_airflow_list *list, const struct pn_find_term *term);
/* The column has this text, which is borrowed. */
void pn_airflow_list_add_one(struct pn_airflow_call *call, struct pn_airflow_list *list,
                             enum pn_find_column column, const char *text);
/* A filter of texts, of which any may hold, when there is a value of this name. With PN_FIND_LIKE
 * and PN_FIND_BEGINS a value may be several, with `|` between them. */
struct pn_airflow_text_filter {
    const char *name; /* NULL ends a table */
    enum pn_find_column column;
    enum pn_find_op op;
};
int pn_airflow_list_texts(struct pn_airflow_call *call, struct pn_airflow_list *list,
                          const struct pn_airflow_text_filter *filters) PN_MUST_CHECK;
/* A filter of a range: NAME_gte, NAME_gt, NAME_lte and NAME_lt. */
struct pn_airflow_range_filter {
    const char *name; /* NULL ends a table */
    enum pn_find_column column;
    bool is_seconds; /* and not a time */
};
int pn_airflow_list_ranges(struct pn_airflow_call *call, struct pn_airflow_list *list,
                           const struct pn_airflow_range_filter *filters) PN_MUST_CHECK;
/* A filter by state: `find` says what each word finds (states.h). */
int pn_airflow_list_states(struct pn_airflow_call *call, struct pn_airflow_list *list,
                           const char *name, enum pn_find_column column,
                           size_t (*find)(const char *word, const char *texts[2])) PN_MUST_CHECK;

/* Is the i-th of all rows on the page that is asked for? For lists that are made in memory. */
bool pn_airflow_list_shows(const struct pn_airflow_list *list, size_t i);
/* Does the text have one of the patterns in it, which have `|` between them, or begin with one
 * (`begins`)? As PN_FIND_LIKE and PN_FIND_BEGINS compare. Pure. */
bool pn_airflow_matches(const char *patterns, const char *text, bool begins);

/* Begins the reply, with the array of this name open; and ends it. */
void pn_airflow_reply_begin(struct pn_airflow_call *call, const char *name);
void pn_airflow_reply_end(struct pn_airflow_call *call, int64_t total);

#endif
