"""Queries over HTTP: /api/v1/queries, whose results are kept, and /api/v1/sql, one question and one
reply. Each runs in a process of its own, which ends with its query, its client and its server."""

import csv
import io
import os
import signal
import socket
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest
import requests

from pinion import PINION, Server, run

SLOW = "SELECT count(*) FROM range(1000000000000) t(i) WHERE hash(i) = 1"
WAIT_SECONDS_MAX = 60


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    (folder / "pin.json").write_text(
        '{"index":1,"title":"T","category":"art","follower_count":"2k"}\n'
        '{"index":2,"title":"U","category":"diy","follower_count":"3"}\n'
    )
    (folder / "geo.json").write_text('{"ind":1,"country":"Peru"}\n{"ind":2,"country":"Chad"}\n')
    (folder / "user.json").write_text('{"ind":1,"first_name":"A","last_name":"B","age":20}\n')
    return folder


@pytest.fixture(scope="module")
def server(records, tmp_path_factory):
    data = tmp_path_factory.mktemp("queries") / "data"
    run("batch", "--from", records, data=data)
    with Server(data) as started:
        yield started


def small(records, tmp_path, *settings):
    """A server of its own, with settings."""
    data = tmp_path / "data"
    run("batch", "--from", records, data=data)
    return Server(data, *[word for setting in settings for word in ("--set", setting)])


def submit(server, sql, **more):
    answer = requests.post(f"{server.url}/api/v1/queries", json={"sql": sql, **more}, timeout=60)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/api/v1/queries/{answer.json()['id']}"
    return answer.json()["id"]


def get(server, path, **more):
    return requests.get(f"{server.url}/api/v1/{path}", timeout=60, **more)


def state(server, id):
    return get(server, f"queries/{id}").json()


def wait(server, id, *states):
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while (now := state(server, id))["state"] not in (states or ("done", "failed", "cancelled")):
        assert time.monotonic() < deadline, now
        time.sleep(0.01)
    return now


def sql(server, text, format=None, **more):
    query = {"format": format} if format else {}
    headers = {"Content-Type": "application/sql"} | more.pop("headers", {})
    return requests.post(f"{server.url}/api/v1/sql", data=text.encode(), params=query, timeout=60,
                         headers=headers, **more)  # fmt: skip


