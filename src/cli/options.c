#include "cli/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

enum { OPTS_MAX = 64, CHOICE_MAX = 64 };

/* Both tables as one list, in the forms that getopt_long wants. */
struct reader {
    const struct pn_opt *opts[OPTS_MAX];
    const char *names[OPTS_MAX];
    size_t count;
    struct option long_opts[OPTS_MAX + 1];
    char short_opts[2 * OPTS_MAX + 3];
};

void pn_options_shared(struct pn_cli *cli, unsigned uses, struct pn_opt *opts)
{
    const struct pn_opt all[] = {
        {.name = "data",
         .kind = PN_OPT_STRING,
         .value = "DIR",
         .target = &cli->data,
         .help = "the data folder (PINION_DATA, or ./pinion-data)"},
        {.name = "pipeline",
         .kind = PN_OPT_STRING,
         .value = "DIR",
         .target = &cli->pipeline_folder,
         .help = "the folder of the pipeline (PINION_PIPELINE, or the shipped one)"},
        {.name = "profile",
         .kind = PN_OPT_STRING,
         .value = "NAME",
         .target = &cli->profile,
         .help = "a profile of settings (PINION_PROFILE); see pinion profile list"},
        {.name = "config",
         .kind = PN_OPT_STRING,
         .value = "FILE",
         .target = &cli->config,
         .help = "a YAML file of settings, which override those of the pipeline"},
        {.name = "set",
         .kind = PN_OPT_LIST,
         .value = "NAME=VALUE",
         .target = &cli->set,
         .help = "a setting, which overrides all others; see pinion settings"},
        {.name = "log-format",
         .kind = PN_OPT_CHOICE,
         .choices = "text|json",
         .target = &cli->given.log_format,
         .help = "format of log lines: text for people, json for programs (text)"},
        {.name = "log-level",
         .kind = PN_OPT_CHOICE,
         .choices = "debug|info|warn|error",
         .target = &cli->given.log_level,
         .help = "the lowest level that is logged (info)"},
        {.name = "help",
         .short_name = 'h',
         .kind = PN_OPT_FLAG,
         .target = &cli->given.help,
         .help = "show this help"},
    };
    const struct pn_opt url = {.name = "url",
                               .kind = PN_OPT_STRING,
                               .value = "URL",
                               .target = &cli->url,
                               .help = "the server to use, such as http://127.0.0.1:8082"};
    const struct pn_opt format = {.name = "format",
                                  .kind = PN_OPT_CHOICE,
                                  .choices = "table|json|jsonl|csv",
                                  .target = &cli->given.format,
                                  .help = "format of the result (table)"};
    const struct pn_opt expanded = {.name = "expanded",
                                    .short_name = 'x',
                                    .kind = PN_OPT_FLAG,
                                    .target = &cli->given.expanded,
                                    .help = "one column per line, as for rows that are too wide"};
    const struct pn_opt quiet = {.name = "quiet",
                                 .short_name = 'q',
                                 .kind = PN_OPT_FLAG,
                                 .target = &cli->quiet,
                                 .help = "do not show progress"};
    size_t count = 0;
    if (uses & PN_USES_URL) {
        opts[count++] = url;
    }
    if (uses & PN_USES_FORMAT) {
        opts[count++] = format;
        opts[count++] = expanded;
    }
    if (uses & PN_USES_QUIET) {
        opts[count++] = quiet;
    }
    memcpy(opts + count, all, sizeof all);
    count += sizeof all / sizeof *all;
    PN_ASSERT(count < PN_SHARED_OPTS_MAX);
    opts[count] = (struct pn_opt){.name = NULL};
}

static void reader_add(struct reader *reader, const struct pn_opt *opts)
{
    size_t short_len = strlen(reader->short_opts);
    for (; opts != NULL && opts->name != NULL; opts++) {
        PN_ASSERT(reader->count < OPTS_MAX);
        int takes = opts->kind == PN_OPT_FLAG ? no_argument : required_argument;
        /* The value distinguishes the options: index + 256 is not a character. */
        reader->long_opts[reader->count] =
            (struct option){opts->name, takes, NULL, (int)reader->count + 256};
        reader->opts[reader->count] = opts;
        reader->names[reader->count] = opts->name;
        reader->count++;
        if (opts->short_name != 0) {
            reader->short_opts[short_len++] = opts->short_name;
            if (takes == required_argument) {
                reader->short_opts[short_len++] = ':';
            }
        }
    }
    reader->short_opts[short_len] = '\0';
}

static const struct pn_opt *reader_find(const struct reader *reader, int got)
{
    if (got >= 256) {
        return reader->opts[got - 256];
    }
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->opts[i]->short_name == got) {
            return reader->opts[i];
        }
    }
    return NULL;
}

