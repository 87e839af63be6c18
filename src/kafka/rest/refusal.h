/* Why a request is refused, from modules that know nothing of HTTP but its numbers. */
#ifndef PN_KAFKA_REST_REFUSAL_H
#define PN_KAFKA_REST_REFUSAL_H

struct pn_kafka_rest_refusal {
    int status; /* HTTP */
    int code;   /* error_code, see errors.h */
    char msg[512];
};

#endif
