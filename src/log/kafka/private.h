/*
 * The inside of the log on Kafka, file by file:
 *
 *   client.c    handles of librdkafka, made from the configuration; what brokers complain of
 *   security.c  settings, logins and TLS, and what to change when they fail
 *   iam.c       login at Amazon MSK by IAM
 *   failure.c   errors of librdkafka as ours
 *   catalog.c   the topics and the ends of partitions as far as they are known
 *   refresh.c   the thread that asks the cluster for them
 *   leaders.c   the leaders of partitions, each asked for its own
 *   ends.c      where partitions begin and end
 *   producer.c  librdkafka's producer, and the thread that calls back
 *   accept.c    what a request must fulfil before its records are on their way
 *   produce.c   requests, and their records on the way
 *   gate.c      which records are sent together, and when
 *   settings.c  what topics have for settings, by the admin API
 *   admin.c     topics: create, delete, configure
 *   readers.c   consumers of single partitions, kept open where a read ended
 *   read.c      reads
 *   member.c    members of consumer groups
 *   groups.c    what all groups of the cluster have of a topic, by the admin API
 *   folder.c    the lock, and the cluster whose log this is
 *   ids.c       topics' ids: how often each was deleted
 *   listeners.c the functions to call when records came
 *   kafka.c     the port's functions; opening and closing
 */
#ifndef PN_LOG_KAFKA_PRIVATE_H
#define PN_LOG_KAFKA_PRIVATE_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/aws_credentials.h"
#include "base/buf.h"
#include "base/notifier.h"
#include "base/random.h"
#include "log/kafka/gate.h"
#include "log/kafka/kafka.h"
#include "log/member.h"

enum { PN_KAFKA_LANES = 4, PN_KAFKA_READERS_MAX = 256, PN_KAFKA_LISTENERS_MAX = 16 };
enum { PN_KAFKA_TEXT_SIZE = 512 };

/* --- the catalog ------------------------------------------------------------------------------ */

/* Shared by all states of a topic, so that none knows less than another. Atomic, because deliveries
 * and the refresh write while anybody reads. */
struct pn_kafka_part {
    atomic_int refs;
    _Atomic int64_t begin;
    _Atomic int64_t end;       /* the last stable offset, as the leader said */
    _Atomic int64_t delivered; /* after the last record of ours that was acknowledged */
    _Atomic int64_t read_end;  /* after the last record that was read: it was stable */
    _Atomic int64_t fell_ms;   /* since when the leader says less than `end`; 0: it does not */
    _Atomic int64_t silent_ms; /* since when nobody says where it ends; 0: somebody does */
    _Atomic uint64_t doubts;   /* see struct pn_log_offsets */
    atomic_bool is_known;      /* begin and end are */
    atomic_bool is_led;        /* it had a leader when the cluster was asked last */
    /* With the producer's lock. */
    struct pn_kafka_gate gate;
    int32_t chosen; /* of partition 0: where the topic's records without a key go */
    int32_t gates;  /* of partition 0: among how many gates the topic's keys are distributed */
    /* As the cluster said last; with the catalog's lock. */
    struct pn_log_replica *replicas;
    size_t replica_count;
};

/* What is known of a topic. It does not change but for its parts: another state is another one. */
struct pn_kafka_topic {
    atomic_int refs;
    struct pn_log_topic_info info;
    bool has_settings;       /* info.settings are the topic's, not only ours */
    _Atomic int64_t gone_ms; /* since when the cluster says that it is not there; 0: it is */
    struct pn_kafka_part *parts[];
};

struct pn_kafka_catalog {
    pthread_mutex_t lock;
    struct pn_kafka_topic **topics; /* sorted by name; each is held */
    size_t count;
    int32_t *brokers; /* sorted */
    size_t broker_count;
};

/* A name that was deleted, and the id that it has had since then. */
struct pn_kafka_id {
    char *name;
    uint64_t id;
};

struct pn_kafka_ids {
    pthread_mutex_t lock;
    struct pn_kafka_id *ids; /* sorted by name */
    size_t count;
};

/* --- the other parts -------------------------------------------------------------------------- */

