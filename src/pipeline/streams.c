/* `streams:` of a pipeline.yml. */
#include <ctype.h>
#include <string.h>

#include "base/time_text.h"
#include "pipeline/internal.h"
#include "pipeline/pattern.h"

enum { SHARDS_MAX = 500, NAME_BYTES_MAX = 128, KEY_BYTES_MAX = 1024, HOURS_DEFAULT = 24 };
static const int64_t hour_ms = 3600000;
static const int64_t retention_max_ms = INT64_C(8760) * 3600000;

static const struct pn_yaml_key stream_keys[] = {
    {"shards", PN_YAML_SCALAR, false}, {"retention", PN_YAML_SCALAR, false},
    {"start", PN_YAML_SCALAR, false},  {"table", PN_YAML_SCALAR, false},
    {"tables", PN_YAML_MAP, false},    {NULL, PN_YAML_NULL, false},
};

static int check_name(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                      struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const char *name = pn_pattern_as_name(pipeline, node->key);
    size_t len = name != NULL ? strlen(name) : 0;
    bool ok = name != NULL && len <= NAME_BYTES_MAX;
    for (size_t i = 0; i < len && ok; i++) {
        ok = isalnum((unsigned char)name[i]) || strchr("_.-", name[i]) != NULL;
    }
    if (!ok) {
        return pn_yaml_error(yaml, node, e,
                             "a stream's name must consist of letters, digits, _, - and ., and "
                             "have at most %d characters; a pattern also has one *",
                             NAME_BYTES_MAX);
    }
    return 0;
}

static int read_retention(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                          struct pn_pipeline_stream *stream, struct pn_err *e)
{
    int64_t retention_ms = HOURS_DEFAULT * hour_ms;
    int rc = pn_yaml_duration(yaml, node, retention_max_ms, &retention_ms, e);
    if (rc == 0 && (retention_ms < HOURS_DEFAULT * hour_ms || retention_ms % hour_ms != 0)) {
        return pn_yaml_error(yaml, node, e, "must be whole hours from 24h to 8760h, not %.60s",
                             node->text);
    }
    stream->retention_hours = (int32_t)(retention_ms / hour_ms);
    return rc;
}

static int read_start(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                      struct pn_pipeline_stream *stream, struct pn_err *e)
{
    if (node == NULL || pn_stream_start_parse(node->text, &stream->start, &stream->start_ms)) {
        return 0;
    }
    return pn_yaml_error(
        yaml, node, e,
        "must be latest, trim_horizon or a time such as 2026-11-23T15:44:43Z, not \"%.60s\"",
        node->text);
}

bool pn_stream_start_parse(const char *text, enum pn_stream_start *start, int64_t *start_ms)
{
    *start_ms = 0;
    *start = PN_START_TIMESTAMP;
    if (strcmp(text, "latest") == 0) {
        *start = PN_START_LATEST;
    } else if (strcmp(text, "trim_horizon") == 0) {
        *start = PN_START_TRIM_HORIZON;
    } else {
        return pn_time_parse_ms(text, start_ms);
    }
    return true;
}

/* The stream, of those read before, that fills the table; NULL when there is none. */
static const char *filled_by(const struct pn_pipeline_stream *streams, size_t count,
                             const struct pn_table *table)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < streams[i].flow_count; j++) {
            if (streams[i].flows[j].table == table) {
                return streams[i].name;
            }
        }
    }
    return NULL;
}

/* A stream fills a table, a pattern of streams those of a pattern. */
static int read_flow(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                     const struct pn_pipeline_stream *streams, size_t stream_count, bool is_pattern,
                     struct pn_flow *flow, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    if (node->kind != PN_YAML_SCALAR) {
        return pn_yaml_error(yaml, node, e, "must be the name of a table");
    }
    const struct pn_table *tables = is_pattern ? pipeline->table_patterns : pipeline->tables;
    size_t table_count = is_pattern ? pipeline->table_pattern_count : pipeline->table_count;
    const char *names[PN_PIPELINE_TABLES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < table_count; i++) {
        if (tables[i].like != NULL) {
            names[count++] = tables[i].name;
            flow->table = strcmp(tables[i].name, node->text) == 0 ? &tables[i] : flow->table;
        }
    }
    if (flow->table == NULL) {
        return pn_yaml_error_unknown(
            yaml, node, is_pattern ? "table with like and a * in its name" : "table with like",
            node->text, names, count, e);
    }
    const char *other = filled_by(streams, stream_count, flow->table);
    if (other != NULL) {
        return pn_yaml_error(yaml, node, e, "\"%.60s\" is already filled by the stream \"%.60s\"",
                             node->text, other);
    }
    return 0;
}

