#include "base/text_signature.h"

#include <string.h>

struct signature {
    const char *start;
    size_t len;
    const char *text;
};

static const struct signature signatures[] = {
    {"\x1f\x8b", 2, "looks like gzip (1F 8B): decompress it first"},
    {"\x78\x01", 2, "looks like zlib (78 01): decompress it first"},
    {"\x78\x9c", 2, "looks like zlib (78 9C): decompress it first"},
    {"\x78\xda", 2, "looks like zlib (78 DA): decompress it first"},
    {"\x28\xb5\x2f\xfd", 4, "looks like zstd (28 B5 2F FD): decompress it first"},
    {"\xf3\x89\x9a\xc2", PN_KPL_MAGIC_BYTES,
     "looks like a KPL aggregate (F3 89 9A C2): only stream tables can take it apart, if it is "
     "intact"},
    {"\xff\xfe", 2, "looks like UTF-16 (FF FE), as PowerShell's > writes it: write UTF-8"},
    {"\xfe\xff", 2, "looks like UTF-16 (FE FF): write UTF-8"},
};

static bool starts_with(const void *bytes, size_t len, const char *start, size_t start_len)
{
    return len >= start_len && memcmp(bytes, start, start_len) == 0;
}

size_t pn_text_bom(const void *text, size_t len)
{
    return starts_with(text, len, "\xef\xbb\xbf", 3) ? 3 : 0;
}

bool pn_text_is_kpl(const void *bytes, size_t len)
{
    return starts_with(bytes, len, "\xf3\x89\x9a\xc2", PN_KPL_MAGIC_BYTES);
}

/* JSON starts with two characters of ASCII: in UTF-16 each second byte of four is 0. */
static bool is_utf16_unmarked(const char *bytes, size_t len)
{
    if (len < 4) {
        return false;
    }
    bool little = bytes[0] != 0 && bytes[1] == 0 && bytes[2] != 0 && bytes[3] == 0;
    bool big = bytes[0] == 0 && bytes[1] != 0 && bytes[2] == 0 && bytes[3] != 0;
    return little || big;
}

const char *pn_text_looks_like(const void *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        if (starts_with(bytes, len, signatures[i].start, signatures[i].len)) {
            return signatures[i].text;
        }
    }
    return is_utf16_unmarked(bytes, len) ? "looks like UTF-16 (each second byte is 0): write UTF-8"
                                         : NULL;
}

int pn_text_start(const char *path, const char *text, size_t *len, const char **start,
                  struct pn_err *e)
{
    const char *looks = pn_text_looks_like(text, *len);
    if (looks != NULL) {
        return pn_err_input(e, "%s: is not UTF-8 text: it %s", path, looks);
    }
    size_t bom = pn_text_bom(text, *len);
    *start = text + bom;
    *len -= bom;
    return 0;
}
