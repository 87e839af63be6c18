#include "log/kafka/kafka.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "log/kafka/private.h"

enum { OPEN_MS = 10000, OPEN_SLICE_MS = 1000, SILENT_MS = 10000 };

/* --- the port's functions --------------------------------------------------------------------- */

static int kafka_topics(struct pn_log *log, struct pn_arena *arena,
                        struct pn_log_topic_info **infos, size_t *count, struct pn_err *e)
{
    (void)e;
    struct pn_kafka_topic **all = pn_kafka_catalog_hold_all(&pn_kafka_of(log)->catalog, count);
    *infos = pn_arena_calloc(arena, *count, sizeof **infos);
    for (size_t i = 0; i < *count; i++) {
        (*infos)[i] = all[i]->info;
        pn_kafka_topic_release(all[i]);
    }
    free(all);
    return 0;
}

static int kafka_topic(struct pn_log *log, const char *name, struct pn_log_topic_info *info,
                       struct pn_err *e)
{
    struct pn_kafka_topic *topic = pn_kafka_catalog_hold(&pn_kafka_of(log)->catalog, name);
    if (topic == NULL) {
        return pn_err_missing(e, "there is no topic %s", name);
    }
    *info = topic->info;
    pn_kafka_topic_release(topic);
    return 0;
}

/* NULL: the offsets are sure. */
static const char *why_unsure(const struct pn_kafka *kafka, const struct pn_kafka_topic *topic,
                              const struct pn_kafka_part *part)
{
    int64_t silent_ms = atomic_load(&part->silent_ms);
    if (atomic_load(&topic->gone_ms) != 0) {
        return "Kafka's brokers say that there is no such topic: it counts as deleted when they "
               "still say so after 10 seconds";
    }
    if (!atomic_load(&part->is_known)) {
        return "Kafka's brokers have not said yet where it begins and ends: it waits for a leader "
               "that answers";
    }
    if (silent_ms != 0 && pn_mono_ms(kafka->clock) - silent_ms >= SILENT_MS) {
        return "no broker has said for more than 10 seconds where it ends: records after what is "
               "known wait for the broker that leads it";
    }
    return atomic_load(&part->fell_ms) != 0
               ? "its leader says that it ends earlier than was known: that counts when it still "
                 "says so after 10 seconds"
               : NULL;
}

static int kafka_offsets(struct pn_log *log, const char *name, int32_t number,
                         struct pn_log_offsets *offsets, struct pn_err *e)
{
    struct pn_kafka_topic *topic = NULL;
    struct pn_kafka_part *part = NULL;
    int rc = pn_kafka_catalog_part(&pn_kafka_of(log)->catalog, name, number, &topic, &part, e);
    if (rc == 0) {
        *offsets = (struct pn_log_offsets){.begin = atomic_load(&part->begin),
                                           .end = pn_kafka_part_end(part),
                                           .size_bytes = -1,
                                           .doubts = atomic_load(&part->doubts),
                                           .passing = why_unsure(pn_kafka_of(log), topic, part)};
        offsets->unsure = offsets->passing != NULL;
        pn_kafka_topic_release(topic);
    }
    return rc;
}

/* Have all leaders of the topic's partitions said where these end? */
static int check_ends(struct pn_kafka *kafka, const char *name, struct pn_err *e)
{
    struct pn_kafka_topic *topic = pn_kafka_catalog_hold(&kafka->catalog, name);
    int rc = 0;
    if (topic == NULL) {
        return pn_err_missing(e, "there is no topic %s", name);
    }
    for (int32_t i = 0; i < topic->info.partitions && rc == 0; i++) {
        const struct pn_kafka_part *part = topic->parts[i];
        if (atomic_load(&part->is_led) && atomic_load(&part->silent_ms) != 0) {
            rc = pn_kafka_fail(
                kafka, RD_KAFKA_RESP_ERR__TIMED_OUT, e,
                "cannot ask the leader of topic %s, partition %" PRId32 ", where it ends", name, i);
        }
    }
    pn_kafka_topic_release(topic);
    return rc;
}

static int kafka_refresh(struct pn_log *log, const char *name, struct pn_err *e)
{
    int rc = pn_kafka_refresh_topic(pn_kafka_of(log), name, e);
    return rc == 0 ? check_ends(pn_kafka_of(log), name, e) : rc;
}

static int kafka_refresh_settings(struct pn_log *log, const char *name, struct pn_err *e)
{
    int rc = pn_kafka_refresh_topic(pn_kafka_of(log), name, e);
    if (rc == 0) {
        pn_kafka_refresh_settings(pn_kafka_of(log), name);
    }
    return rc;
}

