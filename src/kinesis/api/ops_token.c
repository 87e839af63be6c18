/*
 * NextTokens. They keep nothing here: a token is base64 of
 *
 *   "1 <kind> <made, ms> <stream id> <filter> <filter's time, ms> <stream or => <after> <check>"
 *
 * It holds no secret and gives no right: a client that changes one gets, at best, another page of a
 * list that it could get without it. The check (FNV-1a of the text before it) reveals a damaged
 * token.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "kinesis/api/ops.h"

enum { TOKEN_BYTES_MAX = 1024, TOKEN_FIELDS = 9, CHECK_SIZE = 17, NO_STREAM = '=' };

static uint64_t check_of(const char *text, size_t len)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    }
    return hash;
}

const char *pn_op_token_write(struct pn_call *call, const struct pn_token *token)
{
    const char *text = pn_arena_printf(
        call->arena, "1 %c %" PRId64 " %" PRIx64 " %d %" PRId64 " %s %s ", token->kind,
        pn_op_now_ms(call), token->stream_id, token->filter, token->filter_ms,
        token->stream == NULL ? "=" : token->stream, token->after);
    text = pn_arena_printf(call->arena, "%s%016" PRIx64, text, check_of(text, strlen(text)));
    struct pn_buf out;
    pn_buf_init(&out, 2 * TOKEN_BYTES_MAX);
    pn_base64_encode(&out, text, strlen(text));
    PN_ASSERT(!pn_buf_failed(&out));
    const char *encoded = pn_arena_strndup(call->arena, out.data, out.len);
    pn_buf_deinit(&out);
    return encoded;
}

static bool read_number(const char *text, int base, int64_t *value)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, base);
    *value = (int64_t)number;
    return errno == 0 && end != text && *end == '\0';
}

/* Takes the text of a token apart; it is changed. */
static bool parse(char *text, char kind, int64_t *made_ms, struct pn_token *token)
{
    char *fields[TOKEN_FIELDS];
    size_t count = 0;
    size_t len = strlen(text);
    char *check = strrchr(text, ' ');
    char wanted[CHECK_SIZE];
    int64_t number = 0;
    if (check == NULL) {
        return false;
    }
    (void)snprintf(wanted, sizeof wanted, "%016" PRIx64, check_of(text, len - strlen(check + 1)));
    if (strcmp(check + 1, wanted) != 0) {
        return false;
    }
    char *rest = text;
    while (rest != NULL && count < TOKEN_FIELDS) {
        fields[count++] = strsep(&rest, " ");
    }
    if (rest != NULL || count != TOKEN_FIELDS || strcmp(fields[0], "1") != 0 ||
        fields[1][0] != kind || fields[1][1] != '\0') {
        return false;
    }
    int64_t id = 0;
    if (!read_number(fields[2], 10, made_ms) || !read_number(fields[3], 16, &id) ||
        !read_number(fields[4], 10, &number) || !read_number(fields[5], 10, &token->filter_ms)) {
        return false;
    }
    token->kind = kind;
    token->stream_id = (uint64_t)id;
    token->filter = (int)number;
    token->stream = fields[6][0] == NO_STREAM && fields[6][1] == '\0' ? NULL : fields[6];
    token->after = fields[7];
    return pn_stream_name_valid(token->after, strlen(token->after));
}

int pn_op_token_read(struct pn_call *call, char kind, const char *text, struct pn_token *token)
{
    const void *plain = NULL;
    size_t len = strlen(text);
    int64_t made_ms = 0;
    bool good = len <= 2 * TOKEN_BYTES_MAX &&
                pn_base64_decode_exact(call->arena, text, len, &plain, &len) &&
                parse(pn_arena_strndup(call->arena, plain, len), kind, &made_ms, token);
    int64_t now_ms = pn_op_now_ms(call);
    /* A clock that went back makes a token of the future; it is none of a far one. */
    if (!good || made_ms < 0 || made_ms - now_ms > PN_TOKEN_MS) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "Invalid NextToken.");
    }
    if (now_ms - made_ms > PN_TOKEN_MS) {
        return pn_op_fail(call, PN_KINESIS_EXPIRED_TOKEN,
                          "The pagination token passed to the operation is expired.");
    }
    return 0;
}

/* The token's stream, as this process knows it. */
static int find_stream(struct pn_call *call, const struct pn_token *token,
                       const struct pn_stream **stream)
{
    int rc = pn_kinesis_stream(call->kinesis, token->stream, stream, &call->err);
    if (rc == 0 && (*stream)->id != token->stream_id) {
        pn_stream_release(stream);
        return pn_op_fail(call, PN_KINESIS_NOT_FOUND, "Stream %s under account %s not found.",
                          token->stream, pn_op_account(call));
    }
    return rc;
}

int pn_op_token_stream(struct pn_call *call, const struct pn_token *token,
                       const struct pn_stream **stream)
{
    if (token->stream == NULL) {
        return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT, "Invalid NextToken.");
    }
    int rc = pn_op_may(call, token->stream);
    if (rc != 0) {
        return rc;
    }
    rc = find_stream(call, token, stream);
    if (rc == PN_KINESIS_NOT_FOUND && pn_op_look_again(call, &rc)) {
        rc = find_stream(call, token, stream);
    }
    return rc;
}

int pn_op_list_stream(struct pn_call *call, char kind, const char *const *others,
                      struct pn_token *token, const struct pn_stream **stream)
{
    const char *text = pn_op_text(call, "NextToken");
    token->kind = 0;
    if (text == NULL) {
        return pn_call_stream(call, stream);
    }
    for (; *others != NULL; others++) {
        if (pn_op_has(call, *others)) {
            return pn_op_fail(call, PN_KINESIS_INVALID_ARGUMENT,
                              "NextToken and %s cannot be provided together.", *others);
        }
    }
    int rc = pn_op_token_read(call, kind, text, token);
    return rc != 0 ? rc : pn_op_token_stream(call, token, stream);
}