struct pn_kafka_trouble {
    pthread_mutex_t lock;
    rd_kafka_resp_err_t err; /* the last that brokers or connections complained of; 0: none */
    int64_t at_ms;
    int64_t logged_ms;
    rd_kafka_resp_err_t logged;
    int x509_error; /* of OpenSSL, for the last complaint, if it was about a certificate */
    char text[PN_KAFKA_TEXT_SIZE];
    atomic_int refused; /* the x509_error of the last certificate; no complaint has come yet */
};

struct pn_kafka_handle {
    char *topic;
    rd_kafka_topic_t *handle;
};

struct pn_kafka_producer {
    pthread_mutex_t lock;       /* of what follows up to `refused`, and of each partition's gate */
    rd_kafka_t *client;         /* the thread's to change; NULL: none is open */
    rd_kafka_resp_err_t failed; /* why the last client that failed did */
    struct pn_kafka_handle *handles; /* sorted by topic */
    size_t handle_count;
    size_t handle_capacity;
    struct pn_random random;
    struct pn_kafka_gates gates;
    struct pn_kafka_waiting *refused; /* by librdkafka; the thread answers them */
    struct pn_notifier wakes;         /* the thread, for records and for the client's events */
    _Atomic int64_t queued_bytes;
    atomic_bool is_stopping;
    int64_t retry_at_ms; /* the thread's, as what follows: no client is opened before */
    int failures;        /* of clients, since a record was delivered */
    bool has_delivered;
    bool is_flushing;
    bool is_running;
    pthread_t thread;
};

struct pn_kafka_reader;

struct pn_kafka_readers {
    pthread_mutex_t lock;
    pthread_cond_t is_free;
    rd_kafka_t *lanes[PN_KAFKA_LANES]; /* each has a partition at most once; made when needed */
    struct pn_kafka_reader *readers[PN_KAFKA_READERS_MAX];
    size_t count;
};

struct pn_kafka_listener {
    void (*fn)(void *arg);
    void *arg;
    int id;
};

struct pn_kafka_refresh {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_stopping;
    bool is_running;
    pthread_t thread;
};

/* When a broker answered last, or the log was opened, and whether something says since then that
 * none does. */
struct pn_kafka_reach {
    atomic_llong answered_ms;
    atomic_bool is_doubted;
};

/* What librdkafka gives back to the callbacks of a handle. */
struct pn_kafka_owner {
    struct pn_kafka *kafka;
    void *arg; /* of this handle */
};

struct pn_kafka {
    struct pn_log log;           /* first: a pn_log is cast to it */
    struct pn_kafka_owner owner; /* of the handles that need no argument of their own */
    struct pn_kafka_config config;
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    int lock_fd;
    struct pn_aws_credentials *credentials; /* NULL: no login by IAM */
    rd_kafka_t *asker;                      /* metadata, offsets, administration */
    struct pn_kafka_trouble trouble;
    struct pn_kafka_reach reach;
    struct pn_kafka_catalog catalog;
    struct pn_kafka_ids ids;
    struct pn_kafka_producer producer;
    struct pn_kafka_readers readers;
    struct pn_kafka_refresh refresh;
    pthread_mutex_t listeners_lock;
    struct pn_kafka_listener listeners[PN_KAFKA_LISTENERS_MAX];
    size_t listener_count;
    int next_listener;
};

/* --- reach.c ---------------------------------------------------------------------------------- */

/* A broker has answered. Logs it where none did for long. */
void pn_kafka_reach_answer(struct pn_kafka *kafka);
/* All connections are down, or nobody has answered in time. On any thread. */
void pn_kafka_reach_doubt(struct pn_kafka *kafka);
/* As pn_log_unreachable(). */
const char *pn_kafka_unreachable(struct pn_log *log, struct pn_arena *arena);

/* --- client.c --------------------------------------------------------------------------------- */

/* Properties of one kind of client, ended by a NULL name. */
struct pn_kafka_property {
    const char *name;
    const char *value;
};

/* librdkafka's dr_msg_cb and rebalance_cb; `opaque` is a struct pn_kafka_owner. */
typedef void (*pn_kafka_delivery_fn)(rd_kafka_t *client, const rd_kafka_message_t *message,
                                     void *opaque);
