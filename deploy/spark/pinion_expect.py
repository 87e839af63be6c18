"""The tests of a table's rows (`expect` of pipeline.yml) on Spark, over the rows that a run has
made and not written yet; of a merge over those that it puts into the table. docs/pipeline.md has
the rules; src/engine/duckdb/expect.c does the same."""

import pinion_letters
from pyspark.sql import functions

from pinion_table import JSON_OPTIONS, ddl, kept, samples

def named(column):
    return f"`{column}`"


def literal(text, kind):
    """The text as a value of a type."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"CAST('{escaped}' AS {ddl(kind)})"


def limits(test, kind):
    """The values that a test names, in SQL."""
    texts = (*test["values"], test["min"], test["max"])
    return [literal(text, kind) for text in texts if text is not None]


class Tests:
    """The tests of one table, over a frame of its rows."""

    def __init__(self, lake, name, stays=None):
        """`stays` has the rows of the table that stay beside those of the run; None: none does."""
        self.lake, self.name = lake, name
        self.table = lake.pipeline.TABLES[name]
        self.tests = self.table["expects"]
        self.stays = None if stays is None else self.whole(stays)

    def whole(self, stays):
        """The rows, with null in the columns that the table does not have yet."""
        there = {column.lower() for column in stays.columns}
        for column, about in self.table["columns"].items():
            if column.lower() not in there:
                stays = stays.withColumn(column, functions.lit(None).cast(ddl(about["type"])))
        return stays

    def kind(self, test):
        return self.table["columns"][test["columns"][0]]["type"]

    def mark(self, number):
        """The column that says of a row whether it does not pass a test."""
        return f"_pinion_test_{number}"

    def condition(self, test):
        """The SQL of a row that does not pass; null does not fail."""
        columns = [named(column) for column in test["columns"]]
        if test["kind"] == "not_null":
            return " OR ".join(f"{column} IS NULL" for column in columns)
        if test["kind"] == "unique" and self.stays is None:
            there = " AND ".join(f"{column} IS NOT NULL" for column in columns)
            return f"count(1) OVER (PARTITION BY {', '.join(columns)}) > 1 AND {there}"
        if test["kind"] == "accepted_values":
            return f"{columns[0]} NOT IN ({', '.join(limits(test, self.kind(test)))})"
        assert test["kind"] == "range"
        ends = ((test["min"], "<"), (test["max"], ">"))
        return " OR ".join(
            f"{columns[0]} {sign} {literal(text, self.kind(test))}"
            for text, sign in ends if text is not None
        )  # fmt: skip

    def related(self, frame, number, test):
        """With the mark of a relationship: is the value in the other table's newest version, or of
        the table itself in its rows and those of the run?"""
        column, place = named(test["columns"][0]), f"_pinion_other_{number}"
        if test["other"] == self.name:
            other = frame.select(named(test["other_column"]))
            if self.stays is not None:
                other = other.union(self.stays.select(named(test["other_column"])))
        else:
            key = self.lake.pipeline.TABLES[test["other"]]["path"]
            if not self.lake.has_table(self.lake.path(key)):
                raise ValueError(
                    f"table '{self.name}', {test['name']}: the table '{test['other']}' is not made "
                    "yet: let the run make it first"
                )
            other = self.lake.at_version(key, self.lake.version(key))
        values = other.selectExpr(f"{named(test['other_column'])} AS {place}").distinct()
        joined = frame.join(values, functions.expr(f"{column} = {place}"), "left")
        missing = functions.expr(f"{column} IS NOT NULL AND {place} IS NULL")
        return joined.withColumn(self.mark(number), missing).drop(place)

    def alone(self, frame, number, test):
        """With the mark of `unique`, where rows of the table stay: is there another row, of the run
        or of those?"""
        columns = [named(column) for column in test["columns"]]
        names = [f"_pinion_{number}_{place}" for place in range(len(columns))]
        values = [f"{column} AS {name}" for column, name in zip(columns, names)]
        both = frame.selectExpr(*values).union(self.stays.selectExpr(*values)).groupBy(*names)
        twice = both.agg(functions.count("*").alias("n")).where("n > 1").drop("n")
        twice = twice.selectExpr("*", f"true AS {names[0]}_t")
        same = " AND ".join(f"{column} = {name}" for column, name in zip(columns, names))
        joined = frame.join(twice, functions.expr(same), "left")
        mark = functions.expr(f"coalesce({names[0]}_t, false)")
        return joined.withColumn(self.mark(number), mark).drop(*names, f"{names[0]}_t")

    def marked(self, frame):
        """The rows, each with whether it does not pass each test of rows."""
        for number, test in enumerate(self.tests):
            if test["kind"] == "relationship":
                frame = self.related(frame, number, test)
            elif test["kind"] == "unique" and self.stays is not None:
                frame = self.alone(frame, number, test)
            elif test["kind"] != "empty":
                condition = functions.expr(f"coalesce({self.condition(test)}, false)")
                frame = frame.withColumn(self.mark(number), condition)
        return frame

    def empty(self, frame, sql):
        """The rows of the SELECT of an `empty` test."""
        frame.createOrReplaceTempView(self.name)
        return self.lake.spark.sql(sql)

    def failing(self, frame, marked, number):
        """The rows that do not pass a test."""
        test = self.tests[number]
        if test["kind"] == "empty":
            return self.empty(frame, test["sql"])
        return marked.where(named(self.mark(number))).select(frame.columns)

    def count(self, frame, marked):
        rows = [number for number, test in enumerate(self.tests) if test["kind"] != "empty"]
        counted = marked.selectExpr(
            "count(1)", *(f"count_if({named(self.mark(number))})" for number in rows)
        ).first()[1:]
        counts = dict(zip(rows, counted))
        for number, test in enumerate(self.tests):
            if test["kind"] == "empty":
                counts[number] = self.empty(frame, test["sql"]).count()
        return [counts[number] for number in range(len(self.tests))]

    def advice(self, test):
        """What lets a later run pass. Records that have landed stay as they are, so to mend them is
        not."""
        of_rows, has_sql = test["kind"] != "empty", self.table["from_topic"] is None
        ways = []
        if self.table["mode"] == "merge":
            ways.append(f"send newer records{' of their keys' if of_rows else ''}")
        if test["kind"] == "relationship":
            ways.append(f"add the values to table '{test['other']}'")
        if not of_rows:
            ways.append(f"change the SQL of the test{' or of the table' if has_sql else ''}")
        elif has_sql and test["kind"] == "unique" and self.table["mode"] == "append":
            ways.append("make the table one with `mode: merge`, which has no such test")
        elif has_sql:
            ways.append("leave them out in the SQL")
        quarantines = has_sql and self.table["mode"] == "overwrite"
        quarantines = quarantines and of_rows and self.table["replace_where"] is None
        last = "give the test " + ("`action: quarantine` or " if quarantines else "")
        return ", ".join([*ways, f"{'or ' if ways else ''}{last}`action: warn`"])

    def fail_first(self, frame, marked, counts):
        failed = [
            number for number, test in enumerate(self.tests)
            if counts[number] > 0 and test["action"] == "fail"
        ]  # fmt: skip
        if not failed:
            return
        first, more = failed[0], len(failed) - 1
        words = "row does" if counts[first] == 1 else "rows do"
        others = f" and {more} other test{' fails' if more == 1 else 's fail'}" if more else ""
        rows = samples(self.failing(frame, marked, first))
        raise ValueError(
            f"table '{self.name}': {counts[first]} {words} not pass {self.tests[first]['name']}"
            f"{others}; the table stays as it was: {rows} ({self.advice(self.tests[first])})"
        )

    def quarantine(self, frame, marked, counts):
        """Puts the rows that a test takes out into the dead letters; gives the others, and how many
        were taken out."""
        taking = [
            number for number, test in enumerate(self.tests)
            if counts[number] > 0 and test["action"] == "quarantine"
        ]  # fmt: skip
        names = functions.concat_ws(", ", *(
            functions.when(functions.col(self.mark(number)), functions.lit(test["name"]))
            for number, test in enumerate(self.tests) if number in taking
        ))  # fmt: skip
        row = functions.struct(*map(named, frame.columns))
        value, kept_max = functions.to_json(row, JSON_OPTIONS), pinion_letters.VALUE_MAX
        cut = functions.when(
            functions.length(value) > kept_max, " (only the beginning of the value is stored)"
        ).otherwise("")
        values = {
            "table": functions.lit(self.name),
            "reason": functions.concat(functions.lit("the row does not pass "), names, cut),
            "value": functions.substring(value, 1, kept_max),
        }
        out = functions.expr(" OR ".join(named(self.mark(number)) for number in taking) or "false")
        letters = marked.where(out)
        count = letters.count() if taking else 0
        pinion_letters.replace(
            self.lake, self.name, pinion_letters.letters_of(letters, values), count
        )
        return marked.where(~out).select(frame.columns), count

    def run(self, frame, until):
        """The rows to be written, and what to report; good until the end of `until`. ValueError: a
        test fails the run."""
        frame = kept(frame, until)
        marked = kept(self.marked(frame), until)
        try:
            counts = self.count(frame, marked)
            self.fail_first(frame, marked, counts)
        finally:
            self.lake.spark.catalog.dropTempView(self.name)
        report = {"expect_failed": counts}
        if self.table["from_topic"] is None:
            frame, report["dead_letters"] = self.quarantine(frame, marked, counts)
        return frame, report

    def check(self, frame):
        """Are the tests' values of their columns' types, and their SQL right? No table is read but
        the frame, which has no rows; gives the place of each failure and what to do there."""
        for test in self.tests:
            place = f"table '{self.name}', expect: {test['name']}"
            if test["kind"] == "empty":
                yield place, lambda test=test: self.empty(frame, test["sql"]).schema
            elif test["values"] or test["min"] is not None or test["max"] is not None:
                values = limits(test, self.kind(test))
                yield place, lambda values=values: self.lake.spark.range(1).selectExpr(
                    *values
                ).collect()


def run(lake, name, frame, until, stays, preview):
    """The rows that may be written, and what to report. `stays` has the rows of the table that
    stay; None: none does. `preview` gives of a batch what its merge makes of the table; None:
    nothing is merged."""
    if preview is None:
        return Tests(lake, name, stays).run(frame, until)
    frame = kept(frame, until)
    coming, stays = preview(frame)
    _, report = Tests(lake, name, stays).run(coming, until)  # no test of it may take rows out
    return frame, report
