/* pinion dead-letters: the records that could not become rows, and sending them again. */
#include <stdlib.h>
#include <string.h>

#include "base/http_client.h"
#include "base/json_writer.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/dead_letters.h"
#include "cli/table.h"
#include "report/dead_letters.h"

enum {
    LIST_DEFAULT = 100,
    FILE_BYTES_MAX = 16 << 20,
    BODY_BYTES_MAX = 128 << 20,
    ANSWER_BYTES_MAX = 16 << 20,
    TIMEOUT_MS = 120000
};

/* --- list and show ---------------------------------------------------------------------------- */

struct looked_for {
    const struct pn_pipeline *pipeline;
    const struct pn_dead_letters_wanted *wanted;
};

static int explain_none(void *arg, struct pn_err *e)
{
    const struct looked_for *looked_for = arg;
    return pn_cli_no_letters(looked_for->pipeline, looked_for->wanted->ids,
                             looked_for->wanted->table, e);
}

static int answer_letters(struct pn_cli *cli, const struct pn_dead_letters_wanted *wanted)
{
    struct pn_err failure = {0};
    struct pn_table_session session;
    struct pn_letters_query query = {0};
    int rc = pn_cli_table_open(cli, NULL, &session, &failure);
    if (rc == 0) {
        rc = pn_report_dead_letters(&session.source, wanted, &session.arena, &query, &failure);
    }
    if (rc == 0) {
        struct looked_for looked_for = {.pipeline = session.pipeline, .wanted = wanted};
        const struct pn_cli_no_rows no_rows = {.explain = explain_none, .arg = &looked_for};
        rc = pn_cli_answer_with(cli, session.engine, query.sql, query.parameters, &no_rows,
                                &failure);
    }
    return pn_cli_table_finish(&session, rc, &failure);
}

