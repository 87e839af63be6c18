/* What patterns make: the topics and streams that match one, and a stream's tables. */
#include <string.h>
#include <strings.h>

#include "pipeline/internal.h"
#include "pipeline/pattern.h"
#include "store/store.h"

const struct pn_pipeline_topic *pn_pipeline_topic_pattern(const struct pn_pipeline *pipeline,
                                                          const char *name)
{
    if (pn_pipeline_topic(pipeline, name) != NULL) {
        return NULL;
    }
    for (size_t i = 0; i < pipeline->topic_pattern_count; i++) {
        if (pn_pattern_matches(pipeline->topic_patterns[i].name, name)) {
            return &pipeline->topic_patterns[i];
        }
    }
    return NULL;
}

const struct pn_pipeline_stream *pn_pipeline_stream_pattern(const struct pn_pipeline *pipeline,
                                                            const char *name)
{
    if (pn_pipeline_stream(pipeline, name) != NULL) {
        return NULL;
    }
    for (size_t i = 0; i < pipeline->stream_pattern_count; i++) {
        if (pn_pattern_matches(pipeline->stream_patterns[i].name, name)) {
            return &pipeline->stream_patterns[i];
        }
    }
    return NULL;
}

bool pn_pipeline_reads_stream(const struct pn_pipeline *pipeline, const char *name)
{
    const struct pn_pipeline_stream *stream = pn_pipeline_stream(pipeline, name);
    if (stream == NULL) {
        stream = pn_pipeline_stream_pattern(pipeline, name);
    }
    return stream != NULL && stream->flow_count > 0;
}

bool pn_pipeline_reads_topic(const struct pn_pipeline *pipeline, const char *topic)
{
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const char *from = pipeline->tables[i].from_topic;
        if (from != NULL && pn_pattern_matches(from, topic)) {
            return true;
        }
    }
    return false;
}

/* What the pipeline keeps at `path`, or above or below it; NULL when nothing. */
static const char *taken_by(const struct pn_pipeline *pipeline, const char *path)
{
    const char *const places[] = {pipeline->topics_dir, pipeline->dead_letters_dir,
                                  pipeline->dead_letters_path, pipeline->stream_dead_letters_path,
                                  pipeline->origins_dir};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i] != NULL && pn_keys_overlap(places[i], path)) {
            return places[i];
        }
    }
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (pn_keys_overlap(table->path, path) ||
            (table->checkpoints != NULL && pn_keys_overlap(table->checkpoints, path))) {
            return table->name;
        }
    }
    return NULL;
}

static int check_made(const struct pn_pipeline *pipeline, const struct pn_table *table,
                      struct pn_err *e)
{
    const char *const places[] = {table->path, table->checkpoints};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int rc = pn_store_key_check(places[i], e);
        if (rc != 0) {
            return rc;
        }
        const char *other = taken_by(pipeline, places[i]);
        if (other != NULL) {
            return pn_err_input(e, "the path of its table, %.200s, is that of %.100s", places[i],
                                other);
        }
    }
    for (size_t i = 0; i < pipeline->table_count; i++) {
        if (strcasecmp(pipeline->tables[i].name, table->name) == 0) {
            return pn_err_input(e, "its table %.200s would have the name of another table",
                                table->name);
        }
    }
    return 0;
}

int pn_pipeline_make_stream(const struct pn_pipeline *pipeline,
                            const struct pn_pipeline_stream *pattern, const char *name,
                            struct pn_arena *arena, const struct pn_pipeline_stream **stream,
                            struct pn_err *e)
{
    struct pn_pipeline_stream *made = pn_arena_calloc(arena, 1, sizeof *made);
    struct pn_flow *flows = pn_arena_calloc(arena, pattern->flow_count, sizeof *flows);
    struct pn_table *tables = pn_arena_calloc(arena, pattern->flow_count, sizeof *tables);
    *made = *pattern;
    made->name = pn_arena_strdup(arena, name);
    made->flows = flows;
    for (size_t i = 0; i < pattern->flow_count; i++) {
        const struct pn_table *like = pattern->flows[i].table;
        size_t at = 0; /* several keys may go to one table */
        while (pattern->flows[at].table != like) {
            at++;
        }
        flows[i] = (struct pn_flow){pattern->flows[i].partition_key, &tables[at]};
        if (at == i) {
            tables[i] = *like;
            tables[i].name = pn_pattern_fill(like->name, pattern->name, name, arena);
            tables[i].path = pn_pattern_fill(like->path, pattern->name, name, arena);
            tables[i].checkpoints = pn_pattern_fill(like->checkpoints, pattern->name, name, arena);
            int rc = check_made(pipeline, &tables[i], e);
            if (rc != 0) {
                pn_err_prefix(e, "the stream %.128s", name);
                return rc;
            }
        }
    }
    *stream = made;
    return 0;
}

