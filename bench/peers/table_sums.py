"""Sums up clean tables, so that those of several engines can be compared: for each folder given,
the number of rows and a sum of their hashes, which no order changes. A folder has some of the Delta
tables pin, geo and user, or of pin.parquet and so on.

usage: table_sums.py FOLDER...    one JSON object {folder: {table: [rows, sum]}} on the output
"""

import json
import sys
from pathlib import Path

import duckdb
import pyarrow
from deltalake import DeltaTable, QueryBuilder

COLUMNS = {
    "geo": "ind country coordinates.latitude coordinates.longitude timestamp",
    "pin": "ind unique_id title description follower_count poster_name tag_list "
    "is_image_or_video image_src save_location category",
    "user": "ind user_name age date_joined",
}

con = duckdb.connect()
con.execute("SET TimeZone = 'UTC'")


def summed(folder, table):
    parquet = Path(folder) / f"{table}.parquet"
    if parquet.exists():
        source = f"'{parquet}'"
    else:
        source = "delta"
        # Its own engine reads deletion vectors; to_pyarrow_dataset() does not.
        rows = QueryBuilder().register("t", DeltaTable(f"{folder}/{table}"))
        con.register(source, pyarrow.table(rows.execute("SELECT * FROM t").read_all()))
    texts = ", ".join(f"CAST({column} AS VARCHAR)" for column in COLUMNS[table].split())
    hashes = f"SELECT CAST(hash({texts}) AS HUGEINT) AS h FROM {source}"
    return con.sql(f"SELECT count(*), CAST(sum(h) AS VARCHAR) FROM ({hashes})").fetchall()[0]


def tables_of(folder):
    there = {path.stem for path in Path(folder).iterdir()}
    return [table for table in COLUMNS if table in there]


print(json.dumps({f: {table: summed(f, table) for table in tables_of(f)} for f in sys.argv[1:]}))
