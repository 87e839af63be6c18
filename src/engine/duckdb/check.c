/*
 * What is wrong with a pipeline's SQL, before there is any data: each statement is prepared over
 * tables that have their declared columns and no rows, and that its connection alone sees.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/expect.h"
#include "engine/duckdb/incremental_sql.h"
#include "engine/duckdb/merge.h"
#include "engine/duckdb/replace.h"
#include "engine/duckdb/select.h"
#include "engine/duckdb/stream_dead_letters.h"

static void add_column(struct pn_buf *sql, const char *name, const struct pn_type *type, bool first)
{
    pn_buf_adds(sql, first ? " (" : ", ");
    pn_duckdb_add_name(sql, name);
    pn_buf_addc(sql, ' ');
    pn_type_sql(type, sql);
}

static int make_empty(duckdb_connection connection, const struct pn_table *table, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE TEMP TABLE ");
    pn_duckdb_add_name(&sql, table->name);
    for (size_t i = 0; i < pn_table_stored_columns(table); i++) {
        const struct pn_column *column = pn_table_stored_column(table, i);
        add_column(&sql, column->name, &column->type, i == 0);
    }
    pn_buf_addc(&sql, ')');
    int rc = pn_duckdb_run_buf(connection, &sql, NULL, e);
    pn_buf_deinit(&sql);
    return rc;
}

/* DuckDB misses a table that the pipeline has: then `reads` doesn't name it. */
static int explain_unread(const struct pn_pipeline *pipeline, const struct pn_table *table,
                          struct pn_err *e)
{
    size_t len = 0;
    const char *missed = pn_duckdb_missed_table(e, &len);
    for (size_t i = 0; missed != NULL && i < pipeline->table_count; i++) {
        const char *name = pipeline->tables[i].name;
        if (strlen(name) == len && strncasecmp(name, missed, len) == 0) {
            return pn_err_input(e, "%s: it reads '%s', which `reads` of the table '%s' must name",
                                table->sql_file, name, table->name);
        }
    }
    return PN_FAIL;
}

static int check_table(struct pn_duckdb *engine, const struct pn_table *table, struct pn_err *e)
{
    duckdb_connection connection = NULL;
    int rc = pn_duckdb_connect_work(engine, &connection, e);
    for (size_t i = 0; rc == 0 && i < table->read_count; i++) {
        rc = make_empty(connection, table->reads[i], e);
    }
    if (rc == 0 && table->sql != NULL && pn_duckdb_check_select(connection, table, e) != 0) {
        rc = explain_unread(engine->pipeline, table, e);
    }
    if (rc == 0 && table->replace_where != NULL) {
        rc = pn_duckdb_check_replace(connection, table, e);
        if (rc != 0) {
            pn_pipeline_prefix_key(engine->pipeline, table, "replace_where", NULL, 0, e);
        }
    }
    if (rc == 0 && table->sql != NULL && table->mode != PN_MODE_OVERWRITE) {
        rc = pn_duckdb_check_incremental(connection, table, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_check_expect(engine, connection, table, e);
    }
    duckdb_disconnect(&connection);
    return rc;
}

/* Names that a scan of a table's files takes for the places of files and rows, and that a merge
 * takes for columns of its own. */
static int check_names(const struct pn_pipeline *pipeline, const struct pn_table *table,
                       struct pn_err *e)
{
    static const char *const places[] = {"file_index", "file_row_number"};
    bool merges = table->mode == PN_MODE_MERGE;
    for (size_t i = 0; (merges || table->partition_count > 0) && i < table->column_count; i++) {
        const char *name = table->columns[i].name;
        bool taken = merges && strncasecmp(name, "pn_", strlen("pn_")) == 0;
        for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
            taken = taken || strcasecmp(name, places[k]) == 0;
        }
        if (taken) {
            (void)pn_err_input(e, "pinion uses this name itself to read a table that is "
                                  "partitioned or merged: choose another name");
            pn_pipeline_prefix_key(pipeline, table, "columns", name, 0, e);
            return PN_FAIL;
        }
    }
    return 0;
}

/* The condition of a merge, over a row of the table. */
static int check_delete_when(struct pn_duckdb *engine, const struct pn_table *table,
                             struct pn_err *e)
{
    duckdb_connection connection = NULL;
    duckdb_prepared_statement statement = NULL;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_addf(&sql, "SELECT CAST((%s\n) AS BOOLEAN) FROM ", table->delete_when);
    pn_duckdb_add_name(&sql, table->name);
    int rc = pn_duckdb_connect_work(engine, &connection, e);
    if (rc == 0) {
        const struct pn_table batch = pn_merge_batch_table(table);
        rc = make_empty(connection, &batch, e);
    }
    if (rc == 0 && duckdb_prepare(connection, pn_buf_text(&sql), &statement) != DuckDBSuccess) {
        rc = pn_duckdb_fail_prepared(e, statement);
    }
    if (rc == 0) {
        rc = pn_duckdb_check_delete_when(connection, table, e);
    }
    if (rc != 0) {
        pn_pipeline_prefix_key(engine->pipeline, table, "delete_when", NULL, 0, e);
    }
    duckdb_destroy_prepare(&statement);
    duckdb_disconnect(&connection);
    pn_buf_deinit(&sql);
    return rc;
}

static int check_query(duckdb_connection connection, const struct pn_pipeline *pipeline,
                       const struct pn_query *query, struct pn_err *e)
{
    struct pn_duckdb_select select = {.said = {.sql = query->sql}};
    duckdb_prepared_statement statement = NULL;
    int rc = pn_duckdb_read_select(connection, &select, e);
    if (rc == 0) {
        rc = pn_duckdb_prepare_select(connection, pipeline, NULL, &select, NULL, &statement, e);
    }
    if (rc != 0) {
        pn_err_prefix(e, "%s", query->file);
    }
    duckdb_destroy_prepare(&statement);
    pn_duckdb_select_deinit(&select);
    return rc;
}

static int check_queries(struct pn_duckdb *engine, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = engine->pipeline;
    const struct pn_table letters = pn_dead_letters_table(pipeline);
    const struct pn_table streamed = pn_stream_dead_letters_table(pipeline);
    duckdb_connection connection = NULL;
    int rc = pn_duckdb_connect_work(engine, &connection, e);
    if (rc == 0) {
        rc = make_empty(connection, &letters, e);
    }
    if (rc == 0) {
        rc = make_empty(connection, &streamed, e);
    }
    for (size_t i = 0; rc == 0 && i < pipeline->table_count; i++) {
        rc = make_empty(connection, &pipeline->tables[i], e);
    }
    for (size_t i = 0; rc == 0 && i < pipeline->query_count; i++) {
        rc = check_query(connection, pipeline, &pipeline->queries[i], e);
    }
    duckdb_disconnect(&connection);
    return rc;
}

int pn_duckdb_check(struct pn_engine *base, struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < engine->pipeline->table_count; i++) {
        rc = check_names(engine->pipeline, &engine->pipeline->tables[i], e);
        if (rc == 0 && engine->pipeline->tables[i].like == NULL) {
            rc = check_table(engine, &engine->pipeline->tables[i], e);
        }
        if (rc == 0 && engine->pipeline->tables[i].delete_when != NULL) {
            rc = check_delete_when(engine, &engine->pipeline->tables[i], e);
        }
    }
    return rc != 0 ? rc : check_queries(engine, e);
}
