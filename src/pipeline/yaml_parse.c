/* From libfyaml's events to nodes. Events, not its documents: the tree is built in one loop without
 * recursion, and limits, duplicates and lines are ours to say. */
#include <libfyaml.h>
#include <string.h>

#include "base/json.h"
#include "base/text_signature.h"
#include "pipeline/variables.h"
#include "pipeline/yaml.h"

enum {
    ANCHORS_MAX = 1000,
    KEYS_MAX = 5000 /* of one map: each is compared with all before it */
};

struct builder {
    struct pn_yaml *yaml;
    struct pn_arena *arena;
    struct pn_yaml_node *open[PN_YAML_DEPTH_MAX]; /* the containers around the next node */
    size_t depth;
    bool expands;    /* variables in values */
    const char *key; /* read, its value not yet */
    int key_line;
    size_t nodes;
    int documents;
    int line;            /* of the last event */
    const char *printed; /* what libfyaml said without collecting it */
    /* Anchors, newest last: an alias means the newest of its name. */
    struct {
        const char *name;
        struct pn_yaml_node *node;
    } anchors[ANCHORS_MAX];
    size_t anchor_count;
};

static int line_error(const struct builder *b, int line, struct pn_err *e, const char *what)
{
    return pn_err_input(e, "%s:%d: %s", b->yaml->file, line, what);
}

/* What is empty has no place of its own: it is where the last event was. */
static int event_line(struct builder *b, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    b->line = mark != NULL ? mark->line + 1 : b->line;
    return b->line;
}

/* A copy of a token's text, or NULL when a NUL is in it. */
static char *token_text(struct builder *b, struct fy_token *token)
{
    size_t len = 0;
    const char *text = token != NULL ? fy_token_get_text(token, &len) : "";
    if (text == NULL || memchr(text, '\0', len) != NULL) {
        return NULL;
    }
    return pn_arena_strndup(b->arena, text, len);
}

static int add_anchor(struct builder *b, struct fy_token *token, struct pn_yaml_node *node,
                      struct pn_err *e)
{
    if (token == NULL) {
        return 0;
    }
    if (b->anchor_count == ANCHORS_MAX) {
        return line_error(b, node->line, e, "too many anchors");
    }
    const char *name = token_text(b, token);
    b->anchors[b->anchor_count].name = name != NULL ? name : "";
    b->anchors[b->anchor_count++].node = node;
    return 0;
}

/* Hangs a node into the innermost container, under the key that was read before it. */
static int attach(struct builder *b, struct pn_yaml_node *node, struct pn_err *e)
{
    if (++b->nodes > PN_YAML_NODES_MAX) {
        return line_error(b, node->line, e, "too many values");
    }
    if (b->depth == 0) {
        b->yaml->root = node;
        return 0;
    }
    struct pn_yaml_node *parent = b->open[b->depth - 1];
    node->parent = parent;
    node->index = parent->count;
    if (parent->kind == PN_YAML_MAP) {
        PN_ASSERT(b->key != NULL);
        node->key = b->key;
        node->line = b->key_line;
        b->key = NULL;
        if (parent->count == KEYS_MAX) {
            return pn_yaml_error(b->yaml, node, e, "exceeds the maximum of %d keys", KEYS_MAX);
        }
        for (const struct pn_yaml_node *other = parent->first; other != NULL; other = other->next) {
            if (strcmp(other->key, node->key) == 0) {
                return pn_yaml_error(b->yaml, node, e, "is given twice, first on line %d",
                                     other->line);
            }
        }
    }
    if (parent->last != NULL) {
        parent->last->next = node;
    } else {
        parent->first = node;
    }
    parent->last = node;
    parent->count++;
    return 0;
}

static struct pn_yaml_node *new_node(struct builder *b, enum pn_yaml_kind kind, int line)
{
    struct pn_yaml_node *node = pn_arena_calloc(b->arena, 1, sizeof *node);
    node->kind = kind;
    node->line = line;
    node->expanded = 1;
    return node;
}

