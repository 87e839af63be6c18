"""Partitioned tables on Spark: a job writes what pinion writes, row by row and with the same
metadata, either engine continues with the other's table, and a run with `replace_where` replaces
the same rows."""

import json
import shutil

import pytest

import test_partitions as parts
from pinion import Failed, run
from readers import in_order, rows_by_delta_rs, rows_by_spark
from spark import definition_of, job_library, write_settings
from test_incremental import land, log_of, task

pytestmark = pytest.mark.timeout(1800)

RAW = "partition_by: [region, hour(placed)]"
CLEAN = "partition_by: [day, big, amount, month(placed)]"
# Without what jobs do not make, and without the second DAG, whose task has the same name.
REPLACE = parts.REPLACE.replace("    mode: append\n", "").partition("  days:\n")[0]
OF_NULL = "__HIVE_DEFAULT_PARTITION__"  # Spark's name of null
REGIONS = [region for region in parts.REGIONS if region != OF_NULL]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    with job_library(tmp_path_factory.mktemp("library")) as perform:
        yield perform


class Two:
    """The same landed objects in two stores: pinion's, and that of Spark's jobs."""

    def __init__(self, library, base, pipeline):
        self.library, self.pipeline, self.base = library, pipeline, base
        self.ours, self.theirs = base / "ours", base / "theirs"
        self.definitions = 0

    def land(self, number, values):
        for data in (self.ours, self.theirs):
            land(data, "shop.orders", 0, number, values)

    def swap(self):
        """Each engine gets the tables of the other one."""
        self.ours, self.theirs = self.theirs, self.ours

    def spark(self, action, *names, **request):
        """A job; gives its result."""
        self.definitions += 1
        definition = definition_of(self.pipeline, self.base / f"definition{self.definitions}")
        sql = {file.stem: file.read_text() for file in (self.pipeline / "clean").glob("*.sql")}
        tables = [{"name": name, "file": f"{name}.sql", "sql": sql.get(name)} for name in names]
        return self.library(self.theirs / "store", definition, action, tables=tables, **request)

    def make(self):
        parts.make(self.ours, self.pipeline)
        for action, name in (("load", "raw_orders"), ("transform", "orders")):
            done = self.spark(action, name)
            assert done["state"] == "done", done

    def same_rows(self, *paths):
        for path in paths:
            ours = in_order(rows_by_delta_rs(self.ours / "store" / path))
            assert in_order(rows_by_delta_rs(self.theirs / "store" / path)) == ours
            assert rows_by_spark(self.library.spark, self.theirs / "store" / path) == ours
        return ours


def action(data, table, name):
    """The newest of a table's actions of a kind; None: there are none."""
    lines = [line for commit in log_of(data, table) for line in commit]
    return next((line[name] for line in reversed(lines) if name in line), None)


def kept(data, table):
    """What of the metadata is the table's, which every engine writes alike."""
    metadata = action(data, table, "metaData")
    return json.loads(metadata["schemaString"]), metadata["partitionColumns"]


def test_a_job_writes_what_pinion_writes(library, tmp_path):
    pipeline = parts.write_pipeline(tmp_path / "parts", "parts", RAW, CLEAN)
    two = Two(library, tmp_path, pipeline)
    values = [parts.value(n, region, 1 + n % 3) for n, region in enumerate(REGIONS)]
    values += [{"id": 98, "region": "north"}, {"id": 99, "placed": "2026-01-01T05:00:00+07:00"}]
    two.land(0, values)
    two.make()
    for path in ("parts/raw_orders", "parts/orders"):
        assert len(two.same_rows(path)) == len(values)
        assert kept(two.theirs, path) == kept(two.ours, path)
        assert action(two.theirs, path, "protocol") == action(two.ours, path, "protocol")
    assert action(two.theirs, "parts/orders", "protocol")["minWriterVersion"] == 4
    # Each continues with what the other one has made, and changes nothing of it but the rows.
    two.swap()
    more = [parts.value(200 + n, region, 4) for n, region in enumerate(REGIONS)]
    two.land(1000, more)
    before = [len(log_of(data, "parts/raw_orders")) for data in (two.ours, two.theirs)]
    two.make()
    for path in ("parts/raw_orders", "parts/orders"):
        assert len(two.same_rows(path)) == len(values) + len(more)
        for data, number in zip((two.ours, two.theirs), before, strict=True):
            changed = [line for commit in log_of(data, path)[number:] for line in commit]
            assert not [line for line in changed if "metaData" in line or "protocol" in line]


