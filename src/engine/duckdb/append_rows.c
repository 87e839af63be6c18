/* The rows of a micro-batch, decoded where they lie in memory: the table function pn_batch(). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/duckdb/append.h"
#include "engine/duckdb/decode.h"

/* How far one scan of the batch has come: a SELECT may read it twice at once. */
struct batch_scan {
    atomic_size_t next;
};

/* What one thread of a scan has. */
struct reader {
    struct pn_appender *appender;
    struct pn_decoder *decoder;
    size_t at;            /* the row that is being decoded */
    bool takes_sequences; /* a column does */
};

const char *pn_appender_reason(struct pn_appender *appender, const char *text)
{
    pthread_mutex_lock(&appender->threads_lock);
    const char *copy = pn_arena_strdup(&appender->arena, text);
    pthread_mutex_unlock(&appender->threads_lock);
    return copy;
}

enum { BATCH_ROWS = 1000 }; /* a guess for the planner, which is asked once for many batches */

static void bind(duckdb_bind_info info)
{
    struct pn_duckdb *engine = duckdb_bind_get_extra_info(info);
    struct pn_appender *appender = pn_appender_find(engine, pn_duckdb_parameter(info, 0));
    int64_t number = pn_duckdb_parameter(info, 1);
    if (appender == NULL || number < 0 || (size_t)number >= engine->pipeline->table_count) {
        duckdb_bind_set_error(info, "pn_batch() is for appends, not for statements of your own");
        return;
    }
    const struct pn_table *table = &engine->pipeline->tables[number];
    if (table == appender->raw) {
        appender->reads_raw = true;
    } else {
        appender->stray = table;
    }
    pn_duckdb_add_row_columns(info, table);
    /* Few, compared with a table: a join then keeps the batch in memory, and the table passes. */
    duckdb_bind_set_cardinality(info, BATCH_ROWS, false);
    duckdb_bind_set_bind_data(info, appender, NULL);
}

static void init(duckdb_init_info info)
{
    struct pn_appender *appender = duckdb_init_get_bind_data(info);
    PN_ASSERT(appender->first <= appender->end && appender->end <= appender->batch->count);
    size_t rows = appender->end - appender->first;
    struct batch_scan *scan = pn_xcalloc(1, sizeof *scan);
    atomic_init(&scan->next, appender->first);
    duckdb_init_set_init_data(info, scan, free);
    duckdb_init_set_max_threads(info, rows / duckdb_vector_size() + 1);
}

static uint64_t row_at_hand(void *arg)
{
    const struct reader *reader = arg;
    return reader->at;
}

static void destroy_reader(void *data)
{
    struct reader *reader = data;
    pn_decoder_destroy(&reader->decoder);
    free(reader);
}

static void init_thread(duckdb_init_info info)
{
    struct reader *reader = pn_xcalloc(1, sizeof *reader);
    reader->appender = duckdb_init_get_bind_data(info);
    reader->decoder = pn_decoder_create(
        reader->appender->raw, &(struct pn_unknown_where){.record = row_at_hand, .arg = reader});
    reader->takes_sequences =
        pn_table_takes_origin(reader->appender->raw, PN_ORIGIN_SEQUENCE_NUMBER);
    duckdb_init_set_init_data(info, reader, destroy_reader);
}

static int take_row(struct reader *reader, size_t at, idx_t *rows, struct pn_err *e)
{
    struct pn_appender *appender = reader->appender;
    const struct pn_append *batch = appender->batch;
    const struct pn_append_row *row = &batch->rows[at];
    char sequence[PN_ROW_SEQUENCE_SIZE] = "";
    struct pn_err why;
    if (appender->reasons[at] != NULL) {
        return 0;
    }
    reader->at = at;
    if (reader->takes_sequences) {
        batch->sequence(batch, row, sequence);
    }
    const struct pn_origin_values origin = {.stream = batch->stream,
                                            .shard = batch->positions[row->position].shard,
                                            .sequence = sequence,
                                            .partition_key = row->partition_key,
                                            .arrival_ms = row->arrival_ms};
    if (pn_decoder_row(reader->decoder, row->value.data, row->value.len, row->value.len, &origin,
                       *rows, &why) == 0) {
        (*rows)++;
        return 0;
    }
    if (why.class_ != PN_CLASS_INPUT) {
        pn_err_copy(e, &why);
        return PN_FAIL;
    }
    appender->reasons[at] = pn_appender_reason(appender, why.msg);
    return 0;
}

/* Takes ranges of the batch, each a chunk long, until one has a row: an empty chunk would be the
 * end. */
static int fill(struct reader *reader, struct batch_scan *scan, idx_t capacity, idx_t *rows,
                struct pn_err *e)
{
    struct pn_appender *appender = reader->appender;
    int rc = 0;
    *rows = 0;
    while (rc == 0 && *rows == 0) {
        size_t at = atomic_fetch_add(&scan->next, capacity);
        size_t end = at + capacity < appender->end ? at + capacity : appender->end;
        if (at >= end) {
            break;
        }
        for (; rc == 0 && at < end; at++) {
            rc = take_row(reader, at, rows, e);
        }
    }
    pn_decoder_move_unknown(reader->decoder, &appender->unknown);
    return rc;
}

static void read_chunk(duckdb_function_info info, duckdb_data_chunk chunk)
{
    struct reader *reader = duckdb_function_get_local_init_data(info);
    struct pn_err e;
    idx_t rows = 0;
    pn_decoder_attach(reader->decoder, chunk);
    if (fill(reader, duckdb_function_get_init_data(info), duckdb_vector_size(), &rows, &e) != 0) {
        pn_duckdb_fail_read(info, &reader->appender->failure, &reader->appender->threads_lock, &e);
        return;
    }
    duckdb_data_chunk_set_size(chunk, rows);
}

const struct pn_duckdb_function pn_batch_function = {
    .name = "pn_batch",
    .numbers = 2,
    .bind = bind,
    .init = init,
    .init_thread = init_thread,
    .read = read_chunk,
};
