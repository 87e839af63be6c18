/* Streams that several processes share: two modules on one log stand for two of them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kinesis/internal.h"
#include "kinesis/iterators.h"
#include "support/kinesis_fixture.h"

enum { ROUNDS = 25 };

struct pair {
    struct kinesis_fixture *fixture; /* its kinesis is ours, one; it has the log */
    struct pn_kinesis *one;
    struct pn_kinesis *two;
};

static struct pn_kinesis *open_logged(struct kinesis_fixture *fixture, struct pn_logger *logger)
{
    struct pn_kinesis *kinesis = NULL;
    struct pn_err e = {0};
    fixture->config.shared = true;
    if (pn_kinesis_create(&fixture->config, fixture->log->log, pn_io_system(),
                          &fixture->log->clock.clock, logger, NULL, &kinesis, &e) != 0) {
        fail_msg("opening: %s", e.msg);
    }
    return kinesis;
}

static struct pn_kinesis *open_one(struct kinesis_fixture *fixture)
{
    return open_logged(fixture, NULL);
}

static int set_up(void **state)
{
    struct pair *pair = pn_xcalloc(1, sizeof *pair);
    void *fixture = NULL;
    assert_int_equal(kinesis_fixture_set_up(&fixture), 0);
    pair->fixture = fixture;
    log_fixture_open(pair->fixture->log);
    pair->one = open_one(pair->fixture);
    pair->two = open_one(pair->fixture);
    pair->fixture->kinesis = pair->one;
    *state = pair;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *pair = *state;
    void *fixture = pair->fixture;
    pn_kinesis_destroy(&pair->two);
    pair->fixture->kinesis = pair->one;
    assert_int_equal(kinesis_fixture_tear_down(&fixture), 0);
    free(pair);
    return 0;
}

static void create(struct pn_kinesis *kinesis, const char *name, int32_t shards)
{
    struct pn_err e = {0};
    const struct pn_stream_create wanted = {.name = name, .shards = shards};
    if (pn_kinesis_create_stream(kinesis, &wanted, &e) != 0) {
        fail_msg("%s: %s", name, e.msg);
    }
}

/* As it is after all changes so far; release it. */
static const struct pn_stream *see(struct pn_kinesis *kinesis, const char *name)
{
    const struct pn_stream *stream = NULL;
    struct pn_err e = {0};
    assert_int_equal(pn_kinesis_catch_up(kinesis, &e), 0);
    if (pn_kinesis_stream(kinesis, name, &stream, &e) != 0) {
        fail_msg("%s: %s", name, e.msg);
    }
    return stream;
}

static void assert_missing(struct pn_kinesis *kinesis, const char *name)
{
    const struct pn_stream *stream = NULL;
    assert_int_equal(pn_kinesis_catch_up(kinesis, NULL), 0);
    assert_int_equal(pn_kinesis_stream(kinesis, name, &stream, NULL), PN_KINESIS_NOT_FOUND);
}

static void test_a_stream_is_the_same_in_all(void **state)
{
    struct pair *pair = *state;
    create(pair->one, "s", 3);
    const struct pn_stream *one = see(pair->one, "s");
    const struct pn_stream *two = see(pair->two, "s");
    assert_true(one->id == two->id && one->id != 0);
    assert_int_equal(one->created_ms, two->created_ms);
    assert_int_equal(one->version, two->version);
    assert_int_equal(two->shard_count, 3);
    assert_int_equal(two->status, PN_STREAM_ACTIVE);
    for (size_t i = 0; i < 3; i++) {
        char text[2][PN_SEQUENCE_SIZE];
        assert_string_equal(pn_sequence_start(&one->shards[i], text[0]),
                            pn_sequence_start(&two->shards[i], text[1]));
    }
    pn_stream_release(&one);
    pn_stream_release(&two);
}

static void test_what_one_puts_the_other_reads(void **state)
{
    struct pair *pair = *state;
    struct pn_err e = {0};
    create(pair->one, "s", 2);
    struct pn_stream_record put = kinesis_put(pair->fixture, "s", "key", "data");
    const struct pn_stream *two = see(pair->two, "s");
    struct pn_shard_records read;
    assert_int_equal(pn_shard_read(pair->two, two, &two->shards[put.shard], 0, 10, 1000, false,
                                   &pair->fixture->arena, &read, &e),
                     0);
    assert_int_equal(read.count, 1);
    assert_value(&read.records[0], "data");
    pn_stream_release(&two);
}

