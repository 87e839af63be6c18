"""`expect:`: tests of a table's rows, before a run commits them."""

import json

import pytest

from pinion import Failed, run

PIPELINE = """\
name: shop
topics: {{shop.orders: {{}}, shop.countries: {{}}}}
tables:
  countries:
    path: t/countries
    from_topic: shop.countries
    key: code
    columns: {{code: string}}
    expect: [{{unique: code}}, {{not_null: code}}]
  raw_orders:
    path: t/raw_orders
    from_topic: shop.orders
    {raw}
    columns: {{id: bigint, amount: double, status: string, country: string}}
  orders:
    path: t/orders
    sql: orders.sql
    reads: [raw_orders]
    {clean}
    columns: {{id: bigint, amount: double, status: string, country: string}}
    expect:
{expect}
"""
SQL = "SELECT id, amount, status, country FROM raw_orders\n"
EACH = """\
      - {not_null: [id, status], action: ACTION}
      - {unique: id, action: ACTION}
      - {accepted_values: {column: status, values: [new, "it's paid"]}, action: ACTION}
      - {range: {column: amount, min: 0, max: 100}, action: ACTION}
      - {relationship: {column: country, to: countries.code}, action: ACTION}
"""
NAMES = ["not_null(id, status)", "unique(id)", "accepted_values(status)", "range(amount)",
         "relationship(country)"]  # fmt: skip
GOOD = [
    {"id": 1, "amount": 0, "status": "new", "country": "a"},
    {"id": 2, "amount": 100, "status": "it's paid", "country": None},
    {"id": 3, "amount": None, "status": "new", "country": "b"},
]
BAD = {
    "not_null(id, status)": {"id": 10, "amount": 1, "country": "a"},
    "unique(id)": {"id": 3, "amount": 1, "status": "new"},
    "accepted_values(status)": {"id": 11, "amount": 1, "status": "New"},
    "range(amount)": {"id": 12, "amount": 100.5, "status": "new"},
    "relationship(country)": {"id": 13, "amount": 1, "status": "new", "country": "zz"},
}


class Shop:
    def __init__(self, folder, data):
        self.folder, self.data, self.next = folder, data, 0
        folder.mkdir()
        (folder / "orders.sql").write_text(f"{SQL}; -- all\n")
        self.land("countries", [{"code": "a"}, {"code": "b"}])

    def write(self, expect, raw="", clean=""):
        text = PIPELINE.format(expect=expect, raw=raw, clean=clean)
        (self.folder / "pipeline.yml").write_text(text)

    def land(self, topic, values):
        place = self.data / f"store/topics/shop.{topic}/partition=0"
        place.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(value) + "\n" for value in values)
        (place / f"shop.{topic}+0+{self.next:010}.json").write_text(lines)
        self.next += len(values)

    def batch(self, **more):
        return run("batch", "--pipeline", self.folder, data=self.data, **more)

    def rows(self, sql):
        command = ("query", sql, "--pipeline", self.folder, "--format", "json")
        return json.loads(run(*command, data=self.data).stdout)

    def ids(self):
        return [row["id"] for row in self.rows("SELECT id FROM orders ORDER BY id")]

    def check(self):
        return run("pipeline", "check", self.folder, check=False)


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path / "shop", tmp_path / "data")


def test_what_passes_is_committed(shop):
    shop.write(EACH.replace("ACTION", "fail"))
    shop.land("orders", GOOD)
    assert shop.check().returncode == 0
    told = shop.batch().stderr
    assert "countries: version 0, 2 rows, 2 of 2 tests passed" in told
    assert "orders: version 0, 3 rows, 5 of 5 tests passed" in told
    assert shop.ids() == [1, 2, 3]


@pytest.mark.parametrize("name", NAMES)
def test_a_test_that_fails_leaves_the_table_as_it_was(shop, name):
    shop.write(EACH.replace("ACTION", "fail"))
    shop.land("orders", GOOD)
    shop.batch()
    shop.land("orders", [BAD[name]])
    told = shop.batch(check=False)
    count = "2 rows do" if name == "unique(id)" else "1 row does"
    assert told.returncode != 0
    assert f"table 'orders': {count} not pass {name}; the table stays as it was: {{" in told.stderr
    assert f'"id":{BAD[name]["id"]},' in told.stderr
    assert shop.ids() == [1, 2, 3]
    table = shop.data / "store/t/orders"
    assert len(list(table.glob("*.parquet"))) == 1  # what was written is gone


