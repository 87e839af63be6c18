/* The shipped pipeline.yml says what the pipeline is held to: names, order and types of the
 * columns, and the DAG. Its SQL has tests of its own. */
#include "pipeline/pattern.h"
#include "pipelines.h"

static struct pn_pipeline *pipeline;

static int load_shipped(void **state)
{
    if (folder_setup(state) != 0) {
        return -1;
    }
    struct pn_buf yaml;
    pn_buf_init(&yaml, 1 << 20);
    int rc = pn_io_read_file(pn_io_system(), PINION_SOURCE_DIR "/pipelines/pinterest/pipeline.yml",
                             &yaml, &err);
    if (rc == 0) {
        write_text("clean/geo.sql", "SELECT 1");
        write_text("clean/pin.sql", "SELECT 1");
        write_text("clean/user.sql", "SELECT 1");
        pipeline = load(pn_buf_text(&yaml));
    }
    pn_buf_deinit(&yaml);
    return rc;
}

static int unload(void **state)
{
    pn_pipeline_destroy(&pipeline);
    return folder_teardown(state);
}

static void check_columns(const char *name, const char *expected)
{
    const struct pn_table *table = pn_pipeline_table(pipeline, name);
    assert_non_null(table);
    struct pn_buf columns;
    pn_buf_init(&columns, 4096);
    for (size_t i = 0; i < table->column_count; i++) {
        pn_buf_addf(&columns, "%s%s ", i > 0 ? ", " : "", table->columns[i].name);
        pn_type_name(&table->columns[i].type, &columns);
    }
    assert_string_equal(pn_buf_text(&columns), expected);
    pn_buf_deinit(&columns);
}

static void test_tables(void **state)
{
    (void)state;
    check_columns("geo", "ind bigint, country string, "
                         "coordinates struct<latitude double, longitude double>, "
                         "timestamp timestamp");
    check_columns("pin", "ind bigint, unique_id string, title string, description string, "
                         "follower_count int, poster_name string, tag_list string, "
                         "is_image_or_video string, image_src string, save_location string, "
                         "category string");
    check_columns("user", "ind bigint, user_name string, age bigint, date_joined timestamp");
    static const char *const paths[][2] = {
        {"raw_geo", "delta_tables/raw/geo"},
        {"geo", "delta_tables/transformed/geo"},
        {"raw_pin", "delta_tables/raw/pin"},
        {"pin", "delta_tables/transformed/pin"},
        {"raw_user", "delta_tables/raw/user"},
        {"user", "delta_tables/transformed/user"},
        {"stream_geo", "test_streaming_delta_tables/0e3bbd435bfb_geo_table"},
        {"stream_pin", "test_streaming_delta_tables/0e3bbd435bfb_pin_table"},
        {"stream_user", "test_streaming_delta_tables/0e3bbd435bfb_user_table"}};
    assert_int_equal(pipeline->table_count, 9);
    for (size_t i = 0; i < 9; i++) {
        assert_string_equal(pn_pipeline_table(pipeline, paths[i][0])->path, paths[i][1]);
    }
    assert_string_equal(pipeline->topics_dir, "topics");
}

static void test_topics(void **state)
{
    (void)state;
    static const char *const tables[][3] = {{"raw_pin", "0e3bbd435bfb.pin", "0a1b2c3d4e5f.pin"},
                                            {"raw_geo", "0e3bbd435bfb.geo", "0a1b2c3d4e5f.geo"},
                                            {"raw_user", "0e3bbd435bfb.user", "0a1b2c3d4e5f.user"}};
    assert_string_equal(pipeline->id, "0e3bbd435bfb");
    assert_int_equal(pipeline->topic_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct pn_table *table = pn_pipeline_table(pipeline, tables[i][0]);
        assert_string_equal(pipeline->topics[i].name, tables[i][1]);
        assert_true(table->columns[0].required);
        assert_int_equal(pipeline->topics[i].partitions, 1);
        assert_true(pn_pattern_matches(table->from_topic, tables[i][1]));
        assert_true(pn_pattern_matches(table->from_topic, tables[i][2]));
        assert_false(pn_pattern_matches(table->from_topic, tables[(i + 1) % 3][2]));
        assert_int_equal(pn_pipeline_topic_pattern(pipeline, tables[i][2])->partitions, 1);
    }
}

