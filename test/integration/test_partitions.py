"""Partitioned tables: what pinion writes is what Delta's readers expect, a filter reads only the
files of its partitions, and modes, compaction, vacuum and crashes keep the rows of a table without
partitions.

One data folder has the tables of two definitions of a pipeline, `parts` with partitions and `whole`
without, over the same landed objects.
"""

import json
import random
import time
import urllib.parse
import uuid

import duckdb
import polars
import pytest

import deltalake
from pinion import Failed, Server, run
from readers import assert_readers_agree, in_order, rows_by_delta_rs, rows_by_duckdb, spark_session
from s3 import KEYS, s3, settings  # noqa: F401
from streams import await_rows, kinesis
from test_dag_api import SECONDS_MAX, Api
from test_incremental import crash, land, log_of, rows, task

DEFINITION = """
name: shop
topics:
  shop.orders: {{partitions: 2}}
dead_letters: {name}/dead_letters
tables:
  raw_orders:
    path: {name}/raw_orders
    from_topic: shop.orders
    {raw}
    columns:
      id: {{type: bigint, required: true}}
      seq: bigint
      placed: timestamp
      region: string
      amount: "decimal(10,2)"
  orders:
    path: {name}/orders
    sql: clean/orders.sql
    reads: [raw_orders]
    {clean}
    columns:
      {{id: bigint, seq: bigint, placed: timestamp, day: date, region: string,
       amount: "decimal(10,2)", big: boolean}}
dags:
  nightly:
    tasks:
      load: {{run: load, tables: [raw_orders]}}
      clean: {{run: transform, tables: [orders], after: [load]}}
"""

SQL = """SELECT id, seq, placed, CAST(placed AS DATE) AS day, region, amount, amount > 5 AS big
FROM raw_orders
"""

REGIONS = (
    "north", "süd", "a/b", "a b", "%2F", "x=y", "..", "'", '"', "null", "NULL",
    "__HIVE_DEFAULT_PARTITION__", "a+b", "#?&;:", "line\nbreak", "\\", "日本", "", None,
)  # fmt: skip


def write_pipeline(folder, name, raw="mode: overwrite", clean="mode: overwrite", sql=SQL):
    (folder / "clean").mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.yml").write_text(DEFINITION.format(name=name, raw=raw, clean=clean))
    (folder / "clean/orders.sql").write_text(sql)
    return folder


def value(number, region="north", day=1):
    return {
        "id": number, "seq": number, "placed": f"2026-01-{day:02}T{number % 24:02}:30:00.25Z",
        "region": region, "amount": number / 4,
    }  # fmt: skip


def adds(data, table):
    """The live files' actions."""
    live = {}
    for commit in log_of(data, table):
        for line in commit:
            if "remove" in line:
                live.pop(line["remove"]["path"], None)
            if "add" in line:
                live[line["add"]["path"]] = line["add"]
    return list(live.values())


def metadata(data, table):
    lines = [line for commit in log_of(data, table) for line in commit]
    return [line["metaData"] for line in lines if "metaData" in line][-1]


def make(data, pipeline, *args):
    task("load", data, pipeline, *args)
    task("clean", data, pipeline, *args)


def no_generated(found):
    """Rows without generated columns, sorted as texts."""
    generated = ("placed_day", "placed_month", "placed_hour")
    return sorted(
        json.dumps({key: v for key, v in row.items() if key not in generated}) for row in found
    )


def as_rows(data, pipeline, table):
    return no_generated(rows(data, pipeline, f"SELECT * FROM {table}"))


def same_rows(data, parts, whole):
    for table in ("raw_orders", "orders"):
        expected = as_rows(data, whole, table)
        # An empty text is null in a partition column, and so for those that read it.
        expected = sorted(line.replace('"region": ""', '"region": null') for line in expected)
        assert as_rows(data, parts, table) == expected


