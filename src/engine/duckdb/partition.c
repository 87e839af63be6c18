#include "engine/duckdb/partition.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define NULL_FOLDER "__HIVE_DEFAULT_PARTITION__"

/* A key is NONE, or SOME and the value's text: so a null is not any text. The name of its column
 * ("/0") is not an identifier, so no column of the table has it. */
#define NONE "n"
#define SOME "v"

enum { NAME_BYTES_MAX = 250 /* of a folder */ };

/* --- writing ---------------------------------------------------------------------------------- */

static void add_key_name(size_t i, struct pn_buf *sql)
{
    pn_buf_addf(sql, "\"/%zu\"", i);
}

static void add_key_names(const struct pn_table *table, struct pn_buf *sql)
{
    for (size_t i = 0; i < table->partition_count; i++) {
        pn_buf_adds(sql, i > 0 ? ", " : "");
        add_key_name(i, sql);
    }
}

/* Appends the column whose values, or parts of them, are the partition's. */
static void add_source(const struct pn_partition *partition, struct pn_buf *sql)
{
    pn_duckdb_add_name(sql, partition->source != NULL ? partition->source->name
                                                      : partition->column.name);
}

/* The text of a part of the time `t`, "2026-01-31 07:12:45.5". */
static const char *text_of_time(enum pn_partition_unit unit)
{
    switch (unit) {
    case PN_PARTITION_DAY:
        return "t[1:10]";
    case PN_PARTITION_MONTH:
        return "t[1:7]";
    case PN_PARTITION_HOUR:
        return "t[1:10] || '-' || t[12:13]";
    case PN_PARTITION_VALUE:
        break;
    }
    return "t[1:10] || 'T' || t[12:19] || '.' || rpad(t[21:26], 6, '0') || 'Z'";
}

static void add_error(const struct pn_partition *partition, const char *why, struct pn_buf *sql)
{
    pn_buf_addf(sql, "error('partition column %s: %s')", partition->column.name, why);
}

/* Appends the text of a time or a day, null for null. */
static void add_time(const struct pn_partition *partition, bool is_day, struct pn_buf *sql)
{
    pn_buf_adds(sql, "CASE WHEN ");
    add_source(partition, sql);
    pn_buf_adds(sql, " IS NULL THEN NULL WHEN year(");
    add_source(partition, sql);
    pn_buf_adds(sql, is_day ? ") BETWEEN 1 AND 9999 THEN CAST("
                            : " AT TIME ZONE 'UTC') BETWEEN 1 AND 9999 THEN "
                              "list_transform([CAST(");
    add_source(partition, sql);
    if (is_day) {
        pn_buf_adds(sql, " AS VARCHAR)");
    } else {
        pn_buf_addf(sql, " AT TIME ZONE 'UTC' AS VARCHAR)], lambda t: %s)[1]",
                    text_of_time(partition->unit));
    }
    pn_buf_adds(sql, " ELSE ");
    add_error(partition, "a year before 1 or after 9999", sql);
    pn_buf_adds(sql, " END");
}

static void add_string(const struct pn_partition *partition, struct pn_buf *sql)
{
    pn_buf_adds(sql, "CASE WHEN length(replace(url_encode(");
    add_source(partition, sql);
    pn_buf_addf(sql, "), '~', '%%7E')) > %zu THEN ",
                (size_t)NAME_BYTES_MAX - strlen(partition->column.name));
    add_error(
        partition,
        "a value is too long for the name of a folder (each byte but those of letters, digits "
        "and ._- counts three times): partition by another column",
        sql);
    pn_buf_adds(sql, " WHEN contains(");
    add_source(partition, sql);
    pn_buf_adds(sql, ", chr(0)) THEN ");
    add_error(partition, "a value has a character U+0000", sql);
    pn_buf_adds(sql, " ELSE nullif(");
    add_source(partition, sql);
    pn_buf_adds(sql, ", '') END");
}

static void add_text(const struct pn_partition *partition, struct pn_buf *sql)
{
    enum pn_type_kind kind =
        partition->source != NULL ? PN_TYPE_TIMESTAMP : partition->column.type.kind;
    if (kind == PN_TYPE_TIMESTAMP || kind == PN_TYPE_DATE) {
        add_time(partition, kind == PN_TYPE_DATE, sql);
    } else if (kind == PN_TYPE_STRING) {
        add_string(partition, sql);
    } else {
        pn_buf_adds(sql, "CAST(");
        add_source(partition, sql);
        pn_buf_adds(sql, " AS VARCHAR)");
    }
}

void pn_partition_add_begin(const struct pn_table *table, struct pn_buf *sql)
{
    bool any = false;
    pn_buf_adds(sql, "SELECT *");
    for (size_t i = 0; i < table->partition_count; i++) {
        if (table->partitions[i].source == NULL) {
            pn_buf_adds(sql, any ? ", " : " EXCLUDE (");
            pn_duckdb_add_name(sql, table->partitions[i].column.name);
            any = true;
        }
    }
    pn_buf_adds(sql, any ? ")" : "");
    for (size_t i = 0; i < table->partition_count; i++) {
        pn_buf_adds(sql, ", coalesce('" SOME "' || ");
        add_text(&table->partitions[i], sql);
        pn_buf_adds(sql, ", '" NONE "') AS ");
        add_key_name(i, sql);
    }
    pn_buf_adds(sql, " FROM (");
}

/* In order: DuckDB keeps few files open, and rows of many partitions in turn would become many
 * small files and take much memory. */
void pn_partition_add_end(const struct pn_table *table, struct pn_buf *sql)
{
    pn_buf_adds(sql, "\n) ORDER BY ");
    add_key_names(table, sql);
}

