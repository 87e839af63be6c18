/* Deletion vectors that are written: what they mark, what the commit says, and of which protocol
 * the table is then. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/delta_fixture.h"

#define STATS "{\"numRecords\":100,\"minValues\":{\"id\":1},\"tightBounds\":true}"

static void append_two(struct delta_fixture *fixture)
{
    struct pn_delta_file files[] = {delta_file("a", 100), delta_file("b", 100)};
    files[0].stats = files[1].stats = STATS;
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .adds = files,
                                           .add_count = 2};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
}

static struct pn_delta_snapshot *newest(struct delta_fixture *fixture)
{
    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    return snapshot;
}

static int commit_marks(struct delta_fixture *fixture, const struct pn_delta_vectors *vectors,
                        struct pn_err *e)
{
    const struct pn_delta_commit commit = {
        .mode = PN_DELTA_REPLACE, .operation = "MERGE", .vectors = vectors};
    int64_t version = -1;
    return pn_delta_commit(fixture->table, &commit, &version, e);
}

/* Marks rows of the snapshot's files "a" and "b", and commits. */
static int mark(struct delta_fixture *fixture, const struct pn_delta_snapshot *snapshot,
                const int64_t *rows, size_t count, struct pn_err *e)
{
    struct pn_delta_vectors *vectors = pn_delta_vectors_create(fixture->table);
    for (size_t i = 0; i < snapshot->file_count; i++) {
        assert_true(pn_delta_vectors_can_mark(&snapshot->files[i]));
        assert_int_equal(pn_delta_vectors_mark(vectors, &snapshot->files[i], rows, count, NULL), 0);
    }
    int rc = pn_delta_vectors_write(vectors, e);
    rc = rc == 0 ? commit_marks(fixture, vectors, e) : rc;
    if (rc != 0) {
        pn_delta_vectors_undo(vectors, rc);
    }
    pn_delta_vectors_destroy(&vectors);
    return rc;
}

static int add_row(void *arg, int64_t row)
{
    char *text = arg;
    size_t len = strlen(text);
    (void)snprintf(text + len, 64 - len, "%lld ", (long long)row);
    return 0;
}

static void assert_marked(struct delta_fixture *fixture, const char *expected, int64_t live)
{
    struct pn_delta_snapshot *snapshot = newest(fixture);
    assert_int_equal(snapshot->file_count, 2);
    for (size_t i = 0; i < 2; i++) {
        char text[64] = "";
        const struct pn_delta_file *file = &snapshot->files[i];
        assert_int_equal(pn_delta_deleted_rows(fixture->table, file, add_row, text, NULL), 0);
        assert_string_equal(text, expected);
        assert_int_equal(file->num_records, live);
        assert_int_equal(file->num_deleted, 100 - live);
    }
    pn_delta_snapshot_destroy(&snapshot);
}

static int count_vector(void *arg, const struct pn_object *object)
{
    size_t *count = arg;
    *count += strstr(object->key, "deletion_vector_") != NULL;
    return 0;
}

/* The files of vectors in the table's folder. */
static size_t count_vectors(struct delta_fixture *fixture)
{
    size_t count = 0;
    assert_int_equal(pn_store_list(fixture->store, "t/", NULL, count_vector, &count, NULL), 0);
    return count;
}

