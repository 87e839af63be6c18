#include "pipeline/definitions.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "pipeline/copy.h"
#include "pipeline/internal.h"

enum { RETRY_MS = 1000 /* of files that could not be loaded */ };

/* A definition, and how many hold it. The newest is also held by its owner. */
struct held {
    struct pn_definition definition; /* first: users know it by its address */
    struct pn_pipeline *own;         /* NULL: the first one's, which is borrowed */
    char *folder;
    size_t holders;
};

struct pn_definitions {
    struct pn_definitions_config config;
    pthread_mutex_t looking; /* by the thread that looks at the files, which uses the next two */
    uint32_t seen;           /* the files as they were before they were loaded last; 0: unknown */
    int64_t retry_ms;        /* monotonic */
    pthread_mutex_t lock;    /* of all below, and of `holders` */
    struct held *newest;
    bool failed;
    struct pn_err failure;
    int64_t failed_ms; /* wall: since when the failure is this one */
};

/* ---- files ----------------------------------------------------------------------------------- */

static uint32_t add_file(const struct pn_io *io, const char *path, uint32_t sum)
{
    struct stat st;
    struct {
        int64_t inode;
        int64_t size;
        int64_t seconds;
        int64_t nanoseconds;
    } seen = {0};
    if (pn_io_stat(io, path, &st, NULL) == 0) {
        seen.inode = (int64_t)st.st_ino;
        seen.size = st.st_size;
        seen.seconds = st.st_mtim.tv_sec;
        seen.nanoseconds = st.st_mtim.tv_nsec;
    }
    return pn_crc32c_add(sum, &seen, sizeof seen);
}

/* The files of the newest definition, by what the system says of them. */
static uint32_t look_at_files(const struct pn_definitions *definitions)
{
    const struct pn_pipeline *pipeline = definitions->newest->definition.pipeline;
    const struct pn_io *io = definitions->config.io;
    const char *folder = definitions->config.pipeline->folder;
    static const char *const fixed[] = {PN_PIPELINE_FILE, "queries", "prelude/duckdb.sql",
                                        "prelude/spark.sql"};
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        char *path = pn_xasprintf("%s/%s", folder, fixed[i]);
        sum = add_file(io, path, sum);
        free(path);
    }
    for (size_t i = 0; i < pipeline->private_->watched_count; i++) {
        char *path = pn_xasprintf("%s/%s", folder, pipeline->private_->watched[i]);
        sum = add_file(io, path, sum);
        free(path);
    }
    for (size_t i = 0; i < pipeline->table_count; i++) {
        if (pipeline->tables[i].sql_file != NULL) {
            sum = add_file(io, pipeline->tables[i].sql_file, sum);
        }
    }
    for (size_t i = 0; i < pipeline->table_count; i++) {
        for (size_t k = 0; k < pipeline->tables[i].expect_count; k++) {
            const char *file = pipeline->tables[i].expects[k].sql_file;
            sum = file != NULL ? add_file(io, file, sum) : sum;
        }
    }
    for (size_t i = 0; i < pipeline->query_count; i++) {
        sum = add_file(io, pipeline->queries[i].file, sum);
    }
    return sum;
}

/* ---- definitions ----------------------------------------------------------------------------- */

static void destroy_held(const struct pn_definitions *definitions, struct held **held)
{
    struct held *gone = *held;
    if (gone == NULL) {
        return;
    }
    struct pn_err failure = {0};
    if (pn_io_remove_tree(definitions->config.io, gone->folder, &failure) != 0) {
        pn_logger_warn(definitions->config.logger, "pipeline", "%s", failure.msg);
    }
    pn_pipeline_destroy(&gone->own);
    free(gone->folder);
    free(gone);
    *held = NULL;
}

