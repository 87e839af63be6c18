"""Upkeep of a table on its page, in a real browser: a dry run, the job, and all jobs."""

import json

import pytest
from deltalake import DeltaTable, write_deltalake
from playwright.sync_api import expect

from contract import UID
from pinion import Server, run
from ui import SHAPES, browser, check_looks, watch  # noqa: F401


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A table of two versions, so that the older one's file is dead."""
    data = tmp_path_factory.mktemp("upkeep") / "data"
    with Server(data) as running:
        dag = json.loads(run("dag", "list", "--format", "json", data=data).stdout)[0]["dag"]
        for n in range(2):
            running.produce(f"{UID}.pin", {"index": n, "unique_id": f"u{n}"})
            run("dag", "trigger", dag, "--wait", data=data, check=False)
        yield running


@pytest.mark.parametrize("shape", SHAPES)
def test_a_dry_run_and_the_list_of_jobs(watch, shape):
    page = watch(shape).go("tables/raw_pin/history", "Last commit")
    page.get_by_role("button", name="Vacuum").click()
    dialog = page.get_by_role("dialog", name="Vacuum")
    expect(dialog).to_contain_text("nothing to delete")  # the table keeps its files for a week
    expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
    check_looks(page, shape)
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("link", name="All jobs").click()
    expect(page.locator("h1")).to_have_text("Jobs")
    first = page.get_by_role("row").nth(1)
    expect(first).to_contain_text("raw_pin")
    expect(first).to_contain_text("vacuum, dry run")
    expect(first).to_contain_text("done: nothing to delete")
    check_looks(page, shape)


def test_files_are_listed_then_deleted(watch, server):
    folder = server.data / "store/delta_tables/raw/pin"
    path = "/api/v1/tables/raw_pin/vacuum"
    kind = {"Content-Type": "application/json"}
    page = watch().go("jobs", "Jobs end with the server")
    status, answer, _ = server.request("POST", path, {"retain_ms": 0, "force": True}, kind)
    assert status == 202, answer
    expect(page.get_by_role("row").nth(1)).to_contain_text("done: deleted 1 file")  # by an event
    assert len(list(folder.glob("*.parquet"))) == 1


def test_small_files_are_merged(watch, server):
    folder = str(server.data / "store/delta_tables/raw/pin")
    for _ in range(2):
        write_deltalake(folder, DeltaTable(folder).to_pyarrow_table(), mode="append")
    page = watch().go("tables/raw_pin", "Query the table")
    page.get_by_role("button", name="Optimize").click()
    dialog = page.get_by_role("dialog", name="Optimize")
    expect(dialog).to_contain_text("would merge 3 files")
    expect(dialog.get_by_role("listitem")).to_have_count(3)
    dialog.get_by_role("button", name="Merge 3 files").click()
    expect(page.get_by_role("status").filter(has_text="done: merged 3 files")).to_be_visible()
    assert len(DeltaTable(folder).file_uris()) == 1
