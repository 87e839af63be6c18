/* Records from the tables of a MySQL or MariaDB, one of each kind in turn. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/random.h"
#include "emulate/emulate.h"
#include "emulate/mysql_database.h"
#include "emulate/source.h"

enum { SQL_BYTES_MAX = 1 << 20, NAME_BYTES_MAX = 256, KEY_BYTES_SHOWN = 40 };

struct column {
    char *name;
    enum pn_mysql_form form;
    bool is_key; /* part of the primary key */
};

/* A table, on a connection of its own. */
struct table {
    const char *name;
    MYSQL *mysql;
    MYSQL_RES *result; /* what is being read, or NULL */
    char *select;      /* "SELECT ... FROM `table`" */
    struct column *columns;
    size_t column_count;
    int64_t rows; /* it has */
    int64_t left; /* to be given */
    int64_t read; /* rows, by their number from 1; random: the one picked */
};

struct mysql_source {
    struct pn_source base;
    struct pn_mysql_url url;
    struct table tables[PN_EMULATE_KINDS_MAX];
    size_t count;
    size_t at; /* the table whose turn it is */
    bool random;
    struct pn_random numbers;
    int64_t pick;     /* random: the row of this turn */
    int64_t rows_min; /* of the table that has the fewest */
    struct pn_json_parser *parser;
    struct pn_buf json;
};

static void add_identifier(struct pn_buf *sql, const char *name)
{
    pn_buf_addc(sql, '`');
    for (; *name != '\0'; name++) {
        pn_buf_adds(sql, *name == '`' ? "``" : (char[]){*name, '\0'});
    }
    pn_buf_addc(sql, '`');
}

/* --- opening ---------------------------------------------------------------------------------- */

static void take_columns(struct table *table, MYSQL_RES *result)
{
    const MYSQL_FIELD *fields = mysql_fetch_fields(result);
    table->column_count = mysql_num_fields(result);
    table->columns = pn_xcalloc(table->column_count, sizeof *table->columns);
    for (size_t i = 0; i < table->column_count; i++) {
        table->columns[i].name = pn_xstrdup(fields[i].name);
        table->columns[i].form = pn_mysql_form_of(&fields[i]);
        table->columns[i].is_key = (fields[i].flags & PRI_KEY_FLAG) != 0;
    }
}

/* The server writes a FLOAT with six digits, which is not all of it; a DOUBLE's are all there. */
static char *select_of(const struct table *table)
{
    struct pn_buf sql;
    pn_buf_init(&sql, SQL_BYTES_MAX);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        bool is_float = column->form == PN_MYSQL_FLOAT;
        pn_buf_adds(&sql, i == 0 ? "SELECT " : ", ");
        pn_buf_adds(&sql, is_float ? "CAST(" : "");
        add_identifier(&sql, column->name);
        pn_buf_adds(&sql, is_float ? " AS DOUBLE)" : "");
    }
    pn_buf_adds(&sql, " FROM ");
    add_identifier(&sql, table->name);
    return pn_buf_take(&sql);
}

static int read_columns(const struct mysql_source *source, struct table *table, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, SQL_BYTES_MAX);
    pn_buf_adds(&sql, "SELECT * FROM ");
    add_identifier(&sql, table->name);
    pn_buf_adds(&sql, " LIMIT 0");
    int rc = pn_mysql_query(&source->url, table->mysql, pn_buf_text(&sql), e);
    pn_buf_deinit(&sql);
    if (rc != 0) {
        return rc;
    }
    MYSQL_RES *result = mysql_store_result(table->mysql);
    if (result == NULL) {
        return pn_mysql_error(&source->url, table->mysql, e);
    }
    take_columns(table, result);
    mysql_free_result(result);
    table->select = select_of(table);
    return 0;
}

static int count_rows(const struct mysql_source *source, struct table *table, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, SQL_BYTES_MAX);
    pn_buf_adds(&sql, "SELECT COUNT(*) FROM ");
    add_identifier(&sql, table->name);
    int rc = pn_mysql_query(&source->url, table->mysql, pn_buf_text(&sql), e);
    pn_buf_deinit(&sql);
    if (rc != 0) {
        return rc;
    }
    MYSQL_RES *result = mysql_store_result(table->mysql);
    MYSQL_ROW row = result != NULL ? mysql_fetch_row(result) : NULL;
    if (row == NULL || row[0] == NULL) {
        rc = pn_mysql_error(&source->url, table->mysql, e);
    } else {
        table->rows = strtoll(row[0], NULL, 10);
    }
    mysql_free_result(result);
    return rc;
}

static int open_table(struct mysql_source *source, const struct pn_mysql_config *config,
                      struct table *table, struct pn_err *e)
{
    int rc = pn_mysql_connect(&source->url, config->password, &table->mysql, e);
    if (rc == 0) {
        rc = read_columns(source, table, e);
    }
    return rc == 0 ? count_rows(source, table, e) : rc;
}

