/*
 * Headers and paths that clients send, in the small parsers of http/: what they accept, which reply
 * they have, how they call the server, and a percent-encoded segment. The input is one text.
 */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/percent.h"
#include "http/accept.h"
#include "http/browser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accept(const char *text)
{
    static const char *const offers[] = {"application/json", "text/plain"};
    int chosen = pn_http_accept(text, offers, 2);
    PN_ASSERT(chosen >= -1 && chosen < 2);
    PN_ASSERT(*text != '\0' || chosen == 0);
    (void)pn_http_accept_encoding(text, "gzip");
}

/* A tag is found by itself, whatever its text, and after another one. */
static void check_etags(const char *text, struct pn_arena *arena)
{
    static const char other[] = "\"other\"";
    (void)pn_http_etag_is_known(text, other);
    if (strchr(text, '"') != NULL) {
        return;
    }
    const char *tag = pn_arena_printf(arena, "\"%s\"", text);
    const char *weak = pn_arena_printf(arena, "W/%s", tag);
    PN_ASSERT(pn_http_etag_is_known(tag, tag) && pn_http_etag_is_known(weak, tag));
    PN_ASSERT(pn_http_etag_is_known(tag, weak));
    PN_ASSERT(pn_http_etag_is_known(pn_arena_printf(arena, "%s, %s", other, weak), tag));
    PN_ASSERT(pn_http_etag_is_known(other, tag) == (strcmp(text, "other") == 0));
}

/* What was encoded reads back as it was; what is decoded has no control characters. */
static void check_percent(const char *text, struct pn_arena *arena)
{
    const char *decoded = pn_percent_decode(arena, text, strlen(text));
    if (decoded == NULL) {
        return;
    }
    struct pn_buf encoded;
    pn_buf_init(&encoded, 4 * strlen(text) + 1);
    pn_percent_encode(&encoded, decoded);
    const char *again = pn_percent_decode(arena, pn_buf_text(&encoded), encoded.len);
    PN_ASSERT(again != NULL && strcmp(again, decoded) == 0);
    pn_buf_deinit(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    const char *text = pn_arena_strndup(&arena, (const char *)data, size);
    if (strlen(text) == size) {
        check_accept(text);
        check_etags(text, &arena);
        check_percent(text, &arena);
        (void)pn_http_browser_is_local_host(text);
        (void)pn_http_browser_list_has_host("*.example.com, localhost", text);
    }
    pn_arena_deinit(&arena);
    return 0;
}
