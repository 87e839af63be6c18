/* An application context without a command line, and a server in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/http_client.h"
#include "base/mem.h"
#include "server/announcement.h"
#include "server/server.h"
#include "server/stations.h"

static char folder[64];
static struct pn_err err;
static struct pn_logger *logger;

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/pn-app-XXXXXX");
    logger = pn_logger_create(STDERR_FILENO, PN_LOGGER_TEXT, PN_ERROR, pn_clock_system());
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pn_logger_destroy(&logger);
    return pn_io_remove_tree(pn_io_system(), folder, NULL);
}

/* On the smallest pipeline. */
static struct pn_app_config config_with(const char *const *set, size_t set_count)
{
    return (struct pn_app_config){.data = folder,
                                  .pipeline_folder = PINION_SOURCE_DIR "/pipelines/minimal",
                                  .set = set,
                                  .set_count = set_count,
                                  .io = pn_io_system(),
                                  .clock = pn_clock_system(),
                                  .logger = logger};
}

static void create(const struct pn_app_config *config, struct pn_app **app)
{
    if (pn_app_create(config, app, &err) != 0) {
        fail_msg("%s", err.msg);
    }
}

static void test_complete(void **state)
{
    (void)state;
    char data[] = "/some/folder";
    char setting[] = "sink.flush_size=7";
    const char *set[] = {setting};
    struct pn_app_config config = config_with(set, 1);
    config.data = data;
    struct pn_app *app = NULL;
    create(&config, &app);
    memset(data, 'x', sizeof data - 1);
    memset(setting, 'x', sizeof setting - 1);
    assert_string_equal(app->data, "/some/folder");
    assert_string_equal(app->config.set[0], "sink.flush_size=7");
    assert_string_equal(app->pipeline->name, "minimal");
    assert_int_equal(app->settings->sink.flush_size, 7);
    assert_ptr_equal(app->logger, logger);
    assert_non_null(app->metrics);
    char *path = pn_app_path(app, "log");
    assert_string_equal(path, "/some/folder/log");
    free(path);
    pn_app_destroy(&app);
    assert_null(app);
}

static void test_settings_overrule(void **state)
{
    (void)state;
    static const char yaml[] = "sink:\n  flush_size: 3\nlog:\n  durability: os\n";
    const char *set[] = {"sink.flush_size=4", "sink.flush_size=5"};
    struct pn_app_config config = config_with(set, 2);
    struct pn_app *app = NULL;
    char *file = pn_xasprintf("%s/my.yml", folder);
    assert_int_equal(pn_io_replace_file(config.io, file, yaml, sizeof yaml - 1, &err), 0);
    config.settings_file = file;
    create(&config, &app);
    assert_int_equal(app->settings->sink.flush_size, 5);
    assert_string_equal(app->settings->log.durability, "os");
    pn_app_destroy(&app);
    free(file);
}

static void check_refused(const struct pn_app_config *config, const char *why)
{
    struct pn_app *app = NULL;
    assert_int_not_equal(pn_app_create(config, &app, &err), 0);
    assert_null(app);
    if (strstr(err.msg, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.msg, why);
    }
}

static void test_refused(void **state)
{
    (void)state;
    const char *no_value[] = {"sink.flush_size"};
    const char *unknown[] = {"sink.flush_sise=1"};
    struct pn_app_config config = config_with(no_value, 1);
    check_refused(&config, "--set sink.flush_size: give NAME=VALUE");
    config = config_with(unknown, 1);
    check_refused(&config, "sink.flush_size");
    config = config_with(NULL, 0);
    config.pipeline_folder = "/no/such/folder";
    check_refused(&config, "/no/such/folder");
    config = config_with(NULL, 0);
    config.settings_file = "/no/such/file.yml";
    check_refused(&config, "/no/such/file.yml");
}

static void test_only_looking(void **state)
{
    (void)state;
    struct pn_app_config config = config_with(NULL, 0);
    struct pn_store *store = NULL;
    struct pn_app *app = NULL;
    char *missing = pn_xasprintf("%s/missing", folder);
    config.data = missing;
    create(&config, &app);
    assert_int_not_equal(pn_app_open_store_there(app, &store, &err), 0);
    assert_int_equal(err.class_, PN_CLASS_MISSING);
    assert_false(pn_io_exists(config.io, missing));
    assert_int_equal(pn_app_open_store(app, &store, &err), 0);
    pn_store_destroy(&store);
    assert_int_equal(pn_app_open_store_there(app, &store, &err), 0);
    pn_store_destroy(&store);
    pn_app_destroy(&app);
    free(missing);
}

