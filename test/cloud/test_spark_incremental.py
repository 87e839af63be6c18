"""Incremental tables on Spark: `mode: append` and `merge` by jobs give the rows that pinion gives,
in any turn of the two engines, over late and repeated records and crashes."""

import json
import os
import random
import signal
import subprocess
from functools import partial

import pytest

import awkward
import test_expect_merge as expected
import test_incremental as grow
from pinion import PINION, Failed, run
from readers import in_order, rows_by_delta_rs, rows_by_spark
from spark import definition_of, job_library, write_settings

pytestmark = pytest.mark.timeout(3000)

MERGE = "mode: merge\n    key: id\n    order_by: seq\n    delete_when: op = 'D'"
TABLES = ("raw_orders", "countries", "orders")
ENGINES = ("pinion", "spark")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with job_library(tmp_path_factory.mktemp("library")) as perform:
        yield perform


class Shop:
    """The pipeline of test_incremental, made by either engine on one data folder."""

    def __init__(self, library, base, raw, clean, name="grow", **more):
        self.library, self.base, self.data, self.name = library, base, base / "data", name
        self.folder = base / name
        self.definition = None
        self.write(raw, clean, **more)

    def write(self, raw, clean, **more):
        grow.write_pipeline(self.folder, self.name, raw, clean, **more)
        self.definition = definition_of(self.folder, self.base / f"definition-{self.name}")

    def spark(self, task, full_refresh=False, drop_imported=False):
        """A job; gives its result."""
        names = {"countries": "countries", "load": "raw_orders", "clean": "orders"}
        table = {"name": names[task]}
        if task == "clean":
            table["sql"] = (self.folder / "clean/orders.sql").read_text()
        return self.library(self.data / "store", self.definition,
                            "transform" if task == "clean" else "load", tables=[table],
                            full_refresh=full_refresh,
                            drop_imported=drop_imported)  # fmt: skip

    def run(self, task, engine):
        """Gives what was reported of the table by Spark; of pinion, the output."""
        if engine == "pinion":
            return grow.task(task, self.data, self.folder).stdout
        done = self.spark(task)
        assert done["state"] == "done", done
        return done["tables"][0]

    def make(self, engines):
        for task in ("countries", "load", "clean"):
            self.run(task, next(engines))

    def contents(self, read=rows_by_delta_rs):
        return {name: in_order(read(self.data / "store" / self.name / name)) for name in TABLES}

    def dead_letters(self):
        """Without the offset, which is known to pinion alone."""
        path = self.data / "store" / self.name / "dead_letters"
        if not path.exists():
            return []
        return in_order(
            {**row, **awkward.UNSIGNED, "offset": None, "reason": awkward.told(row["reason"])}
            for row in rows_by_delta_rs(path)
        )


def order(number, seq, chance):
    op = chance.choice(["I", "I", "U", "D", None])
    country = chance.choice(["a", "b", "z", None])
    return {"id": number, "seq": seq, "amount": chance.choice([None, 1.5, number / 4]), "op": op,
            "country": country}  # fmt: skip


def batch(chance, at):
    """Records of a few keys, some twice, with ties in the order and what is not a row."""
    values = [
        order(chance.randrange(12), chance.choice([None, *range(6)]), chance) for _ in range(8)
    ]
    return [*values, values[0], {**values[1], "op": "D"}, {"seq": at}, f"not json {at}\n"]


def turns(chance):
    while True:
        yield chance.choice(ENGINES)


@pytest.mark.parametrize(("raw", "clean"), [("mode: append", "mode: append"),
                                            ("mode: append", MERGE), (MERGE, "mode: overwrite")])
