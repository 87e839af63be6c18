/*
 * How fast is the embedded log alone? Two threads submit single records, each keeping some of them
 * outstanding, as a gateway under load does; then, for recovery, a partition of the given size is
 * written, its index removed, and the log opened.
 *
 *   log_bench append FOLDER fsync|os [SECONDS] [OUTSTANDING] [PARTITIONS] [TOPICS]
 *   log_bench recover FOLDER [MIB]
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "log/embedded/embedded.h"
#include "settings/configs.h"

enum { RECORD_BYTES = 900, THREADS = 2, OUTSTANDING_MAX = 4096 };

struct slot {
    struct pn_log_request request;
    struct pn_log_entry entry;
    struct producer *producer;
    struct slot *next;
    int64_t submitted_ns;
};

struct producer {
    struct pn_log *log;
    char topic[64];
    int64_t until_ns;
    int outstanding;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct slot *free;
    int in_flight;
    int64_t count;
    int64_t latency_ns;
    struct slot slots[OUTSTANDING_MAX];
};

static char value[RECORD_BYTES];

static void die(const struct pn_err *e)
{
    fprintf(stderr, "log_bench: %s\n", e->msg);
    exit(1);
}

static int number(const char *text)
{
    char *end = NULL;
    long value_read = strtol(text, &end, 10);
    if (*end != '\0' || value_read < 1 || value_read > OUTSTANDING_MAX) {
        fprintf(stderr, "log_bench: %s is no number from 1 to %d\n", text, OUTSTANDING_MAX);
        exit(2);
    }
    return (int)value_read;
}

static void done(struct pn_log_request *request)
{
    struct slot *slot = request->arg;
    struct producer *producer = slot->producer;
    if (request->rc != 0) {
        die(&request->err);
    }
    pthread_mutex_lock(&producer->lock);
    producer->count++;
    producer->latency_ns += pn_mono_ns(pn_clock_system()) - slot->submitted_ns;
    slot->next = producer->free;
    producer->free = slot;
    producer->in_flight--;
    pthread_cond_signal(&producer->freed);
    pthread_mutex_unlock(&producer->lock);
}

static void *produce(void *arg)
{
    struct producer *producer = arg;
    for (int i = 0; i < producer->outstanding; i++) {
        producer->slots[i].producer = producer;
        producer->slots[i].next = producer->free;
        producer->free = &producer->slots[i];
    }
    int64_t now_ns = 0;
    while ((now_ns = pn_mono_ns(pn_clock_system())) < producer->until_ns) {
        pthread_mutex_lock(&producer->lock);
        while (producer->free == NULL) {
            pthread_cond_wait(&producer->freed, &producer->lock);
        }
        struct slot *slot = producer->free;
        producer->free = NULL;
        for (struct slot *s = slot; s != NULL; s = s->next) {
            producer->in_flight++;
        }
        pthread_mutex_unlock(&producer->lock);
        while (slot != NULL) {
            struct slot *next = slot->next;
            struct pn_err e;
            slot->entry = (struct pn_log_entry){
                .record = {.value = {value, sizeof value}, .timestamp_ms = -1},
                .partition = PN_PARTITION_ANY};
            slot->request = (struct pn_log_request){.topic = producer->topic,
                                                    .entries = &slot->entry,
                                                    .count = 1,
                                                    .done = done,
                                                    .arg = slot};
            slot->submitted_ns = now_ns;
            if (pn_log_submit(producer->log, &slot->request, &e) != 0) {
                die(&e);
            }
            slot = next;
        }
    }
    pthread_mutex_lock(&producer->lock);
    while (producer->in_flight > 0) {
        pthread_cond_wait(&producer->freed, &producer->lock);
    }
    pthread_mutex_unlock(&producer->lock);
    return NULL;
}

static struct pn_log *open_log(const struct pn_embedded_config *config, struct pn_metrics *metrics)
{
    struct pn_log *log = NULL;
    struct pn_err e;
    if (pn_embedded_open(config, pn_io_system(), pn_clock_system(), NULL, metrics, &log, &e) != 0) {
        die(&e);
    }
    return log;
}

/* What `pinion serve` opens when no setting is changed. */
static struct pn_embedded_config usual(const char *folder)
{
    struct pn_settings settings;
    struct pn_embedded_config config;
    pn_settings_init(&settings);
    pn_settings_to_log(&settings, &config);
    pn_settings_deinit(&settings);
    config.folder = folder;
    return config;
}

