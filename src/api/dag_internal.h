/* What the files of the routes of DAGs share. */
#ifndef PN_API_DAG_INTERNAL_H
#define PN_API_DAG_INTERNAL_H

#include "api/dag_routes.h"
#include "api/errors.h"
#include "api/list.h"
#include "dag/dag.h"
#include "dag/db_pool.h"
#include "report/dags.h"

struct pn_api_dags {
    struct pn_api_dag_env env;
    struct pn_dag_db_pool *pool;
};

/* A request with a connection to the database. */
struct pn_api_dag_call {
    struct pn_http_request *req;
    struct pn_api_dags *dags;
    const struct pn_definition *definition; /* the newest good one, for this request */
    const struct pn_pipeline *pipeline;     /* its */
    struct pn_dag_db *db;
    int64_t now_ms;
    const char *who;              /* for the audit: "ui" for our own pages, else "api" */
    enum pn_http_handled handled; /* how the request continues after an answer */
    int refused;                  /* the body was wrong: the status of the reply, which is there */
};

/*
 * Makes the reply with `answer`, which returns 0 when it is there: 200 unless it has set another
 * status. After an error that `answer` returns the reply tells
 * it.
 */
enum pn_http_handled pn_api_dag_answer(struct pn_http_request *req, struct pn_api_dags *dags,
                                       int (*answer)(struct pn_api_dag_call *call,
                                                     struct pn_err *e));
/* The handler of a route that does nothing but that. */
#define PN_API_DAG_HANDLER(name, answer)                                     \
    static enum pn_http_handled name(struct pn_http_request *req, void *arg) \
    {                                                                        \
        return pn_api_dag_answer(req, arg, answer);                          \
    }

/* The DAG that a parameter of the path names; MISSING when the pipeline has none. */
int pn_api_dag_find(const struct pn_api_dag_call *call, size_t param, const struct pn_dag **dag,
                    struct pn_err *e) PN_MUST_CHECK;
/* The run that the first two parameters of the path name. */
int pn_api_dag_find_run(const struct pn_api_dag_call *call, struct pn_run *run,
                        struct pn_err *e) PN_MUST_CHECK;
/* Why things wait, as of now. */
int pn_api_dag_context(const struct pn_api_dag_call *call, struct pn_reason_context *context,
                       struct pn_err *e) PN_MUST_CHECK;

/* ---- what clients send ----------------------------------------------------------------------- */

enum pn_api_member_kind {
    PN_MEMBER_TEXT,  /* const char *, in the arena */
    PN_MEMBER_BOOL,  /* bool */
    PN_MEMBER_INT,   /* int64_t */
    PN_MEMBER_RAW,   /* const char *: the text of the value, whatever it is */
    PN_MEMBER_TEXTS, /* struct pn_api_texts */
    PN_MEMBER_NODE   /* const struct pn_json *, good until the handler returns */
};
struct pn_api_member {
    const char *name;
    enum pn_api_member_kind kind;
    void *target; /* stays as it is when the member is absent or null */
};
struct pn_api_texts {
    const char **items;
    size_t count;
};
/* Reads the members of the body, a JSON object; no body is an empty one. INPUT names a member that
 * is unknown, or of another type. */
int pn_api_dag_body(struct pn_api_dag_call *call, const struct pn_api_field *fields,
                    const struct pn_api_member *members, size_t count,
                    struct pn_err *e) PN_MUST_CHECK;
#define PN_API_DAG_BODY(call, fields, members, e) \
    pn_api_dag_body((call), (fields), (members), sizeof(members) / sizeof *(members), (e))

/* The same for an object within it. */
int pn_api_dag_members(struct pn_api_dag_call *call, const struct pn_json *object,
                       const struct pn_api_member *members, size_t count,
                       struct pn_err *e) PN_MUST_CHECK;

/* A whole number of the query from 0, or `fallback`. */
int pn_api_dag_query_int(const struct pn_api_dag_call *call, const char *name, int64_t fallback,
                         int64_t *value, struct pn_err *e) PN_MUST_CHECK;
/* The id that a list's page follows; 0: it is the first. */
int pn_api_dag_page(const struct pn_api_dag_call *call, struct pn_api_page *page,
                    int64_t *before_id, struct pn_err *e) PN_MUST_CHECK;
