#include "http/framing.h"

#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/percent.h"

enum char_class { TOKEN = 1, FIELD = 2, TARGET = 4, HOST = 8 };

/* RFC 9110: tchar; field-vchar, SP and HTAB; what may stand in a target (also raw UTF-8, which some
 * clients send) or in a Host. */
static const uint8_t classes[256] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  2,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    0,  0,  0,  0,  0,  0,  0,  0,  2,  15, 6,  7,  15, 15, 15, 15, 14, 14, 15, 15, 6,  15, 15, 6,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 14, 6,  14, 6,  6,  6,  15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 6,  14, 7,  15,
    7,  15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 6,  7,  6,  15, 0,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,
    6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,
    6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,
    6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,
    6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,
    6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,  6,
};

/* A length has fewer digits, so that it fits. */
enum { LENGTH_DIGITS_MAX = 18, CHUNK_DIGITS_MAX = 15 };

enum state {
    START,
    START_LF, /* the end of a blank line */
    METHOD,
    TARGET_FIRST,
    TARGET_REST,
    VERSION,
    REQUEST_LF,
    LINE, /* the first character of a header line */
    NAME,
    VALUE_FIRST,
    VALUE,
    VALUE_LF,
    END_LF, /* of the blank line that ends a header */
    BODY,
    SIZE,
    EXTENSION,
    SIZE_LF,
    CHUNK,
    CHUNK_CR,
    CHUNK_LF
};

enum field { OTHER_FIELD, CONTENT_LENGTH, TRANSFER_ENCODING, HOST_FIELD };

static bool is_class(char c, enum char_class class_)
{
    return (classes[(unsigned char)c] & class_) != 0;
}

static const char *skip(const char *at, const char *end, enum char_class class_)
{
    while (at < end && is_class(*at, class_)) {
        at++;
    }
    return at;
}

/* Skips a field's value, eight characters at a time while none may end it. */
static const char *skip_value(const char *at, const char *end)
{
    const uint64_t ones = 0x0101010101010101;
    const uint64_t tops = ones * 0x80;
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t control = (word - ones * 0x20) & ~word; /* a byte's top bit: it is below 0x20 */
        uint64_t flipped = word ^ ones * 0x7f;
        uint64_t delete = (flipped - ones) & ~flipped; /* it is 0x7f */
        if (((control | delete) & tops) != 0) {
            break;
        }
        at += 8;
    }
    return skip(at, end, FIELD);
}

static void fail(struct pn_http_framing *framing, int status, const char *why)
{
    framing->status = status;
    framing->fault = why;
}

static void go(struct pn_http_framing *framing, enum state state)
{
    framing->state = (int)state;
}

void pn_http_framing_init(struct pn_http_framing *framing)
{
    memset(framing, 0, sizeof *framing);
    go(framing, START);
}

bool pn_http_framing_is_idle(const struct pn_http_framing *framing)
{
    return framing->state == START && framing->blank_lines == 0;
}

/* A character that ends a line too early, or never may stand in one. */
static void fail_line(struct pn_http_framing *framing, char c)
{
    if (c == '\n') {
        fail(framing, 400, "A line ends with LF alone; it must end with CRLF");
    } else if (c == '\0') {
        fail(framing, 400, "The request header contains a NUL character");
    } else {
        fail(framing, 400, "The request header contains a control character");
    }
}

static void expect_lf(struct pn_http_framing *framing, char c, enum state next)
{
    if (c == '\n') {
        go(framing, next);
    } else {
        fail(framing, 400, "A CR is not followed by LF");
    }
}

/* --- the request line ------------------------------------------------------------------------- */

static void begin_line(struct pn_http_framing *framing, char c)
{
    enum { TLS_HANDSHAKE = 0x16 };
    if (c == '\r' && framing->blank_lines < PN_HTTP_FRAMING_BLANK_LINES) {
        framing->blank_lines++;
        go(framing, START_LF);
    } else if (is_class(c, TOKEN)) {
        framing->blank_lines = 0;
        framing->version_len = 0;
        framing->trailer = false;
        framing->hosts = 0;
        framing->has_length = false;
        framing->has_transfer = false;
        framing->length = 0;
        go(framing, METHOD);
    } else if (c == TLS_HANDSHAKE) {
        fail(framing, 400, "This port serves plain HTTP, not TLS: use http://");
    } else {
        fail(framing, 400, "The bytes are not an HTTP request");
    }
}

static void end_method(struct pn_http_framing *framing, char c)
{
    if (c == ' ') {
        go(framing, TARGET_FIRST);
    } else if (!is_class(c, TOKEN)) {
        fail(framing, 400, "The request line has an invalid method");
    }
}

