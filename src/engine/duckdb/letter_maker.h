/*
 * What made a dead letter: the last two columns of both tables of dead letters.
 *
 *   made_by string        what of this program wrote it, as commits have it (delta/maker.h), in
 *                         JSON; null: not known
 *   after_version bigint  the version that its table had then. The next commit is that of the load,
 *                         the transform or the batch, unless others commit as well; null: there was
 *                         no table yet
 *
 * Tables that earlier versions made get the columns with their next letters; their letters have
 * nulls there.
 */
#ifndef PN_ENGINE_DUCKDB_LETTER_MAKER_H
#define PN_ENGINE_DUCKDB_LETTER_MAKER_H

#include "engine/duckdb/private.h"

#define PN_LETTER_MAKER_COLUMNS                                    \
    {.name = "made_by", .type = {.kind = PN_TYPE_STRING}},         \
    {                                                              \
        .name = "after_version", .type = {.kind = PN_TYPE_BIGINT } \
    }

/* The version of the table of a letter, by its path in the store; -1: there is none yet. */
int pn_letter_after(struct pn_duckdb *engine, const char *path, int64_t *version,
                    struct pn_err *e) PN_MUST_CHECK;
/* Appends the columns' values for letters that this engine's maker writes now, each an SQL
 * expression. */
void pn_letter_add_maker(const struct pn_duckdb *engine, struct pn_buf *sql);
void pn_letter_add_after(int64_t after, struct pn_buf *sql);

#endif
