#include "http/pool.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/internal.h"

enum { THREADS_MAX = 64, TICK_MS = 1000 };
/* Between two looks at the waiting requests, however often records come. */
enum { LOOK_INTERVAL_MS = 2 };

struct pn_http_pool {
    struct pn_http_pool_config config;
    pthread_mutex_t lock;
    pthread_cond_t work; /* for the pool threads: the queue, or `ending` */
    struct pn_http_conn *queue;
    struct pn_http_conn **queue_tail;
    bool ending;
    pthread_t threads[THREADS_MAX];
    int thread_count;

    pthread_mutex_t wait_lock; /* of the next two; taken before `lock` where both are */
    struct pn_http_conn *waiting;
    bool draining;
    atomic_bool any_waiting; /* what signals need to know, without the lock */
    atomic_bool signalled;
    atomic_bool timer_ending;
    int wake_fd; /* for the timer thread */
    pthread_t timer;
    bool timer_running;
};

void pn_http_pool_run(struct pn_http_pool *pool, struct pn_http_conn *conn)
{
    conn->pool_next = NULL;
    pthread_mutex_lock(&pool->lock);
    *pool->queue_tail = conn;
    pool->queue_tail = &conn->pool_next;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

/* The next request, or NULL when the pool ends. */
static struct pn_http_conn *next_work(struct pn_http_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->queue == NULL && !pool->ending) {
        pthread_cond_wait(&pool->work, &pool->lock);
    }
    struct pn_http_conn *conn = pool->queue;
    if (conn != NULL) {
        pool->queue = conn->pool_next;
        if (pool->queue == NULL) {
            pool->queue_tail = &pool->queue;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return conn;
}

static void *pool_thread(void *arg)
{
    struct pn_http_pool *pool = arg;
    struct pn_json_parser *parser = pn_json_parser_create();
    pn_json_parser_limit(parser, pool->config.values_max);
    for (struct pn_http_conn *conn = next_work(pool); conn != NULL; conn = next_work(pool)) {
        pool->config.run(conn, parser);
    }
    pn_json_parser_destroy(&parser);
    return NULL;
}

static void wake_timer(struct pn_http_pool *pool)
{
    if (!atomic_exchange(&pool->signalled, true)) {
        (void)eventfd_write(pool->wake_fd, 1);
    }
}

void pn_http_pool_wait(struct pn_http_pool *pool, struct pn_http_conn *conn)
{
    pthread_mutex_lock(&pool->wait_lock);
    conn->pool_next = pool->waiting;
    pool->waiting = conn;
    atomic_store(&pool->any_waiting, true);
    pthread_mutex_unlock(&pool->wait_lock);
    /* Records may have come since the handler looked. */
    wake_timer(pool);
}

void pn_http_pool_signal(struct pn_http_pool *pool)
{
    if (atomic_load(&pool->any_waiting)) {
        wake_timer(pool);
    }
}

void pn_http_pool_drain(struct pn_http_pool *pool)
{
    pthread_mutex_lock(&pool->wait_lock);
    pool->draining = true;
    pthread_mutex_unlock(&pool->wait_lock);
    wake_timer(pool);
}

/* Requeues what is ready or late. Returns the earliest time at which another one is late. */
static int64_t look(struct pn_http_pool *pool, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;
    for (struct pn_http_conn **link = &pool->waiting; *link != NULL;) {
        struct pn_http_conn *conn = *link;
        conn->req.expired = pool->draining || now_ns >= conn->req.wait_until_ns;
        if (conn->req.expired || conn->req.ready(&conn->req)) {
            *link = conn->pool_next;
            pn_http_pool_run(pool, conn);
            continue;
        }
        if (conn->req.wait_until_ns < next_ns) {
            next_ns = conn->req.wait_until_ns;
        }
        link = &conn->pool_next;
    }
    atomic_store(&pool->any_waiting, pool->waiting != NULL);
    return next_ns;
}

/* Until a signal comes, or `until_ns` of the clock, or a tick is due. */
static void wait_for_change(struct pn_http_pool *pool, int64_t until_ns, int64_t now_ns)
{
    int64_t wait_ms = until_ns > now_ns ? (until_ns - now_ns) / 1000000 + 1 : 0;
    struct pollfd fd = {.fd = pool->wake_fd, .events = POLLIN};
    eventfd_t drained = 0;
    (void)poll(&fd, 1, (int)(wait_ms < TICK_MS ? wait_ms : TICK_MS));
    (void)eventfd_read(pool->wake_fd, &drained);
}

static void *timer_thread(void *arg)
{
    struct pn_http_pool *pool = arg;
    int64_t ticked_ns = 0;
    while (!atomic_load(&pool->timer_ending)) {
        bool signalled = atomic_exchange(&pool->signalled, false);
        int64_t now_ns = pn_mono_ns(pool->config.clock);
        pthread_mutex_lock(&pool->wait_lock);
        int64_t next_ns = look(pool, now_ns);
        pthread_mutex_unlock(&pool->wait_lock);
        if (now_ns - ticked_ns >= TICK_MS * INT64_C(1000000)) {
            ticked_ns = now_ns;
            pool->config.tick(pool->config.arg);
        }
        if (signalled) {
            /* Let more of them come together. */
            pn_sleep_ms(LOOK_INTERVAL_MS);
        }
        wait_for_change(pool, next_ns, now_ns);
    }
    return NULL;
}

struct pn_http_pool *pn_http_pool_create(const struct pn_http_pool_config *config)
{
    PN_ASSERT(config->threads > 0 && config->threads <= THREADS_MAX);
    struct pn_http_pool *pool = pn_xcalloc(1, sizeof *pool);
    pool->config = *config;
    pool->queue_tail = &pool->queue;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_mutex_init(&pool->wait_lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    PN_ASSERT(pool->wake_fd >= 0);
    return pool;
}

int pn_http_pool_start(struct pn_http_pool *pool, struct pn_err *e)
{
    int rc = 0;
    pool->ending = false;
    pool->draining = false;
    atomic_store(&pool->timer_ending, false);
    for (int i = 0; i < pool->config.threads && rc == 0; i++) {
        rc = pthread_create(&pool->threads[i], NULL, pool_thread, pool);
        pool->thread_count += rc == 0;
    }
    if (rc == 0) {
        rc = pthread_create(&pool->timer, NULL, timer_thread, pool);
        pool->timer_running = rc == 0;
    }
    if (rc != 0) {
        pn_http_pool_stop(pool);
        return pn_err_errno(e, rc, "cannot start the server's pool threads");
    }
    return 0;
}

void pn_http_pool_stop(struct pn_http_pool *pool)
{
    if (pool->timer_running) {
        atomic_store(&pool->timer_ending, true);
        (void)eventfd_write(pool->wake_fd, 1);
        (void)pthread_join(pool->timer, NULL);
        pool->timer_running = false;
    }
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->thread_count; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    pool->thread_count = 0;
    PN_ASSERT(pool->waiting == NULL && pool->queue == NULL);
}

void pn_http_pool_destroy(struct pn_http_pool **pool)
{
    struct pn_http_pool *p = *pool;
    if (p == NULL) {
        return;
    }
    pn_http_pool_stop(p);
    pthread_cond_destroy(&p->work);
    close(p->wake_fd);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->wait_lock);
    free(p);
    *pool = NULL;
}
