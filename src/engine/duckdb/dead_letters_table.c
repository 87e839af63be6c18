/*
 * The table of dead letters: put together of what a load has spooled and what the sink could not
 * land. For tables that a load makes of all there is, their dead letters are replaced, but those of
 * objects that an incremental table's load did not list stay: a faster load has them. Those of
 * imported files stay until the load's commit, which may find that an import came in between. For
 * tables that it adds to, they are added, each once: those of an object that the table has already
 * came with a load that ended before its own commit.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/dead_letters_ways.h"
#include "engine/duckdb/letter_maker.h"
#include "engine/duckdb/letters_out.h"
#include "engine/duckdb/offsets_table.h"

/* The lines of a file before each of its ranges, for the ranges that aren't the first. */
static int make_line_bases(duckdb_connection connection, struct pn_landed_scan *const *scans,
                           size_t count, struct pn_err *e)
{
    duckdb_appender appender = NULL;
    int rc = pn_duckdb_run(connection,
                           "CREATE OR REPLACE TEMP TABLE line_bases (scan BIGINT, unit BIGINT, "
                           "base BIGINT)",
                           NULL, e);
    if (rc != 0) {
        return rc;
    }
    bool ok = duckdb_appender_create(connection, NULL, "line_bases", &appender) == DuckDBSuccess;
    for (size_t scan = 0; ok && scan < count; scan++) {
        for (size_t unit = 0; ok && unit < pn_landed_units(scans[scan]); unit++) {
            int64_t base = pn_landed_line_base(scans[scan], unit);
            if (base == 0) {
                continue;
            }
            ok = duckdb_append_int64(appender, (int64_t)scan) == DuckDBSuccess &&
                 duckdb_append_int64(appender, (int64_t)unit) == DuckDBSuccess &&
                 duckdb_append_int64(appender, base) == DuckDBSuccess &&
                 duckdb_appender_end_row(appender) == DuckDBSuccess;
        }
    }
    if (duckdb_appender_destroy(&appender) != DuckDBSuccess || !ok) {
        rc = pn_err_fatal(e, "DuckDB does not accept line numbers");
    }
    return rc;
}

/* The objects that the load listed, of each table. */
static int make_listed(duckdb_connection connection, const struct pn_dead_letters *dead,
                       struct pn_landed_scan *const *scans, struct pn_err *e)
{
    duckdb_appender appender = NULL;
    int rc = pn_duckdb_run(
        connection, "CREATE OR REPLACE TEMP TABLE listed (\"table\" VARCHAR, object VARCHAR)", NULL,
        e);
    if (rc != 0) {
        return rc;
    }
    bool ok = duckdb_appender_create(connection, NULL, "listed", &appender) == DuckDBSuccess;
    for (size_t scan = 0; ok && scan < dead->count; scan++) {
        for (size_t i = 0; ok && i < pn_landed_files(scans[scan]); i++) {
            ok = duckdb_append_varchar(appender, dead->tables[scan]->name) == DuckDBSuccess &&
                 duckdb_append_varchar(appender, pn_landed_file(scans[scan], i).name) ==
                     DuckDBSuccess &&
                 duckdb_appender_end_row(appender) == DuckDBSuccess;
        }
    }
    if (duckdb_appender_destroy(&appender) != DuckDBSuccess || !ok) {
        rc = pn_err_fatal(e, "DuckDB does not accept the names of objects");
    }
    return rc;
}

int pn_dead_letters_end_imported(struct pn_dead_letters *dead, duckdb_connection connection,
                                 const struct pn_table *table, int64_t before, struct pn_err *e)
{
    struct pn_buf which;
    pn_buf_init(&which, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&which, "topic IS NULL AND batch IS NULL AND \"table\" = ");
    pn_duckdb_add_text(&which, table->name);
    pn_buf_addf(&which,
                " AND coalesce(after_version, -1) < %" PRId64
                " AND object IN (SELECT object FROM imported AS i WHERE i.\"table\" = ",
                before);
    pn_duckdb_add_text(&which, table->name);
    pn_buf_adds(&which, ")");
    int rc = pn_buf_check(&which, "a statement for DuckDB", e);
    rc = rc == 0
             ? pn_letters_take_out(dead->engine, connection, &dead->itself, pn_buf_text(&which), e)
             : rc;
    pn_buf_deinit(&which);
    return rc;
}

