"""`pinion store copy`: the store of a data folder to a bucket and back, ended at any moment,
damaged, claimed by others; queries, the sink and streams continue on the copy."""

import json
import os
import shlex
import signal
import subprocess
import time
import uuid

import pytest

from contract import UID
from pinion import PINION, Server, run
from s3 import BUCKET, KEYS, proxy, s3, settings  # noqa: F401
from streams import await_started, put

TOPIC = f"{UID}.pin"
BATCH = "batch_processing_dag"
WAIT_SECONDS_MAX = 120
MOMENTS = 8  # at which a copy is killed


@pytest.fixture
def prefix():
    return uuid.uuid4().hex


class Place:
    """A data folder, and the bucket that its store is copied to."""

    def __init__(self, data, server, prefix):
        self.data = data
        self.url = f"s3://{BUCKET}/{prefix}"
        self.bucket = settings(server.url, prefix)  # with store.url
        self.reach = self.bucket[2:]  # without it

    def arguments(self, *words, data=None):
        words = [self.url if word == "bucket" else word for word in words]
        return ["store", "copy", *words, *self.reach, "--data", str(data or self.data)]

    def copy(self, *words, data=None, check=True):
        return run(*self.arguments(*words, data=data), env=KEYS, check=check)

    def summary(self, *words, **more):
        return json.loads(self.copy(*words, "--format", "json", **more).stdout)[0]

    def query(self, sql, *options):
        done = run("query", sql, "--format", "json", *options, data=self.data, env=KEYS)
        return json.loads(done.stdout)[0]

    def counts(self, table, *options):
        column = "ind" if table.startswith("stream_") else "index"
        sql = f"SELECT count(*) AS n, count(DISTINCT {column}) AS d FROM {table}"
        row = self.query(sql, *options)
        return row["n"], row["d"]


@pytest.fixture
def place(data, s3, prefix):
    return Place(data, s3, prefix)


def fill(server, first, end, *options):
    """Records first .. end - 1 into the topic and the stream, and into their tables."""
    values = [{"index": n, "title": f"pin {n}"} for n in range(first, end)]
    if not options:
        await_started(server.data)
    server.produce(TOPIC, *values)
    for value in values:
        put(server.url, "pin", value)
    run("dag", "trigger", BATCH, "--wait", *options, data=server.data, env=KEYS, check=False)
    rows = "SELECT count(*) AS n FROM stream_pin"
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        done = run("query", rows, "--format", "json", *options, data=server.data, env=KEYS,
                   check=False)  # fmt: skip
        if done.returncode == 0 and json.loads(done.stdout)[0]["n"] >= end:
            return
        assert time.monotonic() < deadline, done.stdout + done.stderr
        time.sleep(0.1)


def test_to_a_bucket_and_back(place):
    """Both ways twice, with a server on each store in turn: each record is there once."""
    with Server(place.data) as server:
        fill(server, 0, 30)
        early = place.summary("local", "bucket")
        assert early["copied"] > 0 and early["complete"] is False  # the server may land more
    for first in (30, 70):
        there = place.summary("local", "bucket")
        assert there["complete"] is True and there["missing"] == there["failed"] == 0
        again = place.copy("local", "bucket", "--format", "json")
        assert json.loads(again.stdout)[0]["copied"] == 0
        advice = shlex.split(again.stderr.partition("to continue there: pinion serve ")[2])
        assert sorted(advice) == sorted(place.bucket)
        with Server(place.data, *place.bucket, env=KEYS) as server:
            fill(server, first, first + 20, *place.bucket)
        assert place.counts("raw_pin", *place.bucket) == (first + 20, first + 20)

        # The bucket is ahead: the way back is refused to what is older.
        refused = place.copy("local", "bucket", check=False)
        assert refused.returncode == 1 and "copy the other way round" in refused.stderr
        assert place.summary("bucket", "local")["complete"] is True
        with Server(place.data) as server:
            fill(server, first + 20, first + 40)
        assert place.counts("raw_pin") == (first + 40, first + 40)
        assert place.counts("stream_pin") == (first + 40, first + 40)
        refused = place.copy("bucket", "local", check=False)
        assert refused.returncode == 1 and "copy the other way round" in refused.stderr


