/* Queries and what is made of their rows: from a request to what is forgotten. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/random.h"
#include "query/internal.h"

enum { TABLES_BYTES_MAX = 1 << 20, PENDING_BYTES_MAX = 64 << 20 };

const char *pn_query_state_name(enum pn_query_state state)
{
    static const char *const names[] = {
        [PN_QUERY_WAITING] = "waiting",     [PN_QUERY_RUNNING] = "running",
        [PN_QUERY_DONE] = "done",           [PN_QUERY_FAILED] = "failed",
        [PN_QUERY_CANCELLED] = "cancelled",
    };
    return names[state];
}

struct pn_query_job *pn_query_job_create(struct pn_executor *executor, enum pn_query_kind kind)
{
    struct pn_query_job *job = pn_xcalloc(1, sizeof *job);
    (void)snprintf(job->id, sizeof job->id, "%016llx", (unsigned long long)pn_entropy_u64());
    job->kind = kind;
    job->status = (struct pn_query_status){.id = job->id,
                                           .progress = -1,
                                           .created_ms = pn_wall_ms(executor->clock),
                                           .fault = {.byte = -1}};
    job->created_ns = pn_mono_ns(executor->clock);
    job->used_ns = job->created_ns;
    pn_buf_init(&job->tables, TABLES_BYTES_MAX);
    pn_buf_init(&job->pending, PENDING_BYTES_MAX);
    job->next = executor->jobs;
    executor->jobs = job;
    return job;
}

void pn_query_job_destroy(struct pn_query_job *job)
{
    pn_buf_deinit(&job->tables);
    pn_buf_deinit(&job->pending);
    free((char *)job->status.sql);
    free((char *)job->status.name);
    free((char *)job->status.columns);
    free((char *)job->status.error);
    free(job->parameters);
    free(job->at);
    free(job->folder);
    free(job);
}

struct pn_query_job *pn_query_job_find(struct pn_executor *executor, const char *id)
{
    for (struct pn_query_job *job = executor->jobs; job != NULL; job = job->next) {
        if (strcmp(job->id, id) == 0) {
            return job;
        }
    }
    return NULL;
}

bool pn_query_job_ended(const struct pn_query_job *job)
{
    return job->status.state >= PN_QUERY_DONE;
}

int64_t pn_query_jobs_count(const struct pn_executor *executor, enum pn_query_state state,
                            bool queries)
{
    int64_t count = 0;
    for (const struct pn_query_job *job = executor->jobs; job != NULL; job = job->next) {
        count += job->status.state == state && (job->kind == PN_QUERY_KIND_QUERY) == queries;
    }
    return count;
}

void pn_query_trash_add(struct pn_executor *executor, char *path)
{
    struct pn_query_trash *trash = &executor->trash;
    pn_grow((void **)&trash->paths, &trash->capacity, trash->count + 1, sizeof *trash->paths);
    trash->paths[trash->count++] = path;
}

void pn_query_job_end(struct pn_executor *executor, struct pn_query_job *job,
                      enum pn_query_state state, enum pn_class class_, const char *why)
{
    if (pn_query_job_ended(job)) {
        return;
    }
    job->status.state = state;
    job->status.class_ = class_;
    job->status.error = why != NULL ? pn_xstrdup(why) : NULL;
    job->ended_ns = pn_mono_ns(executor->clock);
    job->used_ns = job->ended_ns;
    executor->news = true;
    if (job->kind == PN_QUERY_KIND_QUERY) {
        pn_metric_add(executor->ended[state], 1);
    }
}

/* --- what is forgotten ------------------------------------------------------------------------ */

static void unlink_job(struct pn_executor *executor, struct pn_query_job *job)
{
    struct pn_query_job **at = &executor->jobs;
    while (*at != job) {
        at = &(*at)->next;
    }
    *at = job->next;
    if (job->folder != NULL) {
        pn_query_trash_add(executor, job->folder);
        job->folder = NULL;
    }
    pn_query_job_destroy(job);
}

