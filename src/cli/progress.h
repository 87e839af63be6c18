/*
 * How far a long command has come: a bar that redraws itself on a terminal, a line now and then
 * elsewhere, nothing when quiet. It goes to standard error, beside what the command prints.
 *
 *     posting  [==============>               ]  48%  16,060 of 33,462  5,120/s  3s left
 *
 * For one thread.
 */
#ifndef PN_CLI_PROGRESS_H
#define PN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"

struct pn_progress {
    FILE *file; /* NULL: quiet */
    const struct pn_clock *clock;
    const char *label;
    int64_t total; /* 0: not known */
    int64_t start_ns;
    int64_t shown_ns;
    bool is_terminal;
};

/* `label` and `clock` are borrowed; `total` 0 when it isn't known. With `quiet` nothing is ever
 * printed. */
void pn_progress_start(struct pn_progress *progress, FILE *file, bool quiet,
                       const struct pn_clock *clock, const char *label, int64_t total);
/* Cheap; prints at most ten times a second on a terminal, every ten seconds elsewhere. */
void pn_progress_update(struct pn_progress *progress, int64_t done);
/* The last line: how many, how long, how fast. */
void pn_progress_end(struct pn_progress *progress, int64_t done);

/* "11,154": digits in groups of three. Writes to out[PN_GROUPED_SIZE], returns out. */
enum { PN_GROUPED_SIZE = 32 };
char *pn_format_grouped(int64_t value, char *out);

#endif
