"""Columns that say where a row came from (`from:`): topic, partition and offset of records that
land, and what a stream knows, through raw tables to clean ones."""

import base64
import json

import pytest
from deltalake import DeltaTable

import polars
from elsewhere import Elsewhere, Stream, Worker, until
from kinesis import client
from pinion import Failed, Server, query, run
from readers import rows_by_duckdb

TOPIC = "shop.orders"

PIPELINE = """
name: shop
topics:
  shop.orders: {partitions: 2}
  "*.parts": {partitions: 1}
dead_letters: dead
tables:
  raw:
    path: raw
    from_topic: shop.orders
    unknown_keys: keep
    columns:
      id: {type: bigint, required: true}
      topic: {type: string, from: topic}
      place: {type: int, from: partition}
      "offset": {type: bigint, from: offset}
  log:
    path: log
    from_topic: shop.orders
    mode: append
    partition_by: place
    expect:
      - {not_null: position, action: warn}
    columns:
      id: {type: bigint, required: true}
      place: {type: bigint, from: partition}
      position: {type: bigint, from: [offset]}
  newest:
    path: newest
    from_topic: shop.orders
    mode: merge
    key: id
    order_by: position
    columns:
      id: {type: bigint, required: true}
      text: string
      position: {type: bigint, from: offset}
  parts:
    path: parts
    from_topic: "*.parts"
    columns: {n: bigint, topic: {type: string, from: topic}, at: {type: bigint, from: offset}}
  clean:
    path: clean
    sql: clean/clean.sql
    reads: [raw]
    columns: {id: bigint, topic: string, place: int, "offset": bigint}
dags:
  nightly:
    tasks:
      load: {run: load, tables: [raw, log, newest, parts]}
      clean: {run: transform, tables: [clean], after: [load]}
  one:
    tasks:
      raw: {run: load, tables: [raw]}
      log: {run: load, tables: [log]}
settings:
  sink: {flush_size: 7}
"""


@pytest.fixture
def pipeline(tmp_path):
    folder = tmp_path / "pipeline"
    (folder / "clean").mkdir(parents=True)
    (folder / "pipeline.yml").write_text(PIPELINE)
    (folder / "clean/clean.sql").write_text('SELECT id, topic, place, "offset" FROM raw\n')
    return folder


def nightly(data, pipeline):
    run("dag", "trigger", "nightly", "--wait", "--pipeline", pipeline, data=data)


def rows(data, pipeline, sql):
    done = run("query", sql, "--format", "json", "--pipeline", pipeline, data=data)
    return json.loads(done.stdout)


def produce(server, topic, values, **more):
    """The values, some of them bytes that are not JSON; gives the place of each."""
    records = [
        {"value": base64.b64encode(v if isinstance(v, bytes) else json.dumps(v).encode()).decode(),
         **more}
        for v in values
    ]  # fmt: skip
    kind = {"Content-Type": "application/vnd.kafka.binary.v2+json"}
    status, answer, _ = server.request("POST", f"/topics/{topic}", {"records": records}, kind)
    assert status == 200, answer
    return [(each["partition"], each["offset"]) for each in json.loads(answer)["offsets"]]


def load(server, count):
    """Rows, two of them in one record now and then, among values that are none."""
    wanted = []
    for n in range(count):
        values = [{"id": n}] if n % 5 else [[{"id": n}, {"id": n + 1000}]]
        values += [b"not JSON"] * (n % 3 == 0) + [{"id": "no number"}] * (n % 7 == 0)
        places = produce(server, TOPIC, values)
        wanted += [(n, *places[0])] + ([(n + 1000, *places[0])] if n % 5 == 0 else [])
    return sorted(wanted)