typedef void (*pn_kafka_rebalance_fn)(rd_kafka_t *client, rd_kafka_resp_err_t err,
                                      rd_kafka_topic_partition_list_t *partitions, void *opaque);

struct pn_kafka_client {
    rd_kafka_type_t type;
    const struct pn_kafka_property *properties;
    pn_kafka_delivery_fn on_delivery;   /* of a producer */
    pn_kafka_rebalance_fn on_rebalance; /* of a member */
    struct pn_kafka_owner *owner;       /* borrowed for the handle's life */
};

/* A handle of librdkafka. INPUT: it does not take a setting. Destroy with rd_kafka_destroy(). */
int pn_kafka_client_open(const struct pn_kafka_client *client, rd_kafka_t **handle,
                         struct pn_err *e) PN_MUST_CHECK;
/* What was complained of within the last `within_ms`, its text into text[PN_KAFKA_TEXT_SIZE]. */
rd_kafka_resp_err_t pn_kafka_trouble_since(struct pn_kafka *kafka, int64_t within_ms, char *text);

/* --- security.c ------------------------------------------------------------------------------- */

/* Sets a property, unless the value is "". INPUT: librdkafka does not take it. */
int pn_kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                 struct pn_err *e) PN_MUST_CHECK;
/* Sets how brokers know us, and we them. INPUT: a setting is missing, or cannot be. */
int pn_kafka_secure(struct pn_kafka *kafka, rd_kafka_conf_t *conf, struct pn_err *e) PN_MUST_CHECK;
/* What librdkafka complains of, into text[PN_KAFKA_TEXT_SIZE]; of a certificate it says only that
 * it is refused, so what OpenSSL has found (X509_V_OK: nothing) takes its place. */
void pn_kafka_complaint(const char *reason, int x509_error, char *text);
/* The setting that librdkafka means by what it says, such as "log.kafka.key". */
const char *pn_kafka_setting_in(const char *text);
/* "; check ...", for an error of a connection, a login or a right; `text`: what librdkafka has
 * complained of with it, or "". */
const char *pn_kafka_login_advice(struct pn_kafka *kafka, rd_kafka_resp_err_t err,
                                  const char *text);

/* --- iam.c ------------------------------------------------------------------------------------ */

bool pn_kafka_uses_iam(const struct pn_kafka_config *config);
/* The cluster's region, of the setting, the broker's name or the environment; "": not known. */
const char *pn_kafka_region(const struct pn_kafka_config *config, struct pn_arena *arena);
/* Appends the token that MSK takes as the owner of the key from `wall_ms` on, for 15 minutes. */
void pn_kafka_iam_token(const struct pn_aws_key *key, const char *region, int64_t wall_ms,
                        struct pn_buf *out);
/* Before and after a client is made. */
int pn_kafka_iam_configure(const struct pn_kafka *kafka, rd_kafka_conf_t *conf,
                           struct pn_err *e) PN_MUST_CHECK;
int pn_kafka_iam_start(rd_kafka_t *client, struct pn_err *e) PN_MUST_CHECK;

/* Is it a topic of Kafka's own? */
static inline bool pn_kafka_is_own(const char *name)
{
    return strncmp(name, "__", 2) == 0 && !pn_topic_is_internal(name);
}

/* --- failure.c -------------------------------------------------------------------------------- */

/* Fills *e: "<what>: <what librdkafka says>", with advice where there is some. Where librdkafka
 * only knows that time was up, the recent complaint of the brokers says why. Returns the code. */
int pn_kafka_fail(struct pn_kafka *kafka, rd_kafka_resp_err_t err, struct pn_err *e,
                  const char *what, ...) PN_PRINTF(4, 5);
/* The brokers do not accept who we are: no other try will help. */
bool pn_kafka_is_denial(rd_kafka_resp_err_t err);

/* --- catalog.c -------------------------------------------------------------------------------- */

void pn_kafka_catalog_init(struct pn_kafka_catalog *catalog);
void pn_kafka_catalog_deinit(struct pn_kafka_catalog *catalog);
/* With the parts of `known` (may be NULL), an earlier state of it, and new ones for the others. */
struct pn_kafka_topic *pn_kafka_topic_create(const char *name, int32_t partitions, uint64_t id,
                                             const struct pn_kafka_topic *known);
