"""Streams that join tables: a stream table's SELECT reads other tables of the pipeline at their
newest version when a batch begins, and the commit says which."""

import json
import threading
import time

import pyarrow as pa
import pytest
import requests
from deltalake import DeltaTable, write_deltalake

from pinion import Failed, Server, run
from readers import spark_session
from s3 import KEYS, s3, settings  # noqa: F401
from streams import WAIT_SECONDS_MAX, exists, kinesis

DEFINITION = """
name: shop
topics:
  customers: {partitions: 1}
  countries: {partitions: 1}
  orders: {partitions: 1}
streams:
  orders: {shards: 2, start: trim_horizon, table: live_orders}
tables:
  raw_customers:
    path: raw/customers
    from_topic: customers
    columns: {id: bigint, name: string, country: string}
  countries:
    path: raw/countries
    from_topic: countries
    columns: {code: string, title: string}
  customers:
    path: clean/customers
    sql: clean/customers.sql
    reads: [raw_customers]
    columns: {id: bigint, name: string, country: string}
  raw_orders:
    path: raw/orders
    from_topic: orders
    columns: {id: {type: bigint, required: true}, customer: bigint}
  orders:
    path: clean/orders
    sql: clean/orders.sql
    reads: [raw_orders, customers, countries]
    columns: {id: bigint, name: string, title: string}
  live_orders:
    path: live/orders
    like: orders
    in_place_of: raw_orders
    checkpoints: live/checkpoints
dags:
  nightly:
    tasks:
      load: {run: load, tables: [raw_customers, countries]}
      clean: {run: transform, tables: [customers], after: [load]}
"""
FILES = {
    "clean/customers.sql": "SELECT id, upper(name) AS name, country FROM raw_customers",
    "clean/orders.sql": """SELECT o.id, c.name, countries.title
FROM raw_orders AS o
LEFT JOIN customers AS c ON c.id = o.customer
LEFT JOIN countries ON countries.code = c.country""",
}
LIVE = "live/orders"
CUSTOMERS = pa.schema([("id", pa.int64()), ("name", pa.string()), ("country", pa.string())])
QUICK = ["--set", "stream.trigger_ms=20ms"]


def write_pipeline(tmp_path, definition=DEFINITION, **files):
    folder = tmp_path / "shop"
    for name, text in {**FILES, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "pipeline.yml").write_text(definition)
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_pipeline(tmp_path)


def post(server, topic, *rows):
    body = {"records": [{"value": row} for row in rows]}
    status, answer, _ = server.request("POST", f"/topics/{topic}", body)
    assert status == 200, answer


def order(server, *pairs):
    entries = [
        {"Data": json.dumps({"id": id, "customer": customer}).encode(), "PartitionKey": str(id)}
        for id, customer in pairs
    ]
    answer = kinesis(server.url).put_records(StreamName="orders", Records=entries)
    assert answer["FailedRecordCount"] == 0


def nightly(data, folder):
    run("dag", "trigger", "nightly", "--wait", "-q", "--pipeline", folder, data=data)


def rows(data):
    if not exists(data, LIVE):
        return []
    return DeltaTable(str(data / "store" / LIVE)).to_pyarrow_table().to_pylist()


def await_rows(data, count):
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while len(found := rows(data)) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    assert len(found) == count
    return {row["id"]: row for row in found}


