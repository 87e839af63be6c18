/* A command's way to the topics: a server's API, or the log. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "cli/topic.h"
#include "log/member.h"
#include "log/public.h"
#include "server/stations.h"

enum {
    TIMEOUT_MS = 30000,
    ANSWER_BYTES_MAX = 128 << 20,
    REQUEST_BYTES_MAX = 64 << 20,
    READ_BYTES_MAX = 4 << 20
};

static int open_log(struct pn_topic_client *client, enum pn_cli_deed deed, struct pn_err *e)
{
    struct pn_cli *cli = client->cli;
    bool is_ours = false;
    int rc = deed == PN_CLI_MAKES ? 0 : pn_cli_check_folder(cli, e);
    if (rc == 0) {
        rc = pn_cli_app(cli, &client->app, e);
    }
    if (rc == 0) {
        rc = deed == PN_CLI_LOOKS ? pn_app_open_log_there(client->app, &is_ours, &client->log, e)
                                  : pn_app_open_log(client->app, &client->log, e);
    }
    if (rc == 0) {
        client->topics = pn_log_public_create(client->log);
    }
    return rc;
}

int pn_topic_client_open(struct pn_cli *cli, enum pn_cli_deed deed, struct pn_topic_client *client,
                         struct pn_err *e)
{
    *client = (struct pn_topic_client){.cli = cli, .parser = pn_json_parser_create()};
    pn_arena_init(&client->arena, 0);
    pn_buf_init(&client->answer, ANSWER_BYTES_MAX);
    int rc = pn_cli_server_url(cli, &client->url, e);
    if (rc == 0 && client->url != NULL) {
        const struct pn_http_client_config config = {
            .url = client->url, .timeout_ms = TIMEOUT_MS, .api_key = pn_http_client_key()};
        client->http = pn_http_client_create(&config);
        pn_cli_note_folder(cli);
    } else if (rc == 0) {
        rc = open_log(client, deed, e);
    }
    return rc;
}

int pn_topic_client_finish(struct pn_topic_client *client, int rc, const struct pn_err *failure)
{
    int status = rc == 0 ? PN_EXIT_OK : pn_cli_fail(client->cli, failure);
    pn_http_client_destroy(&client->http);
    pn_log_destroy(&client->topics);
    pn_log_destroy(&client->log);
    pn_json_parser_destroy(&client->parser);
    pn_buf_deinit(&client->answer);
    pn_arena_deinit(&client->arena);
    free(client->url);
    return status;
}

/* --- calls of a server ------------------------------------------------------------------------ */

/* What the server says is wrong, as the log itself would say it. */
static int refuse(struct pn_topic_client *client, long status, const struct pn_json *root,
                  struct pn_err *e)
{
    const char *text = pn_buf_text(&client->answer);
    size_t len = client->answer.len;
    enum pn_class class_ = status == 404   ? PN_CLASS_MISSING
                           : status == 409 ? PN_CLASS_CONFLICT
                           : status >= 500 ? PN_CLASS_RETRY
                                           : PN_CLASS_INPUT;
    if (!pn_json_get_text(pn_json_get(root, "error"), "message", &text, &len)) {
        (void)pn_json_get_text(root, "message", &text, &len);
    }
    return pn_err_set(e, class_, PN_FAIL, "%.*s%s", (int)(len < 400 ? len : 400), text,
                      pn_http_client_key_advice(status));
}

/* *root is good until the next call; NULL where the server says no more than that it is done. */
static int call(struct pn_topic_client *client, const char *method, const char *path,
                const char *json, const struct pn_json **root, struct pn_err *e)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    const struct pn_http_client_request request = {.method = method,
                                                   .path = path,
                                                   .headers = headers,
                                                   .body = json,
                                                   .body_len = json != NULL ? strlen(json) : 0};
    struct pn_json *parsed = NULL;
    struct pn_err parsing = {0};
    long status = 0;
    pn_buf_reset(&client->answer);
    int rc = pn_http_client_send(client->http, &request, &status, &client->answer, e);
    size_t len = client->answer.len;
    if (rc != 0) {
        return rc;
    }
    if (len > 0) {
        rc = pn_json_parse(client->parser, pn_buf_text(&client->answer), len, len, &parsed,
                           &parsing);
    }
    if (status < 200 || status > 299) {
        return refuse(client, status, parsed, e);
    }
    if (rc != 0) {
        return pn_err_fatal(e, "the server at %s is not pinion, or is an incompatible version: %s",
                            client->url, parsing.msg);
    }
    *root = parsed;
    return 0;
}

