"""Columns that change while a table has rows: added ones are null for old rows, in tables to which
rows are added as well; what cannot be told from a loss is refused, and nothing changes."""

import json

import deltalake
import polars
import pyarrow
import pytest
from deltalake import write_deltalake

from pinion import Failed, Server, run
from readers import rows_by_delta_rs, rows_by_duckdb
from streams import await_rows, kinesis
from test_incremental import crash, land, log_of, rows, task
from test_nothing_vanishes import await_that

OLD = {"id": "bigint", "seq": "bigint", "amount": "double", "place": '"struct<city string>"'}
ZIPPED = '"struct<city string, zip string>"'
ADDED = {**OLD, "place": ZIPPED, "note": "string", "many": "array<int>"}


def write_pipeline(folder, columns, raw="mode: append", clean="mode: append", stream=False):
    def map_of(types):
        return "{" + ", ".join(f"{name}: {kind}" for name, kind in types.items()) + "}"

    live = "  live: {path: live, like: orders, checkpoints: checkpoints}\n" if stream else ""
    (folder / "clean").mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.yml").write_text(
        "name: change\ntopics: {shop.orders: {}}\ntables:\n"
        f"  raw_orders:\n    path: raw_orders\n    from_topic: shop.orders\n    {raw}\n"
        f"    columns: {map_of(columns)}\n"
        f"  orders:\n    path: orders\n    sql: clean/orders.sql\n    reads: [raw_orders]\n"
        f"    {clean}\n    columns: {map_of(columns)}\n{live}"
        "dags:\n  nightly:\n    tasks:\n      load: {run: load, tables: [raw_orders]}\n"
        "      clean: {run: transform, tables: [orders], after: [load]}\n"
        + ("streams: {shop: {start: trim_horizon, table: live}}\n" if stream else "")
    )
    (folder / "clean/orders.sql").write_text(f"SELECT {', '.join(columns)} FROM raw_orders")
    return folder


def old(number):
    return {"id": number, "seq": number, "amount": 1.5, "place": {"city": "a"}}


def new(number):
    return {**old(number), "place": {"city": "b", "zip": "z"}, "note": "n", "many": [1, 2]}


def without(row):
    """An old row as the table has it once it has the new columns."""
    return {**row, "place": {**row["place"], "zip": None}, "note": None, "many": None}


MERGE = "mode: merge\n    key: id\n    order_by: seq"


@pytest.mark.parametrize("mode", ("mode: append", MERGE, "mode: append\n    partition_by: seq"))
def test_added_columns_are_null_for_old_rows(data, tmp_path, mode):
    folder = tmp_path / "change"
    write_pipeline(folder, OLD, mode, "mode: overwrite")
    land(data, "shop.orders", 0, 0, [old(n) for n in range(3)])
    task("load", data, folder)
    write_pipeline(folder, ADDED, mode, "mode: overwrite")
    # At once, before any run: the columns are there, and null.
    everything = "SELECT id, seq, amount, place, note, many FROM raw_orders ORDER BY id"
    assert rows(data, folder, everything) == [without(old(n)) for n in range(3)]
    land(data, "shop.orders", 0, 3, [new(n) for n in range(3, 5)])
    crash(data, folder, "load", 0.05)
    task("load", data, folder)
    expected = [without(old(n)) for n in range(3)] + [new(n) for n in range(3, 5)]
    assert rows(data, folder, everything) == expected
    names = ("id", "seq", "amount", "place", "note", "many")
    path = data / "store/raw_orders"
    for found in (
        rows_by_delta_rs(path), rows_by_duckdb(path), polars.read_delta(str(path)).to_dicts(),
    ):  # fmt: skip
        chosen = [{name: row[name] for name in names} for row in found]
        assert sorted(chosen, key=lambda row: row["id"]) == expected
    changed = ["metaData" in line for commit in log_of(data, "raw_orders") for line in commit]
    assert sum(changed) == 2  # in the first one, and that of the load which brought the columns
    task("clean", data, folder)
    assert rows(data, folder, "SELECT * FROM orders ORDER BY id") == expected
    run("table", "optimize", "raw_orders", "--pipeline", folder, data=data)
    assert rows(data, folder, everything) == expected


