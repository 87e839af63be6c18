/* Records of a CSV and their places: a record ends with a line that leaves no quote open. A quote
 * opens at the start of a value; within one it is text, as for DuckDB. */
#include <string.h>

#include "base/buf.h"
#include "engine/duckdb/import.h"
#include "engine/duckdb/lines.h"

enum { LINE_BYTES_MAX = 16 << 20, RECORD_BYTES_MAX = 1 << 20 };

struct reading {
    struct pn_lines *lines;
    const struct pn_csv_shape *shape;
    struct pn_buf text;
    int64_t line; /* that comes next */
    int64_t byte; /* likewise */
};

enum place { START, TEXT, QUOTED, QUOTE_IN_QUOTED };

static bool ends_value(const struct pn_csv_shape *shape, char character)
{
    return shape->delimiter != '\0' ? character == shape->delimiter
                                    : character != '\0' && strchr(",;\t|", character) != NULL;
}

/* Where a line ends that begins at `place`. */
static enum place follow(const struct pn_csv_shape *shape, const struct pn_line *line,
                         bool is_first, enum place place)
{
    size_t mark = is_first && line->len >= 3 && memcmp(line->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (size_t i = mark; i < line->len; i++) {
        bool is_quote = line->text[i] == shape->quote;
        if (place == QUOTED) {
            place = is_quote ? QUOTE_IN_QUOTED : QUOTED;
        } else if (is_quote && place != TEXT) {
            place = QUOTED;
        } else {
            place = ends_value(shape, line->text[i]) ? START : TEXT;
        }
    }
    return place;
}

/* The next record with its lines; *more is false when there is none. */
static int next(struct reading *reading, struct pn_csv_record *record, bool *more, struct pn_err *e)
{
    struct pn_line line;
    enum place place = START;
    bool open = false;
    record->line = reading->line;
    record->byte = reading->byte;
    pn_buf_reset(&reading->text);
    int rc = pn_lines_next(reading->lines, &line, more, e);
    for (bool any = *more; rc == 0 && any;) {
        size_t room = RECORD_BYTES_MAX - reading->text.len;
        pn_buf_add(&reading->text, line.text, line.len < room ? line.len : room);
        place = follow(reading->shape, &line, reading->byte == 0, place);
        reading->line++;
        reading->byte += (int64_t)line.len + 1;
        open = place == QUOTED;
        any = open;
        if (open) {
            rc = pn_lines_next(reading->lines, &line, &any, e);
            if (any && reading->text.len < RECORD_BYTES_MAX) {
                pn_buf_addc(&reading->text, '\n');
            }
        }
    }
    record->end = reading->byte;
    record->text = pn_buf_text(&reading->text);
    record->len = reading->text.len;
    while (record->len > 0 && record->text[record->len - 1] == '\r') {
        record->len--;
    }
    return rc;
}

int pn_csv_records(const struct pn_io *io, const char *path, const struct pn_csv_shape *shape,
                   int (*record)(void *arg, const struct pn_csv_record *record, struct pn_err *e),
                   void *arg, struct pn_err *e)
{
    struct reading reading = {
        .lines = pn_lines_create(NULL, io, LINE_BYTES_MAX), .shape = shape, .line = 1};
    struct pn_csv_record it = {.number = shape->has_header ? -1 : 0};
    bool more = true;
    pn_buf_init(&reading.text, RECORD_BYTES_MAX + 1);
    int rc = pn_lines_open(reading.lines, path, false, 0, INT64_MAX, e);
    while (rc == 0 && more) {
        rc = next(&reading, &it, &more, e);
        if (rc == 0 && more && (it.len > 0 || (shape->width == 1 && it.number >= 0))) {
            it.number++;
            rc = it.number > 0 ? record(arg, &it, e) : 0;
        }
    }
    pn_buf_deinit(&reading.text);
    pn_lines_destroy(&reading.lines);
    return rc;
}
