/*
 * A sink that shares the partitions with others. The group is a mock, which says what the test
 * wants: a real one is a Kafka cluster (test/cloud has it).
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
#include "sink/private.h"
#include "support/memory_store.h"
#include "support/sink_fixture.h"

enum { FORGET_FAILURE_MS = 30 * 1000 };

/* What the group says at the next poll. */
static struct group {
    struct pn_log_member member;
    struct pn_log_member_config config; /* of the sink that has joined; borrowed */
    char subscribed[64];                /* topics, each with a blank after it */
    int subscriptions;
    const char *given; /* partition 0 of this topic; NULL: none */
    const char *taken;
    bool deals_none; /* it deals out partitions, and none to this sink */
    struct pn_err failure;
} group;

static void leave(struct pn_log_member *member)
{
    assert_ptr_equal(member, &group.member);
}

static int subscribe(struct pn_log_member *member, const char *const *topics, size_t count,
                     struct pn_err *e)
{
    (void)member;
    (void)e;
    group.subscriptions++;
    group.subscribed[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(strcat(group.subscribed, topics[i]), " ");
    }
    return 0;
}

static int poll(struct pn_log_member *member, struct pn_err *e)
{
    const struct pn_log_place given = {.topic = group.given, .offset = -1};
    const struct pn_log_place taken = {.topic = group.taken, .offset = -1};
    (void)member;
    if (group.taken != NULL) {
        group.config.revoked(group.config.arg, &taken, 1, false);
    }
    if (group.given != NULL || group.deals_none) {
        group.config.assigned(group.config.arg, &given, group.given != NULL ? 1 : 0);
    }
    group.given = NULL;
    group.taken = NULL;
    group.deals_none = false;
    pn_err_copy(e, &group.failure);
    return group.failure.code;
}

static bool has_groups(const struct pn_log *log)
{
    (void)log;
    return true;
}

static int join(struct pn_log *log, const struct pn_log_member_config *config,
                struct pn_log_member **member, struct pn_err *e)
{
    static const struct pn_log_member_ops ops = {
        .leave = leave, .subscribe = subscribe, .poll = poll};
    (void)log;
    (void)e;
    group.config = *config;
    group.member.ops = &ops;
    *member = &group.member;
    return 0;
}

static struct pn_log_ops with_groups;

static int set_up(void **state)
{
    struct sink_fixture *fixture = pn_xcalloc(1, sizeof *fixture);
    sink_bed_init(fixture);
    pn_store_destroy(&fixture->store);
    fixture->store = memory_store_create(fixture->folder);
    fixture->config.store = fixture->store;
    with_groups = *fixture->config.log->ops;
    with_groups.has_groups = has_groups;
    with_groups.join = join;
    fixture->config.log->ops = &with_groups;
    fixture->config.group = "workers";
    fixture->config.worker = "one";
    group = (struct group){.subscriptions = 0};
    sink_bed_open(fixture);
    assert_int_equal(pn_sink_group_join(fixture->sink, NULL), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct sink_fixture *fixture = *state;
    pn_sink_group_leave(fixture->sink);
    sink_bed_deinit(fixture);
    free(fixture);
    return 0;
}

/* What the sink lands now, with what the group says. */
static int64_t landed(struct sink_fixture *fixture)
{
    const struct pn_sink_part *part = NULL;
    assert_int_equal(pn_sink_run(fixture->sink, NULL), 0);
    part = pn_sink_parts_find(fixture->sink, "t", 0);
    assert_non_null(part);
    return part->status.records;
}

static void test_only_what_the_group_gives_is_landed(void **state)
{
    struct sink_fixture *fixture = *state;
    sink_bed_append(fixture, "t", 0, 3);
    assert_int_equal(landed(fixture), 0);
    group.given = "t";
    assert_int_equal(landed(fixture), 3);
    group.taken = "t";
    sink_bed_append(fixture, "t", 3, 6);
    assert_int_equal(landed(fixture), 3);
    group.given = "t"; /* it continues in the chain */
    assert_int_equal(landed(fixture), 6);
    group.given = "t"; /* it has it already */
    assert_int_equal(landed(fixture), 6);
    assert_int_equal(fixture->sink->share.owned_count, 1);
    group.given = "gone"; /* a topic that the sink does not see */
    assert_int_equal(landed(fixture), 6);
}

static void test_it_subscribes_when_topics_change(void **state)
{
    struct sink_fixture *fixture = *state;
    assert_int_equal(landed(fixture), 0);
    assert_int_equal(landed(fixture), 0);
    assert_string_equal(group.subscribed, "t ");
    assert_int_equal(group.subscriptions, 1);
    assert_int_equal(pn_log_delete_topic(fixture->config.log, "t", NULL), 0);
    assert_int_equal(pn_sink_run(fixture->sink, NULL), 0);
    fake_log_add_topic(fixture->log, "t", 2); /* of two partitions, one topic */
    (void)landed(fixture);
    assert_string_equal(group.subscribed, "t ");
}

static void assert_kept_out(const struct sink_fixture *fixture, const char *why)
{
    assert_string_equal(fixture->sink->share.failure.msg, why);
    assert_int_equal(fixture->sink->share.failure.code != 0, why[0] != '\0');
}

/* It stays until the group deals out partitions, or fails no more for a while. */
static void test_why_it_is_kept_out(void **state)
{
    struct sink_fixture *fixture = *state;
    const struct pn_err failure = {.class_ = PN_CLASS_RETRY, .code = PN_FAIL, .msg = "no rights"};
    for (int i = 0; i < 2; i++) {
        group.failure = failure;
        (void)landed(fixture);
        assert_kept_out(fixture, "no rights");
        group.failure = (struct pn_err){.code = 0};
        (void)landed(fixture);
        assert_kept_out(fixture, "no rights");
        if (i == 0) {
            group.deals_none = true; /* more sinks than partitions */
        } else {
            pn_fake_clock_advance(&fixture->clock, FORGET_FAILURE_MS);
        }
        (void)landed(fixture);
        assert_kept_out(fixture, "");
    }
}

/* A later sink of its name has put it out, for good: it lands nothing more. */
static void test_another_sink_of_its_name(void **state)
{
    struct sink_fixture *fixture = *state;
    group.given = "t";
    sink_bed_append(fixture, "t", 0, 3);
    assert_int_equal(landed(fixture), 3);
    group.failure = (struct pn_err){.class_ = PN_CLASS_FATAL, .code = PN_FAIL, .msg = "fenced"};
    sink_bed_append(fixture, "t", 3, 6);
    assert_int_equal(landed(fixture), 3);
    assert_int_equal(fixture->sink->share.owned_count, 0);
    assert_kept_out(fixture, "another sink has the name one: give each a sink.worker of its own, "
                             "and start this one again: fenced");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_only_what_the_group_gives_is_landed),
        TEST(test_it_subscribes_when_topics_change),
        TEST(test_why_it_is_kept_out),
        TEST(test_another_sink_of_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
