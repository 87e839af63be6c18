"""`action: quarantine` of tables that runs add rows to, and of raw tables: rows that a test takes
out become letters, each once, whatever is killed.

As in test_incremental.py one data folder has the tables of two definitions, `grow` and `whole`.
"""

import json
import random

import pytest

from pinion import Failed, Server, run
from test_incremental import Landing, crash, land, rows, task, write_pipeline
from test_incremental_others import overtaken

TESTS = """
    expect:
      - {not_null: [id, op], action: quarantine}
      - {range: {column: amount, min: 0}, action: quarantine}
      - {accepted_values: {column: op, values: [I, U]}, action: quarantine}"""
MERGE = "mode: merge\n    key: id\n    order_by: seq"
APPEND = "mode: append"
WHOLE = "mode: overwrite"
SQL = "SELECT id, seq, amount, op, country FROM raw_orders WHERE id IS NOT NULL"
# Of what no row was made of, those that a load has rejected have an object.
LETTERS = ('SELECT "table", reason, value FROM dead_letters '
           "WHERE reason LIKE 'the row does not pass%'")  # fmt: skip
ALL_LETTERS = "SELECT * EXCLUDE (made_by, after_version, batch) FROM dead_letters"


def pipeline(tmp_path, name, raw, clean=WHOLE, tested="orders"):
    if tested == "raw_orders":
        raw += TESTS
    else:
        clean += TESTS
    return write_pipeline(tmp_path / name, name, raw, clean, SQL)


def found(data, folder, sql):
    return sorted(json.dumps(row) for row in rows(data, folder, sql))


def order(**more):
    return {"id": 1, "seq": 1, "amount": 1, "op": "I", "country": "a"} | more


def make(data, folder, *args):
    done = [task(name, data, folder, *args) for name in ("load", "clean")]
    return [one.stdout + one.stderr for one in done]


@pytest.fixture
def countries(data):
    land(data, "shop.countries", 0, 0, [{"code": c, "name": c * 3} for c in "ab"])


def begin(data, *folders):
    for folder in folders:
        task("countries", data, folder)


CASES = [  # the table that is tested, and the modes of raw_orders and orders
    ("raw_orders", APPEND, WHOLE),
    ("raw_orders", APPEND, APPEND),
    ("raw_orders", MERGE, WHOLE),
    ("orders", APPEND, APPEND),
    ("orders", APPEND, APPEND + "\n    partition_by: op"),
    ("orders", APPEND, MERGE),
]


@pytest.mark.parametrize(("tested", "raw", "clean"), CASES)
def test_letters_come_once_over_kills(data, tmp_path, countries, tested, raw, clean):
    """The tests look at each row by itself, so rows and letters are those of one run over all."""
    grow = pipeline(tmp_path, "grow", raw, clean, tested)
    name = "load" if tested == "raw_orders" else "clean"
    landing = Landing(data, len(raw + clean))
    begin(data, grow)
    for number in range(5):
        landing.step()
        if name == "clean":
            task("load", data, grow)
        for _ in range(landing.chance.randrange(3)):
            crash(data, grow, name, landing.chance.uniform(0, 0.5))
        make(data, grow)
        if landing.chance.random() < 0.3:
            run("table", "optimize", "dead_letters", "--pipeline", grow, data=data, check=False)
        whole = pipeline(tmp_path / str(number), "whole", raw, clean, tested)
        begin(data, whole)
        make(data, whole, "--full-refresh")
        for sql in (f"FROM {tested}", "FROM orders", ALL_LETTERS):
            assert found(data, grow, sql) == found(data, whole, sql), (number, sql)
    assert len(found(data, grow, LETTERS)) > 3  # and there were some
    assert found(data, grow, LETTERS) == sorted(set(found(data, grow, LETTERS)))


