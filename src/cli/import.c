/* pinion import: files become rows of a table, or records of a topic (import_topic.c). */
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/import_topic.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "engine/embedded.h"
#include "report/terminal.h"
#include "server/stations.h"

enum { HASH_BYTES = 1 << 20, LOOK_MS = 100 };

struct import_opts {
    const char *format; /* NULL: by the file's name */
    const char *bad_rows;
    const char *extra_columns;
    const char *delimiter;
    const char *quote;
    bool no_header;
    bool force;
};

struct importing {
    struct pn_cli *cli;
    const struct pn_app *app;
    struct pn_store *store;
    struct pn_embedded_engine *engine;
    struct pn_import import;
    struct pn_import_file *files;
    int64_t *sizes;
    int64_t bytes;
    struct pn_arena arena;
    struct pn_import_report report;
    int64_t records; /* that went to a topic */
    /* The thread that shows how far it is. */
    struct pn_progress progress;
    pthread_t thread;
    atomic_bool done;
    atomic_int_fast64_t before; /* bytes of the files before */
    atomic_int_fast64_t size;   /* of the file that is read */
};

/* --- files ------------------------------------------------------------------------------------ */

static int choose_format(const char *path, const char *name, const char *wanted,
                         enum pn_file_format *format, struct pn_err *e)
{
    for (int i = 0; wanted != NULL && i < PN_FILE_FORMATS; i++) {
        if (strcmp(wanted, pn_file_format_names[i]) == 0) {
            *format = (enum pn_file_format)i;
            return 0;
        }
    }
    return pn_file_format_of(path, format)
               ? 0
               : pn_err_input(e,
                              "%s: its name does not end in .csv, .tsv, .json, .jsonl, .ndjson or "
                              ".parquet: give --input",
                              name);
}

/* The path as messages and dead letters have it: with escapes for what steers a terminal, and where
 * it is not UTF-8 for all but ASCII. */
static const char *shown_name(struct importing *importing, const char *path)
{
    struct pn_buf name;
    size_t len = strlen(path);
    bool is_text = pn_utf8_valid(path, len);
    pn_buf_init(&name, 8 * len + 1);
    for (size_t i = 0; i < len && !is_text; i++) {
        if ((unsigned char)path[i] < 0x80) {
            pn_text_add_shown(&name, path + i, 1);
        } else {
            pn_buf_addf(&name, "\\x%02x", (unsigned char)path[i]);
        }
    }
    if (is_text) {
        pn_text_add_shown(&name, path, len);
    }
    const char *kept = pn_arena_strdup(&importing->arena, pn_buf_text(&name));
    pn_buf_deinit(&name);
    return kept;
}