def test_other_changes_of_a_growing_raw_table_are_refused(data, tmp_path):
    folder = write_pipeline(tmp_path / "change", OLD, clean="mode: overwrite")
    land(data, "shop.orders", 0, 0, [old(1)])
    task("load", data, folder)
    before = log_of(data, "raw_orders")
    land(data, "shop.orders", 0, 1, [old(2)])
    renamed = {"id": "bigint", "seq": "bigint", "price": "double", "place": OLD["place"]}
    inner = {**OLD, "place": '"struct<town string>"'}
    for columns, message in (
        (renamed, "has the column 'amount', which the rows lack, and not 'price': a column cannot "
         "get another name where rows are added"),
        (inner, "has the column 'city', which the rows lack, and not 'town'"),
        ({**OLD, "amount": "string"}, "the table's column 'amount' is \"double\", not \"string\""),
        ({**OLD, "ID2": "int", "Seq": "bigint"} | {"seq": None}, "differs only in its case"),
    ):  # fmt: skip
        columns = {name: kind for name, kind in columns.items() if kind is not None}
        write_pipeline(folder, columns, clean="mode: overwrite")
        with pytest.raises(Failed) as refused:
            task("load", data, folder)
        assert message in str(refused.value)
        assert "run it with --full-refresh" in str(refused.value)
    assert log_of(data, "raw_orders") == before
    task("load", data, folder, "--full-refresh")
    assert rows(data, folder, "SELECT id, Seq, ID2 FROM raw_orders ORDER BY id") == [
        {"id": n, "Seq": None, "ID2": None} for n in (1, 2)
    ]


def test_a_column_that_is_left_out_stays_in_the_table_but_not_where_rows_are_merged(data, tmp_path):
    fewer = {name: kind for name, kind in OLD.items() if name != "amount"}
    folder = write_pipeline(tmp_path / "append", OLD, clean="mode: overwrite")
    land(data, "shop.orders", 0, 0, [old(1)])
    task("load", data, folder)
    land(data, "shop.orders", 0, 1, [old(2)])
    write_pipeline(folder, fewer, clean="mode: overwrite")
    task("load", data, folder)
    found = deltalake.DeltaTable(str(data / "store/raw_orders")).to_pyarrow_table().to_pylist()
    assert {row["id"]: row["amount"] for row in found} == {1: 1.5, 2: None}
    write_pipeline(folder, OLD, MERGE, "mode: overwrite")
    task("load", data, folder, "--full-refresh")
    write_pipeline(folder, fewer, MERGE, "mode: overwrite")
    land(data, "shop.orders", 0, 2, [{**old(2), "seq": 9}])
    with pytest.raises(Failed, match="lack the table's column 'amount', so rows that are written"):
        task("load", data, folder)
    assert rows(data, folder, "SELECT id FROM raw_orders ORDER BY id") == [{"id": 1}, {"id": 2}]


def test_overwritten_tables_take_any_change(data, tmp_path):
    folder = tmp_path / "change"
    land(data, "shop.orders", 0, 0, [old(1)])
    for raw in (OLD, {"seq": "int", "price": "double"}, OLD):
        write_pipeline(folder, raw, "mode: overwrite", "mode: overwrite")
        task("load", data, folder)
        task("clean", data, folder)
        for name in ("raw_orders", "orders"):
            fields = deltalake.DeltaTable(str(data / "store" / name)).schema().fields
            assert [field.name for field in fields] == list(raw)


def test_transformed_tables_that_grow_are_made_afresh(data, tmp_path):
    folder = write_pipeline(tmp_path / "change", OLD)
    land(data, "shop.orders", 0, 0, [old(1)])
    task("load", data, folder)
    task("clean", data, folder)
    write_pipeline(folder, ADDED)
    land(data, "shop.orders", 0, 1, [new(2)])
    task("load", data, folder)
    assert "2 rows, made afresh (its SQL, columns" in task("clean", data, folder).stdout
    assert rows(data, folder, "SELECT * FROM orders ORDER BY id") == [without(old(1)), new(2)]


def put(server, *values):
    records = [{"Data": json.dumps(v).encode(), "PartitionKey": "k"} for v in values]
    answer = kinesis(server.url).put_records(StreamName="shop", Records=records)
    assert answer["FailedRecordCount"] == 0


