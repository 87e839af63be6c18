/*
 * Where records come from. A source gives one record of one kind at a time, as compact JSON text,
 * the kinds in turn in the order of generator.yml.
 */
#ifndef PN_EMULATE_SOURCE_H
#define PN_EMULATE_SOURCE_H

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

/* The first member of every source. */
struct pn_source {
    const struct pn_source_ops *ops;
    int64_t total; /* records it will give; 0: not known */
};

/* The generator. `generator` is borrowed. Never fails. */
struct pn_source *pn_source_generator(const struct pn_generator *generator, int64_t rows,
                                      uint64_t seed);

static inline int pn_source_next(struct pn_source *source, struct pn_emulate_record *record,
                                 struct pn_err *e)
{
    return source->ops->next(source, record, e);
}
/* NULL ok. */
void pn_source_destroy(struct pn_source **source);

#endif
