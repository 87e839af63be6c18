/*
 * Commits: their bytes against golden files, what each mode does, and who wins when two handles
 * are in each other's way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "delta/replay.h"
#include "support/delta_fixture.h"

/* --- golden commits -------------------------------------------------------------------------- */

/* Puts `word` for the value after `key`, where the text has it. */
static void hide(char *text, const char *key, const char *word)
{
    char *at = strstr(text, key);
    if (at == NULL) {
        return;
    }
    at += strlen(key);
    size_t len = strcspn(at, "\"");
    memmove(at + strlen(word), at + len, strlen(at + len) + 1);
    memcpy(at, word, strlen(word));
}

/* The commit must be the golden file, but for what is random in it: two UUIDs, and the sum over
 * one of them. */
static void assert_golden(const struct delta_fixture *fixture, const char *name, const char *golden)
{
    char *actual = delta_read(fixture, name, NULL);
    assert_non_null(actual);
    hide(actual, "\"txnId\":\"", "<txn>");
    hide(actual, "\"metaData\":{\"id\":\"", "<id>");
    if (strstr(actual, "<id>") != NULL) {
        hide(actual, "\"actionsCrc32c\":\"", "<sum>");
    }
    char *path = pn_xasprintf("%s/test/unit/delta/golden/%s", PINION_SOURCE_DIR, golden);
    struct pn_buf expected;
    pn_buf_init(&expected, 1 << 20);
    if (pn_io_read_file(pn_io_system(), path, &expected, NULL) != 0) {
        fputs(actual, stderr);
        fail_msg("there is no %s; the commit is above", path);
    }
    assert_string_equal(actual, pn_buf_text(&expected));
    pn_buf_deinit(&expected);
    free(path);
    free(actual);
}

static void test_golden_create_append_overwrite(void **state)
{
    struct delta_fixture *fixture = *state;
    const char *columns[] = {"word"};
    struct pn_delta_map_entry values[] = {{"word", "a \"b\" é/%"}};
    struct pn_delta_map_entry nulls[] = {{"word", NULL}};
    struct pn_delta_file files[] = {delta_file("word=a b/one two%.parquet", 3),
                                    delta_file("two.parquet", 4)};
    files[0].partition_values = values;
    files[0].partition_value_count = 1;
    files[0].stats = "{\"numRecords\":3,\"nullCount\":{\"id\":0}}";
    files[1].partition_values = nulls;
    files[1].partition_value_count = 1;
    struct pn_delta_commit commit = {.mode = PN_DELTA_OVERWRITE,
                                     .operation = "CREATE TABLE AS SELECT",
                                     .schema = DELTA_SCHEMA,
                                     .partition_columns = columns,
                                     .partition_column_count = 1,
                                     .name = "words",
                                     .adds = files,
                                     .add_count = 2};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    assert_int_equal(version, 0);
    assert_golden(fixture, "00000000000000000000.json", "create.json");

    const struct pn_delta_txn txn = {
        .app_id = "words-0", .version = 41, .updated_ms = DELTA_TIME_MS};
    files[1].path = delta_file("three.parquet", 4).path;
    commit.mode = PN_DELTA_APPEND;
    commit.operation = "WRITE";
    commit.adds = &files[1];
    commit.add_count = 1;
    commit.txns = &txn;
    commit.txn_count = 1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    assert_golden(fixture, "00000000000000000001.json", "append.json");

    pn_fake_clock_advance(&fixture->clock, 1000);
    files[1].path = delta_file("four.parquet", 4).path;
    commit.mode = PN_DELTA_OVERWRITE;
    commit.txn_count = 0;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    assert_golden(fixture, "00000000000000000002.json", "overwrite.json");
    delta_assert_live(fixture->table, -1, "four.parquet");
}

static void test_golden_rewrite(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a.parquet", 1);
    delta_append(fixture, "b.parquet", 2);
    struct pn_delta_file whole = delta_file("ab.parquet", 3);
    struct pn_delta_file parts[] = {delta_file("b.parquet", 2), delta_file("a.parquet", 1)};
    const struct pn_delta_commit commit = {.mode = PN_DELTA_REWRITE,
                                           .operation = "OPTIMIZE",
                                           .adds = &whole,
                                           .add_count = 1,
                                           .removes = parts,
                                           .remove_count = 2};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    assert_golden(fixture, "00000000000000000002.json", "rewrite.json");
    delta_assert_live(fixture->table, -1, "ab.parquet");
    delta_assert_live(fixture->table, 1, "a.parquet,b.parquet");
}

