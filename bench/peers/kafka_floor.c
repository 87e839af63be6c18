/*
 * What a C program gets from Kafka's brokers with so many records in flight: each is sent when an
 * earlier one was acknowledged by all replicas in sync.
 *
 *   kafka_floor BROKERS TOPIC IN_FLIGHT SECONDS BYTES
 *
 * Prints, as bench/post.lua does, {"requests":N,"failed":N,"rps":X,"p50_ms":X,"p99_ms":X}.
 */
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMES_MAX = 20000000 };

static uint32_t *times_us;
static size_t done;
static size_t failed;
static int in_flight;

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *arg)
{
    (void)client;
    (void)arg;
    int64_t began = (int64_t)(intptr_t)message->_private;
    in_flight--;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        failed++;
    } else if (done < TIMES_MAX) {
        times_us[done++] = (uint32_t)(now_us() - began);
    }
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
}

static int compare(const void *left, const void *right)
{
    uint32_t l = *(const uint32_t *)left;
    uint32_t r = *(const uint32_t *)right;
    return (l > r) - (l < r);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: kafka_floor BROKERS TOPIC IN_FLIGHT SECONDS BYTES\n");
        return 2;
    }
    char why[512];
    int most = atoi(argv[3]);
    size_t size = (size_t)atoi(argv[5]);
    char *record = malloc(size);
    times_us = malloc(TIMES_MAX * sizeof *times_us);
    memset(record, 'x', size);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "linger.ms", "0");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, argv[2], NULL);
    int64_t began = now_us();
    int64_t end = began + atoi(argv[4]) * 1000000LL;
    while (now_us() < end) {
        while (in_flight < most) {
            in_flight++;
            if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, 0, record, size, NULL, 0,
                                 (void *)(intptr_t)now_us()) != 0) {
                in_flight--;
                break;
            }
        }
        rd_kafka_poll(client, 1);
    }
    double seconds = (double)(now_us() - began) / 1e6;
    size_t counted = done;
    rd_kafka_flush(client, 10000);
    qsort(times_us, counted, sizeof *times_us, compare);
    printf("{\"requests\":%zu,\"failed\":%zu,\"rps\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
           counted, failed, (double)counted / seconds,
           counted > 0 ? times_us[counted / 2] / 1000.0 : 0,
           counted > 0 ? times_us[counted / 100 * 99] / 1000.0 : 0);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
    free(times_us);
    free(record);
    return 0;
}
