/* Stream tables whose SELECT joins a table: which version a batch reads, and that a record is in
 * the table or in the dead letters once, whatever happens to the joined table meanwhile. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/append_fixture.h"

static const struct pn_table *joined[1];

static int set_up(void **state)
{
    int rc = append_bed_set_up(state);
    struct append_fixture *fixture = *state;
    joined[0] = &fixture->tables[LOOKUP];
    fixture->reads[1] = joined[0];
    fixture->tables[LIKE].read_count = 2;
    fixture->tables[LIKE].sql =
        "SELECT raw.id, CAST(CAST(lookup.word AS BIGINT) AS VARCHAR) AS word "
        "FROM raw LEFT JOIN lookup USING (id)";
    for (int table = STREAM; table <= OTHER; table++) {
        fixture->tables[table].reads = joined;
        fixture->tables[table].read_count = 1;
    }
    return rc;
}

/* Overwrites the table that is joined. */
static void set_lookup(struct append_fixture *fixture, const char *sql)
{
    const struct pn_table *tables[] = {&fixture->tables[LOOKUP]};
    struct pn_table_report report;
    struct pn_err e = {.msg = ""};
    fixture->tables[LOOKUP].sql = sql;
    if (pn_engine_transform(&fixture->base.engine->batch, tables, 1, &report, &e) != 0) {
        fail_msg("transform: %s", e.msg);
    }
}

static struct append_batch *batch_of(const struct append_fixture *fixture, int64_t from, int first,
                                     int last)
{
    static const char *const values[] = {"{\"id\": 0}", "{\"id\": 1}", "{\"id\": 2}",
                                         "{\"id\": 3}", "{\"id\": 4}", "{\"id\": 5}",
                                         "{\"id\": 6}", "{\"id\": 7}"};
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], from);
    for (int i = first; i <= last; i++) {
        append_row(batch, values[i]);
    }
    return batch;
}

static void assert_commit_says(struct append_fixture *fixture, int version, const char *text)
{
    char key[96];
    struct pn_buf commit;
    pn_buf_init(&commit, 1 << 20);
    snprintf(key, sizeof key, "tables/live/_delta_log/%020d.json", version);
    assert_int_equal(pn_store_get(fixture->base.store, key, &commit, NULL), 0);
    if (strstr(pn_buf_text(&commit), text) == NULL) {
        fail_msg("%s lacks %s", pn_buf_text(&commit), text);
    }
    pn_buf_deinit(&commit);
}

static void test_each_batch_reads_the_newest_version(void **state)
{
    struct append_fixture *fixture = *state;
    append_fails(fixture, batch_of(fixture, -1, 1, 1), PN_CLASS_RETRY,
                 "the records wait, because the SELECT joins table 'lookup': table 'lookup' does "
                 "not exist yet");
    assert_int_equal(append_live_position(fixture), -1);
    set_lookup(fixture, "SELECT 1::BIGINT AS id, '10' AS word");
    append_ok(fixture, batch_of(fixture, -1, 1, 2));
    set_lookup(fixture, "SELECT id, id || '20' AS word FROM range(1, 4) AS r(id)");
    append_ok(fixture, batch_of(fixture, 2, 1, 3));
    append_ok(fixture, batch_of(fixture, 5, 3, 4));
    assert_answer(&fixture->base, "SELECT id, word FROM live ORDER BY ALL",
                  "1|\"10\"\n1|\"120\"\n2|\"220\"\n2|null\n3|\"320\"\n3|\"320\"\n4|null\n");
    assert_commit_says(fixture, 0, "\"readVersions\":\"{\\\"lookup\\\":0}\"");
    assert_commit_says(fixture, 1, "\"readVersions\":\"{\\\"lookup\\\":1}\"");
    assert_commit_says(fixture, 2, "\"readVersions\":\"{\\\"lookup\\\":1}\"");
}

/* The rows' commit fails after that of the dead letters. */
static void fail_between(struct append_fixture *fixture, struct append_batch *batch)
{
    fault_io_fail(&fixture->base.fault, FAULT_LINK, 4, EIO, FAULT_ONCE);
    append_fails(fixture, batch, PN_CLASS_FATAL, "Input/output error");
    assert_true(fault_io_fired(&fixture->base.fault));
}

static void assert_split(struct append_fixture *fixture, const char *rows, const char *letters)
{
    assert_answer(&fixture->base, "SELECT id, word FROM live ORDER BY ALL", rows);
    assert_answer(&fixture->base,
                  "SELECT data FROM stream_dead_letters WHERE \"table\" = 'live' ORDER BY ALL",
                  letters);
}

