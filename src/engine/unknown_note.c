#include "engine/unknown_note.h"

#include <string.h>

#include "base/json_writer.h"

static const char KEY[] = "unknownMembers";

void pn_unknown_note_write(struct pn_buf *out, const struct pn_table_report *report)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, out);
    pn_json_put_object(&json);
    pn_json_add_object(&json, KEY);
    pn_json_add_i64(&json, "values", report->unknown_values);
    if (report->unknown_values > 0) {
        pn_json_add_array(&json, "names");
        for (size_t i = 0; i < report->unknown_count; i++) {
            pn_json_put_object(&json);
            pn_json_add_cstr(&json, "name", report->unknown[i].name);
            pn_json_add_i64(&json, "values", report->unknown[i].count);
            pn_json_end(&json);
        }
        pn_json_end(&json);
        pn_json_add_i64(&json, "moreNames", (int64_t)report->unknown_more);
        pn_json_add_cstr(&json, "object", report->unknown_place);
        pn_json_add_i64(&json, "line", report->unknown_position);
    }
    pn_json_end(&json);
    pn_json_end(&json);
}

static const char *text_of(struct pn_arena *arena, const struct pn_json *object, const char *key)
{
    const char *text = NULL;
    size_t len = 0;
    return pn_json_get_text(object, key, &text, &len) ? pn_arena_strndup(arena, text, len) : NULL;
}

void pn_unknown_note_read(const char *notes, struct pn_arena *arena, struct pn_unknown_note *note)
{
    *note = (struct pn_unknown_note){0};
    if (notes == NULL) {
        return;
    }
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    struct pn_err ignored;
    size_t len = strlen(notes);
    if (pn_json_parse(parser, notes, len, len, &root, &ignored) == 0) {
        const struct pn_json *members = pn_json_get(root, KEY);
        const struct pn_json *names = pn_json_get(members, "names");
        bool is_list = names != NULL && names->type == PN_JSON_ARRAY;
        note->values = pn_json_get_i64(members, "values", 0);
        note->name = text_of(arena, is_list ? names->first : NULL, "name");
        note->object = text_of(arena, members, "object");
        note->line = pn_json_get_i64(members, "line", 0);
    }
    pn_json_parser_destroy(&parser);
}
