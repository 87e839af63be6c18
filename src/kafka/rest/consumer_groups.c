/* What groups have read: of those in memory, and of those that are only in their files. */
#include "kafka/rest/groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/percent.h"
#include "kafka/rest/consumer_group.h"
#include "kafka/rest/private.h"

static const char ENDING[] = ".json";

struct listing {
    struct pn_kafka_rest_consumers *consumers;
    const char *topic;
    struct pn_arena *arena;
    struct pn_kafka_rest_group_place *items; /* those of a group follow each other */
    size_t count;
    size_t capacity;
    const char **known; /* the groups that were in memory; their files may be out of date */
    size_t known_count;
};

static struct pn_kafka_rest_group_place *place_of(struct listing *listing, const char *group,
                                                  int32_t partition)
{
    for (size_t i = listing->count; i > 0; i--) {
        struct pn_kafka_rest_group_place *place = &listing->items[i - 1];
        if (strcmp(place->group, group) != 0) {
            break;
        }
        if (place->partition == partition) {
            return place;
        }
    }
    void *items = listing->items;
    pn_grow(&items, &listing->capacity, listing->count + 1, sizeof *listing->items);
    listing->items = items;
    struct pn_kafka_rest_group_place *place = &listing->items[listing->count++];
    *place = (struct pn_kafka_rest_group_place){.group = pn_arena_strdup(listing->arena, group),
                                                .partition = partition,
                                                .committed = -1,
                                                .position = -1};
    return place;
}

/* `lock` is held, or nobody else knows the group. */
static void add_group(struct listing *listing, const struct pn_kafka_rest_group *group)
{
    for (size_t i = 0; i < group->committed_count; i++) {
        const struct pn_kafka_rest_committed *committed = &group->committed[i];
        if (strcmp(committed->topic, listing->topic) == 0) {
            place_of(listing, group->name, committed->partition)->committed = committed->offset;
        }
    }
    for (const struct pn_kafka_rest_instance *instance = group->instances; instance != NULL;
         instance = instance->next) {
        for (size_t i = 0; i < instance->held_count; i++) {
            const struct pn_kafka_rest_held *held = &instance->held[i];
            if (strcmp(held->topic, listing->topic) == 0) {
                struct pn_kafka_rest_group_place *place =
                    place_of(listing, group->name, held->partition);
                place->instance = pn_arena_strdup(listing->arena, instance->name);
                place->position = held->position;
            }
        }
    }
}

/* The groups with instances, and those that are not saved yet. */
static void add_known(struct listing *listing)
{
    struct pn_kafka_rest_consumers *consumers = listing->consumers;
    pthread_mutex_lock(&consumers->lock);
    size_t count = 0;
    for (const struct pn_kafka_rest_group *at = consumers->groups; at != NULL; at = at->next) {
        count++;
    }
    listing->known = pn_arena_calloc(listing->arena, count + 1, sizeof *listing->known);
    for (const struct pn_kafka_rest_group *at = consumers->groups; at != NULL; at = at->next) {
        listing->known[listing->known_count++] = pn_arena_strdup(listing->arena, at->name);
        add_group(listing, at);
    }
    pthread_mutex_unlock(&consumers->lock);
}

static bool is_known(const struct listing *listing, const char *name)
{
    for (size_t i = 0; i < listing->known_count; i++) {
        if (strcmp(listing->known[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int add_file(struct listing *listing, const char *name, struct pn_err *e)
{
    struct pn_kafka_rest_group group = {.name = pn_arena_strdup(listing->arena, name)};
    pthread_mutex_lock(&listing->consumers->file_lock);
    int rc = pn_kafka_rest_group_load(listing->consumers, &group, e);
    pthread_mutex_unlock(&listing->consumers->file_lock);
    if (rc == 0) {
        add_group(listing, &group);
    }
    pn_kafka_rest_group_free_committed(&group);
    return rc;
}

/* "g%2F1.json" is the file of the group g/1; NULL: it is something else. */
static const char *group_of_file(struct pn_arena *arena, const char *file)
{
    size_t len = strlen(file);
    size_t ending = strlen(ENDING);
    return len > ending && strcmp(file + len - ending, ENDING) == 0
               ? pn_percent_decode(arena, file, len - ending)
               : NULL;
}

static int add_files(struct listing *listing, struct pn_err *e)
{
    struct pn_io_listing files = {0};
    struct pn_err failure = {0};
    int rc =
        pn_io_list(listing->consumers->config.io, listing->consumers->folder, &files, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        return 0; /* nobody has committed anything */
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    for (size_t i = 0; rc == 0 && i < files.count; i++) {
        const char *name =
            files.entries[i].is_dir ? NULL : group_of_file(listing->arena, files.entries[i].name);
        if (name != NULL && !is_known(listing, name)) {
            rc = add_file(listing, name, e);
        }
    }
    pn_io_listing_deinit(&files);
    return rc;
}

static int by_place(const void *a, const void *b)
{
    const struct pn_kafka_rest_group_place *left = a;
    const struct pn_kafka_rest_group_place *right = b;
    int names = strcmp(left->group, right->group);
    return names != 0 ? names : left->partition - right->partition;
}

int pn_kafka_rest_consumers_places(struct pn_kafka_rest_consumers *consumers, const char *topic,
                                   struct pn_arena *arena,
                                   struct pn_kafka_rest_group_place **places, size_t *count,
                                   struct pn_err *e)
{
    struct listing listing = {.consumers = consumers, .topic = topic, .arena = arena};
    add_known(&listing);
    int rc = add_files(&listing, e);
    *count = rc == 0 ? listing.count : 0;
    *places = pn_arena_calloc(arena, *count + 1, sizeof **places);
    if (*count > 0) {
        qsort(listing.items, *count, sizeof *listing.items, by_place);
        memcpy(*places, listing.items, *count * sizeof **places);
    }
    free(listing.items);
    return rc;
}

struct pn_kafka_rest_consumers *pn_kafka_rest_consumers_of(const struct pn_kafka_rest *rest)
{
    return rest->instances.consumers;
}
