"""`expect` of a merge: tests that fail or warn see the rows that the merge puts into the table,
those with quarantine each row that comes. So a newer record corrects one that fails a run."""

import json
import random
import re

import pytest
from deltalake import DeltaTable

from halted import halted
from pinion import run
from test_incremental import land, rows, task

ROUNDS = 10
COLUMNS = ("id", "seq", "amount", "status", "parent")
MERGE = "mode: merge\n    key: id\n    order_by: seq\n    delete_when: status = 'D'"
QUARANTINE = """
      - {range: {column: amount, max: 90}, action: quarantine, name: high}"""
TESTS = """
    expect:{quarantine}
      - {{range: {{column: amount, min: 0}}, action: {action}, name: low}}
      - {{accepted_values: {{column: status, values: [new, paid]}}, action: {action}, name: status}}
      - {{relationship: {{column: parent, to: {table}.id}}, action: {action}, name: parent}}
      - {{empty: many.sql, action: {action}, name: many}}"""
NAMES = ("low", "status", "parent", "many")
DEFINITION = """\
name: shop
topics: {{shop.orders: {{}}}}
tables:
  raw_orders:
    path: t/raw_orders
    from_topic: shop.orders
    {raw}
    columns: {{id: bigint, seq: bigint, amount: double, status: string, parent: bigint}}
  orders:
    path: t/orders
    sql: orders.sql
    reads: [raw_orders]
    {clean}
    columns: {{id: bigint, seq: bigint, amount: double, status: string, parent: bigint}}
"""


def least(value, nothing):
    """A value by which null is the least."""
    return (value is not None, nothing if value is None else value)


def rank(row):
    """The order of rows of one key."""
    return (least(row["seq"], 0), row["status"] == "D", least(row["amount"], 0),
            least(row["status"], ""), least(row["parent"], 0))  # fmt: skip


class Model:
    """What the table is after each run, and what its tests say."""

    def __init__(self, quarantines):
        self.quarantines = quarantines
        self.table, self.deleted, self.waiting, self.taken_out = {}, {}, [], 0

    def passes(self, row):
        return not self.quarantines or row["amount"] is None or row["amount"] <= 90

    def look(self):
        """Of the batch: the newest rows, those that come into the table, and the keys whose row
        goes."""
        best, coming, leaving = {}, {}, set()
        for row in filter(self.passes, self.waiting):
            if row["id"] not in best or rank(row) > rank(best[row["id"]]):
                best[row["id"]] = row
        for key, row in best.items():
            has = self.table.get(key)
            deleted = self.deleted.get(key)  # its order alone is remembered
            if (has is None or rank(row) > rank(has)) and (
                deleted is None or rank(row)[:2] >= (deleted, True)
            ):
                leaving.add(key)
                if row["status"] != "D":
                    coming[key] = row
        return best, coming, leaving

    def counts(self):
        _, coming, leaving = self.look()
        rows = list(coming.values())
        ids = (set(self.table) - leaving) | set(coming)
        new = sum(row["status"] == "new" for row in rows)
        return {
            "low": sum(row["amount"] is not None and row["amount"] < 0 for row in rows),
            "status": sum(row["status"] not in ("new", "paid", None) for row in rows),
            "parent": sum(row["parent"] is not None and row["parent"] not in ids for row in rows),
            "many": int(new > 2),
        }

    def bad(self):
        """How many rows the test with quarantine takes out."""
        return sum(not self.passes(row) for row in self.waiting)

    def commit(self):
        best, coming, leaving = self.look()
        for key in leaving:
            self.table.pop(key, None)
            if best[key]["status"] == "D":
                self.deleted[key] = least(best[key]["seq"], 0)
        self.table |= coming
        self.taken_out += self.bad()
        self.waiting = []

    def rows(self):
        return sorted(json.dumps({name: row[name] for name in COLUMNS})
                      for row in self.table.values())  # fmt: skip


class Shop:
    def __init__(self, base, merged, more="", quarantines=True):
        self.folder, self.data, self.merged, self.more = base / "shop", base / "data", merged, more
        self.quarantines = quarantines
        self.folder.mkdir()
        self.next = 0
        (self.folder / "orders.sql").write_text("SELECT * FROM raw_orders\n")
        (self.folder / "many.sql").write_text(
            f"SELECT count(*) AS n FROM {merged} WHERE status = 'new' HAVING count(*) > 2\n"
        )

    def write(self, action):
        first = QUARANTINE if self.quarantines else ""
        tests = TESTS.format(quarantine=first, action=action, table=self.merged)
        merge = MERGE + self.more + tests
        modes = {"raw": "mode: append", "clean": merge}
        if self.merged == "raw_orders":
            modes = {"raw": merge, "clean": "mode: overwrite"}
        (self.folder / "pipeline.yml").write_text(DEFINITION.format(**modes))

    def land(self, rows):
        place = self.data / "store/topics/shop.orders/partition=0"
        place.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (place / f"shop.orders+0+{self.next:010}.json").write_text(lines)
        self.next += len(rows)

    def batch(self, *args):
        return run("batch", *args, "--pipeline", self.folder, data=self.data, check=False)

    def query(self, sql):
        command = ("query", sql, "--pipeline", self.folder, "--format", "json")
        return json.loads(run(*command, data=self.data).stdout)

    def rows(self):
        return sorted(json.dumps(row) for row in self.query(f"FROM {self.merged}"))