static bool wants_key(const struct builder *b)
{
    return b->depth > 0 && b->open[b->depth - 1]->kind == PN_YAML_MAP && b->key == NULL;
}

/* Counts what a finished node stands for in the container around it. */
static int count_expanded(struct builder *b, const struct pn_yaml_node *node, struct pn_err *e)
{
    if (b->depth == 0) {
        return 0;
    }
    struct pn_yaml_node *parent = b->open[b->depth - 1];
    parent->expanded += node->expanded;
    if (parent->expanded > PN_YAML_NODES_MAX) {
        return line_error(b, node->line, e, "too many values (aliases count as what they name)");
    }
    return 0;
}

/* Replaces the variables of a value. */
static int expand(struct builder *b, int line, const char **text, struct pn_err *e)
{
    struct pn_err why = {0};
    bool is_command = b->key != NULL && strcmp(b->key, "command") == 0;
    if (!b->expands || is_command || pn_variables_expand(b->arena, *text, text, &why) == 0) {
        return 0;
    }
    return pn_err_input(e, "%s:%d: %s", b->yaml->file, line, why.msg);
}

static int on_scalar(struct builder *b, struct fy_event *event, struct pn_err *e)
{
    int line = event_line(b, event);
    if (event->scalar.tag != NULL) {
        return line_error(b, line, e, "tags (!...) are not supported");
    }
    const char *text = token_text(b, event->scalar.value);
    if (text == NULL) {
        return line_error(b, line, e, "a string contains a NUL character");
    }
    if (!wants_key(b)) {
        int rc = expand(b, line, &text, e);
        if (rc != 0) {
            return rc;
        }
    }
    bool plain =
        event->scalar.value == NULL || fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
    bool null = plain && (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
    if (wants_key(b)) {
        if (null) {
            return line_error(b, line, e, "a key is empty");
        }
        b->key = text;
        b->key_line = line;
        return 0;
    }
    struct pn_yaml_node *node = new_node(b, null ? PN_YAML_NULL : PN_YAML_SCALAR, line);
    node->text = text;
    node->is_plain = plain;
    int rc = attach(b, node, e);
    if (rc == 0) {
        rc = count_expanded(b, node, e);
    }
    if (rc == 0) {
        rc = add_anchor(b, event->scalar.anchor, node, e);
    }
    return rc;
}

static int on_start(struct builder *b, struct fy_event *event, enum pn_yaml_kind kind,
                    struct fy_token *anchor, struct fy_token *tag, struct pn_err *e)
{
    int line = event_line(b, event);
    if (tag != NULL) {
        return line_error(b, line, e, "tags (!...) are not supported");
    }
    if (wants_key(b)) {
        return line_error(b, line, e, "a key must be a string");
    }
    if (b->depth == PN_YAML_DEPTH_MAX) {
        return line_error(b, line, e, "nested too deeply");
    }
    struct pn_yaml_node *node = new_node(b, kind, line);
    int rc = attach(b, node, e);
    b->open[b->depth++] = node;
    /* Known from here on, but usable only once it is complete: see on_alias(). */
    return rc != 0 ? rc : add_anchor(b, anchor, node, e);
}

static int on_end(struct builder *b, struct pn_err *e)
{
    PN_ASSERT(b->depth > 0);
    const struct pn_yaml_node *node = b->open[--b->depth];
    return count_expanded(b, node, e);
}

static int on_alias(struct builder *b, struct fy_event *event, struct pn_err *e)
{
    int line = event_line(b, event);
    const char *name = token_text(b, event->alias.anchor);
    const struct pn_yaml_node *meant = NULL;
    for (size_t i = b->anchor_count; name != NULL && i-- > 0 && meant == NULL;) {
        if (strcmp(b->anchors[i].name, name) == 0) {
            meant = b->anchors[i].node;
        }
    }
    if (meant == NULL) {
        size_t len = name != NULL ? strlen(name) : 0;
        len -= len > 0 && name[len - 1] == ':'; /* of a key */
        return pn_err_input(e,
                            "%s:%d: *%.*s is an alias of an unknown anchor: quote a text that "
                            "begins with *, as in \"*%.*s\"",
                            b->yaml->file, line, (int)(len < 60 ? len : 60),
                            name != NULL ? name : "", (int)(len < 60 ? len : 60),
                            name != NULL ? name : "");
    }
    for (size_t i = 0; i < b->depth; i++) {
        if (b->open[i] == meant) {
            return line_error(b, line, e, "an alias is inside its own anchor");
        }
    }
    if (wants_key(b)) {
        return line_error(b, line, e, "a key must be a string");
    }
    /* The children are shared, so that an alias costs one node whatever it stands for. */
    struct pn_yaml_node *node = new_node(b, meant->kind, line);
    *node = *meant;
    node->line = line;
    node->key = NULL;
    node->next = NULL;
    int rc = attach(b, node, e);
    return rc != 0 ? rc : count_expanded(b, node, e);
}

static int on_event(struct builder *b, struct fy_event *event, struct pn_err *e)
{
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if (++b->documents > 1) {
            return line_error(b, event_line(b, event), e,
                              "a second document (---) is not supported");
        }
        return 0;
    case FYET_MAPPING_START:
        return on_start(b, event, PN_YAML_MAP, event->mapping_start.anchor,
                        event->mapping_start.tag, e);
    case FYET_SEQUENCE_START:
        return on_start(b, event, PN_YAML_LIST, event->sequence_start.anchor,
                        event->sequence_start.tag, e);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return on_end(b, e);
    case FYET_SCALAR:
        return on_scalar(b, event, e);
    case FYET_ALIAS:
        return on_alias(b, event, e);
    default:
        return 0;
    }
}

