#include "deploy/check.h"

#include <ctype.h>
#include <string.h>

#include "base/units.h"

enum { DETAIL_BYTES_MAX = 1024 };

/* The regions of the AWS partitions; a test compares them with those that botocore publishes. */
const char *const pn_aws_regions[] = {"af-south-1",     "ap-east-1",      "ap-east-2",
                                      "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
                                      "ap-south-1",     "ap-south-2",     "ap-southeast-1",
                                      "ap-southeast-2", "ap-southeast-3", "ap-southeast-4",
                                      "ap-southeast-5", "ap-southeast-6", "ap-southeast-7",
                                      "ca-central-1",   "ca-west-1",      "cn-north-1",
                                      "cn-northwest-1", "eu-central-1",   "eu-central-2",
                                      "eu-north-1",     "eu-south-1",     "eu-south-2",
                                      "eu-west-1",      "eu-west-2",      "eu-west-3",
                                      "il-central-1",   "me-central-1",   "me-south-1",
                                      "mx-central-1",   "sa-east-1",      "us-east-1",
                                      "us-east-2",      "us-gov-east-1",  "us-gov-west-1",
                                      "us-west-1",      "us-west-2",      NULL};

struct check {
    const struct pn_deploy_config *config;
    pn_finding_fn fn;
    void *arg;
    size_t failures;
};

static void report(struct check *check, const char *what, const char *fault, const char *fine)
{
    check->failures += fault != NULL;
    check->fn(check->arg, fault != NULL ? PN_FINDING_FAILED : PN_FINDING_OK, what,
              fault != NULL ? fault : fine);
}

static void check_region(struct check *check)
{
    const char *region = check->config->values[PN_DEPLOY_REGION];
    size_t count = 0;
    bool known = false;
    for (; pn_aws_regions[count] != NULL; count++) {
        known = known || strcmp(region, pn_aws_regions[count]) == 0;
    }
    struct pn_buf fault;
    pn_buf_init(&fault, DETAIL_BYTES_MAX);
    if (!known) {
        const char *near = pn_nearest(region, pn_aws_regions, count);
        pn_buf_addf(&fault, "unknown region \"%.40s\"", region);
        if (near != NULL) {
            pn_buf_addf(&fault, "; did you mean \"%s\"?", near);
        }
    }
    report(check, pn_deploy_key_name(PN_DEPLOY_REGION), known ? NULL : pn_buf_text(&fault), region);
    pn_buf_deinit(&fault);
}

/* --- buckets -------------------------------------------------------------------------------- */

static bool is_address(const char *name)
{
    size_t dots = 0;
    for (const char *c = name; *c != '\0'; c++) {
        if (!isdigit((unsigned char)*c) && *c != '.') {
            return false;
        }
        dots += *c == '.';
    }
    return dots == 3;
}

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text);
    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

const char *pn_bucket_name_fault(const char *name)
{
    static const char *const prefixes[] = {"xn--", "sthree-", "amzn-s3-demo-"};
    static const char *const suffixes[] = {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"};
    size_t len = strlen(name);
    if (len < 3 || len > 63) {
        return "a bucket name has 3 to 63 characters";
    }
    for (const char *c = name; *c != '\0'; c++) {
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-.", *c) == NULL) {
            return "a bucket name has only lower-case letters, digits, - and .";
        }
    }
    if (!isalnum((unsigned char)name[0]) || !isalnum((unsigned char)name[len - 1])) {
        return "a bucket name begins and ends with a letter or a digit";
    }
    if (strstr(name, "..") != NULL) {
        return "a bucket name does not contain two dots in a row";
    }
    if (is_address(name)) {
        return "a bucket name does not have the form of an IP address";
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return "this prefix of a bucket name is reserved by AWS";
        }
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (ends_in(name, suffixes[i])) {
            return "this suffix of a bucket name is reserved by AWS";
        }
    }
    if (strchr(name, '.') != NULL) {
        return "use a name without dots: TLS certificates of S3 do not cover bucket names with "
               "dots";
    }
    return NULL;
}