static void test_streams(void **state)
{
    (void)state;
    static const char *const sorts[] = {"pin", "geo", "user"};
    assert_int_equal(pipeline->stream_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct pn_pipeline_stream *stream = &pipeline->streams[i];
        char text[64];
        (void)snprintf(text, sizeof text, "streaming-0e3bbd435bfb-%s", sorts[i]);
        assert_string_equal(stream->name, text);
        assert_int_equal(stream->shards, 2);
        assert_int_equal(stream->retention_hours, 24);
        assert_int_equal(stream->start, PN_START_LATEST);
        assert_int_equal(stream->flow_count, 1);
        (void)snprintf(text, sizeof text, "test_%s", sorts[i]);
        assert_string_equal(stream->flows[0].partition_key, text);
        const struct pn_table *table = stream->flows[0].table;
        assert_string_equal(table->like->name, sorts[i]);
        (void)snprintf(text, sizeof text, "test_streaming_delta_tables/checkpoints/%s", sorts[i]);
        assert_string_equal(table->checkpoints, text);
    }
}

/* Streams of any other owner: each in a table of its own, whatever the partition key. */
static void test_streams_of_others(void **state)
{
    (void)state;
    static const char *const sorts[] = {"pin", "geo", "user"};
    struct pn_arena arena;
    pn_arena_init(&arena, 0);
    for (size_t i = 0; i < 3; i++) {
        const struct pn_pipeline_stream *made = NULL;
        char name[64];
        char text[80];
        (void)snprintf(name, sizeof name, "streaming-0e3bbd435bfb-%s", sorts[i]);
        assert_null(pn_pipeline_stream_pattern(pipeline, name));
        (void)snprintf(name, sizeof name, "streaming-0a1b2c3d4e5f-%s", sorts[i]);
        const struct pn_pipeline_stream *pattern = pn_pipeline_stream_pattern(pipeline, name);
        assert_non_null(pattern);
        assert_int_equal(pn_pipeline_make_stream(pipeline, pattern, name, &arena, &made, &err), 0);
        assert_int_equal(made->shards, 2);
        assert_int_equal(made->retention_hours, 24);
        assert_int_equal(made->start, PN_START_TRIM_HORIZON);
        assert_int_equal(made->flow_count, 1);
        assert_null(made->flows[0].partition_key);
        assert_string_equal(made->flows[0].table->like->name, sorts[i]);
        (void)snprintf(text, sizeof text, "test_streaming_delta_tables/0a1b2c3d4e5f_%s_table",
                       sorts[i]);
        assert_string_equal(made->flows[0].table->path, text);
    }
    pn_arena_deinit(&arena);
}

static void test_dag(void **state)
{
    (void)state;
    const struct pn_dag *dag = pn_pipeline_dag(pipeline, "batch_processing_dag");
    static const char *const tasks[][2] = {
        {"mount_s3_bucket", NULL},
        {"load_data_from_S3_and_save_as_delta_tables", "mount_s3_bucket"},
        {"clean_geo_data_and_save_as_delta_table", "load_data_from_S3_and_save_as_delta_tables"},
        {"clean_pin_data_and_save_as_delta_table", "load_data_from_S3_and_save_as_delta_tables"},
        {"clean_user_data_and_save_as_delta_table", "load_data_from_S3_and_save_as_delta_tables"}};
    assert_non_null(dag);
    assert_int_equal(dag->task_count, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct pn_task *task = &dag->tasks[i];
        assert_string_equal(task->name, tasks[i][0]);
        assert_int_equal(task->retries, 4);
        assert_int_equal(task->retry_delay_ms, 60000);
        assert_int_equal(task->after_count, tasks[i][1] != NULL);
        if (tasks[i][1] != NULL) {
            assert_string_equal(task->after[0]->name, tasks[i][1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tables, load_shipped, unload),
        cmocka_unit_test_setup_teardown(test_topics, load_shipped, unload),
        cmocka_unit_test_setup_teardown(test_streams, load_shipped, unload),
        cmocka_unit_test_setup_teardown(test_streams_of_others, load_shipped, unload),
        cmocka_unit_test_setup_teardown(test_dag, load_shipped, unload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
