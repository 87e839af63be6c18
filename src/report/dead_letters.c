#include "report/dead_letters.h"

#include <inttypes.h>

#include "base/json_writer.h"

enum { PARAMETERS_BYTES_MAX = 1 << 20 };

static const char of_loads[] =
    "SELECT 'load' AS source, \"table\", topic AS origin, CAST(partition AS VARCHAR) AS partition,"
    " CAST(\"offset\" AS VARCHAR) AS position, object, line, timestamp AS time, reason, value"
    " FROM dead_letters";
static const char of_streams[] =
    "SELECT 'stream' AS source, \"table\", stream AS origin, shard AS partition,"
    " sequence_number AS position, CAST(NULL AS VARCHAR) AS object, CAST(NULL AS BIGINT) AS line,"
    " arrival AS time, reason, data AS value FROM stream_dead_letters";

static const char of_nothing[] =
    "SELECT '' AS source, '' AS \"table\", '' AS origin, '' AS partition, '' AS position, '' AS"
    " object, CAST(0 AS BIGINT) AS line, CAST('1970-01-01' AS TIMESTAMP) AS time, '' AS reason,"
    " '' AS value WHERE false";

/* Is there a table at the path? */
static int look(const struct pn_table_source *source, const char *path, bool *is_there,
                struct pn_err *e)
{
    struct pn_delta *delta = pn_report_open_table(source, path);
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err failure = {0};
    int rc = pn_delta_snapshot(delta, -1, &snapshot, &failure);
    *is_there = rc == 0;
    if (rc != 0 && failure.class_ == PN_CLASS_MISSING) {
        rc = 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
    return rc;
}

static const char *write_parameters(const struct pn_dead_letters_wanted *wanted,
                                    struct pn_arena *arena)
{
    struct pn_buf text;
    struct pn_json_writer json;
    pn_buf_init(&text, PARAMETERS_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    if (wanted->table != NULL) {
        pn_json_add_cstr(&json, "table", wanted->table);
    }
    if (wanted->reason != NULL) {
        pn_json_add_cstr(&json, "reason", wanted->reason);
    }
    pn_json_end(&json);
    const char *kept = pn_arena_strndup(arena, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
    return kept;
}

int pn_report_dead_letters(const struct pn_table_source *source,
                           const struct pn_dead_letters_wanted *wanted, struct pn_arena *arena,
                           const char **sql, const char **parameters, struct pn_err *e)
{
    bool has_loads = false;
    bool has_streams = false;
    int rc = look(source, source->pipeline->dead_letters_path, &has_loads, e);
    if (rc == 0) {
        rc = look(source, source->pipeline->stream_dead_letters_path, &has_streams, e);
    }
    if (rc != 0) {
        return rc;
    }
    *parameters = write_parameters(wanted, arena);
    *sql = pn_arena_printf(
        arena,
        "SELECT * FROM (%s%s%s) WHERE true%s%s ORDER BY time DESC NULLS LAST, source, origin,"
        " partition, object, line, position LIMIT %" PRId64 " OFFSET %" PRId64,
        has_loads     ? of_loads
        : has_streams ? ""
                      : of_nothing,
        has_loads && has_streams ? " UNION ALL " : "", has_streams ? of_streams : "",
        wanted->table != NULL ? " AND \"table\" = $table" : "",
        wanted->reason != NULL ? " AND strpos(lower(reason), lower($reason)) > 0" : "",
        wanted->limit, wanted->offset);
    return 0;
}
