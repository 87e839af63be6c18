#include "settings/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "pipeline/yaml.h"
#include "settings/internal.h"

enum {
    SETTINGS_MAX = 256,
    NAME_MAX_BYTES = 128,
    TEXT_MAX_BYTES = 4096,
    SECTIONS_MAX = 16,
    SECTION_BYTES_MAX = 32
};

static void *member(const struct pn_setting *setting, struct pn_settings *settings)
{
    return (char *)settings + setting->offset;
}

static const void *const_member(const struct pn_setting *setting,
                                const struct pn_settings *settings)
{
    return (const char *)settings + setting->offset;
}

static bool is_text(const struct pn_setting *setting)
{
    return setting->kind == PN_SETTING_TEXT || setting->kind == PN_SETTING_CHOICE;
}

/* Is `text` one of the words of "a|b|c"? */
static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);
    for (const char *at = choices; *at != '\0';) {
        size_t word_len = strcspn(at, "|");
        if (word_len == len && memcmp(at, text, len) == 0) {
            return true;
        }
        at += word_len + (at[word_len] == '|');
    }
    return false;
}

static int parse_text(const struct pn_setting *setting, const char *text, struct pn_err *e)
{
    if (strlen(text) > TEXT_MAX_BYTES) {
        return pn_err_input(e, "the value is longer than %d bytes", TEXT_MAX_BYTES);
    }
    if (setting->kind == PN_SETTING_CHOICE && strcmp(text, setting->initial) != 0 &&
        !is_choice(setting->choices, text)) {
        return pn_err_input(e, "must be one of %s, not \"%.60s\"", setting->choices, text);
    }
    return setting->check != NULL ? setting->check(text, e) : 0;
}

static int parse_number(const struct pn_setting *setting, const char *text, int64_t *value,
                        struct pn_err *e)
{
    if (setting->word != NULL && strcmp(text, setting->word) == 0) {
        *value = -1;
        return 0;
    }
    int rc = 0;
    if (setting->kind == PN_SETTING_INT) {
        rc = pn_parse_i64(text, value, e);
    } else if (setting->kind == PN_SETTING_SIZE) {
        rc = pn_parse_size(text, value, e);
    } else {
        rc = pn_parse_duration(text, value, e);
    }
    if (rc != 0) {
        if (setting->word != NULL && e != NULL) {
            size_t len = strlen(e->msg);
            (void)snprintf(e->msg + len, sizeof e->msg - len, ", or \"%s\"", setting->word);
        }
        return rc;
    }
    if (*value >= setting->min && *value <= setting->max) {
        return 0;
    }
    char least[PN_UNITS_SIZE];
    char most[PN_UNITS_SIZE];
    if (setting->kind == PN_SETTING_INT) {
        (void)snprintf(least, sizeof least, "%" PRId64, setting->min);
        (void)snprintf(most, sizeof most, "%" PRId64, setting->max);
    } else if (setting->kind == PN_SETTING_SIZE) {
        (void)pn_format_size(setting->min, least);
        (void)pn_format_size(setting->max, most);
    } else {
        (void)pn_format_duration(setting->min, least);
        (void)pn_format_duration(setting->max, most);
    }
    return pn_err_input(e, "must be %s to %s, not %.60s", least, most, text);
}

static int set_value(struct pn_settings *settings, const struct pn_setting *setting,
                     const char *text, struct pn_err *e)
{
    if (is_text(setting)) {
        int rc = parse_text(setting, text, e);
        if (rc == 0) {
            char **value = member(setting, settings);
            char *copy = pn_xstrdup(text);
            free(*value);
            *value = copy;
        }
        return rc;
    }
    if (setting->kind == PN_SETTING_BOOL) {
        bool on = strcmp(text, "true") == 0;
        if (!on && strcmp(text, "false") != 0) {
            return pn_err_input(e, "must be true or false, not \"%.60s\"", text);
        }
        *(bool *)member(setting, settings) = on;
        return 0;
    }
    int64_t value = 0;
    int rc = parse_number(setting, text, &value, e);
    if (rc == 0) {
        *(int64_t *)member(setting, settings) = value;
    }
    return rc;
}

/* Sets a value, and where it comes from. */
static int set(struct pn_settings *settings, const struct pn_setting *setting, const char *text,
               const char *origin, struct pn_err *e)
{
    int rc = set_value(settings, setting, text, e);
    if (rc == 0) {
        char **place = &settings->origins[setting - pn_settings_table];
        free(*place);
        *place = pn_xstrdup(origin);
    }
    return rc;
}

void pn_settings_init(struct pn_settings *settings)
{
    *settings = (struct pn_settings){.origins = pn_xcalloc(pn_settings_count, sizeof(char *))};
    for (size_t i = 0; i < pn_settings_count; i++) {
        struct pn_err e;
        int rc = set_value(settings, &pn_settings_table[i], pn_settings_table[i].initial, &e);
        PN_ASSERT(rc == 0);
    }
}

