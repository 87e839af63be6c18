/* Dead letters that a load adds, each once: those of tables that it adds to. */
#include "engine/duckdb/dead_letters_ways.h"
#include "engine/duckdb/scan.h"

static int add_known(const struct pn_letters_putting *putting, size_t i,
                     const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                     struct pn_buf *sql, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    pn_buf_adds(sql, "WITH known AS (SELECT * FROM (");
    int rc = pn_duckdb_add_scan(dead->engine, putting->connection, &dead->itself, snapshot, true,
                                lease, sql, e);
    pn_buf_adds(sql, ") WHERE \"table\" = ");
    pn_duckdb_add_text(sql, dead->tables[i]->name);
    pn_buf_adds(sql, ")\n");
    return rc;
}

/* An object is read whole, so its dead letters are all there or none is. Those of the sink have no
 * object: what they are of is known by its place in the log, and by its time where a topic was made
 * again. */
static int add_new(const struct pn_letters_putting *putting, size_t i,
                   const struct pn_delta_snapshot *snapshot, struct pn_file_lease *lease,
                   struct pn_buf *sql, struct pn_err *e)
{
    const struct pn_table *table = putting->dead->tables[i];
    int rc = add_known(putting, i, snapshot, lease, sql, e);
    pn_buf_adds(sql, "SELECT * FROM (");
    if (pn_letters_has_rejects(putting, i)) {
        pn_letters_add_spooled(putting, sql);
        pn_buf_adds(sql, " WHERE r.\"table\" = ");
        pn_duckdb_add_text(sql, table->name);
        /* A file may have changed since a load that ended before its own commit. */
        pn_buf_adds(sql, table->from_files != NULL
                             ? " AND NOT EXISTS (SELECT 1 FROM known WHERE known.object = "
                               "r.object AND known.line IS NOT DISTINCT FROM r.line AND "
                               "known.value IS NOT DISTINCT FROM r.value)"
                             : " AND r.object NOT IN (SELECT object FROM known WHERE object IS "
                               "NOT NULL)");
    }
    pn_buf_adds(sql, pn_letters_has_rejects(putting, i) && pn_letters_has_sunk(putting, i)
                         ? "\nUNION ALL "
                         : "");
    if (pn_letters_has_sunk(putting, i)) {
        pn_buf_adds(sql, "SELECT * FROM (");
        pn_letters_add_sunk(putting, i, sql);
        pn_buf_adds(sql, ") AS s WHERE NOT EXISTS (SELECT 1 FROM known WHERE known.object IS NULL "
                         "AND known.topic = s.topic AND known.partition = s.partition AND "
                         "known.\"offset\" = s.\"offset\" AND known.timestamp IS NOT DISTINCT "
                         "FROM s.timestamp)");
    }
    if (pn_letters_has_rows(putting, i)) {
        pn_buf_adds(sql, pn_letters_has_rejects(putting, i) || pn_letters_has_sunk(putting, i)
                             ? "\nUNION ALL "
                             : "");
        pn_letters_add_rows(putting, i, sql);
    }
    pn_buf_addf(sql, ")%s ORDER BY ALL", putting->dropped->count > 0 ? PN_LETTERS_NOT_DROPPED : "");
    return rc;
}

static int append(const struct pn_letters_putting *putting, size_t i, int64_t *rows,
                  struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_written written = {0};
    struct pn_file_lease lease = {0};
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    int rc = pn_duckdb_newest(dead->engine, dead->itself.path, &snapshot, e);
    if (rc == 0 && pn_letters_has_rows(putting, i)) {
        rc = pn_letter_batch_check(putting->ways[i].batch, dead->engine, e);
    }
    if (rc == 0) { /* after the letters: one that is not there any more is among the dropped */
        rc = pn_dropped_read(dead->engine, putting->connection, putting->dropped, e);
    }
    if (rc == 0) {
        rc = add_new(putting, i, snapshot, &lease, &sql, e);
    }
    if (rc == 0) {
        rc = pn_duckdb_write(dead->engine, putting->connection, &dead->itself, &sql, &written, e);
    }
    *rows = written.rows;
    if (rc == 0) {
        rc = pn_letter_batch_commit(dead->engine, &dead->itself, snapshot, dead->tables[i],
                                    &written, e);
    }
    pn_written_deinit(&written);
    pn_file_lease_release(&lease);
    pn_delta_snapshot_destroy(&snapshot);
    pn_buf_deinit(&sql);
    return rc;
}

