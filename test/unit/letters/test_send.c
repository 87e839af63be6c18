/* Dead letters are sent once, whatever happens between the append and the note of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "letters/internal.h"
#include "log/public.h"
#include "support/kinesis_fixture.h"
#include "support/log_fixture.h"

static const char id[] = "0123456789abcdef0123456789abcdef";

struct letters_fixture {
    struct kinesis_fixture *streams;
    struct pn_log *topics;
    struct pn_letters *letters;
    char path[96];
};
static struct letters_fixture it;

static void open_letters(void)
{
    it.letters =
        pn_letters_create(it.path, it.topics, it.streams->kinesis, &it.streams->log->clock.clock);
}

static int set_up(void **state)
{
    assert_int_equal(kinesis_fixture_set_up(state), 0);
    it.streams = *state;
    kinesis_fixture_open(it.streams);
    it.topics = pn_log_public_create(it.streams->log->log);
    (void)snprintf(it.path, sizeof it.path, "%s/letters.db", it.streams->log->folder);
    const struct pn_log_topic_config config = {.partitions = 4};
    assert_int_equal(pn_log_create_topic(it.topics, "t", &config, NULL), 0);
    kinesis_create(it.streams, "s", 2);
    open_letters();
    return 0;
}

static int tear_down(void **state)
{
    pn_letters_destroy(&it.letters);
    pn_log_destroy(&it.topics);
    return kinesis_fixture_tear_down(state);
}

static struct pn_letter letter_of(const char *origin, bool is_stream)
{
    return (struct pn_letter){.id = id,
                              .is_stream = is_stream,
                              .origin = origin,
                              .partition = 2,
                              .value = {.data = "mended", .len = 6}};
}

static struct pn_letter_sent send(const struct pn_letter *letter, enum pn_letter_outcome expected)
{
    struct pn_letter_sent sent = {0};
    enum pn_letter_outcome outcome = PN_LETTER_SENT;
    struct pn_err e = {0};
    if (pn_letters_send(it.letters, letter, &outcome, &sent, &e) != 0) {
        fail_msg("%s", e.msg);
    }
    assert_int_equal(outcome, expected);
    return sent;
}

/* The partition has this many records, and the last is the letter's. */
static void assert_records(const char *topic, int32_t partition, size_t count)
{
    struct pn_log_records records = log_get(it.streams->log, topic, partition, 0, 9);
    assert_int_equal(records.count, count);
    const struct pn_record *last = &records.records[count - 1];
    assert_value(last, "mended");
    assert_int_equal(last->header_count, 1);
    assert_int_equal(last->headers[0].name.len, strlen(PN_LETTER_HEADER));
    assert_memory_equal(last->headers[0].name.data, PN_LETTER_HEADER, strlen(PN_LETTER_HEADER));
    assert_memory_equal(last->headers[0].value.data, id, strlen(id));
}

static void test_a_topic_gets_it_once(void **state)
{
    const struct pn_letter letter = letter_of("t", false);
    struct pn_letter_sent found = {0};
    bool is_known = true;
    (void)state;
    assert_int_equal(pn_letters_find(it.letters, id, NULL, &is_known, &found, NULL), 0);
    assert_false(is_known);
    struct pn_letter_sent sent = send(&letter, PN_LETTER_SENT);
    assert_int_equal(sent.partition, 2); /* where it was */
    assert_int_equal(sent.offset, 0);
    assert_int_equal(send(&letter, PN_LETTER_WAS_SENT).offset, 0);
    pn_letters_destroy(&it.letters);
    open_letters();
    assert_int_equal(send(&letter, PN_LETTER_WAS_SENT).partition, 2);
    assert_int_equal(pn_letters_find(it.letters, id, NULL, &is_known, &found, NULL), 0);
    assert_true(is_known);
    assert_string_equal(found.origin, "t");
    assert_int_equal(found.sent_ms, (int64_t)LOG_FIXTURE_NOW * 1000);
    assert_records("t", 2, 1);
}

/* What was sent under the id by which the letter was known before is not sent again, and what was
 * not sent to its end is looked for under that id. */