def workers(server):
    """The processes of queries that the server has, by their ids."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if len(words) > 3 and words[1] == b"query-worker" and str(server.data).encode() in words:
            found.append(int(entry.name))
    return found


def busy(server):
    """Those that use the processor: the spare one does not."""
    def ticks():
        used = {}
        for pid in workers(server):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                used[pid] = int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return used

    before = ticks()
    time.sleep(0.3)
    return [pid for pid, used in ticks().items() if used - before.get(pid, used) >= 5]


def eventually(condition, what):
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


# --- kept results ---------------------------------------------------------------------------------


def test_a_query_and_its_rows(server):
    id = submit(server, "SELECT i, i % 2 = 0 AS even, nullif(i, 1) AS x FROM range(1000) t(i)")
    done = wait(server, id)
    assert done["state"] == "done" and done["rows"] == 1000 and done["kept"]
    assert done["columns"] == [
        {"name": "i", "type": "BIGINT"}, {"name": "even", "type": "BOOLEAN"},
        {"name": "x", "type": "BIGINT"},
    ]  # fmt: skip
    page = get(server, f"queries/{id}/rows").json()
    assert len(page["rows"]) == 200 and page["next"] == 200 and page["total"] == 1000
    assert page["rows"][:2] == [["0", "true", "0"], ["1", "false", None]]
    last = get(server, f"queries/{id}/rows?offset=999&limit=10").json()
    assert last["rows"] == [["999", "false", "999"]] and last["next"] is None and last["complete"]
    assert get(server, f"queries/{id}/rows?offset=5000").json()["rows"] == []
    sorted_ = get(server, f"queries/{id}/rows?sort=-x&limit=2").json()["rows"]
    assert sorted_ == [["999", "false", "999"], ["998", "true", "998"]]
    assert get(server, f"queries/{id}/rows?sort=x&offset=999").json()["rows"] == [
        ["1", "false", None]
    ]
    assert get(server, f"queries/{id}/rows?sort=y").status_code == 400
    assert get(server, f"queries/{id}/rows?limit=-1").status_code == 400
    assert get(server, "queries/0123456789abcdef").status_code == 404
    assert id in [item["id"] for item in get(server, "queries").json()["items"]]


def test_rows_are_waited_for(server):
    """A client need not ask for the state first."""
    id = submit(server, "SELECT count(*) AS n FROM range(50000000) t(i) WHERE hash(i) <> 1")
    assert get(server, f"queries/{id}/rows").json()["rows"] == [["50000000"]]
    assert get(server, f"queries/{id}/download").text == "n\r\n50000000\r\n"


def test_values_to_the_digit(server):
    text = (
        "SELECT 9007199254740993 AS big, 12345678901234567890.123456789::DECIMAL(38,9) AS d, "
        "(-9223372036854775808)::BIGINT AS least, sum(9223372036854775807) AS s, "
        "TIMESTAMPTZ '2018-09-03 07:12:45.000001Z' AS t, NULL AS n, '' AS e, "
        "'\u00e9\"\u202e,' AS q, {'a': [1, NULL]} AS j, 0.1::DOUBLE AS f FROM range(3)"
    )
    cells = ["9007199254740993", "12345678901234567890.123456789", "-9223372036854775808",
             "27670116110564327421", "2018-09-03T07:12:45.000001Z", None, "", "\u00e9\"\u202e,",
             '{"a":[1,null]}', "0.1"]  # fmt: skip
    id = submit(server, text)
    assert get(server, f"queries/{id}/rows").json()["rows"] == [cells]
    downloaded = get(server, f"queries/{id}/download?format=csv")
    assert downloaded.headers["Content-Disposition"] == f'attachment; filename="{id}.csv"'
    rows = list(csv.reader(io.StringIO(downloaded.content.decode(), newline="")))
    assert rows[1] == ["" if cell is None else cell for cell in cells]
    line = get(server, f"queries/{id}/download?format=jsonl").text
    assert '"big":9007199254740993,"d":12345678901234567890.123456789' in line
    assert '"n":null' in line
    parquet = get(server, f"queries/{id}/download?format=parquet")
    assert parquet.headers["Content-Type"] == "application/vnd.apache.parquet"
    table = pyarrow.parquet.read_table(io.BytesIO(parquet.content)).to_pylist()
    assert table[0]["big"] == 9007199254740993
    assert table[0]["d"] == Decimal("12345678901234567890.123456789")
    assert table[0]["s"] == Decimal("27670116110564327421")
    assert table[0]["t"].microsecond == 1 and table[0]["n"] is None
    assert table[0]["j"] == {"a": [1, None]}


def test_csv_for_a_spreadsheet(server):
    """Texts that a spreadsheet would run are protected where it is asked for; numbers stay."""
    text = "SELECT '=1+1' AS a, '-x' AS \"@b\", -5 AS n, '+,' AS c, 'a=b' AS d"
    id = submit(server, text)
    exact = "a,@b,n,c,d\r\n=1+1,-x,-5,\"+,\",a=b\r\n"
    for query in ("format=csv", "format=csv&protect=false"):
        assert get(server, f"queries/{id}/download?{query}").text == exact
    guarded = "a,'@b,n,c,d\r\n'=1+1,'-x,-5,\"'+,\",a=b\r\n"
    assert get(server, f"queries/{id}/download?protect=true").text == guarded
    assert "'" not in get(server, f"queries/{id}/download?format=jsonl&protect=true").text
    assert get(server, f"queries/{id}/download?protect=perhaps").status_code == 400
    asked = {"format": "csv", "query": text}
    assert get(server, "sql", params=asked).text == exact
    assert get(server, "sql", params={**asked, "protect": "true"}).text == guarded
    lines = get(server, "sql", params={**asked, "format": "jsonl", "protect": "true"}).text
    assert "'" not in lines
    assert get(server, "sql", params={**asked, "protect": "perhaps"}).status_code == 400
    body = {"sql": text, "format": "csv", "protect": True}
    url = f"{server.url}/api/v1/sql"
    assert requests.post(url, json=body, timeout=60).text == guarded
    assert requests.post(f"{url}?protect=false", json=body, timeout=60).text == exact


def test_the_command_line_says_the_same(server):
    """Byte for byte, in CSV and JSON lines, streamed and from a kept result."""
    text = "SELECT *, 1.5::DOUBLE AS x, 'a,\"b' AS y FROM pin ORDER BY ind"
    for format in ("csv", "jsonl"):
        printed = subprocess.run([PINION, "query", text, "--format", format, "--data", server.data],
                                 capture_output=True, timeout=60, check=True).stdout  # fmt: skip
        id = submit(server, text)
        assert sql(server, text, format).content == printed
        assert get(server, f"queries/{id}/download?format={format}").content == printed


def test_queries_of_the_pipeline_by_name(server):
    answer = requests.post(
        f"{server.url}/api/v1/queries", json={"name": "popular_category_by_country"}, timeout=60
    )
    id = answer.json()["id"]
    done = wait(server, id)
    assert done["name"] == "popular_category_by_country"
    assert done["versions"] == {"pin": 0, "geo": 0}
    assert get(server, f"queries/{id}/rows").json()["rows"] == [
        ["Chad", "diy", "1"], ["Peru", "art", "1"]]  # fmt: skip
    unknown = requests.post(
        f"{server.url}/api/v1/queries", json={"name": "popular_category_by_contry"}, timeout=60
    )
    assert unknown.status_code == 404
    assert "popular_category_by_country" in unknown.json()["error"]["hint"]


def test_parameters(server):
    id = submit(server, "SELECT $1 AS a, $2 AS b, $3 IS NULL AS c", params=[1, "x'--", None])
    assert get(server, f"queries/{id}/rows").json()["rows"] == [["1", "x'--", "true"]]
    id = submit(server, "SELECT $a + 1 AS a", params={"a": 41})
    assert get(server, f"queries/{id}/rows").json()["rows"] == [["42"]]
    failed = wait(server, submit(server, "SELECT ?"))
    assert "has 1 parameter," in failed["error"]["message"]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "DROP TABLE pin", "INSERT INTO pin VALUES (1)", "COPY pin TO '/tmp/x'", "ATTACH '/tmp/x.db'",
    "SET threads = 1", "LOAD httpfs", "INSTALL httpfs", "PRAGMA version", "CREATE TABLE x(i INT)",
    "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "SELECT 1; SELECT 2",
    "SELECT getenv('PATH')", "CALL pragma_version()", "SELECT * FROM duckdb_settings()",
])  # fmt: skip
def test_only_one_select_runs(server, text):
    refused = sql(server, text)
    assert refused.status_code == 400, refused.text
    error = refused.json()["error"]
    assert error["code"] == "query_failed" and error["message"]


@pytest.mark.parametrize("text", [
    "WITH t AS (SELECT 1 AS a) SELECT * FROM t", "VALUES (1)", "FROM pin", "DESCRIBE pin",
    "SUMMARIZE pin", "(SELECT 1)", "SELECT 1;", "-- note\nSELECT 1 -- note",
])  # fmt: skip
def test_what_is_a_select(server, text):
    assert sql(server, text).status_code == 200
    assert sql(server, text, "parquet").content[:4] == b"PAR1"


def test_a_mistake_has_its_place(server):
    error = sql(server, "SELECT '\u00e9',\n  catgory FROM pin").json()["error"]
    assert error["position"] == {"byte": 15, "line": 2, "column": 3}
    assert error["candidates"][0] == "category"
    id = submit(server, "SELECT\nFROM WHERE")
    assert wait(server, id)["error"]["position"]["line"] == 2
    assert get(server, f"queries/{id}/rows").status_code == 400


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"{}", b'{"sql": 1}', b'{"sql": "SELECT 1", "name": "x"}',
    b'{"sql": "SELECT 1", "params": 1}', b'{"sql": "SELECT 1\\u0000"}',
])  # fmt: skip
def test_bad_bodies(server, body):
    for path in ("queries", "sql"):
        answer = requests.post(f"{server.url}/api/v1/{path}", data=body, timeout=60,
                               headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["message"]


def test_formats(server):
    assert sql(server, "SELECT 1 AS a").text == '{"a":1}\n'
    assert sql(server, "SELECT 1 AS a", headers={"Accept": "text/csv"}).text == "a\r\n1\r\n"
    assert sql(server, "SELECT 1 AS a WHERE false", "csv").text == "a\r\n"
    assert sql(server, "SELECT 1 AS a WHERE false").text == ""
    assert sql(server, "SELECT 1", headers={"Accept": "image/png"}).status_code == 406
    assert sql(server, "SELECT 1", "xml").status_code == 400
    asked = get(server, "sql", params={"query": "SELECT 1 AS a", "format": "csv"})
    assert asked.text == "a\r\n1\r\n"
    table = pyarrow.parquet.read_table(io.BytesIO(sql(server, "SELECT 1 AS a", "parquet").content))
    assert table.to_pylist() == [{"a": 1}]


def test_a_page_of_another_site_asks_nothing(server):
    asked = get(server, "sql", params={"query": "SELECT 1"}, headers={
        "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})  # fmt: skip
    assert asked.status_code == 403
    assert "Access-Control-Allow-Origin" not in asked.headers


# --- ends -----------------------------------------------------------------------------------------


def test_a_cancel_ends_the_process(server):
    id = submit(server, SLOW)
    wait(server, id, "running")
    eventually(lambda: busy(server), "the query never ran")
    assert requests.delete(f"{server.url}/api/v1/queries/{id}", timeout=60).status_code == 204
    assert wait(server, id)["state"] == "cancelled"
    assert not busy(server)
    assert get(server, f"queries/{id}/rows").status_code == 409
    assert requests.delete(f"{server.url}/api/v1/queries/{id}", timeout=60).status_code == 204
    eventually(lambda: get(server, f"queries/{id}").status_code == 404, "it is still known")


def leave(server, path, body):
    """A client that asks, and hangs up before the reply."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/sql\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode())  # fmt: skip
        eventually(lambda: busy(server), "the query never ran")


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_query_ends_when_its_client_leaves(server, format):
    leave(server, f"/api/v1/sql?format={format}", SLOW)
    eventually(lambda: not busy(server), "the query runs on")
    assert get(server, "queries").json()["items"][0]["state"] == "cancelled"


