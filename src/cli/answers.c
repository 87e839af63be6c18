#include "cli/answers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "query/answer.h"

enum {
    WAITING_BYTES_MAX = 1 << 20, /* of an answer before its turn */
    HEAD_BYTES_MAX = 64 * 1024
};

struct printing;

/* One answer on its way out. */
struct answer {
    struct printing *printing;
    size_t i;
    struct pn_buf waiting; /* text before its turn */
    struct pn_row_writer *output;
    struct pn_json_parser *parser;
    int64_t rows;
    bool has_ended;
    int rc;
    struct pn_err e;
};

struct printing {
    struct pn_cli *cli;
    struct pn_embedded_engine *engine;
    const struct pn_cli_answers *answers;
    struct answer *items;
    struct pn_byte_sink out;
    pthread_mutex_t lock; /* of the rest, and of all `waiting` and `has_ended` */
    pthread_cond_t turned;
    size_t turn;  /* whose text goes out as it comes */
    bool is_over; /* nothing more is printed */
};

/* --- the order -------------------------------------------------------------------------------- */

/* With the lock held, as those below: only the answer whose turn it is writes. */
static void print_waiting(struct answer *answer)
{
    struct pn_byte_sink *out = &answer->printing->out;
    out->write(out->arg, pn_buf_text(&answer->waiting), answer->waiting.len);
    pn_buf_deinit(&answer->waiting);
}

static void be_over(struct printing *printing)
{
    if (!printing->is_over) {
        printing->is_over = true;
        pn_engine_interrupt(&printing->engine->batch);
    }
}

/* The turn passes to the next answer that has not ended. */
static void pass_turn(struct printing *printing)
{
    while (!printing->is_over && printing->turn < printing->answers->count) {
        struct answer *answer = &printing->items[printing->turn];
        print_waiting(answer);
        if (!answer->has_ended) {
            break;
        }
        if (answer->rc != 0) {
            be_over(printing);
        } else {
            printing->turn++;
        }
    }
    if (printing->out.failed(printing->out.arg)) {
        be_over(printing);
    }
    pthread_cond_broadcast(&printing->turned);
}

static void write_answer(void *arg, const char *bytes, size_t len)
{
    struct answer *answer = arg;
    struct printing *printing = answer->printing;
    pthread_mutex_lock(&printing->lock);
    bool fits = answer->waiting.len + len <= WAITING_BYTES_MAX;
    while (!fits && printing->turn != answer->i && !printing->is_over) {
        pthread_cond_wait(&printing->turned, &printing->lock);
    }
    bool is_its_turn = printing->turn == answer->i;
    if (!printing->is_over && !is_its_turn) {
        pn_buf_add(&answer->waiting, bytes, len);
    } else if (!printing->is_over) {
        print_waiting(answer);
        printing->out.write(printing->out.arg, bytes, len);
    }
    pthread_mutex_unlock(&printing->lock);
}

static bool is_pointless(void *arg)
{
    struct answer *answer = arg;
    struct printing *printing = answer->printing;
    pthread_mutex_lock(&printing->lock);
    bool pointless = printing->is_over || printing->out.failed(printing->out.arg);
    pthread_mutex_unlock(&printing->lock);
    return pointless;
}

/* --- an answer -------------------------------------------------------------------------------- */

static int take_columns(void *arg, const char *const *names, const char *const *types, size_t count)
{
    struct answer *answer = arg;
    const struct pn_byte_sink sink = {
        .write = write_answer,
        .failed = is_pointless,
        .arg = answer,
        .terminal_columns = answer->printing->out.terminal_columns,
    };
    answer->parser = pn_json_parser_create();
    answer->output = pn_row_writer_create(&sink, answer->printing->cli->format);
    pn_answer_columns(answer->output, names, types, count);
    return 0;
}

static int take_row(void *arg, const char *const *values, size_t count)
{
    struct answer *answer = arg;
    if (++answer->rows > answer->printing->answers->rows_max) {
        return 0;
    }
    pn_answer_row(answer->output, answer->parser, values, count);
    return pn_row_writer_failed(answer->output) ? PN_FAIL : 0;
}

static void add_tail(struct answer *answer)
{
    const struct pn_cli_answers *answers = answer->printing->answers;
    if (answers->add_tail == NULL || answer->rows <= answers->rows_max) {
        return;
    }
    struct pn_buf text;
    pn_buf_init(&text, HEAD_BYTES_MAX);
    answers->add_tail(answers->arg, answer->rows - answers->rows_max, &text);
    write_answer(answer, pn_buf_text(&text), text.len);
    pn_buf_deinit(&text);
}

static bool take_end(void *arg, size_t i, int rc, const struct pn_err *e)
{
    struct printing *printing = arg;
    struct answer *answer = &printing->items[i];
    pn_row_writer_end(&answer->output);
    pn_json_parser_destroy(&answer->parser);
    if (rc == 0) {
        add_tail(answer);
    }
    pthread_mutex_lock(&printing->lock);
    answer->has_ended = true;
    answer->rc = rc;
    pn_err_copy(&answer->e, rc != 0 ? e : NULL);
    if (printing->turn == i) {
        pass_turn(printing);
    }
    bool goes_on = !printing->is_over;
    pthread_mutex_unlock(&printing->lock);
    return goes_on;
}

/* --- all of them ------------------------------------------------------------------------------ */

static void ask(struct printing *printing)
{
    const struct pn_cli_answers *answers = printing->answers;
    struct pn_ask *items = pn_xcalloc(answers->count + 1, sizeof *items);
    struct pn_rows *rows = pn_xcalloc(answers->count + 1, sizeof *rows);
    for (size_t i = 0; i < answers->count; i++) {
        struct answer *answer = &printing->items[i];
        *answer = (struct answer){.printing = printing, .i = i};
        pn_buf_init(&answer->waiting, WAITING_BYTES_MAX + HEAD_BYTES_MAX);
        answers->add_head(answers->arg, &answers->queries[i], &answer->waiting);
        rows[i] = (struct pn_rows){.columns = take_columns, .row = take_row, .arg = answer};
        items[i] = (struct pn_ask){.sql = answers->queries[i].sql, .rows = &rows[i]};
    }
    const struct pn_asks asks = {
        .items = items, .count = answers->count, .ended = take_end, .arg = printing};
    pn_engine_ask_all(printing->engine, &asks);
    free(rows);
    free(items);
}

int pn_cli_answer_all(struct pn_cli *cli, struct pn_embedded_engine *engine,
                      const struct pn_cli_answers *answers, struct pn_err *e)
{
    struct printing printing = {.cli = cli,
                                .engine = engine,
                                .answers = answers,
                                .items = pn_xcalloc(answers->count + 1, sizeof(struct answer)),
                                .out = pn_byte_sink_file(cli->out)};
    pthread_mutex_init(&printing.lock, NULL);
    pthread_cond_init(&printing.turned, NULL);
    ask(&printing);
    int rc = 0;
    if (printing.turn < answers->count && !printing.out.failed(printing.out.arg)) {
        struct answer *failed = &printing.items[printing.turn];
        rc = failed->rc;
        pn_err_copy(e, &failed->e);
        pn_err_prefix(e, "%s", answers->queries[printing.turn].file);
    } /* a failed write: nobody reads on; the end of the program says so */
    for (size_t i = 0; i < answers->count; i++) {
        pn_buf_deinit(&printing.items[i].waiting);
    }
    pthread_cond_destroy(&printing.turned);
    pthread_mutex_destroy(&printing.lock);
    free(printing.items);
    return rc;
}
