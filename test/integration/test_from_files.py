"""Raw tables whose source is objects of the store: CSV, JSON and Parquet; each once over any crash;
bad rows with object and line; patterns that reach into what others keep."""

import gzip
import json
import os
import random
import shutil
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pinion import PINION, run
from test_import_afresh import without

DEFINITION = """
name: files
topics:
  shop.orders: {{partitions: 1}}
dead_letters: letters
tables:
  orders:
    path: raw/orders
    from_files: {files}
    {more}
    columns:
      id: {{type: bigint, required: true, aliases: [order_id]}}
      name: string
      at: timestamp
  paid:
    path: clean/paid
    sql: paid.sql
    reads: [orders]
    {paid}
    columns: {{id: bigint}}
dags:
  nightly:
    tasks:
      load: {{run: load, tables: [orders]}}
      clean: {{run: transform, tables: [paid], after: [load]}}
"""
KEY = "key: id\n    order_by: at\n    mode: merge"


class Files:
    def __init__(self, data, folder):
        self.data, self.folder = data, folder
        self.define()

    def define(self, files='"incoming/**/*"', more="mode: append", paid="mode: append", name=""):
        self.folder.mkdir(exist_ok=True)
        (self.folder / "paid.sql").write_text("SELECT id FROM orders WHERE name IS NOT NULL")
        text = DEFINITION.format(files=files, more=more, paid=paid)
        if name:
            text = text.replace("name: string", f"name: string\n      {name}")
        (self.folder / "pipeline.yml").write_text(text)

    def put(self, name, content):
        """Under another name first: a load does not see a part of it."""
        path = self.data / "store/incoming" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}")
        new.write_bytes(content.encode() if isinstance(content, str) else content)
        return new.rename(path)

    def call(self, *args, check=True):
        return run(*args, "--pipeline", self.folder, data=self.data, check=check)

    def load(self, *args, check=True):
        return self.call("task", "nightly", "load", *args, check=check)

    def rows(self, sql="SELECT * FROM orders ORDER BY id"):
        return json.loads(self.call("query", sql, "--format", "json").stdout)

    def ids(self):
        return [row["id"] for row in self.rows("SELECT id FROM orders ORDER BY id")]

    def letters(self):
        return self.rows(
            "SELECT object, line, reason, value FROM dead_letters ORDER BY object, line"
        )

    def refusal(self, *words):
        done = self.load(check=False)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done
        for word in words:
            assert word in done.stderr, done.stderr


@pytest.fixture
def files(data, tmp_path):
    return Files(data, tmp_path / "pipeline")


def zstd(content):
    return pa.compress(content, "zstd", asbytes=True)


def gzip_text(text):
    return gzip.compress(text.encode())


def parquet(path, **columns):
    pq.write_table(pa.table(columns), path)


# --- what is read ---------------------------------------------------------------------------------


def test_every_format_and_packing(files):
    lines = '{"id": 1, "name": "a"}\n{"order_id": 2}\n'
    files.put("lines.jsonl", lines)
    files.put("sub/packed.json.gz", gzip.compress(b'[{"id": 3},\n {"id": 4, "at": "2026-01-02"}]'))
    files.put("deep/er/array.json.zst", zstd(b'[{"id": 5}]'))
    files.put("lines.ndjson.ZST", zstd(b'{"id": 6}\n{"id": 7}\n'))
    files.put("sheet.csv", "id;name;at\n8;h;2026-01-02 03:04:05\n9;;\n")
    files.put("SHEET.CSV.GZ", gzip.compress(b"order_id,name\n10,j\n"))
    files.put("other.tsv", "name\tid\nk\t11\n")
    files.put("more.csv.zst", zstd(b"id\n12\n"))
    files.put("none.csv", "")
    parquet(files.put("p.parquet", ""), id=pa.array([13, 14], pa.int32()), name=["m", None])
    report = files.load().stdout
    assert "orders: version 0, 14 rows from 10 objects" in report, report
    assert files.ids() == list(range(1, 15))
    assert files.rows('SELECT name, "at" FROM orders WHERE id = 8') == [
        {"name": "h", "at": "2026-01-02T03:04:05Z"}
    ]
    assert "nothing new" in files.load().stdout