def test_every_reader_reads_what_is_written(data, tmp_path):
    parts = write_pipeline(
        tmp_path / "parts", "parts", "partition_by: [region, hour(placed)]",
        "partition_by: [day, big, amount, month(placed)]",
    )  # fmt: skip
    whole = write_pipeline(tmp_path / "whole", "whole")
    values = [value(n, region, 1 + n % 3) for n, region in enumerate(REGIONS)]
    values += [{"id": 98, "region": "north"}, {"id": 99, "placed": "2026-01-01T05:00:00+07:00"}]
    land(data, "shop.orders", 0, 0, values)
    make(data, parts)
    make(data, whole)
    same_rows(data, parts, whole)
    found = metadata(data, "parts/raw_orders")
    assert found["partitionColumns"] == ["region", "placed_hour"]
    field = json.loads(found["schemaString"])["fields"][-1]
    assert field["name"] == "placed_hour"
    expression = "DATE_FORMAT(placed, 'yyyy-MM-dd-HH')"
    assert field["metadata"] == {"delta.generationExpression": expression}
    for file in adds(data, "parts/raw_orders"):
        path = urllib.parse.unquote(file["path"])
        assert path.startswith("region=") and path.count("/") == 2
        assert (data / "store/parts/raw_orders" / path).exists()
        stats = json.loads(file["stats"])
        assert stats["numRecords"] >= 1
        assert set(stats["minValues"]) <= {"id", "seq", "placed", "amount"}
        place = data / "store/parts/raw_orders" / path
        names = duckdb.execute("SELECT name FROM parquet_schema(?)", [str(place)]).fetchall()
        assert ("region",) not in names and ("placed_hour",) not in names
    for name in ("raw_orders", "orders"):
        path = data / "store/parts" / name
        expected = as_rows(data, parts, name)
        by_pinion = rows(data, parts, f"SELECT * FROM {name}")
        assert len(expected) == len(values)
        for by in (rows_by_delta_rs(path), rows_by_duckdb(path)):
            assert sorted(row["id"] for row in by) == sorted(row["id"] for row in by_pinion)
            regions = {row["id"]: row["region"] for row in by_pinion}
            assert {row["id"]: row["region"] for row in by} == regions
        frame = polars.read_delta(str(path))
        assert sorted(frame["id"].to_list()) == sorted(row["id"] for row in by_pinion)
    hours = {row["id"]: row["placed_hour"] for row in rows(data, parts, "SELECT * FROM raw_orders")}
    assert hours[99] == "2025-12-31-22" and hours[98] is None and hours[1] == "2026-01-02-01"
    with spark_session() as spark:
        for name in ("raw_orders", "orders"):
            assert_readers_agree(spark, data / "store/parts" / name, len(values))
        # Spark adds rows, and generates the column by our expression.
        place = f"delta.`{data}/store/parts/raw_orders`"
        spark.sql(
            f"INSERT INTO {place} (id, placed, region) "
            "VALUES (1000, TIMESTAMP '2026-02-03 04:05:06', 'sp')"
        )
    (row,) = rows(data, parts, "SELECT * FROM raw_orders WHERE id = 1000")
    assert (row["placed_hour"], row["region"]) == ("2026-02-03-04", "sp")


