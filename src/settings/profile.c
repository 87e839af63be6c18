#include "settings/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/units.h"
#include "pipeline/yaml.h"
#include "settings/internal.h"

enum { VALUES_MAX = 4, NAMES_MAX = 256, NAME_LEN_MAX = 64 };

struct built_in {
    const char *name;
    const char *about;
    struct {
        const char *name;
        const char *value;
    } values[VALUES_MAX];
    const char *needs[PN_PROFILE_NEEDS_MAX];
};

static const struct built_in built_in_profiles[] = {
    {.name = "embedded",
     .about = "The log and the store are in the data folder.",
     .values = {{"log.url", ""}, {"store.url", ""}, {"kinesis.endpoint", ""}}},
    {.name = "kafka",
     .about = "The log is a cluster of Apache Kafka (log.url, if not on this machine).",
     .values = {{"log.url", "kafka://127.0.0.1:9092"}},
     .needs = {"log.url"}},
    {.name = "kinesis",
     .about = "The streams are in Amazon Kinesis, to which calls are forwarded.",
     .values = {{"kinesis.endpoint", "aws"}}},
    {.name = "aws",
     .about = "The log is Amazon MSK with IAM (log.url), the store a bucket of S3 (store.url), and "
              "the streams are in Amazon Kinesis.",
     .values = {{"log.kafka.security", "sasl_ssl"},
                {"log.kafka.sasl_mechanism", "AWS_MSK_IAM"},
                {"kinesis.endpoint", "aws"}},
     .needs = {"log.url", "store.url"}},
};
enum { BUILT_IN_COUNT = sizeof built_in_profiles / sizeof *built_in_profiles };

static const struct built_in *find_built_in(const char *name)
{
    for (size_t i = 0; i < BUILT_IN_COUNT; i++) {
        if (strcmp(built_in_profiles[i].name, name) == 0) {
            return &built_in_profiles[i];
        }
    }
    return NULL;
}

/* --- the files that have profiles ------------------------------------------------------------- */

/* The profiles of the pipeline.yml and of the file, each NULL where there are none. */
struct documents {
    struct pn_arena arena;
    struct pn_yaml file;
    const struct pn_yaml *yaml[2];
    const struct pn_yaml_node *maps[2];
};

static void close_documents(struct documents *documents)
{
    pn_arena_deinit(&documents->arena);
}

/* To be closed also after a failure. */
static int open_documents(struct documents *documents, const struct pn_profile_source *source,
                          struct pn_err *e)
{
    int rc = 0;
    *documents = (struct documents){0};
    pn_arena_init(&documents->arena, 0);
    if (source->pipeline != NULL) {
        documents->yaml[0] = pn_pipeline_yaml(source->pipeline);
        documents->maps[0] = pn_yaml_get(documents->yaml[0]->root, "profiles");
    }
    if (source->file != NULL) {
        rc = pn_yaml_load(&documents->file, source->file, source->io, &documents->arena, e);
        documents->yaml[1] = &documents->file;
        documents->maps[1] = rc == 0 ? pn_yaml_get(documents->file.root, "profiles") : NULL;
    }
    return rc;
}

static const struct pn_yaml_node *find_in(const struct documents *documents, size_t i,
                                          const char *name)
{
    return pn_yaml_get(documents->maps[i], name);
}

