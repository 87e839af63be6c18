#include "pipeline/pipeline.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "log/log.h"
#include "pipeline/internal.h"
#include "pipeline/pattern.h"
#include "store/store.h"

enum { CWD_BYTES_MAX = 4096 };

static const struct pn_yaml_key top_keys[] = {
    {"name", PN_YAML_SCALAR, true},
    {"description", PN_YAML_SCALAR, false},
    {"id", PN_YAML_SCALAR, false},
    {"include", PN_YAML_LIST, false},
    {"topics", PN_YAML_MAP, false},
    {"sink", PN_YAML_MAP, false},
    {"streams", PN_YAML_MAP, false},
    {"dead_letters", PN_YAML_SCALAR, false},
    {"stream_dead_letters", PN_YAML_SCALAR, false},
    {"tables", PN_YAML_MAP, false},
    {"dags", PN_YAML_MAP, false},
    {"pools", PN_YAML_MAP, false},
    {"settings", PN_YAML_MAP, false},
    {"profiles", PN_YAML_MAP, false},
    {NULL, PN_YAML_NULL, false},
};

static const struct pn_yaml_key sink_keys[] = {
    {"topics_dir", PN_YAML_SCALAR, false},
    {"dead_letters_dir", PN_YAML_SCALAR, false},
    {"origins_dir", PN_YAML_SCALAR, false},
    {NULL, PN_YAML_NULL, false},
};

static const struct pn_yaml_key topic_keys[] = {
    {"partitions", PN_YAML_SCALAR, false},
    {"retention", PN_YAML_SCALAR, false},
    {"retention_bytes", PN_YAML_SCALAR, false},
    {NULL, PN_YAML_NULL, false},
};

/* --- the top -------------------------------------------------------------------------------- */

/* A folder or an object in the store. */
static int read_store_key(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                          const char **key, struct pn_err *e)
{
    struct pn_err inner;
    if (node != NULL && pn_store_key_check(node->text, &inner) != 0) {
        return pn_yaml_error(&pipeline->private_->yaml, node, e, "%s", inner.msg);
    }
    *key = node != NULL ? node->text : *key;
    return 0;
}

const struct pn_yaml *pn_pipeline_yaml(const struct pn_pipeline *pipeline)
{
    return &pipeline->private_->yaml;
}

bool pn_pipeline_id_valid(const char *id)
{
    size_t len = strlen(id);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)id[i];
        if (c >= 0x80 || (!isalnum(c) && strchr("_-", c) == NULL)) {
            return false;
        }
    }
    return len > 0 && len <= PN_PIPELINE_ID_MAX;
}

static int read_id(struct pn_pipeline *pipeline, const struct pn_yaml_node *node, struct pn_err *e)
{
    if (node == NULL) {
        return 0;
    }
    if (!pn_pipeline_id_valid(node->text)) {
        return pn_yaml_error(
            &pipeline->private_->yaml, node, e,
            "an ID must consist of letters, digits, _ and -, and have at most %d characters",
            PN_PIPELINE_ID_MAX);
    }
    pipeline->id = node->text;
    return 0;
}

/* Data folders keep it in a file of one line. */
static int read_name(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                     struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    int rc = pn_yaml_text(yaml, node, &pipeline->name, e);
    size_t len = rc == 0 && pipeline->name != NULL ? strlen(pipeline->name) : 0;
    if (len > PN_PIPELINE_NAME_MAX) {
        return pn_yaml_error(yaml, node, e, "must have at most %d bytes, and has %zu",
                             PN_PIPELINE_NAME_MAX, len);
    }
    return len > 0 && strspn(pipeline->name, " \t\r\n") == len
               ? pn_yaml_error(yaml, node, e, "is blank")
               : rc;
}

