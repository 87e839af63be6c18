#include "emulate/poster.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    EVENTS_MAX = 64,
    PAUSE_MIN_MS = 100,
    PAUSE_MAX_MS = 5000,
    RETRY_AFTER_MAX_S = 60,
    RETRIES_UNHEARD_MAX = 4, /* as long as the server has never answered: is it there at all? */
    HEADER_SLACK_BYTES = 16, /* what a request's headers may differ by: Content-Length's digits */
    STATUS_TOO_MANY = 429,
    STATUS_SERVER_ERROR = 500
};

static const int64_t ns_per_ms = 1000000;
/* `stopped` is asked so often while waiting. */
static const int64_t wait_max_ns = INT64_C(200000000);

enum lane_state { LANE_FREE, LANE_TAKEN, LANE_RUNNING, LANE_PAUSED };

struct lane {
    enum lane_state state;
    struct pn_post post;
    CURL *easy;
    struct pn_buf answer;
    char curl_error[CURL_ERROR_SIZE];
    int64_t attempts; /* made before this one */
    int64_t started_ns;
    int64_t resume_ns; /* PAUSED */
};

/* curl starts and stops watching a socket with each request; the kernel isn't asked to stop
 * watching until the socket turns up nevertheless, which saves two system calls a request. */
struct watch {
    uint32_t wanted;
    uint32_t registered;
};

struct pn_poster {
    struct pn_poster_config config;
    struct pn_poster_counts counts;
    CURLM *multi;
    struct curl_slist *headers;
    int epoll_fd;
    struct watch *watches; /* by file descriptor */
    size_t watch_count;
    int64_t timer_ns; /* when curl wants to be called; -1: not at all */
    struct lane *lanes;
    size_t lane_count;
    size_t free_count;
    size_t paused_count;
    bool broken;
    struct pn_err why; /* broken */
};

/* --- what curl calls -------------------------------------------------------------------------- */

static size_t take_answer(char *bytes, size_t size, size_t count, void *arg)
{
    struct lane *lane = arg;
    pn_buf_add(&lane->answer, bytes, size * count);
    return pn_buf_failed(&lane->answer) ? 0 : size * count;
}

static struct watch *watch_of(struct pn_poster *poster, int fd)
{
    size_t capacity = poster->watch_count;
    pn_grow((void **)&poster->watches, &poster->watch_count, (size_t)fd + 1,
            sizeof *poster->watches);
    if (poster->watch_count > capacity) {
        memset(poster->watches + capacity, 0,
               (poster->watch_count - capacity) * sizeof *poster->watches);
    }
    return &poster->watches[fd];
}

static void set_watch(struct pn_poster *poster, int fd, uint32_t events)
{
    struct watch *watch = watch_of(poster, fd);
    if (watch->registered == events) {
        return;
    }
    struct epoll_event event = {.events = events, .data.fd = fd};
    int operation = events == 0              ? EPOLL_CTL_DEL
                    : watch->registered == 0 ? EPOLL_CTL_ADD
                                             : EPOLL_CTL_MOD;
    int rc = epoll_ctl(poster->epoll_fd, operation, fd, &event);
    PN_ASSERT(rc == 0 || events == 0);
    watch->registered = events;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    (void)easy;
    (void)unused;
    struct pn_poster *poster = arg;
    uint32_t events = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) {
        events |= EPOLLIN;
    }
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) {
        events |= EPOLLOUT;
    }
    watch_of(poster, fd)->wanted = events;
    if (events != 0) {
        set_watch(poster, fd, events);
    }
    return 0;
}

static int on_close(void *arg, curl_socket_t fd)
{
    /* Closing takes it out of epoll, too. */
    *watch_of(arg, fd) = (struct watch){.wanted = 0};
    return close(fd);
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    struct pn_poster *poster = arg;
    poster->timer_ns = timeout_ms < 0 ? -1
                       : timeout_ms == 0
                           ? 0
                           : pn_mono_ns(poster->config.clock) + timeout_ms * ns_per_ms;
    return 0;
}

/* --- one attempt ------------------------------------------------------------------------------ */

static void start(struct pn_poster *poster, struct lane *lane)
{
    pn_buf_reset(&lane->answer);
    lane->curl_error[0] = '\0';
    lane->state = LANE_RUNNING;
    lane->started_ns = pn_mono_ns(poster->config.clock);
    curl_easy_setopt(lane->easy, CURLOPT_URL, lane->post.route->url);
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDS, pn_buf_text(&lane->post.body));
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)lane->post.body.len);
    CURLMcode rc = curl_multi_add_handle(poster->multi, lane->easy);
    PN_ASSERT(rc == CURLM_OK);
}

