"""Columns of every type, from records to rows, by files and by a stream: each value is the one that
Python reads, whatever its spelling, and every reader of Delta tables reads it so."""

import json
import random
import time
from decimal import Decimal

import deltalake
import polars
import pytest
from deltalake import DeltaTable

import typed
from pinion import Server, run
from readers import duckdb_with_delta, rows_by_delta_rs, spark_session
from streams import kinesis
from test_incremental import land

ROWS = 3000
WAIT_SECONDS_MAX = 60


@pytest.fixture(scope="module")
def spark():
    with spark_session() as session:
        yield session


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = typed.write_pipeline(tmp_path_factory.mktemp("typed") / "pipeline")
    run("pipeline", "check", folder)
    return folder


@pytest.fixture(scope="module")
def batch(pipeline, tmp_path_factory):
    """The store after a load and the transforms, and the rows that were sent."""
    base = tmp_path_factory.mktemp("batch")
    lines, rows = typed.records(random.Random(5), ROWS)
    (base / "typed.jsonl").write_text("\n".join(lines))
    run("batch", "--from", base, "--pipeline", pipeline, data=base / "data")
    return base / "data", rows


def by_id(rows):
    return sorted(rows, key=lambda row: row["id"])


def check(found, expected):
    assert len(found) == len(expected)
    for one, wanted in zip(by_id(found), by_id(expected)):
        assert typed.as_sent(one) == wanted


@pytest.mark.parametrize("table", ["raw", "clean"])
def test_each_reader_reads_the_rows(batch, table):
    data, rows = batch
    path = str(data / "store" / table)
    check(DeltaTable(path).to_pyarrow_table().to_pylist(), rows)
    check(polars.read_delta(path).to_dicts(), rows)
    with duckdb_with_delta() as connection:
        found = connection.execute(f"SELECT * FROM delta_scan('{path}')").to_arrow_table()
    check(found.to_pylist(), rows)


def test_the_types_are_those_of_delta(batch):
    data, _ = batch
    fields = json.loads(DeltaTable(str(data / "store/raw")).schema().to_json())["fields"]
    types = {field["name"]: field["type"] for field in fields}
    spot = {field["name"]: field["type"] for field in types.pop("spot")["fields"]}
    tags, counts = types.pop("tags"), types.pop("counts")
    assert (tags["type"], tags["elementType"], tags["containsNull"]) == ("array", "string", True)
    assert (counts["keyType"], counts["valueType"]) == ("string", "decimal(9,3)")
    assert {types.pop(name)["type"] for name in ("rows", "items")} == {"array"}
    assert types.pop("groups")["type"] == "map"
    assert types == {
        "id": "long", "i": "integer", "sm": "short", "ti": "byte", "d": "double", "fl": "float",
        "price": "decimal(7,2)", "rate": "decimal(18,9)", "large": "decimal(38,10)",
        "ok": "boolean", "moment": "timestamp", "day": "date", "blob": "binary", "name": "string",
        "doc": "string",
    }  # fmt: skip
    assert (spot["x"], spot["price"]) == ("float", "decimal(4,1)")


def test_sql_reads_the_types(batch, pipeline):
    data, rows = batch
    sums = {}
    for row in rows:
        one = sums.setdefault(row["ti"], [None, None, None])
        price, large, single = row["price"], row["large"], row["fl"]
        if price is not None:
            one[0] = price + (one[0] or 0)
        if large is not None:
            one[1] = large if one[1] is None else max(large, one[1])
        if single is not None:
            one[2] = single if one[2] is None else max(single, one[2])
    found = DeltaTable(str(data / "store/sums")).to_pyarrow_table().to_pylist()
    assert {row["ti"]: [row["price"], row["most"], row["fl"]] for row in found} == sums
    # What `pinion query` prints of a decimal is all of its digits.
    sql = "SELECT id, large, price FROM raw ORDER BY id"
    text = run("query", sql, "--format", "json", "--pipeline", pipeline, data=data).stdout
    for one, wanted in zip(json.loads(text, parse_float=Decimal, parse_int=Decimal), rows):
        assert (one["large"], one["price"]) == (wanted["large"], wanted["price"])


def bounds(rows, name, pick):
    values = [row[name] for row in rows if row[name] is not None]
    return pick(values)


