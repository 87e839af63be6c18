/*
 * Reading logs: others' commits, checkpoints of every kind, damaged and missing files, time travel,
 * and tables that ask for more than is known here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/delta_fixture.h"

#define PROTOCOL "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
#define METADATA_WITH(configuration)                                                            \
    "{\"metaData\":{\"id\":\"5f\",\"format\":{\"provider\":\"parquet\",\"options\":{}},"        \
    "\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{\\\"name\\\":\\\"id\\\"," \
    "\\\"type\\\":\\\"long\\\",\\\"nullable\\\":true,\\\"metadata\\\":{}}]}\","                 \
    "\"partitionColumns\":[],\"configuration\":{" configuration "},\"createdTime\":7}}\n"
#define METADATA METADATA_WITH("")
#define ADD(path)                                                                               \
    "{\"add\":{\"path\":\"" path "\",\"partitionValues\":{},\"size\":9,\"modificationTime\":8," \
    "\"dataChange\":true}}\n"
#define REMOVE(path) \
    "{\"remove\":{\"path\":\"" path "\",\"deletionTimestamp\":77,\"dataChange\":true}}\n"

static void write_commit(const struct delta_fixture *fixture, int version, const char *text)
{
    char name[32];
    snprintf(name, sizeof name, "%020d.json", version);
    delta_write_text(fixture, name, text);
}

/* A checkpoint as the stand-in for Parquet reads it. */
static void write_checkpoint(const struct delta_fixture *fixture, const char *name,
                             const char *lines)
{
    char *path = pn_xasprintf("%s/t/_delta_log/%s", fixture->folder, name);
    delta_write_text(fixture, name, ""); /* makes the folder */
    assert_int_equal(
        fixture->parquet.write_checkpoint(fixture->parquet.ctx, lines, strlen(lines), path, NULL),
        0);
    free(path);
}

static void assert_refused(struct pn_delta *table, int64_t version, enum pn_class class_,
                           const char *message)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err e = {0};
    assert_int_not_equal(pn_delta_snapshot(table, version, &snapshot, &e), 0);
    assert_null(snapshot);
    assert_string_equal(e.msg, message);
    assert_int_equal(e.class_, class_);
}

/* --- others' commits ------------------------------------------------------------------------- */

static void test_a_log_as_spark_writes_it(void **state)
{
    struct delta_fixture *fixture = *state;
    write_commit(fixture, 0,
                 "{\"commitInfo\":{\"timestamp\":1,\"operation\":\"CREATE TABLE\",\"new\":[1]}}\n"
                 "{\"metaData\":{\"id\":\"5f\",\"name\":\"n\",\"description\":\"d\",\"format\":"
                 "{\"provider\":\"parquet\",\"options\":{}},\"schemaString\":\"{\\\"type\\\":"
                 "\\\"struct\\\",\\\"fields\\\":[]}\",\"partitionColumns\":[\"p\",\"q\"],"
                 "\"configuration\":{\"delta.x\":\"y\"},\"createdTime\":42,\"later\":{}}}\n"
                 "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n");
    write_commit(fixture, 1,
                 "{\"aFutureAction\":{\"path\":\"x\"}}\n\n"
                 "{\"add\":{\"path\":\"p=a%2520b/part%2C1.parquet\",\"partitionValues\":"
                 "{\"p\":\"a b\",\"q\":\"\"},\"size\":841454,\"modificationTime\":1512909768000,"
                 "\"dataChange\":true,\"stats\":\"{\\\"numRecords\\\":7,\\\"minValues\\\":{}}\","
                 "\"tags\":{\"ZCUBE\":\"1\"},\"baseRowId\":null}}\n"
                 "{\"txn\":{\"appId\":\"app\",\"version\":-9223372036854775807}}\n"
                 "{\"cdc\":{\"path\":\"_change_data/c.parquet\",\"size\":1}}");
    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    assert_int_equal(snapshot->version, 1);
    assert_string_equal(snapshot->metadata.name, "n");
    assert_string_equal(snapshot->metadata.description, "d");
    assert_int_equal(snapshot->metadata.partition_column_count, 2);
    assert_string_equal(snapshot->metadata.partition_columns[1], "q");
    assert_string_equal(snapshot->metadata.configuration[0].value, "y");
    assert_int_equal(snapshot->metadata.created_ms, 42);
    assert_int_equal(snapshot->file_count, 1);
    const struct pn_delta_file *file = &snapshot->files[0];
    assert_string_equal(file->path, "p=a%20b/part,1.parquet");
    assert_string_equal(file->uri, "p=a%2520b/part%2C1.parquet");
    assert_string_equal(file->partition_values[0].value, "a b");
    assert_null(file->partition_values[1].value);
    assert_int_equal(file->size_bytes, 841454);
    assert_int_equal(file->num_records, 7);
    assert_string_equal(file->tags, "{\"ZCUBE\":\"1\"}");
    assert_int_equal(pn_delta_txn_version(snapshot, "app"), -9223372036854775807);
    pn_delta_snapshot_destroy(&snapshot);
}

