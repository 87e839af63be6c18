/*
 * Since when a handle's vacuums have seen each file that the table no longer needs, or not yet. By
 * the monotonic clock: no step of the wall clock, and no sleep of the machine, makes a file older
 * than it has been watched. A round is one vacuum; what it does not ask about is forgotten.
 */
#ifndef PN_DELTA_WATCH_H
#define PN_DELTA_WATCH_H

#include <stddef.h>
#include <stdint.h>

struct pn_delta_watch;

struct pn_delta_watch *pn_delta_watch_create(void);
void pn_delta_watch_destroy(struct pn_delta_watch **watch); /* NULL ok */
void pn_delta_watch_begin(struct pn_delta_watch *watch);
/* Since when the file was asked about in every round; `now_ms` when it was not in the last one. */
int64_t pn_delta_watch_since(struct pn_delta_watch *watch, const char *name, int64_t now_ms);
void pn_delta_watch_end(struct pn_delta_watch *watch);
/* How many files the last round asked about. */
size_t pn_delta_watch_count(const struct pn_delta_watch *watch);

#endif
