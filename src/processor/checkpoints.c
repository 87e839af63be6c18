#include "processor/checkpoints.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
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
    pn_buf_addc(out, '{');
    pn_json_write_key(out, "stream");
    pn_json_write_cstr(out, status->stream);
    pn_json_write_key(out, "shard");
    pn_json_write_cstr(out, shard->shard);
    pn_json_write_key(out, "sequence_number");
    pn_json_write_cstr(out, shard->last_offset < 0
                                ? NULL
                                : pn_sequence_text(shard->created_ms, index, shard->last_offset,
                                                   shard->last_arrival_ms, sequence));
    pn_buf_addf(out, ",\"next_offset\":%" PRId64, shard->position);
    pn_json_write_key(out, "table");
    pn_json_write_cstr(out, status->table);
    pn_buf_addf(out, ",\"table_version\":%" PRId64, status->version);
    pn_json_write_key(out, "committed_at");
    pn_json_write_cstr(out, pn_iso8601(status->committed_ms, time));
    pn_buf_adds(out, "}\n");
}

int pn_processor_checkpoints_write(struct pn_processor_checkpoints *notes, struct pn_store *store,
                                   const struct pn_processor_status *status, struct pn_err *e)
{
    if (status->checkpoints == NULL || status->version < 0 || status->version == notes->version) {
        return 0;
    }
    size_t known = notes->count;
    pn_grow((void **)&notes->positions, &notes->capacity, status->shard_count,
            sizeof *notes->positions);
    notes->count = status->shard_count;
    for (size_t i = 0; i < status->shard_count; i++) {
        const struct pn_processor_shard_status *shard = &status->shards[i];
        if (shard->position < 0 || (i < known && notes->positions[i] == shard->position)) {
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
            notes->count = i;
            return rc;
        }
        notes->positions[i] = shard->position;
    }
    notes->version = status->version;
    return 0;
}