def some(chance):
    return {
        "id": chance.randrange(1, 12),
        "seq": chance.choice((None, *range(9))),
        "amount": -3.5 if chance.random() < 0.2 else chance.choice((None, 1.5, 20.5, 95.5)),
        "status": "odd" if chance.random() < 0.2 else chance.choice(("new", "paid", None, "D")),
        "parent": chance.choice((None, None, None, chance.randrange(1, 14))),
    }


def check_failed(told, table, counts):
    """A failed run names the first test that fails, its rows, and how many others fail."""
    failing = [name for name in NAMES if counts[name] > 0]
    found = re.search(rf"table '{table}': (\d+) rows? do(?:es)? not pass (\w+)"
                      r"(?: and (\d+) other tests? fails?)?; the table stays", told)  # fmt: skip
    assert found, told
    assert found[2] == failing[0] and int(found[1]) == counts[failing[0]], (told, counts)
    assert int(found[3] or 0) == len(failing) - 1, (told, counts)


def follow(shop, chance, perform):
    """Lands random batches, and compares each run with a model. `perform` makes the table, and
    gives the counts of the tests that do not pass (None: the run failed) and what was said."""
    model, failures, made = Model(shop.quarantines), 0, False
    for _ in range(ROUNDS):
        rows = [some(chance) for _ in range(chance.randrange(1, 9))]
        if chance.random() < 0.3 and model.table:  # the same record again
            rows.append(chance.choice(list(model.table.values())))
        shop.land(rows)
        model.waiting += rows
        for action in chance.choice((("fail", "warn"), ("warn",), ("fail",))):
            if not model.waiting:
                continue
            shop.write(action)
            counts = model.counts()
            found, told = perform(shop)
            if action == "fail" and any(counts.values()):
                failures += 1
                assert found is None, (told, counts)
                check_failed(told, shop.merged, counts)
            else:
                counts = {name: count for name, count in counts.items() if count > 0}
                if model.bad() > 0:
                    counts["high"] = model.bad()
                assert found == counts, (told, model.table)
                model.commit()
                made = True
            assert not made or shop.rows() == model.rows()
    assert failures > 0 and made
    return model


def batch(shop):
    done = shop.batch()
    if done.returncode != 0:
        return None, done.stderr
    line = next(line for line in done.stderr.splitlines()
                if line.startswith(f"{shop.merged}: version"))  # fmt: skip
    found = re.findall(r"(?:warning|quarantine): (\w+) has (\d+) rows?", line)
    return {test: int(count) for test, count in found}, line


@pytest.mark.parametrize(("merged", "more"), [
    ("orders", ""), ("raw_orders", ""), ("orders", "\n    partition_by: status"),
    ("orders", "\n    deletion_vectors: true"),
])  # fmt: skip
@pytest.mark.parametrize("seed", (1, 2))
def test_the_counts_are_those_of_the_rows_that_are_merged(tmp_path, merged, more, seed):
    shop = Shop(tmp_path, merged, more)
    model = follow(shop, random.Random(seed), batch)
    letters = "SELECT count(*) AS n FROM dead_letters WHERE reason LIKE '%not pass high%'"
    assert shop.query(letters) == [{"n": model.taken_out}]


IMPORTED = """\
name: docks
topics: {{docks: {{}}}}
tables:
  raw_docks:
    path: t/raw
    from_topic: docks
    mode: append
    columns: {{id: int, cap: int, ch: int}}
  docks:
    path: t/docks
    sql: docks.sql
    reads: [raw_docks]
    mode: merge
    key: id
    order_by: ch
    columns: {{id: int, cap: int, ch: int}}
    expect:
      - {{range: {{column: cap, min: 1}}, action: {action}}}{more}
dags:
  nightly:
    tasks:
      load: {{run: load, tables: [raw_docks]}}
      clean: {{run: transform, tables: [docks], after: [load]}}
"""


