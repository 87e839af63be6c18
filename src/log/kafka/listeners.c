/* The functions to call when records came. */
#include "log/kafka/private.h"

int pn_kafka_listen(struct pn_log *log, void (*fn)(void *arg), void *arg, int *id, struct pn_err *e)
{
    struct pn_kafka *kafka = pn_kafka_of(log);
    int rc = 0;
    pthread_mutex_lock(&kafka->listeners_lock);
    if (kafka->listener_count == PN_KAFKA_LISTENERS_MAX) {
        rc = pn_err_fatal(e, "the log has no room for more than %d listeners",
                          (int)PN_KAFKA_LISTENERS_MAX);
    } else {
        *id = kafka->next_listener++;
        kafka->listeners[kafka->listener_count++] = (struct pn_kafka_listener){fn, arg, *id};
    }
    pthread_mutex_unlock(&kafka->listeners_lock);
    return rc;
}

void pn_kafka_unlisten(struct pn_log *log, int id)
{
    struct pn_kafka *kafka = pn_kafka_of(log);
    pthread_mutex_lock(&kafka->listeners_lock);
    for (size_t i = 0; i < kafka->listener_count; i++) {
        if (kafka->listeners[i].id == id) {
            kafka->listeners[i] = kafka->listeners[--kafka->listener_count];
            break;
        }
    }
    pthread_mutex_unlock(&kafka->listeners_lock);
}

void pn_kafka_notify(struct pn_kafka *kafka)
{
    pthread_mutex_lock(&kafka->listeners_lock);
    for (size_t i = 0; i < kafka->listener_count; i++) {
        kafka->listeners[i].fn(kafka->listeners[i].arg);
    }
    pthread_mutex_unlock(&kafka->listeners_lock);
}
