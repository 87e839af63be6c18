#include "cli/import_topic.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/progress.h"
#include "cli/topic.h"
#include "pipeline/pattern.h"

enum {
    BATCH_RECORDS = 500,
    BATCH_BYTES = 1 << 20,
    /* What was sent so far before the newest record is in the topic: requests follow each other. */
    WINDOW = 8 * BATCH_RECORDS,
    SCAN_RECORDS = 500,
    PIECE_BYTES = 256 * 1024,
    LINE_BYTES_MAX = 64 << 20,
    BOOK_BYTES_MAX = 1 << 20,
    MARK_BYTES = 128
};
static const char HEADER[] = "pinion-import";

/* A file on its way. */
struct sending {
    struct pn_cli *cli;
    struct pn_topic_client *client;
    const char *topic;
    const struct pn_import_file *file;
    struct pn_import_lines lines;
    struct pn_json_parser *parser;
    int64_t record_bytes_max;
    int64_t count; /* of its records */
    /* The book: */
    char *book;
    int64_t generation; /* how often the file was imported; 0: never */
    bool done;
    int64_t *begin; /* where each partition ended before the first record */
    size_t begin_count;
    size_t partitions;
    /* What the topic has: */
    uint8_t *seen; /* a bit for each record */
    int64_t newest;
    /* The request: */
    struct pn_log_entry entries[BATCH_RECORDS];
    struct pn_record_header headers[BATCH_RECORDS];
    struct pn_arena arena;
    size_t waiting;
    size_t bytes;
    int64_t sent;
    int64_t number; /* of the next record */
    int64_t line;
    struct pn_progress progress;
};

/* --- lines ------------------------------------------------------------------------------------ */

typedef int (*line_fn)(struct sending *sending, const char *line, size_t len, struct pn_err *e);

static int take_lines(struct sending *sending, struct pn_buf *text, bool is_end, line_fn fn,
                      struct pn_err *e)
{
    size_t at = 0;
    int rc = 0;
    while (rc == 0 && at < text->len) {
        const char *from = text->data + at;
        const char *end = memchr(from, '\n', text->len - at);
        if (end == NULL && !is_end) {
            break;
        }
        size_t len = end != NULL ? (size_t)(end - from) : text->len - at;
        at += len + (end != NULL);
        len -= len > 0 && from[len - 1] == '\r';
        sending->line++;
        rc = len > 0 ? fn(sending, from, len, e) : 0; /* an empty line is not a record */
    }
    size_t rest = text->len - at;
    memmove(text->data, text->data + at, rest);
    text->len = rest;
    return rc;
}

static int each_line(struct sending *sending, line_fn fn, struct pn_err *e)
{
    const struct pn_io *io = sending->cli->io;
    const char *path = sending->lines.path;
    struct pn_buf text;
    size_t got = PIECE_BYTES;
    int64_t offset = 0;
    int fd = -1;
    pn_buf_init(&text, LINE_BYTES_MAX);
    sending->line = 0;
    sending->number = 0;
    int rc = pn_io_open(io, path, O_RDONLY, &fd, e);
    while (rc == 0 && got == PIECE_BYTES) {
        if (!pn_buf_reserve(&text, PIECE_BYTES)) {
            rc = pn_buf_check(&text, "a line", e);
            break;
        }
        rc = pn_io_read_some(io, fd, text.data + text.len, PIECE_BYTES, offset, &got, path, e);
        if (rc == 0) {
            text.len += got;
            offset += (int64_t)got;
            rc = take_lines(sending, &text, got < PIECE_BYTES, fn, e);
        }
    }
    pn_io_close(io, &fd);
    pn_buf_deinit(&text);
    return rc;
}

static int check_line(struct sending *sending, const char *line, size_t len, struct pn_err *e)
{
    struct pn_json *root = NULL;
    struct pn_err why = {0};
    sending->count++;
    if (pn_json_parse(sending->parser, line, len, len, &root, &why) != 0) {
        return pn_err_input(e, "%s, line %" PRId64 ": %s; nothing was imported",
                            sending->file->name, sending->line, why.msg);
    }
    if (sending->record_bytes_max > 0 &&
        (int64_t)(len + sizeof HEADER + MARK_BYTES) > sending->record_bytes_max) {
        return pn_err_input(e,
                            "%s, line %" PRId64 ": the record has %zu bytes, but the topic takes "
                            "%" PRId64 " with headers; nothing was imported",
                            sending->file->name, sending->line, len, sending->record_bytes_max);
    }
    return 0;
}

