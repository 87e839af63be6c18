#include "pipeline/pipelines.h"

#include "base/json.h"
#include "settings/profile.h"

static struct pn_settings settings;

static int setup(void **state)
{
    pn_settings_init(&settings);
    return folder_setup(state);
}

static int teardown(void **state)
{
    pn_settings_deinit(&settings);
    return folder_teardown(state);
}

static void test_defaults(void **state)
{
    (void)state;
    assert_string_equal(settings.log.durability, "fsync");
    assert_string_equal(settings.log.compression, "none");
    assert_int_equal(settings.log.segment_bytes, 256 << 20);
    assert_int_equal(settings.log.segment_ms, 7 * INT64_C(86400000));
    assert_int_equal(settings.log.retention_ms, -1);
    assert_int_equal(settings.log.retention_bytes, -1);
    assert_int_equal(settings.log.partitions, 1);
    assert_true(settings.log.auto_create_topics);
    assert_string_equal(settings.gateway.listen, "127.0.0.1:8082");
    assert_string_equal(settings.gateway.auth, "");
    assert_int_equal(settings.gateway.threads, 0);
    assert_int_equal(settings.delta.checkpoint_interval, 10);
}

static void test_set(void **state)
{
    (void)state;
    assert_int_equal(pn_settings_set(&settings, "log.durability", "os", &err), 0);
    assert_string_equal(settings.log.durability, "os");
    assert_int_equal(pn_settings_set(&settings, "log.segment_bytes", "64MiB", &err), 0);
    assert_int_equal(settings.log.segment_bytes, 64 << 20);
    assert_int_equal(pn_settings_set(&settings, "log.retention_ms", "24h", &err), 0);
    assert_int_equal(settings.log.retention_ms, 86400000);
    assert_int_equal(pn_settings_set(&settings, "log.retention_ms", "forever", &err), 0);
    assert_int_equal(settings.log.retention_ms, -1);
    assert_int_equal(pn_settings_set(&settings, "log.retention_bytes", "unlimited", &err), 0);
    assert_int_equal(settings.log.retention_bytes, -1);
    assert_int_equal(pn_settings_set(&settings, "log.auto_create_topics", "false", &err), 0);
    assert_false(settings.log.auto_create_topics);
    assert_int_equal(pn_settings_set(&settings, "sink.flush_size", "1", &err), 0);
    assert_int_equal(settings.sink.flush_size, 1);
    assert_int_equal(pn_settings_set(&settings, "gateway.auth", "none", &err), 0);
    assert_int_equal(pn_settings_set(&settings, "gateway.auth", "", &err), 0);
    assert_string_equal(settings.gateway.auth, "");
}

static void test_wrong_ones_are_told_and_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *message;
    } wrong[] = {
        {"log.durabilty", "os",
         "unknown setting \"log.durabilty\"; did you mean \"log.durability\"?"},
        {"nothing.like.it", "1",
         "unknown setting \"nothing.like.it\" (pinion settings lists them)"},
        {"log.durability", "disk", "log.durability: must be one of fsync|os, not \"disk\""},
        {"log.segment_bytes", "10", "log.segment_bytes: must be 1MiB to 1GiB, not 10"},
        {"log.segment_bytes", "-1", "log.segment_bytes: invalid size \"-1\""},
        {"log.segment_bytes", "1XB", "log.segment_bytes: invalid size \"1XB\""},
        {"log.segment_bytes", "9999999999999GiB",
         "log.segment_bytes: invalid size \"9999999999999GiB\""},
        {"log.segment_bytes", "", "log.segment_bytes: invalid size \"\""},
        {"log.retention_ms", "ever",
         "log.retention_ms: invalid duration \"ever\": give a number with a unit such as "
         "100ms, 10s, 5m, 24h or 7d, or \"forever\""},
        {"log.retention_ms", "1ms", "log.retention_ms: must be 1s to 36500d, not 1ms"},
        {"log.partitions", "0", "log.partitions: must be 1 to 1024, not 0"},
        {"log.partitions", "1.5", "log.partitions: \"1.5\" is not a whole number"},
        {"log.auto_create_topics", "yes",
         "log.auto_create_topics: must be true or false, not \"yes\""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_not_equal(pn_settings_set(&settings, wrong[i].name, wrong[i].value, &err), 0);
        assert_int_equal(err.class_, PN_CLASS_INPUT);
        if (strncmp(err.msg, wrong[i].message, strlen(wrong[i].message)) != 0) {
            fail_msg("message:  %s\nexpected: %s", err.msg, wrong[i].message);
        }
    }
    test_defaults(state);
}

