#include "sink/note.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"

enum { ID_LEN = 16, OBJECTS_MAX = 65536 };

void pn_sink_note_write(const struct pn_sink_note *note, char *text)
{
    struct pn_buf out;
    struct pn_json_writer json;
    PN_ASSERT(note->cuts.count <= PN_SINK_NOTE_RUNS_MAX);
    pn_buf_init(&out, PN_NOTE_SIZE - 1);
    pn_json_writer_init(&json, &out);
    pn_json_put_object(&json);
    pn_json_add_textf(&json, "id", "%016" PRIx64, note->id);
    pn_json_add_i64(&json, "at", note->at);
    pn_json_add_i64(&json, "next", note->next);
    pn_json_put_key(&json, "cuts");
    pn_sink_cuts_write(&json, &note->cuts);
    pn_json_add_array(&json, "dead");
    pn_json_put_i64(&json, note->dead_letters);
    pn_json_put_i64(&json, note->dead_objects);
    pn_json_end(&json);
    if (note->prints.count > 0) {
        pn_json_put_key(&json, "seen");
        pn_sink_prints_write(&json, &note->prints);
    }
    pn_json_end(&json);
    PN_ASSERT(!pn_buf_failed(&out));
    memcpy(text, pn_buf_text(&out), out.len + 1);
    pn_buf_deinit(&out);
}

static bool read_id(const struct pn_json *root, uint64_t *id)
{
    const char *text = NULL;
    size_t len = 0;
    char copy[ID_LEN + 1] = {0};
    if (!pn_json_get_text(root, "id", &text, &len) || len != ID_LEN) {
        return false;
    }
    memcpy(copy, text, len);
    *id = strtoull(copy, NULL, 16);
    return strspn(copy, "0123456789abcdef") == ID_LEN;
}

static bool read_dead(const struct pn_json *pair, struct pn_sink_note *note)
{
    if (pair == NULL || pair->type != PN_JSON_ARRAY || pair->count != 2) {
        return false;
    }
    note->dead_letters = pair->first->is_integer ? pair->first->integer : -1;
    note->dead_objects = pair->first->next->is_integer ? pair->first->next->integer : -1;
    return note->dead_letters >= 0 && note->dead_objects >= 0;
}

/* Do the numbers go together? */
static bool is_sound(const struct pn_sink_note *note)
{
    const struct pn_sink_cuts *cuts = &note->cuts;
    int64_t objects = 0;
    if (note->at < 0 || note->next < 0 || cuts->count > PN_SINK_NOTE_RUNS_MAX) {
        return false;
    }
    if (cuts->count == 0) {
        return note->at == note->next;
    }
    for (size_t i = 0; i < cuts->count; i++) {
        objects += (cuts->cuts[i].end - cuts->cuts[i].first - 1) / cuts->cuts[i].step + 1;
        if (objects > OBJECTS_MAX) {
            return false;
        }
    }
    return cuts->cuts[0].first <= note->at && note->at < note->next &&
           cuts->cuts[cuts->count - 1].end == note->next;
}

bool pn_sink_note_read(const char *text, struct pn_sink_note *note)
{
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *root = NULL;
    size_t len = strlen(text);
    *note = (struct pn_sink_note){0};
    bool good = pn_json_parse(parser, text, len, len, &root, NULL) == 0 && read_id(root, &note->id);
    if (good) {
        note->at = pn_json_get_i64(root, "at", -1);
        note->next = pn_json_get_i64(root, "next", -1);
        good = pn_sink_cuts_read(pn_json_get(root, "cuts"), 0, &note->cuts) &&
               read_dead(pn_json_get(root, "dead"), note) &&
               pn_sink_prints_read(pn_json_get(root, "seen"), &note->prints) && is_sound(note);
    }
    pn_json_parser_destroy(&parser);
    if (!good) {
        pn_sink_note_deinit(note);
    }
    return good;
}

void pn_sink_note_deinit(struct pn_sink_note *note)
{
    pn_sink_cuts_deinit(&note->cuts);
}
