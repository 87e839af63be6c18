"""Delta tables that Spark and delta-rs wrote, with the features of the protocol, read by us."""

import json
import os
import time
from datetime import datetime, timezone
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest

from pinion import query, run
from readers import (
    assert_readers_agree, drop_commits, forget, log_of, plain, refused, rows_by_delta_rs,
    rows_by_key, rows_by_spark, spark_session, table,
)  # fmt: skip

# Spark alone takes a minute to start on a busy machine.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def spark():
    with spark_session() as session:
        yield session


def foreign(data, name):
    """A folder in our store for somebody else's table."""
    path = data / "store" / "foreign" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_partitions_with_odd_names_by_delta_rs(data, spark):
    path = foreign(data, "odd")
    words = ["a b", "50%", "x/y", "a=b", "é ü", "#?&+", None, "it's", 'q"q', "1:2"]
    rows = pa.table({
        "word": pa.array(words * 3),
        "n": pa.array(range(30), pa.int64()),
        "moment": pa.array([datetime(2020, 1, 1, 12, tzinfo=timezone.utc)] * 30,
                           pa.timestamp("us", tz="UTC")),
    })  # fmt: skip
    for part in (rows.slice(0, 10), rows.slice(10, 10), rows.slice(20)):
        deltalake.write_deltalake(path, part, partition_by=["word"], mode="append")
    files = table("files", "foreign/odd", data=data)
    assert len(files) == 30
    assert {file["partition"]["word"] for file in files} == set(words)
    assert all((path / file["path"]).is_file() for file in files)
    schema = table("schema", "foreign/odd", data=data)
    assert [(row["column"], row["type"], row["partition"]) for row in schema] == [
        ("word", "string", True), ("n", "long", False), ("moment", "timestamp", False)]  # fmt: skip

    before = assert_readers_agree(spark, path, 30)
    assert table("optimize", "foreign/odd", data=data) == [{"files_before": 30, "files_after": 10}]
    assert assert_readers_agree(spark, path, 30) == before
    swept = table("vacuum", "foreign/odd", "--retain", "0", "--force", data=data)
    assert {row["path"] for row in swept} == {file["path"] for file in files}
    assert assert_readers_agree(spark, path, 30) == before


def test_partitions_are_read_from_the_log(data):
    """By the table's key, at any version, and under a name that the pipeline gives it."""
    path = foreign(data, "by_day")
    days = [datetime(2024, 1, day, tzinfo=timezone.utc) for day in (1, 1, 2, 3)]
    rows = pa.table({
        "day": pa.array([day.date() for day in days]),
        "at": pa.array(days, pa.timestamp("us", tz="UTC")),
        "word": pa.array(["a b", "", None, "x/y=%'"]),
        "n": pa.array(range(4), pa.int64()),
    })  # fmt: skip
    keys = ["day", "at", "word"]
    deltalake.write_deltalake(path, rows, partition_by=keys)
    deltalake.write_deltalake(path, rows.slice(3), partition_by=keys, mode="append")
    key = "foreign/by_day"
    ours = sorted(rows_by_key(data, key), key=lambda row: row["n"])
    # An empty text is null in a partition, as the protocol has it.
    assert [row["word"] for row in ours] == ["a b", None, None, "x/y=%'", "x/y=%'"]
    assert [row["day"] for row in ours] == [f"2024-01-0{day}" for day in (1, 1, 2, 3, 3)]
    assert all(row["at"].startswith(row["day"]) for row in ours)
    assert len(rows_by_key(data, f"{key}@0")) == 4
    ask = f'SELECT count(*) AS c FROM "{key}" WHERE day = DATE \'2024-01-03\''
    assert query(ask, data=data) == [{"c": 2}]
    assert query(f'SELECT t.n FROM "{key}" t JOIN "{key}@0" o USING (n) WHERE n < 1', data=data)
    for name in ("foreign/none", "../store/foreign/by_day", "/etc/passwd", f"{key}/_delta_log"):
        assert "there is no table" in refused("query", f'SELECT * FROM "{name}"', data=data)
    message = refused("query", f'SELECT * FROM "{key}@7"', data=data)
    assert "version 7" in message and key in message
    file = next(path.rglob("*.parquet"))
    assert "there is no table" in refused("query", f"SELECT * FROM '{file}'", data=data)
    file.unlink()
    message = refused("query", f'SELECT * FROM "{key}"', data=data)
    assert file.name in message and "not there" in message


