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

from pyspark.sql import SparkSession, functions

from pinion_delta import Moved
from pinion_expect import Tests
from pinion_plan import check_delete_when, check_incremental
from pinion_record import Number, Object, dumps
from pinion_run import WORDS
from pinion_spark import Lake
from pinion_table import generate, schema_of, stored_of

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


# Classes of SQLSTATE that are of the statement, or of the values that it meets: the next try would
# fail as well. P0 is raise_error() and assert_true().
SQL_STATES = {"0A", "21", "22", "42", "54", "P0"}


class Wrong(Exception):
    """What the pipeline or a query asks for cannot be done; the same again fails again."""


# --- a query's answer ---------------------------------------------------------------------------


def type_of(kind):
    """A type, given as Spark's JSON, as pinion shows it."""
    if isinstance(kind, str):
        return "INTERVAL" if kind.startswith("interval") else TYPES.get(kind, kind.upper())
    if kind["type"] == "struct":
        fields = (f'"{field["name"]}" {type_of(field["type"])}' for field in kind["fields"])
        return f"STRUCT({', '.join(fields)})"
    if kind["type"] == "array":
        return f"{type_of(kind['elementType'])}[]"
    return "MAP" if kind["type"] == "map" else type_of(kind["type"])


def number_of(value):
    """A double as pinion shows it: the shorter one of 180 and 1.8e+02, and as a text what JSON has
    no number for."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return Number("-0" if str(value) == "-0.0" else "0")
    exact = decimal.Decimal(repr(value))
    fixed = str(int(value)) if value.is_integer() else f"{exact:f}"
    digits = "".join(map(str, exact.as_tuple().digits)).rstrip("0")
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    power = f"{'-' if value < 0 else ''}{digits[0]}{fraction}e{exact.adjusted():+03}"
    return Number(fixed if len(fixed) <= len(power) else power)


def span_of(value):
    """An interval: "1 day 02:00:00.500000"."""
    micros = abs(value // datetime.timedelta(microseconds=1))
    sign = "-" if value < datetime.timedelta() else ""
    days, micros = divmod(micros, 86_400_000_000)
    seconds, fraction = divmod(micros, 1_000_000)
    words = [f"{sign}{days} day{'' if days == 1 else 's'}"] if days else []
    if micros or not days:
        clock = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        words.append(clock + (f".{fraction:06}" if fraction else ""))
    return " ".join(words)


def bytes_of(value):
    """What is ASCII as it is, all else as \\xHH: as DuckDB casts it."""
    plain = set(range(0x20, 0x7F)) - set(b"\\'\"")
    return "".join(chr(byte) if byte in plain else f"\\x{byte:02X}" for byte in value)


def value_of(value):
    """A value for pinion_record.dumps(), as pinion shows it; an instant's Z is there already."""
    if isinstance(value, float):
        return number_of(value)
    if isinstance(value, decimal.Decimal):
        return Number(f"{value:f}")
    if isinstance(value, datetime.datetime):
        fraction = f".{value.microsecond:06}" if value.microsecond else ""
        return f"{value.year:04}{value:-%m-%dT%H:%M:%S}{fraction}"
    if isinstance(value, datetime.timedelta):
        return span_of(value)
    if isinstance(value, datetime.date):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes_of(value)
    if hasattr(value, "asDict"):
        return Object((name, value_of(part)) for name, part in zip(value.__fields__, value))
    if isinstance(value, dict):
        return Object((key_of(value_of(key)), value_of(part)) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return [value_of(part) for part in value]
    return value


def key_of(key):
    """A map's key as a member's name: itself when it is a text, else its JSON."""
    return key if isinstance(key, str) else dumps(key)


def with_zones(frame):
    """Instants become texts with their Z, also within structs, arrays and maps; Spark gives both
    kinds of times as the same Python type."""
    from pyspark.sql.types import ArrayType, MapType, StructType, TimestampType

    def holds(kind):
        if isinstance(kind, StructType):
            return any(holds(field.dataType) for field in kind.fields)
        if isinstance(kind, MapType):
            return holds(kind.keyType) or holds(kind.valueType)
        return holds(kind.elementType) if isinstance(kind, ArrayType) else isinstance(
            kind, TimestampType)  # fmt: skip

    def shown(column, kind):
        if not holds(kind):
            return column
        if isinstance(kind, ArrayType):
            return functions.transform(column, lambda item: shown(item, kind.elementType))
        if isinstance(kind, MapType):
            column = functions.transform_values(column, lambda _, of: shown(of, kind.valueType))
            return functions.transform_keys(column, lambda key, _: shown(key, kind.keyType))
        if isinstance(kind, StructType):
            parts = [
                shown(column.getField(field.name), field.dataType).alias(field.name)
                for field in kind.fields
            ]
            return functions.when(column.isNotNull(), functions.struct(*parts))
        seconds = functions.date_format(column, "yyyy-MM-dd'T'HH:mm:ss")
        fraction = functions.date_format(column, ".SSSSSS")
        fraction = functions.when(fraction == ".000000", "").otherwise(fraction)
        return functions.concat(seconds, fraction, functions.lit("Z"))

    names = [f"_{number}" for number in range(len(frame.columns))]
    frame = frame.toDF(*names)  # an answer may have a name twice
    columns = [
        shown(frame[name], field.dataType) for name, field in zip(names, frame.schema.fields)
    ]
    return frame.select([column.alias(name) for column, name in zip(columns, names)])


# --- what may be asked --------------------------------------------------------------------------


def code_of(sql):
    """The SQL without what comments and literals say."""
    return re.sub(WORDS, lambda found: found[0] if found[0][0] == "`" else " ", sql,
                  flags=re.DOTALL)  # fmt: skip


def sql_of(value):
    """A parameter in SQL; a text without a character that a literal would have to escape."""
    if value is None or isinstance(value, bool):
        return "NULL" if value is None else str(value).lower()
    if isinstance(value, (int, float)):
        return str(value) if isinstance(value, int) else f"{value!r}D"
    if not isinstance(value, str):
        raise Wrong("a parameter is a string, a number, true, false or null")
    return f"decode(unbase64('{base64.b64encode(value.encode()).decode()}'), 'UTF-8')"


def bound(sql, values):
    """The SQL with each ? replaced by its parameter. (Delta's parser for Spark 4.1 loses the
    arguments of Spark's own sql().)"""
    rest = list(values)

    def put(found):
        if found[0] == "?" and not rest:
            raise Wrong("the query has more ? than there are parameters")
        return sql_of(rest.pop(0)) if found[0] == "?" else found[0]

    made = re.sub(rf"{WORDS}|\?(?!::)", put, sql, flags=re.DOTALL)
    if rest:
        raise Wrong("there are more parameters than ? in the query")
    return made


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
    sql = bound(request["sql"], request.get("parameters") or [])
    check_select(lake, sql)
    words = set(re.findall(r"\w+", request["sql"].lower()))
    versions = lake.views(name for name in lake.paths() if name.lower() in words)
    frame = lake.spark.sql(sql)
    columns = [
        {"name": field.name, "type": type_of(field.dataType.jsonValue())}
        for field in frame.schema.fields
    ]
    rows, size = [], 0
    for row in with_zones(frame).toLocalIterator():
        rows.append([dumps(value_of(value)) for value in row])
        size += sum(map(len, rows[-1]))
        if size > ANSWER_BYTES_MAX:
            raise Wrong("the answer is larger than 64 MiB: add a LIMIT")
    return {"columns": columns, "rows": rows, "versions": versions}


def check_grown(lake, name, sql):
    """Can the SQL of an incremental table be run over new rows alone?"""
    tables = lake.pipeline.TABLES
    growing = [read for read in tables[name]["reads"] if tables[read]["mode"] == "append"]
    check_incremental(lake, name, sql, growing)


def check(lake, request):
    """The columns of each SELECT, and whether each query can be analysed; no table is read."""
    spark = lake.spark
    for name, table in lake.pipeline.TABLES.items():
        spark.createDataFrame([], schema_of(stored_of(table))).createOrReplaceTempView(name)
    for table in request["tables"]:
        with about(table["file"]):
            of = lake.pipeline.TABLES[table["name"]]
            rows = generate(lake.typed(spark.sql(table["sql"]), of), of)
        if of["replace_where"] is not None:
            with about(f"tables.{table['name']}.replace_where"):
                rows.where(lake.run.put_in(of["replace_where"])).schema
        if of["mode"] != "overwrite":
            with about(table["file"]):
                check_grown(lake, table["name"], table["sql"])
    for name, table in lake.pipeline.TABLES.items():
        if table["delete_when"] is not None:
            with about(f"tables.{name}.delete_when"):
                check_delete_when(lake, spark.table(name), table["delete_when"])
        for place, try_it in Tests(lake, name).check(spark.table(name)):
            with about(place):
                try_it()
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
    if isinstance(failure, Moved):
        return "retry", message
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
    said = re.search(r"\[[A-Z][A-Z0-9_.]+\] .*?SQLSTATE: (\w\w)\w{3}", text, re.DOTALL)
    if said and said[1] in SQL_STATES:
        return "input", said[0][:900]
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
    if isinstance(node, ast.List):
        return [literal(item) for item in node.elts]
    return ast.literal_eval(node)


def definition(text):
    """The module of a pipeline, from assignments of literals: nothing in it is run."""
    module = types.ModuleType("pinion_pipeline")
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign):
            setattr(module, node.targets[0].id, literal(node.value))
    return module


def perform(token, request, store, spark, made_by=None):
    """Does what is asked; `made_by` is for the commits (delta/maker.h)."""
    started = time.monotonic()
    result = {"token": token, "state": "done"}
    try:
        run = request.get("run", {})
        lake = Lake(definition(request["definition"]), store, spark, made_by, run)
        lake.run.full_refresh = request.get("full_refresh", False) or lake.run.full_refresh
        lake.run.drop_imported = request.get("drop_imported", False) or lake.run.drop_imported
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
        made_by = asked.get("madeBy")
        result = perform(asked["token"], asked["request"], store, spark, made_by)
        objects.write(f"{folder}/result.json", json.dumps(result, ensure_ascii=False))
    Lake.finish({name: value for name, value in result.items() if name != "rows"})
    if result["state"] == "failed":
        raise SystemExit(1)
