#include "delta/maker.h"

#include "base/mem.h"

bool pn_delta_maker_is_known(const struct pn_delta_maker *maker)
{
    return (maker->dag != NULL && maker->run != NULL && maker->task != NULL) ||
           maker->stream != NULL || maker->job != NULL || maker->command != NULL;
}

static void add_text(struct pn_json_writer *json, const char *key, const char *text)
{
    if (text != NULL) {
        pn_json_add_cstr(json, key, text);
    }
}

void pn_delta_maker_put(struct pn_json_writer *json, const struct pn_delta_maker *maker)
{
    pn_json_put_object(json);
    add_text(json, "dag", maker->dag);
    add_text(json, "run", maker->run);
    add_text(json, "task", maker->task);
    if (maker->attempt > 0) {
        pn_json_add_i64(json, "try", maker->attempt);
    }
    add_text(json, "stream", maker->stream);
    add_text(json, "job", maker->job);
    add_text(json, "who", maker->who);
    add_text(json, "command", maker->command);
    pn_json_end(json);
}

char *pn_delta_maker_text(const struct pn_delta_maker *maker)
{
    enum { MAKER_BYTES_MAX = 64 * 1024 };
    struct pn_buf text;
    struct pn_json_writer json;
    if (maker == NULL || !pn_delta_maker_is_known(maker)) {
        return NULL;
    }
    pn_buf_init(&text, MAKER_BYTES_MAX);
    pn_json_writer_init(&json, &text);
    pn_delta_maker_put(&json, maker);
    char *made = pn_buf_failed(&text) ? NULL : pn_xstrdup(pn_buf_text(&text));
    pn_buf_deinit(&text);
    return made;
}

static const char *read_text(const struct pn_json *node, const char *key, struct pn_arena *arena)
{
    const char *text = NULL;
    size_t len = 0;
    return pn_json_get_text(node, key, &text, &len) && len > 0 ? pn_arena_strndup(arena, text, len)
                                                               : NULL;
}

void pn_delta_maker_read(const struct pn_json *node, struct pn_arena *arena,
                         struct pn_delta_maker *maker)
{
    *maker = (struct pn_delta_maker){.dag = NULL};
    if (node == NULL || node->type != PN_JSON_OBJECT) {
        return;
    }
    maker->dag = read_text(node, "dag", arena);
    maker->run = read_text(node, "run", arena);
    maker->task = read_text(node, "task", arena);
    if (maker->dag != NULL && maker->run != NULL && maker->task != NULL) {
        maker->attempt = pn_json_get_i64(node, "try", 0);
        return;
    }
    *maker = (struct pn_delta_maker){.stream = read_text(node, "stream", arena)};
    if (maker->stream != NULL) {
        return;
    }
    maker->job = read_text(node, "job", arena);
    if (maker->job != NULL) {
        maker->who = read_text(node, "who", arena);
        return;
    }
    maker->command = read_text(node, "command", arena);
}
