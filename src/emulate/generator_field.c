/* Fields: a template each, what may go wrong with it, and the order they are made in. */
#include <string.h>

#include "base/json.h"
#include "emulate/generator_internal.h"

static const char *json_of(struct pn_arena *arena, const char *text, size_t *len)
{
    struct pn_buf buf;
    pn_buf_init(&buf, PN_GENERATOR_RECORD_BYTES_MAX);
    pn_json_write_cstr(&buf, text);
    *len = buf.len;
    const char *json = pn_arena_strndup(arena, pn_buf_text(&buf), buf.len);
    pn_buf_deinit(&buf);
    return json;
}

static int read_anomaly(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                        struct pn_gen_anomaly *anomaly, struct pn_err *e)
{
    static const struct pn_yaml_key keys[] = {{"chance", PN_YAML_SCALAR, true},
                                              {"text", PN_YAML_SCALAR, false},
                                              {"is_null", PN_YAML_SCALAR, false},
                                              {"missing", PN_YAML_SCALAR, false},
                                              {NULL, PN_YAML_NULL, false}};
    struct pn_generator *generator = compiler->generator;
    bool null = false;
    bool missing = false;
    int rc = pn_yaml_check(&generator->yaml, node, keys, e);
    if (rc == 0) {
        rc = pn_gen_chance(generator, pn_yaml_get(node, "chance"), &anomaly->below, e);
    }
    if (rc == 0) {
        rc = pn_yaml_bool(&generator->yaml, pn_yaml_get(node, "is_null"), &null, e);
    }
    if (rc == 0) {
        rc = pn_yaml_bool(&generator->yaml, pn_yaml_get(node, "missing"), &missing, e);
    }
    if (rc != 0) {
        return rc;
    }
    const struct pn_yaml_node *text = pn_yaml_get(node, "text");
    if ((text != NULL) + null + missing != 1) {
        return pn_yaml_error(&generator->yaml, node, e,
                             "an anomaly must be one of: text: TEXT, is_null: true, missing: true");
    }
    anomaly->kind = missing ? PN_GEN_MISSING : null ? PN_GEN_NULL : PN_GEN_TEXT;
    if (text != NULL) {
        anomaly->json = json_of(&generator->arena, text->text, &anomaly->json_len);
    }
    return 0;
}

static int read_anomalies(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                          struct pn_gen_field *field, struct pn_err *e)
{
    if (node == NULL) {
        return 0;
    }
    struct pn_gen_anomaly *anomalies =
        pn_arena_calloc(&compiler->generator->arena, node->count + 1, sizeof *anomalies);
    uint64_t below = 0;
    for (const struct pn_yaml_node *child = node->first; child != NULL; child = child->next) {
        struct pn_gen_anomaly *anomaly = &anomalies[field->anomaly_count++];
        int rc = read_anomaly(compiler, child, anomaly, e);
        if (rc != 0) {
            return rc;
        }
        below += anomaly->below;
        anomaly->below = below;
    }
    field->anomalies = anomalies;
    if (below > UINT64_C(1) << 32) {
        return pn_yaml_error(&compiler->generator->yaml, node, e,
                             "the chances add up to more than 1");
    }
    return 0;
}

