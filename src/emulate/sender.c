#include "emulate/sender.h"

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
    RETRIES_UNREACHED_MAX = 4, /* as long as the server has never answered: is it there at all? */
    HEADER_SLACK_BYTES = 16,   /* what a request's headers may differ by: Content-Length's digits */
    STATUS_TOO_MANY = 429,
    STATUS_SERVER_ERROR = 500
};

static const int64_t ns_per_ms = 1000000;
/* `stopped` is asked so often while waiting. */
static const int64_t wait_max_ns = INT64_C(200000000);

enum slot_state { SLOT_FREE, SLOT_TAKEN, SLOT_RUNNING, SLOT_PAUSED };

struct slot {
    enum slot_state state;
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

struct pn_sender {
    struct pn_sender_config config;
    struct pn_sender_counts counts;
    CURLM *multi;
    struct curl_slist *headers;
    int epoll_fd;
    struct watch *watches; /* by file descriptor */
    size_t watch_count;
    int64_t timer_ns; /* when curl wants to be called; -1: not at all */
    struct slot *slots;
    size_t slot_count;
    size_t free_count;
    size_t paused_count;
    bool broken;
    struct pn_err why; /* broken */
};

/* --- what curl calls -------------------------------------------------------------------------- */

static size_t take_answer(char *bytes, size_t size, size_t count, void *arg)
{
    struct slot *slot = arg;
    pn_buf_add(&slot->answer, bytes, size * count);
    return pn_buf_failed(&slot->answer) ? 0 : size * count;
}

static struct watch *watch_of(struct pn_sender *sender, int fd)
{
    size_t capacity = sender->watch_count;
    pn_grow((void **)&sender->watches, &sender->watch_count, (size_t)fd + 1,
            sizeof *sender->watches);
    if (sender->watch_count > capacity) {
        memset(sender->watches + capacity, 0,
               (sender->watch_count - capacity) * sizeof *sender->watches);
    }
    return &sender->watches[fd];
}

static void set_watch(struct pn_sender *sender, int fd, uint32_t events)
{
    struct watch *watch = watch_of(sender, fd);
    if (watch->registered == events) {
        return;
    }
    struct epoll_event event = {.events = events, .data.fd = fd};
    int operation = events == 0              ? EPOLL_CTL_DEL
                    : watch->registered == 0 ? EPOLL_CTL_ADD
                                             : EPOLL_CTL_MOD;
    int rc = epoll_ctl(sender->epoll_fd, operation, fd, &event);
    PN_ASSERT(rc == 0 || events == 0);
    watch->registered = events;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    (void)easy;
    (void)unused;
    struct pn_sender *sender = arg;
    uint32_t events = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) {
        events |= EPOLLIN;
    }
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) {
        events |= EPOLLOUT;
    }
    watch_of(sender, fd)->wanted = events;
    if (events != 0) {
        set_watch(sender, fd, events);
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
    struct pn_sender *sender = arg;
    sender->timer_ns = timeout_ms < 0 ? -1
                       : timeout_ms == 0
                           ? 0
                           : pn_mono_ns(sender->config.clock) + timeout_ms * ns_per_ms;
    return 0;
}

/* --- one attempt ------------------------------------------------------------------------------ */

static void start(struct pn_sender *sender, struct slot *slot)
{
    pn_buf_reset(&slot->answer);
    slot->curl_error[0] = '\0';
    slot->state = SLOT_RUNNING;
    slot->started_ns = pn_mono_ns(sender->config.clock);
    curl_easy_setopt(slot->easy, CURLOPT_URL, slot->post.route->url);
    curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, pn_buf_text(&slot->post.body));
    curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)slot->post.body.len);
    CURLMcode rc = curl_multi_add_handle(sender->multi, slot->easy);
    PN_ASSERT(rc == CURLM_OK);
}

static void abort_all(struct pn_sender *sender, const struct pn_err *why)
{
    if (!sender->broken) {
        sender->broken = true;
        sender->why = *why;
    }
}

static void release(struct pn_sender *sender, struct slot *slot)
{
    slot->state = SLOT_FREE;
    sender->free_count++;
}

static void fail_request(struct pn_sender *sender, struct slot *slot, const struct pn_err *why)
{
    sender->config.on_failed(sender->config.arg, &slot->post, why);
    release(sender, slot);
}