static void break_off(struct pn_poster *poster, const struct pn_err *why)
{
    if (!poster->broken) {
        poster->broken = true;
        poster->why = *why;
    }
}

static void release(struct pn_poster *poster, struct lane *lane)
{
    lane->state = LANE_FREE;
    poster->free_count++;
}

static void give_up(struct pn_poster *poster, struct lane *lane, const struct pn_err *why)
{
    poster->config.gave_up(poster->config.arg, &lane->post, why);
    release(poster, lane);
}

static bool may_have_been_taken(const struct lane *lane, CURLcode result)
{
    long sent = 0;
    (void)curl_easy_getinfo(lane->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (result != CURLE_OK) {
        return sent > 0;
    }
    /* curl itself sends again when a connection that was kept turns out closed: then it has sent
     * more than the request is long. */
    size_t header_bytes =
        sent > 0 && (size_t)sent > lane->post.body.len ? (size_t)sent - lane->post.body.len : 0;
    struct pn_post_route *route = lane->post.route;
    if (route->header_bytes_min == 0 || header_bytes < route->header_bytes_min) {
        route->header_bytes_min = header_bytes;
    }
    return header_bytes > route->header_bytes_min + HEADER_SLACK_BYTES;
}

static void pause_lane(struct pn_poster *poster, struct lane *lane, const struct pn_err *why)
{
    int64_t limit = poster->config.retries_max;
    if (!poster->counts.answered && limit > RETRIES_UNHEARD_MAX) {
        limit = RETRIES_UNHEARD_MAX;
    }
    bool stopped = poster->config.stopped(poster->config.arg);
    if (lane->attempts >= limit || poster->broken || stopped) {
        break_off(poster, why);
        give_up(poster, lane, why);
        return;
    }
    int64_t pause_ms = PAUSE_MIN_MS;
    for (int64_t i = 0; i < lane->attempts && pause_ms < PAUSE_MAX_MS; i++) {
        pause_ms *= 2;
    }
    pause_ms = pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause_ms;
    curl_off_t after_s = 0;
    (void)curl_easy_getinfo(lane->easy, CURLINFO_RETRY_AFTER, &after_s);
    if (after_s > 0) {
        pause_ms = (after_s < RETRY_AFTER_MAX_S ? after_s : RETRY_AFTER_MAX_S) * 1000;
    }
    lane->attempts++;
    lane->state = LANE_PAUSED;
    lane->resume_ns = pn_mono_ns(poster->config.clock) + pause_ms * ns_per_ms;
    poster->paused_count++;
    poster->counts.retried++;
}

static bool may_pass(CURLcode result)
{
    return result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST ||
           result == CURLE_OPERATION_TIMEDOUT || result == CURLE_SEND_ERROR ||
           result == CURLE_RECV_ERROR || result == CURLE_GOT_NOTHING ||
           result == CURLE_PARTIAL_FILE;
}

/* No answer came. */
static void handle_silence(struct pn_poster *poster, struct lane *lane, CURLcode result)
{
    struct pn_err why;
    const char *text = lane->curl_error[0] != '\0' ? lane->curl_error : curl_easy_strerror(result);
    if (may_pass(result)) {
        (void)pn_err_set(&why, PN_CLASS_RETRY, PN_FAIL,
                         "%s doesn't answer: %s" PN_HTTP_NOBODY_THERE, lane->post.route->url, text);
        pause_lane(poster, lane, &why);
        return;
    }
    (void)pn_err_input(&why, "cannot post to %s: %s%s", lane->post.route->url, text,
                       pn_http_client_failure_advice((int)result));
    break_off(poster, &why);
    give_up(poster, lane, &why);
}

static void handle_answer(struct pn_poster *poster, struct lane *lane, long status)
{
    struct pn_err why;
    const char *answer = pn_buf_text(&lane->answer);
    if (status >= STATUS_SERVER_ERROR || status == STATUS_TOO_MANY) {
        (void)pn_err_set(&why, PN_CLASS_RETRY, PN_FAIL, "%s answered with status %ld: %.300s",
                         lane->post.route->url, status, answer);
        pause_lane(poster, lane, &why);
        return;
    }
    switch (poster->config.judge(poster->config.arg, &lane->post, status, answer, lane->answer.len,
                                 &why)) {
    case PN_POST_DONE:
        release(poster, lane);
        break;
    case PN_POST_RETRY:
        pause_lane(poster, lane, &why);
        break;
    case PN_POST_BREAK:
        break_off(poster, &why);
        give_up(poster, lane, &why);
        break;
    }
}

static void handle_end(struct pn_poster *poster, CURL *easy, CURLcode result)
{
    struct lane *lane = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &lane);
    CURLMcode rc = curl_multi_remove_handle(poster->multi, easy);
    PN_ASSERT(rc == CURLM_OK && lane->state == LANE_RUNNING);
    bool taken = may_have_been_taken(lane, result);
    poster->counts.maybe_twice += taken;
    if (result != CURLE_OK) {
        handle_silence(poster, lane, result);
        return;
    }
    poster->counts.answered = true;
    pn_latency_add(&poster->counts.latency, pn_mono_ns(poster->config.clock) - lane->started_ns);
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    handle_answer(poster, lane, status);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void resume_lanes(struct pn_poster *poster, int64_t now_ns)
{
    bool stopped = poster->config.stopped(poster->config.arg);
    for (size_t i = 0; i < poster->lane_count && poster->paused_count > 0; i++) {
        struct lane *lane = &poster->lanes[i];
        if (lane->state != LANE_PAUSED) {
            continue;
        }
        if (poster->broken || stopped) {
            struct pn_err why;
            (void)pn_err_set(&why, PN_CLASS_RETRY, PN_FAIL,
                             "the run ended while a request waited for its retry");
            poster->paused_count--;
            give_up(poster, lane, poster->broken ? &poster->why : &why);
        } else if (lane->resume_ns <= now_ns) {
            poster->paused_count--;
            start(poster, lane);
        }
    }
}

static int64_t wake_ns(const struct pn_poster *poster, int64_t until_ns)
{
    if (poster->timer_ns >= 0 && poster->timer_ns < until_ns) {
        until_ns = poster->timer_ns;
    }
    for (size_t i = 0; i < poster->lane_count && poster->paused_count > 0; i++) {
        if (poster->lanes[i].state == LANE_PAUSED && poster->lanes[i].resume_ns < until_ns) {
            until_ns = poster->lanes[i].resume_ns;
        }
    }
    return until_ns;
}

static void handle_events(struct pn_poster *poster, const struct epoll_event *events, int count)
{
    int running = 0;
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        if (watch_of(poster, fd)->wanted == 0) {
            set_watch(poster, fd, 0);
            continue;
        }
        int mask = 0;
        mask |= (events[i].events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0;
        mask |= (events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
        mask |= (events[i].events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0;
        (void)curl_multi_socket_action(poster->multi, fd, mask, &running);
    }
}

/* Deals with the attempts that have ended; any call of curl_multi_socket_action() may end one. */
static void collect(struct pn_poster *poster)
{
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(poster->multi, &left)) != NULL;) {
        if (message->msg == CURLMSG_DONE) {
            handle_end(poster, message->easy_handle, message->data.result);
        }
    }
}

/* Waits for something to happen, `until_ns` at the latest, and deals with it. */
static void step(struct pn_poster *poster, int64_t until_ns)
{
    int64_t now_ns = pn_mono_ns(poster->config.clock);
    if (poster->paused_count > 0) {
        resume_lanes(poster, now_ns);
    }
    int running = 0;
    if (poster->timer_ns >= 0 && poster->timer_ns <= now_ns) {
        poster->timer_ns = -1;
        (void)curl_multi_socket_action(poster->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    } else {
        if (until_ns > now_ns + wait_max_ns) {
            until_ns = now_ns + wait_max_ns;
        }
        int64_t wait_ns = wake_ns(poster, until_ns) - now_ns;
        wait_ns = wait_ns < 0 ? 0 : wait_ns;
        struct timespec wait = {.tv_sec = wait_ns / (1000 * ns_per_ms),
                                .tv_nsec = wait_ns % (1000 * ns_per_ms)};
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_pwait2(poster->epoll_fd, events, EVENTS_MAX, &wait, NULL);
        PN_ASSERT(count >= 0 || errno == EINTR);
        handle_events(poster, events, count);
    }
    collect(poster);
}

static int outcome(const struct pn_poster *poster, struct pn_err *e)
{
    if (!poster->broken) {
        return 0;
    }
    pn_err_copy(e, &poster->why);
    return poster->why.code;
}

int pn_poster_take(struct pn_poster *poster, struct pn_post **post, struct pn_err *e)
{
    while (poster->free_count == 0 && !poster->broken) {
        step(poster, INT64_MAX);
    }
    if (poster->broken) {
        return outcome(poster, e);
    }
    for (size_t i = 0; i < poster->lane_count; i++) {
        struct lane *lane = &poster->lanes[i];
        if (lane->state == LANE_FREE) {
            lane->state = LANE_TAKEN;
            lane->attempts = 0;
            poster->free_count--;
            pn_buf_reset(&lane->post.body);
            pn_buf_reset(&lane->post.notes);
            *post = &lane->post;
            return 0;
        }
    }
    return pn_err_fatal(e, "a free lane was counted that does not exist");
}

void pn_poster_send(struct pn_poster *poster, struct pn_post *post)
{
    struct lane *lane = (struct lane *)((char *)post - offsetof(struct lane, post));
    PN_ASSERT(lane->state == LANE_TAKEN);
    start(poster, lane);
    /* It leaves now, not when the next one is waited for. */
    int running = 0;
    poster->timer_ns = -1;
    (void)curl_multi_socket_action(poster->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(poster);
}

int pn_poster_work(struct pn_poster *poster, int64_t until_ns, struct pn_err *e)
{
    while (!poster->broken && pn_mono_ns(poster->config.clock) < until_ns) {
        if (poster->config.stopped(poster->config.arg)) {
            break;
        }
        step(poster, until_ns);
    }
    return outcome(poster, e);
}

int pn_poster_drain(struct pn_poster *poster, struct pn_err *e)
{
    while (poster->free_count < poster->lane_count) {
        step(poster, INT64_MAX);
    }
    return outcome(poster, e);
}

const struct pn_poster_counts *pn_poster_counts(const struct pn_poster *poster)
{
    return &poster->counts;
}

/* --- from start to end ------------------------------------------------------------------------ */

static CURL *create_easy(struct pn_poster *poster, struct lane *lane)
{
    CURL *easy = pn_http_client_curl(&poster->config.client);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, lane);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, poster->config.method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, poster->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, lane);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, lane->curl_error);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, poster);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    return easy;
}

