"""`pinion stream`: each sub-command, with a server on the folder and without one."""

import csv
import io
import json
import os
import signal
import subprocess
import time

import boto3
import pytest
from pinion import PINION, Server, run

PIPELINE_STREAMS = [f"streaming-0e3bbd435bfb-{kind}" for kind in ("geo", "pin", "user")]
RING = 1 << 128


def kinesis(url):
    return boto3.client(
        "kinesis", endpoint_url=url, region_name="us-east-1", aws_access_key_id="any",
        aws_secret_access_key="any",
    )  # fmt: skip


@pytest.fixture(params=["with a server", "without"])
def place(request, data):
    """The folder of a data folder that has been served once, with a server on it or not."""
    server = Server(data).start()
    if request.param == "without":
        server.stop()
    yield data
    if server.process is not None:
        server.stop()


def rows(*args, data, **more):
    return json.loads(run("stream", *args, "--format", "json", data=data, **more).stdout)


def fails(*args, data=None, status=1, **more):
    done = run("stream", *args, data=data, check=False, **more)
    assert done.returncode == status, done
    assert done.stderr.count("pinion: ") == 1, done
    return done.stderr


# --- list, create, describe, delete ---------------------------------------------------------------


def test_streams_come_and_go(place):
    assert [row["stream"] for row in rows("list", data=place)] == PIPELINE_STREAMS
    made = rows("create", "clicks", "--shards", 3, "--retention", "7d", data=place)
    assert made == [row for row in rows("list", data=place) if row["stream"] == "clicks"]
    assert made[0] | {"status": "ACTIVE", "shards": 3, "retention_hours": 168} == made[0]
    assert made[0]["mode"] == "PROVISIONED" and made[0]["created"].endswith("Z")
    on_demand = rows("create", "more", "--on-demand", data=place)[0]
    assert on_demand | {"mode": "ON_DEMAND", "shards": 4, "retention_hours": 24} == on_demand
    assert "the stream clicks exists already" in fails("create", "clicks", data=place)
    assert 'invalid stream name "a/b"' in fails("create", "a/b", data=place)

    done = run("stream", "delete", "clicks", data=place, input="n\n", check=False)
    assert done.returncode == 1 and "clicks was not deleted" in done.stderr
    done = run("stream", "delete", "clicks", data=place, check=False)  # nobody answers
    assert done.returncode == 1 and "--yes" in done.stderr
    run("stream", "delete", "clicks", data=place, input="yes\n")
    done = run("stream", "delete", "more", "--yes", data=place)
    assert done.stdout == "deleted the stream more: 4 open shards\n"
    assert [row["stream"] for row in rows("list", data=place)] == PIPELINE_STREAMS
    for command in (
        ["describe"], ["delete", "--yes"], ["tail", "--no-follow"], ["reshard", "--shards", 2],
    ):  # fmt: skip
        told = fails(*command, "clicks", data=place)
        assert "there is no stream clicks: `pinion stream list`" in told


def test_many_streams_are_listed_by_pages(data):
    with Server(data) as server:
        client = kinesis(server.url)
        for i in range(120):
            client.create_stream(StreamName=f"s-{i:03}", ShardCount=1)
        assert len(rows("list", data=data)) == 123
    assert [row["stream"] for row in rows("list", data=data)][:120] == [
        f"s-{i:03}" for i in range(120)
    ]


def test_consumers_are_not_lost_by_accident(data):
    with Server(data) as server:
        client = kinesis(server.url)
        arn = client.describe_stream(StreamName=PIPELINE_STREAMS[0])["StreamDescription"]
        client.register_stream_consumer(StreamARN=arn["StreamARN"], ConsumerName="me")
        assert rows("list", data=data)[0]["consumers"] == 1
        told = fails("delete", PIPELINE_STREAMS[0], "--yes", data=data)
        assert "ResourceInUse" in told and "--with-consumers" in told
        run("stream", "delete", PIPELINE_STREAMS[0], "--yes", "--with-consumers", data=data)


