/*
 * A watch over the pipeline's tables: once in a while, on a thread of its own, it looks whether the
 * files are there that each table's newest version adds, and what the newest load of each raw table
 * said of members that no column takes. So /health names both without looking at any table itself,
 * and the gauge pinion_table_unknown_members has the latter. The maintenance of stream tables looks
 * at all their files, and reports what it finds in the processor's status (processor/processor.h).
 */
#ifndef PN_SERVER_TABLE_WATCH_H
#define PN_SERVER_TABLE_WATCH_H

#include "api/api.h"
#include "server/app.h"
#include "store/store.h"

struct pn_table_watch;

/* The store is borrowed until the destroy. Starts the thread. */
int pn_table_watch_start(const struct pn_app *app, struct pn_store *store,
                         struct pn_table_watch **tables, struct pn_err *e) PN_MUST_CHECK;
/* Ends the thread. NULL ok. */
void pn_table_watch_destroy(struct pn_table_watch **tables);
/* Adds the array `unreadable_tables` to /health, and to its `unknown_members` the raw tables. */
void pn_table_watch_add_health(struct pn_table_watch *tables, struct pn_api *api);

#endif
