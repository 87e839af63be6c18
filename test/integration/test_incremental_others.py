"""Incremental tables while others write them: another load that is faster, other programs, objects
that were deleted. No record is lost, and none is there twice.
"""

import json
import os

import pytest

from halted import halted
from pinion import Failed, run
from test_incremental import MERGE, land, rows, sunk, task, txns, write_pipeline

APPEND = "mode: append"


def overtaken(data, pipeline, name, meanwhile, *args):
    """Runs a task, which stands still after it has listed while something else is done."""
    return halted(meanwhile, "task", "nightly", name, "--pipeline", pipeline, "--data", data, *args)


def many(count=50000):
    return [{"id": n, "seq": n, "amount": 1.0, "op": "I"} for n in range(count)]


@pytest.mark.parametrize("raw", (APPEND, MERGE))
def test_a_full_refresh_that_is_overtaken_removes_nothing(data, tmp_path, raw):
    grow = write_pipeline(tmp_path / "grow", "grow", raw)
    land(data, "shop.orders", 0, 0, many())
    task("load", data, grow)

    def meanwhile():  # of a partition that the full refresh has not seen
        land(data, "shop.orders", 1, 0, [{"id": -1, "seq": 1}, {"id": -2, "seq": "none"}])
        task("load", data, grow)

    code, output = overtaken(data, grow, "load", meanwhile, "--full-refresh")
    assert code != 0 and "another load of table 'raw_orders' was faster" in output
    assert rows(data, grow, "SELECT count(*) AS n FROM raw_orders") == [{"n": 50001}]
    assert rows(data, grow, "SELECT count(*) AS n FROM dead_letters") == [{"n": 1}]
    assert "nothing new" in task("load", data, grow).stdout


