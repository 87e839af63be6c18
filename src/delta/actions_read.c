#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delta/actions.h"
#include "delta/schema.h"
#include "delta/uri.h"

/* The largest size, count or time taken from a log: what JSON's readers agree on, and sums of
 * many stay far from overflow. */
#define NUMBER_MAX ((int64_t)1 << 53)

void pn_delta_reader_init(struct pn_delta_reader *reader)
{
    reader->lines = pn_json_parser_create();
    reader->texts = pn_json_parser_create();
}

void pn_delta_reader_deinit(struct pn_delta_reader *reader)
{
    pn_json_parser_destroy(&reader->lines);
    pn_json_parser_destroy(&reader->texts);
}

static bool key_is(const struct pn_json *member, const char *name)
{
    return member->key_len == strlen(name) && memcmp(member->key, name, member->key_len) == 0;
}

static enum pn_delta_action_kind kind_of(const struct pn_json *member)
{
    static const struct {
        const char *name;
        enum pn_delta_action_kind kind;
    } kinds[] = {{"add", PN_DELTA_ADD},           {"remove", PN_DELTA_REMOVE},
                 {"txn", PN_DELTA_TXN},           {"metaData", PN_DELTA_METADATA},
                 {"protocol", PN_DELTA_PROTOCOL}, {"commitInfo", PN_DELTA_COMMIT_INFO},
                 {"sidecar", PN_DELTA_SIDECAR}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (key_is(member, kinds[i].name)) {
            return kinds[i].kind;
        }
    }
    return PN_DELTA_OTHER;
}

int pn_delta_action_parse(struct pn_delta_reader *reader, const char *line, size_t len,
                          size_t capacity, struct pn_delta_action *action, struct pn_err *e)
{
    struct pn_json *root = NULL;
    int rc = pn_json_parse(reader->lines, line, len, capacity, &root, e);
    if (rc != 0) {
        return rc;
    }
    if (root->type != PN_JSON_OBJECT) {
        return pn_err_input(e, "an action is %s, not an object", pn_json_type_name(root->type));
    }
    *action = (struct pn_delta_action){.kind = PN_DELTA_OTHER};
    for (const struct pn_json *member = root->first; member != NULL; member = member->next) {
        if (member->type == PN_JSON_NULL) {
            continue;
        }
        enum pn_delta_action_kind kind = kind_of(member);
        if (kind == PN_DELTA_OTHER) {
            continue;
        }
        if (member->type != PN_JSON_OBJECT) {
            return pn_err_input(e, "'%.*s' is %s, not an object", (int)member->key_len, member->key,
                                pn_json_type_name(member->type));
        }
        *action = (struct pn_delta_action){.kind = kind, .body = member};
        return 0;
    }
    return 0;
}

/* --- members ------------------------------------------------------------------------------- */

/* A string member into the arena; *text stays NULL when it is absent or null. */
static int text_member(const struct pn_json *body, const char *name, bool required,
                       struct pn_arena *arena, const char **text, struct pn_err *e)
{
    const struct pn_json *node = pn_json_get(body, name);
    if (node == NULL || node->type == PN_JSON_NULL) {
        return required ? pn_err_input(e, "'%s' is missing", name) : 0;
    }
    if (node->type != PN_JSON_STRING) {
        return pn_err_input(e, "'%s' is %s, not a string", name, pn_json_type_name(node->type));
    }
    if (memchr(node->text, '\0', node->text_len) != NULL) {
        return pn_err_input(e, "'%s' contains a NUL byte", name);
    }
    *text = pn_arena_strndup(arena, node->text, node->text_len);
    return 0;
}

/* An integer from `min` on; *value keeps its value when the member is absent or null. */
static int number_member(const struct pn_json *body, const char *name, bool required, int64_t min,
                         int64_t *value, struct pn_err *e)
{
    const struct pn_json *node = pn_json_get(body, name);
    if (node == NULL || node->type == PN_JSON_NULL) {
        return required ? pn_err_input(e, "'%s' is missing", name) : 0;
    }
    if (node->type != PN_JSON_NUMBER || !node->is_integer || node->integer < min ||
        node->integer > NUMBER_MAX) {
        return pn_err_input(e, "'%s' is not a whole number from %lld up", name, (long long)min);
    }
    *value = node->integer;
    return 0;
}

