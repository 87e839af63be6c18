#include "support/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <microhttpd.h>

#include "base/mem.h"

static struct answer next_answer(const struct script *script, size_t i, size_t *len)
{
    if (script->choose != NULL) {
        return script->choose(script->arg, &script->asked[i], len);
    }
    struct answer answer = script->answers[i < script->answer_count ? i : script->answer_count - 1];
    *len = strlen(answer.body);
    return answer;
}

static enum MHD_Result reply(struct script *script, struct MHD_Connection *connection)
{
    size_t len = 0;
    const struct answer answer = next_answer(script, script->request_count++, &len);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        len, (void *)(uintptr_t)answer.body, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result queued = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return queued;
}

static void keep_header(struct MHD_Connection *connection, const char *name, char *out, size_t size)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    (void)snprintf(out, size, "%s", value != NULL ? value : "");
}

static enum MHD_Result keep(void *arg, struct MHD_Connection *connection, const char *url,
                            const char *method, const char *version, const char *data, size_t *len,
                            void **request)
{
    (void)version;
    struct script *script = arg;
    if (script->request_count >= SCRIPT_REQUESTS_MAX) {
        return MHD_NO;
    }
    struct asked *asked = &script->asked[script->request_count];
    if (*request == NULL) {
        *request = script;
        asked->body[0] = '\0';
        (void)snprintf(asked->method, sizeof asked->method, "%s", method);
        (void)snprintf(asked->url, sizeof asked->url, "%s", url);
        keep_header(connection, "x-api-key", asked->key, sizeof asked->key);
        keep_header(connection, "x-amz-target", asked->target, sizeof asked->target);
        keep_header(connection, "content-type", asked->content_type, sizeof asked->content_type);
        keep_header(connection, "authorization", asked->authorization, sizeof asked->authorization);
        return MHD_YES;
    }
    if (*len > 0) {
        size_t have = strlen(asked->body);
        (void)snprintf(asked->body + have, sizeof asked->body - have, "%.*s", (int)*len, data);
        *len = 0;
        return MHD_YES;
    }
    return reply(script, connection);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *len, void **request)
{
    struct script *script = arg;
    pthread_mutex_lock(&script->lock);
    enum MHD_Result kept = keep(arg, connection, url, method, version, data, len, request);
    pthread_mutex_unlock(&script->lock);
    return kept;
}

const struct asked *script_asked(struct script *script, size_t number)
{
    pthread_mutex_lock(&script->lock);
    assert_true(number < script->request_count);
    pthread_mutex_unlock(&script->lock);
    return &script->asked[number];
}

void script_start(struct script *script, const struct answer *answers, size_t count,
                  const char *generator)
{
    *script = (struct script){.answers = answers, .answer_count = count};
    pthread_mutex_init(&script->lock, NULL);
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, script,
                         MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&loopback, MHD_OPTION_END);
    assert_non_null(daemon);
    script->daemon = daemon;
    (void)snprintf(script->url, sizeof script->url, "http://127.0.0.1:%u/",
                   (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    (void)snprintf(script->folder, sizeof script->folder, "/tmp/test_emulate_XXXXXX");
    assert_non_null(mkdtemp(script->folder));
    char *path = pn_xasprintf("%s/generator.yml", script->folder);
    assert_int_equal(pn_io_replace_file(pn_io_system(), path, generator, strlen(generator), NULL),
                     0);
    free(path);
}

void script_stop(struct script *script)
{
    MHD_stop_daemon(script->daemon);
    assert_int_equal(pn_io_remove_tree(pn_io_system(), script->folder, NULL), 0);
}

void script_config(const struct script *script, struct pn_emulate_config *config)
{
    pn_emulate_config_init(config);
    config->folder = script->folder;
    config->url = script->url;
}
