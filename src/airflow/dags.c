/* dags/...: the DAGs of the pipeline, with their pause. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "airflow/errors.h"
#include "airflow/list.h"
#include "airflow/states.h"
#include "airflow/write.h"

/* A DAG with what the database has of it. */
struct row {
    const struct pn_dag *dag;
    struct pn_dag_status status;
    int64_t counts[PN_RUN_STATES];
    struct pn_run last; /* its newest run; no run_id: there is none */
    int64_t next_ms;    /* PN_TIME_NONE: no run is to come */
};

static int read_row(struct pn_airflow_call *call, const struct pn_dag *dag, struct row *row)
{
    const struct pn_run_filter newest = {.dag = dag->name, .limit = 1};
    struct pn_run *runs = NULL;
    size_t count = 0;
    *row = (struct row){.dag = dag, .next_ms = PN_TIME_NONE};
    int rc = pn_dag_db_dag(call->db, dag->name, &row->status, &call->failure);
    if (rc == 0) {
        rc = pn_dag_db_count_runs(call->db, dag->name, row->counts, &call->failure);
    }
    if (rc == 0) {
        rc = pn_dag_db_runs(call->db, &newest, call->arena, &runs, &count, &call->failure);
    }
    if (rc == 0 && count > 0) {
        row->last = runs[0];
    }
    if (rc == 0 && dag->schedule.line_count > 0 && !row->status.paused) {
        bool begun = row->status.tick_ms != PN_TIME_NONE && row->status.tick_ms > call->now_ms;
        int64_t next_ms =
            pn_schedule_next(&dag->schedule, begun ? row->status.tick_ms : call->now_ms);
        row->next_ms = next_ms != PN_CRON_NEVER ? next_ms : PN_TIME_NONE;
    }
    return rc;
}

/* --- replies ---------------------------------------------------------------------------------- */

static void add_schedule(struct pn_airflow_call *call, const struct row *row)
{
    const struct pn_schedule *schedule = &row->dag->schedule;
    const char *summary = "";
    for (size_t i = 0; i < schedule->line_count; i++) {
        summary =
            pn_arena_printf(call->arena, "%s%s%s", summary, i > 0 ? ", " : "", schedule->texts[i]);
    }
    int64_t before_ms =
        row->next_ms != PN_TIME_NONE ? pn_schedule_previous(schedule, row->next_ms) : PN_TIME_NONE;
    pn_airflow_add_text(&call->json, "timetable_summary", summary);
    pn_airflow_add_text(&call->json, "timetable_description", summary);
    pn_json_add_bool(&call->json, "timetable_partitioned", false);
    pn_json_add_bool(&call->json, "timetable_periodic", schedule->line_count > 0);
    pn_airflow_add_time(&call->json, "next_dagrun_logical_date", row->next_ms);
    pn_airflow_add_time(&call->json, "next_dagrun_data_interval_start",
                        before_ms != INT64_MIN ? before_ms : row->next_ms);
    pn_airflow_add_time(&call->json, "next_dagrun_data_interval_end", row->next_ms);
    pn_airflow_add_time(&call->json, "next_dagrun_run_after", row->next_ms);
}

/* What a DAG has in lists and in details. */
static void add_members(struct pn_airflow_call *call, const struct row *row)
{
    struct pn_json_writer *json = &call->json;
    const struct pn_dag *dag = row->dag;
    pn_json_add_cstr(json, "dag_id", dag->name);
    pn_json_add_cstr(json, "dag_display_name", dag->name);
    pn_json_add_cstr(json, "description", dag->description);
    pn_json_add_bool(json, "is_paused", row->status.paused);
    pn_json_add_bool(json, "is_stale", false);
    pn_json_add_bool(json, "is_backfillable", dag->schedule.line_count > 0);
    pn_json_add_bool(json, "has_import_errors", false);
    pn_json_add_bool(json, "has_task_concurrency_limits", false);
    pn_json_add_i64(json, "max_active_runs", dag->active_runs_max);
    pn_json_add_i64(json, "max_active_tasks", dag->parallelism);
    pn_json_add_i64(json, "max_consecutive_failed_dag_runs", 0);
    add_schedule(call, row);
    pn_json_add_cstr(json, "fileloc", dag->file);
    pn_json_add_cstr(json, "relative_fileloc", dag->file);
    pn_json_add_cstr(json, "file_token", dag->file);
    pn_json_add_cstr(json, "bundle_name", call->pipeline->name);
    pn_airflow_add_time(json, "last_parsed_time", call->definition->loaded_ms);
    pn_json_add_array(json, "owners");
    pn_json_end(json);
    pn_json_add_array(json, "tags");
    pn_json_end(json);
    PN_AIRFLOW_ADD_NULLS(json, "allowed_run_types", "bundle_version", "last_expired",
                         "last_parse_duration");
}

