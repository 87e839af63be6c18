#include "kinesis/api/call.h"

#include <string.h>

#include "base/random.h"
#include "kinesis/api/model.h"
#include "kinesis/api/ops.h"

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
    rc = pn_kinesis_check_known(call->kinesis, &call->err);
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