/* An object's own text into the arena; NULL when absent or null. */
static int object_member(const struct pn_json *body, const char *name, struct pn_arena *arena,
                         const char **text, struct pn_err *e)
{
    const struct pn_json *node = pn_json_get(body, name);
    if (node == NULL || node->type == PN_JSON_NULL) {
        return 0;
    }
    if (node->type != PN_JSON_OBJECT) {
        return pn_err_input(e, "'%s' is %s, not an object", name, pn_json_type_name(node->type));
    }
    *text = pn_arena_strndup(arena, node->raw, node->raw_len);
    return 0;
}

/* A map of strings. The protocol has "" for null in a partition's values. */
static int map_member(const struct pn_json *body, const char *name, bool empty_is_null,
                      struct pn_arena *arena, struct pn_delta_map_entry **entries, size_t *count,
                      struct pn_err *e)
{
    const struct pn_json *node = pn_json_get(body, name);
    if (node == NULL || node->type == PN_JSON_NULL) {
        return 0;
    }
    if (node->type != PN_JSON_OBJECT) {
        return pn_err_input(e, "'%s' is %s, not an object", name, pn_json_type_name(node->type));
    }
    *entries = pn_arena_calloc(arena, node->count, sizeof **entries);
    for (const struct pn_json *member = node->first; member != NULL; member = member->next) {
        if (member->type != PN_JSON_STRING && member->type != PN_JSON_NULL) {
            return pn_err_input(e, "'%s' has a member that is %s, not a string", name,
                                pn_json_type_name(member->type));
        }
        struct pn_delta_map_entry *entry = &(*entries)[(*count)++];
        entry->key = pn_arena_strndup(arena, member->key, member->key_len);
        if (member->type == PN_JSON_STRING && !(empty_is_null && member->text_len == 0)) {
            entry->value = pn_arena_strndup(arena, member->text, member->text_len);
        }
    }
    return 0;
}

/* A list of strings; *items stays NULL when absent or null. */
static int list_member(const struct pn_json *body, const char *name, struct pn_arena *arena,
                       const char ***items, size_t *count, struct pn_err *e)
{
    const struct pn_json *node = pn_json_get(body, name);
    if (node == NULL || node->type == PN_JSON_NULL) {
        return 0;
    }
    if (node->type != PN_JSON_ARRAY) {
        return pn_err_input(e, "'%s' is %s, not an array", name, pn_json_type_name(node->type));
    }
    *items = pn_arena_calloc(arena, node->count + 1, sizeof **items);
    for (const struct pn_json *item = node->first; item != NULL; item = item->next) {
        if (item->type != PN_JSON_STRING) {
            return pn_err_input(e, "'%s' has an element that is %s, not a string", name,
                                pn_json_type_name(item->type));
        }
        (*items)[(*count)++] = pn_arena_strndup(arena, item->text, item->text_len);
    }
    return 0;
}

/* --- bodies -------------------------------------------------------------------------------- */

int pn_delta_read_protocol(const struct pn_json *body, struct pn_arena *arena,
                           struct pn_delta_protocol *protocol, struct pn_err *e)
{
    int64_t reader = 0;
    int64_t writer = 0;
    *protocol = (struct pn_delta_protocol){0};
    int rc = number_member(body, "minReaderVersion", true, 0, &reader, e);
    if (rc == 0) {
        rc = number_member(body, "minWriterVersion", true, 0, &writer, e);
    }
    if (rc == 0 && (reader > INT32_MAX || writer > INT32_MAX)) {
        rc = pn_err_input(e, "the protocol version is over %d", INT32_MAX);
    }
    if (rc == 0) {
        rc = list_member(body, "readerFeatures", arena, &protocol->reader_features,
                         &protocol->reader_feature_count, e);
    }
    if (rc == 0) {
        rc = list_member(body, "writerFeatures", arena, &protocol->writer_features,
                         &protocol->writer_feature_count, e);
    }
    protocol->min_reader_version = (int32_t)reader;
    protocol->min_writer_version = (int32_t)writer;
    return rc;
}

