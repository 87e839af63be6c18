/*
 * The records of one PutRecords that a remote Kinesis has not taken, so that only these are sent
 * again. A reply names each record that failed by an ErrorCode in its place; the replies of all
 * attempts together make one, in the order of the request.
 *
 * Source: PutRecords, Amazon Kinesis Data Streams API Reference. For one thread at a time.
 */
#ifndef PN_AWS_REMOTE_PUTS_H
#define PN_AWS_REMOTE_PUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* How many records a request has, or a reply with status 200 is about, and how many of them have
 * failed. INPUT when it is not what the API has. */
int pn_remote_puts_look(const struct pn_buf *reply, bool cbor, size_t *count, size_t *failed,
                        struct pn_err *e) PN_MUST_CHECK;

struct pn_remote_puts;

/* The request's body, in CBOR or JSON, is borrowed for its life. Never NULL. */
struct pn_remote_puts *pn_remote_puts_create(const char *body, size_t len, bool cbor);
void pn_remote_puts_destroy(struct pn_remote_puts **puts); /* NULL ok */

/*
 * Takes the reply to what was sent last, with status 200, and moves it out of `reply`. The number
 * of records that have still failed is in *failed. INPUT when request or reply are not what the API
 * has; then `reply` is untouched.
 */
int pn_remote_puts_take(struct pn_remote_puts *puts, struct pn_buf *reply, size_t *failed,
                        struct pn_err *e) PN_MUST_CHECK;

/* Appends the body of a request with the records that have failed. */
void pn_remote_puts_request(const struct pn_remote_puts *puts, struct pn_buf *out);
/* Appends the reply to the whole request. */
void pn_remote_puts_reply(const struct pn_remote_puts *puts, struct pn_buf *out);
#endif
