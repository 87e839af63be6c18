#include "sink/origins.h"

#include <stdlib.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "store/origins_key.h"

/* Where only offsets are kept, an object of which each offset is a line needs none: the first one
 * and the number of lines say them all. */
static bool has_origins(const struct pn_sink_batch *batch, const struct pn_sink_object *object)
{
    bool is_dense = object->records == object->end - object->first;
    return object->origins_len > 0 && (batch->keeps == PN_SINK_ORIGINS_ALL || !is_dense);
}

static char *key_of(const struct pn_sink_landing *landing, const struct pn_sink_object *object)
{
    const struct pn_sink_config *config = &landing->sink->config;
    const struct pn_sink_memory *memory = &landing->part->memory;
    const char *values = pn_buf_text(&landing->batch.values) + object->values_at;
    char *landed = pn_sink_key(config->topics_dir, memory, memory->base + object->first);
    char *key = pn_origins_key(config->origins_dir, config->topics_dir, landed,
                               pn_crc32c(values, object->values_len));
    PN_ASSERT(key != NULL);
    free(landed);
    return key;
}

/* Offsets alone never replace what is there: another worker, whose pipeline.yml asks for more, may
 * have landed the same object. */
static int put(struct pn_store *store, enum pn_sink_origins keeps, const struct pn_put *puts,
               size_t count, struct pn_err *e)
{
    int rc = 0;
    if (keeps == PN_SINK_ORIGINS_ALL) {
        return count > 0 ? pn_store_put_many(store, puts, count, e) : 0;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct pn_err why = {.class_ = PN_CLASS_NONE};
        rc = pn_store_put_if_absent(store, puts[i].key, puts[i].bytes, puts[i].len, &why);
        if (rc != 0 && why.class_ == PN_CLASS_CONFLICT) {
            rc = 0;
        }
        pn_err_copy(e, rc != 0 ? &why : NULL);
    }
    return rc;
}

int pn_sink_put_origins(struct pn_sink_landing *landing, size_t from, size_t end,
                        const bool *is_there, struct pn_err *e)
{
    const struct pn_sink_batch *batch = &landing->batch;
    struct pn_put *puts = pn_xcalloc(end - from + 1, sizeof *puts);
    size_t count = 0;
    for (size_t i = from; i < end; i++) {
        const struct pn_sink_object *object = &batch->objects[i];
        if ((is_there == NULL || !is_there[i]) && has_origins(batch, object)) {
            puts[count++] =
                (struct pn_put){.key = key_of(landing, object),
                                .bytes = pn_buf_text(&batch->origins) + object->origins_at,
                                .len = object->origins_len};
        }
    }
    int rc = put(landing->sink->config.store, batch->keeps, puts, count, e);
    for (size_t i = 0; i < count; i++) {
        free((char *)puts[i].key);
    }
    free(puts);
    return rc;
}
