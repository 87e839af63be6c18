"""The pipeline's tables on Spark and Delta Lake, for the notebooks and jobs beside this file.

`pinion deploy spark` writes pinion_pipeline.py, the notebooks and the queries; this file and
pinion_record.py are copied as they are. Everything runs on Databricks (clusters and serverless) and
by spark-submit with Delta's package."""

import base64
import contextlib
import fnmatch
import gzip
import json
import re
import sys

import pinion_grow
import pinion_letters
import pinion_record
import pinion_run
import pinion_table
from pinion_record import BOM, Rows
from pinion_table import (
    columns_of, ddl, generate, kept, names_of, path_of, protocol, schema_of,
)
from pinion_write import Writing
from pyspark import cloudpickle
from pyspark.sql import SparkSession, functions

UNKNOWN_SHOWN = 10  # names of members that no column takes, in a result
LETTER_BYTES_MAX = 1 << 20  # of a value that a dead letter has

# Spark's workers may not find these files: they get the code itself.
cloudpickle.register_pickle_by_value(pinion_record)
cloudpickle.register_pickle_by_value(pinion_table)
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def statements(sql):
    """The statements of a prelude: each ends with a semicolon at the end of a line."""
    code = "\n".join(line for line in sql.splitlines() if not line.startswith("--"))
    return [statement for statement in code.split(";\n") if statement.strip(" ;\n")]


def shown(data, what):
    """A record's bytes in a dead letter, as text, else base64; and what its reason says of that."""
    end, note = len(data), ""
    if end > LETTER_BYTES_MAX:
        note = f" (only the beginning of the {what} is stored)"
        end = LETTER_BYTES_MAX
        while end > 0 and data[end] & 0xC0 == 0x80:  # not within a character
            end -= 1
    try:
        return data[:end].decode("utf-8"), note
    except UnicodeDecodeError:
        return base64.b64encode(data[:end]).decode("ascii"), f"{note} (the {what} is in base64)"


class Parser:
    """A function for Spark's workers: from an input row's columns to rows of the table. Each has
    the table's columns, the place it comes from, `_strange` (the members that no column takes), and
    `_reason` and `_data` of a dead letter; `_reason` is null for a row. `read` gives (place, data)
    of an input row's columns, and `what` is the name of the data in a reason."""

    def __init__(self, table, places, read, what):
        self.table, self.read, self.what = table, read, what
        ends = {"_reason": "string", "_data": "string", "_strange": "array<string>"}
        self.types = {**columns_of(table), **ends, **places}

    def rows(self, *columns):
        made, rows = [], Rows(self.table)
        for place, data in self.read(*columns):
            for row, reason in rows.of(data):
                end = {"_strange": rows.unknown, "_reason": reason}
                if reason is not None:
                    end["_data"], note = shown(data, self.what)
                    end["_reason"] += note
                made.append({**(row or {}), **place, **end})
        return made

    def __call__(self, frame, *columns):
        fields = ", ".join(f"`{name}`: {ddl(kind)}" for name, kind in self.types.items())
        parse = functions.udf(self.rows, f"array<struct<{fields}>>")
        return frame.select(functions.explode(parse(*columns)).alias("_row")).select("_row.*")


def lines_of(store, root):
    """Reads the lines of a landed object below the folder `root` of the store."""
    begin = f"{path_of(store)}/{root}/"

    def read(name, content):
        data = gzip.decompress(content) if name.endswith(".gz") else content
        key = f"{root}/{path_of(name).partition(begin)[2]}"
        for number, line in enumerate(bytes(data).split(b"\n"), 1):
            if line.removeprefix(BOM).strip(b" \t\r"):
                yield {"_object": key, "_line": number}, line

    return read


def message(shard, sequence, key, arrival, data):
    """Reads a record of a stream: the columns that Lake.source() gives."""
    place = {"_shard": shard, "_sequence": sequence, "_key": key, "_arrival": arrival}
    yield place, bytes(data or b"")


