#include <string.h>

#include "aws/remote/private.h"
#include "base/http_client.h"
#include "base/json.h"
#include "kinesis/api/wire.h"

/* --- what a reply says ------------------------------------------------------------------------ */

static void copy(char *out, size_t size, const struct pn_json *node)
{
    size_t len = 0;
    if (node != NULL && node->type == PN_JSON_STRING) {
        len = node->text_len < size ? node->text_len : size - 1;
        memcpy(out, node->text, len);
    }
    out[len] = '\0';
}

/* The type may have a namespace before a number sign. */
void pn_remote_reason_of(const struct pn_remote_call *call, struct pn_remote_reason *reason)
{
    struct pn_arena arena;
    struct pn_json *root = NULL;
    struct pn_json_parser *parser = pn_json_parser_create();
    const char *text = pn_buf_text(&call->reply);
    size_t len = call->reply.len;
    *reason = (struct pn_remote_reason){.type = ""};
    pn_arena_init(&arena, 0);
    int rc = call->cbor ? pn_cbor_parse(text, len, &arena, &root, NULL)
                        : pn_json_parse(parser, text, len, len, &root, NULL);
    if (rc == 0) {
        const struct pn_json *message = pn_json_get(root, "message");
        copy(reason->type, sizeof reason->type, pn_json_get(root, "__type"));
        copy(reason->message, sizeof reason->message,
             message != NULL ? message : pn_json_get(root, "Message"));
        const char *name = strrchr(reason->type, '#');
        if (name != NULL) {
            memmove(reason->type, name + 1, strlen(name));
        }
    }
    pn_arena_deinit(&arena);
    pn_json_parser_destroy(&parser);
}

static bool is_one_of(const char *type, const char *const *types)
{
    while (*types != NULL && strcmp(type, *types) != 0) {
        types++;
    }
    return *types != NULL;
}

/* Reasons that are about our credentials, not about the call. */
static const char *const of_credentials[] = {"UnrecognizedClientException",
                                             "InvalidSignatureException",
                                             "IncompleteSignatureException",
                                             "MissingAuthenticationTokenException",
                                             "InvalidClientTokenId",
                                             "SignatureDoesNotMatch",
                                             NULL};
static const char *const of_expiry[] = {"ExpiredTokenException", "ExpiredToken", NULL};
static const char *const of_haste[] = {"ProvisionedThroughputExceededException",
                                       "ThrottlingException", "LimitExceededException",
                                       "KMSThrottlingException", NULL};

/* --- ends ------------------------------------------------------------------------------------- */

/* What is known of the records stays the reply, though sending the rest again has failed. */
static bool end_with_records(struct pn_remote_attempt *attempt)
{
    struct pn_remote_call *call = attempt->call;
    size_t count = 0;
    size_t failed = 0;
    if (attempt->puts != NULL) {
        pn_buf_reset(&call->reply);
        pn_remote_puts_reply(attempt->puts, &call->reply);
        call->status = 200;
        call->rc = 0;
    }
    if (pn_remote_puts_look(&call->reply, call->cbor, &count, &failed, &call->failure) == 0) {
        call->kept = (int64_t)(count - failed);
    }
    return true;
}

static bool end_with_failure(struct pn_remote_attempt *attempt, const struct pn_err *failure)
{
    struct pn_remote_call *call = attempt->call;
    if (attempt->puts != NULL) {
        return end_with_records(attempt);
    }
    call->rc = failure->code;
    pn_err_copy(&call->failure, failure);
    return true;
}

void pn_remote_give_up(struct pn_remote_attempt *attempt, const struct pn_err *failure)
{
    (void)end_with_failure(attempt, failure);
}

/* --- replies ---------------------------------------------------------------------------------- */

static bool may_try_again(const struct pn_remote_attempt *attempt)
{
    return attempt->tries < PN_REMOTE_TRIES;
}

/* Nothing was sent: then a call of any kind may be sent again. */
static bool was_never_sent(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
           code == CURLE_SSL_CONNECT_ERROR;
}

