#include "engine/duckdb/dead_letters_parts.h"

#include <string.h>

#include "engine/duckdb/letter_maker.h"
#include "pipeline/pattern.h"

enum {
    /* Of a value in base64: the longest that is stored whole, and how much of a longer one is. */
    BASE64_WHOLE_MAX = (PN_DEAD_LETTER_VALUE_MAX + 2) / 3 * 4,
    BASE64_STORED = PN_DEAD_LETTER_VALUE_MAX / 3 * 4
};

static const struct pn_column SINK_COLUMNS[] = {
    {.name = "topic", .type = {.kind = PN_TYPE_STRING}},
    {.name = "partition", .type = {.kind = PN_TYPE_INT}},
    {.name = "offset", .type = {.kind = PN_TYPE_BIGINT}},
    {.name = "timestamp", .type = {.kind = PN_TYPE_TIMESTAMP}},
    {.name = "reason", .type = {.kind = PN_TYPE_STRING}},
    {.name = "value", .type = {.kind = PN_TYPE_STRING}},
    {.name = "encoding", .type = {.kind = PN_TYPE_STRING}},
    {.name = "key", .type = {.kind = PN_TYPE_STRING}},
    {.name = "key_encoding", .type = {.kind = PN_TYPE_STRING}},
};
static const struct pn_table SINK = {
    .name = "dead letters of the sink",
    .columns = SINK_COLUMNS,
    .column_count = sizeof SINK_COLUMNS / sizeof *SINK_COLUMNS,
};

/* A line that can't be read in a file of dead letters: nothing to do but to say so. */
int pn_letters_warn_unreadable(void *arg, const struct pn_landed_reject *reject, struct pn_err *e)
{
    struct pn_dead_letters *dead = arg;
    (void)e;
    pn_logger_warn(dead->engine->logger, "engine", "a dead letter in %s is unreadable: %s",
                   reject->object, reject->reason);
    return 0;
}

/* Appends the names of the tables that the load adds to, or of the others, in brackets. */
void pn_letters_add_names(const struct pn_letters_putting *putting, bool is_added,
                          struct pn_buf *sql)
{
    bool first = true;
    for (size_t i = 0; i < putting->dead->count; i++) {
        if (putting->ways[i].is_added == is_added) {
            pn_buf_adds(sql, first ? "(" : ", ");
            pn_duckdb_add_text(sql, putting->dead->tables[i]->name);
            first = false;
        }
    }
    PN_ASSERT(!first);
    pn_buf_addc(sql, ')');
}

/* Have the rows that a data test takes out of the table a number? Then their letters stay until the
 * table's commit. */
bool pn_letters_has_batch(const struct pn_letters_putting *putting, size_t i)
{
    const struct pn_letter_batch *batch = putting->ways[i].batch;
    return batch != NULL && batch->table != NULL;
}

/* Appends the version that the letter's table had. */
static void add_after(const struct pn_letters_putting *putting, struct pn_buf *sql)
{
    pn_buf_adds(sql, "CASE r.\"table\"");
    for (size_t i = 0; i < putting->dead->count; i++) {
        pn_buf_adds(sql, " WHEN ");
        pn_duckdb_add_text(sql, putting->dead->tables[i]->name);
        pn_buf_adds(sql, " THEN ");
        pn_letter_add_after(putting->after[i], sql);
    }
    pn_buf_adds(sql, " END AS after_version");
}

/* Appends a SELECT of what the load rejected; a condition may follow. */
void pn_letters_add_spooled(const struct pn_letters_putting *putting, struct pn_buf *sql)
{
    pn_buf_adds(sql, "SELECT r.\"table\", r.topic, "
                     "CASE WHEN r.topic IS NOT NULL THEN TRY_CAST(regexp_extract(r.object, "
                     "'/partition=([0-9]+)/', 1) AS INTEGER) END AS partition, "
                     "coalesce(r.\"offset\", r.line + o.shift) AS \"offset\", r.object, r.line, "
                     "r.reason, r.value, make_timestamptz(r.time_ms * 1000) AS timestamp, r.key, ");
    pn_letter_add_maker(putting->dead->engine, sql);
    pn_buf_adds(sql, " AS made_by, ");
    add_after(putting, sql);
    pn_buf_adds(sql, ", CAST(NULL AS BIGINT) AS batch FROM (SELECT s.* REPLACE (s.line + "
                     "coalesce(b.base, 0) AS line) FROM ");
    pn_landed_add_call(putting->spool, sql);
    pn_buf_adds(sql, " AS s LEFT JOIN line_bases AS b ON b.scan = s.scan AND b.unit = s.unit) AS r "
                     "ASOF LEFT JOIN line_offsets AS o ON o.scan = r.scan AND "
                     "o.object = r.object AND o.line <= r.line");
}

