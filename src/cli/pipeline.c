/* pinion pipeline: what a definition says, or what is wrong with it. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/pipeline.h"
#include "emulate/generator.h"
#include "report/definition.h"
#include "report/row_writer.h"
#include "server/stations.h"
#include "settings/profile.h"

enum { DOCUMENT_BYTES_MAX = 16 << 20 };

/* "latest", "trim_horizon" or a time, which is written into `out`. */
static const char *start_text(const struct pn_pipeline_stream *stream, char out[PN_ISO8601_SIZE])
{
    static const char *const starts[] = {
        [PN_START_LATEST] = "latest", [PN_START_TRIM_HORIZON] = "trim_horizon"};
    return stream->start == PN_START_TIMESTAMP ? pn_iso8601(stream->start_ms, out)
                                               : starts[stream->start];
}

/* --- as text -------------------------------------------------------------------------------- */

static void show_topics(const struct pn_pipeline_topic *topics, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct pn_pipeline_topic *topic = &topics[i];
        fprintf(out, "  %s  %" PRId32 " %s\n", topic->name, topic->partitions,
                pn_noun(topic->partitions, "partition", "partitions"));
    }
}

static void show_streams(const struct pn_pipeline_stream *streams, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct pn_pipeline_stream *stream = &streams[i];
        char time[PN_ISO8601_SIZE];
        fprintf(out, "  %s  %" PRId32 " %s, kept for %" PRId32 "h, read from %s\n", stream->name,
                stream->shards, pn_noun(stream->shards, "shard", "shards"), stream->retention_hours,
                start_text(stream, time));
        for (size_t j = 0; j < stream->flow_count; j++) {
            const struct pn_flow *flow = &stream->flows[j];
            fprintf(out, "    - %s to %s\n",
                    flow->partition_key != NULL ? flow->partition_key : "every record",
                    flow->table->name);
        }
    }
}

/* Of an incremental table. */
static void show_mode(const struct pn_table *table, FILE *out)
{
    fprintf(out, "    mode %s", pn_table_mode_names[table->mode]);
    if (table->mode == PN_MODE_MERGE) {
        fprintf(out, " by %s", table->key_column);
    }
    if (table->order_column != NULL) {
        fprintf(out, ", the newest by %s", table->order_column->name);
    }
    if (table->delete_when != NULL) {
        fprintf(out, ", deleted when %s", table->delete_when);
    }
    fputs(table->deletion_vectors ? ", with deletion vectors\n" : "\n", out);
}

static void show_partitions(const struct pn_table *table, FILE *out)
{
    struct pn_buf text;
    pn_buf_init(&text, DOCUMENT_BYTES_MAX);
    for (size_t i = 0; i < table->partition_count; i++) {
        pn_buf_adds(&text, i == 0 ? "" : ", ");
        pn_partition_text(&table->partitions[i], &text);
    }
    if (table->partition_count > 0) {
        fprintf(out, "    partitioned by %s\n", pn_buf_text(&text));
    }
    if (table->replace_where != NULL) {
        fprintf(out, "    a run replaces the rows where %s\n", table->replace_where);
    }
    pn_buf_deinit(&text);
}

static void show_tests(const struct pn_table *table, FILE *out)
{
    for (size_t i = 0; i < table->expect_count; i++) {
        const struct pn_expect *expect = &table->expects[i];
        fprintf(out, "    expects %s, else %s\n", expect->name,
                pn_expect_action_names[expect->action]);
    }
}

static void show_origins(const struct pn_column *column, FILE *out)
{
    const enum pn_origin origins[] = {column->topic_origin, column->stream_origin,
                                      column->file_origin};
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        if (origins[i] != PN_ORIGIN_NONE) {
            fprintf(out, " (from %s)", pn_origin_names[origins[i]]);
        }
    }
    fputc('\n', out);
}

