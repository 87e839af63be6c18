"""Incremental tables: after any batches, late objects and crashes, their rows are those of tables
that are overwritten with all there is.

One data folder has both: the tables of the definition `grow` are incremental, and those of `whole`
are overwritten, from the same landed objects. Both define one pipeline, since a data folder is one
pipeline's; the name of the definition is the folder of its tables.
"""

import json
import os
import random
import subprocess
import time

import pytest

from pinion import PINION, Failed, run

ROUNDS = int(os.environ.get("PINION_INCREMENTAL_ROUNDS", "8"))

DEFINITION = """
name: shop
topics:
  shop.orders: {{partitions: 2}}
  shop.countries: {{partitions: 1}}
dead_letters: {name}/dead_letters
tables:
  raw_orders:
    path: {name}/raw_orders
    from_topic: shop.orders
    {raw}
    columns:
      id: {{type: bigint, required: true}}
      seq: bigint
      amount: double
      op: string
      country: string
  countries:
    path: {name}/countries
    from_topic: shop.countries
    columns: {{code: string, name: string}}
  orders:
    path: {name}/orders
    sql: clean/orders.sql
    reads: [raw_orders, countries]
    {clean}
    columns: {{id: bigint, seq: bigint, amount: double, op: string, country: string}}
dags:
  nightly:
    tasks:
      countries: {{run: load, tables: [countries]}}
      load: {{run: load, tables: [raw_orders]}}
      clean: {{run: transform, tables: [orders], after: [load, countries]}}
"""

SQL = """-- a lookup table may be joined
SELECT id, seq, amount, op, name AS country
FROM raw_orders LEFT JOIN countries ON country = code
WHERE amount IS NOT NULL
"""


LETTERS = "SELECT * EXCLUDE (made_by, after_version) FROM dead_letters ORDER BY ALL"


def write_pipeline(folder, name, raw="mode: overwrite", clean="mode: overwrite", sql=SQL):
    (folder / "clean").mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.yml").write_text(DEFINITION.format(name=name, raw=raw, clean=clean))
    (folder / "clean/orders.sql").write_text(sql)
    return folder


def land(data, topic, partition, number, values):
    folder = data / f"store/topics/{topic}/partition={partition}"
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(v if isinstance(v, str) else json.dumps(v) + "\n" for v in values)
    path = folder / f"{topic}+{partition}+{number:010}.json"
    path.with_suffix(".new").write_text(lines)
    path.with_suffix(".new").rename(path)
    return path


def sunk(data, topic, partition, number, count):
    """Values that were not JSON, as the sink lands them."""
    folder = data / f"store/dead_letters/{topic}/partition={partition}"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {"topic": topic, "partition": partition, "offset": number + n, "reason": "invalid JSON",
         "timestamp": "2026-11-29T20:00:00.000Z", "value": "{", "encoding": "text"}
        for n in range(count)
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / f"{topic}+{partition}+{number:010}.json").write_text(text)


def task(name, data, pipeline, *args, **more):
    return run("task", "nightly", name, *args, "--pipeline", pipeline, data=data, **more)


def rows(data, pipeline, sql):
    done = run("query", sql, "--format", "json", "--pipeline", pipeline, data=data)
    return json.loads(done.stdout)


def contents(data, pipeline):
    """All rows of all tables, sorted; of letters all but what made them."""
    tables = {"raw_orders": "FROM raw_orders", "orders": "FROM orders", "dead_letters": LETTERS}
    found = {name: rows(data, pipeline, sql) for name, sql in tables.items()}
    return {name: sorted(json.dumps(row) for row in all_rows) for name, all_rows in found.items()}


def make_all(data, pipeline):
    for name in ("countries", "load", "clean"):
        task(name, data, pipeline)


def log_of(data, table):
    folder = data / "store" / table / "_delta_log"
    return [
        [json.loads(line) for line in path.read_text().splitlines()]
        for path in sorted(folder.glob("*.json"))
    ]


def txns(data, table):
    return {
        line["txn"]["appId"]: line["txn"]["version"]
        for commit in log_of(data, table)
        for line in commit
        if "txn" in line
    }


