/* The database of what was sent. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "letters/internal.h"

enum { BUSY_MS = 10000 };

static int fail(struct pn_letters *letters, struct pn_err *e)
{
    int code = sqlite3_errcode(letters->sqlite);
    enum pn_class class_ = code == SQLITE_BUSY || code == SQLITE_FULL        ? PN_CLASS_RETRY
                           : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? PN_CLASS_CORRUPT
                                                                             : PN_CLASS_FATAL;
    return pn_err_set(e, class_, PN_FAIL, "%s: %s", letters->path, sqlite3_errmsg(letters->sqlite));
}

/* Every commit is durable, so that no record is appended without its intent. */
static int open_book(struct pn_letters *letters, struct pn_err *e)
{
    if (letters->sqlite != NULL) {
        return 0;
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    bool ok = sqlite3_open_v2(letters->path, &letters->sqlite, flags, NULL) == SQLITE_OK &&
              sqlite3_busy_timeout(letters->sqlite, BUSY_MS) == SQLITE_OK &&
              sqlite3_exec(letters->sqlite,
                           "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                           "CREATE TABLE IF NOT EXISTS sent (id TEXT PRIMARY KEY,"
                           " origin TEXT NOT NULL, partition INTEGER NOT NULL,"
                           " from_offset INTEGER NOT NULL, \"offset\" INTEGER,"
                           " sent_ms INTEGER NOT NULL, edited INTEGER NOT NULL) WITHOUT ROWID",
                           NULL, NULL, NULL) == SQLITE_OK;
    if (!ok) {
        int rc = fail(letters, e);
        (void)sqlite3_close(letters->sqlite);
        letters->sqlite = NULL;
        return rc;
    }
    return 0;
}

int pn_letters_read(struct pn_letters *letters, const char *id, bool *is_known,
                    struct pn_letter_sent *sent, int64_t *from, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = open_book(letters, e);
    *is_known = false;
    if (rc != 0) {
        return rc;
    }
    int step = sqlite3_prepare_v2(letters->sqlite,
                                  "SELECT origin, partition, from_offset, \"offset\", sent_ms,"
                                  " edited FROM sent WHERE id = ?1",
                                  -1, &statement, NULL);
    if (step == SQLITE_OK) {
        step = sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
    }
    if (step == SQLITE_OK) {
        step = sqlite3_step(statement);
    }
    if (step == SQLITE_ROW) {
        *is_known = true;
        (void)snprintf(sent->origin, sizeof sent->origin, "%s",
                       (const char *)sqlite3_column_text(statement, 0));
        sent->partition = sqlite3_column_int(statement, 1);
        *from = sqlite3_column_int64(statement, 2);
        sent->offset = sqlite3_column_type(statement, 3) == SQLITE_NULL
                           ? -1
                           : sqlite3_column_int64(statement, 3);
        sent->sent_ms = sqlite3_column_int64(statement, 4);
        sent->is_edited = sqlite3_column_int(statement, 5) != 0;
    } else if (step != SQLITE_DONE) {
        rc = fail(letters, e);
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

/* Runs a statement without rows; a text is ?1, the numbers are what follows. */
static int run(struct pn_letters *letters, const char *sql, const char *id, const char *origin,
               const int64_t *numbers, int count, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(letters->sqlite, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK && origin != NULL) {
        rc = sqlite3_bind_text(statement, 2, origin, -1, SQLITE_STATIC);
    }
    for (int i = 0; rc == SQLITE_OK && i < count; i++) {
        rc = sqlite3_bind_int64(statement, i + (origin != NULL ? 3 : 2), numbers[i]);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    rc = rc == SQLITE_DONE ? 0 : fail(letters, e);
    (void)sqlite3_finalize(statement);
    return rc;
}

int pn_letters_intend(struct pn_letters *letters, const struct pn_letter *letter,
                      const struct pn_letter_intent *intent, struct pn_err *e)
{
    const int64_t numbers[] = {intent->partition, intent->from, pn_wall_ms(letters->clock),
                               letter->is_edited};
    return run(letters,
               "INSERT OR REPLACE INTO sent (id, origin, partition, from_offset, sent_ms, edited)"
               " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
               letter->id, letter->origin, numbers, 4, e);
}

int pn_letters_note_sent(struct pn_letters *letters, const char *id, int64_t offset,
                         struct pn_err *e)
{
    return run(letters, "UPDATE sent SET \"offset\" = ?2 WHERE id = ?1", id, NULL, &offset, 1, e);
}

/* --- the whole -------------------------------------------------------------------------------- */

struct pn_letters *pn_letters_create(const char *path, struct pn_log *topics,
                                     struct pn_kinesis *kinesis, const struct pn_clock *clock)
{
    struct pn_letters *letters = pn_xcalloc(1, sizeof *letters);
    letters->path = pn_xstrdup(path);
    letters->topics = topics;
    letters->kinesis = kinesis;
    letters->clock = clock;
    pthread_mutex_init(&letters->lock, NULL);
    return letters;
}

void pn_letters_destroy(struct pn_letters **letters)
{
    struct pn_letters *gone = *letters;
    if (gone == NULL) {
        return;
    }
    (void)sqlite3_close(gone->sqlite);
    pthread_mutex_destroy(&gone->lock);
    free(gone->path);
    free(gone);
    *letters = NULL;
}

int pn_letters_find(struct pn_letters *letters, const char *id, const char *old_id, bool *is_known,
                    struct pn_letter_sent *sent, struct pn_err *e)
{
    int64_t from = 0;
    pthread_mutex_lock(&letters->lock);
    int rc = pn_letters_read(letters, id, is_known, sent, &from, e);
    if (rc == 0 && !*is_known && old_id != NULL) {
        rc = pn_letters_read(letters, old_id, is_known, sent, &from, e);
    }
    pthread_mutex_unlock(&letters->lock);
    return rc;
}
