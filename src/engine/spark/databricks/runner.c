/* A job as a run of Databricks: submitted once, watched until its end, cancelled if need be. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_writer.h"
#include "base/mem.h"
#include "base/random.h"
#include "engine/spark/databricks/private.h"

#define API "/api/2.2/jobs/runs"

enum {
    BODY_BYTES_MAX = 1 << 20,
    SUBMIT_GRACE_MS = 1500, /* a submit whose answer is awaited gives the run to be cancelled */
    POLL_FIRST_MS = 500,
    CANCEL_POLL_MS = 200,
    LEFT_ALONE_S = 60 /* Databricks ends what we do not */
};

struct databricks {
    struct pn_spark_runner runner;
    struct pn_databricks_config config;
    struct pn_arena arena; /* texts of the config */
    struct pn_databricks_api *api;
};

struct watched {
    struct databricks *databricks;
    const struct pn_spark_job *job;
    struct pn_course course;
    int64_t run_id;
    struct pn_run_state run;
    bool has_shown_page;
    bool has_begun; /* it has had its compute */
};

/* --- submit ----------------------------------------------------------------------------------- */

/* The compute: an existing cluster, a new one, or, with neither, serverless. */
static int put_compute(struct pn_json_writer *json, const char *cluster, struct pn_err *e)
{
    int rc = 0;
    if (cluster[0] == '{') {
        struct pn_json_parser *parser = pn_json_parser_create();
        struct pn_json *root = NULL;
        size_t len = strlen(cluster);
        rc = pn_json_parse(parser, cluster, len, len, &root, e);
        if (rc == 0) {
            pn_json_put_key(json, "new_cluster");
            pn_json_put_node(json, root);
        } else {
            pn_err_prefix(e, "spark.cluster");
        }
        pn_json_parser_destroy(&parser);
    } else if (cluster[0] != '\0') {
        pn_json_add_cstr(json, "existing_cluster_id", cluster);
    }
    return rc;
}

static int make_body(const struct watched *watched, struct pn_buf *out, struct pn_err *e)
{
    const struct pn_databricks_config *config = &watched->databricks->config;
    const struct pn_spark_job *job = watched->job;
    size_t folder_len = strlen(config->notebooks);
    while (folder_len > 0 && config->notebooks[folder_len - 1] == '/') {
        folder_len--;
    }
    if (folder_len == 0 || config->notebooks[0] != '/') {
        return pn_err_input(e,
                            "spark.notebooks \"%s\" is not a folder of the workspace: name the one "
                            "that has pinion_job, as in /Shared/my-pipeline/files",
                            config->notebooks);
    }
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "run_name", job->name);
    pn_json_add_cstr(&json, "idempotency_token", job->token);
    pn_json_add_i64(&json, "timeout_seconds", (config->timeout_ms + 999) / 1000 + LEFT_ALONE_S);
    pn_json_add_array(&json, "tasks");
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "task_key", "pinion");
    pn_json_add_object(&json, "notebook_task");
    pn_json_add_textf(&json, "notebook_path", "%.*s/pinion_job", (int)folder_len,
                      config->notebooks);
    pn_json_add_cstr(&json, "source", "WORKSPACE");
    pn_json_add_object(&json, "base_parameters");
    pn_json_add_cstr(&json, "store", job->store);
    pn_json_add_cstr(&json, "job", job->folder);
    pn_json_end(&json);
    pn_json_end(&json);
    int rc = put_compute(&json, config->cluster, e);
    if (rc == 0) {
        pn_json_end(&json);
        pn_json_end(&json);
        pn_json_end(&json);
        rc = pn_json_writer_check(&json, "the request to Databricks", e);
    }
    return rc;
}

/* The class of what went wrong is the caller's; without an answer there may be a run. */
static int not_submitted(struct watched *watched, bool was_sent, struct pn_err *e)
{
    struct pn_course *course = &watched->course;
    bool may_run = was_sent || (watched->job->is_left && pn_course_is_early(course));
    if (pn_course_is_early(course)) {
        (void)pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "Spark's job %s before Databricks answered",
                         course->is_late ? "took longer than spark.timeout_ms" : "was stopped");
    } else if (may_run) {
        pn_err_prefix(e, "Databricks may have started the run");
    }
    return may_run ? PN_SPARK_UNSURE : PN_FAIL;
}

