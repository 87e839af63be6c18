/* A log in memory that keeps what the port promises, with a committer thread of its own; tests can
 * hold requests back and make submits fail. */
#ifndef PN_TEST_MEMORY_LOG_H
#define PN_TEST_MEMORY_LOG_H

#include "log/log.h"

struct pn_memory_log;

/* Topics are made on first use, with `partitions` each, unless that is 0: then they are MISSING. */
struct pn_log *pn_memory_log_create(int32_t partitions);
/* While held, requests are taken but not answered. */
void pn_memory_log_hold(struct pn_log *log, bool hold);
/* From now on, submits fail with this class (PN_CLASS_NONE: they don't). */
void pn_memory_log_refuse(struct pn_log *log, enum pn_class class_, const char *msg);
/* From now on, requests are taken and then fail with this class. */
void pn_memory_log_fail(struct pn_log *log, enum pn_class class_, const char *msg);
/* While unsure, its partitions seem to be empty. */
void pn_memory_log_set_unsure(struct pn_log *log, bool unsure);
/* Appends one record with this value, and waits. */
void pn_memory_log_put(struct pn_log *log, const char *topic, int32_t partition, const char *value);

#endif