def test_the_same_objects_and_what_goes_with_them(place, s3, prefix):
    """Bytes, checksums, and the offsets of landed objects, from which a load knows the records."""
    with Server(place.data) as server:
        fill(server, 0, 10)
    place.copy("local", "bucket")
    store = place.data / "store"
    files = {str(file.relative_to(store)): file for file in store.rglob("*") if file.is_file()}
    files = {key: file for key, file in files.items() if not key.startswith(".")}
    theirs = {key.removeprefix(f"{prefix}/") for key in s3.keys(f"{prefix}/")}
    assert {key for key in theirs if not key.startswith(".pinion/")} == set(files)
    for key, file in files.items():
        found = s3.client().get_object(Bucket=BUCKET, Key=f"{prefix}/{key}")
        assert found["Body"].read() == file.read_bytes()
        sum_here = os.getxattr(file, "user.pinion.crc32c").decode()
        assert found["Metadata"]["pinion-crc32c"] == sum_here
        if key.startswith("topics/"):
            offsets = os.getxattr(file, "user.pinion.offsets").decode()
            assert found["Metadata"]["pinion-offsets"] == offsets


def test_large_and_empty_objects(place, tmp_path):
    """Through files and in parts, there and back; and with a source that keeps no checksums."""
    contents = {"large": os.urandom(40 << 20), "middle": os.urandom(6 << 20), "empty": b""}
    with Server(place.data):
        pass
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        run("store", "put", tmp_path / name, f"ref/{name}", data=place.data)
    assert place.summary("local", "bucket", "--verify", "read")["failed"] == 0
    folder = place.data / "store/ref"
    for name in contents:
        (folder / name).unlink()
    assert place.summary("bucket", "local")["copied"] == len(contents)
    assert {name: (folder / name).read_bytes() for name in contents} == contents
    os.removexattr(folder / "middle", "user.pinion.crc32c")
    assert place.summary("local", "bucket")["copied"] == 0


def test_a_plan_copies_nothing(place, s3, prefix):
    with Server(place.data) as server:
        fill(server, 0, 10)
    planned = place.copy("local", "bucket", "--dry-run", "--format", "json")
    rows = json.loads(planned.stdout)
    assert rows and {row["state"] for row in rows} == {"missing"}
    assert s3.keys(f"{prefix}/") == []
    assert place.summary("local", "bucket")["copied"] == len(rows)
    assert json.loads(place.copy("local", "bucket", "--dry-run", "--format", "json").stdout) == []


@pytest.mark.parametrize("words, part", [
    (("local", "local"), "neither is within the other"),
    (("bucket", "bucket"), "neither is within the other"),
    (("s3://b/one", "s3://b/one/two/"), "neither is within the other"),
    (("s3://b/one/", "s3://b"), "neither is within the other"),
    (("pinion-data", "bucket"), "s3://BUCKET/PREFIX"),
    (("local", "gs://bucket"), "s3://BUCKET/PREFIX"),
])  # fmt: skip
def test_other_addresses_are_refused(place, words, part):
    place.data.mkdir(exist_ok=True)
    refused = place.copy(*words, check=False)
    assert refused.returncode == 1 and part in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_source_that_is_not_there(place, options):
    place.data.mkdir()
    refused = place.copy("bucket", f"{place.url}-new", *options, check=False)
    assert refused.returncode == 1 and "check the address in FROM" in refused.stderr
    assert refused.stdout == "" and refused.stderr.count("\n") == 1


def test_a_copy_of_what_is_not_ours_says_why_it_is_not_complete(place, s3, prefix, tmp_path):
    """Of objects that were put there by hand: no sink can continue after them."""
    s3.client().put_object(Bucket=BUCKET, Key=f"{prefix}/topics/by/hand", Body=b"text")
    new = tmp_path / "new"
    new.mkdir()
    done = place.copy("bucket", "local", "--format", "json", data=new)
    (summary,) = json.loads(done.stdout)
    assert summary["copied"] == 1 and summary["complete"] is False
    assert "not where the sink continues" in done.stderr and str(new) in done.stderr


# --- from a bucket to another one -----------------------------------------------------------------


@pytest.fixture
def other(place, s3):
    """Another place of the bucket, for the same data folder."""
    made = Place(place.data, s3, uuid.uuid4().hex)
    assert s3.keys(made.url.rpartition("/")[2]) == []
    return made


