#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log/public.h"
#include "support/memory_log.h"

static const char hidden[] = PN_INTERNAL_TOPIC_PREFIX "clicks";

struct fixture {
    struct pn_log *whole;
    struct pn_log *view;
    struct pn_arena arena;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->whole = pn_memory_log_create(1);
    f->view = pn_log_public_create(f->whole);
    pn_arena_init(&f->arena, 0);
    pn_memory_log_put(f->whole, hidden, 0, "1");
    pn_memory_log_put(f->whole, "a", 0, "2");
    pn_memory_log_put(f->whole, "z", 0, "3");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pn_log_destroy(&f->view);
    pn_log_destroy(&f->whole);
    pn_arena_deinit(&f->arena);
    free(f);
    return 0;
}

static void expect(int rc, const struct pn_err *e, enum pn_class class_)
{
    assert_int_not_equal(rc, 0);
    assert_int_equal(e->class_, class_);
}

static int append(struct pn_log *log, const char *topic, struct pn_err *e)
{
    struct pn_log_entry entry = {.record = {.value = {.data = "4", .len = 1}, .timestamp_ms = -1},
                                 .partition = PN_PARTITION_ANY};
    struct pn_log_request request = {.topic = topic, .entries = &entry, .count = 1};
    return pn_log_append(log, &request, e);
}

static void test_a_hidden_topic_is_missing_whatever_is_asked(void **state)
{
    struct fixture *f = *state;
    const struct pn_log_topic_config config = {.partitions = 2};
    struct pn_log_topic_info info;
    struct pn_log_offsets offsets;
    struct pn_log_records records;
    int64_t offset = 0;
    struct pn_err e;
    expect(pn_log_topic(f->view, hidden, &info, &e), &e, PN_CLASS_MISSING);
    expect(pn_log_offsets(f->view, hidden, 0, &offsets, &e), &e, PN_CLASS_MISSING);
    expect(pn_log_offset_at(f->view, hidden, 0, 0, &offset, &e), &e, PN_CLASS_MISSING);
    expect(pn_log_read(f->view, hidden, 0, 0, 10, 1000, &f->arena, &records, &e), &e,
           PN_CLASS_MISSING);
    expect(pn_log_configure_topic(f->view, hidden, &config, &e), &e, PN_CLASS_MISSING);
    expect(pn_log_delete_topic(f->view, hidden, &e), &e, PN_CLASS_MISSING);
    expect(pn_log_create_topic(f->view, hidden, &config, &e), &e, PN_CLASS_INPUT);
    expect(append(f->view, hidden, &e), &e, PN_CLASS_INPUT);
    assert_non_null(strstr(e.msg, "Kinesis API"));

    assert_int_equal(pn_log_offsets(f->whole, hidden, 0, &offsets, &e), 0);
    assert_int_equal(offsets.end, 1); /* nothing was done to it */
}

static void test_the_list_is_of_the_others(void **state)
{
    struct fixture *f = *state;
    struct pn_log_topic_info *topics = NULL;
    size_t count = 0;
    struct pn_err e;
    assert_int_equal(pn_log_topics(f->view, &f->arena, &topics, &count, &e), 0);
    assert_int_equal(count, 2);
    assert_string_equal(topics[0].name, "a");
    assert_string_equal(topics[1].name, "z");
}

static void count_call(void *arg)
{
    (*(int *)arg)++;
}

static void test_other_topics_are_the_logs_own(void **state)
{
    struct fixture *f = *state;
    const struct pn_log_topic_config config = {.partitions = 3};
    struct pn_log_topic_info info;
    struct pn_log_offsets offsets;
    struct pn_log_records records;
    int64_t offset = -1;
    int calls = 0;
    int id = 0;
    struct pn_err e;
    assert_int_equal(pn_log_listen(f->view, count_call, &calls, &id, &e), 0);
    assert_int_equal(append(f->view, "a", &e), 0);
    pn_log_unlisten(f->view, id);
    assert_int_equal(calls, 1);
    assert_int_equal(pn_log_offsets(f->view, "a", 0, &offsets, &e), 0);
    assert_int_equal(offsets.end, 2);
    assert_int_equal(pn_log_offset_at(f->view, "a", 0, 0, &offset, &e), 0);
    assert_int_equal(offset, 0);
    assert_int_equal(pn_log_read(f->view, "a", 0, 0, 10, 1000, &f->arena, &records, &e), 0);
    assert_int_equal(records.count, 2);
    assert_int_equal(pn_log_create_topic(f->view, "b", &config, &e), 0);
    assert_int_equal(pn_log_topic(f->whole, "b", &info, &e), 0);
    assert_int_equal(info.partitions, 3);
    assert_int_equal(pn_log_delete_topic(f->view, "b", &e), 0);
    expect(pn_log_topic(f->whole, "b", &info, &e), &e, PN_CLASS_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_hidden_topic_is_missing_whatever_is_asked, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_list_is_of_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_topics_are_the_logs_own, setup, teardown),
    };
    return cmocka_run_group_tests_name("public", tests, NULL, NULL);
}
