#include "report/topics.h"

#include "pipeline/pattern.h"
#include "report/records.h"

int pn_topic_size(struct pn_log *log, const char *topic, int32_t partitions,
                  struct pn_topic_row *row, struct pn_err *e)
{
    int rc = 0;
    row->records = 0;
    row->size_bytes = 0;
    row->first_partition = -1;
    row->first_offset = -1;
    for (int32_t i = 0; rc == 0 && i < partitions; i++) {
        struct pn_log_offsets offsets = {0};
        rc = pn_log_offsets(log, topic, i, &offsets, e);
        row->records += offsets.end - offsets.begin;
        row->size_bytes = row->size_bytes < 0 || offsets.size_bytes < 0
                              ? -1
                              : row->size_bytes + offsets.size_bytes;
        if (row->first_partition < 0 && offsets.end > offsets.begin) {
            row->first_partition = i;
            row->first_offset = offsets.begin;
        }
    }
    return rc;
}

/* The time of one record; 0: it cannot be read. */
static int64_t time_at(struct pn_log *log, const char *topic, int32_t partition, int64_t offset)
{
    enum { READ_BYTES = 1 }; /* one record comes, whatever its size */
    struct pn_arena arena;
    struct pn_log_records read = {0};
    pn_arena_init(&arena, 0);
    int rc = pn_log_read(log, topic, partition, offset, 1, READ_BYTES, &arena, &read, NULL);
    int64_t time_ms = rc == 0 && read.count > 0 ? read.records[0].timestamp_ms : 0;
    pn_arena_deinit(&arena);
    return time_ms;
}

static void look_at_times(struct pn_log *log, struct pn_topic_row *row)
{
    for (int32_t i = 0; i < row->partitions; i++) {
        struct pn_log_offsets offsets = {0};
        if (pn_log_offsets(log, row->topic, i, &offsets, NULL) != 0 ||
            offsets.begin == offsets.end) {
            continue;
        }
        int64_t oldest_ms = time_at(log, row->topic, i, offsets.begin);
        int64_t newest_ms = time_at(log, row->topic, i, offsets.end - 1);
        if (oldest_ms != 0 && (row->oldest_ms == 0 || oldest_ms < row->oldest_ms)) {
            row->oldest_ms = oldest_ms;
        }
        row->newest_ms = newest_ms > row->newest_ms ? newest_ms : row->newest_ms;
    }
}

void pn_topics_time(struct pn_log *log, struct pn_topic_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        look_at_times(log, &rows[i]);
    }
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
        row->retention_ms = topics[i].settings.retention_ms;
        row->retention_bytes = topics[i].settings.retention_bytes;
        rc = pn_topic_size(log, row->topic, topics[i].partitions, row, &why);
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

PN_REPORT_COLUMNS(pn_topic_columns, {"topic", PN_CELL_TEXT | PN_NOT_NULL},
                  {"partitions", PN_CELL_INT | PN_NOT_NULL}, {"records", PN_CELL_INT | PN_NOT_NULL},
                  {"size_bytes", PN_CELL_INT}, {"read_by", PN_CELL_TEXT},
                  {"first_partition", PN_CELL_INT}, {"first_offset", PN_CELL_INT},
                  {"retention_ms", PN_CELL_INT}, {"retention_bytes", PN_CELL_INT},
                  {"oldest", PN_CELL_TIME}, {"newest", PN_CELL_TIME});

void pn_report_topics(const struct pn_topic_row *topics, size_t count, struct pn_row_writer *rows)
{
    enum { NOT_IN_TABLES = 6 };
    bool whole = pn_row_writer_format(rows) != PN_FORMAT_TABLE;
    size_t columns_shown = pn_topic_columns.count - (whole ? 0 : NOT_IN_TABLES);
    pn_row_writer_begin(rows, pn_topic_columns.items, columns_shown);
    for (size_t i = 0; i < count; i++) {
        pn_cell_cstr(rows, topics[i].topic);
        pn_cell_int(rows, topics[i].partitions);
        pn_cell_int(rows, topics[i].records);
        pn_cell_known(rows, topics[i].size_bytes);
        pn_cell_cstr(rows, topics[i].tables);
        if (whole) {
            pn_cell_known(rows, topics[i].first_partition);
            pn_cell_known(rows, topics[i].first_offset);
            pn_cell_known(rows, topics[i].retention_ms);
            pn_cell_known(rows, topics[i].retention_bytes);
            pn_cell_time_if(rows, topics[i].oldest_ms);
            pn_cell_time_if(rows, topics[i].newest_ms);
        }
    }
}

/* --- one topic -------------------------------------------------------------------------------- */

int pn_topic_look(struct pn_log *log, const char *topic, struct pn_arena *arena,
                  struct pn_topic_detail *detail, struct pn_err *e)
{
    int rc = pn_log_topic(log, topic, &detail->info, e);
    if (rc != 0) {
        return rc;
    }
    detail->partitions =
        pn_arena_calloc(arena, (size_t)detail->info.partitions, sizeof *detail->partitions);
    for (int32_t i = 0; rc == 0 && i < detail->info.partitions; i++) {
        rc = pn_log_offsets(log, topic, i, &detail->partitions[i], e);
    }
    return rc;
}

