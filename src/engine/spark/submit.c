#include "engine/spark/submit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/process.h"
#include "engine/spark/said.h"

enum {
    LOOK_MS = 100,
    KILL_AFTER_MS = 3000, /* from SIGTERM to SIGKILL */
    WORDS_MAX = 256,
    READ_BYTES = 8192,
    EXIT_CANNOT_START = 127
};

struct submit {
    struct pn_spark_runner runner;
    struct pn_spark_submit_config config;
    struct pn_arena arena; /* texts of the config */
};

/* --- the command line ------------------------------------------------------------------------- */

struct words {
    const char *items[WORDS_MAX];
    size_t count;
    struct pn_arena *arena;
};

static void add(struct words *words, const char *word)
{
    if (words->count + 1 < WORDS_MAX) {
        words->items[words->count++] = word;
    }
}

static void add_option(struct words *words, const char *name, const char *value)
{
    if (value[0] != '\0') {
        add(words, name);
        add(words, value);
    }
}

/* Each "name=value" of the setting. */
static void add_conf(struct words *words, const char *conf)
{
    while (*conf != '\0') {
        conf += strspn(conf, "; \n");
        size_t len = strcspn(conf, ";\n");
        if (len > 0) {
            add_option(words, "--conf", pn_arena_strndup(words->arena, conf, len));
        }
        conf += len;
    }
}

/* What Delta needs, and, with Spark on this machine alone, what keeps it small and to itself. */
static void add_usual_conf(struct words *words, const struct pn_spark_submit_config *config)
{
    static const char *const always[] = {
        "spark.submit.deployMode=client",
        "spark.log.level=WARN",
        "spark.sql.session.timeZone=UTC",
        "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog",
    };
    static const char *const local[] = {
        "spark.ui.enabled=false",
        "spark.driver.host=127.0.0.1",
        "spark.driver.bindAddress=127.0.0.1",
        "spark.sql.shuffle.partitions=4",
        "spark.databricks.delta.snapshotPartitions=2",
    };
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        add_option(words, "--conf", always[i]);
    }
    for (size_t i = 0; strncmp(config->master, "local", 5) == 0 && i < sizeof local / sizeof *local;
         i++) {
        add_option(words, "--conf", local[i]);
    }
    add_option(words, "--conf",
               pn_arena_printf(words->arena, "spark.sql.warehouse.dir=%s/spark-warehouse",
                               config->temp_folder));
}

/* The files that pinion_job.py imports, with commas. */
static const char *library_of(struct pn_arena *arena, const char *folder)
{
    static const char *const names[] = {"engine", "expect", "run",   "spark", "table", "record",
                                        "delta",  "grow",   "merge", "plan",  "taken", "write"};
    const char *list = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        list =
            pn_arena_printf(arena, "%s%s%s/pinion_%s.py", list, i > 0 ? "," : "", folder, names[i]);
    }
    return list;
}

static void add_words(struct words *words, const struct pn_spark_submit_config *config,
                      const char *program, const struct pn_spark_job *job)
{
    add(words, program);
    add_option(words, "--master", config->master);
    add_option(words, "--name", job->name);
    add_option(words, "--packages", config->packages);
    add_option(words, "--jars", config->jars);
    add_usual_conf(words, config);
    add_conf(words, config->conf);
    add_option(words, "--py-files", library_of(words->arena, config->library));
    add(words, pn_arena_printf(words->arena, "%s/pinion_job.py", config->library));
    add_option(words, "--store", job->store);
    add_option(words, "--job", job->folder);
}

/* A name without a slash is looked for in PATH. NULL: it is not there. */
static const char *find_program(struct pn_arena *arena, const struct pn_io *io, const char *name)
{
    if (strchr(name, '/') != NULL) {
        return pn_io_exists(io, name) ? name : NULL;
    }
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t len = strcspn(path, ":");
        const char *candidate = pn_arena_printf(arena, "%.*s/%s", (int)len, path, name);
        if (len > 0 && pn_io_exists(io, candidate)) {
            return candidate;
        }
        path += len + (path[len] == ':' ? 1 : 0);
    }
    return NULL;
}

/* --- the process ------------------------------------------------------------------------------ */

struct watched {
    struct pn_process process;
    int output_fd;
    struct pn_spark_said said;
    const struct pn_spark_submit_config *config;
    const struct pn_spark_job *job;
    int64_t deadline_ms;
    int64_t kill_ms; /* 0: it was not asked to end */
    bool is_late;
    int32_t exit_code;
};

/* Hands on what it has printed so far. */
static void take_output(struct watched *watched)
{
    char bytes[READ_BYTES];
    ssize_t got = 0;
    while ((got = read(watched->output_fd, bytes, sizeof bytes)) > 0) {
        (void)fwrite(bytes, 1, (size_t)got, stderr);
        pn_spark_said_add(&watched->said, bytes, (size_t)got);
    }
    (void)fflush(stderr);
}

static void ask_to_end(struct watched *watched, int64_t now_ms)
{
    if (watched->kill_ms == 0) {
        watched->kill_ms = now_ms + KILL_AFTER_MS;
        pn_process_signal(&watched->process, SIGTERM);
    } else if (now_ms >= watched->kill_ms) {
        pn_process_signal(&watched->process, SIGKILL);
    }
}

