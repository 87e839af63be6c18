"""The batch engine of pinion on Spark: what a job does.

pinion writes <folder>/request.json into the store and starts pinion_job.py with `--job <folder>`.
The request has the pipeline's definition, so nothing here belongs to one pipeline. The job does
what the request says, writes <folder>/result.json, and hands the same to the job's output, without
a query's rows. docs/spark.md describes both files."""

import ast
import base64
import ctypes
import datetime
import decimal
import json
import os
import re
import sys
import time
import traceback
import types

from pyspark.sql import SparkSession

from pinion_spark import Lake, columns_of, schema_of

ANSWER_BYTES_MAX = 64 << 20
FUNCTIONS_REFUSED = {"reflect", "try_reflect", "java_method"}  # they call any Java method
TABLE_FUNCTIONS = {
    "explode", "explode_outer", "inline", "inline_outer", "posexplode", "posexplode_outer", "range",
    "stack", "json_tuple",
}  # fmt: skip
TYPES = {
    "string": "VARCHAR", "byte": "TINYINT", "short": "SMALLINT", "integer": "INTEGER",
    "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE", "boolean": "BOOLEAN", "binary": "BLOB",
    "date": "DATE", "timestamp": "TIMESTAMP WITH TIME ZONE", "timestamp_ntz": "TIMESTAMP",
    "void": "NULL",
}  # fmt: skip


class Wrong(Exception):
    """What the pipeline or a query asks for cannot be done; the same again fails again."""


# --- a query's answer ---------------------------------------------------------------------------


def type_of(kind):
    """A type, given as Spark's JSON, as pinion shows it."""
    if isinstance(kind, str):
        return TYPES.get(kind, kind.upper())
    if kind["type"] == "struct":
        fields = (f'"{field["name"]}" {type_of(field["type"])}' for field in kind["fields"])
        return f"STRUCT({', '.join(fields)})"
    if kind["type"] == "array":
        return f"{type_of(kind['elementType'])}[]"
    if kind["type"] == "map":
        return f"MAP({type_of(kind['keyType'])}, {type_of(kind['valueType'])})"
    return type_of(kind["type"])