def test_a_kill_before_the_commit_leaves_letters_to_the_next_run(data, tmp_path, countries):
    """As after a kill between the letters and the table, and between the table and the end: the
    commits that were not made yet are taken out of the logs again."""
    grow = pipeline(tmp_path, "grow", APPEND, APPEND)
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(amount=-1), order(id=2)])
    make(data, grow)
    logs = {name: data / f"store/grow/{name}/_delta_log" for name in ("orders", "dead_letters")}

    def newest(name):
        return max(logs[name].glob("*.json"))

    land(data, "shop.orders", 0, 2, [order(id=3, amount=-3)])
    make(data, grow)
    newest("orders").unlink()
    assert len(found(data, grow, LETTERS)) == 2
    land(data, "shop.orders", 0, 3, [order(id=4, amount=-4), order(id=5)])
    make(data, grow)
    assert [json.loads(row["value"])["id"] for row in rows(
        data, grow, LETTERS + " ORDER BY CAST(value->'$.id' AS INT)")] == [1, 3, 4]  # fmt: skip
    assert '"DELETE"' in newest("dead_letters").read_text()  # the letter of the run before
    newest("dead_letters").unlink()
    assert len(found(data, grow, LETTERS)) == 4
    make(data, grow)
    assert len(found(data, grow, LETTERS)) == 3
    assert [row["id"] for row in rows(data, grow, "SELECT id FROM orders ORDER BY id")] == [2, 5]


def test_a_failed_run_takes_its_letters_back(data, tmp_path, countries):
    tests = TESTS.replace("[id, op]", "[op]")
    grow = write_pipeline(tmp_path / "grow", "grow", APPEND, MERGE + tests,
                          SQL.replace("id, seq", "nullif(id, 7) AS id, seq"))  # fmt: skip
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(id=7), order(id=2, amount=-1)])
    task("load", data, grow)
    for _ in range(2):
        assert "no value in the key column" in task("clean", data, grow, check=False).stderr
        assert found(data, grow, LETTERS) == []


def test_a_key_keeps_its_row_where_the_new_one_is_taken_out(data, tmp_path, countries):
    grow = pipeline(tmp_path, "grow", APPEND, MERGE)
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(seq=1, amount=5)])
    make(data, grow)
    land(data, "shop.orders", 0, 1, [order(seq=3, amount=-5), order(id=2, amount=-1)])
    told = make(data, grow)[1]
    assert "2 of 3 tests passed, quarantine: range(amount) has 2 rows" in told
    assert [(row["id"], row["amount"]) for row in rows(data, grow, "FROM orders")] == [(1, 5)]
    land(data, "shop.orders", 0, 3, [order(seq=2, amount=6)])  # older than the one taken out
    make(data, grow)
    assert [(row["id"], row["amount"]) for row in rows(data, grow, "FROM orders")] == [(1, 6)]
    assert len(found(data, grow, LETTERS)) == 2


@pytest.mark.parametrize("raw", [WHOLE, APPEND])
def test_a_raw_table_has_both_kinds_of_letters(data, tmp_path, countries, raw):
    grow = pipeline(tmp_path, "grow", raw + "\n    unknown_keys: keep", WHOLE, "raw_orders")
    begin(data, grow)
    land(data, "shop.orders", 0, 0, ["no json\n", order(amount=-1, more=1), order(id=2, more=2)])
    told = make(data, grow)[0]
    assert "1 row" in told and "2 dead letters" in told and "2 of 3 tests passed" in told
    assert [(row["id"], row["_unknown"]) for row in rows(data, grow, "FROM raw_orders")] == [
        (2, '{"more":2}')
    ]  # fmt: skip
    [letter] = rows(data, grow, "FROM dead_letters WHERE object IS NULL")
    assert json.loads(letter["value"]) == order(amount=-1) | {"_unknown": '{"more":1}'}
    assert letter["reason"] == "the row does not pass range(amount)"
    assert letter["topic"] is None and (letter["batch"] is None) == (raw == WHOLE)
    make(data, grow)
    assert len(found(data, grow, "FROM dead_letters")) == 2
    land(data, "shop.orders", 0, 3, [order(op="X")])
    make(data, grow)
    assert len(found(data, grow, "FROM dead_letters")) == 3
    for path in (data / "store/topics/shop.orders/partition=0").iterdir():
        path.unlink()
    land(data, "shop.orders", 0, 9, [order(id=3)])
    make(data, grow, *(["--full-refresh"] if raw == APPEND else []))
    assert found(data, grow, "FROM dead_letters") == []


def test_a_test_that_comes_later_begins_with_the_next_rows(data, tmp_path, countries):
    grow = write_pipeline(tmp_path / "grow", "grow", APPEND, APPEND, SQL)
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(amount=-1)])
    make(data, grow)
    log = data / "store/grow/orders/_delta_log"
    pipeline(tmp_path, "grow", APPEND, APPEND)
    for number in range(1, 3):
        land(data, "shop.orders", 0, number, [order(amount=-1 - number)])
        make(data, grow)
        if number == 1:
            max(log.glob("*.json")).unlink()  # as if it had been killed before this commit
    letters = [json.loads(row["value"])["amount"] for row in rows(data, grow, LETTERS)]
    assert sorted(letters) == [-3, -2] and len(rows(data, grow, "FROM orders")) == 1


