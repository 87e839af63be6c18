"""A program on the AWS SDK for JavaScript v3, set to HTTP/1.1; and what happens if it is not."""

import json
import subprocess

import pytest

from pinion import ROOT, Server

ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def signed(data):
    """A server that takes no request without a good signature."""
    keys = ["--set", f"aws.access_key={ACCESS}", "--set", f"aws.secret_key={SECRET}"]
    with Server(data, *keys) as running:
        yield running


def node(server, http):
    folder = ROOT / "third_party/js"
    if not (folder / "node_modules/@aws-sdk/client-kinesis").exists():
        pytest.fail(f"the AWS SDK for JavaScript is not in {folder}: run scripts/setup test")
    # A module is looked for from where the program lies.
    program = folder / "stream_user.mjs"
    program.write_bytes((ROOT / "test/js/stream_user.mjs").read_bytes())
    return subprocess.run(
        [folder / "node", program, server.url, "aus-js", ACCESS, SECRET, http],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_javascript_program(signed):
    done = node(signed, "1.1")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert "aus-js" in told["streams"]
    assert told["failed"] == 0 and told["first"] == told["sequence"]
    assert [json.loads(record) for record in told["records"]] == [
        {"index": 1, "title": "日😀"}, {"index": 2}, {"index": 3}
    ]  # fmt: skip
    assert told["refused"] == "ResourceNotFoundException"


def test_a_javascript_program_that_speaks_http_2(signed):
    """Its own error says little; the server's log says what to set."""
    done = node(signed, "2")
    assert done.returncode != 0
    assert "requestHandler: new NodeHttpHandler()" in signed.log()
