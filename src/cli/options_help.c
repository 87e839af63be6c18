/* Help, made from the tables of options and commands. */
#include <string.h>

#include "cli/options.h"

enum { HELP_COLUMN = 28, LINE_COLUMNS = 80 };

/* `text` from column `indent` on, broken between words. The cursor is at `column`. */
static void print_wrapped(FILE *out, const char *text, int column, int indent)
{
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (column > indent && column + 1 + (int)len > LINE_COLUMNS) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, len, out);
        column += (int)len;
        text += len + (text[len] == ' ');
    }
    fputc('\n', out);
}

static void print_entry(FILE *out, const char *name, const char *help)
{
    int column = fprintf(out, "  %s", name);
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - column, "");
    print_wrapped(out, help, HELP_COLUMN, HELP_COLUMN);
}

const char *pn_options_value(const struct pn_opt *opt)
{
    static const char *const value_names[] = {
        [PN_OPT_FLAG] = "",     [PN_OPT_STRING] = "TEXT",       [PN_OPT_INT] = "N",
        [PN_OPT_SIZE] = "SIZE", [PN_OPT_DURATION] = "DURATION", [PN_OPT_CHOICE] = "WORD",
        [PN_OPT_LIST] = "TEXT"};
    return opt->choices != NULL ? opt->choices
           : opt->value != NULL ? opt->value
                                : value_names[opt->kind];
}

static void print_opts(FILE *out, const char *title, const struct pn_opt *opts)
{
    if (opts == NULL || opts->name == NULL) {
        return;
    }
    fprintf(out, "\n%s:\n", title);
    for (; opts->name != NULL; opts++) {
        const char *value = pn_options_value(opts);
        char name[128];
        char letter[] = {'-', opts->short_name, ',', ' ', '\0'};
        (void)snprintf(name, sizeof name, "%s--%s%s%s", opts->short_name != 0 ? letter : "    ",
                       opts->name, *value != '\0' ? " " : "", value);
        print_entry(out, name, opts->help);
    }
}

void pn_options_help(const struct pn_cli *cli, const struct pn_syntax *syntax,
                     const struct pn_opt *shared, FILE *out)
{
    fprintf(out, "%s:", cli->words);
    if (cli->command->summary != NULL) {
        print_wrapped(out, cli->command->summary, (int)strlen(cli->words) + 1, 0);
    }
    fprintf(out, "\nusage: %s [options]%s%s\n", cli->words, syntax->operands != NULL ? " " : "",
            syntax->operands != NULL ? syntax->operands : "");
    if (syntax->about != NULL) {
        fputc('\n', out);
        print_wrapped(out, syntax->about, 0, 0);
    }
    print_opts(out, "options", syntax->opts);
    print_opts(out, "common options", shared);
    if (syntax->examples != NULL) {
        fprintf(out, "\nexamples:\n");
        for (const char *line = syntax->examples; *line != '\0';) {
            size_t len = strcspn(line, "\n");
            fprintf(out, "  %.*s\n", (int)len, line);
            line += len + (line[len] == '\n');
        }
    }
}

void pn_options_help_commands(const struct pn_cli *cli, const struct pn_command *commands,
                              const struct pn_opt *shared, FILE *out)
{
    if (cli->command == NULL) {
        fprintf(out, "pinion: from JSON events to query-ready Delta tables, in one program\n");
    } else {
        fprintf(out, "%s: %s\n", cli->words, cli->command->summary);
    }
    fprintf(out, "\nusage: %s COMMAND [options]\n\ncommands:\n", cli->words);
    for (; commands->name != NULL && commands->summary != NULL; commands++) {
        print_entry(out, commands->name, commands->summary);
    }
    print_opts(out, "common options", shared);
    fprintf(out, "\n%s COMMAND --help explains a command.\n", cli->words);
}
