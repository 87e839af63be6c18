/* The audit: what was done, when, and by whom. */
#include "base/buf.h"
#include "base/words.h"
#include "dag/db_internal.h"

enum { SQL_BYTES_MAX = 512, AUDIT_FIRST_TEXT = 2, AUDIT_TEXTS = 6 };

int pn_dag_db_audit(struct pn_dag_db *db, const struct pn_audit *row, struct pn_err *e)
{
    return pn_dag_db_run_sql(
        db, NULL, e,
        "INSERT INTO audit(at_ms, who, what, dag, run_id, task, detail)"
        " VALUES (?1, ?2, ?3, ifnull(?4, ''), ifnull(?5, ''), ifnull(?6, ''), ifnull(?7, ''))",
        "itttttt", row->at_ms, row->who, row->what, row->dag, row->run_id, row->task, row->detail);
}

/* Each filter that is set is a term of its own, so that the planner sees which index serves it. */
static void audits_sql(const struct pn_audit_filter *filter, struct pn_buf *sql)
{
    pn_buf_addf(sql, "SELECT " PN_AUDIT_COLUMNS " FROM audit WHERE id %s ?3",
                filter->oldest_first ? ">" : "<");
    if (filter->dag != NULL) {
        pn_buf_adds(sql, " AND dag = ?1");
    }
    if (filter->dag != NULL && filter->run_id != NULL) {
        pn_buf_adds(sql, " AND run_id = ?2");
    }
    pn_buf_addf(sql, " ORDER BY id %s", filter->oldest_first ? "ASC" : "DESC");
}

/* Does the row have the words? */
static bool audit_fits(sqlite3_stmt *statement, const char *words)
{
    const char *texts[AUDIT_TEXTS];
    for (int i = 0; i < AUDIT_TEXTS; i++) {
        texts[i] = (const char *)sqlite3_column_text(statement, AUDIT_FIRST_TEXT + i);
    }
    return pn_words_are_in(words, texts, AUDIT_TEXTS);
}

struct pn_audit pn_dag_db_audit_of(sqlite3_stmt *statement, struct pn_arena *arena)
{
    return (struct pn_audit){
        .id = sqlite3_column_int64(statement, 0),
        .at_ms = sqlite3_column_int64(statement, 1),
        .who = pn_dag_db_text(statement, 2, arena),
        .what = pn_dag_db_text(statement, 3, arena),
        .dag = pn_dag_db_text(statement, 4, arena),
        .run_id = pn_dag_db_text(statement, 5, arena),
        .task = pn_dag_db_text(statement, 6, arena),
        .detail = pn_dag_db_text(statement, 7, arena),
    };
}

int pn_dag_db_audits(struct pn_dag_db *db, const struct pn_audit_filter *filter,
                     struct pn_arena *arena, struct pn_audit **rows, size_t *count,
                     int64_t *next_id, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    struct pn_buf sql;
    int64_t after = filter->after_id == 0 && !filter->oldest_first ? INT64_MAX : filter->after_id;
    *rows = NULL;
    *count = 0;
    *next_id = 0;
    pn_buf_init(&sql, SQL_BYTES_MAX);
    audits_sql(filter, &sql);
    int rc = pn_dag_db_prepare(db, &statement, e, pn_buf_text(&sql), "tti", filter->dag,
                               filter->run_id, after);
    pn_buf_deinit(&sql);
    if (rc != 0) {
        return rc;
    }
    size_t capacity = 0;
    int row = 0;
    int64_t last = 0; /* that was read and is done with */
    for (int read = 0; (row = pn_dag_db_next(db, statement, e)) == 1; read++) {
        bool fits = audit_fits(statement, filter->words);
        if (read == PN_AUDITS_READ_MAX || (fits && (int64_t)*count == filter->limit)) {
            *next_id = last;
            break;
        }
        if (fits) {
            *rows = pn_dag_db_room(arena, *rows, *count, &capacity, sizeof **rows);
            (*rows)[(*count)++] = pn_dag_db_audit_of(statement, arena);
        }
        last = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}