def test_a_stream_ends_when_its_client_leaves(server):
    """One that is read slowly holds its query up, without its rows in anyone's memory."""
    with sql(server, "SELECT i FROM range(1000000000000) t(i)", stream=True) as answer:
        assert next(answer.iter_lines()) == b'{"i":0}'
        first = get(server, "queries").json()["items"][0]
        assert first["state"] == "running"
        eventually(lambda: not busy(server), "the query is not held up")
    eventually(lambda: state(server, first["id"])["state"] == "cancelled", "the query runs on")


def test_a_large_stream_is_whole(server):
    answer = sql(server, "SELECT i, repeat('x', 100) AS s FROM range(500000) t(i)", "csv")
    lines = answer.content.split(b"\r\n")
    assert len(lines) == 500002 and lines[500000] == b"499999," + b"x" * 100


def test_a_killed_process_is_said(server):
    id = submit(server, SLOW)
    wait(server, id, "running")
    for pid in workers(server):
        os.kill(pid, signal.SIGKILL)
    failed = wait(server, id)
    assert failed["state"] == "failed"
    assert failed["error"]["message"] == "the query's process was killed by signal 9"
    assert sql(server, "SELECT 1 AS a").text == '{"a":1}\n'


def test_a_stream_whose_process_is_killed_is_not_whole(server):
    with sql(server, "SELECT i FROM range(1000000000000) t(i)", stream=True) as answer:
        lines = answer.iter_lines()
        next(lines)
        for pid in workers(server):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            for _ in lines:
                pass


