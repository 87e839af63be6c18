#include "pipeline/file_format.h"

#include <string.h>
#include <strings.h>

const char *const pn_file_format_names[PN_FILE_FORMATS] = {
    [PN_FILE_CSV] = "csv", [PN_FILE_JSON] = "json", [PN_FILE_PARQUET] = "parquet"};

static const struct {
    const char *end;
    enum pn_file_format format;
} formats[] = {{".csv", PN_FILE_CSV},    {".tsv", PN_FILE_CSV},     {".json", PN_FILE_JSON},
               {".jsonl", PN_FILE_JSON}, {".ndjson", PN_FILE_JSON}, {".parquet", PN_FILE_PARQUET}};

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t end_len = strlen(end);
    return len >= end_len && strncasecmp(text + len - end_len, end, end_len) == 0;
}

enum pn_file_packing pn_file_packing_of(const char *name)
{
    size_t len = strlen(name);
    return ends_with(name, len, ".gz")    ? PN_FILE_GZIP
           : ends_with(name, len, ".zst") ? PN_FILE_ZSTD
                                          : PN_FILE_PLAIN;
}

bool pn_file_format_of(const char *name, enum pn_file_format *format)
{
    static const size_t packed[] = {
        [PN_FILE_PLAIN] = 0, [PN_FILE_GZIP] = sizeof ".gz" - 1, [PN_FILE_ZSTD] = sizeof ".zst" - 1};
    size_t len = strlen(name) - packed[pn_file_packing_of(name)];
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (ends_with(name, len, formats[i].end)) {
            *format = formats[i].format;
            return true;
        }
    }
    return false;
}
