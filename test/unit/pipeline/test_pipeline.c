#include "pipelines.h"

#include <unistd.h>

#include "base/mem.h"

static const char two_steps[] =
    "# a comment\n"
    "name: shop\n"
    "description: orders and what they come to\n"
    "topics:\n"
    "  shop.orders: {partitions: 3, retention: 7d, retention_bytes: 1GiB}\n"
    "  shop.visits:\n"
    "  shop.kept: {retention: forever, retention_bytes: unlimited}\n"
    "sink: {topics_dir: landed, dead_letters_dir: refused}\n"
    "dead_letters: tables/refused\n"
    "tables:\n"
    "  daily:\n"
    "    path: tables/daily\n"
    "    sql: sql/daily.sql\n"
    "    reads: [orders, raw_visits]\n"
    "    columns: {day: date, sum: double, paid: boolean, at: timestamp, n: int}\n"
    "  orders:\n"
    "    path: tables/orders\n"
    "    sql: sql/orders.sql\n"
    "    reads:\n"
    "      - raw_orders\n"
    "    key: id\n"
    "    columns:\n"
    "      id: bigint\n"
    "      place: 'struct<lat double, lon: double, more struct<a string>>'\n"
    "  raw_orders:\n"
    "    path: tables/raw/orders\n"
    "    from_topic: shop.orders\n"
    "    unknown_keys: keep\n"
    "    columns:\n"
    "      id: {type: bigint, required: true, aliases: [order_id, \"order id\"]}\n"
    "      at: {type: string, unwrap: $date}\n"
    "  raw_visits:\n"
    "    path: tables/raw/visits\n"
    "    from_topic: shop.visits\n"
    "    unknown_keys: reject\n"
    "    columns: {id: bigint}\n"
    "dags:\n"
    "  nightly:\n"
    "    description: all of it\n"
    "    retries: 2\n"
    "    retry_delay: 30s\n"
    "    timeout: 1h\n"
    "    parallelism: 8\n"
    "    active_runs_max: 3\n"
    "    tasks:\n"
    "      sum: {run: transform, tables: [orders, daily], after: [load], timeout: 0}\n"
    "      tell: {run: command, command: \"echo done\", after: [sum, look], retries: 0}\n"
    "      load: {run: load, tables: [raw_visits, raw_orders], after: [look], retry_delay: 1s}\n"
    "      look: {run: check_store}\n"
    "  plain:\n"
    "    tasks: {look: {run: check_store}}\n"
    "settings:\n"
    "  log: {durability: os}\n";

static struct pn_pipeline *load_two_steps(void)
{
    write_text("sql/daily.sql", "SELECT 1");
    write_text("sql/orders.sql", "-- orders\nSELECT 2");
    write_text("queries/b.sql", "-- The best.  \r\n-- More.\nSELECT 3");
    write_text("queries/a-b.sql", "\n--Without a space\nSELECT 4");
    write_text("queries/a.sql", "SELECT 5");
    write_text("queries/notes.txt", "no query");
    write_text("queries/.a.sql", "an editor's");
    write_text("prelude/duckdb.sql", "CREATE MACRO f(x) AS x;");
    return load(two_steps);
}

static void test_head_and_topics(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load_two_steps();
    assert_string_equal(pipeline->name, "shop");
    assert_string_equal(pipeline->description, "orders and what they come to");
    assert_string_equal(pipeline->folder, folder);
    assert_string_equal(pipeline->topics_dir, "landed");
    assert_string_equal(pipeline->dead_letters_dir, "refused");
    assert_string_equal(pipeline->dead_letters_path, "tables/refused");
    assert_int_equal(pipeline->topic_count, 3);
    assert_string_equal(pipeline->topics[0].name, "shop.orders");
    assert_int_equal(pipeline->topics[0].partitions, 3);
    assert_int_equal(pipeline->topics[0].retention_ms, 7 * 86400000);
    assert_int_equal(pipeline->topics[0].retention_bytes, 1 << 30);
    assert_int_equal(pipeline->topics[1].partitions, 1);
    assert_int_equal(pipeline->topics[1].retention_ms, 0);
    assert_int_equal(pipeline->topics[1].retention_bytes, 0);
    assert_int_equal(pipeline->topics[2].retention_ms, -1);
    assert_int_equal(pipeline->topics[2].retention_bytes, -1);
    pn_pipeline_destroy(&pipeline);
    assert_null(pipeline);
    pn_pipeline_destroy(&pipeline);
}

