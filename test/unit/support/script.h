/*
 * A server that answers as a test says, and keeps what it was sent; and the folder of a pipeline
 * with a generator.yml, for runs of the producer against it.
 */
#ifndef PN_TEST_SUPPORT_SCRIPT_H
#define PN_TEST_SUPPORT_SCRIPT_H

#include <pthread.h>
#include <stddef.h>

#include "emulate/emulate.h"

enum { SCRIPT_REQUESTS_MAX = 64, SCRIPT_BODY_BYTES_MAX = 4096 };

struct answer {
    unsigned status;
    const char *body;
};

struct asked {
    char method[8];
    char url[128];
    char body[SCRIPT_BODY_BYTES_MAX];
    char key[32];    /* x-api-key */
    char target[64]; /* x-amz-target */
    char content_type[64];
    char authorization[256]; /* its beginning */
};

/* What the server is to say, the last one again and again, and what it was sent. */
struct script {
    const struct answer *answers;
    size_t answer_count;
    struct asked asked[SCRIPT_REQUESTS_MAX];
    size_t request_count; /* at SCRIPT_REQUESTS_MAX connections are dropped without an answer */
    pthread_mutex_t lock; /* held while a request is kept */
    /* Not NULL: says the answers in place of those above, with the lengths of their bodies, which
     * it owns. Set it before the first request. */
    struct answer (*choose)(void *arg, const struct asked *asked, size_t *len);
    void *arg;
    void *daemon;
    char url[64];
    char folder[32];
};

/* `generator` is the text of the generator.yml. */
void script_start(struct script *script, const struct answer *answers, size_t count,
                  const char *generator);
void script_stop(struct script *script);
/* A request that has been answered, for a test that runs beside the server. */
const struct asked *script_asked(struct script *script, size_t number);
/* A producer's config for this folder and server. */
void script_config(const struct script *script, struct pn_emulate_config *config);

#endif