def test_between_buckets(place, other, s3):
    """There and back, with a server on each in turn: each record is there once."""
    with Server(place.data, *place.bucket, env=KEYS) as server:
        fill(server, 0, 30, *place.bucket)
        early = place.summary("bucket", other.url)
        assert early["copied"] > 0 and early["complete"] is False  # the server may land more
        fill(server, 30, 40, *place.bucket)
    first = 40
    for here, there in ((place, other), (other, place), (place, other)):
        moved = here.summary("bucket", there.url)
        assert moved["complete"] is True and moved["missing"] == moved["failed"] == 0
        again = here.copy("bucket", there.url, "--format", "json")
        assert json.loads(again.stdout)[0]["copied"] == 0
        assert f"pinion serve --set store.url={there.url}" in again.stderr
        with Server(here.data, *there.bucket, env=KEYS) as server:
            fill(server, first, first + 20, *there.bucket)
        first += 20
        assert here.counts("raw_pin", *there.bucket) == (first, first)
        assert here.counts("stream_pin", *there.bucket) == (first, first)
        refused = here.copy("bucket", there.url, "--yes", check=False)
        assert refused.returncode == 1 and "copy the other way round" in refused.stderr


def test_the_same_objects_between_buckets(place, other, s3, prefix):
    """Bytes, checksums and offsets, and which checksums are believed."""
    with Server(place.data, *place.bucket, env=KEYS) as server:
        fill(server, 0, 10, *place.bucket)
    assert place.summary("bucket", other.url, "--verify", "read")["failed"] == 0
    there = other.url.rpartition("/")[2]
    for key in s3.keys(f"{prefix}/"):
        name = key.removeprefix(f"{prefix}/")
        if not name.startswith(".pinion/"):
            one = s3.client().get_object(Bucket=BUCKET, Key=key)
            two = s3.client().get_object(Bucket=BUCKET, Key=f"{there}/{name}")
            assert one["Body"].read() == two["Body"].read()
            for what in ("pinion-crc32c", "pinion-offsets"):
                assert one["Metadata"].get(what) == two["Metadata"].get(what), (name, what)


def test_between_buckets_killed_at_any_request(data, proxy):
    place = Place(data, proxy, uuid.uuid4().hex)
    with Server(data, *place.bucket, env=KEYS) as server:
        fill(server, 0, 5, *place.bucket)
    there = Place(data, proxy, uuid.uuid4().hex)
    proxy.begin({})
    run(*place.arguments("bucket", there.url, "--dry-run"), env=KEYS)
    step, killed = len(proxy.requests), 0
    for moment in ("before", "after"):
        for turn in range(MOMENTS):
            proxy.begin({3 + turn * step: moment})
            status, _ = copy_until(place, proxy, 0, signal.SIGKILL, "bucket", there.url)
            killed += status == -signal.SIGKILL
            if status == 0:
                break
    assert killed > 2
    proxy.begin({})
    assert place.summary("bucket", there.url)["complete"] is True
    with Server(data, *there.bucket, env=KEYS) as server:
        fill(server, 5, 10, *there.bucket)
    assert place.counts("raw_pin", *there.bucket) == (10, 10)


def test_a_bucket_of_another_pipeline(place, other, s3, tmp_path):
    """Neither its objects are taken, nor are others put among them."""
    with Server(place.data, *place.bucket, env=KEYS) as server:
        server.produce(TOPIC, {"index": 1})
    stranger = Place(tmp_path / "stranger", s3, uuid.uuid4().hex)
    with Server(stranger.data, *stranger.bucket, env=KEYS) as server:
        server.produce(TOPIC, {"index": 1})
    refused = stranger.copy(place.url, other.url, check=False)
    assert refused.returncode == 1 and str(place.data) in refused.stderr
    assert "--data" in refused.stderr and s3.keys(other.url.rpartition("/")[2]) == []
    refused = place.copy("bucket", stranger.url, "--yes", check=False)
    assert refused.returncode == 1 and str(stranger.data) in refused.stderr


# --- ended at any moment --------------------------------------------------------------------------


