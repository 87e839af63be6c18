#include "cli/kinesis_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_client.h"
#include "base/mem.h"
#include "kinesis/api/call.h"
#include "server/stations.h"

enum {
    ANSWER_BYTES_MAX = 64 << 20,
    TIMEOUT_MS = 60000,
    STATUS_OK = 200,
    STATUS_SERVER_ERROR = 500
};

static const char throttled[] = "ProvisionedThroughputExceededException";
static const char target_header[] = "X-Amz-Target: Kinesis_20131202.";

struct pn_kinesis_client {
    struct pn_cli *cli;
    struct pn_json_parser *parser;
    struct pn_buf answer;
    /* Over HTTP. */
    char *url; /* NULL: in this process */
    char *key_header;
    char *credentials; /* "access key:secret key" */
    char *signing;     /* as CURLOPT_AWS_SIGV4 wants it */
    CURL *curl;
    /* In this process. */
    struct pn_arena folder; /* its path */
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    struct pn_json_parser *input_parser;
    struct pn_arena arena; /* of the call */
};

/* --- over HTTP -------------------------------------------------------------------------------- */

static size_t take_answer(char *bytes, size_t size, size_t count, void *arg)
{
    struct pn_buf *answer = arg;
    pn_buf_add(answer, bytes, size * count);
    return pn_buf_failed(answer) ? 0 : size * count;
}

int pn_cli_aws_keys(struct pn_cli *cli, struct pn_aws_keys *keys, struct pn_err *e)
{
    const struct pn_app *app = NULL;
    int rc = pn_cli_app(cli, &app, e);
    if (rc == 0) {
        const struct pn_settings *settings = app->settings;
        bool has_keys = settings->aws.access_key[0] != '\0';
        *keys = (struct pn_aws_keys){
            .access_key = has_keys ? settings->aws.access_key : "pinion",
            .secret_key = has_keys ? settings->aws.secret_key : "pinion",
            .region = settings->aws.region,
        };
    }
    return rc;
}

static int open_http(struct pn_kinesis_client *client, struct pn_err *e)
{
    struct pn_aws_keys keys;
    int rc = pn_cli_aws_keys(client->cli, &keys, e);
    if (rc != 0) {
        return rc;
    }
    client->credentials = pn_xasprintf("%s:%s", keys.access_key, keys.secret_key);
    client->signing = pn_xasprintf("aws:amz:%s:kinesis", keys.region);
    const char *api_key = getenv("PINION_API_KEY");
    if (api_key != NULL && api_key[0] != '\0') {
        client->key_header = pn_xasprintf("x-api-key: %s", api_key);
    }
    client->curl = curl_easy_init();
    if (client->curl == NULL) {
        return pn_err_fatal(e, "cannot set up an HTTP client");
    }
    CURL *curl = client->curl;
    (void)curl_easy_setopt(curl, CURLOPT_URL, client->url);
    (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, client->signing);
    (void)curl_easy_setopt(curl, CURLOPT_USERPWD, client->credentials);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &client->answer);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    pn_http_client_trust(curl);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    return 0;
}

static int post(struct pn_kinesis_client *client, const char *operation, const struct pn_buf *input,
                long *status, struct pn_err *e)
{
    char *target = pn_xasprintf("%s%s", target_header, operation);
    struct curl_slist *headers = curl_slist_append(NULL, target);
    headers = curl_slist_append(headers, "Content-Type: application/x-amz-json-1.1");
    headers = curl_slist_append(headers, "Expect:");
    if (client->key_header != NULL) {
        headers = curl_slist_append(headers, client->key_header);
    }
    (void)curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, pn_buf_text(input));
    (void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)input->len);
    CURLcode code = curl_easy_perform(client->curl);
    (void)curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    free(target);
    if (code != CURLE_OK) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s: %s%s", client->url,
                          curl_easy_strerror(code), pn_http_client_failure_advice((int)code));
    }
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, status);
    return 0;
}

