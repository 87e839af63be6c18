"""`--table` of `pinion task` and `pinion batch`, and a conf with names: one table made afresh."""

import json

import pytest

from pinion import run
from test_incremental import land

DEFINITION = """
name: some
topics:
  shop.a: {partitions: 1}
  shop.b: {partitions: 1}
tables:
  a: {path: raw/a, from_topic: shop.a, mode: append, columns: {id: int}}
  b: {path: raw/b, from_topic: shop.b, mode: append, columns: {id: int}}
  both: {path: both, sql: both.sql, reads: [a, b], columns: {id: int}}
  more: {path: more, sql: both.sql, reads: [a, b], columns: {id: int}}
dags:
  nightly:
    tasks:
      load: {run: load, tables: [a, b]}
      sum: {run: transform, tables: [both, more], after: [load]}
      say: {run: command, command: "true"}
"""


class Shop:
    def __init__(self, data, folder):
        self.data, self.folder = data, folder
        folder.mkdir()
        (folder / "pipeline.yml").write_text(DEFINITION)
        (folder / "both.sql").write_text("FROM a UNION ALL FROM b\n")
        for name in "ab":
            land(data, f"shop.{name}", 0, 0, [{"id": 1}])

    def task(self, *args, check=True, env=None):
        return run("task", "nightly", *args, "--pipeline", self.folder, data=self.data, check=check,
                   env=env)  # fmt: skip

    def batch(self, *args, check=True):
        return run("batch", *args, "--pipeline", self.folder, data=self.data, check=check)

    def versions(self):
        done = run("table", "list", "--format", "json", "--pipeline", self.folder, data=self.data)
        rows = {row["table"]: row["version"] for row in json.loads(done.stdout)}
        return {name: rows[name] for name in ("a", "b", "both", "more")}


@pytest.fixture
def shop(data, tmp_path):
    return Shop(data, tmp_path / "pipeline")


def test_one_table_is_made_afresh(shop):
    shop.task("load")
    shop.task("sum")
    assert shop.versions() == {"a": 0, "b": 0, "both": 0, "more": 0}
    said = shop.task("load", "--table", "b", "--full-refresh").stdout
    assert said.startswith("b: version 1") and "made afresh (--full-refresh)" in said
    assert len(said.splitlines()) == 1
    shop.task("sum", "--table", "more")
    assert shop.versions() == {"a": 0, "b": 1, "both": 0, "more": 1}
    twice = [word for name in "bab" for word in ("--table", name)]
    said = shop.task("load", *twice, "--full-refresh").stdout
    assert [line.partition(":")[0] for line in said.splitlines()] == ["a", "b"]
    assert shop.versions() == {"a": 1, "b": 2, "both": 0, "more": 1}


def test_a_batch_makes_one_table(shop):
    """And asks no queries, of which one would fail."""
    (shop.folder / "queries").mkdir()
    query = shop.folder / "queries/sum.sql"
    query.write_text("-- All.\nSELECT count(*) AS n FROM more\n")
    assert "n\n-\n2" in shop.batch().stdout
    query.write_text("-- All.\nSELECT error('asked') AS n FROM more\n")
    assert shop.versions() == {"a": 0, "b": 0, "both": 0, "more": 0}
    land(shop.data, "shop.b", 0, 1, [{"id": 2}])
    done = shop.batch("--table", "b", "--format", "json")
    assert done.stdout == "" and done.stderr.startswith("b: version 1, 1 row added"), done
    assert "(--full-refresh)" in shop.batch("--table", "b", "--full-refresh").stderr
    assert shop.batch("--table", "more").stderr.startswith("more: version 1, 3 rows")
    assert shop.versions() == {"a": 0, "b": 2, "both": 0, "more": 1}
    twice = [word for name in ("both", "a", "both") for word in ("--table", name)]
    names = [line.partition(":")[0] for line in shop.batch(*twice).stderr.splitlines()]
    assert names == ["a", "both"]
    assert "asked" in shop.batch(check=False).stderr


def test_a_table_that_a_batch_does_not_make(shop):
    before = sorted(shop.data.rglob("*"))
    done = shop.batch("--table", "a", "--table", "c", check=False)
    words = "a batch does not make a table 'c': it makes a, b, both, more"
    assert done.returncode == 1 and done.stderr.strip().endswith(words), done
    assert sorted(shop.data.rglob("*")) == before


def test_a_run_makes_some_tables_afresh(shop):
    """Of loads and of transforms."""
    (shop.folder / "pipeline.yml").write_text(
        DEFINITION.replace("{path: more,", "{path: more, mode: append,")
        .replace("{path: both,", "{path: both, mode: append,")
    )  # fmt: skip
    for task in ("load", "sum"):
        shop.task(task)

    def made(conf, task):
        lines = shop.task(task, env={"PINION_CONF": json.dumps(conf)}).stdout.splitlines()
        return [line.partition(":")[0] for line in lines if "made afresh (--full-refresh)" in line]

    for conf, tables in (
        ([], []), (False, []), (None, []), (["b"], ["b"]), (["both", "a"], ["a", "both"]),
        (True, ["a", "b", "both", "more"]),
    ):  # fmt: skip
        assert made({"full_refresh": conf}, "load") + made({"full_refresh": conf}, "sum") == tables


def test_a_conf_names_tables_of_the_dag(shop):
    call = ["dag", "trigger", "nightly", "--pipeline", shop.folder, "--conf"]
    for conf, words in (
        ('{"full_refresh": ["b", "c"]}', 'has "c", which is not a table that DAG'),
        ('{"full_refresh": [1]}', "has 1, which is not a table that DAG"),
        ('{"full_refresh": "yes"}', "must be true or false, or an array of tables, not string"),
        ('{"drop_imported": []}', "must be true or false, not array"),
        ('{"full_refresh": [], "drop_imported": 1}', "must be true or false, not number"),
    ):  # fmt: skip
        done = run(*call, conf, data=shop.data, check=False)
        assert done.returncode == 1 and words in done.stderr, done
    for conf in ('{"full_refresh": ["b", "more"]}', '{"full_refresh": null}',
                 '{"drop_imported": null}'):  # fmt: skip
        run(*call, conf, data=shop.data)


def test_a_table_that_the_task_does_not_make(shop):
    for args, said in (
        (["load", "--table", "a", "--table", "more"],
         "task 'load' does not make a table 'more': it makes a, b"),
        (["say", "--table", "a"], "task 'say' does not make a table 'a'"),
    ):  # fmt: skip
        done = shop.task(*args, check=False)
        assert done.returncode == 1 and done.stderr.strip().endswith(said), done.stderr
    assert not (shop.data / "store/raw").exists()