class Docks:
    """A merge of what is imported into its raw table."""

    def __init__(self, base):
        self.folder, self.data, self.files = base / "docks", base / "data", 0
        self.folder.mkdir()
        (self.folder / "docks.sql").write_text("SELECT id, cap, ch FROM raw_docks\n")
        self.write("fail")

    def write(self, action, more=""):
        (self.folder / "pipeline.yml").write_text(IMPORTED.format(action=action, more=more))

    def run(self, *args, **more):
        return run(*args, "--pipeline", self.folder, data=self.data, **more)

    def add(self, rows):
        """Imports the rows of a CSV file."""
        self.files += 1
        file = self.folder / f"{self.files}.csv"
        file.write_text(f"id,cap,ch\n{rows}\n")
        self.run("import", "raw_docks", file)

    def clean(self, *args, **more):
        return self.run("task", "nightly", "clean", *args, **more)

    def rows(self):
        found = self.run("query", "SELECT cap FROM docks ORDER BY id", "--format", "json").stdout
        return [row["cap"] for row in json.loads(found)]


@pytest.fixture
def docks(tmp_path):
    found = Docks(tmp_path)
    found.add("1,10,1")
    found.clean()
    return found


def test_a_newer_record_corrects_one_that_fails_a_run(docks):
    docks.add("1,-5,2")
    for more in ((), ("--full-refresh",)):
        told = docks.clean(*more, check=False)
        assert told.returncode != 0 and "1 row does not pass range(cap)" in told.stderr
        assert "(send newer records of their keys, " in told.stderr
    assert docks.rows() == [10]
    docks.add("1,12,3")
    assert "1 of 1 test passed" in docks.clean().stdout
    assert docks.rows() == [12]
    docks.clean("--full-refresh")
    assert docks.rows() == [12]


def test_records_without_a_key_are_left_out_as_the_failed_run_advises(docks):
    docks.add(",5,2\n1,11,2")
    told = docks.clean(check=False).stderr
    assert "1 new row has no value in the key column 'id'" in told
    assert told.endswith("(leave them out in the SQL, or give the table the test "
                         "`{not_null: id, action: quarantine}`)\n")  # fmt: skip
    docks.write("fail", "\n      - {not_null: id, action: quarantine}")
    assert "quarantine: not_null(id) has 1 row" in docks.clean().stdout
    assert docks.rows() == [11]
    docks.write("fail")
    (docks.folder / "docks.sql").write_text("SELECT * FROM raw_docks WHERE id IS NOT NULL")
    assert "made afresh" in docks.clean().stdout
    assert docks.rows() == [11]


def test_a_late_record_that_loses_fails_nothing(docks):
    docks.add("1,-5,0")
    assert "1 of 1 test passed" in docks.clean().stdout
    docks.add("1,-6,0\n2,-7,1")
    told = docks.clean(check=False).stderr
    assert "1 row does not pass range(cap)" in told and '"id":2' in told and '"id":1' not in told
    assert docks.rows() == [10]


def test_a_warning_counts_what_is_committed(docks):
    docks.write("warn")
    docks.add("1,-5,2\n1,-6,3\n2,-1,1\n2,1,2")
    assert "warning: range(cap) has 1 row," in docks.clean().stdout
    assert docks.rows() == [-6, 1]


def test_quarantine_looks_at_each_row(docks):
    """The newer row that is taken out does not hide the older one."""
    docks.write("quarantine")
    docks.add("1,11,2\n1,-5,3")
    assert "quarantine: range(cap) has 1 row," in docks.clean().stdout
    assert docks.rows() == [11]
    letters = docks.run("query", "SELECT value FROM dead_letters", "--format", "json").stdout
    assert [json.loads(row["value"])["cap"] for row in json.loads(letters)] == [-5]


@pytest.mark.parametrize("action", ("fail", "warn"))
def test_rows_that_others_bring_back_are_tested(data, tmp_path, action):
    """A late row lost to a newer one, which another program deletes before the merge commits."""
    tests = f"\n    expect: [{{range: {{column: amount, min: 0}}, action: {action}}}]"
    (tmp_path / "orders.sql").write_text("SELECT * FROM raw_orders\n")
    (tmp_path / "pipeline.yml").write_text(
        DEFINITION.format(raw=MERGE + tests, clean="mode: overwrite")
        + "dags: {nightly: {tasks: {load: {run: load, tables: [raw_orders]}}}}\n"
    )
    land(data, "shop.orders", 0, 0, [{"id": 1, "seq": 5, "amount": 6}])
    task("load", data, tmp_path)
    late = [{"id": 1, "seq": 3, "amount": -5}, {"id": 2, "seq": 1, "amount": 1}]
    land(data, "shop.orders", 0, 1, late)
    code, told = halted(
        lambda: DeltaTable(str(data / "store/t/raw_orders")).delete("id = 1"),
        "task", "nightly", "load", "--pipeline", tmp_path, "--data", data, nth=2,
    )  # fmt: skip
    assert code != 0 and "changed the table since the tests" in told, told
    done = task("load", data, tmp_path, check=False)
    assert (done.returncode != 0) == (action == "fail")
    ids = [row["id"] for row in rows(data, tmp_path, "SELECT id FROM raw_orders ORDER BY id")]
    assert ids == ([] if action == "fail" else [1, 2])
