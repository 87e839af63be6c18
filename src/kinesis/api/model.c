#include "kinesis/api/model.h"

#include <math.h>
#include <string.h>

#include "kinesis/api/wire.h"
#include "kinesis/kinesis.h"

enum {
    VIOLATIONS_MAX = 10,        /* AWS lists no more */
    VALUE_BYTES_MAX = 4096,     /* of a caller's text in a message */
    VALUES_BYTES_MAX = 1 << 16, /* of a list's or map's values in a message */
    MESSAGE_BYTES_MAX = 1 << 21 /* ample for ten of these */
};

struct check {
    struct pn_arena *arena;
    const char **text;
    struct pn_err *e;
    struct pn_buf violations; /* AWS's sentences, "; " between them */
    int violation_count;
};

/* Where in the input a value stands, from the value up. */
struct path {
    const struct path *up; /* NULL: a member of the input itself */
    const char *name;      /* of a member, or of a map's key; NULL: an element of a list */
    size_t name_len;
    size_t position; /* of an element, from 1 */
    bool is_element; /* of a list or map */
};

/* --- messages --------------------------------------------------------------------------------- */

/* A caller's text, cut at a character's start when it is long. */
static void add_value(struct pn_buf *out, const char *text, size_t len)
{
    if (len <= VALUE_BYTES_MAX) {
        pn_buf_add(out, text, len);
        return;
    }
    len = VALUE_BYTES_MAX;
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
        len--;
    }
    pn_buf_add(out, text, len);
    pn_buf_adds(out, "...");
}

/* "records.1.member.data": members begin in lower case. */
static void add_path(struct pn_buf *out, const struct path *path)
{
    if (path->up != NULL) {
        add_path(out, path->up);
        pn_buf_addc(out, '.');
    }
    if (!path->is_element) {
        char first = path->name[0];
        pn_buf_addc(out, first >= 'A' && first <= 'Z' ? (char)(first - 'A' + 'a') : first);
        pn_buf_add(out, path->name + 1, path->name_len - 1);
        return;
    }
    if (path->name != NULL) {
        add_value(out, path->name, path->name_len);
    } else {
        pn_buf_add_i64(out, (int64_t)path->position);
    }
    pn_buf_adds(out, ".member");
}

/* The value as Java prints it. */
static void add_java(struct pn_buf *out, const struct pn_shape *shape, const struct pn_json *node)
{
    if (node->type == PN_JSON_NULL) {
        pn_buf_adds(out, "null");
        return;
    }
    switch (shape->type) {
    case PN_SHAPE_BLOB:
        pn_buf_addf(out, "java.nio.HeapByteBuffer[pos=0 lim=%zu cap=%zu]", node->text_len,
                    node->text_len);
        return;
    case PN_SHAPE_INTEGER:
        pn_buf_add_i64(out, node->integer);
        return;
    case PN_SHAPE_STRUCTURE: /* AWS prints a hash of the object; this one is of a recorded answer */
        pn_buf_addf(out, "com.amazonaws.kinesis.v20131202.%s@c965e310", shape->name);
        return;
    case PN_SHAPE_LIST:
    case PN_SHAPE_MAP:
        break;
    default:
        add_value(out, node->text, node->text_len);
        return;
    }
    size_t start = out->len;
    pn_buf_addc(out, shape->type == PN_SHAPE_LIST ? '[' : '{');
    for (const struct pn_json *child = node->first; child != NULL; child = child->next) {
        if (out->len - start > VALUES_BYTES_MAX) {
            pn_buf_adds(out, "...");
            break;
        }
        if (shape->type == PN_SHAPE_MAP) {
            add_value(out, child->key, child->key_len);
            pn_buf_addc(out, '=');
        }
        add_java(out, shape->element, child);
        if (child->next != NULL) {
            pn_buf_adds(out, ", ");
        }
    }
    pn_buf_addc(out, shape->type == PN_SHAPE_LIST ? ']' : '}');
}

static int fail(struct check *c, int code, const struct pn_buf *message)
{
    const char *text = pn_arena_strndup(c->arena, pn_buf_text(message), message->len);
    if (c->text != NULL) {
        *c->text = text;
    }
    return pn_err_set(c->e, PN_CLASS_INPUT, code, "%s", text);
}

/* --- types ------------------------------------------------------------------------------------ */

