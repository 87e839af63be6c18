#include "report/lineage.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

PN_REPORT_COLUMNS(pn_lineage_columns, {"side", PN_CELL_TEXT | PN_NOT_NULL},
                  {"steps", PN_CELL_INT | PN_NOT_NULL}, {"kind", PN_CELL_TEXT | PN_NOT_NULL},
                  {"name", PN_CELL_TEXT | PN_NOT_NULL});

PN_REPORT_COLUMNS(pn_lineage_edge_columns, {"kind", PN_CELL_TEXT | PN_NOT_NULL},
                  {"name", PN_CELL_TEXT | PN_NOT_NULL}, {"from_kind", PN_CELL_TEXT},
                  {"from", PN_CELL_TEXT});

struct lineage {
    const struct pn_pipeline *pipeline;
    const struct pn_table *table;
    struct pn_row_writer *rows;
    int64_t *steps; /* from the table to each of the pipeline's; 0: not met */
};

static void put(const struct lineage *lineage, const char *side, int64_t steps, const char *kind,
                const char *name)
{
    pn_cell_cstr(lineage->rows, side);
    pn_cell_int(lineage->rows, steps);
    pn_cell_cstr(lineage->rows, kind);
    pn_cell_cstr(lineage->rows, name);
}

static bool reads(const struct pn_table *reader, const struct pn_table *table)
{
    for (size_t i = 0; i < reader->read_count; i++) {
        if (reader->reads[i] == table) {
            return true;
        }
    }
    return false;
}

/* --- before ----------------------------------------------------------------------------------- */

static bool fills(const struct pn_pipeline_stream *stream, const struct pn_table *table)
{
    for (size_t i = 0; i < stream->flow_count; i++) {
        if (stream->flows[i].table == table) {
            return true;
        }
    }
    return false;
}

static void put_streams(const struct lineage *lineage, const struct pn_pipeline_stream *streams,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fills(&streams[i], lineage->table)) {
            put(lineage, "before", 1, "stream", streams[i].name);
        }
    }
}

static void put_topic(const struct lineage *lineage, const struct pn_table *table, int64_t steps)
{
    if (table->from_topic != NULL) {
        put(lineage, "before", steps, "topic", table->from_topic);
    }
}

/* The fewest steps from the table back to tables[place]; 0: there is no way. What comes after it is
 * done already. */
static int64_t steps_back(const struct lineage *lineage, size_t place)
{
    const struct pn_pipeline *pipeline = lineage->pipeline;
    const struct pn_table *table = &pipeline->tables[place];
    int64_t fewest = reads(lineage->table, table) ? 1 : 0;
    for (size_t i = place + 1; i < pipeline->table_count && fewest != 1; i++) {
        int64_t steps = lineage->steps[i];
        if (steps > 0 && reads(&pipeline->tables[i], table) &&
            (fewest == 0 || steps + 1 < fewest)) {
            fewest = steps + 1;
        }
    }
    return fewest;
}

/* Of a raw table the topic; of others the tables that they read. A stream table has the SELECT of
 * another one, but its rows come from the stream. */
static void put_sources(struct lineage *lineage)
{
    const struct pn_pipeline *pipeline = lineage->pipeline;
    put_topic(lineage, lineage->table, 1);
    for (size_t i = pipeline->table_count; i > 0 && lineage->table->like == NULL; i--) {
        int64_t steps = steps_back(lineage, i - 1);
        lineage->steps[i - 1] = steps;
        if (steps > 0) {
            put(lineage, "before", steps, "table", pipeline->tables[i - 1].name);
            put_topic(lineage, &pipeline->tables[i - 1], steps + 1);
        }
    }
}

/* --- after ------------------------------------------------------------------------------------ */

/* After a comment or a string that begins here, else the same place. */
static const char *skip_quoted(const char *at)
{
    if (at[0] == '-' && at[1] == '-') {
        return at + strcspn(at, "\n");
    }
    if (at[0] == '/' && at[1] == '*') {
        const char *end = strstr(at + 2, "*/");
        return end != NULL ? end + 2 : at + strlen(at);
    }
    if (at[0] == '\'') {
        const char *end = strchr(at + 1, '\'');
        return end != NULL ? end + 1 : at + strlen(at);
    }
    return at;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Has the SQL this word outside of strings and comments? */
static bool names(const char *sql, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = sql; *at != '\0';) {
        const char *after = skip_quoted(at);
        if (after != at) {
            at = after;
            continue;
        }
        size_t here = 0;
        while (is_word(at[here])) {
            here++;
        }
        if (here == len && strncasecmp(at, word, len) == 0) {
            return true;
        }
        at += here > 0 ? here : 1;
    }
    return false;
}

static void put_queries(const struct lineage *lineage, const struct pn_table *table, int64_t steps)
{
    for (size_t i = 0; i < lineage->pipeline->query_count; i++) {
        const struct pn_query *query = &lineage->pipeline->queries[i];
        if (names(query->sql, table->name)) {
            put(lineage, "after", steps, "query", query->name);
        }
    }
}

