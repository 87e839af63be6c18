"""Every operation of AWS's service model: what is answered to a good input has the output's shape,
and each constraint of each member of each input is kept, in AWS's words.

The model is that of the newest botocore (test/requirements.txt). What AWS adds to it must be done
here, or be listed below with the reason why it isn't: a member that the server does not know would
be ignored, and it might be the one that says "only try"."""

import base64
import contextlib
import json
import pathlib
import re

import botocore
import pytest
from kinesis_api import RING, arn, client, model, raw, shard

from pinion import Server

MODEL = model()
SHAPES = MODEL["shapes"]

QUEUES = "queues on a stream: a consumer subscribes or reads a shard"
CHANNELS = "channels to S3: what a stream fills is a table of pipeline.yml"
NOT_HERE = {
    "AcknowledgeDeadLetterQueueRecords": QUEUES,
    "AcknowledgeQueueRecords": QUEUES,
    "CreateChannel": CHANNELS,
    "CreateQueue": QUEUES,
    "DeleteChannel": CHANNELS,
    "DeleteQueue": QUEUES,
    "DescribeChannel": CHANNELS,
    "DescribeQueue": QUEUES,
    "ListChannels": CHANNELS,
    "ListQueues": QUEUES,
    "ReceiveDeadLetterQueueRecords": QUEUES,
    "ReceiveQueueRecords": QUEUES,
    "RestoreDeadLetterQueueRecords": QUEUES,
    "UpdateChannel": CHANNELS,
    "UpdateDeadLetterQueueRecordsVisibility": QUEUES,
    "UpdateQueue": QUEUES,
    "UpdateQueueRecordsVisibility": QUEUES,
}
OPERATIONS = sorted(set(MODEL["operations"]) - set(NOT_HERE))

# What a text of these shapes may be, where there is a pattern.
TEXTS = {
    "StreamName": "orders",
    "ShardId": shard(0),
    "ConsumerName": "reader",
    "StreamARN": arn("orders"),
    "ResourceARN": arn("orders"),
    "ConsumerARN": arn("orders") + "/consumer/reader:1",
    "StreamId": "abcdefghijklmnopqrst-123",
    "SequenceNumber": "1",
    "HashKey": "1",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("kinesis") / "data") as server:
        yield server


# --- outputs -------------------------------------------------------------------------------------


class Outputs:
    """Compares answers with the shapes of the model, and notes which members it saw."""

    def __init__(self):
        self.operations = set()
        self.seen = set()

    def check(self, name, value, path):
        shape = SHAPES[name]
        kind = shape["type"]
        if kind == "structure":
            assert isinstance(value, dict), path
            unknown = set(value) - set(shape["members"])
            assert not unknown, f"{path}: {unknown} are not in the model"
            missing = set(shape.get("required", ())) - set(value)
            assert not missing, f"{path}: {missing} are missing"
            for key, member in value.items():
                self.seen.add((name, key))
                self.check(shape["members"][key]["shape"], member, f"{path}.{key}")
        elif kind == "list":
            assert isinstance(value, list), path
            for element in value:
                self.check(shape["member"]["shape"], element, path)
        elif kind == "string":
            assert isinstance(value, str), path
            assert value in shape.get("enum", [value]), f"{path}: {value}"
            if "pattern" in shape:
                assert re.fullmatch(shape["pattern"], value), f"{path}: {value}"
            assert shape.get("min", 0) <= len(value) <= shape.get("max", len(value)), path
        elif kind in ("integer", "long"):
            assert isinstance(value, int) and not isinstance(value, bool), path
            assert value >= 0, path  # the model has a FailedRecordCount of at least 1
        elif kind == "timestamp":
            assert isinstance(value, (int, float)) and not isinstance(value, bool), path
            assert value == 0 or value > 1.6e9, f"{path}: {value} is no time in seconds"
        elif kind == "boolean":
            assert isinstance(value, bool), path
        else:
            assert kind == "blob", kind
            base64.b64decode(value, validate=True)

    def after_call(self, http_response, parsed, model, **_):
        self.operations.add(model.name)
        output = MODEL["operations"][model.name].get("output")
        if model.name == "SubscribeToShard":
            return
        assert http_response.status_code == 200, http_response.content
        if output is None:
            assert http_response.content == b""
        else:
            self.check(output["shape"], json.loads(http_response.content), model.name)


