/* taskInstances/{task}/logs/{try}: what an attempt printed, a page at a time or as it comes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "airflow/errors.h"
#include "airflow/task_instances.h"
#include "airflow/values.h"
#include "base/mem.h"
#include "dag/log_file.h"

enum { PAGE_BYTES = 256 * 1024, LOOK_MS = 200 };

/* The log of an attempt, read from a place on. */
struct reader {
    struct pn_dag_db_pool *dbs;
    const struct pn_io *io;
    int64_t run;
    char *task;
    int32_t number;
    char *path; /* "" while the attempt has none, or when it is gone */
    bool is_over;
    bool is_gone;
    int64_t offset; /* of what comes next */
};

/* What there is of an attempt by now; *found says whether there is one. */
static int look(struct reader *reader, struct pn_dag_db *db, bool *found, struct pn_err *e)
{
    struct pn_arena arena;
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    pn_arena_init(&arena, 0);
    int rc = pn_dag_db_attempts(db, reader->run, reader->task, &arena, &attempts, &count, e);
    *found = false;
    for (size_t i = 0; rc == 0 && i < count && !*found; i++) {
        *found = attempts[i].number == reader->number;
        if (*found) {
            reader->is_over = strcmp(attempts[i].outcome, "running") != 0;
            reader->is_gone = reader->is_over && attempts[i].log[0] == '\0';
            free(reader->path);
            reader->path = pn_xstrdup(attempts[i].log);
        }
    }
    pn_arena_deinit(&arena);
    return rc;
}

/* Reads up to a page into `page`, whole lines where it can. While the attempt runs, a last line
 * without an end is left for later. */
static int read_page(struct reader *reader, struct pn_buf *page, struct pn_err *e)
{
    struct pn_log_range range = {0};
    pn_buf_reset(page);
    if (reader->path[0] == '\0') {
        return 0;
    }
    int rc =
        pn_log_file_read(reader->io, reader->path, reader->offset, PAGE_BYTES, page, &range, e);
    if (rc != 0) {
        return rc;
    }
    bool is_end = reader->is_over && reader->offset + (int64_t)page->len >= range.size_bytes;
    const char *last = page->len > 0 ? memrchr(page->data, '\n', page->len) : NULL;
    if (last != NULL && !is_end) {
        page->len = (size_t)(last - page->data) + 1;
    } else if (last == NULL && !is_end && page->len < PAGE_BYTES / 2) {
        page->len = 0;
    }
    return 0;
}

/* Each line as {"event": LINE}; with `lines` one to a line, else in the open array. */
static void put_lines(struct pn_json_writer *json, const struct pn_buf *page, bool lines)
{
    for (size_t at = 0; at < page->len;) {
        const char *end = memchr(page->data + at, '\n', page->len - at);
        size_t len = end != NULL ? (size_t)(end - page->data) - at : page->len - at;
        size_t shown = len > 0 && page->data[at + len - 1] == '\r' ? len - 1 : len;
        pn_json_put_object(json);
        pn_json_add_string(json, "event", page->data + at, shown);
        pn_json_end(json);
        if (lines) {
            pn_json_end_line(json);
        }
        at += len + (end != NULL);
    }
}

static void put_gone(struct pn_json_writer *json, bool lines)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "event",
                     "the log of this try is gone: dag.logs_keep_ms says how long logs are kept");
    pn_json_end(json);
    if (lines) {
        pn_json_end_line(json);
    }
}

/* --- a page ----------------------------------------------------------------------------------- */

/* Has all been read that will ever be there? */
static bool is_finished(const struct reader *reader, const struct pn_buf *page)
{
    return reader->is_over && page->len == 0;
}

static void add_token(struct pn_json_writer *json, const struct reader *reader, bool finished)
{
    if (finished) {
        pn_json_add_null(json, "continuation_token");
    } else {
        pn_json_add_i64_text(json, "continuation_token", reader->offset);
    }
}

/* One page. The token is null as soon as the reply has the end. */
static int reply_page(struct pn_airflow_call *call, struct reader *reader)
{
    struct pn_buf page;
    struct pn_buf next;
    pn_buf_init(&page, PAGE_BYTES);
    pn_buf_init(&next, PAGE_BYTES);
    int rc = read_page(reader, &page, &call->failure);
    reader->offset += (int64_t)page.len;
    if (rc == 0) {
        rc = read_page(reader, &next, &call->failure);
    }
    if (rc == 0) {
        pn_json_put_object(&call->json);
        pn_json_add_array(&call->json, "content");
        if (reader->is_gone) {
            put_gone(&call->json, false);
        }
        put_lines(&call->json, &page, false);
        pn_json_end(&call->json);
        add_token(&call->json, reader, is_finished(reader, &next));
        pn_json_end(&call->json);
    }
    pn_buf_deinit(&next);
    pn_buf_deinit(&page);
    return rc;
}

static void free_reader(struct reader *reader)
{
    free(reader->task);
    free(reader->path);
    free(reader);
}

/* --- all of it, or as it comes ---------------------------------------------------------------- */

struct stream {
    struct reader *reader;
    struct pn_json_writer json;
    bool is_lines; /* or one document with all that there is */
    bool has_begun;
};

