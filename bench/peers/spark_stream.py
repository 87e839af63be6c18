"""Spark Structured Streaming from Kafka into a Delta table, by the pipeline's own SQL for pins.

usage: spark_stream.py BROKER TOPIC TABLE STARTING_OFFSETS   until it is ended

With the default trigger (the next micro-batch at once), on two local cores; one partition of
Delta's snapshots, where the default (50) is for a cluster. Says `started` when the query runs.
"""

import os
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

import batch

broker, topic, table, starting = sys.argv[1:5]
third_party = Path(__file__).resolve().parents[2] / "third_party"
needed = ("spark-sql-kafka", "spark-token", "kafka-clients", "commons-pool2")
jars = sorted((third_party / "spark-jars").glob("*.jar"))
jars += [jar for jar in (third_party / "kafka-jars").glob("*.jar") if jar.name.startswith(needed)]
settings = {
    "spark.jars": ",".join(map(str, jars)),
    "spark.driver.memory": "4g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.local.dir": f"{table}-scratch",
    "spark.sql.warehouse.dir": f"{table}-warehouse",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
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

schema = ", ".join(f"`{name}` {kind}" for name, kind in batch.RAW["pin"].items())
frame = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", broker)
    .option("subscribe", topic)
    .option("startingOffsets", starting)
    .load()
    .selectExpr(f"from_json(CAST(value AS STRING), '{schema}') AS record")
    .select("record.*")
)
frame.createOrReplaceTempView("raw_pin")
query = (
    spark.sql(batch.clean("pin"))
    .writeStream.format("delta")
    .outputMode("append")
    .option("checkpointLocation", f"{table}-checkpoint")
    .start(table)
)
print("started", flush=True)
while query.isActive:
    time.sleep(0.1)
sys.exit(str(query.exception()))
