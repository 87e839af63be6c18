"""A table goes back to an older version, and queries read as of a version or a time: tables that
each run overwrites, incremental ones, those of streams, and those of other writers."""

import json
import os
import random
import subprocess
import time
from datetime import datetime, timezone

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from pinion import PINION, Server, query, run
from readers import assert_readers_agree, rows_by_delta_rs, spark_session
from streams import PATHS, await_rows, await_started, put, table
from streams import rows as stream_rows
from test_incremental import land, make_all, rows, task, txns, write_pipeline

LOAD = {"countries": [{"code": "fr", "name": "France"}]}


def order(number, **more):
    return {"id": number, "seq": 1, "amount": 1.5, "op": "c", "country": "fr", **more}


def restore(table, to, *args, data, check=True, **more):
    return run("table", "restore", table, "--to", to, *args, data=data, check=check, **more)


def refusal(done):
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def numbers(data, name, *args):
    return sorted(row["n"] for row in query(f'SELECT n FROM "{name}"', data, *args))


@pytest.fixture
def foreign(data):
    """A table of delta-rs with versions 0 to 3: [1], [1, 2], [7], [7, 8]."""
    path = str(data / "store/foreign/t")
    for rows_, mode in ([[1], "append"], [[2], "append"], [[7], "overwrite"], [[8], "append"]):
        write_deltalake(path, pa.table({"n": rows_}), mode=mode)
    return path


# --- as of ----------------------------------------------------------------------------------------


def asked(data, sql, at):
    return json.loads(run("query", sql, "--at", at, "--format", "json", data=data).stdout)


def test_a_query_reads_as_of_a_version_or_a_time(data, foreign):
    sql = 'SELECT n FROM "foreign/t" ORDER BY n'
    want = {0: [1], 1: [1, 2], 2: [7], 3: [7, 8]}
    for version, numbers_ in want.items():
        assert [row["n"] for row in asked(data, sql, version)] == numbers_
    for version in want:  # a commit's time is that of its file
        at = datetime(2026, 11, 20 + version, tzinfo=timezone.utc).timestamp()
        os.utime(f"{foreign}/_delta_log/{version:020}.json", (at, at))
    for day, numbers_ in (("2026-11-20", [1]), ("2026-11-22", [7]), ("2026-11-22T23:59", [7])):
        assert [row["n"] for row in asked(data, sql, day)] == numbers_
    both = 'SELECT (SELECT max(n) FROM "foreign/t"), (SELECT max(n) FROM "foreign/t@3")'
    assert list(asked(data, both, 0)[0].values()) == [1, 8]
    for at, what in (("9", "version 9"), ("2026-11-19", "2026-11-19"), ("soon", "'soon'"),
                     ("-1", "'-1'"), ("", "''"), ("99999999999999999999", "999")):  # fmt: skip
        done = run("query", sql, "--at", at, data=data, check=False)
        assert what in refusal(done)
    assert run("query", "--list", "--at", "1", data=data, check=False).returncode == 2


def test_the_api_reads_as_of_a_version(data, foreign):
    sql = 'SELECT n FROM "foreign/t" ORDER BY n'
    with Server(data) as server:
        status, answer, _ = server.request("POST", "/api/v1/sql", {"sql": sql, "at": "1"})
        assert (status, answer.split()) == (200, [b'{"n":1}', b'{"n":2}'])
        text = {"Content-Type": "text/plain"}
        status, answer, _ = server.request("POST", "/api/v1/sql?at=0", sql.encode(), text)
        assert (status, answer.split()) == (200, [b'{"n":1}'])
        status, answer, _ = server.request("POST", "/api/v1/queries", {"sql": sql, "at": "2"})
        assert status == 202
        page = f"/api/v1/queries/{json.loads(answer)['id']}/rows"
        assert json.loads(server.request("GET", page)[1])["rows"] == [["7"]]
        for path in ("/api/v1/sql", "/api/v1/queries"):
            status, answer, _ = server.request("POST", path, {"sql": sql, "at": "soon"})
            assert status == 400 and b"not a version or a time" in answer
        status, answer, _ = server.request("POST", "/api/v1/sql", {"sql": sql, "at": "17"})
        assert status == 400 and b"version 17" in answer


