/*
 * How far tables are behind their streams, from what is true: the positions in the tables, and the
 * streams as they are. It doesn't matter who fills the tables, or whether anybody does.
 */
#ifndef PN_PROCESSOR_LAG_H
#define PN_PROCESSOR_LAG_H

#include "processor/processor.h"

struct pn_processor_lag {
    const char *stream;
    const char *table; /* NULL: none reads the stream */
    const char *shard;
    bool closed;
    int64_t position; /* the next record the table gets; -1: it has none of the shard yet */
    int64_t end;      /* -1: not known, as in another Kinesis */
    int64_t records;  /* between the two that exist (log/lag.h); -1: the table was never filled, or,
                        in another Kinesis, there are some */
    int64_t lost;     /* that retention removed before the table got them; -1: likewise. In another
                        Kinesis 1 when an unknown number is lost */
    int64_t ms;       /* age of the oldest of them; 0: none; -1: not known */
    int64_t version;  /* of the table; -1: there is none */
    int64_t version_ms;
};

/* All tables of the config's streams, shard by shard; in the arena. A stream that isn't there has
 * one element without a shard. A stream that no table reads has elements without a table, whose
 * `records` are all that the shard keeps. Only pipeline, engine, store, source, clock and logger
 * are used. */
int pn_processor_lags(const struct pn_processor_config *config, const struct pn_processor_env *env,
                      struct pn_arena *arena, struct pn_processor_lag **lags, size_t *count,
                      struct pn_err *e) PN_MUST_CHECK;

#endif
