"""Files into a raw table: CSV, JSON and Parquet as pyarrow, DuckDB and people write them;
each file once, over any crash; bad rows with their places."""

import csv
import decimal
import gzip
import io
import json
import random
import subprocess
import time
from datetime import datetime, timezone

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from pinion import PINION, run
from test_incremental import land

DEFINITION = """
name: files
topics:
  shop.orders: {{partitions: 1}}
dead_letters: letters
tables:
  orders:
    path: raw/orders
    from_topic: shop.orders
    mode: {mode}
    columns:
      id: {{type: bigint, required: true, aliases: [order_id]}}
      name: string
      amount: "decimal(9,2)"
      score: double
      at: timestamp
      day: date
      ok: boolean
      n: int
      data: binary
      tags: array<string>
      place: struct<city string, zip int>
      extra: json
dags:
  nightly:
    tasks:
      load: {{run: load, tables: [orders]}}
"""
COLUMNS = "id,name,amount,score,at,day,ok,n,data,tags,place,extra".split(",")
FULL = (
    '1,"a ""q"", é",12.50,0.25,2026-01-02 03:04:05,2026-01-02,true,7,AAEC,"[""x"",""y""]",'
    '"{""city"":""Paris"",""zip"":75}","{""k"":[1]}"'
)
FULL_ROW = {
    "id": 1, "name": 'a "q", é', "amount": 12.5, "score": 0.25, "at": "2026-01-02T03:04:05Z",
    "day": "2026-01-02", "ok": True, "n": 7, "tags": ["x", "y"],
    "place": {"city": "Paris", "zip": 75}, "extra": '{"k":[1]}',
}  # fmt: skip


@pytest.fixture
def pipeline(tmp_path):
    return write_pipeline(tmp_path)


def write_pipeline(tmp_path, mode="append"):
    folder = tmp_path / "pipeline"
    folder.mkdir(exist_ok=True)
    (folder / "pipeline.yml").write_text(DEFINITION.format(mode=mode))
    return folder


