/* The rows that tests take out: they become letters, and the run writes the others. */
#include "engine/duckdb/decode.h"
#include "engine/duckdb/expect_parts.h"
#include "engine/duckdb/row_json.h"

/* Appends "<condition> OR <condition>" of the tests that take rows out; false without one. */
static bool add_quarantined(const struct testing *testing, struct pn_buf *sql)
{
    const struct pn_table *table = testing->table;
    bool any = false;
    for (size_t i = 0; i < table->expect_count; i++) {
        if (table->expects[i].action == PN_EXPECT_QUARANTINE) {
            pn_buf_adds(sql, any ? " OR " : "");
            pn_testing_add_condition(&table->expects[i], table, sql);
            any = true;
        }
    }
    return any;
}

/* Appends the columns of the table's rows; generated ones are not written. */
static void add_written(const struct pn_table *table, struct pn_buf *sql)
{
    for (size_t i = 0; i < pn_decoder_columns(table); i++) {
        pn_buf_adds(sql, i > 0 ? ", " : "");
        pn_duckdb_add_name(sql, pn_decoder_column(table, i)->name);
    }
}

/* Appends a SELECT of the rows that are taken out, with the names of the tests that they fail. */
static void add_letters(const struct testing *testing, struct pn_buf *sql)
{
    const struct pn_table *table = testing->table;
    pn_buf_adds(sql, "SELECT concat_ws(', '");
    for (size_t i = 0; i < table->expect_count; i++) {
        if (table->expects[i].action == PN_EXPECT_QUARANTINE) {
            pn_buf_adds(sql, ", CASE WHEN ");
            pn_testing_add_condition(&table->expects[i], table, sql);
            pn_buf_adds(sql, " THEN ");
            pn_duckdb_add_text(sql, table->expects[i].name);
            pn_buf_adds(sql, " END");
        }
    }
    pn_buf_adds(sql, ") AS names, ");
    pn_duckdb_add_table_row_json(table, sql);
    pn_buf_adds(sql, " AS row FROM ");
    pn_duckdb_add_name(sql, table->name);
    pn_buf_adds(sql, " WHERE ");
    (void)add_quarantined(testing, sql);
}

bool pn_testing_takes_out(const struct testing *testing)
{
    const struct pn_table *table = testing->table;
    size_t i = 0;
    while (i < table->expect_count && (table->expects[i].action != PN_EXPECT_QUARANTINE ||
                                       testing->report->expect_failed[i] == 0)) {
        i++;
    }
    return i < table->expect_count;
}

int pn_testing_keep(struct testing *testing, struct pn_err *e)
{
    struct pn_buf sql;
    pn_buf_init(&sql, PN_DUCKDB_SQL_MAX);
    pn_buf_adds(&sql, "SELECT ");
    add_written(testing->table, &sql);
    pn_buf_adds(&sql, " FROM ");
    pn_duckdb_add_name(&sql, testing->table->name);
    pn_buf_adds(&sql, " WHERE NOT (");
    (void)add_quarantined(testing, &sql);
    pn_buf_addc(&sql, ')');
    int rc = pn_duckdb_write(testing->engine, testing->connection, testing->table, &sql,
                             &testing->kept, e);
    pn_buf_deinit(&sql);
    return rc;
}

int pn_testing_quarantine(struct testing *testing, const struct pn_quarantine *to,
                          struct pn_written *written, struct pn_err *e)
{
    const struct pn_table *table = testing->table;
    bool takes_out = pn_testing_takes_out(testing);
    struct pn_buf letters;
    pn_buf_init(&letters, PN_DUCKDB_SQL_MAX);
    if (takes_out) {
        pn_buf_addf(&letters,
                    "SELECT concat('the row does not pass ', names, CASE WHEN length(row) > %d "
                    "THEN ' (only the beginning of the value is stored)' ELSE '' END) AS reason, "
                    "left(row, %d) AS value FROM (",
                    PN_DEAD_LETTER_VALUE_MAX, PN_DEAD_LETTER_VALUE_MAX);
        add_letters(testing, &letters);
        pn_buf_addc(&letters, ')');
    }
    int rc = pn_duckdb_quarantine(testing->engine, testing->connection, table, to,
                                  takes_out ? &letters : NULL, e);
    if (rc == 0 && takes_out) {
        testing->report->dead_letters = written->rows - testing->kept.rows;
        pn_duckdb_write_undo(testing->engine, written, 0);
        pn_written_deinit(written);
        *written = testing->kept;
        testing->kept = (struct pn_written){0};
    }
    pn_buf_deinit(&letters);
    return rc;
}
