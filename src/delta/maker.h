/*
 * What of this program made a commit: a task of a DAG's run, a stream's processor, a job of a
 * server, or a command. commitInfo has it as a member of our own, "madeBy":
 *
 *     {"dag":"nightly","run":"manual__1","task":"load","try":1}
 *     {"stream":"orders"}      {"job":"5d0c…","who":"ann"}      {"command":"pinion batch"}
 *
 * Commits of other programs, and older ones of ours, have none.
 */
#ifndef PN_DELTA_MAKER_H
#define PN_DELTA_MAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/json_writer.h"

/* Texts are borrowed; NULL where they do not apply. One group is set, or none: the maker is not
 * known. */
struct pn_delta_maker {
    const char *dag; /* this and the next two together */
    const char *run;
    const char *task;
    int64_t attempt; /* from 1 on; 0: not known */

    const char *stream;

    const char *job;
    const char *who; /* asked for the job; may be NULL */

    const char *command; /* "pinion table optimize" */
};

bool pn_delta_maker_is_known(const struct pn_delta_maker *maker);
/* The object above. */
void pn_delta_maker_put(struct pn_json_writer *json, const struct pn_delta_maker *maker);
/* The same as a text, which the caller frees; NULL when it is not known. `maker` may be NULL. */
char *pn_delta_maker_text(const struct pn_delta_maker *maker);
/* From the object; texts in the arena. What is not as above makes no maker known. `node` may be
 * NULL. */
void pn_delta_maker_read(const struct pn_json *node, struct pn_arena *arena,
                         struct pn_delta_maker *maker);

#endif
