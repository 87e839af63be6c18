#include "deploy/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pipeline/yaml.h"

static const struct {
    const char *name;
    const char *section;
    const char *member;
    bool is_secret;
} keys[PN_DEPLOY_KEYS] = {
    [PN_DEPLOY_REGION] = {"aws.region", "aws", "region", false},
    [PN_DEPLOY_ACCESS_KEY] = {"aws.access_key", "aws", "access_key", true},
    [PN_DEPLOY_SECRET_KEY] = {"aws.secret_key", "aws", "secret_key", true},
    [PN_DEPLOY_ACCOUNT_ID] = {"databricks.account_id", "databricks", "account_id", false},
    [PN_DEPLOY_CLIENT_ID] = {"databricks.client_id", "databricks", "client_id", true},
    [PN_DEPLOY_CLIENT_SECRET] = {"databricks.client_secret", "databricks", "client_secret", true},
    [PN_DEPLOY_WORKSPACE] = {"databricks.workspace_name", "databricks", "workspace_name", false},
    [PN_DEPLOY_DATA_BUCKET] = {"s3_storage.main_processing_data_storage_name", "s3_storage",
                               "main_processing_data_storage_name", false},
    [PN_DEPLOY_ROOT_BUCKET] = {"s3_storage.databricks_root_storage_name", "s3_storage",
                               "databricks_root_storage_name", false},
    [PN_DEPLOY_DAG_BUCKET] = {"s3_storage.mwaa_dag_storage_name", "s3_storage",
                              "mwaa_dag_storage_name", false},
    [PN_DEPLOY_MWAA_ENV] = {"mwaa.mwaa_env_name", "mwaa", "mwaa_env_name", false},
};

static const char *const sections[] = {"aws", "databricks", "s3_storage", "mwaa"};
enum { SECTIONS = sizeof sections / sizeof *sections };

const char *pn_deploy_key_name(enum pn_deploy_key key)
{
    return keys[key].name;
}

bool pn_deploy_key_is_secret(enum pn_deploy_key key)
{
    return keys[key].is_secret;
}

/* What YAML takes for something else than a string when it stands without quotes: true, 12, 1.5,
 * 2026-11-28. */
static const char *other_type(const char *text)
{
    static const char *const booleans[] = {"true", "false", "yes", "no", "on", "off"};
    for (size_t i = 0; i < sizeof booleans / sizeof *booleans; i++) {
        if (strcasecmp(text, booleans[i]) == 0) {
            return "a boolean";
        }
    }
    if (strspn(text, "0123456789-") == strlen(text) && strlen(text) == 10 && text[4] == '-' &&
        text[7] == '-') {
        return "a date";
    }
    char *end = NULL;
    (void)strtod(text, &end);
    bool numeric = isdigit((unsigned char)text[strcspn(text, "0123456789")]) != 0;
    return numeric && *end == '\0' ? "a number" : NULL;
}

static int check_names(const struct pn_yaml *yaml, const struct pn_yaml_node *map,
                       const char *const *names, size_t count, struct pn_err *e)
{
    for (const struct pn_yaml_node *node = map->first; node != NULL; node = node->next) {
        bool known = false;
        for (size_t i = 0; i < count && !known; i++) {
            known = strcmp(node->key, names[i]) == 0;
        }
        if (!known) {
            return pn_yaml_error_unknown(yaml, node, "key", node->key, names, count, e);
        }
    }
    return 0;
}

static int check_section(const struct pn_yaml *yaml, const struct pn_yaml_node *root,
                         const char *name, struct pn_err *e)
{
    const struct pn_yaml_node *section = pn_yaml_get(root, name);
    const char *members[PN_DEPLOY_KEYS];
    size_t count = 0;
    for (size_t i = 0; i < PN_DEPLOY_KEYS; i++) {
        if (strcmp(keys[i].section, name) == 0) {
            members[count++] = keys[i].member;
        }
    }
    if (section == NULL) {
        return pn_err_input(e, "%s:%d: %s: is missing", yaml->file, root->line, name);
    }
    if (section->kind != PN_YAML_MAP) {
        return pn_yaml_error(yaml, section, e, "must be a map of %zu strings", count);
    }
    return check_names(yaml, section, members, count, e);
}

static int read_value(const struct pn_yaml *yaml, const struct pn_yaml_node *root,
                      enum pn_deploy_key key, struct pn_deploy_config *config, struct pn_err *e)
{
    const struct pn_yaml_node *section = pn_yaml_get(root, keys[key].section);
    const struct pn_yaml_node *node = section->first;
    while (node != NULL && strcmp(node->key, keys[key].member) != 0) {
        node = node->next;
    }
    if (node == NULL) {
        return pn_err_input(e, "%s:%d: %s: is missing", yaml->file, section->line, keys[key].name);
    }
    if (node->kind == PN_YAML_NULL || (node->kind == PN_YAML_SCALAR && *node->text == '\0')) {
        return pn_yaml_error(yaml, node, e, "is empty");
    }
    if (node->kind != PN_YAML_SCALAR) {
        return pn_yaml_error(yaml, node, e, "must be a string, not a %s",
                             node->kind == PN_YAML_LIST ? "list" : "map");
    }
    const char *other = node->is_plain ? other_type(node->text) : NULL;
    if (other != NULL) {
        return pn_yaml_error(yaml, node, e, "must be a string, not %s (put it in quotes)", other);
    }
    config->values[key] = node->text;
    config->lines[key] = node->line;
    return 0;
}

int pn_deploy_config_load(const char *path, const struct pn_io *io, struct pn_deploy_config *config,
                          struct pn_err *e)
{
    *config = (struct pn_deploy_config){.file = path};
    pn_arena_init(&config->arena, 0);
    struct pn_yaml yaml;
    int rc = pn_yaml_load(&yaml, path, io, &config->arena, e);
    if (rc != 0) {
        return rc;
    }
    if (yaml.root->kind != PN_YAML_MAP) {
        return pn_err_input(e,
                            "%s:%d: must be a map with the keys aws, databricks, s3_storage and "
                            "mwaa",
                            yaml.file, yaml.root->line);
    }
    rc = check_names(&yaml, yaml.root, sections, SECTIONS, e);
    for (size_t i = 0; rc == 0 && i < SECTIONS; i++) {
        rc = check_section(&yaml, yaml.root, sections[i], e);
    }
    for (size_t i = 0; rc == 0 && i < PN_DEPLOY_KEYS; i++) {
        rc = read_value(&yaml, yaml.root, (enum pn_deploy_key)i, config, e);
    }
    return rc;
}

void pn_deploy_config_deinit(struct pn_deploy_config *config)
{
    pn_arena_deinit(&config->arena);
}
