/* Whatever a pipeline.yml holds, loading it ends in a pipeline or in one clear message. What loads
 * is then walked through, so that a pointer that leads nowhere shows. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "pipeline/glob.h"
#include "pipeline/pipeline.h"
#include "settings/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libfyaml 0.7.12 forgets a scratch buffer on a few of its error paths, some 2 KiB a broken file;
 * pinion reads one file a process. Leaks of our own still count. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so\n";
}

/* --- a disk that holds the input as pipeline.yml, and any .sql file ------------------------- */

struct input {
    const uint8_t *data;
    size_t size;
};

enum { FD_YAML = 100, FD_SQL = 101 };
static const char sql[] = "-- a file\nSELECT 1";

static int find(const char *path)
{
    size_t len = strlen(path);
    if (len > 13 && strcmp(path + len - 13, "/pipeline.yml") == 0) {
        return FD_YAML;
    }
    return len > 4 && strcmp(path + len - 4, ".sql") == 0 ? FD_SQL : -ENOENT;
}

static int fake_open(const struct pn_io *io, const char *path, int flags, mode_t mode)
{
    (void)io;
    (void)flags;
    (void)mode;
    return find(path);
}

static int fake_close(const struct pn_io *io, int fd)
{
    (void)io;
    (void)fd;
    return 0;
}

static ssize_t fake_pread(const struct pn_io *io, int fd, void *bytes, size_t len, off_t offset)
{
    const struct input *input = io->ctx;
    const void *from = fd == FD_YAML ? (const void *)input->data : (const void *)sql;
    size_t size = fd == FD_YAML ? input->size : sizeof sql - 1;
    if ((size_t)offset >= size) {
        return 0;
    }
    len = len < size - (size_t)offset ? len : size - (size_t)offset;
    memcpy(bytes, (const char *)from + offset, len);
    return (ssize_t)len;
}

static int fake_fstat(const struct pn_io *io, int fd, struct stat *st)
{
    const struct input *input = io->ctx;
    *st = (struct stat){.st_mode = S_IFREG | 0644};
    st->st_size = (off_t)(fd == FD_YAML ? input->size : sizeof sql - 1);
    return 0;
}

static int fake_stat(const struct pn_io *io, const char *path, struct stat *st)
{
    int fd = find(path);
    return fd < 0 ? fd : fake_fstat(io, fd, st);
}

static const struct pn_io_ops fake_ops = {.open = fake_open,
                                          .close = fake_close,
                                          .pread = fake_pread,
                                          .fstat = fake_fstat,
                                          .stat = fake_stat};

/* --- what is done with it ------------------------------------------------------------------- */

static void walk_tables(const struct pn_pipeline *pipeline)
{
    struct pn_buf out;
    pn_buf_init(&out, 1 << 24);
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        PN_ASSERT(pn_pipeline_table(pipeline, table->name) == table);
        /* Its rows come from a topic, files, a SELECT or a stream: from one of them. */
        PN_ASSERT((table->from_topic != NULL) + (table->from_files != NULL) + (table->sql != NULL) +
                      (table->like != NULL) ==
                  1);
        if (table->from_files != NULL) {
            const char *glob = table->from_files->glob;
            PN_ASSERT(glob[pn_glob_prefix(glob) - 1] == '/');
            PN_ASSERT(!pn_glob_reaches(glob, table->path));
            PN_ASSERT(!pn_glob_matches(glob, table->path));
        }
        PN_ASSERT(table->column_count > 0);
        for (size_t j = 0; j < table->read_count; j++) {
            PN_ASSERT(table->reads[j] < table && table->reads[j] >= pipeline->tables);
        }
        pn_table_delta_schema(table, &out);
        pn_type_sql(&table->columns[0].type, &out);
        pn_type_name(&table->columns[0].type, &out);
    }
    pn_buf_deinit(&out);
}

static void walk_streams(const struct pn_pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->stream_count; i++) {
        const struct pn_pipeline_stream *stream = &pipeline->streams[i];
        PN_ASSERT(pn_pipeline_stream(pipeline, stream->name) == stream);
        PN_ASSERT(stream->shards > 0 && stream->retention_hours > 0);
        for (size_t j = 0; j < stream->flow_count; j++) {
            PN_ASSERT(stream->flows[j].table->like != NULL);
        }
    }
}

static void walk_dags(const struct pn_pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->dag_count; i++) {
        const struct pn_dag *dag = &pipeline->dags[i];
        PN_ASSERT(dag->task_count > 0);
        for (size_t j = 0; j < dag->task_count; j++) {
            const struct pn_task *task = &dag->tasks[j];
            PN_ASSERT(pn_dag_task(dag, task->name) == task);
            for (size_t k = 0; k < task->after_count; k++) {
                PN_ASSERT(task->after[k] < task && task->after[k] >= dag->tasks);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    const struct pn_io io = {&fake_ops, &input};
    struct pn_pipeline *pipeline = NULL;
    struct pn_err e = {0};
    if (pn_pipeline_load("/p", &io, &pipeline, &e) != 0) {
        PN_ASSERT(pipeline == NULL);
        PN_ASSERT(strncmp(e.msg, "/p/pipeline.yml:", 16) == 0);
        PN_ASSERT(e.class_ == PN_CLASS_INPUT);
        return 0;
    }
    walk_tables(pipeline);
    walk_streams(pipeline);
    walk_dags(pipeline);
    if (pn_settings_check_pipeline(pipeline, &e) != 0) {
        PN_ASSERT(strncmp(e.msg, "/p/pipeline.yml:", 16) == 0);
        PN_ASSERT(e.class_ == PN_CLASS_INPUT);
    }
    pn_pipeline_destroy(&pipeline);
    return 0;
}