static void show_table(const struct pn_table *table, FILE *out)
{
    fprintf(out, "  %s  %s\n", table->name, table->path);
    if (table->like != NULL) {
        fprintf(out, "    from a stream in place of %s, like %s; checkpoints in %s\n",
                table->in_place_of->name, table->like->name, table->checkpoints);
        for (size_t i = 0; i < table->read_count; i++) {
            fprintf(out, "%s%s%s", i > 0 ? ", " : "    joins ", table->reads[i]->name,
                    i + 1 == table->read_count ? "\n" : "");
        }
    } else if (table->from_topic != NULL) {
        fprintf(out, "    from topic %s\n", table->from_topic);
    } else if (table->from_files != NULL) {
        fprintf(out, "    from files %s%s%s\n", table->from_files->glob,
                table->from_files->by_name ? "" : ", ",
                table->from_files->by_name ? "" : pn_file_format_names[table->from_files->format]);
    } else {
        fprintf(out, "    by %s, from", table->sql_file);
        for (size_t i = 0; i < table->read_count; i++) {
            fprintf(out, "%s %s", i > 0 ? "," : "", table->reads[i]->name);
        }
        fputc('\n', out);
    }
    if (table->like == NULL && table->mode != PN_MODE_OVERWRITE) {
        show_mode(table, out);
    }
    show_partitions(table, out);
    show_tests(table, out);
    struct pn_buf type;
    pn_buf_init(&type, DOCUMENT_BYTES_MAX);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct pn_column *column = &table->columns[i];
        pn_buf_reset(&type);
        pn_type_name(&column->type, &type);
        fprintf(out, "    - %s %s%s%s", column->name, pn_buf_text(&type),
                column->required ? " (required)" : "", column->is_lenient ? " (lenient)" : "");
        show_origins(column, out);
    }
    pn_buf_deinit(&type);
}

static void show_dag(const struct pn_dag *dag, FILE *out)
{
    fprintf(out, "  %s  %s\n", dag->name, dag->description);
    for (size_t i = 0; i < dag->task_count; i++) {
        const struct pn_task *task = &dag->tasks[i];
        char delay[PN_UNITS_SIZE];
        fprintf(out, "    - %s", task->name);
        for (size_t j = 0; j < task->after_count; j++) {
            fprintf(out, "%s %s", j > 0 ? "," : " after", task->after[j]->name);
        }
        if (task->retries > 0) {
            fprintf(out, " (%" PRId32 " retries, %s apart)", task->retries,
                    pn_format_duration(task->retry_delay_ms, delay));
        }
        fputc('\n', out);
    }
}

static void show_text(const struct pn_pipeline *pipeline, FILE *out)
{
    fprintf(out, "%s: %s\n%s\n", pipeline->name, pipeline->description, pipeline->folder);
    fprintf(out, "\ntopics:\n");
    show_topics(pipeline->topics, pipeline->topic_count, out);
    show_topics(pipeline->topic_patterns, pipeline->topic_pattern_count, out);
    fprintf(out, "\nstreams:\n");
    show_streams(pipeline->streams, pipeline->stream_count, out);
    show_streams(pipeline->stream_patterns, pipeline->stream_pattern_count, out);
    fprintf(out, "\ntables, below the store:\n");
    for (size_t i = 0; i < pipeline->table_count; i++) {
        show_table(&pipeline->tables[i], out);
    }
    for (size_t i = 0; i < pipeline->table_pattern_count; i++) {
        show_table(&pipeline->table_patterns[i], out);
    }
    fprintf(out, "  dead letters  %s\n", pipeline->dead_letters_path);
    fprintf(out, "  dead letters of streams  %s\n", pipeline->stream_dead_letters_path);
    fprintf(out, "\nqueries:\n");
    for (size_t i = 0; i < pipeline->query_count; i++) {
        fprintf(out, "  %s  %s\n", pipeline->queries[i].name, pipeline->queries[i].description);
    }
    fprintf(out, "\nDAGs:\n");
    for (size_t i = 0; i < pipeline->dag_count; i++) {
        show_dag(&pipeline->dags[i], out);
    }
}

/* --- as JSON -------------------------------------------------------------------------------- */

