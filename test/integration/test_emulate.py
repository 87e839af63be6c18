"""`pinion emulate`: the generator and a real MariaDB server, to files and to a real server."""

import base64
import hashlib
import json
import signal
import subprocess
import time

import pytest
from database import KINDS, PASSWORD, Database, database, free_port, lines  # noqa: F401
from pinion import PINION, ROOT, Server, run

TOPICS = {kind: f"0e3bbd435bfb.{kind}" for kind in KINDS}


def summary(done):
    return json.loads(done.stdout)[0]


# --- the generator to files -----------------------------------------------------------------------


def test_same_seed_gives_same_bytes(tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        run("emulate", "--to", "jsonl", tmp_path / name, "--rows", 500, "--seed", seed)
    for kind in KINDS:
        assert lines(tmp_path / "a", kind) == lines(tmp_path / "b", kind)
        assert lines(tmp_path / "a", kind) != lines(tmp_path / "c", kind)
    assert sorted(entry.name for entry in (tmp_path / "a").iterdir()) == [
        "geo.json", "pin.json", "user.json",
    ]  # fmt: skip


def test_default_is_the_original_count_joined_one_to_one(tmp_path):
    done = run("emulate", "batch", "--to", "jsonl", tmp_path, "--format", "json")
    assert summary(done)["written"] == 3 * 11154
    keys = {}
    for kind in KINDS:
        records = [json.loads(line) for line in lines(tmp_path, kind)]
        keys[kind] = [record["index" if kind == "pin" else "ind"] for record in records]
    assert keys["pin"] == keys["geo"] == keys["user"]
    assert len(set(keys["pin"])) == 11154


def test_broken_generator_is_one_line_with_file_line_and_key(tmp_path):
    (tmp_path / "generator.yml").write_text(
        "rows: 10\nkinds:\n  thing:\n    topic: things\n    fields:\n      a: ${nothing}\n"
    )
    done = run("emulate", "--to", "jsonl", tmp_path / "out", "--pipeline", tmp_path, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "generator.yml:6: kinds.thing.fields.a: ${nothing}" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_manual_s_example_works(tmp_path):
    manual = (ROOT / "docs/emulate.md").read_text(encoding="utf-8")
    example = manual.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "generator.yml").write_text(example, encoding="utf-8")
    run("emulate", "--to", "jsonl", tmp_path, "--pipeline", tmp_path)
    shirts = [json.loads(line) for line in (tmp_path / "shirts.json").read_text().splitlines()]
    assert [shirt["id"] for shirt in shirts] == list(range(1, 1001))
    assert {shirt.get("sold", "missing") for shirt in shirts} > {"unknown", None, "missing"}
    assert all("colour" not in shirt for shirt in shirts)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--to", "jsonl"], "needs the folder"),
        (["batch", "somewhere"], "a folder needs --to jsonl"),
        (["batch", "--random"], "--random needs --source"),
        (["--to", "jsonl", "out", "--rate", "5"], "--rate cannot be used with"),
        (["--to", "jsonl", "out", "--acks", "a"], "--acks cannot be used with"),
        (["batch", "--connections", "0"], "connections"),
        (["batch", "--url", "ftp://127.0.0.1"], "is not the URL of a server"),
    ],
)
def test_wrong_use_is_refused(args, message):
    done = run("emulate", *args, check=False)
    assert done.returncode != 0
    assert message in done.stderr


# --- to a real server -----------------------------------------------------------------------------


def acks_of(path):
    """What was acknowledged, for each topic: (offset, sha256) in the order it came."""
    found = {topic: [] for topic in TOPICS.values()}
    for line in path.read_text().splitlines():
        topic, partition, offset, digest = line.split(",")
        assert partition == "0"
        found[topic].append((int(offset), digest))
    return found


def digests(folder, kind):
    return [hashlib.sha256(line.encode()).hexdigest() for line in lines(folder, kind)]