def test_formats_agree(place):
    for command in (["list"], ["describe", PIPELINE_STREAMS[0]]):
        text = run("stream", *command, "--format", "csv", data=place).stdout
        read = list(csv.DictReader(io.StringIO(text, newline="")))
        listed = rows(*command, data=place)
        assert [{key: "" if value is None else str(value) for key, value in row.items()}
                for row in listed] == [dict(row) for row in read]  # fmt: skip
        table = run("stream", *command, data=place).stdout.splitlines()
        assert table[0].split() == list(listed[0]) and len(table) == 2 + len(listed)


# --- reshard --------------------------------------------------------------------------------------


def open_ranges(shards):
    """Number of each open shard, with its range; together they are the whole ring."""
    found = sorted(
        (int(shard["hash_start"]), int(shard["hash_end"]), int(shard["shard"][-12:]))
        for shard in shards
        if shard["state"] == "OPEN"
    )
    assert found[0][0] == 0 and found[-1][1] == RING - 1
    assert all(a[1] + 1 == b[0] for a, b in zip(found, found[1:]))
    return {number: (start, end) for start, end, number in found}


def test_reshard(place):
    run("stream", "create", "s", "--shards", 2, data=place)
    assert open_ranges(rows("describe", "s", data=place)) == {
        0: (0, RING // 2 - 1), 1: (RING // 2, RING - 1)
    }  # fmt: skip
    # The middle is the exact one.
    split = rows("reshard", "s", "--split", "shardId-000000000001", data=place)
    assert open_ranges(split) == {
        0: (0, RING // 2 - 1), 2: (RING // 2, RING // 4 * 3 - 1), 3: (RING // 4 * 3, RING - 1)
    }  # fmt: skip
    assert [shard["parent"] for shard in split[1:]] == [None] + 2 * ["shardId-000000000001"]
    assert split[1]["state"] == "CLOSED" and split[1]["sequence_end"] is not None
    merged = rows("reshard", "s", "--merge", "2", "0", data=place)  # in any order
    assert open_ranges(merged) == {3: (RING // 4 * 3, RING - 1), 4: (0, RING // 4 * 3 - 1)}
    assert (merged[4]["parent"], merged[4]["adjacent_parent"]) == (
        "shardId-000000000000", "shardId-000000000002"
    )  # fmt: skip
    assert [shard["share_percent"] for shard in merged] == [50, 50, 25, 25, 75]
    assert len(open_ranges(rows("reshard", "s", "--shards", 4, data=place))) == 4
    assert "LimitExceededException" in fails("reshard", "s", "--shards", 9, data=place)
    assert "has no shard shardId-000000000099" in fails("reshard", "s", "--split", 99, data=place)
    assert "Exception" in fails("reshard", "s", "--merge", 0, 1, data=place)
    assert len(open_ranges(rows("describe", "s", data=place))) == 4


# --- tail -----------------------------------------------------------------------------------------

ROW = {"index": 1, "title": "héllo 😀", "x": [1, {"y": None}]}
PAYLOADS = [
    # stored bytes, what a processor understands, or None
    (json.dumps(ROW, ensure_ascii=False).encode(), [ROW]),
    (json.dumps(json.dumps(ROW)).encode(), [ROW]),
    (b'"eyJpbmRleCI6MX0="', [{"index": 1}]),
    (b'[{"value":{"index":2}},{"index":3}]', [{"index": 2}, {"index": 3}]),
    (b"no JSON", None),
    (b"\xff\x00", None),
    (b"", None),
]


def test_tail_understands_what_processors_do(data):
    with Server(data) as server:
        client = kinesis(server.url)
        client.create_stream(StreamName="s", ShardCount=1)
        put = [client.put_record(StreamName="s", Data=stored, PartitionKey=f"key {i}")
               for i, (stored, _) in enumerate(PAYLOADS)]  # fmt: skip
        read = client.get_records(
            ShardIterator=client.get_shard_iterator(
                StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
        )["Records"]
        told = rows("tail", "s", "--from", "trim_horizon", "--no-follow", data=data)
    expected = []
    for i, (stored, understood) in enumerate(PAYLOADS):
        expected += [(f"key {i}", value) for value in understood or [None]]
    assert [(row["partition_key"], row["data"] if row["problem"] is None else None)
            for row in told] == expected  # fmt: skip
    problems = {row["partition_key"]: row for row in told if row["problem"]}
    assert problems["key 4"]["data"] == "no JSON" and "JSON" in problems["key 4"]["problem"]
    assert problems["key 5"]["data"] == "/wA=" and problems["key 6"]["data"] == ""
    assert {row["sequence_number"] for row in told} == {one["SequenceNumber"] for one in put}
    assert told[0]["arrival"] == read[0]["ApproximateArrivalTimestamp"].strftime(
        "%Y-%m-%dT%H:%M:%S."
    ) + f"{read[0]['ApproximateArrivalTimestamp'].microsecond // 1000:03}Z"
    # The same without a server, and as the bytes that are kept.
    assert rows("tail", "s", "--from", "trim_horizon", data=data) == told
    raw = rows("tail", "s", "--from", "trim_horizon", "--raw", data=data)
    assert [row["data"] for row in raw] == [
        "/wA=" if stored == b"\xff\x00" else stored.decode() for stored, _ in PAYLOADS
    ]
    assert [row["encoding"] for row in raw].count("base64") == 1


def test_tail_begins_and_ends_where_it_is_told(data):
    with Server(data) as server:
        client = kinesis(server.url)
        client.create_stream(StreamName="s", ShardCount=2)
        for i in range(40):
            client.put_record(StreamName="s", Data=json.dumps({"n": i}), PartitionKey=f"{i}")
        everything = rows("tail", "s", "--from", "trim_horizon", "--no-follow", data=data)
        assert sorted(row["data"]["n"] for row in everything) == list(range(40))
        for shard in (0, "shardId-000000000001"):
            one = rows(
                "tail", "s", "--from", "trim_horizon", "--no-follow", "--shard", shard, data=data
            )
            number = str(shard)[-1]
            assert one == [row for row in everything if row["shard"].endswith(number)] != []
        assert len(rows("tail", "s", "--from", "trim_horizon", "--count", 7, data=data)) == 7
        assert rows("tail", "s", "--no-follow", data=data) == []
        time.sleep(1.1)  # AT_TIMESTAMP of a later second
        mark = client.put_record(StreamName="s", Data=b'{"n":40}', PartitionKey="a")
        arrival = rows("tail", "s", "--from", "trim_horizon", "--no-follow", data=data)
        at = next(row for row in arrival if row["sequence_number"] == mark["SequenceNumber"])
        assert rows("tail", "s", "--from", at["arrival"], "--no-follow", data=data) == [at]
        assert rows("tail", "s", "--from", "2026-01-01", "--no-follow", data=data) == arrival
        done = run("stream", "tail", "s", "--from", "2099-01-01", data=data, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert "has no shard shardId-000000000007" in fails("tail", "s", "--shard", 7, data=data)
    assert "No server runs on" in run("stream", "tail", "s", data=data).stderr
    fails("tail", "s", "--from", "yesterday", data=data, status=2)
    fails("tail", "s", "--follow", "--no-follow", data=data, status=2)


class Tail:
    """A tail that follows, its rows read as they are printed."""

    def __init__(self, data, *args):
        self.process = subprocess.Popen(
            [PINION, "stream", "tail", *args, "--data", str(data), "--format", "csv"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait_for(self, count):
        """So many lines, without the header's."""
        return [next(csv.reader([self.process.stdout.readline()])) for _ in range(count + 1)][1:]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, err
        assert err == ""
        return out


def test_tail_follows_through_resharding(data):
    """Each record once, those of a partition key in order, whatever becomes of the shards."""
    with Server(data) as server:
        client = kinesis(server.url)
        client.create_stream(StreamName="s", ShardCount=1)
        tail = Tail(data, "s", "--from", "trim_horizon")
        count = 0

        def put(more):
            nonlocal count
            for _ in range(more):
                client.put_record(
                    StreamName="s", Data=json.dumps({"n": count}), PartitionKey=f"{count % 5}"
                )
                count += 1

        put(20)
        read = tail.wait_for(20)  # it is there, and follows
        for reshard in (["--shards", 2], ["--split", 1], ["--merge", 3, 4], ["--shards", 1]):
            put(20)
            run("stream", "reshard", "s", *reshard, data=data)
        put(20)
        read += [next(csv.reader([tail.process.stdout.readline()])) for _ in range(count - 20)]
        assert tail.end() == ""
    numbers = [(row[3], json.loads(row[5])["n"]) for row in read]
    assert sorted(n for _, n in numbers) == list(range(120))
    for key in "01234":
        mine = [n for where, n in numbers if where == key]
        assert mine == sorted(mine)
    assert len({row[1] for row in read}) > 2


def test_tail_waits_for_what_passes(data):
    with Server(data, "--set", "kinesis.error_percent=40"):
        run("emulate", "stream", "--rows", 30, "-q", "--retries", 50, data=data)
        command = ["tail", PIPELINE_STREAMS[0], "--from", "trim_horizon", "--count", 30]
        for _ in range(50):
            # Only what comes before the first record, the list of shards, is asked for once.
            done = run("stream", *command, "--format", "csv", data=data, check=False)
            if done.returncode == 0:
                break
            assert done.stdout == "" and done.stderr.count("\n") == 1
        read = list(csv.reader(io.StringIO(done.stdout, newline="")))[1:]
    assert len({row[2] for row in read}) == len(read) == 30


# --- who is asked ---------------------------------------------------------------------------------


def test_signed_with_the_keys_of_the_settings(data):
    keys = ["--set", "aws.access_key=AKIDEXAMPLE", "--set", "aws.secret_key=s3cret"]
    with Server(data, *keys) as server:
        assert len(rows("list", *keys, data=data)) == 3
        assert len(rows("list", *keys, "--url", server.url, data="/nowhere")) == 3
        assert "UnrecognizedClientException" in fails("list", data=data)
        assert "aws.secret_key" in fails("list", data=data)  # what to do about it
        wrong = ["--set", "aws.access_key=AKIDEXAMPLE", "--set", "aws.secret_key=other"]
        assert "InvalidSignatureException" in fails("list", *wrong, data=data)


def test_nothing_there(tmp_path):
    assert "there is no data folder" in fails("list", data=tmp_path / "none")
    assert not (tmp_path / "none").exists()
    nobody = ("--url", "http://127.0.0.1:1")
    assert "http://127.0.0.1:1: Couldn't connect to server (is the server running?" in fails(
        "list", *nobody
    )
    (tmp_path / "empty").mkdir()
    proxy = {"http_proxy": "http://127.0.0.1:2"}
    assert "127.0.0.1:1/" in fails("lag", *nobody, data=tmp_path / "empty", env=proxy)
    assert rows("create", "s", data=tmp_path / "new")[0]["stream"] == "s"


def test_a_server_that_is_gone_is_not_asked(data):
    """Its number may be that of another process by now."""
    with Server(data) as server:
        run("stream", "create", "s", data=data)
        server.kill()
        announcement = data / "server.json"
        announcement.write_text(json.dumps({"pid": os.getpid(), "url": server.url}))
        assert [row["stream"] for row in rows("list", data=data)] == ["s", *PIPELINE_STREAMS]
        server.start()
        announcement.write_text(json.dumps({"pid": 1, "url": server.url}))  # as in a container
        assert [row["stream"] for row in rows("list", data=data)] == ["s", *PIPELINE_STREAMS]
