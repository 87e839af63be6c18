#include "report/dead_letters.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_writer.h"
#include "engine/embedded.h"
#include "engine/letter_id.h"
#include "report/letter_rules.h"

enum { PARAMETERS_BYTES_MAX = 1 << 20 };

/* --- the letters as one table ----------------------------------------------------------------- */

static const char of_loads[] =
    "SELECT 'load' AS source, \"table\", topic AS origin, CAST(partition AS VARCHAR) AS partition,"
    " CAST(\"offset\" AS VARCHAR) AS position, object, line, timestamp AS time, reason, value,"
    " key, made_by AS maker, after_version FROM dead_letters";
static const char of_streams[] =
    "SELECT 'stream' AS source, \"table\", stream AS origin, shard AS partition,"
    " sequence_number AS position, CAST(NULL AS VARCHAR) AS object, CAST(NULL AS BIGINT) AS line,"
    " arrival AS time, reason, data AS value, partition_key AS key,"
    " made_by AS maker, after_version FROM stream_dead_letters";

static const char of_nothing[] =
    "SELECT '' AS source, '' AS \"table\", '' AS origin, '' AS partition, '' AS position, '' AS"
    " object, CAST(0 AS BIGINT) AS line, CAST('1970-01-01' AS TIMESTAMPTZ) AS time, '' AS reason,"
    " '' AS value, '' AS key, '' AS maker, CAST(0 AS BIGINT) AS after_version WHERE false";

#define ID     PN_LETTER_ID_OF_ALL
#define OLD_ID PN_LETTER_OLD_ID_OF_ALL
/* Texts of the record within a reason. */
#define QUOTED "\"([^\"\\\\]|\\\\.)*\"|''[^'']*''"
/* A reason without what differs from letter to letter: notes, numbers, quoted texts. */
#define KIND                                                                                     \
    "regexp_replace(regexp_replace(regexp_replace(regexp_replace(reason,"                        \
    " '^sub-sequence number [0-9]+: ', ''),"                                                     \
    " ' \\((only the beginning of the (value|data|key) is stored|the (value|data) is in base64)" \
    "\\)',"                                                                                      \
    " '', 'g'), '" QUOTED "', '…', 'g'),"                                                      \
    " '(^|[^A-Za-z0-9-])[0-9]+', '\\1#', 'g')"
/* The order of letters of one time, which differs for letters that differ. */
#define PLACE                                                                                  \
    "concat_ws(chr(31), source, coalesce(origin, ''), lpad(coalesce(partition, ''), 24, '0')," \
    " coalesce(object, ''), lpad(coalesce(CAST(line AS VARCHAR), ''), 20, '0'),"               \
    " lpad(coalesce(position, ''), 64, '0'), " ID ")"
#define TIME_US "coalesce(epoch_us(time), -1)"

/* The maker as a line for people, as pn_report_maker() writes it. */
static const char made_by[] =
    "CASE WHEN NOT json_valid(maker) THEN NULL"
    " WHEN (maker->>'dag') IS NOT NULL"
    " THEN concat('task ', maker->>'task', ' of run ', maker->>'run', ' of ', maker->>'dag',"
    " CASE WHEN TRY_CAST((maker->>'try') AS BIGINT) > 1 THEN concat(', try ', maker->>'try')"
    " ELSE '' END)"
    " WHEN (maker->>'stream') IS NOT NULL THEN concat('stream ', maker->>'stream')"
    " WHEN (maker->>'job') IS NOT NULL THEN concat('job ', maker->>'job', CASE WHEN"
    " (maker->>'who') IS NOT NULL THEN concat(' of ', maker->>'who') ELSE '' END)"
    " ELSE maker->>'command' END AS made_by";
/* ... and for programs: an object whose members are null where they do not apply. */
static const char whole_maker[] =
    ", CASE WHEN json_valid(maker) THEN struct_pack(dag := maker->>'dag', run := maker->>'run',"
    " task := maker->>'task', try := TRY_CAST((maker->>'try') AS BIGINT),"
    " stream := maker->>'stream', job := maker->>'job', who := maker->>'who',"
    " command := maker->>'command') END AS maker";

/* --- parts of a statement --------------------------------------------------------------------- */

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

