"""What streams do, as boto3 sees them."""

import contextlib
import datetime
import hashlib
import json
import time

import pytest
from botocore.exceptions import ClientError
from kinesis_api import ACCOUNT, REGION, RING, arn, client, raw, shard

from pinion import Server


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("kinesis") / "data") as server:
        yield server


@pytest.fixture
def kinesis(running):
    """A client; the streams that a test makes are gone after it."""
    made = client(running)
    before = streams_of(made)
    yield made
    for name in streams_of(made):
        if name not in before:
            made.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


def streams_of(kinesis):
    """The pipeline has some, too."""
    return [
        name
        for page in kinesis.get_paginator("list_streams").paginate()
        for name in page["StreamNames"]
    ]


class refused:
    """Expects a call to fail with this error, in a `with`."""

    def __init__(self, name, message=None):
        self.name, self.message = name, message

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        assert kind is not None, f"no {self.name}"
        if not issubclass(kind, ClientError):
            return False
        assert error.response["Error"]["Code"] == self.name
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        if self.message is not None:
            assert error.response["Error"]["Message"] == self.message
        return True


def hash_of(key):
    return int.from_bytes(hashlib.md5(key.encode()).digest(), "big")


def iterator(kinesis, stream, number, kind="TRIM_HORIZON", **more):
    return kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard(number), ShardIteratorType=kind, **more
    )["ShardIterator"]


def read_all(kinesis, start):
    """All records from an iterator to the tip, and the last answer."""
    records = []
    while True:
        answer = kinesis.get_records(ShardIterator=start)
        records += answer["Records"]
        start = answer.get("NextShardIterator")
        if start is None or (not answer["Records"] and answer["MillisBehindLatest"] == 0):
            return records, answer


def shards_of(kinesis, stream, size=1000):
    """All shards, by pages; boto3's own paginator says StreamName again, which AWS refuses."""
    answer = kinesis.list_shards(StreamName=stream, MaxResults=size)
    found = answer["Shards"]
    while "NextToken" in answer:
        answer = kinesis.list_shards(NextToken=answer["NextToken"], MaxResults=size)
        found += answer["Shards"]
    return found


def open_shards(kinesis, stream):
    """The open shards in the order of the ring, which they cover without a gap."""
    found = [
        one for one in shards_of(kinesis, stream)
        if "EndingSequenceNumber" not in one["SequenceNumberRange"]
    ]  # fmt: skip
    found.sort(key=lambda one: int(one["HashKeyRange"]["StartingHashKey"]))
    at = 0
    for one in found:
        assert int(one["HashKeyRange"]["StartingHashKey"]) == at
        at = int(one["HashKeyRange"]["EndingHashKey"]) + 1
    assert at == RING
    return found


# --- streams -------------------------------------------------------------------------------------


def test_create_and_delete(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=3)
    kinesis.get_waiter("stream_exists").wait(StreamName="orders")
    described = kinesis.describe_stream(StreamName="orders")["StreamDescription"]
    assert described["StreamARN"] == arn("orders")
    assert described["StreamStatus"] == "ACTIVE"
    assert described["RetentionPeriodHours"] == 24
    assert described["EncryptionType"] == "NONE"
    now = datetime.datetime.now(datetime.timezone.utc)
    assert abs(now - described["StreamCreationTimestamp"]).total_seconds() < 60
    assert len(open_shards(kinesis, "orders")) == 3
    message = f"Stream orders under account {ACCOUNT} already exists."
    with refused("ResourceInUseException", message):
        kinesis.create_stream(StreamName="orders", ShardCount=1)
    kinesis.delete_stream(StreamName="orders")
    kinesis.get_waiter("stream_not_exists").wait(StreamName="orders")
    with refused("ResourceNotFoundException", f"Stream orders under account {ACCOUNT} not found."):
        kinesis.describe_stream(StreamName="orders")


