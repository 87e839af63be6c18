"""pinion deploy spark: the notebooks run on a local Spark with Delta, on what pinion has landed,
and every table and query equals DuckDB's."""

import base64
import json
import shutil
import sys
import time
from pathlib import Path

import pytest

import awkward
import test_stream_joins as joins
from contract import KINDS, post, run_dag
from pinion import ROOT, Server, query, run
from readers import in_order, plain, rows_by_delta_rs, spark_session
from streams import LETTERS, PATHS, STREAMS, await_started, kinesis, letters, rows

LOAD = "load_data_from_S3_and_save_as_delta_tables"
CLEANS = [f"clean_{kind}_data_and_save_as_delta_table" for kind in ("geo", "pin", "user")]
QUERIES = sorted(file.stem for file in (ROOT / "pipelines/pinterest/queries").glob("*.sql"))
TIMES = ["2018-09-03T07:12:45.5", "2018-09-03 07:12", "nonsense", None, {"$date": "2020-01-01"}]
BAD = [
    "no row", 7, [], {"title": "no key"}, {"index": "7"}, {"index": 1.5}, {"index": 1 << 63},
    {"index": 1, "title": 5}, [{"index": 900001}, 3],
]  # fmt: skip


# A row of each stream, as producers send it.
ROWS = {
    "pin": {"index": 1, "title": "é✨", "follower_count": "1.2k", "save_location": "in /data/x"},
    "geo": {"idx": 1, "timestamp": {"$date": "2018-09-03 07:12:45.5"}, "latitude": -0.5, "w": 1},
    "user": {"ind": 1, "first_name": "a", "last_name": "b", "age": 5.0,
             "date_joined": "2018-09-03"},
}  # fmt: skip


def sent(kind):
    """Records of a stream, some of which become no rows."""
    row = json.dumps(ROWS[kind], ensure_ascii=False)
    texts = [
        row, f'{{"value":{row}}}', f"[{row},3,{{}},{row}]", base64.b64encode(row.encode()).decode(),
        json.dumps(row), "7", '"text"', "{", '{"ind":"x"}', '{"w":1}', '{"ind":1e400}', "[]",
    ]  # fmt: skip
    return [text.encode() for text in texts] + [b"\xff\xfe\x00", b'{"ind":1,"title":"\xff"}']


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
        stream(server, data)
    return data


def stream(server, data):
    """Puts what is sent into the streams, and waits until their tables have it."""
    client = kinesis(server.url)
    await_started(data)
    for kind in KINDS:
        for record in sent(kind):
            client.put_record(
                StreamName=STREAMS[kind], Data=record, PartitionKey=f"test_{kind}"
            )
    deadline = time.monotonic() + 300
    while [len(rows(data, kind)) for kind in KINDS] != [6, 6, 6] or len(letters(data)) != 33:
        assert time.monotonic() < deadline
        time.sleep(0.2)


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
    for name in ("spark", "expect", "engine", "record", "pipeline"):
        sys.modules.pop(f"pinion_{name}", None)


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
    path = "delta_tables/dead_letters"

    def told(data):
        """The offset of a line is known to pinion alone."""
        return in_order(
            {**row, **awkward.UNSIGNED, "offset": None, "reason": awkward.told(row["reason"])}
            for row in rows_by_delta_rs(data / path)
        )

    assert len(told(store)) == len(BAD)
    assert told(store) == told(landed / "store")


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_micro_batch_is_appended_once(landed, cloud, kind):
    """What a stream does with each batch; the sources themselves are Databricks's and Kafka's."""
    store, notebooks, spark = cloud
    names = module_of(notebooks / f"stream_{kind}.py", spark, stop="kinesis: on Databricks")
    lake = names["lake"]
    sql = (ROOT / f"pipelines/pinterest/clean/{kind}.sql").read_text()
    key = f"test_{kind}"
    records = [("0", str(i), key, None, bytearray(data)) for i, data in enumerate(sent(kind))]
    schema = "shard string, sequence string, key string, arrival timestamp, data binary"
    batch = spark.createDataFrame(records, schema)
    for number in (0, 0, 1):
        lake.append_batch(f"stream_{kind}", sql, batch, number)
    ours = rows_by_delta_rs(landed / "store" / PATHS[kind])
    assert rows_by_delta_rs(store / PATHS[kind]) == in_order(2 * ours)

    def told(data):
        return sorted(
            (row["stream"], row["partition_key"], row["data"],
             awkward.told(row["reason"].replace("the data is", "the value is")))
            for row in rows_by_delta_rs(data / LETTERS) if row["table"] == f"stream_{kind}"
        )  # fmt: skip

    assert len(told(landed / "store")) == 11
    assert told(store) == sorted(2 * told(landed / "store"))


def test_a_micro_batch_joins_the_newest_versions(cloud, tmp_path):
    _, _, spark = cloud
    import pinion_engine
    import pinion_spark

    folder, data, out = joins.write_pipeline(tmp_path), tmp_path / "data", tmp_path / "out"
    run("deploy", "spark", "--to", out, "--store", data / "store", "--pipeline", folder)
    definition = pinion_engine.definition((out / "pinion_pipeline.py").read_text(encoding="utf-8"))
    lake = pinion_spark.Lake(definition, str(data / "store"), spark)
    sql = joins.FILES["clean/orders.sql"]
    schema = "shard string, sequence string, key string, arrival timestamp, data binary"

    def append(number, customer):
        order = json.dumps({"id": number, "customer": customer}).encode()
        batch = spark.createDataFrame([("0", str(number), "k", None, bytearray(order))], schema)
        lake.append_batch("live_orders", sql, batch, number)

    with pytest.raises(ValueError, match="table 'customers' does not exist yet, and 'live_orders'"):
        append(0, 1)
    joins.put_countries(data)
    joins.put_customers(data, [{"id": 1, "name": "a", "country": "pe"}])
    append(0, 1)
    joins.put_customers(data, [{"id": 1, "name": "b", "country": "no"}])
    append(1, 1)
    append(2, 2)
    assert in_order(rows_by_delta_rs(data / "store" / joins.LIVE)) == in_order([
        {"id": 0, "name": "a", "title": "Perú"}, {"id": 1, "name": "b", "title": "Norge"},
        {"id": 2, "name": None, "title": None},
    ])  # fmt: skip
