/* A file as JSON lines, for a topic. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/unzstd.h"
#include "engine/duckdb/import.h"
#include "engine/duckdb/lines.h"

#define UNPACKED_BYTES_MAX ((int64_t)1 << 40)

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

int pn_import_check_same(const struct pn_duckdb *engine, const struct pn_import_file *file,
                         struct pn_err *e)
{
    const struct stat *was = &file->status;
    struct stat is = {0};
    struct pn_err ignored;
    int rc = pn_io_stat(engine->config.io, file->path, &is, &ignored);
    return rc == 0 && is.st_dev == was->st_dev && is.st_ino == was->st_ino &&
                   is.st_size == was->st_size && same_time(is.st_mtim, was->st_mtim) &&
                   same_time(is.st_ctim, was->st_ctim)
               ? 0
               : pn_err_input(e,
                              "%s changed while it was imported; nothing was imported: give the "
                              "command again when the file is whole",
                              file->name);
}

int pn_import_unpack(struct pn_duckdb *engine, const struct pn_import_file *file, char **unpacked,
                     struct pn_err *e)
{
    const char *folder = NULL;
    char uuid[PN_UUID_SIZE];
    if (file->format == PN_FILE_PARQUET || pn_file_packing_of(file->path) != PN_FILE_ZSTD) {
        return 0;
    }
    int rc = pn_duckdb_temp_folder(engine, &folder, e);
    if (rc == 0) {
        *unpacked = pn_xasprintf("%s/import-%s", folder, pn_uuid(uuid));
        rc = pn_unzstd_file(engine->config.io, file->path, *unpacked, UNPACKED_BYTES_MAX, e);
    }
    return rc;
}

/* `is_own`: the file is a temporary one of ours. */
static int make_lines(struct pn_importing *importing, const char *path, bool is_own,
                      struct pn_import_lines *lines, struct pn_err *e)
{
    bool is_array = false;
    if (importing->file->format != PN_FILE_JSON) {
        return pn_import_file_lines(importing, path, e);
    }
    int rc = pn_import_is_array(importing, &is_array, e);
    if (rc != 0 || is_array || !is_own) { /* others may change theirs */
        return rc != 0 ? rc : pn_import_json_lines(importing, is_array, path, e);
    }
    free(lines->path); /* it has them already */
    *lines = (struct pn_import_lines){.path = pn_xstrdup(importing->file->path)};
    return 0;
}

int pn_duckdb_import_lines(struct pn_embedded_engine *base, const struct pn_import *import,
                           size_t number, struct pn_import_lines *lines, struct pn_err *e)
{
    struct pn_duckdb *engine = (struct pn_duckdb *)base;
    struct pn_import_file file = import->files[number];
    struct pn_import it = *import;
    struct pn_table records;
    struct pn_importing importing = {
        .engine = engine, .import = &it, .file = &file, .number = number};
    const char *folder = NULL;
    char *unpacked = NULL;
    char uuid[PN_UUID_SIZE];
    *lines = (struct pn_import_lines){.path = NULL};
    pn_arena_init(&importing.arena, 0);
    if (import->table != NULL) { /* the topic gives its records origins of their own */
        records = pn_table_of_records(import->table, &importing.arena);
        it.table = &records;
    }
    int rc = pn_duckdb_temp_folder(engine, &folder, e);
    if (rc == 0) {
        lines->path = pn_xasprintf("%s/lines-%s.jsonl", folder, pn_uuid(uuid));
        lines->is_temporary = true;
        rc = pn_duckdb_connect_work(engine, &importing.connection, e);
    }
    rc = rc == 0 ? pn_import_make_bad(importing.connection, e) : rc;
    rc = rc == 0 ? pn_import_unpack(engine, &file, &unpacked, e) : rc;
    if (rc == 0) {
        file.path = unpacked != NULL ? unpacked : file.path;
        rc = make_lines(&importing, lines->path, unpacked != NULL, lines, e);
    }
    rc = rc == 0 ? pn_import_check_same(engine, &import->files[number], e) : rc;
    if (rc == 0 && importing.bad > 0) {
        rc = pn_import_refuse(importing.connection, import, importing.bad, e);
    }
    if (unpacked != NULL && (rc != 0 || lines->is_temporary)) {
        pn_duckdb_remove_file(engine, unpacked);
    } else if (unpacked != NULL) {
        lines->is_temporary = true; /* the lines are what was unpacked */
    }
    if (rc != 0 && lines->is_temporary) {
        pn_duckdb_remove_file(engine, lines->path);
    }
    if (rc != 0) {
        free(lines->path);
        *lines = (struct pn_import_lines){.path = NULL};
    }
    duckdb_disconnect(&importing.connection);
    pn_arena_deinit(&importing.arena);
    free(unpacked);
    return rc;
}
