/* What a reply that is an error says, to a person: what to set, and where. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/xml.h"
#include "store/s3/private.h"

static void take_element(void *arg, const char *parent, const char *name, const char *text)
{
    struct pn_s3_reply *reply = arg;
    if (strcmp(parent, "Error") != 0) {
        return;
    }
    const struct {
        const char *name;
        char *out;
        size_t size;
    } members[] = {{"Code", reply->code, sizeof reply->code},
                   {"Message", reply->message, sizeof reply->message},
                   {"Region", reply->region, sizeof reply->region}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (strcmp(name, members[i].name) == 0) {
            size_t len = strnlen(text, members[i].size - 1);
            memcpy(members[i].out, text, len);
            members[i].out[len] = '\0';
        }
    }
}

void pn_s3_read_error(const struct pn_buf *body, struct pn_s3_reply *reply)
{
    if (body->len > 0) {
        /* A proxy's page is not XML: then the status says it all. */
        int ignored = pn_xml_each(pn_buf_text(body), body->len, take_element, reply, NULL);
        (void)ignored;
    }
}

/* What to do, by the code of the error. What a person can set right is RETRY: credentials, rights
 * and buckets change while a server runs, and its work is to continue then. So is what nobody here
 * knows: a proxy answers as it likes while the server behind it starts. */
static const struct {
    const char *code;
    enum pn_class class_;
    const char *advice;
} advices[] = {
    {"NoSuchBucket", PN_CLASS_RETRY,
     "create the bucket, or name another one (store.url); also check store.endpoint"},
    {"InvalidBucketName", PN_CLASS_INPUT,
     "the name of a bucket (store.url) has 3 to 63 lower-case letters, digits, dots and hyphens"},
    {"InvalidAccessKeyId", PN_CLASS_RETRY,
     "the access key does not exist there: check AWS_ACCESS_KEY_ID or store.access_key"},
    {"XAdminUserNotFound", PN_CLASS_RETRY, /* of versitygw */
     "the access key does not exist there: check AWS_ACCESS_KEY_ID or store.access_key"},
    {"SignatureDoesNotMatch", PN_CLASS_RETRY,
     "the secret key does not belong to the access key: check AWS_SECRET_ACCESS_KEY or "
     "store.secret_key"},
    {"ExpiredToken", PN_CLASS_RETRY,
     "the session's credentials have expired: renew them (aws sso login, or a new "
     "AWS_SESSION_TOKEN)"},
    {"InvalidToken", PN_CLASS_RETRY, "AWS_SESSION_TOKEN does not belong to the access key"},
    {"SlowDown", PN_CLASS_RETRY,
     "the server wants fewer requests, also after several tries: lower store.requests_max, or run "
     "less at once"},
    {PN_S3_SKEWED, PN_CLASS_RETRY, "the clocks differ: set this machine's clock"},
    {"AuthorizationHeaderMalformed", PN_CLASS_RETRY, "set store.region to the bucket's region"},
    {"PermanentRedirect", PN_CLASS_RETRY, "set store.region to the bucket's region"},
    {"IllegalLocationConstraintException", PN_CLASS_RETRY,
     "set store.region to the bucket's region"},
    {"AccessDenied", PN_CLASS_RETRY,
     "these credentials lack the right: allow s3:ListBucket, s3:ListBucketMultipartUploads, "
     "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on the bucket of "
     "store.url"},
    {"AllAccessDisabled", PN_CLASS_RETRY, "the bucket's owner has closed it"},
    {"EntityTooLarge", PN_CLASS_INPUT, "the object is larger than the server takes"},
    {"NotImplemented", PN_CLASS_FATAL,
     "the server of store.endpoint lacks what pinion needs: use another one"},
};

static int explain(struct pn_s3_call *call, enum pn_class class_, const char *what,
                   const char *advice)
{
    const struct pn_s3_reply *reply = &call->reply;
    return pn_err_set(&call->failure, class_, PN_FAIL, "%s: %s%s%s%s%s", what,
                      reply->code[0] != '\0' ? reply->code : "the server refuses",
                      reply->message[0] != '\0' ? " (" : "", reply->message,
                      reply->message[0] != '\0' ? ")" : "", advice);
}

