/* PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy: of a stream or a consumer. A policy
 * is kept and returned; nobody is let in or kept out by it. */
#include <string.h>

#include "kinesis/api/ops.h"

enum { POLICY_BYTES_MAX = 20 * 1024 };

struct policy {
    const char *account;
    const char *resource;
    bool of_consumer;
    const char *text; /* NULL: remove it */
};

static int set_policy(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    const struct policy *policy = arg;
    const char **place = &edit->policy;
    if (policy->of_consumer) {
        struct pn_stream_consumer *consumers =
            pn_arena_calloc(arena, edit->consumer_count + 1, sizeof *consumers);
        place = NULL;
        for (size_t i = 0; i < edit->consumer_count; i++) {
            consumers[i] = edit->consumers[i];
            if (strcmp(consumers[i].arn, policy->resource) == 0) {
                place = &consumers[i].policy;
            }
        }
        edit->consumers = consumers;
    }
    if (place == NULL) {
        return pn_err_set(e, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND,
                          "Consumer %s, account %s not found.", policy->resource, policy->account);
    }
    if (policy->text == NULL && *place == NULL) {
        return pn_err_set(e, PN_CLASS_MISSING, PN_KINESIS_NOT_FOUND,
                          "No resource policy found for resource ARN %s.", policy->resource);
    }
    *place = policy->text == NULL ? NULL : pn_arena_strdup(arena, policy->text);
    return 0;
}

/* A policy is a JSON object with statements. */
static int check_policy(struct pn_call *call, const char *text)
{
    struct pn_json *root = NULL;
    size_t len = strlen(text);
    struct pn_json_parser *parser = pn_json_parser_create();
    bool good = len > 0 && len <= POLICY_BYTES_MAX &&
                pn_json_parse(parser, text, len, len, &root, NULL) == 0 &&
                root->type == PN_JSON_OBJECT && pn_json_get(root, "Statement") != NULL;
    pn_json_parser_destroy(&parser);
    if (good) {
        return 0;
    }
    return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                      "Policy is not a JSON object with a Statement, of at most %d bytes.",
                      POLICY_BYTES_MAX);
}

static int change(struct pn_call *call, const char *text)
{
    const struct pn_stream *stream = NULL;
    const struct pn_stream_consumer *consumer = NULL;
    int rc = pn_op_resource(call, "ResourceARN", &stream, &consumer);
    if (rc != 0) {
        return rc;
    }
    rc = pn_op_active(call, stream);
    if (rc == 0 && text != NULL) {
        rc = check_policy(call, text);
    }
    if (rc == 0) {
        struct policy policy = {.account = pn_op_account(call),
                                .resource = consumer != NULL ? consumer->arn : stream->arn,
                                .of_consumer = consumer != NULL,
                                .text = text};
        rc = pn_kinesis_update(call->kinesis, stream->name, set_policy, &policy, &call->err);
    }
    pn_stream_release(&stream);
    return rc;
}

int pn_op_put_resource_policy(struct pn_call *call)
{
    return change(call, pn_op_text(call, "Policy"));
}

int pn_op_delete_resource_policy(struct pn_call *call)
{
    return change(call, NULL);
}

int pn_op_get_resource_policy(struct pn_call *call)
{
    const struct pn_stream *stream = NULL;
    const struct pn_stream_consumer *consumer = NULL;
    int rc = pn_op_resource(call, "ResourceARN", &stream, &consumer);
    if (rc != 0) {
        return rc;
    }
    const char *policy = consumer != NULL ? consumer->policy : stream->policy;
    pn_wire_map(&call->reply);
    pn_op_text_member(call, "Policy", policy != NULL ? policy : "{}");
    pn_wire_map_end(&call->reply);
    pn_stream_release(&stream);
    return 0;
}
