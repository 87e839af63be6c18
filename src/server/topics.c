#include "server/topics.h"

#include "pipeline/pattern.h"

int pn_topic_size(struct pn_log *log, const char *topic, int32_t partitions, int64_t *records,
                  int64_t *size_bytes, struct pn_err *e)
{
    int rc = 0;
    *records = 0;
    *size_bytes = 0;
    for (int32_t i = 0; rc == 0 && i < partitions; i++) {
        struct pn_log_offsets offsets = {0};
        rc = pn_log_offsets(log, topic, i, &offsets, e);
        *records += offsets.end - offsets.begin;
        *size_bytes += offsets.size_bytes;
    }
    return rc;
}

static const char *tables_of(const struct pn_pipeline *pipeline, const char *topic,
                             struct pn_arena *arena)
{
    const char *tables = NULL;
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (table->from_topic != NULL && pn_pattern_matches(table->from_topic, topic)) {
            tables = tables == NULL ? table->name
                                    : pn_arena_printf(arena, "%s, %s", tables, table->name);
        }
    }
    return tables;
}

int pn_topics_list(struct pn_log *log, const struct pn_pipeline *pipeline, struct pn_arena *arena,
                   struct pn_topic_row **rows, size_t *count, struct pn_err *e)
{
    struct pn_log_topic_info *topics = NULL;
    size_t topic_count = 0;
    *count = 0;
    int rc = pn_log_topics(log, arena, &topics, &topic_count, e);
    *rows = pn_arena_calloc(arena, topic_count, sizeof **rows);
    for (size_t i = 0; rc == 0 && i < topic_count; i++) {
        struct pn_topic_row *row = &(*rows)[*count];
        struct pn_err why = {0};
        if (pn_topic_is_internal(topics[i].name)) {
            continue;
        }
        row->topic = topics[i].name;
        row->partitions = topics[i].partitions;
        row->tables = tables_of(pipeline, row->topic, arena);
        rc = pn_topic_size(log, row->topic, topics[i].partitions, &row->records, &row->size_bytes,
                           &why);
        if (rc == 0) {
            (*count)++;
        } else if (why.class_ == PN_CLASS_MISSING) {
            rc = 0; /* deleted meanwhile */
        } else {
            pn_err_copy(e, &why);
        }
    }
    return rc;
}

void pn_topics_write(struct pn_buf *out, const struct pn_topic_row *rows, size_t count)
{
    pn_buf_adds(out, "{\"topics\":[");
    for (size_t i = 0; i < count; i++) {
        pn_buf_adds(out, i > 0 ? ",{\"topic\":" : "{\"topic\":");
        pn_json_write_cstr(out, rows[i].topic);
        pn_json_write_key(out, "partitions");
        pn_buf_add_i64(out, rows[i].partitions);
        pn_json_write_key(out, "records");
        pn_buf_add_i64(out, rows[i].records);
        pn_json_write_key(out, "size_bytes");
        pn_buf_add_i64(out, rows[i].size_bytes);
        pn_json_write_key(out, "tables");
        pn_json_write_cstr(out, rows[i].tables);
        pn_buf_addc(out, '}');
    }
    pn_buf_adds(out, "]}");
}

static const char *text_of(const struct pn_json *item, const char *key, struct pn_arena *arena)
{
    const char *text = NULL;
    size_t len = 0;
    return pn_json_get_text(item, key, &text, &len) ? pn_arena_strndup(arena, text, len) : NULL;
}

int pn_topics_read(const struct pn_json *root, struct pn_arena *arena, struct pn_topic_row **rows,
                   size_t *count, struct pn_err *e)
{
    const struct pn_json *topics = pn_json_get(root, "topics");
    if (topics == NULL || topics->type != PN_JSON_ARRAY) {
        return pn_err_fatal(e, "the server is no pinion, or one of another version");
    }
    *count = 0;
    *rows = pn_arena_calloc(arena, topics->count, sizeof **rows);
    for (const struct pn_json *item = topics->first; item != NULL; item = item->next) {
        struct pn_topic_row *row = &(*rows)[(*count)++];
        *row = (struct pn_topic_row){.topic = text_of(item, "topic", arena),
                                     .partitions = pn_json_get_i64(item, "partitions", 0),
                                     .records = pn_json_get_i64(item, "records", 0),
                                     .size_bytes = pn_json_get_i64(item, "size_bytes", 0),
                                     .tables = text_of(item, "tables", arena)};
    }
    return 0;
}
