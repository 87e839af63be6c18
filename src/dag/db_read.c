/* What is read from the database: runs, their tasks, their attempts. */
#include <string.h>

#include "base/buf.h"
#include "dag/db_internal.h"

#define RUN_COLUMNS                                                                            \
    "id, dag, run_id, state, cancel_asked, queued_ms, started_ms, ended_ms, type, logical_ms," \
    " interval_start_ms, interval_end_ms, run_after_ms, conf, note, triggered_by,"             \
    " ifnull(backfill, 0), reason, notice, ifnull(version, 0)"

enum { SQL_BYTES_MAX = 2048 };

static int unknown_word(struct pn_dag_db *db, const char *what, const char *word, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s: unknown %s '%s'", db->path, what, word);
}

static int read_run(struct pn_dag_db *db, sqlite3_stmt *statement, struct pn_arena *arena,
                    struct pn_run *run, struct pn_err *e)
{
    const char *word = pn_dag_db_text(statement, 3, arena);
    int state = pn_run_state_parse(word);
    if (state < 0) {
        return unknown_word(db, "state", word, e);
    }
    word = pn_dag_db_text(statement, 8, arena);
    int type = pn_run_type_parse(word);
    if (type < 0) {
        return unknown_word(db, "type", word, e);
    }
    *run = (struct pn_run){
        .id = sqlite3_column_int64(statement, 0),
        .dag = pn_dag_db_text(statement, 1, arena),
        .run_id = pn_dag_db_text(statement, 2, arena),
        .state = (enum pn_run_state)state,
        .cancel_asked = sqlite3_column_int(statement, 4) != 0,
        .queued_ms = sqlite3_column_int64(statement, 5),
        .started_ms = sqlite3_column_int64(statement, 6),
        .ended_ms = sqlite3_column_int64(statement, 7),
        .type = (enum pn_run_type)type,
        .logical_ms = pn_dag_db_time(statement, 9),
        .interval_start_ms = pn_dag_db_time(statement, 10),
        .interval_end_ms = pn_dag_db_time(statement, 11),
        .run_after_ms = sqlite3_column_int64(statement, 12),
        .conf = pn_dag_db_text(statement, 13, arena),
        .note = pn_dag_db_text(statement, 14, arena),
        .triggered_by = pn_dag_db_text(statement, 15, arena),
        .backfill = sqlite3_column_int64(statement, 16),
        .reason = pn_dag_db_text(statement, 17, arena),
        .notice = pn_dag_db_text(statement, 18, arena),
        .version = sqlite3_column_int64(statement, 19),
    };
    return 0;
}

/* Reads the runs that a statement gives, and finalizes it. */
static int read_runs(struct pn_dag_db *db, sqlite3_stmt *statement, struct pn_arena *arena,
                     struct pn_run **runs, size_t *count, struct pn_err *e)
{
    *runs = NULL;
    *count = 0;
    size_t capacity = 0;
    int row = 0;
    int rc = 0;
    while (rc == 0 && (row = pn_dag_db_next(db, statement, e)) == 1) {
        *runs = pn_dag_db_room(arena, *runs, *count, &capacity, sizeof **runs);
        rc = read_run(db, statement, arena, &(*runs)[*count], e);
        *count += rc == 0 ? 1 : 0;
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : rc;
}

/* Each filter that is set is a term of its own, so that the planner sees which index serves it. */
int pn_dag_db_runs(struct pn_dag_db *db, const struct pn_run_filter *filter, struct pn_arena *arena,
                   struct pn_run **runs, size_t *count, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, SQL_BYTES_MAX);
    pn_buf_adds(&sql, "SELECT " RUN_COLUMNS " FROM run WHERE id < ?1");
    if (filter->dag != NULL) {
        pn_buf_adds(&sql, " AND dag = ?2");
    }
    if (filter->state != 0) {
        pn_buf_adds(&sql, " AND state = ?3");
    }
    if (filter->type != 0) {
        pn_buf_adds(&sql, " AND type = ?4");
    }
    if (filter->from_ms != 0) {
        pn_buf_adds(&sql, " AND queued_ms >= ?5");
    }
    if (filter->to_ms != 0) {
        pn_buf_adds(&sql, " AND queued_ms < ?6");
    }
    if (filter->text != NULL) {
        pn_buf_adds(&sql, " AND instr(lower(run_id || ' ' || note), lower(?7)) > 0");
    }
    pn_buf_adds(&sql, " ORDER BY id DESC LIMIT ?8 OFFSET ?9");
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(
        db, &statement, e, pn_buf_text(&sql), "itttiitii",
        filter->before_id != 0 ? filter->before_id : INT64_MAX, filter->dag,
        filter->state != 0 ? pn_run_state_name((enum pn_run_state)(filter->state - 1)) : NULL,
        filter->type != 0 ? pn_run_type_name((enum pn_run_type)(filter->type - 1)) : NULL,
        filter->from_ms, filter->to_ms, filter->text, filter->limit, filter->offset);
    pn_buf_deinit(&sql);
    return rc == 0 ? read_runs(db, statement, arena, runs, count, e) : rc;
}

