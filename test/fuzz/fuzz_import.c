/*
 * Files that are imported, as far as our own code reads their bytes: the places of a CSV's records,
 * and the values of a JSON array. (Parquet, and the values of a CSV, only DuckDB reads.) The first
 * byte chooses; the others are the file.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "engine/duckdb/import.h"
#include "engine/duckdb/json_array.h"
#include "engine/duckdb/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_BYTES_MAX = 1 << 22 };

/* --- CSV -------------------------------------------------------------------------------------- */

struct seen {
    const struct pn_csv_shape *shape;
    int64_t size;
    int64_t number;
    int64_t line;
    int64_t end;
};

/* Records follow each other, and lie in the file. */
static int see(void *arg, const struct pn_csv_record *record, struct pn_err *e)
{
    struct seen *seen = arg;
    (void)e;
    PN_ASSERT(record->number == seen->number + 1);
    PN_ASSERT(record->line > seen->line && record->byte >= seen->end);
    PN_ASSERT(record->end > record->byte);
    PN_ASSERT((int64_t)record->len <= record->end - record->byte);
    PN_ASSERT(record->byte < seen->size && record->end <= seen->size + 1);
    PN_ASSERT(record->len > 0 || seen->shape->width == 1);
    seen->number = record->number;
    seen->line = record->line;
    seen->end = record->end;
    return 0;
}

static void read_csv(uint8_t choice, const uint8_t *data, size_t size)
{
    static const char delimiters[] = {'\0', ',', ';', '\t'};
    const struct pn_csv_shape shape = {.quote = (choice & 4) != 0 ? '"' : '\'',
                                       .delimiter = delimiters[choice >> 3 & 3],
                                       .width = choice >> 5 & 1,
                                       .has_header = (choice & 2) != 0};
    struct seen seen = {.shape = &shape, .size = (int64_t)size};
    char path[64];
    int fd = memfd_create("fuzz", 0);
    PN_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int rc = pn_csv_records(pn_io_system(), path, &shape, see, &seen, NULL);
    PN_ASSERT(rc == 0);
    (void)close(fd);
}

/* --- an array --------------------------------------------------------------------------------- */

/* In pieces of so many bytes; false: it is not an array. */
static bool split(const uint8_t *data, size_t size, size_t piece, struct pn_buf *out,
                  struct pn_array_split *split_, struct pn_err *e)
{
    *split_ = (struct pn_array_split){.line = 1};
    for (size_t i = 0; i < size; i += piece) {
        size_t len = size - i < piece ? size - i : piece;
        if (pn_array_split(split_, (const char *)data + i, len, out, e) != 0) {
            return false;
        }
    }
    return pn_array_split_end(split_, e) == 0;
}

/* How many values a text has as one array of JSON; -1: it is none. */
static int64_t count_values(struct pn_json_parser *parser, const char *text, size_t len)
{
    struct pn_json *root = NULL;
    bool is_array =
        pn_json_parse(parser, text, len, len, &root, NULL) == 0 && root->type == PN_JSON_ARRAY;
    return is_array ? (int64_t)root->count : -1;
}

/* All lines are JSON just when the text is: then as many as there are values. */
static void compare(const struct pn_array_split *split_, const struct pn_buf *lines, int64_t values)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    const char *at = lines->data;
    size_t left = lines->len;
    int64_t good = 0;
    int64_t count = 0;
    while (left > 0) {
        struct pn_json *root = NULL;
        const char *end = memchr(at, '\n', left);
        PN_ASSERT(end != NULL);
        size_t len = (size_t)(end - at);
        good += pn_json_parse(parser, at, len, len, &root, NULL) == 0;
        count++;
        at = end + 1;
        left -= len + 1;
    }
    PN_ASSERT(count == split_->values);
    PN_ASSERT(values < 0 || (good == count && count == values));
    pn_json_parser_destroy(&parser);
}

static void read_array(uint8_t choice, const uint8_t *data, size_t size)
{
    struct pn_array_split whole;
    struct pn_array_split pieces;
    struct pn_buf out;
    struct pn_buf other;
    struct pn_err e = {0};
    struct pn_err other_e = {0};
    struct pn_json_parser *parser = pn_json_parser_create();
    pn_buf_init(&out, OUT_BYTES_MAX);
    pn_buf_init(&other, OUT_BYTES_MAX);
    bool good = split(data, size, size + 1, &out, &whole, &e);
    bool again = split(data, size, 1 + (choice >> 1), &other, &pieces, &other_e);
    PN_ASSERT(good == again && strcmp(e.msg, other_e.msg) == 0);
    PN_ASSERT(out.len == other.len);
    PN_ASSERT(out.len == 0 || memcmp(out.data, other.data, out.len) == 0);
    int64_t values = count_values(parser, (const char *)data, size);
    PN_ASSERT(values < 0 || good);
    if (good) {
        compare(&whole, &out, values);
    }
    pn_buf_deinit(&out);
    pn_buf_deinit(&other);
    pn_json_parser_destroy(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > OUT_BYTES_MAX / 2) {
        return 0;
    }
    if ((data[0] & 1) != 0) {
        read_csv(data[0], data + 1, size - 1);
    } else {
        read_array(data[0], data + 1, size - 1);
    }
    return 0;
}
