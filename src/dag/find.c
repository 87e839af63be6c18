#include "dag/find.h"

#include <string.h>

#include "base/buf.h"
#include "dag/db_internal.h"

enum { SQL_BYTES_MAX = 64 * 1024 };

/* Of a task that waits after it was cleared, the attempts before are not its own any more. */
#define OF_ATTEMPT(value) "CASE WHEN task.started_ms > 0 THEN " value " END"
#define TASK_STARTED      OF_ATTEMPT("ifnull(attempt.started_ms, task.started_ms)")
#define TASK_ENDED        "nullif(ifnull(" OF_ATTEMPT("attempt.ended_ms") ", task.ended_ms), 0)"

static const char *const COLUMNS[PN_FIND_COLUMNS] = {
    [PN_FIND_RUN] = "run.id",
    [PN_FIND_DAG] = "run.dag",
    [PN_FIND_RUN_ID] = "run.run_id",
    [PN_FIND_RUN_STATE] = "run.state",
    [PN_FIND_RUN_TYPE] = "run.type",
    [PN_FIND_LOGICAL] = "run.logical_ms",
    [PN_FIND_INTERVAL_START] = "run.interval_start_ms",
    [PN_FIND_INTERVAL_END] = "run.interval_end_ms",
    [PN_FIND_RUN_AFTER] = "run.run_after_ms",
    [PN_FIND_RUN_QUEUED] = "run.queued_ms",
    [PN_FIND_RUN_STARTED] = "nullif(run.started_ms, 0)",
    [PN_FIND_RUN_ENDED] = "nullif(run.ended_ms, 0)",
    [PN_FIND_RUN_LASTED] = "(nullif(run.ended_ms, 0) - nullif(run.started_ms, 0))",
    [PN_FIND_RUN_CHANGED] = "max(run.queued_ms, run.started_ms, run.ended_ms)",
    [PN_FIND_CONF] = "run.conf",
    [PN_FIND_TRIGGERED_BY] = "run.triggered_by",

    [PN_FIND_TASK] = "task.task",
    [PN_FIND_TASK_STATE] = "CASE WHEN task.state = 'cancelled' AND task.started_ms > 0"
                           " THEN 'cancelled_begun' ELSE task.state END",
    [PN_FIND_TASK_STARTED] = TASK_STARTED,
    [PN_FIND_TASK_ENDED] = TASK_ENDED,
    [PN_FIND_TASK_LASTED] = "(" TASK_ENDED " - " TASK_STARTED ")",
    [PN_FIND_TASK_CHANGED] = "max(run.queued_ms, task.started_ms, task.ended_ms)",
    [PN_FIND_TRIES] = "task.tries",
    [PN_FIND_POOL] = "task.pool",
    [PN_FIND_PRIORITY] = "task.priority",

    [PN_FIND_ACT] = "audit.id",
    [PN_FIND_ACT_AT] = "audit.at_ms",
    [PN_FIND_ACT_WHO] = "audit.who",
    [PN_FIND_ACT_WHAT] = "audit.what",
    [PN_FIND_ACT_DAG] = "audit.dag",
    [PN_FIND_ACT_RUN_ID] = "audit.run_id",
    [PN_FIND_ACT_TASK] = "audit.task",
};

/* What is looked through. `joins` add facts to rows, never rows: a count does without them, unless
 * a filter reads them. CROSS makes SQLite go from runs to their tasks, in the order of a page; by
 * itself it reads all tasks and sorts them. */
struct subject {
    const char *from;
    const char *joins;
    const char *order; /* where the caller's order decides nothing */
    enum pn_find_column first;
    enum pn_find_column last; /* the columns that it has */
};
static const struct subject RUNS = {" FROM run", "", "run.id", PN_FIND_RUN, PN_FIND_TRIGGERED_BY};
static const struct subject TASKS = {
    " FROM run CROSS JOIN task ON task.run = run.id",
    " LEFT JOIN attempt ON attempt.run = task.run AND attempt.task = task.task"
    " AND attempt.number = task.tries"
    " LEFT JOIN dag_version ON dag_version.dag = run.dag"
    " AND dag_version.number = ifnull(" OF_ATTEMPT("attempt.version") ", run.version)",
    "run.id, task.position", PN_FIND_RUN, PN_FIND_PRIORITY};
static const struct subject ACTS = {" FROM audit", "", "audit.id", PN_FIND_ACT, PN_FIND_ACT_TASK};

/* ---- conditions ------------------------------------------------------------------------------ */

static void add_text_term(struct pn_buf *sql, const struct pn_find_term *term, int *next)
{
    const char *column = COLUMNS[term->column];
    for (size_t i = 0; i < term->text_count; i++) {
        int parameter = (*next)++;
        pn_buf_adds(sql, i == 0 ? "(" : term->op == PN_FIND_IS_NOT ? " AND " : " OR ");
        if (term->op == PN_FIND_BEGINS) {
            pn_buf_addf(sql, "substr(%s, 1, length(?%d)) = ?%d", column, parameter, parameter);
        } else if (term->op == PN_FIND_LIKE) {
            pn_buf_addf(sql, "%s LIKE '%%' || ?%d || '%%'", column, parameter);
        } else {
            pn_buf_addf(sql, "%s %s ?%d", column, term->op == PN_FIND_IS ? "=" : "<>", parameter);
        }
    }
    pn_buf_adds(sql, term->text_count > 0 ? ")" : term->op == PN_FIND_IS_NOT ? "1" : "0");
}