/* `table` takes every record, `tables` those of each key. */
static int read_flows(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                      const struct pn_pipeline_stream *streams, size_t stream_count,
                      struct pn_pipeline_stream *stream, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    struct pn_arena *arena = &pipeline->private_->arena;
    const struct pn_yaml_node *table = pn_yaml_get(node, "table");
    const struct pn_yaml_node *map = pn_yaml_get(node, "tables");
    if (table != NULL && map != NULL) {
        return pn_yaml_error(yaml, table, e, "a stream must have either table or tables, not both");
    }
    int rc = pn_pipeline_check_count(pipeline, map, PN_PIPELINE_TABLES_MAX, e);
    struct pn_flow *flows = pn_arena_calloc(arena, map != NULL ? map->count + 1 : 1, sizeof *flows);
    stream->flows = flows;
    if (rc == 0 && table != NULL) {
        rc = read_flow(pipeline, table, streams, stream_count, pn_is_pattern(node->key), flows, e);
        stream->flow_count = 1;
    }
    const struct pn_yaml_node *item = map != NULL ? map->first : NULL;
    for (; rc == 0 && item != NULL; item = item->next) {
        struct pn_flow *flow = &flows[stream->flow_count++];
        flow->partition_key = item->key;
        if (strlen(item->key) > KEY_BYTES_MAX) {
            return pn_yaml_error(yaml, item, e, "is longer than %d bytes", KEY_BYTES_MAX);
        }
        rc = read_flow(pipeline, item, streams, stream_count, pn_is_pattern(node->key), flow, e);
    }
    return rc;
}

static int read_stream(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                       const struct pn_pipeline_stream *streams, size_t stream_count,
                       struct pn_pipeline_stream *stream, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    *stream = (struct pn_pipeline_stream){
        .name = node->key,
        .shards = 1,
        .retention_hours = HOURS_DEFAULT,
        /* Made by its first record, which is to be in the table. */
        .start = pn_is_pattern(node->key) ? PN_START_TRIM_HORIZON : PN_START_LATEST};
    int rc = check_name(pipeline, node, e);
    if (rc != 0 || node->kind == PN_YAML_NULL) {
        return rc;
    }
    int64_t shards = 1;
    rc = pn_yaml_check(yaml, node, stream_keys, e);
    if (rc == 0) {
        rc = pn_yaml_i64(yaml, pn_yaml_get(node, "shards"), 1, SHARDS_MAX, &shards, e);
    }
    stream->shards = (int32_t)shards;
    if (rc == 0) {
        rc = read_retention(yaml, pn_yaml_get(node, "retention"), stream, e);
    }
    if (rc == 0) {
        rc = read_start(yaml, pn_yaml_get(node, "start"), stream, e);
    }
    return rc == 0 ? read_flows(pipeline, node, streams, stream_count, stream, e) : rc;
}

int pn_pipeline_read_streams(struct pn_pipeline *pipeline, struct pn_err *e)
{
    const struct pn_yaml_node *map = pn_yaml_get(pipeline->private_->yaml.root, "streams");
    if (map == NULL) {
        return 0;
    }
    int rc = pn_pipeline_check_count(pipeline, map, PN_PIPELINE_STREAMS_MAX, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_arena *arena = &pipeline->private_->arena;
    struct pn_pipeline_stream *streams = pn_arena_calloc(arena, map->count, sizeof *streams);
    struct pn_pipeline_stream *patterns = pn_arena_calloc(arena, map->count, sizeof *patterns);
    pipeline->streams = streams;
    pipeline->stream_patterns = patterns;
    for (const struct pn_yaml_node *node = map->first; rc == 0 && node != NULL; node = node->next) {
        if (pn_is_pattern(node->key)) {
            size_t *count = &pipeline->stream_pattern_count;
            rc = read_stream(pipeline, node, patterns, *count, &patterns[*count], e);
            if (rc == 0) {
                rc = pn_pipeline_check_pattern(pipeline, map, node, e);
            }
            (*count)++;
        } else {
            size_t *count = &pipeline->stream_count;
            rc = read_stream(pipeline, node, streams, *count, &streams[*count], e);
            (*count)++;
        }
    }
    return rc;
}