/* What the server replies to a request without a body. */
static char *ask(const char *method, const char *url, const char *path)
{
    enum { TIMEOUT_MS = 30000, ANSWER_BYTES_MAX = 1 << 20 };
    struct pn_buf answer;
    pn_buf_init(&answer, ANSWER_BYTES_MAX);
    if (pn_http_client_call(method, url, path, NULL, TIMEOUT_MS, &answer, &err) != 0) {
        fail_msg("%s %s: %s", method, path, err.msg);
    }
    char *text = pn_xstrdup(pn_buf_text(&answer));
    pn_buf_deinit(&answer);
    return text;
}

static void check_announced(const struct pn_app *app, const char *expected)
{
    char *url = NULL;
    assert_int_equal(pn_announcement_read(app->io, app->data, &url, &err), 0);
    if (expected == NULL) {
        assert_null(url);
    } else {
        assert_non_null(url);
        assert_string_equal(url, expected);
    }
    free(url);
}

static void check_routes(const struct pn_server *server)
{
    char *flushed = ask("POST", pn_server_url(server), "/api/v1/sink/flush");
    char *sink = ask("GET", pn_server_url(server), "/api/v1/sink");
    char *health = ask("GET", pn_server_url(server), "/health");
    char *streams = ask("GET", pn_server_url(server), "/api/v1/streams/names");
    assert_string_equal(flushed, "{\"landed\":true}");
    assert_non_null(strstr(sink, "\"topic\":\"events\""));
    assert_string_equal(streams, "{\"names\":[]}");
    static const char *const lists[] = {"\"closed\":[]", "\"stalled_landings\":[]",
                                        "\"unreadable_tables\":[]", "\"stalled_tables\":[]"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (strstr(health, lists[i]) == NULL) {
            fail_msg("no %s in %s", lists[i], health);
        }
    }
    free(flushed);
    free(sink);
    free(health);
    free(streams);
}

static void test_server(void **state)
{
    (void)state;
    const struct pn_app_config config = config_with(NULL, 0);
    struct pn_app *app = NULL;
    struct pn_server *server = NULL;
    struct pn_server *second = NULL;
    create(&config, &app);
    if (pn_server_start(app, "127.0.0.1:0", PN_ROLES_ALL, &server, &err) != 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_not_equal(pn_server_port(server), 0);
    check_announced(app, pn_server_url(server));
    check_routes(server);
    assert_int_not_equal(pn_server_start(app, "127.0.0.1:0", PN_ROLES_ALL, &second, &err), 0);
    assert_null(second);
    assert_int_equal(err.class_, PN_CLASS_CONFLICT);
    assert_non_null(strstr(err.msg, pn_server_url(server)));
    pn_server_stop(&server);
    check_announced(app, NULL);
    pn_app_destroy(&app);
}

/* The context stays; servers come and go in it. */
static void test_server_without_gateway(void **state)
{
    (void)state;
    const struct pn_app_config config = config_with(NULL, 0);
    struct pn_app *app = NULL;
    create(&config, &app);
    for (int i = 0; i < 2; i++) {
        struct pn_server *server = NULL;
        size_t keys = 1;
        int64_t records = 1;
        int64_t dead_letters = 1;
        assert_int_equal(pn_server_start(app, NULL, PN_ROLE_SINK, &server, &err), 0);
        assert_null(pn_server_url(server));
        assert_int_equal(pn_server_port(server), 0);
        assert_int_equal(pn_server_reload_keys(server, &keys, &err), 0);
        assert_int_equal(keys, 0);
        pn_server_landed(server, &records, &dead_letters);
        assert_int_equal(records, 0);
        assert_int_equal(dead_letters, 0);
        check_announced(app, NULL);
        pn_server_stop(&server);
    }
    pn_app_destroy(&app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings_overrule, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_looking, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_without_gateway, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
