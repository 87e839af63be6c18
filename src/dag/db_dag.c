/* What a DAG is besides its definition: paused or not, how far its schedule is, what it skipped. */
#include "dag/db_internal.h"

enum { SKIPS_KEPT = 1000 };

int pn_dag_db_dag(struct pn_dag_db *db, const char *dag, struct pn_dag_status *status,
                  struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    *status = (struct pn_dag_status){.tick_ms = PN_TIME_NONE};
    int rc = pn_dag_db_prepare(
        db, &statement, e, "SELECT paused, paused_ms, tick_ms FROM dag WHERE dag = ?1", "t", dag);
    if (rc != 0) {
        return rc;
    }
    int row = pn_dag_db_next(db, statement, e);
    if (row == 1) {
        status->paused = sqlite3_column_int(statement, 0) != 0;
        status->paused_ms = sqlite3_column_int64(statement, 1);
        status->tick_ms = pn_dag_db_time(statement, 2);
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

int pn_dag_db_pause(struct pn_dag_db *db, const char *dag, bool paused, const char *who,
                    int64_t now_ms, bool *changed, struct pn_err *e)
{
    struct pn_dag_status status;
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_dag_db_dag(db, dag, &status, e);
    *changed = rc == 0 && status.paused != paused;
    if (*changed) {
        rc = pn_dag_db_run_sql(db, NULL, e,
                               "INSERT INTO dag(dag, paused, paused_ms) VALUES (?1, ?2, ?3)"
                               " ON CONFLICT DO UPDATE SET paused = ?2, paused_ms = ?3",
                               "tii", dag, (int64_t)paused, paused ? now_ms : 0);
        const struct pn_audit audit = {
            .at_ms = now_ms, .who = who, .what = paused ? "pause" : "unpause", .dag = dag};
        rc = rc == 0 ? pn_dag_db_audit(db, &audit, e) : rc;
    }
    return pn_dag_db_end(db, rc, e);
}

int pn_dag_db_tick(struct pn_dag_db *db, const char *dag, int64_t tick_ms, struct pn_err *e)
{
    return pn_dag_db_run_sql(db, NULL, e,
                             "INSERT INTO dag(dag, tick_ms) VALUES (?1, ?2)"
                             " ON CONFLICT DO UPDATE SET tick_ms = ?2",
                             "ti", dag, tick_ms);
}

int pn_dag_db_skip(struct pn_dag_db *db, const struct pn_skip *skip, struct pn_err *e)
{
    int rc = pn_dag_db_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_dag_db_run_sql(db, NULL, e,
                           "INSERT INTO skip(dag, first_ms, last_ms, count, reason, at_ms)"
                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                           "tiiiti", skip->dag, skip->first_ms, skip->last_ms, skip->count,
                           skip->reason, skip->at_ms);
    if (rc == 0) {
        rc = pn_dag_db_run_sql(
            db, NULL, e,
            "DELETE FROM skip WHERE dag = ?1 AND id <= (SELECT id FROM skip WHERE dag = ?1"
            " ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            "ti", skip->dag, (int64_t)SKIPS_KEPT);
    }
    return pn_dag_db_end(db, rc, e);
}

#define SKIP_COLUMNS "id, dag, first_ms, last_ms, count, reason, at_ms"

int pn_dag_db_skips(struct pn_dag_db *db, const char *dag, int64_t limit, struct pn_arena *arena,
                    struct pn_skip **rows, size_t *count, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(
        db, &statement, e,
        dag != NULL ? "SELECT " SKIP_COLUMNS " FROM skip WHERE dag = ?1 ORDER BY id DESC LIMIT ?2"
                    : "SELECT " SKIP_COLUMNS " FROM skip WHERE id >= 0 ORDER BY id DESC LIMIT ?2",
        "ti", dag, limit);
    if (rc != 0) {
        return rc;
    }
    *rows = NULL;
    *count = 0;
    size_t capacity = 0;
    int row = 0;
    while ((row = pn_dag_db_next(db, statement, e)) == 1) {
        *rows = pn_dag_db_room(arena, *rows, *count, &capacity, sizeof **rows);
        (*rows)[(*count)++] = (struct pn_skip){
            .id = sqlite3_column_int64(statement, 0),
            .dag = pn_dag_db_text(statement, 1, arena),
            .first_ms = sqlite3_column_int64(statement, 2),
            .last_ms = sqlite3_column_int64(statement, 3),
            .count = sqlite3_column_int64(statement, 4),
            .reason = pn_dag_db_text(statement, 5, arena),
            .at_ms = sqlite3_column_int64(statement, 6),
        };
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}