static bool is_of_texts(const struct pn_find_term *term)
{
    return term->op <= PN_FIND_BEGINS;
}

static void add_terms(struct pn_buf *sql, const struct subject *subject, const struct pn_find *find)
{
    static const char *const comparisons[] = {
        [PN_FIND_GE] = ">=", [PN_FIND_GT] = ">", [PN_FIND_LE] = "<=",
        [PN_FIND_LT] = "<",  [PN_FIND_EQ] = "=",
    };
    int next = 1;
    for (size_t i = 0; i < find->term_count; i++) {
        const struct pn_find_term *term = &find->terms[i];
        PN_ASSERT(term->column >= subject->first && term->column <= subject->last);
        pn_buf_adds(sql, i == 0 ? " WHERE " : " AND ");
        if (is_of_texts(term)) {
            add_text_term(sql, term, &next);
        } else {
            pn_buf_addf(sql, "%s %s ?%d", COLUMNS[term->column], comparisons[term->op], next++);
        }
    }
}

static void add_order(struct pn_buf *sql, const struct subject *subject, const struct pn_find *find)
{
    pn_buf_adds(sql, " ORDER BY ");
    for (size_t i = 0; i < find->order_count; i++) {
        const struct pn_find_order *order = &find->orders[i];
        PN_ASSERT(order->column >= subject->first && order->column <= subject->last);
        pn_buf_addf(sql, "%s%s, ", COLUMNS[order->column], order->descending ? " DESC" : "");
    }
    pn_buf_adds(sql, subject->order);
}

static int check(const struct pn_find *find, struct pn_err *e)
{
    size_t texts = 0;
    PN_ASSERT(find->term_count <= PN_FIND_TERMS_MAX && find->order_count <= PN_FIND_ORDERS_MAX);
    for (size_t i = 0; i < find->term_count; i++) {
        texts += find->terms[i].text_count;
    }
    return texts <= PN_FIND_TEXTS_MAX ? 0
                                      : pn_err_input(e, "a filter has %zu values: %d are allowed",
                                                     texts, PN_FIND_TEXTS_MAX);
}

static int bind(struct pn_dag_db *db, sqlite3_stmt *statement, const struct pn_find *find,
                struct pn_err *e)
{
    int next = 1;
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < find->term_count; i++) {
        const struct pn_find_term *term = &find->terms[i];
        if (!is_of_texts(term)) {
            rc = sqlite3_bind_int64(statement, next++, term->number);
        }
        for (size_t t = 0; rc == SQLITE_OK && is_of_texts(term) && t < term->text_count; t++) {
            rc = sqlite3_bind_text(statement, next++, term->texts[t], -1, SQLITE_STATIC);
        }
    }
    return rc == SQLITE_OK ? 0 : pn_dag_db_error(db, e);
}

static bool is_of_attempt(enum pn_find_column column)
{
    return column == PN_FIND_TASK_STARTED || column == PN_FIND_TASK_ENDED ||
           column == PN_FIND_TASK_LASTED;
}

/* Do the filters read what is joined? */
static bool filters_attempts(const struct pn_find *find)
{
    for (size_t i = 0; i < find->term_count; i++) {
        if (is_of_attempt(find->terms[i].column)) {
            return true;
        }
    }
    return false;
}

