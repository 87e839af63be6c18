/* What a request for records must fulfil before the first of them is on its way. */
#include <inttypes.h>
#include <string.h>

#include "log/kafka/private.h"
#include "log/record.h"

enum { ENTRY_OVERHEAD_BYTES = 64 };

static int refuse_entry(struct pn_log_entry *entry)
{
    entry->rc = PN_FAIL;
    entry->class_ = PN_CLASS_INPUT;
    return PN_FAIL;
}

/* Checks the entries and adds up what they take in the queue. */
static int check_entries(const struct pn_kafka *kafka, const struct pn_kafka_topic *topic,
                         struct pn_log_request *request, int64_t *bytes, struct pn_err *e)
{
    *bytes = 0;
    for (size_t i = 0; i < request->count; i++) {
        struct pn_log_entry *entry = &request->entries[i];
        entry->rc = 0;
        entry->class_ = PN_CLASS_NONE;
        if (pn_record_check(&entry->record, kafka->config.record_bytes_max, i, e) != 0) {
            return refuse_entry(entry);
        }
        if (entry->partition != PN_PARTITION_ANY &&
            (entry->partition < 0 || entry->partition >= topic->info.partitions)) {
            (void)pn_err_input(e, "topic %s has no partition %" PRId32 "; it has %" PRId32,
                               topic->info.name, entry->partition, topic->info.partitions);
            return refuse_entry(entry);
        }
        *bytes += (int64_t)pn_record_bytes(&entry->record) + ENTRY_OVERHEAD_BYTES;
    }
    return *bytes <= kafka->config.queue_bytes_max
               ? 0
               : pn_err_input(e,
                              "the request's records have %" PRId64
                              " bytes, but the log's queue accepts %" PRId64 ": send fewer at once",
                              *bytes, kafka->config.queue_bytes_max);
}

static int reserve(struct pn_kafka *kafka, int64_t bytes, struct pn_err *e)
{
    int64_t max = kafka->config.queue_bytes_max;
    if (atomic_fetch_add(&kafka->producer.queued_bytes, bytes) + bytes <= max) {
        return 0;
    }
    atomic_fetch_sub(&kafka->producer.queued_bytes, bytes);
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                      "%" PRId64 " bytes of records wait for Kafka's brokers (log.queue_bytes_max):"
                      " try again later",
                      max);
}

static int create_first(struct pn_kafka *kafka, const char *name, struct pn_err *e)
{
    const struct pn_log_first_config *first = &kafka->config.first;
    struct pn_log_topic_config config = {0};
    if (first->config_of != NULL) {
        first->config_of(first->arg, name, &config);
    }
    return pn_kafka_create_topic(&kafka->log, name, &config, e);
}

/* The topic, held; asked for and made where it is not known. */
static int find_topic(struct pn_kafka *kafka, const char *name, struct pn_kafka_topic **topic,
                      struct pn_err *e)
{
    struct pn_err why = {0};
    *topic = pn_kafka_catalog_hold(&kafka->catalog, name);
    if (*topic != NULL) {
        return 0;
    }
    if (!pn_topic_name_valid(name, strlen(name), e)) {
        return PN_FAIL;
    }
    int rc = pn_kafka_refresh_topic(kafka, name, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING && kafka->config.auto_create_topics &&
        !pn_topic_is_internal(name)) {
        rc = create_first(kafka, name, &why);
        rc = rc != 0 && why.class_ == PN_CLASS_CONFLICT ? pn_kafka_refresh_topic(kafka, name, &why)
                                                        : rc;
    }
    if (rc == 0) {
        *topic = pn_kafka_catalog_hold(&kafka->catalog, name);
        rc = *topic != NULL ? 0 : pn_err_missing(&why, "there is no topic %s", name);
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

int pn_kafka_accept(struct pn_kafka *kafka, struct pn_log_request *request,
                    struct pn_kafka_topic **topic, int64_t *bytes, struct pn_err *e)
{
    int rc = find_topic(kafka, request->topic, topic, e);
    if (rc != 0) {
        return rc;
    }
    rc = check_entries(kafka, *topic, request, bytes, e);
    if (rc == 0) {
        rc = reserve(kafka, *bytes, e);
    }
    if (rc != 0) {
        pn_kafka_topic_release(*topic);
    }
    return rc;
}