@pytest.mark.parametrize(("tested", "raw", "clean"), CASES)
def test_a_full_refresh_replaces_the_letters(data, tmp_path, countries, tested, raw, clean):
    grow = pipeline(tmp_path, "grow", raw, clean, tested)
    begin(data, grow)
    for number in range(3):
        land(data, "shop.orders", 0, 2 * number, [order(id=number, amount=-number), "[[\n"])
        make(data, grow)
    before = found(data, grow, ALL_LETTERS)
    assert len(before) == 5 and len(found(data, grow, LETTERS)) == 2
    make(data, grow, "--full-refresh")
    assert found(data, grow, ALL_LETTERS) == before

    folder = data / f"store/grow/{tested}/_delta_log"  # a table that is made again
    for path in folder.iterdir():
        path.unlink()
    make(data, grow)
    assert found(data, grow, ALL_LETTERS) == before

    if (tested, clean) == ("raw_orders", APPEND):
        return  # its rows would not grow
    mode = raw if tested == "raw_orders" else clean  # and with another mode, and back
    text = (grow / "pipeline.yml").read_text()
    whole = text.replace(f"{mode}{TESTS}", f"{WHOLE}{TESTS}")
    assert whole != text
    (grow / "pipeline.yml").write_text(whole)
    for _ in range(2):
        make(data, grow)
        assert found(data, grow, ALL_LETTERS) == before
    (grow / "pipeline.yml").write_text(text)
    make(data, grow)
    assert found(data, grow, ALL_LETTERS) == before


@pytest.mark.parametrize("tested", ["raw_orders", "orders"])
def test_what_was_dropped_stays_away(data, tmp_path, countries, tested):
    grow = pipeline(tmp_path, "grow", APPEND, APPEND, tested)
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(amount=-1), order(amount=-2)])
    make(data, grow)
    listed = run("dead-letters", "list", "--format", "json", "--pipeline", grow, data=data).stdout
    [dropped] = [row["id"] for row in json.loads(listed) if '"amount":-1.0' in row["value"]]
    run("dead-letters", "drop", dropped, "--yes", "--pipeline", grow, data=data)
    for args in ((), ("--full-refresh",), ("--full-refresh",)):
        make(data, grow, *args)
        assert len(found(data, grow, LETTERS)) == 1
        land(data, "shop.orders", 0, 2, [order(id=2)])
        make(data, grow)
        assert len(found(data, grow, LETTERS)) == 1


def test_a_full_refresh_forgets_what_was_dropped_and_is_gone(data, tmp_path, countries):
    """Also where no row fails any more."""
    grow = pipeline(tmp_path, "grow", APPEND, APPEND)
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(amount=-1)])
    make(data, grow)
    run("dead-letters", "drop", "--table", "orders", "--yes", "--pipeline", grow, data=data)
    [remembered] = (data / "store").rglob("_dropped/*.jsonl")
    assert remembered.read_text()
    for path in (data / "store/topics/shop.orders/partition=0").iterdir():
        path.unlink()
    land(data, "shop.orders", 0, 2, [order(id=2)])
    make(data, grow, "--full-refresh")
    assert not [path for path in (data / "store").rglob("_dropped/*") if path.read_text()]


WHOLES = [("raw_orders", WHOLE, WHOLE), ("orders", APPEND, WHOLE), ("orders", WHOLE, WHOLE)]


@pytest.mark.parametrize(("tested", "raw", "clean"), CASES + WHOLES)
def test_a_test_that_leaves_takes_its_letters_with_it(
    data, tmp_path, countries, tested, raw, clean
):
    """As soon as the rows that it took out come into the table."""
    begin(data, grow := pipeline(tmp_path, "grow", raw, clean, tested))
    land(data, "shop.orders", 0, 0, [order(amount=-1), order(id=2)])
    make(data, grow)
    assert len(found(data, grow, LETTERS)) == 1
    write_pipeline(grow, "grow", raw, clean, SQL)
    land(data, "shop.orders", 0, 2, [order(id=3, amount=-1)])
    for args in ((), ("--full-refresh",)):
        make(data, grow, *args)
        ids = [row["id"] for row in rows(data, grow, f"SELECT id FROM {tested} ORDER BY id")]
        is_whole = args or (raw if tested == "raw_orders" else clean) == WHOLE
        assert ids == ([1, 2, 3] if is_whole else [2, 3])
        assert len(found(data, grow, LETTERS)) == (0 if is_whole else 1)


