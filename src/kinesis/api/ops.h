/*
 * What the operations (ops_*.c) share, and their functions, which operations.c puts into its table.
 *
 * An operation's input was checked against its shape: a member that is there has its type and keeps
 * its constraints, and none is null. What the readers give back lives in the call's arena.
 */
#ifndef PN_KINESIS_API_OPS_H
#define PN_KINESIS_API_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kinesis/api/call.h"

enum {
    PN_STREAM_ID_SIZE = 25, /* "[a-z0-9]{20}-[a-z0-9]{3}" and its NUL */
    PN_ON_DEMAND_STREAMS_MAX = 50,
    PN_TAGS_MAX = 50,      /* of a stream or consumer */
    PN_CONSUMERS_MAX = 20, /* of a stream */
    PN_TOKEN_MS = 300 * 1000
};

/* --- the input (ops_input.c) ------------------------------------------------------------------ */

bool pn_op_has(const struct pn_call *call, const char *name);
/* A text member, NUL-terminated, or NULL when it is absent. */
const char *pn_op_text(const struct pn_call *call, const char *name);
int64_t pn_op_int(const struct pn_call *call, const char *name, int64_t fallback);
/* A limit of a list: what was asked for, at most `max`; `max` when it is absent. */
size_t pn_op_limit(const struct pn_call *call, const char *name, size_t max);
int64_t pn_op_now_ms(const struct pn_call *call);
const char *pn_op_account(const struct pn_call *call);

/* Fails the call: the whole message is in call->err_text. Returns `code`. */
int pn_op_fail(struct pn_call *call, enum pn_kinesis_code code, const char *fmt, ...)
    PN_PRINTF(3, 4);

/* DRY_RUN when the caller asked for one, which is the last check of an operation that takes it:
 * nothing is written, read or begun after it. */
int pn_op_dry_run(struct pn_call *call) PN_MUST_CHECK;

/* IN_USE, with AWS's text, unless the stream is ACTIVE. */
int pn_op_active(struct pn_call *call, const struct pn_stream *stream) PN_MUST_CHECK;

/* An ARN taken apart; the parts live in the arena. */
struct pn_arn {
    const char *region;
    const char *account;
    const char *stream;
    const char *consumer; /* NULL: of a stream */
};
/* INVALID_ARGUMENT when it names no stream (or consumer) of this region, ACCESS_DENIED when it is
 * another account's. */
int pn_op_arn(struct pn_call *call, const char *text, struct pn_arn *arn) PN_MUST_CHECK;
/* The stream, and the consumer of it or NULL, that the ARN in a member names. Release the stream;
 * the consumer is its. */
int pn_op_resource(struct pn_call *call, const char *member, const struct pn_stream **stream,
                   const struct pn_stream_consumer **consumer) PN_MUST_CHECK;
const struct pn_stream_consumer *pn_op_consumer(const struct pn_stream *stream, const char *name);

/* NOT_YOURS when the caller may not use this stream (NULL: all of them). */
int pn_op_may(struct pn_call *call, const char *stream) PN_MUST_CHECK;

/* The stream's id as the API spells it, into out[PN_STREAM_ID_SIZE]; returns out. */
char *pn_op_stream_id(const struct pn_stream *stream, char *out);
/* The name that a stream is called by in the input, whether it exists or not. */
int pn_op_stream_name(struct pn_call *call, const char **name) PN_MUST_CHECK;
/* What failed with *rc because it is not known: may it be known after all, because another process
 * has just made it? True: we have caught up, try once more. False: *rc stays, or says why we could
 * not; the call may have to be run again where it may block. */
bool pn_op_look_again(struct pn_call *call, int *rc);
/* The stream of a name; where streams are shared, it may be one that another process has just made.
 * Release with pn_stream_release(). */
int pn_op_find_stream(struct pn_call *call, const char *name,
                      const struct pn_stream **stream) PN_MUST_CHECK;

