/* Live updates of DAGs, runs and the logs of attempts, from the database of runs: its writer may be
 * another process. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/units.h"
#include "dag/changes.h"
#include "server/live_internal.h"

enum { LOOK_MS = 100, LOG_LOOK_MS = 250 };
/* When more tasks than these change at once, one event of the run says so. */
enum { TASK_EVENTS_MAX = 50 };

void pn_live_dags_init(struct pn_live_dags *dags, const struct pn_app *app)
{
    *dags = (struct pn_live_dags){.io = app->io, .path = pn_app_path(app, "state.db")};
}

void pn_live_dags_deinit(struct pn_live_dags *dags)
{
    pn_dag_db_close(&dags->db);
    free(dags->path);
}

/* Opens the database when it is there. A failure is the next look's matter. */
static bool open_db(struct pn_live_dags *dags)
{
    struct stat info;
    return dags->db != NULL || (pn_io_stat(dags->io, dags->path, &info, NULL) == 0 &&
                                pn_dag_db_look(dags->path, &dags->db, NULL) == 0);
}

/* --- DAGs ------------------------------------------------------------------------------------- */

/* What is remembered of a topic of DAGs. */
struct marks {
    int64_t version; /* of the database, when it was looked at */
    uint32_t mark;
    size_t count; /* tasks, of a run */
    struct task_mark {
        char *name;
        uint32_t mark;
    } * tasks;
};

static struct marks *marks_of(struct pn_live_topic *topic)
{
    if (topic->state == NULL) {
        struct marks *marks = pn_xcalloc(1, sizeof *marks);
        marks->version = -1;
        topic->state = marks;
    }
    return topic->state;
}

static void look_at_dags(struct pn_live_dags *dags, struct pn_live *live,
                         struct pn_live_topic *topic)
{
    struct marks *marks = marks_of(topic);
    uint32_t mark = 0;
    int rc = topic->parts[1] == NULL ? pn_dag_db_mark_all(dags->db, &mark, NULL)
                                     : pn_dag_db_mark_dag(dags->db, topic->parts[1], &mark, NULL);
    if (rc == 0 && mark != marks->mark) {
        marks->mark = mark;
        if (!topic->is_new) {
            pn_live_publish(live, topic, topic->parts[0]);
        }
    }
}

/* --- runs ------------------------------------------------------------------------------------- */

/* The marks of a run's tasks are one allocation, so that the hub's free() is enough. */
static struct marks *make_marks(const struct pn_task_run *tasks, size_t count)
{
    size_t bytes = sizeof(struct marks) + count * sizeof(struct task_mark);
    for (size_t i = 0; i < count; i++) {
        bytes += strlen(tasks[i].task) + 1;
    }
    struct marks *marks = pn_xcalloc(1, bytes);
    marks->count = count;
    marks->tasks = (struct task_mark *)(marks + 1);
    char *text = (char *)(marks->tasks + count);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(tasks[i].task) + 1;
        memcpy(text, tasks[i].task, len);
        marks->tasks[i] = (struct task_mark){.name = text, .mark = pn_task_run_mark(&tasks[i])};
        text += len;
    }
    return marks;
}

/* Tasks keep their order, so most are at the same place. */
static bool has_changed(const struct marks *before, const struct task_mark *task, size_t place)
{
    if (place < before->count && strcmp(before->tasks[place].name, task->name) == 0) {
        return before->tasks[place].mark != task->mark;
    }
    return true;
}

static void publish_task(struct pn_live *live, const struct pn_live_topic *topic,
                         const struct pn_task_run *task)
{
    struct pn_json_writer *json = pn_live_begin(live, topic, "task");
    pn_json_add_cstr(json, "task", task->task);
    pn_json_add_cstr(json, "state", pn_task_state_name(task->state));
    pn_json_add_i64(json, "tries", task->tries);
    pn_live_end(live);
}

/* `run` NULL: it is gone. */
static void publish_run(struct pn_live *live, const struct pn_live_topic *topic,
                        const struct pn_run *run)
{
    struct pn_json_writer *json = pn_live_begin(live, topic, "run");
    pn_json_add_cstr(json, "state", run != NULL ? pn_run_state_name(run->state) : NULL);
    pn_live_end(live);
}

/* Publishes how the run differs from what is remembered of it. */
static void publish_changes(struct pn_live *live, const struct pn_live_topic *topic,
                            const struct pn_run *run, const struct pn_task_run *tasks,
                            const struct marks *before, const struct marks *now)
{
    size_t changed = 0;
    for (size_t i = 0; i < now->count; i++) {
        changed += has_changed(before, &now->tasks[i], i);
    }
    for (size_t i = 0; i < now->count && changed <= TASK_EVENTS_MAX; i++) {
        if (has_changed(before, &now->tasks[i], i)) {
            publish_task(live, topic, &tasks[i]);
        }
    }
    if (changed > TASK_EVENTS_MAX || now->mark != before->mark || now->count != before->count) {
        publish_run(live, topic, run);
    }
}