@pytest.mark.parametrize("tests", ("", "\n    expect: [{unique: id, action: warn}]"))
def test_letters_stay_until_their_rows_are_in_the_table(data, tmp_path, countries, tests):
    begin(data, grow := pipeline(tmp_path, "grow", APPEND, WHOLE))
    land(data, "shop.orders", 0, 0, [order(amount=-1), order(id=2)])
    make(data, grow)
    write_pipeline(grow, "grow", APPEND, WHOLE + tests, SQL)
    log = data / "store/grow/orders/_delta_log"
    newer = log / f"{len(list(log.glob('*.json'))):020}.json"
    newer.write_text('{"protocol": {"minReaderVersion": 1, "minWriterVersion": 99}}')
    with pytest.raises(Failed, match="cannot be written"):
        make(data, grow)
    assert len(found(data, grow, LETTERS)) == 1
    newer.unlink()
    make(data, grow)
    assert (len(found(data, grow, LETTERS)), len(found(data, grow, "FROM orders"))) == (0, 2)


@pytest.mark.parametrize("tests", ("", "\n    expect: [{unique: id, action: warn}]"))
def test_a_run_that_replaces_some_partitions_leaves_letters(data, tmp_path, countries, tests):
    """Rows that were taken out of the others are nowhere else."""
    whole = WHOLE + "\n    partition_by: op"
    begin(data, grow := pipeline(tmp_path, "grow", APPEND, whole))
    land(data, "shop.orders", 0, 0, [order(amount=-1), order(id=2, op="U")])
    make(data, grow)
    some = whole + "\n    replace_where: op = 'U'" + tests
    write_pipeline(grow, "grow", APPEND, some, SQL + " AND op = 'U'")
    make(data, grow)
    assert len(found(data, grow, LETTERS)) == 1
    assert len(found(data, grow, "FROM orders")) == 1


@pytest.mark.parametrize(("tested", "raw", "clean"), [CASES[0], CASES[3]])
def test_a_slow_run_adds_no_letters_when_others_have_committed(
    data, tmp_path, countries, tested, raw, clean
):
    """It would be killed before it takes them back, and the turns of the others are over."""
    grow = pipeline(tmp_path, "grow", raw, clean, tested)
    name = "load" if tested == "raw_orders" else "clean"
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(id=0, amount=-1)])
    make(data, grow)
    log = data / "store/grow/dead_letters/_delta_log"
    land(data, "shop.orders", 0, 1, [order(id=1, amount=-1)])
    if name == "clean":
        task("load", data, grow)

    commits = set()

    def others():
        make(data, grow)
        land(data, "shop.orders", 0, 2, [order(id=2, amount=-1)])
        make(data, grow)
        commits.update(log.glob("*.json"))

    returncode, told = overtaken(data, grow, name, others)
    assert returncode != 0 and "another run" in told, told
    assert set(log.glob("*.json")) == commits
    ids = [json.loads(row["value"])["id"] for row in rows(data, grow, LETTERS)]
    assert sorted(ids) == [0, 1, 2]


def test_unique_is_in_the_table_and_in_the_batch(data, tmp_path, countries):
    unique = "\n    expect: [{unique: id, action: quarantine}]"
    grow = write_pipeline(tmp_path / "grow", "grow", APPEND, APPEND + unique, SQL)
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(id=1), order(id=2)])
    make(data, grow)
    land(data, "shop.orders", 0, 2, [order(id=1, seq=2), *[order(id=3)] * 2, order(id=4)])
    make(data, grow)
    ids = [row["id"] for row in rows(data, grow, "SELECT id FROM orders ORDER BY id")]
    assert ids == [1, 2, 4] and len(found(data, grow, LETTERS)) == 3


AWKWARD = ["id", "r", "f", "b", "row", "names", "reason", "value", "pn_row", "table"]


