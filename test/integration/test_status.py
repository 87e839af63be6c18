"""What the server says of itself as a process."""

import os
import shutil
import time

import requests

from pinion import Server


def test_the_process_and_its_disk(tmp_path):
    begin_ms = time.time() * 1000
    with Server(tmp_path / "data", "--roles", "gateway,sink") as server:
        status = requests.get(f"{server.url}/api/v1/status").json()
        assert status["roles"] == ["gateway", "sink"]
        assert status["pid"] == server.process.pid
        assert begin_ms - 1000 <= status["started_ms"] <= time.time() * 1000
        assert 0 <= status["uptime_ms"] <= time.time() * 1000 - begin_ms
        resident = int(open(f"/proc/{server.process.pid}/statm").read().split()[1])
        assert 0 < status["memory_bytes"] < 2 * resident * os.sysconf("SC_PAGESIZE")
        assert status["disk"]["all_bytes"] == shutil.disk_usage(tmp_path).total
        assert 0 < status["disk"]["free_bytes"] <= status["disk"]["all_bytes"]

        body = {"records": [{"value": {"n": 1}}]}
        kind = "application/vnd.kafka.json.v2+json"
        sent = requests.post(f"{server.url}/topics/t", json=body, headers={"Content-Type": kind})
        assert sent.status_code == 200
        commit = requests.get(f"{server.url}/api/v1/status").json()["log_commit"]
        assert 0 < commit["p50_ms"] <= commit["p99_ms"] <= 10_000
