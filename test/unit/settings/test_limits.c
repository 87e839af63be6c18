/* What the table of settings takes, every station takes: from the least value to the largest. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/fronts.h"
#include "settings/internal.h"
#include "store/local/local.h"
#include "support/defaults.h"

enum { TEXT_SIZE = 64 };

struct stations {
    struct pn_store *store;
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    struct pn_sink *sink;
    struct pn_fronts *fronts;
};

static char folder[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/pinion-limits-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return pn_io_remove_tree(pn_io_system(), folder, NULL);
}

static const char *below(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int open_log_and_streams(const struct pn_settings *settings, struct stations *stations,
                                struct pn_err *e)
{
    struct pn_embedded_config log;
    struct pn_kinesis_config kinesis;
    pn_settings_to_log(settings, &log);
    pn_settings_to_kinesis(settings, &kinesis);
    log.folder = below("log");
    kinesis.folder = below("kinesis");
    int rc = pn_local_store_open(below("store"), pn_io_system(), &stations->store, e);
    if (rc == 0) {
        rc = pn_embedded_open(&log, pn_io_system(), pn_clock_system(), NULL, NULL, &stations->log,
                              e);
    }
    if (rc == 0) {
        rc = pn_kinesis_create(&kinesis, stations->log, pn_io_system(), pn_clock_system(), NULL,
                               NULL, &stations->kinesis, e);
    }
    return rc;
}

static int open_sink_and_fronts(const struct pn_settings *settings, struct stations *stations,
                                struct pn_err *e)
{
    struct pn_sink_config sink;
    struct pn_fronts_config fronts;
    pn_settings_to_sink(settings, &sink);
    sink.folder = below("sink");
    sink.topics_dir = "topics";
    sink.dead_letters_dir = "dead_letters";
    sink.log = stations->log;
    sink.store = stations->store;
    sink.io = pn_io_system();
    sink.clock = pn_clock_system();
    pn_settings_to_http(settings, &fronts.http);
    pn_settings_to_kafka_rest(settings, &fronts.kafka_rest);
    pn_settings_to_aws(settings, &fronts.aws);
    fronts.http.api_keys = "a-key-of-the-environment";
    fronts.kafka_rest.consumers_folder = below("consumers");
    const struct pn_fronts_env env = {.log = stations->log,
                                      .kinesis = stations->kinesis,
                                      .io = pn_io_system(),
                                      .clock = pn_clock_system()};
    int rc = pn_sink_create(&sink, &stations->sink, e);
    return rc == 0 ? pn_fronts_create(&fronts, &env, &stations->fronts, e) : rc;
}

/* Every station that has a config of its own opens with these settings. */
static void open_all(const struct pn_settings *settings, const char *name, const char *value)
{
    struct stations stations = {0};
    struct pn_err e = {0};
    int rc = open_log_and_streams(settings, &stations, &e);
    if (rc == 0) {
        rc = open_sink_and_fronts(settings, &stations, &e);
    }
    pn_fronts_destroy(&stations.fronts);
    pn_sink_destroy(&stations.sink);
    pn_kinesis_destroy(&stations.kinesis);
    pn_log_destroy(&stations.log);
    pn_store_destroy(&stations.store);
    if (rc != 0) {
        fail_msg("the table takes %s=%s, but a station does not: %s", name, value, e.msg);
    }
}

static void try_value(const struct pn_setting *setting, const char *value)
{
    struct pn_settings settings;
    struct pn_err e;
    pn_settings_init(&settings);
    assert_int_equal(pn_settings_set(&settings, setting->name, value, &e), 0);
    /* The queue has room for one record at least. */
    if (strcmp(setting->name, "log.queue_bytes_max") == 0) {
        assert_int_equal(pn_settings_set(&settings, "log.record_bytes_max", "1KiB", &e), 0);
    }
    open_all(&settings, setting->name, value);
    pn_settings_deinit(&settings);
}

static void try_number(const struct pn_setting *setting, int64_t value)
{
    char text[TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%" PRId64 "%s", value,
                   setting->kind == PN_SETTING_DURATION ? "ms" : "");
    try_value(setting, text);
}

static void try_choices(const struct pn_setting *setting)
{
    for (const char *at = setting->choices; *at != '\0';) {
        char word[TEXT_SIZE];
        size_t len = strcspn(at, "|");
        (void)snprintf(word, sizeof word, "%.*s", (int)len, at);
        try_value(setting, word);
        at += len + (at[len] == '|');
    }
}

static void test_stations_take_what_the_table_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < pn_settings_count; i++) {
        const struct pn_setting *setting = &pn_settings_table[i];
        try_value(setting, setting->initial);
        switch (setting->kind) {
        case PN_SETTING_TEXT:
            break;
        case PN_SETTING_CHOICE:
            try_choices(setting);
            break;
        case PN_SETTING_BOOL:
            try_value(setting, "true");
            try_value(setting, "false");
            break;
        default:
            try_number(setting, setting->min);
            try_number(setting, setting->max);
            if (setting->word != NULL) {
                try_value(setting, setting->word);
            }
        }
    }
}

/* 17 MiB are more than a record batch can hold. */
static void test_no_record_is_larger_than_the_log_takes(void **state)
{
    (void)state;
    struct pn_settings settings;
    struct pn_err e;
    pn_settings_init(&settings);
    assert_int_equal(pn_settings_set(&settings, "log.record_bytes_max", "16MiB", &e), 0);
    assert_int_not_equal(pn_settings_set(&settings, "log.record_bytes_max", "17MiB", &e), 0);
    assert_string_equal(e.msg, "log.record_bytes_max: must be 1KiB to 16MiB, not 17MiB");
    pn_settings_deinit(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stations_take_what_the_table_takes, setup, teardown),
        cmocka_unit_test(test_no_record_is_larger_than_the_log_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
