/* The two DuckDB instances. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/files.h"
#include "engine/duckdb/function.h"

static void set_option(duckdb_config config, const char *name, const char *value)
{
    duckdb_state state = duckdb_set_config(config, name, value);
    PN_ASSERT(state == DuckDBSuccess);
}

/* Nothing is ever fetched from the network: extensions are what the library was built with. */
static int open_database(struct pn_duckdb *engine, duckdb_database *database, struct pn_err *e)
{
    char number[32];
    char *message = NULL;
    const char *temp_folder = "";
    duckdb_config config = NULL;
    int rc =
        engine->config.temp_folder != NULL ? pn_duckdb_temp_folder(engine, &temp_folder, e) : 0;
    if (rc != 0) {
        return rc;
    }
    duckdb_state state = duckdb_create_config(&config);
    PN_ASSERT(state == DuckDBSuccess);
    set_option(config, "autoinstall_known_extensions", "false");
    set_option(config, "autoload_known_extensions", "false");
    set_option(config, "allow_community_extensions", "false");
    set_option(config, "temp_directory", temp_folder);
    if (engine->config.threads > 0) {
        snprintf(number, sizeof number, "%lld", (long long)engine->config.threads);
        set_option(config, "threads", number);
    }
    if (engine->config.memory_bytes_max > 0) {
        snprintf(number, sizeof number, "%lldB", (long long)engine->config.memory_bytes_max);
        set_option(config, "memory_limit", number);
    }
    if (duckdb_open_ext(NULL, database, config, &message) != DuckDBSuccess) {
        rc = pn_err_fatal(e, "DuckDB does not start: %s", message);
        duckdb_free(message);
    }
    duckdb_destroy_config(&config);
    return rc;
}

/* The order of rows in a file is nobody's business, so loads need not keep it. What is read from
 * files is not kept in memory: the system does that, and a compaction would fill it with files that
 * are about to go. */
static const char WORK_SETTINGS[] = "SET GLOBAL TimeZone = 'UTC';"
                                    "SET GLOBAL enable_external_file_cache = false;"
                                    "SET GLOBAL preserve_insertion_order = false";

/* What SQL reads of its run, and the pipeline's functions. */
static int run_prelude(struct pn_duckdb *engine, duckdb_connection connection, struct pn_err *e)
{
    int rc = engine->pipeline != NULL ? pn_duckdb_add_run_macros(engine, connection, e) : 0;
    if (rc != 0 || engine->pipeline == NULL || engine->pipeline->prelude_duckdb[0] == '\0') {
        return rc;
    }
    rc = pn_duckdb_run(connection, engine->pipeline->prelude_duckdb, NULL, e);
    if (rc != 0) {
        pn_err_prefix(e, "%s/prelude/duckdb.sql", engine->pipeline->folder);
    }
    return rc;
}

/* It is still open to files: pn_duckdb_limit_ask() closes it. */
static int prepare_ask(struct pn_duckdb *engine, struct pn_err *e)
{
    duckdb_connection connection = NULL;
    if (duckdb_connect(engine->ask, &connection) != DuckDBSuccess) {
        return pn_err_fatal(e, "cannot open a DuckDB connection");
    }
    int rc = pn_duckdb_run(
        connection, "SET GLOBAL TimeZone = 'UTC'; SET GLOBAL errors_as_json = true", NULL, e);
    if (rc == 0) {
        rc = run_prelude(engine, connection, e);
    }
    duckdb_disconnect(&connection);
    engine->ask_is_limited = false;
    return rc;
}

static int prepare_work(struct pn_duckdb *engine, struct pn_err *e)
{
    duckdb_connection connection = NULL;
    if (duckdb_connect(engine->work, &connection) != DuckDBSuccess) {
        return pn_err_fatal(e, "cannot open a DuckDB connection");
    }
    int rc = pn_duckdb_run(connection, WORK_SETTINGS, NULL, e);
    for (size_t i = 0; rc == 0 && engine->functions[i] != NULL; i++) {
        rc = pn_duckdb_register(engine, connection, engine->functions[i], e);
    }
    if (rc == 0) {
        rc = run_prelude(engine, connection, e);
    }
    duckdb_disconnect(&connection);
    return rc;
}

/* One of the two instances. */
struct instance {
    pthread_mutex_t *lock; /* so that both can be opened at the same time */
    duckdb_database *database;
    struct pn_duckdb_views *views;
    int (*prepare)(struct pn_duckdb *engine, struct pn_err *e);
};

static int open_instance(struct pn_duckdb *engine, const struct instance *instance,
                         struct pn_err *e)
{
    int rc = open_database(engine, instance->database, e);
    if (rc == 0) {
        rc = instance->prepare(engine, e);
        if (rc != 0) {
            duckdb_close(instance->database);
        }
    }
    return rc;
}

/* After a fatal error in a statement of anybody's, an instance refuses all others. */
static bool is_dead(duckdb_connection connection)
{
    struct pn_err e = {.msg = ""};
    return pn_duckdb_run(connection, "SELECT 1", NULL, &e) != 0 && pn_duckdb_is_invalidated(e.msg);
}

/* Those who have a connection to it keep what is left of it until they let go. */
static int open_anew(struct pn_duckdb *engine, const struct instance *instance, struct pn_err *e)
{
    duckdb_close(instance->database);
    atomic_store(&instance->views->lost, true);
    return open_instance(engine, instance, e);
}

