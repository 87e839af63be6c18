/* Whole results as streamed replies: kept rows as CSV or JSON lines, and files. */
#include <stdlib.h>
#include <unistd.h>

#include "api/query_internal.h"
#include "base/io.h"
#include "base/mem.h"
#include "query/answer.h"
#include "query/rows_file.h"

enum { PIECE_ROWS = 1000, PIECE_BYTES = 256 * 1024 };

static bool is_ready(void *arg)
{
    (void)arg;
    return true;
}

bool pn_api_break_off(struct pn_buf *out)
{
    bool fits = pn_buf_reserve(out, out->max - out->len + 1);
    PN_ASSERT(!fits && pn_buf_failed(out));
    return false;
}

/* --- rows ------------------------------------------------------------------------------------- */

struct rows {
    struct pn_rows_reader *reader;
    struct pn_row_writer *writer;
    struct pn_json_parser *parser;
    struct pn_buf *out; /* of the piece */
    int64_t at;
};

static void write_bytes(void *arg, const char *bytes, size_t len)
{
    struct rows *rows = arg;
    pn_buf_add(rows->out, bytes, len);
}

static int write_row(void *arg, const char *const *values, size_t count)
{
    struct rows *rows = arg;
    pn_answer_row(rows->writer, rows->parser, values, count);
    return 0;
}

static bool next_rows(void *arg, struct pn_buf *out)
{
    struct rows *rows = arg;
    int64_t read = 0;
    rows->out = out;
    if (pn_rows_reader_page(rows->reader, rows->at, PIECE_ROWS, write_row, rows, &read, NULL) !=
        0) {
        return pn_api_break_off(out);
    }
    rows->at += read;
    if (read == 0) {
        pn_row_writer_end(&rows->writer);
    }
    return read > 0;
}

static void end_rows(void *arg)
{
    struct rows *rows = arg;
    struct pn_buf rest;
    pn_buf_init(&rest, PIECE_BYTES);
    rows->out = &rest; /* what the writer still has goes nowhere */
    pn_row_writer_end(&rows->writer);
    pn_buf_deinit(&rest);
    pn_rows_reader_destroy(&rows->reader);
    pn_json_parser_destroy(&rows->parser);
    free(rows);
}

static void begin_columns(struct rows *rows, const char *columns)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    size_t len = strlen(columns);
    int rc = pn_json_parse(parser, columns, len, len, &root, NULL);
    PN_ASSERT(rc == 0);
    char **texts = pn_xcalloc(2 * root->count, sizeof *texts);
    size_t i = 0;
    for (const struct pn_json *column = root->first; column != NULL; column = column->next, i++) {
        texts[i] = pn_json_dup(pn_json_get(column, "name"));
        texts[root->count + i] = pn_json_dup(pn_json_get(column, "type"));
    }
    pn_answer_columns(rows->writer, (const char *const *)texts,
                      (const char *const *)texts + root->count, root->count);
    for (i = 0; i < 2 * root->count; i++) {
        free(texts[i]);
    }
    free(texts);
    pn_json_parser_destroy(&parser);
}

enum pn_http_handled pn_api_send_rows(struct pn_http_request *req,
                                      const struct pn_query_status *status,
                                      enum pn_api_rows_format format, struct pn_rows_reader *reader)
{
    struct rows *rows = pn_xcalloc(1, sizeof *rows);
    const struct pn_byte_sink sink = {.write = write_bytes, .arg = rows};
    rows->reader = reader;
    rows->parser = pn_json_parser_create();
    rows->writer =
        pn_row_writer_create(&sink, format == PN_API_ROWS_JSONL ? PN_FORMAT_JSONL : PN_FORMAT_CSV);
    if (format == PN_API_ROWS_CSV_PROTECTED) {
        pn_row_writer_protect(rows->writer);
    }
    begin_columns(rows, status->columns);
    req->status = 200;
    req->stream = (struct pn_http_reply_stream){
        .next = next_rows, .ready = is_ready, .end = end_rows, .arg = rows, .is_document = true};
    return PN_HTTP_HANDLED_STREAM;
}

/* --- files ------------------------------------------------------------------------------------ */

struct file {
    int fd;
    int64_t at;
    void (*end)(void *arg);
    void *arg;
};

static bool next_bytes(void *arg, struct pn_buf *out)
{
    struct file *file = arg;
    size_t got = 0;
    if (!pn_buf_reserve(out, PIECE_BYTES) ||
        pn_io_read_some(pn_io_system(), file->fd, out->data + out->len, PIECE_BYTES, file->at, &got,
                        "the result", NULL) != 0) {
        return pn_api_break_off(out);
    }
    out->len += got;
    file->at += (int64_t)got;
    return got > 0;
}

static void end_file(void *arg)
{
    struct file *file = arg;
    (void)close(file->fd);
    if (file->end != NULL) {
        file->end(file->arg);
    }
    free(file);
}

enum pn_http_handled pn_api_send_file(struct pn_http_request *req, int fd, void (*end)(void *arg),
                                      void *arg)
{
    struct file *file = pn_xcalloc(1, sizeof *file);
    *file = (struct file){.fd = fd, .end = end, .arg = arg};
    req->status = 200;
    req->stream = (struct pn_http_reply_stream){
        .next = next_bytes, .ready = is_ready, .end = end_file, .arg = file, .is_document = true};
    return PN_HTTP_HANDLED_STREAM;
}
