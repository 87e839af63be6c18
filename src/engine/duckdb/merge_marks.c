/*
 * What becomes of the files that hold rows which a merge replaces or deletes: they are written
 * again without these rows, or, where the table has `deletion_vectors`, stay, and a deletion vector
 * marks the rows.
 *
 * A file is written again where that is cheap or due: it is small beside the batch, so that the
 * files which batches make do not become many; or many of its rows are marked, which costs readers;
 * or the vectors of all files together would mark more than a reader is to be asked to skip.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/merge_parts.h"

enum {
    SMALL_BATCHES = 4,            /* rows of a small file for each key of the batch */
    MARKED_SHARE = 5,             /* of a file one row in five at most */
    MARKED_ROWS_MAX = 1000 * 1000 /* of all files together */
};

/* The rows that are replaced or deleted, by file. */
struct dead {
    int64_t *rows; /* of all files, one after the other */
    size_t *first; /* of each candidate, and after the last one the end */
};

static int read_dead(struct merging *merging, struct dead *dead, struct pn_err *e)
{
    duckdb_result result;
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT pn_file, pn_row FROM pn_hits SEMI JOIN pn_taken ON pn_key = ");
    pn_merging_add_key(merging, &sql);
    pn_buf_adds(&sql, " ORDER BY 1, 2");
    int rc = pn_duckdb_run_buf(merging->connection, &sql, &result, e);
    pn_buf_deinit(&sql);
    if (rc != 0) {
        return rc;
    }
    dead->rows = pn_xcalloc(duckdb_row_count(&result) + 1, sizeof *dead->rows);
    dead->first = pn_xcalloc(merging->candidate_count + 1, sizeof *dead->first);
    size_t count = 0;
    size_t file = 0;
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
    while (chunk != NULL) {
        const int64_t *files = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
        const int64_t *rows = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 1));
        for (idx_t i = 0; i < duckdb_data_chunk_get_size(chunk); i++) {
            while (file < (size_t)files[i]) {
                dead->first[++file] = count;
            }
            dead->rows[count++] = rows[i];
        }
        duckdb_destroy_data_chunk(&chunk);
        chunk = duckdb_fetch_chunk(result);
    }
    while (file < merging->candidate_count) {
        dead->first[++file] = count;
    }
    duckdb_destroy_result(&result);
    return 0;
}

static size_t count_dead(const struct dead *dead, size_t file)
{
    return dead->first[file + 1] - dead->first[file];
}

static int count_taken(struct merging *merging, int64_t *count, struct pn_err *e)
{
    duckdb_result result;
    int rc = pn_duckdb_run(merging->connection, "SELECT count(*) FROM pn_taken", &result, e);
    if (rc == 0) {
        *count = duckdb_value_int64(&result, 0, 0);
        duckdb_destroy_result(&result);
    }
    return rc;
}

/* The rows that vectors would mark in all files, if none were written again. */
static int64_t count_marked(const struct merging *merging, const struct dead *dead)
{
    int64_t count = (int64_t)dead->first[merging->candidate_count];
    for (size_t i = 0; merging->target != NULL && i < merging->target->file_count; i++) {
        int64_t marked = merging->target->files[i].num_deleted;
        count = marked < INT64_MAX - count ? count + marked : INT64_MAX;
    }
    return count;
}

static bool may_mark(const struct pn_delta_file *file, int64_t dead, int64_t batch_rows)
{
    int64_t marked = file->num_deleted + dead;
    return pn_delta_vectors_can_mark(file) && dead < file->num_records &&
           file->num_records / SMALL_BATCHES > batch_rows &&
           marked <= (file->num_records + file->num_deleted) / MARKED_SHARE;
}

static int take_file(struct merging *merging, const struct dead *dead, size_t i, bool mark,
                     struct pn_err *e)
{
    struct pn_delta_file *file = &merging->candidates[i];
    if (!mark) {
        merging->rewritten[merging->rewritten_count++] = *file;
        return 0;
    }
    if (merging->vectors == NULL) {
        merging->vectors = pn_delta_vectors_create(merging->delta);
    }
    return pn_delta_vectors_mark(merging->vectors, file, &dead->rows[dead->first[i]],
                                 count_dead(dead, i), e);
}

/* `touched` gets those that hold rows which are replaced or deleted. */
static int take_files(struct merging *merging, const struct dead *dead, int64_t batch_rows,
                      struct pn_delta_file *touched, size_t *touched_count, struct pn_err *e)
{
    bool may_have_vectors =
        merging->table->deletion_vectors && count_marked(merging, dead) <= MARKED_ROWS_MAX;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < merging->candidate_count; i++) {
        int64_t count = (int64_t)count_dead(dead, i);
        bool mark = may_have_vectors && may_mark(&merging->candidates[i], count, batch_rows);
        if (count > 0) {
            touched[(*touched_count)++] = merging->candidates[i];
            rc = take_file(merging, dead, i, mark, e);
        }
    }
    return rc;
}

static int view_files(struct merging *merging, const char *name, struct pn_delta_file *files,
                      size_t count, struct pn_err *e)
{
    struct pn_delta_snapshot part = {.file_count = 0}; /* borrows all it points to */
    if (count > 0) {
        part = *merging->target;
        part.files = files;
        part.file_count = count;
    }
    return pn_merging_view(merging, name, merging->table, count > 0 ? &part : NULL, e);
}

int pn_merging_choose_files(struct merging *merging, struct pn_err *e)
{
    struct dead dead = {NULL, NULL};
    struct pn_delta_file *touched = pn_xcalloc(merging->candidate_count + 1, sizeof *touched);
    size_t touched_count = 0;
    int64_t batch_rows = 0;
    merging->rewritten_count = 0;
    if (merging->candidate_count > 0) {
        merging->rewritten = pn_arena_calloc(&merging->target->arena, merging->candidate_count,
                                             sizeof *merging->rewritten);
    }
    int rc = read_dead(merging, &dead, e);
    if (rc == 0) {
        rc = count_taken(merging, &batch_rows, e);
    }
    if (rc == 0) {
        rc = take_files(merging, &dead, batch_rows, touched, &touched_count, e);
    }
    if (rc == 0) {
        rc = view_files(merging, "pn_old", touched, touched_count, e);
    }
    if (rc == 0) {
        rc = view_files(merging, "pn_rewritten", merging->rewritten, merging->rewritten_count, e);
    }
    free(touched);
    free(dead.rows);
    free(dead.first);
    return rc;
}
