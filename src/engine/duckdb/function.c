#include "engine/duckdb/function.h"

#include "engine/duckdb/decode.h"

int pn_duckdb_register(struct pn_duckdb *engine, duckdb_connection connection,
                       const struct pn_duckdb_function *function, struct pn_err *e)
{
    duckdb_table_function made = duckdb_create_table_function();
    duckdb_logical_type number = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_table_function_set_name(made, function->name);
    for (int i = 0; i < function->numbers; i++) {
        duckdb_table_function_add_parameter(made, number);
    }
    duckdb_table_function_set_extra_info(made, engine, NULL);
    duckdb_table_function_set_bind(made, function->bind);
    duckdb_table_function_set_init(made, function->init);
    if (function->init_thread != NULL) {
        duckdb_table_function_set_local_init(made, function->init_thread);
    }
    duckdb_table_function_set_function(made, function->read);
    int rc = 0;
    if (duckdb_register_table_function(connection, made) != DuckDBSuccess) {
        rc = pn_err_fatal(e, "DuckDB refuses the table function %s", function->name);
    }
    duckdb_destroy_logical_type(&number);
    duckdb_destroy_table_function(&made);
    return rc;
}

int64_t pn_duckdb_parameter(duckdb_bind_info info, idx_t index)
{
    duckdb_value value = duckdb_bind_get_parameter(info, index);
    int64_t number = duckdb_get_int64(value);
    duckdb_destroy_value(&value);
    return number;
}

void pn_duckdb_add_column(duckdb_bind_info info, const struct pn_column *column)
{
    duckdb_logical_type type = pn_duckdb_type(&column->type);
    duckdb_bind_add_result_column(info, column->name, type);
    duckdb_destroy_logical_type(&type);
}

void pn_duckdb_add_row_columns(duckdb_bind_info info, const struct pn_table *table)
{
    for (size_t i = 0; i < pn_decoder_columns(table); i++) {
        pn_duckdb_add_column(info, pn_decoder_column(table, i));
    }
}

void pn_duckdb_fail_read(duckdb_function_info info, struct pn_duckdb_failure *failure,
                         pthread_mutex_t *lock, const struct pn_err *e)
{
    pthread_mutex_lock(lock);
    if (!failure->failed) {
        *failure = (struct pn_duckdb_failure){.failed = true, .e = *e};
    }
    pthread_mutex_unlock(lock);
    duckdb_function_set_error(info, e->msg);
}
