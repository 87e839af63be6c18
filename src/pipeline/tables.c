/* `tables:` of a pipeline.yml. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "pipeline/internal.h"
#include "pipeline/pattern.h"
#include "store/store.h"

static const struct pn_yaml_key table_keys[] = {
    {"path", PN_YAML_SCALAR, true},
    {"from_topic", PN_YAML_SCALAR, false},
    {"from_files", PN_YAML_SCALAR, false},
    {"format", PN_YAML_SCALAR, false},
    {"csv", PN_YAML_MAP, false},
    {"sql", PN_YAML_SCALAR, false},
    {"reads", PN_YAML_LIST, false},
    {"key", PN_YAML_SCALAR, false},
    {"unknown_keys", PN_YAML_SCALAR, false},
    {"coerce", PN_YAML_SCALAR, false},
    {"columns", PN_YAML_MAP, false},
    {"like", PN_YAML_SCALAR, false},
    {"in_place_of", PN_YAML_SCALAR, false},
    {"checkpoints", PN_YAML_SCALAR, false},
    {"mode", PN_YAML_SCALAR, false},
    {"order_by", PN_YAML_SCALAR, false},
    {"delete_when", PN_YAML_SCALAR, false},
    {"deletion_vectors", PN_YAML_SCALAR, false},
    {"partition_by", PN_YAML_NULL, false},
    {"replace_where", PN_YAML_SCALAR, false},
    {"expect", PN_YAML_LIST, false},
    {NULL, PN_YAML_NULL, false},
};

/* A key that has no place in a table of this sort. */
static int refuse(const struct pn_yaml *yaml, const struct pn_yaml_node *node, const char *key,
                  const char *why, struct pn_err *e)
{
    const struct pn_yaml_node *member = pn_yaml_get(node, key);
    return member != NULL ? pn_yaml_error(yaml, member, e, "%s", why) : 0;
}

static int refuse_of_files(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                           struct pn_err *e)
{
    int rc = refuse(yaml, node, "format", "is only allowed for a table with from_files", e);
    return rc == 0 ? refuse(yaml, node, "csv", "is only allowed for a table with from_files", e)
                   : rc;
}

static int read_raw(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                    struct pn_table *table, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *from = pn_yaml_get(node, "from_topic");
    bool has_files = pn_yaml_get(node, "from_files") != NULL;
    int rc = refuse(yaml, node, "sql",
                    has_files ? "a table must have either from_files or sql, not both"
                              : "a table must have either from_topic or sql, not both",
                    e);
    if (rc == 0) {
        rc = refuse(yaml, node, "reads",
                    has_files ? "a table with from_files must not read other tables"
                              : "a table with from_topic must not read other tables",
                    e);
    }
    if (rc == 0 && from != NULL) {
        rc = refuse(yaml, node, "from_files",
                    "a table must have either from_topic or from_files, not both", e);
    }
    if (rc != 0 || from == NULL) {
        return rc != 0 ? rc : pn_from_files_read(pipeline, node, table, e);
    }
    rc = refuse_of_files(yaml, node, e);
    if (rc != 0) {
        return rc;
    }
    const char *names[PN_PIPELINE_TOPICS_MAX];
    size_t count = pipeline->topic_count + pipeline->topic_pattern_count;
    for (size_t i = 0; i < count; i++) {
        names[i] = i < pipeline->topic_count
                       ? pipeline->topics[i].name
                       : pipeline->topic_patterns[i - pipeline->topic_count].name;
        if (strcmp(from->text, names[i]) == 0) {
            table->from_topic = names[i];
            return 0;
        }
    }
    return pn_yaml_error_unknown(yaml, from, "topic", from->text, names, count, e);
}