void pn_settings_deinit(struct pn_settings *settings)
{
    for (size_t i = 0; i < pn_settings_count; i++) {
        if (is_text(&pn_settings_table[i])) {
            char **value = member(&pn_settings_table[i], settings);
            free(*value);
            *value = NULL;
        }
        free(settings->origins[i]);
    }
    free(settings->origins);
    settings->origins = NULL;
}

static const struct pn_setting *find(const char *name)
{
    for (size_t i = 0; i < pn_settings_count; i++) {
        if (strcmp(pn_settings_table[i].name, name) == 0) {
            return &pn_settings_table[i];
        }
    }
    return NULL;
}

const char *pn_settings_default(const char *name)
{
    const struct pn_setting *setting = find(name);
    PN_ASSERT(setting != NULL);
    return setting->initial;
}

static int unknown(const char *name, struct pn_err *e)
{
    const char *names[SETTINGS_MAX];
    PN_ASSERT(pn_settings_count <= SETTINGS_MAX);
    for (size_t i = 0; i < pn_settings_count; i++) {
        names[i] = pn_settings_table[i].name;
    }
    const char *near = pn_nearest(name, names, pn_settings_count);
    if (near != NULL) {
        return pn_err_input(e, "unknown setting \"%.60s\"; did you mean \"%s\"?", name, near);
    }
    return pn_err_input(e, "unknown setting \"%.60s\" (pinion settings lists them)", name);
}

int pn_settings_set_from(struct pn_settings *settings, const char *name, const char *value,
                         const char *origin, struct pn_err *e)
{
    const struct pn_setting *setting = find(name);
    if (setting == NULL) {
        return unknown(name, e);
    }
    int rc = set(settings, setting, value, origin, e);
    if (rc != 0) {
        pn_err_prefix(e, "%s", name);
    }
    return rc;
}

int pn_settings_set(struct pn_settings *settings, const char *name, const char *value,
                    struct pn_err *e)
{
    return pn_settings_set_from(settings, name, value, "--set", e);
}

bool pn_settings_has(const struct pn_settings *settings, const char *name)
{
    const struct pn_setting *setting = find(name);
    PN_ASSERT(setting != NULL && is_text(setting));
    return **(char *const *)const_member(setting, settings) != '\0';
}

void pn_setting_format(const struct pn_setting *setting, const struct pn_settings *settings,
                       struct pn_buf *out)
{
    const void *at = const_member(setting, settings);
    char text[PN_UNITS_SIZE];
    switch (setting->kind) {
    case PN_SETTING_TEXT:
    case PN_SETTING_CHOICE:
        pn_buf_adds(out, *(char *const *)at);
        return;
    case PN_SETTING_BOOL:
        pn_buf_adds(out, *(const bool *)at ? "true" : "false");
        return;
    default:
        break;
    }
    int64_t value = *(const int64_t *)at;
    if (value == -1) {
        pn_buf_adds(out, setting->word);
    } else if (setting->kind == PN_SETTING_SIZE) {
        pn_buf_adds(out, pn_format_size(value, text));
    } else if (setting->kind == PN_SETTING_DURATION) {
        pn_buf_adds(out, pn_format_duration(value, text));
    } else {
        pn_buf_add_i64(out, value);
    }
}

/* --- from YAML ------------------------------------------------------------------------------ */

/* A map of settings that is read. */
struct reading {
    struct pn_settings *settings;
    const struct pn_yaml *yaml;
    const char *profile; /* whose settings these are */
};

static char *origin_of(const struct reading *reading, const struct pn_yaml_node *node)
{
    return reading->profile != NULL ? pn_xasprintf("profile %s (%s:%d)", reading->profile,
                                                   reading->yaml->file, node->line)
                                    : pn_xasprintf("%s:%d", reading->yaml->file, node->line);
}

static int set_leaf(const struct reading *reading, const struct pn_yaml_node *node,
                    const char *name, struct pn_err *e)
{
    const struct pn_yaml *yaml = reading->yaml;
    struct pn_err inner;
    const struct pn_setting *setting = find(name);
    if (setting == NULL) {
        (void)unknown(name, &inner);
        return pn_yaml_error(yaml, node, e, "%s", inner.msg);
    }
    if (node->kind != PN_YAML_SCALAR && node->kind != PN_YAML_NULL) {
        return pn_yaml_error(yaml, node, e, "must be a value, not a list or a map");
    }
    /* Nothing after the colon is the empty text. */
    const char *text = node->kind == PN_YAML_SCALAR ? node->text : "";
    char *origin = origin_of(reading, node);
    int rc = set(reading->settings, setting, text, origin, &inner);
    free(origin);
    return rc != 0 ? pn_yaml_error(yaml, node, e, "%s", inner.msg) : 0;
}

/* Is there a setting whose name begins with `name` and a dot? */
static bool is_group(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < pn_settings_count; i++) {
        if (strncmp(pn_settings_table[i].name, name, len) == 0 &&
            pn_settings_table[i].name[len] == '.') {
            return true;
        }
    }
    return false;
}

