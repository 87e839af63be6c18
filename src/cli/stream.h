/* What the sub-commands of `pinion stream` share. */
#ifndef PN_CLI_STREAM_H
#define PN_CLI_STREAM_H

#include "base/arena.h"
#include "cli/cli.h"
#include "cli/kinesis_client.h"
#include "report/row_writer.h"

enum { PN_STREAM_SHARDS_MAX = 100000 }; /* that can be asked for */

/* A command's way to the streams, a server's or the folder's. Finish it in any case. */
struct pn_stream_session {
    struct pn_cli *cli;
    struct pn_kinesis_client *client;
    struct pn_buf input;        /* of the next call */
    const char *stream;         /* that it names, borrowed; or NULL */
    struct pn_json_writer json; /* on `input` */
    struct pn_arena arena;
};
/* kinesis_client.h */
int pn_stream_session_open(struct pn_cli *cli, enum pn_cli_deed deed,
                           struct pn_stream_session *session, struct pn_err *e) PN_MUST_CHECK;
/* Closes, prints `failure` when rc is not 0, and returns the exit code. */
int pn_stream_session_finish(struct pn_stream_session *session, int rc,
                             const struct pn_err *failure);

/* Begins the input of a call: an object with a member "StreamName", to which more may be added by
 * the writer, session->json, before pn_stream_call() closes it. */
struct pn_json_writer *pn_stream_input(struct pn_stream_session *session, const char *stream);
/* Calls with session->input; *output is good until the next call. What the API refuses most is said
 * in pinion's words, with what to do; the rest in those of the API. */
int pn_stream_call(struct pn_stream_session *session, const char *operation,
                   const struct pn_json **output, struct pn_err *e) PN_MUST_CHECK;

/* A text member, kept in the session's arena; NULL when there is none. */
const char *pn_stream_keep_text(struct pn_stream_session *session, const struct pn_json *object,
                                const char *key);

/* What DescribeStreamSummary returns; good until the next call. */
int pn_stream_summary(struct pn_stream_session *session, const char *name,
                      const struct pn_json **summary, struct pn_err *e) PN_MUST_CHECK;
/* Waits until the stream is ACTIVE, up to a minute. */
int pn_stream_await(struct pn_stream_session *session, const char *stream,
                    struct pn_err *e) PN_MUST_CHECK;

/* A shard as ListShards describes it; in the session's arena. */
struct pn_listed_shard {
    const char *id;
    const char *parent;          /* or NULL */
    const char *adjacent_parent; /* or NULL */
    const char *hash_start;
    const char *hash_end;
    const char *sequence_start;
    const char *sequence_end; /* of a closed one; NULL while it takes records */
};
/* All shards of a stream, the closed ones that still have records too. */
int pn_stream_shards(struct pn_stream_session *session, const char *stream,
                     struct pn_listed_shard **shards, size_t *count,
                     struct pn_err *e) PN_MUST_CHECK;
/* The error for a shard that the stream doesn't have; returns non-zero. */
int pn_stream_no_shard(const char *stream, const char *shard, struct pn_err *e);
/* "2" is short for "shardId-000000000002"; in the session's arena. */
const char *pn_stream_shard_word(struct pn_stream_session *session, const char *word);

/* A time as the API gives it, in seconds with a fraction. NULL is null. */
void pn_stream_time_cell(struct pn_row_writer *output, const struct pn_json *seconds);

/* The sub-commands that have a file of their own. */
int pn_cmd_stream_describe(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_stream_reshard(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_stream_tail(struct pn_cli *cli, int argc, char **argv);

#endif
