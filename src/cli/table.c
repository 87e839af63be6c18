/* pinion table: what the Delta tables hold, and have held. */
#include "cli/table.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/time_text.h"
#include "cli/commands.h"
#include "report/row_writer.h"

enum { HISTORY_DEFAULT = 20, CELL_BYTES_MAX = 16 << 20 };

/* --- list ------------------------------------------------------------------------------------- */

/* A cell for a sum that only statistics can give. */
static void rows_cell(struct pn_row_writer *output, const struct pn_delta_snapshot *snapshot)
{
    int64_t rows = 0;
    for (size_t i = 0; i < snapshot->file_count; i++) {
        if (snapshot->files[i].num_records < 0) {
            pn_cell_null(output);
            return;
        }
        rows += snapshot->files[i].num_records;
    }
    pn_cell_int(output, rows);
}

static void print_missing(struct pn_row_writer *output)
{
    for (int i = 0; i < 5; i++) {
        pn_cell_null(output);
    }
}

static void print_state(struct pn_row_writer *output, const struct pn_delta_snapshot *snapshot)
{
    int64_t size_bytes = 0;
    for (size_t i = 0; i < snapshot->file_count; i++) {
        size_bytes += snapshot->files[i].size_bytes;
    }
    pn_cell_int(output, snapshot->version);
    pn_cell_time(output, snapshot->timestamp_ms);
    pn_cell_int(output, (int64_t)snapshot->file_count);
    rows_cell(output, snapshot);
    pn_cell_int(output, size_bytes);
}

/* A table that isn't there yet has empty cells; one that can't be read is told and passed over. */
static bool print_table(struct pn_table_session *session, struct pn_row_writer *output,
                        const char *name, const char *path)
{
    struct pn_delta *delta = pn_cli_table_handle(session, path);
    struct pn_delta_snapshot *snapshot = NULL;
    struct pn_err failure = {0};
    int rc = pn_delta_snapshot(delta, -1, &snapshot, &failure);
    bool told = rc != 0 && failure.class_ != PN_CLASS_MISSING;
    pn_cell_cstr(output, name);
    pn_cell_cstr(output, path);
    if (rc == 0) {
        print_state(output, snapshot);
    } else {
        print_missing(output);
    }
    if (told) {
        (void)pn_cli_fail(session->cli, &failure);
    }
    pn_delta_snapshot_destroy(&snapshot);
    pn_delta_destroy(&delta);
    return !told;
}

static int cmd_list(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_report_column columns[] = {
        {"table", PN_CELL_TEXT},     {"path", PN_CELL_TEXT}, {"version", PN_CELL_INT},
        {"committed", PN_CELL_TIME}, {"files", PN_CELL_INT}, {"rows", PN_CELL_INT},
        {"size_bytes", PN_CELL_INT}};
    const struct pn_syntax syntax = {
        .uses = PN_USES_FORMAT,
        .about = "Every table of the pipeline; one that was never written has only its name."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_table_session session;
    int rc = pn_cli_table_open(cli, NULL, &session, &failure);
    bool all = true;
    if (rc == 0) {
        struct pn_row_writer *output = pn_cli_rows(cli);
        PN_ROWS_BEGIN(output, columns);
        for (size_t i = 0; i < session.pipeline->table_count; i++) {
            const struct pn_table *table = &session.pipeline->tables[i];
            all = print_table(&session, output, table->name, table->path) && all;
        }
        all = print_table(&session, output, PN_TABLE_DEAD_LETTERS,
                          session.pipeline->dead_letters_path) &&
              all;
        if (session.pipeline->stream_count + session.pipeline->stream_pattern_count > 0) {
            all = print_table(&session, output, PN_TABLE_STREAM_DEAD_LETTERS,
                              session.pipeline->stream_dead_letters_path) &&
                  all;
        }
        pn_row_writer_end(&output);
    }
    status = pn_cli_table_finish(&session, rc, &failure);
    return all ? status : PN_EXIT_FAILED;
}

/* --- schema, files ---------------------------------------------------------------------------- */

/* The options of those that look at one version. */
struct version_opts {
    int64_t version;
    const char *at;
};

static int read_version(struct pn_table_session *session, const struct version_opts *wanted,
                        struct pn_err *e)
{
    if (wanted->at == NULL) {
        return pn_delta_snapshot(session->delta, wanted->version, &session->snapshot, e);
    }
    int64_t wall_ms = 0;
    if (!pn_time_parse_ms(wanted->at, &wall_ms)) {
        return pn_err_input(
            e,
            "--at takes a time such as 2026-11-23T15:44:43Z or 2026-11-23T15:44, or "
            "a day such as 2026-11-23, not '%s'",
            wanted->at);
    }
    return pn_delta_snapshot_at(session->delta, wall_ms, &session->snapshot, e);
}

/* Parses the options both share, opens the table and reads the version. */
static bool open_version(struct pn_cli *cli, const char *about, int argc, char **argv,
                         struct pn_table_session *session, int *status)
{
    struct version_opts wanted = {.version = -1};
    const struct pn_opt opts[] = {{.name = "version",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "as of version N (the latest)",
                                   .target = &wanted.version},
                                  {.name = "at",
                                   .kind = PN_OPT_STRING,
                                   .value = "TIME",
                                   .help = "as of a time, in ISO 8601; of a day, its start in UTC",
                                   .target = &wanted.at},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {.operands = "TABLE",
                                     .operands_min = 1,
                                     .operands_max = 1,
                                     .opts = opts,
                                     .uses = PN_USES_FORMAT,
                                     .about = about};
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, status)) {
        return false;
    }
    if (wanted.at != NULL && wanted.version >= 0) {
        *status = pn_cli_usage(cli, "--version and --at exclude each other");
        return false;
    }
    struct pn_err failure = {0};
    int rc = pn_cli_table_open(cli, argv[0], session, &failure);
    if (rc == 0) {
        rc = read_version(session, &wanted, &failure);
    }
    if (rc != 0) {
        *status = pn_cli_table_finish(session, rc, &failure);
    }
    return rc == 0;
}