class Lake:
    """The pipeline's tables below one store: "s3://bucket", or a folder."""

    def __init__(self, pipeline, store=None, spark=None, made_by=None, run=None):
        """`made_by` is what pinion finds in the commits (delta/maker.h). `run` has what SQL reads
        of the run, by the names of pinion_run.NAMES; else the parameters have it."""
        if run is None:
            run = {name: self.parameter(name, "") for name in pinion_run.NAMES}
        self.run = pinion_run.Run(run)
        self.pipeline, self.made_by = pipeline, made_by
        self.store = (store or self.parameter("store", pipeline.STORE)).rstrip("/")
        self.spark = spark or SparkSession.builder.appName(pipeline.NAME).getOrCreate()
        # Spark would write times as INT96, which few readers take for the years 1 to 9999.
        self.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        if made_by is not None:
            self.set(pinion_table.METADATA, self.metadata())
        self.set("spark.sql.session.timeZone", "UTC")  # of days, months and hours
        self.define(self.spark)

    def define(self, spark):
        """What SQL finds in a session: the values of the run, and the prelude's functions."""
        for statement in (*self.run.functions(), *statements(self.pipeline.PRELUDE)):
            spark.sql(statement)

    def set(self, name, value):
        from pyspark.errors import PySparkException

        try:
            if value is None:
                self.spark.conf.unset(name)
            else:
                self.spark.conf.set(name, value)
        except PySparkException:
            return  # serverless compute has settings of its own

    def metadata(self, **more):
        """A commit's text for pinion."""
        made_by = {} if self.made_by is None else {"madeBy": self.made_by}
        return json.dumps({**made_by, **more}, ensure_ascii=False)

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

    def hadoop(self, key):
        """The key's path, and its file system, of Hadoop."""
        path = self.spark._jvm.org.apache.hadoop.fs.Path(self.path(key))
        return path, path.getFileSystem(self.spark._jsc.hadoopConfiguration())

    def folders(self, key):
        """The names of the folders below a key, in order; fails if the store cannot be read."""
        utils = getattr(__import__("__main__"), "dbutils", None)
        if utils is not None:
            return sorted(entry.name.rstrip("/") for entry in utils.fs.ls(self.path(key)))
        path, system = self.hadoop(key)
        return sorted(status.getPath().getName() for status in system.listStatus(path))

    def has_folder(self, key):
        utils = getattr(__import__("__main__"), "dbutils", None)
        if utils is None:
            path, system = self.hadoop(key)
            return system.exists(path)
        try:
            return utils.fs.ls(self.path(key)) is not None
        except Exception as failure:
            if "FileNotFoundException" in str(failure):
                return False
            raise

    def objects(self, form):
        """A reader of landed objects."""
        reader = self.spark.read.format(form).option("pathGlobFilter", "*.json{,.gz}")
        return reader.option("recursiveFileLookup", "true")

    def load_of(self, reader, keys):
        """What a reader reads of objects, or below folders. Spark takes paths for patterns."""
        return reader.load([re.sub(r"([][{}*?\\])", r"\\\1", self.path(key)) for key in keys])

    def has_object(self, key):
        path, system = self.hadoop(key)
        return system.exists(path)

    def text(self, key):
        """An object as text; None: it is not there."""
        path, system = self.hadoop(key)
        if not system.exists(path):
            return None
        stream = system.open(path)
        try:
            return self.spark._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8")
        finally:
            stream.close()

    def local(self, key):
        """The path of a file of this machine; None where the store is a bucket."""
        is_local = self.store.startswith(("/", "file:"))
        return f"{path_of(self.store)}/{key}" if is_local else None

    def landed(self, keys):
        """Topic, key and time in milliseconds of each landed object below the folders."""
        root, begin = self.pipeline.TOPICS_DIR, f"{path_of(self.store)}/"
        files = self.load_of(self.objects("binaryFile"), keys)
        files = files.selectExpr("path", "unix_millis(modificationTime)").collect()
        for path, modified_ms in files:
            key = path_of(path).partition(begin)[2]
            yield key.removeprefix(f"{root}/").partition("/")[0], key, modified_ms

    def check(self):
        """Is the store there and readable?"""
        return {"store": self.store, "topics": len(self.folders(self.pipeline.TOPICS_DIR))}

    def overwrite(self, frame, key, where=None, notes=None):
        """`notes` are what pinion finds in the commit (engine/unknown_note.h)."""
        writer = frame.write.format("delta").mode("overwrite")
        if notes is not None:
            writer = writer.option("userMetadata", self.metadata(pinion=notes))
        if where is not None:  # an older table may lack columns
            writer = writer.option("replaceWhere", where).option("mergeSchema", "true")
        else:
            writer = writer.option("overwriteSchema", "true")
        writer.save(self.path(key))

    def load(self, name):
        """All landed objects of the table's topics become its rows."""
        with contextlib.ExitStack() as until:
            return self.load_until(name, until)

    def load_until(self, name, until):
        table = self.pipeline.TABLES[name]
        topics = [
            topic
            for topic in self.folders(self.pipeline.TOPICS_DIR)
            if fnmatch.fnmatchcase(topic, table["from_topic"])
        ]
        places = {"_object": "string", "_line": "bigint"}
        parse = Parser(table, places, lines_of(self.store, self.pipeline.TOPICS_DIR), "value")
        result = {"table": name, "objects": 0, "bytes": 0}
        load, chosen, files = None, None, None
        keys = [f"{self.pipeline.TOPICS_DIR}/{topic}" for topic in topics]
        if table["mode"] != "overwrite":
            load = pinion_grow.Load(self, name, until)
            chosen = load.choose(self.landed(keys) if topics else [])
            if load.is_idle(chosen):
                return {**result, "version": load.transaction.version, "rows": 0,
                        "dead_letters": load.add_sunk(), "is_unchanged": True}  # fmt: skip
            keys = [key for _, key, _ in chosen]
        if topics and keys:
            files = self.load_of(self.objects("binaryFile"), keys)
            read = files.selectExpr("count(*)", "coalesce(sum(length), 0)").first()
            result["objects"], result["bytes"] = read
            frame = kept(parse(files, "path", "content"), until)
        else:
            frame = self.spark.createDataFrame([], schema_of(parse.types))
        columns = [f"`{column}`" for column in columns_of(table)]
        rows = frame.where("_reason IS NULL").selectExpr(*columns)
        counts = self.count(frame)
        rows, tested = self.tested(name, rows, until, load and load.stays(),
                                   load and load.preview())  # fmt: skip
        # First the dead letters: what fails in between is missing from neither.
        if load is None or load.afresh:
            listed = None if load is None else {key for _, key, _ in chosen}
            counts["dead_letters"] = self.keep_dead_letters(
                name, frame, counts["dead_letters"], listed)
        else:
            letters = self.dead_letters(name, frame, pinion_letters.sunk(self, name))
            counts["dead_letters"] += load.add_dead_letters(letters, counts["dead_letters"])
        if load is not None:
            load.settle(chosen, files)
            done = load.commit(rows, self.notes(counts))
            return {**result, **counts, **tested, **done}
        Writing(self, name).overwrite(rows, until, self.notes(counts))
        return {**result, **counts, **tested, "version": self.version(table["path"])}

    def tested(self, name, rows, until, stays=None, preview=None):
        """The rows that may be written by the table's tests, and what to report (pinion_expect)."""
        if not self.pipeline.TABLES[name]["expects"]:
            return rows, {}
        import pinion_expect

        return pinion_expect.run(self, name, rows, until, stays, preview)

    @staticmethod
    def notes(counts):
        """What a load says in its commit about the members that no column takes."""
        said = {"values": counts["unknown_values"]}
        if said["values"] > 0:
            said |= {"names": counts["unknown"], "moreNames": counts["more_names"]}
            said |= {"object": counts["place"], "line": counts["line"]}
        return {"unknownMembers": said}

    @staticmethod
    def count(frame):
        """How many rows and dead letters there are, and what they have that no column takes."""
        rows, letters, unknown = frame.selectExpr(
            "count_if(_reason IS NULL)", "count_if(_reason IS NOT NULL)",
            "coalesce(sum(size(_strange)), 0)",
        ).first()  # fmt: skip
        result = {"rows": rows, "dead_letters": letters, "unknown_values": unknown}
        if unknown > 0:
            names = (
                frame.selectExpr("explode(_strange) AS name", "struct(_object, _line) AS place")
                .groupBy("name")
                .agg(functions.count("*").alias("values"), functions.min("place").alias("place"))
            )
            found = names.orderBy(functions.desc("values"), "name").limit(UNKNOWN_SHOWN).collect()
            result["unknown"] = [{"name": row.name, "values": row["values"]} for row in found]
            result["more_names"] = names.count() - len(found)
            result["place"], result["line"] = found[0].place
        return result

    def keep_dead_letters(self, name, frame, count, listed):
        """Replaces the dead letters of this table by the frame's `count` and those of the sink;
        those of other tables stay. Gives how many they are."""
        sunk = pinion_letters.sunk(self, name)
        count += 0 if sunk is None else sunk.count()
        pinion_letters.replace(self, name, self.dead_letters(name, frame, sunk), count, listed)
        return count

    def dead_letters(self, name, frame, sunk):
        """Those of the frame, and those of the sink."""
        rejected = frame.where("_reason IS NOT NULL")
        letters = pinion_letters.letters_of(rejected, self.places_of(name))
        return letters if sunk is None else letters.union(sunk)

    def places_of(self, name):
        """The columns of a dead letter in a frame of records."""
        below = len(self.pipeline.TOPICS_DIR) + 2  # from 1, as SQL counts
        topic = f"substring_index(substring(_object, {below}), '/', 1)"
        values = {
            "table": f"'{name}'", "topic": topic,
            "partition": "try_cast(regexp_extract(_object, '/partition=([0-9]+)/', 1) AS int)",
            "object": "_object", "line": "_line", "reason": "_reason", "value": "_data",
        }  # fmt: skip
        return {column: functions.expr(value) for column, value in values.items()}

    def has_table(self, path):
        from pyspark.errors import AnalysisException

        try:
            return self.spark.read.format("delta").load(path).schema is not None
        except AnalysisException:
            return False

    def version(self, key):
        """The newest version of a table that exists."""
        return self.spark.sql(f"DESCRIBE HISTORY delta.`{self.path(key)}` LIMIT 1").first().version

    def at_version(self, key, version, spark=None):
        reader = (spark or self.spark).read.format("delta").option("versionAsOf", version)
        return reader.load(self.path(key))

    def paths(self):
        """Every table that SQL may name -> its key."""
        tables = {name: table["path"] for name, table in self.pipeline.TABLES.items()}
        return {
            **tables,
            "dead_letters": self.pipeline.DEAD_LETTERS,
            "stream_dead_letters": self.pipeline.STREAM_DEAD_LETTERS,
        }

    def views(self, names, spark=None):
        """Tables under the names by which SQL calls them, those that exist, each at its newest
        version; gives name -> version. A stream's batches have a session of their own."""
        versions, paths = {}, self.paths()
        for name in names:
            if self.has_table(self.path(paths[name])):
                versions[name] = self.version(paths[name])
                frame = self.at_version(paths[name], versions[name], spark)
                frame.createOrReplaceTempView(name)
        return versions

    def transform(self, name, sql):
        """The SELECT's rows become the table; its columns must be the declared ones."""
        table = self.pipeline.TABLES[name]
        if table["mode"] != "overwrite":
            with contextlib.ExitStack() as until:
                return pinion_grow.transform(self, name, sql, until)
        read = self.views(table["reads"])
        with contextlib.ExitStack() as until:
            frame = self.typed(self.spark.sql(sql), table)
            frame, tested = self.tested(name, frame, until, self.stays(table))
            frame = frame if table["replace_where"] is None else kept(frame, until)
            Writing(self, name).overwrite(frame, until)
            version = self.version(table["path"])
            whole = table["replace_where"] is None
            rows = (self.at_version(table["path"], version) if whole else frame).count()
        result = {"table": name, "version": version, "rows": rows, "read_versions": read}
        return {**result, **tested}

    def stays(self, table):
        """The rows of a table that a run with `replace_where` keeps; None: none is."""
        if table["replace_where"] is None or not self.has_table(self.path(table["path"])):
            return None
        rows = self.at_version(table["path"], self.version(table["path"]))
        return rows.where(f"NOT coalesce(({self.run.put_in(table['replace_where'])}\n), false)")

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
        with contextlib.ExitStack() as until:
            self.append_until(name, sql, batch, number, until)

    def append_until(self, name, sql, batch, number, until):
        table = self.pipeline.TABLES[name]
        raw = self.pipeline.TABLES[table["in_place_of"]]
        places = {"_shard": "string", "_sequence": "string", "_key": "string"}
        parse = Parser(raw, {**places, "_arrival": "timestamp"}, message, "data")
        spark = batch.sparkSession
        frame = kept(parse(batch, "shard", "sequence", "key", "arrival", "data"), until)
        columns = [f"`{column}`" for column in columns_of(raw)]
        good = frame.where("_reason IS NULL").selectExpr(*columns)
        good.createOrReplaceTempView(table["in_place_of"])
        read = self.views(table["reads"], spark)
        if missing := [name for name in table["reads"] if name not in read]:
            raise ValueError(f"table '{missing[0]}' does not exist yet, and '{name}' joins it")
        self.define(spark)
        rows = self.typed(spark.sql(sql), table)
        self.append(generate(rows, table), table["path"], name, number, table["partitions"])
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

    def append(self, frame, key, app, number, partitions=()):
        with protocol(self, partitions):
            (
                frame.write.format("delta").mode("append").partitionBy(names_of(partitions))
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