static void test_defaults(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load("name: x\n");
    assert_string_equal(pipeline->description, "");
    assert_string_equal(pipeline->topics_dir, "topics");
    assert_string_equal(pipeline->dead_letters_dir, "dead_letters");
    assert_string_equal(pipeline->dead_letters_path, "delta_tables/dead_letters");
    assert_string_equal(pipeline->prelude_duckdb, "");
    assert_int_equal(pipeline->topic_count, 0);
    assert_int_equal(pipeline->table_count, 0);
    assert_int_equal(pipeline->query_count, 0);
    assert_int_equal(pipeline->dag_count, 0);
    assert_null(pn_pipeline_table(pipeline, "x"));
    assert_null(pn_pipeline_query(pipeline, "x"));
    assert_null(pn_pipeline_dag(pipeline, "x"));
    pn_pipeline_destroy(&pipeline);
}

static void test_tables_come_behind_what_they_read(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load_two_steps();
    const char *const order[] = {"raw_orders", "orders", "raw_visits", "daily"};
    assert_int_equal(pipeline->table_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(pipeline->tables[i].name, order[i]);
    }
    const struct pn_table *daily = pn_pipeline_table(pipeline, "daily");
    assert_int_equal(daily->read_count, 2);
    assert_ptr_equal(daily->reads[0], pn_pipeline_table(pipeline, "orders"));
    assert_ptr_equal(daily->reads[1], pn_pipeline_table(pipeline, "raw_visits"));
    assert_string_equal(daily->sql, "SELECT 1");
    assert_null(daily->from_topic);
    assert_null(daily->key_column);
    char file[128];
    (void)snprintf(file, sizeof file, "%s/sql/daily.sql", folder);
    assert_string_equal(daily->sql_file, file);
    pn_pipeline_destroy(&pipeline);
}