static void put_dag(struct pn_airflow_call *call, const struct row *row)
{
    pn_json_put_object(&call->json);
    add_members(call, row);
    pn_json_end(&call->json);
}

static int put_details(struct pn_airflow_call *call, const struct row *row)
{
    static const char *const empty[] = {"default_args", "owner_links", "params"};
    struct pn_json_writer *json = &call->json;
    const struct pn_dag *dag = row->dag;
    const struct pn_schedule *schedule = &dag->schedule;
    struct pn_dag_version version;
    int rc = pn_dag_version_now(call->db, dag, call->now_ms, &version, &call->failure);
    if (rc != 0) {
        return rc;
    }
    pn_json_put_object(json);
    add_members(call, row);
    pn_json_add_i64(json, "active_runs_count", row->counts[PN_RUN_RUNNING]);
    pn_json_add_bool(json, "catchup", schedule->catchup_ms > 0);
    pn_json_add_i64(json, "concurrency", dag->parallelism);
    pn_json_add_bool(json, "render_template_as_native_obj", false);
    pn_json_add_bool(json, "is_favorite", false);
    pn_json_add_cstr(json, "timezone", schedule->zone != NULL ? schedule->zone->name : "UTC");
    pn_airflow_add_time(json, "start_date",
                        schedule->start_ms != INT64_MIN ? schedule->start_ms : PN_TIME_NONE);
    pn_airflow_add_time(json, "end_date",
                        schedule->end_ms != INT64_MAX ? schedule->end_ms : PN_TIME_NONE);
    if (dag->run_timeout_ms > 0) {
        pn_json_add_textf(json, "dag_run_timeout", "PT%" PRId64 ".%03dS",
                          dag->run_timeout_ms / 1000, (int)(dag->run_timeout_ms % 1000));
    } else {
        pn_json_add_null(json, "dag_run_timeout");
    }
    pn_airflow_add_version(call, "latest_dag_version", dag->name, &version);
    pn_airflow_add_time(json, "last_parsed", call->definition->loaded_ms);
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        pn_json_add_object(json, empty[i]);
        pn_json_end(json);
    }
    PN_AIRFLOW_ADD_NULLS(json, "asset_expression", "doc_md", "is_paused_upon_creation",
                         "rerun_with_latest_version", "template_search_path");
    pn_json_end(json);
    return 0;
}

/* --- one -------------------------------------------------------------------------------------- */

static int find(struct pn_airflow_call *call, struct row *row)
{
    const struct pn_dag *dag = NULL;
    int rc = pn_airflow_dag(call, &dag);
    return rc == 0 ? read_row(call, dag, row) : rc;
}

static int answer_get(struct pn_airflow_call *call)
{
    struct row row;
    int rc = find(call, &row);
    if (rc == 0) {
        put_dag(call, &row);
    }
    return rc;
}

static int answer_details(struct pn_airflow_call *call)
{
    struct row row;
    int rc = find(call, &row);
    return rc == 0 ? put_details(call, &row) : rc;
}

static int answer_patch(struct pn_airflow_call *call)
{
    static const char *const names[] = {"is_paused", NULL};
    static const struct pn_airflow_source query = {.body = NULL};
    const struct pn_json *body = NULL;
    const struct pn_dag *dag = NULL;
    struct pn_airflow_texts mask;
    struct row row;
    bool paused = false;
    bool changed = false;
    int rc = pn_airflow_dag(call, &dag);
    if (rc == 0) {
        rc = pn_airflow_body(call, names, &body);
    }
    if (rc == 0 && pn_json_get(body, "is_paused") == NULL) {
        return pn_airflow_refuse(call, "body", "is_paused", "missing", "this member is required");
    }
    if (rc == 0) {
        rc = pn_airflow_body_flag(call, body, "is_paused", false, &paused);
    }
    if (rc == 0) {
        rc = pn_airflow_texts(call, &query, "update_mask", &mask);
    }
    for (size_t i = 0; rc == 0 && i < mask.count; i++) {
        if (strcmp(mask.items[i], "is_paused") != 0) {
            rc = pn_err_input(&call->failure, "update_mask: only is_paused can be changed");
        }
    }
    if (rc == 0) {
        rc = pn_dag_db_pause(call->db, dag->name, paused, "api", call->now_ms, &changed,
                             &call->failure);
    }
    if (rc == 0) {
        rc = read_row(call, dag, &row);
    }
    if (rc == 0) {
        put_dag(call, &row);
    }
    return rc;
}