int pn_letters_append(const struct pn_letters_putting *putting, size_t i, int64_t *count,
                      struct pn_err *e)
{
    int64_t rows = 0;
    if (!pn_letters_has_any(putting, i)) {
        return 0;
    }
    for (int tries = 0; tries < PN_LETTERS_ATTEMPTS_MAX; tries++) {
        int rc = append(putting, i, &rows, e);
        if (rc != PN_DELTA_TXN_SEEN) {
            int64_t others =
                pn_landed_counts(putting->scans[i]).rejected + putting->dead->row_counts[i];
            *count += rc == 0 && rows > others ? rows - others : 0;
            return rc;
        }
    }
    return pn_letters_too_many(putting->dead, e);
}

/* Which rows of `dropped`, of tables that the load adds to, stay: their object is there, the sink's
 * letters still have them, or they may be rows that a data test takes out again. */
static void add_left(const struct pn_letters_putting *putting, struct pn_buf *left)
{
    const char *between = " OR (object IS NULL AND id IN (" PN_FOUND_IDS " (";
    bool has_some = false;
    struct pn_buf tested;
    pn_buf_init(&tested, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(left, "SELECT * FROM dropped AS d WHERE \"table\" NOT IN ");
    pn_letters_add_names(putting, true, left);
    pn_buf_adds(left, " OR (object IS NOT NULL AND NOT EXISTS (SELECT 1 FROM gone AS g WHERE "
                      "g.\"table\" = d.\"table\" AND g.object = d.object))");
    for (size_t i = 0; i < putting->dead->count; i++) {
        if (putting->ways[i].is_added && pn_letters_has_batch(putting, i)) {
            pn_buf_adds(&tested, " OR (object IS NULL AND \"table\" = ");
            pn_duckdb_add_text(&tested, putting->dead->tables[i]->name);
            pn_buf_addc(&tested, ')');
        }
        if (putting->ways[i].is_added && pn_letters_has_sunk(putting, i)) {
            pn_buf_adds(left, has_some ? "\nUNION ALL " : between);
            pn_letters_add_sunk(putting, i, left);
            has_some = true;
        }
    }
    pn_buf_adds(left, has_some ? ")))" : "");
    pn_buf_adds(left, pn_buf_text(&tested));
    pn_buf_deinit(&tested);
}

/* Forgets what was dropped of tables that the load adds to and can't come back. */
static int try_to_forget_added(const struct pn_letters_putting *putting, struct pn_err *e)
{
    struct pn_dead_letters *dead = putting->dead;
    struct pn_buf left;
    pn_buf_init(&left, PN_DUCKDB_SQL_MAX);
    int rc = pn_dropped_read(dead->engine, putting->connection, putting->dropped, e);
    if (rc == 0) {
        rc = pn_letters_make_gone(putting, e);
    }
    for (size_t i = 0; rc == 0 && i < dead->count; i++) {
        if (putting->ways[i].is_added) {
            rc = pn_dropped_find_gone(dead->engine, putting->connection, dead->tables[i], e);
        }
    }
    if (rc == 0) {
        add_left(putting, &left);
        rc = pn_dropped_keep(dead->engine, putting->connection, putting->dropped, putting->before,
                             &left, e);
    }
    pn_buf_deinit(&left);
    return rc;
}

void pn_letters_forget_added(const struct pn_letters_putting *putting)
{
    struct pn_err why = {0};
    bool any = false;
    for (size_t i = 0; i < putting->dead->count; i++) {
        any = any || putting->ways[i].is_added;
    }
    if (any && putting->before->key_count > 0 && try_to_forget_added(putting, &why) != 0) {
        pn_dropped_warn(putting->dead->engine, &why);
    }
}
