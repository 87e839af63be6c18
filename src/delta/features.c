#include "delta/features.h"

#include <inttypes.h>
#include <string.h>

#include "delta/schema.h"

/* Features of readers came by name with version 3, those of writers with version 7; before, each
 * version had its fixed set. */
enum { READER_FEATURES = 3, WRITER_FEATURES = 7 };

static bool always(const struct pn_delta_snapshot *snapshot)
{
    (void)snapshot;
    return true;
}

static bool maps_columns(const struct pn_delta_snapshot *snapshot)
{
    const char *mode = pn_delta_property(&snapshot->metadata, "delta.columnMapping.mode");
    return mode != NULL && strcmp(mode, "none") != 0;
}

static bool has_invariants(const struct pn_delta_snapshot *snapshot)
{
    return pn_delta_schema_has_metadata(snapshot->metadata.schema, "delta.invariants");
}

static bool has_constraints(const struct pn_delta_snapshot *snapshot)
{
    static const char prefix[] = "delta.constraints.";
    for (size_t i = 0; i < snapshot->metadata.configuration_count; i++) {
        if (strncmp(snapshot->metadata.configuration[i].key, prefix, strlen(prefix)) == 0) {
            return true;
        }
    }
    return false;
}

static bool feeds_changes(const struct pn_delta_snapshot *snapshot)
{
    return pn_delta_property_true(&snapshot->metadata, "delta.enableChangeDataFeed");
}

static bool has_identities(const struct pn_delta_snapshot *snapshot)
{
    return pn_delta_schema_has_metadata(snapshot->metadata.schema, "delta.identity.");
}

static bool has_defaults(const struct pn_delta_snapshot *snapshot)
{
    return pn_delta_schema_has_metadata(snapshot->metadata.schema, "CURRENT_DEFAULT");
}

static bool stamps_commits(const struct pn_delta_snapshot *snapshot)
{
    return pn_delta_property_true(&snapshot->metadata, "delta.enableInCommitTimestamps");
}

struct feature {
    const char *name;
    int32_t since_reader; /* the version it came with before names; 0: only by name */
    int32_t since_writer;
    /* Is it in the way of a reader, of a writer? NULL: never. */
    bool (*stops_reader)(const struct pn_delta_snapshot *snapshot);
    bool (*stops_writer)(const struct pn_delta_snapshot *snapshot);
};

/* Features of writers that are not here stop writers only; unknown ones of readers stop both. */
static const struct feature features[] = {
    {"appendOnly", 0, 2, NULL, NULL}, /* each commit looks at the property */
    {"invariants", 0, 2, NULL, has_invariants},
    {"checkConstraints", 0, 3, NULL, has_constraints},
    {"changeDataFeed", 0, 4, NULL, feeds_changes},
    {"generatedColumns", 0, 4, NULL, NULL}, /* each commit compares the expressions */
    {"columnMapping", 2, 5, NULL, maps_columns},
    {"identityColumns", 0, 6, NULL, has_identities},
    {"allowColumnDefaults", 0, 0, NULL, has_defaults},
    {"inCommitTimestamp", 0, 0, NULL, stamps_commits},
    {"timestampNtz", 0, 0, NULL, NULL},
    {"v2Checkpoint", 0, 0, NULL, NULL}, /* read; what is written is a classic one, as allowed */
    {"vacuumProtocolCheck", 0, 0, NULL, NULL},
    {"deletionVectors", 0, 0, NULL, NULL}, /* files may have none */
    {"typeWidening", 0, 0, NULL, always},
    {"typeWidening-preview", 0, 0, NULL, always},
};

static const struct feature *find_feature(const char *name)
{
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        if (strcmp(features[i].name, name) == 0) {
            return &features[i];
        }
    }
    return NULL;
}

static int refuse(const struct pn_delta *table, const char *name, const char *verb,
                  struct pn_err *e)
{
    return pn_err_input(e,
                        "%s cannot be %s: the Delta table feature %s is not supported here; use "
                        "the engine that made the table",
                        table->path, verb, name);
}