static void test_from_the_pipeline(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load("name: x\n"
                                        "settings:\n"
                                        "  log: {durability: os, partitions: 4}\n"
                                        "  gateway:\n"
                                        "    auth:\n"
                                        "    idle_ms: 5s\n"
                                        "  delta:\n");
    assert_int_equal(pn_settings_from_pipeline(&settings, pipeline, &err), 0);
    assert_string_equal(settings.log.durability, "os");
    assert_int_equal(settings.log.partitions, 4);
    assert_int_equal(settings.gateway.idle_ms, 5000);
    assert_string_equal(settings.gateway.auth, "");
    pn_pipeline_destroy(&pipeline);
}

static void test_wrong_ones_of_a_pipeline(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *message;
    } wrong[] = {
        {"name: x\nsettings:\n  log: {durabilty: os}\n",
         "pipeline.yml:3: settings.log.durabilty: unknown setting \"log.durabilty\"; did you mean "
         "\"log.durability\"?"},
        {"name: x\nsettings:\n  lug: {durability: os}\n",
         "pipeline.yml:3: settings.lug: unknown group of settings \"lug\"; did you mean \"log\"?"},
        {"name: x\nsettings:\n  log:\n    durability: maybe\n",
         "pipeline.yml:4: settings.log.durability: must be one of fsync|os, not \"maybe\""},
        {"name: x\nsettings:\n  log: {segment_bytes: 1}\n",
         "pipeline.yml:3: settings.log.segment_bytes: must be 1MiB to 1GiB, not 1"},
        {"name: x\nsettings:\n  log: {partitions: [1]}\n",
         "pipeline.yml:3: settings.log.partitions: must be a value, not a list or a map"},
        {"name: x\nsettings:\n  log: fsync\n",
         "pipeline.yml:3: settings.log: must be a map of settings"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct pn_pipeline *pipeline = load(wrong[i].yaml);
        assert_int_not_equal(pn_settings_check_pipeline(pipeline, &err), 0);
        assert_int_equal(err.class_, PN_CLASS_INPUT);
        if (strncmp(err.msg + strlen(folder) + 1, wrong[i].message, strlen(wrong[i].message)) !=
            0) {
            fail_msg("message:  %s\nexpected: %s", err.msg, wrong[i].message);
        }
        pn_pipeline_destroy(&pipeline);
    }
}

static int from_text(const char *text)
{
    char path[128];
    write_text("settings.yml", text);
    (void)snprintf(path, sizeof path, "%s/settings.yml", folder);
    return pn_settings_from_file(&settings, path, pn_io_system(), &err);
}

static void test_from_a_file(void **state)
{
    (void)state;
    assert_int_equal(from_text("log:\n  durability: os\n"), 0);
    assert_string_equal(settings.log.durability, "os");
    assert_int_equal(from_text(""), 0);
    assert_int_equal(from_text("# nothing\n"), 0);
    assert_int_not_equal(from_text("log:\n  durability: os\n  partition: 1\n"), 0);
    assert_non_null(strstr(err.msg, "/settings.yml:3: log.partition: unknown setting "
                                    "\"log.partition\"; did you mean \"log.partitions\"?"));
    assert_int_not_equal(from_text("- log\n"), 0);
    assert_non_null(strstr(err.msg, "/settings.yml:1: must be a map of settings"));
    assert_int_not_equal(pn_settings_from_file(&settings, "/not/there.yml", pn_io_system(), &err),
                         0);
    assert_non_null(strstr(err.msg, "/not/there.yml"));
}