/* A run that is not there yet, or no more, has no tasks. */
static void look_at_run(struct pn_live_dags *dags, struct pn_live *live,
                        struct pn_live_topic *topic)
{
    struct pn_arena arena;
    struct pn_run run = {0};
    struct pn_task_run *tasks = NULL;
    size_t count = 0;
    struct pn_err why = {0};
    struct marks *before = marks_of(topic);
    pn_arena_init(&arena, 0);
    int rc = pn_dag_db_run(dags->db, topic->parts[1], topic->parts[2], &arena, &run, &why);
    bool is_there = rc == 0;
    if (rc == 0) {
        rc = pn_dag_db_tasks(dags->db, run.id, &arena, &tasks, &count, NULL);
    }
    if (rc == 0 || why.class_ == PN_CLASS_MISSING) {
        struct marks *now = make_marks(tasks, count);
        now->version = before->version;
        now->mark = is_there ? pn_run_mark(&run) : 0;
        if (!topic->is_new && is_there) {
            publish_changes(live, topic, &run, tasks, before, now);
        } else if (!topic->is_new && before->mark != 0) {
            publish_run(live, topic, NULL);
        }
        topic->state = now;
        free(before);
    }
    pn_arena_deinit(&arena);
}

static void look(void *arg, struct pn_live *live, struct pn_live_topic **topics, size_t count)
{
    struct pn_live_dags *dags = arg;
    int64_t version = 0;
    if (!open_db(dags) || pn_dag_db_data_version(dags->db, &version, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (marks_of(topics[i])->version == version) {
            continue;
        }
        if (strcmp(topics[i]->parts[0], "run") == 0) {
            look_at_run(dags, live, topics[i]);
        } else {
            look_at_dags(dags, live, topics[i]);
        }
        marks_of(topics[i])->version = version;
    }
}

/* --- logs of attempts ------------------------------------------------------------------------- */

struct log_state {
    int64_t version; /* of the database, when the attempt was looked up */
    int64_t size;    /* as it was published */
    bool done;       /* likewise */
    bool has_ended;
    char path[]; /* of the file; "": there is none */
};

static struct log_state *make_log(const struct pn_attempt *attempt, int64_t version)
{
    const char *path = attempt != NULL ? attempt->log : "";
    size_t len = strlen(path) + 1;
    struct log_state *log = pn_xcalloc(1, sizeof *log + len);
    log->version = version;
    log->has_ended = attempt != NULL && strcmp(attempt->outcome, "running") != 0;
    memcpy(log->path, path, len);
    return log;
}

/* Looks the attempt up, when the database has changed since. One that has ended stays as it is. */
static void find_attempt(struct pn_live_dags *dags, struct pn_live_topic *topic, int64_t version)
{
    struct log_state *before = topic->state;
    if (before != NULL && (before->version == version || before->has_ended)) {
        return;
    }
    struct pn_arena arena;
    struct pn_run run = {0};
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    int64_t number = 0;
    const struct pn_attempt *found = NULL;
    pn_arena_init(&arena, 0);
    int rc = pn_parse_i64(topic->parts[4], &number, NULL);
    if (rc == 0) {
        rc = pn_dag_db_run(dags->db, topic->parts[1], topic->parts[2], &arena, &run, NULL);
    }
    if (rc == 0) {
        rc = pn_dag_db_attempts(dags->db, run.id, topic->parts[3], &arena, &attempts, &count, NULL);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        found = attempts[i].number == number ? &attempts[i] : found;
    }
    struct log_state *now = make_log(found, version);
    if (before != NULL) {
        now->size = before->size;
    }
    topic->state = now;
    free(before);
    pn_arena_deinit(&arena);
}

static void look_at_log(struct pn_live_dags *dags, struct pn_live *live,
                        struct pn_live_topic *topic)
{
    struct log_state *log = topic->state;
    struct stat info;
    int64_t size = log->size;
    if (log->path[0] != '\0' && pn_io_stat(dags->io, log->path, &info, NULL) == 0) {
        size = info.st_size;
    }
    if ((size != log->size || log->has_ended != log->done) && !topic->is_new) {
        struct pn_json_writer *json = pn_live_begin(live, topic, "log");
        pn_json_add_i64_text(json, "size", size);
        pn_json_add_bool(json, "done", log->has_ended);
        pn_live_end(live);
    }
    log->size = size;
    log->done = log->has_ended;
}

static void look_at_logs(void *arg, struct pn_live *live, struct pn_live_topic **topics,
                         size_t count)
{
    struct pn_live_dags *dags = arg;
    int64_t version = 0;
    if (!open_db(dags) || pn_dag_db_data_version(dags->db, &version, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        find_attempt(dags, topics[i], version);
        look_at_log(dags, live, topics[i]);
    }
}

void pn_live_dags_add(struct pn_live_dags *dags, struct pn_live *live)
{
    static const struct pn_live_kind kinds[] = {{"dags", 1}, {"dag", 2}, {"run", 3}, {NULL, 0}};
    static const struct pn_live_kind logs[] = {{"log", 5}, {NULL, 0}};
    const struct pn_live_source runs = {
        .kinds = kinds, .look_ms = LOOK_MS, .look = look, .arg = dags};
    const struct pn_live_source attempts = {
        .kinds = logs, .look_ms = LOG_LOOK_MS, .look = look_at_logs, .arg = dags};
    pn_live_add_source(live, &runs);
    pn_live_add_source(live, &attempts);
}