/* Makes a definition and its copy; takes `own`. */
static int make_held(const struct pn_definitions *definitions, const struct pn_pipeline *pipeline,
                     struct pn_pipeline *own, struct held **held, struct pn_err *e)
{
    struct held *made = pn_xcalloc(1, sizeof *made);
    int64_t now_ms = pn_wall_ms(definitions->config.clock);
    made->own = own;
    made->holders = 1;
    made->definition = (struct pn_definition){
        .pipeline = pipeline,
        .loaded_ms = now_ms,
        .needs_restart = pn_pipeline_needs_restart(definitions->config.pipeline, pipeline),
    };
    pn_pipeline_version(pipeline, made->definition.version);
    made->folder = pn_xasprintf("%s/%s.%lld", definitions->config.copies, made->definition.version,
                                (long long)now_ms);
    made->definition.folder = made->folder;
    int rc = pn_pipeline_copy(pipeline, made->folder, definitions->config.io, e);
    if (rc == 0) {
        *held = made;
        made = NULL;
    }
    destroy_held(definitions, &made);
    return rc;
}

/* With the lock. */
static struct held *drop(struct held *held)
{
    PN_ASSERT(held->holders > 0);
    return --held->holders == 0 ? held : NULL;
}

static void note_failure(struct pn_definitions *definitions, const struct pn_err *failure)
{
    pthread_mutex_lock(&definitions->lock);
    bool is_new = !definitions->failed || strcmp(definitions->failure.msg, failure->msg) != 0;
    if (is_new) {
        definitions->failed = true;
        definitions->failure = *failure;
        definitions->failed_ms = pn_wall_ms(definitions->config.clock);
    }
    pthread_mutex_unlock(&definitions->lock);
    if (is_new) {
        pn_logger_error(definitions->config.logger, "pipeline",
                        "the definition has changed and cannot be loaded; the last good one stays"
                        " in force: %s",
                        failure->msg);
    }
}

static void set_newest(struct pn_definitions *definitions, struct held *held)
{
    pthread_mutex_lock(&definitions->lock);
    struct held *old = definitions->newest;
    bool is_same = strcmp(old->definition.version, held->definition.version) == 0;
    definitions->newest = held;
    definitions->failed = false;
    old = drop(old);
    pthread_mutex_unlock(&definitions->lock);
    destroy_held(definitions, &old);
    if (!is_same) {
        pn_logger_info(definitions->config.logger, "pipeline",
                       "the definition has changed: version %s is in force for new runs%s",
                       held->definition.version,
                       held->definition.needs_restart
                           ? "; what changed besides DAGs, pools and SQL needs a restart"
                           : "");
    }
}

/* The data folder of a program is one pipeline's, by its name. */
static int check_name(const struct pn_definitions *definitions, const struct pn_pipeline *pipeline,
                      struct pn_err *e)
{
    const char *before = definitions->config.pipeline->name;
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    return strcmp(before, pipeline->name) == 0
               ? 0
               : pn_yaml_error(yaml, pn_yaml_get(yaml->root, "name"), e,
                               "the pipeline was '%s' at the start, and is '%s' now: stop the "
                               "server, remove the file pipeline_name of its data folder, and "
                               "start it again",
                               before, pipeline->name);
}

static void load(struct pn_definitions *definitions)
{
    struct pn_pipeline *pipeline = NULL;
    struct held *held = NULL;
    struct pn_err failure = {0};
    int rc = pn_pipeline_load(definitions->config.pipeline->folder, definitions->config.io,
                              &pipeline, &failure);
    if (rc == 0) {
        rc = check_name(definitions, pipeline, &failure);
        if (rc != 0) {
            pn_pipeline_destroy(&pipeline);
        }
    }
    if (rc == 0) {
        rc = make_held(definitions, pipeline, pipeline, &held, &failure);
    }
    if (rc != 0) {
        note_failure(definitions, &failure);
    } else {
        set_newest(definitions, held);
    }
}

/* The files are looked at before they are loaded, so that a change during the load is seen the next
 * time. A definition with other files is therefore loaded twice. A thread that finds another one
 * looking waits, and then looks itself: the other may have begun before the files changed. */