static const char cloud[] = "aws:\n  region: eu-west-1\n  access_key: AKIA\n"
                            "  secret_key: quite-a-secret\n"
                            "log:\n  kafka:\n    conf: ssl.key.password=quite-a-secret\n"
                            "spark:\n  conf: spark.hadoop.fs.s3a.secret.key=quite-a-secret\n"
                            "databricks:\n  account_id: x\n  client_secret: y\n"
                            "s3_storage:\n  mwaa_dag_storage_name: b\n"
                            "mwaa:\n  mwaa_env_name: m\n";

/* The config.yml of the cloud deployment is a settings file, too. */
static void test_config_of_the_cloud(void **state)
{
    (void)state;
    assert_int_equal(from_text(cloud), 0);
    assert_string_equal(settings.aws.region, "eu-west-1");
    assert_string_equal(settings.aws.access_key, "AKIA");
    assert_string_equal(settings.aws.secret_key, "quite-a-secret");
    assert_int_not_equal(from_text("databrick:\n  account_id: x\n"), 0);
    assert_non_null(strstr(err.msg, "databrick"));
}

static void add_shown(void *arg, const struct pn_setting_shown *setting)
{
    pn_buf_addf(arg, "\n%s=%s%s (%s; %s)", setting->name, setting->is_literal ? "literally " : "",
                setting->value, setting->initial, setting->takes);
}

static void test_secrets_are_not_shown(void **state)
{
    (void)state;
    struct pn_buf text;
    pn_buf_init(&text, 1 << 16);
    assert_int_equal(from_text(cloud), 0);
    pn_settings_text(&settings, &text);
    assert_null(strstr(pn_buf_text(&text), "quite-a-secret"));
    assert_non_null(strstr(pn_buf_text(&text), "  # secret_key: set, not shown  # "));
    pn_buf_reset(&text);
    pn_settings_each(&settings, add_shown, &text);
    assert_null(strstr(pn_buf_text(&text), "quite-a-secret"));
    assert_non_null(strstr(pn_buf_text(&text), "\naws.secret_key=(set, not shown) ("));
    pn_buf_deinit(&text);
}

/* The table writes each default as it is printed. Otherwise `pinion settings` would mark a default
 * as changed. */
static void test_no_default_is_marked_as_changed(void **state)
{
    (void)state;
    struct pn_buf text;
    pn_buf_init(&text, 1 << 16);
    pn_settings_text(&settings, &text);
    assert_null(strstr(pn_buf_text(&text), "  # "));
    pn_buf_deinit(&text);
}

/* --- profiles --------------------------------------------------------------------------------- */

static const char profiles[] = "profiles:\n"
                               "  kafka:\n"
                               "    log: {url: \"kafka://b:9092\", partitions: 4}\n"
                               "  staging:\n"
                               "    like: aws\n"
                               "    store: {url: s3://b/p, secret_key: quite-a-secret}\n"
                               "log: {partitions: 5}\n";

/* Writes the file, and applies the profile and then the file's own settings. */
static int from_profile(const char *text, const char *name)
{
    static char path[128];
    const struct pn_profile_source source = {.file = path, .io = pn_io_system()};
    write_text("settings.yml", text);
    (void)snprintf(path, sizeof path, "%s/settings.yml", folder);
    int rc = pn_profiles_check(&source, &err);
    if (rc == 0) {
        rc = pn_settings_from_profile(&settings, name, &source, &err);
    }
    return rc != 0 ? rc : pn_settings_from_file(&settings, path, pn_io_system(), &err);
}