/* How many of each table are given, and by what query. */
static int start_reading(struct mysql_source *source, int64_t rows, struct pn_err *e)
{
    source->rows_min = INT64_MAX;
    for (size_t i = 0; i < source->count; i++) {
        if (source->tables[i].rows < source->rows_min) {
            source->rows_min = source->tables[i].rows;
        }
    }
    if (source->random && source->rows_min == 0) {
        return pn_err_input(e, "%s: a table is empty, so there is no row to pick",
                            source->url.name);
    }
    for (size_t i = 0; i < source->count; i++) {
        struct table *table = &source->tables[i];
        table->left = source->random ? source->rows_min : table->rows;
        if (rows > 0 && (source->random || rows < table->left)) {
            table->left = rows;
        }
        source->base.total += table->left;
        if (source->random) {
            continue;
        }
        if (pn_mysql_query(&source->url, table->mysql, table->select, e) != 0) {
            return PN_FAIL;
        }
        table->result = mysql_use_result(table->mysql);
        if (table->result == NULL) {
            return pn_mysql_error(&source->url, table->mysql, e);
        }
    }
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* One row of it, by its number from 0. */
static int select_picked(struct mysql_source *source, struct table *table, struct pn_err *e)
{
    mysql_free_result(table->result);
    table->result = NULL;
    char *sql = pn_xasprintf("%s LIMIT %" PRId64 ", 1", table->select, source->pick);
    int rc = pn_mysql_query(&source->url, table->mysql, sql, e);
    free(sql);
    if (rc != 0) {
        return rc;
    }
    table->result = mysql_store_result(table->mysql);
    return table->result != NULL ? 0 : pn_mysql_error(&source->url, table->mysql, e);
}

/* "id = 7", or where a table has no primary key its number from the start, "row 3". */
static void name_row(const struct table *table, MYSQL_ROW row, const unsigned long *lens,
                     struct pn_buf *name)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (!table->columns[i].is_key || row[i] == NULL) {
            continue;
        }
        size_t len = lens[i] < KEY_BYTES_SHOWN ? lens[i] : KEY_BYTES_SHOWN;
        pn_buf_addf(name, "%s%s = ", name->len > 0 ? ", " : "", table->columns[i].name);
        pn_utf8_add_clean(name, row[i], len);
    }
    if (name->len == 0) {
        pn_buf_addf(name, "row %" PRId64, table->read);
    }
}

/* "mysql://me@host/shop: orders (id = 7): <what>", or with the column `orders.note (id = 7)`. */
static void note(const struct mysql_source *source, const struct table *table,
                 const struct column *column, MYSQL_ROW row, const char *what,
                 char out[sizeof((struct pn_source_notes *)0)->first_left_out])
{
    struct pn_buf name;
    pn_buf_init(&name, NAME_BYTES_MAX);
    name_row(table, row, mysql_fetch_lengths(table->result), &name);
    (void)snprintf(out, sizeof((struct pn_source_notes *)0)->first_left_out, "%s: %s%s%s (%s): %s",
                   source->url.name, table->name, column != NULL ? "." : "",
                   column != NULL ? column->name : "", pn_buf_text(&name), what);
    pn_buf_deinit(&name);
}

static void note_mismatch(struct mysql_source *source, const struct table *table,
                          const struct column *column, MYSQL_ROW row, const char *mismatch)
{
    struct pn_source_notes *notes = &source->base.notes;
    if (notes->as_text++ == 0) {
        note(source, table, column, row, mismatch, notes->first_as_text);
    }
}

static void note_left_out(struct mysql_source *source, const struct table *table, MYSQL_ROW row)
{
    struct pn_source_notes *notes = &source->base.notes;
    if (notes->left_out++ > 0) {
        return;
    }
    char what[200];
    (void)snprintf(what, sizeof what,
                   "the row is larger than the limit of %d bytes (a server accepts records up to "
                   "its log.record_bytes_max): let `table` in generator.yml name a view without it",
                   PN_EMULATE_RECORD_BYTES_MAX);
    note(source, table, NULL, row, what, notes->first_left_out);
}

/* The row as source->json; false when it is too large. */
static bool write_row(struct mysql_source *source, struct table *table, MYSQL_ROW row)
{
    const unsigned long *lens = mysql_fetch_lengths(table->result);
    char mismatch[PN_MYSQL_MISMATCH_SIZE];
    struct pn_json_writer json;
    pn_buf_reset(&source->json);
    pn_json_writer_init(&json, &source->json);
    pn_json_put_object(&json);
    for (size_t i = 0; i < table->column_count && !pn_buf_failed(&source->json); i++) {
        pn_json_put_key(&json, table->columns[i].name);
        pn_mysql_write_value(table->columns[i].form, row[i], lens[i], source->parser, &json,
                             mismatch);
        if (mismatch[0] != '\0' && !pn_buf_failed(&source->json)) {
            note_mismatch(source, table, &table->columns[i], row, mismatch);
        }
    }
    pn_json_end(&json);
    return !pn_buf_failed(&source->json);
}

