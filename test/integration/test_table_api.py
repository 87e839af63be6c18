"""What is in a table by the API: rows at any version, summaries, differences, growth."""

import json
import time
from urllib.parse import quote

import deltalake
import pyarrow as pa
import pytest

from contract import UID
from pinion import Server, run

TOPIC = f"{UID}.pin"
WIDE = 2**53 + 1
SECONDS_MAX = 120
HOSTILE = "<img src=x onerror=alert(1)>\"'"


def get(server, path):
    status, answer, _ = server.request("GET", f"/api/v1/tables/{path}")
    return status, json.loads(answer)


def rows(server, table, query=""):
    """All rows, seven a page."""
    found, cursor = [], ""
    while True:
        status, page = get(server, f"{table}/rows?limit=7{query}{cursor}")
        assert status == 200, page
        names = [column["name"] for column in page["columns"]]
        found += [dict(zip(names, row, strict=True)) for row in page["rows"]]
        if "next" not in page:
            return found
        cursor = f"&cursor={quote(page['next'])}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A table of two versions: the second has more rows, and one of them is another."""
    with Server(tmp_path_factory.mktemp("tables") / "data") as running:
        first = [{"index": WIDE + n, "unique_id": f"u{n}", "title": HOSTILE} for n in range(20)]
        second = [{"index": WIDE + n, "unique_id": f"v{n}", "title": "b"} for n in (5, 90)]
        running.produce(TOPIC, *first, {"index": 1, "unique_id": "nulls"})
        for more in ([], second):
            if more:
                running.produce(TOPIC, *more)
            listed = run("dag", "list", "--format", "json", data=running.data).stdout
            dag = json.loads(listed)[0]["dag"]
            run("dag", "trigger", dag, "--wait", data=running.data, check=False)
        yield running


def test_rows_by_pages_and_versions(server):
    assert len(rows(server, "raw_pin")) == 23
    old = rows(server, "raw_pin", "&version=0")
    assert len(old) == 21 and {row["index"] for row in old} >= {str(WIDE), "1"}
    assert rows(server, "raw_pin", "&at=2100-01-01") == rows(server, "raw_pin", "&version=1")


def test_rows_sorted_and_filtered(server):
    down = rows(server, "raw_pin", "&sort=-index")
    indexes = [int(row["index"]) for row in down]
    assert indexes == sorted(indexes, reverse=True)
    for text, count in {
        f"index={WIDE + 5}": 2,
        f"index>={WIDE + 19}": 2,
        f"index<{WIDE}": 1,
        "title!=b": 21,
        "-title=b": 21,
        "ONERROR=ALERT(1)": None,
        '"onerror=alert(1)"': 20,
        "V90": 1,
        "unique_id=V90": 0,
        "v90 -b": 0,
    }.items():
        status, page = get(server, f"raw_pin/rows?filter={quote(text)}")
        if count is None:
            assert status == 400  # a column of this name is not there
        else:
            assert status == 200 and len(page["rows"]) == count, text


def test_what_cannot_be_read(server):
    for path, status in {
        "raw_pin/rows?version=99": 404,
        "raw_pin/rows?version=-1": 400,
        "raw_pin/rows?version=0&at=2030-01-01": 400,
        "raw_pin/rows?at=someday": 400,
        "raw_pin/rows?at=2001-01-01": 404,
        "raw_pin/rows?sort=nothing": 400,
        "raw_pin/rows?sort=%22%3B": 400,
        "raw_pin/rows?filter=%22open": 400,
        "raw_pin/rows?filter=index%3Ex": 400,
        "raw_pin/rows?cursor=Pw==": 400,
        "nothing/rows": 404,
        "delta_tables%2Fraw%2Fnone/rows": 404,
        "raw_pin/summary?columns=nothing": 400,
        "raw_pin/summary?columns=": 400,
        "raw_pin/diff": 400,
        "raw_pin/diff?from=7": 404,
        "raw_pin/diff?from=0&key=nothing": 400,
        "nothing/growth": 404,
    }.items():
        got, answer = get(server, path)
        assert got == status and answer["error"]["message"], path


def test_a_summary(server):
    _, got = get(server, "raw_pin/summary?columns=index,title")
    assert got["version"] == "1" and not got["sampled"]
    index, title = got["columns"]
    assert index["rows"] == 23 and index["nulls"] == 0 and index["distinct"] == 22
    assert (index["least"], index["greatest"]) == ("1", str(WIDE + 90))
    assert sum(map(int, index["bins"])) == 23 and len(index["bins"]) == 20
    assert title["nulls"] == 1 and title["frequent"] == [[HOSTILE, "20"], ["b", "2"]]
    _, every = get(server, "raw_pin/summary?version=0")
    assert {"index", "unique_id", "title"} < {one["column"] for one in every["columns"]}


def test_a_difference(server):
    _, got = get(server, "raw_pin/diff?from=0&to=1&key=index")
    assert (got["added"], got["removed"], got["changed"]) == ("2", "0", "0")
    assert [row["change"] for row in got["rows"]] == ["added", "added"]
    _, back = get(server, "raw_pin/diff?from=1&to=0&key=unique_id")
    assert (back["added"], back["removed"]) == ("0", "2") and back["key"] == "unique_id"
    _, same = get(server, "raw_pin/diff?from=1")
    assert same["rows"] == [] and same["to"] == "1"


