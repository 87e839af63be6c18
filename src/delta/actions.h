/*
 * The actions of a commit: from one line of JSON to a struct, and back.
 *
 * A commit file, a V2 checkpoint in JSON and the rows that an engine reads from a Parquet
 * checkpoint are all lines of one JSON object each, whose first member that is not null names the
 * action. Unknown actions and members are left out, as the protocol asks of readers; required
 * members that are missing or of a wrong type are an INPUT error, which the caller turns into
 * CORRUPT with the file and line.
 */
#ifndef PN_DELTA_ACTIONS_H
#define PN_DELTA_ACTIONS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "delta/delta.h"

enum pn_delta_action_kind {
    PN_DELTA_OTHER, /* unknown, or of no meaning to a reader of rows */
    PN_DELTA_COMMIT_INFO,
    PN_DELTA_PROTOCOL,
    PN_DELTA_METADATA,
    PN_DELTA_TXN,
    PN_DELTA_ADD,
    PN_DELTA_REMOVE,
    PN_DELTA_SIDECAR
};

/* One line; `body` is borrowed from the parser until its next parse. */
struct pn_delta_action {
    enum pn_delta_action_kind kind;
    const struct pn_json *body;
};

/* What reading actions needs: two parsers, for the statistics are JSON text inside JSON. */
struct pn_delta_reader {
    struct pn_json_parser *lines;
    struct pn_json_parser *texts;
};
void pn_delta_reader_init(struct pn_delta_reader *reader);
void pn_delta_reader_deinit(struct pn_delta_reader *reader);

/* `capacity` as in pn_json_parse(). */
int pn_delta_action_parse(struct pn_delta_reader *reader, const char *line, size_t len,
                          size_t capacity, struct pn_delta_action *action,
                          struct pn_err *e) PN_MUST_CHECK;

/* Bodies to structs whose memory is the arena's. */
int pn_delta_read_protocol(const struct pn_json *body, struct pn_arena *arena,
                           struct pn_delta_protocol *protocol, struct pn_err *e) PN_MUST_CHECK;
int pn_delta_read_metadata(struct pn_delta_reader *reader, const struct pn_json *body,
                           struct pn_arena *arena, struct pn_delta_metadata *metadata,
                           struct pn_err *e) PN_MUST_CHECK;
int pn_delta_read_txn(const struct pn_json *body, struct pn_arena *arena, struct pn_delta_txn *txn,
                      struct pn_err *e) PN_MUST_CHECK;
/* An add, or a remove. The path is decoded. */
int pn_delta_read_file(struct pn_delta_reader *reader, const struct pn_json *body, bool is_add,
                       struct pn_arena *arena, struct pn_delta_file *file,
                       struct pn_err *e) PN_MUST_CHECK;
/* The file's name in _delta_log/_sidecars. */
int pn_delta_read_sidecar(const struct pn_json *body, struct pn_arena *arena, const char **name,
                          struct pn_err *e) PN_MUST_CHECK;
/*
 * What identifies an add's or remove's logical file: its decoded path and, after a NUL byte, the
 * unique id of its deletion vector, if any. Memory in `scratch`.
 */
int pn_delta_read_key(const struct pn_json *body, struct pn_arena *scratch, const char **key,
                      size_t *len, struct pn_err *e) PN_MUST_CHECK;
/* The same of a file in a struct. */
int pn_delta_file_key(struct pn_delta_reader *reader, const struct pn_delta_file *file,
                      struct pn_arena *scratch, const char **key, size_t *len,
                      struct pn_err *e) PN_MUST_CHECK;
/* numRecords of an add's statistics, -1 when they don't say. */
int64_t pn_delta_num_records(struct pn_delta_reader *reader, const char *stats, size_t len);

/* Structs to lines, each with its newline. */
void pn_delta_write_protocol(struct pn_buf *out, const struct pn_delta_protocol *protocol);
void pn_delta_write_metadata(struct pn_buf *out, const struct pn_delta_metadata *metadata);
void pn_delta_write_txn(struct pn_buf *out, const struct pn_delta_txn *txn);
void pn_delta_write_add(struct pn_buf *out, const struct pn_delta_file *file);
void pn_delta_write_remove(struct pn_buf *out, const struct pn_delta_file *file);

#endif
