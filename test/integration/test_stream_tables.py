"""The stream path from the request to the table: every form of data, dead letters, resharding,
two processors, `stream process` and `stream lag`; and the same rows as the batch path's."""

import base64
import json
import time
from collections import Counter

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator

from contract import CLEAN, SCHEMAS, UID, delta, post, run_dag
from pinion import Server, run
from readers import rows_by_delta_rs, rows_by_duckdb, rows_by_spark, spark_session
from streams import (
    LETTERS, PATHS, STREAMS, await_rows, await_started, count, encoded, kinesis, lag, letters,
    pipeline_from_the_oldest, put, put_many, rows, table,
)  # fmt: skip

PIN = {
    "index": 1, "unique_id": "a-b", "title": "Décor \U0001f384 / \"x\"", "description": "d\nd",
    "poster_name": "p", "follower_count": "1.2M", "tag_list": "a,b", "is_image_or_video": "image",
    "image_src": "Image src error.", "downloaded": 1, "save_location": "Local save in /data/x",
    "category": "art",
}  # fmt: skip


STATUS_SECONDS_MAX = 60


def counts_of(server, kind):
    status = json.loads(server.request("GET", "/api/v1/streams")[1])["tables"]
    (found,) = [each for each in status if each["stream"] == STREAMS[kind]]
    return found["rows"], found["dead_letters"], found["state"]


def by_key(found):
    keyed = {row["ind"]: row for row in found}
    assert len(keyed) == len(found), "a key is there twice"
    return keyed


def in_lines(row):
    """Base64 as MIME has it: a line break after each 76 characters, and at the end."""
    return base64.encodebytes(json.dumps(row).encode()).decode()


# --- what arrives ---------------------------------------------------------------------------------


def test_every_form_of_data_arrives(server, data):
    await_started(data)
    forms = [
        lambda row: row,
        encoded,
        json.dumps,
        lambda row: {"value": row},
        lambda row: [{"value": row}],
        lambda row: json.dumps([{"value": row}]),
        lambda row: encoded({"value": row}),
        in_lines,
    ]
    sent = []
    for number, form in enumerate(forms):
        row = {**PIN, "index": number}
        put(server.url, "pin", form(row), stage=("/test", "/dev", "")[number % 3])
        sent.append(row)
    several = [{**PIN, "index": number} for number in range(100, 110)]
    put(server.url, "pin", [{"value": row} for row in several])
    client = kinesis(server.url)
    by_sdk = {**PIN, "index": 200}
    client.put_record(
        StreamName=STREAMS["pin"], Data=json.dumps(by_sdk).encode(), PartitionKey="test_pin"
    )
    by_shell = {**PIN, "index": 201}
    client.put_record(
        StreamName=STREAMS["pin"], Data=in_lines(by_shell).encode(), PartitionKey="test_pin"
    )
    put_many(client, "geo", [{"ind": 1, "latitude": 1, "longitude": 2.5, "country": "Perú",
                              "timestamp": "2018-09-03 07:12:45"}])  # fmt: skip
    put_many(client, "pin", [{**PIN, "index": 999}], key="another")
    expected = sent + several + [by_sdk, by_shell]
    await_rows(data, "pin", len(expected))
    await_rows(data, "geo", 1)
    assert by_key(rows(data, "pin")) == {row["index"]: CLEAN["pin"](row) for row in expected}
    found = table(data, PATHS["pin"]).to_pyarrow_table()
    fields = [(field.name, field.type) for field in found.schema]
    assert fields == SCHEMAS["transformed/pin"]
    assert letters(data) == []