def value_of(value):
    """A value for JSON, as pinion shows it: 180.0 is 180, an instant ends in Z."""
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return None
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.datetime):
        fraction = f".{value.microsecond:06}" if value.microsecond else ""
        return f"{value.year:04}{value:-%m-%dT%H:%M:%S}{fraction}"
    if isinstance(value, (datetime.date, datetime.timedelta)):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "asDict"):
        return {name: value_of(part) for name, part in zip(value.__fields__, value)}
    if isinstance(value, dict):
        return {str(value_of(key)): value_of(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [value_of(part) for part in value]
    return value


def with_zones(frame):
    """Instants become texts with their Z, at the top and in structs; Spark gives both kinds of
    times as the same Python type."""
    from pyspark.sql import functions
    from pyspark.sql.types import StructType, TimestampType

    def holds(kind):
        if isinstance(kind, StructType):
            return any(holds(field.dataType) for field in kind.fields)
        return isinstance(kind, TimestampType)

    def shown(column, kind):
        if isinstance(kind, TimestampType):
            seconds = functions.date_format(column, "yyyy-MM-dd'T'HH:mm:ss")
            fraction = functions.date_format(column, ".SSSSSS")
            fraction = functions.when(fraction == ".000000", "").otherwise(fraction)
            return functions.concat(seconds, fraction, functions.lit("Z"))
        parts = [
            shown(column[f"`{field.name}`"], field.dataType).alias(field.name)
            if holds(field.dataType) else column[f"`{field.name}`"].alias(field.name)
            for field in kind.fields
        ]  # fmt: skip
        return functions.when(column.isNotNull(), functions.struct(*parts))

    names = [f"_{number}" for number in range(len(frame.columns))]
    frame = frame.toDF(*names)  # an answer may have a name twice
    columns = [
        shown(frame[name], field.dataType) if holds(field.dataType) else frame[name]
        for name, field in zip(names, frame.schema.fields)
    ]
    return frame.select([column.alias(name) for column, name in zip(columns, names)])


# --- what may be asked --------------------------------------------------------------------------


def code_of(sql):
    """The SQL without what comments and literals say."""
    return re.sub(
        r"/\*.*?\*/|--[^\n]*|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", " ", sql, flags=re.DOTALL
    )


def check_select(lake, sql):
    """Is it one SELECT, which reads the pipeline's tables and nothing else?"""
    code = code_of(sql)
    words = re.findall(r"\w+", code.lower())
    if not words or words[0] not in ("select", "with", "values") or "insert" in words:
        raise Wrong("the statement is not a SELECT: a query reads the pipeline's tables")
    refused = FUNCTIONS_REFUSED.intersection(words)
    if refused:
        raise Wrong(f"the function {min(refused)} is not allowed in a query")
    session = getattr(lake.spark, "_jsparkSession", None)
    if session is None:
        raise Wrong("a query needs a cluster of its own (spark.cluster), not serverless compute")
    plan = session.sessionState().sqlParser().parsePlan(sql).toString()
    known = set(lake.paths()) | set(re.findall(r"(\w+)\s*(?:\([^()]*\))?\s+as\s*\(", code.lower()))
    for names in re.findall(r"UnresolvedRelation \[([^\]]*)\]", plan):
        if names.lower() not in {name.lower() for name in known}:
            raise Wrong(f"there is no table {names.replace(', ', '.')} in the pipeline")
    for name in re.findall(r"UnresolvedTableValuedFunction \[([^\]]*)\]", plan):
        if name.lower() not in TABLE_FUNCTIONS:
            raise Wrong(f"the function {name} is not allowed in a query")


# --- the actions --------------------------------------------------------------------------------


def timed(make, *about):
    started = time.monotonic()
    return {**make(*about), "duration_ms": int((time.monotonic() - started) * 1000)}


def load(lake, request):
    return {"tables": [timed(lake.load, table["name"]) for table in request["tables"]]}


def transform(lake, request):
    tables = request["tables"]
    return {"tables": [timed(lake.transform, table["name"], table["sql"]) for table in tables]}


def query(lake, request):
    check_select(lake, request["sql"])
    words = set(re.findall(r"\w+", request["sql"].lower()))
    versions = lake.views(name for name in lake.paths() if name.lower() in words)
    arguments = request.get("parameters") or None
    frame = lake.spark.sql(request["sql"], args=arguments) if arguments else lake.spark.sql(
        request["sql"])  # fmt: skip
    columns = [
        {"name": field.name, "type": type_of(field.dataType.jsonValue())}
        for field in frame.schema.fields
    ]
    rows, size = [], 0
    for row in with_zones(frame).toLocalIterator():
        rows.append([json.dumps(value_of(value), ensure_ascii=False) for value in row])
        size += sum(map(len, rows[-1]))
        if size > ANSWER_BYTES_MAX:
            raise Wrong("the answer is larger than 64 MiB: add a LIMIT")
    return {"columns": columns, "rows": rows, "versions": versions}


def check(lake, request):
    """The columns of each SELECT, and whether each query can be analysed; no table is read."""
    spark = lake.spark
    for name, table in lake.pipeline.TABLES.items():
        empty = spark.createDataFrame([], schema_of(columns_of(table)))
        empty.createOrReplaceTempView(name)
    for table in request["tables"]:
        with about(table["file"]):
            lake.typed(spark.sql(table["sql"]), lake.pipeline.TABLES[table["name"]]).schema
    for asked in request["queries"]:
        with about(asked["file"]):
            check_select(lake, asked["sql"])
            spark.sql(asked["sql"]).schema
    return {}


class about:
    """Errors within say which file they are about."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, kind, failure, _):
        if failure is not None:
            class_, message = explained(failure)
            if class_ != "input":
                return False
            raise Wrong(f"{self.file}: {message}") from None
        return False


def optimize(lake, request):
    """Merges files that are smaller than the target."""
    name = f"delta.`{lake.path(request['path'])}`"
    for setting in ("maxFileSize", "minFileSize"):
        lake.spark.conf.set(
            f"spark.databricks.delta.optimize.{setting}", str(request["target_bytes"])
        )
    before = lake.spark.sql(f"DESCRIBE DETAIL {name}").first().numFiles
    lake.spark.sql(f"OPTIMIZE {name}")
    after = lake.spark.sql(f"DESCRIBE DETAIL {name}").first().numFiles
    return {"files_before": before, "files_after": after}


ACTIONS = {
    "load": load, "transform": transform, "query": query, "check": check, "optimize": optimize,
}  # fmt: skip


# --- the job ------------------------------------------------------------------------------------


def explained(failure):
    """The class of a failure, as pinion's engine has them, and a message for a person."""
    text = str(failure).strip()
    message = text.split("\n\nJVM stacktrace:")[0].split("\nAt ")[0][:900] or repr(failure)
    kind = type(failure).__name__
    if isinstance(failure, (Wrong, ValueError)):
        return "input", message
    if re.search(r"DATA_SOURCE_NOT_FOUND|Failed to find the data source: delta|"
                 r"(DeltaCatalog|DeltaSparkSessionExtension)", text):  # fmt: skip
        return "fatal", f"Spark does not find Delta Lake: set spark.packages or spark.jars ({kind})"
    if "concurrent" in kind.lower() or "DELTA_CONCURRENT" in text:
        return "conflict", message
    if re.search(r"No FileSystem for scheme|UnsupportedFileSystemException|ClassNotFoundException: "
                 r"Class org.apache.hadoop.fs", text):  # fmt: skip
        return "fatal", f"{message} (add the file system's package to spark.packages)"
    if "Cannot run program" in text or "PYTHON_VERSION_MISMATCH" in text:
        return "fatal", f"{message} (set spark.python)"
    if kind in ("AnalysisException", "ParseException"):
        return "input", message
    return "retry", f"{kind}: {message}"


class Objects:
    """Small objects of the store, read and written as text."""

    def __init__(self, store, spark):
        self.store, self.spark = store.rstrip("/"), spark

    def is_folder(self):
        return re.match(r"(?!file:)[a-z0-9+.-]+:", self.store) is None

    def path(self, key):
        return f"{self.store}/{key}"

    def local(self, key):
        return self.path(key).removeprefix("file://")

    def read(self, key):
        """Its text, or None where there is none."""
        if self.is_folder():
            try:
                with open(self.local(key), encoding="utf-8") as file:
                    return file.read()
            except FileNotFoundError:
                return None
        from pyspark.errors import PySparkException

        try:
            frame = self.spark.read.text(self.path(key), wholetext=True)
            return frame.first().value
        except PySparkException:
            return None

    def write(self, key, text):
        if self.is_folder():
            path = self.local(key)
            part = f"{self.store.removeprefix('file://')}/.tmp/{os.getpid()}.spark"
            os.makedirs(os.path.dirname(part), exist_ok=True)
            with open(part, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
            return
        utils = getattr(__import__("__main__"), "dbutils", None)
        if utils is not None:
            utils.fs.put(self.path(key), text, True)
            return
        path = self.spark._jvm.org.apache.hadoop.fs.Path(self.path(key))
        system = path.getFileSystem(self.spark._jsc.hadoopConfiguration())
        stream = system.create(path, True)
        try:
            stream.write(bytearray(text, "utf-8"))
        finally:
            stream.close()


def literal(node):
    """The value of a literal, in which dict(...) may stand for a dictionary."""
    if isinstance(node, ast.Call) and node.func.id == "dict":
        return {word.arg: literal(word.value) for word in node.keywords}
    if isinstance(node, ast.Dict):
        return {literal(key): literal(of) for key, of in zip(node.keys, node.values)}
    return ast.literal_eval(node)


def definition(text):
    """The module of a pipeline, from assignments of literals: nothing in it is run."""
    module = types.ModuleType("pinion_pipeline")
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign):
            setattr(module, node.targets[0].id, literal(node.value))
    return module


def perform(token, request, store, spark):
    started = time.monotonic()
    result = {"token": token, "state": "done"}
    try:
        lake = Lake(definition(request["definition"]), store=store, spark=spark)
        result.update(ACTIONS[request["action"]](lake, request))
    except Exception as failure:
        traceback.print_exc()
        class_, message = explained(failure)
        result = {"token": token, "state": "failed", "class": class_, "message": message}
    result["duration_ms"] = int((time.monotonic() - started) * 1000)
    return result


def end_with_spark():
    """On one's own machine: the kernel ends this process when Spark's ends."""
    if sys.platform == "linux" and "--job" in sys.argv:
        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL


def run():
    """The whole job. A second run of the same request finds the first one's result."""
    end_with_spark()
    os.environ["TZ"] = "UTC"
    time.tzset()
    store, folder = Lake.parameter("store", ""), Lake.parameter("job", "")
    spark = SparkSession.builder.appName("pinion").getOrCreate()
    objects = Objects(store, spark)
    text = objects.read(f"{folder}/request.json")
    if text is None:
        sys.exit(f"there is no {store}/{folder}/request.json: does spark.store name the store?")
    asked = json.loads(text)
    earlier = objects.read(f"{folder}/result.json")
    result = json.loads(earlier) if earlier is not None else None
    if result is None or result["token"] != asked["token"] or result["state"] != "done":
        result = perform(asked["token"], asked["request"], store, spark)
        objects.write(f"{folder}/result.json", json.dumps(result, ensure_ascii=False))
    Lake.finish({name: value for name, value in result.items() if name != "rows"})
    if result["state"] == "failed":
        raise SystemExit(1)