def test_a_letter_has_the_whole_row(data, tmp_path):
    """Whatever the columns are named, and with numbers that JSON does not have."""
    folder = tmp_path / "awkward"
    folder.mkdir()
    quoted = ", ".join(f'"{name}"' for name in AWKWARD)
    (folder / "clean.sql").write_text(f"""
SELECT {quoted}, CAST(f AS DOUBLE) AS x, [CAST(b AS FLOAT), 1.5, NULL] AS list,
    {{'a': CAST(f AS DOUBLE), 'B': 'inf'}} AS part, map(['k'], [-CAST(f AS DOUBLE)]) AS parts,
    CASE WHEN id > 1 THEN {{'a': CAST(0.5 AS DOUBLE), 'B': CAST(NULL AS VARCHAR)}} END AS none
FROM raw
""")
    texts = ", ".join(f"{name}: string" for name in AWKWARD[1:])
    (folder / "pipeline.yml").write_text(f"""
name: awkward
topics: {{a.b: {{partitions: 1}}}}
tables:
  raw: {{path: raw, from_topic: a.b, mode: append, columns: {{id: bigint, {texts}}}, expect: [
    {{range: {{column: id, min: 0}}, action: quarantine}}]}}
  clean: {{path: clean, sql: clean.sql, reads: [raw], mode: append, columns: {{id: bigint, {texts},
    x: double, list: array<float>, part: 'struct<a double, B string>',
    parts: 'map<string, double>', none: 'struct<a double, B string>'}},
    expect: [{{accepted_values: {{column: r, values: [a]}}, action: quarantine}}]}}
dags: {{nightly: {{tasks: {{load: {{run: load, tables: [raw]}},
  clean: {{run: transform, tables: [clean], after: [load]}}}}}}}}
""")
    one = {name: name for name in AWKWARD} | {"id": 1, "r": "a", "f": "1.5", "b": "2"}
    bad = [one | {"id": -1}, one | {"id": -2, "r": "b"}]
    odd = [one | {"r": "b", "f": "nan", "b": "-inf"}, one | {"id": 2, "r": "c", "f": "inf"}]
    land(data, "a.b", 0, 0, [one, *bad, *odd])
    make(data, folder)
    letters = rows(
        data, folder, "SELECT value FROM dead_letters ORDER BY CAST(value->>'id' AS INT)"
    )  # fmt: skip
    nested = {"x": "NaN", "list": ["-Infinity", 1.5, None], "part": {"a": "NaN", "B": "inf"},
              "parts": {"k": "NaN"}, "none": None}  # fmt: skip
    more = {"x": "Infinity", "list": [2.0, 1.5, None], "part": {"a": "Infinity", "B": "inf"},
            "parts": {"k": "-Infinity"}, "none": {"a": 0.5, "B": None}}  # fmt: skip
    found = [json.loads(letter["value"], parse_constant=pytest.fail) for letter in letters]
    assert found == [bad[1], bad[0], odd[0] | nested, odd[1] | more]
    assert [row["id"] for row in rows(data, folder, "FROM clean")] == [1]


def test_of_a_long_row_the_beginning_is_stored(data, tmp_path, countries):
    long = SQL.replace("country FROM", "repeat('é', 1200000) AS country FROM")
    grow = write_pipeline(tmp_path / "grow", "grow", APPEND, WHOLE + TESTS, long)
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(id=1, amount=-1), order(id=2, op="X")])
    make(data, grow)
    note = " (only the beginning of the value is stored)"
    letters = rows(data, grow, LETTERS.replace("value", "length(value) AS n") + " ORDER BY reason")
    assert [(letter["reason"], letter["n"]) for letter in letters] == [
        ("the row does not pass accepted_values(op)" + note, 1 << 20),
        ("the row does not pass range(amount)" + note, 1 << 20),
    ]
    with Server(data, "--pipeline", grow):
        told = run("dead-letters", "resend", "--table", "orders", "--pipeline", grow,
                   data=data, check=False)  # fmt: skip
    assert "a data test took out this row" in told.stdout + told.stderr, told

def test_a_relationship_is_that_of_the_moment(data, tmp_path, countries):
    test = "{relationship: {column: country, to: countries.code}, action: quarantine}"
    raw = f"{APPEND}\n    expect: [{test}]"
    grow = write_pipeline(tmp_path / "grow", "grow", raw, WHOLE, SQL)
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(country="a"), order(country="c")])
    make(data, grow)
    land(data, "shop.countries", 0, 2, [{"code": "c", "name": "C"}])
    begin(data, grow)
    land(data, "shop.orders", 0, 2, [order(country="c"), order(country="d")])
    make(data, grow)
    assert [row["country"] for row in rows(data, grow, "FROM raw_orders ORDER BY 5")] == ["a", "c"]
    letters = [json.loads(row["value"])["country"] for row in rows(data, grow, LETTERS)]
    assert sorted(letters) == ["c", "d"]


