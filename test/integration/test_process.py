"""The server as a process: signals, limits, and the descriptors that it starts with."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests

from pinion import PINION, Server, run
from streams import await_rows, put

JSON_V2 = {"Content-Type": "application/vnd.kafka.json.v2+json"}


def post(server, value, topic="t"):
    body = {"records": [{"value": value}]}
    return requests.post(f"{server.url}/topics/{topic}", json=body, headers=JSON_V2, timeout=60)


def says(path, words, seconds=20):
    """Waits for the words in a file of log lines."""
    deadline = time.monotonic() + seconds
    while words not in path.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert words in path.read_text()


# --- descriptors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]])
def test_closed_standard_streams(data, closed):
    """Log lines are written to none of the data folder's files."""
    with Server(data, under="exec " + " ".join(f"{number}>&-" for number in closed)) as server:
        for number in closed:
            assert os.readlink(f"/proc/{server.process.pid}/fd/{number}") == "/dev/null"
        assert post(server, 1).status_code == 200
    for lock in data.rglob("*lock"):
        assert b"serve" not in lock.read_bytes()


# --- limits ---------------------------------------------------------------------------------------


def test_limit_on_the_size_of_files(data):
    """As a full disk: what does not fit is refused, and what was acknowledged stays."""
    # In blocks of 512 bytes; the log writes its segments ahead by up to a megabyte.
    with Server(data, under="ulimit -f 8192") as server:
        kept = 0
        answer = None
        for number in range(40):
            answer = post(server, f"{number}" + "x" * 500_000)
            if answer.status_code != 200:
                break
            kept += 1
        assert 0 < kept < 40 and answer.status_code == 503, (kept, answer.text)
        assert answer.headers["Retry-After"] == "1"
        assert "File too large" in answer.json()["message"]
        assert requests.get(f"{server.url}/health", timeout=30).status_code == 200
    with Server(data) as server:
        path = f"{server.url}/topics/t/partitions/0/offsets"
        assert requests.get(path, timeout=30).json()["end_offset"] == kept
        assert post(server, 1).status_code == 200


def large_bodies():
    text = {"records": [{"value": "x" * 1_000_000}] * 13}
    numbers = {"records": [{"value": list(range(100_000))}] * 20}
    row = {"records": [{"data": {"a": "x" * 700_000}, "partition-key": "k"}] * 9}
    yield "/topics/t", text
    yield "/topics/t", numbers
    yield "/streams/s/records", row
    yield "/consumers/g", {"name": "x", "junk": ["x" * 100] * 100_000}


# What a server may take beyond what its start takes: enough for a few of the bodies, not for all.
ROOM_KIB = 60_000


@pytest.mark.parametrize("case", range(4))
def test_limit_on_memory(data, case):
    """Large bodies are refused when memory runs out; the process still takes small ones."""
    path, body = list(large_bodies())[case]
    octets = json.dumps(body).encode()
    settings = ["--roles", "gateway", "--set", "gateway.threads=1"]
    few_arenas = "ulimit -c 0; export MALLOC_ARENA_MAX=2"
    with Server(data, *settings, under=few_arenas) as server:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        peak_kib = int(re.search(r"VmPeak:\s+(\d+)", status)[1])
    limited = f"{few_arenas}; ulimit -v {peak_kib + ROOM_KIB}"
    with Server(data, *settings, under=limited) as server:
        answers = []

        def send():
            try:
                answer = requests.post(server.url + path, data=octets, timeout=60)
                answers.append(answer.status_code)
            except requests.ConnectionError:
                answers.append(None)  # not even a connection could be had

        clients = [threading.Thread(target=send) for _ in range(20)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert server.process.poll() is None, server.log()
        assert len(answers) == 20 and 503 in answers, answers
        assert set(answers) <= {200, 400, 404, 413, 422, 500, 503, None}
        assert post(server, 1).status_code == 200


# --- SIGHUP ---------------------------------------------------------------------------------------

OLD = "0123456789abcdef-the-old-one"
NEW = "0123456789abcdef-the-new-one"


def test_hangup_reads_the_keys_again(data, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(OLD + "\n")
    settings = ["--set", "gateway.auth=api-key", "--set", f"gateway.api_key_file={keys}"]
    with Server(data, *settings) as server:

        def status(key):
            headers = {"x-api-key": key}
            return requests.get(f"{server.url}/topics", headers=headers, timeout=30).status_code

        assert (status(OLD), status(NEW)) == (200, 401)
        keys.write_text("short\n")
        server.process.send_signal(signal.SIGHUP)
        says(data / "server.out", "the previous API keys stay in force")
        assert (status(OLD), status(NEW)) == (200, 401)
        keys.write_text(NEW + "\n")
        server.process.send_signal(signal.SIGHUP)
        says(data / "server.out", "SIGHUP: 1 API key in force")
        assert (status(OLD), status(NEW)) == (401, 200)


def test_hangup_without_keys(server, data):
    server.process.send_signal(signal.SIGHUP)
    says(data / "server.out", "SIGHUP: nothing to reload")
    assert post(server, 1).status_code == 200


def test_hangup_of_a_processor(server, processors, data):
    """Whenever one comes: at the start, and while the process answers the one before."""
    processor = processors.start()
    for _ in range(2000):  # without a pause, so that most find the process at work
        processor.send_signal(signal.SIGHUP)
        assert processor.poll() is None, (data / "process.out").read_text()
    says(data / "process.out", "Hangup: nothing to reload")
    put(server.url, "pin", {"index": 1})
    await_rows(data, "pin", 1)
    assert processor.poll() is None
    processors.stop(processor)


def start_emulation(data, ignore=""):
    """Writes records until it is stopped; returns once it writes."""
    made = data.with_name("made")
    process = subprocess.Popen(
        ["sh", "-c", f'{ignore}\nexec "$0" "$@"', PINION, "emulate", "batch", "--to", "jsonl",
         "--rows", "100000000", "--quiet", str(made)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not made.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    return process


def test_hangup_of_a_command(data):
    """A closed terminal ends it as Ctrl-C does."""
    process = start_emulation(data)
    process.send_signal(signal.SIGHUP)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "stopped by a signal after" in said, said


def test_hangup_under_nohup(data):
    process = start_emulation(data, ignore="trap '' HUP")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "stopped by a signal after" in said, said


# --- what it says of itself -----------------------------------------------------------------------


def test_where_others_reach_it(data):
    with Server(data, "--listen", "0.0.0.0:0", "--set", "gateway.auth=none") as server:
        says(data / "server.out", "other machines reach it on http://")
        assert "every client that reaches it may do everything" in server.log()
        assert server.url.startswith("http://127.0.0.1:")
        for url in re.findall(r"reach it on (http://[0-9.:]*)", server.log()):
            assert requests.get(f"{url}/health", timeout=30).status_code == 200


def test_commands_without_the_key(data):
    key = "0123456789abcdef"
    with Server(data, "--set", "gateway.auth=api-key", env={"PINION_API_KEY": key}):
        commands = ["dag trigger batch_processing_dag", "stream list", "stream lag"]
        for command in [command.split() for command in commands]:
            done = run(*command, data=data, check=False)
            assert done.returncode != 0 and "set PINION_API_KEY" in done.stderr, done.stderr
            done = run(*command, data=data, check=False, env={"PINION_API_KEY": "x" * 16})
            assert "is PINION_API_KEY one of" in done.stderr, done.stderr
