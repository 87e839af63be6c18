"""The commands: help, options, formats, and what `query` does not let anybody do."""

import csv
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import threading

import pytest

from contract import KINDS, UID, delta, post, run_dag
from pinion import PINION, ROOT, Server, query, run

TABLES = {"raw_geo", "raw_pin", "raw_user", "geo", "pin", "user", "dead_letters"}
STREAMED = {"stream_geo", "stream_pin", "stream_user", "stream_dead_letters"}
QUERIES = 9


def commands(*path):
    """Every command below, as a list of words: what `--help` lists, and what those list."""
    text = run(*path, "--help").stdout
    listed = re.search(r"^commands:\n((?:  .*\n)+)", text, re.M)
    if not listed:
        return [list(path)] if path else []
    names = re.findall(r"^  (\S+)  ", listed[1], re.M)
    return [list(path)] * bool(path) + [
        below for name in names for below in commands(*path, name)
    ]  # fmt: skip


COMMANDS = commands()


def refused(done, *words, status=1):
    assert done.returncode == status, done
    assert done.stdout == "" and done.stderr.startswith("pinion: "), done
    assert done.stderr.count("\n") == 1, done
    for word in words:
        assert word in done.stderr, done


# --- help and options -------------------------------------------------------------------------


def test_the_commands_are_those_that_scripts_rely_on():
    told = {" ".join(words) for words in COMMANDS}
    assert told >= {
        "serve", "emulate batch", "query", "demo", "init", "settings", "version", "help",
        "pipeline check", "pipeline show", "pipeline diff", "dag list", "dag show", "dag trigger",
        "dag runs", "dag status", "dag logs", "dag cancel", "table list", "table schema",
        "table history", "table files", "table optimize", "table vacuum", "emulate stream",
        "stream list", "stream create", "stream describe", "stream delete", "stream reshard",
        "stream tail", "stream process", "stream lag",
    }  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_knows_its_options(words):
    done = run(*words, "--help")
    assert done.stdout.startswith(f"pinion {' '.join(words)}: ") and done.stderr == ""
    assert all(len(line) <= 100 for line in done.stdout.splitlines())
    refused(run(*words, "--no-such-option", check=False), "--no-such-option", "--help", status=2)


def test_options_of_every_command_are_checked():
    done = run("dag", "list", "-h")
    assert run("help", "dag", "list").stdout == done.stdout == run("dag", "list", "--help").stdout
    refused(run("dag", "list", "--log-level", "loud", check=False), "loud", status=2)
    refused(run("dag", "list", "--data", check=False), "--data", status=2)


@pytest.mark.parametrize("args", [
    [], ["nosuch"], ["dag"], ["dag", "nosuch"], ["table"], ["table", "schema"],
    ["table", "schema", "a", "b"], ["dag", "show"], ["query"], ["init"], ["query", "a", "b"],
    ["query", "SELECT 1", "--format", "xml"], ["demo", "--rows", "x"], ["demo", "--rows", "-1"],
    ["emulate", "batch", "--rows", "1.5"], ["table", "schema", "pin", "--version", "x"],
    ["table", "vacuum", "pin", "--retain", "soon"], ["emulate", "batch", "--to", "nowhere"],
    ["emulate", "stream", "--to", "jsonl"], ["stream"], ["stream", "create"],
    ["stream", "list", "x"], ["stream", "create", "a", "--retention", "1h"],
    ["stream", "create", "a", "--retention", "90001s"],
    ["stream", "create", "a", "--on-demand", "--shards", "2"], ["stream", "reshard", "a"],
    ["stream", "reshard", "a", "--shards", "2", "--split", "0"],
    ["stream", "reshard", "a", "--merge", "0"], ["stream", "reshard", "a", "b", "--shards", "2"],
    ["stream", "tail", "a", "--from", "x"],
])  # fmt: skip
def test_a_wrong_use_exits_with_2(data, args):
    done = run(*args, data=data if args else None, check=False)
    assert done.returncode == 2, done
    assert done.stderr and not data.exists()


