/*
 * Where a table is in each shard of its stream, and which shards may be read now: a shard's parents
 * are read to their end before it. For one thread.
 *
 * What counts is the table's own txn of each shard. Its version is the offset to continue with, and
 * its application names stream, stream id and shard, so that a stream made again under an old name
 * is another one.
 */
#ifndef PN_PROCESSOR_SHARDS_H
#define PN_PROCESSOR_SHARDS_H

#include "delta/delta.h"
#include "processor/source.h"

struct pn_stream_shard {
    struct pn_processor_source_shard info;
    char id[PN_SHARD_ID_SIZE];
    char *app_id;                    /* of the txn; ours */
    int64_t committed;               /* the txn's version in the table; -1: none */
    int64_t planned;                 /* the same when the append in progress has succeeded */
    int64_t taken;                   /* the next offset to read */
    struct pn_processor_place place; /* of `taken`, where the source has places; else zeroed */
    int64_t saved_until_ms;          /* the until_ms that the table has */
    const char *origin; /* of the stream (origin.h); NULL: it has none, or the table says it */
    int64_t behind_ms;  /* by the last read: see pn_processor_source_records */
    bool is_gone;       /* Kinesis does not have it any more: anybody may find out */
    bool at_end;        /* there was nothing more, at a read after the aim */
    int64_t taken_ms;   /* arrival of the record before it; 0: not known */
    int64_t goal;       /* a drain is done with the shard from here on */
    /* Of what was committed by us, for people. */
    int64_t last_offset;                    /* -1: nothing was */
    char last_sequence[PN_PLACE_TEXT_SIZE]; /* with places: that of the table; "": it has none */
    int64_t last_arrival_ms;
    int64_t waiting_since_ms; /* arrival of the oldest record that was read and isn't committed; -1:
                                 none is */
};

struct pn_processor_shards {
    uint64_t stream_id; /* 0: none was seen yet */
    bool has_places;    /* as the source */
    char *origin;       /* of the stream (origin.h); NULL: it has none */
    bool aimed;
    struct pn_stream_shard *items;
    size_t count;
    size_t capacity;
};

void pn_processor_shards_deinit(struct pn_processor_shards *shards);
/* "pinion/<stream>/<id>/<shard>", caller frees. */
char *pn_processor_app_id(const char *stream, uint64_t id, const char *shard);

/*
 * Begins again with the stream as it is described and the table as it is (`table` NULL: there is
 * none). Shards that the table has a txn of continue there. When it has none of this stream at all,
 * they begin where `pipeline` says; but at their oldest record when the table was filled by an
 * earlier stream of that name, or `again`: what a new stream holds came since. A shard that is
 * younger than the table's first position begins at its oldest record. *fresh: no position is in
 * the table, so they are to be put there before anything else. With places, a shard that the table
 * has not read to its end, and that the stream does not have any more, is among the shards, too:
 * reading it says what is lost. FATAL when the table was filled from another Kinesis (origin.h).
 */
int pn_processor_shards_place(struct pn_processor_shards *shards,
                              const struct pn_pipeline_stream *pipeline,
                              struct pn_processor_source *source,
                              const struct pn_processor_source_stream *described,
                              const struct pn_delta_snapshot *table, bool again, bool *fresh,
                              struct pn_err *e) PN_MUST_CHECK;
/*
 * A log that was not synced may have lost records that the table has, in a power cut; others have
 * their offsets then, and would be taken for those. FATAL when a shard ends before its position;
 * with `table`, also when the record before a position came after the table had it. An end that is
 * only not known yet, because another process has read further, is set to the position. With places
 * there is nothing to check: a Kinesis loses no records but by retention, which a read reports.
 */
int pn_processor_shards_check(struct pn_processor_shards *shards, const char *stream,
                              struct pn_processor_source *source,
                              const struct pn_delta_snapshot *table,
                              struct pn_err *e) PN_MUST_CHECK;
/* Takes over what a new description of the same stream says; new shards begin at 0. */
void pn_processor_shards_update(struct pn_processor_shards *shards, const char *stream,
                                const struct pn_processor_source_stream *described);
/* Makes the shards' present ends their goals; placing the same stream again keeps them. */
void pn_processor_shards_aim(struct pn_processor_shards *shards);
/* Are all goals reached? */
bool pn_processor_shards_reached(const struct pn_processor_shards *shards);
/* Has any shard been read further than is planned? */
bool pn_processor_shards_moved(const struct pn_processor_shards *shards);
/* The shard of that number, or NULL. */
struct pn_stream_shard *pn_processor_shards_find(const struct pn_processor_shards *shards,
                                                 int64_t index);

/* Is there something to read in it, and are its parents read? With places: may there be? */
bool pn_processor_shard_readable(const struct pn_processor_shards *shards,
                                 const struct pn_stream_shard *shard);
/* Its first parent that is not read to its end yet; NULL: there is none. */
const struct pn_stream_shard *pn_processor_shard_unread_parent(
    const struct pn_processor_shards *shards, const struct pn_stream_shard *shard);
/* Is a shard read to its end, and the table does not have that yet? With places only. */
bool pn_processor_shards_ended(const struct pn_processor_shards *shards);

#endif
