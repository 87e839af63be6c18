/*
 * pinion completion: what Tab offers in bash, zsh and fish, made from the tables of commands and
 * options.
 *
 * Each script has two tables, one line a command: what may follow it (commands or options), and the
 * options that take one of a few words, a folder or a file. A short function around them finds the
 * command that is being typed by looking each word up in the first table.
 */
#include <string.h>

#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/options.h"

/* ---- bash, and zsh by way of the same tables ------------------------------------------------ */

/* A word in single quotes for a shell, with a description after a colon where there is one. */
static void print_quoted(FILE *out, const char *word, const char *text)
{
    fputc('\'', out);
    for (const char *at = word; *at != '\0'; at++) {
        fputs(*at == '\'' ? "'\\''" : (char[]){*at, '\0'}, out);
    }
    for (const char *at = text; at != NULL && *at != '\0'; at++) {
        if (at == text) {
            fputc(':', out);
        }
        fputs(*at == '\'' ? "'\\''" : (char[]){*at, '\0'}, out);
    }
    fputc('\'', out);
}

enum what { WORDS, VALUES };

struct shell {
    FILE *out;
    bool describes; /* zsh shows what a word means */
    enum what what;
};

static void print_option_word(void *arg, const char *words, const struct pn_opt *opt)
{
    const struct shell *shell = arg;
    (void)words;
    char word[64];
    (void)snprintf(word, sizeof word, "--%s", opt->name);
    fputc(' ', shell->out);
    print_quoted(shell->out, word, shell->describes ? opt->help : NULL);
}

static void print_words(struct shell *shell, const struct pn_description *description)
{
    fputs("        ", shell->out);
    print_quoted(shell->out, description->words, NULL);
    fputs(") offered=(", shell->out);
    for (const struct pn_command *one = description->commands; one != NULL && one->name != NULL;
         one++) {
        if (one->summary != NULL) {
            fputc(' ', shell->out);
            print_quoted(shell->out, one->name, shell->describes ? one->summary : NULL);
        }
    }
    pn_describe_options(description, print_option_word, shell);
    fputs(" ) ;;\n", shell->out);
}

/* What completes an option's value: 'd' folders, 'f' files, 'w' its choices, 0 nothing we know. */
static char value_kind(const struct pn_opt *opt)
{
    const char *value = pn_options_value(opt);
    return opt->kind == PN_OPT_FLAG        ? 0
           : opt->choices != NULL          ? 'w'
           : strcmp(value, "DIR") == 0     ? 'd'
           : strstr(value, "FILE") != NULL ? 'f'
                                           : 0;
}

static void print_value(void *arg, const char *words, const struct pn_opt *opt)
{
    const struct shell *shell = arg;
    if (opt->kind == PN_OPT_FLAG) {
        return;
    }
    fprintf(shell->out, "        '%s --%s') kind=%c", words, opt->name,
            value_kind(opt) != 0 ? value_kind(opt) : '-');
    if (opt->choices != NULL) {
        fputs(" offered=(", shell->out);
        for (const char *at = opt->choices; *at != '\0'; at++) {
            fputc(*at == '|' ? ' ' : *at, shell->out);
        }
        fputc(')', shell->out);
    }
    fputs(" ;;\n", shell->out);
}

static void print_row(void *arg, const struct pn_description *description)
{
    struct shell *shell = arg;
    if (shell->what == WORDS) {
        print_words(shell, description);
    } else {
        pn_describe_options(description, print_value, shell);
    }
}

static void print_tables(struct pn_cli *cli, bool describes)
{
    struct shell shell = {.out = cli->out, .describes = describes, .what = WORDS};
    fputs("# What may follow a command.\n"
          "_pinion_words() {\n"
          "    offered=()\n"
          "    case \"$1\" in\n",
          cli->out);
    pn_cli_describe(cli->commands, print_row, &shell);
    fputs("        *) return 1 ;;\n"
          "    esac\n"
          "}\n"
          "\n"
          "# What the value of an option may be: w one of the words, d a folder, f a file.\n"
          "_pinion_value() {\n"
          "    offered=() kind=\n"
          "    case \"$1\" in\n",
          cli->out);
    shell.what = VALUES;
    pn_cli_describe(cli->commands, print_row, &shell);
    fputs("    esac\n"
          "}\n"
          "\n",
          cli->out);
}

static void print_bash(struct pn_cli *cli)
{
    fputs("# bash completion for pinion, printed by: pinion completion bash\n\n", cli->out);
    print_tables(cli, false);
    fputs("_pinion() {\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command=pinion kind i offered\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        _pinion_value \"$command ${COMP_WORDS[i]}\"\n"
          "        if [[ -n $kind ]]; then\n"
          "            ((i++)) # the value of an option names no command\n"
          "        elif _pinion_words \"$command ${COMP_WORDS[i]}\"; then\n"
          "            command+=\" ${COMP_WORDS[i]}\"\n"
          "        fi\n"
          "    done\n"
          "    _pinion_value \"$command $previous\"\n"
          "    case $kind in\n"
          "        d) mapfile -t COMPREPLY < <(compgen -d -- \"$current\"); return ;;\n"
          "        f) mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n"
          "        w) mapfile -t COMPREPLY < <(compgen -W \"${offered[*]}\" -- \"$current\")\n"
          "           return ;;\n"
          "        -) COMPREPLY=(); return ;;\n"
          "    esac\n"
          "    _pinion_words \"$command\"\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"${offered[*]}\" -- \"$current\")\n"
          "}\n"
          "complete -F _pinion pinion\n",
          cli->out);
}

