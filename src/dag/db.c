/* The database: its schema, and the small helpers over SQLite. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "dag/db_internal.h"

enum { BUSY_MS = 10000, SCHEMA_VERSION = 1, URI_BYTES_MAX = 16 * 1024 };

static const char *const SCHEMA =
    "CREATE TABLE run("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, dag TEXT NOT NULL, run_id TEXT NOT NULL,"
    " state TEXT NOT NULL, cancel_asked INTEGER NOT NULL DEFAULT 0,"
    " queued_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL DEFAULT 0,"
    " ended_ms INTEGER NOT NULL DEFAULT 0, UNIQUE(dag, run_id));"
    "CREATE INDEX run_by_state ON run(state);"
    "CREATE TABLE task("
    " run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, task TEXT NOT NULL,"
    " position INTEGER NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0,"
    " started_ms INTEGER NOT NULL DEFAULT 0, ended_ms INTEGER NOT NULL DEFAULT 0,"
    " next_ms INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(run, task)) WITHOUT ROWID;"
    "CREATE TABLE attempt("
    " run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, task TEXT NOT NULL,"
    " number INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0,"
    " pid INTEGER NOT NULL DEFAULT 0, pid_start INTEGER NOT NULL DEFAULT 0,"
    " exit_code INTEGER NOT NULL DEFAULT 0, outcome TEXT NOT NULL, log TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY(run, task, number)) WITHOUT ROWID;"
    "PRAGMA user_version = 1;";

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

int pn_dag_db_end(struct pn_dag_db *db, int rc, struct pn_err *e)
{
    if (rc == 0) {
        rc = pn_dag_db_exec(db, "COMMIT", e);
    }
    if (rc != 0) {
        (void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
    return rc;
}

static int schema_version(struct pn_dag_db *db, int *version, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e, "PRAGMA user_version", "");
    if (rc == 0) {
        if (sqlite3_step(statement) == SQLITE_ROW) {
            *version = sqlite3_column_int(statement, 0);
        } else {
            rc = pn_dag_db_error(db, e);
        }
    }
    sqlite3_finalize(statement);
    return rc;
}

/* Two processes may open a new folder at once: the check is made again under the write lock. */
static int make_schema(struct pn_dag_db *db, struct pn_err *e)
{
    int version = 0;
    int rc = schema_version(db, &version, e);
    if (rc != 0 || version == SCHEMA_VERSION) {
        return rc;
    }
    if (version > SCHEMA_VERSION) {
        return pn_err_input(e, "%s was written by a newer pinion (schema %d): update pinion",
                            db->path, version);
    }
    rc = pn_dag_db_exec(db, "BEGIN IMMEDIATE", e);
    if (rc != 0) {
        return rc;
    }
    rc = schema_version(db, &version, e);
    if (rc == 0 && version == 0) {
        rc = pn_dag_db_exec(db, SCHEMA, e);
    }
    return pn_dag_db_end(db, rc, e);
}

int pn_dag_db_open(const char *path, struct pn_dag_db **db, struct pn_err *e)
{
    struct pn_dag_db *opened = pn_xcalloc(1, sizeof *opened);
    opened->path = pn_xstrdup(path);
    int rc = 0;
    if (sqlite3_open_v2(path, &opened->sqlite,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        rc = pn_dag_db_error(opened, e);
        goto out;
    }
    (void)sqlite3_busy_timeout(opened->sqlite, BUSY_MS);
    rc = pn_dag_db_exec(opened,
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                        "PRAGMA foreign_keys = ON;",
                        e);
    if (rc != 0) {
        goto out;
    }
    rc = make_schema(opened, e);
    if (rc != 0) {
        goto out;
    }
    *db = opened;
    opened = NULL;
out:
    pn_dag_db_close(&opened);
    return rc;
}

/* --- reading where nothing can be written --------------------------------------------------------
 *
 * SQLite keeps two files beside a database in WAL mode while somebody has it open. Where it can't
 * make them, and nobody has, the database file is all there is: it is read as it stands. */

static int check_schema(struct pn_dag_db *db, struct pn_err *e)
{
    int version = 0;
    int rc = schema_version(db, &version, e);
    if (rc == 0 && version != SCHEMA_VERSION) {
        rc = pn_err_input(e, "%s has the schema %d, and this pinion reads %d", db->path, version,
                          SCHEMA_VERSION);
    }
    return rc;
}

/* The path as a URI of SQLite's. Caller frees. */
static char *immutable_uri(const char *path)
{
    struct pn_buf uri;
    pn_buf_init(&uri, URI_BYTES_MAX);
    pn_buf_adds(&uri, "file:");
    for (; *path != '\0'; path++) {
        if (strchr("?#%", *path) != NULL) {
            pn_buf_addf(&uri, "%%%02X", (unsigned)(unsigned char)*path);
        } else {
            pn_buf_addc(&uri, *path);
        }
    }
    pn_buf_adds(&uri, "?immutable=1");
    char *text = pn_xstrdup(pn_buf_text(&uri));
    pn_buf_deinit(&uri);
    return text;
}

static int reopen_immutable(struct pn_dag_db *db, struct pn_err *e)
{
    char *uri = immutable_uri(db->path);
    (void)sqlite3_close(db->sqlite);
    db->sqlite = NULL;
    int rc = sqlite3_open_v2(uri, &db->sqlite,
                             SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    free(uri);
    return rc != SQLITE_OK ? pn_dag_db_error(db, e) : check_schema(db, e);
}

/* *writable tells that all is as it should be, and the database is to be opened like that. */
static int open_to_read(struct pn_dag_db *db, bool *writable, struct pn_err *e)
{
    struct pn_err why = {0};
    /* SQLite itself falls back to reading when it may not write. */
    if (sqlite3_open_v2(db->path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        return pn_dag_db_error(db, e);
    }
    *writable = sqlite3_db_readonly(db->sqlite, "main") != 1;
    if (*writable) {
        return 0;
    }
    (void)sqlite3_busy_timeout(db->sqlite, BUSY_MS);
    int rc = check_schema(db, &why);
    int code = sqlite3_errcode(db->sqlite);
    if (rc != 0 && (code == SQLITE_CANTOPEN || code == SQLITE_READONLY)) {
        return reopen_immutable(db, e);
    }
    pn_err_copy(e, &why);
    return rc;
}

int pn_dag_db_look(const char *path, struct pn_dag_db **db, struct pn_err *e)
{
    struct pn_dag_db *opened = pn_xcalloc(1, sizeof *opened);
    bool writable = false;
    opened->path = pn_xstrdup(path);
    int rc = open_to_read(opened, &writable, e);
    if (rc == 0 && !writable) {
        *db = opened;
        return 0;
    }
    pn_dag_db_close(&opened);
    return rc != 0 ? rc : pn_dag_db_open(path, db, e);
}

void pn_dag_db_close(struct pn_dag_db **db)
{
    if (*db == NULL) {
        return;
    }
    (void)sqlite3_close((*db)->sqlite);
    free((*db)->path);
    free(*db);
    *db = NULL;
}
