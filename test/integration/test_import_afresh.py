"""Rows of imports, which are not in the source of their table: what makes the table afresh does not
drop them silently, and they can be imported again. Columns that are added have any rules."""

import json

import pytest

from halted import halted
from pinion import run
from test_import import refusal, write
from test_incremental import land

DEFINITION = """
name: afresh
topics:
  shop.orders: {{partitions: 1}}
dead_letters: letters
tables:
  orders:
    path: raw/orders
    from_topic: shop.orders
    mode: {mode}
    {more}
    columns: {{{columns}}}
dags:
  nightly:
    tasks:
      load: {{run: load, tables: [orders]}}
"""


class Pipeline:
    def __init__(self, data, folder):
        self.data, self.folder = data, folder
        self.folder.mkdir()
        self.define()

    def define(self, columns="id: int", mode="append", more=""):
        text = DEFINITION.format(columns=columns, mode=mode, more=more)
        (self.folder / "pipeline.yml").write_text(text)

    def run(self, *args, check=True, env=None):
        return run(*args, "--pipeline", self.folder, data=self.data, check=check, env=env)

    def add(self, *args, check=True):
        return self.run("import", "orders", *args, "--quiet", check=check)

    def load(self, *args, check=True, env=None):
        return self.run("task", "nightly", "load", *args, check=check, env=env)

    def rows(self, sql="SELECT id FROM orders ORDER BY id"):
        return json.loads(self.run("query", sql, "--format", "json").stdout)

    def ids(self):
        return [row["id"] for row in self.rows()]


@pytest.fixture
def shop(data, tmp_path):
    return Pipeline(data, tmp_path / "pipeline")


def fails(done, *words):
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    for word in words:
        assert word in line
    return line


# --- made afresh --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ("option", "conf", "mode", "folder"))
def test_what_was_imported_is_not_dropped_silently(shop, tmp_path, how):
    land(shop.data, "shop.orders", 0, 0, [{"id": 9}])
    shop.load()
    first = write(tmp_path / "a.csv", "id\n1\n2\n")
    second = write(tmp_path / "b.csv", "id\n3\nx\n")
    shop.add(first)
    shop.add(second, "--bad-rows", "dead-letter")
    letters = "SELECT object, line, value FROM dead_letters"
    before, said = shop.rows(letters), [{"object": str(second), "line": 3, "value": "x"}]
    assert before == said
    args, env, allow = {
        "option": (["--full-refresh"], None, (["--full-refresh", "--drop-imported"], None)),
        "conf": ([], {"PINION_CONF": '{"full_refresh": true}'},
                 ([], {"PINION_CONF": '{"full_refresh": true, "drop_imported": true}'})),
        "mode": ([], None, (["--drop-imported"], None)),
        "folder": ([], None, ([], None)),
    }[how]  # fmt: skip
    if how == "mode":
        shop.define(mode="overwrite")
    if how == "folder":
        write(tmp_path / "orders.json", '{"id": 9}\n')
        call = ["batch", "--from", tmp_path]
        fails(shop.run(*call, check=False), "3 rows of 2 imported files", "--drop-imported")
    else:
        fails(shop.load(*args, check=False, env=env), "3 rows of 2 imported files", "dead letters",
              "--drop-imported", '"drop_imported": true')  # fmt: skip
    assert (shop.ids(), shop.rows(letters)) == ([1, 2, 3, 9], before)
    if how == "folder":
        shop.run(*call, "--drop-imported")
    else:
        done = shop.load(*allow[0], env=allow[1])
        assert "3 rows of 2 imported files left out" in done.stdout
    assert (shop.ids(), shop.rows(letters)) == ([9], [])
    if how in ("option", "conf"):  # nothing is asked twice, and all comes again
        shop.load("--full-refresh")
        shop.add(first, second, "--bad-rows", "dead-letter")
        assert (shop.ids(), shop.rows(letters)) == ([1, 2, 3, 9], said)
        refusal(shop.add(first, check=False), "already", "--force")
        shop.add(first, "--force")
        fails(shop.load("--full-refresh", check=False), "5 rows of 2 imported files")
    else:
        shop.load(*(["--full-refresh"] if how == "folder" else []))
        assert shop.ids() == [9]


