"""What a record has beside its value (`from: timestamp|key|headers`): it lands in an object beside
that of the values, before it, and comes to the tables whatever ends the server in between."""

import base64
import json
import random
import threading
import time
from datetime import datetime

import pyarrow
import pytest
from deltalake import DeltaTable, write_deltalake

import polars
from pinion import Server, run
from readers import rows_by_duckdb
from s3 import KEYS, proxy, s3, settings  # noqa: F401

TOPIC = "shop.orders"
STRUCTS = "array<struct<key string, value {}>>"

PIPELINE = """
name: shop
topics:
  shop.orders: {partitions: 2}
dead_letters: dead
tables:
  raw:
    path: raw
    from_topic: shop.orders
    mode: append
    columns:
      id: {type: bigint, required: true}
      sent: {type: timestamp, from: timestamp}
      "offset": {type: bigint, from: offset}
      key: {type: string, from: key}
      bytes: {type: binary, from: key}
      headers: {type: "array<struct<key string, value binary>>", from: headers}
      texts: {type: "array<struct<key string, value string>>", from: headers}
      names: {type: "map<string, string>", from: headers}
  clean:
    path: clean
    sql: clean/clean.sql
    reads: [raw]
    partition_by: day(sent)
    columns: {id: bigint, sent: timestamp, key: string, trace: binary}
dags:
  nightly:
    tasks:
      load: {run: load, tables: [raw]}
      clean: {run: transform, tables: [clean], after: [load]}
settings:
  sink: {flush_size: 7}
"""

SQL = "SELECT id, sent, key, headers[1].value AS trace FROM raw\n"

KEYS_SENT = [b"k1", None, b"", "Gr\u00fc\u00dfe \U0001f511".encode(),
             b"\xff\x00\xfe", b'"quoted"\n']  # fmt: skip
HEADERS_SENT = [
    None,
    [("trace", b"a")],
    [("n", None), ("n", b""), ("n", b"last")],
    [("bytes", b"\xff\xfe"), ("Gr\u00fc\u00dfe", "\u00fc".encode())],
]


@pytest.fixture
def pipeline(tmp_path):
    return write(tmp_path / "pipeline", PIPELINE)


def write(folder, text):
    (folder / "clean").mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.yml").write_text(text)
    (folder / "clean/clean.sql").write_text(SQL)
    return folder


def nightly(data, pipeline, *more, **given):
    run("dag", "trigger", "nightly", "--wait", "--pipeline", pipeline, *more, data=data, **given)


def rows(data, pipeline, sql, *more, **given):
    done = run("query", sql, "--format", "json", "--pipeline", pipeline, *more, data=data, **given)
    return json.loads(done.stdout)


def text(value):
    return None if value is None else base64.b64encode(value).decode()


def produce(server, values, keys=KEYS_SENT, headers=HEADERS_SENT):
    """Records with keys and headers in turn; gives what each has beside its value."""
    records, sent = [], []
    for n, value in enumerate(values):
        key, having = keys[n % len(keys)], headers[n % len(headers)]
        value = value if isinstance(value, bytes) else json.dumps(value).encode()
        record = {"value": text(value), "key": text(key)}
        if having is not None:
            record["headers"] = [{"key": name, "value": text(of)} for name, of in having]
        records.append(record)
        sent.append({"value": value, "key": key, "headers": having})
    kind = {"Content-Type": "application/vnd.kafka.binary.v2+json"}
    status, answer, _ = server.request("POST", f"/topics/{TOPIC}", {"records": records}, kind)
    assert status == 200, answer
    for each, place in zip(sent, json.loads(answer)["offsets"], strict=True):
        each.update(partition=place["partition"], offset=place["offset"])
    return sent


def as_text(value):
    """What a column of text has of bytes."""
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return text(value)


def expected(sent):
    """The rows of records whose values are objects with an id."""
    wanted = {}
    for each in sent:
        if each["value"].startswith(b"{"):
            having = each["headers"]
            wanted[json.loads(each["value"])["id"]] = {
                "offset": each["offset"],
                "key": as_text(each["key"]),
                "bytes": each["key"],
                "headers": having and [{"key": k, "value": v} for k, v in having],
                "texts": having and [{"key": k, "value": as_text(v)} for k, v in having],
                "names": having and {k: as_text(v) for k, v in having},
            }
    return wanted


