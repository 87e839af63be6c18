/* What a commit makes of the table's metadata and protocol. */
#include <string.h>

#include "base/random.h"
#include "delta/commit.h"
#include "delta/features.h"
#include "delta/schema.h"
#include "delta/snapshot.h"
#include "delta/vector_write.h"

/* Protocol (1,2) has no columns of these types. */
static int check_types(const struct pn_delta_attempt *attempt, struct pn_err *e)
{
    static const char *const newer[] = {"timestamp_ntz", "variant", "void"};
    for (size_t i = 0; i < sizeof newer / sizeof *newer; i++) {
        if (pn_delta_schema_has_type(attempt->metadata.schema, newer[i])) {
            return pn_err_input(e, "%s: columns of the type %s cannot be written here",
                                attempt->table->path, newer[i]);
        }
    }
    return 0;
}

static int plan_new_table(struct pn_delta_attempt *attempt, struct pn_err *e)
{
    const struct pn_delta_commit *commit = attempt->commit;
    if (commit->schema == NULL) {
        return pn_err_missing(e, "there is no Delta table at %s, and no schema to create it with",
                              attempt->table->path);
    }
    char *id = pn_arena_alloc(&attempt->arena, PN_UUID_SIZE);
    struct pn_delta_map_entry *configuration =
        pn_arena_calloc(&attempt->arena, commit->configuration_count + 1, sizeof *configuration);
    for (size_t i = 0; i < commit->configuration_count; i++) {
        configuration[i] = commit->configuration[i];
    }
    attempt->metadata = (struct pn_delta_metadata){
        .id = pn_uuid(id),
        .name = commit->name,
        .schema = commit->schema,
        .partition_columns = pn_delta_list_copy(&attempt->arena, commit->partition_columns,
                                                commit->partition_column_count),
        .partition_column_count = commit->partition_column_count,
        .configuration = configuration,
        .configuration_count = commit->configuration_count,
        .created_ms = attempt->now_ms};
    attempt->metadata_changed = true;
    return check_types(attempt, e);
}

/* The metadata of an older version, which the table's protocol allowed then and does now. */
static void plan_restored(struct pn_delta_attempt *attempt)
{
    const struct pn_delta_metadata *now = &attempt->state->metadata;
    pn_delta_metadata_copy(&attempt->arena, &attempt->metadata, attempt->commit->metadata);
    attempt->metadata.id = now->id;
    attempt->metadata.created_ms = now->created_ms;
    attempt->metadata_changed = !pn_delta_metadata_same(now, &attempt->metadata);
}

static void add_names(struct pn_buf *out, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pn_buf_addf(out, "%s%.60s", i == 0 ? "" : ", ", names[i]);
    }
    pn_buf_adds(out, count == 0 ? "nothing" : "");
}

int pn_delta_check_divided(const struct pn_delta_metadata *metadata, const char *path,
                           const char *const *columns, size_t count, struct pn_err *e)
{
    enum { NAMES_BYTES_MAX = 1 << 16 };
    if (pn_delta_list_same(metadata->partition_columns, metadata->partition_column_count, columns,
                           count)) {
        return 0;
    }
    struct pn_buf names;
    pn_buf_init(&names, NAMES_BYTES_MAX);
    pn_buf_adds(&names, "the table is partitioned by ");
    add_names(&names, metadata->partition_columns, metadata->partition_column_count);
    pn_buf_adds(&names, ", not by ");
    add_names(&names, columns, count);
    (void)pn_err_input(e, "%s: %s", path, pn_buf_text(&names));
    pn_buf_deinit(&names);
    return PN_DELTA_MISFIT;
}

/* Rows that are added must be divided as those that are there. */
static int check_divided(const struct pn_delta_attempt *attempt, struct pn_err *e)
{
    const struct pn_delta_commit *commit = attempt->commit;
    return pn_delta_check_divided(&attempt->metadata, attempt->table->path,
                                  commit->partition_columns, commit->partition_column_count, e);
}

static bool is_generated(const char *schema)
{
    return pn_delta_schema_has_metadata(schema, "delta.generationExpression");
}

/* Are the table's generated columns those that the caller's rows have, by the same expressions? */
static bool generates_same(const struct pn_delta_attempt *attempt)
{
    return pn_delta_schema_generates_equal(attempt->metadata.schema, attempt->commit->schema);
}

static int refuse_generated(const struct pn_delta_attempt *attempt, struct pn_err *e)
{
    return pn_err_input(e,
                        "%s cannot be written: the Delta table feature generatedColumns is not "
                        "supported here for columns that the rows do not have by the same "
                        "expressions; use the engine that made the table",
                        attempt->table->path);
}

/* The table's schema with what the rows add to it. */
static int add_columns(struct pn_delta_attempt *attempt, struct pn_err *e)
{
    struct pn_buf schema;
    pn_buf_init(&schema, PN_DELTA_COMMIT_BYTES_MAX);
    pn_delta_schema_add(attempt->metadata.schema, attempt->commit->schema, &schema);
    int rc = pn_buf_check(&schema, "a table's schema", e);
    if (rc == 0) {
        attempt->metadata.schema = pn_arena_strdup(&attempt->arena, pn_buf_text(&schema));
        attempt->metadata_changed = true;
        rc = check_types(attempt, e);
    }
    pn_buf_deinit(&schema);
    return rc;
}

