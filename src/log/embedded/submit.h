/*
 * What happens to a request on the producer's own thread: it is checked, its topic is found (or
 * made) and held, each entry gets its partition, and the committer gets it.
 */
#ifndef PN_LOG_SUBMIT_H
#define PN_LOG_SUBMIT_H

#include "log/embedded/committer.h"

/* As pn_log_submit(). */
int pn_embedded_submit(struct pn_log_env *env, struct pn_topics *topics,
                       struct pn_committer *committer, struct pn_log_request *request,
                       struct pn_err *e) PN_MUST_CHECK;

#endif