def test_an_array_says_whose_imported_rows_may_go(shop, tmp_path):
    shop.define(more="""columns: {id: int}
  other:
    path: raw/other
    from_topic: shop.orders
    mode: append""")
    text = (shop.folder / "pipeline.yml").read_text()
    (shop.folder / "pipeline.yml").write_text(text.replace("[orders]", "[orders, other]"))
    land(shop.data, "shop.orders", 0, 0, [{"id": 9}])
    path = write(tmp_path / "a.csv", "id\n1\n")
    shop.load()
    for table in ("orders", "other"):
        shop.run("import", table, path, "--quiet")
    text = (shop.folder / "pipeline.yml").read_text()
    (shop.folder / "pipeline.yml").write_text(text.replace("append", "overwrite", 1))

    def load(tables):
        conf = json.dumps({"full_refresh": tables, "drop_imported": True})
        return shop.load(check=False, env={"PINION_CONF": conf})

    def ids(table):
        return [row["id"] for row in shop.rows(f"SELECT id FROM {table} ORDER BY id")]

    for tables in (["other"], []):
        fails(load(tables), "table 'orders': 1 row of 1 imported file,")
        assert ids("orders") == [1, 9]
    assert load(["orders"]).returncode == 0
    assert (ids("orders"), ids("other")) == ([9], [1, 9])
    assert load(["other"]).returncode == 0
    assert ids("other") == [9]
    shop.run("table", "restore", "orders", "--to", "1", "--yes")
    assert ids("orders") == [1, 9]
    assert load(False).returncode == 0
    assert ids("orders") == [9]


def test_a_run_fails_with_the_same_line(shop, tmp_path, data):
    land(shop.data, "shop.orders", 0, 0, [{"id": 9}])
    shop.add(write(tmp_path / "a.csv", "id\n1\n"))
    log = shop.data / "store/raw/orders/_delta_log"
    before = sorted(log.iterdir())
    fails(shop.load(check=False, env={"PINION_CONF": '{"full_refresh": true}'}),
          "1 row of 1 imported file")  # fmt: skip
    assert sorted(log.iterdir()) == before
    shop.load()
    assert shop.ids() == [1, 9]


def test_rows_that_a_restore_brought_back_are_there(shop, tmp_path):
    path = write(tmp_path / "a.csv", "id\n1\n")
    shop.add(path)
    shop.load("--full-refresh", "--drop-imported")
    shop.run("table", "restore", "orders", "--to", "0", "--yes")
    assert shop.ids() == [1]
    refusal(shop.add(path, check=False), "already", "--force")
    fails(shop.load("--full-refresh", check=False), "1 row of 1 imported file")
    shop.load("--full-refresh", "--drop-imported")
    shop.add(path)
    assert shop.ids() == [1]


def test_an_import_while_the_table_is_made_afresh_is_not_lost(shop, tmp_path):
    """Of the log of an older pinion, too, which says less: it asks for --force."""
    path = write(tmp_path / "a.csv", "id\n1\n")
    shop.add(path)
    log = shop.data / "store/raw/orders/_delta_log"
    text = (log / f"{0:020}.json").read_text().splitlines()
    kept = [line for line in text if '/rows"' not in line]
    assert len(kept) == len(text) - 1
    head = json.loads(kept[0])
    del head["commitInfo"]["actions"], head["commitInfo"]["actionsCrc32c"]
    (log / f"{0:020}.json").write_text("\n".join([json.dumps(head), *kept[1:]]) + "\n")
    fails(shop.load("--full-refresh", check=False), "the rows of 1 imported file")
    shop.load("--full-refresh", "--drop-imported")
    newest = log / f"{1:020}.json"
    text = newest.read_text().splitlines()
    kept = [line for line in text if '/dropped"' not in line]
    assert len(kept) == len(text) - 1
    head = json.loads(kept[0])
    del head["commitInfo"]["actions"], head["commitInfo"]["actionsCrc32c"]
    newest.write_text("\n".join([json.dumps(head), *kept[1:]]) + "\n")
    refusal(shop.add(path, check=False), "what made the table afresh at", "--force")
    shop.add(path, "--force")
    assert shop.ids() == [1]