/* A few complaints have no place in the file and are not collected, but printed; here is where. */
static void keep_printed(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    struct builder *b = user;
    if (b->printed == NULL) {
        size_t skip = len > 7 && memcmp(text, "[ERR]: ", 7) == 0 ? 7 : 0;
        b->printed = pn_arena_strndup(b->arena, text + skip, len - skip);
    }
}

/* The first full-width character of a line that stands for one of YAML's, as input methods write
 * it; NULL: there is none. *meant is YAML's own. */
static const char *full_width(const struct builder *b, int line, const char **meant)
{
    static const struct {
        const char *wide;
        const char *ascii;
    } pairs[] = {{"\uff1a", ":"},  {"\uff0c", ","},  {"\u3000", "a space"}, {"\uff5b", "{"},
                 {"\uff5d", "}"},  {"\uff3b", "["},  {"\uff3d", "]"},       {"\uff02", "\""},
                 {"\u201c", "\""}, {"\u201d", "\""}, {"\uff03", "#"},       {"\uff0d", "-"}};
    const char *at = b->yaml->text;
    for (; line > 1 && at != NULL; line--) {
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    size_t len = at != NULL ? strcspn(at, "\n") : 0;
    for (size_t i = 0; i < len; i++) {
        for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
            if (strncmp(at + i, pairs[k].wide, strlen(pairs[k].wide)) == 0) {
                *meant = pairs[k].ascii;
                return pairs[k].wide;
            }
        }
    }
    return NULL;
}

/* The first of the parser's own complaints. */
static int syntax_error(const struct builder *b, struct fy_diag *diag, struct pn_err *e)
{
    void *at = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &at);
    if (error == NULL || error->msg == NULL) {
        const char *text = b->printed != NULL ? b->printed : "it cannot be parsed";
        return pn_err_input(e, "%s:%d: invalid YAML: %.*s", b->yaml->file, b->line,
                            (int)strcspn(text, "\n"), text);
    }
    int line = error->line > 0 ? error->line : 1;
    const char *meant = "";
    /* A text that such a character did not end is noticed on the next line. */
    for (int before = line > 1 ? 1 : 0; before >= 0; before--) {
        const char *wide = full_width(b, line - before, &meant);
        if (wide != NULL) {
            return pn_err_input(e,
                                "%s:%d: invalid YAML: %s (write %s in place of the full-width %s)",
                                b->yaml->file, line - before, error->msg, meant, wide);
        }
    }
    return pn_err_input(e, "%s:%d: invalid YAML: %s", b->yaml->file, line, error->msg);
}

