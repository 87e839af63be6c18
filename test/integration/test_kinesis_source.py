"""Stream tables that are filled from a Kinesis elsewhere (kinesis.endpoint)."""

import json
import shutil
import threading
import time
from collections import Counter

import pytest
from deltalake import DeltaTable

from elsewhere import (
    SAME,
    SECONDS_MAX,
    STREAM,
    TABLE,
    Between,
    Elsewhere,
    Kinesalite,
    Stream,
    Worker,
    differences,
    drain,
    lag,
    numbers,
    until,
    words,
    write_pipeline,
)
from kinesis import client
from pinion import run
from s3 import KEYS

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def pipeline(tmp_path):
    return write_pipeline(tmp_path / "pipeline")


@pytest.fixture(params=["pinion", "kinesalite"])
def there(request, tmp_path):
    """A Kinesis of either kind."""
    place = tmp_path / "there"
    kinds = {"pinion": Elsewhere, "kinesalite": Kinesalite}
    with kinds[request.param](place) as started:
        yield started


@pytest.fixture
def ours(tmp_path):
    with Elsewhere(tmp_path / "there") as started:
        yield started


def test_records_come_to_the_table_once(there, pipeline, data):
    stream = Stream(there)
    stream.put(range(100))
    with Worker(data, there.url, pipeline) as worker:
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
        assert "may be lost" not in worker.log()
    assert drain(data, there.url, pipeline).returncode == 0
    assert differences(numbers(data), Counter(range(500))) == SAME


def test_shards_are_split_and_merged(there, pipeline, data):
    """Children come after their parents: within a key the numbers rise."""
    stream = Stream(there, shards=2)
    with Worker(data, there.url, pipeline) as worker:
        put = 0
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
        closed = [one for one in worker.table()["shards"] if one["closed"]]
        assert len(closed) == len(stream.shards()) - len(stream.open_shards())