def test_either_engine_continues(library, tmp_path, raw, clean):
    """Both take turns on `mixed`; `whole` is made by pinion alone, at the end."""
    chance = random.Random(f"{raw}{clean}")
    mixed = Shop(library, tmp_path, raw, clean)
    whole = Shop(library, tmp_path, raw, clean, name="whole")
    grow.land(mixed.data, "shop.countries", 0, 0, [{"code": c, "name": c * 3} for c in "ab"])
    late, number = [], 0
    for round_ in range(4):
        for partition in (0, 1):
            values = batch(chance, number)
            if round_ in (1, 2) and partition == 0:
                late.append((number, values))  # it lands with the next round
            else:
                grow.land(mixed.data, "shop.orders", partition, number, values)
        for at, values in late[: round_ - 1]:
            grow.land(mixed.data, "shop.orders", 0, at, values)
        number += 12
        mixed.make(turns(chance))
        if round_ == 2:  # without anything new
            assert mixed.run("load", "spark")["is_unchanged"]
            assert "nothing new" in mixed.run("load", "pinion")
    whole.make(iter(["pinion"] * 3))
    assert mixed.contents() == whole.contents()
    assert mixed.dead_letters() == whole.dead_letters()
    # What each engine notes of what it has taken is the same.
    ours, theirs = (grow.txns(shop.data, f"{shop.name}/raw_orders") for shop in (mixed, whole))
    passing = ("pinion/since", "pinion/deletions")
    assert {app: of for app, of in theirs.items() if app not in passing and "/gap/" not in app} == {
        app: of for app, of in ours.items() if app not in passing and "/gap/" not in app
    }


def test_partitions_and_deletion_vectors(library, tmp_path):
    """pinion marks rows in files that stay; a job reads them, and writes the files again."""
    vectors = MERGE + "\n    deletion_vectors: true"
    mixed = Shop(library, tmp_path, "mode: append\n    partition_by: op", vectors)
    whole = Shop(library, tmp_path, "mode: append\n    partition_by: op", vectors, name="whole")
    chance, number = random.Random(1), 0
    for engine, count in (("pinion", 300), ("pinion", 5), ("spark", 5), ("pinion", 5)):
        first = {"op": "I", "amount": 1.0} if count == 300 else {}
        values = [
            {**order(n if first else chance.randrange(300), number + n, chance), "amount": 2.0,
             **first} for n in range(count)
        ]  # fmt: skip
        grow.land(mixed.data, "shop.orders", 0, number, values)
        number += count
        if count == 300:
            grow.land(mixed.data, "shop.countries", 0, 0, [{"code": "a", "name": "A"}])
            mixed.run("countries", engine)
        mixed.run("load", engine)
        mixed.run("clean", engine)
    commits = grow.log_of(mixed.data, "grow/orders")
    assert "deletionVector" in json.dumps(commits[1])  # before the job
    whole.make(iter(["pinion"] * 3))
    by_spark = partial(rows_by_spark, library.spark)  # delta-rs does not read all of this
    assert mixed.contents(by_spark) == whole.contents(by_spark)


VALUES = [{"id": n, "seq": n, "amount": 1.0, "op": "I", "country": "a"} for n in range(6)]


def begun(library, base, raw="mode: append", clean="mode: append"):
    """A shop that a job has made once."""
    shop = Shop(library, base, raw, clean)
    grow.land(shop.data, "shop.countries", 0, 0, [{"code": "a", "name": "A"}])
    grow.land(shop.data, "shop.orders", 0, 0, [*VALUES, "no json\n"])
    shop.make(iter(["spark"] * 3))
    return shop


