/*
 * The log as producers and consumers of topics see it: the topics of another log, without those
 * that pinion keeps there for itself (the streams' topics, pn_topic_is_internal()).
 *
 * Whatever is asked about such a topic, it is MISSING; records for it and its creation are INPUT.
 * Everything else is the other log's own answer. Thread-safe as that log is.
 */
#ifndef PN_LOG_PUBLIC_H
#define PN_LOG_PUBLIC_H

#include "log/log.h"

/* A view of `log`, which it borrows; end it by pn_log_destroy() before that log. */
struct pn_log *pn_log_public_create(struct pn_log *log);

#endif