/* --- list ------------------------------------------------------------------------------------- */

enum sort { SORT_NAME, SORT_PAUSED, SORT_NEXT, SORT_LAST_STATE, SORT_LAST_START };
static const struct pn_airflow_sort sorts[] = {
    {"dag_id", SORT_NAME},
    {"dag_display_name", SORT_NAME},
    {"is_paused", SORT_PAUSED},
    {"next_dagrun", SORT_NEXT},
    {"last_run_state", SORT_LAST_STATE},
    {"state", SORT_LAST_STATE},
    {"last_run_start_date", SORT_LAST_START},
    {"start_date", SORT_LAST_START},
    {NULL, 0},
};

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_by(const struct row *a, const struct row *b, int sort)
{
    switch (sort) {
    case SORT_PAUSED:
        return compare_numbers(a->status.paused, b->status.paused);
    case SORT_NEXT:
        return compare_numbers(a->next_ms, b->next_ms);
    case SORT_LAST_STATE:
        return strcmp(a->last.run_id != NULL ? pn_airflow_run_state(a->last.state) : "",
                      b->last.run_id != NULL ? pn_airflow_run_state(b->last.state) : "");
    case SORT_LAST_START:
        return compare_numbers(a->last.started_ms, b->last.started_ms);
    default:
        return strcmp(a->dag->name, b->dag->name);
    }
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct pn_find *find_ = arg;
    int order = 0;
    for (size_t i = 0; order == 0 && i < find_->order_count; i++) {
        order = compare_by(a, b, (int)find_->orders[i].column);
        order = find_->orders[i].descending ? -order : order;
    }
    return order != 0 ? order : compare_by(a, b, SORT_NAME);
}

/* Filters of the list that need nothing but the DAG. */
struct filter {
    struct pn_airflow_texts none[4]; /* tags and the like, which our DAGs don't have */
    const char *paused;
    const char *errors;
    const char *favorite;
    const char *bundle;
    bool want[3]; /* of the three flags above */
    struct pn_airflow_texts last_state;
};

static int read_filter(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                       struct filter *filter)
{
    static const char *const none[] = {"tags", "owners", "bundle_version", "asset_dependency"};
    const struct {
        const char *name;
        const char **text;
    } flags[] = {{"paused", &filter->paused},
                 {"has_import_errors", &filter->errors},
                 {"is_favorite", &filter->favorite}};
    int rc = pn_airflow_text(call, source, "bundle_name", &filter->bundle);
    for (size_t i = 0; rc == 0 && i < 4; i++) {
        rc = pn_airflow_texts(call, source, none[i], &filter->none[i]);
    }
    for (size_t i = 0; rc == 0 && i < 3; i++) {
        rc = pn_airflow_text(call, source, flags[i].name, flags[i].text);
        if (rc == 0) {
            rc = pn_airflow_flag(call, source, flags[i].name, false, &filter->want[i]);
        }
    }
    return rc == 0 ? pn_airflow_texts(call, source, "last_dag_run_state", &filter->last_state) : rc;
}

static bool passes(const struct filter *filter, const struct pn_airflow_call *call,
                   const struct row *row)
{
    const bool is[] = {row->status.paused, false, false};
    const char *const asked[] = {filter->paused, filter->errors, filter->favorite};
    bool passed = filter->bundle == NULL || strcmp(filter->bundle, call->pipeline->name) == 0;
    for (size_t i = 0; i < 4; i++) {
        passed = passed && filter->none[i].count == 0;
    }
    for (size_t i = 0; i < 3; i++) {
        passed = passed && (asked[i] == NULL || filter->want[i] == is[i]);
    }
    bool has_state = filter->last_state.count == 0;
    for (size_t i = 0; i < filter->last_state.count && row->last.run_id != NULL; i++) {
        has_state = has_state ||
                    strcmp(filter->last_state.items[i], pn_airflow_run_state(row->last.state)) == 0;
    }
    return passed && has_state;
}

