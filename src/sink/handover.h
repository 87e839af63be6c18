/*
 * A sink whose store is moved. How far it has landed is in the notes of the objects where the store
 * keeps notes (a bucket), and in the data folder's state file where it does not (a folder). When
 * the objects are copied from one store to the other, this says to the next sink where to continue.
 *
 *   to a bucket    the origin of each chain is put there, so that any sink continues at it, also
 *                  one of another data folder
 *   to a folder    the place of each chain is written into the state file
 *   between buckets  the origin of each chain is put into the other one, at its place in the first
 *
 * The position that is further ahead is never replaced by one that is behind it: records would land
 * again. Nothing may land meanwhile; if something has, the end is RETRY. For one thread.
 */
#ifndef PN_SINK_HANDOVER_H
#define PN_SINK_HANDOVER_H

#include "sink/sink.h"

/* From a folder, on which the sink is open, to a bucket. First, before the objects are copied: puts
 * what is missing of the newest objects. */
int pn_sink_hand_to_bucket_begin(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
/* Then, after they were copied to the bucket config->store, puts the origins there. Of the config:
 * folder, topics_dir, store and io. With `looks_only` nothing is changed. CONFLICT: the bucket has
 * landed further than the folder. */
int pn_sink_hand_to_bucket(const struct pn_sink_config *config, bool looks_only,
                           struct pn_err *e) PN_MUST_CHECK;

/* From a bucket, on which the sink is open, to the folder of its config. First, before the objects
 * are copied: puts what is missing of the newest objects. CONFLICT: the folder has landed further
 * than the bucket. */
int pn_sink_hand_to_folder_begin(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;
/* Then, after the objects were copied: writes the state file. RETRY: others have landed in the
 * bucket since the begin. */
int pn_sink_hand_to_folder_end(struct pn_sink *sink, struct pn_err *e) PN_MUST_CHECK;

/* From a bucket, on which the sink is open, to the bucket `to`. First, before the objects are
 * copied: puts what is missing of the newest objects. CONFLICT: `to` has landed further. */
int pn_sink_hand_between_begin(struct pn_sink *sink, struct pn_store *to,
                               struct pn_err *e) PN_MUST_CHECK;
/* Then, after the objects were copied: puts the origins into `to`. RETRY: others have landed in the
 * first bucket since the begin. */
int pn_sink_hand_between_end(struct pn_sink *sink, struct pn_store *to,
                             struct pn_err *e) PN_MUST_CHECK;

#endif
