#include "aws/remote/remote.h"

#include <stdlib.h>
#include <string.h>

#include "aws/remote/private.h"
#include "base/aws_endpoint.h"
#include "base/mem.h"

enum {
    PAUSE_FIRST_MS = 100, /* doubled by each further try */
    POLL_MS_MAX = 1000
};

/* --- attempts --------------------------------------------------------------------------------- */

static void free_attempt(struct pn_remote_attempt *attempt)
{
    attempt->remote->reply_bytes -= attempt->reply_bytes;
    pn_remote_puts_destroy(&attempt->puts);
    pn_buf_deinit(&attempt->body);
    free(attempt);
}

/* Its call has ended. */
static void end(struct pn_remote_attempt *attempt)
{
    struct pn_remote_call *call = attempt->call;
    free_attempt(attempt);
    call->done(call);
}

static void begin(struct pn_remote *remote, struct pn_remote_attempt *attempt)
{
    struct pn_err failure = {0};
    if (pn_remote_begin(remote, attempt, &failure) == 0) {
        pn_remote_stream_begin(attempt);
        remote->under_way++;
        return;
    }
    pn_remote_give_up(attempt, &failure);
    end(attempt);
}

static void wait_for_next(struct pn_remote *remote, struct pn_remote_attempt *attempt)
{
    int64_t most_ms = (int64_t)PAUSE_FIRST_MS << attempt->tries;
    attempt->due_ms = pn_mono_ms(remote->clock) + most_ms / 4 +
                      (int64_t)pn_random_below(&remote->random, (uint64_t)most_ms);
    attempt->next = remote->waiting;
    remote->waiting = attempt;
}

static void finish(struct pn_remote *remote, struct pn_remote_attempt *attempt, CURLcode code)
{
    (void)curl_easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &attempt->call->status);
    (void)curl_multi_remove_handle(remote->multi, attempt->curl);
    curl_easy_cleanup(attempt->curl);
    curl_slist_free_all(attempt->headers);
    attempt->curl = NULL;
    attempt->headers = NULL;
    pn_remote_stream_end(attempt);
    remote->under_way--;
    if (pn_remote_judge(remote, attempt, code)) {
        end(attempt);
    } else {
        wait_for_next(remote, attempt);
    }
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Begins the calls that came. False: there will be no more. */
static bool take_calls(struct pn_remote *remote)
{
    pthread_mutex_lock(&remote->lock);
    struct pn_remote_call *call = remote->first;
    bool more = !remote->ends;
    remote->first = NULL;
    remote->last = &remote->first;
    pthread_mutex_unlock(&remote->lock);
    while (call != NULL) {
        struct pn_remote_call *next = call->next; /* the call may end at once */
        struct pn_remote_attempt *attempt = pn_xcalloc(1, sizeof *attempt);
        attempt->remote = remote;
        attempt->call = call;
        pn_buf_init(&attempt->body, PN_REMOTE_REPLY_BYTES_MAX);
        begin(remote, attempt);
        call = next;
    }
    return more;
}

/* How long until something is due. */
static int wait_ms(const struct pn_remote *remote)
{
    int64_t now_ms = pn_mono_ms(remote->clock);
    int64_t next_ms = now_ms + POLL_MS_MAX;
    for (const struct pn_remote_attempt *at = remote->waiting; at != NULL; at = at->next) {
        next_ms = at->due_ms < next_ms ? at->due_ms : next_ms;
    }
    return next_ms > now_ms ? (int)(next_ms - now_ms) : 0;
}

static void begin_due(struct pn_remote *remote)
{
    int64_t now_ms = pn_mono_ms(remote->clock);
    struct pn_remote_attempt *waiting = remote->waiting;
    remote->waiting = NULL;
    while (waiting != NULL) {
        struct pn_remote_attempt *attempt = waiting;
        waiting = attempt->next;
        if (attempt->due_ms <= now_ms) {
            begin(remote, attempt);
        } else {
            attempt->next = remote->waiting;
            remote->waiting = attempt;
        }
    }
}

static void take_ended(struct pn_remote *remote)
{
    int left = 0;
    for (CURLMsg *message = curl_multi_info_read(remote->multi, &left); message != NULL;
         message = curl_multi_info_read(remote->multi, &left)) {
        struct pn_remote_attempt *attempt = NULL;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&attempt);
        finish(remote, attempt, code);
    }
}

static void end_cancelled(struct pn_remote *remote)
{
    struct pn_remote_attempt *attempt = pn_remote_stream_wishes(remote);
    while (attempt != NULL) {
        struct pn_remote_attempt *next = attempt->next_stream;
        finish(remote, attempt, attempt->over);
        attempt = next;
    }
}

static void *run(void *arg)
{
    struct pn_remote *remote = arg;
    bool more = true;
    while (more || remote->under_way > 0 || remote->waiting != NULL) {
        more = take_calls(remote);
        int running = 0;
        begin_due(remote);
        end_cancelled(remote);
        (void)curl_multi_perform(remote->multi, &running);
        take_ended(remote);
        if (more || remote->under_way > 0 || remote->waiting != NULL) {
            (void)curl_multi_poll(remote->multi, NULL, 0, wait_ms(remote), NULL);
        }
    }
    return NULL;
}

