/* A job from its request to its result; and what an earlier process may have left of it. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/random.h"
#include "engine/spark/definition.h"
#include "engine/spark/internal.h"

enum { REQUEST_BYTES_MAX = 32 << 20, RESULT_BYTES_MAX = 256 << 20, TOKEN_SIZE = 64 };

#define JOBS_FOLDER "spark_jobs"

struct performing {
    struct pn_spark *engine;
    const struct pn_spark_ask *ask;
    struct pn_buf request; /* what is asked, without the token */
    char token[TOKEN_SIZE];
    char *folder;
    char *request_key;
    char *result_key;
};

/* --- the request ------------------------------------------------------------------------------ */

static int make_request(struct performing *job, struct pn_err *e)
{
    struct pn_buf definition;
    struct pn_json_writer json;
    pn_buf_init(&definition, REQUEST_BYTES_MAX);
    pn_python_add_pipeline(&definition, job->engine->pipeline, job->engine->store_url);
    pn_json_writer_init(&json, &job->request);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "action", job->ask->action);
    pn_json_add_cstr(&json, "task", job->engine->task);
    pn_json_add_raw(&json, "run", job->engine->run, strlen(job->engine->run));
    pn_json_add_bool(&json, "full_refresh", job->engine->full_refresh);
    pn_json_add_bool(&json, "drop_imported", job->engine->drop_imported);
    job->ask->put(&json, job->ask->arg);
    pn_json_add_string(&json, "definition", pn_buf_text(&definition), definition.len);
    pn_json_end(&json);
    int rc = pn_buf_check(&definition, "the pipeline's definition", e);
    pn_buf_deinit(&definition);
    return rc != 0 ? rc : pn_json_writer_check(&json, "the request to Spark", e);
}

/* A task's jobs are found again by their folder, others never. The name has only what the paths of
 * all file systems take. */
static void name_folder(struct performing *job)
{
    const char *task = job->engine->task;
    if (task == NULL) {
        char uuid[PN_UUID_SIZE];
        job->folder = pn_xasprintf(JOBS_FOLDER "/%s", pn_uuid(uuid));
    } else {
        char *name = pn_xstrdup(task);
        for (char *c = name; *c != '\0'; c++) {
            *c = isalnum((unsigned char)*c) || *c == '-' || *c == '_' ? *c : '.';
        }
        job->folder = pn_xasprintf(JOBS_FOLDER "/%.200s-%s-%08x", name, job->ask->action,
                                   pn_crc32c(task, strlen(task)));
        free(name);
    }
    job->request_key = pn_xasprintf("%s/request.json", job->folder);
    job->result_key = pn_xasprintf("%s/result.json", job->folder);
}

static void new_token(struct performing *job)
{
    char uuid[PN_UUID_SIZE];
    (void)snprintf(job->token, sizeof job->token, "pinion-%s", pn_uuid(uuid));
}

static int put_request(struct performing *job, struct pn_err *e)
{
    struct pn_buf text;
    struct pn_json_writer json;
    pn_buf_init(&text, (size_t)2 * REQUEST_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "token", job->token);
    if (job->engine->made_by != NULL) {
        pn_json_add_raw(&json, "madeBy", job->engine->made_by, strlen(job->engine->made_by));
    }
    pn_json_add_raw(&json, "request", pn_buf_text(&job->request), job->request.len);
    pn_json_end(&json);
    int rc = pn_json_writer_check(&json, "the request to Spark", e);
    if (rc == 0) {
        rc = pn_store_put(job->engine->store, job->request_key, text.data, text.len, e);
    }
    pn_buf_deinit(&text);
    return rc;
}

/* Is there a request for the same, which an earlier process of this task left? Then its token is
 * the job's. */
static bool adopt(struct performing *job)
{
    struct pn_buf text;
    struct pn_json *root = NULL;
    struct pn_json_parser *parser = pn_json_parser_create();
    bool is_same = false;
    pn_buf_init(&text, (size_t)2 * REQUEST_BYTES_MAX);
    if (pn_store_get(job->engine->store, job->request_key, &text, NULL) == 0 &&
        pn_json_parse(parser, pn_buf_text(&text), text.len, text.len, &root, NULL) == 0) {
        const struct pn_json *request = pn_json_get(root, "request");
        char *token = pn_json_dup(pn_json_get(root, "token"));
        is_same = token != NULL && strlen(token) < sizeof job->token && request != NULL &&
                  request->raw_len == job->request.len &&
                  memcmp(request->raw, job->request.data, job->request.len) == 0;
        if (is_same) {
            (void)snprintf(job->token, sizeof job->token, "%s", token);
        }
        free(token);
    }
    pn_json_parser_destroy(&parser);
    pn_buf_deinit(&text);
    return is_same;
}