static int refuse(struct check *c, const char *reason)
{
    const struct pn_buf message = {.data = (char *)reason, .len = strlen(reason)};
    return fail(c, PN_MODEL_SERIALIZATION, &message);
}

/* What AWS calls a shape's type, in "can not be converted to <this>". */
static const char *type_name(enum pn_shape_type type)
{
    switch (type) {
    case PN_SHAPE_STRING:
        return "an String";
    case PN_SHAPE_INTEGER:
        return "an Integer";
    case PN_SHAPE_BOOLEAN:
        return "an Boolean";
    case PN_SHAPE_TIMESTAMP:
        return "milliseconds since epoch";
    default:
        return "a Blob";
    }
}

/* The node is of another type than a scalar's shape asks for. */
static int refuse_type(struct check *c, const struct pn_shape *shape, const struct pn_json *node)
{
    const char *what = "class java.lang.String";
    switch (node->type) {
    case PN_JSON_ARRAY:
        return refuse(c, "Start of list found where not expected");
    case PN_JSON_OBJECT:
        return refuse(c, "Start of structure or map found where not expected.");
    case PN_JSON_BOOL:
        what = "class java.lang.Boolean";
        break;
    case PN_JSON_NUMBER:
        what = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";
        break;
    case PN_JSON_STRING:
        if (node->raw == NULL) {
            what = "class java.nio.HeapByteBuffer";
        }
        break;
    case PN_JSON_NULL:
        break;
    }
    return refuse(c, pn_arena_printf(c->arena, "%s can not be converted to %s", what,
                                     type_name(shape->type)));
}

static bool is_base64(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=';
}

/* A string of JSON that is not base64: why. */
static int refuse_base64(struct check *c, const struct pn_json *node)
{
    const char *text = node->text;
    size_t len = node->text_len;
    struct pn_buf message;
    pn_buf_init(&message, 2 * VALUE_BYTES_MAX);
    pn_buf_addc(&message, '\'');
    add_value(&message, text, len);
    pn_buf_adds(&message, "' can not be converted to a Blob: ");
    size_t at = 0;
    while (at < len && is_base64(text[at]) &&
           (text[at] != '=' || at + 1 == len || text[at + 1] == '=')) {
        at++;
    }
    if (len % 4 != 0) {
        pn_buf_addf(&message,
                    "Base64 encoded length is expected a multiple of 4 bytes but found: %zu", len);
    } else if (at < len) {
        size_t end = at + 1; /* after the character */
        while (end < len && ((unsigned char)text[end] & 0xc0) == 0x80) {
            end++;
        }
        pn_buf_adds(&message, "Invalid Base64 character: '");
        pn_buf_add(&message, text + at, end - at);
        pn_buf_addc(&message, '\'');
    } else { /* spelt as AWS spells it */
        pn_buf_adds(&message, "Invalid last non-pad Base64 character dectected");
    }
    int rc = fail(c, PN_MODEL_SERIALIZATION, &message);
    pn_buf_deinit(&message);
    return rc;
}

static int convert_blob(struct check *c, const struct pn_shape *shape, struct pn_json *node)
{
    if (node->type != PN_JSON_STRING || node->raw == node->text) {
        return refuse_type(c, shape, node);
    }
    const void *bytes = NULL;
    size_t len = 0;
    if (!pn_wire_blob(node, c->arena, &bytes, &len)) {
        return refuse_base64(c, node);
    }
    pn_wire_set_bytes(node, bytes, len);
    return 0;
}

/* Java cuts a number to an int: the fraction off, and what is beyond to the nearest. */
static int convert_integer(struct check *c, const struct pn_shape *shape, struct pn_json *node)
{
    if (node->type != PN_JSON_NUMBER) {
        return refuse_type(c, shape, node);
    }
    double cut = trunc(node->number);
    cut = cut > INT32_MAX ? INT32_MAX : cut < INT32_MIN ? INT32_MIN : cut;
    node->is_integer = true;
    node->integer = (int64_t)cut;
    node->number = cut;
    return 0;
}

static bool word_is(const struct pn_json *node, const char *word)
{
    size_t len = strlen(word);
    if (node->text_len != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = node->text[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != word[i]) {
            return false;
        }
    }
    return true;
}

