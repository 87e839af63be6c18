/*
 * Landed objects to raw tables. All data files are written first, then the dead letters are
 * committed, then the tables: what fails before the commits leaves every table as it was, and rows
 * are never missing from both a raw table and the dead letters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/expect.h"
#include "engine/duckdb/landed.h"
#include "engine/duckdb/load_new.h"
#include "engine/duckdb/merge.h"
#include "engine/duckdb/write.h"
#include "engine/unknown_note.h"
#include "pipeline/pattern.h"

struct load {
    struct pn_duckdb *engine;
    const struct pn_table *const *tables;
    size_t count;
    struct pn_landed_scan **scans;
    struct pn_load_new *news;
    struct pn_written *written;
    struct pn_dead_letters *dead;
    duckdb_connection connection; /* of the dead letters; NULL: none yet */
    struct pn_table_report *reports;
};

static const char *const suffixes[] = {"json",    "jsonl",    "ndjson",
                                       "json.gz", "jsonl.gz", "ndjson.gz"};

/* The length of a file's name without one of the endings; 0 when it has none. */
static size_t stem_len(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof suffixes / sizeof *suffixes; i++) {
        if (strcmp(dot + 1, suffixes[i]) == 0) {
            return (size_t)(dot - name);
        }
    }
    return 0;
}

/* Adds the files that are named after topics that match the table's pattern. */
static int add_matching(struct pn_landed_scan *scan, const struct pn_io *io, const char *folder,
                        const struct pn_table *table, bool *any, struct pn_err *e)
{
    struct pn_io_listing listing;
    int rc = pn_io_list(io, folder, &listing, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < listing.count; i++) {
        const struct pn_io_entry *entry = &listing.entries[i];
        char *topic = pn_xstrndup(entry->name, stem_len(entry->name));
        if (!entry->is_dir && topic[0] != '\0' && pn_pattern_matches(table->from_topic, topic)) {
            char *path = pn_xasprintf("%s/%s", folder, entry->name);
            rc = pn_landed_add_file(scan, path, topic, e);
            *any = true;
            free(path);
        }
        free(topic);
    }
    pn_io_listing_deinit(&listing);
    return rc;
}

/* The file of a folder that holds a table's records: named after the table, the topic, or the
 * topic's last part, and ending in .json, .jsonl or .ndjson. A pattern's topics may have one each.
 */
static int add_files(struct pn_landed_scan *scan, const struct pn_io *io, const char *folder,
                     const struct pn_table *table, struct pn_err *e)
{
    if (table->from_files != NULL) {
        return pn_err_input(e,
                            "table '%s' is made of files of the store (from_files), not of those "
                            "of a folder: leave out --from",
                            table->name);
    }
    const char *dot = strrchr(table->from_topic, '.');
    /* Which of a pattern's topics the file is from, its name does not say. */
    const char *topic = pn_is_pattern(table->from_topic) ? NULL : table->from_topic;
    const char *names[] = {table->name, table->from_topic,
                           dot != NULL ? dot + 1 : table->from_topic};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t k = 0; k < sizeof suffixes / sizeof *suffixes; k++) {
            char *candidate = pn_xasprintf("%s/%s.%s", folder, names[i], suffixes[k]);
            bool there = pn_io_exists(io, candidate);
            int rc = there ? pn_landed_add_file(scan, candidate, topic, e) : 0;
            free(candidate);
            if (there) {
                return rc;
            }
        }
    }
    bool any = false;
    int rc = pn_is_pattern(table->from_topic) ? add_matching(scan, io, folder, table, &any, e) : 0;
    if (rc != 0 || any) {
        return rc;
    }
    return pn_err_missing(e,
                          "%s has no file for table '%s': %s.json, %s.json or %s.json "
                          "(or .jsonl, .ndjson, each also with .gz)",
                          folder, table->name, names[0], names[1], names[2]);
}

static int find_landed(struct load *load, size_t i, struct pn_err *e)
{
    struct pn_duckdb *engine = load->engine;
    const struct pn_table *table = load->tables[i];
    if (engine->config.landed_folder != NULL) {
        return add_files(load->scans[i], engine->config.io, engine->config.landed_folder, table, e);
    }
    return pn_load_new_find(&load->news[i], load->scans[i], e);
}

