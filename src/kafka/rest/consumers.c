#include "kafka/rest/consumers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/percent.h"
#include "base/random.h"
#include "kafka/rest/consumer_group.h"
#include "kafka/rest/errors.h"

enum { OFFSETS_BYTES_MAX = 64 * 1024 * 1024 };

int pn_kafka_rest_refuse(struct pn_kafka_rest_refusal *refusal, int status, int code,
                         const char *fmt, ...)
{
    refusal->status = status;
    refusal->code = code;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(refusal->msg, sizeof refusal->msg, fmt, args);
    va_end(args);
    return -1;
}

int pn_kafka_rest_refuse_error(struct pn_kafka_rest_refusal *refusal, const struct pn_err *e)
{
    int status = 0;
    int code = pn_kafka_rest_error_code(e->class_, e->code, &status);
    return pn_kafka_rest_refuse(refusal, status, code, "%.500s", e->msg);
}

int pn_kafka_rest_consumers_create(const struct pn_kafka_rest_consumers_config *config,
                                   struct pn_kafka_rest_consumers **consumers, struct pn_err *e)
{
    if (*config->folder == '\0') {
        return pn_err_input(e, "Kafka REST needs a folder for its consumers' offsets");
    }
    struct pn_kafka_rest_consumers *made = pn_xcalloc(1, sizeof *made);
    made->config = *config;
    made->folder = pn_xstrdup(config->folder);
    made->config.folder = made->folder;
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->file_lock, NULL);
    *consumers = made;
    return 0;
}

/* --- finding and freeing ---------------------------------------------------------------------- */

struct pn_kafka_rest_group *pn_kafka_rest_consumers_group(
    const struct pn_kafka_rest_consumers *consumers, const char *name)
{
    struct pn_kafka_rest_group *group = consumers->groups;
    while (group != NULL && strcmp(group->name, name) != 0) {
        group = group->next;
    }
    return group;
}

struct pn_kafka_rest_instance *pn_kafka_rest_group_instance(const struct pn_kafka_rest_group *group,
                                                            const char *name)
{
    struct pn_kafka_rest_instance *instance = group != NULL ? group->instances : NULL;
    while (instance != NULL && strcmp(instance->name, name) != 0) {
        instance = instance->next;
    }
    return instance;
}

/* Finds the instance and marks it as used. */
int pn_kafka_rest_consumers_use(struct pn_kafka_rest_consumers *consumers,
                                struct pn_kafka_rest_instance_id id,
                                struct pn_kafka_rest_group **group,
                                struct pn_kafka_rest_instance **instance,
                                struct pn_kafka_rest_refusal *refusal)
{
    *group = pn_kafka_rest_consumers_group(consumers, id.group);
    *instance = pn_kafka_rest_group_instance(*group, id.name);
    if (*instance == NULL) {
        return pn_kafka_rest_refuse(refusal, 404, PN_KAFKA_REST_CODE_INSTANCE_NOT_FOUND,
                                    "Consumer instance not found.");
    }
    (*instance)->used_ms = pn_mono_ms(consumers->config.clock);
    return 0;
}

void pn_kafka_rest_instance_unsubscribe(struct pn_kafka_rest_instance *instance)
{
    for (size_t i = 0; i < instance->topic_count; i++) {
        free(instance->topics[i]);
    }
    free(instance->topics);
    instance->topics = NULL;
    instance->topic_count = 0;
    if (instance->pattern != NULL) {
        regfree(&instance->regex);
        free(instance->pattern);
        instance->pattern = NULL;
    }
}

static void instance_free(struct pn_kafka_rest_instance *instance)
{
    pn_kafka_rest_instance_unsubscribe(instance);
    pn_kafka_rest_instance_drop(instance);
    free(instance->name);
    free(instance);
}

static void group_free(struct pn_kafka_rest_group *group)
{
    while (group->instances != NULL) {
        struct pn_kafka_rest_instance *instance = group->instances;
        group->instances = instance->next;
        instance_free(instance);
    }
    pn_kafka_rest_group_free_committed(group);
    free(group->name);
    free(group);
}

void pn_kafka_rest_consumers_destroy(struct pn_kafka_rest_consumers **consumers)
{
    struct pn_kafka_rest_consumers *c = *consumers;
    if (c == NULL) {
        return;
    }
    while (c->groups != NULL) {
        struct pn_kafka_rest_group *group = c->groups;
        c->groups = group->next;
        group_free(group);
    }
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->file_lock);
    free(c->folder);
    free(c);
    *consumers = NULL;
}

/* --- files ------------------------------------------------------------------------------------ */