int pn_delta_read_metadata(struct pn_delta_reader *reader, const struct pn_json *body,
                           struct pn_arena *arena, struct pn_delta_metadata *metadata,
                           struct pn_err *e)
{
    *metadata = (struct pn_delta_metadata){0};
    const struct pn_json *provider = pn_json_get(pn_json_get(body, "format"), "provider");
    if (provider != NULL && !pn_json_text_is(provider, "parquet")) {
        return pn_err_input(e, "the data files are not Parquet: 'format' is %.*s",
                            (int)provider->raw_len, provider->raw);
    }
    int rc = text_member(body, "id", true, arena, &metadata->id, e);
    if (rc == 0) {
        rc = text_member(body, "name", false, arena, &metadata->name, e);
    }
    if (rc == 0) {
        rc = text_member(body, "description", false, arena, &metadata->description, e);
    }
    if (rc == 0) {
        rc = text_member(body, "schemaString", true, arena, &metadata->schema, e);
    }
    if (rc == 0) {
        rc = list_member(body, "partitionColumns", arena, &metadata->partition_columns,
                         &metadata->partition_column_count, e);
    }
    if (rc == 0) {
        rc = map_member(body, "configuration", false, arena, &metadata->configuration,
                        &metadata->configuration_count, e);
    }
    if (rc == 0) {
        rc = number_member(body, "createdTime", false, INT64_MIN, &metadata->created_ms, e);
    }
    if (rc == 0) {
        rc = pn_delta_schema_check(reader->texts, metadata->schema, e);
    }
    return rc;
}

int pn_delta_read_txn(const struct pn_json *body, struct pn_arena *arena, struct pn_delta_txn *txn,
                      struct pn_err *e)
{
    *txn = (struct pn_delta_txn){0};
    int rc = text_member(body, "appId", true, arena, &txn->app_id, e);
    /* Any 64-bit number: the version is the application's own. */
    const struct pn_json *version = pn_json_get(body, "version");
    if (rc == 0 && (version == NULL || version->type != PN_JSON_NUMBER || !version->is_integer)) {
        rc = pn_err_input(e, "'version' is not a whole number");
    }
    if (rc == 0) {
        txn->version = version->integer;
        rc = number_member(body, "lastUpdated", false, INT64_MIN, &txn->updated_ms, e);
    }
    return rc;
}

int64_t pn_delta_num_records(struct pn_delta_reader *reader, const char *stats, size_t len)
{
    struct pn_json *root = NULL;
    if (pn_json_parse(reader->texts, stats, len, len, &root, NULL) != 0) {
        return -1;
    }
    int64_t records = pn_json_get_i64(root, "numRecords", -1);
    return records >= 0 && records <= NUMBER_MAX ? records : -1;
}

static int read_path(const struct pn_json *body, struct pn_arena *arena, const char **uri,
                     const char **path, struct pn_err *e)
{
    int rc = text_member(body, "path", true, arena, uri, e);
    if (rc == 0 && (*uri)[0] == '\0') {
        rc = pn_err_input(e, "'path' is empty");
    }
    if (rc == 0) {
        size_t len = strlen(*uri);
        if (memchr(*uri, '%', len) == NULL) {
            *path = *uri;
        } else {
            rc = pn_delta_uri_decode(arena, *uri, len, path, e);
        }
    }
    if (rc == 0) {
        *path = pn_delta_path_normalize(arena, *path);
    }
    return rc;
}

