/* Where others reach this machine. */
#ifndef PN_SERVER_ADDRESSES_H
#define PN_SERVER_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Does `listen` ("host:port") mean every address of the machine? */
bool pn_listens_everywhere(const char *listen);
/* Appends the URLs of this machine's IPv4 addresses, loopback ones aside, with commas between;
 * nothing when there are none. */
void pn_add_reachable_urls(struct pn_buf *out, const char *scheme, uint16_t port);

/* Of the URLs of a server with this setting gateway.tls_certificate: "https", or "http". */
const char *pn_url_scheme(const char *tls_certificate);

#endif
