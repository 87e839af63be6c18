/*
 * One call of the Kinesis API, in JSON: its body is written, it is sent, its reply is parsed.
 *
 * Errors: MISSING the stream, shard or consumer is not there; RETRY what may pass, with one of the
 * codes below where a caller has to know; FATAL what may not.
 */
#ifndef PN_PROCESSOR_KINESIS_READER_CALL_H
#define PN_PROCESSOR_KINESIS_READER_CALL_H

#include "aws/remote/remote.h"
#include "base/json.h"
#include "base/json_writer.h"

enum {
    PN_KINESIS_READER_THROTTLED = -300,        /* too many calls, or too many bytes */
    PN_KINESIS_READER_EXPIRED = -301,          /* the iterator, or the token of a page */
    PN_KINESIS_READER_INVALID_ARGUMENT = -302, /* of class FATAL */
    PN_KINESIS_READER_IN_USE = -303            /* there, or taken; not ready for this */
};

struct pn_kinesis_reader;

struct pn_reader_call {
    struct pn_buf body;
    struct pn_json_writer json; /* writes the body, an object that is open */
    struct pn_remote_call call;
    struct pn_json_parser *parser;
    struct pn_json *root; /* of the reply, an object; the parser's */
};

void pn_reader_call_begin(struct pn_reader_call *call, const char *operation);
void pn_reader_call_end(struct pn_reader_call *call);
/* Ends the body, sends it, and parses the reply. For calls that change nothing, or do nothing the
 * second time: what a server's own error has answered is sent again, a little later. BLOCKS. */
int pn_reader_call_send(struct pn_kinesis_reader *reader, struct pn_reader_call *call,
                        struct pn_err *e) PN_MUST_CHECK;

/* The error that a reply is whose status is not 200. */
int pn_reader_call_refuse(const struct pn_remote_call *call, struct pn_err *e);
/* Class and code of an error that Kinesis has named, such as "LimitExceededException". */
void pn_reader_call_judge(const char *type, enum pn_class *class_, int *code);
/* The reply to `operation` is not one: "what answers <operation> ... is not Kinesis: <what>". */
int pn_reader_call_odd(const char *operation, const char *what, struct pn_err *e);

/* A text member's copy, malloc'ed; NULL when it is not there, empty, or longer than `max` bytes. */
char *pn_reader_call_dup(const struct pn_json *object, const char *key, size_t max);

#endif
