"""A data folder is one pipeline's: with another one, commands that write are refused before they
do, and those that look warn. Names that the pipeline does not have."""

import json
import shutil
import time

import pytest

from pinion import Failed, Server, run

SHOP = """\
name: NAME
topics: {orders: {}}
tables:
  raw_orders: {path: tables/orders, from_topic: orders, mode: append, columns: {id: int}}
dags:
  daily:
    schedule: "0 6 * * *"
    tasks: {load: {run: load, tables: [raw_orders]}}
"""


def make(folder, name):
    (folder / "queries").mkdir(parents=True)
    (folder / "pipeline.yml").write_text(SHOP.replace("NAME", name))
    (folder / "queries/all_orders.sql").write_text("-- all\nSELECT id FROM raw_orders\n")
    return folder


@pytest.fixture
def shop(tmp_path):
    """The folder of the pipeline `shop`, and its data with a table of two rows."""
    folder = make(tmp_path / "shop", "shop")
    (tmp_path / "orders.csv").write_text("id\n1\n2\n")
    data = tmp_path / "data"
    run("import", "raw_orders", tmp_path / "orders.csv", "--pipeline", folder, data=data)
    run("task", "daily", "load", "--pipeline", folder, data=tmp_path / "data")
    return folder


def contents(folder):
    """Every file with its bytes but those that say which process is there."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix not in (".lock", ".out")}  # fmt: skip


def changed(before, after):
    """Files that came, went or changed, but for those that SQLite keeps while it looks."""
    return [path for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path) and "state.db-" not in path.name]  # fmt: skip


NO_BUCKET = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
             "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}  # fmt: skip
WRITES = [
    ("batch",), ("task", "daily", "load"), ("serve", "--listen", "127.0.0.1:0"),
    ("import", "raw_orders", "FILE"), ("dag", "trigger", "daily"), ("dag", "pause", "daily"),
    ("dag", "note", "daily", "once", "x"), ("dag", "cancel", "daily", "once", "--yes"),
    ("dag", "clear", "daily", "once", "--all", "--yes"),
    ("dag", "backfill", "create", "daily", "--from", "2026-01-01", "--to", "2026-01-02", "--yes"),
    ("table", "vacuum", "raw_orders"), ("table", "optimize", "raw_orders"),
    ("table", "restore", "raw_orders", "--to", "0"), ("topic", "delete", "orders", "--yes"),
    ("topic", "create", "more"), ("stream", "create", "more"), ("stream", "process"),
    ("dead-letters", "drop", "--all", "--yes"), ("store", "copy", "s3://bucket/x", "local"),
]  # fmt: skip


def test_another_pipeline_is_refused_before_it_writes(shop, tmp_path):
    data, other = tmp_path / "data", make(tmp_path / "other", "other")
    run("dag", "trigger", "daily", "--run-id", "once", "--pipeline", shop, data=data)
    before = contents(data)
    assert before[data / "pipeline_name"] == b"shop\n"
    for command in WRITES:
        words = [str(tmp_path / "orders.csv") if word == "FILE" else word for word in command]
        done = run(*words, "--pipeline", other, data=data, check=False)
        assert done.returncode == 1, command
        told = f"the data folder {data} belongs to the pipeline 'shop'"
        assert done.stderr.count(told) == 1, (command, done.stderr)
        assert f"the pipeline 'other' ({other})" in done.stderr, command
        assert "PINION_PIPELINE" in done.stderr and "pipeline_name" in done.stderr, command
        assert contents(data) == before, command


LOOKS = [
    ("topic", "list"), ("topic", "describe", "orders"), ("topic", "groups"), ("stream", "list"),
    ("topic", "tail", "orders", "--from", "oldest", "--no-follow"), ("stream", "lag"),
    ("dag", "clear", "daily", "once", "--all", "--dry-run"),
    ("dag", "mark", "daily", "once", "--state", "failed", "--dry-run"),
    ("dag", "delete", "daily", "once", "--dry-run"),
    ("dag", "backfill", "create", "daily", "--from", "2026-01-01", "--to", "2026-01-02",
     "--dry-run"), ("table", "vacuum", "raw_orders", "--dry-run"),
    ("store", "copy", "local", "s3://bucket/x", "--dry-run"),
]  # fmt: skip


def test_commands_that_only_look_leave_the_folder_as_it_is(shop, tmp_path):
    """Lists and dry runs, of another pipeline or on a folder that has no name yet. The one bucket
    of them cannot be reached: what comes before that is what is looked at."""
    data, other = tmp_path / "data", make(tmp_path / "other", "other")
    text = (other / "pipeline.yml").read_text()
    (other / "pipeline.yml").write_text(text.replace("{orders: {}}", "{orders: {}, more: {}}"))
    run("dag", "trigger", "daily", "--wait", "--run-id", "once", "--pipeline", shop, data=data)
    run("stream", "create", "seen", "--pipeline", shop, data=data)
    before = contents(data)
    for command in LOOKS:
        done = run(*command, "--pipeline", other, data=data, check=False, env=NO_BUCKET)
        assert done.returncode == (command[0] == "store"), (command, done)
        told = f"the data folder {data} belongs to the pipeline 'shop'"
        assert done.stderr.count(told) == 1, (command, done.stderr)
        assert changed(before, contents(data)) == [], command
    (data / "pipeline_name").unlink()
    before = contents(data)
    for pipeline in (shop, other):
        for command in LOOKS:
            run(*command, "--pipeline", pipeline, data=data, check=False, env=NO_BUCKET)
            assert changed(before, contents(data)) == [], command


def test_beside_a_server_another_pipeline_is_told(shop, tmp_path):
    data, other = tmp_path / "data", make(tmp_path / "other", "other")
    told = f"the data folder {data} belongs to the pipeline 'shop'"
    with Server(data, "--pipeline", shop) as server:
        for command in (
            ("topic", "create", "more"), ("topic", "list"), ("topic", "delete", "more", "--yes"),
            ("stream", "create", "more"), ("stream", "list"), ("stream", "lag"),
            ("dead-letters", "resend", "--all"),
        ):  # fmt: skip
            done = run(*command, "--pipeline", other, data=data)
            assert done.stderr.count(told) == 1, (command, done.stderr)
        for more in (("--pipeline", shop), ("--pipeline", tmp_path / "none"),
                     ("--pipeline", other, "--url", server.url)):  # fmt: skip
            assert told not in run("topic", "list", *more, data=data).stderr


def test_another_pipeline_may_read_and_is_told(shop, tmp_path):
    data, other = tmp_path / "data", make(tmp_path / "other", "other")
    sql = 'SELECT count(*) AS n FROM "tables/orders"'
    asked = ("query", sql, "--format", "json")
    assert json.loads(run(*asked, "--pipeline", other, data=data).stdout) == [{"n": 2}]
    for command in (asked, ("table", "list"), ("dag", "list"), ("dag", "runs")):
        told = f"the data folder {data} belongs to the pipeline 'shop'"
        assert run(*command, "--pipeline", other, data=data).stderr.count(told) == 1, command
        assert told not in run(*command, "--pipeline", shop, data=data).stderr, command


def test_objects_are_of_no_pipeline(shop, tmp_path):
    data, other = tmp_path / "data", make(tmp_path / "other", "other")
    for folder in (data, tmp_path / "new"):
        run("store", "put", tmp_path / "orders.csv", "my/orders.csv", "--pipeline", other,
            data=folder)  # fmt: skip
        assert "my/orders.csv" in run("store", "ls", "--pipeline", other, data=folder).stdout
        run("store", "rm", "my/orders.csv", "--yes", "--pipeline", other, data=folder)
    assert (data / "pipeline_name").read_text() == "shop\n"
    assert not (tmp_path / "new/pipeline_name").exists()


def test_a_renamed_pipeline_and_one_of_the_same_name(shop, tmp_path):
    data, twin = tmp_path / "data", make(tmp_path / "twin", "shop")
    run("batch", "--pipeline", twin, data=data)
    text = (shop / "pipeline.yml").read_text()
    (shop / "pipeline.yml").write_text(text.replace("name: shop", "name: store"))
    with pytest.raises(Failed, match="If the pipeline has a new name, remove .*pipeline_name"):
        run("batch", "--pipeline", shop, data=data)
    (data / "pipeline_name").unlink()
    run("batch", "--pipeline", shop, data=data)
    assert (data / "pipeline_name").read_text() == "store\n"


def test_a_folder_of_before_gets_its_name_from_the_first_that_writes(shop, tmp_path):
    data = tmp_path / "data"
    (data / "pipeline_name").unlink()
    run("query", "all_orders", "--pipeline", shop, data=data)
    assert not (data / "pipeline_name").exists()
    with Server(data, "--pipeline", shop):
        assert (data / "pipeline_name").read_text() == "shop\n"
        run("dag", "trigger", "daily", "--wait", "--pipeline", shop, data=data)


def refused(*args, pipeline, data):
    done = run(*args, "--pipeline", pipeline, data=data, check=False)
    assert done.returncode == 1, done
    return done.stderr


def test_a_folder_that_has_lost_its_name_stays_with_its_server(shop, tmp_path):
    data, other = tmp_path / "data", make(tmp_path / "other", "other")
    with Server(data, "--pipeline", shop):
        for text in (None, "", "\n"):
            (data / "pipeline_name").unlink()
            if text is not None:
                (data / "pipeline_name").write_text(text)
            told = refused("batch", pipeline=other, data=data)
            assert f"the data folder {data} belongs to the pipeline 'shop'" in told
            assert f"stop the server, remove {data}/definitions, and start the server" in told
            listed = run("dag", "list", "--pipeline", other, data=data).stderr
            assert "belongs to the pipeline 'shop'" in listed
            run("dag", "trigger", "daily", "--wait", "--pipeline", shop, data=data)
            assert (data / "pipeline_name").read_text() == "shop\n"
        told = refused("batch", pipeline=other, data=data)
        assert f"stop the server, remove {data}/pipeline_name, and start the server" in told
        # A server of a version that keeps no copies does not say whose it is.
        (data / "pipeline_name").unlink()
        shutil.rmtree(data / "definitions")
        for pipeline in (other, shop):
            assert "restart the server first" in refused("batch", pipeline=pipeline, data=data)
        assert not (data / "pipeline_name").exists()


def test_a_folder_without_a_name_is_of_the_pipeline_whose_server_was_killed(shop, tmp_path):
    data, other = tmp_path / "data", make(tmp_path / "other", "other")
    server = Server(data, "--pipeline", shop).start()
    while not list(data.glob("definitions/*/pipeline.yml")):  # the scheduler keeps it
        time.sleep(0.01)
    server.kill()
    told = refused("batch", pipeline=other, data=data)
    assert f"new name, remove {data}/pipeline_name and {data}/definitions\n" in told
    (data / "pipeline_name").unlink()
    told = refused("serve", "--listen", "127.0.0.1:0", pipeline=other, data=data)
    assert f"the data folder {data} belongs to the pipeline 'shop'" in told
    assert f"If the pipeline has a new name, remove {data}/definitions\n" in told
    shutil.rmtree(data / "definitions")
    run("batch", "--pipeline", other, data=data)
    assert (data / "pipeline_name").read_text() == "other\n"


def test_a_name_file_without_a_name_counts_as_none(shop, tmp_path):
    (tmp_path / "data/pipeline_name").write_text("\n")
    run("batch", "--pipeline", shop, data=tmp_path / "data")
    assert (tmp_path / "data/pipeline_name").read_text() == "shop\n"


def test_a_table_that_is_not_there_yet_names_a_dag_that_makes_it(shop, tmp_path):
    text = (shop / "pipeline.yml").read_text()
    more = ("  other_orders: {path: tables/other, from_topic: orders, columns: {id: int}}\n"
            "  no_orders: {path: tables/no, from_topic: orders, columns: {id: int}}\ndags:\n"
            "  first: {tasks: {x: {run: command, command: 'true'}}}\n"
            "  later: {tasks: {load: {run: load, tables: [other_orders]}}}\n")  # fmt: skip
    (shop / "pipeline.yml").write_text(text.replace("dags:\n", more))
    for table, advice in (("other_orders", ": run `pinion dag trigger later --wait`"),
                          ("no_orders", ", and no DAG makes it: run `pinion batch`")):  # fmt: skip
        for words in (("table", "history", table), ("query", f"SELECT * FROM {table}")):
            done = run(*words, "--pipeline", shop, data=tmp_path / "data", check=False)
            assert f"table '{table}' does not exist yet{advice}" in done.stderr, done


@pytest.mark.parametrize("command, words", [
    (("dag", "show", "dayly"), ["no DAG 'dayly'", "did you mean 'daily'?"]),
    (("dag", "trigger", "nothing"), ["no DAG 'nothing'", "`pinion dag list`"]),
    (("task", "dayly", "load"), ["no DAG 'dayly'", "did you mean 'daily'?"]),
    (("query", "all_order"), ["no query 'all_order'", "did you mean 'all_orders'?"]),
    (("query", "nothing"), ["no query 'nothing'", "`pinion query --list`"]),
])  # fmt: skip
def test_a_name_that_the_pipeline_lacks_names_the_pipeline(shop, tmp_path, command, words):
    done = run(*command, "--pipeline", shop, data=tmp_path / "data", check=False)
    for word in (*words, f"in the pipeline 'shop' ({shop})"):
        assert word in done.stderr, done


@pytest.mark.parametrize("command, words", [
    (("task", "daily", "laod"), ["DAG 'daily' has no task 'laod'; did you mean 'load'?"]),
    (("table", "history", "raw_order"), ["in the pipeline 'shop' (", "did you mean 'raw_orders'?"]),
    (("query", "SELECT * FROM raw_order"), ["in the pipeline 'shop'; did you mean 'raw_orders'?"]),
])  # fmt: skip
def test_a_mistyped_name_of_a_task_or_a_table_gets_the_nearest(shop, tmp_path, command, words):
    done = run(*command, "--pipeline", shop, data=tmp_path / "data", check=False)
    for word in words:
        assert word in done.stderr, done


def test_dead_letters_of_a_table_or_an_id_that_is_none(shop, tmp_path):
    data = tmp_path / "data"

    def refused_letters(*args):
        done = run("dead-letters", *args, "--pipeline", shop, data=data, check=False)
        assert done.returncode == 1 and done.stdout == "", done
        return done.stderr

    assert "did you mean 'raw_orders'?" in refused_letters("list", "raw_order")
    assert "there is no such letter" in refused_letters("show", "nosuch", "--format", "json")
    for name in ("nothing", "tables/orders"):
        told = refused_letters("list", name, "--format", "json")
        assert f"no table '{name}' in the pipeline 'shop' ({shop}): `pinion table list` sh" in told
        assert "a key such as" not in told
    for name in ("raw_orders", "dead_letters", "stream_dead_letters"):
        words = ("dead-letters", "list", name, "--format", "json", "--pipeline", shop)
        assert json.loads(run(*words, data=data).stdout) == []
    assert "did you mean 'raw_orders'?" in refused_letters("drop", "--table", "raw_order", "--yes")
    run("dead-letters", "list", "raw_orders", "--pipeline", shop, data=data)
    with Server(data, "--pipeline", shop):
        assert "did you mean 'raw_orders'?" in refused_letters("resend", "--table", "raw_order")
        run("dead-letters", "resend", "--table", "raw_orders", "--pipeline", shop, data=data)
