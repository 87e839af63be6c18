"""Streams for the tests: putting records in, and looking at the tables they fill."""

import base64
import json
import signal
import subprocess
import time

import boto3
import requests
from botocore.config import Config
from deltalake import DeltaTable

from contract import UID
from pinion import PINION, run

STREAMS = {kind: f"streaming-{UID}-{kind}" for kind in ("pin", "geo", "user")}
PATHS = {kind: f"test_streaming_delta_tables/{UID}_{kind}_table" for kind in STREAMS}
LETTERS = "test_streaming_delta_tables/dead_letters"
WAIT_SECONDS_MAX = 60
# A start that tests can rely on: everything a stream holds goes into its table.
FROM_THE_OLDEST = "start: trim_horizon"


def kinesis(url):
    """A client of AWS's SDK, pointed at the server; it retries nothing by itself."""
    return boto3.client(
        "kinesis", endpoint_url=url, region_name="us-east-1", aws_access_key_id="any",
        aws_secret_access_key="any", config=Config(retries={"max_attempts": 0}),
    )  # fmt: skip


def put(url, kind, data, key=None, stage="/test"):
    """One record by the API Gateway's route; gives its shard and sequence number."""
    name = STREAMS[kind]
    body = {"StreamName": name, "Data": data, "PartitionKey": key or f"test_{kind}"}
    answer = requests.put(
        f"{url}{stage}/streams/{name}/record", data=json.dumps(body, default=str),
        headers={"Content-Type": "application/json"}, timeout=30,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return told["ShardId"], told["SequenceNumber"]


def put_many(client, kind, rows, key=None):
    """Rows as JSON objects by PutRecords; all must have been taken."""
    for start in range(0, len(rows), 500):
        entries = [
            {"Data": json.dumps(row, ensure_ascii=False, default=str).encode(),
             "PartitionKey": key or f"test_{kind}"}
            for row in rows[start : start + 500]
        ]  # fmt: skip
        answer = client.put_records(StreamName=STREAMS[kind], Records=entries)
        assert answer["FailedRecordCount"] == 0, answer


def encoded(row):
    return base64.b64encode(json.dumps(row).encode()).decode()


def exists(data, path):
    """True once a table has a commit: the folder of its log is there a moment earlier."""
    return any((data / "store" / path / "_delta_log").glob("*.json"))


def table(data, path):
    """A table as delta-rs reads it; None when there is none yet."""
    return DeltaTable(str(data / "store" / path)) if exists(data, path) else None


def rows(data, kind):
    found = table(data, PATHS[kind])
    return [] if found is None else found.to_pyarrow_table().to_pylist()


def letters(data):
    found = table(data, LETTERS)
    return [] if found is None else found.to_pyarrow_table().to_pylist()


def count(data, path):
    found = table(data, path)
    return 0 if found is None else found.to_pyarrow_dataset().count_rows()


def await_rows(data, kind, expected, path=None):
    """Waits until the table has so many rows."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while (found := count(data, path or PATHS[kind])) < expected:
        assert time.monotonic() < deadline, f"{found} of {expected} rows of {kind}"
        time.sleep(0.05)
    assert found == expected


def await_started(data):
    """Waits until every table has its first positions: from then on, `latest` misses nothing."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not all(exists(data, path) for path in PATHS.values()):
        assert time.monotonic() < deadline, "the processors did not start"
        time.sleep(0.02)


def lag(data, *names, **more):
    return json.loads(run("stream", "lag", *names, "--format", "json", data=data, **more).stdout)


def pipeline_from_the_oldest(tmp_path):
    """A copy of the shipped pipeline whose streams start at their oldest record."""
    folder = tmp_path / "pipeline"
    run("init", folder)
    text = (folder / "pipeline.yml").read_text()
    changed = text.replace("retention: 24h,", f"retention: 24h, {FROM_THE_OLDEST},")
    assert changed != text
    (folder / "pipeline.yml").write_text(changed)
    return folder


class Processors:
    """Processes that fill tables, beside a server of the data folder."""

    def __init__(self, data):
        self.data = data
        self.running = []

    def start(self, *args):
        """Starts one; it has found the server when this returns."""
        path = self.data / "process.out"
        before = path.stat().st_size if path.exists() else 0
        with open(path, "ab") as output:
            process = subprocess.Popen(
                [PINION, "stream", "process", "--data", str(self.data), *map(str, args)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        self.running.append(process)
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while path.stat().st_size == before:  # it says where it continues
            assert process.poll() is None and time.monotonic() < deadline, path.read_text()
            time.sleep(0.002)
        return process

    def kill(self, process):
        """kill -9, as a crash."""
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.running.remove(process)

    def stop(self, process):
        """SIGTERM; it must end well."""
        process.send_signal(signal.SIGTERM)
        status = process.wait(WAIT_SECONDS_MAX)
        self.running.remove(process)
        assert status == 0, (self.data / "process.out").read_text()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in list(self.running):
            self.kill(process)
