"""Where a row came from, with Apache Kafka as the log: records of Kafka's own clients, whose keys,
headers and times are theirs, and whose offsets have gaps."""

import base64
import json
import time

import pytest
from deltalake import DeltaTable

from numbers_in import until
from pinion import Server, run

pytestmark = pytest.mark.timeout(300)

TOPIC = "origins"
FIRST_MS = int(time.time() * 1000) - 60000  # Kafka removes records of older times
PIPELINE = """
name: small
topics:
  origins: {partitions: 1}
tables:
  raw:
    path: raw
    from_topic: origins
    mode: append
    columns:
      n: bigint
      place: {type: int, from: partition}
      position: {type: bigint, from: offset}
      key: {type: binary, from: key}
      sent: {type: timestamp, from: timestamp}
      headers: {type: "array<struct<key string, value binary>>", from: headers}
  offsets:
    path: offsets
    from_topic: origins
    columns: {n: bigint, position: {type: bigint, from: offset}}
dags:
  nightly: {tasks: {load: {run: load, tables: [raw, offsets]}}}
settings:
  sink: {flush_size: 10}
"""


@pytest.fixture
def pipeline(tmp_path):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/pipeline.yml").write_text(PIPELINE)
    return tmp_path / "pipeline"


def text(value):
    return None if value is None else base64.b64encode(value).decode()


def record(n):
    """Every seventh is a tombstone, and every eleventh is not JSON."""
    value = None if n % 7 == 3 else b"{" if n % 11 == 5 else json.dumps({"n": n}).encode()
    key = None if n % 5 == 4 else b"\xff%d" % n
    headers = [("n", str(n).encode()), ("n", None)] if n % 3 else []
    return key, value, FIRST_MS + n, headers


def ask(broker, records, transactional):
    given = [[text(key), text(value), at, [[name, text(of)] for name, of in headers]]
             for key, value, at, headers in records]  # fmt: skip
    broker.ask("produce_all", TOPIC, given, transactional)


def check(found, offset_of):
    by_number = {row["n"]: row for row in found}
    assert len(by_number) == len(found)
    for n, offset in offset_of.items():
        key, value, at, headers = record(n)
        if value is None or value == b"{":
            assert n not in by_number
            continue
        row = by_number[n]
        assert (row["place"], row["position"], row["key"]) == (0, offset, key)
        assert row["sent"].timestamp() * 1000 == at
        wanted = [{"key": name, "value": of} for name, of in headers] or None
        assert row["headers"] == wanted


def test_offsets_with_gaps_keys_headers_and_times(broker, pipeline, tmp_path):
    data = tmp_path / "data"
    words = ["--pipeline", pipeline, "--set", f"log.url=kafka://{broker.address}"]
    words += ["--set", "sink.rotate_interval_ms=200ms"]
    offset_of, end = {}, 0
    with Server(data, *words) as server:
        for first, transactional in ((0, False), (30, True), (33, True), (36, True), (39, False)):
            numbers = range(first, 60 if first == 39 else first + 3 if first >= 30 else 30)
            ask(broker, [record(n) for n in numbers], transactional)
            offset_of.update({n: end + i for i, n in enumerate(numbers)})
            end += len(numbers) + transactional  # the marker has an offset
        path = f"/topics/{TOPIC}/partitions/0/offsets"
        until(lambda: json.loads(server.request("GET", path)[1])["end_offset"], end)
        run("dag", "trigger", "nightly", "--wait", *words, data=data)
    check(DeltaTable(str(data / "store/raw")).to_pyarrow_table().to_pylist(), offset_of)
    found = DeltaTable(str(data / "store/offsets")).to_pyarrow_table().to_pylist()
    assert found and all(row["position"] == offset_of[row["n"]] for row in found)
