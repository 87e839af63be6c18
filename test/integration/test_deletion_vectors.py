"""Merges that mark rows as deleted in files that stay (`deletion_vectors: true`).

The rows are those of a merge that writes its files again, for pinion and for every other reader;
the vectors go away by `table optimize`, and their files by `table vacuum`.
"""

import json
import random
import subprocess

import deltalake
import polars
import pyarrow
import pytest

from pinion import PINION, Failed, run
from readers import (
    forget, in_order, rows_by_duckdb, rows_by_key, rows_by_spark, spark_session, table,
)  # fmt: skip
from s3 import KEYS, s3, settings  # noqa: F401
from test_incremental import crash, land, log_of, rows, task, write_pipeline

MERGE = "mode: merge\n    key: id\n    order_by: seq\n    delete_when: op = 'D'\n    {more}"
VECTORS = MERGE.format(more="deletion_vectors: true")
ROWS = 3000
BATCH = 25
KEY = "grow/raw_orders"


@pytest.fixture(scope="module")
def spark():
    with spark_session() as session:
        yield session


def value(id, seq, op="U", amount=1.0):
    return {"id": id, "seq": seq, "amount": amount, "op": op, "country": "abc"[id % 3]}


class Merging:
    """A table of many rows, and what must be in it."""

    def __init__(self, data, tmp_path, more="", seed=1):
        self.data, self.chance = data, random.Random(seed)
        self.pipeline = write_pipeline(tmp_path / "grow", "grow", VECTORS + more)
        self.expected = {}
        self.landed = 0
        self.seq = 0
        self.take([value(n, 0, "I") for n in range(ROWS)])

    def land(self, values):
        land(self.data, "shop.orders", 0, self.landed, values)
        self.landed += len(values)
        for row in values:
            before = self.expected.get(row["id"], row)
            if row["seq"] >= before["seq"]:
                self.expected[row["id"]] = row

    def take(self, values):
        self.land(values)
        return task("load", self.data, self.pipeline).stdout

    def batch(self):
        """Changes that are spread over the table, new rows, deletions, and rows that are late."""
        self.seq += 1
        known = self.chance.sample(sorted(self.expected), BATCH)
        changes = [value(id, self.seq, self.chance.choice("UUUD"), 2.0) for id in known]
        late = [value(id, -1, "U", 9.0) for id in self.chance.sample(range(ROWS), 3)]
        fresh = [value(ROWS + 10 * self.seq + n, self.seq, "I") for n in range(5)]
        return changes + late + fresh

    def rows(self):
        return in_order(row for row in self.expected.values() if row["op"] != "D")

    def ours(self):
        return in_order(rows(self.data, self.pipeline, "SELECT * FROM raw_orders"))

    def upkeep(self, word, *args):
        run("table", word, KEY, *args, "--pipeline", self.pipeline, data=self.data)

    @property
    def path(self):
        return self.data / "store" / KEY


def vectors_of(data):
    """The live files' deletion vectors, by the log."""
    live = {}
    for commit in log_of(data, KEY):
        for line in commit:
            if "remove" in line:
                live.pop(line["remove"]["path"], None)
        for line in commit:
            if "add" in line:
                live[line["add"]["path"]] = line["add"].get("deletionVector")
    return [vector for vector in live.values() if vector is not None]


@pytest.mark.parametrize("more", ("", "\n    partition_by: [country]"))
def test_rows_are_marked_and_every_reader_leaves_them_out(data, tmp_path, spark, more):
    merging = Merging(data, tmp_path, more)
    assert "deletionVectors" not in (merging.path / "_delta_log" / f"{0:020}.json").read_text()
    for _ in range(4):
        said = merging.take(merging.batch())
        assert merging.ours() == merging.rows()
    assert "0 files rewritten" not in said
    last = log_of(data, KEY)[-1]
    files = table("files", KEY, data=data)
    assert sum(file["deleted_rows"] for file in files) >= 4 * BATCH - 20
    assert sum(file["rows"] for file in files) == len(merging.rows())
    added = [line["add"] for line in last if "deletionVector" in line.get("add", {})]
    statistics = [json.loads(add["stats"]) for add in added]
    assert {one["tightBounds"] for one in statistics} == {False}
    assert sum(one["numRecords"] for one in statistics) == ROWS
    metrics = last[0]["commitInfo"]["operationMetrics"]
    assert metrics["numTargetDeletionVectorsUpdated"] == str(len(added))
    kinds = {kind for commit in log_of(data, KEY)[1:] for line in commit for kind in line}
    assert {"protocol", "metaData"} <= kinds
    for country in "abc":  # a filter may leave out files
        chosen = f"SELECT * FROM raw_orders WHERE country = '{country}'"
        assert in_order(rows(data, merging.pipeline, chosen)) == [
            row for row in merging.rows() if row["country"] == country
        ]
    history = table("history", KEY, data=data)
    assert max(commit["rows_added"] for commit in history[:4]) < 8 * BATCH
    forget(spark)
    assert in_order(rows_by_spark(spark, merging.path)) == merging.rows()
    assert rows_by_duckdb(merging.path) == merging.rows()
    assert in_order(polars.read_delta(str(merging.path)).to_dicts()) == merging.rows()
    by_delta_rs = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(merging.path))
    assert by_delta_rs.execute("SELECT count(*) AS n FROM t").read_all()["n"][0].as_py() == len(
        merging.rows()
    )


