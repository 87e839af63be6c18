/*
 * pinion stream tail: a stream's records as they come. Each shard is read by itself; those that a
 * reshard has made are read once their parents were read to their end, so that the records of a
 * partition key stay in order.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/follow.h"
#include "cli/stream.h"
#include "engine/record.h"
#include "kinesis/aggregate.h"
#include "kinesis/api/wire.h"
#include "pipeline/pipeline.h"

enum { READ_LIMIT = 1000, TEXT_BYTES_MAX = 64 << 20 };

enum reader_state { READER_WAITS, READER_READS, READER_DONE };

/* One shard. Strings are in the session's arena but for those that change. */
struct reader {
    const struct pn_listed_shard *shard;
    enum reader_state state;
    bool from_start; /* of the shard, whatever --from says */
    bool at_tip;
    char *iterator; /* owned; NULL: to be asked for */
    char *last;     /* owned; sequence number of the last record, or NULL */
};

struct tail {
    struct pn_follow follow;
    struct pn_stream_session session;
    const char *name;
    const char *only; /* a shard's id, or NULL: all */
    enum pn_stream_start from;
    int64_t from_ms;
    bool raw;
    struct reader *readers;
    size_t count;
    bool has_children;     /* a shard was read to its end: its children are to be looked for */
    struct pn_arena arena; /* of one read */
    struct pn_json_parser *parser;
    const struct pn_json *record;             /* that is being printed */
    const struct pn_user_record *user_record; /* of it; NULL: it is not a KPL aggregate */
    const char *shard;
};

/* --- shards ----------------------------------------------------------------------------------- */

static struct reader *find_reader(const struct tail *tail, const char *id)
{
    for (size_t i = 0; id != NULL && i < tail->count; i++) {
        if (strcmp(tail->readers[i].shard->id, id) == 0) {
            return &tail->readers[i];
        }
    }
    return NULL;
}

static void add_reader(struct tail *tail, const struct pn_listed_shard *shard, bool first)
{
    bool passed =
        first && tail->from == PN_START_LATEST && shard->sequence_end != NULL && tail->only == NULL;
    tail->readers = pn_xrealloc(tail->readers, (tail->count + 1) * sizeof *tail->readers);
    tail->readers[tail->count++] = (struct reader){
        .shard = shard, .state = passed ? READER_DONE : READER_WAITS, .from_start = !first};
}

/* Adds the shards that are not known yet; `first` at the start. */
static int find_shards(struct tail *tail, bool first, struct pn_err *e)
{
    struct pn_listed_shard *shards = NULL;
    size_t count = 0;
    int rc = pn_stream_shards(&tail->session, tail->name, &shards, &count, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        bool wanted = tail->only == NULL || strcmp(shards[i].id, tail->only) == 0;
        if (wanted && find_reader(tail, shards[i].id) == NULL) {
            add_reader(tail, &shards[i], first);
        }
    }
    if (rc == 0 && tail->count == 0) {
        rc = pn_stream_no_shard(tail->name, tail->only != NULL ? tail->only : "", e);
    }
    return rc;
}

static bool is_read(const struct tail *tail, const char *parent)
{
    const struct reader *reader = find_reader(tail, parent);
    return reader == NULL || reader->state == READER_DONE;
}

/* --- records ---------------------------------------------------------------------------------- */