def write(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.fixture
def imports(data, pipeline):
    def call(*args, check=True):
        return run("import", "orders", *args, "--pipeline", pipeline, "--format", "json",
                   "--quiet", data=data, check=check)  # fmt: skip

    return call


@pytest.fixture
def rows(data, pipeline):
    def call(sql="SELECT * FROM orders ORDER BY id"):
        done = run("query", sql, "--format", "json", "--pipeline", pipeline, data=data)
        return json.loads(done.stdout)

    return call


def refusal(done, *words):
    assert done.returncode == 1 and done.stdout == "", done
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    return done.stderr


def present(row, *names):
    return {name: row[name] for name in names or FULL_ROW}


# --- CSV ------------------------------------------------------------------------------------------


def test_a_csv_with_every_type(imports, rows, tmp_path):
    file = write(tmp_path / "a.csv", f"{','.join(COLUMNS)}\n{FULL}\n2,,,,,,,,,,,\n3,\"\"\n".replace(
        '3,""', '3,"",,,,,,,,,,'))  # fmt: skip
    report = json.loads(imports(file).stdout)
    assert report == [{"table": "orders", "version": 0, "files": 1, "rows": 3, "dead_letters": 0,
                       "bytes": file.stat().st_size}]  # fmt: skip
    found = rows()
    assert present(found[0]) == FULL_ROW
    assert {value for name, value in found[1].items() if name != "id"} == {None}
    assert found[2]["name"] == ""  # in quotes it is an empty text, without them there is none
    assert rows("SELECT hex(data) AS h FROM orders WHERE id = 1") == [{"h": "000102"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_separators_line_ends_and_a_byte_order_mark(imports, rows, tmp_path, delimiter, ending):
    lines = [["name", "order_id"], ["a", "1"], ["b", "2"]]
    text = ending.join(delimiter.join(line) for line in lines)
    imports(write(tmp_path / "a.csv", b"\xef\xbb\xbf" + text.encode()))
    assert [present(row, "id", "name") for row in rows()] == [
        {"id": 1, "name": "a"}, {"id": 2, "name": "b"},
    ]  # fmt: skip


def test_without_a_header_and_with_another_quote(imports, rows, tmp_path):
    values = FULL.replace("'", "").replace('"', "'").replace("''q''", "''q''")
    imports(write(tmp_path / "a.csv", values + "\n"), "--no-header", "--quote", "'", check=False)
    plain = "7,'x;''y'," + "," * 9 + "\n"
    imports(write(tmp_path / "b.csv", plain), "--no-header", "--quote", "'")
    assert rows("SELECT name FROM orders WHERE id = 7") == [{"name": "x;'y"}]
    said = refusal(imports(write(tmp_path / "c.csv", "1,2\n"), "--no-header", check=False))
    assert "c.csv, line 1: 2 values, but table 'orders' has 12 columns" in said


@pytest.mark.parametrize("pack, end", [(gzip.compress, ".gz"), (
    lambda text: pa.compress(text, "zstd", asbytes=True), ".zst")])  # fmt: skip
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_compressed_files(imports, rows, tmp_path, pack, end, kind):
    text = "id,name\n1,a\n2,b\n" if kind == "csv" else '{"id":1}\n{"id":2}\n'
    imports(write(tmp_path / f"a.{kind}{end}", pack(text.encode())))
    assert len(rows()) == 2
    said = refusal(imports(write(tmp_path / f"b.{kind}{end}", pack(text.encode() * 99)[:-9]),
                           check=False))  # fmt: skip
    assert f"b.{kind}{end}" in said
    assert len(rows()) == 2


@pytest.mark.parametrize("folder", ["", "x\\y/", "q[a]/"])
@pytest.mark.parametrize("name", ["a\\b[1]", "\\?", "[a\\]*"])
def test_a_name_with_a_backslash_and_characters_of_patterns(imports, rows, tmp_path, folder, name):
    """DuckDB reads such a name as a pattern, and the backslash as the end of a folder's."""
    place = tmp_path / folder
    place.mkdir(exist_ok=True)
    write(place / "a-b1.csv", "id\n77\n")  # the pattern would match this one
    pq.write_table(pa.table({"id": [4]}), place / f"{name}.parquet")
    csv = write(place / f"{name}.csv", "id,name\n1,a\nx,b\n")
    assert f"{csv}, line 3" in refusal(imports(csv, check=False))
    imports(csv, "--bad-rows", "dead-letter")
    imports(write(place / f"{name}.csv.gz", gzip.compress(b"id\n2\n")),
            write(place / f"{name}.jsonl", '{"id":3}\n'), place / f"{name}.parquet")  # fmt: skip
    assert [row["id"] for row in rows()] == [1, 2, 3, 4]
    assert rows("SELECT object, line FROM dead_letters") == [{"object": str(csv), "line": 3}]
    bad = write(place / f"{name}.parquet", "PAR1 and no more of it")
    assert str(bad) in refusal(imports(bad, check=False))


@pytest.mark.parametrize("name", ["b\\[*]x", "q\\?"])
def test_a_data_folder_with_such_a_name(pipeline, tmp_path, name):
    """Data files, and checkpoints of the log."""
    data = tmp_path / name
    more = ("--pipeline", pipeline, "--format", "json")
    for number in range(12):
        file = write(tmp_path / f"{number}.jsonl", f'{{"id": {number}}}\n')
        run("import", "orders", file, "--quiet", *more, data=data)
    assert list(data.glob("store/raw/orders/_delta_log/*.checkpoint.parquet"))
    for _ in range(2):
        found = run("query", "SELECT count(*) AS n FROM orders", *more, data=data).stdout
        assert json.loads(found) == [{"n": 12}]
        run("table", "optimize", "orders", "--pipeline", pipeline, data=data)


def test_what_other_programs_write(imports, rows, tmp_path):
    frame = {
        "id": [1, 2, 3], "name": ['x,"y"\nz', None, ""], "score": [1.5, float("inf"), None],
        "ok": [True, False, None], "at": [datetime(2026, 1, 2, 3, 4, 5, 678901), None, None],
    }  # fmt: skip
    frames = pa.table(frame)
    pyarrow.csv.write_csv(frames, tmp_path / "arrow.csv")
    duckdb.sql(f"COPY (SELECT * REPLACE (id + 10 AS id) FROM frames) TO '{tmp_path}/duckdb.csv'")
    imports(tmp_path / "arrow.csv", tmp_path / "duckdb.csv")
    found = rows("SELECT id, name, score, ok, \"at\" FROM orders ORDER BY id")
    for first in (0, 3):
        one, two, three = found[first : first + 3]
        assert one == {**one, "name": 'x,"y"\nz', "score": 1.5, "ok": True,
                       "at": "2026-01-02T03:04:05.678901Z"}  # fmt: skip
        assert two == {**two, "name": None, "score": "Infinity", "ok": False, "at": None}
        assert three["ok"] is None and three["score"] is None and three["name"] == ""


@pytest.mark.parametrize("column, text, reason", [
    ("id", "1.5", 'expected bigint, found "1.5"'), ("id", "1_000", "1_000"), ("id", "", "required"),
    ("id", "9223372036854775808", "expected bigint"), ("id", "abc", "expected bigint"),
    ("amount", "1.239", "expected decimal(9,2)"), ("amount", "12345678.00", "expected decimal"),
    ("n", "2147483648", "expected int"), ("at", "yesterday", "expected timestamp"),
    ("day", "2026-02-30", "expected date"), ("ok", "maybe", "expected boolean"),
    ("data", "!!", "expected binary"), ("tags", "[1", "expected array"),
    ("place", "{]", "expected struct"), ("extra", "{", "expected json"),
    ("score", "0x10", "expected double"),
])  # fmt: skip
def test_a_value_that_does_not_fit(imports, rows, tmp_path, column, text, reason):
    out = io.StringIO()
    writer = csv.writer(out)
    fields = ["id", "name", column] if column != "id" else ["id", "name"]
    writer.writerow(fields)
    writer.writerow(["1", "line\nbreak", ""][: len(fields)])
    writer.writerow((["2", "b", text] if column != "id" else [text, "b"]))
    file = write(tmp_path / "a.csv", out.getvalue())
    byte = out.getvalue().rindex("2,b" if column != "id" else f"{text},b")
    byte = len(out.getvalue()) - len(out.getvalue()[byte:]) if column != "id" or text else (
        out.getvalue().rindex("\r\n,b") + 2)  # fmt: skip
    said = refusal(imports(file, check=False), "a.csv, line 4", f"(byte {byte})", reason)
    assert f"column '{column}'" in said
    imports(file, "--bad-rows", "dead-letter")
    assert [row["id"] for row in rows()] == [1]
    (letter,) = rows("SELECT * FROM dead_letters")
    assert letter["line"] == 4 and reason in letter["reason"] and letter["table"] == "orders"
    assert letter["object"] == str(file) and letter["value"].split(",")[1] == "b"


def test_offsets_and_exact_numbers(imports, rows, tmp_path):
    text = (
        "id,at,amount\n1,2026-01-02T03:04:05+02:00,1.500\n2,2026-01-02 03:04:00+02,-0.5\n"
        "3,2026-01-02,7\n 4 ,2026-01-02T03:04:05Z,\n5.0,,\n-9223372036854775808,,9999999.99\n"
    )
    imports(write(tmp_path / "a.csv", text))
    found = {row["id"]: row for row in rows('SELECT id, "at", amount FROM orders')}
    assert found[1]["at"] == found[2]["at"].replace(":00Z", ":05Z") == "2026-01-02T01:04:05Z"
    assert found[3]["at"] == "2026-01-02T00:00:00Z" and found[4]["at"] == "2026-01-02T03:04:05Z"
    assert set(found) == {1, 2, 3, 4, 5, -(2**63)}
    assert rows("SELECT CAST(amount AS VARCHAR) AS a FROM orders WHERE id < 0") == [
        {"a": "9999999.99"}
    ]


def test_broken_rows_have_their_lines_and_bytes(imports, rows, tmp_path):
    text = 'id,name\n1,a\n2\n3,"x" y\n4,b,c\n5,e\nx,f\n'
    file = write(tmp_path / "a.csv", text)
    refusal(imports(file, check=False), "a.csv, line 3 (byte 12)", "4 of the records are not rows")
    one = write(tmp_path / "one.csv", "id,name\n1,a\nx,b\n")
    refusal(imports(one, check=False), "1 of the records is not a row of table 'orders': mend it")
    assert not (tmp_path / "data/store/raw/orders").exists()
    imports(file, "--bad-rows", "dead-letter")
    assert [row["id"] for row in rows()] == [1, 5]
    found = rows("SELECT line, value FROM dead_letters ORDER BY line")
    assert found == [
        {"line": 3, "value": "2"}, {"line": 4, "value": '3,"x" y'},
        {"line": 5, "value": "4,b,c"}, {"line": 7, "value": "x,f"},
    ]  # fmt: skip


def test_a_quote_that_never_ends_and_bytes_that_are_not_text(imports, rows, tmp_path):
    file = write(tmp_path / "a.csv", 'id,name\n1,a\n2,"b\n3,c\n')
    refusal(imports(file, check=False), "a.csv, line 3 (byte 12)", "quote")
    imports(file, "--bad-rows", "dead-letter")
    assert [row["id"] for row in rows()] == [1]
    file = write(tmp_path / "b.csv", b"id,name\n4,a\n5,\xff\xfe\n6,c\n")
    refusal(imports(file, check=False), "b.csv, line 3 (byte 12)")
    imports(file, "--bad-rows", "dead-letter")
    assert [row["id"] for row in rows()] == [1, 4, 6]
    (letter,) = rows("SELECT line, reason, value FROM dead_letters WHERE object LIKE '%b.csv'")
    assert letter["line"] == 3 and "base64" in letter["reason"] and letter["value"] == "NSz//g=="


@pytest.mark.parametrize("text, words", [
    ("id,nam\n1,a\n", ["line 1", "no column 'nam'", "--extra-columns drop"]),
    ("name\na\n", ["line 1", "'id'", "requires"]),
    ("id,order_id\n1,2\n", ["line 1", "are both column 'id'"]),
    ("1,a\n", ["line 1", "no column '1'"]),
])  # fmt: skip
def test_columns_that_do_not_fit(imports, data, tmp_path, text, words):
    refusal(imports(write(tmp_path / "a.csv", text), check=False), "a.csv", *words)
    assert not (data / "store/raw/orders").exists()


def test_extra_columns_are_left_out_where_asked(imports, rows, tmp_path):
    imports(write(tmp_path / "a.csv", "x,id,y\n1,2,3\n"), "--extra-columns", "drop")
    assert [row["id"] for row in rows()] == [2]


def test_bytes_that_are_not_text_in_a_column_that_is_left_out(imports, rows, tmp_path):
    file = write(tmp_path / "a.csv", b"id,x,name\n1,\xff,a\nbad,y,b\n2,,c\n3,,\xff\n")
    imports(file, "--extra-columns", "drop", "--bad-rows", "dead-letter")
    assert [row["id"] for row in rows()] == [2]
    assert [row["line"] for row in rows("SELECT line FROM dead_letters ORDER BY line")] == [2, 3, 5]


@pytest.mark.parametrize("seed", range(4))
def test_the_places_of_bad_rows_are_those_of_the_file(imports, rows, tmp_path, seed):
    """Against the csv module, with line breaks in quotes, empty lines and rows of any faults."""
    chance = random.Random(seed)
    text, bad, good = "id,name\n", [], []
    for number in range(3000):
        start, line = len(text), text.count("\n") + 1
        kind = chance.choice(("good", "good", "good", "empty", "cast", "short", "long"))
        name = chance.choice(('a', '"x\ny"', '"q""q"', '"\n\n"', "é", '""'))
        if kind == "empty":
            text += "\n"
            continue
        text += {"good": f"{number},{name}", "cast": f"n{number},{name}", "short": f"{number}",
                 "long": f"{number},{name},1"}[kind] + "\n"  # fmt: skip
        (good if kind == "good" else bad).append((line, start, number))
    file = write(tmp_path / "a.csv", text)
    line, start, _ = bad[0]
    byte = len(text[:start].encode())
    refusal(imports(file, check=False), f"line {line} (byte {byte})", f"{len(bad)} of the records")
    imports(file, "--bad-rows", "dead-letter")
    assert [row["id"] for row in rows()] == [number for _, _, number in good]
    assert [row["line"] for row in rows("SELECT line FROM dead_letters ORDER BY line")] == [
        line for line, _, _ in bad
    ]


# --- JSON and Parquet -----------------------------------------------------------------------------


def test_json_lines_and_arrays(imports, rows, tmp_path):
    values = [{"id": 1, "amount": 1.5, "place": {"city": "P"}}, {"order_id": 2, "extra": [1.10]}]
    lines = "".join(json.dumps(value) + "\n" for value in values)
    imports(write(tmp_path / "a.jsonl", lines))
    imports(write(tmp_path / "b.json", json.dumps([{**v, "n": 1} for v in values], indent=2)))
    assert [row["id"] for row in rows()] == [1, 1, 2, 2]
    assert rows("SELECT extra FROM orders WHERE n = 1 AND id = 2") == [{"extra": "[1.1]"}]
    bad = write(tmp_path / "c.jsonl", lines + '{"id":"x"}\n{"id":3}\n{"id":\n')
    refusal(imports(bad, check=False), "c.jsonl, line 3", "expected an integer", "2 of the records")
    imports(bad, "--bad-rows", "dead-letter")
    assert [row["line"] for row in rows("SELECT line FROM dead_letters ORDER BY line")] == [3, 5]
    assert [row["id"] for row in rows()] == [1, 1, 1, 2, 2, 2, 3]
    refusal(imports(write(tmp_path / "d.json", '[{"id":1},'), check=False), "d.json")


def parquet(path, columns, **more):
    pq.write_table(pa.table(columns), path, **more)
    return path


def test_parquet_with_nested_types_and_decimals(imports, rows, tmp_path):
    columns = {
        "id": pa.array([1, 2], pa.int32()), "name": pa.array(["a", None]),
        "amount": pa.array([decimal.Decimal("1.5"), None], pa.decimal128(5, 1)),
        "score": pa.array([1.5, None], pa.float32()),
        "at": pa.array([datetime(2026, 1, 2, tzinfo=timezone.utc), None],
                       pa.timestamp("ns", "UTC")),
        "day": pa.array([datetime(2026, 1, 2).date(), None]), "ok": pa.array([True, None]),
        "n": pa.array([7, None], pa.uint16()), "data": pa.array([b"\0\1", None]),
        "tags": pa.array([["x", None], []]),
        "place": pa.array([{"zip": 1, "city": "P"}, None],
                          pa.struct([("zip", pa.int8()), ("city", pa.string())])),
        "extra": pa.array(['{"a":1}', None]),
    }  # fmt: skip
    imports(parquet(tmp_path / "a.parquet", columns, compression="zstd"))
    one, two = rows()
    assert one == {**one, "id": 1, "amount": 1.5, "score": 1.5, "at": "2026-01-02T00:00:00Z",
                   "n": 7, "tags": ["x", None], "place": {"city": "P", "zip": 1}}  # fmt: skip
    assert two == {**two, "id": 2, "name": None, "tags": [], "place": None, "extra": None}
    naive = {"id": [3], "at": pa.array([datetime(2026, 1, 2)], pa.timestamp("ms"))}
    imports(parquet(tmp_path / "b.parquet", naive))
    assert rows("SELECT \"at\" FROM orders WHERE id = 3") == [{"at": "2026-01-02T00:00:00Z"}]


@pytest.mark.parametrize("columns, words", [
    ({"id": ["1"]}, ["'id' is VARCHAR", "bigint"]), ({"id": [1.0]}, ["'id' is DOUBLE"]),
    ({"id": [1], "n": [1]}, ["'n' is BIGINT", "int"]),
    ({"id": [1], "amount": pa.array([decimal.Decimal("1.234")])}, ["'amount' is DECIMAL(4,3)"]),
    ({"id": [1], "x": [1]}, ["no column 'x'"]), ({"name": ["a"]}, ["requires"]),
    ({"id": [1], "place": [{"city": "a"}]}, ["'place' is STRUCT"]),
])  # fmt: skip
def test_parquet_that_does_not_fit(imports, data, tmp_path, columns, words):
    refusal(imports(parquet(tmp_path / "a.parquet", columns), check=False), "a.parquet", *words)
    assert not (data / "store/raw/orders").exists()


def test_hostile_parquet(imports, rows, tmp_path):
    good = parquet(tmp_path / "good.parquet", {"id": list(range(1000))}).read_bytes()
    chance = random.Random(5)
    for number in range(30):
        damaged = bytearray(good)
        for _ in range(chance.randrange(1, 9)):
            damaged[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
        cut = bytes(damaged)[: chance.randrange(len(good)) if number % 2 else len(good)]
        done = imports(write(tmp_path / f"{number}.parquet", cut), check=False)
        assert done.returncode in (0, 1), done
    no_id = {"id": pa.array([1, None, 3]), "extra": ["1", "2", "{"]}
    file = parquet(tmp_path / "n.parquet", no_id)
    before = len(rows())
    refusal(imports(file, check=False), "n.parquet, row 2: column 'id': no value")
    imports(file, "--bad-rows", "dead-letter")
    assert len(rows()) == before + 1
    assert [row["line"] for row in rows("SELECT line FROM dead_letters ORDER BY line")] == [2, 3]


def test_a_bad_row_of_parquet_is_a_letter_as_json(imports, rows, tmp_path):
    """Also with columns that the table lacks, whatever they are named."""
    columns = {"id": pa.array([None], pa.int64()), "f": ["gg"], "b": [1], "pn_row": [2],
               "score": [float("nan")], "pair": [{"x": float("inf"), "f": None}]}  # fmt: skip
    file = parquet(tmp_path / "f.parquet", columns)
    more = ("--extra-columns", "drop", "--bad-rows", "dead-letter")
    imports(file, *more)
    [letter] = rows("SELECT value FROM dead_letters")
    assert json.loads(letter["value"], parse_constant=pytest.fail) == {
        "id": None, "f": "gg", "b": 1, "pn_row": 2, "score": "NaN",
        "pair": {"x": "Infinity", "f": None}}  # fmt: skip


# --- once -----------------------------------------------------------------------------------------


def test_a_file_is_imported_once_unless_forced(imports, rows, tmp_path):
    file = write(tmp_path / "a.csv", "id\n1\nx\n")
    imports(file, "--bad-rows", "dead-letter")
    same = write(tmp_path / "other name.csv", "id\n1\nx\n")
    new = write(tmp_path / "b.csv", "id\n2\n")
    for files in ([file], [same], [new, same]):
        said = refusal(imports(*files, "--bad-rows", "dead-letter", check=False), "already")
        assert "--force" in said
    assert [row["id"] for row in rows()] == [1]  # and not the new one
    refusal(imports(new, write(tmp_path / "c.csv", "id\n2\n"), check=False), "same contents")
    imports(same, new, "--force", "--bad-rows", "dead-letter")
    assert [row["id"] for row in rows()] == [1, 1, 2]
    assert len(rows("SELECT 1 FROM dead_letters")) == 2


def test_imported_rows_say_which_file_they_are_from(imports, rows, data, pipeline, tmp_path):
    text = (pipeline / "pipeline.yml").read_text()
    text = text.replace("score: double", 'score: {type: string, from: [topic, file]}')
    (pipeline / "pipeline.yml").write_text(text)
    land(data, "shop.orders", 0, 0, [{"id": 1, "score": "x"}])
    run("task", "nightly", "load", "--pipeline", pipeline, data=data)
    pq.write_table(pa.table({"id": [4]}), tmp_path / "d.parquet")
    files = [
        write(tmp_path / "a.csv", "id\n2\n"), write(tmp_path / "b.jsonl", '{"id": 3}\n'),
        tmp_path / "d.parquet", write(tmp_path / "e.json", '[{"id": 5, "score": "x"}]'),
    ]  # fmt: skip
    imports(*files)
    assert [row["score"] for row in rows()] == ["shop.orders", *map(str, files)]


def test_loads_and_imports_keep_each_others_rows(imports, rows, data, pipeline, tmp_path):
    """A table that an import made is not made afresh by its first load."""
    imports(write(tmp_path / "a.csv", "id,name\n1,import\n"))
    land(data, "shop.orders", 0, 0, [{"id": 2, "name": "load"}])
    load = ["task", "nightly", "load", "--pipeline", pipeline]
    run(*load, data=data)
    imports(write(tmp_path / "b.csv", "id,name\n3,import\n"))
    land(data, "shop.orders", 0, 1, [{"id": 4, "name": "load"}])
    run(*load, data=data)
    assert [row["id"] for row in rows()] == [1, 2, 3, 4]
    assert sorted(row["id"] for row in DeltaTable(data / "store/raw/orders").to_pyarrow_table()
                  .to_pylist()) == [1, 2, 3, 4]  # fmt: skip


def test_tables_that_take_no_files(data, tmp_path):
    file = write(tmp_path / "a.csv", "id\n1\n")
    whole = write_pipeline(tmp_path, "overwrite")
    for table, words in [("orders", ["`mode: append`", "shop.orders"]), ("order", ["table list"])]:
        done = run("import", table, file, "--pipeline", whole, data=data, check=False)
        refusal(done, *words)
    tested = write_pipeline(tmp_path, "append\n    expect: [{not_null: [name]}]")
    refusal(run("import", "orders", file, "--pipeline", tested, data=data, check=False),
            "`expect`", "topic shop.orders")  # fmt: skip
    run("import", "orders", tmp_path / "none.csv", "--pipeline", whole, data=data, check=False)
    for more in (["--delimiter", "xx"], ["--quote", ""], ["--bad-rows", "maybe"]):
        assert run("import", "orders", file, *more, data=data, check=False).returncode == 2
    refusal(run("import", "orders", write(tmp_path / "a.xml", "x"), "--pipeline", whole, data=data,
                check=False), "--input")  # fmt: skip


def test_a_table_of_other_columns_stays_as_it_is(imports, data, tmp_path):
    imports(write(tmp_path / "a.csv", "id\n1\n"))
    path = str(data / "store/raw/orders")
    write_deltalake(path, pa.table({"id": ["5"]}), mode="overwrite", schema_mode="overwrite")
    refusal(imports(write(tmp_path / "b.csv", "id,name\n1,a\n"), check=False), "raw/orders")
    assert DeltaTable(path).to_pyarrow_table().to_pylist() == [{"id": "5"}]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_kill_neither_loses_nor_doubles(imports, rows, data, pipeline, tmp_path, kind):
    chance = random.Random(kind)
    total, letters = 0, 0
    for number in range(8):
        start, file = number * 1000, tmp_path / f"{number}.{kind}"
        ids = [*range(start, start + 1000), "bad"]
        if kind == "csv":
            write(file, "id\n" + "".join(f"{n}\n" for n in ids))
        elif kind == "jsonl":
            write(file, "".join(json.dumps({"id": n}) + "\n" for n in ids))
        else:
            parquet(file, {"id": [*ids[:-1], None]})
        for _ in range(3):
            with subprocess.Popen(
                [PINION, "import", "orders", str(file), "--bad-rows", "dead-letter", "--pipeline",
                 str(pipeline), "--data", str(data)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) as process:  # fmt: skip
                time.sleep(chance.uniform(0.01, 0.2))  # when the crash comes
                process.kill()
        done = imports(file, "--bad-rows", "dead-letter", check=False)
        assert done.returncode == 0 or "already" in done.stderr, done
        total, letters = total + 1000, letters + 1
    assert rows("SELECT count(*) AS n, count(DISTINCT id) AS d FROM orders") == [
        {"n": total, "d": total}
    ]
    assert rows("SELECT count(*) AS n FROM dead_letters") == [{"n": letters}]
