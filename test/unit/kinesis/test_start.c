/* What a start finds of streams: half made, half deleted, older, or damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kinesis/internal.h"
#include "support/kinesis_fixture.h"
static char *metadata_of(struct kinesis_fixture *fixture, const char *name)
{
    return pn_arena_printf(&fixture->arena, "%s/streams/%s.json", fixture->folder, name);
}

/* Makes a file what it was before there were checksums. */
static void strip_checksum(char *text)
{
    static const char mark[] = "\"checked\":1,";
    char *sum = strstr(text, ",\"crc32c\":");
    if (sum != NULL) {
        strcpy(sum, "}\n");
        memmove(text + 1, text + sizeof mark, strlen(text + sizeof mark) + 1);
    }
}

/* Replaces `from`, which must be there, in a stream's file, which then has no checksum. */
static void edit_metadata(struct kinesis_fixture *fixture, const char *name, const char *from,
                          const char *to)
{
    size_t len = 0;
    char *path = metadata_of(fixture, name);
    uint8_t *bytes = file_read(path, &len);
    char *text = pn_xstrndup((const char *)bytes, len);
    strip_checksum(text);
    char *at = strstr(text, from);
    assert_non_null(at);
    char *edited = pn_xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    file_write(path, (const uint8_t *)edited, strlen(edited));
    free(edited);
    free(text);
    free(bytes);
}

/* Tries to open; the log stays open. */
static int try_open(struct kinesis_fixture *fixture, struct pn_err *e)
{
    if (fixture->log->log == NULL) {
        log_fixture_open(fixture->log);
    }
    return pn_kinesis_create(&fixture->config, fixture->log->log, pn_io_system(),
                             &fixture->log->clock.clock, NULL, NULL, &fixture->kinesis, e);
}

/* Opens, and finds the stream closed, for this reason; closes again, but for the log. */
static void assert_closed(struct kinesis_fixture *fixture, const char *name, const char *why)
{
    struct pn_err e;
    const struct pn_stream *stream = NULL;
    const struct pn_stream_create create = {.name = name, .shards = 1};
    const char *reason = NULL;
    assert_int_equal(try_open(fixture, &e), 0);
    assert_int_equal(pn_kinesis_stream(fixture->kinesis, name, &stream, &e), PN_KINESIS_INTERNAL);
    assert_null(stream);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    if (strstr(e.msg, metadata_of(fixture, name)) == NULL || strstr(e.msg, why) == NULL) {
        fail_msg("not for \"%s\": %s", why, e.msg);
    }
    assert_int_equal(pn_kinesis_create_stream(fixture->kinesis, &create, &e), PN_KINESIS_INTERNAL);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_int_not_equal(pn_kinesis_delete_stream(fixture->kinesis, name, true, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_CORRUPT);
    assert_int_equal(pn_kinesis_closed_count(fixture->kinesis), 1);
    assert_string_equal(pn_kinesis_closed(fixture->kinesis, 0, &reason), name);
    assert_non_null(strstr(reason, why));
    pn_kinesis_destroy(&fixture->kinesis);
}

static void test_a_creation_is_finished(void **state)
{
    struct kinesis_fixture *fixture = *state;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "made", 2);
    kinesis_create(fixture, "begun", 3);
    assert_int_equal(pn_log_delete_topic(fixture->log->log, "__kinesis.begun", NULL), 0);
    kinesis_fixture_close(fixture);
    edit_metadata(fixture, "made", "ACTIVE", "CREATING");
    edit_metadata(fixture, "begun", "ACTIVE", "CREATING");
    for (int opened = 0; opened < 2; opened++) {
        kinesis_fixture_open(fixture);
        const struct pn_stream *stream = kinesis_stream(fixture, "begun");
        assert_int_equal(stream->status, PN_STREAM_ACTIVE);
        assert_int_equal(kinesis_put_to(fixture, "begun", 2, "k", "v").offset, opened);
        assert_int_equal(kinesis_put_to(fixture, "made", 1, "k", "v").offset, opened);
        pn_stream_release(&stream);
        kinesis_fixture_close(fixture);
    }
}

static void test_a_deletion_is_finished(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_log_topic_info info;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    kinesis_create(fixture, "gone", 1);
    assert_int_equal(pn_log_delete_topic(fixture->log->log, "__kinesis.gone", NULL), 0);
    kinesis_fixture_close(fixture);
    edit_metadata(fixture, "s", "ACTIVE", "DELETING");
    edit_metadata(fixture, "gone", "ACTIVE", "DELETING");
    kinesis_fixture_open(fixture);
    assert_null(pn_registry_find(fixture->kinesis, "s"));
    assert_null(pn_registry_find(fixture->kinesis, "gone"));
    assert_false(file_exists(metadata_of(fixture, "s")));
    assert_false(file_exists(metadata_of(fixture, "gone")));
    assert_int_not_equal(pn_log_topic(fixture->log->log, "__kinesis.s", &info, NULL), 0);
}