def test_what_is_no_row_becomes_a_dead_letter(server, data):
    await_started(data)
    bad = [
        "", "hello", 7, [], ["x"], {"title": "no key"}, {"index": "x"}, "eyJhIjo=", None,
        [{"value": {"index": "y"}}],
    ]  # fmt: skip
    told = [put(server.url, "pin", value) for value in bad]
    client = kinesis(server.url)
    answer = client.put_record(
        StreamName=STREAMS["pin"], Data=b"\xff\xfe{", PartitionKey="test_pin"
    )
    told.append((answer["ShardId"], answer["SequenceNumber"]))
    put(server.url, "pin", PIN)
    await_rows(data, "pin", 1)
    await_rows(data, "letters", len(told), path=LETTERS)
    found = letters(data)
    assert Counter((row["shard"], row["sequence_number"]) for row in found) == Counter(told)
    assert all(row["stream"] == STREAMS["pin"] and row["reason"] for row in found)
    # The table tells of a commit before the status does.
    deadline = time.monotonic() + STATUS_SECONDS_MAX
    while (counted := counts_of(server, "pin")) != (1, len(told), "running"):
        assert time.monotonic() < deadline, counted
        time.sleep(0.02)


def aggregate(user_records):
    """What the aggregation library of AWS makes of (partition key, row) pairs: key and data."""
    aggregator = RecordAggregator()
    for key, row in user_records:
        assert aggregator.add_user_record(key, json.dumps(row).encode()) is None
    key, _, data = aggregator.clear_and_get().get_contents()
    return {"PartitionKey": key, "Data": data}


