"""Versions that another writer commits: the list of tables sees each, and a difference pairs rows
only by a key that is unique."""

import json
import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from contract import UID
from pinion import Server, run

ROWS = [(1, "a"), (1, "b"), (2, "c"), (3, "d")]


@pytest.fixture
def server(tmp_path):
    """A table of a version, in which an index comes twice."""
    with Server(tmp_path / "data") as running:
        rows = [{"index": n, "unique_id": text, "title": "old"} for n, text in ROWS]
        running.produce(f"{UID}.pin", *rows)
        listed = run("dag", "list", "--format", "json", data=running.data).stdout
        dag = json.loads(listed)[0]["dag"]
        run("dag", "trigger", dag, "--wait", data=running.data, check=False)
        running.folder = str(running.data / "store/delta_tables/raw/pin")
        yield running


def get(server, path):
    status, answer, _ = server.request("GET", f"/api/v1/{path}")
    assert status == 200, answer
    return json.loads(answer)


def listed(server):
    row = next(one for one in get(server, "tables")["items"] if one["table"] == "raw_pin")
    return row["version"], row["rows"], row["files"]


def test_a_foreign_commit_is_seen_at_the_next_look(server):
    assert listed(server) == listed(server) == (0, 4, 1)
    whole = DeltaTable(server.folder).to_pyarrow_table()
    for version in (1, 2):
        write_deltalake(server.folder, whole, mode="append")
        assert listed(server) == (version, 4 * (version + 1), version + 1)
    shutil.rmtree(server.folder)
    assert listed(server) == (None, None, None)
    write_deltalake(server.folder, whole.slice(0, 2))
    assert listed(server) == (0, 2, 1)  # the version of before, but another table


def test_a_look_without_a_newer_commit_reads_no_log(server):
    """What would be missed by a reader is gone, and nothing is missed."""
    write_deltalake(server.folder, DeltaTable(server.folder).to_pyarrow_table(), mode="append")
    assert listed(server) == (1, 8, 2)
    (server.data / "store/delta_tables/raw/pin/_delta_log" / f"{0:020}.json").unlink()
    assert listed(server) == (1, 8, 2)


def test_a_key_that_is_not_unique_says_so(server):
    whole = DeltaTable(server.folder).to_pyarrow_table()
    changed = pc.is_in(whole["unique_id"], pa.array(["a", "c"]))
    title = pc.if_else(changed, "new", whole["title"])
    at = whole.schema.get_field_index("title")
    write_deltalake(server.folder, whole.set_column(at, "title", title), mode="overwrite")
    by_id = get(server, "tables/raw_pin/diff?from=0&key=unique_id")
    assert (by_id["changed"], by_id["added"], by_id["removed"]) == ("2", "0", "0")
    assert by_id["repeated"] == "0"
    by_index = get(server, "tables/raw_pin/diff?from=0&key=index")
    assert (by_index["changed"], by_index["added"], by_index["removed"]) == ("1", "1", "1")
    assert by_index["repeated"] == "1"
