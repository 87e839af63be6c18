/* pinion metrics: the table of what GET /metrics answers. */
#include <string.h>

#include "base/metrics_table.h"
#include "cli/commands.h"
#include "report/row_writer.h"

enum { DOCUMENT_BYTES_MAX = 1 << 20 };

static void print_rows(struct pn_cli *cli)
{
    static const struct pn_report_column columns[] = {
        {"name", PN_CELL_TEXT}, {"kind", PN_CELL_TEXT},  {"label", PN_CELL_TEXT},
        {"help", PN_CELL_TEXT}, {"alert", PN_CELL_TEXT},
    };
    struct pn_row_writer *output = pn_cli_rows(cli);
    PN_ROWS_BEGIN(output, columns);
    for (size_t i = 0; i < PN_METRIC_COUNT; i++) {
        const struct pn_metric_row *row = &pn_metrics_table[i];
        pn_cell_cstr(output, row->name);
        pn_cell_cstr(output, pn_metric_kind_name(row->kind));
        pn_cell_cstr(output, row->label);
        pn_cell_cstr(output, row->help);
        pn_cell_cstr(output, row->alarm);
    }
    pn_row_writer_end(&output);
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
         .help = "how the list is printed (table); md is the page docs/metrics.md"},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .opts = opts,
        .about = "Every metric that a server counts: name, kind, label, what it counts, and when"
                 " to alert. GET /metrics of a server answers their values.",
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