/* A type as SQL has it: "long" stays, a struct is struct<name type, ...>. */
static void add_type(struct pn_buf *out, const struct pn_json *type)
{
    const struct pn_json *kind = pn_json_get(type, "type");
    if (type->type == PN_JSON_STRING) {
        pn_buf_add(out, type->text, type->text_len);
    } else if (pn_json_text_is(kind, "array")) {
        pn_buf_adds(out, "array<");
        add_type(out, pn_json_get(type, "elementType"));
        pn_buf_addc(out, '>');
    } else if (pn_json_text_is(kind, "map")) {
        pn_buf_adds(out, "map<");
        add_type(out, pn_json_get(type, "keyType"));
        pn_buf_adds(out, ", ");
        add_type(out, pn_json_get(type, "valueType"));
        pn_buf_addc(out, '>');
    } else {
        pn_buf_adds(out, "struct<");
        const struct pn_json *fields = pn_json_get(type, "fields");
        for (const struct pn_json *field = fields->first; field != NULL; field = field->next) {
            const struct pn_json *name = pn_json_get(field, "name");
            pn_buf_adds(out, field != fields->first ? ", " : "");
            pn_buf_add(out, name->text, name->text_len);
            pn_buf_addc(out, ' ');
            add_type(out, pn_json_get(field, "type"));
        }
        pn_buf_addc(out, '>');
    }
}

static bool is_partition(const struct pn_delta_metadata *metadata, const struct pn_json *name)
{
    for (size_t i = 0; i < metadata->partition_column_count; i++) {
        if (pn_json_text_is(name, metadata->partition_columns[i])) {
            return true;
        }
    }
    return false;
}

static int print_schema(struct pn_table_session *session, struct pn_err *e)
{
    static const struct pn_report_column columns[] = {{"column", PN_CELL_TEXT},
                                                      {"type", PN_CELL_TEXT},
                                                      {"nullable", PN_CELL_BOOL},
                                                      {"partition", PN_CELL_BOOL}};
    const struct pn_delta_metadata *metadata = &session->snapshot->metadata;
    struct pn_json_parser *parser = pn_json_parser_create();
    struct pn_json *schema = NULL;
    size_t len = strlen(metadata->schema);
    int rc = pn_json_parse(parser, metadata->schema, len, len, &schema, e);
    if (rc == 0) {
        struct pn_buf type;
        pn_buf_init(&type, CELL_BYTES_MAX);
        struct pn_row_writer *output = pn_cli_rows(session->cli);
        PN_ROWS_BEGIN(output, columns);
        const struct pn_json *field = pn_json_get(schema, "fields")->first;
        for (; field != NULL; field = field->next) {
            const struct pn_json *name = pn_json_get(field, "name");
            pn_buf_reset(&type);
            add_type(&type, pn_json_get(field, "type"));
            pn_cell_text(output, name->text, name->text_len);
            pn_cell_text(output, pn_buf_text(&type), type.len);
            pn_cell_bool(output, pn_json_get_bool(field, "nullable", true));
            pn_cell_bool(output, is_partition(metadata, name));
        }
        pn_row_writer_end(&output);
        pn_buf_deinit(&type);
    }
    pn_json_parser_destroy(&parser);
    return rc;
}

static int cmd_schema(struct pn_cli *cli, int argc, char **argv)
{
    struct pn_table_session session;
    int status = 0;
    if (!open_version(cli, "The columns of a table, with their types.", argc, argv, &session,
                      &status)) {
        return status;
    }
    struct pn_err failure = {0};
    int rc = print_schema(&session, &failure);
    return pn_cli_table_finish(&session, rc, &failure);
}

/* {"column":"value",...} */
static void partition_cell(struct pn_row_writer *output, const struct pn_delta_file *file)
{
    struct pn_buf json;
    pn_buf_init(&json, CELL_BYTES_MAX);
    pn_buf_addc(&json, '{');
    for (size_t i = 0; i < file->partition_value_count; i++) {
        pn_json_write_key(&json, file->partition_values[i].key);
        pn_json_write_cstr(&json, file->partition_values[i].value);
    }
    pn_buf_addc(&json, '}');
    pn_cell_json(output, pn_buf_text(&json), json.len);
    pn_buf_deinit(&json);
}

