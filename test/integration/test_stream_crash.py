"""kill -9 at random moments while producers put records, processors fill tables, streams are split
and merged, and tables are compacted.

Whatever was acknowledged is in the table, or in the dead letters, once; nothing is there twice.
PINION_CRASH_ROUNDS sets the number of rounds (50), shared by the tests.
"""

import base64
import http.client
import itertools
import json
import os
import random
import subprocess
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import pytest

from pinion import Server, run
from readers import spark_session
from streams import (
    PATHS, STREAMS, await_rows, await_started, kinesis, lag, letters, put_many, rows, table,
)  # fmt: skip

ROUNDS = int(os.environ.get("PINION_CRASH_ROUNDS", "50"))
PRODUCERS = 3
BAD_EVERY = 17  # one record of so many is not a row
KIND = "pin"
# Any signature passes, but there must be one.
SIGNED = {
    "Content-Type": "application/x-amz-json-1.1", "X-Amz-Date": "20261125T000000Z",
    "Authorization": "AWS4-HMAC-SHA256 Credential=any/20261125/us-east-1/kinesis/aws4_request, "
                     "SignedHeaders=host;x-amz-date, Signature=" + 64 * "0",
}  # fmt: skip
SETTINGS = [
    "--set", "stream.trigger_ms=20ms", "--set", "stream.compact_files=6",
    "--set", "stream.keep_ms=1m", "--set", "delta.checkpoint_interval=5",
    "--set", "log.segment_bytes=1MiB",
]  # fmt: skip

pytestmark = pytest.mark.timeout(900 + 10 * ROUNDS)


class Producer(threading.Thread):
    """Puts records until the server is gone or a stop is asked for; keeps what was acknowledged."""

    def __init__(self, url, numbers, seed):
        super().__init__()
        self.url, self.numbers, self.random = url, numbers, random.Random(seed)
        self.rows, self.letters = [], []  # acknowledged: keys, sequence numbers
        self.refused = None
        self.ended = threading.Event()

    def run(self):
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        try:
            while not self.ended.is_set():
                self.random.choice((self.put_record, self.put_record, self.put_records))(connection)
        except (OSError, http.client.HTTPException):
            pass  # the server was killed
        except AssertionError as refused:
            self.refused = refused
        finally:
            connection.close()

    def ask(self, connection, method, path, body, headers):
        connection.request(method, path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)

    def record(self):
        number = next(self.numbers)
        row = {"index": number, "category": "x" * self.random.choice((5, 200, 2000))}
        return number, {"no": "row"} if number % BAD_EVERY == 0 else row

    def keep(self, number, sequence):
        if number % BAD_EVERY == 0:
            self.letters.append(sequence)
        else:
            self.rows.append(number)

    def put_record(self, connection):
        """By the API Gateway's route."""
        number, row = self.record()
        told = self.ask(
            connection, "PUT", f"/prod/streams/{STREAMS[KIND]}/record",
            {"Data": row, "PartitionKey": f"test_{KIND}"}, {"Content-Type": "application/json"},
        )  # fmt: skip
        self.keep(number, told["SequenceNumber"])

    def put_records(self, connection):
        """By the Kinesis API, on shards of their own choice, among records of others."""
        taken = [self.record() for _ in range(self.random.choice((2, 10, 50)))]
        entries = [
            {"Data": encode(row), "PartitionKey": f"test_{KIND}",
             "ExplicitHashKey": str(self.random.getrandbits(128))}
            for _, row in taken
        ]  # fmt: skip
        entries.append({"Data": encode({"index": -1}), "PartitionKey": "another"})
        told = self.ask(
            connection, "POST", "/", {"StreamName": STREAMS[KIND], "Records": entries},
            {**SIGNED, "X-Amz-Target": "Kinesis_20131202.PutRecords"},
        )  # fmt: skip
        assert told["FailedRecordCount"] == 0, told
        for (number, _), entry in zip(taken, told["Records"], strict=False):
            self.keep(number, entry["SequenceNumber"])


def encode(row):
    return base64.b64encode(json.dumps(row).encode()).decode()


