/* The statements that an appender keeps. */
#include <string.h>

#include "engine/duckdb/append.h"
#include "engine/duckdb/select.h"

/* For this connection alone, the name of a table stands for pn_batch() with its number. */
static int bind_name(struct pn_appender *appender, size_t table, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "CREATE OR REPLACE TEMP VIEW ");
    pn_duckdb_add_name(&sql, appender->engine->pipeline->tables[table].name);
    pn_buf_addf(&sql, " AS SELECT * FROM pn_batch(%llu, %zu)", (unsigned long long)appender->number,
                table);
    int rc = pn_duckdb_run_buf(appender->connection, &sql, NULL, e);
    pn_buf_deinit(&sql);
    return rc;
}

static bool is_joined(const struct pn_appender *appender, const struct pn_table *table)
{
    for (size_t i = 0; i < appender->table->read_count; i++) {
        if (appender->table->reads[i] == table) {
            return true;
        }
    }
    return false;
}

/* The raw table is the batch. Of tables that the SELECT should not read, views of whole tables may
 * be around: their names are taken too, so that reading one is found out. */
static int bind_names(struct pn_appender *appender, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = appender->engine->pipeline;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (table == appender->raw ||
            (!is_joined(appender, table) &&
             strcasestr(appender->table->like->sql, table->name) != NULL)) {
            rc = bind_name(appender, i, e);
        }
    }
    return rc;
}

/* The batch's rows stand for the raw table, so the SELECT has to read it, and besides only what it
 * is to join. */
static int check_reads(const struct pn_appender *appender, struct pn_err *e)
{
    const struct pn_table *like = appender->table->like;
    if (appender->stray != NULL) {
        return pn_err_input(e, "%s: it reads '%s', which `reads` of the table '%s' does not name",
                            like->sql_file, appender->stray->name, like->name);
    }
    if (!appender->reads_raw) {
        return pn_err_input(e, "%s: it does not read '%s', so it cannot fill a table from a stream",
                            like->sql_file, appender->raw->name);
    }
    return 0;
}

static int check_select(struct pn_appender *appender, struct pn_err *e)
{
    appender->stray = NULL;
    appender->reads_raw = false;
    int rc = pn_duckdb_check_select(appender->connection, appender->table->like, e);
    return rc == 0 || appender->stray != NULL ? check_reads(appender, e) : rc;
}

static int connect(struct pn_appender *appender, struct pn_err *e)
{
    int rc = 0;
    if (appender->connection == NULL) {
        rc = pn_duckdb_connect_work(appender->engine, &appender->connection, e);
        if (rc == 0) {
            rc = bind_names(appender, e);
        }
        if (rc != 0) {
            duckdb_disconnect(&appender->connection);
        }
    }
    return rc;
}

static int prepare_copy(struct pn_appender *appender, const struct pn_table *table,
                        const struct pn_buf *select, struct pn_prepared_copy *copy,
                        struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_begin_file(appender->engine, table, &copy->path, e);
    if (rc == 0) {
        pn_duckdb_add_copy(appender->engine, table, select, copy->path, PN_DUCKDB_SMALL_GROUP_ROWS,
                           &sql);
        rc = pn_buf_check(select, "a statement for DuckDB", e);
    }
    if (rc == 0) {
        rc = pn_buf_check(&sql, "a statement for DuckDB", e);
    }
    if (rc == 0 && duckdb_prepare(appender->connection, pn_buf_text(&sql), &copy->statement) !=
                       DuckDBSuccess) {
        rc = pn_duckdb_fail_prepared(e, copy->statement);
    }
    if (rc != 0) {
        pn_prepared_copy_forget(copy);
    }
    pn_buf_deinit(&sql);
    return rc;
}

int pn_appender_prepare(struct pn_appender *appender, struct pn_err *e)
{
    const struct pn_table *like = appender->table->like;
    if (appender->copy.statement != NULL) {
        return 0;
    }
    struct pn_buf select;
    pn_buf_init(&select, PN_DUCKDB_SQL_MAX);
    int rc = connect(appender, e);
    if (rc == 0) {
        rc = pn_joined_bind(appender, e);
    }
    if (rc == 0) {
        rc = check_select(appender, e);
    }
    if (rc == 0) {
        pn_duckdb_add_select(&select, like->sql);
        rc = prepare_copy(appender, appender->table, &select, &appender->copy, e);
    }
    if (rc != 0) {
        pn_appender_forget(appender);
    }
    pn_buf_deinit(&select);
    return rc;
}

int pn_appender_prepare_dead_letters(struct pn_appender *appender, struct pn_err *e)
{
    if (appender->letter_copy.statement != NULL) {
        return 0;
    }
    struct pn_buf select;
    pn_buf_init(&select, PN_DUCKDB_SQL_MAX);
    int rc = connect(appender, e);
    if (rc == 0) {
        pn_buf_addf(&select, "SELECT * FROM pn_dead_letter_list(%llu)",
                    (unsigned long long)appender->number);
        rc = prepare_copy(appender, &appender->letters, &select, &appender->letter_copy, e);
    }
    pn_buf_deinit(&select);
    return rc;
}

int pn_appender_run(struct pn_appender *appender, struct pn_prepared_copy *copy,
                    const struct pn_table *table, struct pn_written *written, struct pn_err *e)
{
    duckdb_result result;
    PN_ASSERT(copy->statement != NULL && copy->path != NULL);
    *written = (struct pn_written){0};
    int rc = pn_duckdb_execute(copy->statement, &result, e);
    if (rc != 0) {
        pn_duckdb_remove_file(appender->engine, copy->path);
        return rc;
    }
    pn_duckdb_copied(table, &result, written);
    rc = pn_duckdb_keep(appender->engine, table, copy->path, written, e);
    if (rc != 0) {
        pn_written_deinit(written);
    }
    return rc;
}
