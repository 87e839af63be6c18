"""`include:` and ${VARIABLES} of a pipeline.yml."""

import time

import pytest
import requests

from pinion import Failed, Server, run

MAIN = """\
name: shop
description: ${WHAT:-orders}
include: [parts/tables.yml, dags/*.yml]
topics:
  shop.orders: {partitions: "${PARTITIONS:-2}"}
"""
TABLES = """\
topics:
  shop.visits:
tables:
  raw_orders:
    path: ${ROOT}/raw/orders
    from_topic: shop.orders
    columns: {id: bigint}
"""
LOAD = """\
dags:
  load:
    tasks:
      load: {run: load, tables: [raw_orders]}
"""
TELL = """\
dags:
  # says what a shell makes of it
  tell:
    tasks:
      tell: {run: command, command: 'X=shell; echo "${X} ${NO_SUCH-unset}"'}
"""


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    for path, text in {
        "pipeline.yml": MAIN, "parts/tables.yml": TABLES, "dags/load.yml": LOAD,
        "dags/tell.yml": TELL, "dags/notes.txt": "not YAML: [",
    }.items():  # fmt: skip
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def checked(folder, **env):
    return run("pipeline", "check", folder, env={"ROOT": "tables", **env}).stdout


def refused(folder, **env):
    with pytest.raises(Failed) as failed:
        checked(folder, **env)
    return str(failed.value)


def test_files_and_variables_are_as_if_they_stood_there(shop):
    assert "topics 2, streams 0, tables 1, queries 0, DAGs 2" in checked(shop)
    shown = run("pipeline", "show", shop, env={"ROOT": "tables", "PARTITIONS": "5"}).stdout
    assert "shop: orders\n" in shown and "shop.orders  5 partitions" in shown
    assert "raw_orders  tables/raw/orders" in shown
    shown = run("pipeline", "show", shop, env={"ROOT": "a b", "WHAT": "${ROOT} $${"}).stdout
    assert "shop: ${ROOT} $${\n" in shown and "raw_orders  a b/raw/orders" in shown


def test_an_empty_variable_takes_the_default_and_an_empty_value_is_absent(shop):
    path = shop / "pipeline.yml"
    path.write_text(MAIN + "id: ${ID:-}\ndead_letters: $${x}\n")
    shown = run("pipeline", "show", shop, env={"ROOT": "t", "WHAT": ""}).stdout
    assert "shop: orders\n" in shown and "${x}" in shown


@pytest.mark.parametrize(("file", "old", "new", "said"), [
    ("parts/tables.yml", "${ROOT}", "${NO_SUCH_THING}",
     "parts/tables.yml:5: the environment has no variable NO_SUCH_THING: set it, or write "
     "${NO_SUCH_THING:-default}"),
    ("parts/tables.yml", "${ROOT}", "${1st}", "parts/tables.yml:5: ${1st} is not a variable"),
    ("parts/tables.yml", "${ROOT}", "${ROOT-x}", "parts/tables.yml:5: ${ROOT-x} is not a variable"),
    ("parts/tables.yml", "${ROOT}", "${ROOT",
     "parts/tables.yml:5: ${ROOT/raw/orders has no closing"),
    ("parts/tables.yml", "bigint", "bigintt", 'parts/tables.yml:7: tables.raw_orders.columns.id: '
     'unknown type "bigintt"'),
    ("parts/tables.yml", "topics:\n  shop.visits:", "topics:\n  shop.orders:",
     "parts/tables.yml:2: topics.shop.orders: is given twice, first in SHOP/pipeline.yml:5"),
    ("dags/tell.yml", "dags:", "settings:", 'dags/tell.yml:1: settings: unknown key "settings" '
     "(one of topics, streams, tables, dags, pools)"),
    ("dags/tell.yml", "dags:", "dags: [", "dags/tell.yml:4: invalid YAML"),
    ("pipeline.yml", "parts/tables.yml", "parts/none.yml",
     "pipeline.yml:3: include[0]: there is no file SHOP/parts/none.yml"),
    ("pipeline.yml", "dags/*.yml", "dags/*.yaml",
     "pipeline.yml:3: include[1]: no file in SHOP/dags matches *.yaml"),
    ("pipeline.yml", "dags/*.yml", "../*.yml", "pipeline.yml:3: include[1]: must be the path of "
     "another .yml file below the pipeline's folder"),
    ("pipeline.yml", "dags/*.yml", "dags*/load.yml", "include[1]: must be the path"),
    ("pipeline.yml", "dags/*.yml", "pipeline.yml", "pipeline.yml:3: include[1]: must be the path"),
    ("pipeline.yml", "dags/*.yml", "parts/*.yml",
     "pipeline.yml:3: include[1]: includes parts/tables.yml twice"),
])  # fmt: skip
def test_mistakes_are_named_where_they_stand(shop, file, old, new, said):
    path = shop / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert said.replace("SHOP", str(shop)) in refused(shop)


