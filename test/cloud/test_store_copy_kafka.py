"""`pinion store copy` where several data folders have one Kafka cluster as their log, and a bucket
that their servers share: each record is in a store once, or the copy is refused."""

import json
import time
import uuid

import pytest

from kafka_broker import SMALL_PIPELINE
from pinion import Server, run
from s3 import BUCKET, KEYS, s3, settings  # noqa: F401

pytestmark = pytest.mark.timeout(300)
SECONDS_MAX = 120


class Place:
    """A pipeline with a topic and a bucket of its own."""

    def __init__(self, broker, s3, folder):
        self.name = f"events-{uuid.uuid4().hex}"
        (folder / "mine").mkdir()
        (folder / "mine/pipeline.yml").write_text(SMALL_PIPELINE.replace("TOPIC", self.name))
        self.common = ["--pipeline", folder / "mine", "--set", f"log.url=kafka://{broker.address}",
                       "--set", "sink.rotate_interval_ms=200ms"]  # fmt: skip
        self.bucket = settings(s3.url, self.name)
        self.url = f"s3://{BUCKET}/{self.name}"
        self.s3 = s3

    def server(self, data, *options):
        return Server(data, *self.common, *options, env=KEYS)

    def produce(self, server, first, end):
        values = [{"value": {"n": n}, "partition": n % 2} for n in range(first, end)]
        status, answer, _ = server.request("POST", f"/topics/{self.name}", {"records": values})
        assert status == 200, answer

    def load(self, data, *options):
        """Lands and loads all; the rows, and how many numbers they have."""
        words = [*self.common, *options]
        run("dag", "trigger", "load", "--wait", *words, data=data, env=KEYS)
        sql = "SELECT count(*) AS n, count(DISTINCT n) AS d FROM raw"
        row = json.loads(run("query", sql, "--format", "json", *words, data=data, env=KEYS).stdout)
        return row[0]["n"], row[0]["d"]

    def copy(self, data, *words, check=True):
        words = [self.url if word == "bucket" else word for word in words]
        return run("store", "copy", *words, "--format", "json", *self.common, *self.bucket[2:],
                   data=data, env=KEYS, check=check)  # fmt: skip

    def refused(self, data, *words):
        done = self.copy(data, *words, "--yes", check=False)
        assert done.returncode == 1, done.stderr
        return done.stderr

    def keys(self):
        return self.s3.keys(f"{self.name}/")


@pytest.fixture
def place(broker, s3, tmp_path):
    return Place(broker, s3, tmp_path)


def files(data):
    return sorted(str(file) for file in (data / "store").rglob("*") if file.is_file())


def until(found):
    deadline = time.monotonic() + SECONDS_MAX
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_another_folder_begins_first_in_the_bucket(place, tmp_path):
    """What has landed is known to the folder that was copied; the bucket tells it to all others."""
    one, two = tmp_path / "one", tmp_path / "two"
    with place.server(one) as server:
        place.produce(server, 0, 20)
        assert place.load(one) == (20, 20)
    assert json.loads(place.copy(one, "local", "bucket").stdout)[0]["complete"] is True
    with place.server(two, *place.bucket) as server:
        place.produce(server, 20, 30)
        assert place.load(two, *place.bucket) == (30, 30)


def test_a_bucket_in_which_others_have_landed(place, tmp_path):
    """The records of the folder's store are those of the bucket, in other objects."""
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    with place.server(one, "--set", "sink.flush_size=7") as server:
        place.produce(server, 0, 20)
        assert place.load(one) == (20, 20)
    with place.server(two, *place.bucket, "--set", "sink.flush_size=3") as server:
        assert place.load(two, *place.bucket) == (20, 20)
        keys, here = place.keys(), files(one)
        for words in (("local", "bucket"), ("bucket", "local")):
            said = place.refused(one, *words)
            assert "lands in the bucket" in said and "stop all servers" in said, said
    for words in (("local", "bucket"), ("bucket", "local")):
        said = place.refused(one, *words)
        assert "has the landed object topics/" in said and "be there twice" in said, said
    assert place.keys() == keys and files(one) == here

    # A folder that is new takes all of it, and continues with the next record of the log.
    assert json.loads(place.copy(three, "bucket", "local").stdout)[0]["complete"] is True
    with place.server(three) as server:
        place.produce(server, 20, 30)
        assert place.load(three) == (30, 30)


def test_between_buckets(place, s3, tmp_path):
    """While somebody lands in either of the two it is refused; any folder may copy, and any folder
    continues in the other bucket."""
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    name = f"{place.name}-moved"
    moved, there = settings(s3.url, name), f"s3://{BUCKET}/{name}"
    with place.server(one, *place.bucket) as server:
        place.produce(server, 0, 20)
        assert place.load(one, *place.bucket) == (20, 20)
        said = place.refused(two, "bucket", there)
        assert "lands in the bucket" in said and "stop all servers" in said, said
    assert json.loads(place.copy(two, "bucket", there).stdout)[0]["complete"] is True
    with place.server(three, *moved) as server:
        place.produce(server, 20, 30)
        assert place.load(three, *moved) == (30, 30)
        said = place.refused(two, "bucket", there)
        assert "lands in the bucket" in said, said
    said = place.refused(two, "bucket", there)
    assert "be there twice" in said or "copy the other way round" in said, said
    assert json.loads(place.copy(two, there, "bucket").stdout)[0]["complete"] is True
    with place.server(one, *place.bucket) as server:
        place.produce(server, 30, 40)
        assert place.load(one, *place.bucket) == (40, 40)


def test_a_new_worker_checks_its_profile(place, tmp_path):
    """The bucket is its pipeline's on its cluster; the check leaves nothing behind."""
    with place.server(tmp_path / "one", *place.bucket) as server:
        place.produce(server, 0, 5)
        until(lambda: any("/topics/" in key for key in place.keys()))
    new = tmp_path / "new"
    done = run("profile", "check", "kafka", "--format", "json", *place.common, *place.bucket,
               data=new, env=KEYS, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert not new.exists()