def test_added_columns_with_rules_and_rows_of_imports(library, tmp_path):
    """The engines know each other's rules, and neither drops rows of imports silently."""
    shop = begun(library, tmp_path)
    definition = shop.folder / "pipeline.yml"
    text = definition.read_text()

    def define(changed, name):
        definition.write_text(changed)
        shop.definition = definition_of(shop.folder, tmp_path / name)

    added = "      op: string\n      w: {type: bigint, aliases: [weight], required: true}\n"
    define(text.replace("      op: string\n", added), "added")
    grow.land(shop.data, "shop.orders", 0, 7, [{"id": 70, "seq": 1, "weight": 3}, {"id": 71}])
    done = shop.run("load", "spark")
    assert (done["rows"], done["dead_letters"], done["why_afresh"]) == (1, 1, "")
    define(text.replace("      op: string\n", added.replace("weight", "mass")), "renamed")
    said = "table 'raw_orders': `aliases` of column 'w' changed since the table was made"
    refused = shop.spark("load")
    assert refused["class"] == "input" and said in refused["message"]
    with pytest.raises(Failed, match=said):
        shop.run("load", "pinion")
    define(text.replace("      op: string\n", added), "again")
    assert "nothing new" in shop.run("load", "pinion")
    rows = tmp_path / "rows.csv"
    rows.write_text("id,seq,w\n80,1,4\n81,1,5\n")
    call = ["import", "raw_orders", rows, "--pipeline", shop.folder]
    run(*call, data=shop.data)
    before = shop.contents()
    refused = shop.spark("load", full_refresh=True)
    assert refused["class"] == "input"
    assert "2 rows of 1 imported file, and dead letters" in refused["message"]
    assert shop.contents() == before
    done = shop.spark("load", full_refresh=True, drop_imported=True)
    assert done["tables"][0]["why_afresh"] == "--full-refresh", done
    assert [row["id"] for row in shop.contents()["raw_orders"] if row["id"] in (80, 81)] == []
    run(*call, data=shop.data)  # both know that they went
    assert {80, 81} < {row["id"] for row in shop.contents()["raw_orders"]}
    define(text.replace("mode: append", "mode: overwrite"), "overwritten")
    refused = shop.spark("load")
    assert "2 rows of 1 imported file" in refused["message"], refused


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("mode", ["mode: append", MERGE])
def test_a_crash_repeats_nothing(library, tmp_path, monkeypatch, mode, when):
    """The job ends right before or after the table's commit; pinion or a job continues."""
    import pinion_delta

    shop = begun(library, tmp_path, "mode: append", mode)
    whole = Shop(library, tmp_path, "mode: append", mode, name="whole")
    commit = pinion_delta.Transaction.commit

    class Crash(BaseException):
        pass

    def crash(self, *args, **more):
        if self.key.endswith("dead_letters"):
            return commit(self, *args, **more)
        if when == "after":
            commit(self, *args, **more)
        raise Crash

    changed = {**VALUES[1], "seq": 100, "op": "D"}
    for number, engine in ((7, "pinion"), (10, "spark")):
        grow.land(shop.data, "shop.orders", 0, number,
                  [{**VALUES[0], "id": number, "seq": number}, changed, "worse\n"])  # fmt: skip
        for task in ("load", "clean"):
            monkeypatch.setattr(pinion_delta.Transaction, "commit", crash)
            with pytest.raises(Crash):
                shop.spark(task)
            monkeypatch.undo()
            shop.run(task, engine)
    whole.make(iter(["pinion"] * 3))
    assert shop.contents() == whole.contents()
    assert shop.dead_letters() == whole.dead_letters()
    assert len(shop.dead_letters()) == 3
    by_spark = [row for row in rows_by_delta_rs(shop.data / "store/grow/dead_letters")
                if row["value"] == "worse" and row["after_version"] is not None]  # fmt: skip
    assert len(by_spark) == 2


def test_a_killed_job_repeats_nothing(library, tmp_path):
    """SIGKILL of pinion, spark-submit and Java after the dead letters and before or in the table's
    commit."""
    shop = begun(library, tmp_path)
    whole = Shop(library, tmp_path, "mode: append", "mode: append", name="whole")
    grow.land(shop.data, "shop.orders", 0, 7, [*VALUES, "worse\n"])
    letters = shop.data / "store/grow/dead_letters/_delta_log"
    before = len(list(letters.glob("*.json")))
    command = [PINION, "task", "nightly", "load", "--pipeline", str(shop.folder), "--data",
               str(shop.data), "--config", str(write_settings(tmp_path))]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True) as task:  # fmt: skip
        while len(list(letters.glob("*.json"))) == before:
            assert task.poll() is None, task.stdout.read().decode()[-3000:]
        os.killpg(task.pid, signal.SIGKILL)
        task.wait(60)
        task.stdout.close()
    shop.run("load", "spark")
    shop.run("clean", "pinion")
    whole.make(iter(["pinion"] * 3))
    assert shop.contents() == whole.contents()
    assert shop.dead_letters() == whole.dead_letters()
    assert len(shop.dead_letters()) == 2


