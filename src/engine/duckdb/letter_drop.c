/* Letters that people drop: remembered, then taken out of the files that hold them. */
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/dropped.h"
#include "engine/duckdb/letters_out.h"
#include "engine/duckdb/stream_dead_letters.h"
#include "engine/letter_id.h"

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

int pn_dropped_end(struct pn_duckdb *engine, duckdb_connection connection,
                   struct pn_dropped *dropped, struct pn_err *e)
{
    const struct pn_table loads = pn_dead_letters_table(engine->pipeline);
    if (!pn_dropped_is_open(dropped)) {
        return 0;
    }
    int rc = pn_dropped_read(engine, connection, dropped, e);
    if (rc == 0) {
        rc = pn_letters_take_out(engine, connection, &loads,
                                 PN_LETTER_ID_OF_LOADS " IN (SELECT id FROM dropped)", e);
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
    const struct pn_table loads = pn_dead_letters_table(engine->pipeline);
    const struct pn_table streams = pn_stream_dead_letters_table(engine->pipeline);
    struct pn_dropped made = {.keys = NULL};
    duckdb_connection connection = NULL;
    int rc = pn_duckdb_connect_work(engine, &connection, e);
    if (rc == 0) {
        rc = make_drops(connection, drops, count, e);
    }
    if (rc == 0) {
        rc =
            pn_dropped_add(engine, connection,
                           "SELECT \"table\", object, id FROM drops WHERE NOT is_stream", &made, e);
    }
    if (rc == 0 && has(drops, count, false)) {
        rc = pn_letters_take_out(
            engine, connection, &loads,
            PN_LETTER_ID_OF_LOADS " IN (SELECT id FROM drops WHERE NOT is_stream)", e);
    }
    if (rc == 0) {
        pn_dropped_close(engine, &made);
    }
    if (rc == 0 && has(drops, count, true)) {
        rc = pn_letters_take_out(
            engine, connection, &streams,
            PN_LETTER_ID_OF_STREAMS " IN (SELECT id FROM drops WHERE is_stream)", e);
    }
    duckdb_disconnect(&connection);
    pn_dropped_deinit(&made);
    if (rc != 0) {
        pn_err_prefix(e, "dropping dead letters");
    }
    return rc;
}