def members_of(name, found):
    """All (structure, member) below a shape."""
    shape = SHAPES[name]
    if shape["type"] == "list":
        members_of(shape["member"]["shape"], found)
    for key, member in shape.get("members", {}).items():
        if (name, key) not in found:
            found.add((name, key))
            members_of(member["shape"], found)
    return found


def make_streams(kinesis):
    kinesis.create_stream(StreamName="orders", ShardCount=2, Tags={"team": "a"})
    kinesis.create_stream(StreamName="spare", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.list_streams(Limit=1)
    kinesis.describe_stream_summary(StreamARN=arn("orders"))
    kinesis.describe_limits()


def set_things(kinesis):
    name = {"StreamName": "orders"}
    kinesis.increase_stream_retention_period(RetentionPeriodHours=48, **name)
    kinesis.decrease_stream_retention_period(RetentionPeriodHours=30, **name)
    kinesis.start_stream_encryption(EncryptionType="KMS", KeyId="alias/aws/kinesis", **name)
    kinesis.enable_enhanced_monitoring(ShardLevelMetrics=["ALL"], **name)
    kinesis.describe_stream(**name)
    kinesis.describe_stream_summary(**name)
    kinesis.disable_enhanced_monitoring(ShardLevelMetrics=["IncomingBytes"], **name)
    kinesis.update_max_record_size(StreamARN=arn("orders"), MaxRecordSizeInKiB=2048)
    kinesis.describe_account_settings()
    commitment = {"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}}
    kinesis.update_account_settings(**commitment)
    kinesis.describe_account_settings()
    kinesis.update_stream_warm_throughput(StreamName="spare", WarmThroughputMiBps=5)
    kinesis.update_stream_record_distribution_strategy(
        StreamARN=arn("spare"), RecordDistributionStrategy="AUTO"
    )
    kinesis.describe_stream_summary(StreamName="spare")
    kinesis.update_stream_record_distribution_strategy(
        StreamARN=arn("spare"), RecordDistributionStrategy="USER_PARTITION_KEY"
    )
    provisioned = {"StreamMode": "PROVISIONED"}
    kinesis.update_stream_mode(StreamARN=arn("spare"), StreamModeDetails=provisioned)
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    kinesis.put_resource_policy(ResourceARN=arn("orders"), Policy=policy)
    assert kinesis.get_resource_policy(ResourceARN=arn("orders"))["Policy"] == policy
    kinesis.delete_resource_policy(ResourceARN=arn("orders"))


def tag_things(kinesis):
    kinesis.add_tags_to_stream(StreamName="orders", Tags={"a": "1", "b": "2"})
    kinesis.list_tags_for_stream(StreamName="orders", Limit=2)
    kinesis.remove_tags_from_stream(StreamName="orders", TagKeys=["a"])
    kinesis.tag_resource(ResourceARN=arn("orders"), Tags={"c": "3"})
    kinesis.list_tags_for_resource(ResourceARN=arn("orders"))
    kinesis.untag_resource(ResourceARN=arn("orders"), TagKeys=["c"])


def move_records(kinesis):
    put = kinesis.put_record(StreamName="orders", PartitionKey="k", Data=b"x", ExplicitHashKey="0")
    records = [{"PartitionKey": str(i), "Data": b"y"} for i in range(5)]
    kinesis.put_records(StreamName="orders", Records=records)
    iterator = kinesis.get_shard_iterator(
        StreamName="orders", ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return kinesis.get_records(ShardIterator=iterator)["NextShardIterator"]


def reshard(kinesis, iterator):
    kinesis.list_shards(StreamName="orders", MaxResults=1)
    kinesis.split_shard(
        StreamName="orders", ShardToSplit=shard(0), NewStartingHashKey=str(RING // 8)
    )
    kinesis.merge_shards(
        StreamName="orders", ShardToMerge=shard(2), AdjacentShardToMerge=shard(3)
    )
    kinesis.list_shards(StreamARN=arn("orders"))
    while iterator is not None:
        answer = kinesis.get_records(ShardIterator=iterator)
        iterator = answer.get("NextShardIterator")
    assert [child["ShardId"] for child in answer["ChildShards"]] == [shard(2), shard(3)]
    kinesis.update_shard_count(
        StreamName="orders", TargetShardCount=4, ScalingType="UNIFORM_SCALING"
    )


def consume(kinesis):
    made = [
        kinesis.register_stream_consumer(StreamARN=arn("orders"), ConsumerName=name)["Consumer"]
        for name in ("reader", "writer")
    ]
    kinesis.list_stream_consumers(StreamARN=arn("orders"), MaxResults=1)
    kinesis.describe_stream_consumer(ConsumerARN=made[0]["ConsumerARN"])
    events = kinesis.subscribe_to_shard(
        ConsumerARN=made[0]["ConsumerARN"], ShardId=shard(1),
        StartingPosition={"Type": "TRIM_HORIZON"},
    )["EventStream"]  # fmt: skip
    with contextlib.closing(events):
        assert "Records" in next(iter(events))["SubscribeToShardEvent"]
    kinesis.deregister_stream_consumer(StreamARN=arn("orders"), ConsumerName="writer")


def test_every_operation_answers_as_the_model_says(running):
    kinesis = client(running)
    outputs = Outputs()
    kinesis.meta.events.register("after-call.kinesis", outputs.after_call)
    make_streams(kinesis)
    set_things(kinesis)
    tag_things(kinesis)
    reshard(kinesis, move_records(kinesis))
    consume(kinesis)
    kinesis.stop_stream_encryption(
        StreamName="orders", EncryptionType="KMS", KeyId="alias/aws/kinesis"
    )
    kinesis.delete_stream(StreamName="orders", EnforceConsumerDeletion=True)
    assert outputs.operations == set(OPERATIONS)

    every = set()
    for name in OPERATIONS:
        operation = MODEL["operations"][name]
        if "output" in operation and name != "SubscribeToShard":
            members_of(operation["output"]["shape"], every)
    assert every - outputs.seen == {
        ("PutRecordsResultEntry", "ErrorCode"),  # of records that failed
        ("PutRecordsResultEntry", "ErrorMessage"),
        ("MinimumThroughputBillingCommitmentOutput", "EndedAt"),  # a day later at the earliest
    }


# --- inputs --------------------------------------------------------------------------------------


def good(name):
    """The smallest value that a shape takes."""
    shape = SHAPES[name]
    kind = shape["type"]
    if kind == "structure":
        return {key: good(shape["members"][key]["shape"]) for key in shape.get("required", ())}
    if kind == "list":
        return [good(shape["member"]["shape"])]
    if kind == "map":
        return {"key": "value"}
    if kind == "string":
        return TEXTS.get(name) or shape.get("enum", ["x" * max(1, shape.get("min", 1))])[0]
    return {
        "integer": shape.get("min", 24), "boolean": True, "timestamp": 1.5, "blob": "YQ==",
    }[kind]  # fmt: skip


def lower(path):
    return path[0].lower() + path[1:]


NULL = "Member must not be null"
TOO_SHORT = "Member must have length greater than or equal to {min}"
TOO_LONG = "Member must have length less than or equal to {max}"
TOO_SMALL = "Member must have value greater than or equal to {min}"
TOO_LARGE = "Member must have value less than or equal to {max}"
PATTERN = "Member must satisfy regular expression pattern: {pattern}"


def long_text(name, length):
    """A text of so many characters that keeps the shape's pattern where that can be."""
    begin = TEXTS.get(name, "")
    return begin + "x" * (length - len(begin))


def violations(name):
    """(what, value, constraint) for each constraint of a shape's own; the constraint is None where
    the type is wrong."""
    shape = SHAPES[name]
    kind = shape["type"]
    wrong = {
        "string": 23, "integer": "x", "boolean": "x", "timestamp": "x", "blob": 23,
        "list": "x", "map": "x", "structure": "x",
    }  # fmt: skip
    yield "type", wrong[kind], None
    if kind == "string":
        if shape.get("min", 0) > 0:
            yield "min", "", TOO_SHORT.format(**shape)
        if "max" in shape:
            yield "max", long_text(name, shape["max"] + 1), TOO_LONG.format(**shape)
        if "pattern" in shape:
            yield "pattern", "?" * shape.get("min", 1), PATTERN.format(**shape)
        if "enum" in shape:
            yield "enum", "NO_SUCH_VALUE", "Member must satisfy enum value set: ["
    elif kind == "integer":
        if "min" in shape:
            yield "min", shape["min"] - 1, TOO_SMALL.format(**shape)
        if shape.get("max", 2**31) < 2**31:
            yield "max", shape["max"] + 1, TOO_LARGE.format(**shape)
    elif kind == "list":
        many = [good(shape["member"]["shape"])] * (shape["max"] + 1)
        yield "min", [], TOO_SHORT.format(**shape)
        yield "max", many, TOO_LONG.format(**shape)
    elif kind == "map":
        yield "min", {}, TOO_SHORT.format(**shape)
        many = {f"k{i}": "v" for i in range(shape["max"] + 1)}
        yield "max", many, TOO_LONG.format(**shape)
        yield "key", {"": "v"}, "Map keys must satisfy constraint: ["
        yield "long key", {"k" * 129: "v"}, "Map keys must satisfy constraint: ["
        yield "value", {"k": "v" * 257}, "Map value must satisfy constraint: ["
        yield "value's type", {"k": 1}, None
    elif kind == "blob":
        yield "base64", "*", None
        large = base64.b64encode(bytes(shape["max"] + 1)).decode()
        yield "max", large, TOO_LONG.format(**shape)


def cases_below(name, path, place):
    """All cases of a structure's members: (name, path in messages, where to put it, value,
    constraint). `place` makes the whole input of a value at this structure."""
    shape = SHAPES[name]
    base = good(name)
    for key, member in shape["members"].items():
        where = f"{path}.{lower(key)}" if path else lower(key)
        inner = member["shape"]

        def put(value, key=key):
            return place({**base, key: value})

        if key in shape.get("required", ()):
            without = {other: value for other, value in base.items() if other != key}
            yield "required", where, place(without), NULL
            yield "null", where, put(None), NULL
        for what, value, constraint in violations(inner):
            yield what, where, put(value), constraint
        kind = SHAPES[inner]["type"]
        if kind == "structure":
            yield from cases_below(inner, where, put)
        elif kind == "list":
            yield from cases_of_elements(SHAPES[inner]["member"]["shape"], where, put)


def cases_of_elements(name, where, put):
    if SHAPES[name]["type"] == "structure":
        yield from cases_below(name, f"{where}.1.member", lambda value: put([value]))
        return
    yield "null element", f"{where}.1.member", put([None]), NULL
    for what, value, constraint in violations(name):
        text = constraint and "Member must satisfy constraint: ["
        yield f"element's {what}", where, put([value]), text


def cases(operation):
    name = MODEL["operations"][operation]["input"]["shape"]
    return list(cases_below(name, "", lambda value: value))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_constraint_of_an_input_is_kept(running, operation):
    for what, path, body, constraint in cases(operation):
        where = f"{operation}: {what} of {path}"
        status, answer = raw(running, operation, body)
        assert status == 400, f"{where}: {status} {answer}"
        if constraint is None:
            assert answer["__type"] == "SerializationException", f"{where}: {answer}"
            assert answer["Message"], where
            continue
        assert answer["__type"] == "ValidationException", f"{where}: {answer}"
        found = re.fullmatch(r"(\d+) validation errors? detected: (.*)", answer["message"], re.S)
        assert found, f"{where}: {answer}"
        said = found[2]
        assert int(found[1]) == said.count(" failed to satisfy constraint: "), said
        wanted = f" at '{path}' failed to satisfy constraint: {constraint}"
        assert wanted in said, f"{where}: {said}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_input_is_an_object_and_may_have_more(running, operation):
    for body in ([], "x", 1, None, b"{", b""):
        status, answer = raw(running, operation, body)
        assert (status, answer["__type"]) == (400, "SerializationException"), body
    if "input" in MODEL["operations"][operation]:
        shape = MODEL["operations"][operation]["input"]["shape"]
        required = SHAPES[shape].get("required", [])
        if required:
            status, answer = raw(running, operation, {"NoSuchMember": [1]})
            assert answer["__type"] == "ValidationException"
            assert answer["message"].startswith(f"{len(required)} validation error")


def test_the_walk_is_of_all_operations():
    assert len(OPERATIONS) == 40
    assert sum(len(cases(operation)) for operation in OPERATIONS) > 600


@pytest.mark.parametrize("operation", sorted(NOT_HERE))
def test_operations_that_are_not_here(running, operation):
    assert operation in MODEL["operations"], "it is gone from AWS's model: strike it from the list"
    status, answer = raw(running, operation, {})
    assert (status, answer) == (400, {"__type": "UnknownOperationException"})


def test_the_documentation_names_the_model():
    """docs/kinesis.md says of which model it speaks, and what of that is not here."""
    root = pathlib.Path(__file__).parents[2]
    text = (root / "docs" / "kinesis.md").read_text()
    assert f"botocore {botocore.__version__}" in text
    assert f"{len(OPERATIONS)} of its {len(MODEL['operations'])} operations" in text
    shapes = (root / "src/kinesis/api/model_shapes.c").read_text()
    assert f"botocore {botocore.__version__}" in shapes
    wanted = (root / "test" / "requirements.txt").read_text()
    assert f"boto3=={botocore.__version__}" in wanted, "run scripts/setup test"


# --- what new members do --------------------------------------------------------------------------


def dry_runs(kinesis):
    """Each operation that takes DryRun, as a good call of it."""
    where = {"StreamName": "dry", "ShardId": shard(0)}
    iterator = kinesis.get_shard_iterator(ShardIteratorType="TRIM_HORIZON", **where)
    consumer = kinesis.register_stream_consumer(StreamARN=arn("dry"), ConsumerName="dry")
    record = {"PartitionKey": "k", "Data": b"x"}
    return {
        "PutRecord": {"StreamName": "dry", **record},
        "PutRecords": {"StreamName": "dry", "Records": [record]},
        "GetShardIterator": {"ShardIteratorType": "LATEST", **where},
        "GetRecords": {"ShardIterator": iterator["ShardIterator"]},
        "SubscribeToShard": {
            "ConsumerARN": consumer["Consumer"]["ConsumerARN"], "ShardId": shard(0),
            "StartingPosition": {"Type": "LATEST"},
        },
    }  # fmt: skip


def test_a_dry_run_does_nothing(running):
    kinesis = client(running)
    kinesis.create_stream(StreamName="dry", ShardCount=1)
    calls = dry_runs(kinesis)
    takes = {
        name
        for name in OPERATIONS
        if "DryRun" in SHAPES[MODEL["operations"][name].get("input", {}).get("shape")]["members"]
    }
    assert takes == set(calls)
    for name, members in calls.items():
        run = getattr(kinesis, botocore.xform_name(name))
        with pytest.raises(kinesis.exceptions.DryRunOperationException) as refused:
            run(DryRun=True, **members)
        answer = refused.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
        message = "The request was rejected because the DryRun parameter was specified."
        assert answer["Error"]["Message"] == message
    assert kinesis.get_records(**calls["GetRecords"])["Records"] == []
    missing = {"PartitionKey": "k", "Data": b"x", "StreamName": "none", "DryRun": True}
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.put_record(**missing)


def test_records_are_spread_over_the_shards(running):
    """AUTO: no partition key is needed, and each of the four shards gets its share."""
    kinesis = client(running)
    kinesis.create_stream(StreamName="spread", RecordDistributionStrategy="AUTO")
    put = kinesis.put_records(StreamName="spread", Records=[{"Data": b"x"}] * 200)
    assert put["FailedRecordCount"] == 0
    shards = [record["ShardId"] for record in put["Records"]]
    assert {name: shards.count(name) for name in set(shards)} == {shard(i): 50 for i in range(4)}
    iterator = kinesis.get_shard_iterator(
        StreamName="spread", ShardId=shard(0), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert len(records) == 50 and "PartitionKey" not in records[0]
