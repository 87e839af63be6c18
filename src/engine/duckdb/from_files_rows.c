/*
 * CSV and Parquet of the store as rows: many objects by one statement, since a statement and a file
 * for each would cost more than their rows. Where one has a bad row, each object of the statement
 * is looked at for itself.
 */
#include "engine/duckdb/from_files_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/files.h"

/* Of a statement. */
enum { OBJECTS_MAX = 500, OBJECT_BYTES_MAX = 256 << 20 };

/* --- an object as a file ---------------------------------------------------------------------- */

int pn_source_file_open(struct pn_duckdb *engine, const struct pn_table *table,
                        duckdb_connection connection, struct pn_source_file *source,
                        struct pn_err *e)
{
    const struct pn_table_files *files = table->from_files;
    const char *key = source->object->object.key;
    source->import = (struct pn_import){.table = table,
                                        .files = &source->file,
                                        .count = 1,
                                        .takes_bad_rows = true,
                                        .for_load = true,
                                        .delimiter = files->delimiter,
                                        .quote = files->quote,
                                        .has_no_header = files->has_no_header};
    source->importing = (struct pn_importing){.engine = engine,
                                              .connection = connection,
                                              .import = &source->import,
                                              .file = &source->file};
    pn_arena_init(&source->importing.arena, 0);
    int rc = pn_duckdb_object_path(engine, key, NULL, &source->lease, &source->path, e);
    source->file = (struct pn_import_file){
        .path = source->path, .name = key, .format = source->object->format};
    rc = rc == 0 ? pn_import_unpack(engine, &source->file, &source->unpacked, e) : rc;
    source->file.path = source->unpacked != NULL ? source->unpacked : source->path;
    if (rc != 0) {
        pn_source_file_tell(source, e);
    }
    return rc;
}

/* A user cannot know the path of a copy. That of an object of the local store ends with its key. */
static void put_key(const char *path, const char *key, struct pn_err *e)
{
    const char *at = path != NULL && strstr(path, key) == NULL ? strstr(e->msg, path) : NULL;
    if (at != NULL) {
        const struct pn_err why = *e;
        size_t before = (size_t)(at - e->msg);
        (void)snprintf(e->msg, sizeof e->msg, "%.*s%s%s", (int)before, why.msg, key,
                       why.msg + before + strlen(path));
    }
}

static void put_keys(const struct pn_source_file *source, struct pn_err *e)
{
    put_key(source->path, source->object->object.key, e);
    put_key(source->unpacked, source->object->object.key, e);
}

static void name_object(const struct pn_source_object *object, struct pn_err *e)
{
    if (strstr(e->msg, object->object.key) == NULL) {
        pn_err_prefix(e, "%s", object->object.key);
    }
}

void pn_source_file_tell(const struct pn_source_file *source, struct pn_err *e)
{
    if (e != NULL) {
        put_keys(source, e);
        name_object(source->object, e);
    }
}

void pn_source_file_close(struct pn_duckdb *engine, struct pn_source_file *source)
{
    if (source->unpacked != NULL) {
        pn_duckdb_remove_file(engine, source->unpacked);
    }
    pn_file_lease_release(&source->lease);
    pn_arena_deinit(&source->importing.arena);
    free(source->unpacked);
    free(source->path);
}

/* --- what is not a row ------------------------------------------------------------------------ */

static int give_row(const struct pn_source_rows *rows, const struct pn_source_file *sources,
                    duckdb_result *result, idx_t row, struct pn_err *e)
{
    char *reason = duckdb_value_varchar(result, 2, row);
    char *value = duckdb_value_varchar(result, 3, row);
    struct pn_landed_reject reject = {
        .object = sources[duckdb_value_int64(result, 0, row)].object->object.key,
        .line = duckdb_value_is_null(result, 1, row) ? 0 : duckdb_value_int64(result, 1, row),
        .reason = reason,
        .value = value != NULL ? value : "",
        .value_len = value != NULL ? strlen(value) : 0,
        .origin = &pn_origin_unknown};
    int rc = pn_landed_note_reject(rows->scan, &reject, e);
    duckdb_free(reason);
    duckdb_free(value);
    return rc;
}

/* Hands over what pn_bad has of these objects. */
static int give_bad(const struct pn_source_rows *rows, const struct pn_source_file *sources,
                    struct pn_err *e)
{
    duckdb_result result;
    int rc = pn_duckdb_run(rows->connection,
                           "SELECT file, line, reason, value FROM pn_bad ORDER BY file, line, byte",
                           &result, e);
    if (rc != 0) {
        return rc;
    }
    for (idx_t row = 0; rc == 0 && row < duckdb_row_count(&result); row++) {
        rc = give_row(rows, sources, &result, row, e);
    }
    duckdb_destroy_result(&result);
    return rc == 0 ? pn_import_make_bad(rows->connection, e) : rc;
}