static void test_crc32c_is_the_known_one(void **state)
{
    (void)state;
    assert_int_equal(pn_delta_crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(pn_delta_crc32c("", 0), 0);
}

/* --- modes ----------------------------------------------------------------------------------- */

static void test_paths_come_back_decoded(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "d=2026-01-01 10%3A00/é ü+&#?.parquet", 1);
    delta_assert_live(fixture->table, -1, "d=2026-01-01 10%3A00/é ü+&#?.parquet");
    char *text = delta_read(fixture, "00000000000000000000.json", NULL);
    assert_non_null(
        strstr(text, "\"d=2026-01-01%2010%253A00/%C3%A9%20%C3%BC%2B%26%23%3F.parquet\""));
    free(text);
}

static void test_overwrite_replaces_a_differing_schema(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a.parquet", 1);
    delta_overwrite(fixture, "b.parquet", 1);
    char *text = delta_read(fixture, "00000000000000000001.json", NULL);
    assert_null(strstr(text, "metaData"));
    free(text);

    struct pn_delta_file file = delta_file("c.parquet", 1);
    const struct pn_delta_commit commit = {
        .mode = PN_DELTA_OVERWRITE,
        .operation = "WRITE",
        .schema = "{\"type\":\"struct\",\"fields\":[{\"name\":\"other\",\"type\":\"double\","
                  "\"nullable\":true,\"metadata\":{}}]}",
        .adds = &file,
        .add_count = 1};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    struct pn_delta_snapshot *before = NULL;
    struct pn_delta_snapshot *after = NULL;
    assert_int_equal(pn_delta_snapshot(fixture->table, 1, &before, NULL), 0);
    assert_int_equal(pn_delta_snapshot(fixture->table, 2, &after, NULL), 0);
    assert_string_equal(before->metadata.schema, DELTA_SCHEMA);
    assert_string_equal(after->metadata.schema, commit.schema);
    assert_string_equal(before->metadata.id, after->metadata.id);
    pn_delta_snapshot_destroy(&before);
    pn_delta_snapshot_destroy(&after);
}

struct refusal {
    const char *what;
    const char *schema;
    const char *message;
};

static void test_append_refuses_rows_that_do_not_fit(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a.parquet", 1);
    static const struct refusal refusals[] = {
        {"an unknown column",
         "{\"type\":\"struct\",\"fields\":[{\"name\":\"x\",\"type\":\"long\",\"nullable\":true}]}",
         "t: the table has no column 'x'"},
        {"another type", "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"}]}",
         "t: the table's column 'id' is \"long\", not \"string\""},
        {"no schema", "[]", "t: the schema is not a struct with fields"},
        {"no JSON", "{", "t: the schema: invalid JSON at byte "},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct pn_delta_file file = delta_file("b.parquet", 1);
        const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                               .operation = "WRITE",
                                               .schema = refusals[i].schema,
                                               .adds = &file,
                                               .add_count = 1};
        struct pn_err e = {0};
        int64_t version = -1;
        assert_int_not_equal(pn_delta_commit(fixture->table, &commit, &version, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
        if (strncmp(e.msg, refusals[i].message, strlen(refusals[i].message)) != 0) {
            fail_msg("%s: %s", refusals[i].what, e.msg);
        }
    }
    assert_false(delta_exists(fixture, "00000000000000000001.json"));
}

static int commit_file(struct pn_delta *table, enum pn_delta_mode mode, const char *path,
                       struct pn_err *e)
{
    struct pn_delta_file file = delta_file(path, 1);
    const struct pn_delta_commit commit = {
        .mode = mode, .operation = "WRITE", .schema = DELTA_SCHEMA, .adds = &file, .add_count = 1};
    int64_t version = -1;
    return pn_delta_commit(table, &commit, &version, e);
}

static void test_bad_paths_are_refused(void **state)
{
    struct delta_fixture *fixture = *state;
    static const char *const paths[] = {"",          "/x.parquet", "../x.parquet",
                                        "a/../../x", "s3://b/x",   "a/.."};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct pn_err e = {0};
        assert_int_not_equal(commit_file(fixture->table, PN_DELTA_APPEND, paths[i], &e), 0);
        assert_int_equal(e.class_, PN_CLASS_INPUT);
    }
    struct pn_delta_file twice[] = {delta_file("x.parquet", 1), delta_file("x.parquet", 1)};
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .adds = twice,
                                           .add_count = 2};
    int64_t version = -1;
    struct pn_err e = {0};
    assert_int_not_equal(pn_delta_commit(fixture->table, &commit, &version, &e), 0);
    assert_string_equal(e.msg, "t: x.parquet is added twice in one commit");
}