def test_keys_with_characters_that_sql_or_json_escape(data):
    for name in ('a"b', "a'b", "a\\b", 'ü"\\\\"'):
        path = foreign(data, "plain")
        deltalake.write_deltalake(path, pa.table({"n": [len(name)]}))
        path.rename(path.with_name(name))
        key = f"foreign/{name}".replace('"', '""')
        assert query(f'SELECT n FROM "{key}"', data=data) == [{"n": len(name)}]
        assert query(f'SELECT o.n FROM "{key}" JOIN "{key}@0" o USING (n)', data=data)
        assert "there is no table" in refused("query", f'SELECT * FROM "{key}x"', data=data)


def test_time_travel_as_spark_does_it(data, spark):
    path = foreign(data, "travel")
    start = int(time.time()) - 3600
    for version in range(4):
        spark.range(version + 1).write.format("delta").mode("overwrite").save(str(path))
        commit = path / "_delta_log" / f"{version:020}.json"
        os.utime(commit, (start + version * 100,) * 2)
    for seconds, expected in ((0, 0), (199, 1), (300, 3)):
        moment = datetime.fromtimestamp(start + seconds, timezone.utc)
        at = moment.isoformat().replace("+00:00", "Z")
        ours = table("files", "foreign/travel", "--at", at, data=data)
        theirs = spark.read.format("delta").option("timestampAsOf", at).load(str(path))
        assert sum(file["rows"] for file in ours) == theirs.count() == expected + 1
    for late in ("2999-01-01", "2999-01-01T00:00", "29990101T0000+01"):
        files = table("files", "foreign/travel", "--at", late, data=data)
        assert sum(file["rows"] for file in files) == 4
    for at, words in (("2000-01-01", "2000-01-01"), ("yesterday", "--at 'yesterday': give")):
        assert words in refused("table", "files", "foreign/travel", "--at", at, data=data)


def make(spark, path, properties, rows=20):
    spark.sql(f"CREATE TABLE delta.`{path}` (id BIGINT, word STRING) USING delta "
              f"TBLPROPERTIES ({properties})")  # fmt: skip
    spark.sql(f"INSERT INTO delta.`{path}` SELECT id, 'w' || id FROM range(0, {rows}, 1, 1)")