def found(table):
    """The same of a table, by any reader that gives dicts."""
    made = {}
    for row in table:
        assert row["id"] not in made, "a row is there twice"
        made[row["id"]] = row = {k: v for k, v in row.items() if k != "sent"}
        if row["names"] is not None:
            row["names"] = dict(row["names"])
        del made[row["id"]]["id"]
    return made


def delta(folder):
    return DeltaTable(str(folder)).to_pyarrow_table().to_pylist()


def test_keys_headers_and_times_come_to_the_tables(data, pipeline):
    before = time.time() - 1
    with Server(data, "--pipeline", pipeline) as server:
        values = [b"not JSON" if n % 11 == 5 else {"id": n} for n in range(60)]
        sent = produce(server, values)
        nightly(data, pipeline)
        sent += produce(server, [{"id": n} for n in range(60, 80)])
        nightly(data, pipeline)
    by_delta_rs = delta(data / "store/raw")
    assert found(by_delta_rs) == expected(sent)
    assert found(rows_by_duckdb(data / "store/raw")) == expected(sent)
    by_polars = polars.read_delta(str(data / "store/raw")).drop("names").to_dicts()
    wanted = {id: {**row, "names": None} for id, row in expected(sent).items()}
    assert found({**row, "names": None} for row in by_polars) == wanted
    assert all(before < row["sent"].timestamp() < time.time() + 1 for row in by_delta_rs)
    clean = {row["id"]: row for row in delta(data / "store/clean")}
    for id, row in expected(sent).items():
        trace = row["headers"][0]["value"] if row["headers"] else None
        assert (clean[id]["key"], clean[id]["trace"]) == (row["key"], trace)
    assert all("sent_day" in row for row in clean.values())


def test_the_time_is_the_producers(data, pipeline):
    """As a consumer has it."""
    with Server(data, "--pipeline", pipeline) as server:
        produce(server, [{"id": n} for n in range(5)], keys=[b"one"])
        nightly(data, pipeline)
        kind = {"Content-Type": "application/vnd.kafka.v2+json"}
        consumer = {"name": "c", "format": "binary", "auto.offset.reset": "earliest"}
        server.request("POST", "/consumers/g", consumer, kind)
        server.request("POST", "/consumers/g/instances/c/subscription", {"topics": [TOPIC]}, kind)
        accept = {"Accept": "application/vnd.kafka.binary.v2+json"}
        times, deadline = {}, time.monotonic() + 60
        while len(times) < 5 and time.monotonic() < deadline:
            _, body, _ = server.request("GET", "/consumers/g/instances/c/records", headers=accept)
            for record in json.loads(body):
                id = json.loads(base64.b64decode(record["value"]))["id"]
                times[id] = record["timestamp"]
        asked = "SELECT id, epoch_ms(sent) AS sent FROM raw"
        assert {row["id"]: row["sent"] for row in rows(data, pipeline, asked)} == times


def write_with_offset_alone(tmp_path):
    """The pipeline, whose table takes the offset, and nothing else of a record."""
    text_ = PIPELINE
    for name in ("sent", "key", "bytes", "headers", "texts", "names"):
        (line,) = [each for each in text_.splitlines(True) if each.startswith(f"      {name}: ")]
        text_ = text_.replace(line, "")
    text_ = text_.replace("partition_by: day(sent)", "").replace(
        "columns: {id: bigint, sent: timestamp, key: string, trace: binary}",
        "columns: {id: bigint}",
    )
    folder = write(tmp_path / "pipeline", text_)
    (folder / "clean/clean.sql").write_text("SELECT id FROM raw\n")
    return folder


def test_objects_that_landed_before_have_null(data, tmp_path):
    """A column that is declared later: what landed before has no more than its name says."""
    folder = write_with_offset_alone(tmp_path)
    with Server(data, "--pipeline", folder) as server:
        old = produce(server, [{"id": n} for n in range(9)])
        nightly(data, folder)
    assert not (data / "store/origins").exists()  # offsets follow from the objects' own
    write(folder, PIPELINE)
    with Server(data, "--pipeline", folder) as server:
        new = produce(server, [{"id": n} for n in range(9, 20)])
        run("task", "nightly", "load", "--full-refresh", "--pipeline", folder, data=data)
        nightly(data, folder)
        wanted = expected(old + new)
        for each in old:
            row = wanted[json.loads(each["value"])["id"]]
            row.update({name: None for name in row if name != "offset"})
        assert found(delta(data / "store/raw")) == wanted


