"""Logs past dag.logs_keep_ms go, and their runs stay."""

from pinion import Server
from test_dag_api import Api, definition

DAGS = {"x": {"tasks": {"a": {"command": "echo here"}}}}


def test_old_logs_are_removed_and_said_to_be(tmp_path):
    own, data = tmp_path / "own", tmp_path / "data"
    own.mkdir()
    (own / "pipeline.yml").write_text(definition(DAGS))
    with Server(data, "--pipeline", own, "--set", "dag.logs_keep_ms=1h") as server:
        api = Api(server)
        run_id = api.trigger("x")
        assert api.ended("x", run_id)["tasks"][0]["attempts"][0]["has_log"]
    with Server(data, "--pipeline", own, "--set", "dag.logs_keep_ms=1h") as server:
        api = Api(server)
        assert api.get(f"runs/x/{run_id}")["tasks"][0]["attempts"][0]["has_log"], "not that old"
    assert (data / "dag/x" / run_id / "a.1.log").read_text() == "here\n"
    with Server(data, "--pipeline", own, "--set", "dag.logs_keep_ms=1ms") as server:
        api = Api(server)
        found = api.until(
            "x", run_id, lambda run: not run["tasks"][0]["attempts"][0]["has_log"]
        )
        assert found["state"] == "success" and found["tasks"][0]["tries"] == 1
        assert not (data / "dag/x" / run_id).exists()
        for path in ("log", "log?find=here", "log/download"):
            assert "dag.logs_keep_ms" in api.error("GET", f"runs/x/{run_id}/a/1/{path}", 404)