def test_every_type_of_partition_column_is_read_by_others(data, tmp_path):
    """Each value is in a partition of its own, and as the same value in every reader. No decimal
    is negative: delta-rs 1.6 reads "-2.500" of a log as "-2.-500"."""
    kinds = {
        "s": "string", "l": "bigint", "i": "int", "h": "smallint", "b": "tinyint",
        "d": "decimal(20,3)", "f": "boolean", "t": "timestamp", "y": "date",
    }  # fmt: skip
    columns = ", ".join(f'{name}: "{kind}"' for name, kind in kinds.items())
    folder = tmp_path / "typed"
    folder.mkdir()
    tables = "".join(
        f"  by_{name}:\n    path: by_{name}\n    from_topic: t\n    partition_by: {name}\n"
        f"    columns: {{n: int, {columns}}}\n"
        for name in kinds
    )
    (folder / "pipeline.yml").write_text(
        f"name: typed\ntopics: {{t: {{}}}}\ntables:\n{tables}"
        f"dags: {{nightly: {{tasks: {{load: {{run: load, tables: "
        f"[{', '.join(f'by_{name}' for name in kinds)}]}}}}}}}}\n"
    )
    land(data, "t", 0, 0, [
        {"n": 1, "s": "x", "l": -(2**63), "i": 2**31 - 1, "h": -1, "b": 0, "d": 2.5, "f": True,
         "t": "2026-01-31T23:59:59.999999Z", "y": "0001-01-01"},
        {"n": 2, "s": "2026-01-01", "l": 2**53 + 1, "i": -5, "h": 32767, "b": -128,
         "d": 12345678901234.125, "f": False, "t": "1969-12-31T23:59:59.5Z", "y": "9999-12-31"},
        {"n": 3, "s": "1e3", "t": "1900-01-01T00:00:00Z"}, {"n": 4},
    ])  # fmt: skip
    task("load", data, folder)
    whole = in_order(rows_by_delta_rs(data / "store/by_s"))
    with spark_session() as spark:
        for name in kinds:
            path = data / "store" / f"by_{name}"
            assert len(adds(data, f"by_{name}")) >= 3
            assert assert_readers_agree(spark, path, 4) == whole, name
            frame = polars.read_delta(str(path)).sort("n")
            assert in_order(frame.to_dicts()) == whole, name
            by_pinion = rows(data, folder, f"SELECT * FROM by_{name} ORDER BY n")
            assert by_pinion == rows(data, folder, "SELECT * FROM by_s ORDER BY n"), name
            same = f"{name} = (SELECT {name} FROM by_{name} WHERE n = 1)"
            assert {"n": 1} in rows(data, folder, f"SELECT n FROM by_{name} WHERE {same}"), name


@pytest.mark.parametrize("seed", (1, 2))
def test_modes_give_the_rows_of_a_table_without_partitions(data, tmp_path, seed):
    chance = random.Random(seed)
    raw = "mode: append\n    partition_by: [region, day(placed)]"
    clean = (
        "mode: merge\n    key: id\n    order_by: seq\n    delete_when: amount < 1\n    "
        "partition_by: [month(placed), region, big]"
    )
    parts = write_pipeline(tmp_path / "parts", "parts", raw, clean)
    unparted = clean.split("\n    partition")[0]
    whole = write_pipeline(tmp_path / "whole", "whole", "mode: append", unparted)
    number = 0
    for _ in range(6):
        values = [
            {**value(chance.randrange(30), chance.choice(REGIONS), chance.randrange(1, 28)),
             "seq": number + n, "amount": chance.choice((0, 4, 8))}
            for n in range(chance.randrange(1, 8))
        ]  # fmt: skip
        land(data, "shop.orders", 0, number, values)
        number += len(values)
        for name in ("load", "clean"):
            if chance.random() < 0.6:
                crash(data, parts, name, chance.uniform(0, 0.15))
        make(data, parts)
        make(data, whole)
        if chance.random() < 0.5:
            for name in ("raw_orders", "orders"):
                run("table", "optimize", name, "--pipeline", parts, data=data)
                retain = ("--retain", "1m", "--force")
                run("table", "vacuum", name, *retain, "--pipeline", parts, data=data)
        same_rows(data, parts, whole)
    for name in ("raw_orders", "orders"):
        by_pinion = rows(data, parts, f"SELECT id, seq FROM {name}")
        by_delta_rs = rows_by_delta_rs(data / "store/parts" / name)
        pairs = [sorted((r["id"], r["seq"]) for r in found) for found in (by_delta_rs, by_pinion)]
        assert pairs[0] == pairs[1]
    operations = {commit[0]["commitInfo"]["operation"] for commit in log_of(data, "parts/orders")}
    assert "MERGE" in operations


def test_optimize_and_vacuum_keep_partitions(data, tmp_path):
    parts = write_pipeline(tmp_path / "parts", "parts", "mode: append\n    partition_by: region")
    for number in range(3):
        land(data, "shop.orders", 0, 2 * number, [value(number, "a/b"), value(10 + number, None)])
        task("load", data, parts)
    assert len(adds(data, "parts/raw_orders")) == 6
    before = as_rows(data, parts, "raw_orders")
    run("table", "optimize", "raw_orders", "--pipeline", parts, data=data)
    files = adds(data, "parts/raw_orders")
    assert {file["partitionValues"]["region"] for file in files} == {"a/b", None}
    assert len(files) == 2
    assert {file["path"].split("/")[0] for file in files} == {
        "region=a%252Fb", "region=__HIVE_DEFAULT_PARTITION__",
    }  # fmt: skip
    assert as_rows(data, parts, "raw_orders") == before
    assert len(rows_by_delta_rs(data / "store/parts/raw_orders")) == 6