def test_offsets_are_exact_where_values_are_not_json(data, tmp_path):
    """`from: offset` alone: origins land only beside objects that have gaps."""
    folder = write_with_offset_alone(tmp_path)
    with Server(data, "--pipeline", folder) as server:
        sent = produce(server, [{"id": n} for n in range(30)], keys=[b"one"])
        sent += produce(server, [b"not JSON", {"id": 31}, b"not JSON", {"id": 33}], keys=[b"one"])
        nightly(data, folder)
    wanted = {id: row["offset"] for id, row in expected(sent).items()}
    assert {row["id"]: row["offset"] for row in delta(data / "store/raw")} == wanted
    objects = list((data / "store/topics").rglob("*.json"))
    origins = list((data / "store/origins").rglob("*.json"))
    assert 0 < len(origins) <= 2 < len(objects)
    lines = [json.loads(line) for path in origins for line in path.read_text().splitlines()]
    assert all(set(line) == {"offset"} for line in lines)


def test_dead_letters_have_key_and_time(data, pipeline):
    """Those of the load and of the sink, also where an earlier version made the table."""
    before = time.time() - 1
    old = pyarrow.table({
        "table": ["other"], "topic": ["t"], "partition": pyarrow.array([0], "int32"),
        "offset": [3], "object": pyarrow.array([None], "string"),
        "line": pyarrow.array([None], "int64"), "reason": ["old"], "value": ["{"],
        "timestamp": pyarrow.array([0], pyarrow.timestamp("us", "UTC")),
    })  # fmt: skip
    write_deltalake(str(data / "store/dead"), old)

    def listed():
        words = ["--format", "json", "--pipeline", pipeline]
        return json.loads(run("dead-letters", "list", *words, data=data).stdout)

    assert [(row["reason"], row["key"]) for row in listed()] == [("old", None)]
    with Server(data, "--pipeline", pipeline) as server:
        values = [{"id": "x"}, b"not JSON", {"id": 1}, {"id": "y"}, {"id": "z"}]
        sent = produce(server, values, keys=[b"a", b"b", b"c", b"\xff", None])
        nightly(data, pipeline)
        found = {(int(row["partition"]), int(row["position"])): row for row in listed()
                 if row["reason"] != "old"}  # fmt: skip
        wanted = {0: "a", 1: "b", 3: None, 4: None}
        assert len(found) == len(wanted)
        for n, key in wanted.items():
            row = found[sent[n]["partition"], sent[n]["offset"]]
            assert row["key"] == key
            at = datetime.fromisoformat(row["time"].replace("Z", "+00:00"))
            assert before < at.timestamp() < time.time() + 1
        assert "old" in {row["reason"] for row in listed()}
        ids = [row["id"] for row in listed()]
        nightly(data, pipeline)
        assert [row["id"] for row in listed()] == ids
        (letter,) = [row["id"] for row in listed() if row["key"] == "a"]
        mended = data / "mended.json"
        mended.write_text('{"id": 7}')
        run("dead-letters", "resend", letter, "--edited", mended, data=data)
        nightly(data, pipeline)
        (row,) = rows(data, pipeline, "SELECT key FROM raw WHERE id = 7")
        assert row["key"] == "a"


def test_a_large_key_of_a_dead_letter_is_cut(data, pipeline):
    """Escaped, it would be longer than a line that can be read back."""
    words = ["--set", "gateway.body_bytes_max=64MiB", "--set", "log.record_bytes_max=8MiB"]
    key = b"\x01" * (3 << 20)
    with Server(data, "--pipeline", pipeline, *words) as server:
        produce(server, [{"id": "x"}, {"id": 1}], keys=[key, key])
        nightly(data, pipeline)
        (row,) = delta(data / "store/raw")
        assert row["key"] == key.decode()
        (letter,) = delta(data / "store/dead")
        assert letter["value"] == '{"id":"x"}' and letter["key"] == key[:1 << 20].decode()
        assert letter["reason"].endswith(" (only the beginning of the key is stored)")
        listed = run("dead-letters", "list", "--format", "json", "--pipeline", pipeline, data=data)
        (id,) = [it["id"] for it in json.loads(listed.stdout)]
        mended = data / "mended.json"
        mended.write_text('{"id": 7}')
        words = ["resend", id, "--edited", mended]
        refused = run("dead-letters", *words, data=data, check=False)
        assert refused.returncode != 0
        assert "only the beginning of the record's key is kept" in refused.stdout + refused.stderr


