/* What a reply or a run's end that is a failure says, to a person: which setting to change. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/mem.h"
#include "engine/spark/databricks/private.h"

enum { TEXT_SHOWN_MAX = 500 };

/* --- a request without a reply ---------------------------------------------------------------- */

static bool is_about_tls(int code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_ISSUER_ERROR;
}

static enum pn_databricks_verdict judge_silence(const struct pn_databricks_exchange *exchange,
                                                const char *workspace, const char *what,
                                                struct pn_err *e)
{
    if (is_about_tls(exchange->code)) {
        (void)pn_err_input(e,
                           "%s: the certificate of %s is not trusted (%s): set spark.ca_file to a "
                           "PEM file with its CA",
                           what, workspace, curl_easy_strerror((CURLcode)exchange->code));
        return PN_DATABRICKS_NEVER;
    }
    bool is_nowhere =
        exchange->code == CURLE_COULDNT_RESOLVE_HOST || exchange->code == CURLE_COULDNT_CONNECT;
    (void)pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s at %s: %s%s", what, workspace,
                     curl_easy_strerror((CURLcode)exchange->code),
                     is_nowhere ? ": check spark.workspace" : "");
    return PN_DATABRICKS_AGAIN;
}

/* --- a reply that is a refusal ---------------------------------------------------------------- */

/* By the status and the code in the body; an empty code or word fits each. The first counts. */
static const struct {
    long status;
    const char *code;
    const char *word; /* in the message */
    const char *advice;
} refusals[] = {
    {401, "invalid_client", "",
     "check spark.client_id and its secret (spark.secret_file, spark.secret or "
     "DATABRICKS_CLIENT_SECRET)"},
    {401, "", "",
     "check spark.client_id and spark.secret_file (or spark.secret, DATABRICKS_TOKEN): the "
     "credentials are wrong or have expired"},
    {403, "", "token",
     "check spark.secret_file (or spark.secret, DATABRICKS_TOKEN): the token is wrong or has "
     "expired"},
    {403, "", "",
     "give the service principal the right to run the notebook of spark.notebooks on "
     "spark.cluster"},
    {404, "RESOURCE_DOES_NOT_EXIST", "", "check spark.notebooks and spark.cluster"},
    {404, "", "", "check spark.workspace"},
    {400, "", "luster", "check spark.cluster"},
    {400, "", "otebook", "check spark.notebooks"},
};

static const char *advice_for(long status, const char *code, const char *message)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (refusals[i].status == status && strstr(code, refusals[i].code) != NULL &&
            strstr(message, refusals[i].word) != NULL) {
            return refusals[i].advice;
        }
    }
    return status >= 300 && status < 400 ? "check spark.workspace" : NULL;
}

/* The text of the first of these members that there is; the caller frees it. */
static char *member_of(const struct pn_json *root, const char *name, const char *other)
{
    char *text = pn_json_dup(pn_json_get(root, name));
    text = text != NULL ? text : pn_json_dup(pn_json_get(root, other));
    return text != NULL ? text : pn_xstrdup("");
}

enum pn_databricks_verdict pn_databricks_judge(const struct pn_databricks_exchange *exchange,
                                               const char *workspace, const char *what,
                                               struct pn_err *e)
{
    long status = exchange->status;
    if (exchange->code != 0) {
        return judge_silence(exchange, workspace, what, e);
    }
    if (status >= 200 && status < 300) {
        return PN_DATABRICKS_DONE;
    }
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    const struct pn_buf *reply = &exchange->reply;
    if (pn_json_parse(parser, pn_buf_text(reply), reply->len, reply->len, &root, NULL) != 0) {
        root = NULL; /* a proxy's page: the status says it all */
    }
    char *code = member_of(root, "error_code", "error");
    char *message = member_of(root, "message", "error_description");
    bool may_pass = status == 408 || status == 429 || status >= 500;
    const char *advice = may_pass ? NULL : advice_for(status, code, message);
    (void)pn_err_set(e, may_pass ? PN_CLASS_RETRY : PN_CLASS_INPUT, PN_FAIL,
                     "%s answered %ld to %s: %s%s%.*s%s%s", workspace, status, what,
                     code[0] != '\0' ? code : "no reason given", message[0] != '\0' ? ": " : "",
                     TEXT_SHOWN_MAX, message, advice != NULL ? ": " : "",
                     advice != NULL ? advice : "");
    free(code);
    free(message);
    pn_json_parser_destroy(&parser);
    return may_pass ? PN_DATABRICKS_AGAIN : PN_DATABRICKS_NEVER;
}