void pn_definitions_look(struct pn_definitions *definitions)
{
    pthread_mutex_lock(&definitions->looking);
    int64_t now_ms = pn_mono_ms(definitions->config.clock);
    uint32_t seen = look_at_files(definitions);
    bool again = definitions->failed && now_ms >= definitions->retry_ms;
    if (seen != definitions->seen || again) {
        load(definitions);
        definitions->seen = seen;
        definitions->retry_ms = now_ms + RETRY_MS;
    }
    pthread_mutex_unlock(&definitions->looking);
}

const struct pn_definition *pn_definitions_take(struct pn_definitions *definitions)
{
    pthread_mutex_lock(&definitions->lock);
    struct held *held = definitions->newest;
    held->holders++;
    pthread_mutex_unlock(&definitions->lock);
    return &held->definition;
}

const struct pn_definition *pn_definitions_hold(struct pn_definitions *definitions,
                                                const struct pn_definition *definition)
{
    pthread_mutex_lock(&definitions->lock);
    ((struct held *)definition)->holders++;
    pthread_mutex_unlock(&definitions->lock);
    return definition;
}

void pn_definitions_release(struct pn_definitions *definitions,
                            const struct pn_definition **definition)
{
    if (*definition == NULL) {
        return;
    }
    pthread_mutex_lock(&definitions->lock);
    struct held *gone = drop((struct held *)*definition);
    pthread_mutex_unlock(&definitions->lock);
    destroy_held(definitions, &gone);
    *definition = NULL;
}

/* ---- errors ---------------------------------------------------------------------------------- */

/* "<folder>/<file>:<line>: <reason>", where the message is like that. */
static void split_message(const char *message, const char *folder, struct pn_arena *arena,
                          struct pn_definition_error *error)
{
    size_t folder_len = strlen(folder);
    error->file = "";
    error->reason = pn_arena_strdup(arena, message);
    if (strncmp(message, folder, folder_len) != 0 || message[folder_len] != '/') {
        return;
    }
    const char *file = message + folder_len + 1;
    const char *colon = strchr(file, ':');
    if (colon == NULL) {
        return;
    }
    error->file = pn_arena_strndup(arena, file, (size_t)(colon - file));
    char *end = NULL;
    error->line = isdigit((unsigned char)colon[1]) ? strtol(colon + 1, &end, 10) : 0;
    const char *reason = end != NULL && *end == ':' ? end + 1 : colon + 1;
    error->reason = pn_arena_strdup(arena, reason + strspn(reason, " "));
}

bool pn_definitions_error(struct pn_definitions *definitions, struct pn_arena *arena,
                          struct pn_definition_error *error)
{
    pthread_mutex_lock(&definitions->lock);
    bool failed = definitions->failed;
    *error = (struct pn_definition_error){.at_ms = definitions->failed_ms};
    if (failed) {
        split_message(definitions->failure.msg, definitions->config.pipeline->folder, arena, error);
    }
    pthread_mutex_unlock(&definitions->lock);
    return failed;
}

/* ---- life ------------------------------------------------------------------------------------ */

int pn_definitions_create(const struct pn_definitions_config *config,
                          struct pn_definitions **definitions, struct pn_err *e)
{
    struct pn_definitions *made = pn_xcalloc(1, sizeof *made);
    made->config = *config;
    made->config.copies = pn_xstrdup(config->copies);
    pthread_mutex_init(&made->looking, NULL);
    pthread_mutex_init(&made->lock, NULL);
    int rc = pn_io_remove_tree(config->io, config->copies, e);
    if (rc == 0) {
        rc = make_held(made, config->pipeline, NULL, &made->newest, e);
    }
    if (rc == 0) {
        *definitions = made;
        made = NULL;
    }
    pn_definitions_destroy(&made);
    return rc;
}

void pn_definitions_destroy(struct pn_definitions **definitions)
{
    struct pn_definitions *gone = *definitions;
    if (gone == NULL) {
        return;
    }
    PN_ASSERT(gone->newest == NULL || gone->newest->holders == 1);
    destroy_held(gone, &gone->newest);
    pthread_mutex_destroy(&gone->looking);
    pthread_mutex_destroy(&gone->lock);
    free((char *)gone->config.copies);
    free(gone);
    *definitions = NULL;
}
