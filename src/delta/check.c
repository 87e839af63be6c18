/* Whether the newest commit of a table has its files. */
#include <inttypes.h>
#include <stdlib.h>

#include "delta/load.h"
#include "delta/replay.h"
#include "delta/vector.h"

struct check {
    struct pn_delta *table;
    int64_t version;
    struct pn_arena arena;
};

/* Finds the newest commit; -1 when there is none. */
static int find_newest(struct pn_delta *table, int64_t *version, struct pn_err *e)
{
    int64_t from = 0;
    int rc = pn_delta_log_hint(table, &from, e);
    from = from > 0 ? from : 0;
    *version = -1;
    for (bool again = true; rc == 0 && again;) {
        struct pn_delta_log_files log;
        rc = pn_delta_log_list(table, from, &log, e);
        for (size_t at = log.count; rc == 0 && *version < 0 && at > 0; at--) {
            if (log.files[at - 1]->kind == PN_DELTA_LOG_COMMIT) {
                *version = log.files[at - 1]->version;
            }
        }
        pn_delta_log_files_deinit(&log);
        again = *version < 0 && from > 0; /* a hint may lead astray */
        from = 0;
    }
    return rc;
}

static int check_line(void *arg, const char *line, size_t len, size_t capacity, struct pn_err *e)
{
    struct check *check = arg;
    struct pn_delta_action action;
    struct pn_delta_file file;
    int rc = pn_delta_action_parse(&check->table->reader, line, len, capacity, &action, e);
    if (rc != 0 || action.kind != PN_DELTA_ADD) {
        return rc;
    }
    rc = pn_delta_read_file(&check->table->reader, action.body, true, &check->arena, &file, e);
    if (rc != 0) {
        return rc;
    }
    const char *gone = NULL;
    bool looked = pn_delta_file_misses(check->table, &file, &check->arena, &gone, NULL) == 0;
    return looked && gone != NULL /* what cannot be looked at is not known to be gone */
               ? pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "it names '%s', which does not exist",
                            gone)
               : 0;
}

int pn_delta_check_newest(struct pn_delta *table, struct pn_err *e)
{
    struct check check = {.table = table};
    struct pn_err why = {0};
    struct pn_buf bytes;
    int rc = find_newest(table, &check.version, e);
    if (rc != 0 || check.version < 0) {
        return rc;
    }
    pn_arena_init(&check.arena, 0);
    char *key = pn_delta_commit_key(table, check.version);
    rc = pn_delta_log_get(table, key, &bytes, &why);
    if (rc == 0) {
        rc = pn_delta_commit_check(&table->reader, key, pn_buf_text(&bytes), bytes.len,
                                   bytes.capacity, &why);
    }
    if (rc == 0) {
        rc = pn_delta_each_line(key, pn_buf_text(&bytes), bytes.len, bytes.capacity, false,
                                check_line, &check, &why);
    }
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        rc = 0; /* the table was taken away, or its log cleaned, meanwhile */
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    pn_buf_deinit(&bytes);
    free(key);
    pn_arena_deinit(&check.arena);
    return rc;
}