static int write_rows(struct load *load, size_t i, duckdb_connection connection,
                      const struct pn_table *batch, struct pn_err *e)
{
    struct pn_landed_scan *scan = load->scans[i];
    struct pn_buf sql;
    if (load->news[i].files != NULL) {
        return pn_from_files_write(load->news[i].files, connection, batch, scan, &load->written[i],
                                   e);
    }
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT * FROM ");
    pn_landed_add_call(scan, &sql);
    int rc = pn_duckdb_write_from(load->engine, connection, batch, &sql,
                                  pn_landed_counts(scan).bytes, &load->written[i], e);
    if (rc != 0) {
        (void)pn_landed_failure(scan, e);
    }
    pn_buf_deinit(&sql);
    return rc;
}

static int load_table(void *arg, size_t i, duckdb_connection connection, struct pn_err *e)
{
    struct load *load = arg;
    struct pn_table_report *report = &load->reports[i];
    int64_t start_ms = pn_mono_ms(load->engine->clock);
    int rc = pn_load_new_begin(&load->news[i], load->engine, load->tables[i], report, e);
    if (rc == 0) {
        rc = find_landed(load, i, e);
    }
    if (rc == 0) {
        rc = pn_letter_batch_settle_last(&load->news[i].batch, load->engine, connection, e);
    }
    report->is_unchanged = rc == 0 && pn_load_new_is_idle(&load->news[i], load->scans[i]);
    if (report->is_unchanged) {
        report->version = load->news[i].snapshot->version;
    }
    if (rc == 0 && !report->is_unchanged) {
        const struct pn_table batch = pn_merge_batch_table(load->tables[i]);
        rc = write_rows(load, i, connection, &batch, e);
        if (rc == 0) {
            bool adds = load->news[i].taken != NULL && !load->news[i].afresh;
            const struct pn_quarantine to = {
                .batch = &load->news[i].batch, .load = load->dead, .place = i};
            rc = pn_duckdb_expect(load->engine, connection, load->tables[i], adds, &to,
                                  &load->written[i], report, e);
        }
    }
    if (rc == 0) {
        rc = pn_load_new_settle(&load->news[i], load->scans[i], e);
    }
    struct pn_landed_counts counts = pn_landed_counts(load->scans[i]);
    report->rows = counts.rows - report->dead_letters; /* those that a data test takes out */
    report->dead_letters += counts.rejected;
    pn_landed_report_unknown(load->scans[i], report);
    report->objects = counts.objects;
    report->bytes = counts.bytes;
    report->passed_over = counts.passed_over;
    (void)snprintf(report->passed_over_example, sizeof report->passed_over_example, "%s",
                   counts.passed_over > 0 ? counts.passed_over_example : "");
    if (load->news[i].files != NULL) {
        pn_from_files_report(load->news[i].files, report);
    }
    report->duration_ms = pn_mono_ms(load->engine->clock) - start_ms;
    if (rc != 0) {
        pn_err_prefix(e, "loading table '%s'", load->tables[i]->name);
    }
    return rc;
}

static int commit_dead_letters(struct load *load, struct pn_err *e)
{
    int64_t *sunk = pn_xcalloc(load->count, sizeof *sunk);
    struct pn_dead_letters_way *ways = pn_xcalloc(load->count, sizeof *ways);
    for (size_t i = 0; i < load->count; i++) {
        ways[i].is_added = load->news[i].taken != NULL && !load->news[i].afresh;
        ways[i].batch = &load->news[i].batch;
    }
    int rc = pn_duckdb_connect_work(load->engine, &load->connection, e);
    if (rc == 0) {
        rc = pn_dead_letters_commit(load->dead, load->connection, load->scans, ways, sunk, e);
    }
    for (size_t i = 0; i < load->count; i++) {
        load->reports[i].dead_letters += sunk[i];
    }
    free(ways);
    free(sunk);
    if (rc != 0) {
        pn_err_prefix(e, "writing the dead letters");
    }
    return rc;
}

