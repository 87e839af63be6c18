"""Merges new rows into a Delta table with Spark's MERGE INTO.

usage: merge_spark.py TABLE NEW KEY ORDER    NEW is a Parquet file; the greater ORDER wins
"""

import sys

import spark_session

table, new, key, order = sys.argv[1:5]
spark = spark_session.start(f"{table}-scratch", "4g")
spark.read.parquet(new).createOrReplaceTempView("new_rows")
spark.sql(
    f"MERGE INTO delta.`{table}` AS old USING new_rows AS new ON old.{key} = new.{key} "
    f"WHEN MATCHED AND new.{order} > old.{order} THEN UPDATE SET * "
    "WHEN NOT MATCHED THEN INSERT *"
)
spark.stop()
