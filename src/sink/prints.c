#include "sink/prints.h"

#include <string.h>

#include "base/arena.h"
#include "base/crc32c.h"

/* --- prints ----------------------------------------------------------------------------------- */

/* An absent value is not an empty one, and the border between key and value counts. */
static uint32_t add_bytes(uint32_t crc, struct pn_bytes bytes)
{
    int64_t len = bytes.data != NULL ? (int64_t)bytes.len : -1;
    crc = pn_crc32c_add(crc, &len, sizeof len);
    return len > 0 ? pn_crc32c_add(crc, bytes.data, bytes.len) : crc;
}

struct pn_sink_print pn_sink_print_of(const struct pn_record *record)
{
    return (struct pn_sink_print){.offset = record->offset,
                                  .timestamp_ms = record->timestamp_ms,
                                  .crc = add_bytes(add_bytes(0, record->key), record->value)};
}

void pn_sink_prints_add(struct pn_sink_prints *prints, const struct pn_sink_print *print)
{
    if (prints->count == PN_SINK_PRINTS_MAX) {
        memmove(&prints->prints[1], &prints->prints[2],
                (PN_SINK_PRINTS_MAX - 2) * sizeof *prints->prints);
        prints->count--;
    }
    prints->prints[prints->count++] = *print;
}

void pn_sink_prints_cut(struct pn_sink_prints *prints, int64_t offset)
{
    while (prints->count > 0 && prints->prints[prints->count - 1].offset >= offset) {
        prints->count--;
    }
}

/* --- as text ---------------------------------------------------------------------------------- */

void pn_sink_prints_write(struct pn_json_writer *json, const struct pn_sink_prints *prints)
{
    pn_json_put_array(json);
    for (size_t i = 0; i < prints->count; i++) {
        pn_json_put_array(json);
        pn_json_put_i64(json, prints->prints[i].offset);
        pn_json_put_i64(json, prints->prints[i].timestamp_ms);
        pn_json_put_i64(json, prints->prints[i].crc);
        pn_json_end(json);
    }
    pn_json_end(json);
}

static bool read_print(const struct pn_json *node, int64_t least, struct pn_sink_print *print)
{
    if (node->type != PN_JSON_ARRAY || node->count != 3) {
        return false;
    }
    const struct pn_json *offset = node->first;
    const struct pn_json *timestamp = offset->next;
    const struct pn_json *crc = timestamp->next;
    if (!offset->is_integer || !timestamp->is_integer || !crc->is_integer ||
        offset->integer < least || crc->integer < 0 || crc->integer > UINT32_MAX) {
        return false;
    }
    *print = (struct pn_sink_print){offset->integer, timestamp->integer, (uint32_t)crc->integer};
    return true;
}

bool pn_sink_prints_read(const struct pn_json *list, struct pn_sink_prints *prints)
{
    int64_t least = 0;
    *prints = (struct pn_sink_prints){0};
    if (list == NULL) {
        return true;
    }
    if (list->type != PN_JSON_ARRAY || list->count > PN_SINK_PRINTS_MAX) {
        return false;
    }
    for (const struct pn_json *node = list->first; node != NULL; node = node->next) {
        struct pn_sink_print *print = &prints->prints[prints->count];
        if (!read_print(node, least, print) || print->offset == INT64_MAX) {
            return false;
        }
        least = print->offset + 1;
        prints->count++;
    }
    return true;
}

/* --- judging ---------------------------------------------------------------------------------- */

enum finding {
    REMOVED, /* by retention or compaction; or the offset has no record, as in a transaction */
    SAME,
    OTHER,
    BEYOND_THE_END
};

struct looking {
    struct pn_log *log;
    const char *topic;
    int32_t partition;
    int64_t begin; /* of the log */
};

static int look(const struct looking *looking, const struct pn_sink_print *print,
                enum finding *finding, struct pn_err *e)
{
    struct pn_log_records records = {0};
    struct pn_arena arena;
    bool is_above = false;
    *finding = REMOVED;
    if (print->offset < looking->begin) {
        return 0;
    }
    pn_arena_init(&arena, 0);
    int rc = pn_log_look(looking->log, looking->topic, looking->partition, print->offset, &arena,
                         &records, &is_above, e);
    if (rc == 0 && (is_above || records.end_offset <= print->offset)) {
        *finding = BEYOND_THE_END;
    } else if (rc == 0 && records.count > 0 && records.records[0].offset == print->offset) {
        struct pn_sink_print now = pn_sink_print_of(&records.records[0]);
        *finding = now.timestamp_ms == print->timestamp_ms && now.crc == print->crc ? SAME : OTHER;
    }
    pn_arena_deinit(&arena);
    return rc;
}

/* Looks for those from..end - 1, the newest last: there the landing reads on. */
static int look_all(const struct looking *looking, const struct pn_sink_prints *prints, size_t from,
                    size_t end, enum finding *findings, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = from; i < end && rc == 0; i++) {
        rc = look(looking, &prints->prints[i], &findings[i], e);
    }
    return rc;
}

static bool is_other(enum finding finding)
{
    return finding == OTHER || finding == BEYOND_THE_END;
}

int pn_sink_prints_judge(const struct pn_sink_prints *prints, struct pn_log *log, const char *topic,
                         int32_t partition, struct pn_sink_verdict *verdict, struct pn_err *e)
{
    enum finding findings[PN_SINK_PRINTS_MAX] = {0};
    struct looking looking = {.log = log, .topic = topic, .partition = partition};
    struct pn_log_offsets offsets = {0};
    size_t count = prints->count;
    size_t last = count > 0 ? count - 1 : 0;
    int rc = pn_log_offsets(log, topic, partition, &offsets, e);
    looking.begin = offsets.begin;
    *verdict = (struct pn_sink_verdict){.is_short = true, .next = offsets.begin};
    /* A read somewhere else costs a connection's round trip and more. So the ones between the first
     * and the last are looked for only when these are not there. */
    rc = rc == 0 ? look_all(&looking, prints, 0, count > 1, findings, e) : rc;
    rc = rc == 0 ? look_all(&looking, prints, last, count, findings, e) : rc;
    if (rc == 0 && count > 2 && (is_other(findings[0]) || is_other(findings[last]))) {
        rc = look_all(&looking, prints, 1, last, findings, e);
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (findings[i] == SAME && !verdict->is_other) {
            verdict->next = prints->prints[i].offset + 1;
        }
        verdict->is_other |= is_other(findings[i]);
        verdict->is_short &= findings[i] != OTHER;
    }
    verdict->is_short &= verdict->is_other;
    return rc;
}
