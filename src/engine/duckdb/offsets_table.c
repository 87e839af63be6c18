#include "engine/duckdb/offsets_table.h"

#include "engine/duckdb/offsets.h"

struct making {
    struct pn_offsets *offsets;
    duckdb_appender appender;
};

static int append(struct making *making, size_t scan, const char *object,
                  const struct pn_offset_step *step, struct pn_err *e)
{
    bool ok = duckdb_append_int64(making->appender, (int64_t)scan) == DuckDBSuccess &&
              duckdb_append_varchar(making->appender, object) == DuckDBSuccess &&
              duckdb_append_int64(making->appender, step->line) == DuckDBSuccess &&
              duckdb_append_int64(making->appender, step->shift) == DuckDBSuccess &&
              duckdb_appender_end_row(making->appender) == DuckDBSuccess;
    return ok ? 0 : pn_err_fatal(e, "DuckDB does not accept offsets of lines");
}

static int add_object(struct making *making, size_t scan, const struct pn_landed_file *file,
                      struct pn_err *e)
{
    const struct pn_offset_step *steps = NULL;
    size_t count = 0;
    int rc = pn_offsets_find(making->offsets, file->name, file->is_object, file->lines, &steps,
                             &count, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = append(making, scan, file->name, &steps[i], e);
    }
    return rc;
}

int pn_offsets_make_table(struct pn_duckdb *engine, duckdb_connection connection,
                          struct pn_landed_scan *const *scans, size_t count, struct pn_err *e)
{
    struct making making = {0};
    int rc = pn_duckdb_run(connection,
                           "CREATE OR REPLACE TEMP TABLE line_offsets (scan BIGINT, "
                           "object VARCHAR, line BIGINT, shift BIGINT)",
                           NULL, e);
    if (rc != 0) {
        return rc;
    }
    making.offsets = pn_offsets_create(engine);
    if (duckdb_appender_create(connection, NULL, "line_offsets", &making.appender) !=
        DuckDBSuccess) {
        rc = pn_err_fatal(e, "DuckDB does not accept offsets of lines");
    }
    for (size_t scan = 0; rc == 0 && scan < count; scan++) {
        for (size_t i = 0; rc == 0 && i < pn_landed_files(scans[scan]); i++) {
            struct pn_landed_file file = pn_landed_file(scans[scan], i);
            rc = file.has_rejects ? add_object(&making, scan, &file, e) : 0;
        }
    }
    if (duckdb_appender_destroy(&making.appender) != DuckDBSuccess && rc == 0) {
        rc = pn_err_fatal(e, "DuckDB does not accept offsets of lines");
    }
    pn_offsets_destroy(&making.offsets);
    return rc;
}