def test_statistics(batch):
    data, rows = batch
    log = (data / "store/raw/_delta_log/00000000000000000000.json").read_text()
    (entry,) = [
        json.loads(line)["add"] for line in log.splitlines() if line.startswith('{"add"')
    ]  # fmt: skip
    stats = json.loads(entry["stats"], parse_float=Decimal, parse_int=Decimal)
    for name in ("i", "sm", "ti", "price", "rate", "large"):
        assert stats["minValues"][name] == bounds(rows, name, min), name
        assert stats["maxValues"][name] == bounds(rows, name, max), name
    assert typed.single(str(stats["maxValues"]["fl"])) == bounds(rows, "fl", max)
    assert stats["minValues"]["spot"]["price"] == min(
        row["spot"]["price"] for row in rows if row["spot"] and row["spot"]["price"] is not None
    )
    assert "blob" not in stats["minValues"] and "blob" not in stats["maxValues"]
    for name in (*typed.FLAT, "doc"):
        assert stats["nullCount"][name] == sum(row[name] is None for row in rows), name


LISTS = """
name: lists
topics: {t: {}}
tables:
  lists:
    path: lists
    from_topic: t
    mode: append
    columns:
      tags: array<string>
      items: "array<struct<n bigint, more array<int>>>"
      counts: map<string, int>
      deep: "struct<inner array<int>>"
dags: {nightly: {tasks: {load: {run: load, tables: [lists]}}}}
"""
FULL_LISTS = {"tags": ["a"], "items": [{"n": 1, "more": [1]}], "counts": {"k": None},
              "deep": {"inner": [1]}}  # fmt: skip


def test_lists_without_a_null_say_so(data, tmp_path, spark):
    """Of others the statistics of Parquet say nothing, and so does the table's log."""
    (tmp_path / "pipeline.yml").write_text(LISTS)
    files = (
        ([FULL_LISTS] * 2, {"tags": 0, "items": 0, "counts": 0, "deep": {"inner": 0}}),
        ([FULL_LISTS, dict.fromkeys(FULL_LISTS)], {}),
        ([FULL_LISTS, {**FULL_LISTS, "tags": [], "counts": {}, "deep": None}], {"items": 0}),
        ([FULL_LISTS, {**FULL_LISTS, "tags": [None], "items": [{"n": None}]}],
         {"counts": 0, "deep": {"inner": 0}}),
    )  # fmt: skip
    for number, (rows, expected) in enumerate(files):
        land(data, "t", 0, 10 * number, rows)
        run("task", "nightly", "load", "--pipeline", tmp_path, data=data)
        log = data / f"store/lists/_delta_log/{number:020}.json"
        (add,) = [line for line in map(json.loads, log.open()) if "add" in line]
        assert json.loads(add["add"]["stats"]).get("nullCount", {}) == expected, number
    path = data / "store/lists"
    theirs = spark.read.format("delta").load(str(path))
    assert theirs.count() == 8 and theirs.where("tags IS NULL").count() == 1
    assert theirs.where("counts IS NOT NULL").count() == 7
    assert len(polars.read_delta(str(path))) == len(rows_by_delta_rs(path)) == 8
    with duckdb_with_delta() as connection:
        sql = f"SELECT count(*) FROM delta_scan('{path}') WHERE items IS NULL"
        assert connection.execute(sql).fetchone() == (1,)


def test_a_reader_that_skips_files_by_statistics_finds_each_value(batch):
    data, rows = batch
    table = str(data / "store/raw")
    with duckdb_with_delta() as connection:
        for name in ("price", "rate", "large", "sm", "ti"):
            for pick in (min, max):
                value = bounds(rows, name, pick)
                wanted = sum(row[name] == value for row in rows)
                sql = f"SELECT count(*) FROM delta_scan('{table}') WHERE {name} = {value}"
                assert connection.execute(sql).fetchone() == (wanted,), name
                found = polars.scan_delta(table).filter(polars.col(name) == value).collect()
                assert found.height == wanted, name


def test_a_stream_gives_the_same(pipeline, tmp_path):
    lines, rows = typed.records(random.Random(6), 500)
    with Server(tmp_path, "--pipeline", pipeline) as server:
        entries = [{"Data": line.encode(), "PartitionKey": "k"} for line in lines]
        kinesis(server.url).put_records(StreamName="typed", Records=entries)
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        path = tmp_path / "store/live"
        while not path.exists() or DeltaTable(str(path)).to_pyarrow_dataset().count_rows() < 500:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    check(DeltaTable(str(path)).to_pyarrow_table().to_pylist(), rows)


