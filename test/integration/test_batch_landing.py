"""Landed objects: their names, what they hold, and when they are cut."""

import base64
import gzip
import json
import shutil
import time

import pytest
import requests

from contract import JSON_V2, UID, delta, post, run_dag
from pinion import Server, run

LANDED_SECONDS_MAX = 30

AWKWARD = [
    {"index": 0, "title": "a\nb\r\n\"c\"\\ \U0001f600 \u2028"},
    {"index": 1, "description": " spaces  stay ", "tag_list": ""},
    {"index": 2, "nested": {"list": [0, False, {}, "", None, -0.0, 1e300]}},
    0, False, {}, "", [], "text", -1.5, 12345678901234567890,
]  # fmt: skip


def objects(data, topic, partition=0):
    folder = data / "store/topics" / topic / f"partition={partition}"
    return {path.name: path for path in sorted(folder.glob("*"))} if folder.exists() else {}


def test_flush_size_1_lands_an_object_a_record(data):
    topic = f"{UID}.pin"
    with Server(data, "--set", "sink.flush_size=1") as server:
        for value in AWKWARD:
            post(server.url, "pin", [value])
        run_dag(data, "--set", "sink.flush_size=1")
    landed = objects(data, topic)
    names = [f"{topic}+0+{offset:010}.json" for offset in range(len(AWKWARD))]
    assert list(landed) == names
    for name, value in zip(names, AWKWARD, strict=True):
        line = landed[name].read_bytes()
        assert line.count(b"\n") == 1 and line.endswith(b"\n")
        read = json.loads(line)
        assert read == value and type(read) is type(value)


def test_the_default_lands_one_object_of_lines_in_order(data):
    values = [{"ind": n, "country": "Ö" * (n % 7)} for n in range(300)]
    with Server(data) as server:
        post(server.url, "geo", values[:1])
        post(server.url, "geo", values[1:])
        run_dag(data)
    landed = objects(data, f"{UID}.geo")
    lines = []
    for name, path in landed.items():  # the ten seconds of rotation may have cut once more
        assert name == f"{UID}.geo+0+{len(lines):010}.json"
        lines += path.read_text().splitlines()
    assert [json.loads(line) for line in lines] == values
    assert len(landed) <= 2


def test_objects_are_cut_at_the_flush_size(data):
    values = [{"ind": n} for n in range(23)]
    with Server(data, "--set", "sink.flush_size=5") as server:
        for value in values:
            post(server.url, "user", [value])
        run_dag(data)
    landed = objects(data, f"{UID}.user")
    assert list(landed) == [f"{UID}.user+0+{first:010}.json" for first in (0, 5, 10, 15, 20)]
    assert [len(path.read_text().splitlines()) for path in landed.values()] == [5, 5, 5, 5, 3]


def test_a_quiet_topic_lands_without_a_dag(data):
    with Server(data, "--set", "sink.rotate_interval_ms=100ms") as server:
        post(server.url, "pin", [{"index": 1}])
        deadline = time.monotonic() + LANDED_SECONDS_MAX
        while not objects(data, f"{UID}.pin"):
            assert time.monotonic() < deadline, "nothing landed"
            time.sleep(0.02)
    assert list(objects(data, f"{UID}.pin")) == [f"{UID}.pin+0+{0:010}.json"]


def murmur2(octets):
    """Kafka's default partitioner, from its description."""
    mask, mix = 0xFFFFFFFF, 0x5BD1E995
    value = (0x9747B28C ^ len(octets)) & mask
    whole = len(octets) // 4 * 4
    for at in range(0, whole, 4):
        part = int.from_bytes(octets[at : at + 4], "little") * mix & mask
        part = (part ^ part >> 24) * mix & mask
        value = (value * mix & mask) ^ part
    if octets[whole:]:
        value = (value ^ int.from_bytes(octets[whole:], "little")) * mix & mask
    value = (value ^ value >> 13) * mix & mask
    return value ^ value >> 15


