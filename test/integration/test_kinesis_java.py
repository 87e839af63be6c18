"""A Java program on the AWS SDK for Java 2.x, which speaks CBOR and signs what it sends. It
subscribes by the SDK's asynchronous client, with its option for HTTP/1.1."""

import subprocess

import pytest

from kinesis import client
from pinion import ROOT, Server

ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEYS = ["--set", f"aws.access_key={ACCESS}", "--set", f"aws.secret_key={SECRET}"]
# A short program: the faster start counts.
JAVA = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8"]
CBOR = "application/x-amz-cbor-1.1"


def java(server, stream, secret=SECRET):
    jars = ROOT / "third_party/java-jars"
    if not list(jars.glob("kinesis-*.jar")):
        pytest.fail(f"the AWS SDK for Java is not in {jars}: run scripts/setup test")
    command = [*JAVA, "-cp", f"{jars}/*", ROOT / "test/java/StreamUser.java"]
    return subprocess.run(
        [*map(str, command), server.url, stream, ACCESS, secret],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.fixture
def signed(data):
    """A server that takes no request without a good signature."""
    with Server(data, *KEYS) as running:
        yield running


def test_a_java_program(signed):
    done = java(signed, "von-java")
    assert done.returncode == 0, done.stderr
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert (told["sent"], told["answered"]) == (CBOR, CBOR)

    # Another client, in JSON, finds the same.
    kinesis = client(signed, ACCESS, SECRET)
    shards = kinesis.list_shards(StreamName="von-java")["Shards"]
    assert [shard.get("ParentShardId") for shard in shards] == [
        None, None, "shardId-000000000000", "shardId-000000000000"
    ]  # fmt: skip
    shard, number = told["bytes"].split()
    iterator = kinesis.get_shard_iterator(
        StreamName="von-java", ShardId=shard, ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=number,
    )["ShardIterator"]  # fmt: skip
    (record,) = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert record["SequenceNumber"] == number
    assert record["Data"] == bytes(range(256))
    assert record["PartitionKey"] == "schlüssel 日😀"


def test_a_java_program_with_a_wrong_secret(signed):
    done = java(signed, "von-java", secret="wrong")
    assert done.returncode == 1
    assert "signature we calculated does not match" in done.stderr
    assert client(signed, ACCESS, SECRET).list_streams()["StreamNames"].count("von-java") == 0