/* The log has less than the metadata says (it was put back from an older copy, say). */
static void test_the_topic_gets_what_it_lacks(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_log_topic_info info;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 3);
    assert_int_equal(pn_log_delete_topic(fixture->log->log, "__kinesis.s", NULL), 0);
    const struct pn_log_topic_config config = {.partitions = 1, .retention_ms = 1000};
    assert_int_equal(pn_log_create_topic(fixture->log->log, "__kinesis.s", &config, NULL), 0);
    kinesis_fixture_reopen(fixture);
    assert_int_equal(pn_log_topic(fixture->log->log, "__kinesis.s", &info, NULL), 0);
    assert_int_equal(info.partitions, 3);
    assert_int_equal(info.retention_ms, (int64_t)24 * 3600 * 1000);
    assert_int_equal(kinesis_put_to(fixture, "s", 2, "k", "v").offset, 0);
}

static void test_a_stream_without_its_topic(void **state)
{
    struct kinesis_fixture *fixture = *state;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    assert_int_equal(pn_log_delete_topic(fixture->log->log, "__kinesis.s", NULL), 0);
    kinesis_fixture_close(fixture);
    assert_closed(fixture, "s", "__kinesis.s");
}

/* Records that belong to no stream are never somebody else's. */
static void test_a_topic_without_its_stream(void **state)
{
    struct kinesis_fixture *fixture = *state;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    (void)kinesis_put(fixture, "s", "k", "kept");
    kinesis_fixture_close(fixture);
    assert_int_equal(pn_io_unlink(pn_io_system(), metadata_of(fixture, "s"), &e), 0);
    kinesis_fixture_open(fixture);
    const struct pn_stream_create create = {.name = "s", .shards = 1};
    assert_int_equal(pn_kinesis_create_stream(fixture->kinesis, &create, &e), PN_KINESIS_INTERNAL);
    assert_non_null(strstr(e.msg, "__kinesis.s"));
    assert_int_equal(log_offsets(fixture->log, "__kinesis.s", 0).end, 1);
}

static void test_damaged_metadata(void **state)
{
    struct kinesis_fixture *fixture = *state;
    static const struct {
        const char *from;
        const char *to;
        const char *why;
    } cases[] = {
        {"{\"version\":1,", "{\"version\":2,", "damaged"},
        {"\"name\":\"s\"", "\"name\":\"t\"", "\"name\" is not the file's"},
        {"\"id\":\"", "\"id\":\"x", "\"id\""},
        {"ACTIVE", "LAZY", "\"status\""},
        {"\"retention_hours\":24", "\"retention_hours\":9000", "\"retention_hours\""},
        {"\"record_kib_max\":1024", "\"record_kib_max\":\"1024\"", "\"record_kib_max\""},
        {"\"parent\":-1", "\"parent\":0", "\"parent\" of shard 0"},
        {"\"hash_start\":\"0\"", "\"hash_start\":\"00\"", "\"hash_start\" of shard 0"},
        {"\"hash_start\":\"0\"", "\"hash_start\":\"1\"", "do not cover"},
        {"\"closed_ms\":0", "\"closed_ms\":5", "do not cover"},
        {"\"closed_ms\":0", "\"closed_ms\":-5", "\"closed_ms\" of shard 0"},
        {"\"shards\"", "\"sherds\"", "\"shards\""},
        {"\"consumers\":[]", "\"consumers\":[{}]", "\"name\" of consumer 0"},
        {"\"tags\":[]", "\"tags\":[{\"key\":\"a\"}]", "\"value\""},
        {"\"metrics\":[]", "\"metrics\":[1]", "\"metrics\""},
        {"\"kms_key\":null", "\"kms_key\":3", "\"kms_key\""},
        {"}\n", "\n", "invalid JSON"},
    };
    struct pn_err e;
    size_t len = 0;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 2);
    kinesis_fixture_close(fixture);
    char *path = metadata_of(fixture, "s");
    uint8_t *whole = file_read(path, &len);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        edit_metadata(fixture, "s", cases[i].from, cases[i].to);
        assert_closed(fixture, "s", cases[i].why);
        file_write(path, whole, len);
    }
    /* Cut at every byte, or with a bit that is another one, it says so. */
    for (size_t at = 0; at < len; at++) {
        uint8_t bit = (uint8_t)(1u << at % 8);
        file_write(path, whole, at);
        assert_closed(fixture, "s", "damaged");
        whole[at] ^= bit;
        file_write(path, whole, len);
        assert_closed(fixture, "s", "damaged");
        whole[at] ^= bit;
    }
    file_write(path, whole, len);
    assert_int_equal(try_open(fixture, &e), 0);
    assert_int_equal(pn_kinesis_closed_count(fixture->kinesis), 0);
    assert_int_equal(kinesis_put(fixture, "s", "k", "v").offset, 0);
    free(whole);
}

