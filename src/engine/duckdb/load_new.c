#include "engine/duckdb/load_new.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/merge.h"
#include "engine/duckdb/widen.h"
#include "engine/imported.h"
#include "engine/incremental.h"
#include "engine/rules.h"

/* Reads the table, and asks whether the rows of its last load are still in it. */
static int read_snapshot(struct pn_load_new *load, bool *holds, struct pn_err *e)
{
    struct pn_err why = {0};
    struct pn_delta *delta = pn_duckdb_delta(load->engine, load->table->path);
    bool replaced = false;
    bool gone = false;
    int rc = pn_delta_snapshot(delta, -1, &load->snapshot, &why);
    *holds = rc == 0 && pn_taken_holds(load->snapshot);
    if (*holds && !load->is_asked) {
        int64_t since = pn_delta_txn_version(load->snapshot, PN_INCREMENTAL_SINCE);
        rc = pn_delta_replaced_since(delta, since, load->snapshot, PN_INCREMENTAL_SINCE, &replaced,
                                     &gone, &why);
        *holds = !replaced;
    }
    pn_delta_destroy(&delta);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        load->snapshot = NULL;
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc == 0 && gone
               ? pn_err_input(e,
                              "table '%s': the log of what happened to it since its last load was "
                              "cleaned, so another program may have overwritten it: run it with "
                              "--full-refresh, which makes it from the objects that there are",
                              load->table->name)
               : rc;
}

/* Objects of former loads may be gone, so it is for the user to say that the table may be made of
 * those that are there. */
int pn_load_new_check_definition(struct pn_duckdb *engine, const struct pn_table *table,
                                 const struct pn_delta_snapshot *snapshot, struct pn_err *e)
{
    enum { NAMED_BYTES_MAX = 600 }; /* so that the advice has room */
    struct pn_buf changed;
    pn_buf_init(&changed, PN_DUCKDB_SQL_MAX);
    int rc =
        pn_incremental_is_same(engine->pipeline, table, snapshot, &changed)
            ? 0
            : pn_err_input(e,
                           "table '%s': %.*s%s changed since the table was made: undo it, or run "
                           "its load with --full-refresh, which makes it from the objects "
                           "that there are",
                           table->name, NAMED_BYTES_MAX,
                           changed.len > 0
                               ? pn_buf_text(&changed)
                               : "one of `mode`, `key`, `order_by`, `delete_when`, `from_topic`, "
                                 "`format`, `csv`, `unknown_keys`, or `coerce`, `required`, "
                                 "`aliases`, `from` or `unwrap` of a column, has",
                           changed.len > NAMED_BYTES_MAX ? "..., and others," : "");
    pn_buf_deinit(&changed);
    return rc;
}

/* The pipeline's columns aren't the table's any more. */
static void advise_misfit(const struct pn_load_new *load, struct pn_err *e)
{
    const struct pn_err why = *e;
    (void)pn_err_set(e, why.class_, PN_DELTA_MISFIT,
                     "%s, as '%s' in pipeline.yml declares it. A table to which rows are added can "
                     "get columns, but not change those that it has: run it with --full-refresh, "
                     "which makes it afresh",
                     why.msg, load->table->name);
}