def test_several_partitions_land_side_by_side(data, tmp_path):
    folder = tmp_path / "pipeline"
    run("init", folder)
    definition = (folder / "pipeline.yml").read_text()
    one = f"{UID}.pin: {{partitions: 1}}"
    assert one in definition
    (folder / "pipeline.yml").write_text(definition.replace(one, f"{UID}.pin: {{partitions: 3}}"))
    wanted = {partition: [] for partition in range(3)}
    with Server(data, "--pipeline", folder) as server:
        topic = f"{server.url}/topics/{UID}.pin"
        for number in range(60):
            key, value = f"key {number % 17}", {"index": number}
            partition = (murmur2(json.dumps(key).encode()) & 0x7FFFFFFF) % 3
            body = {"records": [{"key": key, "value": value}]}
            entry = requests.post(topic, json=body, headers=JSON_V2, timeout=30).json()
            entry = entry["offsets"][0]
            assert (entry["partition"], entry["offset"]) == (partition, len(wanted[partition]))
            wanted[partition].append(value)
        for number in range(60, 90):
            body = {"records": [{"value": {"index": number}}]}
            answer = requests.post(f"{topic}/partitions/2", json=body, headers=JSON_V2, timeout=30)
            assert answer.json()["offsets"][0]["partition"] == 2
            wanted[2].append({"index": number})
        for number in range(90, 120):  # no key: not all of them on one partition
            body = {"records": [{"value": {"index": number}}]}
            entry = requests.post(topic, json=body, headers=JSON_V2, timeout=30).json()
            wanted[entry["offsets"][0]["partition"]].append({"index": number})
        assert all(any(value["index"] >= 90 for value in part) for part in wanted.values())
        run_dag(data, "--pipeline", folder)
        refused = requests.post(
            f"{topic}/partitions/3", json=body, headers=JSON_V2, timeout=30
        )
        assert (refused.status_code, refused.json()["error_code"]) == (404, 40402)
    for partition, values in wanted.items():
        lines = []
        for name, path in objects(data, f"{UID}.pin", partition).items():
            assert name == f"{UID}.pin+{partition}+{len(lines):010}.json"
            lines += path.read_text().splitlines()
        assert [json.loads(line) for line in lines] == values
    keys = delta(data, "raw/pin").column("index").to_pylist()
    assert sorted(keys) == list(range(120))


@pytest.mark.parametrize("stage", ["", "/prod", "/Dev", "/milestone5", "/0e3bbd435bfb-stage"])
@pytest.mark.parametrize("headers", [
    {**JSON_V2, "Accept": "application/vnd.kafka.v2+json"},
    {"Content-Type": "application/json"},
    {"Content-Type": "application/vnd.kafka.json.v2+json; charset=utf-8", "Accept": "*/*"},
])  # fmt: skip
def test_any_stage_and_both_content_types(case_server, stage, headers):
    offsets = post(case_server.url, "pin", [{"index": 1}], stage=stage, headers=headers)
    again = post(case_server.url, "pin", [{"index": 1}], stage=stage, headers=headers)
    assert again == [offsets[0] + 1]


@pytest.fixture(scope="module")
def case_server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("stages") / "data") as server:
        yield server


# --- where a rejected line comes from -------------------------------------------------------------


def rejected_offsets(data):
    sql = f"""SELECT object, line, partition, "offset" FROM dead_letters
              WHERE topic = '{UID}.geo' AND object IS NOT NULL ORDER BY object, line"""
    rows = json.loads(run("query", sql, "--format", "json", data=data).stdout)
    return [(row["object"][-8:], row["line"], row["partition"], row["offset"]) for row in rows]


def test_a_rejected_line_has_its_offset_of_the_log(data):
    bad = {"ind": "x"}
    values = [None, bad, {"ind": 1}, None, None, bad, bad]

    def produce():
        with Server(data) as server:
            server.produce(f"{UID}.geo", *values)
            server.request("POST", "/api/v1/sink/flush")
        load(data)

    def offsets(name):
        return [(name, 1, 0, 1), (name, 3, 0, 5), (name, 4, 0, 6)]

    produce()
    assert rejected_offsets(data) == offsets("000.json")
    # Made again, the topic starts at offset 0, and its objects' names continue at 7.
    shutil.rmtree(data / f"log/{UID}.geo")
    produce()
    assert rejected_offsets(data) == offsets("000.json") + offsets("007.json")


# --- what other writers put there -----------------------------------------------------------------


def foreign_folder(data):
    folder = data / f"store/topics/{UID}.geo/partition=0"
    folder.mkdir(parents=True)
    return folder


def geo_lines(first, end):
    return "".join(json.dumps({"ind": i, "country": "Peru"}) + "\n" for i in range(first, end))


