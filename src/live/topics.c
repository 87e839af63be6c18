/* The topics that are watched, or were until a while ago. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/percent.h"
#include "live/internal.h"

/* A browser that lost its connection comes back within half a minute. */
enum { KEPT_MS = 60000, TOPIC_BLOCK_BYTES = 512 };

static void destroy(struct pn_live_watched *watched)
{
    free(watched->topic.state);
    pn_arena_deinit(&watched->arena);
    free(watched);
}

/* Which source has a topic with this first part and so many parts? */
static bool find_source(const struct pn_live *live, const char *kind, size_t parts, size_t *source)
{
    for (size_t i = 0; i < live->source_count; i++) {
        for (const struct pn_live_kind *at = live->sources[i].kinds; at->name != NULL; at++) {
            if (strcmp(at->name, kind) == 0 && at->parts == parts) {
                *source = i;
                return true;
            }
        }
    }
    return false;
}

/* Splits and decodes the name; how many parts it has, 0 when it cannot be a topic. */
static size_t split(struct pn_live_watched *watched)
{
    const char *at = watched->topic.name;
    for (size_t count = 0; count < PN_LIVE_PARTS_MAX; at++) {
        size_t len = strcspn(at, "/");
        const char *part = pn_percent_decode(&watched->arena, at, len);
        if (part == NULL || *part == '\0') {
            return 0;
        }
        watched->topic.parts[count++] = part;
        at += len;
        if (*at == '\0') {
            return count;
        }
    }
    return 0;
}

/* Can the name stand in a line of an event, as JSON text? What else it has is percent-encoded. */
static bool is_plain(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\') {
            return false;
        }
    }
    return len > 0 && len <= PN_LIVE_TOPIC_BYTES_MAX;
}

static int make(struct pn_live *live, const char *name, size_t len, struct pn_live_watched **made,
                struct pn_err *e)
{
    struct pn_live_watched *watched = pn_xcalloc(1, sizeof *watched);
    pn_arena_init(&watched->arena, TOPIC_BLOCK_BYTES);
    watched->topic.name = pn_arena_strndup(&watched->arena, name, len);
    watched->topic.is_new = true;
    size_t count = split(watched);
    if (count == 0 || !find_source(live, watched->topic.parts[0], count, &watched->source)) {
        destroy(watched);
        return pn_err_input(e, "there is no topic '%.*s'", (int)(len < 100 ? len : 100), name);
    }
    watched->id = ++live->topics_made;
    watched->next = live->topics;
    live->topics = watched;
    *made = watched;
    return 0;
}

int pn_live_find_topic(struct pn_live *live, const char *name, size_t len,
                       struct pn_live_watched **topic, bool *fresh, struct pn_err *e)
{
    *fresh = false;
    if (!is_plain(name, len)) {
        return pn_err_input(e,
                            "a topic has 1 to %d characters; letters beyond ASCII, blanks, commas, "
                            "quotes and backslashes are percent-encoded",
                            PN_LIVE_TOPIC_BYTES_MAX);
    }
    for (struct pn_live_watched *at = live->topics; at != NULL; at = at->next) {
        if (strncmp(at->topic.name, name, len) == 0 && at->topic.name[len] == '\0') {
            *topic = at;
            return 0;
        }
    }
    int rc = make(live, name, len, topic, e);
    *fresh = rc == 0;
    return rc;
}

void pn_live_sweep_topics(struct pn_live *live, bool all)
{
    int64_t before_ns = pn_mono_ns(live->clock) - KEPT_MS * INT64_C(1000000);
    for (struct pn_live_watched **at = &live->topics; *at != NULL;) {
        struct pn_live_watched *watched = *at;
        if (watched->subscribers == 0 && !watched->looking &&
            (all || watched->left_ns < before_ns)) {
            *at = watched->next;
            destroy(watched);
        } else {
            at = &watched->next;
        }
    }
}
