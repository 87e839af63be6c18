/* Which streams are asked for, and a worker for each table that one of them fills. */
#include <string.h>

#include "base/mem.h"
#include "processor/private.h"

bool pn_processor_is_asked_for(const struct pn_processor_config *config, const char *name)
{
    for (size_t i = 0; i < config->name_count; i++) {
        if (strcmp(config->names[i], name) == 0) {
            return true;
        }
    }
    return config->names == NULL;
}

int pn_processor_check_names(const struct pn_processor_config *config,
                             const struct pn_pipeline *pipeline, struct pn_err *e)
{
    for (size_t i = 0; config->names != NULL && i < config->name_count; i++) {
        const char *name = config->names[i];
        const struct pn_pipeline_stream *stream = pn_pipeline_stream(pipeline, name);
        if (stream == NULL) {
            stream = pn_pipeline_stream_pattern(pipeline, name);
        }
        if (stream == NULL) {
            return pn_err_input(
                e, "the pipeline %s has no stream '%s' (pipeline.yml lists the streams)",
                pipeline->name, name);
        }
        if (stream->flow_count == 0) {
            return pn_err_input(
                e, "the stream '%s' fills no table: give it `table` or `tables` in pipeline.yml",
                name);
        }
    }
    return 0;
}

bool pn_processor_is_first(const struct pn_pipeline_stream *stream, size_t flow)
{
    for (size_t i = 0; i < flow; i++) {
        if (stream->flows[i].table == stream->flows[flow].table) {
            return false;
        }
    }
    return true;
}

void pn_processor_add_workers(struct pn_processor *streams, const struct pn_pipeline_stream *stream)
{
    for (size_t i = 0; i < stream->flow_count; i++) {
        if (pn_processor_is_first(stream, i)) {
            struct pn_processor_worker *worker = pn_xmalloc(sizeof *worker);
            pn_processor_worker_init(worker, streams, stream, stream->flows[i].table);
            worker->maintenance =
                pn_processor_maintenance_add(streams->maintenance, worker->table->path);
            pthread_rwlock_wrlock(&streams->workers_lock);
            pn_grow((void **)&streams->workers, &streams->worker_capacity,
                    streams->worker_count + 1, sizeof(struct pn_processor_worker *));
            streams->workers[streams->worker_count++] = worker;
            pthread_rwlock_unlock(&streams->workers_lock);
        }
    }
}
