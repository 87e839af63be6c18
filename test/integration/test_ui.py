"""The web UI in a real browser, on the demo's data: every page, light and dark, and as a phone."""

import csv
from urllib.parse import quote

import pytest
import requests
from playwright.sync_api import expect

from pinion import Server, run
from ui import SHAPES, check_looks, violations

TOPIC = "0e3bbd435bfb.pin"
STREAM = "streaming-0e3bbd435bfb-pin"
ROWS = 120

# A page, and a text that it shows once its data are there.
PAGES = {
    "": "raw_pin",
    "tables": "raw_pin",
    "tables/pin": "unique_id",
    "tables/pin/schema": "unique_id",
    "tables/pin/history": "Rows added",
    "tables/pin/files": ".parquet",
    "query": "popular category by year",
    "topics": TOPIC,
    f"topics/{TOPIC}": "offsets 70 to 119 of 0 to 119",
    f"topics/{TOPIC}/partitions": "First offset",
    "streams": STREAM,
    f"streams/{STREAM}/shards": "shardId-000000000000",
    "status": "Nothing is wrong",
    "status/settings": "log.durability",
    "status/routes": "/topics/{}",
    "nothing/here": "No such page",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a demo leaves."""
    into = tmp_path_factory.mktemp("ui") / "demo"
    run("demo", "--quiet", "--rows", ROWS, "--into", into)
    return into


@pytest.fixture(scope="module")
def server(folder):
    with Server(folder) as running:
        yield running


# --- every page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("path", PAGES)
def test_a_page(watch, path, shape):
    check_looks(watch(shape).go(path, PAGES[path]), shape)


def test_links_lead_on_and_back(watch):
    page = watch().go("", "raw_pin")
    page.get_by_role("link", name="Tables", exact=True).first.click()
    expect(page.locator("h1")).to_have_text("Tables")
    expect(page.locator("h1")).to_be_focused()
    page.get_by_role("link", name="raw_pin").click()
    expect(page.locator("h1")).to_have_text("raw_pin")
    page.go_back()
    page.go_back()
    expect(page.locator("h1")).to_have_text("Overview")


def test_a_list_is_sorted_and_filtered_by_its_address(watch):
    page = watch().go("tables?filter=raw&sort=-Table", "raw_user")
    names = page.locator("tbody tr td:first-child").all_inner_texts()
    assert names == ["raw_user", "raw_pin", "raw_geo"]
    page.get_by_role("searchbox").fill("raw_g")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "filter=raw_g" in page.url


@pytest.mark.parametrize("shape", SHAPES)
def test_a_list_has_pages(watch, shape):
    """Of 50 rows. The page is in the URL; a filter begins at the first one."""
    page = watch(shape).go("status/settings", "1 to 50 of")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    first = rows.first.inner_text()
    expect(page.get_by_role("button", name="Previous")).to_be_disabled()
    page.get_by_role("button", name="Next").click()
    expect(page.locator("main")).to_contain_text("51 to 100 of")
    assert rows.first.inner_text() != first and "page=2" in page.url
    check_looks(page, shape)
    page.reload()
    expect(page.locator("main")).to_contain_text("51 to 100 of")
    page.get_by_role("searchbox").fill("timeout")
    expect(page.get_by_role("button", name="Next")).to_have_count(0)
    assert "page=" not in page.url
    page.get_by_role("searchbox").fill("")
    expect(rows.first).to_have_text(first, use_inner_text=True)


# --- records --------------------------------------------------------------------------------------


def test_a_test_record(watch, server):
    made = requests.post(f"{server.url}/api/v1/topics/ui.test", json={}, timeout=30)
    assert made.ok, made.text
    page = watch().go("topics/ui.test", "no records")
    page.get_by_text("Send a test record").click()
    field = page.get_by_label("Value, as JSON")
    field.fill('{"n": 9007199254740993,')
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    field.fill('{"n": 9007199254740993, "text": "<img src=x onerror=alert(1)>"}')
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("It is in partition 0 at offset 0.")).to_be_visible()
    expect(page.locator("table code")).to_contain_text("9007199254740993")
    expect(page.locator("table code")).to_contain_text("<img src=x onerror=alert(1)>")


def test_bytes_are_not_shown_as_text(watch, server):
    record = {"records": [{"value": "/wA=", "encoding": "base64"}]}
    path = f"{server.url}/api/v1/topics/ui.bytes"
    assert requests.post(path, json={}, timeout=30).ok
    sent = requests.post(f"{path}/records", json=record, timeout=30)
    assert sent.ok, sent.text
    page = watch().go("topics/ui.bytes", "offsets 0 to 0")
    expect(page.locator("table summary")).to_have_text("bytes, as base64: /wA=")


# --- queries --------------------------------------------------------------------------------------


def rows_of_the_cli(name, folder):
    return run("query", name, "--data", folder, "--format", "csv").stdout.splitlines()[1:]


def test_the_queries_of_the_pipeline(watch, folder):
    """Each has the rows that `pinion query` prints, and a chart."""
    page = watch().go("query", "popular category by year")
    for name in page.locator(".saved button").all_inner_texts():
        page.get_by_role("button", name=name, exact=True).click()
        page.get_by_role("button", name="Run", exact=True).click()
        rows = rows_of_the_cli(name.replace(" ", "_"), folder)
        expect(page.locator("main")).to_contain_text(f"{len(rows)} row")
        first = page.locator(".grid tbody tr:not(.gap)").first.locator("td")
        expect(first).to_have_text(next(csv.reader(rows[:1])))
        expect(page.locator("figure")).to_be_visible()
        assert violations(page) == []


def test_the_status_has_the_process(watch):
    page = watch().go("status", "Up since")
    expect(page.locator("main")).to_contain_text("gateway, sink, stream, scheduler")
    expect(page.locator("main")).to_contain_text("free of")


def test_a_query_that_is_wrong(watch):
    page = watch().go("query?sql=" + quote("SELECT unique_idd FROM pin"), "Run")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("unique_idd")


def test_numbers_keep_their_digits(watch):
    sql = "SELECT 9007199254740993 AS n, CAST('0.10' AS DECIMAL(5,2)) AS d, NULL AS nothing"
    page = watch().go("query?sql=" + quote(sql), "Run")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".grid tbody tr")).to_have_count(1)
    cells = page.locator(".grid tbody td").all_inner_texts()
    assert cells == ["9007199254740993", "0.10", "null"]


def test_a_long_answer_is_there_to_its_end(watch):
    sql = "SELECT a.unique_id, b.ind FROM pin a, pin b"
    page = watch().go("query?sql=" + quote(sql), "Run")
    page.get_by_role("button", name="Run", exact=True).click()
    grid = page.locator(".grid")
    expect(grid).to_be_visible(timeout=20000)
    grid.evaluate("(box) => { box.scrollTop = box.scrollHeight; }")
    last = grid.locator(f"tr[aria-rowindex='{ROWS * ROWS + 1}'] td").last
    expect(last).not_to_have_text("…")
    assert grid.locator("tbody tr").count() <= 120


# --- keys -----------------------------------------------------------------------------------------


def test_a_server_that_asks_for_a_key(browser, data):
    key = "0123456789abcdef"
    environment = {"PINION_API_KEY": key}
    with Server(data, "--set", "gateway.auth=api-key", env=environment) as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{server.url}/ui/tables")
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("main")).to_contain_text("raw_pin")
        context.close()


# --- files ----------------------------------------------------------------------------------------


def test_files_of_the_pages(server):
    index = requests.get(f"{server.url}/ui/tables/x.y/history", timeout=30)
    assert index.status_code == 200 and index.headers["Cache-Control"] == "no-cache"
    assert "default-src 'none'" in index.headers["Content-Security-Policy"]
    assert "camera=()" in index.headers["Permissions-Policy"]
    script = index.text.split('src="')[1].split('"')[0]
    first = requests.get(server.url + script, timeout=30)
    assert first.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert first.headers["Content-Encoding"] == "gzip"
    known = {"If-None-Match": first.headers["ETag"]}
    assert requests.get(server.url + script, headers=known, timeout=30).status_code == 304
    # A strong tag is of the bytes as they were sent.
    plain = requests.get(server.url + script, headers={"Accept-Encoding": "identity"}, timeout=30)
    assert "Content-Encoding" not in plain.headers and plain.content == first.content
    tags = {first.headers["ETag"], plain.headers["ETag"], index.headers["ETag"]}
    assert len(tags) == 3 and all(tag.startswith('"') for tag in tags)
    known["Accept-Encoding"] = "identity"
    assert requests.get(server.url + script, headers=known, timeout=30).status_code == 200
    missing = requests.get(f"{server.url}/ui/main-GONE.js", timeout=30)
    assert missing.status_code == 404 and missing.json()["error"]["code"] == "not_found"
    assert "MIT" in requests.get(f"{server.url}/ui/licences.txt", timeout=30).text


def test_the_root_leads_browsers_to_the_pages(server):
    page = requests.get(
        server.url, headers={"Accept": "text/html,*/*"}, allow_redirects=False, timeout=30
    )
    assert page.status_code == 302 and page.headers["Location"] == "/ui/"
    assert requests.get(server.url, timeout=30).json()["name"] == "pinion"


def test_the_pages_are_small(watch):
    """What a browser fetches for the first page, as it is sent."""
    one = watch()
    sent = []
    one.page.on("response", lambda reply: sent.append(reply) if "/ui/" in reply.url else None)
    one.go("", "raw_pin")
    sizes = {reply.url: int(reply.headers["content-length"]) for reply in sent}
    assert len(sizes) >= 4 and 5_000 < sum(sizes.values()) < 60_000, sizes


def test_the_frame_is_there_before_the_scripts(browser, server):
    """index.html has the frame, so that it is drawn at once: with the names and the addresses that
    the scripts then give it."""
    links = "nav.pages a, header.side > a"

    def seen(scripts):
        context = browser.new_context(java_script_enabled=scripts)
        page = context.new_page()
        page.goto(f"{server.url}/ui/")
        if scripts:
            expect(page.locator("h1")).to_have_text("Overview")
        expect(page.locator("nav.pages")).to_have_count(1)
        found = [
            (one.text_content().strip(), one.get_attribute("href"))
            for one in page.locator(links).all()
        ]
        context.close()
        return found

    assert seen(False) == seen(True) and len(seen(False)) > 8
