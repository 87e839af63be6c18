/*
 * Time zones of the system's tzdata: from UTC to local time and back.
 *
 * A zone's file (/usr/share/zoneinfo/<name>, or in the folder of TZDIR) is in the format of RFC
 * 9636 (TZif), version 2 or later; leap seconds are not counted, as in Unix time. The rule at the
 * file's end is applied up to the year 2200; after it the offset stays.
 *
 * A zone never changes after it was loaded: any thread may read it.
 */
#ifndef PN_SCHEDULE_ZONE_H
#define PN_SCHEDULE_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/io.h"

struct pn_zone {
    const char *name;
    size_t count;           /* of changes of the offset */
    const int64_t *at_s;    /* when, in Unix seconds; ascending */
    const int32_t *after_s; /* the offset from then on, in seconds east of UTC */
    int32_t before_s;       /* the offset before the first of them */
};

/* "UTC" and "Etc/UTC" need no file. The zone lives in the arena. INPUT when there is no such zone,
 * or the system has no tzdata; CORRUPT for a file that is not TZif. */
int pn_zone_load(const char *name, const struct pn_io *io, struct pn_arena *arena,
                 const struct pn_zone **zone, struct pn_err *e) PN_MUST_CHECK;
/* The same from a file's bytes; for tests. */
int pn_zone_read(const char *name, const char *bytes, size_t len, struct pn_arena *arena,
                 const struct pn_zone **zone, struct pn_err *e) PN_MUST_CHECK;

/* The offset in force at a time, in seconds east of UTC. */
int32_t pn_zone_offset(const struct pn_zone *zone, int64_t unix_s);
/* The first change of the offset after a time; INT64_MAX: there is none. */
int64_t pn_zone_next_change(const struct pn_zone *zone, int64_t unix_s);
/*
 * The instant of a local time. One that occurs twice, as when clocks go back, is the first of the
 * two; one that is left out, as when clocks go forward, is the moment at which they do.
 */
int64_t pn_zone_instant(const struct pn_zone *zone, int64_t local_s);

#endif