static bool may_have_been_taken(const struct slot *slot, CURLcode result)
{
    long sent = 0;
    (void)curl_easy_getinfo(slot->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (result != CURLE_OK) {
        return sent > 0;
    }
    /* curl itself sends again when a connection that was kept turns out closed: then it has sent
     * more than the request is long. */
    size_t header_bytes =
        sent > 0 && (size_t)sent > slot->post.body.len ? (size_t)sent - slot->post.body.len : 0;
    struct pn_post_route *route = slot->post.route;
    if (route->header_bytes_min == 0 || header_bytes < route->header_bytes_min) {
        route->header_bytes_min = header_bytes;
    }
    return header_bytes > route->header_bytes_min + HEADER_SLACK_BYTES;
}

static void pause_slot(struct pn_sender *sender, struct slot *slot, const struct pn_err *why)
{
    int64_t limit = sender->config.retries_max;
    if (!sender->counts.answered && limit > RETRIES_UNREACHED_MAX) {
        limit = RETRIES_UNREACHED_MAX;
    }
    bool stopped = sender->config.stopped(sender->config.arg);
    if (slot->attempts >= limit || sender->broken || stopped) {
        abort_all(sender, why);
        fail_request(sender, slot, why);
        return;
    }
    int64_t pause_ms = PAUSE_MIN_MS;
    for (int64_t i = 0; i < slot->attempts && pause_ms < PAUSE_MAX_MS; i++) {
        pause_ms *= 2;
    }
    pause_ms = pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause_ms;
    curl_off_t after_s = 0;
    (void)curl_easy_getinfo(slot->easy, CURLINFO_RETRY_AFTER, &after_s);
    if (after_s > 0) {
        pause_ms = (after_s < RETRY_AFTER_MAX_S ? after_s : RETRY_AFTER_MAX_S) * 1000;
    }
    slot->attempts++;
    slot->state = SLOT_PAUSED;
    slot->resume_ns = pn_mono_ns(sender->config.clock) + pause_ms * ns_per_ms;
    sender->paused_count++;
    sender->counts.retried++;
}

static bool may_pass(CURLcode result)
{
    return result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST ||
           result == CURLE_OPERATION_TIMEDOUT || result == CURLE_SEND_ERROR ||
           result == CURLE_RECV_ERROR || result == CURLE_GOT_NOTHING ||
           result == CURLE_PARTIAL_FILE;
}

/* No answer came. */
static void handle_no_answer(struct pn_sender *sender, struct slot *slot, CURLcode result)
{
    struct pn_err why;
    const char *text = slot->curl_error[0] != '\0' ? slot->curl_error : curl_easy_strerror(result);
    if (may_pass(result)) {
        (void)pn_err_set(&why, PN_CLASS_RETRY, PN_FAIL,
                         "%s doesn't answer: %s" PN_HTTP_NOBODY_THERE, slot->post.route->url, text);
        pause_slot(sender, slot, &why);
        return;
    }
    (void)pn_err_input(&why, "cannot post to %s: %s%s", slot->post.route->url, text,
                       pn_http_client_failure_advice((int)result));
    abort_all(sender, &why);
    fail_request(sender, slot, &why);
}

static void handle_answer(struct pn_sender *sender, struct slot *slot, long status)
{
    struct pn_err why;
    const char *answer = pn_buf_text(&slot->answer);
    if (status >= STATUS_SERVER_ERROR || status == STATUS_TOO_MANY) {
        (void)pn_err_set(&why, PN_CLASS_RETRY, PN_FAIL, "%s answered with status %ld: %.300s",
                         slot->post.route->url, status, answer);
        pause_slot(sender, slot, &why);
        return;
    }
    switch (sender->config.on_answer(sender->config.arg, &slot->post, status, answer,
                                     slot->answer.len, &why)) {
    case PN_POST_DONE:
        release(sender, slot);
        break;
    case PN_POST_RETRY:
        pause_slot(sender, slot, &why);
        break;
    case PN_POST_ABORT:
        abort_all(sender, &why);
        fail_request(sender, slot, &why);
        break;
    }
}

static void handle_end(struct pn_sender *sender, CURL *easy, CURLcode result)
{
    struct slot *slot = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
    CURLMcode rc = curl_multi_remove_handle(sender->multi, easy);
    PN_ASSERT(rc == CURLM_OK && slot->state == SLOT_RUNNING);
    bool taken = may_have_been_taken(slot, result);
    sender->counts.maybe_twice += taken;
    if (result != CURLE_OK) {
        handle_no_answer(sender, slot, result);
        return;
    }
    sender->counts.answered = true;
    pn_latency_add(&sender->counts.latency, pn_mono_ns(sender->config.clock) - slot->started_ns);
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    handle_answer(sender, slot, status);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void resume_slots(struct pn_sender *sender, int64_t now_ns)
{
    bool stopped = sender->config.stopped(sender->config.arg);
    for (size_t i = 0; i < sender->slot_count && sender->paused_count > 0; i++) {
        struct slot *slot = &sender->slots[i];
        if (slot->state != SLOT_PAUSED) {
            continue;
        }
        if (sender->broken || stopped) {
            struct pn_err why;
            (void)pn_err_set(&why, PN_CLASS_RETRY, PN_FAIL,
                             "the run ended while a request waited for its retry");
            sender->paused_count--;
            fail_request(sender, slot, sender->broken ? &sender->why : &why);
        } else if (slot->resume_ns <= now_ns) {
            sender->paused_count--;
            start(sender, slot);
        }
    }
}

static int64_t wake_ns(const struct pn_sender *sender, int64_t until_ns)
{
    if (sender->timer_ns >= 0 && sender->timer_ns < until_ns) {
        until_ns = sender->timer_ns;
    }
    for (size_t i = 0; i < sender->slot_count && sender->paused_count > 0; i++) {
        if (sender->slots[i].state == SLOT_PAUSED && sender->slots[i].resume_ns < until_ns) {
            until_ns = sender->slots[i].resume_ns;
        }
    }
    return until_ns;
}

static void handle_events(struct pn_sender *sender, const struct epoll_event *events, int count)
{
    int running = 0;
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        if (watch_of(sender, fd)->wanted == 0) {
            set_watch(sender, fd, 0);
            continue;
        }
        int mask = 0;
        mask |= (events[i].events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0;
        mask |= (events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
        mask |= (events[i].events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0;
        (void)curl_multi_socket_action(sender->multi, fd, mask, &running);
    }
}

/* Deals with the attempts that have ended; any call of curl_multi_socket_action() may end one. */
static void collect(struct pn_sender *sender)
{
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(sender->multi, &left)) != NULL;) {
        if (message->msg == CURLMSG_DONE) {
            handle_end(sender, message->easy_handle, message->data.result);
        }
    }
}

/* epoll_pwait2(), and where the kernel has none (Linux before 5.11, QEMU's user mode) epoll_wait(),
 * whose milliseconds are rounded up. */
static int wait_events(int epoll_fd, struct epoll_event *events, int64_t wait_ns)
{
    struct timespec wait = {.tv_sec = wait_ns / (1000 * ns_per_ms),
                            .tv_nsec = wait_ns % (1000 * ns_per_ms)};
    int count = epoll_pwait2(epoll_fd, events, EVENTS_MAX, &wait, NULL);
    if (count < 0 && errno == ENOSYS) {
        int wait_ms = (int)((wait_ns + ns_per_ms - 1) / ns_per_ms);
        count = epoll_wait(epoll_fd, events, EVENTS_MAX, wait_ms);
    }
    PN_ASSERT(count >= 0 || errno == EINTR);
    return count;
}

/* Waits for something to happen, `until_ns` at the latest, and deals with it. */
static void step(struct pn_sender *sender, int64_t until_ns)
{
    int64_t now_ns = pn_mono_ns(sender->config.clock);
    if (sender->paused_count > 0) {
        resume_slots(sender, now_ns);
    }
    int running = 0;
    if (sender->timer_ns >= 0 && sender->timer_ns <= now_ns) {
        sender->timer_ns = -1;
        (void)curl_multi_socket_action(sender->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    } else {
        if (until_ns > now_ns + wait_max_ns) {
            until_ns = now_ns + wait_max_ns;
        }
        int64_t wait_ns = wake_ns(sender, until_ns) - now_ns;
        struct epoll_event events[EVENTS_MAX];
        int count = wait_events(sender->epoll_fd, events, wait_ns < 0 ? 0 : wait_ns);
        handle_events(sender, events, count);
    }
    collect(sender);
}

static int outcome(const struct pn_sender *sender, struct pn_err *e)
{
    if (!sender->broken) {
        return 0;
    }
    pn_err_copy(e, &sender->why);
    return sender->why.code;
}

int pn_sender_take(struct pn_sender *sender, struct pn_post **post, struct pn_err *e)
{
    while (sender->free_count == 0 && !sender->broken) {
        step(sender, INT64_MAX);
    }
    if (sender->broken) {
        return outcome(sender, e);
    }
    for (size_t i = 0; i < sender->slot_count; i++) {
        struct slot *slot = &sender->slots[i];
        if (slot->state == SLOT_FREE) {
            slot->state = SLOT_TAKEN;
            slot->attempts = 0;
            sender->free_count--;
            pn_buf_reset(&slot->post.body);
            pn_buf_reset(&slot->post.notes);
            *post = &slot->post;
            return 0;
        }
    }
    return pn_err_fatal(e, "a free slot was counted that does not exist");
}

void pn_sender_send(struct pn_sender *sender, struct pn_post *post)
{
    struct slot *slot = (struct slot *)((char *)post - offsetof(struct slot, post));
    PN_ASSERT(slot->state == SLOT_TAKEN);
    start(sender, slot);
    /* It leaves now, not when the next one is waited for. */
    int running = 0;
    sender->timer_ns = -1;
    (void)curl_multi_socket_action(sender->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(sender);
}

int pn_sender_work(struct pn_sender *sender, int64_t until_ns, struct pn_err *e)
{
    while (!sender->broken && pn_mono_ns(sender->config.clock) < until_ns) {
        if (sender->config.stopped(sender->config.arg)) {
            break;
        }
        step(sender, until_ns);
    }
    return outcome(sender, e);
}

int pn_sender_drain(struct pn_sender *sender, struct pn_err *e)
{
    while (sender->free_count < sender->slot_count) {
        step(sender, INT64_MAX);
    }
    return outcome(sender, e);
}

const struct pn_sender_counts *pn_sender_counts(const struct pn_sender *sender)
{
    return &sender->counts;
}

/* --- from start to end ------------------------------------------------------------------------ */

static CURL *create_easy(struct pn_sender *sender, struct slot *slot)
{
    CURL *easy = pn_http_client_curl(&sender->config.client);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, sender->config.method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, sender->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->curl_error);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sender);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    return easy;
}

int pn_sender_create(const struct pn_sender_config *config, struct pn_sender **sender,
                     struct pn_err *e)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        return pn_err_errno(e, errno, "cannot create an epoll instance");
    }
    struct pn_sender *made = pn_xcalloc(1, sizeof *made);
    made->config = *config;
    made->epoll_fd = fd;
    made->timer_ns = -1;
    made->multi = curl_multi_init();
    PN_ASSERT(made->multi != NULL);
    curl_multi_setopt(made->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(made->multi, CURLMOPT_SOCKETDATA, made);
    curl_multi_setopt(made->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(made->multi, CURLMOPT_TIMERDATA, made);
    curl_multi_setopt(made->multi, CURLMOPT_MAXCONNECTS, (long)config->slots);
    made->headers = pn_http_client_headers(&config->client, config->headers);
    made->slots = pn_xcalloc(config->slots, sizeof *made->slots);
    made->slot_count = config->slots;
    made->free_count = config->slots;
    for (size_t i = 0; i < config->slots; i++) {
        struct slot *slot = &made->slots[i];
        pn_buf_init(&slot->post.body, config->body_bytes_max);
        pn_buf_init(&slot->post.notes, config->body_bytes_max);
        pn_buf_init(&slot->answer, PN_SENDER_ANSWER_BYTES_MAX);
        slot->easy = create_easy(made, slot);
    }
    *sender = made;
    return 0;
}

void pn_sender_destroy(struct pn_sender **sender)
{
    struct pn_sender *gone = *sender;
    if (gone == NULL) {
        return;
    }
    for (size_t i = 0; i < gone->slot_count; i++) {
        struct slot *slot = &gone->slots[i];
        if (slot->state == SLOT_RUNNING) {
            (void)curl_multi_remove_handle(gone->multi, slot->easy);
        }
        curl_easy_cleanup(slot->easy);
        pn_buf_deinit(&slot->post.body);
        pn_buf_deinit(&slot->post.notes);
        pn_buf_deinit(&slot->answer);
    }
    (void)curl_multi_cleanup(gone->multi);
    curl_slist_free_all(gone->headers);
    (void)close(gone->epoll_fd);
    free(gone->slots);
    free(gone->watches);
    free(gone);
    *sender = NULL;
}