class Landing:
    """Random objects, of which some land later than those after them."""

    def __init__(self, data, seed, ties=False):
        self.data, self.chance, self.ties = data, random.Random(seed), ties
        self.next = {0: 0, 1: 0}
        self.late = []
        self.id = 0

    def value(self):
        self.id += 1
        kind = self.chance.random()
        if kind < 0.05:
            return {"id": "no number", "n": self.id}
        if kind < 0.08:
            return "[[\n"
        return {
            "id": self.chance.randrange(1, 40),
            "seq": self.chance.randrange(9) if self.ties else self.id,
            "amount": self.chance.choice((None, 1.5, 2.25, -3.0)),
            "op": self.chance.choice(("I", "U", "D")), "country": self.chance.choice("abc"),
        }  # fmt: skip

    def step(self):
        for path, values in self.late:
            land(self.data, *path, values)
        self.late = []
        for _ in range(self.chance.randrange(1, 4)):
            partition = self.chance.randrange(2)
            number = self.next[partition]
            values = [self.value() for _ in range(self.chance.randrange(1, 6))]
            self.next[partition] += len(values)
            if self.chance.random() < 0.2:
                sunk(self.data, "shop.orders", partition, self.next[partition], 2)
                self.next[partition] += 2
            if self.chance.random() < 0.25:
                self.late.append((("shop.orders", partition, number), values))
            else:
                land(self.data, "shop.orders", partition, number, values)


