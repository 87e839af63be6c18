#include "aws/reply.h"

#include <string.h>

#include "base/random.h"
#include "kinesis/api/wire.h"

enum { SECOND_ID_LEN = 96, DIGITS_A_WORD = 10, DIGIT_BITS = 6 };

static const char exposed[] = "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,"
                              "x-amzn-ErrorMessage,Date";

const char *pn_aws_content_type(struct pn_http_request *req)
{
    const char *type = pn_http_request_header(req, "Content-Type");
    if (type == NULL) {
        return "";
    }
    type += strspn(type, " \t");
    return pn_arena_strndup(&req->arena, type, strcspn(type, "; \t"));
}

bool pn_aws_is_cbor(const struct pn_http_request *req)
{
    return strcmp(req->content_type, PN_AWS_TYPE_CBOR) == 0;
}

/* 72 random bytes in base64, by the digit. */
static const char *second_id(struct pn_random *random, struct pn_arena *arena)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *id = pn_arena_alloc(arena, SECOND_ID_LEN + 1);
    uint64_t word = 0;
    for (size_t i = 0; i < SECOND_ID_LEN; i++) {
        word = i % DIGITS_A_WORD == 0 ? pn_random_u64(random) : word >> DIGIT_BITS;
        id[i] = digits[word & ((1U << DIGIT_BITS) - 1)];
    }
    id[SECOND_ID_LEN] = '\0';
    return id;
}

static void begin(struct pn_http_request *req)
{
    struct pn_random *random = pn_http_request_random(req);
    char *id = pn_arena_alloc(&req->arena, PN_UUID_SIZE);
    pn_http_reply_header(req, "x-amzn-RequestId", pn_uuid_from(random, id));
    pn_http_reply_header(req, "x-amz-id-2", second_id(random, &req->arena));
    if (pn_http_request_is_for_page(req)) {
        pn_http_reply_header(req, "Access-Control-Expose-Headers", exposed);
    }
}

void pn_aws_begin_rest(struct pn_http_request *req)
{
    begin(req);
    req->content_type = PN_HTTP_TYPE_JSON;
}

void pn_aws_begin_api(struct pn_http_request *req)
{
    begin(req);
    bool cbor = strcmp(pn_aws_content_type(req), PN_AWS_TYPE_CBOR) == 0;
    req->content_type = cbor ? PN_AWS_TYPE_CBOR : PN_AWS_TYPE_JSON;
}

void pn_aws_error(struct pn_http_request *req, int status, const char *type, const char *message)
{
    req->status = status;
    pn_buf_reset(&req->out);
    struct pn_wire wire;
    pn_wire_init(&wire, &req->out, pn_aws_is_cbor(req));
    pn_wire_map(&wire);
    pn_wire_key(&wire, "__type");
    pn_wire_cstr(&wire, type);
    message = pn_http_request_public(req, message);
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

void pn_aws_http_error(struct pn_http_request *req, int status, const char *message)
{
    const char *type = "ValidationException";
    if (status == 401) {
        type = "MissingAuthenticationTokenException";
    } else if (status == 403 || status == 421) {
        type = "AccessDeniedException";
    } else if (status == 404 || status == 405) {
        type = "UnknownOperationException";
    } else if (status == 413) {
        type = "RequestEntityTooLargeException";
    } else if (status == 503) {
        type = "ServiceUnavailable";
    } else if (status >= 500) {
        type = "InternalFailure";
    }
    pn_aws_error(req, status, type, message);
}
