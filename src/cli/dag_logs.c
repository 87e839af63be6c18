/* pinion dag logs: what the attempts of tasks printed, or where a text is in it. */
#include <fcntl.h>
#include <stdlib.h>

#include "cli/dag.h"
#include "dag/log_file.h"
#include "report/dags.h"

enum { LOG_PIECE_BYTES = 64 * 1024 };

struct logs_options {
    const char *run_id;
    int64_t number;
    const char *find;
    bool ignore_case;
    int64_t tail_bytes;
};

static int copy_file(struct pn_cli *cli, const char *path, int64_t tail_bytes, struct pn_err *e)
{
    int fd = -1;
    int64_t size = 0;
    int rc = pn_io_open(cli->io, path, O_RDONLY, &fd, e);
    char piece[LOG_PIECE_BYTES];
    size_t got = 1;
    if (rc == 0) {
        rc = pn_io_size(cli->io, fd, &size, path, e);
    }
    int64_t from = tail_bytes > 0 && tail_bytes < size ? size - tail_bytes : 0;
    for (int64_t at = from; rc == 0 && got > 0; at += (int64_t)got) {
        rc = pn_io_read_some(cli->io, fd, piece, sizeof piece, at, &got, path, e);
        if (rc == 0) {
            (void)fwrite(piece, 1, got, cli->out);
        }
    }
    pn_io_close(cli->io, &fd);
    return rc;
}

static int print_log(struct pn_dag_session *session, const struct pn_attempt *attempt,
                     int64_t tail_bytes, struct pn_err *e)
{
    char started[PN_ISO8601_SIZE];
    (void)fprintf(session->cli->out, "--- %s, attempt %d, %s, %s (%s %d)\n", attempt->task,
                  (int)attempt->number, pn_iso8601(attempt->started_ms, started), attempt->outcome,
                  attempt->exit_code < 0 ? "signal" : "exit", abs((int)attempt->exit_code));
    return attempt->log[0] != '\0' ? copy_file(session->cli, attempt->log, tail_bytes, e) : 0;
}

/* Those of one number alone; 0: all. */
static size_t choose_attempts(struct pn_attempt *attempts, size_t count, int64_t number)
{
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        if (number == 0 || attempts[i].number == number) {
            attempts[chosen++] = attempts[i];
        }
    }
    return chosen;
}

/* Every place of the text, however many pages of hits that takes. */
static int find_in(struct pn_dag_session *session, const struct pn_attempt *attempt,
                   const struct logs_options *options, struct pn_row_writer *rows, struct pn_err *e)
{
    struct pn_log_search search = {
        .text = options->find, .ignore_case = options->ignore_case, .limit = PN_LOG_HITS_MAX};
    struct pn_log_hits hits = {.next = 0};
    int rc = 0;
    while (rc == 0 && hits.next >= 0) {
        struct pn_arena arena;
        pn_arena_init(&arena, 0);
        search.after = hits.next;
        rc = pn_log_file_find(session->cli->io, attempt->log, &search, &arena, &hits, e);
        if (rc == 0) {
            pn_report_log_hits(attempt, &hits, rows);
        }
        pn_arena_deinit(&arena);
    }
    return rc;
}

static int print_attempts(struct pn_dag_session *session, const struct pn_attempt *attempts,
                          size_t count, const struct logs_options *options, struct pn_err *e)
{
    struct pn_cli *cli = session->cli;
    int rc = 0;
    if (options->find != NULL || cli->format != PN_FORMAT_TABLE) {
        struct pn_row_writer *rows = pn_cli_rows(cli);
        if (options->find == NULL) {
            rc = pn_report_attempts(attempts, count, cli->io, rows, e);
        } else {
            pn_report_log_hits_begin(rows);
        }
        for (size_t i = 0; rc == 0 && options->find != NULL && i < count; i++) {
            rc = attempts[i].log[0] != '\0' ? find_in(session, &attempts[i], options, rows, e) : 0;
        }
        pn_row_writer_close(&rows, rc);
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = print_log(session, &attempts[i], options->tail_bytes, e);
    }
    return rc;
}

static int print_logs(struct pn_dag_session *session, const struct pn_run *run, const char *task,
                      const struct logs_options *options, struct pn_err *e)
{
    struct pn_attempt *attempts = NULL;
    size_t count = 0;
    int rc = pn_dag_db_attempts(session->db, run->id, task, &session->arena, &attempts, &count, e);
    if (rc != 0) {
        return rc;
    }
    count = choose_attempts(attempts, count, options->number);
    if (count == 0) {
        return pn_err_missing(e,
                              "run '%s' has no such attempt%s%s: `pinion dag status %s %s` shows "
                              "the attempts of each task",
                              run->run_id, task != NULL ? " of task " : " yet",
                              task != NULL ? task : "", run->dag, run->run_id);
    }
    return print_attempts(session, attempts, count, options, e);
}

int pn_cmd_dag_logs(struct pn_cli *cli, int argc, char **argv)
{
    struct logs_options options = {0};
    const struct pn_opt opts[] = {{.name = "run",
                                   .kind = PN_OPT_STRING,
                                   .value = "RUN",
                                   .help = "the run (the latest)",
                                   .target = &options.run_id},
                                  {.name = "try",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show only the Nth attempt (all)",
                                   .target = &options.number,
                                   .min = 1,
                                   .max = INT32_MAX},
                                  {.name = "tail",
                                   .kind = PN_OPT_SIZE,
                                   .value = "SIZE",
                                   .help = "show only the end of each log (all of it)",
                                   .target = &options.tail_bytes},
                                  {.name = "find",
                                   .kind = PN_OPT_STRING,
                                   .value = "TEXT",
                                   .help = "list the places where this text is in the logs",
                                   .target = &options.find},
                                  {.name = "ignore-case",
                                   .kind = PN_OPT_FLAG,
                                   .help = "with --find: in letters of either case",
                                   .target = &options.ignore_case},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "DAG [TASK]",
        .operands_min = 1,
        .operands_max = 2,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about = "Shows the output of the attempts of a task, or of all tasks."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_dag_session session;
    struct pn_run run = {0};
    int rc = pn_cli_dag_look(cli, argv[0], &session, &failure);
    if (rc == 0 && argc > 1 && pn_dag_task(session.dag, argv[1]) == NULL) {
        rc = pn_dag_has_no_task(session.dag, argv[1], &failure);
    }
    if (rc == 0) {
        rc = pn_dag_db_run(session.db, argv[0], options.run_id, &session.arena, &run, &failure);
    }
    if (rc == 0) {
        rc = print_logs(&session, &run, argc > 1 ? argv[1] : NULL, &options, &failure);
    }
    return pn_cli_dag_finish(&session, rc, &failure);
}
