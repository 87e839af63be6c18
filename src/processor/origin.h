/*
 * Which Kinesis a table is filled from: the region and the account of its stream, as a text
 * "eu-west-2:123456789012". Streams of one name may be in several; a table that has records of one
 * must not continue with those of another only because a setting was changed. So a commit has a txn
 * whose application's name says it, for each shard: <app>/of/<region>:<account>, where <app> is the
 * shard's (pn_processor_app_id()). Tables of earlier versions get it with their next commit.
 */
#ifndef PN_PROCESSOR_ORIGIN_H
#define PN_PROCESSOR_ORIGIN_H

#include "base/arena.h"
#include "delta/delta.h"
#include "engine/embedded.h"

/* The origin in a stream's ARN, in the arena; NULL: it has none, as in servers that give no ARN. */
const char *pn_processor_origin_of(const char *arn, struct pn_arena *arena);

/* FATAL when the table has records of a stream of that name from somewhere else. `table` and
 * `origin` may be NULL: then nothing is known. */
int pn_processor_origin_check(const struct pn_delta_snapshot *table, const char *stream,
                              const char *origin, struct pn_err *e) PN_MUST_CHECK;

/* Does the table say it of the shard? */
bool pn_processor_origin_is_known(const struct pn_delta_snapshot *table, const char *app_id,
                                  const char *origin);
/* What says it in a commit; its text is in the arena. */
struct pn_append_mark pn_processor_origin_mark(const char *app_id, const char *origin,
                                               struct pn_arena *arena);

#endif