/* What makes two files the same: the SHA-256 of their contents. */
static int hash_file(struct importing *importing, const char *path, struct stat *status,
                     const char **sum, struct pn_err *e)
{
    const struct pn_io *io = importing->cli->io;
    char *bytes = pn_arena_alloc(&importing->arena, HASH_BYTES);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_len = 0;
    int fd = -1;
    size_t got = HASH_BYTES;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    int rc = pn_io_open(io, path, O_RDONLY, &fd, e);
    rc = rc == 0 ? pn_io_fstat(io, fd, status, path, e) : rc;
    for (int64_t at = 0; rc == 0 && good && got > 0 && at < status->st_size; at += (int64_t)got) {
        rc = pn_io_read_some(io, fd, bytes, HASH_BYTES, at, &got, path, e);
        good = rc != 0 || EVP_DigestUpdate(context, bytes, got) == 1;
    }
    good = good && EVP_DigestFinal_ex(context, digest, &digest_len) == 1;
    PN_ASSERT(good);
    char *text = pn_arena_alloc(&importing->arena, 2 * digest_len + 1);
    for (unsigned int i = 0; i < digest_len; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    *sum = text;
    EVP_MD_CTX_free(context);
    pn_io_close(io, &fd);
    return rc;
}

static int take_file(struct importing *importing, const char *path, const char *format, size_t i,
                     struct pn_err *e)
{
    struct pn_import_file *file = &importing->files[i];
    struct stat found;
    const char *sum = NULL;
    *file = (struct pn_import_file){.path = path, .name = shown_name(importing, path)};
    int rc = pn_io_stat(importing->cli->io, path, &found, e);
    if (rc == 0 && !S_ISREG(found.st_mode)) {
        rc = pn_err_input(e, "%s is not a file", file->name);
    }
    if (rc == 0 && !pn_utf8_valid(path, strlen(path))) {
        rc = pn_err_input(e,
                          "%s: the name is not UTF-8: rename the file, or give it another name "
                          "by a link",
                          file->name);
    }
    if (rc == 0) {
        rc = choose_format(path, file->name, format, &file->format, e);
    }
    if (rc == 0) {
        rc = hash_file(importing, path, &file->status, &sum, e);
    }
    if (rc == 0) {
        file->app_id = pn_arena_printf(&importing->arena, PN_IMPORT_APP "%s", sum);
        importing->sizes[i] = file->status.st_size;
        importing->bytes += file->status.st_size;
    }
    for (size_t k = 0; rc == 0 && k < i; k++) {
        if (file->status.st_size > 0 && strcmp(importing->files[k].app_id, file->app_id) == 0) {
            rc = pn_err_input(e, "%s and %s have the same contents: give one of them",
                              importing->files[k].name, file->name);
        }
    }
    return rc;
}

/* --- progress --------------------------------------------------------------------------------- */

static void begin_file(void *arg, size_t file)
{
    struct importing *importing = arg;
    int64_t before = 0;
    for (size_t i = 0; i < file; i++) {
        before += importing->sizes[i];
    }
    atomic_store(&importing->size, 0);
    atomic_store(&importing->before, before);
    atomic_store(&importing->size, importing->sizes[file]);
}

static void *show(void *arg)
{
    struct importing *importing = arg;
    while (!atomic_load(&importing->done)) {
        double part = pn_engine_progress(importing->engine);
        double done = (double)atomic_load(&importing->before) +
                      (part > 0 ? part * (double)atomic_load(&importing->size) : 0);
        pn_progress_update(&importing->progress, (int64_t)done);
        pn_sleep_ms(LOOK_MS);
    }
    return NULL;
}

/* --- the import ------------------------------------------------------------------------------- */

static int do_import(struct importing *importing, const char *name, struct pn_interrupt *interrupt,
                     struct pn_err *e)
{
    struct pn_cli *cli = importing->cli;
    int rc = pn_app_open_store(importing->app, &importing->store, e);
    if (rc == 0) {
        rc = pn_app_open_engine(importing->app, importing->store, NULL, &importing->engine, e);
    }
    if (rc == 0) {
        rc = pn_interrupt_watch(interrupt, &importing->engine->batch, 0, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (importing->import.table == NULL) {
        return pn_import_to_topic(cli, importing->app, importing->engine, &importing->import, name,
                                  &importing->records, e);
    }
    pn_progress_start(&importing->progress, cli->err, cli->quiet, cli->clock, "importing bytes",
                      importing->bytes);
    bool is_shown = pthread_create(&importing->thread, NULL, show, importing) == 0;
    rc = pn_engine_import(importing->engine, &importing->import, &importing->report, e);
    atomic_store(&importing->done, true);
    if (is_shown) {
        (void)pthread_join(importing->thread, NULL);
    }
    if (rc == 0) {
        pn_progress_end(&importing->progress, importing->bytes);
    }
    return rc;
}

static void print_records(const struct importing *importing, const char *topic)
{
    static const struct pn_report_column columns[] = {
        {"topic", PN_CELL_TEXT}, {"files", PN_CELL_INT}, {"records", PN_CELL_INT}};
    struct pn_row_writer *rows = pn_cli_rows(importing->cli);
    PN_ROWS_BEGIN(rows, columns);
    pn_cell_cstr(rows, topic);
    pn_cell_int(rows, (int64_t)importing->import.count);
    pn_cell_int(rows, importing->records);
    pn_row_writer_end(&rows);
}

static void say_empty(const struct importing *importing)
{
    size_t empty = importing->report.empty;
    if (empty > 0 && !importing->cli->quiet) {
        (void)fprintf(importing->cli->err, "%zu %s no rows%s\n", empty,
                      pn_noun((int64_t)empty, "file has", "files have"),
                      empty == importing->import.count ? ": nothing was imported"
                                                       : ", and may be imported again");
    }
}

static void print_report(const struct importing *importing)
{
    static const struct pn_report_column columns[] = {
        {"table", PN_CELL_TEXT}, {"version", PN_CELL_INT},      {"files", PN_CELL_INT},
        {"rows", PN_CELL_INT},   {"dead_letters", PN_CELL_INT}, {"bytes", PN_CELL_INT}};
    struct pn_row_writer *rows = pn_cli_rows(importing->cli);
    PN_ROWS_BEGIN(rows, columns);
    pn_cell_cstr(rows, importing->import.table->name);
    if (importing->report.version >= 0) {
        pn_cell_int(rows, importing->report.version);
    } else {
        pn_cell_null(rows);
    }
    pn_cell_int(rows, (int64_t)importing->import.count);
    pn_cell_int(rows, importing->report.rows);
    pn_cell_int(rows, importing->report.dead_letters);
    pn_cell_int(rows, importing->bytes);
    pn_row_writer_end(&rows);
}

static int run(struct pn_cli *cli, const struct import_opts *opts, char **argv, size_t count)
{
    struct importing importing = {.cli = cli};
    struct pn_interrupt interrupt;
    struct pn_err failure = {0};
    pn_arena_init(&importing.arena, 0);
    pn_interrupt_begin(&interrupt);
    importing.files = pn_arena_calloc(&importing.arena, count, sizeof *importing.files);
    importing.sizes = pn_arena_calloc(&importing.arena, count, sizeof *importing.sizes);
    importing.import =
        (struct pn_import){.files = importing.files,
                           .count = count,
                           .takes_bad_rows = strcmp(opts->bad_rows, "dead-letter") == 0,
                           .again = opts->force,
                           .drops_extra = strcmp(opts->extra_columns, "drop") == 0,
                           .delimiter = opts->delimiter == NULL               ? '\0'
                                        : strcmp(opts->delimiter, "tab") == 0 ? '\t'
                                                                              : opts->delimiter[0],
                           .quote = opts->quote[0],
                           .has_no_header = opts->no_header,
                           .begin = begin_file,
                           .arg = &importing};
    int rc = pn_cli_app(cli, &importing.app, &failure);
    if (rc == 0) {
        importing.import.table = pn_pipeline_table(importing.app->pipeline, argv[0]);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = take_file(&importing, argv[1 + i], opts->format, i, &failure);
    }
    if (rc == 0) {
        rc = do_import(&importing, argv[0], &interrupt, &failure);
    }
    pn_interrupt_end(&interrupt);
    if (rc == 0 && importing.import.table != NULL) {
        print_report(&importing);
        say_empty(&importing);
    } else if (rc == 0) {
        print_records(&importing, argv[0]);
    }
    int status = rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &failure);
    pn_embedded_engine_destroy(&importing.engine);
    pn_store_destroy(&importing.store);
    pn_arena_deinit(&importing.arena);
    pn_interrupt_pass_on(&interrupt);
    pn_signals_restore(&interrupt.signals);
    return status;
}

static bool is_one_character(const char *text)
{
    return text[0] != '\0' && text[1] == '\0' && (unsigned char)text[0] < 0x80 && text[0] != '\n' &&
           text[0] != '\r';
}

int pn_cmd_import(struct pn_cli *cli, int argc, char **argv)
{
    struct import_opts importing = {.bad_rows = "refuse", .extra_columns = "refuse", .quote = "\""};
    const struct pn_opt opts[] = {
        {.name = "input",
         .kind = PN_OPT_CHOICE,
         .choices = "csv|json|parquet",
         .help = "format of the files (by their names: .csv, .tsv, .json, .jsonl, .ndjson, "
                 ".parquet, each but the last also with .gz or .zst)",
         .target = &importing.format},
        {.name = "bad-rows",
         .kind = PN_OPT_CHOICE,
         .choices = "refuse|dead-letter",
         .help = "what becomes of records that are not rows: refuse the import (the default), or "
                 "put them into the table of dead letters",
         .target = &importing.bad_rows},
        {.name = "extra-columns",
         .kind = PN_OPT_CHOICE,
         .choices = "refuse|drop",
         .help = "columns of CSV and Parquet that the table lacks: refuse the import (the "
                 "default), or leave them out",
         .target = &importing.extra_columns},
        {.name = "delimiter",
         .kind = PN_OPT_STRING,
         .value = "CHARACTER",
         .help = "what separates values of a CSV, or tab (found in the header, of , ; | and tab)",
         .target = &importing.delimiter},
        {.name = "quote",
         .kind = PN_OPT_STRING,
         .value = "CHARACTER",
         .help = "what encloses values of a CSV (\")",
         .target = &importing.quote},
        {.name = "no-header",
         .kind = PN_OPT_FLAG,
         .help = "the first line of a CSV is a row; the columns are the table's, in order",
         .target = &importing.no_header},
        {.name = "force",
         .kind = PN_OPT_FLAG,
         .help = "import files that the table has already once more",
         .target = &importing.force},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "TABLE|TOPIC FILE...",
        .operands_min = 2,
        .operands_max = PN_IMPORT_FILES_MAX + 1,
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT | PN_USES_QUIET,
        .about =
            "Adds the rows of CSV, JSON and Parquet files to a raw table with `mode: append`, all "
            "in one commit, or nothing. Columns are matched by name or alias; those that a file "
            "lacks are null. A file, known by its contents, is imported once: the same file again "
            "is refused. So after a crash the same command can be repeated. Into a topic, each row "
            "becomes a JSON record, by the columns of the raw table that reads the topic; through "
            "a running server, or into the log of the data folder.",
        .examples =
            "pinion import raw_orders orders.csv\n"
            "pinion import shop.orders orders.parquet\n"
            "pinion import raw_orders 2025-*.parquet\n"
            "pinion import raw_orders export.csv.gz --delimiter ';' --bad-rows dead-letter\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (importing.delimiter != NULL && strcmp(importing.delimiter, "tab") != 0 &&
        !is_one_character(importing.delimiter)) {
        return pn_cli_usage(cli, "--delimiter must be one character, or tab");
    }
    if (!is_one_character(importing.quote)) {
        return pn_cli_usage(cli, "--quote must be one character");
    }
    return run(cli, &importing, argv, (size_t)argc - 1);
}
