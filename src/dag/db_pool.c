#include "dag/db_pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

enum { KEPT_MAX = 4 };

struct pn_dag_db_pool {
    char *path;
    pthread_mutex_t lock; /* of what follows */
    struct pn_dag_db *free[KEPT_MAX];
    size_t free_count;
};

struct pn_dag_db_pool *pn_dag_db_pool_create(const char *path)
{
    struct pn_dag_db_pool *pool = pn_xcalloc(1, sizeof *pool);
    pool->path = pn_xstrdup(path);
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

void pn_dag_db_pool_destroy(struct pn_dag_db_pool **pool)
{
    struct pn_dag_db_pool *gone = *pool;
    if (gone == NULL) {
        return;
    }
    while (gone->free_count > 0) {
        pn_dag_db_close(&gone->free[--gone->free_count]);
    }
    pthread_mutex_destroy(&gone->lock);
    free(gone->path);
    free(gone);
    *pool = NULL;
}

int pn_dag_db_pool_take(struct pn_dag_db_pool *pool, struct pn_dag_db **db, struct pn_err *e)
{
    *db = NULL;
    pthread_mutex_lock(&pool->lock);
    if (pool->free_count > 0) {
        *db = pool->free[--pool->free_count];
    }
    pthread_mutex_unlock(&pool->lock);
    return *db != NULL ? 0 : pn_dag_db_open(pool->path, db, e);
}

void pn_dag_db_pool_give(struct pn_dag_db_pool *pool, struct pn_dag_db **db)
{
    pthread_mutex_lock(&pool->lock);
    if (*db != NULL && pool->free_count < KEPT_MAX) {
        pool->free[pool->free_count++] = *db;
        *db = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    pn_dag_db_close(db);
}