/* A shard iterator of one server is good at another. */
static void test_iterators_are_everybodys(void **state)
{
    struct pair *pair = *state;
    char text[PN_ITERATOR_SIZE];
    struct pn_err e = {0};
    create(pair->one, "s", 2);
    const struct pn_stream *one = see(pair->one, "s");
    pn_iterator_write(pair->one, one, &one->shards[1], 7, text);
    pn_stream_release(&one);
    const struct pn_stream *two = see(pair->two, "s");
    pn_stream_release(&two);
    const struct pn_shard *shard = NULL;
    int64_t offset = 0;
    assert_int_equal(pn_iterator_read(pair->two, text, strlen(text), &two, &shard, &offset, &e), 0);
    assert_int_equal(offset, 7);
    assert_int_equal(shard->index, 1);
    pn_stream_release(&two);
}

static void test_a_name_is_made_once(void **state)
{
    struct pair *pair = *state;
    struct pn_err e = {0};
    const struct pn_stream_create wanted = {.name = "s", .shards = 4};
    create(pair->one, "s", 2);
    assert_int_equal(pn_kinesis_create_stream(pair->two, &wanted, &e), PN_KINESIS_IN_USE);
    const struct pn_stream *two = see(pair->two, "s");
    assert_int_equal(two->shard_count, 2);
    pn_stream_release(&two);
}

static void test_a_deleted_stream_is_another_when_made_again(void **state)
{
    struct pair *pair = *state;
    struct pn_err e = {0};
    create(pair->one, "s", 1);
    const struct pn_stream *old = see(pair->two, "s");
    assert_int_equal(pn_kinesis_delete_stream(pair->two, "s", false, &e), 0);
    assert_missing(pair->one, "s");
    create(pair->one, "s", 1);
    const struct pn_stream *new = see(pair->two, "s");
    assert_true(new->id != old->id);
    assert_true(new->shards[0].created_ms / 1000 > old->shards[0].created_ms / 1000);
    assert_int_equal(log_offsets(pair->fixture->log, "__kinesis.s", 0).end, 0);
    pn_stream_release(&old);
    pn_stream_release(&new);
}

/* A record that is on its way while another server deletes the stream. */
static void test_a_deletion_elsewhere_ends_puts(void **state)
{
    struct pair *pair = *state;
    struct pn_err e = {0};
    create(pair->one, "s", 1);
    const struct pn_stream *two = see(pair->two, "s");
    pn_stream_release(&two);
    assert_int_equal(pn_kinesis_delete_stream(pair->two, "s", false, &e), 0);
    struct pn_stream_record record = {.partition_key = {"k", 1}, .data = {"d", 1}};
    assert_int_equal(pn_kinesis_catch_up(pair->one, &e), 0);
    assert_int_equal(kinesis_try_put(pair->fixture, "s", &record, &e), PN_KINESIS_NOT_FOUND);
}

static int add_tag(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    (void)e;
    struct pn_stream_tag *tags = pn_arena_calloc(arena, edit->tag_count + 1, sizeof *tags);
    memcpy(tags, edit->tags, edit->tag_count * sizeof *tags);
    tags[edit->tag_count] = (struct pn_stream_tag){.key = arg, .value = "v"};
    edit->tags = tags;
    edit->tag_count++;
    return 0;
}

struct tagger {
    struct pn_kinesis *kinesis;
    const char *name;
};

static void *add_tags(void *arg)
{
    const struct tagger *tagger = arg;
    for (int i = 0; i < ROUNDS; i++) {
        char tag[32];
        struct pn_err e = {0};
        (void)snprintf(tag, sizeof tag, "%s%d", tagger->name, i);
        if (pn_kinesis_update(tagger->kinesis, "s", add_tag, tag, &e) != 0) {
            return pn_xstrdup(e.msg);
        }
    }
    return NULL;
}