/* --- the book --------------------------------------------------------------------------------- */

/* What makes the file's records its own: the part of the identity after the last slash. */
static const char *sum_of(const struct sending *sending)
{
    return strrchr(sending->file->app_id, '/') + 1;
}

static int read_book(struct sending *sending, struct pn_err *e)
{
    const struct pn_io *io = sending->cli->io;
    struct pn_json *root = NULL;
    struct pn_buf text;
    if (!pn_io_exists(io, sending->book)) {
        return 0;
    }
    pn_buf_init(&text, BOOK_BYTES_MAX);
    int rc = pn_io_read_file(io, sending->book, &text, e);
    if (rc == 0) {
        rc = pn_json_parse(sending->parser, pn_buf_text(&text), text.len, text.len, &root, e);
    }
    const struct pn_json *begin = rc == 0 ? pn_json_get(root, "begin") : NULL;
    if (rc == 0 && (begin == NULL || begin->type != PN_JSON_ARRAY)) {
        rc = pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL, "%s is damaged: it notes an import",
                        sending->book);
    }
    if (rc == 0) {
        sending->generation = pn_json_get_i64(root, "generation", 0);
        sending->done = pn_json_get_bool(root, "done", false);
        sending->begin = pn_xcalloc(begin->count + 1, sizeof *sending->begin);
        for (const struct pn_json *at = begin->first; at != NULL; at = at->next) {
            sending->begin[sending->begin_count++] = at->integer;
        }
    }
    pn_buf_deinit(&text);
    return rc;
}