def test_null_passes_a_relationship_with_an_empty_table(shop):
    for landed in shop.data.glob("store/topics/shop.countries/**/*.json"):
        landed.write_text("")
    shop.write("      - {relationship: {column: country, to: countries.code}}\n")
    shop.land("orders", [{"id": 1, "country": None}])
    assert "orders: version 0, 1 row, 1 of 1 test" in shop.batch().stderr
    shop.land("orders", [{"id": 2, "country": "a"}])
    told = shop.batch(check=False).stderr
    assert "1 row does not pass relationship(country)" in told and '"id":2' in told


def test_the_first_of_several_is_shown_and_the_others_counted(shop):
    shop.write(EACH.replace("ACTION", "fail"))
    shop.land("orders", [*GOOD, *BAD.values()])
    told = shop.batch(check=False).stderr
    assert "1 row does not pass not_null(id, status) and 4 other tests fail; the table" in told


def test_warnings_are_said_and_the_rows_committed(shop):
    shop.write(EACH.replace("ACTION", "warn"))
    shop.land("orders", [*GOOD, *BAD.values()])
    told = shop.batch().stderr
    assert "orders: version 0, 8 rows, 0 of 5 tests passed" in told
    for name in NAMES:
        rows = "2 rows" if name == "unique(id)" else "1 row"
        assert f"warning: {name} has {rows}" in told
    assert len(shop.ids()) == 8


def test_a_quarantine_takes_rows_out_and_keeps_them_in_the_dead_letters(shop):
    letters = ('SELECT reason, value, topic FROM dead_letters WHERE "table" = \'orders\' '
               "ORDER BY reason")  # fmt: skip
    shop.write(EACH.replace("ACTION", "quarantine"))
    shop.land("orders", [*GOOD, *BAD.values(), {"id": 14, "amount": -1, "country": "x"}])
    told = shop.batch().stderr
    assert "orders: version 0, 2 rows, 0 of 5 tests passed" in told and "7 dead letters" in told
    assert shop.ids() == [1, 2]
    for _ in range(2):  # the same run again repeats none
        found = shop.rows(letters)
        assert [row["reason"] for row in found] == [
            "the row does not pass accepted_values(status)",
            "the row does not pass not_null(id, status)",
            "the row does not pass not_null(id, status), range(amount), relationship(country)",
            "the row does not pass range(amount)",
            "the row does not pass relationship(country)",
            "the row does not pass unique(id)",
            "the row does not pass unique(id)",
        ]
        assert all(row["topic"] is None for row in found)
        assert json.loads(found[0]["value"]) == BAD["accepted_values(status)"] | {"country": None}
        shop.batch()
    listed = run("dead-letters", "list", "--pipeline", shop.folder, data=shop.data).stdout
    assert "range(amount)" in listed

    shop.write(EACH.replace("ACTION", "warn"))  # the letters of another action do not stay
    assert "orders: version 3, 9 rows, 0 of 5 tests passed" in shop.batch().stderr
    assert shop.rows(letters) == []
    shop.write(EACH.replace("ACTION", "quarantine"))
    shop.batch()
    assert len(shop.rows(letters)) == 7

    for path in (shop.data / "store/topics/shop.orders/partition=0").iterdir():
        path.unlink()
    shop.land("orders", GOOD)
    assert "5 of 5 tests passed" in shop.batch().stderr
    assert shop.rows(letters) == [] and shop.ids() == [1, 2, 3]


