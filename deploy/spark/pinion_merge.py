"""A batch of rows into a table by its key: `mode: merge`. Of the rows and deletions of a key one
total order says which stays, so batches and engines make no difference. Only files that hold keys
which change are written again. src/engine/duckdb/merge.h does the same."""

import random

from pinion_table import ROWS_SHOWN, columns_of, kept, samples, schema_of
from pyspark.sql import Window, functions

DELETED, GENERATION = "_deleted-", "pinion/deletions"


def named(column):
    return f"`{column}`"


def ranked(column, kind, is_inner=False):
    """A value by which Spark sorts as DuckDB does: within structs, arrays and maps null is the
    greatest, and a map is the array of its entries."""
    if isinstance(kind, dict):
        parts = [ranked(column.getField(name), of, True).alias(name) for name, of in kind.items()]
        value = functions.when(column.isNotNull(), functions.struct(*parts))
    elif isinstance(kind, tuple) and kind[0] == "array":
        value = functions.transform(column, lambda item: ranked(item, kind[1], True))
    elif isinstance(kind, tuple):
        value = functions.transform(
            functions.map_entries(column),
            lambda item: functions.struct(
                ranked(item.getField("key"), "string", True).alias("key"),
                ranked(item.getField("value"), kind[1], True).alias("value"),
            ),
        )
    else:
        value = column
    if not is_inner:
        return value
    return functions.struct(column.isNull().alias("none"), value.alias("value"))