static int write_book(struct sending *sending, bool done, struct pn_err *e)
{
    struct pn_json_writer json;
    struct pn_buf text;
    pn_buf_init(&text, BOOK_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "file", sending->file->name);
    pn_json_add_i64(&json, "generation", sending->generation);
    pn_json_add_bool(&json, "done", done);
    pn_json_add_array(&json, "begin");
    for (size_t i = 0; i < sending->begin_count; i++) {
        pn_json_put_i64(&json, sending->begin[i]);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    int rc = pn_buf_check(&text, "the note of an import", e);
    if (rc == 0) {
        rc = pn_io_replace_file(sending->cli->io, sending->book, text.data, text.len, e);
    }
    pn_buf_deinit(&text);
    return rc;
}

/* A new import begins at the end of each partition as it is now. */
static int begin_book(struct sending *sending, const struct pn_topic_detail *detail,
                      struct pn_err *e)
{
    free(sending->begin);
    sending->begin_count = (size_t)detail->info.partitions;
    sending->begin = pn_xcalloc(sending->begin_count + 1, sizeof *sending->begin);
    for (size_t i = 0; i < sending->begin_count; i++) {
        sending->begin[i] = detail->partitions[i].end;
    }
    sending->generation++;
    return write_book(sending, false, e);
}

/* --- what the topic has ----------------------------------------------------------------------- */

static void mark(const struct sending *sending, int64_t number, char out[MARK_BYTES])
{
    (void)snprintf(out, MARK_BYTES, "%s/%" PRId64 "/%" PRId64, sum_of(sending), sending->generation,
                   number);
}

/* The number in a header of this import; -1: it is another one. */
static int64_t number_in(const struct sending *sending, const struct pn_record_header *header)
{
    char start[MARK_BYTES];
    char value[MARK_BYTES];
    int64_t number = -1;
    mark(sending, 0, start);
    size_t len = strlen(start) - 1; /* without the number */
    if (header->name.len != sizeof HEADER - 1 ||
        memcmp(header->name.data, HEADER, header->name.len) != 0 || header->value.len <= len ||
        header->value.len >= MARK_BYTES || memcmp(header->value.data, start, len) != 0) {
        return -1;
    }
    memcpy(value, header->value.data, header->value.len);
    value[header->value.len] = '\0';
    return pn_parse_i64(value + len, &number, NULL) == 0 ? number : -1;
}

static void see(struct sending *sending, const struct pn_record *record)
{
    for (size_t i = 0; i < record->header_count; i++) {
        int64_t number = number_in(sending, &record->headers[i]);
        if (number >= 0 && number < sending->count) {
            sending->seen[number / 8] |= (uint8_t)(1U << (number % 8));
            sending->newest = number > sending->newest ? number : sending->newest;
        }
    }
}

static int scan(struct sending *sending, size_t partition, struct pn_err *e)
{
    struct pn_records_from from = {
        .at = PN_RECORDS_OFFSET,
        .value = partition < sending->begin_count ? sending->begin[partition] : 0};
    struct pn_arena arena;
    int rc = 0;
    bool more = true;
    pn_arena_init(&arena, 0);
    while (rc == 0 && more) {
        struct pn_topic_read read = {.count = 0};
        pn_arena_reset(&arena);
        rc = pn_topic_client_read(sending->client, sending->topic, (int32_t)partition, &from,
                                  SCAN_RECORDS, &arena, &read, e);
        for (size_t i = 0; rc == 0 && i < read.count; i++) {
            see(sending, &read.records[i]);
        }
        more = rc == 0 && read.next > from.value;
        from.value = more ? read.next : from.value;
    }
    pn_arena_deinit(&arena);
    return rc;
}

static bool is_sent(const struct sending *sending, int64_t number)
{
    return (sending->seen[number / 8] & (1U << (number % 8))) != 0 ||
           number + WINDOW < sending->newest;
}

/* --- sending ---------------------------------------------------------------------------------- */

static int send_batch(struct sending *sending, struct pn_err *e)
{
    int rc = sending->waiting == 0 ? 0
                                   : pn_topic_client_produce(sending->client, sending->topic,
                                                             sending->entries, sending->waiting, e);
    sending->sent += rc == 0 ? (int64_t)sending->waiting : 0;
    sending->waiting = 0;
    sending->bytes = 0;
    pn_arena_reset(&sending->arena);
    pn_progress_update(&sending->progress, sending->number);
    return rc;
}

static int send_line(struct sending *sending, const char *line, size_t len, struct pn_err *e)
{
    int64_t number = sending->number++;
    if (number >= sending->count) {
        return pn_err_input(e, "%s has changed since it was read", sending->file->name);
    }
    if (is_sent(sending, number)) {
        return 0;
    }
    size_t at = sending->waiting++;
    char *text = pn_arena_alloc(&sending->arena, len + 1);
    char *value = pn_arena_alloc(&sending->arena, MARK_BYTES);
    memcpy(text, line, len);
    mark(sending, number, value);
    sending->headers[at] =
        (struct pn_record_header){.name = {.data = HEADER, .len = sizeof HEADER - 1},
                                  .value = {.data = value, .len = strlen(value)}};
    sending->entries[at] = (struct pn_log_entry){.partition = PN_PARTITION_ANY,
                                                 .record = {.value = {.data = text, .len = len},
                                                            .headers = &sending->headers[at],
                                                            .header_count = 1,
                                                            .timestamp_ms = -1}};
    sending->bytes += len;
    return sending->waiting == BATCH_RECORDS || sending->bytes >= BATCH_BYTES
               ? send_batch(sending, e)
               : 0;
}

static int send_file(struct sending *sending, const struct pn_topic_detail *detail,
                     struct pn_err *e)
{
    int rc = 0;
    sending->seen = pn_xcalloc((size_t)sending->count / 8 + 1, 1);
    sending->newest = -1;
    if (sending->generation == 0 || sending->done) {
        rc = begin_book(sending, detail, e);
    } else {
        for (size_t i = 0; rc == 0 && i < (size_t)detail->info.partitions; i++) {
            rc = scan(sending, i, e);
        }
    }
    pn_progress_start(&sending->progress, sending->cli->err, sending->cli->quiet,
                      sending->cli->clock, "sending", sending->count);
    if (rc == 0) {
        rc = each_line(sending, send_line, e);
    }
    if (rc == 0) {
        rc = send_batch(sending, e);
    }
    if (rc == 0) {
        pn_progress_end(&sending->progress, sending->count);
        rc = write_book(sending, true, e);
    } else {
        pn_err_prefix(e, "%s, after %" PRId64 " of %" PRId64 " records (give the command again)",
                      sending->file->name, sending->sent, sending->count);
    }
    return rc;
}

/* --- the files -------------------------------------------------------------------------------- */

static const struct pn_table *table_of(const struct pn_pipeline *pipeline, const char *topic)
{
    for (size_t i = 0; i < pipeline->table_count; i++) {
        const struct pn_table *table = &pipeline->tables[i];
        if (table->from_topic != NULL && pn_pattern_matches(table->from_topic, topic)) {
            return table;
        }
    }
    return NULL;
}

/* Reads the book, and makes and checks the lines: nothing is sent before all files are so far. */
static int prepare(struct sending *sending, struct pn_embedded_engine *engine,
                   const struct pn_import *import, size_t number, struct pn_err *e)
{
    int rc = read_book(sending, e);
    if (rc == 0 && sending->done && !import->again) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                        "%s was imported into topic %s already: leave it out, or give --force to "
                        "send its records once more; nothing was imported",
                        sending->file->name, sending->topic);
    }
    if (rc == 0 && import->table == NULL && sending->file->format != PN_FILE_JSON) {
        rc = pn_err_input(e,
                          "%s: no raw table of the pipeline reads topic %s, so the types of its "
                          "columns are not known: import JSON, or declare the table",
                          sending->file->name, sending->topic);
    }
    if (rc == 0) {
        rc = pn_engine_import_lines(engine, import, number, &sending->lines, e);
    }
    return rc == 0 ? each_line(sending, check_line, e) : rc;
}

