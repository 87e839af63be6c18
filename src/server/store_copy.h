/*
 * A store copied to another one, so that a server can continue there: from the data folder to a
 * bucket, back, or between two buckets. The objects (store/copy.h), whose the bucket is (claim.h),
 * and where the sink continues (sink/handover.h).
 *
 * While a server runs on the data folder, all objects are copied that are there, but the sink's
 * place is not handed over, since it moves. So a large store is copied while the server runs, and
 * the rest, with the place, after it was stopped.
 */
#ifndef PN_SERVER_STORE_COPY_H
#define PN_SERVER_STORE_COPY_H

#include "server/app.h"
#include "store/copy.h"

struct pn_app_copy_config {
    const char *from; /* "local", or a bucket: "s3://BUCKET/PREFIX" */
    const char *to;   /* the same, and another store */
    /* No run comes: the log is not kept from others, and the source stays as it is. */
    bool only_plans;
    bool reads_back; /* this and the next as in pn_copy_config */
    bool (*look)(void *arg, enum pn_copy_phase phase, int64_t done, int64_t all);
    void *arg;
};

struct pn_app_copy {
    struct pn_copy *plan;
    char *server_url; /* of the server that runs on the data folder; NULL: none */
    char *from_url;   /* what people call the stores */
    char *to_url;
    bool hands_over; /* a run also says to the sink where it continues */
};

/* Opens both stores, keeps others from landing, and plans. Changes nothing in the target. FATAL:
 * another data folder has the bucket that is the target, or the folder that is the target belongs
 * to another pipeline than the bucket. CONFLICT: the target is newer than the source: its sink has
 * landed further, or one of its tables has later versions. The caller ends the copy, also after a
 * failure. */
int pn_app_copy_begin(const struct pn_app *app, const struct pn_app_copy_config *config,
                      struct pn_app_copy **copy, struct pn_err *e) PN_MUST_CHECK;
/* Copies, and hands over where that is possible and no object failed. RETRY: records have landed
 * meanwhile. */
int pn_app_copy_run(struct pn_app_copy *copy, bool replaces, struct pn_err *e) PN_MUST_CHECK;
void pn_app_copy_end(struct pn_app_copy **copy); /* NULL ok */

#endif