def test_line_ends_and_marks_of_a_header_may_differ(files):
    files.put("a.csv", "id,name\n1,a\n")
    files.put("b.csv", "id,name\r\n2,b\r\n3,c\r\n")
    files.put("c.csv", "\ufeffid,name\n4,d")
    files.put("d.csv", 'id,name\n5,"e\r\nf"\n')
    files.load()
    assert [(row["id"], row["name"]) for row in files.rows()] == [
        (1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e\r\nf")]  # fmt: skip


def test_files_without_a_header_have_no_rows(files):
    files.define()
    for name, content in (
        ("nothing.csv", b""), ("packed.csv.gz", gzip.compress(b"")), ("line.csv", b"\n"),
        ("packed.csv.zst", zstd(b"")),
    ):  # fmt: skip
        files.put(name, content)
    files.load()
    assert files.ids() == []
    files.put("some.csv", b"id,name\n3,c\n")
    files.load()
    assert files.ids() == [3]


def test_names_that_begin_with_a_dot_or_an_underscore_are_not_whole_yet(files):
    for name in (".part.csv", "_part.csv", "_temporary/a.csv", ".new/b.csv"):
        files.put(name, "id\n1\n")
    files.put("a.csv", "id\n2\n")
    files.put("README", "no data")
    said = files.load().stdout
    assert "1 file skipped (the name says no format; the first: incoming/README)" in said, said
    assert files.ids() == [2]


def test_a_format_that_the_name_does_not_say(files):
    more = "format: csv\n    csv: {delimiter: '|', quote: \"'\", header: false}"
    files.define(files='"incoming/*.dat"', more=more, paid="mode: overwrite")
    files.put("a.dat", "1|'x|y'|\n2||2026-01-02 00:00:00\n")
    files.put("a.csv", "id\n3\n")
    files.load()
    assert files.rows() == [
        {"id": 1, "name": "x|y", "at": None},
        {"id": 2, "name": None, "at": "2026-01-02T00:00:00Z"},
    ]
    shown = json.loads(files.call("pipeline", "show", "--format", "json").stdout)
    table = next(table for table in shown["tables"] if table["name"] == "orders")
    assert table["from_topic"] is None and table["from_files"] == "incoming/*.dat"
    assert table["format"] == "csv"
    assert table["csv"] == {"delimiter": "|", "quote": "'", "header": False}
    assert "from files incoming/*.dat, csv" in files.call("pipeline", "show").stdout


@pytest.mark.parametrize(
    "policy, kept", [("drop", {}), ("keep", {"_unknown": '{"w":"1","v":"x"}'})]
)
def test_columns_that_the_table_lacks(files, policy, kept):
    files.define(more=f"mode: append\n    unknown_keys: {policy}")
    files.put("a.csv", "id,w,v\n1,1,x\n")
    files.put("b.csv", "id\n2\n")
    said = files.load().stdout
    assert "2 unknown values (v 1, w 1)" in said, said
    listed = files.call("table", "list").stderr
    assert "the first is in line 1 of incoming/a.csv" in listed, listed
    sql = 'SELECT * EXCLUDE (name, "at") FROM orders WHERE id = 1'
    assert files.rows(sql) == [{"id": 1, **kept}]
    parquet(files.put("c.parquet", ""), id=[3], w=[4])
    files.load()
    listed = files.call("table", "list").stderr
    assert "the first is in incoming/c.parquet" in listed, listed
    if policy == "keep":
        assert files.rows("SELECT id, _unknown AS u FROM orders WHERE id > 1 ORDER BY id") == [
            {"id": 2, "u": None}, {"id": 3, "u": '{"w":4}'}]  # fmt: skip


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("a.csv", "id,other\n1,2\n", ["incoming/a.csv, line 1", "'other'", "nothing was loaded"]),
        ("a.csv", "name\nx\n", ["incoming/a.csv, line 1", "'id'", "missing"]),
        ("a.csv", "id,ID\n1,2\n", ["incoming/a.csv, line 1", "both column 'id'"]),
        ("a.parquet", "no parquet", ["incoming/a.parquet"]),
        ("a.json", '[{"id": 1}', ["incoming/a.json", "no end", "nothing was loaded"]),
        ("a.csv.gz", gzip.compress(b"id\n1\n" * 9999)[:-9], ["incoming/a.csv.gz"]),
        ("a.jsonl.zst", b"\x28\xb5\x2f\xfdbroken", ["a.jsonl.zst"]),
    ],
)
def test_an_object_that_cannot_be_read_is_named_and_nothing_is_loaded(files, name, text, words):
    files.define(more="mode: append\n    unknown_keys: reject")
    files.put("0.csv", "id\n7\n")
    files.put(name, text)
    files.refusal(*words)
    assert [p for p in (files.data / "store").glob("raw/**/*") if p.is_file()] == []
    (files.data / "store/incoming" / name).unlink()
    files.load()
    assert files.ids() == [7]