def test_the_version_is_told():
    assert re.search(r"\d+\.\d+\.\d+", run("version").stdout)


# --- one loaded folder for the rest -----------------------------------------------------------


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A data folder with two versions of every table, and dead letters."""
    data = tmp_path_factory.mktemp("loaded") / "data"
    with Server(data) as server:
        run("emulate", "batch", "--url", server.url, "--rows", "60", "--batch", "20", "-q")
        run_dag(data)
        post(server.url, "pin", [{"index": 7, "title": 'comma, "quote"\nnew line é'}, "no row"])
        run_dag(data)
    return data


FORMATTED = [
    ["query", "--list"], ["query", "popular_category_by_country"], ["query", "SELECT * FROM user"],
    ["dag", "list"], ["dag", "show", "batch_processing_dag"], ["dag", "runs"],
    ["dag", "status", "batch_processing_dag"], ["table", "list"], ["table", "schema", "geo"],
    ["table", "history", "pin"], ["table", "files", "pin"], ["table", "vacuum", "pin", "--dry-run"],
    ["table", "schema", "pin", "--version", "0"], ["table", "files", "dead_letters"],
]  # fmt: skip


@pytest.mark.parametrize("args", FORMATTED, ids=" ".join)
def test_json_and_csv_parse_and_agree(loaded, args):
    rows = json.loads(run(*args, "--format", "json", data=loaded).stdout)
    assert isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    text = run(*args, "--format", "csv", data=loaded).stdout
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(read) == len(rows)
    for row, cells in zip(rows, read, strict=True):
        assert list(row) == list(cells)
        for name, value in row.items():
            if isinstance(value, str) or value is None:
                assert cells[name] == (value or "")


def test_a_setting_is_shown_from_wherever_it_comes(tmp_path):
    (tmp_path / "my.yml").write_text("sink: {flush_size: 7, rotate_interval_ms: 3s}\n")
    args = ("settings", "--format", "json", "--config", tmp_path / "my.yml")
    args += ("--set", "sink.rotate_interval_ms=4s")
    shown = {setting["name"]: setting["value"] for setting in json.loads(run(*args).stdout)}
    assert str(shown["sink.flush_size"]) == "7" and shown["sink.rotate_interval_ms"] == "4s"
    yaml = run("settings", "--set", "sink.flush_size=9").stdout
    (tmp_path / "all.yml").write_text(yaml)
    again = run("settings", "--config", tmp_path / "all.yml").stdout
    values = [re.sub("  # .*", "", text) for text in (yaml, again)]  # without where they come from
    assert values[0] == values[1] and "flush_size: 9" in values[0]


def test_the_page_of_metrics_is_the_programs_and_the_docs_name_no_others():
    rows = json.loads(run("metrics", "--format", "json").stdout)
    assert run("metrics", "--format", "md").stdout == (ROOT / "docs/metrics.md").read_text()
    assert [row["name"] for row in rows] == re.findall(
        r"^(pinion_\w+)", run("metrics", "--format", "csv").stdout, re.MULTILINE
    )
    known = {row["name"] for row in rows}
    known |= {row["name"] + "_count" for row in rows if row["kind"] == "histogram"}
    known |= {"pinion_job"}  # the notebook of a job on Spark
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        # `pinion_stream_*` stands for several.
        named = set(re.findall(r"`(pinion_[a-z_]+\b)[`{]", page.read_text()))
        assert named <= known, page


def test_the_manual_of_settings_is_the_programs():
    shipped = ROOT / "docs/settings.md"
    assert run("settings", "--format", "md").stdout == shipped.read_text()


# --- query ------------------------------------------------------------------------------------


def tree(folder):
    """Every file of a folder with its hash: equal before and after, nothing was written."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


