"""The versions of a DAG on its page: one that is chosen, and what changed since the one before."""

import json

import pytest
import requests
from playwright.sync_api import expect

from pinion import Server
from test_dag import until
from ui import SHAPES, browser, check_looks, watch  # noqa: F401

HOSTILE = "echo '<img src=x onerror=alert(1)>'"


def write(own, command):
    tasks = {"a": {"run": "command", "command": command},
             "b": {"run": "command", "command": "true", "after": ["a"]}}  # fmt: skip
    text = json.dumps({"name": "own", "dags": {"one": {"tasks": tasks}}})
    (own / "pipeline.yml").write_text(text)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The DAG `one` has two versions, of which a run had the first."""
    folder = tmp_path_factory.mktemp("ui-versions")
    own = folder / "own"
    own.mkdir()
    write(own, "echo first")
    with Server(folder / "data", "--pipeline", own) as running:
        url = f"{running.url}/api/v1"
        assert requests.post(f"{url}/runs/one", json={"run": "r"}, timeout=30).status_code == 202
        run = f"{url}/runs/one/r"
        until(lambda: requests.get(run, timeout=30).json()["ended_ms"], "the end of the run")
        write(own, HOSTILE)
        versions = f"{url}/dags/one/versions"
        until(lambda: len(requests.get(versions, timeout=30).json()["items"]) == 2, "the second")
        yield running


@pytest.mark.parametrize("shape", SHAPES)
def test_a_version_is_chosen_and_compared(watch, shape):
    page = watch(shape).go("dags/one/definition", "What changed since version 1")
    diff = page.locator(".diff")
    expect(diff.locator("del")).to_have_text(["− " + '        command: "echo first"'])
    expect(diff.locator("ins")).to_have_text(["+ " + f"        command: {json.dumps(HOSTILE)}"])
    check_looks(page, shape)
    page.get_by_label("Version", exact=True).select_option("1")
    expect(page.get_by_role("heading", name="Version 1")).to_be_visible()
    expect(diff).to_have_count(0)
    assert page.url.endswith("/dags/one/definition?version=1")


def test_a_run_leads_to_its_version(watch):
    page = watch().go("dags/one/runs/r")
    page.get_by_role("link", name="version 1").click()
    expect(page.get_by_role("heading", name="Version 1")).to_be_visible()
    expect(page.locator("main")).to_contain_text("echo first")


def test_a_version_that_is_not_kept_says_so(watch):
    one = watch()
    page = one.go("dags/one/definition?version=77")
    expect(page.get_by_role("alert")).to_contain_text("version 77 of DAG 'one' was not found")
    one.wrong = [text for text in one.wrong if "404" not in text]  # the browser's own


def test_a_change_is_seen_by_a_page_that_is_open(watch, server):
    page = watch().go("dags/one/definition", "What changed since version 1")
    own = server.data.parent / "own"
    try:
        write(own, "echo third")
        expect(page.get_by_role("heading", name="What changed since version 2")).to_be_visible()
    finally:
        write(own, HOSTILE)