def test_slow_queries_stop_no_one(records, tmp_path):
    """Two run and the others wait; the server continues, and so does what is there already."""
    with small(records, tmp_path) as server:
        kept = submit(server, "SELECT i FROM range(1000) t(i)")
        wait(server, kept)
        slow = [submit(server, SLOW) for _ in range(4)]
        for id in slow[:2]:
            wait(server, id, "running")
        assert [state(server, id)["state"] for id in slow[2:]] == ["waiting", "waiting"]
        assert get(server, f"queries/{kept}/rows?sort=-i&limit=1").json()["rows"] == [["999"]]
        assert requests.get(f"{server.url}/health", timeout=60).json()["status"] == "ok"
        server.produce("x.pin", {"index": 1})
        requests.delete(f"{server.url}/api/v1/queries/{slow[0]}", timeout=60)
        wait(server, slow[2], "running")


def test_limits(records, tmp_path):
    settings = ["query.concurrency=1", "query.queue=1", "query.timeout_ms=2s",
                "query.result_bytes_max=1MiB", "query.results_max=3"]  # fmt: skip
    with small(records, tmp_path, *settings) as server:
        slow = submit(server, SLOW)
        waits = submit(server, "SELECT 1")
        refused = sql(server, "SELECT 1")
        assert refused.status_code == 429 and refused.headers["Retry-After"] == "1"
        assert refused.json()["error"]["code"] == "busy"
        late = wait(server, slow)
        assert late["error"]["code"] == "timeout" and "query.timeout_ms" in late["error"]["message"]
        assert wait(server, waits)["state"] == "done"
        assert sql(server, SLOW).status_code == 504
        large = wait(server, submit(server, "SELECT i FROM range(1000000) t(i)"))
        assert "query.result_bytes_max" in large["error"]["message"]
        streamed = sql(server, "SELECT i FROM range(1000000) t(i)", "csv").content
        assert streamed.count(b"\n") == 1000001
        for _ in range(4):
            wait(server, submit(server, "SELECT 1"))
        eventually(lambda: len(get(server, "queries").json()["items"]) == 3, "more are kept")
        metrics = requests.get(f"{server.url}/metrics", timeout=60).text
        assert "pinion_query_refused_total 1" in metrics