/* Rows of wider types than the table has are to come. */
static int widen(struct pn_load_new *load, struct pn_err *e)
{
    struct pn_err why = {0};
    bool widened = false;
    int rc = pn_duckdb_widen(load->engine, load->table, &widened, &why);
    if (rc == PN_DELTA_MISFIT) {
        advise_misfit(load, &why);
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    if (rc == 0 && widened) {
        pn_delta_snapshot_destroy(&load->snapshot);
        rc = pn_duckdb_newest(load->engine, load->table->path, &load->snapshot, e);
    }
    return rc;
}

/* --- rows of imports -------------------------------------------------------------------------- */

static struct pn_imported imported_of(const struct pn_load_new *load)
{
    struct pn_delta *delta = pn_duckdb_delta(load->engine, load->table->path);
    const struct pn_imported imported = pn_imported_of(delta, load->snapshot);
    pn_delta_destroy(&delta);
    return imported;
}

/* A table is about to be made of its source alone, where the rows of imports are not. */
static int check_imported(const struct pn_load_new *load, struct pn_err *e)
{
    const struct pn_imported imported = imported_of(load);
    struct pn_buf what;
    if (imported.files == 0 || pn_duckdb_drops_imported(load->engine, load->table)) {
        return 0;
    }
    pn_buf_init(&what, sizeof e->msg);
    pn_imported_describe(&imported, &what);
    int rc = pn_err_input(
        e,
        "table '%s': %s, and dead letters of imports, would go, since the table is to be made from "
        "%s alone: to allow it, give --drop-imported (in the conf of a run, \"drop_imported\": "
        "true)%s; nothing was changed",
        load->table->name, pn_buf_text(&what),
        load->engine->config.landed_folder != NULL ? "files of a folder"
        : load->table->from_files != NULL          ? "the files of the store"
                                                   : "the objects of its topic",
        load->engine->config.landed_folder != NULL
            ? ", and import the files again after the next load of the topic"
        : load->table->mode == PN_MODE_OVERWRITE ? ", and put their rows into its source first"
                                                 : ", and import the files again afterwards");
    pn_buf_deinit(&what);
    return rc;
}

static void say_imported(const struct pn_load_new *load, struct pn_table_report *report)
{
    const struct pn_imported imported = imported_of(load);
    struct pn_buf what;
    pn_buf_init(&what, sizeof report->why_afresh);
    pn_imported_describe(&imported, &what);
    size_t at = strlen(report->why_afresh);
    if (imported.files > 0) {
        (void)snprintf(report->why_afresh + at, sizeof report->why_afresh - at, "%s%s left out",
                       at > 0 ? ", " : "", pn_buf_text(&what));
    }
    pn_buf_deinit(&what);
}

static void begin_files(struct pn_load_new *load)
{
    if (load->table->from_files == NULL) {
        return;
    }
    if (load->taken != NULL) {
        load->book = pn_object_book_create(load->snapshot, load->afresh);
    }
    load->files = pn_from_files_create(load->engine, load->table, load->book);
}

int pn_load_new_begin(struct pn_load_new *load, struct pn_duckdb *engine,
                      const struct pn_table *table, struct pn_table_report *report,
                      struct pn_err *e)
{
    *load = (struct pn_load_new){
        .engine = engine, .table = table, .is_asked = pn_duckdb_refreshes(engine, table)};
    pn_arena_init(&load->arena, 0);
    if (table->mode == PN_MODE_OVERWRITE || engine->config.landed_folder != NULL) {
        begin_files(load); /* files of a folder have no offsets */
        int read = pn_duckdb_newest(engine, table->path, &load->snapshot, e);
        read = read == 0 ? check_imported(load, e) : read;
        if (read == 0) {
            say_imported(load, report);
        }
        return read;
    }
    bool holds = false;
    int rc = read_snapshot(load, &holds, e);
    if (rc != 0) {
        return rc;
    }
    load->afresh = load->is_asked || !holds;
    if (load->afresh) {
        rc = check_imported(load, e);
    } else {
        rc = pn_load_new_check_definition(engine, table, load->snapshot, e);
        rc = rc == 0 ? widen(load, e) : rc;
    }
    load->taken = pn_taken_create(load->snapshot, load->afresh,
                                  pn_incremental_definition(engine->pipeline, table));
    pn_letter_batch_begin(&load->batch, table, load->snapshot, load->afresh);
    begin_files(load);
    if (load->afresh && load->snapshot != NULL) {
        (void)snprintf(report->why_afresh, sizeof report->why_afresh, "%s",
                       load->is_asked
                           ? "--full-refresh"
                           : "it was overwritten since its last load: with another mode, from "
                             "files, or by another program");
        say_imported(load, report);
    }
    return rc;
}

static int wants(void *arg, const char *topic, const struct pn_object *object, bool *wanted,
                 struct pn_err *e)
{
    struct pn_load_new *load = arg;
    return pn_taken_wants(load->taken, topic, object->key, object->modified_ms, wanted, e);
}

int pn_load_new_find(struct pn_load_new *load, struct pn_landed_scan *scan, struct pn_err *e)
{
    if (load->files != NULL) {
        return pn_from_files_find(load->files, e);
    }
    if (load->taken != NULL) {
        pn_landed_choose(scan, wants, load);
    }
    int rc = pn_landed_add_topics(scan, load->engine->pipeline->topics_dir, load->table->from_topic,
                                  NULL, NULL, e);
    return rc == 0 && load->taken != NULL ? pn_taken_check(load->taken, load->table->name, e) : rc;
}

/* --- what the objects hold -------------------------------------------------------------------- */

/* The offsets that the store keeps beside an object; 0: it keeps none, or there is no object. */
static int stored_count(struct pn_load_new *load, const char *key, int64_t *count, struct pn_err *e)
{
    struct pn_store_file *file = NULL;
    struct pn_err why = {0};
    int64_t first = 0;
    int64_t end = 0;
    *count = 0;
    int rc = pn_store_open(load->engine->store, key, &file, &why);
    if (rc != 0) {
        pn_err_copy(e, why.class_ != PN_CLASS_MISSING ? &why : NULL);
        return why.class_ != PN_CLASS_MISSING ? rc : 0;
    }
    if (pn_store_offsets(file, &first, &end) && end > first) {
        *count = end - first;
    }
    pn_store_close(&file);
    return 0;
}

static int count_lines(struct pn_store_file *file, int64_t *lines, struct pn_err *e)
{
    char bytes[1 << 14];
    int64_t offset = 0;
    size_t got = sizeof bytes;
    int rc = 0;
    while (rc == 0 && got == sizeof bytes) {
        rc = pn_store_read_at(file, bytes, sizeof bytes, offset, &got, e);
        for (size_t i = 0; rc == 0 && i < got; i++) {
            *lines += bytes[i] == '\n';
        }
        offset += (int64_t)got;
    }
    return rc;
}

/* Of an object that all of its records are dead letters of the sink, a folder has only those: as
 * many lines as the object has offsets. With fewer of them, the object is there or will be. */
static int explain(void *arg, const char *topic, int32_t partition, int64_t number, int64_t *count,
                   struct pn_err *e)
{
    struct pn_load_new *load = arg;
    struct pn_store_file *file = NULL;
    struct pn_err why = {0};
    int64_t first = 0;
    int64_t end = 0;
    int64_t lines = 0;
    char *key = pn_xasprintf("%s/%s/partition=%" PRId32 "/%s+%" PRId32 "+%010" PRId64 ".json",
                             load->engine->pipeline->dead_letters_dir, topic, partition, topic,
                             partition, number);
    int rc = pn_store_open(load->engine->store, key, &file, &why);
    if (rc == 0 && pn_store_offsets(file, &first, &end)) {
        rc = count_lines(file, &lines, &why);
    }
    *count = rc == 0 && end > first && lines == end - first ? lines : 0;
    pn_store_close(&file);
    free(key);
    bool missing = rc != 0 && why.class_ == PN_CLASS_MISSING;
    pn_err_copy(e, rc != 0 && !missing ? &why : NULL);
    return missing ? 0 : rc;
}

int pn_load_new_settle(struct pn_load_new *load, const struct pn_landed_scan *scan,
                       struct pn_err *e)
{
    int rc = 0;
    if (load->files != NULL) {
        return pn_from_files_settle(load->files, e);
    }
    for (size_t i = 0; rc == 0 && load->taken != NULL && i < pn_landed_files(scan); i++) {
        struct pn_landed_file file = pn_landed_file(scan, i);
        int64_t count = file.has_offsets ? file.end - file.first : file.lines;
        if (!file.has_offsets && file.lines == 0) {
            rc = stored_count(load, file.name, &count, e); /* an empty object was not opened */
        }
        if (rc == 0) {
            pn_taken_add(load->taken, file.topic, file.name, count > 0 ? count : 1);
        }
    }
    /* In a bucket such an object is there, without lines. */
    bool is_folder = pn_store_is_local(load->engine->store);
    return rc == 0 && load->taken != NULL
               ? pn_taken_settle(load->taken, is_folder ? explain : NULL, load, e)
               : rc;
}

/* --- the commit ------------------------------------------------------------------------------- */

bool pn_load_new_is_idle(const struct pn_load_new *load, const struct pn_landed_scan *scan)
{
    size_t count = load->files != NULL ? pn_from_files_count(load->files) : pn_landed_files(scan);
    return load->taken != NULL && !load->afresh && count == 0;
}

static void advise_moved(const struct pn_load_new *load, struct pn_err *e)
{
    const struct pn_err why = *e;
    (void)pn_err_set(e, PN_CLASS_RETRY, PN_DELTA_TXN_SEEN,
                     "another load of table '%s' was faster, or an import: run it again (%s)",
                     load->table->name, why.msg);
}

/* The file of `written` is not a part of the table; it is removed. */
static int merge_rows(struct pn_load_new *load, const struct pn_written *written,
                      const struct pn_duckdb_put *put, struct pn_table_report *report,
                      struct pn_err *e)
{
    duckdb_connection connection = NULL;
    const struct pn_merge merge = {.engine = load->engine,
                                   .table = load->table,
                                   .batch = written,
                                   .afresh = load->afresh,
                                   .put = put};
    int rc = pn_duckdb_connect_work(load->engine, &connection, e);
    if (rc == 0) {
        rc = pn_duckdb_merge(&merge, connection, report, e);
    }
    if (rc == 0) {
        pn_duckdb_write_undo(load->engine, written, 0);
    }
    duckdb_disconnect(&connection);
    return rc;
}

/* Adds transactions that are set whatever they were. */
static void add_txns_set(struct pn_load_new *load, const struct pn_delta_txn *txns, size_t count,
                         size_t *all)
{
    load->txns = pn_xrealloc(load->txns, (*all + count + 1) * sizeof *load->txns);
    load->txns_before =
        pn_xrealloc(load->txns_before, (*all + count + 1) * sizeof *load->txns_before);
    for (size_t i = 0; i < count; i++, (*all)++) {
        load->txns[*all] = txns[i];
        load->txns_before[*all] = PN_DELTA_TXN_ANY;
    }
}

/* Those of imports whose rows the commit drops; and the condition that no import came since these
 * were looked for. What changes no rows, as a compaction, may come. */
static void add_dropped(struct pn_load_new *load, size_t *all)
{
    struct pn_delta_txn *txns = NULL;
    size_t count = 0;
    struct pn_delta *delta = pn_duckdb_delta(load->engine, load->table->path);
    pn_imported_drop_txns(delta, load->snapshot, pn_wall_ms(load->engine->clock), &load->arena,
                          &txns, &count);
    pn_delta_destroy(&delta);
    add_txns_set(load, txns, count, all);
    const struct pn_delta_txn condition = pn_imported_condition(load->snapshot);
    add_txns_set(load, &condition, 1, all);
    load->txns_before[*all - 1] = condition.version;
}

/* The table is made of what was read alone, and holds no positions. */
static int overwrite(struct pn_load_new *load, const struct pn_written *written, const char *notes,
                     struct pn_table_report *report, struct pn_err *e)
{
    const struct pn_delta_txn unmarked = {
        .app_id = PN_INCREMENTAL_MARK, .version = 0, .updated_ms = pn_wall_ms(load->engine->clock)};
    struct pn_delta *delta = pn_duckdb_delta(load->engine, load->table->path);
    struct pn_duckdb_put put = {.mode = PN_DELTA_OVERWRITE, .notes = notes};
    bool merges = load->table->mode == PN_MODE_MERGE;
    int64_t mark = -1;
    int rc = pn_delta_txn_latest(delta, PN_INCREMENTAL_MARK, &mark, e);
    pn_delta_destroy(&delta);
    if (rc != 0) {
        return rc;
    }
    add_dropped(load, &put.txn_count);
    if (merges || mark > 0) {
        add_txns_set(load, &unmarked, 1, &put.txn_count);
        load->txns_before[put.txn_count - 1] = mark;
    }
    put.txns = load->txns;
    put.txns_before = load->txns_before;
    load->afresh = load->afresh || merges;
    return merges ? merge_rows(load, written, &put, report, e)
                  : pn_duckdb_commit(load->engine, load->table, written, &put, &report->version, e);
}

/* The transactions of the positions, of the objects, and of the letters of data tests. */
static void add_txns(struct pn_load_new *load, struct pn_duckdb_put *put)
{
    const int64_t now_ms = pn_wall_ms(load->engine->clock);
    pn_taken_txns(load->taken, now_ms, &put->txns, &put->txns_before, &put->txn_count);
    const size_t room = put->txn_count + PN_LETTER_BATCH_TXNS;
    load->txns = pn_xcalloc(room, sizeof *load->txns);
    load->txns_before = pn_xcalloc(room, sizeof *load->txns_before);
    memcpy(load->txns, put->txns, put->txn_count * sizeof *load->txns);
    memcpy(load->txns_before, put->txns_before, put->txn_count * sizeof *load->txns_before);
    pn_letter_batch_txns(&load->batch, now_ms, load->txns, load->txns_before, &put->txn_count);
    if (load->book != NULL) {
        pn_object_book_txns(load->book, now_ms, &load->txns, &load->txns_before, &put->txn_count);
    }
    struct pn_delta_txn *rules = NULL;
    size_t count = 0;
    pn_rules_txns(load->table, load->snapshot,
                  pn_incremental_definition(load->engine->pipeline, load->table), now_ms,
                  &load->arena, &rules, &count);
    add_txns_set(load, rules, count, &put->txn_count);
    if (load->afresh) {
        add_dropped(load, &put->txn_count);
    }
    put->txns = load->txns;
    put->txns_before = load->txns_before;
}

/* The table is made of what was read, or that is added to it, with the positions. */
static int put_taken(struct pn_load_new *load, const struct pn_written *written, const char *notes,
                     struct pn_table_report *report, struct pn_err *e)
{
    struct pn_duckdb_put put = {.mode = load->afresh ? PN_DELTA_OVERWRITE : PN_DELTA_APPEND,
                                .notes = notes};
    add_txns(load, &put);
    report->is_added = !load->afresh;
    return load->table->mode == PN_MODE_MERGE
               ? merge_rows(load, written, &put, report, e)
               : pn_duckdb_commit(load->engine, load->table, written, &put, &report->version, e);
}

int pn_load_new_commit(struct pn_load_new *load, const struct pn_written *written,
                       const char *notes, struct pn_table_report *report, struct pn_err *e)
{
    struct pn_err why = {0};
    int rc = load->taken == NULL ? overwrite(load, written, notes, report, &why)
                                 : put_taken(load, written, notes, report, &why);
    if (rc == PN_DELTA_MISFIT && load->taken != NULL) {
        advise_misfit(load, &why);
    } else if (rc == PN_DELTA_TXN_SEEN || rc == PN_DELTA_MOVED) {
        advise_moved(load, &why);
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

void pn_load_new_deinit(struct pn_load_new *load)
{
    free(load->txns);
    free(load->txns_before);
    pn_from_files_destroy(&load->files);
    pn_object_book_destroy(&load->book);
    pn_taken_destroy(&load->taken);
    pn_delta_snapshot_destroy(&load->snapshot);
    pn_arena_deinit(&load->arena);
}