@pytest.mark.parametrize("seed", (1, 2))
def test_crashes_neither_lose_nor_double_a_row(data, tmp_path, seed):
    merging = Merging(data, tmp_path, seed=seed)
    for _ in range(12):
        merging.land(merging.batch())
        if merging.chance.random() < 0.7:
            crash(data, merging.pipeline, "load", merging.chance.uniform(0, 0.12))
        task("load", data, merging.pipeline)
        assert merging.ours() == merging.rows()
        if merging.chance.random() < 0.2:
            merging.upkeep("optimize")
            assert merging.ours() == merging.rows()
    assert any("MERGE" == commit[0]["commitInfo"]["operation"] for commit in log_of(data, KEY))
    task("load", data, merging.pipeline, "--full-refresh")
    assert merging.ours() == merging.rows()


def test_a_file_with_many_marked_rows_is_written_again(data, tmp_path):
    merging = Merging(data, tmp_path)
    merging.take([value(n, 1) for n in range(0, 500)])
    assert len(vectors_of(data)) == 1
    merging.take([value(n, 1) for n in range(500, 1000)])
    assert vectors_of(data) == []
    assert merging.ours() == merging.rows()


def test_small_files_of_batches_do_not_become_many(data, tmp_path):
    merging = Merging(data, tmp_path)
    for number in range(10):
        changes = [value(n, number + 1) for n in range(20)]  # all are in the last batch's file
        merging.take(changes)
    assert len(table("files", KEY, data=data)) == 2
    assert merging.ours() == merging.rows()


def test_optimize_writes_what_is_left_and_vacuum_takes_the_vectors(data, tmp_path, spark):
    merging = Merging(data, tmp_path)
    for _ in range(8):
        merging.take(merging.batch())
    before = len(log_of(data, KEY)) - 1
    assert len(vectors_of(data)) >= 1
    merging.upkeep("optimize")
    assert vectors_of(data) == []
    assert len(table("files", KEY, data=data)) == 1
    assert merging.ours() == merging.rows()
    forget(spark)
    assert in_order(rows_by_spark(spark, merging.path)) == merging.rows()
    assert list(merging.path.glob("deletion_vector_*.bin"))
    merging.upkeep("restore", "--to", str(before), "--yes")
    assert len(vectors_of(data)) >= 1 and merging.ours() == merging.rows()
    merging.upkeep("optimize")
    merging.upkeep("vacuum", "--retain", "0s", "--force")
    assert list(merging.path.glob("deletion_vector_*.bin")) == []
    assert merging.ours() == merging.rows()
    merging.take(merging.batch())
    assert merging.ours() == merging.rows()


def test_spark_and_pinion_mark_rows_of_one_file(data, tmp_path, spark):
    merging = Merging(data, tmp_path)
    merging.take(merging.batch())
    forget(spark)
    spark.sql(f"DELETE FROM delta.`{merging.path}` WHERE id BETWEEN 100 AND 110")
    for id in range(100, 111):
        merging.expected.pop(id, None)
    assert merging.ours() == merging.rows()
    merging.take(merging.batch())
    merging.take([value(105, 99, "U")])
    assert merging.ours() == merging.rows()
    forget(spark)
    assert in_order(rows_by_spark(spark, merging.path)) == merging.rows()
    assert in_order(rows_by_key(data, KEY)) == merging.rows()


