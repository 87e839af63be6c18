"""`pinion emulate stream`: both interfaces, every payload, retries, a real database; what is in
the streams afterwards is read by boto3."""

import base64
import hashlib
import json
import signal
import subprocess
import time

import boto3
import pytest
from database import KINDS, PASSWORD, database, lines  # noqa: F401
from pinion import PINION, Server, run

STREAMS = {kind: f"streaming-0e3bbd435bfb-{kind}" for kind in KINDS}
DOORS = ("kinesis-rest", "kinesis")


def summary(done):
    return json.loads(done.stdout)[0]


def kinesis(server):
    return boto3.client(
        "kinesis", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="any",
        aws_secret_access_key="any",
    )  # fmt: skip


def records(client, stream):
    """All of a stream: (shard, sequence number, partition key, bytes), a shard's in order."""
    found = []
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            page = client.get_records(ShardIterator=iterator)
            found += [
                (shard["ShardId"], one["SequenceNumber"], one["PartitionKey"], one["Data"])
                for one in page["Records"]
            ]
            iterator = page["NextShardIterator"]
            if page["MillisBehindLatest"] == 0:
                break
    return found


def acks_of(path):
    """What was acknowledged: (stream, shard, sequence number, sha256)."""
    return [tuple(line.split(",")) for line in path.read_text().splitlines()]


