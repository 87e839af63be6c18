/*
 * What the commands that print records as they come share, `pinion topic tail` and `pinion stream
 * tail`: their options, and a loop of rounds. A round reads what has come since the round before.
 *
 *     struct pn_follow follow;
 *     pn_follow_init(&follow);
 *     ... PN_FOLLOW_OPTIONS(follow, "topic"), in the table of options ...
 *     if (!pn_cli_parse(...) || !pn_follow_parsed(&follow, cli, &status)) {
 *         return status;
 *     }
 *     pn_follow_watch(&follow);
 *     rc = pn_follow_run(&follow, pn_cli_rows(cli), go_round, arg, e);
 *     pn_follow_restore(&follow);
 */
#ifndef PN_CLI_FOLLOW_H
#define PN_CLI_FOLLOW_H

#include "cli/cli.h"
#include "cli/signals.h"
#include "report/row_writer.h"

struct pn_follow {
    int64_t left; /* records to print still: a round counts down what it prints */
    bool follow;  /* wait for more at the end */
    bool no_follow;
    int64_t pause_ms;           /* between two rounds when there was nothing new */
    struct pn_row_writer *rows; /* what a round prints to */
    bool begun;                 /* a read has succeeded: failures that pass are waited for */
    int failures;               /* in a row */
    bool stopped;               /* by a signal */
    struct pn_signals signals;
};

/* What a round found. */
struct pn_follow_round {
    size_t came; /* records, or news of another kind that was printed */
    bool more;   /* there is or may be more to read */
};

/* Rows of a table of options; `what` is a literal. */
#define PN_FOLLOW_OPTIONS(f, what)                                                                \
    {.name = "count",                                                                             \
     .short_name = 'n',                                                                           \
     .kind = PN_OPT_INT,                                                                          \
     .value = "N",                                                                                \
     .help = "stop after N records",                                                              \
     .target = &(f).left,                                                                         \
     .min = 1,                                                                                    \
     .max = INT64_MAX},                                                                           \
        {.name = "follow",                                                                        \
         .short_name = 'f',                                                                       \
         .kind = PN_OPT_FLAG,                                                                     \
         .help = "wait for more at the end (the default)",                                        \
         .target = &(f).follow},                                                                  \
    {                                                                                             \
        .name = "no-follow", .kind = PN_OPT_FLAG, .help = "stop at the current end of the " what, \
        .target = &(f).no_follow                                                                  \
    }

void pn_follow_init(struct pn_follow *follow);
/* Completes it after the options were read. False: they contradict each other; the usage was shown,
 * and *status is the command's. */
bool pn_follow_parsed(struct pn_follow *follow, struct pn_cli *cli, int *status);

/* From here on signals end the loop, not the process. */
void pn_follow_watch(struct pn_follow *follow);
void pn_follow_restore(struct pn_follow *follow);
/* Without a server no record can come, so the loop ends at the current end, and the user reads
 * so. */
void pn_follow_without_server(struct pn_follow *follow, struct pn_cli *cli);

/* To be called with the result of each read. A failure that passes, such as a server that restarts
 * or a limit on reads, is 0 after a pause, up to a number of them in a row; any other is `rc`. */
int pn_follow_pardon(struct pn_follow *follow, int rc, const struct pn_err *e);
/*
 * Goes round until `left` is 0, a round finds that there is no more, a signal comes, nobody reads
 * the rows any more, or a round fails. Takes the writer and closes it.
 */
int pn_follow_run(struct pn_follow *follow, struct pn_row_writer *rows,
                  int (*go_round)(void *arg, struct pn_follow_round *round, struct pn_err *e),
                  void *arg, struct pn_err *e) PN_MUST_CHECK;

#endif