def test_rows_have_the_place_that_the_log_gave_their_record(data, pipeline):
    with Server(data, "--pipeline", pipeline) as server:
        wanted = load(server, 60)
        nightly(data, pipeline)
        wanted = sorted(wanted + load(server, 9))
        nightly(data, pipeline)
    for table in ("raw", "clean"):
        found = DeltaTable(str(data / "store" / table)).to_pyarrow_table().to_pylist()
        assert {row["topic"] for row in found} == {TOPIC}
        assert sorted((r["id"], r["place"], r["offset"]) for r in found) == wanted
    appended = polars.read_delta(str(data / "store/log")).select("id", "place", "position")
    assert sorted(appended.rows()) == wanted
    assert DeltaTable(str(data / "store/log")).metadata().partition_columns == ["place"]
    by_duckdb = rows_by_duckdb(data / "store/clean")
    assert sorted((r["id"], r["place"], r["offset"]) for r in by_duckdb) == wanted
    last = {}  # of an id, whatever partitions its records are in
    for number, _, offset in wanted:
        last[number] = max(offset, last.get(number, -1))
    found = rows(data, pipeline, "SELECT id, position FROM newest")
    assert {row["id"]: row["position"] for row in found} == last
    letters = rows(data, pipeline, "SELECT partition, \"offset\" FROM dead_letters "
                   "WHERE \"table\" = 'raw' AND value LIKE '%no number%'")  # fmt: skip
    assert len(letters) == 9 + 2
    assert not {(row["partition"], row["offset"]) for row in letters} & {w[1:] for w in wanted}


def test_the_newest_record_of_a_key_wins_by_its_offset(data, pipeline):
    with Server(data, "--pipeline", pipeline) as server:
        for text in ("a", "b", "c"):
            produce(server, TOPIC, [{"id": 1, "text": text}], partition=1)
        nightly(data, pipeline)
        assert rows(data, pipeline, "SELECT text, position FROM newest") == [
            {"text": "c", "position": 2}
        ]
        produce(server, TOPIC, [{"id": 1, "text": "d"}], partition=1)
        nightly(data, pipeline)
        assert rows(data, pipeline, "SELECT text, position FROM newest") == [
            {"text": "d", "position": 3}
        ]


def test_a_pattern_of_topics_names_each(data, pipeline):
    with Server(data, "--pipeline", pipeline) as server:
        for n, topic in enumerate(["a.parts", "b.parts", "b.parts"]):
            produce(server, topic, [{"n": n}])
        nightly(data, pipeline)
        assert rows(data, pipeline, "SELECT * FROM parts ORDER BY n") == [
            {"n": 0, "topic": "a.parts", "at": 0},
            {"n": 1, "topic": "b.parts", "at": 0},
            {"n": 2, "topic": "b.parts", "at": 1},
        ]


def test_a_member_of_that_name_is_not_taken(data, pipeline):
    """A producer cannot say where its record came from."""
    with Server(data, "--pipeline", pipeline) as server:
        produce(server, TOPIC, [{"offset": 99, "id": 1, "topic": "forged", "place": 7}])
        nightly(data, pipeline)
        (row,) = rows(data, pipeline, "SELECT * FROM raw")
        assert (row["topic"], row["offset"], row["place"] in (0, 1)) == (TOPIC, 0, True)
        assert json.loads(row["_unknown"]) == {"offset": 99, "topic": "forged", "place": 7}


def test_large_objects_are_one_range(data, pipeline):
    """An object of more than a thread's range: lines are counted from its beginning."""
    with Server(data, "--pipeline", pipeline, "--set", "sink.flush_size=100000") as server:
        text = "x" * 20000
        for start in range(0, 600, 100):
            values = [{"id": n, "text": text} for n in range(start, start + 100)]
            produce(server, TOPIC, [b"not JSON", *values], partition=0)
        nightly(data, pipeline)
        (path,) = (data / "store/topics" / TOPIC).rglob("*.json")
        assert path.stat().st_size > 2 * (4 << 20)
        wrong = 'SELECT count(*) AS n FROM raw WHERE "offset" != id + 1 + id // 100'
        assert rows(data, pipeline, wrong) == [{"n": 0}]
        assert rows(data, pipeline, 'SELECT count("offset") AS n FROM raw') == [{"n": 600}]


