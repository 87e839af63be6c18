/* What commands need to fill stream tables, or to look at them. */
#ifndef PN_CLI_STREAM_READER_H
#define PN_CLI_STREAM_READER_H

#include "cli/cli.h"
#include "processor/processor.h"

/* Streams and tables of a data folder for a command: through the folder's server (or --url), or by
 * opening the log here when none runs. Streams of kinesis.endpoint are read there. */
struct pn_stream_reader {
    struct pn_arena arena;
    char *url; /* of the server, or NULL */
    struct pn_store *store;
    struct pn_embedded_engine *engine;
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    char *group;
    char *leases;
    struct pn_processor_source *source;
    struct pn_processor_config config; /* what processors are given: the settings, ... */
    struct pn_processor_env env;       /* ... these stations, and the cli's pipeline and clock */
};

/* For the `count` streams that are named (borrowed), or for all when it's 0. Close it whatever
 * comes back. With `looks_only` a data folder that isn't there is MISSING. */
int pn_stream_reader_open(struct pn_cli *cli, bool looks_only, char **names, int count,
                          struct pn_stream_reader *reader, struct pn_err *e) PN_MUST_CHECK;
/* Can shards be shared with other processes? INPUT: no; the message says what to set. Nothing is
 * opened. */
int pn_stream_reader_check_group(struct pn_cli *cli, struct pn_err *e) PN_MUST_CHECK;
/* Before processors are made of it: they share the shards, as members of a group. CONFLICT: it
 * reads through a server. */
int pn_stream_reader_join(struct pn_cli *cli, struct pn_stream_reader *reader,
                          struct pn_err *e) PN_MUST_CHECK;
void pn_stream_reader_close(struct pn_stream_reader *reader);

#endif