# --- restore --------------------------------------------------------------------------------------


def test_a_table_goes_back_and_forth(data, foreign):
    done = restore("foreign/t", 1, "--yes", "--format", "json", data=data)
    assert json.loads(done.stdout) == [
        {"table": "foreign/t", "from": 3, "to": 1, "version": 4, "files_added": 2,
         "files_removed": 2, "rows_before": 2, "rows_after": 2, "changes_columns": False}
    ]  # fmt: skip
    assert numbers(data, "foreign/t") == [1, 2]
    assert DeltaTable(foreign).history(1)[0]["operation"] == "RESTORE"
    restore("foreign/t", 3, "--yes", data=data)
    assert numbers(data, "foreign/t") == [7, 8]
    again = restore("foreign/t", 3, "--yes", data=data)  # nothing is left to do
    assert "already" in again.stderr
    assert DeltaTable(foreign).version() == 5
    assert sorted(row["n"] for row in rows_by_delta_rs(foreign)) == [7, 8]


def test_it_asks_first_and_a_dry_run_changes_nothing(data, foreign):
    assert "not restored" in refusal_of_question(data)
    assert "Restore foreign/t to version 0" in refusal_of_question(data)
    restore("foreign/t", 0, data=data, input="y\n")
    restore("foreign/t", 3, "--dry-run", data=data)
    assert numbers(data, "foreign/t") == [1]
    assert run("table", "restore", "foreign/t", data=data, check=False).returncode == 2