/* The topic, held, or NULL. */
struct pn_kafka_topic *pn_kafka_catalog_hold(struct pn_kafka_catalog *catalog, const char *name);
/* All topics, held, sorted by name. The caller frees the array. */
struct pn_kafka_topic **pn_kafka_catalog_hold_all(struct pn_kafka_catalog *catalog, size_t *count);
void pn_kafka_topic_release(struct pn_kafka_topic *topic);
/* Adds or replaces one; takes its hold over. It gets the parts that the former state has, unless
 * that is of another id. */
void pn_kafka_catalog_put(struct pn_kafka_catalog *catalog, struct pn_kafka_topic *topic);
/* Takes the topic of this name out, unless its id is another one by now. */
void pn_kafka_catalog_remove(struct pn_kafka_catalog *catalog, const char *name, uint64_t id);
/* Finds a partition; its topic is held when that succeeds. MISSING. */
int pn_kafka_catalog_part(struct pn_kafka_catalog *catalog, const char *name, int32_t number,
                          struct pn_kafka_topic **topic, struct pn_kafka_part **part,
                          struct pn_err *e) PN_MUST_CHECK;
/* The number of the broker that leads it, as far as is known; -1: it is not. */
int32_t pn_kafka_catalog_leader(struct pn_kafka_catalog *catalog, const struct pn_kafka_part *part);
/* Takes over what the cluster says of a partition's brokers, and of all. */
void pn_kafka_catalog_note_replicas(struct pn_kafka_catalog *catalog, struct pn_kafka_part *part,
                                    const rd_kafka_metadata_partition_t *found);
void pn_kafka_catalog_note_brokers(struct pn_kafka_catalog *catalog,
                                   const rd_kafka_metadata_t *metadata);
/* The brokers of a partition, and all; in the arena. */
void pn_kafka_catalog_replicas(struct pn_kafka_catalog *catalog, const struct pn_kafka_part *part,
                               struct pn_arena *arena, struct pn_log_replica **replicas,
                               size_t *count);
void pn_kafka_catalog_brokers(struct pn_kafka_catalog *catalog, struct pn_arena *arena,
                              int32_t **brokers, size_t *count);
/* Where the partition ends for those who ask: no record that was acknowledged is after it. */
int64_t pn_kafka_part_end(const struct pn_kafka_part *part);
void pn_kafka_part_delivered(struct pn_kafka_part *part, int64_t next_offset);
/* Records before `next_offset` were read. */
void pn_kafka_part_read(struct pn_kafka_part *part, int64_t next_offset);

/* --- ids.c ------------------------------------------------------------------------------------ */

void pn_kafka_ids_init(struct pn_kafka_ids *ids);
void pn_kafka_ids_deinit(struct pn_kafka_ids *ids);
/* Reads the folder's file. CORRUPT: it is damaged. */
int pn_kafka_ids_load(struct pn_kafka *kafka, struct pn_err *e) PN_MUST_CHECK;
/* The id of the topic that has the name now. */
uint64_t pn_kafka_ids_get(struct pn_kafka *kafka, const char *name);
/* The topic with this id was deleted: from now on the name has another one, also after a crash. */
int pn_kafka_ids_pass(struct pn_kafka *kafka, const char *name, uint64_t id,
                      struct pn_err *e) PN_MUST_CHECK;
/* The name has at least this id from now on, likewise; *raised: it had a smaller one. */
int pn_kafka_ids_raise(struct pn_kafka *kafka, const char *name, uint64_t id, bool *raised,
                       struct pn_err *e) PN_MUST_CHECK;

/* --- ends.c ----------------------------------------------------------------------------------- */

/* Asks for begin and end of the partitions of some topics. *grew: an end has, or it is another
 * topic's, as it seems, or is known again. Fails when no leader answers; those that do not are
 * noted at their partitions. */
int pn_kafka_refresh_ends(struct pn_kafka *kafka, struct pn_kafka_topic **topics, size_t count,
                          bool *grew, struct pn_err *e) PN_MUST_CHECK;