int pn_delta_read_file(struct pn_delta_reader *reader, const struct pn_json *body, bool is_add,
                       struct pn_arena *arena, struct pn_delta_file *file, struct pn_err *e)
{
    *file = (struct pn_delta_file){.size_bytes = -1, .num_records = -1};
    int rc = read_path(body, arena, &file->uri, &file->path, e);
    if (rc == 0) {
        rc = map_member(body, "partitionValues", true, arena, &file->partition_values,
                        &file->partition_value_count, e);
    }
    if (rc == 0) {
        rc = number_member(body, "size", is_add, 0, &file->size_bytes, e);
    }
    if (rc == 0) {
        rc = is_add
                 ? number_member(body, "modificationTime", false, INT64_MIN, &file->modified_ms, e)
                 : number_member(body, "deletionTimestamp", false, INT64_MIN, &file->deleted_ms, e);
    }
    if (rc == 0) {
        rc = object_member(body, "deletionVector", arena, &file->deletion_vector, e);
    }
    if (rc == 0 && file->deletion_vector != NULL) {
        rc = number_member(pn_json_get(body, "deletionVector"), "cardinality", false, 0,
                           &file->num_deleted, e);
    }
    if (rc == 0 && is_add) {
        rc = text_member(body, "stats", false, arena, &file->stats, e);
    }
    if (rc == 0 && is_add) {
        rc = object_member(body, "tags", arena, &file->tags, e);
    }
    if (rc == 0) {
        file->data_change = pn_json_get_bool(body, "dataChange", true);
        if (file->stats != NULL) {
            int64_t all = pn_delta_num_records(reader, file->stats, strlen(file->stats));
            file->num_records = all >= file->num_deleted ? all - file->num_deleted : -1;
        }
    }
    return rc;
}

int pn_delta_read_sidecar(const struct pn_json *body, struct pn_arena *arena, const char **name,
                          struct pn_err *e)
{
    const char *uri = NULL;
    const char *path = NULL;
    int rc = read_path(body, arena, &uri, &path, e);
    if (rc == 0) {
        /* Sidecars all live in one folder, whatever the path says before the name. */
        const char *slash = strrchr(path, '/');
        *name = slash != NULL ? slash + 1 : path;
        if (**name == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) {
            rc = pn_err_input(e, "'path' does not name a file: %s", path);
        }
    }
    return rc;
}

/* --- keys ---------------------------------------------------------------------------------- */

/* `dv` is the descriptor, or NULL. */
static int make_key(const char *path, const struct pn_json *dv, struct pn_arena *scratch,
                    const char **key, size_t *len, struct pn_err *e)
{
    *key = path;
    *len = strlen(path);
    if (dv == NULL || dv->type == PN_JSON_NULL) {
        return 0;
    }
    const char *type = NULL;
    const char *where = NULL;
    int64_t offset = -1;
    int rc = text_member(dv, "storageType", true, scratch, &type, e);
    if (rc == 0) {
        rc = text_member(dv, "pathOrInlineDv", true, scratch, &where, e);
    }
    if (rc == 0) {
        rc = number_member(dv, "offset", false, 0, &offset, e);
    }
    if (rc != 0) {
        return rc;
    }
    const char *id = offset < 0
                         ? pn_arena_printf(scratch, "%s%s", type, where)
                         : pn_arena_printf(scratch, "%s%s@%lld", type, where, (long long)offset);
    size_t id_len = strlen(id);
    char *joined = pn_arena_alloc(scratch, *len + 1 + id_len);
    memcpy(joined, path, *len + 1);
    memcpy(joined + *len + 1, id, id_len);
    *key = joined;
    *len += 1 + id_len;
    return 0;
}

int pn_delta_read_key(const struct pn_json *body, struct pn_arena *scratch, const char **key,
                      size_t *len, struct pn_err *e)
{
    const char *uri = NULL;
    const char *path = NULL;
    int rc = read_path(body, scratch, &uri, &path, e);
    return rc != 0 ? rc : make_key(path, pn_json_get(body, "deletionVector"), scratch, key, len, e);
}

int pn_delta_file_key(struct pn_delta_reader *reader, const struct pn_delta_file *file,
                      struct pn_arena *scratch, const char **key, size_t *len, struct pn_err *e)
{
    struct pn_json *dv = NULL;
    if (file->deletion_vector != NULL) {
        size_t dv_len = strlen(file->deletion_vector);
        int rc = pn_json_parse(reader->texts, file->deletion_vector, dv_len, dv_len, &dv, e);
        if (rc != 0) {
            return rc;
        }
    }
    return make_key(file->path, dv, scratch, key, len, e);
}
