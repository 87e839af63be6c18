#include "support/sink_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/local/local.h"
#include "support/defaults.h"
#include "support/ram_io.h"

void sink_bed_init(struct sink_bed *bed)
{
    memset(bed, 0, sizeof *bed);
    ram_folder("sink", bed->folder, sizeof bed->folder);
    bed->store_folder = pn_xasprintf("%s/store", bed->folder);
    bed->state_folder = pn_xasprintf("%s/sink", bed->folder);
    assert_int_equal(pn_local_store_open(bed->store_folder, ram_io(), &bed->store, NULL), 0);
    bed->log = fake_log_create();
    fake_log_add_topic(bed->log, "t", 1);
    pn_fake_clock_init(&bed->clock, 1000000);
    bed->metrics = pn_metrics_create();
    bed->topics[0] = "t";
    pn_settings_to_sink(default_settings(), &bed->config);
    bed->config.topics_dir = "topics";
    bed->config.dead_letters_dir = "dead_letters";
    bed->config.folder = bed->state_folder;
    bed->config.topics = bed->topics;
    bed->config.topic_count = 1;
    bed->config.flush_size = 3;
    bed->config.rotate_interval_ms = 1000;
    bed->config.log = fake_log_port(bed->log);
    bed->config.store = bed->store;
    bed->config.io = ram_io();
    bed->config.clock = &bed->clock.clock;
    bed->config.metrics = bed->metrics;
}

void sink_bed_deinit(struct sink_bed *bed)
{
    pn_sink_destroy(&bed->sink);
    pn_store_destroy(&bed->store);
    fake_log_destroy(&bed->log);
    pn_metrics_destroy(&bed->metrics);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), bed->folder, NULL), 0);
    free(bed->store_folder);
    free(bed->state_folder);
}

void sink_bed_open(struct sink_bed *bed)
{
    struct pn_err e = {0};
    int rc = pn_sink_create(&bed->config, &bed->sink, &e);
    assert_string_equal(e.msg, "");
    assert_int_equal(rc, 0);
}

void sink_bed_close(struct sink_bed *bed)
{
    pn_sink_destroy(&bed->sink);
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

char *sink_bed_landed(struct sink_bed *bed)
{
    struct landed landed = {.store = bed->store};
    pn_buf_init(&landed.text, 256 * 1024 * 1024);
    assert_int_equal(pn_store_list(bed->store, "", NULL, add_object, &landed, NULL), 0);
    return pn_buf_take(&landed.text);
}

void sink_bed_assert_landed(struct sink_bed *bed, const char *expected)
{
    char *landed = sink_bed_landed(bed);
    assert_string_equal(landed, expected);
    free(landed);
}

struct pn_sink_status sink_bed_status(struct sink_bed *bed, const char *topic, int32_t partition)
{
    struct pn_arena arena;
    struct pn_sink_status *statuses = NULL;
    struct pn_sink_status found = {0};
    size_t count = 0;
    bool is_there = false;
    pn_arena_init(&arena, 0);
    pn_sink_status(bed->sink, &arena, &statuses, &count);
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

void sink_bed_append(struct sink_bed *bed, const char *topic, int first, int end)
{
    for (int i = first; i < end; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        (void)fake_log_append(bed->log, topic, 0, value);
    }
}
