"""The gateway: durable POSTs of one record each, beside nginx's empty `return 200` on the same
POSTs. Both have wrk as their client, one after the other, with as many connections."""

import json
import shutil
from pathlib import Path

import harness

# durability, connections, goal for requests a second (ours / nginx)
CASES = [("fsync", 64, 0.5), ("fsync", 256, 0.5), ("os", 64, 0.8), ("os", 256, 0.8)]
P99_GOAL = 2.5

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


def run(name, scratch, options, say):
    durability, connections, goal = next(
        case for case in CASES if name == f"gateway.{case[0]}.c{case[1]}"
    )
    seconds, rounds = (2, 1) if options.quick else (5, 3)
    our_port, nginx_port = harness.free_port(), harness.free_port()
    data = scratch / "data"
    ours, theirs = [], []
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
            ours.append(wrk(our_port, connections, seconds))
            theirs.append(wrk(nginx_port, connections, seconds))
        acknowledged += sum(one["requests"] for one in ours)
        check_kept(our_port, acknowledged)
    say_runs(say, ("pinion", ours), ("nginx", theirs))

    def pair(key):
        return [one[key] for one in ours], [one[key] for one in theirs]

    return [
        harness.compare(f"{name}.rps", *pair("rps"), goal),
        harness.compare(f"{name}.p99.ms", *pair("p99_ms"), P99_GOAL),
    ]
