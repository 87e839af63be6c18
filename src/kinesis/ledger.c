#include "kinesis/ledger.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/notifier.h"
#include "base/random.h"
#include "base/units.h"

enum {
    FOLLOW_MS = 200,
    DENIED_TURNS = 25, /* of FOLLOW_MS each, between two looks at a topic that may not be read */
    READ_RECORDS = 1000,
    READ_BYTES = 4 << 20,
    KEY_BYTES_MAX = 1024,
    NUMBER_SIZE = 24
};

struct entry {
    char *key;
    int64_t at;
    char *text; /* NULL: it is gone */
    size_t len;
};

struct pn_ledger {
    struct pn_ledger_config config;
    pthread_mutex_t lock; /* of all that follows, up to the thread; held while the topic is read */
    struct entry *entries;
    size_t count;
    size_t capacity;
    int64_t next; /* offset */
    /* The put in progress. */
    const char *awaited; /* its id; NULL: there is none */
    bool is_seen;
    bool has_won;

    atomic_bool is_denied;       /* nothing of the topic may be read, says `denial` */
    pthread_mutex_t denial_lock; /* held for moments */
    struct pn_err denial;

    bool is_running;
    pthread_t thread;
    struct pn_notifier stop;
    uint64_t running; /* the notifier's count until it is to stop */
};

/* --- entries ---------------------------------------------------------------------------------- */

static struct entry *find(const struct pn_ledger *ledger, const char *key, size_t len)
{
    for (size_t i = 0; i < ledger->count; i++) {
        if (strlen(ledger->entries[i].key) == len &&
            memcmp(ledger->entries[i].key, key, len) == 0) {
            return &ledger->entries[i];
        }
    }
    return NULL;
}

static struct entry *add(struct pn_ledger *ledger, const char *key, size_t len)
{
    pn_grow((void **)&ledger->entries, &ledger->capacity, ledger->count + 1,
            sizeof *ledger->entries);
    struct entry *entry = &ledger->entries[ledger->count++];
    *entry = (struct entry){.key = pn_xstrndup(key, len), .at = -1};
    return entry;
}

static void change(struct pn_ledger *ledger, struct entry *entry, const struct pn_record *record)
{
    struct pn_bytes text = record->value;
    free(entry->text);
    entry->text = NULL;
    entry->len = text.len;
    if (text.data != NULL) {
        entry->text = pn_xmalloc(text.len + 1);
        memcpy(entry->text, text.data, text.len);
    }
    entry->at = record->offset;
    ledger->config.changed(ledger->config.arg, entry->key, text, record->offset);
}

/* --- records ---------------------------------------------------------------------------------- */

static const struct pn_bytes *header_of(const struct pn_record *record, const char *name)
{
    for (size_t i = 0; i < record->header_count; i++) {
        const struct pn_record_header *header = &record->headers[i];
        if (header->name.len == strlen(name) &&
            memcmp(header->name.data, name, header->name.len) == 0) {
            return &header->value;
        }
    }
    return NULL;
}

static bool is_text(const struct pn_bytes *bytes, const char *text)
{
    return bytes != NULL && text != NULL && bytes->len == strlen(text) &&
           memcmp(bytes->data, text, bytes->len) == 0;
}

/* The offset that a record says its writer knew; false: it is not a record of a ledger. */
static bool parse_after(const struct pn_record *record, int64_t *after)
{
    char text[NUMBER_SIZE];
    const struct pn_bytes *value = header_of(record, "after");
    if (value == NULL || value->data == NULL || value->len >= sizeof text) {
        return false;
    }
    memcpy(text, value->data, value->len);
    text[value->len] = '\0';
    if (strcmp(text, "-1") == 0) {
        *after = -1;
        return true;
    }
    return pn_parse_i64(text, after, NULL) == 0;
}

static void take(struct pn_ledger *ledger, const struct pn_record *record)
{
    const struct pn_bytes *key = &record->key;
    int64_t after = -1;
    if (key->data == NULL || key->len == 0 || key->len > KEY_BYTES_MAX ||
        memchr(key->data, '\0', key->len) != NULL || !parse_after(record, &after)) {
        pn_logger_warn(ledger->config.logger, "kinesis",
                       "topic %s: the record at %" PRId64 " is not pinion's, and is ignored",
                       ledger->config.topic, record->offset);
        return;
    }
    struct entry *entry = find(ledger, key->data, key->len);
    bool counts = after == (entry != NULL ? entry->at : -1);
    if (counts) {
        change(ledger, entry != NULL ? entry : add(ledger, key->data, key->len), record);
    }
    if (is_text(header_of(record, "id"), ledger->awaited)) {
        ledger->is_seen = true;
        ledger->has_won = counts;
    }
}

static int lost(const struct pn_ledger *ledger, int64_t until, struct pn_err *e)
{
    return pn_err_set(e, PN_CLASS_CORRUPT, PN_FAIL,
                      "topic %s, which says what streams there are, has lost its records before "
                      "offset %" PRId64 ": its retention.ms must be -1, and nobody may delete its "
                      "records",
                      ledger->config.topic, until);
}