# --- the end of the server ------------------------------------------------------------------------


def test_no_process_outlives_the_server(records, tmp_path):
    server = small(records, tmp_path).start()
    submit(server, SLOW)
    kept = submit(server, "SELECT 1")
    wait(server, kept)
    eventually(lambda: len(workers(server)) >= 2, "no spare process was started")
    assert list((server.data / "tmp/queries").iterdir())

    def scores():
        return {Path(f"/proc/{pid}/oom_score_adj").read_text() for pid in workers(server)}

    # The kernel ends them before the server; one that has just been forked says so in a moment.
    eventually(lambda: scores() == {"500\n"}, "a process does not let the kernel end it first")
    server.kill()
    eventually(lambda: not workers(server), "a process is left")
    # The next server begins with an empty folder, and ends its queries when it ends.
    with server:
        assert list((server.data / "tmp/queries").iterdir()) == []
        id = submit(server, SLOW)
        wait(server, id, "running")
    assert not workers(server)
    assert not (server.data / "tmp/queries").exists()


@pytest.mark.parametrize("kept", [False, True])
def test_a_reply_that_the_end_of_the_server_cuts_is_not_whole(records, tmp_path, kept):
    """A client that is not told would take the first rows for all of them."""
    server = small(records, tmp_path).start()
    text = "SELECT i, repeat('x', 1000) AS s FROM range(200000) t(i)"
    if kept:
        id = submit(server, text)
        wait(server, id)
        answer = get(server, f"queries/{id}/download", stream=True)
    else:
        answer = sql(server, text, stream=True)
    with answer:
        lines = answer.iter_lines()
        next(lines)
        stopping = subprocess.Popen(["kill", str(server.process.pid)])
        time.sleep(0.5)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            for _ in lines:
                pass
    stopping.wait()
    server.process.wait(WAIT_SECONDS_MAX)
    server.output.close()


# --- readers --------------------------------------------------------------------------------------


def test_duckdb_reads_it(server, tmp_path):
    (tmp_path / "rows.parquet").write_bytes(sql(server, "SELECT * FROM pin", "parquet").content)
    rows = duckdb.sql(f"SELECT ind, category FROM '{tmp_path}/rows.parquet' ORDER BY ind")
    assert rows.fetchall() == [(1, "art"), (2, "diy")]


def test_pyarrow_reads_it(server):
    parquet = sql(server, "SELECT * FROM pin", "parquet").content
    table = pyarrow.parquet.read_table(io.BytesIO(parquet))
    assert table.num_rows == 2 and str(table.schema.field("ind").type) == "int64"


def test_keys_need_the_right_to_read(records, tmp_path):
    data = tmp_path / "data"
    run("batch", "--from", records, data=data)
    keys = tmp_path / "keys"
    keys.write_text("reader-000000000 rights=read\nproducer-0000000 rights=produce\n"
                    "part-00000000000 rights=read topics=x.*\n")
    with Server(data, "--set", "gateway.auth=api-key", "--set",
                f"gateway.api_key_file={keys}") as server:  # fmt: skip
        for key, status in (("reader-000000000", 200), ("producer-0000000", 403),
                            ("part-00000000000", 403), ("no-such-key-0000", 401)):
            assert sql(server, "SELECT 1", headers={"x-api-key": key}).status_code == status
