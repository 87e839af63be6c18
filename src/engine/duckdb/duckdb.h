/*
 * The engine on DuckDB, in this process.
 */
#ifndef PN_ENGINE_DUCKDB_H
#define PN_ENGINE_DUCKDB_H

#include "base/clock.h"
#include "base/io.h"
#include "base/logger.h"
#include "engine/embedded.h"
#include "engine/run_values.h"
#include "store/store.h"

struct pn_duckdb_config {
    const struct pn_io *io;  /* NULL: the real disk */
    const char *temp_folder; /* for spilling; NULL where only pn_engine_check() is used */
    int64_t memory_bytes_max;
    int64_t threads; /* 0: one a core */
    const char *parquet_compression;
    int64_t copies_bytes_max; /* of objects, on a store whose objects are not files here */
    /* Where copies stay for other processes: on the file system of `temp_folder`. NULL: nowhere. */
    const char *shelf_folder;
    bool full_refresh;  /* incremental tables are made afresh, of all there is; also those that
                           run.conf asks for */
    bool drop_imported; /* a raw table that is made afresh may lose the rows of imports; also one of
                           which run.conf says so */
    struct pn_delta_config delta;
    struct pn_run_values run;  /* that SQL is part of */
    const char *landed_folder; /* NULL; else read `<folder>/<table>.json[l]` files instead of the
                                  store's landed objects (bench, `pinion batch --from`) */
};

/* `config` is copied, all else borrowed for the engine's life; `pipeline` may be NULL where only
 * parquet and optimize are used, `store` where only check is. Nothing is opened yet: DuckDB starts
 * when it is first needed. */
int pn_duckdb_engine_create(const struct pn_duckdb_config *config,
                            const struct pn_pipeline *pipeline, struct pn_store *store,
                            const struct pn_clock *clock, struct pn_logger *logger,
                            struct pn_embedded_engine **engine, struct pn_err *e) PN_MUST_CHECK;

#endif