def test_sql_of_ones_own_must_give_no_row(shop):
    shop.write("      - {empty: tests/sum.sql, name: the sum is small}\n"
               "      - {range: {column: amount, max: 10}, action: warn}\n")  # fmt: skip
    (shop.folder / "tests").mkdir()
    (shop.folder / "tests/sum.sql").write_text(
        "-- More than there may be.\nSELECT sum(o.amount) AS total FROM orders AS o "
        "JOIN raw_orders AS r USING (id) HAVING sum(o.amount) > 50;\n"
    )
    shop.land("orders", [{"id": 1, "amount": 20}, {"id": 2, "amount": 30}])
    assert shop.check().returncode == 0
    assert "1 of 2 tests passed, warning: range(amount) has 2 rows" in shop.batch().stderr
    shop.land("orders", [{"id": 3, "amount": 1}])
    told = shop.batch(check=False).stderr
    assert 'pass the sum is small; the table stays as it was: {"total":51.0}' in told
    assert shop.ids() == [1, 2]


@pytest.mark.parametrize("partitions", ("", "\n    partition_by: status"))
def test_an_incremental_table_tests_what_is_new(shop, partitions):
    modes = {"raw": "mode: append", "clean": "mode: append" + partitions}
    shop.write(EACH.replace("ACTION", "fail"), **modes)
    shop.land("orders", GOOD)
    shop.batch()
    shop.land("orders", [{"id": 3, "amount": 1, "status": "new"}])  # one that the table has
    told = shop.batch(check=False).stderr
    assert "1 row does not pass unique(id); the table stays as it was" in told
    assert shop.ids() == [1, 2, 3]
    shop.write(EACH.replace("ACTION", "warn"), **modes)
    told = shop.batch().stderr
    assert "orders: version 1, 1 row added, 4 of 5 tests passed, warning: unique(id)" in told
    assert shop.ids() == [1, 2, 3, 3]


def test_a_merge_tests_its_batch(shop):
    shop.write("      - {range: {column: amount, max: 10}}\n", raw="mode: append",
               clean="mode: merge\n    key: id\n    order_by: amount")  # fmt: skip
    shop.land("orders", [{"id": 1, "amount": 5}])
    shop.batch()
    shop.land("orders", [{"id": 1, "amount": 50}])
    assert "1 row does not pass range(amount)" in shop.batch(check=False).stderr
    assert shop.rows("SELECT amount FROM orders") == [{"amount": 5}]


KNOWN = "{{accepted_values: {{column: status, values: [new]}}, action: {}}}"
NEWER, LEFT_OUT = "send newer records of their keys, ", "leave them out in the SQL, "
ACTIONS = "give the test `action: quarantine` or `action: warn`"


ADVICE = {
    ("raw_orders", "overwrite"): ACTIONS,
    ("raw_orders", "append"): ACTIONS,
    ("raw_orders", "merge"): f"{NEWER}or {ACTIONS}",
    ("orders", "overwrite"): f"{LEFT_OUT}or {ACTIONS}",
    ("orders", "append"): f"{LEFT_OUT}or {ACTIONS}",
    ("orders", "merge"): f"{NEWER}{LEFT_OUT}or {ACTIONS}",
}


@pytest.mark.parametrize(("tested", "mode", "way"), [
    (*table, way) for table, advice in ADVICE.items()
    for way in (NEWER, LEFT_OUT, "quarantine", "warn") if way in advice
])  # fmt: skip
def test_what_a_failed_run_advises_lets_the_next_one_pass(shop, tested, mode, way):
    def write(action):
        mode_of = f"mode: {mode}"
        if mode == "merge":
            mode_of += "\n    key: id\n    order_by: amount"
        tests = f"      - {KNOWN.format(action)}\n"
        if tested == "orders":
            shop.write(tests, raw="mode: append", clean=mode_of)
        else:
            raw = f"{mode_of}\n    expect:\n{tests}".rstrip()
            shop.write("      - {not_null: id}\n", raw=raw)

    write("fail")
    shop.land("orders", [{"id": 1, "amount": 5, "status": "new"}])
    shop.batch()
    shop.land("orders", [{"id": 2, "amount": 5, "status": "odd"}])
    told = shop.batch(check=False)
    assert told.returncode != 0 and f"({ADVICE[tested, mode]})\n" in told.stderr
    assert '"status":"odd","country":null} (' in told.stderr
    shop.land("orders", [{"id": 3, "amount": 5, "status": "new"}])
    assert shop.batch(check=False).returncode != 0
    if way == NEWER:
        shop.land("orders", [{"id": 2, "amount": 6, "status": "new"}])
    elif way == LEFT_OUT:
        (shop.folder / "orders.sql").write_text(f"{SQL}WHERE status = 'new'")
    else:
        write(way)
    shop.batch()
    assert shop.ids() == ([1, 3] if way in (LEFT_OUT, "quarantine") else [1, 2, 3])


