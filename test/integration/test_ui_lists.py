"""Lists that the server filters, sorts and sends by pages: the page shows all of what is asked."""

import pyarrow
import pytest
import requests
from deltalake import write_deltalake
from playwright.sync_api import expect

from pinion import Server
from ui import SHAPES, browser, check_looks, watch  # noqa: F401

COMMITS = 120
KEY = "delta_tables/other/many"
TABLE = f"tables/{KEY.replace('/', '%2F')}"
SMALL_KEY = "delta_tables/other/small"
SMALL = f"tables/{SMALL_KEY.replace('/', '%2F')}"
TURNS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Tables of another program, one with a file for each commit, and an audit of many rows."""
    data = tmp_path_factory.mktemp("lists") / "data"
    with Server(data) as running:
        folder = data / "store" / KEY
        for n in range(COMMITS):
            rows = pyarrow.table({"day": [f"d{n % 7}"] * (n + 1), "n": list(range(n + 1))})
            write_deltalake(folder, rows, mode="append", partition_by=["day"])
        write_deltalake(data / "store" / SMALL_KEY, pyarrow.table({"n": [1]}))
        dag = ask(running, "dags")["items"][0]["dag"]
        for n in range(TURNS):
            body = {"paused": n % 2 == 0}
            requests.patch(f"{running.url}/api/v1/dags/{dag}", json=body, timeout=30)
        running.dag = dag
        yield running


def ask(server, path, **query):
    answer = requests.get(f"{server.url}/api/v1/{path}", params=query, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def whole(server, path, limit=13, **query):
    """All pages of a list."""
    found, more = [], {}
    while True:
        page = ask(server, path, limit=limit, **query, **more)
        assert len(page["items"]) <= limit
        found += page["items"]
        if page.get("next") is None:
            return found
        more = {"cursor": page["next"]}


# --- by the API -----------------------------------------------------------------------------------


def test_commits_by_words_and_order(server):
    path = f"{TABLE}/history"
    down = [item["version"] for item in whole(server, path)]
    assert down == list(range(COMMITS - 1, -1, -1))
    assert [item["version"] for item in whole(server, path, sort="version")] == down[::-1]
    found = [item["version"] for item in whole(server, path, limit=3, q="WRITE 11")]
    assert found == [n for n in down if "11" in str(n)]
    up = [item["version"] for item in whole(server, path, limit=3, q="11", sort="version")]
    assert up == found[::-1]
    assert whole(server, path, q="OPTIMIZE") == []


@pytest.mark.parametrize("column", ["path", "rows", "size_bytes", "modified_ms"])
def test_files_by_words_and_order(server, column):
    path = f"{TABLE}/files"
    up = whole(server, path, sort=column)
    assert len(up) == COMMITS
    assert up == sorted(up, key=lambda item: (item[column], item["path"]))
    assert whole(server, path, sort=f"-{column}") == up[::-1]
    found = whole(server, path, limit=4, sort=column, q="DAY=d3 parquet")
    assert found == [item for item in up if item["partition"] == {"day": "d3"}]


def test_the_audit_by_words_and_order(server):
    down = whole(server, "audit")
    assert len(down) >= TURNS
    assert whole(server, "audit", sort="at_ms") == down[::-1]
    paused = [item for item in down if item["what"] == "pause"]
    assert len(paused) == TURNS // 2
    assert whole(server, "audit", q=f"PAUSE api {server.dag}", limit=7) == [
        item for item in down if item["what"] in ("pause", "unpause")
    ]
    assert whole(server, "audit", q="unpause", sort="at_ms", limit=7) == [
        item for item in down[::-1] if item["what"] == "unpause"
    ]
    assert whole(server, "audit", q="nobody") == []


@pytest.mark.parametrize("question", [
    (f"{TABLE}/files", "sort", "when"), (f"{TABLE}/history", "sort", "rows"),
    ("audit", "sort", "who"), (f"{TABLE}/files", "cursor", "YQ=="),
    (f"{TABLE}/history", "cursor", "YQ=="), ("audit", "cursor", "YQ=="),
])  # fmt: skip
def test_a_wrong_question_is_refused(server, question):
    path, name, value = question
    answer = requests.get(f"{server.url}/api/v1/{path}", params={name: value}, timeout=30)
    assert answer.status_code == 400
    assert f"`{name}`" in answer.json()["error"]["message"]


# --- on the pages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_the_history_is_filtered_as_a_whole(watch, shape):
    page = watch(shape).go(f"{TABLE}/history", "50, more on the next page")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("searchbox").fill("12")  # 112, and 12, which is on another page
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("12")
    assert "filter=12" in page.url
    check_looks(page, shape)
    page.get_by_role("button", name="Version").click()
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Version")
    expect(rows.nth(1)).to_contain_text("112")
    page.get_by_role("searchbox").fill("no such commit")
    expect(page.locator("main")).to_contain_text("Nothing matches")
    check_looks(page, shape)


def test_files_are_sorted_as_a_whole(watch):
    page = watch().go(f"{TABLE}/files", "50, more on the next page")
    rows = page.locator("tbody tr")
    page.get_by_role("button", name="Rows").click()
    expect(rows.first.locator("td").nth(1)).to_have_text("1")
    page.get_by_role("button", name="Rows").click()
    expect(rows.first.locator("td").nth(1)).to_have_text(f"{COMMITS}")
    page.get_by_role("button", name="Next page").click()
    expect(rows.first.locator("td").nth(1)).to_have_text(f"{COMMITS - 50}")
    page.reload()  # all of it is in the address
    expect(rows.first.locator("td").nth(1)).to_have_text(f"{COMMITS - 50}")
    page.get_by_role("button", name="First page").click()
    expect(rows.first.locator("td").nth(1)).to_have_text(f"{COMMITS}")
    page.get_by_role("searchbox").fill("day=d0")
    expect(page.locator("main")).to_contain_text("day = d0")
    expect(rows).to_have_count(len([n for n in range(COMMITS) if n % 7 == 0]))


def test_the_audit_is_filtered_as_a_whole(watch, server):
    page = watch().go("status/audit", "50, more on the next page")
    page.get_by_role("searchbox").fill("unpause")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(TURNS // 2)
    first = rows.first.inner_text()
    page.get_by_role("button", name="Time", exact=True).click()
    expect(rows.last).to_have_text(first, use_inner_text=True)


@pytest.mark.parametrize("after", [f"{SMALL}/files", f"{TABLE}/history"])
def test_a_list_shows_no_rows_of_another(watch, server, after):
    """The page changes within the browser, and the rows of the new list are slow to come."""
    page = watch().go(f"{TABLE}/files", "50, more on the next page")
    held = []
    page.route(f"**/api/v1/{after}*", lambda route: held.append(route))
    page.evaluate("(url) => history.pushState(null, '', url)", f"/ui/{after}")
    page.evaluate("dispatchEvent(new PopStateEvent('popstate'))")
    view = after.rpartition("/")[2].capitalize()
    expect(page.locator("main [aria-current=page]", has_text=view)).to_be_visible()
    expect(page.locator(".skeleton")).not_to_have_count(0)
    expect(page.locator("tbody tr")).to_have_count(0)
    for route in held:
        route.continue_()
    expect(page.locator("tbody tr")).to_have_count(1 if after.startswith(SMALL) else 50)
