#include "processor/checkpoints.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/mem.h"

enum { NOTE_BYTES_MAX = 4096 };

void pn_processor_checkpoints_deinit(struct pn_processor_checkpoints *notes)
{
    free(notes->positions);
}

static void write_note(struct pn_buf *out, const struct pn_processor_status *status,
                       const struct pn_processor_shard_status *shard, uint32_t index)
{
    char time[PN_ISO8601_SIZE];
    char sequence[PN_SEQUENCE_SIZE];
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "stream", status->stream);
    pn_json_add_cstr(&json, "shard", shard->shard);
    pn_json_add_cstr(&json, "sequence_number",
                     shard->sequence != NULL ? shard->sequence
                     : shard->last_offset < 0 || shard->end < 0
                         ? NULL
                         : pn_sequence_text(shard->created_ms, index, shard->last_offset,
                                            shard->last_arrival_ms, sequence));
    pn_json_add_i64(&json, "next_offset", shard->position);
    pn_json_add_cstr(&json, "table", status->table);
    pn_json_add_i64(&json, "table_version", status->version);
    pn_json_add_cstr(&json, "committed_at", pn_iso8601(status->committed_ms, time));
    pn_json_end(&json);
    pn_json_end_line(&json);
}

static void make_room(struct pn_processor_checkpoints *notes, uint32_t index)
{
    pn_grow((void **)&notes->positions, &notes->capacity, (size_t)index + 1,
            sizeof *notes->positions);
    while (notes->count <= index) {
        notes->positions[notes->count++] = -1;
    }
}

int pn_processor_checkpoints_write(struct pn_processor_checkpoints *notes, struct pn_store *store,
                                   const struct pn_processor_status *status, struct pn_err *e)
{
    if (status->checkpoints == NULL || status->version < 0 || status->version == notes->version) {
        return 0;
    }
    for (size_t i = 0; i < status->shard_count; i++) {
        const struct pn_processor_shard_status *shard = &status->shards[i];
        make_room(notes, shard->index);
        if (shard->position < 0 || notes->positions[shard->index] == shard->position) {
            continue;
        }
        struct pn_buf text;
        pn_buf_init(&text, NOTE_BYTES_MAX);
        write_note(&text, status, shard, shard->index);
        char *key = pn_xasprintf("%s/%s.json", status->checkpoints, shard->shard);
        int rc = pn_store_put(store, key, pn_buf_text(&text), text.len, e);
        free(key);
        pn_buf_deinit(&text);
        if (rc != 0) {
            return rc;
        }
        notes->positions[shard->index] = shard->position;
    }
    notes->version = status->version;
    return 0;
}
