/* The HTTP client against a server of a few lines, which keeps what it was sent. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/http_client.h"
#include "base/mem.h"

enum { REQUESTS_MAX = 8, REQUEST_BYTES_MAX = 4096, TIMEOUT_MS = 10000 };

static struct server {
    int fd;
    pthread_t thread;
    bool is_running;
    char url[64];
    const char *answer;
    int connections;
    int count;
    char requests[REQUESTS_MAX][REQUEST_BYTES_MAX];
} server;

/* Reads a request with its body; false when the connection has ended. */
static bool read_request(int fd, char *text)
{
    size_t len = 0;
    for (;;) {
        ssize_t got = recv(fd, text + len, REQUEST_BYTES_MAX - 1 - len, 0);
        if (got <= 0) {
            return false;
        }
        len += (size_t)got;
        text[len] = '\0';
        const char *head_end = strstr(text, "\r\n\r\n");
        const char *length = strstr(text, "Content-Length: ");
        size_t body = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
        if (head_end != NULL && len >= (size_t)(head_end + 4 - text) + body) {
            return true;
        }
    }
}

static void *serve(void *arg)
{
    (void)arg;
    int fd = -1;
    while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
        server.connections++;
        while (server.count < REQUESTS_MAX && read_request(fd, server.requests[server.count])) {
            server.count++;
            (void)send(fd, server.answer, strlen(server.answer), MSG_NOSIGNAL);
        }
        (void)close(fd);
    }
    return NULL;
}

static int setup(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    memset(&server, 0, sizeof server);
    server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    server.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server.fd, 8), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
    server.is_running = true;
    (void)unsetenv("PINION_API_KEY");
    return 0;
}

/* After it the test alone reads what the server has got. The clients have ended. */
static void stop_server(void)
{
    if (server.is_running) {
        (void)shutdown(server.fd, SHUT_RDWR);
        (void)pthread_join(server.thread, NULL);
        (void)close(server.fd);
        server.is_running = false;
    }
}

static int teardown(void **state)
{
    (void)state;
    stop_server();
    (void)unsetenv("PINION_API_KEY");
    return 0;
}

static void test_requests_share_a_connection(void **state)
{
    (void)state;
    static const char *const headers[] = {"X-One: 1", "X-Two: 2", NULL};
    const struct pn_http_client_config config = {
        .url = server.url, .timeout_ms = TIMEOUT_MS, .api_key = "secret"};
    const struct pn_http_client_request post = {
        .method = "PUT", .path = "/a?b=c", .headers = headers, .body = "body", .body_len = 4};
    const struct pn_http_client_request get = {.method = "DELETE", .path = "/d"};
    struct pn_http_client *client = pn_http_client_create(&config);
    struct pn_buf out;
    long status = 0;
    pn_buf_init(&out, 100);
    assert_int_equal(pn_http_client_send(client, &post, &status, &out, NULL), 0);
    assert_int_equal(status, 200);
    assert_int_equal(pn_http_client_send(client, &get, &status, &out, NULL), 0);
    assert_int_equal(pn_http_client_send(client, &post, &status, &out, NULL), 0);
    assert_string_equal(pn_buf_text(&out), "hellohellohello");
    pn_buf_deinit(&out);
    pn_http_client_destroy(&client);
    assert_null(client);

    stop_server();
    assert_int_equal(server.connections, 1);
    assert_int_equal(server.count, 3);
    assert_int_equal(strncmp(server.requests[0], "PUT /a?b=c HTTP/1.1\r\n", 21), 0);
    assert_non_null(strstr(server.requests[0], "\r\nX-One: 1\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nX-Two: 2\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nx-api-key: secret\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\n\r\nbody"));
    assert_null(strstr(server.requests[0], "Authorization"));
    assert_int_equal(strncmp(server.requests[1], "DELETE /d HTTP/1.1\r\n", 20), 0);
    assert_null(strstr(server.requests[1], "X-One"));
    assert_null(strstr(server.requests[1], "body"));
    assert_non_null(strstr(server.requests[2], "\r\n\r\nbody"));
}

static void test_requests_are_signed(void **state)
{
    (void)state;
    const struct pn_http_client_config config = {.url = server.url,
                                                 .timeout_ms = TIMEOUT_MS,
                                                 .access_key = "AKID",
                                                 .secret_key = "s",
                                                 .region = "eu-west-1"};
    const struct pn_http_client_request request = {
        .method = "POST", .path = "", .body = "{}", .body_len = 2};
    struct pn_http_client *client = pn_http_client_create(&config);
    struct pn_buf out;
    long status = 0;
    pn_buf_init(&out, 100);
    assert_int_equal(pn_http_client_send(client, &request, &status, &out, NULL), 0);
    pn_buf_deinit(&out);
    pn_http_client_destroy(&client);
    stop_server();
    const char *claim = strstr(server.requests[0], "Authorization: AWS4-HMAC-SHA256 "
                                                   "Credential=AKID/");
    assert_non_null(claim);
    assert_non_null(strstr(claim, "/eu-west-1/kinesis/aws4_request"));
    assert_null(strstr(server.requests[0], "x-api-key"));
    /* What is signed is sent: AWS refuses a signature of a header that is absent. */
    assert_non_null(strstr(claim, "SignedHeaders=host;x-amz-date,"));
}

static void test_an_answer_has_a_limit(void **state)
{
    (void)state;
    struct pn_buf out;
    struct pn_err e = {0};
    pn_buf_init(&out, 4);
    assert_int_not_equal(pn_http_client_call("GET", server.url, "/", NULL, TIMEOUT_MS, &out, &e),
                         0);
    assert_true(pn_buf_failed(&out));
    pn_buf_deinit(&out);
}

static void test_a_call_fails_by_the_status(void **state)
{
    (void)state;
    struct pn_buf out;
    struct pn_err e = {0};
    pn_buf_init(&out, 1000);
    (void)setenv("PINION_API_KEY", "k", 1);
    server.answer = "HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nnot today";
    assert_int_equal(
        pn_http_client_call("POST", server.url, "/x", "{\"a\":1}", TIMEOUT_MS, &out, &e), PN_FAIL);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_string_equal(e.msg, "the server answered POST /x with 503: not today");
    stop_server();
    assert_non_null(strstr(server.requests[0], "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nx-api-key: k\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\n\r\n{\"a\":1}"));
    pn_buf_deinit(&out);
}

static void test_nobody_is_there(void **state)
{
    (void)state;
    struct pn_buf out;
    struct pn_err e = {0};
    pn_buf_init(&out, 1000);
    assert_int_not_equal(
        pn_http_client_call("GET", "http://127.0.0.1:1", "/", NULL, TIMEOUT_MS, &out, &e), 0);
    assert_int_equal(e.class_, PN_CLASS_RETRY);
    assert_non_null(strstr(e.msg, PN_HTTP_NOBODY_THERE));
    pn_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests_share_a_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_requests_are_signed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_answer_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_call_fails_by_the_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_is_there, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