static int look_again(struct reader *reader)
{
    struct pn_dag_db *db = NULL;
    bool found = false;
    int rc = pn_dag_db_pool_take(reader->dbs, &db, NULL);
    if (rc == 0 && !reader->is_over) {
        rc = look(reader, db, &found, NULL);
        rc = rc == 0 && !found ? PN_FAIL : rc; /* its run was deleted */
    }
    pn_dag_db_pool_give(reader->dbs, &db);
    return rc;
}

static void begin_document(struct stream *stream)
{
    pn_json_put_object(&stream->json);
    pn_json_add_array(&stream->json, "content");
}

static bool next_piece(void *arg, struct pn_buf *out)
{
    struct stream *stream = arg;
    struct reader *reader = stream->reader;
    struct pn_buf page;
    stream->json.out = out;
    pn_buf_init(&page, PAGE_BYTES);
    int rc = look_again(reader);
    if (rc == 0) {
        rc = read_page(reader, &page, NULL);
    }
    if (!stream->has_begun && !stream->is_lines) {
        begin_document(stream);
    }
    if (!stream->has_begun && reader->is_gone) {
        put_gone(&stream->json, stream->is_lines);
    }
    stream->has_begun = true;
    put_lines(&stream->json, &page, stream->is_lines);
    reader->offset += (int64_t)page.len;
    bool is_end = page.len == 0 && (reader->is_over || !stream->is_lines);
    if (is_end && !stream->is_lines) {
        pn_json_end(&stream->json);
        add_token(&stream->json, reader, reader->is_over);
        pn_json_end(&stream->json);
    }
    pn_buf_deinit(&page);
    return rc == 0 && !is_end;
}

static bool is_ready(void *arg)
{
    const struct stream *stream = arg;
    return !stream->is_lines; /* a document has more to say until its end */
}

static void end_stream(void *arg)
{
    struct stream *stream = arg;
    free_reader(stream->reader);
    free(stream);
}

static void reply_stream(struct pn_airflow_call *call, struct reader *reader, bool lines)
{
    struct stream *stream = pn_xcalloc(1, sizeof *stream);
    stream->reader = reader;
    stream->is_lines = lines;
    pn_json_writer_init(&stream->json, NULL);
    call->req->content_type = lines ? "application/x-ndjson" : PN_HTTP_TYPE_JSON;
    call->req->stream = (struct pn_http_reply_stream){.next = next_piece,
                                                      .ready = is_ready,
                                                      .end = end_stream,
                                                      .arg = stream,
                                                      .look_ms = LOOK_MS,
                                                      .is_document = true};
    call->handled = PN_HTTP_HANDLED_STREAM;
}

/* --- the route -------------------------------------------------------------------------------- */

static bool wants_lines(const struct pn_http_request *req)
{
    const char *accept = pn_http_request_header(req, "Accept");
    return accept != NULL && strstr(accept, "application/x-ndjson") != NULL &&
           strstr(accept, PN_HTTP_TYPE_JSON) == NULL;
}

/* The reader of the attempt that the path names; on failure there is none. */
static int open_reader(struct pn_airflow_call *call, int64_t offset, struct reader **reader)
{
    const struct pn_dag *dag = NULL;
    struct pn_run run = {0};
    struct pn_found_task found;
    int64_t number = 0;
    bool is_there = false;
    int rc = pn_airflow_task(call, &dag, &run, &found);
    if (rc == 0) {
        rc = pn_airflow_path_number(call, 3, "try_number", &number);
    }
    if (rc != 0) {
        return rc;
    }
    *reader = pn_xcalloc(1, sizeof **reader);
    **reader = (struct reader){.dbs = call->dbs,
                               .io = call->env->io,
                               .run = run.id,
                               .task = pn_xstrdup(found.task.task),
                               .number = number > 0 && number < INT32_MAX ? (int32_t)number : 0,
                               .offset = offset};
    rc = look(*reader, call->db, &is_there, &call->failure);
    if (rc == 0 && !is_there) {
        rc =
            pn_err_missing(&call->failure, "try %" PRId64 " of task '%s' of run '%s' was not found",
                           number, found.task.task, run.run_id);
    }
    if (rc != 0) {
        free_reader(*reader);
        *reader = NULL;
    }
    return rc;
}

static int answer_log(struct pn_airflow_call *call)
{
    static const struct pn_airflow_source query = {.body = NULL};
    struct reader *reader = NULL;
    int64_t offset = 0;
    bool full = false;
    int rc = pn_airflow_number(call, &query, "token", 0, 0, INT64_MAX, &offset);
    if (rc == 0) {
        rc = pn_airflow_flag(call, &query, "full_content", false, &full);
    }
    if (rc == 0) {
        rc = open_reader(call, offset, &reader);
    }
    if (rc != 0) {
        return rc;
    }
    if (full || wants_lines(call->req)) {
        reply_stream(call, reader, wants_lines(call->req));
        return 0;
    }
    rc = reply_page(call, reader);
    free_reader(reader);
    return rc;
}

const struct pn_airflow_endpoint pn_airflow_logs[] = {
    {PN_HTTP_GET, "dags/{}/dagRuns/{}/taskInstances/{}/logs/{}", answer_log, PN_RIGHT_READ},
    {.pattern = NULL},
};