static const char *lacks(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/settings.yml", folder);
    const struct pn_profile_source source = {.file = path, .io = pn_io_system()};
    const char *missing[PN_PROFILE_NEEDS_MAX] = {NULL};
    size_t count = pn_profile_lacks(&settings, name, &source, missing);
    assert_true(count <= 1);
    return missing[0];
}

static void add_origin(void *arg, const struct pn_setting_shown *setting)
{
    if (strcmp(setting->origin, "default") != 0) {
        pn_buf_addf(arg, "%s: %s\n", setting->name, setting->origin);
    }
}

/* A profile stands on the built-in one, and below the file's own settings. */
static void test_a_profile(void **state)
{
    struct pn_buf text;
    (void)state;
    pn_buf_init(&text, 1 << 16);
    assert_int_equal(from_profile(profiles, "kafka"), 0);
    assert_string_equal(settings.log.url, "kafka://b:9092");
    assert_int_equal(settings.log.partitions, 5);
    assert_null(lacks("kafka"));
    pn_settings_each(&settings, add_origin, &text);
    assert_non_null(strstr(pn_buf_text(&text), "log.partitions: "));
    assert_non_null(strstr(pn_buf_text(&text), "/settings.yml:7\n"));
    assert_non_null(strstr(pn_buf_text(&text), "log.url: profile kafka ("));
    assert_non_null(strstr(pn_buf_text(&text), "/settings.yml:3)\n"));
    pn_buf_deinit(&text);
}

static void test_a_profile_like_another(void **state)
{
    struct pn_buf text;
    (void)state;
    pn_buf_init(&text, 1 << 16);
    assert_int_equal(from_profile(profiles, "staging"), 0);
    assert_string_equal(settings.log.kafka.sasl_mechanism, "AWS_MSK_IAM");
    assert_string_equal(settings.store.url, "s3://b/p");
    assert_string_equal(lacks("staging"), "log.url");
    pn_settings_text(&settings, &text);
    assert_null(strstr(pn_buf_text(&text), "quite-a-secret"));
    assert_non_null(strstr(pn_buf_text(&text), "  # profile staging\n"));
    pn_buf_deinit(&text);
}

/* What the file adds to the built-in one is below what it says of the new one. */
static void test_a_profile_like_another_has_what_the_file_adds(void **state)
{
    static const char text[] =
        "profiles:\n"
        "  test:\n"
        "    like: kafka\n"
        "    log: {partitions: 6}\n"
        "  kafka:\n"
        "    log: {url: \"kafka://b:9092\", partitions: 4, retention_ms: 1h}\n";
    (void)state;
    assert_int_equal(from_profile(text, "test"), 0);
    assert_string_equal(settings.log.url, "kafka://b:9092");
    assert_int_equal(settings.log.partitions, 6);
    assert_int_equal(settings.log.retention_ms, 3600000);
}

static void test_embedded_overrides(void **state)
{
    (void)state;
    assert_int_equal(pn_settings_set(&settings, "log.url", "kafka://b:9092", &err), 0);
    assert_int_equal(from_profile("", "embedded"), 0);
    assert_string_equal(settings.log.url, "");
}

static void refuse(const char *text, const char *name, const char *message)
{
    assert_int_not_equal(from_profile(text, name), 0);
    if (strstr(err.msg, message) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", message, err.msg);
    }
}

/* Also of profiles that nobody has chosen. */
static void test_wrong_profiles(void **state)
{
    (void)state;
    refuse(profiles, "stagin", "unknown profile \"stagin\"; did you mean \"staging\"?");
    refuse("profiles:\n  a:\n    like: kafak\n", "aws",
           "/settings.yml:3: profiles.a.like: unknown built-in profile \"kafak\"; did you mean "
           "\"kafka\"?");
    refuse("profiles:\n  aws:\n    like: kafka\n", "aws", "/settings.yml:3: profiles.aws.like: ");
    refuse("profiles:\n  a:\n    log:\n      urll: x\n", "aws",
           "/settings.yml:4: profiles.a.log.urll: unknown setting \"log.urll\"; did you mean "
           "\"log.url\"?");
    refuse("profiles:\n  a:\n    log:\n      partitions: 0\n", "aws",
           "/settings.yml:4: profiles.a.log.partitions: must be 1 to 1024");
    refuse("profiles:\n  a b: {}\n", "aws", "/settings.yml:2: profiles.a b: the name of a profile");
    refuse("profiles: [a]\n", "aws", "/settings.yml:1: profiles: must be a map of profiles");
    refuse("profile: test\n", "aws",
           "unknown group of settings \"profile\"; did you mean \"profiles\"?");
    refuse("profiles:\n  a: 5\n", "a", "/settings.yml:2: profiles.a: must be a map of settings");
}

