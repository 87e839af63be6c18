"""The gateway: durable POSTs of one record each, beside nginx's empty `return 200` on the same
POSTs. Both have wrk as their client, one after the other, with as many connections. Where a POST
waits for the disk, a bare loop then writes and syncs batches like those of the gateway's log."""

import json
import os
import re
import shutil
import statistics
import time
from pathlib import Path

import harness

# durability, connections, goal for requests a second (ours / nginx)
CASES = [("fsync", 64, 0.5), ("fsync", 256, 0.5), ("os", 64, 0.8), ("os", 256, 0.8)]
P99_GOAL = 2.5
FLOOR_FILE_BYTES = 16 << 20

ANSWER = (
    '{"offsets":[{"partition":0,"offset":1,"error_code":null,"error":null}],'
    '"key_schema_id":null,"value_schema_id":null}'
)
NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            return 200 '{answer}';
        }}
    }}
}}
"""


def names(options):
    return [f"gateway.{durability}.c{connections}" for durability, connections, _ in CASES]


def nginx(port, folder, answer):
    """The command of an nginx that answers everything with `answer`."""
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, answer=answer))
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-p", folder, "-c", config]


def wrk(port, connections, seconds, script="post.lua", path="/topics/bench", env=None):
    """One run of wrk; a request that failed fails the measurement."""
    script = Path(__file__).with_name(script)
    url = f"http://127.0.0.1:{port}{path}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, url]
    out, _ = harness.measure(command, seconds + 60, env)
    run = json.loads(out.decode().strip().splitlines()[-1])
    if run["failed"] or not run["requests"]:
        raise harness.BenchError(f"wrk: {run['failed']} of {run['requests']} requests failed")
    return run


def say_runs(say, *labelled):
    for label, runs in labelled:
        rates = ", ".join(f"{one['rps']:.0f} rps p50 {one['p50_ms']:.2f} p99 {one['p99_ms']:.2f} ms"
                          for one in runs)  # fmt: skip
        say(f"{label}: {rates}")


def check_kept(port, acknowledged):
    """Every acknowledged record must be in the topic."""
    status, body = harness.get(port, "/topics/bench/partitions/0/offsets")
    end = json.loads(body)["end_offset"] if status == 200 else -1
    if end < acknowledged:
        raise harness.BenchError(f"{acknowledged} records were acknowledged, {end} are in the log")


def log_totals(port):
    """Of the log until now: its commits, and the bytes of their batches."""
    text = harness.get(port, "/metrics")[1]
    text = text.decode() if isinstance(text, bytes) else text
    commits = re.search(r"^pinion_log_commit_seconds_count (\d+)", text, re.M)
    sizes = re.findall(r"^pinion_log_appended_bytes_total\{.*\} (\d+)", text, re.M)
    return int(commits[1]), sum(map(int, sizes))


def disk_loop(folder, records, size, seconds):
    """Writes batches of `size` bytes, one after the other, each synced before the next, over zeros
    as the log does. As wrk says it: records a second, and the time of a batch in ms."""
    batch, times = os.urandom(size), []
    room = max(FLOOR_FILE_BYTES // size, 1) * size
    fd = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.write(fd, bytes(room))
        os.fsync(fd)
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            start = time.monotonic()
            os.pwrite(fd, batch, len(times) * size % room)
            os.fdatasync(fd)
            times.append((time.monotonic() - start) * 1000)
        took = time.monotonic() - began
    finally:
        os.close(fd)
        os.unlink(folder / "floor")
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {"rps": len(times) * records / took, "p50_ms": cuts[49], "p99_ms": cuts[98]}


def with_floor(port, folder, connections, seconds):
    """A run of wrk, and then the loop with batches of the same number of records and bytes."""
    commits, size = log_totals(port)
    one = wrk(port, connections, seconds)
    commits_after, size_after = log_totals(port)
    made = max(commits_after - commits, 1)
    per_batch = one["requests"] / made
    return one, disk_loop(folder, per_batch, max((size_after - size) // made, 1), seconds / 2)


def run(name, scratch, options, say):
    durability, connections, goal = next(
        case for case in CASES if name == f"gateway.{case[0]}.c{case[1]}"
    )
    seconds, rounds = (2, 1) if options.quick else (5, 3)
    our_port, nginx_port = harness.free_port(), harness.free_port()
    data = scratch / "data"
    ours, theirs, floors = [], [], []
    with (
        harness.server(
            nginx(nginx_port, scratch, ANSWER), nginx_port, scratch / "nginx.log", ready_path="/"
        ),
        harness.pinion_serve(
            data, our_port, scratch / "pinion.log", "--set", f"log.durability={durability}"
        ),
    ):
        acknowledged = wrk(our_port, connections, 1)["requests"]  # warms up
        wrk(nginx_port, connections, 1)
        for _ in range(rounds):
            if durability == "fsync":
                one, floor = with_floor(our_port, scratch, connections, seconds)
                floors.append(floor)
            else:
                one = wrk(our_port, connections, seconds)
            ours.append(one)
            theirs.append(wrk(nginx_port, connections, seconds))
        acknowledged += sum(one["requests"] for one in ours)
        check_kept(our_port, acknowledged)
    say_runs(say, ("pinion", ours), ("nginx", theirs), *([("disk", floors)] if floors else []))

    def pair(key, peer):
        return [one[key] for one in ours], [one[key] for one in peer]

    results = [
        harness.compare(f"{name}.rps", *pair("rps", theirs), goal),
        harness.compare(f"{name}.p99.ms", *pair("p99_ms", theirs), P99_GOAL),
    ]
    if floors:
        results += [
            harness.compare(f"{name}.disk.rps", *pair("rps", floors)),
            harness.compare(f"{name}.disk.p99.ms", *pair("p99_ms", floors)),
        ]
    return results