def test_optimize_keeps_values_and_statistics(pipeline, tmp_path):
    sent = []
    for seed in range(3):
        lines, rows = typed.records(random.Random(seed), 50)
        sent.append(rows)
        folder = tmp_path / f"part{seed}"
        folder.mkdir()
        (folder / "typed.jsonl").write_text("\n".join(lines))
        run("batch", "--from", folder, "--pipeline", pipeline, data=tmp_path / f"data{seed}")
    path = str(tmp_path / "data0/store/raw")
    for seed in (1, 2):
        table = DeltaTable(str(tmp_path / f"data{seed}/store/raw")).to_pyarrow_table()
        deltalake.write_deltalake(path, table, mode="append")
    run("table", "optimize", "raw", "--pipeline", pipeline, data=tmp_path / "data0")
    table = DeltaTable(path)
    assert len(table.file_uris()) == 1
    found = table.to_pyarrow_table().to_pylist()
    all_rows = [row for rows in sent for row in rows]

    def order(row):
        return row["id"], str(row["i"]), str(row["sm"]), str(row["d"])

    assert sorted(map(typed.as_sent, found), key=order) == sorted(all_rows, key=order)
    log = max((tmp_path / "data0/store/raw/_delta_log").glob("*.json")).read_text()
    (stats,) = [
        json.loads(json.loads(line)["add"]["stats"], parse_float=Decimal, parse_int=Decimal)
        for line in log.splitlines() if line.startswith('{"add"')
    ]  # fmt: skip
    for name in ("sm", "ti", "large", "price"):
        assert stats["maxValues"][name] == bounds(all_rows, name, max), name


REFUSED = [
    ('"ti":128', "column 'ti': 128 is out of range for tinyint"),
    ('"ti":-129.0', "column 'ti': -129.0 is out of range for tinyint"),
    ('"sm":32768', "column 'sm': 32768 is out of range for smallint"),
    ('"sm":1.5', "column 'sm': expected an integer, but 1.5 has a fraction"),
    ('"fl":1e39', "column 'fl': 1e39 is out of range for float"),
    ('"fl":"1"', "column 'fl': expected a number, found string \"1\""),
    ('"price":100000', "column 'price': 100000 is out of range for decimal(7,2)"),
    ('"price":99999.995', "column 'price': 99999.995 has more digits after the point than "
                          "decimal(7,2)"),
    ('"price":"1.50"', "column 'price': expected a number, found string \"1.50\""),
    ('"large":1e28', "column 'large': 1e28 is out of range for decimal(38,10)"),
    ('"blob":"a"', "column 'blob': expected a string of base64, found string \"a\""),
    ('"blob":"a-_="', "column 'blob': expected a string of base64, found string \"a-_=\""),
    ('"tags":{}', "column 'tags': expected an array, found object {}"),
    ('"tags":["a",null,5]', "column 'tags': item 2: expected a string, found number 5"),
    ('"rows":[[1],[1.5]]', "column 'rows': item 1: item 0: expected an integer, but 1.5 has a "
                           "fraction"),
    ('"counts":[]', "column 'counts': expected an object, found array []"),
    ('"counts":{"a":1,"b":1.2345}', "column 'counts': key 'b': 1.2345 has more digits after the "
                                    "point than decimal(9,3)"),
    ('"items":[{"sku":1}]', "column 'items': item 0: column 'sku': expected a string, found "
                            "number 1"),
    ('"items":[[]]', "column 'items': item 0: expected an object, found array []"),
    ('"spot":{"price":1000}', "in 'spot': column 'price': 1000 is out of range for decimal(4,1)"),
]  # fmt: skip


def test_what_no_column_can_hold_is_a_dead_letter_with_its_reason(pipeline, tmp_path):
    (tmp_path / "typed.jsonl").write_text(
        "\n".join(f'{{"id":{at},{member}}}' for at, (member, _) in enumerate(REFUSED))
    )
    told = run("batch", "--from", tmp_path, "--pipeline", pipeline, data=tmp_path / "data").stderr
    assert f"raw: version 0, 0 rows, {len(REFUSED)} dead letters\n" in told
    asked = "SELECT reason FROM dead_letters ORDER BY line"
    answer = run("query", asked, "--format", "json", "--pipeline", pipeline, data=tmp_path / "data")
    assert [row["reason"] for row in json.loads(answer.stdout)] == [why for _, why in REFUSED]


EDGES = [
    ('"counts":{"a":1,"b":2,"a":null,"b":3}', "counts", {"a": None, "b": Decimal("3.000")}),
    ('"counts":{}', "counts", {}),
    ('"tags":[]', "tags", []),
    ('"tags":[null]', "tags", [None]),
    ('"items":[{}]', "items", [{"sku": None, "price": None, "sizes": None}]),
    ('"doc":{"b":1.50,"a":[],"b":-0.0e1}', "doc", '{"b":1.50,"a":[],"b":-0.0e1}'),
    ('"doc":null', "doc", None),
]


