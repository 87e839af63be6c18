/* What the files of the scheduler share. */
#ifndef PN_DAG_SCHEDULER_INTERNAL_H
#define PN_DAG_SCHEDULER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/process.h"
#include "dag/plan.h"
#include "dag/run_files.h"
#include "dag/scheduler.h"
#include "dag/task_log.h"

/* Why a task was asked to end. */
enum pn_ended_by {
    PN_ENDED_BY_ITSELF,
    PN_ENDED_BY_TIMEOUT,
    PN_ENDED_BY_RUN_TIMEOUT,
    PN_ENDED_BY_CANCEL,
    PN_ENDED_BY_LOSS /* the scheduler stops */
};

/* A task that runs now. */
struct pn_running {
    int64_t run;
    char *dag;
    char *run_id;
    const struct pn_task *task;
    const struct pn_definition *definition; /* the task's, held; NULL: it does not change */
    int32_t number;
    int32_t max_tries;
    struct pn_process process;
    struct pn_task_log *log;
    char *log_path;
    int64_t deadline_ms; /* monotonic; 0: none */
    int64_t kill_ms;     /* monotonic; 0: SIGTERM wasn't sent */
    enum pn_ended_by ended_by;
    bool is_over;      /* reaped, but maybe not recorded yet */
    char *not_started; /* it is over before it began: why; else NULL */
    int32_t exit_code;
    bool is_recorded; /* in this step's transaction */
};

/* Reports a run that failed: a process, one at a time. */
struct pn_notifying {
    int64_t run; /* 0: none */
    struct pn_process process;
    struct pn_task_log *log;
    int64_t deadline_ms; /* monotonic */
};

/* Which definition a run began with. */
struct pn_pin {
    int64_t run;
    const struct pn_definition *definition; /* held */
    bool is_used;                           /* in this step: the run is active */
    bool is_recorded;                       /* its version is that of the run in the database */
};

struct pn_scheduler {
    struct pn_scheduler_config config;
    const struct pn_pipeline *pipeline;     /* the newest good definition, in this step */
    const struct pn_definition *definition; /* it, held; NULL: it does not change */
    bool has_seen_versions;                 /* the versions of its DAGs are in the database */
    const char *source_folder;              /* of the pipeline */
    struct pn_pin *pins;
    size_t pin_count;
    size_t pin_capacity;
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_metric *attempts_failed;
    struct pn_metric *runs_over;
    struct pn_metric *tasks_running;
    struct pn_dag_db *db;
    int lock_fd;
    int wake_fd;
    int watch_fd;     /* hears of triggers of other processes; -1: there is none */
    int64_t heard_ms; /* mono: when it last heard something */
    struct pn_running running[PN_DAG_TASKS_MAX];
    size_t running_count;
    struct pn_notifying notifying;
    int64_t wake_ms;      /* wall: when time alone makes something due; 0: never */
    int64_t logs_look_ms; /* mono: when old logs are looked for next */
    bool run_ended;       /* in this step: something is to be pruned, or reported */
    pthread_t thread;
    bool thread_started;
    atomic_bool stop;
};

/* Time alone makes something due then: the step after it looks again. */
static inline void pn_scheduler_wake_at(struct pn_scheduler *scheduler, int64_t wall_ms)
{
    if (scheduler->wake_ms == 0 || wall_ms < scheduler->wake_ms) {
        scheduler->wake_ms = wall_ms;
    }
}
/* ---- attempts.c ------------------------------------------------------------------------------ */

/* A task that starts in this step. */
struct pn_start {
    const struct pn_run *run;
    const struct pn_task *task;
    const struct pn_definition *definition; /* the run's; NULL: it does not change */
    const struct pn_task_run *stored;
    int32_t number;
};
/* Reaps what ended, ends what is over its time. */
void pn_attempts_reap(struct pn_scheduler *scheduler);
/* Records what was reaped, in the step's transaction ... */
int pn_attempts_record(struct pn_scheduler *scheduler, struct pn_err *e) PN_MUST_CHECK;
/* ... and forgets it after that was committed; otherwise the next step records it again. */
void pn_attempts_settle(struct pn_scheduler *scheduler, bool committed);
/* Starts the processes of attempts that are in the database, and records their pids. */
int pn_attempts_start(struct pn_scheduler *scheduler, const struct pn_start *starts, size_t count,
                      struct pn_arena *arena, struct pn_err *e) PN_MUST_CHECK;
void pn_attempts_tell_to_end(struct pn_scheduler *scheduler, struct pn_running *running,
                             enum pn_ended_by why);
size_t pn_attempts_of(const struct pn_scheduler *scheduler, int64_t run);
/* Ends the attempts that another scheduler left behind. */
int pn_attempts_recover(struct pn_scheduler *scheduler, struct pn_err *e) PN_MUST_CHECK;

/* ---- pins.c ---------------------------------------------------------------------------------- */

/* Takes the newest good definition for a step. */
void pn_pins_refresh(struct pn_scheduler *scheduler);
/* The pin of an active run: the definition that it began with, or, for a run that is new to this
 * scheduler, the newest. NULL: the definition does not change. Good until the next call. */
struct pn_pin *pn_pins_of(struct pn_scheduler *scheduler, int64_t run);
/* The run begins again, with the newest. */
void pn_pins_forget(struct pn_scheduler *scheduler, int64_t run);
/* The step's transaction was rolled back: what it recorded is not there. */
void pn_pins_rolled_back(struct pn_scheduler *scheduler);
/* Forgets the definitions of runs for which the step did not ask. */
void pn_pins_sweep(struct pn_scheduler *scheduler);
void pn_pins_clear(struct pn_scheduler *scheduler);
/* "PINION_PIPELINE=..." for a process of ours that is started for the definition; NULL: none. `env`
 * has room for one. Returns how many. */
size_t pn_pins_env(const struct pn_definition *definition, const char **env,
                   struct pn_arena *arena);

/* ---- ticks.c, runs.c, notices.c, prune.c ----------------------------------------------------- */

/* Makes the runs that are due by schedules. */
int pn_ticks_make(struct pn_scheduler *scheduler, struct pn_arena *arena,
                  struct pn_err *e) PN_MUST_CHECK;
/* Lets queued runs begin, moves the tasks of all that run, ends runs, and chooses what starts. */
int pn_runs_advance(struct pn_scheduler *scheduler, struct pn_arena *arena,
                    struct pn_start **starts, size_t *count, struct pn_err *e) PN_MUST_CHECK;
/* Reports runs that failed, where their DAG wants that. */
int pn_notices_step(struct pn_scheduler *scheduler, struct pn_arena *arena,
                    struct pn_err *e) PN_MUST_CHECK;
/* Removes runs beyond those that are kept, and logs that are too old. */
int pn_prune_step(struct pn_scheduler *scheduler, struct pn_arena *arena,
                  struct pn_err *e) PN_MUST_CHECK;

#endif
