"""What made each version of a table: by the command line, the API and the page."""

import json
import time

import pytest
import requests
from deltalake import DeltaTable, Field, write_deltalake
from deltalake.schema import PrimitiveType
from playwright.sync_api import expect

from contract import UID
from pinion import Server, run
from ui import SHAPES, browser, check_looks, watch  # noqa: F401

RUN = "by_hand"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """raw_pin: versions of a run, another program, a command, that program, and a job."""
    data = tmp_path_factory.mktemp("history") / "data"
    with Server(data) as running:
        dag = json.loads(run("dag", "list", "--format", "json", data=data).stdout)[0]["dag"]
        running.dag = dag
        running.produce(f"{UID}.pin", {"index": 1, "unique_id": "u"})
        run("dag", "trigger", dag, "--run-id", RUN, "--wait", data=data, check=False)
        copy_files(running)
        run("table", "optimize", "raw_pin", data=data)
        copy_files(running)
        url = f"{running.url}/api/v1/tables/raw_pin/optimize"
        running.job = requests.post(url, json={}, timeout=30).json()["job"]
        wait_for_job(running)
        yield running


def wait_for_job(server):
    deadline = time.monotonic() + 60
    state = "waiting"
    while state in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        url = f"{server.url}/api/v1/jobs/{server.job}"
        state = requests.get(url, timeout=30).json()["state"]
    assert state == "done"


def copy_files(server):
    """A commit of another program, with small files that an optimize merges."""
    folder = str(server.data / "store/delta_tables/raw/pin")
    write_deltalake(folder, DeltaTable(folder).to_pyarrow_table(), mode="append")


def history(server):
    """By version, as the command line has it; the API has the same."""
    table = json.loads(
        run("table", "history", "raw_pin", "--format", "json", data=server.data).stdout
    )
    items = requests.get(f"{server.url}/api/v1/tables/raw_pin/history", timeout=30).json()["items"]
    for key in ("version", "made_by", "maker", "engine"):
        assert [one[key] for one in items] == [one[key] for one in table]
    return {one["version"]: one for one in table}


def test_each_version_says_what_made_it(server):
    versions = history(server)
    assert [versions[n]["operation"] for n in (2, 4)] == ["OPTIMIZE", "OPTIMIZE"]
    maker = versions[0]["maker"]
    assert (maker["dag"], maker["run"], maker["try"]) == (server.dag, RUN, 1)
    assert versions[0]["made_by"] == f"task {maker['task']} of run {RUN} of {server.dag}"
    assert versions[1]["maker"] is None
    assert versions[1]["made_by"] == versions[1]["engine"] and "delta-rs" in versions[1]["engine"]
    assert versions[2]["maker"] == {"command": "pinion table optimize"}
    assert versions[2]["made_by"] == "pinion table optimize"
    assert versions[4]["maker"]["job"] == server.job


def test_other_readers_do_not_mind(server):
    newest = DeltaTable(str(server.data / "store/delta_tables/raw/pin")).history(1)[0]
    assert newest["madeBy"]["job"] == server.job


def test_the_list_of_tables_says_what_each_is_and_what_was_added(watch, server):
    items = requests.get(f"{server.url}/api/v1/tables", timeout=30).json()["items"]
    rows = {one["table"]: one for one in items}
    kinds = ("raw_pin", "pin", "stream_pin", "dead_letters", "stream_dead_letters")
    assert [rows[name]["kind"] for name in kinds] == [
        "raw", "clean", "stream", "dead_letters", "dead_letters",
    ]  # fmt: skip
    commits = requests.get(f"{server.url}/api/v1/tables/raw_pin/history", timeout=30).json()
    added = [one["rows_added"] for one in commits["items"] if one["operation"] != "OPTIMIZE"]
    assert rows["raw_pin"]["added"] == added[::-1][-12:] and len(added) >= 3
    assert {one["added"] is None for one in items if one["version"] is None} <= {True}
    assert rows["raw_pin"]["maker"]["job"] == server.job
    page = watch().go("tables?filter=raw_pin", "raw_pin")
    row = page.get_by_role("table", name="Tables").locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("raw")
    expect(row).to_contain_text(f"The last {len(added)} commits added")
    expect(row.locator(".spark rect")).to_have_count(len(added))
    page.get_by_role("searchbox").fill("dead letters")
    expect(row).to_have_count(2)


@pytest.mark.parametrize("shape", SHAPES)
def test_growth_shows_rows_and_bytes(watch, shape):
    page = watch(shape).go("tables/raw_pin/growth", "Rows by version")
    expect(page.locator("figure.growth polyline")).to_have_count(2)
    expect(page.locator("figcaption").last).to_contain_text("Size by version")
    check_looks(page, shape)


def since(server):
    words = ("table", "schema", "raw_pin", "--format", "json")
    rows = json.loads(run(*words, data=server.data).stdout)
    items = requests.get(f"{server.url}/api/v1/tables/raw_pin/schema", timeout=30).json()["items"]
    assert items == rows
    return {row["column"]: (row["since"], row["since_exact"]) for row in rows}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_version_leads_to_the_task_that_made_it(watch, server, shape):
    page = watch(shape).go("tables/raw_pin/history", "Made by")
    rows = page.get_by_role("table", name="History")
    expect(rows).to_contain_text("pinion table optimize")
    expect(rows).to_contain_text(f"job {server.job}")
    expect(rows).to_contain_text("delta-rs")
    check_looks(page, shape)
    task = history(server)[0]["maker"]["task"]
    rows.get_by_role("link", name=task, exact=True).click()
    expect(page.locator("h1")).to_contain_text(task)
    expect(page.locator("main")).to_contain_text("raw_pin: version 0")


def test_columns_say_since_when_they_are_there(watch, server):
    folder = server.data / "store/delta_tables/raw/pin"
    assert set(since(server).values()) == {(0, True)}
    table = DeltaTable(str(folder))
    table.create_checkpoint()
    table.alter.add_columns(Field("extra", PrimitiveType("long"), nullable=True))
    added = table.version()
    assert since(server)["extra"] == (added, True)
    assert since(server)["index"] == (0, True)
    page = watch().go("tables/raw_pin/schema", "Since version")
    rows = page.get_by_role("table", name="Schema").get_by_role("row")
    cells = rows.filter(has_text="extra").get_by_role("cell")
    expect(cells.last).to_have_text(f"{added}")
    for version in range(added - 1):  # as a clean-up would, up to the checkpoint
        (folder / f"_delta_log/{version:020}.json").unlink()
    assert since(server)["extra"] == (added, True)
    assert since(server)["index"] == (added - 1, False)
    page.reload()
    cells = rows.filter(has_text="unique_id").get_by_role("cell")
    expect(cells.last).to_have_text(f"by {added - 1}, the oldest looked at")
    check_looks(page, "light")
