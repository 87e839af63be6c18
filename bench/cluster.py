"""The log on Kafka: requests a second of a gateway beside a C program with as many records in
flight, and beside Karapace; and records a second of CPU from Kafka to JSON objects and to a Delta
table, beside Spark Structured Streaming, and of three workers beside one."""

import contextlib
import json
import os
import shlex
import subprocess
import time

import broker
import gateway
import harness
import store
import stream

CONNECTIONS, RECORD_BYTES = 64, 900
WARM_UP_S = 10  # of a broker, which its JVM compiles meanwhile
THREE_GOAL, SPARK_GOAL, WORKERS_GOAL = 0.6, 10, 1.15
KARAPACE_GOAL, KARAPACE_P99_GOAL = 20, 0.1
# The command that starts Karapace's REST proxy. It is not on PyPI: the caller says where it is.
KARAPACE = shlex.split(os.environ.get("KARAPACE", ""))
KARAPACES = {"": {}, ".no_linger": {"PRODUCER_LINGER_MS": 0}}
TOPIC, PARTITIONS = "events", 6
PIPELINE = f"name: bench\ntopics:\n  {TOPIC}: {{partitions: {PARTITIONS}}}\n"


def names(options):
    found = ["cluster.gateway.1", "cluster.gateway.3", "cluster.delta"]
    found += ["cluster.karapace"] if KARAPACE else []
    return found + (["cluster.objects", "cluster.workers"] if store.SERVER.exists() else [])


# --- producing ---------------------------------------------------------------------------------


def floor_program(scratch):
    program = scratch / "kafka_floor"
    source = harness.ROOT / "bench/peers/kafka_floor.c"
    harness.measure(["cc", "-O2", "-o", program, source, "-lrdkafka"], 120)
    return program


def produce(name, scratch, options, say):
    count = int(name[-1])
    seconds, rounds = (2, 1) if options.quick else (5, 3)
    program, port = floor_program(scratch), harness.free_port()
    ours, theirs = [], []

    def floor(run_seconds):
        command = [program, address, "floor", CONNECTIONS, run_seconds, RECORD_BYTES]
        out, _ = harness.measure(command, run_seconds + 60)
        one = json.loads(out)
        if one["failed"] or not one["requests"]:
            raise harness.BenchError(f"kafka_floor: {one}")
        return one

    with broker.brokers(scratch, count) as address:
        broker.fill(address, "floor", [b"x"])  # makes the topic
        settings = ("--set", f"log.url=kafka://{address}", "--roles", "gateway")
        with harness.pinion_serve(scratch / "data", port, scratch / "pinion.log", *settings):
            gateway.wrk(port, CONNECTIONS, 2 if options.quick else WARM_UP_S)  # makes the topic
            floor(2)
            for _ in range(rounds):
                ours.append(gateway.wrk(port, CONNECTIONS, seconds))
                theirs.append(floor(seconds))
    gateway.say_runs(say, ("pinion", ours), ("C program", theirs))
    goal = THREE_GOAL if count == 3 else None
    return [
        harness.compare(f"{name}.c64.rps", [one["rps"] for one in ours],
                        [one["rps"] for one in theirs], goal),
        harness.compare(f"{name}.c64.p99.ms", [one["p99_ms"] for one in ours],
                        [one["p99_ms"] for one in theirs]),
    ]  # fmt: skip


@contextlib.contextmanager
def karapaces(scratch, address):
    """Karapace as it comes, and one that does not wait for further records; the ports of both. The
    broker acknowledges their records as it does by default: alone, if it has replicas."""
    with contextlib.ExitStack() as stack:
        ports = {}
        for kind, more in KARAPACES.items():
            port = ports[kind] = harness.free_port()
            values = {"HOST": "127.0.0.1", "PORT": port, "BOOTSTRAP_URI": address,
                      "LOG_LEVEL": "WARNING", **more}  # fmt: skip
            words = (f"KARAPACE_{key}={value}" for key, value in values.items())
            log = scratch / f"karapace{kind}.log"
            stack.enter_context(
                harness.server(["env", *words, *KARAPACE], port, log, ready_path="/topics")
            )
        yield ports