static int cmd_list(struct pn_cli *cli, int argc, char **argv)
{
    struct pn_dead_letters_wanted wanted = {.limit = LIST_DEFAULT};
    const struct pn_opt opts[] = {{.name = "reason",
                                   .kind = PN_OPT_STRING,
                                   .value = "TEXT",
                                   .help = "show only those whose reason contains TEXT",
                                   .target = &wanted.reason},
                                  {.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "show at most N, newest first (100)",
                                   .target = &wanted.limit,
                                   .min = 1,
                                   .max = INT32_MAX},
                                  {.name = "offset",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "skip the newest N (0)",
                                   .target = &wanted.offset},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[TABLE]",
        .operands_max = 1,
        .opts = opts,
        .uses = PN_USES_FORMAT,
        .about =
            "Shows the records of loads and of streams that could not become rows: the table "
            "that they were meant for, where they are, what wrote the letter, the reason, and the "
            "record itself.",
        .examples = "pinion dead-letters list\n"
                    "pinion dead-letters list pin --reason 'invalid JSON' --format jsonl\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    wanted.table = argc > 0 ? argv[0] : NULL;
    wanted.is_whole = cli->format != PN_FORMAT_TABLE;
    return answer_letters(cli, &wanted);
}

static int cmd_show(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {.operands = "ID...",
                                     .operands_min = 1,
                                     .operands_max = 100,
                                     .uses = PN_USES_FORMAT,
                                     .about = "Shows dead letters by their ids."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_buf ids;
    pn_buf_init(&ids, FILE_BYTES_MAX);
    for (int i = 0; i < argc; i++) {
        pn_buf_addf(&ids, "%s%s", i == 0 ? "" : ",", argv[i]);
    }
    const struct pn_dead_letters_wanted wanted = {
        .ids = pn_buf_text(&ids), .limit = argc, .is_whole = cli->format != PN_FORMAT_TABLE};
    status = answer_letters(cli, &wanted);
    pn_buf_deinit(&ids);
    return status;
}

/* --- resend ----------------------------------------------------------------------------------- */

struct resend {
    struct pn_cli *cli;
    struct pn_http_client *http;
    char *url;
    struct pn_json_parser *parser;
    struct pn_row_writer *rows;
    struct pn_buf body;
    struct pn_buf answer;
    struct pn_buf edited; /* the file of --edited */
    const char *file;
    const char *table;
    const char *reason;
    char **ids;
    int id_count;
    int64_t letters; /* in the answers */
    int64_t failed;
    char *cursor; /* of the next request */
};

static void write_body(struct resend *resend)
{
    struct pn_json_writer json;
    pn_buf_reset(&resend->body);
    pn_json_writer_init(&json, &resend->body);
    pn_json_put_object(&json);
    if (resend->id_count > 0) {
        pn_json_add_array(&json, "ids");
        for (int i = 0; i < resend->id_count; i++) {
            pn_json_put_cstr(&json, resend->ids[i]);
        }
        pn_json_end(&json);
    } else {
        pn_json_add_object(&json, "filter");
        if (resend->table != NULL) {
            pn_json_add_cstr(&json, "table", resend->table);
        }
        if (resend->reason != NULL) {
            pn_json_add_cstr(&json, "reason", resend->reason);
        }
        pn_json_end(&json);
    }
    if (resend->file != NULL) {
        pn_json_add_object(&json, "edited");
        pn_json_put_key(&json, "value");
        pn_json_put_base64(&json, pn_buf_text(&resend->edited), resend->edited.len);
        pn_json_add_cstr(&json, "encoding", "base64");
        pn_json_end(&json);
    }
    if (resend->cursor != NULL) {
        pn_json_add_cstr(&json, "cursor", resend->cursor);
    }
    pn_json_end(&json);
}

static void text_cell(struct pn_row_writer *rows, const struct pn_json *object, const char *name)
{
    const char *text = NULL;
    size_t len = 0;
    if (pn_json_get_text(object, name, &text, &len)) {
        pn_cell_text(rows, text, len);
    } else {
        pn_cell_null(rows);
    }
}

static void begin_outcomes(struct resend *resend)
{
    static const struct pn_report_column columns[] = {
        {"id", PN_CELL_TEXT},       {"outcome", PN_CELL_TEXT}, {"origin", PN_CELL_TEXT},
        {"partition", PN_CELL_INT}, {"offset", PN_CELL_TEXT},  {"message", PN_CELL_TEXT}};
    if (resend->rows == NULL) {
        resend->rows = pn_cli_rows(resend->cli);
        PN_ROWS_BEGIN(resend->rows, columns);
    }
}

static void print_outcomes(struct resend *resend, const struct pn_json *root)
{
    const struct pn_json *letters = pn_json_get(root, "letters");
    if (letters != NULL && letters->first != NULL) {
        begin_outcomes(resend);
    }
    for (const struct pn_json *one = letters != NULL ? letters->first : NULL; one != NULL;
         one = one->next) {
        const struct pn_json *sent = pn_json_get(one, "resent");
        text_cell(resend->rows, one, "id");
        text_cell(resend->rows, one, "outcome");
        text_cell(resend->rows, sent, "origin");
        pn_cell_known(resend->rows, pn_json_get_i64(sent, "partition", -1));
        text_cell(resend->rows, sent, "offset");
        text_cell(resend->rows, one, "message");
    }
    resend->letters += letters != NULL ? (int64_t)letters->count : 0;
    resend->failed += pn_json_get_i64(root, "failed", 0);
}

/* One request; the next one's cursor is kept. */
static int send_some(struct resend *resend, struct pn_err *e)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct pn_json *root = NULL;
    const char *text = NULL;
    size_t len = 0;
    long status = 0;
    write_body(resend);
    const struct pn_http_client_request request = {.method = "POST",
                                                   .path = "/api/v1/dead_letters/resend",
                                                   .headers = headers,
                                                   .body = pn_buf_text(&resend->body),
                                                   .body_len = resend->body.len};
    pn_buf_reset(&resend->answer);
    int rc = pn_http_client_send(resend->http, &request, &status, &resend->answer, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_json_parse(resend->parser, pn_buf_text(&resend->answer), resend->answer.len,
                       resend->answer.len, &root, NULL);
    if (rc != 0 || status != 200) {
        if (rc != 0 || !pn_json_get_text(pn_json_get(root, "error"), "message", &text, &len)) {
            text = "the server's answer is not one of this version";
            len = strlen(text);
        }
        return status == 400 ? pn_err_input(e, "%.*s", (int)len, text)
                             : pn_err_input(e, "%s answers %ld: %.*s%s", resend->url, status,
                                            (int)len, text, pn_http_client_key_advice(status));
    }
    print_outcomes(resend, root);
    free(resend->cursor);
    resend->cursor = pn_json_get_text(root, "next", &text, &len) ? pn_xstrndup(text, len) : NULL;
    return 0;
}

/* The tables of another server, which --url names, are not known here. */
static int check_table(const struct resend *resend, struct pn_err *e)
{
    const struct pn_app *app = NULL;
    int rc = resend->cli->url == NULL ? pn_cli_app(resend->cli, &app, e) : 0;
    return app != NULL ? pn_cli_no_letters(app->pipeline, NULL, resend->table, e) : rc;
}

static int resend_all(struct resend *resend, struct pn_err *e)
{
    int rc = pn_cli_server_url(resend->cli, &resend->url, e);
    if (rc == 0 && resend->url == NULL) {
        rc = pn_err_missing(e,
                            "records are sent through a server, and none runs on %s: start"
                            " `pinion serve --data %s`, or give --url",
                            resend->cli->data, resend->cli->data);
    }
    if (rc == 0 && resend->file != NULL) {
        rc = pn_io_read_file(resend->cli->io, resend->file, &resend->edited, e);
    }
    if (rc != 0) {
        return rc;
    }
    pn_cli_note_folder(resend->cli);
    const struct pn_http_client_config config = {
        .url = resend->url, .timeout_ms = TIMEOUT_MS, .api_key = pn_http_client_key()};
    resend->http = pn_http_client_create(&config);
    do {
        rc = send_some(resend, e);
    } while (rc == 0 && resend->cursor != NULL);
    if (rc == 0 && resend->letters == 0 && resend->table != NULL) {
        rc = check_table(resend, e);
    }
    if (rc == 0) {
        begin_outcomes(resend);
    }
    return rc;
}

static int run_resend(struct resend *resend)
{
    struct pn_err failure = {0};
    resend->parser = pn_json_parser_create();
    pn_buf_init(&resend->body, BODY_BYTES_MAX);
    pn_buf_init(&resend->answer, ANSWER_BYTES_MAX);
    pn_buf_init(&resend->edited, FILE_BYTES_MAX);
    int rc = resend_all(resend, &failure);
    pn_row_writer_end(&resend->rows);
    pn_http_client_destroy(&resend->http);
    pn_json_parser_destroy(&resend->parser);
    pn_buf_deinit(&resend->body);
    pn_buf_deinit(&resend->answer);
    pn_buf_deinit(&resend->edited);
    free(resend->cursor);
    free(resend->url);
    return rc != 0              ? pn_cli_fail(resend->cli, &failure)
           : resend->failed > 0 ? PN_EXIT_FAILED
                                : PN_EXIT_OK;
}

static int cmd_resend(struct pn_cli *cli, int argc, char **argv)
{
    struct resend resend = {.cli = cli};
    bool all = false;
    const struct pn_opt opts[] = {
        {.name = "table",
         .kind = PN_OPT_STRING,
         .value = "TABLE",
         .help = "resend every letter of this table",
         .target = &resend.table},
        {.name = "reason",
         .kind = PN_OPT_STRING,
         .value = "TEXT",
         .help = "resend every letter whose reason contains TEXT",
         .target = &resend.reason},
        {.name = "all", .kind = PN_OPT_FLAG, .help = "resend every letter", .target = &all},
        {.name = "edited",
         .kind = PN_OPT_STRING,
         .value = "FILE",
         .help = "send the contents of FILE in place of the record of one ID",
         .target = &resend.file},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[ID...]",
        .operands_max = 100,
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Sends dead letters again, through a running server, to the topic or stream that "
                 "they came from. A letter that was resent is not sent a second time.",
        .examples = "pinion dead-letters resend 0f3a... --edited mended.json\n"
                    "pinion dead-letters resend --table pin --reason 'out of range'\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    resend.ids = argv;
    resend.id_count = argc;
    bool filtered = resend.table != NULL || resend.reason != NULL || all;
    if ((argc > 0) == filtered) {
        return pn_cli_usage(cli, "give either IDs, or --table, --reason or --all");
    }
    if (resend.file != NULL && argc != 1) {
        return pn_cli_usage(cli, "--edited is for one ID");
    }
    return run_resend(&resend);
}

int pn_cmd_dead_letters(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"list", "show records that could not become rows", cmd_list},
        {"show", "show dead letters by their ids", cmd_show},
        {"resend", "send records again, edited or as they were", cmd_resend},
        {"drop", "take dead letters away, for good", pn_cli_dead_letters_drop},
        {NULL, NULL, NULL}};
    return pn_cli_dispatch(cli, commands, argc, argv);
}
