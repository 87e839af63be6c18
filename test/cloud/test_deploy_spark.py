"""pinion deploy spark: the notebooks run on a local Spark with Delta, on what pinion has landed,
and every table and query equals DuckDB's."""

import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from contract import KINDS, post, run_dag  # noqa: E402
from pinion import ROOT, Server, query, run  # noqa: E402
from readers import in_order, plain, rows_by_delta_rs, spark_session  # noqa: E402

LOAD = "load_data_from_S3_and_save_as_delta_tables"
CLEANS = [f"clean_{kind}_data_and_save_as_delta_table" for kind in ("geo", "pin", "user")]
QUERIES = sorted(file.stem for file in (ROOT / "pipelines/pinterest/queries").glob("*.sql"))
TIMES = ["2018-09-03T07:12:45.5", "2018-09-03 07:12", "nonsense", None, {"$date": "2020-01-01"}]
BAD = [
    "no row", 7, [], {"title": "no key"}, {"index": "7"}, {"index": 1.5}, {"index": 1 << 63},
    {"index": 1, "title": 5}, [{"index": 900001}, 3],
]  # fmt: skip


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    """Records of the generator, odd ones and bad ones, loaded and cleaned by pinion."""
    data = tmp_path_factory.mktemp("landed") / "data"
    with Server(data) as server:
        run("emulate", "batch", "--url", server.url, "--rows", "60", "--batch", "20", "-q")
        post(server.url, "geo", [
            {"idx": 900000 + i, "timestamp": time, "latitude": i, "longitude": -0.5e1, "x": {}}
            for i, time in enumerate(TIMES)
        ])  # fmt: skip
        post(server.url, "pin", [
            *BAD, {"index": 9.00010e5, "title": "é✨\\n", "follower_count": "1.2M"}
        ])  # fmt: skip
        run_dag(data)
    return data


def module_of(file, spark, *, stop=None):
    """Runs a notebook as a job runs it, up to the cell that contains `stop`; gives its names."""
    cells = file.read_text(encoding="utf-8").split("# COMMAND ----------")
    assert cells[0].startswith("# Databricks notebook source\n")
    names = {"__name__": "__main__", "spark": spark}
    for cell in cells:
        if stop is not None and stop in cell:
            break
        exec(compile(cell, str(file), "exec"), names)
    return names


@pytest.fixture(scope="module")
def cloud(landed, tmp_path_factory):
    """The store as Spark leaves it, which begins with the landed objects; and the notebooks."""
    base = tmp_path_factory.mktemp("cloud")
    store, notebooks = base / "store", base / "notebooks"
    shutil.copytree(landed / "store/topics", store / "topics")
    done = run("deploy", "spark", "--to", notebooks, "--store", store, "--format", "json")
    for row in json.loads(done.stdout):
        assert Path(row["file"]).is_file()
    sys.path.insert(0, str(notebooks))
    with spark_session() as spark:
        for task in ("mount_s3_bucket", LOAD, *CLEANS):
            module_of(notebooks / f"{task}.py", spark)
        yield store, notebooks, spark
    sys.path.remove(str(notebooks))
    for name in ("pinion_spark", "pinion_record", "pinion_pipeline"):
        del sys.modules[name]


@pytest.mark.parametrize("kind", KINDS)
def test_tables(landed, cloud, kind):
    store, _, _ = cloud
    for path in (f"delta_tables/raw/{kind}", f"delta_tables/transformed/{kind}"):
        ours = rows_by_delta_rs(landed / "store" / path)
        theirs = rows_by_delta_rs(store / path)
        assert len(ours) > 50
        assert ours == theirs


def test_dead_letters(landed, cloud):
    store, _, _ = cloud
    names = ("table", "topic", "partition", "object", "line", "value")

    def places(rows):
        return in_order({name: row[name] for name in names} for row in rows)

    ours = places(query("SELECT * FROM dead_letters", landed))
    theirs = rows_by_delta_rs(store / "delta_tables/dead_letters")
    assert len(ours) == len(BAD)
    assert places(theirs) == ours
    assert all(row["reason"] for row in theirs)


@pytest.mark.parametrize("name", QUERIES)
def test_queries(landed, cloud, name):
    _, notebooks, spark = cloud
    ours = [plain(row) for row in query(name, landed)]
    answer = module_of(notebooks / f"{name}.py", spark, stop="answer.show")["answer"]
    assert ours and [plain(row.asDict()) for row in answer.collect()] == ours
    text = (notebooks / f"sql/{name}.sql").read_text(encoding="utf-8")
    for cell in text.split("-- COMMAND ----------"):
        last = spark.sql(cell.strip().removesuffix(";"))
    assert [plain(row.asDict()) for row in last.collect()] == ours


def test_a_micro_batch_is_appended_once(landed, cloud):
    """What a stream does with each batch; the sources themselves are Databricks's and Kafka's."""
    store, notebooks, spark = cloud
    names = module_of(notebooks / "stream_geo.py", spark, stop="kinesis: on Databricks")
    lake = names["lake"]
    sql = (ROOT / "pipelines/pinterest/clean/geo.sql").read_text()
    records = [json.dumps({"ind": i, "timestamp": "2020-01-01", "country": "x"}) for i in range(3)]
    records.append("7")
    rows = [("0", str(i), "test_geo", None, text.encode()) for i, text in enumerate(records)]
    schema = "shard string, sequence string, key string, arrival timestamp, data binary"
    batch = spark.createDataFrame(rows, schema)
    for number in (0, 0, 1):
        lake.append_batch("stream_geo", sql, batch, number)
    found = rows_by_delta_rs(store / "test_streaming_delta_tables/0e3bbd435bfb_geo_table")
    assert sorted(row["ind"] for row in found) == [0, 0, 1, 1, 2, 2]
    letters = rows_by_delta_rs(store / "test_streaming_delta_tables/dead_letters")
    assert [row["data"] for row in letters] == ["7", "7"]
    assert {row["stream"] for row in letters} == {"streaming-0e3bbd435bfb-geo"}