@pytest.mark.parametrize("end, pack", [(".jsonl", str.encode), (".json.gz", gzip_text)])
def test_lines_that_are_arrays(files, end, pack):
    """A line is a record, which may be an array of rows; one array may have many lines."""
    files.put("lines" + end, pack('\n[{"id": 1}, {"id": 2}]\n[{"id": 3}]\n{"id": 4}\n[5]\n'))
    files.put("one" + end, pack('[{"id": 6}, 7]\n\n'))
    files.put("many" + end, pack('\ufeff[\n{"id": 8},\n[9]]\n'))
    files.load()
    assert files.ids() == [1, 2, 3, 4, 6, 8]
    letters = [(row["object"], row["line"], row["value"]) for row in files.letters()]
    assert letters == [
        (f"incoming/lines{end}", 5, "[5]"), (f"incoming/many{end}", 2, "[9]"),
        (f"incoming/one{end}", 2, "7"),
    ]  # fmt: skip
    files.put("more" + end, pack('[{"id": 10},\n{"id": 11}]\n[{"id": 12}]\n'))
    files.refusal(f"incoming/more{end}", "line 3", "there is more after the end of the array")


LONG = 17 << 20  # of a line: more than one may have, and more than is looked at first


@pytest.mark.parametrize("pack", [str.encode, gzip_text, lambda text: zstd(text.encode())])
def test_long_lines_at_the_start_of_an_object(files, pack):
    end = {str.encode: "", gzip_text: ".gz"}.get(pack, ".zst")
    pad = f'"pad": "{"x" * (1 << 20)}"'
    files.put("array.json" + end, pack(f'[{{"id": 1, {pad}}}, {{"id": 2}}]'))
    files.put("lines.json" + end, pack(f'[{{"id": 3, {pad}}}]\n[{{"id": 4}}]\n'))
    files.put("blank.json" + end, pack(" " * (1 << 20) + '[{"id": 5},\n{"id": 6}]'))
    files.put("blank2.json" + end, pack('[{"id": 7}]\n' + " " * (1 << 20) + '[{"id": 8}]'))
    files.put("one.json" + end, pack('[{"id": 9}]\n' + " " * (1 << 20) + "\n"))
    files.put("large.json" + end, pack("[" + " " * LONG + '{"id": 10}]'))
    files.put("record.jsonl" + end, pack(f'{{"id": 11, {pad}}}\n{{"id": 12}}\n'))
    files.put("rest.jsonl" + end, pack('{"id": 13}\n{"id": 99}' + " " * LONG + '\n{"id": 14}\n'))
    files.load()
    assert files.ids() == list(range(1, 15))
    (letter,) = files.letters()
    assert (letter["object"], letter["line"]) == (f"incoming/rest.jsonl{end}", 2)


def test_long_lines_of_many_objects_are_not_in_memory_at_once(files):
    array = gzip_text("[" + ",".join(['{"id": 1, "pad": "%s"}' % ("x" * 1000)] * 8000) + "]")

    def peak_kib(first, end):
        for number in range(first, end):
            files.put(f"{number}.json.gz", array)
        command = [PINION, "task", "nightly", "load", "--data", files.data,
                   "--pipeline", files.folder]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_maxrss

    of_one = peak_kib(0, 1)
    assert peak_kib(1, 17) < of_one + (100 << 10)


