"""The AWS CLI over the life of a stream, as a script uses it."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pinion import Server

AWS = Path(sys.executable).with_name("aws")
# The CLI has a botocore of its own; to import it would put it in the place of boto3's.
CLI = Path(importlib.util.find_spec("awscli").submodule_search_locations[0])
MODEL = CLI / "botocore" / "data" / "kinesis" / "2013-12-02" / "service-2.json"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_PAGER": "",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("awscli") / "data") as running:
        yield running


def run(server, *words):
    command = [AWS, "--endpoint-url", server.url, "--output", "json", "kinesis", *words]
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=120,
        env={**os.environ, **SETTINGS},
    )  # fmt: skip


def aws(server, *words):
    """What `aws kinesis WORDS...` answers; None where it prints nothing."""
    done = run(server, *words)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def shards_of(server, name):
    return aws(server, "list-shards", "--stream-name", name)["Shards"]


def read(server, name, shard, *more):
    words = ("--stream-name", name, "--shard-id", shard, "--shard-iterator-type", *more)
    iterator = aws(server, "get-shard-iterator", *words)["ShardIterator"]
    return aws(server, "get-records", "--shard-iterator", iterator)


def test_records(shared):
    name = ("--stream-name", "cli-records")
    assert aws(shared, "create-stream", *name, "--shard-count", 1) is None
    assert aws(shared, "wait", "stream-exists", *name) is None
    put = aws(shared, "put-record", *name, "--partition-key", "k", "--data", "first")
    assert put["ShardId"] == "shardId-000000000000"
    entries = [{"Data": text, "PartitionKey": "k"} for text in ("second", "third")]
    several = aws(shared, "put-records", *name, "--records", json.dumps(entries))
    assert several["FailedRecordCount"] == 0

    answer = read(shared, "cli-records", put["ShardId"], "TRIM_HORIZON")
    # The bytes are shown in base64.
    assert [record["Data"] for record in answer["Records"]] == ["Zmlyc3Q=", "c2Vjb25k", "dGhpcmQ="]
    numbers = [record["SequenceNumber"] for record in answer["Records"]]
    assert numbers == [put["SequenceNumber"], *(r["SequenceNumber"] for r in several["Records"])]
    assert answer["MillisBehindLatest"] == 0
    rest = read(
        shared, "cli-records", put["ShardId"], "AFTER_SEQUENCE_NUMBER",
        "--starting-sequence-number", numbers[1],
    )  # fmt: skip
    assert [record["Data"] for record in rest["Records"]] == ["dGhpcmQ="]


def test_settings(shared):
    name = ("--stream-name", "cli-settings")
    aws(shared, "create-stream", *name, "--stream-mode-details", "StreamMode=ON_DEMAND")
    aws(shared, "increase-stream-retention-period", *name, "--retention-period-hours", 48)
    aws(shared, "add-tags-to-stream", *name, "--tags", "team=data,env=test")
    aws(shared, "remove-tags-from-stream", *name, "--tag-keys", "env")
    assert aws(shared, "list-tags-for-stream", *name)["Tags"] == [{"Key": "team", "Value": "data"}]
    summary = aws(shared, "describe-stream-summary", *name)["StreamDescriptionSummary"]
    assert summary["RetentionPeriodHours"] == 48
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    arn = ("--stream-arn", summary["StreamARN"])
    aws(shared, "register-stream-consumer", *arn, "--consumer-name", "reader")
    (consumer,) = aws(shared, "list-stream-consumers", *arn)["Consumers"]
    assert consumer["ConsumerName"] == "reader"
    aws(shared, "deregister-stream-consumer", "--consumer-arn", consumer["ConsumerARN"])
    encrypt = ("--encryption-type", "KMS", "--key-id", "alias/aws/kinesis")
    aws(shared, "start-stream-encryption", *name, *encrypt)
    described = aws(shared, "describe-stream", *name)["StreamDescription"]
    assert described["EncryptionType"] == "KMS"
    assert aws(shared, "describe-limits")["ShardLimit"] > 0


def test_resharding_and_the_end(shared):
    name = ("--stream-name", "cli-shards")
    aws(shared, "create-stream", *name, "--shard-count", 2)
    first, second = shards_of(shared, "cli-shards")
    middle = str(int(first["HashKeyRange"]["EndingHashKey"]) // 2)
    split = ("--shard-to-split", first["ShardId"], "--new-starting-hash-key", middle)
    aws(shared, "split-shard", *name, *split)
    aws(shared, "wait", "stream-exists", *name)
    children = shards_of(shared, "cli-shards")[2:]
    assert [child["ParentShardId"] for child in children] == [first["ShardId"]] * 2
    pair = ("--shard-to-merge", children[0]["ShardId"])
    pair += ("--adjacent-shard-to-merge", children[1]["ShardId"])
    aws(shared, "merge-shards", *name, *pair)
    aws(shared, "wait", "stream-exists", *name)
    merged = shards_of(shared, "cli-shards")[-1]
    assert merged["HashKeyRange"] == first["HashKeyRange"]
    scale = ("--target-shard-count", 4, "--scaling-type", "UNIFORM_SCALING")
    assert aws(shared, "update-shard-count", *name, *scale)["TargetShardCount"] == 4
    aws(shared, "wait", "stream-exists", *name)
    open_now = [s for s in shards_of(shared, "cli-shards")
                if "EndingSequenceNumber" not in s["SequenceNumberRange"]]  # fmt: skip
    assert len(open_now) == 4

    aws(shared, "delete-stream", *name)
    aws(shared, "wait", "stream-not-exists", *name)
    assert "cli-shards" not in aws(shared, "list-streams")["StreamNames"]


def test_what_belongs_to_aws(shared):
    name = ("--stream-name", "cli-rest")
    aws(shared, "create-stream", *name, "--shard-count", 1)
    aws(shared, "increase-stream-retention-period", *name, "--retention-period-hours", 48)
    aws(shared, "decrease-stream-retention-period", *name, "--retention-period-hours", 24)
    metrics = ("--shard-level-metrics", "IncomingBytes", "OutgoingBytes")
    on = aws(shared, "enable-enhanced-monitoring", *name, *metrics)
    assert on["DesiredShardLevelMetrics"] == ["IncomingBytes", "OutgoingBytes"]
    off = aws(shared, "disable-enhanced-monitoring", *name, *metrics[:2])
    assert off["DesiredShardLevelMetrics"] == ["OutgoingBytes"]
    encrypt = ("--encryption-type", "KMS", "--key-id", "alias/aws/kinesis")
    aws(shared, "start-stream-encryption", *name, *encrypt)
    aws(shared, "stop-stream-encryption", *name, *encrypt)
    summary = aws(shared, "describe-stream-summary", *name)["StreamDescriptionSummary"]
    assert summary["RetentionPeriodHours"] == 24 and summary["EncryptionType"] == "NONE"

    arn = summary["StreamARN"]
    resource = ("--resource-arn", arn)
    aws(shared, "tag-resource", *resource, "--tags", "team=data,env=test")
    aws(shared, "untag-resource", *resource, "--tag-keys", "env")
    tags = aws(shared, "list-tags-for-resource", *resource)["Tags"]
    assert tags == [{"Key": "team", "Value": "data"}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    aws(shared, "put-resource-policy", *resource, "--policy", policy)
    assert aws(shared, "get-resource-policy", *resource)["Policy"] == policy
    aws(shared, "delete-resource-policy", *resource)
    aws(shared, "register-stream-consumer", "--stream-arn", arn, "--consumer-name", "reader")
    consumer = aws(shared, "describe-stream-consumer", "--stream-arn", arn, "--consumer-name",
                   "reader")["ConsumerDescription"]  # fmt: skip
    assert consumer["ConsumerStatus"] == "ACTIVE" and consumer["StreamARN"] == arn

    stream = ("--stream-arn", arn)
    aws(shared, "update-max-record-size", *stream, "--max-record-size-in-ki-b", 2048)
    mode = ("--stream-mode-details", "StreamMode=ON_DEMAND")
    aws(shared, "update-stream-mode", *stream, *mode)
    commitment = ("--minimum-throughput-billing-commitment", "Status=ENABLED")
    aws(shared, "update-account-settings", *commitment)
    kept = aws(shared, "describe-account-settings")["MinimumThroughputBillingCommitment"]
    assert kept["Status"] == "ENABLED"
    aws(shared, "update-stream-warm-throughput", *name, "--warm-throughput-mi-bps", 100)
    summary = aws(shared, "describe-stream-summary", *name)["StreamDescriptionSummary"]
    assert summary["MaxRecordSizeInKiB"] == 2048
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert summary["WarmThroughput"]["TargetMiBps"] == 100


def test_every_operation_was_called(shared):
    """Every one that the CLI's own model has; SubscribeToShard is left out: there is no command for
    it."""
    status, body, _ = shared.request("GET", "/metrics")
    assert status == 200
    counted = re.findall(r'pinion_kinesis_requests_total\{operation="(\w+)"\} (\d+)', body.decode())
    called = {operation for operation, count in counted if int(count) > 0}
    every = set(json.loads(MODEL.read_text())["operations"])
    assert every - called == {"SubscribeToShard"}


@pytest.mark.parametrize(
    "words, error",
    [
        (["describe-stream", "--stream-name", "none"],
         "(ResourceNotFoundException) when calling the DescribeStream operation: "
         "Stream none under account 000000000000 not found."),
        (["get-records", "--shard-iterator", "forged"],
         "(InvalidArgumentException) when calling the GetRecords operation: Invalid ShardIterator"),
        (["create-stream", "--stream-name", "a b", "--shard-count", "1"],
         "(ValidationException) when calling the CreateStream operation: "
         "1 validation error detected: Value 'a b' at 'streamName' failed to satisfy constraint"),
    ],
)  # fmt: skip
def test_errors(shared, words, error):
    done = run(shared, *words)
    assert done.returncode != 0
    assert error in done.stderr
