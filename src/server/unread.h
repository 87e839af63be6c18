/*
 * Topics and streams that hold records and that no table reads: once each in the log, in /health as
 * the list "unread" (which is not an error), and in the gauges pinion_unread_topic_records and
 * pinion_unread_stream_records. A thread of its own looks every second.
 */
#ifndef PN_SERVER_UNREAD_H
#define PN_SERVER_UNREAD_H

#include "api/api.h"
#include "base/logger.h"
#include "base/metrics.h"
#include "kinesis/kinesis.h"
#include "log/log.h"
#include "pipeline/pipeline.h"

struct pn_unread;

/* Looks once, then starts the thread. All borrowed until the stop. */
int pn_unread_start(const struct pn_pipeline *pipeline, struct pn_log *log,
                    struct pn_kinesis *kinesis, struct pn_logger *logger,
                    struct pn_metrics *metrics, struct pn_unread **unread,
                    struct pn_err *e) PN_MUST_CHECK;
void pn_unread_stop(struct pn_unread **unread); /* NULL ok */
/* The list of /health. Stop only after the server is gone. */
void pn_unread_add_health(struct pn_unread *unread, struct pn_api *api);

#endif