static void end_target(struct pn_http_framing *framing, char c)
{
    if (c == ' ') {
        go(framing, VERSION);
    } else if (c == '\r' || c == '\n') {
        fail(framing, 400, "The request line has no HTTP version");
    } else {
        fail(framing, 400, "The request line contains a control character");
    }
}

/* Nearly every request line ends with this. */
static const char *skip_usual_version(struct pn_http_framing *framing, const char *at,
                                      const char *end)
{
    static const char usual[] = " HTTP/1.1\r\n";
    size_t len = sizeof usual - 1;
    if ((size_t)(end - at) < len || memcmp(at, usual, len) != 0) {
        return at;
    }
    memcpy(framing->version, usual + 1, sizeof framing->version);
    go(framing, LINE);
    return at + len;
}

static void read_version(struct pn_http_framing *framing, char c)
{
    if (framing->version_len < (int)sizeof framing->version) {
        framing->version[framing->version_len++] = c;
        if (c < '.' || c > 'T') {
            fail(framing, 400, "The request line has an invalid HTTP version");
        }
    } else if (c == '\r') {
        go(framing, REQUEST_LF);
    } else {
        fail(framing, 400, "The request line must end with its HTTP version and CRLF");
    }
}

static void check_version(struct pn_http_framing *framing)
{
    const char *version = framing->version;
    if (memcmp(version, "HTTP/", 5) != 0 || version[5] < '0' || version[5] > '9' ||
        version[6] != '.' || version[7] < '0' || version[7] > '9') {
        fail(framing, 400, "The request line has an invalid HTTP version");
    } else if (version[5] == '2') {
        framing->http2 = true;
        fail(framing, 505,
             "This server speaks HTTP/1.1, not HTTP/2. Set the client to HTTP/1.1: requestHandler: "
             "new NodeHttpHandler() in the AWS SDK for JavaScript v3, protocol(Protocol.HTTP1_1) "
             "in that for Java; docs/kinesis.md names others");
    } else if (version[5] != '1') {
        fail(framing, 505, "This server speaks HTTP/1.0 and HTTP/1.1");
    }
}

/* --- header fields ---------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static void begin_field(struct pn_http_framing *framing, char c)
{
    if (c == '\r') {
        go(framing, END_LF);
    } else if (c == ' ' || c == '\t') {
        fail(framing, 400, "A header line begins with a blank: folded headers are not supported");
    } else if (is_class(c, TOKEN)) {
        framing->name[0] = c;
        framing->name_len = 1;
        go(framing, NAME);
    } else {
        fail(framing, 400, "A header line has no valid name");
    }
}

static enum field field_of(const char *name, size_t len)
{
    static const struct {
        const char *name;
        size_t len;
        enum field field;
    } known[] = {{"host", 4, HOST_FIELD},
                 {"content-length", 14, CONTENT_LENGTH},
                 {"transfer-encoding", 17, TRANSFER_ENCODING}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (len == known[i].len && strncasecmp(name, known[i].name, len) == 0) {
            return known[i].field;
        }
    }
    return OTHER_FIELD;
}

/* Characters of the name up to its end, or to the end of the bytes. */
static const char *read_name(struct pn_http_framing *framing, const char *at, const char *end)
{
    const char *name_end = skip(at, end, TOKEN);
    for (; at < name_end && framing->name_len < PN_HTTP_FRAMING_NAME_MAX; at++) {
        framing->name[framing->name_len++] = *at;
    }
    return name_end;
}

static void end_name(struct pn_http_framing *framing, char c)
{
    if (c == ':') {
        framing->field = (int)field_of(framing->name, (size_t)framing->name_len);
        framing->value_len = 0;
        go(framing, VALUE_FIRST);
        if (framing->trailer && framing->field != OTHER_FIELD) {
            fail(framing, 400, "A trailer field tells where the request ends");
        }
    } else if (c == ' ' || c == '\t') {
        fail(framing, 400, "The name of a header has a blank in it, or before its colon");
    } else {
        fail(framing, 400, "A header line has no valid name, or no colon");
    }
}

/* Characters of the value up to its end, or to the end of the bytes. */
static const char *read_value(struct pn_http_framing *framing, const char *at, const char *end)
{
    if (framing->field == OTHER_FIELD) {
        return skip_value(at, end);
    }
    for (; at < end && is_class(*at, FIELD); at++) {
        if (framing->field == HOST_FIELD && !is_class(*at, HOST) && *at != ' ' && *at != '\t') {
            fail(framing, 400, "The Host header has an invalid character");
            break;
        }
        if (framing->value_len < PN_HTTP_FRAMING_VALUE_MAX) {
            framing->value[framing->value_len] = *at;
        }
        framing->value_len += framing->value_len <= PN_HTTP_FRAMING_VALUE_MAX;
    }
    return at;
}

