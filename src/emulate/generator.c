#include "emulate/generator.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "emulate/emulate.h"
#include "emulate/generator_internal.h"

enum { STREAM_NAME_MAX = 128, PARTITION_KEY_BYTES_MAX = 256 };

static const int64_t rows_max = INT64_C(1000000000000);

/* A name for a file or a topic: no separators, nothing hidden, nothing unusual. */
static bool is_plain_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._-";
    return name[0] != '.' && strlen(name) <= 249 && name[strspn(name, letters)] == '\0';
}

/* stream: {name: ..., partition_key: ...} */
static int read_stream(struct pn_generator *generator, const struct pn_yaml_node *node,
                       struct pn_generator_place *place, struct pn_err *e)
{
    static const struct pn_yaml_key keys[] = {{"name", PN_YAML_SCALAR, true},
                                              {"partition_key", PN_YAML_SCALAR, false},
                                              {NULL, PN_YAML_NULL, false}};
    const struct pn_yaml *yaml = &generator->yaml;
    if (node == NULL) {
        return 0;
    }
    int rc = pn_yaml_check(yaml, node, keys, e);
    if (rc == 0) {
        rc = pn_yaml_text(yaml, pn_yaml_get(node, "name"), &place->stream, e);
    }
    if (rc == 0) {
        rc = pn_yaml_text(yaml, pn_yaml_get(node, "partition_key"), &place->partition_key, e);
    }
    if (rc == 0 && (!is_plain_name(place->stream) || strlen(place->stream) > STREAM_NAME_MAX)) {
        rc = pn_yaml_error(yaml, pn_yaml_get(node, "name"), e,
                           "a stream's name must have 1 to %d letters, digits, '.', '_', '-', and "
                           "must not begin with a dot",
                           STREAM_NAME_MAX);
    }
    size_t len = strlen(place->partition_key);
    if (rc == 0 && (len == 0 || len > PARTITION_KEY_BYTES_MAX)) {
        rc = pn_yaml_error(yaml, pn_yaml_get(node, "partition_key"), e,
                           "a partition key must have 1 to %d bytes", PARTITION_KEY_BYTES_MAX);
    }
    return rc;
}

static int read_place(struct pn_generator *generator, const struct pn_yaml_node *node,
                      struct pn_generator_place *place, struct pn_err *e)
{
    const struct pn_yaml *yaml = &generator->yaml;
    place->name = node->key;
    place->partition_key = node->key;
    place->file = pn_arena_printf(&generator->arena, "%s.json", node->key);
    int rc = pn_yaml_text(yaml, pn_yaml_get(node, "topic"), &place->topic, e);
    if (rc == 0) {
        rc = pn_yaml_text(yaml, pn_yaml_get(node, "table"), &place->table, e);
    }
    if (rc == 0) {
        rc = pn_yaml_text(yaml, pn_yaml_get(node, "file"), &place->file, e);
    }
    if (rc == 0) {
        rc = read_stream(generator, pn_yaml_get(node, "stream"), place, e);
    }
    if (rc == 0 && !is_plain_name(place->topic)) {
        rc = pn_yaml_error(yaml, pn_yaml_get(node, "topic"), e,
                           "a topic's name must consist of letters, digits, '.', '_', '-', and "
                           "must not begin with a dot");
    }
    if (rc == 0 && !is_plain_name(place->file)) {
        rc = pn_yaml_error(yaml, node, e, "\"%.60s\" is not a plain file name", place->file);
    }
    return rc;
}