def test_one_connection_keeps_the_order(server, tmp_path):
    run("emulate", "--to", "jsonl", tmp_path / "files", "--rows", 200, "--seed", 3)
    done = run(
        "emulate", "batch", "--rows", 200, "--seed", 3, "--stage", "/test/", "--format", "json",
        "--acks", tmp_path / "acks", data=server.data,
    )  # fmt: skip
    assert summary(done)["acknowledged"] == 600
    acks = acks_of(tmp_path / "acks")
    for kind in KINDS:
        assert acks[TOPICS[kind]] == list(enumerate(digests(tmp_path / "files", kind)))


@pytest.mark.parametrize("more", [["--connections", 16], ["--batch", 7, "--connections", 3]])
def test_many_at_once_are_each_there_once(server, tmp_path, more):
    run("emulate", "--to", "jsonl", tmp_path / "files", "--rows", 500)
    done = run(
        "emulate", "batch", "--rows", 500, "--url", server.url, "--acks", tmp_path / "acks",
        "--format", "json", *more,
    )  # fmt: skip
    assert summary(done) | {"sent": 1500, "acknowledged": 1500, "failed": 0} == summary(done)
    acks = acks_of(tmp_path / "acks")
    for kind in KINDS:
        assert sorted(offset for offset, _ in acks[TOPICS[kind]]) == list(range(500))
        assert sorted(digest for _, digest in acks[TOPICS[kind]]) == sorted(
            digests(tmp_path / "files", kind)
        )


def test_what_is_stored_is_what_was_made(server, tmp_path):
    run("emulate", "--to", "jsonl", tmp_path, "--rows", 50)
    run("emulate", "batch", "--rows", 50, data=server.data)
    json_v2 = {"Accept": "application/vnd.kafka.json.v2+json"}
    group = "/consumers/readers"
    config = {"name": "one", "format": "json", "auto.offset.reset": "earliest"}
    kafka_v2 = {"Content-Type": "application/vnd.kafka.v2+json"}
    assert server.request("POST", group, config, kafka_v2)[0] == 200
    instance = f"{group}/instances/one"
    subscription = {"topics": [TOPICS["pin"]]}
    assert server.request("POST", f"{instance}/subscription", subscription, kafka_v2)[0] == 204
    stored = []
    for _ in range(100):
        stored += json.loads(server.request("GET", f"{instance}/records", None, json_v2)[1])
        if len(stored) >= 50:
            break
    assert [record["value"] for record in stored] == [
        json.loads(line) for line in lines(tmp_path, "pin")
    ]


