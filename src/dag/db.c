/* The database, opened to write or only to look. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "dag/db_internal.h"

enum { BUSY_MS = 10000, URI_BYTES_MAX = 16 * 1024 };

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
    rc = pn_dag_db_make_schema(opened, e);
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
    int rc = pn_dag_db_version(db, &version, e);
    if (rc == 0 && version != PN_DAG_SCHEMA_VERSION) {
        rc = pn_err_input(e, "%s has the schema %d, and this pinion reads %d: %s", db->path,
                          version, PN_DAG_SCHEMA_VERSION,
                          version < PN_DAG_SCHEMA_VERSION
                              ? "any pinion command of a user who may write there updates it"
                              : "update pinion");
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

/* *writable is true when all is as it should be, and the database can be opened as it is. */
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