static int read_repeats(struct pn_generator *generator, const struct pn_yaml_node *node,
                        struct pn_gen_kind *kind, struct pn_err *e)
{
    static const struct pn_yaml_key keys[] = {{"chance", PN_YAML_SCALAR, true},
                                              {"within", PN_YAML_SCALAR, true},
                                              {NULL, PN_YAML_NULL, false}};
    if (node == NULL) {
        return 0;
    }
    int64_t within = 0;
    int rc = pn_yaml_check(&generator->yaml, node, keys, e);
    if (rc == 0) {
        rc = pn_gen_chance(generator, pn_yaml_get(node, "chance"), &kind->repeat_below, e);
    }
    if (rc == 0) {
        rc = pn_yaml_i64(&generator->yaml, pn_yaml_get(node, "within"), 1, rows_max, &within, e);
    }
    if (rc == 0 && kind->repeat_below > UINT64_C(1) << 31) {
        rc = pn_yaml_error(&generator->yaml, pn_yaml_get(node, "chance"), e,
                           "at most half of the rows can be repeats");
    }
    kind->repeat_within = (uint64_t)within;
    return rc;
}

/* FNV-1a: a kind's numbers hang on its name, not on its place in the file. */
static uint64_t salt_of(const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    }
    return hash;
}

static int read_kind(struct pn_generator *generator, const struct pn_yaml_node *node,
                     const struct pn_yaml_node *lists, struct pn_gen_kind *kind, struct pn_err *e)
{
    static const struct pn_yaml_key keys[] = {
        {"topic", PN_YAML_SCALAR, true},  {"stream", PN_YAML_MAP, false},
        {"table", PN_YAML_SCALAR, false}, {"file", PN_YAML_SCALAR, false},
        {"repeats", PN_YAML_MAP, false},  {"hidden", PN_YAML_MAP, false},
        {"fields", PN_YAML_MAP, true},    {NULL, PN_YAML_NULL, false},
    };
    int rc = pn_yaml_check(&generator->yaml, node, keys, e);
    if (rc == 0) {
        rc = read_place(generator, node, &kind->place, e);
    }
    if (rc == 0) {
        rc = read_repeats(generator, pn_yaml_get(node, "repeats"), kind, e);
    }
    if (rc != 0) {
        return rc;
    }
    kind->salt = salt_of(kind->place.name);
    kind->list_count = lists != NULL ? lists->count : 0;
    kind->lists = pn_arena_calloc(&generator->arena, kind->list_count + 1, sizeof *kind->lists);
    size_t count = 0;
    for (const struct pn_yaml_node *child = lists != NULL ? lists->first : NULL; child != NULL;
         child = child->next) {
        kind->lists[count].node = child;
        kind->lists[count++].name = child->key;
    }
    struct pn_gen_compiler compiler = {.generator = generator, .kind = kind};
    rc = pn_gen_fields_read(&compiler, pn_yaml_get(node, "fields"), pn_yaml_get(node, "hidden"), e);
    if (kind->field_count > generator->field_count_max) {
        generator->field_count_max = kind->field_count;
    }
    return rc;
}

/* Two kinds must not write one file; a list that no kind takes from is a slip. */
static int check_whole(const struct pn_generator *generator, const struct pn_yaml_node *kinds,
                       struct pn_err *e)
{
    const struct pn_yaml_node *node = kinds->first;
    for (size_t i = 0; i < generator->kind_count; i++, node = node->next) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(generator->kinds[i].place.file, generator->kinds[k].place.file) == 0) {
                return pn_yaml_error(
                    &generator->yaml, node, e, "its file \"%s\" is also that of %s",
                    generator->kinds[i].place.file, generator->kinds[k].place.name);
            }
        }
    }
    for (size_t i = 0; i < generator->kinds[0].list_count; i++) {
        bool used = false;
        for (size_t k = 0; k < generator->kind_count; k++) {
            used = used || generator->kinds[k].lists[i].state == PN_GEN_DONE;
        }
        if (!used) {
            return pn_yaml_error(&generator->yaml, generator->kinds[0].lists[i].node, e,
                                 "no field uses this list");
        }
    }
    return 0;
}

