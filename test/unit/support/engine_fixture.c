#include "support/engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/local/local.h"
#include "support/defaults.h"
#include "support/memory_store.h"

enum { ANSWER_BYTES_MAX = 16 << 20 };

static const struct pn_column PLACE_FIELDS[] = {
    {.name = "x", .type = {.kind = PN_TYPE_DOUBLE}},
    {.name = "y", .type = {.kind = PN_TYPE_DOUBLE}, .required = true},
};
static const char *const ID_ALIASES[] = {"index", "idx"};
static const struct pn_column THING_COLUMNS[] = {
    {.name = "id",
     .type = {.kind = PN_TYPE_BIGINT},
     .required = true,
     .aliases = ID_ALIASES,
     .alias_count = 2},
    {.name = "word", .type = {.kind = PN_TYPE_STRING}, .unwrap = "$date"},
    {.name = "small", .type = {.kind = PN_TYPE_INT}},
    {.name = "ratio", .type = {.kind = PN_TYPE_DOUBLE}},
    {.name = "flag", .type = {.kind = PN_TYPE_BOOLEAN}},
    {.name = "moment", .type = {.kind = PN_TYPE_TIMESTAMP}},
    {.name = "day", .type = {.kind = PN_TYPE_DATE}},
    {.name = "place", .type = {.kind = PN_TYPE_STRUCT, .fields = PLACE_FIELDS, .field_count = 2}},
};
static const struct pn_column ID_COLUMNS[] = {
    {.name = "id", .type = {.kind = PN_TYPE_BIGINT}, .required = true},
};

static void set_tables(struct engine_fixture *fixture)
{
    static const struct pn_table *reads[1];
    struct pn_table *tables = fixture->tables;
    tables[RAW_THING] = (struct pn_table){.name = "raw_thing",
                                          .path = "tables/raw/thing",
                                          .from_topic = "t.thing",
                                          .columns = THING_COLUMNS,
                                          .column_count = 8};
    tables[RAW_KEPT] = (struct pn_table){.name = "raw_kept",
                                         .path = "tables/raw/kept",
                                         .from_topic = "t.kept",
                                         .columns = ID_COLUMNS,
                                         .column_count = 1,
                                         .unknown_keys = PN_UNKNOWN_KEEP};
    tables[RAW_STRICT] = (struct pn_table){.name = "raw_strict",
                                           .path = "tables/raw/strict",
                                           .from_topic = "t.strict",
                                           .columns = ID_COLUMNS,
                                           .column_count = 1,
                                           .unknown_keys = PN_UNKNOWN_REJECT};
    reads[0] = &tables[RAW_THING];
    tables[THING] = (struct pn_table){.name = "thing",
                                      .path = "tables/thing",
                                      .sql_file = "clean/thing.sql",
                                      .sql = "SELECT id FROM raw_thing",
                                      .reads = reads,
                                      .read_count = 1,
                                      .columns = ID_COLUMNS,
                                      .column_count = 1};
}

void engine_fixture_reopen(struct engine_fixture *fixture)
{
    struct pn_err e;
    pn_embedded_engine_destroy(&fixture->engine);
    int rc = pn_duckdb_engine_create(&fixture->config, &fixture->pipeline, fixture->store,
                                     &fixture->clock.clock, NULL, &fixture->engine, &e);
    assert_int_equal(rc, 0);
}

bool engine_fixture_in_memory;

static void open_store(struct engine_fixture *fixture)
{
    if (engine_fixture_in_memory) {
        fixture->store = memory_store_create(fixture->folder);
        return;
    }
    assert_int_equal(
        pn_local_store_open(fixture->folder, &fixture->fault.io, &fixture->store, NULL), 0);
}