def test_parquet_that_does_not_fit(files):
    parquet(files.put("a.parquet", ""), name=["x"])
    files.refusal("incoming/a.parquet: ", "'id'", "missing", "nothing was loaded")
    parquet(files.put("a.parquet", ""), id=["1"])
    files.refusal("incoming/a.parquet", "'id'", "VARCHAR", "bigint", "nothing was loaded")


# --- what is not a row ----------------------------------------------------------------------------


def test_bad_rows_are_dead_letters_with_object_and_line(files):
    files.put("a.csv", "id,name\n1,a\nbad,b\n2,c,d\n3,e\n")
    files.put("b.csv", "id,name\n4,f\n\n,g\n")
    files.put("c.jsonl", '{"id": 5}\n\n{"id": "x"}\n')
    files.put("d.json", '[{"id": 6},\n{"name": "no id"}]')
    parquet(files.put("e.parquet", ""), id=pa.array([7, None], pa.int64()))
    said = files.load().stdout
    assert "6 dead letters" in said, said
    assert files.ids() == [1, 3, 4, 5, 6, 7]
    letters = files.letters()
    assert [(row["object"], row["line"]) for row in letters] == [
        ("incoming/a.csv", 3), ("incoming/a.csv", 4), ("incoming/b.csv", 4),
        ("incoming/c.jsonl", 3), ("incoming/d.json", 2), ("incoming/e.parquet", 2),
    ]  # fmt: skip
    assert letters[0]["value"] == "bad,b" and "expected bigint" in letters[0]["reason"]
    assert "required" in letters[2]["reason"]
    files.load("--full-refresh")
    assert files.letters() == letters


def test_names_with_a_backslash_and_characters_of_patterns(files):
    for place, name in enumerate((r"a\b[1]", r"\?/x", r"q[\]*", r"d\e/f*")):
        files.put(f"{name}.csv", f"id,name\n{4 * place},a\nx,b\n")
        files.put(f"{name}.csv.gz", gzip_text(f"id,name\n{4 * place + 1},a\n"))
        files.put(f"{name}.jsonl", f'{{"id": {4 * place + 2}}}\n')
        parquet(files.put(f"{name}.parquet", ""), id=[4 * place + 3])
    files.put("a-b1.csv", "id\n16\n")
    files.load()
    assert files.ids() == list(range(17))
    assert {(row["object"], row["line"]) for row in files.letters()} == {
        (rf"incoming/{name}.csv", 3) for name in (r"a\b[1]", r"\?/x", r"q[\]*", r"d\e/f*")
    }  # fmt: skip


@pytest.mark.parametrize("more", ["mode: append", f"{KEY}\n    unknown_keys: keep"])
def test_rows_say_which_object_they_are_from(files, more):
    """A column of the object that is called so says nothing about that."""
    files.define(more=more, paid="mode: overwrite", name="source: {type: string, from: file}")
    files.put("a.csv", "id,name\n1,a\n")
    files.put("b.csv", "id,name\n2,b\nbad,b\n3,c\n")
    files.put("c.csv.gz", gzip.compress(b"source,id\nx,4\n"))
    files.put("d.jsonl.zst", zstd(b'{"id": 5}\n{"id": 6, "source": "x"}\n'))
    files.put("e.json", '[{"id": 7}]')
    files.put("f/g.jsonl", '[{"id": 8}, {"id": 9}]\n{"id": 10}\n')
    parquet(files.put("h'.parquet", ""), id=[11], source=["x"])
    said = files.load().stdout
    assert "1 dead letter, 3 unknown values (source 3)" in said, said
    expected = ["a.csv", *["b.csv"] * 2, "c.csv.gz", *["d.jsonl.zst"] * 2, "e.json",
                *["f/g.jsonl"] * 3, "h'.parquet"]  # fmt: skip
    found = files.rows("SELECT id, source FROM orders ORDER BY id")
    assert found == [
        {"id": id, "source": f"incoming/{name}"} for id, name in enumerate(expected, 1)
    ]
    if "keep" in more:
        kept = files.rows("SELECT id, _unknown AS u FROM orders WHERE _unknown IS NOT NULL")
        assert sorted(row["id"] for row in kept) == [4, 6, 11]
    files.put("i.csv", "id\n12\n")
    files.load()
    assert files.rows("SELECT source FROM orders WHERE id = 12") == [{"source": "incoming/i.csv"}]
    files.define(more=more, paid="mode: overwrite")
    files.put("j.csv", "id\n13\n")
    if "merge" in more:
        files.refusal("source")
    else:
        files.load()
        assert files.ids()[-1] == 13


