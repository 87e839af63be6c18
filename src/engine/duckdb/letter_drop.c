/* Letters that people drop: remembered, then taken out of the files that hold them. */
#include <stdlib.h>

#include "base/mem.h"
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/dropped.h"
#include "engine/duckdb/scan.h"
#include "engine/duckdb/stream_dead_letters.h"
#include "engine/duckdb/write.h"
#include "engine/letter_id.h"

enum { ATTEMPTS_MAX = 8 };

static duckdb_state append_text(duckdb_appender appender, const char *text)
{
    return text != NULL ? duckdb_append_varchar(appender, text) : duckdb_append_null(appender);
}

/* Makes the temporary table drops (is_stream, "table", object, id). */
static int make_drops(duckdb_connection connection, const struct pn_letter_drop *drops,
                      size_t count, struct pn_err *e)
{
    duckdb_appender appender = NULL;
    int rc = pn_duckdb_run(connection,
                           "CREATE OR REPLACE TEMP TABLE drops (is_stream BOOLEAN, \"table\" "
                           "VARCHAR, object VARCHAR, id VARCHAR)",
                           NULL, e);
    if (rc != 0) {
        return rc;
    }
    bool ok =
        duckdb_appender_create_ext(connection, "temp", NULL, "drops", &appender) == DuckDBSuccess;
    for (size_t i = 0; ok && i < count; i++) {
        ok = duckdb_append_bool(appender, drops[i].is_stream) == DuckDBSuccess &&
             append_text(appender, drops[i].table) == DuckDBSuccess &&
             append_text(appender, drops[i].object) == DuckDBSuccess &&
             append_text(appender, drops[i].id) == DuckDBSuccess &&
             duckdb_appender_end_row(appender) == DuckDBSuccess;
    }
    if (duckdb_appender_destroy(&appender) != DuckDBSuccess || !ok) {
        rc = pn_err_fatal(e, "DuckDB does not accept the ids of letters");
    }
    return rc;
}

static bool has(const struct pn_letter_drop *drops, size_t count, bool is_stream)
{
    size_t i = 0;
    while (i < count && drops[i].is_stream != is_stream) {
        i++;
    }
    return i < count;
}

/* A table of letters, and how a row's id is made. */
struct from {
    struct pn_duckdb *engine;
    duckdb_connection connection;
    struct pn_table table;
    const char *id;
    const char *ids; /* a SELECT */
};