def await_state(server, words):
    """Waits until the processor of the table is in trouble and says so in these words."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        answer = requests.get(f"{server.url}/api/v1/streams", timeout=30).json()
        (status,) = answer["tables"]
        if status["state"] == "trouble" and words in (status["error"] or ""):
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.05)


def read_versions(data, folder):
    """Of each commit with rows, the oldest first: its rows and the versions that it read."""
    asked = ("table", "history", "live_orders", "--limit", "1000", "--format", "json")
    history = json.loads(run(*asked, "--pipeline", folder, data=data).stdout)
    return [
        (commit["rows_added"], json.loads(commit["parameters"]["readVersions"]))
        for commit in reversed(history)
        if "readVersions" in commit["parameters"] and commit["rows_added"]
    ]


def put_customers(data, values, **more):
    rows = pa.Table.from_pylist([{"country": None, **value} for value in values], CUSTOMERS)
    path = data / "store/clean/customers"
    write_deltalake(str(path), rows, mode="overwrite", **more)


def put_countries(data):
    table = pa.table({"code": ["pe", "no"], "title": ["Perú", "Norge"]})
    write_deltalake(str(data / "store/raw/countries"), table, mode="overwrite")


# --- which version --------------------------------------------------------------------------------


def test_a_batch_reads_the_newest_version_of_each_table(data, folder):
    with Server(data, "--pipeline", folder) as server:
        order(server, (1, 7), (2, 8), (3, None))
        # The tables are not there yet: the records wait, and nothing is lost or null forever.
        status = await_state(server, "the SELECT joins table 'customers'")
        assert "run `pinion dag trigger nightly --wait`" in status["error"]
        assert rows(data) == []
        post(server, "customers", {"id": 7, "name": "ana", "country": "pe"})
        post(server, "countries", {"code": "pe", "title": "Perú"})
        nightly(data, folder)
        found = await_rows(data, 3)
        assert found == {
            1: {"id": 1, "name": "ANA", "title": "Perú"},
            2: {"id": 2, "name": None, "title": None},
            3: {"id": 3, "name": None, "title": None},
        }
        # What comes later is seen by what comes later, and by nothing that is there.
        post(server, "customers", {"id": 8, "name": "bo", "country": "no"})
        post(server, "countries", {"code": "no", "title": "Norge"})
        nightly(data, folder)
        order(server, (4, 8))
        found = await_rows(data, 4)
        assert found[4] == {"id": 4, "name": "BO", "title": "Norge"}
        assert found[2] == {"id": 2, "name": None, "title": None}
        said = read_versions(data, folder)
        assert [versions for _, versions in said if versions != {"customers": 0, "countries": 0}]
        assert said[0][1] == {"customers": 0, "countries": 0}
        assert said[-1] == (1, {"customers": 1, "countries": 1})
        # The text is that of each commit, for people too.
        text = run("table", "history", "live_orders", "--pipeline", folder, data=data).stdout
        assert "STREAMING UPDATE" in text


def test_each_batch_reads_one_version_while_a_table_is_overwritten(data, tmp_path):
    """All rows of a version have its number. A batch that mixed two would have two numbers."""
    sql = """SELECT o.id, (SELECT min(name) FROM customers) AS name, c.name AS title