@pytest.mark.parametrize("more", ["mode: append", KEY])
def test_a_table_with_rows_gets_a_column_of_the_object(files, more):
    files.define(more=more, paid="mode: overwrite")
    files.put("a.csv", "id,name\n1,a\n")
    files.load()
    files.define(more=more, paid="mode: overwrite", name="source: {type: string, from: file}")
    files.put("b.csv", "id,name\n2,b\n")
    files.load()
    assert files.rows("SELECT id, source FROM orders ORDER BY id") == [
        {"id": 1, "source": None}, {"id": 2, "source": "incoming/b.csv"},
    ]  # fmt: skip


def test_without_a_header_the_other_columns_are_in_order(files, tmp_path):
    files.define(more="mode: append\n    csv: {header: false}",
                 name="source: {type: string, from: file}")  # fmt: skip
    files.put("a.csv", "1,a,2026-01-02\n")
    files.load()
    other = tmp_path / "other.csv"
    other.write_text("2,b,\n")
    files.call("import", "orders", other, "--no-header")
    assert files.rows("SELECT id, name, source FROM orders ORDER BY id") == [
        {"id": 1, "name": "a", "source": "incoming/a.csv"},
        {"id": 2, "name": "b", "source": str(other)},
    ]


@pytest.mark.parametrize("policy", ["drop", "keep"])
def test_a_row_is_in_the_table_or_a_dead_letter(files, policy):
    """Bytes that are not UTF-8, in columns of the table and in others, beside rows with faults."""
    files.define(more=f"mode: append\n    unknown_keys: {policy}")
    chance = random.Random(policy)
    text, good, bad = b"x,id,y,name,z\n", [], []
    for number in range(500):
        cells = {"x": b"1", "id": b"%d" % number, "y": b"", "name": b"a", "z": b"\"q\ng\""}
        fault = chance.choice(["id", "long", "", "", "", ""])
        broken = chance.choice(["x", "y", "name", "z", "", "", "", ""])
        if fault == "id":
            cells["id"] = b"n%d" % number
        if broken:
            cells[broken] = b"\xff"
        if fault or broken:
            bad.append(text.count(b"\n") + 1)
        else:
            good.append(number)
        text += b",".join(cells.values()) + (b",1\n" if fault == "long" else b"\n")
    files.put("a.csv", text)
    files.load()
    assert files.ids() == good
    assert [row["line"] for row in files.letters()] == bad


# --- once -----------------------------------------------------------------------------------------


def test_each_object_is_taken_once(files):
    files.put("a.csv", "id,name\n1,a\n")
    files.load()
    files.put("b.csv", "id\n2\n")
    files.put("c.jsonl", '{"id": 3}\n')
    said = files.load().stdout
    assert "2 rows added from 2 objects" in said, said
    assert files.ids() == [1, 2, 3]
    (files.data / "store/incoming/a.csv").unlink()  # what went stays in the table
    assert "nothing new" in files.load().stdout
    assert files.ids() == [1, 2, 3]
    files.call("task", "nightly", "clean")
    assert files.rows("SELECT id FROM paid") == [{"id": 1}]


def test_an_object_that_changed_is_named_until_all_is_loaded_again(files):
    files.put("a.csv", "id\n1\n")
    files.put("b.csv", "id\n2\n")
    files.load()
    files.put("b.csv", "id\n2\n3\n")
    files.put("c.csv", "id\n4\n")
    files.refusal("incoming/b.csv", "changed since table 'orders' took it", "--full-refresh")
    assert files.ids() == [1, 2]
    assert "made afresh (--full-refresh)" in files.load("--full-refresh").stdout
    assert files.ids() == [1, 2, 3, 4]
    assert "nothing new" in files.load().stdout
    files.put("b.csv", "id\n2\n9\n")  # of the same size
    files.refusal("incoming/b.csv", "changed")


