"""Objects of a bucket as the source of a raw table."""

import gzip
import json

import pytest

from pinion import run
from s3 import BUCKET, KEYS, Gate, s3, settings  # noqa: F401
from test_from_files import DEFINITION, zstd


@pytest.fixture
def call(s3, data, tmp_path):  # noqa: F811
    folder = tmp_path / "pipeline"
    folder.mkdir()
    (folder / "paid.sql").write_text("SELECT id FROM orders")
    text = DEFINITION.format(files="incoming/**/*", more="mode: append", paid="mode: append")
    (folder / "pipeline.yml").write_text(text)

    def command(*args, check=True, url=s3.url):
        options = settings(url, tmp_path.name)
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
    assert done.returncode == 1 and "incoming/e.csv (1 object in all) was written" in done.stderr


@pytest.mark.parametrize("end, row", [(".csv", "id\n{}\n"), (".jsonl", '{{"id": {}}}\n')])
def test_many_objects_are_read_at_once(call, s3, tmp_path, end, row):  # noqa: F811
    client = s3.client()
    for number in range(40):
        key = f"{tmp_path.name}/incoming/{number}{end}"
        client.put_object(Bucket=BUCKET, Key=key, Body=row.format(number).encode())
    with Gate(s3, end) as gate:
        call("task", "nightly", "load", url=gate.url)
        assert len(gate.asked) == 40 and not gate.was_alone
    found = call("query", "SELECT count(*) AS n, sum(id) AS ids FROM orders", "--format", "json")
    assert json.loads(found.stdout) == [{"n": 40, "ids": 780}]


def test_of_objects_that_are_damaged_the_first_is_named(call, tmp_path):
    for number in range(30):
        file = tmp_path / "file"
        file.write_bytes(b"no gzip" if number > 7 else gzip.compress(b'{"id": 1}\n'))
        call("store", "put", file, f"incoming/{number:02}.jsonl.gz")
    done = call("task", "nightly", "load", check=False)
    assert done.returncode == 1 and "incoming/08.jsonl.gz" in done.stderr, done


ROWS = b"id,name\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(20000))
LINES = b"".join(b'{"id": %d, "name": "%d"}\n' % (n, n * n) for n in range(20000))


@pytest.mark.parametrize("alone", (True, False))
def test_a_damaged_object_is_named_by_its_key(call, s3, tmp_path, alone):  # noqa: F811
    """Not by the file on this machine that has its bytes, which a user cannot know."""
    client = s3.client()

    def put(name, content):
        client.put_object(Bucket=BUCKET, Key=f"{tmp_path.name}/incoming/{name}", Body=content)

    if not alone:
        put("a.csv", "id\n1\n")
        put("b.csv.gz", gzip.compress(b"id\n1\n"))
        put("z.csv", "id\n1\n")
    array = b"[" + LINES.strip().replace(b"\n", b",") + b"]"
    packed = {
        "m.csv.gz": gzip.compress(ROWS), "m.csv.zst": zstd(ROWS),
        "m.jsonl.gz": gzip.compress(LINES), "m.jsonl.zst": zstd(LINES),
        "m.json.gz": gzip.compress(array), "m.json.zst": zstd(array),
        "m.parquet": b"PAR1" + ROWS + b"PAR1",
    }  # fmt: skip
    for name, whole in packed.items():
        middle = len(whole) // 2
        damaged = whole[:middle] + bytes(64) + whole[middle + 64 :]
        for content in (b"no such bytes", whole[:middle], damaged):
            if content == damaged and name.endswith(".zst"):
                continue  # zstd of this writer has no checksum: any bytes may be data
            put(name, content)
            done = call("task", "nightly", "load", check=False)
            assert done.returncode == 1 and done.stderr.count("\n") == 1, (name, done)
            assert f"incoming/{name}: " in done.stderr and str(tmp_path) not in done.stderr, done
        client.delete_object(Bucket=BUCKET, Key=f"{tmp_path.name}/incoming/{name}")