/* The tables that there are, as one: the text between the parentheses of a FROM. */
static int union_of(const struct pn_table_source *source, struct pn_arena *arena, const char **sql,
                    struct pn_err *e)
{
    bool has_loads = false;
    bool has_streams = false;
    int rc = look(source, source->pipeline->dead_letters_path, &has_loads, e);
    if (rc == 0) {
        rc = look(source, source->pipeline->stream_dead_letters_path, &has_streams, e);
    }
    *sql = pn_arena_printf(arena, "%s%s%s",
                           has_loads     ? of_loads
                           : has_streams ? ""
                                         : of_nothing,
                           has_loads && has_streams ? " UNION ALL " : "",
                           has_streams ? of_streams : "");
    return rc;
}

static const char *where(const struct pn_dead_letters_wanted *wanted, struct pn_arena *arena)
{
    return pn_arena_printf(
        arena, "WHERE true%s%s%s%s%s%s", wanted->table != NULL ? " AND \"table\" = $table" : "",
        wanted->origin != NULL ? " AND origin = $origin" : "",
        wanted->reason != NULL ? " AND strpos(lower(reason), lower($reason)) > 0" : "",
        wanted->source != NULL ? " AND source = $source" : "",
        wanted->kind != NULL ? " AND " KIND " = $kind" : "",
        wanted->ids != NULL ? " AND list_has_any(string_split($ids, ','), [" ID ", " OLD_ID "])"
                            : "");
}

/* A page begins after the letter of this place: "<time>\x1f<place>". */
static const char *after(const struct pn_dead_letters_wanted *wanted)
{
    return wanted->after == NULL ? ""
                                 : " AND (" TIME_US
                                   " < CAST(split_part($after, chr(31), 1) AS BIGINT) OR (" TIME_US
                                   " = CAST(split_part($after, chr(31), 1) AS BIGINT) AND " PLACE
                                   " > substr($after, strpos($after, chr(31)) + 1)))";
}

static const char *write_parameters(const struct pn_dead_letters_wanted *wanted,
                                    struct pn_arena *arena)
{
    const struct {
        const char *name;
        const char *value;
    } all[] = {{"table", wanted->table},   {"origin", wanted->origin}, {"reason", wanted->reason},
               {"source", wanted->source}, {"kind", wanted->kind},     {"ids", wanted->ids},
               {"after", wanted->after}};
    struct pn_buf text;
    struct pn_json_writer json;
    pn_buf_init(&text, PARAMETERS_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].value != NULL) {
            pn_json_add_cstr(&json, all[i].name, all[i].value);
        }
    }
    pn_json_end(&json);
    const char *kept = pn_arena_strndup(arena, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
    return kept;
}

/* --- the queries ------------------------------------------------------------------------------ */

int pn_report_dead_letters(const struct pn_table_source *source,
                           const struct pn_dead_letters_wanted *wanted, struct pn_arena *arena,
                           struct pn_letters_query *query, struct pn_err *e)
{
    const char *letters = NULL;
    int rc = union_of(source, arena, &letters, e);
    query->parameters = write_parameters(wanted, arena);
    query->sql = pn_arena_printf(
        arena,
        "SELECT " ID " AS id, source, \"table\", origin, partition, position, object, line, time,"
        " key, %s, after_version, reason, value%s FROM (%s) %s ORDER BY time DESC NULLS LAST,"
        " source, origin, partition, object, line, position LIMIT %" PRId64 " OFFSET %" PRId64,
        made_by, wanted->is_whole ? whole_maker : "", letters, where(wanted, arena), wanted->limit,
        wanted->offset);
    return rc;
}

/* The cells from PN_LETTER_ID to the value, of which `value` is the expression. */
#define CELLS(value)                                                                            \
    ID " AS id, source, \"table\", origin, partition, position, object, line,"                  \
       " CASE WHEN time IS NULL THEN NULL ELSE epoch_ms(time) END AS time_ms, reason, " KIND    \
       " AS kind, key, maker, after_version, ends_with(reason, ' is in base64)') AS is_base64," \
       " contains(reason, ' (only the beginning of the ') AS is_cut, strlen(value) AS "         \
       "bytes, " value " AS value, " OLD_ID " AS old_id"

