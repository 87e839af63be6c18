/*
 * The files whose rows imports added to a raw table, as transactions of its log. The rows are not
 * in the table's source, so a commit that makes the table afresh drops them:
 *
 *   pinion/import/<sha256>          how often the file was imported
 *   pinion/import/<sha256>/dropped  how often of these its rows are not in the table any more
 *   pinion/import/<sha256>/rows     its rows, of the other times
 *   pinion/imports                  a number that each import and each restore draws: a commit that
 *                                   makes the table afresh sees by it that none came in between
 *   pinion/imports/restored         the version of the last restore that set these numbers to what
 *                                   the table has then
 *   pinion/import/<sha256>/unsure   the same version, where the log did not say whether the table
 *                                   has rows of the file then
 *
 * A log of an older pinion has the first alone, and restores of other programs set none of them.
 * deploy/spark/pinion_imported.py does the same.
 */
#ifndef PN_ENGINE_IMPORTED_H
#define PN_ENGINE_IMPORTED_H

#include "base/arena.h"
#include "base/clock.h"
#include "delta/delta.h"

#define PN_IMPORTS_DRAW     "pinion/imports"
#define PN_IMPORTS_RESTORED "pinion/imports/restored"
/* That of an import: it is set whatever it was. */
struct pn_delta_txn pn_imported_draw(int64_t now_ms);
/* The condition of a commit that makes the table afresh: it has the draw that the snapshot (NULL:
 * no table) has. It is its own `before`, so nothing is written. */
struct pn_delta_txn pn_imported_condition(const struct pn_delta_snapshot *snapshot);

/* The conditions of the commit of an import of a file that the snapshot knows: nothing took rows of
 * it away since then, or brought them back. That no restore came, whatever it did; and that nothing
 * made the table afresh, by the file's own transaction, with its app_id in the arena. Each is its
 * own `before`, too. */
struct pn_delta_txn pn_imported_not_restored(const struct pn_delta_snapshot *snapshot);
struct pn_delta_txn pn_imported_not_dropped(const struct pn_delta_snapshot *snapshot,
                                            const char *app_id, struct pn_arena *arena);

/* A commit that may have taken rows of imports away, or given them back, and does not say so. */
struct pn_imported_turn {
    bool is_restore;   /* else the table was made afresh */
    bool is_partial;   /* of some of its partitions, maybe */
    bool is_uncertain; /* none was found, and the log does not go back so far any more */
    int64_t at_ms;     /* -1: there was none, or the log does not say any more */
};
/* The last one at or after a time, up to a snapshot. It reads the commits since then, newest first,
 * up to it, or to the last restore that set the transactions. */
struct pn_imported_turn pn_imported_turn_since(struct pn_delta *delta,
                                               const struct pn_delta_snapshot *snapshot,
                                               int64_t since_ms);

/* What of the last one concerns a file: whether it was after the file's rows came, or went (else
 * at_ms is -1); or a restore since then that was unsure of the file. */
struct pn_imported_turn pn_imported_turn_of(const struct pn_delta_snapshot *snapshot,
                                            const char *app_id,
                                            const struct pn_imported_turn *last);

/* What making a table afresh would drop, or dropped. */
struct pn_imported {
    size_t files;
    int64_t rows; /* -1: of some file the log does not say */
};

/* Of a snapshot; NULL: there is no table. What a restore of another program may have brought back
 * is there; what an older pinion or another program overwrote since is not. */
struct pn_imported pn_imported_of(struct pn_delta *delta, const struct pn_delta_snapshot *snapshot);
/* Appends "2 rows of 1 imported file". */
void pn_imported_describe(const struct pn_imported *imported, struct pn_buf *text);

/* What says that the rows of an imported file are not in the table any more; NULL: they are. */
const struct pn_delta_txn *pn_imported_dropped(const struct pn_delta_snapshot *snapshot,
                                               const char *app_id);

/* How often a file is imported with the next import of it; snapshot NULL: there is no table. */
int64_t pn_imported_next(const struct pn_delta_snapshot *snapshot, const char *app_id);
/* The transaction of an import of so many rows of a file, which is set whatever it was; its app_id
 * is in the arena. False: how many the file has is not known, since an older pinion imported it. */
bool pn_imported_rows_txn(const struct pn_delta_snapshot *snapshot, const char *app_id,
                          int64_t rows, int64_t now_ms, struct pn_arena *arena,
                          struct pn_delta_txn *txn);
/* The transactions of a commit that drops the rows of all files; in the arena. */
void pn_imported_drop_txns(struct pn_delta *delta, const struct pn_delta_snapshot *snapshot,
                           int64_t now_ms, struct pn_arena *arena, struct pn_delta_txn **txns,
                           size_t *count);

/* What a restore does to the imported files. */
struct pn_imported_restore {
    const struct pn_clock *clock;
    size_t left;    /* files whose rows leave the table */
    size_t back;    /* ... come back */
    size_t unsure;  /* ... of which the log does not say whether the older version has them */
    size_t settled; /* ... of which it did not say whether the table has them, and does so then */
};
/* The transactions of a restore of `now` to `then`, in the arena: for struct pn_delta_restore_with,
 * whose `arg` is a struct pn_imported_restore with the clock; the rest is set. */
bool pn_imported_restore_txns(void *arg, struct pn_delta *delta,
                              const struct pn_delta_snapshot *now,
                              const struct pn_delta_snapshot *then, struct pn_arena *arena,
                              struct pn_delta_txn **txns, size_t *count);

#endif
