"""Rows of imports in tables that Spark makes: what they are, and which of them a run would drop,
jobs find in a table's log as pinion does, also in logs of older versions and of other programs."""

import itertools
import json
import re
import shutil

import pytest

import test_incremental as grow
from pinion import run
from spark import job_library
from test_import_afresh import without
from test_spark_incremental import Shop

pytestmark = pytest.mark.timeout(3000)

SAID = re.compile(r"(?:the rows|[0-9]+ rows?) of [0-9]+ imported files?")
RESTORE = "RESTORE TABLE delta.`{}` TO VERSION AS OF {}"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with job_library(tmp_path_factory.mktemp("library")) as perform:
        yield perform


class Imports(Shop):
    """A shop whose raw table has rows of files a, b, ..., besides those of an object."""

    def __init__(self, library, base):
        super().__init__(library, base, "mode: append", "mode: append")
        self.copies = itertools.count()
        grow.land(self.data, "shop.orders", 0, 0, [{"id": 1, "seq": 1}])
        self.run("load", "pinion")
        self.table = self.data / f"store/{self.name}/raw_orders"

    def pinion(self, *args, check=True):
        return run(*args, "--pipeline", self.folder, data=self.data, check=check)

    def add(self, name):
        path = self.base / f"{name}.csv"
        numbers = [10 * ord(name) + of for of in range(ord(name) - ord("a") + 1)]
        path.write_text("".join(f"{line}\n" for line in ("id", *numbers)))
        self.pinion("import", "raw_orders", path)
        return self.version()

    def afresh(self):
        grow.task("load", self.data, self.folder, "--full-refresh", "--drop-imported")
        return self.version()

    def restore(self, version):
        self.pinion("table", "restore", "raw_orders", "--to", version, "--yes")

    def version(self):
        return max(int(path.stem) for path in self.log().glob("*.json") if path.stem.isdigit())

    def log(self):
        return self.table / "_delta_log"

    def commit(self, version):
        return self.log() / f"{version:020}.json"

    def copied(self):
        """Delta's classes keep what they have read of a log, which a test may change: each job gets
        a table of its own."""
        copy = self.base / f"copy{next(self.copies)}"
        shutil.copytree(self.data, copy)
        return copy

    def ours(self):
        done = grow.task("load", self.copied(), self.folder, "--full-refresh", check=False)
        found = SAID.search(done.stderr)
        assert (found is None) == (done.returncode == 0), done
        return found and found[0]

    def theirs(self):
        done = self.library(self.copied() / "store", self.definition, "load",
                            tables=[{"name": "raw_orders"}], full_refresh=True)  # fmt: skip
        found = SAID.search(done.get("message", ""))
        assert (found is None) == (done["state"] == "done"), done
        return found and found[0]

    def both(self, said):
        assert (self.ours(), self.theirs()) == (said, said)


def test_both_find_the_same_rows(library, tmp_path):
    shop = Imports(library, tmp_path)
    shop.both(None)
    had_a = shop.add("a")
    had_b = shop.add("b")
    shop.both("3 rows of 2 imported files")
    shop.restore(had_a)
    shop.both("1 row of 1 imported file")
    shop.restore(had_b)
    shop.both("3 rows of 2 imported files")
    gone = shop.afresh()
    shop.both(None)
    shop.restore(had_a)
    shop.both("1 row of 1 imported file")
    shop.restore(gone)
    shop.both(None)
    shop.add("c")
    shop.both("3 rows of 1 imported file")


def test_after_a_restore_of_spark(library, tmp_path):
    """It says nothing of the files, so all may be there."""
    shop = Imports(library, tmp_path)
    had = shop.add("b")
    shop.afresh()
    library.spark.sql(RESTORE.format(shop.table, had))
    shop.both("2 rows of 1 imported file")
    shop.add("c")
    shop.both("5 rows of 2 imported files")
    shop.restore(had)
    shop.both("2 rows of 1 imported file")
    shop.afresh()
    shop.both(None)


def test_after_a_restore_of_spark_that_ours_settles(library, tmp_path):
    shop = Imports(library, tmp_path)
    had = shop.add("b")
    shop.add("c")
    shop.afresh()
    library.spark.sql(RESTORE.format(shop.table, had))
    shop.both("5 rows of 2 imported files")
    shop.restore(had)
    shop.both("2 rows of 1 imported file")


