/*
 * A log may give topics ids that count how often the name was deleted, and each process counts for
 * itself. Of processes that share a store, one that was not there has counted less. The origins of
 * chains have the ids in their names (chain.c), and the greatest that is there holds for all.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sink/private.h"

/* The topic has at least this id. One that is not there now has it when it is. */
static int raise(const struct pn_sink *sink, const char *topic, uint64_t id, struct pn_err *e)
{
    struct pn_err failure = {.class_ = PN_CLASS_NONE};
    int rc = pn_log_raise_topic_id(sink->config.log, topic, id, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

/* --- one partition ---------------------------------------------------------------------------- */

static int see_origin(void *arg, const struct pn_object *object)
{
    uint64_t *greatest = arg;
    uint64_t id = strtoull(strrchr(object->key, '/') + 1, NULL, 16);
    *greatest = id > *greatest ? id : *greatest;
    return 0;
}

int pn_sink_chain_take_id(struct pn_sink *sink, struct pn_sink_memory *memory, struct pn_err *e)
{
    uint64_t greatest = memory->id;
    if (!pn_log_counts_topic_ids(sink->config.log)) {
        return 0;
    }
    char *start = pn_xasprintf(".pinion/chain/%s/%s/%" PRId32 "/", sink->config.topics_dir,
                               memory->topic, memory->partition);
    int rc = pn_store_list(sink->config.store, start, NULL, see_origin, &greatest, e);
    if (rc == 0 && greatest > memory->id) {
        rc = raise(sink, memory->topic, greatest, e);
    }
    if (rc == 0) {
        memory->id = greatest;
    }
    free(start);
    return rc;
}

/* --- all topics ------------------------------------------------------------------------------- */

struct learning {
    const struct pn_sink *sink;
    size_t start_len; /* of what the keys begin with */
    char *topic;      /* the one whose origins come now; NULL: none came yet */
    uint64_t greatest;
    struct pn_err *e;
};

static int raise_topic(struct learning *learning)
{
    int rc = learning->topic != NULL && learning->greatest > 0
                 ? raise(learning->sink, learning->topic, learning->greatest, learning->e)
                 : 0;
    free(learning->topic);
    learning->topic = NULL;
    learning->greatest = 0;
    return rc;
}

/* Keys come in their order, so those of a topic come one after the other. */
static int see_topic(void *arg, const struct pn_object *object)
{
    struct learning *learning = arg;
    const char *topic = object->key + learning->start_len;
    size_t len = strcspn(topic, "/");
    int rc = 0;
    if (learning->topic == NULL || strncmp(learning->topic, topic, len) != 0 ||
        learning->topic[len] != '\0') {
        rc = raise_topic(learning);
        learning->topic = pn_xstrndup(topic, len);
    }
    return rc == 0 ? see_origin(&learning->greatest, object) : rc;
}

int pn_sink_chain_learn_ids(struct pn_sink *sink, struct pn_err *e)
{
    if (!sink->has_chain || !pn_log_counts_topic_ids(sink->config.log)) {
        return 0;
    }
    char *start = pn_xasprintf(".pinion/chain/%s/", sink->config.topics_dir);
    struct learning learning = {.sink = sink, .start_len = strlen(start), .e = e};
    int rc = pn_store_list(sink->config.store, start, NULL, see_topic, &learning, e);
    int raised = raise_topic(&learning);
    free(start);
    return rc != 0 ? rc : raised;
}
