#include "engine/duckdb/letter_maker.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/duckdb/write.h"

int pn_letter_after(struct pn_duckdb *engine, const char *path, int64_t *version, struct pn_err *e)
{
    struct pn_delta *delta = pn_duckdb_delta(engine, path);
    int rc = pn_delta_version_latest(delta, version, e);
    pn_delta_destroy(&delta);
    return rc;
}

void pn_letter_add_maker(const struct pn_duckdb *engine, struct pn_buf *sql)
{
    char *maker = pn_delta_maker_text(&engine->config.delta.maker);
    if (maker != NULL) {
        pn_duckdb_add_text(sql, maker);
    } else {
        pn_buf_adds(sql, "CAST(NULL AS VARCHAR)");
    }
    free(maker);
}

void pn_letter_add_after(int64_t after, struct pn_buf *sql)
{
    if (after >= 0) {
        pn_buf_addf(sql, "CAST(%" PRId64 " AS BIGINT)", after);
    } else {
        pn_buf_adds(sql, "CAST(NULL AS BIGINT)");
    }
}
