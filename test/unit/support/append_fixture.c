#include "support/append_fixture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static const struct pn_column RAW_COLUMNS[] = {
    {.name = "id", .type = {.kind = PN_TYPE_BIGINT}, .required = true},
    {.name = "word", .type = {.kind = PN_TYPE_STRING}},
    {.name = "moment", .type = {.kind = PN_TYPE_TIMESTAMP}},
};
static const struct pn_column COLUMNS[] = {
    {.name = "id", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "word", .type = {.kind = PN_TYPE_STRING}},
};

int append_bed_set_up(void **state)
{
    struct append_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    engine_fixture_init(&fixture->base);
    fixture->tables[RAW] = (struct pn_table){.name = "raw",
                                             .path = "tables/raw/one",
                                             .from_topic = "t.one",
                                             .columns = RAW_COLUMNS,
                                             .column_count = 3};
    fixture->reads[0] = &fixture->tables[RAW];
    fixture->tables[LIKE] = (struct pn_table){.name = "clean",
                                              .path = "tables/clean",
                                              .sql_file = "clean/clean.sql",
                                              .sql = "SELECT twice(id) AS id, upper(word) AS word "
                                                     "FROM raw;",
                                              .reads = fixture->reads,
                                              .read_count = 1,
                                              .columns = COLUMNS,
                                              .column_count = 2};
    fixture->tables[STREAM] = (struct pn_table){.name = "live",
                                                .path = "tables/live",
                                                .like = &fixture->tables[LIKE],
                                                .in_place_of = &fixture->tables[RAW],
                                                .columns = COLUMNS,
                                                .column_count = 2};
    fixture->tables[OTHER] = fixture->tables[STREAM];
    fixture->tables[OTHER].name = "other";
    fixture->tables[OTHER].path = "tables/other";
    fixture->tables[LOOKUP] = (struct pn_table){.name = "lookup",
                                                .path = "tables/lookup",
                                                .sql_file = "clean/lookup.sql",
                                                .columns = COLUMNS,
                                                .column_count = 2};
    fixture->base.pipeline.tables = fixture->tables;
    fixture->base.pipeline.table_count = TABLES;
    *state = fixture;
    return 0;
}

int append_bed_tear_down(void **state)
{
    struct append_fixture *fixture = *state;
    engine_fixture_deinit(&fixture->base);
    free(fixture);
    return 0;
}

static void write_sequence(const struct pn_append *append, const struct pn_append_row *row,
                           char *out)
{
    if (append->arg != NULL) {
        const int64_t one_minute_ms = 60000;
        pn_fake_clock_advance((struct pn_fake_clock *)(uintptr_t)append->arg, one_minute_ms);
    }
    snprintf(out, PN_ROW_SEQUENCE_SIZE, "%" PRId64, 1000 + row->offset);
}

struct append_batch *append_batch_create(const struct pn_table *table, int64_t from)
{
    struct append_batch *batch = pn_xcalloc(1, sizeof *batch);
    batch->position = (struct pn_append_position){
        .app_id = "stream:1:0", .shard = "shardId-000000000000", .from = from, .to = from};
    batch->append = (struct pn_append){.table = table,
                                       .stream = "stream",
                                       .rows = batch->rows,
                                       .positions = &batch->position,
                                       .position_count = 1,
                                       .sequence = write_sequence};
    return batch;
}

struct pn_append_row *append_row(struct append_batch *batch, const char *value)
{
    size_t at = batch->append.count++;
    assert_true(at < BATCH_MAX);
    int64_t offset = batch->position.to < 0 ? 0 : batch->position.to;
    batch->position.to = offset + 1;
    batch->rows[at] = (struct pn_append_row){.value = {value, strlen(value)},
                                             .data = {value, strlen(value)},
                                             .partition_key = {"key", 3},
                                             .offset = offset,
                                             .arrival_ms = 1767225600000 + offset};
    return &batch->rows[at];
}

int append_try(struct append_fixture *fixture, struct append_batch *batch,
               struct pn_table_report *report, struct pn_err *e)
{
    *e = (struct pn_err){.msg = ""};
    return pn_engine_append(fixture->base.engine, &batch->append, report, e);
}

struct pn_table_report append_ok(struct append_fixture *fixture, struct append_batch *batch)
{
    struct pn_table_report report;
    struct pn_err e;
    if (append_try(fixture, batch, &report, &e) != 0) {
        fail_msg("append: %s", e.msg);
    }
    free(batch);
    return report;
}

void append_fails(struct append_fixture *fixture, struct append_batch *batch, enum pn_class class_,
                  const char *part)
{
    struct pn_table_report report;
    struct pn_err e;
    assert_int_not_equal(append_try(fixture, batch, &report, &e), 0);
    if (strstr(e.msg, part) == NULL) {
        fail_msg("\"%s\" lacks \"%s\"", e.msg, part);
    }
    assert_int_equal(e.class_, class_);
    free(batch);
}

struct pn_delta *append_open_live(struct append_fixture *fixture)
{
    return pn_delta_create(fixture->base.store, "tables/live",
                           pn_engine_parquet(fixture->base.engine), &fixture->base.clock.clock,
                           NULL, &fixture->base.config.delta);
}

int64_t append_position_of(struct append_fixture *fixture, const char *path, const char *app_id)
{
    int64_t version = 0;
    struct pn_delta *table =
        pn_delta_create(fixture->base.store, path, pn_engine_parquet(fixture->base.engine),
                        &fixture->base.clock.clock, NULL, &fixture->base.config.delta);
    assert_int_equal(pn_delta_txn_latest(table, app_id, &version, NULL), 0);
    pn_delta_destroy(&table);
    return version;
}

int64_t append_live_position(struct append_fixture *fixture)
{
    return append_position_of(fixture, "tables/live", "stream:1:0");
}
