/*
 * A watch over the pipeline's tables: once in a while, on a thread of its own, it looks whether the
 * files are there that each table's newest version adds. So /health names a table that cannot be
 * read without looking at any table itself. Stream tables' upkeep looks at all their files, but has
 * its own way to tell (stream/stream.h).
 */
#ifndef PN_CLI_SERVE_TABLES_H
#define PN_CLI_SERVE_TABLES_H

#include "cli/cli.h"
#include "gateway/gateway.h"
#include "store/store.h"

struct pn_serve_tables;

/* The store is borrowed until the destroy. Starts the thread. */
int pn_serve_tables_start(struct pn_cli *cli, struct pn_store *store,
                          struct pn_serve_tables **tables, struct pn_err *e) PN_MUST_CHECK;
/* Ends the thread. NULL ok. */
void pn_serve_tables_destroy(struct pn_serve_tables **tables);
/* Adds the array `unreadable_tables` to /health. */
void pn_serve_tables_add_health(struct pn_serve_tables *tables, struct pn_gateway *gateway);

#endif
