/*
 * What keeps stream tables small while they are appended to many times a second, on a thread of its
 * own, one table after another:
 *
 *   - compaction: so many files of about the same size are made into one. Small files become
 *     middling ones, these large ones, so that each row is written again only a few times;
 *   - checkpoints, which spare readers the commits before, and the removal of old commits;
 *   - vacuum: files that were made into others, and what crashes left behind.
 *
 * Versions and files are kept for as long as the table's own properties say (stream tables are
 * made with stream.keep_ms); so it is safe beside readers of older versions, and beside other
 * processes that do the same. A failure is logged and tried again the next time.
 */
#ifndef PN_PROCESSOR_MAINTENANCE_H
#define PN_PROCESSOR_MAINTENANCE_H

#include "base/metrics.h"
#include "engine/embedded.h"
#include "store/store.h"

struct pn_processor_maintenance_config {
    struct pn_embedded_engine *engine; /* this and the following borrowed */
    struct pn_store *store;
    const struct pn_clock *clock;
    struct pn_logger *logger;     /* NULL ok */
    struct pn_metrics *metrics;   /* NULL ok */
    struct pn_delta_config delta; /* the table handles'; checkpoints come every
                                     delta.checkpoint_interval commits, but every second compaction
                                     at most */
    int64_t compact_files;        /* 0: never */
    int64_t optimize_target_bytes;
    int64_t keep_ms;
    void (*each_second)(void *arg); /* called on the thread, NULL ok; and once at the end */
    void *arg;
};

struct pn_processor_maintenance;
struct pn_processor_maintenance_table;

struct pn_processor_maintenance *pn_processor_maintenance_create(
    const struct pn_processor_maintenance_config *config);
/* Stops, then frees. NULL ok. */
void pn_processor_maintenance_destroy(struct pn_processor_maintenance **maintenance);
/* The same path again gives the same table. Owned by the maintenance. Any thread. */
struct pn_processor_maintenance_table *pn_processor_maintenance_add(
    struct pn_processor_maintenance *maintenance, const char *path);
/* This table's dead letters grow by commits that say so; may be NULL. */
void pn_processor_maintenance_set_dead_letters(struct pn_processor_maintenance *maintenance,
                                               struct pn_processor_maintenance_table *table);

int pn_processor_maintenance_start(struct pn_processor_maintenance *maintenance,
                                   struct pn_err *e) PN_MUST_CHECK;
void pn_processor_maintenance_stop(
    struct pn_processor_maintenance *maintenance); /* fine when not started */

/* A commit was made to the table: with a new file, and with new dead letters. Any thread. */
void pn_processor_maintenance_committed(struct pn_processor_maintenance_table *table, bool has_file,
                                        bool has_dead_letters);
/* Why the table cannot be read, as its last clean-up found (it looks for every file of the newest
 * version); memory in the arena, NULL when nothing is known to be wrong. Any thread. */
const char *pn_processor_maintenance_unreadable(struct pn_processor_maintenance_table *table,
                                                struct pn_arena *arena);
/* Does what is due by now for all tables, on the caller's thread. For tests, and the thread. */
void pn_processor_maintenance_run(struct pn_processor_maintenance *maintenance);

/*
 * The size up to which files are to be made into one, or 0 when there are not enough of any size:
 * `count` files of about the same size are worth it. Files of `target_bytes` are left alone.
 */
int64_t pn_processor_maintenance_choose(const struct pn_delta_snapshot *snapshot, int64_t count,
                                        int64_t target_bytes);

#endif