static const char *const GOOD_BUT_ONE = "SELECT id, CASE WHEN id = 1 THEN 'x' ELSE 'ä' END AS word "
                                        "FROM range(1, 2) AS r(id)";
/* By now record 1 would be a row, and record 2 a dead letter. */
static const char *const GOOD_BUT_TWO =
    "SELECT id, CASE WHEN id = 2 THEN 'x' ELSE '7' END AS word FROM range(1, 7) AS r(id)";

static void test_a_batch_that_comes_again_reads_what_it_has_read(void **state)
{
    struct append_fixture *fixture = *state;
    for (int again = 0; again < 2; again++) {
        bool crashes = again == 1;
        int64_t from = again == 0 ? -1 : 5;
        set_lookup(fixture, GOOD_BUT_ONE);
        fail_between(fixture, batch_of(fixture, from, 0, 3));
        set_lookup(fixture, GOOD_BUT_TWO);
        if (crashes) {
            engine_fixture_reopen(&fixture->base);
        }
        /* It is cut elsewhere, too. */
        append_ok(fixture, batch_of(fixture, from, 0, 1));
        append_ok(fixture, batch_of(fixture, from + (again == 0 ? 3 : 2), 2, 3));
        /* What is new reads what is new. */
        append_ok(fixture, batch_of(fixture, from + (again == 0 ? 5 : 4), 4, 4));
    }
    assert_split(fixture, "0|null\n0|null\n2|null\n2|null\n3|null\n3|null\n4|\"7\"\n4|\"7\"\n",
                 "\"{\\\"id\\\": 1}\"\n\"{\\\"id\\\": 1}\"\n");
}

/* Removes the file of the newest version of the joined table, after `sql` has made the next.
 */
static void replace_lookup(struct append_fixture *fixture, const char *sql)
{
    struct pn_delta *delta =
        pn_delta_create(fixture->base.store, "tables/lookup", NULL, &fixture->base.clock.clock,
                        NULL, &fixture->base.config.delta);
    struct pn_delta_snapshot *before = NULL;
    assert_int_equal(pn_delta_snapshot(delta, -1, &before, NULL), 0);
    set_lookup(fixture, sql);
    char key[256];
    snprintf(key, sizeof key, "tables/lookup/%s", before->files[0].path);
    assert_int_equal(pn_store_remove(fixture->base.store, key, NULL), 0);
    pn_delta_snapshot_destroy(&before);
    pn_delta_destroy(&delta);
}

static const char BROKEN[] = "{\"id\": broken";

/* Its first record is a dead letter by any version. */
static struct append_batch *batch_with_broken(const struct append_fixture *fixture)
{
    struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
    append_row(batch, BROKEN);
    append_row(batch, "{\"id\": 0}");
    append_row(batch, "{\"id\": 1}");
    append_row(batch, "{\"id\": 2}");
    return batch;
}

/* The version that was read is not there any more: the newest decides again, and the stream
 * continues. */
static void test_a_version_that_is_gone(void **state)
{
    struct append_fixture *fixture = *state;
    set_lookup(fixture, GOOD_BUT_ONE);
    fail_between(fixture, batch_with_broken(fixture));
    replace_lookup(fixture, GOOD_BUT_TWO);
    engine_fixture_reopen(&fixture->base);
    append_fails(fixture, batch_with_broken(fixture), PN_CLASS_RETRY,
                 "the records wait, because the SELECT joins table 'lookup'");
    append_ok(fixture, batch_with_broken(fixture));
    append_ok(fixture, batch_of(fixture, 4, 3, 3));
    assert_split(fixture, "0|null\n1|\"7\"\n3|\"7\"\n",
                 "\"{\\\"id\\\": 1}\"\n\"{\\\"id\\\": 2}\"\n\"{\\\"id\\\": broken\"\n"
                 "\"{\\\"id\\\": broken\"\n");
}

/* The same where the batch comes again in two, each with a dead letter. */
static void test_a_version_that_is_gone_and_a_batch_that_is_cut(void **state)
{
    struct append_fixture *fixture = *state;
    set_lookup(fixture, GOOD_BUT_ONE);
    fail_between(fixture, batch_with_broken(fixture));
    replace_lookup(fixture, GOOD_BUT_TWO);
    for (int i = 0; i < 2; i++) {
        struct append_batch *batch = append_batch_create(&fixture->tables[STREAM], -1);
        append_row(batch, BROKEN);
        append_row(batch, "{\"id\": 0}");
        if (i == 0) {
            append_fails(fixture, batch, PN_CLASS_RETRY, "the SELECT joins table 'lookup'");
        } else {
            append_ok(fixture, batch);
        }
    }
    append_ok(fixture, batch_of(fixture, 2, 1, 2));
    append_ok(fixture, batch_of(fixture, 4, 2, 3));
    assert_split(fixture, "0|null\n1|\"7\"\n3|\"7\"\n",
                 "\"{\\\"id\\\": 1}\"\n\"{\\\"id\\\": 2}\"\n\"{\\\"id\\\": 2}\"\n"
                 "\"{\\\"id\\\": broken\"\n\"{\\\"id\\\": broken\"\n");
}

