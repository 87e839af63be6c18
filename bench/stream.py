"""Streams into tables: how soon a record can be read, how fast a backlog is worked off, and the
memory of a server under load; beside Spark Structured Streaming, from Kafka into Delta."""

import base64
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import threading
import time

import broker
import harness
import kinesis

STREAM, TABLE = "streaming-0e3bbd435bfb-pin", "test_streaming_delta_tables/0e3bbd435bfb_pin_table"
P50_GOAL_MS, P99_GOAL_MS, LATENCY_GOAL = 150, 400, 0.1
DRAIN_GOAL = 10
MEMORY_GOAL_MIB = 300
LOAD_RATE, LOAD_SECONDS = 5_000, 30
WARM_UP = 10


def names(options):
    return ["stream.latency", "stream.drain", "stream.memory"]


def generate(scratch, rows, kind="pin"):
    """Made-up records, one a line."""
    folder = scratch / "records"
    command = [harness.PINION, "emulate", "batch", "--to", "jsonl", folder, "--rows", rows, "-q"]
    harness.measure(command, 600)
    return (folder / f"{kind}.json").read_bytes().splitlines()


class Watch:
    """Looks at a Delta table's log for commits with rows, and keeps when each row came."""

    def __init__(self, table):
        self._log = table / "_delta_log"
        self._next = 0
        self.visible = []  # when row k could be read, in the order of commits

    def look(self):
        while True:
            try:
                lines = (self._log / f"{self._next:020}.json").read_text().splitlines()
            except FileNotFoundError:
                return
            now = time.monotonic()
            for line in lines:
                add = json.loads(line).get("add")
                if add and add["dataChange"]:
                    rows = json.loads(add["stats"])["numRecords"]
                    self.visible.extend([now] * rows)
            self._next += 1


def trickle(watch, put, records):
    """One record a second; the milliseconds from each one's acknowledgement until it could be
    read, without the first ones."""
    sent = []
    for record in records:
        put(record)
        sent.append(time.monotonic())
        while time.monotonic() < sent[-1] + 1:
            watch.look()
            time.sleep(0.002)
    deadline = time.monotonic() + 120
    while len(watch.visible) < len(sent):
        if time.monotonic() > deadline:
            raise harness.BenchError(f"{len(sent)} rows were sent, {len(watch.visible)} came")
        watch.look()
        time.sleep(0.002)
    times = [1000 * (seen - put_at) for seen, put_at in zip(watch.visible, sent)]
    return times[WARM_UP:]


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