def test_deleted_rows_are_left_out(data, spark):
    path = foreign(data, "dv")
    spark.sql(f"CREATE TABLE delta.`{path}` (id BIGINT, word STRING) USING delta "
              f"PARTITIONED BY (word) TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    spark.sql(f"INSERT INTO delta.`{path}` SELECT id, 'w' || id % 2 FROM range(0, 40000, 1, 1)")
    assert sum(file["rows"] for file in table("files", "foreign/dv", data=data)) == 40000
    # Few rows, many apart from each other, many in a row: each way in which a vector has them.
    spark.sql(f"DELETE FROM delta.`{path}` "
              f"WHERE id IN (3, 4) OR id % 6 = 0 OR id BETWEEN 9000 AND 20000")  # fmt: skip
    left = {id for id in range(40000) if not (id in (3, 4) or id % 6 == 0 or 9000 <= id <= 20000)}
    assert sum(file["rows"] for file in table("files", "foreign/dv", data=data)) == len(left)
    assert {row["id"] for row in query('SELECT id FROM "foreign/dv"', data=data)} == left
    assert query('SELECT count(*) AS n FROM "foreign/dv@1"', data=data) == [{"n": 40000}]
    (vector,) = path.glob("deletion_vector_*.bin")
    whole = vector.read_bytes()
    vector.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
    message = refused("query", 'SELECT id FROM "foreign/dv"', data=data)
    assert "deletion vector" in message and "checksum" in message
    vector.write_bytes(whole)
    table("optimize", "foreign/dv", data=data)
    assert {row["id"] for row in query('SELECT id FROM "foreign/dv"', data=data)} == left
    forget(spark)
    assert {row["id"] for row in rows_by_spark(spark, path)} == left
    table("vacuum", "foreign/dv", "--retain", "0s", "--force", data=data)
    assert list(path.glob("deletion_vector_*.bin")) == []
    assert {row["id"] for row in query('SELECT id FROM "foreign/dv"', data=data)} == left


@pytest.mark.parametrize("mode", ["name", "id"])
def test_mapped_columns_are_read_under_the_logs_names(data, spark, mode):
    path = foreign(data, f"mapped_{mode}")
    spark.sql(f"CREATE TABLE delta.`{path}` (id BIGINT, word STRING, gone INT, day DATE, "
              f"deep STRUCT<x: INT, y: ARRAY<STRUCT<z: INT>>>, m MAP<STRING, STRUCT<v: INT>>) "
              f"USING delta PARTITIONED BY (day) "
              f"TBLPROPERTIES ('delta.columnMapping.mode' = '{mode}')")  # fmt: skip
    insert = (f"INSERT INTO delta.`{path}` SELECT id, 'w' || id, 1, "
              f"DATE '2024-01-01' + INT(id % 3), "
              f"named_struct('x', INT(id), 'y', array(named_struct('z', 7))), "
              f"map('k', named_struct('v', INT(id))) FROM range(0, 20, 1, 1)")  # fmt: skip
    spark.sql(insert)
    for change in ("RENAME COLUMN word TO other", "RENAME COLUMN id TO word",
                   "DROP COLUMN gone", "RENAME COLUMN day TO d",
                   "ADD COLUMNS (deep.later INT, late STRING)"):  # fmt: skip
        spark.sql(f"ALTER TABLE delta.`{path}` {change}")
    rows = sorted(rows_by_key(data, f"foreign/mapped_{mode}"), key=lambda row: row["word"])
    assert rows[4] == {"word": 4, "other": "w4", "d": "2024-01-02",
                       "deep": {"x": 4, "y": [{"z": 7}], "later": None},
                       "m": {"k": {"v": 4}}, "late": None}  # fmt: skip
    assert [row["word"] for row in rows] == list(range(20))
    message = refused("table", "optimize", f"foreign/mapped_{mode}", data=data)
    assert "columnMapping" in message and f"foreign/mapped_{mode}" in message


def test_every_type_of_the_log_is_read_by_the_tables_key(data, spark):
    path = foreign(data, "types")
    values = ("true AS bo, 7Y AS ti, 300S AS sm, 70000 AS i, 5000000000L AS l, 1.5F AS f, "
              "2.5D AS d, 12.340BD AS de, 'text' AS s, X'4142' AS bi, DATE '2024-02-29' AS da, "
              "TIMESTAMP '2024-02-29 12:00:00.000001' AS ts, "
              "TIMESTAMP_NTZ '2024-02-29 12:00:00' AS tn")  # fmt: skip
    spark.sql(f"SELECT {values}, array(1, null) AS a, map('k', 1) AS m, "
              f"named_struct('x', 1) AS n").write.format("delta").save(str(path))  # fmt: skip
    (row,) = rows_by_key(data, "foreign/types")
    assert row == {"bo": True, "ti": 7, "sm": 300, "i": 70000, "l": 5000000000, "f": 1.5, "d": 2.5,
                   "de": 12.340, "s": "text", "bi": row["bi"], "da": "2024-02-29",
                   "ts": row["ts"], "tn": row["tn"], "a": [1, None], "m": {"k": 1},
                   "n": {"x": 1}}  # fmt: skip
    assert row["ts"].startswith("2024-02-29") and row["ts"] != row["tn"]
    # The same values as partitions, which the log has as text; each also as null.
    path = foreign(data, "types_parted")
    columns = [part.split(" AS ") for part in values.split(", ")]
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for (_, name), kind in zip(columns, [
        "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(5,3)",
        "STRING", "BINARY", "DATE", "TIMESTAMP", "TIMESTAMP_NTZ"]))  # fmt: skip
    parted = spark.sql(f"SELECT {values}, 1 AS id UNION ALL SELECT {nulls}, 2 AS id")
    names = [name for _, name in columns]
    parted.write.format("delta").partitionBy(*names).save(str(path))
    one, two = sorted(rows_by_key(data, "foreign/types_parted"), key=lambda row: row["id"])
    assert one == {**{name: row[name] for name in names}, "id": 1}
    assert two == {**{name: None for name in names}, "id": 2}


