/*
 * A log whose offsets have gaps, as a log has that shares them with something else (the markers of
 * transactions in Kafka): another log, each of whose offsets n is 3n + 1 here. So no partition
 * begins or ends with a record's offset, and no two records' offsets follow each other. What the
 * other log loses is lost here.
 */
#ifndef PN_TEST_SUPPORT_GAP_LOG_H
#define PN_TEST_SUPPORT_GAP_LOG_H

#include "log/log.h"

/* Takes `dense` over: pn_log_destroy() destroys both. Thread-safe as that log is. */
struct pn_log *gap_log_create(struct pn_log *dense);
/* The offset here of the dense log's n-th record, from 0. */
int64_t gap_log_offset(int64_t n);

#endif