def test_changed_rows_by_their_key(server):
    """The last of two rows of one key is the row of the clean table, so a version changes it."""
    _, history = get(server, "pin/history")
    newest = history["items"][0]["version"]
    _, got = get(server, f"pin/diff?from={newest - 1}&key=ind")
    assert int(got["changed"]) + int(got["added"]) >= 1
    kinds = [row["change"] for row in got["rows"]]
    assert kinds.count("before") == kinds.count("after")


def test_growth(server):
    _, got = get(server, "raw_pin/growth")
    assert [(one["version"], one["rows"]) for one in got["items"]] == [(0, 21), (1, 23)]
    assert all(one["size_bytes"] > 0 and one["files"] == 1 for one in got["items"])


def test_a_version_in_sql(server):
    for at, count in ((0, 21), (1, 23)):
        sql = f'SELECT count(*) AS n FROM "raw_pin@{at}"'
        done = run("query", sql, "--format", "json", data=server.data)
        assert json.loads(done.stdout) == [{"n": count}]
    for name in ("raw_pin@7", "raw_pin@00", "raw_pin@", "nothing@0", "raw_pin@x"):
        done = run("query", f'SELECT * FROM "{name}"', data=server.data, check=False)
        assert done.returncode == 1, name


def test_sql_between_two_names_is_not_the_key_of_a_table(server):
    much = " + 1" * 100 + " / 2"  # a part longer than the name of a folder may be
    sql = f'SELECT "x"{much} AS "y" FROM range(1) t("x")'
    kind = {"Content-Type": "application/json"}
    status, answer, _ = server.request("POST", "/api/v1/sql", {"sql": sql}, kind)
    assert status == 200, answer


# --- tables that the pipeline does not declare ----------------------------------------------------

OTHERS = "delta_tables/sales/<b>or'ders"


@pytest.fixture(scope="module")
def others(server):
    """Tables of another writer: beside the pipeline's, and elsewhere in the store."""
    store = server.data / "store"
    for key, numbers in ((OTHERS, [WIDE, 2, 3]), ("sales/orders", [1])):
        table = pa.table({"n": numbers, "in": [{"a": n} for n in numbers]})
        (store / key).parent.mkdir(parents=True, exist_ok=True)
        deltalake.write_deltalake(store / key, table)
    deltalake.write_deltalake(store / OTHERS, table, mode="append")
    broken = store / "delta_tables/broken/_delta_log"
    broken.mkdir(parents=True)
    (broken / f"{0:020}.json").write_text("not JSON\n")
    return server


def undeclared(server):
    status, answer, _ = server.request("GET", "/api/v1/tables?limit=1000")
    assert status == 200, answer
    return {
        row["table"]: row for row in json.loads(answer)["items"] if row["kind"] == "undeclared"
    }


def test_a_table_of_another_writer_is_listed(others):
    """The server looks again after a while; the command looks each time."""
    deadline = time.monotonic() + SECONDS_MAX
    listed = undeclared(others)
    while not listed:
        assert time.monotonic() < deadline, "the tables are not listed"
        time.sleep(0.2)
        listed = undeclared(others)
    assert set(listed) == {OTHERS, "delta_tables/broken"}
    row = listed[OTHERS]
    assert (row["path"], row["version"], row["rows"], row["added"]) == (OTHERS, 1, 4, [3, 1])
    assert listed["delta_tables/broken"]["version"] is None
    done = run("table", "list", "--format", "json", data=others.data)
    assert "delta_tables/broken" in done.stderr
    shown = {row["table"]: row for row in json.loads(done.stdout)}
    assert shown[OTHERS]["kind"] == "undeclared" and shown[OTHERS]["rows"] == 4
    assert shown["pin"]["kind"] == "clean" and "sales/orders" not in shown


def test_a_table_of_another_writer_is_read(others):
    key = quote(OTHERS, safe="")
    found = rows(others, key, "&sort=-n")
    assert [row["n"] for row in found] == [str(WIDE), "3", "2", "1"]
    assert len(rows(others, key, "&version=0")) == 3
    assert len(rows(others, "sales%2Forders")) == 1  # by its key, listed or not
    status, summary = get(others, f"{key}/summary")
    assert status == 200, summary
    assert [column["column"] for column in summary["columns"]] == ["n", "in"]
    assert summary["columns"][0]["greatest"] == str(WIDE)
    assert summary["columns"][1]["greatest"] == found[0]["in"] == f'{{"a":{WIDE}}}'
    status, diff = get(others, f"{key}/diff?from=0&to=1")
    assert status == 200 and diff["added"] == "1", diff
    for part in ("schema", "history", "files", "growth"):
        status, items = get(others, f"{key}/{part}")
        assert status == 200 and items["items"], (part, items)
    assert get(others, f"{key}/lineage")[0] == 404
    assert get(others, f"{key}/definition")[0] == 404
    assert get(others, "none%2Fhere/rows")[0] == 404
    assert get(others, "a%2F..%2Fb/rows")[0] == 400


def test_the_definition_is_that_of_the_pipeline(others):
    shown = json.loads(run("pipeline", "show", "--format", "json").stdout)["tables"]
    for table in shown:
        status, definition = get(others, f"{table['name']}/definition")
        sql = definition.pop("sql")
        assert status == 200 and definition == table
        assert (sql is None) == (table["sql_file"] is None and table["like"] is None)