static int append(int argc, char **argv)
{
    struct pn_embedded_config config = usual(argv[2]);
    config.durability = strcmp(argv[3], "os") == 0 ? PN_DURABILITY_OS : PN_DURABILITY_FSYNC;
    int seconds = argc > 4 ? number(argv[4]) : 3;
    int outstanding = argc > 5 ? number(argv[5]) : 64;
    config.partitions_default = argc > 6 ? number(argv[6]) : 1;
    int topics = argc > 7 ? number(argv[7]) : 1;
    struct pn_metrics *metrics = pn_metrics_create();
    struct pn_log *log = open_log(&config, metrics);
    static struct producer producers[THREADS];
    int64_t began_ns = pn_mono_ns(pn_clock_system());
    for (int i = 0; i < THREADS; i++) {
        producers[i].log = log;
        snprintf(producers[i].topic, sizeof producers[i].topic, "bench-%d", i % topics);
        producers[i].outstanding = outstanding / THREADS;
        producers[i].until_ns = began_ns + (int64_t)seconds * 1000000000;
        pthread_mutex_init(&producers[i].lock, NULL);
        pthread_cond_init(&producers[i].freed, NULL);
        pthread_create(&producers[i].thread, NULL, produce, &producers[i]);
    }
    int64_t count = 0;
    int64_t latency_ns = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(producers[i].thread, NULL);
        count += producers[i].count;
        latency_ns += producers[i].latency_ns;
    }
    double took = (double)(pn_mono_ns(pn_clock_system()) - began_ns) / 1e9;
    struct pn_buf text;
    pn_buf_init(&text, 1 << 20);
    pn_metrics_render(metrics, &text);
    const char *commits = strstr(pn_buf_text(&text), "pinion_log_commit_seconds_count ");
    double rounds = commits != NULL ? strtod(commits + 32, NULL) : 1;
    printf("%s: %d outstanding, %d topics of %d partitions: %.0f requests/s, mean latency %.0f us, "
           "%.1f records a round, %.0f us a round\n",
           argv[3], outstanding, topics, config.partitions_default, (double)count / took,
           (double)latency_ns / (double)count / 1e3, (double)count / rounds, took / rounds * 1e6);
    pn_buf_deinit(&text);
    pn_log_destroy(&log);
    pn_metrics_destroy(&metrics);
    return 0;
}

static int recover(int argc, char **argv)
{
    int64_t mib = argc > 3 ? number(argv[3]) : 1024;
    struct pn_embedded_config config = usual(argv[2]);
    config.durability = PN_DURABILITY_OS;
    config.segment_bytes = (int64_t)1024 * 1024 * 1024;
    struct pn_log *log = open_log(&config, NULL);
    enum { COUNT = 100 };
    static struct pn_log_entry entries[COUNT];
    struct pn_err e;
    for (int64_t written = 0; written < mib * 1024 * 1024; written += COUNT * (RECORD_BYTES + 10)) {
        for (int i = 0; i < COUNT; i++) {
            entries[i] = (struct pn_log_entry){
                .record = {.value = {value, sizeof value}, .timestamp_ms = -1}};
        }
        struct pn_log_request request = {.topic = "big", .entries = entries, .count = COUNT};
        if (pn_log_append(log, &request, &e) != 0) {
            die(&e);
        }
    }
    pn_log_destroy(&log);
    char path[4096];
    for (int round = 0; round < 2; round++) {
        int64_t began_ns = pn_mono_ns(pn_clock_system());
        log = open_log(&config, NULL);
        printf("open %s: %.3f s\n", round == 0 ? "after a clean stop" : "after a crash",
               (double)(pn_mono_ns(pn_clock_system()) - began_ns) / 1e9);
        pn_log_destroy(&log);
        snprintf(path, sizeof path, "%s/big/0/%020d.index", argv[2], 0);
        if (remove(path) != 0) {
            perror(path);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    memset(value, 'x', sizeof value);
    for (size_t i = 0; i < sizeof value; i += 7) {
        value[i] = (char)('a' + i % 23);
    }
    if (argc > 3 && strcmp(argv[1], "append") == 0) {
        return append(argc, argv);
    }
    if (argc > 2 && strcmp(argv[1], "recover") == 0) {
        return recover(argc, argv);
    }
    fprintf(stderr, "usage: log_bench append FOLDER fsync|os [SECONDS] [OUTSTANDING] [PARTITIONS] "
                    "[TOPICS]\n       log_bench recover FOLDER [MIB]\n");
    return 2;
}
