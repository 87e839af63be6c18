"""`pinion table restore` of a raw table with imported files: what the older version has of them is
what the table has, so the others can be imported again."""

import json

import deltalake
import pytest

from test_import import refusal, write
from test_import_afresh import LETTERS, beside, fails, shop, without
from test_incremental import land

__all__ = ["shop"]  # a fixture


class Files:
    """Files of ids, each with a row that is bad, and the restores between their imports."""

    def __init__(self, shop, folder):
        self.shop, self.folder = shop, folder

    def path(self, name):
        number = 10 * (ord(name) - ord("a") + 1)
        return write(self.folder / f"{name}.csv", f"id\n{number}\n{number + 1}\nx\n")

    def add(self, name, *args):
        return self.shop.add(self.path(name), "--bad-rows", "dead-letter", *args, check=False)

    def add_beside(self, meanwhile, name, *args, nth=1):
        """The import has read what the table has of the file, and meanwhile that changes."""
        return beside(self.shop, meanwhile, "import", "orders", self.path(name), "--quiet",
                      "--bad-rows", "dead-letter", *args, nth=nth)  # fmt: skip

    def has(self, name, *args):
        assert self.add(name, *args).returncode == 0

    def refuses(self, name, *words):
        refusal(self.add(name), f"{name}.csv", *words)

    def restore(self, version, *args):
        return self.shop.run("table", "restore", "orders", "--to", version, "--yes", *args).stderr

    def letters(self):
        return [(row["object"].rpartition("/")[2][0], row["line"])
                for row in self.shop.rows(LETTERS)]  # fmt: skip

    def version(self):
        rows = self.shop.run("table", "history", "orders", "--format", "json").stdout
        return max(row["version"] for row in json.loads(rows))


@pytest.fixture
def files(shop, tmp_path):
    return Files(shop, tmp_path)


def refused(shop, words):
    fails(shop.load("--full-refresh", check=False), words)


def test_files_that_left_are_imported_again(shop, files):
    files.has("a")
    files.has("b")
    said = files.restore(0, "--dry-run")
    assert "The rows of 1 imported file leave: it can be imported again." in said
    assert files.version() == 1
    assert files.restore(0) == said
    assert shop.ids() == [10, 11]
    files.refuses("a", "already")
    refused(shop, "2 rows of 1 imported file,")
    files.has("b")
    assert (shop.ids(), files.letters()) == ([10, 11, 20, 21], [("a", 4), ("b", 4)])
    files.refuses("b", "already")
    refused(shop, "4 rows of 2 imported files,")
    files.has("b", "--force")
    assert files.letters() == [("a", 4), ("b", 4), ("b", 4)]
    refused(shop, "6 rows of 2 imported files,")


def test_files_that_come_back_are_there(shop, files):
    files.has("a")
    files.has("b")
    files.has("b", "--force")
    both = files.version()
    files.restore(0)
    assert "The rows of 1 imported file come back." in files.restore(both)
    assert shop.ids() == [10, 11, 20, 20, 21, 21]
    files.refuses("b", "already")
    refused(shop, "6 rows of 2 imported files,")
    files.restore(1)
    refused(shop, "4 rows of 2 imported files,")
    files.refuses("b", "already")


@pytest.mark.parametrize("landed", (True, False))
def test_after_what_made_the_table_afresh(shop, files, landed):
    if landed:
        land(shop.data, "shop.orders", 0, 0, [{"id": 1}])
        shop.load()
    files.has("a")
    had = files.version()
    shop.load("--full-refresh", "--drop-imported")
    dropped = files.version()
    files.has("b")
    said = files.restore(had)
    assert "1 imported file leave" in said and "1 imported file come back" in said
    files.refuses("a", "already")
    refused(shop, "2 rows of 1 imported file,")
    files.has("b")
    refused(shop, "4 rows of 2 imported files,")
    assert "The rows of 2 imported files leave: they" in files.restore(dropped)
    shop.load("--full-refresh")  # nothing is there that it would drop
    assert shop.ids() == [1] * landed
    files.has("a")
    files.has("b")
    assert shop.ids() == [1] * landed + [10, 11, 20, 21]
    assert files.letters() == [("a", 4), ("b", 4)]


