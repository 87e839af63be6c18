#include "engine/duckdb/json_array.h"

#include <inttypes.h>

bool pn_array_is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static int refuse(const struct pn_array_split *split, const char *why, struct pn_err *e)
{
    return pn_err_input(e, "line %" PRId64 " (byte %" PRId64 "): %s", split->line, split->byte,
                        why);
}

static void begin_value(struct pn_array_split *split)
{
    split->state = PN_ARRAY_IN_VALUE;
    split->value_line = split->line;
    split->values++;
}

static int take_before(struct pn_array_split *split, char byte, struct pn_err *e)
{
    static const char mark[] = "\xEF\xBB\xBF";
    if (split->byte < 3 && byte == mark[split->byte]) {
        return 0;
    }
    if (byte == '[') {
        split->state = PN_ARRAY_VALUE;
        return 0;
    }
    return pn_array_is_blank(byte) ? 0 : refuse(split, "expected an array", e);
}

static int open_in_value(struct pn_array_split *split, char byte, struct pn_err *e)
{
    if (split->depth == PN_ARRAY_DEPTH_MAX) {
        return refuse(split, "the value is nested too deeply", e);
    }
    split->open[split->depth++] = byte;
    return 0;
}

/* A bracket that closes: one of the value, or the array's own. */
static int close_in_value(struct pn_array_split *split, char byte, struct pn_buf *out,
                          struct pn_err *e)
{
    const char opened = byte == '}' ? '{' : '[';
    if (split->depth > 0 && split->open[split->depth - 1] == opened) {
        split->depth--;
        pn_buf_addc(out, byte);
        return 0;
    }
    if (split->depth > 0 || byte == '}') {
        return refuse(split,
                      byte == '}' ? "a } closes nothing: is a { or a quote missing before it?"
                                  : "a ] closes nothing: is a } or a quote missing before it?",
                      e);
    }
    pn_buf_addc(out, '\n');
    split->state = PN_ARRAY_AFTER;
    return 0;
}

static int take_in_value(struct pn_array_split *split, char byte, struct pn_buf *out,
                         struct pn_err *e)
{
    switch (byte) {
    case '{':
    case '[':
        pn_buf_addc(out, byte);
        return open_in_value(split, byte, e);
    case '}':
    case ']':
        return close_in_value(split, byte, out, e);
    case '"':
        split->state = PN_ARRAY_IN_STRING;
        pn_buf_addc(out, byte);
        return 0;
    case ',':
        if (split->depth == 0) {
            split->state = PN_ARRAY_VALUE;
            pn_buf_addc(out, '\n');
            return 0;
        }
        pn_buf_addc(out, byte);
        return 0;
    default:
        pn_buf_addc(out, pn_array_is_blank(byte) ? ' ' : byte);
        return 0;
    }
}

static int take_before_value(struct pn_array_split *split, char byte, struct pn_buf *out,
                             struct pn_err *e)
{
    if (pn_array_is_blank(byte)) {
        return 0;
    }
    if (byte == ']' && split->values == 0) {
        split->state = PN_ARRAY_AFTER;
        return 0;
    }
    if (byte == ',' || byte == ']') {
        return refuse(split, "a value is missing before it: is there a comma too many?", e);
    }
    begin_value(split);
    return take_in_value(split, byte, out, e);
}

static int take_in_string(struct pn_array_split *split, char byte, struct pn_buf *out,
                          struct pn_err *e)
{
    if (byte == '\n' || byte == '\r') {
        return refuse(split, "a line break within a text: is a quote missing before it?", e);
    }
    if (split->state == PN_ARRAY_ESCAPE) {
        split->state = PN_ARRAY_IN_STRING;
    } else if (byte == '\\') {
        split->state = PN_ARRAY_ESCAPE;
    } else if (byte == '"') {
        split->state = PN_ARRAY_IN_VALUE;
    }
    pn_buf_addc(out, byte);
    return 0;
}

static int take(struct pn_array_split *split, char byte, struct pn_buf *out, struct pn_err *e)
{
    switch (split->state) {
    case PN_ARRAY_BEFORE:
        return take_before(split, byte, e);
    case PN_ARRAY_VALUE:
        return take_before_value(split, byte, out, e);
    case PN_ARRAY_IN_VALUE:
        return take_in_value(split, byte, out, e);
    case PN_ARRAY_IN_STRING:
    case PN_ARRAY_ESCAPE:
        return take_in_string(split, byte, out, e);
    case PN_ARRAY_AFTER:
        break;
    }
    return pn_array_is_blank(byte)
               ? 0
               : refuse(split,
                        "there is more after the end of the array: a file has one array, or "
                        "a value a line",
                        e);
}

/* How many bytes, from the first on, are of a string, and neither end it nor are anything else. */
static size_t plain_bytes(const char *bytes, size_t len)
{
    size_t count = 0;
    while (count < len && bytes[count] != '"' && bytes[count] != '\\' && bytes[count] != '\n' &&
           bytes[count] != '\r') {
        count++;
    }
    return count;
}

int pn_array_split(struct pn_array_split *split, const char *bytes, size_t len, struct pn_buf *out,
                   struct pn_err *e)
{
    for (size_t i = 0; i < len;) {
        size_t plain = split->state == PN_ARRAY_IN_STRING ? plain_bytes(bytes + i, len - i) : 0;
        if (plain > 0) {
            pn_buf_add(out, bytes + i, plain);
            split->byte += (int64_t)plain;
            i += plain;
            continue;
        }
        int rc = take(split, bytes[i], out, e);
        if (rc != 0) {
            return rc;
        }
        split->line += bytes[i] == '\n';
        split->byte++;
        i++;
    }
    return 0;
}

int pn_array_split_end(const struct pn_array_split *split, struct pn_err *e)
{
    if (split->state == PN_ARRAY_AFTER) {
        return 0;
    }
    return split->values == 0
               ? pn_err_input(e, "the array has no end: the file is not whole")
               : pn_err_input(
                     e,
                     "the array has no end: the file is not whole, or a bracket or a quote "
                     "is missing; its last value, the %" PRId64 ". one, begins on line "
                     "%" PRId64,
                     split->values, split->value_line);
}