@pytest.mark.parametrize("raw", [APPEND, MERGE, MERGE + "\n    partition_by: op"])
def test_a_relationship_to_the_table_itself(data, tmp_path, countries, raw):
    """Its rows count, and those of the run."""
    test = "{relationship: {column: seq, to: raw_orders.id}, action: quarantine}"
    grow = write_pipeline(tmp_path / "grow", "grow", f"{raw}\n    expect: [{test}]", WHOLE, SQL)
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(id=1, seq=1)])
    make(data, grow)
    land(data, "shop.orders", 0, 1, [order(id=2, seq=1), order(id=3, seq=2), order(id=4, seq=9)])
    make(data, grow)
    for args in ((), ("--full-refresh",)):
        make(data, grow, *args)
        ids = [row["id"] for row in rows(data, grow, "SELECT id FROM raw_orders ORDER BY id")]
        assert ids == [1, 2, 3]
        [letter] = rows(data, grow, LETTERS)
        assert json.loads(letter["value"])["id"] == 4


def test_files_of_the_store_are_tested_too(data, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "pipeline.yml").write_text("""
name: files
tables:
  raw: {path: raw, from_files: in/*.csv, mode: append, columns: {id: bigint, source: {type: string,
    from: file}}, expect: [{range: {column: id, min: 0}, action: quarantine}]}
dags: {nightly: {tasks: {load: {run: load, tables: [raw]}}}}
""")
    store = data / "store/in"
    store.mkdir(parents=True)
    for number in range(2):
        (store / f"{number}.csv").write_text(f"id\n{number}\n-1\nx\n")
        for _ in range(2):
            task("load", data, folder)
        letters = rows(data, folder, "SELECT object, value FROM dead_letters ORDER BY value")
        assert len(letters) == 2 * (number + 1)
    assert json.loads(letters[-1]["value"]) == {"id": -1, "source": "in/1.csv"}
    assert [row["id"] for row in rows(data, folder, "SELECT id FROM raw ORDER BY id")] == [0, 1]


def test_files_of_a_folder_make_the_table_and_its_letters(data, tmp_path, countries):
    grow = pipeline(tmp_path, "grow", APPEND, WHOLE, "raw_orders")
    begin(data, grow)
    land(data, "shop.orders", 0, 0, [order(amount=-1), order(id=2)])
    make(data, grow)
    source = tmp_path / "source"
    source.mkdir()
    (source / "countries.json").write_text('{"code": "a"}\n')
    (source / "raw_orders.json").write_text(json.dumps(order(amount=-9)) + "\n")
    for _ in range(2):
        run("batch", "--from", source, "--pipeline", grow, data=data)
        [letter] = rows(data, grow, LETTERS)
        assert json.loads(letter["value"])["amount"] == -9
    make(data, grow)
    [letter] = rows(data, grow, LETTERS)
    assert json.loads(letter["value"])["amount"] == -1


def test_runs_at_once(data, tmp_path, countries):
    """Two loads and two transforms beside each other: those that fail may be repeated."""
    import concurrent.futures

    for tested, raw, clean in (CASES[1], CASES[3]):
        grow = pipeline(tmp_path / tested, tested, raw, clean, tested)
        begin(data, grow)
        name = "load" if tested == "raw_orders" else "clean"
        chance = random.Random(3)
        for number in range(5):
            land(data, "shop.orders", 0, number, [order(id=number, seq=chance.random() * 9 // 1,
                                                        amount=-number - 1)])  # fmt: skip
            if name == "clean":
                task("load", data, grow)
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                for _ in range(3):
                    pool.submit(task, name, data, grow, check=False)
            task(name, data, grow)
            assert len(rows(data, grow, LETTERS)) == number + 1
        for path in (data / "store/topics/shop.orders/partition=0").iterdir():
            path.unlink()


@pytest.mark.parametrize("tested", ["raw_orders", "orders"])
def test_spark_refuses_what_it_does_not_do(data, tmp_path, tested):
    grow = pipeline(tmp_path, "grow", APPEND, APPEND, tested)
    to = ("--to", tmp_path / "out", "--store", "s3://b")
    told = run("deploy", "spark", *to, "--pipeline", grow, data=data, check=False)
    assert told.returncode != 0
    assert f"table '{tested}' has a test with `action: quarantine`" in told.stderr
    whole = pipeline(tmp_path, "whole", APPEND, WHOLE, "orders")
    run("deploy", "spark", *to, "--pipeline", whole, data=data)
