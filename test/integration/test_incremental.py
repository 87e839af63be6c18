"""Incremental tables: after any batches, late objects and crashes, their rows are those of tables
that are overwritten with all there is.

One data folder has both: the pipeline `grow`, whose tables are incremental, and `whole`, whose
tables are overwritten, from the same landed objects.
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
name: {name}
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
    """All rows of all tables, sorted."""
    return {
        name: sorted(json.dumps(row) for row in rows(data, pipeline, f"SELECT * FROM {name}"))
        for name in ("raw_orders", "orders", "dead_letters")
    }


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

    def __init__(self, data, seed):
        self.data, self.chance = data, random.Random(seed)
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
            "id": self.chance.randrange(1, 40), "seq": self.id,
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


def crash(data, pipeline, name, after):
    """Starts a task and kills it so many seconds later, unless it has ended by then."""
    with subprocess.Popen(
        [PINION, "task", "nightly", name, "--pipeline", str(pipeline), "--data", str(data)],
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


def test_positions_are_those_of_the_partitions(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow", "mode: append", "mode: append")
    land(data, "shop.countries", 0, 0, [{"code": "a", "name": "A"}])
    land(data, "shop.orders", 0, 0, [{"id": 1, "amount": 1.0}, {"id": 2, "amount": 1.0}])
    land(data, "shop.orders", 1, 5, [{"id": 3, "amount": 1.0}])
    make_all(data, grow)
    assert txns(data, "grow/raw_orders") == {
        "pinion/incremental": 1,
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
    assert "7 rows, made afresh (its SQL, columns or mode have changed)" in (
        task("clean", data, grow).stdout
    )
    write_pipeline(grow, "grow", "mode: overwrite", "mode: overwrite", SQL)
    make_all(data, grow)
    write_pipeline(grow, "grow", "mode: append", "mode: append", SQL)
    assert "9 rows, made afresh (the last run overwrote it" in task("load", data, grow).stdout
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
    write_pipeline(folder, "p", "mode: overwrite", "mode: append")
    done = run("pipeline", "check", folder, check=False)
    assert "tables.orders.mode: each run overwrites all tables that this table reads" in done.stderr
    write_pipeline(folder, "p", "mode: append", "mode: append")
    assert "    mode append\n" in run("pipeline", "show", folder).stdout
    shown = json.loads(run("pipeline", "show", folder, "--format", "json").stdout)
    assert [table["mode"] for table in shown["tables"]] == ["append", "overwrite", "append"]
    refused = run("deploy", "spark", "--pipeline", folder, "--store", "s3://x", "--to",
                  tmp_path / "spark", check=False)  # fmt: skip
    assert "table 'raw_orders' has `mode: append`, but jobs of Spark overwrite" in refused.stderr