class Merge:
    """A batch on its way into a table."""

    def __init__(self, transaction, lake, name, until):
        self.transaction, self.lake, self.name, self.until = transaction, lake, name, until
        self.table = lake.pipeline.TABLES[name]
        self.types = columns_of(self.table)
        self.key, self.order = self.table["key"], self.table["order_by"]

    def keep(self, frame):
        return kept(frame, self.until)

    # --- which row of a key is the newest ---------------------------------------------------

    def newest(self, frame):
        order = [functions.col(named(self.order)).desc_nulls_last(),
                 functions.col("pn_deleted").desc()]  # fmt: skip
        order += [
            ranked(functions.col(named(column)), kind).desc_nulls_last()
            for column, kind in self.types.items()
        ]
        order.append(functions.col("pn_new").asc())  # of rows that are the same, that of the table
        window = Window.partitionBy(named(self.key)).orderBy(*order)
        place = functions.row_number().over(window)
        return frame.withColumn("pn_place", place).where("pn_place = 1").drop("pn_place")

    def best(self, frame):
        """The newest row of each key of the batch."""
        condition = self.table["delete_when"]
        deleted = "false"
        if condition is not None:
            deleted = f"coalesce(CAST(({condition}\n) AS BOOLEAN), false)"
        frame = self.keep(frame)
        lacking = frame.where(f"{named(self.key)} IS NULL")
        count = lacking.count()
        if count > 0:
            said = "row has" if count == 1 else "rows have"
            advice = "leave them out in the SQL"
            if self.table["from_topic"] is not None:
                advice = "let its column be `required: true`, and run it with --full-refresh"
            raise ValueError(
                f"table '{self.name}': {count} new {said} no value in the key column "
                f"'{self.key}', so what they replace is not known; the table stays as it was: "
                f"{samples(lacking)}{', ...' if count > ROWS_SHOWN else ''} ({advice})"
            )
        marked = frame.selectExpr("*", f"{deleted} AS pn_deleted", "true AS pn_new")
        return self.keep(self.newest(marked))

    # --- deletions --------------------------------------------------------------------------

    def deleted_columns(self):
        return [column for column in self.types if column in (self.key, self.order)]

    def deleted_path(self, generation):
        return f"{self.table['path']}/{DELETED}{generation}"

    def deletions(self, keys):
        """The newest deletions of the keys, as rows which have only key and order."""
        path = self.deleted_path(self.transaction.txn(GENERATION))
        if self.table["delete_when"] is None or not self.lake.has_table(self.lake.path(path)):
            return None
        rows = self.lake.spark.read.format("delta").load(self.lake.path(path))
        has = self.deleted_columns()
        values = [
            functions.col(named(column)) if column in has
            else functions.lit(None).cast(self.kind(column)).alias(column) for column in self.types
        ]  # fmt: skip
        values += [functions.lit(True).alias("pn_deleted"), functions.lit(False).alias("pn_new")]
        return rows.join(keys, self.key, "left_semi").select(*values)

    def kind(self, column):
        return self.lake.spark.createDataFrame(
            [], schema_of({column: self.types[column]})
        ).schema.fields[0].dataType  # fmt: skip

    def keep_deletions(self, rows, generation, afresh):
        """Remembers deletions: before the table's commit, since those of a batch that comes again
        are the same."""
        rows = rows.select(*map(named, self.deleted_columns()))
        if not afresh and rows.isEmpty():
            return
        writer = rows.write.format("delta").mode("overwrite" if afresh else "append")
        writer.save(self.lake.path(self.deleted_path(generation)))

    # --- the commit -------------------------------------------------------------------------

    def put(self, frame, txns, afresh, notes):
        best = self.best(frame)
        columns = self.columns()
        if afresh:
            if self.table["delete_when"] is not None:
                generation = random.SystemRandom().getrandbits(53)
                self.keep_deletions(best.where("pn_deleted"), generation, afresh)
                txns = {**txns, GENERATION: generation}
            rows = best.where("NOT pn_deleted").select(*columns)
            return {"rows": rows.count(), "files_rewritten": 0, "rows_deleted": 0,
                    "version": self.transaction.commit(rows, self.table, txns, afresh=True,
                                                       notes=notes)}  # fmt: skip
        return self.merge(best, columns, txns, notes)

    def columns(self):
        return list(map(named, self.types))

    def compare(self, best):
        """The table's rows of the keys of the batch, and what becomes of the keys that change."""
        keys = best.select(named(self.key))
        target = self.whole(self.lake.at_version(self.table["path"], self.transaction.version))
        file = functions.element_at(functions.split("_metadata.file_path", "/"), -1)
        target = target.withColumn("pn_file", file).join(keys, self.key, "left_semi")
        hits = self.keep(target.selectExpr(
            *self.columns(), "false AS pn_deleted", "false AS pn_new", "pn_file"
        ))  # fmt: skip
        rows = best.unionByName(hits.drop("pn_file"))
        deletions = self.deletions(keys)
        rows = rows if deletions is None else rows.unionByName(deletions)
        held = hits.groupBy(named(self.key)).agg(functions.count("*").alias("pn_rows"))
        final = self.newest(rows).join(held, self.key, "left").fillna(0, ["pn_rows"])
        # A key whose row in the table stays is left alone.
        return hits, self.keep(
            final.where("pn_new OR pn_rows > 1 OR (pn_deleted AND pn_rows > 0)")
        )

    def preview(self, frame, afresh):
        """What the merge would make of the table as it is now: the rows that it would put there,
        and the table's rows that stay beside them (None: none does). Nothing is written."""
        best = self.best(frame)
        if afresh:
            return best.where("NOT pn_deleted").select(*self.columns()), None
        _, final = self.compare(best)
        leaving = final.where("pn_new OR pn_deleted").select(named(self.key))
        table = self.whole(self.lake.at_version(self.table["path"], self.transaction.version))
        coming = final.where("pn_new AND NOT pn_deleted").select(*self.columns())
        return coming, table.join(leaving, self.key, "left_anti")

    def merge(self, best, columns, txns, notes):
        hits, final = self.compare(best)
        changed = final.select(named(self.key))
        touched = {row[0] for row in hits.join(changed, self.key, "left_semi")
                   .select("pn_file").distinct().collect()}  # fmt: skip
        files = self.files(touched)
        count = final.selectExpr(
            "count_if(pn_new AND NOT pn_deleted)", "count_if(pn_new AND pn_deleted AND pn_rows > 0)"
        ).first()
        if self.table["delete_when"] is not None:
            generation = self.transaction.txn(GENERATION)
            self.keep_deletions(final.where("pn_deleted AND pn_new"), generation, False)
        made = final.where("NOT pn_deleted").select(*columns)
        if files:
            stay = self.whole(self.transaction.frame(files)).join(changed, self.key, "left_anti")
            made = stay.select(*columns).unionByName(made)
        version = self.transaction.commit(made, self.table, txns, afresh=False, notes=notes,
                                          removes=files)  # fmt: skip
        return {"rows": count[0], "rows_deleted": count[1], "files_rewritten": len(files),
                "version": version}  # fmt: skip

    def whole(self, frame):
        """The table's rows, with null in columns that it will get."""
        for column in self.types:
            if column not in frame.columns:
                frame = frame.withColumn(column, functions.lit(None).cast(self.kind(column)))
        return frame

    def files(self, names):
        """The files of the table that have these names, as the last part of their paths."""
        if not names:
            return []
        found = [(one.path().rpartition("/")[2], one) for one in self.transaction.files()]
        files = [file for name, file in found if name in names]
        missing = names - {name for name, _ in found}
        if missing:
            raise ValueError(f"{self.table['path']}: the log has no file {min(missing)}")
        return files
