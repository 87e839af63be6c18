"""Our Delta tables opened and written by others: delta-rs, DuckDB's extension, and Spark."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest
from deltalake.exceptions import CommitFailedError

import typed
from pinion import PINION, Failed, query, run
from readers import (
    assert_readers_agree, drop_commits, forget, in_order, log_of, plain, refused, rows_by_delta_rs,
    rows_by_spark, spark_session, table,
)  # fmt: skip

TABLES = ["raw_pin", "raw_geo", "raw_user", "pin", "geo", "user"]
ROWS = 300
DAY_SECONDS = 86400

# Spark alone takes a minute to start on a busy machine.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def spark():
    with spark_session() as session:
        yield session


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Generated records as JSON lines."""
    folder = tmp_path_factory.mktemp("exported")
    run("emulate", "batch", "--rows", ROWS, "--seed", 7, "--to", "jsonl", folder)
    return folder


@pytest.fixture
def batch(data, exported):
    """Runs the whole pipeline once into `data`; every table gets one version more."""

    def once(*args):
        run("batch", "--from", exported, "--quiet", *args, data=data)

    return once


def path_of(data, name):
    listed = json.loads(run("table", "list", "--format", "json", data=data).stdout)
    return data / "store" / next(row["path"] for row in listed if row["table"] == name)




# --- our tables, their readers -------------------------------------------------------------------


def as_delta(kind):
    """A type of Spark's, given as its JSON, in the words of `pinion table schema`."""
    if isinstance(kind, str):
        return kind
    fields = (f"{field['name']} {as_delta(field['type'])}" for field in kind["fields"])
    return f"struct<{', '.join(fields)}>"


def test_every_reader_agrees_on_rows_schema_and_history(data, batch, spark):
    batch()
    batch()
    for name in TABLES:
        path = path_of(data, name)
        assert_readers_agree(spark, path, ROWS)
        ours = {row["column"]: row["type"] for row in table("schema", name, data=data)}
        theirs = spark.read.format("delta").load(str(path)).schema
        assert {field.name: as_delta(field.dataType.jsonValue()) for field in theirs} == ours

        history = table("history", name, data=data)
        by_spark = spark.sql(f"DESCRIBE HISTORY delta.`{path}`").collect()
        by_delta_rs = deltalake.DeltaTable(path).history()
        assert [entry["version"] for entry in history] == [1, 0]
        assert [entry["version"] for entry in by_delta_rs] == [1, 0]
        for ours_entry, spark_entry, rs_entry in zip(history, by_spark, by_delta_rs):
            assert ours_entry["version"] == spark_entry["version"]
            assert ours_entry["operation"] == spark_entry["operation"] == rs_entry["operation"]
            assert plain(spark_entry["timestamp"]) == plain(
                datetime.fromisoformat(ours_entry["committed"].replace("Z", "+00:00")))
            assert spark_entry["operationParameters"] == ours_entry["parameters"]
            assert ours_entry["engine"] == rs_entry["engineInfo"]


def test_statistics_let_a_reader_skip_files(data, batch):
    batch()
    actions = deltalake.DeltaTable(path_of(data, "geo")).get_add_actions(flatten=True)
    first = pa.table(actions).to_pylist()[0]
    assert first["num_records"] == ROWS
    assert first["null_count.ind"] == 0
    assert first["min.ind"] <= first["max.ind"]


def test_spark_reads_each_type_of_a_column(tmp_path, spark):
    pipeline = typed.write_pipeline(tmp_path / "pipeline")
    lines, rows = typed.records(random.Random(7), ROWS)
    (tmp_path / "typed.jsonl").write_text("\n".join(lines))
    run("batch", "--from", tmp_path, "--pipeline", pipeline, data=tmp_path / "data")
    for name in ("raw", "clean"):
        path = tmp_path / "data/store" / name
        assert [typed.as_sent(row) for row in rows_by_spark(spark, path)] == in_order(rows)
    frame = spark.read.format("delta").load(str(path))
    for name in ("sm", "ti", "fl", "price", "rate", "large"):  # by the files' statistics
        for value in (max(row[name] or 0 for row in rows), min(row[name] or 0 for row in rows)):
            kind = frame.schema[name].dataType.simpleString()
            found = frame.where(f"{name} = CAST('{value!s}' AS {kind})").count()
            assert found == sum(row[name] == value for row in rows)


