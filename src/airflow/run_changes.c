/* dagRuns: state and note, clear, delete. */
#include <string.h>

#include "airflow/clear.h"
#include "airflow/errors.h"
#include "airflow/list.h"
#include "airflow/write.h"
#include "dag/mark.h"
#include "dag/run_files.h"

enum { NOTE_BYTES_MAX = 1000 }; /* as the client's models have it */

/* The run as it is now. */
static int reply_run(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    int rc = pn_airflow_run(call, &dag, &run);
    return rc == 0 ? pn_airflow_put_run(call, &run) : rc;
}

/* A note may be taken away by null: *has says whether the member is there. */
static int read_note(struct pn_airflow_call *call, const struct pn_json *body, const char **note,
                     bool *has)
{
    *has = pn_json_get(body, "note") != NULL;
    int rc = pn_airflow_body_text(call, body, "note", note);
    if (rc == 0 && *note != NULL && strlen(*note) > NOTE_BYTES_MAX) {
        return pn_airflow_refuse(call, "body", "note", "string_too_long",
                                 "a note has at most %d bytes", NOTE_BYTES_MAX);
    }
    *note = *note != NULL ? *note : "";
    return rc;
}

/* --- state and note --------------------------------------------------------------------------- */

struct patch {
    const char *state; /* NULL: stays */
    const char *note;
    bool has_note;
};

/* With update_mask, members that it does not name are left out. */
static int mask(struct pn_airflow_call *call, struct patch *patch)
{
    static const struct pn_airflow_source query = {.body = NULL};
    struct pn_airflow_texts names;
    bool state = false;
    bool note = false;
    int rc = pn_airflow_texts(call, &query, "update_mask", &names);
    for (size_t i = 0; rc == 0 && i < names.count; i++) {
        bool is_state = strcmp(names.items[i], "state") == 0;
        bool is_note = strcmp(names.items[i], "note") == 0;
        state = state || is_state;
        note = note || is_note;
        if (!is_state && !is_note) {
            rc = pn_err_input(&call->failure,
                              "update_mask: only state and note can be changed, not '%.100s'",
                              names.items[i]);
        }
    }
    if (rc == 0 && names.count > 0) {
        patch->state = state ? patch->state : NULL;
        patch->has_note = note && patch->has_note;
    }
    return rc;
}

static int read_patch(struct pn_airflow_call *call, struct patch *patch)
{
    static const char *const names[] = {"state", "note", NULL};
    static const char *const states[] = {"queued", "success", "failed"};
    const struct pn_json *body = NULL;
    bool known = false;
    int rc = pn_airflow_body(call, names, &body);
    if (rc == 0) {
        rc = pn_airflow_body_text(call, body, "state", &patch->state);
    }
    for (size_t i = 0; rc == 0 && patch->state != NULL && i < 3; i++) {
        known = known || strcmp(patch->state, states[i]) == 0;
    }
    if (rc == 0 && patch->state != NULL && !known) {
        return pn_airflow_refuse(call, "body", "state", "enum", "it is queued, success or failed");
    }
    if (rc == 0) {
        rc = read_note(call, body, &patch->note, &patch->has_note);
    }
    return rc == 0 ? mask(call, patch) : rc;
}

static int clear_all(struct pn_airflow_call *call, const struct pn_dag *dag,
                     const struct pn_run *run)
{
    const struct pn_clear all = {.scope = PN_CLEAR_ALL, .who = "api"};
    const char **names = NULL;
    size_t count = 0;
    return pn_dag_db_clear(call->db, dag, run, &all, call->now_ms, call->arena, &names, &count,
                           &call->failure);
}

static int change_state(struct pn_airflow_call *call, const struct pn_dag *dag,
                        const struct pn_run *run, const char *state)
{
    if (strcmp(state, "queued") == 0) {
        return run->state == PN_RUN_QUEUED ? 0 : clear_all(call, dag, run);
    }
    bool success = strcmp(state, "success") == 0;
    if (!success && !pn_run_state_final(run->state)) {
        return pn_dag_db_cancel(call->db, run, "api", call->now_ms, &call->failure);
    }
    const struct pn_mark mark = {.state = success ? PN_TASK_SUCCESS : PN_TASK_FAILED, .who = "api"};
    struct pn_marked marked;
    return pn_dag_db_mark(call->db, dag, run, &mark, call->now_ms, call->arena, &marked,
                          &call->failure);
}

