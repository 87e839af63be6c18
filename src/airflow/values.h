/*
 * What a client asks with: the parameters of a query, or the members of a JSON body.
 *
 * Functions that return int reply with 422 when a value is wrong, and return PN_FAIL. Texts live in
 * the call's arena.
 */
#ifndef PN_AIRFLOW_VALUES_H
#define PN_AIRFLOW_VALUES_H

#include "airflow/call.h"
#include "base/json.h"

/* Longer values of a filter are refused; and so many of one name are taken. */
enum { PN_AIRFLOW_TEXT_BYTES_MAX = 1000, PN_AIRFLOW_VALUES_MAX = 200 };

/* --- bodies ----------------------------------------------------------------------------------- */

/* Parses the body, which must be an object with no members but `names` (NULL-ended). */
int pn_airflow_body(struct pn_airflow_call *call, const char *const *names,
                    const struct pn_json **body) PN_MUST_CHECK;

/* A member's value; what is absent or null is NULL, `preset` or PN_TIME_NONE. */
int pn_airflow_body_text(struct pn_airflow_call *call, const struct pn_json *body, const char *name,
                         const char **text) PN_MUST_CHECK;
int pn_airflow_body_flag(struct pn_airflow_call *call, const struct pn_json *body, const char *name,
                         bool preset, bool *flag) PN_MUST_CHECK;
int pn_airflow_body_number(struct pn_airflow_call *call, const struct pn_json *body,
                           const char *name, int64_t preset, int64_t min, int64_t max,
                           int64_t *number) PN_MUST_CHECK;
int pn_airflow_body_time(struct pn_airflow_call *call, const struct pn_json *body, const char *name,
                         int64_t *wall_ms) PN_MUST_CHECK;
/* An object's JSON text. */
int pn_airflow_body_object(struct pn_airflow_call *call, const struct pn_json *body,
                           const char *name, const char **json) PN_MUST_CHECK;
/* Refuses a member that is there, not null and, where it is a flag, not `harmless`: it asks for
 * something that pinion lacks. `why` is the message. */
int pn_airflow_body_without(struct pn_airflow_call *call, const struct pn_json *body,
                            const char *name, bool harmless, const char *why) PN_MUST_CHECK;

/* --- paths ------------------------------------------------------------------------------------ */

/* A parameter of the path that is a whole number; `name` is for the message. */
int pn_airflow_path_number(struct pn_airflow_call *call, size_t param, const char *name,
                           int64_t *number) PN_MUST_CHECK;

/* --- queries and bodies alike ----------------------------------------------------------------- */

/* Where values come from. */
struct pn_airflow_source {
    const struct pn_json *body; /* NULL: the query */
};

struct pn_airflow_texts {
    const char **items;
    size_t count;
};
/* All values of this name: of a query, each time it is there; of a body, its text, number or flag,
 * or those in its list, where null is "none". None when it is absent. */
int pn_airflow_texts(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                     const char *name, struct pn_airflow_texts *texts) PN_MUST_CHECK;
/* The only one, or NULL. */
int pn_airflow_text(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                    const char *name, const char **text) PN_MUST_CHECK;
int pn_airflow_flag(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                    const char *name, bool preset, bool *flag) PN_MUST_CHECK;
int pn_airflow_number(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                      const char *name, int64_t preset, int64_t min, int64_t max,
                      int64_t *number) PN_MUST_CHECK;
/* PN_TIME_NONE when it is absent. */
int pn_airflow_time(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                    const char *name, int64_t *wall_ms) PN_MUST_CHECK;
/* Refuses, with 422, map_index in the query unless it is -1: our tasks are not mapped. */
int pn_airflow_unmapped(struct pn_airflow_call *call) PN_MUST_CHECK;

#endif