def load(data, check=True):
    dag, task = "batch_processing_dag", "load_data_from_S3_and_save_as_delta_tables"
    return run("task", dag, task, data=data, check=check)


def test_objects_in_gzip_are_read_and_others_are_named(data):
    folder = foreign_folder(data)
    name = f"{UID}.geo+0+"
    (folder / f"{name}0000000000.json").write_text(geo_lines(0, 10))
    (folder / f"{name}0000000010.json.gz").write_bytes(gzip.compress(geo_lines(10, 20).encode()))
    # Two members, a line over their border, and more than any of our buffers hold.
    large = geo_lines(20, 60000).encode()
    half = len(large) // 2
    (folder / f"{name}0000000020.json.gz").write_bytes(
        gzip.compress(large[:half]) + gzip.compress(large[half:], 1)
    )
    for other in ("0000060000.JSON", "0000060000.jsonl", "0000060000.avro"):
        (folder / f"{name}{other}").write_text(geo_lines(0, 1))
    done = load(data)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("raw_geo")]
    assert " 60000 rows from 3 objects, 0 dead letters" in line
    assert f"3 files skipped (not .json or .json.gz; the first: topics/{UID}.geo/" in line
    assert f"{name}0000060000.JSON)" in line
    found = delta(data, "raw/geo").column("ind").to_pylist()
    assert sorted(found) == list(range(60000))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(lambda packed: packed[:-9], "ends early"), (lambda packed: packed + b"xyz" * 9, "is damaged"),
     (lambda packed: packed[:20] + b"\xff\xff\xff" + packed[23:], "is damaged"),
     (lambda packed: packed[:-5] + b"\0" + packed[-4:], "is damaged")],
)  # fmt: skip
def test_a_damaged_gzip_object_is_named(data, spoil, words):
    path = foreign_folder(data) / f"{UID}.geo+0+0000000000.json.gz"
    path.write_bytes(spoil(gzip.compress(geo_lines(0, 1000).encode())))
    done = load(data, check=False)
    assert done.returncode == 1
    assert path.name in done.stderr and words in done.stderr


def test_a_folder_of_files_in_gzip(data, tmp_path):
    for kind in ("pin", "user"):
        (tmp_path / f"{kind}.json").write_text("")
    (tmp_path / "geo.jsonl.gz").write_bytes(gzip.compress(geo_lines(0, 5).encode()))
    run("batch", "--from", tmp_path, "--quiet", data=data)
    assert delta(data, "raw/geo").num_rows == 5


def test_dead_letters_of_the_sink_of_any_size(data):
    """Lines that are longer than a landed record may be: in base64, and by escapes."""
    words = ["--set", "gateway.body_bytes_max=128MiB", "--set", "log.record_bytes_max=16MiB"]
    values = [b"\xff" * (13 << 20), b"\x01" * (12 << 20), b"\xfe" * (1 << 20), b"small"]
    binary = {"Content-Type": "application/vnd.kafka.binary.v2+json"}
    with Server(data, *words) as server:
        for value in values:
            body = {"records": [{"value": base64.b64encode(value).decode()}]}
            assert server.request("POST", f"/topics/{UID}.pin", body, binary)[0] == 200
        server.produce(f"{UID}.pin", {"index": 1}, {"index": "x"})
        run_dag(data, *words)
    sql = """SELECT "offset", reason, octet_length(encode(value)) AS bytes, left(value, 4) AS begins
             FROM dead_letters ORDER BY "offset\""""
    found = json.loads(run("query", sql, "--format", "json", data=data).stdout)
    assert [row["offset"] for row in found] == [0, 1, 2, 3, 5]
    cut, encoded = " (only the beginning of the value is stored)", " (the value is in base64)"
    assert found[0]["reason"].endswith(cut + encoded) and found[0]["begins"] == "////"
    assert found[0]["bytes"] == (1 << 20) // 3 * 4
    assert found[1]["reason"].endswith(cut) and found[1]["begins"] == "\x01" * 4
    assert found[1]["bytes"] == 1 << 20
    assert cut not in found[2]["reason"] and found[2]["reason"].endswith(encoded)
    assert found[2]["bytes"] == ((1 << 20) + 2) // 3 * 4
    assert (found[3]["bytes"], found[3]["begins"]) == (5, "smal")