static void test_rows_are_marked_and_then_more(void **state)
{
    struct delta_fixture *fixture = *state;
    static const int64_t first[] = {0, 7, 99};
    static const int64_t more[] = {7, 8};
    append_two(fixture);
    struct pn_delta_snapshot *before = newest(fixture);
    assert_int_equal(mark(fixture, before, first, 3, NULL), 0);
    assert_marked(fixture, "0 7 99 ", 97);
    struct pn_delta_snapshot *after = newest(fixture);
    assert_non_null(strstr(after->files[0].stats, "\"tightBounds\":false"));
    assert_null(strstr(after->files[0].stats, "\"tightBounds\":true"));
    assert_non_null(strstr(after->files[0].stats, "\"minValues\":{\"id\":1}"));
    assert_int_equal(mark(fixture, after, more, 2, NULL), 0);
    assert_marked(fixture, "0 7 8 99 ", 96);

    /* Who knows an older state is refused, and leaves nothing. */
    struct pn_err e = {.msg = ""};
    assert_int_equal(count_vectors(fixture), 2);
    assert_int_not_equal(mark(fixture, after, more, 2, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    assert_int_not_equal(mark(fixture, before, more, 2, &e), 0);
    assert_int_equal(count_vectors(fixture), 2);
    assert_marked(fixture, "0 7 8 99 ", 96);
    pn_delta_snapshot_destroy(&before);
    pn_delta_snapshot_destroy(&after);
}

static bool has(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

#define LINES(protocol)                                                                         \
    "{\"protocol\":" protocol "}\n{\"metaData\":{\"id\":\"m\",\"format\":{\"provider\":"        \
    "\"parquet\",\"options\":{}},\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\"  \
    "\":[]}\",\"partitionColumns\":[],\"configuration\":{\"delta.enableDeletionVectors\":"      \
    "\"false\",\"other\":\"x\"}}}\n{\"add\":{\"path\":\"a\",\"partitionValues\":{},\"size\":5," \
    "\"modificationTime\":1,\"dataChange\":true,\"stats\":\"{\\\"numRecords\\\":10}\"}}\n"

static void test_the_protocol_asks_for_vectors(void **state)
{
    struct delta_fixture *fixture = *state;
    static const struct {
        const char *commit;
        const char *readers; /* besides deletionVectors */
        const char *writers;
    } cases[] = {
        {LINES("{\"minReaderVersion\":1,\"minWriterVersion\":2}"), "", "appendOnly invariants"},
        {LINES("{\"minReaderVersion\":1,\"minWriterVersion\":4}"), "",
         "appendOnly invariants checkConstraints changeDataFeed generatedColumns"},
        {LINES("{\"minReaderVersion\":2,\"minWriterVersion\":5}"), "columnMapping",
         "appendOnly invariants checkConstraints changeDataFeed generatedColumns columnMapping"},
        {LINES("{\"minReaderVersion\":1,\"minWriterVersion\":7,\"writerFeatures\":["
               "\"appendOnly\"]}"),
         "", "appendOnly"},
        {LINES("{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":["
               "\"timestampNtz\"],\"writerFeatures\":[\"timestampNtz\"]}"),
         "timestampNtz", "timestampNtz"},
        {LINES("{\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":["
               "\"deletionVectors\"],\"writerFeatures\":[\"deletionVectors\"]}"),
         "", ""},
    };
    static const int64_t rows[] = {3};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)delta_file("a", 10); /* makes it */
        delta_write_text(fixture, "00000000000000000000.json", cases[i].commit);
        delta_fixture_reopen(fixture);
        struct pn_delta_snapshot *snapshot = newest(fixture);
        assert_int_equal(mark(fixture, snapshot, rows, 1, NULL), 0);
        pn_delta_snapshot_destroy(&snapshot);
        delta_fixture_reopen(fixture);
        snapshot = newest(fixture);
        const struct pn_delta_protocol *protocol = &snapshot->protocol;
        assert_int_equal(protocol->min_reader_version, 3);
        assert_int_equal(protocol->min_writer_version, 7);
        char names[200] = "";
        size_t count = 1;
        (void)snprintf(names, sizeof names, "%s", cases[i].writers);
        for (char *name = strtok(names, " "); name != NULL; name = strtok(NULL, " "), count++) {
            assert_true(has(protocol->writer_features, protocol->writer_feature_count, name));
        }
        assert_int_equal(protocol->writer_feature_count, count);
        assert_true(has(protocol->writer_features, count, "deletionVectors"));
        count = 1 + (cases[i].readers[0] != '\0');
        assert_int_equal(protocol->reader_feature_count, count);
        assert_true(has(protocol->reader_features, count, "deletionVectors"));
        assert_true(count == 1 || has(protocol->reader_features, count, cases[i].readers));
        assert_int_equal(snapshot->metadata.configuration_count, 2);
        for (size_t k = 0; k < 2; k++) {
            bool is_ours =
                strcmp(snapshot->metadata.configuration[k].key, "delta.enableDeletionVectors") == 0;
            assert_string_equal(snapshot->metadata.configuration[k].value, is_ours ? "true" : "x");
        }
        pn_delta_snapshot_destroy(&snapshot);
        delta_remove(fixture, "00000000000000000001.json");
    }
}

static void test_files_whose_rows_are_not_known_are_not_marked(void **state)
{
    (void)state;
    struct pn_delta_file file = {.path = "a", .num_records = -1, .stats = "{}"};
    assert_false(pn_delta_vectors_can_mark(&file));
    file = (struct pn_delta_file){.path = "a", .num_records = 5};
    assert_false(pn_delta_vectors_can_mark(&file));
    file = (struct pn_delta_file){
        .path = "a", .num_records = UINT32_MAX, .num_deleted = 1, .stats = "{}"};
    assert_false(pn_delta_vectors_can_mark(&file));
}

/* The vectors are there whole, and the table is readable, or it is as it was. */
static void test_every_call_fails_in_turn(void **state)
{
    struct delta_fixture *fixture = *state;
    static const int64_t rows[] = {1, 2};
    bool fired = true;
    append_two(fixture);
    for (int64_t nth = 1; fired; nth++) {
        struct pn_err e = {.msg = ""};
        struct pn_delta_snapshot *before = newest(fixture);
        fault_io_fail(&fixture->fault, FAULT_ANY, nth, EIO, FAULT_ONCE);
        int rc = mark(fixture, before, rows, 2, &e);
        fired = fault_io_fired(&fixture->fault);
        fault_io_fail(&fixture->fault, FAULT_ANY, 0, 0, FAULT_ONCE);
        pn_delta_snapshot_destroy(&before);
        delta_fixture_reopen(fixture);
        before = newest(fixture);
        assert_int_equal(before->version, rc == 0 ? 1 : 0);
        pn_delta_snapshot_destroy(&before);
        if (rc == 0) {
            assert_marked(fixture, "1 2 ", 98);
            delta_remove(fixture, "00000000000000000001.json");
            delta_fixture_reopen(fixture);
        }
        assert_true(nth < 500);
    }
    assert_int_equal(fault_io_open_count(&fixture->fault), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_are_marked_and_then_more, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test_setup_teardown(test_the_protocol_asks_for_vectors, delta_set_up,
                                        delta_tear_down),
        cmocka_unit_test(test_files_whose_rows_are_not_known_are_not_marked),
        cmocka_unit_test_setup_teardown(test_every_call_fails_in_turn, delta_set_up,
                                        delta_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