def test_after_checkpoints_and_a_cleaned_log(data, batch, spark):
    for _ in range(13):
        batch()
    path = path_of(data, "geo")
    before = assert_readers_agree(spark, path, ROWS)
    assert "00000000000000000010.checkpoint.parquet" in log_of(path)

    # Two months later the next checkpoint cleans what lies behind the first one.
    long_ago = time.time() - 60 * DAY_SECONDS
    for file in (path / "_delta_log").glob("*.json"):
        os.utime(file, (long_ago, long_ago))
        long_ago += 1
    for _ in range(8):
        batch()
    names = log_of(path)
    assert "00000000000000000009.json" not in names
    assert names[:2] == ["00000000000000000010.checkpoint.parquet", "00000000000000000010.json"]
    assert "00000000000000000020.checkpoint.parquet" in names
    assert assert_readers_agree(spark, path, ROWS) == before
    assert rows_by_delta_rs(path, 12) == before
    assert rows_by_spark(spark, path, 20) == before  # it refuses what is older than a week
    assert len(table("files", "geo", "--version", 12, data=data)) == 1
    assert "the oldest is 10" in refused("table", "files", "geo", "--version", 3, data=data)


APPENDER = """
import sys, deltalake
path, start, commits = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
geo = deltalake.DeltaTable(path)
rows = geo.to_pyarrow_table().slice(0, 1)
for i in range(start, start + commits):
    row = rows.set_column(0, "ind", [[i]]).cast(rows.schema)
    deltalake.write_deltalake(path, row, mode="append")
"""


def test_others_append_while_we_compact(data, batch, spark):
    batch()
    path = path_of(data, "geo")
    commits = 25
    appenders = [
        subprocess.Popen([sys.executable, "-c", APPENDER, path, str(start), str(commits)])
        for start in (1_000_000, 2_000_000)
    ]
    compactions = 0
    while any(appender.poll() is None for appender in appenders):
        done = table("optimize", "geo", data=data)[0]
        compactions += done["files_after"] < done["files_before"]
    assert [appender.returncode for appender in appenders] == [0, 0]
    assert compactions > 0
    rows = assert_readers_agree(spark, path, ROWS + 2 * commits)
    added = sorted(row["ind"] for row in rows if row["ind"] >= 1_000_000)
    assert added == [*range(1_000_000, 1_000_000 + commits), *range(2_000_000, 2_000_000 + commits)]

    # Versions follow each other without a gap, and each compaction says that no row changed.
    history = table("history", "geo", "--limit", 1000, data=data)
    assert [entry["version"] for entry in history] == list(range(history[0]["version"], -1, -1))
    assert sum(entry["operation"] == "OPTIMIZE" for entry in history) >= compactions
    table("optimize", "geo", data=data)
    assert len(table("files", "geo", data=data)) == 1

    # And vacuum leaves what the newest version needs, nothing else.
    assert "--force" in refused("table", "vacuum", "geo", "--retain", "0", data=data)
    vacuum = ("vacuum", "geo", "--retain", "0", "--force")
    swept = table(*vacuum, "--dry-run", data=data)
    by_spark = spark.sql(f"VACUUM delta.`{path}` RETAIN 0 HOURS DRY RUN").collect()
    assert {Path(row["path"]).name for row in by_spark} == {row["path"] for row in swept}
    assert table(*vacuum, data=data) == swept
    assert len(list(path.glob("*.parquet"))) == 1
    assert assert_readers_agree(spark, path) == rows