def without(path, *marks):
    """The commit as an older pinion made it, without transactions that this one adds."""
    text = path.read_text().splitlines()
    head = json.loads(text[0])
    for key in ("actions", "actionsCrc32c"):
        head["commitInfo"].pop(key, None)
    kept = [line for line in text[1:] if not any(mark in line for mark in marks)]
    assert len(kept) < len(text) - 1
    path.write_text("\n".join([json.dumps(head), *kept]) + "\n")


@pytest.mark.parametrize("mode", ("append", "overwrite"))
def test_what_an_older_pinion_dropped_is_not_asked_for(shop, tmp_path, mode):
    land(shop.data, "shop.orders", 0, 0, [{"id": 9}])
    shop.add(write(tmp_path / "a.csv", "id\n1\n"))
    shop.define(mode=mode)
    shop.load("--full-refresh", "--drop-imported")
    log = shop.data / "store/raw/orders/_delta_log"
    without(log / f"{0:020}.json", '/rows"', '/imports"')
    without(log / f"{1:020}.json", '/dropped"')
    shop.load("--full-refresh")
    assert shop.ids() == [9]
    shop.run("table", "restore", "orders", "--to", "0", "--yes")
    fails(shop.load("--full-refresh", check=False), "the rows of 1 imported file")


def test_a_restore_that_the_log_forgot_is_asked_for(shop, tmp_path):
    """Of another program, whose restore says nothing of the imported files."""
    path = write(tmp_path / "a.csv", "id\n1\n")
    shop.add(path)
    shop.load("--full-refresh", "--drop-imported")
    shop.run("table", "restore", "orders", "--to", "0", "--yes")
    log = shop.data / "store/raw/orders/_delta_log"
    without(log / f"{2:020}.json", '"pinion/')
    for i in range(20):
        if list(log.glob("*.checkpoint*")):
            break
        shop.add(write(tmp_path / f"{i}.csv", f"id\n{10 + i}\n"))
    newest = max(int(file.name[:20]) for file in log.glob("*.checkpoint*"))
    for version in range(newest):
        (log / f"{version:020}.json").unlink()
    before = shop.ids()
    refusal(shop.add(path, check=False), "the log does not say any more", "--force")
    fails(shop.load("--full-refresh", check=False), f"of {len(before)} imported files")
    assert shop.ids() == before


# --- beside others ------------------------------------------------------------------------------

LETTERS = "SELECT object, line, value FROM dead_letters ORDER BY object, line"


def beside(shop, meanwhile, *args, nth=1):
    return halted(meanwhile, *args, "--pipeline", shop.folder, "--data", shop.data, nth=nth)


def many(count=50000):
    return [{"id": 0}] * count


@pytest.mark.parametrize("first", (True, False))
@pytest.mark.parametrize("how", ("load", "folder"))
def test_an_import_beside_what_makes_the_table_afresh_stays(shop, tmp_path, how, first):
    """A new table, or one that lost rows of an import before, which cost nothing any more."""
    path = write(tmp_path / "a.csv", "id\n1\nx\n")
    land(shop.data, "shop.orders", 0, 0, many())
    (tmp_path / "from").mkdir()
    write(tmp_path / "from/orders.json", '{"id": 0}\n' * 50000)

    if not first:
        shop.load("--full-refresh", "--drop-imported")
        shop.add(write(tmp_path / "b.csv", "id\n2\n"))
        shop.load("--full-refresh", "--drop-imported")
    args = ["batch", "--from", tmp_path / "from"]
    if how == "load":
        args = ["task", "nightly", "load", *([] if first else ["--full-refresh"])]
    code, said = beside(shop, lambda: shop.add(path, "--bad-rows", "dead-letter"), *args)
    assert code != 0 and "or an import: run it again" in said
    assert 1 in shop.ids()
    assert shop.rows(LETTERS) == [{"object": str(path), "line": 3, "value": "x"}]
    shop.load()
    assert 1 in shop.ids() and len(shop.ids()) == 50001
    assert shop.rows(LETTERS) == [{"object": str(path), "line": 3, "value": "x"}]