static void test_append_only_is_kept(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_write_text(fixture, "00000000000000000000.json",
                     "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
                     "{\"metaData\":{\"id\":\"x\",\"format\":{\"provider\":\"parquet\"},"
                     "\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":["
                     "{\\\"name\\\":"
                     "\\\"id\\\",\\\"type\\\":\\\"long\\\",\\\"nullable\\\":true},{\\\"name\\\":"
                     "\\\"word\\\",\\\"type\\\":\\\"string\\\",\\\"nullable\\\":true}]}\","
                     "\"partitionColumns\":[],\"configuration\":{\"delta.appendOnly\":\"true\"}}}");
    delta_append(fixture, "a.parquet", 1);
    delta_append(fixture, "b.parquet", 1);
    struct pn_err e = {0};
    assert_int_not_equal(commit_file(fixture->table, PN_DELTA_OVERWRITE, "c.parquet", &e), 0);
    assert_string_equal(e.msg, "t is append-only (delta.appendOnly): it cannot be overwritten");
    delta_assert_live(fixture->table, -1, "a.parquet,b.parquet");
}

static void test_a_rewrite_keeps_every_row(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a.parquet", 5);
    struct pn_delta_file add = delta_file("b.parquet", 4);
    struct pn_delta_file remove = delta_file("a.parquet", 5);
    const struct pn_delta_commit commit = {.mode = PN_DELTA_REWRITE,
                                           .operation = "OPTIMIZE",
                                           .adds = &add,
                                           .add_count = 1,
                                           .removes = &remove,
                                           .remove_count = 1};
    int64_t version = -1;
    struct pn_err e = {0};
    /* The snapshot's own statistics count, so give the live file some. */
    struct pn_delta_file counted = delta_file("c.parquet", 3);
    counted.stats = "{\"numRecords\":3}";
    const struct pn_delta_commit append = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .adds = &counted,
                                           .add_count = 1};
    assert_int_equal(pn_delta_commit(fixture->table, &append, &version, NULL), 0);
    remove = delta_file("c.parquet", 3);
    assert_int_not_equal(pn_delta_commit(fixture->table, &commit, &version, &e), 0);
    assert_string_equal(e.msg, "t: the files to be replaced have 3 rows, their replacements 4; "
                               "nothing was written");
}

/* --- conflicts ------------------------------------------------------------------------------- */

/* What the second handle does after the first one has read the table and before it commits is the
 * same as before the first one's attempt: every attempt reads the newest state. */
static void test_two_handles_take_turns(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta *other = delta_fixture_open(fixture);
    struct pn_err e = {0};
    assert_int_equal(commit_file(fixture->table, PN_DELTA_APPEND, "a.parquet", &e), 0);
    assert_int_equal(commit_file(other, PN_DELTA_APPEND, "b.parquet", &e), 0);
    assert_int_equal(commit_file(fixture->table, PN_DELTA_APPEND, "c.parquet", &e), 0);
    delta_assert_live(other, -1, "a.parquet,b.parquet,c.parquet");
    assert_int_equal(commit_file(other, PN_DELTA_OVERWRITE, "d.parquet", &e), 0);
    assert_int_equal(commit_file(fixture->table, PN_DELTA_APPEND, "e.parquet", &e), 0);
    delta_assert_live(other, -1, "d.parquet,e.parquet");
    assert_int_equal(commit_file(fixture->table, PN_DELTA_OVERWRITE, "f.parquet", &e), 0);
    assert_int_equal(commit_file(other, PN_DELTA_OVERWRITE, "g.parquet", &e), 0);
    delta_assert_live(fixture->table, -1, "g.parquet");
    pn_delta_destroy(&other);
}

/* A store that lets somebody else in between the reading and the put of a commit. */
struct rival_store {
    struct pn_store store;
    struct pn_store *under;
    struct pn_delta *rival; /* on `under` */
    enum pn_delta_mode mode;
    const char *schema;
    const struct pn_delta_txn *txn;
    int left; /* how often it is faster */
};

static struct rival_store *rival_of(struct pn_store *store)
{
    return (struct rival_store *)store;
}

