#include "report/pools.h"

#include <string.h>

static void pool_row(struct pn_row_writer *rows, const char *name, int64_t slots,
                     const struct pn_slot_holder *holders, size_t holder_count,
                     const struct pn_slot_holder *waiters, size_t waiter_count)
{
    int64_t taken = 0;
    int64_t running = 0;
    int64_t waiting = 0;
    for (size_t i = 0; i < holder_count; i++) {
        bool has = strcmp(holders[i].pool, name) == 0;
        taken += has ? holders[i].slots : 0;
        running += has ? 1 : 0;
    }
    for (size_t i = 0; i < waiter_count; i++) {
        waiting += strcmp(waiters[i].pool, name) == 0 ? 1 : 0;
    }
    pn_cell_cstr(rows, name);
    if (slots > 0) {
        pn_cell_int(rows, slots);
    } else {
        pn_cell_null(rows);
    }
    pn_cell_int(rows, taken);
    pn_cell_int(rows, running);
    pn_cell_int(rows, waiting);
}

PN_REPORT_COLUMNS(pn_pool_columns, {"pool", PN_CELL_TEXT | PN_NOT_NULL}, {"slots", PN_CELL_INT},
                  {"taken", PN_CELL_INT | PN_NOT_NULL}, {"running", PN_CELL_INT | PN_NOT_NULL},
                  {"waiting", PN_CELL_INT | PN_NOT_NULL});

int pn_report_pools(const struct pn_pipeline *pipeline, struct pn_dag_db *db,
                    struct pn_row_writer *rows, struct pn_err *e)
{
    struct pn_arena arena;
    struct pn_slot_holder *holders = NULL;
    struct pn_slot_holder *waiters = NULL;
    size_t holder_count = 0;
    size_t waiter_count = 0;
    pn_arena_init(&arena, 0);
    pn_rows_begin_all(rows, &pn_pool_columns);
    int rc = pn_dag_db_holders(db, &arena, &holders, &holder_count, e);
    if (rc == 0) {
        rc = pn_dag_db_waiters(db, &arena, &waiters, &waiter_count, e);
    }
    if (rc == 0) {
        pool_row(rows, PN_POOL_DEFAULT, 0, holders, holder_count, waiters, waiter_count);
    }
    for (size_t i = 0; rc == 0 && i < pipeline->pool_count; i++) {
        pool_row(rows, pipeline->pools[i].name, pipeline->pools[i].slots, holders, holder_count,
                 waiters, waiter_count);
    }
    pn_arena_deinit(&arena);
    return rc;
}