static int answer_patch(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    struct patch patch = {0};
    int rc = pn_airflow_run(call, &dag, &run);
    if (rc == 0) {
        rc = read_patch(call, &patch);
    }
    if (rc == 0 && patch.state != NULL) {
        rc = change_state(call, dag, &run, patch.state);
    }
    if (rc == 0 && patch.has_note) {
        rc = pn_dag_db_note(call->db, &run, patch.note, "api", call->now_ms, &call->failure);
    }
    return rc == 0 ? reply_run(call) : rc;
}

/* --- clear ------------------------------------------------------------------------------------ */

/* All flags of Airflow's body. What is cleared runs by the definition in force in any case. */
static int read_clear(struct pn_airflow_call *call, struct pn_airflow_clear *how, const char **note,
                      bool *has_note)
{
    static const char *const names[] = {"dry_run", "only_failed",           "only_new",
                                        "note",    "run_on_latest_version", NULL};
    const struct pn_json *body = NULL;
    bool latest = false;
    int rc = pn_airflow_body(call, names, &body);
    if (rc == 0) {
        rc = pn_airflow_body_flag(call, body, "dry_run", true, &how->dry_run);
    }
    if (rc == 0) {
        rc = pn_airflow_body_flag(call, body, "only_failed", false, &how->only_failed);
    }
    if (rc == 0) {
        rc = pn_airflow_body_flag(call, body, "only_new", false, &how->only_new);
    }
    if (rc == 0) {
        rc = pn_airflow_body_flag(call, body, "run_on_latest_version", false, &latest);
    }
    if (rc == 0 && how->only_failed && how->only_new) {
        return pn_airflow_refuse(call, "body", "only_new", "value_error",
                                 "only_failed and only_new exclude each other");
    }
    return rc == 0 ? read_note(call, body, note, has_note) : rc;
}

static int answer_clear(struct pn_airflow_call *call)
{
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    struct pn_airflow_clear how = {.marked = NULL};
    const char *note = NULL;
    bool has_note = false;
    int64_t count = 0;
    int rc = pn_airflow_run(call, &dag, &run);
    if (rc == 0) {
        rc = read_clear(call, &how, &note, &has_note);
    }
    if (rc != 0) {
        return rc;
    }
    pn_airflow_reply_begin(call, "task_instances");
    rc = pn_airflow_clear(call, dag, &run, &how, &count);
    pn_airflow_reply_end(call, count);
    if (rc != 0 || how.dry_run) {
        return rc;
    }
    if (has_note) {
        rc = pn_dag_db_note(call->db, &run, note, "api", call->now_ms, &call->failure);
    }
    /* The reply is the run, and not the list. */
    pn_buf_reset(&call->req->out);
    pn_json_writer_init(&call->json, &call->req->out);
    return rc == 0 ? reply_run(call) : rc;
}

/* --- delete ----------------------------------------------------------------------------------- */

static int answer_delete(struct pn_airflow_call *call)
{
    const struct pn_airflow_env *env = call->env;
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    int rc = pn_airflow_run(call, &dag, &run);
    if (rc == 0) {
        rc = pn_dag_run_delete(call->db, env->io, env->data_folder, &run, "api", call->now_ms,
                               call->arena, &call->failure);
    }
    if (rc == 0) {
        pn_http_reply_none(call->req);
    }
    return rc;
}

const struct pn_airflow_endpoint pn_airflow_run_changes[] = {
    {PN_HTTP_PATCH, "dags/{}/dagRuns/{}", answer_patch, PN_RIGHT_ADMIN},
    {PN_HTTP_DELETE, "dags/{}/dagRuns/{}", answer_delete, PN_RIGHT_ADMIN},
    {PN_HTTP_POST, "dags/{}/dagRuns/{}/clear", answer_clear, PN_RIGHT_ADMIN},
    {.pattern = NULL},
};
