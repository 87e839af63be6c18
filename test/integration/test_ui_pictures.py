"""The pictures of docs/ui.md: of every page, on the demo's data. `make screenshots` takes them."""

import base64
import os
import re

import pytest
from playwright.sync_api import expect

from pinion import ROOT, Server, run
from ui import browser, watch  # noqa: F401

ROWS = 600
SEED = 7
PICTURES = ROOT / "docs" / "ui"
INTO = os.environ.get("PINION_PICTURES")  # "1": write them to docs/ui
ALL_BYTES_MAX = 1_500_000
TOPIC = "0e3bbd435bfb.pin"
DAG = "batch_processing_dag"


def chosen(name):
    """Runs a query of the pipeline, and scrolls to its chart."""

    def act(page):
        page.get_by_role("button", name=name, exact=True).click()
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator("figcaption")).to_be_visible()
        page.locator("figcaption").scroll_into_view_if_needed()
        page.mouse.move(0, 0)

    return act


def first_run(page):
    page.locator("main").get_by_role("link", name=re.compile("^manual")).first.click()
    expect(page.locator("main")).to_contain_text("Rows of tables")


def bad_record(page):
    page.get_by_role("region", name="Letters").get_by_role("link").first.click()
    expect(page.get_by_label("Record", exact=True)).to_be_visible()


# A picture, its page, a text of the page, the colours and width, and what is done before it.
TAKEN = {
    "overview": ("", "raw_pin", "light", None),
    "overview-dark": ("", "raw_pin", "dark", None),
    "overview-phone": ("", "raw_pin", "phone", None),
    "dags": ("dags", DAG, "light", None),
    "dag": (f"dags/{DAG}", "mount_s3_bucket", "light", None),
    "dag-graph": (f"dags/{DAG}/graph", "mount_s3_bucket", "light", None),
    "runs": ("runs", DAG, "light", None),
    "run": ("runs", DAG, "light", first_run),
    "tables": ("tables", "raw_pin", "light", None),
    "table": ("tables/pin", "unique_id", "light", None),
    "table-history": ("tables/pin/history", "Rows added", "light", None),
    "query": ("query", "popular category", "light", chosen("popular category by year")),
    "query-map": ("query", "popular category", "dark", chosen("popular category by country")),
    "topics": ("topics", TOPIC, "light", None),
    "topic": (f"topics/{TOPIC}", "of 0 to", "light", None),
    "streams": ("streams", "stream_pin", "light", None),
    "dead-letters": ("dead-letters", "Kind of reason", "light", None),
    "dead-letter": ("dead-letters?source=load", "Letters", "light", bad_record),
    "tables-lineage": ("tables?view=lineage", "raw_pin", "light", None),
    "table-lineage": ("tables/pin/lineage", "raw_pin", "light", None),
    "jobs": ("jobs", "vacuum", "light", None),
    "status": ("status", "Nothing is wrong", "light", None),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The demo's data, with one record that is not a row."""
    folder = tmp_path_factory.mktemp("pictures") / "demo"
    run("demo", "--quiet", "--rows", ROWS, "--seed", SEED, "--into", folder)
    with Server(folder) as running:
        running.produce(TOPIC, {"index": "twelve", "title": "A number that is none"})
        run("dag", "trigger", DAG, "--wait", data=folder)
        made = {"Content-Type": "application/json"}
        asked = running.request("POST", "/api/v1/tables/pin/vacuum", {"dry_run": True}, made)
        assert asked[0] == 202
        yield running


def picture(page):
    """WebP of what the window shows: Playwright has PNG and JPEG alone."""
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": 85})
    return base64.b64decode(taken["data"])


@pytest.mark.parametrize("name", TAKEN)
def test_a_picture_is_taken(watch, name):  # noqa: F811
    path, text, shape, act = TAKEN[name]
    page = watch(shape, reduced_motion="reduce").go(path, text)
    expect(page.locator(".skeleton")).to_have_count(0)
    page.mouse.move(0, 0)
    if act is not None:
        act(page)
        page.mouse.move(0, 0)
    data = picture(page)
    assert 5_000 < len(data) < 150_000
    if INTO:
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"{name}.webp").write_bytes(data)


def test_every_page_has_a_picture(watch):  # noqa: F811
    """Each page of the navigation is in a picture, and docs/ui.md shows each picture there is."""
    page = watch().go("", "raw_pin")
    links = page.locator("nav[aria-label=Pages] a")
    pages = {
        re.sub(r"^/ui/?", "", link.get_attribute("href")).split("/")[0] for link in links.all()
    }
    assert pages == {path.split("/")[0].split("?")[0] for path, *_ in TAKEN.values()}
    shown = re.findall(r"!\[[^\]]{10,}\]\(ui/([\w-]+)\.webp\)", (ROOT / "docs/ui.md").read_text())
    assert sorted(shown) == sorted(TAKEN)
    files = {file.stem: file.stat().st_size for file in PICTURES.iterdir()}
    assert sorted(files) == sorted(TAKEN)
    assert sum(files.values()) < ALL_BYTES_MAX
