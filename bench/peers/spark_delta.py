"""Spark with Delta on two local cores, running the pipeline's own SQL. Two shuffle partitions and
one partition of Delta's snapshots, where the defaults (200 and 50) are for a cluster."""

import os
from pathlib import Path

from pyspark.sql import SparkSession

import batch

report = batch.Report()
jars = Path(__file__).resolve().parents[2] / "third_party/spark-jars"
scratch = f"{report.target}/spark"
settings = {
    "spark.jars": ",".join(str(jar) for jar in sorted(jars.glob("*.jar"))),
    "spark.driver.memory": "8g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.local.dir": scratch,
    "spark.sql.warehouse.dir": f"{scratch}/warehouse",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
builder = SparkSession.builder.master("local[2]").appName("bench")
for key, value in settings.items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
for statement in batch.prelude("spark"):
    spark.sql(statement)
report.phase("start")


def save(frame, key, view):
    """Writes a Delta table and makes it known to the SQL that follows."""
    path = f"{report.target}/{key}"
    frame.write.format("delta").mode("overwrite").save(path)
    spark.read.format("delta").load(path).createOrReplaceTempView(view)


for table, columns in batch.RAW.items():
    schema = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
    frame = spark.read.schema(schema).json(f"{report.source}/{table}.json")
    save(frame, f"raw/{table}", f"raw_{table}")
report.phase("load")

for table in batch.RAW:
    save(spark.sql(batch.clean(table)), f"transformed/{table}", table)
report.phase("clean")

for name, sql in batch.queries().items():
    report.answer(name, spark.sql(sql).collect())
report.phase("queries")
report.write()
spark.stop()
