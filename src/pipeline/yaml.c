#include "pipeline/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

enum {
    PATH_MAX_BYTES = 300,
    LIST_MAX_BYTES = 400,
    LISTED_MAX = 14,
    WORDS_MAX = 2048 /* for near misses */
};

static const char *const kind_names[] = {"nothing", "a value", "a list", "a map"};

/* "tables.geo.columns" from the root down, cut at the front when it is very long. */
static void add_path(struct pn_buf *out, const struct pn_yaml_node *node)
{
    const struct pn_yaml_node *chain[PN_YAML_DEPTH_MAX + 1];
    size_t depth = 0;
    for (; node != NULL && node->parent != NULL; node = node->parent) {
        PN_ASSERT(depth <= PN_YAML_DEPTH_MAX);
        chain[depth++] = node;
    }
    while (depth-- > 0) {
        if (chain[depth]->key != NULL) {
            pn_buf_addf(out, "%s%.100s", out->len > 0 ? "." : "", chain[depth]->key);
        } else {
            pn_buf_addf(out, "[%zu]", chain[depth]->index);
        }
    }
}

static int yaml_error(const struct pn_yaml *yaml, const struct pn_yaml_node *node, struct pn_err *e,
                      const char *message)
{
    struct pn_buf path;
    pn_buf_init(&path, PATH_MAX_BYTES);
    add_path(&path, node);
    const struct pn_yaml *from = node->from != NULL ? node->from : yaml;
    int rc = pn_err_input(e, "%s:%d: %s%s%s", from->file, node->line, pn_buf_text(&path),
                          path.len > 0 ? ": " : "", message);
    pn_buf_deinit(&path);
    return rc;
}

int pn_yaml_error(const struct pn_yaml *yaml, const struct pn_yaml_node *node, struct pn_err *e,
                  const char *fmt, ...)
{
    struct pn_err inner;
    va_list args;
    va_start(args, fmt);
    (void)pn_err_setv(&inner, PN_CLASS_INPUT, PN_FAIL, fmt, args);
    va_end(args);
    return yaml_error(yaml, node, e, inner.msg);
}

void pn_yaml_prefix(const struct pn_yaml *yaml, const struct pn_yaml_node *node, struct pn_err *e)
{
    struct pn_buf path;
    pn_buf_init(&path, PATH_MAX_BYTES);
    add_path(&path, node);
    const struct pn_yaml *from = node->from != NULL ? node->from : yaml;
    pn_err_prefix(e, "%s:%d: %s", from->file, node->line, pn_buf_text(&path));
    pn_buf_deinit(&path);
}

int pn_yaml_error_unknown(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                          const char *what, const char *text, const char *const *words,
                          size_t count, struct pn_err *e)
{
    const char *near = pn_nearest(text, words, count);
    struct pn_buf list;
    pn_buf_init(&list, LIST_MAX_BYTES);
    /* All of a short list; of a long one nothing but the near word helps. */
    for (size_t i = 0; i < count && count <= LISTED_MAX; i++) {
        pn_buf_addf(&list, "%s%s", i > 0 ? ", " : " (one of ", words[i]);
    }
    pn_buf_adds(&list, count == 0 ? " (there are none)" : list.len > 0 ? ")" : "");
    int rc =
        pn_yaml_error(yaml, node, e, "unknown %s \"%.60s\"%s%s%s%s", what, text,
                      near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                      near != NULL ? "\"?" : "", pn_buf_failed(&list) ? "" : pn_buf_text(&list));
    pn_buf_deinit(&list);
    return rc;
}

const struct pn_yaml_node *pn_yaml_get(const struct pn_yaml_node *map, const char *key)
{
    if (map == NULL || map->kind != PN_YAML_MAP) {
        return NULL;
    }
    for (const struct pn_yaml_node *node = map->first; node != NULL; node = node->next) {
        if (strcmp(node->key, key) == 0) {
            return node->kind != PN_YAML_NULL ? node : NULL;
        }
    }
    return NULL;
}

static int check_kind(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                      enum pn_yaml_kind kind, struct pn_err *e)
{
    if (node->kind == kind) {
        return 0;
    }
    return pn_yaml_error(yaml, node, e, "must be %s, not %s", kind_names[kind],
                         kind_names[node->kind]);
}

static int check_member(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                        const struct pn_yaml_key *keys, struct pn_err *e)
{
    const char *names[WORDS_MAX];
    size_t count = 0;
    for (; keys[count].name != NULL; count++) {
        PN_ASSERT(count < WORDS_MAX);
        names[count] = keys[count].name;
        if (strcmp(keys[count].name, node->key) != 0) {
            continue;
        }
        if (keys[count].kind == PN_YAML_NULL || node->kind == PN_YAML_NULL) {
            return 0;
        }
        return check_kind(yaml, node, keys[count].kind, e);
    }
    return pn_yaml_error_unknown(yaml, node, "key", node->key, names, count, e);
}

