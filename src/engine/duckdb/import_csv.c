/* A CSV's header and separators. DuckDB could guess both, but a bad row misleads it. */
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/text_signature.h"

#include "engine/duckdb/import.h"

enum { NAMES_MAX = 10000, FOUND = 1 };
#define LINE_BYTES_MAX "16777216"
#define BUFFER_BYTES   "33554432" /* else 16 times the line, for each thread and file */

/* Where the record has a CR within, outside of quotes; its length: nowhere. */
static size_t find_return(const struct pn_csv_record *record, char quote)
{
    bool quoted = false;
    for (size_t i = 0; i < record->len; i++) {
        quoted = quoted != (record->text[i] == quote);
        if (record->text[i] == '\r' && !quoted) {
            return i;
        }
    }
    return record->len;
}

/* What no reading of the file by this first record would end well. */
static int check_first(const struct pn_importing *importing, const struct pn_csv_record *record,
                       struct pn_err *e)
{
    const struct pn_import *import = importing->import;
    const char *looks_like = pn_text_looks_like(record->text, record->len);
    const char *nul = memchr(record->text, '\0', record->len);
    size_t at = find_return(record, import->quote);
    if (looks_like != NULL) {
        return pn_err_input(e, "%s, line %" PRId64 ": %s; %s", importing->file->name, record->line,
                            looks_like, pn_import_undone(import));
    }
    if (at < record->len) {
        return pn_err_input(
            e,
            "%s, line %" PRId64 " (byte %" PRId64 "): a carriage return (CR) without a line feed: "
            "lines must end with LF or CRLF; `tr '\\r' '\\n'` mends a file whose lines end with "
            "CR; %s",
            importing->file->name, record->line, record->byte + (int64_t)at,
            pn_import_undone(import));
    }
    if (!import->has_no_header && nul != NULL) {
        return pn_err_input(e,
                            "%s, line %" PRId64 " (byte %" PRId64 "): the header has a NUL byte: "
                            "is the file CSV in UTF-8? %s",
                            importing->file->name, record->line,
                            record->byte + (nul - record->text), pn_import_undone(import));
    }
    if (!import->has_no_header && !pn_utf8_valid(record->text, record->len)) {
        return pn_err_input(e,
                            "%s, line %" PRId64 ": the header is not UTF-8: convert the file, for "
                            "example with `iconv -f WINDOWS-1252 -t UTF-8`; %s",
                            importing->file->name, record->line, pn_import_undone(import));
    }
    return 0;
}

static int take_first(void *arg, const struct pn_csv_record *record, struct pn_err *e)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* of UTF-8 */
    struct pn_importing *importing = arg;
    size_t skip = record->len >= 3 && memcmp(record->text, mark, 3) == 0 ? 3 : 0;
    int rc = check_first(importing, record, e);
    if (rc != 0) {
        return rc;
    }
    importing->first = pn_arena_strndup(&importing->arena, record->text + skip, record->len - skip);
    return FOUND;
}

/* The first record, as it is; NULL: there is none. */
static int read_first(struct pn_importing *importing, const char **line, struct pn_err *e)
{
    const struct pn_csv_shape shape = {.quote = importing->import->quote,
                                       .delimiter = importing->import->delimiter};
    int rc = pn_csv_records(importing->engine->config.io, importing->file->path, &shape, take_first,
                            importing, e);
    *line = importing->first;
    return importing->first != NULL ? 0 : rc;
}

/* The cells of a line, in the arena; at most NAMES_MAX. */
static size_t split(struct pn_importing *importing, const char *line, char delimiter,
                    const char **cells)
{
    char quote = importing->import->quote;
    size_t count = 0;
    while (count < NAMES_MAX) {
        struct pn_buf cell;
        bool quoted = *line == quote;
        pn_buf_init(&cell, PN_DUCKDB_SQL_MAX);
        line += quoted ? 1 : 0;
        for (; *line != '\0' && (quoted || *line != delimiter); line++) {
            if (quoted && *line == quote && line[1] == quote) {
                line++;
            } else if (quoted && *line == quote) {
                quoted = false;
                continue;
            }
            pn_buf_addc(&cell, *line);
        }
        cells[count++] = pn_arena_strdup(&importing->arena, pn_buf_text(&cell));
        pn_buf_deinit(&cell);
        if (*line == '\0') {
            break;
        }
        line++;
    }
    return count;
}

