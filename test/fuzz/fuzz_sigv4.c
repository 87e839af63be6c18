/*
 * A signed request from bytes: lines of "NAME=VALUE" are its query up to an empty line, then lines
 * of "NAME:VALUE" its headers up to another, then comes the body. What passes by one secret must
 * not pass by another.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/sigv4.h"
#include "base/err.h"
#include "base/mem.h"

enum { PAIRS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes lines up to an empty one, cutting them at `mark`; returns what is behind. */
static char *take_pairs(char *at, char mark, struct pn_sigv4_pair *pairs, size_t *count)
{
    *count = 0;
    while (*at != '\0') {
        size_t len = strcspn(at, "\n");
        bool last = at[len] == '\0';
        at[len] = '\0';
        char *cut = strchr(at, mark);
        if (len > 0 && *count < PAIRS_MAX) {
            pairs[*count].name = at;
            pairs[*count].value = cut != NULL ? cut + 1 : NULL;
            (*count)++;
        }
        if (cut != NULL) {
            *cut = '\0';
        }
        at += len + !last;
        if (len == 0) {
            break;
        }
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t now_ms = INT64_C(1440938160000); /* 2015-08-30T12:36:00Z */
    const struct pn_aws_sigv4_keys keys = {.access_key = "AKIDEXAMPLE",
                                           .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                           .service = "service"};
    const struct pn_aws_sigv4_keys others = {
        .access_key = "AKIDEXAMPLE", .secret_key = "another", .service = "service"};
    struct pn_sigv4_pair query[PAIRS_MAX];
    struct pn_sigv4_pair headers[PAIRS_MAX];
    struct pn_sigv4_request request = {.method = "POST", .path = "/"};
    struct pn_arena arena;
    char *text = pn_xstrndup((const char *)data, size);
    pn_arena_init(&arena, 0);
    char *at = take_pairs(text, '=', query, &request.query_count);
    at = take_pairs(at, ':', headers, &request.header_count);
    request.query = query;
    request.headers = headers;
    request.body = at;
    request.body_len = strlen(at);
    const char *message = NULL;
    const char *error = pn_aws_sigv4_verify(&keys, &request, now_ms, &arena, &message);
    PN_ASSERT(error == NULL || (*error != '\0' && message != NULL));
    /* By two secrets there are two signatures. */
    PN_ASSERT(error != NULL ||
              pn_aws_sigv4_verify(&others, &request, now_ms, &arena, &message) != NULL);
    pn_arena_deinit(&arena);
    free(text);
    return 0;
}