static int cmd_files(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_report_column columns[] = {{"path", PN_CELL_TEXT},
                                                      {"size_bytes", PN_CELL_INT},
                                                      {"rows", PN_CELL_INT},
                                                      {"modified", PN_CELL_TIME},
                                                      {"partition", PN_CELL_JSON}};
    struct pn_table_session session;
    int status = 0;
    if (!open_version(cli, "The data files that make up a table.", argc, argv, &session, &status)) {
        return status;
    }
    struct pn_row_writer *output = pn_cli_rows(cli);
    PN_ROWS_BEGIN(output, columns);
    for (size_t i = 0; i < session.snapshot->file_count && !pn_row_writer_failed(output); i++) {
        const struct pn_delta_file *file = &session.snapshot->files[i];
        pn_cell_cstr(output, file->path);
        pn_cell_int(output, file->size_bytes);
        if (file->num_records < 0) {
            pn_cell_null(output);
        } else {
            pn_cell_int(output, file->num_records);
        }
        pn_cell_time(output, file->modified_ms);
        partition_cell(output, file);
    }
    pn_row_writer_end(&output);
    return pn_cli_table_finish(&session, 0, NULL);
}

/* --- history ---------------------------------------------------------------------------------- */

static void print_history(struct pn_cli *cli, const struct pn_delta_history_entry *entries,
                          size_t count)
{
    static const struct pn_report_column columns[] = {
        {"version", PN_CELL_INT},     {"committed", PN_CELL_TIME},    {"operation", PN_CELL_TEXT},
        {"files_added", PN_CELL_INT}, {"files_removed", PN_CELL_INT}, {"rows_added", PN_CELL_INT},
        {"engine", PN_CELL_TEXT},     {"parameters", PN_CELL_JSON},   {"metrics", PN_CELL_JSON}};
    /* For people the last ones would be mostly braces. */
    bool whole = cli->format != PN_FORMAT_TABLE;
    size_t column_count = sizeof columns / sizeof *columns;
    struct pn_row_writer *output = pn_cli_rows(cli);
    pn_row_writer_begin(output, columns, whole ? column_count : column_count - 2);
    for (size_t i = 0; i < count; i++) {
        const struct pn_delta_history_entry *entry = &entries[i];
        pn_cell_int(output, entry->version);
        pn_cell_time(output, entry->timestamp_ms);
        pn_cell_cstr(output, entry->operation);
        pn_cell_int(output, entry->files_added);
        pn_cell_int(output, entry->files_removed);
        pn_cell_int(output, entry->rows_added);
        pn_cell_cstr(output, entry->engine_info);
        if (whole) {
            pn_cell_json(output, entry->parameters, strlen(entry->parameters));
            pn_cell_json(output, entry->metrics, strlen(entry->metrics));
        }
    }
    pn_row_writer_end(&output);
}

static int cmd_history(struct pn_cli *cli, int argc, char **argv)
{
    int64_t limit = HISTORY_DEFAULT;
    int64_t from = -1;
    const struct pn_opt opts[] = {{.name = "limit",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "at most N commits (20)",
                                   .target = &limit,
                                   .min = 1,
                                   .max = INT32_MAX},
                                  {.name = "from",
                                   .kind = PN_OPT_INT,
                                   .value = "N",
                                   .help = "from version N down (the latest)",
                                   .target = &from},
                                  {.name = NULL}};
    const struct pn_syntax syntax = {.operands = "TABLE",
                                     .operands_min = 1,
                                     .operands_max = 1,
                                     .opts = opts,
                                     .uses = PN_USES_FORMAT,
                                     .about = "The commits of a table, newest first."};
    int status = 0;
    if (!pn_cli_parse(cli, &syntax, &argc, &argv, &status)) {
        return status;
    }
    struct pn_err failure = {0};
    struct pn_table_session session;
    struct pn_delta_history_entry *entries = NULL;
    size_t count = 0;
    int rc = pn_cli_table_open(cli, argv[0], &session, &failure);
    if (rc == 0) {
        rc = pn_delta_history(session.delta, from, (size_t)limit, &session.arena, &entries, &count,
                              &failure);
    }
    if (rc == 0) {
        print_history(cli, entries, count);
    }
    return pn_cli_table_finish(&session, rc, &failure);
}

int pn_cmd_table(struct pn_cli *cli, int argc, char **argv)
{
    static const struct pn_command commands[] = {
        {"list", "the pipeline's tables, their versions and sizes", cmd_list},
        {"schema", "a table's columns", cmd_schema},
        {"history", "a table's commits", cmd_history},
        {"files", "a table's data files", cmd_files},
        {"optimize", "write a table's small files into larger ones", pn_cli_table_optimize},
        {"vacuum", "delete files that a table no longer needs", pn_cli_table_vacuum},
        {NULL, NULL, NULL}};
    return pn_cli_dispatch(cli, commands, argc, argv);
}
