/*
 * The ids of topics. librdkafka 2.0 does not say those that Kafka gives, so an id here is how often
 * the name was deleted while we looked: all servers that looked agree, and a name that was never
 * deleted has 0. The folder's file has a line for each name that was:
 *
 *   <id> <name>
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/private.h"

#define IDS_FILE "kafka_topics"

enum { IDS_BYTES_MAX = 64 * 1024 * 1024 };

void pn_kafka_ids_init(struct pn_kafka_ids *ids)
{
    *ids = (struct pn_kafka_ids){0};
    pthread_mutex_init(&ids->lock, NULL);
}

void pn_kafka_ids_deinit(struct pn_kafka_ids *ids)
{
    for (size_t i = 0; i < ids->count; i++) {
        free(ids->ids[i].name);
    }
    free(ids->ids);
    pthread_mutex_destroy(&ids->lock);
}

/* Where the name is, or where it belongs; with the lock. */
static size_t find(const struct pn_kafka_ids *ids, const char *name, bool *is_there)
{
    size_t at = 0;
    while (at < ids->count && strcmp(ids->ids[at].name, name) < 0) {
        at++;
    }
    *is_there = at < ids->count && strcmp(ids->ids[at].name, name) == 0;
    return at;
}

static void set(struct pn_kafka_ids *ids, const char *name, uint64_t id)
{
    bool is_there = false;
    size_t at = find(ids, name, &is_there);
    if (!is_there) {
        ids->ids = pn_xrealloc(ids->ids, (ids->count + 1) * sizeof *ids->ids);
        memmove(&ids->ids[at + 1], &ids->ids[at], (ids->count - at) * sizeof *ids->ids);
        ids->ids[at].name = pn_xstrdup(name);
        ids->count++;
    }
    ids->ids[at].id = id;
}

/* Takes the lines; false when one is not as it should be. */
static bool parse(struct pn_kafka_ids *ids, char *text)
{
    for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *name = NULL;
        uint64_t id = strtoull(line, &name, 10);
        if (id == 0 || name == line || *name != ' ' ||
            !pn_topic_name_valid(name + 1, strlen(name + 1), NULL)) {
            return false;
        }
        set(ids, name + 1, id);
    }
    return true;
}

int pn_kafka_ids_load(struct pn_kafka *kafka, struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, IDS_BYTES_MAX);
    char *path = pn_xasprintf("%s/" IDS_FILE, kafka->config.folder);
    int rc = pn_io_exists(kafka->io, path) ? pn_io_read_file(kafka->io, path, &text, e) : 0;
    if (rc == 0 && text.len > 0) {
        char *copy = pn_xstrdup(pn_buf_text(&text));
        if (!parse(&kafka->ids, copy)) {
            rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                            "%s, which says what topics were deleted, is damaged: restore it from "
                            "a backup",
                            path);
        }
        free(copy);
    }
    free(path);
    pn_buf_deinit(&text);
    return rc;
}

static uint64_t get(const struct pn_kafka_ids *ids, const char *name)
{
    bool is_there = false;
    size_t at = find(ids, name, &is_there);
    return is_there ? ids->ids[at].id : 0;
}

uint64_t pn_kafka_ids_get(struct pn_kafka *kafka, const char *name)
{
    pthread_mutex_lock(&kafka->ids.lock);
    uint64_t id = get(&kafka->ids, name);
    pthread_mutex_unlock(&kafka->ids.lock);
    return id;
}

static int save(const struct pn_kafka *kafka, struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, IDS_BYTES_MAX);
    for (size_t i = 0; i < kafka->ids.count; i++) {
        const struct pn_kafka_id *id = &kafka->ids.ids[i];
        if (id->id > 0) {
            pn_buf_addf(&text, "%" PRIu64 " %s\n", id->id, id->name);
        }
    }
    char *path = pn_xasprintf("%s/" IDS_FILE, kafka->config.folder);
    int rc = pn_buf_check(&text, "the list of deleted topics", e);
    if (rc == 0) {
        rc = pn_io_replace_file(kafka->io, path, text.data, text.len, e);
    }
    free(path);
    pn_buf_deinit(&text);
    return rc;
}

int pn_kafka_ids_pass(struct pn_kafka *kafka, const char *name, uint64_t id, struct pn_err *e)
{
    int rc = 0;
    pthread_mutex_lock(&kafka->ids.lock);
    if (get(&kafka->ids, name) == id) { /* else another thread has seen it first */
        set(&kafka->ids, name, id + 1);
        rc = save(kafka, e);
        if (rc != 0) {
            set(&kafka->ids, name, id);
        }
    }
    pthread_mutex_unlock(&kafka->ids.lock);
    return rc;
}