def test_repeated_names_and_empty_values(pipeline, tmp_path):
    many = {f"key {number}": number for number in range(5000)}
    edges = [*EDGES, (f'"counts":{json.dumps(many)}', "counts", many)]
    (tmp_path / "typed.jsonl").write_text(
        "\n".join(f'{{"id":{at},{member}}}' for at, (member, _, _) in enumerate(edges))
    )
    run("batch", "--from", tmp_path, "--pipeline", pipeline, data=tmp_path / "data")
    found = DeltaTable(str(tmp_path / "data/store/raw")).to_pyarrow_table().to_pylist()
    for row, (member, name, value) in zip(by_id(found), edges, strict=True):
        assert typed.as_sent(row)[name] == value, member


def test_an_array_of_many_items(pipeline, tmp_path):
    """Vectors of items grow within a chunk, and the next chunk has none of them."""
    lines = []
    for number in range(5000):
        tags = [None if at % 3 else f"tag {number} {at}" for at in range(number % 50)]
        lines.append(json.dumps({"id": number, "tags": tags, "rows": [[number], None, []]}))
    lines.append(json.dumps({"id": 5000, "tags": ["x"] * 300_000}))
    (tmp_path / "typed.jsonl").write_text("\n".join(lines))
    run("batch", "--from", tmp_path, "--pipeline", pipeline, data=tmp_path / "data")
    found = DeltaTable(str(tmp_path / "data/store/clean")).to_pyarrow_table(
        columns=["id", "tags", "rows"]
    )
    for row, line in zip(by_id(found.to_pylist()), lines, strict=True):
        assert row == {"rows": None, **json.loads(line)}


def test_members_that_no_field_takes_within_arrays_and_maps(tmp_path):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/pipeline.yml").write_text(
        "name: deep\ntopics:\n  deep: {partitions: 1}\ntables:\n"
        + "".join(
            f"  {policy}:\n    path: {policy}\n    from_topic: deep\n"
            f"    unknown_keys: {policy}\n    columns:\n      id: bigint\n"
            "      items: array<struct<a int>>\n      sets: \"map<string, array<struct<b int>>>\"\n"
            for policy in ("keep", "reject")
        )
    )
    record = {
        "id": 1, "x": 2, "items": [{"a": 1, "w": 2}, None, {"a": 1}],
        "sets": {"one": [{"b": 1}], "two": [{"b": 1}, {"v": [5]}]},
    }  # fmt: skip
    (tmp_path / "deep.jsonl").write_text(json.dumps(record))
    args = ["--pipeline", tmp_path / "pipeline"]
    told = run("batch", "--from", tmp_path, *args, data=tmp_path / "data").stderr
    assert "keep: version 0, 1 row, 3 unknown values (items[].w 1, sets[][].v 1, x 1)\n" in told
    (row,) = DeltaTable(str(tmp_path / "data/store/keep")).to_pyarrow_table().to_pylist()
    assert json.loads(row["_unknown"]) == {
        "x": 2, "items": [{"w": 2}, None, {}], "sets": {"two": [{}, {"v": [5]}]},
    }  # fmt: skip
    sql = "SELECT reason FROM dead_letters"
    answer = run("query", sql, "--format", "json", *args, data=tmp_path / "data")
    assert json.loads(answer.stdout) == [{"reason": "unknown key 'x'"}]


WRONG_SQL = [
    ("price", "price + 1", 'column \'price\' is DECIMAL(13,2), but the pipeline declares '
                           "decimal(7,2): cast it"),
    ("sm", "i", "column 'sm' is INTEGER, but the pipeline declares smallint: cast it"),
    ("fl", "d", "column 'fl' is DOUBLE, but the pipeline declares float: cast it"),
    ("tags", "rows", "column 'tags' is INTEGER[][], but the pipeline declares array<string>: cast "
                     "it"),
    ("blob", "name", "column 'blob' is VARCHAR, but the pipeline declares binary: cast it"),
]  # fmt: skip


@pytest.mark.parametrize("name, sql, reason", WRONG_SQL)
def test_a_check_names_the_column_of_another_type(tmp_path, name, sql, reason):
    folder = typed.write_pipeline(tmp_path / "pipeline")
    names = [f"{sql} AS {name}" if name == each else each for each in typed.NAMES]
    (folder / "clean/clean.sql").write_text(f"SELECT {', '.join(names)} FROM raw\n")
    done = run("pipeline", "check", folder, check=False)
    assert done.returncode != 0
    assert reason in done.stderr + done.stdout