def test_logs_of_an_older_pinion(library, tmp_path):
    shop = Imports(library, tmp_path)
    had = shop.add("b")
    without(shop.commit(had), '/rows"', '/imports"')
    shop.both("the rows of 1 imported file")
    gone = shop.afresh()
    without(shop.commit(gone), '/dropped"')
    shop.both(None)
    shop.add("c")
    shop.both("3 rows of 1 imported file")
    shop.restore(had)
    without(shop.commit(shop.version()), '"pinion/imports', '"pinion/import/')
    shop.both("the rows of 2 imported files")


def test_a_log_that_was_cleaned(library, tmp_path):
    """It does not say whether a restore brought rows back."""
    shop = Imports(library, tmp_path)
    shop.add("b")
    shop.afresh()
    files = 0
    while not list(shop.log().glob("*.checkpoint*")):
        shop.add(chr(ord("c") + files))
        files += 1
    shop.both(f"{sum(range(3, 3 + files))} rows of {files} imported files")
    newest = max(int(file.name[:20]) for file in shop.log().glob("*.checkpoint*"))
    for version in range(newest):
        shop.commit(version).unlink()
    rows = 2 + sum(range(3, 3 + files))
    shop.both(f"{rows} rows of {files + 1} imported files")
    # A restore is unsure of that file alone.
    shop.add(chr(ord("c") + files))
    shop.both(f"{rows + 3 + files} rows of {files + 2} imported files")
    shop.restore(newest)
    shop.both(f"{rows} rows of {files + 1} imported files")
    shop.afresh()
    shop.both(None)
    shop.add("b")
    shop.both("2 rows of 1 imported file")


@pytest.mark.parametrize("mode", ("mode: append", "mode: overwrite"))
def test_rows_that_a_restore_brought_back_under_another_mode(library, tmp_path, mode):
    shop = Imports(library, tmp_path)
    had = shop.add("b")
    shop.write("mode: overwrite", "mode: overwrite")
    grow.task("load", shop.data, shop.folder, "--drop-imported")
    shop.restore(had)
    shop.write(mode, "mode: overwrite")
    shop.both("2 rows of 1 imported file")
    done = shop.spark("load", full_refresh=True, drop_imported=True)
    assert done["state"] == "done", done
    shop.both(None)


@pytest.mark.parametrize("mode", ("mode: append", "mode: overwrite"))
def test_an_import_beside_a_job_that_makes_the_table_afresh(library, tmp_path, monkeypatch, mode):
    """Neither loses its rows: the job fails, and the next one sees them. (Delta itself refuses that
    by now, too, as a concurrent append.)"""
    import pinion_delta

    shop = Imports(library, tmp_path)
    # So that the next job changes no metadata, beside which Delta lets no rows come.
    assert shop.spark("load", full_refresh=True)["state"] == "done"
    shop.add("a")
    commit = pinion_delta.Transaction.commit

    def beside(self, *args, **more):
        if self.key.endswith("raw_orders"):
            monkeypatch.undo()
            shop.write("mode: append", "mode: overwrite")
            shop.add("b")
            shop.write(mode, "mode: overwrite")
        return commit(self, *args, **more)

    shop.write(mode, "mode: overwrite")
    monkeypatch.setattr(pinion_delta.Transaction, "commit", beside)
    done = shop.spark("load", full_refresh=True, drop_imported=True)
    assert done["state"] == "failed" and done["class"] == "retry", done
    shop.both("3 rows of 2 imported files")


def test_a_conf_names_the_tables_that_are_made_afresh(library, tmp_path):
    shop = Imports(library, tmp_path)

    def made(*names):
        conf = json.dumps({"full_refresh": names})
        done = library(shop.data / "store", shop.definition, "load",
                       tables=[{"name": "raw_orders"}], run={"conf": conf})  # fmt: skip
        assert done["state"] == "done", done
        return done["tables"][0].get("why_afresh", "")

    assert [made(), made("orders"), made("orders", "raw_orders")] == ["", "", "--full-refresh"]
