"""Objects of a bucket as the source of a raw table."""

import gzip
import json

import pytest

from pinion import run
from s3 import KEYS, s3, settings  # noqa: F401
from test_from_files import DEFINITION


@pytest.fixture
def call(s3, data, tmp_path):  # noqa: F811
    folder = tmp_path / "pipeline"
    folder.mkdir()
    (folder / "paid.sql").write_text("SELECT id FROM orders")
    text = DEFINITION.format(files="incoming/**/*", more="mode: append", paid="mode: append")
    (folder / "pipeline.yml").write_text(text)

    def command(*args, check=True):
        options = settings(s3.url, tmp_path.name)
        more = ["--pipeline", folder] if args[0] != "store" else []
        return run(*args, *more, *options, data=data, env=KEYS, check=check)

    return command


def test_objects_of_a_bucket(call, tmp_path):
    def put(key, content):
        file = tmp_path / "file"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        call("store", "put", file, f"incoming/{key}", "--yes")

    def ids():
        found = call("query", "SELECT id FROM orders ORDER BY id", "--format", "json").stdout
        return [row["id"] for row in json.loads(found)]

    put("a.csv", "id,name\n1,a\nbad,b\n")
    put("sub/b.csv.gz", gzip.compress(b"id\n2\n"))
    put("c.jsonl", '{"id": 3}\n{"id": "x"}\n')
    put("d.json", '[{"id": 4},{"id": 5}]')
    call("task", "nightly", "load")
    assert ids() == [1, 2, 3, 4, 5]
    sql = "SELECT object, line FROM dead_letters ORDER BY object"
    assert json.loads(call("query", sql, "--format", "json").stdout) == [
        {"object": "incoming/a.csv", "line": 3}, {"object": "incoming/c.jsonl", "line": 2}
    ]  # fmt: skip
    assert "nothing new" in call("task", "nightly", "load").stdout
    put("e.csv", "id\n6\n")
    call("task", "nightly", "load")
    assert ids() == [1, 2, 3, 4, 5, 6]
    put("e.csv", "id\n7\n")
    done = call("task", "nightly", "load", check=False)
    assert done.returncode == 1 and "incoming/e.csv" in done.stderr and "changed" in done.stderr