def test_a_refresh_that_is_overtaken_forgets_no_deletion(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow", MERGE)
    land(data, "shop.orders", 0, 0, many())
    task("load", data, grow)

    def meanwhile():
        land(data, "shop.orders", 1, 0, [{"id": 5, "seq": 90, "op": "D"}])
        assert "1 deleted" in task("load", data, grow).stdout

    code, output = overtaken(data, grow, "load", meanwhile, "--full-refresh")
    assert code != 0 and "was faster" in output
    late = [{"id": 5, "seq": 80}, {"id": 6, "seq": 81}]
    land(data, "shop.orders", 1, 1, late)
    task("load", data, grow)
    found = rows(data, grow, "SELECT id, seq FROM raw_orders WHERE id IN (5, 6)")
    assert found == [{"id": 6, "seq": 81}]
    task("load", data, grow, "--full-refresh")
    land(data, "shop.orders", 1, 3, late)
    task("load", data, grow)
    assert rows(data, grow, "SELECT id, seq FROM raw_orders WHERE id IN (5, 6)") == found


def test_a_late_object_is_named_where_others_were_deleted(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow", APPEND)
    landed = [land(data, "shop.orders", 0, 2 * n, [{"id": n}, {"id": n}]) for n in range(4)]
    task("load", data, grow)
    landed[0].unlink()
    landed[1].unlink()
    late = land(data, "shop.orders", 0, 3, [{"id": 30}])
    hour = 3600
    os.utime(late, (late.stat().st_atime + hour, late.stat().st_mtime + hour))
    with pytest.raises(Failed, match="1 object below offset 8 .*0003.json. that came after"):
        task("load", data, grow)
    for path in landed[2:]:  # as if all were copied to another store
        os.utime(path, (late.stat().st_atime, late.stat().st_mtime))
    assert "nothing new" in task("load", data, grow).stdout


def test_an_object_with_a_few_dead_letters_may_come_late(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow", APPEND)
    land(data, "shop.orders", 0, 0, [{"id": 0}, {"id": 1}])
    land(data, "shop.orders", 0, 6, [{"id": 6}])
    sunk(data, "shop.orders", 0, 2, 1)
    letters = data / "store/dead_letters/shop.orders/partition=0/shop.orders+0+0000000002.json"
    os.setxattr(letters, "user.pinion.offsets", b"2-6")
    task("load", data, grow)
    land(data, "shop.orders", 0, 2, [{"id": 2}, {"id": 3}, {"id": 4}])
    assert "3 rows added" in task("load", data, grow).stdout


def write_delta(data, name, values, **more):
    import deltalake
    import pyarrow

    path = str(data / "store/grow" / name)
    schema = deltalake.DeltaTable(path).to_pyarrow_table().schema
    deltalake.write_deltalake(path, pyarrow.Table.from_pylist(values, schema=schema), **more)
    return deltalake.DeltaTable(path)


@pytest.mark.parametrize("raw", (APPEND, MERGE))
def test_a_table_that_another_program_replaced_is_made_afresh(data, tmp_path, raw):
    clean = APPEND if raw == APPEND else "mode: overwrite"
    grow = write_pipeline(tmp_path / "grow", "grow", raw, clean)
    land(data, "shop.countries", 0, 0, [{"code": "a", "name": "A"}])
    land(data, "shop.orders", 0, 0, [{"id": n, "seq": 1, "amount": 1.0} for n in range(4)])
    for name in ("countries", "load", "clean"):
        task(name, data, grow)
    values = [{"id": n, "seq": 1, "amount": 1.0, "op": None, "country": None} for n in range(4)]
    count = 4
    for how in ("overwritten", "restored"):
        land(data, "shop.orders", 0, count, [{"id": count, "seq": 1, "amount": 1.0}])
        if how == "restored":
            task("load", data, grow)
            table = write_delta(data, "raw_orders", [], mode="append")
            table.restore(table.version() - 2)
        else:
            write_delta(data, "raw_orders", values, mode="overwrite")
        count += 1
        done = task("load", data, grow).stdout
        assert f"{count} rows, made afresh (it was overwritten since its last load" in done
        assert "nothing new" in task("load", data, grow).stdout
    if raw == APPEND:
        task("clean", data, grow)
        write_delta(data, "orders", values, mode="overwrite")
        done = task("clean", data, grow).stdout
        assert "6 rows, made afresh (another program may have overwritten it since" in done
        assert "nothing new" in task("clean", data, grow).stdout


def test_rows_that_another_program_deleted_stay_deleted(data, tmp_path):
    import deltalake

    grow = write_pipeline(tmp_path / "grow", "grow", APPEND)
    land(data, "shop.orders", 0, 0, [{"id": n, "seq": 1} for n in range(4)])
    task("load", data, grow)
    deltalake.DeltaTable(str(data / "store/grow/raw_orders")).delete("id = 2")
    land(data, "shop.orders", 0, 4, [{"id": 4, "seq": 1}])
    assert "1 row added" in task("load", data, grow).stdout
    found = rows(data, grow, "SELECT id FROM raw_orders ORDER BY id")
    assert [row["id"] for row in found] == [0, 1, 3, 4]


def test_a_log_that_was_cleaned_since_is_an_error(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow", APPEND)
    land(data, "shop.orders", 0, 0, [{"id": n, "seq": 1} for n in range(4)])
    task("load", data, grow)
    table = write_delta(data, "raw_orders", [], mode="append")
    table.create_checkpoint()
    (data / "store/grow/raw_orders/_delta_log" / f"{0:020}.json").unlink()
    land(data, "shop.orders", 0, 4, [{"id": 4, "seq": 1}])
    with pytest.raises(Failed, match="since its last load was cleaned.* --full-refresh"):
        task("load", data, grow)
    assert "5 rows, made afresh" in task("load", data, grow, "--full-refresh").stdout
    assert "nothing new" in task("load", data, grow).stdout


@pytest.mark.parametrize(
    "old, new",
    (
        ("from_topic: shop.orders", "from_topic: shop.countries"),
        ("amount: double", "amount: {type: double, coerce: lenient}"),
        ("mode: append", "mode: append\n    unknown_keys: reject"),
        ("seq: bigint\n", "seq: {type: bigint, aliases: [number]}\n"),
    ),
)
def test_other_records_than_those_before_need_a_full_refresh(data, tmp_path, old, new):
    grow = write_pipeline(tmp_path / "grow", "grow", APPEND)
    land(data, "shop.orders", 0, 0, [{"id": n, "seq": 1} for n in range(4)])
    land(data, "shop.countries", 0, 0, [{"id": 7, "seq": 1}])
    task("load", data, grow)
    text = (grow / "pipeline.yml").read_text()
    (grow / "pipeline.yml").write_text(text.replace(old, new, 1))
    with pytest.raises(Failed, match="`.*changed since the table was made: undo it, or run"):
        task("load", data, grow)
    made = 1 if "countries" in new else 4
    assert f"{made} row" in task("load", data, grow, "--full-refresh").stdout
    assert "nothing new" in task("load", data, grow).stdout


def test_files_of_a_folder_are_merged_too(data, tmp_path):
    grow = write_pipeline(tmp_path / "grow", "grow", MERGE)
    land(data, "shop.orders", 0, 0, [{"id": 9, "seq": 1}])
    task("load", data, grow)
    folder = tmp_path / "files"
    folder.mkdir()
    values = [{"id": 1, "seq": 1}, {"id": 1, "seq": 3}, {"id": 2, "seq": 1},
              {"id": 2, "seq": 2, "op": "D"}, {"id": 1, "seq": 2}]  # fmt: skip
    (folder / "shop.orders.json").write_text("".join(json.dumps(v) + "\n" for v in values))
    (folder / "shop.countries.json").write_text('{"code": "a", "name": "A"}\n')
    run("batch", "--from", folder, "--pipeline", grow, data=data)
    assert rows(data, grow, "SELECT id, seq FROM raw_orders") == [{"id": 1, "seq": 3}]
    assert txns(data, "grow/raw_orders")["pinion/incremental"] == 0
    assert "1 row, made afresh (it was overwritten" in task("load", data, grow).stdout
    assert rows(data, grow, "SELECT id, seq FROM raw_orders") == [{"id": 9, "seq": 1}]


KEYS = {
    "bigint": [1, 2, 3], "int": [1, 2, 3], "smallint": [1, 2, 3], "tinyint": [1, 2, 3],
    "double": [1.5, 2.5, 3.5], "float": [1.5, 2.5, 3.5], "decimal(9,2)": [1.5, 2.5, 3.5],
    "boolean": [True, False, None], "string": ["a", "b'", "\u00fc"],
    "binary": ["YQ==", "Yg==", "Yw=="],
    "date": ["2026-01-01", "2026-01-02", "2026-01-03"],
    "timestamp": ["2026-01-01T00:00:00.5Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"],
}  # fmt: skip


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("statistics", (True, False))
def test_keys_of_each_type(data, tmp_path, kind, statistics):
    grow = write_pipeline(tmp_path / "grow", "grow", "mode: merge\n    key: id\n    order_by: seq")
    text = (grow / "pipeline.yml").read_text()
    kind = f'"{kind}"'
    (grow / "pipeline.yml").write_text(
        text.replace("id: {type: bigint, required: true}", f"id: {{type: {kind}}}", 1)
        .replace("    sql:", "    sql: clean/orders.sql #", 1)
        .replace("columns: {id: bigint", f"columns: {{id: {kind}", 1)
    )
    first, second, third = KEYS[kind.strip('"')]
    land(data, "shop.orders", 0, 0, [{"id": first, "seq": 1}, {"id": second, "seq": 1}])
    task("load", data, grow)
    if not statistics:
        for path in (data / "store/grow/raw_orders/_delta_log").glob("*.json"):
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            for line in lines:
                line.get("add", {}).pop("stats", None)
                line.get("commitInfo", {}).pop("actionsCrc32c", None)
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    new = [{"id": value, "seq": 2} for value in (second, third) if value is not None]
    land(data, "shop.orders", 0, 2, new)
    assert f"{len(new)} row" in task("load", data, grow).stdout
    found = rows(data, grow, "SELECT seq FROM raw_orders ORDER BY seq")
    assert [row["seq"] for row in found] == [1] + [2] * len(new)
    assert "pinion/landed/shop.orders/0" in txns(data, "grow/raw_orders")


def test_which_row_of_a_key_is_newer(data, tmp_path):
    """By the order column alone, or by the others too: where it is equal or null, and where another
    writer added a second row of a key, or a row that is older than what deleted its key."""
    import deltalake
    import pyarrow

    grow = write_pipeline(tmp_path / "grow", "grow", MERGE)
    columns = "SELECT id, seq, amount FROM raw_orders ORDER BY id, amount"
    old = [(1, 5), (2, 5), (3, None), (4, 5), (5, 5), (6, None), (7, 5), (8, 5)]
    first = [{"id": key, "seq": seq, "amount": 1.0} for key, seq in old]
    gone = {"id": 9, "seq": 5, "op": "D"}
    land(data, "shop.orders", 0, 0, [*first, gone])
    task("load", data, grow)

    path = str(data / "store/grow/raw_orders")
    schema = deltalake.DeltaTable(path).to_pyarrow_table().schema
    others = [{"id": key, "seq": 4, "amount": 0.5} for key in (7, 8, 9)]
    deltalake.write_deltalake(path, pyarrow.Table.from_pylist(others, schema=schema), mode="append")

    new = [(1, 4), (2, 6), (3, 1), (4, None), (5, 5), (6, None), (7, 3), (8, 6), (9, 4)]
    batch = [{"id": key, "seq": seq, "amount": 2.0} for key, seq in new]
    land(data, "shop.orders", 0, 9, batch)
    task("load", data, grow)
    found = [(row["id"], row["seq"], row["amount"]) for row in rows(data, grow, columns)]
    assert found == [
        (1, 5, 1.0), (2, 6, 2.0), (3, 1, 2.0), (4, 5, 1.0),
        (5, 5, 2.0), (6, None, 2.0), (7, 5, 1.0), (8, 6, 2.0),
    ]  # fmt: skip