def test_a_stream_table_gets_columns(data, tmp_path):
    folder = write_pipeline(tmp_path / "change", OLD, stream=True)
    with Server(data, "--pipeline", folder) as server:
        put(server, old(1), old(2))
        await_rows(data, None, 2, "live")
    write_pipeline(folder, ADDED, stream=True)
    assert rows(data, folder, "SELECT * FROM live ORDER BY id") == [without(old(n)) for n in (1, 2)]
    with Server(data, "--pipeline", folder) as server:
        put(server, new(3))
        await_rows(data, None, 3, "live")
        server.kill()
        server.start()
        put(server, new(4))
        await_rows(data, None, 4, "live")
    expected = [without(old(1)), without(old(2)), new(3), new(4)]
    assert rows(data, folder, "SELECT * FROM live ORDER BY id") == expected
    assert sorted(rows_by_delta_rs(data / "store/live"), key=lambda row: row["id"]) == expected


# --- wider types ----------------------------------------------------------------------------------

NARROW = {"id": "int", "seq": "tinyint", "amount": "float", "price": '"decimal(5,2)"',
          "place": '"struct<city string, level smallint>"'}  # fmt: skip
WIDE = {"id": "bigint", "seq": "int", "amount": "double", "price": '"decimal(12,4)"',
        "place": '"struct<city string, level int>"', "note": "string"}  # fmt: skip


def narrow(number):
    return {"id": number, "seq": number, "amount": 0.5, "price": 12.25,
            "place": {"city": "a", "level": 7}}  # fmt: skip


def wide(number):
    return {"id": 2**40 + number, "seq": 1000, "amount": 0.1, "price": 1234567.0625,
            "place": {"city": "b", "level": 70000}, "note": "n"}  # fmt: skip


def values_of(found):
    keys = ("id", "seq", "amount", "price", "place", "note")
    chosen = [{key: row[key] for key in keys} for row in found]
    for row in chosen:
        row["price"] = float(row["price"])
    return sorted(chosen, key=lambda row: row["id"])


@pytest.mark.parametrize("mode", ("mode: append", MERGE, "mode: append\n    partition_by: seq"))
def test_types_get_wider_while_the_table_has_rows(data, tmp_path, mode):
    clean = "mode: overwrite" if mode == MERGE else "mode: append"
    folder = write_pipeline(tmp_path / "change", NARROW, mode, clean)
    for number in range(4):
        land(data, "shop.orders", 0, number, [narrow(number)])
        task("load", data, folder)
    task("clean", data, folder)
    write_pipeline(folder, WIDE, mode, clean)
    expected = [{**narrow(n), "note": None} for n in range(4)]
    everything = "SELECT * FROM raw_orders"
    assert values_of(rows(data, folder, everything)) == expected
    found = diff(data, folder)
    assert {row["effect"] for row in found if row["change"] == "type"} >= {
        "the next run rewrites the files with the wider type"
    }
    assert not any(row["refused"] for row in found)
    land(data, "shop.orders", 0, 4, [wide(1), wide(2)])
    for after in (0.02, 0.05, 0.08):
        crash(data, folder, "load", after)
        assert len(rows(data, folder, everything)) in (4, 6)
    task("load", data, folder)
    expected += [wide(1), wide(2)]
    assert values_of(rows(data, folder, everything)) == expected
    path = data / "store/raw_orders"
    for by in (
        rows_by_delta_rs(path), rows_by_duckdb(path), polars.read_delta(str(path)).to_dicts(),
    ):  # fmt: skip
        assert values_of(by) == expected
    commits = [commit[0]["commitInfo"]["operation"] for commit in log_of(data, "raw_orders")]
    assert commits.count("CHANGE COLUMN") == 1
    task("clean", data, folder)
    assert values_of(rows(data, folder, "SELECT * FROM orders")) == expected
    write_pipeline(folder, NARROW | {"note": "string"}, mode, "mode: overwrite")
    with pytest.raises(Failed, match='column .id. is "long", not "integer"'):
        land(data, "shop.orders", 0, 6, [narrow(9)])
        task("load", data, folder)


