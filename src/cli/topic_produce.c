/* pinion topic produce: lines of a file or of standard input become records. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/topic.h"

enum {
    BATCH_RECORDS = 500,
    BATCH_BYTES = 1 << 20, /* of lines; a batch ends with the line that reaches it */
    PIECE_BYTES = 64 * 1024,
    LINE_BYTES_MAX = 4 * PN_RECORD_BYTES_MAX /* room for JSON and base64 */
};

struct produce {
    struct pn_topic_client client;
    const char *topic;
    const char *file; /* NULL: standard input */
    const char *key;  /* of records that have none of their own; NULL: none */
    int64_t partition;
    bool is_json;
    struct pn_json_parser *parser;
    struct pn_arena arena; /* of the batch */
    struct pn_log_entry entries[BATCH_RECORDS];
    size_t count;
    size_t bytes;       /* of the batch's lines */
    int64_t line;       /* number of the last one */
    int64_t first_line; /* of the batch */
    int64_t sent;
};

static int send_batch(struct produce *produce, struct pn_err *e)
{
    int rc = produce->count == 0 ? 0
                                 : pn_topic_client_produce(&produce->client, produce->topic,
                                                           produce->entries, produce->count, e);
    if (rc == 0) {
        produce->sent += (int64_t)produce->count;
    } else {
        pn_err_prefix(e, "lines %" PRId64 " to %" PRId64, produce->first_line, produce->line);
    }
    produce->count = 0;
    produce->bytes = 0;
    pn_arena_reset(&produce->arena);
    return rc;
}

static int read_record(struct produce *produce, const char *line, size_t len,
                       struct pn_record *record, struct pn_err *e)
{
    if (!produce->is_json) {
        char *copy = pn_arena_alloc(&produce->arena, len + 1);
        memcpy(copy, line, len);
        *record = (struct pn_record){.value = {.data = copy, .len = len}, .timestamp_ms = -1};
        return 0;
    }
    struct pn_json *root = NULL;
    int rc = pn_json_parse(produce->parser, line, len, len, &root, e);
    return rc != 0 ? rc : pn_record_read(root, &produce->arena, record, e);
}

