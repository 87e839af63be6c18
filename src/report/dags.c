#include "report/dags.h"

#include <string.h>

#include "base/arena.h"

enum { LOG_BYTES_MAX = 256 << 20 };

int pn_report_count_runs(struct pn_dag_db *db, const struct pn_run_filter *filter, int64_t *total,
                         struct pn_err *e)
{
    int64_t counts[PN_RUN_STATES];
    int rc = pn_dag_db_count_runs(db, filter->dag, counts, e);
    *total = 0;
    for (int i = 0; rc == 0 && i < PN_RUN_STATES; i++) {
        *total += filter->state == 0 || filter->state == i + 1 ? counts[i] : 0;
    }
    return rc;
}

int pn_report_dags(const struct pn_pipeline *pipeline, struct pn_dag_db *db,
                   struct pn_row_writer *rows, struct pn_err *e)
{
    static const struct pn_report_column columns[] = {
        {"dag", PN_CELL_TEXT},        {"tasks", PN_CELL_INT},     {"runs", PN_CELL_INT},
        {"last_state", PN_CELL_TEXT}, {"last_run", PN_CELL_TEXT}, {"description", PN_CELL_TEXT},
    };
    struct pn_arena arena;
    int rc = 0;
    pn_arena_init(&arena, 0);
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; rc == 0 && i < pipeline->dag_count; i++) {
        const struct pn_dag *dag = &pipeline->dags[i];
        const struct pn_run_filter newest = {.dag = dag->name, .limit = 1};
        struct pn_run *runs = NULL;
        size_t count = 0;
        int64_t total = 0;
        rc = pn_dag_db_runs(db, &newest, &arena, &runs, &count, e);
        if (rc == 0) {
            rc = pn_report_count_runs(db, &newest, &total, e);
        }
        if (rc == 0) {
            pn_cell_cstr(rows, dag->name);
            pn_cell_int(rows, (int64_t)dag->task_count);
            pn_cell_int(rows, total);
            pn_cell_cstr(rows, count > 0 ? pn_run_state_name(runs[0].state) : NULL);
            pn_cell_cstr(rows, count > 0 ? runs[0].run_id : NULL);
            pn_cell_cstr(rows, dag->description);
        }
    }
    pn_arena_deinit(&arena);
    return rc;
}

/* --- tasks ------------------------------------------------------------------------------------ */

const char *pn_task_kind_name(enum pn_task_kind kind)
{
    switch (kind) {
    case PN_TASK_CHECK_STORE:
        return "check_store";
    case PN_TASK_LOAD:
        return "load";
    case PN_TASK_TRANSFORM:
        return "transform";
    case PN_TASK_COMMAND:
        return "command";
    }
    return "";
}

static const char *add_name(struct pn_arena *arena, const char *names, const char *name)
{
    return pn_arena_printf(arena, "%s%s%s", names, names[0] != '\0' ? ", " : "", name);
}

static void task_row(const struct pn_task *task, struct pn_arena *arena, struct pn_row_writer *rows)
{
    const char *tables = "";
    for (size_t i = 0; i < task->table_count; i++) {
        tables = add_name(arena, tables, task->tables[i]->name);
    }
    const char *after = "";
    for (size_t i = 0; i < task->after_count; i++) {
        after = add_name(arena, after, task->after[i]->name);
    }
    pn_cell_cstr(rows, task->name);
    pn_cell_cstr(rows, pn_task_kind_name(task->kind));
    pn_cell_cstr(rows, task->kind == PN_TASK_COMMAND ? task->command : tables);
    pn_cell_cstr(rows, after);
    pn_cell_int(rows, task->retries);
    pn_cell_duration(rows, task->retry_delay_ms);
    if (task->timeout_ms == 0) {
        pn_cell_null(rows);
    } else {
        pn_cell_duration(rows, task->timeout_ms);
    }
}

void pn_report_tasks(const struct pn_dag *dag, struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"task", PN_CELL_TEXT},          {"run", PN_CELL_TEXT},
        {"works_on", PN_CELL_TEXT},      {"after", PN_CELL_TEXT},
        {"retries", PN_CELL_INT},        {"retry_delay_s", PN_CELL_DURATION},
        {"timeout_s", PN_CELL_DURATION},
    };
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < dag->task_count; i++) {
        task_row(&dag->tasks[i], &arena, rows);
    }
    pn_arena_deinit(&arena);
}