def copy_until(place, proxy, number, sign, *words):
    """A copy that is ended at its request of that number; its exit status and messages."""
    process = subprocess.Popen(
        [PINION, *place.arguments(*words)], env={**os.environ, **KEYS},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    proxy.call = lambda: process.send_signal(sign)
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


def test_killed_at_any_request(data, proxy, tmp_path):
    """A copy to a bucket, killed before and after requests in turn. A table of the target is then
    not there, or whole; the next copy continues, and copies no object twice."""
    place = Place(data, proxy, uuid.uuid4().hex)
    with Server(data) as server:
        for first in (0, 5, 10):  # three versions of each table
            fill(server, first, first + 5)
    proxy.begin({})
    assert place.summary("local", "bucket")["complete"] is True
    total = len(proxy.requests)
    uploads = sum(method == "PUT" for method, _, _ in proxy.requests)
    for moment in ("before", "after"):
        place = Place(data, proxy, uuid.uuid4().hex)
        puts = 0
        for number in range(1, total + 1, total // MOMENTS):
            proxy.begin({number: moment})
            status, _ = copy_until(place, proxy, number, signal.SIGKILL, "local", "bucket")
            puts += sum(method == "PUT" for method, _, _ in proxy.requests)
            proxy.begin({})
            tables = json.loads(run("table", "list", "--format", "json", *place.bucket,
                                    data=tmp_path / "reader", env=KEYS).stdout)  # fmt: skip
            raw = [table for table in tables if table["table"] == "raw_pin"]
            if raw and raw[0]["version"] is not None:
                n, d = place.counts("raw_pin", *place.bucket)
                assert n == d and n in (5, 10, 15)
            if status == 0:
                break
        assert place.summary("local", "bucket")["complete"] is True
        assert puts <= uploads + 16 * (MOMENTS + 1)  # what 16 threads had in progress
        with Server(data, *place.bucket, env=KEYS):
            assert place.counts("raw_pin", *place.bucket) == (15, 15)


def test_back_killed_at_any_request(data, proxy):
    """The same from the bucket to the folder, and there the sink continues."""
    place = Place(data, proxy, uuid.uuid4().hex)
    with Server(data) as server:
        fill(server, 0, 5)
    place.copy("local", "bucket")
    with Server(data, *place.bucket, env=KEYS) as server:
        fill(server, 5, 10, *place.bucket)
    for number in range(2, 60, 60 // MOMENTS):
        proxy.begin({number: "after"})
        status, _ = copy_until(place, proxy, number, signal.SIGKILL, "bucket", "local")
        if status == 0:
            break
    proxy.begin({})
    assert place.summary("bucket", "local")["complete"] is True
    with Server(data) as server:
        fill(server, 10, 20)
    assert place.counts("raw_pin") == (20, 20)
    assert place.counts("stream_pin") == (20, 20)


def test_stopped_by_a_signal(data, proxy):
    place = Place(data, proxy, uuid.uuid4().hex)
    with Server(data) as server:
        fill(server, 0, 10)
    proxy.begin({8: "slow", 9: "before"})
    status, errors = copy_until(place, proxy, 9, signal.SIGTERM, "local", "bucket")
    assert status == 1 and "run the same command again" in errors
    proxy.begin({})
    assert place.summary("local", "bucket")["complete"] is True


# --- damage ---------------------------------------------------------------------------------------


def flip(file):
    """Another bit, under the attributes that the file has."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    with open(file, "r+b") as opened:
        opened.write(content)


def test_a_flipped_bit_in_the_source(place, s3, prefix):
    with Server(place.data) as server:
        fill(server, 0, 10)
    (file,) = (place.data / "store/delta_tables/raw/pin").glob("*.parquet")
    flip(file)
    failed = place.copy("local", "bucket", "--format", "json", check=False)
    assert failed.returncode == 1 and file.name in failed.stderr and "CRC-32C" in failed.stderr
    summary = json.loads(failed.stdout)[0]
    assert summary["failed"] == 1 and summary["complete"] is False
    keys = s3.keys(f"{prefix}/")
    assert not any(file.name in key or "/_delta_log/" in key for key in keys)
    assert any("/topics/" in key for key in keys)


def test_a_flipped_bit_in_the_target(place, s3, prefix):
    """By somebody who wrote the same metadata: only reading finds it."""
    with Server(place.data) as server:
        fill(server, 0, 10)
    place.copy("local", "bucket")
    (key,) = [key for key in s3.keys(f"{prefix}/delta_tables/raw/pin/") if key.endswith(".parquet")]
    found = s3.client().get_object(Bucket=BUCKET, Key=key)
    body = bytearray(found["Body"].read())
    body[len(body) // 2] ^= 4
    s3.client().put_object(Bucket=BUCKET, Key=key, Body=bytes(body), Metadata=found["Metadata"])
    assert place.summary("local", "bucket")["complete"] is True
    refused = place.copy("local", "bucket", "--verify", "read", check=False)
    assert refused.returncode == 1 and key.rpartition("/")[2] in refused.stderr
    assert "--yes" in refused.stderr
    assert place.summary("local", "bucket", "--verify", "read", "--yes")["copied"] == 1
    assert place.counts("raw_pin", *place.bucket) == (10, 10)


# --- a source that changes ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["*.parquet", "_delta_log/00000000000000000001.json"])
def test_what_was_removed_after_it_was_listed(data, proxy, s3, name):
    """By a vacuum, or by a cleaning of a log: no commit that may need it comes to the target."""
    prefix = uuid.uuid4().hex
    place = Place(data, proxy, prefix)
    with Server(data) as server:
        for first in (0, 5, 10):
            fill(server, first, first + 5)
    proxy.begin({})
    place.copy("local", "bucket", "--dry-run")
    lists = [n for n, (_, path, _) in enumerate(proxy.requests, 1) if "list-type" in path]
    file = next((data / "store/delta_tables/raw/pin").glob(name))
    aside = data / "aside"
    proxy.call = lambda: file.rename(aside)  # the source is listed before the target
    proxy.begin({lists[-1]: "before"})
    failed = place.copy("local", "bucket", "--format", "json", check=False)
    assert failed.returncode == 1 and "run the same command again" in failed.stderr, failed.stderr
    summary = json.loads(failed.stdout)[0]
    assert summary["gone"] == 1 and summary["complete"] is False
    later = [key for key in s3.keys(f"{prefix}/delta_tables/raw/pin/_delta_log/")
             if key.endswith(".json") and not key.endswith("0000.json")]  # fmt: skip
    assert later == []
    aside.rename(file)
    assert place.summary("local", "bucket")["complete"] is True
    assert place.counts("raw_pin", *place.bucket) == (15, 15)


def test_a_table_that_was_made_again(place, s3, prefix):
    """Its commits are not put among those of the earlier one, also with --yes."""
    table = "delta_tables/raw/pin"
    with Server(place.data) as server:
        fill(server, 0, 5)
        fill(server, 5, 10)
    place.copy("local", "bucket")
    before = place.counts("raw_pin", *place.bucket)
    run("store", "rm", table, "--recursive", "--yes", data=place.data)
    with Server(place.data) as server:
        for first in (10, 15, 20):
            fill(server, first, first + 5)
    keys = s3.keys(prefix)
    refused = place.copy("local", "bucket", "--yes", check=False)
    assert refused.returncode == 1 and f"the table '{table}' has another version" in refused.stderr
    assert s3.keys(prefix) == keys and place.counts("raw_pin", *place.bucket) == before
    run("store", "rm", table, "--recursive", "--yes", *place.bucket, data=place.data, env=KEYS)
    assert place.summary("local", "bucket", "--yes")["complete"] is True
    assert place.counts("raw_pin", *place.bucket) == place.counts("raw_pin")


# --- whose it is ----------------------------------------------------------------------------------


def test_a_target_of_another_pipeline(place, tmp_path):
    with Server(place.data) as server:
        fill(server, 0, 10)
    place.copy("local", "bucket")
    other = tmp_path / "other"
    with Server(other) as server:
        server.produce(TOPIC, {"index": 1})
    for words in (("local", "bucket"), ("bucket", "local")):
        refused = place.copy(*words, data=other, check=False)
        assert refused.returncode == 1 and str(place.data) in refused.stderr
    empty = tmp_path / "empty"
    summary = place.summary("bucket", "local", data=empty)
    assert summary["failed"] == 0 and summary["complete"] is False  # its log is another one
    assert json.loads(run("query", "SELECT count(*) AS n FROM raw_pin", "--format", "json",
                          data=empty).stdout) == [{"n": 10}]  # fmt: skip


def test_other_contents_are_not_replaced(place, s3, prefix):
    with Server(place.data) as server:
        fill(server, 0, 10)
    (key,) = [key for key in map(str, (place.data / "store").rglob("*+0000000000.json"))]
    key = key.removeprefix(f"{place.data}/store/")
    theirs = {"Bucket": BUCKET, "Key": f"{prefix}/{key}"}
    s3.client().put_object(Body=b"theirs", **theirs)
    refused = place.copy("local", "bucket", check=False)
    assert refused.returncode == 1 and key in refused.stderr
    assert s3.keys(f"{prefix}/") == [f"{prefix}/{key}"]
    assert s3.client().get_object(**theirs)["Body"].read() == b"theirs"
    place.copy("local", "bucket", "--yes")
    ours = (place.data / "store" / key).read_bytes()
    assert s3.client().get_object(**theirs)["Body"].read() == ours