def test_a_stream_table_gets_wider_types(data, tmp_path):
    folder = write_pipeline(tmp_path / "change", NARROW, stream=True)
    with Server(data, "--pipeline", folder) as server:
        put(server, narrow(1), narrow(2))
        await_rows(data, None, 2, "live")
    write_pipeline(folder, WIDE, stream=True)
    with Server(data, "--pipeline", folder) as server:
        put(server, wide(3))
        server.kill()
        server.start()
        put(server, wide(4))
        await_rows(data, None, 4, "live")
    expected = [{**narrow(n), "note": None} for n in (1, 2)] + [wide(3), wide(4)]
    assert values_of(rows(data, folder, "SELECT * FROM live")) == expected
    assert values_of(rows_by_delta_rs(data / "store/live")) == expected


DIVIDED = """
name: divided
topics: {{shop.orders: {{}}}}
tables:
  raw_orders:
    path: raw_orders
    from_topic: shop.orders
    mode: append
    {by}
    columns: {{id: {kind}, city: string, placed: timestamp}}
  orders:
    path: orders
    sql: orders.sql
    reads: [raw_orders]
    columns: {{id: {kind}, city: string, placed: timestamp}}
  live:
    path: live
    like: orders
    checkpoints: checkpoints
    {by}
dags: {{nightly: {{tasks: {{load: {{run: load, tables: [raw_orders]}}}}}}}}
streams: {{shop: {{start: trim_horizon, table: live}}}}
"""


def write_divided(folder, kind, by):
    folder.mkdir(exist_ok=True)
    by = f"partition_by: {by}" if by else ""
    (folder / "pipeline.yml").write_text(DIVIDED.format(kind=kind, by=by))
    (folder / "orders.sql").write_text("SELECT * FROM raw_orders")
    return folder


@pytest.mark.parametrize(
    "before, after, why",
    (
        ("", "city", "the table is partitioned by nothing, not by city"),
        ("city", "", "the table is partitioned by city, not by nothing"),
        ("city", "day(placed)", "the table is partitioned by city, not by placed_day"),
        ("day(placed)", "hour(placed)", "the table's column 'id' is \"integer\", not \"long\""),
    ),
)
def test_wider_types_with_other_partitions_are_refused(data, tmp_path, before, after, why):
    values = [{"id": n, "city": f"c{n % 2}", "placed": f"2026-01-0{n}T07:00:00Z"} for n in (1, 2)]
    folder = write_divided(tmp_path / "divided", "int", before)
    land(data, "shop.orders", 0, 0, values)
    task("load", data, folder)
    with Server(data, "--pipeline", folder) as server:
        put(server, *values)
        await_rows(data, None, 2, "live")
    tables = ("raw_orders", "live")
    everything = "SELECT id, city, placed FROM {} ORDER BY id"
    old_logs = [log_of(data, name) for name in tables]
    old_rows = [rows(data, folder, everything.format(name)) for name in tables]
    assert [row["city"] for row in old_rows[0] + old_rows[1]] == ["c1", "c0"] * 2
    files = sorted(path for name in tables for path in (data / "store" / name).rglob("*.parquet"))
    write_divided(folder, "bigint", after)
    land(data, "shop.orders", 0, 2, [{**values[0], "id": 2**40}])
    (tmp_path / "more.csv").write_text("id,city,placed\n9,c9,2026-01-01T00:00:00Z\n")
    with pytest.raises(Failed, match=f"{why}, as 'raw_orders' in pipeline.yml.*--full-refresh"):
        task("load", data, folder)
    with pytest.raises(Failed, match=why):
        run("import", "raw_orders", tmp_path / "more.csv", "--pipeline", folder, data=data)
    with Server(data, "--pipeline", folder) as server:
        put(server, {**values[0], "id": 2**40})
        await_that(lambda: why in server.log().replace("\\", ""))
    assert [log_of(data, name) for name in tables] == old_logs
    assert [rows(data, folder, everything.format(name)) for name in tables] == old_rows
    assert files == sorted(
        path for name in tables for path in (data / "store" / name).rglob("*.parquet")
    )
    task("load", data, folder, "--full-refresh")
    assert len(rows(data, folder, everything.format("raw_orders"))) == 3


# --- pipeline diff --------------------------------------------------------------------------------


def diff(data, folder):
    done = run("pipeline", "diff", folder, "--format", "json", data=data)
    return json.loads(done.stdout)


def short(found):
    return {
        (row["table"], row["change"], row["column"]): (row["effect"].split(",")[0], row["refused"])
        for row in found
    }


