"""Spark with Delta on two local cores, running the pipeline's own SQL."""

import batch
import spark_session

report = batch.Report()
spark = spark_session.start(f"{report.target}/spark", "8g")
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