/* Jobs of a query's rows end with them. */
static void end_dependents(struct pn_executor *executor, const char *id)
{
    for (struct pn_query_job *job = executor->jobs; job != NULL; job = job->next) {
        if (strcmp(job->target, id) == 0) {
            job->cancelled = true;
            job->used_ns = 0; /* it goes at the next look */
        }
    }
}

void pn_query_job_forget(struct pn_executor *executor, struct pn_query_job *job)
{
    PN_ASSERT(pn_query_job_ended(job) && job->process == NULL);
    end_dependents(executor, job->id);
    unlink_job(executor, job);
}

/* The job that ended and was not used for longest. Its process may still be there. */
static struct pn_query_job *stalest(struct pn_executor *executor)
{
    struct pn_query_job *found = NULL;
    for (struct pn_query_job *job = executor->jobs; job != NULL; job = job->next) {
        if (pn_query_job_ended(job) && (found == NULL || job->used_ns < found->used_ns)) {
            found = job;
        }
    }
    return found;
}

int64_t pn_query_jobs_sweep(struct pn_executor *executor, int64_t now_ns)
{
    const struct pn_executor_config *config = &executor->config;
    const int64_t keep_ns = config->keep_ms * 1000000;
    for (;;) {
        int64_t ended = 0;
        int64_t bytes = 0;
        for (struct pn_query_job *job = executor->jobs; job != NULL; job = job->next) {
            ended += pn_query_job_ended(job) && job->kind == PN_QUERY_KIND_QUERY;
            bytes += job->folder != NULL ? job->status.bytes : 0;
        }
        struct pn_query_job *stale = stalest(executor);
        if (stale == NULL) {
            return INT64_MAX;
        }
        bool late = stale->used_ns == 0 || now_ns - stale->used_ns >= keep_ns;
        if (!late && ended <= config->results_max && bytes <= config->results_bytes_max) {
            return stale->used_ns + keep_ns;
        }
        if (stale->process != NULL) {
            return INT64_MAX; /* the end of the process is seen, and then this is called again */
        }
        pn_query_job_forget(executor, stale);
    }
}

/* --- the work --------------------------------------------------------------------------------- */

static void add_work_on_rows(struct pn_executor *executor, const struct pn_query_job *job,
                             struct pn_json_writer *json)
{
    const struct pn_query_job *target = pn_query_job_find(executor, job->target);
    PN_ASSERT(target != NULL && target->folder != NULL && target->status.columns != NULL);
    pn_json_add_cstr(json, "do", job->kind == PN_QUERY_KIND_ORDER ? "order" : "parquet");
    pn_json_add_cstr(json, "folder", target->folder);
    pn_json_add_raw(json, "columns", target->status.columns, strlen(target->status.columns));
    if (job->kind == PN_QUERY_KIND_ORDER) {
        pn_json_add_i64(json, "column", job->sort.column);
        pn_json_add_bool(json, "descending", job->sort.descending);
    }
}

void pn_query_job_work(struct pn_executor *executor, const struct pn_query_job *job,
                       const char *folder, struct pn_buf *out)
{
    static const char *const formats[] = {[PN_QUERY_KEEP] = "keep",
                                          [PN_QUERY_CSV] = "csv",
                                          [PN_QUERY_CSV_PROTECTED] = "csv-protected",
                                          [PN_QUERY_JSONL] = "jsonl"};
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    if (job->kind != PN_QUERY_KIND_QUERY) {
        add_work_on_rows(executor, job, &json);
    } else {
        pn_json_add_cstr(&json, "do", "query");
        pn_json_add_cstr(&json, "sql", job->status.sql);
        if (job->parameters != NULL) {
            pn_json_add_raw(&json, "parameters", job->parameters, strlen(job->parameters));
        }
        if (job->at != NULL) {
            pn_json_add_cstr(&json, "at", job->at);
        }
        pn_json_add_cstr(&json, "format", formats[job->status.output]);
        pn_json_add_cstr(&json, "folder", folder);
        pn_json_add_i64(&json, "bytes_max", executor->config.result_bytes_max);
    }
    pn_json_end(&json);
}
