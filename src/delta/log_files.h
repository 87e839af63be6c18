/*
 * The files of a table's `_delta_log`, by their names:
 *
 *     <version %020d>.json                                  a commit
 *     <version>.checkpoint.parquet                          a classic checkpoint
 *     <version>.checkpoint.<part %010d>.<parts %010d>.parquet   one part of a checkpoint
 *     <version>.checkpoint.<uuid>.json|parquet              a V2 checkpoint
 *     <version>.crc, <from>.<to>.compacted.json             not read, cleaned up with the commits
 *     _last_checkpoint                                      a hint: the newest checkpoint
 *
 * Everything else is left alone.
 */
#ifndef PN_DELTA_LOG_FILES_H
#define PN_DELTA_LOG_FILES_H

#include "delta/internal.h"

enum pn_delta_log_kind {
    PN_DELTA_LOG_COMMIT,
    PN_DELTA_LOG_CHECKPOINT,      /* classic */
    PN_DELTA_LOG_CHECKPOINT_PART, /* one of several */
    PN_DELTA_LOG_CHECKPOINT_V2,   /* named by a UUID */
    PN_DELTA_LOG_EXTRA            /* version checksum or log compaction */
};

struct pn_delta_log_file {
    const char *name; /* in the log's folder; the listing's arena */
    enum pn_delta_log_kind kind;
    int64_t version;
    int64_t part; /* CHECKPOINT_PART: from 1 */
    int64_t parts;
    bool is_json; /* CHECKPOINT_V2 */
    int64_t size_bytes;
    int64_t modified_ms;
};

/* Reads a name; false for one that means nothing here. `file->name` is `name`. */
bool pn_delta_log_file_parse(const char *name, struct pn_delta_log_file *file);

struct pn_delta_log_files {
    int64_t from;                     /* nothing below this version was asked for */
    struct pn_delta_log_file **files; /* by version, then by name; in the arena */
    size_t count;
    size_t capacity;
    struct pn_arena arena;
};

/* Lists the files of version `from` and up. Deinit after success and failure. */
int pn_delta_log_list(struct pn_delta *table, int64_t from, struct pn_delta_log_files *log,
                      struct pn_err *e) PN_MUST_CHECK;
void pn_delta_log_files_deinit(struct pn_delta_log_files *log);

/* The newest version that a commit or a checkpoint is there for, or -1. */
int64_t pn_delta_log_newest(const struct pn_delta_log_files *log);
/* The commit of a version, or NULL. */
const struct pn_delta_log_file *pn_delta_log_commit(const struct pn_delta_log_files *log,
                                                    int64_t version);
/*
 * The next complete checkpoint of at most `version`, newest first: *at is where to continue, the
 * listing's count in the first call. NULL at the end. A checkpoint in parts is given by its first
 * part (its others follow it in the listing), and only when no part is missing.
 */
const struct pn_delta_log_file *pn_delta_log_checkpoint(const struct pn_delta_log_files *log,
                                                        int64_t version, size_t *at);
/* The oldest version that can be read by this listing from the beginning, or -1. */
int64_t pn_delta_log_oldest(const struct pn_delta_log_files *log);
/*
 * Are all commits of `first` to `last` there? A listing made while others commit may lack one that
 * it passed too early; it is looked for again. CORRUPT names the one that is really missing.
 */
int pn_delta_log_check_commits(struct pn_delta *table, struct pn_delta_log_files *log,
                               int64_t first, int64_t last, struct pn_err *e) PN_MUST_CHECK;

/* The version that `_last_checkpoint` names, or -1 when it is missing or damaged (a warning). */
int pn_delta_log_hint(struct pn_delta *table, int64_t *version, struct pn_err *e) PN_MUST_CHECK;

#endif