void pn_partition_add_options(const struct pn_table *table, struct pn_buf *sql)
{
    pn_buf_adds(sql, ", FILENAME_PATTERN 'f{i}', PARTITION_BY (");
    add_key_names(table, sql);
    pn_buf_addc(sql, ')');
}

/* --- what was written ------------------------------------------------------------------------- */

/* The value of the key column `i`, NULL for null. */
static char *read_value(duckdb_vector keys, idx_t row, size_t i)
{
    duckdb_list_entry *lists = duckdb_vector_get_data(keys);
    duckdb_vector pairs = duckdb_list_vector_get_child(keys);
    enum { NAME_SIZE = 32 };
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof name, "/%zu", i);
    for (idx_t at = lists[row].offset; at < lists[row].offset + lists[row].length; at++) {
        const char *text = NULL;
        size_t len = 0;
        bool is_it = pn_duckdb_text(duckdb_struct_vector_get_child(pairs, 0), at, &text, &len) &&
                     len == strlen(name) && memcmp(text, name, len) == 0;
        if (is_it && pn_duckdb_text(duckdb_struct_vector_get_child(pairs, 1), at, &text, &len)) {
            PN_ASSERT(len > 0 && (text[0] == NONE[0] || text[0] == SOME[0]));
            return text[0] == SOME[0] ? pn_xstrndup(text + 1, len - 1) : NULL;
        }
    }
    PN_ASSERT(false); /* each file has all keys */
    return NULL;
}

struct pn_delta_map_entry *pn_partition_read_values(const struct pn_table *table,
                                                    duckdb_vector keys, idx_t row)
{
    struct pn_delta_map_entry *values = pn_xcalloc(table->partition_count + 1, sizeof *values);
    for (size_t i = 0; i < table->partition_count; i++) {
        values[i] = (struct pn_delta_map_entry){.key = table->partitions[i].column.name,
                                                .value = read_value(keys, row, i)};
    }
    return values;
}

/* Appends a value as a folder's name has it: all but letters, digits and "._-" escaped. */
static void add_escaped(const char *text, struct pn_buf *out)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if ((byte < 0x80 && isalnum(byte)) || strchr("._-", byte) != NULL) {
            pn_buf_addc(out, *text);
        } else {
            pn_buf_addf(out, "%%%02X", byte);
        }
    }
}

char *pn_partition_folder(const struct pn_delta_map_entry *values, size_t count)
{
    enum { FOLDER_BYTES_MAX = 1 << 16 };
    struct pn_buf out;
    pn_buf_init(&out, FOLDER_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        add_escaped(values[i].key, &out);
        pn_buf_addc(&out, '=');
        if (values[i].value == NULL) {
            pn_buf_adds(&out, NULL_FOLDER);
        } else {
            add_escaped(values[i].value, &out);
        }
        pn_buf_addc(&out, '/');
    }
    char *folder = pn_buf_take(&out);
    pn_buf_deinit(&out);
    return folder;
}

/* --- reading ---------------------------------------------------------------------------------- */

static const struct pn_delta_map_entry *find_value(const struct pn_delta_file *file,
                                                   const char *name)
{
    for (size_t i = 0; i < file->partition_value_count; i++) {
        if (strcmp(file->partition_values[i].key, name) == 0) {
            return &file->partition_values[i];
        }
    }
    return NULL;
}

/* Would DuckDB read the value's folder as this value, and as nothing else? It takes some names for
 * null. */
static bool is_plain(const char *value)
{
    return value == NULL ||
           (value[0] != '\0' && strcasecmp(value, "null") != 0 && strcmp(value, NULL_FOLDER) != 0);
}

/* Is the path "<the partition's folder><a name without =>"? */
static bool path_says(const struct pn_delta_snapshot *snapshot, const struct pn_delta_file *file)
{
    const struct pn_delta_metadata *metadata = &snapshot->metadata;
    struct pn_delta_map_entry *values =
        pn_xcalloc(metadata->partition_column_count + 1, sizeof *values);
    bool says = true;
    for (size_t i = 0; says && i < metadata->partition_column_count; i++) {
        const struct pn_delta_map_entry *value = find_value(file, metadata->partition_columns[i]);
        says = value != NULL && is_plain(value->value);
        if (says) {
            values[i] = *value;
        }
    }
    if (says) {
        char *folder = pn_partition_folder(values, metadata->partition_column_count);
        size_t len = strlen(folder);
        says = strncmp(file->path, folder, len) == 0 && strpbrk(file->path + len, "=/") == NULL;
        free(folder);
    }
    free(values);
    return says;
}

static bool is_word(const char *name)
{
    const char *at = name;
    while ((unsigned char)*at < 0x80 && (isalnum((unsigned char)*at) || *at == '_')) {
        at++;
    }
    return *at == '\0' && at > name;
}

bool pn_partition_paths_say(const struct pn_delta_snapshot *snapshot,
                            const struct pn_stored *columns, const char *folder)
{
    const struct pn_delta_metadata *metadata = &snapshot->metadata;
    bool say = strchr(folder, '=') == NULL && metadata->partition_column_count > 0;
    for (size_t i = 0; say && i < metadata->partition_column_count; i++) {
        const struct pn_stored *column = pn_stored_find(columns, metadata->partition_columns[i]);
        say = column != NULL && is_word(column->name) &&
              strcmp(column->physical, metadata->partition_columns[i]) == 0;
    }
    for (size_t i = 0; say && i < snapshot->file_count; i++) {
        say = path_says(snapshot, &snapshot->files[i]);
    }
    return say;
}
