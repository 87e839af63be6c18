#include "deploy/tfvars.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

enum { FILE_BYTES_MAX = 1 << 20 };

const char *const pn_deploy_directories[PN_DEPLOY_DIRECTORIES] = {
    "main-storage-s3-tf", "batch-ingestion-tf", "stream-ingestion-tf", "databricks-tf",
    "mwaa-orchestration-tf"};

static const struct {
    size_t directory;
    const char *name;
    enum pn_deploy_key key;
} variables[] = {
    {0, "region", PN_DEPLOY_REGION},
    {0, "bucket_name", PN_DEPLOY_DATA_BUCKET},
    {1, "region", PN_DEPLOY_REGION},
    {1, "bucket_name", PN_DEPLOY_DATA_BUCKET},
    {2, "region", PN_DEPLOY_REGION},
    {3, "region", PN_DEPLOY_REGION},
    {3, "databricks_account_id", PN_DEPLOY_ACCOUNT_ID},
    {3, "databricks_client_id", PN_DEPLOY_CLIENT_ID},
    {3, "databricks_client_secret", PN_DEPLOY_CLIENT_SECRET},
    {3, "databricks_root_bucket_name", PN_DEPLOY_ROOT_BUCKET},
    {3, "workspace_name", PN_DEPLOY_WORKSPACE},
    {3, "aws_access_key_id", PN_DEPLOY_ACCESS_KEY},
    {3, "aws_secret_access_key", PN_DEPLOY_SECRET_KEY},
    {3, "s3_mount_bucket_name", PN_DEPLOY_DATA_BUCKET},
    {4, "dag_storage", PN_DEPLOY_DAG_BUCKET},
    {4, "region", PN_DEPLOY_REGION},
    {4, "mwaa_env_name", PN_DEPLOY_MWAA_ENV},
};

void pn_hcl_add_string(struct pn_buf *out, const char *text)
{
    pn_buf_addc(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        if ((c[0] == '$' || c[0] == '%') && c[1] == '{') {
            pn_buf_addf(out, "%c%c", c[0], c[0]); /* "$${" is the text "${" */
        } else if (*c == '"' || *c == '\\') {
            pn_buf_addf(out, "\\%c", *c);
        } else if (*c == '\n') {
            pn_buf_adds(out, "\\n");
        } else if (*c == '\r') {
            pn_buf_adds(out, "\\r");
        } else if (*c == '\t') {
            pn_buf_adds(out, "\\t");
        } else if ((unsigned char)*c < ' ' || *c == 0x7f) {
            pn_buf_addf(out, "\\u%04x", (unsigned)*c);
        } else {
            pn_buf_addc(out, *c);
        }
    }
    pn_buf_addc(out, '"');
}

void pn_tfvars_each(size_t directory,
                    void (*fn)(void *arg, const char *name, enum pn_deploy_key key), void *arg)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (variables[i].directory == directory) {
            fn(arg, variables[i].name, variables[i].key);
        }
    }
}

struct file {
    struct pn_buf *out;
    const struct pn_deploy_config *config;
    size_t width; /* of the longest name: `tofu fmt` aligns the equals signs */
};

static void measure_name(void *arg, const char *name, enum pn_deploy_key key)
{
    (void)key;
    struct file *file = arg;
    file->width = strlen(name) > file->width ? strlen(name) : file->width;
}

static void add_variable(void *arg, const char *name, enum pn_deploy_key key)
{
    const struct file *file = arg;
    pn_buf_addf(file->out, "%-*s = ", (int)file->width, name);
    pn_hcl_add_string(file->out, file->config->values[key]);
    pn_buf_addc(file->out, '\n');
}

static int check_directory(const char *folder, const char *directory, const struct pn_io *io,
                           struct pn_err *e)
{
    struct stat st;
    char *path = pn_xasprintf("%s/%s", folder, directory);
    int rc = pn_io_stat(io, path, &st, NULL);
    if (rc != 0 || !S_ISDIR(st.st_mode)) {
        rc = pn_err_missing(e,
                            "%s: is not a folder (--dir names the folder with the five Terraform "
                            "directories; nothing was written)",
                            path);
    }
    free(path);
    return rc;
}

static int write_file(const struct pn_deploy_config *config, const char *folder, size_t directory,
                      const struct pn_io *io, struct pn_err *e)
{
    struct pn_buf out;
    pn_buf_init(&out, FILE_BYTES_MAX);
    struct file file = {.out = &out, .config = config};
    pn_buf_adds(&out,
                "# Written by `pinion deploy tfvars`; change config.yml instead. Do not commit "
                "this file.\n");
    pn_tfvars_each(directory, measure_name, &file);
    pn_tfvars_each(directory, add_variable, &file);
    char *path = pn_xasprintf("%s/%s/terraform.tfvars", folder, pn_deploy_directories[directory]);
    int rc = pn_buf_check(&out, path, e);
    if (rc == 0) {
        rc = pn_io_replace_secret(io, path, pn_buf_text(&out), out.len, e);
    }
    free(path);
    pn_buf_deinit(&out);
    return rc;
}

int pn_tfvars_write(const struct pn_deploy_config *config, const char *folder,
                    const struct pn_io *io, struct pn_err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < PN_DEPLOY_DIRECTORIES; i++) {
        rc = check_directory(folder, pn_deploy_directories[i], io, e);
    }
    for (size_t i = 0; rc == 0 && i < PN_DEPLOY_DIRECTORIES; i++) {
        rc = write_file(config, folder, i, io, e);
    }
    return rc;
}
