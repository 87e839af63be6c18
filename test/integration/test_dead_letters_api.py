"""Dead letters by the API and the command line: looked at, mended, and sent again once."""

import base64
import json
import time

import pytest

from contract import UID
from pinion import Server, run
from streams import STREAMS, letters, put

SECONDS_MAX = 60
TOPIC = f"{UID}.pin"
JSON = {"Content-Type": "application/json"}
HOSTILE = '<img src=x onerror=alert(1)>"\u2028\x1f\''
BYTES = b"\x00\xff not text"


def ask(server, method, path, body=None):
    status, answer, _ = server.request(method, f"/api/v1/dead_letters{path}", body, JSON)
    return status, json.loads(answer)


def every(server, query=""):
    """All letters, three a page."""
    found, cursor = [], ""
    while True:
        status, page = ask(server, "GET", f"?limit=3{query}{cursor}")
        assert status == 200, page
        found += page["items"]
        if "next" not in page:
            return found
        cursor = f"&cursor={page['next']}"


def records(server):
    _, answer, _ = server.request("GET", f"/api/v1/topics/{TOPIC}/records")
    return json.loads(answer)["records"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Letters of each source: of a load, of the sink, and of a stream."""
    data = tmp_path_factory.mktemp("letters") / "data"
    with Server(data) as running:
        running.produce(TOPIC, {"index": HOSTILE}, {"index": 1}, {"index": 2**53 + 1, "x": "late"})
        binary = {"records": [{"value": base64.b64encode(BYTES).decode()}]}
        kind = {"Content-Type": "application/vnd.kafka.binary.v2+json"}
        assert running.request("POST", f"/topics/{TOPIC}", binary, kind)[0] == 200
        deadline = time.monotonic() + SECONDS_MAX
        put(running.url, "pin", {"index": "no number"})
        while not letters(data):
            assert time.monotonic() < deadline
            time.sleep(0.1)
            put(running.url, "pin", {"index": "no number"})
        dag = json.loads(run("dag", "list", "--format", "json", data=data).stdout)[0]["dag"]
        run("dag", "trigger", dag, "--wait", data=data, check=False)
        yield running


def test_none(data):
    with Server(data) as server:
        assert ask(server, "GET", "") == (200, {"counts": [], "items": []})
        status, answer = ask(server, "POST", "/resend", {"filter": {}})
        assert status == 200 and answer["letters"] == []


def test_the_list_and_its_counts(server):
    found = every(server)
    assert len({one["id"] for one in found}) == len(found) >= 4
    _, page = ask(server, "GET", "")
    assert sum(count["letters"] for count in page["counts"]) == len(found)
    times = [one["time_ms"] or -1 for one in found]
    assert times == sorted(times, reverse=True)
    assert {one["source"] for one in found} == {"load", "stream"}
    for count in page["counts"]:
        query = f"&source={count['source']}&table={count['table']}"
        fitting = [one for one in every(server, query) if one["kind"] == count["kind"]]
        assert len(fitting) == count["letters"]
    assert all(one["advice"].endswith(".") for one in found)
    assert every(server, "&source=nothing") == []
    assert every(server, "&reason=%27%20OR%20true%20--") == []
    assert [one["id"] for one in every(server, "&reason=EXPECTED%20AN%20INT")]


def test_one_letter_and_its_bytes(server):
    by_bytes = {}
    for one in every(server):
        status, whole = ask(server, "GET", f"/{one['id']}")
        assert status == 200 and whole["reason"] == one["reason"]
        status, original, headers = server.request(
            "GET", f"/api/v1/dead_letters/{one['id']}/original"
        )
        assert status == 200 and headers["Content-Type"] == "application/octet-stream"
        assert headers["Content-Disposition"].startswith("attachment")
        by_bytes[original] = whole
    assert by_bytes[BYTES]["encoding"] == "base64"
    assert json.dumps({"index": HOSTILE}, separators=(",", ":")).encode() in {
        json.dumps(json.loads(one), separators=(",", ":")).encode()
        for one in by_bytes
        if one != BYTES
    }
    for name in ("0" * 32, "x", "..", "0" * 31 + "%27"):
        assert server.request("GET", f"/api/v1/dead_letters/{name}")[0] == 404
        assert server.request("GET", f"/api/v1/dead_letters/{name}/original")[0] == 404


def test_what_is_wrong_with_a_resend(server):
    letter = every(server, "&source=load")[0]["id"]
    for body in (
        {},
        [],
        {"ids": [], "filter": {}},
        {"ids": []},
        {"ids": [1]},
        {"ids": ["x"]},
        {"ids": [letter] * 101},
        {"filter": []},
        {"filter": {"table": 1}},
        {"filter": {}, "edited": {"value": "x"}},
        {"ids": [letter], "edited": "x"},
        {"ids": [letter], "edited": {"value": 1}},
        {"ids": [letter], "edited": {"value": "?", "encoding": "base64"}},
        {"ids": [letter], "edited": {"value": "?", "encoding": "hex"}},
        {"filter": {}, "cursor": "?"},
    ):
        status, answer = ask(server, "POST", "/resend", body)
        assert status == 400 and answer["error"]["message"], body
    answer = ask(server, "POST", "/resend", {"ids": ["0" * 32, "1" * 32]})[1]
    failed = [one["id"] for one in answer["letters"] if one["outcome"] == "failed"]
    assert failed == ["0" * 32, "1" * 32] and answer["failed"] == 2
    assert "it was dropped, or" in answer["letters"][-1]["message"]


def test_mended_and_sent_once(server):
    letter = next(one for one in every(server, "&source=load") if "<img" in one["value"])
    mended = '{"index": 9007199254740993, "unique_id": "mended"}'
    before = len(records(server))
    body = {"ids": [letter["id"]], "edited": {"value": mended}}
    for outcome in ("sent", "sent before"):
        status, answer = ask(server, "POST", "/resend", body)
        assert status == 200, answer
        assert [one["outcome"] for one in answer["letters"]] == [outcome]
    after = records(server)
    assert len(after) == before + 1 and after[-1]["value"] == mended
    assert after[-1]["headers"][0]["value"] == letter["id"]
    _, whole = ask(server, "GET", f"/{letter['id']}")
    assert whole["resent"]["offset"] == after[-1]["offset"] and whole["resent"]["edited"]
    assert whole["value"] == letter["value"]


def test_all_of_a_filter_and_the_command(server):
    before = len(records(server))
    loads = every(server, "&source=load")
    fresh = sum(one["resent"] is None for one in loads)
    status, answer = ask(server, "POST", "/resend", {"filter": {"source": "load"}})
    assert status == 200 and answer["failed"] == 0, answer
    assert (answer["sent"], answer["sent_before"]) == (fresh, len(loads) - fresh)
    again = run("dead-letters", "resend", *[one["id"] for one in loads], "--format", "json",
                data=server.data)  # fmt: skip
    assert {row["outcome"] for row in json.loads(again.stdout)} == {"sent before"}
    after = records(server)
    assert len(after) == before + fresh
    assert BYTES in {
        base64.b64decode(one["value"]) for one in after[before:] if one["encoding"] == "base64"
    }


def test_a_stream(server, tmp_path):
    letter = every(server, "&source=stream")[-1]
    assert letter["origin"] == STREAMS["pin"] and letter["key"] == "test_pin"
    edited = tmp_path / "mended.json"
    edited.write_text('{"index": 77, "unique_id": "of-a-stream"}')
    sent = run("dead-letters", "resend", letter["id"], "--edited", edited, "--format", "json",
               data=server.data)  # fmt: skip
    assert json.loads(sent.stdout)[0]["outcome"] == "sent"
    deadline = time.monotonic() + SECONDS_MAX
    sql = "SELECT count(*) AS n FROM stream_pin WHERE unique_id = 'of-a-stream'"
    while json.loads(run("query", sql, "--format", "json", data=server.data).stdout)[0]["n"] != 1:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    shown = run("dead-letters", "show", letter["id"], "--format", "json", data=server.data)
    assert [row["value"] for row in json.loads(shown.stdout)] == [letter["value"]]


def test_what_is_wrong_with_a_drop(server):
    letter = every(server, "&source=load")[0]["id"]
    for body in (
        {},
        {"ids": [letter], "filter": {}},
        {"ids": []},
        {"ids": [letter] * 101},
        {"filter": {"reason": 1}},
        {"ids": [letter], "dry_run": "no"},
        {"ids": [letter], "seen": 1},
        {"filter": {}, "limit": 0},
        {"filter": {}, "limit": 1000001},
    ):
        status, answer = ask(server, "POST", "/drop", body)
        assert status == 400 and answer["error"]["message"], body
    assert ask(server, "POST", "/drop", {"ids": ["0" * 32]})[1]["letters"] == 0


def test_a_drop_and_a_resend_agree(server):
    """Last of the module: what was dropped is not sent, and what was sent can be dropped."""
    before = every(server)
    loads = [one for one in before if one["source"] == "load"]
    counted = ask(server, "POST", "/drop", {"filter": {"source": "load"}, "dry_run": True})
    assert counted[0] == 200 and counted[1].pop("seen")
    assert counted[1] == {"letters": len(loads), "dropped": False}
    assert every(server) == before
    gone = {"ids": [loads[0]["id"], before[0]["id"]]}
    seen = ask(server, "POST", "/drop", {**gone, "dry_run": True})[1]["seen"]
    swapped = [loads[1]["id"], before[0]["id"]]
    for others in ({"filter": {}}, {"ids": gone["ids"][:1]}, {"ids": swapped}):
        status, answer = ask(server, "POST", "/drop", {**others, "seen": seen})
        assert status == 409 and "nothing was dropped" in answer["error"]["message"]
    assert every(server) == before
    status, answer = ask(server, "POST", "/drop", {**gone, "seen": seen})
    assert status == 200 and answer == {"letters": 2, "dropped": True, "seen": seen}
    left = [one["id"] for one in every(server)]
    assert left == [one["id"] for one in before if one["id"] not in gone["ids"]]
    sent = len(records(server))
    status, answer = ask(server, "POST", "/resend", gone)
    assert status == 200 and answer["failed"] == 2 and answer["sent"] == 0
    assert len(records(server)) == sent
    assert ask(server, "GET", f"/{loads[0]['id']}")[0] == 404
    dag = json.loads(run("dag", "list", "--format", "json", data=server.data).stdout)[0]["dag"]
    run("dag", "trigger", dag, "--wait", data=server.data, check=False)
    found = every(server, "&source=load")
    assert loads[0]["id"] not in {one["id"] for one in found}
    origin = {"filter": {"origin": TOPIC}}
    assert ask(server, "POST", "/drop", origin)[1]["letters"] == len(found)
    assert every(server, "&source=load") == []
    assert "dropped 2 dead letters" in server.log()


def test_how_the_command_is_used(data):
    done = run("dead-letters", "resend", "--all", data=data, check=False)
    assert done.returncode == 1 and "through a server" in done.stderr
    for args in ([], ["x", "--all"], ["--all", "--edited", "f"]):
        assert run("dead-letters", "resend", *args, data=data, check=False).returncode == 2