/* A profile without settings is a null in its map, which pn_yaml_get() passes over. */
static bool is_defined(const struct documents *documents, const char *name)
{
    for (size_t i = 0; i < 2; i++) {
        const struct pn_yaml_node *map = documents->maps[i];
        for (const struct pn_yaml_node *node = map != NULL ? map->first : NULL; node != NULL;
             node = node->next) {
            if (strcmp(node->key, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The built-in profile that a profile stands on; NULL: none. */
static const struct built_in *base_of(const struct documents *documents, const char *name)
{
    const struct built_in *base = find_built_in(name);
    for (size_t i = 0; base == NULL && i < 2; i++) {
        const struct pn_yaml_node *like = pn_yaml_get(find_in(documents, 1 - i, name), "like");
        base = like != NULL && like->kind == PN_YAML_SCALAR ? find_built_in(like->text) : NULL;
    }
    return base;
}

/* --- checks ----------------------------------------------------------------------------------- */

static int check_like(const struct pn_yaml *yaml, const struct pn_yaml_node *profile,
                      struct pn_err *e)
{
    const char *names[BUILT_IN_COUNT];
    const struct pn_yaml_node *like = pn_yaml_get(profile, "like");
    if (like == NULL) {
        return 0;
    }
    if (find_built_in(profile->key) != NULL) {
        return pn_yaml_error(yaml, like, e,
                             "the built-in profile %s is like no other one: give a new profile "
                             "another name",
                             profile->key);
    }
    for (size_t i = 0; i < BUILT_IN_COUNT; i++) {
        names[i] = built_in_profiles[i].name;
    }
    if (like->kind != PN_YAML_SCALAR || find_built_in(like->text) == NULL) {
        return pn_yaml_error_unknown(yaml, like, "built-in profile",
                                     like->kind == PN_YAML_SCALAR ? like->text : "", names,
                                     BUILT_IN_COUNT, e);
    }
    return 0;
}

static int check_profile(const struct pn_yaml *yaml, const struct pn_yaml_node *profile,
                         struct pn_err *e)
{
    static const char name_chars[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t len = strlen(profile->key);
    struct pn_settings settings;
    if (len == 0 || len > NAME_LEN_MAX || strspn(profile->key, name_chars) != len) {
        return pn_yaml_error(yaml, profile, e,
                             "the name of a profile has 1 to %d letters, digits, _ and -",
                             NAME_LEN_MAX);
    }
    int rc = check_like(yaml, profile, e);
    if (rc == 0) {
        pn_settings_init(&settings);
        rc = pn_settings_from_yaml(&settings, yaml, profile, PN_SETTINGS_OF_PROFILE, e);
        pn_settings_deinit(&settings);
    }
    return rc;
}

int pn_profiles_check(const struct pn_profile_source *source, struct pn_err *e)
{
    struct documents documents;
    int rc = open_documents(&documents, source, e);
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        const struct pn_yaml_node *map = documents.maps[i];
        if (map != NULL && map->kind != PN_YAML_MAP) {
            rc = pn_yaml_error(documents.yaml[i], map, e,
                               "must be a map of profiles such as kafka: {log: {url: ...}}");
        }
        for (const struct pn_yaml_node *profile = map != NULL ? map->first : NULL;
             rc == 0 && profile != NULL; profile = profile->next) {
            rc = check_profile(documents.yaml[i], profile, e);
        }
    }
    close_documents(&documents);
    return rc;
}

/* --- use -------------------------------------------------------------------------------------- */

static size_t list_names(const struct documents *documents, const char *names[NAMES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < BUILT_IN_COUNT; i++) {
        names[count++] = built_in_profiles[i].name;
    }
    for (size_t i = 0; i < 2; i++) {
        const struct pn_yaml_node *map = documents->maps[i];
        for (const struct pn_yaml_node *node = map != NULL ? map->first : NULL;
             node != NULL && count < NAMES_MAX; node = node->next) {
            bool is_known = false;
            for (size_t n = 0; n < count && !is_known; n++) {
                is_known = strcmp(names[n], node->key) == 0;
            }
            if (!is_known) {
                names[count++] = node->key;
            }
        }
    }
    return count;
}

static int unknown(const struct documents *documents, const char *name, struct pn_err *e)
{
    const char *names[NAMES_MAX];
    size_t count = list_names(documents, names);
    const char *near = pn_nearest(name, names, count);
    if (near != NULL) {
        return pn_err_input(e, "unknown profile \"%.60s\"; did you mean \"%s\"?", name, near);
    }
    return pn_err_input(e, "unknown profile \"%.60s\" (pinion profile list shows all)", name);
}

static int apply_built_in(struct pn_settings *settings, const struct built_in *profile,
                          const char *name, struct pn_err *e)
{
    int rc = 0;
    char *origin = pn_xasprintf("profile %s", name);
    for (size_t i = 0; i < VALUES_MAX && profile->values[i].name != NULL && rc == 0; i++) {
        rc = pn_settings_set_from(settings, profile->values[i].name, profile->values[i].value,
                                  origin, e);
    }
    free(origin);
    return rc;
}

/* What the files say of a profile. */
static int apply_files(struct pn_settings *settings, const struct documents *documents,
                       const char *name, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        const struct pn_yaml_node *profile = find_in(documents, i, name);
        if (profile != NULL) {
            rc = pn_settings_from_yaml(settings, documents->yaml[i], profile,
                                       PN_SETTINGS_OF_PROFILE, e);
        }
    }
    return rc;
}

int pn_settings_from_profile(struct pn_settings *settings, const char *name,
                             const struct pn_profile_source *source, struct pn_err *e)
{
    struct documents documents;
    int rc = open_documents(&documents, source, e);
    const struct built_in *base = rc == 0 ? base_of(&documents, name) : NULL;
    if (rc == 0 && base == NULL && !is_defined(&documents, name)) {
        rc = unknown(&documents, name, e);
    }
    if (rc == 0 && base != NULL) {
        rc = apply_built_in(settings, base, name, e);
    }
    if (rc == 0 && base != NULL && strcmp(base->name, name) != 0) {
        rc = apply_files(settings, &documents, base->name, e);
    }
    if (rc == 0) {
        rc = apply_files(settings, &documents, name, e);
    }
    close_documents(&documents);
    return rc;
}

size_t pn_profile_lacks(const struct pn_settings *settings, const char *name,
                        const struct pn_profile_source *source,
                        const char *lacks[PN_PROFILE_NEEDS_MAX])
{
    struct documents documents;
    size_t count = 0;
    if (name != NULL && open_documents(&documents, source, NULL) == 0) {
        const struct built_in *base = base_of(&documents, name);
        for (size_t i = 0; base != NULL && i < PN_PROFILE_NEEDS_MAX; i++) {
            if (base->needs[i] != NULL && !pn_settings_has(settings, base->needs[i])) {
                lacks[count++] = base->needs[i];
            }
        }
    }
    if (name != NULL) {
        close_documents(&documents);
    }
    return count;
}

int pn_profiles_each(const struct pn_profile_source *source,
                     void (*fn)(void *arg, const struct pn_profile_shown *profile), void *arg,
                     struct pn_err *e)
{
    struct documents documents;
    int rc = open_documents(&documents, source, e);
    if (rc == 0) {
        const char *names[NAMES_MAX];
        size_t count = list_names(&documents, names);
        for (size_t i = 0; i < count; i++) {
            const struct built_in *own = find_built_in(names[i]);
            const struct built_in *base = base_of(&documents, names[i]);
            const struct pn_yaml_node *here = find_in(&documents, 0, names[i]);
            const struct pn_yaml_node *there = find_in(&documents, 1, names[i]);
            const struct pn_profile_shown shown = {.name = names[i],
                                                   .like = own == NULL && base != NULL ? base->name
                                                                                       : NULL,
                                                   .file = there != NULL  ? documents.yaml[1]->file
                                                           : here != NULL ? documents.yaml[0]->file
                                                                          : NULL,
                                                   .about = own != NULL ? own->about : NULL};
            fn(arg, &shown);
        }
    }
    close_documents(&documents);
    return rc;
}
