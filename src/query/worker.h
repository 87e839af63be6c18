/*
 * A worker: the process that runs one query and ends. The executor starts it ahead of time, so that
 * the engine is open when the query comes.
 *
 * It reads one frame from its input, the work, and writes frames to its output (frame.h). When its
 * input closes, which says that the server has ended or has cancelled the query, it ends at once;
 * and so it does by SIGKILL, which is how the executor cancels a query of an engine in the process.
 * Then it owns nothing that must be cleaned up by itself: all that it writes is below the folder of
 * the work, and goes with that. An engine whose queries run elsewhere is interrupted first
 * (`interrupts`), and ends them there.
 *
 * The work, as JSON:
 *
 *   {"do": "query", "sql", "parameters"?, "at"?, "folder", "bytes_max",
 *    "format": "keep" | "csv" | "csv-protected" | "jsonl"}
 *       keep: the rows go to files in the folder (rows_file.h); csv, jsonl: to the output, as DATA
 *   {"do": "parquet", "folder", "columns": [{"name", "type"}]}
 *       from rows that were kept to <folder>/result.parquet
 *   {"do": "order", "folder", "columns", "column": 2, "descending": false}
 *       from rows that were kept to the file of the order
 */
#ifndef PN_QUERY_WORKER_H
#define PN_QUERY_WORKER_H

#include "base/io.h"
#include "engine/embedded.h"

#define PN_RESULT_PARQUET "result.parquet"

struct pn_query_worker_config {
    int input_fd;
    int output_fd;
    const struct pn_io *io;
    bool interrupts; /* the engine's queries run elsewhere: it is interrupted before the end */
    /* Opens an engine on the pipeline as it is now. */
    int (*open)(void *arg, struct pn_embedded_engine **engine, struct pn_err *e);
    /* Looks whether the pipeline has other tables than when the engine was opened. */
    int (*refresh)(void *arg, bool *changed, struct pn_err *e);
    void *arg;
};

/* Does one piece of work and returns; what failed is in the frames that it wrote. An error only
 * when the executor cannot be talked to. */
int pn_query_worker_run(const struct pn_query_worker_config *config,
                        struct pn_err *e) PN_MUST_CHECK;
/* Reports to the executor why this process cannot begin. */
int pn_query_worker_refuse(int output_fd, const struct pn_err *why, struct pn_err *e) PN_MUST_CHECK;

#endif