def test_a_worker_dies_again_and_again(there, pipeline, data):
    """kill -9 at any moment, while records come and shards change."""
    stream = Stream(there)
    put = 0
    for _ in range(6):
        with Worker(data, there.url, pipeline) as worker:
            for change in (stream.split, stream.merge):
                stream.put(range(put, put + 40))
                put += 40
                change()
            until(lambda: len(numbers(data)) > put // 2, True)
            worker.kill()
    drain(data, there.url, pipeline)
    assert differences(numbers(data), Counter(range(put))) == SAME


def test_calls_fail_and_iterators_expire(tmp_path, pipeline, data):
    """A fifth of all calls is refused on purpose; iterators are good for a second."""
    faults = ["--set", "kinesis.error_percent=20", "--set", "kinesis.iterator_ms=1s"]
    with Elsewhere(tmp_path / "there") as there:
        Stream(there)
    with Elsewhere(tmp_path / "there", *faults) as there:
        left = list(range(300))
        with Worker(data, there.url, pipeline, "--set", "kinesis.read_ms=600ms"):
            kinesis = client(there)
            while left:
                data_of_one = json.dumps({"n": left[0]}).encode()
                try:
                    kinesis.put_record(
                        StreamName=STREAM, Data=data_of_one, PartitionKey=str(left[0])
                    )
                    left.pop(0)
                except (kinesis.exceptions.ProvisionedThroughputExceededException,
                        kinesis.exceptions.ClientError):  # fmt: skip
                    pass  # refused on purpose: it was not stored
            until(lambda: differences(numbers(data), Counter(range(300))), SAME)


def test_another_consumer_reads_the_same_shards(ours, pipeline, data):
    """A shard allows 5 reads a second to all consumers together: refused reads come again later."""
    stream = Stream(ours, shards=1)
    is_over = threading.Event()

    def read_on():
        kinesis = client(ours)
        throttled = kinesis.exceptions.ProvisionedThroughputExceededException
        at = None
        while not is_over.is_set():
            try:
                at = at or kinesis.get_shard_iterator(
                    StreamName=STREAM, ShardId="shardId-000000000000",
                    ShardIteratorType="TRIM_HORIZON",
                )["ShardIterator"]  # fmt: skip
                at = kinesis.get_records(ShardIterator=at, Limit=1)["NextShardIterator"]
                time.sleep(0.25)  # as consumers do: one that asks at once takes every read there is
            except throttled:
                time.sleep(1)

    other = threading.Thread(target=read_on, daemon=True)
    other.start()
    try:
        with Worker(data, ours.url, pipeline, "--set", "kinesis.read_ms=200ms") as worker:
            stream.put(range(50))
            until(lambda: differences(numbers(data), Counter(range(50))), SAME)
            until(lambda: worker.metric("pinion_stream_throttled_reads_total") > 0, True)
            stream.put(range(50, 100))
            until(lambda: differences(numbers(data), Counter(range(100))), SAME)
            assert worker.table()["errors"] == 0  # such a read has not failed
    finally:
        is_over.set()
        other.join(SECONDS_MAX)


def test_what_cannot_be_a_row_is_named_by_its_sequence_number(there, pipeline, data):
    stream = Stream(there, shards=1)
    bad = stream.put_bytes(b"not a row")
    stream.put([1])
    last = stream.put_bytes(b'{"n": 2}')
    with Worker(data, there.url, pipeline) as worker:
        until(lambda: differences(numbers(data), Counter([1, 2])), SAME)
        [shard] = worker.table()["shards"]
        assert shard["sequence_number"] == last["SequenceNumber"]
        assert shard["end"] is None and shard["lag_records"] is None
        note = data / "store/checkpoints/shardId-000000000000.json"
        until(lambda: note.exists() and json.loads(note.read_text())["sequence_number"],
              last["SequenceNumber"])  # fmt: skip
    letters = DeltaTable(str(data / "store/letters")).to_pyarrow_table().to_pylist()
    assert [(one["shard"], one["sequence_number"]) for one in letters] == [
        ("shardId-000000000000", bad["SequenceNumber"])
    ]


def test_latest_means_since_the_first_start(tmp_path, ours, data):
    pipeline = write_pipeline(tmp_path / "of-latest", start="latest")
    stream = Stream(ours)
    stream.put(range(10))
    with Worker(data, ours.url, pipeline) as worker:
        worker.kill()  # it has its first positions, and no record yet
        stream.put(range(10, 20))
        worker.start()
        until(lambda: differences(numbers(data), Counter(range(10, 20))), SAME)


def test_a_stream_is_made_again(ours, pipeline, data):
    stream = Stream(ours)
    stream.put(range(10))
    with Worker(data, ours.url, pipeline) as worker:
        until(lambda: differences(numbers(data), Counter(range(10))), SAME)
        stream.delete()
        until(lambda: worker.table()["state"], "waiting")
        assert "is not in the Kinesis of kinesis.endpoint" in worker.table()["error"]
        stream.again(shards=1)
        stream.put(range(10, 20))
        until(lambda: differences(numbers(data), Counter(range(20))), SAME)
        assert worker.log().count("was deleted and created again") == 1
    stream.delete()
    stream.again(shards=1)
    stream.put(range(20, 30))
    with Worker(data, ours.url, pipeline) as worker:
        until(lambda: differences(numbers(data), Counter(range(30))), SAME)
        assert worker.log().count("was deleted and created again") == 2


def test_a_pattern_fills_a_table_of_each_stream(there, pipeline, data):
    with Worker(data, there.url, pipeline):
        Stream(there, "more-a", shards=1).put(range(10))
        until(lambda: differences(numbers(data, "more_a"), Counter(range(10))), SAME)


def test_how_far_a_table_is(there, pipeline, data):
    stream = Stream(there, shards=1)
    with Worker(data, there.url, pipeline):
        stream.put(range(10))
        until(lambda: differences(numbers(data), Counter(range(10))), SAME)
    [done] = lag(data, there.url, pipeline)
    assert done["table"] == TABLE and done["lag"] == 0 and done["lag_ms"] == 0
    assert done["end"] is None and done["lost"] == 0
    stream.put(range(10, 20))
    [behind] = lag(data, there.url, pipeline)
    assert behind["lag"] is None and behind["lag_ms"] >= 0
    assert behind["position"] == done["position"]
    drain(data, there.url, pipeline)
    stream.split()
    drain(data, there.url, pipeline)
    closed = {one["shard"]: one["closed"] for one in lag(data, there.url, pipeline)}
    assert closed == {
        "shardId-000000000000": True, "shardId-000000000001": False, "shardId-000000000002": False,
    }  # fmt: skip


def test_kinesis_is_not_there_for_a_while(ours, pipeline, data):
    """Or what answers is not like it: nothing is skipped, and the state says what is wrong."""
    stream = Stream(ours)
    with Between(ours) as between, Worker(data, between.url, pipeline) as worker:
        stream.put(range(10))
        until(lambda: differences(numbers(data), Counter(range(10))), SAME)
        put = 10
        failures = {
            "hang up": "does not answer as it should",
            "500": "with 500 InternalFailure",
            "not Kinesis": "is not Kinesis: the answer is not an object",
            "no iterator": "is read to its end, and lists it as open",
            "odd records": "a record is not one",
            "odd shards": "a shard is not one",
        }
        for failure, reason in failures.items():
            between.failure = failure
            stream.put([put])
            put += 1
            until(lambda reason=reason: reason in (worker.table()["error"] or ""), True)
            assert worker.table()["state"] == "trouble"
            stalled = json.loads(worker.request("GET", "/health")[1])["stalled_tables"]
            assert [one["table"] for one in stalled] == [TABLE]
            between.failure = None
            until(lambda: worker.table()["state"], "running")
        until(lambda: differences(numbers(data), Counter(range(put))), SAME)


def test_records_that_kinesis_does_not_keep_are_reported(ours, pipeline, data):
    """The first three of the new records are gone before a processor reads them."""
    stream = Stream(ours, shards=1)
    stream.put(range(10))
    with Between(ours) as between:
        drain(data, between.url, pipeline)
        for n in range(10, 20):
            last = stream.put_bytes(json.dumps({"n": n}).encode())
            if n == 12:
                between.cut = last["SequenceNumber"]
        between.retention_hours = 0  # all that was read before is longer ago than that
        done = drain(data, between.url, pipeline)
        assert numbers(data) == Counter([*range(10), *range(13, 20)])
        assert done.stderr.count("records may be lost") == 1 and ", 1 lost" in done.stderr
        for n in range(20, 25):
            stream.put_bytes(json.dumps({"n": n}).encode())
        done = drain(data, between.url, pipeline)
        assert numbers(data) == Counter([*range(10), *range(13, 25)])
        assert "lost" not in done.stderr  # it was said, and all since then is there


def test_an_old_record_that_is_gone_is_no_loss(ours, pipeline, data):
    """Only the table's last record is not kept any more: nothing came since."""
    stream = Stream(ours, shards=1)
    stream.put(range(10))
    with Between(ours) as between:
        drain(data, between.url, pipeline)
        between.cut = stream.put_bytes(b"{}", key="the cut")["SequenceNumber"]
        stream.put(range(10, 20))
        done = drain(data, between.url, pipeline)
        assert numbers(data) == Counter(range(20)) and "lost" not in done.stderr


def test_a_shard_that_kinesis_does_not_have_any_more(ours, pipeline, data):
    """It goes some time after it was split; what the table had not read of it is lost."""
    stream = Stream(ours, shards=1)
    stream.put(range(10))
    with Between(ours) as between:
        drain(data, between.url, pipeline)
        stream.put(range(10, 20))
        stream.split()
        stream.put(range(20, 30))
        between.hidden, between.retention_hours = "shardId-000000000000", 0
        done = drain(data, between.url, pipeline)
        assert numbers(data) == Counter([*range(10), *range(20, 30)])
        assert "shardId-000000000000: records may be lost" in done.stderr
        done = drain(data, between.url, pipeline)
        assert "lost" not in done.stderr and numbers(data) == Counter([*range(10), *range(20, 30)])


def test_another_kinesis_has_a_stream_of_that_name(tmp_path, ours, pipeline, data):
    """It is another stream, which is read from its oldest record."""
    Stream(ours).put(range(10))
    drain(data, ours.url, pipeline)
    with Kinesalite(tmp_path / "other") as other:
        Stream(other).put(range(10, 20))
        drain(data, other.url, pipeline)
    assert differences(numbers(data), Counter(range(20))) == SAME


def test_profile_check_reads_the_streams(ours, pipeline, data):
    def streams(url):
        args = ["profile", "check", "kinesis", "--format", "json", *words(url, pipeline)]
        done = run(*args, data=data, env=KEYS, check=False)
        [row] = [row for row in json.loads(done.stdout) if row["part"] == "streams"]
        return row["state"], row["detail"]

    Stream(ours)
    with Between(ours) as between:
        state, detail = streams(between.url)
        assert state == "good" and "those that fill tables can be read" in detail
        between.denied = "GetRecords"
        state, detail = streams(between.url)
        assert state == "bad" and "AccessDeniedException" in detail
        assert "GetShardIterator and GetRecords" in detail and STREAM in detail


def test_a_table_does_not_go_on_with_another_accounts_stream(tmp_path, data):
    """Neither one that has records, nor one that has only its first positions; nor when the other
    stream was created at the same time, as in a copy."""
    pipeline = write_pipeline(tmp_path / "of-latest", start="latest")
    with Elsewhere(tmp_path / "there") as there:
        Stream(there)
    shutil.copytree(tmp_path / "there", tmp_path / "copy")
    other = ["--set", "kinesis.account=210987654321", "--set", "aws.region=eu-west-2"]
    with Elsewhere(tmp_path / "there") as there:
        drain(data, there.url, pipeline)  # the table has "@" and a time
    with Elsewhere(tmp_path / "copy", *other) as copy:
        refused = drain(data, copy.url, pipeline, check=False)
        assert refused.returncode != 0
        assert "from the stream numbers of account 000000000000 in us-east-1" in refused.stderr
        assert "has that of account 210987654321 in eu-west-2" in refused.stderr
        assert "set kinesis.endpoint, aws.region and the credentials back" in refused.stderr
        with Worker(data, copy.url, pipeline) as worker:
            until(lambda: worker.table()["state"], "failed")
            assert "of account 210987654321" in worker.table()["error"]
    with Elsewhere(tmp_path / "there") as there:
        Stream(there, is_there=True).put(range(10))
        drain(data, there.url, pipeline)
        assert numbers(data) == Counter(range(10))