static void check_buckets(struct check *check)
{
    static const enum pn_deploy_key buckets[] = {PN_DEPLOY_DATA_BUCKET, PN_DEPLOY_ROOT_BUCKET,
                                                 PN_DEPLOY_DAG_BUCKET};
    const char *const *values = check->config->values;
    for (size_t i = 0; i < 3; i++) {
        const char *name = values[buckets[i]];
        const char *fault = pn_bucket_name_fault(name);
        for (size_t j = 0; j < i && fault == NULL; j++) {
            if (strcmp(name, values[buckets[j]]) == 0) {
                fault = "the three buckets must have different names";
            }
        }
        report(check, pn_deploy_key_name(buckets[i]), fault, name);
    }
}

/* --- identifiers and keys -------------------------------------------------------------------- */

static bool is_uuid(const char *text)
{
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return text[36] == '\0';
}

static const char *access_key_fault(const char *key)
{
    size_t len = strlen(key);
    if (strncmp(key, "ASIA", 4) == 0) {
        return "this is a temporary key, which needs a session token: use a key that begins with "
               "AKIA";
    }
    if (strncmp(key, "AKIA", 4) != 0 || len < 16 || len > 128 ||
        strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != len) {
        return "not an access key ID: AKIA and upper-case letters and digits";
    }
    return NULL;
}

static const char *secret_key_fault(const char *key)
{
    bool fits = strlen(key) == 40;
    for (const char *c = key; *c != '\0'; c++) {
        fits = fits && (isalnum((unsigned char)*c) || strchr("+/=", *c) != NULL);
    }
    return fits ? NULL : "not a secret access key: it has 40 letters, digits, + and /";
}

static const char *environment_fault(const char *name)
{
    size_t len = strlen(name);
    bool fits = len <= 80 && isalpha((unsigned char)name[0]) != 0;
    for (const char *c = name; *c != '\0'; c++) {
        fits = fits && (isalnum((unsigned char)*c) || *c == '-' || *c == '_');
    }
    return fits ? NULL
                : "an MWAA environment's name begins with a letter and has up to 80 letters, "
                  "digits, - and _";
}

size_t pn_deploy_check(const struct pn_deploy_config *config, pn_finding_fn fn, void *arg)
{
    struct check check = {.config = config, .fn = fn, .arg = arg};
    const char *const *values = config->values;
    const char *const not_uuid = "not a UUID: copy it from the Databricks account console";
    check_region(&check);
    report(&check, pn_deploy_key_name(PN_DEPLOY_ACCESS_KEY),
           access_key_fault(values[PN_DEPLOY_ACCESS_KEY]), "has the form of an access key ID");
    report(&check, pn_deploy_key_name(PN_DEPLOY_SECRET_KEY),
           secret_key_fault(values[PN_DEPLOY_SECRET_KEY]), "has the form of a secret access key");
    report(&check, pn_deploy_key_name(PN_DEPLOY_ACCOUNT_ID),
           is_uuid(values[PN_DEPLOY_ACCOUNT_ID]) ? NULL : not_uuid, "is a UUID");
    report(&check, pn_deploy_key_name(PN_DEPLOY_CLIENT_ID),
           is_uuid(values[PN_DEPLOY_CLIENT_ID]) ? NULL : not_uuid, "is a UUID");
    report(&check, pn_deploy_key_name(PN_DEPLOY_CLIENT_SECRET), NULL, "is present");
    report(&check, pn_deploy_key_name(PN_DEPLOY_WORKSPACE), NULL, values[PN_DEPLOY_WORKSPACE]);
    check_buckets(&check);
    report(&check, pn_deploy_key_name(PN_DEPLOY_MWAA_ENV),
           environment_fault(values[PN_DEPLOY_MWAA_ENV]), values[PN_DEPLOY_MWAA_ENV]);
    return check.failures;
}
