/* The database of runs: its schema from version to version, and how its lists are read. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/mem.h"
#include "dag/changes.h"
#include "dag/dag.h"
#include "dag/db_internal.h"
#include "dag/find.h"
#include "dag/grid.h"
#include "dags.h"

enum { ROUNDS = 12, OLD_RUNS = 3000 };

/* A database as pinion 1 wrote it. */
static const char OLD_SCHEMA[] =
    "PRAGMA journal_mode = WAL;"
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

static const char OLD_ROWS[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
    " INSERT INTO run(dag, run_id, state, queued_ms, started_ms, ended_ms)"
    " SELECT 'diamond', 'old_' || i, CASE i %% 3 WHEN 0 THEN 'failed' ELSE 'success' END,"
    " 1000 * i, 1000 * i + 1, 1000 * i + 2 FROM n;"
    "INSERT INTO task(run, task, position, state, tries) SELECT id, 'a', 0, state, 1 FROM run;"
    "INSERT INTO attempt(run, task, number, started_ms, outcome)"
    " SELECT id, 'a', 1, 1, state FROM run;";

/* What the versions after the second have more. */
static const char BACK_TO_2[] = "DROP INDEX run_by_version;"
                                "DROP TABLE dag_version;"
                                "ALTER TABLE run DROP COLUMN version;"
                                "ALTER TABLE attempt DROP COLUMN version;"
                                "ALTER TABLE backfill DROP COLUMN taken;"
                                "ALTER TABLE io DROP COLUMN table_rows;"
                                "ALTER TABLE io DROP COLUMN replaces_part;"
                                "PRAGMA user_version = 2;";

struct world {
    char folder[64];
    char path[96];
    struct test_dag made;
    struct pn_arena arena;
    struct pn_dag_db *db;
};

static int setup(void **state)
{
    struct world *world = pn_xcalloc(1, sizeof *world);
    (void)snprintf(world->folder, sizeof world->folder, "/tmp/pinion-db-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->path, sizeof world->path, "%s/state.db", world->folder);
    test_dag_make(&world->made, 2, 20);
    pn_arena_init(&world->arena, 0);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    pn_dag_db_close(&world->db);
    pn_arena_deinit(&world->arena);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), world->folder, NULL), 0);
    free(world);
    return 0;
}

static void open_db(struct world *world)
{
    struct pn_err failure = {0};
    int rc = pn_dag_db_open(world->path, &world->db, &failure);
    assert_string_equal(failure.msg, "");
    assert_int_equal(rc, 0);
}

static void write_old(struct world *world)
{
    sqlite3 *sqlite = NULL;
    char rows[2048];
    (void)snprintf(rows, sizeof rows, OLD_ROWS, OLD_RUNS);
    assert_int_equal(sqlite3_open(world->path, &sqlite), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sqlite, OLD_SCHEMA, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sqlite, rows, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(sqlite), SQLITE_OK);
}

/* The same as pinion wrote it before it kept versions of DAGs. */
static void write_second(struct world *world)
{
    write_old(world);
    open_db(world);
    assert_int_equal(pn_dag_db_exec(world->db, BACK_TO_2, NULL), 0);
    pn_dag_db_close(&world->db);
}

/* Every statement of the schema, one a line, sorted. */
static char *schema_of(struct world *world)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(pn_dag_db_prepare(world->db, &statement, NULL,
                                       "SELECT group_concat(name || ': ' || sql, char(10)) FROM"
                                       " (SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL"
                                       " AND name NOT LIKE 'sqlite_%' ORDER BY name)",
                                       ""),
                     0);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    char *text = pn_xstrdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return text;
}