def test_the_name_of_null_is_refused(library, tmp_path):
    """It would be stored as null."""
    pipeline = parts.write_pipeline(tmp_path / "parts", "parts", "partition_by: region")
    two = Two(library, tmp_path, pipeline)
    two.land(0, [parts.value(1, OF_NULL)])
    result = two.spark("load", "raw_orders")
    assert result["class"] == "input", result
    assert f"column 'region': Spark stores the text {OF_NULL} as null" in result["message"]


def test_partitions_are_changed_by_the_next_run(library, tmp_path):
    pipeline = parts.write_pipeline(tmp_path / "parts", "parts", RAW, CLEAN)
    two = Two(library, tmp_path, pipeline)
    two.land(0, [parts.value(n, region, 1 + n % 3) for n, region in enumerate(REGIONS)])
    two.make()
    for raw, clean in (
        ("partition_by: region", "partition_by: day(placed)"),
        ("partition_by: day(placed)", "partition_by: [day(placed), big]"),
        ("mode: overwrite", "partition_by: big"),
        ("partition_by: region", "mode: overwrite"),
        ("mode: overwrite", "partition_by: hour(placed)"),
    ):
        parts.write_pipeline(pipeline, "parts", raw, clean)
        two.make()
        two.same_rows("parts/raw_orders", "parts/orders")
        for path in ("parts/raw_orders", "parts/orders"):
            assert kept(two.theirs, path) == kept(two.ours, path), (path, raw, clean)


# --- one partition a run --------------------------------------------------------------------------


@pytest.fixture
def replacing(library, tmp_path):
    definition = REPLACE
    pipeline = parts.write_replacing(tmp_path / "replace", definition=definition)
    two = Two(library, tmp_path, pipeline)
    two.land(0, [parts.order(n, 1 + n % 3) for n in range(9)])
    two.load = lambda: (task("load", two.ours, pipeline), two.spark("load", "raw_orders"))
    two.load()
    return two


def test_a_run_replaces_the_partition_of_its_logical_date(replacing):
    two = replacing
    checked = two.spark("check", "daily", queries=[])
    assert checked["state"] == "done", checked
    for day in (1, 2, 3):
        date = f"2026-01-0{day}"
        task("sum", two.ours, two.pipeline, "--logical-date", date)
        done = two.spark("transform", "daily", run={"logical_date": date})
        assert done["state"] == "done" and done["tables"][0]["rows"] == 1, done
    assert len(two.same_rows("daily")) == 3
    assert kept(two.theirs, "daily") == kept(two.ours, "daily")
    two.swap()
    two.land(9, [parts.order(100 + n, 1 + n % 3) for n in range(6)])
    two.load()
    files = {data: parts.adds(data, "daily") for data in (two.ours, two.theirs)}
    task("sum", two.ours, two.pipeline, "--logical-date", "2026-01-02T00:00:00Z")
    done = two.spark("transform", "daily", run={"logical_date": "2026-01-02T03:04:05+00:00"})
    assert done["state"] == "done", done
    assert [row["orders"] for row in two.same_rows("daily")] == [3, 3, 5]
    for data, before in files.items():
        new = [file for file in parts.adds(data, "daily") if file not in before]
        assert {file["partitionValues"]["day"] for file in new} == {"2026-01-02"}
    # A day without rows becomes empty.
    parts.write_replacing(two.pipeline, parts.DAILY.replace("WHERE", "WHERE false AND"),
                          (two.pipeline / "pipeline.yml").read_text())  # fmt: skip
    task("sum", two.ours, two.pipeline, "--logical-date", "2026-01-02")
    done = two.spark("transform", "daily", run={"logical_date": "2026-01-02"})
    assert done["state"] == "done" and done["tables"][0]["rows"] == 0, done
    assert len(two.same_rows("daily")) == 2


