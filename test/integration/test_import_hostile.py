"""Files that change, and files whose bad rows are hard to place."""

import json
import threading

import pytest

from pinion import run
from test_import import refusal, write

DEFINITION = """
name: files
topics:
  shop.orders: {{partitions: 1}}
dead_letters: letters
tables:
  orders:
    path: raw/orders
    from_topic: shop.orders
    mode: append
    columns:
      id: {{type: bigint, required: true}}
      name: string
      n: {n}
"""


class Files:
    """A pipeline whose column `n` is of a type that may change."""

    def __init__(self, data, folder):
        self.data, self.folder = data, folder
        self.folder.mkdir()
        self.define("bigint")

    def define(self, type_of_n):
        (self.folder / "pipeline.yml").write_text(DEFINITION.format(n=type_of_n))

    def command(self, *args):
        return ["import", "orders", *args, "--pipeline", self.folder]

    def add(self, *args, check=True):
        return run(*self.command(*args), "--quiet", data=self.data, check=check)

    def rows(self, sql="SELECT id FROM orders ORDER BY id"):
        done = run("query", sql, "--format", "json", "--pipeline", self.folder, data=self.data)
        return json.loads(done.stdout)

    def letters(self):
        return self.rows("SELECT line, value FROM dead_letters ORDER BY line")


@pytest.fixture
def files(data, tmp_path):
    return Files(data, tmp_path / "pipeline")


def test_a_file_that_grows_while_it_is_imported(files, tmp_path):
    """Its rows would be in the table under the hash of what it was before."""
    file = write(tmp_path / "grows.csv", "id\n" + "".join(f"{n}\n" for n in range(100000)))
    ended = threading.Event()

    def grow():
        with open(file, "ab", buffering=0) as out:
            while not ended.is_set():
                out.write(b"7\n")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        done = files.add(file, check=False)
    finally:
        ended.set()
        writer.join()
    refusal(done, "grows.csv changed while it was imported; nothing was imported")
    files.add(file)
    assert len(files.rows()) == file.read_text().count("\n") - 1


def test_dead_letters_of_a_refused_import_do_not_stand_for_others(files, tmp_path):
    files.add(write(tmp_path / "first.csv", "id,n\n1,1\n"))
    file = write(tmp_path / "f.csv", "id,n\n2,7\n3,true\n")
    files.define("boolean")
    refusal(files.add(file, "--bad-rows", "dead-letter", check=False), "raw/orders", "'n'")
    files.define("bigint")
    files.add(file, "--bad-rows", "dead-letter")
    assert [row["id"] for row in files.rows()] == [1, 2]
    assert files.letters() == [{"line": 3, "value": "3,true"}]


def test_quotes_within_values_are_text(files, tmp_path):
    text = 'id,name,n\n1,5" pipe,1\n2,ok,2\n3,fine "x,3\n4,bad,zzz\n5,"a\n""b",y\n6,good,5\n'
    files.add(write(tmp_path / "q.csv", text), "--bad-rows", "dead-letter")
    assert [row["id"] for row in files.rows()] == [1, 2, 3, 6]
    assert files.letters() == [
        {"line": 5, "value": "4,bad,zzz"}, {"line": 6, "value": '5,"a\n""b",y'},
    ]  # fmt: skip


def test_empty_lines_of_one_column_are_rows(files, tmp_path):
    text = "id\n1\n\n2\n\nxx\n3\n"
    files.add(write(tmp_path / "one.csv", text), "--bad-rows", "dead-letter")
    assert [row["id"] for row in files.rows()] == [1, 2, 3]
    assert files.letters() == [
        {"line": 3, "value": ""}, {"line": 5, "value": ""}, {"line": 6, "value": "xx"},
    ]  # fmt: skip
