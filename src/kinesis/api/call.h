/*
 * A call of the Kinesis API, whichever interface it came through: the one request-processing core
 * under POST / (aws/kinesis_api.c) and under the REST routes (aws/kinesis_rest.c).
 *
 *   front      finds the operation, gives the input as a tree, runs the call as request.h wants it
 *   model.c    checks the input against the operation's shape: types, then constraints, with AWS's
 *              texts ("1 validation error detected: Value ...")
 *   ops_*.c    one function an operation, in the table of operations.c
 *
 * An operation reads call->input (already checked: members have their types and keep their
 * constraints), and writes its reply with call->reply; one that has no output writes nothing. It
 * fails by returning non-zero with call->err set: code one of enum pn_kinesis_code.
 */
#ifndef PN_KINESIS_API_CALL_H
#define PN_KINESIS_API_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "kinesis/api/wire.h"
#include "kinesis/kinesis.h"

struct pn_call;

enum pn_operation_flags {
    PN_OPERATION_BLOCKS = 1, /* its `run` reads or writes the disk, or waits */
    PN_OPERATION_PUTS = 2,   /* its `run` begins call->put, `finish` writes the reply */
    PN_OPERATION_STREAMS =
        4,                 /* SubscribeToShard: the reply is a stream of events, see subscribe.h */
    PN_OPERATION_READS = 8 /* the right to read is enough; others but PUTS are for admins */
};

struct pn_operation {
    const char *name; /* "PutRecord" */
    unsigned flags;
    const struct pn_shape *input; /* model.h */
    int (*run)(struct pn_call *call);
    void (*finish)(struct pn_call *call); /* PUTS only */
};

/* All operations, by name; and one, or NULL. */
extern const struct pn_operation pn_operations[];
extern const size_t pn_operation_count;
const struct pn_operation *pn_operation_find(const char *name, size_t len);

/* One call. The front zeroes it, sets the first part, and keeps it until its reply is sent. */
struct pn_call {
    const struct pn_operation *operation;
    struct pn_kinesis *kinesis;
    struct pn_json *input; /* an object; never NULL. The check changes it, see model.h */
    struct pn_arena *arena;
    bool may_block;      /* the caller may wait */
    const char *streams; /* what `may_stream` takes: the streams of the caller; NULL: all */
    bool (*may_stream)(const char *streams, const char *stream);
    /* When it failed: what it needs is found or made where it may block; run it again there. */
    bool has_to_block;
    struct pn_wire reply; /* .out is the front's buffer, reserved for the reply's body */

    struct pn_stream_put put; /* PUTS */
    void *state;              /* the operation's own, in the arena */
    struct pn_err err;        /* when a function returned non-zero */
    const char *err_text;     /* in the arena: the message where err.msg cannot hold it; or NULL */
};

/* The message of a call that failed. */
static inline const char *pn_call_error_text(const struct pn_call *call)
{
    return call->err_text != NULL ? call->err_text : call->err.msg;
}

/*
 * Checks and runs a call. Returns 0 (the reply is written; or, with PN_OPERATION_PUTS, call->put is
 * begun: submit call->put.request if its count is not 0, then pn_call_finish()), or non-zero with
 * call->err. Operations with PN_OPERATION_BLOCKS only where it may block.
 */
int pn_call_run(struct pn_call *call) PN_MUST_CHECK;
/* Ends the put and writes the reply. submit_rc and submit_error as pn_stream_put_end() has them.
 * Non-zero with call->err: a single PutRecord was refused. */
int pn_call_finish(struct pn_call *call, int submit_rc,
                   const struct pn_err *submit_error) PN_MUST_CHECK;

/* The name on the wire ("ResourceNotFoundException") and HTTP status of an error. */
const char *pn_call_error_name(const struct pn_err *err);
int pn_call_error_status(const struct pn_err *err);

#endif