static int convert_boolean(struct check *c, const struct pn_shape *shape, struct pn_json *node)
{
    if (node->type == PN_JSON_BOOL) {
        return 0;
    }
    if (node->type != PN_JSON_STRING || node->raw == NULL) {
        return refuse_type(c, shape, node);
    }
    bool yes = word_is(node, "true") || word_is(node, "1") || word_is(node, "yes");
    if (yes || word_is(node, "false") || word_is(node, "0") || word_is(node, "no")) {
        node->type = PN_JSON_BOOL;
        node->boolean = yes;
        return 0;
    }
    struct pn_buf message;
    pn_buf_init(&message, 2 * VALUE_BYTES_MAX);
    pn_buf_addc(&message, '\'');
    add_value(&message, node->text, node->text_len);
    for (size_t i = 1; i < message.len; i++) {
        char *letter = &message.data[i];
        *letter = *letter >= 'a' && *letter <= 'z' ? (char)(*letter - 'a' + 'A') : *letter;
    }
    pn_buf_adds(&message, "' can not be converted to an Boolean");
    int rc = fail(c, PN_MODEL_SERIALIZATION, &message);
    pn_buf_deinit(&message);
    return rc;
}

static int convert(struct check *c, const struct pn_shape *shape, struct pn_json *node);

static const struct pn_member *find_member(const struct pn_shape *shape, const struct pn_json *node)
{
    for (const struct pn_member *member = shape->members; member->name != NULL; member++) {
        if (member->name_len == node->key_len &&
            memcmp(member->name, node->key, node->key_len) == 0) {
            return member;
        }
    }
    return NULL;
}

static int convert_structure(struct check *c, const struct pn_shape *shape, struct pn_json *node)
{
    if (node->type != PN_JSON_OBJECT) {
        return refuse(c, node->type == PN_JSON_ARRAY ? "Start of list found where not expected"
                                                     : "Expected null");
    }
    struct pn_json **link = &node->first;
    node->count = 0;
    for (struct pn_json *child = node->first; child != NULL; child = child->next) {
        const struct pn_member *member =
            child->type == PN_JSON_NULL ? NULL : find_member(shape, child);
        if (member == NULL) {
            continue;
        }
        int rc = convert(c, member->shape, child);
        if (rc != 0) {
            return rc;
        }
        *link = child;
        link = &child->next;
        node->count++;
    }
    *link = NULL;
    return 0;
}