int pn_delta_check_readable(const struct pn_delta *table, const struct pn_delta_snapshot *snapshot,
                            struct pn_err *e)
{
    const struct pn_delta_protocol *protocol = &snapshot->protocol;
    if (protocol->min_reader_version > READER_FEATURES) {
        return pn_err_input(e,
                            "%s cannot be read: it needs Delta reader version %" PRId32
                            ", the newest known here is %d",
                            table->path, protocol->min_reader_version, READER_FEATURES);
    }
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        const struct feature *feature = &features[i];
        if (protocol->min_reader_version < READER_FEATURES && feature->since_reader > 0 &&
            feature->since_reader <= protocol->min_reader_version &&
            feature->stops_reader != NULL && feature->stops_reader(snapshot)) {
            return refuse(table, feature->name, "read", e);
        }
    }
    for (size_t i = 0; i < protocol->reader_feature_count; i++) {
        const struct feature *feature = find_feature(protocol->reader_features[i]);
        if (feature == NULL || (feature->stops_reader != NULL && feature->stops_reader(snapshot))) {
            return refuse(table, protocol->reader_features[i], "read", e);
        }
    }
    return 0;
}

int pn_delta_check_writable(const struct pn_delta *table, const struct pn_delta_snapshot *snapshot,
                            struct pn_err *e)
{
    const struct pn_delta_protocol *protocol = &snapshot->protocol;
    int rc = pn_delta_check_readable(table, snapshot, e);
    if (rc != 0) {
        return rc;
    }
    if (protocol->min_writer_version > WRITER_FEATURES) {
        return pn_err_input(e,
                            "%s cannot be written: it needs Delta writer version %" PRId32
                            ", the newest known here is %d",
                            table->path, protocol->min_writer_version, WRITER_FEATURES);
    }
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        const struct feature *feature = &features[i];
        if (protocol->min_writer_version < WRITER_FEATURES && feature->since_writer > 0 &&
            feature->since_writer <= protocol->min_writer_version &&
            feature->stops_writer != NULL && feature->stops_writer(snapshot)) {
            return refuse(table, feature->name, "written", e);
        }
    }
    for (size_t i = 0; i < protocol->writer_feature_count; i++) {
        const struct feature *feature = find_feature(protocol->writer_features[i]);
        if (feature == NULL || (feature->stops_writer != NULL && feature->stops_writer(snapshot))) {
            return refuse(table, protocol->writer_features[i], "written", e);
        }
    }
    return 0;
}

/* --- a protocol in the making ----------------------------------------------------------------- */

static bool has_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Appends a name to a list, in a copy of it. */
static void add_name(struct pn_arena *arena, const char ***names, size_t *count, const char *name)
{
    const char **copy = pn_arena_calloc(arena, *count + 1, sizeof *copy);
    for (size_t i = 0; i < *count; i++) {
        copy[i] = (*names)[i];
    }
    copy[(*count)++] = name;
    *names = copy;
}

/* What the versions stand for, by name. */
static void name_features(struct pn_arena *arena, struct pn_delta_protocol *protocol,
                          bool for_readers)
{
    if (protocol->min_writer_version < WRITER_FEATURES) {
        for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
            if (features[i].since_writer > 0 &&
                features[i].since_writer <= protocol->min_writer_version) {
                add_name(arena, &protocol->writer_features, &protocol->writer_feature_count,
                         features[i].name);
            }
        }
        protocol->min_writer_version = WRITER_FEATURES;
    }
    if (for_readers && protocol->min_reader_version < READER_FEATURES) {
        for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
            if (features[i].since_reader > 0 &&
                features[i].since_reader <= protocol->min_reader_version) {
                add_name(arena, &protocol->reader_features, &protocol->reader_feature_count,
                         features[i].name);
            }
        }
        protocol->min_reader_version = READER_FEATURES;
    }
}

bool pn_delta_protocol_require(struct pn_arena *arena, struct pn_delta_protocol *protocol,
                               const char *name)
{
    const struct feature *feature = find_feature(name);
    bool for_readers = strcmp(name, "deletionVectors") == 0; /* the only one that we write */
    PN_ASSERT(feature != NULL);
    if (protocol->min_writer_version < WRITER_FEATURES && feature->since_writer > 0) {
        bool changes = protocol->min_writer_version < feature->since_writer;
        protocol->min_writer_version =
            changes ? feature->since_writer : protocol->min_writer_version;
        return changes;
    }
    bool changes = protocol->min_writer_version < WRITER_FEATURES ||
                   (for_readers && protocol->min_reader_version < READER_FEATURES);
    name_features(arena, protocol, for_readers);
    if (!has_name(protocol->writer_features, protocol->writer_feature_count, name)) {
        add_name(arena, &protocol->writer_features, &protocol->writer_feature_count, name);
        changes = true;
    }
    if (for_readers && !has_name(protocol->reader_features, protocol->reader_feature_count, name)) {
        add_name(arena, &protocol->reader_features, &protocol->reader_feature_count, name);
        changes = true;
    }
    return changes;
}
