#include "report/terminal.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

int pn_terminal_columns(FILE *file)
{
    enum { COLUMNS_UNKNOWN = 80 };
    struct winsize size;
    int fd = fileno(file);
    if (fd < 0 || !isatty(fd)) {
        return 0;
    }
    bool is_known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
    return is_known ? size.ws_col : COLUMNS_UNKNOWN;
}

/* Most of a text is ASCII that is shown as it is, in one column. */
static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f;
}

size_t pn_text_next(const char *text, size_t len, int *width)
{
    wchar_t c = 0;
    mbstate_t state;
    if (is_plain(text[0])) {
        *width = 1;
        return 1;
    }
    memset(&state, 0, sizeof state);
    size_t bytes = mbrtowc(&c, text, len, &state);
    if (bytes == 0 || bytes > len) { /* invalid, or cut: the byte by itself */
        *width = 1;
        return 1;
    }
    *width = wcwidth(c);
    *width = *width < 0 ? 1 : *width;
    return bytes;
}

int pn_text_width(const char *text)
{
    int width = 0;
    for (size_t len = strlen(text); len > 0;) {
        int w = 0;
        size_t bytes = pn_text_next(text, len, &w);
        width += w;
        text += bytes;
        len -= bytes;
    }
    return width;
}

/* U+0600 to U+FFFF in UTF-8 that steer, as ranges. */
static bool is_steering(unsigned c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

size_t pn_text_steers(const char *text, size_t len, unsigned *code)
{
    unsigned char c = (unsigned char)text[0];
    unsigned char second = len > 1 ? (unsigned char)text[1] : 0;
    if (c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xa0)) {
        *code = c;
        return 1;
    }
    if (c == 0xc2 && second >= 0x80 && second < 0xa0) {
        *code = second;
        return 2;
    }
    if (c == 0xd8 && second == 0x9c) {
        *code = 0x061c;
        return 2;
    }
    if (c == 0xe2 && len > 2) {
        *code = 0x2000U | (second & 0x3fU) << 6 | ((unsigned char)text[2] & 0x3fU);
        return is_steering(*code) ? 3 : 0;
    }
    return 0;
}

void pn_text_add_shown(struct pn_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned code = 0;
        int width = 0;
        size_t plain = i;
        while (plain < len && is_plain(text[plain])) {
            plain++;
        }
        if (plain > i) {
            pn_buf_add(out, text + i, plain - i);
            i = plain;
            continue;
        }
        size_t bytes = pn_text_steers(text + i, len - i, &code);
        if (bytes == 0) {
            /* Whole characters, so that no byte within one is taken for a control. */
            bytes = pn_text_next(text + i, len - i, &width);
            pn_buf_add(out, text + i, bytes);
        } else if (code == '\n' || code == '\t') {
            pn_buf_adds(out, code == '\n' ? "\\n" : "\\t");
        } else {
            pn_buf_addf(out, code < 0x100 ? "\\x%02x" : "\\u%04x", code);
        }
        i += bytes;
    }
}

void pn_text_print_line(FILE *out, const char *text, size_t len)
{
    enum { LINE_BYTES_MAX = 1 << 20 };
    bool is_terminal = isatty(fileno(out));
    struct pn_buf shown;
    pn_buf_init(&shown, LINE_BYTES_MAX);
    if (is_terminal) {
        pn_text_add_shown(&shown, text, len);
        text = pn_buf_text(&shown);
        len = shown.len;
    }
    (void)fwrite(text, 1, len, out);
    (void)fputc('\n', out);
    pn_buf_deinit(&shown);
}