def test_a_server_that_dies_is_waited_for(data, tmp_path):
    port = free_port()
    args = ["--listen", f"127.0.0.1:{port}"]
    first = Server(data, *args).start()
    command = [
        PINION, "emulate", "batch", "--rows", "2000", "--connections", "8", "--rate", "3000",
        "--url", f"http://127.0.0.1:{port}", "--acks", str(tmp_path / "acks"), "--format", "json",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as producer:
        deadline = time.monotonic() + 60
        while not (tmp_path / "acks").exists() or (tmp_path / "acks").stat().st_size < 50000:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        first.kill()
        second = Server(data, *args).start()
        out, err = producer.communicate(timeout=120)
    assert producer.returncode == 0, err
    result = json.loads(out)[0]
    assert result["acknowledged"] == 6000
    assert result["retried"] > 0
    acks = acks_of(tmp_path / "acks")
    for kind in KINDS:
        offsets = [offset for offset, _ in acks[TOPICS[kind]]]
        assert len(set(offsets)) == len(offsets) == 2000
        # Beyond what was acknowledged only that can be there which was on its way at the crash.
        assert max(offsets) < 2000 + result["maybe_twice"]
    second.stop()


def test_sigint_ends_it_with_the_summary(server):
    command = [
        PINION, "emulate", "batch", "--rows", "100000", "--rate", "500", "--url", server.url,
        "--format", "json",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as producer:
        produced = f"/topics/{TOPICS['pin']}/partitions/0/offsets"
        deadline = time.monotonic() + 60
        while json.loads(server.request("GET", produced)[1])["end_offset"] < 10:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        producer.send_signal(signal.SIGINT)
        out, err = producer.communicate(timeout=60)
    assert producer.returncode == 1
    assert b"stopped by a signal" in err
    result = json.loads(out)[0]
    assert result["sent"] == result["acknowledged"] >= 10


def test_nobody_there_and_not_let_in(data):
    done = run("emulate", "batch", "--url", f"http://127.0.0.1:{free_port()}", check=False)
    assert done.returncode == 1
    assert "doesn't answer" in done.stderr
    key = {"PINION_API_KEY": "k" * 32}
    with Server(data, "--set", "gateway.auth=api-key", env=key) as server:
        done = run("emulate", "batch", "--rows", 5, "--url", server.url, check=False)
        assert done.returncode == 1
        assert "refused with status 40" in done.stderr
        run("emulate", "batch", "--rows", 5, "--url", server.url, env=key)


# --- from a real database -------------------------------------------------------------------------


def emulate(database, *args, env=None, url=None, **more):
    return run(
        "emulate", *args, "--source", url or database.url(),
        env={"PINION_MYSQL_PASSWORD": PASSWORD} if env is None else env, **more,
    )  # fmt: skip


def test_all_rows_in_order(database, tmp_path):
    done = emulate(database, "--to", "jsonl", tmp_path, "--format", "json")
    assert summary(done)["written"] == 900
    for kind in KINDS:
        assert [json.loads(line) for line in lines(tmp_path, kind)] == database.records[kind]


def test_some_rows(database, tmp_path):
    (tmp_path / "password").write_text(PASSWORD + "\n")
    emulate(
        database, "--to", "jsonl", tmp_path, "--count", 20, "--password-file",
        tmp_path / "password", env={},
    )  # fmt: skip
    for kind in KINDS:
        assert [json.loads(line) for line in lines(tmp_path, kind)] == database.records[kind][:20]


def test_random_rows_belong_together(database, tmp_path):
    for name in ("a", "b"):
        emulate(database, "--to", "jsonl", tmp_path / name, "--random", "--count", 40, "--seed", 2)
    picked = {kind: [json.loads(line) for line in lines(tmp_path / "a", kind)] for kind in KINDS}
    keys = [record["index"] for record in picked["pin"]]
    assert keys == [record["ind"] for record in picked["geo"]]
    assert keys == [record["ind"] for record in picked["user"]]
    assert len(keys) == 40 and len(set(keys)) > 10 and keys != sorted(keys)
    assert all(record in database.records["pin"] for record in picked["pin"])
    assert lines(tmp_path / "a", "pin") == lines(tmp_path / "b", "pin")


def test_from_the_database_to_a_server(database, server, tmp_path):
    done = emulate(
        database, "batch", "--url", server.url, "--connections", 4, "--format", "json",
        "--acks", tmp_path / "acks",
    )  # fmt: skip
    assert summary(done)["acknowledged"] == 900
    assert all(len(acks) == 300 for acks in acks_of(tmp_path / "acks").values())


TYPES = [
    # column's type, value as SQL, what it is in JSON
    ("BIGINT UNSIGNED", "18446744073709551615", "18446744073709551615"),
    ("BIGINT", "-9223372036854775808", "-9223372036854775808"),
    ("INT(8) UNSIGNED ZEROFILL", "42", "42"),
    ("TINYINT(1)", "1", "1"),
    ("SMALLINT", "-7", "-7"),
    ("MEDIUMINT", "8388607", "8388607"),
    ("YEAR", "1999", "1999"),
    ("DECIMAL(30,10)", "12345678901234567890.0123456789", "12345678901234567890.0123456789"),
    ("DECIMAL(8,2) ZEROFILL", "3.5", "3.50"),
    ("FLOAT", "16777215", "16777215"),
    ("FLOAT", "0.1", "0.1"),
    ("FLOAT", "-88.8298", "-88.8298"),
    ("DOUBLE", "0.1", "0.1"),
    ("DOUBLE", "1.7976931348623157e308", "1.7976931348623157e308"),
    ("DOUBLE", "123456.78901234567", "123456.78901234567"),
    ("BIT(1)", "b'1'", "1"),
    ("BIT(64)", "18446744073709551615", "18446744073709551615"),
    ("DATETIME", "'2018-09-03 07:12:45'", '"2018-09-03T07:12:45"'),
    ("DATETIME(6)", "'2018-09-03 07:12:45.000123'", '"2018-09-03T07:12:45.000123"'),
    ("TIMESTAMP NULL", "'2020-02-29 23:59:59'", '"2020-02-29T23:59:59"'),
    ("DATE", "'2020-02-29'", '"2020-02-29"'),
    ("TIME", "'-838:59:59'", '"-838:59:59"'),
    ("CHAR(5)", "'ab'", '"ab"'),
    ("VARCHAR(50)", "'ä😀\\n\"\\\\'", '"ä😀\\n\\"\\\\"'),
    ("VARCHAR(9) CHARACTER SET latin1", "'é'", '"é"'),
    ("LONGTEXT", "REPEAT('x', 70000)", '"' + "x" * 70000 + '"'),
    ("BLOB", "x'00ff10'", json.dumps(base64.b64encode(b"\x00\xff\x10").decode())),
    ("VARBINARY(9)", "''", '""'),
    ("ENUM('a','b')", "'b'", '"b"'),
    ("SET('a','b','c')", "'a,c'", '"a,c"'),
    ("JSON", "'{\"a\": [1, 2.50, null]}'", '{"a":[1,2.50,null]}'),
    ("INT", "NULL", "null"),
    ("JSON", "NULL", "null"),
]


def types_pipeline(folder, table="all types"):
    folder.mkdir(exist_ok=True)
    (folder / "generator.yml").write_text(
        f"rows: 1\nkinds:\n  types:\n    topic: types\n    table: {table}\n    fields: {{a: x}}\n"
    )
    return folder


def test_every_type_without_loss(database, tmp_path):
    columns = ", ".join(f"`c{i}` {kind}" for i, (kind, _, _) in enumerate(TYPES))
    values = ", ".join(value for _, value, _ in TYPES)
    database.sql(
        "USE pinterest_data; SET time_zone = '+00:00'; DROP TABLE IF EXISTS `all types`;"
        f"CREATE TABLE `all types` ({columns}); INSERT INTO `all types` VALUES ({values})"
    )
    folder = types_pipeline(tmp_path / "pipeline")
    emulate(database, "--to", "jsonl", tmp_path, "--pipeline", folder)
    wanted = "{" + ",".join(f'"c{i}":{text}' for i, (_, _, text) in enumerate(TYPES)) + "}"
    assert lines(tmp_path, "types") == [wanted]


def test_a_password_file_of_windows(database, tmp_path):
    (tmp_path / "password").write_bytes(b"\xef\xbb\xbf" + PASSWORD.encode() + b"\r\n")
    words = ("--to", "jsonl", tmp_path, "--count", 2, "--password-file", tmp_path / "password")
    emulate(database, *words, env={})
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-16")
    done = emulate(database, *words, env={}, check=False)
    assert done.returncode == 1 and "looks like UTF-16" in done.stderr


def test_odd_rows_end_nothing_and_are_named(database, tmp_path):
    database.sql(
        "USE pinterest_data; DROP TABLE IF EXISTS odd;"
        "CREATE TABLE odd (a INT, b VARCHAR(9), j LONGTEXT, PRIMARY KEY (a, b));"
        "SET check_constraint_checks = 0;"
        "ALTER TABLE odd MODIFY j JSON;"
        "INSERT INTO odd VALUES (1, 'x', '{\"n\":1e400}'), (2, 'y', '{bad'), (3, 'z', '{}'),"
        "(4, 'w', '[')"
    )
    folder = types_pipeline(tmp_path / "pipeline", "odd")
    done = emulate(database, "--to", "jsonl", tmp_path, "--pipeline", folder)
    assert lines(tmp_path, "types") == [
        '{"a":1,"b":"x","j":{"n":1e400}}', '{"a":2,"b":"y","j":"{bad"}', '{"a":3,"b":"z","j":{}}',
        '{"a":4,"b":"w","j":"["}',
    ]  # fmt: skip
    assert "2 values do not match the type of the column" in done.stderr
    assert "odd.j (a = 2, b = y): a value that is not JSON is sent as a string" in done.stderr


def test_a_row_that_is_too_large_is_left_out(database, tmp_path):
    database.sql(
        "USE pinterest_data; DROP TABLE IF EXISTS large; CREATE TABLE large (id INT, t LONGTEXT);"
        "INSERT INTO large VALUES (1, 'a'), (2, REPEAT('x', 17000000)), (3, 'b')"
    )
    folder = types_pipeline(tmp_path / "pipeline", "large")
    done = emulate(database, "--to", "jsonl", tmp_path, "--pipeline", folder, check=False)
    assert done.returncode == 1
    assert lines(tmp_path, "types") == ['{"id":1,"t":"a"}', '{"id":3,"t":"b"}']
    message = done.stderr.splitlines()[-1]
    assert "1 row was skipped; the first: " in message
    assert "large (row 2): the row is larger than the limit of 16777216 bytes" in message
    assert "log.record_bytes_max" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"env": {"PINION_MYSQL_PASSWORD": "wrong"}}, "Access denied"),
        ({"database": "nothing_there"}, "nothing_there"),
        ({"url": "mysql://me:secret@127.0.0.1:3306/x"}, "must not contain the password"),
        ({"url": "postgres://me@127.0.0.1/x"}, "is not the URL of a database"),
        ({"url": "mysql://me@127.0.0.1:3306/x?speed=9"}, "unknown option"),
        ({"url": "mysql://me@127.0.0.1:1/x"}, "is the database's server running"),
        ({"table": "not_there"}, "not_there"),
    ],
)
def test_what_goes_wrong_is_said(database, tmp_path, change, message):
    folder = types_pipeline(tmp_path / "pipeline", change.get("table", "user_data"))
    url = change.get("url", database.url(change.get("database", "pinterest_data")))
    done = emulate(
        database, "--to", "jsonl", tmp_path / "out", "--pipeline", folder, url=url,
        env=change.get("env"), check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert PASSWORD not in done.stderr and "secret" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_tls(database, tmp_path):
    folder = types_pipeline(tmp_path / "pipeline", "user_data")
    database.sql(
        f"CREATE OR REPLACE USER 'careful'@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL;"
        "GRANT ALL ON pinterest_data.* TO 'careful'@'%'"
    )
    url = database.url(user="careful")
    verify = f"?tls=verify&ca={database.certificate}"
    for options, status in (("", 1), ("?tls=1", 0), ("?tls=verify", 1), (verify, 0)):
        done = emulate(
            database, "--to", "jsonl", tmp_path / "out", "--pipeline", folder, check=False,
            url=url + options,
        )  # fmt: skip
        assert done.returncode == status, (options, done.stderr)


def test_tls_is_insisted_on(tmp_path):
    plain = Database(tmp_path / "db")
    plain.folder.mkdir()
    plain.start(tls=False)
    folder = types_pipeline(tmp_path / "pipeline", "user_data")
    done = emulate(
        plain, "--to", "jsonl", tmp_path / "out", "--pipeline", folder, check=False,
        url=plain.url() + "?tls=1",
    )  # fmt: skip
    plain.stop()
    assert done.returncode == 1
    assert "TLS" in done.stderr