REFUSED = [
    "INSERT INTO pin SELECT * FROM pin", "DELETE FROM pin", "UPDATE pin SET title = 'x'",
    "DROP TABLE pin", "DROP VIEW pin", "CREATE TABLE x AS SELECT 1", "CREATE VIEW x AS SELECT 1",
    "CREATE OR REPLACE MACRO m(a) AS a", "ALTER TABLE pin ADD COLUMN x INT", "TRUNCATE pin",
    "COPY pin TO '{out}'", "COPY (SELECT 1) TO '{out}' (FORMAT parquet)", "EXPORT DATABASE '{out}'",
    "COPY pin FROM '/etc/passwd'", "ATTACH '{out}' AS x", "ATTACH ':memory:' AS x", "DETACH memory",
    "USE memory", "INSTALL httpfs", "LOAD json", "SET memory_limit = '1GB'",
    "SET enable_external_access = true", "RESET ALL", "PRAGMA enable_profiling", "CHECKPOINT",
    "VACUUM", "BEGIN TRANSACTION", "CALL pragma_version()", "EXECUTE x", "PREPARE x AS SELECT 1",
    "SELECT 1; SELECT 2", "SELECT 1; DROP VIEW pin", "SELECT 1;; COPY (SELECT 1) TO '{out}'",
    "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_json('{inside}')", "SELECT * FROM read_parquet('/etc/passwd')",
    "SELECT * FROM parquet_scan('{inside}')", "SELECT * FROM parquet_metadata('{inside}')",
    "SELECT * FROM glob('/etc/*')", "SELECT * FROM '/etc/passwd'", "FROM '{inside}'",
    "SELECT * FROM 'https://127.0.0.1:1/x.parquet'", "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM sqlite_scan('{inside}', 'run')", "SELECT * FROM delta_scan('{inside}')",
    "SELECT * FROM query('COPY pin TO ''{out}''')", "SELECT * FROM query_table('/etc/passwd')",
    "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))", "SELECT getenv('HOME')",
    "EXPLAIN ANALYZE INSERT INTO pin SELECT * FROM pin", "SELECT nosuch FROM pin",
    "SELECT * FROM enable_logging(storage='file', storage_path='{out}')",
    "SELECT * FROM truncate_duckdb_logs()", "SELECT * FROM disable_logging()",
    "SELECT current_setting('secret_directory')", "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()", "SELECT * FROM duckdb_views", "FROM pg_catalog.pg_settings",
    "SELECT * FROM pin WHERE title = current_setting('temp_directory')",
    "SELECT * FROM nosuch", "SELECT", "garbage in", ";", "/* only a comment */",
]  # fmt: skip


def test_a_query_neither_writes_nor_reaches_outside(loaded, tmp_path):
    before = tree(loaded)
    inside = next((loaded / f"store/topics/{UID}.pin").rglob("*.json"))
    for text in REFUSED:
        text = text.format(out=tmp_path / "out", inside=inside)
        done = run("query", text, data=loaded, check=False)
        assert done.returncode == 1, (text, done)
        assert done.stdout == "" and done.stderr.startswith("pinion: "), (text, done)
        assert "root:" not in done.stderr
        assert not (tmp_path / "out").exists(), text
    assert tree(loaded) == before


@pytest.mark.parametrize("text, answer", [
    ("SELECT 1 AS x", [{"x": 1}]),
    ("select count(*) AS n from dead_letters;", [{"n": 1}]),
    ("WITH a AS (SELECT 2 AS x) SELECT x FROM a -- why not", [{"x": 2}]),
    ("SELECT 'INSERT; DROP' AS s", [{"s": "INSERT; DROP"}]),
    ("/* COPY */ SELECT NULL AS n, true AS t", [{"n": None, "t": True}]),
    ("(SELECT 1 AS x UNION ALL SELECT 2) ORDER BY x DESC", [{"x": 2}, {"x": 1}]),
    ("SELECT 1.5 AS f, 12345678901234567 AS l, 'é\"\n' AS s",
     [{"f": 1.5, "l": 12345678901234567, "s": 'é"\n'}]),
    ("SELECT x FROM (VALUES (1)) v(x) WHERE false", []),
    ("SELECT title FROM pin WHERE title LIKE 'comma%'", [{"title": 'comma, "quote"\nnew line é'}]),
    ("SELECT count(*) AS n FROM raw_pin p JOIN pin c ON c.ind = p.index", None),
    ("SELECT 'nan'::DOUBLE AS n, 'inf'::DOUBLE AS i, -'inf'::FLOAT AS m",
     [{"n": "NaN", "i": "Infinity", "m": "-Infinity"}]),
    ("SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS A", [{"a": 1, "a_2": 2, "a_1": 3, "A": 4}]),
    ("SELECT TIME '01:02:03' AS t, INTERVAL 1 DAY AS i, MAP {'k': 1} AS m, encode('é') AS b",
     [{"t": "01:02:03", "i": "1 day", "m": {"k": 1}, "b": "\\xC3\\xA9"}]),
    ("SELECT * EXCLUDE (bignum, geometry) FROM test_all_types()", None),
    ("SELECT [1, 2] AS l, {'a': 1} AS s, DATE '2020-01-02' AS d", None),
])  # fmt: skip
def test_a_select_is_answered(loaded, text, answer):
    rows = query(text, loaded)
    assert answer is None or rows == answer