/* The same for one partition. */
int pn_kafka_refresh_end(struct pn_kafka *kafka, struct pn_kafka_topic *topic, int32_t number,
                         struct pn_err *e) PN_MUST_CHECK;
/* Should the topic have been made again, what readers have fetched ahead is of the former one. */
void pn_kafka_doubt(struct pn_kafka *kafka, const struct pn_kafka_topic *topic);

/* --- refresh.c -------------------------------------------------------------------------------- */

/* Asks the cluster for its topics, their settings and ends. May wait. A topic that is not in the
 * answer, or has an error there, stays known; it goes when the cluster says for a while that it is
 * not there. */
int pn_kafka_refresh_all(struct pn_kafka *kafka, int64_t timeout_ms,
                         struct pn_err *e) PN_MUST_CHECK;
/* Asks for a topic that we have deleted: it goes as soon as the cluster says so. Is it gone? */
bool pn_kafka_refresh_deleted(struct pn_kafka *kafka, const char *name);
/* The same for one topic, which gets into the catalog. MISSING when the cluster has none. */
int pn_kafka_refresh_topic(struct pn_kafka *kafka, const char *name,
                           struct pn_err *e) PN_MUST_CHECK;
/* Asks for the settings of a topic that is known. */
void pn_kafka_refresh_settings(struct pn_kafka *kafka, const char *name);
int pn_kafka_refresh_start(struct pn_kafka *kafka, struct pn_err *e) PN_MUST_CHECK;
void pn_kafka_refresh_stop(struct pn_kafka *kafka);

/* --- producer.c ------------------------------------------------------------------------------- */

int pn_kafka_producer_start(struct pn_kafka *kafka, struct pn_err *e) PN_MUST_CHECK;
void pn_kafka_producer_stop(struct pn_kafka *kafka);

/* --- accept.c --------------------------------------------------------------------------------- */

/* Finds the request's topic, or makes it, checks the records, and reserves `*bytes` for them in
 * the queue. The topic is held when that succeeds. */
int pn_kafka_accept(struct pn_kafka *kafka, struct pn_log_request *request,
                    struct pn_kafka_topic **topic, int64_t *bytes, struct pn_err *e) PN_MUST_CHECK;

/* --- produce.c -------------------------------------------------------------------------------- */

/* Gives librdkafka what has waited long enough, or `all`. Was there something? *wait_ns: how long
 * until there is again, `most_ns` at most. */
bool pn_kafka_send(struct pn_kafka *kafka, bool all, int64_t most_ns, int64_t *wait_ns);
/* librdkafka's dr_msg_cb. */
void pn_kafka_on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque);
int pn_kafka_submit(struct pn_log *log, struct pn_log_request *request,
                    struct pn_err *e) PN_MUST_CHECK;

/* --- admin.c ---------------------------------------------------------------------------------- */

int pn_kafka_create_topic(struct pn_log *log, const char *name,
                          const struct pn_log_topic_config *config, struct pn_err *e) PN_MUST_CHECK;
int pn_kafka_delete_topic(struct pn_log *log, const char *name, struct pn_err *e) PN_MUST_CHECK;
int pn_kafka_configure_topic(struct pn_log *log, const char *name,
                             const struct pn_log_topic_config *config,
                             struct pn_err *e) PN_MUST_CHECK;

/* --- settings.c ------------------------------------------------------------------------------- */

/* Options of an operation, with the configuration's time limit. The caller destroys them. */
rd_kafka_AdminOptions_t *pn_kafka_admin_options(const struct pn_kafka *kafka,
                                                rd_kafka_admin_op_t op);
/* Waits for the answer. The caller destroys the event, also on failure. */
int pn_kafka_admin_wait(struct pn_kafka *kafka, rd_kafka_queue_t *queue, const char *what,
                        rd_kafka_event_t **event, struct pn_err *e) PN_MUST_CHECK;
/* Asks for the settings of some topics. The caller destroys the event, also on failure. */
int pn_kafka_ask_settings(struct pn_kafka *kafka, struct pn_kafka_topic **topics, size_t count,
                          rd_kafka_event_t **event, struct pn_err *e) PN_MUST_CHECK;
/* Asks for the topics' settings, into their info; those of a topic that may not be asked for stay
 * as they are. */