/* Skips whole lines of well-formed fields that do not frame: most are. */
static const char *skip_usual_fields(const char *at, const char *end)
{
    for (;;) {
        const char *colon = skip(at, end, TOKEN);
        if (colon == at || colon == end || *colon != ':' ||
            field_of(at, (size_t)(colon - at)) != OTHER_FIELD) {
            return at;
        }
        const char *cr = skip_value(colon + 1, end);
        if (end - cr < 2 || cr[0] != '\r' || cr[1] != '\n') {
            return at;
        }
        at = cr + 2;
    }
}

static void take_length(struct pn_http_framing *framing, const char *digits, int len)
{
    uint64_t length = 0;
    for (int i = 0; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            fail(framing, 400, "The Content-Length is not a number of digits alone");
            return;
        }
        length = i < LENGTH_DIGITS_MAX ? length * 10 + (uint64_t)(digits[i] - '0') : 0;
    }
    if (len == 0) {
        fail(framing, 400, "The Content-Length is empty");
    } else if (len > LENGTH_DIGITS_MAX) {
        fail(framing, 413, "The Content-Length is too large");
    } else if (framing->has_length) {
        fail(framing, 400, "The request has more than one Content-Length");
    }
    framing->has_length = true;
    framing->length = length;
}

static void take_transfer(struct pn_http_framing *framing, const char *coding, int len)
{
    static const char chunked[] = "chunked";
    bool is_chunked = len == (int)sizeof chunked - 1;
    for (int i = 0; i < len && is_chunked; i++) {
        is_chunked = lower(coding[i]) == chunked[i];
    }
    if (framing->has_transfer) {
        fail(framing, 400, "The request has more than one Transfer-Encoding");
    } else if (!is_chunked) {
        fail(framing, 501, "The only Transfer-Encoding supported is chunked");
    }
    framing->has_transfer = true;
}

static void end_value(struct pn_http_framing *framing)
{
    int len = framing->value_len;
    if (len <= PN_HTTP_FRAMING_VALUE_MAX) {
        while (len > 0 && (framing->value[len - 1] == ' ' || framing->value[len - 1] == '\t')) {
            len--;
        }
    }
    switch ((enum field)framing->field) {
    case CONTENT_LENGTH:
        take_length(framing, framing->value,
                    len <= PN_HTTP_FRAMING_VALUE_MAX ? len : PN_HTTP_FRAMING_VALUE_MAX);
        break;
    case TRANSFER_ENCODING:
        take_transfer(framing, framing->value,
                      len <= PN_HTTP_FRAMING_VALUE_MAX ? len : PN_HTTP_FRAMING_VALUE_MAX);
        break;
    case HOST_FIELD:
        framing->hosts++;
        if (framing->hosts > 1) {
            fail(framing, 400, "The request has more than one Host header");
        }
        break;
    case OTHER_FIELD:
        break;
    }
}

static void end_request(struct pn_http_framing *framing)
{
    framing->requests++;
    go(framing, START);
}

static void begin_body(struct pn_http_framing *framing)
{
    bool old = framing->version[7] == '0';
    if (framing->hosts == 0 && !old) {
        fail(framing, 400, "The request has no Host header");
    } else if (framing->has_transfer && old) {
        fail(framing, 400, "HTTP/1.0 has no Transfer-Encoding");
    } else if (framing->has_transfer && framing->has_length) {
        fail(framing, 400, "A request has a Content-Length or a Transfer-Encoding, not both");
    } else {
        framing->headers++;
        framing->left = framing->length;
        framing->digits = 0;
        if (framing->has_transfer) {
            go(framing, SIZE);
        } else if (framing->left > 0) {
            go(framing, BODY);
        } else {
            end_request(framing);
        }
    }
}

static void end_header(struct pn_http_framing *framing)
{
    if (framing->trailer) {
        end_request(framing);
    } else {
        begin_body(framing);
    }
}

/* --- chunks ----------------------------------------------------------------------------------- */