/* --- runs ------------------------------------------------------------------------------------- */

/* Null for a text that is empty. */
static void text_cell(struct pn_row_writer *rows, const char *text)
{
    pn_cell_cstr(rows, text[0] != '\0' ? text : NULL);
}

/* From start to end, or to now for what runs still; null before the start. */
static void lasted_cell(struct pn_row_writer *rows, int64_t started_ms, int64_t ended_ms,
                        int64_t now_ms)
{
    if (started_ms == 0) {
        pn_cell_null(rows);
    } else {
        pn_cell_duration(rows, (ended_ms != 0 ? ended_ms : now_ms) - started_ms);
    }
}

void pn_report_runs(const struct pn_run *runs, size_t count, int64_t now_ms,
                    struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"run", PN_CELL_TEXT},         {"dag", PN_CELL_TEXT},     {"state", PN_CELL_TEXT},
        {"queued", PN_CELL_TIME},      {"started", PN_CELL_TIME}, {"ended", PN_CELL_TIME},
        {"seconds", PN_CELL_DURATION},
    };
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < count; i++) {
        pn_cell_cstr(rows, runs[i].run_id);
        pn_cell_cstr(rows, runs[i].dag);
        pn_cell_cstr(rows, pn_run_state_name(runs[i].state));
        pn_cell_time_if(rows, runs[i].queued_ms);
        pn_cell_time_if(rows, runs[i].started_ms);
        pn_cell_time_if(rows, runs[i].ended_ms);
        lasted_cell(rows, runs[i].started_ms, runs[i].ended_ms, now_ms);
    }
}

static void known_cell(struct pn_row_writer *rows, int64_t value)
{
    if (value == PN_TIME_NONE) {
        pn_cell_null(rows);
    } else {
        pn_cell_int(rows, value);
    }
}

/* Rows that a task wrote, in all its tables; PN_TIME_NONE: none that is known. */
static int64_t rows_out(const struct pn_report_task_facts *facts, const char *task, bool before)
{
    int64_t sum = PN_TIME_NONE;
    for (size_t i = 0; i < facts->io_count; i++) {
        const struct pn_task_io *io = &facts->io[i];
        int64_t rows = before ? io->rows_before : io->rows;
        if (io->is_write && rows != PN_TIME_NONE && strcmp(io->task, task) == 0) {
            sum = (sum == PN_TIME_NONE ? 0 : sum) + rows;
        }
    }
    return sum;
}

void pn_report_task_runs(const struct pn_task_run *tasks, size_t count,
                         const struct pn_report_task_facts *facts, int64_t now_ms,
                         struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"task", PN_CELL_TEXT},     {"state", PN_CELL_TEXT},   {"tries", PN_CELL_INT},
        {"started", PN_CELL_TIME},  {"ended", PN_CELL_TIME},   {"seconds", PN_CELL_DURATION},
        {"next_try", PN_CELL_TIME}, {"rows_out", PN_CELL_INT}, {"rows_out_before", PN_CELL_INT},
        {"reason", PN_CELL_TEXT},
    };
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < count; i++) {
        pn_cell_cstr(rows, tasks[i].task);
        pn_cell_cstr(rows, pn_task_state_name(tasks[i].state));
        pn_cell_int(rows, tasks[i].tries);
        pn_cell_time_if(rows, tasks[i].started_ms);
        pn_cell_time_if(rows, tasks[i].ended_ms);
        lasted_cell(rows, tasks[i].started_ms, tasks[i].ended_ms, now_ms);
        pn_cell_time_if(rows, tasks[i].next_ms);
        known_cell(rows, rows_out(facts, tasks[i].task, false));
        known_cell(rows, rows_out(facts, tasks[i].task, true));
        text_cell(rows, facts->reasons[i]);
    }
}

/* `none` when all rows are lost, `few` when more than half are; else NULL. */
static const char *remark(int64_t before, int64_t now, const char *none, const char *few)
{
    if (now == PN_TIME_NONE || before == PN_TIME_NONE || before == 0) {
        return NULL;
    }
    return now == 0 ? none : before - now > now ? few : NULL;
}

const char *pn_report_io_remark(const struct pn_task_io *io)
{
    const char *of_table =
        remark(io->table_rows_before, io->table_rows, "fell to 0 rows", "fell by more than half");
    return of_table != NULL || !io->replaces_part
               ? of_table
               : remark(io->rows_before, io->rows, "wrote 0 rows", "wrote fewer than half as many");
}