static int take_line(void *arg, const char *line, size_t len, struct pn_err *e)
{
    struct produce *produce = arg;
    struct pn_log_entry *entry = &produce->entries[produce->count];
    *entry = (struct pn_log_entry){.partition = (int32_t)produce->partition};
    produce->line++;
    produce->first_line = produce->count == 0 ? produce->line : produce->first_line;
    if (len > 0 && line[len - 1] == '\r') {
        len--;
    }
    if (len == 0) {
        return 0; /* an empty line is not a record */
    }
    int rc = read_record(produce, line, len, &entry->record, e);
    if (rc != 0) {
        pn_err_prefix(e, "line %" PRId64, produce->line);
        return rc;
    }
    if (entry->record.key.data == NULL && produce->key != NULL) {
        entry->record.key = (struct pn_bytes){.data = produce->key, .len = strlen(produce->key)};
    }
    produce->count++;
    produce->bytes += len;
    return produce->count == BATCH_RECORDS || produce->bytes >= BATCH_BYTES ? send_batch(produce, e)
                                                                            : 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Hands on the whole lines at the start of `text`, and takes them off it; at the end of the input
 * the rest, too. */
static int split(struct produce *produce, struct pn_buf *text, bool is_end, struct pn_err *e)
{
    const char *bytes = pn_buf_text(text);
    size_t at = 0;
    int rc = 0;
    while (rc == 0 && at < text->len) {
        const char *end = memchr(bytes + at, '\n', text->len - at);
        if (end == NULL && !is_end) {
            break;
        }
        size_t len = end != NULL ? (size_t)(end - bytes) - at : text->len - at;
        rc = take_line(produce, bytes + at, len, e);
        at += len + (end != NULL);
    }
    if (rc == 0) {
        size_t rest = text->len - at;
        memmove(text->data, text->data + at, rest);
        text->len = rest;
        text->data[rest] = '\0';
    }
    return rc;
}

static int read_input(struct produce *produce, int fd, const char *name, struct pn_err *e)
{
    struct pn_buf text;
    ssize_t got = 1;
    int rc = 0;
    pn_buf_init(&text, LINE_BYTES_MAX);
    while (rc == 0 && got > 0) {
        if (!pn_buf_reserve(&text, PIECE_BYTES)) {
            rc = pn_buf_check(&text, "a line", e);
            break;
        }
        got = read(fd, text.data + text.len, PIECE_BYTES);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        if (got < 0) {
            rc = pn_err_errno(e, errno, "cannot read %s", name);
            break;
        }
        text.len += (size_t)got;
        rc = text.len > 0 ? split(produce, &text, got == 0, e) : 0;
    }
    if (rc == 0) {
        rc = send_batch(produce, e);
    }
    pn_buf_deinit(&text);
    return rc;
}

static int read_file(struct produce *produce, struct pn_err *e)
{
    const struct pn_io *io = produce->client.cli->io;
    int fd = -1;
    if (produce->file == NULL) {
        return read_input(produce, STDIN_FILENO, "standard input", e);
    }
    int rc = pn_io_open(io, produce->file, O_RDONLY, &fd, e);
    if (rc == 0) {
        rc = read_input(produce, fd, produce->file, e);
    }
    pn_io_close(io, &fd);
    return rc;
}

/* --- the command ------------------------------------------------------------------------------ */

static int run_produce(struct pn_cli *cli, struct produce *produce)
{
    struct pn_err failure = {0};
    struct pn_topic_detail detail = {0};
    pn_arena_init(&produce->arena, 0);
    produce->parser = pn_json_parser_create();
    int rc = pn_topic_client_open(cli, PN_CLI_CHANGES, &produce->client, &failure);
    if (rc == 0) {
        rc = pn_topic_client_look(&produce->client, produce->topic, &produce->client.arena, &detail,
                                  &failure);
    }
    if (rc == 0) {
        rc = read_file(produce, &failure);
        if (rc != 0 && produce->sent > 0) {
            pn_err_prefix(&failure, "after %" PRId64 " %s in the topic", produce->sent,
                          pn_noun(produce->sent, "record, which is", "records, which are"));
        }
    }
    if (rc == 0) {
        static const struct pn_report_column columns[] = {{"topic", PN_CELL_TEXT},
                                                          {"records", PN_CELL_INT}};
        struct pn_row_writer *rows = pn_cli_rows(cli);
        PN_ROWS_BEGIN(rows, columns);
        pn_cell_cstr(rows, produce->topic);
        pn_cell_int(rows, produce->sent);
        pn_row_writer_end(&rows);
    }
    pn_json_parser_destroy(&produce->parser);
    pn_arena_deinit(&produce->arena);
    return pn_topic_client_finish(&produce->client, rc, &failure);
}

int pn_cmd_topic_produce(struct pn_cli *cli, int argc, char **argv)
{
    struct produce produce = {.partition = PN_PARTITION_ANY};
    const char *input = "lines";
    const struct pn_opt opts[] = {
        {.name = "input",
         .kind = PN_OPT_CHOICE,
         .value = "FORM",
         .choices = "lines|json",
         .help = "lines: each line is a value (the default); json: each line is an object with"
                 " value, and maybe key, headers and encodings, as tail --format jsonl prints it",
         .target = &input},
        {.name = "key",
         .kind = PN_OPT_STRING,
         .value = "KEY",
         .help = "the key of records without a key (none)",
         .target = &produce.key},
        {.name = "partition",
         .kind = PN_OPT_INT,
         .value = "N",
         .help = "to this partition (by key, and without one in turn)",
         .target = &produce.partition,
         .min = 0,
         .max = PN_PARTITIONS_MAX - 1},
        {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "NAME [FILE]",
        .operands_min = 1,
        .operands_max = 2,
        .opts = opts,
        .uses = PN_USES_URL | PN_USES_FORMAT,
        .about = "Adds a record for each line of FILE, or of standard input, and ends when all are"
                 " durable. Empty lines are skipped. After a failure, records of earlier lines may"
                 " be in the topic; the message says how many.",
        .examples = "echo '{\"id\":1}' | pinion topic produce orders --key a\n"
                    "pinion topic produce orders orders.jsonl\n"
                    "pinion topic tail orders --from oldest --no-follow --format jsonl |\n"
                    "  pinion topic produce copy --input json\n"};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    produce.topic = argv[0];
    produce.file = argc > 1 ? argv[1] : NULL;
    produce.is_json = strcmp(input, "json") == 0;
    return run_produce(cli, &produce);
}
