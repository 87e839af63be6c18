#include "query/worker.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_writer.h"
#include "base/mem.h"
#include "query/answer.h"
#include "query/frame.h"
#include "query/rows_file.h"
#include "query/rows_texts.h"

enum {
    LOOK_MS = 100,            /* between two reports of progress */
    PIECE_BYTES = 64 * 1024,  /* of a streamed result */
    TEXT_BYTES_MAX = 1 << 20, /* of a frame that is not DATA */
    READ_BYTES = 64 * 1024,
    EXIT_ORPHAN = 1
};

struct worker {
    const struct pn_query_worker_config *config;
    struct pn_embedded_engine *engine;
    struct pn_json_parser *parser;
    struct pn_json_parser *row_parser;
    struct pn_buf input;
    const struct pn_json *work; /* in `parser` */
    char *folder;

    pthread_mutex_t lock; /* of the output */
    bool ended;           /* nothing is written any more */
    pthread_t watcher;
    bool watching;
    int wake_fd; /* ends the watcher */
    atomic_bool flush_wanted;
    atomic_int_fast64_t rows;
    atomic_int_fast64_t bytes;

    struct pn_rows_writer *kept;
    struct pn_row_writer *streamed;
    struct pn_buf piece;
    struct pn_err pipe_err; /* of a write to the output */
    bool pipe_failed;
};

/* --- to the executor -------------------------------------------------------------------------- */

static int say(struct worker *worker, enum pn_frame_type type, const void *bytes, size_t len,
               struct pn_err *e)
{
    pthread_mutex_lock(&worker->lock);
    int rc = worker->ended ? 0 : pn_frame_write(worker->config->output_fd, type, bytes, len, e);
    worker->ended = worker->ended || type == PN_FRAME_ERROR || type == PN_FRAME_DONE;
    pthread_mutex_unlock(&worker->lock);
    return rc;
}

static int say_buf(struct worker *worker, enum pn_frame_type type, const struct pn_buf *text,
                   struct pn_err *e)
{
    int rc = pn_buf_check(text, "a message to the executor", e);
    return rc != 0 ? rc : say(worker, type, text->data, text->len, e);
}

static void write_error(const struct pn_err *failure, const struct pn_sql_fault *fault,
                        struct pn_buf *text)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, text);
    pn_json_put_object(&json);
    pn_json_add_i64(&json, "class", failure->class_);
    pn_json_add_cstr(&json, "message", failure->msg);
    pn_json_add_i64(&json, "byte", fault->byte);
    pn_json_add_i64(&json, "line", fault->line);
    pn_json_add_i64(&json, "column", fault->column);
    pn_json_add_cstr(&json, "candidates", fault->candidates);
    pn_json_end(&json);
}

static int say_error(struct worker *worker, const struct pn_err *failure,
                     const struct pn_sql_fault *fault, struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, TEXT_BYTES_MAX);
    write_error(failure, fault, &text);
    int rc = say_buf(worker, PN_FRAME_ERROR, &text, e);
    pn_buf_deinit(&text);
    return rc;
}

int pn_query_worker_refuse(int output_fd, const struct pn_err *why, struct pn_err *e)
{
    const struct pn_sql_fault nowhere = {.byte = -1};
    struct pn_buf text;
    pn_buf_init(&text, TEXT_BYTES_MAX);
    write_error(why, &nowhere, &text);
    int rc = pn_frame_write(output_fd, PN_FRAME_ERROR, text.data, text.len, e);
    pn_buf_deinit(&text);
    return rc;
}