def test_rows_that_come_while_it_asks_stay(data, foreign):
    command = [PINION, "table", "restore", "foreign/t", "--to", "0", "--data", str(data)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        seen = b""
        while b"?" not in seen:
            piece = os.read(process.stderr.fileno(), 4096)
            assert piece, seen
            seen += piece
        write_deltalake(foreign, pa.table({"n": [9]}), mode="append")
        answer = process.communicate(b"y\n")[1].decode()
    assert process.returncode == 1
    assert "is at version 4 by now, not at 3: its new rows would leave it, too" in answer
    assert numbers(data, "foreign/t") == [7, 8, 9]


def refusal_of_question(data):
    done = restore("foreign/t", 0, data=data, check=False, input="n\n")
    assert done.returncode == 1
    return done.stderr


def test_files_that_a_vacuum_deleted_are_named(data, foreign):
    run("table", "vacuum", "foreign/t", "--retain", "0s", "--force", data=data)
    said = refusal(restore("foreign/t", 1, "--yes", data=data, check=False))
    assert "2 of its files were deleted" in said and ".parquet" in said
    assert DeltaTable(foreign).version() == 3
    assert numbers(data, "foreign/t") == [7, 8]


def test_columns_and_properties_go_back(data, foreign):
    wide = pa.table({"n": [9], "text": ["x"]})
    write_deltalake(foreign, wide, mode="append", schema_mode="merge")
    kept = {"delta.logRetentionDuration": "interval 9 days"}
    DeltaTable(foreign).alter.set_table_properties(kept)
    done = restore("foreign/t", 3, "--yes", "--format", "json", data=data)
    assert json.loads(done.stdout)[0]["changes_columns"] is True
    table = DeltaTable(foreign)
    assert [field.name for field in table.schema().fields] == ["n"]
    assert "delta.logRetentionDuration" not in table.metadata().configuration
    restore("foreign/t", 4, "--yes", data=data)
    assert query('SELECT text FROM "foreign/t" WHERE n = 9', data) == [{"text": "x"}]
    DeltaTable(foreign).alter.set_table_properties({"delta.appendOnly": "true"})
    assert "appendOnly" in refusal(restore("foreign/t", 0, "--yes", data=data, check=False))


def test_partitions_and_checkpoints(data, tmp_path):
    path = str(data / "store/foreign/p")
    for day in range(3):
        part = pa.table({"day": [f"d{day} ü"], "n": [day]})
        write_deltalake(path, part, mode="append", partition_by=["day"])
    restore("foreign/p", 0, "--yes", data=data)
    DeltaTable(path).create_checkpoint()
    assert query('SELECT * FROM "foreign/p"', data) == [{"day": "d0 ü", "n": 0}]
    restore("foreign/p", 2, "--yes", data=data)
    assert numbers(data, "foreign/p") == [0, 1, 2]
    with spark_session() as spark:
        assert_readers_agree(spark, path, 3)


# --- progress -------------------------------------------------------------------------------------


@pytest.mark.parametrize("clean", ["mode: append", "mode: merge\n    key: id\n    order_by: seq"])
def test_positions_of_an_incremental_table_stay(data, tmp_path, clean):
    pipeline = write_pipeline(tmp_path / "p", "grow", "mode: append", clean)
    land(data, "shop.countries", 0, 0, LOAD["countries"])
    for number in range(3):
        land(data, "shop.orders", 0, number, [order(number)])
        make_all(data, pipeline)
    for table in ("raw_orders", "orders"):
        restore(table, 0, "--yes", "--pipeline", pipeline, data=data)
    before = txns(data, "grow/raw_orders")
    for name in ("load", "clean"):
        task(name, data, pipeline)
    ids = "SELECT id FROM {} ORDER BY id"
    assert rows(data, pipeline, ids.format("raw_orders")) == [{"id": 0}]
    assert txns(data, "grow/raw_orders") == before
    land(data, "shop.orders", 0, 3, [order(3)])
    for name in ("load", "clean"):
        task(name, data, pipeline)
    # The clean table is made afresh of the raw one, whose rows were removed.
    for table in ("raw_orders", "orders"):
        assert rows(data, pipeline, ids.format(table)) == [{"id": 0}, {"id": 3}]
    task("load", data, pipeline, "--full-refresh")
    assert [row["id"] for row in rows(data, pipeline, ids.format("raw_orders"))] == [0, 1, 2, 3]


def test_an_overwritten_table_is_restored_until_its_next_run(data, tmp_path):
    pipeline = write_pipeline(tmp_path / "p", "whole")
    for number in range(2):
        land(data, "shop.orders", 0, number, [order(number)])
        task("load", data, pipeline)
    done = restore("raw_orders", 0, "--yes", "--pipeline", pipeline, data=data)
    assert "next run makes the table from all" in done.stderr
    assert len(rows(data, pipeline, "SELECT id FROM raw_orders")) == 1
    task("load", data, pipeline)
    assert len(rows(data, pipeline, "SELECT id FROM raw_orders")) == 2


def test_a_stream_goes_on_while_its_table_is_restored(server, data):
    """The server's appender continues at its position: no record comes again."""
    await_started(data)
    versions = []
    for number in range(3):
        put(server.url, "geo", {"ind": number})
        await_rows(data, "geo", number + 1)
        versions.append(table(data, PATHS["geo"]).version())
    done = restore("stream_geo", versions[0], "--yes", data=data)
    assert "positions stay" in done.stderr
    first = [row["ind"] for row in stream_rows(data, "geo")]
    assert first == [0]
    put(server.url, "geo", {"ind": 9})
    await_rows(data, "geo", 2)
    assert sorted(row["ind"] for row in stream_rows(data, "geo")) == [0, 9]


@pytest.mark.parametrize("seed", (1, 2))
def test_a_kill_leaves_the_old_or_the_new_version(data, foreign, seed):
    chance = random.Random(seed)
    for _ in range(10):
        before = DeltaTable(foreign).version()
        want = 1 if numbers(data, "foreign/t") == [7, 8] else 3
        with subprocess.Popen(
            [PINION, "table", "restore", "foreign/t", "--to", str(want), "--yes", "--data",
             str(data)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            time.sleep(chance.uniform(0, 0.06))  # when the crash comes
            process.kill()
        found = numbers(data, "foreign/t")
        is_done = DeltaTable(foreign).version() == before + 1
        assert is_done or DeltaTable(foreign).version() == before
        assert found == ([1, 2] if is_done == (want == 1) else [7, 8])
    restore("foreign/t", 1, "--yes", data=data)
    assert numbers(data, "foreign/t") == [1, 2]