static int read_head(struct pn_pipeline *pipeline, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *root = yaml->root;
    pipeline->description = "";
    pipeline->topics_dir = "topics";
    pipeline->dead_letters_dir = "dead_letters";
    pipeline->origins_dir = "origins";
    pipeline->dead_letters_path = "delta_tables/dead_letters";
    pipeline->stream_dead_letters_path = "delta_tables/stream_dead_letters";
    int rc = pn_yaml_check(yaml, root, top_keys, e);
    if (rc == 0) {
        rc = pn_pipeline_include(pipeline, e);
    }
    if (rc != 0) {
        return rc;
    }
    const struct pn_yaml_node *sink = pn_yaml_get(root, "sink");
    rc = read_name(pipeline, pn_yaml_get(root, "name"), e);
    if (rc == 0) {
        rc = pn_yaml_text(yaml, pn_yaml_get(root, "description"), &pipeline->description, e);
    }
    if (rc == 0) {
        rc = read_id(pipeline, pn_yaml_get(root, "id"), e);
    }
    if (rc == 0 && sink != NULL) {
        rc = pn_yaml_check(yaml, sink, sink_keys, e);
    }
    if (rc == 0) {
        rc = read_store_key(pipeline, pn_yaml_get(sink, "topics_dir"), &pipeline->topics_dir, e);
    }
    if (rc == 0) {
        rc = read_store_key(pipeline, pn_yaml_get(sink, "dead_letters_dir"),
                            &pipeline->dead_letters_dir, e);
    }
    if (rc == 0) {
        rc = read_store_key(pipeline, pn_yaml_get(sink, "origins_dir"), &pipeline->origins_dir, e);
    }
    if (rc == 0) {
        rc = read_store_key(pipeline, pn_yaml_get(root, "dead_letters"),
                            &pipeline->dead_letters_path, e);
    }
    if (rc == 0) {
        rc = read_store_key(pipeline, pn_yaml_get(root, "stream_dead_letters"),
                            &pipeline->stream_dead_letters_path, e);
    }
    return rc;
}

/* A limit on what a topic keeps: 0 when absent, -1 for the word that means none. */
static int read_limit(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                      const char *no_limit, bool is_size, int64_t *limit, struct pn_err *e)
{
    if (node != NULL && strcmp(node->text, no_limit) == 0) {
        *limit = -1;
        return 0;
    }
    int rc = is_size ? pn_yaml_size(yaml, node, limit, e)
                     : pn_yaml_duration(yaml, node, INT64_MAX, limit, e);
    if (rc == 0 && node != NULL && *limit == 0) {
        rc = pn_yaml_error(yaml, node, e, "must be more than 0, or \"%s\"", no_limit);
    }
    return rc;
}

static int read_topic(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                      struct pn_pipeline_topic *topic, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    struct pn_err inner;
    const char *name = pn_pattern_as_name(pipeline, node->key);
    if (name == NULL) {
        return pn_yaml_error(yaml, node, e, "a pattern must have exactly one *");
    }
    if (!pn_topic_name_valid(name, strlen(name), &inner)) {
        return pn_yaml_error(yaml, node, e, "%s", inner.msg);
    }
    topic->name = node->key;
    topic->partitions = 1;
    if (node->kind == PN_YAML_NULL) {
        return 0;
    }
    int64_t partitions = 1;
    int rc = pn_yaml_check(yaml, node, topic_keys, e);
    if (rc == 0) {
        rc = pn_yaml_i64(yaml, pn_yaml_get(node, "partitions"), 1, PN_PARTITIONS_MAX, &partitions,
                         e);
    }
    topic->partitions = (int32_t)partitions;
    if (rc == 0) {
        rc = read_limit(yaml, pn_yaml_get(node, "retention"), "forever", false,
                        &topic->retention_ms, e);
    }
    if (rc == 0) {
        rc = read_limit(yaml, pn_yaml_get(node, "retention_bytes"), "unlimited", true,
                        &topic->retention_bytes, e);
    }
    return rc;
}