def test_letters_of_imports_stay_where_the_load_fails(shop, tmp_path):
    first = write(tmp_path / "a.csv", "id\n1\nx\n")
    second = write(tmp_path / "b.csv", "id\n2\ny\n")
    third = write(tmp_path / "c.csv", "id\n3\n")
    letters = [{"object": str(first), "line": 3, "value": "x"},
               {"object": str(second), "line": 3, "value": "y"}]  # fmt: skip

    for path in (first, second):
        shop.add(path, "--bad-rows", "dead-letter")
    assert shop.rows(LETTERS) == letters
    land(shop.data, "shop.orders", 0, 0, many())
    code, _ = beside(shop, lambda: shop.add(third), "task", "nightly", "load", "--full-refresh",
                     "--drop-imported")  # fmt: skip
    assert code != 0
    ids = [number for number in shop.ids() if number > 0]  # a try may have loaded the zeros
    assert (ids, shop.rows(LETTERS)) == ([1, 2, 3], letters)
    shop.load("--full-refresh", "--drop-imported")
    assert (len(shop.ids()), shop.rows(LETTERS)) == (50000, [])
    shop.add(first, "--bad-rows", "dead-letter")
    assert shop.rows(LETTERS) == [{"object": str(first), "line": 3, "value": "x"}]


@pytest.mark.parametrize("refreshed", (True, False))
def test_letters_of_a_killed_import_are_there_once(shop, tmp_path, refreshed):
    """As a kill between the commit of the letters and that of the rows leaves both tables."""
    land(shop.data, "shop.orders", 0, 0, [{"id": 9}])
    shop.load()
    path = write(tmp_path / "a.csv", "id\n1\nx\nx\ny\n")
    shop.add(path, "--bad-rows", "dead-letter")
    letters = [{"object": str(path), "line": line, "value": value}
               for line, value in ((3, "x"), (4, "x"), (5, "y"))]  # fmt: skip
    (shop.data / "store/raw/orders/_delta_log" / f"{1:020}.json").unlink()
    assert (shop.ids(), shop.rows(LETTERS)) == ([9], letters)
    if refreshed:
        for _ in range(2):  # the first leaves what may be of an import that is not done
            shop.load("--full-refresh")
        assert shop.rows(LETTERS) == []
    shop.add(path, "--bad-rows", "dead-letter")
    assert (shop.ids(), shop.rows(LETTERS)) == ([1, 9], letters)
    shop.add(path, "--bad-rows", "dead-letter", "--force")
    assert sorted(map(str, shop.rows(LETTERS))) == sorted(map(str, 2 * letters))


def test_a_compaction_is_no_other_load(shop):
    for offset in range(3):
        land(shop.data, "shop.orders", 0, offset, [{"id": offset}])
        shop.load()
    land(shop.data, "shop.orders", 0, 3, many())
    code, said = beside(shop, lambda: shop.run("table", "optimize", "orders"), "task", "nightly",
                        "load", "--full-refresh")  # fmt: skip
    assert code == 0, said
    assert len(shop.ids()) == 50003


# --- columns that are added ---------------------------------------------------------------------

RULES = {
    "aliases": "{type: int, aliases: [quay]}",
    "required": "{type: int, required: true}",
    "unwrap": '"{type: int, unwrap: $n}"',
    "coerce": "{type: int, coerce: lenient}",
    "table": "int",
}


