"""Records by pages: of all partitions and shards by time, from any place, exact both ways."""

import datetime
import json
import random
from urllib.parse import quote

import pytest

from pinion import Server
from streams import kinesis

MADE = {"Content-Type": "application/json"}
PARTITIONS = 3
RECORDS = 130
WIDE = 2**53 + 1
LARGE = 10_000  # characters of a value
SHOWN = 4096


def produce(server, topic, records):
    body = {"records": records}
    status, answer, _ = server.request("POST", f"/api/v1/topics/{topic}/records", body, MADE)
    assert status == 200, answer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("pages") / "data") as running:
        for topic, partitions in (("t", PARTITIONS), ("wide", 40), ("empty", 2)):
            made = running.request("POST", f"/api/v1/topics/{topic}", {"partitions": partitions},
                                   MADE)  # fmt: skip
            assert made[0] == 200
        chance = random.Random(7)
        for n in range(RECORDS):
            record = {"key": f"k{n}", "value": json.dumps({"n": n, "w": WIDE + n})}
            produce(running, "t", [{**record, "partition": chance.randrange(PARTITIONS)}])
        header = [{"name": "h", "value": "x"}]
        produce(running, "t", [{"value": "y" * LARGE, "partition": 1, "headers": header}])
        produce(running, "wide", [{"value": "v", "partition": n} for n in range(40)])
        client = kinesis(running.url)
        client.create_stream(StreamName="s", ShardCount=2)
        for n in range(RECORDS):
            client.put_record(StreamName="s", Data=f"r{n}".encode(), PartitionKey=f"k{n}")
        yield running


def ask(server, path, **parameters):
    query = "&".join(f"{name}={quote(str(value))}" for name, value in parameters.items())
    status, answer, _ = server.request("GET", f"/api/v1/{path}/pages?{query}")
    return status, json.loads(answer)


def page(server, path, **parameters):
    status, answer = ask(server, path, **parameters)
    assert status == 200, answer
    assert answer["damage"] is None
    return answer


def walk(server, path, way, **parameters):
    """All pages from a first one on: `older` or `newer`."""
    pages = [page(server, path, **parameters)]
    while way in pages[-1]:
        pages.append(page(server, path, cursor=pages[-1][way]))
    return pages


def by_time(server):
    """What the partitions hold, as the pages show it: read by the other route."""
    rows = []
    for partition in range(PARTITIONS):
        path = f"/api/v1/topics/t/records?partition={partition}"
        rows += json.loads(server.request("GET", path)[1])["records"]
    rows.sort(key=lambda row: (-row["time_ms"], row["partition"], -int(row["offset"])))
    return [(row["partition"], row["offset"]) for row in rows]


def places(pages):
    return [(row["partition"], row["offset"]) for one in pages for row in one["records"]]


def test_all_partitions_both_ways(server):
    expected = by_time(server)
    assert len(expected) == RECORDS + 1
    older = walk(server, "topics/t", "older")
    assert places(older) == expected
    assert [len(one["records"]) for one in older] == [50, 50, 31]
    assert "newer" not in older[0] and "older" not in older[-1]
    newer = walk(server, "topics/t", "newer", **{"from": "oldest"})
    assert places(newer[::-1]) == expected
    again = page(server, "topics/t", cursor=older[1]["newer"])
    assert again["records"] == older[0]["records"]
    few = walk(server, "topics/t", "older", limit=7)[0]
    assert places([few]) == expected[:7]


def test_a_record_of_a_list_is_cut_and_exact(server):
    newest, *rest = page(server, "topics/t")["records"]
    assert (newest["value"], newest["value_bytes"]) == ("y" * SHOWN, LARGE)
    assert (newest["cut"], newest["headers"], newest["key"]) == (True, 1, None)
    last = next(row for row in rest if row["key"] == f"k{RECORDS - 1}")  # others have its time
    assert json.loads(last["value"]) == {"n": RECORDS - 1, "w": WIDE + RECORDS - 1}
    assert (last["cut"], last["headers"]) == (False, 0)


def iso(ms):
    moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"


def test_from_a_time_and_an_offset(server):
    expected = by_time(server)
    all_pages = walk(server, "topics/t", "older")
    rows = [row for one in all_pages for row in one["records"]]
    middle = rows[len(rows) // 2]["time_ms"]
    got = page(server, "topics/t", **{"from": iso(middle)})
    first = next(at for at, row in enumerate(rows) if row["time_ms"] <= middle)
    assert places([got]) == expected[first : first + 50]
    assert "newer" in got
    assert places([page(server, "topics/t", **{"from": "2999-01-01"})]) == expected[:50]
    early = page(server, "topics/t", **{"from": "2000-01-01T00:00Z"})
    assert early["records"] == [] and "older" not in early and "newer" in early
    one = page(server, "topics/t", partition=2, **{"from": "5"})
    assert places([one]) == [(2, str(offset)) for offset in range(5, -1, -1)]


def test_a_stream_by_shards_and_sequence_numbers(server):
    pages = walk(server, "streams/s", "older")
    rows = [row for one in pages for row in one["records"]]
    assert sorted(int(row["value"][1:]) for row in rows) == list(range(RECORDS))
    times = [row["time_ms"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert {row["shard"] for row in rows} == {f"shardId-{n:012}" for n in (0, 1)}
    client = kinesis(server.url)
    some = rows[RECORDS // 2]
    iterator = client.get_shard_iterator(
        StreamName="s", ShardId=some["shard"], ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=some["sequence_number"],
    )["ShardIterator"]  # fmt: skip
    record = client.get_records(ShardIterator=iterator, Limit=1)["Records"][0]
    assert record["SequenceNumber"] == some["sequence_number"]
    assert record["Data"].decode() == some["value"]
    got = page(server, "streams/s", **{"from": some["sequence_number"]})["records"]
    assert got[0] == some
    assert {row["partition"] for row in got} == {some["partition"]}
    future = page(server, "streams/s", **{"from": "2999-01-01"})["records"]
    assert future == rows[:50]
    shard = page(server, "streams/s", shard=1)["records"]
    assert [row["offset"] for row in shard] == sorted(
        (row["offset"] for row in shard), key=int, reverse=True
    )


@pytest.mark.parametrize(
    ("path", "parameters", "words"),
    [
        ("topics/t", {"from": "someday"}, "newest, oldest, an offset or a time"),
        ("topics/t", {"from": "5"}, "say of which"),
        ("topics/t", {"from": "9" * 56}, "too large for an offset"),
        ("topics/t", {"cursor": "bm8="}, "`cursor`"),
        ("topics/t", {"cursor": "byAxOi0x"}, "`cursor`"),
        ("topics/t", {"limit": 0}, "limit"),
        ("topics/wide", {}, "choose one"),
        ("streams/s", {"from": "9" * 56}, "not a sequence number of this stream"),
    ],
)
def test_what_cannot_be_shown(server, path, parameters, words):
    status, answer = ask(server, path, **parameters)
    assert status == 400
    assert words in answer["error"]["message"]


def test_what_is_not_there(server):
    assert ask(server, "topics/none")[0] == 404
    assert ask(server, "streams/none")[0] == 404
    assert ask(server, "topics/__kinesis.s")[0] == 404
    assert page(server, "topics/empty")["records"] == []
    assert len(page(server, "topics/wide", partition=39)["records"]) == 1