def test_a_flipped_bit_of_a_vector_is_named(data, tmp_path):
    merging = Merging(data, tmp_path)
    merging.take(merging.batch())
    (vector,) = merging.path.glob("deletion_vector_*.bin")
    whole = bytearray(vector.read_bytes())
    whole[len(whole) // 2] ^= 1
    vector.write_bytes(whole)
    merging.land(merging.batch())
    with pytest.raises(Failed, match="deletion vector .* is damaged: .* --full-refresh"):
        task("load", data, merging.pipeline)
    task("load", data, merging.pipeline, "--full-refresh")
    assert merging.ours() == merging.rows()


def test_merges_beside_a_writer_of_delta_rs(data, tmp_path):
    """It appends between two merges and while they run: each row is there once."""
    merging = Merging(data, tmp_path)
    merging.take(merging.batch())
    path = str(merging.path)
    arrow = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(path))
    one = arrow.execute("SELECT * FROM t WHERE id = 1 OR id = 2 LIMIT 1").read_all()
    schema = pyarrow.schema(one.schema)
    for number in range(4):
        merging.land(merging.batch())
        with subprocess.Popen(
            [PINION, "task", "nightly", "load", "--pipeline", merging.pipeline, "--data", data],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            row = value(100_000 + number, 0)
            merging.expected[row["id"]] = row
            added = pyarrow.Table.from_pylist([row], schema=schema)
            deltalake.write_deltalake(path, added, mode="append")
            output = process.communicate()[0]
        assert process.returncode == 0, output
        assert merging.ours() == merging.rows()


def test_a_merge_in_a_bucket(s3, tmp_path, data):
    pipeline = write_pipeline(tmp_path / "p", "grow", VECTORS)
    at = [*settings(s3.url, "vectors"), "--pipeline", pipeline]
    values = [[value(n, 0, "I") for n in range(500)], [value(n, 1) for n in range(0, 500, 10)]]
    values.append([value(5, 2), value(10, 2, "D")])
    for number, batch in enumerate(values):
        path = tmp_path / "object.json"
        path.write_text("".join(json.dumps(row) + "\n" for row in batch))
        key = f"topics/shop.orders/partition=0/shop.orders+0+{1000 * number:010}.json"
        run("store", "put", path, key, *at, data=data, env=KEYS)
        run("task", "nightly", "load", *at, data=data, env=KEYS)
    listed = run("store", "ls", f"{KEY}/", "--format", "json", *at, data=data, env=KEYS).stdout
    assert "deletion_vector_" in listed
    sql = "SELECT seq, count(*) AS n FROM raw_orders GROUP BY seq ORDER BY seq"
    done = run("query", sql, "--format", "json", *at, data=data, env=KEYS)
    assert json.loads(done.stdout) == [
        {"seq": 0, "n": 449}, {"seq": 1, "n": 49}, {"seq": 2, "n": 1},
    ]  # fmt: skip
    run("table", "optimize", KEY, *at, data=data, env=KEYS)
    run("table", "vacuum", KEY, "--retain", "0s", "--force", *at, data=data, env=KEYS)
    assert json.loads(run("query", sql, "--format", "json", *at, data=data, env=KEYS).stdout) == (
        json.loads(done.stdout)
    )


ORDERS = {
    "timestamp": [f"2026-01-01T00:00:0{n}.123456Z" for n in range(4)],
    "string": ["", "a" * 40 + "x", "a" * 40 + "y", "z"],
    "double": [-1.5, 0.5, 2.5, 1e300],
    "date": [f"2026-01-0{n + 1}" for n in range(4)],
}


@pytest.mark.parametrize("more", ("deletion_vectors: true", ""))
@pytest.mark.parametrize("kind", ORDERS)
def test_the_newest_row_wins_whatever_the_order_is(data, tmp_path, kind, more):
    """Rows older and newer than the table's, of the same order, and without one. The prices have
    names that the statistics have, too."""
    (tmp_path / "pipeline.yml").write_text(f"""
name: prices
topics: {{shop.prices: {{partitions: 1}}}}
dead_letters: prices/dead_letters
tables:
  prices:
    path: prices/prices
    from_topic: shop.prices
    mode: merge
    key: id
    order_by: at
    {more}
    columns: {{id: bigint, at: {kind}, low: bigint, high: bigint, files: bigint}}
dags: {{nightly: {{tasks: {{load: {{run: load, tables: [prices]}}}}}}}}
""")
    orders = ORDERS[kind]
    chance = random.Random(7)
    expected, landed, values = {}, 0, [{"id": n, "at": orders[1], "low": 0} for n in range(600)]
    for number in range(6):
        values = values if number == 0 else [
            {"id": chance.randrange(900), "at": chance.choice([None, *orders][: 2 + number]),
             "low": 5000 + number, "high": 9000, "files": number}
            for _ in range(20)
        ]  # fmt: skip
        land(data, "shop.prices", 0, landed, values)
        landed += len(values)
        for row in values:
            rank = (row["at"] is not None, row["at"] or 0 if kind == "double" else row["at"] or "",
                    row.get("low"), row.get("high") or 0, row.get("files") or 0)  # fmt: skip
            if row["id"] not in expected or rank > expected[row["id"]][0]:
                expected[row["id"]] = (rank, row)
        task("load", data, tmp_path)
        found = rows(data, tmp_path, "SELECT id, low, files FROM prices ORDER BY id")
        assert found == [
            {"id": id, "low": row["low"], "files": row.get("files")}
            for id, (_, row) in sorted(expected.items())
        ]


def test_names_that_a_merge_takes_itself_are_refused(tmp_path):
    for name in ("file_index", "FILE_ROW_NUMBER", "pn_row"):
        folder = write_pipeline(tmp_path / name, "grow", MERGE.format(more=""))
        path = folder / "pipeline.yml"
        path.write_text(path.read_text().replace("      country: string", f"      {name}: string"))
        done = run("pipeline", "check", folder, check=False)
        assert done.returncode != 0 and f"tables.raw_orders.columns.{name}: " in done.stderr


def test_the_setting_is_of_merges_alone(data, tmp_path):
    pipeline = write_pipeline(tmp_path / "grow", "grow", "mode: append\n    deletion_vectors: true")
    done = run("pipeline", "check", pipeline, data=data, check=False)
    assert "deletion_vectors" in done.stderr and "only allowed for a table with mode" in done.stderr
    write_pipeline(pipeline, "grow", MERGE.format(more="deletion_vectors: perhaps"))
    done = run("pipeline", "check", pipeline, data=data, check=False)
    assert done.returncode != 0 and "deletion_vectors" in done.stderr
