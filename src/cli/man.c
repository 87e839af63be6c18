/* pinion man: the manual page in man(7) macros, made from the tables of commands and options. */
#include <string.h>

#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/options.h"

/* Text as troff reads it: a hyphen that can be copied, no escapes, no line that looks like a
 * request. */
static void print_text(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool starts_line = i == 0 || text[i - 1] == '\n';
        if (starts_line && (text[i] == '.' || text[i] == '\'')) {
            fputs("\\&", out);
        }
        if (text[i] == '\\') {
            fputs("\\e", out);
        } else if (text[i] == '-') {
            fputs("\\-", out);
        } else {
            fputc(text[i], out);
        }
    }
}

static void print_line(FILE *out, const char *text)
{
    print_text(out, text, strlen(text));
    fputc('\n', out);
}

static void print_option(FILE *out, const struct pn_opt *opt)
{
    fputs(".TP\n", out);
    fputs(".B ", out);
    if (opt->short_name != 0) {
        fprintf(out, "\\-%c, ", opt->short_name);
    }
    fputs("\\-\\-", out);
    print_text(out, opt->name, strlen(opt->name));
    const char *value = pn_options_value(opt);
    if (*value != '\0') {
        fputs(" \\fI", out);
        print_text(out, value, strlen(value));
        fputs("\\fR", out);
    }
    fputc('\n', out);
    print_line(out, opt->help);
}

/* The options that every command has are described once, with the program. */
static bool is_every_commands(const struct pn_opt *opt, const struct pn_opt *common)
{
    for (; common->name != NULL; common++) {
        if (strcmp(common->name, opt->name) == 0) {
            return true;
        }
    }
    return false;
}

struct page {
    FILE *out;
    struct pn_opt common[PN_SHARED_OPTS_MAX];
};

static void print_program(struct page *page, const struct pn_description *description)
{
    FILE *out = page->out;
    size_t count = 0;
    while (description->shared[count].name != NULL) {
        count++;
    }
    memcpy(page->common, description->shared, (count + 1) * sizeof *page->common);
    fputs(".TH PINION 1 \"\" \"pinion " PINION_VERSION
          "\" \"User Commands\"\n.SH NAME\npinion \\- from JSON events to query\\-ready Delta "
          "tables, in one program\n.SH SYNOPSIS\n.B pinion\n.I COMMAND\n[\\fIoptions\\fR]\n.SH "
          "DESCRIPTION\nEvents arrive over the HTTP interfaces of Kafka REST, Amazon Kinesis and "
          "API Gateway.\npinion keeps them in a durable log, and turns them into clean Delta Lake "
          "tables: in\nbatches under a scheduler, and as a stream.\n.SH OPTIONS\nEvery command "
          "accepts these options.\n",
          out);
    for (const struct pn_opt *opt = page->common; opt->name != NULL; opt++) {
        print_option(out, opt);
    }
    fputs(".SH COMMANDS\n", out);
}

static void print_syntax(struct page *page, const struct pn_description *description)
{
    FILE *out = page->out;
    const struct pn_syntax *syntax = description->syntax;
    if (syntax->about != NULL) {
        fputs(".PP\n", out);
        print_line(out, syntax->about);
    }
    for (const struct pn_opt *opt = syntax->opts; opt != NULL && opt->name != NULL; opt++) {
        print_option(out, opt);
    }
    for (const struct pn_opt *opt = description->shared; opt->name != NULL; opt++) {
        if (!is_every_commands(opt, page->common)) {
            print_option(out, opt);
        }
    }
    if (syntax->examples != NULL) {
        fputs(".PP\nExamples:\n.PP\n.nf\n.RS\n", out);
        print_text(out, syntax->examples, strlen(syntax->examples));
        fputs(".RE\n.fi\n", out);
    }
}

static void print_command(void *arg, const struct pn_description *description)
{
    struct page *page = arg;
    if (description->summary == NULL) {
        print_program(page, description);
        return;
    }
    const struct pn_syntax *syntax = description->syntax;
    fputs(".SS \"", page->out);
    print_text(page->out, description->words, strlen(description->words));
    if (syntax != NULL && syntax->operands != NULL) {
        fputc(' ', page->out);
        print_text(page->out, syntax->operands, strlen(syntax->operands));
    }
    fputs("\"\n", page->out);
    print_line(page->out, description->summary);
    if (syntax != NULL) {
        print_syntax(page, description);
    }
}

int pn_cmd_man(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .about = "Prints the manual page of pinion and of all its commands.",
        .examples = "pinion man | man -l -\npinion man > /usr/local/share/man/man1/pinion.1\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct page page = {.out = cli->out};
    pn_cli_describe(cli->commands, print_command, &page);
    fputs(".SH ENVIRONMENT\n.TP\n.B PINION_DATA\nThe data folder, unless \\-\\-data is "
          "given.\n.TP\n.B PINION_PROFILE\nThe profile of settings, unless \\-\\-profile is "
          "given.\n.TP\n.B PINION_PIPELINE\nThe folder of the pipeline, unless \\-\\-pipeline is "
          "given.\n.TP\n.B PINION_API_KEY\nThe API key that commands send to a server.\n.SH EXIT "
          "STATUS\n0 if the command succeeded, 1 if it failed, 2 if its options or arguments were "
          "wrong.\n",
          cli->out);
    return PN_EXIT_OK;
}
