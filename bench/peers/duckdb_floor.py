"""The floor: DuckDB reads the JSON, writes the three clean tables as one Parquet file each and
answers the queries. No raw tables, no Delta log, nothing synced."""

import duckdb

import batch

report = batch.Report()
con = duckdb.connect()
con.execute("SET threads = 2; SET TimeZone = 'UTC'")
for statement in batch.prelude("duckdb"):
    con.execute(statement)
report.phase("start")

for table, columns in batch.RAW.items():
    types = {name: kind.replace("STRING", "VARCHAR") for name, kind in columns.items()}
    con.execute(
        f"CREATE VIEW raw_{table} AS SELECT * FROM "
        f"read_ndjson('{report.source}/{table}.json', columns = {types})"
    )
    path = f"{report.target}/{table}.parquet"
    con.execute(f"COPY ({batch.clean(table)}) TO '{path}' (FORMAT parquet)")
    con.execute(f'CREATE VIEW "{table}" AS SELECT * FROM \'{path}\'')
report.phase("clean")

for name, sql in batch.queries().items():
    report.answer(name, con.sql(sql).fetchall())
report.phase("queries")
report.write()
