/*
 * An engine on a store in a fresh folder, with a small pipeline put together in C:
 *
 *   raw_thing  from topic "t.thing", with a column of every type (see engine_fixture.c)
 *   raw_kept   from topic "t.kept": id bigint (required), unknown keys kept
 *   raw_strict from topic "t.strict": id bigint, unknown keys reject the record
 *   thing      SELECT over raw_thing; its SQL is the test's, by engine_fixture_sql()
 */
#ifndef PN_TEST_SUPPORT_ENGINE_FIXTURE_H
#define PN_TEST_SUPPORT_ENGINE_FIXTURE_H

#include "base/clock.h"
#include "engine/duckdb/duckdb.h"
#include "support/fault_io.h"

enum { RAW_THING, RAW_KEPT, RAW_STRICT, THING, FIXTURE_TABLES };

struct engine_fixture {
    char folder[64];
    struct fault_io fault;
    struct pn_fake_clock clock;
    struct pn_store *store; /* on `fault` */
    struct pn_embedded_engine *engine;
    struct pn_table tables[FIXTURE_TABLES];
    struct pn_pipeline pipeline;
    struct pn_duckdb_config config;
};

/* With it the next fixtures have a store in memory, else a local one: for suites that run on
 * both. */
extern bool engine_fixture_in_memory;

/* Asserts that all works. */
void engine_fixture_init(struct engine_fixture *fixture);
void engine_fixture_deinit(struct engine_fixture *fixture); /* removes the folder */
/* The SELECT of table `thing`, and the columns it is declared with. */
void engine_fixture_sql(struct engine_fixture *fixture, const char *sql,
                        const struct pn_column *columns, size_t count);
/* Another engine on the same folder, with fixture->config as it is now. */
void engine_fixture_reopen(struct engine_fixture *fixture);

/* Puts an object below topics/<topic>/partition=0/. */
void engine_land(struct engine_fixture *fixture, const char *topic, const char *name,
                 const char *text);
/* Loads one table, which must work. */
struct pn_table_report engine_load(struct engine_fixture *fixture, int table);
/* A query's rows, one a line, values as JSON between bars; or "error: <message>". Caller frees. */
char *engine_ask(struct engine_fixture *fixture, const char *sql);
/* Asserts that a query gives exactly this, rows each with their newline. */
void assert_answer(struct engine_fixture *fixture, const char *sql, const char *rows);
/* Asserts that a query is refused with a message that has this in it. */
void assert_refused(struct engine_fixture *fixture, const char *sql, const char *part);

#endif
