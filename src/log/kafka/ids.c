/*
 * The ids of topics. librdkafka 2.0 does not say those that Kafka gives, so an id here is how often
 * the name was deleted while we looked: all servers that looked agree, and a name that was never
 * deleted has 0. The folder's file has those that were (base/checked_file.h):
 *
 *   {"checked":1,"version":1,"topics":{"<name>":<id>, ...},"crc32c":"..."}
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked_file.h"
#include "base/json.h"
#include "base/mem.h"
#include "log/kafka/private.h"

#define IDS_FILE        "kafka_topics.json"
#define UNCHECKED_START "{" /* of a file that was edited by hand */

enum { IDS_BYTES_MAX = 64 * 1024 * 1024, VERSION = 1 };

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

/* Takes the members; false when one is not as it should be. */
static bool parse(struct pn_kafka_ids *ids, const struct pn_json *root)
{
    const struct pn_json *topics = pn_json_get(root, "topics");
    if (pn_json_get_i64(root, "version", 0) != VERSION || topics == NULL ||
        topics->type != PN_JSON_OBJECT) {
        return false;
    }
    for (const struct pn_json *id = topics->first; id != NULL; id = id->next) {
        if (id->type != PN_JSON_NUMBER || !id->is_integer || id->integer < 1 ||
            !pn_topic_name_valid(id->key, id->key_len, NULL)) {
            return false;
        }
        char *name = pn_xstrndup(id->key, id->key_len);
        set(ids, name, (uint64_t)id->integer);
        free(name);
    }
    return true;
}

int pn_kafka_ids_load(struct pn_kafka *kafka, struct pn_err *e)
{
    char *path = pn_xasprintf("%s/" IDS_FILE, kafka->config.folder);
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_buf text;
    bool is_unchecked = false;
    pn_buf_init(&text, IDS_BYTES_MAX);
    int rc = 0;
    if (!pn_io_exists(kafka->io, path)) {
        goto out;
    }
    rc = pn_checked_file_read(kafka->io, path, UNCHECKED_START, &text, &is_unchecked, e);
    if (rc == 0 &&
        (pn_json_parse(parser, pn_buf_text(&text), text.len, text.len, &root, NULL) != 0 ||
         !parse(&kafka->ids, root))) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "%s, which says what topics were deleted, is damaged: restore it from a "
                        "backup",
                        path);
    }
out:
    pn_buf_deinit(&text);
    pn_json_parser_destroy(&parser);
    free(path);
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
    struct pn_json_writer json;
    pn_buf_init(&text, IDS_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_checked_begin(&json);
    pn_json_add_i64(&json, "version", VERSION);
    pn_json_put_key(&json, "topics");
    pn_json_put_object(&json);
    for (size_t i = 0; i < kafka->ids.count; i++) {
        const struct pn_kafka_id *id = &kafka->ids.ids[i];
        if (id->id > 0) {
            pn_json_add_i64(&json, id->name, (int64_t)id->id);
        }
    }
    pn_json_end(&json);
    pn_checked_end(&json);
    char *path = pn_xasprintf("%s/" IDS_FILE, kafka->config.folder);
    int rc = pn_json_writer_check(&json, IDS_FILE, e);
    if (rc == 0) {
        rc = pn_io_replace_file(kafka->io, path, text.data, text.len, e);
    }
    free(path);
    pn_buf_deinit(&text);
    return rc;
}

/* With the lock. After a failure it is as before. */
static int change(struct pn_kafka *kafka, const char *name, uint64_t id, struct pn_err *e)
{
    uint64_t before = get(&kafka->ids, name);
    set(&kafka->ids, name, id);
    int rc = save(kafka, e);
    if (rc != 0) {
        set(&kafka->ids, name, before);
    }
    return rc;
}

int pn_kafka_ids_pass(struct pn_kafka *kafka, const char *name, uint64_t id, struct pn_err *e)
{
    int rc = 0;
    pthread_mutex_lock(&kafka->ids.lock);
    if (get(&kafka->ids, name) == id) { /* else another thread has seen it first */
        rc = change(kafka, name, id + 1, e);
    }
    pthread_mutex_unlock(&kafka->ids.lock);
    return rc;
}

int pn_kafka_ids_raise(struct pn_kafka *kafka, const char *name, uint64_t id, bool *raised,
                       struct pn_err *e)
{
    int rc = 0;
    pthread_mutex_lock(&kafka->ids.lock);
    *raised = get(&kafka->ids, name) < id;
    if (*raised) {
        rc = change(kafka, name, id, e);
    }
    pthread_mutex_unlock(&kafka->ids.lock);
    return rc;
}
