"""Other sites in a real browser: they cannot frame the pages, nor reach them by another name."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from pinion import Server
from ui import CHROMIUM, browser  # noqa: F401: a fixture

BLOCKED = "chrome-error://chromewebdata/"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("origin")) as running:
        yield running


@pytest.fixture
def elsewhere(server):
    """A site on another port, whose page frames a page of its own and each page of pinion."""
    paths = ["ui/", "ui/tables", "ui/licences.txt"]
    frames = "".join(f'<iframe src="{server.url}/{path}"></iframe>' for path in paths)

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            text = f'<iframe src="/own"></iframe>{frames}' if self.path == "/" else "<h1>Own</h1>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{site.server_port}/"
    site.shutdown()
    thread.join()
    site.server_close()


def test_another_site_cannot_frame_a_page(browser, elsewhere):  # noqa: F811
    page = browser.new_page()
    page.goto(elsewhere)
    own, *others = page.main_frame.child_frames
    expect(own.locator("h1")).to_have_text("Own")
    assert len(others) == 3
    assert [frame.url for frame in others] == [BLOCKED] * len(others)
    page.close()


def test_a_name_of_another_site_is_refused(browser, server):  # noqa: F811
    """DNS rebinding: a name of another site leads to this server, and its pages ask it."""
    port = server.url.rpartition(":")[2]
    rebound = browser.browser_type.launch(
        executable_path=CHROMIUM,
        args=["--no-sandbox", "--host-resolver-rules=MAP evil.example 127.0.0.1"],
    )
    page = rebound.new_page()
    answer = page.goto(f"http://evil.example:{port}/ui/")
    assert answer.status == 421
    assert "evil.example" in answer.text() and "<script" not in answer.text()
    for method, path in [("GET", "/api/v1/dags"), ("GET", "/topics"), ("POST", "/api/v1/topics/x")]:
        asked = "async ([method, path]) => (await fetch(path, { method })).status"
        assert page.evaluate(asked, [method, path]) == 421, path
    assert page.goto(f"{server.url}/ui/").status == 200
    rebound.close()
