#include "query/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Values come as JSON text, so the type says how they are aligned. */
static enum pn_cell type_of(const char *type)
{
    if (strcmp(type, "DOUBLE") == 0 || strcmp(type, "FLOAT") == 0 ||
        strncmp(type, "DECIMAL", strlen("DECIMAL")) == 0) {
        return PN_CELL_DOUBLE;
    }
    return strstr(type, "INT") != NULL ? PN_CELL_WIDE : PN_CELL_JSON;
}

void pn_answer_columns(struct pn_row_writer *rows, const char *const *names,
                       const char *const *types, size_t count)
{
    struct pn_report_column *columns = pn_xcalloc(count, sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        columns[i] = (struct pn_report_column){.name = names[i], .type = type_of(types[i])};
    }
    pn_row_writer_begin(rows, columns, count);
    free(columns);
}

void pn_answer_row(struct pn_row_writer *rows, struct pn_json_parser *parser,
                   const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(values[i]);
        struct pn_json *node = NULL;
        if (strcmp(values[i], "null") == 0) {
            pn_cell_null_value(rows);
        } else if (values[i][0] == '"' &&
                   pn_json_parse(parser, values[i], len, len, &node, NULL) == 0) {
            pn_cell_text(rows, node->text, node->text_len);
        } else {
            pn_cell_json(rows, values[i], len);
        }
    }
}
