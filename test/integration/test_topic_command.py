"""`pinion topic`: each sub-command, with a server on the folder and without one."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest
from pinion import PINION, Server, run

PIPELINE_TOPICS = [f"0e3bbd435bfb.{kind}" for kind in ("geo", "pin", "user")]


@pytest.fixture(params=["with a server", "without"])
def place(request, data):
    """A data folder that has been served once, with a server on it or not."""
    server = Server(data).start()
    if request.param == "without":
        server.stop()
    yield data
    if server.process is not None:
        server.stop()


def rows(*args, data, **more):
    return json.loads(run("topic", *args, "--format", "json", data=data, **more).stdout)


def tail(topic, *args, data):
    """The records there are, as (partition, offset, key, value)."""
    found = rows("tail", topic, "--from", "oldest", "--no-follow", *args, data=data)
    return [tuple(row[name] for name in ("partition", "offset", "key", "value")) for row in found]


def fails(*args, data=None, status=1, **more):
    done = run("topic", *args, data=data, check=False, **more)
    assert done.returncode == status, done
    assert done.stderr.count("pinion: ") == 1, done
    return done.stderr


# --- create, describe, alter, delete --------------------------------------------------------------


def test_topics_come_and_go(place):
    assert [row["topic"] for row in rows("list", data=place)] == PIPELINE_TOPICS
    made = rows("create", "orders", "--partitions", 2, "--retention", "7d", data=place)
    assert made == rows("describe", "orders", data=place)
    assert made == [
        {"partition": partition, "begin": 0, "end": 0, "records": 0, "size_bytes": 0,
         "topic": "orders", "retention_ms": 7 * 86400_000, "retention_bytes": None,
         "record_bytes_max": 1 << 20, "compression": "none"}
        for partition in (0, 1)
    ]  # fmt: skip
    listed = {row["topic"]: row for row in rows("list", data=place)}
    assert listed["orders"]["partitions"] == 2 and listed["orders"]["read_by"] is None
    assert "exists" in fails("create", "orders", data=place)
    run("topic", "produce", "orders", data=place, input="1\n2\n")
    done = run("topic", "delete", "orders", "--yes", data=place)
    assert done.stdout == "deleted the topic orders: 2 partitions, 2 records\n"
    assert [row["topic"] for row in rows("list", data=place)] == PIPELINE_TOPICS
    assert "orders" in fails("describe", "orders", data=place)


def test_what_people_see(place):
    run("topic", "create", "orders", "--retention", "forever", data=place)
    shown = run("topic", "describe", "orders", data=place).stdout.splitlines()
    assert shown[0] == "orders: retention forever, records up to 1MiB, compression none"
    assert shown[2].split() == ["partition", "begin", "end", "records", "size_bytes"]
    text = run("topic", "describe", "orders", "--format", "csv", data=place).stdout
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["topic"], row["retention_ms"], row["end"]) == ("orders", "", "0")
    (line,) = run("topic", "list", "--format", "jsonl", data=place).stdout.splitlines()[-1:]
    assert json.loads(line)["topic"] == "orders"


def test_alter(place):
    run("topic", "create", "orders", "--partitions", 2, data=place)
    altered = rows(
        "alter", "orders", "--partitions", 3, "--retention-bytes", "1GiB",
        "--record-bytes-max", "2MiB", data=place,
    )  # fmt: skip
    assert [row["partition"] for row in altered] == [0, 1, 2]
    assert altered[0]["retention_bytes"] == 1 << 30
    assert altered[0]["record_bytes_max"] == 2 << 20
    (first, *_) = rows("alter", "orders", "--retention-bytes", "unlimited", data=place)
    assert first["retention_bytes"] is None and first["record_bytes_max"] == 2 << 20
    assert "cannot decrease" in fails("alter", "orders", "--partitions", 1, data=place)
    assert "nobody" in fails("alter", "nobody", "--partitions", 4, data=place)
    assert "give what to change" in fails("alter", "orders", data=place, status=2)
    assert "--retention" in fails("alter", "orders", "--retention", "soon", data=place)
    assert "forever" in fails("alter", "orders", "--retention", "0", data=place)


def test_what_the_pipeline_says_comes_back(data, tmp_path):
    pipeline = tmp_path / "shop"
    pipeline.mkdir()
    (pipeline / "pipeline.yml").write_text(
        "name: shop\ntopics:\n  orders: {partitions: 1, retention: 1h}\n"
    )
    with Server(data, "--pipeline", pipeline):
        more = ("--retention", "2h", "--pipeline", pipeline)
        done = run("topic", "alter", "orders", *more, data=data)
        assert "pipeline.yml sets the retention of orders" in done.stderr


def test_more_partitions_than_the_pipeline_says_stay(data, tmp_path):
    """Whether it says a number or leaves it out; the server names file, line and key."""
    pipeline = tmp_path / "shop"
    pipeline.mkdir()
    definition = pipeline / "pipeline.yml"
    definition.write_text("name: shop\ntopics:\n  orders: {partitions: 3}\n  items:\n")
    with Server(data, "--pipeline", pipeline):
        run("topic", "alter", "items", "--partitions", 2, data=data)
    definition.write_text("name: shop\ntopics:\n  orders: {partitions: 2}\n  items:\n")
    with Server(data, "--pipeline", pipeline) as server:
        partitions = {row["topic"]: row["partitions"] for row in rows("list", data=data)}
        assert partitions == {"orders": 3, "items": 2}
        warnings = [line for line in server.log().splitlines() if "cannot decrease" in line]
    assert len(warnings) == 2, warnings
    assert "pipeline.yml:3: topics.orders.partitions: topic orders has 3" in warnings[0]
    assert "pipeline.yml:4: topics.items: topic items has 2" in warnings[1]
    done = run("topic", "list", "--pipeline", pipeline, data=data)
    assert "cannot decrease" not in done.stderr  # it is the server's to warn


@pytest.mark.parametrize("path", ["/topics/{}", "/api/v1/topics/{}/records"])
def test_a_record_makes_a_topic_as_the_pipeline_says(data, tmp_path, path):
    """One that was deleted, and one whose name matches a pattern."""
    pipeline = tmp_path / "shop"
    pipeline.mkdir()
    (pipeline / "pipeline.yml").write_text(
        "name: shop\ntopics:\n"
        "  orders: {partitions: 3, retention: 7d, retention_bytes: 1GiB}\n"
        '  "items-*": {partitions: 2, retention: 1d}\n'
    )
    with Server(data, "--pipeline", pipeline) as server:
        run("topic", "delete", "orders", "--yes", data=data)
        for topic in ("orders", "items-a", "other"):
            value = {"value": 1} if path.startswith("/topics") else {"value": "1"}
            status, answer, _ = server.request(
                "POST", path.format(topic), {"records": [value]}
            )  # fmt: skip
            assert status == 200, answer
        days = 86_400_000
        made = {
            topic: (len(found), found[0]["retention_ms"], found[0]["retention_bytes"])
            for topic in ("orders", "items-a", "other")
            for found in [rows("describe", topic, data=data)]
        }
        assert made == {
            "orders": (3, 7 * days, 1 << 30), "items-a": (2, days, None), "other": (1, None, None),
        }  # fmt: skip


def test_a_delete_is_confirmed(place):
    run("topic", "create", "orders", data=place)
    assert "not deleted" in fails("delete", "orders", data=place, input="n\n")
    run("topic", "delete", "orders", data=place, input="y\n")
    assert "nobody" in fails("delete", "nobody", "--yes", data=place)


def test_streams_are_out_of_reach(place):
    run("stream", "create", "clicks", data=place)
    hidden = [name.name for name in (place / "log").iterdir() if name.name.startswith("__kinesis")]
    assert hidden
    for command in (["describe"], ["tail", "--no-follow"], ["delete", "--yes"], ["produce"]):
        assert hidden[0] in fails(command[0], hidden[0], *command[1:], data=place, input="x\n")
    assert hidden[0] not in run("topic", "list", data=place).stdout
    assert "__kinesis" in fails("create", "__kinesis.mine", data=place)


def test_mistakes(place):
    assert "0x2f" in fails("create", "a/b", data=place)
    assert "0x2f" in fails("describe", "../streams", data=place)
    pin = PIPELINE_TOPICS[1]
    assert "invalid --from" in fails("tail", pin, "--from", "soon", data=place, status=2)
    assert "no partition 7" in fails("tail", pin, "--partition", 7, "--no-follow", data=place)
    assert "no data folder" in fails("list", data=place / "nowhere")
    assert "no data folder" in fails("tail", "x", data=place / "nowhere")
    assert not (place / "nowhere").exists()


# --- produce, tail --------------------------------------------------------------------------------


def test_lines_become_records(place):
    run("topic", "create", "orders", data=place)
    done = rows("produce", "orders", "--key", "a", data=place, input='{"id":1}\r\n\nplain\nlast')
    assert done == [{"topic": "orders", "records": 3}]
    assert tail("orders", data=place) == [
        (0, 0, "a", '{"id":1}'),
        (0, 1, "a", "plain"),
        (0, 2, "a", "last"),
    ]
    (offset,) = rows("tail", "orders", "--from", 1, "-n", 1, data=place)
    assert offset["value"] == "plain" and offset["encoding"] == "text"
    assert rows("tail", "orders", "--from", "2030-01-01", "--no-follow", data=place) == []
    assert len(tail("orders", "--count", 2, data=place)) == 2


def test_what_tail_prints_produce_takes(place, tmp_path):
    """Keys, bytes that are not text, headers, tombstones: all come through."""
    records = [
        {"key": "k", "value": "text \u2028 with \"quotes\""},
        {"key": "AP8Q", "key_encoding": "base64", "value": "/wAB", "encoding": "base64"},
        {"key": "gone", "value": None},
        {"value": {"id": 9007199254740993, "list": [1, None]}},
        {"value": ""},
        {"value": "v", "headers": [{"name": "h", "value": "x"}, {"name": "n", "value": None},
                                   {"name": "b", "value": "/w==", "encoding": "base64"}]},
    ]  # fmt: skip
    lines = tmp_path / "records.jsonl"
    lines.write_text("".join(json.dumps(record) + "\n" for record in records))
    run("topic", "create", "orders", data=place)
    run("topic", "create", "copy", data=place)
    run("topic", "produce", "orders", lines, "--input", "json", data=place)
    args = ("--from", "oldest", "--no-follow", "--format", "jsonl")
    text = run("topic", "tail", "orders", *args, data=place).stdout
    found = [json.loads(line) for line in text.splitlines()]
    assert [row["offset"] for row in found] == list(range(6))
    assert found[0]["value"] == records[0]["value"] and found[0]["headers"] == []
    assert (found[1]["key"], found[1]["key_encoding"]) == ("AP8Q", "base64")
    assert (found[1]["value"], found[1]["encoding"]) == ("/wAB", "base64")
    assert (found[2]["value"], found[2]["encoding"]) == (None, None)
    assert json.loads(found[3]["value"]) == records[3]["value"] and found[3]["key"] is None
    assert (found[4]["value"], found[4]["encoding"]) == ("", "text")
    assert found[5]["headers"] == [
        {"name": "h", "value": "x", "encoding": "text"},
        {"name": "n", "value": None, "encoding": None},
        {"name": "b", "value": "/w==", "encoding": "base64"},
    ]
    run("topic", "produce", "copy", "--input", "json", data=place, input=text)
    again = rows("tail", "copy", "--from", "oldest", "--no-follow", data=place)
    for before, after in zip(found, again, strict=True):
        assert before | {"time": None} == after | {"time": None}


def test_partitions(place):
    run("topic", "create", "orders", "--partitions", 3, data=place)
    run("topic", "produce", "orders", "--partition", 2, data=place, input="a\nb\n")
    run("topic", "produce", "orders", data=place, input="c\nd\ne\n")
    assert tail("orders", "--partition", 2, data=place)[:2] == [
        (2, 0, None, "a"),
        (2, 1, None, "b"),
    ]
    assert sorted(value for *_, value in tail("orders", data=place)) == list("abcde")
    assert "partition" in fails("produce", "orders", "--partition", 9, data=place, input="x\n")


def test_many_records(place):
    """More than a batch, and more than a read."""
    run("topic", "create", "orders", "--partitions", 2, data=place)
    done = rows("produce", "orders", data=place, input="".join(f"{i}\n" for i in range(3000)))
    assert done == [{"topic": "orders", "records": 3000}]
    found = tail("orders", data=place)
    assert sorted(int(value) for *_, value in found) == list(range(3000))
    for partition in (0, 1):
        values = [int(value) for at, _, _, value in found if at == partition]
        assert values == sorted(values)


def test_a_bad_line_is_named(place):
    run("topic", "create", "orders", data=place)
    good = '{"value":"v"}\n'
    error = fails("produce", "orders", "--input", "json", data=place, input=good + "nonsense\n")
    assert "line 2" in error
    assert "line 1" in fails("produce", "orders", "--input", "json", data=place, input="[1]\n")
    bad = '{"value":"?","encoding":"base64"}\n'
    assert "not base64" in fails("produce", "orders", "--input", "json", data=place, input=bad)
    assert tail("orders", data=place) == []
    error = fails("produce", "orders", "--input", "json", data=place, input=good * 500 + "x\n")
    assert "after 500 records" in error and "line 501" in error
    assert len(tail("orders", data=place)) == 500
    assert "nobody" in fails("produce", "nobody", data=place, input="x\n")
    run("topic", "create", "small", "--record-bytes-max", 10, data=place)
    error = fails("produce", "small", data=place, input="a\nmuch too long for it\n")
    assert "lines 1 to 2: record 1 has 20 bytes" in error
    assert tail("small", data=place) == []
    assert "nowhere.txt" in fails("produce", "orders", "nowhere.txt", data=place)


def test_tail_follows(data):
    """What comes later is printed as it comes, also from partitions that were added, until ^C."""
    with Server(data):
        run("topic", "create", "orders", data=data)
        run("topic", "produce", "orders", data=data, input="before\n")
        process = subprocess.Popen(
            [PINION, "topic", "tail", "orders", "--format", "jsonl", "--data", str(data)],
            stdout=subprocess.PIPE, text=True, env=os.environ,
        )  # fmt: skip
        seen = []
        reader = threading.Thread(
            target=lambda: seen.extend(json.loads(line) for line in process.stdout)
        )
        reader.start()

        def await_seen(value):
            deadline = time.monotonic() + 30
            while not any(row["value"] == value for row in seen):
                assert time.monotonic() < deadline, seen
                time.sleep(0.02)

        deadline = time.monotonic() + 30
        while not seen:  # until it has looked once, what is produced may be before "newest"
            run("topic", "produce", "orders", data=data, input="first\n")
            assert time.monotonic() < deadline
            time.sleep(0.1)
        run("topic", "produce", "orders", data=data, input="second\n")
        await_seen("second")
        run("topic", "alter", "orders", "--partitions", 2, data=data)
        run("topic", "produce", "orders", "--partition", 1, data=data, input="third\n")
        await_seen("third")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        reader.join(30)
    assert "before" not in [row["value"] for row in seen]


def test_without_a_server_tail_says_that_it_ends(data):
    run("topic", "create", "orders", data=data)
    done = run("topic", "tail", "orders", "--from", "oldest", data=data)
    assert "No server runs" in done.stderr


# --- the API --------------------------------------------------------------------------------------


def test_the_api(data):
    with Server(data) as server:

        def call(method, path, body=None):
            sends = ["-H", "content-type: application/json", "-d", json.dumps(body)] if body else []
            done = subprocess.run(
                ["curl", "-s", "-w", "\n%{http_code}", "-X", method, server.url + path, *sends],
                capture_output=True, text=True, timeout=30, check=True,
            )  # fmt: skip
            text, status = done.stdout.rsplit("\n", 1)
            return int(status), json.loads(text) if text else None

        base = "/api/v1/topics/orders"
        status, made = call("POST", base, {"partitions": 2, "retention_ms": -1})
        assert status == 200 and len(made["partitions"]) == 2
        assert made["partitions"][0] | {"begin": "0", "end": "0", "retention_ms": None} == (
            made["partitions"][0]
        )
        to_one = {"records": [{"value": "v", "partition": 1}]}
        status, sent = call("POST", base + "/records", to_one)
        assert (status, sent) == (200, {"offsets": [{"partition": 1, "offset": "0"}]})
        status, read = call("GET", base + "/records?partition=1&from=oldest")
        assert status == 200
        assert (read["partition"], read["next"], read["end"], read["damage"]) == (1, "1", "1", None)
        assert read["records"][0]["offset"] == "0" and read["records"][0]["time_ms"] > 1.7e12
        for bad in (
            {"partitions": 0}, {"partitions": "many"}, {"colour": "red"}, {"retention_ms": -2}, [1],
        ):  # fmt: skip
            assert call("POST", "/api/v1/topics/other", bad)[0] == 400, bad
        for query in ("partition=x", "from=soon", "limit=-1", "partition=99999"):
            assert call("GET", f"{base}/records?{query}")[0] == 400, query
        assert call("GET", base + "/records?partition=2")[0] == 404
        for bad in ([], [{"value": "x", "partition": -7}], [1]):
            assert call("POST", base + "/records", {"records": bad})[0] == 400, bad
        assert call("DELETE", base)[0] == 204
        assert call("GET", base)[0] == 404


# --- retention ------------------------------------------------------------------------------------


def test_retention_and_what_has_not_landed(data):
    """A shorter retention removes old records within a minute. Then the sink's lag, in its status
    and as a metric, is what is still there."""
    settings = ("log.segment_bytes=1MiB", "sink.rotate_interval_ms=1h", "sink.flush_size=100000")
    topic = PIPELINE_TOPICS[0]
    with Server(data, *(word for setting in settings for word in ("--set", setting))) as server:
        value = json.dumps({"text": "x" * 10000}) + "\n"
        run("topic", "produce", topic, data=data, input=value * 500)
        run("topic", "alter", topic, "--retention-bytes", "1MiB", data=data)

        def looks():
            return rows("describe", topic, data=data)[0]

        def lags():
            landings = json.loads(server.request("GET", "/api/v1/sink")[1])["partitions"]
            (status,) = [row for row in landings if row["topic"] == topic]
            page = server.request("GET", "/metrics")[1].decode()
            (gauge,) = re.findall(rf'pinion_sink_lag_records{{topic="{topic}"}} (\d+)', page)
            return status["lag"], int(gauge)

        deadline = time.monotonic() + 90
        while True:  # segments go one by one
            found = looks()
            left = found["records"]
            if 0 < left < 300 and len(tail(topic, data=data)) == left and lags() == (left, left):
                break
            assert time.monotonic() < deadline, (found, lags())
            time.sleep(0.5)
        assert found["end"] == 500 and left == 500 - found["begin"]