def test_loads_go_on_and_positions_stay(shop, files):
    land(shop.data, "shop.orders", 0, 0, [{"id": 1}])
    shop.load()
    files.has("a")
    land(shop.data, "shop.orders", 0, 1, [{"id": 2}])
    shop.load()
    files.restore(0)
    land(shop.data, "shop.orders", 0, 2, [{"id": 3}])
    shop.load()
    files.has("a")
    assert shop.ids() == [1, 3, 10, 11]
    shop.load("--full-refresh", "--drop-imported")
    assert shop.ids() == [1, 2, 3]
    files.has("a")
    assert (shop.ids(), files.letters()) == ([1, 2, 3, 10, 11], [("a", 4)])


def test_a_compaction_changes_nothing_of_it(shop, files):
    files.has("a")
    files.has("b")
    shop.run("table", "optimize", "orders")
    compact = files.version()
    assert compact > 1
    files.restore(0)
    files.restore(compact)
    refused(shop, "4 rows of 2 imported files,")
    files.refuses("b", "already")


def test_a_table_that_was_overwritten_meanwhile(shop, files):
    """Its mode is another one by now: the rows are back, and nothing drops them silently."""
    files.has("a")
    shop.define(mode="overwrite")
    land(shop.data, "shop.orders", 0, 0, [{"id": 1}])
    shop.load("--drop-imported")
    assert "The rows of 1 imported file come back." in files.restore(0)
    fails(shop.load(check=False), "2 rows of 1 imported file,")
    shop.define(mode="merge", more="key: id\n    order_by: id")
    fails(shop.load("--full-refresh", check=False), "2 rows of 1 imported file,")
    shop.load("--full-refresh", "--drop-imported")
    assert shop.ids() == [1]
    shop.define()
    files.restore(0)
    refused(shop, "2 rows of 1 imported file,")


def test_one_file_of_which_a_cleaned_log_does_not_say_it(shop, files):
    """It was dropped before the oldest commit. The others are known after restores, as before."""
    files.has("a")
    shop.load("--full-refresh", "--drop-imported")
    log = shop.data / "store/raw/orders/_delta_log"
    names = iter("bcdefghijklmnopqrstuvwxyz")
    there = []
    while not list(log.glob("*.checkpoint*")):
        there.append(next(names))
        files.has(there[-1])
    newest = max(int(file.name[:20]) for file in log.glob("*.checkpoint*"))
    for version in range(newest):
        (log / f"{version:020}.json").unlink()
    later = next(names)
    files.has(later)
    said = files.restore(newest)
    assert "Of 1 imported file the log does not say any more" in said
    assert "The rows of 1 imported file leave: it can be imported again." in said
    ids = shop.ids()
    count = len(there)
    assert len(ids) == 2 * count
    for _ in range(2):
        files.refuses("a", "a restore of the table at", "brought its rows back", "--force")
        files.refuses(there[0], "already")
        files.refuses(there[-1], "already")
        refused(shop, f"of {count + 1} imported files,")
        files.has(later)
        assert "Of 1 imported file" in files.restore(newest)
        assert shop.ids() == ids
    files.has("a", "--force")
    files.refuses("a", "already")
    assert "The rows of 1 imported file leave" not in files.restore(newest)  # it may have them
    files.refuses("a", "a restore of the table at", "--force")
    shop.load("--full-refresh", "--drop-imported")
    for name in ("a", there[0]):
        files.has(name)
        files.refuses(name, "already")
    refused(shop, "4 rows of 2 imported files,")


def test_a_restore_of_delta_rs_is_settled_by_one_of_ours(shop, files):
    files.has("a")
    files.has("b")
    shop.load("--full-refresh", "--drop-imported")
    files.has("c")
    deltalake.DeltaTable(shop.data / "store/raw/orders").restore(1)
    assert shop.ids() == [10, 11, 20, 21]
    theirs = files.version()
    files.refuses("a", "brought its rows back", "--force")
    said = files.restore(theirs)
    assert "The log does not say whether it has the rows of 3 imported files" in said
    assert "restore it to the version that this one named" in said
    assert files.version() == theirs
    said = files.restore(1, "--dry-run")
    assert "is as it was in version 1 already, by another program: which rows of 3 imported" in said
    assert files.version() == theirs
    assert files.restore(1) == said
    assert files.version() == theirs + 1
    assert files.restore(1).endswith("is as it was in version 1 already\n")
    assert files.version() == theirs + 1
    for name in "ab":
        files.refuses(name, "already")
    refused(shop, "4 rows of 2 imported files,")
    files.has("c")
    assert shop.ids() == [10, 11, 20, 21, 30, 31]