void pn_kafka_describe(struct pn_kafka *kafka, struct pn_kafka_topic **topics, size_t count);

/* --- readers.c -------------------------------------------------------------------------------- */

enum { PN_KAFKA_BATCH = 512 };

/* A consumer of one partition. The caller that took it has it alone. */
struct pn_kafka_reader {
    char topic[PN_TOPIC_NAME_MAX + 1];
    int32_t partition;
    size_t lane;
    bool is_old; /* of a topic that was deleted: it is closed when it is given back */
    rd_kafka_topic_t *handle;
    rd_kafka_queue_t *queue; /* what comes of the partition */
    int64_t position;        /* of the next record that a read gets from here */
    bool is_busy;
    int64_t used_ms;
    rd_kafka_message_t *batch[PN_KAFKA_BATCH]; /* taken from librdkafka, not yet read */
    size_t batch_count;
    size_t batch_used;
};

void pn_kafka_readers_init(struct pn_kafka_readers *readers);
void pn_kafka_readers_deinit(struct pn_kafka_readers *readers);
/* A reader at the offset: one that is there already, else another. Waits while all that could
 * serve are busy. */
int pn_kafka_reader_take(struct pn_kafka *kafka, const char *topic, int32_t partition,
                         int64_t offset, struct pn_kafka_reader **reader,
                         struct pn_err *e) PN_MUST_CHECK;
/* Gives it back; not `good`: it is closed. */
void pn_kafka_reader_give(struct pn_kafka *kafka, struct pn_kafka_reader *reader, bool good);
/* The next record or event, or NULL when there is none for `wait_ms`. It stays the reader's. */
const rd_kafka_message_t *pn_kafka_reader_peek(struct pn_kafka_reader *reader, int wait_ms);
void pn_kafka_reader_next(struct pn_kafka_reader *reader);
/* Lets librdkafka report what its consumers' connections complain of, and closes readers that
 * nobody has used for long. */
void pn_kafka_readers_poll(struct pn_kafka *kafka);
/* Closes the readers of a topic that is gone. */
void pn_kafka_readers_forget(struct pn_kafka *kafka, const char *topic);

/* --- read.c ----------------------------------------------------------------------------------- */

int pn_kafka_read(struct pn_log *log, const char *name, int32_t partition, int64_t offset,
                  size_t max_records, size_t max_bytes, struct pn_arena *arena,
                  struct pn_log_records *records, struct pn_err *e) PN_MUST_CHECK;
int pn_kafka_offset_at(struct pn_log *log, const char *name, int32_t partition,
                       int64_t timestamp_ms, int64_t *offset, struct pn_err *e) PN_MUST_CHECK;

/* --- member.c --------------------------------------------------------------------------------- */

int pn_kafka_join(struct pn_log *log, const struct pn_log_member_config *config,
                  struct pn_log_member **member, struct pn_err *e) PN_MUST_CHECK;

/* --- groups.c --------------------------------------------------------------------------------- */

int pn_kafka_groups(struct pn_log *log, const char *topic, struct pn_arena *arena,
                    struct pn_log_group_place **places, size_t *count,
                    struct pn_err *e) PN_MUST_CHECK;

/* --- folder.c --------------------------------------------------------------------------------- */

/* Locks the folder, and makes sure that its log is this cluster's. */
int pn_kafka_folder_open(struct pn_kafka *kafka, struct pn_err *e) PN_MUST_CHECK;
/* Once the cluster is known. */
int pn_kafka_folder_claim(struct pn_kafka *kafka, struct pn_err *e) PN_MUST_CHECK;

/* --- listeners.c ------------------------------------------------------------------------------ */

int pn_kafka_listen(struct pn_log *log, void (*fn)(void *arg), void *arg, int *id,
                    struct pn_err *e) PN_MUST_CHECK;
void pn_kafka_unlisten(struct pn_log *log, int id);
/* Records came. */
void pn_kafka_notify(struct pn_kafka *kafka);

/* --- kafka.c ---------------------------------------------------------------------------------- */

static inline struct pn_kafka *pn_kafka_of(struct pn_log *log)
{
    return (struct pn_kafka *)log;
}

#endif
