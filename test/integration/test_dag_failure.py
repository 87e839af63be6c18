"""What follows a failed run: a webhook, signed and tried again, and a command."""

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from test_dag import Dags, dag, until


@pytest.fixture
def dags(tmp_path):
    return lambda **made: Dags(tmp_path, made)


@pytest.fixture
def receiver():
    """A web server that answers with the statuses it is given, and keeps what it got."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.got.append((dict(self.headers), body))
            statuses = self.server.statuses
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.statuses = [], [200]
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


ALLOWED = ("--set", "dag.webhook_private=true")


def fail(own, *settings):
    """Runs the DAG in a server; gives the notice when it is there."""
    from pinion import Server

    with Server(own.data, "--pipeline", own.folder, *settings):
        own.run("dag", "trigger", "d", "--run-id", "mine", "--conf", '{"a":1}')
        log = own.data / "dag/d/mine/on_failure.log"
        until(lambda: log.exists() and log.read_text().endswith("\n"), "the notice")
    return log.read_text()


def test_a_webhook_is_signed_and_says_what_failed(dags, receiver):
    own = dags(d=dag(a="true", b=("exit 3", "a"), c=("true", "b"),
                     settings_={"on_failure": {"webhook": receiver.url}}))  # fmt: skip
    assert fail(own, *ALLOWED, "--set", "dag.webhook_secret=s3cret") == (
        "webhook: 200 after 1 of 3 tries\n"
    )
    ((headers, body),) = receiver.got
    expected = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-Pinion-Signature-256"] == f"sha256={expected}"
    assert headers["Content-Type"] == "application/json"
    said = json.loads(body)
    assert (said["event"], said["dag"], said["run_id"]) == ("run_failed", "d", "mine")
    assert said["conf"] == '{"a":1}'
    tasks = {task["task"]: task for task in said["failed_tasks"]}
    assert (tasks["b"]["state"], tasks["b"]["exit_code"]) == ("failed", 3)
    assert tasks["c"]["state"] == "upstream_failed" and set(tasks) == {"b", "c"}


def test_a_webhook_is_tried_again_but_not_for_ever(dags, receiver):
    receiver.statuses = [503, 500, 204]
    own = dags(d=dag(a="false", settings_={"on_failure": {"webhook": receiver.url}}))
    assert fail(own, *ALLOWED) == "webhook: 204 after 3 of 3 tries\n"
    assert len(receiver.got) == 3
    assert "X-Pinion-Signature-256" not in receiver.got[0][0]


@pytest.mark.parametrize("status", [302, 404])
def test_an_answer_that_will_not_change_ends_it(dags, receiver, status):
    receiver.statuses = [status]
    own = dags(d=dag(a="false", settings_={"on_failure": {"webhook": receiver.url}}))
    assert f"status {status}" in fail(own, *ALLOWED)
    assert len(receiver.got) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machine_is_refused_unless_it_is_allowed(dags, receiver, host):
    url = f"http://{host}:{receiver.server_port}/"
    own = dags(d=dag(a="false", settings_={"on_failure": {"webhook": url}}))
    assert "dag.webhook_private" in fail(own)
    assert receiver.got == []


def test_a_command_gets_the_notice(dags, tmp_path):
    said = tmp_path / "said"
    command = f'printf %s "$PINION_NOTICE" > {said}; echo told; exit 4'
    own = dags(d=dag(a="false", settings_={"on_failure": {"command": command}}))
    assert fail(own) == "told\ncommand: exit 4\n"
    assert json.loads(said.read_text())["run_id"] == "mine"


def test_a_run_that_succeeds_tells_nobody(dags, receiver):
    own = dags(d=dag(a="true", settings_={"on_failure": {"webhook": receiver.url}}))
    assert own.trigger("d", *ALLOWED).returncode == 0
    assert receiver.got == []
