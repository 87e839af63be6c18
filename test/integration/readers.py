"""Delta tables as pinion and others read them: delta-rs, DuckDB's extension, and Spark."""

import contextlib
import json
import os
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import deltalake
import duckdb
import duckdb_extension_delta

from pinion import ROOT, query, run

DELTA = "org.apache.spark.sql.delta"  # Delta's package


@contextlib.contextmanager
def spark_session(zone="UTC"):
    """A Spark that knows Delta, whose SQL has this time zone; a process has one at a time."""
    from pyspark.sql import SparkSession

    os.environ["TZ"] = "UTC"
    time.tzset()
    warehouse = tempfile.TemporaryDirectory()  # Spark makes one, though no table goes there
    jars = ",".join(str(jar) for jar in (ROOT / "third_party/spark-jars").glob("*.jar"))
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", jars)
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", f"{DELTA}.catalog.DeltaCatalog")
        .config("spark.sql.session.timeZone", zone)
        .config("spark.sql.warehouse.dir", warehouse.name)
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.databricks.delta.snapshotPartitions", "2")
        # Else VACUUM lists a folder in 10,000 tasks.
        .config("spark.sql.sources.parallelPartitionDiscovery.parallelism", "2")
        .config("spark.databricks.delta.retentionDurationCheck.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "1g")
        # It ends before more would pay.
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()
        warehouse.cleanup()


def plain(value):
    """A value that is equal whichever library read it."""
    if isinstance(value, datetime):
        value = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc).isoformat()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return value


def in_order(rows):
    """The members of a map have no order."""
    plain_rows = [plain(row) for row in rows]
    return sorted(plain_rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def rows_by_delta_rs(path, version=None):
    return in_order(deltalake.DeltaTable(path, version=version).to_pyarrow_table().to_pylist())


@contextlib.contextmanager
def duckdb_with_delta():
    """A connection to a DuckDB that has the extension of Delta tables."""
    folder = Path(duckdb_extension_delta.__file__).parent
    extension = next(folder.rglob("*.duckdb_extension"))
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def rows_by_duckdb(path):
    with duckdb_with_delta() as connection:
        found = connection.execute(f"SELECT * FROM delta_scan('{path}')").to_arrow_table()
    return in_order(found.to_pylist())


def rows_by_spark(spark, path, version=None):
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    return in_order(row.asDict(recursive=True) for row in reader.load(str(path)).collect())


def forget(spark):
    """Spark keeps the state of tables it has seen; now it hasn't seen any."""
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


def assert_readers_agree(spark, path, count=None):
    rows = rows_by_delta_rs(path)
    assert rows_by_duckdb(path) == rows
    assert rows_by_spark(spark, path) == rows
    if count is not None:
        assert len(rows) == count
    return rows


# --- what pinion says of them ---------------------------------------------------------------------


def table(verb, name, *args, data):
    return json.loads(run("table", verb, name, *args, "--format", "json", data=data).stdout)


def log_of(path):
    names = (file.name for file in (path / "_delta_log").iterdir())
    return sorted(name for name in names if not name.startswith("."))


def rows_by_key(data, key):
    """The rows of a table that no pipeline declares."""
    return query(f'SELECT * FROM "{key}"', data=data)


def refused(*args, data):
    """The message of a command that must fail."""
    done = run(*args, data=data, check=False)
    assert done.returncode == 1, done.stdout
    return done.stderr


def drop_commits(path, below):
    """As a clean-up of the log does, so that only the checkpoint can give the answer."""
    for file in (path / "_delta_log").glob("*.json"):
        if ".checkpoint." not in file.name and int(file.name[:20]) < below:
            file.unlink()