class Resharder(threading.Thread):
    """Changes the number of shards now and then, and how long records are kept."""

    def __init__(self, url, seed):
        super().__init__()
        self.url, self.random = url, random.Random(seed)
        self.changes = 0
        self.refused = None
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(self.random.uniform(0.02, 0.4)):
            connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
            try:
                change = self.random.choice((self.scale, self.scale, self.split, self.keep))
                # Refused when there are so many shards already, or when it is kept so long.
                self.changes += change(connection) is not None
            except (OSError, http.client.HTTPException):
                return
            except AssertionError as refused:
                self.refused = refused
                return
            finally:
                connection.close()


    def ask(self, connection, operation, **body):
        connection.request(
            "POST", "/", json.dumps({"StreamName": STREAMS[KIND], **body}),
            {**SIGNED, "X-Amz-Target": f"Kinesis_20131202.{operation}"},
        )  # fmt: skip
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status in (200, 400), text
        return json.loads(text or "{}") if answer.status == 200 else None

    def scale(self, connection):
        return self.ask(
            connection, "UpdateShardCount", ScalingType="UNIFORM_SCALING",
            TargetShardCount=self.random.choice((2, 3, 4)),
        )  # fmt: skip

    def split(self, connection):
        """Anywhere within a shard; one of two that are beside each other is merged as often."""
        told = self.ask(connection, "ListShards", ShardFilter={"Type": "AT_LATEST"})
        shards = sorted(
            (int(each["HashKeyRange"]["StartingHashKey"]),
             int(each["HashKeyRange"]["EndingHashKey"]), each["ShardId"])
            for each in told["Shards"]
        )  # fmt: skip
        at = self.random.randrange(len(shards))
        start, end, shard = shards[at]
        if at > 0 and (len(shards) > 3 or self.random.random() < 0.5):
            return self.ask(
                connection, "MergeShards", ShardToMerge=shards[at - 1][2],
                AdjacentShardToMerge=shard,
            )  # fmt: skip
        key = str(self.random.randrange(start + 1, end + 1)) if end > start else str(start)
        return self.ask(connection, "SplitShard", ShardToSplit=shard, NewStartingHashKey=key)

    def keep(self, connection):
        operation = self.random.choice(
            ("IncreaseStreamRetentionPeriod", "DecreaseStreamRetentionPeriod")
        )
        hours = self.random.randrange(24, 100)
        return self.ask(connection, operation, RetentionPeriodHours=hours)


class Load:
    """Producers and a resharder on one server."""

    def __init__(self, url, numbers, chance):
        self.producers = [Producer(url, numbers, chance.random()) for _ in range(PRODUCERS)]
        self.resharder = Resharder(url, chance.random())
        self.threads = [*self.producers, self.resharder]
        for thread in self.threads:
            thread.start()

    def end(self, acknowledged):
        for thread in self.threads:
            thread.ended.set()
        for thread in self.threads:
            thread.join()
        acknowledged["changes"] += self.resharder.changes
        assert self.resharder.refused is None, self.resharder.refused
        for producer in self.producers:
            assert producer.refused is None, producer.refused
            acknowledged["rows"] += producer.rows
            acknowledged["letters"] += producer.letters


def numbers_from_one():
    """Each number once, whichever thread asks."""
    lock, counter = threading.Lock(), itertools.count(1)

    class Numbers:
        def __next__(self):
            with lock:
                return next(counter)

    return Numbers()


def nothing_yet():
    return {"rows": [], "letters": [], "changes": 0}


def check(data, acknowledged):
    """Each record that was acknowledged is there once, and none is there twice."""
    found = Counter(row["ind"] for row in rows(data, KIND))
    repeated = [number for number, times in found.items() if times > 1]
    assert not repeated, f"in the table more than once: {sorted(repeated)[:5]}"
    missing = sorted(set(acknowledged["rows"]) - set(found))
    assert not missing, f"{len(missing)} acknowledged, not in the table: {missing[:5]}"
    assert not [number for number in found if number % BAD_EVERY == 0 or number < 0]
    found = Counter(row["sequence_number"] for row in letters(data))
    assert not [each for each, times in found.items() if times > 1], "a dead letter is there twice"
    assert set(acknowledged["letters"]) <= set(found)
    assert len(acknowledged["rows"]) > ROUNDS and acknowledged["letters"]
    assert acknowledged["changes"] > 0


def drain(data):
    run("stream", "process", "--once", *SETTINGS, data=data)
    assert not [row for row in lag(data, STREAMS[KIND], *SETTINGS) if row["lag"]]