static int kafka_raise_topic_id(struct pn_log *log, const char *name, uint64_t id, struct pn_err *e)
{
    bool raised = false;
    int rc = pn_kafka_ids_raise(pn_kafka_of(log), name, id, &raised, e);
    return rc == 0 && raised ? pn_kafka_refresh_topic(pn_kafka_of(log), name, e) : rc;
}

static bool kafka_has_groups(const struct pn_log *log)
{
    (void)log;
    return true;
}

static int kafka_replicas(struct pn_log *log, const char *name, int32_t number,
                          struct pn_arena *arena, struct pn_log_replica **replicas, size_t *count,
                          struct pn_err *e)
{
    struct pn_kafka_catalog *catalog = &pn_kafka_of(log)->catalog;
    struct pn_kafka_topic *topic = NULL;
    struct pn_kafka_part *part = NULL;
    int rc = pn_kafka_catalog_part(catalog, name, number, &topic, &part, e);
    if (rc == 0) {
        pn_kafka_catalog_replicas(catalog, part, arena, replicas, count);
        pn_kafka_topic_release(topic);
    }
    return rc;
}

static void kafka_brokers(struct pn_log *log, struct pn_arena *arena, int32_t **brokers,
                          size_t *count)
{
    pn_kafka_catalog_brokers(&pn_kafka_of(log)->catalog, arena, brokers, count);
}

/* --- opening and closing ---------------------------------------------------------------------- */

/* The texts of a configuration. */
enum { TEXTS = 11 };

static void texts_of(struct pn_kafka_config *config, const char **texts[TEXTS])
{
    const char **all[TEXTS] = {
        &config->folder,        &config->url,           &config->security, &config->sasl_mechanism,
        &config->sasl_username, &config->sasl_password, &config->ca_file,  &config->certificate,
        &config->key,           &config->properties,    &config->region};
    memcpy(texts, all, sizeof all);
}

static void copy_config(struct pn_kafka *kafka, const struct pn_kafka_config *config)
{
    const char **texts[TEXTS];
    kafka->config = *config;
    texts_of(&kafka->config, texts);
    for (size_t i = 0; i < TEXTS; i++) {
        *texts[i] = pn_xstrdup(*texts[i]);
    }
}

static void free_config(struct pn_kafka *kafka)
{
    const char **texts[TEXTS];
    texts_of(&kafka->config, texts);
    for (size_t i = 0; i < TEXTS; i++) {
        free((void *)(uintptr_t)*texts[i]);
    }
}

static void kafka_destroy(struct pn_log *log)
{
    struct pn_kafka *kafka = pn_kafka_of(log);
    pn_kafka_refresh_stop(kafka);
    pn_kafka_producer_stop(kafka);
    pn_kafka_readers_deinit(&kafka->readers);
    if (kafka->asker != NULL) {
        rd_kafka_destroy(kafka->asker);
    }
    pn_kafka_catalog_deinit(&kafka->catalog);
    pn_kafka_ids_deinit(&kafka->ids);
    pn_io_close(kafka->io, &kafka->lock_fd);
    pthread_mutex_destroy(&kafka->trouble.lock);
    pthread_mutex_destroy(&kafka->producer.lock);
    pn_notifier_deinit(&kafka->producer.wakes);
    pthread_mutex_destroy(&kafka->listeners_lock);
    pthread_mutex_destroy(&kafka->refresh.lock);
    pthread_cond_destroy(&kafka->refresh.changed);
    pn_aws_credentials_destroy(&kafka->credentials);
    free_config(kafka);
    free(kafka);
}

static const struct pn_log_ops kafka_ops = {
    .name = "kafka",
    .destroy = kafka_destroy,
    .submit = pn_kafka_submit,
    .create_topic = pn_kafka_create_topic,
    .delete_topic = pn_kafka_delete_topic,
    .configure_topic = pn_kafka_configure_topic,
    .topics = kafka_topics,
    .topic = kafka_topic,
    .offsets = kafka_offsets,
    .replicas = kafka_replicas,
    .brokers = kafka_brokers,
    .unreachable = pn_kafka_unreachable,
    .refresh = kafka_refresh,
    .refresh_settings = kafka_refresh_settings,
    .raise_topic_id = kafka_raise_topic_id,
    .has_groups = kafka_has_groups,
    .join = pn_kafka_join,
    .groups = pn_kafka_groups,
    .offset_at = pn_kafka_offset_at,
    .read = pn_kafka_read,
    .listen = pn_kafka_listen,
    .unlisten = pn_kafka_unlisten,
};

