/* Queries on Spark, and the engine in this process that leaves them to Spark. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/spark/internal.h"

/* --- an answer -------------------------------------------------------------------------------- */

static void put_query(struct pn_json_writer *json, const void *arg)
{
    const struct pn_ask *asked = arg;
    pn_json_add_cstr(json, "sql", asked->sql);
    if (asked->parameters != NULL) {
        pn_json_put_key(json, "parameters");
        pn_json_put_node(json, asked->parameters);
    }
}

/* The texts of the next `count` strings, each with its NUL; false where there are fewer. */
static bool take_texts(const struct pn_json *from, const char *member, char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (from == NULL) {
            return false;
        }
        texts[i] = pn_json_dup(member != NULL ? pn_json_get(from, member) : from);
        if (texts[i] == NULL) {
            return false;
        }
        from = from->next;
    }
    return true;
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(texts[i]);
        texts[i] = NULL;
    }
}

static int wrong_answer(struct pn_err *e)
{
    return pn_err_fatal(e, "Spark's result is not an answer of a query");
}

static int take_rows(const struct pn_ask *asked, const struct pn_json *rows, char **cells,
                     size_t count, struct pn_err *e)
{
    int rc = rows != NULL && rows->type == PN_JSON_ARRAY ? 0 : wrong_answer(e);
    for (const struct pn_json *row = rc == 0 ? rows->first : NULL; rc == 0 && row != NULL;
         row = row->next) {
        rc = take_texts(row->first, NULL, cells, count)
                 ? asked->rows->row(asked->rows->arg, (const char *const *)cells, count)
                 : wrong_answer(e);
        free_texts(cells, count);
    }
    return rc;
}

static int take_answer(void *arg, const struct pn_json *result, struct pn_err *e)
{
    const struct pn_ask *asked = arg;
    const struct pn_json *columns = pn_json_get(result, "columns");
    const struct pn_json *versions = pn_json_get(result, "versions");
    size_t count = columns != NULL ? columns->count : 0;
    char **names = pn_xcalloc(count + 1, sizeof *names);
    char **types = pn_xcalloc(count + 1, sizeof *types);
    const struct pn_json *table = versions != NULL ? versions->first : NULL;
    for (; asked->table != NULL && table != NULL; table = table->next) {
        char *name = pn_xstrndup(table->key, table->key_len);
        asked->table(asked->rows->arg, name, table->integer);
        free(name);
    }
    int rc = columns != NULL && take_texts(columns->first, "name", names, count) &&
                     take_texts(columns->first, "type", types, count)
                 ? asked->rows->columns(asked->rows->arg, (const char *const *)names,
                                        (const char *const *)types, count)
                 : wrong_answer(e);
    free_texts(names, count);
    if (rc == 0) {
        rc = take_rows(asked, pn_json_get(result, "rows"), names, count, e);
    }
    free_texts(types, count);
    free(names);
    free(types);
    return rc;
}

int pn_spark_answer(struct pn_spark *engine, const struct pn_ask *asked, struct pn_err *e)
{
    if (asked->fault != NULL) {
        *asked->fault = (struct pn_sql_fault){.byte = -1};
    }
    if (asked->parameters != NULL && asked->parameters->type == PN_JSON_OBJECT &&
        asked->parameters->count > 0) {
        return pn_err_input(e, "on Spark a query takes its parameters in order: write ? and give "
                               "an array");
    }
    if (asked->at != NULL) {
        return pn_err_input(e, "queries run on Spark here (engine.kind), which reads the newest "
                               "versions alone: an older version or a time needs DuckDB");
    }
    struct pn_ask copy = *asked;
    const struct pn_spark_ask ask = {
        .action = "query", .put = put_query, .take = take_answer, .arg = &copy};
    return pn_spark_perform(engine, &ask, e);
}

/* --- the engine in this process --------------------------------------------------------------- */

struct asking {
    struct pn_embedded_engine engine;
    struct pn_embedded_engine *embedded;
    struct pn_engine *spark;
};

static struct asking *asking_of(struct pn_engine *base)
{
    return (struct asking *)base;
}

static struct pn_embedded_engine *inner(struct pn_embedded_engine *engine)
{
    return asking_of(&engine->batch)->embedded;
}

static void destroy(struct pn_engine *base)
{
    struct asking *asking = asking_of(base);
    pn_engine_destroy(&asking->spark);
    pn_embedded_engine_destroy(&asking->embedded);
    free(asking);
}

