#include <stdlib.h>
#include <string.h>

#include "delta/delta.h"

static const char *value_of(const struct pn_delta_file *file, const char *column)
{
    for (size_t i = 0; i < file->partition_value_count; i++) {
        if (strcmp(file->partition_values[i].key, column) == 0) {
            return file->partition_values[i].value;
        }
    }
    return NULL;
}

/* Orders by the partition's values; null comes before any. */
static int compare_partitions(const struct pn_delta_snapshot *snapshot,
                              const struct pn_delta_file *a, const struct pn_delta_file *b)
{
    for (size_t i = 0; i < snapshot->metadata.partition_column_count; i++) {
        const char *one = value_of(a, snapshot->metadata.partition_columns[i]);
        const char *other = value_of(b, snapshot->metadata.partition_columns[i]);
        int order =
            one == NULL || other == NULL ? (one != NULL) - (other != NULL) : strcmp(one, other);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

/* By partition, then smallest first, so that the most files go for the fewest bytes written. */
static int compare(const void *one, const void *other, void *arg)
{
    const struct pn_delta_file *a = *(const struct pn_delta_file *const *)one;
    const struct pn_delta_file *b = *(const struct pn_delta_file *const *)other;
    int order = compare_partitions(arg, a, b);
    if (order == 0 && a->size_bytes != b->size_bytes) {
        order = a->size_bytes < b->size_bytes ? -1 : 1;
    }
    return order != 0 ? order : strcmp(a->path, b->path);
}

/* Are so many rows of the file marked as deleted that it is worth writing it again? */
static bool is_due(const struct pn_delta_file *file)
{
    enum { DELETED_SHARE = 20 }; /* as Spark has it: 5 % */
    int64_t live = file->num_records > 0 ? file->num_records : 0;
    return file->num_deleted > 0 && file->num_deleted > (file->num_deleted + live) / DELETED_SHARE;
}

/* Closes the group that ends before files[end]; one file alone gains nothing, unless it is due. */
static void close_group(struct pn_delta_group *groups, size_t *count,
                        const struct pn_delta_file **files, size_t start, size_t end,
                        int64_t size_bytes)
{
    if (end - start >= 2 || (end - start == 1 && is_due(files[start]))) {
        groups[(*count)++] = (struct pn_delta_group){
            .files = &files[start], .count = end - start, .size_bytes = size_bytes};
    }
}

int pn_delta_optimize_plan(struct pn_delta_snapshot *snapshot, int64_t target_bytes,
                           struct pn_delta_group **groups, size_t *count, struct pn_err *e)
{
    *count = 0;
    if (target_bytes <= 0) {
        return pn_err_input(e, "the target size must be more than 0 bytes");
    }
    struct pn_arena *arena = &snapshot->arena;
    const struct pn_delta_file **chosen =
        pn_arena_calloc(arena, snapshot->file_count + 1, sizeof *chosen);
    size_t chosen_count = 0;
    for (size_t i = 0; i < snapshot->file_count; i++) {
        if (snapshot->files[i].size_bytes < target_bytes || is_due(&snapshot->files[i])) {
            chosen[chosen_count++] = &snapshot->files[i];
        }
    }
    if (chosen_count > 1) {
        qsort_r(chosen, chosen_count, sizeof *chosen, compare, snapshot);
    }
    *groups = pn_arena_calloc(arena, chosen_count + 1, sizeof **groups);
    size_t start = 0;
    int64_t size_bytes = 0;
    for (size_t i = 0; i < chosen_count; i++) {
        bool full = i - start >= PN_DELTA_GROUP_FILES_MAX ||
                    size_bytes + chosen[i]->size_bytes > target_bytes;
        if (i > start && (full || compare_partitions(snapshot, chosen[start], chosen[i]) != 0)) {
            close_group(*groups, count, chosen, start, i, size_bytes);
            start = i;
            size_bytes = 0;
        }
        size_bytes += chosen[i]->size_bytes;
    }
    close_group(*groups, count, chosen, start, chosen_count, size_bytes);
    return 0;
}
