#include "support/sink_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "store/local/local.h"
#include "store/origins_key.h"
#include "support/defaults.h"
#include "support/ram_io.h"

void sink_bed_init(struct sink_fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    ram_folder("sink", fixture->folder, sizeof fixture->folder);
    fixture->store_folder = pn_xasprintf("%s/store", fixture->folder);
    fixture->state_folder = pn_xasprintf("%s/sink", fixture->folder);
    assert_int_equal(pn_local_store_open(fixture->store_folder, ram_io(), &fixture->store, NULL),
                     0);
    fixture->log = fake_log_create();
    fake_log_add_topic(fixture->log, "t", 1);
    pn_fake_clock_init(&fixture->clock, 1000000);
    fixture->metrics = pn_metrics_create();
    fixture->topics[0] = "t";
    pn_settings_to_sink(default_settings(), &fixture->config);
    fixture->config.topics_dir = "topics";
    fixture->config.dead_letters_dir = "dead_letters";
    fixture->config.folder = fixture->state_folder;
    fixture->config.topics = fixture->topics;
    fixture->config.topic_count = 1;
    fixture->config.flush_size = 3;
    fixture->config.rotate_interval_ms = 1000;
    fixture->config.log = fake_log_port(fixture->log);
    fixture->config.store = fixture->store;
    fixture->config.io = ram_io();
    fixture->config.clock = &fixture->clock.clock;
    fixture->config.metrics = fixture->metrics;
}

void sink_bed_deinit(struct sink_fixture *fixture)
{
    pn_sink_destroy(&fixture->sink);
    pn_store_destroy(&fixture->store);
    fake_log_destroy(&fixture->log);
    pn_metrics_destroy(&fixture->metrics);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), fixture->folder, NULL), 0);
    free(fixture->store_folder);
    free(fixture->state_folder);
}

void sink_bed_open(struct sink_fixture *fixture)
{
    struct pn_err e = {0};
    int rc = pn_sink_create(&fixture->config, &fixture->sink, &e);
    assert_string_equal(e.msg, "");
    assert_int_equal(rc, 0);
}

void sink_bed_close(struct sink_fixture *fixture)
{
    pn_sink_destroy(&fixture->sink);
}

struct landed {
    struct pn_store *store;
    struct pn_buf text;
};

static int add_object(void *arg, const struct pn_object *object)
{
    struct landed *landed = arg;
    struct pn_buf lines;
    pn_buf_init(&lines, 64 * 1024 * 1024);
    assert_int_equal(pn_store_get(landed->store, object->key, &lines, NULL), 0);
    assert_true(lines.len > 0);
    assert_int_equal(lines.data[lines.len - 1], '\n');
    pn_buf_addf(&landed->text, "%s: ", object->key);
    for (size_t i = 0; i + 1 < lines.len; i++) {
        pn_buf_addc(&landed->text, lines.data[i] == '\n' ? ' ' : lines.data[i]);
    }
    pn_buf_addc(&landed->text, '\n');
    pn_buf_deinit(&lines);
    return 0;
}

char *sink_bed_landed(struct sink_fixture *fixture)
{
    struct landed landed = {.store = fixture->store};
    pn_buf_init(&landed.text, 256 * 1024 * 1024);
    assert_int_equal(pn_store_list(fixture->store, "", NULL, add_object, &landed, NULL), 0);
    return pn_buf_take(&landed.text);
}

void sink_bed_assert_landed(struct sink_fixture *fixture, const char *expected)
{
    char *landed = sink_bed_landed(fixture);
    assert_string_equal(landed, expected);
    free(landed);
}

struct pn_sink_status sink_bed_status(struct sink_fixture *fixture, const char *topic,
                                      int32_t partition)
{
    struct pn_arena arena;
    struct pn_sink_status *statuses = NULL;
    struct pn_sink_status found = {0};
    size_t count = 0;
    bool is_there = false;
    pn_arena_init(&arena, 0);
    pn_sink_status(fixture->sink, &arena, &statuses, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(statuses[i].topic, topic) == 0 && statuses[i].partition == partition) {
            found = statuses[i];
            found.topic = topic;
            found.error = found.error != NULL ? "an error" : NULL;
            is_there = true;
        }
    }
    pn_arena_deinit(&arena);
    assert_true(is_there);
    return found;
}

void sink_bed_append(struct sink_fixture *fixture, const char *topic, int first, int end)
{
    for (int i = first; i < end; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        (void)fake_log_append(fixture->log, topic, 0, value);
    }
}

static enum pn_sink_origins keeps(void *arg, const char *topic)
{
    const struct sink_fixture *fixture = arg;
    (void)topic;
    return fixture->keeps;
}

void sink_bed_keep_origins(struct sink_fixture *fixture, enum pn_sink_origins of_topics)
{
    fixture->keeps = of_topics;
    fixture->config.origins_dir = "origins";
    fixture->config.origins = keeps;
    fixture->config.origins_arg = fixture;
}

static size_t count_lines(const struct pn_buf *text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text->len; i++) {
        lines += text->data[i] == '\n';
    }
    return lines;
}

static int look_for_origins(void *arg, const struct pn_object *object)
{
    struct pn_store *store = arg;
    struct pn_buf values;
    struct pn_buf origins;
    struct pn_err e = {.msg = ""};
    pn_buf_init(&values, 64 * 1024 * 1024);
    pn_buf_init(&origins, 64 * 1024 * 1024);
    assert_int_equal(pn_store_get(store, object->key, &values, NULL), 0);
    if (values.len > 0) {
        char *key =
            pn_origins_key("origins", "topics", object->key, pn_crc32c(values.data, values.len));
        assert_non_null(key);
        if (pn_store_get(store, key, &origins, &e) != 0) {
            fail_msg("%s lacks its origins: %s", object->key, e.msg);
        }
        assert_int_equal(count_lines(&origins), count_lines(&values));
        free(key);
    }
    pn_buf_deinit(&values);
    pn_buf_deinit(&origins);
    return 0;
}

void sink_bed_assert_origins(struct sink_fixture *fixture)
{
    assert_int_equal(
        pn_store_list(fixture->store, "topics/", NULL, look_for_origins, fixture->store, NULL), 0);
}
