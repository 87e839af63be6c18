/*
 * The sink on the embedded log and the local store, as the server has them: killed at random
 * moments while a producer appends, every record of the log is landed once.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "log/embedded/embedded.h"
#include "sink/sink.h"
#include "store/local/local.h"
#include "support/defaults.h"

enum { ROUNDS = 12, BATCH = 7 };
static const char TOPIC[] = "events";

/* A data folder in use. */
struct life {
    struct pn_log *log;
    struct pn_store *store;
    struct pn_sink *sink;
};

static int open_life(struct life *life, const char *folder, int64_t flush_size)
{
    char *log_folder = pn_xasprintf("%s/log", folder);
    char *store_folder = pn_xasprintf("%s/store", folder);
    char *sink_folder = pn_xasprintf("%s/sink", folder);
    const char *topics[] = {TOPIC};
    struct pn_embedded_config log_config;
    struct pn_sink_config config;
    pn_settings_to_log(default_settings(), &log_config);
    pn_settings_to_sink(default_settings(), &config);
    log_config.folder = log_folder;
    log_config.segment_bytes = 16 * 1024;
    int rc = pn_embedded_open(&log_config, pn_io_system(), pn_clock_system(), NULL, NULL,
                              &life->log, NULL);
    if (rc == 0) {
        rc = pn_local_store_open(store_folder, pn_io_system(), &life->store, NULL);
    }
    if (rc == 0) {
        rc = pn_store_sweep(life->store, NULL);
    }
    if (rc == 0) {
        config.folder = sink_folder;
        config.topics = topics;
        config.topic_count = 1;
        config.topics_dir = "topics";
        config.dead_letters_dir = "dead_letters";
        config.flush_size = flush_size;
        config.rotate_interval_ms = 30;
        config.log = life->log;
        config.store = life->store;
        config.io = pn_io_system();
        config.clock = pn_clock_system();
        rc = pn_sink_create(&config, &life->sink, NULL);
    }
    free(log_folder);
    free(store_folder);
    free(sink_folder);
    return rc;
}

static void close_life(struct life *life)
{
    pn_sink_destroy(&life->sink);
    pn_store_destroy(&life->store);
    pn_log_destroy(&life->log);
}

/* Appends a few values, each unlike all others; every third one of a batch is not JSON. */
static int append(struct pn_log *log, int64_t *number)
{
    char values[BATCH][64];
    struct pn_log_entry entries[BATCH];
    memset(entries, 0, sizeof entries);
    for (int i = 0; i < BATCH; i++) {
        snprintf(values[i], sizeof values[i], i % 3 == 2 ? "x%d-%lld" : "{\"p\":%d,\"n\":%lld}",
                 (int)getpid(), (long long)(*number)++);
        entries[i].record.value = (struct pn_bytes){.data = values[i], .len = strlen(values[i])};
        entries[i].record.timestamp_ms = -1;
        entries[i].partition = PN_PARTITION_ANY;
    }
    struct pn_log_request request = {.topic = TOPIC, .entries = entries, .count = BATCH};
    return pn_log_append(log, &request, NULL);
}

/* Until it is killed: appends, and tells how many records were acknowledged. */
static void produce(const char *folder, int64_t flush_size, int acknowledged)
{
    struct life life = {0};
    int64_t number = 0;
    if (open_life(&life, folder, flush_size) != 0 || pn_sink_start(life.sink, NULL) != 0) {
        _exit(1);
    }
    while (append(life.log, &number) == 0) {
        char byte = BATCH;
        if (write(acknowledged, &byte, 1) != 1) {
            break;
        }
    }
    _exit(2);
}

/* One producer's life of a random length. Returns the number of acknowledged records. */
static int64_t live_and_die(const char *folder, int64_t flush_size, struct pn_random *random)
{
    int ends[2];
    int64_t count = 0;
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        produce(folder, flush_size, ends[1]);
    }
    close(ends[1]);
    int64_t enough = (int64_t)pn_random_below(random, 60) * BATCH;
    while (count < enough && read(ends[0], &byte, 1) == 1) {
        count += byte;
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(ends[0], &byte, 1) == 1) {
        count += byte;
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    close(ends[0]);
    return count;
}