def test_rows_outside_are_refused_and_named(replacing):
    two = replacing
    definition = (two.pipeline / "pipeline.yml").read_text()
    task("sum", two.ours, two.pipeline, "--logical-date", "2026-01-01")
    assert two.spark("transform", "daily", run={"logical_date": "2026-01-01"})["state"] == "done"
    parts.write_replacing(two.pipeline, parts.DAILY.replace("WHERE", "WHERE true OR"), definition)
    before = log_of(two.theirs, "daily")
    for run_of, args, count in (({"logical_date": "2026-01-02"}, ("--logical-date", "2026-01-02"),
                                 2), ({}, (), 3)):  # fmt: skip
        with pytest.raises(Failed) as refused:
            task("sum", two.ours, two.pipeline, *args)
        result = two.spark("transform", "daily", run=run_of)
        assert result["class"] == "input", result
        said = f"{count} rows that the SQL gives are outside of what the run replaces (day = CAST("
        assert said in result["message"] and said in str(refused.value)
        assert '{"day":"2026-01-01","orders":3,"amount":3.0}' in result["message"]
    assert log_of(two.theirs, "daily") == before
    wrong = two.spark("transform", "daily", run={"logical_date": "yesterday"})
    assert wrong["class"] == "input"
    assert 'logical_date is not a time such as "2026-01-31T06:00:00Z": "yesterday"' in (
        wrong["message"]
    )
    changed = definition.replace("day = CAST", "nothing = CAST")
    parts.write_replacing(two.pipeline, parts.DAILY, changed)
    wrong = two.spark("check", "daily", queries=[])
    assert wrong["class"] == "input", wrong
    assert wrong["message"].startswith("tables.daily.replace_where: "), wrong


VALUES = """SELECT run_id() AS id, run_logical_date() AS at, run_interval_start() AS start,
run_interval_end() AS ends, run_conf('text') AS text, run_conf('number') AS number,
run_conf('list') AS list, run_conf('none') AS none, run_conf('nothing') AS nothing
FROM raw_orders
"""
RUN = {
    "run_id": "manual__'x'\\", "logical_date": "2026-01-31T06:00:00.5+01:00",
    "interval_start": "2026-01-30 05:00:00+00:00",
    "conf": json.dumps({"text": "it's \\ \"q\"", "number": 1.50, "list": [1, {"a": "b"}],
                        "none": None}, separators=(",", ":")),
}  # fmt: skip