/* Appends a SELECT of what the sink could not land for a table. */
void pn_letters_add_sunk(const struct pn_letters_putting *putting, size_t i, struct pn_buf *sql)
{
    pn_buf_adds(sql, "SELECT ");
    pn_duckdb_add_text(sql, putting->dead->tables[i]->name);
    pn_buf_addf(sql,
                " AS \"table\", topic, partition, \"offset\", CAST(NULL AS VARCHAR) AS object, "
                "CAST(NULL AS BIGINT) AS line, concat(reason, CASE WHEN key_encoding = 'text' AND "
                "length(key) > %d THEN ' (only the beginning of the key is stored)' ELSE '' END, "
                "CASE WHEN length(value) > CASE WHEN encoding = 'base64' THEN %d ELSE %d END THEN "
                "' (only the beginning of the value is stored)' ELSE '' END, CASE WHEN encoding = "
                "'base64' THEN ' (the value is in base64)' ELSE '' END) AS reason, left(value, "
                "CASE WHEN encoding <> 'base64' THEN %d WHEN length(value) <= %d THEN %d ELSE %d "
                "END) AS value, timestamp, CASE WHEN "
                "key_encoding = 'text' THEN left(key, %d) END AS key, ",
                PN_DEAD_LETTER_VALUE_MAX, BASE64_WHOLE_MAX, PN_DEAD_LETTER_VALUE_MAX,
                PN_DEAD_LETTER_VALUE_MAX, BASE64_WHOLE_MAX, BASE64_WHOLE_MAX, BASE64_STORED,
                PN_DEAD_LETTER_VALUE_MAX);
    pn_letter_add_maker(putting->dead->engine, sql);
    pn_buf_adds(sql, " AS made_by, ");
    pn_letter_add_after(putting->after[i], sql);
    pn_buf_adds(sql, " AS after_version, CAST(NULL AS BIGINT) AS batch FROM ");
    pn_landed_add_call(putting->sunk[i], sql);
}

void pn_letters_add_row(const struct pn_duckdb *engine, const struct pn_table *table, int64_t after,
                        const struct pn_letter_batch *batch, struct pn_buf *sql)
{
    pn_buf_adds(sql, "SELECT ");
    pn_duckdb_add_text(sql, table->name);
    pn_buf_adds(sql, " AS \"table\", CAST(NULL AS VARCHAR) AS topic, CAST(NULL AS INTEGER) AS "
                     "partition, CAST(NULL AS BIGINT) AS \"offset\", CAST(NULL AS VARCHAR) AS "
                     "object, CAST(NULL AS BIGINT) AS line, reason, value, CAST(NULL AS "
                     "TIMESTAMPTZ) AS timestamp, CAST(NULL AS VARCHAR) AS key, ");
    pn_letter_add_maker(engine, sql);
    pn_buf_adds(sql, " AS made_by, ");
    pn_letter_add_after(after, sql);
    pn_buf_adds(sql, " AS after_version, ");
    pn_letter_batch_add(batch, sql);
    pn_buf_adds(sql, " AS batch");
}

void pn_letters_add_rows(const struct pn_letters_putting *putting, size_t i, struct pn_buf *sql)
{
    const struct pn_dead_letters *dead = putting->dead;
    pn_letters_add_row(dead->engine, dead->tables[i], putting->after[i], putting->ways[i].batch,
                       sql);
    pn_buf_adds(sql, " FROM read_parquet(");
    pn_duckdb_add_text(sql, dead->row_files[i]);
    pn_buf_addc(sql, ')');
}

/* Which table has a topic's dead letters of the sink. */
struct owner {
    const struct pn_pipeline *pipeline;
    const struct pn_table *table;
};

/* The tables that a topic's records could have gone to share its dead letters: the first has them.
 */
static bool owns_topic(void *arg, const char *topic)
{
    const struct owner *owner = arg;
    for (size_t i = 0; i < owner->pipeline->table_count; i++) {
        const struct pn_table *other = &owner->pipeline->tables[i];
        if (other->from_topic != NULL && pn_pattern_matches(other->from_topic, topic)) {
            return strcmp(other->name, owner->table->name) == 0;
        }
    }
    return false;
}

/* Scans of the sink's dead letters; NULL where a table has none. */
int pn_letters_find_sunk(const struct pn_letters_putting *putting, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    struct pn_duckdb *engine = dead->engine;
    int rc = 0;
    if (engine->config.landed_folder != NULL) {
        return 0; /* a folder's files never went through a sink */
    }
    for (size_t i = 0; rc == 0 && i < dead->count; i++) {
        struct owner owner = {engine->pipeline, dead->tables[i]};
        if (dead->tables[i]->from_topic == NULL) {
            continue;
        }
        putting->sunk[i] = pn_landed_create(engine, &SINK, pn_letters_warn_unreadable, dead);
        pn_landed_take_lines(putting->sunk[i], PN_SUNK_LINE_BYTES_MAX);
        rc = pn_landed_add_topics(putting->sunk[i], engine->pipeline->dead_letters_dir,
                                  dead->tables[i]->from_topic, owns_topic, &owner, e);
    }
    return rc;
}

bool pn_letters_has_rejects(const struct pn_letters_putting *putting, size_t i)
{
    return pn_landed_counts(putting->scans[i]).rejected > 0;
}

bool pn_letters_has_sunk(const struct pn_letters_putting *putting, size_t i)
{
    return putting->sunk[i] != NULL && pn_landed_units(putting->sunk[i]) > 0;
}

bool pn_letters_has_rows(const struct pn_letters_putting *putting, size_t i)
{
    return putting->dead->row_files[i] != NULL;
}

/* Are there letters of the table? */
bool pn_letters_has_any(const struct pn_letters_putting *putting, size_t i)
{
    return pn_letters_has_rejects(putting, i) || pn_letters_has_sunk(putting, i) ||
           pn_letters_has_rows(putting, i);
}

int pn_letters_make_gone(const struct pn_letters_putting *putting, struct pn_err *e)
{
    return pn_duckdb_run(putting->connection,
                         "CREATE OR REPLACE TEMP TABLE gone (\"table\" VARCHAR, object VARCHAR); "
                         "CREATE OR REPLACE TEMP TABLE imported (\"table\" VARCHAR, object "
                         "VARCHAR)",
                         NULL, e);
}

int pn_letters_too_many(const struct pn_dead_letters *dead, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s: too many loads at once; load again",
                      dead->itself.path);
}
