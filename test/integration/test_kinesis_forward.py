"""Streams in another Kinesis (kinesis.endpoint): a gateway forwards their calls. The other one is
a server of pinion with AWS's limits and signatures, since Amazon's cannot be reached here."""

import base64
import collections
import json
import re
import socket
import threading
import uuid

import botocore.exceptions
import pytest
import requests

from kinesis import call, client, stored
from pinion import Failed, Server, run
from s3 import NO_KEYS, free_port

ACCESS, SECRET = "AKIDEXAMPLE", "a-secret-of-the-gateway"
OURS = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET}
GUARDED = ["--set", f"aws.access_key={ACCESS}", "--set", f"aws.secret_key={SECRET}"]
PIN = "streaming-0e3bbd435bfb-pin"


def gateway(folder, url, *args, env=OURS):
    """It only forwards, unless `args` give it roles."""
    args = args if "--roles" in args else ("--roles", "gateway", *args)
    return Server(folder, "--set", f"kinesis.endpoint={url}", *args, env={**NO_KEYS, **env})


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("real") / "data", *GUARDED) as running:
        yield running


@pytest.fixture(scope="module")
def front(real, tmp_path_factory):
    with gateway(tmp_path_factory.mktemp("front") / "data", real.url) as running:
        yield running


def signed(server):
    return client(server, ACCESS, SECRET)


def new_stream(server, shards=1):
    name = f"s-{uuid.uuid4().hex[:12]}"
    signed(server).create_stream(StreamName=name, ShardCount=shards)
    return name


def records_of(server, stream):
    kinesis = signed(server)
    records = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            answer = kinesis.get_records(ShardIterator=iterator, Limit=10000)
            if not answer["Records"]:
                break
            records += [(record["PartitionKey"], record["Data"]) for record in answer["Records"]]
            iterator = answer["NextShardIterator"]
    return records


def metric(server, name):
    _, text, _ = server.request("GET", "/metrics")
    return sum(float(line.split()[-1]) for line in text.decode().splitlines()
               if re.match(rf"{name}[ {{]", line))  # fmt: skip


def test_a_record_goes_through_both_interfaces(real, front):
    stream = new_stream(real)
    data = {"index": 1, "title": "café"}
    path = f"{front.url}/prod/streams/{stream}/record"
    answer = requests.put(path, json={"Data": data, "PartitionKey": "k"}, timeout=30)
    assert answer.status_code == 200 and set(answer.json()) == {"ShardId", "SequenceNumber"}
    assert answer.headers["x-amzn-RequestId"] and answer.headers["x-amz-id-2"]
    put = client(front).put_record(StreamName=stream, Data=b"\x00raw\xff", PartitionKey="é")
    assert put["SequenceNumber"] > answer.json()["SequenceNumber"]
    want = [("k", json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()),
            ("é", b"\x00raw\xff")]  # fmt: skip
    assert records_of(real, stream) == want
    assert stored(front, stream) == want
    shard = requests.get(f"{front.url}/streams/{stream}/sharditerator",
                         params={"shard-id": "shardId-000000000000"}, timeout=30)  # fmt: skip
    headers = {"Shard-Iterator": shard.json()["ShardIterator"]}
    read = requests.get(f"{front.url}/streams/{stream}/records", headers=headers, timeout=30)
    assert [base64.b64decode(r["Data"]) for r in read.json()["Records"]] == [d for _, d in want]


def test_streams_are_made_listed_and_deleted_there(real, front):
    name = f"s-{uuid.uuid4().hex[:12]}"
    made = requests.post(f"{front.url}/streams/{name}", json={"ShardCount": 2}, timeout=30)
    assert (made.status_code, made.json()) == (200, {})
    assert len(signed(real).list_shards(StreamName=name)["Shards"]) == 2
    assert name in requests.get(f"{front.url}/streams", timeout=30).json()["StreamNames"]
    assert name in client(front).list_streams()["StreamNames"]
    assert name in run("stream", "list", data=front.data).stdout
    requests.delete(f"{front.url}/streams/{name}", timeout=30)
    with pytest.raises(botocore.exceptions.ClientError, match="ResourceNotFoundException"):
        client(front).describe_stream_summary(StreamName=name)


def test_errors_are_those_of_the_other_kinesis(front):
    answer = requests.put(f"{front.url}/streams/not-there/record",
                          json={"Data": 1, "PartitionKey": "k"}, timeout=30)  # fmt: skip
    assert answer.status_code == 400
    assert answer.json()["__type"] == "ResourceNotFoundException"
    answer = requests.put(f"{front.url}/streams/not-there/record", json={"Data": 1}, timeout=30)
    assert answer.json()["__type"] == "ValidationException"
    with pytest.raises(botocore.exceptions.ClientError, match="not forwarded"):
        client(front).subscribe_to_shard(
            ConsumerARN="arn:aws:kinesis:us-east-1:000000000000:stream/a/consumer/b:1",
            ShardId="shardId-000000000000", StartingPosition={"Type": "LATEST"})  # fmt: skip