/* What remains of a job that has its answer concerns nobody. */
static void forget(struct performing *job)
{
    const char *const keys[] = {job->request_key, job->result_key};
    struct pn_err ignored;
    if (pn_store_remove_many(job->engine->store, keys, 2, &ignored) != 0) {
        return; /* the next job of this task finds that it is another one's, or done */
    }
}

/* --- the result ------------------------------------------------------------------------------- */

static int failure_of(const struct pn_json *result, struct pn_err *e)
{
    static const struct {
        const char *word;
        enum pn_class class_;
    } classes[] = {{"input", PN_CLASS_INPUT},
                   {"conflict", PN_CLASS_CONFLICT},
                   {"fatal", PN_CLASS_FATAL},
                   {"retry", PN_CLASS_RETRY}};
    enum pn_class class_ = PN_CLASS_RETRY;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (pn_json_text_is(pn_json_get(result, "class"), classes[i].word)) {
            class_ = classes[i].class_;
        }
    }
    char *message = pn_json_dup(pn_json_get(result, "message"));
    (void)pn_err_set(e, class_, PN_FAIL, "Spark: %s",
                     message != NULL ? message : "the job failed and does not say why");
    free(message);
    return PN_FAIL;
}

/* *there is false when this job left no result; else returns what the job came to. */
static int take_result(struct performing *job, bool *there, struct pn_err *e)
{
    struct pn_buf text;
    struct pn_json *root = NULL;
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_err failure = {.class_ = PN_CLASS_NONE};
    pn_buf_init(&text, RESULT_BYTES_MAX);
    int rc = pn_store_get(job->engine->store, job->result_key, &text, &failure);
    if (rc == 0) {
        rc = pn_json_parse(parser, pn_buf_text(&text), text.len, text.len, &root, &failure);
    }
    *there = rc == 0 && pn_json_text_is(pn_json_get(root, "token"), job->token);
    if (rc != 0 && failure.class_ != PN_CLASS_MISSING) {
        pn_err_copy(e, &failure);
        *there = true;
    } else if (*there && !pn_json_text_is(pn_json_get(root, "state"), "done")) {
        rc = failure_of(root, e);
    } else if (*there && job->ask->take != NULL) {
        rc = job->ask->take(job->ask->arg, root, e);
    }
    pn_json_parser_destroy(&parser);
    pn_buf_deinit(&text);
    return rc;
}

/* --- the job ---------------------------------------------------------------------------------- */

static int run(struct performing *job, bool is_left, struct pn_err *e)
{
    char *name = pn_xasprintf("%s: %s", job->engine->pipeline->name, job->ask->action);
    const struct pn_spark_job spark_job = {.name = name,
                                           .token = job->token,
                                           .store = job->engine->store_url,
                                           .folder = job->folder,
                                           .is_left = is_left,
                                           .stop = &job->engine->stop};
    struct pn_err failure = {.class_ = PN_CLASS_NONE};
    bool there = false;
    int rc = pn_spark_run(job->engine->runner, &spark_job, &failure);
    if (rc == PN_SPARK_UNSURE) {
        pn_err_copy(e, &failure);
        free(name);
        return rc;
    }
    int taken = take_result(job, &there, e);
    if (there) {
        rc = taken;
    } else if (rc == 0) {
        rc = pn_err_input(e,
                          "Spark's job left no result in the store: does spark.store (%s) name "
                          "this store?",
                          job->engine->store_url);
    } else {
        pn_err_copy(e, &failure);
    }
    free(name);
    return rc;
}

/* One that was left may have failed since; then it is this one's turn. */
static int run_adopted(struct performing *job, bool *settled, struct pn_err *e)
{
    struct pn_err failure = {.class_ = PN_CLASS_NONE};
    int rc = take_result(job, settled, &failure);
    if (!*settled) {
        rc = run(job, true, &failure);
    }
    *settled = rc == 0 || rc == PN_SPARK_UNSURE || atomic_load(&job->engine->stop);
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

int pn_spark_perform(struct pn_spark *engine, const struct pn_spark_ask *ask, struct pn_err *e)
{
    struct performing job = {.engine = engine, .ask = ask};
    bool settled = false;
    pn_buf_init(&job.request, REQUEST_BYTES_MAX);
    name_folder(&job);
    int rc = make_request(&job, e);
    if (rc == 0 && engine->task != NULL && adopt(&job)) {
        rc = run_adopted(&job, &settled, e);
    } else if (rc != 0) {
        settled = true;
    }
    if (!settled) {
        new_token(&job);
        rc = put_request(&job, e);
        rc = rc != 0 ? rc : run(&job, false, e);
    }
    /* A job that nobody looks for again, and that may still start, then finds no request. */
    if (rc != PN_SPARK_UNSURE || engine->task == NULL) {
        forget(&job);
    }
    pn_buf_deinit(&job.request);
    free(job.folder);
    free(job.request_key);
    free(job.result_key);
    return rc;
}
