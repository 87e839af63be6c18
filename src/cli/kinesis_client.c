#include "cli/kinesis_client.h"

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
    struct pn_http_client *http;
    /* In this process. */
    struct pn_arena folder; /* its path */
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    struct pn_json_parser *input_parser;
    struct pn_arena arena; /* of the call */
};

/* --- over HTTP -------------------------------------------------------------------------------- */

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
    const struct pn_http_client_config config = {.url = client->url,
                                                 .timeout_ms = TIMEOUT_MS,
                                                 .api_key = pn_http_client_key(),
                                                 .access_key = keys.access_key,
                                                 .secret_key = keys.secret_key,
                                                 .region = keys.region};
    client->http = pn_http_client_create(&config);
    return 0;
}

static int post(struct pn_kinesis_client *client, const char *operation, const struct pn_buf *input,
                long *status, struct pn_err *e)
{
    char *target = pn_xasprintf("%s%s", target_header, operation);
    const char *const headers[] = {target, "Content-Type: application/x-amz-json-1.1", NULL};
    const struct pn_http_client_request request = {.method = "POST",
                                                   .path = "",
                                                   .headers = headers,
                                                   .body = pn_buf_text(input),
                                                   .body_len = input->len};
    int rc = pn_http_client_send(client->http, &request, status, &client->answer, e);
    free(target);
    return rc;
}

static const char *hint_for(const char *error, size_t len)
{
    static const char *const of_keys[] = {"UnrecognizedClientException",
                                          "InvalidSignatureException"};
    for (size_t i = 0; i < sizeof of_keys / sizeof *of_keys; i++) {
        if (len == strlen(of_keys[i]) && memcmp(error, of_keys[i], len) == 0) {
            return " (requests are signed with the settings aws.access_key and aws.secret_key: set "
                   "them to the server's keys with --config or --set)";
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
        return pn_err_input(e, "%s answered %s without a JSON object (is it a Kinesis API?)",
                            client->url, operation);
    }
    *output = root;
    return 0;
}

/* --- in this process -------------------------------------------------------------------------- */

static int open_here(struct pn_kinesis_client *client, enum pn_cli_deed deed, struct pn_err *e)
{
    struct pn_cli *cli = client->cli;
    const struct pn_app *app = NULL;
    bool is_ours = true;
    int rc = deed == PN_CLI_MAKES ? 0 : pn_cli_check_folder(cli, e);
    if (rc == 0) {
        client->input_parser = pn_json_parser_create();
        rc = pn_cli_app(cli, &app, e);
    }
    if (rc == 0) {
        rc = pn_app_check_streams_here(app, e);
    }
    if (rc == 0) {
        rc = deed == PN_CLI_LOOKS ? pn_app_open_log_there(app, &is_ours, &client->log, e)
                                  : pn_app_open_log(app, &client->log, e);
    }
    if (rc == 0) {
        rc = pn_app_open_kinesis(app, client->log, is_ours, &client->folder, &client->kinesis, e);
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

int pn_kinesis_client_open(struct pn_cli *cli, enum pn_cli_deed deed,
                           struct pn_kinesis_client **client, struct pn_err *e)
{
    struct pn_kinesis_client *opened = pn_xcalloc(1, sizeof *opened);
    opened->cli = cli;
    opened->parser = pn_json_parser_create();
    pn_buf_init(&opened->answer, ANSWER_BYTES_MAX);
    pn_arena_init(&opened->folder, 0);
    pn_arena_init(&opened->arena, 0);
    int rc = pn_cli_server_url(cli, &opened->url, e);
    if (rc == 0 && opened->url != NULL) {
        rc = open_http(opened, e);
        pn_cli_note_folder(cli);
    } else if (rc == 0) {
        rc = open_here(opened, deed, e);
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
    pn_http_client_destroy(&gone->http);
    pn_kinesis_destroy(&gone->kinesis);
    pn_log_destroy(&gone->log);
    pn_json_parser_destroy(&gone->input_parser);
    pn_json_parser_destroy(&gone->parser);
    pn_buf_deinit(&gone->answer);
    pn_arena_deinit(&gone->arena);
    pn_arena_deinit(&gone->folder);
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