static int rival_put(struct pn_store *store, const char *key, const void *bytes, size_t len,
                     bool if_absent, struct pn_err *e)
{
    struct rival_store *self = rival_of(store);
    if (if_absent && self->left > 0) {
        char path[32];
        snprintf(path, sizeof path, "rival-%d.parquet", self->left--);
        struct pn_delta_file file = delta_file(path, 1);
        const struct pn_delta_commit commit = {.mode = self->mode,
                                               .operation = "WRITE",
                                               .schema = self->schema,
                                               .adds = &file,
                                               .add_count = 1,
                                               .txns = self->txn,
                                               .txn_count = self->txn != NULL};
        int64_t version = -1;
        assert_int_equal(pn_delta_commit(self->rival, &commit, &version, NULL), 0);
    }
    return self->under->ops->put(self->under, key, bytes, len, if_absent, e);
}

static int rival_get(struct pn_store *store, const char *key, struct pn_buf *out, struct pn_err *e)
{
    return pn_store_get(rival_of(store)->under, key, out, e);
}

static int rival_head(struct pn_store *store, const char *key, struct pn_object *object,
                      struct pn_err *e)
{
    return pn_store_head(rival_of(store)->under, key, object, e);
}

static int rival_list(struct pn_store *store, const char *prefix, const char *after,
                      int (*fn)(void *arg, const struct pn_object *object), void *arg,
                      struct pn_err *e)
{
    return pn_store_list(rival_of(store)->under, prefix, after, fn, arg, e);
}

static int rival_hold(struct pn_store *store, const char *key, char **held, struct pn_err *e)
{
    return pn_store_hold(rival_of(store)->under, key, held, e);
}

static int rival_restore(struct pn_store *store, const char *key, const char *held, bool *restored,
                         struct pn_err *e)
{
    return pn_store_restore(rival_of(store)->under, key, held, restored, e);
}

static int rival_release(struct pn_store *store, char **held, struct pn_err *e)
{
    return pn_store_release(rival_of(store)->under, held, e);
}

static const struct pn_store_ops rival_ops = {.name = "rival",
                                              .put = rival_put,
                                              .get = rival_get,
                                              .head = rival_head,
                                              .list = rival_list,
                                              .hold = rival_hold,
                                              .restore = rival_restore,
                                              .release = rival_release};

/* Commits by `commit` while a rival is faster `left` times. */
static int commit_against(struct delta_fixture *fixture, struct rival_store *rival,
                          const struct pn_delta_commit *commit, int64_t *version, struct pn_err *e)
{
    rival->store.ops = &rival_ops;
    rival->under = fixture->store;
    rival->rival = delta_fixture_open(fixture);
    rival->schema = rival->schema != NULL ? rival->schema : DELTA_SCHEMA;
    struct pn_delta *table = pn_delta_create(&rival->store, "t", NULL, &fixture->clock.clock,
                                             fixture->logger, &fixture->config);
    int rc = pn_delta_commit(table, commit, version, e);
    pn_delta_destroy(&table);
    pn_delta_destroy(&rival->rival);
    return rc;
}

static void test_append_against_faster_appends(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a.parquet", 1);
    struct pn_delta_file file = delta_file("b.parquet", 1);
    const struct pn_delta_commit commit = {
        .mode = PN_DELTA_APPEND, .operation = "WRITE", .adds = &file, .add_count = 1};
    struct rival_store rival = {.mode = PN_DELTA_APPEND, .left = 3};
    int64_t version = -1;
    assert_int_equal(commit_against(fixture, &rival, &commit, &version, NULL), 0);
    assert_int_equal(version, 4);
    delta_assert_live(fixture->table, -1,
                      "a.parquet,b.parquet,rival-1.parquet,rival-2.parquet,rival-3.parquet");
}

/* A folder, or a link that leads nowhere, is not another writer: waiting would not help. */
static void test_a_place_that_is_taken_by_no_commit(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta_file file = delta_file("b.parquet", 1);
    const struct pn_delta_commit commit = {
        .mode = PN_DELTA_APPEND, .operation = "WRITE", .adds = &file, .add_count = 1};
    int64_t version = -1;
    struct pn_err e = {.msg = ""};
    delta_append(fixture, "a.parquet", 1);
    char *path = pn_xasprintf("%s/t/_delta_log/00000000000000000001.json", fixture->folder);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(i == 0 ? mkdir(path, 0700) : symlink("nowhere", path), 0);
        assert_int_not_equal(pn_delta_commit(fixture->table, &commit, &version, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_FATAL);
        assert_non_null(strstr(e.msg, "00000000000000000001.json cannot be committed"));
        assert_int_equal(i == 0 ? rmdir(path) : unlink(path), 0);
    }
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, &e), 0);
    assert_int_equal(version, 1);
    free(path);
}