static void test_it_is_known_by_its_old_id(void **state)
{
    const struct pn_letter before = letter_of("t", false);
    const struct pn_letter begun = {.id = "begun", .origin = "t", .partition = 1};
    const struct pn_letter_intent intent = {.partition = 1};
    struct pn_letter now = before;
    struct pn_letter_sent found = {0};
    bool is_known = false;
    (void)state;
    (void)send(&before, PN_LETTER_SENT);
    now.id = "another";
    now.old_id = before.id;
    assert_int_equal(send(&now, PN_LETTER_WAS_SENT).offset, 0);
    assert_int_equal(pn_letters_find(it.letters, now.id, now.old_id, &is_known, &found, NULL), 0);
    assert_true(is_known);
    assert_int_equal(pn_letters_find(it.letters, now.id, NULL, &is_known, &found, NULL), 0);
    assert_false(is_known);
    assert_records("t", 2, 1);
    assert_int_equal(pn_letters_intend(it.letters, &begun, &intent, NULL), 0);
    now.old_id = begun.id;
    assert_int_equal(send(&now, PN_LETTER_SENT).partition, 2);
    assert_int_equal(pn_letters_find(it.letters, begun.id, NULL, &is_known, &found, NULL), 0);
    assert_int_equal(found.offset, 1);
}

static void test_a_key_chooses_the_partition(void **state)
{
    struct pn_letter letter = letter_of("t", false);
    (void)state;
    letter.key = (struct pn_bytes){.data = "k", .len = 1};
    assert_int_equal(send(&letter, PN_LETTER_SENT).partition, pn_partition_of_key("k", 1, 4));
}

static void test_a_partition_that_is_not_there(void **state)
{
    struct pn_letter letter = letter_of("t", false);
    (void)state;
    letter.partition = 4;
    assert_int_equal(send(&letter, PN_LETTER_SENT).partition, 0);
}

static void test_a_stream_gets_it_once(void **state)
{
    const struct pn_letter letter = letter_of("s", true);
    (void)state;
    struct pn_letter_sent sent = send(&letter, PN_LETTER_SENT);
    assert_int_equal(sent.offset, 0);
    (void)send(&letter, PN_LETTER_WAS_SENT);
    assert_records("__kinesis.s", sent.partition, 1);
}

/* As after a crash before the append. */
static void test_an_intent_without_a_record(void **state)
{
    const struct pn_letter letter = letter_of("t", false);
    const struct pn_letter_intent intent = {.partition = 2};
    struct pn_letter_sent found = {0};
    int64_t from = 0;
    bool is_known = false;
    (void)state;
    assert_int_equal(pn_letters_read(it.letters, id, &is_known, &found, &from, NULL), 0);
    assert_int_equal(pn_letters_intend(it.letters, &letter, &intent, NULL), 0);
    assert_int_equal(pn_letters_find(it.letters, id, NULL, &is_known, &found, NULL), 0);
    assert_true(is_known);
    assert_int_equal(found.offset, -1);
    (void)log_put(it.streams->log, "t", 2, NULL, "another");
    assert_int_equal(send(&letter, PN_LETTER_SENT).offset, 1);
    assert_records("t", 2, 2);
}

/* As after a crash after it: the record is found by its header. */
static void test_a_record_that_nobody_noted(void **state)
{
    const struct pn_letter letters[] = {letter_of("t", false), letter_of("s", true)};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pn_letter_sent sent = send(&letters[i], PN_LETTER_SENT);
        const struct pn_letter_intent intent = {.partition = sent.partition};
        assert_int_equal(pn_letters_intend(it.letters, &letters[i], &intent, NULL), 0);
        assert_int_equal(send(&letters[i], PN_LETTER_WAS_SENT).offset, sent.offset);
        assert_records(i == 0 ? "t" : "__kinesis.s", sent.partition, 1);
        pn_letters_destroy(&it.letters);
        assert_int_equal(unlink(it.path), 0);
        open_letters();
    }
}

static void test_what_is_gone(void **state)
{
    enum pn_letter_outcome outcome = PN_LETTER_SENT;
    struct pn_letter_sent sent = {0};
    struct pn_err e = {0};
    const struct pn_letter letters[] = {letter_of("no.topic", false), letter_of("no-stream", true),
                                        letter_of("__kinesis.s", false)};
    (void)state;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        assert_int_not_equal(pn_letters_send(it.letters, &letters[i], &outcome, &sent, &e), 0);
        assert_int_equal(e.class_, PN_CLASS_MISSING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_topic_gets_it_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_is_known_by_its_old_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_key_chooses_the_partition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_partition_that_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stream_gets_it_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_intent_without_a_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_record_that_nobody_noted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_gone, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("letters/send", tests, NULL, NULL);
}