static bool is_known(struct pn_ledger *ledger)
{
    struct pn_log_topic_info info;
    return pn_log_topic(ledger->config.log, ledger->config.topic, &info, NULL) == 0;
}

/* With the lock: what the topic has, as far as the log knows. */
static int take_all(struct pn_ledger *ledger, struct pn_err *e)
{
    int rc = 0;
    bool is_at_end = ledger->next == 0 && !is_known(ledger); /* nobody has written to it yet */
    while (rc == 0 && !is_at_end) {
        struct pn_arena arena;
        struct pn_log_records read = {0};
        pn_arena_init(&arena, 0);
        rc = pn_log_read(ledger->config.log, ledger->config.topic, 0, ledger->next, READ_RECORDS,
                         READ_BYTES, &arena, &read, e);
        if (rc == 0 && read.lost_until > ledger->next) {
            rc = lost(ledger, read.lost_until, e);
        }
        for (size_t i = 0; rc == 0 && i < read.count; i++) {
            take(ledger, &read.records[i]);
        }
        if (rc == 0) {
            is_at_end = read.next_offset <= ledger->next;
            ledger->next = read.next_offset;
        }
        pn_arena_deinit(&arena);
    }
    return rc;
}

/* With the lock, after a look at the topic that ended with rc and *failure. A denial gets a text
 * that names the missing rights; the server's log has it once. */
static void note_denial(struct pn_ledger *ledger, int rc, struct pn_err *failure)
{
    bool is_denied = rc != 0 && failure->code == PN_LOG_NOT_AUTHORIZED && ledger->next == 0;
    bool was_denied = atomic_load(&ledger->is_denied);
    if (is_denied) {
        struct pn_err denial = {0};
        (void)pn_err_set(&denial, failure->class_, failure->code,
                         "this server has no streams until its user has the rights Describe and "
                         "Read on topic %s: %s",
                         ledger->config.topic, failure->msg);
        *failure = denial;
        pthread_mutex_lock(&ledger->denial_lock);
        ledger->denial = denial;
        pthread_mutex_unlock(&ledger->denial_lock);
        atomic_store(&ledger->is_denied, true);
    }
    if (is_denied && !was_denied) {
        pn_logger_warn(ledger->config.logger, "kinesis", "%s", failure->msg);
    } else if (rc == 0 && was_denied) {
        atomic_store(&ledger->is_denied, false);
        pn_logger_info(ledger->config.logger, "kinesis",
                       "topic %s can be read now: this server has the cluster's streams",
                       ledger->config.topic);
    }
}

int pn_ledger_denial(struct pn_ledger *ledger, struct pn_err *e)
{
    if (!atomic_load(&ledger->is_denied)) {
        return 0;
    }
    pthread_mutex_lock(&ledger->denial_lock);
    pn_err_copy(e, &ledger->denial);
    pthread_mutex_unlock(&ledger->denial_lock);
    return PN_LOG_NOT_AUTHORIZED;
}