int pn_dag_db_runs_by_id(struct pn_dag_db *db, const int64_t *ids, size_t *count,
                         struct pn_arena *arena, struct pn_run **runs, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    size_t found = 0;
    int row = 0;
    int rc =
        pn_dag_db_prepare(db, &statement, e, "SELECT " RUN_COLUMNS " FROM run WHERE id = ?1", "");
    *runs = pn_arena_calloc(arena, *count + 1, sizeof **runs);
    for (size_t i = 0; rc == 0 && i < *count; i++) {
        (void)sqlite3_reset(statement);
        (void)sqlite3_bind_int64(statement, 1, ids[i]);
        row = pn_dag_db_next(db, statement, e);
        rc = row == 1 ? read_run(db, statement, arena, &(*runs)[found], e) : row;
        found += row == 1 && rc == 0;
    }
    sqlite3_finalize(statement);
    *count = found;
    return rc;
}

int pn_dag_db_count_runs(struct pn_dag_db *db, const char *dag, int64_t counts[PN_RUN_STATES],
                         struct pn_err *e)
{
    memset(counts, 0, PN_RUN_STATES * sizeof *counts);
    sqlite3_stmt *statement = NULL;
    int rc = dag != NULL
                 ? pn_dag_db_prepare(db, &statement, e,
                                     "SELECT state, count FROM run_count WHERE dag = ?1", "t", dag)
                 : pn_dag_db_prepare(db, &statement, e,
                                     "SELECT state, count FROM run_count WHERE dag >= ''", "");
    if (rc != 0) {
        return rc;
    }
    int row = 0;
    while (rc == 0 && (row = pn_dag_db_next(db, statement, e)) == 1) {
        const char *word = (const char *)sqlite3_column_text(statement, 0);
        int state = pn_run_state_parse(word);
        if (state < 0) {
            rc = unknown_word(db, "state", word, e);
        } else {
            counts[state] += sqlite3_column_int64(statement, 1);
        }
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : rc;
}

int pn_dag_db_count_since(struct pn_dag_db *db, const char *dag, int64_t since_ms,
                          int64_t counts[PN_RUN_STATES], struct pn_err *e)
{
    memset(counts, 0, PN_RUN_STATES * sizeof *counts);
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT state, queued_ms FROM run WHERE dag = ?1"
                               " ORDER BY id DESC LIMIT ?2",
                               "ti", dag, (int64_t)PN_COUNT_SINCE_MAX);
    if (rc != 0) {
        return rc;
    }
    int row = 0;
    while ((row = pn_dag_db_next(db, statement, e)) == 1 &&
           sqlite3_column_int64(statement, 1) >= since_ms) {
        int state = pn_run_state_parse((const char *)sqlite3_column_text(statement, 0));
        if (state >= 0) {
            counts[state]++;
        }
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

int pn_dag_db_run(struct pn_dag_db *db, const char *dag, const char *run_id, struct pn_arena *arena,
                  struct pn_run *run, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = run_id != NULL ? pn_dag_db_prepare(db, &statement, e,
                                                "SELECT " RUN_COLUMNS
                                                " FROM run WHERE dag = ?1 AND run_id = ?2",
                                                "tt", dag, run_id)
                            : pn_dag_db_prepare(db, &statement, e,
                                                "SELECT " RUN_COLUMNS
                                                " FROM run WHERE dag = ?1 ORDER BY id DESC LIMIT 1",
                                                "t", dag);
    struct pn_run *found = NULL;
    size_t count = 0;
    if (rc == 0) {
        rc = read_runs(db, statement, arena, &found, &count, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (count > 0) {
        *run = found[0];
        return 0;
    }
    return run_id != NULL
               ? pn_err_missing(e, "no run '%s' of DAG '%s': `pinion dag runs %s` lists them",
                                run_id, dag, dag)
               : pn_err_missing(e, "DAG '%s' has no runs yet: `pinion dag trigger %s` starts one",
                                dag, dag);
}

/* When the next run of those that wait for their time may start. */
static int next_run_after(struct pn_dag_db *db, const char *dag, int64_t now_ms, int64_t *next_ms,
                          struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT ifnull(min(run_after_ms), 0) FROM run"
                               " WHERE dag = ?1 AND state = 'queued' AND run_after_ms > ?2",
                               "ti", dag, now_ms);
    if (rc != 0) {
        return rc;
    }
    int row = pn_dag_db_next(db, statement, e);
    *next_ms = row == 1 ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

int pn_dag_db_queued(struct pn_dag_db *db, const char *dag, int64_t now_ms, struct pn_arena *arena,
                     struct pn_run *run, bool *found, int64_t *next_ms, struct pn_err *e)
{
    static const char *const queries[] = {
        "SELECT " RUN_COLUMNS " FROM run WHERE dag = ?1 AND state = 'queued'"
        " AND run_after_ms <= ?2 AND backfill IS NULL ORDER BY id LIMIT 1",
        "SELECT " RUN_COLUMNS " FROM run WHERE dag = ?1 AND state = 'queued'"
        " AND run_after_ms <= ?2 AND backfill IS NOT NULL"
        " AND (SELECT state = 'running' AND active_runs_max > (SELECT count(*) FROM run AS other"
        "   WHERE other.backfill = run.backfill AND other.state = 'running')"
        "  FROM backfill WHERE id = run.backfill) ORDER BY id LIMIT 1",
    };
    struct pn_run *runs = NULL;
    size_t count = 0;
    int rc = next_run_after(db, dag, now_ms, next_ms, e);
    for (size_t i = 0; rc == 0 && i < 2 && count == 0; i++) {
        sqlite3_stmt *statement = NULL;
        rc = pn_dag_db_prepare(db, &statement, e, queries[i], "ti", dag, now_ms);
        if (rc == 0) {
            rc = read_runs(db, statement, arena, &runs, &count, e);
        }
    }
    *found = rc == 0 && count > 0;
    if (*found) {
        *run = runs[0];
    }
    return rc;
}

int pn_dag_db_dags_with(struct pn_dag_db *db, enum pn_run_state state, struct pn_arena *arena,
                        const char ***dags, size_t *count, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(
        db, &statement, e, "SELECT dag FROM run_count WHERE dag >= '' AND state = ?1 AND count > 0",
        "t", pn_run_state_name(state));
    if (rc != 0) {
        return rc;
    }
    *dags = NULL;
    *count = 0;
    size_t capacity = 0;
    int row = 0;
    while ((row = pn_dag_db_next(db, statement, e)) == 1) {
        *dags = pn_dag_db_room(arena, *dags, *count, &capacity, sizeof **dags);
        (*dags)[(*count)++] = pn_dag_db_text(statement, 0, arena);
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

int pn_dag_db_old_logs(struct pn_dag_db *db, int64_t before_ms, int64_t limit,
                       struct pn_arena *arena, struct pn_run **runs, size_t *count,
                       struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT " RUN_COLUMNS " FROM run WHERE logs_gone = 0"
                               " AND ended_ms > 0 AND ended_ms < ?1 ORDER BY ended_ms LIMIT ?2",
                               "ii", before_ms, limit);
    return rc == 0 ? read_runs(db, statement, arena, runs, count, e) : rc;
}

int pn_dag_db_next_notice(struct pn_dag_db *db, struct pn_arena *arena, struct pn_run *run,
                          bool *found, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    struct pn_run *runs = NULL;
    size_t count = 0;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT " RUN_COLUMNS " FROM run WHERE notice = 'pending'"
                               " AND id >= 0 ORDER BY id LIMIT 1",
                               "");
    if (rc == 0) {
        rc = read_runs(db, statement, arena, &runs, &count, e);
    }
    *found = rc == 0 && count > 0;
    if (*found) {
        *run = runs[0];
    }
    return rc;
}

int pn_dag_db_last_success(struct pn_dag_db *db, const char *dag, int64_t before_id,
                           struct pn_arena *arena, struct pn_run *run, bool *found,
                           struct pn_err *e)
{
    const struct pn_run_filter filter = {
        .dag = dag, .state = PN_RUN_SUCCESS + 1, .before_id = before_id, .limit = 1};
    struct pn_run *runs = NULL;
    size_t count = 0;
    int rc = pn_dag_db_runs(db, &filter, arena, &runs, &count, e);
    *found = rc == 0 && count > 0;
    if (*found) {
        *run = runs[0];
    }
    return rc;
}

int pn_dag_db_tasks(struct pn_dag_db *db, int64_t run, struct pn_arena *arena,
                    struct pn_task_run **tasks, size_t *count, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(db, &statement, e,
                               "SELECT task, state, tries, started_ms, ended_ms, next_ms,"
                               " max_tries, pool, pool_slots, priority"
                               " FROM task WHERE run = ?1 ORDER BY position",
                               "i", run);
    if (rc != 0) {
        return rc;
    }
    *tasks = NULL;
    *count = 0;
    size_t capacity = 0;
    int row = 0;
    while (rc == 0 && (row = pn_dag_db_next(db, statement, e)) == 1) {
        const char *word = (const char *)sqlite3_column_text(statement, 1);
        int state = pn_task_state_parse(word);
        if (state < 0) {
            rc = unknown_word(db, "state", word, e);
            break;
        }
        *tasks = pn_dag_db_room(arena, *tasks, *count, &capacity, sizeof **tasks);
        (*tasks)[(*count)++] = (struct pn_task_run){
            .task = pn_dag_db_text(statement, 0, arena),
            .state = (enum pn_task_state)state,
            .tries = sqlite3_column_int(statement, 2),
            .started_ms = sqlite3_column_int64(statement, 3),
            .ended_ms = sqlite3_column_int64(statement, 4),
            .next_ms = sqlite3_column_int64(statement, 5),
            .max_tries = sqlite3_column_int(statement, 6),
            .pool = pn_dag_db_text(statement, 7, arena),
            .pool_slots = sqlite3_column_int(statement, 8),
            .priority = sqlite3_column_int(statement, 9),
        };
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : rc;
}

#define ATTEMPT_COLUMNS                                                                    \
    "task, number, started_ms, ended_ms, pid, pid_start, exit_code, outcome, log, reason," \
    " memory_bytes, ifnull(version, 0)"

int pn_dag_db_attempts(struct pn_dag_db *db, int64_t run, const char *task, struct pn_arena *arena,
                       struct pn_attempt **attempts, size_t *count, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = task != NULL
                 ? pn_dag_db_prepare(db, &statement, e,
                                     "SELECT " ATTEMPT_COLUMNS
                                     " FROM attempt WHERE run = ?1 AND task = ?2"
                                     " ORDER BY number",
                                     "it", run, task)
                 : pn_dag_db_prepare(db, &statement, e,
                                     "SELECT " ATTEMPT_COLUMNS " FROM attempt WHERE run = ?1"
                                     " ORDER BY started_ms, task, number",
                                     "i", run);
    if (rc != 0) {
        return rc;
    }
    *attempts = NULL;
    *count = 0;
    size_t capacity = 0;
    int row = 0;
    while ((row = pn_dag_db_next(db, statement, e)) == 1) {
        *attempts = pn_dag_db_room(arena, *attempts, *count, &capacity, sizeof **attempts);
        (*attempts)[(*count)++] = (struct pn_attempt){
            .task = pn_dag_db_text(statement, 0, arena),
            .number = sqlite3_column_int(statement, 1),
            .started_ms = sqlite3_column_int64(statement, 2),
            .ended_ms = sqlite3_column_int64(statement, 3),
            .pid = sqlite3_column_int64(statement, 4),
            .pid_start = sqlite3_column_int64(statement, 5),
            .exit_code = sqlite3_column_int(statement, 6),
            .outcome = pn_dag_db_text(statement, 7, arena),
            .log = pn_dag_db_text(statement, 8, arena),
            .reason = pn_dag_db_text(statement, 9, arena),
            .memory_bytes = sqlite3_column_int64(statement, 10),
            .version = sqlite3_column_int64(statement, 11),
        };
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}
