/*
 * Connections to the database of runs for threads that come and go, such as those of a server: one
 * is opened when none is free, and a few are kept.
 */
#ifndef PN_DAG_DB_POOL_H
#define PN_DAG_DB_POOL_H

#include "dag/db.h"

struct pn_dag_db_pool;

/* Opens nothing yet. `path` is copied. */
struct pn_dag_db_pool *pn_dag_db_pool_create(const char *path);
/* When all connections have been given back. NULL ok. */
void pn_dag_db_pool_destroy(struct pn_dag_db_pool **pool);

/* Any thread. The connection is the caller's until it gives it back; *db is NULL after an error. */
int pn_dag_db_pool_take(struct pn_dag_db_pool *pool, struct pn_dag_db **db,
                        struct pn_err *e) PN_MUST_CHECK;
void pn_dag_db_pool_give(struct pn_dag_db_pool *pool, struct pn_dag_db **db); /* *db NULL ok */

#endif
