/*
 * What the files of the S3 store share.
 *
 *   s3.c        opening, names, the port's table
 *   transfer.c  requests: signed, sent side by side, repeated
 *   failure.c   what a reply that is an error says, to a person
 *   objects.c   put, head, remove, copies that are held
 *   read.c      get, open files
 *   list.c      lists
 *   upload.c    files, in parts
 */
#ifndef PN_STORE_S3_PRIVATE_H
#define PN_STORE_S3_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/aws_credentials.h"
#include "base/random.h"
#include "base/sigv4.h"
#include "store/s3/s3.h"
#include "store/temp_files.h"

#define PN_S3_INTERNAL ".pinion/"             /* shown only by lists of what is below it */
#define PN_S3_HELD     PN_S3_INTERNAL "held/" /* copies of a commit in progress */
#define PN_S3_SKEWED   "RequestTimeTooSkewed" /* the code of an error: the clocks differ */

enum {
    PN_S3_REPLY_BYTES_MAX = 8 << 20, /* of other things than objects */
    PN_S3_HEADERS_MAX = 12,
    PN_S3_QUERY_MAX = 6,
    PN_S3_LEFT_MS = 24 * 60 * 60 * 1000 /* what nobody finished within a day is left by a crash */
};

struct pn_s3 {
    struct pn_store store;
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_aws_credentials *credentials;
    struct pn_temp_files temps;
    char *bucket;
    char *prefix; /* "" or with a trailing slash */
    char *region;
    char *scheme; /* "http" or "https" */
    char *host;   /* with its port; the bucket is its first part unless path_style */
    char *base;   /* what paths begin with, without a slash at its end */
    bool path_style;
    bool is_aws; /* the endpoint is AWS's: none was given */
    int64_t requests_max;
    int64_t part_bytes;
    atomic_int budget;         /* of repetitions */
    _Atomic int64_t skew_ms;   /* of the server's clock, when it refused ours */
    pthread_mutex_t lock;      /* of what follows */
    struct pn_s3_lines **idle; /* that keep connections */
    size_t idle_count;
    size_t idle_capacity;
};

/* What a reply's headers say. */
struct pn_s3_reply {
    long status;
    int64_t size_bytes; /* of the object, also where a part of it was asked for; -1: not said */
    int64_t modified_ms;
    int64_t date_ms; /* the server's clock; 0: not said */
    char etag[PN_ETAG_SIZE];
    bool has_sum;
    uint32_t sum;  /* CRC-32C of the whole object */
    int64_t first; /* struct pn_put */
    int64_t end;
    char put_id[PN_UUID_SIZE];
    char note[PN_NOTE_SIZE];
    char region[64]; /* the bucket's, when it is another one */
    char code[64];   /* of an error */
    char message[256];
};

/* One request, and what came of it. */
struct pn_s3_call {
    const char *method;
    const char *key;                             /* the object; NULL: the bucket itself */
    struct pn_sigv4_pair query[PN_S3_QUERY_MAX]; /* values not encoded */
    size_t query_count;
    struct pn_sigv4_pair headers[PN_S3_HEADERS_MAX]; /* beside those that each request has */
    size_t header_count;
    const void *body;
    size_t body_len;
    struct pn_buf *out; /* where the body of a success goes; NULL: nowhere */

    int rc;
    struct pn_err failure;
    struct pn_s3_reply reply;
    bool unsure; /* an attempt ended without a reply: it may have taken effect */
};

/* --- transfer.c ------------------------------------------------------------------------------- */

/*
 * Sends the calls, up to requests_max at once, and waits for all of them. Each has its outcome in
 * rc and failure: MISSING for 404, CONFLICT for 412, RETRY when repeating did not help. The first
 * failure is copied to *e and returned.
 */
int pn_s3_send(struct pn_s3 *s3, struct pn_s3_call *calls, size_t count,
               struct pn_err *e) PN_MUST_CHECK;
void pn_s3_close_lines(struct pn_s3 *s3);
void pn_s3_add_header(struct pn_s3_call *call, const char *name, const char *value);
void pn_s3_add_query(struct pn_s3_call *call, const char *name, const char *value);

/* --- failure.c -------------------------------------------------------------------------------- */

