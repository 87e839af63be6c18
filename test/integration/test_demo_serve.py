"""`pinion demo --serve`: its results stay to be looked at, until Ctrl-C."""

import signal
import subprocess

import requests

from pinion import PINION, Server

ROWS = 20


def test_the_results_are_served(tmp_path):
    folder = tmp_path / "demo"
    demo = subprocess.Popen(
        [PINION, "demo", "--serve", "--quiet", "--rows", str(ROWS), "--into", str(folder),
         "--set", "gateway.listen=127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        link = next(line.strip() for line in demo.stdout if line.strip().endswith("/ui/"))
        page = requests.get(link, timeout=30)
        assert page.status_code == 200 and "<title>" in page.text
        api = link.replace("/ui/", "/api/v1/overview")
        nodes = requests.get(api, timeout=30).json()["nodes"]
        assert sum(int(node["records"] or 0) for node in nodes if node["kind"] == "topic") > ROWS
        demo.send_signal(signal.SIGINT)
        rest, errors = demo.communicate(timeout=60)
        assert demo.returncode == 0, errors
        assert "The server has stopped." in rest
    finally:
        demo.kill()
    with Server(folder) as server:
        assert server.request("GET", "/health")[0] == 200


def test_nobody_reads_on(tmp_path):
    """`pinion demo | head -2`: it ends after its queries, without a word."""
    command = [PINION, "demo", "--quiet", "--rows", str(ROWS), "--into", tmp_path / "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as demo:
        assert demo.stdout.readline() != b""
        demo.stdout.close()
        assert demo.stderr.read() == b""
        assert demo.wait() == 1
