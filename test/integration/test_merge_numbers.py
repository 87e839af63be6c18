"""Numbers whose statistics, or whose types, other programs take otherwise: merges read no file too
few, and readers find all rows."""

import json
from decimal import Decimal

import pyarrow
import pytest
from deltalake import DeltaTable, write_deltalake

from pinion import Failed, run
from test_incremental import land, rows, task

DEFINITION = """
name: numbers
topics:
  t: {partitions: 1}
tables:
  m:
    path: m
    from_topic: t
%s
dags:
  nightly:
    tasks:
      load: {run: load, tables: [m]}
"""
MERGE = "    mode: merge\n    key: %s\n    order_by: %s\n    columns: %s\n"


def define(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "pipeline.yml").write_text(DEFINITION % text)
    return folder


def bounds(data):
    """The least and the greatest values of each commit of the table's log."""
    found = []
    for commit in sorted((data / "store/m/_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            stats = json.loads(line).get("add", {}).get("stats")
            if stats:
                found.append((json.loads(stats)["minValues"], json.loads(stats)["maxValues"]))
    return found


def test_decimals_without_whole_digits(data, tmp_path):
    """Their statistics are JSON: delta-rs reads nothing of the table else."""
    made = define(tmp_path / "p", "    mode: append\n    columns: {id: int, d: 'decimal(2,2)'}\n")
    land(data, "t", 0, 0, [{"id": 1, "d": 0.5}, {"id": 2, "d": -0.25}, {"id": 3, "d": 0}])
    task("load", data, made)
    table = DeltaTable(data / "store/m")
    actions = pyarrow.table(table.get_add_actions(flatten=True)).to_pylist()
    assert [one["num_records"] for one in actions] == [3]
    assert bounds(data) == [({"id": 1, "d": -0.25}, {"id": 3, "d": 0.5})]
    found = {row["d"] for row in table.to_pyarrow_table().to_pylist()}
    assert found == {Decimal("0.50"), Decimal("-0.25"), Decimal("0.00")}


@pytest.mark.parametrize("kind", ["double", "float"])
def test_the_two_zeros(data, tmp_path, kind):
    """A reader may take the negative one as less than the other, and each is found as zero."""
    made = define(tmp_path / "p", f"    mode: append\n    columns: {{id: int, g: {kind}}}\n")
    for offset, value in enumerate((-0.0, 0.0)):
        land(data, "t", 0, offset, [{"id": offset, "g": value}])
        task("load", data, made)
    signs = [(str(low["g"]), str(high["g"])) for low, high in bounds(data)]
    assert signs == [("-0.0", "0.0")] * 2


def test_long_decimals_of_another_writer(data, tmp_path):
    """Its statistics have the key as a floating-point number, or cut off."""
    columns = "{k: 'decimal(20,0)', seq: bigint}"
    made = define(tmp_path / "p", MERGE % ("k", "seq", columns))
    land(data, "t", 0, 0, [{"k": 1, "seq": 1}])
    task("load", data, made)
    large = Decimal("12345678901234567899")
    schema = pyarrow.schema([("k", pyarrow.decimal128(20, 0)), ("seq", pyarrow.int64())])
    batch = pyarrow.table({"k": [large], "seq": [1]}, schema=schema)
    write_deltalake(data / "store/m", batch, mode="append")
    land(data, "t", 0, 1, [{"k": int(large), "seq": 2}])
    task("load", data, made)
    found = rows(data, made, "SELECT k::VARCHAR AS k, seq FROM m ORDER BY seq")
    assert found == [{"k": "1", "seq": 1}, {"k": str(large), "seq": 2}]


def test_a_merge_that_deletes_gets_wider_types(data, tmp_path):
    """What it remembers of deletions gets them, too."""
    text = MERGE + "    delete_when: op = 'D'\n"
    made = define(tmp_path / "p", text % ("id", "seq", "{id: int, seq: int, op: string}"))
    land(data, "t", 0, 0, [{"id": n, "seq": n} for n in range(3)])
    task("load", data, made)
    land(data, "t", 0, 3, [{"id": 1, "seq": 5, "op": "D"}])
    task("load", data, made)
    define(tmp_path / "p", text % ("id", "seq", "{id: bigint, seq: bigint, op: string}"))
    land(data, "t", 0, 4, [{"id": 2, "seq": 1 << 40, "op": "D"}, {"id": 1, "seq": 4}])
    task("load", data, made)
    assert rows(data, made, "SELECT id FROM m") == [{"id": 0}]  # 1 was deleted later than it came


@pytest.mark.parametrize(
    "sql, said",
    [
        ("SELECT m.* FROM m, query('SELECT count(*) FROM m') AS q", "which tables they read"),
        ("SELECT m.* FROM m, query_table('m') AS q", "which tables they read"),
        ("SELECT id FROM m WHERE current_localtimestamp() > '2020-01-01'", "in each run"),
    ],
)
def test_sql_that_no_run_gives_twice(tmp_path, sql, said):
    clean = "  c: {path: c, mode: append, sql: c.sql, reads: [m], columns: {id: int}}\n"
    made = define(tmp_path / "p", "    mode: append\n    columns: {id: int}\n" + clean)
    (made / "c.sql").write_text("SELECT id FROM m")
    run("pipeline", "check", made)
    (made / "c.sql").write_text(sql)
    with pytest.raises(Failed, match=said):
        run("pipeline", "check", made)
