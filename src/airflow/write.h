/* Values and members of replies that several files write. */
#ifndef PN_AIRFLOW_WRITE_H
#define PN_AIRFLOW_WRITE_H

#include "airflow/call.h"

/* A UUID that the texts decide: the same for the same texts, and for others another one. RFC 9562's
 * version 8, of their SHA-256. Writes to out[PN_UUID_SIZE], returns out. Pure. */
char *pn_airflow_uuid(const char *const *texts, size_t count, char *out);

/* A time in ISO 8601; null for 0 and PN_TIME_NONE. */
void pn_airflow_add_time(struct pn_json_writer *json, const char *name, int64_t wall_ms);
/* Seconds between two times; null when one of them has not come. */
void pn_airflow_add_duration(struct pn_json_writer *json, const char *name, int64_t started_ms,
                             int64_t ended_ms);
/* {"__type": "TimeDelta", "days", "seconds", "microseconds"}. */
void pn_airflow_add_delta(struct pn_json_writer *json, const char *name, int64_t ms);
/* Null for an empty text. */
void pn_airflow_add_text(struct pn_json_writer *json, const char *name, const char *text);
/* Writes null members. */
void pn_airflow_add_nulls(struct pn_json_writer *json, const char *const *names, size_t count);
#define PN_AIRFLOW_ADD_NULLS(json, ...)                              \
    pn_airflow_add_nulls((json), (const char *const[]){__VA_ARGS__}, \
                         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* A version of a DAG, as an object; and as the member `name`, null for one that is not known. */
void pn_airflow_put_version(struct pn_airflow_call *call, const char *dag,
                            const struct pn_dag_version *version);
void pn_airflow_add_version(struct pn_airflow_call *call, const char *name, const char *dag,
                            const struct pn_dag_version *version);

/* A run, as an object. */
int pn_airflow_put_run(struct pn_airflow_call *call, const struct pn_run *run) PN_MUST_CHECK;

/* A task of a run. */
struct pn_found_task;
void pn_airflow_put_task(struct pn_airflow_call *call, const struct pn_found_task *found);

#endif
