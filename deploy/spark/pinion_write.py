"""How the rows of a run that overwrites become a version of a table."""

import pinion_imported
from pinion_delta import MARK, Transaction, has_classes
from pinion_table import BYTES_SHOWN, ROWS_SHOWN, generate, kept, names_of, protocol, samples


def incremental(lake, table):
    """The table, as a Transaction, where it is one of `mode: append` or `merge` by now, or has rows
    of imports, which a restore brought back; None: it is not, or only Databricks could say so."""
    if not has_classes(lake.spark):
        return None
    found = Transaction(lake, table["path"])
    return found if found.txn(MARK) == 1 or pinion_imported.there(found) else None


class Writing:
    """A run's rows on their way into a table."""

    def __init__(self, lake, name):
        self.lake, self.name = lake, name
        self.table = lake.pipeline.TABLES[name]

    def overwrite(self, frame, until, notes=None):
        """They become the table, or what it has where its `replace_where` is true. `notes` are what
        pinion finds in the commit (engine/unknown_note.h)."""
        before = incremental(self.lake, self.table)
        if before is not None and self.table["replace_where"] is None:
            # Positions of an incremental table, which this one was, hold no more.
            pinion_imported.check(self.lake, self.name, before)
            txns = {MARK: 0, **pinion_imported.dropped(before)}
            before.commit(frame, self.table, txns, afresh=True, notes=notes)
            return
        if before is not None:
            raise ValueError(
                f"table '{self.name}': its rows are those of `mode: append` or `merge`: take "
                "`replace_where` out for one run, which makes the whole table"
            )
        frame = generate(frame, self.table)
        partitions, where = self.table["partitions"], self.table["replace_where"]
        writer = frame.write.format("delta").mode("overwrite").partitionBy(names_of(partitions))
        if notes is not None:
            writer = writer.option("userMetadata", self.lake.metadata(pinion=notes))
        if where is None:
            writer = writer.option("overwriteSchema", "true")
        else:
            where = self.lake.run.put_in(where)
            self.check_inside(kept(frame, until), where)
            writer = writer.option("replaceWhere", where).option("mergeSchema", "true")
        with protocol(self.lake, partitions):
            writer.save(self.lake.path(self.table["path"]))

    def check_inside(self, frame, where):
        """The rows of a run must be of the partitions that it replaces."""
        outside = frame.where(f"NOT coalesce(({where}\n), false)")
        count = outside.count()
        if count > 0:
            said = "row that the SQL gives is" if count == 1 else "rows that the SQL gives are"
            raise ValueError(
                f"table '{self.name}': {count} {said} outside of what the run replaces "
                f"({self.table['replace_where'][:BYTES_SHOWN]}); the table stays as it was. Let "
                "the SQL give rows of these partitions only; outside of a run, run_logical_date() "
                f"is null: {samples(outside)}{', ...' if count > ROWS_SHOWN else ''}"
            )
