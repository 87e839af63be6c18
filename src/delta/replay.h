/*
 * Replay of a log: which files are live, which are tombstones, which metadata, protocol and
 * transactions hold, at one version.
 *
 * Actions are fed newest first: the commits from the version down, each from its last line up,
 * then the checkpoint. So the first reference to a logical file, the first metadata, and the first
 * transaction of an application are the ones that count, and what is superseded is never kept.
 *
 * Commits made here say in their commitInfo how many lines follow and the CRC-32C of these bytes;
 * a commit that has them is checked, so that a torn or flipped one is found out even where what is
 * left is good JSON.
 */
#ifndef PN_DELTA_REPLAY_H
#define PN_DELTA_REPLAY_H

#include "delta/internal.h"
#include "delta/keyset.h"

struct pn_delta_replay {
    struct pn_delta_snapshot *snapshot; /* filled; borrowed */
    struct pn_delta_reader *reader;     /* borrowed */
    bool want_files;                    /* else only metadata, protocol and transactions */
    bool has_protocol;
    bool has_metadata;
    struct pn_delta_keyset files; /* seen, live or removed */
    struct pn_delta_keyset apps;
    size_t file_capacity;
    size_t removed_capacity;
    size_t txn_capacity;
    struct pn_arena keys;    /* what `files` points to and the snapshot doesn't hold */
    struct pn_arena scratch; /* of one action */
    int64_t commit_time_ms;  /* inCommitTimestamp of the newest commit, 0: it has none */
    const char **sidecars;   /* names, from a checkpoint, in `keys` */
    size_t sidecar_count;
    size_t sidecar_capacity;
};

void pn_delta_replay_init(struct pn_delta_replay *replay, struct pn_delta_snapshot *snapshot,
                          struct pn_delta_reader *reader, bool want_files);
void pn_delta_replay_deinit(struct pn_delta_replay *replay);

/*
 * The whole bytes of a commit (or of a checkpoint in JSON). `capacity` bytes from `bytes` on are
 * readable. CORRUPT names `key` and the line.
 */
int pn_delta_replay_commit(struct pn_delta_replay *replay, const char *key, const char *bytes,
                           size_t len, size_t capacity, struct pn_err *e) PN_MUST_CHECK;
/* One action; INPUT says what is wrong with it. */
int pn_delta_replay_line(struct pn_delta_replay *replay, const char *line, size_t len,
                         size_t capacity, struct pn_err *e) PN_MUST_CHECK;
/* A state older than all that was fed, as if it were its actions. Files are shared with it, so its
 * arena has to live as long. */
int pn_delta_replay_state(struct pn_delta_replay *replay, const struct pn_delta_snapshot *older,
                          struct pn_err *e) PN_MUST_CHECK;

/* The lines of a commit, for those who read it for other ends: calls `line` for each line that is
 * not empty, the last one first when `backwards`. A non-zero return ends it and is returned, with
 * the key and line before its message and class CORRUPT. */
int pn_delta_each_line(const char *key, const char *bytes, size_t len, size_t capacity,
                       bool backwards,
                       int (*line)(void *arg, const char *line, size_t len, size_t capacity,
                                   struct pn_err *e),
                       void *arg, struct pn_err *e) PN_MUST_CHECK;
/* Checks a commit's bytes against its own count and sum, where it has them. CORRUPT names `key`. */
int pn_delta_commit_check(struct pn_delta_reader *reader, const char *key, const char *bytes,
                          size_t len, size_t capacity, struct pn_err *e) PN_MUST_CHECK;
/* CRC-32C, as commitInfo has it. */
uint32_t pn_delta_crc32c(const char *bytes, size_t len);

/* The same for an object of the log. */
int pn_delta_replay_object(struct pn_delta *table, struct pn_delta_replay *replay, const char *key,
                           struct pn_err *e) PN_MUST_CHECK;

/* Reads an object of the log whole, with the padding that parsing without a copy wants. Inits
 * `out`; deinit it after success and failure. */
int pn_delta_log_get(struct pn_delta *table, const char *key, struct pn_buf *out,
                     struct pn_err *e) PN_MUST_CHECK;

#endif