void pn_report_io(const struct pn_task_io *io, size_t count, struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"task", PN_CELL_TEXT},        {"way", PN_CELL_TEXT},
        {"name", PN_CELL_TEXT},        {"version", PN_CELL_INT},
        {"rows", PN_CELL_INT},         {"rows_before", PN_CELL_INT},
        {"table_rows", PN_CELL_INT},   {"table_rows_before", PN_CELL_INT},
        {"files", PN_CELL_INT},        {"bytes", PN_CELL_INT},
        {"dead_letters", PN_CELL_INT}, {"remark", PN_CELL_TEXT},
    };
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < count; i++) {
        pn_cell_cstr(rows, io[i].task);
        pn_cell_cstr(rows, io[i].is_write ? "write" : "read");
        pn_cell_cstr(rows, io[i].name);
        known_cell(rows, io[i].version);
        known_cell(rows, io[i].rows);
        known_cell(rows, io[i].rows_before);
        known_cell(rows, io[i].table_rows);
        known_cell(rows, io[i].table_rows_before);
        known_cell(rows, io[i].files);
        known_cell(rows, io[i].bytes);
        known_cell(rows, io[i].dead_letters);
        pn_cell_cstr(rows, pn_report_io_remark(&io[i]));
    }
}

static void time_cell(struct pn_row_writer *rows, int64_t wall_ms)
{
    if (wall_ms == PN_TIME_NONE) {
        pn_cell_null(rows);
    } else {
        pn_cell_time(rows, wall_ms);
    }
}

void pn_report_run(const struct pn_run *run, const char *reason, int64_t now_ms,
                   struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"run", PN_CELL_TEXT},
        {"dag", PN_CELL_TEXT},
        {"type", PN_CELL_TEXT},
        {"state", PN_CELL_TEXT},
        {"reason", PN_CELL_TEXT},
        {"logical_date", PN_CELL_TIME},
        {"interval_start", PN_CELL_TIME},
        {"interval_end", PN_CELL_TIME},
        {"queued", PN_CELL_TIME},
        {"started", PN_CELL_TIME},
        {"ended", PN_CELL_TIME},
        {"seconds", PN_CELL_DURATION},
        {"conf", PN_CELL_JSON},
        {"note", PN_CELL_TEXT},
        {"triggered_by", PN_CELL_TEXT},
        {"backfill", PN_CELL_INT},
        {"notice", PN_CELL_TEXT},
    };
    PN_ROWS_BEGIN(rows, columns);
    pn_cell_cstr(rows, run->run_id);
    pn_cell_cstr(rows, run->dag);
    pn_cell_cstr(rows, pn_run_type_name(run->type));
    pn_cell_cstr(rows, pn_run_state_name(run->state));
    text_cell(rows, reason);
    time_cell(rows, run->logical_ms);
    time_cell(rows, run->interval_start_ms);
    time_cell(rows, run->interval_end_ms);
    pn_cell_time_if(rows, run->queued_ms);
    pn_cell_time_if(rows, run->started_ms);
    pn_cell_time_if(rows, run->ended_ms);
    lasted_cell(rows, run->started_ms, run->ended_ms, now_ms);
    pn_cell_json(rows, run->conf, strlen(run->conf));
    text_cell(rows, run->note);
    text_cell(rows, run->triggered_by);
    known_cell(rows, run->backfill != 0 ? run->backfill : PN_TIME_NONE);
    text_cell(rows, run->notice);
}

static int attempt_row(const struct pn_attempt *attempt, const struct pn_io *io,
                       struct pn_row_writer *rows, struct pn_err *e)
{
    struct pn_buf log;
    pn_buf_init(&log, LOG_BYTES_MAX);
    int rc = attempt->log[0] != '\0' ? pn_io_read_file(io, attempt->log, &log, e) : 0;
    if (rc == 0) {
        pn_cell_cstr(rows, attempt->task);
        pn_cell_int(rows, attempt->number);
        pn_cell_time_if(rows, attempt->started_ms);
        pn_cell_time_if(rows, attempt->ended_ms);
        pn_cell_cstr(rows, attempt->outcome);
        pn_cell_int(rows, attempt->exit_code);
        pn_cell_text(rows, pn_buf_text(&log), log.len);
    }
    pn_buf_deinit(&log);
    return rc;
}