/* A process has the shard; another one gets it and dies between both commits; the first one has it
 * again. */
static void test_a_shard_that_was_elsewhere_meanwhile(void **state)
{
    struct append_fixture *fixture = *state;
    set_lookup(fixture, GOOD_BUT_ONE);
    append_ok(fixture, batch_of(fixture, -1, 0, 1));
    struct pn_embedded_engine *first = fixture->base.engine;
    fixture->base.engine = NULL;
    engine_fixture_reopen(&fixture->base);
    fail_between(fixture, batch_of(fixture, 2, 0, 3));
    pn_embedded_engine_destroy(&fixture->base.engine);
    fixture->base.engine = first;
    set_lookup(fixture, GOOD_BUT_TWO);
    append_ok(fixture, batch_of(fixture, 2, 0, 1));
    append_ok(fixture, batch_of(fixture, 4, 2, 3));
    append_ok(fixture, batch_of(fixture, 6, 2, 3));
    assert_split(fixture, "0|null\n0|null\n2|null\n3|\"7\"\n3|null\n",
                 "\"{\\\"id\\\": 1}\"\n\"{\\\"id\\\": 1}\"\n\"{\\\"id\\\": 2}\"\n");
}

/* Positions move without records, before the batch comes again. */
static void test_a_batch_without_records_decides_nothing(void **state)
{
    struct append_fixture *fixture = *state;
    set_lookup(fixture, GOOD_BUT_ONE);
    struct append_batch *batch = batch_of(fixture, 1, 1, 2);
    batch->position.from = -1; /* two offsets without records, in the same batch */
    fail_between(fixture, batch);
    set_lookup(fixture, GOOD_BUT_TWO);
    batch = append_batch_create(&fixture->tables[STREAM], -1);
    batch->position.to = 1;
    append_ok(fixture, batch);
    append_ok(fixture, batch_of(fixture, 1, 1, 2));
    assert_split(fixture, "2|null\n", "\"{\\\"id\\\": 1}\"\n");
}

/* It is the table's fault, so no record becomes a dead letter. */
static void test_a_table_that_cannot_be_read(void **state)
{
    struct append_fixture *fixture = *state;
    fixture->tables[LIKE].sql = "SELECT raw.id, lookup.word FROM raw LEFT JOIN lookup USING (id)";
    set_lookup(fixture, "SELECT 1::BIGINT AS id, '10' AS word");
    append_ok(fixture, batch_of(fixture, -1, 1, 1));
    struct pn_delta *delta =
        pn_delta_create(fixture->base.store, "tables/lookup", NULL, &fixture->base.clock.clock,
                        NULL, &fixture->base.config.delta);
    struct pn_delta_snapshot *now = NULL;
    assert_int_equal(pn_delta_snapshot(delta, -1, &now, NULL), 0);
    char key[256];
    snprintf(key, sizeof key, "tables/lookup/%s", now->files[0].path);
    assert_int_equal(pn_store_remove(fixture->base.store, key, NULL), 0);
    append_fails(fixture, batch_of(fixture, 1, 1, 3), PN_CLASS_RETRY,
                 "the SELECT joins table 'lookup': table 'lookup': its log names the file");
    set_lookup(fixture, "SELECT 1::BIGINT AS id, '11' AS word");
    append_ok(fixture, batch_of(fixture, 1, 1, 3));
    assert_answer(&fixture->base, "SELECT count(*), max(word) FROM live", "4|\"11\"\n");
    pn_delta_snapshot_destroy(&now);
    pn_delta_destroy(&delta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_batch_reads_the_newest_version, set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_batch_that_comes_again_reads_what_it_has_read,
                                        set_up, append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_version_that_is_gone, set_up, append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_version_that_is_gone_and_a_batch_that_is_cut, set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_shard_that_was_elsewhere_meanwhile, set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_batch_without_records_decides_nothing, set_up,
                                        append_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_table_that_cannot_be_read, set_up,
                                        append_bed_tear_down),
    };
    return cmocka_run_group_tests_name("joined", tests, NULL, NULL);
}