/* The stream that StreamName, StreamARN or StreamId names (an unmatched pair or none of them is
 * INVALID_ARGUMENT, as AWS says it). Release with pn_stream_release(). */
int pn_call_stream(struct pn_call *call, const struct pn_stream **stream) PN_MUST_CHECK;

/* The number in a shard's id; AWS takes "shardId-000000000002", "shardId-2" and "2" alike. False
 * when it is none. */
bool pn_op_shard_index(const char *shard_id, uint32_t *index);
/* The same of a member's text, whatever stream and shards there are; NOT_FOUND when it is none. */
int pn_op_shard_id(struct pn_call *call, const char *member, uint32_t *index) PN_MUST_CHECK;
/* The shard with this id, or NOT_FOUND "Could not find shard ...". */
int pn_op_shard(struct pn_call *call, const struct pn_stream *stream, const char *shard_id,
                const struct pn_shard **shard) PN_MUST_CHECK;

/* Where to start reading, of GetShardIterator and of a StartingPosition: its members' names are
 * `type`'s, `sequence`'s and "Timestamp". BLOCKS. */
int pn_op_position(struct pn_call *call, const struct pn_json *where, const char *type,
                   const char *sequence, const struct pn_stream *stream,
                   const struct pn_shard *shard, int64_t *offset) PN_MUST_CHECK;

/* Is RecordDistributionStrategy AUTO? */
bool pn_op_spreads(const struct pn_call *call);
/* INVALID_ARGUMENT: a provisioned stream cannot be AUTO. */
int pn_op_spreads_on_demand(struct pn_call *call, const char *stream_name);

/* --- the reply (ops_reply.c) ------------------------------------------------------------------ */

void pn_op_text_member(struct pn_call *call, const char *key, const char *value);
void pn_op_int_member(struct pn_call *call, const char *key, int64_t value);
void pn_op_bool_member(struct pn_call *call, const char *key, bool value);
void pn_op_time_member(struct pn_call *call, const char *key, int64_t ms);
/* "EncryptionType": only where a stream is encrypted. */
void pn_op_encryption(struct pn_call *call, const struct pn_stream *stream);
void pn_op_mode(struct pn_call *call, const struct pn_stream *stream); /* StreamModeDetails */
void pn_op_write_shard(struct pn_call *call, const struct pn_stream *stream,
                       const struct pn_shard *shard);
void pn_op_metrics(struct pn_call *call, const char *key, const char *const *metrics, size_t count);
/* "WarmThroughput". */
void pn_op_warm(struct pn_call *call, int64_t mibps);
/* When the oldest record that the stream keeps may have arrived. */
int64_t pn_op_horizon_ms(const struct pn_call *call, const struct pn_stream *stream);
/* Is the shard listed: is it open, or may records of it still be kept? */
bool pn_op_shard_listed(const struct pn_call *call, const struct pn_stream *stream,
                        const struct pn_shard *shard);

/* --- tokens of lists (ops_token.c) ------------------------------------------------------------ */

/* Where a list continues. Texts are NULL where they mean nothing. */
struct pn_token {
    char kind;          /* 'd' streams, 's' shards, 'c' consumers */
    const char *stream; /* 's', 'c': its name */
    uint64_t stream_id; /* 's', 'c' */
    const char *after;  /* the last name listed; [a-zA-Z0-9_.-]+ */
    int filter;         /* 's' */
    int64_t filter_ms;  /* 's' */
};
/* The token's text, in the arena; it is good for PN_TOKEN_MS. */
const char *pn_op_token_write(struct pn_call *call, const struct pn_token *token);
/* INVALID_ARGUMENT when it is not a token of this kind, EXPIRED_TOKEN when it is too old. */
int pn_op_token_read(struct pn_call *call, char kind, const char *text,
                     struct pn_token *token) PN_MUST_CHECK;
/* The stream that a token is of; NOT_FOUND when it is gone. */
int pn_op_token_stream(struct pn_call *call, const struct pn_token *token,
                       const struct pn_stream **stream) PN_MUST_CHECK;
