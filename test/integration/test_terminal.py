"""What people see: a terminal of 80 columns, interruptions, and slips of the hand."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from pinion import PINION, Server, run

COLUMNS = 80
SECONDS_MAX = 60
SLOW = """
name: slow
topics:
  t: {partitions: 1}
dags:
  slow:
    tasks:
      wait: {run: command, command: sleep 60}
"""


def on_terminal(*args, columns=COLUMNS):
    """What a command writes to a terminal, as text."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([PINION, *map(str, args)], stdin=subprocess.DEVNULL, stdout=theirs,
                               stderr=theirs)  # fmt: skip
    os.close(theirs)
    written = b""
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline and select.select([ours], [], [], SECONDS_MAX)[0]:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        written += piece
    os.close(ours)
    assert process.wait(SECONDS_MAX) == 0, written
    return re.sub("\r+\n", "\n", written.decode())


@pytest.fixture
def empty(data):
    (data / "store").mkdir(parents=True)
    return data


def test_a_table_fits_or_is_expanded(empty):
    fits = "SELECT repeat('x', 200) AS long, 1 AS n"
    lines = on_terminal("query", fits, "--data", empty).splitlines()
    assert [len(line) <= COLUMNS for line in lines] == [True] * 3
    assert lines[0].split() == ["long", "n"]
    wide = "SELECT " + ", ".join(f"'{i:030}' AS column_{i}" for i in range(8))
    lines = on_terminal("query", wide, "--data", empty).splitlines()
    assert lines[0].startswith("-[ row 1 ]-")
    assert lines[1:] == [f"column_{i}  {i:030}" for i in range(8)]
    assert all(len(line) <= COLUMNS for line in lines)
    # In a pipe the table is as wide as it wants to be; asked for, it is expanded there, too.
    assert run("query", wide, data=empty).stdout.startswith("column_0   ")
    asked = run("query", wide, "--expanded", data=empty).stdout
    assert asked.splitlines()[1:] == lines[1:]
    refused = run("query", wide, "-x", "--format", "json", data=empty, check=False)
    assert refused.returncode == 2 and "--expanded needs" in refused.stderr


@pytest.mark.parametrize("columns", [COLUMNS, 0])  # 0: a terminal that does not know its size
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_record_cannot_steer_the_terminal(empty, form, columns):
    sql = "SELECT chr(27) || '[2J' || chr(155) || chr(8238) || chr(13) || 'end' AS s"
    written = on_terminal("query", sql, "--format", form, "--data", empty, columns=columns)
    assert "end" in written
    assert not re.search("[\x1b\x80-\x9f\u202a-\u202e\r]", written), written
    if form == "json":
        assert json.loads(written) == [{"s": "\x1b[2J\x9b\u202e\rend"}]
    elif form == "csv":
        piped = run("query", sql, "--format", form, data=empty).stdout
        assert "\x1b[2J\x9b\u202e" in piped


def test_progress_stays_on_its_line(tmp_path):
    for columns in (COLUMNS, 30, 8):
        written = on_terminal("emulate", "batch", "--rows", 150000, "--to", "jsonl",
                              tmp_path / f"out{columns}", columns=columns)  # fmt: skip
        drawn = [line for line in re.split("[\r\n]", written) if "\x1b[K" in line]
        assert len(drawn) > 1
        assert all(len(line.replace("\x1b[K", "")) < columns for line in drawn), drawn


def test_help_is_at_most_80_wide():
    listed = re.findall("^  ([a-z]+) ", run("--help").stdout, re.M)
    for words in [[], *([word] for word in listed), ["dag", "trigger"], ["stream", "tail"],
                  ["emulate", "batch"], ["emulate", "stream"], ["table", "vacuum"]]:  # fmt: skip
        text = run(*words, "--help").stdout
        assert [line for line in text.splitlines() if len(line) > COLUMNS] == []


def test_slips_of_the_hand(tmp_path):
    assert run("-V").stdout == run("version").stdout == run("--version").stdout
    assert "did you mean --version?" in run("--versoin", check=False).stderr
    (tmp_path / "file").touch()
    looks = ["query FROM(SELECT(1))", "table list", "dag status batch_processing_dag"]
    for args in (words.split() for words in looks):
        done = run(*args, data=tmp_path, check=False)
        assert done.returncode == 1 and f"no pinion data in {tmp_path}" in done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["file"]
        done = subprocess.run([PINION, *args, "--data", "s3://b/x"], cwd=tmp_path,
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 2 and "s3://b/x: give a folder on this machine" in done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_json_of_what_has_a_text_of_its_own(data):
    versions = json.loads(run("version", "--format", "json").stdout)
    assert [part["name"] for part in versions][:2] == ["pinion", "commit"]
    (checked,) = json.loads(run("pipeline", "check", "--format", "json").stdout)
    assert checked["pipeline"] == "pinterest" and checked["queries"] == 9
    run("dag", "trigger", "batch_processing_dag", "--wait", "-q", data=data)
    done = run("dag", "logs", "batch_processing_dag", "--format", "json", data=data)
    attempts = json.loads(done.stdout)
    assert len(attempts) == 5 and all(attempt["outcome"] == "success" for attempt in attempts)
    assert attempts[0]["log"] == "the store exists and is readable\n"


def trigger_and_interrupt(data, pipeline):
    waiting = subprocess.Popen(
        [PINION, "dag", "trigger", "slow", "--wait", "--data", data, "--pipeline", pipeline],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in waiting.stderr:
        if line.split()[:2] == ["wait", "running"]:
            break
    waiting.send_signal(signal.SIGINT)
    said = waiting.communicate(timeout=SECONDS_MAX)[1]
    assert waiting.returncode == 1
    return said


def test_an_interrupted_wait_says_that_the_run_goes_on(data, tmp_path):
    pipeline = tmp_path / "pipeline"
    pipeline.mkdir()
    (pipeline / "pipeline.yml").write_text(SLOW)
    said = trigger_and_interrupt(data, pipeline)
    assert "continues with the next scheduler" in said and "pinion dag status slow manual__" in said
    run("dag", "cancel", "slow", "--yes", "--pipeline", pipeline, data=data)
    with Server(data, "--pipeline", pipeline):
        said = trigger_and_interrupt(data, pipeline)
        assert "continues in the server" in said and "pinion dag status slow manual__" in said
        listed = run("dag", "runs", "--format", "json", "--pipeline", pipeline, data=data).stdout
        assert json.loads(listed)[0]["state"] == "running"


def test_an_interrupted_export_leaves_nothing(tmp_path):
    folder = tmp_path / "out"
    process = subprocess.Popen(
        [PINION, "emulate", "batch", "--rows", "100000000", "--to", "jsonl", folder],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + SECONDS_MAX
    while not folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS_MAX) == 1
    assert not folder.exists()