static void test_two_create_the_same_table(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta_file file = delta_file("b.parquet", 1);
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .adds = &file,
                                           .add_count = 1};
    struct rival_store rival = {.mode = PN_DELTA_APPEND, .left = 1};
    int64_t version = -1;
    assert_int_equal(commit_against(fixture, &rival, &commit, &version, NULL), 0);
    assert_int_equal(version, 1);
    delta_assert_live(fixture->table, -1, "b.parquet,rival-1.parquet");
    char *text = delta_read(fixture, "00000000000000000001.json", NULL);
    assert_null(strstr(text, "metaData"));
    free(text);
}

static void test_overwrite_removes_what_came_in_between(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a.parquet", 1);
    struct pn_delta_file file = delta_file("b.parquet", 1);
    const struct pn_delta_commit commit = {.mode = PN_DELTA_OVERWRITE,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .adds = &file,
                                           .add_count = 1};
    struct rival_store rival = {.mode = PN_DELTA_APPEND, .left = 2};
    int64_t version = -1;
    assert_int_equal(commit_against(fixture, &rival, &commit, &version, NULL), 0);
    delta_assert_live(fixture->table, -1, "b.parquet");
}

static void test_rewrite_loses_against_an_overwrite_and_not_against_an_append(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a.parquet", 1);
    struct pn_delta_file add = delta_file("b.parquet", 1);
    struct pn_delta_file remove = delta_file("a.parquet", 1);
    struct pn_delta_commit commit = {.mode = PN_DELTA_REWRITE,
                                     .operation = "OPTIMIZE",
                                     .adds = &add,
                                     .add_count = 1,
                                     .removes = &remove,
                                     .remove_count = 1};
    struct rival_store rival = {.mode = PN_DELTA_APPEND, .left = 1};
    int64_t version = -1;
    assert_int_equal(commit_against(fixture, &rival, &commit, &version, NULL), 0);
    delta_assert_live(fixture->table, -1, "b.parquet,rival-1.parquet");

    remove = delta_file("b.parquet", 1);
    add = delta_file("c.parquet", 1);
    rival = (struct rival_store){.mode = PN_DELTA_OVERWRITE, .left = 1};
    struct pn_err e = {0};
    assert_int_not_equal(commit_against(fixture, &rival, &commit, &version, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    assert_string_equal(e.msg, "t: b.parquet is no longer in the table: another writer removed it; "
                               "nothing was written");
    delta_assert_live(fixture->table, -1, "rival-1.parquet");
}

static void test_append_against_a_changed_schema(void **state)
{
    struct delta_fixture *fixture = *state;
    delta_append(fixture, "a.parquet", 1);
    struct pn_delta_file file = delta_file("b.parquet", 1);
    const struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                           .operation = "WRITE",
                                           .schema = DELTA_SCHEMA,
                                           .adds = &file,
                                           .add_count = 1};
    struct rival_store rival = {
        .mode = PN_DELTA_OVERWRITE,
        .schema = "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"double\"}]}",
        .left = 1};
    int64_t version = -1;
    struct pn_err e = {0};
    assert_int_not_equal(commit_against(fixture, &rival, &commit, &version, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_INPUT);
    delta_assert_live(fixture->table, -1, "rival-1.parquet");
}

static void test_a_transaction_counts_once(void **state)
{
    struct delta_fixture *fixture = *state;
    struct pn_delta_file file = delta_file("a.parquet", 1);
    const struct pn_delta_txn txns[] = {{.app_id = "p-0", .version = 9},
                                        {.app_id = "p-1", .version = 5}};
    struct pn_delta_commit commit = {.mode = PN_DELTA_APPEND,
                                     .operation = "STREAMING UPDATE",
                                     .schema = DELTA_SCHEMA,
                                     .adds = &file,
                                     .add_count = 1,
                                     .txns = txns,
                                     .txn_count = 2};
    int64_t version = -1;
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), 0);
    /* The same handle, another one, and one that a rival overtakes with the same transaction. */
    struct pn_err e = {0};
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, &e), PN_DELTA_TXN_SEEN);
    assert_int_equal(e.class_, PN_CLASS_CONFLICT);
    delta_fixture_reopen(fixture);
    assert_int_equal(pn_delta_commit(fixture->table, &commit, &version, NULL), PN_DELTA_TXN_SEEN);

    const struct pn_delta_txn next = {.app_id = "p-1", .version = 6};
    commit.txns = &next;
    commit.txn_count = 1;
    struct rival_store rival = {.mode = PN_DELTA_APPEND, .txn = &next, .left = 1};
    assert_int_equal(commit_against(fixture, &rival, &commit, &version, &e), PN_DELTA_TXN_SEEN);
    delta_assert_live(fixture->table, -1, "a.parquet,rival-1.parquet");

    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    assert_int_equal(pn_delta_txn_version(snapshot, "p-0"), 9);
    assert_int_equal(pn_delta_txn_version(snapshot, "p-1"), 6);
    assert_int_equal(pn_delta_txn_version(snapshot, "p-2"), -1);
    pn_delta_snapshot_destroy(&snapshot);
}

