"""A table's columns and partitions as Spark has them."""

import contextlib
import re

from pinion_run import literal as sql_text
from pyspark.sql import functions

GENERATED = "delta.generationExpression"  # of a column, in its metadata
DEFAULTS = "spark.databricks.delta.properties.defaults"
METADATA = "spark.databricks.delta.commitInfo.userMetadata"
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
ROWS_SHOWN, BYTES_SHOWN = 3, 200  # in an error
JSON_OPTIONS = {"ignoreNullFields": "false"}


def ddl(kind):
    """A type in Spark's DDL."""
    if isinstance(kind, dict):
        return "struct<" + ", ".join(f"`{name}`: {ddl(of)}" for name, of in kind.items()) + ">"
    if isinstance(kind, tuple):
        name, part = kind
        return f"array<{ddl(part)}>" if name == "array" else f"map<string, {ddl(part)}>"
    return "string" if kind == "json" else kind


def columns_of(table):
    """Name -> type, with the column of unknown members where the table keeps them."""
    types = {name: column["type"] for name, column in table["columns"].items()}
    return {**types, "_unknown": "string"} if table["unknown_keys"] == "keep" else types


def stored_of(table):
    """The same, with the generated columns by which the table is partitioned."""
    generated = {
        part["name"]: part["type"] for part in table["partitions"] if part["expression"] is not None
    }
    return {**columns_of(table), **generated}


def generate(frame, table):
    """The rows with the columns by which the table is partitioned, as they are stored: null and the
    empty text are one partition. The text by which Spark names the partition of null fails the
    run: Spark would store null."""
    for part in table["partitions"]:
        name, expression = part["name"], part["expression"]
        if expression is not None:
            column = functions.expr(expression).cast(ddl(part["type"]))
            frame = frame.withColumn(name, column).withMetadata(name, {GENERATED: expression})
        elif part["type"] == "string":
            said = (f"column '{name}': Spark stores the text {NULL_PARTITION} as null in a column "
                    "of partition_by: change it in the SQL, or use `engine.kind: duckdb`")
            frame = frame.withColumn(name, functions.expr(
                f"if(`{name}` = '{NULL_PARTITION}', raise_error({sql_text(said)}), "
                f"nullif(`{name}`, ''))"
            ))  # fmt: skip
    return frame


def schema_of(types):
    return ", ".join(f"`{name}` {ddl(kind)}" for name, kind in types.items())


def empty(spark, table):
    """No rows, with the table's columns."""
    return spark.createDataFrame([], schema_of(columns_of(table)))


def kept(frame, until):
    """The frame, made once where Spark can keep it (serverless compute cannot). At the end of
    `until` it is let go: a later frame of the same plan, over other files, would be this one."""
    from pyspark.errors import PySparkException

    try:
        until.callback(frame.cache().unpersist)
    except PySparkException:
        pass
    return frame


def path_of(url):
    """A URL of a file or folder without its scheme and authority."""
    return re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*:(//[^/]*)?", "", url)


# --- writing ------------------------------------------------------------------------------------


def names_of(partitions):
    return [part["name"] for part in partitions]


def is_generated(part):
    return part["expression"] is not None


@contextlib.contextmanager
def protocol(lake, partitions):
    """A new table with generated columns gets the protocol by which pinion makes it."""
    versions = {"minReaderVersion": "1", "minWriterVersion": "4"}
    for name, version in versions.items() if any(map(is_generated, partitions)) else ():
        lake.set(f"{DEFAULTS}.{name}", version)
    try:
        yield
    finally:
        for name in versions if any(map(is_generated, partitions)) else ():
            lake.set(f"{DEFAULTS}.{name}", None)


def samples(frame):
    """Some rows as text."""
    rows = frame.select(functions.to_json(functions.struct("*"), JSON_OPTIONS)).limit(ROWS_SHOWN)
    return ", ".join(row[0][:BYTES_SHOWN] for row in rows.collect())
