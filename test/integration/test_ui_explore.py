"""What people look at, in a real browser: dead letters, records, tables."""

import json
import time

import pytest
from playwright.sync_api import expect

from contract import UID
from pinion import Server, run
from streams import letters, put
from ui import SHAPES, browser, check_looks, watch  # noqa: F401

TOPIC = f"{UID}.pin"
HOSTILE = '<img src=x onerror=alert(1)>"'
SECONDS_MAX = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A topic and a stream, with records that are rows and some that are not."""
    data = tmp_path_factory.mktemp("explore") / "data"
    with Server(data) as running:
        made = {"Content-Type": "application/json"}
        assert running.request("POST", "/api/v1/topics/ui.search", {}, made)[0] == 200
        running.produce("ui.search", {"index": HOSTILE}, *({"index": n} for n in range(40)))
        running.produce(TOPIC, {"index": HOSTILE}, *({"index": n} for n in range(40)))
        binary = {"records": [{"value": "AP8gbm90IHRleHQ="}]}
        kind = {"Content-Type": "application/vnd.kafka.binary.v2+json"}
        assert running.request("POST", f"/topics/{TOPIC}", binary, kind)[0] == 200
        deadline = time.monotonic() + SECONDS_MAX
        put(running.url, "pin", {"index": "no number"})
        while not letters(data):
            assert time.monotonic() < deadline
            time.sleep(0.1)
            put(running.url, "pin", {"index": "no number"})
        dag = json.loads(run("dag", "list", "--format", "json", data=data).stdout)[0]["dag"]
        run("dag", "trigger", dag, "--wait", data=data, check=False)
        yield running


# --- dead letters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_dead_letters_look(watch, shape):
    page = watch(shape).go("dead-letters", "Kind of reason")
    check_looks(page, shape)
    page.get_by_role("link", name="column …").first.click()
    expect(page.locator("h2")).to_have_text("Letters of the filter")
    assert "kind=" in page.url
    page.get_by_role("region", name="Letters").get_by_role("link").first.click()
    expect(page.locator("h1")).to_have_text("A dead letter")
    expect(page.get_by_label("Record", exact=True)).to_be_visible()
    page.get_by_role("button", name="Hexadecimal").click()
    expect(page.get_by_role("region", name="The record")).to_contain_text("00000000  ")
    check_looks(page, shape)


def test_a_letter_is_mended_and_sent_once(watch):
    page = watch().go("dead-letters?source=load&reason=integer", "<img src=x")
    page.get_by_role("region", name="Letters").get_by_role("link").first.click()
    field = page.get_by_label("Record", exact=True)
    expect(field).to_have_value(f'{{"index":{json.dumps(HOSTILE)}}}')
    expect(page.get_by_role("button", name="Send unchanged")).to_be_enabled()
    field.fill('{"index": 9007199254740993')
    expect(page.locator("main")).to_contain_text("Not JSON")
    field.fill('{"index": 9007199254740993}')
    page.get_by_role("button", name="Send the edited record").click()
    expect(page.get_by_text("A letter is sent once")).to_be_visible()
    expect(page.get_by_role("button", name="Send the edited record")).to_be_disabled()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the bytes").click()
    assert json.loads(download.value.path().read_bytes()) == {"index": HOSTILE}


def test_all_letters_of_a_filter_are_sent(watch):
    page = watch().go("dead-letters?source=stream", "Letters of the filter")
    page.get_by_role("button", name="Send all of these again").click()
    page.get_by_role("button", name="Send them").click()
    expect(page.get_by_text("0 could not be sent.")).to_be_visible()


def test_bytes_of_a_letter(watch):
    page = watch().go("dead-letters?source=load&reason=base64)", "Letters of the filter")
    page.get_by_role("region", name="Letters").get_by_role("link").first.click()
    expect(page.get_by_role("region", name="The record")).to_contain_text("00 ff 20 6e")


def test_a_letter_says_what_wrote_it(watch):
    page = watch().go("dead-letters?source=load&reason=integer", "<img src=x")
    page.get_by_role("region", name="Letters").get_by_role("link").first.click()
    expect(page.get_by_text("load_data_from_S3_and_save_as_delta_tables")).to_be_visible()
    page.get_by_role("link", name="manual__").click()
    expect(page.locator("h1")).to_contain_text("manual__")


def test_letters_are_dropped(watch):
    page = watch().go("dead-letters?source=load&reason=base64)", "Letters of the filter")
    page.get_by_role("region", name="Letters").get_by_role("link").first.click()
    page.get_by_role("button", name="Drop this letter").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Drop this letter").click()
    page.get_by_role("dialog").get_by_role("button", name="Drop", exact=True).click()
    expect(page.locator("h1")).to_have_text("Dead letters")
    assert page.url.endswith("/ui/dead-letters")
    page = watch().go("dead-letters?source=load", "Letters of the filter")
    page.get_by_role("button", name="Drop all of these").click()
    expect(page.get_by_role("dialog")).to_contain_text("Drop the letter?")
    page.get_by_role("dialog").get_by_role("button", name="Drop", exact=True).click()
    expect(page.get_by_text("1 letter was dropped.")).to_be_visible()
    expect(page.get_by_text("No letter fits.")).to_be_visible()


# --- records --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("view", ["search?q=index>=30", "tail"])
def test_records_look(watch, shape, view):
    text = "10 of 41 records fit" if view.startswith("search") else "Waiting for records"
    page = watch(shape).go(f"topics/ui.search/{view}", text)
    check_looks(page, shape)


def test_a_search_by_its_form(watch):
    page = watch().go("topics/ui.search/search")
    page.get_by_label("Search", exact=True).fill('"<img"')
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("1 of 41 records fit")).to_be_visible()
    expect(page.get_by_role("region", name="Records that fit")).to_contain_text("onerror=alert(1)")
    page.get_by_label("Search", exact=True).fill('art "open')
    expect(page.locator("#search-wrong")).to_have_text("The quote at character 5 is not closed.")
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_disabled()
    check_looks(page, "light")


def test_a_search_of_a_stream(watch):
    page = watch().go("streams", "stream_pin")
    page.get_by_role("link", name="-pin").first.click()
    page.get_by_role("link", name="Search").click()
    page.get_by_label("Search", exact=True).fill("number")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("region", name="Records that fit")).to_contain_text("no number")


def test_a_tail_is_paused_and_resumed(watch, server):
    made = {"Content-Type": "application/json"}
    assert server.request("POST", "/api/v1/topics/ui.tail", {}, made)[0] == 200
    page = watch().go("topics/ui.tail/tail", "Waiting for records")
    page.wait_for_timeout(1500)  # it has seen where the topic ends
    server.produce("ui.tail", {"n": 9007199254740993})
    expect(page.get_by_role("region", name="New records")).to_contain_text("9007199254740993")
    page.get_by_role("button", name="Pause").click()
    server.produce("ui.tail", *({"n": n} for n in range(300)))
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("301 came, of which 100 are not shown")).to_be_visible()
    expect(page.get_by_role("region", name="New records")).to_contain_text('"n":299')


def test_a_jump_to_an_offset_and_a_time(watch, server):
    made = {"Content-Type": "application/json"}
    assert server.request("POST", "/api/v1/topics/ui.jump", {}, made)[0] == 200
    server.produce("ui.jump", *({"n": n} for n in range(200)))
    page = watch().go("topics/ui.jump", "offsets 150 to 199 of 0 to 199")
    page.get_by_label("Go to").fill("60")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.locator("main")).to_contain_text("offsets 11 to 60 of 0 to 199")
    page.get_by_role("button", name="Newer").click()
    expect(page.locator("main")).to_contain_text("offsets 61 to 110 of 0 to 199")
    page.get_by_label("Go to").fill("2020-01-01")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.locator("main")).to_contain_text("No record is as old as that.")
    page.get_by_role("button", name="Oldest").click()
    expect(page.locator("main")).to_contain_text("offsets 0 to 49 of 0 to 199")
    expect(page.get_by_role("button", name="Older")).to_be_disabled()
    page.get_by_label("Go to").fill("someday")
    expect(page.locator("#jump-wrong")).to_contain_text("newest, oldest, an offset, or a time")
    expect(page.get_by_role("button", name="Go", exact=True)).to_be_disabled()


# --- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("view", "text"),
    [
        ("", "40 rows of version"),
        ("/growth", "Rows"),
        ("/diff", "rows added"),
    ],
)
def test_tables_look(watch, shape, view, text):
    page = watch(shape).go(f"tables/raw_pin{view}", text)
    if view == "":
        page.get_by_role("button", name="Columns").click()
        expect(page.get_by_role("region", name="Columns")).to_contain_text("unique_id")
    check_looks(page, shape)


def test_rows_are_filtered_sorted_and_of_a_version(watch):
    page = watch().go("tables/raw_pin", "rows of version")
    page.get_by_label("Filter", exact=True).fill("index>=38")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("2 rows of version")).to_be_visible()
    page.get_by_role("button", name="index").click()
    page.get_by_role("button", name="index").click()
    assert "sort=-index" in page.url and "where=" in page.url
    expect(page.locator("tbody tr").first).to_contain_text("39")
    page.get_by_label("Version or time").fill("0")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("2 rows of version 0")).to_be_visible()


def test_a_commit_leads_to_its_rows(watch):
    page = watch().go("tables/raw_pin/history", "Rows added")
    page.get_by_role("region", name="History").get_by_role("link", name="0", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("40 rows of version 0")


def test_partitions_say_what_has_landed(watch):
    page = watch().go(f"topics/{TOPIC}/partitions", "Landed up to")
    rows = page.get_by_role("table", name="Partitions")
    headings = rows.get_by_role("columnheader").all_inner_texts()
    cells = rows.locator("tbody tr").first.locator("td").all_inner_texts()
    row = dict(zip([one.split("\n")[0] for one in headings], cells))
    assert row["Landed up to"] == row["Next offset"] != "0" and row["Not landed"] == "0"
    assert "Landing fails" not in row
    page = watch().go("topics/ui.search/partitions", "Next offset")  # no table is loaded from it
    expect(page.locator("main")).not_to_contain_text("Landed up to")