static int read_transformed(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                            struct pn_table *table, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *sql = pn_yaml_get(node, "sql");
    if (sql == NULL) {
        return pn_yaml_error(yaml, node, e,
                             "one of the keys \"from_topic\" or \"from_files\" (a raw table), "
                             "\"sql\" (a transformed table) or \"like\" (a table that a stream "
                             "fills) is missing");
    }
    static const char *const keys[] = {"unknown_keys", "coerce"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int rc = refuse(yaml, node, keys[i], "is only allowed for a raw table", e);
        if (rc != 0) {
            return rc;
        }
    }
    int rc = refuse_of_files(yaml, node, e);
    if (rc != 0) {
        return rc;
    }
    const struct pn_yaml_node *reads = pn_yaml_get(node, "reads");
    if (reads == NULL || reads->count == 0) {
        return pn_yaml_error(
            yaml, node, e, "the key \"reads\" is missing: the tables that %.60s reads", sql->text);
    }
    struct pn_err inner;
    size_t len = strlen(sql->text);
    if (pn_store_key_check(sql->text, &inner) != 0 || len < 5 ||
        strcmp(sql->text + len - 4, ".sql") != 0) {
        return pn_yaml_error(
            yaml, sql, e,
            "must be the path of a .sql file below the pipeline's folder, not \"%.60s\"",
            sql->text);
    }
    struct pn_arena *arena = &pipeline->private_->arena;
    table->sql_file = pn_arena_printf(arena, "%s/%s", pipeline->private_->folder, sql->text);
    if (pn_pipeline_read_sql(pipeline, table->sql_file, &table->sql, &inner) != 0) {
        return pn_yaml_error(yaml, sql, e, "%s", inner.msg);
    }
    return 0;
}

/* What it is like is found when all tables are known. */
static int read_streamed(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                         struct pn_table *table, struct pn_err *e)
{
    static const char *const keys[] = {
        "from_topic",  "from_files",       "format",        "csv",     "sql",  "reads",
        "key",         "unknown_keys",     "coerce",        "columns", "mode", "order_by",
        "delete_when", "deletion_vectors", "replace_where", "expect"};
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int rc = refuse(
            yaml, node, keys[i],
            "a table with like takes its columns and its SQL from the table that like names", e);
        if (rc != 0) {
            return rc;
        }
    }
    const struct pn_yaml_node *checkpoints = pn_yaml_get(node, "checkpoints");
    if (checkpoints == NULL) {
        return pn_yaml_error(yaml, node, e,
                             "the key \"checkpoints\" is missing: a folder of the store that shows "
                             "the position of the stream's processor");
    }
    struct pn_err inner;
    if (pn_store_key_check(checkpoints->text, &inner) != 0) {
        return pn_yaml_error(yaml, checkpoints, e, "%s", inner.msg);
    }
    table->checkpoints = checkpoints->text;
    table->mode = PN_MODE_APPEND;
    return 0;
}

/* The tables that a pattern of streams makes: all three of them must distinguish one stream from
 * another. */
static int check_stars(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                       struct pn_err *e)
{
    static const char *const keys[] = {"path", "checkpoints"};
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    if (!pn_is_pattern(node->key)) {
        return 0;
    }
    if (pn_yaml_get(node, "like") == NULL) {
        return pn_yaml_error(yaml, node, e, "only a table with like can have a * in its name");
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct pn_yaml_node *place = pn_yaml_get(node, keys[i]);
        if (place != NULL &&
            (!pn_is_pattern(place->text) || pn_pattern_as_name(pipeline, place->text) == NULL)) {
            return pn_yaml_error(
                yaml, place, e,
                "must have one *, like the table's name: each matching stream gets its own table");
        }
    }
    return 0;
}

