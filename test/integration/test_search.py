"""Searching the records of topics and streams: bounded calls, a cursor, and exact numbers."""

import json
from urllib.parse import quote

import pytest

from pinion import Server
from streams import STREAMS, put

RECORDS = 1700
PARTITIONS = 3
WIDE = 2**53 + 1


def value(n):
    return json.dumps({"n": n, "w": WIDE + n, "a": {"b": "Art" if n % 7 == 0 else "x"}})


def ask(server, path, q, cursor=None):
    more = "" if cursor is None else f"&cursor={quote(cursor)}"
    status, answer, _ = server.request("GET", f"/api/v1/{path}/search?q={quote(q)}{more}")
    return status, json.loads(answer)


def find(server, q, path="topics/s"):
    """All that fit, by as many calls as it takes."""
    found, looked, cursor = [], 0, None
    while True:
        status, piece = ask(server, path, q, cursor)
        assert status == 200, piece
        found += piece["records"]
        looked += piece["scanned_records"]
        cursor = piece.get("next")
        if cursor is None:
            assert piece["left_records"] == 0
            return found, looked
        assert piece["left_records"] > 0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("search") / "data") as running:
        made = {"Content-Type": "application/json"}
        running.request("POST", "/api/v1/topics/s", {"partitions": PARTITIONS}, made)
        running.request("POST", "/api/v1/topics/empty", {}, made)
        records = [
            {"key": f"k{n}", "value": value(n), "partition": n % PARTITIONS} for n in range(RECORDS)
        ]
        records[-1]["value"] = "not JSON <img src=x>"
        records[-2]["value"] = json.dumps({"long": "é" * 5000}, ensure_ascii=False)
        for at in range(0, RECORDS, 500):
            body = {"records": records[at : at + 500]}
            assert running.request("POST", "/api/v1/topics/s/records", body, made)[0] == 200
        for n in range(3):
            put(running.url, "pin", {"index": n, "title": f"Title {n}"})
        yield running


@pytest.mark.parametrize(
    ("q", "count"),
    [
        ("", RECORDS),
        ("n=77", 1),
        (f"w={WIDE + 5}", 1),
        (f"w={WIDE + 5}.0", 1),
        ("n<10", 10),
        ("a.b=Art n<70", 10),
        ("a.b=art", 0),
        ("ART n<70", 10),
        ("partition=1 n<30", 10),
        ("key=k9", 1),
        ("offset<3 partition!=0", 6),
        ("n>=0 -partition=2 n<9", 6),
        ('"not json"', 1),
        ('"src=x"', 1),
    ],
)
def test_what_fits(server, q, count):
    found, looked = find(server, q)
    assert looked == RECORDS and len(found) == count
    places = [(one["partition"], one["offset"]) for one in found]
    assert len(set(places)) == count


def test_the_newest_of_a_partition_come_first(server):
    found, _ = find(server, "partition=1")
    offsets = [int(one["offset"]) for one in found]
    assert offsets == sorted(offsets, reverse=True) and len(offsets) > 500


def test_a_long_value_is_cut_within_no_character(server):
    [one], _ = find(server, '"éééé"')
    assert one["cut"] and one["value_bytes"] > 10000 and len(one["value"].encode()) <= 4096
    assert one["value"].startswith('{"long"')


@pytest.mark.parametrize("q", ['"open', "=x", "a..b=1", " ".join("x" * 17), "x" * 1025])
def test_what_is_no_search(server, q):
    status, answer = ask(server, "topics/s", q)
    assert status == 400 and answer["error"]["message"]


def test_cursors_and_names(server):
    for cursor in ("?", "MA==", "LTE6MA==", "MDoxMHg="):
        assert ask(server, "topics/s", "", cursor)[0] == 400
    assert ask(server, "topics/none", "")[0] == 404
    assert ask(server, "topics/__kinesis.x", "")[0] == 404
    assert ask(server, "streams/none", "")[0] == 404
    assert find(server, "", "topics/empty") == ([], 0)


def test_a_stream(server):
    found, looked = find(server, "title 1", f"streams/{STREAMS['pin']}")
    assert looked == 3 and [one["partition"] for one in found] == [0]
    assert len(find(server, "index>=1", f"streams/{STREAMS['pin']}")[0]) == 2