def test_kpl_aggregates_are_taken_apart(server, data):
    await_started(data)
    client = kinesis(server.url)
    good = [{**PIN, "index": number} for number in range(10)]
    packed = aggregate([("test_pin", row) for row in good])
    told = client.put_record(StreamName=STREAMS["pin"], **packed)
    await_rows(data, "pin", 10)
    assert by_key(rows(data, "pin")) == {row["index"]: CLEAN["pin"](row) for row in good}
    # GetRecords gives what was put.
    iterator = client.get_shard_iterator(
        StreamName=STREAMS["pin"], ShardId=told["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    (stored,) = client.get_records(ShardIterator=iterator)["Records"]
    assert stored["Data"] == packed["Data"]
    # The key of a user record counts, not that of the aggregate; bad ones are reported one by one.
    mixed = [
        ("test_pin", {"index": "x"}), ("other", {"index": 77}), ("test_pin", {**PIN, "index": 20}),
    ]  # fmt: skip
    told = client.put_record(StreamName=STREAMS["pin"], **aggregate(mixed))
    broken = bytearray(packed["Data"])
    broken[-1] ^= 1
    client.put_record(StreamName=STREAMS["pin"], Data=bytes(broken), PartitionKey="test_pin")
    await_rows(data, "pin", 11)
    await_rows(data, "letters", 2, path=LETTERS)
    found = {row["sequence_number"]: row for row in letters(data)}
    letter = found.pop(told["SequenceNumber"])
    assert letter["reason"].startswith("sub-sequence number 0: column 'index': expected")
    assert (letter["data"], letter["partition_key"]) == ('{"index": "x"}', "test_pin")
    (letter,) = found.values()
    assert "looks like a KPL aggregate (F3 89 9A C2)" in letter["reason"]
    assert base64.b64decode(letter["data"]) == bytes(broken)


def test_a_user_record_of_another_shard(server, data):
    """An explicit hash key puts the aggregate into the shard that its records are not for."""
    await_started(data)
    client = kinesis(server.url)
    told = client.put_record(
        StreamName=STREAMS["pin"], Data=json.dumps(PIN).encode(), PartitionKey="test_pin"
    )
    other = "0" if told["ShardId"].endswith("1") else str(2**128 - 1)
    packed = aggregate([("test_pin", {**PIN, "index": 2})])
    told = client.put_record(StreamName=STREAMS["pin"], ExplicitHashKey=other, **packed)
    await_rows(data, "letters", 1, path=LETTERS)
    (letter,) = letters(data)
    assert letter["sequence_number"] == told["SequenceNumber"]
    assert "another shard's" in letter["reason"]
    await_rows(data, "pin", 1)


def generated(folder, number):
    """Records of the built-in generator, with every anomaly, by kind."""
    run("emulate", "batch", "--rows", number, "--seed", 7, "--to", "jsonl", folder)
    return {
        kind: [json.loads(line) for line in (folder / f"{kind}.json").read_text().splitlines()]
        for kind in STREAMS
    }


def test_stream_rows_equal_batch_rows(data, tmp_path):
    records = generated(tmp_path / "generated", 2000)
    with Server(data) as server:
        await_started(data)
        client = kinesis(server.url)
        for kind, values in records.items():
            post(server.url, kind, values)
            put_many(client, kind, values)
        for kind, values in records.items():
            await_rows(data, kind, len(values))
        run_dag(data)
    for kind in records:
        def order(found):
            return sorted(found, key=lambda row: json.dumps(row, default=str, sort_keys=True))

        batch = order(delta(data, f"transformed/{kind}").to_pylist())
        assert order(rows(data, kind)) == batch
        assert Counter(row["ind"] for row in batch) == Counter(
            next(value[name] for name in ("index", "ind") if name in value)
            for value in records[kind]
        )


@pytest.mark.timeout(600)
def test_every_reader_reads_the_same(server, data):
    await_started(data)
    client = kinesis(server.url)
    for start in range(0, 300, 100):
        put_many(client, "user", [
            {"ind": number, "first_name": "A", "last_name": "é", "age": 20,
             "date_joined": "2017-01-01T00:00:00"} for number in range(start, start + 100)
        ])  # fmt: skip
        await_rows(data, "user", start + 100)
    path = data / "store" / PATHS["user"]
    found = rows_by_delta_rs(path)
    assert [row["ind"] for row in sorted(found, key=lambda row: row["ind"])] == list(range(300))
    assert rows_by_duckdb(path) == found
    with spark_session() as spark:
        assert rows_by_spark(spark, path) == found


# --- processors -----------------------------------------------------------------------------------


def test_once_drains_and_ends(data, tmp_path):
    pipeline = pipeline_from_the_oldest(tmp_path)
    with Server(data, "--pipeline", pipeline, "--roles", "gateway") as server:
        put_many(kinesis(server.url), "pin", [{**PIN, "index": n} for n in range(1500)])
        assert count(data, PATHS["pin"]) == 0
        # Beside the server, through it.
        run("stream", "process", "--once", "--pipeline", pipeline, data=data)
        assert count(data, PATHS["pin"]) == 1500
        put_many(kinesis(server.url), "pin", [{**PIN, "index": n} for n in range(1500, 2500)])
        kinesis(server.url).put_record(StreamName=STREAMS["pin"], Data=b"{}", PartitionKey="other")
    # Without it, on the log itself.
    done = run("stream", "process", "--once", STREAMS["pin"], "--pipeline", pipeline, data=data)
    assert "stream_pin: 1,000 rows, 0 dead letters, 1 skipped (other" in done.stderr
    assert sorted(row["ind"] for row in rows(data, "pin")) == list(range(2500))
    run("stream", "process", "--once", "--pipeline", pipeline, data=data)
    assert count(data, PATHS["pin"]) == 2500
    refused = run("stream", "process", "--once", "nothing", data=data, check=False)
    assert refused.returncode == 1 and "has no stream 'nothing'" in refused.stderr


def test_two_processors_on_the_same_tables(data, tmp_path, processors):
    pipeline = pipeline_from_the_oldest(tmp_path)
    with Server(data, "--pipeline", pipeline) as server:
        await_started(data)
        other = processors.start("--pipeline", pipeline)
        client = kinesis(server.url)
        for start in range(0, 3000, 100):
            put_many(client, "pin", [{**PIN, "index": n} for n in range(start, start + 100)])
            put(server.url, "pin", f"no row {start}")
        await_rows(data, "pin", 3000)
        await_rows(data, "letters", 30, path=LETTERS)
        processors.stop(other)
    assert sorted(row["ind"] for row in rows(data, "pin")) == list(range(3000))


def test_a_processor_finds_the_server_again(data, tmp_path, processors):
    pipeline = pipeline_from_the_oldest(tmp_path)
    args = ("--pipeline", pipeline, "--roles", "gateway")
    with Server(data, *args) as server:
        process = processors.start("--pipeline", pipeline)
        put(server.url, "pin", PIN)
        await_rows(data, "pin", 1)
    with Server(data, *args) as server:  # at another port
        put(server.url, "pin", {**PIN, "index": 2})
        await_rows(data, "pin", 2)
        processors.stop(process)


def test_resharding_keeps_every_record_and_its_order(server, data):
    await_started(data)
    client = kinesis(server.url)
    name = STREAMS["geo"]
    sent = 0
    for target in (4, 2, 3, 2, 4):
        client.update_shard_count(
            StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )
        client.get_waiter("stream_exists").wait(StreamName=name)
        values = [{"ind": n, "country": "x"} for n in range(sent, sent + 200)]
        put_many(client, "geo", values)
        sent += len(values)
    await_rows(data, "geo", sent)
    assert sorted(row["ind"] for row in rows(data, "geo")) == list(range(sent))


def test_a_stream_made_again_is_read_from_its_start(server, data):
    await_started(data)
    client = kinesis(server.url)
    name = STREAMS["user"]
    put(server.url, "user", {"ind": 1, "first_name": "a", "last_name": "b"})
    await_rows(data, "user", 1)
    client.delete_stream(StreamName=name)
    client.create_stream(StreamName=name, ShardCount=1)
    client.get_waiter("stream_exists").wait(StreamName=name)
    put(server.url, "user", {"ind": 2, "first_name": "a", "last_name": "b"})
    await_rows(data, "user", 2)


def await_health(server, good):
    deadline = time.monotonic() + 60
    while not good(health := json.loads(server.request("GET", "/health")[1])):
        assert time.monotonic() < deadline, health
        time.sleep(0.05)
    return health


def test_health_names_what_is_not_filled(server, data):
    await_started(data)
    await_health(server, lambda health: health["status"] == "ok")
    log = data / "store" / PATHS["geo"] / "_delta_log"
    (log / f"{len(list(log.glob('*.json'))):020}.json").write_text("no action\n")
    put(server.url, "geo", {"ind": 1})
    health = await_health(server, lambda health: health["stalled_tables"])
    assert health["status"] == "degraded"
    (stalled,) = health["stalled_tables"]
    assert (stalled["stream"], stalled["state"]) == (STREAMS["geo"], "failed")
    assert f"{PATHS['geo']}/_delta_log" in stalled["reason"]
    kinesis(server.url).delete_stream(StreamName=STREAMS["pin"])
    health = await_health(server, lambda health: len(health["stalled_tables"]) == 2)
    assert {table["stream"] for table in health["stalled_tables"]} == {
        STREAMS["geo"], STREAMS["pin"],
    }  # fmt: skip
    kinesis(server.url).create_stream(StreamName=STREAMS["pin"], ShardCount=1)
    await_health(server, lambda health: len(health["stalled_tables"]) == 1)


def test_a_column_under_another_name_stops_the_stream(data, tmp_path):
    """It says why; what is in the table is read; the old name lets it continue."""
    pipeline = pipeline_from_the_oldest(tmp_path)
    with Server(data, "--pipeline", pipeline) as server:
        put(server.url, "user", {"ind": 1, "first_name": "a", "last_name": "b"})
        await_rows(data, "user", 1)
    files = [pipeline / "pipeline.yml", pipeline / "clean/user.sql"]
    texts = [file.read_text() for file in files]
    for file, text in zip(files, texts, strict=True):
        assert "user_name" in text
        file.write_text(text.replace("user_name", "full_name"))

    def ask(sql):
        done = run("query", sql, "--pipeline", pipeline, "--format", "json", data=data)
        return json.loads(done.stdout)

    with Server(data, "--pipeline", pipeline) as server:
        put(server.url, "user", {"ind": 2, "first_name": "c", "last_name": "d"})
        health = await_health(server, lambda health: health["stalled_tables"])
        (stalled,) = health["stalled_tables"]
        assert (stalled["table"], stalled["state"]) == ("stream_user", "failed")
        for word in ("'stream_user'", PATHS["user"], "'user_name'", "'full_name'", "'user'"):
            assert word in stalled["reason"]
        assert "cannot get another name where rows are added" in stalled["reason"]
        assert ask("SELECT ind, full_name FROM stream_user") == [{"ind": 1, "full_name": None}]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    with Server(data, "--pipeline", pipeline) as server:
        await_rows(data, "user", 2)
        assert ask("SELECT ind, user_name FROM stream_user ORDER BY ind") == [
            {"ind": 1, "user_name": "ab"}, {"ind": 2, "user_name": "cd"}]  # fmt: skip
        await_health(server, lambda health: health["status"] == "ok")


def test_health_names_what_does_not_land(server, data):
    topic = f"{UID}.pin"
    (data / "store/topics").mkdir(parents=True)
    in_the_way = data / "store/topics" / topic
    in_the_way.write_text("")
    post(server.url, "pin", [{"index": 1}])
    server.request("POST", "/api/v1/sink/flush")
    health = await_health(server, lambda health: health["stalled_landings"])
    assert health["status"] == "degraded"
    (stalled,) = health["stalled_landings"]
    assert (stalled["topic"], stalled["partition"]) == (topic, 0)
    assert f"topics/{topic}" in stalled["reason"]
    in_the_way.unlink()
    assert server.request("POST", "/api/v1/sink/flush")[0] == 200
    await_health(server, lambda health: health["status"] == "ok")


def test_roles_leave_processors_out(data):
    with Server(data, "--roles", "gateway,sink,scheduler") as server:
        status, body, _ = server.request("GET", "/api/v1/streams")
        assert (status, json.loads(body)) == (200, {"tables": []})
        put(server.url, "pin", PIN)
    assert count(data, PATHS["pin"]) == 0
    refused = run("serve", "--roles", "gateway,cook", data=data, check=False)
    assert refused.returncode == 2 and "cook" in refused.stderr


# --- lag, notes -----------------------------------------------------------------------------------


def test_lag_with_and_without_a_server(data, tmp_path):
    pipeline = pipeline_from_the_oldest(tmp_path)
    more = ("--pipeline", pipeline)
    with Server(data, *more, "--roles", "gateway") as server:
        put(server.url, "pin", PIN)
        run("stream", "process", "--once", *more, data=data)
        put(server.url, "pin", {**PIN, "index": 2})
        put(server.url, "pin", {**PIN, "index": 3})
        beside = lag(data, STREAMS["pin"], *more)
    without = lag(data, STREAMS["pin"], *more)
    for found in (beside, without):
        assert {row["shard"] for row in found} == {"shardId-000000000000", "shardId-000000000001"}
        assert sum(row["lag"] for row in found) == 2
        (behind,) = [row for row in found if row["lag"]]
        assert (behind["position"], behind["end"], behind["table"]) == (1, 3, "stream_pin")
        assert behind["lag_ms"] >= 0
    assert {row["stream"] for row in lag(data, *more)} == set(STREAMS.values())
    nowhere = run("stream", "lag", data=data / "nowhere", check=False)
    assert nowhere.returncode == 1 and "no data folder" in nowhere.stderr


def test_notes_say_where_each_shard_is(server, data):
    await_started(data)
    shard, sequence = put(server.url, "pin", PIN)
    await_rows(data, "pin", 1)
    note = data / "store/test_streaming_delta_tables/checkpoints/pin" / f"{shard}.json"
    deadline = time.monotonic() + 30
    while not (note.exists() and json.loads(note.read_text())["sequence_number"] == sequence):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    found = json.loads(note.read_text())
    assert (found["stream"], found["shard"], found["next_offset"]) == (STREAMS["pin"], shard, 1)
    assert found["table_version"] == table(data, PATHS["pin"]).version()