static int read_table(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                      struct pn_table *table, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const char *name = pn_pattern_as_name(pipeline, node->key);
    if (name == NULL || !pn_is_identifier(name, strlen(name))) {
        return pn_yaml_error(yaml, node, e,
                             "a table's name must consist of letters, digits and _, must not begin "
                             "with a digit, and have at most %d characters",
                             PN_PIPELINE_NAME_BYTES_MAX);
    }
    table->name = node->key;
    int rc = pn_yaml_check(yaml, node, table_keys, e);
    if (rc == 0) {
        rc = check_stars(pipeline, node, e);
    }
    if (rc != 0) {
        return rc;
    }
    struct pn_err inner;
    const struct pn_yaml_node *path = pn_yaml_get(node, "path");
    if (pn_store_key_check(path->text, &inner) != 0) {
        return pn_yaml_error(yaml, path, e, "%s", inner.msg);
    }
    table->path = path->text;
    if (pn_yaml_get(node, "like") != NULL) {
        return read_streamed(pipeline, node, table, e);
    }
    if (pn_yaml_get(node, "columns") == NULL) {
        return pn_yaml_get(node, "checkpoints") != NULL || pn_yaml_get(node, "in_place_of") != NULL
                   ? pn_yaml_error(yaml, node, e,
                                   "the key \"like\" is missing: a table that a stream fills has "
                                   "the columns and the SQL of the transformed table that it names")
                   : pn_yaml_error(yaml, node, e,
                                   "the key \"columns\" is missing (or \"like\", when a stream "
                                   "fills the table)");
    }
    static const char *const streamed[] = {"checkpoints", "in_place_of"};
    for (size_t i = 0; i < sizeof streamed / sizeof *streamed; i++) {
        rc = refuse(yaml, node, streamed[i], "is only allowed for a table with like", e);
        if (rc != 0) {
            return rc;
        }
    }
    if (pn_yaml_get(node, "from_topic") != NULL || pn_yaml_get(node, "from_files") != NULL) {
        rc = read_raw(pipeline, node, table, e);
    } else {
        rc = read_transformed(pipeline, node, table, e);
    }
    if (rc == 0) {
        rc = pn_columns_read(pipeline, node, table, e);
    }
    if (rc == 0) {
        rc = pn_mode_read(pipeline, node, table, e);
    }
    if (rc == 0) {
        rc = pn_partitions_read(pipeline, node, table, e);
    }
    return rc == 0 ? pn_expect_read(pipeline, node, table, e) : rc;
}

/* --- places in the store -------------------------------------------------------------------- */

/* Are these parts of two keys the same, or may they be? */
static bool parts_meet(const char *a, size_t a_len, const char *b, size_t b_len)
{
    bool a_stars = memchr(a, '*', a_len) != NULL;
    if (a_stars != (memchr(b, '*', b_len) != NULL)) {
        return false;
    }
    if (!a_stars) {
        return a_len == b_len && memcmp(a, b, a_len) == 0;
    }
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    bool meet = pn_patterns_meet(pn_arena_strndup(&arena, a, a_len),
                                 pn_arena_strndup(&arena, b, b_len), &arena) != NULL;
    pn_arena_deinit(&arena);
    return meet;
}

bool pn_keys_overlap(const char *a, const char *b)
{
    for (;;) {
        size_t a_len = strcspn(a, "/");
        size_t b_len = strcspn(b, "/");
        if (!parts_meet(a, a_len, b, b_len)) {
            return false;
        }
        if (a[a_len] == '\0' || b[b_len] == '\0') {
            return true;
        }
        a += a_len + 1;
        b += b_len + 1;
    }
}

/* A place in the store: what keeps something there, and the key that says so. */
struct place {
    const char *path;
    const char *what; /* "sink.topics_dir", or a table's name */
    const char *of;   /* "", "the path of ", "the checkpoints of " */
    const struct pn_yaml_node *node;
};

static size_t list_places(const struct pn_pipeline *pipeline, const struct pn_table *tables,
                          const struct pn_yaml_node *map, struct place *places)
{
    const struct pn_yaml_node *root = pipeline->private_->yaml.root;
    size_t count = 0;
    places[count++] = (struct place){pipeline->topics_dir, "sink.topics_dir", "", root};
    places[count++] = (struct place){pipeline->dead_letters_dir, "sink.dead_letters_dir", "", root};
    places[count++] = (struct place){pipeline->dead_letters_path, "dead_letters", "", root};
    places[count++] =
        (struct place){pipeline->stream_dead_letters_path, "stream_dead_letters", "", root};
    if (pipeline->origins_dir != NULL) {
        places[count++] = (struct place){pipeline->origins_dir, "sink.origins_dir", "", root};
    }
    size_t i = 0;
    for (const struct pn_yaml_node *node = map->first; node != NULL; node = node->next, i++) {
        places[count++] = (struct place){tables[i].path, tables[i].name, "the path of ",
                                         pn_yaml_get(node, "path")};
        if (tables[i].checkpoints != NULL) {
            places[count++] =
                (struct place){tables[i].checkpoints, tables[i].name, "the checkpoints of ",
                               pn_yaml_get(node, "checkpoints")};
        }
    }
    return count;
}

