/* The small helpers over SQLite. */
#include <stdarg.h>
#include <string.h>

#include "dag/db_internal.h"

int pn_dag_db_error(struct pn_dag_db *db, struct pn_err *e)
{
    int code = sqlite3_extended_errcode(db->sqlite);
    enum pn_class class_ = PN_CLASS_FATAL;
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
        class_ = PN_CLASS_RETRY;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        class_ = PN_CLASS_CORRUPT;
        break;
    case SQLITE_CONSTRAINT:
        class_ = PN_CLASS_CONFLICT;
        break;
    default:
        break;
    }
    return pn_err_set(e, class_, PN_FAIL, "%s: %s", db->path, sqlite3_errmsg(db->sqlite));
}

int pn_dag_db_exec(struct pn_dag_db *db, const char *sql, struct pn_err *e)
{
    if (sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return pn_dag_db_error(db, e);
    }
    return 0;
}

static int prepare(struct pn_dag_db *db, sqlite3_stmt **statement, struct pn_err *e,
                   const char *sql, const char *types, va_list args)
{
    *statement = NULL;
    int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, statement, NULL);
    for (int i = 0; rc == SQLITE_OK && types[i] != '\0'; i++) {
        if (types[i] == 'i') {
            rc = sqlite3_bind_int64(*statement, i + 1, va_arg(args, int64_t));
        } else if (types[i] == 'n') {
            int64_t value = va_arg(args, int64_t);
            rc = value == PN_TIME_NONE ? sqlite3_bind_null(*statement, i + 1)
                                       : sqlite3_bind_int64(*statement, i + 1, value);
        } else {
            PN_ASSERT(types[i] == 't');
            rc =
                sqlite3_bind_text(*statement, i + 1, va_arg(args, const char *), -1, SQLITE_STATIC);
        }
    }
    if (rc != SQLITE_OK) {
        rc = pn_dag_db_error(db, e);
        sqlite3_finalize(*statement);
        *statement = NULL;
    }
    return rc;
}

int pn_dag_db_prepare(struct pn_dag_db *db, sqlite3_stmt **statement, struct pn_err *e,
                      const char *sql, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    int rc = prepare(db, statement, e, sql, types, args);
    va_end(args);
    return rc;
}

int pn_dag_db_run_sql(struct pn_dag_db *db, int *changes, struct pn_err *e, const char *sql,
                      const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    va_list args;
    va_start(args, types);
    int rc = prepare(db, &statement, e, sql, types, args);
    va_end(args);
    if (rc == 0 && sqlite3_step(statement) != SQLITE_DONE) {
        rc = pn_dag_db_error(db, e);
    }
    if (rc == 0 && changes != NULL) {
        *changes = sqlite3_changes(db->sqlite);
    }
    sqlite3_finalize(statement);
    return rc;
}

int pn_dag_db_begin(struct pn_dag_db *db, struct pn_err *e)
{
    int rc = db->depth == 0 ? pn_dag_db_exec(db, "BEGIN IMMEDIATE", e) : 0;
    db->depth += rc == 0 ? 1 : 0;
    return rc;
}

int pn_dag_db_end(struct pn_dag_db *db, int rc, struct pn_err *e)
{
    PN_ASSERT(db->depth > 0);
    if (--db->depth > 0) {
        return rc;
    }
    if (rc == 0) {
        rc = pn_dag_db_exec(db, "COMMIT", e);
    }
    if (rc != 0) {
        (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
    return rc;
}

int pn_dag_db_next(struct pn_dag_db *db, sqlite3_stmt *statement, struct pn_err *e)
{
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        return 1;
    }
    if (rc == SQLITE_DONE) {
        return 0;
    }
    (void)pn_dag_db_error(db, e);
    return -1;
}

const char *pn_dag_db_text(sqlite3_stmt *statement, int column, struct pn_arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return pn_arena_strdup(arena, text != NULL ? text : "");
}

int64_t pn_dag_db_time(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? PN_TIME_NONE
               : sqlite3_column_int64(statement, column);
}

void *pn_dag_db_room(struct pn_arena *arena, void *array, size_t count, size_t *capacity,
                     size_t size)
{
    if (count < *capacity) {
        return array;
    }
    size_t grown = *capacity == 0 ? 16 : *capacity * 2;
    void *bigger = pn_arena_calloc(arena, grown, size);
    if (count > 0) {
        memcpy(bigger, array, count * size);
    }
    *capacity = grown;
    return bigger;
}

int pn_dag_db_swapped(int rc, int changes, const char *what, struct pn_err *e)
{
    if (rc == 0 && changes != 1) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL, "%s is no longer in the expected state",
                        what);
    }
    return rc;
}