static void check_migrated(struct world *world)
{
    int version = 0;
    assert_int_equal(pn_dag_db_version(world->db, &version, NULL), 0);
    assert_int_equal(version, PN_DAG_SCHEMA_VERSION);
    int64_t counts[PN_RUN_STATES];
    assert_int_equal(pn_dag_db_count_runs(world->db, NULL, counts, NULL), 0);
    assert_int_equal(counts[PN_RUN_FAILED], OLD_RUNS / 3);
    assert_int_equal(counts[PN_RUN_SUCCESS], OLD_RUNS - OLD_RUNS / 3);
    struct pn_run run = {0};
    assert_int_equal(pn_dag_db_run(world->db, "diamond", "old_7", &world->arena, &run, NULL), 0);
    assert_int_equal(run.type, PN_RUN_MANUAL);
    assert_int_equal(run.run_after_ms, 7000);
    assert_int_equal(run.ended_ms, 7002);
    assert_true(run.logical_ms == PN_TIME_NONE);
    assert_string_equal(run.conf, "{}");
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    assert_int_equal(
        pn_dag_db_attempts(world->db, run.id, "a", &world->arena, &attempts, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(attempts[0].reason, "");
}

static void test_an_old_database_is_brought_up_to_date(void **state)
{
    struct world *world = *state;
    write_old(world);
    open_db(world);
    check_migrated(world);
    char *migrated = schema_of(world);
    pn_dag_db_close(&world->db);
    assert_int_equal(pn_dag_db_open(":memory:", &world->db, NULL), 0);
    char *made = schema_of(world);
    assert_string_equal(migrated, made);
    free(migrated);
    free(made);
}

static void test_a_run_of_before_has_no_version(void **state)
{
    struct world *world = *state;
    struct pn_run run = {0};
    write_second(world);
    open_db(world);
    check_migrated(world);
    assert_int_equal(pn_dag_db_run(world->db, "diamond", "old_7", &world->arena, &run, NULL), 0);
    assert_int_equal(run.version, 0);
    struct pn_dag_version *versions = NULL;
    size_t count = 1;
    assert_int_equal(
        pn_dag_versions_of_run(world->db, &run, &world->arena, &versions, &count, NULL), 0);
    assert_int_equal(count, 0);
}

/* kill -9 at a moment of its own in each round: the next who opens the database finds it as it was
 * before, or as it is after, and all of its runs. */
static void test_a_migration_survives_a_kill_at_any_moment(void **state)
{
    struct world *world = *state;
    int before = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int old = 1 + round % 2;
        assert_int_equal(pn_io_remove_tree(pn_io_system(), world->folder, NULL), 0);
        assert_int_equal(pn_io_mkdirs(pn_io_system(), world->folder, NULL), 0);
        (old == 1 ? write_old : write_second)(world);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct pn_dag_db *db = NULL;
            _exit(pn_dag_db_open(world->path, &db, NULL) == 0 ? 0 : 1);
        }
        const struct timespec pause = {.tv_nsec = 1000000L * (round * round) / 4};
        (void)nanosleep(&pause, NULL);
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        sqlite3 *sqlite = NULL;
        sqlite3_stmt *statement = NULL;
        assert_int_equal(sqlite3_open(world->path, &sqlite), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(sqlite, "PRAGMA user_version", -1, &statement, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        int version = sqlite3_column_int(statement, 0);
        assert_true(version == old || version == PN_DAG_SCHEMA_VERSION);
        before += version == old ? 1 : 0;
        sqlite3_finalize(statement);
        assert_int_equal(sqlite3_close(sqlite), SQLITE_OK);
        open_db(world);
        check_migrated(world);
        pn_dag_db_close(&world->db);
    }
    assert_true(before > 0); /* the first round kills at once */
}

static void test_a_newer_database_is_refused(void **state)
{
    struct world *world = *state;
    open_db(world);
    assert_int_equal(pn_dag_db_exec(world->db, "PRAGMA user_version = 99", NULL), 0);
    pn_dag_db_close(&world->db);
    struct pn_err failure = {0};
    assert_int_not_equal(pn_dag_db_open(world->path, &world->db, &failure), 0);
    assert_int_equal(failure.class_, PN_CLASS_INPUT);
    assert_non_null(strstr(failure.msg, "update pinion"));
}

/* ---- how lists are read ---------------------------------------------------------------------- */

enum { STATEMENTS_MAX = 128 };

struct heard {
    char *sql[STATEMENTS_MAX];
    size_t count;
};

static int hear(unsigned event, void *arg, void *statement, void *text)
{
    struct heard *heard = arg;
    (void)statement;
    const char *sql = text;
    if (event == SQLITE_TRACE_STMT && strncmp(sql, "--", 2) != 0) {
        assert_true(heard->count < STATEMENTS_MAX);
        heard->sql[heard->count++] = pn_xstrdup(sql);
    }
    return 0;
}

/* No step of the plan reads a whole table or sorts. */
static void check_plan(struct world *world, const char *sql)
{
    char *explain = pn_xasprintf("EXPLAIN QUERY PLAN %s", sql);
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(world->db->sqlite, explain, -1, &statement, NULL),
                     SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *step = (const char *)sqlite3_column_text(statement, 3);
        bool scans = strncmp(step, "SCAN", 4) == 0 && strcmp(step, "SCAN CONSTANT ROW") != 0;
        if (scans || strstr(step, "TEMP B-TREE") != NULL) {
            fail_msg("%s\n  in %s", step, sql);
        }
    }
    sqlite3_finalize(statement);
    free(explain);
}

static void read_runs_in_every_way(struct world *world)
{
    for (int i = 0; i < 32; i++) {
        const struct pn_run_filter filter = {
            .dag = (i & 1) != 0 ? "diamond" : NULL,
            .state = (i & 2) != 0 ? PN_RUN_RUNNING + 1 : 0,
            .type = (i & 4) != 0 ? PN_RUN_SCHEDULED + 1 : 0,
            .from_ms = (i & 8) != 0 ? 5 : 0,
            .to_ms = (i & 8) != 0 ? 9 : 0,
            .text = (i & 16) != 0 ? "x" : NULL,
            .limit = 50,
        };
        struct pn_run *runs = NULL;
        size_t count = 0;
        assert_int_equal(pn_dag_db_runs(world->db, &filter, &world->arena, &runs, &count, NULL), 0);
    }
    int64_t counts[PN_RUN_STATES];
    assert_int_equal(pn_dag_db_count_runs(world->db, NULL, counts, NULL), 0);
    assert_int_equal(pn_dag_db_count_runs(world->db, "diamond", counts, NULL), 0);
    assert_int_equal(pn_dag_db_count_since(world->db, "diamond", 5, counts, NULL), 0);
    struct pn_grid grid;
    assert_int_equal(pn_dag_db_grid(world->db, &world->made.dag, 0, 50, &world->arena, &grid, NULL),
                     0);
}

static void forget_run(void *arg, const char *run_id)
{
    (void)run_id;
    (*(int *)arg)++;
}

static void read_the_rest(struct world *world)
{
    struct pn_skip *skips = NULL;
    struct pn_backfill *backfills = NULL;
    struct pn_task_io *io = NULL;
    struct pn_run *runs = NULL;
    struct pn_run run = {.id = 1, .run_id = "x", .dag = "diamond", .state = PN_RUN_RUNNING};
    const char **texts = NULL;
    size_t count = 0;
    bool found = false;
    int64_t next_ms = 0;
    for (int i = 0; i < 2; i++) {
        const char *dag = i == 0 ? NULL : "diamond";
        assert_int_equal(pn_dag_db_skips(world->db, dag, 9, &world->arena, &skips, &count, NULL),
                         0);
        assert_int_equal(
            pn_dag_db_backfills(world->db, dag, 0, 9, &world->arena, &backfills, &count, NULL), 0);
    }
    struct pn_backfill backfill;
    assert_int_not_equal(pn_dag_db_backfill(world->db, 9, &world->arena, &backfill, NULL), 0);
    assert_int_equal(pn_dag_db_io_beside(world->db, &run, &world->arena, &io, &count, NULL), 0);
    assert_int_equal(pn_dag_db_old_logs(world->db, 9, 9, &world->arena, &runs, &count, NULL), 0);
    assert_int_equal(
        pn_dag_db_queued(world->db, "diamond", 9, &world->arena, &run, &found, &next_ms, NULL), 0);
    assert_int_equal(
        pn_dag_db_dags_with(world->db, PN_RUN_QUEUED, &world->arena, &texts, &count, NULL), 0);
    const char *const dag = "diamond";
    const struct pn_find_term of_dag = {
        .column = PN_FIND_DAG, .op = PN_FIND_IS, .texts = &dag, .text_count = 1};
    const struct pn_find find = {.terms = &of_dag, .term_count = 1, .limit = 9};
    struct pn_found_task *found_tasks = NULL;
    int64_t total = 0;
    assert_int_equal(
        pn_dag_db_find_runs(world->db, &find, &world->arena, &runs, &count, &total, NULL), 0);
    assert_int_equal(
        pn_dag_db_find_tasks(world->db, &find, &world->arena, &found_tasks, &count, &total, NULL),
        0);
    struct pn_dag_version version;
    struct pn_dag_version *versions = NULL;
    assert_int_equal(pn_dag_version_now(world->db, &world->made.dag, 9, &version, NULL), 0);
    assert_int_equal(pn_dag_version_read(world->db, "diamond", version.number, &world->arena,
                                         &version, NULL, NULL),
                     0);
    assert_int_equal(
        pn_dag_versions_list(world->db, "diamond", 9, 9, &world->arena, &versions, &count, NULL),
        0);
    assert_int_equal(
        pn_dag_versions_of_run(world->db, &run, &world->arena, &versions, &count, NULL), 0);
    uint32_t mark = 0;
    assert_int_equal(pn_dag_db_mark_dag(world->db, "diamond", &mark, NULL), 0);
    const struct pn_reason_context context = {
        .pipeline = &world->made.pipeline, .scheduler_lives = true, .tasks_max = 9, .now_ms = 9};
    assert_int_equal(
        pn_dag_reason_tasks(world->db, &context, &run, NULL, 0, &world->arena, &texts, NULL), 0);
}

static void test_no_list_scans_or_sorts(void **state)
{
    struct world *world = *state;
    open_db(world);
    struct heard heard = {.count = 0};
    assert_int_equal(sqlite3_trace_v2(world->db->sqlite, SQLITE_TRACE_STMT, hear, &heard),
                     SQLITE_OK);
    read_runs_in_every_way(world);
    struct pn_run run = {0};
    bool found = false;
    assert_int_not_equal(pn_dag_db_run(world->db, "diamond", NULL, &world->arena, &run, NULL), 0);
    assert_int_not_equal(pn_dag_db_run(world->db, "diamond", "x", &world->arena, &run, NULL), 0);
    assert_int_equal(
        pn_dag_db_last_success(world->db, "diamond", 7, &world->arena, &run, &found, NULL), 0);
    struct pn_task_run *tasks = NULL;
    struct pn_attempt *attempts = NULL;
    struct pn_audit *audits = NULL;
    int64_t next_id = 0;
    size_t count = 0;
    assert_int_equal(pn_dag_db_tasks(world->db, 1, &world->arena, &tasks, &count, NULL), 0);
    for (int i = 0; i < 2; i++) {
        const char *task = i == 0 ? NULL : "a";
        assert_int_equal(
            pn_dag_db_attempts(world->db, 1, task, &world->arena, &attempts, &count, NULL), 0);
    }
    for (int i = 0; i < 6; i++) {
        const struct pn_audit_filter filter = {.dag = i % 3 > 0 ? "diamond" : NULL,
                                               .run_id = i % 3 > 1 ? "x" : NULL,
                                               .oldest_first = i > 2,
                                               .limit = 9};
        assert_int_equal(
            pn_dag_db_audits(world->db, &filter, &world->arena, &audits, &count, &next_id, NULL),
            0);
    }
    read_the_rest(world);
    assert_int_equal(sqlite3_trace_v2(world->db->sqlite, 0, NULL, NULL), SQLITE_OK);
    assert_true(heard.count >= 30);
    for (size_t i = 0; i < heard.count; i++) {
        check_plan(world, heard.sql[i]);
        free(heard.sql[i]);
    }
}

static void test_runs_are_counted_as_they_change(void **state)
{
    struct world *world = *state;
    open_db(world);
    struct pn_trigger how = pn_trigger_of("test");
    struct pn_run runs[5];
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pn_dag_db_trigger(world->db, &world->made.dag, &how, 1000, &world->arena,
                                           &runs[i], NULL),
                         0);
    }
    assert_int_equal(pn_dag_db_cancel(world->db, &runs[0], "test", 1, NULL), 0);
    for (int i = 1; i < 4; i++) {
        assert_int_equal(
            pn_dag_db_run_set(world->db, runs[i].id, PN_RUN_QUEUED, PN_RUN_RUNNING, "", 1, NULL),
            0);
        assert_int_equal(
            pn_dag_db_run_set(world->db, runs[i].id, PN_RUN_RUNNING, PN_RUN_SUCCESS, "", 2, NULL),
            0);
    }
    int64_t counts[PN_RUN_STATES];
    assert_int_equal(pn_dag_db_count_runs(world->db, "diamond", counts, NULL), 0);
    assert_int_equal(counts[PN_RUN_QUEUED], 1);
    assert_int_equal(counts[PN_RUN_RUNNING], 0);
    assert_int_equal(counts[PN_RUN_SUCCESS], 3);
    assert_int_equal(counts[PN_RUN_CANCELLED], 1);
    int forgotten = 0;
    assert_int_equal(pn_dag_db_prune(world->db, "diamond", 2, forget_run, &forgotten, NULL), 0);
    assert_int_equal(forgotten, 2); /* the cancelled one and the oldest success */
    assert_int_equal(pn_dag_db_count_runs(world->db, "diamond", counts, NULL), 0);
    assert_int_equal(counts[PN_RUN_QUEUED], 1);
    assert_int_equal(counts[PN_RUN_SUCCESS], 2);
    assert_int_equal(counts[PN_RUN_CANCELLED], 0);
}