/* The next row of a table, or NULL in *row when the table ended before its count said so. */
static int fetch(struct mysql_source *source, struct table *table, MYSQL_ROW *row, struct pn_err *e)
{
    int rc = source->random ? select_picked(source, table, e) : 0;
    if (rc != 0) {
        return rc;
    }
    *row = mysql_fetch_row(table->result);
    return *row == NULL && mysql_errno(table->mysql) != 0
               ? pn_mysql_error(&source->url, table->mysql, e)
               : 0;
}

static struct table *take_turn(struct mysql_source *source)
{
    for (size_t i = 0; i < source->count; i++) {
        struct table *table = &source->tables[source->at];
        if (source->at == 0 && source->random) {
            source->pick = (int64_t)pn_random_below(&source->numbers, (uint64_t)source->rows_min);
        }
        source->at = (source->at + 1) % source->count;
        if (table->left > 0) {
            return table;
        }
    }
    return NULL;
}

/* The next row that there is, of whose turn it is; *table is NULL when there are no more. */
static int next_row(struct mysql_source *source, struct table **table, MYSQL_ROW *row,
                    struct pn_err *e)
{
    for (;;) {
        *table = take_turn(source);
        if (*table == NULL) {
            return 0;
        }
        int rc = fetch(source, *table, row, e);
        if (rc != 0) {
            return rc;
        }
        if (*row != NULL) {
            (*table)->left--;
            (*table)->read = source->random ? source->pick + 1 : (*table)->read + 1;
            return 0;
        }
        (*table)->left = 0; /* rows were deleted meanwhile */
    }
}

static int next(struct pn_source *base, struct pn_emulate_record *record, struct pn_err *e)
{
    struct mysql_source *source = (struct mysql_source *)base;
    MYSQL_ROW row = NULL;
    struct table *table = NULL;
    record->json = NULL;
    for (;;) {
        int rc = next_row(source, &table, &row, e);
        if (rc != 0 || table == NULL) {
            return rc;
        }
        if (write_row(source, table, row)) {
            break;
        }
        note_left_out(source, table, row);
    }
    record->kind = (size_t)(table - source->tables);
    record->json = pn_buf_text(&source->json);
    record->len = source->json.len;
    return 0;
}

static void destroy(struct pn_source *base)
{
    struct mysql_source *source = (struct mysql_source *)base;
    for (size_t i = 0; i < source->count; i++) {
        struct table *table = &source->tables[i];
        /* Freeing a result reads its last row first; cut off, the rest of it isn't waited for. */
        if (table->result != NULL && table->left > 0 && !source->random) {
            (void)shutdown(mysql_get_socket(table->mysql), SHUT_RDWR);
        }
        mysql_free_result(table->result);
        mysql_close(table->mysql);
        for (size_t k = 0; k < table->column_count; k++) {
            free(table->columns[k].name);
        }
        free(table->columns);
        free(table->select);
    }
    pn_mysql_url_deinit(&source->url);
    pn_json_parser_destroy(&source->parser);
    pn_buf_deinit(&source->json);
    free(source);
}

static const struct pn_source_ops mysql_ops = {.next = next, .destroy = destroy};

int pn_source_mysql(const struct pn_generator *generator, const struct pn_mysql_config *config,
                    struct pn_source **source, struct pn_err *e)
{
    struct mysql_source *made = pn_xcalloc(1, sizeof *made);
    made->base.ops = &mysql_ops;
    made->random = config->random;
    made->parser = pn_json_parser_create();
    pn_random_init(&made->numbers, config->seed);
    pn_buf_init(&made->json, PN_EMULATE_RECORD_BYTES_MAX);
    int rc = pn_mysql_url_parse(&made->url, config->url, e);
    for (size_t i = 0; i < pn_generator_kinds(generator) && rc == 0; i++) {
        struct pn_generator_place place = pn_generator_place(generator, i);
        struct table *table = &made->tables[made->count++];
        table->name = place.table;
        rc = place.table != NULL
                 ? open_table(made, config, table, e)
                 : pn_err_input(
                       e, "generator.yml names no table for \"%s\": give it one (table: NAME)",
                       place.name);
    }
    if (rc == 0) {
        rc = start_reading(made, config->rows, e);
    }
    if (rc == 0) {
        *source = &made->base;
    } else {
        destroy(&made->base);
    }
    return rc;
}
