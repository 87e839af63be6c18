/*
 * Whose bucket is it? Two logs that land in one prefix would replace each other's objects, since
 * these are named by offsets. So the first process that writes puts an object that names the owner,
 * `.pinion/owner`, and those of any other are refused. The text is "<uuid> <name>":
 *
 *   <the folder's id> <host>:<folder>           the log is in the data folder
 *   <random> kafka:<cluster's id>/<pipeline>    the log is a Kafka cluster (log.url)
 *
 * Any number of data folders of one pipeline on one cluster share a bucket. What only one of them
 * may do has an object of its own, which names the data folder: `.pinion/scheduler`.
 */
#ifndef PN_SERVER_CLAIM_H
#define PN_SERVER_CLAIM_H

#include "server/app.h"

/* The context's log takes the store, or has it already. Makes the data folder when it is missing.
 * FATAL when another log has it: the message names that one, and says what to do. */
int pn_app_claim_store(const struct pn_app *app, struct pn_store *store,
                       struct pn_err *e) PN_MUST_CHECK;
/* The name of the consumer group in which the processes that share the bucket share the partitions
 * of a kind of work, "sink" or "stream": "pinion-<work>-<pipeline>-<of the owner's uuid>", so that
 * those of another bucket have another one. NULL where the bucket is one data folder's. Caller
 * frees. */
int pn_app_group(const struct pn_app *app, struct pn_store *store, const char *work, char **group,
                 struct pn_err *e) PN_MUST_CHECK;
/* The folder of the bucket with the leases by which processes share the shards of kinesis.endpoint
 * NULL where streams are on the log, or the store is a data folder's. Caller frees. */
char *pn_app_lease_folder(const struct pn_app *app, struct pn_store *store);
/* The data folder is the one whose scheduler runs the pipeline's DAGs, or becomes it. FATAL: it is
 * another one. */
int pn_app_claim_scheduler(const struct pn_app *app, struct pn_store *store,
                           struct pn_err *e) PN_MUST_CHECK;
/* The same for those who only start a run in the data folder: INPUT when the scheduler is in
 * another one, which the message names. Claims nothing. */
int pn_app_find_scheduler(const struct pn_app *app, struct pn_store *store,
                          struct pn_err *e) PN_MUST_CHECK;

/* Whose it is, without a change. `cluster` is the id of the log's cluster; NULL: as far as the data
 * folder knows it. `owner` is the name of the data folder or the cluster that has the store; NULL:
 * it is not claimed. Caller frees. *is_ours: it is this folder, or its pipeline on its cluster. */
int pn_app_look_claim(const struct pn_app *app, struct pn_store *store, const char *cluster,
                      char **owner, bool *is_ours, struct pn_err *e) PN_MUST_CHECK;
/* An owner as messages name it: "the pipeline shop on the Kafka cluster Ab3...", or "another data
 * folder, host:/path". Caller frees. */
char *pn_app_describe_owner(const char *owner);
/* FATAL: the bucket is the owner's, and not that of our pipeline on `cluster`, or with NULL of the
 * data folder. The message says what to do. */
int pn_app_refuse_store(const struct pn_app *app, const char *owner, const char *cluster,
                        struct pn_err *e);
/* Is the owner a pipeline of our name on some cluster? Without the id of ours, that may be us. */
bool pn_app_may_own(const struct pn_app *app, const char *owner);

#endif
