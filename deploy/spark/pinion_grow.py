"""Incremental tables on Spark (`mode: append` and `merge`): a run takes what is new, once over any
crash. The commits have the transactions that pinion's have, so either engine continues with the
other's table. docs/pipeline.md has the rules; src/engine/duckdb/load_new.c and sources.c do the
same."""

import gzip
import os
import sys

import pinion_imported
import pinion_letters
import pinion_rules
from pinion_delta import DEFINITION, MARK, SINCE, Gone, Transaction
from pinion_merge import Merge
from pinion_plan import check_incremental
from pinion_table import kept, path_of
from pinion_taken import Taken
from pyspark import cloudpickle
from pyspark.sql import functions

cloudpickle.register_pickle_by_value(sys.modules[__name__])
OFFSETS = "pinion.offsets"  # what the sink notes beside an object
FULL_REFRESH = "run it with --full-refresh, which makes it from the objects that there are"
REFRESH = "run it with --full-refresh, which makes it afresh"


def lines_in(name, content):
    data = gzip.decompress(content) if name.endswith(".gz") else bytes(content)
    return data.count(b"\n") + (not data.endswith(b"\n") and data != b"")


def put(transaction, lake, name, frame, txns, afresh, notes, until):
    """Commits a run's rows; gives what to report."""
    table = lake.pipeline.TABLES[name]
    if table["mode"] == "merge":
        return Merge(transaction, lake, name, until).put(frame, txns, afresh, notes)
    frame = kept(frame, until)
    rows = frame.count()
    return {"rows": rows,
            "version": transaction.commit(frame, table, txns, afresh=afresh, notes=notes)}


def preview_of(transaction, lake, name, afresh, until):
    """A function that gives of a batch what its merge makes of the table; None: no merge."""
    if lake.pipeline.TABLES[name]["mode"] != "merge":
        return None
    return lambda frame: Merge(transaction, lake, name, until).preview(frame, afresh)


# --- raw tables ---------------------------------------------------------------------------------


class Load:
    """What has landed since a raw table's last load."""

    def __init__(self, lake, name, until):
        self.lake, self.name, self.until = lake, name, until
        self.table = lake.pipeline.TABLES[name]
        self.transaction = Transaction(lake, self.table["path"])
        self.why = self.why_afresh()
        self.afresh = self.why is not None
        if self.afresh:
            pinion_imported.check(lake, name, self.transaction)
        else:
            self.check()
        self.taken = Taken(self.transaction, self.afresh, self.table["definition"])

    def why_afresh(self):
        """Why the table is made of all objects; "": it is new. None: it is not."""
        if not self.transaction.exists():
            return ""
        if self.lake.run.refreshes(self.name):
            return "--full-refresh"
        try:
            holds = self.transaction.txn(MARK) == 1 and not self.transaction.is_replaced()
        except Gone:
            raise ValueError(
                f"table '{self.name}': the log of what happened to it since its last load was "
                f"cleaned, so another program may have overwritten it: {FULL_REFRESH}"
            ) from None
        return None if holds else (
            "it was overwritten since its last load: with another mode, from files, or by another "
            "program"
        )  # fmt: skip

    def check(self):
        changed = pinion_rules.changed(self.table, self.transaction)
        if changed is not None:
            raise ValueError(
                f"table '{self.name}': {changed} changed since the table was made: undo it, or "
                f"{FULL_REFRESH}"
            )
        self.transaction.check_fits(self.table, self.name, REFRESH, self.table["mode"] == "merge")

    def choose(self, landed):
        """Of the landed objects, (topic, key, milliseconds), those that are new, in order."""
        chosen = [one for one in landed if self.taken.wants(*one)]
        self.taken.check(self.name)
        return sorted(chosen, key=lambda one: one[1])

    def is_idle(self, chosen):
        return not self.afresh and not chosen

    def settle(self, chosen, files):
        """`files` has the objects' path and content."""
        places = {key: self.offsets(key) for _, key, _ in chosen}
        lines = self.lines(files) if any(end == 0 for _, end in places.values()) else {}
        for topic, key, _ in chosen:
            first, end = places[key]
            self.taken.add(topic, key, end - first or lines.get(key, 0))
        self.taken.settle(self.explain)

    def lines(self, files):
        """How many lines each object has, by its key."""
        count = functions.udf(lines_in, "bigint")
        rows = files.select("path", count("path", "content")).collect()
        begin = f"{path_of(self.lake.store)}/"
        return {path_of(path).partition(begin)[2]: lines for path, lines in rows}

    def stays(self):
        """The table's rows, which stay; None: none does."""
        has = self.transaction
        return None if self.afresh else self.lake.at_version(has.key, has.version)

    def preview(self):
        return preview_of(self.transaction, self.lake, self.name, self.afresh, self.until)

    def add_dead_letters(self, letters, rejected):
        """Gives how many of them are the sink's."""
        return max(pinion_letters.add(self.lake, self.name, letters) - rejected, 0)

    def add_sunk(self):
        """Those of the sink, where no object is new."""
        sunk = pinion_letters.sunk(self.lake, self.name)
        return 0 if sunk is None else self.add_dead_letters(sunk, 0)

    def offsets(self, key):
        """The offsets that an object holds, as the sink noted them; (0, 0): it did not, or Spark
        cannot read it."""
        place = self.lake.local(key)
        try:
            text = os.getxattr(place, f"user.{OFFSETS}").decode() if place is not None else "0-0"
            first, end = map(int, text.split("-"))
        except (OSError, ValueError):
            return 0, 0
        return first, max(first, end)

    def explain(self, topic, partition, number):
        """How many numbers from this one on are dead letters of the sink, all of an object."""
        name = f"{topic}+{partition}+{number:010}.json"
        key = f"{self.lake.pipeline.DEAD_LETTERS_DIR}/{topic}/partition={partition}/{name}"
        first, end = self.offsets(key)
        text = self.lake.text(key) if end > first else None
        return end - first if text is not None and text.count("\n") == end - first else 0

    def report(self):
        return {"is_added": not self.afresh, "why_afresh": self.why or ""}

    def commit(self, rows, notes):
        txns = {**self.taken.txns(), **pinion_rules.txns(self.table, self.transaction)}
        if self.afresh:
            txns |= pinion_imported.dropped(self.transaction)
        done = put(self.transaction, self.lake, self.name, rows, txns, self.afresh, notes,
                   self.until)  # fmt: skip
        return {**done, **self.report()}


