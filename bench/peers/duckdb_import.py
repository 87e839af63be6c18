"""DuckDB alone: a file to Parquet, and such files for the import's measurement.

usage: duckdb_import.py copy FROM TO           FROM is a CSV or Parquet file
       duckdb_import.py make ROWS TO           rows of orders, as CSV or Parquet by the name of TO
"""

import sys

import duckdb

ROWS = """
SELECT i AS id, 'customer ' || (i * 7919 % 100003) AS customer, i % 2 = 0 AS paid,
       CAST((i * 31 % 1000000) / 100.0 AS DECIMAL(9,2)) AS amount, (i * 17 % 9973) / 7.0 AS score,
       CASE WHEN i % 5 > 0 THEN CAST(i % 77 AS INTEGER) END AS items,
       TIMESTAMP '2026-01-01 00:00:00' + to_seconds(i % 20000000) AS placed,
       md5(CAST(i AS VARCHAR)) AS reference
FROM range({}) AS numbers(i)
"""

verb, source, target = sys.argv[1:4]
if verb == "make":
    form = "(HEADER)" if target.endswith(".csv") else "(FORMAT parquet)"
    duckdb.execute(f"COPY ({ROWS.format(int(source))}) TO '{target}' {form}")
else:
    duckdb.execute(f"COPY (SELECT * FROM '{source}') TO '{target}' (FORMAT parquet)")