def test_pages_of_streams(kinesis):
    names = [f"zz-stream-{i:02d}" for i in range(7)]
    for name in names:
        kinesis.create_stream(StreamName=name, ShardCount=1)
    every = streams_of(kinesis)
    assert [name for name in every if name.startswith("zz-")] == names
    found, token = [], {}
    while True:
        page = kinesis.list_streams(Limit=3, **token)
        assert [one["StreamName"] for one in page["StreamSummaries"]] == page["StreamNames"]
        found += page["StreamNames"]
        if not page["HasMoreStreams"]:
            break
        assert len(page["StreamNames"]) == 3
        token = {"NextToken": page["NextToken"]}
    assert found == every
    after = kinesis.list_streams(ExclusiveStartStreamName=names[4])
    assert after["StreamNames"] == names[5:]


# --- records -------------------------------------------------------------------------------------


def test_put_and_get(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=4)
    shards = open_shards(kinesis, "orders")
    sent = {}
    for i in range(40):
        key, data = f"key-{i % 10}", bytes([i, 0, 255])
        put = kinesis.put_record(StreamName="orders", PartitionKey=key, Data=data)
        home = next(
            one for one in shards
            if int(one["HashKeyRange"]["StartingHashKey"]) <= hash_of(key)
            <= int(one["HashKeyRange"]["EndingHashKey"])
        )  # fmt: skip
        assert put["ShardId"] == home["ShardId"]
        sent.setdefault(put["ShardId"], []).append((put["SequenceNumber"], key, data))
    for number in range(4):
        records, answer = read_all(kinesis, iterator(kinesis, "orders", number))
        got = [(one["SequenceNumber"], one["PartitionKey"], one["Data"]) for one in records]
        assert got == sent.get(shard(number), [])
        numbers = [int(one[0]) for one in got]
        assert numbers == sorted(set(numbers))
        assert answer["MillisBehindLatest"] == 0


