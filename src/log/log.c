#include "log/log.h"

#include <pthread.h>
#include <string.h>

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool done;
};

static void wake(struct pn_log_request *request)
{
    struct waiter *waiter = request->arg;
    pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    pthread_cond_signal(&waiter->answered);
    pthread_mutex_unlock(&waiter->lock);
}

int pn_log_append(struct pn_log *log, struct pn_log_request *request, struct pn_err *e)
{
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER,
                            .answered = PTHREAD_COND_INITIALIZER};
    request->done = wake;
    request->arg = &waiter;
    int rc = pn_log_submit(log, request, e);
    if (rc == 0) {
        pthread_mutex_lock(&waiter.lock);
        while (!waiter.done) {
            pthread_cond_wait(&waiter.answered, &waiter.lock);
        }
        pthread_mutex_unlock(&waiter.lock);
        rc = request->rc;
        if (rc != 0) {
            pn_err_copy(e, &request->err);
        }
    }
    pthread_cond_destroy(&waiter.answered);
    pthread_mutex_destroy(&waiter.lock);
    return rc;
}

/* A read may be refused for other reasons than its offset, by a cluster for instance. */
int pn_log_look(struct pn_log *log, const char *topic, int32_t partition, int64_t offset,
                struct pn_arena *arena, struct pn_log_records *records, bool *is_above,
                struct pn_err *e)
{
    struct pn_log_offsets offsets;
    struct pn_err why = {.class_ = PN_CLASS_NONE};
    *is_above = false;
    int rc = pn_log_read(log, topic, partition, offset, 1, 1, arena, records, &why);
    if (rc != 0 && why.class_ == PN_CLASS_INPUT &&
        pn_log_offsets(log, topic, partition, &offsets, NULL) == 0 && offset > offsets.end) {
        *is_above = true;
        rc = 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

int pn_log_replicas(struct pn_log *log, const char *topic, int32_t partition,
                    struct pn_arena *arena, struct pn_log_replica **replicas, size_t *count,
                    struct pn_err *e)
{
    struct pn_log_offsets offsets;
    if (log->ops->replicas != NULL) {
        return log->ops->replicas(log, topic, partition, arena, replicas, count, e);
    }
    int rc = pn_log_offsets(log, topic, partition, &offsets, e);
    if (rc == 0) {
        *replicas = pn_arena_calloc(arena, 1, sizeof **replicas);
        (*replicas)[0] = (struct pn_log_replica){.is_leader = true, .is_in_sync = true};
        *count = 1;
    }
    return rc;
}

void pn_log_brokers(struct pn_log *log, struct pn_arena *arena, int32_t **brokers, size_t *count)
{
    if (log->ops->brokers != NULL) {
        log->ops->brokers(log, arena, brokers, count);
        return;
    }
    *brokers = pn_arena_calloc(arena, 1, sizeof **brokers);
    *count = 1;
}

void pn_log_destroy(struct pn_log **log)
{
    if (*log != NULL) {
        (*log)->ops->destroy(*log);
        *log = NULL;
    }
}

bool pn_topic_is_internal(const char *name)
{
    return strncmp(name, PN_INTERNAL_TOPIC_PREFIX, sizeof PN_INTERNAL_TOPIC_PREFIX - 1) == 0 ||
           strcmp(name, PN_INTERNAL_TOPIC_LEDGER) == 0;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool pn_topic_name_valid(const char *name, size_t len, struct pn_err *e)
{
    if (len == 0) {
        (void)pn_err_input(e, "the topic name is empty");
        return false;
    }
    if (len > PN_TOPIC_NAME_MAX) {
        (void)pn_err_input(e, "the topic name has %zu characters; %d are allowed", len,
                           PN_TOPIC_NAME_MAX);
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_name_byte(name[i])) {
            (void)pn_err_input(e,
                               "the topic name has a byte 0x%02x at position %zu; only letters, "
                               "digits, '.', '_' and '-' are allowed",
                               (unsigned char)name[i], i);
            return false;
        }
    }
    if ((len == 1 && name[0] == '.') || (len == 2 && memcmp(name, "..", 2) == 0)) {
        (void)pn_err_input(e, "a topic cannot be named '.' or '..'");
        return false;
    }
    return true;
}

/* MurmurHash2, 32 bits, with the seed of Kafka's clients (Utils.murmur2). */
static uint32_t murmur2(const uint8_t *bytes, size_t len)
{
    const uint32_t m = 0x5bd1e995;
    const unsigned r = 24;
    uint32_t h = 0x9747b28cu ^ (uint32_t)len;
    for (; len >= 4; bytes += 4, len -= 4) {
        uint32_t k = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                     (uint32_t)bytes[3] << 24;
        k *= m;
        k ^= k >> r;
        k *= m;
        h = (h * m) ^ k;
    }
    for (size_t i = len; i > 0; i--) {
        h ^= (uint32_t)bytes[i - 1] << (8 * (i - 1));
    }
    if (len > 0) {
        h *= m;
    }
    h ^= h >> 13;
    h *= m;
    h ^= h >> 15;
    return h;
}

int32_t pn_partition_of_key(const void *key, size_t len, int32_t partitions)
{
    PN_ASSERT(partitions > 0);
    return (int32_t)(murmur2(key, len) & 0x7fffffff) % partitions;
}
