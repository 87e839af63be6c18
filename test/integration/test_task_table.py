"""`pinion task --table`: some of the tables of a task, as to make one of them afresh."""

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

    def task(self, *args, check=True):
        return run("task", "nightly", *args, "--pipeline", self.folder, data=self.data, check=check)

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


def test_a_table_that_the_task_does_not_make(shop):
    for args, said in (
        (["load", "--table", "a", "--table", "more"],
         "task 'load' does not make a table 'more': it makes a, b"),
        (["say", "--table", "a"], "task 'say' does not make a table 'a'"),
    ):  # fmt: skip
        done = shop.task(*args, check=False)
        assert done.returncode == 1 and done.stderr.strip().endswith(said), done.stderr
    assert not (shop.data / "store/raw").exists()