FROM raw_orders AS o JOIN customers AS c ON c.id = o.customer"""
    definition = DEFINITION.replace("[raw_orders, customers, countries]", "[raw_orders, customers]")
    folder = write_pipeline(tmp_path, definition, **{"clean/orders.sql": sql})
    put_customers(data, [{"id": id, "name": "v0"} for id in range(500)])
    ended = threading.Event()

    def overwrite():
        version = 0
        while not ended.is_set():
            version += 1
            put_customers(data, [{"id": id, "name": f"v{version}"} for id in range(500)])

    with Server(data, "--pipeline", folder, *QUICK) as server:
        writer = threading.Thread(target=overwrite)
        writer.start()
        try:
            for first in range(0, 3000, 100):
                order(server, *((id, id % 500) for id in range(first, first + 100)))
            found = await_rows(data, 3000)
        finally:
            ended.set()
            writer.join()
    assert all(row["name"] == row["title"] for row in found.values())
    said = read_versions(data, folder)
    counted = {}
    for row in found.values():
        counted[row["name"]] = counted.get(row["name"], 0) + 1
    told = {}
    for count, versions in said:
        name = f"v{versions['customers']}"
        told[name] = told.get(name, 0) + count
    assert told == counted
    assert len(told) > 1, "the table had one version all the time"


def test_a_killed_stream_joins_each_record_once(data, folder):
    put_countries(data)
    put_customers(data, [{"id": id, "name": "v0", "country": "pe"} for id in range(10)])
    total = 0
    for turn in range(6):
        with Server(data, "--pipeline", folder, *QUICK) as server:
            for _ in range(5):
                order(server, *((id, id % 10) for id in range(total, total + 20)))
                total += 20
            put_customers(
                data, [{"id": id, "name": f"v{turn + 1}", "country": "no"} for id in range(10)]
            )
            if turn == 2:
                await_rows(data, total)
            server.kill()
    with Server(data, "--pipeline", folder):
        found = await_rows(data, total)
    assert sorted(found) == list(range(total))
    assert all(row["name"] and row["title"] in ("Perú", "Norge") for row in found.values())


# --- what the tables are --------------------------------------------------------------------------


def test_a_partitioned_table_and_a_raw_one_are_joined(data, folder):
    put_countries(data)
    customers = [
        {"id": 1, "name": "a", "country": "pe"}, {"id": 2, "name": "b", "country": None},
        {"id": 3, "name": "c", "country": "no"},
    ]  # fmt: skip
    put_customers(data, customers, partition_by=["country"])
    with Server(data, "--pipeline", folder) as server:
        order(server, (1, 1), (2, 2), (3, 3))
        found = await_rows(data, 3)
    assert [found[id]["title"] for id in (1, 2, 3)] == ["Perú", None, "Norge"]


def test_deleted_rows_are_not_joined(data, folder):
    """Spark marks rows as deleted in a vector, and the stream runs on."""
    path = data / "store/clean/customers"
    path.parent.mkdir(parents=True)
    put_countries(data)
    with spark_session() as spark, Server(data, "--pipeline", folder) as server:
        spark.sql(f"CREATE TABLE delta.`{path}` (id BIGINT, name STRING, country STRING) "
                  f"USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
        spark.sql(f"INSERT INTO delta.`{path}` SELECT id, 'c' || id, 'pe' FROM range(0, 9, 1, 1)")
        order(server, (1, 1), (2, 2))
        assert await_rows(data, 2)[2]["name"] == "c2"
        spark.sql(f"DELETE FROM delta.`{path}` WHERE id = 2")
        assert list(path.glob("deletion_vector_*.bin"))
        order(server, (3, 1), (4, 2))
        found = await_rows(data, 4)
    assert [found[id]["name"] for id in (1, 2, 3, 4)] == ["c1", "c2", "c1", None]


def test_a_table_that_lacks_a_column_gives_null(data, folder):
    put_countries(data)
    path = str(data / "store/clean/customers")
    write_deltalake(path, pa.table({"id": [1], "name": ["a"]}))
    with Server(data, "--pipeline", folder) as server:
        order(server, (1, 1))
        assert await_rows(data, 1)[1] == {"id": 1, "name": "a", "title": None}
        put_customers(data, [{"id": 1, "name": "a", "country": "pe"}], schema_mode="overwrite")
        order(server, (2, 1))
        assert await_rows(data, 2)[2] == {"id": 2, "name": "a", "title": "Perú"}


def test_another_stream_table_is_joined(data, tmp_path):
    definition = DEFINITION.replace(
        "table: live_orders}",
        "tables: {order: live_orders, customer: live_customers}}",
    ).replace("reads: [raw_orders, customers, countries]", "reads: [raw_orders, live_customers]")
    definition = definition.replace(
        "tables:\n  raw_customers",
        "tables:\n  live_customers: {path: live/customers, like: customers,"
        " checkpoints: live/marks}\n  raw_customers",
    )
    sql = """SELECT o.id, max(c.name) AS name, NULL::VARCHAR AS title FROM raw_orders AS o