def karapace(name, scratch, options, say):
    """Beside Karapace on the same broker. The goals are those beside Karapace as it comes."""
    seconds, rounds = (2, 1) if options.quick else (5, 3)
    port = harness.free_port()
    ours, theirs = [], {kind: [] for kind in KARAPACES}
    with broker.broker(scratch) as address:
        settings = ("--set", f"log.url=kafka://{address}", "--roles", "gateway")
        with (
            harness.pinion_serve(scratch / "data", port, scratch / "pinion.log", *settings),
            karapaces(scratch, address) as ports,
        ):
            gateway.wrk(port, CONNECTIONS, 2 if options.quick else WARM_UP_S)  # as above
            for other in ports.values():
                gateway.wrk(other, CONNECTIONS, 2)
            for _ in range(rounds):
                ours.append(gateway.wrk(port, CONNECTIONS, seconds))
                for kind, other in ports.items():
                    theirs[kind].append(gateway.wrk(other, CONNECTIONS, seconds))
    runs = [(f"Karapace{kind}", found) for kind, found in theirs.items()]
    gateway.say_runs(say, ("pinion", ours), *runs)
    results = []
    for kind, found in theirs.items():
        goals = {} if kind else {"rps": KARAPACE_GOAL, "p99": KARAPACE_P99_GOAL}
        results += [
            harness.compare(f"{name}{kind}.c64.rps", [one["rps"] for one in ours],
                            [one["rps"] for one in found], goals.get("rps")),
            harness.compare(f"{name}{kind}.c64.p99.ms", [one["p99_ms"] for one in ours],
                            [one["p99_ms"] for one in found], goals.get("p99")),
        ]  # fmt: skip
    return results


# --- records a second of CPU -------------------------------------------------------------------


@contextlib.contextmanager
def spark(scratch, *words):
    """A query of Spark; gives its process once it runs."""
    script = harness.ROOT / "bench/peers/spark_stream.py"
    with open(scratch / "spark.log", "wb") as log:
        process = subprocess.Popen(
            [harness.PYTHON, script, *map(str, words)],
            stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    try:
        if "started" not in process.stdout.readline():
            raise harness.BenchError((scratch / "spark.log").read_text(errors="replace")[-2000:])
        yield process
    finally:
        harness.stop(process)


def tree_cpu(process):
    return sum(harness.cpu_seconds(pid) for pid in harness.tree(process.pid))


def until(done, what):
    deadline = time.monotonic() + 600
    while not done():
        if time.monotonic() > deadline:
            raise harness.BenchError(f"{what} took longer than 600 s")
        time.sleep(0.2)


def delta(name, scratch, options, say):
    """From the cluster into a Delta table in a folder, by the pipeline's own SQL."""
    records = stream.generate(scratch, 20_000 if options.quick else 200_000)
    port, data, pipeline = harness.free_port(), scratch / "data", stream.from_the_start(scratch)
    with broker.broker(scratch) as address:
        given = ("--pipeline", pipeline, "--set", f"log.url=kafka://{address}")
        with harness.pinion_serve(data, port, scratch / "log", *given, "--roles", "gateway"):
            stream.fill_stream(port, records)
        command = [harness.PINION, "stream", "process", "--once", stream.STREAM, "-q"]
        _, usage = harness.measure([*command, "--data", data, *given], 600)
        query = "SELECT count(*) AS n FROM stream_pin"
        counted, _ = harness.measure(
            [harness.PINION, "query", query, "--format", "json", "--data", data, *given], 120
        )
        if json.loads(counted)[0]["n"] != len(records):
            raise harness.BenchError(f"of {len(records)} records: {counted}")
        ours = len(records) / usage.cpu_seconds
        say(f"pinion: {ours:,.0f} records a second of CPU, with its start")
        if not options.spark:
            return [harness.Result(f"{name}.cpu.rps", ours, ours)]
        broker.fill(address, "pins", records)
        table = scratch / "spark/table"
        with spark(scratch, address, "pins", table, "earliest") as process:
            before, watch = tree_cpu(process), stream.Watch(table)
            until(lambda: watch.look() or len(watch.visible) >= len(records), "Spark")
            theirs = len(records) / (tree_cpu(process) - before)
    say(f"spark:  {theirs:,.0f}, without its start")
    return [harness.Result(f"{name}.spark.cpu.rps", ours, theirs, SPARK_GOAL)]


def landing_options(scratch, address, s3):
    folder = scratch / "pipeline"
    folder.mkdir(exist_ok=True)
    (folder / "pipeline.yml").write_text(PIPELINE)
    values = {
        "log.url": f"kafka://{address}", "store.endpoint": f"http://127.0.0.1:{s3}",
        "store.path_style": "true", "store.region": store.REGION, "store.access_key": store.KEY,
        "store.secret_key": store.SECRET, "sink.flush_size": 1000,
        "sink.rotate_interval_ms": "1s",
    }  # fmt: skip
    sets = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    return ["--pipeline", folder, *sets]


def fill_topic(scratch, given, address, records):
    """The topic of the pipeline, with its partitions."""
    port = harness.free_port()
    with harness.pinion_serve(
        scratch / "first", port, scratch / "log", *given, "--roles", "gateway"
    ):
        pass
    broker.fill(address, TOPIC, records)


def count_lines(folder, pattern="*.json"):
    return sum(file.read_bytes().count(b"\n") for file in folder.rglob(pattern))


def land(scratch, given, prefix, workers, count):
    """The CPU seconds of so many workers that land all records into a place of their own."""
    bucket = ["--set", f"store.url=s3://{store.BUCKET}/{prefix}", "--roles", "gateway,sink"]
    folder = scratch / "buckets" / store.BUCKET / prefix / "topics"
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(harness.pinion_serve(
                scratch / f"{prefix}-{n}", harness.free_port(), scratch / "log", *given, *bucket
            ))
            for n in range(workers)
        ]  # fmt: skip
        until(lambda: count_lines(folder) >= count, "landing")
        took = sum(harness.cpu_seconds(process.pid) for process in processes)
    if count_lines(folder) != count:
        raise harness.BenchError(f"{count_lines(folder)} lines for {count} records")
    return took


