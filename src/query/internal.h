/*
 * The inside of the executor: what its files share. Everything is under the executor's lock, but
 * for what its thread alone has: the descriptors and buffers of workers' processes.
 *
 *   job        a query, or what is made of one's rows (an order, a Parquet file)
 *   process    a worker's, from its start until it is reaped; it does one job, or waits for one
 */
#ifndef PN_QUERY_INTERNAL_H
#define PN_QUERY_INTERNAL_H

#include <poll.h>
#include <pthread.h>

#include "base/json.h"
#include "base/process.h"
#include "query/executor.h"

enum pn_query_kind { PN_QUERY_KIND_QUERY, PN_QUERY_KIND_ORDER, PN_QUERY_KIND_PARQUET };

struct pn_query_process;

struct pn_query_job {
    char id[PN_QUERY_ID_SIZE];
    enum pn_query_kind kind;
    struct pn_query_status status; /* texts are the job's own; the times come from those below */
    char *parameters;
    char *at;                      /* of the request; NULL */
    char target[PN_QUERY_ID_SIZE]; /* whose rows, where the job is not a query */
    struct pn_query_sort sort;     /* ORDER */
    struct pn_buf tables;          /* JSON members: "table":version */
    char *folder;                  /* of the rows; NULL: there are none */
    struct pn_query_process *process;
    bool cancelled; /* asked for */
    int64_t created_ns;
    int64_t started_ns; /* 0: not yet */
    int64_t moved_ns;   /* the time limit counts from here */
    int64_t ended_ns;
    int64_t used_ns; /* kept from here on */
    /* Streamed rows that no one has read yet. */
    struct pn_buf pending;
    struct pn_query_job *next;
};

struct pn_query_process {
    struct pn_process process;
    struct pn_query_job *job; /* NULL: none yet, or no more */
    bool served;              /* it had a job */
    bool killed;              /* or asked to end */
    int64_t kill_ns;          /* when one that was asked to end is killed; 0: it was not asked */
    bool ended;               /* the pipe from it is closed */
    char *folder;
    int input_fd; /* to it; -1 when all is sent */
    int output_fd;
    struct pn_buf to_send;
    size_t sent;
    struct pn_buf came;
    char failure[sizeof((struct pn_err){0}).msg]; /* of one that ended before it had a job */
    struct pn_query_process *next;
};

/* What is to be removed once the lock is free. */
struct pn_query_trash {
    char **paths;
    size_t count;
    size_t capacity;
};

struct pn_executor {
    struct pn_executor_config config; /* owns its texts */
    char **command;
    size_t command_len;
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_metric *refused;
    struct pn_metric *ended[PN_QUERY_CANCELLED + 1]; /* by the state that they ended in */
    struct pn_metric *running;
    void (*changed)(void *arg);
    void *changed_arg;
    pthread_t thread;
    bool started;
    int wake_fd;
    struct pn_json_parser *parser; /* the thread's */

    pthread_mutex_t lock;
    bool stopping;
    bool news;                 /* for `changed` */
    struct pn_query_job *jobs; /* the newest first */
    struct pn_query_process *processes;
    uint64_t processes_made;
    int64_t spare_until_ns; /* a spare is wanted until then */
    int64_t spare_after_ns; /* and not started before, when the last one failed */
    struct pn_query_trash trash;
};

/* --- jobs.c ----------------------------------------------------------------------------------- */

struct pn_query_job *pn_query_job_create(struct pn_executor *executor, enum pn_query_kind kind);
void pn_query_job_destroy(struct pn_query_job *job);
struct pn_query_job *pn_query_job_find(struct pn_executor *executor, const char *id);
bool pn_query_job_ended(const struct pn_query_job *job);
/* How many are in this state, but only the queries or only the others. */
int64_t pn_query_jobs_count(const struct pn_executor *executor, enum pn_query_state state,
                            bool queries);
/* The job ends in this state. `why` is the text of a failure; an earlier one stays. */
void pn_query_job_end(struct pn_executor *executor, struct pn_query_job *job,
                      enum pn_query_state state, enum pn_class class_, const char *why);
/* Forgets jobs that were kept long enough, or are too many. Returns when to look again, as
 * monotonic time. */
int64_t pn_query_jobs_sweep(struct pn_executor *executor, int64_t now_ns);
/* Forgets one, and what was made of its rows. */
void pn_query_job_forget(struct pn_executor *executor, struct pn_query_job *job);
/* The work of a job as the worker wants it. */
void pn_query_job_work(struct pn_executor *executor, const struct pn_query_job *job,
                       const char *folder, struct pn_buf *out);
void pn_query_trash_add(struct pn_executor *executor, char *path); /* takes the path */

/* --- processes.c ------------------------------------------------------------------------------ */

/* Starts a worker. */
int pn_query_process_start(struct pn_executor *executor, struct pn_query_process **process,
                           struct pn_err *e) PN_MUST_CHECK;
/* Gives it its job, which is running from now on. */
void pn_query_process_give(struct pn_executor *executor, struct pn_query_process *process,
                           struct pn_query_job *job, int64_t now_ns);
void pn_query_process_kill(struct pn_query_process *process);
/* Ends it before its job has ended: asks for it where the executor has a grace, else kills. */
void pn_query_process_stop(struct pn_executor *executor, struct pn_query_process *process,
                           int64_t now_ns);
/* What of it is to be waited for: 3 descriptors. */
enum { PN_QUERY_PROCESS_FDS = 3 };
void pn_query_process_poll(const struct pn_query_process *process,
                           struct pollfd fds[PN_QUERY_PROCESS_FDS]);
/* Reads and writes what it can. True when the process has ended and is reaped: it is gone then. */
bool pn_query_process_step(struct pn_executor *executor, struct pn_query_process *process,
                           const struct pollfd fds[PN_QUERY_PROCESS_FDS], int64_t now_ns);
void pn_query_process_destroy(struct pn_executor *executor, struct pn_query_process *process);

/* --- thread.c --------------------------------------------------------------------------------- */

void *pn_executor_thread(void *arg);
void pn_executor_wake(struct pn_executor *executor);

#endif
