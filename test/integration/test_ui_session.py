"""The login in a real browser: refusal, one session for all tabs, and its end."""

import signal

import pytest
from playwright.sync_api import expect

from pinion import Server
from test_process import says
from ui import browser, check_looks  # noqa: F401: a fixture

KEY = "0123456789abcdef-all"
READER = "0123456789abcdef-reads"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("session")
    (path / "keys").write_text(f"{KEY}\n{READER} rights=read\n")
    return path


@pytest.fixture(scope="module")
def server(folder):
    with Server(folder / "data", "--set", "gateway.auth=api-key",
                "--set", f"gateway.api_key_file={folder / 'keys'}",
                env={"PINION_API_KEY": KEY}) as running:  # fmt: skip
        yield running


@pytest.fixture
def context(browser):  # noqa: F811
    made = browser.new_context(viewport={"width": 1200, "height": 800})
    yield made
    made.close()


def log_in(page, key):
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Log in").click()


def is_login(page):
    expect(page.locator("h1")).to_have_text("Log in")


def test_a_wrong_key_is_refused_at_its_place(context, server):
    page = context.new_page()
    wrong = []
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.goto(f"{server.url}/ui/tables")
    is_login(page)
    assert wrong == []  # nothing was asked in vain
    check_looks(page, "light")
    log_in(page, "wrong-0123456789abcdef")
    expect(page.get_by_role("alert")).to_contain_text("not one of this server's")
    expect(page.get_by_label("Key")).to_have_attribute("aria-invalid", "true")
    check_looks(page, "light")
    log_in(page, READER)
    expect(page.locator("main")).to_contain_text("raw_pin")


def test_tabs_share_a_session(context, server):
    pages = [context.new_page() for _ in range(2)]
    for page in pages:
        page.goto(f"{server.url}/ui/topics")
        is_login(page)
    log_in(pages[0], KEY)
    for page in pages:
        expect(page.locator("h1")).to_have_text("Topics")
    keeps = "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    assert KEY not in pages[0].evaluate(keeps) and "pinion_" not in pages[0].evaluate(keeps)
    pages[0].get_by_role("button", name="Log out").click()
    for page in pages:
        is_login(page)


def test_a_download_is_a_plain_link(context, server):
    page = context.new_page()
    page.goto(f"{server.url}/ui/query?sql=SELECT%2042%20AS%20n")
    log_in(page, READER)
    page.get_by_role("button", name="Run", exact=True).click()  # it goes with the token
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.path().read_text() == "n\n42\n"


def test_a_log_out_takes_what_was_run_with_it(context, server):
    pages = [context.new_page() for _ in range(2)]
    for page in pages:
        page.goto(f"{server.url}/ui/query?sql=SELECT%20%27private%27%20AS%20n")
        is_login(page)
    log_in(pages[0], READER)
    kept = "JSON.stringify([{...localStorage}, {...sessionStorage}]).includes('private')"
    for page in pages:
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator(".grid tbody td")).to_have_text("private")
        page.wait_for_function(kept)
    pages[0].get_by_role("button", name="Log out").click()
    for page in pages:
        is_login(page)
        page.wait_for_function(f"!{kept}")


def test_an_ended_session_is_no_loop(context, server, folder):
    pages = [context.new_page() for _ in range(2)]
    pages[0].goto(f"{server.url}/ui/topics")
    log_in(pages[0], READER)
    expect(pages[0].locator(".side .link")).to_have_text("Live")
    pages[1].goto(f"{server.url}/ui/tables")
    expect(pages[1].locator("h1")).to_have_text("Tables")
    asked = []
    for page in pages:
        page.on("request", lambda request: asked.append(request.url))
    (folder / "keys").write_text(f"{KEY}\n")
    server.process.send_signal(signal.SIGHUP)
    says(folder / "data" / "server.out", "API keys in force")
    for page in pages:
        is_login(page)
    pages[0].wait_for_timeout(1500)
    assert len(asked) <= 6, asked
    log_in(pages[1], KEY)
    for page, title in zip(pages, ("Topics", "Tables"), strict=True):
        expect(page.locator("h1")).to_have_text(title)
    expect(pages[0].locator(".side .link")).to_have_text("Live")
