/*
 * Landed objects to raw tables. All data files are written first, then the dead letters are
 * committed, then the tables: what fails before the commits leaves every table as it was, and rows
 * are never missing from both a raw table and the dead letters.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/dead_letters.h"
#include "engine/duckdb/landed.h"
#include "engine/duckdb/write.h"

struct load {
    struct pn_duckdb *engine;
    const struct pn_table *const *tables;
    size_t count;
    struct pn_landed_scan **scans;
    struct pn_written *written;
    struct pn_dead_letters *dead;
    struct pn_table_report *reports;
};

/* The file of a folder that holds a table's records: named after the table, the topic, or the
 * topic's last part, and ending in .json, .jsonl or .ndjson. */
static int find_file(const struct pn_io *io, const char *folder, const struct pn_table *table,
                     char **path, struct pn_err *e)
{
    static const char *const suffixes[] = {"json", "jsonl", "ndjson"};
    const char *dot = strrchr(table->from_topic, '.');
    const char *names[] = {table->name, table->from_topic,
                           dot != NULL ? dot + 1 : table->from_topic};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t k = 0; k < sizeof suffixes / sizeof *suffixes; k++) {
            char *candidate = pn_xasprintf("%s/%s.%s", folder, names[i], suffixes[k]);
            if (pn_io_exists(io, candidate)) {
                *path = candidate;
                return 0;
            }
            free(candidate);
        }
    }
    return pn_err_missing(e,
                          "%s has no file for table '%s': %s.json, %s.json or %s.json "
                          "(or .jsonl, .ndjson)",
                          folder, table->name, names[0], names[1], names[2]);
}

static int find_landed(struct load *load, size_t i, struct pn_err *e)
{
    struct pn_duckdb *engine = load->engine;
    const struct pn_table *table = load->tables[i];
    char *place = NULL;
    int rc = 0;
    if (engine->config.landed_folder != NULL) {
        rc = find_file(engine->config.io, engine->config.landed_folder, table, &place, e);
        if (rc == 0) {
            rc = pn_landed_add_file(load->scans[i], place, e);
        }
    } else {
        place = pn_xasprintf("%s/%s/", engine->pipeline->topics_dir, table->from_topic);
        rc = pn_landed_add_objects(load->scans[i], place, e);
    }
    free(place);
    return rc;
}

static int load_table(void *arg, size_t i, duckdb_connection connection, struct pn_err *e)
{
    struct load *load = arg;
    struct pn_table_report *report = &load->reports[i];
    int64_t start_ms = pn_mono_ms(load->engine->clock);
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = find_landed(load, i, e);
    if (rc == 0) {
        pn_buf_adds(&sql, "SELECT * FROM ");
        pn_landed_add_call(load->scans[i], &sql);
        rc = pn_duckdb_write(load->engine, connection, load->tables[i], &sql, &load->written[i], e);
        if (rc != 0) {
            (void)pn_landed_failure(load->scans[i], e);
        }
    }
    struct pn_landed_counts counts = pn_landed_counts(load->scans[i]);
    report->rows = counts.rows;
    report->dead_letters = counts.rejected;
    report->unknown_values = counts.unknown;
    report->objects = counts.objects;
    report->bytes = counts.bytes;
    report->duration_ms = pn_mono_ms(load->engine->clock) - start_ms;
    pn_buf_deinit(&sql);
    if (rc != 0) {
        pn_err_prefix(e, "loading table '%s'", load->tables[i]->name);
    }
    return rc;
}

static int commit_dead_letters(struct load *load, struct pn_err *e)
{
    duckdb_connection connection = NULL;
    int64_t *sunk = pn_xcalloc(load->count, sizeof *sunk);
    int rc = pn_duckdb_connect_work(load->engine, &connection, e);
    if (rc == 0) {
        rc = pn_dead_letters_commit(load->dead, connection, load->scans, sunk, e);
    }
    for (size_t i = 0; i < load->count; i++) {
        load->reports[i].dead_letters += sunk[i];
    }
    duckdb_disconnect(&connection);
    free(sunk);
    if (rc != 0) {
        pn_err_prefix(e, "writing the dead letters");
    }
    return rc;
}

/* Commits table after table; *done counts those whose file is named by a commit now. */
static int commit_tables(struct load *load, size_t *done, struct pn_err *e)
{
    for (; *done < load->count; (*done)++) {
        int rc = pn_duckdb_overwrite(load->engine, load->tables[*done], &load->written[*done],
                                     &load->reports[*done].version, e);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
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
        .written = pn_xcalloc(count, sizeof(struct pn_written)),
        .dead = pn_dead_letters_create(engine, tables, count),
        .reports = reports,
    };
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        PN_ASSERT(tables[i]->from_topic != NULL);
        reports[i] = (struct pn_table_report){.table = tables[i]};
        load.scans[i] = pn_landed_create(engine, tables[i], pn_dead_letters_take,
                                         pn_dead_letters_for(load.dead, i));
    }
    int rc = pn_duckdb_jobs(engine, count, load_table, &load, e);
    if (rc == 0) {
        rc = commit_dead_letters(&load, e);
    }
    if (rc == 0) {
        rc = commit_tables(&load, &done, e);
    }
    for (size_t i = 0; i < count; i++) {
        if (i >= done) {
            pn_duckdb_write_undo(engine, tables[i], &load.written[i], rc);
        }
        pn_written_deinit(&load.written[i]);
        pn_landed_destroy(&load.scans[i]);
    }
    pn_dead_letters_destroy(&load.dead);
    free(load.written);
    free(load.scans);
    return rc;
}
