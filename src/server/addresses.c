#include "server/addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

bool pn_listens_everywhere(const char *listen)
{
    static const char *const everywhere[] = {"0.0.0.0:", "[::]:", ":"};
    for (size_t i = 0; i < sizeof everywhere / sizeof everywhere[0]; i++) {
        if (strncmp(listen, everywhere[i], strlen(everywhere[i])) == 0) {
            return true;
        }
    }
    return false;
}

void pn_add_reachable_urls(struct pn_buf *out, const char *scheme, uint16_t port)
{
    struct ifaddrs *all = NULL;
    size_t before = out->len;
    if (getifaddrs(&all) != 0) {
        return;
    }
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        char text[INET_ADDRSTRLEN];
        if (one->ifa_addr == NULL || one->ifa_addr->sa_family != AF_INET ||
            (one->ifa_flags & IFF_LOOPBACK) != 0 || (one->ifa_flags & IFF_UP) == 0) {
            continue;
        }
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)one->ifa_addr;
        if (inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text) != NULL) {
            pn_buf_addf(out, "%s%s://%s:%u", out->len > before ? ", " : "", scheme, text,
                        (unsigned)port);
        }
    }
    freeifaddrs(all);
}

const char *pn_url_scheme(const char *tls_certificate)
{
    return *tls_certificate != '\0' ? "https" : "http";
}
