/*
 * Whether the parts that the settings name can be used: the log, the store, the engine. For people
 * who set a profile up, before a server starts.
 *
 * What is tried: the brokers answer and accept pinion's credentials, and the pipeline's topics can
 * be read; the store keeps its promises (pn_store_check()) and belongs to no other data folder; the
 * engine checks the pipeline's SQL, on Spark by a job. Nothing is made but the object of the
 * store's check, and the request of Spark's job. That the log takes records is not tried.
 */
#ifndef PN_SERVER_PROFILE_CHECK_H
#define PN_SERVER_PROFILE_CHECK_H

#include "server/app.h"

struct pn_profile_finding {
    const char *part; /* "settings", "log", "store", "engine" */
    bool is_good;
    const char *detail;
    const char *setting; /* to change; NULL where it is good, or none is known */
};

/* Tries each part in turn and calls fn with what it found; texts are borrowed for the call. Returns
 * how many are not good. */
int pn_app_check_profile(const struct pn_app *app,
                         void (*fn)(void *arg, const struct pn_profile_finding *finding),
                         void *arg);

#endif