static size_t count_known(struct pn_importing *importing, const char *const *cells, size_t count)
{
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        known += pn_import_column_for(importing, cells[i]) != NULL ? 1 : 0;
    }
    return known;
}

/* The separator by which the header has most of the table's columns; of equal ones the first. */
static void find_delimiter(struct pn_importing *importing, const char *line, const char **cells)
{
    static const char candidates[] = {',', ';', '\t', '|'};
    size_t most = 0;
    importing->delimiter = candidates[0];
    for (size_t i = 0; i < sizeof candidates; i++) {
        size_t known = count_known(importing, cells, split(importing, line, candidates[i], cells));
        if (known > most) {
            most = known;
            importing->delimiter = candidates[i];
        }
    }
}

/* Without a header the columns are the table's. */
static int take_in_order(struct pn_importing *importing, size_t width, struct pn_err *e)
{
    size_t count = 0;
    importing->width = width;
    for (size_t i = 0; i < importing->import->table->column_count; i++) {
        if (!importing->columns[i].is_file) {
            importing->columns[i].at = (int64_t)count++;
        }
    }
    return width == count
               ? 0
               : pn_err_input(e,
                              "%s, line 1: %zu values, but table '%s' has %zu columns; give "
                              "%s if they are not separated by '%c'; %s",
                              importing->file->name, width, importing->import->table->name, count,
                              importing->import->for_load ? "csv.delimiter in pipeline.yml"
                                                          : "--delimiter",
                              importing->delimiter, pn_import_undone(importing->import));
}

int pn_import_read_header(struct pn_importing *importing, struct pn_err *e)
{
    const struct pn_import *import = importing->import;
    const char *line = NULL;
    const char **cells = pn_arena_calloc(&importing->arena, NAMES_MAX, sizeof *cells);
    int rc = read_first(importing, &line, e);
    if (rc != 0) {
        return rc;
    }
    importing->is_empty = line == NULL;
    if (line == NULL) {
        return 0; /* no header, no rows */
    }
    importing->delimiter = import->delimiter;
    if (importing->delimiter == '\0' && import->has_no_header) {
        importing->delimiter = ',';
    } else if (importing->delimiter == '\0') {
        find_delimiter(importing, line, cells);
    }
    importing->width = split(importing, line, importing->delimiter, cells);
    rc = import->has_no_header ? take_in_order(importing, importing->width, e)
                               : pn_import_match(importing, cells, importing->width, e);
    for (size_t i = 0; rc == 0 && i < importing->column_count; i++) {
        struct pn_import_column *column = &importing->columns[i];
        if (column->at >= 0) {
            column->raw = pn_arena_printf(&importing->arena, "c%zu", (size_t)column->at);
            pn_import_from_text(importing, column, i);
        }
    }
    if (rc == 0) {
        pn_import_keep_extra(importing);
        importing->shape = pn_arena_printf(&importing->arena, "csv %d %c%s",
                                           (int)pn_file_packing_of(importing->file->path),
                                           importing->delimiter, import->has_no_header ? "" : line);
    }
    return rc;
}

static void add_character(struct pn_buf *sql, const char *name, char character)
{
    const char text[] = {character, '\0'};
    pn_buf_addf(sql, ", %s = ", name);
    pn_duckdb_add_text(sql, text);
}

void pn_import_add_read_csv(const struct pn_importing *importing, struct pn_buf *sql)
{
    pn_buf_adds(sql, "read_csv(");
    pn_import_add_paths(importing, sql);
    pn_import_add_packing(importing, sql);
    pn_buf_adds(sql, ", hive_partitioning = false, auto_detect = false, allow_quoted_nulls = "
                     "false, store_rejects = true, "
                     "rejects_table = 'pn_rejects', rejects_scan = 'pn_reject_scans', "
                     "rejects_limit = 0, max_line_size = " LINE_BYTES_MAX
                     ", buffer_size = " BUFFER_BYTES);
    pn_buf_adds(sql, importing->import->has_no_header ? ", header = false" : ", header = true");
    add_character(sql, "delim", importing->delimiter);
    add_character(sql, "quote", importing->import->quote);
    add_character(sql, "escape", importing->import->quote);
    pn_buf_adds(sql, ", columns = {");
    for (size_t i = 0; i < importing->width; i++) {
        pn_buf_addf(sql, "%s'c%zu': 'VARCHAR'", i == 0 ? "" : ", ", i);
    }
    pn_buf_adds(sql, "})");
}