/* What `pinion settings` prints is a file for --config that sets the same. */
static void add_value(void *arg, const struct pn_setting_shown *setting)
{
    pn_buf_addf(arg, "%s=%s\n", setting->name, setting->value);
}

static void test_the_text_reads_back(void **state)
{
    (void)state;
    struct pn_buf text;
    struct pn_buf again;
    pn_buf_init(&text, 1 << 16);
    pn_buf_init(&again, 1 << 16);
    assert_int_equal(pn_settings_set(&settings, "gateway.api_key_file", "a: \"b\"\n#c", &err), 0);
    assert_int_equal(pn_settings_set(&settings, "log.retention_ms", "90m", &err), 0);
    assert_int_equal(pn_settings_set(&settings, "log.retention_bytes", "1000000000", &err), 0);
    struct pn_buf values;
    pn_buf_init(&values, 1 << 16);
    pn_settings_text(&settings, &text);
    pn_settings_each(&settings, add_value, &values);
    pn_settings_deinit(&settings);
    pn_settings_init(&settings);
    if (from_text(pn_buf_text(&text)) != 0) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(settings.gateway.api_key_file, "a: \"b\"\n#c");
    assert_int_equal(settings.log.retention_ms, 90 * 60000);
    assert_int_equal(settings.log.retention_bytes, 1000000000);
    pn_settings_each(&settings, add_value, &again);
    assert_string_equal(pn_buf_text(&again), pn_buf_text(&values));
    pn_buf_deinit(&values);
    pn_buf_deinit(&text);
    pn_buf_deinit(&again);
}

static void test_each(void **state)
{
    (void)state;
    struct pn_buf text;
    pn_buf_init(&text, 1 << 16);
    pn_settings_each(&settings, add_shown, &text);
    const char *shown = pn_buf_text(&text);
    assert_int_equal(strncmp(shown, "\nlog.durability=fsync (fsync; fsync, os)\n", 41), 0);
    assert_non_null(strstr(shown, "\nsink.flush_size=literally "));
    assert_non_null(strstr(shown, "\nkinesis.shard_limits=literally "));
    pn_buf_deinit(&text);
}

/* docs/settings.md is made from the table. */
static void test_the_manual_is_fresh(void **state)
{
    (void)state;
    struct pn_buf made;
    struct pn_buf kept;
    pn_buf_init(&made, 1 << 16);
    pn_buf_init(&kept, 1 << 16);
    pn_settings_markdown(&made);
    assert_int_equal(
        pn_io_read_file(pn_io_system(), PINION_SOURCE_DIR "/docs/settings.md", &kept, &err), 0);
    if (strcmp(pn_buf_text(&made), pn_buf_text(&kept)) != 0) {
        fail_msg("docs/settings.md is stale: pinion settings --format md > docs/settings.md");
    }
    pn_buf_deinit(&made);
    pn_buf_deinit(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_ones_are_told_and_change_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_from_the_pipeline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_ones_of_a_pipeline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_from_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_config_of_the_cloud, setup, teardown),
        cmocka_unit_test_setup_teardown(test_secrets_are_not_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_default_is_marked_as_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_text_reads_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_profile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_profile_like_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_profile_like_another_has_what_the_file_adds, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_embedded_overrides, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_profiles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_manual_is_fresh, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
