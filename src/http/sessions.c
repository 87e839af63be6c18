#include "http/sessions.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/random.h"

enum { WORD_DIGITS = 16 };

struct entry {
    struct pn_http_session_id id;
    unsigned char key[PN_HTTP_SESSION_SUM_BYTES];
    char csrf[PN_HTTP_SESSION_CSRF_SIZE];
    int64_t begin_ms;
    int64_t used_ms;
};

struct pn_http_sessions {
    const struct pn_clock *clock;
    pthread_mutex_t lock;
    size_t count;
    struct entry entries[PN_HTTP_SESSIONS_MAX];
};

struct pn_http_sessions *pn_http_sessions_create(const struct pn_clock *clock)
{
    struct pn_http_sessions *sessions = pn_xcalloc(1, sizeof *sessions);
    sessions->clock = clock;
    int rc = pthread_mutex_init(&sessions->lock, NULL);
    PN_ASSERT(rc == 0);
    return sessions;
}

void pn_http_sessions_destroy(struct pn_http_sessions **sessions)
{
    if (*sessions != NULL) {
        pthread_mutex_destroy(&(*sessions)->lock);
        free(*sessions);
        *sessions = NULL;
    }
}

/* --- entries, under the lock ------------------------------------------------------------------ */

static void forget(struct pn_http_sessions *sessions, size_t at)
{
    sessions->entries[at] = sessions->entries[--sessions->count];
}

static int64_t left_ms(const struct entry *entry, int64_t now_ms)
{
    int64_t idle_ms = entry->used_ms + PN_HTTP_SESSION_IDLE_MS - now_ms;
    int64_t life_ms = entry->begin_ms + PN_HTTP_SESSION_LIFE_MS - now_ms;
    return idle_ms < life_ms ? idle_ms : life_ms;
}

static void forget_ended(struct pn_http_sessions *sessions, int64_t now_ms)
{
    for (size_t i = sessions->count; i-- > 0;) {
        if (left_ms(&sessions->entries[i], now_ms) <= 0) {
            forget(sessions, i);
        }
    }
}

/* The entry of the session, or NULL. */
static struct entry *find(struct pn_http_sessions *sessions, const struct pn_http_session_id *id)
{
    forget_ended(sessions, pn_mono_ms(sessions->clock));
    for (size_t i = 0; i < sessions->count; i++) {
        if (CRYPTO_memcmp(sessions->entries[i].id.sum, id->sum, sizeof id->sum) == 0) {
            return &sessions->entries[i];
        }
    }
    return NULL;
}

static void make_room(struct pn_http_sessions *sessions)
{
    size_t oldest = 0;
    for (size_t i = 1; i < sessions->count; i++) {
        if (sessions->entries[i].used_ms < sessions->entries[oldest].used_ms) {
            oldest = i;
        }
    }
    if (sessions->count == PN_HTTP_SESSIONS_MAX) {
        forget(sessions, oldest);
    }
}

/* --- sessions --------------------------------------------------------------------------------- */

/* `size` - 1 random hex digits; a multiple of WORD_DIGITS. */
static void put_random(char *text, size_t size)
{
    for (size_t at = 0; at + WORD_DIGITS < size; at += WORD_DIGITS) {
        (void)snprintf(text + at, size - at, "%016llx", (unsigned long long)pn_entropy_u64());
    }
}

struct pn_http_session_id pn_http_session_id_of(const char *token)
{
    struct pn_http_session_id id;
    (void)SHA256((const unsigned char *)token, strlen(token), id.sum);
    return id;
}

void pn_http_sessions_open(struct pn_http_sessions *sessions,
                           const unsigned char key[PN_HTTP_SESSION_SUM_BYTES],
                           char token[PN_HTTP_SESSION_TOKEN_SIZE])
{
    put_random(token, PN_HTTP_SESSION_TOKEN_SIZE);
    int64_t now_ms = pn_mono_ms(sessions->clock);
    struct entry made = {.id = pn_http_session_id_of(token), .begin_ms = now_ms, .used_ms = now_ms};
    memcpy(made.key, key, sizeof made.key);
    put_random(made.csrf, sizeof made.csrf);
    pthread_mutex_lock(&sessions->lock);
    forget_ended(sessions, now_ms);
    make_room(sessions);
    sessions->entries[sessions->count++] = made;
    pthread_mutex_unlock(&sessions->lock);
}

bool pn_http_sessions_use(struct pn_http_sessions *sessions, const struct pn_http_session_id *id,
                          struct pn_http_session *session)
{
    pthread_mutex_lock(&sessions->lock);
    struct entry *entry = find(sessions, id);
    if (entry != NULL) {
        entry->used_ms = pn_mono_ms(sessions->clock);
        *session = (struct pn_http_session){.left_ms = left_ms(entry, entry->used_ms)};
        memcpy(session->key, entry->key, sizeof session->key);
        memcpy(session->csrf, entry->csrf, sizeof session->csrf);
    }
    pthread_mutex_unlock(&sessions->lock);
    return entry != NULL;
}

bool pn_http_sessions_have(struct pn_http_sessions *sessions, const struct pn_http_session_id *id)
{
    pthread_mutex_lock(&sessions->lock);
    bool is_there = find(sessions, id) != NULL;
    pthread_mutex_unlock(&sessions->lock);
    return is_there;
}

void pn_http_sessions_close(struct pn_http_sessions *sessions, const struct pn_http_session_id *id)
{
    pthread_mutex_lock(&sessions->lock);
    struct entry *entry = find(sessions, id);
    if (entry != NULL) {
        forget(sessions, (size_t)(entry - sessions->entries));
    }
    pthread_mutex_unlock(&sessions->lock);
}

void pn_http_sessions_keep(struct pn_http_sessions *sessions,
                           bool (*is_key)(void *arg, const unsigned char *key), void *arg)
{
    pthread_mutex_lock(&sessions->lock);
    for (size_t i = sessions->count; i-- > 0;) {
        if (!is_key(arg, sessions->entries[i].key)) {
            forget(sessions, i);
        }
    }
    pthread_mutex_unlock(&sessions->lock);
}