def by_another(shop, version):
    """The newest commit, a restore, as another program makes it."""
    log = shop.data / "store/raw/orders/_delta_log"
    without(log / f"{version:020}.json", '"pinion/')


def test_a_restore_of_another_program_leaves_it_open(shop, files):
    files.has("a")
    files.has("b")
    shop.load("--full-refresh", "--drop-imported")
    files.has("c")
    files.restore(1)
    by_another(shop, files.version())
    open_version = files.version()
    files.refuses("a", "a restore of the table at", "brought its rows back", "--force")
    files.refuses("c", "a restore of the table at", "taken its rows away", "--force")
    fails(shop.load("--full-refresh", check=False), "6 rows of 3 imported files")
    assert "imported file" in files.restore(0)  # what that version has is known
    files.refuses("a", "already")
    files.has("b")
    said = files.restore(open_version)
    assert "the log does not say any more" in said
    files.refuses("a", "a restore of the table at", "--force")


def test_a_log_of_an_older_pinion_can_be_restored(shop, files):
    files.has("a")
    log = shop.data / "store/raw/orders/_delta_log"
    without(log / f"{0:020}.json", '/rows"', '/imports"')
    shop.load("--full-refresh", "--drop-imported")
    files.has("a")
    refused(shop, "2 rows of 1 imported file,")
    files.has("b")
    files.restore(0)
    refused(shop, "the rows of 1 imported file,")
    files.refuses("a", "already")
    files.has("b")
    refused(shop, "the rows of 2 imported files,")
    files.restore(1)
    shop.load("--full-refresh")
    files.has("a")
    refused(shop, "2 rows of 1 imported file,")


# --- beside an import ---------------------------------------------------------------------------


def moved(code, said):
    assert code == 1
    assert "a restore of table 'orders', or another import, was faster: run it again" in said
    assert "nothing was imported" in said


def test_rows_that_come_back_beside_an_import_do_not_come_twice(shop, files):
    files.has("a")
    files.has("b")
    files.restore(0)
    moved(*files.add_beside(lambda: files.restore(1), "b"))
    assert (shop.ids(), files.letters()) == ([10, 11, 20, 21], [("a", 4), ("b", 4)])
    files.refuses("b", "already")
    refused(shop, "4 rows of 2 imported files,")


def test_rows_that_leave_beside_an_import_are_not_counted(shop, files):
    files.has("a")
    files.has("b")
    moved(*files.add_beside(lambda: files.restore(0), "b", "--force"))
    assert shop.ids() == [10, 11]
    refused(shop, "2 rows of 1 imported file,")
    files.has("b", "--force")
    assert shop.ids() == [10, 11, 20, 21]
    refused(shop, "4 rows of 2 imported files,")
    files.restore(1)
    refused(shop, "4 rows of 2 imported files,")


@pytest.mark.parametrize("nth", (1, 2))
def test_letters_of_an_import_that_fails_do_not_come_twice(shop, files, nth):
    """A restore leaves those of the file's first import, so the next one adds none."""
    files.has("a")
    files.has("b")
    letters = files.letters()
    moved(*files.add_beside(lambda: files.restore(0), "b", "--force", nth=nth))
    assert files.letters() == letters
    files.has("b", "--force")
    assert (shop.ids(), files.letters()) == ([10, 11, 20, 21], letters)


def test_rows_that_a_load_drops_beside_an_import_are_not_counted(shop, files):
    land(shop.data, "shop.orders", 0, 0, [{"id": 1}])
    shop.load()
    files.has("a")
    moved(*files.add_beside(lambda: shop.load("--full-refresh", "--drop-imported"), "a", "--force"))
    assert shop.ids() == [1]
    files.has("a", "--force")
    assert (shop.ids(), files.letters()) == ([1, 10, 11], [("a", 4)])
    refused(shop, "2 rows of 1 imported file,")


def test_what_concerns_other_files_goes_on_beside_an_import(shop, files):
    files.has("a")
    files.has("b")
    land(shop.data, "shop.orders", 0, 0, [{"id": 1}])

    def meanwhile():
        shop.load()
        files.restore(0)

    code, said = files.add_beside(meanwhile, "c")
    assert code == 0, said
    assert shop.ids() == [10, 11, 30, 31]
    refused(shop, "4 rows of 2 imported files,")
    code, said = files.add_beside(lambda: files.has("b"), "a", "--force")
    assert code == 0, said
    refused(shop, "8 rows of 3 imported files,")