def test_the_server_is_killed(data):
    chance = random.Random(20261125)
    numbers, acknowledged = numbers_from_one(), nothing_yet()
    with Server(data, *SETTINGS):
        await_started(data)
    for _ in range((ROUNDS + 1) // 2):
        server = Server(data, *SETTINGS).start()
        load = Load(server.url, numbers, chance)
        time.sleep(chance.uniform(0.02, 0.8))  # when the crash comes
        server.kill()
        load.end(acknowledged)
    drain(data)
    check(data, acknowledged)
    operations = Counter(each.get("operation") for each in table(data, PATHS[KIND]).history())
    assert operations["OPTIMIZE"] > 0, operations


def test_processors_are_killed(data, processors):
    chance = random.Random(20261126)
    numbers, acknowledged = numbers_from_one(), nothing_yet()
    with Server(data, *SETTINGS):
        await_started(data)
    with Server(data, *SETTINGS, "--roles", "gateway") as server:
        load = Load(server.url, numbers, chance)
        processors.start(*SETTINGS)
        for _ in range(ROUNDS // 2):
            if len(processors.running) < 2 and chance.random() < 0.5:
                processors.start(*SETTINGS)  # two at once
            time.sleep(chance.uniform(0.1, 0.8))
            processors.kill(chance.choice(processors.running))
            if not processors.running:
                processors.start(*SETTINGS)
        load.end(acknowledged)
        drain(data)
        for process in list(processors.running):
            processors.stop(process)
    check(data, acknowledged)


def test_everything_is_killed(data, processors):
    """The server and a processor beside it, which finds the next server by itself."""
    chance = random.Random(20261128)
    numbers, acknowledged = numbers_from_one(), nothing_yet()
    with Server(data, *SETTINGS):
        await_started(data)
    server = Server(data, *SETTINGS).start()
    process = processors.start(*SETTINGS)
    for _ in range(ROUNDS // 4):
        load = Load(server.url, numbers, chance)
        time.sleep(chance.uniform(0.1, 0.6))
        if chance.random() < 0.5:
            processors.kill(process)
            process = processors.start(*SETTINGS)
            time.sleep(chance.uniform(0, 0.3))
        server.kill()
        load.end(acknowledged)
        server = Server(data, *SETTINGS).start()
    processors.stop(process)
    server.stop()
    drain(data)
    check(data, acknowledged)
    with spark_session() as spark:
        read = spark.read.format("delta").load(str(data / "store" / PATHS[KIND])).collect()
    assert Counter(row.ind for row in read) == Counter(row["ind"] for row in rows(data, KIND))


@pytest.fixture
def small_store(data):
    """The store on a disk of its own, of 16 MiB; gives a function that enlarges it."""
    store = data / "store"
    store.mkdir(parents=True)

    def mount(*options):
        return subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(store)],
            capture_output=True,
        )  # fmt: skip

    if os.geteuid() != 0 or mount("size=16m").returncode != 0:
        pytest.skip("a disk can only be made by root")
    yield lambda: mount("remount", "size=256m")
    subprocess.run(["umount", "-l", str(store)], check=True)


def test_a_full_disk_is_waited_for(data, small_store):
    chance = random.Random(20261127)

    def states():
        tables = json.loads(server.request("GET", "/api/v1/streams")[1])["tables"]
        return {each["table"]: each["state"] for each in tables}

    def told_lag():
        lines = server.request("GET", "/metrics")[1].decode().splitlines()
        (line,) = [each for each in lines if 'lag_records{table="stream_pin"}' in each]
        return int(line.rsplit(" ", 1)[1])

    def put(numbers):
        # Texts that no compression makes small.
        put_many(kinesis(server.url), KIND, [
            {"index": number, "title": chance.randbytes(20000).hex()} for number in numbers
        ])  # fmt: skip

    with Server(data, *SETTINGS) as server:
        await_started(data)
        sent = 0
        # A table may recover by itself: a compaction that fails gives its room back. The log goes
        # on taking records meanwhile, and the lag is reported.
        while states()["stream_pin"] != "trouble" or told_lag() < 300:
            assert sent < 4000
            put(range(sent, sent + 50))
            sent += 50
        assert states()["stream_geo"] == "running"
        small_store()
        await_rows(data, KIND, sent)
        assert states()["stream_pin"] == "running"
        assert "the trouble is over" in server.log()
    assert sorted(row["ind"] for row in rows(data, KIND)) == list(range(sent))
