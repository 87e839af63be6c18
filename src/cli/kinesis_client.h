/*
 * The Kinesis API for commands, one call at a time: that of a running server (--url, or the one
 * that lives on the data folder), or, when none runs, the same operations on the folder's streams
 * in this process. A command needn't know which.
 *
 *     pn_json_add_cstr(&json, "StreamName", name);  (json writes an object to input)
 *     rc = pn_kinesis_client_call(client, "DescribeStreamSummary", &input, &output, e);
 */
#ifndef PN_CLI_KINESIS_CLIENT_H
#define PN_CLI_KINESIS_CLIENT_H

#include "base/buf.h"
#include "base/json_writer.h"
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

/* The cli is borrowed. Without a server the folder's log is opened, which is one process's at a
 * time: CONFLICT when another has it; MISSING when there is no folder, unless the deed makes it.
 * Beside a server every deed warns. */
int pn_kinesis_client_open(struct pn_cli *cli, enum pn_cli_deed deed,
                           struct pn_kinesis_client **client, struct pn_err *e) PN_MUST_CHECK;
/* Is it a server that is asked? Else nobody but this process can change the streams meanwhile. */
bool pn_kinesis_client_has_server(const struct pn_kinesis_client *client);
void pn_kinesis_client_close(struct pn_kinesis_client **client); /* NULL ok */

/*
 * Calls an operation ("ListStreams") with a JSON object. *output is what it answers, an object
 * without members where AWS answers with nothing; it is good until the next call. When the API
 * refuses, the message is "<exception>: <its message>"; RETRY when the same call may succeed later.
 * Not for those that put records or subscribe.
 */
int pn_kinesis_client_call(struct pn_kinesis_client *client, const char *operation,
                           const struct pn_buf *input, const struct pn_json **output,
                           struct pn_err *e) PN_MUST_CHECK;

/* Is this the error of that name ("ExpiredIteratorException")? */
bool pn_kinesis_client_error_is(const struct pn_err *e, const char *name);

#endif