static int compile_map(struct pn_gen_compiler *compiler, struct pn_gen_field *field,
                       struct pn_err *e)
{
    static const struct pn_yaml_key keys[] = {{"text", PN_YAML_SCALAR, true},
                                              {"as", PN_YAML_SCALAR, false},
                                              {"anomalies", PN_YAML_LIST, false},
                                              {NULL, PN_YAML_NULL, false}};
    static const char *const types[] = {"text", "number"};
    const struct pn_yaml *yaml = &compiler->generator->yaml;
    const struct pn_yaml_node *node = field->node;
    int rc = pn_yaml_check(yaml, node, keys, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_yaml_node *text = pn_yaml_get(node, "text");
    size_t type = 0;
    rc = pn_yaml_choice(yaml, pn_yaml_get(node, "as"), types, 2, &type, e);
    if (rc == 0) {
        rc = read_anomalies(compiler, pn_yaml_get(node, "anomalies"), field, e);
    }
    if (rc == 0) {
        rc = pn_gen_template_read(compiler, text, text->text, &field->template, e);
    }
    field->is_number = type == 1;
    if (rc == 0 && field->is_number &&
        !pn_gen_template_is_number(compiler->kind, &field->template)) {
        rc = pn_yaml_error(yaml, text, e,
                           "\"%.60s\" does not always give a number: it must be a single ${...} or "
                           "number, and so must the items of its list",
                           text->text);
    }
    return rc;
}

static int compile(struct pn_gen_compiler *compiler, size_t index, struct pn_err *e)
{
    struct pn_gen_kind *kind = compiler->kind;
    struct pn_gen_field *field = &kind->fields[index];
    field->state = PN_GEN_UNDER_WAY;
    int rc;
    if (field->node->kind == PN_YAML_SCALAR) {
        rc = pn_gen_template_read(compiler, field->node, field->node->text, &field->template, e);
    } else {
        rc = compile_map(compiler, field, e);
    }
    field->state = PN_GEN_DONE;
    kind->order[kind->order_count++] = index;
    return rc;
}

int pn_gen_field_find(struct pn_gen_compiler *compiler, const struct pn_yaml_node *node,
                      const char *name, size_t *field, struct pn_err *e)
{
    *field = SIZE_MAX;
    for (size_t i = 0; i < compiler->kind->field_count; i++) {
        const struct pn_gen_field *found = &compiler->kind->fields[i];
        if (strcmp(found->name, name) != 0) {
            continue;
        }
        if (found->state == PN_GEN_UNDER_WAY) {
            return pn_yaml_error(&compiler->generator->yaml, node, e,
                                 "the field \"%s\" needs itself", name);
        }
        *field = i;
        return found->state == PN_GEN_DONE ? 0 : compile(compiler, i, e);
    }
    return 0;
}

static int add_fields(struct pn_gen_compiler *compiler, const struct pn_yaml_node *map, bool hidden,
                      struct pn_err *e)
{
    struct pn_arena *arena = &compiler->generator->arena;
    struct pn_gen_kind *kind = compiler->kind;
    for (const struct pn_yaml_node *child = map != NULL ? map->first : NULL; child != NULL;
         child = child->next) {
        for (size_t i = 0; i < kind->field_count; i++) {
            if (strcmp(kind->fields[i].name, child->key) == 0) {
                return pn_yaml_error(&compiler->generator->yaml, child, e,
                                     "the kind already has a field of that name");
            }
        }
        struct pn_gen_field *field = &kind->fields[kind->field_count++];
        field->name = child->key;
        field->node = child;
        field->hidden = hidden;
        field->key = json_of(arena, child->key, &field->key_len);
    }
    return 0;
}

int pn_gen_fields_read(struct pn_gen_compiler *compiler, const struct pn_yaml_node *fields,
                       const struct pn_yaml_node *hidden, struct pn_err *e)
{
    struct pn_arena *arena = &compiler->generator->arena;
    struct pn_gen_kind *kind = compiler->kind;
    size_t count = fields->count + (hidden != NULL ? hidden->count : 0);
    if (fields->count == 0 || count > PN_GEN_FIELDS_MAX) {
        return pn_yaml_error(&compiler->generator->yaml, fields, e,
                             "a kind must have 1 to %d fields, including hidden ones",
                             PN_GEN_FIELDS_MAX);
    }
    kind->fields = pn_arena_calloc(arena, count, sizeof *kind->fields);
    kind->order = pn_arena_calloc(arena, count, sizeof *kind->order);
    int rc = add_fields(compiler, fields, false, e);
    if (rc == 0) {
        rc = add_fields(compiler, hidden, true, e);
    }
    for (size_t i = 0; i < kind->field_count && rc == 0; i++) {
        if (kind->fields[i].state == PN_GEN_UNKNOWN) {
            rc = compile(compiler, i, e);
        }
    }
    return rc;
}
