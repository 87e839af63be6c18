"""pinion init: each pipeline that it makes passes the check and works from request to answer."""

import json

from contract import KINDS, delta
from pinion import Server, query, run

OTHER = "0a1b2c3d4e5f"


def test_with_another_id(tmp_path, data):
    folder = tmp_path / "mine"
    run("init", folder, "--id", OTHER)
    assert "all right" in run("pipeline", "check", folder).stdout
    text = (folder / "pipeline.yml").read_text() + (folder / "generator.yml").read_text()
    assert "0e3bbd435bfb" not in text
    shown = json.loads(run("pipeline", "show", folder, "--format", "json").stdout)
    assert [topic["name"] for topic in shown["topics"]] == [f"{OTHER}.{k}" for k in KINDS]
    with Server(data, "--pipeline", folder):
        run("emulate", "batch", "--rows", "20", "--pipeline", folder, data=data)
        run("dag", "trigger", "batch_processing_dag", "--wait", "-q", "--pipeline", folder,
            data=data)  # fmt: skip
    assert len(delta(data, "transformed/geo")) == 20
    assert (data / f"store/topics/{OTHER}.pin").is_dir()


def test_wrong_ids(tmp_path):
    for wrong in ("a.b", "", "x" * 65, "a b"):
        refused = run("init", tmp_path / "no", "--id", wrong, check=False)
        assert refused.returncode != 0 and not (tmp_path / "no").exists()
    refused = run("init", tmp_path / "no", "--minimal", "--id", "abc", check=False)
    assert "has no id" in refused.stderr
    refused = run("init", tmp_path / "no", "--minimal", "--example", "shop", check=False)
    assert refused.returncode == 2


def test_the_smallest(tmp_path, data):
    folder = tmp_path / "small"
    run("init", folder, "--minimal")
    assert "all right" in run("pipeline", "check", folder).stdout
    with Server(data, "--pipeline", folder) as server:
        server.produce("events", {"id": 1, "name": "a", "amount": 2}, {"id": 2, "name": "b"})
        server.produce("events", {"id": 3, "name": "a", "amount": 0.5})
        run("dag", "trigger", "load_events", "--wait", "-q", "--pipeline", folder, data=data)
    answer = query("amount_by_name", data, env={"PINION_PIPELINE": str(folder)})
    assert answer == [{"name": "a", "events": 2, "amount": 2.5}]


def test_the_shop(tmp_path, data):
    folder = tmp_path / "shop"
    run("init", folder, "--example", "shop")
    assert "all right" in run("pipeline", "check", folder).stdout
    shop = {"PINION_PIPELINE": str(folder)}
    with Server(data, env=shop) as server:
        server.produce("shop.orders", {"order_id": 5000, "placed": "2027-01-01 10:00:00",
                                       "article": "samovar", "price": 9.5})  # fmt: skip
        run("emulate", "batch", "--rows", "300", data=data, env=shop)
        run("emulate", "stream", "--rows", "200", data=data, env=shop)
        run("dag", "trigger", "shop_daily", "--wait", "-q", data=data, env=shop)
        live = json.loads(run("stream", "lag", "--format", "json", data=data, env=shop).stdout)
        assert {each["table"] for each in live} == {"live_orders"}
    (samovar,) = [row for row in query("best_articles", data, env=shop)
                  if row["article"] == "samovar"]  # fmt: skip
    assert samovar == {"article": "samovar", "sold": 1, "amount": 9.5}
    assert sum(row["orders"] for row in query("amount_by_city", data, env=shop)) > 280
    days = json.loads(run("query", "SELECT sum(orders) AS n FROM daily", "--format", "json",
                          data=data, env=shop).stdout)  # fmt: skip
    assert days[0]["n"] > 280
    found = json.loads(run("query", "SELECT count(*) AS n FROM live_orders", "--format", "json",
                           data=data, env=shop).stdout)  # fmt: skip
    assert found[0]["n"] > 180