static int load(struct pn_engine *base, const struct pn_table *const *tables, size_t count,
                struct pn_table_report *reports, struct pn_err *e)
{
    return pn_engine_load(&asking_of(base)->embedded->batch, tables, count, reports, e);
}

static int transform(struct pn_engine *base, const struct pn_table *const *tables, size_t count,
                     struct pn_table_report *reports, struct pn_err *e)
{
    return pn_engine_transform(&asking_of(base)->embedded->batch, tables, count, reports, e);
}

static int query(struct pn_engine *base, const char *sql, const struct pn_rows *rows,
                 struct pn_err *e)
{
    return pn_engine_query(&asking_of(base)->embedded->batch, sql, rows, e);
}

static int check(struct pn_engine *base, struct pn_err *e)
{
    return pn_engine_check(&asking_of(base)->embedded->batch, e);
}

static int optimize(struct pn_engine *base, const char *path, int64_t target_bytes,
                    const struct pn_optimize_watch *watch, int64_t *files_before,
                    int64_t *files_after, struct pn_err *e)
{
    return pn_engine_optimize(&asking_of(base)->embedded->batch, path, target_bytes, watch,
                              files_before, files_after, e);
}

static void interrupt(struct pn_engine *base)
{
    pn_engine_interrupt(asking_of(base)->spark);
    pn_engine_interrupt(&asking_of(base)->embedded->batch);
}

static int ask(struct pn_embedded_engine *engine, const struct pn_ask *asked, struct pn_err *e)
{
    return pn_spark_answer((struct pn_spark *)asking_of(&engine->batch)->spark, asked, e);
}

static int warm(struct pn_embedded_engine *engine, struct pn_err *e)
{
    return pn_engine_warm(inner(engine), e);
}

/* Of a query, Spark's jobs say nothing; of an import the engine here does. */
static double progress(struct pn_embedded_engine *engine)
{
    return pn_engine_progress(inner(engine));
}

static int write_parquet(struct pn_embedded_engine *engine, const struct pn_row_texts *rows,
                         const char *path, struct pn_err *e)
{
    return pn_engine_write_parquet(inner(engine), rows, path, e);
}

static int order(struct pn_embedded_engine *engine, const struct pn_row_texts *rows,
                 bool descending, int (*take)(void *arg, int64_t row), void *arg, struct pn_err *e)
{
    return pn_engine_order(inner(engine), rows, descending, take, arg, e);
}

static int append(struct pn_embedded_engine *engine, const struct pn_append *batch,
                  struct pn_table_report *report, struct pn_err *e)
{
    return pn_engine_append(inner(engine), batch, report, e);
}

static int import(struct pn_embedded_engine *engine, const struct pn_import *files,
                  struct pn_import_report *report, struct pn_err *e)
{
    return pn_engine_import(inner(engine), files, report, e);
}

static int import_lines(struct pn_embedded_engine *engine, const struct pn_import *files,
                        size_t file, struct pn_import_lines *lines, struct pn_err *e)
{
    return pn_engine_import_lines(inner(engine), files, file, lines, e);
}

static int drop_letters(struct pn_embedded_engine *engine, const struct pn_letter_drop *drops,
                        size_t count, struct pn_err *e)
{
    return pn_engine_drop_letters(inner(engine), drops, count, e);
}

static const struct pn_delta_parquet *parquet(struct pn_embedded_engine *engine)
{
    return pn_engine_parquet(inner(engine));
}

struct pn_embedded_engine *pn_spark_asking_engine(struct pn_engine **spark,
                                                  struct pn_embedded_engine **embedded)
{
    static const struct pn_engine_ops batch_ops = {
        .name = "spark",
        .destroy = destroy,
        .load = load,
        .transform = transform,
        .query = query,
        .check = check,
        .optimize = optimize,
        .interrupt = interrupt,
    };
    static const struct pn_embedded_engine_ops ops = {
        .ask = ask,
        .ask_all = pn_engine_ask_in_turn,
        .warm = warm,
        .progress = progress,
        .write_parquet = write_parquet,
        .order = order,
        .append = append,
        .import = import,
        .import_lines = import_lines,
        .drop_letters = drop_letters,
        .parquet = parquet,
    };
    struct asking *made = pn_xcalloc(1, sizeof *made);
    made->engine.batch.ops = &batch_ops;
    made->engine.ops = &ops;
    made->spark = *spark;
    made->embedded = *embedded;
    *spark = NULL;
    *embedded = NULL;
    return &made->engine;
}
