#include "server/copy_others.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/kafka/kafka.h"
#include "log/member.h"
#include "server/claim.h"

bool pn_app_log_is_shared(const struct pn_app *app)
{
    char *folder = pn_app_path(app, "log");
    bool is_shared = app->settings->log.url[0] != '\0' || pn_kafka_owns_folder(folder, app->io);
    free(folder);
    return is_shared;
}

/* --- who lands now ---------------------------------------------------------------------------- */

static bool lands(const struct pn_pipeline *pipeline, const char *topic)
{
    for (size_t i = 0; i < pipeline->topic_count; i++) {
        if (strcmp(pipeline->topics[i].name, topic) == 0) {
            return true;
        }
    }
    return pn_pipeline_topic_pattern(pipeline, topic) != NULL;
}

/* All sinks of the group want the same topics, so one topic shows whether there is a sink. */
static int find_member(const struct pn_app *app, struct pn_log *log, const char *group,
                       struct pn_arena *arena, const char **member, struct pn_err *e)
{
    struct pn_log_topic_info *topics = NULL;
    struct pn_log_group_place *places = NULL;
    size_t topic_count = 0;
    size_t count = 0;
    size_t i = 0;
    int rc = pn_log_topics(log, arena, &topics, &topic_count, e);
    while (rc == 0 && i < topic_count && !lands(app->pipeline, topics[i].name)) {
        i++;
    }
    if (rc == 0 && i < topic_count) {
        rc = pn_log_groups(log, topics[i].name, arena, &places, &count, e);
    }
    for (i = 0; rc == 0 && i < count && *member == NULL; i++) {
        *member = strcmp(places[i].group, group) == 0 ? places[i].member : NULL;
    }
    return rc;
}

int pn_app_check_nobody_lands(const struct pn_app *app, struct pn_log *log, struct pn_store *bucket,
                              struct pn_err *e)
{
    struct pn_arena arena;
    struct pn_err why = {0};
    char *group = NULL;
    const char *member = NULL;
    if (!pn_log_has_groups(log)) {
        return 0;
    }
    pn_arena_init(&arena, 0);
    int rc = pn_app_group(app, bucket, "sink", &group, &why);
    if (rc != 0 && why.class_ == PN_CLASS_MISSING) {
        rc = 0; /* nobody has the bucket yet */
    } else if (rc != 0) {
        pn_err_copy(e, &why);
    } else if (group != NULL) {
        rc = find_member(app, log, group, &arena, &member, e);
    }
    if (rc == 0 && member != NULL) {
        rc = pn_err_set(e, PN_CLASS_RETRY, PN_FAIL,
                        "the server %s lands in the bucket (group %s of the Kafka cluster): stop "
                        "all servers of this pipeline that have the role sink, and run the same "
                        "command again. A killed server leaves the group after 45 s",
                        member, group);
    }
    free(group);
    pn_arena_deinit(&arena);
    return rc;
}

/* --- what has landed -------------------------------------------------------------------------- */

struct search {
    const struct pn_copy *plan;
    char *found; /* the key of an object that only the target has so */
};

static int see_landed(void *arg, const struct pn_object *object)
{
    struct search *search = arg;
    const struct pn_copy_item *item = pn_copy_find(search->plan, object->key);
    if (item == NULL || item->state == PN_COPY_DIFFERS) {
        search->found = pn_xstrdup(object->key);
    }
    return search->found != NULL ? PN_FAIL : 0;
}

static int search_folder(struct search *search, const char *folder, struct pn_err *e)
{
    char *prefix = pn_xasprintf("%s/", folder);
    int rc = pn_store_list(search->plan->config.to, prefix, NULL, see_landed, search, e);
    free(prefix);
    return search->found != NULL ? 0 : rc;
}

int pn_app_check_landed(const struct pn_app *app, const struct pn_copy *plan, const char *target,
                        const char *source, struct pn_err *e)
{
    struct search search = {.plan = plan};
    int rc = search_folder(&search, app->pipeline->topics_dir, e);
    if (rc == 0 && search.found == NULL) {
        rc = search_folder(&search, app->pipeline->dead_letters_dir, e);
    }
    if (rc == 0 && search.found != NULL) {
        rc = pn_err_set(e, PN_CLASS_CONFLICT, PN_FAIL,
                        "%s has the landed object %s, and %s has it not, or with other contents: "
                        "servers of the Kafka cluster have landed in both, and records would be "
                        "there twice. Copy to another prefix, or to an empty data folder (--data)",
                        target, search.found, source);
    }
    free(search.found);
    return rc;
}
