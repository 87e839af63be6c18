#include "engine/duckdb/import.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time_text.h"
#include "delta/schema.h"
#include "engine/duckdb/asking.h"
#include "engine/duckdb/load_new.h"
#include "engine/duckdb/widen.h"
#include "engine/imported.h"
#include "engine/incremental.h"
#include "engine/rules.h"

struct import {
    struct pn_duckdb *engine;
    duckdb_connection connection;
    const struct pn_import *asked;
    struct pn_delta_snapshot *snapshot; /* of the table; NULL: there is none yet */
    struct pn_written *written;         /* of each file */
    bool *is_empty;                     /* of each file: nothing was in it */
    int64_t bad;
};

/* --- before ----------------------------------------------------------------------------------- */

static int check_table(const struct import *import, struct pn_err *e)
{
    const struct pn_table *table = import->asked->table;
    bool has_files = table->from_files != NULL;
    const char *source = has_files ? table->from_files->glob : table->from_topic;
    if (has_files && (table->mode != PN_MODE_APPEND || table->expect_count > 0)) {
        return pn_err_input(e,
                            "loads make table '%s' of the files %s of the store, and nothing else "
                            "may add rows to it: put the file there, and load the table",
                            table->name, source);
    }
    if (!pn_table_is_raw(table) || table->mode == PN_MODE_MERGE) {
        return pn_err_input(e,
                            "table '%s' is %s: import into the topic or the raw table that it is "
                            "made from",
                            table->name,
                            !pn_table_is_raw(table) ? "not a raw table" : "made by `mode: merge`");
    }
    if (table->mode == PN_MODE_OVERWRITE) {
        return pn_err_input(
            e,
            "each load makes table '%s' from topic %s alone, so imported rows would "
            "go: import into the topic, or declare the table with `mode: append`",
            table->name, source);
    }
    if (table->expect_count > 0) {
        return pn_err_input(e,
                            "table '%s' has tests (`expect`), which its loads run and an import "
                            "would pass over: import into its topic %s",
                            table->name, source);
    }
    if (import->snapshot != NULL && !pn_taken_holds(import->snapshot)) {
        return pn_err_input(e,
                            "table '%s' was made from files of a folder, or by `mode: overwrite`, "
                            "and its next load makes it again from %s: load it first",
                            table->name, source);
    }
    return 0;
}

/* The version of a file's transaction; -1: the table does not have the file. */
static int64_t txn_of(const struct pn_delta_snapshot *snapshot, const char *app_id)
{
    return snapshot != NULL ? pn_delta_txn_version(snapshot, app_id) : -1;
}

/* When the rows of a file came, or went; INT64_MAX: it has none, or the
 * table never had it. */
static int64_t changed_ms(const struct import *import, const struct pn_import_file *file)
{
    const struct pn_delta_txn *txn = pn_delta_txn_of(import->snapshot, file->app_id);
    const struct pn_delta_txn *dropped = pn_imported_dropped(import->snapshot, file->app_id);
    return txn == NULL || file->status.st_size == 0 ? INT64_MAX
           : dropped != NULL                        ? dropped->updated_ms
                                                    : txn->updated_ms;
}

/* May the file's rows be added, which the table has, or had? */
static int check_file_again(const struct import *import, const struct pn_import_file *file,
                            const struct pn_imported_turn *last, struct pn_err *e)
{
    const struct pn_delta_txn *txn = pn_delta_txn_of(import->snapshot, file->app_id);
    const struct pn_delta_txn *dropped = pn_imported_dropped(import->snapshot, file->app_id);
    const struct pn_imported_turn turn = pn_imported_turn_of(import->snapshot, file->app_id, last);
    const char *table = import->asked->table->name;
    char at[PN_ISO8601_SIZE] = "";
    char turned[PN_ISO8601_SIZE] = "";
    if (dropped != NULL && !turn.is_restore && !turn.is_uncertain) {
        return 0;
    }
    (void)pn_iso8601(txn->updated_ms, at);
    if (dropped != NULL && turn.at_ms < 0) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_DELTA_TXN_SEEN,
                          "%s was imported into table '%s' at %s, its rows were dropped, and the "
                          "log does not say any more whether a restore brought them back: if they "
                          "are not there, give --force to add them again, otherwise leave it out; "
                          "nothing was imported",
                          file->name, table, at);
    }
    if (turn.at_ms < 0) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_DELTA_TXN_SEEN,
                          "%s was imported into table '%s' already, at %s: leave it out, or give "
                          "--force to add its rows once more; nothing was imported",
                          file->name, table, at);
    }
    return pn_err_set(e, PN_CLASS_CONFLICT, PN_DELTA_TXN_SEEN,
                      "%s was imported into table '%s' at %s, and %s at %s may have %s: if they "
                      "are not there, give --force to add them again, otherwise leave it out; "
                      "nothing was imported",
                      file->name, table, at,
                      turn.is_restore ? "a restore of the table" : "what made the table afresh",
                      pn_iso8601(turn.at_ms, turned),
                      dropped != NULL ? "brought its rows back" : "taken its rows away");
}

