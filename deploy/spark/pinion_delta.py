"""Versions of a Delta table with the transactions (`txn`) by which pinion knows what the table has
taken. DataFrames write one txn a commit, and these commits have several; so this uses the classes
of Delta Lake for Spark itself (delta-spark), in the driver's Java. Databricks has others."""

import contextlib
import json
import re
import time
import urllib.parse

import pinion_table
from pinion_imported import DRAW
from pinion_table import empty, generate, names_of, protocol

DELTA = "org.apache.spark.sql.delta"
# src/engine/incremental.h has what they mean.
MARK, DEFINITION, SINCE = "pinion/incremental", "pinion/definition", "pinion/since"
CHOOSING = ("DELETE", "UPDATE", "MERGE")  # operations that keep the rows that they do not choose


class Moved(Exception):
    """Another run was faster; the same again may succeed."""


class Gone(Exception):
    """A commit of the log was cleaned."""


def has_classes(spark):
    """Is there Java, and are there Delta's classes?"""
    try:
        if getattr(spark, "_jsparkSession", None) is None:
            return False
        return type(spark._jvm.org.apache.spark.sql.delta.DeltaLog).__name__ == "JavaClass"
    except Exception:  # a cluster of Databricks that is shared guards its Java
        return False


def java_of(spark):
    """The driver's Java; ValueError where there is none, or not Delta's classes."""
    if not has_classes(spark):
        raise ValueError(
            "tables with `mode: append` or `merge` need the classes of delta-spark, which "
            "Databricks does not have: use `mode: overwrite` or `engine.kind: duckdb`, or a Spark "
            "of your own"
        )
    return spark._jvm


def fits(has, wanted, may_add):
    """May values of a type, as Spark's JSON, be added to a column? `may_add`: also those of a
    struct with more fields."""
    if has == wanted or not may_add:
        return has == wanted
    if not isinstance(has, dict) or not isinstance(wanted, dict) or has["type"] != wanted["type"]:
        return False
    if has["type"] == "struct":
        fields = {field["name"]: field["type"] for field in wanted["fields"]}
        return all(field["name"] in fields and fits(field["type"], fields[field["name"]], True)
                   for field in has["fields"])  # fmt: skip
    part = "elementType" if has["type"] == "array" else "valueType"
    return fits(has[part], wanted[part], True)