/* Writes the group's file if it is behind; called with no lock held. */
int pn_kafka_rest_group_flush(struct pn_kafka_rest_consumers *consumers, const char *name,
                              struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, OFFSETS_BYTES_MAX);
    pthread_mutex_lock(&consumers->file_lock);
    pthread_mutex_lock(&consumers->lock);
    struct pn_kafka_rest_group *group = pn_kafka_rest_consumers_group(consumers, name);
    bool dirty = group != NULL && group->dirty;
    if (dirty) {
        pn_kafka_rest_group_serialize(group, &text);
        group->dirty = false;
    }
    pthread_mutex_unlock(&consumers->lock);
    int rc = dirty ? pn_kafka_rest_group_save(consumers, name, &text, e) : 0;
    if (rc != 0) {
        pthread_mutex_lock(&consumers->lock);
        group = pn_kafka_rest_consumers_group(consumers, name);
        if (group != NULL) {
            group->dirty = true;
        }
        pthread_mutex_unlock(&consumers->lock);
    }
    pthread_mutex_unlock(&consumers->file_lock);
    pn_buf_deinit(&text);
    return rc;
}

/* The same where nobody waits for the outcome. */
void pn_kafka_rest_group_flush_quietly(struct pn_kafka_rest_consumers *consumers, const char *name)
{
    struct pn_err e;
    if (pn_kafka_rest_group_flush(consumers, name, &e) != 0) {
        pn_logger_warn(consumers->config.logger, "gateway",
                       "offsets of consumer group %s are not saved: %s", name, e.msg);
    }
}

/* A group without instances is forgotten; what it committed is in its file. */
static void sweep_groups(struct pn_kafka_rest_consumers *consumers)
{
    pthread_mutex_lock(&consumers->file_lock);
    pthread_mutex_lock(&consumers->lock);
    for (struct pn_kafka_rest_group **link = &consumers->groups; *link != NULL;) {
        struct pn_kafka_rest_group *group = *link;
        if (group->instances == NULL && !group->dirty) {
            *link = group->next;
            group_free(group);
        } else {
            link = &group->next;
        }
    }
    pthread_mutex_unlock(&consumers->lock);
    pthread_mutex_unlock(&consumers->file_lock);
}

/* --- coming and going ------------------------------------------------------------------------- */

static int check_names(const char *group, const char *name, struct pn_kafka_rest_refusal *refusal)
{
    size_t name_len = name != NULL ? strlen(name) : 1;
    struct pn_buf encoded;
    pn_buf_init(&encoded, 3 * strlen(group) + 1);
    pn_percent_encode(&encoded, group);
    size_t group_len = encoded.len;
    pn_buf_deinit(&encoded);
    if (group_len == 0 || group_len > PN_KAFKA_REST_GROUP_FILE_NAME_MAX) {
        return pn_kafka_rest_refuse(
            refusal, 422, PN_KAFKA_REST_CODE_CONSUMER_CONFIG,
            "Invalid consumer configuration: the group's name has %zu bytes, "
            "percent-encoded as in the file of its offsets; it must have 1 to %d",
            group_len, PN_KAFKA_REST_GROUP_FILE_NAME_MAX);
    }
    if (name_len == 0 || name_len > PN_KAFKA_REST_INSTANCE_NAME_MAX) {
        return pn_kafka_rest_refuse(
            refusal, 422, PN_KAFKA_REST_CODE_CONSUMER_CONFIG,
            "Invalid consumer configuration: the instance's name must have 1 to %d bytes",
            PN_KAFKA_REST_INSTANCE_NAME_MAX);
    }
    return 0;
}

/* The group, loaded from its file if it isn't known; file_lock is held, lock isn't. */
static int open_group(struct pn_kafka_rest_consumers *consumers, const char *name,
                      struct pn_kafka_rest_refusal *refusal)
{
    pthread_mutex_lock(&consumers->lock);
    bool known = pn_kafka_rest_consumers_group(consumers, name) != NULL;
    pthread_mutex_unlock(&consumers->lock);
    if (known) {
        return 0;
    }
    struct pn_err e;
    struct pn_kafka_rest_group *group = pn_xcalloc(1, sizeof *group);
    group->name = pn_xstrdup(name);
    if (pn_kafka_rest_group_load(consumers, group, &e) != 0) {
        group_free(group);
        return pn_kafka_rest_refuse_error(refusal, &e);
    }
    pthread_mutex_lock(&consumers->lock);
    group->next = consumers->groups;
    consumers->groups = group;
    pthread_mutex_unlock(&consumers->lock);
    return 0;
}

static void insert_instance(struct pn_kafka_rest_group *group,
                            struct pn_kafka_rest_instance *instance)
{
    struct pn_kafka_rest_instance **link = &group->instances;
    while (*link != NULL && strcmp((*link)->name, instance->name) < 0) {
        link = &(*link)->next;
    }
    instance->next = *link;
    *link = instance;
}

