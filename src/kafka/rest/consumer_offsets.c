/* A group's committed offsets, in memory and in its file; consumers.h has the format. */
#include <stdlib.h>
#include <string.h>

#include "base/checked_file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/percent.h"
#include "kafka/rest/consumer_group.h"

enum { FILE_BYTES_MAX = 64 * 1024 * 1024 };

static const char OLD_START[] = "{\"group\":\"";

const struct pn_kafka_rest_committed *pn_kafka_rest_group_find(
    const struct pn_kafka_rest_group *group, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < group->committed_count; i++) {
        const struct pn_kafka_rest_committed *c = &group->committed[i];
        if (c->partition == partition && strcmp(c->topic, topic) == 0) {
            return c;
        }
    }
    return NULL;
}

void pn_kafka_rest_group_commit(struct pn_kafka_rest_group *group,
                                const struct pn_kafka_rest_position *position)
{
    struct pn_kafka_rest_committed *c = (struct pn_kafka_rest_committed *)pn_kafka_rest_group_find(
        group, position->topic, position->partition);
    const char *metadata = position->metadata != NULL ? position->metadata : "";
    if (c != NULL && c->offset == position->offset && strcmp(c->metadata, metadata) == 0) {
        return;
    }
    if (c == NULL) {
        void *items = group->committed;
        pn_grow(&items, &group->committed_capacity, group->committed_count + 1, sizeof *c);
        group->committed = items;
        c = &group->committed[group->committed_count++];
        c->topic = pn_xstrdup(position->topic);
        c->partition = position->partition;
        c->metadata = NULL;
    }
    free(c->metadata);
    c->metadata = pn_xstrdup(metadata);
    c->offset = position->offset;
    group->dirty = true;
}

void pn_kafka_rest_group_free_committed(struct pn_kafka_rest_group *group)
{
    for (size_t i = 0; i < group->committed_count; i++) {
        free(group->committed[i].topic);
        free(group->committed[i].metadata);
    }
    free(group->committed);
    group->committed = NULL;
    group->committed_count = 0;
    group->committed_capacity = 0;
}

static char *file_of(const struct pn_kafka_rest_consumers *consumers, const char *group)
{
    struct pn_buf path;
    pn_buf_init(&path, 4096 + PN_KAFKA_REST_GROUP_FILE_NAME_MAX);
    pn_buf_addf(&path, "%s/", consumers->folder);
    pn_percent_encode(&path, group);
    pn_buf_adds(&path, ".json");
    return pn_buf_take(&path);
}

static int take_offset(struct pn_kafka_rest_group *group, const struct pn_json *node)
{
    const struct pn_json *topic = pn_json_get(node, "topic");
    const struct pn_json *metadata = pn_json_get(node, "metadata");
    struct pn_kafka_rest_position position = {
        .partition = (int32_t)pn_json_get_i64(node, "partition", -1),
        .offset = pn_json_get_i64(node, "offset", -1),
    };
    char *name = topic != NULL ? pn_json_dup(topic) : NULL;
    char *note = metadata != NULL ? pn_json_dup(metadata) : NULL;
    int rc = name == NULL || position.partition < 0 || position.offset < 0 ? -1 : 0;
    if (rc == 0) {
        position.topic = name;
        position.metadata = note;
        pn_kafka_rest_group_commit(group, &position);
    }
    free(name);
    free(note);
    return rc;
}

static int take_text(struct pn_kafka_rest_group *group, const struct pn_buf *text, const char *path,
                     struct pn_err *e)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    int rc = pn_json_parse(parser, pn_buf_text(text), text->len, text->len, &root, e);
    const struct pn_json *offsets = rc == 0 ? pn_json_get(root, "offsets") : NULL;
    for (const struct pn_json *o = offsets != NULL ? offsets->first : NULL; o != NULL && rc == 0;
         o = o->next) {
        rc = take_offset(group, o);
    }
    if (rc != 0 || offsets == NULL) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                        "%s is not a file of committed offsets: restore it from a backup, or move "
                        "it away to reset the group",
                        path);
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

int pn_kafka_rest_group_load(struct pn_kafka_rest_consumers *consumers,
                             struct pn_kafka_rest_group *group, struct pn_err *e)
{
    char *path = file_of(consumers, group->name);
    struct pn_buf text;
    pn_buf_init(&text, FILE_BYTES_MAX);
    int rc = 0;
    if (pn_io_exists(consumers->config.io, path)) {
        bool is_old = false; /* the next commit gives it a checksum */
        rc = pn_checked_file_read(consumers->config.io, path, OLD_START, &text, &is_old, e);
        if (rc == 0) {
            rc = take_text(group, &text, path, e);
        }
    }
    group->dirty = false;
    pn_buf_deinit(&text);
    free(path);
    return rc;
}

void pn_kafka_rest_group_serialize(const struct pn_kafka_rest_group *group, struct pn_buf *out)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_checked_begin(&json);
    pn_json_add_cstr(&json, "group", group->name);
    pn_json_add_array(&json, "offsets");
    for (size_t i = 0; i < group->committed_count; i++) {
        const struct pn_kafka_rest_committed *c = &group->committed[i];
        pn_json_put_break(&json, 0);
        pn_json_put_object(&json);
        pn_json_add_cstr(&json, "topic", c->topic);
        pn_json_add_i64(&json, "partition", c->partition);
        pn_json_add_i64(&json, "offset", c->offset);
        pn_json_add_cstr(&json, "metadata", c->metadata);
        pn_json_end(&json);
    }
    pn_json_end(&json);
    pn_checked_end(&json);
}

int pn_kafka_rest_group_save(struct pn_kafka_rest_consumers *consumers, const char *name,
                             const struct pn_buf *text, struct pn_err *e)
{
    char *path = file_of(consumers, name);
    int rc = pn_buf_check(text, path, e);
    if (rc == 0) {
        rc = pn_io_mkdirs(consumers->config.io, consumers->folder, e);
    }
    if (rc == 0) {
        rc = pn_io_replace_file(consumers->config.io, path, text->data, text->len, e);
    }
    free(path);
    return rc;
}