/* The values of a list or map; those that are null are for the constraints. */
static int convert_elements(struct check *c, const struct pn_shape *shape, struct pn_json *node)
{
    bool is_list = shape->type == PN_SHAPE_LIST;
    if (node->type != (is_list ? PN_JSON_ARRAY : PN_JSON_OBJECT)) {
        if (node->type == PN_JSON_ARRAY || node->type == PN_JSON_OBJECT) {
            return refuse_type(c, shape, node);
        }
        return refuse(c, is_list ? "Expected list or null" : "Expected map or null");
    }
    for (struct pn_json *child = node->first; child != NULL; child = child->next) {
        int rc = child->type == PN_JSON_NULL ? 0 : convert(c, shape->element, child);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int convert(struct check *c, const struct pn_shape *shape, struct pn_json *node)
{
    switch (shape->type) {
    case PN_SHAPE_STRING:
        return node->type == PN_JSON_STRING && node->raw != NULL ? 0 : refuse_type(c, shape, node);
    case PN_SHAPE_TIMESTAMP:
        return node->type == PN_JSON_NUMBER ? 0 : refuse_type(c, shape, node);
    case PN_SHAPE_INTEGER:
        return convert_integer(c, shape, node);
    case PN_SHAPE_BOOLEAN:
        return convert_boolean(c, shape, node);
    case PN_SHAPE_BLOB:
        return convert_blob(c, shape, node);
    case PN_SHAPE_LIST:
    case PN_SHAPE_MAP:
        return convert_elements(c, shape, node);
    case PN_SHAPE_STRUCTURE:
        return convert_structure(c, shape, node);
    }
    return 0;
}

/* --- constraints ------------------------------------------------------------------------------ */

/* A text's length as AWS counts it: in Java's chars, of which a character beyond the basic plane
 * has two. */
static int64_t text_length(const char *text, size_t len)
{
    int64_t chars = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        chars += (byte & 0xc0) != 0x80 ? 1 : 0;
        chars += byte >= 0xf0 ? 1 : 0;
    }
    return chars;
}

static bool in_range(const struct pn_shape *shape, int64_t value)
{
    return value >= shape->min && value <= shape->max;
}

/* Is a text's length within the shape's? It has no more chars than bytes, so most need no count. */
static bool length_fits(const struct pn_shape *shape, const char *text, size_t len)
{
    if (shape->min <= 1 && len >= 1 && (int64_t)len <= shape->max) {
        return true;
    }
    return in_range(shape, text_length(text, len));
}

static bool is_of_values(const struct pn_shape *shape, const struct pn_json *node)
{
    for (const char *const *value = shape->values; *value != NULL; value++) {
        if (pn_json_text_is(node, *value)) {
            return true;
        }
    }
    return false;
}

/* "Member must satisfy enum value set: [A, B]" */
static void add_values(struct pn_buf *out, const struct pn_shape *shape)
{
    pn_buf_adds(out, "Member must satisfy enum value set: [");
    for (const char *const *value = shape->values; *value != NULL; value++) {
        pn_buf_addf(out, "%s%s", value == shape->values ? "" : ", ", *value);
    }
    pn_buf_addc(out, ']');
}

/* Begins a sentence: "Value 'x' at 'member' failed to satisfy constraint: ", whose rest the caller
 * adds; `node` NULL is a member that is absent. NULL when enough is said. */
static struct pn_buf *violation(struct check *c, const struct pn_shape *shape,
                                const struct pn_json *node, const struct path *path)
{
    if (c->violation_count == VIOLATIONS_MAX) {
        return NULL;
    }
    struct pn_buf *out = &c->violations;
    pn_buf_adds(out, c->violation_count++ == 0 ? "Value " : "; Value ");
    if (node == NULL || node->type == PN_JSON_NULL) {
        pn_buf_adds(out, "null");
    } else {
        pn_buf_addc(out, '\'');
        add_java(out, shape, node);
        pn_buf_addc(out, '\'');
    }
    pn_buf_adds(out, " at '");
    add_path(out, path);
    pn_buf_adds(out, "' failed to satisfy constraint: ");
    return out;
}

static void say(struct check *c, const struct pn_shape *shape, const struct pn_json *node,
                const struct path *path, const char *rest)
{
    struct pn_buf *out = violation(c, shape, node, path);
    if (out != NULL) {
        pn_buf_adds(out, rest);
    }
}

/* `measure` is "length" or "value". */
static void constrain_range(struct check *c, const struct pn_shape *shape,
                            const struct pn_json *node, const struct path *path,
                            const char *measure, int64_t value)
{
    if (in_range(shape, value)) {
        return;
    }
    struct pn_buf *out = violation(c, shape, node, path);
    if (out != NULL) {
        bool below = value < shape->min;
        pn_buf_addf(out, "Member must have %s %s than or equal to %lld", measure,
                    below ? "greater" : "less", (long long)(below ? shape->min : shape->max));
    }
}

static void constrain_text(struct check *c, const struct pn_shape *shape,
                           const struct pn_json *node, const struct path *path)
{
    if (shape->pattern != NULL && !shape->pattern->matches(node->text, node->text_len)) {
        struct pn_buf *out = violation(c, shape, node, path);
        if (out != NULL) {
            pn_buf_addf(out, "Member must satisfy regular expression pattern: %s",
                        shape->pattern->text);
        }
    }
    if (!length_fits(shape, node->text, node->text_len)) {
        constrain_range(c, shape, node, path, "length", text_length(node->text, node->text_len));
    }
    if (shape->values != NULL && !is_of_values(shape, node)) {
        struct pn_buf *out = violation(c, shape, node, path);
        if (out != NULL) {
            add_values(out, shape);
        }
    }
}

static bool text_keeps(const struct pn_shape *shape, const struct pn_json *node)
{
    return length_fits(shape, node->text, node->text_len) &&
           (shape->values == NULL || is_of_values(shape, node));
}

/* "<whose> must satisfy constraint: [...]": all that a text of the shape must keep. */
static void say_inner(struct check *c, const struct pn_shape *shape, const struct pn_json *node,
                      const struct path *path, const char *whose, const struct pn_shape *inner)
{
    struct pn_buf *out = violation(c, shape, node, path);
    if (out == NULL) {
        return;
    }
    pn_buf_addf(out, "%s must satisfy constraint: [", whose);
    if (inner->values != NULL) {
        add_values(out, inner);
    } else {
        pn_buf_addf(out,
                    "Member must have length less than or equal to %lld, "
                    "Member must have length greater than or equal to %lld",
                    (long long)inner->max, (long long)inner->min);
    }
    pn_buf_addc(out, ']');
}

static void constrain_structure(struct check *c, const struct pn_shape *shape,
                                const struct pn_json *node, const struct path *path);

/* A list's elements or a map's values. Faults of texts are reported at their list, once for all;
 * faults inside structures are reported in their place. */
static void constrain_elements(struct check *c, const struct pn_shape *shape,
                               const struct pn_json *node, const struct path *path)
{
    constrain_range(c, shape, node, path, "length", (int64_t)node->count);
    bool keys_kept = true;
    bool values_kept = true;
    size_t position = 0;
    for (const struct pn_json *child = node->first; child != NULL; child = child->next) {
        const struct path place = {.up = path,
                                   .name = child->key,
                                   .name_len = child->key_len,
                                   .position = ++position,
                                   .is_element = true};
        if (child->type == PN_JSON_NULL) {
            say(c, shape->element, NULL, &place, "Member must not be null");
        } else if (shape->element->type == PN_SHAPE_STRUCTURE) {
            constrain_structure(c, shape->element, child, &place);
        } else {
            values_kept = values_kept && text_keeps(shape->element, child);
        }
        if (shape->key != NULL) {
            keys_kept = keys_kept && length_fits(shape->key, child->key, child->key_len);
        }
        if (c->violation_count == VIOLATIONS_MAX) {
            return;
        }
    }
    if (!keys_kept) {
        say_inner(c, shape, node, path, "Map keys", shape->key);
    }
    if (!values_kept) {
        say_inner(c, shape, node, path, shape->type == PN_SHAPE_MAP ? "Map value" : "Member",
                  shape->element);
    }
}

static void constrain(struct check *c, const struct pn_shape *shape, const struct pn_json *node,
                      const struct path *path)
{
    switch (shape->type) {
    case PN_SHAPE_STRING:
        constrain_text(c, shape, node, path);
        return;
    case PN_SHAPE_BLOB:
        constrain_range(c, shape, node, path, "length", (int64_t)node->text_len);
        return;
    case PN_SHAPE_INTEGER:
        constrain_range(c, shape, node, path, "value", node->integer);
        return;
    case PN_SHAPE_LIST:
    case PN_SHAPE_MAP:
        constrain_elements(c, shape, node, path);
        return;
    case PN_SHAPE_STRUCTURE:
        constrain_structure(c, shape, node, path);
        return;
    case PN_SHAPE_BOOLEAN:
    case PN_SHAPE_TIMESTAMP:
        return;
    }
}

/* The member's value: as pn_json_get() has it, the last one of its name. */
static const struct pn_json *find_value(const struct pn_json *node, const struct pn_member *member)
{
    const struct pn_json *found = NULL;
    for (const struct pn_json *child = node->first; child != NULL; child = child->next) {
        if (child->key_len == member->name_len &&
            memcmp(child->key, member->name, member->name_len) == 0) {
            found = child;
        }
    }
    return found;
}

static void constrain_structure(struct check *c, const struct pn_shape *shape,
                                const struct pn_json *node, const struct path *path)
{
    for (const struct pn_member *member = shape->members; member->name != NULL; member++) {
        const struct pn_json *value = find_value(node, member);
        const struct path place = {.up = path, .name = member->name, .name_len = member->name_len};
        if (value != NULL) {
            constrain(c, member->shape, value, &place);
        } else if (member->required) {
            say(c, member->shape, NULL, &place, "Member must not be null");
        }
    }
}

int pn_model_check(const struct pn_shape *shape, struct pn_json *input, struct pn_arena *arena,
                   const char **text, struct pn_err *e)
{
    struct check c = {.arena = arena, .text = text, .e = e};
    int rc = convert_structure(&c, shape, input);
    if (rc != 0) {
        return rc;
    }
    pn_buf_init(&c.violations, MESSAGE_BYTES_MAX);
    constrain_structure(&c, shape, input, NULL);
    if (c.violation_count > 0) {
        struct pn_buf message;
        pn_buf_init(&message, MESSAGE_BYTES_MAX + 64);
        pn_buf_addf(&message, "%d validation error%s detected: ", c.violation_count,
                    c.violation_count == 1 ? "" : "s");
        pn_buf_add(&message, pn_buf_text(&c.violations), c.violations.len);
        rc = fail(&c, PN_KINESIS_VALIDATION, &message);
        pn_buf_deinit(&message);
    }
    pn_buf_deinit(&c.violations);
    return rc;
}
