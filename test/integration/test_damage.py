"""Files of the data folder that are not what was written: each is named, what it belongs to is
closed, nothing is done twice because of it, and all else works on."""

import json
import random

import requests

from contract import UID
from pinion import Server, query, run
from streams import PATHS, STREAMS, await_rows, await_started, kinesis, put_many, rows

TOPIC, OTHER = f"{UID}.pin", f"{UID}.geo"


def flip(path, seed):
    """Flips one bit of the file; gives what it was."""
    whole = path.read_bytes()
    damaged = bytearray(whole)
    at = random.Random(seed).randrange(8 * len(whole))
    damaged[at // 8] ^= 1 << at % 8
    path.write_bytes(bytes(damaged))
    return whole


def pin(index):
    return {"index": index, "unique_id": str(index), "category": "art"}


def landed(server):
    assert server.request("POST", "/api/v1/sink/flush")[0] in (200, 500)


def test_a_topic_is_closed_and_lands_nothing_twice(data):
    path = data / "log" / TOPIC / "topic.json"
    with Server(data) as server:
        server.produce(TOPIC, *[pin(i) for i in range(10)])
        server.produce(OTHER, {"ind": 1})
        landed(server)
    objects = sorted((data / "store/topics" / TOPIC).rglob("*.json"))
    for seed in range(5):
        whole = flip(path, seed)
        with Server(data) as server:
            status, answer, _ = server.request(
                "POST", f"/topics/{TOPIC}", {"records": [{"value": pin(99)}]}
            )
            where = str(path.relative_to(data))  # a client learns no path of the server
            assert status == 500 and where in answer.decode(), answer
            assert str(data) not in answer.decode()
            health = json.loads(server.request("GET", "/health")[1])
            assert health["status"] == "degraded"
            (closed,) = health["closed"]
            assert closed["topic"] == TOPIC and where in closed["reason"]
            server.produce(OTHER, {"ind": 2 + seed})
            landed(server)
        path.write_bytes(whole)
    with Server(data) as server:
        assert json.loads(server.request("GET", "/health")[1])["status"] == "ok"
        (entry,) = server.produce(TOPIC, pin(10))
        assert entry["offset"] == 10
        landed(server)
        again = sorted((data / "store/topics" / TOPIC).rglob("*.json"))
        assert [each for each in again if each in objects] == objects
        assert sum(len(each.read_text().splitlines()) for each in again) == 11


def test_a_stream_is_closed_and_fills_nothing_twice(data):
    name = STREAMS["pin"]
    path = data / "kinesis/streams" / f"{name}.json"
    with Server(data) as server:
        await_started(data)
        put_many(kinesis(server.url), "pin", [pin(i) for i in range(20)], key="test_pin")
        await_rows(data, "pin", 20)
    for seed in range(5):
        whole = flip(path, seed)
        with Server(data) as server:
            client = kinesis(server.url)
            try:
                client.describe_stream_summary(StreamName=name)
                raise AssertionError("a damaged stream is described")
            except client.exceptions.ClientError as refused:
                assert "is closed" in str(refused)
            health = json.loads(server.request("GET", "/health")[1])
            assert [each["stream"] for each in health["closed"]] == [name]
            put_many(client, "geo", [{"ind": seed, "country": "A"}], key="test_geo")
            await_rows(data, "geo", seed + 1)
        path.write_bytes(whole)
    with Server(data) as server:
        put_many(kinesis(server.url), "pin", [pin(20)], key="test_pin")
        await_rows(data, "pin", 21)
        assert len(rows(data, "pin")) == 21


def test_a_group_of_consumers_is_refused(data):
    headers = {"Content-Type": "application/vnd.kafka.v2+json"}
    with Server(data) as server:
        server.produce(TOPIC, *[pin(i) for i in range(10)])
        made = requests.post(f"{server.url}/consumers/g", json={"name": "i"}, headers=headers)
        assert made.status_code == 200, made.text
        offsets = {"offsets": [{"topic": TOPIC, "partition": 0, "offset": 3}]}
        told = requests.post(
            f"{server.url}/consumers/g/instances/i/offsets", json=offsets, headers=headers
        )
        assert told.status_code in (200, 204), told.text
    path = data / "consumers/g.json"
    assert json.loads(path.read_text())["offsets"][0]["offset"] == 4
    for seed in range(5):
        whole = flip(path, seed)
        with Server(data) as server:
            made = requests.post(f"{server.url}/consumers/g", json={"name": "i"}, headers=headers)
            assert made.status_code == 500 and str(path.relative_to(data)) in made.text
        path.write_bytes(whole)


def test_a_data_folder_that_goes_away_is_noticed(data):
    away = data.with_name("away")
    with Server(data) as server:
        server.produce(TOPIC, pin(1))
        data.rename(away)
        body = {"records": [{"value": pin(2)}]}
        status, answer, _ = server.request("POST", f"/topics/{TOPIC}", body)
        assert status == 500 and "put it back" in answer.decode(), answer
        health = json.loads(server.request("GET", "/health")[1])
        assert health["status"] == "degraded"
        assert health["failed_partitions"][0]["topic"] == TOPIC
        away.rename(data)
        server.kill()
    with Server(data) as server:
        (entry,) = server.produce(TOPIC, pin(2))
        assert entry["offset"] == 1


def test_a_landed_object_is_not_loaded(data):
    with Server(data) as server:
        server.produce(TOPIC, *[pin(i) for i in range(10)])
        landed(server)
    (landed_object,) = (data / "store/topics" / TOPIC).rglob("*.json")
    for seed in range(10):
        whole = flip(landed_object, seed)
        done = run("batch", "-q", data=data, check=False)
        assert done.returncode != 0, done.stdout
        assert landed_object.name in done.stderr and "damaged" in done.stderr, done.stderr
        landed_object.write_bytes(whole)
    run("batch", "-q", data=data)
    assert query("SELECT count(*) AS n FROM raw_pin", data) == [{"n": 10}]


def refused(file, *args, data):
    """The command fails, and names the file."""
    done = run(*args, data=data, check=False)
    assert done.returncode == 1 and file.name in done.stderr, (args, done.stderr)
    assert "is damaged" in done.stderr, (args, done.stderr)


def test_a_data_file_is_named_and_nothing_is_made_of_it(data):
    """Of a flipped bit, most values would look like others: Parquet has no checksum of its own."""
    with Server(data) as server:
        server.produce(TOPIC, *[pin(i) for i in range(200)])
        landed(server)
    run("batch", data=data)
    folder = data / "store/delta_tables"
    (raw,) = (folder / "raw/pin").glob("*.parquet")
    clean_before = sorted(folder.glob("transformed/pin/_delta_log/*.json"))
    asked = "SELECT count(*), max(index) FROM raw_pin"
    for seed in range(8):
        whole = flip(raw, seed)
        refused(raw, "query", asked, data=data)
        raw.write_bytes(whole)
    flip(raw, 8)
    refused(raw, "task", "batch_processing_dag", "clean_pin_data_and_save_as_delta_table",
            data=data)
    assert sorted(folder.glob("transformed/pin/_delta_log/*.json")) == clean_before
    run("batch", data=data)  # a load reads what has landed, and rewrites the table
    (answer,) = json.loads(run("query", asked, "--format", "json", data=data).stdout)
    assert answer == {"count_star()": 200, 'max("index")': 199}


def test_a_damaged_file_is_not_rewritten(data):
    """Optimize would delete what it could still be compared with."""
    with Server(data, "--set", "stream.compact_files=0") as server:
        await_started(data)
        for round in range(3):
            put_many(kinesis(server.url), "pin", [pin(round)], key="test_pin")
            await_rows(data, "pin", round + 1)
    files = sorted((data / "store" / PATHS["pin"]).glob("*.parquet"))
    assert len(files) == 3
    whole = flip(files[1], 1)
    refused(files[1], "table", "optimize", "stream_pin", data=data)
    assert sorted((data / "store" / PATHS["pin"]).glob("*.parquet")) == files
    files[1].write_bytes(whole)
    run("table", "optimize", "stream_pin", data=data)
    assert len(rows(data, "pin")) == 3
