"""Merges new rows into a Delta table with delta-rs.

usage: merge_delta_rs.py TABLE NEW KEY ORDER    NEW is a Parquet file; the greater ORDER wins
"""

import sys

import pyarrow.parquet
from deltalake import DeltaTable

table, new, key, order = sys.argv[1:5]
merger = DeltaTable(table).merge(
    pyarrow.parquet.read_table(new),
    predicate=f"old.{key} = new.{key}",
    source_alias="new",
    target_alias="old",
)
merger = merger.when_matched_update_all(predicate=f"new.{order} > old.{order}")
merger.when_not_matched_insert_all().execute()