REFUSED = [
    ("SELECT max(id) AS id, max(seq) AS seq, sum(amount) AS amount, op, country FROM raw_orders "
     "GROUP BY op, country", "an aggregate"),
    ("SELECT DISTINCT id, seq, amount, op, country FROM raw_orders", "DISTINCT"),
    ("SELECT id, row_number() OVER (ORDER BY id) AS seq, amount, op, country FROM raw_orders",
     "a window function"),
    ("SELECT id, seq, amount, op, country FROM raw_orders LIMIT 3", "LIMIT"),
    ("SELECT id, seq, amount, op, country FROM raw_orders UNION SELECT 1, 1, 1, '', code FROM "
     "countries", "a part of UNION ALL"),
    ("SELECT id, seq, amount, op, country FROM raw_orders UNION ALL SELECT 1, 1, 1, '', code FROM "
     "countries", "a part of UNION ALL"),
    ("SELECT a.id, a.seq, b.amount, a.op, a.country FROM raw_orders a JOIN raw_orders b ON a.id = "
     "b.id", "a join of two growing tables"),
    ("SELECT id, seq, amount, op, code AS country FROM countries LEFT JOIN raw_orders ON country = "
     "code", "a LEFT OUTER JOIN"),
    ("SELECT id, seq, amount, op, code AS country FROM countries JOIN raw_orders ON country = code "
     "WHERE id = (SELECT max(id) FROM raw_orders)", "a subquery"),
    ("SELECT id, seq, amount, op, country FROM raw_orders WHERE now() > '2020-01-01'", "now()"),
    ("SELECT id, seq, rand() AS amount, op, country FROM raw_orders", "rand("),
    ("WITH r AS (SELECT * FROM raw_orders), s AS (SELECT max(id) AS id FROM r) SELECT r.id, seq, "
     "amount, op, country FROM r JOIN s ON r.id = s.id", "an aggregate"),
    ("SELECT id, seq, amount, op, m AS country FROM raw_orders, LATERAL (SELECT CAST(max(b.id) AS "
     "STRING) AS m FROM raw_orders b WHERE b.id < raw_orders.id)", "an aggregate"),
    ("SELECT id, seq, amount, op, code AS country FROM countries, LATERAL (SELECT * FROM "
     "raw_orders WHERE country = code LIMIT 1)", "LIMIT"),
    ("SELECT a.id, a.seq, a.amount, a.op, a.country FROM raw_orders a, LATERAL (SELECT 1 FROM "
     "raw_orders b WHERE a.id = b.id)", "a join of two growing tables"),
    ("SELECT id, seq, amount, op, (SELECT max(m) FROM countries, LATERAL (SELECT country AS m FROM "
     "raw_orders WHERE country = code)) AS country FROM raw_orders", "a subquery"),
    ("SELECT id, unix_timestamp() AS seq, amount, op, country FROM raw_orders",
     "current_timestamp()"),
    ("SELECT 1L AS id, 1L AS seq, 1.5 AS amount, 'I' AS op, code AS country FROM countries",
     "does not read a table whose mode is append"),
]  # fmt: skip
TAKEN = [
    "SELECT id, seq, amount, op, (SELECT max(name) FROM countries) AS country FROM raw_orders",
    "SELECT id, seq, amount, op, n AS country FROM raw_orders LEFT JOIN (SELECT code, max(name) AS "
    "n FROM countries GROUP BY code) ON country = code ORDER BY id",
    "WITH r AS (SELECT * FROM raw_orders WHERE id > 1) SELECT id, seq, amount, op, country FROM r "
    "UNION ALL SELECT id, seq, 0.5, op, country FROM raw_orders",
    "SELECT id, seq, amount, op, run_id() AS country FROM raw_orders WHERE run_logical_date() IS "
    "NULL AND country IN (SELECT code FROM countries)",
    "SELECT id, seq, amount, op, m AS country FROM raw_orders, LATERAL (SELECT max(name) AS m FROM "
    "countries WHERE code = country)",
    "SELECT id, seq, amount, op, code AS country FROM countries, LATERAL (SELECT * FROM raw_orders "
    "WHERE country = code)",
    "SELECT id, unix_timestamp(country, 'yyyy') AS seq, amount, op, country FROM raw_orders",
]  # fmt: skip