static int check_again(const struct import *import, struct pn_err *e)
{
    const struct pn_import *asked = import->asked;
    int64_t first_ms = INT64_MAX;
    int rc = 0;
    if (import->snapshot == NULL || asked->again) {
        return 0;
    }
    for (size_t i = 0; i < asked->count; i++) {
        int64_t ms = changed_ms(import, &asked->files[i]);
        first_ms = ms < first_ms ? ms : first_ms;
    }
    if (first_ms == INT64_MAX) {
        return 0;
    }
    struct pn_delta *delta = pn_duckdb_delta(import->engine, asked->table->path);
    const struct pn_imported_turn last = pn_imported_turn_since(delta, import->snapshot, first_ms);
    pn_delta_destroy(&delta);
    for (size_t i = 0; rc == 0 && i < asked->count; i++) {
        bool is_known = changed_ms(import, &asked->files[i]) < INT64_MAX;
        rc = is_known ? check_file_again(import, &asked->files[i], &last, e) : 0;
    }
    return rc;
}

/* As the commit checks it, but before the dead letters are there. */
static int check_columns(const struct import *import, struct pn_err *e)
{
    struct pn_buf schema;
    bool adds = false;
    if (import->snapshot == NULL) {
        return 0;
    }
    pn_buf_init(&schema, PN_DUCKDB_SQL_MAX);
    pn_table_delta_schema(import->asked->table, &schema);
    int rc =
        pn_load_new_check_definition(import->engine, import->asked->table, import->snapshot, e);
    rc = rc == 0 ? pn_buf_check(&schema, "a table's schema", e) : rc;
    if (rc == 0) {
        rc = pn_delta_schema_accepts(import->snapshot->metadata.schema, pn_buf_text(&schema), &adds,
                                     e);
        if (rc != 0) {
            pn_err_prefix(e, "%s", import->asked->table->path);
        }
    }
    pn_buf_deinit(&schema);
    return rc;
}

/* --- files ------------------------------------------------------------------------------------ */

static int import_file(struct import *import, size_t i, struct pn_err *e)
{
    struct pn_import_file file = import->asked->files[i];
    struct pn_importing importing = {.engine = import->engine,
                                     .connection = import->connection,
                                     .import = import->asked,
                                     .file = &file,
                                     .number = i};
    char *unpacked = NULL;
    pn_arena_init(&importing.arena, 0);
    int rc = pn_import_unpack(import->engine, &file, &unpacked, e);
    if (rc == 0) {
        file.path = unpacked != NULL ? unpacked : file.path;
        rc = pn_import_file_write(&importing, &import->written[i], e);
    }
    import->bad += importing.bad;
    import->is_empty[i] = rc == 0 && importing.bad == 0 && import->written[i].rows == 0;
    if (unpacked != NULL) {
        pn_duckdb_remove_file(import->engine, unpacked);
    }
    free(unpacked);
    pn_arena_deinit(&importing.arena);
    return rc;
}

/* --- the commits ------------------------------------------------------------------------------ */

/* What the commit says of the files, of the rules of rows, and, of a new table, that no landed
 * object was taken yet. */
struct marks {
    struct pn_delta_txn *txns;
    int64_t *before;
    size_t count;
    bool any_known; /* the table has, or had, one of the files */
    struct pn_taken *taken;
    struct pn_arena arena;
};

static void add_mark(struct marks *marks, const struct pn_delta_txn *txn, int64_t before)
{
    marks->txns[marks->count] = *txn;
    marks->before[marks->count++] = before;
}

/* It is only checked. */
static void add_condition(struct marks *marks, struct pn_delta_txn condition)
{
    add_mark(marks, &condition, condition.version);
}