/* As it was written before there were checksums. */
static void test_an_old_file_gets_a_checksum(void **state)
{
    struct kinesis_fixture *fixture = *state;
    size_t len = 0;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 2);
    kinesis_fixture_close(fixture);
    uint8_t *whole = file_read(metadata_of(fixture, "s"), &len);
    edit_metadata(fixture, "s", "ACTIVE", "ACTIVE");
    size_t old_len = 0;
    uint8_t *old = file_read(metadata_of(fixture, "s"), &old_len);
    assert_memory_equal(old, "{\"version\":1,", 13);
    kinesis_fixture_open(fixture);
    kinesis_fixture_close(fixture);
    size_t again_len = 0;
    uint8_t *again = file_read(metadata_of(fixture, "s"), &again_len);
    assert_int_equal(again_len, len);
    assert_memory_equal(again, whole, len);
    free(whole);
    free(old);
    free(again);
}

/* A closed topic of the log closes its stream. */
static void test_a_stream_whose_topic_is_damaged(void **state)
{
    struct kinesis_fixture *fixture = *state;
    const struct pn_stream *stream = NULL;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    kinesis_create(fixture, "t", 1);
    kinesis_fixture_close(fixture);
    char *path =
        pn_arena_printf(&fixture->arena, "%s/__kinesis.s/topic.json", fixture->log->folder);
    file_write(path, (const uint8_t *)"{}", 2);
    assert_int_equal(try_open(fixture, &e), 0);
    assert_int_equal(pn_kinesis_stream(fixture->kinesis, "s", &stream, &e), PN_KINESIS_INTERNAL);
    assert_non_null(strstr(e.msg, path));
    assert_int_equal(kinesis_put(fixture, "t", "k", "v").offset, 0);
}

/* What "gone" protects is not lost with it: no stream made again is as old as one that was deleted.
 */
static void test_the_second_of_deleted_streams(void **state)
{
    struct kinesis_fixture *fixture = *state;
    size_t len = 0;
    struct pn_err e;
    kinesis_fixture_open(fixture);
    kinesis_create(fixture, "s", 1);
    assert_int_equal(pn_kinesis_delete_stream(fixture->kinesis, "s", true, &e), 0);
    int64_t gone_s = fixture->kinesis->gone_s;
    assert_true(gone_s > 0);
    kinesis_fixture_close(fixture);
    char *path = pn_arena_printf(&fixture->arena, "%s/gone", fixture->folder);
    uint8_t *whole = file_read(path, &len);
    for (size_t at = 0; at < len; at++) {
        uint8_t bit = (uint8_t)(1u << at % 8);
        whole[at] ^= bit;
        file_write(path, whole, len);
        assert_int_equal(try_open(fixture, &e), 0);
        assert_true(fixture->kinesis->gone_s >= gone_s &&
                    fixture->kinesis->gone_s <= LOG_FIXTURE_NOW);
        pn_kinesis_destroy(&fixture->kinesis);
        whole[at] ^= bit;
    }
    char *old = pn_arena_printf(&fixture->arena, "%lld", (long long)gone_s);
    file_write(path, (const uint8_t *)old, strlen(old));
    assert_int_equal(try_open(fixture, &e), 0);
    assert_true(fixture->kinesis->gone_s == gone_s);
    free(whole);
}

int main(void)
{
#define TEST(fn) \
    cmocka_unit_test_setup_teardown(fn, kinesis_fixture_set_up, kinesis_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_creation_is_finished),        TEST(test_a_deletion_is_finished),
        TEST(test_the_topic_gets_what_it_lacks),  TEST(test_a_stream_without_its_topic),
        TEST(test_a_topic_without_its_stream),    TEST(test_damaged_metadata),
        TEST(test_an_old_file_gets_a_checksum),   TEST(test_a_stream_whose_topic_is_damaged),
        TEST(test_the_second_of_deleted_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
