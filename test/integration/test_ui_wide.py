"""Answers of many columns, and lists of many rows: the page stays usable, its elements bounded."""

import pytest
import requests
from playwright.sync_api import expect

from pinion import Server
from ui import browser, check_looks, watch  # noqa: F401: fixtures

COLUMNS = 2_000
ROWS = 300
TOPICS = 500
ELEMENTS_MAX = 12_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("wide")) as running:
        for n in range(TOPICS):
            made = requests.post(f"{running.url}/api/v1/topics/t{n:03}", json={}, timeout=60)
            assert made.ok, made.text
        yield running


def elements(page):
    return page.evaluate("document.querySelectorAll('*').length")


def test_an_answer_of_many_columns(watch):  # noqa: F811
    page = watch().go("query", "Tables")
    expect(page.locator("div.editor")).to_be_visible()
    page.get_by_role("textbox", name="SQL").focus()
    page.keyboard.press("Control+a")
    columns = ", ".join(f"i + {n} AS c{n}" for n in range(COLUMNS))
    page.keyboard.insert_text(f"SELECT {columns} FROM range({ROWS}) t(i)")
    page.keyboard.press("Control+Enter")
    grid = page.locator(".grid")
    expect(grid).to_contain_text("c0")
    cells = grid.locator("tbody td:not(.gap)")
    expect(cells.first).to_have_text("0")
    assert 100 < elements(page) < ELEMENTS_MAX
    cells.first.click()
    grid.focus()
    page.keyboard.press("End")
    last = grid.locator("td.chosen")
    expect(last).to_have_text(f"{COLUMNS - 1}")
    expect(last).to_be_in_viewport()
    assert 120 < last.bounding_box()["width"] < 200, "the columns have one width"
    expect(grid.get_by_role("button", name=f"c{COLUMNS - 1}")).to_be_in_viewport()
    grid.evaluate("(box) => { box.scrollTop = box.scrollHeight; }")
    expect(cells.last).to_have_text(f"{ROWS - 1 + COLUMNS - 1}")
    assert elements(page) < ELEMENTS_MAX
    cells.last.click()
    expect(last).to_have_text(f"{ROWS - 1 + COLUMNS - 1}")
    page.keyboard.press("Escape")
    check_looks(page, "light")


def test_a_list_of_many_topics(watch):  # noqa: F811
    page = watch().go("topics", "t000")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    assert 100 < elements(page) < ELEMENTS_MAX
    page.get_by_role("searchbox").fill("t49")
    expect(rows).to_have_count(10)
    expect(page.get_by_role("link", name="t499")).to_be_visible()
