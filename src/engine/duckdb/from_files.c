#include "engine/duckdb/from_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/random.h"
#include "engine/duckdb/files.h"
#include "engine/duckdb/from_files_rows.h"
#include "engine/duckdb/from_files_sums.h"
#include "engine/duckdb/import.h"
#include "engine/duckdb/lines.h"
#include "pipeline/glob.h"

struct pn_from_files {
    struct pn_duckdb *engine;
    const struct pn_table *table;
    struct pn_object_book *book;
    struct pn_arena arena;
    struct pn_source_object *objects; /* in the order of their keys */
    size_t count;
    size_t capacity;
    int64_t passed_over;
    const char *passed_over_example;
    const struct pn_source_object *extra_example; /* the first with a column that the table lacks */
};

struct pn_from_files *pn_from_files_create(struct pn_duckdb *engine, const struct pn_table *table,
                                           struct pn_object_book *book)
{
    struct pn_from_files *files = pn_xcalloc(1, sizeof *files);
    files->engine = engine;
    files->table = table;
    files->book = book;
    pn_arena_init(&files->arena, 0);
    return files;
}

void pn_from_files_destroy(struct pn_from_files **files)
{
    if (*files == NULL) {
        return;
    }
    free((*files)->objects);
    pn_arena_deinit(&(*files)->arena);
    free(*files);
    *files = NULL;
}

size_t pn_from_files_count(const struct pn_from_files *files)
{
    return files->count;
}

/* --- the listing ------------------------------------------------------------------------------ */

static void add_object(struct pn_from_files *files, const struct pn_object *object,
                       enum pn_file_format format)
{
    pn_grow((void **)&files->objects, &files->capacity, files->count + 1, sizeof *files->objects);
    struct pn_source_object *added = &files->objects[files->count++];
    *added = (struct pn_source_object){.object = *object, .format = format};
    added->object.key = pn_arena_strdup(&files->arena, object->key);
}

static int take_object(void *arg, const struct pn_object *object)
{
    struct pn_from_files *files = arg;
    enum pn_file_format format = files->table->from_files->format;
    if (!pn_glob_matches(files->table->from_files->glob, object->key)) {
        return 0;
    }
    if (files->table->from_files->by_name && !pn_file_format_of(object->key, &format)) {
        if (files->passed_over++ == 0) {
            files->passed_over_example = pn_arena_strdup(&files->arena, object->key);
        }
    } else if (files->book == NULL || pn_object_book_wants(files->book, object)) {
        add_object(files, object, format);
    }
    return 0;
}

static int list(struct pn_from_files *files, int (*take)(void *arg, const struct pn_object *object),
                void *arg, struct pn_err *e)
{
    const char *glob = files->table->from_files->glob;
    char *prefix = pn_xstrndup(glob, pn_glob_prefix(glob));
    int rc = pn_store_list(files->engine->store, prefix, NULL, take, arg, e);
    free(prefix);
    return rc;
}

int pn_from_files_find(struct pn_from_files *files, struct pn_err *e)
{
    int rc = list(files, take_object, files, e);
    if (rc == 0 && files->book != NULL) {
        rc = pn_source_sums_compare(files->engine, files->book, e);
    }
    return rc == 0 && files->book != NULL ? pn_object_book_check(files->book, files->table->name, e)
                                          : rc;
}

/* --- after they were read --------------------------------------------------------------------- */

struct comparing {
    const struct pn_from_files *files;
    size_t next;
    size_t same;
};

/* Both listings are in the order of the keys. */
static int compare(void *arg, const struct pn_object *object)
{
    struct comparing *comparing = arg;
    const struct pn_from_files *files = comparing->files;
    while (comparing->next < files->count &&
           strcmp(files->objects[comparing->next].object.key, object->key) < 0) {
        comparing->next++;
    }
    if (comparing->next < files->count) {
        struct pn_source_object *read = &files->objects[comparing->next];
        read->is_same = strcmp(read->object.key, object->key) == 0 &&
                        read->object.size_bytes == object->size_bytes &&
                        strcmp(read->object.etag, object->etag) == 0;
        comparing->same += read->is_same;
    }
    return 0;
}