int pn_yaml_check(const struct pn_yaml *yaml, const struct pn_yaml_node *map,
                  const struct pn_yaml_key *keys, struct pn_err *e)
{
    int rc = check_kind(yaml, map, PN_YAML_MAP, e);
    for (const struct pn_yaml_node *node = map->first; rc == 0 && node != NULL; node = node->next) {
        rc = check_member(yaml, node, keys, e);
    }
    for (; rc == 0 && keys->name != NULL; keys++) {
        if (keys->required && pn_yaml_get(map, keys->name) == NULL) {
            rc = pn_yaml_error(yaml, map, e, "the key \"%s\" is missing", keys->name);
        }
    }
    return rc;
}

/* Runs the rest of a getter only on a scalar that is there. */
static int scalar(const struct pn_yaml *yaml, const struct pn_yaml_node *node, bool *there,
                  struct pn_err *e)
{
    *there = node != NULL;
    return node != NULL ? check_kind(yaml, node, PN_YAML_SCALAR, e) : 0;
}

int pn_yaml_text(const struct pn_yaml *yaml, const struct pn_yaml_node *node, const char **value,
                 struct pn_err *e)
{
    bool there = false;
    int rc = scalar(yaml, node, &there, e);
    if (rc != 0 || !there) {
        return rc;
    }
    if (*node->text == '\0') {
        return pn_yaml_error(yaml, node, e, "is empty");
    }
    *value = node->text;
    return 0;
}

int pn_yaml_bool(const struct pn_yaml *yaml, const struct pn_yaml_node *node, bool *value,
                 struct pn_err *e)
{
    static const char *const words[] = {"false", "true"};
    size_t index = *value;
    int rc = pn_yaml_choice(yaml, node, words, 2, &index, e);
    if (rc == 0) {
        *value = index == 1;
    }
    return rc;
}

int pn_yaml_i64(const struct pn_yaml *yaml, const struct pn_yaml_node *node, int64_t min,
                int64_t max, int64_t *value, struct pn_err *e)
{
    bool there = false;
    int rc = scalar(yaml, node, &there, e);
    if (rc != 0 || !there) {
        return rc;
    }
    struct pn_err inner;
    int64_t number = 0;
    if (pn_parse_i64(node->text, &number, &inner) != 0) {
        return yaml_error(yaml, node, e, inner.msg);
    }
    if (number < min || number > max) {
        return pn_yaml_error(yaml, node, e, "must be %lld to %lld, not %lld", (long long)min,
                             (long long)max, (long long)number);
    }
    *value = number;
    return 0;
}

int pn_yaml_double(const struct pn_yaml *yaml, const struct pn_yaml_node *node, double *value,
                   struct pn_err *e)
{
    bool there = false;
    int rc = scalar(yaml, node, &there, e);
    if (rc != 0 || !there) {
        return rc;
    }
    char *end = NULL;
    double number = strtod(node->text, &end);
    if (end == node->text || *end != '\0' || !isfinite(number)) {
        return pn_yaml_error(yaml, node, e, "\"%.60s\" is not a number", node->text);
    }
    *value = number;
    return 0;
}

int pn_yaml_size(const struct pn_yaml *yaml, const struct pn_yaml_node *node, int64_t *size_bytes,
                 struct pn_err *e)
{
    bool there = false;
    int rc = scalar(yaml, node, &there, e);
    if (rc != 0 || !there) {
        return rc;
    }
    struct pn_err inner;
    if (pn_parse_size(node->text, size_bytes, &inner) != 0) {
        return yaml_error(yaml, node, e, inner.msg);
    }
    return 0;
}

int pn_yaml_duration(const struct pn_yaml *yaml, const struct pn_yaml_node *node, int64_t max_ms,
                     int64_t *duration_ms, struct pn_err *e)
{
    bool there = false;
    int rc = scalar(yaml, node, &there, e);
    if (rc != 0 || !there) {
        return rc;
    }
    struct pn_err inner;
    int64_t value = 0;
    if (pn_parse_duration(node->text, &value, &inner) != 0) {
        return yaml_error(yaml, node, e, inner.msg);
    }
    if (value > max_ms) {
        char most[PN_UNITS_SIZE];
        return pn_yaml_error(yaml, node, e, "%s is longer than %s", node->text,
                             pn_format_duration(max_ms, most));
    }
    *duration_ms = value;
    return 0;
}

int pn_yaml_choice(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                   const char *const *words, size_t count, size_t *index, struct pn_err *e)
{
    bool there = false;
    int rc = scalar(yaml, node, &there, e);
    if (rc != 0 || !there) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(node->text, words[i]) == 0) {
            *index = i;
            return 0;
        }
    }
    return pn_yaml_error_unknown(yaml, node, "word", node->text, words, count, e);
}