static int say_counts(struct worker *worker, enum pn_frame_type type, double progress,
                      struct pn_err *e)
{
    struct pn_json_writer json;
    struct pn_buf text;
    pn_buf_init(&text, TEXT_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    pn_json_add_double(&json, "progress", progress);
    pn_json_add_i64(&json, "rows", atomic_load(&worker->rows));
    pn_json_add_i64(&json, "bytes", atomic_load(&worker->bytes));
    pn_json_end(&json);
    int rc = say_buf(worker, type, &text, e);
    pn_buf_deinit(&text);
    return rc;
}

/* --- the watcher: sees that the server is there, and reports progress ---------------------------
 */

static void *watch(void *arg)
{
    struct worker *worker = arg;
    struct pollfd fds[] = {{.fd = worker->config->input_fd, .events = POLLIN},
                           {.fd = worker->wake_fd, .events = POLLIN}};
    while (poll(fds, 2, LOOK_MS) <= 0 || fds[1].revents == 0) {
        if (fds[0].revents != 0) { /* the work was all there is to read, so this is the end */
            if (!worker->config->interrupts) {
                _exit(EXIT_ORPHAN);
            }
            pn_engine_interrupt(&worker->engine->batch);
            fds[0].fd = -1;
        }
        atomic_store(&worker->flush_wanted, true);
        (void)say_counts(worker, PN_FRAME_PROGRESS, pn_engine_progress(worker->engine), NULL);
    }
    return NULL;
}

static int start_watching(struct worker *worker, struct pn_err *e)
{
    int rc = pthread_create(&worker->watcher, NULL, watch, worker);
    worker->watching = rc == 0;
    return rc == 0 ? 0 : pn_err_errno(e, rc, "cannot start the thread that watches a query");
}

static void stop_watching(struct worker *worker)
{
    if (worker->watching) {
        (void)eventfd_write(worker->wake_fd, 1);
        (void)pthread_join(worker->watcher, NULL);
        worker->watching = false;
    }
}

/* --- from the executor ------------------------------------------------------------------------ */

/* Reads the work. *came is false when the executor needs this worker no more. */
static int read_work(struct worker *worker, bool *came, struct pn_err *e)
{
    struct pn_frame frame = {.type = PN_FRAME_WORK};
    struct pn_json *root = NULL;
    size_t at = 0;
    int rc = 0;
    *came = false;
    while (rc == 0 && !pn_frame_take(&worker->input, &at, &frame, &rc, e)) {
        if (rc != 0 || !pn_buf_reserve(&worker->input, READ_BYTES)) {
            return rc != 0 ? rc : pn_buf_check(&worker->input, "a query", e);
        }
        ssize_t got =
            read(worker->config->input_fd, worker->input.data + worker->input.len, READ_BYTES);
        if (got < 0 && errno != EINTR) {
            return pn_err_errno(e, errno, "cannot read from the executor");
        }
        if (got == 0) {
            return 0;
        }
        worker->input.len += got > 0 ? (size_t)got : 0;
    }
    if (rc == 0) {
        rc = pn_json_parse(worker->parser, frame.data, frame.len, frame.len, &root, e);
    }
    worker->work = root;
    *came = rc == 0;
    return rc;
}

static bool work_is(const struct worker *worker, const char *member, const char *word)
{
    const struct pn_json *node = pn_json_get(worker->work, member);
    return node != NULL && pn_json_text_is(node, word);
}

/* --- a query's rows --------------------------------------------------------------------------- */

static int take_pipe_failure(struct worker *worker, struct pn_err *e)
{
    pn_err_copy(e, &worker->pipe_err);
    return worker->pipe_failed ? PN_FAIL : 0;
}

static void send_piece(struct worker *worker)
{
    if (worker->piece.len > 0 && !worker->pipe_failed) {
        worker->pipe_failed = say(worker, PN_FRAME_DATA, worker->piece.data, worker->piece.len,
                                  &worker->pipe_err) != 0;
    }
    pn_buf_reset(&worker->piece);
}

/* Of the sink of a streamed result. */
static void write_piece(void *arg, const char *bytes, size_t len)
{
    struct worker *worker = arg;
    while (len > 0) {
        size_t part = len < PN_FRAME_BYTES_MAX / 2 ? len : PN_FRAME_BYTES_MAX / 2;
        pn_buf_add(&worker->piece, bytes, part);
        bytes += part;
        len -= part;
        if (worker->piece.len >= PIECE_BYTES) {
            send_piece(worker);
        }
    }
}

static bool piece_failed(void *arg)
{
    return ((struct worker *)arg)->pipe_failed;
}

static void take_table(void *arg, const char *name, int64_t version)
{
    struct worker *worker = arg;
    struct pn_json_writer json;
    struct pn_buf text;
    pn_buf_init(&text, TEXT_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "name", name);
    pn_json_add_i64(&json, "version", version);
    pn_json_end(&json);
    if (!worker->pipe_failed) {
        worker->pipe_failed = say_buf(worker, PN_FRAME_TABLE, &text, &worker->pipe_err) != 0;
    }
    pn_buf_deinit(&text);
}

static int say_columns(struct worker *worker, const char *const *names, const char *const *types,
                       size_t count, struct pn_err *e)
{
    struct pn_json_writer json;
    struct pn_buf text;
    pn_buf_init(&text, TEXT_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_json_put_array(&json);
    for (size_t i = 0; i < count; i++) {
        pn_json_put_object(&json);
        pn_json_add_cstr(&json, "name", names[i]);
        pn_json_add_cstr(&json, "type", types[i]);
        pn_json_end(&json);
    }
    pn_json_end(&json);
    int rc = say_buf(worker, PN_FRAME_COLUMNS, &text, e);
    pn_buf_deinit(&text);
    return rc;
}

static int take_columns(void *arg, const char *const *names, const char *const *types, size_t count)
{
    struct worker *worker = arg;
    if (worker->streamed != NULL) {
        pn_answer_columns(worker->streamed, names, types, count);
    }
    worker->pipe_failed =
        worker->pipe_failed || say_columns(worker, names, types, count, &worker->pipe_err) != 0;
    return worker->pipe_failed ? PN_FAIL : 0;
}

/* What is reported is what readers find. */
static int flush_kept(struct worker *worker, struct pn_err *e)
{
    int rc = pn_rows_writer_flush(worker->kept, e);
    if (rc == 0) {
        atomic_store(&worker->rows, pn_rows_writer_rows(worker->kept));
        atomic_store(&worker->bytes, pn_rows_writer_bytes(worker->kept));
    }
    return rc;
}

static int take_row(void *arg, const char *const *values, size_t count)
{
    struct worker *worker = arg;
    bool flush = atomic_load_explicit(&worker->flush_wanted, memory_order_relaxed);
    if (flush) {
        atomic_store(&worker->flush_wanted, false);
    }
    if (worker->streamed != NULL) {
        pn_answer_row(worker->streamed, worker->row_parser, values, count);
        atomic_fetch_add_explicit(&worker->rows, 1, memory_order_relaxed);
        if (flush) {
            send_piece(worker);
        }
        return worker->pipe_failed ? PN_FAIL : 0;
    }
    int rc = pn_rows_writer_add(worker->kept, values, count, &worker->pipe_err);
    if (rc == 0 && flush) {
        rc = pn_rows_writer_flush(worker->kept, &worker->pipe_err);
    }
    atomic_store_explicit(&worker->bytes, pn_rows_writer_bytes(worker->kept), memory_order_relaxed);
    worker->pipe_failed = rc != 0;
    return rc;
}

/* --- rows that were kept ---------------------------------------------------------------------- */

/* The names or types of the work's columns. Caller frees them all. */
static char **column_texts(const struct pn_json *columns, const char *member)
{
    char **texts = pn_xcalloc(columns->count + 1, sizeof *texts);
    size_t i = 0;
    for (const struct pn_json *column = columns->first; column != NULL; column = column->next) {
        const char *text = "";
        size_t len = 0;
        (void)pn_json_get_text(column, member, &text, &len);
        texts[i++] = pn_xstrndup(text, len);
    }
    return texts;
}

static void free_texts(char **texts)
{
    for (size_t i = 0; texts[i] != NULL; i++) {
        free(texts[i]);
    }
    free(texts);
}

/* Calls `use` with the rows of the folder. */
static int reread(struct worker *worker, const struct pn_json *columns, size_t only,
                  int (*use)(struct worker *worker, const struct pn_row_texts *rows,
                             struct pn_err *e),
                  struct pn_err *e)
{
    char **names = column_texts(columns, "name");
    char **types = column_texts(columns, "type");
    const struct pn_rows_columns all = {.names = (const char *const *)names,
                                        .types = (const char *const *)types,
                                        .count = columns->count};
    struct pn_rows_texts *texts = NULL;
    int rc = pn_rows_texts_open(worker->folder, &all, only, worker->config->io, &texts, e);
    if (rc == 0) {
        rc = use(worker, pn_rows_texts_of(texts), e);
    }
    pn_rows_texts_close(&texts);
    free_texts(names);
    free_texts(types);
    return rc;
}

/* A file that is there under its name when it is whole. */
static int finish_file(struct worker *worker, const char *part, const char *path, struct pn_err *e)
{
    return pn_io_rename(worker->config->io, part, path, e);
}

static int make_parquet(struct worker *worker, const struct pn_row_texts *rows, struct pn_err *e)
{
    char *path = pn_xasprintf("%s/" PN_RESULT_PARQUET, worker->folder);
    char *part = pn_xasprintf("%s.part", path);
    int rc = pn_engine_write_parquet(worker->engine, rows, part, e);
    if (rc == 0) {
        rc = finish_file(worker, part, path, e);
    }
    free(part);
    free(path);
    return rc;
}

static int add_number(void *arg, int64_t row)
{
    uint64_t entry = htole64((uint64_t)row);
    pn_buf_add(arg, &entry, sizeof entry);
    return pn_buf_failed(arg) ? PN_FAIL : 0;
}

static int make_order(struct worker *worker, const struct pn_row_texts *rows, struct pn_err *e)
{
    enum { ORDER_BYTES_MAX = 1 << 30 };
    const struct pn_io *io = worker->config->io;
    bool descending = pn_json_get_bool(worker->work, "descending", false);
    size_t column = (size_t)pn_json_get_i64(worker->work, "column", 0);
    char *path = pn_rows_order_path(worker->folder, column, descending);
    char *part = pn_xasprintf("%s.part", path);
    struct pn_buf numbers;
    int fd = -1;
    pn_buf_init(&numbers, ORDER_BYTES_MAX);
    int rc = pn_engine_order(worker->engine, rows, descending, add_number, &numbers, e);
    if (rc == 0) {
        rc = pn_buf_check(&numbers, "the order of the rows", e);
    }
    if (rc == 0) {
        rc = pn_io_open_mode(io, part, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd, e);
    }
    if (rc == 0) {
        rc = pn_io_write_at(io, fd, numbers.data, numbers.len, 0, part, e);
    }
    if (rc == 0) {
        rc = finish_file(worker, part, path, e);
    }
    pn_io_close(io, &fd);
    pn_buf_deinit(&numbers);
    free(part);
    free(path);
    return rc;
}

/* --- the kinds of work ------------------------------------------------------------------------ */

static int ask(struct worker *worker, struct pn_sql_fault *fault, struct pn_err *e)
{
    const struct pn_rows rows = {.columns = take_columns, .row = take_row, .arg = worker};
    char *sql = pn_json_dup(pn_json_get(worker->work, "sql"));
    if (sql == NULL) {
        return pn_err_input(e, "a query must not contain NUL bytes");
    }
    const struct pn_json *at = pn_json_get(worker->work, "at");
    char *moment = at != NULL ? pn_json_dup(at) : NULL;
    const struct pn_ask question = {.sql = sql,
                                    .at = moment,
                                    .parameters = pn_json_get(worker->work, "parameters"),
                                    .rows = &rows,
                                    .table = take_table,
                                    .fault = fault};
    int rc = pn_engine_ask(worker->engine, &question, e);
    free(moment);
    free(sql);
    return worker->pipe_failed ? take_pipe_failure(worker, e) : rc;
}

static int stream(struct worker *worker, struct pn_sql_fault *fault, struct pn_err *e)
{
    const struct pn_byte_sink sink = {.write = write_piece, .failed = piece_failed, .arg = worker};
    bool protects = work_is(worker, "format", "csv-protected");
    bool is_csv = protects || work_is(worker, "format", "csv");
    worker->streamed = pn_row_writer_create(&sink, is_csv ? PN_FORMAT_CSV : PN_FORMAT_JSONL);
    if (protects) {
        pn_row_writer_protect(worker->streamed);
    }
    int rc = ask(worker, fault, e);
    if (rc == 0) {
        pn_row_writer_end(&worker->streamed);
        send_piece(worker);
        rc = take_pipe_failure(worker, e);
    } else {
        pn_row_writer_break(&worker->streamed);
    }
    return rc;
}

static int keep(struct worker *worker, struct pn_sql_fault *fault, struct pn_err *e)
{
    int64_t bytes_max = pn_json_get_i64(worker->work, "bytes_max", 0);
    int rc = pn_rows_writer_create(worker->folder, worker->config->io, bytes_max, &worker->kept, e);
    if (rc == 0) {
        rc = ask(worker, fault, e);
    }
    return rc == 0 ? flush_kept(worker, e) : rc;
}

static int do_work(struct worker *worker, struct pn_sql_fault *fault, struct pn_err *e)
{
    const struct pn_json *columns = pn_json_get(worker->work, "columns");
    worker->folder = pn_json_dup(pn_json_get(worker->work, "folder"));
    PN_ASSERT(worker->folder != NULL);
    if (work_is(worker, "do", "parquet")) {
        return reread(worker, columns, SIZE_MAX, make_parquet, e);
    }
    if (work_is(worker, "do", "order")) {
        return reread(worker, columns, (size_t)pn_json_get_i64(worker->work, "column", 0),
                      make_order, e);
    }
    return work_is(worker, "format", "keep") ? keep(worker, fault, e) : stream(worker, fault, e);
}

/* The pipeline may have got tables since the engine was opened. */
static int refresh(struct worker *worker, struct pn_err *e)
{
    bool changed = false;
    int rc = worker->config->refresh(worker->config->arg, &changed, e);
    if (rc == 0 && changed) {
        pn_embedded_engine_destroy(&worker->engine);
        rc = worker->config->open(worker->config->arg, &worker->engine, e);
    }
    return rc;
}

/* Starts the engine and waits for work; *came is false when there is none. */
static int prepare(struct worker *worker, bool *came, struct pn_err *e)
{
    int rc = worker->config->open(worker->config->arg, &worker->engine, e);
    if (rc == 0) {
        rc = pn_engine_warm(worker->engine, e);
    }
    if (rc == 0) {
        rc = say(worker, PN_FRAME_READY, NULL, 0, e);
    }
    if (rc == 0) {
        rc = read_work(worker, came, e);
    }
    return rc == 0 && *came ? refresh(worker, e) : rc;
}

/* Where the system's memory runs out, the kernel ends this process rather than the server. */
static void offer_to_end(const struct pn_io *io)
{
    static const char path[] = "/proc/self/oom_score_adj";
    static const char score[] = "500";
    int fd = -1;
    int rc = pn_io_open(io, path, O_WRONLY, &fd, NULL);
    if (rc == 0) {
        rc = pn_io_write_at(io, fd, score, sizeof score - 1, 0, path, NULL);
    }
    pn_io_close(io, &fd);
    (void)rc; /* a system without it has no such rule */
}

int pn_query_worker_run(const struct pn_query_worker_config *config, struct pn_err *e)
{
    struct worker worker = {.config = config};
    struct pn_sql_fault fault = {.byte = -1};
    struct pn_err failure = {.class_ = PN_CLASS_NONE};
    bool came = true;
    offer_to_end(config->io);
    pthread_mutex_init(&worker.lock, NULL);
    worker.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    PN_ASSERT(worker.wake_fd >= 0);
    pn_buf_init(&worker.input, PN_FRAME_HEADER_SIZE + PN_FRAME_BYTES_MAX + READ_BYTES);
    pn_buf_init(&worker.piece, PN_FRAME_BYTES_MAX);
    worker.parser = pn_json_parser_create();
    worker.row_parser = pn_json_parser_create();
    int rc = prepare(&worker, &came, &failure);
    if (rc == 0 && came) {
        rc = start_watching(&worker, &failure);
    }
    if (rc == 0 && came) {
        rc = do_work(&worker, &fault, &failure);
    }
    if (rc != 0) {
        rc = say_error(&worker, &failure, &fault, e);
    } else if (came) {
        rc = say_counts(&worker, PN_FRAME_DONE, 1, e);
    }
    stop_watching(&worker);
    pn_row_writer_end(&worker.streamed);
    pn_rows_writer_destroy(&worker.kept);
    pn_embedded_engine_destroy(&worker.engine);
    pn_json_parser_destroy(&worker.row_parser);
    pn_json_parser_destroy(&worker.parser);
    pn_buf_deinit(&worker.piece);
    pn_buf_deinit(&worker.input);
    pthread_mutex_destroy(&worker.lock);
    (void)close(worker.wake_fd);
    free(worker.folder);
    return rc;
}
