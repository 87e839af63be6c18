#include "gateway/aws_reply.h"

#include <string.h>

#include "base/base64.h"
#include "base/random.h"
#include "gateway/errors.h"
#include "gateway/server.h"
#include "kinesis/wire.h"

enum { ID_WORDS = 9, ID_TEXT_MAX = 128 };

static const char exposed[] = "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,"
                              "x-amzn-ErrorMessage,Date";

const char *pn_aws_content_type(struct pn_request *req)
{
    const char *type = pn_request_header(req, "Content-Type");
    if (type == NULL) {
        return "";
    }
    type += strspn(type, " \t");
    return pn_arena_strndup(&req->arena, type, strcspn(type, "; \t"));
}

bool pn_aws_is_cbor(const struct pn_request *req)
{
    return strcmp(req->content_type, PN_TYPE_AWS_CBOR) == 0;
}

void pn_aws_begin(struct pn_request *req, bool api)
{
    struct pn_random *random = &pn_conn_of(req)->worker->random;
    char *id = pn_arena_alloc(&req->arena, PN_UUID_SIZE);
    uint64_t words[ID_WORDS];
    for (size_t i = 0; i < ID_WORDS; i++) {
        words[i] = pn_random_u64(random);
    }
    struct pn_buf text;
    pn_buf_init(&text, ID_TEXT_MAX);
    pn_base64_encode(&text, words, sizeof words);
    pn_reply_header(req, "x-amzn-RequestId", pn_uuid_from(random, id));
    pn_reply_header(req, "x-amz-id-2", pn_arena_strndup(&req->arena, text.data, text.len));
    pn_buf_deinit(&text);
    if (pn_request_header(req, "Origin") != NULL) {
        pn_reply_header(req, "Access-Control-Expose-Headers", exposed);
    }
    if (!api) {
        req->content_type = PN_TYPE_JSON;
        return;
    }
    bool cbor = strcmp(pn_aws_content_type(req), PN_TYPE_AWS_CBOR) == 0;
    req->content_type = cbor ? PN_TYPE_AWS_CBOR : PN_TYPE_AWS_JSON;
}

void pn_aws_error(struct pn_request *req, int status, const char *type, const char *message)
{
    req->status = status;
    pn_buf_reset(&req->out);
    struct pn_wire wire = {.out = &req->out, .cbor = pn_aws_is_cbor(req)};
    pn_wire_map(&wire);
    pn_wire_key(&wire, "__type");
    pn_wire_cstr(&wire, type);
    if (message != NULL) {
        /* Messages quote what clients sent, which may be no UTF-8. */
        size_t len = strlen(message);
        struct pn_buf clean;
        pn_buf_init(&clean, len * 4 + 1);
        pn_utf8_add_clean(&clean, message, len);
        pn_wire_key(&wire, strcmp(type, "SerializationException") == 0 ? "Message" : "message");
        pn_wire_text(&wire, pn_buf_text(&clean), clean.len);
        pn_buf_deinit(&clean);
    }
    pn_wire_map_end(&wire);
}

void pn_aws_http_error(struct pn_request *req, int status, const char *message)
{
    const char *type = "ValidationException";
    if (status == 413) {
        type = "RequestEntityTooLargeException";
    } else if (status == 503) {
        type = "ServiceUnavailable";
    } else if (status >= 500) {
        type = "InternalFailure";
    }
    pn_aws_error(req, status, type, message);
}