static void test_the_newest_reference_counts(void **state)
{
    struct delta_fixture *fixture = *state;
    write_commit(fixture, 0, PROTOCOL METADATA ADD("a") ADD("b%20c") ADD("d"));
    write_commit(fixture, 1, REMOVE("a") REMOVE("b c") ADD("e"));
    write_commit(fixture, 2, ADD("a") REMOVE("d"));
    delta_assert_live(fixture->table, 0, "a,b c,d");
    delta_assert_live(fixture->table, 1, "d,e");
    delta_assert_live(fixture->table, 2, "a,e");
    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(fixture->table, 2, &snapshot, NULL), 0);
    assert_int_equal(snapshot->removed_count, 2);
    assert_string_equal(snapshot->removed[0].path, "b c");
    assert_int_equal(snapshot->removed[0].deleted_ms, 77);
    assert_int_equal(snapshot->removed[0].size_bytes, -1);
    pn_delta_snapshot_destroy(&snapshot);
}

static void test_a_remove_keeps_the_path_as_it_was_written(void **state)
{
    struct delta_fixture *fixture = *state;
    write_commit(fixture, 0, PROTOCOL METADATA ADD("x%2Cy%20z"));
    struct pn_delta_file file = delta_file("new", 1);
    const struct pn_delta_commit commit = {
        .mode = PN_DELTA_OVERWRITE, .operation = "WRITE", .adds = &file, .add_count = 1};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    char *text = delta_read(fixture, "00000000000000000001.json", NULL);
    assert_non_null(strstr(text, "{\"remove\":{\"path\":\"x%2Cy%20z\""));
    free(text);
}

struct bad_line {
    const char *line;
    const char *message;
};

static void test_damaged_lines_are_named(void **state)
{
    struct delta_fixture *fixture = *state;
    static const struct bad_line lines[] = {
        {"{\"add\":{\"partitionValues\":{},\"size\":1}}", "'path' is missing"},
        {"{\"add\":{\"path\":\"\",\"size\":1}}", "'path' is empty"},
        {"{\"add\":{\"path\":\"%00\",\"size\":1}}", "the path '%00' contains a NUL byte"},
        {"{\"add\":{\"path\":7,\"size\":1}}", "'path' is number, not a string"},
        {"{\"add\":{\"path\":\"x\"}}", "'size' is missing"},
        {"{\"add\":{\"path\":\"x\",\"size\":-1}}", "'size' is not a whole number from 0 up"},
        {"{\"add\":{\"path\":\"x\",\"size\":1.5}}", "'size' is not a whole number from 0 up"},
        {"{\"add\":{\"path\":\"x\",\"size\":1,\"partitionValues\":[]}}",
         "'partitionValues' is array, not an object"},
        {"{\"add\":[]}", "'add' is array, not an object"},
        {"[]", "an action is array, not an object"},
        {"{\"txn\":{\"appId\":\"x\"}}", "'version' is not a whole number"},
        {"{\"protocol\":{\"minReaderVersion\":1}}", "'minWriterVersion' is missing"},
        {"{\"metaData\":{\"id\":\"1\",\"schemaString\":\"{}\"}}",
         "the schema is not a struct with fields"},
        {"{\"metaData\":{\"id\":\"1\",\"schemaString\":\"{\\\"type\\\":\\\"struct\\\","
         "\\\"fields\\\":[]}\",\"format\":{\"provider\":\"orc\"}}}",
         "the data files are not Parquet: 'format' is \"orc\""},
    };
    write_commit(fixture, 0, PROTOCOL METADATA);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char *text = pn_xasprintf("%s%s\n", ADD("a"), lines[i].line);
        write_commit(fixture, 1, text);
        char *message =
            pn_xasprintf("t/_delta_log/00000000000000000001.json line 2: %s", lines[i].message);
        assert_refused(fixture->table, -1, PN_CLASS_CORRUPT, message);
        free(message);
        free(text);
    }
}

