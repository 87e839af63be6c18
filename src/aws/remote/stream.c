/* Replies that last: they are paused, resumed and cancelled by others. */
#include "aws/remote/private.h"

static bool is_stream(const struct pn_remote_attempt *attempt)
{
    return attempt->call->kind == PN_REMOTE_STREAM;
}

void pn_remote_stream_begin(struct pn_remote_attempt *attempt)
{
    if (is_stream(attempt)) {
        attempt->is_paused = false;
        attempt->next_stream = attempt->remote->streams;
        attempt->remote->streams = attempt;
    }
}

void pn_remote_stream_end(struct pn_remote_attempt *attempt)
{
    struct pn_remote_attempt **place = &attempt->remote->streams;
    while (*place != NULL && *place != attempt) {
        place = &(*place)->next_stream;
    }
    if (*place != NULL) {
        *place = attempt->next_stream;
    }
}

void pn_remote_stream_options(struct pn_remote_attempt *attempt)
{
    if (is_stream(attempt)) { /* a paused one is not silent */
        (void)curl_easy_setopt(attempt->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        (void)curl_easy_setopt(attempt->curl, CURLOPT_LOW_SPEED_TIME, (long)PN_REMOTE_SILENCE_S);
    }
}

bool pn_remote_stream_is_over(struct pn_remote_attempt *attempt)
{
    struct pn_remote *remote = attempt->remote;
    pthread_mutex_lock(&remote->lock);
    bool is_over = is_stream(attempt) && (attempt->call->is_cancelled || remote->ends);
    pthread_mutex_unlock(&remote->lock);
    return is_over;
}

/* The attempt's reply continues. What it gives at once may end the call, and then libcurl says so
 * here alone: the transfer would continue without the rest of the piece. */
static CURLcode resume(struct pn_remote_attempt *attempt)
{
    attempt->is_paused = false;
    return curl_easy_pause(attempt->curl, CURLPAUSE_CONT);
}

struct pn_remote_attempt *pn_remote_stream_wishes(struct pn_remote *remote)
{
    struct pn_remote_attempt *over = NULL;
    struct pn_remote_attempt *next = NULL;
    for (struct pn_remote_attempt *attempt = remote->streams; attempt != NULL; attempt = next) {
        next = attempt->next_stream;
        pthread_mutex_lock(&remote->lock);
        bool resumes = attempt->call->resumes;
        attempt->call->resumes = false;
        pthread_mutex_unlock(&remote->lock);
        CURLcode code = CURLE_OK;
        if (pn_remote_stream_is_over(attempt)) {
            code = CURLE_ABORTED_BY_CALLBACK;
        } else if (resumes && attempt->is_paused) {
            code = resume(attempt);
        }
        if (code != CURLE_OK) {
            pn_remote_stream_end(attempt);
            attempt->over = code;
            attempt->next_stream = over;
            over = attempt;
        }
    }
    return over;
}

void pn_remote_resume(struct pn_remote *remote, struct pn_remote_call *call)
{
    pthread_mutex_lock(&remote->lock);
    call->resumes = true;
    pthread_mutex_unlock(&remote->lock);
    (void)curl_multi_wakeup(remote->multi);
}

void pn_remote_cancel(struct pn_remote *remote, struct pn_remote_call *call)
{
    pthread_mutex_lock(&remote->lock);
    call->is_cancelled = true;
    pthread_mutex_unlock(&remote->lock);
    (void)curl_multi_wakeup(remote->multi);
}
