/* Statements, their errors, and the quoting of what goes into them. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "engine/duckdb/private.h"

int pn_duckdb_fail_prepared(struct pn_err *e, duckdb_prepared_statement statement)
{
    return pn_duckdb_fail(e, duckdb_prepare_error(statement));
}

int pn_duckdb_run(duckdb_connection connection, const char *sql, duckdb_result *result,
                  struct pn_err *e)
{
    duckdb_result own;
    duckdb_result *at = result == NULL ? &own : result;
    int rc = 0;
    bool failed = duckdb_query(connection, sql, at) != DuckDBSuccess;
    if (failed) {
        rc = pn_duckdb_fail(e, duckdb_result_error(at));
    }
    if (failed || result == NULL) {
        duckdb_destroy_result(at);
    }
    return rc;
}

int pn_duckdb_run_buf(duckdb_connection connection, const struct pn_buf *sql, duckdb_result *result,
                      struct pn_err *e)
{
    int rc = pn_buf_check(sql, "a statement for DuckDB", e);
    return rc != 0 ? rc : pn_duckdb_run(connection, pn_buf_text(sql), result, e);
}

/* What ends a statement before it is done, and what is done beside it. */
struct ending {
    duckdb_connection connection;
    const atomic_bool *stop;    /* NULL: nothing */
    struct pn_writeback *write; /* NULL: the statement writes no file */
};

/* DuckDB's threads see an interrupt between two of their tasks, and this one between two of its. */
static void end_when_asked(struct ending *ending)
{
    if (ending->stop != NULL && atomic_load(ending->stop)) {
        duckdb_interrupt(ending->connection);
        ending->stop = NULL; /* once is enough */
    }
}

/* DuckDB's own loop spins while other threads have the work: this one lets them have the core. */
static int execute(duckdb_pending_result pending, struct ending ending, duckdb_result *result,
                   const struct pn_duckdb_said *said, struct pn_err *e)
{
    for (;;) {
        end_when_asked(&ending);
        if (ending.write != NULL) {
            pn_writeback_go_on(ending.write);
        }
        duckdb_pending_state state = duckdb_pending_execute_task(pending);
        if (state == DUCKDB_PENDING_ERROR) {
            return pn_duckdb_fail_in(e, duckdb_pending_error(pending), said);
        }
        if (duckdb_pending_execution_is_finished(state)) {
            break;
        }
        if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) {
            sched_yield();
        }
    }
    if (duckdb_execute_pending(pending, result) != DuckDBSuccess) {
        int rc = pn_duckdb_fail_in(e, duckdb_result_error(result), said);
        duckdb_destroy_result(result);
        return rc;
    }
    return 0;
}

static int execute_until(duckdb_prepared_statement statement, bool streaming, struct ending ending,
                         duckdb_result *result, const struct pn_duckdb_said *said, struct pn_err *e)
{
    duckdb_pending_result pending = NULL;
    duckdb_state state = streaming ? duckdb_pending_prepared_streaming(statement, &pending)
                                   : duckdb_pending_prepared(statement, &pending);
    int rc = state == DuckDBSuccess ? execute(pending, ending, result, said, e)
                                    : pn_duckdb_fail_in(e, duckdb_pending_error(pending), said);
    duckdb_destroy_pending(&pending);
    return rc;
}

int pn_duckdb_execute(duckdb_prepared_statement statement, duckdb_result *result, struct pn_err *e)
{
    return execute_until(statement, false, (struct ending){.stop = NULL}, result, NULL, e);
}

int pn_duckdb_stream(duckdb_connection connection, duckdb_prepared_statement statement,
                     const atomic_bool *stop, duckdb_result *result,
                     const struct pn_duckdb_said *said, struct pn_err *e)
{
    const struct ending ending = {.connection = connection, .stop = stop};
    return execute_until(statement, true, ending, result, said, e);
}

static int run_until(const struct pn_buf *sql, struct ending ending, duckdb_result *result,
                     struct pn_err *e)
{
    duckdb_prepared_statement statement = NULL;
    int rc = pn_buf_check(sql, "a statement for DuckDB", e);
    if (rc != 0) {
        return rc;
    }
    if (duckdb_prepare(ending.connection, pn_buf_text(sql), &statement) != DuckDBSuccess) {
        rc = pn_duckdb_fail_prepared(e, statement);
    } else {
        rc = execute_until(statement, false, ending, result, NULL, e);
    }
    duckdb_destroy_prepare(&statement);
    return rc;
}

int pn_duckdb_run_long(duckdb_connection connection, const struct pn_buf *sql,
                       const atomic_bool *stop, duckdb_result *result, struct pn_err *e)
{
    const struct ending ending = {.connection = connection, .stop = stop};
    return run_until(sql, ending, result, e);
}

int pn_duckdb_run_copy(struct pn_duckdb *engine, duckdb_connection connection,
                       const struct pn_buf *sql, const char *path, duckdb_result *result,
                       struct pn_err *e)
{
    struct pn_writeback write = {.io = engine->config.io, .clock = engine->clock, .path = path};
    const struct ending ending = {
        .connection = connection, .stop = &engine->interrupted, .write = &write};
    int rc = run_until(sql, ending, result, e);
    if (rc == 0) {
        write.next_ns = 0; /* the last of it, too */
        pn_writeback_go_on(&write);
    }
    return rc;
}

static void add_quoted(struct pn_buf *sql, const char *text, char quote)
{
    pn_buf_addc(sql, quote);
    for (; *text != '\0'; text++) {
        if (*text == quote) {
            pn_buf_addc(sql, quote);
        }
        pn_buf_addc(sql, *text);
    }
    pn_buf_addc(sql, quote);
}

void pn_duckdb_add_text(struct pn_buf *sql, const char *text)
{
    add_quoted(sql, text, '\'');
}

void pn_duckdb_add_name(struct pn_buf *sql, const char *name)
{
    add_quoted(sql, name, '"');
}

void pn_duckdb_add_path(struct pn_buf *sql, const char *path)
{
    if (strchr(path, '\\') != NULL) {
        pn_duckdb_add_text(sql, path);
        return;
    }
    pn_buf_addc(sql, '\'');
    for (; *path != '\0'; path++) {
        switch (*path) {
        case '*':
        case '?':
        case '[':
            pn_buf_addf(sql, "[%c]", *path);
            break;
        case '\'':
            pn_buf_adds(sql, "''");
            break;
        default:
            pn_buf_addc(sql, *path);
            break;
        }
    }
    pn_buf_addc(sql, '\'');
}

bool pn_duckdb_is_null(duckdb_vector vector, idx_t row)
{
    uint64_t *validity = duckdb_vector_get_validity(vector);
    return validity != NULL && !duckdb_validity_row_is_valid(validity, row);
}

bool pn_duckdb_text(duckdb_vector vector, idx_t row, const char **text, size_t *len)
{
    if (pn_duckdb_is_null(vector, row)) {
        return false;
    }
    duckdb_string_t *strings = duckdb_vector_get_data(vector);
    *text = duckdb_string_t_data(&strings[row]);
    *len = duckdb_string_t_length(strings[row]);
    return true;
}