/* --- its life --------------------------------------------------------------------------------- */

/* The host of the URL, with its port where it is unusual, as the header Host has it. */
static int parse_endpoint(struct pn_remote *remote, const char *endpoint, struct pn_err *e)
{
    const char *host = NULL;
    if (strncmp(endpoint, "https://", 8) == 0) {
        host = endpoint + 8;
    } else if (strncmp(endpoint, "http://", 7) == 0) {
        host = endpoint + 7;
    }
    size_t len = host != NULL ? strcspn(host, "/?#@ ") : 0;
    if (len == 0 || strcmp(host + len, host[len] == '/' ? "/" : "") != 0) {
        return pn_err_input(e,
                            "kinesis.endpoint is \"%.200s\": give `aws` or a URL without a path, "
                            "such as https://kinesis.eu-west-2.amazonaws.com",
                            endpoint);
    }
    remote->host = pn_xstrndup(host, len);
    remote->url = pn_xasprintf("%.*s/", (int)(host - endpoint + (ptrdiff_t)len), endpoint);
    return 0;
}

static int start(struct pn_remote *remote, int connections_max, struct pn_err *e)
{
    long most = connections_max > 0 ? connections_max : PN_REMOTE_CONNECTIONS_MAX;
    remote->multi = curl_multi_init();
    PN_ASSERT(remote->multi != NULL);
    (void)curl_multi_setopt(remote->multi, CURLMOPT_MAXCONNECTS, most);
    (void)curl_multi_setopt(remote->multi, CURLMOPT_MAX_HOST_CONNECTIONS, most);
    /* A streamed reply that is paused would hold up all others of its connection. */
    (void)curl_multi_setopt(remote->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    int rc = pthread_create(&remote->thread, NULL, run, remote);
    return rc == 0 ? 0 : pn_err_errno(e, rc, "cannot start a thread for calls of Kinesis");
}

static void release(struct pn_remote *remote)
{
    if (remote->multi != NULL) {
        (void)curl_multi_cleanup(remote->multi);
    }
    pn_aws_credentials_destroy(&remote->credentials);
    pthread_mutex_destroy(&remote->lock);
    free(remote->url);
    free(remote->host);
    free(remote->region);
    free(remote);
}

int pn_remote_create(const struct pn_remote_config *config, const struct pn_remote_env *env,
                     struct pn_remote **remote, struct pn_err *e)
{
    const struct pn_aws_credentials_config credentials = {
        .region = config->region, .io = env->io, .clock = env->clock};
    struct pn_remote *made = pn_xcalloc(1, sizeof *made);
    made->region = pn_xstrdup(config->region);
    made->clock = env->clock;
    made->http2 = config->http2;
    made->again = pn_metrics_get(env->metrics, PN_METRIC_KINESIS_AGAIN_RECORDS, NULL);
    made->credentials = pn_aws_credentials_create(&credentials);
    made->last = &made->first;
    pn_random_init(&made->random, pn_entropy_u64());
    pthread_mutex_init(&made->lock, NULL);
    bool is_amazons = strcmp(config->endpoint, "aws") == 0;
    char *amazons = is_amazons ? pn_aws_endpoint("kinesis", config->region) : NULL;
    int rc = parse_endpoint(made, is_amazons ? amazons : config->endpoint, e);
    free(amazons);
    if (rc == 0) {
        rc = start(made, config->connections_max, e);
    }
    if (rc != 0) {
        release(made);
        return rc;
    }
    *remote = made;
    return 0;
}

void pn_remote_send(struct pn_remote *remote, struct pn_remote_call *call)
{
    call->next = NULL;
    pthread_mutex_lock(&remote->lock);
    call->resumes = false;
    call->is_cancelled = false;
    *remote->last = call;
    remote->last = &call->next;
    pthread_mutex_unlock(&remote->lock);
    (void)curl_multi_wakeup(remote->multi);
}

void pn_remote_destroy(struct pn_remote **remote)
{
    struct pn_remote *gone = *remote;
    if (gone == NULL) {
        return;
    }
    pthread_mutex_lock(&gone->lock);
    gone->ends = true;
    pthread_mutex_unlock(&gone->lock);
    (void)curl_multi_wakeup(gone->multi);
    (void)pthread_join(gone->thread, NULL);
    release(gone);
    *remote = NULL;
}

/* --- calls that somebody waits for ------------------------------------------------------------ */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool is_done;
};

static void wake(struct pn_remote_call *call)
{
    struct waiter *waiter = call->arg;
    pthread_mutex_lock(&waiter->lock);
    waiter->is_done = true;
    pthread_cond_signal(&waiter->cond);
    pthread_mutex_unlock(&waiter->lock);
}

void pn_remote_call(struct pn_remote *remote, struct pn_remote_call *call)
{
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    call->done = wake;
    call->arg = &waiter;
    pn_remote_send(remote, call);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.is_done) {
        pthread_cond_wait(&waiter.cond, &waiter.lock);
    }
    pthread_mutex_unlock(&waiter.lock);
    pthread_cond_destroy(&waiter.cond);
    pthread_mutex_destroy(&waiter.lock);
}