int pn_poster_create(const struct pn_poster_config *config, struct pn_poster **poster,
                     struct pn_err *e)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        return pn_err_errno(e, errno, "cannot create an epoll instance");
    }
    struct pn_poster *made = pn_xcalloc(1, sizeof *made);
    made->config = *config;
    made->epoll_fd = fd;
    made->timer_ns = -1;
    made->multi = curl_multi_init();
    PN_ASSERT(made->multi != NULL);
    curl_multi_setopt(made->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(made->multi, CURLMOPT_SOCKETDATA, made);
    curl_multi_setopt(made->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(made->multi, CURLMOPT_TIMERDATA, made);
    curl_multi_setopt(made->multi, CURLMOPT_MAXCONNECTS, (long)config->lanes);
    made->headers = pn_http_client_headers(&config->client, config->headers);
    made->lanes = pn_xcalloc(config->lanes, sizeof *made->lanes);
    made->lane_count = config->lanes;
    made->free_count = config->lanes;
    for (size_t i = 0; i < config->lanes; i++) {
        struct lane *lane = &made->lanes[i];
        pn_buf_init(&lane->post.body, config->body_bytes_max);
        pn_buf_init(&lane->post.notes, config->body_bytes_max);
        pn_buf_init(&lane->answer, PN_POSTER_ANSWER_BYTES_MAX);
        lane->easy = create_easy(made, lane);
    }
    *poster = made;
    return 0;
}

void pn_poster_destroy(struct pn_poster **poster)
{
    struct pn_poster *gone = *poster;
    if (gone == NULL) {
        return;
    }
    for (size_t i = 0; i < gone->lane_count; i++) {
        struct lane *lane = &gone->lanes[i];
        if (lane->state == LANE_RUNNING) {
            (void)curl_multi_remove_handle(gone->multi, lane->easy);
        }
        curl_easy_cleanup(lane->easy);
        pn_buf_deinit(&lane->post.body);
        pn_buf_deinit(&lane->post.notes);
        pn_buf_deinit(&lane->answer);
    }
    (void)curl_multi_cleanup(gone->multi);
    curl_slist_free_all(gone->headers);
    (void)close(gone->epoll_fd);
    free(gone->lanes);
    free(gone->watches);
    free(gone);
    *poster = NULL;
}
