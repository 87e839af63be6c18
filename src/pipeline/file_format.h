/*
 * Formats of files that become rows, and what a file's name says of them: .csv and .tsv, .json,
 * .jsonl and .ndjson, .parquet; the first two formats also with .gz or .zst. Case does not matter.
 */
#ifndef PN_PIPELINE_FILE_FORMAT_H
#define PN_PIPELINE_FILE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

enum pn_file_format {
    PN_FILE_CSV,
    PN_FILE_JSON, /* a value a line, or one array of values */
    PN_FILE_PARQUET
};
enum { PN_FILE_FORMATS = PN_FILE_PARQUET + 1 };
extern const char *const pn_file_format_names[PN_FILE_FORMATS];

enum pn_file_packing { PN_FILE_PLAIN, PN_FILE_GZIP, PN_FILE_ZSTD };

/* How the file is compressed, by the end of its name. */
enum pn_file_packing pn_file_packing_of(const char *name);
/* The format that the name says; false: it says none. */
bool pn_file_format_of(const char *name, enum pn_file_format *format);

#endif