def test_a_filter_reads_only_its_partitions(data, tmp_path):
    """Of the files of other partitions only the footers are read: here their rows are destroyed."""
    parts = write_pipeline(tmp_path / "parts", "parts", "partition_by: [day(placed), region]")
    land(data, "shop.orders", 0, 0, [value(n, "north", 1 + n % 5) for n in range(50)])
    task("load", data, parts)
    for file in adds(data, "parts/raw_orders"):
        if file["partitionValues"]["placed_day"] != "2026-01-03":
            path = data / "store/parts/raw_orders" / urllib.parse.unquote(file["path"])
            content = bytearray(path.read_bytes())
            footer = int.from_bytes(content[-8:-4], "little") + 8
            content[4:-footer] = bytes(len(content) - footer - 4)
            path.unlink()
            path.write_bytes(content)
    day = "FROM raw_orders WHERE placed_day = DATE '2026-01-03'"
    found = rows(data, parts, f"SELECT count(*) AS n, min(id) AS least {day}")
    assert found == [{"n": 10, "least": 2}]
    with pytest.raises(Failed):
        rows(data, parts, "SELECT sum(id) FROM raw_orders")


def test_changed_partitions(data, tmp_path):
    land(data, "shop.orders", 0, 0, [value(n, "north", 1 + n % 5) for n in range(5)])
    for name in ("parts", "others"):
        write_pipeline(tmp_path / name, name, "mode: append", "mode: append")
        make(data, tmp_path / name)
    parts = write_pipeline(tmp_path / "parts", "parts", "mode: append\n    partition_by: region")
    land(data, "shop.orders", 0, 5, [value(9)])
    with pytest.raises(Failed, match="is partitioned by nothing, not by region.*--full-refresh"):
        task("load", data, parts)
    assert len(rows(data, parts, "SELECT * FROM raw_orders")) == 5
    task("load", data, parts, "--full-refresh")
    assert metadata(data, "parts/raw_orders")["partitionColumns"] == ["region"]
    assert len(rows(data, parts, "SELECT * FROM raw_orders")) == 6
    others = write_pipeline(
        tmp_path / "others", "others", "mode: append", "mode: append\n    partition_by: day(placed)"
    )
    assert "made afresh" in task("clean", data, others).stdout  # from the rows that there are
    assert metadata(data, "others/orders")["partitionColumns"] == ["placed_day"]
    assert len(deltalake.DeltaTable(str(data / "store/others/orders")).partitions()) == 5


STREAM = """
streams:
  shop: {shards: 2, start: trim_horizon, table: live}
"""
LIVE = """  live:
    path: parts/live
    like: orders
    checkpoints: parts/checkpoints
    partition_by: [region, day(placed)]
"""


def put_orders(server, values):
    client = kinesis(server.url)
    records = [
        {"Data": json.dumps(v).encode(), "PartitionKey": str(n)} for n, v in enumerate(values)
    ]
    assert client.put_records(StreamName="shop", Records=records)["FailedRecordCount"] == 0


def test_a_stream_fills_partitions_once_over_crashes(data, tmp_path):
    parts = write_pipeline(tmp_path / "parts", "parts")
    text = (parts / "pipeline.yml").read_text().replace("dags:", LIVE + "dags:", 1)
    (parts / "pipeline.yml").write_text(text + STREAM)
    sent = []
    for crashes in range(4):
        with Server(data, "--pipeline", parts) as server:
            for number in range(5):
                values = [value(len(sent) + n, REGIONS[n % 7], 1 + n % 3) for n in range(20)]
                put_orders(server, values)
                sent += values
            if crashes < 3:
                server.kill()
                server.start()
            await_rows(data, None, len(sent), "parts/live")
    path = data / "store/parts/live"
    found = rows_by_delta_rs(path)
    assert sorted(row["id"] for row in found) == sorted(row["id"] for row in sent)
    assert {(row["id"], row["region"], str(row["placed_day"])) for row in found} == {
        (row["id"], row["region"], row["placed"][:10]) for row in sent
    }
    assert metadata(data, "parts/live")["partitionColumns"] == ["region", "placed_day"]
    assert rows(data, parts, "SELECT count(*) AS n FROM live WHERE region = 'a/b'") == [
        {"n": sum(row["region"] == "a/b" for row in sent)}
    ]
    run("table", "optimize", "live", "--pipeline", parts, data=data)
    assert rows_by_delta_rs(path) == found