/* Fills pn_bad. */
static int explain(struct pn_source_file *sources, size_t count, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        sources[i].importing.number = i;
        rc = pn_import_explain(&sources[i].importing, e);
        if (rc != 0) {
            pn_source_file_tell(&sources[i], e);
        }
    }
    return rc;
}

/* --- a statement ------------------------------------------------------------------------------ */

static void note_extra(const struct pn_source_rows *rows, const struct pn_source_file *source)
{
    const struct pn_importing *importing = &source->importing;
    if (importing->extra_count > 0 && *rows->extra_example == NULL) {
        *rows->extra_example = source->object;
    }
}

static uint64_t no_record(void *arg)
{
    (void)arg;
    return PN_UNKNOWN_NO_RECORD;
}

/* Each counts once an object. */
static void count_extra(const struct pn_source_rows *rows, const struct pn_source_file *sources,
                        size_t count)
{
    struct pn_unknown_names *names =
        pn_unknown_names_create(&(struct pn_unknown_where){.record = no_record});
    for (size_t i = 0; i < count; i++) {
        const struct pn_importing *importing = &sources[i].importing;
        note_extra(rows, &sources[i]);
        for (size_t k = 0; k < importing->extra_count; k++) {
            const char *name = importing->extra[k].name;
            pn_unknown_names_count(names, name, strlen(name), k);
        }
    }
    pn_landed_note_unknown(rows->scan, names);
    pn_unknown_names_destroy(&names);
}

/* Are two read by the same call? Not where each row has the name of its file. */
static bool are_alike(const struct pn_importing *a, const struct pn_importing *b)
{
    return strcmp(a->shape, b->shape) == 0 &&
           !pn_table_takes_origin(a->import->table, PN_ORIGIN_FILE);
}

/* Appends the rows of all sources: those of one shape that follow each other are read together. */
static void add_rows(struct pn_source_file *sources, size_t count, bool without_bad,
                     struct pn_buf *sql)
{
    const char **paths = pn_xcalloc(count, sizeof *paths);
    for (size_t i = 0; i < count; i++) {
        paths[i] = sources[i].file.path;
    }
    for (size_t i = 0; i < count;) {
        struct pn_importing *first = &sources[i].importing;
        size_t end = i + 1;
        while (end < count && are_alike(first, &sources[end].importing)) {
            end++;
        }
        first->paths = &paths[i];
        first->path_count = end - i;
        pn_buf_adds(sql, i == 0 ? "" : "\nUNION ALL ");
        pn_import_add_rows(first, without_bad, sql);
        first->paths = NULL;
        i = end;
    }
    free(paths);
}

static int write_sources(const struct pn_source_rows *rows, struct pn_source_file *sources,
                         size_t count, bool without_bad, struct pn_written *written,
                         struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    add_rows(sources, count, without_bad, &sql);
    int rc = pn_duckdb_write(rows->engine, rows->connection, rows->batch, &sql, written, e);
    pn_buf_deinit(&sql);
    return rc;
}

static bool has_csv(const struct pn_source_file *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sources[i].file.format == PN_FILE_CSV) {
            return true;
        }
    }
    return false;
}

static int write_opened(const struct pn_source_rows *rows, struct pn_source_file *sources,
                        size_t count, struct pn_written *written, struct pn_err *e)
{
    struct pn_err why = {0};
    int64_t rejects = 0;
    int rc = pn_import_forget_rejects(rows->connection, e);
    if (rc != 0) {
        return rc;
    }
    int first_rc = write_sources(rows, sources, count, false, written, &why);
    if (first_rc == 0 && has_csv(sources, count)) {
        rc = pn_import_count_rejects(rows->connection, &rejects, e);
    }
    if (first_rc != 0 && !pn_import_is_bad_row(&why)) {
        pn_err_copy(e, &why);
        return first_rc;
    }
    bool has_bad = first_rc != 0 || rejects > 0;
    if (rc == 0 && has_bad) {
        rc = explain(sources, count, e);
    }
    if (rc == 0 && first_rc != 0) {
        rc = write_sources(rows, sources, count, true, written, e);
    }
    /* Only now: where this fails, the objects may be read again, each by itself. */
    return rc == 0 && has_bad ? give_bad(rows, sources, e) : rc;
}

struct opening {
    const struct pn_source_rows *rows;
    struct pn_source_file *sources; /* whose objects are set */
};

static int open_one(void *arg, size_t i, struct pn_err *e)
{
    const struct opening *opening = arg;
    const struct pn_source_rows *rows = opening->rows;
    return pn_source_file_open(rows->engine, rows->table, rows->connection, &opening->sources[i],
                               e);
}