def test_two_of_us_and_a_stranger_overwrite_one_table(data, exported, spark):
    """Every version is one writer's whole result, and no version is lost."""
    command = [PINION, "batch", "--data", data, "--from", exported, "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    writers = [
        subprocess.Popen(
            ["sh", "-c", 'for i in 1 2 3 4 5 6 7 8 9 10; do "$@" >/dev/null || exit 1; done', "-",
             *map(str, command)],
        )
        for _ in range(2)
    ]  # fmt: skip
    path = path_of(data, "pin")
    whole = deltalake.DeltaTable(path).to_pyarrow_table()
    appended = 0
    while appended < 5:
        try:
            deltalake.write_deltalake(path, whole, mode="append")
            appended += 1
        except CommitFailedError:
            pass  # an overwrite came in between; it won't append to that unseen
    assert [writer.wait(300) for writer in writers] == [0, 0]
    for name in TABLES:
        path = path_of(data, name)
        versions = [entry["version"] for entry in
                    table("history", name, "--limit", 1000, data=data)]  # fmt: skip
        extra = 5 if name == "pin" else 0
        assert versions == list(range(20 + extra, -1, -1))
    assert_readers_agree(spark, path_of(data, "geo"), ROWS)


def test_a_hundred_commits_by_two_processes_at_once(data, batch, spark):
    """Two of us commit a hundred versions between them; all readers then agree, also when the
    table was compacted and swept."""
    batch()
    path = path_of(data, "geo")
    before = rows_by_delta_rs(path)
    task = [PINION, "task", "--data", data, "--log-level", "error", "batch_processing_dag",
            "clean_geo_data_and_save_as_delta_table"]  # fmt: skip
    fifty = 'i=0; while [ $i -lt 50 ]; do "$@" >/dev/null || exit 1; i=$((i + 1)); done'
    writers = [subprocess.Popen(["sh", "-c", fifty, "-", *map(str, task)]) for _ in range(2)]
    while any(writer.poll() is None for writer in writers):
        assert len(rows_by_delta_rs(path)) == ROWS  # readers meanwhile see one whole version
    assert [writer.returncode for writer in writers] == [0, 0]
    history = table("history", "geo", "--limit", 1000, data=data)
    assert [entry["version"] for entry in history] == list(range(100, -1, -1))
    assert json.loads((path / "_delta_log/_last_checkpoint").read_text())["version"] == 100
    by_spark = spark.sql(f"DESCRIBE HISTORY delta.`{path}`").collect()
    by_delta_rs = deltalake.DeltaTable(path).history()
    assert [row["version"] for row in by_spark] == [row["version"] for row in by_delta_rs]
    assert assert_readers_agree(spark, path, ROWS) == before
    assert rows_by_spark(spark, path, 57) == rows_by_delta_rs(path, 57) == before

    row = deltalake.DeltaTable(path).to_pyarrow_table().slice(0, 1)
    for _ in range(2):
        deltalake.write_deltalake(path, row, mode="append")
    assert table("optimize", "geo", data=data)[0]["files_after"] == 1
    table("vacuum", "geo", "--retain", "0", "--force", data=data)
    assert len(list(path.glob("*.parquet"))) == 1
    forget(spark)
    assert_readers_agree(spark, path, ROWS + 2)


def test_spark_and_we_take_turns(data, batch, spark):
    batch()
    path = path_of(data, "geo")
    spark.sql(f"INSERT INTO delta.`{path}` SELECT ind + 5000000, country, coordinates, timestamp "
              f"FROM delta.`{path}` LIMIT 7")  # fmt: skip
    assert query("SELECT count(*) AS n FROM geo", data) == [{"n": ROWS + 7}]
    spark.sql(f"DELETE FROM delta.`{path}` WHERE ind >= 5000000")
    assert query("SELECT count(*) AS n FROM geo", data) == [{"n": ROWS}]
    batch()
    assert_readers_agree(spark, path, ROWS)

    # Checkpoints, too; each must take the other's. Spark has seen none of ours before.
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.checkpointInterval' = '2')")
    for _ in range(4):
        batch()
        spark.sql(f"INSERT INTO delta.`{path}` SELECT * FROM delta.`{path}` LIMIT 1")
    batch()
    forget(spark)
    assert_readers_agree(spark, path, ROWS)
    hint = json.loads((path / "_delta_log/_last_checkpoint").read_text())
    drop_commits(path, hint["version"])
    forget(spark)
    assert_readers_agree(spark, path, ROWS)

    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.appendOnly' = 'true')")
    with pytest.raises(Failed, match="append-only"):
        batch()


# --- paths as other writers spell them -----------------------------------------------------------