def test_of_rows_that_are_there_twice_a_merge_keeps_one(shop):
    shop.write("      - {unique: id}\n", raw="mode: append", clean="mode: append")
    shop.land("orders", [{"id": 1, "amount": 5}])
    shop.batch()
    shop.land("orders", [{"id": 1, "amount": 5}])
    told = shop.batch(check=False).stderr
    assert f"(make the table one with `mode: merge`, which has no such test, or {ACTIONS})" in told
    merge = "mode: merge\n    key: id\n    order_by: amount"
    shop.write("      - {not_null: id}\n", raw="mode: append", clean=merge)
    assert "its SQL, columns, partitions or mode have changed" in shop.batch().stderr
    assert shop.ids() == [1]


def test_what_a_relationship_advises_and_the_sql_of_ones_own(shop):
    test = "{relationship: {column: country, to: countries.code}}"
    shop.write(f"      - {test}\n      - {{empty: many.sql}}\n")
    (shop.folder / "many.sql").write_text("SELECT count(*) FROM orders HAVING count(*) > 2")
    shop.land("orders", [{"id": 1, "country": "c"}])
    told = shop.batch(check=False).stderr
    assert f"(add the values to table 'countries', {LEFT_OUT}or {ACTIONS})" in told
    shop.land("countries", [{"code": "c"}])
    shop.batch()
    shop.land("orders", GOOD[:2])
    told = shop.batch(check=False).stderr
    assert "(change the SQL of the test or of the table, or give the test `action: warn`)" in told


def test_raw_tables_are_tested_too(shop):
    shop.write(EACH.replace("ACTION", "fail"))
    shop.land("countries", [{"code": "a"}])
    told = shop.batch(check=False).stderr
    assert "table 'countries': 2 rows do not pass unique(code)" in told
    assert not (shop.data / "store/t/raw_orders/_delta_log").exists()


def test_another_table_must_be_made_first(shop):
    shop.write(EACH.replace("ACTION", "fail"))
    text = (shop.folder / "pipeline.yml").read_text()
    (shop.folder / "pipeline.yml").write_text(text.replace("countries.code", "later.country") + (
        "  later: {path: t/later, sql: later.sql, reads: [orders], columns: {id: bigint, "
        "amount: double, status: string, country: string}}\n"
    ))
    (shop.folder / "later.sql").write_text("SELECT * FROM orders")
    shop.land("orders", GOOD)
    assert shop.check().returncode == 0
    told = shop.batch(check=False).stderr
    assert "relationship(country): the table 'later' is not made yet" in told


@pytest.mark.parametrize(("expect", "said"), [
    ("      - {uniqe: id}\n", 'expect[0].uniqe: unknown key "uniqe"; did you mean "unique"?'),
    ("      - {action: warn}\n", "expect[0]: has no test: give not_null"),
    ("      - {unique: id, not_null: id}\n", "is a second test"),
    ("      - {unique: idd}\n", 'unknown column "idd"; did you mean "id"?'),
    ("      - {not_null: []}\n", "must name at least one column"),
    ("      - {range: {column: amount}}\n", "needs min, max or both"),
    ("      - {range: {column: amount, min: low}}\n", "table 'orders', expect: range(amount): "),
    ("      - {range: {column: amount, min: 10, max: 9.5}}\n",
     "min (10) is greater than max (9.5): no row can pass"),
    ("      - {accepted_values: {column: id, values: [1, x]}}\n", "accepted_values(id): "),
    ("      - {accepted_values: {column: id, values: []}}\n", "must have at least one value"),
    ("      - {relationship: {column: id, to: nobody.id}}\n", "must be a table of the pipeline"),
    ("      - {relationship: {column: id, to: countries}}\n", "must be a table of the pipeline"),
    ("      - {relationship: {column: id, to: countries.x}}\n", 'countries has no column "x"'),
    ("      - {relationship: {column: id, to: countries.code}}\n",
     "countries.code is not of the type of the column id"),
    ("      - {empty: none.sql}\n", "none.sql"),
    ("      - {empty: ../x.sql}\n", "must be the path of a .sql file"),
    ("      - {empty: orders.sql, action: quarantine}\n", "use fail or warn"),
    ("      - {unique: id, action: drop}\n", 'unknown'),
])  # fmt: skip
def test_mistakes_are_named(shop, expect, said):
    shop.write(expect)
    found = shop.check()
    assert found.returncode != 0 and said in found.stderr, found.stderr