static void test_a_table_made_anew_is_noticed(void **state)
{
    struct delta_fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        char path[32];
        snprintf(path, sizeof path, "%d.parquet", i);
        delta_append(fixture, path, 1);
    }
    char *folder = pn_xasprintf("%s/t", fixture->folder);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), folder, NULL), 0);
    free(folder);
    assert_int_equal(delta_append(fixture, "new.parquet", 1), 0);
    delta_assert_live(fixture->table, -1, "new.parquet");
}

/* --- two processes --------------------------------------------------------------------------- */

enum { COMMITS_EACH = 50, WRITERS = 2 };

static void run_writer(struct delta_fixture *fixture, int writer)
{
    struct pn_delta *table = delta_fixture_open(fixture);
    for (int i = 0; i < COMMITS_EACH; i++) {
        char path[32];
        snprintf(path, sizeof path, "%d-%02d.parquet", writer, i);
        struct pn_err e = {0};
        if (commit_file(table, PN_DELTA_APPEND, path, &e) != 0) {
            fprintf(stderr, "writer %d: %s\n", writer, e.msg);
            _exit(1);
        }
    }
    _exit(0);
}

static void test_a_hundred_commits_by_two_processes(void **state)
{
    struct delta_fixture *fixture = *state;
    pid_t writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        assert_true(writers[i] >= 0);
        if (writers[i] == 0) {
            run_writer(fixture, i);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 0;
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    struct pn_delta_snapshot *snapshot = NULL;
    assert_int_equal(pn_delta_snapshot(fixture->table, -1, &snapshot, NULL), 0);
    assert_int_equal(snapshot->version, WRITERS * COMMITS_EACH - 1);
    assert_int_equal(snapshot->file_count, WRITERS * COMMITS_EACH);
    for (int i = 0; i < WRITERS * COMMITS_EACH; i++) {
        char path[32];
        snprintf(path, sizeof path, "%d-%02d.parquet", i / COMMITS_EACH, i % COMMITS_EACH);
        assert_string_equal(snapshot->files[i].path, path);
    }
    pn_delta_snapshot_destroy(&snapshot);
    for (int version = 0; version < WRITERS * COMMITS_EACH; version++) {
        char name[32];
        snprintf(name, sizeof name, "%020d.json", version);
        assert_true(delta_exists(fixture, name));
    }
    assert_true(delta_exists(fixture, "00000000000000000090.checkpoint.parquet"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, delta_set_up, delta_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_golden_create_append_overwrite),
        TEST(test_golden_rewrite),
        cmocka_unit_test(test_crc32c_is_the_known_one),
        TEST(test_paths_come_back_decoded),
        TEST(test_overwrite_replaces_a_differing_schema),
        TEST(test_append_refuses_rows_that_do_not_fit),
        TEST(test_bad_paths_are_refused),
        TEST(test_append_only_is_kept),
        TEST(test_a_rewrite_keeps_every_row),
        TEST(test_two_handles_take_turns),
        TEST(test_append_against_faster_appends),
        TEST(test_a_place_that_is_taken_by_no_commit),
        TEST(test_two_create_the_same_table),
        TEST(test_overwrite_removes_what_came_in_between),
        TEST(test_rewrite_loses_against_an_overwrite_and_not_against_an_append),
        TEST(test_append_against_a_changed_schema),
        TEST(test_a_transaction_counts_once),
        TEST(test_a_table_made_anew_is_noticed),
        TEST(test_a_hundred_commits_by_two_processes),
    };
    return cmocka_run_group_tests_name("delta/commit", tests, NULL, NULL);
}