static int read_topics(struct pn_pipeline *pipeline, struct pn_err *e)
{
    const struct pn_yaml_node *map = pn_yaml_get(pipeline->private_->yaml.root, "topics");
    if (map == NULL) {
        return 0;
    }
    int rc = pn_pipeline_check_count(pipeline, map, PN_PIPELINE_TOPICS_MAX, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_arena *arena = &pipeline->private_->arena;
    struct pn_pipeline_topic *topics = pn_arena_calloc(arena, map->count, sizeof *topics);
    struct pn_pipeline_topic *patterns = pn_arena_calloc(arena, map->count, sizeof *patterns);
    pipeline->topics = topics;
    pipeline->topic_patterns = patterns;
    for (const struct pn_yaml_node *node = map->first; rc == 0 && node != NULL; node = node->next) {
        if (pn_is_pattern(node->key)) {
            rc = pn_pipeline_check_pattern(pipeline, map, node, e);
            if (rc == 0) {
                rc = read_topic(pipeline, node, &patterns[pipeline->topic_pattern_count++], e);
            }
        } else {
            rc = read_topic(pipeline, node, &topics[pipeline->topic_count++], e);
        }
    }
    return rc;
}

/* "x" and "x/" are one folder; the absolute form is for those who change their working folder. */
static int set_folder(struct pn_pipeline *pipeline, const char *given, struct pn_err *e)
{
    struct pn_arena *arena = &pipeline->private_->arena;
    size_t len = strlen(given);
    if (len == 0) {
        return pn_err_input(
            e, "the name of the pipeline's folder is empty (give one with --pipeline)");
    }
    while (len > 1 && given[len - 1] == '/') {
        len--;
    }
    const char *folder = pn_arena_strndup(arena, given, len);
    pipeline->private_->folder = folder;
    if (folder[0] == '/') {
        pipeline->folder = folder;
        return 0;
    }
    char cwd[CWD_BYTES_MAX];
    if (getcwd(cwd, sizeof cwd) == NULL) {
        return pn_err_fatal(e, "cannot get the name of the working directory (was it removed?)");
    }
    pipeline->folder = pn_arena_printf(arena, "%s/%s", cwd, folder);
    return 0;
}

static int read_definition(struct pn_pipeline *pipeline, struct pn_err *e)
{
    struct pn_pipeline_private *private_ = pipeline->private_;
    const char *path = pn_arena_printf(&private_->arena, "%s/pipeline.yml", private_->folder);
    struct pn_err inner = {0};
    int rc = pn_yaml_load_expanded(&private_->yaml, path, private_->io, &private_->arena, &inner);
    if (rc != 0 && inner.class_ == PN_CLASS_MISSING) {
        return pn_err_missing(e,
                              "%s: file not found (give a pipeline's folder with --pipeline, or "
                              "create one with pinion init)",
                              path);
    }
    if (rc != 0) {
        pn_err_copy(e, &inner);
    }
    if (rc == 0) {
        rc = read_head(pipeline, e);
    }
    if (rc == 0) {
        rc = read_topics(pipeline, e);
    }
    if (rc == 0) {
        rc = pn_pipeline_read_tables(pipeline, e);
    }
    if (rc == 0) {
        rc = pn_pipeline_read_streams(pipeline, e);
    }
    if (rc == 0) {
        rc = pn_pipeline_read_pools(pipeline, e);
    }
    if (rc == 0) {
        rc = pn_pipeline_read_dags(pipeline, e);
    }
    if (rc == 0) {
        rc = pn_pipeline_read_files(pipeline, e);
    }
    return rc == 0 ? pn_pipeline_define_dags(pipeline, e) : rc;
}

int pn_pipeline_load(const char *folder, const struct pn_io *io, struct pn_pipeline **pipeline,
                     struct pn_err *e)
{
    struct pn_pipeline *loaded = pn_xcalloc(1, sizeof *loaded);
    loaded->private_ = pn_xcalloc(1, sizeof *loaded->private_);
    loaded->private_->io = io;
    pn_arena_init(&loaded->private_->arena, 1 << 14);
    int rc = set_folder(loaded, folder, e);
    if (rc == 0) {
        rc = read_definition(loaded, e);
    }
    if (rc == 0) {
        *pipeline = loaded;
        loaded = NULL;
    }
    pn_pipeline_destroy(&loaded);
    return rc;
}

void pn_pipeline_destroy(struct pn_pipeline **pipeline)
{
    struct pn_pipeline *gone = *pipeline;
    if (gone == NULL) {
        return;
    }
    *pipeline = NULL;
    pn_arena_deinit(&gone->private_->arena);
    free(gone->private_);
    free(gone);
}