def test_records_that_failed_are_sent_again_alone(tmp_path):
    real = Server(tmp_path / "real", *GUARDED, "--set", "kinesis.put_failure_percent=30")
    with real, gateway(tmp_path / "front", real.url) as front:
        stream = new_stream(real, 3)
        want = collections.Counter()
        for batch in range(10):
            records = [(f"k{batch}-{i}", f"{batch},{i}".encode() * 20) for i in range(500)]
            want.update(records)
            answer = client(front).put_records(StreamName=stream, Records=[
                {"PartitionKey": key, "Data": data} for key, data in records])  # fmt: skip
            for (key, data), result in zip(records, answer["Records"], strict=True):
                if "ErrorCode" in result:  # about 12 of 5,000: as often as a record may be sent
                    want[(key, data)] -= 1
            failed = sum("ErrorCode" in result for result in answer["Records"])
            assert failed == answer["FailedRecordCount"] < 100
        found = collections.Counter(records_of(real, stream))
        assert found == +want
        assert metric(front, "pinion_kinesis_again_records_total") > 1000
        assert metric(front, "pinion_gateway_records_total") >= found.total()


def test_the_rest_routes_send_again_too(tmp_path):
    real = Server(tmp_path / "real", *GUARDED, "--set", "kinesis.put_failure_percent=50")
    with real, gateway(tmp_path / "front", real.url) as front:
        stream = new_stream(real)
        records = [{"data": {"i": i}, "partition-key": f"k{i}"} for i in range(400)]
        path = f"{front.url}/streams/{stream}/records"
        answer = requests.put(path, json={"records": records}, timeout=60).json()
        kept = [f"k{i}" for i, result in enumerate(answer["Records"]) if "ErrorCode" not in result]
        assert len(kept) == 400 - answer["FailedRecordCount"] > 300
        assert sorted(key for key, _ in records_of(real, stream)) == sorted(kept)


def test_calls_that_fail_for_now_are_sent_again(tmp_path):
    real = Server(tmp_path / "real", *GUARDED)
    with real, gateway(tmp_path / "front", real.url) as front:
        stream = new_stream(real)
        real.stop()
        port = real.url.rsplit(":", 1)[1]
        real.args += ["--set", "kinesis.error_percent=10", "--listen", f"127.0.0.1:{port}"]
        with real:
            for i in range(100):
                body = {"Data": i, "PartitionKey": "k"}
                path = f"{front.url}/streams/{stream}/record"
                answer = requests.put(path, json=body, timeout=60)
                assert answer.status_code == 200, answer.text
            real.stop()
            del real.args[-4:]
            real.args += ["--listen", f"127.0.0.1:{port}"]
            real.start()
            assert {int(data) for _, data in records_of(real, stream)} == set(range(100))


