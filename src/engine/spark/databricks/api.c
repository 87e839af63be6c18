/* A call of the REST API: authorized, and repeated while what went wrong may pass. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/random.h"
#include "engine/spark/databricks/private.h"

enum {
    REPLY_BYTES_MAX = 16 << 20, /* of a run's output Databricks sends 5 MB */
    PAUSE_FIRST_MS = 500,
    PAUSE_MS_MAX = 15000
};

struct pn_databricks_api {
    const struct pn_databricks_config *config;
    char *workspace; /* without a slash at its end; NULL: not looked at yet */
    struct pn_databricks_login *login;
    struct pn_databricks_lines *lines;
    struct pn_databricks_exchange exchange;
    struct pn_json_parser *parser;
    struct pn_random random;
};

struct pn_databricks_api *pn_databricks_api_create(const struct pn_databricks_config *config)
{
    struct pn_databricks_api *made = pn_xcalloc(1, sizeof *made);
    made->config = config;
    made->login = pn_databricks_login_create(config);
    made->lines = pn_databricks_lines_create(config->ca_file[0] != '\0' ? config->ca_file : NULL);
    made->parser = pn_json_parser_create();
    pn_buf_init(&made->exchange.reply, REPLY_BYTES_MAX);
    pn_random_init(&made->random, pn_entropy_u64());
    return made;
}

void pn_databricks_api_destroy(struct pn_databricks_api **api)
{
    struct pn_databricks_api *gone = *api;
    if (gone == NULL) {
        return;
    }
    pn_json_parser_destroy(&gone->parser);
    pn_databricks_login_destroy(&gone->login);
    pn_databricks_lines_destroy(&gone->lines);
    pn_buf_deinit(&gone->exchange.reply);
    free(gone->workspace);
    free(gone);
    *api = NULL;
}

/* Nothing of a secret may travel in the clear, so the address is https. */
static int find_workspace(struct pn_databricks_api *api, struct pn_err *e)
{
    static const char https[] = "https://";
    const char *given = api->config->workspace;
    const char *variable = getenv("DATABRICKS_HOST");
    if (given[0] == '\0') {
        given = variable != NULL ? variable : "";
    }
    bool has_scheme = strstr(given, "://") != NULL;
    const char *host =
        strncasecmp(given, https, sizeof https - 1) == 0 ? given + sizeof https - 1 : given;
    size_t len = strcspn(host, "/?# \t\r\n");
    if (len == 0 || (has_scheme && host == given) ||
        strspn(host + len, "/") != strlen(host + len)) {
        return pn_err_input(e,
                            "spark.workspace \"%s\" is not the address of a workspace: write "
                            "https://HOST, as in https://dbc-12345678-9abc.cloud.databricks.com",
                            given);
    }
    api->workspace = pn_xasprintf("%s%.*s", https, (int)len, host);
    return 0;
}

/* --- one try ---------------------------------------------------------------------------------- */

static enum pn_databricks_verdict attempt(struct pn_databricks_api *api,
                                          struct pn_databricks_call *call, struct pn_course *course,
                                          struct pn_err *e)
{
    struct pn_databricks_exchange *exchange = &api->exchange;
    const char *authorization = NULL;
    enum pn_databricks_verdict verdict = pn_databricks_login_get(
        api->login, api->workspace, api->lines, course, exchange, &authorization, e);
    if (verdict != PN_DATABRICKS_DONE) {
        exchange->status = 0; /* of the login: no reply to the call */
        return verdict;
    }
    char *url = pn_xasprintf("%s%s", api->workspace, call->path);
    char *what = pn_xasprintf("%s %.*s", call->method, (int)strcspn(call->path, "?"), call->path);
    *exchange = (struct pn_databricks_exchange){
        .method = call->method,
        .url = url,
        .authorization = authorization,
        .content_type = call->body != NULL ? "application/json" : NULL,
        .body = call->body,
        .grace_ms = call->grace_ms,
        .reply = exchange->reply,
    };
    pn_databricks_exchange(api->lines, exchange, course);
    verdict = pn_databricks_judge(exchange, api->workspace, what, e);
    struct pn_json *root = NULL;
    const struct pn_buf *reply = &exchange->reply;
    if (verdict == PN_DATABRICKS_DONE &&
        pn_json_parse(api->parser, pn_buf_text(reply), reply->len, reply->len, &root, NULL) != 0) {
        (void)pn_err_input(e,
                           "the reply to %s is not JSON: does spark.workspace (%s) name a "
                           "workspace of Databricks?",
                           what, api->workspace);
        verdict = PN_DATABRICKS_NEVER;
    }
    call->root = root;
    call->was_sent =
        call->was_sent || (exchange->was_sent && (exchange->code != 0 || exchange->status >= 500));
    free(what);
    free(url);
    return verdict;
}

/* --- repetition ------------------------------------------------------------------------------- */

static int64_t pause_ms(struct pn_databricks_api *api, int tries)
{
    int64_t most_ms = PAUSE_FIRST_MS;
    for (int i = 1; i < tries && most_ms < PAUSE_MS_MAX; i++) {
        most_ms *= 2;
    }
    int64_t half_ms = (most_ms < PAUSE_MS_MAX ? most_ms : PAUSE_MS_MAX) / 2;
    int64_t drawn_ms = half_ms + (int64_t)pn_random_below(&api->random, (uint64_t)half_ms + 1);
    int64_t asked_ms = api->exchange.retry_after_ms;
    return asked_ms > drawn_ms ? asked_ms : drawn_ms;
}

static bool is_unauthorized(const struct pn_databricks_exchange *exchange)
{
    return exchange->code == 0 && (exchange->status == 401 || exchange->status == 403);
}

int pn_databricks_call(struct pn_databricks_api *api, struct pn_databricks_call *call,
                       struct pn_course *course, struct pn_err *e)
{
    struct pn_err failure = {.class_ = PN_CLASS_NONE};
    int64_t until_ms = pn_mono_ms(course->clock) + api->config->retry_ms;
    bool was_renewed = false;
    if (api->workspace == NULL && find_workspace(api, e) != 0) {
        return PN_FAIL;
    }
    for (int tries = 1;; tries++) {
        enum pn_databricks_verdict verdict = attempt(api, call, course, &failure);
        if (verdict == PN_DATABRICKS_DONE) {
            return 0;
        }
        if (verdict == PN_DATABRICKS_NEVER && is_unauthorized(&api->exchange) && !was_renewed) {
            was_renewed = true;
            pn_databricks_login_expire(api->login);
            continue;
        }
        int64_t wait_ms = pause_ms(api, tries);
        if (verdict == PN_DATABRICKS_NEVER || pn_mono_ms(course->clock) + wait_ms > until_ms ||
            (pn_course_is_early(course) && !course->is_ending)) {
            break;
        }
        (void)fprintf(stderr, "Databricks: %s; trying again in %.1f s\n", failure.msg,
                      (double)wait_ms / 1000);
        pn_course_wait(course, wait_ms);
        if (pn_course_is_early(course) &&
            (!course->is_ending || pn_mono_ms(course->clock) >= course->over_ms)) {
            break;
        }
    }
    pn_err_copy(e, &failure);
    return PN_FAIL;
}
