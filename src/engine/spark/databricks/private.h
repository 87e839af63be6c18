/*
 * What the files of Databricks' runner share.
 *
 *   course.c    how long requests may take
 *   exchange.c  one HTTPS request
 *   login.c     credentials, and the token by which requests are authorized
 *   api.c       a call of the REST API: authorized, repeated, its reply as JSON
 *   failure.c   what a reply or a run's end that is a failure says, to a person
 *   runner.c    a job: submitted, watched, cancelled
 */
#ifndef PN_ENGINE_SPARK_DATABRICKS_PRIVATE_H
#define PN_ENGINE_SPARK_DATABRICKS_PRIVATE_H

#include "base/json.h"
#include "engine/spark/databricks/databricks.h"
#include "engine/spark/databricks/exchange.h"

/* Where a job has got to, after one try. */
enum pn_databricks_verdict {
    PN_DATABRICKS_DONE,
    PN_DATABRICKS_AGAIN, /* it may pass */
    PN_DATABRICKS_NEVER  /* the same again fails again */
};

/* --- login.c ---------------------------------------------------------------------------------- */

struct pn_databricks_login;
/* The config's texts are borrowed. */
struct pn_databricks_login *pn_databricks_login_create(const struct pn_databricks_config *config);
void pn_databricks_login_destroy(struct pn_databricks_login **login); /* NULL ok */
/*
 * Sets *authorization to the header's value for the next request (borrowed until the next call);
 * asks the workspace for a token where there is none, or it is about to expire. `exchange` lends
 * its reply and has the outcome of that request.
 */
enum pn_databricks_verdict pn_databricks_login_get(struct pn_databricks_login *login,
                                                   const char *workspace,
                                                   struct pn_databricks_lines *lines,
                                                   struct pn_course *course,
                                                   struct pn_databricks_exchange *exchange,
                                                   const char **authorization, struct pn_err *e);
/* The workspace does not accept it: forgets the token, or what was read of a file. */
void pn_databricks_login_expire(struct pn_databricks_login *login);

/* --- api.c ------------------------------------------------------------------------------------ */

struct pn_databricks_api;
/* The config's texts are borrowed. */
struct pn_databricks_api *pn_databricks_api_create(const struct pn_databricks_config *config);
void pn_databricks_api_destroy(struct pn_databricks_api **api); /* NULL ok */

struct pn_databricks_call {
    const char *method;
    const char *path; /* "/api/2.2/jobs/runs/submit" */
    const char *body; /* JSON; NULL: none */
    int64_t grace_ms; /* how much longer it may take when the job is to end early */
    /* what came of it */
    const struct pn_json *root; /* of the reply; the API's, until its next call */
    bool was_sent;              /* a try without an answer may have done what it was to do */
};

/* Repeats what may pass, for retry_ms at most, and says so on standard error. INPUT when a setting
 * is wrong, else RETRY. */
int pn_databricks_call(struct pn_databricks_api *api, struct pn_databricks_call *call,
                       struct pn_course *course, struct pn_err *e) PN_MUST_CHECK;

/* --- failure.c -------------------------------------------------------------------------------- */

/* Reads the verdict of an exchange that was made to `what` ("POST /oidc/v1/token"); sets *e unless
 * it is DONE. */
enum pn_databricks_verdict pn_databricks_judge(const struct pn_databricks_exchange *exchange,
                                               const char *workspace, const char *what,
                                               struct pn_err *e);

enum { PN_RUN_WORD_SIZE = 64, PN_RUN_TEXT_SIZE = 512 };
/* What runs/get says of a run. */
struct pn_run_state {
    char state[PN_RUN_WORD_SIZE]; /* "PENDING", "RUNNING", "TERMINATED" ... */
    char code[PN_RUN_WORD_SIZE];  /* how it ended: "SUCCESS", "RUN_EXECUTION_ERROR" ... */
    char message[PN_RUN_TEXT_SIZE];
    char url[PN_RUN_TEXT_SIZE]; /* of its page */
    bool is_over;
    int64_t task_run_id; /* of its one task; 0: not said */
};
void pn_databricks_read_run(const struct pn_json *root, struct pn_run_state *run);
/* The error of a run that is over and no success. `error` is what its output says, or NULL. */
int pn_databricks_run_failure(const struct pn_run_state *run, const char *error, struct pn_err *e);

#endif