/* Finds the files that hold some of the letters. */
static int find_files(const struct from *from, const struct pn_delta_snapshot *snapshot,
                      struct pn_delta_file *files, size_t *count, struct pn_err *e)
{
    struct pn_file_lease lease = {0};
    duckdb_result result;
    struct pn_buf sql;
    *count = 0;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT DISTINCT pn_file FROM (");
    int rc = pn_duckdb_add_scan_of_places(from->engine, from->connection, &from->table, snapshot,
                                          &lease, &sql, e);
    pn_buf_addf(&sql, ") WHERE %s IN (%s) ORDER BY 1", from->id, from->ids);
    if (rc == 0) {
        rc = pn_duckdb_run_buf(from->connection, &sql, &result, e);
    }
    if (rc == 0) {
        for (idx_t row = 0; row < duckdb_row_count(&result); row++) {
            files[(*count)++] = snapshot->files[duckdb_value_int64(&result, 0, row)];
        }
        duckdb_destroy_result(&result);
    }
    pn_file_lease_release(&lease);
    pn_buf_deinit(&sql);
    return rc;
}

/* Writes the other letters of these files again, and commits them in place of the files. */
static int write_others(const struct from *from, const struct pn_delta_snapshot *snapshot,
                        struct pn_delta_file *files, size_t count, struct pn_err *e)
{
    struct pn_delta_snapshot part = *snapshot;
    struct pn_file_lease lease = {0};
    struct pn_written written = {0};
    struct pn_buf sql;
    int64_t version = -1;
    part.files = files;
    part.file_count = count;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT * FROM (");
    int rc = pn_duckdb_add_scan(from->engine, from->connection, &from->table, &part, true, &lease,
                                &sql, e);
    pn_buf_addf(&sql, ") WHERE %s NOT IN (%s)", from->id, from->ids);
    if (rc == 0) {
        rc = pn_duckdb_write(from->engine, from->connection, &from->table, &sql, &written, e);
    }
    if (rc == 0) {
        const struct pn_duckdb_put put = {.mode = PN_DELTA_REPLACE,
                                          .removes = files,
                                          .remove_count = count,
                                          .carries_rows = true,
                                          .operation = "DELETE"};
        rc = pn_duckdb_commit(from->engine, &from->table, &written, &put, &version, e);
        if (rc != 0) {
            pn_duckdb_write_undo(from->engine, &written, rc);
        }
    }
    pn_written_deinit(&written);
    pn_file_lease_release(&lease);
    pn_buf_deinit(&sql);
    return rc;
}

static int take_out(const struct from *from, struct pn_err *e)
{
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_delta_file *files = NULL;
    size_t count = 0;
    int rc = pn_duckdb_newest(from->engine, from->table.path, &snapshot, e);
    if (rc == 0 && snapshot != NULL && snapshot->file_count > 0) {
        files = pn_xcalloc(snapshot->file_count, sizeof *files);
        rc = find_files(from, snapshot, files, &count, e);
    }
    if (rc == 0 && count > 0) {
        rc = write_others(from, snapshot, files, count, e);
    }
    free(files);
    pn_delta_snapshot_destroy(&snapshot);
    return rc;
}

/* A load, a stream or a compaction may commit in between: then it is done again. */
static int take_out_at_last(const struct from *from, struct pn_err *e)
{
    for (int tries = 1;; tries++) {
        struct pn_err why = {0};
        int rc = take_out(from, &why);
        if (rc == 0) {
            return 0;
        }
        if (why.class_ != PN_CLASS_CONFLICT || tries == ATTEMPTS_MAX) {
            return why.class_ != PN_CLASS_CONFLICT
                       ? (pn_err_copy(e, &why), rc)
                       : pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                                    "%s: it is written all the time; drop the letters again",
                                    from->table.path);
        }
    }
}

int pn_dropped_end(struct pn_duckdb *engine, duckdb_connection connection,
                   struct pn_dropped *dropped, struct pn_err *e)
{
    const struct from loads = {.engine = engine,
                               .connection = connection,
                               .table = pn_dead_letters_table(engine->pipeline),
                               .id = PN_LETTER_ID_OF_LOADS,
                               .ids = "SELECT id FROM dropped"};
    if (!pn_dropped_is_open(dropped)) {
        return 0;
    }
    int rc = pn_dropped_read(engine, connection, dropped, e);
    if (rc == 0) {
        rc = take_out_at_last(&loads, e);
    }
    if (rc == 0) {
        pn_dropped_close(engine, dropped);
    }
    return rc;
}

int pn_duckdb_drop_letters(struct pn_embedded_engine *base, const struct pn_letter_drop *drops,
                           size_t count, struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    struct from loads = {.engine = engine,
                         .table = pn_dead_letters_table(engine->pipeline),
                         .id = PN_LETTER_ID_OF_LOADS,
                         .ids = "SELECT id FROM drops WHERE NOT is_stream"};
    struct from streams = {.engine = engine,
                           .table = pn_stream_dead_letters_table(engine->pipeline),
                           .id = PN_LETTER_ID_OF_STREAMS,
                           .ids = "SELECT id FROM drops WHERE is_stream"};
    struct pn_dropped made = {.keys = NULL};
    duckdb_connection connection = NULL;
    int rc = pn_duckdb_connect_work(engine, &connection, e);
    loads.connection = connection;
    streams.connection = connection;
    if (rc == 0) {
        rc = make_drops(connection, drops, count, e);
    }
    if (rc == 0) {
        rc =
            pn_dropped_add(engine, connection,
                           "SELECT \"table\", object, id FROM drops WHERE NOT is_stream", &made, e);
    }
    if (rc == 0 && has(drops, count, false)) {
        rc = take_out_at_last(&loads, e);
    }
    if (rc == 0) {
        pn_dropped_close(engine, &made);
    }
    if (rc == 0 && has(drops, count, true)) {
        rc = take_out_at_last(&streams, e);
    }
    duckdb_disconnect(&connection);
    pn_dropped_deinit(&made);
    if (rc != 0) {
        pn_err_prefix(e, "dropping dead letters");
    }
    return rc;
}
