/*
 * When versions were committed. By the protocol that is the time of the commit's file, made to rise
 * strictly from version to version (clocks step back, copied folders have one time for all), or,
 * where the table asks for it (delta.enableInCommitTimestamps), the time in the commit itself.
 */
#ifndef PN_DELTA_COMMIT_TIMES_H
#define PN_DELTA_COMMIT_TIMES_H

#include "delta/internal.h"
#include "delta/log_files.h"

/* Sets modified_ms of a listing's commits to rising times. */
void pn_delta_times_rise(struct pn_delta_log_files *log);
/* The newest version that can still be read and was committed at or before a time. MISSING names
 * the time of the oldest. */
int pn_delta_version_at(struct pn_delta *table, int64_t timestamp_ms, int64_t *version,
                        struct pn_err *e) PN_MUST_CHECK;

#endif
