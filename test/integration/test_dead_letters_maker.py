"""Each dead letter names what wrote it: a run, a command or a stream, and its table's version."""

import json
import time

import deltalake
import pyarrow

from contract import UID
from pinion import Server, run
from streams import STREAMS, letters, put
from test_expect import GOOD, Shop

SECONDS_MAX = 60
TOPIC = f"{UID}.pin"
DAG = "batch_processing_dag"


def listed(data, *args, **more):
    done = run("dead-letters", "list", *args, "--format", "json", data=data, **more)
    return json.loads(done.stdout)


def known(letter):
    """The members of the maker that apply."""
    return {key: value for key, value in letter["maker"].items() if value is not None}


def runs(data):
    found = json.loads(run("dag", "runs", DAG, "--format", "json", data=data).stdout)
    return [one["run"] for one in found]


def test_runs_commands_and_streams(data):
    with Server(data) as server:
        server.produce(TOPIC, {"index": "no number"}, {"index": 1})
        run("dag", "trigger", DAG, "--wait", data=data)
        [letter] = listed(data)
        [run_id] = runs(data)
        maker = {**known(letter), "task": None}
        assert maker == {"dag": DAG, "run": run_id, "task": None, "try": 1}
        assert letter["made_by"] == f"task {letter['maker']['task']} of run {run_id} of {DAG}"
        assert letter["after_version"] is None  # there was no table

        _, answer, _ = server.request("GET", f"/api/v1/dead_letters/{letter['id']}")
        one = json.loads(answer)
        assert one["maker"] == known(letter) and one["made_by"] == letter["made_by"]
        assert one["after_version"] is None
        shown = run("dead-letters", "show", letter["id"], data=data).stdout
        assert letter["made_by"] in shown and '"dag"' not in shown

        run("batch", data=data)  # reads the same record again
        [again] = listed(data)
        assert again["id"] == letter["id"]
        assert known(again) == {"command": "pinion batch"} and again["made_by"] == "pinion batch"
        history = json.loads(
            run("table", "history", "raw_pin", "--format", "json", data=data).stdout
        )
        assert again["after_version"] == history[1]["version"]
        assert history[0]["maker"] == known(again)

        put(server.url, "pin", {"index": "no number"})
        deadline = time.monotonic() + SECONDS_MAX
        while not letters(data):
            assert time.monotonic() < deadline
            time.sleep(0.1)
            put(server.url, "pin", {"index": "no number"})
        streamed = listed(data, "stream_pin")[-1]
        assert known(streamed) == {"stream": STREAMS["pin"]}
        assert streamed["after_version"] >= 0


def test_rows_in_quarantine(tmp_path, data):
    shop = Shop(tmp_path / "shop", data)
    shop.write("      - {range: {column: amount, max: 100}, action: quarantine}\n")
    shop.land("orders", [*GOOD, {"id": 4, "amount": 101.0, "status": "new"}])
    run("batch", "--pipeline", shop.folder, data=data)
    [letter] = listed(data, "--pipeline", shop.folder)
    assert letter["table"] == "orders" and known(letter) == {"command": "pinion batch"}


TEXT, TIME = pyarrow.string(), pyarrow.timestamp("us", tz="UTC")
OLD = {
    "delta_tables/dead_letters": {
        "table": TEXT, "topic": TEXT, "partition": pyarrow.int32(), "offset": pyarrow.int64(),
        "object": TEXT, "line": pyarrow.int64(), "reason": TEXT, "value": TEXT, "timestamp": TIME,
        "key": TEXT,
    },
    "test_streaming_delta_tables/dead_letters": {
        "table": TEXT, "stream": TEXT, "shard": TEXT, "sequence_number": TEXT,
        "partition_key": TEXT, "arrival": TIME, "reason": TEXT, "data": TEXT,
    },
}  # fmt: skip


def test_tables_of_an_earlier_version(data):
    for path, columns in OLD.items():
        row = {"table": "gone", "reason": "gone", "value": "gone", "data": "gone"}
        row = {name: row.get(name) for name in columns}
        rows = pyarrow.Table.from_pylist([row], schema=pyarrow.schema(list(columns.items())))
        deltalake.write_deltalake(str(data / "store" / path), rows)
    before = listed(data)
    assert {one["table"] for one in before} == {"gone"} and len(before) == 2
    assert all(one["made_by"] is None and one["maker"] is None for one in before)
    with Server(data) as server:
        server.produce(TOPIC, {"index": "no number"})
        put(server.url, "pin", {"index": "no number"})
        deadline = time.monotonic() + SECONDS_MAX
        while len(letters(data)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            put(server.url, "pin", {"index": "no number"})
        run("dag", "trigger", DAG, "--wait", data=data)
        found = listed(data)
        assert [one for one in found if one["table"] == "gone"] == before
        made = {one["table"]: one["made_by"] for one in found if one["table"] != "gone"}
        assert made["stream_pin"] == f"stream {STREAMS['pin']}" and DAG in made["raw_pin"]
        _, answer, _ = server.request("GET", "/api/v1/dead_letters?table=gone")
        assert {one["maker"] for one in json.loads(answer)["items"]} == {None}