/* Rows that come to those that are there. */
static int plan_added(struct pn_delta_attempt *attempt, struct pn_err *e)
{
    const struct pn_delta_commit *commit = attempt->commit;
    const char *schema = attempt->metadata.schema;
    bool adds = false;
    int rc =
        pn_delta_schema_accepts(schema, commit->schema, commit->adds_columns ? &adds : NULL, e);
    if (rc != 0) {
        pn_err_prefix(e, "%s", attempt->table->path);
        return PN_DELTA_MISFIT;
    }
    const char *lost = commit->carries_rows
                           ? pn_delta_schema_lacks(&attempt->arena, schema, commit->schema)
                           : NULL;
    if (lost != NULL) {
        (void)pn_err_input(e,
                           "%s: the rows lack the table's column '%.100s', so rows that are "
                           "written again would lose its values",
                           attempt->table->path, lost);
        return PN_DELTA_MISFIT;
    }
    rc = check_divided(attempt, e);
    if (rc == 0 && !generates_same(attempt)) {
        rc = refuse_generated(attempt, e);
    }
    return rc == 0 && adds ? add_columns(attempt, e) : rc;
}

/* Files of the narrower types must not stay: a rewrite of all files. */
static int plan_widened(struct pn_delta_attempt *attempt, struct pn_err *e)
{
    const struct pn_delta_commit *commit = attempt->commit;
    if (!pn_delta_widens(attempt->metadata.schema, commit->schema) ||
        commit->remove_count != attempt->state->file_count) {
        return pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                          "%s: another writer changed the table meanwhile; nothing was written",
                          attempt->table->path);
    }
    int rc = check_divided(attempt, e);
    if (rc == 0 && !generates_same(attempt)) {
        rc = refuse_generated(attempt, e);
    }
    return rc == 0 ? add_columns(attempt, e) : rc;
}

static int plan_metadata(struct pn_delta_attempt *attempt, struct pn_err *e)
{
    const struct pn_delta_commit *commit = attempt->commit;
    if (attempt->state == NULL) {
        return plan_new_table(attempt, e);
    }
    if (commit->mode == PN_DELTA_RESTORE) {
        plan_restored(attempt);
        return 0;
    }
    pn_delta_metadata_copy(&attempt->arena, &attempt->metadata, &attempt->state->metadata);
    struct pn_delta_metadata *metadata = &attempt->metadata;
    if (commit->mode == PN_DELTA_REWRITE) {
        return commit->widens ? plan_widened(attempt, e) : 0; /* the rows stay */
    }
    if (commit->schema == NULL) {
        return is_generated(metadata->schema) ? refuse_generated(attempt, e) : 0;
    }
    if (commit->mode == PN_DELTA_APPEND || commit->mode == PN_DELTA_REPLACE) {
        return plan_added(attempt, e);
    }
    if (pn_delta_schema_equal(metadata->schema, commit->schema) && generates_same(attempt) &&
        pn_delta_list_same(metadata->partition_columns, metadata->partition_column_count,
                           commit->partition_columns, commit->partition_column_count)) {
        return 0;
    }
    metadata->schema = commit->schema;
    metadata->partition_columns = pn_delta_list_copy(&attempt->arena, commit->partition_columns,
                                                     commit->partition_column_count);
    metadata->partition_column_count = commit->partition_column_count;
    attempt->metadata_changed = true;
    return check_types(attempt, e);
}

/* New ones, or those of files that a restore brings back. */
static bool brings_vectors(const struct pn_delta_commit *commit)
{
    bool brings = commit->vectors != NULL && commit->vectors->count > 0;
    for (size_t i = 0; !brings && i < commit->add_count; i++) {
        brings = commit->adds[i].deletion_vector != NULL;
    }
    return brings;
}

/* What writers, and of deletion vectors readers too, must know for what the commit brings. */
static void plan_protocol(struct pn_delta_attempt *attempt)
{
    struct pn_delta_protocol *protocol = &attempt->protocol;
    *protocol = attempt->state != NULL
                    ? attempt->state->protocol
                    : (struct pn_delta_protocol){.min_reader_version = 1, .min_writer_version = 2};
    attempt->protocol_changed = attempt->state == NULL;
    if (attempt->metadata_changed && is_generated(attempt->metadata.schema) &&
        pn_delta_protocol_require(&attempt->arena, protocol, "generatedColumns")) {
        attempt->protocol_changed = true;
    }
    if (brings_vectors(attempt->commit) &&
        pn_delta_protocol_require(&attempt->arena, protocol, "deletionVectors")) {
        attempt->protocol_changed = true;
    }
}

/* A table with deletion vectors says that it may have some. */
static void plan_vectors(struct pn_delta_attempt *attempt)
{
    static const char property[] = "delta.enableDeletionVectors";
    struct pn_delta_metadata *metadata = &attempt->metadata;
    size_t count = 0;
    if (attempt->commit->vectors == NULL || attempt->commit->vectors->count == 0 ||
        pn_delta_property_true(metadata, property)) {
        return;
    }
    struct pn_delta_map_entry *configuration =
        pn_arena_calloc(&attempt->arena, metadata->configuration_count + 1, sizeof *configuration);
    for (size_t i = 0; i < metadata->configuration_count; i++) {
        if (strcmp(metadata->configuration[i].key, property) != 0) {
            configuration[count++] = metadata->configuration[i];
        }
    }
    configuration[count++] = (struct pn_delta_map_entry){.key = property, .value = "true"};
    metadata->configuration = configuration;
    metadata->configuration_count = count;
    attempt->metadata_changed = true;
}

int pn_delta_attempt_plan_metadata(struct pn_delta_attempt *attempt, struct pn_err *e)
{
    int rc = plan_metadata(attempt, e);
    if (rc == 0) {
        plan_vectors(attempt);
        plan_protocol(attempt);
    }
    return rc;
}
