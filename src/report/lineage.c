#include "report/lineage.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/sql_reads.h"

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
    int64_t *steps; /* from the table to each of the pipeline's; 0: not met, or the table itself */
};

static void put(const struct lineage *lineage, const char *side, int64_t steps, const char *kind,
                const char *name)
{
    pn_cell_cstr(lineage->rows, side);
    pn_cell_int(lineage->rows, steps);
    pn_cell_cstr(lineage->rows, kind);
    pn_cell_cstr(lineage->rows, name);
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

static void put_source(const struct lineage *lineage, const struct pn_table *table, int64_t steps)
{
    if (table->from_topic != NULL) {
        put(lineage, "before", steps, "topic", table->from_topic);
    } else if (table->from_files != NULL) {
        put(lineage, "before", steps, "files", table->from_files->glob);
    }
}

/* The steps from the table back to all that its rows are made of. Level by level: a stream table
 * may join a table that is made of it, so the pipeline's order does not say all. */
static void count_back(struct lineage *lineage)
{
    const struct pn_pipeline *pipeline = lineage->pipeline;
    bool found = true;
    for (int64_t step = 1; found; step++) {
        found = false;
        for (size_t i = 0; i <= pipeline->table_count; i++) {
            bool is_start = i == pipeline->table_count;
            const struct pn_table *reader = is_start ? lineage->table : &pipeline->tables[i];
            if (is_start ? step != 1 : lineage->steps[i] == 0 || lineage->steps[i] != step - 1) {
                continue;
            }
            for (size_t k = 0; k < reader->read_count; k++) {
                const struct pn_table *read = reader->reads[k];
                int64_t *steps = &lineage->steps[read - pipeline->tables];
                if (*steps == 0 && read != lineage->table) {
                    *steps = step;
                    found = true;
                }
            }
        }
    }
}

/* Of a raw table the topic or the files; of others the tables that they read. A stream table has
 * the SELECT of another one, but its rows come from the stream, and from the tables that it joins.
 */
static void put_sources(struct lineage *lineage)
{
    const struct pn_pipeline *pipeline = lineage->pipeline;
    put_source(lineage, lineage->table, 1);
    count_back(lineage);
    for (size_t i = pipeline->table_count; i > 0; i--) {
        int64_t steps = lineage->steps[i - 1];
        if (steps > 0) {
            put(lineage, "before", steps, "table", pipeline->tables[i - 1].name);
            put_source(lineage, &pipeline->tables[i - 1], steps + 1);
        }
    }
}

/* --- after ------------------------------------------------------------------------------------ */

static void put_queries(const struct lineage *lineage, const struct pn_table *table, int64_t steps)
{
    for (size_t i = 0; i < lineage->pipeline->query_count; i++) {
        const struct pn_query *query = &lineage->pipeline->queries[i];
        if (pn_sql_reads(query->sql, table->name)) {
            put(lineage, "after", steps, "query", query->name);
        }
    }
}

/* The steps from the table to all that are made of it, level by level. */
static void count_on(struct lineage *lineage)
{
    const struct pn_pipeline *pipeline = lineage->pipeline;
    bool found = true;
    for (int64_t step = 1; found; step++) {
        found = false;
        for (size_t i = 0; i < pipeline->table_count; i++) {
            const struct pn_table *reader = &pipeline->tables[i];
            bool is_next = false;
            for (size_t k = 0; k < reader->read_count && lineage->steps[i] == 0; k++) {
                const struct pn_table *read = reader->reads[k];
                int64_t steps = lineage->steps[read - pipeline->tables];
                is_next = is_next || (step == 1 ? read == lineage->table : steps == step - 1);
            }
            if (is_next && reader != lineage->table) {
                lineage->steps[i] = step;
                found = true;
            }
        }
    }
}

static void put_readers(struct lineage *lineage)
{
    const struct pn_pipeline *pipeline = lineage->pipeline;
    put_queries(lineage, lineage->table, 1);
    count_on(lineage);
    for (size_t i = 0; i < pipeline->table_count; i++) {
        int64_t steps = lineage->steps[i];
        if (steps > 0) {
            put(lineage, "after", steps, "table", pipeline->tables[i].name);
            put_queries(lineage, &pipeline->tables[i], steps + 1);
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
    } else if (table->from_files != NULL) {
        put_edge(&reader, "files", table->from_files->glob);
    }
    put_stream_edges(&reader, table, pipeline->streams, pipeline->stream_count);
    put_stream_edges(&reader, table, pipeline->stream_patterns, pipeline->stream_pattern_count);
    for (size_t i = 0; i < table->read_count; i++) {
        put_edge(&reader, "table", table->reads[i]->name);
    }
    end_reader(&reader);
}

static void put_query_edges(const struct pn_pipeline *pipeline, const struct pn_query *query,
                            struct pn_row_writer *rows)
{
    struct reader reader = {.rows = rows, .kind = "query", .name = query->name};
    for (size_t i = 0; i < pipeline->table_count; i++) {
        if (pn_sql_reads(query->sql, pipeline->tables[i].name)) {
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
