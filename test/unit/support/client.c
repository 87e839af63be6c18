#include "support/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

int client_dial(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int client_hear(int fd, char reply[CLIENT_REPLY_BYTES_MAX])
{
    size_t len = 0;
    for (;;) {
        reply[len] = '\0';
        const char *end = strstr(reply, "\r\n\r\n");
        const char *length = strstr(reply, "Content-Length: ");
        if (end != NULL && (length == NULL || length > end ||
                            strlen(end + 4) >= (size_t)strtol(length + 16, NULL, 10))) {
            return (int)strtol(reply + strlen("HTTP/1.1 "), NULL, 10);
        }
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&poll_fd, 1, CLIENT_ANSWER_MS_MAX), 1);
        ssize_t got = recv(fd, reply + len, CLIENT_REPLY_BYTES_MAX - 1 - len, 0);
        if (got <= 0) {
            return 0;
        }
        len += (size_t)got;
    }
}

bool client_is_silent(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 50) == 0;
}
