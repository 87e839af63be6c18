"""Live updates in a real browser: what changes is shown, by one stream for all tabs."""

import re
import time

import pytest
import requests
from playwright.sync_api import expect

from pinion import Server
from ui import browser, check_looks, violations, watch  # noqa: F401: fixtures

TABS = 9
HIDE = """
    Object.defineProperty(document, "visibilityState", { get: () => window.shows ?? "visible" });
    window.show = (state) => {
        window.shows = state;
        document.dispatchEvent(new Event("visibilitychange"));
    };
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("live")) as running:
        running.produce("clicks", 0)
        yield running


def streams(server):
    """How many streams of events are open."""
    text = requests.get(server.url + "/metrics", timeout=30).text
    return int(text.split("\npinion_gateway_requests_in_flight ")[1].split("\n")[0]) - 1


def until(check):
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def settled(page):
    """Waits until the page is live, and has fetched again what its new stream asked it to."""
    expect(mark(page)).to_have_text("Live")
    page.wait_for_timeout(1000)


def mark(page):
    return page.locator(".side .link")


def shows(page, records):
    expect(page.get_by_role("row").filter(has_text="clicks")).to_contain_text(str(records))


def records(server):
    items = requests.get(server.url + "/api/v1/topics", timeout=30).json()["items"]
    return sum(int(item["records"]) for item in items if item["topic"] == "clicks")


def test_a_change_is_shown(watch, server):
    watched = watch()
    page = watched.go("topics", "clicks")
    expect(mark(page)).to_have_text("Live")
    server.produce("clicks", 1, 2)
    shows(page, records(server))


def test_an_idle_page_asks_nothing(watch, server):
    watched = watch()
    page = watched.go("topics/clicks", "clicks")
    settled(page)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(3500)
    assert asked == []


def test_nine_tabs_and_one_stream(watch, server):
    first = watch()
    first.go("topics", "clicks")
    settled(first.page)
    before = streams(server)
    pages = [first.page]
    for _ in range(TABS - 1):
        page = first.page.context.new_page()
        page.goto(f"{server.url}/ui/topics")
        expect(page.locator("main")).to_contain_text("clicks")
        pages.append(page)
    expect(mark(pages[-1])).to_have_text("Live")
    until(lambda: streams(server) == before)
    server.produce("clicks", *range(5))
    for page in pages:
        shows(page, records(server))
    pages[0].close()  # the leader
    until(lambda: streams(server) == before)
    server.produce("clicks", *range(7))
    for page in pages[1:]:
        shows(page, records(server))


def test_a_hidden_tab_asks_nothing(watch, server):
    first = watch()
    first.page.add_init_script(HIDE)
    first.go("topics", "clicks")
    settled(first.page)
    before = streams(server)
    first.page.evaluate("window.show('hidden')")
    asked = []
    first.page.on("request", lambda request: asked.append(request.url))
    server.produce("clicks", 1)
    until(lambda: streams(server) == before - 1)  # after 10 s
    server.produce("clicks", 1)
    first.page.wait_for_timeout(500)
    assert asked == []
    first.page.evaluate("window.show('visible')")
    shows(first.page, records(server))
    expect(mark(first.page)).to_have_text("Live")


def test_without_locks_a_few_tabs_have_streams(watch, server):
    """Plain HTTP under another name is not a secure context, and has no Web Locks."""
    first = watch()
    context = first.page.context
    context.add_init_script("delete Navigator.prototype.locks;")
    before = streams(server)
    pages = []
    for _ in range(4):
        page = context.new_page()
        page.goto(f"{server.url}/ui/topics")
        expect(page.locator("main")).to_contain_text("clicks")
        expect(mark(page)).to_have_text("Live" if len(pages) < 3 else "Every 3 s")
        pages.append(page)
    until(lambda: streams(server) == before + 3)
    server.produce("clicks", 1)
    for page in pages:
        shows(page, records(server))


def test_the_server_is_restarted(watch, server, tmp_path):
    with Server(tmp_path / "data") as own:
        own.produce("clicks", 1)
        watched = watch()
        watched.url = own.url
        page = watched.go("topics", "clicks")
        expect(mark(page)).to_have_text("Live")
        port = own.url.rsplit(":", 1)[1]
        own.stop()
        expect(mark(page)).to_contain_text("Reconnecting")
        own.args += ["--listen", f"127.0.0.1:{port}"]
        own.start()
        expect(mark(page)).to_have_text("Live")
        own.produce("clicks", 2, 3)
        shows(page, 3)
        watched.wrong = [one for one in watched.wrong if "ERR_" not in one]
        page.close()


# --- the overview ---------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["drawing", "list"])
@pytest.mark.parametrize("shape", ["light", "dark", "phone"])
def test_the_overview(watch, server, shape, view):
    page = watch(shape).go(f"?view={view}", "clicks")
    expect(page.locator("main")).to_contain_text("Nothing has run yet.")
    expect(page.locator("main")).to_contain_text("Sink")
    expect(page.locator("main .glyph.is-healthy").first).to_be_visible()
    check_looks(page, shape)


def test_rates_are_shown_while_records_come(watch, server):
    page = watch().go("?view=drawing", "clicks")
    node = page.locator("a.node").filter(has_text="clicks")
    for _ in range(20):
        server.produce("clicks", *range(50))
        page.wait_for_timeout(200)
    expect(node).to_contain_text(re.compile(r"[1-9]\S*/s"))


def test_many_topics_are_one_node(watch, server, tmp_path):
    with Server(tmp_path / "data") as own:
        for number in range(13):
            own.produce(f"topic-{number}", 1)
        watched = watch()
        watched.url = own.url
        page = watched.go("?view=drawing")
        expect(page.locator("a.node").filter(has_text=re.compile(r"1[3-9] topics"))).to_be_visible()
        page.close()


def test_an_empty_folder_says_what_to_do(watch, server, tmp_path):
    with Server(tmp_path / "data") as own:
        watched = watch()
        watched.url = own.url
        page = watched.go("")
        expect(page.locator("main")).to_contain_text("No record is here yet")
        expect(page.locator("main")).to_contain_text("pinion emulate --rows 500")
        expect(page.locator("main")).to_contain_text(f"{own.url}/topics/")
        page.close()


# --- shortcuts ------------------------------------------------------------------------------------


def test_the_search_over_everything(watch, server):
    page = watch().go("status", "healthy")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="DAG, run")
    field.fill("topic clic")
    expect(page.get_by_role("option")).to_have_count(1)
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("clicks")
    page.keyboard.press("Control+k")
    field.fill("there is no such thing")
    expect(page.get_by_role("dialog")).to_contain_text("Nothing is called that.")
    field.fill("page jobs")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Jobs")
    # Both keys in one turn of the page: the second comes before the dialog is drawn.
    page.evaluate("""async () => {
        for (const init of [{key: 'k', ctrlKey: true}, {key: 'Escape'}]) {
            document.body.dispatchEvent(new KeyboardEvent('keydown', {...init, bubbles: true}));
        }
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    }""")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_single_keys(watch, server):
    page = watch().go("status", "healthy")
    page.keyboard.type("gj")
    expect(page.locator("h1")).to_have_text("Jobs")
    page.keyboard.type("gp")
    expect(page.locator("h1")).to_have_text("Topics")
    expect(page.locator("#filter")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("gs?")  # in a field they are letters
    expect(page.locator("#filter")).to_have_value("gs?")
    page.locator("h1").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("g o")
    assert violations(page) == []
    page.get_by_role("checkbox").uncheck()
    page.get_by_role("button", name="Close").click()
    page.locator("h1").focus()
    page.keyboard.type("gs?")
    page.wait_for_timeout(300)
    expect(page.locator("h1")).to_have_text("Topics")
    expect(page.get_by_role("dialog")).to_have_count(0)
