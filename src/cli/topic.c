/* pinion topic: the topics of the log. */
#include <stdlib.h>

#include "base/http_client.h"
#include "cli/commands.h"
#include "report/row_writer.h"
#include "server/stations.h"
#include "server/topics.h"

enum { TIMEOUT_MS = 30000, ANSWER_BYTES_MAX = 16 << 20 };

static int list_through(const char *url, struct pn_arena *arena, struct pn_topic_row **rows,
                        size_t *count, struct pn_err *e)
{
    struct pn_buf answer;
    struct pn_json *root = NULL;
    struct pn_json_parser *parser = pn_json_parser_create();
    pn_buf_init(&answer, ANSWER_BYTES_MAX);
    int rc = pn_http_client_call("GET", url, "/api/v1/topics", NULL, TIMEOUT_MS, &answer, e);
    if (rc == 0) {
        rc = pn_json_parse(parser, pn_buf_text(&answer), answer.len, answer.len, &root, e);
    }
    if (rc == 0) {
        rc = pn_topics_read(root, arena, rows, count, e);
    }
    pn_buf_deinit(&answer);
    pn_json_parser_destroy(&parser);
    return rc;
}

static int list_here(struct pn_cli *cli, struct pn_arena *arena, struct pn_topic_row **rows,
                     size_t *count, struct pn_err *e)
{
    const struct pn_app *app = NULL;
    struct pn_log *log = NULL;
    int rc = pn_cli_app(cli, &app, e);
    if (rc == 0) {
        rc = pn_app_open_log(app, &log, e);
    }
    if (rc == 0) {
        rc = pn_topics_list(log, app->pipeline, arena, rows, count, e);
    }
    pn_log_destroy(&log);
    return rc;
}

static int cmd_list(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_report_column columns[] = {
        {"topic", PN_CELL_TEXT},     {"partitions", PN_CELL_INT}, {"records", PN_CELL_INT},
        {"size_bytes", PN_CELL_INT}, {"read_by", PN_CELL_TEXT},
    };
    const struct pn_syntax syntax = {
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Every topic with its partitions, the records that the log keeps of it, their"
                 " size, and the tables that are loaded from it. The records of a topic that no"
                 " table reads become no rows.",
        .examples = "pinion topic list\npinion topic list --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_topic_row *rows = NULL;
    size_t count = 0;
    char *url = NULL;
    struct pn_err failure = {0};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    int rc = pn_cli_server_url(cli, &url, &failure);
    if (rc == 0) {
        rc = url != NULL ? list_through(url, &arena, &rows, &count, &failure)
                         : list_here(cli, &arena, &rows, &count, &failure);
    }
    if (rc == 0) {
        struct pn_row_writer *output = pn_cli_rows(cli);
        PN_ROWS_BEGIN(output, columns);
        for (size_t i = 0; i < count; i++) {
            pn_cell_cstr(output, rows[i].topic);
            pn_cell_int(output, rows[i].partitions);
            pn_cell_int(output, rows[i].records);
            pn_cell_int(output, rows[i].size_bytes);
            pn_cell_cstr(output, rows[i].tables);
        }
        pn_row_writer_end(&output);
    }
    free(url);
    pn_arena_deinit(&arena);
    return rc == 0 ? PN_EXIT_OK : pn_cli_fail(cli, &failure);
}

int pn_cmd_topic(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"list", "every topic, and the tables that read it", cmd_list},
        {NULL, NULL, NULL},
    };
    return pn_cli_dispatch(cli, commands, argc, argv);
}