def test_a_query_sees_one_snapshot_with_and_without_a_server(loaded):
    without = query("popular_category_by_country", loaded)
    with Server(loaded):
        assert query("popular_category_by_country", loaded) == without


# --- tables -----------------------------------------------------------------------------------


def table(data, *args):
    return json.loads(run("table", *args, "--format", "json", data=data).stdout)


def test_tables_are_listed_with_what_delta_rs_finds(loaded):
    listed = {entry["table"]: entry for entry in table(loaded, "list")}
    assert listed.keys() == TABLES | STREAMED
    assert not any(listed[name]["rows"] for name in STREAMED)
    for entry in (listed[name] for name in TABLES):
        read = delta(loaded, entry["path"].removeprefix("delta_tables/"))
        assert entry["rows"] == read.num_rows
    assert listed["raw_pin"]["rows"] == 61 and listed["dead_letters"]["rows"] == 1


def test_a_schema_and_files_are_told_by_version(loaded):
    columns = [(column["column"], column["type"]) for column in table(loaded, "schema", "user")]
    assert columns == [
        ("ind", "long"), ("user_name", "string"), ("age", "long"), ("date_joined", "timestamp"),
    ]  # fmt: skip
    folder = loaded / "store/delta_tables/transformed/pin"
    for version in ((), ("--version", "0"), ("--version", "1")):
        for entry in table(loaded, "files", "pin", *version):
            assert (folder / entry["path"]).stat().st_size == entry["size_bytes"]
    assert sum(e["rows"] for e in table(loaded, "files", "pin", "--version", "0")) == 60
    assert sum(e["rows"] for e in table(loaded, "files", "pin")) == 61
    refused(run("table", "files", "pin", "--version", "99", data=loaded, check=False), "99")


def test_history_is_newest_first_and_limited(loaded):
    history = table(loaded, "history", "raw_geo")
    assert [entry["version"] for entry in history] == list(range(len(history)))[::-1]
    assert table(loaded, "history", "raw_geo", "--limit", "1") == history[:1]
    assert table(loaded, "history", "raw_geo", "--from", "0") == history[-1:]


def test_optimize_and_vacuum_keep_every_row(loaded, tmp_path):
    data = tmp_path / "copy"
    shutil.copytree(loaded, data)
    rows = sorted(delta(data, "transformed/pin").to_pylist(), key=str)
    folder = data / "store/delta_tables/transformed/pin"
    before = tree(folder)
    table(data, "vacuum", "pin", "--dry-run", "--retain", "0s", "--force")
    assert tree(folder) == before
    refused(run("table", "vacuum", "pin", "--retain", "0s", data=data, check=False), "--force")
    assert tree(folder) == before
    assert table(data, "vacuum", "pin") == []  # nothing is older than the retention
    table(data, "optimize", "pin")
    shown = table(data, "vacuum", "pin", "--dry-run", "--retain", "0s", "--force")
    gone = table(data, "vacuum", "pin", "--retain", "0s", "--force")
    assert shown and len(gone) == len(shown)
    left = {path.name for path in folder.glob("*.parquet")}
    assert left == {entry["path"] for entry in table(data, "files", "pin")}
    assert sorted(delta(data, "transformed/pin").to_pylist(), key=str) == rows
    assert len(query("SELECT * FROM pin", data)) == len(rows)
    run_dag(data)
    assert delta(data, "transformed/pin").num_rows == len(rows)