/* "/api/v1/topics/<topic><more>"; a topic's name needs no escapes. */
static int path_of(struct pn_topic_client *client, const char *topic, const char *more,
                   const char **path, struct pn_err *e)
{
    if (!pn_topic_name_valid(topic, strlen(topic), e)) {
        return PN_FAIL;
    }
    *path = pn_arena_printf(&client->arena, "/api/v1/topics/%s%s", topic, more);
    return 0;
}

static void add_config(struct pn_json_writer *json, const struct pn_log_topic_config *config)
{
    const struct {
        const char *name;
        int64_t value;
    } members[] = {{"partitions", config->partitions},
                   {"retention_ms", config->retention_ms},
                   {"retention_bytes", config->retention_bytes},
                   {"record_bytes_max", config->record_bytes_max}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (members[i].value != 0) {
            pn_json_add_i64(json, members[i].name, members[i].value);
        }
    }
}

static int send_config(struct pn_topic_client *client, const char *method, const char *topic,
                       const struct pn_log_topic_config *config, struct pn_err *e)
{
    const struct pn_json *root = NULL;
    const char *path = NULL;
    struct pn_buf body;
    struct pn_json_writer json;
    pn_buf_init(&body, REQUEST_BYTES_MAX);
    pn_json_writer_init(&json, &body);
    pn_json_put_object(&json);
    add_config(&json, config);
    pn_json_end(&json);
    int rc = path_of(client, topic, "", &path, e);
    if (rc == 0) {
        rc = call(client, method, path, pn_buf_text(&body), &root, e);
    }
    pn_buf_deinit(&body);
    return rc;
}

/* Adds what to do about a topic that is missing, or there already. */
static int advise(int rc, struct pn_err *e)
{
    if (rc != 0 && (e->class_ == PN_CLASS_MISSING || e->class_ == PN_CLASS_CONFLICT)) {
        const struct pn_err said = *e;
        (void)pn_err_set(e, said.class_, rc, "%s%s", said.msg,
                         said.class_ == PN_CLASS_MISSING
                             ? ": `pinion topic list` shows those there are"
                             : ": `pinion topic alter` changes it");
    }
    return rc;
}

/* --- topics ----------------------------------------------------------------------------------- */

int pn_topic_client_list(struct pn_topic_client *client, struct pn_topic_row **rows, size_t *count,
                         struct pn_err *e)
{
    const struct pn_json *root = NULL;
    int rc = 0;
    if (client->url == NULL) {
        rc = pn_topics_list(client->topics, client->app->pipeline, &client->arena, rows, count, e);
        if (rc == 0 && client->app->settings->log.url[0] == '\0') {
            pn_topics_time(client->topics, *rows, *count);
        }
        return rc;
    }
    rc = call(client, "GET", "/api/v1/topics?times=true", NULL, &root, e);
    return rc != 0 ? rc : pn_topics_read(root, &client->arena, rows, count, e);
}

int pn_topic_client_look(struct pn_topic_client *client, const char *topic, struct pn_arena *arena,
                         struct pn_topic_detail *detail, struct pn_err *e)
{
    const struct pn_json *root = NULL;
    const char *path = NULL;
    int rc = path_of(client, topic, "", &path, e);
    if (rc == 0 && client->url == NULL) {
        return advise(pn_topic_look(client->topics, topic, arena, detail, e), e);
    }
    if (rc == 0) {
        rc = advise(call(client, "GET", path, NULL, &root, e), e);
    }
    return rc != 0 ? rc : pn_topic_read_detail(root, arena, detail, e);
}

int pn_topic_client_create(struct pn_topic_client *client, const char *topic,
                           const struct pn_log_topic_config *config, struct pn_err *e)
{
    int rc = client->url != NULL ? send_config(client, "POST", topic, config, e)
                                 : pn_log_create_topic(client->topics, topic, config, e);
    return advise(rc, e);
}