def copied(files, tmp_path):
    """The store's folder as a copy that has neither times nor attributes."""
    old = files.data / "store"
    shutil.copytree(old, tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.rmtree(old)
    shutil.copytree(tmp_path / "copy", old, copy_function=shutil.copyfile)
    shutil.rmtree(tmp_path / "copy")


OBJECTS = {
    "a.csv": b"id\n1\n", "b.jsonl": b'{"id": 2}\n', "c.json": b'[{"id": 3}]',
    "d.csv.gz": gzip.compress(b"id\n4\n", mtime=0),
    "e.jsonl.gz": gzip.compress(b'{"id": 5}\n', mtime=0), "f.csv": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_the_same_bytes_written_again_are_the_same_object(files, name):
    for one, content in OBJECTS.items():
        files.put(one, content)
    files.load()
    path = files.data / "store/incoming" / name
    other = OBJECTS[name][:-1] + b" " if OBJECTS[name] else b""
    for again in range(2):
        files.put(name, other)
        if other:
            files.refusal(f"incoming/{name} (1 object in all)", "changed", "put the object back")
        files.put(name, OBJECTS[name])
        path.touch()
        said = files.load().stdout
        assert "nothing new" in said and "warning" not in said, said
    files.put("g.csv", "id\n6\n")
    assert "1 row added from 1 object" in files.load().stdout
    assert files.ids() == [1, 2, 3, 4, 5, 6]
    files.load("--full-refresh")
    files.put(name, OBJECTS[name])
    assert "nothing new" in files.load().stdout


def test_a_store_that_was_copied_has_the_same_objects(files, tmp_path):
    files.put("a.csv", "id\n1\n")
    files.put("b.csv", "id\n2\n")
    files.load()
    copied(files, tmp_path)
    said = files.load().stdout
    assert "nothing new" in said and "warning" not in said, said
    copied(files, tmp_path)
    files.put("b.csv", "id\n9\n")  # of the same size, among the copies
    files.refusal("incoming/b.csv (1 object in all)", "changed")
    files.put("b.csv", "id\n2\n")
    files.put("c.csv", "id\n3\n")
    files.load()
    assert files.ids() == [1, 2, 3]


def test_objects_without_known_sums_count_as_copied(files, tmp_path):
    """As an older pinion took them: all together have another etag, and the same sizes."""
    files.put("a.csv", "id\n1\n")
    files.put("b.csv", "id\n2\n")
    files.load()
    without(files.data / "store/raw/orders/_delta_log" / f"{0:020}.json", '"pinion/sum/')
    files.put("a.csv", "id\n1\n")
    files.refusal("incoming/a.csv (1 object in all)", "does not say whether its bytes are the same")
    copied(files, tmp_path)
    warning = "warning: 2 objects that were taken before have another etag"
    said = files.load().stdout
    assert "nothing new" in said and warning in said and "incoming/a.csv" in said, said
    files.put("c.csv", "id\n3\n")
    assert warning in files.load().stdout
    assert files.ids() == [1, 2, 3]
    files.put("d.csv", "id\n4\n")  # the table knows the copies by now
    assert "warning" not in files.load().stdout
    assert files.ids() == [1, 2, 3, 4]
    files.put("b.csv", "id\n9\n")
    files.refusal("incoming/b.csv", "with the same size", "--full-refresh")


def test_overwrite_makes_the_table_of_the_objects_that_there_are(files):
    files.define(more="mode: overwrite", paid="mode: overwrite")
    files.put("a.csv", "id\n1\nx\n")
    files.load()
    files.put("b.csv", "id\n2\n")
    files.load()
    assert files.ids() == [1, 2] and len(files.letters()) == 1
    (files.data / "store/incoming/a.csv").unlink()
    files.load()
    assert files.ids() == [2] and files.letters() == []
    shutil.rmtree(files.data / "store/incoming")
    files.load()
    assert files.ids() == []


def test_a_merge_of_files(files):
    files.define(more=KEY, paid="mode: overwrite")
    files.put("a.csv", "id,name,at\n1,old,2026-01-01\n2,b,2026-01-01\n")
    files.put("a.jsonl", '{"id": 3, "name": "c", "at": "2026-01-01"}\n')
    files.load()
    files.put("b.csv", "id,name,at\n1,new,2026-01-02\n")
    files.put("c.jsonl", '{"id": 2, "name": "late", "at": "2025-01-01"}\n')
    files.load()
    assert [(row["id"], row["name"]) for row in files.rows()] == [(1, "new"), (2, "b"), (3, "c")]
    assert "nothing new" in files.load().stdout


def test_tests_and_partitions(files):
    files.define(
        more="mode: append\n    partition_by: day(at)\n    expect:\n"
        "      - {range: {column: id, max: 100}}"
    )
    files.put("a.csv", "id,at\n1,2026-01-01 05:00:00\n2,2026-01-02 05:00:00\n")
    files.load()
    assert sorted(p.name for p in (files.data / "store/raw/orders").glob("at_day=*")) == [
        "at_day=2026-01-01", "at_day=2026-01-02"]  # fmt: skip
    files.put("b.jsonl", '{"id": 101}\n')
    files.refusal("range(id)")
    assert files.ids() == [1, 2]


def test_other_settings_need_a_full_refresh(files):
    files.put("a.csv", "id;name\n1;x\n")
    files.load()
    files.define(more="mode: append\n    csv: {delimiter: ';'}")
    files.refusal("`csv`", "--full-refresh")
    files.define(files='"incoming/*.csv"')  # another pattern alone does not
    files.put("b.csv", "id\n2\n")
    files.load()
    assert files.ids() == [1, 2]


@pytest.mark.parametrize("seed", range(2))
def test_a_kill_neither_loses_nor_doubles(files, seed):
    chance = random.Random(seed)
    total, letters = 0, 0
    for number in range(8):
        start = number * 1000
        csv = "".join(f"{n}\n" for n in range(start, start + 500))
        files.put(f"{number}.csv", f"id\n{csv}bad\n")
        lines = "".join(f'{{"id": {n}}}\n' for n in range(start + 500, start + 1000))
        files.put(f"{number}.jsonl", lines + '{"id": "bad"}\n')
        for _ in range(3):
            with subprocess.Popen(
                [PINION, "task", "nightly", "load", "--pipeline", str(files.folder), "--data",
                 str(files.data)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) as process:  # fmt: skip
                time.sleep(chance.uniform(0.01, 0.25))  # when the crash comes
                process.kill()
        files.load()
        total, letters = total + 1000, letters + 2
    assert files.rows("SELECT count(*) AS n, count(DISTINCT id) AS d FROM orders") == [
        {"n": total, "d": total}
    ]
    assert len(files.letters()) == letters


def test_dead_letters_of_a_load_that_did_not_end(files):
    """They are there already, but those of an object that changed meanwhile are not."""
    files.put("a.csv", "id\n1\n")
    files.load()
    files.put("b.csv", "id\nbad\n2\n")
    files.put("c.csv", "id\nworse\n3\n")
    commit = files.data / "store/raw/orders/_delta_log/00000000000000000001.json"
    commit.mkdir()  # so that the load cannot commit its rows, and tries again
    with subprocess.Popen(
        [PINION, "task", "nightly", "load", "--pipeline", str(files.folder), "--data",
         str(files.data)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        while not any((files.data / "store/letters/_delta_log").glob("*1.json")):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    commit.rmdir()
    assert [row["value"] for row in files.letters()] == ["bad", "worse"]
    files.put("b.csv", "id\nother\n2\n")
    files.load()
    assert files.ids() == [1, 2, 3]
    assert sorted(row["value"] for row in files.letters()) == ["bad", "other", "worse"]


def test_many_objects(files):
    """More than one statement reads."""
    for number in range(700):
        files.put(f"{number // 100}/{number}.csv", f"id\n{number}\n")
    files.load()
    assert files.ids() == list(range(700))
    assert "nothing new" in files.load().stdout


# --- beside others --------------------------------------------------------------------------------


def test_imports_and_loads_keep_each_others_rows(files, tmp_path):
    other = tmp_path / "b.csv"
    other.write_text("id\n2\n")
    files.put("a.csv", "id\n1\n")
    files.load()
    files.call("import", "orders", other)
    files.put("c.csv", "id\n3\n")
    files.load()
    assert files.ids() == [1, 2, 3]
    files.define(more="mode: overwrite", paid="mode: overwrite")
    done = files.call("import", "orders", other, check=False)
    assert done.returncode == 1 and "put the file there" in done.stderr, done.stderr


def test_a_folder_and_spark_are_refused_by_name(files, tmp_path):
    done = files.call("batch", "--from", tmp_path, check=False)
    assert done.returncode == 1 and "'orders'" in done.stderr and "--from" in done.stderr
    done = files.call("deploy", "spark", "--to", tmp_path, "--store", "s3://x", check=False)
    assert done.returncode == 1 and "`from_files`" in done.stderr, done.stderr


def test_lineage_and_list_know_the_files(files):
    files.put("a.csv", "id\n1\n")
    files.load()
    listed = json.loads(files.call("table", "list", "--format", "json").stdout)
    assert {"orders": "raw"}.items() <= {row["table"]: row["kind"] for row in listed}.items()


CHECKS = [
    ("incoming/*.txt", "", "format"),
    ("incoming/a.*", "", None),
    ("incoming/*.csv.gz", "", None),
    ("incoming/*.gz", "", None),
    ("*/a.csv", "", "must begin with a folder"),
    ("a.csv", "", "must begin with a folder"),
    ("incoming/**", "", "must end with a pattern of names"),
    ("incoming/a**.csv", "", "** stands for folders"),
    ("../x/*.csv", "", "from_files"),
    ("/x/*.csv", "", "from_files"),
    ("topics/shop.orders/*/*.json", "", "read topics by from_topic"),
    ("topics/**/*.json", "", "sink.topics_dir"),
    ("raw/**/*.parquet", "", "the path of orders"),
    ("raw/*/*.parquet", "", "the path of orders"),
    ("clean/paid/*.parquet", "", "the path of paid"),
    ("clean/*/*.parquet", "", "the path of paid"),
    ("clean/*.csv", "", None),
    ("letters/*.parquet", "", "dead_letters"),
    ("incoming/*", "format: xml", "xml"),
    ("incoming/*", "format: json\n    csv: {header: false}", "is for CSV"),
    ("incoming/*", "csv: {quote: ab}", "one character"),
    ("incoming/*", "csv: {quote: \"'\", delimiter: \"'\"}", "the same character"),
    ("incoming/*", "from_topic: shop.orders", "either from_topic or from_files"),
    ("incoming/*", "sql: paid.sql", "either from_files or sql"),
]


@pytest.mark.parametrize("pattern, more, word", CHECKS)
def test_check(files, pattern, more, word):
    files.define(files=f'"{pattern}"', more=more, paid="mode: overwrite")
    done = files.call("pipeline", "check", check=False)
    if word is None:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done
    assert "pipeline.yml:" in done.stderr and word in done.stderr, done.stderr


def test_keys_of_files_belong_to_tables_with_files(files):
    text = (files.folder / "pipeline.yml").read_text()
    for key in ("format: csv", "csv: {header: false}"):
        other = text.replace('from_files: "incoming/**/*"', f"from_topic: shop.orders\n    {key}")
        (files.folder / "pipeline.yml").write_text(other)
        done = files.call("pipeline", "check", check=False)
        assert done.returncode == 1 and "a table with from_files" in done.stderr, done.stderr


def test_an_object_that_changes_while_it_is_read(files):
    """It is refused, or was read before or after; it never counts as what it was not."""
    path = files.put("a.csv", "id\n" + "".join(f"{n}\n" for n in range(200000)))
    with subprocess.Popen(
        [PINION, "task", "nightly", "load", "--pipeline", str(files.folder), "--data",
         str(files.data)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        while process.poll() is None:
            with path.open("a") as file:
                file.write("7\n")
                os.fsync(file.fileno())
        _, said = process.communicate()
    assert process.returncode == 1 and "incoming/a.csv changed or went while it was read" in said
    files.load()
    assert len(files.ids()) == sum(1 for _ in path.open()) - 1
