/* The engine port on Spark: what each operation asks of a job, and what it takes from its result.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/spark/definition.h"
#include "engine/spark/internal.h"

#include "base/mem.h"

static struct pn_spark *spark_of(struct pn_engine *base)
{
    return (struct pn_spark *)base;
}

/* --- load and transform ----------------------------------------------------------------------- */

struct made {
    const struct pn_table *const *tables;
    size_t count;
    struct pn_table_report *reports;
};

static void put_tables(struct pn_json_writer *json, const void *arg)
{
    const struct made *made = arg;
    pn_json_add_array(json, "tables");
    for (size_t i = 0; i < made->count; i++) {
        pn_json_put_object(json);
        pn_json_add_cstr(json, "name", made->tables[i]->name);
        if (made->tables[i]->sql != NULL) {
            pn_json_add_cstr(json, "sql", made->tables[i]->sql);
        }
        pn_json_end(json);
    }
    pn_json_end(json);
}

static int take_tables(void *arg, const struct pn_json *result, struct pn_err *e)
{
    const struct made *made = arg;
    const struct pn_json *tables = pn_json_get(result, "tables");
    const struct pn_json *table = tables != NULL ? tables->first : NULL;
    for (size_t i = 0; i < made->count; i++) {
        if (table == NULL || !pn_json_text_is(pn_json_get(table, "table"), made->tables[i]->name)) {
            return pn_err_fatal(e, "Spark's result does not name table %s", made->tables[i]->name);
        }
        pn_spark_read_report(table, &made->reports[i]);
        table = table->next;
    }
    return 0;
}

static int make(struct pn_engine *base, const char *action, struct made *made, struct pn_err *e)
{
    for (size_t i = 0; i < made->count; i++) {
        made->reports[i] = (struct pn_table_report){.table = made->tables[i]};
    }
    for (size_t i = 0; i < made->count; i++) {
        if (pn_spark_check_table(made->tables[i], e) != 0) {
            return PN_FAIL;
        }
    }
    const struct pn_spark_ask ask = {
        .action = action, .put = put_tables, .take = take_tables, .arg = made};
    return made->count == 0 ? 0 : pn_spark_perform(spark_of(base), &ask, e);
}

static int load(struct pn_engine *base, const struct pn_table *const *tables, size_t count,
                struct pn_table_report *reports, struct pn_err *e)
{
    struct made made = {.tables = tables, .count = count, .reports = reports};
    return make(base, "load", &made, e);
}

static int transform(struct pn_engine *base, const struct pn_table *const *tables, size_t count,
                     struct pn_table_report *reports, struct pn_err *e)
{
    struct made made = {.tables = tables, .count = count, .reports = reports};
    return make(base, "transform", &made, e);
}

/* --- check ------------------------------------------------------------------------------------ */

static void add_sql(struct pn_json_writer *json, const char *name, const char *file,
                    const char *sql)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "name", name);
    pn_json_add_cstr(json, "file", file);
    pn_json_add_cstr(json, "sql", sql);
    pn_json_end(json);
}

static void put_pipeline(struct pn_json_writer *json, const void *arg)
{
    const struct pn_pipeline *pipeline = arg;
    pn_json_add_array(json, "tables");
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (table->sql != NULL) {
            add_sql(json, table->name, table->sql_file, table->sql);
        }
    }
    pn_json_end(json);
    pn_json_add_array(json, "queries");
    for (size_t i = 0; i < pipeline->query_count; i++) {
        const struct pn_query *query = &pipeline->queries[i];
        add_sql(json, query->name, query->file, query->sql);
    }
    pn_json_end(json);
}

static int check(struct pn_engine *base, struct pn_err *e)
{
    const struct pn_pipeline *pipeline = spark_of(base)->pipeline;
    for (size_t i = 0; i < pipeline->table_count; i++) {
        if (pn_spark_check_table(&pipeline->tables[i], e) != 0) {
            return PN_FAIL;
        }
    }
    const struct pn_spark_ask ask = {
        .action = "check",
        .put = put_pipeline,
        .arg = (void *)(uintptr_t)spark_of(base)->pipeline,
    };
    return pn_spark_perform(spark_of(base), &ask, e);
}

/* --- optimize --------------------------------------------------------------------------------- */

struct compaction {
    const char *path;
    int64_t target_bytes;
    int64_t *before;
    int64_t *after;
};

static void put_path(struct pn_json_writer *json, const void *arg)
{
    const struct compaction *compaction = arg;
    pn_json_add_cstr(json, "path", compaction->path);
    pn_json_add_i64(json, "target_bytes", compaction->target_bytes);
}