static void add_file_marks(const struct import *import, size_t i, int64_t now_ms,
                           struct marks *marks)
{
    const char *app_id = import->asked->files[i].app_id;
    struct pn_delta_txn txn = {.app_id = app_id,
                               .version = pn_imported_next(import->snapshot, app_id),
                               .updated_ms = now_ms};
    add_mark(marks, &txn, txn_of(import->snapshot, app_id));
    if (pn_imported_rows_txn(import->snapshot, app_id, import->written[i].rows, now_ms,
                             &marks->arena, &txn)) {
        add_mark(marks, &txn, PN_DELTA_TXN_ANY);
    }
    if (txn_of(import->snapshot, app_id) >= 0) {
        marks->any_known = true;
        add_condition(marks, pn_imported_not_dropped(import->snapshot, app_id, &marks->arena));
    }
}

static void make_marks(const struct import *import, struct marks *marks)
{
    const struct pn_import *asked = import->asked;
    const int64_t now_ms = pn_wall_ms(import->engine->clock);
    const struct pn_delta_txn made = {
        .app_id = PN_INCREMENTAL_DEFINITION,
        .version = pn_incremental_definition(import->engine->pipeline, asked->table),
        .updated_ms = now_ms};
    const struct pn_delta_txn *first = NULL;
    const int64_t *first_before = NULL;
    struct pn_delta_txn *rules = NULL;
    size_t first_count = 0;
    size_t rule_count = 0;
    pn_arena_init(&marks->arena, 0);
    if (import->snapshot == NULL) {
        marks->taken = pn_taken_create(NULL, false, made.version);
        pn_taken_txns(marks->taken, now_ms, &first, &first_before, &first_count);
    }
    pn_rules_txns(asked->table, import->snapshot, made.version, now_ms, &marks->arena, &rules,
                  &rule_count);
    const struct pn_delta_txn draw = pn_imported_draw(now_ms);
    const size_t most = 3 * asked->count + first_count + rule_count + 3;
    marks->txns = pn_xcalloc(most, sizeof *marks->txns);
    marks->before = pn_xcalloc(most, sizeof *marks->before);
    add_mark(marks, &draw, PN_DELTA_TXN_ANY);
    for (size_t i = 0; i < first_count; i++) {
        add_mark(marks, &first[i], first_before[i]);
    }
    for (size_t i = 0; i < rule_count; i++) {
        add_mark(marks, &rules[i], PN_DELTA_TXN_ANY);
    }
    /* The columns that the commit brings count from now on. */
    if (import->snapshot != NULL && txn_of(import->snapshot, made.app_id) != made.version) {
        add_mark(marks, &made, PN_DELTA_TXN_ANY);
    }
    for (size_t i = 0; i < asked->count; i++) {
        if (!import->is_empty[i]) { /* another day's empty file has the same contents */
            add_file_marks(import, i, now_ms, marks);
        }
    }
    if (marks->any_known) {
        add_condition(marks, pn_imported_not_restored(import->snapshot));
    }
}

static int advise_moved(const struct import *import, int rc, const char *why, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_RETRY, rc,
                      "a load or a restore of table '%s', or another import, was faster: run it "
                      "again (%s); nothing was imported",
                      import->asked->table->name, why);
}

static void marks_deinit(struct marks *marks)
{
    pn_taken_destroy(&marks->taken);
    pn_arena_deinit(&marks->arena);
    free(marks->txns);
    free(marks->before);
}

/* Would the commit fail by now? Then no letters of it are to be there, since those of a file whose
 * rows a restore took away stay, and the next import of the file would add none. */
static int check_unmoved(void *arg, struct pn_err *e)
{
    const struct import *import = arg;
    struct pn_delta_snapshot *now = NULL;
    struct marks marks = {.count = 0};
    make_marks(import, &marks);
    int rc = pn_duckdb_newest(import->engine, import->asked->table->path, &now, e);
    for (size_t i = 0; rc == 0 && i < marks.count; i++) {
        if (marks.before[i] != PN_DELTA_TXN_ANY &&
            marks.before[i] != txn_of(now, marks.txns[i].app_id)) {
            rc = advise_moved(import, PN_FAIL, "the table has changed", e);
        }
    }
    marks_deinit(&marks);
    pn_delta_snapshot_destroy(&now);
    return rc;
}

