/* Which streams are asked for, and a worker for each table that one of them fills. */
#include <string.h>

#include "base/mem.h"
#include "stream/private.h"

bool pn_streams_is_asked_for(const struct pn_streams_config *config, const char *name)
{
    for (size_t i = 0; i < config->name_count; i++) {
        if (strcmp(config->names[i], name) == 0) {
            return true;
        }
    }
    return config->names == NULL;
}

int pn_streams_check_names(const struct pn_streams_config *config,
                           const struct pn_pipeline *pipeline, struct pn_err *e)
{
    for (size_t i = 0; config->names != NULL && i < config->name_count; i++) {
        const char *name = config->names[i];
        const struct pn_pipeline_stream *stream = pn_pipeline_stream(pipeline, name);
        if (stream == NULL) {
            stream = pn_pipeline_stream_pattern(pipeline, name);
        }
        if (stream == NULL) {
            return pn_err_input(e,
                                "the pipeline %s has no stream '%s' (its pipeline.yml lists"
                                " them under streams)",
                                pipeline->name, name);
        }
        if (stream->flow_count == 0) {
            return pn_err_input(e,
                                "the stream '%s' fills no table: give it `table` or `tables` in"
                                " the pipeline.yml",
                                name);
        }
    }
    return 0;
}

bool pn_stream_is_first(const struct pn_pipeline_stream *stream, size_t flow)
{
    for (size_t i = 0; i < flow; i++) {
        if (stream->flows[i].table == stream->flows[flow].table) {
            return false;
        }
    }
    return true;
}

void pn_streams_add_workers(struct pn_streams *streams, const struct pn_pipeline_stream *stream)
{
    for (size_t i = 0; i < stream->flow_count; i++) {
        if (pn_stream_is_first(stream, i)) {
            struct pn_stream_worker *worker = pn_xmalloc(sizeof *worker);
            pn_stream_worker_init(worker, streams, stream, stream->flows[i].table);
            worker->upkeep = pn_upkeep_add(streams->upkeep, worker->table->path);
            pthread_rwlock_wrlock(&streams->workers_lock);
            pn_grow((void **)&streams->workers, &streams->worker_capacity,
                    streams->worker_count + 1, sizeof(struct pn_stream_worker *));
            streams->workers[streams->worker_count++] = worker;
            pthread_rwlock_unlock(&streams->workers_lock);
        }
    }
}