int pn_report_attempts(const struct pn_attempt *attempts, size_t count, const struct pn_io *io,
                       struct pn_row_writer *rows, struct pn_err *e)
{
    static const struct pn_report_column columns[] = {
        {"task", PN_CELL_TEXT},  {"attempt", PN_CELL_INT},  {"started", PN_CELL_TIME},
        {"ended", PN_CELL_TIME}, {"outcome", PN_CELL_TEXT}, {"exit_code", PN_CELL_INT},
        {"log", PN_CELL_TEXT},
    };
    int rc = 0;
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = attempt_row(&attempts[i], io, rows, e);
    }
    return rc;
}

/* --- what happened ---------------------------------------------------------------------------- */

PN_REPORT_COLUMNS(pn_skip_columns, {"dag", PN_CELL_TEXT | PN_NOT_NULL},
                  {"first", PN_CELL_TIME | PN_NOT_NULL}, {"last", PN_CELL_TIME | PN_NOT_NULL},
                  {"times", PN_CELL_INT | PN_NOT_NULL}, {"reason", PN_CELL_TEXT | PN_NOT_NULL},
                  {"at", PN_CELL_TIME | PN_NOT_NULL});

void pn_report_skips(const struct pn_skip *skips, size_t count, struct pn_row_writer *rows)
{
    pn_rows_begin_all(rows, &pn_skip_columns);
    for (size_t i = 0; i < count; i++) {
        pn_cell_cstr(rows, skips[i].dag);
        pn_cell_time(rows, skips[i].first_ms);
        pn_cell_time(rows, skips[i].last_ms);
        pn_cell_int(rows, skips[i].count);
        pn_cell_cstr(rows, skips[i].reason);
        pn_cell_time(rows, skips[i].at_ms);
    }
}

PN_REPORT_COLUMNS(pn_dag_version_columns, {"version", PN_CELL_INT | PN_NOT_NULL},
                  {"created", PN_CELL_TIME | PN_NOT_NULL});

void pn_report_dag_versions(const struct pn_dag_version *versions, size_t count,
                            struct pn_row_writer *rows)
{
    pn_rows_begin_all(rows, &pn_dag_version_columns);
    for (size_t i = 0; i < count; i++) {
        pn_cell_int(rows, versions[i].number);
        pn_cell_time(rows, versions[i].created_ms);
    }
}

void pn_report_dag_version(const char *dag, const struct pn_dag_version *version, int64_t before,
                           const char *text, struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {{"dag", PN_CELL_TEXT},
                                                      {"version", PN_CELL_INT},
                                                      {"created", PN_CELL_TIME},
                                                      {"before", PN_CELL_INT},
                                                      {"text", PN_CELL_TEXT}};
    PN_ROWS_BEGIN(rows, columns);
    pn_cell_cstr(rows, dag);
    pn_cell_int(rows, version->number);
    pn_cell_time(rows, version->created_ms);
    pn_cell_known(rows, before > 0 ? before : -1);
    pn_cell_cstr(rows, text);
}

PN_REPORT_COLUMNS(pn_audit_columns, {"at", PN_CELL_TIME | PN_NOT_NULL},
                  {"who", PN_CELL_TEXT | PN_NOT_NULL}, {"what", PN_CELL_TEXT | PN_NOT_NULL},
                  {"dag", PN_CELL_TEXT}, {"run", PN_CELL_TEXT}, {"task", PN_CELL_TEXT},
                  {"detail", PN_CELL_TEXT});

void pn_report_audits(const struct pn_audit *audits, size_t count, struct pn_row_writer *rows)
{
    pn_rows_begin_all(rows, &pn_audit_columns);
    for (size_t i = 0; i < count; i++) {
        pn_cell_time(rows, audits[i].at_ms);
        pn_cell_cstr(rows, audits[i].who);
        pn_cell_cstr(rows, audits[i].what);
        text_cell(rows, audits[i].dag);
        text_cell(rows, audits[i].run_id);
        text_cell(rows, audits[i].task);
        text_cell(rows, audits[i].detail);
    }
}

/* --- run again -------------------------------------------------------------------------------- */

void pn_report_cleared(const struct pn_run *run, const char *const *tasks, size_t count,
                       struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {{"run", PN_CELL_TEXT},
                                                      {"task", PN_CELL_TEXT}};
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < count; i++) {
        pn_cell_cstr(rows, run->run_id);
        pn_cell_cstr(rows, tasks[i]);
    }
}

