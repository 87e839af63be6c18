#include "airflow/write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "airflow/states.h"
#include "dag/find.h"
#include "report/dags.h"

char *pn_airflow_uuid(const char *const *texts, size_t count, char *out)
{
    unsigned char sum[EVP_MAX_MD_SIZE] = {0};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    PN_ASSERT(context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
    for (size_t i = 0; i < count; i++) {
        /* With its NUL, so that ("a", "bc") and ("ab", "c") differ. */
        PN_ASSERT(EVP_DigestUpdate(context, texts[i], strlen(texts[i]) + 1) == 1);
    }
    PN_ASSERT(EVP_DigestFinal_ex(context, sum, NULL) == 1);
    EVP_MD_CTX_free(context);
    sum[6] = (unsigned char)((sum[6] & 0x0f) | 0x80); /* version 8 */
    sum[8] = (unsigned char)((sum[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    (void)snprintf(out, PN_UUID_SIZE,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", sum[0],
                   sum[1], sum[2], sum[3], sum[4], sum[5], sum[6], sum[7], sum[8], sum[9], sum[10],
                   sum[11], sum[12], sum[13], sum[14], sum[15]);
    return out;
}

/* --- values ----------------------------------------------------------------------------------- */

void pn_airflow_add_time(struct pn_json_writer *json, const char *name, int64_t wall_ms)
{
    char time[PN_ISO8601_SIZE];
    bool is_known = wall_ms != 0 && wall_ms != PN_TIME_NONE;
    pn_json_add_cstr(json, name, is_known ? pn_iso8601(wall_ms, time) : NULL);
}

void pn_airflow_add_duration(struct pn_json_writer *json, const char *name, int64_t started_ms,
                             int64_t ended_ms)
{
    if (started_ms == 0 || ended_ms == 0) {
        pn_json_add_null(json, name);
    } else {
        pn_json_add_double(json, name, (double)(ended_ms - started_ms) / 1000.0);
    }
}

void pn_airflow_add_delta(struct pn_json_writer *json, const char *name, int64_t ms)
{
    enum { DAY_MS = 24 * 60 * 60 * 1000 };
    pn_json_add_object(json, name);
    pn_json_add_cstr(json, "__type", "TimeDelta");
    pn_json_add_i64(json, "days", ms / DAY_MS);
    pn_json_add_i64(json, "seconds", ms % DAY_MS / 1000);
    pn_json_add_i64(json, "microseconds", ms % 1000 * 1000);
    pn_json_end(json);
}

void pn_airflow_add_text(struct pn_json_writer *json, const char *name, const char *text)
{
    pn_json_add_cstr(json, name, text[0] != '\0' ? text : NULL);
}

void pn_airflow_add_nulls(struct pn_json_writer *json, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pn_json_add_null(json, names[i]);
    }
}

/* --- versions --------------------------------------------------------------------------------- */

/* The time is in its id, since a new database counts from 1 again. */
void pn_airflow_put_version(struct pn_airflow_call *call, const char *dag,
                            const struct pn_dag_version *version)
{
    char id[PN_UUID_SIZE];
    const char *const texts[] = {"version", dag,
                                 pn_arena_printf(call->arena, "%" PRId64, version->number),
                                 pn_arena_printf(call->arena, "%" PRId64, version->created_ms)};
    pn_json_put_object(&call->json);
    pn_json_add_cstr(&call->json, "id", pn_airflow_uuid(texts, 4, id));
    pn_json_add_i64(&call->json, "version_number", version->number);
    pn_json_add_cstr(&call->json, "dag_id", dag);
    pn_json_add_cstr(&call->json, "dag_display_name", dag);
    pn_json_add_cstr(&call->json, "bundle_name", call->pipeline->name);
    PN_AIRFLOW_ADD_NULLS(&call->json, "bundle_version", "bundle_url");
    pn_airflow_add_time(&call->json, "created_at", version->created_ms);
    pn_json_end(&call->json);
}

void pn_airflow_add_version(struct pn_airflow_call *call, const char *name, const char *dag,
                            const struct pn_dag_version *version)
{
    pn_json_put_key(&call->json, name);
    if (version->number != 0) {
        pn_airflow_put_version(call, dag, version);
    } else {
        pn_json_put_null(&call->json);
    }
}

/* --- runs ------------------------------------------------------------------------------------- */

/* A person's note; without one, why the run waits or ended as it did, for which Airflow's runs have
 * no other member. That a run was cancelled is said in any case. */
static int add_note(struct pn_airflow_call *call, const struct pn_run *run)
{
    const struct pn_reason_context *context = NULL;
    const char *reason = "";
    bool cancelled = run->state == PN_RUN_CANCELLED;
    int rc = pn_airflow_reasons(call, &context);
    if (rc == 0) {
        rc = pn_dag_reason_run(call->db, context, run, call->arena, &reason, &call->failure);
    }
    if (rc != 0) {
        return rc;
    }
    if (cancelled && strstr(reason, "cancelled") == NULL) {
        reason =
            reason[0] == '\0' ? "cancelled" : pn_arena_printf(call->arena, "cancelled: %s", reason);
    }
    const char *note = run->note[0] == '\0' ? reason
                       : cancelled ? pn_arena_printf(call->arena, "%s (cancelled)", run->note)
                                   : run->note;
    pn_airflow_add_text(&call->json, "note", note);
    return 0;
}

/* Each that an attempt ran, and the one that it began with last. */
static int add_versions(struct pn_airflow_call *call, const struct pn_run *run)
{
    struct pn_dag_version *versions = NULL;
    size_t count = 0;
    int rc = pn_dag_versions_of_run(call->db, run, call->arena, &versions, &count, &call->failure);
    pn_json_add_array(&call->json, "dag_versions");
    for (size_t i = 0; i < count; i++) {
        pn_airflow_put_version(call, run->dag, &versions[i]);
    }
    pn_json_end(&call->json);
    return rc;
}

static const char *triggered_by(const struct pn_run *run)
{
    return run->type == PN_RUN_BACKFILL ? "backfill" : pn_airflow_triggered_by(run->triggered_by);
}

int pn_airflow_put_run(struct pn_airflow_call *call, const struct pn_run *run)
{
    struct pn_json_writer *json = &call->json;
    pn_json_put_object(json);
    pn_json_add_cstr(json, "dag_run_id", run->run_id);
    pn_json_add_cstr(json, "dag_id", run->dag);
    pn_json_add_cstr(json, "dag_display_name", run->dag);
    pn_airflow_add_time(json, "logical_date", run->logical_ms);
    pn_airflow_add_time(json, "queued_at", run->queued_ms);
    pn_airflow_add_time(json, "start_date", run->started_ms);
    pn_airflow_add_time(json, "end_date", run->ended_ms);
    pn_airflow_add_duration(json, "duration", run->started_ms, run->ended_ms);
    pn_airflow_add_time(json, "data_interval_start", run->interval_start_ms);
    pn_airflow_add_time(json, "data_interval_end", run->interval_end_ms);
    pn_airflow_add_time(json, "run_after", run->run_after_ms);
    pn_json_add_cstr(json, "run_type", pn_run_type_name(run->type));
    pn_json_add_cstr(json, "state", pn_airflow_run_state(run->state));
    pn_json_add_cstr(json, "triggered_by", triggered_by(run));
    pn_json_add_raw(json, "conf", run->conf, strlen(run->conf));
    int rc = add_note(call, run);
    rc = rc == 0 ? add_versions(call, run) : rc;
    PN_AIRFLOW_ADD_NULLS(json, "bundle_version", "last_scheduling_decision", "partition_date",
                         "partition_key", "triggering_user_name");
    pn_json_end(json);
    return rc;
}

/* --- tasks ------------------------------------------------------------------------------------ */

static const char *kind_of(struct pn_airflow_call *call, const struct pn_found_task *found)
{
    const struct pn_dag *dag = pn_pipeline_dag(call->pipeline, found->dag);
    const struct pn_task *task = dag != NULL ? pn_dag_task(dag, found->task.task) : NULL;
    return task != NULL ? pn_task_kind_name(task->kind) : NULL;
}

void pn_airflow_put_task(struct pn_airflow_call *call, const struct pn_found_task *found)
{
    struct pn_json_writer *json = &call->json;
    const struct pn_task_run *task = &found->task;
    char id[PN_UUID_SIZE];
    const char *const texts[] = {found->dag, found->run_id, task->task,
                                 pn_arena_printf(call->arena, "%d", (int)task->tries)};
    const char *kind = kind_of(call, found);
    pn_json_put_object(json);
    pn_json_add_cstr(json, "id", pn_airflow_uuid(texts, 4, id));
    pn_json_add_cstr(json, "task_id", task->task);
    pn_json_add_cstr(json, "task_display_name", task->task);
    pn_json_add_cstr(json, "dag_id", found->dag);
    pn_json_add_cstr(json, "dag_display_name", found->dag);
    pn_json_add_cstr(json, "dag_run_id", found->run_id);
    pn_json_add_i64(json, "map_index", -1);
    pn_airflow_add_time(json, "logical_date", found->logical_ms);
    pn_airflow_add_time(json, "run_after", found->run_after_ms);
    pn_airflow_add_time(json, "start_date", task->started_ms);
    pn_airflow_add_time(json, "end_date", task->ended_ms);
    pn_airflow_add_duration(json, "duration", task->started_ms, task->ended_ms);
    pn_json_add_cstr(json, "state", pn_airflow_task_state(task->state, task->started_ms != 0));
    pn_json_add_i64(json, "try_number", task->tries);
    pn_json_add_i64(json, "max_tries", task->max_tries > 0 ? task->max_tries - 1 : 0);
    pn_json_add_cstr(json, "pool", task->pool);
    pn_json_add_i64(json, "pool_slots", task->pool_slots);
    pn_json_add_i64(json, "priority_weight", task->priority);
    pn_json_add_cstr(json, "operator", kind);
    pn_json_add_cstr(json, "operator_name", kind);
    if (found->pid != 0) {
        pn_json_add_i64(json, "pid", found->pid);
    } else {
        pn_json_add_null(json, "pid");
    }
    pn_json_add_cstr(json, "executor_config", "{}");
    pn_json_add_object(json, "rendered_fields");
    pn_json_end(json);
    pn_airflow_add_version(call, "dag_version", found->dag, &found->version);
    PN_AIRFLOW_ADD_NULLS(json, "hostname", "unixname", "queue", "queued_when", "scheduled_when",
                         "executor", "note", "rendered_map_index", "trigger", "triggerer_job");
    pn_json_end(json);
}