def test_diff_says_what_a_change_does_before_it_does(data, tmp_path):
    folder = write_pipeline(tmp_path / "change", OLD)
    land(data, "shop.orders", 0, 0, [old(1)])
    assert short(diff(data, folder)) == {
        (name, "new table", None): ("the next run makes it", False)
        for name in ("raw_orders", "orders")
    }
    task("load", data, folder)
    task("clean", data, folder)
    done = run("pipeline", "diff", folder, data=data)
    assert len(done.stdout.splitlines()) == 2  # the columns' names
    assert done.stderr == "no table will change\n"
    logs = [log_of(data, name) for name in ("raw_orders", "orders")]
    write_pipeline(folder, ADDED, clean="mode: append\n    partition_by: seq")
    grows = ("the next commit adds it; it is null for old rows", False)
    afresh = ("the next run makes the table afresh", False)
    expected = {("raw_orders", "added", name): grows for name in ("place.zip", "note", "many")}
    expected |= {("orders", "added", name): afresh for name in ("place.zip", "note", "many")}
    expected[("orders", "definition", None)] = afresh
    expected[("orders", "partitions", None)] = afresh
    found = diff(data, folder)
    assert short(found) == expected
    (zipped, *_) = [row for row in found if row["column"] == "place.zip"]
    assert (zipped["from"], zipped["to"]) == (None, "string")
    # It happens so.
    task("load", data, folder)
    land(data, "shop.orders", 0, 1, [new(2)])
    task("load", data, folder)
    assert "made afresh" in task("clean", data, folder).stdout
    assert diff(data, folder) == []
    assert logs != [log_of(data, name) for name in ("raw_orders", "orders")]


def test_diff_names_what_is_refused(data, tmp_path):
    folder = write_pipeline(tmp_path / "change", OLD, clean="mode: overwrite")
    land(data, "shop.orders", 0, 0, [old(1)])
    task("load", data, folder)
    task("clean", data, folder)
    renamed = {"id": "string", "seq": "bigint", "price": "double", "place": OLD["place"]}
    write_pipeline(folder, renamed, "mode: append\n    partition_by: seq", "mode: overwrite")
    refused = ("refused until --full-refresh", True)
    overwritten = ("the next run overwrites the table", False)
    changes = (("type", "id"), ("added", "price"), ("left out", "amount"))
    expected = {("raw_orders", *change): refused for change in (*changes, ("partitions", None))}
    expected |= {("orders", *change): overwritten for change in changes}
    assert short(diff(data, folder)) == expected
    land(data, "shop.orders", 0, 1, [old(2)])
    with pytest.raises(Failed):
        task("load", data, folder)
    task("load", data, folder, "--full-refresh")
    kept = "mode: append\n    unknown_keys: keep"
    write_pipeline(folder, renamed, kept, "mode: append")
    found = short(diff(data, folder))
    assert found[("raw_orders", "definition", None)] == refused
    assert found[("raw_orders", "partitions", None)] == refused
    assert found[("orders", "mode", None)] == ("the next run makes the table afresh", False)
    write_pipeline(folder, renamed, "mode: overwrite", "mode: overwrite")
    found = short(diff(data, folder))
    assert found[("raw_orders", "mode", None)] == overwritten


def test_diff_names_tables_that_left(data, tmp_path):
    """Their files stay, wherever they are; tables of other writers are not a change of ours."""
    folder = write_pipeline(tmp_path / "change", OLD, clean="mode: overwrite")
    land(data, "shop.orders", 0, 0, [old(1)])
    task("load", data, folder)
    task("clean", data, folder)
    write_deltalake(str(data / "store/others"), pyarrow.table({"id": [1]}))
    assert diff(data, folder) == []
    moved = (folder / "pipeline.yml").read_text().replace("path: orders", "path: new/place")
    (folder / "pipeline.yml").write_text(moved)
    found = diff(data, folder)
    assert short(found) == {
        ("orders", "new table", None): ("the next run makes it", False),
        ("orders", "not declared", None): ("nothing is deleted: declare it again", False),
    }
    task("clean", data, folder)
    (folder / "pipeline.yml").write_text(moved.replace("path: new/place", "path: orders"))
    (found,) = diff(data, folder)
    assert (found["table"], found["change"]) == ("new/place", "not declared")
    assert found["effect"] == (
        'nothing is deleted: query it as "new/place", declare it again, or remove its folder if no '
        "other pipeline uses it (made by pinion task)"
    )
    assert rows(data, folder, 'SELECT id FROM "new/place"') == [{"id": 1}]
    run("store", "rm", "--recursive", "new/place/", "--yes", data=data)
    assert diff(data, folder) == []
    # A query that is shown can be run as it is shown.
    odd = moved.replace("path: new/place", """path: 'new/"pl'';$(x)'""")
    (folder / "pipeline.yml").write_text(odd)
    task("clean", data, folder)
    (folder / "pipeline.yml").write_text(moved.replace("path: new/place", "path: orders"))
    (found,) = diff(data, folder)
    shown = """"new/""pl';$(x)\""""
    assert found["table"] == """new/"pl';$(x)""" and f"query it as {shown}," in found["effect"]
    assert rows(data, folder, f"SELECT id FROM {shown}") == [{"id": 1}]
    assert (data / "store/others").exists()