static int add_instance(struct pn_kafka_rest_consumers *consumers, const char *group_name,
                        const char *name, const struct pn_kafka_rest_instance_config *config,
                        struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_group *group = pn_kafka_rest_consumers_group(consumers, group_name);
    PN_ASSERT(group != NULL);
    if (pn_kafka_rest_group_instance(group, name) != NULL) {
        return pn_kafka_rest_refuse(
            refusal, 409, PN_KAFKA_REST_CODE_INSTANCE_EXISTS,
            "Consumer with specified consumer ID already exists in the specified "
            "consumer group.");
    }
    if (consumers->instance_count >= (size_t)consumers->config.instances_max) {
        return pn_kafka_rest_refuse(refusal, 429, 429,
                                    "There are %zu consumer instances already "
                                    "(gateway.consumer_instances_max); delete one first",
                                    consumers->instance_count);
    }
    struct pn_kafka_rest_instance *instance = pn_xcalloc(1, sizeof *instance);
    instance->name = pn_xstrdup(name);
    instance->config = *config;
    instance->config.name = NULL;
    instance->used_ms = pn_mono_ms(consumers->config.clock);
    instance->auto_committed_ms = instance->used_ms;
    insert_instance(group, instance);
    consumers->instance_count++;
    return 0;
}

int pn_kafka_rest_consumers_add(struct pn_kafka_rest_consumers *consumers, const char *group,
                                const struct pn_kafka_rest_instance_config *config,
                                struct pn_arena *arena, const char **name,
                                struct pn_kafka_rest_refusal *refusal)
{
    if (check_names(group, config->name, refusal) != 0) {
        return -1;
    }
    const char *made = config->name;
    if (made == NULL) {
        char uuid[PN_UUID_SIZE];
        made = pn_arena_printf(arena, "rest-consumer-%s", pn_uuid(uuid));
    }
    pthread_mutex_lock(&consumers->file_lock);
    int rc = open_group(consumers, group, refusal);
    if (rc == 0) {
        pthread_mutex_lock(&consumers->lock);
        rc = add_instance(consumers, group, made, config, refusal);
        pthread_mutex_unlock(&consumers->lock);
    }
    pthread_mutex_unlock(&consumers->file_lock);
    if (rc == 0) {
        *name = made;
    }
    return rc;
}

/* Takes the instance out of its group; `lock` is held. */
static void remove_instance(struct pn_kafka_rest_consumers *consumers,
                            struct pn_kafka_rest_group *group,
                            struct pn_kafka_rest_instance *instance)
{
    if (instance->config.auto_commit) {
        pn_kafka_rest_instance_commit(group, instance);
    }
    struct pn_kafka_rest_instance **link = &group->instances;
    while (*link != instance) {
        link = &(*link)->next;
    }
    *link = instance->next;
    consumers->instance_count--;
    bool shared = instance->topic_count > 0 || instance->pattern != NULL;
    instance_free(instance);
    if (shared) {
        pn_kafka_rest_group_deal(consumers, group, true);
    }
}

int pn_kafka_rest_consumers_remove(struct pn_kafka_rest_consumers *consumers,
                                   struct pn_kafka_rest_instance_id id,
                                   struct pn_kafka_rest_refusal *refusal)
{
    struct pn_kafka_rest_group *group = NULL;
    struct pn_kafka_rest_instance *instance = NULL;
    pthread_mutex_lock(&consumers->lock);
    int rc = pn_kafka_rest_consumers_use(consumers, id, &group, &instance, refusal);
    if (rc == 0) {
        remove_instance(consumers, group, instance);
    }
    pthread_mutex_unlock(&consumers->lock);
    if (rc == 0) {
        pn_kafka_rest_group_flush_quietly(consumers, id.group);
        sweep_groups(consumers);
    }
    return rc;
}

/* Removes every instance that is not fetching and was last used `before_ms` or earlier. */
static void remove_unused(struct pn_kafka_rest_consumers *consumers, int64_t before_ms)
{
    for (;;) {
        char *name = NULL;
        pthread_mutex_lock(&consumers->lock);
        for (struct pn_kafka_rest_group *g = consumers->groups; g != NULL && name == NULL;
             g = g->next) {
            for (struct pn_kafka_rest_instance *i = g->instances; i != NULL && name == NULL;
                 i = i->next) {
                if (!i->busy && i->used_ms <= before_ms) {
                    name = pn_xstrdup(g->name);
                    remove_instance(consumers, g, i);
                    break;
                }
            }
        }
        pthread_mutex_unlock(&consumers->lock);
        if (name == NULL) {
            return;
        }
        pn_kafka_rest_group_flush_quietly(consumers, name);
        free(name);
        sweep_groups(consumers);
    }
}

void pn_kafka_rest_consumers_tick(struct pn_kafka_rest_consumers *consumers)
{
    remove_unused(consumers,
                  pn_mono_ms(consumers->config.clock) - consumers->config.instance_timeout_ms);
}

void pn_kafka_rest_consumers_close(struct pn_kafka_rest_consumers *consumers)
{
    remove_unused(consumers, INT64_MAX);
}
