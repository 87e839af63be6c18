"""engine.kind=spark on a store in a bucket (S3A): Spark reads what pinion landed there, and pinion
reads the tables that Spark wrote. PINION_S3_SERVER chooses the S3 server (test/integration/s3.py).
"""

import json
import os
import time

import pytest

import awkward
from contract import KINDS, UID, post, run_dag
from pinion import ROOT, Server, query, run
from s3 import BUCKET, KEYS, S3, settings
from spark import write_settings

DAG = "batch_processing_dag"
QUERIES = sorted(file.stem for file in (ROOT / "pipelines/pinterest/queries").glob("*.sql"))
PREFIX = "prefix/of store"  # with a blank
TABLES = (*(f"raw_{kind}" for kind in KINDS), *KINDS, "dead_letters")
ROWS = 60  # of each kind, beside those of `produce`

# A job takes its time to start, and there may be others on this machine.
pytestmark = pytest.mark.timeout(7200)


def produce(server):
    """The same records each time: those of the generator, odd ones and bad ones."""
    run("emulate", "batch", "--url", server.url, "--rows", ROWS, "--seed", 7, "-q")
    post(server.url, "geo", [
        {"ind": 900000 + i, "timestamp": "2020-01-01 07:12:45.5", "latitude": i / 8, "country": "é"}
        for i in range(50)
    ])  # fmt: skip
    post(server.url, "pin", [{"index": 900000, "title": "t"}, {"index": "x"}, 7])
    binary = {"Content-Type": "application/vnd.kafka.binary.v2+json"}
    body = {"records": [{"value": "/w=="}]}  # the sink cannot land it
    assert server.request("POST", f"/topics/{UID}.user", body, binary)[0] == 200


def await_landed(s3):
    deadline = time.monotonic() + 300

    def lines(folder):
        get = s3.client().get_object
        keys = s3.keys(f"{PREFIX}/{folder}/")
        return sum(get(Bucket=BUCKET, Key=key)["Body"].read().count(b"\n") for key in keys)

    while (lines("topics"), lines("dead_letters")) != (53 + ROWS * len(KINDS), 1):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def rows(name, data, *more, env=None):
    sql = f"SELECT * FROM {name} ORDER BY ALL"
    found = json.loads(run("query", sql, "--format", "json", *more, data=data, env=env).stdout)
    if name == "dead_letters":  # of two servers; and the offset of a line is known to pinion alone
        times = {"timestamp": None, **awkward.UNSIGNED}
        found = [
            {**row, **times, "offset": None if row["object"] else row["offset"]} for row in found
        ]
    return found


def test_a_store_in_a_bucket(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with Server(ours) as server:
        produce(server)
        run_dag(ours)
    with S3(tmp_path / "s3" / "buckets") as s3:
        bucket = settings(s3.url, PREFIX)
        conf = [
            f"spark.hadoop.fs.s3a.endpoint={s3.url}", "spark.hadoop.fs.s3a.path.style.access=true",
            "spark.hadoop.fs.s3a.endpoint.region=us-east-1",
            "spark.hadoop.fs.s3a.connection.ssl.enabled=false",
        ]  # fmt: skip
        config = write_settings(
            tmp_path, jar_folders=("spark-jars", "spark-s3-jars"), conf=conf,
            spark={"store": f"s3a://{BUCKET}/{PREFIX}"},
        )  # fmt: skip
        env = {**os.environ, **KEYS}
        with Server(theirs, *bucket, env=env) as server:
            produce(server)
            await_landed(s3)
        asked = ("--config", config, *bucket)  # by Spark
        run("dag", "trigger", DAG, "--wait", *asked, data=theirs, env=env, timeout=2400)
        for name in TABLES:
            found = rows(name, theirs, *bucket, env=env)
            assert found and found == rows(name, ours), name
        assert len(QUERIES) == 9
        for name in QUERIES:
            answer = run(
                "query", name, "--format", "json", *asked, data=theirs, env=env, timeout=1500
            )
            ours_is = query(name, ours)
            assert ours_is and json.loads(answer.stdout) == ours_is, name
        assert not [key for key in s3.keys(f"{PREFIX}/") if "spark_jobs" in key]