/* The definition of the DAG `nightly` when a part of the text is another one. */
static char *nightly_with(const char *old, const char *new)
{
    char *text = pn_xstrdup(two_steps);
    char *at = strstr(text, old);
    assert_non_null(at);
    char *changed = pn_xasprintf("%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    struct pn_pipeline *pipeline = load(changed);
    char *definition = pn_xstrdup(pn_pipeline_dag(pipeline, "nightly")->definition);
    pn_pipeline_destroy(&pipeline);
    free(changed);
    free(text);
    return definition;
}

static void test_a_definition_is_all_that_a_dag_is_made_of(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load_two_steps();
    assert_string_equal(pn_pipeline_dag(pipeline, "plain")->definition,
                        "dags:\n  plain:\n    tasks:\n      look:\n        run: check_store\n");
    char *nightly = pn_xstrdup(pn_pipeline_dag(pipeline, "nightly")->definition);
    pn_pipeline_destroy(&pipeline);
    assert_non_null(strstr(nightly, "      tell:\n        run: command\n"
                                    "        command: \"echo done\"\n"
                                    "        after:\n          - sum\n          - look\n"));
    assert_non_null(strstr(nightly, "tables:\n  daily:\n    path: tables/daily\n"));
    assert_non_null(strstr(nightly, "\n# sql/orders.sql\n-- orders\nSELECT 2\n"));
    assert_non_null(strstr(nightly, "\n# prelude/duckdb.sql\nCREATE MACRO"));
    static const struct {
        const char *old;
        const char *new;
        bool changes;
    } cases[] = {
        {"# a comment", "# another\n\n", false},
        {"  nightly:\n", "  # of it\n  nightly: # here\n", false},
        {"{run: check_store}\n  plain:", "{ run:  check_store }\n\n  plain:", false},
        {"  plain:\n", "  plain:\n    retries: 3\n", false},
        {"dags:\n", "dags:\n  early: {tasks: {a: {run: check_store}}}\n", false},
        {"durability: os", "durability: fsync", false},
        {"partitions: 3", "partitions: 4", false},
        {"retries: 2", "retries: 4", true},
        {"parallelism: 8", "parallelism: 8\n    schedule: '@daily'", true},
        {"echo done", "echo over", true},
        {"sum: double", "sum: double, more: int", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *changed = nightly_with(cases[i].old, cases[i].new);
        if ((strcmp(changed, nightly) != 0) != cases[i].changes) {
            fail_msg("%s -> %s:\n%s", cases[i].old, cases[i].new, changed);
        }
        free(changed);
    }
    write_text("sql/daily.sql", "SELECT 11");
    char *changed = nightly_with("name: shop", "name: shop");
    assert_string_not_equal(changed, nightly);
    free(changed);
    free(nightly);
}

/* What an alias stands for belongs to the DAG that has it; and texts come back as they were. */
static void test_a_definition_is_yaml_with_aliases_resolved(void **state)
{
    (void)state;
    static const char text[] =
        "name: x\n"
        "pools: {few: 2, many: 9}\n"
        "dags:\n"
        "  one: {retries: &n %d, tasks: {a: {run: check_store}}}\n"
        "  two:\n"
        "    retries: *n\n"
        "    tasks:\n"
        "      a:\n"
        "        run: command\n"
        "        pool: few\n"
        "        command: |\n"
        "          echo \"x: y\" # no comment\n"
        "\n"
        "            echo deeper\n"
        "      b: {run: command, command: \"tab\\there\\n\\n\", after: []}\n";
    char *definitions[2];
    for (int i = 0; i < 2; i++) {
        char *made = pn_xasprintf(text, i + 1);
        struct pn_pipeline *pipeline = load(made);
        const struct pn_dag *two = pn_pipeline_dag(pipeline, "two");
        definitions[i] = pn_xstrdup(two->definition);
        char *again = pn_xasprintf("name: x\n%s", definitions[i]);
        struct pn_pipeline *parsed = load(again);
        assert_string_equal(pn_pipeline_dag(parsed, "two")->definition, definitions[i]);
        for (size_t t = 0; t < two->task_count; t++) {
            assert_string_equal(pn_pipeline_dag(parsed, "two")->tasks[t].command,
                                two->tasks[t].command);
        }
        pn_pipeline_destroy(&parsed);
        pn_pipeline_destroy(&pipeline);
        free(again);
        free(made);
    }
    assert_non_null(strstr(definitions[0], "pools:\n  few: 2\n"));
    assert_null(strstr(definitions[0], "many"));
    assert_string_not_equal(definitions[0], definitions[1]);
    free(definitions[0]);
    free(definitions[1]);
}

static const char streamed[] =
    "name: x\n"
    "topics: {t: {}}\n"
    "streams:\n"
    "  one:\n"
    "  two: {shards: 3, retention: 7d, start: trim_horizon, table: all}\n"
    "  three:\n"
    "    start: 2026-11-23T15:44:43Z\n"
    "    tables: {'1': some, b: some}\n"
    "stream_dead_letters: live/refused\n"
    "tables:\n"
    "  all: {path: live/all, like: clean, checkpoints: live/marks/all}\n"
    "  some: {path: live/some, like: clean, checkpoints: live/marks/some}\n"
    "  clean:\n"
    "    path: clean\n"
    "    sql: clean.sql\n"
    "    reads: [raw]\n"
    "    key: id\n"
    "    columns: {id: bigint, b: string}\n"
    "  raw: {path: raw, from_topic: t, columns: {id: bigint}}\n";

static void test_streams(void **state)
{
    (void)state;
    write_text("clean.sql", "SELECT 1");
    struct pn_pipeline *pipeline = load(streamed);
    assert_string_equal(pipeline->stream_dead_letters_path, "live/refused");
    const struct pn_table *clean = pn_pipeline_table(pipeline, "clean");
    const struct pn_table *some = pn_pipeline_table(pipeline, "some");
    assert_ptr_equal(some->like, clean);
    assert_ptr_equal(some->columns, clean->columns);
    assert_int_equal(some->column_count, 2);
    assert_string_equal(some->key_column, "id");
    assert_string_equal(some->checkpoints, "live/marks/some");
    assert_null(some->from_topic);
    assert_null(some->sql);
    assert_null(clean->like);
    assert_int_equal(pipeline->stream_count, 3);
    const struct pn_pipeline_stream *one = pn_pipeline_stream(pipeline, "one");
    assert_int_equal(one->shards, 1);
    assert_int_equal(one->retention_hours, 24);
    assert_int_equal(one->start, PN_START_LATEST);
    assert_int_equal(one->flow_count, 0);
    const struct pn_pipeline_stream *two = pn_pipeline_stream(pipeline, "two");
    assert_int_equal(two->shards, 3);
    assert_int_equal(two->retention_hours, 168);
    assert_int_equal(two->start, PN_START_TRIM_HORIZON);
    assert_int_equal(two->flow_count, 1);
    assert_null(two->flows[0].partition_key);
    assert_string_equal(two->flows[0].table->name, "all");
    const struct pn_pipeline_stream *three = pn_pipeline_stream(pipeline, "three");
    assert_int_equal(three->start, PN_START_TIMESTAMP);
    assert_int_equal(three->start_ms, INT64_C(1795448683000));
    assert_int_equal(three->flow_count, 2);
    assert_string_equal(three->flows[0].partition_key, "1");
    assert_ptr_equal(three->flows[1].table, some);
    assert_null(pn_pipeline_stream(pipeline, "four"));
    pn_pipeline_destroy(&pipeline);
}

static void test_columns(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load_two_steps();
    const struct pn_table *raw = pn_pipeline_table(pipeline, "raw_orders");
    assert_string_equal(raw->from_topic, "shop.orders");
    assert_string_equal(raw->path, "tables/raw/orders");
    assert_null(raw->sql);
    assert_null(raw->sql_file);
    assert_int_equal(raw->unknown_keys, PN_UNKNOWN_KEEP);
    assert_int_equal(raw->column_count, 2);
    assert_string_equal(raw->columns[0].name, "id");
    assert_true(raw->columns[0].required);
    assert_int_equal(raw->columns[0].type.kind, PN_TYPE_BIGINT);
    assert_int_equal(raw->columns[0].alias_count, 2);
    assert_string_equal(raw->columns[0].aliases[0], "order_id");
    assert_string_equal(raw->columns[0].aliases[1], "order id");
    assert_null(raw->columns[0].unwrap);
    assert_false(raw->columns[1].required);
    assert_string_equal(raw->columns[1].unwrap, "$date");
    assert_int_equal(pn_pipeline_table(pipeline, "raw_visits")->unknown_keys, PN_UNKNOWN_REJECT);
    const struct pn_table *orders = pn_pipeline_table(pipeline, "orders");
    assert_string_equal(orders->key_column, "id");
    const struct pn_type *place = &orders->columns[1].type;
    assert_int_equal(place->kind, PN_TYPE_STRUCT);
    assert_int_equal(place->field_count, 3);
    assert_string_equal(place->fields[1].name, "lon");
    assert_int_equal(place->fields[2].type.kind, PN_TYPE_STRUCT);
    pn_pipeline_destroy(&pipeline);
}

static void check_text(struct pn_buf *out, const char *expected)
{
    assert_string_equal(pn_buf_text(out), expected);
    pn_buf_reset(out);
}

static void test_types_in_sql_and_delta(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load_two_steps();
    const struct pn_table *orders = pn_pipeline_table(pipeline, "orders");
    struct pn_buf out;
    pn_buf_init(&out, 4096);
    pn_type_sql(&orders->columns[1].type, &out);
    check_text(&out, "STRUCT(\"lat\" DOUBLE, \"lon\" DOUBLE, \"more\" STRUCT(\"a\" VARCHAR))");
    pn_type_name(&orders->columns[1].type, &out);
    check_text(&out, "struct<lat double, lon double, more struct<a string>>");
    const struct pn_table *daily = pn_pipeline_table(pipeline, "daily");
    for (size_t i = 0; i < daily->column_count; i++) {
        pn_type_sql(&daily->columns[i].type, &out);
        pn_buf_addc(&out, ' ');
        pn_type_delta(&daily->columns[i].type, &out);
        pn_buf_addc(&out, ';');
    }
    check_text(&out, "DATE \"date\";DOUBLE \"double\";BOOLEAN \"boolean\";"
                     "TIMESTAMP WITH TIME ZONE \"timestamp\";INTEGER \"integer\";");
    pn_table_delta_schema(orders, &out);
    check_text(&out, "{\"type\":\"struct\",\"fields\":["
                     "{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},"
                     "{\"name\":\"place\",\"type\":{\"type\":\"struct\",\"fields\":["
                     "{\"name\":\"lat\",\"type\":\"double\",\"nullable\":true,\"metadata\":{}},"
                     "{\"name\":\"lon\",\"type\":\"double\",\"nullable\":true,\"metadata\":{}},"
                     "{\"name\":\"more\",\"type\":{\"type\":\"struct\",\"fields\":["
                     "{\"name\":\"a\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]},"
                     "\"nullable\":true,\"metadata\":{}}]},\"nullable\":true,\"metadata\":{}}]}");
    pn_table_delta_schema(pn_pipeline_table(pipeline, "raw_orders"), &out);
    check_text(&out, "{\"type\":\"struct\",\"fields\":["
                     "{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},"
                     "{\"name\":\"at\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},"
                     "{\"name\":\"_unknown\",\"type\":\"string\",\"nullable\":true,"
                     "\"metadata\":{}}]}");
    pn_buf_deinit(&out);
    pn_pipeline_destroy(&pipeline);
}

static void test_types_by_their_names_in_delta(void **state)
{
    static const struct {
        const char *delta;
        const char *name;
        const char *sql;
    } cases[] = {
        {"string", "string", "VARCHAR"},
        {"long", "bigint", "BIGINT"},
        {"integer", "int", "INTEGER"},
        {"short", "smallint", "SMALLINT"},
        {"byte", "tinyint", "TINYINT"},
        {"double", "double", "DOUBLE"},
        {"float", "float", "FLOAT"},
        {"decimal(38,18)", "decimal(38,18)", "DECIMAL(38,18)"},
        {"decimal(1,0)", "decimal(1,0)", "DECIMAL(1,0)"},
        {"boolean", "boolean", "BOOLEAN"},
        {"timestamp", "timestamp", "TIMESTAMP WITH TIME ZONE"},
        {"date", "date", "DATE"},
        {"binary", "binary", "BLOB"},
    };
    static const char *const others[] = {
        "",       "bigint", "decimal",      "decimal()",     "decimal(39,1)", "decimal(10,2)x",
        "longer", "long ",  "decimal(1,2)", "timestamp_ntz", "variant",       "decimal(100,2)"};
    struct pn_buf out;
    struct pn_type type;
    (void)state;
    pn_buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = strlen(cases[i].delta);
        assert_true(pn_type_of_delta(cases[i].delta, len, &type));
        pn_type_name(&type, &out);
        check_text(&out, cases[i].name);
        pn_type_sql(&type, &out);
        check_text(&out, cases[i].sql);
        pn_type_delta(&type, &out);
        assert_int_equal(out.len, len + 2); /* quoted */
        assert_memory_equal(pn_buf_text(&out) + 1, cases[i].delta, len);
        pn_buf_reset(&out);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(pn_type_of_delta(others[i], strlen(others[i]), &type));
    }
    pn_buf_deinit(&out);
}

static void test_queries_and_preludes(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load_two_steps();
    assert_int_equal(pipeline->query_count, 3);
    assert_string_equal(pipeline->queries[0].name, "a");
    assert_string_equal(pipeline->queries[0].description, "");
    assert_string_equal(pipeline->queries[1].name, "a-b");
    assert_string_equal(pipeline->queries[1].description, "Without a space");
    assert_string_equal(pipeline->queries[2].name, "b");
    assert_string_equal(pipeline->queries[2].description, "The best.");
    assert_ptr_equal(pn_pipeline_query(pipeline, "b"), &pipeline->queries[2]);
    assert_string_equal(pipeline->prelude_duckdb, "CREATE MACRO f(x) AS x;");
    assert_string_equal(pipeline->prelude_spark, "");
    pn_pipeline_destroy(&pipeline);
}

static void test_dags(void **state)
{
    (void)state;
    struct pn_pipeline *pipeline = load_two_steps();
    assert_int_equal(pipeline->dag_count, 2);
    const struct pn_dag *dag = pn_pipeline_dag(pipeline, "nightly");
    assert_string_equal(dag->description, "all of it");
    assert_int_equal(dag->parallelism, 8);
    assert_int_equal(dag->active_runs_max, 3);
    const char *const order[] = {"look", "load", "sum", "tell"};
    assert_int_equal(dag->task_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(dag->tasks[i].name, order[i]);
    }
    const struct pn_task *load_task = pn_dag_task(dag, "load");
    assert_int_equal(load_task->kind, PN_TASK_LOAD);
    assert_int_equal(load_task->retries, 2);
    assert_int_equal(load_task->retry_delay_ms, 1000);
    assert_int_equal(load_task->timeout_ms, 3600000);
    assert_int_equal(load_task->table_count, 2);
    assert_ptr_equal(load_task->tables[0], pn_pipeline_table(pipeline, "raw_visits"));
    assert_ptr_equal(load_task->tables[1], pn_pipeline_table(pipeline, "raw_orders"));
    const struct pn_task *sum = pn_dag_task(dag, "sum");
    assert_int_equal(sum->kind, PN_TASK_TRANSFORM);
    assert_int_equal(sum->timeout_ms, 0);
    assert_int_equal(sum->retry_delay_ms, 30000);
    const struct pn_task *tell = pn_dag_task(dag, "tell");
    assert_int_equal(tell->kind, PN_TASK_COMMAND);
    assert_string_equal(tell->command, "echo done");
    assert_int_equal(tell->retries, 0);
    assert_int_equal(tell->after_count, 2);
    assert_ptr_equal(tell->after[0], sum);
    assert_ptr_equal(tell->after[1], pn_dag_task(dag, "look"));
    assert_null(pn_dag_task(dag, "nothing"));
    const struct pn_dag *plain = pn_pipeline_dag(pipeline, "plain");
    assert_int_equal(plain->parallelism, 4);
    assert_int_equal(plain->active_runs_max, 1);
    assert_int_equal(plain->tasks[0].retries, 0);
    assert_int_equal(plain->tasks[0].retry_delay_ms, 60000);
    assert_int_equal(plain->tasks[0].timeout_ms, 0);
    pn_pipeline_destroy(&pipeline);
}

static void test_aliases_stand_for_what_they_name(void **state)
{
    (void)state;
    write_text("c.sql", "SELECT 1");
    struct pn_pipeline *pipeline = load("name: x\n"
                                        "topics: {a: &one {partitions: 5}, b: *one}\n"
                                        "tables:\n"
                                        "  r:\n"
                                        "    path: r\n"
                                        "    from_topic: a\n"
                                        "    columns: &columns {id: bigint, name: string}\n"
                                        "  s: {path: s, from_topic: b, columns: *columns}\n");
    assert_int_equal(pipeline->topics[1].partitions, 5);
    assert_int_equal(pn_pipeline_table(pipeline, "s")->column_count, 2);
    assert_string_equal(pn_pipeline_table(pipeline, "s")->columns[1].name, "name");
    pn_pipeline_destroy(&pipeline);
}

static void test_the_folder_is_absolute(void **state)
{
    (void)state;
    char cwd[512];
    assert_non_null(getcwd(cwd, sizeof cwd));
    write_text("deeper/pipeline.yml", "name: x\n");
    assert_int_equal(chdir(folder), 0);
    struct pn_pipeline *pipeline = NULL;
    assert_int_equal(pn_pipeline_load("deeper//", pn_io_system(), &pipeline, &err), 0);
    char expected[128];
    (void)snprintf(expected, sizeof expected, "%s/deeper", folder);
    assert_string_equal(pipeline->folder, expected);
    assert_int_equal(chdir(cwd), 0);
    pn_pipeline_destroy(&pipeline);
    assert_int_not_equal(pn_pipeline_load("", pn_io_system(), &pipeline, &err), 0);
}

/* The example of docs/pipeline.md is the first block of YAML in it. */
static void test_the_manuals_example_loads(void **state)
{
    (void)state;
    struct pn_buf text;
    pn_buf_init(&text, 1 << 18);
    assert_int_equal(
        pn_io_read_file(pn_io_system(), PINION_SOURCE_DIR "/docs/pipeline.md", &text, &err), 0);
    char *yaml = strstr(text.data, "```yaml\n");
    assert_non_null(yaml);
    yaml += strlen("```yaml\n");
    char *end = strstr(yaml, "```");
    assert_non_null(end);
    *end = '\0';
    write_text("clean/orders.sql", "SELECT 1");
    write_text("clean/daily.sql", "SELECT 1");
    struct pn_pipeline *pipeline = load(yaml);
    assert_int_equal(pipeline->table_count, 4);
    assert_int_equal(pipeline->stream_count, 1);
    assert_int_equal(pipeline->dags[0].task_count, 4);
    pn_pipeline_destroy(&pipeline);
    pn_buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_head_and_topics, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_defaults, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_a_definition_is_all_that_a_dag_is_made_of,
                                        folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_a_definition_is_yaml_with_aliases_resolved,
                                        folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_tables_come_behind_what_they_read, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_streams, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_columns, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_types_in_sql_and_delta, folder_setup, folder_teardown),
        cmocka_unit_test(test_types_by_their_names_in_delta),
        cmocka_unit_test_setup_teardown(test_queries_and_preludes, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_dags, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_aliases_stand_for_what_they_name, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_the_folder_is_absolute, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_the_manuals_example_loads, folder_setup,
                                        folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