/* A setting, or a map of a group of them: `log: {kafka: {security: ssl}}`. */
static int set_node(const struct reading *reading, const struct pn_yaml_node *node,
                    const char *name, struct pn_err *e)
{
    if (node->kind != PN_YAML_MAP || !is_group(name)) {
        return set_leaf(reading, node, name, e);
    }
    for (const struct pn_yaml_node *leaf = node->first; leaf != NULL; leaf = leaf->next) {
        char *full = pn_xasprintf("%s.%s", name, leaf->key);
        int rc = set_leaf(reading, leaf, full, e);
        free(full);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* The words before the dots, each once. Returns how many. */
static size_t list_sections(char names[SECTIONS_MAX][SECTION_BYTES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < pn_settings_count; i++) {
        int len = (int)strcspn(pn_settings_table[i].name, ".");
        char section[SECTION_BYTES_MAX];
        (void)snprintf(section, sizeof section, "%.*s", len, pn_settings_table[i].name);
        if (count == 0 || strcmp(names[count - 1], section) != 0) {
            PN_ASSERT(count < SECTIONS_MAX);
            memcpy(names[count++], section, sizeof section);
        }
    }
    return count;
}

static int check_section(const struct pn_yaml *yaml, const struct pn_yaml_node *node,
                         enum pn_settings_kind kind, struct pn_err *e)
{
    char names[SECTIONS_MAX][SECTION_BYTES_MAX];
    const char *words[SECTIONS_MAX + 1];
    size_t count = list_sections(names);
    for (size_t i = 0; i < count; i++) {
        words[i] = names[i];
        if (strcmp(names[i], node->key) == 0) {
            return node->kind == PN_YAML_MAP || node->kind == PN_YAML_NULL
                       ? 0
                       : pn_yaml_error(yaml, node, e, "must be a map of settings");
        }
    }
    if (kind == PN_SETTINGS_OF_FILE) {
        words[count++] = "profiles";
    }
    return pn_yaml_error_unknown(yaml, node, "group of settings", node->key, words, count, e);
}

/* Groups of a config.yml that are for the cloud deployment only. */
static bool is_of_deployment(const char *section)
{
    static const char *const names[] = {"databricks", "s3_storage", "mwaa"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(section, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What such a map may hold beside settings. */
static bool is_of_others(enum pn_settings_kind kind, const char *section)
{
    return kind == PN_SETTINGS_OF_PROFILE ? strcmp(section, "like") == 0
           : kind == PN_SETTINGS_OF_FILE
               ? strcmp(section, "profiles") == 0 || is_of_deployment(section)
               : false;
}

int pn_settings_from_yaml(struct pn_settings *settings, const struct pn_yaml *yaml,
                          const struct pn_yaml_node *map, enum pn_settings_kind kind,
                          struct pn_err *e)
{
    if (map == NULL || map->kind == PN_YAML_NULL) {
        return 0;
    }
    if (map->kind != PN_YAML_MAP) {
        return pn_yaml_error(yaml, map, e,
                             "must be a map of settings such as log: {durability: os}");
    }
    const struct reading reading = {.settings = settings,
                                    .yaml = yaml,
                                    .profile = kind == PN_SETTINGS_OF_PROFILE ? map->key : NULL};
    for (const struct pn_yaml_node *section = map->first; section != NULL;
         section = section->next) {
        if (is_of_others(kind, section->key)) {
            continue;
        }
        int rc = check_section(yaml, section, kind, e);
        if (rc != 0) {
            return rc;
        }
        for (const struct pn_yaml_node *node = section->first; node != NULL; node = node->next) {
            char name[NAME_MAX_BYTES];
            (void)snprintf(name, sizeof name, "%s.%s", section->key, node->key);
            rc = set_node(&reading, node, name, e);
            if (rc != 0) {
                return rc;
            }
        }
    }
    return 0;
}

int pn_settings_from_pipeline(struct pn_settings *settings, const struct pn_pipeline *pipeline,
                              struct pn_err *e)
{
    const struct pn_yaml *yaml = pn_pipeline_yaml(pipeline);
    return pn_settings_from_yaml(settings, yaml, pn_yaml_get(yaml->root, "settings"),
                                 PN_SETTINGS_OF_PIPELINE, e);
}

int pn_settings_check_pipeline(const struct pn_pipeline *pipeline, struct pn_err *e)
{
    struct pn_settings settings;
    pn_settings_init(&settings);
    int rc = pn_settings_from_pipeline(&settings, pipeline, e);
    pn_settings_deinit(&settings);
    return rc;
}

int pn_settings_from_file(struct pn_settings *settings, const char *path, const struct pn_io *io,
                          struct pn_err *e)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    struct pn_yaml yaml;
    int rc = pn_yaml_load(&yaml, path, io, &arena, e);
    if (rc == 0) {
        rc = pn_settings_from_yaml(settings, &yaml, yaml.root, PN_SETTINGS_OF_FILE, e);
    }
    pn_arena_deinit(&arena);
    return rc;
}
