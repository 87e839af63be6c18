/* What SQL can read of the run that it is part of: macros, which give null outside a run. */
#include <inttypes.h>
#include <string.h>

#include "base/time_text.h"
#include "engine/duckdb/private.h"

enum { SQL_BYTES_MAX = 1 << 20 };

/* A conf is JSON already, so that its members are read as they were written. */
static void add_conf(struct pn_buf *sql, const char *conf)
{
    pn_buf_adds(sql, "CREATE OR REPLACE MACRO run_conf(name) AS ");
    if (conf == NULL) {
        pn_buf_adds(sql, "CAST(NULL AS VARCHAR);");
        return;
    }
    pn_buf_adds(sql, "json_extract_string(");
    pn_duckdb_add_text(sql, conf);
    pn_buf_adds(sql, ", '/' || replace(replace(name, '~', '~0'), '/', '~1'));");
}

static void add_value(struct pn_buf *sql, const char *name, const char *type, const char *value)
{
    pn_buf_addf(sql, "CREATE OR REPLACE MACRO %s() AS CAST(", name);
    if (value != NULL && value[0] != '\0') {
        pn_duckdb_add_text(sql, value);
    } else {
        pn_buf_adds(sql, "NULL");
    }
    pn_buf_addf(sql, " AS %s);", type);
}

/* A time in any form that people may give it in. */
static void add_time(struct pn_buf *sql, const char *name, const char *value)
{
    int64_t micros = 0;
    if (value != NULL && pn_time_parse(value, strlen(value), &micros)) {
        pn_buf_addf(sql,
                    "CREATE OR REPLACE MACRO %s() AS make_timestamp(CAST(%" PRId64
                    " AS BIGINT)) AT TIME ZONE 'UTC';",
                    name, micros);
    } else {
        add_value(sql, name, "TIMESTAMP WITH TIME ZONE", NULL);
    }
}

int pn_duckdb_add_run_macros(struct pn_duckdb *engine, duckdb_connection connection,
                             struct pn_err *e)
{
    const struct pn_run_values *run = &engine->config.run;
    struct pn_buf sql;
    pn_buf_init(&sql, SQL_BYTES_MAX);
    add_conf(&sql, run->conf);
    add_value(&sql, "run_id", "VARCHAR", run->run_id);
    add_time(&sql, "run_logical_date", run->logical_date);
    add_time(&sql, "run_interval_start", run->interval_start);
    add_time(&sql, "run_interval_end", run->interval_end);
    int rc = pn_duckdb_run_buf(connection, &sql, NULL, e);
    pn_buf_deinit(&sql);
    return rc;
}

bool pn_duckdb_refreshes(const struct pn_duckdb *engine, const struct pn_table *table)
{
    return engine->config.full_refresh || pn_run_refreshes(&engine->config.run, table->name);
}

bool pn_duckdb_drops_imported(const struct pn_duckdb *engine, const struct pn_table *table)
{
    return engine->config.drop_imported || pn_run_drops_imported(&engine->config.run, table->name);
}
