/*
 * Schedules as Quartz writes them, the form that Databricks takes: seconds, minutes, hours, day of
 * month, month, day of week (1 is Sunday). One of the two days is always a question mark, and a job
 * has one expression.
 *
 * Source: "CronExpression", API documentation of Quartz 2.3.
 */
#ifndef PN_DEPLOY_QUARTZ_H
#define PN_DEPLOY_QUARTZ_H

#include "base/buf.h"
#include "schedule/schedule.h"

/* Appends one expression that fires at the times of all the schedule's lines. NULL: done; else the
 * reason for which there is none, a constant text, and nothing is appended. `out` may be NULL. */
const char *pn_quartz_add(struct pn_buf *out, const struct pn_schedule *schedule);

#endif