PN_REPORT_COLUMNS(pn_partition_columns, {"partition", PN_CELL_INT | PN_NOT_NULL},
                  {"begin", PN_CELL_WIDE | PN_NOT_NULL}, {"end", PN_CELL_WIDE | PN_NOT_NULL},
                  {"records", PN_CELL_INT | PN_NOT_NULL}, {"size_bytes", PN_CELL_INT},
                  {"topic", PN_CELL_TEXT | PN_NOT_NULL}, {"retention_ms", PN_CELL_INT},
                  {"retention_bytes", PN_CELL_INT}, {"record_bytes_max", PN_CELL_INT | PN_NOT_NULL},
                  {"compression", PN_CELL_TEXT | PN_NOT_NULL});

void pn_report_partitions(const struct pn_topic_detail *detail, struct pn_row_writer *rows)
{
    enum { OF_THE_TOPIC = 5 };
    const struct pn_log_topic_settings *settings = &detail->info.settings;
    bool whole = pn_row_writer_format(rows) != PN_FORMAT_TABLE;
    size_t count = pn_partition_columns.count;
    pn_row_writer_begin(rows, pn_partition_columns.items, whole ? count : count - OF_THE_TOPIC);
    for (int32_t i = 0; i < detail->info.partitions; i++) {
        const struct pn_log_offsets *offsets = &detail->partitions[i];
        pn_cell_int(rows, i);
        pn_cell_int(rows, offsets->begin);
        pn_cell_int(rows, offsets->end);
        pn_cell_int(rows, offsets->end - offsets->begin);
        pn_cell_known(rows, offsets->size_bytes);
        if (whole) {
            pn_cell_cstr(rows, detail->info.name);
            pn_cell_known(rows, settings->retention_ms);
            pn_cell_known(rows, settings->retention_bytes);
            pn_cell_int(rows, settings->record_bytes_max);
            pn_cell_cstr(rows, settings->compression);
        }
    }
}

/* --- what a server answers -------------------------------------------------------------------- */

/* The array of rows, or NULL and an error. */
static const struct pn_json *rows_of(const struct pn_json *root, const char *key, struct pn_err *e)
{
    const struct pn_json *rows = pn_json_get(root, key);
    if (rows == NULL || rows->type != PN_JSON_ARRAY) {
        (void)pn_err_fatal(e, "the server is not pinion, or is an incompatible version");
        return NULL;
    }
    return rows;
}

static const char *text_of(const struct pn_json *row, const char *key, struct pn_arena *arena)
{
    const char *text = NULL;
    size_t len = 0;
    return pn_json_get_text(row, key, &text, &len) ? pn_arena_strndup(arena, text, len) : NULL;
}

int pn_topics_read(const struct pn_json *root, struct pn_arena *arena, struct pn_topic_row **rows,
                   size_t *count, struct pn_err *e)
{
    const struct pn_json *topics = rows_of(root, "items", e);
    if (topics == NULL) {
        return PN_FAIL;
    }
    *count = 0;
    *rows = pn_arena_calloc(arena, topics->count, sizeof **rows);
    for (const struct pn_json *row = topics->first; row != NULL; row = row->next) {
        (*rows)[(*count)++] =
            (struct pn_topic_row){.topic = text_of(row, "topic", arena),
                                  .partitions = pn_json_get_i64(row, "partitions", 0),
                                  .records = pn_json_get_i64(row, "records", 0),
                                  .size_bytes = pn_json_get_i64(row, "size_bytes", -1),
                                  .first_partition = pn_json_get_i64(row, "first_partition", -1),
                                  .first_offset = pn_json_get_i64(row, "first_offset", -1),
                                  .tables = text_of(row, "read_by", arena),
                                  .retention_ms = pn_json_get_i64(row, "retention_ms", -1),
                                  .retention_bytes = pn_json_get_i64(row, "retention_bytes", -1),
                                  .oldest_ms = pn_json_get_i64(row, "oldest_ms", 0),
                                  .newest_ms = pn_json_get_i64(row, "newest_ms", 0)};
    }
    return 0;
}

int pn_topic_read_detail(const struct pn_json *root, struct pn_arena *arena,
                         struct pn_topic_detail *detail, struct pn_err *e)
{
    const struct pn_json *partitions = rows_of(root, "partitions", e);
    if (partitions == NULL || partitions->count == 0 || partitions->count > PN_PARTITIONS_MAX) {
        return partitions == NULL ? PN_FAIL
                                  : pn_err_fatal(e, "the server's topic has no partitions");
    }
    const struct pn_json *row = partitions->first;
    const char *name = text_of(row, "topic", arena);
    *detail = (struct pn_topic_detail){
        .info = {.partitions = (int32_t)partitions->count,
                 .settings = {.retention_ms = pn_json_get_i64(row, "retention_ms", -1),
                              .retention_bytes = pn_json_get_i64(row, "retention_bytes", -1),
                              .record_bytes_max = pn_json_get_i64(row, "record_bytes_max", 0),
                              .compression = text_of(row, "compression", arena)}}};
    (void)snprintf(detail->info.name, sizeof detail->info.name, "%s", name != NULL ? name : "");
    detail->partitions = pn_arena_calloc(arena, partitions->count, sizeof *detail->partitions);
    for (size_t i = 0; row != NULL; row = row->next, i++) {
        detail->partitions[i] =
            (struct pn_log_offsets){.begin = pn_report_read_wide(row, "begin"),
                                    .end = pn_report_read_wide(row, "end"),
                                    .size_bytes = pn_json_get_i64(row, "size_bytes", -1)};
    }
    return 0;
}
