"""Live updates as server-sent events: what comes, after which absence, and what is refused."""

import json
import socket
import threading
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode, urlsplit

import pytest
import requests
import yaml

from pinion import Server, run

WAIT_SECONDS = 60
ADMIN_KEY = "an-administrators-key-0001"
TOPIC_KEY = "a-key-of-one-topic-0000001"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose streams have a heartbeat each 400 ms."""
    data = tmp_path_factory.mktemp("events")
    with Server(data, "--set", "gateway.idle_ms=1200ms") as running:
        yield running


class Events:
    """A stream of events, read by a thread; a context manager."""

    def __init__(self, url, topics, last=None, **headers):
        place = urlsplit(url)
        self.connection = HTTPConnection(place.hostname, place.port, timeout=WAIT_SECONDS)
        asked = {"topics": topics, **({"last_event_id": last} if last else {})}
        self.connection.request("GET", f"/api/v1/events?{urlencode(asked)}", headers=headers)
        self.socket = self.connection.sock
        self.reply = self.connection.getresponse()
        assert self.reply.status == 200, self.reply.read()
        self.events = []  # (name, data)
        self.id = None
        self.comments = 0
        self.ended = False  # as it should: with the last chunk
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        name, data = "message", None
        try:
            while line := self.reply.readline().decode():
                field, _, value = line.rstrip("\n").partition(": ")
                if field == ":":
                    self.comments += 1
                elif field == "id":
                    self.id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    assert len(value) <= 1024
                    data = json.loads(value)
                elif field == "" and data is not None:
                    self.events.append((name, data))
                    name, data = "message", None
            self.ended = True
        except (HTTPException, OSError):
            pass  # it was closed, or broken off

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the server has closed it
        self.thread.join(WAIT_SECONDS)
        self.connection.close()

    def until(self, check):
        """Waits until `check` holds for some event; gives the event's data."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            for name, data in list(self.events):
                if check(name, data):
                    return data
            time.sleep(0.005)
        raise AssertionError(f"it did not come: {self.events}")

    def opened(self):
        """Waits for the first lines: from now on nothing is missed."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.id is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return self

    def __enter__(self):
        return self.opened()

    def __exit__(self, *exception):
        self.close()


def gauge(server, name):
    text = requests.get(server.url + "/metrics", timeout=30).text
    return int(text.split(f"\n{name} ")[1].split("\n")[0])


def until(check):
    deadline = time.monotonic() + WAIT_SECONDS
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_reply_is_a_stream_of_events(server):
    with Events(server.url, "health") as events:
        assert events.reply.headers["Content-Type"] == "text/event-stream"
        assert events.reply.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in events.reply.headers
        until(lambda: events.comments >= 2)  # heartbeats


def test_the_ends_of_a_topic_and_a_stream(server):
    server.produce("a.topic", 1)
    with Events(server.url, "topic/a.topic,rates,stream/none") as events:
        server.produce("a.topic", 2, 3)
        end = events.until(lambda name, data: name == "topic")
        assert end == {"topic": "topic/a.topic", "ends": {"0": "3"}}
        events.until(lambda name, data: name == "rates")
        for value in range(20):
            server.produce("a.topic", value)
        events.until(lambda name, data: data.get("ends") == {"0": "23"})
        ends = [int(data["ends"]["0"]) for name, data in events.events if name == "topic"]
        assert ends == sorted(ends) and len(set(ends)) == len(ends)


def test_events_come_in_order_to_all(server):
    server.produce("order", 0)
    streams = [Events(server.url, "topic/order").opened() for _ in range(10)]
    for value in range(5):
        server.produce("order", value)
        time.sleep(0.1)
    for events in streams:
        events.until(lambda name, data: data.get("ends") == {"0": "6"})
        assert events.events[-1] == ("topic", {"topic": "topic/order", "ends": {"0": "6"}})
        events.close()


def test_who_comes_again_misses_nothing(server):
    server.produce("again", 0)
    with Events(server.url, "topic/again") as events:
        server.produce("again", 1)
        events.until(lambda name, data: data.get("ends") == {"0": "2"})
        last = events.id
    server.produce("again", 2)  # nobody listens
    with Events(server.url, "topic/again", **{"Last-Event-ID": last}) as events:
        events.until(lambda name, data: data.get("ends") == {"0": "3"})
        assert [name for name, _ in events.events] == ["topic"]
        last = events.id
    with Events(server.url, "topic/again,stream/new", **{"Last-Event-ID": last}) as events:
        events.until(lambda name, data: name == "resync" and data == {"topics": ["stream/new"]})


def test_after_a_restart_all_is_fetched_again(tmp_path):
    server = Server(tmp_path / "data").start()
    with Events(server.url, "health") as events:
        last = events.id
    server.stop()
    with Server(tmp_path / "data") as server:
        with Events(server.url, "health", **{"Last-Event-ID": last}) as events:
            events.until(lambda name, data: name == "resync" and data == {"topics": ["health"]})
        with Events(server.url, "health", last=last) as events:
            events.until(lambda name, data: name == "resync")


def test_a_stop_ends_the_streams(tmp_path):
    server = Server(tmp_path / "data").start()
    streams = [Events(server.url, "health,rates").opened() for _ in range(5)]
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 20
    for events in streams:
        events.thread.join(WAIT_SECONDS)
        assert events.ended, "the stream was broken off"


@pytest.mark.parametrize(
    "topics, words",
    [
        ("nothing", "no topic 'nothing'"),
        ("run/only-the-dag", "no topic"),
        ("", "a topic has"),
        ("a b", "percent-encoded"),
        (",".join(["health"] * 33), "at most 32 topics"),
    ],
)
def test_what_is_refused(server, topics, words):
    reply = requests.get(server.url + "/api/v1/events", params={"topics": topics}, timeout=30)
    assert reply.status_code == 400
    assert words in reply.json()["error"]["message"]


def test_topics_are_asked_for(server):
    reply = requests.get(server.url + "/api/v1/events", timeout=30)
    assert reply.status_code == 400
    assert "`topics` is missing" in reply.json()["error"]["message"]


def test_as_many_streams_as_may_be(server):
    before = gauge(server, "pinion_gateway_requests_in_flight")
    streams = [Events(server.url, "health").opened() for _ in range(64)]
    reply = requests.get(server.url + "/api/v1/events?topics=health", timeout=30)
    assert reply.status_code == 429
    assert reply.json()["error"]["code"] == "busy"
    assert int(reply.headers["Retry-After"]) > 0
    for events in streams:
        events.close()
    until(lambda: gauge(server, "pinion_gateway_requests_in_flight") <= before)
    with Events(server.url, "health"):
        pass  # there is room again


def test_a_key_must_be_for_the_whole_server(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"{ADMIN_KEY}\n{TOPIC_KEY} rights=read topics=a\n")
    with Server(tmp_path / "data", "--set", "gateway.auth=api-key",
                "--set", f"gateway.api_key_file={keys}") as server:  # fmt: skip
        path = server.url + "/api/v1/events?topics=health"
        assert requests.get(path, timeout=30).status_code == 401
        refused = requests.get(path, headers={"x-api-key": TOPIC_KEY}, timeout=30)
        assert refused.status_code == 403
        with Events(server.url, "health", **{"x-api-key": ADMIN_KEY}):
            pass


def forward(source, target):
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Proxy:
    """A TCP proxy whose connections a test cuts."""

    def __init__(self, port):
        self.port = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            self.open += [client, server]
            for pair in ((client, server), (server, client)):
                threading.Thread(target=forward, args=pair, daemon=True).start()

    def cut(self):
        while self.open:
            try:
                self.open.pop().shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def test_a_line_that_breaks_again_and_again(server):
    """Whatever is cut and when, the end of the topic is heard of."""
    proxy = Proxy(int(server.url.rsplit(":", 1)[1]))
    server.produce("cut", 0)
    last, heard = None, 0
    for value in range(1, 6):
        events = Events(proxy.url, "topic/cut", **({"Last-Event-ID": last} if last else {}))
        events.opened()
        server.produce("cut", value)
        time.sleep(0.05 * value)  # sometimes before the event has come, sometimes after it
        proxy.cut()
        events.thread.join(WAIT_SECONDS)
        assert all(name == "topic" for name, _ in events.events)
        heard = max([heard, *(int(data["ends"]["0"]) for _, data in events.events)])
        last = events.id
    if heard < 6:
        with Events(server.url, "topic/cut", **{"Last-Event-ID": last}) as events:
            events.until(lambda name, data: data.get("ends") == {"0": "6"})
    proxy.listener.close()


# --- runs -----------------------------------------------------------------------------------------

DAGS = {
    "two_steps": {
        "tasks": {
            "first": {"run": "command", "command": "echo a line; sleep 1; echo another"},
            "second": {"run": "command", "command": "true", "after": ["first"]},
        }
    }
}


def states(events, task):
    return [data["state"] for name, data in events.events if data.get("task") == task]


def test_a_run_that_another_process_starts(tmp_path):
    """The scheduler is the server's; the trigger is a command's, which writes to the database."""
    pipeline = tmp_path / "own"
    pipeline.mkdir()
    (pipeline / "pipeline.yml").write_text(yaml.safe_dump({"name": "own", "dags": DAGS}))
    data = tmp_path / "data"
    topics = "dags,dag/two_steps,run/two_steps/r%2F1,log/two_steps/r1/first/1,run/two_steps/r1"
    with Server(data, "--pipeline", pipeline) as server, Events(server.url, topics) as events:
        run("dag", "trigger", "two_steps", "--run-id", "r1", "--pipeline", pipeline, data=data)
        events.until(lambda name, data: name == "run" and data.get("state") == "success")
        events.until(lambda name, data: name == "log" and data["done"])
        assert {name for name, _ in events.events} == {"dags", "dag", "run", "task", "log"}
        assert states(events, "first")[-2:] == ["running", "success"]
        assert states(events, "second")[-1] == "success"
        sizes = [int(data["size"]) for name, data in events.events if name == "log"]
        assert sizes == sorted(sizes) and sizes[-1] == len("a line\nanother\n")
        seen = len(events.events)
        time.sleep(0.5)
        assert len(events.events) == seen, "nothing happens any more"


# --- queries and tables ---------------------------------------------------------------------------


def test_a_query(server):
    sql = "SELECT count(*) AS n FROM range(300000000) t(i) WHERE hash(i) = 1"
    id = requests.post(server.url + "/api/v1/queries", json={"sql": sql}, timeout=30).json()["id"]
    with Events(server.url, f"query/{id}") as events:
        events.until(lambda name, data: name == "query" and data["state"] == "done")


def test_a_new_version_of_a_table(server):
    items = requests.get(server.url + "/api/v1/tables", timeout=30).json()["items"]
    name, path = next((item["table"], item["path"]) for item in items)
    log = server.data / "store" / path / "_delta_log"
    log.mkdir(parents=True)
    with Events(server.url, f"tables,table/{name}") as events:
        commit = log / f"{0:020d}.json"
        commit.write_text("{}\n")
        one = events.until(lambda name, data: data["topic"] != "tables")
        assert one == {"topic": f"table/{name}", "version": "0"}
        events.until(lambda name, data: data == {"topic": "tables"})
        commit.unlink()
