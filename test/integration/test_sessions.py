"""Sessions of browsers: a cookie in place of the key."""

import signal

import pytest
import requests

from pinion import Server
from test_events import WAIT_SECONDS, Events
from test_process import says

KEY = "0123456789abcdef-all"
READER = "0123456789abcdef-reads"
SESSION = "/api/v1/session"


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"{KEY}\n{READER} rights=read\n")
    return path


@pytest.fixture
def server(data, keys):
    with Server(
        data, "--set", "gateway.auth=api-key", "--set", f"gateway.api_key_file={keys}"
    ) as running:
        yield running


class Browser:
    """A client that keeps cookies, as a browser does, and its pages' token."""

    def __init__(self, server):
        self.url = server.url
        self.session = requests.Session()
        self.csrf = None

    def ask(self, method, path, body=None, **headers):
        if self.csrf is not None and method != "GET":
            headers.setdefault("X-Pinion-CSRF", self.csrf)
        return self.session.request(method, self.url + path, json=body, headers=headers, timeout=30)

    def log_in(self, key):
        answer = self.ask("POST", SESSION, {"key": key})
        assert answer.status_code == 200, answer.text
        self.csrf = answer.json()["csrf"]
        return answer

    def who(self):
        return self.ask("GET", SESSION).json()


def last_event(events):
    """The last event of a stream that the server ends."""
    events.thread.join(WAIT_SECONDS)
    assert events.ended
    return events.events[-1][0]


def test_a_session_takes_the_place_of_the_key(server):
    browser = Browser(server)
    nobody = browser.who()
    assert (nobody["auth"], nobody["user"], nobody["rights"]) == (True, None, [])
    assert browser.ask("GET", "/api/v1/topics").status_code == 401
    answer = browser.log_in(READER)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"pinion_{server.url.rsplit(':', 1)[1]}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"} <= set(cookie.split("; "))
    assert "Secure" not in cookie and READER not in cookie
    assert browser.ask("GET", "/api/v1/tables").status_code == 200
    who = browser.who()
    assert who["rights"] == ["read"] and who["csrf"] == browser.csrf
    assert who["user"].startswith("key ") and 0 < who["left_ms"] <= 12 * 3600 * 1000
    assert browser.ask("POST", "/api/v1/sink/flush").status_code == 403  # it may only read


def test_what_changes_something_needs_the_token(server):
    browser = Browser(server)
    browser.log_in(KEY)
    right = browser.csrf
    for token in (None, "", "x", right[:-1], right + "0"):
        browser.csrf = None
        headers = {} if token is None else {"X-Pinion-CSRF": token}
        for path in ("/api/v1/sink/flush", "/topics/t", "/streams/record", "/consumers/g"):
            assert browser.ask("POST", path, {}, **headers).status_code == 403, (path, token)
    browser.csrf = right
    assert browser.ask("POST", "/api/v1/sink/flush").status_code == 200
    # The token alone is not enough, and no page of another origin logs anybody in or out.
    token = {"X-Pinion-CSRF": browser.csrf}
    assert requests.post(server.url + "/api/v1/sink/flush", headers=token).status_code == 401
    other = {"Origin": "http://127.0.0.1:1"}
    assert browser.ask("POST", SESSION, {"key": KEY}, **other).status_code == 403
    assert browser.ask("DELETE", SESSION, **other).status_code == 403
    assert browser.who()["user"] is not None


def test_logging_out(server):
    browser, other = Browser(server), Browser(server)
    browser.log_in(KEY)
    other.log_in(KEY)
    stolen = dict(browser.session.cookies)
    answer = browser.ask("DELETE", SESSION)
    assert answer.status_code == 204 and "Max-Age=0" in answer.headers["Set-Cookie"]
    assert not browser.session.cookies
    assert requests.get(server.url + "/api/v1/tables", cookies=stolen).status_code == 401
    assert other.ask("GET", "/api/v1/tables").status_code == 200
    assert browser.ask("DELETE", SESSION).status_code == 204  # nothing to end


def test_a_new_login_ends_the_former_session(server):
    browser = Browser(server)
    browser.log_in(READER)
    former = dict(browser.session.cookies)
    browser.log_in(KEY)
    assert requests.get(server.url + "/api/v1/tables", cookies=former).status_code == 401


def test_guesses_are_slowed_down(server):
    browser = Browser(server)
    for _ in range(5):
        answer = browser.ask("POST", SESSION, {"key": "wrong-0123456789abcdef"})
        assert answer.status_code == 401 and "Set-Cookie" not in answer.headers
    answer = browser.ask("POST", SESSION, {"key": KEY})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert requests.get(server.url + "/topics", headers={"x-api-key": KEY}).status_code == 200


def test_a_key_that_is_gone_ends_its_sessions_and_streams(server, keys, data):
    reader, other = Browser(server), Browser(server)
    reader.log_in(READER)
    other.log_in(KEY)
    cookie = "; ".join(f"{name}={value}" for name, value in reader.session.cookies.items())
    by_session = Events(server.url, "health", **{"Cookie": cookie}).opened()
    by_key = Events(server.url, "health", **{"x-api-key": READER}).opened()
    stays = Events(server.url, "health", **{"x-api-key": KEY}).opened()
    keys.write_text(f"{KEY}\n")
    server.process.send_signal(signal.SIGHUP)
    says(data / "server.out", "SIGHUP: 1 API key in force")
    for events in (by_session, by_key):
        assert last_event(events) == "expired"
    assert reader.ask("GET", "/api/v1/tables").status_code == 401
    assert other.ask("GET", "/api/v1/tables").status_code == 200
    assert not stays.ended
    stays.close()
    keys.write_text(f"{KEY}\n{READER}\n")  # the key is back; its sessions are not
    server.process.send_signal(signal.SIGHUP)
    says(data / "server.out", "SIGHUP: 2 API keys in force")
    assert reader.ask("GET", "/api/v1/tables").status_code == 401


def test_a_logout_ends_streams(server):
    browser = Browser(server)
    browser.log_in(READER)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.session.cookies.items())
    events = Events(server.url, "health", **{"Cookie": cookie}).opened()
    browser.ask("DELETE", SESSION)
    assert last_event(events) == "expired"


def test_a_server_without_keys_has_no_sessions(data):
    with Server(data) as server:
        who = requests.get(server.url + SESSION, timeout=30).json()
        assert (who["auth"], who["user"], who["csrf"]) == (False, None, None)
        assert who["rights"] == ["produce", "read", "admin"]
        answer = requests.post(server.url + SESSION, json={"key": KEY}, timeout=30)
        assert answer.status_code == 409
        assert requests.delete(server.url + SESSION, timeout=30).status_code == 204
