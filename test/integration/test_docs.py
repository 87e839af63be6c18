"""What the manuals show is run as it stands there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from pinion import PINION, Server, query, run

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page, kind):
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.S)


def shop(folder):
    """The pipeline of docs/pipeline.md."""
    definition = blocks("pipeline.md", "yaml")[0]
    orders, daily, prelude, spark = blocks("pipeline.md", "sql")[:4]
    (folder / "clean").mkdir(parents=True)
    (folder / "prelude").mkdir()
    (folder / "pipeline.yml").write_text(definition)
    (folder / "clean/orders.sql").write_text(orders)
    (folder / "clean/daily.sql").write_text(daily)
    (folder / "prelude/duckdb.sql").write_text(prelude)
    (folder / "prelude/spark.sql").write_text(spark)
    return folder


def test_the_pipeline_of_the_manual(tmp_path, data):
    folder = shop(tmp_path / "shop")
    assert "tables 4" in run("pipeline", "check", folder).stdout
    page = (DOCS / "pipeline.md").read_text(encoding="utf-8")
    posted = json.loads(re.search(r"shop\.orders \\\n +-d '(.*)'", page)[1])
    with Server(data, "--pipeline", folder) as server:
        server.produce("shop.orders", *[record["value"] for record in posted["records"]])
        run("dag", "trigger", "shop_daily", "--wait", "--pipeline", folder, data=data)
        orders = query("SELECT * FROM orders", data, env={"PINION_PIPELINE": str(folder)})
        daily = query("SELECT * FROM daily", data, env={"PINION_PIPELINE": str(folder)})
    placed = "2026-11-23T10:00:00Z"
    assert orders == [{"id": 1, "placed": placed, "amount": 9.5, "city": None}]
    assert daily == [{"day": "2026-11-23", "amount": 9.5}]


def test_the_generator_of_the_manual(tmp_path):
    (tmp_path / "pipeline.yml").write_text("name: shirts\n")
    (tmp_path / "generator.yml").write_text(blocks("emulate.md", "yaml")[0])
    run("pipeline", "check", tmp_path)
    run("emulate", "--to", "jsonl", tmp_path / "out", "--pipeline", tmp_path)
    shirts = [json.loads(line) for line in (tmp_path / "out/shirts.json").open(encoding="utf-8")]
    assert len(shirts) == 1000 and shirts[0]["id"] == 1


def test_the_consumer_of_the_manual(data):
    """With curl as it is typed."""
    produce, consume = blocks("kafka-rest.md", "sh")
    page = (DOCS / "kafka-rest.md").read_text(encoding="utf-8")
    expected = re.search(r"The third request returns the records, `(.*)`", page)[1]
    with Server(data) as server:

        def typed(script):
            lines = [line for line in script.split("\n") if not line.startswith("{")]
            done = subprocess.run(
                ["sh", "-ec", "\n".join(lines).replace("http://127.0.0.1:8082", server.url)],
                capture_output=True, text=True, timeout=60, check=True,
            )  # fmt: skip
            return done.stdout

        assert typed(produce).strip() == produce.strip().split("\n")[-1]
        told = typed(consume)
        assert f'{{"instance_id":"one","base_uri":"{server.url}/' in told
        records = json.loads(told[told.index("[") :])
        expected = json.loads(expected)
        for record in (*records, *expected):
            assert record.pop("timestamp") > 1_700_000_000_000
        assert records == expected
        assert "error_code" not in told


def test_the_topics_of_the_manual(data, tmp_path):
    """Each command of docs/topics.md, and the copy of a topic."""
    page = (DOCS / "topics.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```\n(pinion topic .*?)```", page, re.S)
    (copy,) = blocks("topics.md", "sh")
    (tmp_path / "orders.jsonl").write_text('{"id":1}\n{"id":2}\n')
    lines = [line.split("#")[0].strip() for line in commands.strip().split("\n")]
    assert len(lines) == 8 and lines[-1] == "pinion topic delete orders"
    with Server(data):
        run("topic", "create", "copy", data=data)
        lines.insert(-1, copy)
        typed = "\n".join(lines).replace("--from oldest\n", "--from oldest --no-follow\n")
        script = typed.replace("delete orders", "delete orders --yes").replace("pinion ", '"$0" ')
        subprocess.run(
            ["sh", "-exc", script, PINION], cwd=tmp_path, timeout=120, check=True,
            env={**os.environ, "PINION_DATA": str(data)},
        )  # fmt: skip
        whole = ("--from", "oldest", "--no-follow", "--format", "jsonl")
        copied = run("topic", "tail", "copy", *whole, data=data).stdout
    found = [json.loads(line) for line in copied.splitlines()]
    values = [(row["key"], row["value"]) for row in found]
    assert values == [("a", '{"id":1}'), ("a", '{"id":2}')]


def test_the_readers_of_the_manual(tmp_path):
    """Each line that reads a query, with the libraries that are installed here; DuckDB's is one."""
    (tmp_path / "pin.json").write_text('{"index":1,"category":"art"}\n{"index":2}\n')
    for table in ("geo", "user"):
        (tmp_path / f"{table}.json").write_text("")
    data = tmp_path / "data"
    run("batch", "--from", tmp_path, data=data)
    page = (DOCS / "queries.md").read_text(encoding="utf-8")
    table = page[page.index("| with | read a query by |") :].split("\n\n")[0]
    lines = re.findall(r"^\| (\w+).*? \| `(.*?)`", table, re.M)
    assert [name for name, _ in lines] == ["pandas", "pandas", "polars", "DuckDB", "Spark"]
    read = set()
    with Server(data) as server:

        def here(text):
            return text.replace("http://127.0.0.1:8082", server.url)

        curl = next(block for block in blocks("queries.md", "sh") if "api/v1/sql" in block)
        done = subprocess.run(["sh", "-c", here(curl)], cwd=tmp_path, capture_output=True,
                              text=True, timeout=60, check=True)  # fmt: skip
        assert sorted(done.stdout.splitlines()) == [
            '{"category":"art","n":1}', '{"category":null,"n":1}']  # fmt: skip
        for name, line in lines:
            code = f"import {name.lower()}, requests\nrows = {here(line)}\nassert len(rows) == 2"
            if name == "Spark":
                continue  # the same file as DuckDB's; starting Spark takes longer than all this
            if subprocess.run([sys.executable, "-c", f"import {name.lower()}"],
                              capture_output=True).returncode == 0:  # fmt: skip
                subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=60, check=True)
                read.add(name)
    assert "DuckDB" in read