@pytest.mark.parametrize("first", ("load", "import"))
@pytest.mark.parametrize("rule", RULES)
def test_an_added_column_may_have_any_rule(shop, tmp_path, rule, first):
    more = "coerce: lenient" if rule == "table" else ""
    column = RULES[rule].strip('"')
    shop.define(more=more)
    land(shop.data, "shop.orders", 0, 0, [{"id": 1}])
    shop.load()
    shop.add(write(tmp_path / "a.csv", "id\n2\n"))
    shop.define(f"id: int, dock: {column}", more=more)
    (row,) = json.loads(shop.run("pipeline", "diff", "--format", "json").stdout)
    assert (row["change"], row["column"], row["refused"]) == ("added", "dock", False)
    value = {"aliases": {"quay": 7}, "unwrap": {"dock": {"$n": 7}}, "coerce": {"dock": "7"},
             "table": {"dock": "7"}, "required": {"dock": 7}}[rule]  # fmt: skip
    land(shop.data, "shop.orders", 0, 1, [{"id": 3, **value}])
    path = write(tmp_path / "b.csv", "id,dock\n4,8\n")
    for step in ("import", "load") if first == "import" else ("load", "import"):
        shop.add(path) if step == "import" else shop.load()
    assert shop.rows("SELECT id, dock FROM orders ORDER BY id") == [
        {"id": 1, "dock": None}, {"id": 2, "dock": None}, {"id": 3, "dock": 7},
        {"id": 4, "dock": 8},
    ]  # fmt: skip
    assert shop.run("pipeline", "diff", "--format", "json").stdout.strip() in ("[]", "")
    # Now it is one of the table's, and its rules are those of its rows.
    shop.define("id: int, dock: {type: int, from: offset}".replace("int, from", "bigint, from"))
    fails(shop.load(check=False), "of column 'dock'")


@pytest.mark.parametrize(
    "columns, more, changed",
    [
        ("id: {type: int, aliases: [nr]}, name: string", "", "`aliases` of column 'id'"),
        ("id: {type: int, required: true}, name: string", "", "`required` of column 'id'"),
        ("id: int, name: {type: string, coerce: lenient}", "", "`coerce` of column 'name'"),
        ("id: int, name: {type: string, unwrap: v}", "", "`unwrap` of column 'name'"),
        ("id: int, name: {type: string, from: topic}", "", "`from` of column 'name'"),
        ("id: int, name: string", "unknown_keys: keep", "`unknown_keys`"),
        ("id: {type: int, required: true, aliases: [nr]}, name: string", "unknown_keys: reject",
         "`unknown_keys`, `required` of column 'id', `aliases` of column 'id'"),
    ],
)  # fmt: skip
def test_a_changed_definition_is_named(shop, tmp_path, columns, more, changed):
    shop.define("id: int, name: string")
    land(shop.data, "shop.orders", 0, 0, [{"id": 1}])
    shop.load()
    path = write(tmp_path / "a.csv", "id\n2\n")
    shop.define(columns + ", dock: {type: int, required: true}", more=more)
    line = fails(shop.load(check=False), "--full-refresh")
    assert f"table 'orders': {changed} changed since" in line
    fails(shop.add(path, check=False), f"{changed} changed since")
    rows = json.loads(shop.run("pipeline", "diff", "--format", "json").stdout)
    assert (rows[0]["change"], rows[0]["to"]) == ("definition", changed)
    shop.define("id: int")  # a column that is left out took its rules along
    shop.add(path)
    assert shop.ids() == [1, 2]


def test_many_changes_are_named_as_far_as_there_is_room(shop):
    columns = "id: int, " + ", ".join(f"c{i}: string" for i in range(60))
    shop.define(columns)
    land(shop.data, "shop.orders", 0, 0, [{"id": 1}])
    shop.load()
    shop.define(columns, more="coerce: lenient")
    fails(shop.load(check=False), "`coerce` of column 'c0', `coerce`", ", and others, changed",
          "--full-refresh")  # fmt: skip


def test_a_column_with_rules_may_be_left_out(shop):
    shop.define("id: int, name: {type: string, aliases: [title]}")
    land(shop.data, "shop.orders", 0, 0, [{"id": 1, "title": "a"}])
    shop.load()
    shop.define("id: int")
    land(shop.data, "shop.orders", 0, 1, [{"id": 2, "title": "b"}])
    shop.load()
    shop.define("id: int, name: {type: string, aliases: [called]}")
    fails(shop.load(check=False), "`aliases` of column 'name' changed")
    shop.define("id: int, name: {type: string, aliases: [title]}")
    land(shop.data, "shop.orders", 0, 2, [{"id": 3, "title": "c"}])
    shop.load()
    assert [row["name"] for row in shop.rows("SELECT name FROM orders ORDER BY id")] == [
        "a", None, "c",
    ]  # fmt: skip
