"""A Spark session with Delta on two local cores. Two shuffle partitions and one partition of
Delta's snapshots, where the defaults (200 and 50) are for a cluster."""

import os
from pathlib import Path

from pyspark.sql import SparkSession

THIRD_PARTY = Path(__file__).resolve().parents[2] / "third_party"


def start(scratch, memory, more_jars=()):
    """A session that keeps its files below the folder `scratch`."""
    jars = [*sorted((THIRD_PARTY / "spark-jars").glob("*.jar")), *more_jars]
    settings = {
        "spark.jars": ",".join(map(str, jars)),
        "spark.driver.memory": memory,
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
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark
