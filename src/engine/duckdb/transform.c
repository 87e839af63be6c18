/* Raw to transformed tables: each the result of its SELECT over the tables it reads. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/expect.h"
#include "engine/duckdb/replace.h"
#include "engine/duckdb/select.h"
#include "engine/duckdb/transform_new.h"
#include "engine/duckdb/views.h"
#include "engine/duckdb/write.h"

struct transform {
    struct pn_duckdb *engine;
    const struct pn_table *const *tables;
    struct pn_table_report *reports;
};

/* `bytes` is the size of the tables that it reads. */
static int select_into(struct pn_duckdb *engine, duckdb_connection connection,
                       const struct pn_table *table, int64_t bytes, struct pn_table_report *report,
                       struct pn_err *e)
{
    struct pn_written written = {0};
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_duckdb_add_select(&sql, table->sql);
    int rc = pn_duckdb_write_from(engine, connection, table, &sql, bytes, &written, e);
    if (rc != 0) {
        pn_duckdb_blame(e, table->sql_file, table->name);
        goto out;
    }
    const struct pn_quarantine replaces = {.batch = NULL};
    rc = pn_duckdb_expect(engine, connection, table, false, &replaces, &written, report, e);
    report->rows = written.rows;
    if (rc != 0) {
        pn_duckdb_write_undo(engine, &written, 0);
        goto out;
    }
    if (table->replace_where != NULL) {
        rc = pn_duckdb_replace(engine, connection, table, &written, &report->version, e);
    } else {
        rc = pn_duckdb_overwrite(engine, table, &written, NULL, &report->version, e);
    }
    if (rc != 0) {
        pn_duckdb_write_undo(engine, &written, rc);
    } else if (table->replace_where == NULL && report->dead_letters == 0) {
        pn_duckdb_forget_letters(engine, connection, table);
    }
out:
    pn_written_deinit(&written);
    pn_buf_deinit(&sql);
    return rc;
}

static int transform_table(void *arg, size_t i, duckdb_connection connection, struct pn_err *e)
{
    struct transform *transform = arg;
    struct pn_duckdb *engine = transform->engine;
    const struct pn_table *table = transform->tables[i];
    struct pn_table_report *report = &transform->reports[i];
    int64_t start_ms = pn_mono_ms(engine->clock);
    struct pn_file_lease lease = {0};
    int64_t bytes = 0;
    int rc = 0;
    if (table->mode != PN_MODE_OVERWRITE) {
        rc = pn_duckdb_transform_new(engine, connection, table, report, e);
        report->duration_ms = pn_mono_ms(engine->clock) - start_ms;
        return rc;
    }
    for (size_t k = 0; rc == 0 && k < table->read_count; k++) {
        struct pn_duckdb_viewed viewed = {.version = -1};
        rc = pn_duckdb_view_latest(engine, &engine->work_views, connection, table->reads[k], &lease,
                                   &viewed, e);
        bytes = viewed.bytes > INT64_MAX - bytes ? INT64_MAX : bytes + viewed.bytes;
        if (rc == 0 && k < PN_READ_VERSIONS_MAX) {
            report->read_versions[report->read_count++] = viewed.version;
        }
    }
    if (rc == 0) {
        rc = pn_duckdb_check_select(connection, table, e);
    }
    if (rc == 0) {
        rc = select_into(engine, connection, table, bytes, report, e);
    }
    pn_file_lease_release(&lease);
    report->duration_ms = pn_mono_ms(engine->clock) - start_ms;
    return rc;
}

static bool reads_one_of(const struct pn_table *table, const struct pn_table *const *tables,
                         size_t count)
{
    for (size_t i = 0; i < table->read_count; i++) {
        for (size_t k = 0; k < count; k++) {
            if (table->reads[i] == tables[k]) {
                return true;
            }
        }
    }
    return false;
}

/* At the same time as far as they don't read each other. */
int pn_duckdb_transform(struct pn_engine *base, const struct pn_table *const *tables, size_t count,
                        struct pn_table_report *reports, struct pn_err *e)
{
    int rc = 0;
    size_t start = 0;
    for (size_t i = 0; i < count; i++) {
        PN_ASSERT(tables[i]->sql != NULL);
        reports[i] = (struct pn_table_report){.table = tables[i]};
    }
    while (rc == 0 && start < count) {
        size_t end = start + 1;
        while (end < count && !reads_one_of(tables[end], tables + start, end - start)) {
            end++;
        }
        struct transform transform = {.engine = (struct pn_duckdb *)base,
                                      .tables = tables + start,
                                      .reports = reports + start};
        rc = pn_duckdb_jobs(transform.engine, end - start, transform_table, &transform, e);
        start = end;
    }
    return rc;
}