/* --- what is missing ------------------------------------------------------------------------- */

static void test_no_table_and_no_version(void **state)
{
    struct delta_fixture *fixture = *state;
    assert_refused(fixture->table, -1, PN_CLASS_MISSING,
                   "there is no Delta table at t (its _delta_log is empty)");
    assert_refused(fixture->table, 3, PN_CLASS_MISSING,
                   "there is no Delta table at t (its _delta_log is empty)");
    write_commit(fixture, 0, PROTOCOL METADATA);
    write_commit(fixture, 1, ADD("a"));
    assert_refused(fixture->table, 5, PN_CLASS_MISSING,
                   "t has no version 5: the oldest is 0, the newest 1");
}

static void test_a_gap_is_named(void **state)
{
    struct delta_fixture *fixture = *state;
    write_commit(fixture, 0, PROTOCOL METADATA);
    write_commit(fixture, 1, ADD("a"));
    write_commit(fixture, 3, ADD("c"));
    assert_refused(fixture->table, -1, PN_CLASS_CORRUPT,
                   "the log of t has a gap: version 2 is missing "
                   "(t/_delta_log/00000000000000000002.json)");
    delta_assert_live(fixture->table, 1, "a");
    delta_remove(fixture, "00000000000000000000.json");
    assert_refused(fixture->table, -1, PN_CLASS_CORRUPT,
                   "the log of t has a gap: version 0 is missing, and there is no checkpoint");
}

static void test_a_first_commit_without_metadata(void **state)
{
    struct delta_fixture *fixture = *state;
    write_commit(fixture, 0, PROTOCOL);
    assert_refused(fixture->table, -1, PN_CLASS_CORRUPT,
                   "the log of t has no metadata up to version 0");
}

/* --- checkpoints ----------------------------------------------------------------------------- */

/* Versions 0 to 3 of files a to d. */
static void write_four(const struct delta_fixture *fixture)
{
    write_commit(fixture, 0, PROTOCOL METADATA ADD("a"));
    write_commit(fixture, 1, ADD("b"));
    write_commit(fixture, 2, REMOVE("a") ADD("c"));
    write_commit(fixture, 3, ADD("d"));
}

#define CHECKPOINT_2 PROTOCOL METADATA ADD("b") ADD("c") REMOVE("a")

static void test_a_checkpoint_carries_a_log_that_was_cut(void **state)
{
    struct delta_fixture *fixture = *state;
    write_four(fixture);
    write_checkpoint(fixture, "00000000000000000002.checkpoint.parquet", CHECKPOINT_2);
    delta_remove(fixture, "00000000000000000000.json");
    delta_remove(fixture, "00000000000000000001.json");
    delta_assert_live(fixture->table, -1, "b,c,d");
    delta_assert_live(fixture->table, 2, "b,c");
    assert_refused(fixture->table, 1, PN_CLASS_MISSING,
                   "t has no version 1 any more: the oldest is 2, the newest 3");
    delta_remove(fixture, "00000000000000000002.json");
    delta_assert_live(fixture->table, 2, "b,c");
    delta_write_text(fixture, "_last_checkpoint", "{\"version\":2,\"size\":5}");
    delta_assert_live(fixture->table, -1, "b,c,d");
    assert_refused(fixture->table, 4, PN_CLASS_MISSING,
                   "t has no version 4: the oldest is 2, the newest 3");
}

static void test_hints_that_lead_astray(void **state)
{
    struct delta_fixture *fixture = *state;
    static const char *const hints[] = {"",
                                        "{",
                                        "{\"version\":",
                                        "[]",
                                        "{}",
                                        "\0x",
                                        "{\"version\":-3}",
                                        "{\"version\":\"2\"}",
                                        "{\"version\":3}",
                                        "{\"version\":999999999999}"};
    write_four(fixture);
    write_checkpoint(fixture, "00000000000000000002.checkpoint.parquet", CHECKPOINT_2);
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        delta_write_text(fixture, "_last_checkpoint", hints[i]);
        delta_assert_live(fixture->table, -1, "b,c,d");
        delta_assert_live(fixture->table, 1, "a,b");
    }
}

