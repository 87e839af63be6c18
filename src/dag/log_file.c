#include "dag/log_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { PIECE_BYTES = 256 * 1024, UTF8_BYTES_MAX = 4 };

/* ---- ranges ---------------------------------------------------------------------------------- */

/* How many bytes at the end begin a character that is not whole. */
static size_t cut_character(const char *bytes, size_t len)
{
    for (size_t back = 1; back < UTF8_BYTES_MAX && back < len; back++) {
        unsigned char byte = (unsigned char)bytes[len - back];
        if (byte < 0x80) {
            return 0;
        }
        if (byte >= 0xc0) {
            size_t wants = byte >= 0xf8 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
            return wants > back ? back : 0;
        }
    }
    return 0;
}

/* What was read from the middle of a line is left out, unless that is all there is. */
static void begin_with_line(struct pn_buf *out, size_t start, struct pn_log_range *range)
{
    char *bytes = out->data + start;
    size_t len = out->len - start;
    const char *end = memchr(bytes, '\n', len);
    if (end == NULL || (size_t)(end - bytes) + 1 == len) {
        return;
    }
    size_t skip = (size_t)(end - bytes) + 1;
    memmove(bytes, bytes + skip, len - skip);
    out->len -= skip;
    range->from += (int64_t)skip;
}

int pn_log_file_read(const struct pn_io *io, const char *path, int64_t from, size_t max,
                     struct pn_buf *out, struct pn_log_range *range, struct pn_err *e)
{
    PN_ASSERT(max <= PN_LOG_RANGE_MAX);
    int fd = -1;
    size_t start = out->len;
    size_t got = 0;
    int rc = pn_io_open(io, path, O_RDONLY, &fd, e);
    if (rc == 0) {
        rc = pn_io_size(io, fd, &range->size_bytes, path, e);
    }
    if (rc != 0) {
        goto out;
    }
    int64_t size = range->size_bytes;
    range->from = from >= 0 ? from : -from < size ? size + from : 0;
    if (!pn_buf_reserve(out, max)) {
        rc = pn_err_fatal(e, "%s: the range does not fit into the reply", path);
        goto out;
    }
    rc = pn_io_read_some(io, fd, out->data + start, max, range->from, &got, path, e);
    if (rc != 0) {
        goto out;
    }
    if (range->from + (int64_t)got < size) {
        got -= cut_character(out->data + start, got);
    }
    out->len += got;
    if (from < 0 && range->from > 0) {
        begin_with_line(out, start, range);
    }
    out->data[out->len] = '\0';
out:
    pn_io_close(io, &fd);
    return rc;
}

/* ---- search ---------------------------------------------------------------------------------- */

struct finder {
    const struct pn_log_search *search;
    char *text; /* in small letters, if case is ignored */
    size_t text_len;
    struct pn_log_hits *hits;
    int64_t line;    /* of the byte `counted` */
    int64_t counted; /* lines are counted up to here */
};

static void fold(char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)(bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] + ('a' - 'A') : bytes[i]);
    }
}

/* Lines up to a byte of the piece, which begins at `base`. */
static void count_lines(struct finder *finder, const char *piece, int64_t base, int64_t until)
{
    const char *at = piece + (finder->counted - base);
    const char *end = piece + (until - base);
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        finder->line++;
        at++;
    }
    finder->counted = until;
}

/* False when the limit is reached. */
static bool find_in(struct finder *finder, const char *piece, size_t len, int64_t base)
{
    struct pn_log_hits *hits = finder->hits;
    int64_t from = hits->scanned > base ? hits->scanned : base;
    from = finder->search->after > from ? finder->search->after : from;
    while (from < base + (int64_t)len) {
        const char *at = memmem(piece + (from - base), len - (size_t)(from - base), finder->text,
                                finder->text_len);
        if (at == NULL) {
            break;
        }
        int64_t byte = base + (at - piece);
        count_lines(finder, piece, base, byte);
        hits->hits[hits->count++] = (struct pn_log_hit){.byte = byte, .line = finder->line};
        from = hits->scanned = byte + (int64_t)finder->text_len;
        if (hits->count == finder->search->limit) {
            hits->next = hits->scanned;
            return false;
        }
    }
    return true;
}

/* Pieces overlap by what a hit may need of the next one. */
static int scan(const struct pn_io *io, int fd, const char *path, struct finder *finder,
                struct pn_err *e)
{
    struct pn_log_hits *hits = finder->hits;
    char *piece = pn_xmalloc(PIECE_BYTES);
    size_t overlap = finder->text_len - 1;
    size_t got = PIECE_BYTES;
    int rc = 0;
    for (int64_t base = 0; rc == 0 && got == PIECE_BYTES;
         base += (int64_t)(PIECE_BYTES - overlap)) {
        rc = pn_io_read_some(io, fd, piece, PIECE_BYTES, base, &got, path, e);
        if (rc != 0) {
            break;
        }
        if (finder->search->ignore_case) {
            fold(piece, got);
        }
        if (!find_in(finder, piece, got, base)) {
            break;
        }
        size_t done = got == PIECE_BYTES ? got - overlap : got;
        if (base + (int64_t)done > finder->counted) {
            count_lines(finder, piece, base, base + (int64_t)done);
        }
        if (base + (int64_t)done > hits->scanned) {
            hits->scanned = base + (int64_t)done;
        }
    }
    free(piece);
    return rc;
}

int pn_log_file_find(const struct pn_io *io, const char *path, const struct pn_log_search *search,
                     struct pn_arena *arena, struct pn_log_hits *hits, struct pn_err *e)
{
    size_t len = strlen(search->text);
    if (len == 0 || len > PN_LOG_FIND_BYTES_MAX) {
        return pn_err_input(e, "the text to find has 1 to %d bytes", PN_LOG_FIND_BYTES_MAX);
    }
    PN_ASSERT(search->limit > 0 && search->limit <= PN_LOG_HITS_MAX);
    struct finder finder = {
        .search = search,
        .text = pn_arena_strndup(arena, search->text, len),
        .text_len = len,
        .hits = hits,
        .line = 1,
    };
    if (search->ignore_case) {
        fold(finder.text, len);
    }
    *hits = (struct pn_log_hits){.hits = pn_arena_calloc(arena, search->limit, sizeof *hits->hits),
                                 .next = -1};
    int fd = -1;
    int rc = pn_io_open(io, path, O_RDONLY, &fd, e);
    if (rc == 0) {
        rc = scan(io, fd, path, &finder, e);
    }
    pn_io_close(io, &fd);
    return rc;
}
