#include "report/copies.h"

static const char *word_of(enum pn_copy_state state)
{
    switch (state) {
    case PN_COPY_SAME:
        return "same";
    case PN_COPY_MISSING:
        return "missing";
    case PN_COPY_DIFFERS:
        return "differs";
    case PN_COPY_DONE:
        return "copied";
    case PN_COPY_GONE:
        return "gone";
    case PN_COPY_FAILED:
        return "failed";
    }
    return "";
}

void pn_report_copy_objects(const struct pn_copy *copy, struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {{"key", PN_CELL_TEXT},
                                                      {"state", PN_CELL_TEXT},
                                                      {"size_bytes", PN_CELL_INT},
                                                      {"error", PN_CELL_TEXT}};
    PN_ROWS_BEGIN(rows, columns);
    for (size_t i = 0; i < copy->count; i++) {
        const struct pn_copy_item *item = &copy->items[i];
        if (item->state != PN_COPY_SAME) {
            pn_cell_cstr(rows, item->key);
            pn_cell_cstr(rows, word_of(item->state));
            pn_cell_int(rows, item->size_bytes);
            pn_cell_cstr(rows, item->why);
        }
    }
}

void pn_report_copy(const struct pn_copy *copy, const char *from, const char *to, bool is_complete,
                    struct pn_row_writer *rows)
{
    static const struct pn_report_column columns[] = {
        {"from", PN_CELL_TEXT},          {"to", PN_CELL_TEXT},
        {"copied", PN_CELL_INT},         {"copied_bytes", PN_CELL_INT},
        {"same", PN_CELL_INT},           {"same_bytes", PN_CELL_INT},
        {"missing", PN_CELL_INT},        {"differs", PN_CELL_INT},
        {"gone", PN_CELL_INT},           {"failed", PN_CELL_INT},
        {"only_in_target", PN_CELL_INT}, {"complete", PN_CELL_BOOL}};
    struct pn_copy_count done = pn_copy_count(copy, PN_COPY_DONE);
    struct pn_copy_count same = pn_copy_count(copy, PN_COPY_SAME);
    PN_ROWS_BEGIN(rows, columns);
    pn_cell_cstr(rows, from);
    pn_cell_cstr(rows, to);
    pn_cell_int(rows, done.objects);
    pn_cell_int(rows, done.bytes);
    pn_cell_int(rows, same.objects);
    pn_cell_int(rows, same.bytes);
    pn_cell_int(rows, pn_copy_count(copy, PN_COPY_MISSING).objects);
    pn_cell_int(rows, pn_copy_count(copy, PN_COPY_DIFFERS).objects);
    pn_cell_int(rows, pn_copy_count(copy, PN_COPY_GONE).objects);
    pn_cell_int(rows, pn_copy_count(copy, PN_COPY_FAILED).objects);
    pn_cell_int(rows, copy->extra);
    pn_cell_bool(rows, is_complete);
}