/* --- a run ------------------------------------------------------------------------------------ */

static void copy_text(const struct pn_json *from, const char *member, char *to, size_t size)
{
    char *text = pn_json_dup(pn_json_get(from, member));
    if (text != NULL) {
        (void)snprintf(to, size, "%s", text);
    }
    free(text);
}

void pn_databricks_read_run(const struct pn_json *root, struct pn_run_state *run)
{
    static const char *const ends[] = {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"};
    const struct pn_json *status = pn_json_get(root, "status");
    const struct pn_json *details = pn_json_get(status, "termination_details");
    const struct pn_json *state = pn_json_get(root, "state"); /* as up to Jobs API 2.1 */
    const struct pn_json *tasks = pn_json_get(root, "tasks");
    *run = (struct pn_run_state){.is_over = false};
    copy_text(state, "life_cycle_state", run->state, sizeof run->state);
    copy_text(state, "result_state", run->code, sizeof run->code);
    copy_text(state, "state_message", run->message, sizeof run->message);
    copy_text(status, "state", run->state, sizeof run->state);
    copy_text(details, "code", run->code, sizeof run->code);
    copy_text(details, "message", run->message, sizeof run->message);
    copy_text(root, "run_page_url", run->url, sizeof run->url);
    if (tasks != NULL && tasks->type == PN_JSON_ARRAY && tasks->first != NULL) {
        run->task_run_id = pn_json_get_i64(tasks->first, "run_id", 0);
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        run->is_over = run->is_over || strcmp(run->state, ends[i]) == 0;
    }
    if (run->is_over && run->code[0] == '\0') {
        (void)snprintf(run->code, sizeof run->code, "%s", run->state);
    }
}

/* Codes after which a setting, or a right, must change; others may pass. */
static const struct {
    const char *code;
    enum pn_class class_;
    const char *advice;
} ends[] = {
    {"CLUSTER_ERROR", PN_CLASS_RETRY, "check spark.cluster"},
    {"CLUSTER_REQUEST_LIMIT_EXCEEDED", PN_CLASS_RETRY, ""},
    {"CLUSTER_TERMINATED_BY_USER", PN_CLASS_RETRY, "somebody has ended spark.cluster"},
    {"MAX_SPARK_CONTEXTS_EXCEEDED", PN_CLASS_RETRY,
     "spark.cluster is used by too many: set a new cluster (JSON) in its place"},
    {"INVALID_CLUSTER_REQUEST", PN_CLASS_INPUT, "check spark.cluster"},
    {"CLOUD_FAILURE", PN_CLASS_RETRY, "the cloud gives spark.cluster no machines"},
    {"RESOURCE_NOT_FOUND", PN_CLASS_INPUT, "check spark.notebooks and spark.cluster"},
    {"INVALID_RUN_CONFIGURATION", PN_CLASS_INPUT, "check spark.notebooks and spark.cluster"},
    {"UNAUTHORIZED_ERROR", PN_CLASS_INPUT,
     "give the service principal the right to run the notebook of spark.notebooks on "
     "spark.cluster"},
    {"FEATURE_DISABLED", PN_CLASS_INPUT,
     "set spark.cluster: this workspace may have no serverless compute"},
    {"STORAGE_ACCESS_ERROR", PN_CLASS_INPUT, "give spark.cluster the right to read the store"},
    {"USER_CANCELED", PN_CLASS_RETRY, "somebody has cancelled it"},
    {"TIMEDOUT", PN_CLASS_RETRY, "raise spark.timeout_ms if it needs longer"},
};

int pn_databricks_run_failure(const struct pn_run_state *run, const char *error, struct pn_err *e)
{
    enum pn_class class_ = PN_CLASS_RETRY;
    const char *advice = "";
    const char *text = error != NULL && error[0] != '\0' ? error : run->message;
    int len = (int)strnlen(text, TEXT_SHOWN_MAX);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (strcmp(ends[i].code, run->code) == 0) {
            class_ = ends[i].class_;
            advice = ends[i].advice;
        }
    }
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        len--;
    }
    return pn_err_set(e, class_, PN_FAIL, "Databricks: the run has ended with %s: %.*s%s%s (%s)",
                      run->code, len, text, advice[0] != '\0' ? ": " : "", advice, run->url);
}