static const char *hint_for(const char *error, size_t len)
{
    static const char *const of_keys[] = {"UnrecognizedClientException",
                                          "InvalidSignatureException"};
    for (size_t i = 0; i < sizeof of_keys / sizeof *of_keys; i++) {
        if (len == strlen(of_keys[i]) && memcmp(error, of_keys[i], len) == 0) {
            return " (requests are signed with the settings aws.access_key and aws.secret_key: "
                   "give them the server's, by --config or --set)";
        }
    }
    return "";
}

/* What AWS's errors look like: {"__type": "...#Name", "message": "..."}; a proxy's are anything. */
static int refuse(const struct pn_kinesis_client *client, long status, const struct pn_json *root,
                  struct pn_err *e)
{
    const char *name = NULL;
    const char *text = pn_buf_text(&client->answer);
    size_t name_len = 0;
    size_t len = client->answer.len;
    enum pn_class class_ = status >= STATUS_SERVER_ERROR ? PN_CLASS_RETRY : PN_CLASS_INPUT;
    if (!pn_json_get_text(root, "__type", &name, &name_len)) {
        return pn_err_set(e, class_, PN_FAIL, "%s answered with status %ld: %.*s%s", client->url,
                          status, (int)(len < 400 ? len : 400), text,
                          pn_http_client_key_advice(status));
    }
    const char *hash = memchr(name, '#', name_len);
    if (hash != NULL) {
        name_len -= (size_t)(hash + 1 - name);
        name = hash + 1;
    }
    if (!pn_json_get_text(root, "message", &text, &len) &&
        !pn_json_get_text(root, "Message", &text, &len)) {
        text = "";
        len = 0;
    }
    if (name_len == sizeof throttled - 1 && memcmp(name, throttled, name_len) == 0) {
        class_ = PN_CLASS_RETRY;
    }
    return pn_err_set(e, class_, PN_FAIL, "%.*s: %.*s%s%s", (int)name_len, name,
                      (int)(len < 800 ? len : 800), text, hint_for(name, name_len),
                      status == 401 ? pn_http_client_key_advice(status) : "");
}

bool pn_kinesis_client_error_is(const struct pn_err *e, const char *name)
{
    size_t len = strlen(name);
    return strncmp(e->msg, name, len) == 0 && e->msg[len] == ':';
}

static int call_server(struct pn_kinesis_client *client, const char *operation,
                       const struct pn_buf *input, const struct pn_json **output, struct pn_err *e)
{
    long status = 0;
    struct pn_json *root = NULL;
    struct pn_err parsing = {0};
    int rc = post(client, operation, input, &status, e);
    if (rc != 0) {
        return rc;
    }
    if (client->answer.len == 0 && status == STATUS_OK) {
        pn_buf_adds(&client->answer, "{}");
    }
    size_t len = client->answer.len;
    int parsed =
        pn_json_parse(client->parser, pn_buf_text(&client->answer), len, len, &root, &parsing);
    if (status != STATUS_OK) {
        return refuse(client, status, root, e);
    }
    if (parsed != 0 || root->type != PN_JSON_OBJECT) {
        return pn_err_input(e, "%s answered %s with no JSON object (is it a Kinesis API?)",
                            client->url, operation);
    }
    *output = root;
    return 0;
}

/* --- in this process -------------------------------------------------------------------------- */

static int open_here(struct pn_kinesis_client *client, bool made, struct pn_err *e)
{
    struct pn_cli *cli = client->cli;
    if (!made && !pn_io_exists(cli->io, cli->data)) {
        return pn_err_missing(e,
                              "there is no data folder %s: give --data or --url, or make one with"
                              " `pinion serve --data %s`",
                              cli->data, cli->data);
    }
    client->input_parser = pn_json_parser_create();
    const struct pn_app *app = NULL;
    int rc = pn_cli_app(cli, &app, e);
    if (rc == 0) {
        rc = pn_app_open_log(app, &client->log, e);
    }
    if (rc == 0) {
        rc = pn_app_open_kinesis(app, client->log, &client->folder, &client->kinesis, e);
    }
    return rc;
}

