"""DuckDB reads the JSON and runs the pipeline's own SQL; deltalake writes and lists the tables."""

import duckdb
from deltalake import DeltaTable, write_deltalake

import batch

report = batch.Report()
con = duckdb.connect()
con.execute("SET threads = 2; SET TimeZone = 'UTC'")
for statement in batch.prelude("duckdb"):
    con.execute(statement)
report.phase("start")


def save(sql, key, view):
    """Writes a Delta table from a SELECT and makes it known to the SQL that follows."""
    path = f"{report.target}/{key}"
    write_deltalake(path, con.sql(sql).to_arrow_reader(100_000), mode="overwrite")
    con.register(view, DeltaTable(path).to_pyarrow_dataset())


for table, columns in batch.RAW.items():
    types = {name: kind.replace("STRING", "VARCHAR") for name, kind in columns.items()}
    source = f"read_ndjson('{report.source}/{table}.json', columns = {types})"
    save(f"SELECT * FROM {source}", f"raw/{table}", f"raw_{table}")
report.phase("load")

for table in batch.RAW:
    save(batch.clean(table), f"transformed/{table}", table)
report.phase("clean")

for name, sql in batch.queries().items():
    report.answer(name, con.sql(sql).fetchall())
report.phase("queries")
report.write()