/* Reads the code and the message of an error's body. */
void pn_s3_read_error(const struct pn_buf *body, struct pn_s3_reply *reply);
/* Sets the call's rc and failure from its reply, whose status is an error. */
void pn_s3_explain(const struct pn_s3 *s3, struct pn_s3_call *call);
/* A copy or the end of an upload may answer 200 and fail nevertheless: its body says so. */
int pn_s3_check_body(const struct pn_s3 *s3, struct pn_s3_call *call, const struct pn_buf *body,
                     struct pn_err *e) PN_MUST_CHECK;

/* --- objects.c -------------------------------------------------------------------------------- */

int pn_s3_put(struct pn_store *store, const char *key, const void *bytes, size_t len,
              bool if_absent, struct pn_err *e);
int pn_s3_put_many(struct pn_store *store, const struct pn_put *puts, size_t count,
                   struct pn_err *e);
int pn_s3_put_new(struct pn_store *store, const struct pn_put *puts, size_t count, bool *is_new,
                  struct pn_err *e);
int pn_s3_note(struct pn_store *store, const char *key, char *note, struct pn_err *e);
int pn_s3_head(struct pn_store *store, const char *key, struct pn_object *object, struct pn_err *e);
int pn_s3_remove(struct pn_store *store, const char *key, struct pn_err *e);
int pn_s3_remove_many(struct pn_store *store, const char *const *keys, size_t count,
                      struct pn_err *e);
int pn_s3_hold(struct pn_store *store, const char *key, char **held, struct pn_err *e);
int pn_s3_restore(struct pn_store *store, const char *key, const char *held, bool *restored,
                  struct pn_err *e);
int pn_s3_release(struct pn_store *store, char **held, struct pn_err *e);
void pn_s3_describe(const struct pn_s3_reply *reply, struct pn_object *object);
/* The value of the header that checks a body: the CRC-32C as AWS writes it. In the arena. */
const char *pn_s3_sum_text(uint32_t sum, struct pn_arena *arena);
/* Gives the object its sum (and, with end > 0, its offsets) as metadata. */
void pn_s3_add_metadata(struct pn_s3_call *call, uint32_t sum, int64_t first, int64_t end,
                        struct pn_arena *arena);

/* --- read.c ----------------------------------------------------------------------------------- */

int pn_s3_get(struct pn_store *store, const char *key, struct pn_buf *out, struct pn_err *e);
int pn_s3_open(struct pn_store *store, const char *key, struct pn_store_file **file,
               struct pn_err *e);
int pn_s3_read_at(struct pn_store_file *file, void *bytes, size_t len, int64_t offset, size_t *got,
                  struct pn_err *e);
bool pn_s3_sum(struct pn_store_file *file, uint32_t *crc32c);
bool pn_s3_offsets(struct pn_store_file *file, int64_t *first, int64_t *end);
void pn_s3_close(struct pn_store_file *file);

/* --- list.c ----------------------------------------------------------------------------------- */

int pn_s3_list(struct pn_store *store, const char *prefix, const char *after,
               int (*fn)(void *arg, const struct pn_object *object), void *arg, struct pn_err *e);
/* The same with what is below PN_S3_INTERNAL, for which the prefix may stand. */
int pn_s3_list_all(struct pn_s3 *s3, const char *prefix, const char *after,
                   int (*fn)(void *arg, const struct pn_object *object), void *arg,
                   struct pn_err *e) PN_MUST_CHECK;

/* --- upload.c --------------------------------------------------------------------------------- */

int pn_s3_begin_file(struct pn_store *store, const char *key, char **path, struct pn_err *e);
int pn_s3_commit_file(struct pn_store *store, const char *key, const char *path,
                      int64_t *size_bytes, struct pn_err *e);
/* Ends the uploads that nobody finished. */
int pn_s3_sweep_uploads(struct pn_s3 *s3, int64_t now_ms, struct pn_err *e) PN_MUST_CHECK;

/* --- s3.c ------------------------------------------------------------------------------------- */

static inline struct pn_s3 *pn_s3_of(struct pn_store *store)
{
    return (struct pn_s3 *)store;
}
int pn_s3_now(struct pn_store *store, int64_t *now_ms, struct pn_err *e);

#endif