/* Finds what was dropped, and ends a drop that was killed. */
static int end_drops(struct pn_duckdb *engine, duckdb_connection connection,
                     struct pn_dropped *before, struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = pn_dropped_list(engine, before, e);
    if (rc == 0 && pn_dropped_end(engine, connection, before, &why) != 0) {
        pn_logger_warn(engine->logger, "engine",
                       "dead letters that were dropped are in their table still; the next load "
                       "takes them out: %s",
                       why.msg);
    }
    return rc;
}

static int prepare(const struct pn_letters_putting *putting, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    int rc = dead->pending.len > 0 ? pn_dead_letters_flush(dead, e) : 0;
    if (rc == 0) {
        rc = pn_letters_make_gone(putting, e);
    }
    if (rc == 0) {
        rc = make_listed(putting->connection, dead, putting->scans, e);
    }
    if (rc == 0 && dead->size_bytes > 0) {
        rc = pn_landed_add_file(putting->spool, dead->path, "", e);
        if (rc == 0) {
            rc = make_line_bases(putting->connection, putting->scans, dead->count, e);
        }
        if (rc == 0) {
            rc = pn_offsets_make_table(dead->engine, putting->connection, putting->scans,
                                       dead->count, e);
        }
    }
    if (rc == 0) {
        rc = pn_letters_find_sunk(putting, e);
    }
    for (size_t i = 0; rc == 0 && i < dead->count; i++) {
        putting->after[i] = -1;
        if (pn_letters_has_any(putting, i)) {
            rc = pn_letter_after(dead->engine, dead->tables[i]->path, &putting->after[i], e);
        }
    }
    return rc;
}

int pn_dead_letters_commit(struct pn_dead_letters *dead, duckdb_connection connection,
                           struct pn_landed_scan *const *scans,
                           const struct pn_dead_letters_way *ways, int64_t *counts,
                           struct pn_err *e)
{
    struct pn_dropped dropped = {.keys = NULL};
    struct pn_dropped before = {.keys = NULL};
    const struct pn_letters_putting putting = {
        .dead = dead,
        .connection = connection,
        .spool = pn_landed_create(dead->engine, &pn_dead_letters_spool, pn_letters_warn_unreadable,
                                  dead),
        .scans = scans,
        .sunk = pn_xcalloc(dead->count, sizeof(struct pn_landed_scan *)),
        .ways = ways,
        .after = pn_xcalloc(dead->count, sizeof *putting.after),
        .dropped = &dropped,
        .before = &before,
    };
    struct pn_landed_scan *spool = putting.spool;
    int rc = end_drops(dead->engine, connection, &before, e);
    if (rc == 0) {
        rc = prepare(&putting, e);
    }
    if (rc == 0) {
        rc = pn_letters_replace(&putting, e);
    }
    for (size_t i = 0; i < dead->count; i++) {
        if (rc == 0 && ways[i].is_added) {
            rc = pn_letters_append(&putting, i, &counts[i], e);
        } else if (putting.sunk[i] != NULL) {
            counts[i] += pn_landed_counts(putting.sunk[i]).rows;
        }
    }
    if (rc == 0) {
        pn_letters_forget_added(&putting);
    }
    for (size_t i = 0; i < dead->count; i++) {
        pn_landed_destroy(&putting.sunk[i]);
    }
    pn_landed_destroy(&spool);
    free(putting.sunk);
    free(putting.after);
    pn_dropped_deinit(&dropped);
    pn_dropped_deinit(&before);
    return rc;
}