int pn_topic_client_alter(struct pn_topic_client *client, const char *topic,
                          const struct pn_log_topic_config *config, struct pn_err *e)
{
    int rc = client->url != NULL ? send_config(client, "PATCH", topic, config, e)
                                 : pn_log_configure_topic(client->topics, topic, config, e);
    return advise(rc, e);
}

int pn_topic_client_delete(struct pn_topic_client *client, const char *topic, struct pn_err *e)
{
    const struct pn_json *root = NULL;
    const char *path = NULL;
    if (client->url == NULL) {
        return pn_log_delete_topic(client->topics, topic, e);
    }
    int rc = path_of(client, topic, "", &path, e);
    return rc != 0 ? rc : call(client, "DELETE", path, NULL, &root, e);
}

/* Of the folder: what the groups committed, since nobody else has consumers of it open. */
static int open_consumers(struct pn_topic_client *client,
                          struct pn_kafka_rest_consumers **consumers, struct pn_err *e)
{
    char *folder = pn_app_path(client->app, "consumers");
    const struct pn_kafka_rest_consumers_config config = {
        .folder = folder,
        .log = client->topics,
        .io = client->app->io,
        .clock = client->app->clock,
        .instances_max = 1,
    };
    int rc = pn_kafka_rest_consumers_create(&config, consumers, e);
    free(folder);
    return rc;
}

static int list_groups(struct pn_topic_client *client, const char *topic, struct pn_arena *arena,
                       struct pn_group_row **rows, size_t *count, struct pn_err *e)
{
    struct pn_kafka_rest_consumers *consumers = NULL;
    struct pn_kafka_rest_group_place *places = NULL;
    size_t place_count = 0;
    int rc = pn_log_has_groups(client->log) ? 0 : open_consumers(client, &consumers, e);
    if (rc == 0) {
        rc = advise(
            pn_groups_places(client->topics, consumers, topic, arena, &places, &place_count, e), e);
    }
    if (rc == 0) {
        rc = pn_groups_list(client->topics, topic, places, place_count, arena, rows, count, e);
    }
    pn_kafka_rest_consumers_destroy(&consumers);
    return rc;
}

int pn_topic_client_groups(struct pn_topic_client *client, const char *topic,
                           struct pn_arena *arena, struct pn_group_row **rows, size_t *count,
                           struct pn_err *e)
{
    const struct pn_json *root = NULL;
    const char *path = NULL;
    int rc = path_of(client, topic, "/groups", &path, e);
    if (rc == 0 && client->url == NULL) {
        return list_groups(client, topic, arena, rows, count, e);
    }
    if (rc == 0) {
        rc = advise(call(client, "GET", path, NULL, &root, e), e);
    }
    return rc != 0 ? rc : pn_groups_read(root, topic, arena, rows, count, e);
}

/* --- records ---------------------------------------------------------------------------------- */

/* As pn_records_from_parse() takes it. */
static const char *from_text(struct pn_arena *arena, const struct pn_records_from *from)
{
    char time[PN_ISO8601_SIZE];
    switch (from->at) {
    case PN_RECORDS_NEWEST:
        return "newest";
    case PN_RECORDS_OLDEST:
        return "oldest";
    case PN_RECORDS_OFFSET:
        return pn_arena_printf(arena, "%" PRId64, from->value);
    case PN_RECORDS_TIME:
        break;
    }
    return pn_arena_strdup(arena, pn_iso8601(from->value, time));
}

static int take_records(const struct pn_json *root, struct pn_arena *arena,
                        struct pn_topic_read *read, struct pn_err *e)
{
    const struct pn_json *records = pn_json_get(root, "records");
    const char *damage = NULL;
    size_t damage_len = 0;
    if (records == NULL || records->type != PN_JSON_ARRAY) {
        return pn_err_fatal(e, "the server is not pinion, or is an incompatible version");
    }
    *read = (struct pn_topic_read){.next = pn_report_read_wide(root, "next")};
    if (pn_json_get_text(root, "damage", &damage, &damage_len)) {
        read->damage = pn_arena_strndup(arena, damage, damage_len);
    }
    read->records = pn_arena_calloc(arena, records->count, sizeof *read->records);
    int rc = 0;
    for (const struct pn_json *row = records->first; rc == 0 && row != NULL; row = row->next) {
        struct pn_record *record = &read->records[read->count++];
        rc = pn_record_read(row, arena, record, e);
        record->offset = pn_report_read_wide(row, "offset");
        record->timestamp_ms = pn_json_get_i64(row, "time_ms", 0);
    }
    return rc;
}