def test_which_sql_may_be_incremental(library, tmp_path):
    """By a check, and before a run; what both engines take is pinion's rows."""
    shop = Shop(library, tmp_path, "mode: append", "mode: append")
    asked = {"name": "orders", "file": "clean/orders.sql"}
    for sql, why in REFUSED:
        checked = library(shop.data / "store", shop.definition, "check",
                          tables=[{**asked, "sql": sql}], queries=[])  # fmt: skip
        assert checked["class"] == "input", (sql, checked)
        begin = ("tables.orders.mode: with", "table 'orders' has")
        assert checked["message"].removeprefix("clean/orders.sql: ").startswith(begin), checked
        assert why in checked["message"], checked
    for sql in TAKEN:
        checked = library(shop.data / "store", shop.definition, "check",
                          tables=[{**asked, "sql": sql}], queries=[])  # fmt: skip
        assert checked["state"] == "done", (sql, checked)
    shop = begun(library, tmp_path)
    shop.write("mode: append", "mode: append", sql=REFUSED[0][0])
    refused = shop.spark("clean")
    assert refused["class"] == "input" and "an aggregate" in refused["message"]


def test_a_condition_of_deletion_is_checked(library, tmp_path):
    for condition, said in (("now() > '2030-01-01'", "now() has another value in each run"),
                            ("seq < (SELECT max(seq) FROM raw_orders)", "a subquery"),
                            ("country IN (SELECT code FROM countries)", "a subquery"),
                            ("seq < max(seq) OVER ()", "a window function"),
                            ("max(seq) > 1", "an aggregate"),
                            ("nothing = 1", "nothing")):  # fmt: skip
        shop = Shop(library, tmp_path, "mode: append", MERGE.replace("op = 'D'", condition))
        checked = library(tmp_path, shop.definition, "check", tables=[], queries=[])
        assert checked["class"] == "input", checked
        assert checked["message"].startswith("tables.orders.delete_when: "), checked
        assert said in checked["message"]


def test_unique_sees_the_rows_that_stay(library, tmp_path):
    shop = begun(library, tmp_path, "mode: append\n    expect:\n      - {unique: id}")
    before = shop.contents()
    grow.land(shop.data, "shop.orders", 0, 7, [{**VALUES[0], "id": 7}, VALUES[3]])
    refused = shop.spark("load")
    assert refused["class"] == "input", refused
    assert "table 'raw_orders': 1 row does not pass unique(id)" in refused["message"]
    assert shop.contents() == before
    with pytest.raises(Failed, match="1 row does not pass unique"):
        shop.run("load", "pinion")


def test_a_relationship_to_the_table_itself_sees_the_rows_that_stay(library, tmp_path):
    test = "{relationship: {column: seq, to: raw_orders.id}}"
    shop = begun(library, tmp_path, f"mode: append\n    expect:\n      - {test}")
    grow.land(shop.data, "shop.orders", 0, 7, [{**VALUES[3], "id": 7}, {**VALUES[0], "seq": 7}])
    assert "class" not in shop.spark("load")
    grow.land(shop.data, "shop.orders", 0, 9, [{**VALUES[3], "id": 9}, {**VALUES[0], "seq": 8}])
    refused = shop.spark("load")
    assert "table 'raw_orders': 1 row does not pass relationship(seq" in refused["message"]


