/* Live updates of jobs: one, and the list of them. */
#include "server/live_internal.h"

enum { LOOK_MS = 250 };

static void look_at_job(struct pn_jobs *jobs, struct pn_live *live, struct pn_live_topic *topic,
                        struct pn_arena *arena)
{
    struct pn_job_status status = {0};
    bool known = pn_jobs_status(jobs, topic->parts[1], arena, &status, NULL) == 0;
    uint64_t mark = known ? status.mark : 0;
    if (!topic->is_new && topic->seen != mark) {
        struct pn_json_writer *json = pn_live_begin(live, topic, "job");
        pn_json_add_cstr(json, "state", known ? pn_job_state_name(status.state) : NULL);
        pn_json_add_i64_text(json, "done", status.done);
        pn_live_end(live);
    }
    topic->seen = mark;
}

static void look(void *arg, struct pn_live *live, struct pn_live_topic **topics, size_t count)
{
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < count; i++) {
        if (topics[i]->parts[1] != NULL) {
            look_at_job(arg, live, topics[i], &arena);
            continue;
        }
        uint64_t mark = pn_jobs_mark(arg);
        if (!topics[i]->is_new && topics[i]->seen != mark) {
            pn_live_publish(live, topics[i], "job");
        }
        topics[i]->seen = mark;
    }
    pn_arena_deinit(&arena);
}

void pn_live_jobs_add(struct pn_jobs *jobs, struct pn_live *live)
{
    static const struct pn_live_kind kinds[] = {{"jobs", 1}, {"job", 2}, {NULL, 0}};
    const struct pn_live_source source = {
        .kinds = kinds, .look_ms = LOOK_MS, .look = look, .arg = jobs};
    pn_live_add_source(live, &source);
}