static void add_stream(struct pn_json_writer *json, const struct pn_pipeline_stream *stream)
{
    char time[PN_ISO8601_SIZE];
    pn_json_add_cstr(json, "name", stream->name);
    pn_json_add_i64(json, "shards", stream->shards);
    pn_json_add_i64(json, "retention_hours", stream->retention_hours);
    pn_json_add_cstr(json, "start", start_text(stream, time));
    pn_json_add_array(json, "flows");
    for (size_t i = 0; i < stream->flow_count; i++) {
        pn_json_put_object(json);
        pn_json_add_cstr(json, "partition_key", stream->flows[i].partition_key);
        pn_json_add_cstr(json, "table", stream->flows[i].table->name);
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void add_dag(struct pn_json_writer *json, const struct pn_dag *dag)
{
    pn_json_add_cstr(json, "name", dag->name);
    pn_json_add_cstr(json, "description", dag->description);
    pn_json_add_i64(json, "parallelism", dag->parallelism);
    pn_json_add_i64(json, "active_runs_max", dag->active_runs_max);
    pn_json_add_array(json, "tasks");
    for (size_t i = 0; i < dag->task_count; i++) {
        const struct pn_task *task = &dag->tasks[i];
        pn_json_put_object(json);
        pn_json_add_cstr(json, "name", task->name);
        pn_json_add_i64(json, "retries", task->retries);
        pn_json_add_i64(json, "retry_delay_ms", task->retry_delay_ms);
        pn_json_add_i64(json, "timeout_ms", task->timeout_ms);
        pn_json_add_cstr(json, "command", task->command);
        pn_json_add_array(json, "tables");
        for (size_t j = 0; j < task->table_count; j++) {
            pn_json_put_cstr(json, task->tables[j]->name);
        }
        pn_json_end(json);
        pn_json_add_array(json, "after");
        for (size_t j = 0; j < task->after_count; j++) {
            pn_json_put_cstr(json, task->after[j]->name);
        }
        pn_json_end(json);
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void add_topics(struct pn_json_writer *json, const struct pn_pipeline_topic *topics,
                       size_t count)
{
    pn_json_put_array(json);
    for (size_t i = 0; i < count; i++) {
        pn_json_put_break(json, 1);
        pn_json_put_object(json);
        pn_json_add_cstr(json, "name", topics[i].name);
        pn_json_add_i64(json, "partitions", topics[i].partitions);
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void add_streams(struct pn_json_writer *json, const struct pn_pipeline_stream *streams,
                        size_t count)
{
    pn_json_put_array(json);
    for (size_t i = 0; i < count; i++) {
        pn_json_put_break(json, 1);
        pn_json_put_object(json);
        add_stream(json, &streams[i]);
        pn_json_end(json);
    }
    pn_json_end(json);
}

static void add_tables(struct pn_json_writer *json, const struct pn_table *tables, size_t count)
{
    pn_json_put_array(json);
    for (size_t i = 0; i < count; i++) {
        pn_json_put_break(json, 1);
        pn_json_put_object(json);
        pn_report_definition(json, &tables[i]);
        pn_json_end(json);
    }
    pn_json_end(json);
}

/* What is a pattern is in lists of its own. */
static void add_patterns(struct pn_json_writer *json, const struct pn_pipeline *pipeline)
{
    pn_json_put_break(json, 0);
    pn_json_put_key(json, "topic_patterns");
    add_topics(json, pipeline->topic_patterns, pipeline->topic_pattern_count);
    pn_json_put_break(json, 0);
    pn_json_put_key(json, "stream_patterns");
    add_streams(json, pipeline->stream_patterns, pipeline->stream_pattern_count);
    pn_json_put_break(json, 0);
    pn_json_put_key(json, "table_patterns");
    add_tables(json, pipeline->table_patterns, pipeline->table_pattern_count);
}

static void show_json(const struct pn_pipeline *pipeline, FILE *file)
{
    struct pn_buf out;
    struct pn_json_writer writer;
    struct pn_json_writer *json = &writer;
    pn_buf_init(&out, DOCUMENT_BYTES_MAX);
    pn_json_writer_init(json, &out);
    pn_json_put_object(json);
    pn_json_add_cstr(json, "name", pipeline->name);
    pn_json_add_cstr(json, "description", pipeline->description);
    pn_json_add_cstr(json, "folder", pipeline->folder);
    pn_json_add_cstr(json, "topics_dir", pipeline->topics_dir);
    pn_json_add_cstr(json, "dead_letters_dir", pipeline->dead_letters_dir);
    pn_json_add_cstr(json, "origins_dir", pipeline->origins_dir);
    pn_json_add_cstr(json, "dead_letters", pipeline->dead_letters_path);
    pn_json_add_cstr(json, "stream_dead_letters", pipeline->stream_dead_letters_path);
    pn_json_put_break(json, 0);
    pn_json_put_key(json, "topics");
    add_topics(json, pipeline->topics, pipeline->topic_count);
    pn_json_put_break(json, 0);
    pn_json_put_key(json, "streams");
    add_streams(json, pipeline->streams, pipeline->stream_count);
    pn_json_put_break(json, 0);
    pn_json_put_key(json, "tables");
    add_tables(json, pipeline->tables, pipeline->table_count);
    add_patterns(json, pipeline);
    pn_json_put_break(json, 0);
    pn_json_add_array(json, "queries");
    for (size_t i = 0; i < pipeline->query_count; i++) {
        pn_json_put_break(json, 1);
        pn_json_put_object(json);
        pn_json_add_cstr(json, "name", pipeline->queries[i].name);
        pn_json_add_cstr(json, "description", pipeline->queries[i].description);
        pn_json_end(json);
    }
    pn_json_end(json);
    pn_json_put_break(json, 0);
    pn_json_add_array(json, "dags");
    for (size_t i = 0; i < pipeline->dag_count; i++) {
        pn_json_put_break(json, 1);
        pn_json_put_object(json);
        add_dag(json, &pipeline->dags[i]);
        pn_json_end(json);
    }
    pn_json_end(json);
    pn_json_end(json);
    pn_json_end_line(json);
    fwrite(pn_buf_text(&out), 1, out.len, file);
    pn_buf_deinit(&out);
}

/* --- the commands --------------------------------------------------------------------------- */

static int load(struct pn_cli *cli, struct pn_pipeline **pipeline, struct pn_err *e)
{
    char *folder = NULL;
    struct pn_pipeline *loaded = NULL;
    int rc = pn_cli_pipeline_folder(cli, &folder, e);
    if (rc == 0) {
        rc = pn_pipeline_load(folder, cli->io, &loaded, e);
    }
    if (rc == 0) {
        rc = pn_settings_check_pipeline(loaded, e);
    }
    if (rc == 0) {
        const struct pn_profile_source profiles = {.pipeline = loaded, .io = cli->io};
        rc = pn_profiles_check(&profiles, e);
    }
    if (rc == 0) {
        *pipeline = loaded;
        loaded = NULL;
    }
    pn_pipeline_destroy(&loaded);
    free(folder);
    return rc;
}

/* Reads the options and loads the pipeline of the operand, or else the one in force. The caller
 * destroys it. */
static bool start(struct pn_cli *cli, const struct pn_syntax *syntax, int argc, char **argv,
                  struct pn_pipeline **pipeline, int *status)
{
    if (!pn_cli_parse(cli, syntax, &argc, &argv, status)) {
        return false;
    }
    if (argc == 1) {
        cli->pipeline_folder = argv[0];
    }
    struct pn_err e;
    if (load(cli, pipeline, &e) != 0) {
        *status = pn_cli_fail(cli, &e);
        return false;
    }
    return true;
}

/* By a job, which gets what it is to check through the store. A signal ends it. */
static int check_by_spark(const struct pn_app *app, struct pn_err *e)
{
    struct pn_store *store = NULL;
    struct pn_engine *engine = NULL;
    struct pn_interrupt interrupt;
    pn_interrupt_begin(&interrupt);
    interrupt.patience_ms = PN_INTERRUPT_ELSEWHERE_MS;
    int rc = pn_app_open_store(app, &store, e);
    if (rc == 0) {
        rc = pn_app_open_spark_check(app, store, &engine, e);
    }
    if (rc == 0) {
        rc = pn_interrupt_watch(&interrupt, engine, 0, e);
        if (rc == 0) {
            rc = pn_engine_check(engine, e);
        }
        pn_interrupt_end(&interrupt);
    }
    pn_engine_destroy(&engine);
    pn_store_destroy(&store);
    pn_interrupt_pass_on(&interrupt);
    pn_signals_restore(&interrupt.signals);
    return rc;
}

/* The files beside pipeline.yml, by the engine that is set. */
static int check_sql(struct pn_cli *cli, const struct pn_pipeline *pipeline, struct pn_err *e)
{
    const struct pn_app *app = NULL;
    struct pn_engine *engine = NULL;
    int rc = pn_cli_app(cli, &app, e);
    if (rc == 0 && pn_app_uses_spark(app)) {
        return check_by_spark(app, e);
    }
    if (rc == 0) {
        rc = pn_open_checking_engine(pipeline, cli->clock, cli->logger, &engine, e);
    }
    if (rc == 0) {
        rc = pn_engine_check(engine, e);
    }
    pn_engine_destroy(&engine);
    return rc;
}

static int check_generator(struct pn_cli *cli, const struct pn_pipeline *pipeline, struct pn_err *e)
{
    struct pn_err cause = {.class_ = PN_CLASS_NONE};
    struct pn_generator *generator = NULL;
    int rc = pn_generator_load(pipeline->folder, cli->io, &generator, &cause);
    pn_generator_destroy(&generator);
    if (rc != 0 && cause.class_ == PN_CLASS_MISSING) {
        return 0;
    }
    pn_err_copy(e, &cause);
    return rc;
}

static void print_counts(struct pn_cli *cli, const struct pn_pipeline *pipeline)
{
    static const struct pn_report_column columns[] = {
        {"pipeline", PN_CELL_TEXT}, {"topics", PN_CELL_INT},  {"streams", PN_CELL_INT},
        {"tables", PN_CELL_INT},    {"queries", PN_CELL_INT}, {"dags", PN_CELL_INT}};
    const size_t counts[] = {pipeline->topic_count + pipeline->topic_pattern_count,
                             pipeline->stream_count + pipeline->stream_pattern_count,
                             pipeline->table_count + pipeline->table_pattern_count,
                             pipeline->query_count, pipeline->dag_count};
    if (cli->format == PN_FORMAT_TABLE) {
        fprintf(cli->out,
                "%s: topics %zu, streams %zu, tables %zu, queries %zu, DAGs %zu: all right\n",
                pipeline->name, counts[0], counts[1], counts[2], counts[3], counts[4]);
        return;
    }
    struct pn_row_writer *output = pn_cli_rows(cli);
    PN_ROWS_BEGIN(output, columns);
    pn_cell_cstr(output, pipeline->name);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        pn_cell_int(output, (int64_t)counts[i]);
    }
    pn_row_writer_end(&output);
}

static int run_check(struct pn_cli *cli, int argc, char **argv)
{
    const struct pn_syntax syntax = {
        .operands = "[DIR]",
        .operands_max = 1,
        .about =
            "Checks pipeline.yml, the SQL (its columns must match the declared ones) and "
            "generator.yml. The engine of engine.kind checks the SQL: on Spark by a job, through "
            "the store. At the first mistake it prints file, line and key, and exits with 1.",
        .uses = PN_USES_FORMAT,
        .examples = "pinion pipeline check my-pipeline\n"};
    struct pn_pipeline *pipeline = NULL;
    int status = 0;
    if (!start(cli, &syntax, argc, argv, &pipeline, &status)) {
        return status;
    }
    struct pn_err e;
    if (check_sql(cli, pipeline, &e) != 0 || check_generator(cli, pipeline, &e) != 0) {
        status = pn_cli_fail(cli, &e);
    } else {
        print_counts(cli, pipeline);
    }
    pn_pipeline_destroy(&pipeline);
    return status;
}

static int run_show(struct pn_cli *cli, int argc, char **argv)
{
    const char *format = "text";
    const struct pn_opt opts[] = {{.name = "format",
                                   .kind = PN_OPT_CHOICE,
                                   .choices = "text|json",
                                   .target = &format,
                                   .help = "text for people, json for programs (text)"},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {
        .operands = "[DIR]", .operands_max = 1, .opts = opts, .examples = "pinion pipeline show\n"};
    struct pn_pipeline *pipeline = NULL;
    int status = 0;
    if (!start(cli, &syntax, argc, argv, &pipeline, &status)) {
        return status;
    }
    if (format[0] == 'j') {
        show_json(pipeline, cli->out);
    } else {
        show_text(pipeline, cli->out);
    }
    pn_pipeline_destroy(&pipeline);
    return PN_EXIT_OK;
}

int pn_cmd_pipeline(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"check", "find mistakes in a pipeline's folder", run_check},
        {"show", "show the topics, tables, queries and DAGs", run_show},
        {"diff", "show what a changed definition will do to the tables", pn_cli_pipeline_diff},
        {NULL, NULL, NULL}};
    return pn_cli_dispatch(cli, commands, argc, argv);
}