@pytest.mark.parametrize(("clean", "expect", "said"), [
    ("partition_by: status\n    replace_where: status = 'new'", "{unique: id, action: quarantine}",
     "which of its letters are theirs is not known: use fail or warn here"),
    ("mode: merge\n    key: id\n    order_by: amount", "{unique: id}", "a merge keeps one row"),
])  # fmt: skip
def test_what_a_mode_cannot_do_is_named(shop, clean, expect, said):
    shop.write(f"      - {expect}\n", raw="mode: append", clean=clean)
    assert said in shop.check().stderr


def test_jobs_of_spark_get_the_tests(shop, tmp_path):
    (shop.folder / "sums.sql").write_text("SELECT *\nFROM orders -- \"\"\"\n")
    shop.write(EACH.replace("ACTION", "warn") + "      - {empty: sums.sql, name: sums}\n")
    run("deploy", "spark", "--to", tmp_path / "out", "--store", "s3://b", "--pipeline", shop.folder)
    told = {}
    exec((tmp_path / "out/pinion_pipeline.py").read_text(), told)
    tests = told["TABLES"]["orders"]["expects"]
    assert [(test["name"], test["action"]) for test in tests] == [
        *((name, "warn") for name in NAMES), ("sums", "fail"),
    ]  # fmt: skip
    assert tests[2]["values"] == ["new", "it's paid"] and tests[3]["max"] == "100"
    assert tests[4]["other"] == "countries" and tests[5]["sql"].startswith("SELECT *\nFROM orders")
    assert (tmp_path / "out/pinion_expect.py").exists()


def test_the_pipeline_shows_its_tests(shop):
    shop.write(EACH.replace("ACTION", "warn"))
    shown = run("pipeline", "show", shop.folder).stdout
    assert "    expects range(amount), else warn\n" in shown
    found = json.loads(run("pipeline", "show", shop.folder, "--format", "json").stdout)
    tests = {table["name"]: table["expect"] for table in found["tables"]}
    assert tests["orders"][1] == {"name": "unique(id)", "test": "unique", "action": "warn"}


def test_a_partitioned_table_keeps_its_files_and_compares_with_other_partitions(shop):
    divided = "partition_by: status"
    shop.write("      - {unique: id}\n      - {range: {column: amount, max: 10}, action: warn}\n",
               clean=divided)  # fmt: skip
    shop.land("orders", GOOD)
    assert "1 of 2 tests passed" in shop.batch().stderr
    shop.write("      - {unique: id}\n", clean=divided + "\n    replace_where: status = 'new'")
    (shop.folder / "orders.sql").write_text(SQL + "WHERE status = 'new'")
    shop.land("orders", [{"id": 2, "amount": 1, "status": "new"}])  # is there with another status
    assert "1 row does not pass unique(id)" in shop.batch(check=False).stderr
    assert shop.ids() == [1, 2, 3]

    shop.write("      - {range: {column: amount, max: 10}, action: quarantine}\n", clean=divided)
    (shop.folder / "orders.sql").write_text(SQL)
    shop.batch()
    assert shop.ids() == [1, 2, 3]
    import pyarrow.parquet

    for path in (shop.data / "store/t/orders").glob("status=*/*.parquet"):
        assert "status" not in pyarrow.parquet.ParquetFile(path).schema.names