int pn_from_files_settle(struct pn_from_files *files, struct pn_err *e)
{
    struct comparing comparing = {.files = files};
    int rc = 0;
    if (files->book != NULL) {
        rc = pn_source_sums_make(files->engine, files->objects, files->count, e);
    }
    if (rc == 0 && files->count > 0) {
        rc = list(files, compare, &comparing, e);
    }
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        if (!files->objects[i].is_same) {
            return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                              "%s changed or went while it was read; nothing was loaded: load "
                              "again when it is whole",
                              files->objects[i].object.key);
        }
        if (files->book != NULL) {
            pn_object_book_add(files->book, &files->objects[i].object);
        }
    }
    return rc;
}

void pn_from_files_report(const struct pn_from_files *files, struct pn_table_report *report)
{
    report->passed_over = files->passed_over;
    (void)snprintf(report->passed_over_example, sizeof report->passed_over_example, "%s",
                   files->passed_over > 0 ? files->passed_over_example : "");
    const char *copy = NULL;
    report->copied = files->book != NULL ? pn_object_book_copies(files->book, &copy) : 0;
    (void)snprintf(report->copied_example, sizeof report->copied_example, "%s",
                   report->copied > 0 ? copy : "");
    if (report->unknown_place[0] == '\0' && files->extra_example != NULL) {
        (void)snprintf(report->unknown_place, sizeof report->unknown_place, "%s",
                       files->extra_example->object.key);
        report->unknown_position = files->extra_example->format == PN_FILE_CSV ? 1 : 0;
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* Files of lines that were made for the scan. */
struct made {
    char **paths;
    size_t count;
    size_t capacity;
};

static char *make_path(struct pn_from_files *files, struct made *made, struct pn_err *e)
{
    const char *folder = NULL;
    char uuid[PN_UUID_SIZE];
    if (pn_duckdb_temp_folder(files->engine, &folder, e) != 0) {
        return NULL;
    }
    pn_grow((void **)&made->paths, &made->capacity, made->count + 1, sizeof *made->paths);
    made->paths[made->count] = pn_xasprintf("%s/from-%s.jsonl", folder, pn_uuid(uuid));
    return made->paths[made->count++];
}

/* What is not plain lines becomes a file of them. */
static int make_lines(struct pn_from_files *files, duckdb_connection connection,
                      const struct pn_source_object *object, struct made *made,
                      struct pn_landed_scan *scan, struct pn_err *e)
{
    struct pn_source_file source = {.object = object};
    char *lines = NULL;
    bool is_array = false;
    int rc = pn_source_file_open(files->engine, files->table, connection, &source, e);
    if (rc == 0) {
        rc = pn_import_is_array(&source.importing, &is_array, e);
    }
    if (rc == 0) {
        lines = make_path(files, made, e);
        rc = lines == NULL ? PN_FAIL : pn_import_json_lines(&source.importing, is_array, lines, e);
    }
    if (rc != 0) {
        pn_source_file_tell(&source, e);
    }
    if (rc == 0) {
        rc = pn_landed_add_copy(scan, lines, object->object.key, e);
    }
    pn_source_file_close(files->engine, &source);
    return rc;
}

/* Which objects become a file of lines: not known by their names alone. */
struct looking {
    struct pn_from_files *files;
    bool *is_made; /* of each object */
    bool *is_cut;  /* likewise: not sure yet, since its line is longer than LOOK_BYTES_MAX */
};

/* Of a line: it is in what a reader has in memory anyway. */
enum { LOOK_BYTES_MAX = 256 << 10 };

static int look_into(const struct pn_from_files *files, const char *key, size_t line_bytes_max,
                     bool *is_array, bool *is_cut, struct pn_err *e)
{
    struct pn_lines *lines =
        pn_lines_create(files->engine->store, files->engine->config.io, line_bytes_max);
    int rc = pn_import_holds_array(lines, key, true, is_array, is_cut, e);
    pn_lines_destroy(&lines);
    return rc;
}

static int look(void *arg, size_t i, struct pn_err *e)
{
    struct looking *looking = arg;
    const struct pn_from_files *files = looking->files;
    const struct pn_source_object *object = &files->objects[i];
    if (object->format != PN_FILE_JSON) {
        return 0;
    }
    looking->is_made[i] = pn_file_packing_of(object->object.key) == PN_FILE_ZSTD;
    if (looking->is_made[i]) {
        return 0;
    }
    return look_into(files, object->object.key, LOOK_BYTES_MAX, &looking->is_made[i],
                     &looking->is_cut[i], e);
}

/* At objects of long lines one after another: several such lines are too much memory. */
static int look_again(struct looking *looking, struct pn_err *e)
{
    const struct pn_from_files *files = looking->files;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        bool ignored = false;
        if (looking->is_cut[i]) {
            rc = look_into(files, files->objects[i].object.key, PN_LINE_BYTES_MAX,
                           &looking->is_made[i], &ignored, e);
        }
    }
    return rc;
}

static int add_json(struct pn_from_files *files, duckdb_connection connection, struct made *made,
                    struct pn_landed_scan *scan, bool *any, struct pn_err *e)
{
    struct looking looking = {.files = files};
    looking.is_made = pn_xcalloc(files->count + 1, sizeof *looking.is_made);
    looking.is_cut = pn_xcalloc(files->count + 1, sizeof *looking.is_cut);
    int rc = pn_duckdb_requests(files->engine, files->count, look, &looking, e);
    rc = rc == 0 ? look_again(&looking, e) : rc;
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        const struct pn_source_object *object = &files->objects[i];
        if (object->format != PN_FILE_JSON) {
            continue;
        }
        *any = true;
        if (looking.is_made[i]) {
            rc = make_lines(files, connection, object, made, scan, e);
        } else {
            pn_landed_add_object(scan, &object->object);
        }
    }
    free(looking.is_cut);
    free(looking.is_made);
    return rc;
}