static int read_file(struct pn_generator *generator, struct pn_err *e)
{
    static const struct pn_yaml_key keys[] = {{"rows", PN_YAML_SCALAR, true},
                                              {"first_row", PN_YAML_SCALAR, false},
                                              {"lists", PN_YAML_MAP, false},
                                              {"kinds", PN_YAML_MAP, true},
                                              {NULL, PN_YAML_NULL, false}};
    const struct pn_yaml *yaml = &generator->yaml;
    const struct pn_yaml_node *root = yaml->root;
    int rc = pn_yaml_check(yaml, root, keys, e);
    if (rc == 0) {
        rc = pn_yaml_i64(yaml, pn_yaml_get(root, "rows"), 1, rows_max, &generator->rows, e);
    }
    if (rc == 0) {
        rc = pn_yaml_i64(yaml, pn_yaml_get(root, "first_row"), -rows_max, rows_max,
                         &generator->first_row, e);
    }
    if (rc != 0) {
        return rc;
    }
    const struct pn_yaml_node *lists = pn_yaml_get(root, "lists");
    for (const struct pn_yaml_node *list = lists != NULL ? lists->first : NULL; list != NULL;
         list = list->next) {
        if (strcmp(list->key, "row") == 0 || strcmp(list->key, "uuid") == 0) {
            return pn_yaml_error(yaml, list, e, "${%s} is reserved", list->key);
        }
    }
    const struct pn_yaml_node *kinds = pn_yaml_get(root, "kinds");
    if (kinds->count == 0 || kinds->count > PN_EMULATE_KINDS_MAX) {
        return pn_yaml_error(yaml, kinds, e, "there must be 1 to %d kinds", PN_EMULATE_KINDS_MAX);
    }
    generator->kinds = pn_arena_calloc(&generator->arena, kinds->count, sizeof *generator->kinds);
    for (const struct pn_yaml_node *node = kinds->first; node != NULL && rc == 0;
         node = node->next) {
        rc = read_kind(generator, node, lists, &generator->kinds[generator->kind_count++], e);
    }
    return rc != 0 ? rc : check_whole(generator, kinds, e);
}

static struct pn_generator *create(void)
{
    struct pn_generator *generator = pn_xcalloc(1, sizeof *generator);
    pn_arena_init(&generator->arena, 1 << 16);
    return generator;
}

/* Reads the definition once its YAML is there (rc), and publishes the generator or destroys it. */
static int finish(struct pn_generator *made, int rc, struct pn_generator **generator,
                  struct pn_err *e)
{
    if (rc == 0) {
        rc = read_file(made, e);
    }
    if (rc == 0) {
        *generator = made;
        made = NULL;
    }
    pn_generator_destroy(&made);
    return rc;
}

int pn_generator_load(const char *folder, const struct pn_io *io, struct pn_generator **generator,
                      struct pn_err *e)
{
    struct pn_generator *made = create();
    const char *path = pn_arena_printf(&made->arena, "%s/generator.yml", folder);
    return finish(made, pn_yaml_load(&made->yaml, path, io, &made->arena, e), generator, e);
}

int pn_generator_parse(const char *file, const char *text, size_t len,
                       struct pn_generator **generator, struct pn_err *e)
{
    struct pn_generator *made = create();
    return finish(made, pn_yaml_parse(&made->yaml, file, text, len, &made->arena, e), generator, e);
}

void pn_generator_destroy(struct pn_generator **generator)
{
    if (*generator != NULL) {
        pn_arena_deinit(&(*generator)->arena);
        free(*generator);
        *generator = NULL;
    }
}

size_t pn_generator_kinds(const struct pn_generator *generator)
{
    return generator->kind_count;
}

int64_t pn_generator_rows(const struct pn_generator *generator)
{
    return generator->rows;
}

struct pn_generator_place pn_generator_place(const struct pn_generator *generator, size_t kind)
{
    PN_ASSERT(kind < generator->kind_count);
    return generator->kinds[kind].place;
}