/* The key of a user record, which may be any bytes. */
static void print_user_key(struct tail *tail)
{
    const struct pn_bytes key = tail->user_record->partition_key;
    struct pn_buf text;
    pn_buf_init(&text, TEXT_BYTES_MAX);
    pn_utf8_add_clean(&text, key.data, key.len);
    pn_cell_text(tail->follow.rows, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
}

static void print_place(struct tail *tail)
{
    const char *text = "";
    size_t len = 0;
    pn_stream_time_cell(tail->follow.rows,
                        pn_json_get(tail->record, "ApproximateArrivalTimestamp"));
    pn_cell_cstr(tail->follow.rows, tail->shard);
    (void)pn_json_get_text(tail->record, "SequenceNumber", &text, &len);
    pn_cell_text(tail->follow.rows, text, len);
    if (tail->user_record != NULL) {
        print_user_key(tail);
        return;
    }
    text = "";
    len = 0;
    (void)pn_json_get_text(tail->record, "PartitionKey", &text, &len);
    pn_cell_text(tail->follow.rows, text, len);
}

/* Bytes as text; those that are none in base64. */
static void print_bytes(struct tail *tail, struct pn_bytes data, bool is_text)
{
    if (is_text) {
        pn_cell_text(tail->follow.rows, data.data, data.len);
        return;
    }
    pn_cell_bytes(tail->follow.rows, data.data, data.len);
}

struct printing {
    struct tail *tail;
    struct pn_bytes data;
};

static void print_row(void *arg, struct pn_bytes value, const char *reason)
{
    struct printing *printing = arg;
    struct tail *tail = printing->tail;
    print_place(tail);
    pn_cell_cstr(tail->follow.rows, reason);
    if (reason == NULL) {
        pn_cell_json(tail->follow.rows, value.data, value.len);
    } else {
        print_bytes(tail, printing->data, pn_utf8_valid(printing->data.data, printing->data.len));
    }
}

static void print_rows(struct tail *tail, struct pn_bytes data)
{
    struct printing printing = {.tail = tail, .data = data};
    const struct pn_decoded out = {.row = print_row, .arg = &printing};
    pn_record_decode(tail->parser, data, false, &tail->arena, &out);
}

static void print_record(struct tail *tail, struct pn_bytes data)
{
    struct pn_user_record *records = NULL;
    size_t count = 0;
    if (tail->raw) {
        bool is_text = pn_utf8_valid(data.data, data.len);
        print_place(tail);
        pn_cell_cstr(tail->follow.rows, is_text ? "text" : "base64");
        print_bytes(tail, data, is_text);
    } else if (pn_aggregate_read(data, &tail->arena, &records, &count)) {
        for (size_t i = 0; i < count; i++) {
            tail->user_record = &records[i];
            print_rows(tail, records[i].data);
        }
        tail->user_record = NULL;
    } else {
        print_rows(tail, data);
    }
}

static struct pn_row_writer *start_rows(const struct tail *tail)
{
    const struct pn_report_column columns[] = {{"arrival", PN_CELL_TIME},
                                               {"shard", PN_CELL_TEXT},
                                               {"sequence_number", PN_CELL_TEXT},
                                               {"partition_key", PN_CELL_TEXT},
                                               {tail->raw ? "encoding" : "problem", false},
                                               {"data", PN_CELL_JSON}};
    struct pn_row_writer *rows = pn_cli_rows(tail->session.cli);
    PN_ROWS_BEGIN(rows, columns);
    return rows;
}

static int print_records(struct tail *tail, struct reader *reader, const struct pn_json *records,
                         struct pn_err *e)
{
    tail->shard = reader->shard->id;
    const struct pn_json *record = records != NULL ? records->first : NULL;
    for (; record != NULL && tail->follow.left > 0; record = record->next) {
        const void *bytes = "";
        size_t len = 0;
        if (!pn_wire_blob(pn_json_get(record, "Data"), &tail->arena, &bytes, &len)) {
            return pn_err_input(e, "GetRecords answered with a record whose Data is not base64");
        }
        tail->record = record;
        print_record(tail, (struct pn_bytes){.data = bytes, .len = len});
        free(reader->last);
        reader->last = pn_json_dup(pn_json_get(record, "SequenceNumber"));
        tail->follow.left--;
    }
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int ask_iterator(struct tail *tail, struct reader *reader, struct pn_err *e)
{
    static const char *const types[] = {[PN_START_LATEST] = "LATEST",
                                        [PN_START_TRIM_HORIZON] = "TRIM_HORIZON",
                                        [PN_START_TIMESTAMP] = "AT_TIMESTAMP"};
    struct pn_json_writer *input = &tail->session.json;
    enum pn_stream_start from = reader->from_start ? PN_START_TRIM_HORIZON : tail->from;
    const struct pn_json *output = NULL;
    pn_stream_input(&tail->session, tail->name);
    pn_json_add_cstr(input, "ShardId", reader->shard->id);
    if (reader->last != NULL) {
        pn_json_add_cstr(input, "ShardIteratorType", "AFTER_SEQUENCE_NUMBER");
        pn_json_add_cstr(input, "StartingSequenceNumber", reader->last);
    } else {
        pn_json_add_cstr(input, "ShardIteratorType", types[from]);
    }
    if (reader->last == NULL && from == PN_START_TIMESTAMP) {
        pn_json_add_double(input, "Timestamp", (double)tail->from_ms / 1e3);
    }
    int rc = pn_stream_call(&tail->session, "GetShardIterator", &output, e);
    if (rc == 0) {
        reader->iterator = pn_json_dup(pn_json_get(output, "ShardIterator"));
    }
    if (rc == 0 && reader->iterator == NULL) {
        rc = pn_err_input(e, "GetShardIterator answered without an iterator");
    }
    return rc;
}

/* One GetRecords. *came is how many records it gave. */
static int read_once(struct tail *tail, struct reader *reader, size_t *came, struct pn_err *e)
{
    struct pn_json_writer *input = &tail->session.json;
    const struct pn_json *output = NULL;
    int rc = reader->iterator == NULL ? ask_iterator(tail, reader, e) : 0;
    if (rc != 0) {
        return rc;
    }
    pn_stream_input(&tail->session, NULL);
    pn_json_add_cstr(input, "ShardIterator", reader->iterator);
    pn_json_add_i64(input, "Limit",
                    tail->follow.left < READ_LIMIT ? tail->follow.left : READ_LIMIT);
    rc = pn_stream_call(&tail->session, "GetRecords", &output, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_json *records = pn_json_get(output, "Records");
    *came = records != NULL ? records->count : 0;
    pn_arena_reset(&tail->arena);
    rc = print_records(tail, reader, records, e);
    free(reader->iterator);
    reader->iterator = pn_json_dup(pn_json_get(output, "NextShardIterator"));
    reader->at_tip = pn_json_get_i64(output, "MillisBehindLatest", 0) == 0;
    if (reader->iterator == NULL) {
        reader->state = READER_DONE;
    }
    return rc;
}

/* What passes is waited for; an iterator that is too old is asked for again. */
static int read_patiently(struct tail *tail, struct reader *reader, size_t *came, struct pn_err *e)
{
    int rc = read_once(tail, reader, came, e);
    if (rc != 0 && pn_kinesis_client_error_is(e, "ExpiredIteratorException")) {
        free(reader->iterator);
        reader->iterator = NULL;
        e->class_ = PN_CLASS_RETRY;
    }
    return pn_follow_pardon(&tail->follow, rc, e);
}

static int read_shard(struct tail *tail, struct reader *reader, struct pn_follow_round *round,
                      struct pn_err *e)
{
    int rc = 0;
    size_t came = 0;
    if (reader->state == READER_WAITS && is_read(tail, reader->shard->parent) &&
        is_read(tail, reader->shard->adjacent_parent)) {
        reader->state = READER_READS;
    }
    if (reader->state == READER_READS) {
        rc = read_patiently(tail, reader, &came, e);
    }
    round->came += came;
    /* A shard isn't read to its end, or (without --follow) to its tip. */
    round->more = round->more || reader->state == READER_WAITS ||
                  (reader->state == READER_READS && (tail->follow.follow || !reader->at_tip));
    return rc;
}

/* Adds the shards that a reshard has made of those that were read to their end. */
static int find_children(struct tail *tail, struct pn_follow_round *round, struct pn_err *e)
{
    size_t known = tail->count;
    int rc = find_shards(tail, false, e);
    tail->has_children = rc != 0;
    round->more = round->more || rc != 0 || tail->count > known;
    return pn_follow_pardon(&tail->follow, rc, e);
}

/* A look at each shard. */
static int go_round(void *arg, struct pn_follow_round *round, struct pn_err *e)
{
    struct tail *tail = arg;
    const struct pn_follow *follow = &tail->follow;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < tail->count && follow->left > 0 && !follow->stopped; i++) {
        struct reader *reader = &tail->readers[i];
        bool was_read = reader->state == READER_DONE;
        rc = read_shard(tail, reader, round, e);
        tail->has_children = tail->has_children || (!was_read && reader->state == READER_DONE);
    }
    if (rc == 0 && tail->has_children && tail->only == NULL) {
        rc = find_children(tail, round, e);
    }
    return rc;
}

static int read_all(struct tail *tail, struct pn_err *e)
{
    int rc = pn_follow_pardon(&tail->follow, find_shards(tail, true, e), e);
    return rc == 0 ? pn_follow_run(&tail->follow, start_rows(tail), go_round, tail, e) : rc;
}

/* --- the command ------------------------------------------------------------------------------ */

static int run_tail(struct pn_cli *cli, struct tail *tail, const char *shard)
{
    pn_follow_watch(&tail->follow);
    struct pn_err failure = {0};
    int rc = pn_stream_session_open(cli, PN_CLI_LOOKS, &tail->session, &failure);
    pn_arena_init(&tail->arena, 0);
    tail->parser = pn_json_parser_create();
    if (rc == 0 && !pn_kinesis_client_has_server(tail->session.client)) {
        pn_follow_without_server(&tail->follow, cli);
    }
    if (rc == 0) {
        tail->only = shard != NULL ? pn_stream_shard_word(&tail->session, shard) : NULL;
        rc = read_all(tail, &failure);
    }
    for (size_t i = 0; i < tail->count; i++) {
        free(tail->readers[i].iterator);
        free(tail->readers[i].last);
    }
    free(tail->readers);
    pn_json_parser_destroy(&tail->parser);
    pn_arena_deinit(&tail->arena);
    int status = pn_stream_session_finish(&tail->session, rc, &failure);
    pn_follow_restore(&tail->follow);
    return status;
}

int pn_cmd_stream_tail(struct pn_cli *cli, int argc, char **argv)
{
    struct tail tail = {.name = NULL};
    const char *from = "latest";
    const char *shard = NULL;
    pn_follow_init(&tail.follow);
    const struct pn_opt opts[] = {
        {.name = "from",
         .kind = PN_OPT_STRING,
         .value = "WHERE",
         .help = "where to begin: latest (new records only, the default), trim_horizon (all "
                 "records), a time such as 2026-11-25T10:00:00Z, or a day",
         .target = &from},
        {.name = "shard",
         .kind = PN_OPT_STRING,
         .value = "ID",
         .help = "show only this shard, by its ID or number",
         .target = &shard},
        PN_FOLLOW_OPTIONS(tail.follow, "stream"),
        {.name = "raw",
         .kind = PN_OPT_FLAG,
         .help =
             "show the stored bytes (as base64 if they are not text) instead of the decoded JSON",
         .target = &tail.raw},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "NAME",
        .operands_min = 1,
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about =
            "Reads a stream and shows each record with its partition key, sequence number and "
            "arrival. It shows the data as a processor would decode it: an object, or a string "
            "that contains base64 or JSON. If a record cannot become a row, it shows the reason. "
            "After the end of a shard that a reshard has closed, it continues with the shard's "
            "children. SIGINT ends it; without a server it ends after the existing records.",
        .examples = "pinion stream tail clicks\n"
                    "pinion stream tail clicks --from trim_horizon --no-follow --format json\n"
                    "pinion stream tail clicks --from 2026-11-25T10:00:00Z --shard 0 --count 10\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (!pn_stream_start_parse(from, &tail.from, &tail.from_ms)) {
        return pn_cli_usage(cli,
                            "invalid --from \"%.40s\": give latest, trim_horizon, a time such as "
                            "2026-11-25T10:00:00Z or a day such as 2026-11-25",
                            from);
    }
    if (!pn_follow_parsed(&tail.follow, cli, &status)) {
        return status;
    }
    tail.name = argv[0];
    return run_tail(cli, &tail, shard);
}