# Each change of a type that Delta 4 allows, and a value of the wider type that the old one lacks.
WIDENED = [
    ("TINYINT", "SMALLINT", "300S"), ("TINYINT", "BIGINT", "5000000000L"),
    ("SMALLINT", "INT", "70000"), ("INT", "BIGINT", "9223372036854775807L"),
    ("FLOAT", "DOUBLE", "0.1D"), ("INT", "DOUBLE", "0.5D"),
    ("TINYINT", "DECIMAL(10,0)", "1234567890BD"), ("INT", "DECIMAL(14,4)", "1234567890.1234BD"),
    ("BIGINT", "DECIMAL(22,2)", "12345678901234567890.12BD"),
    ("DECIMAL(5,2)", "DECIMAL(30,4)", "12345678901234567890123456.1234BD"),
    ("DATE", "TIMESTAMP_NTZ", "TIMESTAMP_NTZ '2024-02-29 12:00:00.000001'"),
]  # fmt: skip


def test_widened_types_are_read_in_files_of_either_type(data, spark):
    """Files of both types lie side by side; in structs, arrays and maps as well."""
    path = foreign(data, "wider")
    old = [f"CAST({'DATE' if kind == 'DATE' else ''} '{value}' AS {kind})"
           for kind, value in ((kind, "1969-12-31" if kind == "DATE" else "7")
                               for kind, _, _ in WIDENED)]  # fmt: skip
    nested = "named_struct('f', {0}) AS s, array({0}, null) AS a, map({0}, {0}) AS m, {0} AS part"

    def columns(values, inner):
        named = ", ".join(f"{value} AS c{i}" for i, value in enumerate(values))
        return f"{named}, {nested.format(inner)}"

    frame = spark.sql(f"SELECT 1 AS id, {columns(old, '7')}")
    frame.write.format("delta").partitionBy("part").save(str(path))
    spark.sql(f"ALTER TABLE delta.`{path}` "
              f"SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true', "
              f"'delta.feature.timestampNtz' = 'supported')")  # fmt: skip
    changes = [(f"c{i}", wide) for i, (_, wide, _) in enumerate(WIDENED)]
    changes += [(name, "BIGINT") for name in ("s.f", "a.element", "m.key", "m.value", "part")]
    for name, kind in changes:
        spark.sql(f"ALTER TABLE delta.`{path}` ALTER COLUMN {name} TYPE {kind}")
    wide = [f"CAST({value} AS {kind})" for _, kind, value in WIDENED]
    spark.sql(f"INSERT INTO delta.`{path}` SELECT 2 AS id, {columns(wide, '5000000000L')}")
    for id in (3, 4):
        spark.sql(f"INSERT INTO delta.`{path}` SELECT {id} AS id, {columns(old, '8L')}")

    rows = {row["id"]: row for row in rows_by_key(data, "foreign/wider")}
    theirs = {row["id"]: row.asDict(recursive=True) for row in
              spark.read.format("delta").load(str(path)).collect()}  # fmt: skip
    assert rows.keys() == theirs.keys() == {1, 2, 3, 4}
    for id, row in rows.items():
        for name in ("s", "a", "part"):
            assert row[name] == theirs[id][name], (id, name)
        assert {int(key): value for key, value in row["m"].items()} == theirs[id]["m"]
    # Each number to the digit.
    select = ", ".join(f"CAST(c{i} AS VARCHAR) AS c{i}" for i in range(len(WIDENED)))
    ours = query(f'SELECT id, {select} FROM "foreign/wider" ORDER BY id', data=data)
    spark.read.format("delta").load(str(path)).createOrReplaceTempView("wider")
    select = select.replace("VARCHAR", "STRING")
    expected = [row.asDict() for row in
                spark.sql(f"SELECT id, {select} FROM wider ORDER BY id").collect()]  # fmt: skip
    assert ours == expected
    assert "typeWidening" in refused("table", "optimize", "foreign/wider", data=data)