def test_a_section_that_others_share_by_an_alias_does_not_grow_with_another(shop):
    (shop / "pipeline.yml").write_text(
        "name: shop\ninclude: [parts/tables.yml]\ntopics: &none {shop.orders: }\nstreams: *none\n"
    )
    assert "topics 2, streams 1, tables 1" in checked(shop)


def test_a_server_follows_included_files(shop, tmp_path):
    def get(server, path):
        reply = requests.get(f"{server.url}/api/v1/{path}", timeout=30)
        assert reply.status_code == 200, reply.text
        return reply.json()

    env = {"ROOT": "tables"}
    with Server(tmp_path / "data", "--pipeline", shop, env=env) as server:
        told = run("dag", "trigger", "tell", "--wait", "--pipeline", shop, data=server.data,
                   env=env)  # fmt: skip
        assert "success" in told.stdout
        run_id = get(server, "runs?dag=tell")["items"][0]["run"]
        log = requests.get(f"{server.url}/api/v1/runs/tell/{run_id}/tell/1/log", timeout=30)
        assert log.text == "shell unset\n"
        source = get(server, "dags/tell")
        assert (source["file"], source["line"]) == ("dags/tell.yml", 3)
        assert source["text"].startswith("  tell:\n") and "${X}" in source["text"]
        assert get(server, "dags/load")["file"] == "dags/load.yml"

        version = get(server, "import_errors")["version"]
        (shop / "dags/more.yml").write_text(LOAD.replace("  load:", "  more:", 1))
        deadline = time.monotonic() + 60
        while "more" not in {dag["dag"] for dag in get(server, "dags")["items"]}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert get(server, "import_errors")["version"] != version
        (shop / "dags/more.yml").write_text("dags: {more: {}}\n")
        while not (found := get(server, "import_errors")["items"]):
            assert time.monotonic() < deadline + 60
            time.sleep(0.05)
        assert (found[0]["file"], found[0]["line"]) == ("dags/more.yml", 1)


CLEAN = """\
  orders:
    path: ${ROOT}/orders
    sql: orders.sql
    reads: [raw_orders]
    columns: {id: bigint, gone: boolean}
"""
MERGE = "    mode: merge\n    key: id\n    order_by: id\n"


@pytest.mark.parametrize(("more", "said"), [
    (MERGE + "    delete_when: nothing = 1\n",
     'parts/tables.yml:17: tables.orders.delete_when: Binder Error: Referenced column "nothing"'),
    (MERGE + "    delete_when: sum(id) OVER () > 3\n",
     "parts/tables.yml:17: tables.orders.delete_when: "),
    ("    partition_by: gone\n    replace_where: id = 1\n",
     "parts/tables.yml:15: tables.orders.replace_where: Binder Error"),
    ("    expect:\n      - {unique: id}\n      - {range: {column: id, min: x}}\n",
     "parts/tables.yml:16: tables.orders.expect[1]: table 'orders', expect: range(id): "),
])  # fmt: skip
def test_mistakes_of_sql_have_a_place(shop, more, said):
    raw = TABLES + "    mode: append\n"
    (shop / "parts/tables.yml").write_text(raw + CLEAN + more)
    (shop / "orders.sql").write_text("SELECT id, false AS gone FROM raw_orders")
    assert said in refused(shop)


def test_a_name_that_is_taken_has_a_place(shop):
    columns = "    columns:\n      id: bigint\n      file_index: int\n    partition_by: id\n"
    (shop / "parts/tables.yml").write_text(TABLES.replace("    columns: {id: bigint}\n", columns))
    told = refused(shop)
    assert "parts/tables.yml:9: tables.raw_orders.columns.file_index: pinion uses this" in told


def test_a_statement_that_is_not_a_select_is_called_so(shop):
    (shop / "parts/tables.yml").write_text(TABLES + CLEAN)
    insert = "-- orders\nINSERT INTO orders SELECT id, false FROM raw_orders"
    (shop / "orders.sql").write_text(insert)
    assert "orders.sql: it has to be one SELECT: its rows become the table" in refused(shop)


@pytest.mark.parametrize(("settings", "said"), [
    ("{gateway: {listen: 8082}}", 'gateway.listen: cannot listen on "8082": it must be HOST:PORT'),
    ("{gateway: {advertised_url: example.com}}", "gateway.advertised_url must be http://HOST:PORT"),
])  # fmt: skip
def test_settings_have_their_form(shop, settings, said):
    (shop / "pipeline.yml").write_text(MAIN + f"settings: {settings}\n")
    told = refused(shop)
    assert "pipeline.yml:6: settings.gateway." in told and said in told
