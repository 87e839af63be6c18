/* A client by bare sockets, for tests that look at when a server answers. Asserts that it can. */
#ifndef PN_TEST_SUPPORT_CLIENT_H
#define PN_TEST_SUPPORT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

enum { CLIENT_REPLY_BYTES_MAX = 8192, CLIENT_ANSWER_MS_MAX = 30000 };

/* A connection to a port of this machine. Caller closes it. */
int client_dial(uint16_t port);
/* Reads one reply with its body; returns its status, 0 when the connection was closed instead. */
int client_hear(int fd, char reply[CLIENT_REPLY_BYTES_MAX]);
/* Has the server nothing to say yet? */
bool client_is_silent(int fd);

#endif