static int call_here(struct pn_kinesis_client *client, const char *operation,
                     const struct pn_buf *input, const struct pn_json **output, struct pn_err *e)
{
    struct pn_call call = {.operation = pn_operation_find(operation, strlen(operation)),
                           .kinesis = client->kinesis,
                           .arena = &client->arena};
    pn_wire_init(&call.reply, &client->answer, false);
    PN_ASSERT(call.operation != NULL &&
              (call.operation->flags & (PN_OPERATION_PUTS | PN_OPERATION_STREAMS)) == 0);
    pn_arena_reset(&client->arena);
    int rc = pn_json_parse(client->input_parser, pn_buf_text(input), input->len, input->len,
                           &call.input, e);
    if (rc != 0) {
        return rc;
    }
    if (pn_call_run(&call) != 0) {
        const char *name = pn_call_error_name(&call.err);
        bool passes =
            call.err.code == PN_KINESIS_THROUGHPUT_EXCEEDED || call.err.class_ == PN_CLASS_RETRY;
        return pn_err_set(e, passes ? PN_CLASS_RETRY : PN_CLASS_INPUT, PN_FAIL, "%s: %s", name,
                          pn_call_error_text(&call));
    }
    if (client->answer.len == 0) {
        pn_buf_adds(&client->answer, "{}");
    }
    rc = pn_buf_check(&client->answer, "an answer", e);
    size_t len = client->answer.len;
    struct pn_json *root = NULL;
    if (rc == 0) {
        rc = pn_json_parse(client->parser, pn_buf_text(&client->answer), len, len, &root, e);
    }
    *output = root;
    return rc;
}

/* --- both ------------------------------------------------------------------------------------- */

int pn_kinesis_client_open(struct pn_cli *cli, bool made, struct pn_kinesis_client **client,
                           struct pn_err *e)
{
    struct pn_kinesis_client *opened = pn_xcalloc(1, sizeof *opened);
    opened->cli = cli;
    opened->parser = pn_json_parser_create();
    pn_buf_init(&opened->answer, ANSWER_BYTES_MAX);
    pn_arena_init(&opened->folder, 0);
    pn_arena_init(&opened->arena, 0);
    int rc = pn_cli_server_url(cli, &opened->url, e);
    if (rc == 0) {
        rc = opened->url != NULL ? open_http(opened, e) : open_here(opened, made, e);
    }
    if (rc == 0) {
        *client = opened;
        opened = NULL;
    }
    pn_kinesis_client_close(&opened);
    return rc;
}

void pn_kinesis_client_close(struct pn_kinesis_client **client)
{
    struct pn_kinesis_client *gone = *client;
    if (gone == NULL) {
        return;
    }
    if (gone->curl != NULL) {
        curl_easy_cleanup(gone->curl);
    }
    pn_kinesis_destroy(&gone->kinesis);
    pn_log_destroy(&gone->log);
    pn_json_parser_destroy(&gone->input_parser);
    pn_json_parser_destroy(&gone->parser);
    pn_buf_deinit(&gone->answer);
    pn_arena_deinit(&gone->arena);
    pn_arena_deinit(&gone->folder);
    free(gone->credentials);
    free(gone->signing);
    free(gone->key_header);
    free(gone->url);
    free(gone);
    *client = NULL;
}

bool pn_kinesis_client_has_server(const struct pn_kinesis_client *client)
{
    return client->url != NULL;
}

int pn_kinesis_client_call(struct pn_kinesis_client *client, const char *operation,
                           const struct pn_buf *input, const struct pn_json **output,
                           struct pn_err *e)
{
    pn_buf_reset(&client->answer);
    int rc = pn_buf_check(input, "a request", e);
    if (rc != 0) {
        return rc;
    }
    return client->url != NULL ? call_server(client, operation, input, output, e)
                               : call_here(client, operation, input, output, e);
}