class Transaction:
    """A table's newest version, and the commit that follows it. A commit fails (Moved) where
    another one has changed what this one read."""

    def __init__(self, lake, key):
        self.lake, self.key, self.spark = lake, key, lake.spark
        self.java = java_of(self.spark)
        self.utils = self.java.org.apache.spark.api.python.PythonUtils
        self.session = self.spark._jsparkSession
        self.log = self.delta("DeltaLog").forTable(self.session, lake.path(key))
        none = self.java.scala.Option.empty()
        self.log.update(False, none, none)
        self.its = self.log.startTransaction()
        self.snapshot = self.its.snapshot()
        self.version = self.snapshot.version()  # -1: there is no table
        self.txns = {one.appId(): one for one in self.listed(self.snapshot.setTransactions())}

    def delta(self, name):
        found = self.java
        for part in f"{DELTA}.{name}".split("."):
            found = getattr(found, part)
        return found

    def listed(self, sequence):
        return list(self.java.scala.jdk.javaapi.CollectionConverters.asJava(sequence))

    def exists(self):
        return self.version >= 0

    def txn(self, app):
        """The version of a transaction; -1: it has none."""
        return self.txns[app].version() if app in self.txns else -1

    def updated(self, app):
        """When a transaction was, in milliseconds; 0: that is not known."""
        found = self.txns[app].lastUpdated() if app in self.txns else None
        return found.get() if found is not None and found.isDefined() else 0

    def id(self):
        return self.snapshot.metadata().id()

    def schema(self):
        """Column -> type, as the log has them."""
        fields = json.loads(self.snapshot.schema().json())["fields"]
        return {field["name"]: field["type"] for field in fields}

    def partitions(self):
        return self.listed(self.snapshot.metadata().partitionColumns())

    # --- the log ----------------------------------------------------------------------------

    def commits(self, start):
        """The actions of each commit from a version on, as lines; Gone where one was cleaned."""
        for version in range(max(start, 0), self.version + 1):
            text = self.lake.text(f"{self.key}/_delta_log/{version:020}.json")
            if text is None:
                raise Gone
            yield [line for line in text.splitlines() if line.strip()]

    def info(self, version):
        """What a commit says of itself; None: it was cleaned."""
        text = self.lake.text(f"{self.key}/_delta_log/{version:020}.json")
        if text is None:
            return None
        actions = (json.loads(line) for line in text.splitlines() if line.strip())
        return next((of["commitInfo"] for of in actions if "commitInfo" in of), {})

    def is_replaced(self):
        """Were rows removed since the last run, by a commit that is not a run's?"""
        for lines in self.commits(self.txn(SINCE)):
            actions = [json.loads(line) for line in lines]
            own = any(action.get("txn", {}).get("appId") == SINCE for action in actions)
            chose = any(action.get("commitInfo", {}).get("operation") in CHOOSING
                        for action in actions)  # fmt: skip
            removed = any(action["remove"].get("dataChange", True)
                          for action in actions if "remove" in action)  # fmt: skip
            if removed and not own and not chose:
                return True
        return False

    def added_since(self, after):
        """The files, as Delta's actions, that the table has got since a version, and None; or None
        and why new rows are not enough."""
        if after > self.version:
            return None, "it has fewer versions than were read: it was made again"
        lines = []
        try:
            for commit in self.commits(after + 1):
                for line in commit:
                    action = json.loads(line)
                    body = action.get("add") or action.get("remove")
                    if body is not None and body.get("dataChange", True):
                        if "remove" in action:
                            return None, "rows of it were overwritten, changed or deleted"
                        lines.append((line, body["path"]))
        except Gone:
            return None, "the log of what it was since the last run was cleaned"
        for _, path in lines:
            place = urllib.parse.unquote(path)
            if ":" not in path.split("/")[0] and not self.lake.has_object(f"{self.key}/{place}"):
                return None, "a vacuum deleted files that it got since the last run"
        read = self.delta("actions.Action").fromJson
        return [read(line) for line, _ in lines], None

    # --- rows -------------------------------------------------------------------------------

    def frame(self, files):
        """The rows of some files of the table."""
        from pyspark.sql import DataFrame

        rows = self.log.createDataFrame(
            self.snapshot, self.utils.toSeq(files), False, self.java.scala.Option.empty()
        )
        return DataFrame(rows, self.spark)

    def files(self):
        return self.listed(self.its.filterFiles())

    # --- the commit -------------------------------------------------------------------------

    def check_fits(self, table, name, advice, carries=False):
        """ValueError where rows of the declared columns cannot be added to the table. `carries`:
        rows of it are written again."""
        has = self.schema()
        wanted = {
            field["name"]: field["type"]
            for field in json.loads(
                generate(empty(self.spark, table), table).schema.json()
            )["fields"]
        }  # fmt: skip
        added = [column for column in wanted if column not in has]
        lost = [column for column in has if column not in wanted]
        other = [column for column in wanted
                 if column in has and not fits(has[column], wanted[column], not carries)]
        said = None
        if self.partitions() != names_of(table["partitions"]):
            said = (f"is partitioned by {', '.join(self.partitions()) or 'nothing'}, not by "
                    f"{', '.join(names_of(table['partitions'])) or 'nothing'}")  # fmt: skip
        elif other:
            column = other[0]
            said = (f"has the column '{column}' as {json.dumps(has[column])}, not "
                    f"{json.dumps(wanted[column])}")  # fmt: skip
        elif lost and (added or carries):
            said = f"has the column '{lost[0]}'"
            said += f", and the rows have '{added[0]}' in its place" if added else (
                ", which the rows lack, so rows that are written again would lose its values")
        if said is not None:
            raise ValueError(f"table '{name}' {said}, as pipeline.yml declares it: {advice}")

    @contextlib.contextmanager
    def settings(self, notes, removes):
        """For one commit: its text for pinion, and none of the metrics of Delta's own MERGE."""
        metrics, text = "spark.databricks.delta.history.metricsEnabled", pinion_table.METADATA
        self.lake.set(text, self.lake.metadata(**({} if notes is None else {"pinion": notes})))
        if removes is not None:
            self.lake.set(metrics, "false")
        try:
            yield
        finally:
            self.lake.set(text, self.lake.metadata() if self.lake.made_by is not None else None)
            if removes is not None:
                self.lake.set(metrics, None)

    def commit(self, frame, table, txns, *, afresh, notes=None, removes=None, where=None):
        """Adds the rows (`afresh`: in place of all that there are; `where`: of those for which it
        is true), and removes files, as one version, which it returns. `txns` has the new version of
        each transaction."""
        from py4j.protocol import Py4JJavaError

        for app in [*txns, *([DRAW] if afresh else ())]:
            self.its.txnVersion(app)  # another commit with it is a conflict
        if removes is not None or where is not None:
            self.its.readWholeTable()
        option, some = self.java.scala.Option.empty(), self.java.scala.Option.apply
        mode = self.java.org.apache.spark.sql.SaveMode
        mode = mode.Append if not afresh and where is None else mode.Overwrite
        options = {"overwriteSchema" if afresh else "mergeSchema": "true"}
        options |= {} if where is None else {"replaceWhere": where}
        partitions = self.utils.toSeq(names_of(table["partitions"]))
        try:
            with protocol(self.lake, table["partitions"]), self.settings(notes, removes):
                write = self.delta("commands.WriteIntoDelta")(
                    self.log, mode, self.delta("DeltaOptions")(
                        self.utils.toScalaMap(options), self.session.sessionState().conf()
                    ), partitions, self.utils.toScalaMap({}),
                    generate(frame, table)._jdf, option, option,
                )  # fmt: skip
                actions = self.java.java.util.ArrayList()
                for action in self.listed(write.write(self.its, self.session, option, False)):
                    actions.add(action)
                for file in removes or ():
                    actions.add(file.remove())
                now = some(self.java.java.lang.Long.valueOf(int(time.time() * 1000)))
                for app, version in txns.items():
                    actions.add(self.delta("actions.SetTransaction")(app, version, now))
                if removes is None:
                    operation = self.delta("DeltaOperations.Write")(
                        mode, some(partitions), option, option, option, option, option
                    )
                else:
                    none = self.utils.toSeq([])
                    operation = self.delta("DeltaOperations.Merge")(
                        option, option, option, option, none, none, none
                    )
                version = self.its.commit(self.utils.toSeq(actions), operation)
        except Py4JJavaError as failure:
            text = str(failure.java_exception)
            if re.search("Concurrent|CONCURRENT|MetadataChanged|ProtocolChanged", text):
                said = text.splitlines()[0]
                raise Moved(f"{self.key}: another run was faster: run it again ({said})") from None
            raise
        self.check_held(version)
        return version

    def check_held(self, version):
        """Moved where another program, which looked before our commit, has written its own over it:
        a folder and S3 do not refuse that to Delta's log stores."""
        text = self.lake.text(f"{self.key}/_delta_log/{version:020}.json") or ""
        infos = (json.loads(line).get("commitInfo", {}) for line in text.splitlines() if line)
        if not any(info.get("txnId") == self.its.txnId() for info in infos):
            raise Moved(f"{self.key}: another program has written its version {version} over this "
                        "run's: run it again")  # fmt: skip