MISTAKES = {
    "partition_by: price": 'unknown column "price"',
    "partition_by: ratio": '"ratio" is a floating-point column, whose values differ',
    "partition_by: [region, region]": '"region" is named twice',
    "partition_by: day(region)": '"region" is not a timestamp',
    "partition_by: week(placed)": '"week(placed)" is not a partition: give a column, or day(',
    "partition_by: blob": '"blob" cannot divide a table',
    "partition_by: {day: placed}": "must be a column such as region or day(placed)",
    "partition_by: _hidden": "begins with an underscore",
    "partition_by: hour(placed)": 'has a column "placed_hour" already',
    "partition_by: [region, ratio2, placed, placed_hour, blob2, _hidden]": "underscore",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_refused_with_their_line(tmp_path, mistake):
    (tmp_path / "pipeline.yml").write_text(
        "name: x\ntopics: {t: {}}\ntables:\n  raw:\n    path: raw\n    from_topic: t\n"
        f"    {mistake}\n    columns: {{region: string, ratio: double, ratio2: int, "
        "placed: timestamp, placed_hour: string, blob: binary, blob2: string, _hidden: string}\n"
    )
    done = run("pipeline", "check", tmp_path, check=False)
    assert done.returncode != 0
    assert "pipeline.yml:7: tables.raw.partition_by" in done.stderr
    assert MISTAKES[mistake] in done.stderr


@pytest.mark.parametrize("column", ("region", "seq"))
def test_a_merge_is_not_divided_by_the_text_that_it_compares(tmp_path, column):
    """A partition keeps an empty text as null, which is another key."""
    (tmp_path / "pipeline.yml").write_text(
        "name: x\ntopics: {t: {}}\ntables:\n  raw:\n    path: raw\n    from_topic: t\n    mode: "
        f"merge\n    key: region\n    order_by: seq\n    partition_by: {column}\n"
        "    columns: {region: string, seq: string}\n"
    )
    done = run("pipeline", "check", tmp_path, check=False)
    assert done.returncode != 0
    said = f'tables.raw.partition_by: rows of the merge are compared by "{column}"'
    assert f"pipeline.yml:10: {said}" in done.stderr


def test_values_that_cannot_be_partitions(data, tmp_path):
    parts = write_pipeline(tmp_path / "parts", "parts", "partition_by: region")
    land(data, "shop.orders", 0, 0, [value(1)])
    task("load", data, parts)
    for long in ("ü" * 60, "~" * 200):
        land(data, "shop.orders", 0, 1, [value(2, long)])
        with pytest.raises(Failed, match="partition column region: a value is too long"):
            task("load", data, parts)
    assert [row["id"] for row in rows(data, parts, "SELECT id FROM raw_orders")] == [1]
    assert [p.name for p in (data / "store/.tmp").iterdir()] == []


LONG = """
name: long
topics: {{t: {{}}}}
tables:
  long:
    path: long
    from_topic: t
    mode: append
    partition_by: [{by}]
    columns: {{id: bigint, {columns}}}
dags: {{nightly: {{tasks: {{load: {{run: load, tables: [long]}}}}}}}}
"""


@pytest.mark.parametrize("in_bucket", (False, True))
def test_partitions_whose_keys_would_be_too_long(data, tmp_path, s3, in_bucket):  # noqa: F811
    """Of two partitions one is short: it is not written either."""
    at = settings(s3.url, uuid.uuid4().hex) if in_bucket else ()
    folder = tmp_path / "long"
    folder.mkdir()
    names = [f"c{n}" for n in range(5)]
    given = ", ".join(f"{name}: string" for name in names)
    (folder / "pipeline.yml").write_text(LONG.format(by=", ".join(names), columns=given))
    landed = tmp_path / "landed.json"
    rows = [{"id": 1}, {name: "v" * 220 for name in names}]
    landed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run("store", "put", landed, "topics/t/partition=0/t+0+0000000000.json", *at,
        data=data, env=KEYS)  # fmt: skip
    done = run("task", "nightly", "load", "--pipeline", folder, *at, data=data, env=KEYS,
               check=False)  # fmt: skip
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    for word in ("table 'long'", "1192 bytes", "at most 1024", "partition by fewer columns"):
        assert word in done.stderr, done.stderr
    assert "long" not in run("store", "ls", "long", *at, data=data, env=KEYS).stdout


# --- one partition a run --------------------------------------------------------------------------

REPLACE = """
name: replace
topics:
  shop.orders: {partitions: 2}
tables:
  raw_orders:
    path: raw_orders
    from_topic: shop.orders
    mode: append
    columns: {id: bigint, placed: timestamp, amount: double}
  daily:
    path: daily
    sql: clean/daily.sql
    reads: [raw_orders]
    partition_by: day
    replace_where: day = CAST(run_logical_date() AS DATE)
    columns: {day: date, orders: bigint, amount: double}
dags:
  nightly:
    tasks:
      load: {run: load, tables: [raw_orders]}
      sum: {run: transform, tables: [daily], after: [load]}
  days:
    schedule: "0 0 * * *"
    start: 2026-01-01
    end: 2026-01-08
    active_runs_max: 4
    tasks:
      sum: {run: transform, tables: [daily]}
"""
DAILY = """SELECT CAST(placed AS DATE) AS day, count(*) AS orders, sum(amount) AS amount
FROM raw_orders
WHERE CAST(placed AS DATE) = CAST(run_logical_date() AS DATE)
GROUP BY ALL
"""


def write_replacing(folder, sql=DAILY, definition=REPLACE):
    (folder / "clean").mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.yml").write_text(definition)
    (folder / "clean/daily.sql").write_text(sql)
    return folder


def order(number, day):
    return {"id": number, "placed": f"2026-01-{day:02}T12:00:00Z", "amount": 1.0}


def daily(data, pipeline):
    found = rows(data, pipeline, "SELECT * FROM daily ORDER BY day")
    return {row["day"]: row["orders"] for row in found}


def test_a_run_replaces_only_the_partition_of_its_logical_date(data, tmp_path):
    pipeline = write_replacing(tmp_path / "replace")
    run("pipeline", "check", pipeline)
    land(data, "shop.orders", 0, 0, [order(n, 1 + n % 3) for n in range(9)])
    task("load", data, pipeline)
    for day in (1, 2, 3):
        done = task("sum", data, pipeline, "--logical-date", f"2026-01-0{day}")
        assert "1 row in the replaced partitions" in done.stdout
    assert daily(data, pipeline) == {f"2026-01-0{day}": 3 for day in (1, 2, 3)}
    files = {file["partitionValues"]["day"]: file["path"] for file in adds(data, "daily")}
    # More orders of all days come; one day is done again.
    land(data, "shop.orders", 0, 9, [order(100 + n, 1 + n % 3) for n in range(6)])
    task("load", data, pipeline)
    task("sum", data, pipeline, "--logical-date", "2026-01-02T00:00:00Z")
    assert daily(data, pipeline) == {"2026-01-01": 3, "2026-01-02": 5, "2026-01-03": 3}
    after = {file["partitionValues"]["day"]: file["path"] for file in adds(data, "daily")}
    assert {day for day in files if files[day] != after[day]} == {"2026-01-02"}
    last = log_of(data, "daily")[-1][0]["commitInfo"]
    assert last["operationParameters"]["predicate"] == "day = CAST(run_logical_date() AS DATE)"
    assert last["isBlindAppend"] is False
    # A day without rows becomes empty.
    write_replacing(pipeline, DAILY.replace("WHERE", "WHERE false AND"))
    task("sum", data, pipeline, "--logical-date", "2026-01-02")
    assert daily(data, pipeline) == {"2026-01-01": 3, "2026-01-03": 3}
    assert len(rows_by_delta_rs(data / "store/daily")) == 2


def test_a_run_that_gives_its_day_no_rows_stands_out(data, tmp_path):
    pipeline = write_replacing(tmp_path / "replace")
    land(data, "shop.orders", 0, 0, [order(n, 1 + n % 2) for n in range(4)])
    seen = []
    for day in (1, 2, 3):
        options = ("--logical-date", f"2026-01-0{day}", "--wait", "-q", "--pipeline", pipeline)
        run("dag", "trigger", "nightly", *options, data=data)
        shown = run("dag", "io", "nightly", "--format", "json", "--pipeline", pipeline, data=data)
        seen += [(row["rows"], row["rows_before"], row["table_rows"], row["remark"])
                 for row in json.loads(shown.stdout)
                 if (row["way"], row["name"]) == ("write", "daily")]  # fmt: skip
    assert seen == [(1, None, 1, None), (1, 1, 2, None), (0, 1, 2, "wrote 0 rows")]


def test_a_day_of_a_run_is_one_of_the_time_zone_of_its_dag(data, tmp_path):
    zone = 'AT TIME ZONE \'America/New_York\' AS DATE'
    definition = REPLACE.replace("run_logical_date() AS DATE", f"run_logical_date() {zone}")
    setting = "    timezone: America/New_York\n"
    definition = definition.replace("    end: 2026", f"{setting}    end: 2026")
    sql = DAILY.replace("run_logical_date() AS DATE", f"run_logical_date() {zone}")
    pipeline = write_replacing(tmp_path / "replace", sql, definition)
    land(data, "shop.orders", 0, 0, [order(n, 1 + n % 3) for n in range(9)])
    task("load", data, pipeline)
    run("task", "days", "sum", "--logical-date", "2026-01-02", "--pipeline", pipeline, data=data)
    assert daily(data, pipeline) == {"2026-01-02": 3}
    options = ("--logical-date", "2026-01-03", "--wait", "--pipeline", pipeline)
    run("dag", "trigger", "days", *options, data=data)
    assert daily(data, pipeline) == {"2026-01-02": 3, "2026-01-03": 3}


def test_rows_outside_are_refused_and_named(data, tmp_path):
    pipeline = write_replacing(tmp_path / "replace")
    land(data, "shop.orders", 0, 0, [order(n, 1 + n % 3) for n in range(9)])
    task("load", data, pipeline)
    task("sum", data, pipeline, "--logical-date", "2026-01-01")
    noted = task("sum", data, pipeline).stderr
    assert "table 'daily': run_logical_date() is null in its replace_where" in noted
    write_replacing(pipeline, "-- not by run_logical_date()\n" + DAILY.replace(
        "CAST(run_logical_date() AS DATE)", "DATE '2026-01-01' + 0 /* run_logical_date() */"
    ), REPLACE.replace("CAST(run_logical_date() AS DATE)", "DATE '2026-01-01'"))  # fmt: skip
    assert "run_logical_date" not in task("sum", data, pipeline).stderr
    write_replacing(pipeline, DAILY.replace("WHERE", "WHERE true OR"))
    before = log_of(data, "daily")
    for args in (("--logical-date", "2026-01-02"), ()):
        with pytest.raises(Failed) as refused:
            task("sum", data, pipeline, *args)
        message = str(refused.value)
        assert f"{2 if args else 3} rows that the SQL gives are outside of what the run" in message
        assert '{"orders":3,"amount":3.0,"day":"2026-01-01"}' in message
    assert log_of(data, "daily") == before
    with pytest.raises(Failed, match='--logical-date "yesterday" is not a time'):
        task("sum", data, pipeline, "--logical-date", "yesterday")
    write_replacing(pipeline, definition=REPLACE.replace("day = CAST", "orders > 1 OR day = CAST"))
    with pytest.raises(Failed, match="tables.daily.replace_where: .*over the partition columns"):
        run("pipeline", "check", pipeline)


@pytest.mark.parametrize("seed", (1, 2))
def test_days_done_again_over_crashes_give_what_one_overwrite_gives(data, tmp_path, seed):
    chance = random.Random(seed)
    pipeline = write_replacing(tmp_path / "replace")
    number = 0
    for _ in range(4):
        values = [order(number + n, chance.randrange(1, 6)) for n in range(10)]
        land(data, "shop.orders", 0, number, values)
        number += len(values)
        task("load", data, pipeline)
        for day in chance.sample(range(1, 6), 5):
            args = ("--logical-date", f"2026-01-0{day}")
            if chance.random() < 0.5:
                crash(data, pipeline, "sum", chance.uniform(0, 0.1), *args)
            task("sum", data, pipeline, *args)
    sql = DAILY.replace("WHERE CAST(placed AS DATE) = CAST(run_logical_date() AS DATE)", "")
    expected = rows(data, pipeline, f"SELECT * FROM ({sql}) ORDER BY day")
    assert rows(data, pipeline, "SELECT * FROM daily ORDER BY day") == expected


def await_backfill(api, count):
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        found = api.get("backfills")["items"]
        if len(found) == count and all(one["state"] == "done" for one in found):
            assert all(one["counts"].get("failed", 0) == 0 for one in found), found
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_backfill_does_a_range_of_days_again(data, tmp_path):
    pipeline = write_replacing(tmp_path / "replace")
    land(data, "shop.orders", 0, 0, [order(n, 1 + n % 7) for n in range(14)])
    task("load", data, pipeline)
    create = ("dag", "backfill", "create", "days", "--pipeline", pipeline, "--yes")
    with Server(data, "--pipeline", pipeline) as server:
        api = Api(server)
        days = ("--from", "2026-01-01", "--to", "2026-01-07", "--active-runs", "3")
        run(*create, *days, data=data)
        await_backfill(api, 1)
        assert daily(data, pipeline) == {f"2026-01-0{day}": 2 for day in range(1, 8)}
        land(data, "shop.orders", 0, 14, [order(100 + n, 1 + n % 7) for n in range(7)])
        task("load", data, pipeline)
        again = ("--from", "2026-01-02", "--to", "2026-01-03", "--reprocess", "completed")
        run(*create, *again, data=data)
        await_backfill(api, 2)
    expected = {f"2026-01-0{day}": 3 if day in (2, 3) else 2 for day in range(1, 8)}
    assert daily(data, pipeline) == expected


# --- in a bucket ----------------------------------------------------------------------------------


def test_partitions_in_a_bucket(data, tmp_path, s3):
    at = settings(s3.url, uuid.uuid4().hex)
    pipeline = write_pipeline(
        tmp_path / "parts", "parts", "mode: append\n    partition_by: [region, day(placed)]",
        "mode: overwrite\n    partition_by: [big, region]\n    replace_where: big",
        SQL + "WHERE amount > 5",
    )  # fmt: skip

    def pinion(*args):
        return run(*args, *at, "--pipeline", pipeline, data=data, env=KEYS)

    def ask(sql):
        return json.loads(pinion("query", sql, "--format", "json").stdout)

    expected = {}
    for number in range(2):
        values = [value(100 * number + n, region, 1 + n % 2) for n, region in enumerate(REGIONS)]
        values[-1]["amount"] = 9
        expected |= {row["id"]: row["region"] or None for row in values}
        landed = tmp_path / "landed.json"
        landed.write_text("".join(json.dumps(row) + "\n" for row in values))
        key = f"topics/shop.orders/partition=0/shop.orders+0+{100 * number:010}.json"
        pinion("store", "put", landed, key)
        pinion("task", "nightly", "load")
        pinion("task", "nightly", "clean")
    found = ask("SELECT id, region FROM raw_orders")
    assert len(found) == 2 * len(REGIONS)
    assert {row["id"]: row["region"] for row in found} == expected
    assert ask("SELECT count(*) AS n FROM raw_orders WHERE region = 'a/b'") == [{"n": 2}]
    big = ask("SELECT count(*) AS n FROM raw_orders WHERE amount > 5")
    assert ask("SELECT count(*) AS n FROM orders WHERE big") == big
    pinion("table", "optimize", "raw_orders")
    assert {row["id"]: row["region"] for row in ask("SELECT * FROM raw_orders")} == expected
