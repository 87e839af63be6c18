/* What the files of the dead letters' routes share. */
#ifndef PN_API_DEAD_LETTER_INTERNAL_H
#define PN_API_DEAD_LETTER_INTERNAL_H

#include "api/dead_letter_routes.h"
#include "report/dead_letters.h"

/* Makes a statement about letters. */
typedef int (*pn_api_letters_fn)(const struct pn_table_source *source,
                                 const struct pn_dead_letters_wanted *wanted,
                                 struct pn_arena *arena, struct pn_letters_query *query,
                                 struct pn_err *e);
/* Asks for letters; the handler is called again with the answer (api/own_query.h). */
enum pn_http_handled pn_api_ask_letters(struct pn_http_request *req,
                                        struct pn_api_dead_letter_routes *routes,
                                        pn_api_letters_fn make,
                                        const struct pn_dead_letters_wanted *wanted, void *arg);
/* Is the text a letter's id? */
bool pn_api_is_letter_id(const char *text);
enum { PN_API_LETTERS_MAX = 100 }; /* ids of a request; the values fit into a query's result */

/* A text member of an object, in the request's arena; untouched when there is none. */
int pn_api_read_text(struct pn_http_request *req, const struct pn_json *object, const char *name,
                     const char **text, struct pn_err *e);
/* Reads "ids" or "filter" of a body. */
int pn_api_read_letters(struct pn_http_request *req, const struct pn_json *root,
                        struct pn_dead_letters_wanted *wanted, struct pn_err *e);
extern const struct pn_api_field pn_api_letter_filter_fields[];
/* These two, among a body's fields. */
#define PN_API_LETTERS_FIELDS                                                        \
    {.name = "ids",                                                                  \
     .type = PN_API_TEXTS,                                                           \
     .flags = PN_API_OPTIONAL,                                                       \
     .help = "1 to 100 of them; either this or `filter`"},                           \
    {                                                                                \
        .name = "filter", .type = PN_API_OBJECT, .flags = PN_API_OPTIONAL,           \
        .fields = pn_api_letter_filter_fields, .help = "an empty one is all letters" \
    }

/* Where a letter was sent, as an object. */
void pn_api_put_sent(struct pn_json_writer *json, const struct pn_letter_sent *sent);

extern const struct pn_api_field pn_api_sent_fields[];

/* dead_letter_resend.c */
extern const struct pn_api_field pn_api_resend_body[];
extern const struct pn_api_field pn_api_resend_reply[];
enum pn_http_handled pn_api_handle_resend(struct pn_http_request *req, void *arg);

/* dead_letter_drop.c */
extern const struct pn_api_field pn_api_drop_body[];
extern const struct pn_api_field pn_api_drop_reply[];
enum pn_http_handled pn_api_handle_drop(struct pn_http_request *req, void *arg);

#endif