@pytest.mark.parametrize("name, properties, feature", [
    ("feed", "'delta.enableChangeDataFeed' = 'true'", "changeDataFeed"),
    ("stamped", "'delta.enableInCommitTimestamps' = 'true'", "inCommitTimestamp"),
    ("tracked", "'delta.enableRowTracking' = 'true'", "rowTracking"),
    ("checked", "'delta.constraints.positive' = 'id >= 0'", "checkConstraints"),
])  # fmt: skip
def test_writer_features_only_stop_writing(data, spark, name, properties, feature):
    path = foreign(data, name)
    make(spark, path, properties)
    spark.sql(f"INSERT INTO delta.`{path}` VALUES (20, 'x')")
    files = table("files", f"foreign/{name}", data=data)
    assert sum(file["rows"] for file in files) == 21
    before = log_of(path)
    message = refused("table", "optimize", f"foreign/{name}", data=data)
    # Row tracking comes with domain metadata; either of them is reason enough.
    assert feature in message or (feature == "rowTracking" and "domainMetadata" in message)
    assert log_of(path) == before


def test_stamped_commits_travel_by_their_stamp(data, spark):
    path = foreign(data, "stamps")
    make(spark, path, "'delta.enableInCommitTimestamps' = 'true'")
    for commit in (path / "_delta_log").glob("*.json"):
        os.utime(commit, (1_000_000_000, 1_000_000_000))
    ours = [entry["committed"] for entry in table("history", "foreign/stamps", data=data)]
    theirs = spark.sql(f"DESCRIBE HISTORY delta.`{path}`").collect()
    assert [plain(datetime.fromisoformat(text.replace("Z", "+00:00"))) for text in ours] == [
        plain(row["timestamp"]) for row in theirs]  # fmt: skip
    assert len(table("files", "foreign/stamps", "--at", ours[1], data=data)) == 0
    assert len(table("files", "foreign/stamps", "--at", ours[0], data=data)) == 1


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_v2_checkpoints_by_spark(data, spark, kind):
    path = foreign(data, f"v2_{kind}")
    spark.conf.set("spark.databricks.delta.checkpointV2.topLevelFileFormat", kind)
    make(spark, path, "'delta.checkpointPolicy' = 'v2', 'delta.checkpointInterval' = '3'")
    for i in range(20, 23):
        spark.sql(f"INSERT INTO delta.`{path}` VALUES ({i}, 'x')")
    checkpoints = [name for name in log_of(path) if ".checkpoint." in name]
    assert checkpoints and checkpoints[0].endswith(kind) and len(checkpoints[0]) > 60
    assert list((path / "_delta_log/_sidecars").glob("*.parquet"))
    drop_commits(path, int(checkpoints[-1][:20]))
    files = table("files", f"foreign/v2_{kind}", data=data)
    assert sum(file["rows"] for file in files) == 23
    assert table("optimize", f"foreign/v2_{kind}", data=data)[0]["files_after"] == 1
    assert len(rows_by_spark(spark, path)) == 23


def test_checkpoints_in_parts_by_spark(data, spark):
    path = foreign(data, "parts")
    spark.conf.set("spark.databricks.delta.checkpoint.partSize", "2")
    try:
        make(spark, path, "'delta.checkpointInterval' = '4'")
        for i in range(20, 24):
            spark.sql(f"INSERT INTO delta.`{path}` VALUES ({i}, 'x')")
    finally:
        spark.conf.unset("spark.databricks.delta.checkpoint.partSize")
    parts = [name for name in log_of(path) if ".checkpoint.0000000001." in name]
    assert parts
    drop_commits(path, int(parts[-1][:20]))
    assert sum(file["rows"] for file in table("files", "foreign/parts", data=data)) == 24
    # Without one part there is no checkpoint, and so no way to the first version.
    (path / "_delta_log" / parts[-1]).unlink()
    assert "version 0 is missing" in refused("table", "files", "foreign/parts", data=data)


def test_checkpoints_by_delta_rs(data):
    path = foreign(data, "rs")
    for i in range(5):
        rows = pa.table({"n": pa.array([i], pa.int64())})
        deltalake.write_deltalake(path, rows, mode="append")
    deltalake.DeltaTable(path).create_checkpoint()
    drop_commits(path, 4)
    assert sum(file["rows"] for file in table("files", "foreign/rs", data=data)) == 5
    table("optimize", "foreign/rs", data=data)
    assert rows_by_delta_rs(path) == [{"n": i} for i in range(5)]


def test_columns_that_came_later_by_delta_rs(data):
    path = foreign(data, "grown")
    for row in ({"n": 1, "at": {"x": 1}}, {"n": 2, "at": {"x": 2, "y": 3}, "word": "kept"}):
        deltalake.write_deltalake(
            path, pa.Table.from_pylist([row]), mode="append", schema_mode="merge"
        )
    before = rows_by_delta_rs(path)
    assert {"n": 2, "at": {"x": 2, "y": 3}, "word": "kept"} in before
    assert table("optimize", "foreign/grown", data=data)[0]["files_after"] == 1
    assert rows_by_delta_rs(path) == before


