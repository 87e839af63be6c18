#include "cli/follow.h"

enum { PAUSE_MS = 200, FAILURES_MAX = 25 };

void pn_follow_init(struct pn_follow *follow)
{
    *follow = (struct pn_follow){.pause_ms = PAUSE_MS};
}

bool pn_follow_parsed(struct pn_follow *follow, struct pn_cli *cli, int *status)
{
    if (follow->follow && follow->no_follow) {
        *status = pn_cli_usage(cli, "--follow and --no-follow exclude each other");
        return false;
    }
    follow->follow = !follow->no_follow;
    follow->left = follow->left == 0 ? INT64_MAX : follow->left;
    return true;
}

void pn_follow_watch(struct pn_follow *follow)
{
    pn_signals_watch(&follow->signals);
}

void pn_follow_restore(struct pn_follow *follow)
{
    pn_signals_restore(&follow->signals);
}

void pn_follow_without_server(struct pn_follow *follow, struct pn_cli *cli)
{
    if (follow->follow) {
        /* And while this waited, no server could start on the folder. */
        follow->follow = false;
        (void)fprintf(cli->err,
                      "No server runs on %s, so no new records can arrive: this ends after the "
                      "existing ones.\n",
                      cli->data);
    }
}

/* Waits so long for a signal that ends it. */
static void look_for_signal(struct pn_follow *follow, int64_t ms)
{
    follow->stopped = follow->stopped || pn_signals_came(&follow->signals, ms);
}

int pn_follow_pardon(struct pn_follow *follow, int rc, const struct pn_err *e)
{
    if (rc == 0) {
        follow->begun = true;
        follow->failures = 0;
        return 0;
    }
    if (!follow->begun || e->class_ != PN_CLASS_RETRY || follow->failures == FAILURES_MAX) {
        return rc;
    }
    follow->failures++;
    look_for_signal(follow, follow->pause_ms);
    return 0;
}

int pn_follow_run(struct pn_follow *follow, struct pn_row_writer *rows,
                  int (*go_round)(void *arg, struct pn_follow_round *round, struct pn_err *e),
                  void *arg, struct pn_err *e)
{
    struct pn_follow_round round = {.more = true};
    int rc = 0;
    follow->rows = rows;
    while (rc == 0 && round.more && follow->left > 0 && !follow->stopped &&
           !pn_row_writer_failed(rows)) {
        round = (struct pn_follow_round){.came = 0};
        rc = go_round(arg, &round, e);
        if (follow->follow || round.came > 0) {
            pn_row_writer_flush(rows);
        }
        if (rc == 0 && round.more) {
            look_for_signal(follow, round.came > 0 ? 0 : follow->pause_ms);
        }
    }
    pn_row_writer_close(&rows, rc);
    return rc;
}