def test_what_was_acknowledged_outlives_a_crash_of_the_other(tmp_path):
    real = Server(tmp_path / "real", *GUARDED, "--set", "log.durability=fsync")
    with real, gateway(tmp_path / "front", real.url) as front:
        stream = new_stream(real)
        port = real.url.rsplit(":", 1)[1]
        real.args += ["--listen", f"127.0.0.1:{port}"]
        kept, done = set(), threading.Event()

        def produce(worker):
            i = 0
            while not done.is_set():
                i += 1
                answer = requests.put(f"{front.url}/streams/{stream}/record", timeout=60, json={
                    "Data": f"{worker}-{i}", "PartitionKey": "k"})  # fmt: skip
                assert answer.status_code in (200, 503), answer.text
                if answer.status_code == 200:
                    kept.add(f"{worker}-{i}")

        threads = [threading.Thread(target=produce, args=[n]) for n in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            before = len(kept)
            while len(kept) < before + 50:
                done.wait(0.01)
            real.kill()
            real.start()
        done.set()
        for thread in threads:
            thread.join()
        assert len(kept) >= 150
        assert kept <= {json.loads(data) for _, data in records_of(real, stream)}


def test_credentials_that_are_refused_or_missing(real, tmp_path):
    wrong = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": "not-it"}
    body = {"Data": 1, "PartitionKey": "k"}
    with gateway(tmp_path / "wrong", real.url, env=wrong) as front:
        answer = requests.put(f"{front.url}/streams/s/record", json=body, timeout=60)
        assert answer.status_code == 503 and "not-it" not in answer.text
        assert "AWS_SECRET_ACCESS_KEY" in answer.json()["message"]
        assert answer.json()["__type"] == "ServiceUnavailable"
    with gateway(tmp_path / "none", real.url, env={}) as front:
        answer = requests.put(f"{front.url}/streams/s/record", json=body, timeout=60)
        assert answer.status_code == 503 and "AWS_ACCESS_KEY_ID" in answer.json()["message"]


def test_nobody_listens_there(tmp_path):
    with gateway(tmp_path / "data", f"http://127.0.0.1:{free_port()}") as front:
        answer = requests.put(f"{front.url}/streams/s/record",
                              json={"Data": 1, "PartitionKey": "k"}, timeout=60)  # fmt: skip
        assert answer.status_code == 503
        assert "check kinesis.endpoint" in answer.json()["message"]


class Abrupt(threading.Thread):
    """A server that takes a request and ends its connection, but for the first of each."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.bodies = []

    def take(self, line):
        """One request; gives whether there was one."""
        length = 0
        if not line.readline():
            return False
        while (header := line.readline()) not in (b"\r\n", b""):
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.bodies.append(json.loads(line.read(length)))
        return True

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            with connection, connection.makefile("rb") as line:
                if self.take(line):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                    self.take(line)


def test_what_ends_without_an_answer_is_not_sent_again(tmp_path):
    other = Abrupt()
    other.start()
    with gateway(tmp_path / "data", other.url) as front:
        for i in range(6):
            answer = requests.put(f"{front.url}/streams/s/record", timeout=60, json={
                "Data": i, "PartitionKey": "k"})  # fmt: skip
            assert answer.status_code == (200 if i % 2 == 0 else 503), answer.text
    sent = [base64.b64decode(body["Data"]) for body in other.bodies]
    assert sent == [b"%d" % i for i in range(6)]


def test_a_key_for_some_streams(real, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("secret-key-of-some-length rights=produce,read streams=mine-*\n")
    keys.chmod(0o600)
    guards = ["--set", "gateway.auth=api-key", "--set", f"gateway.api_key_file={keys}"]
    name = f"mine-{uuid.uuid4().hex[:8]}"
    signed(real).create_stream(StreamName=name, ShardCount=1)
    with gateway(tmp_path / "data", real.url, *guards) as front:
        def ask(operation, body):
            key = {"x-api-key": "secret-key-of-some-length"}
            status, answer, _ = call(front, operation, body, key)
            return status, json.loads(answer).get("__type")

        record = {"Data": "YQ==", "PartitionKey": "k"}
        arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"
        assert ask("PutRecord", {"StreamName": name, **record}) == (200, None)
        assert ask("PutRecord", {"StreamARN": arn, **record}) == (200, None)
        refused = (400, "AccessDeniedException")
        assert ask("PutRecord", {"StreamName": "other", **record}) == refused
        other = {"StreamARN": arn.replace("mine-", "x"), **record}
        assert ask("PutRecord", {"StreamName": name, **other}) == refused
        assert ask("PutRecord", other) == refused
        assert ask("GetRecords", {"ShardIterator": "AAAA"}) == refused
        assert ask("ListShards", {"StreamName": name, "NextToken": "x"}) == refused
        assert len(records_of(real, name)) == 2


def test_what_a_server_does_with_such_streams(real, tmp_path):
    with Server(tmp_path / "data", "--set", f"kinesis.endpoint={real.url}",
                env={**NO_KEYS, **OURS}) as front:  # fmt: skip
        assert "forwarded, and their tables are filled from there" in front.log()
        _, text, _ = front.request("GET", "/api/v1/status")
        assert "stream" in json.loads(text)["roles"]
    with gateway(tmp_path / "other", real.url, "--roles", "gateway") as front:
        assert "their tables are filled" not in front.log()
    with pytest.raises(Failed, match="kinesis.endpoint is .*give `aws` or a URL"):
        with gateway(tmp_path / "bad", "kinesis.eu-west-2.amazonaws.com"):
            pass


def test_profile_check_asks_for_the_streams(real, tmp_path):
    options = ["--set", f"kinesis.endpoint={real.url}", "--format", "json"]
    env = {**NO_KEYS, **OURS}

    def streams():
        done = run("profile", "check", "kinesis", *options, data=tmp_path / "d", env=env,
                   check=False)  # fmt: skip
        return next(row for row in json.loads(done.stdout) if row["part"] == "streams")

    found = streams()
    assert found["state"] == "good" and "has the pipeline's 3 streams" in found["detail"]
    signed(real).delete_stream(StreamName=PIN)
    found = streams()
    assert found["state"] == "bad" and f"the stream {PIN} is not there" in found["detail"]
    listed = json.loads(run("profile", "list", "--format", "json").stdout)
    assert "kinesis" in {row["profile"] for row in listed}