GROWN = """
name: grown
topics:
  t: {partitions: 1}
tables:
  grown:
    path: foreign/grown
    from_topic: t
    columns:
      Word: string
      n: bigint
      later: timestamp
      at: struct<z bigint, x bigint>
      filename: string
  copied:
    path: copied
    sql: copied.sql
    reads: [grown]
    columns: {n: bigint, later: timestamp, at: "struct<z bigint, x bigint>"}
dags:
  copy:
    tasks:
      copy: {run: transform, tables: [copied]}
"""


def test_columns_that_no_file_has_are_null(data, tmp_path):
    """As after ALTER TABLE ADD COLUMN, and as when the pipeline declares one column more."""
    pipeline = tmp_path / "pipeline"
    pipeline.mkdir()
    (pipeline / "pipeline.yml").write_text(GROWN)
    (pipeline / "copied.sql").write_text("SELECT n, later, \"at\" FROM grown\n")
    ask = ["--pipeline", pipeline]

    def rows(sql):
        done = run("query", sql, *ask, "--format", "json", data=data)
        return json.loads(done.stdout)

    path = foreign(data, "grown")
    deltalake.write_deltalake(path, pa.Table.from_pylist([{"n": 1, "at": {"x": 1}}]))
    added = [deltalake.Field("word", "string"), deltalake.Field("later", "timestamp")]
    deltalake.DeltaTable(path).alter.add_columns(added)
    one = {"Word": None, "n": 1, "later": None, "at": {"z": None, "x": 1}, "filename": None}
    assert rows("SELECT * FROM grown") == [one]
    assert rows("SELECT count(*) AS c FROM grown WHERE later IS NULL") == [{"c": 1}]
    run("task", "copy", "copy", *ask, data=data)
    assert rows("SELECT * FROM copied") == [{key: one[key] for key in ("n", "later", "at")}]

    more = pa.Table.from_pylist([{"word": "w", "n": 2, "at": {"x": 2}}])
    deltalake.write_deltalake(path, more, mode="append", schema_mode="merge")
    both = [one, {**one, "Word": "w", "n": 2, "at": {"z": None, "x": 2}}]
    assert rows("SELECT * FROM grown ORDER BY n") == both
    run("table", "optimize", "foreign/grown", *ask, data=data)
    assert len(deltalake.DeltaTable(path).file_uris()) == 1
    assert rows("SELECT * FROM grown ORDER BY n") == both

    # Without a file there are no rows, but all columns.
    deltalake.DeltaTable(path).delete()
    assert rows("SELECT count(*) AS c, count(later) AS l FROM grown") == [{"c": 0, "l": 0}]


def test_a_shallow_clone_is_named(data, tmp_path):
    pipeline = tmp_path / "pipeline"
    pipeline.mkdir()
    (pipeline / "pipeline.yml").write_text(GROWN)
    (pipeline / "copied.sql").write_text("SELECT n, later, \"at\" FROM grown\n")
    path = foreign(data, "grown")
    origin = tmp_path / "origin"
    deltalake.write_deltalake(origin, pa.table({"n": [1]}))
    deltalake.write_deltalake(path, pa.table({"n": [2]}))
    file = Path(deltalake.DeltaTable(origin).file_uris()[0])
    add = {"path": f"file://{file}", "partitionValues": {}, "size": file.stat().st_size,
           "modificationTime": 1, "dataChange": True}
    (path / "_delta_log" / f"{1:020}.json").write_text(json.dumps({"add": add}) + "\n")
    message = refused("query", "SELECT n FROM grown", "--pipeline", pipeline, data=data)
    assert "table 'grown'" in message and str(file) in message and "deep clone" in message


def test_naive_timestamps_by_delta_rs(data):
    path = foreign(data, "naive")
    rows = pa.table({"moment": pa.array([datetime(2020, 1, 1)], pa.timestamp("us"))})
    deltalake.write_deltalake(path, rows)
    assert table("schema", "foreign/naive", data=data)[0]["type"] == "timestamp_ntz"