/* The stream of a list that takes a token or a stream: INVALID_ARGUMENT when a token comes together
 * with one of `others` (ended by NULL). Without a token, token->kind is 0. */
int pn_op_list_stream(struct pn_call *call, char kind, const char *const *others,
                      struct pn_token *token, const struct pn_stream **stream) PN_MUST_CHECK;

/* --- tags (ops_tags.c) ------------------------------------------------------------------------ */

/* The tags in a member, checked for their characters and reserved names, sorted by key, in the
 * arena; none when it is absent. */
int pn_op_tags(struct pn_call *call, const char *member, const char *stream_name,
               struct pn_stream_tag **tags, size_t *count) PN_MUST_CHECK;

/* --- settings of the account (ops_account.c) -------------------------------------------------- */

/* May streams be given warm throughput? VALIDATION when the account's commitment is off. BLOCKS. */
int pn_op_warm_allowed(struct pn_call *call) PN_MUST_CHECK;
/* One more stream on demand? LIMIT_EXCEEDED when the account has as many as it may. */
int pn_op_on_demand_allowed(struct pn_call *call) PN_MUST_CHECK;

/* --- the operations --------------------------------------------------------------------------- */

/* ops_streams.c */
int pn_op_create_stream(struct pn_call *call);
int pn_op_delete_stream(struct pn_call *call);
int pn_op_describe_stream(struct pn_call *call);
int pn_op_describe_stream_summary(struct pn_call *call);
int pn_op_list_streams(struct pn_call *call);
/* ops_records.c */
int pn_op_put_record(struct pn_call *call);
void pn_op_put_record_finish(struct pn_call *call);
int pn_op_put_records(struct pn_call *call);
void pn_op_put_records_finish(struct pn_call *call);
int pn_op_get_shard_iterator(struct pn_call *call);
int pn_op_get_records(struct pn_call *call);
/* ops_shards.c */
int pn_op_list_shards(struct pn_call *call);
int pn_op_split_shard(struct pn_call *call);
int pn_op_merge_shards(struct pn_call *call);
int pn_op_update_shard_count(struct pn_call *call);
/* ops_consumers.c */
int pn_op_register_stream_consumer(struct pn_call *call);
int pn_op_deregister_stream_consumer(struct pn_call *call);
int pn_op_describe_stream_consumer(struct pn_call *call);
int pn_op_list_stream_consumers(struct pn_call *call);
int pn_op_subscribe_to_shard(struct pn_call *call);
/* ops_tags.c */
int pn_op_add_tags_to_stream(struct pn_call *call);
int pn_op_remove_tags_from_stream(struct pn_call *call);
int pn_op_list_tags_for_stream(struct pn_call *call);
int pn_op_tag_resource(struct pn_call *call);
int pn_op_untag_resource(struct pn_call *call);
int pn_op_list_tags_for_resource(struct pn_call *call);
/* ops_settings.c */
int pn_op_increase_retention(struct pn_call *call);
int pn_op_decrease_retention(struct pn_call *call);
int pn_op_start_encryption(struct pn_call *call);
int pn_op_stop_encryption(struct pn_call *call);
int pn_op_enable_monitoring(struct pn_call *call);
int pn_op_disable_monitoring(struct pn_call *call);
int pn_op_update_stream_mode(struct pn_call *call);
int pn_op_update_max_record_size(struct pn_call *call);
int pn_op_update_warm_throughput(struct pn_call *call);
int pn_op_update_distribution(struct pn_call *call);
/* ops_policy.c */
int pn_op_put_resource_policy(struct pn_call *call);
int pn_op_get_resource_policy(struct pn_call *call);
int pn_op_delete_resource_policy(struct pn_call *call);
/* ops_account.c */
int pn_op_describe_limits(struct pn_call *call);
int pn_op_describe_account_settings(struct pn_call *call);
int pn_op_update_account_settings(struct pn_call *call);

#endif