# --- crashes and damage ---------------------------------------------------------------------------


def test_kill_9_at_any_moment(data, pipeline):
    """Each row has its own record's key, however often the server is killed, in append mode."""
    chance = random.Random(13)
    words = ["--pipeline", pipeline, "--set", "sink.rotate_interval_ms=100ms"]
    acknowledged, counter = [], iter(range(10**9))

    def send(server):
        try:
            while True:
                ids = [next(counter) for _ in range(chance.choice((1, 2, 9)))]
                values = [{"id": id} if id % 9 else b"not JSON" for id in ids]
                keys = [str(id).encode() for id in ids]
                acknowledged.extend(produce(server, values, keys=keys, headers=[None]))
        except OSError:
            pass  # it was killed

    for round_ in range(12):
        server = Server(data, *words).start()
        sender = threading.Thread(target=send, args=(server,))
        sender.start()
        loads = round_ % 3 == 2
        if loads:
            run("task", "nightly", "load", "--pipeline", pipeline, data=data)
        else:
            time.sleep(chance.uniform(0.02, 0.3))  # when the crash comes
        server.kill()
        sender.join()
    with Server(data, *words):
        nightly(data, pipeline)
    table = {row["id"]: row for row in delta(data / "store/raw")}
    assert len(table) == len(delta(data / "store/raw"))
    wanted = expected(acknowledged)
    assert wanted and set(wanted) <= set(table)  # others were not answered
    for id, row in table.items():
        assert row["key"] == str(id) and row["sent"] is not None
        assert id not in wanted or row["offset"] == wanted[id]["offset"]


def test_damage_is_found_and_can_be_loaded_around(data, pipeline):
    with Server(data, "--pipeline", pipeline) as server:
        sent = produce(server, [{"id": n} for n in range(7)], keys=[b"one"])
        run("dag", "trigger", "nightly", "--wait", "--pipeline", pipeline, data=data)
        sent += produce(server, [{"id": n} for n in range(7, 14)], keys=[b"one"])
        run("sink", "flush", data=data, check=False)
        deadline = time.monotonic() + 60
        while len(paths := sorted((data / "store/origins").rglob("*.json"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    path = paths[1]
    whole = path.read_bytes()
    lines = whole.splitlines(True)
    damages = {
        "it ends": b"".join(lines[:-1]),
        "one line too many": whole + lines[0],
        "something else": whole.replace(b'"offset"', b'"0ffset"', 1),
        "checksum": whole.replace(b'"key":"one"', b'"key":"two"', 1),
    }
    for said, damage in damages.items():
        path.write_bytes(damage)
        failed = run("task", "nightly", "load", "--pipeline", pipeline, data=data, check=False)
        assert failed.returncode != 0
        assert path.name in failed.stderr and said in failed.stderr, failed.stderr
        assert len(delta(data / "store/raw")) == 7
    path.unlink()
    run("task", "nightly", "load", "--pipeline", pipeline, data=data)
    table = {row["id"]: row for row in delta(data / "store/raw")}
    assert [table[n]["key"] for n in (0, 6, 7, 13)] == ["one", "one", None, None]
    assert [table[n]["offset"] for n in range(14)] == list(range(14))


# --- a bucket -------------------------------------------------------------------------------------


def test_a_bucket_keeps_origins_and_copies_do(s3, data, pipeline, tmp_path):  # noqa: F811
    words = settings(s3.url, "origins")
    with Server(data, "--pipeline", pipeline, *words, env=KEYS) as server:
        sent = produce(server, [b"not JSON" if n % 11 == 5 else {"id": n} for n in range(40)])
        nightly(data, pipeline, *words, env=KEYS)
    asked = 'SELECT id, key, "offset" FROM raw ORDER BY id'
    wanted = [{"id": id, "key": row["key"], "offset": row["offset"]}
              for id, row in sorted(expected(sent).items())]  # fmt: skip
    assert rows(data, pipeline, asked, *words, env=KEYS) == wanted
    back = tmp_path / "back"
    run("store", "copy", words[1].removeprefix("store.url="), "local", *words[2:],
        "--pipeline", pipeline, data=back, env=KEYS)  # fmt: skip
    run("task", "nightly", "load", "--full-refresh", "--pipeline", pipeline, data=back)
    assert rows(back, pipeline, asked) == wanted
