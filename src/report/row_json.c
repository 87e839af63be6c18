/* Rows as JSON: an array of objects, JSON lines, or an array for /api/v1. */
#include <stdlib.h>

#include "base/mem.h"
#include "report/row_internal.h"
#include "report/terminal.h"

/* --- names ------------------------------------------------------------------------------------ */

/* A name that JSON has no member of yet, for a column whose name another one has, too. */
static char *unused_name(const struct pn_row_column *columns, size_t count, size_t at)
{
    for (size_t number = 1;; number++) {
        char *name = pn_xasprintf("%s_%zu", columns[at].name, number);
        size_t i = 0;
        while (i < count && strcmp(columns[i].name, name) != 0) {
            i++;
        }
        if (i == count) {
            return name;
        }
        free(name);
    }
}

static void rename_to(struct pn_row_column *column, char *name)
{
    free(column->name);
    column->name = name;
}

char *pn_row_api_name(const char *name, enum pn_cell type)
{
    size_t len = strlen(name);
    if (type != PN_CELL_TIME && type != PN_CELL_DURATION) {
        return pn_xstrdup(name);
    }
    if (strcmp(name, "seconds") == 0) {
        return pn_xstrdup("duration_ms");
    }
    if (type == PN_CELL_DURATION && len > 2 && strcmp(name + len - 2, "_s") == 0) {
        return pn_xasprintf("%.*s_ms", (int)(len - 2), name);
    }
    return pn_xasprintf("%s_ms", name);
}

/* An object's members have names of their own, which a result's columns need not have. */
void pn_row_json_names(struct pn_row_writer *rows)
{
    struct pn_row_column *columns = rows->columns;
    for (size_t i = 0; i < rows->count && rows->format == PN_FORMAT_API; i++) {
        rename_to(&columns[i], pn_row_api_name(columns[i].name, columns[i].type));
    }
    for (size_t i = 1; i < rows->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(columns[i].name, columns[k].name) == 0) {
                rename_to(&columns[i], unused_name(columns, rows->count, i));
                break;
            }
        }
    }
}

/* --- rows ------------------------------------------------------------------------------------- */

/* JSON text with what would steer a terminal as \\uXXXX, which says the same: such characters are
 * within strings only. */
static void put_json(const struct pn_row_writer *rows, const char *json, size_t len)
{
    size_t plain = 0; /* start of what is written as it is */
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)json[i];
        unsigned code = 0;
        char escape[sizeof "\\uffff"];
        if (c < 0x7f || (c != 0x7f && c != 0xc2 && c != 0xd8 && c != 0xe2)) {
            continue;
        }
        size_t bytes = pn_text_steers(json + i, len - i, &code);
        if (bytes > 0) {
            pn_row_put(rows, json + plain, i - plain);
            (void)snprintf(escape, sizeof escape, "\\u%04x", code & 0xffffU);
            pn_row_puts(rows, escape);
            i += bytes - 1;
            plain = i + 1;
        }
    }
    pn_row_put(rows, json + plain, len - plain);
}

/* Hands on what the cell added. */
static void emit(struct pn_row_writer *rows)
{
    put_json(rows, pn_buf_text(&rows->text), rows->text.len);
    pn_buf_reset(&rows->text);
}

static void begin_document(struct pn_row_writer *rows)
{
    pn_json_writer_init(&rows->json, &rows->text);
    if (rows->format != PN_FORMAT_JSONL) {
        pn_json_put_array(&rows->json);
    }
}

static void begin_row(struct pn_row_writer *rows)
{
    if (rows->rows == 0) {
        begin_document(rows);
    }
    if (rows->format == PN_FORMAT_JSON) {
        pn_json_put_break(&rows->json, 1);
    }
    pn_json_put_object(&rows->json);
}

static void end_row(struct pn_row_writer *rows)
{
    pn_json_end(&rows->json);
    if (rows->format == PN_FORMAT_JSONL) {
        pn_json_end_line(&rows->json);
    }
}

void pn_row_json_cell(struct pn_row_writer *rows, const char *text, size_t len,
                      enum pn_row_kind kind)
{
    if (rows->at == 0) {
        begin_row(rows);
    }
    pn_json_put_key(&rows->json, rows->columns[rows->at].name);
    if (kind == PN_ROW_TEXT) {
        pn_json_put_string(&rows->json, text, len);
    } else {
        pn_json_put_raw(&rows->json, text, len);
    }
    if (rows->at + 1 == rows->count) {
        end_row(rows);
    }
    emit(rows);
}

void pn_row_json_end(struct pn_row_writer *rows)
{
    if (rows->format == PN_FORMAT_JSONL) {
        return;
    }
    if (rows->rows == 0) {
        begin_document(rows);
    } else if (rows->format == PN_FORMAT_JSON) {
        pn_json_put_break(&rows->json, 0);
    }
    pn_json_end(&rows->json);
    if (rows->format == PN_FORMAT_JSON) {
        pn_json_end_line(&rows->json);
    }
    emit(rows);
}
