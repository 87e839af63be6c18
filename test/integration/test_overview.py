"""The pipeline at a glance, by the API: what there is, what leads where, and how fast it goes."""

import time

import requests

from pinion import Server


def overview(server):
    reply = requests.get(server.url + "/api/v1/overview", timeout=30)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_all_that_the_pipeline_has(tmp_path):
    with Server(tmp_path / "data") as server:
        server.produce("a.b-c", 1)
        data = overview(server)
        nodes = {node["id"]: node for node in data["nodes"]}
        assert len(nodes) == len(data["nodes"])
        for start, end in data["edges"]:
            assert start in nodes and end in nodes
        kinds = {node["kind"] for node in data["nodes"]}
        assert kinds == {
            "producers", "door", "topic", "stream", "sink", "raw", "clean", "stream_table", "dag",
            "queries",
        }  # fmt: skip
        assert nodes["topic/a.b-c"]["records"] == "1"
        assert nodes["topic/a.b-c"]["href"] == "/ui/topics/a.b-c"
        assert ["topic/a.b-c", "sink"] in data["edges"]
        problems = {problem["list"]: problem["severity"] for problem in data["problems"]}
        assert set(problems.values()) <= {"note", "error"}


def test_a_rate(tmp_path):
    with Server(tmp_path / "data") as server:
        server.produce("fast", 0)
        overview(server)
        deadline = time.monotonic() + 60
        rate = None
        while not rate:
            assert time.monotonic() < deadline
            server.produce("fast", *range(100))
            time.sleep(0.3)
            nodes = {node["id"]: node for node in overview(server)["nodes"]}
            rate = nodes["topic/fast"]["rate"]
        assert nodes["door/kafka-rest"]["rate"] >= rate
        assert nodes["producers"]["rate"] >= rate