static int read_log(struct pn_topic_client *client, const char *topic, int32_t partition,
                    const struct pn_records_from *from, size_t limit, struct pn_arena *arena,
                    struct pn_topic_read *read, struct pn_err *e)
{
    int64_t offset = 0;
    struct pn_log_records records = {0};
    struct pn_err failure = {0};
    int rc = pn_records_find(client->topics, topic, partition, from, &offset, e);
    if (rc != 0) {
        return rc;
    }
    rc = pn_log_read(client->topics, topic, partition, offset, limit, READ_BYTES_MAX, arena,
                     &records, &failure);
    *read = (struct pn_topic_read){
        .records = records.records, .count = records.count, .next = records.next_offset};
    if (rc != 0 && failure.class_ == PN_CLASS_CORRUPT && records.next_offset > offset) {
        *read = (struct pn_topic_read){.next = records.next_offset,
                                       .damage = pn_arena_strdup(arena, failure.msg)};
        return 0;
    }
    pn_err_copy(e, rc != 0 ? &failure : NULL);
    return rc;
}

int pn_topic_client_read(struct pn_topic_client *client, const char *topic, int32_t partition,
                         const struct pn_records_from *from, size_t limit, struct pn_arena *arena,
                         struct pn_topic_read *read, struct pn_err *e)
{
    const struct pn_json *root = NULL;
    if (client->url == NULL) {
        return read_log(client, topic, partition, from, limit, arena, read, e);
    }
    const char *path =
        pn_arena_printf(arena, "/api/v1/topics/%s/records?partition=%d&limit=%zu&from=%s", topic,
                        (int)partition, limit, from_text(arena, from));
    int rc = call(client, "GET", path, NULL, &root, e);
    return rc != 0 ? rc : take_records(root, arena, read, e);
}

static void put_bytes(struct pn_json_writer *json, const char *key, const char *encoding_key,
                      struct pn_bytes bytes)
{
    if (bytes.data != NULL) {
        pn_json_put_key(json, key);
        pn_json_put_base64(json, bytes.data, bytes.len);
        pn_json_add_cstr(json, encoding_key, "base64");
    }
}

static void put_entry(struct pn_json_writer *json, const struct pn_log_entry *entry)
{
    const struct pn_record *record = &entry->record;
    pn_json_put_object(json);
    put_bytes(json, "key", "key_encoding", record->key);
    put_bytes(json, "value", "encoding", record->value);
    if (entry->partition != PN_PARTITION_ANY) {
        pn_json_add_i64(json, "partition", entry->partition);
    }
    pn_json_add_array(json, "headers");
    for (size_t i = 0; i < record->header_count; i++) {
        const struct pn_record_header *header = &record->headers[i];
        pn_json_put_object(json);
        pn_json_add_string(json, "name", header->name.data, header->name.len);
        put_bytes(json, "value", "encoding", header->value);
        pn_json_end(json);
    }
    pn_json_end(json);
    pn_json_end(json);
}

int pn_topic_client_produce(struct pn_topic_client *client, const char *topic,
                            struct pn_log_entry *entries, size_t count, struct pn_err *e)
{
    if (client->url == NULL) {
        struct pn_log_request request = {.topic = topic, .entries = entries, .count = count};
        return pn_log_append(client->topics, &request, e);
    }
    const struct pn_json *root = NULL;
    const char *path = NULL;
    struct pn_buf body;
    struct pn_json_writer json;
    pn_buf_init(&body, REQUEST_BYTES_MAX);
    pn_json_writer_init(&json, &body);
    pn_json_put_object(&json);
    pn_json_add_array(&json, "records");
    for (size_t i = 0; i < count; i++) {
        put_entry(&json, &entries[i]);
    }
    pn_json_end(&json);
    pn_json_end(&json);
    int rc = pn_json_writer_check(&json, "a request", e);
    if (rc == 0) {
        rc = path_of(client, topic, "/records", &path, e);
    }
    if (rc == 0) {
        rc = call(client, "POST", path, pn_buf_text(&body), &root, e);
    }
    pn_buf_deinit(&body);
    return rc;
}