def readd(path, spelling):
    """Commits, as another writer, that the table's one file is removed, and is there again under
    another name, by that spelling of its path (of `other.parquet`). Both look old."""
    log = path / "_delta_log"
    versions = sorted(int(file.stem) for file in log.glob("*.json"))
    newest = (log / f"{versions[-1]:020d}.json").read_text().splitlines()
    [add] = [json.loads(line)["add"] for line in newest if '"add"' in line]
    name = f"n{versions[-1]}.parquet"
    old = path / add["path"].replace("%2e", ".").split("/")[-1]
    new = path / name
    shutil.copy(old, new)
    (path / "sub").mkdir(exist_ok=True)
    removed = {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}
    added = {**add, "path": spelling.replace("other.parquet", name)
             .replace("other%2eparquet", name.replace(".", "%2e"))}  # fmt: skip
    actions = [{"remove": removed}, {"add": added}]
    text = "".join(json.dumps(action) + "\n" for action in actions)
    (log / f"{versions[-1] + 1:020d}.json").write_text(text)
    for file in (old, new):
        os.utime(file, (1000, 1000))
    return old, new


def test_a_file_that_stays_by_any_path(data, batch, tmp_path):
    batch()
    path = path_of(data, "geo")
    link = tmp_path / "a-link"
    link.symlink_to(data)
    folders = [data, f"{data}/", f"{data}/../{data.name}", link, f"./{data.name}"]
    for spelling in ["file://{}/other.parquet", "file:{}/other.parquet", "{}/other.parquet",
                     "sub/../other.parquet", ".//other.parquet", "other%2eparquet"]:  # fmt: skip
        for folder in folders:
            old, new = readd(path, spelling.format(path))
            done = subprocess.run(
                [PINION, "table", "vacuum", "--data", folder, "--format", "json", "geo"],
                cwd=data.parent, capture_output=True, text=True, check=True)  # fmt: skip
            assert [row["path"] for row in json.loads(done.stdout)] == [old.name]
            assert new.exists()
        assert query("SELECT count(*) AS n FROM geo", data) == [{"n": ROWS}]


def test_spark_takes_the_same_paths_for_the_same_files(data, batch, spark):
    for spelling in ["file://{table}/other.parquet", "{table}/other.parquet",
                     "sub/../other.parquet", ".//other.parquet"]:  # fmt: skip
        batch()
        path = path_of(data, "geo")
        readd(path, spelling.format(table=path))
        forget(spark)
        rows = rows_by_spark(spark, path)
        assert len(rows) == ROWS
        run("table", "vacuum", "geo", data=data)
        forget(spark)
        assert rows_by_spark(spark, path) == rows


def test_a_removal_by_another_spelling(data, batch, spark):
    batch()
    path = path_of(data, "geo")
    _, new = readd(path, "sub/../other.parquet")
    removed = {"path": f"./{new.name}", "deletionTimestamp": 1, "dataChange": True}
    (path / f"_delta_log/{2:020d}.json").write_text(json.dumps({"remove": removed}) + "\n")
    forget(spark)
    assert rows_by_spark(spark, path) == []
    assert query("SELECT count(*) AS n FROM geo", data) == [{"n": 0}]
    run("table", "vacuum", "geo", data=data)
    assert not new.exists()


def test_no_vacuum_where_a_live_file_is_not_found(data, batch):
    batch()
    path = path_of(data, "geo")
    readd(path, "s3://bucket/other.parquet")
    before = sorted(path.glob("*.parquet"))
    assert "s3://bucket/n0.parquet" in refused("table", "vacuum", "geo", data=data)
    assert sorted(path.glob("*.parquet")) == before


def test_a_damaged_log_is_told_with_its_place(data, batch):
    batch()
    path = path_of(data, "geo")
    commit = path / "_delta_log" / f"{0:020}.json"
    whole = commit.read_bytes()
    commit.write_bytes(whole[: len(whole) // 2])
    message = refused("table", "files", "geo", data=data)
    assert f"{commit.name} line " in message
    shutil.rmtree(path / "_delta_log")
    assert "table 'geo' does not exist yet" in refused("table", "files", "geo", data=data)