def test_put_records_keeps_their_order(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    entries = [{"PartitionKey": f"k{i % 7}", "Data": str(i).encode()} for i in range(500)]
    answer = kinesis.put_records(StreamARN=arn("orders"), Records=entries)
    assert answer["FailedRecordCount"] == 0
    assert len(answer["Records"]) == 500
    got = []
    for number in range(2):
        records, _ = read_all(kinesis, iterator(kinesis, "orders", number))
        values = [int(one["Data"]) for one in records]
        assert values == sorted(values)
        told = {
            one["SequenceNumber"] for one in answer["Records"] if one["ShardId"] == shard(number)
        }
        assert told == {one["SequenceNumber"] for one in records}
        got += values
    assert sorted(got) == list(range(500))


def test_explicit_hash_keys(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    for key, home in ((0, 0), (RING // 2 - 1, 0), (RING // 2, 1), (RING - 1, 1)):
        put = kinesis.put_record(
            StreamName="orders", PartitionKey="k", Data=b"", ExplicitHashKey=str(key)
        )
        assert put["ShardId"] == shard(home)
    with refused("InvalidArgumentException"):
        kinesis.put_record(
            StreamName="orders", PartitionKey="k", Data=b"", ExplicitHashKey=str(RING)
        )


def test_iterators(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    puts = [
        kinesis.put_record(StreamName="orders", PartitionKey="k", Data=str(i).encode())
        for i in range(5)
    ]
    third = puts[2]["SequenceNumber"]

    def values(kind, **more):
        records, _ = read_all(kinesis, iterator(kinesis, "orders", 0, kind, **more))
        return [int(one["Data"]) for one in records]

    assert values("TRIM_HORIZON") == [0, 1, 2, 3, 4]
    assert values("AT_SEQUENCE_NUMBER", StartingSequenceNumber=third) == [2, 3, 4]
    assert values("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=third) == [3, 4]
    assert values("LATEST") == []
    assert values("AT_TIMESTAMP", Timestamp=datetime.datetime(2020, 1, 1)) == [0, 1, 2, 3, 4]
    records, _ = read_all(kinesis, iterator(kinesis, "orders", 0))
    at = records[0]["ApproximateArrivalTimestamp"]
    assert 0 in values("AT_TIMESTAMP", Timestamp=at)
    start = iterator(kinesis, "orders", 0)
    answer = kinesis.get_records(ShardIterator=start, Limit=2)
    assert len(answer["Records"]) == 2
    assert answer["MillisBehindLatest"] >= 0
    again = kinesis.get_records(ShardIterator=start, Limit=2)  # an iterator is not a cursor
    assert again["Records"] == answer["Records"]
    latest = iterator(kinesis, "orders", 0, "LATEST")
    kinesis.put_record(StreamName="orders", PartitionKey="k", Data=b"5")
    assert [one["Data"] for one in read_all(kinesis, latest)[0]] == [b"5"]


def test_iterators_last_over_a_restart(data):
    with Server(data) as server:
        kinesis = client(server)
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        put = kinesis.put_record(StreamName="orders", PartitionKey="k", Data=b"x")
        start = iterator(kinesis, "orders", 0)
    with Server(data) as server:
        records = client(server).get_records(ShardIterator=start)["Records"]
        assert [one["SequenceNumber"] for one in records] == [put["SequenceNumber"]]


def test_a_damaged_part_of_the_log_is_passed_over(data):
    """Consumers in their loops get behind it, and those who watch the server hear of it."""
    with Server(data) as server:
        kinesis = client(server)
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        consumer = register(kinesis, "reader")["ConsumerARN"]
        for record in (b"first", b"damaged", b"last"):
            kinesis.put_record(StreamName="orders", PartitionKey="k", Data=record)
        log = data / "log" / "__kinesis.orders" / "0" / f"{0:020}.log"
        log.write_bytes(log.read_bytes().replace(b"damaged", b"DAMAGED"))
        records, _ = read_all(kinesis, iterator(kinesis, "orders", 0))
        assert [one["Data"] for one in records] == [b"first", b"last"]
        subscription = kinesis.subscribe_to_shard(
            ConsumerARN=consumer, ShardId=shard(0), StartingPosition={"Type": "TRIM_HORIZON"}
        )
        with contextlib.closing(subscription["EventStream"]) as events:
            seen = []
            while len(seen) < 2:
                event = next(iter(events))["SubscribeToShardEvent"]
                seen += [record["Data"] for record in event["Records"]]
        assert seen == [b"first", b"last"]
        _, metrics, _ = server.request("GET", "/metrics")
        assert b'pinion_kinesis_lost_records_total{stream="orders"} 2' in metrics


def test_large_records(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    with refused("ValidationException"):
        kinesis.put_record(StreamName="orders", PartitionKey="k", Data=bytes(2**20 + 1))
    kinesis.update_max_record_size(StreamARN=arn("orders"), MaxRecordSizeInKiB=10240)
    large = bytes(range(256)) * (4 * 2**20 // 256)
    for _ in range(3):
        kinesis.put_record(StreamName="orders", PartitionKey="k", Data=large)
    records, _ = read_all(kinesis, iterator(kinesis, "orders", 0))
    assert [one["Data"] == large for one in records] == [True] * 3
    too_much = [{"PartitionKey": "k", "Data": large[: 7 * 2**19]}] * 3  # 10.5 MiB
    with refused("InvalidArgumentException", "Records size exceeds 10 MB limit"):
        kinesis.put_records(StreamName="orders", Records=too_much)


# --- resharding ----------------------------------------------------------------------------------


def test_split_and_merge(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    kinesis.put_record(StreamName="orders", PartitionKey="k", Data=b"before")
    kinesis.split_shard(
        StreamName="orders", ShardToSplit=shard(0), NewStartingHashKey=str(RING // 4)
    )
    shards = open_shards(kinesis, "orders")
    assert [one["ShardId"] for one in shards] == [shard(1), shard(2)]
    assert {one["ParentShardId"] for one in shards} == {shard(0)}
    records, last = read_all(kinesis, iterator(kinesis, "orders", 0))
    assert [one["Data"] for one in records] == [b"before"]
    assert "NextShardIterator" not in last
    assert [one["ShardId"] for one in last["ChildShards"]] == [shard(1), shard(2)]
    kinesis.merge_shards(
        StreamName="orders", ShardToMerge=shard(1), AdjacentShardToMerge=shard(2)
    )
    (merged,) = open_shards(kinesis, "orders")
    assert merged["ParentShardId"] == shard(1)
    assert merged["AdjacentParentShardId"] == shard(2)
    put = kinesis.put_record(StreamName="orders", PartitionKey="k", Data=b"after")
    assert put["ShardId"] == merged["ShardId"] == shard(3)
    with refused("InvalidArgumentException"):
        kinesis.split_shard(
            StreamName="orders", ShardToSplit=shard(0), NewStartingHashKey=str(RING // 8)
        )


def test_scaling(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=4)

    def scale(target):
        return kinesis.update_shard_count(
            StreamName="orders", TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )

    answer = scale(8)
    assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (4, 8)
    assert len(open_shards(kinesis, "orders")) == 8
    scale(5)
    sizes = [
        int(one["HashKeyRange"]["EndingHashKey"]) - int(one["HashKeyRange"]["StartingHashKey"]) + 1
        for one in open_shards(kinesis, "orders")
    ]
    # As AWS does it: neighbours are merged down to the target, nothing else moves.
    assert sorted(sizes) == [RING // 8] * 2 + [RING // 4] * 3
    assert len(shards_of(kinesis, "orders")) == 4 + 8 + 3
    for target in (11, 2):
        with pytest.raises(ClientError):
            scale(target)
    assert len(open_shards(kinesis, "orders")) == 5


def test_lists_of_shards(running, kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=2)
    kinesis.update_shard_count(
        StreamName="orders", TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )
    every = [one["ShardId"] for one in shards_of(kinesis, "orders")]
    paged = shards_of(kinesis, "orders", size=2)
    assert [one["ShardId"] for one in paged] == every
    opened = {one["ShardId"] for one in open_shards(kinesis, "orders")}
    assert len(every) > 4 and len(opened) == 4

    def filtered(kind, **more):
        answer = kinesis.list_shards(StreamName="orders", ShardFilter={"Type": kind, **more})
        return {one["ShardId"] for one in answer["Shards"]}

    assert filtered("AT_LATEST") == opened
    assert filtered("FROM_TRIM_HORIZON") == set(every)
    assert filtered("AT_TRIM_HORIZON") == {shard(0), shard(1)}
    assert filtered("AFTER_SHARD_ID", ShardId=shard(1)) == set(every[2:])
    at = {"Type": "AT_TIMESTAMP", "Timestamp": time.time()}  # boto3 would cut it to a second
    _, answer = raw(running, "ListShards", {"StreamName": "orders", "ShardFilter": at})
    assert {one["ShardId"] for one in answer["Shards"]} == opened
    token = kinesis.list_shards(StreamName="orders", MaxResults=1)["NextToken"]
    message = "NextToken and StreamName cannot be provided together."
    with refused("InvalidArgumentException", message):
        kinesis.list_shards(StreamName="orders", NextToken=token)


# --- consumers -----------------------------------------------------------------------------------


def register(kinesis, name):
    return kinesis.register_stream_consumer(StreamARN=arn("orders"), ConsumerName=name)["Consumer"]


def test_consumers(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    made = register(kinesis, "reader")
    assert made["ConsumerARN"].startswith(arn("orders") + "/consumer/reader:")
    found = kinesis.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])
    assert found["ConsumerDescription"]["StreamARN"] == arn("orders")
    assert found["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE"
    for i in range(4):
        register(kinesis, f"other-{i}")
    pages = kinesis.get_paginator("list_stream_consumers").paginate(
        StreamARN=arn("orders"), PaginationConfig={"PageSize": 2}
    )
    names = [one["ConsumerName"] for page in pages for one in page["Consumers"]]
    assert names == ["other-0", "other-1", "other-2", "other-3", "reader"]
    with refused("ResourceInUseException"):
        register(kinesis, "reader")
    with refused("ResourceInUseException"):
        kinesis.delete_stream(StreamName="orders")
    kinesis.deregister_stream_consumer(ConsumerARN=made["ConsumerARN"])
    with refused("ResourceNotFoundException"):
        kinesis.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])


def test_subscribe_to_shard(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    consumer = register(kinesis, "reader")["ConsumerARN"]
    first = kinesis.put_record(StreamName="orders", PartitionKey="k", Data=b"first")

    def subscribe(**position):
        return kinesis.subscribe_to_shard(
            ConsumerARN=consumer, ShardId=shard(0), StartingPosition=position
        )["EventStream"]

    with contextlib.closing(subscribe(Type="TRIM_HORIZON")) as events:
        event = next(iter(events))["SubscribeToShardEvent"]
        assert [one["Data"] for one in event["Records"]] == [b"first"]
        assert event["Records"][0]["SequenceNumber"] == first["SequenceNumber"]
        assert event["MillisBehindLatest"] == 0
        kinesis.put_record(StreamName="orders", PartitionKey="k", Data=b"second")
        for event in events:
            records = event["SubscribeToShardEvent"]["Records"]
            if records:
                break
        assert [one["Data"] for one in records] == [b"second"]
        go_on = event["SubscribeToShardEvent"]["ContinuationSequenceNumber"]
        with refused("ResourceInUseException"):
            subscribe(Type="LATEST")
    assert int(go_on) >= int(first["SequenceNumber"])
    with refused("ResourceNotFoundException"):
        kinesis.subscribe_to_shard(
            ConsumerARN=consumer, ShardId=shard(7), StartingPosition={"Type": "LATEST"}
        )


def test_a_subscription_ends_with_its_shard(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    consumer = register(kinesis, "reader")["ConsumerARN"]
    kinesis.put_record(StreamName="orders", PartitionKey="k", Data=b"last")
    subscription = kinesis.subscribe_to_shard(
        ConsumerARN=consumer, ShardId=shard(0), StartingPosition={"Type": "TRIM_HORIZON"}
    )
    with contextlib.closing(subscription["EventStream"]) as events:
        seen, children = [], []
        for event in events:
            one = event["SubscribeToShardEvent"]
            if not seen:
                kinesis.split_shard(
                    StreamName="orders", ShardToSplit=shard(0), NewStartingHashKey=str(RING // 2)
                )
            seen += [record["Data"] for record in one["Records"]]
            children += [child["ShardId"] for child in one.get("ChildShards", [])]
    assert seen == [b"last"]
    assert children == [shard(1), shard(2)]


# --- what a stream is set to ---------------------------------------------------------------------


def test_tags(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=1, Tags={"team": "a"})
    kinesis.add_tags_to_stream(StreamName="orders", Tags={"env": "test", "team": "b"})
    tags = kinesis.list_tags_for_stream(StreamName="orders")["Tags"]
    assert tags == [{"Key": "env", "Value": "test"}, {"Key": "team", "Value": "b"}]
    kinesis.remove_tags_from_stream(StreamName="orders", TagKeys=["env"])
    consumer = register(kinesis, "reader")["ConsumerARN"]
    kinesis.tag_resource(ResourceARN=consumer, Tags={"of": "consumer"})
    assert kinesis.list_tags_for_resource(ResourceARN=consumer)["Tags"] == [
        {"Key": "of", "Value": "consumer"}
    ]
    assert len(kinesis.list_tags_for_resource(ResourceARN=arn("orders"))["Tags"]) == 1
    kinesis.untag_resource(ResourceARN=consumer, TagKeys=["of"])
    assert kinesis.list_tags_for_resource(ResourceARN=consumer)["Tags"] == []
    with refused("InvalidArgumentException"):
        kinesis.add_tags_to_stream(StreamName="orders", Tags={f"t{i}": "" for i in range(50)})


def test_settings_last_over_a_restart(data):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]})
    with Server(data) as server:
        kinesis = client(server)
        before = kinesis.describe_limits()
        kinesis.create_stream(StreamName="orders", ShardCount=1)
        kinesis.increase_stream_retention_period(StreamName="orders", RetentionPeriodHours=100)
        kinesis.start_stream_encryption(
            StreamName="orders", EncryptionType="KMS", KeyId="alias/aws/kinesis"
        )
        metrics = kinesis.enable_enhanced_monitoring(
            StreamName="orders", ShardLevelMetrics=["IncomingBytes", "OutgoingBytes"]
        )
        assert metrics["CurrentShardLevelMetrics"] == []
        kinesis.put_resource_policy(ResourceARN=arn("orders"), Policy=policy)
        kinesis.update_stream_mode(
            StreamARN=arn("orders"), StreamModeDetails={"StreamMode": "ON_DEMAND"}
        )
        kinesis.update_account_settings(
            MinimumThroughputBillingCommitment={"Status": "ENABLED"}
        )
    with Server(data) as server:
        kinesis = client(server)
        one = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
        assert one["RetentionPeriodHours"] == 100
        assert (one["EncryptionType"], one["KeyId"]) == ("KMS", "alias/aws/kinesis")
        assert one["EnhancedMonitoring"] == [
            {"ShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"]}
        ]
        assert one["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
        assert kinesis.get_resource_policy(ResourceARN=arn("orders"))["Policy"] == policy
        account = kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]
        assert account["Status"] == "ENABLED"
        limits = kinesis.describe_limits()
        assert limits["OpenShardCount"] == before["OpenShardCount"] + 1
        assert limits["OnDemandStreamCount"] == before["OnDemandStreamCount"] + 1


def test_retention(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    kinesis.increase_stream_retention_period(StreamName="orders", RetentionPeriodHours=48)
    message = (
        "Requested retention period (30 hours) for stream orders can not be shorter than existing "
        "retention period (48 hours). Use DecreaseRetentionPeriod API."
    )
    with refused("InvalidArgumentException", message):
        kinesis.increase_stream_retention_period(StreamName="orders", RetentionPeriodHours=30)
    kinesis.decrease_stream_retention_period(StreamName="orders", RetentionPeriodHours=30)
    message = (
        "Minimum allowed retention period is 24 hours. Requested retention period (2 hours) is too "
        "short."
    )
    with refused("InvalidArgumentException", message):
        kinesis.decrease_stream_retention_period(StreamName="orders", RetentionPeriodHours=2)


def test_encryption_is_told(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    put = {"StreamName": "orders", "PartitionKey": "k", "Data": b"x"}
    assert "EncryptionType" not in kinesis.put_record(**put)
    key = {"StreamName": "orders", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    kinesis.start_stream_encryption(**key)
    assert kinesis.put_record(**put)["EncryptionType"] == "KMS"
    records, _ = read_all(kinesis, iterator(kinesis, "orders", 0))
    assert {one["EncryptionType"] for one in records} == {"KMS"}
    kinesis.stop_stream_encryption(**key)
    assert "EncryptionType" not in kinesis.put_record(**put)


# --- errors --------------------------------------------------------------------------------------


def test_how_streams_are_named(running, kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    summary = kinesis.describe_stream_summary(StreamARN=arn("orders"))["StreamDescriptionSummary"]
    assert summary["StreamName"] == "orders"
    # boto3 itself would look for a host of AWS by a StreamId.
    status, answer = raw(running, "DescribeStreamSummary", {"StreamId": summary["StreamId"]})
    assert status == 200
    assert answer["StreamDescriptionSummary"]["StreamName"] == "orders"
    with refused("InvalidArgumentException", "StreamARN and StreamName mismatch"):
        kinesis.describe_stream(StreamName="orders", StreamARN=arn("others"))
    with refused("InvalidArgumentException"):
        kinesis.describe_stream()
    with refused("AccessDeniedException"):
        kinesis.describe_stream(
            StreamARN=f"arn:aws:kinesis:{REGION}:123456789012:stream/orders"
        )
    with refused("InvalidArgumentException"):
        kinesis.describe_stream(
            StreamARN=f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/orders"
        )


def test_exceptions_have_their_classes(kinesis):
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_stream(StreamName="nothing")
    with pytest.raises(kinesis.exceptions.InvalidArgumentException):
        kinesis.get_records(ShardIterator="A" * 200)
    with pytest.raises(kinesis.exceptions.LimitExceededException):
        kinesis.create_stream(StreamName="orders", ShardCount=100000)
