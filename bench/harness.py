"""What the measurements share: results and their goals, processes that are measured and ended."""

import contextlib
import http.client
import os
import socket
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINION = Path(os.environ.get("PINION", ROOT / "build/pinion"))
PYTHON = ROOT / ".venv-bench/bin/python"

SAMPLE_S = 0.02  # how often the memory of a process tree is looked at


class BenchError(Exception):
    """A measurement that could not be made; its text is for people."""


@dataclass
class Result:
    """One line of the results. `ratio` is ours / peer. The name ends with the unit: of requests a
    second (.rps) the ratio must be at least the goal, of everything else at most. Without a goal
    the line is for information."""

    name: str
    ours: float
    peer: float
    goal: float | None = None
    ratio: float = 0.0

    def __post_init__(self):
        self.ratio = self.ratio or self.ours / self.peer

    @property
    def more_is_better(self):
        return self.name.endswith(".rps")

    @property
    def ok(self):
        if self.goal is None:
            return True
        return self.ratio >= self.goal if self.more_is_better else self.ratio <= self.goal

    def as_json(self):
        return {
            "name": self.name,
            "ours": round(self.ours, 4),
            "peer": round(self.peer, 4),
            "ratio": round(self.ratio, 4),
            "goal": self.goal if self.goal is None else round(self.goal, 4),
            "ok": self.ok,
        }


def compare(name, ours, peer, goal=None):
    """A result from rounds in which ours and the peer ran one after the other: the medians, and
    the median of the rounds' ratios, in which what slowed a whole round cancels out."""
    ratio = statistics.median(a / b for a, b in zip(ours, peer))
    return Result(name, statistics.median(ours), statistics.median(peer), goal, ratio)


@dataclass
class Usage:
    """What a command took, with all processes it started."""

    seconds: float
    cpu_seconds: float
    rss_mib: float


def tree(pid):
    """A process and its descendants, as far as they are still there."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from tree(int(child))


def _look_at(pid):
    """A process's CPU seconds until now and its resident bytes; zeros if it has gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0, 0
    ticks = int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK"), int(stat[21]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid):
    """CPU seconds of a process until now."""
    return _look_at(pid)[0]


def rss_mib(pid):
    """Resident memory of a process."""
    return _look_at(pid)[1] / 2**20


def measure(command, timeout_s, env=None):
    """Runs a command to its end: its standard output, and its Usage. Memory is the largest sum of
    resident memory over the process tree. CPU time is what the system counts for the command, or
    what was seen of its tree: not every command waits for what it started (Spark's JVM)."""
    before = os.times()
    began = time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    peak, seen = 0, {}
    out, err = b"", b""
    try:
        while True:
            try:
                out, err = process.communicate(timeout=SAMPLE_S)
                break
            except subprocess.TimeoutExpired:
                looks = {pid: _look_at(pid) for pid in tree(process.pid)}
                seen.update({pid: cpu for pid, (cpu, _) in looks.items()})
                peak = max(peak, sum(rss for _, rss in looks.values()))
            if time.monotonic() - began > timeout_s:
                raise BenchError(f"{Path(command[0]).name} took longer than {timeout_s} s")
    finally:
        stop(process)
    seconds = time.monotonic() - began
    after = os.times()
    if process.returncode != 0:
        tail = err.decode(errors="replace").strip()[-2000:]
        raise BenchError(f"{' '.join(map(str, command))}: exit {process.returncode}\n{tail}")
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return out, Usage(seconds, max(cpu, sum(seen.values())), peak / 2**20)


def stop(process):
    """Ends a process that we started, and what it started, if it still runs."""
    if process.poll() is None:
        children = list(tree(process.pid))[1:]
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in children:
            with contextlib.suppress(OSError):
                os.kill(pid, 9)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(port, path):
    """The status and body of a GET; None and b"" while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except OSError:
        return None, b""
    finally:
        connection.close()


@contextlib.contextmanager
def server(command, port, log_path, ready_path="/health", timeout_s=60):
    """Starts a server and waits until it answers `ready_path` (None: anything); gives the process,
    and ends it at the end."""
    with open(log_path, "ab") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + timeout_s
        while (status := get(port, ready_path or "/")[0]) != 200:
            if status is not None and ready_path is None:
                break
            if process.poll() is not None or time.monotonic() > deadline:
                text = Path(log_path).read_text(errors="replace")[-2000:]
                raise BenchError(f"{Path(command[0]).name} does not answer:\n{text}")
            time.sleep(0.002)
        yield process
    finally:
        stop(process)


def pinion_serve(data, port, log_path, *options):
    """pinion's server on a data folder, all its roles, as a user starts it."""
    command = [PINION, "serve", "--data", data, "--listen", f"127.0.0.1:{port}", *options]
    return server(command, port, log_path)