/* Also where there are no objects: a table without rows is one. */
static int write_json(struct pn_from_files *files, duckdb_connection connection,
                      const struct pn_table *batch, struct pn_landed_scan *scan,
                      struct pn_written *written, struct pn_err *e)
{
    struct made made = {.count = 0};
    bool any = false;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = add_json(files, connection, &made, scan, &any, e);
    if (rc == 0 && (any || files->count == 0)) {
        pn_buf_adds(&sql, "SELECT * FROM ");
        pn_landed_add_call(scan, &sql);
        rc = pn_duckdb_write(files->engine, connection, batch, &sql, written, e);
        if (rc != 0) {
            (void)pn_landed_failure(scan, e);
        }
    }
    for (size_t i = 0; i < made.count; i++) {
        pn_duckdb_remove_file(files->engine, made.paths[i]);
        free(made.paths[i]);
    }
    free(made.paths);
    pn_buf_deinit(&sql);
    return rc;
}

/* --- all of them ------------------------------------------------------------------------------ */

int pn_from_files_write(struct pn_from_files *files, duckdb_connection connection,
                        const struct pn_table *batch, struct pn_landed_scan *scan,
                        struct pn_written *written, struct pn_err *e)
{
    const struct pn_source_rows rows = {.engine = files->engine,
                                        .table = files->table,
                                        .batch = batch,
                                        .connection = connection,
                                        .scan = scan,
                                        .extra_example = &files->extra_example};
    struct pn_written json = {0};
    int rc = pn_source_rows_write(&rows, files->objects, files->count, written, e);
    if (rc == 0) {
        rc = write_json(files, connection, batch, scan, &json, e);
    }
    if (rc == 0) {
        pn_written_join(written, &json);
        rc = pn_written_check(batch, written, e);
    }
    if (rc != 0) {
        pn_duckdb_write_undo(files->engine, written, 0);
        pn_written_deinit(written);
    }
    return rc;
}