def test_what_is_not_known_is_null(data, pipeline, tmp_path):
    """Objects that another program landed, and files of a folder."""
    folder = data / f"store/topics/{TOPIC}/partition=1"
    folder.mkdir(parents=True)
    (folder / f"{TOPIC}+1+0000000005.json").write_text('{"id":1}\n')
    run("task", "one", "raw", "--pipeline", pipeline, data=data)
    assert rows(data, pipeline, 'SELECT topic, place, "offset" FROM raw') == [
        {"topic": TOPIC, "place": 1, "offset": None}
    ]
    files = tmp_path / "files"
    files.mkdir()
    for name in ("raw", "log", "newest", "parts"):
        (files / f"{name}.jsonl").write_text('{"id":2}\n' if name != "parts" else '{"n":2}\n')
    elsewhere = tmp_path / "elsewhere"
    run("batch", "--from", files, "--pipeline", pipeline, data=elsewhere)
    assert rows(elsewhere, pipeline, 'SELECT topic, place, "offset" FROM raw') == [
        {"topic": TOPIC, "place": None, "offset": None}
    ]


def test_an_import_has_what_its_file_has(data, pipeline, tmp_path):
    """Rows that were exported come back with where they once came from; others have null."""
    text = PIPELINE.replace("unknown_keys: keep", "mode: append")
    (pipeline / "pipeline.yml").write_text(text)
    with Server(data, "--pipeline", pipeline) as server:
        wanted = load(server, 5)
        nightly(data, pipeline)
    for kind in ("csv", "jsonl", "parquet"):
        path = tmp_path / f"raw.{kind}"
        run("export", "raw", "--output", path, "--pipeline", pipeline, data=data)
        other = tmp_path / kind
        run("import", "raw", path, "--pipeline", pipeline, data=other)
        found = rows(other, pipeline, "SELECT * FROM raw")
        assert sorted((r["id"], r["place"], r["offset"]) for r in found) == wanted, kind
    for kind, text in (("csv", "id\n7\n"), ("jsonl", '{"id":7}\n')):
        path = tmp_path / f"plain.{kind}"
        path.write_text(text)
        run("import", "raw", path, "--pipeline", pipeline, data=tmp_path / f"plain-{kind}")
        (row,) = rows(tmp_path / f"plain-{kind}", pipeline, "SELECT * FROM raw")
        assert (row["id"], row["topic"], row["place"], row["offset"]) == (7, None, None, None)


def test_a_topic_gives_imported_records_places_of_its_own(data, pipeline, tmp_path):
    path = tmp_path / "rows.csv"
    with Server(data, "--pipeline", pipeline):
        path.write_text("id,offset\n7,99\n")
        refused = run("import", TOPIC, path, "--pipeline", pipeline, data=data, check=False)
        assert refused.returncode != 0 and "has no column 'offset'" in refused.stderr
        run("import", TOPIC, path, "--extra-columns", "drop", "--pipeline", pipeline, data=data)
        path.write_text("8\n")
        run("import", TOPIC, path, "--no-header", "--pipeline", pipeline, data=data)
        nightly(data, pipeline)
        found = rows(data, pipeline, 'SELECT id, place, "offset" FROM raw ORDER BY id')
        assert [row["id"] for row in found] == [7, 8]
        offsets = [0, found[0]["place"] == found[1]["place"]]  # the first of each partition is 0
        assert [row["offset"] for row in found] == offsets


def test_another_origin_needs_a_full_refresh(data, pipeline):
    definition = pipeline / "pipeline.yml"
    with Server(data, "--pipeline", pipeline) as server:
        produce(server, TOPIC, [{"id": 1}], partition=1)
        nightly(data, pipeline)
    definition.write_text(PIPELINE.replace("from: [offset]", "from: partition"))
    refused = run("task", "one", "log", "--pipeline", pipeline,
                  data=data, check=False)  # fmt: skip
    assert refused.returncode != 0 and "--full-refresh" in refused.stderr
    run("task", "one", "log", "--full-refresh", "--pipeline", pipeline,
        data=data)  # fmt: skip
    assert rows(data, pipeline, "SELECT place, position FROM log") == [{"place": 1, "position": 1}]