/* Commits table after table; *done counts those whose file is named by a commit now. */
static int commit_tables(struct load *load, size_t *done, struct pn_err *e)
{
    int rc = 0;
    struct pn_buf notes;
    pn_buf_init(&notes, PN_UNKNOWN_NOTE_BYTES_MAX);
    while (rc == 0 && *done < load->count) {
        pn_buf_reset(&notes);
        pn_unknown_note_write(&notes, &load->reports[*done]);
        rc = pn_buf_check(&notes, "a commit's notes", e);
        if (rc == 0 && !load->reports[*done].is_unchanged) {
            rc = pn_load_new_commit(&load->news[*done], &load->written[*done], pn_buf_text(&notes),
                                    &load->reports[*done], e);
        }
        *done += rc == 0;
    }
    pn_buf_deinit(&notes);
    return rc;
}

/* Takes out the letters of imports, after the commit that dropped their rows. */
static void end_imported(struct load *load, size_t i)
{
    const struct pn_load_new *new = &load->news[i];
    struct pn_err why = {0};
    if ((new->taken != NULL && !new->afresh) || new->snapshot == NULL) {
        return;
    }
    if (pn_dead_letters_end_imported(load->dead, load->connection, new->table,
                                     new->snapshot->version, &why) != 0) {
        pn_logger_warn(
            load->engine->logger, "engine",
            "dead letters of imports into table '%s', whose rows were dropped, are there "
            "still; what makes the table afresh next takes them out: %s",
            new->table->name, why.msg);
    }
}

/* Settles which letters of data tests and of imports stay. `done` tables were committed; the commit
 * of the next one, if there was one, failed with `rc`. */
static void settle_letters(struct load *load, size_t done, int rc)
{
    struct pn_err why = {0};
    for (size_t i = 0; i < load->count; i++) {
        if (load->reports[i].is_unchanged) {
            continue;
        }
        if (load->connection == NULL &&
            pn_duckdb_connect_work(load->engine, &load->connection, &why) != 0) {
            pn_logger_warn(load->engine->logger, "engine", "%s", why.msg);
            return; /* the next load does it */
        }
        int outcome = i < done ? 0 : PN_FAIL;
        pn_letter_batch_settle(&load->news[i].batch, load->engine, load->connection,
                               i == done ? rc : outcome);
        if (i < done) {
            end_imported(load, i);
        }
    }
}

int pn_duckdb_load(struct pn_engine *base, const struct pn_table *const *tables, size_t count,
                   struct pn_table_report *reports, struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    if (count == 0) {
        return 0;
    }
    struct load load = {
        .engine = engine,
        .tables = tables,
        .count = count,
        .scans = pn_xcalloc(count, sizeof(struct pn_landed_scan *)),
        .news = pn_xcalloc(count, sizeof(struct pn_load_new)),
        .written = pn_xcalloc(count, sizeof(struct pn_written)),
        .dead = pn_dead_letters_create(engine, tables, count),
        .reports = reports,
    };
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        PN_ASSERT(pn_table_is_raw(tables[i]));
        reports[i] = (struct pn_table_report){.table = tables[i]};
        load.scans[i] = pn_landed_create(engine, tables[i], pn_dead_letters_take,
                                         pn_dead_letters_for(load.dead, i));
    }
    int rc = pn_duckdb_jobs(engine, count, load_table, &load, e);
    bool was_read = rc == 0;
    if (rc == 0) {
        rc = commit_dead_letters(&load, e);
    }
    bool has_letters = rc == 0; /* what the commit of the letters failed with is of no table */
    if (rc == 0) {
        rc = commit_tables(&load, &done, e);
    }
    if (was_read) {
        settle_letters(&load, done, has_letters ? rc : PN_FAIL);
    }
    for (size_t i = 0; i < count; i++) {
        if (i >= done) {
            pn_duckdb_write_undo(engine, &load.written[i], rc);
        }
        pn_written_deinit(&load.written[i]);
        pn_landed_destroy(&load.scans[i]);
        pn_load_new_deinit(&load.news[i]);
    }
    duckdb_disconnect(&load.connection);
    pn_dead_letters_destroy(&load.dead);
    free(load.written);
    free(load.news);
    free(load.scans);
    return rc;
}
