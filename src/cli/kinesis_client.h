/*
 * The Kinesis API for commands, one call at a time: the API of a running server (--url, or the one
 * that lives on the data folder), so that a command does through it what any other client would.
 *
 *     pn_buf_addf(&input, "{\"StreamName\":\"%s\"}", name);
 *     rc = pn_kinesis_client_call(client, "DescribeStreamSummary", &input, &output, e);
 */
#ifndef PN_CLI_KINESIS_CLIENT_H
#define PN_CLI_KINESIS_CLIENT_H

#include "base/buf.h"
#include "base/json.h"
#include "cli/cli.h"

struct pn_kinesis_client;

/* The keys and region that requests are signed with: the settings', or, where these have no keys,
 * some that a server without keys lets pass. Borrowed from the settings. */
struct pn_aws_keys {
    const char *access_key;
    const char *secret_key;
    const char *region;
};
int pn_cli_aws_keys(struct pn_cli *cli, struct pn_aws_keys *keys, struct pn_err *e) PN_MUST_CHECK;

/* The cli is borrowed. MISSING when there is no server to talk to. */
int pn_kinesis_client_open(struct pn_cli *cli, struct pn_kinesis_client **client,
                           struct pn_err *e) PN_MUST_CHECK;
void pn_kinesis_client_close(struct pn_kinesis_client **client); /* NULL ok */

/*
 * Calls an operation ("ListStreams") with a JSON object. *output is what it answers, an object
 * without members where AWS answers with nothing; it is good until the next call. When the API
 * refuses, the message is "<exception>: <its message>"; RETRY when the same call may succeed later.
 */
int pn_kinesis_client_call(struct pn_kinesis_client *client, const char *operation,
                           const struct pn_buf *input, const struct pn_json **output,
                           struct pn_err *e) PN_MUST_CHECK;

/* Is this the error of that name ("ExpiredIteratorException")? */
bool pn_kinesis_client_error_is(const struct pn_err *e, const char *name);

#endif
