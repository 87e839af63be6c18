/* Why a request is refused, from modules that know nothing of HTTP but its numbers. */
#ifndef PN_GATEWAY_REFUSAL_H
#define PN_GATEWAY_REFUSAL_H

struct pn_refusal {
    int status; /* HTTP */
    int code;   /* error_code, see errors.h */
    char msg[512];
};

#endif