static bool judge_no_reply(const struct pn_remote *remote, struct pn_remote_attempt *attempt,
                           CURLcode code)
{
    struct pn_err failure = {0};
    if (pn_remote_stream_is_over(attempt)) {
        (void)pn_err_set(&failure, PN_CLASS_RETRY, PN_FAIL, "%s was ended",
                         attempt->call->operation);
        return end_with_failure(attempt, &failure);
    }
    if (was_never_sent(code) && may_try_again(attempt)) {
        return false;
    }
    bool too_large = code == CURLE_WRITE_ERROR;
    (void)pn_err_set(
        &failure, PN_CLASS_RETRY, PN_FAIL, "%s: Kinesis at %s does not answer as it should: %s%s%s",
        attempt->call->operation, remote->host,
        too_large ? "its answer is too large" : curl_easy_strerror(code),
        pn_http_client_failure_advice((int)code)[0] != '\0' && code != CURLE_COULDNT_CONNECT
            ? pn_http_client_failure_advice((int)code)
            : "",
        was_never_sent(code) ? " (check kinesis.endpoint)" : "");
    return end_with_failure(attempt, &failure);
}

/* PutRecords with status 200: all of it was taken, or the rest is sent again. */
static bool judge_records(struct pn_remote *remote, struct pn_remote_attempt *attempt)
{
    struct pn_remote_call *call = attempt->call;
    struct pn_err ignored = {0};
    size_t count = 0;
    size_t failed = 0;
    bool is_first = attempt->puts == NULL;
    int rc = pn_remote_puts_look(&call->reply, call->cbor, &count, &failed, &ignored);
    if (is_first && (rc != 0 || failed == 0 || !may_try_again(attempt))) {
        call->kept = rc == 0 ? (int64_t)(count - failed) : 0;
        return true;
    }
    if (is_first) {
        attempt->puts = pn_remote_puts_create(call->body, call->body_len, call->cbor);
    }
    if (rc == 0) {
        rc = pn_remote_puts_take(attempt->puts, &call->reply, &failed, &ignored);
    }
    if (rc != 0 && is_first) { /* not what the API has: the client may judge it */
        pn_remote_puts_destroy(&attempt->puts);
        return true;
    }
    if (rc != 0) {
        return end_with_records(attempt);
    }
    if (failed == 0 || !may_try_again(attempt)) {
        return end_with_records(attempt);
    }
    pn_buf_reset(&attempt->body);
    pn_remote_puts_request(attempt->puts, &attempt->body);
    pn_metric_add(remote->again, (int64_t)failed);
    return false;
}

/* How many records the request has; 0: it is not what the API has. */
static int64_t records_of(const struct pn_remote_attempt *attempt)
{
    const struct pn_buf body = pn_remote_body(attempt);
    size_t count = 0;
    size_t failed = 0;
    if (attempt->call->kind == PN_REMOTE_PUT_RECORD) {
        return 1;
    }
    return pn_remote_puts_look(&body, attempt->call->cbor, &count, &failed, NULL) == 0
               ? (int64_t)count
               : 0;
}

static bool judge_error(struct pn_remote *remote, struct pn_remote_attempt *attempt)
{
    struct pn_remote_call *call = attempt->call;
    struct pn_err failure = {0};
    struct pn_remote_reason reason;
    pn_remote_reason_of(call, &reason);
    if (is_one_of(reason.type, of_expiry) && !attempt->renewed) {
        attempt->renewed = true;
        pn_aws_credentials_expire(remote->credentials);
        return false;
    }
    if (is_one_of(reason.type, of_credentials) || is_one_of(reason.type, of_expiry)) {
        (void)pn_err_set(&failure, PN_CLASS_FATAL, PN_FAIL,
                         "Kinesis at %s refuses the credentials of this server: %s (%s): check "
                         "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, this "
                         "machine's clock and aws.region",
                         remote->host, reason.type, reason.message);
        return end_with_failure(attempt, &failure);
    }
    bool is_put = call->kind == PN_REMOTE_PUT_RECORD || call->kind == PN_REMOTE_PUT_RECORDS;
    bool passes = is_one_of(reason.type, of_haste) || call->status == 500 || call->status == 503;
    if (is_put && passes && may_try_again(attempt)) {
        pn_metric_add(remote->again, records_of(attempt));
        return false;
    }
    return attempt->puts != NULL ? end_with_records(attempt) : true;
}

bool pn_remote_judge(struct pn_remote *remote, struct pn_remote_attempt *attempt, CURLcode code)
{
    struct pn_remote_call *call = attempt->call;
    if (code != CURLE_OK) {
        return judge_no_reply(remote, attempt, code);
    }
    call->rc = 0;
    if (call->status != 200) {
        return judge_error(remote, attempt);
    }
    if (call->kind == PN_REMOTE_PUT_RECORDS) {
        return judge_records(remote, attempt);
    }
    call->kept = call->kind == PN_REMOTE_PUT_RECORD ? 1 : 0;
    return true;
}
