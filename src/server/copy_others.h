/*
 * Is a store that is copied used by others, too? The servers of a pipeline on one Kafka cluster
 * have the same log, but cut its records into objects in their own ways. If two of them have landed
 * in the two stores, one store would have records twice after the copy.
 */
#ifndef PN_SERVER_COPY_OTHERS_H
#define PN_SERVER_COPY_OTHERS_H

#include "log/log.h"
#include "server/app.h"
#include "store/copy.h"

/* Is the log one of a Kafka cluster, which others can have, too? */
bool pn_app_log_is_shared(const struct pn_app *app);
/* RETRY: servers land in the bucket now, as the log's cluster says. BLOCKS. */
int pn_app_check_nobody_lands(const struct pn_app *app, struct pn_log *log, struct pn_store *bucket,
                              struct pn_err *e) PN_MUST_CHECK;
/* CONFLICT: the target has a landed object that the source has not, or that differs from it. For a
 * log that is shared; `target` and `source` are what people call the stores. */
int pn_app_check_landed(const struct pn_app *app, const struct pn_copy *plan, const char *target,
                        const char *source, struct pn_err *e) PN_MUST_CHECK;

#endif