/* The statement "SELECT <what> FROM ... WHERE ...", with `page` in its order and a page of it. */
static int prepare(struct pn_dag_db *db, const struct subject *subject, const char *what,
                   const struct pn_find *find, bool page, sqlite3_stmt **statement,
                   struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, SQL_BYTES_MAX);
    pn_buf_addf(&sql, "SELECT %s%s%s", what, subject->from,
                page || filters_attempts(find) ? subject->joins : "");
    add_terms(&sql, subject, find);
    if (page) {
        add_order(&sql, subject, find);
        pn_buf_addf(&sql, " LIMIT %lld OFFSET %lld", (long long)find->limit,
                    (long long)find->offset);
    }
    *statement = NULL;
    int rc = pn_buf_check(&sql, "the filter", e);
    if (rc == 0) {
        rc = pn_dag_db_prepare(db, statement, e, pn_buf_text(&sql), "");
    }
    if (rc == 0) {
        rc = bind(db, *statement, find, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

/* Begins the page, and counts what is on all pages. */
static int begin(struct pn_dag_db *db, const struct subject *subject, const char *what,
                 const struct pn_find *find, sqlite3_stmt **page, int64_t *total, struct pn_err *e)
{
    sqlite3_stmt *count = NULL;
    *page = NULL;
    int rc = check(find, e);
    if (rc == 0) {
        rc = prepare(db, subject, "count(*)", find, false, &count, e);
    }
    if (rc == 0) {
        rc = pn_dag_db_next(db, count, e) == 1 ? 0 : PN_FAIL;
        *total = rc == 0 ? sqlite3_column_int64(count, 0) : 0;
    }
    sqlite3_finalize(count);
    return rc == 0 ? prepare(db, subject, what, find, true, page, e) : rc;
}

/* ---- results --------------------------------------------------------------------------------- */

int pn_dag_db_find_runs(struct pn_dag_db *db, const struct pn_find *find, struct pn_arena *arena,
                        struct pn_run **runs, size_t *count, int64_t *total, struct pn_err *e)
{
    sqlite3_stmt *page = NULL;
    int64_t *ids = NULL;
    size_t capacity = 0;
    int row = 0;
    *runs = NULL;
    *count = 0;
    int rc = begin(db, &RUNS, "run.id", find, &page, total, e);
    while (rc == 0 && (row = pn_dag_db_next(db, page, e)) == 1) {
        ids = pn_dag_db_room(arena, ids, *count, &capacity, sizeof *ids);
        ids[(*count)++] = sqlite3_column_int64(page, 0);
    }
    sqlite3_finalize(page);
    rc = row < 0 ? PN_FAIL : rc;
    return rc == 0 ? pn_dag_db_runs_by_id(db, ids, count, arena, runs, e) : rc;
}

static int read_task(sqlite3_stmt *row, struct pn_arena *arena, struct pn_found_task *found,
                     struct pn_dag_db *db, struct pn_err *e)
{
    const char *word = (const char *)sqlite3_column_text(row, 6);
    int state = pn_task_state_parse(word);
    if (state < 0) {
        return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s: unknown state '%s'", db->path, word);
    }
    *found = (struct pn_found_task){
        .run = sqlite3_column_int64(row, 0),
        .dag = pn_dag_db_text(row, 1, arena),
        .run_id = pn_dag_db_text(row, 2, arena),
        .logical_ms = pn_dag_db_time(row, 3),
        .run_after_ms = sqlite3_column_int64(row, 4),
        .task = {.task = pn_dag_db_text(row, 5, arena),
                 .state = (enum pn_task_state)state,
                 .tries = sqlite3_column_int(row, 7),
                 .max_tries = sqlite3_column_int(row, 8),
                 .started_ms = sqlite3_column_int64(row, 9),
                 .ended_ms = sqlite3_column_int64(row, 10),
                 .next_ms = sqlite3_column_int64(row, 11),
                 .pool = pn_dag_db_text(row, 12, arena),
                 .pool_slots = sqlite3_column_int(row, 13),
                 .priority = sqlite3_column_int(row, 14)},
        .pid = sqlite3_column_int64(row, 15),
        .reason = pn_dag_db_text(row, 16, arena),
        .version = {.number = sqlite3_column_int64(row, 17),
                    .created_ms = sqlite3_column_int64(row, 18)},
    };
    return 0;
}

int pn_dag_db_find_tasks(struct pn_dag_db *db, const struct pn_find *find, struct pn_arena *arena,
                         struct pn_found_task **tasks, size_t *count, int64_t *total,
                         struct pn_err *e)
{
    static const char columns[] =
        "run.id, run.dag, run.run_id, run.logical_ms, run.run_after_ms, task.task, task.state,"
        " task.tries, task.max_tries, " TASK_STARTED ", " TASK_ENDED ", task.next_ms, task.pool,"
        " task.pool_slots, task.priority, " OF_ATTEMPT("attempt.pid") ", " OF_ATTEMPT(
            "attempt.reason") ", dag_version.number, dag_version.created_ms";
    sqlite3_stmt *page = NULL;
    size_t capacity = 0;
    int row = 0;
    *tasks = NULL;
    *count = 0;
    int rc = begin(db, &TASKS, columns, find, &page, total, e);
    while (rc == 0 && (row = pn_dag_db_next(db, page, e)) == 1) {
        *tasks = pn_dag_db_room(arena, *tasks, *count, &capacity, sizeof **tasks);
        rc = read_task(page, arena, &(*tasks)[*count], db, e);
        *count += rc == 0;
    }
    sqlite3_finalize(page);
    return row < 0 ? PN_FAIL : rc;
}

int pn_dag_db_find_audits(struct pn_dag_db *db, const struct pn_find *find, struct pn_arena *arena,
                          struct pn_audit **audits, size_t *count, int64_t *total, struct pn_err *e)
{
    sqlite3_stmt *page = NULL;
    size_t capacity = 0;
    int row = 0;
    *audits = NULL;
    *count = 0;
    int rc = begin(db, &ACTS, PN_AUDIT_COLUMNS, find, &page, total, e);
    while (rc == 0 && (row = pn_dag_db_next(db, page, e)) == 1) {
        *audits = pn_dag_db_room(arena, *audits, *count, &capacity, sizeof **audits);
        (*audits)[(*count)++] = pn_dag_db_audit_of(page, arena);
    }
    sqlite3_finalize(page);
    return row < 0 ? PN_FAIL : rc;
}