@pytest.mark.parametrize("merged", ("orders", "raw_orders"))
def test_tests_of_a_merge_see_the_rows_that_are_merged(library, tmp_path, merged):
    """Both engines take turns on one table; the model of test_expect_merge says what they find."""
    shop, chance = expected.Shop(tmp_path, merged, quarantines=False), random.Random(merged)

    def made_by_spark(shop):
        definition = definition_of(shop.folder, tmp_path / "definition")
        ask = partial(library, shop.data / "store", definition)
        done = ask("load", tables=[{"name": "raw_orders"}])
        if merged == "orders":
            assert done["state"] == "done", done
            sql = (shop.folder / "orders.sql").read_text()
            done = ask("transform", tables=[{"name": "orders", "sql": sql}])
        if "class" in done:
            return None, done["message"]
        counts = zip(expected.NAMES, done["tables"][0]["expect_failed"])
        return {name: count for name, count in counts if count > 0}, done

    expected.follow(shop, chance, lambda shop: chance.choice((expected.batch, made_by_spark))(shop))


def test_the_tests_of_an_added_column_see_null_in_the_rows_that_stay(library, tmp_path):
    shop = begun(library, tmp_path)
    definition = shop.folder / "pipeline.yml"
    tests = "      - {unique: w}\n      - {relationship: {column: seq, to: raw_orders.w}}\n"
    tests = f"    expect:\n{tests}"
    column = "      op: string\n"
    text = definition.read_text().replace(column, f"{column}      w: bigint\n", 1)
    definition.write_text(text.replace("    mode: append\n", f"    mode: append\n{tests}", 1))
    shop.definition = definition_of(shop.folder, tmp_path / "added")
    grow.land(shop.data, "shop.orders", 0, 7, [{**VALUES[0], "id": 7, "seq": 5, "w": 5}])
    done = shop.spark("load")
    assert "class" not in done, done


def test_what_is_refused_and_what_makes_a_table_afresh(library, tmp_path):
    shop = begun(library, tmp_path)
    grow.land(shop.data, "shop.orders", 0, 7, [{"seq": 1}, *VALUES])
    before = shop.contents()
    # A setting of the raw table: objects of before may be gone.
    definition = shop.folder / "pipeline.yml"
    text = definition.read_text()
    definition.write_text(text.replace("from_topic: shop.orders\n", "from_topic: shop.orders\n"
                                       "    unknown_keys: reject\n"))  # fmt: skip
    shop.definition = definition_of(shop.folder, tmp_path / "changed")
    refused = shop.spark("load")
    assert refused["class"] == "input" and "run it with --full-refresh" in refused["message"]
    for change, said in (
        ("      amount: double\n", "has the column 'amount' as \"double\", not \"string\""),
        ("      op: string\n", "has the column 'op', and the rows have 'action' in its place"),
    ):
        new = "      amount: string\n" if "amount" in change else "      action: string\n"
        definition.write_text(text.replace(change, new))
        shop.definition = definition_of(shop.folder, tmp_path / f"changed{new.strip()[:6]}")
        refused = shop.spark("load")
        assert refused["class"] == "input" and said in refused["message"], refused
    assert shop.contents() == before
    # A column more: null for old rows.
    definition.write_text(text.replace("      op: string\n", "      op: string\n      w: bigint\n"))
    shop.definition = definition_of(shop.folder, tmp_path / "more")
    done = shop.run("load", "spark")
    assert done["rows"] == 6 and done["dead_letters"] == 1 and done["is_added"] and not (
        done["why_afresh"]
    )
    # Overwritten by another mode, which the next incremental run sees; then on request.
    shop.write("mode: overwrite", "mode: overwrite")
    shop.make(iter(["spark"] * 3))
    marks = [grow.txns(shop.data, f"grow/{name}")["pinion/incremental"] for name in TABLES[::2]]
    assert marks == [0, 0]
    shop.write("mode: append", "mode: append")
    assert "it was overwritten" in shop.run("load", "spark")["why_afresh"]
    assert shop.run("clean", "spark")["why_afresh"] == "the last run overwrote it"
    assert shop.spark("load", full_refresh=True)["tables"][0]["why_afresh"] == "--full-refresh"
    assert "table 'raw_orders': " in shop.run("clean", "spark")["why_afresh"]
    whole = Shop(library, tmp_path, "mode: append", "mode: append", name="whole")
    whole.make(iter(["pinion"] * 3))
    assert shop.contents() == whole.contents()