static int connect_to(struct pn_duckdb *engine, const struct instance *instance,
                      duckdb_connection *connection, struct pn_err *e)
{
    pthread_mutex_lock(instance->lock);
    int rc = *instance->database == NULL ? open_instance(engine, instance, e) : 0;
    for (bool tried = false; rc == 0; tried = true) {
        if (duckdb_connect(*instance->database, connection) != DuckDBSuccess) {
            rc = pn_err_fatal(e, "cannot open a DuckDB connection");
        } else if (!tried && is_dead(*connection)) {
            duckdb_disconnect(connection);
            pn_logger_warn(engine->logger, "engine", "DuckDB is reopened after a fatal error");
            rc = open_anew(engine, instance, e);
            continue;
        }
        break;
    }
    pthread_mutex_unlock(instance->lock);
    return rc;
}

int pn_duckdb_connect_work(struct pn_duckdb *engine, duckdb_connection *connection,
                           struct pn_err *e)
{
    const struct instance work = {&engine->work_lock, &engine->work, &engine->work_views,
                                  prepare_work};
    return connect_to(engine, &work, connection, e);
}

static struct instance ask_instance(struct pn_duckdb *engine)
{
    return (struct instance){&engine->ask_lock, &engine->ask, &engine->ask_views, prepare_ask};
}

int pn_duckdb_connect_ask(struct pn_duckdb *engine, duckdb_connection *connection, struct pn_err *e)
{
    const struct instance ask = ask_instance(engine);
    return connect_to(engine, &ask, connection, e);
}

int pn_duckdb_connect_limited(struct pn_duckdb *engine, duckdb_connection *connection,
                              struct pn_err *e)
{
    pthread_mutex_lock(&engine->ask_lock);
    bool connected =
        engine->ask_is_limited && duckdb_connect(engine->ask, connection) == DuckDBSuccess;
    pthread_mutex_unlock(&engine->ask_lock);
    return connected ? 0 : pn_err_fatal(e, "cannot open a DuckDB connection");
}

/* What the instance may open, and no setting any more. (allow.h has what a SELECT may name.) */
static int close_ask(struct pn_duckdb *engine, duckdb_connection connection, struct pn_err *e)
{
    char *folder = NULL;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = 0;
    if (pn_store_is_local(engine->store)) {
        pn_buf_adds(&sql, "SET GLOBAL allowed_paths = ");
        pn_duckdb_reach_list(&engine->ask_reach, &sql);
    } else {
        rc = pn_duckdb_folder_path(engine, "", &folder, e);
        pn_buf_adds(&sql, "SET GLOBAL allowed_directories = [");
        pn_duckdb_add_text(&sql, rc == 0 ? folder : "");
        pn_buf_addc(&sql, ']');
    }
    /* Whether a connection knows its progress is a setting of its own, and no connection can change
     * one once they are locked: this connection is the first query's. */
    pn_buf_adds(&sql, "; SET GLOBAL enable_external_access = false;"
                      "SET enable_progress_bar = true; SET enable_progress_bar_print = false;"
                      "SET GLOBAL lock_configuration = true");
    if (rc == 0) {
        rc = pn_duckdb_run_buf(connection, &sql, NULL, e);
    }
    pn_buf_deinit(&sql);
    free(folder);
    return rc;
}

/* An instance that is closed can't be opened again: a new one takes its place. */
static int reopen_ask(struct pn_duckdb *engine, duckdb_connection *connection, struct pn_err *e)
{
    const struct instance ask = ask_instance(engine);
    duckdb_disconnect(connection);
    int rc = open_anew(engine, &ask, e);
    if (rc == 0 && duckdb_connect(engine->ask, connection) != DuckDBSuccess) {
        rc = pn_err_fatal(e, "cannot open a DuckDB connection");
    }
    return rc;
}

bool pn_duckdb_should_widen(struct pn_duckdb *engine, struct pn_duckdb_reach *reach, bool in_turn)
{
    pn_duckdb_reach_sort(reach);
    pthread_mutex_lock(&engine->ask_lock);
    bool should_widen =
        (in_turn || engine->ask_is_limited) && !pn_duckdb_reach_covers(&engine->ask_reach, reach);
    pthread_mutex_unlock(&engine->ask_lock);
    return should_widen;
}

int pn_duckdb_limit_ask(struct pn_duckdb *engine, duckdb_connection *connection,
                        struct pn_duckdb_reach *reach, struct pn_err *e)
{
    int rc = 0;
    pthread_mutex_lock(&engine->ask_lock);
    pn_duckdb_reach_sort(reach);
    if (engine->ask_is_limited && pn_duckdb_reach_covers(&engine->ask_reach, reach)) {
        goto out;
    }
    if (engine->ask_is_limited) {
        rc = reopen_ask(engine, connection, e);
    }
    if (rc == 0) {
        pn_duckdb_reach_merge(&engine->ask_reach, reach);
        rc = close_ask(engine, *connection, e);
        engine->ask_is_limited = rc == 0;
    }
out:
    pthread_mutex_unlock(&engine->ask_lock);
    return rc;
}

void pn_duckdb_close(struct pn_duckdb *engine)
{
    struct pn_err e;
    duckdb_close(&engine->ask);
    duckdb_close(&engine->work);
    if (engine->temp_folder != NULL &&
        pn_io_remove_tree(engine->config.io, engine->temp_folder, &e) != 0) {
        pn_logger_warn(engine->logger, "engine", "%s", e.msg);
    }
    pn_file_cache_destroy(&engine->copies);
    pn_file_shelf_destroy(&engine->shelf);
    pn_duckdb_reach_deinit(&engine->ask_reach);
    free(engine->temp_folder);
    engine->temp_folder = NULL;
}