/* Until it has ended; then nothing of its group is left. */
static void watch(struct watched *watched)
{
    const struct pn_clock *clock = watched->config->clock;
    for (bool ended = false; !ended;) {
        struct pollfd fds[] = {{.fd = watched->output_fd, .events = POLLIN},
                               {.fd = watched->process.pidfd, .events = POLLIN}};
        (void)poll(fds, 2, LOOK_MS);
        take_output(watched);
        int64_t now_ms = pn_mono_ms(clock);
        watched->is_late = watched->is_late || now_ms >= watched->deadline_ms;
        if (watched->is_late || atomic_load(watched->job->stop)) {
            ask_to_end(watched, now_ms);
        }
        if ((fds[1].revents & POLLIN) != 0) {
            /* Its Python, before the group's number is free again. */
            pn_process_signal(&watched->process, SIGKILL);
            ended = pn_process_ended(&watched->process, &watched->exit_code);
        }
    }
    take_output(watched);
}

static int start(struct watched *watched, const struct words *words, struct pn_err *e)
{
    const struct pn_spark_submit_config *config = watched->config;
    int fds[2];
    const char *env[4] = {"PYTHONDONTWRITEBYTECODE=1", NULL, NULL, NULL};
    if (config->python[0] != '\0') {
        env[1] = pn_arena_printf(words->arena, "PYSPARK_PYTHON=%s", config->python);
        env[2] = pn_arena_printf(words->arena, "PYSPARK_DRIVER_PYTHON=%s", config->python);
    }
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return pn_err_errno(e, errno, "cannot make a pipe");
    }
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    const struct pn_process_files files = {.input = -1, .output = fds[1], .error = fds[1]};
    int rc = pn_process_start(words->items, env, &files, config->io, &watched->process, e);
    (void)close(fds[1]);
    watched->output_fd = fds[0];
    return rc;
}

static int outcome(struct watched *watched, struct pn_err *e)
{
    const char *program = watched->config->program;
    if (watched->exit_code == 0) {
        return 0;
    }
    if (watched->is_late) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                          "Spark's job took longer than spark.timeout_ms (%" PRId64
                          " ms) and was stopped",
                          watched->config->timeout_ms);
    }
    if (watched->kill_ms != 0) {
        return pn_err_set(e, PN_CLASS_RETRY, PN_FAIL, "Spark's job was stopped");
    }
    if (watched->exit_code == EXIT_CANNOT_START && watched->said.text.len == 0) {
        return pn_err_input(e, "%s cannot be run: set spark.submit to Spark's bin/spark-submit",
                            program);
    }
    return pn_spark_said_failure(&watched->said, program, watched->exit_code, e);
}

static int run(struct pn_spark_runner *base, const struct pn_spark_job *job, struct pn_err *e)
{
    struct submit *submit = (struct submit *)base;
    const struct pn_spark_submit_config *config = &submit->config;
    struct watched watched = {.config = config, .job = job, .output_fd = -1};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    pn_spark_said_init(&watched.said);
    struct words words = {.arena = &arena};
    const char *program = find_program(&arena, config->io, config->program);
    int rc = 0;
    if (program == NULL) {
        rc = pn_err_input(e,
                          "there is no %s: install Spark 4, and set spark.submit to its "
                          "bin/spark-submit",
                          config->program);
        goto out;
    }
    if (strstr(config->conf, "deployMode=cluster") != NULL) {
        rc = pn_err_input(e, "spark.conf: spark.submit.deployMode must be client, so that a job "
                             "ends with its task");
        goto out;
    }
    add_words(&words, config, program, job);
    watched.deadline_ms = pn_mono_ms(config->clock) + config->timeout_ms;
    rc = start(&watched, &words, e);
    if (rc == 0) {
        watch(&watched);
        rc = outcome(&watched, e);
    }
out:
    if (watched.output_fd >= 0) {
        (void)close(watched.output_fd);
    }
    pn_spark_said_deinit(&watched.said);
    pn_arena_deinit(&arena);
    return rc;
}

static void destroy(struct pn_spark_runner *base)
{
    struct submit *submit = (struct submit *)base;
    pn_arena_deinit(&submit->arena);
    free(submit);
}

struct pn_spark_runner *pn_spark_submit_create(const struct pn_spark_submit_config *config)
{
    static const struct pn_spark_runner_ops ops = {.destroy = destroy, .run = run};
    struct submit *made = pn_xcalloc(1, sizeof *made);
    pn_arena_init(&made->arena, 0);
    made->runner.ops = &ops;
    made->config = *config;
    made->config.program = pn_arena_strdup(&made->arena, config->program);
    made->config.master = pn_arena_strdup(&made->arena, config->master);
    made->config.packages = pn_arena_strdup(&made->arena, config->packages);
    made->config.jars = pn_arena_strdup(&made->arena, config->jars);
    made->config.conf = pn_arena_strdup(&made->arena, config->conf);
    made->config.python = pn_arena_strdup(&made->arena, config->python);
    made->config.library = pn_arena_strdup(&made->arena, config->library);
    made->config.temp_folder = pn_arena_strdup(&made->arena, config->temp_folder);
    return &made->runner;
}
