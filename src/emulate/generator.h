/*
 * What generator.yml says: the kinds of records a pipeline takes, where each goes and comes from,
 * and how its fields are made. The C code knows no field by name. docs/emulate.md is the manual.
 *
 * A field is a template: text with ${...} pieces, which are numbers, dates, UUIDs, picks from
 * lists, and other fields. A list's items are templates, too. Everything is checked when the file
 * is read (names, cycles, ranges, weights), so that making a record cannot fail but by its size.
 *
 * A record depends on the seed, its kind's name and its row's number, on nothing else: the same
 * seed gives the same bytes in whatever order rows are made.
 */
#ifndef PN_EMULATE_GENERATOR_H
#define PN_EMULATE_GENERATOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/random.h"

enum { PN_GENERATOR_RECORD_BYTES_MAX = 1 << 20 };

struct pn_generator;

/* Reads <folder>/generator.yml. Destroy with pn_generator_destroy(). */
int pn_generator_load(const char *folder, const struct pn_io *io, struct pn_generator **generator,
                      struct pn_err *e) PN_MUST_CHECK;
/* The same from memory; `file` is what messages call it. */
int pn_generator_parse(const char *file, const char *text, size_t len,
                       struct pn_generator **generator, struct pn_err *e) PN_MUST_CHECK;
void pn_generator_destroy(struct pn_generator **generator); /* NULL ok */

size_t pn_generator_kinds(const struct pn_generator *generator);
int64_t pn_generator_rows(const struct pn_generator *generator); /* how many by default */

/* Borrowed from the generator. */
struct pn_generator_place {
    const char *name;          /* of the kind */
    const char *topic;         /* where its records go */
    const char *stream;        /* where they go when streamed, or NULL */
    const char *partition_key; /* with which they do; the kind's name by default */
    const char *table;         /* of a database it comes from, or NULL */
    const char *file;          /* without the folder: "x.json" */
};
struct pn_generator_place pn_generator_place(const struct pn_generator *generator, size_t kind);

/* Working memory to make records with, for one thread. */
struct pn_maker {
    struct pn_random random;
    struct pn_buf values; /* of the fields, in the order they are made */
    size_t *starts;       /* of each field in `values` */
    size_t *ends;
    int64_t row;
};
void pn_maker_init(struct pn_maker *maker, const struct pn_generator *generator);
void pn_maker_deinit(struct pn_maker *maker);

/* Appends the record of `kind` in row `row` (from 0) to `out` as compact JSON. A record over
 * PN_GENERATOR_RECORD_BYTES_MAX, or over out's maximum, is INPUT. */
int pn_generator_make(const struct pn_generator *generator, struct pn_maker *maker, size_t kind,
                      int64_t row, uint64_t seed, struct pn_buf *out,
                      struct pn_err *e) PN_MUST_CHECK;

#endif