def test_a_merge_keeps_the_values_of_a_foreign_column(library, tmp_path):
    """It is refused, as pinion refuses it; rows that are added have null in it."""
    for clean in (MERGE, "mode: append"):
        base = tmp_path / clean[6:11]
        base.mkdir()
        shop = begun(library, base, clean=clean)
        place = f"delta.`{shop.data}/store/grow/orders`"
        library.spark.sql(f"ALTER TABLE {place} ADD COLUMN (note STRING)")
        grow.land(shop.data, "shop.orders", 0, 7, [{**VALUES[0], "seq": 7}])
        shop.run("load", "spark")
        before, done = shop.contents(), shop.spark("clean")
        if clean == MERGE:
            assert done["class"] == "input" and "'note', which the rows lack" in done["message"]
            assert shop.contents() == before
        else:
            assert done["state"] == "done" and done["tables"][0]["rows"] == 1, done


def test_names_that_are_patterns_and_a_new_field_of_a_struct(library, tmp_path):
    """Objects are read by their names. A field more in a struct is null in old rows."""
    shop = Shop(library, tmp_path, "mode: append", "mode: overwrite")
    definition = shop.folder / "pipeline.yml"
    text = definition.read_text().replace("      op: string\n      country: string\n",
                                          "      op: 'struct<a int>'\n      country: string\n")
    definition.write_text(text)
    shop.definition = definition_of(shop.folder, tmp_path / "one")
    folder = shop.data / "store/topics/shop.orders"
    for number, name in enumerate(("[ab]{c}", "*", "a")):
        made = grow.land(shop.data, "shop.orders", 0, number, [{"id": number, "op": {"a": 1}}])
        (folder / name).mkdir()
        made.rename(folder / name / made.name)
    assert shop.run("load", "spark")["rows"] == 3
    definition.write_text(text.replace("struct<a int>", "struct<a int, b array<struct<c int>>>"))
    shop.definition = definition_of(shop.folder, tmp_path / "two")
    grow.land(shop.data, "shop.orders", 0, 3, [{"id": 3, "op": {"a": 1, "b": [{"c": 2}]}}])
    assert shop.run("load", "spark")["rows"] == 1
    rows = rows_by_delta_rs(shop.data / "store/grow/raw_orders")
    assert sorted((row["id"], str(row["op"])) for row in rows) == [
        *((number, "{'a': 1, 'b': None}") for number in range(3)),
        (3, "{'a': 1, 'b': [{'c': 2}]}"),
    ]


def test_a_commit_that_another_program_replaced(library, tmp_path, monkeypatch):
    """As where both have looked for the version before either wrote it."""
    import pinion_delta

    shop = begun(library, tmp_path)
    check = pinion_delta.Transaction.check_held

    def replaced(self, version):
        if self.key.endswith("raw_orders"):
            monkeypatch.undo()
            log = shop.data / "store/grow/raw_orders/_delta_log"
            (log / f".{version:020}.json.crc").unlink(missing_ok=True)
            (log / f"{version:020}.json").write_text('{"commitInfo":{"txnId":"another"}}\n')
        check(self, version)

    grow.land(shop.data, "shop.orders", 0, 7, [{**VALUES[0], "seq": 7}])
    monkeypatch.setattr(pinion_delta.Transaction, "check_held", replaced)
    failed = shop.spark("load")
    assert failed["class"] == "retry" and "over this run's" in failed["message"], failed
    assert shop.run("load", "pinion") and len(rows_by_delta_rs(
        shop.data / "store/grow/raw_orders")) == len(VALUES) + 1  # fmt: skip