/* The pipeline has a table after all that it reads, so one pass finds all of them. */
static void put_readers(struct lineage *lineage)
{
    const struct pn_pipeline *pipeline = lineage->pipeline;
    put_queries(lineage, lineage->table, 1);
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *reader = &pipeline->tables[i];
        int64_t steps = reads(reader, lineage->table) ? 1 : 0;
        for (size_t at = 0; at < i && steps == 0; at++) {
            if (lineage->steps[at] > 0 && reads(reader, &pipeline->tables[at])) {
                steps = lineage->steps[at] + 1;
            }
        }
        if (steps > 0 && reader->like == NULL) {
            lineage->steps[i] = steps;
            put(lineage, "after", steps, "table", reader->name);
            put_queries(lineage, reader, steps + 1);
        }
    }
}

/* --- by --------------------------------------------------------------------------------------- */

static void put_tasks(const struct lineage *lineage, const struct pn_dag *dag)
{
    for (size_t i = 0; i < dag->task_count; i++) {
        const struct pn_task *task = &dag->tasks[i];
        for (size_t at = 0; at < task->table_count; at++) {
            if (task->tables[at] == lineage->table) {
                char *name = pn_xasprintf("%s/%s", dag->name, task->name);
                put(lineage, "by", 1, "task", name);
                free(name);
            }
        }
    }
}

void pn_report_lineage(const struct pn_pipeline *pipeline, const struct pn_table *table,
                       struct pn_row_writer *rows)
{
    struct lineage lineage = {.pipeline = pipeline, .table = table, .rows = rows};
    lineage.steps = pn_xcalloc(pipeline->table_count + 1, sizeof *lineage.steps);
    pn_rows_begin_all(rows, &pn_lineage_columns);
    put_streams(&lineage, pipeline->streams, pipeline->stream_count);
    put_streams(&lineage, pipeline->stream_patterns, pipeline->stream_pattern_count);
    put_sources(&lineage);
    for (size_t i = 0; i < pipeline->dag_count; i++) {
        put_tasks(&lineage, &pipeline->dags[i]);
    }
    memset(lineage.steps, 0, pipeline->table_count * sizeof *lineage.steps);
    put_readers(&lineage);
    free(lineage.steps);
}

/* --- all at once ------------------------------------------------------------------------------ */

/* What the rows of one table or query come from. */
struct reader {
    struct pn_row_writer *rows;
    const char *kind;
    const char *name;
    bool has_source;
};

static void put_edge(struct reader *reader, const char *from_kind, const char *from)
{
    pn_cell_cstr(reader->rows, reader->kind);
    pn_cell_cstr(reader->rows, reader->name);
    pn_cell_cstr(reader->rows, from_kind);
    pn_cell_cstr(reader->rows, from);
    reader->has_source = true;
}

static void end_reader(struct reader *reader)
{
    if (!reader->has_source) {
        put_edge(reader, NULL, NULL);
    }
}

static void put_stream_edges(struct reader *reader, const struct pn_table *table,
                             const struct pn_pipeline_stream *streams, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fills(&streams[i], table)) {
            put_edge(reader, "stream", streams[i].name);
        }
    }
}

static void put_table_edges(const struct pn_pipeline *pipeline, const struct pn_table *table,
                            struct pn_row_writer *rows)
{
    struct reader reader = {.rows = rows, .kind = "table", .name = table->name};
    if (table->from_topic != NULL) {
        put_edge(&reader, "topic", table->from_topic);
    }
    put_stream_edges(&reader, table, pipeline->streams, pipeline->stream_count);
    put_stream_edges(&reader, table, pipeline->stream_patterns, pipeline->stream_pattern_count);
    for (size_t i = 0; i < table->read_count && table->like == NULL; i++) {
        put_edge(&reader, "table", table->reads[i]->name);
    }
    end_reader(&reader);
}

static void put_query_edges(const struct pn_pipeline *pipeline, const struct pn_query *query,
                            struct pn_row_writer *rows)
{
    struct reader reader = {.rows = rows, .kind = "query", .name = query->name};
    for (size_t i = 0; i < pipeline->table_count; i++) {
        if (names(query->sql, pipeline->tables[i].name)) {
            put_edge(&reader, "table", pipeline->tables[i].name);
        }
    }
    end_reader(&reader);
}

void pn_report_lineage_edges(const struct pn_pipeline *pipeline, struct pn_row_writer *rows)
{
    pn_rows_begin_all(rows, &pn_lineage_edge_columns);
    for (size_t i = 0; i < pipeline->table_count; i++) {
        put_table_edges(pipeline, &pipeline->tables[i], rows);
    }
    for (size_t i = 0; i < pipeline->table_pattern_count; i++) {
        put_table_edges(pipeline, &pipeline->table_patterns[i], rows);
    }
    for (size_t i = 0; i < pipeline->query_count; i++) {
        put_query_edges(pipeline, &pipeline->queries[i], rows);
    }
}