static struct pn_kafka *create(const struct pn_kafka_config *config, const struct pn_io *io,
                               const struct pn_clock *clock, struct pn_logger *logger)
{
    struct pn_kafka *kafka = pn_xcalloc(1, sizeof *kafka);
    pthread_condattr_t monotonic;
    kafka->log.ops = &kafka_ops;
    kafka->owner.kafka = kafka;
    kafka->io = io;
    kafka->clock = clock;
    kafka->logger = logger;
    kafka->lock_fd = -1;
    copy_config(kafka, config);
    atomic_store(&kafka->reach.answered_ms, pn_mono_ms(clock));
    if (pn_kafka_uses_iam(config)) {
        const struct pn_aws_credentials_config aws = {
            .region = kafka->config.region, .io = io, .clock = clock};
        kafka->credentials = pn_aws_credentials_create(&aws);
    }
    pn_kafka_catalog_init(&kafka->catalog);
    pn_kafka_ids_init(&kafka->ids);
    pn_kafka_readers_init(&kafka->readers);
    pthread_mutex_init(&kafka->trouble.lock, NULL);
    pthread_mutex_init(&kafka->producer.lock, NULL);
    pn_notifier_init(&kafka->producer.wakes);
    pn_kafka_gates_init(&kafka->producer.gates);
    pn_random_init(&kafka->producer.random, pn_entropy_u64());
    pthread_mutex_init(&kafka->listeners_lock, NULL);
    pthread_mutex_init(&kafka->refresh.lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&kafka->refresh.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return kafka;
}

static int check_config(const struct pn_kafka_config *config, struct pn_err *e)
{
    size_t scheme = strlen(PN_KAFKA_SCHEME);
    if (strncmp(config->url, PN_KAFKA_SCHEME, scheme) != 0 || config->url[scheme] == '\0' ||
        strchr(config->url + scheme, '/') != NULL) {
        return pn_err_input(e,
                            "log.url must be kafka://HOST:PORT, or several HOST:PORT with commas "
                            "between them, not \"%.200s\"",
                            config->url);
    }
    if (config->queue_bytes_max < config->record_bytes_max * 2) {
        return pn_err_input(e,
                            "log.queue_bytes_max (%" PRId64 ") must be at least twice "
                            "log.record_bytes_max (%" PRId64 ")",
                            config->queue_bytes_max, config->record_bytes_max);
    }
    return 0;
}

/* The first answer. A broker that refuses us will do so again; one that is down may come up. */
static int connect_first(struct pn_kafka *kafka, struct pn_err *e)
{
    int64_t until_ms = pn_mono_ms(kafka->clock) + OPEN_MS;
    char why[PN_KAFKA_TEXT_SIZE];
    struct pn_err failure = {0};
    for (;;) {
        int rc = pn_kafka_refresh_all(kafka, OPEN_SLICE_MS, &failure);
        (void)rd_kafka_poll(kafka->asker, 0);
        if (rc == 0) {
            return 0;
        }
        rd_kafka_resp_err_t err = pn_kafka_trouble_since(kafka, OPEN_MS, why);
        if (pn_kafka_is_denial(err)) {
            (void)pn_kafka_fail(kafka, err, &failure, "%s: %s", kafka->config.url, why);
            failure.class_ = PN_CLASS_FATAL;
        }
        if (failure.class_ != PN_CLASS_RETRY || pn_mono_ms(kafka->clock) >= until_ms) {
            pn_err_copy(e, &failure);
            return failure.code;
        }
    }
}

int pn_kafka_open(const struct pn_kafka_config *config, const struct pn_io *io,
                  const struct pn_clock *clock, struct pn_logger *logger, struct pn_log **log,
                  struct pn_err *e)
{
    static const struct pn_kafka_property properties[] = {{"isolation.level", "read_committed"},
                                                          {NULL, NULL}};
    int rc = check_config(config, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_kafka *kafka = create(config, io, clock, logger);
    rc = pn_kafka_folder_open(kafka, e);
    if (rc == 0) {
        rc = pn_kafka_ids_load(kafka, e);
    }
    if (rc == 0) {
        const struct pn_kafka_client asker = {
            .type = RD_KAFKA_CONSUMER, .properties = properties, .owner = &kafka->owner};
        rc = pn_kafka_client_open(&asker, &kafka->asker, e);
    }
    if (rc == 0) {
        rc = connect_first(kafka, e);
    }
    if (rc == 0) {
        rc = pn_kafka_folder_claim(kafka, e);
    }
    if (rc == 0) {
        rc = pn_kafka_producer_start(kafka, e);
    }
    if (rc == 0) {
        rc = pn_kafka_refresh_start(kafka, e);
    }
    if (rc != 0) {
        kafka_destroy(&kafka->log);
        return rc;
    }
    *log = &kafka->log;
    return 0;
}
