#include "kinesis/api/patterns.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower_or_digit(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

static bool is_name(char c)
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool all(bool (*is)(char c), const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is(text[i])) {
            return false;
        }
    }
    return len > 0;
}

static bool name_matches(const char *text, size_t len)
{
    return all(is_name, text, len);
}

/* 0|([1-9]\d{0,MORE}) */
static bool decimal_matches(const char *text, size_t len, size_t more)
{
    return len <= 1 + more && all(is_digit, text, len) && (text[0] != '0' || len == 1);
}

static bool hash_key_matches(const char *text, size_t len)
{
    return decimal_matches(text, len, 38);
}

static bool sequence_matches(const char *text, size_t len)
{
    return decimal_matches(text, len, 128);
}

static bool stream_id_matches(const char *text, size_t len)
{
    return len == 24 && all(is_lower_or_digit, text, 20) && text[20] == '-' &&
           all(is_lower_or_digit, text + 21, 3);
}

/* --- ARNs ------------------------------------------------------------------------------------- */

enum { ACCOUNT_LEN = 14 }; /* ":\d{12}:" */

static bool starts_with(const char *text, size_t len, const char *prefix)
{
    size_t prefix_len = strlen(prefix);
    return len >= prefix_len && memcmp(text, prefix, prefix_len) == 0;
}

/* Where `part` is found first in text[from..len), or len. */
static size_t find(const char *text, size_t from, size_t len, const char *part)
{
    while (from < len) {
        const char *first = memchr(text + from, part[0], len - from);
        if (first == NULL) {
            return len;
        }
        from = (size_t)(first - text);
        if (starts_with(first, len - from, part)) {
            return from;
        }
        from++;
    }
    return len;
}

static bool is_account(const char *text, size_t len)
{
    return len >= ACCOUNT_LEN && text[0] == ':' && all(is_digit, text + 1, 12) && text[13] == ':';
}

/* Where ":\d{12}:" is found first in text[from..len), or len. */
static size_t find_account(const char *text, size_t from, size_t len)
{
    while (from < len && !is_account(text + from, len - from)) {
        from = find(text, from + 1, len, ":");
    }
    return from;
}

/* Where an account number may begin at the earliest: after "arn:aws.*:kinesis:.*"; or len. */
static size_t find_service(const char *text, size_t len)
{
    if (!starts_with(text, len, "arn:aws")) {
        return len;
    }
    size_t at = find(text, strlen("arn:aws"), len, ":kinesis:");
    return at == len ? len : at + strlen(":kinesis:");
}

/* `.` does not match the end of a line: there is none in the first `len` bytes. */
static bool one_line(const char *text, size_t len)
{
    return memchr(text, '\n', len) == NULL && memchr(text, '\r', len) == NULL;
}

/* The length of the text without the run without spaces that it ends in: \S+ is after it. */
static size_t before_word(const char *text, size_t len)
{
    while (len > 0 && !is_space(text[len - 1])) {
        len--;
    }
    return len;
}

static bool stream_arn_matches(const char *text, size_t len)
{
    static const char kind[] = "stream/";
    size_t word = before_word(text, len);
    size_t at = find_account(text, find_service(text, len), len);
    for (; at < len; at = find_account(text, at + 1, len)) {
        size_t name = at + ACCOUNT_LEN;
        if (!starts_with(text + name, len - name, kind)) {
            continue;
        }
        name += strlen(kind);
        if (name >= word && name < len) {
            return one_line(text, name);
        }
    }
    return false;
}

/* Does it end in `kind` and a name, with an account anywhere before? */
static bool resource_matches(const char *text, size_t len, const char *kind)
{
    size_t word = before_word(text, len);
    size_t at = find_account(text, find_service(text, len), len);
    if (at == len) {
        return false;
    }
    at = find(text, at + ACCOUNT_LEN, len, kind);
    for (; at < len; at = find(text, at + 1, len, kind)) {
        size_t name = at + strlen(kind);
        if (name >= word && name < len) {
            return one_line(text, name);
        }
    }
    return false;
}

/* Takes a name off the end of text[0..*len), and `before` that must stand before it. */
static bool take_name(const char *text, size_t *len, const char *before)
{
    size_t before_len = strlen(before);
    size_t at = *len;
    while (at > 0 && is_name(text[at - 1])) {
        at--;
    }
    if (at == *len || at < before_len || memcmp(text + at - before_len, before, before_len) != 0) {
        return false;
    }
    *len = at - before_len;
    return true;
}

static bool consumer_arn_matches(const char *text, size_t len)
{
    size_t end = len;
    while (end > 0 && is_digit(text[end - 1])) {
        end--;
    }
    if (end == len || end == 0 || text[end - 1] != ':') {
        return false;
    }
    end--;
    if (!take_name(text, &end, "/consumer/") || !take_name(text, &end, "stream/")) {
        return false;
    }
    return find_account(text, find_service(text, end), end) < end && one_line(text, end);
}

static bool resource_arn_matches(const char *text, size_t len)
{
    return resource_matches(text, len, "stream/") || resource_matches(text, len, "channel/") ||
           resource_matches(text, len, "queue/");
}

const struct pn_pattern pn_pattern_name = {"[a-zA-Z0-9_.-]+", name_matches};
const struct pn_pattern pn_pattern_hash_key = {"^(0|([1-9]\\d{0,38}))$", hash_key_matches};
const struct pn_pattern pn_pattern_sequence = {"^(0|([1-9]\\d{0,128}))$", sequence_matches};
const struct pn_pattern pn_pattern_stream_id = {"[a-z0-9]{20}-[a-z0-9]{3}", stream_id_matches};
const struct pn_pattern pn_pattern_stream_arn = {"arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+",
                                                 stream_arn_matches};
const struct pn_pattern pn_pattern_resource_arn = {
    "arn:aws.*:kinesis:.*:\\d{12}:.*(stream|channel|queue)/\\S+", resource_arn_matches};
const struct pn_pattern pn_pattern_consumer_arn = {
    "^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/"
    "[a-zA-Z0-9_.-]+:[0-9]+",
    consumer_arn_matches};
