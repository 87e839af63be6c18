/*
 * Where records come from. A source gives one record of one kind at a time, as compact JSON text,
 * the kinds in turn in the order of generator.yml.
 */
#ifndef PN_EMULATE_SOURCE_H
#define PN_EMULATE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "emulate/generator.h"

struct pn_emulate_record {
    size_t kind;      /* index of the description's kinds */
    const char *json; /* borrowed until the next call; NULL: there are no more */
    size_t len;
};

struct pn_source;

struct pn_source_ops {
    int (*next)(struct pn_source *source, struct pn_emulate_record *record, struct pn_err *e);
    void (*destroy)(struct pn_source *source);
};

/* Rows that cannot be sent as they are do not end the run: they are counted, and the first of each
 * kind is described. */
struct pn_source_notes {
    int64_t as_text;         /* values that are not what their column says, sent as text */
    char first_as_text[512]; /* "" when there is none */
    int64_t left_out;        /* rows that are too large */
    char first_left_out[512];
};

/* The first member of every source. */
struct pn_source {
    const struct pn_source_ops *ops;
    int64_t total; /* records it will give; 0: not known */
    struct pn_source_notes notes;
};

/* The generator. `generator` is borrowed. Never fails. */
struct pn_source *pn_source_generator(const struct pn_generator *generator, int64_t rows,
                                      uint64_t seed);

struct pn_mysql_config {
    const char *url;      /* "mysql://user@host:port/database?tls=1" */
    const char *password; /* NULL: none */
    int64_t rows;         /* of each table; 0: all */
    bool random;          /* rows picked at random, with repeats */
    uint64_t seed;        /* of the picks */
};
/*
 * A MySQL or MariaDB database: the tables that `generator` names, one connection each, streamed
 * row by row. INPUT for a wrong URL, refused access or an unknown database; MISSING for a table
 * that isn't there; RETRY when there is no connection, or it is lost.
 */
int pn_source_mysql(const struct pn_generator *generator, const struct pn_mysql_config *config,
                    struct pn_source **source, struct pn_err *e) PN_MUST_CHECK;

static inline int pn_source_next(struct pn_source *source, struct pn_emulate_record *record,
                                 struct pn_err *e)
{
    return source->ops->next(source, record, e);
}
/* NULL ok. */
void pn_source_destroy(struct pn_source **source);

#endif