/* Two servers change a stream at once: neither change is lost. */
static void test_changes_at_once_all_count(void **state)
{
    struct pair *pair = *state;
    create(pair->one, "s", 1);
    struct tagger taggers[] = {{pair->one, "a"}, {pair->two, "b"}};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_tags, &taggers[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        void *said = NULL;
        assert_int_equal(pthread_join(threads[i], &said), 0);
        if (said != NULL) {
            fail_msg("%s", (char *)said);
        }
    }
    const struct pn_stream *one = see(pair->one, "s");
    const struct pn_stream *two = see(pair->two, "s");
    assert_int_equal(one->tag_count, 2 * ROUNDS);
    assert_int_equal(two->tag_count, 2 * ROUNDS);
    pn_stream_release(&one);
    pn_stream_release(&two);
}

static int set_hours(void *arg, struct pn_stream *edit, struct pn_arena *arena, struct pn_err *e)
{
    (void)arena;
    (void)e;
    edit->retention_hours = *(int32_t *)arg;
    return 0;
}

static void keep_hours(struct pn_kinesis *kinesis, int32_t hours)
{
    struct pn_err e = {0};
    if (pn_kinesis_update(kinesis, "s", set_hours, &hours, &e) != 0) {
        fail_msg("%d hours: %s", hours, e.msg);
    }
}

/* The log of a server that another one, `overtaker`, overtakes as it lowers a topic's retention. */
static const struct pn_log_ops *true_ops;
static struct pn_kinesis *overtaker;
static bool overtaker_deletes; /* the stream; else it keeps records longer */

static int configure_late(struct pn_log *log, const char *topic,
                          const struct pn_log_topic_config *config, struct pn_err *e)
{
    struct pn_kinesis *other = overtaker;
    overtaker = NULL;
    if (other != NULL && overtaker_deletes) {
        assert_int_equal(pn_kinesis_delete_stream(other, "s", false, NULL), 0);
    } else if (other != NULL) {
        keep_hours(other, 48);
    }
    return true_ops->configure_topic(log, topic, config, e);
}

/* Two servers on a log in which the change of one is overtaken by the other. */
static void open_late(struct pair *pair, struct pn_log_ops *late, struct pn_logger *logger)
{
    struct pn_log *log = pair->fixture->log->log;
    create(pair->one, "s", 1);
    keep_hours(pair->one, 48);
    pn_kinesis_destroy(&pair->one); /* nobody else uses the log while its functions change */
    pn_kinesis_destroy(&pair->two);
    *late = *log->ops;
    late->configure_topic = configure_late;
    true_ops = log->ops;
    log->ops = late;
    pair->one = open_logged(pair->fixture, logger);
    pair->two = open_one(pair->fixture);
    overtaker = pair->two;
}

static void close_late(struct pair *pair)
{
    pn_kinesis_destroy(&pair->one);
    pn_kinesis_destroy(&pair->two);
    pair->fixture->log->log->ops = true_ops;
    pair->one = open_one(pair->fixture);
}

static void test_the_later_change_has_the_topic(void **state)
{
    struct pair *pair = *state;
    struct pn_log_topic_info info;
    struct pn_log_ops late;
    overtaker_deletes = false;
    open_late(pair, &late, NULL);
    keep_hours(pair->one, 24);
    assert_null(overtaker);
    const struct pn_stream *stream = see(pair->one, "s");
    assert_int_equal(stream->retention_hours, 48);
    pn_stream_release(&stream);
    assert_int_equal(pn_log_topic(pair->fixture->log->log, "__kinesis.s", &info, NULL), 0);
    assert_int_equal(info.retention_ms, (int64_t)48 * 3600 * 1000);
    close_late(pair);
}

/* The topic is gone with its stream: failing to set it is not worth a warning. */
static void test_a_deletion_overtakes_a_change_silently(void **state)
{
    struct pair *pair = *state;
    struct pn_log_ops late;
    FILE *said = tmpfile();
    struct pn_logger *logger =
        pn_logger_create(fileno(said), PN_LOGGER_TEXT, PN_WARN, pn_clock_system());
    overtaker_deletes = true;
    open_late(pair, &late, logger);
    keep_hours(pair->one, 24);
    assert_null(overtaker);
    assert_missing(pair->one, "s");
    close_late(pair);
    pn_logger_destroy(&logger);
    assert_int_equal(lseek(fileno(said), 0, SEEK_END), 0);
    fclose(said);
}