@pytest.mark.parametrize("words", ["schema", "files", "history", "optimize", "vacuum"])
def test_a_table_that_is_not_there_yet(data, words):
    data.mkdir()
    done = run("table", words, "pin", data=data, check=False)
    refused(done, "table 'pin' does not exist yet: run `pinion dag trigger batch_processing_dag")
    done = run("table", words, "stream_pin", data=data, check=False)
    refused(done, "table 'stream_pin' does not exist yet: a stream fills it")
    done = run("table", words, "foreign/x", data=data, check=False)
    refused(done, "there is no Delta table at foreign/x")


def rows_of(done):
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_looking_at_dags_makes_no_folder(data):
    assert rows_of(run("dag", "list", "--format", "csv", data=data))[0]["runs"] == "0"
    assert rows_of(run("dag", "runs", "--format", "csv", data=data)) == []
    for words in ("status", "logs", "cancel"):
        done = run("dag", words, "batch_processing_dag", data=data, check=False)
        refused(done, "has no runs yet: `pinion dag trigger")
    assert not data.exists()


def test_a_time_to_wait_goes_with_waiting(data):
    done = run("dag", "trigger", "batch_processing_dag", "--timeout", "1s", data=data, check=False)
    refused(done, "--timeout needs --wait", status=2)


# --- a pipeline of one's own, records in files, the demo --------------------------------------


def test_init_makes_a_pipeline_that_runs(tmp_path, data):
    folder = tmp_path / "mine"
    run("init", folder)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"pipeline.yml", "generator.yml", "clean/pin.sql"} <= files
    assert "all right" in run("pipeline", "check", folder).stdout
    refused(run("init", folder, check=False), str(folder))
    (folder / "clean/pin.sql").write_text("SELECT 1")
    (folder / "clean/geo.sql").unlink()
    run("init", folder, "--yes")
    assert (folder / "clean/pin.sql").read_text() == "SELECT 1"
    assert (folder / "clean/geo.sql").exists()
    (folder / "clean/pin.sql").unlink()
    run("init", folder, "--yes")
    definition = (folder / "pipeline.yml").read_text()
    (folder / "pipeline.yml").write_text(definition.replace(UID, "mine"))
    generator = (folder / "generator.yml").read_text()
    (folder / "generator.yml").write_text(generator.replace(UID, "mine"))
    (folder / "queries/how_many.sql").write_text("-- Pins\nSELECT count(*) AS pins FROM pin\n")
    own = ("--pipeline", folder)
    with Server(data, *own) as server:
        run("emulate", "batch", "--url", server.url, "--rows", "30", "-q", *own)
        run_dag(data, *own)
    assert json.loads(
        run("query", "how_many", "--format", "json", *own, data=data).stdout
    ) == [{"pins": 30}]
    assert list((data / "store/topics").iterdir()) and not list(data.glob(f"store/topics/{UID}*"))
    listed = json.loads(run("query", "--list", "--format", "json", *own, data=data).stdout)
    assert len(listed) == QUERIES + 1
    assert "pin  2 shards, kept for 24h, read from latest" in run("pipeline", "show", folder).stdout
    shown = json.loads(run("pipeline", "show", folder, "--format", "json").stdout)
    assert "mine.pin" in json.dumps(shown)


@pytest.mark.parametrize("words", [["emulate"], ["emulate", "batch"]])
def test_emulate_writes_files_the_same_for_the_same_seed(tmp_path, words):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        run(*words, "--to", "jsonl", tmp_path / name, "--rows", "50", "--seed", seed, "-q")
    assert tree(tmp_path / "a") == tree(tmp_path / "b") != tree(tmp_path / "c")
    files = {path.stem: path for path in (tmp_path / "a").iterdir()}
    keys = {"pin": "index", "geo": "ind", "user": "ind"}
    assert files.keys() == keys.keys()
    for kind, path in files.items():
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert len({row[keys[kind]] for row in rows}) <= len(rows) == 50