static void test_a_logical_date_has_one_run(void **state)
{
    struct world *world = *state;
    open_db(world);
    struct pn_trigger how = pn_trigger_of("test");
    how.logical_ms = 86400000;
    struct pn_run run = {0};
    assert_int_equal(
        pn_dag_db_trigger(world->db, &world->made.dag, &how, 5, &world->arena, &run, NULL), 0);
    assert_string_equal(run.run_id, "manual__1970-01-02T00:00:00.000Z");
    how.run_id = "another";
    struct pn_err failure = {0};
    assert_int_not_equal(
        pn_dag_db_trigger(world->db, &world->made.dag, &how, 5, &world->arena, &run, &failure), 0);
    assert_int_equal(failure.class_, PN_CLASS_CONFLICT);
    assert_non_null(strstr(failure.msg, "1970-01-02T00:00:00.000Z"));
}

static void test_a_conf_is_a_json_object(void **state)
{
    struct world *world = *state;
    open_db(world);
    static const char *const bad[] = {"", "{", "[1]", "\"a\"", "{} {}", "{\"a\":\x01}"};
    struct pn_run run = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pn_trigger how = pn_trigger_of("test");
        how.conf = bad[i];
        struct pn_err failure = {0};
        assert_int_not_equal(
            pn_dag_db_trigger(world->db, &world->made.dag, &how, 5, &world->arena, &run, &failure),
            0);
        assert_int_equal(failure.class_, PN_CLASS_INPUT);
        assert_non_null(strstr(failure.msg, "conf"));
    }
    struct pn_trigger how = pn_trigger_of("test");
    how.conf = "{\"day\": \"2026-01-01\", \"n\": 9007199254740993}";
    how.note = "by hand";
    assert_int_equal(
        pn_dag_db_trigger(world->db, &world->made.dag, &how, 5, &world->arena, &run, NULL), 0);
    assert_string_equal(run.conf, how.conf);
    assert_string_equal(run.note, "by hand");
    assert_int_equal(pn_dag_db_note(world->db, &run, "seen", "me", 6, NULL), 0);
    struct pn_audit *audits = NULL;
    int64_t next_id = 0;
    size_t count = 0;
    struct pn_audit_filter filter = {.dag = "diamond", .run_id = run.run_id, .limit = 9};
    assert_int_equal(
        pn_dag_db_audits(world->db, &filter, &world->arena, &audits, &count, &next_id, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(audits[0].what, "note");
    assert_string_equal(audits[0].who, "me");
    assert_string_equal(audits[1].what, "trigger");
    /* By words of the texts, in either order, from a page to the next. */
    filter = (struct pn_audit_filter){.words = "TRIGGER diam", .limit = 9};
    assert_int_equal(
        pn_dag_db_audits(world->db, &filter, &world->arena, &audits, &count, &next_id, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(audits[0].what, "trigger");
    filter = (struct pn_audit_filter){.words = "diamond", .oldest_first = true, .limit = 1};
    assert_int_equal(
        pn_dag_db_audits(world->db, &filter, &world->arena, &audits, &count, &next_id, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(audits[0].what, "trigger");
    filter.after_id = audits[0].id;
    filter.limit = 9;
    assert_int_equal(
        pn_dag_db_audits(world->db, &filter, &world->arena, &audits, &count, &next_id, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(audits[0].what, "note");
    filter.words = "me diamond nobody";
    assert_int_equal(
        pn_dag_db_audits(world->db, &filter, &world->arena, &audits, &count, &next_id, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(next_id, 0);
}

/* A call reads a bounded part of the audit, and says where the next continues. */
static void test_a_rare_word_is_found_in_pieces(void **state)
{
    struct world *world = *state;
    open_db(world);
    enum { ROWS = 2 * PN_AUDITS_READ_MAX + 7, RARE_FROM_NEWEST = PN_AUDITS_READ_MAX + 3 };
    assert_int_equal(pn_dag_db_begin(world->db, NULL), 0);
    for (int i = 0; i < ROWS; i++) {
        const struct pn_audit row = {.at_ms = i,
                                     .who = "test",
                                     .what = i == ROWS - 1 - RARE_FROM_NEWEST ? "rare" : "pause",
                                     .dag = "diamond"};
        assert_int_equal(pn_dag_db_audit(world->db, &row, NULL), 0);
    }
    assert_int_equal(pn_dag_db_end(world->db, 0, NULL), 0);
    const size_t expected[] = {0, 1, 0};
    struct pn_audit_filter filter = {.words = "rare", .limit = 9};
    struct pn_audit *audits = NULL;
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        int64_t next_id = 0;
        assert_int_equal(
            pn_dag_db_audits(world->db, &filter, &world->arena, &audits, &count, &next_id, NULL),
            0);
        assert_int_equal(count, expected[i]);
        assert_int_equal(next_id == 0, i == 2);
        filter.after_id = next_id;
    }
    /* A page that is full of rows ends before the first that it has no room for. */
    filter = (struct pn_audit_filter){.words = "pause", .limit = 9};
    int64_t next_id = 0;
    assert_int_equal(
        pn_dag_db_audits(world->db, &filter, &world->arena, &audits, &count, &next_id, NULL), 0);
    assert_int_equal(count, 9);
    assert_int_equal(next_id, audits[8].id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_old_database_is_brought_up_to_date, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_run_of_before_has_no_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_migration_survives_a_kill_at_any_moment, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_newer_database_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_list_scans_or_sorts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_runs_are_counted_as_they_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_logical_date_has_one_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_conf_is_a_json_object, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_rare_word_is_found_in_pieces, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