static int commit(struct import *import, int64_t *version, struct pn_err *e)
{
    const struct pn_import *asked = import->asked;
    struct pn_written all = {.rows = 0}; /* borrows from those of the files */
    struct marks marks = {.count = 0};
    size_t count = 0;
    for (size_t i = 0; i < asked->count; i++) {
        count += import->written[i].file_count;
    }
    all.adds = pn_xcalloc(count + 1, sizeof *all.adds);
    for (size_t i = 0; i < asked->count; i++) {
        for (size_t k = 0; k < import->written[i].file_count; k++) {
            all.adds[all.file_count++] = import->written[i].adds[k];
        }
    }
    make_marks(import, &marks);
    const struct pn_duckdb_put put = {.mode = PN_DELTA_APPEND,
                                      .txns = marks.txns,
                                      .txns_before = marks.before,
                                      .txn_count = marks.count};
    struct pn_err why = {0};
    int rc = pn_duckdb_commit(import->engine, asked->table, &all, &put, version, &why);
    if (rc == PN_DELTA_TXN_SEEN) {
        rc = advise_moved(import, rc, why.msg, e);
    } else {
        pn_err_copy(e, rc != 0 ? &why : NULL);
    }
    marks_deinit(&marks);
    free(all.adds);
    return rc;
}

/* --- the import ------------------------------------------------------------------------------- */

static int run(struct import *import, struct pn_import_report *report, struct pn_err *e)
{
    const struct pn_import *asked = import->asked;
    int rc = pn_import_make_bad(import->connection, e);
    for (size_t i = 0; rc == 0 && i < asked->count; i++) {
        if (asked->begin != NULL) {
            asked->begin(asked->arg, i);
        }
        rc = import_file(import, i, e);
        if (rc != 0 && atomic_load(&import->engine->interrupted)) {
            rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                            "the import was ended; nothing was imported");
        }
        if (rc == 0 && import->bad > 0 && !asked->takes_bad_rows) {
            rc = pn_import_refuse(import->connection, asked, import->bad, e);
        }
        report->rows += import->written[i].rows;
        report->empty += import->is_empty[i];
    }
    for (size_t i = 0; rc == 0 && i < asked->count; i++) {
        rc = pn_import_check_same(import->engine, &asked->files[i], e);
    }
    if (rc == 0 && import->bad > 0) {
        const struct pn_import_ready ready = {.check = check_unmoved, .arg = import};
        rc = pn_import_letters(import->engine, import->connection, asked, import->snapshot, &ready,
                               e);
    }
    report->dead_letters = import->bad;
    if (rc == 0 && report->empty == asked->count) {
        report->version = import->snapshot != NULL ? import->snapshot->version : -1;
    } else if (rc == 0) {
        rc = commit(import, &report->version, e);
    }
    return rc;
}

int pn_duckdb_import(struct pn_embedded_engine *base, const struct pn_import *asked,
                     struct pn_import_report *report, struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    struct import import = {.engine = engine, .asked = asked};
    *report = (struct pn_import_report){.version = -1};
    import.written = pn_xcalloc(asked->count, sizeof *import.written);
    import.is_empty = pn_xcalloc(asked->count, sizeof *import.is_empty);
    struct pn_in_progress in_progress;
    bool is_in_progress = false;
    bool widened = false;
    int rc = pn_duckdb_widen(engine, asked->table, &widened, e);
    if (rc == 0) {
        rc = pn_duckdb_newest(engine, asked->table->path, &import.snapshot, e);
    }
    if (rc == 0) {
        rc = check_table(&import, e);
    }
    if (rc == 0) {
        rc = check_again(&import, e);
    }
    if (rc == 0) {
        rc = check_columns(&import, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_connect_work(engine, &import.connection, e);
    }
    if (rc == 0) {
        pn_in_progress_begin(engine, &in_progress, import.connection);
        is_in_progress = true;
        rc = pn_duckdb_run(import.connection,
                           "SET enable_progress_bar = true; SET enable_progress_bar_print = false",
                           NULL, e);
    }
    if (rc == 0) {
        rc = run(&import, report, e);
    }
    if (is_in_progress) {
        pn_in_progress_end(engine, &in_progress);
    }
    for (size_t i = 0; i < asked->count; i++) {
        if (rc != 0) {
            pn_duckdb_write_undo(engine, &import.written[i], rc);
        }
        pn_written_deinit(&import.written[i]);
    }
    free(import.is_empty);
    duckdb_disconnect(&import.connection);
    pn_delta_snapshot_destroy(&import.snapshot);
    free(import.written);
    return rc;
}
