"""Recovery of the log: from the start of a server, on a partition of 1 GiB whose last server was
killed, to its first answer. The peer is `cat` of the same bytes, the least that reading them all
takes; the goal is on the time itself."""

import http.client
import json
import shutil
import time

import harness

GOAL_S = 2.0
RECORDS_PER_REQUEST = 5_000

# In one segment, recovery has all of the partition to look at; by default only the last segment.
CASES = {
    "recovery.default_segments": [],
    "recovery.one_segment": ["--set", "log.segment_bytes=1GiB"],
}


def names(options):
    return list(CASES)


def fill(port, bytes_wanted):
    record = {"value": {"index": 1, "title": "x" * 40, "description": "some words " * 70}}
    body = json.dumps({"records": [record] * RECORDS_PER_REQUEST})
    record_bytes = len(json.dumps(record["value"], separators=(",", ":")))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    sent = 0
    while sent < bytes_wanted:
        headers = {"Content-Type": "application/vnd.kafka.json.v2+json"}
        connection.request("POST", "/topics/bench", body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise harness.BenchError(f"POST: {response.status} {answer[:300]!r}")
        sent += record_bytes * RECORDS_PER_REQUEST
    connection.close()
    return sent // record_bytes


def run(name, scratch, options, say):
    settings = CASES[name]
    data, log = scratch / "data", scratch / "pinion.log"
    rounds = 1 if options.quick else 3
    # In one segment, 1 GB of records and what they are framed with still stay below its 1 GiB.
    size = (256 if options.quick else 980) << 20
    port = harness.free_port()
    with harness.pinion_serve(data, port, log, *settings) as process:
        count = fill(port, size)
        process.kill()
        process.wait()
    killed = data.rename(scratch / "killed")  # recovery changes what it finds: each round a copy
    segments = sorted((killed / "log/bench/0").glob("*.log"))
    say(f"{count} records, {sum(s.stat().st_size for s in segments) >> 20} MiB in "
        f"{len(segments)} segments")  # fmt: skip
    ours, theirs = [], []
    for _ in range(rounds):
        shutil.copytree(killed, data)
        began = time.monotonic()
        with harness.pinion_serve(data, port, log, *settings) as process:
            ours.append(time.monotonic() - began)
            _, body = harness.get(port, "/topics/bench/partitions/0/offsets")
            if json.loads(body)["end_offset"] != count:
                raise harness.BenchError(f"{count} records were kept, recovery has {body!r}")
        shutil.rmtree(data)
        _, usage = harness.measure(["sh", "-c", 'cat "$@" >/dev/null', "sh", *segments], 60)
        theirs.append(usage.seconds)
    say("pinion: " + ", ".join(f"{s:.3f} s" for s in ours))
    say("cat:    " + ", ".join(f"{s:.3f} s" for s in theirs))
    return [
        harness.compare(f"{name}.of_goal.s", ours, [GOAL_S] * rounds, 1.0),
        harness.compare(f"{name}.cat.s", ours, theirs),
    ]
