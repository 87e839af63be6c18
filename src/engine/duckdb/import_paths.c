/* Which files a statement reads, and what is said of them. */
#include "engine/duckdb/import.h"

const char *pn_import_undone(const struct pn_import *import)
{
    return import->for_load ? "nothing was loaded" : "nothing was imported";
}

void pn_import_add_paths(const struct pn_importing *importing, struct pn_buf *sql)
{
    if (importing->paths == NULL) {
        pn_duckdb_add_path(sql, importing->file->path);
        return;
    }
    for (size_t i = 0; i < importing->path_count; i++) {
        pn_buf_adds(sql, i == 0 ? "[" : ", ");
        pn_duckdb_add_path(sql, importing->paths[i]);
    }
    pn_buf_addc(sql, ']');
}

void pn_import_add_packing(const struct pn_importing *importing, struct pn_buf *sql)
{
    bool is_gzip = pn_file_packing_of(importing->file->path) == PN_FILE_GZIP;
    pn_buf_adds(sql, is_gzip ? ", compression = 'gzip'" : ", compression = 'uncompressed'");
}