/* "; the bucket is in us-west-2" after an advice. */
static const char *where(const struct pn_s3_reply *reply, struct pn_arena *arena)
{
    return reply->region[0] != '\0'
               ? pn_arena_printf(arena, "; the server says that it is %s", reply->region)
               : "";
}

/* "; here it is ..., there ..." after the advice about clocks. */
static const char *when(const struct pn_s3 *s3, const struct pn_s3_reply *reply,
                        struct pn_arena *arena)
{
    char here[PN_ISO8601_SIZE];
    char there[PN_ISO8601_SIZE];
    return pn_arena_printf(arena, "; here it is %s, there %s",
                           pn_iso8601(pn_wall_ms(s3->clock), here),
                           reply->date_ms > 0 ? pn_iso8601(reply->date_ms, there) : "not known");
}

/* What an advice is to have after it. */
static const char *more(const struct pn_s3 *s3, const struct pn_s3_reply *reply, const char *advice,
                        struct pn_arena *arena)
{
    if (strcmp(reply->code, PN_S3_SKEWED) == 0) {
        return when(s3, reply, arena);
    }
    return strstr(advice, "region") != NULL ? where(reply, arena) : "";
}

/* Is it the object that does not exist? A reply to HEAD has no code. */
static bool is_missing(const struct pn_s3_call *call)
{
    const char *code = call->reply.code;
    if (call->reply.status != 404 || call->key == NULL) {
        return false;
    }
    return strcmp(code, "NoSuchKey") == 0 || strcmp(code, "NoSuchUpload") == 0 ||
           (code[0] == '\0' && strcmp(call->method, "PUT") != 0);
}

void pn_s3_explain(const struct pn_s3 *s3, struct pn_s3_call *call)
{
    const struct pn_s3_reply *reply = &call->reply;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const char *what =
        pn_arena_printf(&arena, "%s s3://%s/%s%s at %s (status %ld)", call->method, s3->bucket,
                        s3->prefix, call->key != NULL ? call->key : "", s3->host, reply->status);
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
        if (strcmp(reply->code, advices[i].code) == 0) {
            const char *advice = pn_arena_printf(&arena, ": %s%s", advices[i].advice,
                                                 more(s3, reply, advices[i].advice, &arena));
            call->rc = explain(call, advices[i].class_, what, advice);
            goto out;
        }
    }
    if (is_missing(call)) {
        call->rc = pn_err_missing(&call->failure, "no object s3://%s/%s%s", s3->bucket, s3->prefix,
                                  call->key);
    } else if (reply->status == 412) {
        call->rc = pn_err_set(&call->failure, PN_CLASS_CONFLICT, EEXIST,
                              "the object '%s' already exists", call->key);
    } else if (reply->status == 301 || reply->status == 307) {
        call->rc = explain(call, PN_CLASS_RETRY, what,
                           pn_arena_printf(&arena, ": set store.region to the bucket's region%s",
                                           where(reply, &arena)));
    } else if (reply->status == 403) {
        call->rc = explain(call, PN_CLASS_RETRY, what,
                           ": check the credentials, and their rights on the bucket of store.url");
    } else if (reply->status >= 500 || reply->status == 408 || reply->status == 409 ||
               reply->status == 429) {
        call->rc = explain(call, PN_CLASS_RETRY, what, "; it was tried several times");
    } else if (reply->status == 400 && strcmp(call->method, "HEAD") == 0) {
        call->rc = explain(call, PN_CLASS_RETRY, what,
                           ": check the credentials, which may have expired, and store.region");
    } else {
        bool is_of_s3 = reply->code[0] != '\0' || strcmp(call->method, "HEAD") == 0;
        call->rc = explain(call, PN_CLASS_RETRY, what,
                           is_of_s3 ? "" : ": this is not a reply of S3: check store.endpoint");
    }
out:
    pn_arena_deinit(&arena);
}

int pn_s3_check_body(const struct pn_s3 *s3, struct pn_s3_call *call, const struct pn_buf *body,
                     struct pn_err *e)
{
    call->reply.code[0] = '\0';
    pn_s3_read_error(body, &call->reply);
    if (call->reply.code[0] == '\0') {
        return 0;
    }
    call->reply.status = 500; /* so it came late, and may pass */
    pn_s3_explain(s3, call);
    pn_err_copy(e, &call->failure);
    return call->rc;
}
