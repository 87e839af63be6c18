/* One HTTPS request and its reply, which ends when the job's course says so. */
#ifndef PN_ENGINE_SPARK_DATABRICKS_EXCHANGE_H
#define PN_ENGINE_SPARK_DATABRICKS_EXCHANGE_H

#include "base/buf.h"
#include "engine/spark/databricks/course.h"

/* Connections that are kept from one request to the next. For one thread. */
struct pn_databricks_lines;
/* `ca_file` is copied; NULL: as base/http_client.h says. */
struct pn_databricks_lines *pn_databricks_lines_create(const char *ca_file);
void pn_databricks_lines_destroy(struct pn_databricks_lines **lines); /* NULL ok */

struct pn_databricks_exchange {
    const char *method;
    const char *url;
    const char *authorization; /* "Bearer ...", "Basic ..." */
    const char *content_type;  /* of the body; NULL: there is none */
    const char *body;
    int64_t grace_ms; /* how much longer it may take when the job is to end early */
    /* what came of it */
    int code;               /* libcurl's; 0: there is a reply */
    bool was_sent;          /* the server may have done what it was asked */
    long status;            /* of the reply */
    int64_t retry_after_ms; /* -1: not said */
    struct pn_buf reply;    /* the caller's, initialized */
};

/* The reply replaces what its buffer holds. */
void pn_databricks_exchange(struct pn_databricks_lines *lines,
                            struct pn_databricks_exchange *exchange, struct pn_course *course);

#endif