void engine_fixture_init(struct engine_fixture *fixture)
{
    *fixture = (struct engine_fixture){.engine = NULL};
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/pn-engine-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fault_io_init(&fixture->fault, pn_io_system());
    pn_fake_clock_init(&fixture->clock, 1767225600000);
    open_store(fixture);
    set_tables(fixture);
    fixture->pipeline = (struct pn_pipeline){
        .name = "test",
        .folder = fixture->folder,
        .tables = fixture->tables,
        .table_count = FIXTURE_TABLES,
        .topics_dir = "topics",
        .dead_letters_dir = "dead",
        .dead_letters_path = "tables/dead_letters",
        .stream_dead_letters_path = "tables/stream_dead_letters",
        .prelude_duckdb = "CREATE OR REPLACE MACRO twice(n) AS n * 2;",
        .prelude_spark = "",
    };
    static char temp[128];
    (void)snprintf(temp, sizeof temp, "%s/.tmp/engine", fixture->folder);
    fixture->config = (struct pn_duckdb_config){
        .io = &fixture->fault.io,
        .temp_folder = temp,
        .memory_bytes_max = 256 << 20,
        .threads = 2,
        .parquet_compression = "snappy",
        .copies_bytes_max = 64 << 20,
    };
    pn_settings_to_delta(default_settings(), &fixture->config.delta);
    fixture->config.delta.engine_info = "test";
    engine_fixture_reopen(fixture);
}

void engine_fixture_deinit(struct engine_fixture *fixture)
{
    struct pn_err e;
    pn_embedded_engine_destroy(&fixture->engine);
    pn_store_destroy(&fixture->store);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->folder, &e), 0);
}

void engine_fixture_sql(struct engine_fixture *fixture, const char *sql,
                        const struct pn_column *columns, size_t count)
{
    fixture->tables[THING].sql = sql;
    fixture->tables[THING].columns = columns;
    fixture->tables[THING].column_count = count;
}

void engine_land(struct engine_fixture *fixture, const char *topic, const char *name,
                 const char *text)
{
    struct pn_err e;
    char *key = pn_xasprintf("topics/%s/partition=0/%s", topic, name);
    int rc = pn_store_put(fixture->store, key, text, strlen(text), &e);
    free(key);
    assert_int_equal(rc, 0);
}

struct pn_table_report engine_load(struct engine_fixture *fixture, int table)
{
    struct pn_err e = {.msg = ""};
    struct pn_table_report report;
    const struct pn_table *tables[] = {&fixture->tables[table]};
    int rc = pn_engine_load(&fixture->engine->batch, tables, 1, &report, &e);
    if (rc != 0) {
        fail_msg("load: %s", e.msg);
    }
    return report;
}

static int take_columns(void *arg, const char *const *names, const char *const *types, size_t count)
{
    (void)arg;
    for (size_t i = 0; i < count; i++) {
        assert_non_null(names[i]);
        assert_non_null(types[i]);
    }
    return 0;
}

static int take_row(void *arg, const char *const *values, size_t count)
{
    struct pn_buf *out = arg;
    for (size_t i = 0; i < count; i++) {
        pn_buf_addf(out, "%s%s", i == 0 ? "" : "|", values[i]);
    }
    pn_buf_addc(out, '\n');
    return 0;
}

char *engine_ask(struct engine_fixture *fixture, const char *sql)
{
    struct pn_err e = {.msg = ""};
    struct pn_buf out;
    pn_buf_init(&out, ANSWER_BYTES_MAX);
    const struct pn_rows rows = {.columns = take_columns, .row = take_row, .arg = &out};
    if (pn_engine_query(&fixture->engine->batch, sql, &rows, &e) != 0) {
        pn_buf_reset(&out);
        pn_buf_addf(&out, "error: %s", e.msg);
    }
    return pn_buf_take(&out);
}

void assert_answer(struct engine_fixture *fixture, const char *sql, const char *rows)
{
    char *answer = engine_ask(fixture, sql);
    assert_string_equal(answer, rows);
    free(answer);
}

void assert_refused(struct engine_fixture *fixture, const char *sql, const char *part)
{
    char *answer = engine_ask(fixture, sql);
    if (strncmp(answer, "error: ", strlen("error: ")) != 0) {
        fail_msg("%s was answered: %s", sql, answer);
    }
    if (strstr(answer, part) == NULL) {
        fail_msg("%s was refused by \"%s\", not by \"%s\"", sql, answer, part);
    }
    free(answer);
}