int pn_ledger_catch_up(struct pn_ledger *ledger, struct pn_err *e)
{
    struct pn_err failure = {0};
    int rc = pn_log_refresh(ledger->config.log, ledger->config.topic, &failure);
    pthread_mutex_lock(&ledger->lock);
    if (rc == 0 || (failure.class_ == PN_CLASS_MISSING && ledger->next == 0)) {
        rc = take_all(ledger, &failure);
    }
    note_denial(ledger, rc, &failure);
    pthread_mutex_unlock(&ledger->lock);
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

bool pn_ledger_get(struct pn_ledger *ledger, const char *key, struct pn_buf *out, int64_t *at)
{
    pthread_mutex_lock(&ledger->lock);
    const struct entry *entry = find(ledger, key, strlen(key));
    bool is_there = entry != NULL && entry->text != NULL;
    *at = entry != NULL ? entry->at : -1;
    if (is_there && out != NULL) {
        pn_buf_add(out, entry->text, entry->len);
    }
    pthread_mutex_unlock(&ledger->lock);
    return is_there;
}

/* --- putting ---------------------------------------------------------------------------------- */

static int append(struct pn_ledger *ledger, const char *key, struct pn_bytes text, int64_t after,
                  const char *id, struct pn_err *e)
{
    char number[NUMBER_SIZE];
    (void)snprintf(number, sizeof number, "%" PRId64, after);
    const struct pn_record_header headers[] = {
        {{"after", strlen("after")}, {number, strlen(number)}},
        {{"id", strlen("id")}, {id, strlen(id)}}};
    struct pn_log_entry entry = {.record = {.key = {key, strlen(key)},
                                            .value = text,
                                            .headers = headers,
                                            .header_count = sizeof headers / sizeof *headers,
                                            .timestamp_ms = -1},
                                 .partition = 0};
    struct pn_log_request request = {.topic = ledger->config.topic, .entries = &entry, .count = 1};
    return pn_log_append(ledger->config.log, &request, e);
}

static void await(struct pn_ledger *ledger, const char *id)
{
    pthread_mutex_lock(&ledger->lock);
    PN_ASSERT(ledger->awaited == NULL || id == NULL); /* one at a time */
    ledger->awaited = id;
    ledger->is_seen = ledger->is_seen && id == NULL;
    pthread_mutex_unlock(&ledger->lock);
}

static int make_topic(struct pn_ledger *ledger, struct pn_err *e)
{
    static const struct pn_log_topic_config wanted = {.partitions = 1, .retention_ms = -1};
    struct pn_err failure = {0};
    if (is_known(ledger)) {
        return 0;
    }
    int rc = pn_log_create_topic(ledger->config.log, ledger->config.topic, &wanted, &failure);
    if (rc != 0 && failure.class_ == PN_CLASS_CONFLICT) {
        return 0; /* another process has just made it */
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

int pn_ledger_put(struct pn_ledger *ledger, const char *key, struct pn_bytes text, int64_t after,
                  bool *won, struct pn_err *e)
{
    char id[PN_UUID_SIZE];
    struct pn_err failure = {0};
    *won = false;
    int rc = make_topic(ledger, e);
    if (rc != 0) {
        return rc;
    }
    await(ledger, pn_uuid(id));
    /* An append that failed may have been made: what counts is what is in the topic. */
    rc = append(ledger, key, text, after, id, &failure);
    int read_rc = pn_ledger_catch_up(ledger, rc == 0 ? &failure : NULL);
    await(ledger, NULL);
    if (ledger->is_seen) {
        *won = ledger->has_won;
        return 0;
    }
    if (rc == 0 && read_rc == 0) {
        rc = pn_err_set(&failure, PN_CLASS_RETRY, PN_FAIL,
                        "topic %s does not show yet what was written to it", ledger->config.topic);
    }
    pn_err_copy(e, &failure);
    return rc != 0 ? rc : read_rc;
}

/* --- following -------------------------------------------------------------------------------- */

/* What the log knows of the topic by itself; where it is denied, from time to time what the cluster
 * says. */
static int look(struct pn_ledger *ledger, unsigned turn, struct pn_err *e)
{
    if (atomic_load(&ledger->is_denied)) {
        return turn % DENIED_TURNS == 0 ? pn_ledger_catch_up(ledger, e) : 0;
    }
    pthread_mutex_lock(&ledger->lock);
    int rc = take_all(ledger, e);
    pthread_mutex_unlock(&ledger->lock);
    return rc;
}

static void *follow(void *arg)
{
    struct pn_ledger *ledger = arg;
    struct pn_err known = {0};
    for (unsigned turn = 1;
         pn_notifier_wait(&ledger->stop, ledger->running, FOLLOW_MS) == ledger->running; turn++) {
        struct pn_err why = {0};
        int rc = look(ledger, turn, &why);
        if (atomic_load(&ledger->is_denied)) {
            continue; /* that has been said */
        }
        if (rc != 0 && strcmp(why.msg, known.msg) != 0) {
            pn_logger_warn(ledger->config.logger, "kinesis",
                           "what other servers change of streams is not seen: %s", why.msg);
        } else if (rc == 0 && known.msg[0] != '\0') {
            pn_logger_info(ledger->config.logger, "kinesis",
                           "what other servers change of streams is seen again");
        }
        known = why;
    }
    return NULL;
}

int pn_ledger_open(const struct pn_ledger_config *config, struct pn_ledger **ledger,
                   struct pn_err *e)
{
    struct pn_ledger *opened = pn_xcalloc(1, sizeof *opened);
    opened->config = *config;
    pthread_mutex_init(&opened->lock, NULL);
    pthread_mutex_init(&opened->denial_lock, NULL);
    pn_notifier_init(&opened->stop);
    opened->running = pn_notifier_count(&opened->stop);
    struct pn_err why = {0};
    int rc = pn_ledger_catch_up(opened, &why);
    if (rc != 0 && atomic_load(&opened->is_denied)) {
        rc = 0;
    }
    pn_err_copy(e, rc != 0 ? &why : NULL);
    if (rc == 0) {
        *ledger = opened;
        opened = NULL;
    }
    pn_ledger_close(&opened);
    return rc;
}

int pn_ledger_follow(struct pn_ledger *ledger, struct pn_err *e)
{
    int rc = pthread_create(&ledger->thread, NULL, follow, ledger);
    ledger->is_running = rc == 0;
    return rc == 0 ? 0 : pn_err_errno(e, rc, "cannot start the thread that follows streams");
}

void pn_ledger_close(struct pn_ledger **ledger)
{
    struct pn_ledger *gone = *ledger;
    if (gone == NULL) {
        return;
    }
    *ledger = NULL;
    if (gone->is_running) {
        pn_notifier_notify(&gone->stop);
        pthread_join(gone->thread, NULL);
    }
    for (size_t i = 0; i < gone->count; i++) {
        free(gone->entries[i].key);
        free(gone->entries[i].text);
    }
    free(gone->entries);
    pn_notifier_deinit(&gone->stop);
    pthread_mutex_destroy(&gone->denial_lock);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
}