static int build(struct builder *b, struct fy_parser *parser, struct fy_diag *diag,
                 struct pn_err *e)
{
    for (;;) {
        struct fy_event *event = fy_parser_parse(parser);
        if (event == NULL) {
            return fy_diag_got_error(diag) ? syntax_error(b, diag, e) : 0;
        }
        bool end = event->type == FYET_STREAM_END;
        int rc = on_event(b, event, e);
        fy_parser_event_free(parser, event);
        if (rc != 0) {
            return rc;
        }
        if (end) {
            return fy_diag_got_error(diag) ? syntax_error(b, diag, e) : 0;
        }
    }
}

static int parse(struct pn_yaml *yaml, const char *file, const char *text, size_t len, bool expands,
                 struct pn_arena *arena, struct pn_err *e)
{
    *yaml = (struct pn_yaml){.file = pn_arena_strdup(arena, file), .root = NULL};
    if (len > PN_YAML_BYTES_MAX) {
        return pn_err_input(e, "%s: is larger than %d bytes", file, PN_YAML_BYTES_MAX);
    }
    if (!pn_utf8_valid(text, len)) {
        return pn_err_input(e, "%s: is not UTF-8 text", file);
    }
    yaml->text = pn_arena_strndup(arena, text, len);
    yaml->text_len = len;
    struct builder *b = pn_arena_calloc(arena, 1, sizeof *b);
    b->yaml = yaml;
    b->arena = arena;
    b->expands = expands;
    b->line = 1;
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = keep_printed;
    diag_cfg.user = b;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    PN_ASSERT(diag != NULL);
    fy_diag_set_collect_errors(diag, true);
    const struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&cfg);
    PN_ASSERT(parser != NULL);
    int rc = 0;
    if (fy_parser_set_string(parser, text, len) != 0) {
        rc = syntax_error(b, diag, e);
    }
    if (rc == 0) {
        rc = build(b, parser, diag, e);
    }
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    if (rc == 0 && yaml->root == NULL) {
        yaml->root = new_node(b, PN_YAML_NULL, 1);
    }
    return rc;
}

int pn_yaml_parse(struct pn_yaml *yaml, const char *file, const char *text, size_t len,
                  struct pn_arena *arena, struct pn_err *e)
{
    return parse(yaml, file, text, len, false, arena, e);
}

static int load(struct pn_yaml *yaml, const char *path, const struct pn_io *io, bool expands,
                struct pn_arena *arena, struct pn_err *e)
{
    struct pn_buf text;
    pn_buf_init(&text, PN_YAML_BYTES_MAX);
    int rc = pn_io_read_file(io, path, &text, e);
    const char *start = NULL;
    size_t len = text.len;
    if (rc == 0) {
        rc = pn_text_start(path, pn_buf_text(&text), &len, &start, e);
    }
    if (rc == 0) {
        rc = parse(yaml, path, start, len, expands, arena, e);
    }
    pn_buf_deinit(&text);
    return rc;
}

int pn_yaml_load(struct pn_yaml *yaml, const char *path, const struct pn_io *io,
                 struct pn_arena *arena, struct pn_err *e)
{
    return load(yaml, path, io, false, arena, e);
}

int pn_yaml_load_expanded(struct pn_yaml *yaml, const char *path, const struct pn_io *io,
                          struct pn_arena *arena, struct pn_err *e)
{
    return load(yaml, path, io, true, arena, e);
}
