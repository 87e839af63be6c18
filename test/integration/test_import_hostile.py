"""Files that change, and files whose bad rows are hard to place."""

import gzip
import json
import os
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


def test_names_in_capitals(files, tmp_path):
    files.add(write(tmp_path / "A.CSV.GZ", gzip.compress(b"id\n1\n")))
    files.add(write(tmp_path / "B.JSONL.Gz", gzip.compress(b'{"id": 2}\n')))
    files.add(write(tmp_path / "C.Json.GZ", gzip.compress(b'[{"id": 3}, {"id": 4}]')))
    assert [row["id"] for row in files.rows()] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "text, words",
    [
        (b"id,name\r1,a\r2,b\r", ["line 1 (byte 7)", "(CR)", "tr '\\r' '\\n'"]),
        (b"id,na\0me\n1,a\n", ["line 1 (byte 5)", "NUL"]),
        ("id,name\n1,a\n".encode("utf-16"), ["line 1", "UTF-16"]),
        ("id,n\u00e4me\n1,a\n".encode("latin-1"), ["line 1", "not UTF-8", "iconv"]),
    ],
)
def test_a_header_that_no_reading_would_understand(files, tmp_path, text, words):
    file = write(tmp_path / "a.csv", text)
    said = refusal(files.add(file, check=False), *words, "nothing was imported")
    assert "\0" not in said


ARRAYS = [
    ('[{"id": 1},\n {"id": 2}', ["no end", "the 2. one, begins on line 2"]),
    ('[{"id": 1},,\n {"id": 2}]', ["line 1 (byte 11)", "a comma too many"]),
    ('[{"id": 1},\n]', ["line 2 (byte 12)", "a comma too many"]),
    ('[{"id": 1},\n {"id": 2]]', ["line 2 (byte 21)", "a ] closes nothing"]),
    ('[{"id": 1}}]', ["line 1 (byte 10)", "a } closes nothing"]),
    ('[\n{"id": 1}]\n[{"id": 2}]', ["line 3 (byte 13)", "more after the end", "a value a line"]),
    ('[{"id": 1, "name": "x\n"}]', ["line 1 (byte 21)", "a line break within a text"]),
    ("[" * 1100, ["nested too deeply"]),
    ("[", ["no end"]),
]


@pytest.mark.parametrize("text, words", ARRAYS)
def test_a_broken_array_is_refused_with_its_place(files, tmp_path, text, words):
    for name, content in (("a.json", text.encode()), ("b.json.gz", gzip.compress(text.encode()))):
        said = files.add(write(tmp_path / name, content), "--bad-rows", "dead-letter", check=False)
        refusal(said, name, *words, "nothing was imported")


def test_values_of_an_array_that_are_not_json(files, tmp_path):
    """They are bad rows; the others are whole."""
    text = '\ufeff [ {"id": 1, "name": "a,]\\"}"}\r\n, {"id": 2 "n": 3}, {"id":\n3}, nul, [4], '
    text += '{"id": 5} ]\n'
    file = write(tmp_path / "a.json", text)
    refusal(files.add(file, check=False), "a.json, line 2", "3 of the records are not rows")
    files.add(file, "--bad-rows", "dead-letter")
    assert files.rows("SELECT id, name FROM orders ORDER BY id") == [
        {"id": 1, "name": 'a,]"}'}, {"id": 3, "name": None}, {"id": 5, "name": None}
    ]  # fmt: skip
    assert [row["line"] for row in files.letters()] == [2, 4, 5]


def test_a_large_array_on_one_line(files, tmp_path):
    """More than a line may have."""
    values = ",".join(f'{{"id": {n}, "name": "{"x" * 1000}"}}' for n in range(20000))
    files.add(write(tmp_path / "a.json", f"[{values}]"))
    assert files.rows("SELECT count(*) AS n, max(id) AS last FROM orders") == [
        {"n": 20000, "last": 19999}
    ]


def test_names_of_files_do_not_steer_a_terminal(files, tmp_path):
    said = refusal(files.add(write(tmp_path / "a\x1b[31m\n.csv", "id\nx\n"), check=False), "line 2")
    assert "a\\x1b[31m\\n.csv" in said, said
    odd = os.fsencode(tmp_path) + b"/\xff.csv"
    with open(odd, "wb") as file:
        file.write(b"id\n1\n")
    refusal(files.add(os.fsdecode(odd), check=False), "\\xff.csv", "not UTF-8", "rename")


def test_what_an_import_says_after_a_restore(files, tmp_path):
    first = write(tmp_path / "a.csv", "id\n1\n")
    second = write(tmp_path / "b.csv", "id\n2\n")
    files.add(first)
    files.add(second)
    done = run("table", "restore", "orders", "--to", "0", "--yes", "--pipeline", files.folder,
               data=files.data)  # fmt: skip
    assert "1 imported file leave: it can be imported again" in done.stderr, done.stderr
    done = run("table", "history", "orders", "--format", "json", "--pipeline", files.folder,
               data=files.data)  # fmt: skip
    assert json.loads(done.stdout)[0]["made_by"] == "pinion table restore"
    files.add(second)
    assert [row["id"] for row in files.rows()] == [1, 2]
    assert "restore" not in files.add(second, check=False).stderr


EMPTY = {"a.csv": b"", "b.csv": b"id,name\n", "c.jsonl": b"", "d.json": b"[]", "e.tsv": b""}


def test_a_day_without_rows(files, tmp_path):
    """An empty file says nothing of which day it is, so it is imported as often as it comes."""
    for name, data in EMPTY.items():
        for day in ("monday", "tuesday"):
            (tmp_path / day).mkdir(exist_ok=True)
            (tmp_path / day / name).write_bytes(data)
            done = run(*files.command(tmp_path / day / name), data=files.data)
            assert "1 file has no rows: nothing was imported" in done.stderr
    assert not (files.data / "store/raw/orders").exists()
    full = write(tmp_path / "full.csv", "id\n1\n")
    all_days = [tmp_path / day / "a.csv" for day in ("monday", "tuesday")]
    done = run(*files.command(full, *all_days), data=files.data)
    assert "2 files have no rows, and may be imported again" in done.stderr
    files.add(*all_days)
    assert [row["id"] for row in files.rows()] == [1]
    log = sorted((files.data / "store/raw/orders/_delta_log").iterdir())
    assert len(log) == 1 and log[0].read_text().count('"pinion/import/') == 2
    parquet = tmp_path / "x.parquet"
    parquet.write_bytes(b"")
    refusal(files.add(parquet, check=False), "x.parquet", "nothing was imported")
