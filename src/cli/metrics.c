/* pinion metrics: the table of what GET /metrics answers. */
#include <string.h>

#include "base/metrics_table.h"
#include "cli/commands.h"
#include "report/reference.h"

enum { DOCUMENT_BYTES_MAX = 1 << 20 };

static void print_rows(struct pn_cli *cli)
{
    struct pn_row_writer *rows = pn_cli_rows(cli);
    pn_report_metrics(rows);
    pn_row_writer_end(&rows);
}

static void print_page(struct pn_cli *cli)
{
    struct pn_buf page;
    pn_buf_init(&page, DOCUMENT_BYTES_MAX);
    pn_metrics_markdown(&page);
    fwrite(pn_buf_text(&page), 1, page.len, cli->out);
    pn_buf_deinit(&page);
}

int pn_cmd_metrics(struct pn_cli *cli, int argc, char **argv)
{
    const char *format = "table";
    const struct pn_opt opts[] = {
        {.name = "format",
         .kind = PN_OPT_CHOICE,
         .choices = "table|json|jsonl|csv|md",
         .target = &format,
         .help = "format of the list (table); md is the page docs/metrics.md"},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .opts = opts,
        .about = "Lists every metric of a server: name, kind, label, what it counts, and when to "
                 "alert. GET /metrics of a server returns the values.",
        .examples = "pinion metrics\npinion metrics --format json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    if (strcmp(format, "md") == 0) {
        print_page(cli);
    } else {
        cli->format = pn_format_parse(format);
        print_rows(cli);
    }
    return PN_EXIT_OK;
}