static int take_files(void *arg, const struct pn_json *result, struct pn_err *e)
{
    const struct compaction *compaction = arg;
    *compaction->before = pn_json_get_i64(result, "files_before", -1);
    *compaction->after = pn_json_get_i64(result, "files_after", -1);
    return *compaction->before < 0 || *compaction->after < 0
               ? pn_err_fatal(e, "Spark's result does not say how many files there are")
               : 0;
}

/* Two writers of one table in a bucket can lose a commit: Spark's is none that only one wins. */
static int check_writer(const struct pn_pipeline *pipeline, const char *path, struct pn_err *e)
{
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (table->like != NULL && strcmp(table->path, path) == 0) {
            return pn_err_input(e,
                                "%s: a stream of pinion fills this table and keeps its files few; "
                                "Spark must not write it (--set engine.kind=duckdb optimizes it)",
                                table->name);
        }
    }
    return 0;
}

static int optimize(struct pn_engine *base, const char *path, int64_t target_bytes,
                    const struct pn_optimize_watch *watch, int64_t *files_before,
                    int64_t *files_after, struct pn_err *e)
{
    struct compaction compaction = {path, target_bytes, files_before, files_after};
    if (watch != NULL && !watch->step(watch->arg, 0, -1)) { /* Spark's job does not say how far */
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "%s: the optimize was cancelled", path);
    }
    const struct pn_spark_ask ask = {
        .action = "optimize", .put = put_path, .take = take_files, .arg = &compaction};
    int rc = check_writer(spark_of(base)->pipeline, path, e);
    return rc != 0 ? rc : pn_spark_perform(spark_of(base), &ask, e);
}

/* --- query ------------------------------------------------------------------------------------ */

static int query(struct pn_engine *base, const char *sql, const struct pn_rows *rows,
                 struct pn_err *e)
{
    const struct pn_ask asked = {.sql = sql, .rows = rows};
    return pn_spark_answer(spark_of(base), &asked, e);
}

/* --- birth and end ---------------------------------------------------------------------------- */

static void interrupt(struct pn_engine *base)
{
    atomic_store(&spark_of(base)->stop, true);
}

static void destroy(struct pn_engine *base)
{
    struct pn_spark *engine = spark_of(base);
    pn_spark_runner_destroy(&engine->runner);
    free(engine->store_url);
    free(engine->task);
    free(engine->run);
    free(engine->made_by);
    free(engine);
}

static const struct pn_engine_ops OPS = {
    .name = "spark",
    .destroy = destroy,
    .load = load,
    .transform = transform,
    .query = query,
    .check = check,
    .optimize = optimize,
    .interrupt = interrupt,
};

static void add_text(struct pn_json_writer *json, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        pn_json_add_cstr(json, name, text);
    }
}

static char *text_of_run(const struct pn_run_values *run)
{
    enum { RUN_BYTES_MAX = 4 << 20 };
    const struct pn_run_values none = {.conf = NULL};
    const struct pn_run_values *of = run != NULL ? run : &none;
    struct pn_buf text;
    struct pn_json_writer json;
    pn_buf_init(&text, RUN_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    add_text(&json, "conf", of->conf);
    add_text(&json, "run_id", of->run_id);
    add_text(&json, "logical_date", of->logical_date);
    add_text(&json, "interval_start", of->interval_start);
    add_text(&json, "interval_end", of->interval_end);
    pn_json_end(&json);
    char *made = pn_xstrdup(pn_buf_text(&text));
    pn_buf_deinit(&text);
    return made;
}

int pn_spark_engine_create(const struct pn_spark_engine_config *config,
                           struct pn_spark_runner **runner, const struct pn_pipeline *pipeline,
                           struct pn_store *store, struct pn_engine **engine, struct pn_err *e)
{
    struct pn_spark *made = pn_xcalloc(1, sizeof *made);
    made->engine.ops = &OPS;
    made->pipeline = pipeline;
    made->store = store;
    made->runner = *runner;
    *runner = NULL;
    made->task = config->task != NULL ? pn_xstrdup(config->task) : NULL;
    made->run = text_of_run(config->run);
    made->full_refresh = config->full_refresh;
    made->drop_imported = config->drop_imported;
    made->made_by = pn_delta_maker_text(config->maker);
    int rc = 0;
    if (config->store_url != NULL && config->store_url[0] != '\0') {
        made->store_url = pn_xstrdup(config->store_url);
    } else {
        rc = pn_store_url(store, "", &made->store_url, e);
    }
    *engine = &made->engine;
    if (rc != 0) {
        pn_engine_destroy(engine);
    }
    return rc;
}
