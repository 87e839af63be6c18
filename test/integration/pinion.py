"""Drives the real program: commands, and servers on free ports of loopback."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINION = os.environ.get("PINION", str(ROOT / "build/pinion"))
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60


class Failed(Exception):
    """A command that ended with another status than was expected."""


def run(*args, data=None, check=True, env=None, timeout=300, input=None):
    """Runs `pinion ARGS...`; gives the finished process with its output as text."""
    command = [PINION, *map(str, args)]
    if data is not None:
        command += ["--data", str(data)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, input=input or "",
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def query(name, data, **more):
    """The rows that `pinion query NAME` answers, as a list of dicts."""
    return json.loads(run("query", name, "--format", "json", data=data, **more).stdout)


class Server:
    """`pinion serve` on a data folder; a context manager that ends it cleanly."""

    def __init__(self, data, *args, env=None, under=""):
        """`under`: what a shell does before it becomes the server, such as `ulimit -f 8`."""
        self.data = Path(data)
        self.under = under
        self.args = [str(arg) for arg in args]
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.url = None

    def start(self):
        self.data.mkdir(parents=True, exist_ok=True)
        announcement = self.data / "server.json"
        announcement.unlink(missing_ok=True)
        self.output = open(self.data / "server.out", "ab")
        self.process = subprocess.Popen(
            ["sh", "-c", f'{self.under}\nexec "$0" "$@"', PINION, "serve", "--data", str(self.data),
             "--listen", "127.0.0.1:0", *self.args],
            stdout=self.output, stderr=self.output, stdin=subprocess.DEVNULL, env=self.env,
        )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS_MAX
        while not announcement.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"pinion serve did not start:\n{self.log()}")
            time.sleep(0.005)
        self.url = json.loads(announcement.read_text())["url"]
        return self

    def log(self):
        """What the server printed so far."""
        return (self.data / "server.out").read_text(errors="replace")

    def kill(self):
        """kill -9, as a crash."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS_MAX)
        self.output.close()
        self.process = None

    def stop(self):
        """SIGTERM; the exit status must be 0."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_SECONDS_MAX)
        self.output.close()
        self.process = None
        if status != 0:
            raise Failed(f"pinion serve ended with {status}:\n{self.log()}")

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        if self.process is not None:
            if exception[0] is None:
                self.stop()
            else:
                self.kill()

    def request(self, method, path, body=None, headers=None, timeout=30):
        """One request; gives (status, body as bytes, headers)."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = "json" if path.startswith("/api/") else "vnd.kafka.json.v2+json"
        usual = {"Content-Type": f"application/{kind}"} if data is not None else {}
        asked = urllib.request.Request(
            self.url + path, data=data, method=method, headers={**usual, **(headers or {})}
        )
        try:
            with urllib.request.urlopen(asked, timeout=timeout) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read(), refused.headers

    def produce(self, topic, *values):
        """Posts JSON values as one request; gives the answer's offset entries."""
        body = {"records": [{"value": value} for value in values]}
        status, answer, _ = self.request("POST", f"/topics/{topic}", body)
        assert status == 200, answer
        return json.loads(answer)["offsets"]
