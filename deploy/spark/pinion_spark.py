"""The pipeline's tables on Spark and Delta Lake, for the notebooks and jobs beside this file.

`pinion deploy spark` writes pinion_pipeline.py, the notebooks and the queries; this file and
pinion_record.py are copied as they are. Everything runs on Databricks (clusters and serverless) and
by spark-submit with Delta's package."""

import base64
import fnmatch
import gzip
import json
import re
import sys

import pinion_record
from pinion_record import Rows
from pyspark import cloudpickle
from pyspark.sql import SparkSession, functions

UNKNOWN_SHOWN = 10  # names of members that no column takes, in a result

# Spark's workers may not find these files: they get the code itself.
cloudpickle.register_pickle_by_value(pinion_record)
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def ddl(kind):
    """A type in Spark's DDL."""
    if isinstance(kind, dict):
        return "struct<" + ", ".join(f"`{name}`: {ddl(of)}" for name, of in kind.items()) + ">"
    return kind


def columns_of(table):
    """Name -> type, with the column of unknown members where the table keeps them."""
    types = {name: column["type"] for name, column in table["columns"].items()}
    return {**types, "_unknown": "string"} if table["unknown_keys"] == "keep" else types


def schema_of(types):
    return ", ".join(f"`{name}` {ddl(kind)}" for name, kind in types.items())


def statements(sql):
    """The statements of a prelude: each ends with a semicolon at the end of a line."""
    code = "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
    return [statement for statement in code.split(";\n") if statement.strip(" ;\n")]


def shown(data):
    """A record's bytes in a dead letter: text, else base64."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(data).decode("ascii")


def kept(frame):
    """The frame, parsed once where Spark can keep it (serverless compute cannot)."""
    from pyspark.errors import PySparkException

    try:
        return frame.cache()
    except PySparkException:
        return frame


class Parser:
    """A function for Spark's workers: from an input row's columns to rows of the table. Each has
    the table's columns, the place it comes from, `_strange` (the members that no column takes), and
    `_reason` and `_data` of a dead letter; `_reason` is null for a row. `read` gives (place, data)
    of an input row's columns."""

    def __init__(self, table, places, read):
        self.table, self.read = table, read
        ends = {"_reason": "string", "_data": "string", "_strange": "array<string>"}
        self.types = {**columns_of(table), **ends, **places}

    def rows(self, *columns):
        made, rows = [], Rows(self.table)
        for place, data in self.read(*columns):
            for row, reason in rows.of(data):
                end = {"_strange": rows.unknown} if reason is None else {"_data": shown(data)}
                made.append({**(row or {}), **place, **end, "_reason": reason})
        return made

    def __call__(self, frame, *columns):
        fields = ", ".join(f"`{name}`: {ddl(kind)}" for name, kind in self.types.items())
        parse = functions.udf(self.rows, f"array<struct<{fields}>>")
        return frame.select(functions.explode(parse(*columns)).alias("_row")).select("_row.*")


def lines_of(root):
    """Reads the lines of a landed object; `root` is the folder of topics."""

    def read(name, content):
        data = gzip.decompress(content) if name.endswith(".gz") else content
        key = name[name.find(f"/{root}/") + 1 :]
        for number, line in enumerate(bytes(data).split(b"\n"), 1):
            line = line.rstrip(b"\r")
            if line.strip(b" \t"):
                yield {"_object": key, "_line": number}, line

    return read


def message(shard, sequence, key, arrival, data):
    """Reads a record of a stream: the columns that Lake.source() gives."""
    place = {"_shard": shard, "_sequence": sequence, "_key": key, "_arrival": arrival}
    yield place, bytes(data or b"")