/* Moves the stream's tables into the pipeline's; its flows then lead to these. */
static void take_tables(struct pn_pipeline *pipeline, struct pn_pipeline_stream *stream)
{
    struct pn_pipeline_private *private_ = pipeline->private_;
    struct pn_flow *flows = pn_arena_calloc(&private_->arena, stream->flow_count, sizeof *flows);
    for (size_t i = 0; i < stream->flow_count; i++) {
        const struct pn_table *table = stream->flows[i].table;
        size_t at = 0; /* several keys may go to one table */
        while (stream->flows[at].table != table) {
            at++;
        }
        if (at == i) {
            private_->tables[pipeline->table_count++] = *table;
        }
        flows[i] = (struct pn_flow){stream->flows[i].partition_key,
                                    at == i ? &private_->tables[pipeline->table_count - 1]
                                            : flows[at].table};
    }
    stream->flows = flows;
}

int pn_pipeline_add_stream(struct pn_pipeline *pipeline, const char *name, struct pn_err *e)
{
    struct pn_arena *arena = &pipeline->private_->arena;
    const struct pn_pipeline_stream *pattern = pn_pipeline_stream_pattern(pipeline, name);
    const struct pn_pipeline_stream *made = NULL;
    if (pn_pipeline_stream(pipeline, name) != NULL) {
        return 0;
    }
    if (pattern == NULL || pattern->flow_count == 0) {
        return pn_err_input(e, "no table of the pipeline reads a stream called %.128s", name);
    }
    if (pipeline->table_count + pattern->flow_count > pipeline->private_->table_capacity) {
        return pn_err_input(e,
                            "the stream %.128s is one too many: a pipeline has at most %zu tables",
                            name, pipeline->private_->table_capacity);
    }
    int rc = pn_pipeline_make_stream(pipeline, pattern, name, arena, &made, e);
    if (rc == 0) {
        struct pn_pipeline_stream *streams =
            pn_arena_calloc(arena, pipeline->stream_count + 1, sizeof *streams);
        for (size_t i = 0; i < pipeline->stream_count; i++) {
            streams[i] = pipeline->streams[i];
        }
        streams[pipeline->stream_count] = *made;
        take_tables(pipeline, &streams[pipeline->stream_count]);
        pipeline->streams = streams;
        pipeline->stream_count++;
    }
    return rc;
}

/* --- tables in the store ---------------------------------------------------------------------- */

struct finding {
    struct pn_pipeline *pipeline;
    struct pn_store *store;
    const struct pn_table *pattern;
    const char *path;  /* of the pattern, up to the end of the part with its `*` */
    const char *below; /* "/" and the rest of it, or "" */
    size_t folder_len; /* of `path`, up to that part */
};

static int stop_at_first(void *arg, const struct pn_object *object)
{
    (void)object;
    *(bool *)arg = true;
    return 1;
}

/* Is it a table, and none that is there already? */
static bool is_new_table(const struct finding *finding, const struct pn_table *table)
{
    bool there = false;
    struct pn_err ignored = {0};
    const char *log =
        pn_arena_printf(&finding->pipeline->private_->arena, "%s/_delta_log/", table->path);
    if (pn_store_list(finding->store, log, NULL, stop_at_first, &there, &ignored) != 0 && !there) {
        return false;
    }
    return there && check_made(finding->pipeline, table, NULL) == 0;
}

static int find_table(void *arg, const char *folder)
{
    struct finding *finding = arg;
    struct pn_pipeline *pipeline = finding->pipeline;
    struct pn_arena *arena = &pipeline->private_->arena;
    const char *path =
        pn_arena_printf(arena, "%.*s%s", (int)finding->folder_len, finding->path, folder);
    if (!pn_pattern_matches(finding->path, path) ||
        pipeline->table_count == pipeline->private_->table_capacity) {
        return 0;
    }
    struct pn_table table = *finding->pattern;
    table.name = pn_pattern_fill(table.name, finding->path, path, arena);
    table.path = pn_arena_printf(arena, "%s%s", path, finding->below);
    table.checkpoints = pn_pattern_fill(table.checkpoints, finding->path, path, arena);
    if (is_new_table(finding, &table)) {
        pipeline->private_->tables[pipeline->table_count++] = table;
    }
    return 0;
}

int pn_pipeline_find_tables(struct pn_pipeline *pipeline, struct pn_store *store, struct pn_err *e)
{
    struct pn_arena *arena = &pipeline->private_->arena;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < pipeline->table_pattern_count; i++) {
        const struct pn_table *pattern = &pipeline->table_patterns[i];
        const char *star = strchr(pattern->path, '*');
        size_t len = (size_t)(star - pattern->path) + strcspn(star, "/");
        const char *folder = pn_arena_strndup(arena, pattern->path, (size_t)(star - pattern->path));
        const char *slash = strrchr(folder, '/');
        struct finding finding = {.pipeline = pipeline,
                                  .store = store,
                                  .pattern = pattern,
                                  .path = pn_arena_strndup(arena, pattern->path, len),
                                  .below = pattern->path + len,
                                  .folder_len = slash != NULL ? (size_t)(slash + 1 - folder) : 0};
        folder = pn_arena_strndup(arena, folder, finding.folder_len);
        rc = pn_store_folders(store, folder, find_table, &finding, e);
    }
    return rc;
}
