/* pinion metrics: the table of what GET /metrics answers. */
#include <string.h>

#include "base/metrics_table.h"
#include "cli/commands.h"
#include "cli/output.h"

enum { DOCUMENT_BYTES_MAX = 1 << 20 };

static void print_rows(struct pn_cli *cli, enum pn_format format)
{
    static const struct pn_output_column columns[] = {
        {"name", false}, {"kind", false}, {"label", false}, {"help", false}, {"alert", false},
    };
    struct pn_output *output =
        pn_output_create(cli->out, format, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < PN_METRIC_COUNT; i++) {
        const struct pn_metric_row *row = &pn_metrics_table[i];
        pn_output_cstr(output, row->name);
        pn_output_cstr(output, pn_metric_kind_name(row->kind));
        pn_output_cstr(output, row->label);
        pn_output_cstr(output, row->help);
        pn_output_cstr(output, row->alarm);
    }
    pn_output_end(&output);
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
         .choices = "table|json|csv|md",
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
    } else if (strcmp(format, "json") == 0) {
        print_rows(cli, PN_FORMAT_JSON);
    } else {
        print_rows(cli, strcmp(format, "csv") == 0 ? PN_FORMAT_CSV : PN_FORMAT_TABLE);
    }
    return PN_EXIT_OK;
}