def test_a_new_column_with_an_origin_is_null_for_the_rows_that_there_are(data, pipeline, tmp_path):
    """Also for imported rows, which no full refresh brings back."""
    definition = pipeline / "pipeline.yml"
    old = "position: {type: bigint, from: [offset]}\n"
    changes = ("source: {type: string, from: file}", "told: {type: timestamp, from: timestamp}")
    path = tmp_path / "rows.csv"
    path.write_text("id,place,position\n7,,\n")
    text = PIPELINE.replace("    expect:\n      - {not_null: position, action: warn}\n", "")
    definition.write_text(text)
    with Server(data, "--pipeline", pipeline) as server:
        produce(server, TOPIC, [{"id": 1}], partition=1)
        nightly(data, pipeline)
    run("import", "log", path, "--pipeline", pipeline, data=data)
    for number, column in enumerate(changes, 2):
        text = text.replace(old, f"{old}      {column}\n", 1)
        definition.write_text(text)
        said = run("pipeline", "diff", pipeline, "--format", "json", data=data).stdout
        (row,) = json.loads(said)
        assert (row["change"], row["refused"]) == ("added", False)
        if number == 2:  # an import before the load brings the column, too
            path.write_text("id,place,position\n8,,\n")
            run("import", "log", path, "--pipeline", pipeline, data=data)
        with Server(data, "--pipeline", pipeline) as server:
            produce(server, TOPIC, [{"id": number}], partition=1)
            nightly(data, pipeline)
    found = rows(data, pipeline, "SELECT id, source, told IS NULL AS late FROM log")
    assert sorted((row["id"], row["source"], row["late"]) for row in found) == [
        (1, None, True), (2, None, True), (3, None, False), (7, None, True), (8, str(path), True),
    ]  # fmt: skip
    changed = text.replace("timestamp, from: timestamp", "string, from: key")
    definition.write_text(changed.replace(old, f"{old}      more: string\n", 1))
    said = run("pipeline", "diff", pipeline, "--format", "json", data=data).stdout
    # What comes with a definition that is refused is refused, too.
    assert [(row["change"], row["column"], row["refused"]) for row in json.loads(said)] == [
        ("definition", None, True), ("added", "more", True), ("type", "told", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "column, said",
    [
        ("{type: bigint, from: ofset}", 'unknown word "ofset"; did you mean "offset"?'),
        ("{type: string, from: offset}", '"offset" does not fit a column of type string: use '
                                         "bigint"),
        ("{type: int, from: shard}", '"shard" does not fit a column of type int: use string'),
        ("{type: bigint, from: [offset, partition]}", '"offset" and "partition" are both of a '
                                                      "topic"),
        ("{type: bigint, from: file}", '"file" does not fit a column of type bigint: use string'),
        ("{type: bigint, from: []}", "the list is empty"),
        ("{type: bigint, from: [~]}", "must be a value"),
        ("{type: bigint, from: {a: b}}", "from"),
        ("{type: bigint, from: offset, required: true}", 'required: does not go with "from"'),
        ("{type: bigint, from: offset, aliases: [o]}", 'aliases: does not go with "from"'),
        ("{type: bigint, from: offset, coerce: lenient}", 'coerce: does not go with "from"'),
    ],
)  # fmt: skip
def test_a_mistake_is_a_line(pipeline, column, said):
    text = PIPELINE.replace("{type: bigint, from: [offset]}", column)
    assert text != PIPELINE
    (pipeline / "pipeline.yml").write_text(text)
    line = 1 + text[: text.index(column)].count("\n")
    done = run("pipeline", "check", pipeline, check=False)
    assert done.returncode != 0
    (message,) = done.stderr.strip().splitlines()
    assert f"pipeline.yml:{line}:" in message and said in message, message


def test_only_raw_tables_have_origins(pipeline):
    text = PIPELINE.replace('place: int, "offset": bigint}',
                            'place: int, "offset": {type: bigint, from: offset}}')  # fmt: skip
    (pipeline / "pipeline.yml").write_text(text)
    done = run("pipeline", "check", pipeline, check=False)
    assert "from: is only allowed for columns of a raw table" in done.stderr


def test_rows_of_files_have_no_origins(pipeline):
    (pipeline / "pipeline.yml").write_text(PIPELINE.replace('from_topic: "*.parts"',
                                                            'from_files: "in/*.json"'))  # fmt: skip
    done = run("pipeline", "check", pipeline, check=False)
    said = "columns.topic.from: a table with from_files has rows of files alone: use file"
    assert said in done.stderr


def test_what_shows_a_pipeline_shows_origins(pipeline):
    shown = run("pipeline", "show", pipeline).stdout
    assert "- place int (from partition)\n" in shown
    document = json.loads(run("pipeline", "show", pipeline, "--format", "json").stdout)
    (raw,) = [table for table in document["tables"] if table["name"] == "raw"]
    assert raw["from"] == {"topic": ["topic"], "place": ["partition"], "offset": ["offset"]}


def test_spark_refuses_by_name(pipeline):
    done = run("pipeline", "check", pipeline, "--set", "engine.kind=spark", check=False)
    assert done.returncode != 0
    assert "column 'topic' of table 'raw' has `from`" in done.stderr


# --- streams --------------------------------------------------------------------------------------

STREAMING = """
name: streaming
topics:
  web: {partitions: 1}
streams:
  web: {shards: 2, start: trim_horizon, table: live}
stream_dead_letters: letters
tables:
  raw:
    path: raw
    from_topic: web
    columns:
      n: {type: bigint, required: true}
      place: {type: string, from: [topic, stream]}
      shard: {type: string, from: shard}
      number: {type: string, from: sequence_number}
      key: {type: string, from: partition_key}
      arrived: {type: timestamp, from: arrival}
      position: {type: bigint, from: offset}
  clean:
    path: clean
    sql: clean/clean.sql
    reads: [raw]
    columns: {n: bigint, place: string, shard: string, number: string, key: string,
              arrived: timestamp, position: bigint}
  live: {path: live, like: clean, checkpoints: checkpoints}
dags:
  nightly:
    tasks:
      load: {run: load, tables: [raw]}
"""


@pytest.fixture
def streaming(tmp_path):
    folder = tmp_path / "streaming"
    (folder / "clean").mkdir(parents=True)
    (folder / "pipeline.yml").write_text(STREAMING)
    (folder / "clean/clean.sql").write_text("SELECT * FROM raw\n")
    return folder


def live(data, count):
    path = data / "store/live"
    found = lambda: (  # noqa: E731
        DeltaTable(str(path)).to_pyarrow_dataset().count_rows()
        if any(path.glob("_delta_log/*.json"))
        else 0
    )
    until(found, count)
    return sorted(DeltaTable(str(path)).to_pyarrow_table().to_pylist(), key=lambda row: row["n"])


def put(kinesis, count):
    """Records under different keys; gives each one's shard and sequence number."""
    return [
        kinesis.put_record(StreamName="web", Data=json.dumps({"n": n}).encode(),
                           PartitionKey=f"k{n % 5} \U0001f511")
        for n in range(count)
    ]  # fmt: skip


def check(found, sent, kinesis):
    assert [(row["shard"], row["number"]) for row in found] == [
        (each["ShardId"], each["SequenceNumber"]) for each in sent
    ]
    assert {row["place"] for row in found} == {"web"}
    assert {row["position"] for row in found} == {None}
    assert [row["key"] for row in found] == [f"k{n % 5} \U0001f511" for n in range(len(sent))]
    arrivals = {}
    for shard in {each["ShardId"] for each in sent}:
        iterator = kinesis.get_shard_iterator(
            StreamName="web", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for record in kinesis.get_records(ShardIterator=iterator)["Records"]:
            arrivals[record["SequenceNumber"]] = record["ApproximateArrivalTimestamp"]
    for row in found:
        assert abs((row["arrived"] - arrivals[row["number"]]).total_seconds()) < 0.002


def test_a_stream_table_has_what_the_stream_knows(data, streaming):
    with Server(data, "--pipeline", streaming) as server:
        kinesis = client(server)
        sent = put(kinesis, 40)
        check(live(data, 40), sent, kinesis)
        produce(server, "web", [{"n": 1}])
        nightly(data, streaming)
        (row,) = rows(data, streaming, "SELECT * FROM raw")
        assert (row["place"], row["position"]) == ("web", 0)
        assert row["shard"] is row["number"] is row["key"] is row["arrived"] is None


def test_a_kinesis_elsewhere_gives_its_own(data, streaming, tmp_path):
    with Elsewhere(tmp_path / "there", "--pipeline", streaming) as there:
        kinesis = client(there)
        sent = put(kinesis, 20)
        with Worker(data, there.url, streaming):
            check(live(data, 20), sent, kinesis)
