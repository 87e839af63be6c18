"""Spark Structured Streaming from Kafka into a Delta table, by the pipeline's own SQL for pins; or
with `text` the records' values, which are JSON, into files in a folder.

usage: spark_stream.py BROKER TOPIC TABLE STARTING_OFFSETS [text]   until it is ended

With the default trigger (the next micro-batch at once). Says `started` when the query runs.
"""

import sys
import time

import batch
import spark_session

broker, topic, table, starting = sys.argv[1:5]
as_text = sys.argv[5:] == ["text"]
needed = ("spark-sql-kafka", "spark-token", "kafka-clients", "commons-pool2")
jars = (spark_session.THIRD_PARTY / "kafka-jars").glob("*.jar")
kafka_jars = [jar for jar in sorted(jars) if jar.name.startswith(needed)]
spark = spark_session.start(f"{table}-scratch", "4g", kafka_jars)
for statement in batch.prelude("spark"):
    spark.sql(statement)

schema = ", ".join(f"`{name}` {kind}" for name, kind in batch.RAW["pin"].items())
frame = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", broker)
    .option("subscribe", topic)
    .option("startingOffsets", starting)
    .load()
    .selectExpr("CAST(value AS STRING) AS value")
)
if not as_text:
    frame = frame.selectExpr(f"from_json(value, '{schema}') AS record").select("record.*")
    frame.createOrReplaceTempView("raw_pin")
    frame = spark.sql(batch.clean("pin"))
query = (
    frame.writeStream.format("text" if as_text else "delta")
    .outputMode("append")
    .option("checkpointLocation", f"{table}-checkpoint")
    .start(table)
)
print("started", flush=True)
while query.isActive:
    time.sleep(0.1)
sys.exit(str(query.exception()))