def objects(name, scratch, options, say):
    """From the cluster to JSON objects: ours in a bucket, Spark's in a folder of this machine."""
    records = stream.generate(scratch, 20_000 if options.quick else 200_000)
    with broker.broker(scratch) as address, store.bucket(scratch) as s3:
        given = landing_options(scratch, address, s3)
        fill_topic(scratch, given, address, records)
        ours = len(records) / land(scratch, given, "one", 1, len(records))
        say(f"pinion: {ours:,.0f} records a second of CPU, with its start")
        if not options.spark:
            return [harness.Result(f"{name}.cpu.rps", ours, ours)]
        folder = scratch / "spark/text"
        with spark(scratch, address, TOPIC, folder, "earliest", "text") as process:
            before = tree_cpu(process)
            until(lambda: count_lines(folder, "part-*") >= len(records), "Spark")
            theirs = len(records) / (tree_cpu(process) - before)
    say(f"spark:  {theirs:,.0f}, without its start")
    return [harness.Result(f"{name}.spark.cpu.rps", ours, theirs, SPARK_GOAL)]


def workers(name, scratch, options, say):
    """What it costs that three share the partitions: CPU a record, beside one."""
    records = stream.generate(scratch, 20_000 if options.quick else 500_000)
    rounds = 1 if options.quick else 2
    three, one = [], []
    with broker.broker(scratch) as address, store.bucket(scratch) as s3:
        given = landing_options(scratch, address, s3)
        fill_topic(scratch, given, address, records)
        for turn in range(rounds):
            one.append(land(scratch, given, f"one{turn}", 1, len(records)))
            three.append(land(scratch, given, f"three{turn}", 3, len(records)))
    one = [1e6 * took / len(records) for took in one]
    three = [1e6 * took / len(records) for took in three]
    say(f"one: {one}, three: {three} us of CPU a record")
    return [harness.compare(f"{name}.us_per_record", three, one, WORKERS_GOAL)]


def run(name, scratch, options, say):
    suite = {"cluster.delta": delta, "cluster.objects": objects, "cluster.workers": workers,
             "cluster.karapace": karapace}  # fmt: skip
    return suite.get(name, produce)(name, scratch, options, say)
