/*
 * What the tests of micro-batches stand on: an engine on a pipeline of a raw table, one like it
 * should be, and two that streams fill, "live" and "other"; and batches for them. A further table,
 * "lookup", is for a SELECT that joins one.
 */
#ifndef PN_TEST_SUPPORT_APPEND_BED_H
#define PN_TEST_SUPPORT_APPEND_BED_H

#include "support/engine_fixture.h"

enum { RAW, LIKE, STREAM, OTHER, LOOKUP, TABLES, BATCH_MAX = 10000 };

struct append_fixture {
    struct engine_fixture base;
    struct pn_table tables[TABLES];
    const struct pn_table *reads[2];
};

/* For cmocka; the state is the fixture. */
int append_bed_set_up(void **state);
int append_bed_tear_down(void **state);

/* A batch from one shard: its records are numbered by their offsets, from `from` on. */
struct append_batch {
    const struct pn_table *table;
    struct pn_append_row rows[BATCH_MAX];
    struct pn_append_position position;
    struct pn_append append; /* `arg`: a fake clock that moves a minute when a number is written */
};

struct append_batch *append_batch_create(const struct pn_table *table, int64_t from);
/* One record more. `value` is borrowed. */
struct pn_append_row *append_row(struct append_batch *batch, const char *value);
int append_try(struct append_fixture *fixture, struct append_batch *batch,
               struct pn_table_report *report, struct pn_err *e);
/* Appends, which must work, and frees the batch. */
struct pn_table_report append_ok(struct append_fixture *fixture, struct append_batch *batch);
/* Asserts that it fails so, and frees the batch. */
void append_fails(struct append_fixture *fixture, struct append_batch *batch, enum pn_class class_,
                  const char *part);
/* A handle on "live". */
struct pn_delta *append_open_live(struct append_fixture *fixture);
/* Where a table of a path is. */
int64_t append_position_of(struct append_fixture *fixture, const char *path, const char *app_id);
int64_t append_live_position(struct append_fixture *fixture);

#endif
