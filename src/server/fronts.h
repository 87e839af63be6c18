/*
 * The HTTP server with its fronts. A new front is a folder, and a few lines in fronts.c.
 *
 * A front's station is made before the server starts and is destroyed after it has stopped, so the
 * handlers of a front always find it.
 */
#ifndef PN_SERVER_FRONTS_H
#define PN_SERVER_FRONTS_H

#include "api/api.h"
#include "aws/aws.h"
#include "http/server.h"
#include "kafka/rest/rest.h"
#include "server/admission.h"
#include "server/app.h"

struct pn_fronts_config {
    struct pn_http_config http;
    struct pn_kafka_rest_config kafka_rest;
    struct pn_aws_config aws;
};

/* What they depend on; all borrowed for their life. kinesis (then there are no routes of streams),
 * logger and metrics may be NULL. */
struct pn_fronts_env {
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    const struct pn_io *io;
    const struct pn_clock *clock;
    struct pn_logger *logger;
    struct pn_metrics *metrics;
    /* See struct pn_kafka_rest_env. */
    int (*first_record)(void *arg, const char *topic, struct pn_err *e);
    void *first_record_arg;
};

struct pn_fronts {
    struct pn_http_server *http; /* to listen and start, once all routes are added */
    struct pn_api *api;          /* for further routes and lists of /health */
    /* The module's own. */
    struct pn_kafka_rest *kafka_rest;
    struct pn_aws *aws; /* NULL without a kinesis */
    struct pn_log_failures failures;
    struct pn_log *log;
    int listen_id; /* of the log's news, while `is_listening` */
    bool is_listening;
};

/* Checks the settings and reads the keys; nothing listens yet. */
int pn_fronts_create(const struct pn_fronts_config *config, const struct pn_fronts_env *env,
                     struct pn_fronts **fronts, struct pn_err *e) PN_MUST_CHECK;
void pn_fronts_destroy(struct pn_fronts **fronts); /* NULL ok; stops the server first */

/* What the fronts of an application stand on. */
struct pn_fronts_stations {
    struct pn_log *log;
    struct pn_kinesis *kinesis;
    struct pn_admission *admission; /* of topics */
};

/* With the settings in force, and the API keys of the environment variable PINION_API_KEY beside
 * those of the file. `listen` NULL takes the setting's address. */
int pn_app_open_fronts(const struct pn_app *app, const struct pn_fronts_stations *stations,
                       const char *listen, struct pn_fronts **fronts,
                       struct pn_err *e) PN_MUST_CHECK;
/* Could they listen with these settings? Takes the port for a moment, and makes nothing. The errors
 * are those of pn_http_server_create() and pn_http_server_listen(). */
int pn_app_try_fronts(const struct pn_app *app, const char *listen, struct pn_err *e) PN_MUST_CHECK;

#endif