static int add_lines(void *arg, const struct pn_object *object)
{
    struct life *life = ((void **)arg)[0];
    struct pn_buf *lines = ((void **)arg)[1];
    return pn_store_get(life->store, object->key, lines, NULL);
}

static void read_below(struct life *life, const char *prefix, struct pn_buf *lines)
{
    void *arg[] = {life, lines};
    pn_buf_init(lines, 64 * 1024 * 1024);
    assert_int_equal(pn_store_list(life->store, prefix, NULL, add_lines, arg, NULL), 0);
}

/* Walks the log and what landed of it side by side. */
static void assert_all_landed(struct life *life, int64_t end)
{
    struct pn_buf values;
    struct pn_buf dead;
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    read_below(life, "topics/events/partition=0/", &values);
    read_below(life, "dead_letters/events/partition=0/", &dead);
    const char *value_at = pn_buf_text(&values);
    const char *dead_at = pn_buf_text(&dead);
    for (int64_t offset = 0; offset < end;) {
        struct pn_log_records records;
        assert_int_equal(
            pn_log_read(life->log, TOPIC, 0, offset, 100, 100000, &arena, &records, NULL), 0);
        assert_true(records.count > 0);
        for (size_t i = 0; i < records.count; i++) {
            struct pn_bytes value = records.records[i].value;
            const char **at = ((const char *)value.data)[0] == 'x' ? &dead_at : &value_at;
            const char *line_end = strchr(*at, '\n');
            assert_non_null(line_end);
            if (at == &value_at) {
                assert_int_equal(line_end - *at, value.len);
                assert_memory_equal(*at, value.data, value.len);
            } else {
                char *field = pn_xasprintf("\"offset\":%lld,", (long long)(offset + (int64_t)i));
                assert_non_null(memmem(*at, (size_t)(line_end - *at), field, strlen(field)));
                free(field);
            }
            *at = line_end + 1;
        }
        offset = records.next_offset;
        pn_arena_reset(&arena);
    }
    assert_string_equal(value_at, "");
    assert_string_equal(dead_at, "");
    pn_buf_deinit(&values);
    pn_buf_deinit(&dead);
    pn_arena_deinit(&arena);
}

static void test_killed_at_random(void **state)
{
    (void)state;
    char folder[64] = "/tmp/pinion-kill-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct pn_random random;
    pn_random_init(&random, 20180903);
    int64_t acknowledged = 0;
    for (int round = 0; round < ROUNDS; round++) {
        static const int64_t flush_sizes[] = {1, 10, 1000};
        acknowledged += live_and_die(folder, flush_sizes[round % 3], &random);
    }
    struct life life = {0};
    struct pn_log_offsets offsets = {0};
    assert_int_equal(open_life(&life, folder, 500), 0);
    assert_int_equal(pn_sink_flush(life.sink, NULL), 0);
    assert_int_equal(pn_log_offsets(life.log, TOPIC, 0, &offsets, NULL), 0);
    assert_true(offsets.end >= acknowledged && acknowledged > 0);
    assert_all_landed(&life, offsets.end);
    close_life(&life);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), folder, NULL), 0);
}

/* A topic made again in the log of the server gets another identity, which the sink sees. */
static void test_topic_created_again(void **state)
{
    (void)state;
    char folder[64] = "/tmp/pinion-again-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct life life = {0};
    int64_t number = 0;
    assert_int_equal(open_life(&life, folder, 1000), 0);
    assert_int_equal(append(life.log, &number), 0);
    assert_int_equal(pn_sink_flush(life.sink, NULL), 0);
    assert_int_equal(pn_log_delete_topic(life.log, TOPIC, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(append(life.log, &number), 0);
        assert_int_equal(pn_sink_flush(life.sink, NULL), 0);
    }
    struct pn_object object;
    static const char *const keys[] = {"topics/events/partition=0/events+0+0000000000.json",
                                       "topics/events/partition=0/events+0+0000000007.json",
                                       "topics/events/partition=0/events+0+0000000014.json"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pn_store_head(life.store, keys[i], &object, NULL), 0);
    }
    close_life(&life);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), folder, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_random),
        cmocka_unit_test(test_topic_created_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
