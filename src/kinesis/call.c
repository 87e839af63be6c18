#include "kinesis/call.h"

#include <string.h>

#include "base/random.h"
#include "kinesis/model.h"
#include "kinesis/ops.h"

/* --- errors ----------------------------------------------------------------------------------- */

static const struct {
    int code;
    const char *name;
} errors[] = {
    {PN_KINESIS_NOT_FOUND, "ResourceNotFoundException"},
    {PN_KINESIS_IN_USE, "ResourceInUseException"},
    {PN_KINESIS_INVALID_ARGUMENT, "InvalidArgumentException"},
    {PN_KINESIS_LIMIT_EXCEEDED, "LimitExceededException"},
    {PN_KINESIS_EXPIRED_ITERATOR, "ExpiredIteratorException"},
    {PN_KINESIS_EXPIRED_TOKEN, "ExpiredNextTokenException"},
    {PN_KINESIS_THROUGHPUT_EXCEEDED, "ProvisionedThroughputExceededException"},
    {PN_KINESIS_VALIDATION, "ValidationException"},
    {PN_KINESIS_ACCESS_DENIED, "AccessDeniedException"},
    {PN_KINESIS_DRY_RUN, "DryRunOperationException"},
    {PN_KINESIS_NOT_YOURS, "AccessDeniedException"},
    {PN_MODEL_SERIALIZATION, "SerializationException"},
};
static const char internal_failure[] = "InternalFailure";

const char *pn_call_error_name(const struct pn_err *err)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].code == err->code) {
            return errors[i].name;
        }
    }
    return internal_failure;
}

int pn_call_error_status(const struct pn_err *err)
{
    if (err->code == PN_KINESIS_NOT_YOURS) {
        return 403;
    }
    return pn_call_error_name(err) == internal_failure ? 500 : 400;
}

/* --- injected errors -------------------------------------------------------------------------- */

/* Those that read and write records fail by the throughput of a shard, the others by AWS's limit on
 * calls. */
static bool moves_records(const struct pn_operation *operation)
{
    static const char *const names[] = {"GetRecords", "GetShardIterator", "PutRecord",
                                        "PutRecords"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(operation->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int inject_error(struct pn_call *call, double rate)
{
    struct pn_random random;
    pn_random_init(&random, pn_entropy_u64());
    if (pn_random_unit(&random) >= rate) {
        return 0;
    }
    if (pn_random_below(&random, 2) == 0) {
        return pn_op_fail(call, PN_KINESIS_INTERNAL, "Internal service failure.");
    }
    if (moves_records(call->operation)) {
        return pn_op_fail(call, PN_KINESIS_THROUGHPUT_EXCEEDED,
                          "Rate exceeded for %s under account %s.", call->operation->name,
                          pn_op_account(call));
    }
    return pn_op_fail(call, PN_KINESIS_LIMIT_EXCEEDED, "Rate exceeded for %s under account %s.",
                      call->operation->name, pn_op_account(call));
}

/* --- running ---------------------------------------------------------------------------------- */

int pn_call_run(struct pn_call *call)
{
    call->err_text = NULL;
    int rc = pn_model_check(call->operation->input, call->input, call->arena, &call->err_text,
                            &call->err);
    if (rc != 0) {
        return rc;
    }
    double rate = pn_kinesis_config(call->kinesis)->error_rate;
    if (rate > 0) {
        rc = inject_error(call, rate);
        if (rc != 0) {
            return rc;
        }
    }
    return call->operation->run(call);
}

int pn_call_finish(struct pn_call *call, int submit_rc, const struct pn_err *submit_error)
{
    pn_stream_put_end(&call->put, submit_rc, submit_error);
    call->err.code = 0;
    call->operation->finish(call);
    return call->err.code;
}

/* --- the stream ------------------------------------------------------------------------------- */

int pn_op_may(struct pn_call *call, const char *stream)
{
    if (call->streams == NULL || (stream != NULL && call->may_stream(call->streams, stream))) {
        return 0;
    }
    return pn_op_fail(call, PN_KINESIS_NOT_YOURS, "The API key is not for %s%s",
                      stream != NULL ? "the stream " : "all streams", stream != NULL ? stream : "");
}

/* The name of the stream with this id (as the API spells it), or NOT_FOUND. */
static int find_by_id(struct pn_call *call, const char *id, const char **name)
{
    const char **names = NULL;
    size_t count = 0;
    pn_kinesis_names(call->kinesis, call->arena, &names, &count);
    for (size_t i = 0; i < count; i++) {
        const struct pn_stream *stream = NULL;
        char text[PN_STREAM_ID_SIZE];
        if (pn_kinesis_stream(call->kinesis, names[i], &stream, NULL) != 0) {
            continue; /* deleted meanwhile */
        }
        bool found = strcmp(pn_op_stream_id(stream, text), id) == 0;
        pn_stream_release(&stream);
        if (found) {
            *name = names[i];
            return 0;
        }
    }
    return pn_op_fail(call, PN_KINESIS_NOT_FOUND, "Stream with id %s under account %s not found.",
                      id, pn_op_account(call));
}

int pn_op_stream_name(struct pn_call *call, const char **name)
{
    const char *given = pn_op_text(call, "StreamName");
    const char *arn_text = pn_op_text(call, "StreamARN");
    const char *id = pn_op_text(call, "StreamId");
    const char *by_arn = NULL;
    const char *by_id = NULL;
    if (given == NULL && arn_text == NULL && id == NULL) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                          "Either StreamARN or StreamName must be provided.");
    }
    if (arn_text != NULL) {
        struct pn_arn arn;
        int rc = pn_op_arn(call, arn_text, &arn);
        if (rc != 0) {
            return rc;
        }
        if (arn.consumer != NULL) {
            return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "StreamARN %s is invalid.",
                              arn_text);
        }
        by_arn = arn.stream;
    }
    if (given != NULL && by_arn != NULL && strcmp(given, by_arn) != 0) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "StreamARN and StreamName mismatch");
    }
    const char *by_name = given != NULL ? given : by_arn;
    if (id != NULL) {
        int rc = find_by_id(call, id, &by_id);
        if (rc != 0) {
            return rc;
        }
        if (by_name != NULL && strcmp(by_name, by_id) != 0) {
            return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "StreamId and %s mismatch",
                              given != NULL ? "StreamName" : "StreamARN");
        }
    }
    *name = by_name != NULL ? by_name : by_id;
    return pn_op_may(call, *name);
}

int pn_call_stream(struct pn_call *call, const struct pn_stream **stream)
{
    const char *name = NULL;
    int rc = pn_op_stream_name(call, &name);
    if (rc != 0) {
        return rc;
    }
    return pn_kinesis_stream(call->kinesis, name, stream, &call->err);
}