def crash(data, pipeline, name, after, *args):
    """Starts a task and kills it so many seconds later, unless it has ended by then."""
    with subprocess.Popen(
        [PINION, "task", "nightly", name, *args, "--pipeline", str(pipeline), "--data", str(data)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        time.sleep(after)  # when the crash comes
        process.kill()


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_append_gives_the_rows_of_an_overwrite(data, tmp_path, seed):
    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append", "mode: append")
    whole = write_pipeline(tmp_path / "whole", "whole")
    land(data, "shop.countries", 0, 0, [{"code": c, "name": c * 3} for c in "ab"])
    landing = Landing(data, seed)
    for number in range(ROUNDS):
        landing.step()
        for name in ("load", "clean"):
            if landing.chance.random() < 0.5:
                crash(data, grow, name, landing.chance.uniform(0, 0.06))
        if number == 0:
            task("countries", data, grow)
        task("load", data, grow)
        task("clean", data, grow)
        if landing.chance.random() < 0.2:
            run("table", "optimize", "raw_orders", "--pipeline", grow, data=data)
        make_all(data, whole)
        assert contents(data, grow) == contents(data, whole)
    assert len(log_of(data, "grow/raw_orders")) > ROUNDS // 2  # and not by being made afresh:
    first, *later = [commit[0]["commitInfo"] for commit in log_of(data, "grow/orders")]
    assert first["operationParameters"]["mode"] in ("Overwrite", "Append")
    assert {info["operationParameters"]["mode"] for info in later} == {"Append"}


MERGE = "mode: merge\n    key: id\n    order_by: seq\n    delete_when: op = 'D'"


def newest(values):
    """Of rows of one id the greatest in seq, then a deletion, then by all columns; not deleted."""

    def rank(row):
        return [row["op"] == "D"] + [(v is not None, v or 0) for v in row.values()]

    best = {}
    for row in values:
        kept = best.get(row["id"])
        if kept is None or (row["seq"], rank(row)) > (kept["seq"], rank(kept)):
            best[row["id"]] = row
    return sorted(json.dumps(row) for row in best.values() if row["op"] != "D")


@pytest.mark.parametrize("merged", ("raw_orders", "orders"))
@pytest.mark.parametrize("seed", (4, 5))
def test_merge_gives_the_newest_row_of_each_key(data, tmp_path, seed, merged):
    raw, clean = (MERGE, "mode: overwrite") if merged == "raw_orders" else ("mode: append", MERGE)
    grow = write_pipeline(tmp_path / "grow", "grow", raw, clean)
    whole = write_pipeline(tmp_path / "whole", "whole")
    land(data, "shop.countries", 0, 0, [{"code": c, "name": c * 3} for c in "ab"])
    landing = Landing(data, seed, ties=True)
    task("countries", data, grow)
    for _ in range(ROUNDS):
        landing.step()
        name = "load" if merged == "raw_orders" else "clean"
        if merged == "orders":
            task("load", data, grow)
        if landing.chance.random() < 0.6:
            crash(data, grow, name, landing.chance.uniform(0, 0.12))
        task(name, data, grow)
        make_all(data, whole)
        found = sorted(json.dumps(row) for row in rows(data, grow, f"SELECT * FROM {merged}"))
        assert found == newest(rows(data, whole, f"SELECT * FROM {merged}"))
    assert rows(data, grow, LETTERS) == rows(data, whole, LETTERS)
    operations = {commit[0]["commitInfo"]["operation"] for commit in log_of(data, f"grow/{merged}")}
    assert operations == {"WRITE", "MERGE"}
    task(name, data, grow, "--full-refresh")
    again = sorted(json.dumps(row) for row in rows(data, grow, f"SELECT * FROM {merged}"))
    assert again == found
    import deltalake

    table = deltalake.DeltaTable(str(data / f"store/grow/{merged}")).to_pyarrow_table()
    assert table.num_rows == len(found)


def test_a_merge_rewrites_only_files_that_hold_its_keys(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append", MERGE)
    land(data, "shop.countries", 0, 0, [{"code": "a", "name": "A"}])
    task("countries", data, grow)
    for number in range(3):  # three files: ids 0 and 10, 100 and 110, 200 and 210
        ids = (100 * number, 100 * number + 10)
        land(data, "shop.orders", 0, 2 * number, [{"id": i, "seq": 1, "amount": 1.0} for i in ids])
        task("load", data, grow)
        task("clean", data, grow)
    land(data, "shop.orders", 0, 6, [
        {"id": 100, "seq": 2, "amount": 5.0},  # in the second file
        {"id": 205, "seq": 2, "amount": 6.0},  # within the range of the third, but not in it
        {"id": 999, "seq": 2, "amount": 7.0}])  # fmt: skip
    task("load", data, grow)
    assert "3 rows merged, 1 file rewritten" in task("clean", data, grow).stdout
    *_, last = log_of(data, "grow/orders")
    assert [sum(kind in line for line in last) for kind in ("remove", "add")] == [1, 1]
    assert last[0]["commitInfo"]["operationMetrics"]["numRemovedFiles"] == "1"
    land(data, "shop.orders", 0, 9, [{"id": 110, "seq": 3, "amount": 1.0, "op": "D"}])
    task("load", data, grow)
    assert "0 rows merged, 1 deleted, 1 file rewritten" in task("clean", data, grow).stdout


def test_a_merge_beside_another_writer_loses_nothing(data, tmp_path):
    import deltalake
    import pyarrow

    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append", MERGE)
    land(data, "shop.countries", 0, 0, [{"code": "a", "name": "A"}])
    make = ("countries", "load", "clean")
    land(data, "shop.orders", 0, 0, [{"id": n, "seq": 1, "amount": 1.0} for n in range(50)])
    for name in make:
        task(name, data, grow)
    path = str(data / "store/grow/orders")
    schema = deltalake.DeltaTable(path).to_pyarrow_table().schema
    for number in range(6):
        values = [{"id": n, "seq": 2 + number, "amount": 2.0} for n in range(0, 50, 5)]
        land(data, "shop.orders", 0, 50 + 10 * number, values)
        task("load", data, grow)
        with subprocess.Popen(
            [PINION, "task", "nightly", "clean", "--pipeline", str(grow), "--data", str(data)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            row = {"id": 1000 + number, "seq": 1, "amount": 9.0, "op": None, "country": None}
            deltalake.write_deltalake(
                path, pyarrow.Table.from_pylist([row], schema=schema), mode="append"
            )
            output = process.communicate()[0]
        assert process.returncode == 0, output
    found = {row["id"]: row["seq"] for row in rows(data, grow, "SELECT id, seq FROM orders")}
    assert found == {n: 7 if n % 5 == 0 else 1 for n in range(50)} | {
        1000 + n: 1 for n in range(6)
    }


def test_a_raw_table_whose_merge_was_changed_asks_for_a_full_refresh(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append")
    land(data, "shop.orders", 0, 0, [{"id": 1, "seq": n} for n in range(3)])
    task("load", data, grow)
    for raw in (MERGE, MERGE.replace("order_by: seq", "order_by: amount")):
        write_pipeline(grow, "grow", raw)
        with pytest.raises(Failed, match="`order_by`.* changed since the table was made"):
            task("load", data, grow)
        assert "1 row, made afresh" in task("load", data, grow, "--full-refresh").stdout


def test_keys_that_are_missing_are_named(data, tmp_path):
    merge = "mode: merge\n    key: id\n    order_by: seq"
    sql = "SELECT nullif(id, 0) AS id, seq, amount, op, country FROM raw_orders"
    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append", merge, sql)
    land(data, "shop.orders", 0, 0, [{"id": 1, "seq": 1}, {"id": 2, "seq": 1}])
    land(data, "shop.countries", 0, 0, [{"code": "a"}])
    for name in ("countries", "load", "clean"):
        task(name, data, grow)
    before = contents(data, grow)["orders"], len(log_of(data, "grow/orders"))
    land(data, "shop.orders", 0, 2, [{"id": 0, "seq": 3}])
    task("load", data, grow)
    with pytest.raises(Failed, match='1 new row has no value in the key .*{"id":null,"seq":3,'):
        task("clean", data, grow)
    assert (contents(data, grow)["orders"], len(log_of(data, "grow/orders"))) == before


def test_positions_are_those_of_the_partitions(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append", "mode: append")
    land(data, "shop.countries", 0, 0, [{"code": "a", "name": "A"}])
    land(data, "shop.orders", 0, 0, [{"id": 1, "amount": 1.0}, {"id": 2, "amount": 1.0}])
    land(data, "shop.orders", 1, 5, [{"id": 3, "amount": 1.0}])
    make_all(data, grow)
    positions = txns(data, "grow/raw_orders")
    assert positions.pop("pinion/definition") > 0
    rules = {name for name in positions if name.startswith("pinion/rules")}
    assert "pinion/rules/column/id" in rules
    assert {name: positions[name] for name in positions.keys() - rules} == {
        "pinion/incremental": 1,
        "pinion/since": 0,
        "pinion/landed/shop.orders/0": 2,
        "pinion/landed/shop.orders/0/objects": 1,
        "pinion/landed/shop.orders/1": 6,
        "pinion/landed/shop.orders/1/objects": 1,
        "pinion/landed/shop.orders/1/gap/0-5": 1,
    }
    before = len(log_of(data, "grow/raw_orders"))
    assert "nothing new" in task("load", data, grow).stdout
    assert "nothing new" in task("clean", data, grow).stdout
    assert len(log_of(data, "grow/raw_orders")) == before


def test_another_writer_between_two_runs_loses_nothing(data, tmp_path):
    import deltalake
    import pyarrow

    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append", "mode: append")
    land(data, "shop.countries", 0, 0, [{"code": "a", "name": "A"}])
    land(data, "shop.orders", 0, 0, [{"id": 1, "seq": 1, "amount": 1.0, "op": "I"}])
    make_all(data, grow)
    path = str(data / "store/grow/raw_orders")
    columns = {"id": [70], "seq": [7], "amount": [7.0], "op": ["I"], "country": ["a"]}
    deltalake.write_deltalake(path, pyarrow.table(columns), mode="append")
    land(data, "shop.orders", 0, 1, [{"id": 2, "seq": 2, "amount": 2.0, "op": "I"}])
    assert "1 row added" in task("load", data, grow).stdout
    assert "2 rows added" in task("clean", data, grow).stdout
    assert {row["id"] for row in rows(data, grow, "SELECT id FROM orders")} == {1, 2, 70}
    table = deltalake.DeltaTable(str(data / "store/grow/orders"))
    assert sorted(table.to_pyarrow_table().column("id").to_pylist()) == [1, 2, 70]


def test_what_new_rows_cannot_tell_makes_it_afresh(data, tmp_path):
    import deltalake

    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append", "mode: append")
    land(data, "shop.countries", 0, 0, [{"code": "a", "name": "A"}])
    land(data, "shop.orders", 0, 0, [{"id": n, "amount": 1.0, "country": "a"} for n in range(9)])
    make_all(data, grow)

    task("countries", data, grow)  # is overwritten
    assert "made afresh (table 'countries': rows of it were" in task("clean", data, grow).stdout
    deltalake.DeltaTable(str(data / "store/grow/raw_orders")).delete("id = 4")
    done = task("clean", data, grow).stdout
    assert "8 rows, made afresh (table 'raw_orders': rows of it were overwritten" in done
    write_pipeline(grow, "grow", "mode: append", "mode: append", SQL + "AND id <> 5\n")
    assert "7 rows, made afresh (its SQL, columns, partitions or mode have changed)" in (
        task("clean", data, grow).stdout
    )
    write_pipeline(grow, "grow", "mode: overwrite", "mode: overwrite", SQL)
    make_all(data, grow)
    write_pipeline(grow, "grow", "mode: append", "mode: append", SQL)
    assert "9 rows, made afresh (it was overwritten since" in task("load", data, grow).stdout
    assert "9 rows, made afresh (the last run overwrote it)" in task("clean", data, grow).stdout
    assert "made afresh (--full-refresh)" in task("load", data, grow, "--full-refresh").stdout
    conf = {"PINION_CONF": '{"full_refresh": true}'}
    assert "made afresh (--full-refresh)" in task("clean", data, grow, env=conf).stdout
    land(data, "shop.orders", 0, 9, [{"id": 10, "amount": 1.0}])
    assert "1 row added" in task("load", data, grow).stdout
    assert "1 row added" in task("clean", data, grow).stdout
    done = run("batch", "--full-refresh", "--pipeline", grow, data=data)
    assert "raw_orders: version" in done.stderr and "(--full-refresh)" in done.stderr


def test_an_object_that_came_below_what_was_read_is_named(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append", "mode: append")
    land(data, "shop.orders", 0, 0, [{"id": 1}, {"id": 2}])
    task("load", data, grow)
    land(data, "shop.orders", 0, 1, [{"id": 3}])
    with pytest.raises(Failed, match="has 2 objects below offset 2 .* has read only 1 there"):
        task("load", data, grow)
    assert "3 rows, made afresh" in task("load", data, grow, "--full-refresh").stdout
    assert "nothing new" in task("load", data, grow).stdout
    (data / "store/topics/shop.orders/mine.json").write_text("{}\n")
    with pytest.raises(Failed, match="mine.json does not end in shop.orders\\+<partition>"):
        task("load", data, grow)


NOT_INCREMENTAL = {
    "SELECT id, max(seq) AS seq, 1.0::DOUBLE AS amount, '' AS op, '' AS country\n"
    "FROM raw_orders\nGROUP BY id": (1, "max() is an aggregate"),
    "SELECT id, seq, amount, op, country\nFROM raw_orders\nGROUP BY ALL": (2, "GROUP BY needs"),
    "SELECT DISTINCT id, seq, amount, op, country FROM raw_orders": (1, "DISTINCT compares"),
    "SELECT id, seq, amount, op, country\nFROM raw_orders\nLIMIT 5": (3, "LIMIT counts"),
    "SELECT id, seq,\n  sum(amount) OVER () AS amount,\n op, country FROM raw_orders":
        (2, "a window function"),
    "SELECT id, seq, amount, op, country FROM raw_orders\nQUALIFY row_number() OVER () = 1":
        (2, "a window function"),
    "SELECT a.* FROM raw_orders AS a\nJOIN raw_orders AS b USING (id)":
        (2, "it joins two tables that grow"),
    "SELECT id, seq, amount, op, name AS country FROM countries\nLEFT JOIN raw_orders ON true":
        (2, "is on the side of its outer"),
    "SELECT * FROM raw_orders\nWHERE id IN\n (SELECT id FROM raw_orders)":
        (3, "the subquery reads a table that grows"),
    "WITH x AS (SELECT * FROM raw_orders)\nSELECT * FROM x EXCEPT SELECT * FROM x":
        (2, "UNION, EXCEPT and INTERSECT"),
    "SELECT * FROM raw_orders\nUNION ALL SELECT 1, 2, 3.0::DOUBLE, name, code FROM countries":
        (2, "a part of its UNION ALL reads no table that grows"),
    "SELECT CAST(total(id) AS BIGINT) AS id, 1::BIGINT AS seq, 1.0::DOUBLE AS amount, '' AS op,"
    " '' AS country FROM raw_orders": (1, "sum() is an aggregate"),
    "SELECT id, seq, amount, op, country FROM raw_orders\nWHERE random() < 0.5":
        (2, "random() has another value in each run"),
    "SELECT id, seq, amount, op, country FROM raw_orders\nWHERE now() > '2026-01-01'":
        (2, "now() has another value in each run"),
    "SELECT id, seq, amount, op, country FROM raw_orders\nWHERE current_date > '2026-01-01'":
        (2, "current_date has another value in each run"),
}  # fmt: skip

INCREMENTAL = (
    SQL,
    "SELECT * FROM raw_orders UNION ALL SELECT * FROM raw_orders WHERE id > 5",
    "SELECT id, seq, amount, op, (SELECT max(name) FROM countries) AS country FROM raw_orders",
    "WITH c AS (SELECT code, count(*) AS n FROM countries GROUP BY code LIMIT 5) "
    "SELECT id, seq, amount, op, code AS country FROM raw_orders JOIN c ON code = country",
    "SELECT id, seq, amount, op, country FROM raw_orders "
    "WHERE country NOT IN (SELECT code FROM countries)",
    "SELECT id, seq, unnest([amount, seq]) AS amount, op, country FROM raw_orders ORDER BY id",
)


def test_the_check_names_what_new_rows_alone_cannot_answer(tmp_path):
    folder = write_pipeline(tmp_path / "p", "p", "mode: append", "mode: append")
    (folder / "prelude").mkdir()
    (folder / "prelude/duckdb.sql").write_text(
        "CREATE OR REPLACE MACRO total(x) AS round(sum(x), 2);\n"
    )
    for sql, (line, why) in NOT_INCREMENTAL.items():
        (folder / "clean/orders.sql").write_text(sql)
        done = run("pipeline", "check", folder, check=False)
        assert done.returncode == 1 and f"clean/orders.sql:{line}: table 'orders'" in done.stderr
        assert why in done.stderr and "use `mode: overwrite`" in done.stderr
    for sql in INCREMENTAL:
        (folder / "clean/orders.sql").write_text(sql)
        assert "all right" in run("pipeline", "check", folder).stdout, sql


def test_settings_that_do_not_fit_are_named(tmp_path):
    folder = write_pipeline(tmp_path / "p", "p", "mode: add")
    done = run("pipeline", "check", folder, check=False)
    assert "tables.raw_orders.mode" in done.stderr and "overwrite, append" in done.stderr
    for raw, clean, where, why in (
        ("mode: merge", "", "raw_orders.mode", 'a merge needs the key "key"'),
        ("mode: merge\n    key: id", "", "raw_orders.mode", 'a merge needs the key "order_by"'),
        ("order_by: id", "", "raw_orders.order_by", "only allowed for a table with mode: merge"),
        (MERGE.replace("seq", "sek"), "", "raw_orders.order_by", 'did you mean "seq"'),
        (MERGE, "mode: append", "orders.mode", "whose rows a merge changes"),
        (MERGE.replace("op =", "oops ="), "", "raw_orders.delete_when", '"oops" not found'),
        (MERGE.replace("op = 'D'", "now() > '2030-01-01'"), "", "raw_orders.delete_when",
         "now() has another value in each run"),
    ):
        write_pipeline(folder, "p", raw, clean)
        done = run("pipeline", "check", folder, check=False)
        assert f"tables.{where}" in done.stderr and why in done.stderr
    write_pipeline(folder, "p", "mode: overwrite", "mode: append")
    done = run("pipeline", "check", folder, check=False)
    assert "tables.orders.mode: each run overwrites all tables that this table reads" in done.stderr
    write_pipeline(folder, "p", "mode: append", "mode: append")
    assert "    mode append\n" in run("pipeline", "show", folder).stdout
    shown = json.loads(run("pipeline", "show", folder, "--format", "json").stdout)
    assert [table["mode"] for table in shown["tables"]] == ["append", "overwrite", "append"]
    done = run("deploy", "spark", "--pipeline", folder, "--store", "s3://x", "--to",
               tmp_path / "spark")  # fmt: skip
    assert "note: raw_orders: `mode: append` needs the classes of delta-spark" in done.stderr
    definition = (tmp_path / "spark/pinion_pipeline.py").read_text()
    assert definition.count('mode="append", key=None') == 2 and "definition=" in definition