static void read_size(struct pn_http_framing *framing, char c)
{
    int value = pn_hex_digit(c);
    if (value >= 0 && framing->digits < CHUNK_DIGITS_MAX) {
        framing->left =
            framing->digits == 0 ? (uint64_t)value : framing->left * 16 + (uint64_t)value;
        framing->digits++;
    } else if (value >= 0) {
        fail(framing, 413, "The size of a chunk is too large");
    } else if (framing->digits > 0 && (c == ';' || c == '\r')) {
        go(framing, c == ';' ? EXTENSION : SIZE_LF);
    } else {
        fail(framing, 400, "A chunk of the body does not begin with its size and CRLF");
    }
}

static void begin_chunk(struct pn_http_framing *framing)
{
    framing->trailer = framing->left == 0;
    framing->digits = 0;
    go(framing, framing->trailer ? LINE : CHUNK);
}

/* The data of a body or a chunk. */
static const char *read_data(struct pn_http_framing *framing, const char *at, const char *end)
{
    size_t len = (size_t)(end - at);
    if (len > framing->left) {
        len = (size_t)framing->left;
    }
    framing->left -= len;
    if (framing->left == 0 && framing->state == BODY) {
        end_request(framing);
    } else if (framing->left == 0) {
        go(framing, CHUNK_CR);
    }
    return at + len;
}

/* --- all together ----------------------------------------------------------------------------- */

/* One character of a state in which each is looked at alone. */
static void read_one(struct pn_http_framing *framing, char c)
{
    switch ((enum state)framing->state) {
    case START:
        begin_line(framing, c);
        break;
    case START_LF:
        expect_lf(framing, c, START);
        break;
    case METHOD:
        end_method(framing, c);
        break;
    case TARGET_FIRST:
        go(framing, TARGET_REST);
        if (!is_class(c, TARGET)) {
            fail(framing, 400, "The request line has no valid target");
        }
        break;
    case TARGET_REST:
        end_target(framing, c);
        break;
    case VERSION:
        read_version(framing, c);
        break;
    case REQUEST_LF:
        expect_lf(framing, c, LINE);
        if (framing->fault == NULL) {
            check_version(framing);
        }
        break;
    case LINE:
        begin_field(framing, c);
        break;
    case NAME:
        end_name(framing, c);
        break;
    case VALUE_LF:
        expect_lf(framing, c, LINE);
        if (framing->fault == NULL) {
            end_value(framing);
        }
        break;
    case END_LF:
        expect_lf(framing, c, START);
        if (framing->fault == NULL) {
            end_header(framing);
        }
        break;
    case SIZE:
        read_size(framing, c);
        break;
    case SIZE_LF:
        expect_lf(framing, c, CHUNK);
        if (framing->fault == NULL) {
            begin_chunk(framing);
        }
        break;
    case CHUNK_CR:
        go(framing, CHUNK_LF);
        if (c != '\r') {
            fail(framing, 400, "A chunk of the body does not end with CRLF");
        }
        break;
    case CHUNK_LF:
        expect_lf(framing, c, SIZE);
        break;
    case VALUE_FIRST:
    case VALUE:
    case EXTENSION:
    case BODY:
    case CHUNK:
        PN_ASSERT(false); /* in pn_http_framing_read() */
    }
}

/* What `at` was moved to ends a run of allowed characters: is the line over? */
static const char *end_run(struct pn_http_framing *framing, const char *at, const char *end,
                           enum state next)
{
    if (framing->fault != NULL || at == end) {
        return at;
    }
    if (*at != '\r') {
        fail_line(framing, *at);
        return at;
    }
    go(framing, next);
    return at + 1;
}

size_t pn_http_framing_read(struct pn_http_framing *framing, const char *bytes, size_t len)
{
    const char *at = bytes;
    const char *end = bytes + len;
    while (at < end && framing->fault == NULL) {
        switch ((enum state)framing->state) {
        case BODY:
        case CHUNK:
            at = read_data(framing, at, end);
            continue;
        case VALUE_FIRST:
            if (*at == ' ' || *at == '\t') {
                at++;
                continue;
            }
            go(framing, VALUE);
            continue;
        case VALUE:
            at = end_run(framing, read_value(framing, at, end), end, VALUE_LF);
            continue;
        case EXTENSION:
            at = end_run(framing, skip(at, end, FIELD), end, SIZE_LF);
            continue;
        case TARGET_REST:
            at = skip_usual_version(framing, skip(at, end, TARGET), end);
            break;
        case LINE:
            at = skip_usual_fields(at, end);
            break;
        case NAME:
            at = read_name(framing, at, end);
            break;
        default:
            break;
        }
        if (at < end) {
            read_one(framing, *at);
            at += framing->fault == NULL;
        }
    }
    return (size_t)(at - bytes);
}