def test_a_merge_without_a_key_is_refused(library, tmp_path):
    shop = Shop(library, tmp_path, "mode: append", MERGE,
                sql="SELECT id, seq, amount, op, country FROM raw_orders")  # fmt: skip
    text = (shop.folder / "pipeline.yml").read_text()
    text = text.replace("id: {type: bigint, required: true}", "id: bigint")
    (shop.folder / "pipeline.yml").write_text(text)
    shop.definition = definition_of(shop.folder, tmp_path / "changed")
    grow.land(shop.data, "shop.orders", 0, 0, [*VALUES, {"seq": 7}, {"seq": 8}])
    for task in ("countries", "load"):
        grow.land(shop.data, "shop.countries", 0, 0, [{"code": "a", "name": "A"}])
        shop.run(task, "spark")
    with pytest.raises(Failed) as ours:
        shop.run("clean", "pinion")
    theirs = shop.spark("clean")
    said = "table 'orders': 2 new rows have no value in the key column 'id', so what they replace"
    assert said in str(ours.value) and said in theirs["message"] and theirs["class"] == "input"
    assert not list((shop.data / "store/grow/orders").glob("_delta_log/*.json"))


def test_records_without_a_key_become_dead_letters_as_the_failed_load_advises(library, tmp_path):
    shop = Shop(library, tmp_path, MERGE, "mode: overwrite")
    definition = shop.folder / "pipeline.yml"
    required = definition.read_text()
    definition.write_text(required.replace("id: {type: bigint, required: true}", "id: bigint"))
    shop.definition = definition_of(shop.folder, tmp_path / "lax")
    grow.land(shop.data, "shop.orders", 0, 0, VALUES)
    shop.run("load", "spark")
    grow.land(shop.data, "shop.orders", 0, len(VALUES), [{"seq": 7}])
    told = shop.spark("load")["message"]
    assert "(let its column be `required: true`, and run it with --full-refresh)" in told, told
    definition.write_text(required)
    shop.definition = definition_of(shop.folder, tmp_path / "strict")
    assert shop.spark("load")["class"] == "input"  # the definition has changed
    done = shop.spark("load", full_refresh=True)
    assert done["tables"][0]["dead_letters"] == 1, done


def test_ties_of_every_type(library, tmp_path):
    """Of rows of a key and an order the greatest stays, by all columns: as DuckDB sorts them."""
    columns = ("f: double", "s: string", "b: binary", "l: 'array<int>'", "m: 'map<string, int>'",
               "t: 'struct<a int, b array<string>>'", "d: 'decimal(5,2)'", "at: timestamp")
    choices = {
        "f": [None, -0.5, 2], "s": [None, "", "é", "z"], "b": [None, "/w==", "YQ=="],
        "l": [None, [], [None], [1, None], [1, 2]],
        "m": [None, {}, {"a": None}, {"a": 1}, {"b": 0}],
        "t": [None, {}, {"a": 1}, {"b": []}, {"b": [None]}, {"a": 1, "b": ["x"]}],
        "d": [None, -1.5, 1.25], "at": [None, "2026-01-01T00:00:00Z"],
    }  # fmt: skip
    spelled = ", ".join(columns)
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "pipeline.yml").write_text(
        "name: p\ntopics: {t: {}}\ntables:\n  raw: {path: raw, from_topic: t, mode: merge, key: k, "
        f"order_by: o, columns: {{k: bigint, o: int, {spelled}}}}}\n"
        "dags: {nightly: {tasks: {load: {run: load, tables: [raw]}}}}\n"
    )
    chance = random.Random(5)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    definition = definition_of(folder, tmp_path / "definition")
    for number in (0, 200):
        values = [
            {"k": chance.randrange(30), "o": chance.choice([None, 1]),
             **{name: chance.choice(of) for name, of in choices.items()}} for _ in range(200)
        ]  # fmt: skip
        for data in (ours, theirs):
            grow.land(data, "t", 0, number, values)
        grow.task("load", ours, folder)
        done = library(theirs / "store", definition, "load", tables=[{"name": "raw"}])
        assert done["state"] == "done", done
        assert done["tables"][0]["why_afresh"] == ""
        ours, theirs = theirs, ours  # each engine continues with the table of the other one
    found = in_order(rows_by_delta_rs(ours / "store/raw"))
    assert len(found) == 30 and in_order(rows_by_delta_rs(theirs / "store/raw")) == found