/*
 * Names that start with a dot are the store's own, and engines hide them, as they do those with an
 * underscore: "_delta_log" is a table's log, and what is in such a folder is not a table. (Other
 * things may be in one: many keep their checkpoints in "_checkpoints".)
 */
static int check_hidden(const struct pn_yaml *yaml, const struct place *place, bool is_table,
                        struct pn_err *e)
{
    for (const char *part = place->path; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        int len = (int)strcspn(part, "/");
        bool is_log = len == (int)strlen("_delta_log") && memcmp(part, "_delta_log", len) == 0;
        if (*part == '.' || is_log || (is_table && *part == '_')) {
            return pn_yaml_error(yaml, place->node, e,
                                 "%s%s may not be in \"%.60s\": \"%.*s\" is reserved (names that "
                                 "start with a dot%s)",
                                 place->of, place->what, place->path, len < 60 ? len : 60, part,
                                 is_table ? " or an underscore" : ", and _delta_log");
        }
    }
    return 0;
}

/* Files that a table is made of are not those that something else keeps. */
static int check_files(const struct pn_pipeline *pipeline, const struct pn_table *tables,
                       const struct pn_yaml_node *map, const struct place *places, size_t count,
                       struct pn_err *e)
{
    int rc = 0;
    size_t i = 0;
    for (const struct pn_yaml_node *node = map->first; node != NULL; node = node->next, i++) {
        for (size_t k = 0; rc == 0 && tables[i].from_files != NULL && k < count; k++) {
            char what[PN_PIPELINE_NAME_BYTES_MAX + 32];
            (void)snprintf(what, sizeof what, "%s%.*s", places[k].of, PN_PIPELINE_NAME_BYTES_MAX,
                           places[k].what);
            rc = pn_from_files_check(pipeline, node, tables[i].from_files->glob, places[k].path,
                                     what, e);
        }
    }
    return rc;
}

/* No two things may be kept in the same place, and none where others keep their own. */
static int check_places(const struct pn_pipeline *pipeline, const struct pn_table *tables,
                        const struct pn_yaml_node *map, struct pn_err *e)
{
    size_t fixed = pipeline->origins_dir != NULL ? 5 : 4;
    struct place *places =
        pn_arena_calloc(&pipeline->private_->arena, fixed + 2 * map->count, sizeof *places);
    size_t count = list_places(pipeline, tables, map, places);
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    for (size_t i = 0; i < count; i++) {
        const struct place *here = &places[i];
        bool is_table = strncmp(here->what, "sink.", strlen("sink.")) != 0 &&
                        strcmp(here->of, "the checkpoints of ") != 0;
        int rc = check_hidden(yaml, here, is_table, e);
        if (rc != 0) {
            return rc;
        }
        for (size_t j = 0; j < i; j++) {
            const struct place *other = &places[j];
            if (!pn_keys_overlap(here->path, other->path)) {
                continue;
            }
            if (i < fixed) {
                return pn_yaml_error(yaml, here->node, e, "%s (%.60s) and %s (%.60s) overlap",
                                     other->what, other->path, here->what, here->path);
            }
            return pn_yaml_error(yaml, here->node, e, "\"%.60s\" overlaps %s%s (%.60s)", here->path,
                                 other->of, other->what, other->path);
        }
    }
    return check_files(pipeline, tables, map, places, count, e);
}

/* --- the graph ------------------------------------------------------------------------------ */

/* Engines do not distinguish Pin from pin. */
static int check_names(const struct pn_pipeline *pipeline, const struct pn_yaml_node *map,
                       struct pn_err *e)
{
    for (const struct pn_yaml_node *node = map->first; node != NULL; node = node->next) {
        for (const struct pn_yaml_node *other = map->first; other != node; other = other->next) {
            if (strcasecmp(node->key, other->key) == 0) {
                return pn_yaml_error(&pipeline->private_->yaml, node, e,
                                     "differs from \"%.60s\" on line %d only in its case",
                                     other->key, other->line);
            }
        }
    }
    return 0;
}

static int link_all_streamed(struct pn_pipeline *pipeline, struct pn_table *tables, size_t count,
                             const struct pn_yaml_node *map, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct pn_yaml_node *node = pn_yaml_get(map, tables[i].name);
        if (tables[i].checkpoints != NULL) {
            rc = pn_pipeline_link_streamed(pipeline, map, node, &tables[i], e);
        }
    }
    return rc;
}