def test_diff_says_what_else_is_in_the_folder_of_a_table_that_left(data, tmp_path):
    """No row advises to remove a folder in which are rows, or what rows are made of."""
    folder = write_pipeline(tmp_path / "change", OLD, clean="mode: overwrite")
    land(data, "shop.orders", 0, 0, [old(1)])
    task("load", data, folder)
    task("clean", data, folder)
    before = (folder / "pipeline.yml").read_text()

    def effect_of(text, key="orders"):
        (folder / "pipeline.yml").write_text(text)
        (row,) = [
            row for row in diff(data, folder)
            if row["change"] == "not declared" and row["table"] == key
        ]  # fmt: skip
        return row["effect"]

    moved = before.replace("path: orders\n", "path: orders/clean\n")
    kept = "but do not remove its folder, in which is "
    assert kept + "the table orders (orders/clean) (" in effect_of(moved)
    task("clean", data, folder)
    assert kept + "the table orders (orders/clean) (" in effect_of(moved)
    # Not declared either, but a table.
    elsewhere = before.replace("path: orders\n", "path: elsewhere\n")
    assert kept + "the table orders/clean (" in effect_of(elsewhere)
    run("store", "rm", "--recursive", "orders/clean/", "--yes", data=data)
    assert "or remove its folder if no other pipeline uses it (" in effect_of(elsewhere)
    for more, inside in (
        ("  b: {path: orders/b/c, from_topic: shop.orders, columns: {id: bigint}}\n",
         "the table b (orders/b/c)"),
        ('  b: {path: b, from_files: "orders/*/*.json", columns: {id: bigint}}\n',
         "what the table b is made of (orders/*/*.json)"),
    ):  # fmt: skip
        assert kept + inside in effect_of(elsewhere.replace("dags:\n", more + "dags:\n"))
    streams = "streams: {shop: {start: trim_horizon, table: live}}\n"
    live = "  live: {path: live, like: orders, checkpoints: orders/marks}\n"
    streamed = elsewhere.replace("dags:\n", live + "dags:\n") + streams
    assert kept + "the folder of checkpoints of live (orders/marks)" in effect_of(streamed)
    assert kept + "sink.topics_dir (orders/topics)" in effect_of(
        elsewhere + "sink: {topics_dir: orders/topics}\n"
    )
    assert kept + "the table dead_letters (orders/dead)" in effect_of(
        elsewhere + "dead_letters: orders/dead\n"
    )


def test_diff_does_not_look_into_the_store_of_another_data_folder(data, tmp_path):
    folder = write_pipeline(tmp_path / "change", OLD, clean="mode: overwrite")
    land(data, "shop.orders", 0, 0, [old(1)])
    task("load", data, folder)
    text = (folder / "pipeline.yml").read_text()
    (folder / "pipeline.yml").write_text(text.replace("path: raw_orders", "path: team/raw"))
    task("load", data, folder)
    (folder / "pipeline.yml").write_text(text)
    left = [row["table"] for row in diff(data, folder) if row["change"] == "not declared"]
    assert left == ["team/raw"]
    (data / "store/team/.pinion").mkdir()
    (data / "store/team/.pinion/owner").write_text("x")
    assert [row["table"] for row in diff(data, folder) if row["change"] == "not declared"] == []