def stored_as(payload, line, has_quotes=True):
    """What the stream keeps of a record's JSON; API Gateway's template for several records takes a
    string's quotes off."""
    if not has_quotes:
        return base64.b64encode(line.encode()) if payload == "base64" else line.encode()
    if payload == "base64":
        return b'"' + base64.b64encode(line.encode()) + b'"'
    if payload == "json-string":
        return json.dumps(line, ensure_ascii=False).encode()
    return line.encode()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The lines of 300 rows of each kind, with anomalies and letters beyond ASCII among them."""
    folder = tmp_path_factory.mktemp("made")
    run("emulate", "--to", "jsonl", folder, "--rows", 300, "--seed", 3)
    found = {kind: lines(folder, kind) for kind in KINDS}
    assert any(not line.isascii() for line in found["pin"])
    assert any('"title":null' in line or '"title"' not in line or "N,o" in line
               for line in found["pin"])  # fmt: skip
    return found


# --- what is stored -------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 40])
@pytest.mark.parametrize("payload", ["object", "base64", "json-string"])
def test_what_is_stored_is_what_was_made(server, made, tmp_path, payload, batch):
    client = kinesis(server)
    rows = 300 if batch > 1 else 60
    before = {kind: 0 for kind in KINDS}
    for door in DOORS:
        done = run(
            "emulate", "stream", "--to", door, "--payload", payload, "--rows", rows, "--seed", 3,
            "--batch", batch, "--acks", tmp_path / door, "--format", "json", data=server.data,
        )  # fmt: skip
        assert summary(done) | {"sent": 3 * rows, "acknowledged": 3 * rows, "failed": 0,
                                "retried": 0, "maybe_twice": 0} == summary(done)  # fmt: skip
        acks = acks_of(tmp_path / door)
        for kind in KINDS:
            found = records(client, STREAMS[kind])[before[kind]:]  # fmt: skip
            before[kind] += len(found)
            # One connection keeps the order; a kind's constant key is one shard's.
            assert [data for _, _, _, data in found] == [
                stored_as(payload, line, door == "kinesis" or batch == 1)
                for line in made[kind][:rows]
            ]
            assert {key for _, _, key, _ in found} == {f"test_{kind}"}
            assert [ack[1:] for ack in acks if ack[0] == STREAMS[kind]] == [
                (shard, number, hashlib.sha256(data).hexdigest())
                for shard, number, _, data in found
            ]


def test_all_kinds_into_one_stream(server, made):
    """As one cohort of the cloud deployment has it; the keys still tell the kinds apart."""
    client = kinesis(server)
    client.create_stream(StreamName="Kinesis-Prod-Stream", ShardCount=2)
    for door in DOORS:
        run("emulate", "stream", "--to", door, "--stream", "Kinesis-Prod-Stream", "--rows", 20,
            "--seed", 3, "--connections", 4, data=server.data)  # fmt: skip
    found = records(client, "Kinesis-Prod-Stream")
    for kind in KINDS:
        mine = sorted(data.decode() for _, _, key, data in found if key == f"test_{kind}")
        assert mine == sorted(2 * made[kind][:20])
    assert len(found) == 120


def test_a_stage_and_slashes(server):
    run("emulate", "stream", "--rows", 5, "--stage", "/dev/", "--url", server.url + "/")
    assert len(records(kinesis(server), STREAMS["geo"])) == 5


def test_signed(data):
    keys = ["--set", "aws.access_key=AKIDEXAMPLE", "--set", "aws.secret_key=s3cret"]
    with Server(data, *keys) as server:
        run("emulate", "stream", "--to", "kinesis", "--rows", 20, "--batch", 7, *keys, data=data)
        done = run("emulate", "stream", "--to", "kinesis", "--url", server.url, check=False)
        assert done.returncode == 1 and "UnrecognizedClientException" in done.stderr


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("batch", [1, 25])
def test_failures_are_tried_again(data, made, tmp_path, door, batch):
    """Calls and single records fail; all rows arrive, and each acknowledged record is there."""
    faults = ["--set", "kinesis.put_failure_percent=30", "--set", "kinesis.error_percent=10"]
    with Server(data, *faults) as server:
        done = run(
            "emulate", "stream", "--to", door, "--rows", 150, "--seed", 3, "--batch", batch,
            "--connections", 8, "--retries", 60, "--acks", tmp_path / "acks", "--format", "json",
            data=data,
        )  # fmt: skip
        result = summary(done)
        assert result["acknowledged"] == 450 and result["failed"] == 0 and result["retried"] > 0
        server.stop()
        with Server(data) as healed:
            client = kinesis(healed)
            acks = acks_of(tmp_path / "acks")
            assert len(set(acks)) == len(acks) == 450
            for kind in KINDS:
                found = records(client, STREAMS[kind])
                assert sorted(made[kind][:150]) == sorted(
                    data.decode() for _, _, _, data in found
                )
                assert {ack[1:] for ack in acks if ack[0] == STREAMS[kind]} == {
                    (shard, number, hashlib.sha256(data).hexdigest())
                    for shard, number, _, data in found
                }


def test_a_run_that_gives_up_says_so(data):
    """Without enough attempts some are not acknowledged: they are counted, and the status tells."""
    with Server(data, "--set", "kinesis.put_failure_percent=100") as server:
        done = run(
            "emulate", "stream", "--to", "kinesis", "--rows", 2, "--batch", 2, "--retries", 1,
            "--format", "json", data=data, check=False,
        )  # fmt: skip
        assert done.returncode == 1 and "could not store a record for now" in done.stderr
        assert summary(done)["acknowledged"] == 0 and summary(done)["failed"] > 0
        assert all(records(kinesis(server), stream) == [] for stream in STREAMS.values())


def test_shard_limits_slow_it_down(data):
    """1,000 records a second and shard: more are refused for a while, and arrive nevertheless."""
    with Server(data, "--set", "kinesis.shard_limits=true") as server:
        done = run(
            "emulate", "stream", "--to", "kinesis", "--rows", 1500, "--batch", 250, "--format",
            "json", data=data,
        )  # fmt: skip
        assert summary(done)["acknowledged"] == 4500 and summary(done)["retried"] > 0
        assert len(records(kinesis(server), STREAMS["user"])) == 1500


@pytest.mark.parametrize("door", DOORS)
def test_a_stream_that_is_not_there(server, door):
    done = run("emulate", "stream", "--to", door, "--stream", "nope", data=server.data, check=False)
    assert done.returncode == 1
    assert "Stream nope under account 000000000000 not found" in done.stderr
    assert "pinion stream create" in done.stderr
    assert done.stderr.count("pinion: ") == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--to", "jsonl"], "kinesis-rest|kinesis"),
        (["--payload", "xml"], "object|base64|json-string"),
        (["--batch", "501"], "batch"),
        (["--stream", "a/b"], "invalid stream name"),
        (["--to", "kinesis", "--stage", "x"], "--stage needs"),
        (["--random"], "--random needs --source"),
        (["somewhere"], "somewhere"),
    ],
)
def test_wrong_use_is_refused(args, message):
    done = run("emulate", "stream", *args, check=False)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_kind_without_a_stream(server, tmp_path):
    (tmp_path / "generator.yml").write_text("rows: 1\nkinds: {k: {topic: t, fields: {a: b}}}\n")
    more = ["--url", server.url, "--pipeline", tmp_path]
    done = run("emulate", "stream", *more, check=False)
    assert done.returncode == 1 and "no stream for the kind k" in done.stderr
    run("emulate", "stream", *more, "--stream", STREAMS["pin"])
    found = records(kinesis(server), STREAMS["pin"])
    assert [record[2:] for record in found] == [("k", b'{"a":"b"}')]


def test_sigint_ends_it_with_the_summary(server):
    command = [
        PINION, "emulate", "stream", "--rows", "100000", "--rate", "500", "--url", server.url,
        "--format", "json",
    ]  # fmt: skip
    client = kinesis(server)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as producer:
        deadline = time.monotonic() + 60
        while len(records(client, STREAMS["pin"])) < 10:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        producer.send_signal(signal.SIGINT)
        out, err = producer.communicate(timeout=60)
    assert producer.returncode == 1 and b"stopped by a signal" in err
    result = json.loads(out)[0]
    assert result["sent"] == result["acknowledged"] >= 30
    assert sum(len(records(client, stream)) for stream in STREAMS.values()) == result["sent"]


# --- from a real database -------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
def test_from_the_database(database, server, door):  # noqa: F811
    done = run(
        "emulate", "stream", "--to", door, "--source", database.url(), "--batch", 50, "--format",
        "json", env={"PINION_MYSQL_PASSWORD": PASSWORD}, data=server.data,
    )  # fmt: skip
    assert summary(done)["acknowledged"] == 900
    client = kinesis(server)
    for kind in KINDS:
        found = [json.loads(data) for _, _, _, data in records(client, STREAMS[kind])]
        assert found == database.records[kind]
