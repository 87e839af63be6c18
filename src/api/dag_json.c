/* Runs as JSON. */
#include <string.h>

#include "api/dag_internal.h"

void pn_api_add_time(struct pn_json_writer *json, const char *name, int64_t wall_ms)
{
    pn_api_add_known(json, name, wall_ms != 0 ? wall_ms : PN_TIME_NONE);
}

void pn_api_add_text(struct pn_json_writer *json, const char *name, const char *text)
{
    pn_json_add_cstr(json, name, text[0] != '\0' ? text : NULL);
}

void pn_api_add_known(struct pn_json_writer *json, const char *name, int64_t value)
{
    if (value == PN_TIME_NONE) {
        pn_json_add_null(json, name);
    } else {
        pn_json_add_i64(json, name, value);
    }
}

void pn_api_add_duration(struct pn_json_writer *json, const char *name, int64_t started_ms,
                         int64_t ended_ms, int64_t now_ms)
{
    pn_api_add_known(json, name,
                     started_ms == 0 ? PN_TIME_NONE
                                     : (ended_ms != 0 ? ended_ms : now_ms) - started_ms);
}

void pn_api_add_counts(struct pn_json_writer *json, const char *name,
                       const int64_t counts[PN_RUN_STATES])
{
    pn_json_add_object(json, name);
    for (int state = 0; state < PN_RUN_STATES; state++) {
        pn_json_add_i64(json, pn_run_state_name((enum pn_run_state)state), counts[state]);
    }
    pn_json_end(json);
}

void pn_api_add_run(struct pn_json_writer *json, const struct pn_run *run, const char *reason,
                    int64_t now_ms)
{
    pn_json_add_i64(json, "id", run->id);
    pn_json_add_cstr(json, "run", run->run_id);
    pn_json_add_cstr(json, "dag", run->dag);
    pn_json_add_cstr(json, "type", pn_run_type_name(run->type));
    pn_json_add_cstr(json, "state", pn_run_state_name(run->state));
    pn_api_add_text(json, "reason", reason);
    pn_json_add_bool(json, "cancel_asked", run->cancel_asked);
    pn_api_add_time(json, "logical_ms", run->logical_ms);
    pn_api_add_time(json, "interval_start_ms", run->interval_start_ms);
    pn_api_add_time(json, "interval_end_ms", run->interval_end_ms);
    pn_api_add_time(json, "run_after_ms", run->run_after_ms);
    pn_api_add_time(json, "queued_ms", run->queued_ms);
    pn_api_add_time(json, "started_ms", run->started_ms);
    pn_api_add_time(json, "ended_ms", run->ended_ms);
    pn_api_add_duration(json, "duration_ms", run->started_ms, run->ended_ms, now_ms);
    pn_json_add_cstr(json, "note", run->note);
    pn_api_add_text(json, "triggered_by", run->triggered_by);
    pn_api_add_time(json, "backfill", run->backfill);
    pn_api_add_text(json, "notice", run->notice);
    pn_api_add_time(json, "version", run->version);
}

int pn_api_reply_run(struct pn_api_dag_call *call, const struct pn_run *run, struct pn_err *e)
{
    struct pn_reason_context context;
    const char *reason = "";
    int rc = pn_api_dag_context(call, &context, e);
    if (rc == 0) {
        rc = pn_dag_reason_run(call->db, &context, run, &call->req->arena, &reason, e);
    }
    if (rc == 0) {
        struct pn_json_writer json;
        pn_json_writer_init(&json, &call->req->out);
        pn_json_put_object(&json);
        pn_api_add_run(&json, run, reason, call->now_ms);
        pn_json_add_raw(&json, "conf", run->conf, strlen(run->conf));
        pn_json_end(&json);
    }
    return rc;
}