/* Ends a list of rows; `next_id` as below. */
void pn_api_dag_end_list(struct pn_api_dag_call *call, struct pn_api_list *list, int64_t next_id);
/* Ends a reply of its own with the cursor of the page after that id; 0: there is none. */
void pn_api_dag_add_next(const struct pn_api_dag_call *call, struct pn_json_writer *json,
                         int64_t id);

/* ---- what they get (dag_json.c) -------------------------------------------------------------- */

/* A member that is a time: null for 0 and PN_TIME_NONE. */
void pn_api_add_time(struct pn_json_writer *json, const char *name, int64_t wall_ms);
/* Null for an empty text. */
void pn_api_add_text(struct pn_json_writer *json, const char *name, const char *text);
/* Null for PN_TIME_NONE, which says that a number is not known. */
void pn_api_add_known(struct pn_json_writer *json, const char *name, int64_t value);
/* From start to end, or to now; null before the start. */
void pn_api_add_duration(struct pn_json_writer *json, const char *name, int64_t started_ms,
                         int64_t ended_ms, int64_t now_ms);
/* A member for each state. */
void pn_api_add_counts(struct pn_json_writer *json, const char *name,
                       const int64_t counts[PN_RUN_STATES]);
/* The members of a run but its conf, within an object. */
void pn_api_add_run(struct pn_json_writer *json, const struct pn_run *run, const char *reason,
                    int64_t now_ms);
/* The reply is the run, with what `answer` found; the status is set by the caller. */
int pn_api_reply_run(struct pn_api_dag_call *call, const struct pn_run *run,
                     struct pn_err *e) PN_MUST_CHECK;

/* ---- what the routes take and reply (dag_fields.c) ------------------------------------------- */

enum { PN_API_GRID_RUNS_DEFAULT = 50, PN_API_GRID_RUNS_MAX = 500, PN_API_ACTIVE_RUNS_MAX = 100 };

extern const struct pn_api_field pn_api_of_dag[];
extern const struct pn_api_field pn_api_of_run[];
extern const struct pn_api_field pn_api_of_backfill[];
extern const struct pn_api_field pn_api_dags_reply[];
extern const struct pn_api_field pn_api_dag_reply[];
extern const struct pn_api_field pn_api_pause_body[];
extern const struct pn_api_field pn_api_grid_query[];
extern const struct pn_api_field pn_api_grid_reply[];
extern const struct pn_api_field pn_api_audit_query[];
extern const struct pn_api_field pn_api_runs_query[];
extern const struct pn_api_field pn_api_runs_reply[];
extern const struct pn_api_field pn_api_run_reply[];
extern const struct pn_api_field pn_api_run_detail_reply[];
extern const struct pn_api_field pn_api_trigger_body[];
extern const struct pn_api_field pn_api_note_body[];
extern const struct pn_api_field pn_api_rerun_body[];
extern const struct pn_api_field pn_api_rerun_reply[];
extern const struct pn_api_field pn_api_empty_body[];
extern const struct pn_api_field pn_api_of_attempt[];
extern const struct pn_api_field pn_api_log_query[];
extern const struct pn_api_field pn_api_mark_body[];
extern const struct pn_api_field pn_api_mark_reply[];
extern const struct pn_api_field pn_api_delete_query[];
extern const struct pn_api_field pn_api_delete_reply[];
extern const struct pn_api_field pn_api_bulk_body[];
extern const struct pn_api_field pn_api_bulk_reply[];
extern const struct pn_api_field pn_api_backfill_fields[];
extern const struct pn_api_field pn_api_backfills_query[];
extern const struct pn_api_field pn_api_backfill_body[];

/* ---- the routes of the other files ----------------------------------------------------------- */

void pn_api_version_routes_add(struct pn_api_dags *dags, struct pn_api *api);
void pn_api_run_routes_add(struct pn_api_dags *dags, struct pn_api *api);
void pn_api_mark_routes_add(struct pn_api_dags *dags, struct pn_api *api);
void pn_api_log_routes_add(struct pn_api_dags *dags, struct pn_api *api);
void pn_api_backfill_routes_add(struct pn_api_dags *dags, struct pn_api *api);

#endif
