"""One data folder whose texts are markup wherever a text may be: no page reads any of it as such.
The fixture `watch` notes each error, each breach of the content policy, and each request elsewhere.
Names of countries are in test_ui_map.py, escapes of logs in test_ui_logic.py."""

import base64
import time
from urllib.parse import quote

import pyarrow
import pytest
import requests
import yaml
from deltalake import write_deltalake
from playwright.sync_api import expect

from pinion import Server
from ui import SHAPES, browser, check_looks, watch  # noqa: F401

HOSTILE = """<img src=x onerror="window.hit=1"><b>'&lt;${x}</b>"""
KEY = "delta_tables/<b>it's"
SECONDS_MAX = 60

PIPELINE = {
    "name": "hostile",
    "topics": {"odd": {"partitions": 1}},
    "tables": {
        "numbers": {
            "path": "tables/numbers", "from_topic": "odd", "unknown_keys": "drop",
            "columns": {"n": {"type": "int", "required": True}},
        },
    },
    "dags": {
        "shop": {
            "description": HOSTILE.replace("${", "$${"),
            "tasks": {
                "load": {"run": "load", "tables": ["numbers"]},
                "talk": {"run": "command", "command": 'printf "%s\\n" "$PINION_CONF"; exit 3'},
            },
        },
    },
}  # fmt: skip

# A page, and where on it the text stands.
PAGES = {
    "dags": "main",
    "dags/shop/definition": "main",
    "dags/shop/runs/one": "main",  # the note and the configuration
    "dags/shop/runs/one/talk": "main",  # the log
    "runs?q=%3Cimg": "main",
    f"tables/{quote(KEY, safe='')}": "main",
    f"tables/{quote(KEY, safe='')}/schema": "main",
    f"tables/{quote(KEY, safe='')}/files": "main",
    "topics/odd": "main",
    "topics/odd/search?q=onerror": "main",
    "dead-letters": "main",
}


def api(server, path, body):
    answer = requests.post(f"{server.url}/api/v1/{path}", json=body, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


def encoded(text):
    return base64.b64encode(text.encode()).decode()


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "own"
    folder.mkdir()
    write(folder, PIPELINE)
    return folder


def write(folder, pipeline):
    (folder / "pipeline.yml").write_text(yaml.safe_dump(pipeline, sort_keys=False))


@pytest.fixture(scope="module")
def server(own):
    data = own.parent / "data"
    rows = {HOSTILE: [HOSTILE, None], "day": [HOSTILE, HOSTILE]}
    (data / "store" / KEY).mkdir(parents=True)
    write_deltalake(data / "store" / KEY, pyarrow.table(rows), partition_by=["day"])
    with Server(data, "--pipeline", own) as running:
        record = {"key": encoded(HOSTILE), "value": encoded(HOSTILE)}
        kind = {"Content-Type": "application/vnd.kafka.binary.v2+json"}
        sent = running.request("POST", "/topics/odd", {"records": [record]}, kind)
        assert sent[0] == 200, sent
        api(running, "runs/shop", {"run": "one", "conf": {"t": HOSTILE}, "note": HOSTILE})
        deadline = time.monotonic() + SECONDS_MAX
        url = f"{running.url}/api/v1/runs/shop/one"
        while requests.get(url, timeout=30).json()["ended_ms"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield running


def holds_only_text(page):
    assert page.locator("main img, main b, dialog img, dialog b").count() == 0
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_it_as_text(watch, path, shape):  # noqa: F811
    page = watch(shape).go(path)
    expect(page.locator(PAGES[path])).to_contain_text("<img src=x onerror=")
    holds_only_text(page)
    check_looks(page, shape)


def test_an_answer(watch):  # noqa: F811
    sql = f"""SELECT '{HOSTILE.replace("'", "''")}' AS "{HOSTILE.replace('"', '""')}", 1 AS n"""
    page = watch().go(f"query?sql={quote(sql)}")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("columnheader").first).to_contain_text("<img src=x")
    expect(page.get_by_role("cell").first).to_contain_text("<img src=x")
    holds_only_text(page)
    page.get_by_role("button", name="Columns", exact=True).click()
    expect(page.get_by_role("rowheader", name="<img src=x")).to_be_visible()
    holds_only_text(page)


def test_an_error_of_a_query(watch):  # noqa: F811
    name = HOSTILE.replace('"', '""')
    page = watch().go(f"""query?sql={quote(f'SELECT "{name}" FROM numbers')}""")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("<img src=x")
    holds_only_text(page)


def test_the_search_over_everything(watch):  # noqa: F811
    page = watch().go("dags", "shop")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("<b>it")
    expect(page.get_by_role("option")).to_have_text([f"table {KEY}"])
    holds_only_text(page)


def test_a_definition_that_is_broken(watch, own, server):  # noqa: F811
    broken = {**PIPELINE, "dags": {**PIPELINE["dags"], HOSTILE: {"tasks": {}}}}
    try:
        write(own, broken)
        page = watch().go("dags", "shop")
        expect(page.get_by_role("alert")).to_contain_text("<img src=x")
        holds_only_text(page)
    finally:
        write(own, PIPELINE)
