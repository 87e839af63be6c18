"""The gauge pinion_table_dead_letters: letters of loads, of streams and of the sink, whatever
process wrote them, by table and rule."""

import base64
import json
import re
import time

from contract import UID
from pinion import Server, run
from streams import letters, put

SECONDS_MAX = 120
TOPIC = f"{UID}.pin"
SERIES = re.compile(r'^pinion_table_dead_letters\{table="([^"]*)",reason="([^"]*)"\} (\d+)$', re.M)


def gauge(server):
    text = server.request("GET", "/metrics")[1].decode()
    return {(table, rule): int(number) for table, rule, number in SERIES.findall(text)}


def await_gauge(server, expected):
    deadline = time.monotonic() + SECONDS_MAX
    while (found := gauge(server)) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def of_streams(data):
    sql = "SELECT count(*) AS n FROM stream_dead_letters"
    return json.loads(run("query", sql, "--format", "json", data=data).stdout)[0]["n"]


def test_letters_of_loads_streams_and_the_sink(data):
    with Server(data) as server:
        assert gauge(server) == {}
        deep = {"index": 'expected "is out of range"'}  # a record's text does not choose the rule
        server.produce(TOPIC, deep, {"index": 2**63 + 1}, {"index": 1}, ["no object"])
        bad = {"records": [{"value": base64.b64encode(b"\x00\xff").decode()}]}
        binary = {"Content-Type": "application/vnd.kafka.binary.v2+json"}
        assert server.request("POST", f"/topics/{TOPIC}", bad, binary)[0] == 200
        run("dag", "trigger", "batch_processing_dag", "--wait", data=data, check=False)
        loaded = {
            ("raw_pin", "wrong-type"): 1,
            ("raw_pin", "out-of-range"): 1,
            ("raw_pin", "not-an-object"): 1,
            ("raw_pin", "not-json"): 1,
        }
        await_gauge(server, loaded)

        put(server.url, "pin", {"index": "no number"})
        deadline = time.monotonic() + SECONDS_MAX
        while not letters(data):
            assert time.monotonic() < deadline
            time.sleep(0.1)
            put(server.url, "pin", {"index": "no number"})
        deadline = time.monotonic() + SECONDS_MAX
        while gauge(server) != {**loaded, ("stream_pin", "wrong-type"): of_streams(data)}:
            assert time.monotonic() < deadline, gauge(server)
            time.sleep(0.2)

    # Another server, which wrote none of them; and a load by a command, after which one is gone.
    with Server(data, "--roles", "gateway") as server:
        streamed = {("stream_pin", "wrong-type"): of_streams(data)}
        await_gauge(server, {**loaded, **streamed})
        for landed in (data / "store/topics").rglob("*.json"):
            landed.unlink()
        run("batch", data=data)
        none = dict.fromkeys(loaded, 0)
        await_gauge(server, {**none, ("raw_pin", "not-json"): 1, **streamed})