@contextlib.contextmanager
def spark(scratch, address, topic, starting):
    """Spark's query from Kafka; gives its table, once it runs, and ends it at the end."""
    table = scratch / "spark" / "table"
    script = harness.ROOT / "bench/peers/spark_stream.py"
    with open(scratch / "spark.log", "wb") as log:
        process = subprocess.Popen(
            [harness.PYTHON, script, address, topic, table, starting],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        if "started" not in process.stdout.readline():
            text = (scratch / "spark.log").read_text(errors="replace")[-2000:]
            raise harness.BenchError(f"Spark does not start:\n{text}")
        yield table
    finally:
        harness.stop(process)


# --- latency -----------------------------------------------------------------------------------


def our_latency(scratch, records):
    port, data = harness.free_port(), scratch / "data"

    def put(record):
        body = {"StreamName": STREAM, "PartitionKey": "test_pin"}
        body["Data"] = base64.b64encode(record).decode()
        kinesis.call(port, "PutRecord", body)

    with harness.pinion_serve(data, port, scratch / "pinion.log"):
        wait_for_positions(port)
        return trickle(Watch(data / "store" / TABLE), put, records)


def wait_for_positions(port):
    """Until the tables have a place in each shard: LATEST is when a processor first looks."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status, body = harness.get(port, "/api/v1/streams")
        tables = json.loads(body)["tables"] if status == 200 else []
        shards = [shard for table in tables for shard in table["shards"]]
        if shards and all(shard["position"] >= 0 for shard in shards):
            return
        time.sleep(0.01)
    raise harness.BenchError(f"the processors do not start: {body!r}")


def spark_latency(scratch, records):
    with broker.broker(scratch) as address:
        broker.fill(address, "pins", records[:1])  # makes the topic
        with (
            spark(scratch, address, "pins", "latest") as table,
            broker.producer(address, "pins") as put,
        ):
            time.sleep(8)  # its first look at the topic's end
            return trickle(Watch(table), put, records)


def latency(name, scratch, options, say):
    count = 20 if options.quick else 60
    records = generate(scratch, WARM_UP + count)
    ours = our_latency(scratch, records)
    p50, p99 = statistics.median(ours), percentile(ours, 0.99)
    say(f"pinion: p50 {p50:.0f} ms, p99 {p99:.0f} ms, of {len(ours)} records")
    results = [
        harness.Result(f"{name}.p50.of_goal.ms", p50, P50_GOAL_MS, 1.0),
        harness.Result(f"{name}.p99.of_goal.ms", p99, P99_GOAL_MS, 1.0),
    ]
    if options.spark:
        theirs = spark_latency(scratch, records[: WARM_UP + 20])
        say(f"spark:  p50 {statistics.median(theirs):.0f} ms, max {max(theirs):.0f} ms")
        results.append(
            harness.Result(f"{name}.spark.p50.ms", p50, statistics.median(theirs), LATENCY_GOAL)
        )
    return results


# --- a backlog ---------------------------------------------------------------------------------


def from_the_start(scratch):
    """The shipped pipeline, but that its streams are read from their beginning."""
    folder = scratch / "pipeline"
    shutil.copytree(harness.ROOT / "pipelines/pinterest", folder)
    path = folder / "pipeline.yml"
    path.write_text(path.read_text().replace("{shards: 2,", "{shards: 2, start: trim_horizon,"))
    return folder


def fill_stream(port, records):
    for at in range(0, len(records), kinesis.BATCH):
        batch = [
            {"Data": base64.b64encode(record).decode(), "PartitionKey": "test_pin"}
            for record in records[at : at + kinesis.BATCH]
        ]
        answer = kinesis.call(port, "PutRecords", {"StreamName": STREAM, "Records": batch})
        if answer["FailedRecordCount"]:
            raise harness.BenchError(f"PutRecords: {answer['FailedRecordCount']} failed")


def count_rows(data, pipeline):
    query = [harness.PINION, "query", "SELECT count(*) AS n FROM stream_pin", "--format", "json"]
    out, _ = harness.measure([*query, "--data", data, "--pipeline", pipeline], 60)
    return json.loads(out)[0]["n"]


def our_drain(scratch, records, rounds):
    """Records a second, from the start of the process to its end; each round on a copy."""
    port, filled, pipeline = harness.free_port(), scratch / "filled", from_the_start(scratch)
    options = ("--pipeline", pipeline, "--roles", "gateway")
    with harness.pinion_serve(filled, port, scratch / "pinion.log", *options):
        fill_stream(port, records)
    rates, peak = [], 0
    for _ in range(rounds):
        data = scratch / "data"
        shutil.copytree(filled, data)
        os.sync()  # the copy's own writes are not measured
        command = [harness.PINION, "stream", "process", "--once", STREAM, "-q"]
        _, usage = harness.measure([*command, "--data", data, "--pipeline", pipeline], 300)
        if count_rows(data, pipeline) != len(records):
            raise harness.BenchError("not every record became a row")
        rates.append(len(records) / usage.seconds)
        peak = max(peak, usage.rss_mib)
        shutil.rmtree(data)
    return rates, peak


def spark_drain(scratch, records):
    """Records a second: from the start of the process, and from the start of its query."""
    with broker.broker(scratch) as address:
        broker.fill(address, "pins", records)
        began = time.monotonic()
        with spark(scratch, address, "pins", "earliest") as table:
            started, watch = time.monotonic(), Watch(table)
            while len(watch.visible) < len(records):
                watch.look()
                if time.monotonic() > started + 300:
                    raise harness.BenchError("Spark took longer than 300 s")
                time.sleep(0.01)
            ended = time.monotonic()
    return len(records) / (ended - began), len(records) / (ended - started)


def drain(name, scratch, options, say):
    records = generate(scratch, 50_000 if options.quick else 500_000)
    rates, peak = our_drain(scratch, records, 1 if options.quick else 3)
    say("pinion: " + ", ".join(f"{rate:,.0f}/s" for rate in rates) + f"; {peak:.0f} MiB")
    if not options.spark:
        return [harness.Result(f"{name}.rps", rates[0], rates[0])]
    cold, warm = spark_drain(scratch, records)
    say(f"spark:  {cold:,.0f}/s with its start, {warm:,.0f}/s without")
    ours = statistics.median(rates)
    return [
        harness.Result(f"{name}.spark_with_start.rps", ours, cold, DRAIN_GOAL),
        harness.Result(f"{name}.spark.rps", ours, warm, DRAIN_GOAL),
    ]


# --- memory ------------------------------------------------------------------------------------


def wait_for_rows(port, rows):
    """Until so many records became rows or dead letters."""
    deadline = time.monotonic() + 60
    done = -1
    while done < rows and time.monotonic() < deadline:
        _, body = harness.get(port, "/api/v1/streams")
        done = sum(table["rows"] + table["dead_letters"] for table in json.loads(body)["tables"])
        time.sleep(0.1)
    if done != rows:
        raise harness.BenchError(f"{rows} records were put, {done} came out")


def memory(name, scratch, options, say):
    """The most memory that a server takes while three streams come in and go to their tables."""
    seconds = 5 if options.quick else LOAD_SECONDS
    rows = LOAD_RATE * seconds // 3
    port, data = harness.free_port(), scratch / "data"
    peak, ended = 0.0, threading.Event()
    with harness.pinion_serve(data, port, scratch / "pinion.log") as process:
        wait_for_positions(port)

        def sample():
            nonlocal peak
            while not ended.is_set():
                peak = max(peak, harness.rss_mib(process.pid))
                ended.wait(harness.SAMPLE_S)

        sampler = threading.Thread(target=sample)
        sampler.start()
        try:
            command = [harness.PINION, "emulate", "stream", "--to", "kinesis", "--batch", 100,
                       "--rate", LOAD_RATE, "--connections", 8, "--rows", rows, "-q",
                       "--url", f"http://127.0.0.1:{port}"]  # fmt: skip
            harness.measure(command, seconds * 4 + 60)
            wait_for_rows(port, 3 * rows)
        finally:
            ended.set()
            sampler.join()
    say(f"pinion: {peak:.0f} MiB at {LOAD_RATE:,} records/s for {seconds} s")
    return [harness.Result(f"{name}.of_goal.mib", peak, MEMORY_GOAL_MIB, 1.0)]


def run(name, scratch, options, say):
    suite = {"stream.latency": latency, "stream.drain": drain, "stream.memory": memory}
    return suite[name](name, scratch, options, say)