# --- transformed tables -------------------------------------------------------------------------


class Sources:
    """What a transformed table reads: of tables that grow the rows that are new, of others all."""

    def __init__(self, lake, name):
        self.lake, self.name = lake, name
        self.table = lake.pipeline.TABLES[name]
        self.transaction = Transaction(lake, self.table["path"])
        self.txns = {MARK: 1, DEFINITION: self.table["definition"],
                     SINCE: self.transaction.version + 1}  # fmt: skip
        self.why, self.is_idle = self.why_afresh(), True
        self.reads = {source: Transaction(lake, lake.paths()[source])
                      for source in self.table["reads"]}  # fmt: skip
        self.added = {}
        for source, read in self.reads.items():
            if not read.exists():
                raise ValueError(f"table '{source}' does not exist yet: let the run make it first")
            self.look_at(source, read)

    @property
    def afresh(self):
        return self.why is not None

    def why_afresh(self):
        """Why the table is made of all rows; "": it is new. None: it is not."""
        has = self.transaction
        if not has.exists():
            return ""
        if self.lake.run.refreshes(self.name):
            return "--full-refresh"
        if has.txn(MARK) != 1:
            return "the last run overwrote it"
        try:
            replaced = has.is_replaced()
        except Gone:
            replaced = True
        if replaced:
            return "another program may have overwritten it since"
        if has.txn(DEFINITION) != self.table["definition"]:
            return "its SQL, columns, partitions or mode have changed"
        return None

    def grows(self, source):
        return self.lake.pipeline.TABLES[source]["mode"] == "append"

    def look_at(self, source, read):
        app = f"pinion/source/{source}/{read.id()}"
        after = self.transaction.txn(app)
        self.txns[app] = read.version
        self.is_idle = self.is_idle and after == read.version
        why = None
        if after < 0:
            why = "it was made again, or not read before"
        elif not self.afresh:
            self.added[source], why = read.added_since(after)
            if why is None and not self.grows(source) and self.added[source]:
                why = "rows were added to it, which may belong to old rows"
        if why is not None and not self.afresh:
            self.why = f"table '{source}': {why}"

    def view(self):
        """Makes the views that the SQL reads; gives the versions of the tables."""
        for source, read in self.reads.items():
            if self.grows(source) and not self.afresh:
                frame = read.frame(self.added[source])
            else:
                frame = self.lake.at_version(read.key, read.version)
            frame.createOrReplaceTempView(source)
        return {source: read.version for source, read in self.reads.items()}

    def check(self, sql):
        """ValueError where the SQL cannot be run over new rows alone."""
        check_incremental(self.lake, self.name, sql, list(filter(self.grows, self.reads)))


def transform(lake, name, sql, until):
    """Runs the SQL over what is new, and adds or merges the rows."""
    table, sources = lake.pipeline.TABLES[name], Sources(lake, name)
    versions = {source: read.version for source, read in sources.reads.items()}
    result = {"table": name, "read_versions": versions}
    if sources.is_idle and not sources.afresh:
        return {**result, "version": sources.transaction.version, "rows": 0, "is_unchanged": True}
    if not sources.afresh:
        sources.transaction.check_fits(table, name, REFRESH, table["mode"] == "merge")
    sources.view()
    sources.check(sql)
    frame = lake.typed(lake.spark.sql(sql), table)
    stays = None if sources.afresh else lake.at_version(table["path"], sources.transaction.version)
    preview = preview_of(sources.transaction, lake, name, sources.afresh, until)
    frame, tested = lake.tested(name, frame, until, stays, preview)
    done = put(sources.transaction, lake, name, frame, sources.txns, sources.afresh, None, until)
    return {**result, **tested, **done, "is_added": not sources.afresh,
            "why_afresh": sources.why or ""}  # fmt: skip