/* The run of this job's token, be it new or one that was submitted before. */
static int submit(struct watched *watched, struct pn_err *e)
{
    struct pn_buf body;
    pn_buf_init(&body, BODY_BYTES_MAX);
    int rc = make_body(watched, &body, e);
    if (rc == 0 && pn_course_is_early(&watched->course)) {
        rc = not_submitted(watched, false, e);
    } else if (rc == 0) {
        struct pn_databricks_call call = {.method = "POST",
                                          .path = API "/submit",
                                          .body = pn_buf_text(&body),
                                          .grace_ms = SUBMIT_GRACE_MS};
        rc = pn_databricks_call(watched->databricks->api, &call, &watched->course, e);
        if (rc == 0) {
            watched->run_id = pn_json_get_i64(call.root, "run_id", 0);
            rc = watched->run_id > 0
                     ? 0
                     : pn_err_input(e, "Databricks submits no run: does spark.workspace name a "
                                       "workspace?");
        } else {
            rc = not_submitted(watched, call.was_sent, e);
        }
    }
    pn_buf_deinit(&body);
    return rc;
}

/* --- watch ------------------------------------------------------------------------------------ */

static void show_state(struct watched *watched, const struct pn_run_state *now)
{
    if (!watched->has_shown_page && now->url[0] != '\0') {
        (void)fprintf(stderr, "Databricks: run %" PRId64 ": %s\n", watched->run_id, now->url);
        watched->has_shown_page = true;
    }
    if (strcmp(now->state, watched->run.state) != 0) {
        (void)fprintf(stderr, "Databricks: run %" PRId64 " is %s%s%s\n", watched->run_id,
                      now->state, now->message[0] != '\0' ? ": " : "", now->message);
    }
}

static int look(struct watched *watched, struct pn_err *e)
{
    char path[128];
    struct pn_run_state now;
    (void)snprintf(path, sizeof path, API "/get?run_id=%" PRId64, watched->run_id);
    struct pn_databricks_call call = {.method = "GET", .path = path};
    int rc = pn_databricks_call(watched->databricks->api, &call, &watched->course, e);
    if (rc == 0) {
        pn_databricks_read_run(call.root, &now);
        show_state(watched, &now);
        watched->has_begun = watched->has_begun || strcmp(now.state, "RUNNING") == 0;
        watched->run = now;
    }
    return rc;
}

/* Until the run is over, or the job is to end early. */
static int watch(struct watched *watched, struct pn_err *e)
{
    const struct pn_databricks_config *config = &watched->databricks->config;
    int64_t pause_ms = POLL_FIRST_MS;
    int rc = 0;
    while (!pn_course_is_early(&watched->course)) {
        rc = look(watched, e);
        if (rc != 0 || watched->run.is_over) {
            break;
        }
        pause_ms = pause_ms < config->poll_ms ? pause_ms : config->poll_ms;
        pn_course_wait(&watched->course, pause_ms);
        pause_ms += pause_ms / 2;
    }
    return pn_course_is_early(&watched->course) ? 0 : rc;
}

/* Asks for the run's end, and waits for it as long as there is time. */
static void cancel(struct watched *watched)
{
    struct pn_buf body;
    struct pn_json_writer json;
    struct pn_err failure = {.class_ = PN_CLASS_NONE};
    struct pn_course *course = &watched->course;
    course->is_ending = true;
    pn_buf_init(&body, BODY_BYTES_MAX);
    pn_json_writer_init(&json, &body);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "run_id", watched->run_id);
    pn_json_end(&json);
    struct pn_databricks_call call = {
        .method = "POST", .path = API "/cancel", .body = pn_buf_text(&body)};
    int rc = pn_databricks_call(watched->databricks->api, &call, course, &failure);
    (void)fprintf(stderr, "Databricks: run %" PRId64 " %s%s\n", watched->run_id,
                  rc == 0 ? "is cancelled" : "cannot be cancelled: ", failure.msg);
    pn_buf_deinit(&body);
    while (!watched->run.is_over && pn_mono_ms(course->clock) < course->over_ms &&
           look(watched, &failure) == 0 && !watched->run.is_over) {
        pn_course_wait(course, CANCEL_POLL_MS);
        (void)pn_course_is_early(course);
    }
}

