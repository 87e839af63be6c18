/*
 * What the sub-commands of `pinion topic` share: the topics of a running server (--url, or the one
 * that lives on the data folder), or, when none runs, those of the folder's log, which is opened
 * here. A command needn't know which.
 */
#ifndef PN_CLI_TOPIC_H
#define PN_CLI_TOPIC_H

#include "base/arena.h"
#include "base/http_client.h"
#include "cli/cli.h"
#include "report/groups.h"
#include "report/records.h"
#include "report/topics.h"

struct pn_topic_client {
    struct pn_cli *cli;
    struct pn_arena arena;       /* of the command: what it keeps */
    char *url;                   /* of the server; NULL: the log is open here */
    struct pn_http_client *http; /* likewise */
    const struct pn_app *app;    /* this and the following without a server */
    struct pn_log *log;          /* of the folder */
    struct pn_log *topics;       /* it, without the streams' topics */
    struct pn_json_parser *parser;
    struct pn_buf answer; /* of the last call */
};

/* Finish it in any case. Beside a server every deed warns, and the server refuses what it will. */
int pn_topic_client_open(struct pn_cli *cli, enum pn_cli_deed deed, struct pn_topic_client *client,
                         struct pn_err *e) PN_MUST_CHECK;
/* Closes, prints `failure` when rc is not 0, and returns the exit code. */
int pn_topic_client_finish(struct pn_topic_client *client, int rc, const struct pn_err *failure);

/* Results are in the client's arena. A topic that is not there is an error which says so. */
int pn_topic_client_list(struct pn_topic_client *client, struct pn_topic_row **rows, size_t *count,
                         struct pn_err *e) PN_MUST_CHECK;
int pn_topic_client_look(struct pn_topic_client *client, const char *topic, struct pn_arena *arena,
                         struct pn_topic_detail *detail, struct pn_err *e) PN_MUST_CHECK;
int pn_topic_client_create(struct pn_topic_client *client, const char *topic,
                           const struct pn_log_topic_config *config,
                           struct pn_err *e) PN_MUST_CHECK;
int pn_topic_client_alter(struct pn_topic_client *client, const char *topic,
                          const struct pn_log_topic_config *config, struct pn_err *e) PN_MUST_CHECK;
int pn_topic_client_delete(struct pn_topic_client *client, const char *topic,
                           struct pn_err *e) PN_MUST_CHECK;

/* What consumer groups have read of a topic, sorted by group and partition; in the arena. Without a
 * server the groups of a data folder have no members. MISSING: the topic is not there. */
int pn_topic_client_groups(struct pn_topic_client *client, const char *topic,
                           struct pn_arena *arena, struct pn_group_row **rows, size_t *count,
                           struct pn_err *e) PN_MUST_CHECK;

/* Records from a place on; in the arena that is given. `damage`, when it is not NULL, says what of
 * the log cannot be read: it was skipped. */
struct pn_topic_read {
    struct pn_record *records;
    size_t count;
    int64_t next; /* the offset to read on from */
    const char *damage;
};
int pn_topic_client_read(struct pn_topic_client *client, const char *topic, int32_t partition,
                         const struct pn_records_from *from, size_t limit, struct pn_arena *arena,
                         struct pn_topic_read *read, struct pn_err *e) PN_MUST_CHECK;
/* Appends the entries; returns when they are durable. */
int pn_topic_client_produce(struct pn_topic_client *client, const char *topic,
                            struct pn_log_entry *entries, size_t count,
                            struct pn_err *e) PN_MUST_CHECK;

/* The sub-commands that have a file of their own. */
int pn_cmd_topic_tail(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_topic_groups(struct pn_cli *cli, int argc, char **argv);
int pn_cmd_topic_produce(struct pn_cli *cli, int argc, char **argv);

#endif