void pn_report_marked(const struct pn_run *run, enum pn_task_state state,
                      const struct pn_marked *marked, struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"run", PN_CELL_TEXT}, {"task", PN_CELL_TEXT}, {"change", PN_CELL_TEXT}};
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < marked->task_count + marked->cleared_count; i++) {
        bool is_marked = i < marked->task_count;
        pn_cell_cstr(rows, run->run_id);
        pn_cell_cstr(rows, is_marked ? marked->tasks[i] : marked->cleared[i - marked->task_count]);
        pn_cell_cstr(rows, is_marked ? pn_task_state_name(state) : "clear");
    }
}

void pn_report_belongings(const struct pn_run *run, const struct pn_run_belongings *belongings,
                          struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"run", PN_CELL_TEXT},     {"state", PN_CELL_TEXT},    {"tasks", PN_CELL_INT},
        {"attempts", PN_CELL_INT}, {"log_files", PN_CELL_INT}, {"log_bytes", PN_CELL_INT},
    };
    PN_ROWS_BEGIN(rows, columns);
    pn_cell_cstr(rows, run->run_id);
    pn_cell_cstr(rows, pn_run_state_name(run->state));
    pn_cell_int(rows, belongings->tasks);
    pn_cell_int(rows, belongings->attempts);
    pn_cell_int(rows, belongings->log_files);
    pn_cell_int(rows, belongings->log_bytes);
}

void pn_report_log_hits_begin(struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {{"task", PN_CELL_TEXT},
                                                      {"attempt", PN_CELL_INT},
                                                      {"line", PN_CELL_INT},
                                                      {"byte", PN_CELL_INT}};
    PN_ROWS_BEGIN(rows, columns);
}

void pn_report_log_hits(const struct pn_attempt *attempt, const struct pn_log_hits *hits,
                        struct pn_row_writer *rows)
{
    for (size_t i = 0; i < hits->count; i++) {
        pn_cell_cstr(rows, attempt->task);
        pn_cell_int(rows, attempt->number);
        pn_cell_int(rows, hits->hits[i].line);
        pn_cell_int(rows, hits->hits[i].byte);
    }
}

void pn_report_backfill_plan(const struct pn_backfill_plan *plan, struct pn_row_writer *rows)
{
    static const char *const actions[] = {"create", "clear", "leave"};
    static const struct pn_report_column columns[] = {
        {"logical_date", PN_CELL_TIME}, {"run", PN_CELL_TEXT},   {"action", PN_CELL_TEXT},
        {"reason", PN_CELL_TEXT},       {"token", PN_CELL_TEXT},
    };
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < plan->count; i++) {
        pn_cell_time(rows, plan->items[i].logical_ms);
        pn_cell_cstr(rows, plan->items[i].run_id);
        pn_cell_cstr(rows, actions[plan->items[i].action]);
        text_cell(rows, plan->items[i].reason);
        pn_cell_cstr(rows, plan->token);
    }
}

void pn_report_backfills(const struct pn_backfill *backfills, size_t count,
                         struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"backfill", PN_CELL_INT}, {"dag", PN_CELL_TEXT},      {"state", PN_CELL_TEXT},
        {"from", PN_CELL_TIME},    {"to", PN_CELL_TIME},       {"reprocess", PN_CELL_TEXT},
        {"queued", PN_CELL_INT},   {"running", PN_CELL_INT},   {"success", PN_CELL_INT},
        {"failed", PN_CELL_INT},   {"cancelled", PN_CELL_INT}, {"created", PN_CELL_TIME},
        {"ended", PN_CELL_TIME},   {"taken", PN_CELL_INT},
    };
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < count; i++) {
        const struct pn_backfill *backfill = &backfills[i];
        pn_cell_int(rows, backfill->id);
        pn_cell_cstr(rows, backfill->dag);
        pn_cell_cstr(rows, backfill->state);
        pn_cell_time(rows, backfill->from_ms);
        pn_cell_time(rows, backfill->to_ms);
        pn_cell_cstr(rows, backfill->reprocess);
        for (int state = 0; state < PN_RUN_STATES; state++) {
            pn_cell_int(rows, backfill->counts[state]);
        }
        pn_cell_time(rows, backfill->created_ms);
        pn_cell_time_if(rows, backfill->ended_ms);
        pn_cell_int(rows, backfill->taken);
    }
}
