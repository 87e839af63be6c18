"""kill -9 at random moments while producers write and the sink lands.

Whatever was acknowledged is there once, at the offset of the reply; offsets are dense; every
object and table holds each record once. PINION_CRASH_ROUNDS sets the number of rounds.
"""

import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import pytest

from pinion import Server, query, run

ROUNDS = int(os.environ.get("PINION_CRASH_ROUNDS", "50"))
PRODUCERS = 4
TOPICS = ("0e3bbd435bfb.pin", "0e3bbd435bfb.geo", "0e3bbd435bfb.user")
KEYS = {"0e3bbd435bfb.pin": "index", "0e3bbd435bfb.geo": "ind", "0e3bbd435bfb.user": "ind"}


class Producer(threading.Thread):
    """Posts records with keys of its own until the server is gone; keeps what was acknowledged."""

    def __init__(self, url, keys, seed):
        super().__init__()
        self.url, self.keys, self.random = url, keys, random.Random(seed)
        self.acknowledged = []  # (topic, offset, key)

    def run(self):
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        try:
            while True:
                self.post(connection)
        except (OSError, http.client.HTTPException):
            pass  # the server was killed
        finally:
            connection.close()

    def post(self, connection):
        topic = self.random.choice(TOPICS)
        keys = [next(self.keys) for _ in range(self.random.choice((1, 1, 1, 3, 10)))]
        filler = "x" * self.random.choice((10, 300, 3000))
        records = [{"value": {KEYS[topic]: key, "category": filler}} for key in keys]
        connection.request(
            "POST", f"/topics/{topic}", json.dumps({"records": records}),
            {"Content-Type": "application/vnd.kafka.json.v2+json"},
        )  # fmt: skip
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 200, body
        for key, entry in zip(keys, body["offsets"], strict=True):
            assert entry["error_code"] is None
            self.acknowledged.append((topic, entry["offset"], key))


def landed_records(store):
    """{topic: {offset: key}} of all landed objects; asserts that none is there twice."""
    landed = {topic: {} for topic in TOPICS}
    for topic in TOPICS:
        for path in sorted((store / "topics" / topic / "partition=0").glob("*.json")):
            start = int(path.name.removesuffix(".json").rsplit("+", 1)[1])
            for line, text in enumerate(path.read_text().splitlines()):
                offset = start + line
                assert offset not in landed[topic], f"{path} holds offset {offset} again"
                landed[topic][offset] = json.loads(text)[KEYS[topic]]
    return landed


@pytest.mark.parametrize("durability", ["fsync", "os"])
def test_what_was_acknowledged_survives_kill_9(data, durability):
    chance = random.Random(20261123)
    counter = iter(range(10**9))
    lock = threading.Lock()

    def keys():
        while True:
            with lock:
                key = next(counter)
            yield key

    acknowledged = []
    settings = [
        "--set", f"log.durability={durability}", "--set", "sink.flush_size=50",
        "--set", "sink.rotate_interval_ms=100ms", "--set", "log.segment_bytes=1MiB",
    ]  # fmt: skip
    for _ in range((ROUNDS + 1) // 2):
        server = Server(data, *settings).start()
        producers = [
            Producer(server.url, keys(), chance.random()) for _ in range(PRODUCERS)
        ]
        for producer in producers:
            producer.start()
        time.sleep(chance.uniform(0.02, 0.4))  # when the crash comes
        server.kill()
        for producer in producers:
            producer.join()
            acknowledged += producer.acknowledged

    run("dag", "trigger", "batch_processing_dag", "--wait", *settings, data=data)
    landed = landed_records(data / "store")
    assert acknowledged
    for topic, offset, key in acknowledged:
        assert landed[topic].get(offset) == key, f"{topic}@{offset} is not record {key}"
    for topic, records in landed.items():
        assert sorted(records) == list(range(len(records))), f"{topic}: offsets are not dense"
        repeated = [key for key, times in Counter(records.values()).items() if times > 1]
        assert not repeated, f"{topic}: landed more than once: {repeated[:5]}"
        table = "raw_" + topic.rsplit(".", 1)[1]
        rows = query(f'SELECT "{KEYS[topic]}" AS key FROM {table}', data)
        assert Counter(row["key"] for row in rows) == Counter(records.values())