static void test_a_damaged_checkpoint_is_passed_over(void **state)
{
    struct delta_fixture *fixture = *state;
    write_four(fixture);
    write_checkpoint(fixture, "00000000000000000001.checkpoint.parquet",
                     PROTOCOL METADATA ADD("a") ADD("b"));
    delta_write_text(fixture, "00000000000000000002.checkpoint.parquet", "PAR1 and nothing else");
    delta_write_text(fixture, "_last_checkpoint", "{\"version\":2,\"size\":5}");
    delta_assert_live(fixture->table, -1, "b,c,d");
    /* ... also one that is whole, but no state of a table. */
    write_checkpoint(fixture, "00000000000000000002.checkpoint.parquet", ADD("b"));
    delta_assert_live(fixture->table, -1, "b,c,d");
    delta_remove(fixture, "00000000000000000001.checkpoint.parquet");
    delta_assert_live(fixture->table, -1, "b,c,d");
    /* With nothing older left, the damage is an error. */
    delta_remove(fixture, "00000000000000000000.json");
    assert_refused(fixture->table, -1, PN_CLASS_CORRUPT,
                   "the checkpoint t/_delta_log/00000000000000000002.checkpoint.parquet has no "
                   "protocol");
}

static void test_a_checkpoint_in_parts(void **state)
{
    struct delta_fixture *fixture = *state;
    write_four(fixture);
    write_checkpoint(fixture, "00000000000000000002.checkpoint.0000000001.0000000002.parquet",
                     PROTOCOL ADD("b"));
    delta_remove(fixture, "00000000000000000000.json");
    /* One part alone is none. */
    assert_refused(fixture->table, -1, PN_CLASS_CORRUPT,
                   "the log of t has a gap: version 0 is missing, and there is no checkpoint");
    write_checkpoint(fixture, "00000000000000000002.checkpoint.0000000002.0000000002.parquet",
                     METADATA ADD("c"));
    /* Leftovers of another writer's attempt don't count. */
    write_checkpoint(fixture, "00000000000000000002.checkpoint.0000000001.0000000003.parquet",
                     ADD("x"));
    delta_assert_live(fixture->table, -1, "b,c,d");
}

static void test_checkpoints_named_by_a_uuid(void **state)
{
    struct delta_fixture *fixture = *state;
    write_four(fixture);
    write_checkpoint(fixture, "_sidecars/one.parquet", ADD("b"));
    write_checkpoint(fixture, "_sidecars/t%20wo.parquet", ADD("c") REMOVE("a"));
    static const char name[] =
        "00000000000000000002.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.%s";
    static const char text[] =
        PROTOCOL METADATA "{\"checkpointMetadata\":{\"version\":2}}\n"
                          "{\"txn\":{\"appId\":\"app\",\"version\":4}}\n"
                          "{\"sidecar\":{\"path\":\"one.parquet\",\"sizeInBytes\":1}}\n"
                          "{\"sidecar\":{\"path\":\"_delta_log/_sidecars/t%2520wo.parquet\"}}";
    char file[128];
    snprintf(file, sizeof file, name, "json");
    delta_write_text(fixture, file, text);
    delta_remove(fixture, "00000000000000000000.json");
    delta_assert_live(fixture->table, -1, "b,c,d");
    delta_remove(fixture, file);
    snprintf(file, sizeof file, name, "parquet");
    write_checkpoint(fixture, file, text);
    delta_assert_live(fixture->table, -1, "b,c,d");
    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    assert_int_equal(pn_delta_txn_version(snapshot, "app"), 4);
    pn_delta_snapshot_destroy(&snapshot);
    delta_remove(fixture, "_sidecars/one.parquet");
    struct pn_err e = {0};
    assert_int_not_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, &e), 0);
    assert_non_null(strstr(e.msg, "_sidecars/one.parquet"));
}

/* --- time travel ----------------------------------------------------------------------------- */

