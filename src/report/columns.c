#include "report/columns.h"

#include <stdlib.h>

#include "report/row_internal.h"

static const char *json_type(enum pn_cell type)
{
    switch (type) {
    case PN_CELL_BOOL:
        return "boolean";
    case PN_CELL_TIME:
    case PN_CELL_INT:
    case PN_CELL_DURATION:
        return "integer";
    case PN_CELL_DOUBLE:
        return "number";
    case PN_CELL_JSON:
        return NULL; /* of any type */
    default:
        return "string";
    }
}

/* What a string holds. */
static void add_form(struct pn_json_writer *json, enum pn_cell type)
{
    if (type == PN_CELL_WIDE) {
        pn_json_add_cstr(json, "pattern", "^-?[0-9]+$");
    } else if (type == PN_CELL_DIGITS) {
        pn_json_add_cstr(json, "pattern", "^[0-9]+$");
    } else if (type == PN_CELL_BYTES) {
        pn_json_add_cstr(json, "contentEncoding", "base64");
    } else if (type == PN_CELL_TIME) {
        pn_json_add_cstr(json, "description", "milliseconds since 1970");
    } else if (type == PN_CELL_DURATION) {
        pn_json_add_cstr(json, "description", "milliseconds");
    }
}

static void put_column(struct pn_json_writer *json, enum pn_cell type, bool nullable)
{
    const char *name = json_type(type);
    pn_json_put_object(json);
    if (name != NULL && nullable) {
        pn_json_add_array(json, "type");
        pn_json_put_cstr(json, name);
        pn_json_put_cstr(json, "null");
        pn_json_end(json);
    } else if (name != NULL) {
        pn_json_add_cstr(json, "type", name);
    }
    add_form(json, type);
    pn_json_end(json);
}

static enum pn_cell cell_of(const struct pn_report_column *column)
{
    return (enum pn_cell)(column->type & ~PN_NOT_NULL);
}

void pn_report_put_schema(struct pn_json_writer *json, const struct pn_report_columns *columns)
{
    pn_json_put_object(json);
    pn_json_add_cstr(json, "type", "object");
    pn_json_add_object(json, "properties");
    for (size_t i = 0; i < columns->count; i++) {
        const struct pn_report_column *column = &columns->items[i];
        char *name = pn_row_api_name(column->name, cell_of(column));
        pn_json_put_key(json, name);
        put_column(json, cell_of(column), (column->type & PN_NOT_NULL) == 0);
        free(name);
    }
    pn_json_end(json);
    pn_json_add_array(json, "required");
    for (size_t i = 0; i < columns->count; i++) {
        char *name = pn_row_api_name(columns->items[i].name, cell_of(&columns->items[i]));
        pn_json_put_cstr(json, name);
        free(name);
    }
    pn_json_end(json);
    pn_json_add_bool(json, "additionalProperties", false);
    pn_json_end(json);
}