def test_the_demo_leaves_its_folder_and_prints_nine_answers(tmp_path):
    into = tmp_path / "demo"
    done = run("demo", "--rows", "200", "--into", into, "-q")
    listed = json.loads(run("query", "--list", "--format", "json").stdout)
    names = [entry["query"] for entry in listed]
    assert len(names) == QUERIES
    assert all(name in done.stdout for name in names)
    for kind in KINDS:
        (data,) = [path.parent for path in into.rglob("store") if path.is_dir()]
        assert delta(data, f"transformed/{kind}").num_rows == 200
        assert str(len(query(f'SELECT * FROM "{kind}"', data))) in done.stdout
        # The same rows came through the streams.
        streamed = query(f'SELECT * FROM stream_{kind}', data)
        assert sorted(map(json.dumps, streamed)) == sorted(
            map(json.dumps, query(f'SELECT * FROM "{kind}"', data))
        )
    told = re.search(r"records seen in tables +600   after p50 (\d+) ms, p99 (\d+) ms", done.stdout)
    assert told and 0 < int(told[1]) <= int(told[2])
    assert re.search(r"records put into streams +600 ", done.stdout)
    assert re.search(r"stream_dead_letters +0\n", done.stdout)
    last = re.findall(r"^ +\d+\.\d +600 +200 +200 +200$", done.stdout, re.M)
    assert last, done.stdout
    again = run("demo", "--rows", "200", "--into", into, "-q", check=False)
    assert again.returncode != 0 or (tmp_path / "demo-2").exists()


def test_the_demo_of_a_pipeline_without_streams(tmp_path):
    run("init", tmp_path / "mine")
    generator = tmp_path / "mine/generator.yml"
    generator.write_text(re.sub(r"^    stream: .*\n", "", generator.read_text(), flags=re.M))
    done = run("demo", "--rows", "50", "--into", tmp_path / "demo", "-q", "--pipeline",
               tmp_path / "mine")  # fmt: skip
    assert re.search(r"rows in pin +50 ", done.stdout)
    assert "stream_pin" not in done.stdout


def test_a_copied_program_says_where_it_looked(tmp_path):
    """The program beside a copy of DuckDB's library: it starts, but has no pipeline."""
    copy = tmp_path / "bin" / "pinion"
    copy.parent.mkdir()
    shutil.copy2(PINION, copy)
    for library in (ROOT / "third_party/duckdb").glob("libduckdb.so*"):
        shutil.copy2(library, copy.parent)
    env = {name: text for name, text in os.environ.items() if not name.startswith("PINION")}
    done = subprocess.run(
        [copy, "batch", "--data", tmp_path / "d"], capture_output=True, text=True, env=env
    )
    assert done.returncode != 0
    assert f"{tmp_path}/pipelines/" in done.stderr, done.stderr
    assert f"{tmp_path}/share/pinion/pipelines/" in done.stderr
    assert "--pipeline" in done.stderr and "make install" in done.stderr


class Pinion(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"name":"pinion","version":"0"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_new_data_folder_beside_a_server_is_told(tmp_path, host):
    """The server is looked for at the address of the settings in force, not at the default's."""
    other = http.server.HTTPServer(("127.0.0.1", 0), Pinion)
    told = f"The pinion that serves http://127.0.0.1:{other.server_port} uses another folder"
    where = ("--set", f"gateway.listen={host}:{other.server_port}")
    thread = threading.Thread(target=other.serve_forever)
    thread.start()
    try:
        assert told in run("batch", "-q", *where, data=tmp_path / "new").stderr
        assert told not in run("batch", "-q", *where, data=tmp_path / "new").stderr
    finally:
        other.shutdown()
        thread.join()
        other.server_close()
    assert told not in run("batch", "-q", *where, data=tmp_path / "newer").stderr