static void test_versions_by_time(void **state)
{
    struct delta_fixture *fixture = *state;
    write_four(fixture);
    delta_touch(fixture, "00000000000000000000.json", 1000000);
    delta_touch(fixture, "00000000000000000001.json", 2000000);
    delta_touch(fixture, "00000000000000000002.json", 1500000); /* the clock went back */
    delta_touch(fixture, "00000000000000000003.json", 3000000);
    static const struct {
        int64_t time_ms;
        int64_t version;
    } cases[] = {{1000000, 0}, {1999999, 0}, {2000000, 1}, {2000001, 2},
                 {2999999, 2}, {3000000, 3}, {9000000, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pn_delta_snapshot *snapshot = NULL;
        assert_int_equal(pn_delta_snapshot_at(fixture->table, cases[i].time_ms, &snapshot, NULL),
                         0);
        assert_int_equal(snapshot->version, cases[i].version);
        pn_delta_snapshot_destroy(&snapshot);
    }
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err e = {0};
    assert_int_not_equal(pn_delta_snapshot_at(fixture->table, 999999, &snapshot, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_MISSING);
    assert_string_equal(e.msg, "t has no version as old as 1970-01-01T00:16:39.999Z: the oldest "
                               "available is 0 of 1970-01-01T00:16:40.000Z");
}

#define STAMP(time) "{\"commitInfo\":{\"inCommitTimestamp\":" #time "}}\n"

static void test_versions_by_their_own_stamp(void **state)
{
    struct delta_fixture *fixture = *state;
    write_commit(fixture, 0, PROTOCOL METADATA);
    write_commit(fixture, 1, ADD("a"));
    write_commit(fixture, 2,
                 STAMP(5000) METADATA_WITH("\"delta.enableInCommitTimestamps\":\"true\","
                                           "\"delta.inCommitTimestampEnablementVersion\":\"2\""));
    write_commit(fixture, 3, STAMP(6000) ADD("b"));
    delta_touch(fixture, "00000000000000000000.json", 1000);
    delta_touch(fixture, "00000000000000000001.json", 2000);
    delta_touch(fixture, "00000000000000000002.json", 900000);
    delta_touch(fixture, "00000000000000000003.json", 900000);
    static const struct {
        int64_t time_ms;
        int64_t version;
    } cases[] = {{1000, 0}, {4999, 1}, {5000, 2}, {5999, 2}, {6000, 3}, {800000, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pn_delta_snapshot *snapshot = NULL;
        assert_int_equal(pn_delta_snapshot_at(fixture->table, cases[i].time_ms, &snapshot, NULL),
                         0);
        assert_int_equal(snapshot->version, cases[i].version);
        if (snapshot->version >= 2) {
            assert_int_equal(snapshot->timestamp_ms, snapshot->version == 2 ? 5000 : 6000);
        }
        pn_delta_snapshot_destroy(&snapshot);
    }
}

/* --- features -------------------------------------------------------------------------------- */

#define DV                                                                                     \
    "{\"add\":{\"path\":\"a\",\"partitionValues\":{},\"size\":9,\"dataChange\":true,"          \
    "\"deletionVector\":{\"storageType\":\"u\",\"pathOrInlineDv\":\"ab^-aqEH.-t@S}K{vb[*k^\"," \
    "\"offset\":4,\"sizeInBytes\":40,\"cardinality\":6}}}\n"
#define FEATURES(reader, writer)                                                               \
    "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":[" reader \
    "],\"writerFeatures\":[" writer "]}}\n"
#define CANNOT_READ(feature)                             \
    "t cannot be read: the Delta table feature " feature \
    " is not supported here; use the engine that made the table"
#define CANNOT_WRITE(feature)                               \
    "t cannot be written: the Delta table feature " feature \
    " is not supported here; use the engine that made the table"

struct demand {
    const char *commit;
    const char *reader; /* the message, NULL: can be read */
    const char *writer;
};

static void test_features_that_are_known_and_others(void **state)
{
    struct delta_fixture *fixture = *state;
    static const struct demand demands[] = {
        {FEATURES("\"timestampNtz\",\"v2Checkpoint\",\"vacuumProtocolCheck\"",
                  "\"timestampNtz\",\"v2Checkpoint\",\"vacuumProtocolCheck\",\"appendOnly\","
                  "\"invariants\",\"checkConstraints\"") METADATA,
         NULL, NULL},
        {FEATURES("\"someNewThing\"", "\"someNewThing\"") METADATA, CANNOT_READ("someNewThing"),
         CANNOT_READ("someNewThing")},
        {FEATURES("", "\"rowTracking\"") METADATA, NULL, CANNOT_WRITE("rowTracking")},
        {FEATURES("\"deletionVectors\"", "\"deletionVectors\"") METADATA, NULL, NULL},
        {FEATURES("\"deletionVectors\"", "\"deletionVectors\"") METADATA DV, NULL, NULL},
        {FEATURES("\"columnMapping\"", "\"columnMapping\"")
             METADATA_WITH("\"delta.columnMapping.mode\":\"none\""),
         NULL, NULL},
        {FEATURES("\"columnMapping\"", "\"columnMapping\"")
             METADATA_WITH("\"delta.columnMapping.mode\":\"name\""),
         NULL, CANNOT_WRITE("columnMapping")},
        {"{\"protocol\":{\"minReaderVersion\":2,\"minWriterVersion\":5}}\n" METADATA_WITH(
             "\"delta.columnMapping.mode\":\"id\""),
         NULL, CANNOT_WRITE("columnMapping")},
        {"{\"protocol\":{\"minReaderVersion\":2,\"minWriterVersion\":5}}\n" METADATA, NULL, NULL},
        {"{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":3}}\n" METADATA_WITH(
             "\"delta.constraints.positive\":\"id > 0\""),
         NULL, CANNOT_WRITE("checkConstraints")},
        {"{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":4}}\n" METADATA_WITH(
             "\"delta.enableChangeDataFeed\":\"true\""),
         NULL, CANNOT_WRITE("changeDataFeed")},
        {FEATURES("", "\"inCommitTimestamp\"")
             METADATA_WITH("\"delta.enableInCommitTimestamps\":\"true\""),
         NULL, CANNOT_WRITE("inCommitTimestamp")},
        {"{\"protocol\":{\"minReaderVersion\":4,\"minWriterVersion\":7}}\n" METADATA,
         "t cannot be read: it needs Delta reader version 4, the newest known here is 3",
         "t cannot be read: it needs Delta reader version 4, the newest known here is 3"},
        {"{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":8}}\n" METADATA, NULL,
         "t cannot be written: it needs Delta writer version 8, the newest known here is 7"},
    };
    for (size_t i = 0; i < sizeof demands / sizeof *demands; i++) {
        write_commit(fixture, 0, demands[i].commit);
        delta_fixture_reopen(fixture);
        if (demands[i].reader != NULL) {
            assert_refused(fixture->table, -1, PN_CLASS_INPUT, demands[i].reader);
        } else {
            delta_assert_live(fixture->table, -1,
                              strstr(demands[i].commit, "\"add\"") != NULL ? "a" : "");
        }
        struct pn_delta_file file = delta_file("new", 1);
        const struct pn_delta_commit commit = {
            .mode = PN_DELTA_OVERWRITE, .operation = "WRITE", .adds = &file, .add_count = 1};
        int64_t version = -1;
        struct pn_err e = {0};
        int rc = pn_delta_commit(fixture->table, &commit, &version, &e);
        assert_string_equal(e.msg, demands[i].writer != NULL ? demands[i].writer : "");
        assert_int_equal(rc != 0, demands[i].writer != NULL);
        if (rc == 0) {
            delta_remove(fixture, "00000000000000000001.json");
        }
    }
}