static void test_shards_stay(void **state)
{
    struct pair *pair = *state;
    struct pn_err e = {0};
    int32_t before = 0;
    create(pair->one, "s", 2);
    assert_int_equal(pn_kinesis_scale(pair->one, "s", 4, &before, &e), PN_KINESIS_INVALID_ARGUMENT);
    assert_non_null(strstr(e.msg, "keeps its shards"));
    assert_int_equal(
        pn_kinesis_merge(pair->one, "s", "shardId-000000000000", "shardId-000000000001", &e),
        PN_KINESIS_INVALID_ARGUMENT);
    const struct pn_stream *stream = see(pair->one, "s");
    struct pn_hash_key middle = kinesis_middle(&stream->shards[0]);
    pn_stream_release(&stream);
    assert_int_equal(pn_kinesis_split(pair->one, "s", "shardId-000000000000", middle, &e),
                     PN_KINESIS_INVALID_ARGUMENT);
    stream = see(pair->two, "s");
    assert_int_equal(stream->shard_count, 2);
    pn_stream_release(&stream);
}

static void test_the_account_is_everybodys(void **state)
{
    struct pair *pair = *state;
    struct pn_buf text;
    struct pn_err e = {0};
    pn_buf_init(&text, 1000);
    assert_int_equal(pn_kinesis_account(pair->two, &text, &e), 0);
    assert_string_equal(pn_buf_text(&text), "{}");
    assert_int_equal(pn_kinesis_account_set(pair->one, "{\"a\":1}", 7, &e), 0);
    assert_int_equal(pn_kinesis_account_set(pair->two, "{\"a\":2}", 7, &e), 0);
    pn_buf_reset(&text);
    assert_int_equal(pn_kinesis_account(pair->one, &text, &e), 0);
    assert_string_equal(pn_buf_text(&text), "{\"a\":2}");
    pn_buf_deinit(&text);
}

/* A server that starts later has all of it, also what was begun and not finished. */
static void test_a_start_reads_the_ledger(void **state)
{
    struct pair *pair = *state;
    struct pn_err e = {0};
    create(pair->one, "kept", 2);
    create(pair->one, "gone", 1);
    create(pair->one, "half", 1);
    assert_int_equal(pn_kinesis_delete_stream(pair->one, "gone", false, &e), 0);
    const struct pn_stream *half = see(pair->one, "half");
    struct pn_stream edit = *half;
    struct pn_buf text;
    bool won = false;
    edit.status = PN_STREAM_DELETING;
    pn_buf_init(&text, 100000);
    assert_int_equal(pn_metadata_write(&text, &edit, "half", &e), 0);
    assert_int_equal(pn_ledger_put(pair->one->ledger, "stream/half",
                                   (struct pn_bytes){text.data, text.len}, half->version, &won, &e),
                     0);
    assert_true(won);
    pn_buf_deinit(&text);
    pn_stream_release(&half);

    struct pn_kinesis *three = open_one(pair->fixture);
    const struct pn_stream *kept = see(three, "kept");
    assert_int_equal(kept->shard_count, 2);
    pn_stream_release(&kept);
    assert_missing(three, "gone");
    assert_missing(three, "half");
    assert_missing(pair->two, "half");
    struct pn_log_topic_info info;
    assert_int_not_equal(pn_log_topic(pair->fixture->log->log, "__kinesis.half", &info, NULL), 0);
    pn_kinesis_destroy(&three);
}

static void ignore(void *arg, const char *key, struct pn_bytes text, int64_t at)
{
    (void)key;
    (void)text;
    (void)at;
    (*(int *)arg)++;
}

