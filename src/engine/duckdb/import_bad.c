/* Records of an import that are not rows: a temporary table of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/units.h"
#include "engine/duckdb/import.h"

int pn_import_make_bad(duckdb_connection connection, struct pn_err *e)
{
    return pn_duckdb_run(connection,
                         "CREATE OR REPLACE TEMP TABLE pn_bad (file BIGINT, line BIGINT, byte "
                         "BIGINT, reason VARCHAR, value VARCHAR)",
                         NULL, e);
}

static bool append_text(duckdb_appender appender, const char *text, size_t len)
{
    return duckdb_append_varchar_length(appender, text, len) == DuckDBSuccess;
}

/* A value that is not text is in base64, as the reason then says. */
static bool append_value(duckdb_appender appender, const struct pn_import_bad *bad)
{
    if (pn_utf8_valid(bad->value, bad->value_len)) {
        return append_text(appender, bad->reason, strlen(bad->reason)) &&
               append_text(appender, bad->value, bad->value_len);
    }
    char *reason = pn_xasprintf("%s (the value is in base64)", bad->reason);
    struct pn_buf value;
    pn_buf_init(&value, PN_DUCKDB_SQL_MAX);
    pn_base64_encode(&value, bad->value, bad->value_len);
    bool good = append_text(appender, reason, strlen(reason)) &&
                append_text(appender, pn_buf_text(&value), value.len);
    pn_buf_deinit(&value);
    free(reason);
    return good;
}

static bool append_number(duckdb_appender appender, int64_t number)
{
    return (number < 0 ? duckdb_append_null(appender) : duckdb_append_int64(appender, number)) ==
           DuckDBSuccess;
}

int pn_import_add_bad(struct pn_importing *importing, duckdb_appender appender,
                      const struct pn_import_bad *bad, struct pn_err *e)
{
    bool good = duckdb_append_int64(appender, (int64_t)importing->number) == DuckDBSuccess &&
                append_number(appender, bad->line) && append_number(appender, bad->byte) &&
                append_value(appender, bad) && duckdb_appender_end_row(appender) == DuckDBSuccess;
    importing->bad += good;
    return good ? 0
                : pn_err_fatal(e, "DuckDB does not accept a bad row: %s",
                               duckdb_appender_error(appender));
}

int pn_import_sum_bad(duckdb_connection connection, char **sums, struct pn_err *e)
{
    duckdb_result result;
    int rc = pn_duckdb_run(connection,
                           "SELECT file, md5(string_agg(md5(concat_ws(' ', line, byte, value)), '' "
                           "ORDER BY line, byte, value)) FROM pn_bad GROUP BY file",
                           &result, e);
    if (rc != 0) {
        return rc;
    }
    for (idx_t row = 0; row < duckdb_row_count(&result); row++) {
        char *sum = duckdb_value_varchar(&result, 1, row);
        sums[duckdb_value_int64(&result, 0, row)] = pn_xstrdup(sum);
        duckdb_free(sum);
    }
    duckdb_destroy_result(&result);
    return 0;
}

int pn_import_refuse(duckdb_connection connection, const struct pn_import *asked, int64_t bad,
                     struct pn_err *e)
{
    duckdb_result result;
    int rc = pn_duckdb_run(connection,
                           "SELECT file, line, byte, reason FROM pn_bad ORDER BY file, line NULLS "
                           "LAST, byte LIMIT 1",
                           &result, e);
    if (rc != 0) {
        return rc;
    }
    char place[64] = "";
    int64_t file = duckdb_value_int64(&result, 0, 0);
    int64_t line = duckdb_value_int64(&result, 1, 0);
    char *reason = duckdb_value_varchar(&result, 3, 0);
    bool is_row = asked->files[file].format == PN_FILE_PARQUET;
    if (!duckdb_value_is_null(&result, 1, 0) && !duckdb_value_is_null(&result, 2, 0)) {
        (void)snprintf(place, sizeof place, ", line %" PRId64 " (byte %" PRId64 ")", line,
                       duckdb_value_int64(&result, 2, 0));
    } else if (!duckdb_value_is_null(&result, 1, 0)) {
        (void)snprintf(place, sizeof place, ", %s %" PRId64, is_row ? "row" : "line", line);
    }
    rc = pn_err_input(e,
                      "%s%s: %.300s; %" PRId64 " of the records %s of table '%s': mend %s%s; "
                      "nothing was imported",
                      asked->files[file].name, place, reason, bad,
                      pn_noun(bad, "is not a row", "are not rows"), asked->table->name,
                      pn_noun(bad, "it", "them"),
                      asked->for_topic ? "" : ", or give --bad-rows dead-letter");
    duckdb_free(reason);
    duckdb_destroy_result(&result);
    return rc;
}
