/* How many connections each client address has: a hash table with room for as many addresses as
 * there may be connections. An IPv6 client counts by its /64, of which it may have every address.
 * Thread-safe. */
#ifndef PN_HTTP_IP_COUNTS_H
#define PN_HTTP_IP_COUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct pn_http_ip_counts;

/* The number of a client's address: an IPv4 address, or an IPv6 client's /64. */
uint64_t pn_http_ip_key(const struct sockaddr_storage *address);

struct pn_http_ip_counts *pn_http_ip_counts_create(int64_t connections_max);
void pn_http_ip_counts_destroy(struct pn_http_ip_counts **counts); /* NULL ok */
/* Counts one more, unless the address has `max` already: then false. */
bool pn_http_ip_counts_add(struct pn_http_ip_counts *counts, const struct sockaddr_storage *address,
                           int64_t max);
/* Takes back one that was added. */
void pn_http_ip_counts_remove(struct pn_http_ip_counts *counts,
                              const struct sockaddr_storage *address);

#endif