/* The order of the records decides, and strangers' records change nothing. */
static void test_the_first_change_counts(void **state)
{
    struct pair *pair = *state;
    struct pn_err e = {0};
    int changes = 0;
    struct pn_ledger *ledger = NULL;
    const struct pn_ledger_config config = {
        .log = pair->fixture->log->log, .topic = "ledger", .changed = ignore, .arg = &changes};
    bool won = false;
    int64_t at = -1;
    struct pn_buf out;
    pn_buf_init(&out, 100);
    assert_int_equal(pn_ledger_open(&config, &ledger, &e), 0);
    assert_int_equal(pn_ledger_put(ledger, "k", (struct pn_bytes){"a", 1}, -1, &won, &e), 0);
    assert_true(won);
    assert_int_equal(pn_ledger_put(ledger, "k", (struct pn_bytes){"b", 1}, -1, &won, &e), 0);
    assert_false(won);
    (void)log_put(pair->fixture->log, "ledger", 0, "k", "stranger");
    assert_int_equal(pn_ledger_catch_up(ledger, &e), 0);
    assert_true(pn_ledger_get(ledger, "k", &out, &at));
    assert_string_equal(pn_buf_text(&out), "a");
    assert_int_equal(pn_ledger_put(ledger, "k", (struct pn_bytes){0}, at, &won, &e), 0);
    assert_true(won);
    assert_false(pn_ledger_get(ledger, "k", NULL, &at));
    assert_int_equal(at, 3);
    assert_int_equal(changes, 2);
    pn_buf_deinit(&out);
    pn_ledger_close(&ledger);
}

/* The log of a user to whom the cluster denies the ledger until `is_allowed`. */
static atomic_bool is_allowed;

static int refresh_with_rights(struct pn_log *log, const char *topic, struct pn_err *e)
{
    (void)log;
    return atomic_load(&is_allowed) || strcmp(topic, PN_INTERNAL_TOPIC_LEDGER) != 0
               ? 0
               : pn_err_set(e, PN_CLASS_RETRY, PN_LOG_NOT_AUTHORIZED, "topic %s: denied", topic);
}

/* It starts without streams, says so to those who ask, and has them when it may. */
static void test_a_user_who_may_not_read_the_ledger(void **state)
{
    struct pair *pair = *state;
    struct pn_log *log = pair->fixture->log->log;
    const struct pn_log_ops *ops = log->ops;
    struct pn_log_ops with_rights = *ops;
    struct pn_err e = {0};
    const struct pn_stream_create wanted = {.name = "t", .shards = 1};
    create(pair->one, "s", 1);
    pn_kinesis_destroy(&pair->one); /* nobody else uses the log while its functions change */
    pn_kinesis_destroy(&pair->two);
    pair->fixture->kinesis = NULL;
    with_rights.refresh = refresh_with_rights;
    log->ops = &with_rights;

    struct pn_kinesis *denied = open_one(pair->fixture);
    assert_int_equal(pn_kinesis_check_known(denied, &e), PN_KINESIS_INTERNAL);
    assert_non_null(strstr(e.msg, "Describe and Read on topic __kinesis_streams"));
    e = (struct pn_err){0};
    assert_int_equal(pn_kinesis_create_stream(denied, &wanted, &e), PN_KINESIS_INTERNAL);
    assert_non_null(strstr(e.msg, "Describe and Read on topic __kinesis_streams"));

    atomic_store(&is_allowed, true);
    const struct pn_stream *stream = see(denied, "s");
    pn_stream_release(&stream);
    assert_int_equal(pn_kinesis_check_known(denied, &e), 0);
    pn_kinesis_destroy(&denied);
    log->ops = ops;
    pair->one = open_one(pair->fixture);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_stream_is_the_same_in_all),
        TEST(test_what_one_puts_the_other_reads),
        TEST(test_iterators_are_everybodys),
        TEST(test_a_name_is_made_once),
        TEST(test_a_deleted_stream_is_another_when_made_again),
        TEST(test_a_deletion_elsewhere_ends_puts),
        TEST(test_changes_at_once_all_count),
        TEST(test_the_later_change_has_the_topic),
        TEST(test_a_deletion_overtakes_a_change_silently),
        TEST(test_shards_stay),
        TEST(test_the_account_is_everybodys),
        TEST(test_a_start_reads_the_ledger),
        TEST(test_the_first_change_counts),
        TEST(test_a_user_who_may_not_read_the_ledger),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