class Lake:
    """The pipeline's tables below one store: "s3://bucket", or a folder."""

    def __init__(self, pipeline, store=None, spark=None):
        self.pipeline = pipeline
        self.store = (store or self.parameter("store", pipeline.STORE)).rstrip("/")
        self.spark = spark or SparkSession.builder.appName(pipeline.NAME).getOrCreate()
        for statement in statements(pipeline.PRELUDE):
            self.spark.sql(statement)

    @staticmethod
    def parameter(name, default):
        """A notebook's widget, or the job's argument `--name value`."""
        words = sys.argv[1:]
        if f"--{name}" in words[:-1]:
            return words[words.index(f"--{name}") + 1]
        utils = getattr(__import__("__main__"), "dbutils", None)
        if utils is not None:
            utils.widgets.text(name, default)
            return utils.widgets.get(name)
        return default

    def path(self, key):
        return f"{self.store}/{key}"

    @staticmethod
    def finish(result):
        """Prints the result as JSON, and hands it to the job that runs the notebook."""
        print(json.dumps(result))
        utils = getattr(__import__("__main__"), "dbutils", None)
        if utils is not None:
            utils.notebook.exit(json.dumps(result))

    # --- batch ------------------------------------------------------------------------------

    def folders(self, key):
        """The names of the folders below a key; fails if the store cannot be read."""
        utils = getattr(__import__("__main__"), "dbutils", None)
        if utils is not None:
            return [entry.name.rstrip("/") for entry in utils.fs.ls(self.path(key))]
        jvm = self.spark._jvm
        path = jvm.org.apache.hadoop.fs.Path(self.path(key))
        system = path.getFileSystem(self.spark._jsc.hadoopConfiguration())
        return [status.getPath().getName() for status in system.listStatus(path)]

    def check(self):
        """Is the store there and readable?"""
        return {"store": self.store, "topics": len(self.folders(self.pipeline.TOPICS_DIR))}

    def overwrite(self, frame, key, where=None):
        writer = frame.write.format("delta").mode("overwrite")
        if where is not None:
            writer = writer.option("replaceWhere", where)
        else:
            writer = writer.option("overwriteSchema", "true")
        writer.save(self.path(key))

    def load(self, name):
        """All landed objects of the table's topics become its rows."""
        table = self.pipeline.TABLES[name]
        topics = [
            topic
            for topic in sorted(self.folders(self.pipeline.TOPICS_DIR))
            if fnmatch.fnmatchcase(topic, table["from_topic"])
        ]
        places = {"_object": "string", "_line": "bigint"}
        parse = Parser(table, places, lines_of(self.pipeline.TOPICS_DIR))
        result = {"table": name, "objects": 0, "bytes": 0}
        if topics:
            files = (
                self.spark.read.format("binaryFile")
                .option("pathGlobFilter", "*.json{,.gz}")
                .option("recursiveFileLookup", "true")
                .load([self.path(f"{self.pipeline.TOPICS_DIR}/{topic}") for topic in topics])
            )
            read = files.selectExpr("count(*)", "coalesce(sum(length), 0)").first()
            result["objects"], result["bytes"] = read
            frame = kept(parse(files, "path", "content"))
        else:
            frame = self.spark.createDataFrame([], schema_of(parse.types))
        # First the dead letters: what fails in between is missing from neither.
        result["dead_letters"] = self.keep_dead_letters(name, frame.where("_reason IS NOT NULL"))
        columns = [f"`{column}`" for column in columns_of(table)]
        self.overwrite(frame.where("_reason IS NULL").selectExpr(*columns), table["path"])
        result["version"] = self.version(table["path"])
        return {**result, **self.count(frame)}

    @staticmethod
    def count(frame):
        """How many rows there are, and what they have that no column takes."""
        rows, unknown = (
            frame.where("_reason IS NULL")
            .selectExpr("count(*)", "coalesce(sum(size(_strange)), 0)")
            .first()
        )
        result = {"rows": rows, "unknown_values": unknown}
        if unknown > 0:
            names = (
                frame.where("_reason IS NULL")
                .selectExpr("explode(_strange) AS name", "struct(_object, _line) AS place")
                .groupBy("name")
                .agg(functions.count("*").alias("values"), functions.min("place").alias("place"))
            )
            found = names.orderBy(functions.desc("values"), "name").limit(UNKNOWN_SHOWN).collect()
            result["unknown"] = [{"name": row.name, "values": row["values"]} for row in found]
            result["more_names"] = names.count() - len(found)
            result["place"], result["line"] = found[0].place
        return result

    def keep_dead_letters(self, name, frame):
        """Replaces the dead letters of this table; those of others stay."""
        topic = "regexp_extract(_object, '^[^/]+/([^/]+)/', 1)"
        values = {
            "table": f"'{name}'", "topic": topic,
            "partition": "try_cast(regexp_extract(_object, '/partition=([0-9]+)/', 1) AS int)",
            "offset": "cast(NULL AS bigint)", "object": "_object", "line": "_line",
            "reason": "_reason", "value": "_data", "timestamp": "cast(NULL AS timestamp)",
        }  # fmt: skip
        letters = frame.selectExpr(*[f"{value} AS `{column}`" for column, value in values.items()])
        path = self.path(self.pipeline.DEAD_LETTERS)
        where = f"`table` = '{name}' AND `object` IS NOT NULL"
        if self.has_table(path):
            self.overwrite(letters, self.pipeline.DEAD_LETTERS, where)
        else:
            letters.write.format("delta").save(path)
        return letters.count()

    def has_table(self, path):
        from pyspark.errors import AnalysisException

        try:
            return self.spark.read.format("delta").load(path).schema is not None
        except AnalysisException:
            return False

    def version(self, key):
        """The newest version of a table that exists."""
        return self.spark.sql(f"DESCRIBE HISTORY delta.`{self.path(key)}` LIMIT 1").first().version

    def at_version(self, key, version):
        reader = self.spark.read.format("delta").option("versionAsOf", version)
        return reader.load(self.path(key))

    def paths(self):
        """Every table that SQL may name -> its key."""
        tables = {name: table["path"] for name, table in self.pipeline.TABLES.items()}
        return {
            **tables,
            "dead_letters": self.pipeline.DEAD_LETTERS,
            "stream_dead_letters": self.pipeline.STREAM_DEAD_LETTERS,
        }

    def views(self, names):
        """Tables under the names by which SQL calls them, those that exist, each at its newest
        version; gives name -> version."""
        versions, paths = {}, self.paths()
        for name in names:
            if self.has_table(self.path(paths[name])):
                versions[name] = self.version(paths[name])
                self.at_version(paths[name], versions[name]).createOrReplaceTempView(name)
        return versions

    def transform(self, name, sql):
        """The SELECT's rows become the table; its columns must be the declared ones."""
        table = self.pipeline.TABLES[name]
        read = self.views(table["reads"])
        frame = self.typed(self.spark.sql(sql), table)
        self.overwrite(frame, table["path"])
        version = self.version(table["path"])
        rows = self.at_version(table["path"], version).count()
        return {"table": name, "version": version, "rows": rows, "read_versions": read}

    @staticmethod
    def typed(frame, table):
        wanted = columns_of(table)
        if frame.columns != list(wanted):
            raise ValueError(f"the columns must be {list(wanted)}, not {frame.columns}")
        return frame.selectExpr(
            *[f"CAST(`{name}` AS {ddl(kind)}) AS `{name}`" for name, kind in wanted.items()]
        )

    def query(self, sql):
        """The answer of a query over the tables that it names."""
        words = set(re.findall(r"\w+", sql))
        self.views(name for name in self.paths() if name in words)
        return self.spark.sql(sql)

    # --- streams ----------------------------------------------------------------------------

    def source(self, stream, source):
        """Records with shard, sequence, key, arrival and data. Kinesis's source is Databricks's;
        open-source Spark has Kafka's, of a topic with the stream's name."""
        if source == "kinesis":
            frame = (
                self.spark.readStream.format("kinesis")
                .option("streamName", stream["name"])
                .option("region", self.parameter("region", "us-east-1"))
                .option("initialPosition", stream["start"])
                .load()
            )
            names = ("shardId", "sequenceNumber", "partitionKey", "approximateArrivalTimestamp")
            names = (*names, "data")
        else:
            frame = (
                self.spark.readStream.format("kafka")
                .option("kafka.bootstrap.servers", self.parameter("brokers", "localhost:9092"))
                .option("subscribe", stream["name"])
                .option("startingOffsets", stream["start"])
                .load()
            )
            names = ("partition", "offset", "key", "timestamp", "value")
        shard, sequence, key, arrival, data = names
        return frame.selectExpr(
            f"cast({shard} AS string) AS shard", f"cast({sequence} AS string) AS sequence",
            f"cast({key} AS string) AS key", f"{arrival} AS arrival", f"{data} AS data",
        )  # fmt: skip

    def append_batch(self, name, sql, batch, number):
        """One micro-batch: parsed, cleaned, appended once, however often Spark repeats it."""
        table = self.pipeline.TABLES[name]
        raw_name = self.pipeline.TABLES[table["like"]]["reads"][0]
        raw = self.pipeline.TABLES[raw_name]
        places = {"_shard": "string", "_sequence": "string", "_key": "string"}
        parse = Parser(raw, {**places, "_arrival": "timestamp"}, message)
        spark = batch.sparkSession
        frame = kept(parse(batch, "shard", "sequence", "key", "arrival", "data"))
        columns = [f"`{column}`" for column in columns_of(raw)]
        frame.where("_reason IS NULL").selectExpr(*columns).createOrReplaceTempView(raw_name)
        for statement in statements(self.pipeline.PRELUDE):
            spark.sql(statement)
        rows = self.typed(spark.sql(sql), table)
        self.append(rows, table["path"], name, number)
        letters = frame.where("_reason IS NOT NULL")
        values = {
            "table": f"'{name}'", "stream": f"'{table['stream']['name']}'", "shard": "_shard",
            "sequence_number": "_sequence", "partition_key": "_key", "arrival": "_arrival",
            "reason": "_reason", "data": "_data",
        }  # fmt: skip
        named = [f"{value} AS `{column}`" for column, value in values.items()]
        letters = letters.selectExpr(*named)
        if not letters.isEmpty():
            self.append(letters, self.pipeline.STREAM_DEAD_LETTERS, name, number)

    def append(self, frame, key, app, number):
        (
            frame.write.format("delta").mode("append")
            .option("txnAppId", f"{self.pipeline.NAME}/{app}").option("txnVersion", number)
            .save(self.path(key))
        )  # fmt: skip

    def stream(self, name, sql, source, available_now=False):
        """Starts the table's stream. A second stream on the same table needs another checkpoint."""
        table = self.pipeline.TABLES[name]
        frame = self.source(table["stream"], source)
        if table["stream"]["partition_key"] is not None:
            frame = frame.where(f"key = '{table['stream']['partition_key']}'")
        checkpoint = f"{table['checkpoints']}/spark"
        writer = frame.writeStream.option("checkpointLocation", self.path(checkpoint))
        if available_now:
            writer = writer.trigger(availableNow=True)
        return writer.foreachBatch(
            lambda batch, number: self.append_batch(name, sql, batch, number)
        ).start()