/* --- outcome ---------------------------------------------------------------------------------- */

/* What its output says of its error. The caller frees it; NULL: nothing. */
static char *error_of_output(struct watched *watched)
{
    char path[128];
    char *error = NULL;
    struct pn_err ignored;
    int64_t run_id = watched->run.task_run_id != 0 ? watched->run.task_run_id : watched->run_id;
    (void)snprintf(path, sizeof path, API "/get-output?run_id=%" PRId64, run_id);
    struct pn_databricks_call call = {.method = "GET", .path = path};
    if (pn_databricks_call(watched->databricks->api, &call, &watched->course, &ignored) == 0) {
        char *trace = pn_json_dup(pn_json_get(call.root, "error_trace"));
        error = pn_json_dup(pn_json_get(call.root, "error"));
        if (trace != NULL && trace[0] != '\0') {
            (void)fprintf(stderr, "%s\n", trace);
        }
        free(trace);
    }
    return error;
}

static int end_of_run(struct watched *watched, struct pn_err *e)
{
    if (strcmp(watched->run.code, "SUCCESS") == 0) {
        return 0;
    }
    char *error = error_of_output(watched);
    int rc = pn_databricks_run_failure(&watched->run, error, e);
    free(error);
    return rc;
}

static int end_of_early(struct watched *watched, struct pn_err *e)
{
    const struct pn_run_state *run = &watched->run;
    if (run->is_over && strcmp(run->code, "SUCCESS") == 0) {
        return 0; /* it was faster */
    }
    if (watched->course.is_late) {
        (void)pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                         "Spark's job took longer than spark.timeout_ms (%" PRId64 " ms) and was "
                         "cancelled%s%s",
                         watched->databricks->config.timeout_ms,
                         watched->has_begun ? "" : "; it never started: check spark.cluster",
                         run->is_over ? "" : "; its end was not seen");
    } else {
        (void)pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "Spark's job was stopped%s",
                         run->is_over ? "" : "; its end at Databricks was not seen");
    }
    return run->is_over ? PN_FAIL : PN_SPARK_UNSURE;
}

static int run(struct pn_spark_runner *base, const struct pn_spark_job *job, struct pn_err *e)
{
    struct databricks *databricks = (struct databricks *)base;
    const struct pn_clock *clock = databricks->config.clock;
    struct watched watched = {
        .databricks = databricks,
        .job = job,
        .course = {.clock = clock,
                   .stop = job->stop,
                   .deadline_ms = pn_mono_ms(clock) + databricks->config.timeout_ms}};
    int rc = submit(&watched, e);
    if (rc != 0) {
        return rc;
    }
    rc = watch(&watched, e);
    if (rc != 0) {
        pn_err_prefix(e, "the run %" PRId64 " may still run", watched.run_id);
        return PN_SPARK_UNSURE;
    }
    if (watched.run.is_over) {
        return end_of_run(&watched, e);
    }
    cancel(&watched);
    return end_of_early(&watched, e);
}

/* --- birth and end ---------------------------------------------------------------------------- */

static void destroy(struct pn_spark_runner *base)
{
    struct databricks *databricks = (struct databricks *)base;
    pn_databricks_api_destroy(&databricks->api);
    pn_arena_deinit(&databricks->arena);
    free(databricks);
}

struct pn_spark_runner *pn_databricks_create(const struct pn_databricks_config *config)
{
    static const struct pn_spark_runner_ops ops = {.destroy = destroy, .run = run};
    struct databricks *made = pn_xcalloc(1, sizeof *made);
    struct pn_databricks_config *copy = &made->config;
    const char **const texts[] = {&copy->workspace,   &copy->client_id, &copy->secret,
                                  &copy->secret_file, &copy->notebooks, &copy->cluster,
                                  &copy->ca_file};
    pn_arena_init(&made->arena, 0);
    made->runner.ops = &ops;
    made->config = *config;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = pn_arena_strdup(&made->arena, *texts[i]);
    }
    made->api = pn_databricks_api_create(&made->config);
    return &made->runner;
}