/* Names by LIKE, as the database compares them. */
static int matches(struct pn_airflow_call *call, const struct pn_airflow_source *source,
                   const struct pn_dag *dag, bool *matched)
{
    static const char *const likes[] = {"dag_id_pattern", "dag_display_name_pattern"};
    static const char *const begins[] = {"dag_id_prefix_pattern",
                                         "dag_display_name_prefix_pattern"};
    int rc = 0;
    *matched = true;
    for (size_t i = 0; rc == 0 && i < 4; i++) {
        bool like = i < 2;
        const char *text = NULL;
        rc = pn_airflow_text(call, source, like ? likes[i] : begins[i - 2], &text);
        if (rc == 0 && text != NULL) {
            *matched = *matched && pn_airflow_matches(text, dag->name, !like);
        }
    }
    return rc;
}

/* Are there runs of the DAG as the list's filters of runs want them? */
static int has_runs(struct pn_airflow_call *call, const struct pn_airflow_list *list,
                    const struct pn_dag *dag, bool *has)
{
    struct pn_airflow_list of_dag = *list;
    const char *const names[] = {dag->name};
    const struct pn_find_term own = {
        .column = PN_FIND_DAG, .op = PN_FIND_IS, .texts = names, .text_count = 1};
    struct pn_run *runs = NULL;
    size_t count = 0;
    int64_t total = 0;
    *has = true;
    if (list->find.term_count == 0) {
        return 0;
    }
    of_dag.find.terms = of_dag.terms;
    of_dag.find.order_count = 0;
    of_dag.find.limit = 0;
    of_dag.find.offset = 0;
    pn_airflow_list_add(&of_dag, &own);
    int rc = pn_dag_db_find_runs(call->db, &of_dag.find, call->arena, &runs, &count, &total,
                                 &call->failure);
    *has = total > 0;
    return rc;
}

static int collect(struct pn_airflow_call *call, const struct pn_airflow_list *list,
                   struct row *rows, size_t *count)
{
    struct filter filter;
    int rc = read_filter(call, &list->source, &filter);
    *count = 0;
    for (size_t i = 0; rc == 0 && i < call->pipeline->dag_count; i++) {
        struct row *row = &rows[*count];
        bool wanted = false;
        rc = matches(call, &list->source, &call->pipeline->dags[i], &wanted);
        if (rc == 0 && wanted) {
            rc = has_runs(call, list, &call->pipeline->dags[i], &wanted);
        }
        if (rc == 0 && wanted) {
            rc = read_row(call, &call->pipeline->dags[i], row);
            *count += rc == 0 && passes(&filter, call, row);
        }
    }
    return rc;
}

static int answer_list(struct pn_airflow_call *call)
{
    static const struct pn_airflow_range_filter ranges[] = {
        {"dag_run_start_date", PN_FIND_RUN_STARTED, false},
        {"dag_run_end_date", PN_FIND_RUN_ENDED, false},
        {NULL, 0, false},
    };
    struct pn_airflow_list list;
    struct row *rows = pn_arena_calloc(call->arena, call->pipeline->dag_count + 1, sizeof *rows);
    size_t count = 0;
    int rc = pn_airflow_list_begin(call, NULL, sorts, &list);
    if (rc == 0) {
        rc = pn_airflow_list_ranges(call, &list, ranges);
    }
    if (rc == 0) {
        rc = pn_airflow_list_states(call, &list, "dag_run_state", PN_FIND_RUN_STATE,
                                    pn_airflow_find_run_state);
    }
    if (rc == 0) {
        rc = collect(call, &list, rows, &count);
    }
    if (rc != 0) {
        return rc;
    }
    qsort_r(rows, count, sizeof *rows, compare, &list.find);
    pn_airflow_reply_begin(call, "dags");
    for (size_t i = 0; i < count; i++) {
        if (pn_airflow_list_shows(&list, i)) {
            put_dag(call, &rows[i]);
        }
    }
    pn_airflow_reply_end(call, (int64_t)count);
    return 0;
}

const struct pn_airflow_endpoint pn_airflow_dags[] = {
    {PN_HTTP_GET, "dags", answer_list, PN_RIGHT_READ},
    {PN_HTTP_GET, "dags/{}", answer_get, PN_RIGHT_READ},
    {PN_HTTP_PATCH, "dags/{}", answer_patch, PN_RIGHT_ADMIN},
    {PN_HTTP_GET, "dags/{}/details", answer_details, PN_RIGHT_READ},
    {.pattern = NULL},
};