static void test_deletion_vectors_tell_files_apart(void **state)
{
    struct delta_fixture *fixture = *state;
    write_commit(fixture, 0,
                 FEATURES("\"deletionVectors\"", "\"deletionVectors\"") METADATA ADD("a"));
    /* The first one had none: (a, null) goes, (a, dv) comes ... */
    write_commit(fixture, 1, REMOVE("a") DV);
    delta_assert_live(fixture->table, -1, "a");
    /* ... and is cleaned away. */
    write_commit(fixture, 2,
                 "{\"remove\":{\"path\":\"a\",\"dataChange\":true,\"deletionVector\":{"
                 "\"storageType\":\"u\",\"pathOrInlineDv\":\"ab^-aqEH.-t@S}K{vb[*k^\","
                 "\"offset\":4,\"sizeInBytes\":40,\"cardinality\":6}}}\n" ADD("b"));
    delta_assert_live(fixture->table, -1, "b");
    delta_assert_live(fixture->table, 0, "a");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, delta_set_up, delta_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_log_as_spark_writes_it),
        TEST(test_the_newest_reference_counts),
        TEST(test_a_remove_keeps_the_path_as_it_was_written),
        TEST(test_damaged_lines_are_named),
        TEST(test_no_table_and_no_version),
        TEST(test_a_gap_is_named),
        TEST(test_a_first_commit_without_metadata),
        TEST(test_a_checkpoint_carries_a_log_that_was_cut),
        TEST(test_hints_that_lead_astray),
        TEST(test_a_damaged_checkpoint_is_passed_over),
        TEST(test_a_checkpoint_in_parts),
        TEST(test_checkpoints_named_by_a_uuid),
        TEST(test_versions_by_time),
        TEST(test_versions_by_their_own_stamp),
        TEST(test_features_that_are_known_and_others),
        TEST(test_deletion_vectors_tell_files_apart),
    };
    return cmocka_run_group_tests_name("delta/snapshot", tests, NULL, NULL);
}