static int unknown_option(const struct reader *reader, const char *word, struct pn_err *e)
{
    if (strncmp(word, "--", 2) != 0) {
        return pn_err_input(e, "unknown option -%c", optopt);
    }
    char name[CHOICE_MAX];
    size_t len = strcspn(word + 2, "=");
    if (optopt >= 256) {
        return pn_err_input(e, "--%s does not take a value", reader->names[optopt - 256]);
    }
    len = len < sizeof name ? len : sizeof name - 1;
    memcpy(name, word + 2, len);
    name[len] = '\0';
    size_t starts = 0;
    for (size_t i = 0; i < reader->count; i++) {
        starts += strncmp(reader->names[i], name, len) == 0;
    }
    if (starts > 1) {
        return pn_err_input(e, "--%s is ambiguous: several options begin with it", name);
    }
    const char *near = pn_nearest(name, reader->names, reader->count);
    if (near == NULL) {
        return pn_err_input(e, "unknown option --%s", name);
    }
    return pn_err_input(e, "unknown option --%s; did you mean --%s?", name, near);
}

static int set_choice(const struct pn_opt *opt, const char *text, struct pn_err *e)
{
    size_t len = strlen(text);
    for (const char *at = opt->choices; *at != '\0';) {
        size_t word_len = strcspn(at, "|");
        if (word_len == len && memcmp(at, text, len) == 0) {
            *(const char **)opt->target = text;
            return 0;
        }
        at += word_len + (at[word_len] == '|');
    }
    return pn_err_input(e, "--%s must be one of %s, not \"%.40s\"", opt->name, opt->choices, text);
}

static char *format_number(const struct pn_opt *opt, int64_t value, char *out)
{
    if (opt->kind == PN_OPT_SIZE) {
        return pn_format_size(value, out);
    }
    if (opt->kind == PN_OPT_DURATION) {
        return pn_format_duration(value, out);
    }
    (void)snprintf(out, PN_UNITS_SIZE, "%lld", (long long)value);
    return out;
}

static int set_number(const struct pn_opt *opt, const char *text, struct pn_err *e)
{
    int64_t value = 0;
    int rc = 0;
    if (opt->kind == PN_OPT_INT) {
        rc = pn_parse_i64(text, &value, e);
    } else if (opt->kind == PN_OPT_SIZE) {
        rc = pn_parse_size(text, &value, e);
    } else {
        rc = pn_parse_duration(text, &value, e);
    }
    if (rc != 0) {
        pn_err_prefix(e, "--%s", opt->name);
        return rc;
    }
    int64_t max = opt->min == 0 && opt->max == 0 ? INT64_MAX : opt->max;
    if (value < opt->min || value > max) {
        char bound[PN_UNITS_SIZE];
        bool less = value < opt->min;
        return pn_err_input(e, "--%s: %.40s is %s than %s", opt->name, text, less ? "less" : "more",
                            format_number(opt, less ? opt->min : max, bound));
    }
    *(int64_t *)opt->target = value;
    return 0;
}

static int set_target(const struct pn_opt *opt, const char *text, struct pn_err *e)
{
    switch (opt->kind) {
    case PN_OPT_FLAG:
        *(bool *)opt->target = true;
        return 0;
    case PN_OPT_STRING:
        *(const char **)opt->target = text;
        return 0;
    case PN_OPT_INT:
    case PN_OPT_SIZE:
    case PN_OPT_DURATION:
        return set_number(opt, text, e);
    case PN_OPT_CHOICE:
        return set_choice(opt, text, e);
    case PN_OPT_LIST:
        break;
    }
    struct pn_opt_list *list = opt->target;
    if (list->count == PN_OPT_LIST_MAX) {
        return pn_err_input(e, "--%s is given more than %d times", opt->name, PN_OPT_LIST_MAX);
    }
    list->items[list->count++] = text;
    return 0;
}

int pn_options_read(const struct pn_opt *own, const struct pn_opt *shared, bool stop_at_operand,
                    int argc, char **argv, int *first, struct pn_err *e)
{
    struct reader reader = {.count = 0};
    /* '+' ends at the first operand; ':' distinguishes a missing value from an unknown option. */
    (void)snprintf(reader.short_opts, sizeof reader.short_opts, stop_at_operand ? "+:" : ":");
    reader_add(&reader, own);
    reader_add(&reader, shared);
    optind = 0; /* 0, not 1: glibc then starts afresh */
    opterr = 0;
    for (;;) {
        int word = optind == 0 ? 1 : optind;
        int got = getopt_long(argc, argv, reader.short_opts, reader.long_opts, NULL);
        if (got == -1) {
            break;
        }
        if (got == ':') {
            const struct pn_opt *opt = reader_find(&reader, optopt);
            return pn_err_input(e, "--%s needs a value", opt != NULL ? opt->name : "?");
        }
        if (got == '?') {
            /* With operands in between, getopt has moved on past the word. */
            return unknown_option(&reader, argv[optind > word ? optind - 1 : word], e);
        }
        int rc = set_target(reader_find(&reader, got), optarg, e);
        if (rc != 0) {
            return rc;
        }
    }
    *first = optind;
    return 0;
}
