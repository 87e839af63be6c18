#include "aws/remote/puts.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "kinesis/api/wire.h"

enum { RECORDS_MAX = 500, REPLIES_MAX = 16 };

/* A body and its tree, which points into both. */
struct body {
    struct pn_buf text;
    struct pn_json_parser *parser; /* of JSON */
    struct pn_json *root;
};

struct pn_remote_puts {
    bool cbor;
    const char *text; /* of the request, borrowed */
    size_t len;
    struct pn_arena arena; /* of trees of CBOR */
    struct body request;   /* its text is empty */
    struct body replies[REPLIES_MAX];
    size_t reply_count;
    const struct pn_json *records[RECORDS_MAX]; /* as they were sent */
    const struct pn_json *results[RECORDS_MAX];
    size_t count; /* 0: the request has not been read */
};

struct pn_remote_puts *pn_remote_puts_create(const char *body, size_t len, bool cbor)
{
    struct pn_remote_puts *puts = pn_xcalloc(1, sizeof *puts);
    puts->cbor = cbor;
    puts->text = body;
    puts->len = len;
    pn_arena_init(&puts->arena, 0);
    return puts;
}

static void free_body(struct body *body)
{
    pn_json_parser_destroy(&body->parser);
    pn_buf_deinit(&body->text);
}

void pn_remote_puts_destroy(struct pn_remote_puts **puts)
{
    struct pn_remote_puts *gone = *puts;
    if (gone == NULL) {
        return;
    }
    free_body(&gone->request);
    for (size_t i = 0; i < gone->reply_count; i++) {
        free_body(&gone->replies[i]);
    }
    pn_arena_deinit(&gone->arena);
    free(gone);
    *puts = NULL;
}

static int parse(struct body *body, const char *text, size_t len, bool cbor, struct pn_arena *arena,
                 struct pn_err *e)
{
    if (cbor) {
        return pn_cbor_parse(text, len, arena, &body->root, e);
    }
    body->parser = pn_json_parser_create();
    return pn_json_parse(body->parser, text, len, len, &body->root, e);
}

/* The records of a request, or their results in a reply. */
static int list_records(const struct body *body, const struct pn_json **records, size_t *count,
                        struct pn_err *e)
{
    const struct pn_json *list = pn_json_get(body->root, "Records");
    if (list == NULL || list->type != PN_JSON_ARRAY || list->count > RECORDS_MAX) {
        return pn_err_input(e, "PutRecords without a list of at most %d Records", RECORDS_MAX);
    }
    *count = 0;
    for (const struct pn_json *record = list->first; record != NULL; record = record->next) {
        records[(*count)++] = record;
    }
    return 0;
}

static bool has_failed(const struct pn_json *result)
{
    const struct pn_json *code = pn_json_get(result, "ErrorCode");
    return code != NULL && code->type == PN_JSON_STRING;
}

int pn_remote_puts_look(const struct pn_buf *reply, bool cbor, size_t *count, size_t *failed,
                        struct pn_err *e)
{
    struct body body = {.parser = NULL};
    struct pn_arena arena;
    const struct pn_json *results[RECORDS_MAX];
    pn_arena_init(&arena, 0);
    int rc = parse(&body, pn_buf_text(reply), reply->len, cbor, &arena, e);
    if (rc == 0) {
        rc = list_records(&body, results, count, e);
    }
    *failed = 0;
    for (size_t i = 0; rc == 0 && i < *count; i++) {
        *failed += has_failed(results[i]);
    }
    free_body(&body);
    pn_arena_deinit(&arena);
    return rc;
}

/* What of the request has no result yet, or one that says that it has failed. */
static bool is_open(const struct pn_remote_puts *puts, size_t i)
{
    return puts->results[i] == NULL || has_failed(puts->results[i]);
}

static int read_request(struct pn_remote_puts *puts, struct pn_err *e)
{
    int rc = 0;
    if (puts->count == 0) {
        rc = parse(&puts->request, puts->text, puts->len, puts->cbor, &puts->arena, e);
        if (rc == 0) {
            rc = list_records(&puts->request, puts->records, &puts->count, e);
        }
    }
    return rc;
}

static int place_results(struct pn_remote_puts *puts, const struct body *reply, struct pn_err *e)
{
    const struct pn_json *results[RECORDS_MAX];
    size_t count = 0;
    size_t open = 0;
    int rc = list_records(reply, results, &count, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < puts->count; i++) {
        open += is_open(puts, i);
    }
    if (count != open) {
        return pn_err_input(e, "the reply to PutRecords has %zu results for %zu records", count,
                            open);
    }
    size_t next = 0;
    for (size_t i = 0; i < puts->count; i++) {
        if (is_open(puts, i)) {
            puts->results[i] = results[next++];
        }
    }
    return 0;
}

int pn_remote_puts_take(struct pn_remote_puts *puts, struct pn_buf *reply, size_t *failed,
                        struct pn_err *e)
{
    PN_ASSERT(puts->reply_count < REPLIES_MAX);
    struct body *body = &puts->replies[puts->reply_count];
    int rc = read_request(puts, e);
    if (rc == 0) {
        rc = parse(body, pn_buf_text(reply), reply->len, puts->cbor, &puts->arena, e);
    }
    if (rc == 0) {
        rc = place_results(puts, body, e);
    }
    if (rc != 0) {
        pn_json_parser_destroy(&body->parser);
        return rc;
    }
    body->text = *reply;
    pn_buf_init(reply, body->text.max);
    puts->reply_count++;
    *failed = 0;
    for (size_t i = 0; i < puts->count; i++) {
        *failed += has_failed(puts->results[i]);
    }
    return 0;
}

/* Opens the object with the members of `root` other than the records. */
static void begin(struct pn_wire *wire, const struct pn_json *root)
{
    pn_wire_map(wire);
    for (const struct pn_json *node = root->first; node != NULL; node = node->next) {
        bool is_known =
            pn_json_get(root, "Records") == node || pn_json_get(root, "FailedRecordCount") == node;
        if (!is_known) {
            char *key = pn_xstrndup(node->key, node->key_len);
            pn_wire_key(wire, key);
            pn_wire_node(wire, node);
            free(key);
        }
    }
}

void pn_remote_puts_request(const struct pn_remote_puts *puts, struct pn_buf *out)
{
    struct pn_wire wire;
    pn_wire_init(&wire, out, puts->cbor);
    begin(&wire, puts->request.root);
    pn_wire_key(&wire, "Records");
    pn_wire_list(&wire);
    for (size_t i = 0; i < puts->count; i++) {
        if (is_open(puts, i)) {
            pn_wire_node(&wire, puts->records[i]);
        }
    }
    pn_wire_list_end(&wire);
    pn_wire_map_end(&wire);
}

void pn_remote_puts_reply(const struct pn_remote_puts *puts, struct pn_buf *out)
{
    struct pn_wire wire;
    int64_t failed = 0;
    PN_ASSERT(puts->reply_count > 0);
    pn_wire_init(&wire, out, puts->cbor);
    begin(&wire, puts->replies[0].root);
    pn_wire_key(&wire, "Records");
    pn_wire_list(&wire);
    for (size_t i = 0; i < puts->count; i++) {
        pn_wire_node(&wire, puts->results[i]);
        failed += has_failed(puts->results[i]);
    }
    pn_wire_list_end(&wire);
    pn_wire_key(&wire, "FailedRecordCount");
    pn_wire_int(&wire, failed);
    pn_wire_map_end(&wire);
}
