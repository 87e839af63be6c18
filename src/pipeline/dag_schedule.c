/* When a DAG is due: `schedule`, `timezone`, `start`, `end`, `catchup` and `overlap`. */
#include "base/time_text.h"
#include "pipeline/internal.h"

static const int64_t catchup_max_ms = INT64_C(3650) * 86400000;

/* Without a schedule the other keys would say nothing. */
static int check_alone(const struct pn_yaml *yaml, const struct pn_yaml_node *dag, struct pn_err *e)
{
    static const char *const keys[] = {"timezone", "start", "end", "catchup", "overlap"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct pn_yaml_node *node = pn_yaml_get(dag, keys[i]);
        if (node != NULL) {
            return pn_yaml_error(yaml, node, e, "goes with a schedule, and the DAG has none");
        }
    }
    return 0;
}

static int read_line(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                     const char **text, struct pn_cron *line, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    int rc = pn_yaml_text(yaml, node, text, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_err inner = {0};
    if (pn_cron_parse(*text, line, &inner) != 0) {
        return pn_yaml_error(yaml, node, e, "%s", inner.msg);
    }
    return 0;
}

static int read_lines(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                      struct pn_schedule *schedule, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    bool is_list = node->kind == PN_YAML_LIST;
    size_t count = is_list ? node->count : 1;
    if (count == 0 || (!is_list && node->kind != PN_YAML_SCALAR)) {
        return pn_yaml_error(yaml, node, e,
                             "must be a cron line, such as \"0 6 * * *\", or a list"
                             " of them");
    }
    if (count > PN_SCHEDULE_LINES_MAX) {
        return pn_yaml_error(yaml, node, e, "has %zu lines; at most %d are taken", count,
                             PN_SCHEDULE_LINES_MAX);
    }
    struct pn_arena *arena = &pipeline->private_->arena;
    const char **texts = pn_arena_calloc(arena, count, sizeof *texts);
    struct pn_cron *lines = pn_arena_calloc(arena, count, sizeof *lines);
    const struct pn_yaml_node *item = is_list ? node->first : node;
    for (size_t i = 0; i < count; i++) {
        int rc = read_line(pipeline, item, &texts[i], &lines[i], e);
        if (rc != 0) {
            return rc;
        }
        item = item->next;
    }
    schedule->texts = texts;
    schedule->lines = lines;
    schedule->line_count = count;
    return 0;
}

static int read_zone(struct pn_pipeline *pipeline, const struct pn_yaml_node *node,
                     struct pn_schedule *schedule, struct pn_err *e)
{
    const char *name = "UTC";
    int rc = pn_yaml_text(&pipeline->private_->yaml, node, &name, e);
    if (rc != 0) {
        return rc;
    }
    struct pn_err inner = {0};
    rc = pn_zone_load(name, pipeline->private_->io, &pipeline->private_->arena, &schedule->zone,
                      &inner);
    return rc != 0 ? pn_yaml_error(&pipeline->private_->yaml, node, e, "%s", inner.msg) : 0;
}

static int read_time(const struct pn_yaml *yaml, const struct pn_yaml_node *node, int64_t *wall_ms,
                     struct pn_err *e)
{
    if (node != NULL && !pn_time_parse_ms(node->text, wall_ms)) {
        return pn_yaml_error(yaml, node, e,
                             "\"%.60s\" is not a time: write 2026-01-31 or 2026-01-31T06:00:00Z",
                             node->text);
    }
    return 0;
}

int pn_pipeline_read_schedule(struct pn_pipeline *pipeline, const struct pn_yaml_node *dag,
                              struct pn_schedule *schedule, struct pn_err *e)
{
    const struct pn_yaml *yaml = &pipeline->private_->yaml;
    const struct pn_yaml_node *lines = pn_yaml_get(dag, "schedule");
    const struct pn_yaml_node *end = pn_yaml_get(dag, "end");
    *schedule = (struct pn_schedule){.start_ms = INT64_MIN, .end_ms = INT64_MAX};
    if (lines == NULL) {
        return check_alone(yaml, dag, e);
    }
    size_t overlap = PN_OVERLAP_QUEUE;
    int rc = read_lines(pipeline, lines, schedule, e);
    if (rc == 0) {
        rc = read_zone(pipeline, pn_yaml_get(dag, "timezone"), schedule, e);
    }
    if (rc == 0) {
        rc = read_time(yaml, pn_yaml_get(dag, "start"), &schedule->start_ms, e);
    }
    if (rc == 0) {
        rc = read_time(yaml, end, &schedule->end_ms, e);
    }
    if (rc == 0 && schedule->end_ms < schedule->start_ms) {
        rc = pn_yaml_error(yaml, end, e, "is before the start");
    }
    if (rc == 0) {
        rc = pn_yaml_duration(yaml, pn_yaml_get(dag, "catchup"), catchup_max_ms,
                              &schedule->catchup_ms, e);
    }
    if (rc == 0) {
        rc = pn_yaml_choice(yaml, pn_yaml_get(dag, "overlap"), pn_overlap_names, PN_OVERLAPS,
                            &overlap, e);
    }
    schedule->overlap = (enum pn_overlap)overlap;
    return rc;
}