/* To a place that is free. */
static void move_source(struct pn_source_file *to, struct pn_source_file *from)
{
    if (to == from) {
        return;
    }
    *to = *from;
    to->import.files = &to->file;
    to->importing.import = &to->import;
    to->importing.file = &to->file;
    *from = (struct pn_source_file){.object = NULL};
}

/* Opens those that are not empty, *opened: the first ones of `sources`. */
static int open_sources(const struct pn_source_rows *rows, const struct pn_source_object **objects,
                        size_t count, struct pn_source_file *sources, size_t *opened,
                        struct pn_err *e)
{
    struct opening opening = {.rows = rows, .sources = sources};
    for (size_t i = 0; i < count; i++) {
        sources[i].object = objects[i];
    }
    int rc = pn_duckdb_requests(rows->engine, count, open_one, &opening, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = pn_import_begin(&sources[i].importing, e);
        if (rc != 0) {
            pn_source_file_tell(&sources[i], e);
        } else if (sources[i].importing.is_empty) {
            pn_source_file_close(rows->engine, &sources[i]);
            sources[i] = (struct pn_source_file){.object = NULL};
        } else {
            move_source(&sources[(*opened)++], &sources[i]);
        }
    }
    return rc;
}

/* *is_named: an error says which object it is about. */
static int write_once(const struct pn_source_rows *rows, const struct pn_source_object **objects,
                      size_t count, struct pn_written *written, bool *is_named, struct pn_err *e)
{
    struct pn_source_file *sources = pn_xcalloc(count, sizeof *sources);
    struct pn_written part = {0};
    size_t opened = 0;
    int rc = open_sources(rows, objects, count, sources, &opened, e);
    *is_named = rc != 0;
    if (rc == 0 && opened > 0) {
        rc = write_opened(rows, sources, opened, &part, e);
        for (size_t i = 0; rc != 0 && i < opened; i++) {
            put_keys(&sources[i], e);
        }
    }
    if (rc == 0) {
        count_extra(rows, sources, opened);
        pn_landed_note_rows(rows->scan, part.rows);
        pn_written_join(written, &part);
    } else {
        pn_duckdb_write_undo(rows->engine, &part, rc);
        pn_written_deinit(&part);
    }
    for (size_t i = 0; i < count; i++) {
        if (sources[i].object != NULL) {
            pn_source_file_close(rows->engine, &sources[i]);
        }
    }
    free(sources);
    return rc;
}

/* Where a statement fails for what is in an object, each is read by one of its own, to find it. */
static int write_together(const struct pn_source_rows *rows,
                          const struct pn_source_object **objects, size_t count,
                          struct pn_written *written, struct pn_err *e)
{
    struct pn_err why = {0};
    bool is_named = false;
    int rc = write_once(rows, objects, count, written, &is_named, &why);
    if (rc != 0 && !is_named && count == 1) {
        name_object(objects[0], &why);
    } else if (rc != 0 && !is_named && why.class_ == PN_CLASS_INPUT) {
        rc = pn_import_make_bad(rows->connection, &why);
        for (size_t i = 0; rc == 0 && i < count; i++) {
            rc = write_together(rows, &objects[i], 1, written, &why);
        }
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    return rc;
}

/* The same, as long as all files together are not too many for a commit. */
static int write_checked(const struct pn_source_rows *rows, const struct pn_source_object **objects,
                         size_t count, struct pn_written *written, struct pn_err *e)
{
    int rc = write_together(rows, objects, count, written, e);
    return rc == 0 ? pn_written_check(rows->batch, written, e) : rc;
}

/* --- all objects ------------------------------------------------------------------------------ */

int pn_source_rows_write(const struct pn_source_rows *rows, const struct pn_source_object *objects,
                         size_t count, struct pn_written *written, struct pn_err *e)
{
    const struct pn_source_object *together[OBJECTS_MAX];
    int64_t bytes = 0;
    size_t waiting = 0;
    int rc = pn_import_make_bad(rows->connection, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct pn_object *object = &objects[i].object;
        if (objects[i].format == PN_FILE_JSON) {
            continue;
        }
        pn_landed_note(rows->scan, object->key, object->size_bytes);
        if (object->size_bytes == 0 && objects[i].format == PN_FILE_CSV) {
            continue; /* no header, no rows */
        }
        if (waiting > 0 &&
            (waiting == OBJECTS_MAX || bytes + object->size_bytes > OBJECT_BYTES_MAX)) {
            rc = write_checked(rows, together, waiting, written, e);
            waiting = 0;
            bytes = 0;
        }
        together[waiting++] = &objects[i];
        bytes += object->size_bytes;
    }
    return rc == 0 && waiting > 0 ? write_checked(rows, together, waiting, written, e) : rc;
}