@pytest.mark.parametrize("values", [RUN, {}])
def test_sql_reads_the_run(library, tmp_path, values):
    columns = {name: "string" for name in ("id", "text", "number", "list", "none", "nothing")}
    columns |= {name: "timestamp" for name in ("at", "start", "ends")}
    order = ("id", "at", "start", "ends", "text", "number", "list", "none", "nothing")
    spelled = ", ".join(f"{name}: {columns[name]}" for name in order)
    (tmp_path / "p/clean").mkdir(parents=True)
    (tmp_path / "p/clean/told.sql").write_text(VALUES)
    (tmp_path / "p/pipeline.yml").write_text(
        "name: p\ntopics: {shop.orders: {}}\ntables:\n"
        "  raw_orders: {path: raw_orders, from_topic: shop.orders, columns: {id: bigint}}\n"
        "  told: {path: told, sql: clean/told.sql, reads: [raw_orders], "
        f"columns: {{{spelled}}}}}\n"
        "dags: {nightly: {tasks: {load: {run: load, tables: [raw_orders]}, "
        "tell: {run: transform, tables: [told]}}}}\n"
    )
    two = Two(library, tmp_path, tmp_path / "p")
    two.land(0, [{"id": 1}])
    names = {"run_id": "RUN_ID", "logical_date": "LOGICAL_DATE",
             "interval_start": "DATA_INTERVAL_START", "conf": "CONF"}  # fmt: skip
    env = {f"PINION_{names[name]}": text for name, text in values.items()}
    for name in ("load", "tell"):
        task(name, two.ours, two.pipeline, env=env)
    assert two.spark("load", "raw_orders")["state"] == "done"
    done = two.spark("transform", "told", run=values)
    assert done["state"] == "done", done
    (row,) = two.same_rows("told")
    assert (row["text"], row["none"], row["ends"]) == (
        ("it's \\ \"q\"", None, None) if values else (None, None, None)
    )


def test_a_task_gives_the_job_its_run(library, tmp_path):
    """By spark-submit, with the arguments of `pinion task`."""
    definition = REPLACE
    pipeline = parts.write_replacing(tmp_path / "replace", definition=definition)
    data = tmp_path / "data"
    land(data, "shop.orders", 0, 0, [parts.order(n, 1 + n % 3) for n in range(9)])
    task("load", data, pipeline)
    settings = ("--config", write_settings(tmp_path))
    done = run("task", "nightly", "sum", "--logical-date", "2026-01-02", "--pipeline", pipeline,
               *settings, data=data, timeout=1500)  # fmt: skip
    assert "daily: version 0, 1 row" in done.stdout
    assert parts.daily(data, pipeline) == {"2026-01-02": 3}


def test_a_stream_table_has_partitions(library, tmp_path):
    """Two batches; pinion reads what they made, and so does Spark."""
    (tmp_path / "p/clean").mkdir(parents=True)
    (tmp_path / "p/clean/orders.sql").write_text("SELECT id, placed FROM raw_orders\n")
    (tmp_path / "p/pipeline.yml").write_text(
        "name: p\ntopics: {shop.orders: {}}\n"
        "streams: {shop: {start: trim_horizon, table: live}}\ntables:\n"
        "  raw_orders: {path: raw_orders, from_topic: shop.orders,\n"
        "    columns: {id: bigint, placed: timestamp}}\n"
        "  orders: {path: orders, sql: clean/orders.sql, reads: [raw_orders],\n"
        "    columns: {id: bigint, placed: timestamp}}\n"
        "  live: {path: live, like: orders, checkpoints: checkpoints, "
        "partition_by: day(placed)}\n"
    )
    import pinion_engine
    import pinion_spark

    definition = pinion_engine.definition(definition_of(tmp_path / "p", tmp_path / "d"))
    store = tmp_path / "data/store"
    lake = pinion_spark.Lake(definition, str(store), library.spark)
    schema = "shard string, sequence string, key string, arrival timestamp, data binary"
    for number in range(2):
        row = json.dumps({"id": number, "placed": f"2026-01-0{1 + number}T23:30:00Z"}).encode()
        batch = library.spark.createDataFrame([("0", "0", "k", None, bytearray(row))], schema)
        lake.append_batch("live", (tmp_path / "p/clean/orders.sql").read_text(), batch, number)
    shutil.rmtree(tmp_path / "d")
    assert action(tmp_path / "data", "live", "protocol")["minWriterVersion"] == 4
    days = [str(row["placed_day"]) for row in rows_by_delta_rs(store / "live")]
    assert days == ["2026-01-01", "2026-01-02"]
    sql = "SELECT id FROM live WHERE placed_day = DATE '2026-01-02'"
    assert parts.rows(tmp_path / "data", tmp_path / "p", sql) == [{"id": 1}]
