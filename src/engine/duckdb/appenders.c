/* The appenders of an engine: made when first asked for, found again, and ended with it. */
#include <stdlib.h>

#include "base/mem.h"
#include "engine/duckdb/append.h"
#include "engine/duckdb/stream_dead_letters.h"

static struct pn_appender *create(struct pn_duckdb *engine, const struct pn_table *table,
                                  uint64_t number)
{
    struct pn_appender *appender = pn_xcalloc(1, sizeof *appender);
    PN_ASSERT(table->like != NULL && table->in_place_of != NULL);
    appender->engine = engine;
    appender->table = table;
    appender->raw = table->in_place_of;
    appender->letters = pn_stream_dead_letters_table(engine->pipeline);
    appender->number = number;
    appender->delta = pn_duckdb_delta(engine, table->path);
    appender->letter_delta = pn_duckdb_delta(engine, appender->letters.path);
    pn_buf_init(&appender->schema, PN_DUCKDB_SQL_MAX);
    pn_table_delta_schema(table, &appender->schema);
    pn_buf_init(&appender->letter_schema, PN_DUCKDB_SQL_MAX);
    pn_table_delta_schema(&appender->letters, &appender->letter_schema);
    pn_joined_init(appender);
    pn_arena_init(&appender->arena, 0);
    pn_unknown_init(&appender->unknown);
    pthread_mutex_init(&appender->lock, NULL);
    pthread_mutex_init(&appender->threads_lock, NULL);
    return appender;
}

struct pn_appender *pn_appender_for(struct pn_duckdb *engine, const struct pn_table *table)
{
    struct pn_appender *found = NULL;
    pthread_mutex_lock(&engine->lock);
    for (size_t i = 0; found == NULL && i < engine->appender_count; i++) {
        if (engine->appenders[i]->table == table) {
            found = engine->appenders[i];
        }
    }
    if (found == NULL) {
        found = create(engine, table, engine->appender_count);
        pn_grow((void **)&engine->appenders, &engine->appender_capacity, engine->appender_count + 1,
                sizeof(struct pn_appender *));
        engine->appenders[engine->appender_count++] = found;
    }
    pthread_mutex_unlock(&engine->lock);
    return found;
}

struct pn_appender *pn_appender_find(struct pn_duckdb *engine, int64_t number)
{
    struct pn_appender *found = NULL;
    pthread_mutex_lock(&engine->lock);
    if (number >= 0 && (size_t)number < engine->appender_count) {
        found = engine->appenders[number];
    }
    pthread_mutex_unlock(&engine->lock);
    return found;
}

void pn_prepared_copy_forget(struct pn_prepared_copy *copy)
{
    duckdb_destroy_prepare(&copy->statement);
    free(copy->path);
    copy->path = NULL;
}

void pn_appender_forget(struct pn_appender *appender)
{
    pn_prepared_copy_forget(&appender->copy);
    pn_prepared_copy_forget(&appender->letter_copy);
    pn_joined_forget_views(appender);
    duckdb_disconnect(&appender->connection);
}

void pn_appenders_destroy(struct pn_duckdb *engine)
{
    for (size_t i = 0; i < engine->appender_count; i++) {
        struct pn_appender *appender = engine->appenders[i];
        pn_appender_forget(appender);
        pn_joined_deinit(appender);
        pn_delta_destroy(&appender->delta);
        pn_delta_destroy(&appender->letter_delta);
        pn_buf_deinit(&appender->schema);
        pn_buf_deinit(&appender->letter_schema);
        pn_arena_deinit(&appender->arena);
        pn_unknown_deinit(&appender->unknown);
        pthread_mutex_destroy(&appender->lock);
        pthread_mutex_destroy(&appender->threads_lock);
        free(appender);
    }
    free(engine->appenders);
}

void pn_append_parameters(const struct pn_appender *appender, bool is_rows, struct pn_buf *out)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "outputMode", "Append");
    if (is_rows) {
        pn_json_add_cstr(&json, "stream", appender->batch->stream);
    }
    if (is_rows && appender->batch->count > 0 && appender->table->read_count > 0) {
        pn_joined_add_versions(appender, &json);
    }
    pn_json_end(&json);
}