/* Where each table goes, by its place in the map: after all it reads; patterns apart. */
static struct pn_table **place_tables(struct pn_pipeline *pipeline, const struct pn_table *tables,
                                      const struct pn_order *order, size_t count,
                                      struct pn_table **patterns)
{
    struct pn_pipeline_private *private_ = pipeline->private_;
    struct pn_table **places = pn_arena_calloc(&private_->arena, count, sizeof(struct pn_table *));
    size_t pattern_count = 0;
    for (size_t i = 0; i < count; i++) {
        pattern_count += pn_is_pattern(tables[i].name);
    }
    private_->table_capacity =
        count - pattern_count + (pattern_count > 0 ? PN_PIPELINE_FOUND_MAX : 0);
    private_->tables =
        pn_arena_calloc(&private_->arena, private_->table_capacity, sizeof(struct pn_table));
    *patterns = pn_arena_calloc(&private_->arena, pattern_count, sizeof(struct pn_table));
    for (size_t i = 0; i < count; i++) {
        size_t at = order->at[i];
        places[at] = pn_is_pattern(tables[at].name) ? &(*patterns)[pipeline->table_pattern_count++]
                                                    : &private_->tables[pipeline->table_count++];
    }
    pipeline->tables = private_->tables;
    pipeline->table_patterns = *patterns;
    return places;
}

/* Puts the tables in order and lets their `reads` point to each other. */
static int link_tables(struct pn_pipeline *pipeline, const struct pn_table *tables,
                       const struct pn_yaml_node *map, struct pn_err *e)
{
    struct pn_arena *arena = &pipeline->private_->arena;
    struct pn_table *patterns = NULL;
    struct pn_order order;
    int rc = pn_pipeline_order(pipeline, map, "reads", "table", &order, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_table **places = place_tables(pipeline, tables, &order, map->count, &patterns);
    const struct pn_yaml_node *member = map->first;
    for (size_t i = 0; i < map->count; i++, member = member->next) {
        const struct pn_graph_node *node = &order.nodes[i];
        const struct pn_table **reads = pn_arena_calloc(arena, node->behind_count, sizeof *reads);
        for (size_t j = 0; j < node->behind_count; j++) {
            reads[j] = places[node->behind[j]];
            if (pn_is_pattern(tables[node->behind[j]].name)) {
                return pn_yaml_error(
                    &pipeline->private_->yaml, pn_yaml_get(member, "reads"), e,
                    "\"%.60s\" stands for many tables, which cannot be read as one table",
                    tables[node->behind[j]].name);
            }
        }
        *places[i] = tables[i];
        places[i]->reads = reads;
        places[i]->read_count = node->behind_count;
    }
    rc = pn_mode_check_all(pipeline, map, e);
    if (rc == 0) {
        rc = pn_expect_link_all(pipeline, map, e);
    }
    if (rc != 0) {
        return rc;
    }
    rc = link_all_streamed(pipeline, pipeline->private_->tables, pipeline->table_count, map, e);
    return rc == 0 ? link_all_streamed(pipeline, patterns, pipeline->table_pattern_count, map, e)
                   : rc;
}

int pn_pipeline_read_tables(struct pn_pipeline *pipeline, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *map = pn_yaml_get(yaml->root, "tables");
    const struct pn_yaml_node none = {.kind = PN_YAML_MAP, .line = 1};
    map = map != NULL ? map : &none;
    int rc = pn_pipeline_check_count(pipeline, map, PN_PIPELINE_TABLES_MAX, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_table *tables =
        pn_arena_calloc(&pipeline->private_->arena, map->count, sizeof *tables);
    size_t at = 0;
    for (const struct pn_yaml_node *node = map->first; node != NULL; node = node->next) {
        rc = read_table(pipeline, node, &tables[at++], e);
        if (rc != 0) {
            return rc;
        }
    }
    if (!pn_origins_land(tables, map->count)) {
        pipeline->origins_dir = NULL;
    }
    rc = check_names(pipeline, map, e);
    if (rc == 0) {
        rc = check_places(pipeline, tables, map, e);
    }
    return rc == 0 ? link_tables(pipeline, tables, map, e) : rc;
}
