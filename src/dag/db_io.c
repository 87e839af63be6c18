/* What attempts read and wrote. */
#include <string.h>

#include "dag/db_internal.h"

int pn_dag_db_put_io(struct pn_dag_db *db, int64_t run, int32_t number, const struct pn_task_io *io,
                     struct pn_err *e)
{
    return pn_dag_db_run_sql(
        db, NULL, e,
        "INSERT OR REPLACE INTO io(run, task, number, way, name, version, rows, files, bytes,"
        " dead_letters, table_rows, replaces_part)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        "itittnnnnnni", run, io->task, (int64_t)number, io->is_write ? "write" : "read", io->name,
        io->version, io->rows, io->files, io->bytes, io->dead_letters, io->table_rows,
        (int64_t)io->replaces_part);
}

/* Only the last attempt of each task counts. */
int pn_dag_db_io(struct pn_dag_db *db, int64_t run, struct pn_arena *arena,
                 struct pn_task_io **rows, size_t *count, struct pn_err *e)
{
    sqlite3_stmt *statement = NULL;
    int rc = pn_dag_db_prepare(
        db, &statement, e,
        "SELECT task, way, name, version, rows, files, bytes, dead_letters, table_rows,"
        " replaces_part FROM io"
        " WHERE run = ?1"
        " AND number = (SELECT max(number) FROM io AS last WHERE last.run = ?1"
        "  AND last.task = io.task) ORDER BY run, task, number, way, name",
        "i", run);
    if (rc != 0) {
        return rc;
    }
    *rows = NULL;
    *count = 0;
    size_t capacity = 0;
    int row = 0;
    while ((row = pn_dag_db_next(db, statement, e)) == 1) {
        *rows = pn_dag_db_room(arena, *rows, *count, &capacity, sizeof **rows);
        (*rows)[(*count)++] = (struct pn_task_io){
            .task = pn_dag_db_text(statement, 0, arena),
            .is_write = strcmp((const char *)sqlite3_column_text(statement, 1), "write") == 0,
            .name = pn_dag_db_text(statement, 2, arena),
            .version = pn_dag_db_time(statement, 3),
            .rows = pn_dag_db_time(statement, 4),
            .files = pn_dag_db_time(statement, 5),
            .bytes = pn_dag_db_time(statement, 6),
            .dead_letters = pn_dag_db_time(statement, 7),
            .rows_before = PN_TIME_NONE,
            .table_rows = pn_dag_db_time(statement, 8),
            .table_rows_before = PN_TIME_NONE,
            .replaces_part = sqlite3_column_int(statement, 9) != 0,
        };
    }
    sqlite3_finalize(statement);
    return row < 0 ? PN_FAIL : 0;
}

int pn_dag_db_io_beside(struct pn_dag_db *db, const struct pn_run *run, struct pn_arena *arena,
                        struct pn_task_io **rows, size_t *count, struct pn_err *e)
{
    struct pn_run before = {0};
    bool found = false;
    struct pn_task_io *old = NULL;
    size_t old_count = 0;
    int rc = pn_dag_db_io(db, run->id, arena, rows, count, e);
    if (rc == 0) {
        rc = pn_dag_db_last_success(db, run->dag, run->id, arena, &before, &found, e);
    }
    if (rc == 0 && found) {
        rc = pn_dag_db_io(db, before.id, arena, &old, &old_count, e);
    }
    for (size_t i = 0; rc == 0 && i < *count; i++) {
        struct pn_task_io *io = &(*rows)[i];
        for (size_t j = 0; j < old_count; j++) {
            if (old[j].is_write == io->is_write && strcmp(old[j].task, io->task) == 0 &&
                strcmp(old[j].name, io->name) == 0) {
                io->rows_before = old[j].rows;
                io->table_rows_before = old[j].table_rows;
            }
        }
    }
    return rc;
}