static void print_zsh(struct pn_cli *cli)
{
    fputs("#compdef pinion\n# zsh completion for pinion, printed by: pinion completion zsh\n\n",
          cli->out);
    print_tables(cli, true);
    fputs("_pinion() {\n"
          "    local -a typed=(\"${words[@]}\") offered\n"
          "    local current=$CURRENT command=pinion kind i\n"
          "    for ((i = 2; i < current; i++)); do\n"
          "        _pinion_value \"$command $typed[i]\"\n"
          "        if [[ -n $kind ]]; then\n"
          "            ((i++)) # the value of an option names no command\n"
          "        elif _pinion_words \"$command $typed[i]\"; then\n"
          "            command+=\" $typed[i]\"\n"
          "        fi\n"
          "    done\n"
          "    _pinion_value \"$command $typed[current-1]\"\n"
          "    case $kind in\n"
          "        d) _files -/; return ;;\n"
          "        f) _files; return ;;\n"
          "        w) compadd -- \"${offered[@]}\"; return ;;\n"
          "        -) return 1 ;;\n"
          "    esac\n"
          "    _pinion_words \"$command\"\n"
          "    local -a rows=(\"${offered[@]}\")\n"
          "    _describe pinion rows\n"
          "}\n"
          "\n"
          "if [ \"$funcstack[1]\" = _pinion ]; then\n"
          "    _pinion \"$@\"\n"
          "else\n"
          "    compdef _pinion pinion\n"
          "fi\n",
          cli->out);
}

/* ---- fish ------------------------------------------------------------------------------------ */

static void print_fish_option(void *arg, const char *words, const struct pn_opt *opt)
{
    FILE *out = arg;
    fprintf(out, "complete -c pinion -n \"__pinion_at '%s'\" -l %s", words, opt->name);
    if (opt->short_name != 0) {
        fprintf(out, " -s %c", opt->short_name);
    }
    switch (value_kind(opt)) {
    case 'w':
        fputs(" -x -a '", out);
        for (const char *at = opt->choices; *at != '\0'; at++) {
            fputc(*at == '|' ? ' ' : *at, out);
        }
        fputc('\'', out);
        break;
    case 'd':
        fputs(" -x -a '(__fish_complete_directories)'", out);
        break;
    case 'f':
        fputs(" -r -F", out);
        break;
    default:
        fputs(opt->kind == PN_OPT_FLAG ? "" : " -x", out);
        break;
    }
    fputs(" -d ", out);
    print_quoted(out, opt->help, NULL);
    fputc('\n', out);
}

static void print_fish_command(void *arg, const struct pn_description *description)
{
    FILE *out = arg;
    for (const struct pn_command *one = description->commands;
         one != NULL && one->name != NULL && one->summary != NULL; one++) {
        fprintf(out, "complete -c pinion -n \"__pinion_at '%s'\" -a %s -d ", description->words,
                one->name);
        print_quoted(out, one->summary, NULL);
        fputc('\n', out);
    }
    pn_describe_options(description, print_fish_option, out);
}

static void print_fish_known(void *arg, const struct pn_description *description)
{
    fprintf(arg, " '%s'", description->words);
}

static void print_fish_valued_option(void *arg, const char *words, const struct pn_opt *opt)
{
    if (opt->kind != PN_OPT_FLAG) {
        fprintf(arg, " '%s --%s'", words, opt->name);
    }
}

static void print_fish_valued(void *arg, const struct pn_description *description)
{
    pn_describe_options(description, print_fish_valued_option, arg);
}

static void print_fish(struct pn_cli *cli)
{
    fputs("# fish completion for pinion, printed by: pinion completion fish\n\n"
          "set -g __pinion_commands",
          cli->out);
    pn_cli_describe(cli->commands, print_fish_known, cli->out);
    fputs("\nset -g __pinion_valued", cli->out);
    pn_cli_describe(cli->commands, print_fish_valued, cli->out);
    fputs(
        "\n\n"
        "# Is the command that is being typed this one? The value of an option names no command.\n"
        "function __pinion_at\n"
        "    set -l at pinion\n"
        "    set -l is_value no\n"
        "    for word in (commandline -opc)[2..]\n"
        "        if test $is_value = yes\n"
        "            set is_value no\n"
        "        else if contains -- \"$at $word\" $__pinion_valued\n"
        "            set is_value yes\n"
        "        else if contains -- \"$at $word\" $__pinion_commands\n"
        "            set at \"$at $word\"\n"
        "        end\n"
        "    end\n"
        "    test \"$at\" = \"$argv[1]\"\n"
        "end\n\n"
        "complete -c pinion -f\n",
        cli->out);
    pn_cli_describe(cli->commands, print_fish_command, cli->out);
}

/* ---------------------------------------------------------------------------------------------- */

int pn_cmd_completion(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "bash|zsh|fish",
        .operands_min = 1,
        .operands_max = 1,
        .about = "Prints a script that completes the commands and options of pinion in a shell.",
        .examples = "source <(pinion completion bash)\n"
                    "pinion completion zsh > ~/.zsh/completions/_pinion\n"
                    "pinion completion fish > ~/.config/fish/completions/pinion.fish\n"};
    static const struct {
        const char *name;
        void (*print)(struct pn_cli *cli);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(argv[0], shells[i].name) == 0) {
            shells[i].print(cli);
            return PN_EXIT_OK;
        }
    }
    return pn_cli_usage(cli, "there are no completions for \"%.40s\": bash, zsh or fish", argv[0]);
}
