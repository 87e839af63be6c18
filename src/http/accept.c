#include "http/accept.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A piece of a header, without the white space around it. */
struct span {
    const char *text;
    size_t len;
};

static struct span trimmed(const char *text, size_t len)
{
    while (len > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        len--;
    }
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t')) {
        len--;
    }
    return (struct span){.text = text, .len = len};
}

static bool span_is(struct span span, const char *word)
{
    return span.len == strlen(word) && strncasecmp(span.text, word, span.len) == 0;
}

/* The q of a media range's parameters, in thousandths; 1000 when there is none. */
static int quality(struct span params)
{
    const char *end = params.text + params.len;
    for (const char *p = params.text; p < end;) {
        const char *stop = memchr(p, ';', (size_t)(end - p));
        stop = stop != NULL ? stop : end;
        struct span param = trimmed(p, (size_t)(stop - p));
        if (param.len > 2 && (param.text[0] == 'q' || param.text[0] == 'Q') &&
            param.text[1] == '=') {
            char digits[8] = "";
            size_t len = param.len - 2 < sizeof digits - 1 ? param.len - 2 : sizeof digits - 1;
            memcpy(digits, param.text + 2, len);
            double q = strtod(digits, NULL);
            return q < 0 ? 0 : q > 1 ? 1000 : (int)(q * 1000);
        }
        p = stop + 1;
    }
    return 1000;
}

/* How closely a media range names `offer`: 3 the very type, 2 "type/ *", 1 "* / *", 0 not. */
static int closeness(struct span range, const char *offer)
{
    if (span_is(range, offer)) {
        return 3;
    }
    const char *slash = strchr(offer, '/');
    size_t major = (size_t)(slash - offer) + 1;
    if (range.len == major + 1 && range.text[major] == '*' &&
        strncasecmp(range.text, offer, major) == 0) {
        return 2;
    }
    return span_is(range, "*/*") || span_is(range, "*") ? 1 : 0;
}

/* The q that the closest range of the header gives `offer`; 0 when none does. */
static int offer_quality(const char *accept, const char *offer)
{
    int best = 0;
    int q = 0;
    for (const char *p = accept; *p != '\0';) {
        size_t len = strcspn(p, ",");
        const char *semicolon = memchr(p, ';', len);
        size_t type_len = semicolon != NULL ? (size_t)(semicolon - p) : len;
        struct span params = {.text = p + type_len, .len = len - type_len};
        int close = closeness(trimmed(p, type_len), offer);
        if (close > best) {
            best = close;
            q = quality(params);
        }
        p += len;
        p += *p == ',';
    }
    return q;
}

int pn_http_accept(const char *accept, const char *const *offers, size_t count)
{
    if (accept == NULL || *accept == '\0') {
        return 0;
    }
    int chosen = -1;
    int chosen_q = 0;
    for (size_t i = 0; i < count; i++) {
        int q = offer_quality(accept, offers[i]);
        if (q > chosen_q) {
            chosen = (int)i;
            chosen_q = q;
        }
    }
    return chosen;
}

bool pn_http_accept_encoding(const char *accept, const char *encoding)
{
    int star_q = 0;
    for (const char *p = accept; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, ",");
        const char *semicolon = memchr(p, ';', len);
        size_t name_len = semicolon != NULL ? (size_t)(semicolon - p) : len;
        struct span name = trimmed(p, name_len);
        struct span params = {.text = p + name_len, .len = len - name_len};
        if (span_is(name, encoding)) {
            return quality(params) > 0;
        }
        if (span_is(name, "*")) {
            star_q = quality(params);
        }
        p += len;
        p += *p == ',';
    }
    return star_q > 0;
}

/* --- entity tags ------------------------------------------------------------------------------ */

static const char *opaque(const char *etag)
{
    return strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag;
}

bool pn_http_etag_is_known(const char *list, const char *etag)
{
    const char *wanted = opaque(etag);
    size_t len = strlen(wanted);
    for (const char *p = list; *p != '\0';) {
        p += strspn(p, " \t,");
        if (*p == '*') {
            return true;
        }
        p = opaque(p);
        const char *end = *p == '"' ? strchr(p + 1, '"') : NULL;
        if (end == NULL) {
            return false; /* not a list of tags, or its end */
        }
        if ((size_t)(end + 1 - p) == len && memcmp(p, wanted, len) == 0) {
            return true;
        }
        p = end + 1;
    }
    return false;
}