static void end_sending(struct sending *sending)
{
    struct pn_err ignored;
    if (sending->lines.is_temporary) {
        int rc = pn_io_unlink(sending->cli->io, sending->lines.path, &ignored);
        (void)rc; /* the folder goes with the process */
    }
    free(sending->lines.path);
    free(sending->book);
    free(sending->begin);
    free(sending->seen);
    pn_json_parser_destroy(&sending->parser);
    pn_arena_deinit(&sending->arena);
}

static int send_all(struct pn_topic_client *client, struct pn_embedded_engine *engine,
                    const struct pn_import *import, const char *topic, const char *folder,
                    int64_t *records, struct pn_err *e)
{
    struct pn_topic_detail detail = {0};
    struct sending *all = pn_xcalloc(import->count, sizeof *all);
    int rc = pn_topic_client_look(client, topic, &client->arena, &detail, e);
    if (rc != 0 && e->class_ == PN_CLASS_MISSING) {
        rc = pn_err_missing(e,
                            "there is no table and no topic '%.80s': `pinion table list` and "
                            "`pinion topic list` show those there are",
                            topic);
    }
    for (size_t i = 0; i < import->count; i++) {
        all[i] = (struct sending){.cli = client->cli,
                                  .client = client,
                                  .topic = topic,
                                  .file = &import->files[i],
                                  .record_bytes_max = detail.info.record_bytes_max,
                                  .parser = pn_json_parser_create()};
        all[i].book = pn_xasprintf("%s/%s+%s.json", folder, topic, sum_of(&all[i]));
        pn_arena_init(&all[i].arena, 0);
        rc = rc == 0 ? prepare(&all[i], engine, import, i, e) : rc;
    }
    for (size_t i = 0; rc == 0 && i < import->count; i++) {
        rc = pn_topic_client_look(client, topic, &client->arena, &detail, e);
        rc = rc == 0 ? send_file(&all[i], &detail, e) : rc;
        *records += all[i].sent;
    }
    for (size_t i = 0; i < import->count; i++) {
        end_sending(&all[i]);
    }
    free(all);
    return rc;
}

int pn_import_to_topic(struct pn_cli *cli, const struct pn_app *app,
                       struct pn_embedded_engine *engine, const struct pn_import *import,
                       const char *topic, int64_t *records, struct pn_err *e)
{
    struct pn_import asked = *import;
    struct pn_topic_client client = {.cli = cli};
    struct pn_err failure = {0};
    char *folder = pn_app_path(app, "imports");
    char *lock = pn_xasprintf("%s/lock", folder);
    int fd = -1;
    asked.table = table_of(app->pipeline, topic);
    asked.for_topic = true;
    int rc = asked.takes_bad_rows
                 ? pn_err_input(e, "--bad-rows is for tables: mend the file, or import JSON, whose "
                                   "bad records the load of the topic finds")
                 : pn_io_mkdirs(cli->io, folder, e);
    if (rc == 0) {
        rc = pn_io_lock(cli->io, lock, &fd, e); /* one import into topics at a time */
    }
    if (rc == 0) {
        rc = pn_topic_client_open(cli, PN_CLI_MAKES, &client, &failure);
        rc = rc == 0 ? send_all(&client, engine, &asked, topic, folder, records, &failure) : rc;
        pn_err_copy(e, rc != 0 ? &failure : NULL);
        (void)pn_topic_client_finish(&client, 0, NULL);
    }
    pn_io_close(cli->io, &fd);
    free(lock);
    free(folder);
    return rc;
}