int pn_report_dead_letters_page(const struct pn_table_source *source,
                                const struct pn_dead_letters_wanted *wanted, struct pn_arena *arena,
                                struct pn_letters_query *query, struct pn_err *e)
{
    const char *letters = NULL;
    int rc = union_of(source, arena, &letters, e);
    query->parameters = write_parameters(wanted, arena);
    query->sql = pn_arena_printf(
        arena,
        "WITH letters AS NOT MATERIALIZED (%s)"
        " SELECT * FROM (SELECT 0 AS part, count(*) AS number, NULL AS id, source, \"table\", NULL "
        "AS origin,"
        " NULL AS partition, NULL AS position, NULL AS object, NULL AS line, NULL AS time_ms,"
        " NULL AS reason, " KIND " AS kind, NULL AS key, NULL AS maker, NULL AS after_version, "
        "NULL AS is_base64, NULL AS is_cut,"
        " NULL AS bytes, NULL AS value, NULL AS old_id, NULL AS place FROM letters GROUP BY ALL"
        " UNION ALL SELECT 1, row_number() OVER (ORDER BY us DESC, place), * EXCLUDE (us, place),"
        " concat_ws(chr(31), CAST(us AS VARCHAR), place) FROM (SELECT " CELLS(
            "left(value, %d)") ", " TIME_US " AS us, " PLACE
                               " AS place FROM letters %s%s ORDER BY us DESC, place LIMIT %" PRId64
                               ")) ORDER BY part, CASE WHEN part = 0 THEN -number ELSE number END,"
                               " kind",
        letters, PN_LETTER_VALUE_SHOWN, where(wanted, arena), after(wanted), wanted->limit + 1);
    return rc;
}

int pn_report_dead_letters_whole(const struct pn_table_source *source,
                                 const struct pn_dead_letters_wanted *wanted,
                                 struct pn_arena *arena, struct pn_letters_query *query,
                                 struct pn_err *e)
{
    const char *letters = NULL;
    int rc = union_of(source, arena, &letters, e);
    query->parameters = write_parameters(wanted, arena);
    query->sql = pn_arena_printf(
        arena,
        "SELECT 1 AS part, 0 AS number, " CELLS("value") ", concat_ws(chr(31), CAST(" TIME_US
                                                         " AS VARCHAR), " PLACE
                                                         ") FROM (%s) %s%s ORDER BY " TIME_US
                                                         " DESC, " PLACE " LIMIT %" PRId64,
        letters, where(wanted, arena), after(wanted), wanted->limit);
    return rc;
}

int pn_report_dead_letter_ids(const struct pn_table_source *source,
                              const struct pn_dead_letters_wanted *wanted, struct pn_arena *arena,
                              struct pn_letters_query *query, struct pn_err *e)
{
    const char *letters = NULL;
    int rc = union_of(source, arena, &letters, e);
    query->parameters = write_parameters(wanted, arena);
    bool all = wanted->limit == 0;
    query->sql = pn_arena_printf(
        arena, "SELECT " ID " AS id, source, \"table\", object FROM (%s) %s%s LIMIT %" PRId64,
        letters, where(wanted, arena), all ? "" : " ORDER BY " TIME_US ", " PLACE,
        all ? PN_LETTERS_DROP_MAX + (int64_t)1 : wanted->limit);
    return rc;
}

int pn_report_dead_letter_counts(const struct pn_table_source *source, struct pn_arena *arena,
                                 struct pn_letters_query *query, struct pn_err *e)
{
    const char *letters = NULL;
    struct pn_buf rule;
    int rc = union_of(source, arena, &letters, e);
    pn_buf_init(&rule, PARAMETERS_BYTES_MAX);
    pn_letter_rule_add_sql(&rule);
    query->parameters = NULL;
    query->sql = pn_arena_printf(
        arena,
        "SELECT coalesce(\"table\", ''), %s AS rule, count(*) FROM (SELECT \"table\","
        " regexp_replace(reason, '%s', '', 'g') AS plain FROM (%s)) GROUP BY ALL ORDER BY 3 DESC",
        pn_buf_text(&rule), QUOTED, letters);
    pn_buf_deinit(&rule);
    return rc;
}
