/* The data files of a table: all of them, or a page of those that a reader looks for. */
#include "report/files.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/units.h"
#include "base/words.h"

enum { CELL_BYTES_MAX = 16 << 20 };

/* --- which, and in which order ---------------------------------------------------------------- */

/* What a file is sorted by: first the number, then the path. */
struct place {
    int64_t number;
    const char *path;
    const struct pn_delta_file *file;
};

static int64_t number_of(const struct pn_delta_file *file, enum pn_file_order order)
{
    switch (order) {
    case PN_FILES_BY_ROWS:
        return file->num_records;
    case PN_FILES_BY_SIZE:
        return file->size_bytes;
    case PN_FILES_BY_TIME:
        return file->modified_ms;
    case PN_FILES_BY_PATH:
        break;
    }
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;
    if (a->number != b->number) {
        return a->number < b->number ? -1 : 1;
    }
    return strcmp(a->path, b->path);
}

static int compare_down(const void *left, const void *right)
{
    return compare(right, left);
}

/* A file is found by its path, and by "column=value" of its partition. */
static bool fits(const struct pn_delta_file *file, const char *words, struct pn_arena *arena)
{
    size_t count = 1 + file->partition_value_count;
    if (words == NULL) {
        return true;
    }
    const char **texts = pn_arena_calloc(arena, count, sizeof *texts);
    texts[0] = file->path;
    for (size_t i = 1; i < count; i++) {
        const struct pn_delta_map_entry *pair = &file->partition_values[i - 1];
        texts[i] =
            pn_arena_printf(arena, "%s=%s", pair->key, pair->value != NULL ? pair->value : "null");
    }
    return pn_words_are_in(words, texts, count);
}

/* A cursor is the place of the last file of its page: "1234 year=2026/a.parquet". */
static int read_cursor(const char *cursor, struct pn_arena *arena, struct place *place,
                       struct pn_err *e)
{
    size_t digits = strcspn(cursor, " ");
    if (cursor[digits] == '\0' ||
        pn_parse_i64(pn_arena_strndup(arena, cursor, digits), &place->number, NULL) != 0) {
        return pn_err_input(e, "`cursor` is not one of this list");
    }
    place->path = cursor + digits + 1;
    return 0;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* {"column":"value",...} */
static void partition_cell(struct pn_row_writer *rows, const struct pn_delta_file *file)
{
    struct pn_buf text;
    struct pn_json_writer json;
    pn_buf_init(&text, CELL_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    for (size_t i = 0; i < file->partition_value_count; i++) {
        pn_json_add_cstr(&json, file->partition_values[i].key, file->partition_values[i].value);
    }
    pn_json_end(&json);
    pn_cell_json(rows, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
}

PN_REPORT_COLUMNS(pn_file_columns, {"path", PN_CELL_TEXT | PN_NOT_NULL},
                  {"size_bytes", PN_CELL_INT | PN_NOT_NULL}, {"rows", PN_CELL_INT},
                  {"deleted_rows", PN_CELL_INT | PN_NOT_NULL},
                  {"modified", PN_CELL_TIME | PN_NOT_NULL},
                  {"partition", PN_CELL_JSON | PN_NOT_NULL});

static void put_file(const struct pn_delta_file *file, struct pn_row_writer *rows)
{
    pn_cell_cstr(rows, file->path);
    pn_cell_int(rows, file->size_bytes);
    pn_cell_known(rows, file->num_records);
    pn_cell_int(rows, file->num_deleted);
    pn_cell_time(rows, file->modified_ms);
    partition_cell(rows, file);
}

int pn_report_files(const struct pn_delta_snapshot *snapshot, const struct pn_file_choice *choice,
                    struct pn_arena *arena, struct pn_row_writer *rows, const char **next,
                    struct pn_err *e)
{
    int (*order)(const void *, const void *) = choice->is_falling ? compare_down : compare;
    struct place after = {.path = NULL};
    *next = NULL;
    if (choice->after != NULL && read_cursor(choice->after, arena, &after, e) != 0) {
        return PN_FAIL;
    }
    struct place *places = pn_arena_calloc(arena, snapshot->file_count + 1, sizeof *places);
    size_t count = 0;
    for (size_t i = 0; i < snapshot->file_count; i++) {
        const struct pn_delta_file *file = &snapshot->files[i];
        const struct place place = {number_of(file, choice->order), file->path, file};
        if ((after.path == NULL || order(&place, &after) > 0) && fits(file, choice->words, arena)) {
            places[count++] = place;
        }
    }
    qsort(places, count, sizeof *places, order);
    pn_rows_begin_all(rows, &pn_file_columns);
    size_t end = choice->limit == 0 || count < choice->limit ? count : choice->limit;
    for (size_t i = 0; i < end && !pn_row_writer_failed(rows); i++) {
        put_file(places[i].file, rows);
    }
    if (end < count) {
        *next =
            pn_arena_printf(arena, "%" PRId64 " %s", places[end - 1].number, places[end - 1].path);
    }
    return 0;
}