JOIN live_customers AS c ON c.id = o.customer GROUP BY o.id"""
    folder = write_pipeline(tmp_path, definition, **{"clean/orders.sql": sql})
    with Server(data, "--pipeline", folder) as server:
        client = kinesis(server.url)

        def put(key, row):
            client.put_record(
                StreamName="orders", Data=json.dumps(row).encode(), PartitionKey=key
            )

        for id in range(30):
            put("customer", {"id": id, "name": f"c{id}"})
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        path = data / "store/live/customers"
        while not exists(data, "live/customers") or DeltaTable(str(path)).count() < 30:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        put("order", {"id": 1, "customer": 29})
        assert await_rows(data, 1)[1]["name"] == "C29"


def test_a_table_in_a_bucket_is_joined(data, folder, s3):  # noqa: F811
    at = [*settings(s3.url, "joins"), "--pipeline", folder]

    def ask():
        sql = "SELECT id, name, title FROM live_orders ORDER BY id"
        done = run("query", sql, "--format", "json", *at, data=data, env=KEYS, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else []

    with Server(data, *at, env=KEYS) as server:
        post(server, "countries", {"code": "pe", "title": "Perú"})
        for number, name in enumerate(("ana", "bo")):
            post(server, "customers", {"id": number, "name": name, "country": "pe"})
            run("dag", "trigger", "nightly", "--wait", "-q", *at, data=data, env=KEYS)
            order(server, (number, number))
            deadline = time.monotonic() + WAIT_SECONDS_MAX
            while len(found := ask()) <= number:
                assert time.monotonic() < deadline, found
    assert found == [
        {"id": 0, "name": "ANA", "title": "Perú"}, {"id": 1, "name": "BO", "title": "Perú"},
    ]  # fmt: skip


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_damaged_table_stops_no_stream_for_good(data, folder):
    """The records wait until the table can be read again; none of them becomes a dead letter."""
    put_countries(data)
    put_customers(data, [{"id": 1, "name": "a", "country": "pe"}])
    (file,) = (data / "store/clean/customers").glob("*.parquet")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with Server(data, "--pipeline", folder) as server:
        order(server, (1, 1))
        await_state(server, "the SELECT joins table 'customers'")
        file.unlink()
        await_state(server, file.name)
        put_customers(data, [{"id": 1, "name": "b", "country": "pe"}])
        assert await_rows(data, 1)[1] == {"id": 1, "name": "b", "title": "Perú"}
        # A value that is not of the declared type is the table's fault, not each record's.
        wrong = pa.table({"id": ["one"], "name": ["a"], "country": ["pe"]})
        path = str(data / "store/clean/customers")
        write_deltalake(path, wrong, mode="overwrite", schema_mode="overwrite")
        order(server, (2, 1))
        await_state(server, "the SELECT joins table 'customers'")
        put_customers(data, [{"id": 1, "name": "c", "country": "pe"}], schema_mode="overwrite")
        assert await_rows(data, 2)[2]["name"] == "c"
    assert not exists(data, "stream_dead_letters")


def test_a_value_that_the_select_fails_on_is_a_dead_letter(data, tmp_path):
    sql = FILES["clean/orders.sql"].replace("o.id,", "CAST(c.name AS BIGINT) + o.id AS id,", 1)
    folder = write_pipeline(tmp_path, **{"clean/orders.sql": sql})
    put_countries(data)
    put_customers(data, [{"id": 1, "name": "100"}, {"id": 2, "name": "two"}])
    with Server(data, "--pipeline", folder) as server:
        order(server, (1, 1), (2, 2), (3, 1))
        assert sorted(await_rows(data, 2)) == [101, 103]
    (letter,) = json.loads(
        run("dead-letters", "list", "--format", "json", "--pipeline", folder, data=data).stdout
    )
    assert "two" in letter["reason"]


MISTAKES = [
    ("in_place_of: raw_orders", "in_place_of: customers",
     'unknown raw table "customers" (one of raw_orders, countries)'),
    ("    in_place_of: raw_orders\n", "",
     '"orders" reads several raw tables: the key "in_place_of" must say'),
    ("reads: [raw_orders, customers, countries]", "reads: [raw_orders, customer, countries]",
     'unknown table "customer"; did you mean "customers"?'),
    ("reads: [raw_orders, customers, countries]",
     "reads: [raw_orders, customers, countries, live_orders]",
     '"orders" reads "live_orders", so the stream\'s SELECT would read the table that it fills'),
    ("reads: [raw_orders, customers, countries]", "reads: [raw_orders, countries]",
     "it reads 'customers', which `reads` of the table 'orders' must name"),
    ("reads: [raw_orders, customers, countries]", "reads: [customers]",
     'must be a transformed table that reads a raw table; "orders" is not'),
    ("columns: {code: string, title: string}", "columns: {code: string, name: string}",
     'clean/orders.sql: Binder Error: Table "countries" does not have a column named "title"'),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistakes_are_one_line(tmp_path, number):
    old, new, words = MISTAKES[number]
    changed = DEFINITION.replace(old, new)
    assert changed != DEFINITION
    folder = write_pipeline(tmp_path, changed)
    done = run("pipeline", "check", folder, check=False)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert words in done.stderr


def test_what_a_stream_table_is_made_of_is_shown(data, folder):
    run("pipeline", "check", folder)
    shown = json.loads(run("pipeline", "show", "--format", "json", folder).stdout)
    (live,) = [table for table in shown["tables"] if table["name"] == "live_orders"]
    assert live["in_place_of"] == "raw_orders"
    assert live["reads"] == ["customers", "countries"]
    assert "joins customers, countries" in run("pipeline", "show", folder).stdout

    def lineage(table):
        found = run("table", "lineage", table, "--pipeline", folder, "--format", "json", data=data)
        return {
            (row["side"], row["steps"], row["kind"], row["name"])
            for row in json.loads(found.stdout)
        }

    assert lineage("live_orders") == {
        ("before", 1, "stream", "orders"), ("before", 1, "table", "customers"),
        ("before", 1, "table", "countries"), ("before", 2, "topic", "countries"),
        ("before", 2, "table", "raw_customers"), ("before", 3, "topic", "customers"),
    }  # fmt: skip
    assert ("after", 1, "table", "live_orders") in lineage("customers")
    with pytest.raises(Failed):
        run("query", "SELECT * FROM live_orders", "--pipeline", folder, data=data)
